"""A plan in words: steps, diffs, what restarts, what to know; and how far its run has come."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ...console.fix.engine import Outcome, PreparedPlan
from ...console.fix.plan import Plan
from ...console.fix.records import About, Did, Entry, Failed, Intent, Stopped, Taken
from ...console.fix.running import Progress
from ...console.hosts.local.locking import Who
from ...console.text.cleaning import DASH
from ..widgets import paint
from ..widgets.paint import BLANK, Line, Span, Tone, line, pairs

_SAFETY: dict[str, tuple[str, Tone]] = {
    "safe": (f"{paint.OK} safe", "ok"),
    "disruptive": (f"{paint.WARN} disruptive", "warning"),
    "manual": (f"{paint.NOTE} by hand", "info"),
}
_MARKS: dict[str, tuple[str, Tone]] = {
    "waiting": (f"{paint.OFF} waiting", "muted"),
    "running": (f"{paint.TURN} running", "info"),
    "done": (f"{paint.DONE} done   ", "ok"),
    "failed": (f"{paint.BAD} failed ", "error"),
    "skipped": (f"{paint.OFF} skipped", "muted"),
}
_TAKEN_BACK = Span(f"{paint.TURN} taken back", "muted")
_OUTCOMES: dict[str, tuple[str, Tone, str]] = {
    "done": (paint.DONE, "ok", "Done, and proven by looking again"),
    "nothing": (paint.DONE, "ok", "Nothing to do: everything is as it should be"),
    "rolled-back": (paint.TURN, "warning", "Failed, and rolled back: "),
    "stopped": (paint.WARN, "warning", "Stopped: "),
    "engine-away": (paint.WARN, "warning", "Stopped, because the Engine went away: "),
    "refused": (paint.WARN, "warning", "Refused: "),
    "rollback-failed": (paint.BAD, "error", "The roll-back failed too: "),
}


def bullet(text: str) -> Line:
    """One of several things to say."""
    return line((f"  {paint.DOT} ", "muted"), text)


def consequences(prepared: PreparedPlan) -> list[Line]:
    """What consent is asked for."""
    cut = "is restarted or recreated: whoever uses it is cut off for a moment"
    said = [f"{name} {cut}" for name in prepared.plan.restarts]
    said += [f"Cannot be taken back: {step.describe()}" for step in prepared.lasting]
    return [line(prepared.plan.title), BLANK, *map(bullet, said)]


def title(plan: Plan, verb: str) -> list[Line]:
    """What it is, and how dangerous."""
    words, tone = _SAFETY[plan.safety]
    restarts = f": {', '.join(plan.restarts)} will be restarted or recreated" if plan.restarts else ""
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


def _label(mark: Span) -> Span:
    """In front of a step's words, so that what continues them hangs under them."""
    return mark._replace(text=f"  {mark.text}  ")


def _step(number: int, describe: str, progress: Progress | None, before: Span | None = None) -> list[Line]:
    """``before`` is how it stood when this process took over."""
    mark = (before or Span(*_MARKS["waiting"])) if progress is None else Span(*_MARKS[progress.state])
    if progress is not None and progress.phase == "roll back" and progress.state == "done":
        mark = _TAKEN_BACK
    said = [line(_label(mark), f"{number + 1}. {describe}")]
    if progress is not None and progress.detail:
        said.append(
            line(("             ", "muted"), (progress.detail, "error" if progress.state == "failed" else "muted"))
        )
    return said


def _know(says: Sequence[str]) -> list[Line]:
    if not says:
        return []
    return [BLANK, line(("Good to know", "accent")), *(bullet(each) for each in dict.fromkeys(says))]


def steps_only(entry: Entry, progress: Mapping[int, Progress]) -> list[Line]:
    """The steps of an entry that is finished or taken back after an interruption, from where that left them."""
    said = [line(("Steps", "accent"))]
    for number, each in enumerate(entry.intent.steps):
        said += _step(number, each.describe, progress.get(number), _step_state(entry, number))
    return said


def manual(plan: Plan) -> list[Line]:
    """A plan that stackops only tells."""
    said: list[Line] = [line("stackops does not do this; here is what to do:"), BLANK]
    return said + [bullet(each) for each in plan.says]


