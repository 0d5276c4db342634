"""A result told in full: evidence, cause, what the fix would do, and what the check is about."""

from __future__ import annotations

from ...console.findings import Result
from ...console.text import cells
from ..widgets.paint import BLANK, Line, Tone, line
from . import states

_SAFETY: dict[str, tuple[str, Tone]] = {
    "safe": ("safe: can be taken back exactly, nothing restarts", "ok"),
    "disruptive": ("disruptive: a service is restarted or recreated", "warning"),
    "manual": ("by hand: stackops only shows what to do", "info"),
}


def detail(result: Result, explanation: str = "") -> list[Line]:
    """One result."""
    subject = f"  {result.subject}" if result.subject else ""
    said = [line(states.verdict_of(result), (f"  {result.check}", "strong"), (subject, "muted")), line(result.title)]
    if result.because:
        said += [BLANK, line(("Because", "accent")), line(f"  {result.because}")]
    if result.evidence:
        said += [BLANK, line(("Evidence", "accent")), *_evidence(result)]
    if result.fix is not None:
        words, tone = _SAFETY[result.fix.safety]
        said += [BLANK, line(("Fix", "accent")), line(f"  {result.fix.summary}"), line("  ", (words, tone))]
    if explanation:
        said += [BLANK, line(("About this check", "accent"))]
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
            each.value,
            (f"  {each.source}", "muted"),
        )
        for each in result.evidence
    ]
