"""Keeps the containers up to date: one list, one event stream, and inspections of what changed.

Reads only. All calls are bounded: four inspections at a time, five refreshes a second, a deadline on each.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from ...hosts import Engine, EngineFailed, HostError, NotFound
from ...model import Fault
from ...text import _
from ...text.cleaning import clean_line
from ...text.traces import caught
from .. import containers as docker
from ..board import NOTHING, NewParts, Register, fault_of
from ..source import Backoff, Site, Source

AT_ONCE = 4
"""Inspections at the same time."""
DAY = 86_400.0


class _OfEngine(Source):
    """What all sources have in common that ask the Engine itself."""

    within = "engine_deadline"

    @property
    def engine(self) -> Engine:
        """The Engine; the source is only made where there is one."""
        engine = self.host.engine
        if engine is None:
            raise HostError(_("There is no Docker Engine to ask"))
        return engine


class Containers(_OfEngine):
    """The containers: listed seldom, inspected when there is reason for it, and a sign of life in between."""

    name = "engine"
    gives = ("containers",)
    tells = ("container",)
    every = "ping"
    after = ()
    always = True
    eager = True

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.register = Register()
        self._listed_at: float | None = None
        self._lost = False
        self._refused: dict[str, Fault] = {}
        """Whose inspection the Engine refused, and how."""
        site.doubt, site.replaced = self.doubt, self.replaced

    @property
    def interval(self) -> float:
        """At once while somebody is doubtful; while the Engine does not answer, after 1, 2, then every 5 s."""
        if self._lost:
            return self.cadence.retries[-1]
        return 0.0 if self.register.doubtful else self.cadence.ping

    @property
    def least(self) -> float:
        """Between two refreshes."""
        return self.cadence.refresh_gap

    def anew(self, *, by_key: bool) -> None:  # noqa: ARG002
        """List and inspect all."""
        self._listed_at = None
        self.register.doubt()

    def doubt(self, containers: list[str]) -> None:
        """Somebody noticed that these are not what they were."""
        self.register.doubt(containers)
        self.site.wake(self.name)

    def replaced(self, stale: dict[str, frozenset[str]]) -> None:
        """Somebody has read which mount points still hold what was replaced."""
        self.register.set_stale(stale)
        self.show()

    def relist(self) -> None:
        """The events of a while are missing."""
        self._listed_at = None
        self.site.wake(self.name)

    async def read(self) -> NewParts:
        """A refresh where there is reason for it, else a sign of life."""
        try:
            if self._list_is_due() or self.register.doubtful:
                await self._refresh()
            else:
                await self.ask(self.engine.ping())
        except Exception:
            self._lost, self._listed_at = True, None
            self.register.doubt()
            raise
        if self._lost:
            self._lost = False
            self.site.wake("engine-info")
        return NewParts(faults=tuple(self._refused.values()))

    def _list_is_due(self) -> bool:
        return self._listed_at is None or self.host.clock.monotonic() - self._listed_at >= self.cadence.lists

    async def _refresh(self) -> None:
        if self._list_is_due():
            self.register.listed(docker.containers(await self.ask(self.engine.containers())))
            self._listed_at = self.host.clock.monotonic()
            self.show()
        waiting = self.register.take_doubtful()
        results = await asyncio.gather(*(self._inspect(waiting) for _ in range(AT_ONCE)), return_exceptions=True)
        self._refused = {container: fault for container, fault in self._refused.items() if container in self.register}
        self.show()
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _inspect(self, waiting: list[str]) -> None:
        while waiting:
            container = waiting.pop(0)
            try:
                self.register.inspected(docker.container(await self.ask(self.engine.inspect(container))))
            except NotFound:
                self.register.gone(container)  # between the list and now; nobody needs to be told
            except EngineFailed as error:
                # The Engine lives and refuses this one: what the list said of it stays, and the next list asks again.
                self._refused[container] = fault_of(f"container:{container[:12]}", error)
                continue
            self._refused.pop(container, None)

    def show(self) -> None:
        """Put what is known on the board."""
        containers = self.register.view(self.site.settings.project)
        if containers != self.parts.containers:
            self.site.board.put(containers=containers)


def _containers(site: Site) -> Containers:
    found = site.source(Containers)
    if found is None:
        raise HostError(_("There is no Docker Engine to ask"))
    return found


class EventStream(_OfEngine):
    """The event stream. Its end, an error and silence all mean the same: open it again, and list.

    The first time it begins with what the Engine's buffer still holds of the day before.
    """

    name = "events"
    gives = ("events",)
    after = ()
    watches = True

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._backoff = Backoff(site.cadence.retries)

    @property
    def least(self) -> float:
        """Before it is opened again."""
        return self._backoff.failed()

    @property
    def interval(self) -> float:
        """No more than that."""
        return 0.0

    async def read(self) -> NewParts:
        """Hear them to the end."""
        opened = self.host.clock.monotonic()
        containers = _containers(self.site)
        register = containers.register
        if not register.began:
            register.began = self.host.clock.now()
        since = register.began - DAY if register.since is None else register.since
        with contextlib.suppress(HostError, OSError, TimeoutError):
            async with _closing(self.engine.events(since)) as stream:
                async for raw in stream:
                    told = register.event(raw)
                    self.site.board.put(events=register.events(self.site.settings.project))
                    if told is not None:
                        self.site.wake("engine" if told == "container" else "engine-info")
        if self.host.clock.monotonic() - opened > self.cadence.retries[-1]:
            self._backoff.worked()
        containers.relist()
        return NOTHING


class AboutEngine(_OfEngine):
    """What the Engine is: read slowly, and again when it was lost or its settings were loaded anew."""

    name = "engine-info"
    gives = ("engine",)
    every = "info"
    after = ()
    always = True

    @property
    def least(self) -> float:
        """It is read at once when it was changed."""
        return 0.0

    async def read(self) -> NewParts | None:
        """``engine``, and ``host`` where the Engine is on another machine. One of the two replies is enough."""
        replies = await asyncio.gather(
            self.ask(self.engine.version()), self.ask(self.engine.info()), return_exceptions=True
        )
        version, info = (reply if isinstance(reply, bytes) else None for reply in replies)
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        if len(errors) == len(replies):
            if self.site.board.failing("engine"):
                return None  # said already
            raise errors[0]
        engine, machine = docker.engine(version, info, address=self.engine.address, local=self.engine.local)
        parts: dict[str, object] = {"engine": engine}
        if self.host.kernel is None:
            parts["host"] = msgspec.structs.replace(machine, name=machine.name or self.parts.host.name)
        return NewParts(parts, tuple(_partly(error) for error in errors))


class Digests(_OfEngine):
    """What a registry calls the images."""

    name = "digests"
    every = "info"
    wakes_on = ("containers",)
    watches = True

    def of_interest(self) -> object:
        """An image that nobody has asked for yet."""
        return frozenset(_containers(self.site).register.images_without_digest())

    async def read(self) -> NewParts:
        """Ask for those that are not known."""
        containers = _containers(self.site)
        for identity, name in containers.register.images_without_digest().items():
            try:
                digest = docker.image_digest(await self.ask(self.engine.image(identity)), name)
            except NotFound:
                digest = None
            except HostError:
                break
            containers.register.set_digest(identity, digest)
        containers.show()
        return NOTHING


def _partly(error: Exception) -> Fault:
    """One of the two replies is missing: what the other told is shown, and proves nothing."""
    if not isinstance(error, HostError | TimeoutError):
        caught("source engine-info", error)
    sentence, remedy = clean_line(str(error), 300) or type(error).__name__, getattr(error, "remedy", None)
    return Fault(
        "engine-info", _("The Engine did not tell everything of itself: {sentence}", sentence=sentence), remedy
    )


@contextlib.asynccontextmanager
async def _closing(stream: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Close the stream at the end where it can be closed, so that its connection does not outlive it."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
