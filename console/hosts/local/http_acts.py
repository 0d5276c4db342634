"""The acting HTTP door of this machine: one POST of a JSON object at a time, and nothing while read-only.

Names are looked up and failures told as in ``http``; httpx is imported when first needed. May not decide what is sent,
and keeps no bytes beyond the limit.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from .. import HttpFailed, HttpReply, ReadOnlyRefused
from .http import PORTS, _cause, _explain, _headers, _resolved, _where

if TYPE_CHECKING:
    import httpx

OnChunk = Callable[[bytes, float], None]
CONNECT = 10.0
"""Seconds for one address to take the connection. Loading a model may take minutes: reading has the deadline only."""


class LocalHttpActs:
    """Stateless but for the certificates; bound to no event loop."""

    def __init__(self, *, read_only: bool) -> None:
        self._read_only = read_only
        self._tls: ssl.SSLContext | None = None

    async def post(
        self,
        url: str,
        body: Mapping[str, object],
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        limit: int = 1 << 20,
        on_chunk: OnChunk | None = None,
    ) -> HttpReply:
        """POST; raises ReadOnlyRefused before anything is imported or sent, and HttpFailed."""
        if self._read_only:
            raise ReadOnlyRefused("stackops was started read-only: nothing is sent", "start it without --read-only")
        started = time.monotonic()
        hear = _Ear(limit, started, on_chunk)
        try:
            async with asyncio.timeout(deadline):
                reply = await self._explained(url, msgspec.json.encode(body), dict(headers or {}), hear)
        except TimeoutError:
            raise HttpFailed("timeout", f"{_where(url)} did not answer within {deadline:g} s") from None
        return msgspec.structs.replace(reply, seconds=time.monotonic() - started)

    async def _explained(self, url: str, content: bytes, headers: dict[str, str], hear: _Ear) -> HttpReply:
        import httpx

        parsed, host = _parsed(url)
        try:
            return await self._sent(parsed, await _resolved(host, parsed.port or PORTS[parsed.scheme]), content,
                                    headers, hear)  # fmt: skip
        except (httpx.HTTPError, OSError, zlib.error) as error:
            _explain(error, url)

    async def _sent(
        self, url: httpx.URL, addresses: list[str], content: bytes, headers: dict[str, str], hear: _Ear
    ) -> HttpReply:
        """Through the first address that takes the connection. Nothing has been sent before one does."""
        import httpx

        for address in addresses:
            try:
                return await self._once(url, address, content, headers, hear)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if address == addresses[-1] or _cause(error, ssl.SSLError):
                    raise
        raise httpx.ConnectError("no address")

    async def _once(
        self, url: httpx.URL, address: str, content: bytes, headers: dict[str, str], hear: _Ear
    ) -> HttpReply:
        import httpx

        host = url.netloc.decode("ascii").rpartition("@")[2]
        own = {"Content-Type": "application/json", "Accept-Encoding": "identity", **headers, "Host": host}
        async with httpx.AsyncClient(
            verify=self._certificates(), trust_env=False, follow_redirects=False,
            timeout=httpx.Timeout(None, connect=CONNECT),
        ) as client:  # fmt: skip
            request = client.build_request(
                "POST", url.copy_with(host=address), content=content,
                # as bytes: a key in another alphabet is refused by the server and not by us
                headers=[(name.encode(), value.encode()) for name, value in own.items()],
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            )  # fmt: skip
            reply = await client.send(request, stream=True)
            try:
                await hear.everything(reply)
            finally:
                await reply.aclose()
            return HttpReply(reply.status_code, str(url), _headers(reply), hear.body, cut=hear.cut)

    def _certificates(self) -> ssl.SSLContext:
        """The machine's own; ``SSL_CERT_FILE`` counts."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _parsed(url: str) -> tuple[httpx.URL, str]:
    """The address taken apart, and the host in it as names are looked up. Raises HttpFailed."""
    import httpx

    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        host = ""
    if not host or parsed.scheme not in PORTS:
        raise HttpFailed("address", f"{_where(url)} is no address that can be asked")
    return parsed, host


class _Ear:
    """Hears one answer piece by piece, up to its limit of bytes after decompression."""

    def __init__(self, limit: int, started: float, on_chunk: OnChunk | None) -> None:
        self._limit = limit
        self._started = started
        self._on_chunk = on_chunk
        self._heard = bytearray()
        self.cut = False

    @property
    def body(self) -> bytes:
        return bytes(self._heard)

    async def everything(self, reply: httpx.Response) -> None:
        # fact: some proxies in front of model servers compress whatever was asked for
        unpack = zlib.decompressobj(47) if reply.headers.get("content-encoding", "").lower() == "gzip" else None
        async for piece in reply.aiter_raw():
            if not self._takes(piece if unpack is None else unpack.decompress(piece, self._room() + 1)):
                return

    def _room(self) -> int:
        return self._limit - len(self._heard)

    def _takes(self, piece: bytes) -> bool:
        """Whether there is room for more; what is beyond the limit is neither kept nor told."""
        self.cut = len(piece) > self._room()
        piece = piece[: self._room()]
        self._heard += piece
        if piece and self._on_chunk is not None:
            self._on_chunk(piece, time.monotonic() - self._started)
        return not self.cut
