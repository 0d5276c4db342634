"""The services' own configuration files, judged as their programs judge them, and the releases that judge them.

Judged again whenever something they depend on has changed: the file, the containers, the compose files, the start
banner in a log, the release that a container's package.json names.
"""

from __future__ import annotations

import asyncio
import io
import re
import tarfile
from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ...compose.interpolation import parse_env_file
from ...hosts import Files, Host, HostError, NotFound
from ...model import ConfigIssue, ConfigVerdict, Container, Fault, FileFact, LogMark, PackageRelease, Project
from ...products.librechat import judge
from ...products.librechat.env import NEWEST, OLDEST, KnownRelease, image_kind, known_release, number
from ...products.librechat.reading import Spot, spots
from ...products.librechat.repair import repairs
from ...products.services import role_of_container, services
from ...products.versions import version_of
from ...text import _
from ...text.cleaning import SECRETS, clean_line, redact
from ..board import NewParts, fault_of, silent
from ..source import Site, Source

AGAIN = 60.0
"""Seconds until an Engine that would not hand the file over is asked again."""


class Releases(Source):
    """The release in the package.json of those of whom nothing else tells it.

    A container's image never changes, so each is asked once; one that could not be asked is asked again later.
    """

    name = "releases"
    gives = ("package_releases",)
    every = "logs"
    within = "engine_deadline"
    wakes_on = ("containers",)
    after = ("logs",)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.settles = min(2.0, site.cadence.young_logs)  # the log of a new container is read first
        self._found: dict[str, PackageRelease | None] = {}
        self._failed: dict[str, float] = {}
        self._unread: dict[str, Fault] = {}
        """Of those that failed, whose Engine did not answer."""

    @property
    def starts_after(self) -> float:
        """The logs are read first."""
        return self.settles

    def worthwhile(self) -> bool:
        """There is a new one."""
        return bool(self._due())

    async def read(self) -> NewParts:
        """Ask those who are due."""
        known = {container.id for container in self.parts.containers}
        self._found = {ident: found for ident, found in self._found.items() if ident in known}
        self._failed = {ident: at for ident, at in self._failed.items() if ident in known}
        self._unread = {ident: fault for ident, fault in self._unread.items() if ident in known}
        for container in self._due():
            try:
                self._found[container.id] = await self._ask(container)
                self._unread.pop(container.id, None)
            except (HostError, TimeoutError) as error:
                self._failed[container.id] = self.host.clock.monotonic()
                if silent(error):
                    self._unread[container.id] = fault_of(self.name, error)
        found = tuple(one for one in self._found.values() if one is not None)
        return NewParts({"package_releases": found}, tuple(self._unread.values())[:1], read=())

    def _due(self) -> list[Container]:
        if self.site.settings.librechat.release is not None:
            return []
        parts = self.parts
        started = {mark.container for mark in parts.log_marks if mark.mark == "librechat.start"}
        now = self.host.clock.monotonic()
        return [
            one
            for one in parts.containers
            if one.detailed and one.id not in self._found and one.id not in started
            and role_of_container(one) == "librechat" and version_of("librechat", one.image, labels=one.labels) is None
            and now - self._failed.get(one.id, -AGAIN) >= AGAIN
        ]  # fmt: skip

    async def _ask(self, container: Container) -> PackageRelease | None:
        if self.host.engine is None:
            return None
        for path in paths(container.image):
            try:
                async with asyncio.timeout(self.deadline):
                    tar = await self.host.engine.archive(container.id, path, limit=PACKAGE_LIMIT)
            except NotFound:
                continue
            found = version(tar)
            if found is not None:
                return PackageRelease(container.id, found, path)
        return None


PACKAGE_LIMIT = 1 << 17
"""Bytes of the tar; the file itself has a few thousand."""
MAIN, API = "/app/package.json", "/app/api/package.json"
_RELEASE = re.compile(r"v?(\d{1,3}\.\d{1,3}\.\d{1,3}(?:-[0-9A-Za-z.]{1,20})?)$")


