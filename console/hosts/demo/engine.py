"""The Engine door of the practice stack: the world's state as the bytes that a Docker Engine would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from itertools import islice

from .. import NotFound
from . import replies
from .containers import Instance, LogLine
from .events import Event
from .kernel import DemoKernel
from .world import World

ADDRESS = "demo://practice-stack"
LOOK_AGAIN = 0.25
"""Seconds between two looks of a log follower."""


class DemoEngine:
    """Reads. ``ready`` builds the stack on the first of them, in a worker thread: it parses YAML."""

    address = ADDRESS
    local = True

    def __init__(self, world: World, kernel: DemoKernel, name: str, ready: Callable[[], None]) -> None:
        self._world = world
        self._kernel = kernel
        self._name = name
        self._ready = ready
        self._is_ready = False

    async def ping(self) -> None:
        """Always there."""

    async def version(self) -> bytes:
        """``GET /version``."""
        return _bytes(replies.version())

    async def info(self) -> bytes:
        """``GET /info``."""
        await self._built()
        with self._world.lock:
            return _bytes(replies.info(self._world, self._name))

    async def containers(self) -> bytes:
        """``GET /containers/json?all=1``."""
        await self._built()
        with self._world.lock:
            now = self._world.now()
            return _bytes([replies.row(container, now) for container in self._world.containers()])

    async def inspect(self, container: str) -> bytes:
        """``GET /containers/ID/json``; NotFound when it is gone."""
        await self._built()
        with self._world.lock:
            return _bytes(replies.inspect(self._world.find(container)))

    async def image(self, image: str) -> bytes:
        """``GET /images/NAME/json``; NotFound where no container uses it."""
        await self._built()
        with self._world.lock:
            found = replies.image(image, self._world.containers())
        if found is None:
            raise NotFound(f"There is no image {image}")
        return _bytes(found)

    async def archive(self, container: str, path: str, *, limit: int = 1 << 17) -> bytes:  # noqa: ARG002 - as the door
        """The practice containers have no files of their own to hand out."""
        await self._built()
        raise NotFound(f"Could not find the file {path} in container {container}")

    async def top(self, container: str, *, ps_args: str | None = None) -> bytes:  # noqa: ARG002 - it has all columns
        """``GET /containers/ID/top``."""
        await self._built()
        with self._world.lock:
            return _bytes(replies.top(self._world.find(container)))

    async def stats(self, container: str) -> bytes:
        """``GET /containers/ID/stats?stream=0&one-shot=1``; a stopped container answers with zeros."""
        await self._built()
        with self._world.lock:
            found = self._world.find(container)
            system = self._kernel.system()
            return _bytes(replies.stats(found, self._kernel.counters(found), system, self._world.now()))

    async def logs(self, container: str, *, tail: int = 200, since: float | None = None) -> bytes:
        """The last lines with time stamps, oldest first."""
        await self._built()
        with self._world.lock:
            found = self._world.find(container)
            lines = [line for line in found.log if since is None or line.at >= since]
        return b"".join(_line(line) + b"\n" for line in lines[len(lines) - min(tail, len(lines)) :])

    async def follow(self, container: str, *, tail: int = 100) -> AsyncIterator[bytes]:
        """Log lines with time stamps as they come; ends when the container does."""
        await self._built()
        seen = -1
        while True:
            with self._world.lock:
                found = self._world.find(container)
                fresh = _fresh(found, seen, tail)
                seen, running = found.logged, found.state == "running"
            for line in fresh:
                yield _line(line)
            if not running:
                return
            await asyncio.sleep(LOOK_AGAIN)

    async def events(self, since: float | None = None) -> AsyncIterator[bytes]:
        """Events since then and from now on, one JSON object each, until the caller stops."""
        await self._built()
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Event] = asyncio.Queue()

        def told(event: Event) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        with self._world.lock:
            past = [event for event in self._world.events.history if since is not None and event.at >= since]
            stop = self._world.events.listen(told)
        try:
            for event in past:
                yield event.encode()
            while True:
                yield (await queue.get()).encode()
        finally:
            with self._world.lock:
                stop()

    async def _built(self) -> None:
        if not self._is_ready:
            await asyncio.to_thread(self._ready)
            self._is_ready = True


def _fresh(container: Instance, seen: int, tail: int) -> list[LogLine]:
    """Lines after the ``seen``-th ever logged; the last ``tail`` on the first look (-1)."""
    count = tail if seen < 0 else container.logged - seen
    return list(islice(container.log, max(0, len(container.log) - count), None))


def _line(line: LogLine) -> bytes:
    return f"{replies.moment(line.at)} {line.text}".encode("utf-8", "surrogatepass")


def _bytes(reply: object) -> bytes:
    return json.dumps(reply, ensure_ascii=False).encode()
