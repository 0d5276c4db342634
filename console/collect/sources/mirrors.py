"""The Engine's configuration and its registry mirrors: the file often, the mirrors seldom, candidates only on request.

What a mirror answered is remembered, so that many looks in a row (a fix that is being proven) do not ask it again and
again. Nothing is asked where the Engine is elsewhere: its network is not ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from ...hosts import Host, HostError, NotFound, ProcessRow
from ...hosts.engine_api import moment
from ...model import Container, DaemonConfig, EngineInfo, MirrorProbe, Project, PullFailure
from ...products.services import role_of_container
from ...products.versions import HUB, ImageOrigin, place_of
from ...text.cleaning import clean_line
from ..board import NewParts, fault_of, silent
from ..mirror_probe import MirrorQuestion, named, probe_all, registry_address, seed, to_ask_for
from ..source import Site, Source

CANDIDATES = "mirror-candidates"
"""What has to be named in ``on_request`` for the list of mirrors to choose from to be asked as well."""
ABSENT = 12
"""Images that the Engine is asked for at most."""
REGISTRIES = 3
RECENT = 1800.0
"""Seconds for which a failed pull counts."""
PASSING = frozenset({"dns", "refused", "hangs", "broken", "unreachable", "rate-limited"})
"""Answers that may be different soon."""

Key = tuple[str, tuple[ImageOrigin, ...]]


class _OfThisMachine(Source):
    """What they have in common: nothing is to be told where the Engine is elsewhere."""

    every = "daemon"

    @property
    def engine(self) -> EngineInfo | None:
        """The Engine, where it is this machine's and was read."""
        return self.parts.engine if self.site.local and self.host.kernel is not None else None

    def nothing(self, **parts: object) -> NewParts | None:
        """What is told while the Engine has not been read, or where it is elsewhere."""
        return None if self.parts.engine is None else NewParts(parts, read=())


class Daemon(_OfThisMachine):
    """The Engine's configuration, and the pulls that failed."""

    name = "daemon"
    gives = ("daemon",)
    made_of = ("processes",)
    what = "The Engine's configuration"
    wakes_on = ("engine",)
    after = ("engine-info", "processes")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._log = b""
        self._log_read_at: float | None = None

    def anew(self, *, by_key: bool) -> None:  # noqa: ARG002
        """Read the log too."""
        self._log_read_at = None

    async def read(self) -> NewParts | None:
        """The file, and what dockerd's log tells."""
        if self.engine is None:
            return self.nothing(daemon=None)
        found = await self.call(_configuration, self.host, self.site.rows, self.engine)
        return NewParts({"daemon": replace(found, failed_pulls=await self._failed_pulls(found))})

    async def _failed_pulls(self, config: DaemonConfig) -> tuple[PullFailure, ...]:
        """What dockerd's log tells of the last half hour; read once a minute."""
        kernel, clock = self.host.kernel, self.host.clock
        if kernel is None or config.pid is None:
            return ()
        if self._log_read_at is None or clock.monotonic() - self._log_read_at >= self.cadence.logs:
            self._log = await self.call(kernel.program_log, config.pid, unit=config.unit)
            self._log_read_at = clock.monotonic()
        return failures(self._log, clock.now() - RECENT)


class AbsentImages(_OfThisMachine):
    """Images that somebody has tried to start without, and the Engine does not have; unknown counts as there.

    An optional service that nobody starts is no trouble: its images count once a pull has failed.
    """

    name = "images"
    gives = ("absent_images",)
    within = "engine_deadline"
    wakes_on = ("daemon",)
    after = ("daemon", "compose")

    async def read(self) -> NewParts | None:
        """Ask the Engine for each."""
        parts, engine = self.parts, self.host.engine
        if self.engine is None or engine is None:
            return self.nothing(absent_images=())
        tried = parts.daemon is not None and bool(parts.daemon.failed_pulls)
        absent: list[str] = []
        unread: Exception | None = None
        for image in _not_running(parts.projects, parts.containers, partly=tried)[:ABSENT]:
            try:
                async with asyncio.timeout(self.deadline):
                    await engine.image(image)
            except NotFound:
                absent.append(image)
            except (HostError, TimeoutError) as error:
                unread = error if silent(error) else unread
        faults = () if unread is None else (fault_of(self.name, unread),)
        return NewParts({"absent_images": tuple(absent)}, faults, read=())


