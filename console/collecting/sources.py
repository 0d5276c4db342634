"""All sources of one Host, wired to one board. What the Collector runs for ever, ``collect`` asks once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from ..hosts import Host, HostError
from ..model import HostInfo, Snapshot
from ..settings import Settings
from ..text import clean_line
from .board import Board
from .cadence import Cadence
from .configs import Configs
from .cookies import Cookies
from .device_rules import DeviceRulesOf
from .engine import EngineSource
from .hashes import Hashes
from .history import History
from .log_marks import LogMarks
from .machine import Machine
from .meters import Meters
from .mirrors import Mirrors
from .mongo import Mongos
from .oneapi import OneApis
from .releases import Releases
from .servers import Servers
from .stack import Stack
from .stats import Stats

Loop = Callable[[], Coroutine[Any, Any, None]]
Read = Coroutine[Any, Any, object]


class Sources:
    """Made inside the event loop that will use it."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        *,
        cadence: Cadence | None = None,
        history: History | None = None,
        project_dirs: Sequence[str] = (),
        on_request: Collection[str] = (),
    ) -> None:
        cadence = cadence or Cadence()
        clock, engine = host.clock, host.engine
        self.board = board = Board(clock, host_info(host))
        history = history or History()
        self.meters = Meters(host, board, history, cadence, settings.period)
        self.machine = Machine(host, board, self.meters, cadence, history, all_listed=settings.project is None)
        self.stack = Stack(host, board, cadence, directories=project_dirs, only=settings.project)
        self.configs = Configs(host, board, cadence, release=settings.librechat.release)
        self.cookies = Cookies(host, board, settings, on_request=on_request)
        self.hashes = Hashes(host, board, cadence)
        self.rules = DeviceRulesOf(host, board, cadence)
        self.engine: EngineSource | None = None
        self.stats: Stats | None = None
        self.logs: LogMarks | None = None
        self.releases: Releases | None = None
        self.mongos: Mongos | None = None
        self.oneapis: OneApis | None = None
        self.mirrors: Mirrors | None = None
        self.servers: Servers | None = None
        if host.http is not None:
            self.servers = Servers(host.http, host, board, cadence, settings, history)
        if engine is not None:
            remote = host.kernel is None
            self.engine = EngineSource(engine, board, clock, cadence, project=settings.project, remote=remote)
            self.stats = Stats(engine, host, board, self.meters, cadence)
            self.logs = LogMarks(engine, board, clock, cadence)
            self.releases = Releases(engine, board, clock, cadence, settings)
            self._wire(self.engine, self.logs)
            self.engine.on_change.append(self.releases.containers_changed)
            self.engine.on_change.append(self.cookies.containers_changed)
            self.mirrors = Mirrors(host, engine, board, self.machine, cadence, settings, on_request=on_request)
            self.engine.on_info.append(self.mirrors.engine_changed)
            if host.databases is not None:
                self.mongos = Mongos(host.databases, engine, host, board, cadence)
                self.engine.on_change.append(self.mongos.containers_changed)
            if self.servers is not None:
                self.engine.on_change.append(self.servers.containers_changed)
            if host.http is not None:
                self.oneapis = OneApis(host.http, host, board, cadence, settings)
                self.engine.on_change.append(self.oneapis.containers_changed)

    def _wire(self, engine: EngineSource, logs: LogMarks) -> None:
        engine.on_change += [
            self.meters.containers_changed, self.stack.containers_changed, logs.containers_changed,
            self.rules.containers_changed,
        ]  # fmt: skip
        self.meters.on_lost = engine.doubt

        def stale(found: dict[str, frozenset[str]]) -> None:
            engine.register.set_stale(found)
            engine.show()

        self.machine.on_stale = stale

    def request(self) -> None:
        """Look at everything again, now."""
        for source in (
            self.engine,
            self.stack,
            self.hashes,
            self.rules,
            self.configs,
            self.cookies,
            self.machine,
            self.logs,
            self.mongos,
            self.oneapis,
            self.servers,
            self.mirrors,
        ):
            if source is not None:
                source.request()

    def loops(self) -> dict[str, Loop]:
        """Everything that runs for ever, by the name under which it is reported."""
        loops: dict[str, Loop] = {
            "figures": self.meters.watch,
            "machine": self.machine.watch,
            "stack": self.stack.watch,
            "configs": self.configs.watch,
        }
        if self.engine is not None and self.stats is not None and self.logs is not None:
            loops |= {"engine": self.engine.watch, "events": self.engine.events, "engine-info": self.engine.watch_info}
            loops["cookies"] = self.cookies.watch
            loops |= {"stats": self.stats.watch, "logs": self.logs.watch, "hashes": self.hashes.watch}
            loops["device-rules"] = self.rules.watch
        if self.releases is not None:
            loops["releases"] = self.releases.watch
        if self.mirrors is not None:
            loops["mirrors"] = self.mirrors.watch
        if self.mongos is not None:
            loops["mongo"] = self.mongos.watch
        if self.oneapis is not None:
            loops["oneapi"] = self.oneapis.watch
        if self.servers is not None:
            loops["servers"] = self.servers.watch
        return loops

    async def once(self, second_sample: float) -> Snapshot:
        """One look at everything, with rates over ``second_sample`` seconds."""
        first: list[Read] = [self.machine.read_processes(), self.machine.read_gpus()]
        if self.engine is not None:
            first += [self.engine.turn(), self.engine.read_info()]
        await asyncio.gather(*first)
        self.machine.judge_gpus()  # with the containers that are known by now
        await self.meters.sweep()
        await self.machine.holders.read()
        rest: list[Read] = [self._files_and_disks(), self.machine.read_mounts(), asyncio.sleep(second_sample)]
        if self.logs is not None:
            rest.append(self.logs.read())
        if self.mongos is not None:
            rest.append(self.mongos.read())
        if self.oneapis is not None:
            rest.append(self.oneapis.read())
        if self.servers is not None:
            rest.append(self._ask_servers(self.servers, second_sample))
        if self.stats is not None:
            rest.append(self._ask_twice(self.stats, second_sample))
        await asyncio.gather(*rest)
        if self.releases is not None:
            await self.releases.read()  # where the log does not tell
        await self.configs.read()
        await self.cookies.read()
        if self.servers is not None:
            await self.servers.read()  # those that only files or channels name
        await self.meters.sweep()
        return self.board.snapshot()

    async def _ask_servers(self, servers: Servers, second_sample: float) -> None:
        await servers.read()
        await servers.read_rates(second_sample)

    async def read_files(self) -> None:
        """What files alone tell, without any Engine."""
        await self.stack.read()
        await self.configs.read()

    async def _files_and_disks(self) -> None:
        await self.stack.read()
        more = [self.mirrors.read()] if self.mirrors is not None else []
        await asyncio.gather(self.hashes.read(), self.rules.read(), self.machine.read_disks(), *more)

    async def _ask_twice(self, stats: Stats, second_sample: float) -> None:
        if await stats.ask(missed=1):
            await asyncio.sleep(second_sample)
            await stats.ask(missed=1)

    def close(self) -> None:
        """Let all threads go."""
        closing = (self.meters, self.machine, self.stack, self.hashes, self.rules, self.configs)
        for source in (*closing, self.mongos, self.servers, self.mirrors):
            if source is not None:
                source.close()


def host_info(host: Host) -> HostInfo:
    """What the kernel says of the machine; where it says nothing, only the name."""
    try:
        told = host.kernel.host() if host.kernel is not None else None
    except HostError:
        told = None
    if told is None:
        return HostInfo(name=clean_line(host.name))
    name, os, kernel, arch, cpus, booted = told
    return HostInfo(
        name=clean_line(name or host.name),
        os=clean_line(os) or None,
        kernel=clean_line(kernel) or None,
        arch=clean_line(arch) or None,
        cpus=cpus or None,
        boot_time=booted or None,
    )
