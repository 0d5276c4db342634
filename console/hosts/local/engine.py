"""The Engine protocol over the client: which paths are asked, with which deadlines. Returns the Engine's own bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from urllib.parse import quote

import msgspec

from ...text import N_
from .. import EngineFailed, NotFound
from .client import LIMIT, ClosedClient, EngineClient
from .reasons import hung

LINE = 8192
HEADER = 8


class LineSplitter:
    """Turns pieces of one stream into lines, each clipped at 8 KiB with what is missing counted."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that this piece completes, with their line feed."""
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._keep(piece[start:end])
            yield self._line() + b"\n"
            start = end + 1
        self._keep(piece[start:])

    def rest(self) -> bytes:
        """The last line, where it had no line feed."""
        return self._line() if self._kept or self._dropped else b""

    def _keep(self, part: bytes) -> None:
        room = LINE - len(self._kept)
        self._kept += part[:room]
        self._dropped += max(0, len(part) - room)

    def _line(self) -> bytes:
        line = bytes(self._kept).rstrip(b"\r")
        if self._dropped:
            line = _whole_characters(line) + f"… +{_amount(self._dropped)}".encode()
        self._kept.clear()
        self._dropped = 0
        return line


class LogReader:
    """Turns the body of a log reply into lines, framed or raw, found out from the first bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._framed: bool | None = None
        self._left = 0
        self._stream = 0
        self._streams = (LineSplitter(), LineSplitter(), LineSplitter())

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that this piece completes, in the order sent."""
        if self._framed is None:
            self._framed = _is_frame(piece)
        if not self._framed:
            yield from self._streams[0].feed(piece)
            return
        self._buffer += piece
        while self._buffer:
            if not self._left and not self._next_frame():
                return
            payload = bytes(self._buffer[: self._left])
            del self._buffer[: self._left]
            self._left -= len(payload)
            yield from self._streams[self._stream].feed(payload)

    def rest(self) -> Iterator[bytes]:
        """Unfinished lines, at the end of the reply."""
        for lines in self._streams:
            if last := lines.rest():
                yield last + b"\n"

    def _next_frame(self) -> bool:
        if len(self._buffer) < HEADER:
            return False
        if not _is_frame(self._buffer):  # out of step: show the rest as it is rather than lose it
            self._framed, self._stream, self._left = True, 0, len(self._buffer)
            return True
        self._stream = self._buffer[0]
        self._left = int.from_bytes(self._buffer[4:HEADER], "big")
        del self._buffer[:HEADER]
        return bool(self._left) or self._next_frame()


def _is_frame(begin: bytes | bytearray) -> bool:
    return begin[0] <= 2 and not any(begin[1:4])


def _whole_characters(line: bytes) -> bytes:
    """The line without the half character that clipping left at its end."""
    return line.decode("utf-8", "ignore").encode() if line[-4:].decode("utf-8", "replace").endswith("�") else line


