"""The Http door of this machine: GET and HEAD with one deadline over everything, and nothing else.

httpx does the talking and is imported when first needed. Names are looked up in a thread that may be left behind, since
a resolver that hangs cannot be cancelled and must not keep the program from ending. May not decide what is asked.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib.util
import ipaddress
import socket
import ssl
import sys
import threading
import time
import weakref
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin, urlsplit

from .. import HttpFailed, HttpReply

if TYPE_CHECKING:
    import httpx

REDIRECTS = 3
MOVED = frozenset({301, 302, 303, 307, 308})
ADDRESSES = 4
"""Addresses of one name that are tried, one after another."""
PORTS = {"http": 80, "https": 443}
LONGEST = 60.0
"""Seconds for one read or write; the deadline of the caller comes first."""


@dataclass(frozen=True)
class _Ask:
    """What stays the same over the redirects and addresses of one request."""

    method: str
    limit: int
    proxy: str | None = None
    connect: float | None = None
    redirects: int = REDIRECTS

    def patience(self) -> dict[str, float]:
        """Seconds, by httpx's names for what is waited for."""
        return {"connect": self.connect or LONGEST, "read": LONGEST, "write": LONGEST, "pool": LONGEST}


class LocalHttp:
    """Bound to no event loop: certificates are loaded once, and each thread's loop has a transport of its own."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None
        self._own = threading.local()

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
    ) -> HttpReply:
        """GET; every way it can fail is an HttpFailed."""
        ask = _Ask("GET", limit, proxy, connect, redirects)
        return await self._bounded(ask, url, dict(headers or {}), deadline)

    async def head(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline: float = 5.0, proxy: str | None = None
    ) -> HttpReply:
        """HEAD; every way it can fail is an HttpFailed."""
        return await self._bounded(_Ask("HEAD", 0, proxy), url, dict(headers or {}), deadline)

    async def _bounded(self, ask: _Ask, url: str, headers: dict[str, str], deadline: float) -> HttpReply:
        started = time.monotonic()
        try:
            async with asyncio.timeout(deadline):
                reply = await self._followed(ask, url, headers)
        except TimeoutError:
            raise HttpFailed("timeout", f"{_where(url)} did not answer within {deadline:g} s") from None
        return HttpReply(
            reply.status, reply.url, reply.headers, reply.body, cut=reply.cut, seconds=time.monotonic() - started
        )

    async def _followed(self, ask: _Ask, url: str, headers: dict[str, str]) -> HttpReply:
        for _ in range(ask.redirects + 1):
            reply = await self._explained(ask, url, headers)
            target = reply.headers.get("location")
            if reply.status not in MOVED or not target or not ask.redirects:
                return reply
            there = urljoin(url, target)
            if urlsplit(there).scheme != urlsplit(url).scheme:
                raise HttpFailed("redirects", f"{_where(url)} sends to {_where(there)}, another scheme: not followed")
            if urlsplit(there).netloc != urlsplit(url).netloc:
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            url = there
        raise HttpFailed("redirects", f"{_where(url)} redirects more than {ask.redirects} times")

    async def _explained(self, ask: _Ask, url: str, headers: dict[str, str]) -> HttpReply:
        import httpx

        try:
            return await self._asked(ask, url, headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise HttpFailed("address", f"{_where(url)} is no address that can be asked") from error
        except (httpx.HTTPError, OSError, zlib.error, ValueError) as error:
            _explain(error, url)

    async def _asked(self, ask: _Ask, url: str, headers: dict[str, str]) -> HttpReply:
        """The reply of the first address that takes the connection."""
        import httpx

        named = httpx.URL(url)
        if named.scheme not in PORTS or not named.host:
            raise httpx.UnsupportedProtocol(f"not http: {named.scheme}")
        own = _own_headers(named, headers)
        if ask.proxy is not None:  # the proxy looks the name up
            async with self._transport(ask.proxy) as through:
                return await self._sent(through, ask, named, named, own)
        addresses = await _resolved(named.raw_host.decode("ascii"), named.port or PORTS[named.scheme])
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
        request = httpx.Request(
            ask.method, to, headers=headers, extensions={"sni_hostname": sni, "timeout": ask.patience()}
        )
        reply = await through.handle_async_request(request)
        reply.request = request
        try:
            body, cut = await _body(reply, ask.limit)
        finally:
            await reply.aclose()
        return HttpReply(reply.status_code, str(named), _headers(reply), body, cut=cut)

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

        _no_sniffio()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        return httpx.AsyncHTTPTransport(verify=self._certificates(), trust_env=False, limits=limits, proxy=proxy)

    def _certificates(self) -> ssl.SSLContext:
        """The machine's own, as the Engine uses them; ``SSL_CERT_FILE`` counts."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _own_headers(named: httpx.URL, headers: Mapping[str, str]) -> httpx.Headers:
    """What every request says, what this one says, and the name of the server although its address is called."""
    import httpx

    host = named.netloc.decode("ascii").rpartition("@")[2]
    own = httpx.Headers({
        "Accept": "*/*", "Accept-Encoding": "gzip, identity", "Connection": "keep-alive",
        "User-Agent": f"python-httpx/{httpx.__version__}", **headers, "Host": host,
    })  # fmt: skip
    if named.userinfo:
        told = f"{named.username}:{named.password}".encode()
        own["Authorization"] = f"Basic {base64.b64encode(told).decode('ascii')}"
    return own


