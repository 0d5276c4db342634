"""``stackops explain``: what a check looks for, from its own module docstring, so that it cannot drift."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import click

from ..exits import ExitCode
from .session import AnyCheck, Session, pass_session


@click.command(short_help="What a check looks for, why it matters, how it is fixed.")
@click.argument("check_id", required=False, metavar="[ID]")
@pass_session
def explain(session: Session, check_id: str | None) -> int:
    """What a check looks for, why it matters, how it is fixed, and where that is known from. Without ID: all checks."""
    session.output_mode()
    if check_id is None:
        _list(session, session.doors.checks())
    else:
        _one(session, session.check(check_id))
    return ExitCode.OK


def _list(session: Session, checks: Sequence[AnyCheck]) -> None:
    output = session.output
    if output.json:
        rows = [{"id": c.id, "title": c.title, "severity": c.severity, "fix": c.plan is not None} for c in checks]
        output.document({"checks": rows})
        return
    width = max((len(check.id) for check in checks), default=0)
    for each in checks:
        if output.plain:
            output.facts(each.severity, each.id, each.title)
        else:
            output.painted(each.severity.ljust(9), each.severity, f"{each.id:<{width}}  {each.title}")


def _one(session: Session, check: AnyCheck) -> None:
    output = session.output
    doc = inspect.cleandoc(check.doc)
    if output.json:
        head = {"id": check.id, "title": check.title, "severity": check.severity, "fix": check.plan is not None}
        output.document({"check": {**head, "doc": doc}})
    elif output.plain:
        for line in filter(str.strip, doc.splitlines()):
            output.facts(check.severity, check.id, line.strip())
    else:
        output.painted(check.id, check.severity, f"  ({check.severity})\n\n{doc}")
