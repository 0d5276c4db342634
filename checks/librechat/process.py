"""The api process of one LibreChat service: how it is started, what it has for an environment, who can reach it.

Pure: everything is read from the Snapshot. None means that it cannot be told from here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ...console.compose.places import dotenv
from ...console.model import ComposeService, Container, EnvVar, Mount, Service, Snapshot, Volume
from ...console.model.findings import Evidence
from ...console.products.librechat import env as rules
from ...console.products.librechat.env import ImageKind, Launch, Release
from ...console.products.librechat.reading import DEFAULT_PATH, NAMES
from ...console.settings import Settings
from ...console.text import _
from ..compose import LOOPBACK, Placed, marks_since_start, open_ports, value_of
from ..subjects import Reach, fact_of, reach

_FRONT = re.compile(r"nginx|caddy|traefik|openresty|haproxy")
_HTTPS, _HTTP = "443", "80"


@dataclass(frozen=True)
class Given:
    """One variable, and where it was read."""

    value: str | None
    source: str


@dataclass(frozen=True)
class ApiProcess:
    """What is known of one api process."""

    place: Placed
    kind: ImageKind | None
    words: tuple[str, ...]
    """Entry point and command; the image's own where nothing says otherwise."""
    inside: Mapping[str, str]
    """The container's own environment, env files included."""
    dotenv: Mapping[str, str] | None
    """What the process reads from ``.env`` itself; empty when it reads none, None when it is not known."""
    dotenv_path: str | None
    """Host path of the file the process reads."""
    release: Release | None = None
    """Only where it was asked for."""
    release_source: str = ""

    @property
    def launch(self) -> Launch:
        """How it is started."""
        return rules.launch(self.words)

    @property
    def inspected(self) -> str:
        """Where facts of the container or the declaration were read."""
        place = self.place
        if place.container:
            return f"docker inspect {place.container.name}"
        return place.files[0] if place.files else _("compose files")

    @property
    def config_url(self) -> bool:
        """Whether it fetches its configuration from the web."""
        given = self.given("CONFIG_PATH")
        return bool(given and re.match(r"https?://", given.value or ""))

    @property
    def config_path(self) -> tuple[Given | None, str]:
        """``CONFIG_PATH`` where it has one, and the path inside the container that it reads."""
        given = self.given("CONFIG_PATH")
        if given is None or not given.value:
            return None, DEFAULT_PATH
        return given, posixpath.normpath(posixpath.join(self.working_dir, given.value))

    @property
    def config_path_by_now(self) -> str | None:
        """The same as its files have it where the container is older; None where that is not known."""
        declared, project = self.place.declared, self.place.project
        if self.place.container is None or declared is None or "CONFIG_PATH" not in self.inside:
            return None
        value = value_of("CONFIG_PATH", declared.env)
        if value is None and not (self.from_env_file and project and dotenv(project)):
            return None
        return posixpath.normpath(posixpath.join(self.working_dir, value or DEFAULT_PATH))

    @property
    def working_dir(self) -> str:
        """Where it starts."""
        return rules.working_dir(self.place.working_dir, self.place.image)

    def set_in(self, name: str) -> str:
        """The file whose line gives it a variable, as far as that can be told; for people."""
        declared, own = self.place.declared, _own_dotenv(self.place)
        if name not in self.inside:
            return self.dotenv_path or self.inspected
        project = self.place.project
        if project and own and _values(dotenv(project)).get(name) == self.inside[name]:
            return own
        if declared and name not in declared.named and declared.env_files:
            return " or ".join(declared.env_files)
        named = declared and name in declared.named and self.place.files
        return self.place.files[0] if named else _("the environment of {place}", place=self.place.subject)

    def given(self, name: str) -> Given | None:
        """A variable as the process has it: dotenv never overwrites what the container's environment has."""
        if name in self.inside:
            return Given(self.inside[name], self.inspected)
        if self.dotenv is None:
            return None
        return Given(self.dotenv.get(name), self.dotenv_path or self.inspected)

    def node_env(self) -> Given | None:
        """``NODE_ENV``; its value is None when it is unset."""
        set_by_command = rules.given_node_env(self.words)
        if set_by_command is not None:
            return Given(set_by_command, _("command {words}", words=" ".join(self.words[-3:])))
        return None if self.launch == "unknown" else self.given("NODE_ENV")

    def env(self) -> Mapping[str, str] | None:
        """Everything the cookie's rules look at; None when a part of it is not known."""
        return None if self.dotenv is None else {**self.dotenv, **self.inside}

    @property
    def from_env_file(self) -> bool:
        """Whether Compose hands the project's ``.env`` to the container (``env_file``)."""
        declared, own = self.place.declared, _own_dotenv(self.place)
        return bool(declared and own and own in declared.env_files)

    @property
    def env_file(self) -> str | None:
        """The ``.env`` that reaches the process, by its own reading or through Compose."""
        if self.dotenv_path and self.dotenv:
            return self.dotenv_path
        return _own_dotenv(self.place) if self.from_env_file else None

    def fixed(self, name: str) -> bool:
        """Whether the compose files themselves set a variable, so that a line in ``.env`` would not reach it."""
        project, declared = self.place.project, self.place.declared
        if name not in self.inside or project is None or declared is None or not self.from_env_file:
            return name in self.inside
        return name in declared.named and _values(dotenv(project)).get(name) != self.inside[name]

    def in_dotenv(self, name: str) -> bool:
        """Whether a line in the folder's ``.env`` decides a variable, or would."""
        return self.env_file is not None and not self.fixed(name)

    @property
    def local_address(self) -> str:
        """Where it answers on its own machine."""
        port = self.given("PORT")
        number = port.value if port and port.value and port.value.isdecimal() else "3080"
        return f"http://localhost:{number}"


