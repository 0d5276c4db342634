"""Asks the Engine: GET and nothing else, each call under one total deadline, every failure as a HostError.

Bound to no event loop and stateless but for the negotiated API version. May not send anything that changes the Engine:
there is no method here that could.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from .. import EngineFailed, EngineUnreachable, HostError
from . import reasons
from .address import Address
from .wire import Connection, CutShort, Head, NotHttp, connect

CONNECT = 1.0
TOTAL = 3.0
LIMIT = 16 << 20
OLDEST = (1, 24)
NEWEST = (1, 51)
"""Highest API version asked for; later ones drop fields that are read here. fact: moby API changes of 1.52."""
Query = Mapping[str, str | int]
LOST = (CutShort, ConnectionResetError, BrokenPipeError)
BAD_REQUEST = 400


class Client:
    """One Engine."""

    def __init__(self, address: Address, *, connect_timeout: float = CONNECT, total: float = TOTAL) -> None:
        self.address = address
        self._connect_timeout = connect_timeout
        self._total = total
        self._api: str | None = None

    async def api(self) -> str:
        """The API version to use, for example ``1.41``; agreed once, and anew after the Engine was lost."""
        with self._explained(self._total):
            async with asyncio.timeout(self._total):
                return await self._agreed()

    async def ping(self) -> None:
        """Return when the Engine answers: no version needed, nothing started on its side."""
        with self._explained(self._total):
            async with asyncio.timeout(self._total):
                head, body = await self._pinged()
                if "api-version" not in head.headers and body.strip() != b"OK":
                    raise self._stranger(body)

    async def get(
        self, path: str, *, total: float | None = None, versioned: bool = True, query: Query | None = None
    ) -> bytes:
        """The reply's bytes, proven to be JSON. ``path`` begins with a slash; the query is quoted here."""
        seconds = total or self._total
        with self._explained(seconds):
            async with asyncio.timeout(seconds):
                if versioned:
                    return await self._versioned(_with_query(path, query))
                return await self._asked(path)

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

    async def _agreed(self) -> str:
        if self._api is None:
            head, _ = await self._pinged()
            theirs = head.headers.get("api-version") or _api_version(await self._asked("/version"))
            self._api = self._agree(theirs)
        return self._api

    async def _pinged(self) -> tuple[Head, bytes]:
        head, body = await self._once("/_ping")
        if head.status >= BAD_REQUEST:
            raise self._refusal(head, body)
        return head, body

    def _agree(self, theirs: str) -> str:
        try:
            major, minor = (int(part) for part in theirs.split("."))
        except ValueError:
            raise EngineFailed(f"The Engine at {self.address.where} does not say which API it speaks") from None
        if (major, minor) < OLDEST:
            raise EngineFailed(
                f"The Engine at {self.address.where} is too old: it speaks API {major}.{minor}, 1.24 is needed",
                "update Docker to 1.12 or newer",
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
        head, body = await self._once(target)
        if head.status >= BAD_REQUEST:
            raise self._refusal(head, body)
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

    async def _send(self, target: str) -> tuple[Connection, Head]:
        try:
            async with asyncio.timeout(self._connect_timeout):
                connection = await connect(self.address)
        except TimeoutError as error:
            raise reasons.hung(self.address, self._connect_timeout) from error
        try:
            return connection, await connection.get(target, self.address.host or "docker")
        except BaseException:
            connection.close()
            raise

    async def _whole(self, connection: Connection, head: Head) -> bytes:
        body = bytearray()
        try:
            async for piece in connection.body(head):
                body += piece
                if len(body) > LIMIT:
                    raise EngineFailed(
                        f"The Engine at {self.address.where} sent more than {LIMIT >> 20} MiB in one reply"
                    )
        finally:
            connection.close()
        return bytes(body)

    @contextmanager
    def _explained(self, seconds: float) -> Iterator[None]:
        try:
            yield
        except EngineUnreachable:
            self._api = None
            raise
        except HostError:
            raise
        except LOST as error:
            self._api = None
            raise reasons.cut_short(self.address) from error
        except TimeoutError as error:
            self._api = None
            raise reasons.hung(self.address, seconds) from error
        except NotHttp as error:
            raise self._stranger(error.args[0]) from error
        except OSError as error:
            self._api = None
            raise reasons.unreachable(error, self.address) from error

    def _refusal(self, head: Head, body: bytes) -> HostError:
        return reasons.refused(head.status, _message(body), self.address)

    def _stranger(self, body: bytes) -> EngineFailed:
        return EngineFailed(
            f"What answers at {self.address.where} is not a Docker Engine: {_begins(body) or 'an empty reply'}",
            "is there a proxy in between? check the address",
        )


class _Message(Struct):
    message: str = ""


class _Version(Struct):
    ApiVersion: str = ""


def _api_version(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Version).ApiVersion
    except msgspec.MsgspecError:
        return ""


def _message(body: bytes) -> str:
    from ...text import clean_line

    try:
        return clean_line(msgspec.json.decode(body, type=_Message).message)
    except msgspec.MsgspecError:
        return _begins(body)


def _begins(body: bytes) -> str:
    from ...text import clean_line

    return clean_line(body[:400].decode("utf-8", "replace"), 80).strip()


def _with_query(path: str, query: Query | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path