class _Package(Struct):
    name: str = ""
    version: str = ""


def paths(image: str) -> tuple[str, ...]:
    """Where the file lies in a container of the image, the likelier place first."""
    return (API, MAIN) if image_kind(image) == "api" else (MAIN, API)


def version(archive: bytes) -> str | None:
    """The version, without a leading ``v``; None for anything that is not LibreChat's package.json."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None and member.isfile() else None
            package = msgspec.json.decode(file.read(PACKAGE_LIMIT), type=_Package) if file is not None else _Package()
    except (tarfile.TarError, msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, OSError, EOFError):
        return None
    found = _RELEASE.match(package.version) if "librechat" in package.name.lower() else None
    return found[1] if found else None


class Configs(Source):
    """A verdict for each librechat.yaml."""

    name = "configs"
    gives = ("config_verdicts",)
    made_of = ("package_releases",)
    what = "The folder of librechat.yaml"
    every = "projects"
    wakes_on = ("containers", "projects", "files", "log_marks", "package_releases")
    after = ("files", "logs", "releases")
    from_files = True

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._memory: Memory = {}

    @classmethod
    def is_here(cls, host: Host) -> bool:  # noqa: ARG003
        """Always: folders can be named too."""
        return True

    async def read(self) -> NewParts:
        """One look at all of them."""
        # paths in the labels and mounts of another machine's Engine say nothing here
        parts, containers = self.parts, self.parts.containers if self.site.local else ()
        if not any(one.role == "librechat" for one in services(containers, parts.projects)):
            return NewParts({"config_verdicts": ()}, read=())
        found = await self.call(
            read, self.host.files, containers, parts.projects, parts.log_marks,
            told=self.site.settings.librechat.release, packages=parts.package_releases, memory=self._memory,
        )  # fmt: skip
        return NewParts({"config_verdicts": found})


LIMIT = 512 * 1024
"""Bytes; the longest librechat.yaml seen has some thousand lines."""
NEWEST_NUMBER = number(NEWEST) or (0, 0, 0)
Memory = dict[tuple[object, ...], ConfigVerdict]


def read(
    files: Files,
    containers: Sequence[Container],
    projects: Sequence[Project],
    marks: Sequence[LogMark],
    *,
    told: str | None = None,
    packages: Sequence[PackageRelease] = (),
    memory: Memory | None = None,
) -> tuple[ConfigVerdict, ...]:
    """A verdict for each LibreChat service; ``told``: the release the operator names. Never raises for a file.

    ``memory`` is the caller's: what was judged before and has not changed is taken from it.
    """
    before = {} if memory is None else dict(memory)
    now: Memory = {}
    found = [
        _one(files, spot, _release(spot, marks, packages, told), before, now)
        for spot in spots(services(containers, projects), containers, projects)
    ]
    if memory is not None:
        memory.clear()
        memory.update(now)
    return tuple(found)


def _release(
    spot: Spot, marks: Sequence[LogMark], packages: Sequence[PackageRelease], told: str | None
) -> KnownRelease:
    own = spot.container.id if spot.container else None
    banners = [mark.text for mark in marks if mark.container == own and mark.mark == "librechat.start"]
    declared = version_of("librechat", spot.declared.image or "") if spot.declared else None
    running = spot.service.version if spot.container else None
    package = next((one.version for one in packages if one.container == own), None)
    return known_release(told, banners, running, declared, package)


def _one(files: Files, spot: Spot, of: KnownRelease, before: Memory, now: Memory) -> ConfigVerdict:
    path, fact, problem = _file(files, spot)
    verdict = ConfigVerdict(
        path=clean_line(path), release=of.text, release_from=of.how, problem=problem,
        container=spot.container.id if spot.container else None, project=spot.service.project,
        service=spot.service.compose_service, mounted=spot.mounted and bool(spot.paths) and path == spot.paths[0],
        sha256=fact.sha256 if fact else None,
    )  # fmt: skip
    if problem or fact is None:
        return verdict
    env = _environment(files, spot)
    environment = sha256(repr(env).encode("utf-8", "surrogatepass")).hexdigest()
    key = (verdict, environment, fact.mtime if fact.sha256 is None else None)
    made = before.get(key) or _judged(files, env, of, verdict)
    if made.problem is None:
        now[key] = made
    return made


def _environment(files: Files, spot: Spot) -> dict[str, str] | None:
    """What the server has; None where a part of it cannot be read."""
    if not spot.known:
        return None
    env = {var.name: var.value for var in reversed(spot.env)}
    if spot.unread is None:
        return env
    try:
        text = files.read(spot.unread, limit=LIMIT).decode("utf-8", "replace")
    except HostError:
        return None
    SECRETS.learn_text(text)
    return {**parse_env_file(text), **env}


def _file(files: Files, spot: Spot) -> tuple[str, FileFact | None, str | None]:
    """The path that is judged, the facts of a regular file there, and why it cannot be read."""
    first = spot.paths[0] if spot.paths else ""
    for path in spot.paths:
        try:
            fact = files.stat(path, digest=True)
        except HostError as error:
            return path, None, clean_line(str(error))
        if fact.kind == "file":
            too_big = fact.size is not None and fact.size > LIMIT
            return path, fact, _("it is larger than {limit} KiB", limit=LIMIT // 1024) if too_big else None
        if fact.kind == "unreadable":
            return path, None, _("this user may not read it")
        if path == first and (spot.mounted or fact.kind != "missing"):
            break  # what the container sees is what counts
    return first, None, None


def _judged(files: Files, env: Mapping[str, str] | None, of: KnownRelease, verdict: ConfigVerdict) -> ConfigVerdict:
    try:
        content = files.read(verdict.path, limit=LIMIT)
    except HostError as error:
        return replace(verdict, problem=clean_line(str(error)))
    text = judge.decoded(content)
    SECRETS.learn_text(text)
    try:
        found = judge.verdict(text, of.number, env)
        whole = content.isascii() or _utf8(content)
        steps, left = repairs(text, found, of.number, env) if whole else ((), found)
    except judge.NotJudged as error:
        return replace(verdict, problem=str(error))
    if found.only_unknown_keys and of.number > NEWEST_NUMBER:
        problem = _("LibreChat {text} is newer than the rules known here, and may know its keys", text=of.text)
        return replace(verdict, problem=problem)
    if of.number < OLDEST and (found.stage == "ok" or found.only_unknown_keys):
        since = ".".join(map(str, OLDEST))
        return replace(
            verdict,
            problem=_(
                "LibreChat {text} is older than the rules known here, which begin at {since}", text=of.text, since=since
            ),
        )
    return replace(
        verdict, stage=found.stage, boot=found.boot, log=_shown(found.log) if found.log else None,
        issues=tuple(_clean(issue) for issue in found.issues), shown=_names(found.shown), dropped=_names(found.dropped),
        azure_models=_names(found.azure_models), repairs=steps, left_boot=left.boot,
        left=tuple(_clean(issue) for issue in left.issues) if steps else (),
        addresses=tuple(replace(one, whose=_shown(one.whose), host=_shown(one.host)) for one in found.addresses),
        offered=tuple(
            replace(one, name=_shown(one.name), kind=_shown(one.kind), address=_shown(one.address or "") or None)
            for one in found.offered
        ),
    )  # fmt: skip


def _utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_shown(name) for name in names)


def _clean(issue: ConfigIssue) -> ConfigIssue:
    return replace(
        issue, path=_shown(issue.path), message=_shown(issue.message),
        advice=_shown(issue.advice) if issue.advice else None,
    )  # fmt: skip


def _shown(text: str) -> str:
    return redact(clean_line(text, 400))
