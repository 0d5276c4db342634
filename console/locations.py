"""Every path the program owns: its settings file and its state. Nothing else decides where something of ours lies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def settings_file(env: Mapping[str, str] | None = None) -> Path:
    """``STACKOPS_CONFIG``, else ``stackops.toml`` in the user's configuration folder (XDG)."""
    chosen = (os.environ if env is None else env).get("STACKOPS_CONFIG")
    if chosen:
        return Path(chosen)
    from platformdirs import user_config_path

    return user_config_path("stackops", appauthor=False) / "stackops.toml"


def state_directory(env: Mapping[str, str] | None = None) -> Path:
    """``STACKOPS_STATE_DIR``, else the user's state folder: journal, backups, crash reports. Not made here."""
    chosen = (os.environ if env is None else env).get("STACKOPS_STATE_DIR")
    if chosen:
        return Path(chosen).absolute()
    from platformdirs import user_state_path

    return user_state_path("stackops", appauthor=False)