class Mirrors(_OfThisMachine):
    """Each registry mirror, when its turn is."""

    name = "mirrors"
    gives = ("mirror_probes", "mirror_seed")
    wakes_on = ("daemon", "absent_images")
    after = ("daemon", "images")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._asked_anew = False
        self._memory: dict[Key, tuple[float, MirrorProbe]] = {}
        """What was answered, and when by the monotonic clock."""

    @property
    def _candidates(self) -> bool:
        return CANDIDATES in self.site.on_request

    def anew(self, *, by_key: bool) -> None:
        """Ask again whom it is polite to ask again."""
        self._asked_anew = self._asked_anew or by_key

    async def read(self) -> NewParts | None:
        """Ask those whose turn it is."""
        engine, http, settings = self.engine, self.host.http, self.site.settings.mirrors
        if engine is None:
            return self.nothing(mirror_probes=())
        parts: dict[str, object] = {"mirror_seed": seed(settings.seed), "mirror_probes": ()}
        if http is not None and (settings.probe or self._candidates):
            questions = self._questions(engine)
            now = self.host.clock.monotonic()
            due = [one for one in questions if self._is_due(self._memory.get(_key(one)), now)]
            self._asked_anew = False
            answers = await probe_all(http, due, engine, self.host.clock.now())
            self._memory |= {_key(question): (now, answer) for question, answer in zip(due, answers, strict=True)}
            found = (replace(self._memory[_key(one)][1], address=one.address, what=one.what) for one in questions)
            parts["mirror_probes"] = tuple(found)
        return NewParts(parts, read=())

    def _is_due(self, known: tuple[float, MirrorProbe] | None, now: float) -> bool:
        if known is None:
            return True
        cadence = self.cadence
        period = cadence.mirrors_soon if known[1].state in PASSING else cadence.mirrors
        return now - known[0] >= (cadence.mirrors_polite if self._asked_anew else period)

    def _questions(self, engine: EngineInfo) -> list[MirrorQuestion]:
        parts = self.parts
        needed, absent = _needed(parts.projects, parts.containers), parts.absent_images
        images = to_ask_for(needed, absent)
        ours = named(engine, parts.daemon)
        questions = [MirrorQuestion(address, "mirror", images) for address in ours]
        wanted = dict.fromkeys(place.registry for name in absent if (place := place_of(name)))
        if self.site.settings.project is None and parts.daemon is not None:  # the log does not tell whose pull it was
            wanted |= dict.fromkeys(failure.registry for failure in parts.daemon.failed_pulls)
        questions += [
            MirrorQuestion(registry_address(registry), "registry", to_ask_for(needed, absent, registry)[:1])
            for registry in list(wanted)[:REGISTRIES]
        ]
        if self._candidates:
            kind: Literal["candidate"] = "candidate"
            others = [one for one in seed(self.site.settings.mirrors.seed).mirrors if one not in ours]
            questions += [MirrorQuestion(address, kind, images) for address in others]
        return questions


def _configuration(host: Host, rows: Sequence[ProcessRow], engine: EngineInfo) -> DaemonConfig:
    from ..daemon import read

    listener = None if host.kernel is None else host.kernel.listener(engine.address)
    if host.kernel is not None and listener and all(row.pid != listener for row in rows):
        rows = host.kernel.processes()  # it was started since the table was read
    return read(host.files, rows, engine, listener=listener)


def _key(question: MirrorQuestion) -> Key:
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


KEPT = 3
_LINE = re.compile(
    r'^time="(?P<time>[^"]+)" level=error msg="'
    r"(?:Handler for POST [^ ]*/images/create returned error|Not continuing with pull after error): (?P<why>.*)$",
    re.MULTILINE,
)
_END = re.compile(r'(?<!\\)"(?:\s|$)')
_HOST = re.compile(r"https?://([A-Za-z0-9.:-]+)/")
_HUB_HOSTS = frozenset({"registry-1.docker.io", "index.docker.io", "auth.docker.io", "docker.io", HUB})
_NETWORK = re.compile(
    r"Client\.Timeout|deadline exceeded|i/o timeout|TLS handshake|connection refused|connection reset|no such host|"
    r"server misbehaving|network is unreachable|no route to host|: EOF|toomanyrequests|x509:|bad gateway|"
    r"service unavailable|request canceled",
    re.IGNORECASE,
)
"""Reasons that lie on the way; a name that does not exist, or a login, is another matter."""


def failures(log: bytes, since: float) -> tuple[PullFailure, ...]:
    """The last pulls that failed for want of a way to the registry, from ``since`` on, newest last."""
    found: list[PullFailure] = []
    for line in _LINE.finditer(log.decode("utf-8", "replace")):
        at = moment(line["time"])
        end = _END.search(line["why"])
        why = line["why"][: end.start() if end else None].replace('\\"', '"').replace("\\\\", "\\")
        host = _HOST.search(why)
        if at is None or at < since or host is None or not _NETWORK.search(why):
            continue
        registry = HUB if host[1] in _HUB_HOSTS else host[1]
        found.append(PullFailure(at, clean_line(registry, 100), clean_line(why, 300)))
    return tuple(found[-KEPT:])
