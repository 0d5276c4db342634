"""What an entry of the catalogue of log lines is. Data only."""

from __future__ import annotations

import re

from msgspec import Struct


class Pattern(Struct, frozen=True):
    """One entry of the catalogue."""

    name: str
    regex: re.Pattern[str]
    only_match: bool = False
    """Keep what the pattern matched and nothing else: the rest of the line is a secret, or noise."""
    alone: bool = True
    """Whether a line that fits means only this."""
    kept: int = 1
    """How many different lines of this name are kept, told apart by the group ``key``."""
    stands: bool = False
    """Said once, at the start: true until the next start, however far behind later lines have left it."""


def pattern(
    name: str, regex: str, *, only_match: bool = False, alone: bool = True, kept: int = 1, stands: bool = False
) -> Pattern:
    """An entry, its pattern compiled."""
    return Pattern(name, re.compile(regex), only_match, alone, kept, stands)
