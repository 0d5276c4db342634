"""How often each thing is read, how long it may take, and how both give way under load or failure.

Pure but for the random spread of the back-off, which can be given.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from msgspec import Struct


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
    mongo_deadline: float = 6.0
    """For all that is asked of one mongod; each connection has a shorter one."""
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
        "mongo": told.mongo, "daemon": told.daemon,
    }  # fmt: skip
    old = {source: now - at for source, at in ages.items()}
    return {source: age for source, age in old.items() if age > 3 * max(1.0, periods.get(source, told.projects))}
