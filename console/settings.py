"""stackops.toml as a frozen value, with errors that name file, line and key."""

from __future__ import annotations

from msgspec import Struct, field


class CheckSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section [checks]."""

    disable: tuple[str, ...] = ()
    severity: dict[str, str] = field(default_factory=dict)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the operator may set; each value has a default that works."""

    host: str | None = None
    """Engine address; None: DOCKER_HOST, the current docker context, then the usual sockets."""
    project: str | None = None
    read_only: bool = False
    theme: str = "dark"
    lang: str = "en"
    period: float = 1.0
    """Seconds between two sweeps of figures."""
    project_dirs: tuple[str, ...] = ()
    """Folders with compose files to look at even when nothing of them runs."""
    keymap: dict[str, str] = field(default_factory=dict)
    """Action id -> keys."""
    checks: CheckSettings = field(default_factory=CheckSettings)
