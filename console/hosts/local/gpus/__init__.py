"""The door to NVIDIA's GPUs: NVML in a child process, so that no driver can hold the console up. Reads only."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ... import Clock, GpuReading
    from .local import Nvidia


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
                from .local import Nvidia

                self._nvidia = Nvidia(self._root, clock=self._clock)
            return self._nvidia


__all__ = ["LocalGpus"]
