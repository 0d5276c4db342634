"""``stackops explain``: what a check looks for, from its own module docstring, so that it cannot drift."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..exit_codes import ExitCode
from .session import Session, pass_session

if TYPE_CHECKING:
    from ...checks.api import Check


@click.command(short_help="What a check looks for, why it matters, how it is fixed.")
@click.argument("check_id", required=False, metavar="[ID]")
@pass_session
def explain(session: Session, check_id: str | None) -> int:
    """What a check looks for, why it matters, how it is fixed, and where that is known from. Without ID: all checks."""
    session.output_mode()
    session.require_project()
    if check_id is None:
        _list(session, session.doors.checks())
    else:
        _one(session, session.check(check_id))
    return ExitCode.OK


def _list(session: Session, checks: Sequence[Check]) -> None:
    width = max((len(check.id) for check in checks), default=0)
    session.output.answer(
        lambda: {"checks": [_head(check) for check in checks]},
        lambda: [(check.severity, check.id, check.title) for check in checks],
        lambda: [(check.severity.ljust(9), check.severity, f"{check.id:<{width}}  {check.title}") for check in checks],
    )


def _one(session: Session, check: Check) -> None:
    doc = inspect.cleandoc(check.doc)
    session.output.answer(
        lambda: {"check": {**_head(check), "doc": doc}},
        lambda: [(check.severity, check.id, line.strip()) for line in filter(str.strip, doc.splitlines())],
        lambda: [(check.id, check.severity, f"  ({check.severity})\n\n{doc}")],
    )


def _head(check: Check) -> dict[str, object]:
    return {"id": check.id, "title": check.title, "severity": check.severity, "fix": check.plan is not None}
