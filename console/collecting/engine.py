"""Keeps the containers up to date: one list, one event stream, and inspections of what changed.

Reads only. All calls are bounded: four inspections at a time, five refreshes a second, a deadline on each.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import msgspec

from ..hosts import Clock, Engine, EngineFailed, HostError, NotFound
from ..model import HostInfo
from ..sources import docker
from .board import Board
from .cadence import Backoff, Cadence
from .register import Register
from .worker import pause

T = TypeVar("T")
AT_ONCE = 4
"""Inspections at the same time."""


class EngineSource:
    """The Engine's part of the Snapshot: ``engine``, ``containers``, and ``host`` where it is another machine."""

    def __init__(
        self, engine: Engine, board: Board, clock: Clock, cadence: Cadence, *, project: str | None, remote: bool
    ) -> None:
        self.register = Register()
        self.on_change: list[Callable[[], None]] = []
        """Called when the containers have changed."""
        self.on_info: list[Callable[[], None]] = []
        """Called when ``/info`` says something else than before."""
        self._engine = engine
        self._board = board
        self._clock = clock
        self._cadence = cadence
        self._project = project
        self._remote = remote
        self._listed_at: float | None = None
        self._lost = False
        self._refused: set[str] = set()
        """Whose inspection the Engine refused."""
        self._wake = asyncio.Event()
        self._wake_info = asyncio.Event()

    def request(self) -> None:
        """Look at everything again, now."""
        self._listed_at = None
        self.register.doubt()
        self._wake.set()
        self._wake_info.set()

    def doubt(self, containers: list[str]) -> None:
        """Somebody noticed that these are not what they were."""
        self.register.doubt(containers)
        self._wake.set()

    async def watch(self) -> None:
        """List and inspect for ever; while the Engine does not answer, try after 1, 2, then every 5 s."""
        backoff = Backoff(self._cadence.retries)
        while True:
            if await self.turn():
                backoff.worked()
                await asyncio.sleep(self._cadence.refresh_gap)
                await pause(self._wake, 0 if self.register.doubtful else self._cadence.ping)
            else:
                await asyncio.sleep(backoff.failed())

    async def turn(self) -> bool:
        """One look: a refresh where there is reason for it, else a sign of life. Whether the Engine answered."""
        with self._board.catch("engine") as caught:
            if self._list_is_due() or self.register.doubtful:
                await self._refresh()
            else:
                await self._ask(self._ping())
            self._board.good("engine")
        if caught.failed:
            self._lost, self._listed_at = True, None
            self.register.doubt()
        elif self._lost:
            self._lost = False
            self._wake_info.set()
        return not caught.failed

    def _list_is_due(self) -> bool:
        return self._listed_at is None or self._clock.monotonic() - self._listed_at >= self._cadence.lists

    def _ping(self) -> Awaitable[object]:
        ping = getattr(self._engine, "ping", None)
        return ping() if ping is not None else self._engine.version()

    async def _ask(self, call: Awaitable[T]) -> T:
        """The answer within the deadline. The Host has one of its own, which says better what is wrong."""
        try:
            async with asyncio.timeout(self._cadence.engine_deadline):
                return await call
        except TimeoutError as error:
            seconds = self._cadence.engine_deadline
            raise HostError(f"The Docker Engine did not answer within {seconds:g} s") from error

    async def _refresh(self) -> None:
        if self._list_is_due():
            rows = docker.containers(await self._ask(self._engine.containers()))
            self.register.listed(rows)
            self._listed_at = self._clock.monotonic()
            self.show()
        waiting = self.register.take_doubtful()
        results = await asyncio.gather(*(self._inspect_some(waiting) for _ in range(AT_ONCE)), return_exceptions=True)
        self.show()
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _inspect_some(self, waiting: list[str]) -> None:
        while waiting:
            await self._inspect(waiting.pop(0))

    async def _inspect(self, container: str) -> None:
        try:
            self.register.inspected(docker.container(await self._ask(self._engine.inspect(container))))
        except NotFound:
            self.register.gone(container)  # between the list and now; nobody needs to be told
        except EngineFailed as error:
            # The Engine lives and refuses this one: what the list said of it stays, and the next list asks again.
            self._refused.add(container)
            self._board.bad(_source(container), error)
            return
        self._accepted({container})

    def _accepted(self, containers: set[str]) -> None:
        """These are no longer refused: inspected after all, or gone."""
        for container in containers & self._refused:
            self._refused.discard(container)
            self._board.forget(_source(container))

    def show(self) -> None:
        """Put what is known on the board."""
        self._accepted({container for container in self._refused if container not in self.register})
        containers = self.register.view(self._project)
        if containers != self._board.parts.containers:
            self._board.put(containers=containers)
            for call in self.on_change:
                call()

    async def events(self) -> None:
        """Read the event stream for ever. Its end, an error and silence all mean the same: open it again and list."""
        backoff = Backoff(self._cadence.retries)
        while True:
            opened = self._clock.monotonic()
            with contextlib.suppress(HostError, OSError, TimeoutError):
                async with _closing(self._engine.events(self.register.since)) as stream:
                    async for raw in stream:
                        self._take(raw)
            if self._clock.monotonic() - opened > self._cadence.retries[-1]:
                backoff.worked()
            self._listed_at = None
            self._wake.set()
            await asyncio.sleep(backoff.failed())

    def _take(self, raw: bytes) -> None:
        told = self.register.event(raw)
        if told == "container":
            self._wake.set()
        elif told == "daemon":
            self._wake_info.set()

    async def watch_info(self) -> None:
        """Read what the Engine is, slowly, and again when it was lost or its settings were loaded anew."""
        while True:
            await self.read_info()
            await self._read_digests()
            await pause(self._wake_info, self._cadence.info)

    async def read_info(self) -> None:
        """``engine``, and ``host`` where the Engine is on another machine. One of the two replies is enough."""
        replies = await asyncio.gather(
            self._ask(self._engine.version()), self._ask(self._engine.info()), return_exceptions=True
        )
        version, info = (reply if isinstance(reply, bytes) else None for reply in replies)
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        if len(errors) == len(replies) and self._board.failing("engine"):
            return  # said already
        with self._board.catch("engine-info"):
            if len(errors) == len(replies):
                raise errors[0]
            engine, machine = docker.engine(version, info, address=self._engine.address, local=self._engine.local)
            changed = engine != self._board.parts.engine
            self._board.good("engine-info", engine=engine)
            if changed:
                for call in self.on_info:
                    call()
            if self._remote:
                self._board.put(host=_named(machine, self._board.parts.host))

    async def _read_digests(self) -> None:
        for identity, name in self.register.images_without_digest().items():
            try:
                digest = docker.image_digest(await self._ask(self._engine.image(identity)), name)
            except NotFound:
                digest = None
            except HostError:
                return
            self.register.set_digest(identity, digest)
        self.show()


def _source(container: str) -> str:
    return f"container:{container[:12]}"


def _named(machine: HostInfo, before: HostInfo) -> HostInfo:
    return machine if machine.name else msgspec.structs.replace(machine, name=before.name)


@contextlib.asynccontextmanager
async def _closing(stream: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Close the stream at the end where it can be closed, so that its connection does not outlive it."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
