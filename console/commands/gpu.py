"""``stackops gpu``: who holds the memory of each GPU, one look."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from ..exits import ExitCode
from .session import Session, pass_session

if TYPE_CHECKING:
    from ..model import GpuDriver, Snapshot


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
    from . import fitting

    session.output_mode()
    wanted = fitting.asks(models, dtype, context, sequences, split)
    snapshot = session.look()
    if wanted.models:
        return fitting.answer(session, snapshot, wanted)
    _answer(session, snapshot)
    return ExitCode.UNREACHABLE if _cannot_tell(snapshot.gpu_driver, snapshot) else ExitCode.OK


def _answer(session: Session, snapshot: Snapshot) -> None:
    from ..export import gpus

    output = session.output
    if output.json:
        output.document(gpus.document(snapshot))
        return
    if output.plain:
        for facts in gpus.facts(snapshot):
            output.facts(*facts)
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 400
        for line in gpus.lines(snapshot, width):
            output.painted(*line)
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
