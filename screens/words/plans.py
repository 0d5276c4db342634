"""A plan in words: steps, diffs, what restarts, what to know; and how far its run has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...console.fixing import Outcome, PreparedPlan
from ...console.plan import Plan
from ...console.running import Progress
from .. import glyphs
from ..widgets.paint import BLANK, Line, Span, Tone, line

_SAFETY: dict[str, tuple[str, Tone]] = {
    "safe": (f"{glyphs.OK} safe", "ok"),
    "disruptive": (f"{glyphs.WARN} disruptive", "warning"),
    "manual": (f"{glyphs.NOTE} by hand", "info"),
}
_MARKS: dict[str, tuple[str, Tone]] = {
    "waiting": (f"{glyphs.OFF} waiting", "muted"),
    "running": (f"{glyphs.TURN} running", "info"),
    "done": (f"{glyphs.DONE} done   ", "ok"),
    "failed": (f"{glyphs.BAD} failed ", "error"),
    "skipped": (f"{glyphs.OFF} skipped", "muted"),
}
_OUTCOMES: dict[str, tuple[str, Tone]] = {
    "done": (glyphs.DONE, "ok"),
    "nothing": (glyphs.DONE, "ok"),
    "rolled-back": (glyphs.TURN, "warning"),
    "stopped": (glyphs.WARN, "warning"),
    "refused": (glyphs.WARN, "warning"),
    "rollback-failed": (glyphs.BAD, "error"),
}


def bullet(text: str) -> Line:
    """One of several things to say."""
    return line((f"  {glyphs.DOT} ", "muted"), text)


def title(plan: Plan, kind: str) -> list[Line]:
    """What it is, and how dangerous."""
    words, tone = _SAFETY[plan.safety]
    restarts = f": {', '.join(plan.restarts)} will be restarted or recreated" if plan.restarts else ""
    verb = "" if kind == "undo" else "Fix  "
    return [
        line((verb, "accent"), (plan.title, "strong")),
        line((words, tone), (restarts, tone), (f"  {plan.check}  {plan.subject}", "muted")),
    ]


def diff_lines(diff: str) -> list[Line]:
    """A unified diff; its signs say the same as its colours."""
    return [line(_diff_span(each)) for each in diff.splitlines()]


def _diff_span(text: str) -> Span:
    if text.startswith(("+++", "---")):
        return Span(f"  {text}", "strong")
    if text.startswith("@@"):
        return Span(f"  {text}", "info")
    if text.startswith("+"):
        return Span(f"  {text}", "added")
    if text.startswith("-"):
        return Span(f"  {text}", "removed")
    return Span(f"  {text}", "muted")


def document(prepared: PreparedPlan, progress: Mapping[int, Progress]) -> list[Line]:
    """Steps with their state, what to know, then every diff."""
    if prepared.empty:
        return [line("Everything is already as the fix would make it: nothing to do.")]
    said: list[Line] = [line(("Steps", "accent"))]
    for number, row in enumerate(prepared.steps):
        said += _step(number, row.step.describe(), progress.get(number))
    said += _know([*prepared.plan.says, *prepared.notes])
    for row in prepared.steps:
        if row.diff:
            said += [BLANK, line((row.step.target, "accent")), *diff_lines(row.diff)]
    return said


def _step(number: int, describe: str, progress: Progress | None) -> list[Line]:
    words, tone = _MARKS["waiting" if progress is None else progress.state]
    said = [line((f"  {words}  ", tone), f"{number + 1}. {describe}")]
    if progress is not None and progress.detail:
        said.append(
            line(("             ", "muted"), (progress.detail, "error" if progress.state == "failed" else "muted"))
        )
    return said


def _know(says: Sequence[str]) -> list[Line]:
    if not says:
        return []
    return [BLANK, line(("Good to know", "accent")), *(bullet(each) for each in dict.fromkeys(says))]


def steps_only(describes: Sequence[str], progress: Mapping[int, Progress]) -> list[Line]:
    """The steps of an entry that is finished or taken back after an interruption."""
    said = [line(("Steps", "accent"))]
    for number, each in enumerate(describes):
        said += _step(number, each, progress.get(number))
    return said


def manual(plan: Plan) -> list[Line]:
    """A plan that stackops only tells."""
    said: list[Line] = [line("stackops does not do this; here is what to do:"), BLANK]
    return said + [bullet(each) for each in plan.says]


def status(latest: Progress | None, seconds: float, plan: Plan) -> Line:
    """What is happening right now, with the time it may still take."""
    if latest is None:
        return line(("Starting ...", "info"))
    if latest.phase == "verify":
        return line(
            (f"{glyphs.TURN} Looking again: ", "info"),
            f"it must be gone, and stay gone for {plan.settle:.0f} s  ",
            (f"{seconds:.0f} of at most {plan.deadline + plan.settle:.0f} s", "muted"),
        )
    if latest.phase == "roll back":
        return line((f"{glyphs.TURN} Taking back: ", "warning"), latest.what)
    return line((f"{glyphs.TURN} Step {latest.index + 1} of {latest.total}: ", "info"), latest.what)


_ENDS = {
    "done": "Done, and proven by looking again",
    "nothing": "Nothing to do: everything is as it should be",
    "rolled-back": "Failed, and rolled back: ",
    "stopped": "Stopped: ",
    "refused": "Refused: ",
    "rollback-failed": "The roll-back failed too: ",
}


def result(outcome: Outcome, *, undo: bool = False) -> list[Line]:
    """How it ended."""
    glyph, tone = _OUTCOMES[outcome.name]
    good = outcome.name in {"done", "nothing"}
    words = "Done: everything is as it was before the fix" if undo and outcome.name == "done" else _ENDS[outcome.name]
    said = [line((f"{glyph} {words}", tone), "" if good else outcome.sentence)]
    said += [bullet(each) for each in outcome.says]
    if outcome.remedy:
        said.append(line(("  Next: ", "accent"), outcome.remedy))
    return said
