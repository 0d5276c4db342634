"""The one door through which a look asks a model server: GET, by allow-list, within bounds, each path once.

A path that is not on the list of the product (or of recognition, before it is known) raises ``Forbidden`` and is not
sent. Redirects are answers, never followed: who knows what stands behind one. A key goes into a header of the paths
that want one, and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct, field

from ...hosts import HostError, Http, HttpFailed
from ...hosts.protocols import HttpTrouble
from ...model import Product
from ...text import N_
from ...text.cleaning import SECRETS, clean_line
from . import decoding

Key = Literal["open", "keyed"]
"""Whether the server's key is sent along. Where none is asked for, none is shown."""

CONNECT, READ, TOTAL = 1.0, 3.0, 9.0
"""Seconds for the connection, for one answer, for a whole look."""
LIMIT, LONG = 256 << 10, 2 << 20
"""Bytes of one body, and of one that lists models or metrics: 10 000 models have about one MiB."""


class Candidate(Struct, frozen=True):
    """One address worth a look. Made from containers, processes, other programs' settings and our own."""

    key: str
    """Becomes ``Server.key``: ``container:PORT`` by the container's name, or ``host:PORT``."""
    address: str
    """Scheme, host and port, as reachable from here: ``http://127.0.0.1:11434``; a path after it is kept in front of
    everything that is asked (``http://10.0.0.5/ollama``)."""
    why: str
    """How the address was found: ``published port 11434 of ollama``, ``One API channel 3``."""
    container: str | None = None
    """Container id."""
    pid: int | None = None
    """Of a native server."""
    service: str | None = None
    image: str | None = None
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    """Names of its variables, no values."""
    hint: Product | None = None
    """What image or command say it is: asked for first, never believed alone while it answers."""
    hint_reason: str | None = None
    """``image vllm/vllm-openai``, ``command python -m sglang.launch_server``."""
    token: str | None = None
    """A key for this server and for no other. Secret: goes into headers and nowhere else."""
    token_name: str | None = None
    """Where it was found, for people: ``SK_KEY of m3e``, ``stackops.toml``."""
    started_at: float | None = None
    """When its container or process started; Unix seconds."""
    running: bool = True
    """False for a container that does not run: it is not asked."""
    restarts: int = 0
    """How often the Engine has restarted its container."""
    loading: str | None = None
    """What its log says it is doing before it listens, in one sentence, where somebody read the log."""

    def __repr__(self) -> str:
        return f"Candidate({self.key!r}, {self.address!r}, hint={self.hint!r})"

    __str__ = __repr__


class Forbidden(Exception):
    """A path that may not be asked here; nothing was sent."""


class ServerAnswer(Struct, frozen=True):
    """What came back, whatever its status."""

    path: str
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    cut: bool = False
    _read: list[Any] = field(default_factory=list)
    """The document, once it was asked for: a long one takes a while to take apart."""

    @property
    def ok(self) -> bool:
        """Status 200."""
        return self.status == 200

    @property
    def refused(self) -> bool:
        """401 or 403: a key is wanted, or the one given is not taken."""
        return self.status in (401, 403)

    def json(self) -> Any:  # noqa: ANN401 - whatever a stranger sent
        """The body as JSON; None for everything else, and for what did not end within the limit."""
        if not self._read:
            self._read.append(None if self.cut else decoding.document(self.body))
        return self._read[0]

    @property
    def words(self) -> str:
        """The beginning of the body, cleaned, for people and for looking at."""
        return clean_line(self.body[:600].decode("utf-8", "replace"), 200)


class Silence(Struct, frozen=True):
    """No answer."""

    path: str
    trouble: HttpTrouble
    sentence: str


Said = ServerAnswer | Silence
_LONG = ("/models", "/tags", "/metrics")


class Ask:
    """The questions of one look at one server."""

    def __init__(
        self, http: Http, candidate: Candidate, recognising: Mapping[str, Key], *, show_key: bool = True
    ) -> None:
        self.candidate = candidate
        self.base = base_of(candidate.address)
        """None for what is no address of a web server."""
        self.key = _usable(candidate.token) if show_key else None
        self._listed = self._recognising = recognising
        self._refused: set[str] = set()
        self._http = http
        self._said: dict[str, Said] = {}
        self._until = asyncio.get_running_loop().time() + TOTAL

    def within(self, paths: Mapping[str, Key] | None) -> None:
        """From now on only these paths may be asked: a product's own; None: those of recognition."""
        self._listed = self._recognising if paths is None else paths

    async def get(self, path: str) -> Said:
        """GET a path of the list; a path asked before in this look gives what it gave then. Raises Forbidden."""
        if path not in self._listed:
            raise Forbidden(N_(f"{path} is not on the list of what may be asked here"))
        if path not in self._said:
            self._said[path] = await self._asked(path, self._listed[path])
        return self._said[path]

    async def answer(self, path: str) -> ServerAnswer | None:
        """Like ``get``; None where nothing came back."""
        said = await self.get(path)
        return said if isinstance(said, ServerAnswer) else None

    async def json(self, path: str) -> Any:  # noqa: ANN401 - whatever a stranger sent
        """The JSON of a reply with status 200; None otherwise."""
        said = await self.get(path)
        return said.json() if isinstance(said, ServerAnswer) and said.ok else None

    def refuse(self, path: str) -> None:
        """Count a refusal that came with another status than 401 or 403."""
        self._refused.add(path)

    @property
    def key_refused(self) -> bool:
        """A key was sent to one of the product's paths and not taken."""
        return self.key is not None and self._shut

    @property
    def key_wanted(self) -> bool:
        """None was sent, and one was wanted."""
        return self.key is None and self._shut

    @property
    def _shut(self) -> bool:
        return not self._refused.isdisjoint(self._listed)

    @property
    def silent(self) -> Silence | None:
        """The first question of this look that nobody answered."""
        return next((said for said in self._said.values() if isinstance(said, Silence)), None)

    async def _asked(self, path: str, key: Key) -> Said:
        left = self._until - asyncio.get_running_loop().time()
        if self.base is None or left <= 0:
            return Silence(path, "timeout" if self.base else "address", N_("there was no time left to ask"))
        headers = {"Authorization": f"Bearer {self.key}"} if key == "keyed" and self.key else {}
        try:
            reply = await self._http.get(
                f"{self.base}{path}",
                headers=headers,
                deadline=min(READ, left),
                limit=LONG if path.endswith(_LONG) else LIMIT,
                connect=CONNECT,
                redirects=0,
            )
        except HttpFailed as error:
            return Silence(path, error.trouble, _sentence(error))
        except HostError as error:
            return Silence(path, "unreachable", _sentence(error))
        found = ServerAnswer(path, reply.status, reply.headers, reply.body, reply.seconds, reply.cut)
        if found.refused and key == "keyed":
            self.refuse(path)
        return found


def _sentence(error: HostError) -> str:
    """What went wrong, for people; what is no HTTP may hold the key that was sent, and is quoted."""
    return SECRETS.redact(clean_line(str(error), 300))


def base_of(address: str) -> str | None:
    """What is put in front of a path: without ``/v1``, user, query, last slash. None for what is no address."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    named = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{named}{f':{port}' if port else ''}{path}"


def _usable(token: str | None) -> str | None:
    """A key that can stand in a header."""
    return token if token and token.isascii() and token.isprintable() and " " not in token else None
