"""The machine and its figures from the kernel: processes, replaced mounts, free space, one sweep of counters at a time.

For containers that the kernel does not know (a remote Engine, a hidden /proc) ``Stats`` asks the Engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ...hosts import CgroupSample, Files, Host, HostError, Kernel, ProcessRow, SystemSample
from ...model import NATIVE, Container, Disk, Figures, LogFile, NativeProcess, Role
from ...products.roles import LAUNCHERS, role_of_program
from ...text import _
from ...text.cleaning import clean, clean_line
from ..board import NewParts
from ..figures import figures, one_per_file_system, sample_of_stats, system
from ..mongo_state import heard
from ..owners import is_local
from ..source import Site, Source


def native(rows: Sequence[ProcessRow]) -> tuple[NativeProcess, ...]:
    """One entry per service: neither its launcher (``npm run backend``) nor its workers are listed beside it."""
    roles = {row.pid: role for row in rows if row.container is None and (role := role_of_program(row.command))}
    by_pid = {row.pid: row for row in rows}
    launchers = _launchers(roles, by_pid)
    roles = {pid: role for pid, role in roles.items() if pid not in launchers}
    chosen = [by_pid[pid] for pid, role in roles.items() if role not in _roles_above(by_pid[pid], roles, by_pid)]
    return tuple(_native(row) for row in sorted(chosen, key=lambda row: row.pid))


def _launchers(roles: dict[int, Role], by_pid: dict[int, ProcessRow]) -> set[int]:
    """Those that only started another process of the same role."""
    found: set[int] = set()
    for pid, role in roles.items():
        for above in _above(by_pid[pid], by_pid):
            program = above.command[0].rpartition("/")[2] if above.command else above.name
            if roles.get(above.pid) == role and (program in LAUNCHERS or above.name in LAUNCHERS or _is_npm(above)):
                found.add(above.pid)
    return found


def _is_npm(row: ProcessRow) -> bool:
    """fact: npm names itself ``npm run backend`` in one argument."""
    return bool(row.command) and row.command[0].startswith(("npm ", "pnpm ", "yarn "))


def _roles_above(row: ProcessRow, roles: dict[int, Role], by_pid: dict[int, ProcessRow]) -> set[Role]:
    return {roles[above.pid] for above in _above(row, by_pid) if above.pid in roles}


def _above(row: ProcessRow, by_pid: dict[int, ProcessRow]) -> list[ProcessRow]:
    """Its parents, nearest first; a table read while pids were reused may hold a ring."""
    seen, chain = {row.pid}, []
    while (parent := by_pid.get(row.ppid)) is not None and parent.pid not in seen:
        seen.add(parent.pid)
        chain.append(parent)
        row = parent
    return chain


def _native(row: ProcessRow) -> NativeProcess:
    return NativeProcess(
        pid=row.pid, name=clean_line(row.name), command=tuple(clean(word) for word in row.command),
        started_at=row.started_at, user=clean_line(row.user) if row.user else None,
    )  # fmt: skip


class _OfKernel(Source):
    """What all sources have in common that ask the kernel."""

    within = "kernel_deadline"
    eager = True

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Not where the Engine is another machine's."""
        return host.kernel is not None

    @property
    def kernel(self) -> Kernel:
        """The kernel; the source is only made where there is one."""
        if self.host.kernel is None:
            raise HostError(_("The kernel of this machine cannot be asked"))
        return self.host.kernel


class NativeProcesses(_OfKernel):
    """Native processes, and who of the others belongs to which container."""

    name = "processes"
    gives = ("processes",)
    what, every, after = "The process table", "processes", ()

    async def read(self) -> NewParts:
        """Read the table."""
        self.site.rows = await self.call(self.kernel.processes)
        self.site.joined()
        found = native(self.site.rows)
        return NewParts({"processes": await self.call(heard, self.kernel, found, self.parts.processes)})


class Mounts(_OfKernel):
    """Which bind mounts still hold what was replaced on the host; only where process ids are this machine's."""

    name = "mounts"
    gives = ("containers",)
    what = "The mount table"
    every = "mounts"
    after = ("engine", "processes")

    async def read(self) -> NewParts | None:
        """Look at the mounts of whoever runs and has some."""
        bound = [c for c in self.parts.containers if c.pid and any(m.kind == "bind" for m in c.mounts)]
        if not bound or is_local(bound, self.site.rows) is False:
            return None
        self.site.replaced(await self.call(_replaced, self.kernel, bound))
        return NewParts()