def _no_sniffio() -> None:
    """Where sniffio is not installed, say so once: httpcore looks for it in all folders six times a request."""
    if "sniffio" not in sys.modules and importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]


def _literal(host: str) -> bool:
    """Whether it is an address already."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


async def _resolved(host: str, port: int) -> list[str]:
    """Addresses of a name, in the system's order. The thread is left behind when nobody waits any more."""
    if _literal(host):
        return [host]
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: OSError | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(found)
        else:
            future.set_exception(error)

    def work() -> None:
        found: list[str] = []
        caught: OSError | None = None
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(row[4][0]) for row in rows))[:ADDRESSES]
        except (OSError, UnicodeError) as error:
            caught = error if isinstance(error, OSError) else socket.gaierror(str(error))
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, found, caught)

    threading.Thread(target=work, name="stackops look-up", daemon=True).start()
    return await future


async def _body(reply: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """At most ``limit`` bytes after decompression, and whether there was more: a bomb is never unpacked whole."""
    unpack = zlib.decompressobj(47) if reply.headers.get("content-encoding", "").lower() == "gzip" else None
    body = bytearray()
    async for piece in _pieces(reply):
        body += piece if unpack is None else unpack.decompress(piece, limit + 1 - len(body))
        if len(body) > limit:
            return bytes(body[:limit]), True
    return bytes(body), False


async def _pieces(reply: httpx.Response) -> AsyncIterator[bytes]:
    if reply.request.method == "HEAD":
        return
    async for piece in reply.aiter_raw(65536):
        yield piece


def _headers(reply: httpx.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in reply.headers.multi_items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _explain(error: Exception, url: str) -> NoReturn:
    """Which of the ways to fail it was. fact: httpx wraps what the socket said, more than once."""
    import httpx

    where = _where(url)
    if _cause(error, socket.gaierror):
        raise HttpFailed("dns", f"{where}: the name is not known here", "does the machine's DNS work?") from error
    if isinstance(error, httpx.ConnectTimeout):
        raise HttpFailed("unreachable", f"{where} takes no connection") from error
    tls = _cause(error, ssl.SSLError)
    if tls is not None:
        why = getattr(tls, "verify_message", "") or getattr(tls, "reason", "") or "no agreement"
        raise HttpFailed("tls", f"{where}: the certificate or TLS is not accepted ({_line(str(why))})") from error
    if _cause(error, ConnectionRefusedError):
        raise HttpFailed("refused", f"{where}: nobody listens there") from error
    if isinstance(error, httpx.RemoteProtocolError) and "without sending" not in str(error):
        raise HttpFailed("not-http", f"{where} does not speak HTTP: {_line(str(error))}") from error
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        raise HttpFailed("reset", f"{where} closed the connection without an answer") from error
    if isinstance(error, zlib.error):
        raise HttpFailed("not-http", f"{where} sends what it calls gzip and is not") from error
    raise HttpFailed("unreachable", f"{where} cannot be reached: {_line(_reason(error))}") from error


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
    from ...text import clean_line

    return clean_line(text, 160)
