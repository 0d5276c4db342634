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
from ..text import N_, _, n_
from ..text.cleaning import DASH, cells, clip, duration, percent, redact, size, wrapped
from . import plain

if TYPE_CHECKING:
    from ..fix.plan import PreparedPlan

Line = tuple[str, str, str]
_WORD = 9
_WORDS = {
    "not_applicable": "n/a", "crashed": N_("CRASHED"), "unknown": N_("unknown"), "ignored": N_("ignored"),
    "ok": N_("ok"),
}  # fmt: skip
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
        word, kind = (_("WELL"), "ok") if judgement.green else (_("VERDICT"), "")
        yield (padded(word, _WORD), kind, judgement.verdict)
        yield ("", "", "")
    followed = [each for trouble in troubles for each in trouble.consequences]
    for trouble in troubles:
        yield from _result(trouble.result, width, repair, _follows(trouble))
    first = [trouble.result for trouble in troubles]
    ill = {each.subject for each in first}
    for each in sorted(results, key=_order):
        if each.status == "unknown" and each.subject in ill:  # what is wrong there is told above
            yield (padded(_("unknown"), _WORD), "unknown", f"{each.check}  {each.subject}: {each.title}")
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
    down = [_("takes down {takes_down}", takes_down=", ".join(trouble.takes_down))] if trouble.takes_down else []
    return [*down, *(f"{each.title}  ({each.check})" for each in trouble.consequences)]


def _result(each: Result, width: int, repair: Callable[[Result], str], follows: Sequence[str] = ()) -> Iterator[Line]:
    kind = (each.severity or "info") if each.status == "finding" else each.status
    word = padded(_(kind).upper() if each.status == "finding" else _(_WORDS[each.status]), _WORD)
    who = f"{each.check}  {each.subject}".rstrip()
    yield (word, kind, who)
    if each.status == "ok":
        return
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
        yield from _part("fix", f"{each.fix.summary} ({_(each.fix.safety)})", width)
        yield ("", "", " " * _WORD + padded(_("run"), 8) + repair(each))
    yield ("", "", "")


def _part(name: str, text: str, width: int, beside: int = 8) -> Iterator[Line]:
    """A paragraph beside its name. Secrets are masked before it is broken, because half a secret is not recognised."""
    indent = " " * _WORD
    head = indent + padded(_(name), beside) if name else indent
    yield from (("", "", line) for line in wrapped(redact(text), max(width, 40), head, " " * cells(head)))


def padded(word: str, width: int) -> str:
    """The word, at least so many cells wide: a Chinese letter takes two."""
    return word + " " * (width - cells(word))


def _fault(fault: Fault, width: int) -> Iterator[Line]:
    yield (padded(_("FAULT"), _WORD), "warning", fault.source)
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
    counted = (
        (found["error"], n_("{count} error", "{count} errors", found["error"])),
        (found["warning"], n_("{count} warning", "{count} warnings", found["warning"])),
        (found["info"], _("{count} info", count=found["info"])),
        (count["crashed"], _("{count} crashed", count=count["crashed"])),
        (count["unknown"], _("{count} cannot tell", count=count["unknown"])),
        (count["ignored"], _("{count} ignored", count=count["ignored"])),
        (count["ok"], _("{count} ok", count=count["ok"])),
        (count["not_applicable"], _("{count} not applicable", count=count["not_applicable"])),
    )
    return ", ".join(said for number, said in counted if number) or _("nothing to judge")


def plan(prepared: PreparedPlan, width: int) -> Iterator[Line]:
    """The plan of a fix: steps with their diffs, what restarts, what to know."""
    made = prepared.plan
    yield (padded(_("PLAN"), _WORD), "info", f"{made.title} ({_(made.safety)})")
    for number, each in enumerate(prepared.steps, start=1):
        yield from _part(f"{number}.", each.step.describe(), width, beside=3)
        yield from (("", "", f"{' ' * _WORD}   {line}") for line in each.diff.splitlines())
    if made.restarts:
        yield from _part("restart", ", ".join(made.restarts), width)
    for sentence in (*made.says, *prepared.notes):
        yield from _part("note", sentence, width)
    for question in made.questions:
        default = f" [{question.default}]" if question.default is not None and not question.secret else ""
        yield from _part(
            "asks",
            _("{prompt}{default}  (--set {key}=...)", prompt=question.prompt, default=default, key=question.key),
            width,
        )


def processes(snapshot: Snapshot, width: int) -> Iterator[Line]:
    """The table of ``ps``; the versions stand where there is room."""
    played = {service.container: service for service in snapshot.services if service.container}
    rows = [heads("STATE", "NAME", "PROJECT", "ROLE", "VERSION", "CPU", "MEM", "UP", "PORTS")]
    for each in sorted(snapshot.containers, key=lambda c: (c.project or "~", c.name)):
        figures = snapshot.figures.get(each.id)
        health = f" ({_(each.health.status)})" if each.health and each.health.status not in {"none", "healthy"} else ""
        rows.append((
            f"{_(each.state)}{health}", each.name, each.project or DASH,
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
            _("process"), service.name, DASH, service.role, service.version or DASH,
            percent(used.cpu_percent if used else None), size(used.memory if used else None),
            DASH if since is None else duration(snapshot.taken_at - since), f"pid {service.pid}",
        ))  # fmt: skip
    yield from (("", "", line) for line in table(narrowed(rows, width, ("VERSION",), last=12), width))


def heads(*titles: str) -> tuple[str, ...]:
    """The titles of a table's columns; ``table`` translates them."""
    return titles


def table(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Columns as wide as their widest cell, at most 40 cells; the last column takes what is left."""
    rows = [[_(title) for title in rows[0]], *([redact(cell) for cell in row] for row in rows[1:])]  # before it is cut
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
