"""A plan in words: steps, diffs, what restarts, what to know; and how far its run has come."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ...console.fix.engine import Outcome, PreparedPlan
from ...console.fix.plan import Plan
from ...console.fix.records import About, Did, Entry, Failed, Intent, Stopped, Taken
from ...console.fix.running import Progress
from ...console.fix.wishes import WISHES
from ...console.hosts.local.locking import Who
from ...console.text import N_, _
from ...console.text.cleaning import DASH, cells
from ..widgets import paint
from ..widgets.paint import BLANK, Line, Span, Tone, line, pairs

_SAFETY: dict[str, tuple[str, str, Tone]] = {
    "safe": (paint.OK, N_("safe"), "ok"),
    "disruptive": (paint.WARN, N_("disruptive"), "warning"),
    "manual": (paint.NOTE, N_("by hand"), "info"),
}
_MARKS: dict[str, tuple[str, str, Tone]] = {
    "waiting": (paint.OFF, N_("waiting"), "muted"),
    "running": (paint.TURN, N_("running"), "info"),
    "done": (paint.DONE, N_("done"), "ok"),
    "failed": (paint.BAD, N_("failed"), "error"),
    "skipped": (paint.OFF, N_("skipped"), "muted"),
    "taken back": (paint.TURN, N_("taken back"), "muted"),
}
_STEP, _OF_ENTRY = 7, 9
"""Cells of the words beside a step."""
_OUTCOMES: dict[str, tuple[str, Tone, str]] = {
    "done": (paint.DONE, "ok", N_("Done, and proven by looking again")),
    "nothing": (paint.DONE, "ok", N_("Nothing to do: everything is as it should be")),
    "rolled-back": (paint.TURN, "warning", N_("Failed, and rolled back: ")),
    "stopped": (paint.WARN, "warning", N_("Stopped: ")),
    "engine-away": (paint.WARN, "warning", N_("Stopped, because the Engine went away: ")),
    "refused": (paint.WARN, "warning", N_("Refused: ")),
    "rollback-failed": (paint.BAD, "error", N_("The roll-back failed too: ")),
}


def _marked(glyph: str, word: str, tone: Tone, width: int = 0) -> Span:
    """Glyph and word, at least so wide."""
    said = _(word)
    return Span(f"{glyph} {said}{' ' * (width - cells(said))}", tone)


def bullet(text: str) -> Line:
    """One of several things to say."""
    return line((f"  {paint.DOT} ", "muted"), text)


def consequences(prepared: PreparedPlan) -> list[Line]:
    """What consent is asked for."""
    said = [
        _("{name} is restarted or recreated: whoever uses it is cut off for a moment", name=name)
        for name in prepared.plan.restarts
    ]
    said += [_("Cannot be taken back: {describe}", describe=step.describe()) for step in prepared.lasting]
    if prepared.plan.check in WISHES:  # its title is the question
        return [bullet(each) for each in said or [row.step.describe() for row in prepared.steps]]
    return [line(prepared.plan.title), BLANK, *map(bullet, said)]


def title(plan: Plan, verb: str) -> list[Line]:
    """What it is, and how dangerous."""
    words, tone = _marked(*_SAFETY[plan.safety])
    restarts = (
        _(": {restarts} will be restarted or recreated", restarts=", ".join(plan.restarts)) if plan.restarts else ""
    )
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
    if prepared.empty and prepared.plan.check in WISHES:
        return [line(_("There is nothing to do."))]
    if prepared.empty:
        return [line(_("Everything is already as the fix would make it: nothing to do."))]
    said: list[Line] = [line((_("Steps"), "accent"))]
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
    mark = before or _marked(*_MARKS["waiting"], _STEP)
    if progress is not None:
        mark = _marked(*_MARKS[progress.state], _STEP)
    if progress is not None and progress.phase == "roll back" and progress.state == "done":
        mark = _marked(*_MARKS["taken back"])
    said = [line(_label(mark), f"{number + 1}. {describe}")]
    if progress is not None and progress.detail:
        said.append(
            line(("             ", "muted"), (progress.detail, "error" if progress.state == "failed" else "muted"))
        )
    return said


def _know(says: Sequence[str]) -> list[Line]:
    if not says:
        return []
    return [BLANK, line((_("Good to know"), "accent")), *(bullet(each) for each in dict.fromkeys(says))]


def steps_only(entry: Entry, progress: Mapping[int, Progress]) -> list[Line]:
    """The steps of an entry that is finished or taken back after an interruption, from where that left them."""
    said = [line((_("Steps"), "accent"))]
    for number, each in enumerate(entry.intent.steps):
        said += _step(number, each.describe, progress.get(number), _step_state(entry, number))
    return said


def manual(plan: Plan) -> list[Line]:
    """A plan that stackops only tells."""
    said: list[Line] = [line(_("stackops does not do this; here is what to do:")), BLANK]
    return said + [bullet(each) for each in plan.says]


def status(latest: Progress | None, seconds: float, plan: Plan | Intent | None) -> Line:
    """What is happening right now, with the time it may still take."""
    if latest is None or plan is None:
        return line((_("Starting ..."), "info"))
    if latest.phase == "wait":
        return line((f"{paint.TURN} {latest.what}  ", "warning"), (f"{seconds:.0f} s", "muted"))
    if latest.phase == "verify":
        return line(
            (_("{turn} Looking again: ", turn=paint.TURN), "info"),
            _("it must be done, and stay so for {settle:.0f} s  ", settle=plan.settle)
            if plan.check in WISHES
            else _("it must be gone, and stay gone for {settle:.0f} s  ", settle=plan.settle),
            (
                _("{seconds:.0f} of at most {deadline:.0f} s", seconds=seconds, deadline=plan.deadline + plan.settle),
                "muted",
            ),
        )
    if latest.phase == "roll back":
        return line((_("{turn} Taking back: ", turn=paint.TURN), "warning"), latest.what)
    return line(
        (_("{turn} Step {index} of {total}: ", turn=paint.TURN, index=latest.index + 1, total=latest.total), "info"),
        latest.what,
    )


def result(outcome: Outcome, *, undo: bool = False) -> list[Line]:
    """How it ended."""
    glyph, tone, words = _OUTCOMES[outcome.name]
    words = _(words)
    good = outcome.name in {"done", "nothing"}
    if undo and outcome.name == "done":
        words = _("Done: everything is as it was before the fix")
    said = [line((f"{glyph} {words}", tone), "" if good else outcome.sentence)]
    said += [bullet(each) for each in outcome.says]
    if outcome.remedy:
        said.append(line((_("  Next: "), "accent"), outcome.remedy))
    return said


_STATES: dict[str, tuple[str, str, Tone]] = {
    "open": (paint.WARN, N_("interrupted"), "warning"),
    "done": (paint.DONE, N_("done"), "ok"),
    "rolled-back": (paint.TURN, N_("rolled back"), "warning"),
    "undone": (paint.OFF, N_("undone"), "muted"),
    "failed": (paint.BAD, N_("failed"), "error"),
}


def state(entry: Entry) -> Span:
    """Glyph and word."""
    if entry.running:
        return _marked(*_MARKS["running"])
    return _marked(*_STATES[entry.state])


def when(at: float | None) -> str:
    """Local time to the minute."""
    return DASH if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def who(person: Who) -> str:
    """The user, and who he was before sudo."""
    return _("{sudo_user} as {user}", sudo_user=person.sudo_user, user=person.user) if person.sudo_user else person.user


def detail(entry: Entry) -> list[Line]:
    """One entry in full."""
    intent = entry.intent
    said = [
        line(state(entry), (f"  {intent.title}", "strong")),
        *pairs(
            (_("entry"), entry.id),
            (_("check"), intent.check),
            (_("subject"), intent.subject or None),
            (_("host"), intent.host),
            (_("began"), when(intent.at)),
            (_("ended"), when(entry.ended_at)),
            (_("by"), _("{who} (uid {uid})", who=who(intent.who), uid=intent.who.uid)),
            (_("from"), intent.who.ssh or None),
            (_("takes back"), intent.of),
            (_("undone by"), entry.undone_by),
            width=11,
        ),
        BLANK,
        line((_("Steps"), "accent")),
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
        return _marked(*_MARKS["taken back"])
    if index in entry.done:
        return _marked(paint.DONE, N_("done"), "ok", _OF_ENTRY + 1)
    if index in entry.begun:
        return _marked(paint.WARN, N_("begun"), "warning", _OF_ENTRY + 1)
    return _marked(paint.OFF, N_("not begun"), "muted", _OF_ENTRY + 1)


def _reasons(entry: Entry) -> list[Line]:
    said: list[Line] = []
    for record in entry.records:
        if isinstance(record, Failed):
            said.append(line((_("  failed      "), "error"), record.why))
        elif isinstance(record, Stopped):
            said.append(line((_("  stopped     "), "warning"), record.why))
        elif isinstance(record, Taken):
            said.append(
                line(
                    (_("  taken over  "), "info"),
                    _("{how}, by {who}, {when}", how=_(record.how), who=who(record.who), when=when(record.at)),
                )
            )
    if entry.end is not None:
        said += [line((_("  says        "), "muted"), each) for each in entry.end.says]
    return said


def open_words(entry: Entry, *, can_resume: bool) -> list[Line]:
    """What the dialog about an interrupted fix says."""
    steps = len(entry.intent.steps)
    last = next(
        (r.at for r in reversed(entry.records) if isinstance(r, About | Did | Failed | Stopped)), entry.intent.at
    )
    said = [
        line((_("Fix      "), "muted"), (entry.intent.title, "strong")),
        line(
            (_("Began    "), "muted"),
            _(
                "{at} by {who}; last heard of {last}",
                at=when(entry.intent.at),
                who=who(entry.intent.who),
                last=when(last),
            ),
        ),
        line((_("Steps    "), "muted"), _("{count} of {steps} done", count=len(entry.done), steps=steps)),
        BLANK,
    ]
    for index, step in enumerate(entry.intent.steps):
        said.append(line(_label(_step_state(entry, index)), step.describe))
    forward = _("Resume does the rest and proves it.") + " " if can_resume else ""
    said += [BLANK, line(forward, _("Roll back takes back what was done. Later leaves it as it is."))]
    return said
