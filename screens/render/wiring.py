"""The rows of the place *wiring*: each arrow with its three steps, under whoever has the need."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ...console.model import Container, Edge, Hop, Snapshot
from ...console.model.findings import Judgement, Result
from ...console.products.addresses import place
from ...console.report import wiring as told
from ...console.text.cleaning import DASH, cells
from ..widgets import paint
from ..widgets.paint import BLANK, Line, Span, Tone, line, pairs, sections
from ..widgets.rows import Column, Row
from . import states

COLUMNS: tuple[Column, ...] = (
    Column("state", "STATE", 9),
    Column("target", "TO", 16, most=36),
    Column("what", "WHAT", 13, rank=3, most=16),
    Column("name", "NAME", 5),
    Column("port", "PORT", 5),
    Column("protocol", "PROTOCOL", 8),
    Column("origin", "SET IN", 15, rank=2, most=40),
    Column("address", "ADDRESS", 22, rank=4, most=48),
    Column("place", "STANDS IN", 20, rank=5, most=48),
)
HOPS = ("name", "port", "protocol")
CHECK = "wiring.broken"
SOURCE = "from:"
"""Begins the key of a heading, before the id of the container that has the need."""
_STATES: dict[str, tuple[str, Tone, int]] = {
    "broken": (paint.BAD, "error", 0), "unknown": (paint.ASK, "muted", 1), "ok": (paint.OK, "muted", 2),
}  # fmt: skip
"""Glyph, tone, and order: what is broken comes first. What is well has no colour."""


def rows(snapshot: Snapshot) -> list[Row]:
    """A heading for each container that has needs, its arrows below; those with a broken one first."""
    groups = [(each, list(arrows)) for each, arrows in groupby(snapshot.edges, key=lambda edge: edge.source)]
    made: list[Row] = []
    for source, arrows in sorted(groups, key=lambda group: min(_rank(edge) for edge in group[1]) > 0):
        well = sum(told.state(edge) == "ok" for edge in arrows)
        of_all = f"  {well} of {len(arrows)} well"
        name = line(
            " ", (arrows[0].source_name, "strong"), (of_all, "muted" if _rank(min(arrows, key=_rank)) else "warning")
        )
        made.append(Row(f"{SOURCE}{source}", heading=name, stands=True))
        made += [_row(edge) for edge in sorted(arrows, key=_rank)]
    return made


def _rank(edge: Edge) -> int:
    return _STATES[told.state(edge)][2]


def _row(edge: Edge) -> Row:
    glyph, tone, _ = _STATES[told.state(edge)]
    hops = {str(hop.name): _hop(hop) for hop in edge.hops}
    return Row(
        edge.key,
        {
            "state": Span(f"{glyph} {told.state(edge)}", tone),
            "target": Span(told.target(edge)),
            "what": Span(told.KINDS.get(edge.kind, edge.kind), "muted"),
            **{name: hops.get(name, Span(DASH, "muted")) for name in HOPS},
            "origin": Span(edge.origin, "muted"),
            "address": Span(edge.effective, "muted"),
            "place": Span(edge.place, "muted"),
        },
    )


def _hop(hop: Hop) -> Span:
    if hop.state == "failed":
        return Span(f"{paint.BAD} no", "error")
    return Span(paint.ASK if hop.state == "unknown" and hop.reason else told.shown(hop), "muted")


def totals(snapshot: Snapshot) -> Line:
    """How many arrows are broken, well and not known, and when they were tried."""
    counted = [told.state(edge) for edge in snapshot.edges]
    said: list[Span] = []
    for state, words in (("broken", "broken"), ("unknown", "not known"), ("ok", "well")):
        if number := counted.count(state):
            glyph, tone, _ = _STATES[state]
            said += [Span(f"{glyph} {number} {words}", tone), Span("   ")]
    tried = [edge.read_at for edge in snapshot.edges if edge.read_at is not None]
    when = f"tried {states.coarse(snapshot.taken_at - max(tried))} ago" if tried else "nothing was tried"
    return (*said, Span(when, "muted")) if counted else ()


def empty(snapshot: Snapshot | None) -> list[Line]:
    """What stands where the arrows would be."""
    if snapshot is None:
        return [line(("  Looking ...", "muted"))]
    return [BLANK, line((f"  {told.nothing(snapshot)}.", "muted"))]


def finding(edge: Edge, results: Sequence[Result], judgement: Judgement | None) -> Result | None:
    """What is to be repaired for it: the trouble that it is, or that it follows from."""
    subject = f"{edge.source_name} -> {place(edge.host, edge.port)}"
    own = next((each for each in results if (each.check, each.subject) == (CHECK, subject)), None)
    for trouble in judgement.troubles if judgement else ():
        if own is not None and own in (trouble.result, *trouble.consequences):
            return trouble.result
    return own if own is not None and own.status == "finding" else None


def document(edge: Edge, snapshot: Snapshot, trouble: Result | None) -> list[Line]:
    """One arrow: where it breaks and what to do, the way as a line, where it is set."""
    said: list[Line] = [*(_why(trouble) if trouble else [line(told.explained(edge))]), BLANK, _way(edge), BLANK]
    boxes = {container.id: container for container in snapshot.containers}
    why = pairs(*((hop.name, _seen(hop)) for hop in edge.hops if hop.reason or hop.state != "unknown"))
    tried = None if edge.read_at is None else f"{states.coarse(snapshot.taken_at - edge.read_at)} ago"
    by = "tried from inside its network" if edge.by == "probe" else "concluded from networks and states, not tried"
    where = pairs(
        ("set in", f"{edge.origin}, {edge.place}"),
        ("written", edge.declared),
        ("meant", edge.effective if edge.effective != edge.declared else None),
        ("from", _container(boxes.get(edge.source))),
        ("to", _container(boxes.get(edge.target or ""))),
        ("known", by if tried is None else f"{by}, {tried}"),
    )
    return [*said, *sections(("Steps", why), ("Address", where))]


def _why(trouble: Result) -> list[Line]:
    """What is wrong, or what it comes from, and what ``F`` shows."""
    fix = [line("  ", ("F", "key"), f" {trouble.fix.summary}")] if trouble.fix is not None else []
    because = [line(f"  {trouble.because}")] if trouble.because else []
    return [line(states.verdict_of(trouble), f"  {trouble.title}"), *because, *fix]


def _way(edge: Edge) -> Line:
    """``fastgpt ── name ── port ✖``: as far as it goes."""
    spans = [Span(f"  {edge.source_name}", "strong")]
    for hop in edge.hops:
        mark, tone = {"ok": (paint.DONE, "muted"), "failed": (paint.BAD, "error")}.get(hop.state, (paint.ASK, "muted"))
        spans += [Span(f" {paint.RULE * 2} ", "muted"), Span(f"{hop.name} {mark}", tone)]  # type: ignore[arg-type]
        if hop.state != "ok":
            return (*spans, Span(f"   {told.target(edge)}", "muted"))
    return (*spans, Span(f" {paint.RULE * 2} ", "muted"), Span(told.target(edge), "strong"))


def _seen(hop: Hop) -> Span:
    words = hop.reason if hop.state == "unknown" else f"{hop.state}, {hop.reason}" if hop.reason else hop.state
    return Span(words or DASH, "error" if hop.state == "failed" else "plain")


def _container(container: Container | None) -> str | None:
    return None if container is None else f"{container.name} ({states.state(container).text})"


def width_of(made: Sequence[Row]) -> tuple[Column, ...]:
    """Columns whose targets are not cut up to 24 cells."""
    widest = max((cells(row.cells["target"].text) for row in made if row.cells), default=0)
    return tuple(each._replace(width=max(each.width, min(widest, 24))) if each.key == "target" else each
                 for each in COLUMNS)  # fmt: skip
