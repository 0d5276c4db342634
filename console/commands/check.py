"""``stackops check``: what is wrong, and why. Looks, judges, prints; changes nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..exits import ExitCode
from .session import Session, Stop, engine_fault, pass_session, project_dir_option

if TYPE_CHECKING:
    from ..findings import Result
    from ..model import Snapshot

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

    Exits 1 when there are findings at or above --fail-on, 3 when the Engine could not be asked (what could be judged
    without it is still printed).
    """
    session.output_mode()
    session.set_only(given)
    asked = [part for check_id in ids for part in session.check(check_id).proves]
    if project_dir is not None:
        snapshot = session.judge_folder(project_dir)
    else:
        session.tell_open_intents()
        snapshot = session.look(on_request=asked)
    results = session.doors.examine(snapshot, session.settings, ids or None)
    _print(session, snapshot, results)
    if project_dir is not None:
        _require_judged(snapshot, results, fail_on)
    return _exit_code(session, snapshot, results, fail_on)


def _require_judged(snapshot: Snapshot, results: Sequence[Result], fail_on: str) -> None:
    """A folder whose files cannot be read, or that Compose refuses, must not pass for one that is in order."""
    fault = next((fault for fault in snapshot.faults if fault.source.startswith("compose")), None)
    refused = any(file.error for project in snapshot.projects for file in project.files)
    known = any(result.status in ("ok", "finding") for result in results)
    judged = _found(results, fail_on) if refused else known
    if fault is not None and not judged:
        raise Stop("; ".join(filter(None, (fault.sentence, fault.remedy))), ExitCode.USAGE)


def _print(session: Session, snapshot: Snapshot, results: Sequence[Result]) -> None:
    output = session.output
    if output.json:
        from ..export import json_

        output.document(json_.check(snapshot, results))
    elif output.plain:
        from ..export import plain

        for facts in plain.check(snapshot, results):
            output.facts(*facts)
    else:
        from ..export import readable

        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
        for line in readable.check(snapshot, results, min(width, 120), session.repair):
            output.painted(*line)


def _exit_code(session: Session, snapshot: Snapshot, results: Sequence[Result], fail_on: str) -> int:
    fault = engine_fault(session, snapshot)
    if fault is not None:
        raise Stop("; ".join(part for part in fault if part), ExitCode.UNREACHABLE)
    crashed = [result.check for result in results if result.status == "crashed"]
    if crashed:
        session.output.say(f"stackops: could not judge: {', '.join(crashed)} failed; please report it")
    return ExitCode.FINDINGS if _found(results, fail_on) else ExitCode.OK


def _found(results: Sequence[Result], fail_on: str) -> bool:
    """Whether there is a finding that counts for the exit code."""
    counted = () if fail_on == "never" else _LEVELS[: _LEVELS.index(fail_on) + 1]
    return any(result.status == "finding" and result.severity in counted for result in results)
