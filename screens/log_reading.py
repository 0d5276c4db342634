"""Makes lines of a log fit to be shown: no control characters, no secrets; reads one container's log.

It happens in a thread and before anything is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import NamedTuple

from ..console.hosts import Engine
from ..console.text.cleaning import clean_line, redact

TAIL = 300
"""Lines that are read of what was written before."""
BATCH_SECONDS = 0.2
LIMIT = 1 << 20
"""Bytes of one batch."""
LONGEST = 8192
_GROUP = 64 << 10
"""Characters that are redacted at once: a search in more of them would hold the screen's thread up."""
_KEY_LINES = 200
"""Lines after which a private key that does not end is taken for something else."""
_BEGIN, _END = "-----BEGIN PRIVATE KEY-----", "-----END"


class Batch(NamedTuple):
    """Lines that came together."""

    lines: list[str]
    left_out: int = 0
    """Lines before these that came faster than they can be shown."""


class Cleaner:
    """Makes lines of one log fit to be shown. Remembers a private key of which only the beginning has come yet."""

    def __init__(self) -> None:
        self._in_key = 0
        """Lines since a private key began that has not ended; 0 outside."""

    def lines(self, raw: Iterable[bytes]) -> list[str]:
        """The lines without what could steer a terminal, and without secrets. Slow for many: call it in a thread."""
        texts = (part for line in raw for part in line.decode("utf-8", "replace").replace("\r", "\n").split("\n"))
        cleaned = (clean_line(text, LONGEST) for text in texts)
        return [line for group in self._groups(cleaned) for line in redact(group).split("\n") if line.strip()]

    def _groups(self, lines: Iterable[str]) -> Iterator[str]:
        """Lines joined into groups. A private key stays in one group, because it is recognised by its first line."""
        group, size = ([_BEGIN], 0) if self._in_key else ([], 0)
        for text in lines:
            group.append(text)
            size += len(text)
            self._watch(text)
            if size >= _GROUP and not self._in_key:
                yield "\n".join(group)
                group, size = [], 0
        yield "\n".join(group)

    def _watch(self, line: str) -> None:
        if _END in line or self._in_key > _KEY_LINES:
            self._in_key = 0
        elif self._in_key or ("-----BEGIN" in line and "PRIVATE KEY-----" in line):
            self._in_key += 1


class _Newest:
    """Lines that wait to be cleaned, at most ``LIMIT`` bytes of them."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: bytes) -> None:
        """One more; the oldest go for it."""
        self._lines.append(line)
        self._bytes += len(line) + 1
        while self._bytes > LIMIT and len(self._lines) > 1:
            self._bytes -= len(self._lines.popleft()) + 1
            self._left_out += 1

    def take(self) -> tuple[list[bytes], int]:
        """All lines, and how many were dropped since the last call."""
        taken = list(self._lines), self._left_out
        self._lines.clear()
        self._bytes = self._left_out = 0
        return taken


async def newest_lines(engine: Engine, container: str) -> Batch:
    """The newest lines."""
    newest = _Newest()
    for raw_line in (await engine.logs(container, tail=TAIL)).split(b"\n"):
        newest.add(raw_line)
    raw, left_out = newest.take()
    return Batch(await asyncio.to_thread(Cleaner().lines, raw), left_out)


async def line_batches(engine: Engine, container: str) -> AsyncIterator[Batch]:
    """The newest lines, then new ones as they come, gathered for a moment each time; ends when the container does.

    It rests at least as long as it cleans, so that a flood leaves half of a core to everything else. Raises HostError.
    """
    newest, cleaner, arrived = _Newest(), Cleaner(), asyncio.Event()

    async def gather() -> None:
        try:
            async with aclosing(engine.follow(container, tail=TAIL)) as stream:
                async for line in stream:
                    newest.add(line.rstrip(b"\n"))
                    arrived.set()
                    if len(newest) % 64 == 0:
                        await asyncio.sleep(0)  # a stream that always has more would never let go
        finally:
            arrived.set()

    reader, took = asyncio.create_task(gather()), 0.0
    try:
        while not reader.done() or newest:
            await arrived.wait()
            await asyncio.sleep(max(BATCH_SECONDS, took))
            arrived.clear()
            raw, left_out = newest.take()
            if raw:
                began = time.monotonic()
                yield Batch(await asyncio.to_thread(cleaner.lines, raw), left_out)
                took = time.monotonic() - began
            if reader.done():
                arrived.set()
        await reader
    finally:
        reader.cancel()