def api_of(place: Placed, snapshot: Snapshot) -> ApiProcess:
    """What is known of the api process of a service, but for its release."""
    kind, words = rules.image_kind(place.image), place.words
    if not (place.told_by and place.told_by.command) and kind and rules.launch(words) == "unknown":
        words = (*words, *rules.COMMANDS[kind])
    return ApiProcess(place, kind, words, _values(place.env), *_dotenv(place, snapshot))


def with_release(api: ApiProcess, snapshot: Snapshot, settings: Settings) -> ApiProcess:
    """The same with its release, and what tells it."""
    release, source = _release(api.place, snapshot, settings)
    return replace(api, release=release, release_source=source)


def seen_at(place: Placed, name: str, snapshot: Snapshot) -> str | None:
    """The path inside the container at which a mount puts a librechat.yaml, or a file of that name; the usual first."""
    mounts = (*place.mounts, *(place.declared.volumes if place.declared else ()))
    targets = (mount.target for mount in mounts if posixpath.basename(mount.target) in (name, *NAMES))
    return next((target for target in (DEFAULT_PATH, *targets) if _brings(target, mounts, snapshot)), None)


def _brings(target: str, mounts: Iterable[Mount | Volume], snapshot: Snapshot) -> bool:
    """Whether a mount puts a file of this machine there."""
    found = reach(target, tuple(mounts))
    fact = fact_of(snapshot, found.source) if found and found.kind == "bind" else None
    return fact is not None and fact.kind == "file"


def moment(at: float | None) -> str:
    """A time in UTC, for people."""
    return _("at a time not known") if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _values(env: Iterable[EnvVar]) -> dict[str, str]:
    return {one.name: one.value for one in env}


def _own_dotenv(place: Placed) -> str | None:
    """The ``.env`` of the project's folder."""
    return posixpath.join(place.directory, ".env") if place.directory else None


def _release(place: Placed, snapshot: Snapshot, settings: Settings) -> tuple[Release | None, str]:
    if settings.librechat.release:
        return rules.release(settings.librechat.release), _("settings, librechat.release")
    service = next((one for one in snapshot.services if _is(one, place)), None)
    container = place.container
    started = any(mark.mark == "librechat.start" for mark in marks_since_start(snapshot, container))
    package = next((one for one in snapshot.package_releases if container and one.container == container.id), None)
    source = place.image or "image"
    if container and started:
        source = f"docker logs {container.name}"
    elif container and package:
        source = f"{package.path} in {container.name}"
    return rules.release(service.version if service else None), source


def _is(service: Service, place: Placed) -> bool:
    if place.container:
        return service.container == place.container.id
    named = (service.project, service.compose_service) == (place.project_name, place.service)
    return service.container is None and named


def _dotenv(place: Placed, snapshot: Snapshot) -> tuple[Mapping[str, str] | None, str | None]:
    """The ``.env`` in the working directory; an ``-api`` image looks in ``/app/api`` (LibreChat Dockerfile.multi)."""
    if place.told_by is None:
        return None, None
    found = reach(posixpath.join(rules.working_dir(place.working_dir, place.image), ".env"), place.mounts)
    return ({}, None) if found is None else (_content(found, place, snapshot), found.source)


