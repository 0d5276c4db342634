"""Asks the Engine: GET and nothing else, each call under one total deadline, every failure as a HostError.

Bound to no event loop and stateless but for the negotiated API version. May not send anything that changes the Engine:
there is no method here that could.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from ...text import N_
from .. import EngineFailed, EngineUnreachable, HostError
from ..engine_api import EngineRefusal, Version, decode
from . import reasons
from .docker_command import EngineAddress, Tls

PIECE = 65536
HEAD_LIMIT = 65536
QUEUE_WAIT = 0.05


class CutShort(Exception):
    """The reply ended before it was whole."""


class NotHttp(Exception):
    """What came is not an HTTP reply; the argument is how it begins."""


class Head(Struct, frozen=True):
    """Status line and headers of a reply; header names in lower case."""

    status: int
    headers: dict[str, str]


class EngineConnection:
    """One connection for one request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def get(self, path: str, host: str) -> Head:
        """Send the request and read the head of the reply."""
        rest = "User-Agent: stackops\r\nAccept: */*\r\nConnection: close"
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{rest}\r\n\r\n".encode("ascii"))
        await self._writer.drain()
        try:
            return _parse(await self._reader.readuntil(b"\r\n\r\n"))
        except asyncio.IncompleteReadError as error:
            if error.partial and not b"HTTP/".startswith(error.partial[:5]):
                raise NotHttp(error.partial[:400]) from error
            raise CutShort from error
        except asyncio.LimitOverrunError as error:
            raise NotHttp(await self._reader.read(400)) from error

    async def body(self, head: Head) -> AsyncIterator[bytes]:
        """The body, piece by piece, at most 64 KiB each; CutShort when it ends early."""
        if head.headers.get("transfer-encoding", "").lower() == "chunked":
            pieces = self._chunks()
        elif "content-length" in head.headers:
            pieces = self._exactly(_number(head.headers["content-length"], 10))
        else:
            pieces = self._rest()
        async for piece in pieces:
            yield piece

    def close(self) -> None:
        """Drop the connection at once; nothing is left to send."""
        self._writer.transport.abort()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            line = await self._line()
            size = _number(line.split(b";", 1)[0].decode("latin-1"), 16)
            if size == 0:
                return
            async for piece in self._exactly(size):
                yield piece
            await self._line()

    async def _line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\r\n")
        except asyncio.IncompleteReadError as error:
            raise CutShort from error
        except asyncio.LimitOverrunError as error:
            raise NotHttp(b"a chunk without a size") from error

    async def _exactly(self, size: int) -> AsyncIterator[bytes]:
        while size:
            piece = await self._reader.read(min(PIECE, size))
            if not piece:
                raise CutShort
            size -= len(piece)
            yield piece

    async def _rest(self) -> AsyncIterator[bytes]:
        while piece := await self._reader.read(PIECE):
            yield piece


async def connect(address: EngineAddress) -> EngineConnection:
    """Open a connection; raises OSError (TLS errors are OSErrors too)."""
    if address.socket:
        listening = await _unix_socket(address.socket)
        reader, writer = await asyncio.open_unix_connection(sock=listening, limit=HEAD_LIMIT)
    else:
        secure = _context(address.tls) if address.tls else None
        reader, writer = await asyncio.open_connection(
            address.host, address.port, ssl=secure, server_hostname=address.host if secure else None, limit=HEAD_LIMIT
        )
    return EngineConnection(reader, writer)


