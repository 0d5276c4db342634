"""What a source is: it reads one thing of a machine into parts of the Snapshot, and says when that is worthwhile.

A source neither schedules nor retries: the one Scheduler runs all of them, in the console for ever, in a command once.
What it remembers lives in the source, which lives as long as its Scheduler. To add one: a class in a file of
``sources``, and of a new file the name in ``FILES`` of ``scheduler``.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, ParamSpec, TypeVar

from msgspec import Struct

from ..hosts import Host, HostError, ProcessRow
from ..hosts.call import call_async
from ..model import Disk, GpuProcess, HostInfo, LogFile, Snapshot
from ..settings import Settings
from ..text import _
from ..text.cleaning import clean_line
from .board import NewParts, SnapshotBuilder
from .figures import History


class Cadence(Struct, frozen=True):
    """Periods and deadlines, in seconds."""

    lists: float = 15.0
    """A full list of containers, as a safety net under the event stream."""
    ping: float = 1.5
    """A sign of life, as an event stream is silent when nothing happens and when the Engine hangs."""
    refresh_gap: float = 0.2
    """Between two refreshes, however many events come."""
    info: float = 60.0
    second_sample: float = 0.5
    stats: float = 5.0
    """Figures asked from the Engine, one container after another, where the kernel's cannot be read."""
    processes: float = 10.0
    mounts: float = 5.0
    disks: float = 30.0
    gpus: float = 2.0
    holders: float = 10.0
    """Whether something has to be asked to know whose a process on a GPU is."""
    projects: float = 15.0
    whole_projects: float = 60.0
    """A project is read again by then even when none of its files seems to have changed."""
    logs: float = 60.0
    young_logs: float = 10.0
    """For containers in their first two minutes: what is looked for is said at the start."""
    mongo: float = 10.0
    databases: float = 300.0
    """Each login of a database that has told something; ``databases_soon`` where nobody could tell yet."""
    databases_soon: float = 15.0
    oneapi: float = 10.0
    oneapi_models: float = 60.0
    """What a One API is asked with a key: at most once a minute."""
    servers: float = 5.0
    """Health and figures of each model server."""
    servers_slow: float = 60.0
    """Their versions and lists."""
    servers_dead: float = 60.0
    """A model server that has not answered for long."""
    servers_patience: float = 5.0
    """How long one whole look waits for model servers."""
    wiring: float = 30.0
    """Each arrow from a container to what it needs."""
    daemon: float = 15.0
    """The Engine's configuration file, and whether a declared image is there."""
    mirrors: float = 600.0
    """Each configured mirror, when its answer is one that stays; ``mirrors_soon`` when it may pass."""
    mirrors_soon: float = 120.0
    mirrors_polite: float = 30.0
    """Between two times that one mirror is asked, whoever wants it."""
    publish_gap: float = 0.1
    engine_deadline: float = 4.0
    """Above the Host's own deadline, which says better what is wrong."""
    logs_deadline: float = 6.0
    kernel_deadline: float = 3.0
    files_deadline: float = 5.0
    gpus_deadline: float = 6.0
    wiring_deadline: float = 12.0
    """For all arrows together; the program that tries them ends before that."""
    mongo_deadline: float = 6.0
    """For all that is asked of one mongod; each connection has a shorter one."""
    databases_deadline: float = 10.0
    """For all logins together; the program that asks ends before that."""
    retries: tuple[float, ...] = (1.0, 2.0, 5.0)


class Backoff:
    """Waits between attempts while something fails: 1, 2, then 5 s, less up to a tenth, lest many march in step."""

    def __init__(self, delays: tuple[float, ...], spread: Callable[[], float] = random.random) -> None:
        self._delays = delays
        self._spread = spread
        self._failures = 0

    def failed(self) -> float:
        """Seconds to wait before the next attempt."""
        delay = self._delays[min(self._failures, len(self._delays) - 1)]
        self._failures += 1
        return delay * (1 - 0.1 * self._spread())

    def worked(self) -> None:
        """The next failure waits shortly again."""
        self._failures = 0


