"""Which settings of a container are addresses that it needs, and where each leads. The one derivation of arrows. Pure.

Made from what was collected: environments, LibreChat's ``.env`` and librechat.yaml, FastGPT's config.json, One API's
channels, files of nginx and Caddy, labels for Traefik. Nothing is looked up or tried. Which of several settings counts
is the program's own precedence: one that loses is no arrow.

fact: labring/FastGPT packages/service/core/ai/config.ts and common/vectorDB/controller.ts (SEEKDB_URL, OCEANBASE_URL,
PG_URL, MILVUS_ADDRESS, in this order), compose files of v4.6 to v4.15 (SANDBOX_URL, CODE_SANDBOX_URL, PLUGIN_BASE_URL,
S3_ENDPOINT with S3_PORT, STORAGE_S3_ENDPOINT); songquanpeng/one-api common/redis.go (without SYNC_FREQUENCY no Redis);
danny-avila/LibreChat api/db/indexSync.js (SEARCH) and packages/api/src/cache (USE_REDIS, REDIS_URI);
danny-avila/rag_api app/config.py (DB_HOST, DB_PORT, VECTOR_DB_TYPE)
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ..compose.places import dotenv
from ..model import (
    ComposeService,
    ConfigVerdict,
    Container,
    DatabaseState,
    Edge,
    EdgeWhere,
    Hop,
    JsonFact,
    OneApiState,
    Project,
    ProxyConfig,
    Role,
    Speaks,
)
from ..text.cleaning import clean_line
from .addresses import Address, address_of, lead, place, shown
from .gateways import PROXY_ALONE, connections, environment, gateway_of, names_of, release
from .librechat.reading import dotenv_path
from .librechat.reading import environment as librechat_environment
from .model_users import CHANNELS, MODEL, uses
from .mongo_uri import parse
from .proxies import routed
from .services import role_of_container
from .versions import parts_of, version_of

VARIABLES: dict[str, Role] = {
    "MONGODB_URI": "mongo", "MONGO_URI": "mongo", "MONGODB_LOG_URI": "mongo", "PG_URL": "postgres",
    "SQL_DSN": "mysql", "LOG_SQL_DSN": "mysql", "REDIS_URL": "redis", "REDIS_CONN_STRING": "redis",
    "OPENAI_BASE_URL": "oneapi", "ONEAPI_URL": "oneapi", "AIPROXY_API_ENDPOINT": "aiproxy", "MEILI_HOST": "meilisearch",
    "RAG_API_URL": "rag_api", "OLLAMA_BASE_URL": "ollama", "OLLAMA_BASE_URLS": "ollama", "DB_HOST": "postgres",
    "OPENAI_API_BASE_URL": "model_server", "OPENAI_API_BASE_URLS": "model_server", "RAG_OPENAI_BASEURL": "model_server",
    "MILVUS_ADDRESS": "milvus", "OLLAMA_BASE_PATH": "ollama", "OLLAMA_PROXY_URL": "ollama", "OLLAMA_API_BASE": "ollama",
    "DATABASE_URL": "postgres", "REDIS_URI": "redis",
}  # fmt: skip
"""Variables that are addresses of the container's own need, and the role that is usually meant."""
_FURTHER = {
    "OCEANBASE_URL": "oceanbase", "SEEKDB_URL": "seekdb", "SANDBOX_URL": "sandbox", "CODE_SANDBOX_URL": "sandbox",
    "PLUGIN_BASE_URL": "plugin", "STORAGE_S3_ENDPOINT": "minio", "S3_ENDPOINT": "minio",
    "FASTGPT_ENDPOINT": "fastgpt",
}  # fmt: skip
KINDS: dict[str, str] = {**VARIABLES, **_FURTHER}
"""Every variable that is followed, and what is meant to be there."""
READERS: dict[Role, tuple[str, ...]] = {
    "fastgpt": ("MONGODB_URI", "MONGODB_LOG_URI", "PG_URL", "REDIS_URL", "OPENAI_BASE_URL", "ONEAPI_URL",
                "AIPROXY_API_ENDPOINT", "MILVUS_ADDRESS", "OCEANBASE_URL", "SEEKDB_URL", "SANDBOX_URL",
                "CODE_SANDBOX_URL", "PLUGIN_BASE_URL", "STORAGE_S3_ENDPOINT", "S3_ENDPOINT"),
    "oneapi": ("SQL_DSN", "LOG_SQL_DSN", "REDIS_CONN_STRING"),
    "aiproxy": ("SQL_DSN", "LOG_SQL_DSN", "REDIS_CONN_STRING"),
    "librechat": ("MONGO_URI", "MEILI_HOST", "RAG_API_URL", "REDIS_URL", "REDIS_URI", "OLLAMA_BASE_URL"),
    "rag_api": ("DB_HOST", "RAG_OPENAI_BASEURL", "OLLAMA_BASE_URL"),
    "open_webui": ("OLLAMA_BASE_URL", "OLLAMA_BASE_URLS", "OPENAI_API_BASE_URL", "OPENAI_API_BASE_URLS"),
}  # fmt: skip
"""What these read of a shared env file; a variable that stands in a service's own lines is always meant for it."""
_ASKS: frozenset[Role] = frozenset({*READERS, "unknown", "app", "nginx"})
"""Who may have needs. A database has none, whatever the ``.env`` says that it is given with everybody else."""
UNREAD = {"SEARCH": "true"}
"""What a LibreChat is taken to say whose ``.env`` cannot be read: the file that comes with it says so."""
_VECTORS = ("SEEKDB_URL", "OCEANBASE_URL", "PG_URL", "MILVUS_ADDRESS")
_GATEWAYS = frozenset({"AIPROXY_API_ENDPOINT", "ONEAPI_URL", "OPENAI_BASE_URL"})
_SPEAKS: dict[str, Speaks] = {
    "mongo": "mongo", "postgres": "postgres", "mysql": "mysql", "redis": "redis", "oceanbase": "mysql",
    "seekdb": "mysql", "milvus": "grpc",
}  # fmt: skip
_BY_SCHEME: dict[str, Speaks] = {
    "mongodb": "mongo", "postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "redis": "redis",
    "rediss": "redis",
}  # fmt: skip
_USUAL = {"redis": 6379, "milvus": 19530, "mongo": 27017, "postgres": 5432, "mysql": 3306}
_HOST = re.compile(r"[\w.-]{1,253}|[0-9a-fA-F:.]{2,45}")
_SERVES: frozenset[str] = frozenset({"ollama", "oneapi", "aiproxy"})
"""Who may be meant where a model server is looked for; whoever else is at that address was never meant."""
CONFIG = "/app/data/config.json"
"""Where a FastGPT looks for it."""
LISTS_END = (4, 8, 20)
"""The first FastGPT that ignores the lists of models there."""
RERANKERS = ("reRankModels", "ReRankModels")
"""The list of rerankers, and as it was called before v4.6.6."""
MOST = 24
"""Arrows that are followed from one container."""


