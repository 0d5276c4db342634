"""The rows of the place *wiring*: each arrow with its three steps, under whoever has the need."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ...console.model import Container, Edge, Hop, ModelPath, PathStep, PathTest, Snapshot
from ...console.model.findings import Judgement, Result
from ...console.products.addresses import place
from ...console.report import wiring as told
from ...console.text import N_, _
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
        of_all = _("  {well} of {count} well", well=well, count=len(arrows))
        name = line(
            " ", (arrows[0].source_name, "strong"), (of_all, "muted" if _rank(min(arrows, key=_rank)) else "warning")
        )
        made.append(Row(f"{SOURCE}{source}", heading=name, stands=True))
        made += [_row(edge) for edge in sorted(arrows, key=_rank)]
    return made


def mark_of(edge: Edge) -> tuple[str, Tone]:
    """Glyph and tone of an arrow's state."""
    return _STATES[told.state(edge)][:2]


def _rank(edge: Edge) -> int:
    return _STATES[told.state(edge)][2]


def _row(edge: Edge) -> Row:
    glyph, tone, _rank_of = _STATES[told.state(edge)]
    hops = {str(hop.name): _hop(hop) for hop in edge.hops}
    return Row(
        edge.key,
        {
            "state": Span(f"{glyph} {_(told.state(edge))}", tone),
            "target": Span(told.target(edge)),
            "what": Span(_(told.KINDS.get(edge.kind, edge.kind)), "muted"),
            **{name: hops.get(name, Span(DASH, "muted")) for name in HOPS},
            "origin": Span(edge.origin, "muted"),
            "address": Span(edge.effective, "muted"),
            "place": Span(told.reasoned(edge.place), "muted"),
        },
    )


def _hop(hop: Hop) -> Span:
    if hop.state == "failed":
        return Span(_("{bad} no", bad=paint.BAD), "error")
    return Span(paint.ASK if hop.state == "unknown" and hop.reason else told.shown(hop), "muted")


def totals(snapshot: Snapshot) -> Line:
    """How many arrows are broken, well and not known, and when they were tried."""
    counted = [told.state(edge) for edge in snapshot.edges]
    said: list[Span] = []
    for state, words in (("broken", N_("broken")), ("unknown", N_("not known")), ("ok", N_("well"))):
        if number := counted.count(state):
            glyph, tone, _rank_of = _STATES[state]
            said += [Span(f"{glyph} {number} {_(words)}", tone), Span("   ")]
    tried = [edge.read_at for edge in snapshot.edges if edge.read_at is not None]
    when = (
        _("tried {taken_at} ago", taken_at=states.coarse(snapshot.taken_at - max(tried)))
        if tried
        else _("nothing was tried")
    )
    return (*said, Span(when, "muted")) if counted else ()


def empty(snapshot: Snapshot | None, *, models: bool = False) -> list[Line]:
    """What stands where the arrows, or the models, would be."""
    if snapshot is None:
        return [line((_("  Looking ..."), "muted"))]
    return [BLANK, line((f"  {told.no_models(snapshot) if models else told.nothing(snapshot)}.", "muted"))]


def finding(edge: Edge, results: Sequence[Result], judgement: Judgement | None) -> Result | None:
    """What is to be repaired for it: the trouble that it is, or that it follows from."""
    subject = f"{edge.source_name} -> {place(edge.host, edge.port)}"
    own = next((each for each in results if each.check == CHECK and subject in each.subject.split(", ")), None)
    for trouble in judgement.troubles if judgement else ():
        if own is not None and own in (trouble.result, *trouble.consequences):
            return trouble.result
    return own if own is not None and own.status == "finding" else None


def document(edge: Edge, snapshot: Snapshot, trouble: Result | None) -> list[Line]:
    """One arrow: where it breaks and what to do, the way as a line, where it is set."""
    said: list[Line] = [*(_why(trouble) if trouble else [line(told.explained(edge))]), BLANK, _way(edge), BLANK]
    boxes = {container.id: container for container in snapshot.containers}
    why = pairs(*((_(hop.name), _seen(hop)) for hop in edge.hops if hop.reason or hop.state != "unknown"))
    tried = (
        None if edge.read_at is None else _("{taken_at} ago", taken_at=states.coarse(snapshot.taken_at - edge.read_at))
    )
    by = (
        _("tried from inside its network") if edge.by == "probe" else _("concluded from networks and states, not tried")
    )
    where = pairs(
        (_("set in"), f"{edge.origin}, {told.reasoned(edge.place)}"),
        (_("written"), edge.declared),
        (_("meant"), edge.effective if edge.effective != edge.declared else None),
        (_("from"), _container(boxes.get(edge.source))),
        (_("to"), _container(boxes.get(edge.target or ""))),
        (_("known"), by if tried is None else f"{by}, {tried}"),
    )
    return [*said, *sections((_("Steps"), why), (_("Address"), where))]


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
        spans += [Span(f" {paint.RULE * 2} ", "muted"), Span(f"{_(hop.name)} {mark}", tone)]  # type: ignore[arg-type]
        if hop.state != "ok":
            return (*spans, Span(f"   {told.target(edge)}", "muted"))
    return (*spans, Span(f" {paint.RULE * 2} ", "muted"), Span(told.target(edge), "strong"))


