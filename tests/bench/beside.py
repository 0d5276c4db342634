"""An older commit of stackops, installed in a folder of its own, to be measured beside this checkout."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

WHOLE = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def installed(commit: str) -> Iterator[list[str]]:
    """Its command, from a worktree with an environment by its own Makefile; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="stackops-beside-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            subprocess.run(["make", "-s", "-C", str(tree), ".venv/.run", f"PYTHON={sys.executable}"], check=True)
            yield [str(tree / ".venv/bin/stackops")]
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(WHOLE), *arguments], check=True)