async def _unix_socket(path: str) -> socket.socket:
    """A connected socket; waits while the Engine's queue is full, which asyncio would take for a connection."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        while True:
            try:
                connection.connect(path)
                return connection
            except BlockingIOError:
                await asyncio.sleep(QUEUE_WAIT)
    except BaseException:
        connection.close()
        raise


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.cert and tls.key:
        context.load_cert_chain(tls.cert, tls.key)
    if not tls.verify:  # the operator's own docker context says so
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _parse(block: bytes) -> Head:
    first, *lines = block[:-4].decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
        raise NotHttp(block[:400])
    pairs = (line.partition(":") for line in lines)
    return Head(int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs})


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError as error:
        raise NotHttp(text.encode("latin-1", "replace")[:400]) from error
    if number < 0:
        raise NotHttp(text.encode("latin-1", "replace"))
    return number


CONNECT, TOTAL = 1.0, 3.0
"""Seconds for a connection over a network, and for a whole reply, the connection of a local socket included."""
LATE, TRIES = 0.2, 3
"""Seconds behind its time after which an alarm proves nothing, and how often such a request is made at most."""
Asked = TypeVar("Asked")
LIMIT = 16 << 20
OLDEST = (1, 24)
NEWEST = (1, 51)
"""Highest API version asked for; later ones drop fields that are read here. fact: moby API changes of 1.52."""
Query = Mapping[str, str | int]
LOST = (CutShort, ConnectionResetError, BrokenPipeError)
BAD_REQUEST = 400


class EngineClient:
    """One Engine."""

    def __init__(self, address: EngineAddress, *, connect_timeout: float = CONNECT, total: float = TOTAL) -> None:
        self.address = address
        self._connect_timeout = connect_timeout
        self._total = total
        self._api: str | None = None

    async def api(self) -> str:
        """The API version to use, for example ``1.41``; agreed once, and anew after the Engine was lost."""
        return await self._within(self._total, self._agreed)

    async def ping(self) -> None:
        """Return when the Engine answers: no version needed, nothing started on its side."""
        head, body = await self._within(self._total, partial(self._accepted, "/_ping"))
        if "api-version" not in head.headers and body.strip() != b"OK":
            raise self._stranger(body)

    async def get(
        self, path: str, *, total: float | None = None, versioned: bool = True, query: Query | None = None
    ) -> bytes:
        """The reply's bytes, proven to be JSON. ``path`` begins with a slash; the query is quoted here."""
        ask = partial(self._versioned, _with_query(path, query)) if versioned else partial(self._asked, path)
        return await self._within(total or self._total, ask)

    @asynccontextmanager
    async def open(
        self, path: str, *, first: float | None = None, query: Query | None = None
    ) -> AsyncIterator[tuple[Head, AsyncIterator[bytes]]]:
        """Head and body of a reply that may never end. Only the head has a deadline; leaving closes the connection."""
        seconds = first or self._total
        with self._explained(seconds):
            async with asyncio.timeout(seconds):
                connection, head = await self._send(f"/v{await self._agreed()}{_with_query(path, query)}")
                if head.status >= BAD_REQUEST:
                    raise self._refusal(head, await self._whole(connection, head))
            try:
                yield head, connection.body(head)
            finally:
                connection.close()

    async def _within(self, seconds: float, ask: Callable[[], Awaitable[Asked]], tries: int = TRIES) -> Asked:
        """What is asked for, or that the Engine is silent; asked anew where it was this program that stood still.

        An alarm that goes off long after its time tells of a machine that is too busy to run us, not of the Engine.
        """
        alarm = asyncio.get_running_loop().time() + seconds
        with self._explained(seconds):
            try:
                async with asyncio.timeout_at(alarm):
                    return await ask()
            except TimeoutError:
                if tries == 1 or asyncio.get_running_loop().time() < alarm + LATE:
                    raise
        return await self._within(seconds, ask, tries - 1)

    async def _agreed(self) -> str:
        if self._api is None:
            head, _ = await self._accepted("/_ping")
            theirs = head.headers.get("api-version") or _api_version(await self._asked("/version"))
            self._api = self._agree(theirs)
        return self._api

    async def _accepted(self, target: str) -> tuple[Head, bytes]:
        head, body = await self._once(target)
        if head.status >= BAD_REQUEST:
            raise self._refusal(head, body)
        return head, body

    def _agree(self, theirs: str) -> str:
        try:
            major, minor = (int(part) for part in theirs.split("."))
        except ValueError:
            raise EngineFailed(N_(f"The Engine at {self.address.where} does not say which API it speaks")) from None
        if (major, minor) < OLDEST:
            raise EngineFailed(
                N_(f"The Engine at {self.address.where} is too old: it speaks API {major}.{minor}, 1.24 is needed"),
                N_("update Docker to 1.12 or newer"),
            )
        return "{}.{}".format(*min((major, minor), NEWEST))

    async def _versioned(self, target: str) -> bytes:
        try:
            return await self._asked(f"/v{await self._agreed()}{target}")
        except EngineFailed as error:
            if error.status != BAD_REQUEST or "client version" not in str(error):
                raise
        self._api = None  # not the Engine that was agreed with: it was up- or downgraded meanwhile
        return await self._asked(f"/v{await self._agreed()}{target}")

    async def _asked(self, target: str) -> bytes:
        _, body = await self._accepted(target)
        try:
            msgspec.json.decode(body, type=msgspec.Raw)
        except msgspec.MsgspecError as error:
            raise self._stranger(body) from error
        return body

    async def _once(self, target: str) -> tuple[Head, bytes]:
        """One whole reply; asked a second time when the first was cut short."""
        try:
            return await self._exchange(target)
        except LOST:
            return await self._exchange(target)

    async def _exchange(self, target: str) -> tuple[Head, bytes]:
        connection, head = await self._send(target)
        return head, await self._whole(connection, head)

    async def _send(self, target: str) -> tuple[EngineConnection, Head]:
        try:
            async with asyncio.timeout(None if self.address.socket else self._connect_timeout):
                connection = await connect(self.address)
        except TimeoutError as error:
            raise reasons.hung(self.address, self._connect_timeout) from error
        try:
            return connection, await connection.get(target, self.address.host or "docker")
        except BaseException:
            connection.close()
            raise

    async def _whole(self, connection: EngineConnection, head: Head) -> bytes:
        body, where = bytearray(), self.address.where
        try:
            async for piece in connection.body(head):
                body += piece
                if len(body) > LIMIT:
                    raise EngineFailed(N_(f"The Engine at {where} sent more than {LIMIT >> 20} MiB in one reply"))
        finally:
            connection.close()
        return bytes(body)

    @contextmanager
    def _explained(self, seconds: float) -> Iterator[None]:
        try:
            yield
        except HostError as error:
            self._api = None if isinstance(error, EngineUnreachable) else self._api
            raise
        except NotHttp as error:
            raise self._stranger(error.args[0]) from error
        except (CutShort, OSError) as error:
            self._api = None
            if isinstance(error, LOST):
                raise reasons.cut_short(self.address) from error
            if isinstance(error, TimeoutError):
                raise reasons.hung(self.address, seconds) from error
            raise reasons.unreachable(error, self.address) from error

    def _refusal(self, head: Head, body: bytes) -> HostError:
        return reasons.refused(head.status, _message(body), self.address)

    def _stranger(self, body: bytes) -> EngineFailed:
        return EngineFailed(
            N_(f"What answers at {self.address.where} is not a Docker Engine: {_begins(body) or 'an empty reply'}"),
            N_("is there a proxy in between? check the address"),
        )