def read_of(role: Role, env: Mapping[str, str], image: str, own: Collection[str]) -> set[str]:
    """Variables that are given, read and not switched off: FastGPT takes one gateway and one vector store of several.

    ``own`` are those that stand in the service's own lines; of a program that is not known they count alone.
    """
    names = {name for name in (READERS.get(role) or own) if env.get(name)}
    if role == "fastgpt":
        gateway = gateway_of(env, version_of("fastgpt", image))
        names -= _GATEWAYS - {gateway.variable if gateway else ""}
        vector = next((name for name in _VECTORS if env.get(name)), "")
        names -= set(_VECTORS) - {vector}
        names -= {"SANDBOX_URL"} if env.get("CODE_SANDBOX_URL") else set()
        names -= {"S3_ENDPOINT"} if env.get("STORAGE_S3_ENDPOINT") else set()
    if role == "rag_api" and env.get("EMBEDDINGS_PROVIDER", "").lower() != "ollama":
        names -= {"OLLAMA_BASE_URL"}
    return {name for name in names if not _is_off(name, role, env, image)}


class _Given(Struct, frozen=True):
    """One address, before it is known where it leads."""

    kind: str
    declared: str
    origin: str
    place: str
    host: str
    port: int
    speaks: Speaks
    tls: bool = False
    effective: str = ""


