"""The api process of one LibreChat service: how it is started, what it has for an environment, who can reach it.

Pure: everything is read from the Snapshot. ``None`` and ``UNKNOWN`` mean that it cannot be told from here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ...console.findings import Evidence
from ...console.model import Container, EnvVar, Service, Snapshot
from ...console.settings import Settings
from ...console.stacks import librechat_env as rules
from ...console.stacks.librechat_env import ImageKind, Launch, Release
from ..compose import Placed, Reach, fact_of, marks_since_start, reach

_LOOPBACK = re.compile(r"127\.|localhost$|::1$|\[::1\]$")
_HTTPS_PORT, _HTTP_PORT = 443, 80
Unknown = Literal["unknown"]
UNKNOWN: Unknown = "unknown"


@dataclass(frozen=True)
class Given:
    """One variable, and where it was read."""

    value: str | None
    source: str


@dataclass(frozen=True)
class Api:
    """What is known of one api process."""

    place: Placed
    kind: ImageKind | None
    words: tuple[str, ...]
    """Entry point and command; the image's own where nothing says otherwise."""
    launch: Launch
    release: Release | None
    release_source: str
    inside: Mapping[str, str]
    """The container's own environment, env files included."""
    dotenv: Mapping[str, str] | None
    """What the process reads from ``.env`` itself; empty when it reads none, None when it is not known."""
    dotenv_path: str | None
    """Host path of the file the process reads."""

    @property
    def inspected(self) -> str:
        """Where facts of the container or the declaration were read."""
        container = self.place.container
        return f"docker inspect {container.name}" if container else (self._file or "compose files")

    @property
    def _file(self) -> str | None:
        return self.place.files[0] if self.place.files else None

    def given(self, name: str) -> Given | Unknown:
        """A variable as the process has it. fact: librechat-stack 3.1, the container's environment beats ``.env``."""
        if name in self.inside:
            return Given(self.inside[name], self.inspected)
        if self.dotenv is None:
            return UNKNOWN
        return Given(self.dotenv.get(name), self.dotenv_path or self.inspected)

    def node_env(self) -> Given | Unknown:
        """``NODE_ENV``; value None when it is unset."""
        set_by_command = rules.given_node_env(self.words)
        if set_by_command is not None:
            return Given(set_by_command, f"command {' '.join(self.words[-3:])}")
        return UNKNOWN if self.launch == "unknown" else self.given("NODE_ENV")

    def env(self) -> Mapping[str, str] | None:
        """Everything the cookie's rules look at; None when a part of it is not known."""
        if self.dotenv is None:
            return None
        return {**self.dotenv, **self.inside}

    @property
    def from_env_file(self) -> bool:
        """Whether Compose hands the project's ``.env`` to the container (``env_file``)."""
        declared, directory = self.place.declared, self.place.directory
        return bool(declared and directory and posixpath.join(directory, ".env") in declared.env_files)

    def fixed(self, name: str) -> bool:
        """Whether the compose files themselves set a variable, so that a line in ``.env`` would not reach it."""
        if name not in self.inside:
            return False
        project = self.place.project
        return not (self.from_env_file and project and _values(project.env).get(name) == self.inside[name])


def api_of(place: Placed, snapshot: Snapshot, settings: Settings) -> Api:
    """What is known of the api process of a service."""
    container, declared = place.container, place.declared
    kind = rules.image_kind(container.image if container else declared.image if declared else None)
    told = container or declared
    words = (*told.entrypoint, *told.command) if told else ()
    if not (told and told.command) and kind and rules.launch(words) == "unknown":
        words = (*words, *rules.COMMANDS[kind])
    inside = _values(told.env) if told else {}
    dotenv, path = _dotenv(place, kind, snapshot)
    found, source = _release(place, snapshot, settings)
    return Api(place, kind, words, rules.launch(words), found, source, inside, dotenv, path)


def _values(env: Iterable[EnvVar]) -> dict[str, str]:
    return {one.name: one.value for one in env}


def _release(place: Placed, snapshot: Snapshot, settings: Settings) -> tuple[Release | None, str]:
    if settings.librechat.release:
        return rules.release(settings.librechat.release), "settings, librechat.release"
    service = next((one for one in snapshot.services if _is(one, place)), None)
    container = place.container
    started = [mark for mark in marks_since_start(snapshot, container) if mark.mark == "librechat.start"]
    package = next((one for one in snapshot.package_releases if container and one.container == container.id), None)
    if container and started:
        source = f"docker logs {container.name}"
    elif container and package:
        source = f"{package.path} in {container.name}"
    else:
        source = container.image if container else (place.declared.image if place.declared else None) or "image"
    return rules.release(service.version if service else None), source


def _is(service: Service, place: Placed) -> bool:
    if place.container:
        return service.container == place.container.id
    named = (service.project, service.compose_service) == (place.project_name, place.service)
    return service.container is None and named


def _dotenv(place: Placed, kind: ImageKind | None, snapshot: Snapshot) -> tuple[Mapping[str, str] | None, str | None]:
    """The ``.env`` in the working directory. fact: librechat-stack 2.2, an ``-api`` image looks in ``/app/api``."""
    told = place.container or place.declared
    if told is None:
        return None, None
    folder = place.working_dir or rules.WORKING_DIR[kind or "main"]
    mounts = place.container.mounts if place.container else (place.declared.volumes if place.declared else ())
    found = reach(posixpath.join(folder, ".env"), mounts)
    if found is None:
        return {}, None
    return _content(found, place, snapshot), found.source


