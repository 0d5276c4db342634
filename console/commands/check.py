"""``stackops check`` and ``explain``: what is wrong and why; what a check looks for, from its docstring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..exit_codes import ExitCode
from ..judge import essential, judge
from ..text import _
from .session import Session, Stop, pass_session, project_dir_option, require_engine

if TYPE_CHECKING:
    from ...checks.api import Check
    from ..model import Snapshot
    from ..model.findings import Judgement, Result

_LEVELS = ("error", "warning", "info")


@click.command(short_help="Say what is wrong, and why.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@project_dir_option
@click.option("--fail-on", type=click.Choice([*_LEVELS, "never"]), default="error", show_default=True,
              help="Least severity that makes the exit code 1.")  # fmt: skip
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="Override a setting: librechat.release=0.8.2.")
@pass_session
def check(session: Session, ids: tuple[str, ...], project_dir: str | None, fail_on: str, given: tuple[str, ...]) -> int:
    """Say what is wrong, and why: all checks, or those named.

    Connections between services are tried from inside them, but for those to a MySQL, which counts them: name
    wiring.broken to try these too. Exits 1 when there are findings at or above --fail-on, 3 when the Engine could not
    be asked, or did not tell of a container (what could be judged without it is still printed).
    """
    from ..collect.sources.wiring import GENTLY

    session.output_mode()
    session.set_only(given)
    asked = [part for check_id in ids for part in session.check(check_id).proves] if ids else [GENTLY]
    if project_dir is not None:
        snapshot = session.judge_folder(project_dir)
    else:
        session.tell_open_intents()
        snapshot = session.look(on_request=asked)
    results = session.doors.examine(snapshot, session.settings, ids or None)
    for each in session.settings.ignore:
        if each.over(snapshot.taken_at):
            what = f"{each.check} {each.subject or ''}".rstrip()
            session.output.say(
                _(
                    "stackops: {what} was ignored until {until}; take that out of the settings, or renew it",
                    what=what,
                    until=each.until,
                )
            )
    _print(session, snapshot, results, None if ids or project_dir is not None else judge(snapshot, results))
    if project_dir is not None:
        _require_judged(snapshot, results, fail_on)
    return _exit_code(session, snapshot, results, fail_on)


REFUSED = "compose.invalid"
"""The check that only says again why a folder cannot be judged."""


def _require_judged(snapshot: Snapshot, results: Sequence[Result], fail_on: str) -> None:
    """A folder whose files cannot be read, or that Compose refuses, must not pass for one that is in order."""
    fault = next((fault for fault in snapshot.faults if fault.source.startswith("compose")), None)
    refused = any(file.error for project in snapshot.projects for file in project.files)
    known = any(result.status in ("ok", "finding") for result in results)
    others = [result for result in results if result.check != REFUSED]
    judged = _found(others, fail_on) if refused else known
    if fault is not None and not judged:
        raise Stop.because(ExitCode.USAGE, fault.sentence, fault.remedy)


def _print(session: Session, snapshot: Snapshot, results: Sequence[Result], judgement: Judgement | None) -> None:
    from ..report import json_, plain, text

    output = session.output
    output.answer(
        lambda: json_.check(snapshot, results, judgement),
        lambda: plain.check(snapshot, results, judgement),
        lambda: text.check(snapshot, results, min(output.width or 100, 120), session.repair, judgement),
    )


def _exit_code(session: Session, snapshot: Snapshot, results: Sequence[Result], fail_on: str) -> int:
    require_engine(session, snapshot)
    crashed = [result.check for result in results if result.status == "crashed"]
    if crashed:
        names = ", ".join(crashed)
        session.output.say(
            _("stackops: could not judge: {names} failed; please report it with what --debug writes", names=names)
        )
    if _found(results, fail_on):
        return ExitCode.FINDINGS
    fault = next(filter(essential, snapshot.faults), None) if session.folder is None else None
    if fault is not None:
        raise Stop.because(ExitCode.UNREACHABLE, fault.sentence, fault.remedy)
    return ExitCode.OK


def _found(results: Sequence[Result], fail_on: str) -> bool:
    """Whether there is a finding that counts for the exit code."""
    counted = () if fail_on == "never" else _LEVELS[: _LEVELS.index(fail_on) + 1]
    return any(result.status == "finding" and result.severity in counted for result in results)


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
    from ..report.text import padded

    width = max((len(check.id) for check in checks), default=0)
    session.output.answer(
        lambda: {"checks": [_head(check) for check in checks]},
        lambda: [(check.severity, check.id, check.title) for check in checks],
        lambda: [
            (padded(_(check.severity), 9), check.severity, f"{check.id:<{width}}  {_(check.title)}") for check in checks
        ],
    )


def _one(session: Session, check: Check) -> None:
    doc = check.explained
    session.output.answer(
        lambda: {"check": {**_head(check), "doc": doc}},
        lambda: [(check.severity, check.id, line.strip()) for line in filter(str.strip, doc.splitlines())],
        lambda: [(check.id, check.severity, f"  ({_(check.severity)})\n\n{doc}")],
    )


def _head(check: Check) -> dict[str, object]:
    return {"id": check.id, "title": check.title, "severity": check.severity, "fix": check.plan is not None}
