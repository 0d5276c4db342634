"""The one POST there is: what the operator asked for and nobody else, such as one request to a model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from .. import HttpFailed, HttpReply
from .http import _explain, _where

LIMIT = 1 << 20


def post(url: str, headers: Mapping[str, str], body: bytes, deadline: float) -> HttpReply:
    """Send it, follow no redirect, read at most 1 MiB of the answer. Raises HttpFailed; called in a worker thread."""
    return asyncio.run(_bounded(url, dict(headers), body, deadline))


async def _bounded(url: str, headers: dict[str, str], body: bytes, deadline: float) -> HttpReply:
    import httpx

    started = time.monotonic()
    try:
        async with asyncio.timeout(deadline):
            reply = await _sent(url, headers, body, deadline)
    except TimeoutError:
        raise HttpFailed("timeout", f"{_where(url)} did not answer within {deadline:g} s") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise HttpFailed("address", f"{_where(url)} is no address that can be asked") from error
    except (httpx.HTTPError, OSError, ValueError) as error:
        _explain(error, url)
    return HttpReply(
        reply.status, url, reply.headers, reply.body, cut=reply.cut, seconds=round(time.monotonic() - started, 3)
    )


async def _sent(url: str, headers: dict[str, str], body: bytes, deadline: float) -> HttpReply:
    import httpx

    async with (
        httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=deadline) as client,
        client.stream("POST", url, content=body, headers=headers) as reply,
    ):
        found = bytearray()
        async for piece in reply.aiter_bytes(65536):
            found += piece
            if len(found) > LIMIT:
                break
        told = {name.lower(): value for name, value in reply.headers.items()}
        return HttpReply(reply.status_code, url, told, bytes(found[:LIMIT]), cut=len(found) > LIMIT)
