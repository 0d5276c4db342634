"""The machine we are on: its Engine, its kernel, its files. Opening it imports no driver, connects nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ... import paths
from ...settings import Settings
from .. import Clock, Control, Databases, Engine, Files, Gpus, Host, HostError, Http, HttpActs, Kernel, Locks, Rights
from ..protocols import SystemClock
from .client import ClosedClient, EngineClient
from .control import LocalControl
from .docker_command import find_address
from .engine import LocalEngine
from .files import LocalFiles
from .http import LocalHttp, LocalHttpActs
from .kernel import LocalKernel
from .locking import LocalLocks
from .mongo import LocalDatabases

if TYPE_CHECKING:
    from .. import GpuReading
    from .gpus.local import Nvidia


class LocalGpus:
    """GPUs of this machine. Everything behind the door is loaded with the first read, in the thread that reads."""

    def __init__(self, root: str, *, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._lock = threading.Lock()
        self._nvidia: Nvidia | None = None

    def read(self) -> GpuReading:
        """All GPUs and all processes, or the last ones known; takes 6 seconds at most."""
        return self._opened().read()

    def close(self) -> None:
        """End what was started for reading."""
        with self._lock:
            nvidia = self._nvidia
        if nvidia is not None:
            nvidia.close()

    def _opened(self) -> Nvidia:
        with self._lock:
            if self._nvidia is None:
                from .gpus.local import Nvidia

                self._nvidia = Nvidia(self._root, clock=self._clock)
            return self._nvidia


class LocalHost:
    """One machine, reached from where it stands; its Engine may be elsewhere, and then there is no kernel to read."""

    kind: Literal["local", "demo", "replay"] = "local"

    def __init__(self, client: EngineClient | ClosedClient, *, read_only: bool, root: str, clock: Clock) -> None:
        self.read_only = read_only
        self.clock: Clock = clock
        self.files: Files = LocalFiles(read_only=read_only)
        self.locks: Locks | None = LocalLocks()
        self.control: Control = LocalControl(client, read_only=read_only)
        self.engine: Engine | None = LocalEngine(client)
        elsewhere = isinstance(client, EngineClient) and not self.engine.local
        self.kernel: Kernel | None = None if elsewhere else LocalKernel(root, clock=clock)
        self.gpus: Gpus | None = None if elsewhere else LocalGpus(root, clock=clock)
        self.http: Http | None = LocalHttp()
        self.http_acts: HttpActs | None = LocalHttpActs(read_only=read_only)
        self.databases: Databases | None = LocalDatabases(
            read_only=read_only, clock=clock, execute=self.control.execute
        )
        self.name = _name(root)

    @property
    def rights(self) -> Rights:
        """Those of this process."""
        return Rights(os.geteuid())


def open_local(
    settings: Settings,
    *,
    read_only: bool = False,
    root: str = "/",
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
) -> Host:
    """The Host of this machine. ``root`` is where the kernel's files are looked for; stacks' files keep their paths.

    Never raises: an address that cannot be used becomes an Engine that says so whatever it is asked.
    """
    paths.sweep()
    client: EngineClient | ClosedClient
    try:
        client = EngineClient(find_address(settings.host, os.environ if environ is None else environ))
    except HostError as error:
        client = ClosedClient(settings.host or "", error)
    return LocalHost(client, read_only=read_only or settings.read_only, root=root, clock=clock or SystemClock())


def _name(root: str) -> str:
    try:
        return (Path(root) / "proc/sys/kernel/hostname").read_text("utf-8", "replace").strip()
    except OSError:
        return os.uname().nodename
