"""Doors to what listens on the network, HTTP and databases, which asking does not change; then the whole machine."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol
from urllib.parse import urlsplit

from msgspec import Struct, field

from ..model import DatabaseAnswer, DatabaseKind
from ..text import N_, told
from .acting import Control, Files, Locks, Rights
from .readings import Engine, Gpus, Kernel


class HostError(Exception):
    """Something could not be done: ``str(error)`` is the sentence, ``remedy`` the next thing to try."""

    def __init__(self, sentence: str, remedy: str | None = None) -> None:
        super().__init__(told(sentence))
        self.remedy = told(remedy) if remedy else None


class EngineUnreachable(HostError):
    """No Engine answers at the address: missing socket, refused, hung, no permission."""


class EndUnknown(HostError):
    """An act did not end in time; what it did, or still does, is not known."""


class NotFound(HostError):
    """The thing asked for is gone (a container removed meanwhile, a file that never was)."""


class NotPermitted(HostError):
    """The user may not do it. ``remedy`` holds the exact command that would."""


class ReadOnlyRefused(HostError):
    """The console was started with --read-only; no act can leave it."""

    def __init__(self, sentence: str = N_("stackops was started read-only: nothing is changed")) -> None:
        super().__init__(sentence, N_("start it without --read-only"))


class EngineFailed(HostError):
    """The Engine answered, but with an error, nonsense or half a reply; ``status`` is its HTTP status, if any."""

    def __init__(self, sentence: str, remedy: str | None = None, *, status: int | None = None) -> None:
        super().__init__(sentence, remedy)
        self.status = status


class HttpReply(Struct, frozen=True):
    """What a web server answered, whatever its status."""

    status: int
    url: str
    """Where it came from, redirects followed."""
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case; of a name that came twice the values joined by ``, ``. Not cleaned."""
    body: bytes = b""
    """Decompressed; empty for HEAD."""
    cut: bool = False
    """The body went on beyond the limit."""
    seconds: float = 0.0
    """From the first name look-up to the last byte."""


HttpTrouble = Literal[
    "dns", "refused", "timeout", "tls", "reset", "unreachable", "redirects", "private", "not-http", "address"
]


class HttpFailed(HostError):
    """No answer could be had; ``trouble`` says which kind, for those who must tell them apart."""

    def __init__(self, trouble: HttpTrouble, sentence: str, remedy: str | None = None) -> None:
        super().__init__(sentence, remedy)
        self.trouble: HttpTrouble = trouble


PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_INSIDE = [ipaddress.IPv6Network(one) for one in ("fec0::/10", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")]


def origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port: one server, however it is spelled. None for what is no address. fact: RFC 6454."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None


def is_public(address: str) -> bool:
    """Whether everybody means the same machine by it; an IPv6 address may hold an IPv4 one.

    fact: RFC 6890 (special addresses), 4291 (mapped and compatible), 3056 (6to4), 6052 and 8215 (NAT64), 2765
    (translated), 3879 (site-local)
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if any(found in network for network in _INSIDE):
            return False
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = inner or found
    return found.is_global and not found.is_multicast


class Http(Protocol):
    """Reads over HTTP, from where the host stands: GET and HEAD only, nothing that changes anything.

    At most three redirects, never to another scheme, and to another host or port only where everybody can reach it:
    nobody declared that one, and it may be a cloud's metadata. Headers named ``authorization`` do not follow there.
    Environment variables for proxies are not looked at. Raises HttpFailed.
    """

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 5.0,
        limit: int = 1 << 20,
        proxy: str | None = None,
        connect: float | None = None,
        redirects: int = 3,
        public: bool = False,
    ) -> HttpReply:
        """GET. ``deadline`` is for everything together, ``limit`` counts bytes after decompression.

        ``connect`` is for taking the connection alone: beyond it the trouble is ``unreachable``, so that ``timeout`` is
        left for those who listen and do not answer. With ``redirects=0`` a redirect is an answer like any other.
        ``public`` is for an address that somebody else has named: it must be none of a private network. Through a proxy
        only names that are known here are judged: the proxy looks them up.
        """

    async def head(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline: float = 5.0, proxy: str | None = None
    ) -> HttpReply:
        """HEAD."""


class HttpActs(Protocol):
    """Requests over HTTP that change something: unload a model, one real question to a model server."""

    async def post(
        self,
        url: str,
        body: Mapping[str, object],
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        limit: int = 1 << 20,
        on_chunk: Callable[[bytes, float], None] | None = None,
    ) -> HttpReply:
        """POST of a JSON object, no redirects. ``on_chunk`` hears each piece of the answer, and when, in seconds.

        Raises ReadOnlyRefused before anything is sent, and HttpFailed.
        """


class DatabaseTarget(Struct, frozen=True):
    """One way to one database server."""

    via: Literal["published port", "container address", "exec"]
    host: str
    """Name or address as seen from here; for ``exec`` as seen from inside the container."""
    port: int
    container: str
    """Id of the container."""

    @property
    def address(self) -> str:
        """``host:port``, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class MongoLogin(Struct, frozen=True):
    """Credentials for a mongod."""

    user: str
    password: str
    source: str = "admin"
    """``authSource``."""

    def __repr__(self) -> str:
        return f"MongoLogin({self.user!r}, source={self.source!r})"

    __str__ = __repr__


MongoTrouble = Literal["refused", "reset", "silent", "no-route", "name", "not-mongo", "too-old", "unreachable"]
"""How a mongod cannot be reached, told by the kind of the error."""


class MongoUnreachable(HostError):
    """No mongod answers there. ``trouble`` says how, in the words of ``model.MongoState.trouble``."""

    def __init__(self, sentence: str, trouble: MongoTrouble, remedy: str | None = None) -> None:
        super().__init__(sentence, remedy)
        self.trouble: MongoTrouble = trouble


class MongoRefused(HostError):
    """mongod refused the login. ``code`` is its number: 18 for wrong user, password or authSource."""

    def __init__(self, sentence: str, code: int, remedy: str | None = None) -> None:
        super().__init__(sentence, remedy)
        self.code = code


MongoReply = Mapping[str, object]
"""mongod's own document as relaxed extended JSON: ``ok``, and its number in ``code`` when ``ok`` is 0."""


class DatabaseLogin(Struct, frozen=True):
    """Credentials for one database of a PostgreSQL or MySQL, or of a MongoDB that holds a FastGPT's models."""

    kind: DatabaseKind
    user: str
    password: str
    name: str
    """Of the database; empty for none, where a MySQL is asked; of a SQLite the path of its file."""
    channels: Literal["", "aiproxy", "oneapi"] = ""
    """Which gateway's it is: what that keeps there is asked for too."""
    keys: tuple[tuple[str, str], ...] = ()
    """Of each app that sends a key to a One API its id, and the key's SHA-256: tokens are compared with it in there."""
    source: str = ""
    """``authSource`` of a MongoDB."""
    kept: tuple[str, ...] = ()
    """Collections that a FastGPT may keep its models in, the first with any counts; empty: ``system_models``."""

    def __repr__(self) -> str:
        return f"DatabaseLogin({self.kind}, {self.user!r}, name={self.name!r})"

    __str__ = __repr__


class Databases(Protocol):
    """Asks databases in their own protocols. One short-lived connection per call, each within its deadline."""

    def ask_databases(self, asked: Sequence[tuple[DatabaseTarget, DatabaseLogin]]) -> Sequence[DatabaseAnswer]:
        """What each database says of itself, and a MongoDB of a FastGPT's models: read-only, in the order of ``asked``.

        One try with each login. Takes up to six seconds where somebody does not answer: called in a worker.
        """
        ...

    async def ask_mongo(
        self, target: DatabaseTarget, commands: Sequence[str], *, login: MongoLogin | None = None, deadline: float = 3.0
    ) -> Sequence[MongoReply]:
        """The replies to ``hello``, ``replSetGetStatus``, ``replSetGetConfig``, in order; no other command is sent.

        Raises MongoUnreachable, and MongoRefused for a login that is refused, or was in the last minute.
        """

    async def command_mongo(
        self, target: DatabaseTarget, command: Mapping[str, object], *, login: MongoLogin | None = None, deadline: float
    ) -> MongoReply:
        """Act: ``replSetInitiate`` or ``replSetReconfig``. Raises ReadOnlyRefused before anything is sent."""


class SystemClock:
    """Time as this machine tells it."""

    def now(self) -> float:
        """Unix seconds; may jump, so use it for ages and records, never for rates."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def monotonic_ns(self) -> int:
        """Nanoseconds that only go forward."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(max(0.0, seconds))


class Clock(Protocol):
    """Time, injected, so that tests own it."""

    def now(self) -> float:
        """Unix seconds."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def monotonic_ns(self) -> int:
        """The same in nanoseconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Host(Protocol):
    """One machine."""

    name: str
    kind: Literal["local", "demo", "replay"]
    read_only: bool
    engine: Engine | None
    """None where there is no address at all to try (``check --project-dir``)."""
    kernel: Kernel | None
    """None where the Engine is remote."""
    files: Files
    locks: Locks | None
    """None where no other console can act on the machine."""
    control: Control
    gpus: Gpus | None
    """None where no GPU door exists."""
    http: Http | None
    """None where no web address can be asked."""
    http_acts: HttpActs | None
    """None where nothing can be sent over HTTP but questions."""
    databases: Databases | None
    """None where databases cannot be asked."""
    clock: Clock

    @property
    def rights(self) -> Rights:
        """Who acts on it: the user that this process is now."""