def edges(
    containers: Sequence[Container], projects: Sequence[Project] = (), verdicts: Sequence[ConfigVerdict] = (),
    oneapis: Sequence[OneApiState] = (), own: Collection[str] = (), configs: Sequence[JsonFact] = (),
    databases: Sequence[DatabaseState] = (), proxies: Sequence[ProxyConfig] = (),
) -> tuple[Edge, ...]:  # fmt: skip
    """Every arrow, in a steady order, with what networks and states tell of it. ``own``: this machine's addresses."""
    declared = {(project.name, one.name): (one, project) for project in projects for one in project.services}
    spoken = {
        container.id: tuple(_of_uses(container, containers, projects, oneapis, databases)) for container in containers
    }
    found = []
    for container in containers:
        role = role_of_container(container)
        if not container.detailed or role not in _ASKS:
            continue
        service, project = declared.get((container.project or "", container.service or ""), (None, None))
        told = list(_of_config(container, configs)) if role == "fastgpt" else []
        given = [one for one in _of_environment(container, role, service, project) if not told or one.kind != "gateway"]
        given += [*told, *spoken[container.id], *(_of_lists(container, configs) if role == "fastgpt" else ())]
        given += [one for verdict in verdicts if verdict.container == container.id for one in _of_file(verdict)]
        given += _of_proxy(container, containers, proxies)
        led = (_edge(one, container, containers, own) for one in given)
        found += list(_merged(edge for edge in led if edge is not None).values())[:MOST]
    return tuple(found)


def _of_environment(
    container: Container, role: Role, service: ComposeService | None, project: Project | None
) -> Iterator[_Given]:
    env, files = environment(container), {}
    if role == "librechat":  # what it reads of its .env itself counts where its container has no such variable
        given, unread = librechat_environment(container, service, project)
        unread = unread or (None if dotenv(project) else dotenv_path(container, service))
        files = {one.name: one.value for one in given if one.name not in env}
        env = {**(UNREAD if unread else {}), **files, **env}
    lines = set(service.named) if service is not None and service.env_files else env.keys()
    names = read_of(role, env, container.image, [name for name in KINDS if name in lines])
    for name in (name for name in KINDS if name in names):
        where = f"environment of {container.name}"
        if name in files and project is not None:
            where = posixpath.join(project.working_dir or "", ".env")
        yield from _of_variable(name, env, where, role)


def _of_config(container: Container, configs: Sequence[JsonFact]) -> Iterator[_Given]:
    """The gateway of a FastGPT's config.json, which beats every variable up to v4.16.

    fact: labring/FastGPT v4.9.14 and v4.14.10.1, packages/service/core/ai/config.ts (systemEnv.oneapiUrl)
    """
    numbers = release(version_of("fastgpt", container.image))
    mounted = {mount.source for mount in container.mounts if posixpath.normpath(mount.target) == CONFIG}
    for one in configs:
        address = address_of(one.gateway or "") if one.path in mounted else None
        if address is not None and numbers is not None and (4, 9) <= numbers < PROXY_ALONE:
            yield _Given("gateway", one.gateway or "", "systemEnv.oneapiUrl", one.path, address.host, address.port,
                         "http", address.scheme == "https", one.gateway or "")  # fmt: skip


def _of_lists(container: Container, configs: Sequence[JsonFact]) -> Iterator[_Given]:
    """The reranker of a FastGPT's config.json, which it asks at an address of its own, past the gateway.

    Of the other lists no ``requestUrl`` is documented before v4.8.20, from which on the file's lists are ignored.

    fact: labring/FastGPT docs of v4.6.6 to v4.8.19, configuration.md: ``requestUrl`` is the whole address, with the
    path, ``requestAuth`` its own key, and only the first of ``reRankModels`` is used (``ReRankModels`` before v4.6.6)
    """
    numbers = release(version_of("fastgpt", container.image))
    mounted = {mount.source for mount in container.mounts if posixpath.normpath(mount.target) == CONFIG}
    for fact in configs if numbers is not None and numbers < LISTS_END else ():
        wanted = RERANKERS[numbers is not None and numbers < (4, 6, 6)]
        first = next((one for one in fact.models if one.kind == wanted), None) if fact.path in mounted else None
        address = address_of(first.address or "") if first is not None else None
        if first is not None and address is not None:
            origin, tls = clean_line(f"{MODEL}{first.name}"), address.scheme == "https"
            yield _Given("model_server", first.address or "", origin, fact.path, address.host, address.port, "http",
                         tls, first.address or "")  # fmt: skip


