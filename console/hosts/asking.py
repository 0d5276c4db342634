"""Doors to what listens on the network: HTTP servers and databases. Asking changes nothing unless it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct, field

from .errors import HostError


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


HttpTrouble = Literal["dns", "refused", "timeout", "tls", "reset", "unreachable", "redirects", "not-http", "address"]


class HttpFailed(HostError):
    """No answer could be had; ``trouble`` says which kind, for those who must tell them apart."""

    def __init__(self, trouble: HttpTrouble, sentence: str, remedy: str | None = None) -> None:
        super().__init__(sentence, remedy)
        self.trouble: HttpTrouble = trouble


class Http(Protocol):
    """Reads over HTTP, from where the host stands: GET and HEAD only, nothing that changes anything.

    At most three redirects, never to another scheme; headers named ``authorization`` do not follow to another host.
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
    ) -> HttpReply:
        """GET. ``deadline`` is for everything together, ``limit`` counts bytes after decompression.

        ``connect`` is for taking the connection alone: beyond it the trouble is ``unreachable``, so that ``timeout`` is
        left for those who listen and do not answer. With ``redirects=0`` a redirect is an answer like any other.
        """
        ...

    async def head(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline: float = 5.0, proxy: str | None = None
    ) -> HttpReply:
        """HEAD."""
        ...


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
        ...


class MongoTarget(Struct, frozen=True):
    """One way to one mongod."""

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


class Databases(Protocol):
    """Asks databases in their own protocols. One short-lived connection per call, each within its deadline."""

    async def ask_mongo(
        self, target: MongoTarget, commands: Sequence[str], *, login: MongoLogin | None = None, deadline: float = 3.0
    ) -> Sequence[MongoReply]:
        """The replies to ``hello``, ``replSetGetStatus``, ``replSetGetConfig``, in order; no other command is sent.

        Raises MongoUnreachable, and MongoRefused for a login that is refused, or was in the last minute.
        """
        ...

    async def command_mongo(
        self, target: MongoTarget, command: Mapping[str, object], *, login: MongoLogin | None = None, deadline: float
    ) -> MongoReply:
        """Act: ``replSetInitiate`` or ``replSetReconfig``. Raises ReadOnlyRefused before anything is sent."""
        ...
