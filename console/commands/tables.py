"""What prints a table and exits: ``stackops ps``, ``gpu`` with ``--fit``, ``servers`` with ``--test``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from ..exit_codes import ExitCode
from ..text import N_, _
from .acting import confirm
from .session import Session, Stop, pass_session, require_engine

if TYPE_CHECKING:
    from ..model import DeepCheck, GpuDriver, Server, Snapshot
    from ..report.fit import Asked


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
        raise click.UsageError(_("--model and --yes belong to --test SERVER"))
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

        raise click.UsageError(
            _('{key} has no model "{model}"; {instead}', key=key, model=model, instead=instead(model, names))
        )
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
        raise click.UsageError(
            _('no model server "{key}" is known; {instead}', key=clean_line(key, 60), instead=instead(key, known))
        )
    return known[key]


def _consent(session: Session, server: Server, model: str | None, *, yes: bool) -> None:
    from ..collect.smoke_test import costs, refusal

    why = refusal(server)
    if why is not None or model is None:
        raise Stop(why or _("no model of {key} is known", key=server.key), ExitCode.REFUSED)
    if session.settings.read_only:
        raise Stop(_("read-only: nothing is sent; start without --read-only"), ExitCode.REFUSED)
    for sentence in (
        _("Test {model} on {key} ({address}).", model=model, key=server.key, address=server.address),
        *costs(server, model),
    ):
        session.output.say(sentence)
    confirm(_("Send it?"), yes=yes, undone=N_("nothing was sent"))


def _ask(session: Session, snapshot: Snapshot, server: Server, model: str) -> int:
    from ..collect.smoke_test import deep_check, key_for
    from ..hosts.call import run

    acts = session.host.http_acts
    if acts is None:
        raise Stop(_("nothing can be sent from here"), ExitCode.REFUSED)
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


@click.command(short_help="GPUs and who holds their memory; will a model fit.")
@click.option("--fit", "models", metavar="MODEL", multiple=True, help="Would it fit now? May be given several times.")
@click.option("--dtype", metavar="TYPE", help="With --fit: the weights' type, for example fp16, int8, q4_k_m.")
@click.option(
    "--context", type=click.IntRange(1, 1 << 30), metavar="TOKENS", help="With --fit: tokens of one sequence."
)
@click.option("--sequences", type=click.IntRange(1, 1 << 20), metavar="N", help="With --fit: sequences at once.")
@click.option("--split", type=click.IntRange(1, 1 << 10), metavar="N", help="With --fit: over so many GPUs.")
@pass_session
def gpu(
    session: Session,
    models: tuple[str, ...],
    dtype: str | None,
    context: int | None,
    sequences: int | None,
    split: int | None,
) -> int:
    """Each GPU, who holds its memory: process, container, model server, model. One look, then exit.

    Exit code 3 where there are cards that cannot be read. No GPU at all is no error.
    """
    session.output_mode()
    wanted = asks(models, dtype, context, sequences, split)
    snapshot = session.look()
    if wanted.models:
        return answer(session, snapshot, wanted)
    _cards(session, snapshot)
    return ExitCode.UNREACHABLE if _cannot_tell(snapshot.gpu_driver, snapshot) else ExitCode.OK


def _cards(session: Session, snapshot: Snapshot) -> None:
    from ..report import gpus

    output = session.output
    output.answer(
        lambda: gpus.document(snapshot), lambda: gpus.facts(snapshot), lambda: gpus.lines(snapshot, output.width or 400)
    )
    if output.json:
        return
    for fault in snapshot.faults:
        if fault.source in ("engine", "gpu-processes", "processes", "servers"):
            output.say(f"stackops: {fault.source}: {fault.sentence}")


def _cannot_tell(driver: GpuDriver | None, snapshot: Snapshot) -> bool:
    """Whether there are GPUs, or may be, of which nothing can be told."""
    if snapshot.gpus and driver is not None and driver.state == "ok":
        return False
    if driver is None:
        return True
    if driver.cards == 0 or (driver.cards is None and driver.state == "no_library"):
        return driver.state not in ("ok", "no_library", "not_loaded")
    return driver.state != "ok" or not snapshot.gpus


class Asks(Struct, frozen=True):
    """The options that belong to ``--fit``."""

    models: tuple[str, ...]
    dtype: str | None = None
    context: int = 4096
    sequences: int = 1
    split: int = 1


def asks(
    models: Sequence[str], dtype: str | None, context: int | None, sequences: int | None, split: int | None
) -> Asks:
    """The options as one value. Usage error for options that say nothing without ``--fit``."""
    options = {"--dtype": dtype, "--context": context, "--sequences": sequences, "--split": split}
    given = [name for name, value in options.items() if value is not None]
    if given and not models:
        raise click.UsageError(
            _("{given} says how a model would run; name the model with --fit", given=", ".join(given))
        )
    return Asks(tuple(models), dtype, context or 4096, sequences or 1, split or 1)


def answer(session: Session, snapshot: Snapshot, wanted: Asks) -> int:
    """Print what was asked; OK when every model fits somewhere now, FINDINGS when one does not or nothing tells."""
    from ..products.fit.estimate import placed
    from ..report import fit as words

    asked = _asked(session, snapshot, wanted)
    together = placed([need for need, _ in asked], snapshot.gpus)
    session.output.answer(
        lambda: {"host": snapshot.host.name, "taken_at": snapshot.taken_at, "fit": words.document(asked, together)},
        lambda: words.facts(asked),
        lambda: words.lines(asked, snapshot.gpus, together),
    )
    fits = together is not None if len(asked) > 1 or wanted.split > 1 else any(v.answer == "fits" for v in asked[0][1])
    return ExitCode.OK if fits else ExitCode.FINDINGS


def _asked(session: Session, snapshot: Snapshot, wanted: Asks) -> list[Asked]:
    from ..products.fit import UnknownModel, need
    from ..products.fit.estimate import subject, verdicts

    found = []
    for text in wanted.models:
        try:
            model = subject(text, dtype=wanted.dtype, servers=snapshot.servers, files=session.host.files)
        except UnknownModel as error:
            raise Stop(f"--fit {error}", ExitCode.USAGE) from None
        needed = need(model, context=wanted.context, sequences=wanted.sequences, split=wanted.split)
        found.append((needed, verdicts(needed, snapshot.gpus, snapshot.gpu_processes, snapshot.servers)))
    return found


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
