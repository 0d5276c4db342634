"""A second Docker Engine on this machine, in namespaces of its own, that a test may kill and start again.

It sees another ``/run``, ``/var/lib/docker`` and ``/etc/docker``, and its own processes and network only; what it makes
ends with it. Needs root, dockerd and unshare.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import psutil
import pytest

from .stacks import docker, wait_for

INIT = """
mount -t tmpfs tmpfs /run
mount --bind "$1/lib" /var/lib/docker
mount --bind "$1/etc" /etc/docker
ip link set lo up
while read -r _; do
  dockerd --host "unix://$1/docker.sock" --exec-root "$1/exec" --pidfile "$1/docker.pid" $2 >>"$1/log" 2>&1 &
done
"""
"""Process 1 of the namespaces, which end with it: a line starts the Engine, the end of its input ends all."""
WITHIN = 90.0


class CannotStart(Exception):
    """The reason, in one sentence."""


@contextmanager
def beside(config: str = "{}", *, apart: bool = False) -> Iterator[SecondEngine]:
    """One beside the machine's own; the test is skipped where none starts."""
    with ExitStack() as stack:
        try:
            second = stack.enter_context(SecondEngine(config, apart=apart))
        except CannotStart as why:
            pytest.skip(str(why))
        yield second


class SecondEngine:
    """A context manager: started when it is entered, gone with everything in it afterwards.

    ``file`` is its configuration: at a path that this machine sees too, or (``apart``) at /etc/docker/daemon.json,
    which is another file for it than for this machine.
    """

    def __init__(self, config: str = "{}", *, apart: bool = False) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="so-engine-"))
        self.url = f"unix://{self.base}/docker.sock"
        self.file = self.base / "etc/daemon.json" if apart else self.base / "daemon.json"
        self._config = config
        self._flags = "" if apart else f"--config-file={self.file}"

    def __enter__(self) -> Self:
        if os.geteuid() != 0 or not all(shutil.which(name) for name in ("dockerd", "unshare", "docker")):
            shutil.rmtree(self.base)
            raise CannotStart("a second Engine needs root, dockerd and unshare")
        for name in ("lib", "etc"):
            (self.base / name).mkdir()
        self.file.write_text(self._config)
        for name in ("/var/lib/docker", "/etc/docker"):
            Path(name).mkdir(parents=True, exist_ok=True)
        argv = ["unshare", "-m", "-n", "-p", "-f", "--mount-proc", "sh", "-c", INIT, "sh", str(self.base), self._flags]
        self._init = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True)
        try:
            self.start()
        except AssertionError as error:
            why = self._log()
            self.__exit__()
            raise CannotStart(f"a second Engine does not start: {why}") from error
        return self

    def __exit__(self, *_: object) -> None:
        assert self._init.stdin is not None
        for child in psutil.Process(self._init.pid).children():
            child.kill()
        self._init.stdin.close()
        self._init.wait()
        shutil.rmtree(self.base, ignore_errors=True)

    def start(self) -> None:
        """Start dockerd if it does not run; returns when it answers."""
        assert self._init.stdin is not None
        if self._answers():
            return
        self._init.stdin.write("start\n")
        self._init.stdin.flush()
        wait_for(lambda: self._init.poll() is None and self._answers(), WITHIN)

    def kill(self) -> None:
        """SIGKILL to dockerd alone. Its containers run on, as they do when it crashes on a machine."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM to dockerd, as ``systemctl stop docker`` does: it stops its containers first."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        daemon = self._daemon()
        daemon.send_signal(number)
        wait_for(lambda: not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE, WITHIN)

    def _daemon(self) -> psutil.Process:
        (daemon,) = [p for p in psutil.Process(self._init.pid).children(recursive=True) if p.name() == "dockerd"]
        return daemon

    @property
    def pid(self) -> int:
        """Of its dockerd, as this machine numbers it."""
        return self._daemon().pid

    def mirrors(self) -> list[str]:
        """What its ``/info`` says."""
        said = docker("--host", self.url, "info", "--format", "{{json .RegistryConfig.Mirrors}}")
        return [one.rstrip("/") for one in json.loads(said) or []]

    def _answers(self) -> bool:
        argv = ["docker", "--host", self.url, "version"]
        return subprocess.run(argv, capture_output=True, check=False, timeout=WITHIN).returncode == 0

    def _log(self) -> str:
        try:
            lines = (self.base / "log").read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing"
