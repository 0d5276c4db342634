"""Entries of the journal in words: state, who, when, what was done step by step, with the diffs as they were shown."""

from __future__ import annotations

import time

from ...console.identity import Who
from ...console.records import About, Did, Entry, Failed, Stopped, Taken
from ...console.text import DASH
from .. import glyphs
from ..widgets.paint import BLANK, Line, Span, Tone, line
from .plans import diff_lines

_STATES: dict[str, tuple[str, Tone]] = {
    "open": (f"{glyphs.WARN} interrupted", "warning"),
    "done": (f"{glyphs.DONE} done", "ok"),
    "rolled-back": (f"{glyphs.TURN} rolled back", "warning"),
    "undone": (f"{glyphs.OFF} undone", "muted"),
    "failed": (f"{glyphs.BAD} failed", "error"),
}


def state(entry: Entry) -> Span:
    """Glyph and word."""
    if entry.running:
        return Span(f"{glyphs.TURN} running", "info")
    return Span(*_STATES[entry.state])


def when(at: float | None) -> str:
    """Local time to the minute."""
    return DASH if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def who(person: Who) -> str:
    """The user, and who he was before sudo."""
    return f"{person.sudo_user} as {person.user}" if person.sudo_user else person.user


def detail(entry: Entry) -> list[Line]:
    """One entry in full."""
    intent = entry.intent
    said = [
        line(state(entry), (f"  {intent.title}", "strong")),
        *_pairs(
            ("entry", entry.id),
            ("check", intent.check),
            ("subject", intent.subject),
            ("host", intent.host),
            ("began", when(intent.at)),
            ("ended", when(entry.ended_at)),
            ("by", f"{who(intent.who)} (uid {intent.who.uid})"),
            ("from", intent.who.ssh),
            ("takes back", intent.of),
            ("undone by", entry.undone_by),
        ),
        BLANK,
        line(("Steps", "accent")),
    ]
    for index, step in enumerate(intent.steps):
        said.append(line("  ", _step_state(entry, index), f"  {step.describe}"))
    said += _reasons(entry)
    for step in intent.steps:
        if step.diff:
            said += [BLANK, *diff_lines(step.diff)]
    return said


def _pairs(*pairs: tuple[str, str | None]) -> list[Line]:
    return [line((f"  {label:<11} ", "muted"), value) for label, value in pairs if value]


def _step_state(entry: Entry, index: int) -> Span:
    if index in entry.taken_back:
        return Span(f"{glyphs.TURN} taken back", "muted")
    if index in entry.done:
        return Span(f"{glyphs.DONE} done      ", "ok")
    if index in entry.begun:
        return Span(f"{glyphs.WARN} begun     ", "warning")
    return Span(f"{glyphs.OFF} not begun ", "muted")


def _reasons(entry: Entry) -> list[Line]:
    said: list[Line] = []
    for record in entry.records:
        if isinstance(record, Failed):
            said.append(line(("  failed      ", "error"), record.why))
        elif isinstance(record, Stopped):
            said.append(line(("  stopped     ", "warning"), record.why))
        elif isinstance(record, Taken):
            said.append(line(("  taken over  ", "info"), f"{record.how}, by {who(record.who)}, {when(record.at)}"))
    if entry.end is not None:
        said += [line(("  says        ", "muted"), each) for each in entry.end.says]
    return said


def open_words(entry: Entry) -> list[Line]:
    """What the dialog about an interrupted fix says."""
    steps = len(entry.intent.steps)
    last = next(
        (r.at for r in reversed(entry.records) if isinstance(r, About | Did | Failed | Stopped)), entry.intent.at
    )
    said = [
        line(("Fix      ", "muted"), (entry.intent.title, "strong")),
        line(("Began    ", "muted"), f"{when(entry.intent.at)} by {who(entry.intent.who)}; last heard of {when(last)}"),
        line(("Steps    ", "muted"), f"{len(entry.done)} of {steps} done"),
        BLANK,
    ]
    for index, step in enumerate(entry.intent.steps):
        said.append(line("  ", _step_state(entry, index), f"  {step.describe}"))
    forward = "" if entry.rolling_back else "Resume does the rest and proves it. "
    said += [BLANK, line(f"{forward}Roll back takes back what was done. Later leaves it as it is.")]
    return said
