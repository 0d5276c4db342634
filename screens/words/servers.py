"""The rows of the place *servers*: state, models, memory, queue and speed of each model server."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ...console.export import servers as told
from ...console.model import DeepCheck, Server, ServerState, Snapshot
from ...console.text import DASH, ago, cells, duration
from .. import glyphs
from ..widgets.columns import Column
from ..widgets.paint import BLANK, Line, Span, Tone, line
from ..widgets.table import Row
from . import states

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
_SPARE = ("queue", "cache", "speed", "test", "users", "version")
"""Columns that are left out while nobody has anything in them: names of models need the room."""
_WHOLE = {"state": 13, "server": 20}
"""Columns that are not cut up to this width, whatever else has to go."""
_WORST: tuple[ServerState, ...] = ("engine_dead", "down", "wrong_key")
"""States that somebody has to look at; they stand first."""
_STATES: dict[ServerState, tuple[str, str, Tone]] = {
    "up": (glyphs.OK, "up", "ok"),
    "loading": (glyphs.TURN, "loading", "info"),
    "busy": (glyphs.WARN, "busy", "warning"),
    "wrong_key": (glyphs.WARN, "wrong key", "warning"),
    "engine_dead": (glyphs.BAD, "engine dead", "error"),
    "down": (glyphs.BAD, "down", "error"),
    "unknown": (glyphs.ASK, "unknown", "muted"),
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
        heard = "no answer yet" if self.first is None else f"first token after {told.latency(self.first)}"
        more = f", {self.pieces} piece{'' if self.pieces == 1 else 's'}" if self.pieces else ""
        passed = duration(max(0.0, self.now - self.since))
        return line((f"{glyphs.TURN} Asking {self.model} for {passed}: ", "info"), f"{heard}{more}. ",
                    ("esc", "key"), " cancels.")  # fmt: skip


def state(server: Server) -> Span:
    """Glyph and word."""
    glyph, word, tone = _STATES[server.state]
    return Span(f"{glyph} {word}", tone)


def is_asked(server: Server) -> bool:
    """Whether it stands on this machine or was asked; else somebody's settings only name it."""
    return server.container is not None or server.pid is not None or server.read_at is not None


def rows(snapshot: Snapshot, checks: Sequence[DeepCheck], testing: Testing | None) -> list[Row]:
    """A row for each server; those that settings only name stand under a heading of their own."""
    asked = sorted((server for server in snapshot.servers if is_asked(server)), key=_rank)
    named = [server for server in snapshot.servers if not is_asked(server)]
    made = [_row(server, snapshot, checks, testing) for server in asked]
    if named:
        made.append(Row("heading:named", heading=line((" Named in settings, not asked", "strong"))))
        made += [_row(server, snapshot, checks, testing) for server in named]
    return made


def _rank(server: Server) -> int:
    """Those in trouble first; the others stay where they are, whatever they do."""
    return _WORST.index(server.state) if server.state in _WORST else len(_WORST)


def columns(made: Sequence[Row]) -> tuple[Column, ...]:
    """Those that have something to show."""
    told = {key for row in made for key, span in row.cells.items() if span.text != DASH}
    widest = {key: max((cells(row.cells[key].text) for row in made if row.cells), default=0) for key in _WHOLE}
    kept = [each for each in COLUMNS if each.key not in _SPARE or each.key in told]
    return tuple(
        each._replace(width=max(each.width, min(widest[each.key], _WHOLE[each.key]))) if each.key in _WHOLE else each
        for each in kept
    )


def last_check(server: Server, checks: Sequence[DeepCheck]) -> DeepCheck | None:
    """The newest deep check of a server."""
    return max((each for each in checks if each.server == server.key), key=lambda each: each.at, default=None)


def _row(server: Server, snapshot: Snapshot, checks: Sequence[DeepCheck], testing: Testing | None) -> Row:
    figures = server.figures
    check = last_check(server, checks)
    runs = testing is not None and testing.server == server.key
    shown = {
        "state": Span(f"{glyphs.TURN} testing", "info") if runs else state(server),
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
    age = coarse(now - check.at).removesuffix(" ago").replace("just now", "now").replace(" ", "")
    return Span(f"{glyphs.BAD} failed {age}", "error") if check.error else Span(f"{glyphs.OK} ok {age}", "ok")


def coarse(seconds: float) -> str:
    """How long ago, in steps of five seconds, so that it does not change with each look."""
    passed = max(0.0, seconds)
    return ago(passed // 5 * 5) if passed < 60 else ago(passed)


def totals(snapshot: Snapshot) -> Line:
    """How many there are and how they are, worst first."""
    asked = [server for server in snapshot.servers if is_asked(server)]
    if not asked:
        return line((f"{glyphs.OFF} No model server is known", "muted"))
    order: tuple[ServerState, ...] = ("engine_dead", "down", "wrong_key", "busy", "loading", "unknown", "up")
    counted = [(each, sum(1 for server in asked if server.state == each)) for each in order]
    parts = [Span(f"{glyph} {number} {word}  ", tone) for each, number in counted if number
             for glyph, word, tone in (_STATES[each],)]  # fmt: skip
    loaded = sum(len(server.loaded or ()) for server in asked)
    star = " (*)" if loaded else ""
    speed = [server.figures.tokens_per_second for server in asked if server.figures]
    known = [each for each in speed if each is not None]
    rate = f", {told.speed(sum(known))} tok/s" if known else ""
    return (*parts, Span(f"{loaded} model{'' if loaded == 1 else 's'} in memory{star}{rate}", "muted"))


def empty(snapshot: Snapshot | None) -> list[Line]:
    """What stands where the servers would be."""
    if snapshot is None:
        return [line(("  Looking ...", "muted"))]
    return [
        BLANK,
        line(f"  {told.nothing(snapshot)}."),
        line(("  One elsewhere can be named in stackops.toml: ", "muted"),
             '[servers] addresses = ["http://192.168.1.20:8000"]'),
    ]  # fmt: skip
