"""What looks at GPUs and model servers and a pass over the wiring take, by the processor time of those who do it.

Unlike the difference between two whole consoles, this hardly depends on what else the machine is doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cpu import children_seconds
from stackops.console.collect.source import Cadence
from stackops.console.hosts import Wire
from stackops.console.hosts.local import LocalGpus
from stackops.console.hosts.local.asking import wires
from stackops.console.hosts.local.http import LocalHttp
from stackops.console.hosts.protocols import SystemClock
from stackops.console.model import Server, Speaks
from stackops.console.products.servers.asking import Candidate
from stackops.console.products.servers.looking import look
from support.net_room import room

GPU_LOOKS, ROUNDS = 200, 20


class _Hurried(SystemClock):
    """On which the time between two looks passes at once: an answer that is fresh is not asked for again."""

    ahead = 0.0

    def monotonic(self) -> float:
        """The machine's, and what was skipped."""
        return super().monotonic() + self.ahead


def gpu_cost(env: Mapping[str, str]) -> tuple[float, float]:
    """Per cent of a core, at the pace of the console: reading in the console, and in the child that asks the driver."""
    os.environ |= env
    clock = _Hurried()
    gpus = LocalGpus("/", clock=clock)
    try:
        gpus.read()
        own, child = time.thread_time(), children_seconds(os.getpid())
        for _ in range(GPU_LOOKS):
            clock.ahead += Cadence().gpus
            gpus.read()
        own, child = time.thread_time() - own, children_seconds(os.getpid()) - child
    finally:
        gpus.close()
        for name in env:
            del os.environ[name]
    looks_a_second = 1 / Cadence().gpus
    return 100 * own / GPU_LOOKS * looks_a_second, 100 * child / GPU_LOOKS * looks_a_second


def server_cost(addresses: Sequence[str]) -> float:
    """Per cent of a core that asking all of these takes at the pace of the console."""
    return asyncio.run(_asked(addresses)) / Cadence().servers * 100


async def _asked(addresses: Sequence[str]) -> float:
    """Seconds of processor time of one round over all, without the stand-ins, which run in threads of their own."""
    http, known = LocalHttp(), dict[str, Server]()
    for turn in range(ROUNDS + 1):
        if turn == 1:
            started = time.thread_time()
        for address in addresses:
            candidate = Candidate(address.partition("//")[2], address, "in the benchmark")
            known[address] = await look(http, candidate, known.get(address), time.time(), slow=turn == 0)
    return (time.thread_time() - started) / ROUNDS


SERVICES, PASSES = 12, 10
_TALKERS = {1000: "mongo", 1001: "pg", 1002: "redis", 1003: "http"}


def wiring_cost() -> float:
    """Per cent of a core of passes over the arrows of twelve services, two each, from twelve networks; as root."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rooms = [
            stack.enter_context(room(folder / str(number), _TALKERS, {"db": "127.0.0.1"})) for number in range(SERVICES)
        ]
        first: list[tuple[int, Speaks]] = [(1000, "mongo"), (1001, "postgres"), (1002, "redis"), (1003, "http")]
        asked = [
            Wire(f"{number} {port}", pid, "", "db", port, speaks, tls=False)
            for number, pid in enumerate(rooms)
            for port, speaks in (first[number % 4], first[(number + 1) % 4])
        ]
        began = time.thread_time() + os.times().children_user + os.times().children_system
        for _ in range(PASSES):
            assert all(reading.hops[-1].state == "ok" for reading in wires(asked))
        used = time.thread_time() + os.times().children_user + os.times().children_system - began
    return 100 * used / PASSES / Cadence().wiring
