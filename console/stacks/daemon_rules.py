"""What the Engine would say to its configuration at its next start. Pure.

One place for the check that judges the file as it is and for the step that writes it anew.
fact: mongo-docker-db 4.1, observed with 20.10; moby daemon/config
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from ..model import DaemonConfig
from .dockerd import BOTH_ALLOWED, MARK_ALLOWED, MIRRORS, SINGULAR, major, refusal

Form = Literal["invalid-json", "wrong-type", "flag-conflict", "misspelt", "bad-address"]


class Objection(Struct, frozen=True):
    """One reason why the Engine would not start with this file."""

    form: Form
    says: str


def objections(config: DaemonConfig, version: str | None, effective: tuple[str, ...] = ()) -> tuple[Objection, ...]:
    """Everything that keeps the Engine from starting, worst first; empty when nothing is known against the file.

    ``effective`` are mirrors the Engine has taken already: those are good whatever the rules say.
    """
    return tuple(_objections(config, version, effective)) if config.kind == "file" else ()


def _objections(config: DaemonConfig, version: str | None, effective: tuple[str, ...]) -> Iterator[Objection]:
    number = major(version)
    lenient = number is not None and number >= MARK_ALLOWED
    if config.error is not None and not (config.blank and lenient):
        yield Objection("invalid-json", f"line {config.line}, column {config.column}: {config.error}")
        return
    if config.mark and not lenient:
        yield Objection("invalid-json", "it begins with a byte order mark, which this Engine takes for a mistake")
    if config.mirrors_wrong:
        yield Objection("wrong-type", f"{MIRRORS} is {config.mirrors_wrong} and must be a list")
    both = [key for key in config.keys if key in config.flags and key not in BOTH_ALLOWED]
    if both:
        yield Objection("flag-conflict", f"{', '.join(both)}: set in the file and as a flag of dockerd")
    if config.typo and config.typo != SINGULAR:
        yield Objection("misspelt", f"{config.typo} is no key that the Engine knows")
    for mirror in config.mirrors or ():
        reason = refusal(mirror, version)
        if reason and mirror.rstrip("/") not in effective:
            yield Objection("bad-address", f"{shown(mirror)}: {reason}")


def shown(mirror: str) -> str:
    """An address without the password in it."""
    scheme, separator, rest = mirror.partition("://")
    return f"{scheme}{separator}•••@{rest.rpartition('@')[2]}" if "@" in rest else mirror
