"""A real compose project in a temporary folder, on this machine's Engine, and stackops run on it as a program.

What a test asserts comes from outside: ``docker inspect``, ``docker exec``, ``lstat`` and bytes, never from stackops.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


def wait_for(what: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Ask until the answer is true; the answer."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


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
        """Run the installed command on this project, with a state folder of its own."""
        env = {**os.environ, "STACKOPS_STATE_DIR": str(self.state), "NO_COLOR": "1", "COLUMNS": "200"}
        env["STACKOPS_CONFIG"] = str(self.settings)
        if failpoint:
            env |= {"STACKOPS_FAILPOINT": failpoint, "STACKOPS_FAILPOINT_DIR": str(self.failpoints)}
        command = [str(Path(sys.executable).with_name("stackops")), *arguments, "--project", self.name]
        return subprocess.run(
            command,
            cwd="/",
            env=env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=110,
            check=False,
        )

    def result(self, check: str, subject: str) -> dict[str, Any]:
        """What ``check --json`` says of one subject."""
        done = self.stackops("check", "--json", check)
        assert done.returncode in (0, 1), done.stderr
        answer = json.loads(done.stdout)
        assert answer["schema"] == "stackops/1"
        return next(one for one in answer["results"] if one["subject"] == subject)

    def fix(self, check: str, subject: str, failpoint: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.stackops("fix", check, subject, "--yes", "--disruptive", failpoint=failpoint)
