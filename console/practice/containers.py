"""One container of the practice stack: what it was made from, what has become of it, what it has logged."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..model import DeviceRequest
from .stand import Definition, Program, option

State = Literal["created", "running", "paused", "restarting", "exited"]
LOG_LINES = 2000
JSON_LOG = "/var/lib/docker/containers/{id}/{id}-json.log"
"""Where the Engine keeps a container's log."""
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
    program: Program
    """What is inside its image."""
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
        if option(self.arguments, "--bind_ip") in ("127.0.0.1", "localhost"):
            return frozenset()
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


KEPT = 256
"""fact: the Engine keeps as many."""


@dataclass(frozen=True)
class PracticeEvent:
    """One event of a container, or of dockerd itself."""

    action: str
    container: str
    attributes: Mapping[str, str]
    at: float
    """Unix seconds."""
    kind: str = "container"

    def encode(self) -> bytes:
        """As ``GET /events`` sends it."""
        image = self.attributes.get("image", "")
        return json.dumps(
            {
                "status": self.action, "id": self.container, "from": image, "Type": self.kind, "Action": self.action,
                "Actor": {"ID": self.container, "Attributes": dict(self.attributes)}, "scope": "local",
                "time": int(self.at), "timeNano": int(self.at * 1e9),
            }
        ).encode()  # fmt: skip


class Events:
    """The history and the listeners. The world's lock guards both."""

    def __init__(self) -> None:
        self.history: deque[PracticeEvent] = deque(maxlen=KEPT)
        self._listeners: list[Callable[[PracticeEvent], None]] = []

    def add(self, event: PracticeEvent) -> None:
        """Keep it and tell everybody. Listeners must not block and not raise."""
        self.history.append(event)
        for listener in tuple(self._listeners):
            listener(event)

    def listen(self, listener: Callable[[PracticeEvent], None]) -> Callable[[], None]:
        """Be told of every event from now on, in whatever thread it happens; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None


MODEL, TOTAL, RESERVED = "NVIDIA GeForce RTX 4090", 24_564, 402
"""MiB. fact: a 4090 of 24 GB shows 24564 MiB, some of which the driver keeps."""
OWN = 14
"""MiB used on a card and held by no process, display and driver together."""
DROP_IN = "/run/systemd/transient/docker-{id}.scope.d/50-DeviceAllow.conf"
RULES = "[Scope]\nDeviceAllow=\nDeviceAllow=char-pts rwm\nDeviceAllow=/dev/char/1:3 rwm\n"
NVIDIA_RULES = "DeviceAllow=/dev/char/195:255 rw\nDeviceAllow=/dev/char/195:0 rw\nDeviceAllow=/dev/char/195:1 rw\n"
"""fact: NVIDIA Container Toolkit issue 48; with a toolkit that tells systemd of its devices."""
NO_CDI = 'could not select device driver "cdi" with capabilities: [[gpu]]'
UNKNOWN_DEVICE = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: error running hook #0: error running hook: exit "
    "status 1, stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: device error: {id}: unknown "
    "device: unknown"
)


@dataclass(frozen=True)
class PracticeCard:
    """One card."""

    uuid: str
    bus: str
    lost: bool = False


@dataclass(frozen=True)
class LeftProcess:
    """A process that was left on a card, and whose container is gone."""

    pid: int
    argv: tuple[str, ...]
    card: int
    memory: int
    """MiB."""
    started_at: float


@dataclass(frozen=True)
class Holding:
    """A process of a container, and what it holds of a card."""

    container: Instance
    pid: int
    argv: tuple[str, ...]
    card: int
    memory: int
    """MiB."""


class Cards:
    """The cards in the machine. Changed under the world's lock."""

    def __init__(self) -> None:
        self.all: list[PracticeCard] = [
            PracticeCard("GPU-5d0a7c1e-3f42-4b7e-9a61-2c8f0b9d1e34", "00000000:01:00.0"),
            PracticeCard("GPU-b1f6e920-77ad-4c05-8d3b-94e5a6f0c712", "00000000:41:00.0"),
        ]
        self.left: list[LeftProcess] = []

    def add(self, *, lost: bool = False) -> int:
        """Put another card into the machine; its number."""
        number = len(self.all)
        uuid = f"GPU-{number:08x}-{number * 7919:04x}-4b7e-9a61-2c8f0b9d1e34"
        self.all.append(PracticeCard(uuid, f"00000000:{0x41 + number:02x}:00.0", lost))
        return number

    def given(self, requests: Sequence[DeviceRequest]) -> tuple[int, ...]:
        """Numbers of the cards that these requests mean, those that are not there included."""
        numbers: dict[int, None] = {}
        for one in requests:
            if one.ids:
                numbers |= dict.fromkeys(int(name) for name in one.ids if name.isdecimal())
            else:
                numbers |= dict.fromkeys(range(one.count if one.count and one.count > 0 else len(self.all)))
        return tuple(numbers)

    def working(self, requests: Sequence[DeviceRequest]) -> tuple[str, ...]:
        """The cards that these requests give, but for those that are lost."""
        there = [self.all[number] for number in self.given(requests) if number < len(self.all)]
        return tuple(card.uuid for card in there if not card.lost)

    def refusal(self, requests: Sequence[DeviceRequest]) -> str | None:
        """Why the Engine cannot give these; None when it can."""
        if any(one.driver == "cdi" for one in requests):
            return NO_CDI
        missing = next((number for number in self.given(requests) if number >= len(self.all)), None)
        return None if missing is None else UNKNOWN_DEVICE.format(id=missing)

    def chosen(self, requests: Sequence[DeviceRequest], wanted: int) -> int | None:
        """The card that a program uses, which would like ``wanted``."""
        numbers = self.given(requests)
        return wanted if wanted in numbers else next(iter(numbers), None)

    def holdings(self, containers: Iterable[Instance]) -> list[Holding]:
        """Every process of these containers that holds memory of a card."""
        found = []
        for container in containers:
            for pid, argv in container.processes() if container.program.on_gpu else ():
                for held in container.program.on_gpu:
                    card = self.chosen(container.definition.device_requests, held.gpu)
                    if argv[: len(held.argv)] == held.argv and card is not None:
                        found.append(Holding(container, pid, argv, card, held.memory))
        return found

    def room(self, card: int, containers: Iterable[Instance]) -> int:
        """MiB that are free on a card."""
        held = sum(one.memory for one in self.holdings(containers) if one.card == card)
        left = sum(one.memory for one in self.left if one.card == card)
        return TOTAL - RESERVED - OWN - held - left