def _content(found: Reach, place: Placed, snapshot: Snapshot) -> Mapping[str, str] | None:
    """Its variables, where it is the very file that Compose reads too: only of that the values are known."""
    fact = fact_of(snapshot, found.source)
    if fact is not None and fact.kind == "missing":
        return {}
    own = posixpath.join(place.directory, ".env") if place.directory else None
    if found.kind != "bind" or own is None or posixpath.normpath(found.source) != own or place.project is None:
        return None
    if fact is None or fact.kind != "file" or (fact.size and not place.project.env):
        return None  # not there, or not readable for this user
    return _values(place.project.env)


@dataclass(frozen=True)
class Front:
    """How people come to it."""

    plain: tuple[Evidence, ...] = ()
    """Ports that answer plain http from elsewhere."""
    tls: tuple[Evidence, ...] = ()
    """What speaks https for it."""
    maybe: tuple[Evidence, ...] = ()
    """What may speak https for it, without a container's port to show for it."""
    address: Given | None = None
    """The address that the operator's settings give people; None when they give none, or only this machine's."""

    @property
    def https(self) -> bool:
        """Whether people come over https, as far as it can be told."""
        return self.address is not None and rules.is_https(self.address.value)

    @property
    def stated(self) -> bool:
        """Whether the settings name a plain http address of another machine's view."""
        return self.address is not None and not self.https


def front_of(api: Api, snapshot: Snapshot) -> Front:
    """Published ports and whoever stands before them."""
    others = [one for one in snapshot.containers if one is not api.place.container]
    plain = tuple(_plain(api, others))
    tls = tuple(_tls(api, others))
    native = (
        one for one in snapshot.processes if one.name.partition(" ")[0] in ("nginx", "caddy", "traefik", "apache2")
    )
    maybe = tuple(Evidence("web server on this machine", one.name, "process table") for one in native)[:1]
    front = Front(plain, tls, maybe, _address(api))
    if front.stated and tls and not any(_near(api, one) for one in others if _https_ports(one)):
        # another stack's https is no proof where the settings say plain http
        return Front(plain, (), (*maybe, *tls), front.address)
    return front


def _address(api: Api) -> Given | None:
    for name in ("DOMAIN_CLIENT", "DOMAIN_SERVER"):
        given = api.given(name)
        if isinstance(given, Given) and given.value and not rules.is_local(given.value):
            return given
    return None


def _plain(api: Api, others: Iterable[Container]) -> Iterable[Evidence]:
    place, container = api.place, api.place.container
    if container and container.network_mode == "host":
        if not _LOOPBACK.match(api.inside.get("HOST", "")):
            yield Evidence("published", "all addresses (host network)", api.inspected)
        return
    for shown in _published(place):
        yield Evidence("published", shown, api.inspected)
    for other in others:
        if _near(api, other) and other.project == place.project_name and _is_front(other):
            for port in other.ports:
                if port.host_port == _HTTP_PORT and not _LOOPBACK.match(port.host_ip or ""):
                    yield Evidence(
                        "published", f"{port.host_ip or '*'}:{port.host_port}", f"docker inspect {other.name}"
                    )


def _is_front(container: Container) -> bool:
    return bool(re.search(r"nginx|caddy|traefik|openresty|haproxy", container.image))


def _published(place: Placed) -> Iterable[str]:
    """Addresses on which other machines reach the service."""
    if place.container:
        for port in place.container.ports:
            if port.host_port and port.protocol == "tcp" and not _LOOPBACK.match(port.host_ip or ""):
                yield f"{port.host_ip or '*'}:{port.host_port}"
        return
    for text in place.declared.ports if place.declared else ():
        address, number = _taken_apart(text)
        if number is not None and not _LOOPBACK.match(address):
            yield f"{address or '*'}:{number}"


def _taken_apart(text: str) -> tuple[str, str | None]:
    """Host address and port of a port as compose files write it; no port for one that is not TCP."""
    ports, _, protocol = text.partition("/")
    if protocol not in ("", "tcp"):
        return "", None
    head, _, _inner = ports.rpartition(":")
    address, _, number = head.rpartition(":")
    return address, number or ("any" if not head else None)


def _tls(api: Api, others: Iterable[Container]) -> Iterable[Evidence]:
    for other in others:
        for shown in _https_ports(other):
            yield Evidence("https", shown, f"docker inspect {other.name}")
    project, container = api.place.project, api.place.container
    if container is None and project:
        for service in project.services:
            if any(_taken_apart(port)[1] == str(_HTTPS_PORT) for port in service.ports):
                yield Evidence("https", f"{service.name} publishes port {_HTTPS_PORT}", api.inspected)


def _https_ports(container: Container) -> list[str]:
    if container.state not in ("running", "paused", "restarting"):
        return []
    ports = [port for port in container.ports if port.host_port == _HTTPS_PORT and port.protocol == "tcp"]
    return [
        f"{container.name} publishes port {_HTTPS_PORT}" for port in ports if not _LOOPBACK.match(port.host_ip or "")
    ][:1]


def _near(api: Api, other: Container) -> bool:
    """Whether a container belongs to the same project, or shares a network with the service."""
    own = api.place.container
    if other.project is not None and other.project == api.place.project_name:
        return True
    return bool(own and {one.network for one in own.networks} & {one.network for one in other.networks})
