"""``stackops journal``: what was done here, by whom, and how it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..exits import ExitCode
from ..hosts import HostError
from .session import Session, pass_session

if TYPE_CHECKING:
    from ..records import Entry


@click.command(short_help="What was done here, by whom, and how it ended.")
@click.argument("entry", required=False)
@pass_session
def journal(session: Session, entry: str | None) -> int:
    """What was done here, newest first: when, by whom, how it ended. With ENTRY: its steps, diffs and lines."""
    session.output_mode()
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
    output = session.output
    if output.json:
        from ..export import json_

        output.document({"entries": [json_.entry(each) for each in entries]})
        return
    for each in entries:
        intent = each.intent
        if output.plain:
            output.facts(
                _state(each), each.id, intent.kind, intent.check, intent.subject, _at(intent.at), each.person.user
            )
        else:
            kind = {"done": "ok", "open": "warning", "failed": "error"}.get(each.state, "")
            output.painted(
                f"{_state(each):<12}", kind,
                f"{each.id}  {_at(intent.at)}  {intent.kind} {intent.check} {intent.subject}  by {each.person.user}",
            )  # fmt: skip
    if not entries and not output.plain:
        output.say("nothing has been done here yet")


def _one(session: Session, entry: Entry) -> None:
    output, intent = session.output, entry.intent
    if output.json:
        from ..export import json_

        output.document({"entry": json_.entry(entry, whole=True)})
        return
    if output.plain:
        output.facts(
            _state(entry), entry.id, intent.kind, intent.check, intent.subject, _at(intent.at), entry.person.user
        )
        for index, row in enumerate(intent.steps):
            output.facts(_step(entry, index), entry.id, str(index + 1), row.describe)
        for line in entry.end.says if entry.end else ():
            output.facts("note", entry.id, line)
        return
    output.painted(_state(entry), "", f"  {entry.id}  {intent.title}")
    output.data(f"  {intent.kind} of {intent.check} {intent.subject} ({intent.safety}) on {intent.host}")
    output.data(f"  by {_who(entry)}, {_at(intent.at)}" + (f", ended {_at(entry.ended_at)}" if entry.ended_at else ""))
    for index, row in enumerate(intent.steps):
        output.data(f"  {index + 1}. {_step(entry, index):<11} {row.describe}")
        for line in row.diff.splitlines():
            output.data(f"       {line}")
    for line in entry.end.says if entry.end else ():
        output.data(f"  {line}")


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
