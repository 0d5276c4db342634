"""What databases and applications say of themselves, and who is set up to reach whom. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .paths import OfferedModel


class MongoMember(Struct, frozen=True):
    """One member of a replica set, as its configuration or status names it."""

    id: int | None
    host: str
    """``name:port`` as the set was configured."""
    state: int | None = None
    """1 PRIMARY, 2 SECONDARY, ... 10 REMOVED. fact: mongo replSetGetStatus"""
    itself: bool = False


class MongoTrial(Struct, frozen=True):
    """Credentials that were tried, and what mongod said. Never the password."""

    owner: str
    """Id of the container whose environment holds them."""
    user: str
    source: str
    """``authSource``."""
    accepted: bool


class MongoState(Struct, frozen=True):
    """What a mongod says of itself, or why it could not be asked (fact: mongo hello, replSetGetStatus)."""

    container: str
    via: Literal["published port", "container address", "exec"] | None = None
    address: str | None = None
    trouble: Literal["refused", "reset", "silent", "no-route", "name", "not-mongo", "too-old", "unreachable"] | None = (
        None
    )
    """Why nothing is known from hello; None when it answered."""
    sentence: str | None = None
    """The same for people."""
    alive: bool | None = None
    """Whether a mongod process runs in the container."""
    set_name: str | None = None
    primary: bool | None = None
    """``isWritablePrimary``; true of a standalone as well."""
    secondary: bool | None = None
    ghost: bool | None = None
    """``isreplicaset``: started with --replSet, and no configuration with this node in it."""
    hosts: tuple[str, ...] = ()
    """The members' names as hello tells them to drivers."""
    primary_host: str | None = None
    me: str | None = None
    """The name by which the set knows this node."""
    router: bool | None = None
    """It is a mongos, the router of a sharded cluster, which has no set of its own: ``msg`` is ``isdbgrid``."""
    wire_version: int | None = None
    status_code: int | None = None
    """Of replSetGetStatus: 0 good, 76, 93, 94, 13 login needed, 18 login refused; None when it was not asked."""
    my_state: int | None = None
    config_set: str | None = None
    """Name in the stored configuration."""
    config_version: int | None = None
    members: tuple[MongoMember, ...] = ()
    """Of the stored configuration, with states where the status told them."""
    trials: tuple[MongoTrial, ...] = ()


DatabaseKind = Literal["postgres", "mysql", "mongo", "sqlite"]
DatabaseTrouble = Literal[
    "refused", "reset", "silent", "no-route", "another", "starting", "full", "login", "no-database", "no-right",
    "barred", "plugin", "driver", "unreachable",
]  # fmt: skip
"""Why a database told nothing. ``login``: user or password refused; ``barred``: refused whatever the password, by
pg_hba.conf, by MySQL's host of the account, or since it is locked; ``plugin``: the server lacks the way in which the
account logs in; ``driver``: ours lacks it; ``another``: what answers is no such database."""


class DatabaseAnswer(Struct, frozen=True, kw_only=True):
    """What one database of a PostgreSQL, MySQL, MongoDB or SQLite told to one login, or why it told nothing."""

    trouble: DatabaseTrouble | None = None
    said: str = ""
    """The server's own words where it refused, else the system's; MySQL's begin with its error's number."""
    version: int | None = None
    """As each counts: 170002 is PostgreSQL 17.2, 80036 MySQL 8.0.36, 101106 MariaDB 10.11.6."""
    used: int | None = None
    """Connections of others at that moment."""
    most: int | None = None
    """Connections that users who are no superusers may have together."""
    account: str | None = None
    """MySQL: the account that the login became, ``root@%``."""
    plugin: str | None = None
    """MySQL: how that account proves its password; None where it may not see that itself."""
    vector: str | None = None
    """PostgreSQL: the release of the extension vector in this database."""
    packaged: str | None = None
    """The release that the server would make now; None: it has none."""
    invalid: tuple[str, ...] = ()
    """Indexes that no query uses, as their making failed; none is told while one is being made."""
    collation: tuple[str, str] | None = None
    """Release of the sorting rules that the database was made with, and the system's; from PostgreSQL 15 on."""
    channels: tuple[OneApiChannel, ...] | None = None
    """Those of a gateway that keeps them here; None where they were not asked for, or not to be had."""
    channels_trouble: str | None = None
    """Why they are not to be had, often in the server's own words."""
    tokens: tuple[OneApiToken, ...] | None = None
    """Those of a One API that keeps them here, the ones whose keys apps send first."""
    tokens_trouble: str | None = None
    compared: tuple[str, ...] = ()
    """Ids of the apps whose keys the tokens were compared with."""
    models: tuple[OfferedModel, ...] | None = None
    """MongoDB: the active models of the FastGPT that keeps them here, each with its type as ``kind``; never a key."""


