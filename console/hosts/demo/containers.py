"""One container of the practice stack: what it was made from, what has become of it, what it has logged."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from . import programs
from .stand import Definition, Program

State = Literal["created", "running", "restarting", "exited"]
LOG_LINES = 2000
LONGEST_PAUSE = 60.0
"""Seconds. fact: the Engine doubles the pause before a restart from 100 ms up to a minute."""


@dataclass(frozen=True)
class LogLine:
    """One line, with the Engine's time stamp."""

    at: float
    text: str


@dataclass
class Instance:
    """One container. Changed only by the world, under its lock."""

    id: str
    """64 hexadecimal digits."""
    definition: Definition
    address: str
    created_at: float
    state: State = "created"
    started_at: float | None = None
    started_mono: float = 0.0
    """On the monotonic clock; counters run from here."""
    finished_at: float | None = None
    exit_code: int = 0
    error: str = ""
    pid: int = 0
    restart_count: int = 0
    next_try: float | None = None
    """When the restart policy starts it again; only while ``restarting``."""
    pinned: dict[str, int] = field(default_factory=dict)
    """Inode behind each bind at the last start: a file replaced by rename stays the old one inside."""
    layer: dict[str, str] = field(default_factory=dict)
    """What the first start made of each mount point, file or directory; it never changes again."""
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    logged: int = 0
    """Lines ever logged, so that a follower knows which it has seen."""
    pending: list[LogLine] = field(default_factory=list)
    """What the running program will have logged by then, oldest first."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What the running process remembers, for its program alone to read and write; gone at the next start."""
    chatted: float = 0.0
    """Unix time up to which the program has been given its chance to say something."""

    @property
    def name(self) -> str:
        """Container name, without the slash."""
        return self.definition.name

    @property
    def program(self) -> Program:
        """What is inside its image."""
        return programs.of(self.definition.image)

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """The definition's, else the image's."""
        return self.definition.entrypoint or self.program.entrypoint

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command. fact: an entrypoint of one's own discards the image's command."""
        if self.definition.command or self.definition.entrypoint:
            return self.definition.command
        return self.program.command

    @property
    def answers_to(self) -> frozenset[str]:
        """Names its network resolves to it."""
        return frozenset(filter(None, (self.name, self.definition.service, self.id[:12])))

    @property
    def published(self) -> frozenset[int]:
        """Ports of the host that lead to it."""
        entries = (port.partition("/")[0].split(":") for port in self.definition.ports)
        return frozenset(int(parts[-2]) for parts in entries if len(parts) > 1 and parts[-2].isdecimal())

    @property
    def inside(self) -> frozenset[int]:
        """Ports on which it listens at its own address: those of its image, and those that are published."""
        exposed = {entry.partition("/")[0] for entry in self.program.exposed}
        published = {entry.partition("/")[0].rpartition(":")[2] for entry in self.definition.ports}
        return frozenset(int(port) for port in exposed | published if port.isdecimal())

    def say(self, at: float, *lines: str) -> None:
        """Log lines."""
        self.log.extend(LogLine(at, line) for line in lines)
        self.logged += len(lines)

    def pause(self) -> float:
        """Seconds the Engine waits before the next try."""
        return float(min(LONGEST_PAUSE, 0.1 * 2 ** min(self.restart_count, 16)))

    def processes(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """Process id and argument list of everything that runs in it; empty unless running."""
        if self.state != "running":
            return ()
        listed = self.program.listed(self) if self.program.listed else self.program.processes
        lists = listed or (self.entrypoint + self.arguments,)
        return tuple((self.pid + 17 * number, argv) for number, argv in enumerate(lists))