def _api_version(body: bytes) -> str:
    try:
        return decode(body, Version, "/version").api_version or ""
    except EngineFailed:
        return ""


def _message(body: bytes) -> str:
    from ...text.cleaning import clean_line

    try:
        return clean_line(decode(body, EngineRefusal, "what it refuses").message or "")
    except EngineFailed:
        return _begins(body)


def _begins(body: bytes) -> str:
    from ...text.cleaning import clean_line

    return clean_line(body[:400].decode("utf-8", "replace"), 80).strip()


def _with_query(path: str, query: Query | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


# ruff: noqa: ARG002


class ClosedClient:
    """Has the client's doors, all of them closed for the same reason."""

    def __init__(self, url: str, reason: HostError) -> None:
        self.address = EngineAddress(url)
        self._reason = reason

    async def ping(self) -> None:
        """Raises the reason."""
        raise self.reason()

    async def api(self) -> str:
        """Raises the reason."""
        raise self.reason()

    async def get(self, path: str, **_: object) -> bytes:
        """Raises the reason."""
        raise self.reason()

    def open(self, path: str, **_: object) -> AbstractAsyncContextManager[tuple[Head, AsyncIterator[bytes]]]:
        """Raises the reason."""
        raise self.reason()

    def reason(self) -> HostError:
        """The reason, as a new exception each time."""
        return type(self._reason)(str(self._reason), self._reason.remedy)
