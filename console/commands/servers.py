"""``stackops servers``: the model servers, one look; and on request one real question to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..exit_codes import ExitCode
from .acting import confirm
from .session import Session, Stop, pass_session, require_engine

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
    require_engine(session, snapshot)
    return ExitCode.OK


def _answer(session: Session, snapshot: Snapshot) -> None:
    from ..report import servers as export

    output = session.output
    output.answer(
        lambda: export.document(snapshot),
        lambda: export.facts(snapshot),
        lambda: export.lines(snapshot, output.width or 400),
    )
    if output.json or output.plain:
        return
    for fault in snapshot.faults:
        if fault.source.startswith("servers"):
            output.say(f"stackops: {fault.sentence}" + (f"; {fault.remedy}" if fault.remedy else ""))


def _test(session: Session, snapshot: Snapshot, key: str, model: str | None, *, yes: bool) -> int:
    """One deep check: say what it takes, ask, send, tell."""
    from ..collect.smoke_test import models

    server = _server(snapshot, key)
    names = models(server)
    if model is not None and names and model not in names:
        from ..settings import instead

        raise click.UsageError(f'{key} has no model "{model}"; {instead(model, names)}')
    chosen = model or (names[0] if names else None)
    _consent(session, server, chosen, yes=yes)
    return _ask(session, snapshot, server, chosen or "")


def _server(snapshot: Snapshot, key: str) -> Server:
    from ..settings import instead
    from ..text.cleaning import clean_line

    known = {server.key: server for server in snapshot.servers}
    by_name = [server for server in snapshot.servers if server.key.rpartition(":")[0] == key]
    if key not in known and len(by_name) == 1:
        return by_name[0]
    if key not in known:
        raise click.UsageError(f'no model server "{clean_line(key, 60)}" is known; {instead(key, known)}')
    return known[key]


def _consent(session: Session, server: Server, model: str | None, *, yes: bool) -> None:
    from ..collect.smoke_test import costs, refusal

    why = refusal(server)
    if why is not None or model is None:
        raise Stop(why or f"no model of {server.key} is known", ExitCode.REFUSED)
    if session.settings.read_only:
        raise Stop("read-only: nothing is sent; start without --read-only", ExitCode.REFUSED)
    for sentence in (f"Test {model} on {server.key} ({server.address}).", *costs(server, model)):
        session.output.say(sentence)
    confirm("Send it?", yes=yes, undone="nothing was sent")


def _ask(session: Session, snapshot: Snapshot, server: Server, model: str) -> int:
    from ..collect.smoke_test import deep_check, key_for
    from ..hosts.call import run

    acts = session.host.http_acts
    if acts is None:
        raise Stop("nothing can be sent from here", ExitCode.REFUSED)
    key = key_for(server, snapshot, session.settings)
    check = run(deep_check(acts, server, model, key, session.host.clock))
    _tell(session, check)
    return ExitCode.OK if check.error is None else ExitCode.FINDINGS


def _tell(session: Session, check: DeepCheck) -> None:
    import msgspec

    from ..report.servers import deep

    state = "ok" if check.error is None else "error"
    session.output.answer(
        lambda: {"deep_check": msgspec.to_builtins(check)},
        lambda: [(state, "deep-check", check.server, check.model, deep(check))],
        lambda: [(state, state, f"  {check.server}  {check.model}: {deep(check)}")],
    )
