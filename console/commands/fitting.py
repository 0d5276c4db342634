"""``stackops gpu --fit MODEL``: what a model needs against what each GPU has free now. A part of ``gpu``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from ..exits import ExitCode
from .session import Stop

if TYPE_CHECKING:
    from ..export.fit import Asked
    from ..model import Snapshot
    from .session import Session


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
    from ..export import fit as words
    from ..fit import placed

    asked = _asked(session, snapshot, wanted)
    together = placed([need for need, _ in asked], snapshot.gpus)
    output = session.output
    if output.json:
        output.document(
            {"host": snapshot.host.name, "taken_at": snapshot.taken_at, "fit": words.document(asked, together)}
        )
    elif output.plain:
        for facts in words.facts(asked):
            output.facts(*facts)
    else:
        for line in words.lines(asked, snapshot.gpus, together):
            output.painted(*line)
    fits = together is not None if len(asked) > 1 or wanted.split > 1 else any(v.answer == "fits" for v in asked[0][1])
    return ExitCode.OK if fits else ExitCode.FINDINGS


def _asked(session: Session, snapshot: Snapshot, wanted: Asks) -> list[Asked]:
    from ..fit import UnknownModel, need, subject, verdicts

    found = []
    for text in wanted.models:
        try:
            model = subject(text, dtype=wanted.dtype, servers=snapshot.servers, files=session.host.files)
        except UnknownModel as error:
            raise Stop(f"--fit {error}", ExitCode.USAGE) from None
        needed = need(model, context=wanted.context, sequences=wanted.sequences, split=wanted.split)
        found.append((needed, verdicts(needed, snapshot.gpus, snapshot.gpu_processes, snapshot.servers)))
    return found
