"""States, exit codes, health and figures in words short enough for a cell."""

from __future__ import annotations

from ...console.model import Container, Fault, Figures, Role, Snapshot
from ...console.model.findings import Result
from ...console.products.versions import exit_meaning
from ...console.report.plain import told
from ...console.text import N_, _
from ...console.text.cleaning import DASH, cells, duration
from ..widgets import paint
from ..widgets.paint import BLANK, Line, Span, Tone, line
from ..widgets.rows import Row

_STATES: dict[str, tuple[str, Tone]] = {
    "running": (paint.OK, "ok"),
    "created": (paint.OFF, "muted"),
    "paused": (paint.PAUSE, "warning"),
    "restarting": (paint.TURN, "error"),
    "removing": (paint.OFF, "muted"),
    "exited": (paint.BAD, "error"),
    "dead": (paint.BAD, "error"),
    "unknown": (paint.ASK, "muted"),
}


def state(container: Container, *, ignored: bool = False) -> Span:
    """Glyph and word: ``● running``, ``✖ exited 137``; ``○ ignored`` where the settings ignore how it is."""
    if ignored:
        return Span(f"{paint.OFF} {_('ignored')}", "muted")
    glyph, tone = _STATES[container.state]
    if container.state == "exited":
        if container.exit_code in {0, 143}:
            glyph, tone = paint.OFF, "muted"
        code = DASH if container.exit_code is None else container.exit_code
        return Span(_("{glyph} exited {code}", glyph=glyph, code=code), tone)
    return Span(f"{glyph} {_(container.state)}", tone)


def exit_words(container: Container, role: Role | None = None) -> str:
    """What the exit code says, in words."""
    code = container.exit_code
    meaning = exit_meaning(code, container.oom_killed, container.error, role)
    return _("exit code not known") if code is None else f"{code}: {meaning or _('an error code of its own')}"


def exit_span(container: Container, role: Role | None = None) -> Span | None:
    """The same in its tone; None while it runs."""
    if container.state in {"running", "created", "paused"}:
        return None
    return Span(exit_words(container, role), "muted" if container.exit_code in {0, 143} else "error")


def health(container: Container, *, ignored: bool = False) -> Span:
    """What the health check says; a dash where there is none. Of what is ignored how it is, without its colour."""
    if ignored:
        said = container.health.status if container.health and container.state == "running" else state(container).text
        return Span(said.split(" ", 1)[-1], "muted")
    if container.health is None or container.health.status == "none":
        return Span(DASH, "muted")
    status = container.health.status
    if status == "unhealthy":
        return Span(_("{bad} unhealthy", bad=paint.BAD), "error")
    if status == "healthy":
        return Span(_("{ok} healthy", ok=paint.OK), "ok")
    return Span(f"{paint.TURN} {_(status)}", "warning")


def deaths(container: Container, *, ignored: bool = False) -> Span:
    """Restarts by policy and deaths that were seen: ``3/1``."""
    seen = len(container.deaths)
    restarts = container.restart_count
    if restarts is None and not seen:
        return Span(DASH, "muted")
    text = f"{DASH if restarts is None else restarts}/{seen}"
    return Span(text, "warning" if (restarts or seen) and not ignored else "muted")


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


def coarse(seconds: float) -> str:
    """A time in steps of five seconds, so that it does not change with each look."""
    return f"{max(0, int(seconds // 5 * 5))}s" if seconds < 60 else duration(seconds)


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
    "ok": (paint.OK, "ok", N_("ok")),
    "unknown": (paint.ASK, "warning", N_("unknown")),
    "not_applicable": (paint.OFF, "muted", N_("not here")),
    "crashed": (paint.BAD, "error", N_("crashed")),
    "ignored": (paint.OFF, "muted", N_("ignored")),
}
_SEVERITIES: dict[str, tuple[str, Tone, str]] = {
    "error": (paint.BAD, "error", N_("error")),
    "warning": (paint.WARN, "warning", N_("warning")),
    "info": (paint.NOTE, "info", N_("info")),
}


def verdict_of(result: Result) -> Span:
    """Glyph and word of one result."""
    glyph, tone, word = (
        _SEVERITIES[result.severity or "error"] if result.status == "finding" else _RESULTS[result.status]
    )
    return Span(f"{glyph} {_(word)}", tone)


def result_row(result: Result, check: Tone | None = None) -> Row:
    """One result, muted unless it is a finding; ``check`` is another tone for the id of its check."""
    tone: Tone = "plain" if result.status == "finding" else "muted"
    cells = {
        "state": verdict_of(result),
        "check": Span(result.check, check or tone),
        "subject": Span(result.subject, "muted"),
        "title": Span(said_of(result), tone),
    }
    return Row(key_of(result), cells, values={"state": float(rank(result)[0])})