def _content(found: Reach, place: Placed, snapshot: Snapshot) -> Mapping[str, str] | None:
    """Its variables, where it is the ``.env`` of the project's folder: only of that the values are known."""
    fact = fact_of(snapshot, found.source)
    if fact is not None and fact.kind == "missing":
        return {}
    own = _own_dotenv(place)
    if found.kind != "bind" or own is None or posixpath.normpath(found.source) != own or place.project is None:
        return None
    values = _values(dotenv(place.project))
    if not values and (fact is None or fact.kind != "file" or fact.size):
        return None  # not there, or not readable for this user
    return values


@dataclass(frozen=True)
class Front:
    """How people come to it."""

    plain: tuple[Evidence, ...] = ()
    """Ports that answer plain http from elsewhere."""
    tls: tuple[Evidence, ...] = ()
    """What speaks https for it."""
    maybe: tuple[Evidence, ...] = ()
    """What may speak https for it, without a container's port to show for it."""
    address: str | None = None
    """The address that the operator's settings give people; None when they give none, or only this machine's."""

    @property
    def https(self) -> bool:
        """Whether people come over https, as far as it can be told."""
        return bool(self.tls) or rules.is_https(self.address)

    @property
    def stated(self) -> bool:
        """Whether the settings name a plain http address of another machine's view."""
        return self.address is not None and not rules.is_https(self.address)


def front_of(api: ApiProcess, snapshot: Snapshot) -> Front:
    """Published ports and whoever stands before them."""
    others = [one for one in snapshot.containers if one is not api.place.container]
    native = (
        one.name for one in snapshot.processes if one.name.partition(" ")[0] in ("nginx", "caddy", "traefik", "apache2")
    )
    maybe = tuple(Evidence(_("web server on this machine"), name, _("process table")) for name in native)[:1]
    tls = tuple(_tls(api, others))
    front = Front(tuple(_plain(api, others)), tls, maybe, _address(api))
    if front.stated and tls and not any(_near(api, one) for one in others if _speaks_tls(one)):
        # another stack's https is no proof where the settings say plain http
        return Front(front.plain, (), (*maybe, *tls), front.address)
    return front


def _address(api: ApiProcess) -> str | None:
    given = (api.given(name) for name in ("DOMAIN_CLIENT", "DOMAIN_SERVER"))
    told = (one.value for one in given if one)
    return next((value for value in told if value and not rules.is_local(value)), None)


def _plain(api: ApiProcess, others: Iterable[Container]) -> Iterator[Evidence]:
    place, container = api.place, api.place.container
    if container and container.network_mode == "host":
        if not LOOPBACK.match(api.inside.get("HOST", "")):
            yield Evidence(_("published"), _("all addresses (host network)"), api.inspected)
        return
    for address, number in open_ports(place.told_by):
        yield Evidence(_("published"), f"{address}:{number}", api.inspected)
    for other in others:
        own = other.project == place.project_name and _near(api, other) and _FRONT.search(other.image)
        for address, number in open_ports(other) if own else ():
            if number == _HTTP:
                yield Evidence(_("published"), f"{address}:{number}", f"docker inspect {other.name}")


def _speaks_tls(told: Container | ComposeService) -> bool:
    ended = isinstance(told, Container) and told.state not in ("running", "paused", "restarting")
    return not ended and any(number == _HTTPS for _, number in open_ports(told))


def _tls(api: ApiProcess, others: Iterable[Container]) -> Iterator[Evidence]:
    for other in filter(_speaks_tls, others):
        yield Evidence(
            _("https"),
            _("{other} publishes port {https}", other=other.name, https=_HTTPS),
            f"docker inspect {other.name}",
        )
    declared = api.place.project.services if api.place.project and api.place.container is None else ()
    for service in filter(_speaks_tls, declared):
        yield Evidence(
            _("https"), _("{service} publishes port {https}", service=service.name, https=_HTTPS), api.inspected
        )


def _near(api: ApiProcess, other: Container) -> bool:
    """Whether a container belongs to the same project, or shares a network with the service."""
    own = api.place.container
    if other.project is not None and other.project == api.place.project_name:
        return True
    return bool(own and {one.network for one in own.networks} & {one.network for one in other.networks})