def _seen(hop: Hop) -> Span:
    why = hop.reason and told.reasoned(hop.reason)
    words = why if hop.state == "unknown" else f"{_(hop.state)}, {why}" if why else _(hop.state)
    return Span(words or DASH, "error" if hop.state == "failed" else "plain")


def _container(container: Container | None) -> str | None:
    return None if container is None else f"{container.name} ({states.state(container).text})"


def width_of(made: Sequence[Row]) -> tuple[Column, ...]:
    """Columns whose targets are not cut up to 24 cells."""
    widest = max((cells(row.cells["target"].text) for row in made if row.cells), default=0)
    return tuple(each._replace(width=max(each.width, min(widest, 24))) if each.key == "target" else each
                 for each in COLUMNS)  # fmt: skip


# Models

MODEL_COLUMNS: tuple[Column, ...] = (
    Column("state", "STATE", 9),
    Column("model", "MODEL", 16, most=40),
    Column("gateway", "GATEWAY", 7, most=16),
    Column("key", "KEY", 3),
    Column("channel", "CHANNEL", 7, most=20),
    Column("upstream", "UPSTREAM", 8, most=36),
    Column("server", "SERVER", 8, most=24),
    Column("served", "SERVED", 8, most=32),
    Column("offered", "OFFERED IN", 12, rank=2, most=28),
)
APP = "app:"
"""Begins the key of a heading, before the id of the app that offers the models."""
FOUND_BY: dict[str, tuple[str, ...]] = {
    "offered": ("librechat.config-mount", "librechat.config-valid", "fastgpt.config"),
    "gateway": ("fastgpt.base-url", "fastgpt.gateway-shadowed"),
    "key": ("fastgpt.gateway-shadowed",),
    "channel": ("oneapi.restart",),
    "server": ("server.unreachable", "container.crash-loop", "container.ended", "container.not-started"),
}
"""Which checks find what fails at a step, the one that says most first."""


def model_rows(snapshot: Snapshot) -> list[Row]:
    """A heading for each app, its models below; those with a broken one first."""
    groups = [(each, list(paths)) for each, paths in groupby(snapshot.model_paths, key=lambda path: path.app)]
    made: list[Row] = []
    for app, paths in sorted(groups, key=lambda group: min(map(_path_rank, group[1])) > 0):
        well = sum(told.path_state(path) == "ok" for path in paths)
        tone: Tone = "muted" if min(map(_path_rank, paths)) else "warning"
        said = line(
            " ", (paths[0].app_name, "strong"), (_("  {well} of {count} well", well=well, count=len(paths)), tone)
        )
        made.append(Row(f"{APP}{app}", heading=said, stands=True))
        made += [_model_row(path) for path in sorted(paths, key=_path_rank)]
    return made


def _path_rank(path: ModelPath) -> int:
    return _STATES[told.path_state(path)][2]


def _model_row(path: ModelPath) -> Row:
    glyph, tone, _rank_of = _STATES[told.path_state(path)]
    steps = {("served" if step.name == "model" else str(step.name)): _step(step) for step in path.steps}
    return Row(
        path.key,
        {
            **steps,
            "state": Span(f"{glyph} {_(told.path_state(path))}", tone),
            "model": Span(path.model or _(told.UNNAMED), "plain" if path.model else "muted"),
        },
    )


def _step(step: PathStep) -> Span:
    if step.state == "failed":
        return Span(_("{bad} no", bad=paint.BAD), "error")
    if step.state == "unknown":
        return Span(paint.ASK, "muted")
    return Span("ok" if step.name == "key" and step.state == "ok" else told.step_shown(step), "muted")