def _is_off(name: str, role: Role, env: Mapping[str, str], image: str) -> bool:
    """Whether the program has this need switched off by another variable."""
    if name == "MEILI_HOST" and role == "librechat":
        return env.get("SEARCH", "").strip().lower() != "true"
    if name in ("REDIS_URL", "REDIS_URI") and role == "librechat":
        return env.get("USE_REDIS", "").strip().lower() != "true"
    if name == "REDIS_CONN_STRING" and role == "oneapi":
        return not env.get("SYNC_FREQUENCY") and parts_of(image).last.startswith(("one-api", "oneapi"))
    return name == "DB_HOST" and env.get("VECTOR_DB_TYPE", "pgvector") != "pgvector"


def _of_variable(name: str, env: Mapping[str, str], where: str, role: Role) -> Iterator[_Given]:
    kind, value = KINDS[name], env[name].strip()
    if name in _GATEWAYS and role == "fastgpt":
        kind = "gateway"
        value = value.rstrip("/") + "/v1" if name == "AIPROXY_API_ENDPOINT" else value
    if "$" in value:
        return
    secure = False
    if kind == "mongo":
        uri = parse(value)
        options = uri.options if uri is not None else {}
        secure = options.get("tls", options.get("ssl", "")).lower() == "true"
    for to in list(connections(value))[:MOST]:
        speaks = _BY_SCHEME.get(to.scheme) or _SPEAKS.get(kind, "http")
        port = _port(name, to.port, kind, env)
        if port is None or not to.host:
            continue
        http = speaks in ("http", "grpc")
        tls = secure or to.scheme in ("https", "rediss")
        written = shown(env[name]) if http and "," not in value and ";" not in value else ""
        scheme = to.scheme or ("http" if http else speaks)
        plain = f"{scheme}://{place(to.host, port)}"
        yield _Given("postgres" if speaks == "postgres" else kind, written or plain, name, where, to.host, port,
                     speaks, tls, shown(value) if written and "://" in value else plain)  # fmt: skip


def _port(name: str, told: int | None, kind: str, env: Mapping[str, str]) -> int | None:
    beside = {"DB_HOST": "DB_PORT", "S3_ENDPOINT": "S3_PORT"}.get(name)
    if told is None and beside and env.get(beside, "").isdecimal():
        told = int(env[beside])
    return told or _USUAL.get(kind, 80)


def _of_uses(
    container: Container, containers: Sequence[Container], projects: Sequence[Project], oneapis: Sequence[OneApiState],
    databases: Sequence[DatabaseState],
) -> Iterator[_Given]:  # fmt: skip
    """Model servers: addresses in further variables, and a gateway's channels that are not switched off."""
    own = [state for state in oneapis if state.container == container.id]
    for use in uses((container,), own, projects, databases):
        address = address_of(use.address)
        origin = use.who.removeprefix(f"{container.name}, ")
        if address is None or use.who.endswith(", switched off") or _followed(container, origin):
            continue
        channel = next((one for one in CHANNELS if origin.startswith(one)), None)
        where = channel.replace(" channel", "'s channels") if channel else f"environment of {container.name}"
        where = "FastGPT's models in MongoDB" if origin.startswith(MODEL) else where
        target = lead(address, container, containers, ()).container
        role = role_of_container(target) if target is not None and target.id != container.id else "unknown"
        kind = use.hint or (role if role in _SERVES else "model_server")
        yield _Given("model_server" if kind == "unknown" else kind, use.address, origin, where, address.host,
                     address.port, "http", address.scheme == "https", use.address)  # fmt: skip


def _followed(container: Container, variable: str) -> bool:
    """Whether a variable is followed by its name already, or is one of several of which another counts."""
    return variable in KINDS and role_of_container(container) in READERS


def _of_file(verdict: ConfigVerdict) -> Iterator[_Given]:
    """Every address of a librechat.yaml."""
    for one in verdict.addresses[:MOST]:
        where = verdict.path if one.line is None else f"{verdict.path}:{one.line}"
        written = place(one.host, one.port)
        kind = "ollama" if one.port == 11434 else "model_server" if one.key == "baseURL" else "endpoint"
        yield _Given(kind, written, clean_line(f"{one.key} of {one.whose}"), where, one.host, one.port, "http",
                     one.tls, written)  # fmt: skip