class Disks(_OfKernel):
    """Free space of what matters: the Engine's folder, each project's, the root."""

    name = "disks"
    gives = ("system",)
    what = "The file system"
    every = "disks"
    within = "files_deadline"
    after = ("engine", "engine-info", "compose")

    async def read(self) -> NewParts:
        """Ask each file system once, and how large the logs are that nobody bounds."""
        self.site.disks = one_per_file_system(await self.call(_disks, self.kernel, self._paths()))
        unbound = [c for c in self.parts.containers if c.log_driver == "json-file" and c.log_limit is None]
        self.site.logs = await self.call(_logs, self.host.files, unbound) if self.site.local else ()
        return NewParts()

    def _paths(self) -> dict[str, str]:
        parts = self.parts
        wanted: dict[str, str] = {}
        if parts.engine is not None and parts.engine.local and parts.engine.root_dir:
            wanted[parts.engine.root_dir] = "Docker"
        for project in parts.projects:
            if project.working_dir and (parts.engine is None or parts.engine.local):
                wanted.setdefault(project.working_dir, _("project {name}", name=project.name))
        wanted.setdefault("/", "root")
        return wanted


def _replaced(kernel: Kernel, containers: Sequence[Container]) -> dict[str, frozenset[str]]:
    found = {}
    for container in containers:
        try:
            found[container.id] = kernel.replaced_mounts(container.pid or 0)
        except HostError:
            continue  # it ended meanwhile, or is hidden: not known
    return found


LOGS, FAILURES = 400, 5
"""Logs that are looked at, and those after which no more are, as each may have cost its deadline."""


def _logs(files: Files, containers: Sequence[Container]) -> tuple[LogFile, ...]:
    """Each log that is there. fact: only root may look into the Engine's folder."""
    found, failures = [], 0
    for container, path in [(c, c.log_path or "") for c in containers if (c.log_path or "").startswith("/")][:LOGS]:
        try:
            fact = files.stat(path)
        except HostError:
            failures += 1
            if failures == FAILURES:
                break
            continue
        if fact.kind in ("file", "unreadable"):
            found.append(LogFile(container.id, path, fact.size if fact.kind == "file" else None))
    return tuple(found)


def _disks(kernel: Kernel, wanted: dict[str, str]) -> list[Disk]:
    return [Disk(path, what, *_space(kernel, path)) for path, what in wanted.items()]


def _space(kernel: Kernel, path: str) -> tuple[int | None, int | None]:
    try:
        return kernel.disk(path)
    except HostError:
        return None, None


GAPS = 3
"""Periods without a sample after which rates are left out once: the machine slept, or the program was stopped."""
Sweep = tuple[dict[str, CgroupSample], SystemSample, float]


class Meters(Source):
    """The figures of all containers, of native services and of the host, by the pace that the machine's load allows."""

    name = "figures"
    gives = ("figures", "system")
    tells = ("system",)
    what = "The kernel"
    within = "kernel_deadline"
    wakes_on = ("containers",)
    after = ("engine", "processes")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.asked: dict[str, Figures] = {}
        """Figures that the Engine was asked for; the kernel's beat them."""
        self._before: dict[tuple[str, int], CgroupSample] = {}
        self._figures: dict[str, Figures] = {}
        self._system: SystemSample | None = None
        self._started = 0.0
        self._complete = True
        """Whether everybody in the last sweep had a sample before, so that there are rates."""

    @classmethod
    def is_here(cls, host: Host) -> bool:  # noqa: ARG003
        """Always: what the Engine tells of figures is shown by it too."""
        return True

    @property
    def _soon(self) -> float:
        return min(self.cadence.second_sample, self.site.pace.period)

    @property
    def least(self) -> float:
        """Half of what passes until a second sample."""
        return self._soon / 2

    @property
    def interval(self) -> float:
        """From the start of one sweep to the start of the next."""
        period = self.site.pace.period if self._complete else self._soon
        return period - (self.host.clock.monotonic() - self._started)

    def worthwhile(self) -> bool:
        """Who has ended loses its figures at once; for somebody new the next sweep comes soon."""
        self.show()
        return any(key not in self._before for key in self._pids().items())

    async def read(self) -> NewParts | None:
        """One sweep."""
        self._started = self.host.clock.monotonic()
        kernel, pids = self.host.kernel, self._pids()
        self._complete = True
        if kernel is None:
            self.show()
            self.site.history.add(None, self.parts.figures)
            return None
        samples, machine, seconds = await self.call(_sweep, kernel, pids, self.host.clock.monotonic)
        self._complete = self._take_containers(pids, samples)
        self._take_system(machine)
        self.site.history.add(self.parts.system, self.parts.figures)
        self.site.pace.took(seconds, machine.load[0] if machine.load else None)
        return NewParts(read=("figures", "system"))

    async def again(self) -> NewParts | None:
        """A second sample, for rates."""
        return await self.read()

    def _take_containers(self, pids: dict[str, int], samples: dict[str, CgroupSample]) -> bool:
        at, gap, before = self.host.clock.now(), self._longest_gap(), self._before
        limits = {c.id: c.memory_limit for c in self.parts.containers}
        # keyed by process id too: with another one the counters have begun again at 0
        self._before = {(container, pids[container]): sample for container, sample in samples.items()}
        self._figures = {
            key[0]: figures(before.get(key), sample, at=at, limit=limits.get(key[0]), longest_gap=gap)
            for key, sample in self._before.items()
        }
        missing = {name: pid for name, pid in pids.items() if name not in samples and not name.startswith(NATIVE)}
        self.site.missed = {container: self.site.missed.get(container, 0) + 1 for container in missing}
        self.show()
        lost = [container for container, pid in missing.items() if (container, pid) in before]
        if lost:
            self.site.doubt(lost)
        return all(key in before for key in self._before)

    def _take_system(self, machine: SystemSample) -> None:
        before, self._system = self._system, machine
        at, gap = self.host.clock.now(), self._longest_gap()
        self.site.board.put(
            system=system(before, machine, at=at, disks=self.site.disks, logs=self.site.logs, longest_gap=gap)
        )
        self._complete = self._complete and before is not None

    def _longest_gap(self) -> float:
        return GAPS * max(self.site.pace.period, 1.0)

    def _pids(self) -> dict[str, int]:
        natives = {f"{NATIVE}{process.pid}": process.pid for process in self.parts.processes}
        return natives | {c.id: c.pid for c in self.parts.containers if c.pid is not None and _runs(c)}

    def show(self) -> None:
        """Put the figures of whoever still runs on the board."""
        running = [c.id for c in self.parts.containers if _runs(c)]
        running += [f"{NATIVE}{process.pid}" for process in self.parts.processes]
        both = {**self.asked, **self._figures}
        told = {container: both[container] for container in running if container in both}
        self.site.board.put(figures=told, period=self.site.pace.period)


