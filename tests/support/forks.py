"""Runs parts of a fix in processes of their own, which may be killed: one server forks them, each costs milliseconds.

server = Forks(); server.run("run", base, point="before_step:2")  # -> -9 when the fail point killed it
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve()


class Forks:
    """The server; a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from support.forks import serve; serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
            env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def run(self, act: str, base: Path, *, point: str = "", look: str = "look", plan: str = "plan") -> int:
        """Exit status, as ``os.waitstatus_to_exitcode`` tells it: -9 for SIGKILL, else the outcome's code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(
            json.dumps({"act": act, "base": str(base), "point": point, "look": look, "plan": plan}) + "\n"
        )
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def serve() -> None:
    """Fork for each line of stdin, print how the child ended."""
    from support import workshop  # loaded once, so that the children need not

    assert workshop
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_job(json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _job(job: dict[str, Any]) -> int:
    from support.workshop import Workshop, never

    points = Path(job["base"]) / "points"
    points.mkdir(exist_ok=True)
    os.environ.update(STACKOPS_FAILPOINT=job["point"], STACKOPS_FAILPOINT_DIR=str(points))
    try:
        shop = Workshop(Path(job["base"]))
        fixer = shop.fixer({"never": never, "runs": shop.runs}.get(job["look"]))
        if job["act"] == "run":
            return int(fixer.run(fixer.prepare(getattr(shop, job["plan"])())).code)
        if job["act"] == "undo":
            return int(fixer.undo(fixer.journal.entries()[0].id).code)
        entry = fixer.journal.open_entries()[0]
        return int((fixer.resume(entry) if job["act"] == "resume" else fixer.roll_back(entry)).code)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 99