def _amount(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1_000_000 else f"{size / 1e3:.0f} kB" if size >= 1000 else f"{size} bytes"


SLOW = 5.0
"""Seconds for logs, top and stats."""
WALK = 60.0
"""Seconds for what makes the Engine walk over files."""
UNUSED: dict[str, tuple[str, dict[str, object]]] = {
    "containers": ("/containers/json", {"all": 1, "size": 1, "filters": {"status": ["created", "exited", "dead"]}}),
    "images": ("/images/json", {"filters": {"dangling": ["true"]}}),
    "networks": ("/networks", {"filters": {"type": ["custom"]}}),
    "build-cache": ("/system/df", {}),
}
EVENT_LIMIT = 1 << 20
IDLE = 120.0
"""Seconds without an event after which the stream is opened anew, where the Engine is reached over a network.

fact: tcp(7): a connection whose peer was cut off stays open for ever when nothing is sent on it.
"""
WATCHED = {
    "type": ["container", "daemon"],
    "event": [
        "create", "start", "die", "stop", "kill", "oom", "pause", "unpause", "restart", "rename", "update", "destroy",
        "health_status", "reload",
    ],
}  # fmt: skip
"""fact: health checks make three exec events per run, of no use; ``update`` is for limits, ``reload`` for mirrors."""


class LocalEngine:
    """Reads from the Engine at one address; ``local`` only says that it is a unix socket, not who is behind it."""

    def __init__(self, client: EngineClient | ClosedClient, *, idle: float | None = None) -> None:
        self.address = client.address.url
        self.local = client.address.socket is not None
        self.client = client
        self._idle = idle or (None if self.local else IDLE)

    async def ping(self) -> None:
        await self.client.ping()

    async def version(self) -> bytes:
        return await self.client.get("/version", versioned=False)

    async def info(self) -> bytes:
        return await self.client.get("/info")

    async def containers(self) -> bytes:
        """``GET /containers/json?all=1``, without sizes, which would read every layer."""
        return await self.client.get("/containers/json", query={"all": 1})

    async def inspect(self, container: str) -> bytes:
        return await self.client.get(f"/containers/{_segment(container)}/json")

    async def image(self, image: str) -> bytes:
        return await self.client.get(f"/images/{'/'.join(map(_segment, image.split('/')))}/json")

    async def unused(self, kind: str) -> bytes:
        path, query = UNUSED[kind]
        told = {name: msgspec.json.encode(value).decode() for name, value in query.items()}
        return await self.client.get(path, total=WALK, query=told)

    async def top(self, container: str, *, ps_args: str | None = None) -> bytes:
        query: dict[str, str | int] = {} if ps_args is None else {"ps_args": ps_args}
        return await self.client.get(f"/containers/{_segment(container)}/top", total=SLOW, query=query)

    async def archive(self, container: str, path: str, *, limit: int = 1 << 17) -> bytes:
        """``GET /containers/ID/archive?path=PATH``: the beginning of a tar; no more than ``limit`` bytes are read."""
        found = bytearray()
        target = f"/containers/{_segment(container)}/archive"
        try:
            async with asyncio.timeout(SLOW), self.client.open(target, query={"path": path}) as (_, body):
                async for piece in body:
                    found += piece
                    if len(found) >= limit:
                        break
        except TimeoutError as error:
            raise hung(self.client.address, SLOW) from error
        return bytes(found[:limit])

    async def stats(self, container: str) -> bytes:
        """One sample. fact: one-shot came with API 1.41; older Engines take two samples, 1 to 2 s."""
        shot: dict[str, str | int] = {"stream": 0}
        if _number(await self.client.api()) >= (1, 41):
            shot["one-shot"] = 1
        return await self.client.get(f"/containers/{_segment(container)}/stats", total=SLOW, query=shot)

    async def logs(self, container: str, *, tail: int = 200, since: float | None = None) -> bytes:
        """The last lines with time stamps, in the order sent, each clipped at 8 KiB, at most 16 MiB of them."""
        query: dict[str, str | int] = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": tail}
        if since is not None:
            query["since"] = f"{since:.9f}"
        lines: deque[bytes] = deque()
        size = 0
        try:
            async with asyncio.timeout(SLOW):
                async for line in self._log(container, query):
                    lines.append(line)
                    size += len(line)
                    while size > LIMIT:
                        size -= len(lines.popleft())
        except TimeoutError as error:
            raise hung(self.client.address, SLOW) from error
        return b"".join(lines)

    async def follow(self, container: str, *, tail: int = 100) -> AsyncGenerator[bytes, None]:
        """Log lines with time stamps as they come; ends when the container does, or when the caller stops."""
        query: dict[str, str | int] = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": tail, "follow": 1}
        async with aclosing(self._log(container, query)) as lines:
            async for line in lines:
                yield line.rstrip(b"\n")

    async def events(self, since: float | None = None) -> AsyncIterator[bytes]:
        """Events of containers and of the daemon, one JSON object each. Never just ends: the end is an EngineFailed."""
        query: dict[str, str | int] = {"filters": msgspec.json.encode(WATCHED).decode()}
        if since is not None:
            query["since"] = f"{since:.9f}"
        rest = b""
        async with self.client.open("/events", query=query) as (_, body):
            async for piece in self._while_alive(body):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield _object(line)
                if len(rest) > EVENT_LIMIT:
                    raise EngineFailed(N_("An event of the Engine is larger than 1 MiB"))
        raise EngineFailed(N_(f"The Engine at {self.client.address.where} ended its event stream"))

    async def _while_alive(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces. EngineFailed when none has come for long: a peer that is gone says so by nothing else."""
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    piece = await anext(body, None)
            except TimeoutError as error:
                where = self.client.address.where
                raise EngineFailed(N_(f"The event stream of {where} has been silent for {self._idle:g} s")) from error
            if piece is None:
                return
            yield piece

    async def _log(self, container: str, query: dict[str, str | int]) -> AsyncGenerator[bytes, None]:
        reader = LogReader()
        async with self.client.open(f"/containers/{_segment(container)}/logs", first=SLOW, query=query) as (_, body):
            async for piece in body:
                for line in reader.feed(piece):
                    yield line
        for line in reader.rest():
            yield line


def _object(line: bytes) -> bytes:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except msgspec.MsgspecError as error:
        raise EngineFailed(N_("The Engine's event stream holds something that is not an event")) from error
    return line


def _segment(name: str) -> str:
    """One path segment, whatever the name holds; a name that would climb in the path cannot exist."""
    if name in {"", ".", ".."}:
        raise NotFound(N_(f"There is nothing called {name!r}"))
    return quote(name, safe=":@")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
