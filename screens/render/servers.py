"""The rows of the place *servers*: state, models, memory, queue and speed of each model server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from ...console.collect.collector import Past
from ...console.model import Container, DeepCheck, LoadedModel, ServedModel, Server, ServerState, Snapshot
from ...console.report import servers as told
from ...console.text import N_, _, n_
from ...console.text import told as heard
from ...console.text.cleaning import DASH, ago, cells, duration, size
from ..widgets import paint
from ..widgets.paint import BLANK, Line, Span, Tone, line, pairs, sections
from ..widgets.rows import Column, Row, telling
from . import graphs, states

COLUMNS: tuple[Column, ...] = (
    Column("state", "STATE", 9, most=13),
    Column("server", "SERVER", 16, most=26),
    Column("product", "PRODUCT", 13, rank=5, most=14),
    Column("models", "MODELS", 26, rank=1, most=60),
    Column("vram", "VRAM", 5, "right", rank=2),
    Column("queue", "QUEUE", 5, "right", rank=4),
    Column("cache", "KV", 4, "right", rank=8),
    Column("speed", "TOK/S", 5, "right", rank=3),
    Column("test", "TEST", 12, rank=6),
    Column("users", "USED BY", 12, rank=7, most=40),
    Column("latency", "LATENCY", 7, "right", rank=9),
    Column("version", "VERSION", 8, rank=10, most=12),
    Column("address", "ADDRESS", 22, rank=11, most=36),
)
_WHOLE = {"state": 13, "server": 20}
"""Columns that are not cut up to this width, whatever else has to go."""
_WORST: tuple[ServerState, ...] = ("engine_dead", "down", "wrong_key")
"""States that somebody has to look at; they stand first."""
_STATES: dict[ServerState, tuple[str, str, Tone]] = {
    "up": (paint.OK, N_("up"), "ok"),
    "loading": (paint.TURN, N_("loading"), "info"),
    "busy": (paint.WARN, N_("busy"), "warning"),
    "wrong_key": (paint.WARN, N_("wrong key"), "warning"),
    "engine_dead": (paint.BAD, N_("engine dead"), "error"),
    "down": (paint.BAD, N_("down"), "error"),
    "unknown": (paint.ASK, N_("unknown"), "muted"),
}


class Testing(Struct, frozen=True):
    """A deep check that runs now."""

    server: str
    model: str
    since: float
    """Monotonic seconds at its start."""
    now: float
    pieces: int = 0
    first: float | None = None
    """Seconds until the first piece of the answer."""

    def line(self) -> Line:
        """What is known of it so far."""
        heard = (
            _("no answer yet")
            if self.first is None
            else _("first token after {latency}", latency=told.latency(self.first))
        )
        more = n_(", {count} piece", ", {count} pieces", self.pieces) if self.pieces else ""
        passed = duration(max(0.0, self.now - self.since))
        asking = _("Asking {model} for {passed}: ", model=self.model, passed=passed)
        return line((f"{paint.TURN} {asking}", "info"), f"{heard}{more}. ", ("esc", "key"), _(" cancels."))


def state(server: Server) -> Span:
    """Glyph and word."""
    glyph, word, tone = _STATES[server.state]
    return Span(f"{glyph} {_(word)}", tone)


def is_asked(server: Server) -> bool:
    """Whether it stands on this machine or was asked; else somebody's settings only name it."""
    return server.container is not None or server.pid is not None or server.read_at is not None


def rows(snapshot: Snapshot, checks: Sequence[DeepCheck], testing: Testing | None) -> list[Row]:
    """A row for each server; those that settings only name stand under a heading of their own."""
    asked = sorted((server for server in snapshot.servers if is_asked(server)), key=_rank)
    named = [server for server in snapshot.servers if not is_asked(server)]
    made = [_row(server, snapshot, checks, testing) for server in asked]
    if named:
        made.append(Row("heading:named", heading=line((_(" Named in settings, not asked"), "strong"))))
        made += [_row(server, snapshot, checks, testing) for server in named]
    return made


