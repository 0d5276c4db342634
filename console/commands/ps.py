"""``stackops ps``: services and containers with their figures, one look."""

from __future__ import annotations

import click

from ..exit_codes import ExitCode
from .session import Session, pass_session, require_engine


@click.command(short_help="Services and containers, one look.")
@pass_session
def ps(session: Session) -> int:
    """Containers and native services: state, CPU, memory, uptime, ports. One look, then exit."""
    session.output_mode()
    snapshot = session.look(rates=True)
    from ..report import json_, plain, text

    output = session.output
    output.answer(
        lambda: json_.processes(snapshot),
        lambda: plain.processes(snapshot),
        lambda: text.processes(snapshot, output.width or 400),
    )
    if not (output.json or output.plain):
        for fault in snapshot.faults:
            if fault.source != "engine":
                output.say(f"stackops: {fault.source}: {fault.sentence}")
    require_engine(session, snapshot)
    return ExitCode.OK
