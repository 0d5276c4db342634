"""Steps on containers and services."""

from __future__ import annotations

from typing import ClassVar

from .base import Step


class ComposeUp(Step, frozen=True):
    """Bring one service up to what its files say: ``docker compose up -d --no-deps SERVICE``."""

    settles: ClassVar[bool] = True

    project: str
    directory: str
    files: tuple[str, ...]
    """All compose files, absolute, in order; the override is named too, because an explicit -f disables the automatic one."""
    service: str
    force_recreate: bool = False
    container: str | None = None
    """Id of the container it replaces, None when there is none."""
    may_fail: bool = False
    """Set on an inverse where the service was not running before: its failure is reported, not fatal."""


class RestartContainer(Step, frozen=True):
    """Restart one container with the definition it has."""

    settles: ClassVar[bool] = True

    container: str
    name: str