def _runs(container: Container) -> bool:
    return container.state in ("running", "paused")


def _sweep(kernel: Kernel, pids: dict[str, int], monotonic: Callable[[], float]) -> Sweep:
    started = monotonic()
    samples = dict(kernel.sample(pids))
    return samples, kernel.system(), monotonic() - started


AT_ONCE = 4
MISSED = 2
"""Sweeps without a sample after which the Engine is asked instead of the kernel."""


class Stats(Source):
    """Figures that the Engine is asked for, one container after another."""

    name = "stats"
    gives = ("figures",)
    within = "logs_deadline"
    after = ("engine", "figures")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._before: dict[tuple[str, int], CgroupSample] = {}

    @property
    def interval(self) -> float:
        """Soon after the first samples, since rates take two."""
        return self._period() if self._before else self.cadence.second_sample

    @property
    def least(self) -> float:
        """It is never woken."""
        return 0.0

    async def read(self) -> NewParts | None:
        """One round, for those that the kernel did not know in the last sweeps."""
        return await self._ask(MISSED)

    async def once(self, second_sample: float) -> NewParts | None:
        """Two rounds: there will be no second sweep by which to know whom the kernel does not know."""
        found = await self._ask(1)
        if found is not None:
            await asyncio.sleep(second_sample)
            found = await self._ask(1)
        return found

    async def _ask(self, missed: int) -> NewParts | None:
        meters = self.site.source(Meters)
        wanted = [c for c in self.parts.containers if self._is_wanted(c, missed)]
        keys = {(c.id, c.pid or 0) for c in wanted}
        self._before = {key: sample for key, sample in self._before.items() if key in keys}
        if meters is None:
            return None
        meters.asked = {c.id: meters.asked[c.id] for c in wanted if c.id in meters.asked}
        if not wanted:
            return None
        await asyncio.gather(*(self._ask_some(wanted, meters.asked) for _ in range(AT_ONCE)))
        meters.show()
        return NewParts(read=("figures",)) if meters.asked else None

    def _is_wanted(self, container: Container, missed: int) -> bool:
        if container.state != "running" or not container.detailed:
            return False
        return self.host.kernel is None or self.site.missed.get(container.id, 0) >= missed

    async def _ask_some(self, waiting: list[Container], told: dict[str, Figures]) -> None:
        while waiting:
            container = waiting.pop(0)
            engine = self.host.engine
            if engine is None:
                return
            try:
                async with asyncio.timeout(self.deadline):
                    now = sample_of_stats(await engine.stats(container.id))
            except (HostError, TimeoutError):
                continue  # that the Engine is lost is told by its list; for one container a dash says enough
            if now is not None:
                key = (container.id, container.pid or 0)
                told[container.id] = figures(
                    self._before.get(key), now, at=self.host.clock.now(), limit=container.memory_limit,
                    longest_gap=GAPS * self._period(),
                )  # fmt: skip
                self._before[key] = now

    def _period(self) -> float:
        return max(self.cadence.stats, self.site.pace.period)