def said_of(result: Result) -> str:
    """Its title; of what is ignored until when and why, as that is what whoever asks wants to know."""
    return (result.note if result.status == "ignored" else None) or result.title


def key_of(result: Result) -> str:
    """What identifies a row over time. One check can find two faults in one subject."""
    return "\n".join((*result.key, result.fault or ""))


_RANK = {"error": 0, "warning": 1, "info": 2}


def rank(result: Result) -> tuple[int, str, str]:
    """Worst first: findings by severity, then crashed, unknown, ignored, ok, not applicable."""
    order = {"finding": 0, "crashed": 3, "unknown": 4, "ignored": 5, "ok": 6, "not_applicable": 7}[result.status]
    if result.status == "finding":
        order = _RANK[result.severity or "error"]
    return (order, result.check, result.subject)


def findings(results: tuple[Result, ...]) -> tuple[Result, ...]:
    """Findings only, worst first."""
    return tuple(sorted((each for each in results if each.status == "finding"), key=rank))


_SAFETY: dict[str, tuple[str, Tone]] = {
    "safe": (N_("safe: can be taken back exactly, nothing restarts"), "ok"),
    "disruptive": (N_("disruptive: a service is restarted or recreated"), "warning"),
    "manual": (N_("by hand: stackops only shows what to do"), "info"),
}


def in_full(result: Result, explanation: str = "") -> list[Line]:
    """One result."""
    subject = f"  {result.subject}" if result.subject else ""
    said = [line(verdict_of(result), (f"  {result.check}", "strong"), (subject, "muted")), line(result.title)]
    if result.note:
        said.append(line((result.note, "muted")))
    if result.because:
        said += [BLANK, line((_("Because"), "accent")), line(f"  {result.because}")]
    if result.evidence:
        said += [BLANK, line((_("Evidence"), "accent")), *_evidence(result)]
    if result.fix is not None:
        words, tone = _SAFETY[result.fix.safety]
        said += [BLANK, line((_("Fix"), "accent")), line(f"  {result.fix.summary}"), line("  ", (_(words), tone))]
    if explanation:
        said += [BLANK, line((_("About this check"), "accent"))]
        said += [line((f"  {each}", "muted")) for each in _joined(explanation)]
    return said


_FULL = 80
"""Cells from which on a line was broken for its margin: what follows it belongs to it."""


def _joined(explanation: str) -> list[str]:
    """Paragraphs in one line each, so that they can be broken where this terminal ends."""
    said: list[str] = []
    full = False
    for each in explanation.strip().splitlines():
        if full and each.strip() and _indent(each) == _indent(said[-1]):
            said[-1] += f" {each.strip()}"
        else:
            said.append(each)
        full = cells(each) >= _FULL
    return said


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _evidence(result: Result) -> list[Line]:
    width = min(24, max(cells(each.label) for each in result.evidence))
    return [
        line(
            (f"  {each.label}{' ' * max(0, width - cells(each.label))}  ", "muted"),
            told(each),
            (f"  {each.source}", "muted"),
        )
        for each in result.evidence
    ]


def fault_lines(snapshot: Snapshot, most: int) -> list[Line]:
    """One line for each fault, what is left out counted."""
    shown = [_fault_line(fault, snapshot) for fault in snapshot.faults[:most]]
    left = len(snapshot.faults) - len(shown)
    if left:
        shown.append(line((_("  and {left} more that could not be read", left=left), "muted")))
    return shown


def _fault_line(fault: Fault, snapshot: Snapshot) -> Line:
    remedy = f"  {fault.remedy}" if fault.remedy else ""
    read = snapshot.ages.get(fault.source)
    length = coarse(snapshot.taken_at - read) if read is not None else ""
    told = _(" (read {length} ago)", length=length) if _("what is shown") in fault.sentence else ""
    age = told or _(" (what is shown was read {length} ago)", length=length) if length else ""
    return line((f"{paint.WARN} {fault.source}: ", "warning"), f"{fault.sentence}{age}", (remedy, "muted"))


def no_service(snapshot: Snapshot, *, offer_demo: bool) -> list[Line]:
    """What stands where the containers would be."""
    said: list[Line] = [BLANK]
    for fault in snapshot.faults:
        said.append(line((f"  {paint.BAD} ", "error"), (fault.sentence, "strong")))
        if fault.remedy:
            said.append(line("    ", fault.remedy))
        said.append(BLANK)
    if not snapshot.faults:
        said += [line(_("  The Docker Engine runs, and there is no container on it.")), BLANK]
    if offer_demo:
        said.append(
            line(
                "  ",
                ("d", "key"),
                _(" opens the practice stack: every pitfall, to look at and repair, on no machine at all."),
            )
        )
    return said
