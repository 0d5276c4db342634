"""Everything known of one model server, section by section."""

from __future__ import annotations

from collections.abc import Sequence

from ...console.export import servers as told
from ...console.model import Container, DeepCheck, LoadedModel, ServedModel, Server, Snapshot
from ...console.text import DASH, cells, duration, size
from .. import glyphs
from ..widgets.paint import BLANK, Line, Span, line
from . import servers, states

_MOST = 30
"""Models that are listed one by one."""


def document(
    server: Server,
    snapshot: Snapshot,
    checks: Sequence[DeepCheck],
    curve: Sequence[float | None],
    testing: servers.Testing | None,
) -> list[Line]:
    """All sections, most asked for first."""
    sections = [
        ("", _state(server, snapshot, checks, testing)),
        ("Models", _models(server, snapshot.taken_at)),
        ("Figures", _figures(server, snapshot, curve)),
        ("Used by", [line("  ", user.who, (f"  {user.address}" if user.address else "", "muted"))
                     for user in server.users]),
        ("Where", _where(server, snapshot)),
        ("Recognised by", [line((f"  {sign}", "muted")) for sign in server.recognised]),
    ]  # fmt: skip
    said: list[Line] = []
    for title, lines in sections:
        if lines:
            said += [*([line((title, "accent"))] if title else []), *lines, BLANK]
    return said[:-1]


def _state(
    server: Server, snapshot: Snapshot, checks: Sequence[DeepCheck], testing: servers.Testing | None
) -> list[Line]:
    """State and reason, and what the last real request gave."""
    said = [line(servers.state(server), f"  {server.key}", (f"  {server.reason}" if server.reason else "", "muted"))]
    if server.remedy:
        said.append(line(("try: ", "muted"), server.remedy))
    if testing is not None and testing.server == server.key:
        said.append(testing.line())
    for check in sorted((c for c in checks if c.server == server.key), key=lambda c: -c.at)[:3]:
        glyph = Span(f"{glyphs.BAD} ", "error") if check.error else Span(f"{glyphs.OK} ", "ok")
        when = servers.coarse(snapshot.taken_at - check.at)
        said.append(line(glyph, f"test of {check.model}: {told.deep(check)}", (f"  {when}", "muted")))
    return said


def _models(server: Server, now: float) -> list[Line]:
    """Those in memory first, each with what is known of it."""
    loaded = {model.name: model for model in server.loaded or ()}
    served = {model.name: model for model in server.models}
    names = list(dict.fromkeys((*loaded, *served)))
    width = min(40, max((cells(name) for name in names), default=0))
    said = [_model(name, width, served.get(name), loaded.get(name), server, now) for name in names[:_MOST]]
    if len(names) > _MOST:
        said.append(line((f"  and {len(names) - _MOST} more", "muted")))
    return said


def _model(
    name: str, width: int, served: ServedModel | None, loaded: LoadedModel | None, server: Server, now: float
) -> Line:
    pad = " " * max(0, width - cells(name))
    if loaded is None:
        word = Span(f"{glyphs.OFF} not loaded", "muted") if server.loaded is not None else Span("")
    else:
        word = Span(f"{glyphs.OK} loaded", "ok")
    facts = [*_loaded(loaded, now)] if loaded else []
    facts += _served(served, with_context=loaded is None or loaded.context is None) if served else []
    return line(f"  {name}{pad}  ", word, (f"  {', '.join(facts)}" if facts else "", "muted"))


def _loaded(model: LoadedModel, now: float) -> list[str]:
    vram = f"{size(model.size_vram)} VRAM" if model.size_vram is not None else None
    leaves = told.expiry(model.expires_at, now)
    context = f"context {model.context}" if model.context else None
    return [each for each in (vram, model.device, f"leaves {leaves}" if leaves else None, context) if each]


def _served(model: ServedModel, *, with_context: bool) -> list[str]:
    context = f"context {model.context}" if model.context and with_context else None
    disk = f"{size(model.size)} on disk" if model.size is not None else None
    return [each for each in (model.family, model.parameters, model.quantization, disk, context) if each]


def _pairs(*pairs: tuple[str, Span | str | None]) -> list[Line]:
    """Label and value; what is not known (None) is left out."""
    return [
        line((f"  {label:<12} ", "muted"), value if isinstance(value, Span) else Span(value))
        for label, value in pairs
        if value is not None
    ]


def _figures(server: Server, snapshot: Snapshot, curve: Sequence[float | None]) -> list[Line]:
    figures, measured, own = server.figures, told.measured(server, snapshot), told.told(server)
    memory = _pairs(
        ("VRAM", f"{size(measured)} by the driver" if measured is not None else None),
        ("", f"{size(own)} by its own word" if own is not None else None),
    )
    if figures is None:
        return memory
    spark = glyphs.sparkline(curve, 40)
    speed = told.speed(figures.tokens_per_second)
    cache = f"{glyphs.bar(figures.kv_cache, 20)} {told.share(figures.kv_cache)}"
    return memory + _pairs(
        ("tokens/s", f"{speed:>5}  {spark}" if spark.strip() else speed if speed != DASH else None),
        ("requests", _requests(server)),
        ("KV cache", cache if figures.kv_cache is not None else None),
        ("since start", _since_start(server)),
        ("weights", size(figures.weights_memory) if figures.weights_memory is not None else None),
        ("cache", size(figures.cache_memory) if figures.cache_memory is not None else None),
    )


def _requests(server: Server) -> Span | None:
    figures = server.figures
    if figures is None or (figures.running is None and figures.waiting is None):
        return None
    running, waiting = (DASH if each is None else f"{each:.0f}" for each in (figures.running, figures.waiting))
    return Span(f"{running} running, {waiting} waiting", "warning" if figures.waiting else "plain")


def _since_start(server: Server) -> str | None:
    """Counters in thousands, so that they do not change with each look."""
    figures = server.figures
    if figures is None:
        return None
    counted = (("tokens made", figures.generated_tokens), ("read", figures.prompt_tokens),
               ("requests", figures.requests))  # fmt: skip
    parts = [f"{_count(value)} {name}" for name, value in counted if value is not None]
    return ", ".join(parts) or None


def _count(value: float) -> str:
    if value < 10_000:
        return f"{value:.0f}"
    return f"{value / 1e3:.0f}k" if value < 1e6 else f"{value / 1e6:.1f}M" if value < 1e9 else f"{value / 1e9:.2f}G"


def _where(server: Server, snapshot: Snapshot) -> list[Line]:
    container = next((each for each in snapshot.containers if each.id == server.container), None)
    read = _read(server, snapshot.taken_at)
    product = f"{server.product} {server.version or ''}".strip()
    return _pairs(
        ("product", product if server.product != "unknown" else None),
        ("address", server.address),
        ("container", _container(container, snapshot.taken_at) if container else None),
        ("process", str(server.pid) if server.pid is not None else None),
        ("answered in", told.latency(server.latency) if server.latency is not None else None),
        ("asked", read),
    )


def _container(container: Container, now: float) -> str:
    up = f", up {duration(now - container.started_at)}" if container.started_at and container.state == "running" else ""
    return f"{container.name} ({states.state(container).text}{up})"


def _read(server: Server, now: float) -> str:
    return "never" if server.read_at is None else servers.coarse(now - server.read_at)
