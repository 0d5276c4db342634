"""Compose projects as their files declare them. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from .gpus import DeviceRequest
from .machine import EnvVar, FileKind
from .paths import OfferedModel


class ConfigFile(Struct, frozen=True):
    """One compose file of a project."""

    path: str
    sha256: str | None = None
    error: str | None = None
    """Why it could not be read or parsed, with line and column."""
    automatic_override: bool = False
    """True for docker-compose.override.yml and its twins: read only when no ``-f`` is given."""
    in_use: bool = True
    """Whether the running containers were made with it (their ``config_files`` label), or Compose would read it."""


class Volume(Struct, frozen=True):
    """One mount of a compose service, resolved."""

    kind: str
    source: str
    """Absolute host path for binds, volume name otherwise; interpolated."""
    target: str
    read_only: bool = False
    long_form: bool = False
    declared_in: str = ""
    """Path of the compose file."""


class ComposeService(Struct, frozen=True):
    """One service as the merged compose files declare it."""

    name: str
    image: str | None = None
    container_name: str | None = None
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    user: str | None = None
    working_dir: str | None = None
    restart: str | None = None
    env: tuple[EnvVar, ...] = ()
    named: tuple[str, ...] = ()
    """Variables that ``environment`` names, in whichever compose file; the others of ``env`` are from ``env_files``."""
    unset: tuple[str, ...] = ()
    """Variables named without a value that nobody gives: those of the image are taken away. fact: Compose 2.26.1."""
    blank: tuple[tuple[str, str], ...] = ()
    """Variables that are empty because another one, from which they are filled in, is set nowhere; each with it."""
    filled: tuple[tuple[str, str], ...] = ()
    """What is filled in from a variable, which a shell may set otherwise: its variable or key, and from which."""
    env_files: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    ports: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    awaits_end: tuple[str, ...] = ()
    """Of these the ones that only have to have ended well (``service_completed_successfully``)."""
    awaits_health: tuple[str, ...] = ()
    """Of these the ones that have to be healthy first (``service_healthy``)."""
    health_test: str = ""
    """What its files have its health check run, in one line; empty where they say nothing of it."""
    profiles: tuple[str, ...] = ()
    built: bool = False
    """Its image is made here (``build``), so that no registry has to have it."""
    device_requests: tuple[DeviceRequest, ...] = ()
    """GPUs that it reserves, as ``docker compose up`` would ask for them."""
    requests_apart: bool = False
    """Whether some of them stand under ``gpus`` or ``devices``, to which a list under ``deploy`` is only added."""
    runtime: str | None = None
    memory_limit: int | None = None
    """Bytes; ``deploy.resources.limits.memory``, else ``mem_limit``."""
    shared_memory: int | None = None
    """Bytes of its /dev/shm; 0: it has somebody else's (``ipc``) or its own mount there, None: what Docker gives."""
    extra_hosts: tuple[str, ...] = ()
    """``name:address``, ``host-gateway`` as it is written."""
    network_mode: str | None = None
    networks: tuple[str, ...] = ("default",)
    """As the compose files call them; none where there is a ``network_mode``."""
    aliases: tuple[str, ...] = ()
    """Further names in its networks."""


class Project(Struct, frozen=True):
    """A compose project: its folder, its files, what they declare."""

    name: str
    working_dir: str | None = None
    files: tuple[ConfigFile, ...] = ()
    services: tuple[ComposeService, ...] = ()
    env: tuple[EnvVar, ...] = ()
    """What Compose fills into the compose files: from ``env_files`` where they are named, else from ``.env``."""
    env_files: tuple[str, ...] = ()
    """What ``--env-file`` named when the containers were made; Compose does not read the folder's ``.env`` then."""
    dotenv: tuple[EnvVar, ...] = ()
    """The folder's ``.env`` where Compose does not read it: a service may still mount it."""
    foreign_networks: tuple[str, ...] = ()
    """Networks of its files that are made elsewhere (``external``): containers of others may be in them."""
    foreign_volumes: tuple[str, ...] = ()
    """Volumes of its files that were made elsewhere (``external``), and may hold data already; by key."""
    network_names: dict[str, str] = field(default_factory=dict)
    """What the Engine calls networks that its files give a name of their own, or that are made elsewhere; by key."""
    left_out: tuple[ComposeService, ...] = ()
    """What the automatic override declares by itself while it is not in use; not part of ``services``."""


class ServiceHash(Struct, frozen=True):
    """The ``config-hash`` that Compose would give a service now.

    Never of a service with ``env_file``: ``config --hash`` leaves the file's variables out, ``up`` does not, so that
    the two differ even where nothing changed (measured with Compose 2.26.1).
    """

    project: str
    service: str
    value: str
    compose_version: str
    """Of the Compose that was asked; hashes of different versions are not comparable."""


