"""One machine: all its doors together, and its clock."""

from __future__ import annotations

from typing import Literal, Protocol

from .acting import Control, Files
from .asking import Databases, Http, HttpActs
from .reading import Engine, Gpus, Kernel


class Clock(Protocol):
    """Time, injected, so that tests own it."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    def monotonic_ns(self) -> int:
        """The same in nanoseconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Host(Protocol):
    """One machine."""

    name: str
    kind: Literal["local", "demo", "replay"]
    read_only: bool
    engine: Engine | None
    """None where there is no address at all to try (``check --project-dir``)."""
    kernel: Kernel | None
    """None where the Engine is remote."""
    files: Files
    control: Control
    gpus: Gpus | None
    """None where no GPU door exists."""
    http: Http | None
    """None where no web address can be asked."""
    http_acts: HttpActs | None
    """None where nothing can be sent over HTTP but questions."""
    databases: Databases | None
    """None where databases cannot be asked."""
    clock: Clock
