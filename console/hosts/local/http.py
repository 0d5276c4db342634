"""The HTTP doors of this machine: one that only asks (GET and HEAD), and one that posts a JSON object and acts.

Both go the same way with one deadline over everything. What only asks has no method that could send anything.
httpx does the talking and is imported when first needed. Names are looked up in a thread that may be left behind, since
a resolver that hangs cannot be cancelled and must not keep the program from ending. May not decide what is asked.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import ipaddress
import socket
import ssl
import sys
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin, urlsplit

import msgspec

from ...text import N_
from .. import PORTS, HttpFailed, HttpReply, ReadOnlyRefused, is_public, origin
from ..call import NotAnsweringError, call_async

if TYPE_CHECKING:
    import httpx

REDIRECTS = 3
DNS = N_("does the machine's DNS work?")
MOVED = frozenset({301, 302, 303, 307, 308})
ADDRESSES = 4
"""Addresses of one name that are tried, one after another."""
LOOK_UP = 1.0
"""Seconds to look up here what a proxy looks up anyway."""
LONGEST = 60.0
"""Seconds for one read or write; the deadline of the caller comes first."""
CONNECT = 10.0
"""Seconds for one address to take what is posted. Loading a model may take minutes: reading has the deadline only."""


@dataclass(frozen=True)
class _Ask:
    """What stays the same over the redirects and addresses of one request."""

    method: str
    limit: int
    proxy: str | None = None
    connect: float | None = None
    redirects: int = REDIRECTS
    public: bool = False
    content: bytes | None = None
    hear: Callable[[bytes], None] | None = None
    """Is given each piece of the body when it comes."""


class _Door:
    """Bound to no event loop: certificates are loaded once, and each thread's loop has a transport of its own."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._tls: ssl.SSLContext | None = None
        self._one_at_a_time = threading.Lock()

    async def _ready(self) -> None:
        """Load httpx and the machine's own certificates, once, before the deadline begins, and in a thread.

        On a busy machine this takes longer than a server may take to answer, and the deadlines of all who wait in the
        same loop would run out meanwhile.
        """
        if self._tls is None:
            await call_async(self._load, None, "Loading what HTTP needs")

    def _load(self) -> ssl.SSLContext:
        """The certificates; ``SSL_CERT_FILE`` counts."""
        import httpcore  # noqa: F401 - httpx does so at its first request
        import httpx  # noqa: F401 - what takes time is the import

        with self._one_at_a_time:
            if self._tls is None:
                if "sniffio" not in sys.modules and importlib.util.find_spec("sniffio") is None:
                    # or httpcore looks for it in all folders six times a request
                    sys.modules["sniffio"] = None  # type: ignore[assignment]
                self._tls = ssl.create_default_context()
            return self._tls

    async def _bounded(self, ask: _Ask, url: str, headers: dict[str, str], deadline: float) -> HttpReply:
        await self._ready()
        started = time.monotonic()
        try:
            async with asyncio.timeout(deadline):
                reply = await self._followed(ask, url, headers)
        except TimeoutError:
            raise HttpFailed("timeout", N_(f"{_where(url)} did not answer within {deadline:g} s")) from None
        return msgspec.structs.replace(reply, seconds=time.monotonic() - started)

    async def _followed(self, ask: _Ask, url: str, headers: dict[str, str]) -> HttpReply:
        declared, wary = origin(url), ask.public
        for _ in range(ask.redirects + 1):
            reply = await self._explained(ask, url, headers)
            target = reply.headers.get("location")
            if reply.status not in MOVED or not target or not ask.redirects:
                return reply
            try:
                there = urljoin(url, target)
            except ValueError:
                raise HttpFailed("redirects", N_(f"{_where(url)} sends to what is no address")) from None
            if urlsplit(there).scheme != urlsplit(url).scheme:
                raise HttpFailed("redirects", N_(f"{_where(url)} sends to {_where(there)}, another scheme"))
            ask = replace(ask, public=wary or origin(there) != declared)
            if origin(there) != origin(url):
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            url = there
        raise HttpFailed("redirects", N_(f"{_where(url)} redirects more than {ask.redirects} times"))

    async def _explained(self, ask: _Ask, url: str, headers: dict[str, str]) -> HttpReply:
        import httpx

        try:
            return await self._asked(ask, url, headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise HttpFailed("address", N_(f"{_where(url)} is no address that can be asked")) from error
        except (httpx.HTTPError, OSError, zlib.error, ValueError) as error:
            _explain(error, url)

    async def _asked(self, ask: _Ask, url: str, headers: dict[str, str]) -> HttpReply:
        """The reply of the first address that takes the connection."""
        import httpx

        named = httpx.URL(url)
        if named.scheme not in PORTS or not named.host or origin(url) is None:
            raise httpx.UnsupportedProtocol(f"not http: {named.scheme}")
        own = _own_headers(named, headers)
        host, port = named.raw_host.decode("ascii"), named.port or PORTS[named.scheme]
        if ask.proxy is not None:  # the proxy looks the name up; what is known here counts all the same
            known: list[str] = []
            if ask.public:
                with suppress(socket.gaierror, HttpFailed):
                    known = await _resolved(host, port, LOOK_UP)
            _require_public(url, known)
            async with self._transport(ask.proxy) as through:
                return await self._sent(through, ask, named, named, own)
        addresses = await _resolved(host, port)
        if ask.public:
            _require_public(url, addresses)
        for last, address in ((address == addresses[-1], address) for address in addresses):
            try:
                return await self._sent(self._here(), ask, named, named.copy_with(host=address), own)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if last or _cause(error, ssl.SSLError):
                    raise
        raise httpx.ConnectError("no address")

    async def _sent(
        self, through: httpx.AsyncHTTPTransport, ask: _Ask, named: httpx.URL, to: httpx.URL, headers: httpx.Headers
    ) -> HttpReply:
        """One request. A transport without httpx's client around it: no cookies, no redirects, no environment."""
        import httpx

        sni = named.raw_host.decode("ascii")
        longest = None if ask.method == "POST" else LONGEST
        patience = {"connect": ask.connect or LONGEST, "read": longest, "write": longest, "pool": longest}
        request = httpx.Request(
            ask.method, to, headers=headers, content=ask.content,
            extensions={"sni_hostname": sni, "timeout": patience},
        )  # fmt: skip
        reply = await through.handle_async_request(request)
        reply.request = request
        try:
            body, cut = await _body(reply, ask)
        finally:
            await reply.aclose()
        return HttpReply(reply.status_code, str(named), dict(reply.headers.items()), body, cut=cut)

    def _here(self) -> httpx.AsyncHTTPTransport:
        """The transport of this thread's event loop."""
        loop = asyncio.get_running_loop()
        kept: tuple[weakref.ref[asyncio.AbstractEventLoop], httpx.AsyncHTTPTransport] | None
        kept = getattr(self._own, "kept", None)
        if kept is None or kept[0]() is not loop:
            kept = self._own.kept = (weakref.ref(loop), self._transport(None))
        return kept[1]

    def _transport(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        """One that keeps no connection: it holds nothing between two requests, and nothing has to be closed.

        A kept one saves no processor time on loopback (measured), and fails as if the server were gone when that closes
        it in the same moment. fact: uvicorn, in front of most model servers, does so after 5 s, which is our period.
        """
        import httpx

        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        return httpx.AsyncHTTPTransport(verify=self._load(), trust_env=False, limits=limits, proxy=proxy)


class LocalHttp(_Door):
    """The door that only asks."""

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 5.0,
        limit: int = 1 << 20,
        proxy: str | None = None,
        connect: float | None = None,
        redirects: int = REDIRECTS,
        public: bool = False,
    ) -> HttpReply:
        """GET; every way it can fail is an HttpFailed."""
        ask = _Ask("GET", limit, proxy, connect, redirects, public)
        return await self._bounded(ask, url, dict(headers or {}), deadline)

    async def head(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline: float = 5.0, proxy: str | None = None
    ) -> HttpReply:
        """HEAD; every way it can fail is an HttpFailed."""
        return await self._bounded(_Ask("HEAD", 0, proxy), url, dict(headers or {}), deadline)


class LocalHttpActs(_Door):
    """The door that acts: one POST at a time, and nothing while read-only."""

    def __init__(self, *, read_only: bool) -> None:
        super().__init__()
        self.read_only = read_only

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
        """POST; raises ReadOnlyRefused before anything is imported or sent, and HttpFailed."""
        if self.read_only:
            raise ReadOnlyRefused(N_("stackops was started read-only: nothing is sent"))
        await self._ready()
        started = time.monotonic()

        def hear(piece: bytes) -> None:
            try:
                if on_chunk is not None:
                    on_chunk(piece, time.monotonic() - started)
            except Exception as error:
                raise _NotHeard(error) from error

        own = {"Content-Type": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        ask = _Ask("POST", limit, connect=CONNECT, redirects=0, content=msgspec.json.encode(body),
                   hear=hear)  # fmt: skip
        try:
            return await self._bounded(ask, url, own, deadline)
        except _NotHeard as failed:
            raise failed.args[0] from None


class _NotHeard(Exception):
    """Holds an error of who hears: it is not the server's fault, and goes to whoever asked as it is."""


def _own_headers(named: httpx.URL, headers: Mapping[str, str]) -> httpx.Headers:
    """What every request says, what this one says, and the name of the server although its address is called."""
    import httpx

    host = named.netloc.decode("ascii").rpartition("@")[2]
    told = {
        "Accept": "*/*", "Accept-Encoding": "gzip, identity", "Connection": "keep-alive",
        "User-Agent": f"python-httpx/{httpx.__version__}", **headers, "Host": host,
    }  # fmt: skip
    # as bytes: a key in another alphabet is refused by the server and not by us
    own = httpx.Headers([(name.encode(), value.encode()) for name, value in told.items()])
    if named.userinfo:
        user = f"{named.username}:{named.password}".encode()
        own["Authorization"] = f"Basic {base64.b64encode(user).decode('ascii')}"
    return own


def _literal(host: str) -> bool:
    """Whether it is an address already."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


async def _resolved(host: str, port: int, within: float | None = None) -> list[str]:
    """Addresses of a name, in the system's order. The look-up is left behind when nobody waits any more."""
    if _literal(host):
        return [host]
    try:
        what = N_(f"The look-up of {host}")
        return await call_async(lambda: _looked_up(host, port), within, what, way=("look-up", host))
    except NotAnsweringError as error:
        raise HttpFailed("timeout", _line(str(error)), DNS) from None


def _require_public(url: str, addresses: Sequence[str]) -> None:
    """Raises HttpFailed for an address that means something else to everybody: a private, local or metadata one."""
    for address in addresses:
        if not is_public(address):
            where = f"{_where(url)} is {address}" if address not in url else _where(url)
            raise HttpFailed("private", N_(f"{where}, which is in no public network and not declared: not asked"))


def _looked_up(host: str, port: int) -> list[str]:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(str(error)) from None
    return list(dict.fromkeys(str(row[4][0]) for row in rows))[:ADDRESSES]


async def _body(reply: httpx.Response, ask: _Ask) -> tuple[bytes, bool]:
    """At most ``limit`` bytes after decompression, and whether there was more: a bomb is never unpacked whole."""
    limit, body = ask.limit, bytearray()
    # whatever was asked for: proxies in front of model servers compress all the same
    unpack = zlib.decompressobj(47) if reply.headers.get("content-encoding", "").lower() == "gzip" else None
    if ask.method == "HEAD":
        return b"", False
    async for piece in reply.aiter_raw():
        heard = len(body)
        body += piece if unpack is None else unpack.decompress(piece, limit + 1 - heard)
        if ask.hear is not None and (told := bytes(body[heard:limit])):
            ask.hear(told)
        if len(body) > limit:
            return bytes(body[:limit]), True
        if unpack is not None and unpack.eof:
            break  # zlib would keep whatever follows
    return bytes(body), False


def _explain(error: Exception, url: str) -> NoReturn:
    """Which of the ways to fail it was. fact: httpx wraps what the socket said, more than once."""
    import httpx

    where = _where(url)
    if _cause(error, socket.gaierror):
        raise HttpFailed("dns", N_(f"{where}: the name is not known here"), DNS) from error
    if isinstance(error, httpx.ConnectTimeout):
        raise HttpFailed("unreachable", N_(f"{where} takes no connection")) from error
    tls = _cause(error, ssl.SSLError)
    if tls is not None:
        why = getattr(tls, "verify_message", "") or getattr(tls, "reason", "") or N_("no agreement")
        raise HttpFailed("tls", N_(f"{where}: the certificate or TLS is not accepted ({_line(str(why))})")) from error
    if _cause(error, ConnectionRefusedError):
        raise HttpFailed("refused", N_(f"{where}: nobody listens there")) from error
    if isinstance(error, httpx.RemoteProtocolError) and "without sending" not in str(error):
        raise HttpFailed("not-http", N_(f"{where} does not speak HTTP: {_line(str(error))}")) from error
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        raise HttpFailed("reset", N_(f"{where} closed the connection without an answer")) from error
    if isinstance(error, zlib.error):
        raise HttpFailed("not-http", N_(f"{where} sends what it calls gzip and is not")) from error
    raise HttpFailed("unreachable", N_(f"{where} cannot be reached: {_line(_reason(error))}")) from error


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """The first of that kind among an error and what led to it."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, kind):
            return one
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return None


def _reason(error: Exception) -> str:
    system = _cause(error, OSError)
    return (system.strerror if isinstance(system, OSError) and system.strerror else str(error)) or type(error).__name__


def _where(url: str) -> str:
    """Scheme and host of an address: neither a password in it nor a token in its query is said aloud."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "the address"
    return _line(f"{parts.scheme}://{host}" if host else parts.scheme or "the address")


def _line(text: str) -> str:
    from ...text.cleaning import clean_line

    return clean_line(text, 160)
