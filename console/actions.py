"""The one registry of actions: keys, palette, footer and help are all made from it."""

from __future__ import annotations

from msgspec import Struct


class Action(Struct, frozen=True):
    """Something a key can do."""

    id: str
    """Stable name for remapping, ``place.verb``: ``container.restart``."""
    keys: tuple[str, ...]
    label: str
    """A word or two for the footer."""
    help: str
    """A sentence for the help screen and the palette."""
    changes: bool = False
    """Whether it changes the machine; refused and shown dimmed in read-only mode."""
    footer: bool = True
