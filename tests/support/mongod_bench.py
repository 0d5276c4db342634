"""Around the stand-in mongod: a published port as docker-proxy makes it, and an event loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Self

from support.mongod import Mongod
from support.mongod_peers import beat
from support.mongod_set import Document


def joined(*mongods: Mongod) -> None:
    """Let these reach each other, in one process: by the names that each has for itself."""
    for one in mongods:

        def ask(host: str, heartbeat: Document) -> Document | None:
            other = next((each for each in mongods if each.running and each.is_me(host)), None)
            return other.set.heartbeat(heartbeat) if other is not None and other.set.name is not None else None

        one.set.ask = ask
        one.set.beat = partial(beat, one.set)


class Published:
    """A published port as docker-proxy makes it: it accepts at once, and hangs up where nobody listens behind it."""

    def __init__(self, target: Callable[[], int]) -> None:
        self._target = target
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            reset(writer)
            return
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


@contextlib.contextmanager
def in_thread(*servers: Mongod | Published) -> Iterator[None]:
    """Run stand-ins (anything with ``__aenter__``) in an event loop of their own, for tests that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stand-ins", daemon=True)
    thread.start()

    def do(work: Coroutine[None, None, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(10)

    try:
        for server in servers:
            do(server.__aenter__())
        yield
    finally:
        for server in servers:
            do(server.__aexit__(None, None, None))
        do(_cancel_all())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def reset(writer: asyncio.StreamWriter) -> None:
    """Hang up with RST."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()
