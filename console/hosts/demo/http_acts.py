"""The acting HTTP door of the practice stack: POSTs to its own services, which change its world. No network.

A streamed answer is heard line by line, each with the time it would have taken; nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from .. import HttpFailed, HttpReply, ReadOnlyRefused
from .http import HERE
from .stand import Answer, Request
from .world import World


class DemoHttpActs:
    """What can be sent to the practice stack."""

    def __init__(self, world: World, ready: Callable[[], None], *, read_only: bool) -> None:
        self._world = world
        self._ready = ready
        self._read_only = read_only

    async def post(
        self,
        url: str,
        body: Mapping[str, object],
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        limit: int = 1 << 20,
        on_chunk: Callable[[bytes, float], None] | None = None,
    ) -> HttpReply:
        """POST; ReadOnlyRefused before anything is looked at, HttpFailed where nobody listens or in time answers."""
        if self._read_only:
            raise ReadOnlyRefused("Nothing is sent: the console was started with --read-only")
        await asyncio.to_thread(self._ready)
        answer = self._answer(url, msgspec.json.encode(body), dict(headers or {}))
        pieces = answer.body.splitlines(keepends=True) if answer.pace else [answer.body]
        seconds = answer.seconds + answer.pace * (len(pieces) - 1)
        if seconds > deadline:
            raise HttpFailed("timeout", f"{_where(url)} did not answer within {deadline:g} s")
        room = limit
        for number, piece in enumerate(pieces):
            if piece[:room] and on_chunk is not None:
                on_chunk(piece[:room], answer.seconds + answer.pace * number)
            room = max(0, room - len(piece))
        cut = len(answer.body) > limit
        return HttpReply(answer.status, url, {"content-type": answer.kind}, answer.body[:limit], cut=cut,
                         seconds=seconds)  # fmt: skip

    def _answer(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        own = None if parts.hostname in HERE else parts.hostname
        if own is not None and not self._world.is_own(own):
            raise HttpFailed("dns", f"{_where(url)}: the name is not known here", "does the machine's DNS work?")
        answer = self._world.request(parts.port or 80, Request("POST", parts.path, headers, body), own)
        if answer is None:
            raise HttpFailed("refused", f"{_where(url)}: nobody listens there")
        return answer


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
