"""How a stack's containers and its mongod hang together: names, ports, connection strings, logins. Pure.

fact: Docker's resolver answers, on a network of one's own, to the service, the container's name and the short id;
on the default bridge to none of them (Docker manual, "Networking overview").
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from ..compose.places import reach
from ..model import Container, EnvVar, MongodConfig, Project
from .mongo_uri import LOOPBACK, PORT, MongoUri, parse
from .roles import started
from .services import role_of_container

VARIABLES = ("MONGODB_URI", "MONGO_URI")
"""fact: FastGPT 4.6 to 4.15, LibreChat 0.7.2 to 0.8.7"""
ROOT_USER, ROOT_PASSWORD = "MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"
BITNAMI_USER, BITNAMI_PASSWORD = "MONGODB_ROOT_USER", "MONGODB_ROOT_PASSWORD"
"""fact: bitnami/containers, mongodb: the user is ``root`` where none is named."""
ADVERTISED = "MONGODB_ADVERTISED_HOSTNAME"
"""Host that Bitnami's image initiates its set with; without it the container's id, or its address."""
FILE = "_FILE"
"""Behind the name of a variable: it names a file, mostly a secret, whose content is the value. fact: both images."""
DEFAULT_BRIDGE = ("bridge", "default")
_COPIES = re.compile(
    r"(?:^|[\s;&|])(?:cp|install|mv|ln)\s+((?:-\S+\s+(?:\d+(?::\d+)?\s+|mongodb\s+)*)*)([^\s;&|]+)\s+([^\s;&|]+)"
    r"|(?:^|[\s;&|])cat\s+([^\s;&|<>]+)\s*>\s*([^\s;&|]+)"
)
"""``cp -p A B``, ``install -m 400 -o 999 A B`` and ``cat A > B`` in a start script."""
_DOTTED = re.compile(r"security\.keyFile[=:\s]+[\"']?([^\s\"';&|)]+)")
_MONGOD = re.compile(r"(?:^|[\s/])mongo[ds](?=\s|$)")
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


def option(name: str, words: Sequence[str]) -> str | None:
    """The value of ``--name value`` or ``--name=value`` among the words, or inside a script that is one word."""
    for index, word in enumerate(words):
        if word == name:
            return words[index + 1] if index + 1 < len(words) else None
        if word.startswith(name + "="):
            return word.partition("=")[2] or None
        found = re.search(rf"(?:^|\s){re.escape(name)}(?:=|\s+)['\"]?([^\s'\";&|)]+)", word)
        if found:
            return found[1]
    return None


class KeyFile(Struct, frozen=True):
    """The key file that a command line names, whatever it is called."""

    path: str
    """Inside the container."""
    copied_from: str | None = None
    """What the start script copies there; None where it does not."""
    generated: bool = False
    """The start script writes it itself."""


def key_file(words: Sequence[str], config: MongodConfig | None = None) -> KeyFile | None:
    """What ``--keyFile`` names, else the configuration file; None where neither does."""
    dotted = next((found[1] for word in words if (found := _DOTTED.search(word))), None)
    path = option("--keyFile", words) or dotted or (config.key_file if config else None)
    if path is None:
        return None
    script = "\n".join(word for word in words if "\n" in word or " " in word)
    for found in _COPIES.finditer(script):
        source, target = (each.strip("\"'") for each in (found[2] or found[4], found[3] or found[5]))
        if target == path or posixpath.join(target, posixpath.basename(source)) == path:
            return KeyFile(path, copied_from=source if source.startswith("/") else None)
    return KeyFile(path, generated=bool(re.search(rf">\s*['\"]?{re.escape(path)}", script)))


def config_path(words: Sequence[str]) -> str | None:
    """The configuration file that mongod is told to read; in a script, ``-f`` of another program is its own."""
    lines = (itertools.dropwhile(lambda word: not _MONGOD.search(word), line) for line in started(words))
    given = [line for line in map(list, lines) if line]
    given += [] if given or any(re.search(r"\s", word) for word in words) else [list(words)]
    return next((path for line in given if (path := option("--config", line) or option("-f", line))), None)


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


def declared_clients(project: Project) -> tuple[Client, ...]:
    """The same of services that are only declared, each with the container that would be made of it."""
    return clients(
        Container(
            id="", name=service.container_name or f"{project.name}/{service.name}", image=service.image or "",
            state="created", project=project.name, service=service.name, command=service.command,
            entrypoint=service.entrypoint, env=service.env,
        )
        for service in project.services
    )  # fmt: skip


def strings(containers: Iterable[Container]) -> tuple[Client, ...]:
    """Every connection string in anybody's environment: an app that is not known by name has needs as well."""
    found = []
    for container in containers:
        for variable in container.env:
            uri = parse(variable.value) if "mongodb" in variable.value else None
            if uri is not None:
                found.append(Client(container, variable.name, uri))
    return tuple(sorted(found, key=lambda client: (client.container.name, client.variable)))


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
    return bool(reached(client, mongo))


