"""Registry mirrors that are dead, hang, refuse, are misspelt, or wait to stop the Engine's next start.

What it does
    Compares the mirrors the Engine uses with those of its daemon.json and of its flags, and looks at what each mirror
    said when it was asked as the Engine asks: ``/v2/``, a token, the manifests of the stack's own images. Judges the
    key of the file as the next start of the Engine would: a list, addresses it takes.
    Where a pull has failed in the last half hour (dockerd's log), or a stack is to be started whose images are missing,
    asks whether the registry can be reached. No mirrors, and nothing that fails for want of one, is in order.

Why it matters
    A failing mirror never shows in the error of a pull, which always names registry-1.docker.io. One that accepts and
    hangs costs 15 seconds at every pull. ``registry-mirror`` in place of ``registry-mirrors`` is taken without a word
    and does nothing. A daemon.json that is not valid changes nothing until the next start: then Docker does not come
    up, and systemd gives up after three attempts. Mirrors carry Docker Hub alone and do nothing for ghcr.io.

Fix
    Writes the one key, every other byte of the file stays, and lets the Engine read it again (SIGHUP, or systemctl
    reload): nothing restarts. It counts as done when /info has the new list and the mirrors answer; otherwise the file
    and the Engine's list are put back. The default is what works of the present list, else the quickest mirror of a
    dated list that has the stack's images; it is shown and can be chosen otherwise. What is not valid JSON, and what is
    set as a flag, is for the operator.

Sources
    moby daemon/config, daemon/reload.go, registry/config.go, distribution/pull_v2.go; observed with Engine 20.10:
    which reloads keep the old list, 15 s for a mirror that hangs, what a next start says; DaoCloud public-image-mirror
    issues 6196 and 22718; github.com/dongyubin/DockerHub.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

from ...console.fix.steps import AnyStep, EditFile, EditJson, EngineReload
from ...console.model import DaemonConfig, MirrorProbe, Snapshot
from ...console.products.dockerd import MIRRORS, address_of, refusal, shown
from ...console.text import N_, _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Question, Settings, Unknown, manual, repair
from .daemon_json import FAULTS, NEXT_START, MirrorCase, case_of

_FALLS_THROUGH = "The Engine asks it first at every pull, then goes on; the error of a failing pull never names it"
_ANSWERING = "set mirrors that answer; nothing restarts"
_NAMED = "give the key its name and reload the Engine; nothing restarts"

FORMS = (
    Form("wrong-type", "registry-mirrors in {subject} is no list, and Docker will not start with it", NEXT_START,
         "make it a list and reload the Engine; nothing restarts"),
    Form("misspelt", "{subject} has a key that Docker does not know, and it will not start with it", NEXT_START,
         _NAMED),
    Form("bad-address", "{subject} has a mirror whose address Docker refuses", NEXT_START,
         "put the address right and reload the Engine; nothing restarts"),
    Form("hub-unreachable", "Images cannot be pulled: Docker Hub is out of reach, and no mirror helps",
         "Images are wanted that are not here, and neither Docker Hub nor a mirror gives them",
         "set a mirror that has the stack's images; nothing restarts"),
    Form("typo", "{subject} says registry-mirror, which does nothing; the key is registry-mirrors",
         "It is the name of the flag, so that the Engine lets it pass without a word", _NAMED, "warning"),
    Form("not-effective", "The mirrors in {subject} are not those the Engine uses",
         "The file was changed and the Engine has not read it since",
         "let the Engine read its file again; nothing restarts", "warning"),
    Form("hangs", "The mirror {mirrors} accepts connections and does not answer",
         "Every pull waits 15 s for it before the Engine goes on", _ANSWERING, "warning"),
    Form("dead", "The mirror {mirrors} is dead", _FALLS_THROUGH, _ANSWERING, "warning"),
    Form("tls", "The mirror {mirrors} has a certificate that is not accepted", _FALLS_THROUGH, _ANSWERING, "warning"),
    Form("not-a-registry", "What answers at {mirrors} is no registry", _FALLS_THROUGH,
         "set mirrors that are registries; nothing restarts", "warning"),
    Form("needs-login", "The mirror {mirrors} wants a login, which the Engine does not send to mirrors",
         _FALLS_THROUGH, "set mirrors without a login; nothing restarts", "warning"),
    Form("not-allowed", "The mirror {mirrors} refuses images of this stack",
         "Many mirrors carry a list of images only: hello-world passes, what the stack needs does not",
         "set mirrors that have the stack's images; nothing restarts", "warning"),
    Form("other-registry", "Images cannot be pulled: {registries} is out of reach, and mirrors do nothing for it",
         "registry-mirrors are for Docker Hub alone", "name the images by another host in the override, by hand",
         advice="Mirrors carry Docker Hub alone and do nothing for these images."),
)  # fmt: skip
"""Worst first."""
UNSETTLED = {"rate-limited", "unknown"}
STATES = {
    "ok": N_("answers"), "needs-login": N_("wants a login"), "not-allowed": N_("refuses"),
    "rate-limited": N_("asks for patience"), "missing": N_("does not have the image"),
    "not-a-registry": N_("is no registry"), "tls": N_("certificate not accepted"), "dns": N_("name unknown"),
    "refused": N_("nobody listens"), "hangs": N_("does not answer"), "broken": N_("answers with an error"),
    "unreachable": N_("cannot be reached"), "unknown": N_("cannot be told"),
}  # fmt: skip


NONE = "none"
SHOWN = 4


def find(snapshot: Snapshot, settings: Settings) -> Iterator[Found]:
    """One answer for the Engine."""
    facts = case_of(snapshot)
    if facts is None:
        return
    rows, ids = tuple(_evidence(facts)), set(_forms(facts))
    form = next((each for each in FORMS if each.id in ids), None)
    if form is not None:
        yield Case(facts.subject, form, facts, rows, _words(facts, form.id))
    elif why := _untold(facts, settings):
        yield Unknown(facts.subject, _("Whether the registry mirrors are in order cannot be told"), why, rows)
    else:
        yield Fine(facts.subject, _good(facts), rows)


def _words(case: MirrorCase, form: str) -> dict[str, str]:
    return {"mirrors": ", ".join(case.trouble.get(form, ())), "registries": ", ".join(case.cut_off)}


def _forms(case: MirrorCase) -> Iterator[str]:
    """Everything that is wrong."""
    yield from (objection.form for objection in case.objections)
    yield from case.trouble
    if case.pulls_fail:
        yield "hub-unreachable"
    if case.config and case.config.typo == "registry-mirror":
        yield "typo"
    if case.not_effective and not case.objections:
        yield "not-effective"
    if case.cut_off:
        yield "other-registry"


def _untold(case: MirrorCase, settings: Settings) -> str | None:
    config = case.config
    if config is None:
        if case.engine.local:
            return _("the Engine's configuration has not been read yet")
        return _("mirrors are judged from the Engine's own machine only") if case.effective else None
    if config.kind == "unreadable" and not case.desktop:
        return config.error or _("{path} cannot be read by this user", path=config.path)
    if case.spoilt or config.kind not in ("file", "missing", "unreadable"):
        refuses = _("the Engine would refuse {path}, which docker.daemon-json explains", path=config.path)
        return refuses if case.spoilt else _("{path} is no regular file", path=config.path)
    states = [case.state(one) for one in case.named]
    if "ok" in states or not states:
        return None
    if None in states:
        return _("the mirrors have not been asked yet") if settings.mirrors.probe else None
    if set(states) <= UNSETTLED:
        return "; ".join(f"{one.address}: {one.says or _(STATES[one.state])}" for one in case.asked)
    return None


def _good(case: MirrorCase) -> str:
    used = case.effective
    if not used:
        return _("No registry mirrors are set, and nothing fails for want of one")
    which = (
        _("registry mirror {used} is", used=used[0])
        if len(used) == 1
        else _("{count} registry mirrors are", count=len(used))
    )
    return _("The {which} in order", which=which)


def _evidence(case: MirrorCase) -> Iterator[Evidence]:
    yield Evidence(_("in effect"), ", ".join(case.effective) or "none", "docker info")
    if case.config is not None:
        yield from _of_file(case.config, case)
    for probe in case.asked:
        yield from _of_probe(probe)
    for probe in case.probes:
        if probe.what == "registry" and (probe.state in FAULTS or probe.state == "rate-limited"):
            yield from _of_probe(probe)
    if case.absent:
        yield Evidence(_("not on this machine"), ", ".join(case.absent), "docker image inspect")
    for failure in case.failed.values():
        yield Evidence(_("a pull failed"), failure.reason, _("log of dockerd, last half hour"))


def _of_file(config: DaemonConfig, case: MirrorCase) -> Iterator[Evidence]:
    if config.kind == "missing":
        yield Evidence(_("in the file"), _("there is no such file"), config.path)
    elif config.kind == "file" and not config.error:
        key = f"{config.typo}: " if config.typo else ""
        listed = config.mirrors if config.mirrors is not None and not config.typo else config.typo_mirrors
        said = ", ".join(map(shown, listed)) or (_("an empty list") if config.mirrors is not None else _("no mirrors"))
        yield Evidence(_("in the file"), f"{key}{said}", config.path)
    for objection in case.objections:
        yield Evidence(_("at the next start"), objection.says, config.path)
    if case.by_flag:
        yield Evidence(
            _("as a flag"), ", ".join(map(shown, case.by_flag)), _("command line of dockerd ({pid})", pid=config.pid)
        )


def _of_probe(probe: MirrorProbe) -> Iterator[Evidence]:
    took = f" in {probe.seconds:.1f} s" if probe.seconds and probe.state == "ok" else ""
    words = probe.says if probe.says and probe.state != "ok" else f"{_(STATES[probe.state])}{took}"
    yield Evidence(probe.address, words, _("asked as the Engine asks, from this machine"))
    for image in probe.images:
        if image.state != "ok":
            code = f" ({image.status})" if image.status else ""
            yield Evidence(image.image, f"{_(STATES[image.state])}{code}", f"HEAD of its manifest at {probe.address}")


def plan(case: Case[MirrorCase], answers: Answers) -> Plan:
    """The repair of the worst form, which takes care of the lesser ones too."""
    facts, default, offered = case.facts, _default(case.facts, case.form.id), ", ".join(_ranked(case.facts))
    refused = _by_hand(case, _chosen(default or NONE))
    if refused:
        return manual(*refused, *_other_registries(facts))
    prompt = _("Mirrors in their order, separated by spaces, or {none}", none=NONE)
    question = Question(
        "mirror",
        _("{prompt} (asked: {offered})", prompt=prompt, offered=offered) if offered else prompt,
        default=default,
    )
    answer = answers.get("mirror", default)
    if answer is not None and not answer.strip():
        answer = default
        if answer is None:
            return manual(*_no_choice(facts))
    chosen = _chosen(answer or NONE)  # without an answer the plan is shown and never run: the question has no default
    wrong = next((f"{shown(one)}: {why}" for one in chosen if (why := refusal(one, facts.engine.version))), None)
    if wrong:
        return manual(_("The Engine does not take this as a mirror: {wrong}.", wrong=wrong))
    return repair(
        *_steps(facts, chosen), says=_says(facts, chosen) if answer is not None else _no_choice(facts),
        questions=(question,), lock=posixpath.dirname(facts.subject), settle=3.0, deadline=12.0,
    )  # fmt: skip


def _steps(case: MirrorCase, chosen: tuple[str, ...]) -> Iterator[AnyStep]:
    config = case.config
    if config is None:
        return
    if case.declared != chosen or config.typo:
        edit = EditJson(MIRRORS, json.dumps(chosen, ensure_ascii=False), instead_of=config.typo)
        yield EditFile(path=config.path, edits=(edit,), create=config.kind == "missing")
    yield EngineReload(path=config.path, mirrors=chosen, unit=config.unit)


def _default(case: MirrorCase, form: str) -> str | None:
    """What works of what the operator wants; else the quickest that works; else none, where it is not needed."""
    kept = [one for one in case.meant if case.state(one) not in FAULTS]
    if kept and form != "hub-unreachable":
        return " ".join(kept)
    if case.candidates:
        return case.candidates[0].address
    return None if case.pulls_fail else NONE


def _chosen(answer: str) -> tuple[str, ...]:
    words = [word for word in re.split(r"[\s,;]+", answer) if word]
    if [word.lower() for word in words] in ([], [NONE]):
        return ()
    return tuple(dict.fromkeys(address_of(word) for word in words))


def _by_hand(case: Case[MirrorCase], mirrors: tuple[str, ...]) -> tuple[str, ...]:
    """Why this is left to the operator, and what he has to do; empty when it is not."""
    facts, config, pair = case.facts, case.facts.config, f'"{MIRRORS}": {json.dumps(mirrors, ensure_ascii=False)}'
    if config is None:
        return (_("The Engine is on another machine: start stackops there."),)
    if case.form.id == "other-registry":
        return case.advice
    if facts.desktop:
        return (
            _("Docker Desktop has settings of its own: under Docker Engine, put {pair} there.", pair=pair),
            _("Apply & restart then restarts the Engine and every container."),
        )
    if facts.spoilt:
        return (
            _("Repair {path} first, as the Engine would refuse it: stackops check docker.daemon-json",
              path=config.path),
        )  # fmt: skip
    if facts.by_flag:
        return (
            _("These mirrors are flags of dockerd, in its unit or its start script: change --registry-mirror there."),
            _("That needs a restart of Docker, which stops every container unless live-restore is on."),
        )  # fmt: skip
    if config.apart is not None:
        return (
            _("This Engine's dockerd ({apart}) has files of its own, in a container or a mount namespace.",
              apart=config.apart),
            _("Put {pair} into its {path}: sudo nsenter --target {apart} --mount", pair=pair, path=config.path,
              apart=config.apart),
            _("Then: sudo kill -HUP {apart} (a reload stops no container).", apart=config.apart),
        )  # fmt: skip
    if config.pid is None:
        return (
            _("No dockerd is seen from here. On the Engine's own machine put {pair} into {path}.", pair=pair,
              path=config.path),
            _("Then there: sudo systemctl reload docker (a reload stops no container)."),
        )  # fmt: skip
    return ()


def _no_choice(case: MirrorCase) -> tuple[str, ...]:
    if not any(one.what == "candidate" for one in case.probes):
        return (_("Choose a mirror: --set mirror=https://… (several are separated by spaces)."),)
    dated = _(" of {dated}", dated=case.seed.dated) if case.seed else ""
    return (
        _("None of the mirrors of the list{dated} gives the stack's images from here now: {ranked}.", dated=dated,
          ranked=", ".join(_ranked(case))),
        _("Name one that you know: --set mirror=https://…, or edit [mirrors] seed in stackops.toml."),
    )  # fmt: skip


def _ranked(case: MirrorCase) -> list[str]:
    """What the best of those that were asked said, for people."""
    good = [f"{one.address} {one.seconds or 0.0:.1f} s" for one in case.candidates]
    bad = [f"{one.address} {one.state}" for one in case.probes if one.what == "candidate" and one.state != "ok"]
    return [one.removeprefix("https://").removeprefix("http://") for one in ([*good, *bad][:SHOWN] if good else bad)]


def _says(case: MirrorCase, chosen: tuple[str, ...]) -> Iterator[str]:
    yield _("Nothing restarts: the Engine reads its file again, and every container keeps running.")
    dropped = [one for one in case.named if one not in chosen]
    if dropped:
        yield _("No longer used: {dropped}.", dropped=", ".join(dropped))
    if not chosen:
        yield _("Without mirrors the Engine goes to Docker Hub itself; the empty list has to stand in the file.")
    added = [one for one in chosen if one not in case.named]
    if added:
        yield _("{added} is run by others and could serve anything: name images by digest where it matters.",
                added=", ".join(added))  # fmt: skip
    unasked = [one for one in chosen if case.state(one) is None]
    if unasked:
        yield _("{unasked} was not asked yet; what it answers decides whether this is taken back.",
                unasked=", ".join(unasked))  # fmt: skip
    if case.seed and added and case.candidates:
        yield _("The list of mirrors to choose from is of {dated}; they come and go within months.",
                dated=case.seed.dated)  # fmt: skip
    yield from _other_registries(case)


def _other_registries(case: MirrorCase) -> Iterator[str]:
    """What mirrors do nothing for: ``registry-mirrors`` are for docker.io alone (moby hosts.go)."""
    for registry, place in case.foreign.items():
        hosts = case.seed.overrides.get(registry, ()) if case.seed else ()
        if hosts:
            yield (
                _("Mirrors do nothing for {registry}. Where it is out of reach, name its images anew in the "
                  "override: image: {hosts}/{repository}{how}{reference}", registry=registry, hosts=hosts[0],
                  repository=place.repository, how="@" if ":" in place.reference else ":", reference=place.reference)
            )  # fmt: skip
        elif registry.endswith(".aliyuncs.com"):
            yield _("Mirrors do nothing for {registry}, which is a registry of its own, in China.", registry=registry)


CHECK = Check(
    "docker.registry-mirrors", "Registry mirrors answer, and the Engine's configuration is good for its next start",
    __doc__ or "", FORMS, find, plan,
    reads=("engine", "containers", "projects", "daemon", "mirror_probes", "mirror_seed", "absent_images"),
    needs=("mirror-candidates",),
)  # fmt: skip