def _rank(server: Server) -> int:
    """Those in trouble first; the others stay where they are, whatever they do."""
    return _WORST.index(server.state) if server.state in _WORST else len(_WORST)


def columns(made: Sequence[Row]) -> tuple[Column, ...]:
    """Those that have something to show: names of models need the room."""
    widest = {key: max((cells(row.cells[key].text) for row in made if row.cells), default=0) for key in _WHOLE}
    return tuple(
        each._replace(width=max(each.width, min(widest[each.key], _WHOLE[each.key]))) if each.key in _WHOLE else each
        for each in telling(COLUMNS, made)
    )


def last_check(server: Server, checks: Sequence[DeepCheck]) -> DeepCheck | None:
    """The newest deep check of a server."""
    return max((each for each in checks if each.server == server.key), key=lambda each: each.at, default=None)


def _row(server: Server, snapshot: Snapshot, checks: Sequence[DeepCheck], testing: Testing | None) -> Row:
    figures = server.figures
    check = last_check(server, checks)
    runs = testing is not None and testing.server == server.key
    shown = {
        "state": Span(_("{turn} testing", turn=paint.TURN), "info") if runs else state(server),
        "server": Span(server.key),
        "product": Span(DASH if server.product == "unknown" else server.product, "muted"),
        "models": _models(server),
        "vram": _plain(states.short_size(told.vram(server, snapshot))),
        "queue": _queue(server),
        "cache": _plain(told.share(figures.kv_cache if figures else None)),
        "speed": _plain(told.speed(figures.tokens_per_second if figures else None)),
        "test": _test(check, snapshot.taken_at),
        "latency": _plain(told.latency(server.latency), "muted"),
        "users": _plain(_users(server), "muted"),
        "version": _plain(server.version or DASH, "muted"),
        "address": _plain(server.address, "muted"),
    }
    return Row(server.key, shown)


def _users(server: Server) -> str:
    """Their names alone; the text below tells by what."""
    return ", ".join(dict.fromkeys(user.service or user.who for user in server.users)) or DASH


def _plain(text: str, tone: Tone = "plain") -> Span:
    return Span(text, "muted" if text == DASH else tone)


def _models(server: Server) -> Span:
    """Names, or where there are none the reason."""
    names = told.models(server)
    if names != DASH:
        return Span(names, "plain" if server.state == "up" else "muted")
    return Span((server.reason or DASH).removeprefix("its "), "muted")


def _queue(server: Server) -> Span:
    waiting = server.figures.waiting if server.figures else None
    return Span(told.queue(server.figures), "warning" if waiting else "plain" if server.figures else "muted")


def _test(check: DeepCheck | None, now: float) -> Span:
    if check is None:
        return Span(DASH, "muted")
    passed = max(0.0, now - check.at)
    age = states.coarse(passed).replace(" ", "") if passed >= SOON else _("now")
    return (
        Span(_("{bad} failed {age}", bad=paint.BAD, age=age), "error")
        if check.error
        else Span(_("{ok} ok {age}", ok=paint.OK, age=age), "ok")
    )