def _of_proxy(
    container: Container, containers: Sequence[Container], proxies: Sequence[ProxyConfig]
) -> Iterator[_Given]:
    """To whom a proxy passes requests on: the addresses in its files, and those that it takes from labels."""
    for config in proxies:
        for one in config.addresses if config.container == container.id else ():
            written = f"{'https' if one.tls else 'http'}://{place(one.host, one.port)}"
            if one.late and not _is_there(Address("http", one.host, one.port), container, containers):
                continue
            yield _Given("app", written, clean_line(f"{one.key} of {one.whose}"), f"{config.path}:{one.line}", one.host,
                         one.port, "http", one.tls, written)  # fmt: skip
    for to in routed(container, containers):
        written = f"http://{place(to.host, to.port)}"
        yield _Given("app", written, clean_line(to.label), f"labels of {to.container.name}", to.host, to.port, "http",
                     effective=written)  # fmt: skip


def _is_there(address: Address, source: Container, containers: Sequence[Container]) -> bool:
    """Whether a name leads to a container that runs, or to no container at all."""
    to = lead(address, source, containers, ())
    return to.where != "nobody" and (to.container is None or to.container.state == "running")


def _merged(found: Iterator[Edge]) -> dict[tuple[str, int, str], Edge]:
    """One arrow for each place that a container needs, though several settings lead there."""
    merged: dict[tuple[str, int, str], Edge] = {}
    for edge in found:
        at = (edge.host, edge.port, edge.speaks)
        known = merged.get(at)
        if known is None:
            merged[at] = edge
        elif edge.origin not in known.origin.split(", "):
            merged[at] = replace(known, origin=f"{known.origin}, {edge.origin}")
    return merged


def _edge(one: _Given, source: Container, containers: Sequence[Container], own: Collection[str]) -> Edge | None:
    """With where it leads, and the hops as far as that tells."""
    address = Address("https" if one.tls else "http", one.host, one.port)
    target = lead(address, source, containers, own)
    if not _HOST.fullmatch(one.host):
        return None
    other = target.container if target.where == "container" else None
    if other is not None and other.id == source.id and one.speaks == "http":
        return None  # its own public address
    where: EdgeWhere = target.where
    if where == "nobody" and _may_know_more(source, one.host):
        where = "unclear"
    made = Edge(
        f"{source.name} {one.origin} {place(one.host, one.port)}", source.id, source.name, one.kind,
        clean_line(one.declared), one.origin, one.place, clean_line(one.effective or one.declared), one.host, one.port,
        one.speaks, one.tls, other.id if other else None, other.name if other else None, where,
    )  # fmt: skip
    return replace(made, hops=_reasoned(made, source, other))


def _may_know_more(source: Container, host: str) -> bool:
    """Whether names may resolve for it that nobody here has."""
    extra = {entry.replace("=", ":").partition(":")[0].lower() for entry in source.extra_hosts}
    mode = source.network_mode or ""
    known = {link.network for link in source.networks} - {"bridge", "default"}
    return host.lower() in extra or mode.startswith(("container:", "service:")) or mode == "host" or not known


NOT_TRIED = "it was not tried"


def _reasoned(edge: Edge, source: Container, target: Container | None) -> tuple[Hop, ...]:
    """What follows from states, networks and names alone."""
    if source.state != "running":
        return _hops(Hop("name", "unknown", f"{source.name} does not run"))
    if edge.where == "nobody":
        return _hops(Hop("name", "failed", f"no container in a network of {source.name} is called {edge.host}"))
    if edge.where in ("elsewhere", "internet", "unclear"):
        return _hops(Hop("name", "unknown", NOT_TRIED))
    if edge.where == "itself":
        return _hops(Hop("name", "ok", f"{edge.host} is {source.name} itself"), Hop("port", "unknown", NOT_TRIED))
    if target is None:
        return _hops(Hop("name", "ok", f"{edge.host} is this machine"), Hop("port", "unknown", NOT_TRIED))
    here = edge.host in names_of(target) or any(link.address == edge.host for link in target.networks)
    said = "is called so in a common network" if here else "publishes that port of this machine"
    name = Hop("name", "ok", f"{target.name} {said}")
    if target.state != "running":
        return _hops(name, Hop("port", "failed", f"{target.name} does not run"))
    return _hops(name, Hop("port", "unknown", NOT_TRIED))


def _hops(*told: Hop) -> tuple[Hop, ...]:
    """All three; nothing is said of those behind."""
    return (*told, *(Hop(name, "unknown") for name in ("name", "port", "protocol")[len(told) :]))  # type: ignore[arg-type]
