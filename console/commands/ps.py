"""``stackops ps``: services and containers with their figures, one look."""

from __future__ import annotations

import shutil
import sys

import click

from ..exits import ExitCode
from .session import Session, Stop, engine_fault, pass_session


@click.command(short_help="Services and containers, one look.")
@pass_session
def ps(session: Session) -> int:
    """Containers and native services: state, CPU, memory, uptime, ports. One look, then exit."""
    session.output_mode()
    snapshot = session.look(rates=True)
    output = session.output
    if output.json:
        from ..export import json_

        output.document(json_.processes(snapshot))
    elif output.plain:
        from ..export import plain

        for facts in plain.processes(snapshot):
            output.facts(*facts)
    else:
        from ..export import readable

        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 400
        for line in readable.processes(snapshot, width):
            output.painted(*line)
        for fault in snapshot.faults:
            if fault.source != "engine":
                output.say(f"stackops: {fault.source}: {fault.sentence}")
    unreachable = engine_fault(session, snapshot)
    if unreachable is not None:
        raise Stop("; ".join(part for part in unreachable if part), ExitCode.UNREACHABLE)
    return ExitCode.OK
