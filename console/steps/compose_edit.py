"""Edits of compose files, as text at the positions the YAML node tree gives."""

from __future__ import annotations

from msgspec import Struct


class AddVolume(Struct, frozen=True, tag="add-volume"):
    """Add one bind mount to a service, in short form ``source:target``. Nothing to do when the target is mounted from there."""

    service: str
    source: str
    """As written in the file, relative to the project folder: ``./librechat.yaml``."""
    target: str
    read_only: bool = False
