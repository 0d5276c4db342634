"""Several members of the stand-in's sets: who can be reached, and so who is primary. A heartbeat is all it sends.

fact: mongo-docker-db 1.2 and 7: without a majority nobody is elected. Data are not copied, and it is always the
reachable member with the lowest ``_id`` that is elected.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import bson

from . import mongod_wire as wire

if TYPE_CHECKING:
    from .mongod_set import ReplicaSet

PERIOD = 0.3


def ask(host: str, heartbeat: dict[str, Any]) -> dict[str, Any] | None:
    """Send a heartbeat and wait for its reply; None where nobody answers, or refuses."""
    name, _, port = host.rpartition(":")
    with contextlib.suppress(OSError, ValueError), socket.create_connection((name, int(port)), 1.0) as there:
        there.sendall(wire.message(1, {**heartbeat, "$db": "admin"}))
        size = wire.HEADER.unpack(_exactly(there, wire.HEADER.size))[0]
        reply = bson.decode(_exactly(there, size - wire.HEADER.size)[5:])
        return reply if reply["ok"] == 1 else None
    return None


def _exactly(there: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = there.recv(size - len(found))
        if not part:
            raise ConnectionError
        found += part
    return found


def elected(own: int, there: Iterable[int], members: int) -> bool:
    """Whether this member is primary: a majority, itself included, and nobody before it."""
    found = {own, *there}
    return len(found) > members // 2 and own == min(found)


def beat(group: ReplicaSet) -> None:
    """One round of heartbeats: who is there, and so who is primary."""
    me, config = group.me(), group.config
    if me is None or config is None or len(config["members"]) == 1:
        return
    sent = {"replSetHeartbeat": group.name, "config": config}
    there = [m for m in config["members"] if m is not me and _is_in(group.ask(m["host"], sent), group)]
    numbers = [m["_id"] for m in there]
    group.others_down = not elected(me["_id"], numbers, len(config["members"]))
    first = min([me, *there], key=lambda member: member["_id"])
    group.leader = first["host"] if len(there) + 1 > len(config["members"]) // 2 else None


def _is_in(reply: dict[str, Any] | None, group: ReplicaSet) -> bool:
    return reply is not None and reply["set"] == group.name and reply["v"] >= 1


async def watch(group: ReplicaSet) -> None:
    """Heartbeats, for ever."""
    while True:
        await asyncio.to_thread(beat, group)
        await asyncio.sleep(PERIOD)


def resolves_to_here(port: int) -> Callable[[str], bool]:
    """mongod's own question in a container: does the name resolve to an address of mine, and is the port mine?

    A resolver may take seconds for a name that it does not know. Nobody waits for it: what was known before counts.
    """
    pool, known, asked = ThreadPoolExecutor(), dict[str, bool](), dict[str, Future[bool]]()

    def look(host: str) -> bool:
        name, _, number = host.rpartition(":")
        with contextlib.suppress(OSError, ValueError):
            found = {info[4][0] for info in socket.getaddrinfo(name, int(number), socket.AF_INET)}
            own = {
                "127.0.0.1",
                *(info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)),
            }
            return int(number) == port and bool(found & own)
        return False

    def is_me(host: str) -> bool:
        if (future := asked.get(host)) is None:
            future = asked[host] = pool.submit(look, host)
        if wait([future], 0.01 if host in known else 0.2).done:
            known[host] = future.result()
            asked.pop(host, None)
        return known.setdefault(host, False)

    return is_me