Role = Literal[
    "fastgpt",
    "oneapi",
    "aiproxy",
    "librechat",
    "mongo",
    "postgres",
    "mysql",
    "redis",
    "meilisearch",
    "rag_api",
    "ollama",
    "model_server",
    "open_webui",
    "milvus",
    "minio",
    "nginx",
    "vector_db",
    "search",
    "database",
    "sandbox",
    "app",
    "unknown",
]


class Service(Struct, frozen=True):
    """A role that something on this machine plays: a container, a native process, or a declaration not yet running."""

    role: Role
    name: str
    container: str | None = None
    """Container id."""
    pid: int | None = None
    """Process id, for a native service."""
    project: str | None = None
    compose_service: str | None = None
    version: str | None = None
    release_assumed: bool = False
    """Nothing tells the version, and the tag is ``latest`` or none: it is taken for the newest."""
    generation: str | None = None
    """FastGPT compose generation A to G, where it can be told."""


class FileFact(Struct, frozen=True):
    """What ``lstat``/``stat`` say of a path that matters, and never its content."""

    path: str
    kind: FileKind
    mode: int | None = None
    """Permission bits only, for example 0o644."""
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    mtime: float | None = None
    inode: int | None = None
    sha256: str | None = None
    """Of files up to 1 MiB that may be read."""
    empty: bool | None = None
    """For directories: nothing in it. For files: no bytes."""
    link_target: str | None = None
    """The path with all links followed, where the path itself or a folder on its way is one."""
    links: int | None = None
    """Hard links; more than one means that an atomic replacement cuts this name off from the others."""
    device: int | None = None
    """With ``inode`` the identity of a file, until the machine starts again."""


class KeyFileFact(Struct, frozen=True):
    """What a mongo key file holds, told without its content (fact: mongo security_file.cpp)."""

    path: str
    keys: int | None = None
    length: int | None = None
    """Characters of the (first) key without white space; mongod wants 6 to 1024."""
    bad_characters: bool | None = None
    """A character outside base64."""


class MongodConfig(Struct, frozen=True):
    """What a mongod configuration file on this machine says of its set."""

    path: str
    key_file: str | None = None
    """``security.keyFile``, a path inside the container."""
    replica_set: str | None = None
    """``replication.replSetName``."""
    users: bool = False
    """``security.authorization: enabled``."""
    bind: str | None = None
    """``net.bindIp``; ``*`` for ``net.bindIpAll``."""
    cluster_auth: str | None = None
    """``security.clusterAuthMode``: how members know each other where that is not by a key file."""


class DataRelease(Struct, frozen=True):
    """The release that a service's data folder names as the one that wrote it."""

    path: str
    """The file that says so, on this machine."""
    release: str
    container: str | None = None
    project: str | None = None
    service: str | None = None


class LogMark(Struct, frozen=True):
    """A line in a container's log that means something, found by a pattern or a mongod log id."""

    container: str
    mark: str
    """The catalogue's name for it, for example ``mongo.20254`` or ``librechat.config-loaded``."""
    text: str
    at: float | None = None


class LastWords(Struct, frozen=True):
    """The end of the log of a container that is not well, cleaned and without secrets."""

    container: str
    lines: tuple[str, ...]
    """Oldest first, empty lines left out."""
    ended: bool = False
    """They are of a run that has ended: the Engine may have started it again since, between two ends."""


class JsonFact(Struct, frozen=True):
    """Whether a program could read a JSON file, told without its content."""

    path: str
    strict: str | None = None
    """What a strict reader would complain about, with line and column; None when nothing."""
    relaxed: str | None = None
    """The same for a reader that takes JSON5: comments, trailing commas, bare keys."""
    unsure: bool = False
    """It is no strict JSON, and uses more of JSON5 than can be judged."""
    keys: tuple[str, ...] = ()
    """Names at the top of it."""
    gateway: str | None = None
    """``systemEnv.oneapiUrl`` of a FastGPT's configuration: an address without login and query."""
    own_key: bool = False
    """Whether ``systemEnv.chatApiKey`` stands there, which counts before a key in the environment."""
    models: tuple[OfferedModel, ...] = ()
    """Of a FastGPT's configuration."""


class PackageRelease(Struct, frozen=True):
    """The release that a container's own package.json names; asked where neither its log nor its tag tells."""

    container: str
    version: str
    """Without a leading ``v``."""
    path: str
    """Inside the container."""


class CookieProof(Struct, frozen=True):
    """What a LibreChat answered to the one login that the operator asked for. Holds no name, no password, no token."""

    container: str
    asked_at: float
    """Unix seconds."""
    outcome: Literal[
        "cookie",
        "no-cookie",
        "two-factor",
        "refused",
        "rate-limited",
        "banned",
        "unreachable",
        "unexpected",
        "withheld",
    ]
    """``withheld``: nothing was sent, ``sentence`` says why."""
    address: str | None = None
    """Where it was asked, without a path."""
    secure: bool | None = None
    same_site: str | None = None
    """In the server's words; None where the cookie says nothing of it."""
    http_only: bool | None = None
    sentence: str | None = None
    """What was in the way."""
