"""A proxy in front of any unix socket that misbehaves on request: the faults an Engine can have, without harming one.

    async with Proxy(engine.socket) as proxy:
        proxy.set(Toxic("hang"), path="/events")     # a regular expression, searched in the request's target
        ... use proxy.socket ...
        proxy.heal()

Toxics: latency(seconds), hang, hang_body, slow(bytes a second), cut(after bytes), reset(after bytes), garbage(bytes),
status(code, message), endless, drop_events, vanish.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import socket
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Toxic:
    """One fault. ``times`` limits how many requests it hits."""

    kind: str
    amount: float = 0
    content: bytes = b""
    times: int | None = None


class Proxy:
    """Forwards one request per connection, unless a toxic says otherwise."""

    def __init__(self, upstream: str, path: str | None = None) -> None:
        self._upstream = upstream
        self._folder = tempfile.mkdtemp(prefix="so-proxy-")
        self.socket = path or f"{self._folder}/docker.sock"
        self.url = f"unix://{self.socket}"
        self.requests: list[str] = []
        """``METHOD TARGET`` of everything asked for."""
        self._toxics: list[tuple[re.Pattern[str], Toxic]] = []
        self._hits: dict[int, int] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def start(self) -> None:
        """Bind the socket (again)."""
        self._server = await asyncio.start_unix_server(self._serve, self.socket)

    async def vanish(self) -> None:
        """The Engine is gone: no socket file, every connection closed."""
        if self._server:
            self._server.close()
            self._server = None
        Path(self.socket).unlink(missing_ok=True)  # noqa: ASYNC240
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set(self, toxic: Toxic, path: str = "") -> None:
        """From now on, requests whose target matches meet this fault; the newest one that matches counts."""
        self._toxics.insert(0, (re.compile(path), toxic))

    def heal(self) -> None:
        """No fault any more, for new requests."""
        self._toxics.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._one(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.decode("latin-1").split(" ", 2)
        self.requests.append(f"{method} {target}")
        toxic = self._match(target)
        kind = toxic.kind if toxic else ""
        if kind == "hang":
            await asyncio.Event().wait()
        if kind == "latency":
            await asyncio.sleep(toxic.amount if toxic else 0)
        if toxic and kind in {"garbage", "status", "endless", "hang_body"}:
            return await _answer(toxic, writer)
        return await self._forward(head, toxic, reader, writer)

    def _match(self, target: str) -> Toxic | None:
        for pattern, toxic in self._toxics:
            if pattern.search(target):
                used = self._hits.get(id(toxic), 0)
                if toxic.times is None or used < toxic.times:
                    self._hits[id(toxic)] = used + 1
                    return toxic
        return None

    async def _forward(
        self, head: bytes, toxic: Toxic | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._upstream)
        self._writers.add(up_writer)
        upgrade = b"upgrade:" in head.lower()
        lines = [line for line in head[:-4].split(b"\r\n") if upgrade or not line.lower().startswith(b"connection:")]
        up_writer.write(b"\r\n".join([*lines, *([] if upgrade else [b"Connection: close"])]) + b"\r\n\r\n")
        sending = asyncio.create_task(_pump(reader, up_writer))
        try:
            await _back(up_reader, writer, toxic)
        finally:
            sending.cancel()
            self._writers.discard(up_writer)
            up_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


async def _back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, toxic: Toxic | None) -> None:
    kind = toxic.kind if toxic else ""
    sent = 0
    while piece := await reader.read(65536):
        if toxic and kind in {"cut", "reset"} and sent + len(piece) >= toxic.amount:
            writer.write(piece[: max(0, int(toxic.amount) - sent)])
            await writer.drain()
            if kind == "reset":
                _reset(writer)
            return
        if toxic and kind == "slow":
            await _trickle(piece, toxic.amount, writer)
            continue
        if kind == "drop_events" and sent:  # the head goes through, what follows is swallowed
            continue
        writer.write(piece)
        await writer.drain()
        sent += len(piece)


async def _trickle(piece: bytes, rate: float, writer: asyncio.StreamWriter) -> None:
    """The head at once, then so many bytes a second."""
    head, mark, body = piece.partition(b"\r\n\r\n")
    writer.write(head + mark)
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1 / rate)


async def _answer(toxic: Toxic, writer: asyncio.StreamWriter) -> None:
    if toxic.kind == "garbage":
        writer.write(toxic.content)
    elif toxic.kind == "status":
        body = json.dumps({"message": toxic.content.decode()}).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (int(toxic.amount), len(body), body))
    elif toxic.kind == "hang_body":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        await asyncio.Event().wait()
    else:
        writer.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n[")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
