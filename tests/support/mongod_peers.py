"""Several members of the stand-in's sets: who can be reached, and so who is primary. A connection is all it tries.

fact: mongo-docker-db 1.2 and 7: without a majority nobody is elected. Data are not copied, and it is always the
reachable member with the lowest ``_id`` that is elected.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .mongod_set import ReplicaSet

PERIOD = 0.3


async def reachable(host: str) -> bool:
    """Whether somebody takes a connection there."""
    name, _, port = host.rpartition(":")
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(name, int(port))
        writer.close()
        return True
    return False


def answers(host: str) -> bool:
    """The same for a command that cannot wait for others: the quorum check of an initiate."""
    name, _, port = host.rpartition(":")
    with contextlib.suppress(OSError, ValueError), socket.create_connection((name, int(port)), 1.0):
        return True
    return False


def elected(own: int, there: Iterable[int], members: int) -> bool:
    """Whether this member is primary: a majority, itself included, and nobody before it."""
    found = {own, *there}
    return len(found) > members // 2 and own == min(found)


async def watch(group: ReplicaSet) -> None:
    """Heartbeats, for ever."""
    while True:
        me, config = group.me(), group.config
        if me is not None and config is not None and len(config["members"]) > 1:
            others = [m for m in config["members"] if m is not me]
            up = await asyncio.gather(*(reachable(m["host"]) for m in others))
            there = [m["_id"] for m, answers in zip(others, up, strict=True) if answers]
            group.others_down = not elected(me["_id"], there, len(config["members"]))
        await asyncio.sleep(PERIOD)
