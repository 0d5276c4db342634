"""What a person reads on the terminal: findings with their evidence, the plan of a fix, tables.

Lines as (word, kind, rest): the word may be painted in the colour of its kind, the rest has no colour.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..model import NATIVE, Fault, Snapshot
from ..model.findings import Judgement, Result, Trouble
from ..text.cleaning import DASH, cells, clip, duration, percent, redact, size, wrapped
from . import plain

if TYPE_CHECKING:
    from ..fix.plan import PreparedPlan

Line = tuple[str, str, str]
_WORD = 9
_WORDS = {"not_applicable": "n/a", "crashed": "CRASHED", "unknown": "unknown", "ignored": "ignored", "ok": "ok"}
_SEVERITIES = ("error", "warning", "info")


def check(
    snapshot: Snapshot,
    results: Sequence[Result],
    width: int,
    repair: Callable[[Result], str],
    judgement: Judgement | None = None,
) -> Iterator[Line]:
    """The report of ``check``: the verdict and its troubles first, then what cannot be told, then what is well.

    What follows from a trouble stands under it in one line each. Without a judgement every finding is told in full.
    """
    troubles = judgement.troubles if judgement else ()
    if judgement is not None:
        word, kind = ("WELL", "ok") if judgement.green else ("VERDICT", "")
        yield (word.ljust(_WORD), kind, judgement.verdict)
        yield ("", "", "")
    followed = [each for trouble in troubles for each in trouble.consequences]
    for trouble in troubles:
        yield from _result(trouble.result, width, repair, _follows(trouble))
    first = [trouble.result for trouble in troubles]
    ill = {each.subject for each in first}
    for each in sorted(results, key=_order):
        if each.status == "unknown" and each.subject in ill:  # what is wrong there is told above
            yield (_WORDS["unknown"].ljust(_WORD), "unknown", f"{each.check}  {each.subject}: {each.title}")
        elif each.status != "not_applicable" and each not in first and each not in followed:
            yield from _result(each, width, repair)
    for fault in snapshot.faults:
        yield from _fault(fault, width)
    yield ("", "", summary(results))


def _order(each: Result) -> int:
    if each.status == "finding":
        return _SEVERITIES.index(each.severity or "info")
    return {"crashed": 3, "unknown": 4, "ignored": 5, "ok": 6}.get(each.status, 7)


def _follows(trouble: Trouble) -> list[str]:
    """What goes with a trouble, a sentence each."""
    down = [f"takes down {', '.join(trouble.takes_down)}"] if trouble.takes_down else []
    return [*down, *(f"{each.title}  ({each.check})" for each in trouble.consequences)]


def _result(each: Result, width: int, repair: Callable[[Result], str], follows: Sequence[str] = ()) -> Iterator[Line]:
    kind = (each.severity or "info") if each.status == "finding" else each.status
    word = kind.upper() if each.status == "finding" else _WORDS[each.status]
    who = f"{each.check}  {each.subject}".rstrip()
    if each.status == "ok":
        yield (word.ljust(_WORD), kind, who)
        return
    yield (word.ljust(_WORD), kind, who)
    yield from _part("", each.title, width)
    if each.note:
        yield from _part("note", each.note, width)
    if each.status == "ignored":
        yield ("", "", "")
        return
    if each.because:
        yield from _part("because", each.because, width)
    for evidence in each.evidence:
        yield from _part("seen", f"{evidence.label}: {plain.told(evidence)}  ({evidence.source})", width)
    for sentence in follows:
        yield from _part("so", sentence, width)
    if each.fix:
        yield from _part("fix", f"{each.fix.summary} ({each.fix.safety})", width)
        yield ("", "", " " * _WORD + f"{'run':<8}{repair(each)}")
    yield ("", "", "")


def _part(name: str, text: str, width: int, beside: int = 8) -> Iterator[Line]:
    """A paragraph beside its name. Secrets are masked before it is broken, because half a secret is not recognised."""
    indent = " " * _WORD
    head = f"{indent}{name:<{beside}}" if name else indent
    yield from (("", "", line) for line in wrapped(redact(text), max(width, 40), head, " " * len(head)))


def _fault(fault: Fault, width: int) -> Iterator[Line]:
    yield ("FAULT".ljust(_WORD), "warning", fault.source)
    yield from _part("", fault.sentence, width)
    if fault.remedy:
        yield from _part("try", fault.remedy, width)
    yield ("", "", "")


def quoted(subject: str) -> str:
    """A subject as it is typed in a shell."""
    return shlex.quote(subject) if not subject.startswith("-") else f"-- {shlex.quote(subject)}"


def summary(results: Sequence[Result]) -> str:
    """How many of each, in one line."""
    found = Counter[str](each.severity or "info" for each in results if each.status == "finding")
    count = Counter[str](each.status for each in results)
    parts = [f"{found[s]} {s}{'s' if found[s] > 1 and s != 'info' else ''}" for s in _SEVERITIES if found[s]]
    parts += [
        f"{count[s]} {w}"
        for s, w in (("crashed", "crashed"), ("unknown", "cannot tell"), ("ignored", "ignored"), ("ok", "ok"))
        if count[s]
    ]
    if count["not_applicable"]:
        parts.append(f"{count['not_applicable']} not applicable")
    return ", ".join(parts) if parts else "nothing to judge"


def plan(prepared: PreparedPlan, width: int) -> Iterator[Line]:
    """The plan of a fix: steps with their diffs, what restarts, what to know."""
    made = prepared.plan
    yield ("PLAN".ljust(_WORD), "info", f"{made.title} ({made.safety})")
    for number, each in enumerate(prepared.steps, start=1):
        yield from _part(f"{number}.", each.step.describe(), width, beside=3)
        yield from (("", "", f"{' ' * _WORD}   {line}") for line in each.diff.splitlines())
    if made.restarts:
        yield from _part("restart", ", ".join(made.restarts), width)
    for sentence in (*made.says, *prepared.notes):
        yield from _part("note", sentence, width)
    for question in made.questions:
        default = f" [{question.default}]" if question.default is not None and not question.secret else ""
        yield from _part("asks", f"{question.prompt}{default}  (--set {question.key}=...)", width)


def processes(snapshot: Snapshot, width: int) -> Iterator[Line]:
    """The table of ``ps``; the versions stand where there is room."""
    played = {service.container: service for service in snapshot.services if service.container}
    rows = [("STATE", "NAME", "PROJECT", "ROLE", "VERSION", "CPU", "MEM", "UP", "PORTS")]
    for each in sorted(snapshot.containers, key=lambda c: (c.project or "~", c.name)):
        figures = snapshot.figures.get(each.id)
        health = f" ({each.health.status})" if each.health and each.health.status not in {"none", "healthy"} else ""
        rows.append((
            f"{each.state}{health}", each.name, each.project or DASH,
            played[each.id].role if each.id in played else DASH,
            (played[each.id].version if each.id in played else None) or DASH,
            percent(figures.cpu_percent if figures else None), size(figures.memory if figures else None),
            plain.uptime(each, snapshot.taken_at), plain.ports(each) or DASH,
        ))  # fmt: skip
    natives = [one for one in snapshot.services if one.pid is not None and one.container is None]
    started = {process.pid: process.started_at for process in snapshot.processes}
    for service in natives:
        used, since = snapshot.figures.get(f"{NATIVE}{service.pid}"), started.get(service.pid or 0)
        rows.append((
            "process", service.name, DASH, service.role, service.version or DASH,
            percent(used.cpu_percent if used else None), size(used.memory if used else None),
            DASH if since is None else duration(snapshot.taken_at - since), f"pid {service.pid}",
        ))  # fmt: skip
    yield from (("", "", line) for line in table(narrowed(rows, width, ("VERSION",), last=12), width))


def table(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Columns as wide as their widest cell, at most 40 cells; the last column takes what is left."""
    rows = [[redact(cell) for cell in row] for row in rows]  # before a cell is cut
    widths = [min(40, max(cells(row[column]) for row in rows)) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(
            clip(cell, widths[n]) + " " * (widths[n] - cells(clip(cell, widths[n]))) for n, cell in enumerate(row[:-1])
        )
        yield clip(f"{line}  {row[-1]}".rstrip(), width)


def narrowed(
    rows: Sequence[Sequence[str]], width: int, give_up: Sequence[str], last: int = 400
) -> list[tuple[str, ...]]:
    """Drop whole columns, in this order of their titles, until the rest fits. A cut cell would be useless.

    ``last``: cells of the last column that have to be seen.
    """
    titles = list(rows[0])
    kept = list(range(len(titles)))
    for title in ("", *give_up):
        kept = [column for column in kept if titles[column] != title]
        widths = [min(40, max(cells(row[column]) for row in rows)) for column in kept]
        if sum(widths[:-1]) + 2 * (len(widths) - 1) + min(widths[-1], last) <= width:
            break
    return [tuple(row[column] for column in kept) for row in rows]
