"""A report's folder before anything runs, and what the command says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .stacks import command

ADVICE = frozenset({"docker.default-secrets", "docker.unpinned", "librechat.default-secrets", "librechat.rag-api"})
"""What is told as information of nearly every small stack: left out, so that a report's own finding stands alone."""


def judged(
    base: Path,
    compose: str,
    files: Mapping[str, str] | None = None,
    modes: Mapping[str, int] | None = None,
    statuses: tuple[str, ...] = ("finding",),
) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings of ``check --project-dir`` on a folder with these files; no Engine is asked.

    ``statuses``: the results of these are told, as ``("finding", "unknown")``.
    """
    folder = base / "stack"
    for name, text in {"docker-compose.yml": compose, **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, mode in (modes or {}).items():
        (folder / name).chmod(mode)
    env = {"STACKOPS_STATE_DIR": str(base / "state"), "XDG_CONFIG_HOME": str(base / "config")}
    done = command(["check", "--json", "--project-dir", str(folder)], env)
    assert done.returncode in (0, 1), done.stderr
    results = json.loads(done.stdout)["results"]
    told = [one for one in results if one["check"] not in ADVICE or one["severity"] not in (None, "info")]
    return done.returncode, [one for one in told if one["status"] in statuses]