def reached(client: Client, mongo: Container) -> tuple[tuple[str, int], ...]:
    """The hosts of the connection string that are this mongod."""
    names, port = names_for(client.container, mongo), port_of(mongo)
    published = {p.host_port for p in mongo.ports if p.container_port == port and p.host_port}
    return tuple(
        (host, number)
        for host, number in client.uri.hosts
        if (number == port if host in names else number in published and _is_machine(host, client.container))
    )


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


class RootLogin(Struct, frozen=True):
    """The first user that an image is asked to make, and the variables that ask for it."""

    user: str
    password: str
    user_variable: str
    password_variable: str

    def __repr__(self) -> str:
        return f"RootLogin({self.user!r}, {self.user_variable!r})"

    __str__ = __repr__


def root_login(env: Iterable[EnvVar]) -> RootLogin | None:
    """What docker-library's or Bitnami's image makes of its environment; None where a part is missing or in a file."""
    known = tuple(env)
    for user, password, usual in ((ROOT_USER, ROOT_PASSWORD, None), (BITNAMI_USER, BITNAMI_PASSWORD, "root")):
        name, secret = _value(user, known) or usual, _value(password, known)
        if name and secret:
            return RootLogin(name, secret, user, password)
    return None


def makes_user(env: Iterable[EnvVar]) -> bool:
    """Whether docker-library's image is asked for a root user: then it starts mongod with ``--auth``."""
    known = tuple(env)
    return all(_value(name, known) or _value(name + FILE, known) for name in (ROOT_USER, ROOT_PASSWORD))


def secret_files(container: Container) -> tuple[tuple[str, str], ...]:
    """Variables of the first user whose values lie in files, each with the file on the host."""
    found = []
    for name in (ROOT_USER, ROOT_PASSWORD, BITNAMI_USER, BITNAMI_PASSWORD):
        path = None if _value(name, container.env) else _value(name + FILE, container.env)
        at = reach(path, container.mounts) if path else None
        if at is not None and at.kind == "bind":
            found.append((name, at.source))
    return tuple(found)


def credentials(mongo: Container, apps: Iterable[Client]) -> tuple[Credentials, ...]:
    """Logins worth one try each, the best first: the image's root user, then what the apps use."""
    root = root_login(mongo.env)
    found = [Credentials(mongo.id, root.user, root.password, "admin")] if root else []
    for client in apps:
        uri = client.uri.meant
        if uri.user and uri.password:
            found.append(Credentials(client.container.id, uri.user, uri.password, uri.source))
    seen: dict[tuple[str, str, str], Credentials] = {}
    for one in found:
        seen.setdefault((one.user, one.password, one.source), one)
    return tuple(seen.values())


def _value(name: str, env: Iterable[EnvVar]) -> str | None:
    values = [variable.value for variable in env if variable.name == name]
    return values[-1] if values and values[-1] else None
