"""How a stack's containers and its mongod hang together: names, ports, connection strings, logins. Pure.

fact: Docker's resolver answers, on a network of one's own, to the service, the container's name and the short id;
on the default bridge to none of them (mongo-docker-db 1.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from ..model import Container, EnvVar
from .mongouri import LOOPBACK, PORT, MongoUri, parse
from .services import role_of_container

VARIABLES = ("MONGODB_URI", "MONGO_URI")
"""fact: FastGPT 4.6 to 4.15, LibreChat 0.7.2 to 0.8.7"""
ROOT_USER, ROOT_PASSWORD = "MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"
DEFAULT_BRIDGE = ("bridge", "default")
_PORT_OPTION = re.compile(r"(?:^|\s)--port(?:=|\s+)(\d{1,5})(?=\s|$)")


class Client(Struct, frozen=True):
    """A container that is told where its MongoDB is."""

    container: Container
    variable: str
    uri: MongoUri


class Credentials(Struct, frozen=True):
    """A login that somebody in the stack was given."""

    owner: str
    """Id of the container whose environment holds it."""
    user: str
    password: str
    source: str

    def __repr__(self) -> str:
        return f"Credentials({self.owner[:12]!r}, {self.user!r}, {self.source!r})"

    __str__ = __repr__


def port_of(container: Container) -> int:
    """The port mongod listens on inside."""
    found = _PORT_OPTION.search(" ".join((*container.entrypoint, *container.command)))
    return int(found[1]) if found and 0 < int(found[1]) < 65536 else PORT


def clients(containers: Iterable[Container]) -> tuple[Client, ...]:
    """FastGPT and LibreChat with their connection strings, in a steady order.

    Others may have the variable and not use it: rag_api gets LibreChat's whole ``.env``.
    """
    found = []
    for container in containers:
        if role_of_container(container) not in ("fastgpt", "librechat"):
            continue
        for name in VARIABLES:
            uri = parse(value) if (value := _value(name, container.env)) else None
            if uri is not None:
                found.append(Client(container, name, uri))
                break
    return tuple(sorted(found, key=lambda client: client.container.name))


def names_for(app: Container, mongo: Container) -> frozenset[str]:
    """Every name and address under which the app reaches the mongod's own port."""
    own = {link.network: link for link in mongo.networks}
    found: set[str] = set()
    if app.project is not None and app.project == mongo.project and not (app.networks and mongo.networks):
        # the networks are not known, and a project has one of its own
        found = {mongo.name, *({mongo.service} if mongo.service else ())}
    for link in app.networks:
        there = own.get(link.network)
        if there is None:
            continue
        found |= {there.address} if there.address else set()
        if link.network not in DEFAULT_BRIDGE:
            found |= {mongo.name, mongo.id[:12], *there.aliases, *({mongo.service} if mongo.service else ())}
    if app.network_mode == "host" and mongo.network_mode == "host":
        found |= set(LOOPBACK)
    return frozenset(name.lower() for name in found if name)


def names_of(mongo: Container) -> tuple[str, ...]:
    """Names that resolve to the mongod inside its own container, the best for a member first; no addresses."""
    if all(link.network in DEFAULT_BRIDGE for link in mongo.networks):
        return ()
    aliases = [alias for link in mongo.networks for alias in link.aliases]
    wanted = [mongo.service, mongo.name, *aliases]
    short = mongo.id[:12]
    return tuple(dict.fromkeys(name.lower() for name in wanted if name and name != short))


def leads_to(client: Client, mongo: Container) -> bool:
    """Whether the connection string means this mongod, by a name of its own or by a port it publishes."""
    names, port = names_for(client.container, mongo), port_of(mongo)
    published = {p.host_port for p in mongo.ports if p.container_port == port and p.host_port}
    for host, number in client.uri.hosts:
        if host in names and number == port:
            return True
        if host not in names and number in published and _is_machine(host, client.container):
            return True
    return False


def _is_machine(host: str, app: Container) -> bool:
    """A name of the host itself; its LAN address cannot be told from another machine's, so it counts as no match."""
    return host == "host.docker.internal" or (app.network_mode == "host" and host in LOOPBACK)


def meant_for(mongo: Container, containers: Sequence[Container]) -> tuple[Client, ...]:
    """The clients of one mongod: those whose string leads to it, and those of its project that lead nowhere known."""
    everybody = clients(containers)
    others = [c for c in containers if c.id != mongo.id]
    found = []
    for client in everybody:
        if client.container.id == mongo.id:
            continue
        if leads_to(client, mongo) or (
            client.container.project is not None
            and client.container.project == mongo.project
            and not any(leads_to(client, other) for other in others)
        ):
            found.append(client)
    return tuple(found)


def credentials(mongo: Container, apps: Iterable[Client]) -> tuple[Credentials, ...]:
    """Logins worth one try each, the best first: the image's root user, then what the apps use."""
    user, password = _value(ROOT_USER, mongo.env), _value(ROOT_PASSWORD, mongo.env)
    found = [Credentials(mongo.id, user, password, "admin")] if user and password else []
    for client in apps:
        uri = client.uri
        if uri.user and uri.password:
            found.append(Credentials(client.container.id, uri.user, uri.password, uri.source))
    seen: dict[tuple[str, str, str], Credentials] = {}
    for one in found:
        seen.setdefault((one.user, one.password, one.source), one)
    return tuple(seen.values())


def _value(name: str, env: Iterable[EnvVar]) -> str | None:
    values = [variable.value for variable in env if variable.name == name]
    return values[-1] if values and values[-1] else None
