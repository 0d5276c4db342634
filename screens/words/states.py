"""States, exit codes, health and figures in words short enough for a cell."""

from __future__ import annotations

from ...console.findings import Result
from ...console.model import Container, Figures, Role
from ...console.stacks.exits import exit_meaning
from ...console.text import DASH
from .. import glyphs
from ..widgets.paint import Span, Tone

_STATES: dict[str, tuple[str, Tone]] = {
    "running": (glyphs.OK, "ok"),
    "created": (glyphs.OFF, "muted"),
    "paused": (glyphs.PAUSE, "warning"),
    "restarting": (glyphs.TURN, "error"),
    "removing": (glyphs.OFF, "muted"),
    "exited": (glyphs.BAD, "error"),
    "dead": (glyphs.BAD, "error"),
    "unknown": (glyphs.ASK, "muted"),
}


def state(container: Container) -> Span:
    """Glyph and word: ``● running``, ``✖ exited 137``."""
    glyph, tone = _STATES[container.state]
    if container.state == "exited":
        if container.exit_code in {0, 143}:
            glyph, tone = glyphs.OFF, "muted"
        code = DASH if container.exit_code is None else container.exit_code
        return Span(f"{glyph} exited {code}", tone)
    return Span(f"{glyph} {container.state}", tone)


def exit_words(container: Container, role: Role | None = None) -> str:
    """What the exit code says, in words."""
    code = container.exit_code
    meaning = exit_meaning(code, container.oom_killed, container.error, role)
    return "exit code not known" if code is None else f"{code}: {meaning or 'an error code of its own'}"


def health(container: Container) -> Span:
    """What the health check says; a dash where there is none."""
    if container.health is None or container.health.status == "none":
        return Span(DASH, "muted")
    status = container.health.status
    if status == "unhealthy":
        return Span(f"{glyphs.BAD} unhealthy", "error")
    if status == "healthy":
        return Span(f"{glyphs.OK} healthy", "ok")
    return Span(f"{glyphs.TURN} {status}", "warning")


def deaths(container: Container) -> Span:
    """Restarts by policy and deaths that were seen: ``3/1``."""
    seen = len(container.deaths)
    restarts = container.restart_count
    if restarts is None and not seen:
        return Span(DASH, "muted")
    text = f"{DASH if restarts is None else restarts}/{seen}"
    return Span(text, "warning" if restarts or seen else "muted")


def short_size(count: float | None) -> str:
    """Bytes in at most five cells: ``410M``, ``1.2G``; rounded, so that it changes seldom."""
    if count is None:
        return DASH
    value = float(count)
    for unit in ("B", "K", "M"):
        if abs(value) < 999.5:
            return f"{value:.0f}{unit}"
        value /= 1024
    if abs(value) < 999.95:
        return f"{value:.1f}G"
    return f"{value / 1024:.1f}T"


def pair(one: float | None, other: float | None) -> Span:
    """Two rates in one cell: ``12K/3K``; a dash when neither is known."""
    if one is None and other is None:
        return Span(DASH, "muted")
    text = f"{short_size(one)}/{short_size(other)}"
    return Span(text, "muted" if not one and not other else "plain")


def whole_percent(value: float | None) -> str:
    """A percentage without decimals."""
    return DASH if value is None else f"{value:.0f}%"


def cpu(figures: Figures | None) -> Span:
    """CPU of a container; 100 % is one core."""
    if figures is None or figures.cpu_percent is None:
        return Span(DASH, "muted")
    value = figures.cpu_percent
    return Span(whole_percent(value), "warning" if value >= 95 else "plain" if value >= 0.5 else "muted")


def memory(figures: Figures | None) -> Span:
    """Working set; coloured when near the limit."""
    if figures is None or figures.memory is None:
        return Span(DASH, "muted")
    near = figures.memory_limit is not None and figures.memory > 0.9 * figures.memory_limit
    return Span(short_size(figures.memory), "error" if near else "plain")


_RESULTS: dict[str, tuple[str, Tone, str]] = {
    "ok": (glyphs.OK, "ok", "ok"),
    "unknown": (glyphs.ASK, "warning", "unknown"),
    "not_applicable": (glyphs.OFF, "muted", "not here"),
    "crashed": (glyphs.BAD, "error", "crashed"),
}
_SEVERITIES: dict[str, tuple[str, Tone, str]] = {
    "error": (glyphs.BAD, "error", "error"),
    "warning": (glyphs.WARN, "warning", "warning"),
    "info": (glyphs.NOTE, "info", "info"),
}


def verdict_of(result: Result) -> Span:
    """Glyph and word of one result."""
    glyph, tone, word = (
        _SEVERITIES[result.severity or "error"] if result.status == "finding" else _RESULTS[result.status]
    )
    return Span(f"{glyph} {word}", tone)


_RANK = {"error": 0, "warning": 1, "info": 2}


def rank(result: Result) -> tuple[int, str, str]:
    """Worst first: findings by severity, then crashed, unknown, ok, not applicable."""
    order = {"finding": 0, "crashed": 3, "unknown": 4, "ok": 5, "not_applicable": 6}[result.status]
    if result.status == "finding":
        order = _RANK[result.severity or "error"]
    return (order, result.check, result.subject)


def findings(results: tuple[Result, ...]) -> tuple[Result, ...]:
    """Findings only, worst first."""
    return tuple(sorted((each for each in results if each.status == "finding"), key=rank))
