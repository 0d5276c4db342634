"""Edits of a service's own configuration file (librechat.yaml), as text and with proof. Pure: bytes in, bytes out.

A repair is made again from the file as it is now: where that no longer has what was to be repaired, it is refused.
"""

from __future__ import annotations

from typing import NoReturn

from msgspec import Struct

from ..model import ConfigRepair
from ..text import clean_line
from .base import StepFailed


class RepairConfig(Struct, frozen=True, tag="repair-config"):
    """One repair of a librechat.yaml, proven by LibreChat's own rules of reading it."""

    repair: ConfigRepair
    release: str
    """The release whose schema the file must meet."""

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        says = self.repair.says
        return says[:1].lower() + says[1:]


def apply_repair(old: bytes | None, edit: RepairConfig, path: str) -> bytes:
    """The new content of the file at ``path``. Raises StepFailed when the repair cannot be made or proven."""
    from ..librechat.release import number
    from ..librechat.splicing import CannotRepair, repaired

    if old is None:
        _refuse(edit, path, "there is no such file")
    try:
        text = old.decode("utf-8")
    except UnicodeDecodeError:
        _refuse(edit, path, "it has a byte that is not UTF-8; save it as UTF-8")
    try:
        return repaired(text, edit.repair, number(edit.release) or (0, 8, 7)).encode("utf-8")
    except CannotRepair as error:
        _refuse(edit, path, str(error))


def _refuse(edit: RepairConfig, path: str, reason: str) -> NoReturn:
    raise StepFailed(
        f"Not edited, nothing was changed: {clean_line(path)}: {clean_line(reason, 300)}",
        remedy=f"Do it by hand: {clean_line(edit.describe(), 300)}",
    ) from None
