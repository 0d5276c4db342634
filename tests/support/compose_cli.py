"""The real Compose, asked only what it makes of files: it needs no Engine for that."""

from __future__ import annotations

import json
import os
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest


@lru_cache(maxsize=1)
def version() -> str | None:
    """``2.26.1``, or None where there is no Compose v2."""
    try:
        done = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip().removeprefix("v") if done.returncode == 0 else None


needs_compose = pytest.mark.skipif(version() is None, reason="no Compose v2 (`docker compose version`) on this machine")


def config(directory: Path, *files: Path, profiles: bool = True) -> tuple[Any, str]:
    """What Compose makes of the files: the data, or None and its complaint. Our own environment stays outside."""
    argv = ["docker", "compose", *(["--profile", "*"] if profiles else [])]
    argv += [part for file in files for part in ("-f", str(file))]
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {"PWD": str(directory)}
    done = subprocess.run(
        [*argv, "config", "--format", "json"], cwd=directory, env=env, capture_output=True, text=True, check=False
    )
    return (json.loads(done.stdout), done.stderr) if done.returncode == 0 else (None, done.stderr)
