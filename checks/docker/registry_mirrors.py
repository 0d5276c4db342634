"""Registry mirrors that are dead, hang, refuse, are misspelt, or wait to stop the Engine's next start.

What it does
    Compares the mirrors the Engine uses with those of its daemon.json and of its flags, and looks at what each mirror
    said when it was asked as the Engine asks: ``/v2/``, a token, the manifests of the stack's own images. Judges the
    file as the next start of the Engine would: valid JSON, a list, addresses it takes, no key that is a flag as well.
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

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result, Severity
from ...console.model import MirrorProbe, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.stacks.daemon_rules import shown
from .. import Check, compose
from .mirror_case import FORMS, UNSETTLED, Case, case_of
from .mirror_plan import plan_for
from .registry_mirrors_examples import EXAMPLES

ID = "docker.registry-mirrors"
NEEDS = ("mirror-candidates",)
NEXT_START = "The Engine still runs on what it read before. Its next start, after an update or a reboot, fails"
FALLS_THROUGH = "The Engine asks it first at every pull, then goes on; the error of a failing pull never names it"

WORDS: dict[str, tuple[str, str, str]] = {
    "invalid-json": ("{path} is not valid, and Docker will not start with it", NEXT_START, "repair the file by hand"),
    "wrong-type": ("registry-mirrors in {path} is no list, and Docker will not start with it", NEXT_START,
                   "make it a list and reload the Engine; nothing restarts"),
    "flag-conflict": ("{path} sets what is a flag of dockerd too, and Docker will not start with both", NEXT_START,
                      "keep it in one place, by hand"),
    "misspelt": ("{path} has a key that Docker does not know, and it will not start with it", NEXT_START,
                 "give the key its name and reload the Engine; nothing restarts"),
    "bad-address": ("{path} has a mirror whose address Docker refuses", NEXT_START,
                    "put the address right and reload the Engine; nothing restarts"),
    "typo": ("{path} says registry-mirror, which does nothing; the key is registry-mirrors",
             "It is the name of the flag, so that the Engine lets it pass without a word",
             "give the key its name and reload the Engine; nothing restarts"),
    "not-effective": ("The mirrors in {path} are not those the Engine uses",
                      "The file was changed and the Engine has not read it since",
                      "let the Engine read its file again; nothing restarts"),
    "hub-unreachable": ("Images cannot be pulled: Docker Hub is out of reach, and no mirror helps",
                        "Images are wanted that are not here, and neither Docker Hub nor a mirror gives them",
                        "set a mirror that has the stack's images; nothing restarts"),
    "hangs": ("The mirror {mirrors} accepts connections and does not answer",
              "Every pull waits 15 s for it before the Engine goes on", "set mirrors that answer; nothing restarts"),
    "dead": ("The mirror {mirrors} is dead", FALLS_THROUGH, "set mirrors that answer; nothing restarts"),
    "tls": ("The mirror {mirrors} has a certificate that is not accepted", FALLS_THROUGH,
            "set mirrors that answer; nothing restarts"),
    "not-a-registry": ("What answers at {mirrors} is no registry", FALLS_THROUGH,
                       "set mirrors that are registries; nothing restarts"),
    "needs-login": ("The mirror {mirrors} wants a login, which the Engine does not send to mirrors", FALLS_THROUGH,
                    "set mirrors without a login; nothing restarts"),
    "not-allowed": ("The mirror {mirrors} refuses images of this stack",
                    "Many mirrors carry a list of images only: hello-world passes, what the stack needs does not",
                    "set mirrors that have the stack's images; nothing restarts"),
    "other-registry": ("Images cannot be pulled: {registries} is out of reach, and mirrors do nothing for it",
                       "registry-mirrors are for Docker Hub alone",
                       "name the images by another host in the override, by hand"),
}  # fmt: skip
"""By form: title, cause, fix in one line."""
SERIOUS = (
    "invalid-json", "wrong-type", "flag-conflict", "misspelt", "bad-address", "hub-unreachable", "other-registry",
)  # fmt: skip
STATES = {
    "ok": "answers", "needs-login": "wants a login", "not-allowed": "refuses", "rate-limited": "asks for patience",
    "missing": "does not have the image", "not-a-registry": "is no registry", "tls": "certificate not accepted",
    "dns": "name unknown", "refused": "nobody listens", "hangs": "does not answer", "broken": "answers with an error",
    "unreachable": "cannot be reached", "unknown": "cannot be told",
}  # fmt: skip


def examine(snapshot: Snapshot, settings: Settings) -> Iterator[Result]:
    """One result for the Engine."""
    case = case_of(snapshot)
    if case is not None:
        yield _judge(case, settings)


def _forms(case: Case) -> Iterator[str]:
    """Everything that is wrong, worst first."""
    yield from dict.fromkeys(objection.form for objection in case.objections)
    if case.pulls_fail:
        yield "hub-unreachable"
    if case.config and case.config.typo == "registry-mirror":
        yield "typo"
    if case.not_effective and not case.objections:
        yield "not-effective"
    yield from case.trouble
    if case.cut_off:
        yield "other-registry"


def _judge(case: Case, settings: Settings) -> Result:
    evidence = tuple(_evidence(case))
    form = next(_forms(case), None)
    if form is not None:
        return _finding(case, form, evidence)
    why = _untold(case, settings)
    if why is not None:
        return Result(
            ID, case.subject, "unknown", "Whether the registry mirrors are in order cannot be told", None, evidence, why
        )
    return Result(ID, case.subject, "ok", _good(case), evidence=evidence)


def _untold(case: Case, settings: Settings) -> str | None:
    config = case.config
    if config is None:
        if case.engine.local:
            return "the Engine's configuration has not been read yet"
        return "mirrors are judged from the Engine's own machine only" if case.effective else None
    if config.kind == "unreadable" and not case.desktop:
        return config.error or f"{config.path} cannot be read by this user"
    if config.kind not in ("file", "missing", "unreadable"):
        return f"{config.path} is no regular file"
    states = [case.state(one) for one in case.named]
    if "ok" in states or not states:
        return None
    if None in states:
        return "the mirrors have not been asked yet" if settings.mirrors.probe else None
    if set(states) <= set(UNSETTLED):
        return "; ".join(f"{one.address}: {one.says or STATES[one.state]}" for one in _mirrors(case))
    return None


def _good(case: Case) -> str:
    if not case.effective:
        return "No registry mirrors are set, and nothing fails for want of one"
    if len(case.effective) == 1:
        return f"The registry mirror {case.effective[0]} is in order"
    return f"The {len(case.effective)} registry mirrors are in order"


def _finding(case: Case, form: str, evidence: tuple[Evidence, ...]) -> Result:
    title, because, fix = WORDS[form]
    names = {
        "path": case.subject, "mirrors": ", ".join(case.trouble.get(form, ())), "registries": ", ".join(case.cut_off),
    }  # fmt: skip
    for name, value in names.items():
        title = title.replace(f"{{{name}}}", value)
    if form in case.trouble and case.pulls_fail:
        because += ". Images are missing here, and Docker Hub itself is out of reach"
    severity: Severity = "error" if form in SERIOUS else "warning"
    bare = Result(ID, case.subject, "finding", title, form=form)
    safety = plan_for(case, form, bare, {}).safety
    return compose.finding(
        ID, case.subject, form, title, severity=severity, because=because, evidence=evidence,
        fix=FixSummary(safety, fix),
    )  # fmt: skip


def _mirrors(case: Case) -> list[MirrorProbe]:
    return [probe for one in case.named if (probe := case.probe(one))]


def _evidence(case: Case) -> Iterator[Evidence]:
    yield Evidence("in effect", ", ".join(case.effective) or "none", "docker info")
    config = case.config
    if config is not None:
        yield from _of_file(case)
        if case.by_flag:
            yield Evidence("as a flag", ", ".join(map(shown, case.by_flag)), f"command line of dockerd ({config.pid})")
    for probe in _mirrors(case):
        yield from _of_probe(probe)
    for probe in case.probes:
        if probe.what == "registry" and (probe.state in FORMS or probe.state == "rate-limited"):
            yield from _of_probe(probe)
    if case.absent:
        yield Evidence("not on this machine", ", ".join(case.absent), "docker image inspect")
    for failure in case.failed.values():
        yield Evidence("a pull failed", failure.reason, "log of dockerd, last half hour")


def _of_file(case: Case) -> Iterator[Evidence]:
    config = case.config
    if config is None:
        return
    if config.kind == "missing":
        yield Evidence("in the file", "there is no such file", config.path)
    elif config.kind == "file" and not config.error:
        key = f"{config.typo}: " if config.typo else ""
        listed = config.mirrors if config.mirrors is not None and not config.typo else config.typo_mirrors
        said = ", ".join(map(shown, listed)) or ("an empty list" if config.mirrors is not None else "no mirrors")
        yield Evidence("in the file", f"{key}{said}", config.path)
    for objection in case.objections:
        yield Evidence("at the next start", objection.says, config.path)


def _of_probe(probe: MirrorProbe) -> Iterator[Evidence]:
    took = f" in {probe.seconds:.1f} s" if probe.seconds and probe.state == "ok" else ""
    words = probe.says if probe.says and probe.state != "ok" else f"{STATES[probe.state]}{took}"
    yield Evidence(probe.address, words, "asked as the Engine asks, from this machine")
    for image in probe.images:
        if image.state != "ok":
            code = f" ({image.status})" if image.status else ""
            yield Evidence(image.image, f"{STATES[image.state]}{code}", f"HEAD of its manifest at {probe.address}")


def plan(result: Result, snapshot: Snapshot, _settings: Settings, answers: Mapping[str, str]) -> Plan:
    """The repair, from the same Snapshot."""
    case = case_of(snapshot)
    if case is None or case.subject != result.subject or result.form is None or result.form not in set(_forms(case)):
        return compose.manual(result, "There is nothing to repair any more.")
    return plan_for(case, result.form, result, answers)


CHECK = Check(
    id=ID, title="Registry mirrors answer, and the Engine's configuration is good for its next start", severity="error",
    doc=__doc__ or "", examine=examine, plan=plan, examples=EXAMPLES, needs=NEEDS,
)  # fmt: skip
