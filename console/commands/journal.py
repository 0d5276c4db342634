"""``stackops journal``: what was done here, by whom, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ..exit_codes import ExitCode
from ..hosts import HostError
from .session import Session, pass_session

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
            session.output.say(f"stackops: {path}: not an entry this version understands; left alone")
        return ExitCode.OK
    try:
        _one(session, record.get(entry))
    except HostError as error:
        raise click.UsageError("; ".join(filter(None, (str(error), error.remedy)))) from error
    return ExitCode.OK


def _list(session: Session, entries: tuple[Entry, ...]) -> None:
    from ..report import json_

    def lines() -> Iterator[Line]:
        for each in entries:
            kind = {"done": "ok", "open": "warning", "failed": "error"}.get(each.state, "")
            what = f"{each.intent.kind} {each.intent.check} {each.intent.subject}"
            yield (
                f"{_state(each):<12}", kind, f"{each.id}  {_at(each.intent.at)}  {what}  by {each.person.user}",
            )  # fmt: skip

    session.output.answer(
        lambda: {"entries": [json_.entry(each) for each in entries]}, lambda: map(_facts, entries), lines
    )
    if not entries and not session.output.json and not session.output.plain:
        session.output.say("nothing has been done here yet")


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
    intent = entry.intent
    ended = f", ended {_at(entry.ended_at)}" if entry.ended_at else ""
    yield (_state(entry), "", f"  {entry.id}  {intent.title}")
    yield ("", "", f"  {intent.kind} of {intent.check} {intent.subject} ({intent.safety}) on {intent.host}")
    yield ("", "", f"  by {_who(entry)}, {_at(intent.at)}{ended}")
    for index, row in enumerate(intent.steps):
        yield ("", "", f"  {index + 1}. {_step(entry, index):<11} {row.describe}")
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
    behind = f" (sudo by {person.sudo_user})" if person.sudo_user else ""
    return f"{person.user}{behind}" + (f" from {person.ssh.split()[0]}" if person.ssh else "")


def _at(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