def model_totals(snapshot: Snapshot) -> Line:
    """How many paths are broken, well and not known."""
    counted = [told.path_state(path) for path in snapshot.model_paths]
    said: list[Span] = []
    for state, words in (("broken", N_("broken")), ("unknown", N_("not known")), ("ok", N_("well"))):
        if number := counted.count(state):
            glyph, tone, _rank_of = _STATES[state]
            said += [Span(f"{glyph} {number} {_(words)}", tone), Span("   ")]
    return tuple(said[:-1])


def stands_at(path: ModelPath, snapshot: Snapshot | None) -> str:
    """Id of the container at the first step that fails; of a path that is well, or not known, of the last one known."""
    servers = snapshot.servers if snapshot is not None else ()
    last = next((one.container for one in servers if one.key == path.server), None)
    step = path.broken.name if path.broken is not None else "model"
    if step == "offered":
        return path.app
    return path.gateway or path.app if step in ("gateway", "key", "channel") else last or path.gateway or path.app


def model_finding(
    path: ModelPath, snapshot: Snapshot, results: Sequence[Result], judgement: Judgement | None
) -> Result | None:
    """What is to be repaired for its first step that fails."""
    step = path.broken
    if step is None:
        return None
    edge = next((each for each in snapshot.edges if each.key == step.edge), None)
    if edge is not None and edge.broken is not None:
        return finding(edge, results, judgement)
    boxes = {container.id: container.name for container in snapshot.containers}
    served_by = next((boxes.get(one.container or "") for one in snapshot.servers if one.key == path.server), None)
    about = {path.app_name, boxes.get(path.gateway or ""), path.server, served_by}
    found = [each for each in results if each.status == "finding" and each.subject in about]
    for check in FOUND_BY.get(step.name, ()):
        if (own := next((each for each in found if each.check == check), None)) is not None:
            troubles = judgement.troubles if judgement else ()
            return next((one.result for one in troubles if own in (one.result, *one.consequences)), own)
    return None


def model_document(
    path: ModelPath, snapshot: Snapshot, trouble: Result | None, test: PathTest | None = None
) -> list[Line]:  # fmt: skip
    """One path: the first step that fails and what to do, the way as a line, each step."""
    first = [] if trouble is None else [*_why(trouble), BLANK]
    said: list[Line] = [*first, line(told.path_explained(path)), BLANK, _path_way(path)]
    if test is not None:
        ago = _("  Asked {length} ago: ", length=states.coarse(snapshot.taken_at - test.check.at))
        said.append(line((f"{ago}{told.tested(test)}", "error" if test.ended else "plain")))
    said.append(BLANK)
    steps = pairs(*((_(told.STEP_WORDS[step.name]), _told_step(step)) for step in path.steps if step.state != "none"))
    gateway = next((each for each in snapshot.containers if each.id == path.gateway), None)
    channel = next(
        (one for state in snapshot.oneapis if state.container == path.gateway for one in state.channels or ()
         if one.id == path.channel), None,
    )  # fmt: skip
    tested = None
    if channel is not None and channel.tested_at is not None:
        took = _(", took {test_seconds:.1f} s", test_seconds=channel.test_seconds) if channel.test_seconds else ""
        tested = _(
            "{taken_at} ago{took} (always a chat request)",
            taken_at=states.coarse(snapshot.taken_at - channel.tested_at),
            took=took,
        )
    where = pairs(
        (_("offered in"), f"{path.kind}, {path.place}" if path.kind else path.place),
        (_("gateway"), _container(gateway)),
        (_("channel tested"), tested),
        (_("goes to"), path.upstream),
        (_("asked as"), path.upstream_model if path.upstream_model != path.model else None),
    )
    return [*said, *sections((_("Steps"), steps), (_("Path"), where))]


def _path_way(path: ModelPath) -> Line:
    """``fastgpt ── oneapi ✔ ── key ✖``: as far as it goes."""
    spans = [Span(f"  {path.app_name}", "strong")]
    for step in path.steps[1:]:
        if step.state == "none":
            continue
        mark, tone = {"ok": (paint.DONE, "muted"), "failed": (paint.BAD, "error")}.get(step.state, (paint.ASK, "muted"))
        words = " ".join(filter(None, (_(step.name), step.shown if step.state != "unknown" else "", mark)))
        spans += [Span(f" {paint.RULE * 2} ", "muted"), Span(words, tone)]  # type: ignore[arg-type]
    return tuple(spans)


def _told_step(step: PathStep) -> Span:
    words = step.reason or step.shown or _(step.state)
    return Span(
        words if step.state == "unknown" else f"{_(step.state)}, {words}",
        "error" if step.state == "failed" else "plain",
    )