def coarse(seconds: float) -> str:
    """How long ago, in steps of five seconds, so that it does not change with each look."""
    passed = max(0.0, seconds)
    return ago(passed // 5 * 5) if passed < 60 else ago(passed)


def totals(snapshot: Snapshot) -> Line:
    """How many there are and how they are, worst first."""
    asked = [server for server in snapshot.servers if is_asked(server)]
    if not asked:
        return line((_("{off} No model server is known", off=paint.OFF), "muted"))
    order: tuple[ServerState, ...] = ("engine_dead", "down", "wrong_key", "busy", "loading", "unknown", "up")
    counted = [(each, sum(1 for server in asked if server.state == each)) for each in order]
    parts = [Span(f"{glyph} {number} {_(word)}  ", tone) for each, number in counted if number
             for glyph, word, tone in (_STATES[each],)]  # fmt: skip
    loaded = sum(len(server.loaded or ()) for server in asked)
    star = " (*)" if loaded else ""
    speed = [server.figures.tokens_per_second for server in asked if server.figures]
    known = [each for each in speed if each is not None]
    rate = _(", {speed} tok/s", speed=told.speed(sum(known))) if known else ""
    held = n_("{count} model in memory", "{count} models in memory", loaded)
    return (*parts, Span(f"{held}{star}{rate}", "muted"))


def empty(snapshot: Snapshot | None) -> list[Line]:
    """What stands where the servers would be."""
    if snapshot is None:
        return [line((_("  Looking ..."), "muted"))]
    return [
        BLANK,
        line(f"  {told.nothing(snapshot)}."),
        line(_("  The state, models, speed and queue of each server would stand here, and who uses it.")),
        line((_("  One elsewhere can be named in stackops.toml: "), "muted"),
             '[servers] addresses = ["http://192.168.1.20:8000"]'),
    ]  # fmt: skip


def curves(server: Server, past: Callable[[str], Past]) -> list[graphs.CurveGroup]:
    """What it made, how many waited for it, its GPU memory; nothing of one that does not say."""
    made = (
        graphs.Curve("tokens/s", past(f"server:{server.key}"), graphs.whole),
        graphs.Curve(_("requests"), past(f"queue:{server.key}"), graphs.whole),
        graphs.Curve(_("VRAM"), past(f"held:{server.key}"), states.short_size, step=float(1 << 30)),
    )
    known = [each for each in made if each.known]
    return [graphs.CurveGroup(server.key, known)] if known else []


SOON = 5.0
"""Seconds up to which something was done just now."""
_MOST = 30
"""Models that are listed one by one."""


def document(
    server: Server,
    snapshot: Snapshot,
    checks: Sequence[DeepCheck],
    curve: Sequence[float | None],
    testing: Testing | None,
) -> list[Line]:
    """All sections, most asked for first."""
    users = [line("  ", user.who, (f"  {user.address}" if user.address else "", "muted")) for user in server.users]
    return sections(
        ("", _state(server, snapshot, checks, testing)),
        (_("Models"), _model_details(server, snapshot.taken_at)),
        (_("Figures"), _figures(server, snapshot, curve)),
        (_("Used by"), users),
        (_("Where"), _where(server, snapshot)),
        (_("Recognised by"), [line((f"  {heard(sign)}", "muted")) for sign in server.recognised]),
    )[:-1]


def _state(server: Server, snapshot: Snapshot, checks: Sequence[DeepCheck], testing: Testing | None) -> list[Line]:
    """State and reason, and what the last real request gave."""
    said = [line(state(server), f"  {server.key}", (f"  {server.reason}" if server.reason else "", "muted"))]
    if server.remedy:
        said.append(line((_("try: "), "muted"), server.remedy))
    if testing is not None and testing.server == server.key:
        said.append(testing.line())
    for check in sorted((c for c in checks if c.server == server.key), key=lambda c: -c.at)[:3]:
        glyph = Span(f"{paint.BAD} ", "error") if check.error else Span(f"{paint.OK} ", "ok")
        when = coarse(snapshot.taken_at - check.at)
        said.append(
            line(glyph, _("test of {model}: {deep}", model=check.model, deep=told.deep(check)), (f"  {when}", "muted"))
        )
    return said


def _model_details(server: Server, now: float) -> list[Line]:
    """Those in memory first, each with what is known of it."""
    loaded = {model.name: model for model in server.loaded or ()}
    served = {model.name: model for model in server.models}
    names = list(dict.fromkeys((*loaded, *served)))
    width = min(40, max((cells(name) for name in names), default=0))
    said = [_model(name, width, served.get(name), loaded.get(name), server, now) for name in names[:_MOST]]
    if len(names) > _MOST:
        said.append(line((_("  and {count} more", count=len(names) - _MOST), "muted")))
    return said


def _model(
    name: str, width: int, served: ServedModel | None, loaded: LoadedModel | None, server: Server, now: float
) -> Line:
    pad = " " * max(0, width - cells(name))
    if loaded is None:
        word = Span(_("{off} not loaded", off=paint.OFF), "muted") if server.loaded is not None else Span("")
    else:
        word = Span(_("{ok} loaded", ok=paint.OK), "ok")
    facts = in_memory(loaded, now) if loaded else []
    facts += _served(served, with_context=loaded is None or loaded.context is None) if served else []
    return line(f"  {name}{pad}  ", word, (f"  {', '.join(facts)}" if facts else "", "muted"))


def in_memory(model: LoadedModel, now: float) -> list[str]:
    """What the server says of a model in memory."""
    vram = f"{size(model.size_vram)} VRAM" if model.size_vram is not None else None
    leaves = told.expiry(model.expires_at, now)
    context = _("context {context}", context=model.context) if model.context else None
    return [
        each for each in (vram, model.device, _("leaves {leaves}", leaves=leaves) if leaves else None, context) if each
    ]


def _served(model: ServedModel, *, with_context: bool) -> list[str]:
    context = _("context {context}", context=model.context) if model.context and with_context else None
    disk = _("{size} on disk", size=size(model.size)) if model.size is not None else None
    return [each for each in (model.family, model.parameters, model.quantization, disk, context) if each]


def _figures(server: Server, snapshot: Snapshot, curve: Sequence[float | None]) -> list[Line]:
    figures, measured, own = server.figures, told.measured(server, snapshot), told.told(server)
    memory = pairs(
        ("VRAM", _("{measured} by the driver", measured=size(measured)) if measured is not None else None),
        ("", _("{own} by its own word", own=size(own)) if own is not None else None),
    )
    if figures is None:
        return memory
    spark = paint.sparkline(curve, 40)
    speed = told.speed(figures.tokens_per_second)
    cache = f"{paint.bar(figures.kv_cache, 20)} {told.share(figures.kv_cache)}"
    return memory + pairs(
        ("tokens/s", f"{speed:>5}  {spark}" if spark.strip() else speed if speed != DASH else None),
        (_("requests"), _requests(server)),
        (_("KV cache"), cache if figures.kv_cache is not None else None),
        (_("since start"), _since_start(server)),
        (_("weights"), size(figures.weights_memory) if figures.weights_memory is not None else None),
        (_("cache"), size(figures.cache_memory) if figures.cache_memory is not None else None),
    )


def _requests(server: Server) -> Span | None:
    figures = server.figures
    if figures is None or (figures.running is None and figures.waiting is None):
        return None
    running, waiting = (DASH if each is None else f"{each:.0f}" for each in (figures.running, figures.waiting))
    return Span(
        _("{running} running, {waiting} waiting", running=running, waiting=waiting),
        "warning" if figures.waiting else "plain",
    )


def _since_start(server: Server) -> str | None:
    """Counters in thousands, so that they do not change with each look."""
    figures = server.figures
    if figures is None:
        return None
    counted = ((N_("tokens made"), figures.generated_tokens), (N_("read"), figures.prompt_tokens),
               (N_("requests"), figures.requests))  # fmt: skip
    parts = [f"{_count(value)} {_(name)}" for name, value in counted if value is not None]
    return ", ".join(parts) or None


def _count(value: float) -> str:
    if value < 10_000:
        return f"{value:.0f}"
    return f"{value / 1e3:.0f}k" if value < 1e6 else f"{value / 1e6:.1f}M" if value < 1e9 else f"{value / 1e9:.2f}G"


def _where(server: Server, snapshot: Snapshot) -> list[Line]:
    container = next((each for each in snapshot.containers if each.id == server.container), None)
    read = _("never") if server.read_at is None else coarse(snapshot.taken_at - server.read_at)
    product = f"{server.product} {server.version or ''}".strip()
    return pairs(
        (_("product"), product if server.product != "unknown" else None),
        (_("address"), server.address),
        (_("container"), _container(container, snapshot.taken_at) if container else None),
        (_("process"), str(server.pid) if server.pid is not None else None),
        (_("answered in"), told.latency(server.latency) if server.latency is not None else None),
        (_("asked"), read),
    )


def _container(container: Container, now: float) -> str:
    up = (
        _(", up {now}", now=duration(now - container.started_at))
        if container.started_at and container.state == "running"
        else ""
    )
    return f"{container.name} ({states.state(container).text}{up})"
