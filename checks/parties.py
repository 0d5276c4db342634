"""Every service as it runs or would run: a container, or the one that Compose would make of a declaration. Pure.

So an address can be judged the same way before ``docker compose up`` as after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..console.model import ComposeService, ConfigAddress, Container, NetworkLink, Port, Project, Role, Snapshot
from ..console.products.gateways import environment, names_of, share_network
from ..console.products.services import role_of_container
from ..console.text import _
from .compose import Placed, everybody
from .subjects import worked_out_once

DEFAULT_BRIDGE = ("bridge", "default")

_PUBLISHED = {
    "DEFAULT_ROOT_PSW": "1234 123456", "TOKEN_KEY": "any fastgpt", "ROOT_KEY": "root_key fastgpt-xxx",
    "FILE_TOKEN_KEY": "filetoken filetokenkey", "AES256_SECRET_KEY": "fastgptkey fastgptsecret",
    "CHAT_API_KEY": "sk-fastgpt", "AIPROXY_API_TOKEN": "aiproxy token", "ADMIN_KEY": "aiproxy token",
    "INITIAL_ROOT_TOKEN": "fastgpt", "SESSION_SECRET": "oneapikey random_string",
    "MONGO_INITDB_ROOT_PASSWORD": "mypassword password", "POSTGRES_PASSWORD": "password aiproxy 123456 dbpassword9090",
    "MYSQL_ROOT_PASSWORD": "oneapimmysql OneAPI@justsong 123456", "MYSQL_PASSWORD": "123456",
    "MINIO_ROOT_PASSWORD": "minioadmin", "MINIO_SECRET_KEY": "minioadmin", "ROOT_PASSWORD": "seekdbpassword",
}  # fmt: skip
"""By variable, apart by spaces: the same in every copy of upstream's example files, so no secrets.

fact: compose files of FastGPT v4.6 to v4.15, of One API, New API and LiteLLM; MinIO's documentation
"""
_REDIS = re.compile(r"--requirepass\s+(?:mypassword|123456)\b")


@dataclass(frozen=True)
class Party:
    """One service."""

    place: Placed
    container: Container
    """The Engine's, or one that is only declared; then its id is empty."""
    role: Role

    @property
    def declared(self) -> ComposeService | None:
        """What the compose files say of it."""
        return self.place.declared

    @property
    def project(self) -> Project | None:
        """Its compose project."""
        return self.place.project

    @property
    def runs(self) -> bool:
        """Whether the Engine has it."""
        return bool(self.container.id)

    @property
    def subject(self) -> str:
        """What results call it: the container's name, else ``project/service``."""
        return self.place.subject

    @property
    def called(self) -> str:
        """The name by which others reach it: the service's, else the container's."""
        return self.container.service or self.container.name

    @property
    def env(self) -> Mapping[str, str]:
        """Its variables."""
        return environment(self.container)

    @property
    def source(self) -> str:
        """Where its settings were read."""
        if self.runs:
            return f"docker inspect {self.container.name}"
        files = [file.path for file in self.project.files if file.in_use] if self.project else []
        return files[0] if files else _("compose files")

    @property
    def set_in(self) -> str:
        """Where its settings are written, for people."""
        return _("its compose file, or the env file that sets it") if self.runs else self.source

    @property
    def on_host(self) -> bool:
        """Whether it uses the machine's own network: it has no names of Docker's, and knows none."""
        return self.container.network_mode == "host"

    @property
    def in_anothers(self) -> bool:
        """Whether it lives in another container's network: loopback is that one's too."""
        return (self.container.network_mode or "").startswith(("container:", "service:"))

    def names_it_itself(self, variable: str) -> bool:
        """Whether the variable stands in the service's own lines, and not only in an env file that others share."""
        if self.declared is None or variable in self.declared.named:
            return True
        return not self.declared.env_files


@worked_out_once
def parties(snapshot: Snapshot) -> tuple[Party, ...]:
    """Every container, then every declared service that has none, no profile to wait for, and files Compose takes."""
    found = []
    for place in everybody(snapshot):
        container = place.container
        if container is None and place.declared and place.project and not place.broken_file:
            container = _made_of(place.declared, place.project)
        if container is not None:
            found.append(Party(place, container, role_of_container(container)))
    return tuple(found)


def _made_of(service: ComposeService, project: Project) -> Container:
    names = tuple(dict.fromkeys((service.name, *service.aliases)))
    return Container(
        id="", name=service.container_name or service.name, image=service.image or "", state="created",
        project=project.name, service=service.name, command=service.command, entrypoint=service.entrypoint,
        env=service.env, ports=tuple(_ports(service)), extra_hosts=service.extra_hosts,
        networks=tuple(NetworkLink(_network(project, name), aliases=names) for name in service.networks),
        network_mode=service.network_mode,
    )  # fmt: skip


def _network(project: Project, key: str) -> str:
    """What the Engine calls a network of the project's files."""
    return project.network_names.get(key, f"{project.name}_{key}")


def _ports(service: ComposeService) -> list[Port]:
    """Published ports as they are written; a range gives its first."""
    found = []
    for text in service.ports:
        head, _rest, inner = text.partition("/")[0].rpartition(":")
        host = head.rpartition(":")[2]
        inside, outside = inner.partition("-")[0], host.partition("-")[0]
        if inside.isdecimal():
            found.append(Port(int(inside), "tcp", None, int(outside) if outside.isdecimal() else None))
    return found


def reachable(caller: Party, name: str, everybody: tuple[Party, ...]) -> Party | None:
    """Whoever answers to a name inside the caller's container."""
    wanted = name.lower()
    for other in everybody:
        if wanted in {each.lower() for each in names_of(other.container)} and near(caller, other):
            return other
    return None


def near(caller: Party, other: Party) -> bool:
    """Whether they share a network; where the networks of one are not known, whether they are of one project."""
    if caller.on_host or other.on_host:
        return False
    shared = share_network(caller.container, other.container)
    return shared if shared is not None else caller.container.project == other.container.project


def may_know_more(caller: Party) -> bool:
    """Whether names may resolve for it that nobody here has: a network of others, extra hosts, another's network."""
    c = caller.container
    if caller.in_anothers or (c.networks and all(link.network in DEFAULT_BRIDGE for link in c.networks)):
        return True
    if not c.networks and caller.runs and not caller.on_host:
        return True
    project = caller.project
    foreign = {_network(project, key) for key in project.foreign_networks} if project else set()
    return any(link.network in foreign for link in c.networks)


def in_files(caller: Party, snapshot: Snapshot) -> Iterator[tuple[str, ConfigAddress]]:
    """Every address that its configuration file names, and where that is written."""
    place = (caller.container.project, caller.container.service)
    for verdict in snapshot.config_verdicts:
        own = verdict.container == caller.container.id if caller.runs else verdict.container is None
        if own and (caller.runs or (verdict.project, verdict.service) == place):
            for one in verdict.addresses:
                yield verdict.path if one.line is None else f"{verdict.path}:{one.line}", one


def published(party: Party) -> list[str]:
    """Its variables that have a value of upstream's example files; ``--requirepass`` for Redis."""
    found = [
        name for name, values in _PUBLISHED.items() if party.env.get(name, "") in values.split() and party.env[name]
    ]
    words = " ".join((*party.container.entrypoint, *party.container.command))
    return [*found, *(["--requirepass=..."] if party.role == "redis" and _REDIS.search(words) else [])]
