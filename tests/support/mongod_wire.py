"""MongoDB's wire protocol as a server speaks it: OP_MSG for everything, OP_QUERY for old handshakes. Frames only.

fact: mongo-docker-db 6.3; PyMongo 4.18 and later shake hands in OP_MSG, older drivers with OP_QUERY on admin.$cmd.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Any

import bson

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HEADER = struct.Struct("<iiii")
MORE_TO_COME = 2
LARGEST = 48_000_000
_SAID = b"It looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n"
HTTP = b"HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_SAID), _SAID)
"""fact: mongo src/mongo/transport, what it says to HTTP on its own port"""


@dataclass(frozen=True)
class Request:
    """One command as it came."""

    id: int
    opcode: int
    document: dict[str, Any]
    silent: bool
    """The client wants no answer (moreToCome)."""

    @property
    def name(self) -> str:
        return next(iter(self.document), "")


class NotMongo(Exception):
    """Bytes that are no frame; what a mongod says to them before it closes the connection."""

    def __init__(self, why: str, answer: bytes = b"") -> None:
        super().__init__(why)
        self.answer = answer


async def read(reader: asyncio.StreamReader) -> Request:
    """The next command. Raises NotMongo, or IncompleteReadError at the end."""
    first = await reader.readexactly(4)
    if first == b"GET ":
        raise NotMongo("HTTP", HTTP)
    length = int.from_bytes(first, "little")
    if not HEADER.size < length <= LARGEST:  # fact: mongod looks at the length before it waits for more
        raise NotMongo(f"length {length}")
    _, ident, _, opcode = HEADER.unpack(first + await reader.readexactly(HEADER.size - 4))
    if opcode not in (OP_QUERY, OP_MSG):
        raise NotMongo(f"opcode {opcode}, length {length}")
    body = await reader.readexactly(length - HEADER.size)
    if opcode == OP_QUERY:
        return _query(ident, body)
    flags = struct.unpack_from("<I", body)[0]
    document: dict[str, Any] = {}
    at, end = 4, len(body) - (4 if flags & 1 else 0)
    while at < end:
        kind, at = body[at], at + 1
        size = struct.unpack_from("<i", body, at)[0]
        if kind == 0:
            document = bson.decode(body[at : at + size])
        at += size  # sequences (kind 1) carry rows of inserts, which nobody sends here
    return Request(ident, OP_MSG, document, bool(flags & MORE_TO_COME))


def _query(ident: int, body: bytes) -> Request:
    """flags, namespace as a C string, skip, limit, the document."""
    end = body.index(b"\0", 4)
    at = end + 9
    size = struct.unpack_from("<i", body, at)[0]
    document = bson.decode(body[at : at + size])
    return Request(ident, OP_QUERY, document, False)


def reply(request: Request, document: dict[str, Any]) -> bytes:
    """The frame that answers a request, in its own opcode's way."""
    content = bson.encode(document)
    if request.opcode == OP_QUERY:
        body, opcode = struct.pack("<iqii", 8, 0, 0, 1) + content, OP_REPLY
    else:
        body, opcode = struct.pack("<IB", 0, 0) + content, OP_MSG
    return HEADER.pack(HEADER.size + len(body), request.id + 1, request.id, opcode) + body


def message(ident: int, document: dict[str, Any]) -> bytes:
    """The frame that asks."""
    body = struct.pack("<IB", 0, 0) + bson.encode(document)
    return HEADER.pack(HEADER.size + len(body), ident, 0, OP_MSG) + body
