"""How mirrors are put right: the choice, the edit of the Engine's file, the reload; or what to do by hand. Pure."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping

from ...console.findings import Result
from ...console.model import DaemonConfig
from ...console.plan import Plan, Question
from ...console.stacks.daemon_rules import shown
from ...console.stacks.dockerd import BOTH_ALLOWED, MIRRORS, address_of, refusal
from ...console.stacks.images import Place
from ...console.steps import AnyStep, EditFile, EditJson, EngineReload
from ..compose import manual
from .mirror_case import Case

NONE = "none"
SHOWN = 4
ALIYUN = ".aliyuncs.com"
NO_RESTART = "Until then do not restart Docker, and do not reboot: it would not come up again."


def plan_for(case: Case, form: str, result: Result, answers: Mapping[str, str]) -> Plan:
    """The repair of the finding's worst form, which takes care of the lesser ones too."""
    refused = by_hand(case, form)
    if refused:
        return manual(result, *refused, *_other_registries(case))
    question = _question(case, form)
    answer = answers.get(question.key, question.default)
    if answer is not None and not answer.strip():
        answer = question.default
        if answer is None:
            return manual(result, *_no_choice(case))
    chosen = _chosen(answer or NONE)  # without an answer the plan is shown and never run: the question has no default
    wrong = next((f"{shown(one)}: {why}" for one in chosen if (why := refusal(one, case.engine.version))), None)
    if wrong:
        return manual(result, f"The Engine does not take this as a mirror: {wrong}.")
    steps = tuple(_steps(case, chosen))
    says = tuple(_says(case, chosen) if answer is not None else _no_choice(case))
    return Plan(
        check=result.check, subject=result.subject, title=result.title, steps=steps, questions=(question,),
        safety="safe", says=says, lock=posixpath.dirname(case.subject), settle=3.0, deadline=12.0,
    )  # fmt: skip


def _steps(case: Case, chosen: tuple[str, ...]) -> Iterator[AnyStep]:
    config = case.config
    if config is None:
        return
    if case.declared != chosen or config.typo:
        edit = EditJson(MIRRORS, json.dumps(chosen, ensure_ascii=False), instead_of=config.typo)
        yield EditFile(path=config.path, edits=(edit,), create=config.kind == "missing")
    yield EngineReload(path=config.path, mirrors=chosen, unit=config.unit)


def _question(case: Case, form: str) -> Question:
    prompt = f"Mirrors in their order, separated by spaces, or {NONE}"
    offered = ", ".join(_ranked(case))
    return Question("mirror", f"{prompt} (asked: {offered})" if offered else prompt, default=_default(case, form))


def _default(case: Case, form: str) -> str | None:
    """What works of what the operator wants; else the quickest that works; else none, where it is not needed."""
    kept = [one for one in case.meant if case.usable(one)]
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


def by_hand(case: Case, form: str) -> tuple[str, ...]:
    """Why this is left to the operator, and what he has to do; empty when it is not."""
    config = case.config
    if config is None:
        return ("The Engine is on another machine: start stackops there.",)
    if form == "other-registry":
        return ("Mirrors carry Docker Hub alone and do nothing for these images.",)
    if case.desktop:
        return (
            f"Docker Desktop has settings of its own: under Docker Engine, put {_pair(case, form)} there.",
            "Apply & restart then restarts the Engine and every container.",
        )
    if form == "invalid-json":
        return (*_invalid(config.path, case.objections[0].says), NO_RESTART)
    if form == "flag-conflict":
        return (*_conflict(config), NO_RESTART)
    if case.by_flag:
        return (
            "These mirrors are flags of dockerd, in its unit or its start script: change --registry-mirror there.",
            "That needs a restart of Docker, which stops every container unless live-restore is on.",
        )
    if config.pid is None:
        return (
            f"No dockerd is seen from here. On the Engine's own machine put {_pair(case, form)} into {config.path}.",
            "Then there: sudo systemctl reload docker (a reload stops no container).",
        )
    return ()


def _invalid(path: str, says: str) -> tuple[str, ...]:
    return (
        f"Open {path} and repair this: {says}.",
        "JSON has no comments, and no comma behind the last entry; what is not valid is not rewritten by stackops.",
        f"See whether it is right: python3 -m json.tool {shlex.quote(path)}",
    )


def _conflict(config: DaemonConfig) -> tuple[str, ...]:
    both = [key for key in config.keys if key in config.flags and key not in BOTH_ALLOWED]
    return (
        f"Keep {', '.join(both)} in one place: take it out of {config.path}, or the flag out of the unit.",
        "The unit: systemctl edit docker, an empty ExecStart= first, then the command without the flag.",
    )


def _pair(case: Case, form: str) -> str:
    listed = _chosen(_default(case, form) or NONE)
    return f'"{MIRRORS}": {json.dumps(listed, ensure_ascii=False)}'


def _no_choice(case: Case) -> tuple[str, ...]:
    if not any(one.what == "candidate" for one in case.probes):
        return ("Choose a mirror: --set mirror=https://… (several are separated by spaces).",)
    dated = f" of {case.seed.dated}" if case.seed else ""
    return (
        f"None of the mirrors of the list{dated} gives the stack's images from here now: {', '.join(_ranked(case))}.",
        "Name one that you know: --set mirror=https://…, or edit [mirrors] seed in stackops.toml.",
    )


def _ranked(case: Case) -> list[str]:
    """What the best of those that were asked said, for people."""
    good = [f"{_host(one.address)} {one.seconds or 0.0:.1f} s" for one in case.candidates]
    bad = [f"{_host(one.address)} {one.state}" for one in case.probes if one.what == "candidate" and one.state != "ok"]
    return [*good, *bad][:SHOWN] if good else bad


def _host(address: str) -> str:
    return address.partition("://")[2] or address


def _says(case: Case, chosen: tuple[str, ...]) -> Iterator[str]:
    yield "Nothing restarts: the Engine reads its file again, and every container keeps running."
    dropped = [one for one in case.named if one not in chosen]
    if dropped:
        yield f"No longer used: {', '.join(dropped)}."
    if not chosen:
        yield "Without mirrors the Engine goes to Docker Hub itself; the empty list has to stand in the file."
    added = [one for one in chosen if one not in case.named]
    if added:
        yield f"{', '.join(added)} is run by others and could serve anything: name images by digest where it matters."
    unasked = [one for one in chosen if case.state(one) is None]
    if unasked:
        yield f"{', '.join(unasked)} was not asked yet; what it answers decides whether this is taken back."
    if case.seed and added and case.candidates:
        yield f"The list of mirrors to choose from is of {case.seed.dated}; they come and go within months."
    yield from _other_registries(case)


def _other_registries(case: Case) -> Iterator[str]:
    """What mirrors do nothing for. fact: ``registry-mirrors`` are for docker.io alone (moby hosts.go)."""
    for registry, place in case.foreign.items():
        hosts = case.seed.overrides.get(registry, ()) if case.seed else ()
        if hosts:
            yield (
                f"Mirrors do nothing for {registry}. Where it is out of reach, name its images anew in the override:"
                f" image: {hosts[0]}/{_rest(place)}"
            )
        elif registry.endswith(ALIYUN):
            yield f"Mirrors do nothing for {registry}, which is a registry of its own, in China."


def _rest(place: Place) -> str:
    return f"{place.repository}{'@' if ':' in place.reference else ':'}{place.reference}"
