"""``stackops servers``: the model servers, one look; and on request one real question to one of them."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from ..exits import ExitCode
from .consent import interactive
from .session import Session, Stop, engine_fault, pass_session

if TYPE_CHECKING:
    from ..model import DeepCheck, Server, Snapshot


@click.command(short_help="Model servers: state, models, memory, queue, who uses them.")
@click.option("--test", "tested", metavar="SERVER", help="Send one real request to this server: it costs.")
@click.option("--model", metavar="NAME", help="With --test: ask this model; else the one in memory, or the first.")
@click.option("--yes", is_flag=True, help="With --test: do not ask first.")
@pass_session
def servers(session: Session, tested: str | None, model: str | None, yes: bool) -> int:
    """Each model server: product, state, models (* in memory), VRAM, queue, KV cache, tokens per second, users.

    One look, then exit. Nothing that is asked loads a model or costs a token, but for --test: it sends one real
    request, says first what that takes, and exits 1 when the server does not answer it.
    """
    session.output_mode()
    if tested is None and (model is not None or yes):
        raise click.UsageError("--model and --yes belong to --test SERVER")
    snapshot = session.look(rates=tested is None)
    if tested is not None:
        return _test(session, snapshot, tested, model, yes=yes)
    _answer(session, snapshot)
    unreachable = engine_fault(session, snapshot)
    if unreachable is not None:
        raise Stop("; ".join(part for part in unreachable if part), ExitCode.UNREACHABLE)
    return ExitCode.OK


def _answer(session: Session, snapshot: Snapshot) -> None:
    from ..export import servers as export

    output = session.output
    if output.json:
        output.document(export.document(snapshot))
        return
    if output.plain:
        for facts in export.facts(snapshot):
            output.facts(*facts)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 400
    for line in export.lines(snapshot, width):
        output.painted(*line)
    for fault in snapshot.faults:
        if fault.source.startswith("servers"):
            output.say(f"stackops: {fault.sentence}" + (f"; {fault.remedy}" if fault.remedy else ""))


def _test(session: Session, snapshot: Snapshot, key: str, model: str | None, *, yes: bool) -> int:
    """One deep check: say what it takes, ask, send, tell."""
    from ..deep_questions import models

    server = _server(snapshot, key)
    names = models(server)
    if model is not None and names and model not in names:
        from ..settings_errors import instead

        raise click.UsageError(f'{key} has no model "{model}"; {instead(model, names)}')
    chosen = model or (names[0] if names else None)
    _consent(session, server, chosen, yes=yes)
    return _ask(session, snapshot, server, chosen or "")


def _server(snapshot: Snapshot, key: str) -> Server:
    from ..settings_errors import instead
    from ..text import clean_line

    known = {server.key: server for server in snapshot.servers}
    by_name = [server for server in snapshot.servers if server.key.rpartition(":")[0] == key]
    if key not in known and len(by_name) == 1:
        return by_name[0]
    if key not in known:
        raise click.UsageError(f'no model server "{clean_line(key, 60)}" is known; {instead(key, known)}')
    return known[key]


def _consent(session: Session, server: Server, model: str | None, *, yes: bool) -> None:
    from ..deep_questions import costs, refusal

    why = refusal(server)
    if why is not None or model is None:
        raise Stop(why or f"no model of {server.key} is known", ExitCode.REFUSED)
    if session.settings.read_only:
        raise Stop("read-only: nothing is sent; start without --read-only", ExitCode.REFUSED)
    for sentence in (f"Test {model} on {server.key} ({server.address}).", *costs(server, model)):
        session.output.say(sentence)
    if yes:
        return
    if not interactive():
        raise Stop("nobody can be asked here; to agree add --yes", ExitCode.REFUSED)
    if not click.confirm("Send it?", default=False, err=True):
        raise Stop("nothing was sent", ExitCode.REFUSED)


def _ask(session: Session, snapshot: Snapshot, server: Server, model: str) -> int:
    import asyncio

    from ..deep_check import deep_check, key_for

    acts = session.host.http_acts
    if acts is None:
        raise Stop("nothing can be sent from here", ExitCode.REFUSED)
    key = key_for(server, snapshot, session.settings)
    check = asyncio.run(deep_check(acts, server, model, key, session.host.clock))
    _tell(session, check)
    return ExitCode.OK if check.error is None else ExitCode.FINDINGS


def _tell(session: Session, check: DeepCheck) -> None:
    import msgspec

    from ..export.servers import deep

    output, state = session.output, "ok" if check.error is None else "error"
    if output.json:
        output.document({"deep_check": msgspec.to_builtins(check)})
    elif output.plain:
        output.facts(state, "deep-check", check.server, check.model, deep(check))
    else:
        output.painted(state, state, f"  {check.server}  {check.model}: {deep(check)}")
