"""HTTP/1.1 over a stream, as much of it as the Engine speaks: one request, one reply, content-length or chunked.

May not know what the replies mean, nor how long they may take; the caller holds the deadline.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator

from msgspec import Struct

from .address import Address, Tls

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


class Connection:
    """One connection for one request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def get(self, path: str, host: str) -> Head:
        """Send the request and read the head of the reply."""
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: stackops\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        self._writer.write(request.encode("ascii"))
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


async def connect(address: Address) -> Connection:
    """Open a connection; raises OSError (TLS errors are OSErrors too)."""
    if address.socket:
        listening = await _unix_socket(address.socket)
        reader, writer = await asyncio.open_unix_connection(sock=listening, limit=HEAD_LIMIT)
    else:
        secure = _context(address.tls) if address.tls else None
        reader, writer = await asyncio.open_connection(
            address.host, address.port, ssl=secure, server_hostname=address.host if secure else None, limit=HEAD_LIMIT
        )
    return Connection(reader, writer)


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