class Pace:
    """The period of the sweeps: stretches to 2, then 5 s under load, and shrinks when it has been calm for a while."""

    STEPS = (2.0, 5.0)
    CALM = 10
    """Calm sweeps in a row before the period shrinks."""

    def __init__(self, base: float, cpus: int | None) -> None:
        self._periods = (base, *(step for step in self.STEPS if step > base))
        self._step = 0
        self._calm = 0
        self._cpus = cpus or 1

    @property
    def period(self) -> float:
        """Seconds from the start of one sweep to the start of the next."""
        return self._periods[self._step]

    def took(self, seconds: float, load: float | None) -> None:
        """Tell how long a sweep took and the load average of the last minute."""
        if seconds > self.period / 10 or (load is not None and load > 2 * self._cpus):
            self._step, self._calm = min(self._step + 1, len(self._periods) - 1), 0
            return
        below = self._periods[max(0, self._step - 1)]
        self._calm = self._calm + 1 if seconds < below / 20 and (load is None or load < 1.5 * self._cpus) else 0
        if self._calm >= self.CALM:
            self._step, self._calm = max(0, self._step - 1), 0


def late(ages: Mapping[str, float], now: float, period: float, cadence: Cadence | None = None) -> dict[str, float]:
    """Seconds since the last good read of each source that is older than three of its periods (and 3 s at least)."""
    told = cadence or Cadence()
    periods = {
        "engine": told.ping, "engine-info": told.info, "figures": period, "system": period, "gpus": told.gpus,
        "processes": told.processes, "mounts": told.mounts, "disks": told.disks, "logs": told.logs,
        "oneapi": told.oneapi, "servers": told.servers_slow,
        "mongo": told.mongo, "databases": told.databases, "daemon": told.daemon, "wiring": told.wiring,
    }  # fmt: skip
    old = {source: now - at for source, at in ages.items()}
    return {source: age for source, age in old.items() if age > 3 * max(1.0, periods.get(source, told.projects))}


P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Source")


LEAST = 1.0


class Site:
    """One machine that is looked at, and what its sources share beside the Snapshot. Belongs to one event loop."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        *,
        cadence: Cadence | None = None,
        history: History | None = None,
        directories: Sequence[str] = (),
        board: SnapshotBuilder | None = None,
    ) -> None:
        self.host = host
        self.settings = settings
        self.cadence = cadence or Cadence()
        self.history = history or History()
        self.directories = tuple(directories)
        self.board = board or SnapshotBuilder(host.clock, host_info(host))
        self.pace = Pace(settings.period, self.board.parts.host.cpus)
        self.sources: dict[str, Source] = {}
        """By name."""
        self.on_request: frozenset[str] = frozenset()
        """What is only read when it is asked for, and is asked for in this look."""
        self.wake: Callable[[str], None] = lambda _: None
        """Have the source of this name read soon."""
        self.doubt: Callable[[list[str]], None] = lambda _: None
        """These containers are not what they were."""
        self.replaced: Callable[[dict[str, frozenset[str]]], None] = lambda _: None
        """Container id -> mount points whose source was replaced."""
        self.joined: Callable[[], None] = lambda: None
        """``rows`` or ``held`` are new: join them again."""
        self.rows: Sequence[ProcessRow] = ()
        """The process table as it was read last."""
        self.held: tuple[GpuProcess, ...] = ()
        """Who holds memory of GPUs, as the driver says it."""
        self.disks: tuple[Disk, ...] = ()
        self.logs: tuple[LogFile, ...] = ()
        self.missed: dict[str, int] = {}
        """Container id -> sweeps in a row in which the kernel had no figures of it."""

    @property
    def parts(self) -> Snapshot:
        """What is known."""
        return self.board.parts

    def source(self, kind: type[S]) -> S | None:
        """The source of this kind, where the machine has a door for it."""
        found = self.sources.get(kind.name)
        return found if isinstance(found, kind) else None

    @property
    def local(self) -> bool:
        """Whether the Engine is this machine's: otherwise paths and addresses that it tells say nothing here."""
        return self.host.engine is not None and self.host.engine.local


