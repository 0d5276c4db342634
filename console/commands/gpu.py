"""``stackops gpu``: who holds the memory of each GPU, one look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from ..exit_codes import ExitCode
from .session import Session, Stop, pass_session

if TYPE_CHECKING:
    from ..model import GpuDriver, Snapshot
    from ..report.fit import Asked


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
    _answer(session, snapshot)
    return ExitCode.UNREACHABLE if _cannot_tell(snapshot.gpu_driver, snapshot) else ExitCode.OK


def _answer(session: Session, snapshot: Snapshot) -> None:
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
        raise click.UsageError(f"{', '.join(given)} says how a model would run; name the model with --fit")
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
