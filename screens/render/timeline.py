"""The timeline's rows, and the one line of the overview that says what somebody missed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...console.model import Snapshot
from ...console.report.timeline import Moment, moments, since, summed
from ...console.text import _
from ...console.text.cleaning import ago, cells, duration, fit
from ..widgets import paint
from ..widgets.paint import BLANK, Line, Span, Tone, line, pairs
from ..widgets.rows import Row

if TYPE_CHECKING:
    from ...console.report.store import Kept

_MARKS: dict[str, tuple[str, Tone]] = {
    "death": (paint.BAD, "error"), "oom": (paint.BAD, "error"), "health": (paint.BAD, "error"),
    "stop": (paint.OFF, "muted"), "start": (paint.OK, "muted"), "well": (paint.OK, "muted"),
    "image": (paint.NOTE, "info"), "gone": (paint.OFF, "muted"), "pause": (paint.PAUSE, "muted"),
    "fix": (paint.DONE, "accent"), "trouble": (paint.WARN, "warning"), "over": (paint.OK, "muted"),
    "engine": (paint.NOTE, "muted"),
}  # fmt: skip


def key_of(moment: Moment) -> str:
    """What identifies it over time; a death that is repeated becomes another one."""
    return f"{moment.at:.3f} {moment.kind} {moment.subject} {moment.entry} {moment.words}"


def clock(at: float, now: float) -> str:
    """The time of day; before today with the day."""
    there, here = time.localtime(at), time.localtime(now)
    return time.strftime("%H:%M:%S" if there[:3] == here[:3] else "%d %b %H:%M", there)


def rows(told: Sequence[Moment], last_here: float, now: float) -> list[Row]:
    """Newest first; a heading parts what is new to this user from the rest."""
    new = since(told, last_here) if last_here else ()
    made: list[Row] = []
    if new:
        grave = summed(new) or _("nothing grave")
        made.append(
            Row("new", heading=_heading(_("Since you were last here ({when})", when=_when(last_here, now)), grave))
        )
    for number, each in enumerate(told):
        if new and number == len(new):
            made.append(Row("before", heading=_heading(_("Before"), "")))
        made.append(_row(each, now))
    return made


def _heading(title: str, said: str) -> Line:
    return line((f" {title}", "strong"), (f"  {said}" if said else "", "muted"))


def _when(at: float, now: float) -> str:
    """Coarse: it moves once an hour, or once a minute in the first one."""
    gone = max(0.0, now - at)
    return ago(gone // 3600 * 3600 if gone >= 3600 else gone // 60 * 60)


def _row(each: Moment, now: float) -> Row:
    mark, tone = _MARKS[each.kind]
    times = _(" ({count} times)", count=each.count) if each.count > 1 else ""
    cells = {
        "when": Span(clock(each.at, now), "muted"),
        "subject": Span(each.subject, "plain"),
        "what": Span(each.words + times, "plain" if each.grave or each.kind == "fix" else "muted"),
        "reason": Span(each.reason, "muted"),
    }
    return Row(key_of(each), cells, mark=Span(mark, tone), values={"when": each.at})


def brief(each: Moment, now: float) -> Line:
    """One thing that happened, where its subject is known."""
    mark, tone = _MARKS[each.kind]
    times = _(" ({count} times)", count=each.count) if each.count > 1 else ""
    return line((f"  {fit(clock(each.at, now), 12)} ", "muted"), (f"{mark} ", tone), f"{each.words}{times}",
                (f"  {each.reason}" if each.reason else "", "muted"))  # fmt: skip


def in_full(each: Moment, now: float) -> list[Line]:
    """One thing that happened, with the key that leads further."""
    mark, tone = _MARKS[each.kind]
    further = _("enter opens the journal") if each.entry else _("enter opens the container") if each.container else ""
    return [
        line((f"{mark} ", tone), (each.subject or "Docker", "strong"), f" {each.words}"),
        *pairs(
            (_("when"), time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each.at)) + f", {_when(each.at, now)}"),
            (_("reason"), each.reason or None),
            (_("times"), _("{count}, this was the last", count=each.count) if each.count > 1 else None),
        ),
        *([BLANK, line((further, "muted"))] if further else []),
    ]


def nothing(snapshot: Snapshot) -> list[Line]:
    """What stands there while nothing is known; without an answer of the Engine that is not to say that nothing was."""
    silent = snapshot.engine is None and any(each.source == "engine" for each in snapshot.faults)
    return [
        BLANK,
        line(
            _("  Nothing is known of what happened: the Docker Engine does not answer.")
            if silent
            else _("  Nothing has happened, as far as the Engine still tells.")
        ),
        line((_("  Deaths, health, starts, images and fixes are listed here as they come."), "muted")),
    ]


HOUR = 3600.0
"""Seconds."""


class Night:
    """What happened while nobody looked, and in the last hour; worked out again only when something has happened."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._said = ""
        self._told: tuple[Moment, ...] = ()

    def _read(self, snapshot: Snapshot, last_here: float, kept: Kept | None) -> None:
        made_from = (snapshot.events, snapshot.containers, last_here, kept)
        if len(self._of) != len(made_from) or any(a is not b for a, b in zip(made_from, self._of, strict=True)):
            earlier = (kept.changes, kept.events) if kept else ((), ())
            self._of, self._told = made_from, moments(snapshot, (), *earlier)
            self._said = summed(since(self._told, last_here)) if last_here else ""

    def hour(self, snapshot: Snapshot, last_here: float, width: int, kept: Kept | None = None) -> list[Line]:
        """One line of the last hour, newest first, as much as the width holds; none where nothing happened."""
        self._read(snapshot, last_here, kept)
        told = since(self._told, snapshot.taken_at - HOUR)
        spans: list[Span] = []
        for number, each in enumerate(told):
            times = _(" {count} times", count=each.count) if each.count > 1 else ""
            said = line((time.strftime("%H:%M ", time.localtime(each.at)), "muted"), (f"{each.subject} ", "strong"),
                        (f"{each.words}{times}   ", _MARKS[each.kind][1] if each.grave else "plain"))  # fmt: skip
            left = line((_("{count} more: ", count=len(told) - number), "muted"), ("e", "key"))
            if sum(cells(span.text) for span in (*spans, *said, *left)) > width:
                return [(*spans, *left)]
            spans += said
        return [tuple(spans)] if spans else []

    def lines(self, snapshot: Snapshot, last_here: float, kept: Kept | None = None) -> list[Line]:
        """One line, or none; one more where what was kept cannot be read."""
        self._read(snapshot, last_here, kept)
        torn = [line((f"{paint.WARN} {kept.trouble}", "warning"))] if kept and kept.trouble else []
        if not self._said:
            return torn
        gone = duration(
            max(60.0, (snapshot.taken_at - last_here) // 3600 * 3600 or (snapshot.taken_at - last_here) // 60 * 60)
        )
        return [
            line(
                (_("{note} Since you were last here, {gone} ago: ", note=paint.NOTE, gone=gone), "muted"),
                self._said,
                ("  e", "key"),
                (_(" shows when and why"), "muted"),
            ),
            *torn,
        ]