class Source(ABC):
    """Reads one thing. Made inside the event loop that will use it."""

    name: ClassVar[str]
    """Under which its age and its Faults stand."""
    gives: ClassVar[tuple[str, ...]] = ()
    """Parts of the Snapshot that it makes."""
    made_of: ClassVar[tuple[str, ...]] = ()
    """Parts that it makes them from: a Fault in these is one in its own."""
    tells: ClassVar[tuple[str, ...]] = ()
    """Further names of its Faults, up to a colon."""
    what: ClassVar[str] = ""
    """Who does not answer, in words."""
    every: ClassVar[str] = ""
    """Its interval, by the name in Cadence."""
    within: ClassVar[str] = "files_deadline"
    """Its deadline, by the name in Cadence."""
    wakes_on: ClassVar[tuple[str, ...]] = ()
    """Parts whose change makes a new read worthwhile."""
    after: ClassVar[tuple[str, ...]] = ("engine",)
    """Names of the sources that are read before it, at the start and in a single look."""
    always: ClassVar[bool] = False
    """Whether every look reads it; the others may have nothing to read."""
    from_files: ClassVar[bool] = False
    """Whether it is read where a folder is judged without any Engine."""
    watches: ClassVar[bool] = False
    """Whether it only serves to keep up to date: a single look goes without it."""
    eager: ClassVar[bool] = False
    """Whether it is read soon again after a failure, and at once when woken."""
    settles: float = 0.0
    """Seconds that it waits once woken."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.host = site.host
        self.cadence = site.cadence
        self._seen: object = None

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Whether the machine has a door for it."""
        return host.engine is not None

    @property
    def parts(self) -> Snapshot:
        """What is known."""
        return self.site.board.parts

    @property
    def interval(self) -> float:
        """Seconds until the next read when nothing happens."""
        return float(getattr(self.cadence, self.every))

    @property
    def deadline(self) -> float:
        """Seconds for one call."""
        return float(getattr(self.cadence, self.within))

    @property
    def starts_after(self) -> float:
        """Seconds until the first read, where it is read again and again."""
        return 0.0

    @property
    def least(self) -> float:
        """Seconds between two reads, whatever happens."""
        return 0.0 if self.eager else min(LEAST, self.interval)

    @abstractmethod
    async def read(self) -> NewParts | None:
        """Read now; None: nothing is to be told that was not before. Raises HostError."""

    async def once(self, second_sample: float) -> NewParts | None:  # noqa: ARG002
        """The same where there will be no other read."""
        return await self.read()

    async def again(self) -> NewParts | None:
        """What a single look reads at its end: a second sample, or what has come to light meanwhile."""
        return None

    def worthwhile(self) -> bool:
        """Whether to read now that one of ``wakes_on`` has changed."""
        seen, self._seen = self._seen, self.of_interest()
        return seen != self._seen

    def of_interest(self) -> object:
        """What of ``wakes_on`` makes a difference; by itself, every change does."""
        return object()

    def anew(self, *, by_key: bool) -> None:  # noqa: B027 - most have nothing to forget
        """Take nothing for known at the next read; ``by_key``: somebody asks for it."""

    def close(self) -> None:  # noqa: B027 - nor anything to let go of
        """Let go of what was started for reading."""

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a call that blocks returns, within the deadline."""
        return await call_async(partial(function, *args, **kwargs), self.deadline, self.what, way=self)

    async def ask(self, question: Awaitable[T]) -> T:
        """The Engine's answer within the deadline. The Host has one of its own, which says better what is wrong."""
        try:
            async with asyncio.timeout(self.deadline):
                return await question
        except TimeoutError as error:
            raise HostError(
                _("The Docker Engine did not answer within {deadline:g} s", deadline=self.deadline)
            ) from error


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
        name=clean_line(name or host.name), os=clean_line(os) or None, kernel=clean_line(kernel) or None,
        arch=clean_line(arch) or None, cpus=cpus or None, boot_time=booted or None,
    )  # fmt: skip
