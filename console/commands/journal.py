"""``stackops journal``, ``undo``, ``resume`` and ``rollback``: what was done here, and taking it back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ..exit_codes import ExitCode
from ..hosts import EngineUnreachable, HostError
from ..text import _
from .acting import act, agree, confirm, fixer, show
from .session import Session, Stop, pass_session

if TYPE_CHECKING:
    from ..fix.records import Entry
    from ..report.text import Line


@click.command(short_help="What was done here, by whom, and how it ended.")
@click.argument("entry", required=False)
@pass_session
def journal(session: Session, entry: str | None) -> int:
    """What was done here, newest first: when, by whom, how it ended. With ENTRY: its steps, diffs and lines."""
    session.output_mode()
    session.require_project()
    record = session.journal()
    if entry is None:
        _list(session, record.entries())
        for path in record.unreadable():
            session.output.say(_("stackops: {path}: not an entry this version understands; left alone", path=path))
        return ExitCode.OK
    try:
        _one(session, record.get(entry))
    except HostError as error:
        raise click.UsageError("; ".join(filter(None, (str(error), error.remedy)))) from error
    return ExitCode.OK


def _list(session: Session, entries: tuple[Entry, ...]) -> None:
    from ..report import json_
    from ..report.text import padded

    def lines() -> Iterator[Line]:
        for each in entries:
            kind = {"done": "ok", "open": "warning", "failed": "error"}.get(each.state, "")
            what = f"{_(each.intent.kind)} {each.intent.check} {each.intent.subject}"
            yield (
                padded(_(_state(each)), 12), kind,
                _("{id}  {at}  {what}  by {who}", id=each.id, at=_at(each.intent.at), what=what, who=each.person.user),
            )  # fmt: skip

    session.output.answer(
        lambda: {"entries": [json_.entry(each) for each in entries]}, lambda: map(_facts, entries), lines
    )
    if not entries and not session.output.json and not session.output.plain:
        session.output.say(_("nothing has been done here yet"))


def _one(session: Session, entry: Entry) -> None:
    from ..report import json_

    session.output.answer(
        lambda: {"entry": json_.entry(entry, whole=True)}, lambda: _all_facts(entry), lambda: _lines(entry)
    )


def _facts(entry: Entry) -> tuple[str, ...]:
    intent = entry.intent
    return (_state(entry), entry.id, intent.kind, intent.check, intent.subject, _at(intent.at), entry.person.user)


def _all_facts(entry: Entry) -> Iterator[tuple[str, ...]]:
    yield _facts(entry)
    for index, row in enumerate(entry.intent.steps):
        yield (_step(entry, index), entry.id, str(index + 1), row.describe)
    for line in entry.end.says if entry.end else ():
        yield ("note", entry.id, line)


def _lines(entry: Entry) -> Iterator[Line]:
    from ..report.text import padded

    intent = entry.intent
    ended = _(", ended {at}", at=_at(entry.ended_at)) if entry.ended_at else ""
    kind, subject, safety = _(intent.kind), f"{intent.check} {intent.subject}", _(intent.safety)
    said = _("{kind} of {subject} ({safety}) on {host}", kind=kind, subject=subject, safety=safety, host=intent.host)
    yield (_(_state(entry)), "", f"  {entry.id}  {intent.title}")
    yield ("", "", f"  {said}")
    yield ("", "", _("  by {who}, {at}{ended}", who=_who(entry), at=_at(intent.at), ended=ended))
    for index, row in enumerate(intent.steps):
        yield ("", "", f"  {index + 1}. {padded(_(_step(entry, index)), 11)} {row.describe}")
        yield from (("", "", f"       {line}") for line in row.diff.splitlines())
    yield from (("", "", f"  {line}") for line in (entry.end.says if entry.end else ()))


def _state(entry: Entry) -> str:
    return "running" if entry.running else entry.state


def _step(entry: Entry, index: int) -> str:
    if index in entry.taken_back:
        return "taken-back"
    return "done" if index in entry.done else "begun" if index in entry.begun else "not-done"


def _who(entry: Entry) -> str:
    person = entry.person
    behind = _(" (sudo by {sudo_user})", sudo_user=person.sudo_user) if person.sudo_user else ""
    return f"{person.user}{behind}" + (_(" from {split}", split=person.ssh.split()[0]) if person.ssh else "")


def _at(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _entry(session: Session, name: str | None) -> Entry:
    """An entry of the journal by its name or the beginning of it; a usage error otherwise."""
    try:
        return session.journal().get(name or "")
    except HostError as error:
        raise click.UsageError("; ".join(filter(None, (str(error), error.remedy)))) from error


@click.command(short_help="Take a fix back.")
@click.argument("entry", required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_session
def undo(session: Session, entry: str | None, yes: bool) -> int:
    """Take a fix back: the newest that is not undone, or the ENTRY of the journal that is named.

    Refused when what would be undone is no longer as the fix left it. Services that the fix restarted restart again.
    """
    session.output_mode()
    if entry is None:
        session.require_project()
    chosen = session.journal().undoable() if entry is None else _entry(session, entry)
    if chosen is None:
        return session.nothing("", _("nothing to undo"))
    engine = fixer(session, chosen.intent.check, chosen.intent.subject, chosen.intent.lock)
    try:
        prepared = engine.prepare_undo(chosen.id)
    except EngineUnreachable:
        raise
    except HostError as error:
        raise Stop.at(error) from error
    if not session.output.json:
        show(session, prepared)
    agree(session, prepared, yes=yes, disruptive=True, fix=False)
    return act(session, lambda tell, stop: engine.run(prepared, tell, stop), prepared)


@click.command(short_help="Finish a fix that was interrupted.")
@click.argument("entry", required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_session
def resume(session: Session, entry: str | None, yes: bool) -> int:
    """Finish a fix that was killed or stopped in the middle: the steps that are left, then the proof."""
    chosen = _open_entry(session, entry, yes=yes, how="resume")
    if chosen is None:
        return session.nothing("", _("nothing was interrupted"))
    engine = fixer(session, chosen.intent.check, chosen.intent.subject, chosen.intent.lock)
    return act(session, lambda tell, stop: engine.resume(chosen, tell, stop))


@click.command(short_help="Take back what an interrupted fix had done.")
@click.argument("entry", required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_session
def rollback(session: Session, entry: str | None, yes: bool) -> int:
    """Take back what a fix had done when it was killed or stopped in the middle."""
    chosen = _open_entry(session, entry, yes=yes, how="roll back")
    if chosen is None:
        return session.nothing("", _("nothing was interrupted"))
    engine = fixer(session, chosen.intent.check, chosen.intent.subject, chosen.intent.lock)
    return act(session, lambda tell, stop: engine.roll_back(chosen, tell, stop), wanted="rolled-back")


def _open_entry(session: Session, name: str | None, *, yes: bool, how: str) -> Entry | None:
    """The interrupted entry that is meant, agreed to; None when none waits."""
    session.output_mode()
    waiting = session.journal().open_entries()
    if not waiting:
        session.require_project()
    if name is not None:
        chosen = _entry(session, name)
        if chosen.id not in {each.id for each in waiting}:
            state = _("still being worked on") if chosen.running else _(chosen.state)
            raise Stop(
                _("entry {id} is {state}, so there is nothing to {how}", id=chosen.id, state=state, how=_(how)),
                ExitCode.REFUSED,
            )
    elif len(waiting) > 1:
        names = ", ".join(each.id for each in waiting)
        raise click.UsageError(
            _("{count} fixes were interrupted; name one of them: {names}", count=len(waiting), names=names)
        )
    elif not waiting:
        return None
    else:
        chosen = waiting[0]
    if session.settings.read_only:
        raise Stop(_("read-only: nothing is changed; start without --read-only"), ExitCode.REFUSED)
    _agree(session, chosen, yes=yes, how=how)
    return chosen


def _agree(session: Session, entry: Entry, *, yes: bool, how: str) -> None:
    from ..report.text import padded

    intent = entry.intent
    session.output.say(f"{intent.title} ({intent.check} {intent.subject}), {_(intent.safety)}")
    for index, row in enumerate(intent.steps):
        state = _("done") if index in entry.done else _("begun") if index in entry.begun else _("to do")
        session.output.say(f"  {padded(state, 6)}{row.describe}")
    confirm(f"{_(how).capitalize()}?", yes=yes)
