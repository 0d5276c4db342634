"""A real compose project in a temporary folder, on this machine's Engine, and the command run on it.

What a test asserts comes from outside: ``docker inspect``, ``docker exec``, ``lstat`` and bytes, never from stackops.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from stackops.console import cli
from stackops.console.text.cleaning import SECRETS
from stackops.console.text.redaction import Secrets

from .corpus import CORPUS

DATA = (
    "data-node", "images", "logs", "uploads", "skill", "meili_data_v1.7", "meili_data_v1.12", "meili_data_v1.35.1",
    "mongo", "pg", "mysql", "oneapi", "fastgpt", "redis", "aiproxy_pg", "fastgpt-minio",
)  # fmt: skip
"""Folders that services write to while a test looks: not part of the tree that must not change."""


def docker(*arguments: str, check: bool = True) -> str:
    """Run the docker client; its standard output."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def wait_for(what: Callable[[], Any], seconds: float = 180.0) -> Any:
    """Ask until the answer is true; the answer."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


def printed_by_this_run(container: str) -> str:
    """What the process that runs now has printed: all since the end of the one before it.

    Not since ``StartedAt``: dockerd writes that time after the process has begun, and first lines can be older.
    """
    ran = json.loads(docker("inspect", container))[0]["State"]
    since = min(ran["StartedAt"], ran["FinishedAt"])
    before = [] if since.startswith("0001-") else ["--since", since]
    done = subprocess.run(["docker", "logs", *before, container], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def command(words: Sequence[str], env: dict[str, str], *, killed: bool = False) -> subprocess.CompletedProcess[str]:
    """The command with these variables more, without a terminal, from a folder that is nobody's project.

    Inside this process, which saves all its imports; in one of its own where a fail point kills it.
    """
    if killed:
        program = str(Path(sys.executable).with_name("stackops"))
        return subprocess.run(
            [program, *words], cwd="/", env={**os.environ, **env}, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=110, check=False,
        )  # fmt: skip
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdin", io.StringIO())
        for name, value in vars(Secrets()).items():  # what another command has learned is no secret of this one
            patch.setattr(SECRETS, name, value)
        patch.chdir("/")
        code = cli.run(words)
    return subprocess.CompletedProcess(list(words), code, out.getvalue(), err.getvalue())


class Stack:
    """One compose project made of upstream's own files."""

    def __init__(self, base: Path, release: str, files: Sequence[str]) -> None:
        self.name = f"so{base.name.replace('-', '').replace('_', '')[-20:]}{os.getpid()}"
        self.folder = base / self.name
        self.folder.mkdir()
        self.state = base / "state"
        self.settings = base / "stackops.toml"
        self.settings.write_text("[fix]\nsettle = 1\n", encoding="utf-8")
        self.failpoints = base / "failpoints"
        self.failpoints.mkdir()
        for name in files:
            shutil.copyfile(CORPUS / release / name, self.folder / name)

    # the operator's hands

    def path(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def change_later(self, name: str, container: str) -> None:
        """Give a file a time of change that is after the container's start by more than anybody rounds."""
        at = self.started(container) + 2.0
        os.utime(self.path(name), (at, at))

    def compose(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", "compose", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self, *services: str) -> None:
        self.compose("up", "-d", *(["--no-deps"] if services else []), *services)

    def down(self) -> None:
        subprocess.run(
            ["docker", "compose", "-p", self.name, "down", "-v", "-t", "0", "--remove-orphans"],
            cwd=self.folder, capture_output=True, check=False,
        )  # fmt: skip

    # what the world looks like

    def inspect(self, container: str) -> dict[str, Any]:
        return json.loads(docker("inspect", container))[0]

    def started(self, container: str) -> float:
        """When it was started last, in seconds."""
        return datetime.fromisoformat(self.inspect(container)["State"]["StartedAt"]).timestamp()

    def mount(self, container: str, target: str) -> dict[str, Any] | None:
        return next((m for m in self.inspect(container)["Mounts"] if m["Destination"] == target), None)

    def logs(self, container: str) -> str:
        done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def tree(self) -> dict[str, tuple[Any, ...]]:
        """Every path of the project but the services' data: kind, mode, owner, bytes."""
        found = {}
        for root, folders, files in os.walk(self.folder):
            folders[:] = [name for name in folders if not (root == str(self.folder) and name in DATA)]
            for name in (*folders, *files):
                path = Path(root, name)
                stat = path.lstat()
                digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
                found[str(path.relative_to(self.folder))] = (oct(stat.st_mode), stat.st_uid, stat.st_gid, digest)
        return found

    def containers(self) -> dict[str, tuple[str, str]]:
        """Id and start of each container: the same after something that changed nothing."""
        ids = docker("ps", "-aq", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.name}").split()
        return {one: (self.inspect(one)["State"]["Status"], self.inspect(one)["State"]["StartedAt"]) for one in ids}

    # stackops

    def stackops(self, *arguments: str, failpoint: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command on this project, with a state folder of its own."""
        env = {"STACKOPS_STATE_DIR": str(self.state), "NO_COLOR": "1", "COLUMNS": "200"}
        env["STACKOPS_CONFIG"] = str(self.settings)
        if failpoint:
            env |= {"STACKOPS_FAILPOINT": failpoint, "STACKOPS_FAILPOINT_DIR": str(self.failpoints)}
        return command([*arguments, "--project", self.name], env, killed=failpoint is not None)

    def result(self, check: str, subject: str) -> dict[str, Any]:
        """What ``check --json`` says of one subject."""
        done = self.stackops("check", "--json", check)
        assert done.returncode in (0, 1), done.stderr
        answer = json.loads(done.stdout)
        assert answer["schema"] == "stackops/1"
        return next(one for one in answer["results"] if one["subject"] == subject)

    def fix(self, check: str, subject: str, failpoint: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.stackops("fix", check, subject, "--yes", "--disruptive", failpoint=failpoint)
