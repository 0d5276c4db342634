"""The Engine's configuration and its registry mirrors: the file often, the mirrors seldom, candidates only on request.

What a mirror answered is remembered per Http door, so that many looks in a row (a fix that is being proven) do not ask
it again and again. Nothing is asked where the Engine is elsewhere: its network is not ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Literal
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from ..hosts import Engine, Host, HostError, Http, NotFound
from ..model import Container, DaemonConfig, EngineInfo, MirrorProbe, Project, PullFailure
from ..settings import Settings
from ..sources.mirrors import Question, named, probe_all, registry_address, seed, to_ask_for
from ..stacks.images import Place, place_of
from ..stacks.services import role_of_container
from .board import Board
from .cadence import Cadence
from .machine import Machine
from .worker import Worker, pause

CANDIDATES = "mirror-candidates"
"""What has to be named in ``on_request`` for the list of mirrors to choose from to be asked as well."""
ABSENT = 12
"""Images that the Engine is asked for at most."""
REGISTRIES = 3
RECENT = 1800.0
"""Seconds for which a failed pull counts."""
PASSING = frozenset({"dns", "refused", "hangs", "broken", "unreachable", "rate-limited"})
"""Answers that may be different soon."""

Key = tuple[str, tuple[Place, ...]]
_MEMORY: WeakKeyDictionary[Http, dict[Key, tuple[float, MirrorProbe]]] = WeakKeyDictionary()
"""What was answered, and when by the monotonic clock."""


class Mirrors:
    """The parts ``daemon``, ``mirror_probes``, ``mirror_seed`` and ``absent_images``."""

    def __init__(
        self,
        host: Host,
        engine: Engine,
        board: Board,
        machine: Machine,
        cadence: Cadence,
        settings: Settings,
        *,
        on_request: Collection[str] = (),
    ) -> None:
        self._host = host
        self._engine = engine
        self._board = board
        self._machine = machine
        self._cadence = cadence
        self._settings = settings.mirrors
        self._only = settings.project
        self._candidates = CANDIDATES in on_request
        self._worker = Worker("The Engine's configuration")
        self._wake = asyncio.Event()
        self._asked_anew = False
        self._log = b""
        self._log_read_at: float | None = None

    def request(self) -> None:
        """Look again now, and ask again whom it is polite to ask again."""
        self._asked_anew = True
        self._wake.set()

    def engine_changed(self) -> None:
        """The Engine has read its configuration, or was restarted."""
        self._wake.set()

    async def watch(self) -> None:
        """Read for ever."""
        while True:
            await self.read()
            await asyncio.sleep(min(1.0, self._cadence.daemon))
            await pause(self._wake, self._cadence.daemon)

    async def read(self) -> None:
        """The file, the images that are missing, and those mirrors whose turn it is."""
        engine = self._board.parts.engine
        if engine is None:
            return
        if not engine.local or self._host.kernel is None:
            self._board.put(daemon=None, mirror_probes=(), absent_images=())
            return
        await self._read_file(engine)
        await self._read_absent()
        with self._board.catch("mirrors"):
            self._board.put(mirror_seed=seed(self._settings.seed))
            await self._probe(engine)
            if self._board.failing("mirrors"):
                self._board.forget("mirrors")

    async def _read_file(self, engine: EngineInfo) -> None:
        from ..sources.daemon import read

        with self._board.catch("daemon"):
            found = await self._worker.call(
                self._cadence.files_deadline, read, self._host.files, self._machine.rows, engine
            )
            failed = await self._failed_pulls(found)
            self._board.good("daemon", daemon=replace(found, failed_pulls=failed))

    async def _failed_pulls(self, config: DaemonConfig) -> tuple[PullFailure, ...]:
        """What dockerd's log tells of the last half hour; read once a minute."""
        from ..sources.daemon_log import failures

        kernel, clock = self._host.kernel, self._host.clock
        if kernel is None or config.pid is None:
            return ()
        if self._log_read_at is None or clock.monotonic() - self._log_read_at >= self._cadence.logs or self._asked_anew:
            log = partial(kernel.program_log, config.pid, unit=config.unit)
            self._log = await self._worker.call(self._cadence.files_deadline, log)
            self._log_read_at = clock.monotonic()
        return failures(self._log, clock.now() - RECENT)

    async def _read_absent(self) -> None:
        """Images that somebody has tried to start without, and the Engine does not have; unknown counts as there.

        An optional service that nobody starts is no trouble: its images count once a pull has failed.
        """
        parts = self._board.parts
        tried = parts.daemon is not None and bool(parts.daemon.failed_pulls)
        absent = []
        for image in _not_running(parts.projects, parts.containers, partly=tried)[:ABSENT]:
            try:
                async with asyncio.timeout(self._cadence.engine_deadline):
                    await self._engine.image(image)
            except NotFound:
                absent.append(image)
            except (HostError, TimeoutError):
                continue
        self._board.put(absent_images=tuple(absent))

    async def _probe(self, engine: EngineInfo) -> None:
        http = self._host.http
        if http is None or not (self._settings.probe or self._candidates):
            self._board.put(mirror_probes=())
            return
        questions = self._questions(engine)
        memory = _MEMORY.setdefault(http, {})
        now = self._host.clock.monotonic()
        due = [one for one in questions if self._is_due(memory.get(_key(one)), now)]
        self._asked_anew = False
        answers = await probe_all(http, due, engine, self._host.clock.now())
        memory |= {_key(question): (now, answer) for question, answer in zip(due, answers, strict=True)}
        found = (replace(memory[_key(one)][1], address=one.address, what=one.what) for one in questions)
        self._board.put(mirror_probes=tuple(found))

    def _is_due(self, known: tuple[float, MirrorProbe] | None, now: float) -> bool:
        if known is None:
            return True
        cadence = self._cadence
        period = cadence.mirrors_soon if known[1].state in PASSING else cadence.mirrors
        return now - known[0] >= (cadence.mirrors_polite if self._asked_anew else period)

    def _questions(self, engine: EngineInfo) -> list[Question]:
        parts = self._board.parts
        needed, absent = _needed(parts.projects, parts.containers), parts.absent_images
        images = to_ask_for(needed, absent)
        ours = named(engine, parts.daemon)
        questions = [Question(address, "mirror", images) for address in ours]
        wanted = dict.fromkeys(place.registry for name in absent if (place := place_of(name)))
        if self._only is None and parts.daemon is not None:  # the log does not tell whose pull it was
            wanted |= dict.fromkeys(failure.registry for failure in parts.daemon.failed_pulls)
        questions += [
            Question(registry_address(registry), "registry", to_ask_for(needed, absent, registry)[:1])
            for registry in list(wanted)[:REGISTRIES]
        ]
        if self._candidates:
            kind: Literal["candidate"] = "candidate"
            others = [one for one in seed(self._settings.seed).mirrors if one not in ours]
            questions += [Question(address, kind, images) for address in others]
        return questions

    def close(self) -> None:
        """Let the thread go."""
        self._worker.close()


def _key(question: Question) -> Key:
    return (question.address, question.images)


def _declared(projects: tuple[Project, ...]) -> dict[tuple[str, str], str]:
    """Images that services want from a registry, by project and service."""
    return {
        (project.name, service.name): service.image
        for project in projects
        for service in project.services
        if service.image and not service.built and not service.profiles
    }


def _needed(projects: tuple[Project, ...], containers: tuple[Container, ...]) -> tuple[str, ...]:
    """What the stacks are made of; containers of nobody's project count where their role is known."""
    known = {project.name for project in projects}
    loose = [c.image for c in containers if c.project not in known and role_of_container(c) != "unknown"]
    return tuple(dict.fromkeys((*_declared(projects).values(), *loose)))


def _not_running(projects: tuple[Project, ...], containers: tuple[Container, ...], *, partly: bool) -> list[str]:
    """Images of services without a container, in projects that have none at all; with ``partly`` in all projects."""
    there = {(container.project, container.service) for container in containers}
    begun = {container.project for container in containers}
    wanted = (
        image
        for place, image in _declared(projects).items()
        if place not in there and (partly or place[0] not in begun)
    )
    return [image for image in dict.fromkeys(wanted) if place_of(image) is not None]
