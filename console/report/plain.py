"""One fact per line: the status as a word first, then its parts, between tabs. For pipes, cron and screen readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..model import NATIVE, Container, Fault, Snapshot
from ..model.findings import Evidence, Judgement, Result
from ..text.cleaning import DASH, SECRETS, duration, percent, size

if TYPE_CHECKING:
    from ..fix.plan import PreparedPlan

Facts = tuple[str, ...]


def check(snapshot: Snapshot, results: Sequence[Result], judgement: Judgement | None = None) -> Iterator[Facts]:
    """``check --plain``: the verdict, every result, its evidence and its fix; then what could not be read."""
    if judgement is not None:
        yield ("verdict", "well" if judgement.green else "not-well", judgement.verdict)
        for trouble in judgement.troubles:
            told, down = trouble.result, ", ".join(trouble.takes_down)
            yield ("trouble", told.check, told.subject or DASH, told.severity or DASH, down or DASH)
    for each in results:
        yield from result(each)
    for each_fault in snapshot.faults:
        yield fault(each_fault)


def result(each: Result) -> Iterator[Facts]:
    """The lines of one result."""
    who = (each.check, each.subject or DASH)
    severity = (each.severity or DASH,) if each.status == "finding" else ()
    yield (each.status, *who, *severity, each.title)
    if each.note:
        yield ("note", *who, each.note)
    for evidence in each.evidence:
        yield ("evidence", *who, evidence.label, told(evidence), evidence.source)
    if each.because:
        yield ("because", *who, each.because)
    if each.fix:
        yield ("fix", *who, each.fix.safety, each.fix.summary)


def told(evidence: Evidence) -> str:
    """The value of an evidence; masked whole when its label is the name of a secret."""
    return SECRETS.value(evidence.label, evidence.value)


def fault(each: Fault) -> Facts:
    """Something that could not be read."""
    return ("fault", each.source, each.sentence, *((each.remedy,) if each.remedy else ()))


def plan(prepared: PreparedPlan) -> Iterator[Facts]:
    """The plan of ``fix``; a diff is a fact per line."""
    made = prepared.plan
    who = (made.check, made.subject)
    yield ("plan", *who, made.safety, made.title)
    for number, each in enumerate(prepared.steps, start=1):
        yield ("step", *who, str(number), each.step.target, each.step.describe())
        for line in each.diff.splitlines():
            yield ("diff", *who, str(number), line)
    for restart in made.restarts:
        yield ("restart", *who, restart)
    for sentence in (*made.says, *prepared.notes):
        yield ("note", *who, sentence)
    for question in made.questions:
        default = DASH if question.secret or question.default is None else question.default
        yield ("question", *who, question.key, question.prompt, default)


def processes(snapshot: Snapshot) -> Iterator[Facts]:
    """``ps --plain``: a line per container, then per native service, then what could not be read."""
    for each in snapshot.containers:
        figures = snapshot.figures.get(each.id)
        yield (
            each.state, "container", each.name, each.project or DASH, each.service or DASH, each.image,
            percent(figures.cpu_percent if figures else None), size(figures.memory if figures else None),
            uptime(each, snapshot.taken_at), ports(each) or DASH,
        )  # fmt: skip
    for service in snapshot.services:
        if service.pid is not None and service.container is None:
            used = snapshot.figures.get(f"{NATIVE}{service.pid}")
            yield (
                "running", "process", service.name, service.role, str(service.pid), service.version or DASH,
                percent(used.cpu_percent if used else None), size(used.memory if used else None),
            )  # fmt: skip
    for each_fault in snapshot.faults:
        yield fault(each_fault)


def uptime(each: Container, now: float) -> str:
    """How long a running container has been running."""
    running = each.state in {"running", "paused"} and each.started_at is not None
    return duration(now - each.started_at) if running and each.started_at is not None else DASH


def ports(each: Container) -> str:
    """Published ports as ``8080->80``, the address only where it is not every one."""
    shown: dict[str, None] = {}
    for port in each.ports:
        if port.host_port is None:
            continue
        address = "" if port.host_ip in {None, "", "0.0.0.0", "::"} else f"{port.host_ip}:"  # noqa: S104 - read, not bound
        protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
        shown[f"{address}{port.host_port}->{port.container_port}{protocol}"] = None
    return " ".join(shown)