class DatabaseState(Struct, frozen=True):
    """One login of the stack, and what the database it leads to told. Never the password."""

    kind: DatabaseKind
    container: str
    """Id of the server."""
    owner: str
    """Id of the container whose environment holds the login: an app, or the server itself with its first user."""
    variable: str
    """Where it stands: ``PG_URL``, ``SQL_DSN``, ``POSTGRES_PASSWORD``."""
    user: str
    database: str
    answer: DatabaseAnswer
    read_at: float | None = None

    @property
    def accepted(self) -> bool | None:
        """Whether the login is good; None where nobody was there to say so."""
        told: dict[str | None, bool] = {
            None: True, "no-database": True, "no-right": True, "login": False, "barred": False, "plugin": False
        }  # fmt: skip
        return told.get(self.answer.trouble)


class OneApiChannel(Struct, frozen=True):
    """One channel of a One API or an AI Proxy as its administrator sees it; its key is never asked for."""

    id: int
    name: str
    status: int
    """1 enabled, 2 disabled by hand, 3 disabled automatically."""
    models: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    created_at: float | None = None
    base_url: str | None = None
    """Where it sends its requests, without user, password and query; None: to the vendor of its type."""
    type: int | None = None
    """fact: one-api relay/channeltype/define.go: 1 OpenAI, 3 Azure, 8 custom, 30 Ollama, 50 OpenAI compatible"""
    priority: int = 0
    """One API: requests go to the channels with the highest one; the others are only tried after those failed. AI
    Proxy: how large its part of the requests is."""
    mapping: tuple[tuple[str, str], ...] = ()
    """Names of models as they are asked for, and as the channel sends them on."""
    tested_at: float | None = None
    test_seconds: float | None = None
    """How long the last test took."""
    balance: float | None = None
    """What its vendor said is left on the account, in USD; only of some vendors, and only where somebody asked."""
    balance_at: float | None = None


class OneApiToken(Struct, frozen=True):
    """One token of a One API as its database keeps it. No part of its key is ever asked for."""

    id: int
    name: str
    status: int
    """fact: one-api model/token.go: 1 enabled, 2 disabled, 3 expired, 4 used up"""
    quota: int | None = None
    """What is left; None: without a limit."""
    expires_at: float | None = None
    models: tuple[str, ...] = ()
    """What it is limited to; empty: nothing."""
    group: str | None = None
    """Its own (New API), else its user's; None where that is not known, or changes with each request (``auto``)."""
    user_status: int | None = None
    user_quota: int | None = None
    """What is left to its user, which counts for a token without a limit too."""
    clients: tuple[str, ...] = ()
    """Ids of the apps that send its key."""


class KeyAnswer(Struct, frozen=True):
    """What a One API says to the key that an app sends. Never the key."""

    client: str
    """Id of the app's container."""
    variable: str
    """Where the key stands: ``CHAT_API_KEY``."""
    trouble: str | None = None
    """None: the key is good. Else ``wrong-key``, ``unexpected``, or as in HttpTrouble."""
    said: str | None = None
    """The gateway's own words where it refuses the key."""
    token: OneApiToken | None = None
    """The token of this key in the database; None where it has none, or was not asked."""
    compared: bool = False
    """Whether the database was asked for it."""


class OneApiState(Struct, frozen=True):
    """What a One API says of itself over HTTP, or why it could not be asked; of an AI Proxy, what its database says."""

    container: str
    address: str | None = None
    """Where it was asked, for example ``http://127.0.0.1:3001``."""
    trouble: str | None = None
    """Why nothing is known: ``not-running``, ``no-address``, ``rate-limited``, ``unexpected``, or as in HttpTrouble;
    of an AI Proxy ``database``: its channels could not be read there."""
    sentence: str | None = None
    """The same for people."""
    start_time: float | None = None
    """When the process started, by its own word. fact: data.start_time of /api/status"""
    version: str | None = None
    client: str | None = None
    """Id of the FastGPT container whose key asked for the models."""
    models: tuple[str, ...] | None = None
    """What /v1/models lists for that key; None when it is not known."""
    models_trouble: str | None = None
    """``no-key``, ``wrong-key``, ``unexpected``, or as in HttpTrouble."""
    channels: tuple[OneApiChannel, ...] | None = None
    """None where neither an administrator's access token nor its database gives them."""
    channels_from: Literal["api", "database"] | None = None
    channels_trouble: str | None = None
    """Why its database does not give them."""
    tokens: tuple[OneApiToken, ...] | None = None
    keys: tuple[KeyAnswer, ...] = ()
    """What it says to the key of each FastGPT that comes here; the first is that of ``client``."""


class ConfigIssue(Struct, frozen=True):
    """One thing that a service's configuration file gets wrong. Never holds a value that could be a secret."""

    kind: Literal["syntax", "schema", "azure", "dropped", "warning"]
    path: str
    """Where in the data: ``endpoints.custom.0.models``; empty for the file as a whole."""
    message: str
    """In the server's own words where it has any."""
    line: int | None = None
    column: int | None = None
    advice: str | None = None
    """What to write instead."""