def status(latest: Progress | None, seconds: float, plan: Plan | Intent | None) -> Line:
    """What is happening right now, with the time it may still take."""
    if latest is None or plan is None:
        return line(("Starting ...", "info"))
    if latest.phase == "wait":
        return line((f"{paint.TURN} {latest.what}  ", "warning"), (f"{seconds:.0f} s", "muted"))
    if latest.phase == "verify":
        return line(
            (f"{paint.TURN} Looking again: ", "info"),
            f"it must be gone, and stay gone for {plan.settle:.0f} s  ",
            (f"{seconds:.0f} of at most {plan.deadline + plan.settle:.0f} s", "muted"),
        )
    if latest.phase == "roll back":
        return line((f"{paint.TURN} Taking back: ", "warning"), latest.what)
    return line((f"{paint.TURN} Step {latest.index + 1} of {latest.total}: ", "info"), latest.what)


def result(outcome: Outcome, *, undo: bool = False) -> list[Line]:
    """How it ended."""
    glyph, tone, words = _OUTCOMES[outcome.name]
    good = outcome.name in {"done", "nothing"}
    if undo and outcome.name == "done":
        words = "Done: everything is as it was before the fix"
    said = [line((f"{glyph} {words}", tone), "" if good else outcome.sentence)]
    said += [bullet(each) for each in outcome.says]
    if outcome.remedy:
        said.append(line(("  Next: ", "accent"), outcome.remedy))
    return said


_STATES: dict[str, tuple[str, Tone]] = {
    "open": (f"{paint.WARN} interrupted", "warning"),
    "done": (f"{paint.DONE} done", "ok"),
    "rolled-back": (f"{paint.TURN} rolled back", "warning"),
    "undone": (f"{paint.OFF} undone", "muted"),
    "failed": (f"{paint.BAD} failed", "error"),
}


def state(entry: Entry) -> Span:
    """Glyph and word."""
    if entry.running:
        return Span(f"{paint.TURN} running", "info")
    return Span(*_STATES[entry.state])


def when(at: float | None) -> str:
    """Local time to the minute."""
    return DASH if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def who(person: Who) -> str:
    """The user, and who he was before sudo."""
    return f"{person.sudo_user} as {person.user}" if person.sudo_user else person.user


def detail(entry: Entry) -> list[Line]:
    """One entry in full."""
    intent = entry.intent
    said = [
        line(state(entry), (f"  {intent.title}", "strong")),
        *pairs(
            ("entry", entry.id),
            ("check", intent.check),
            ("subject", intent.subject or None),
            ("host", intent.host),
            ("began", when(intent.at)),
            ("ended", when(entry.ended_at)),
            ("by", f"{who(intent.who)} (uid {intent.who.uid})"),
            ("from", intent.who.ssh or None),
            ("takes back", intent.of),
            ("undone by", entry.undone_by),
            width=11,
        ),
        BLANK,
        line(("Steps", "accent")),
    ]
    for index, step in enumerate(intent.steps):
        said.append(line("  ", _step_state(entry, index), f"  {step.describe}"))
    said += _reasons(entry)
    for step in intent.steps:
        if step.diff:
            said += [BLANK, *diff_lines(step.diff)]
    return said


def _step_state(entry: Entry, index: int) -> Span:
    if index in entry.taken_back:
        return _TAKEN_BACK
    if index in entry.done:
        return Span(f"{paint.DONE} done      ", "ok")
    if index in entry.begun:
        return Span(f"{paint.WARN} begun     ", "warning")
    return Span(f"{paint.OFF} not begun ", "muted")


def _reasons(entry: Entry) -> list[Line]:
    said: list[Line] = []
    for record in entry.records:
        if isinstance(record, Failed):
            said.append(line(("  failed      ", "error"), record.why))
        elif isinstance(record, Stopped):
            said.append(line(("  stopped     ", "warning"), record.why))
        elif isinstance(record, Taken):
            said.append(line(("  taken over  ", "info"), f"{record.how}, by {who(record.who)}, {when(record.at)}"))
    if entry.end is not None:
        said += [line(("  says        ", "muted"), each) for each in entry.end.says]
    return said


def open_words(entry: Entry, *, can_resume: bool) -> list[Line]:
    """What the dialog about an interrupted fix says."""
    steps = len(entry.intent.steps)
    last = next(
        (r.at for r in reversed(entry.records) if isinstance(r, About | Did | Failed | Stopped)), entry.intent.at
    )
    said = [
        line(("Fix      ", "muted"), (entry.intent.title, "strong")),
        line(("Began    ", "muted"), f"{when(entry.intent.at)} by {who(entry.intent.who)}; last heard of {when(last)}"),
        line(("Steps    ", "muted"), f"{len(entry.done)} of {steps} done"),
        BLANK,
    ]
    for index, step in enumerate(entry.intent.steps):
        said.append(line(_label(_step_state(entry, index)), step.describe))
    forward = "Resume does the rest and proves it. " if can_resume else ""
    said += [BLANK, line(f"{forward}Roll back takes back what was done. Later leaves it as it is.")]
    return said
