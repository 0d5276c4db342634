"""Lines in the logs of a stack's services that mean something, read when a service starts and seldom afterwards."""

from __future__ import annotations

import asyncio

from ..hosts import Clock, Engine, HostError
from ..model import Container, LogMark, Role
from ..stacks.gpu_grants import grant_of
from ..stacks.services import role_of_container
from .board import Board
from .cadence import Cadence
from .worker import pause

ROLES = ("mongo", "librechat", "oneapi", "fastgpt", "mysql", "ollama", "model_server")
"""Those whose logs have marks."""
TAIL = 400
"""Lines read from the end of a log."""
FIRST_TAIL = 4000
"""The same when the log of a model server is first read: what it says at its start is said once."""
AT_ONCE = 2
EARLY = 0.25
"""Seconds before StartedAt that a run's first lines may bear. fact: measured with Engine 20.10, which notes the start
after the process has been set going: a program that dies at once has said all before."""
LOOP = 90.0
"""The same for those in ``LOOPING`` that the Engine has started again: the run before tells what a boot loop dies of.
The pause between two starts is a minute at the most; a new run's own first line ends what counts of the one before."""
LOOPING = ("oneapi", "ollama", "model_server")
SERVERS = ("ollama", "model_server")
YOUNG = 120.0
"""Seconds after its start during which a container's log is read more often."""


class LogMarks:
    """The part ``log_marks``."""

    def __init__(self, engine: Engine, board: Board, clock: Clock, cadence: Cadence) -> None:
        self._engine = engine
        self._board = board
        self._clock = clock
        self._cadence = cadence
        self._marks: dict[str, tuple[LogMark, ...]] = {}
        self._read: dict[str, tuple[tuple[object, ...] | None, float]] = {}
        self._wake = asyncio.Event()

    def request(self) -> None:
        """Read all logs again, now."""
        self._read.clear()
        self._wake.set()

    def containers_changed(self) -> None:
        """Somebody may have started or died."""
        if any(self._is_due(container) for container in self._wanted()):
            self._wake.set()

    async def watch(self) -> None:
        """Read for ever."""
        while True:
            await self.read()
            await asyncio.sleep(min(1.0, self._cadence.young_logs))
            await pause(self._wake, self._cadence.young_logs)

    async def read(self) -> None:
        """One look at the logs that are due, two at a time."""
        wanted = self._wanted()
        known = {container.id for container in wanted}
        self._marks = {container: marks for container, marks in self._marks.items() if container in known}
        self._read = {container: read for container, read in self._read.items() if container in known}
        due = [container for container in wanted if self._is_due(container)]
        with self._board.catch("logs"):
            results = await asyncio.gather(*(self._some(due) for _ in range(AT_ONCE)), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            self._board.good("logs")
        found = tuple(mark for container in sorted(self._marks) for mark in self._marks[container])
        if found != self._board.parts.log_marks:
            self._board.put(log_marks=found)

    def _wanted(self) -> list[Container]:
        seen = (c for c in self._board.parts.containers if c.detailed and c.state != "created")
        return [container for container in seen if log_role(container) in ROLES]

    def _is_due(self, container: Container) -> bool:
        life, read_at = self._read.get(container.id, (None, 0.0))
        if life != _life(container):
            return True
        age = self._clock.now() - (container.started_at or 0.0)
        period = self._cadence.young_logs if 0 <= age < YOUNG else self._cadence.logs
        return container.state == "running" and self._clock.monotonic() - read_at >= period

    async def _some(self, waiting: list[Container]) -> None:
        from ..sources.logs import marks

        while waiting:
            container, role = waiting[0], log_role(waiting.pop(0))
            life, _ = self._read.get(container.id, (None, 0.0))
            first = life is None or life[:1] != _life(container)[:1]
            self._read[container.id] = (_life(container), self._clock.monotonic())
            try:
                async with asyncio.timeout(self._cadence.logs_deadline):
                    tail = FIRST_TAIL if first and role in SERVERS else TAIL
                    raw = await self._engine.logs(container.id, tail=tail)
            except (HostError, TimeoutError):
                continue  # a log driver that cannot be read, or gone; the Engine's own fault is told by its list
            found = marks(container.id, role, raw, since=_since(container, role))
            self._marks[container.id] = found if first else standing(self._marks.get(container.id, ()), found)


def log_role(container: Container) -> Role:
    """As whose log its log is read: one of unknown role that was granted a GPU runs some model."""
    role = role_of_container(container)
    return "model_server" if role == "unknown" and grant_of(container) is not None else role


def standing(before: tuple[LogMark, ...], now: tuple[LogMark, ...]) -> tuple[LogMark, ...]:
    """What was just read, after that which stands from the start on and has gone out of sight since."""
    from ..sources.log_catalogue import STANDS, STARTS

    names = {mark.mark for mark in now}
    if not names.isdisjoint(STARTS):
        return now
    return (*(mark for mark in before if mark.mark in STANDS and mark.mark not in names), *now)


def _since(container: Container, role: Role) -> float | None:
    """From when on lines count: the start, or the death before it where the Engine started it again."""
    if container.started_at is None:
        return None
    return container.started_at - (LOOP if role in LOOPING and container.restart_count else EARLY)


def _life(container: Container) -> tuple[object, ...]:
    """Changes with every start and every death."""
    return (container.started_at, container.state, container.deaths[-1:])