class ConfigAddress(Struct, frozen=True):
    """An address that a configuration file names. Never holds its login or query."""

    whose: str
    """``endpoint Ollama``."""
    key: str
    """``baseURL``."""
    host: str
    port: int
    line: int | None = None
    tls: bool = False
    late: bool = False
    """A proxy looks its name up with each request, and works without whoever is meant."""


class ProxyConfig(Struct, frozen=True):
    """To whom one mounted configuration file of an nginx or Caddy passes requests on. Never holds a login or query."""

    container: str
    """Id of the proxy."""
    path: str
    """On this machine."""
    addresses: tuple[ConfigAddress, ...] = ()
    problem: str | None = None
    """Why it could not be read."""


class ConfigRepair(Struct, frozen=True):
    """One edit of a configuration file that is the only right answer to something wrong in it."""

    kind: Literal["nest", "rename", "version", "quote", "boolean", "dedent"]
    says: str
    """One sentence: what it does."""
    path: tuple[str, ...] = ()
    """The mapping that is changed, or the value."""
    name: str = ""
    """``nest``: the key to move under; ``rename``: the key as it is."""
    keys: tuple[str, ...] = ()
    """``nest``: the keys to move."""
    value: str = ""
    """``rename``, ``version``, ``boolean``: what to write."""
    line: int = 0
    """``dedent``: the first line to move, from 1."""
    columns: int = 0
    """``dedent``: by how much."""


class ConfigVerdict(Struct, frozen=True):
    """What the program that reads a configuration file makes of it (LibreChat and its librechat.yaml)."""

    path: str
    """Host path of the file."""
    release: str
    """The release that judges, for example ``0.8.7``."""
    release_from: str
    """How that is known: ``log``, ``image``, ``compose file``, ``settings``, ``newest``."""
    container: str | None = None
    project: str | None = None
    service: str | None = None
    mounted: bool = False
    """Whether a container has it now; else it is only declared, or lies in the project folder."""
    sha256: str | None = None
    stage: Literal["yaml", "empty", "schema", "dropped", "azure", "ok"] | None = None
    """How far the file gets; None: could not be judged, ``problem`` says why."""
    boot: Literal["ok", "defaults", "exit 1", "crash"] | None = None
    """What the server does then."""
    problem: str | None = None
    log: str | None = None
    """The line the server logs."""
    issues: tuple[ConfigIssue, ...] = ()
    shown: tuple[str, ...] = ()
    """Custom endpoints that appear."""
    dropped: tuple[str, ...] = ()
    """Custom endpoints that never appear."""
    azure_models: tuple[str, ...] = ()
    repairs: tuple[ConfigRepair, ...] = ()
    """In this order; only what has exactly one right answer."""
    left: tuple[ConfigIssue, ...] = ()
    """What is still wrong after them, and takes a decision."""
    left_boot: Literal["ok", "defaults", "exit 1", "crash"] = "ok"
    """What the server does after them."""
    addresses: tuple[ConfigAddress, ...] = ()
    """What it is to reach."""
    offered: tuple[OfferedModel, ...] = ()
    """Models of the custom endpoints that appear."""


Speaks = Literal["mongo", "postgres", "mysql", "redis", "http", "grpc"]
HopName = Literal["name", "port", "protocol"]
HopState = Literal["ok", "failed", "unknown"]
EdgeWhere = Literal["container", "machine", "itself", "nobody", "elsewhere", "internet", "unclear"]


class Hop(Struct, frozen=True):
    """One step of the way: the name resolves, the port listens, whoever listens speaks the right protocol."""

    name: HopName
    state: HopState
    reason: str | None = None
    """One sentence: what was seen, or why nothing is known. None behind a hop that failed."""


class Edge(Struct, frozen=True):
    """One arrow: a setting of a container that is an address it needs. Holds no login, no key, no query."""

    key: str
    """``fastgpt MONGODB_URI mongo:27017``; stays the same while the setting does."""
    source: str
    """Container id."""
    source_name: str
    kind: str
    """What is meant to be there: ``mongo``, ``postgres``, ``gateway``, ``ollama``."""
    declared: str
    """The address as it is written."""
    origin: str
    """The variable, or the key of a file with whose it is: ``MONGODB_URI``, ``baseURL of endpoint Ollama``."""
    place: str
    """Where that stands: ``environment of fastgpt``, or a path with its line."""
    effective: str
    """The address that the program makes of it: with ``/v1``, with the usual port."""
    host: str
    port: int
    speaks: Speaks
    tls: bool = False
    target: str | None = None
    """Id of the container that is meant, as far as networks and names tell."""
    target_name: str | None = None
    where: EdgeWhere = "unclear"
    """Where the address leads, as far as networks and names tell."""
    reached: str | None = None
    """``address:port`` to which the name led when it was tried."""
    hops: tuple[Hop, ...] = ()
    by: Literal["probe", "reasoning"] = "reasoning"
    """How the hops are known: tried from the container's own network, or concluded from networks and states."""
    read_at: float | None = None
    """When it was tried last."""

    @property
    def broken(self) -> Hop | None:
        """The first hop that failed."""
        return next((hop for hop in self.hops if hop.state == "failed"), None)
