"""Reading a container's log for a screen: cleaned, secrets removed, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ..console.hosts import Engine
from ..console.text import clean, redact

BATCH_SECONDS = 0.2


def cleaned(raw: bytes) -> list[str]:
    """Lines as they may be shown; slow for much text, so call it in a thread."""
    text = clean(raw.decode("utf-8", "replace").replace("\r", "\n"), 1 << 20)
    return [line[:8192] for line in redact(text).splitlines() if line.strip()]


async def last(engine: Engine, container: str, tail: int = 300) -> list[str]:
    """The newest lines."""
    raw = await engine.logs(container, tail=tail)
    return await asyncio.to_thread(cleaned, raw)


async def batches(engine: Engine, container: str) -> AsyncIterator[list[str]]:
    """New lines as they come, gathered for a moment each time; ends when the container does."""
    gathered: list[bytes] = []
    arrived = asyncio.Event()
    stream = engine.follow(container, tail=0)

    async def gather() -> None:
        try:
            async for chunk in stream:
                gathered.append(chunk)
                arrived.set()
        finally:
            arrived.set()

    reader = asyncio.create_task(gather())
    try:
        while True:
            await arrived.wait()
            await asyncio.sleep(BATCH_SECONDS)
            arrived.clear()
            if gathered:
                raw = b"\n".join(chunk.rstrip(b"\n") for chunk in gathered)
                gathered.clear()
                yield await asyncio.to_thread(cleaned, raw)
            elif reader.done():
                return
            if reader.done():
                arrived.set()
    finally:
        reader.cancel()
