"""What a stand-in is: the container's definition, the program that plays its part, and what that program may look at.

The rules of a program (what it logs, whether it stays up) are functions of a Stand and nothing else: a container's fate
follows from the files, the mounts and its neighbours, and changes when they do.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import posixpath
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..model import DeviceRequest
from .files import FileNode, Tree, tidy


@dataclass(frozen=True)
class Bind:
    """One mount of a container."""

    source: str
    """Host path, or the name of a volume."""
    target: str
    kind: str = "bind"
    read_only: bool = False
    must_exist: bool = False
    """Long form: a missing source is an error; in short form the Engine makes a directory of it."""


@dataclass(frozen=True)
class Definition:
    """What ``docker create`` is told. A container never changes its definition: it is recreated with another."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    """Empty: the image's own."""
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    restart: str = "no"
    env: tuple[tuple[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    binds: tuple[Bind, ...] = ()
    ports: tuple[str, ...] = ()
    """Published ports as compose writes them: ``3000:3000``."""
    network: str = "bridge"
    service: str = ""
    device_requests: tuple[DeviceRequest, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    memory: int = 0
    """Bytes it may use; 0 without a limit."""
    unset: tuple[str, ...] = ()
    """Variables of the image that it does not get: a name alone in ``environment``, with no value anywhere."""


@dataclass(frozen=True)
class Fate:
    """What becomes of a container that was started."""

    lines: tuple[str, ...] = ()
    """What it logs on the way."""
    exit_code: int | None = None
    """None: it stays up."""
    later: tuple[tuple[float, str], ...] = ()
    """What it logs so many seconds after its start, if it still runs then."""


@dataclass(frozen=True)
class Stand:
    """Everything a program can see from inside its container."""

    definition: Definition
    command: tuple[str, ...]
    """Entrypoint and command together, the image's own where none is given."""
    tree: Tree
    now: float
    peers: frozenset[str]
    """Names under which running containers of the same network answer."""
    started_at: float = 0.0
    """When the program was last started."""
    room: int | None = None
    """MiB that are free on its card while it starts; None without a card."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What its process remembers; gone at the next start. A program writes here only while it serves a request."""

    cards: tuple[str, ...] = ()
    """The graphics cards that it was given and that work, as the driver names them."""

    @property
    def tag(self) -> str:
        """The tag of its image: which release this is."""
        return self.definition.image.rpartition(":")[2]

    def env(self, name: str) -> str | None:
        """One environment variable."""
        return dict(self.definition.env).get(name)

    def host_path(self, path: str) -> str | None:
        """Where a path inside the container lies on the host; None when no bind covers it."""
        path = tidy(path)
        covering = [
            b for b in self.definition.binds if b.kind == "bind" and (path + "/").startswith(tidy(b.target) + "/")
        ]
        if not covering:
            return None
        deepest = max(covering, key=lambda bind: len(tidy(bind.target)))
        return tidy(posixpath.join(deepest.source, posixpath.relpath(path, tidy(deepest.target))))

    def node(self, path: str) -> FileNode | None:
        """What stands at a path inside the container, as far as it comes from the host."""
        host = self.host_path(path)
        return None if host is None else self.tree.get(host)


@dataclass(frozen=True)
class Appetite:
    """What a program uses when the day is average."""

    cores: float = 0.01
    memory: int = 64
    """MiB of working set."""
    rx: float = 200.0
    tx: float = 200.0
    read: float = 0.0
    write: float = 0.0
    """Bytes per second."""
    pids: int = 4


@dataclass(frozen=True)
class OnGpu:
    """A process that holds GPU memory."""

    gpu: int
    """Index of the GPU."""
    memory: int
    """MiB."""
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """One HTTP request to a program."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What it answers, and what it logs of it."""

    status: int
    body: bytes
    kind: str = "application/json"
    lines: tuple[str, ...] = ()
    seconds: float = 0.004
    """Until the first byte."""
    pace: float = 0.0
    """Seconds between two lines of a body that is streamed."""


def option(command: tuple[str, ...], name: str) -> str | None:
    """The value of an option, None without it."""
    words = iter(command)
    for word in words:
        if word == name:
            return next(words, None)
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def told(data: object, status: int = 200, *, lines: Sequence[str] = (), seconds: float = 0.004) -> Answer:
    """An answer in JSON; a text goes out as it is."""
    if isinstance(data, str):
        return Answer(status, data.encode(), "text/plain; charset=utf-8", tuple(lines), seconds)
    return Answer(status, json.dumps(data, ensure_ascii=False).encode(), lines=tuple(lines), seconds=seconds)


def decoded(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a request; None for what is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def token_of(request: Request) -> str:
    """The key that was sent along."""
    sent = {name.lower(): value for name, value in request.headers.items()}.get("authorization", "")
    return sent.removeprefix("Bearer ")


def stamp(at: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment as a program's log writes it, in UTC."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime(form)


Serve = Callable[[Stand, Request], Answer | None]
"""None: nobody listens."""
Start = Callable[[Stand], Fate]
Chat = Callable[[Stand, random.Random], tuple[str, ...]]


def _starts(_stand: Stand) -> Fate:
    return Fate()


def _says_nothing(_stand: Stand, _dice: random.Random) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Program:
    """What is inside an image: its defaults, its manners, its appetite."""

    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    env: tuple[tuple[str, str], ...] = ()
    exposed: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    size: int = 400
    """MiB of the image."""
    appetite: Appetite = Appetite()
    processes: tuple[tuple[str, ...], ...] = ()
    """Argument lists of its processes; empty: one, the command itself."""
    on_gpu: tuple[OnGpu, ...] = ()
    start: Start = _starts
    chat: Chat = _says_nothing
    """What it logs as time goes by, once per ``pace`` seconds at most."""
    serve: Serve | None = None
    """How it answers HTTP; None: it does not."""
    listed: Callable[[Any], tuple[tuple[str, ...], ...]] | None = None
    """Argument lists of what runs in an Instance now, where that depends on its fate."""
    pace: float = 15.0


PERIODS = (3.1, 7.7, 19.0, 53.0, 211.0, 907.0)
"""Seconds; no one a multiple of another, so that the sum looks like a walk."""


class Wave:
    """A positive figure around 1 that swings by at most ``swing`` (0 to 1)."""

    def __init__(self, seed: str, swing: float = 0.8) -> None:
        dice = random.Random(seed)  # noqa: S311 - figures for practice, not secrets
        weights = [dice.uniform(0.3, 1.0) for _ in PERIODS]
        scale = swing / sum(weights)
        self._parts = tuple(
            (weight * scale, math.tau / (period * dice.uniform(0.9, 1.1)), dice.uniform(0.0, math.tau))
            for weight, period in zip(weights, PERIODS, strict=True)
        )

    def level(self, at: float) -> float:
        """The figure at one moment, in seconds."""
        return 1.0 + sum(size * math.sin(speed * at + phase) for size, speed, phase in self._parts)

    def total(self, start: float, end: float) -> float:
        """The figure's integral over the time between: what a counter has grown by."""
        swings = sum(
            size / speed * (math.cos(speed * start + phase) - math.cos(speed * end + phase))
            for size, speed, phase in self._parts
        )
        return max(0.0, end - start + swings)


@lru_cache(maxsize=2048)
def wave(seed: str, swing: float = 0.8) -> Wave:
    """The wave of this seed, made once."""
    return Wave(seed, swing)


def dice(*parts: object) -> random.Random:
    """Dice for one purpose: the same parts give the same throws."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - practice, not secrets
