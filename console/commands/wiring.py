"""``stackops wiring``: who is set up to reach whom, and the first hop that fails on the way; one look."""

from __future__ import annotations

import click

from ..exit_codes import ExitCode
from .session import Session, pass_session, require_engine


@click.command(short_help="Who needs whom, and where a connection breaks.")
@click.option("--models", is_flag=True, help="The way of each model that an app offers, step by step.")
@pass_session
def wiring(session: Session, *, models: bool) -> int:
    """Each setting that is an address, from the container that has it to what it leads to, tried from that container.

    Columns: the name resolves there, the port listens, the right protocol is spoken. No login is sent: a MySQL may
    block a container after 100 such connections in a row, so do not run this each minute. Where trying is not permitted
    (it takes root, and the Engine of this machine) the hops are concluded from networks and states, and say so. With
    --models: gateway, key, channel, upstream address, server and model of each model that FastGPT, LibreChat or Open
    WebUI offers. Print once and exit; exit code 0 whatever is broken: `stackops check` judges.
    """
    from ..collect.sources.wiring import TRIED
    from ..report import wiring as export

    session.output_mode()
    snapshot = session.look(on_request=(TRIED,))
    output = session.output
    width = output.width or 400
    output.answer(
        lambda: export.model_document(snapshot) if models else export.document(snapshot),
        lambda: export.model_facts(snapshot) if models else export.facts(snapshot),
        lambda: export.model_lines(snapshot, width) if models else export.lines(snapshot, width),
    )
    if not output.json and not output.plain:
        for fault in snapshot.faults:
            if fault.source == "wiring":
                output.say(f"stackops: {fault.sentence}")
    require_engine(session, snapshot)
    return ExitCode.OK
