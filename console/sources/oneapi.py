"""What a One API says over HTTP: its process, the models of a key, and, for an administrator's token, its channels.

GET only; it never logs in, never tests a channel, never asks a model. Keys and tokens go into headers and nowhere else.
fact: fastgpt-stack 5: /api is limited to 240 requests per 3 minutes and address, /api/status does not touch MySQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from ..hosts import Http, HttpFailed, HttpReply
from ..model import Container, OneApiChannel
from ..stacks.addresses import shown
from ..stacks.gateways import environment
from ..text import clean_line

DEADLINE = 3.0
MODELS = 2000
"""Names kept of one list."""
PAGE, PAGES = 10, 20
"""Channels on one page, and pages read at most. fact: fastgpt-stack 5, newest first."""
INSIDE = 3000
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - what the Engine calls every address of the machine


class NotTold(Exception):
    """No usable answer; ``trouble`` in the words of the model, ``str(error)`` the sentence."""

    def __init__(self, trouble: str, sentence: str) -> None:
        super().__init__(sentence)
        self.trouble = trouble


class Status(Struct, frozen=True):
    """``data`` of /api/status, as far as it matters."""

    version: str | None = None
    start_time: float | None = None


class _StatusReply(Struct):
    success: bool
    data: Status


class _Model(Struct):
    id: str


class _Models(Struct):
    data: list[_Model]


class _Channel(Struct):
    id: int
    name: str | None = None
    status: int | None = None
    models: str | None = None
    group: str | None = None
    created_time: float | None = None
    base_url: str | None = None


class _Channels(Struct):
    success: bool
    message: str | None = None
    data: list[_Channel] | None = field(default=None)


def address_of(container: Container, *, local: bool) -> str | None:
    """Where to ask from here: the published port, else the container's own address; None when neither leads there."""
    if not local:
        return None
    port = environment(container).get("PORT", "")
    inside = int(port) if port.isdecimal() else INSIDE
    if container.network_mode == "host":
        return f"http://127.0.0.1:{inside}"
    published = [p for p in container.ports if p.container_port == inside and p.host_port]
    for one in sorted(published, key=lambda p: ":" in (p.host_ip or "")):
        host = "127.0.0.1" if (one.host_ip or "") in _EVERYWHERE else one.host_ip or ""
        return f"http://[{host}]:{one.host_port}" if ":" in host else f"http://{host}:{one.host_port}"
    own = next((link.address for link in container.networks if link.address), None)
    return f"http://{own}:{inside}" if own else None


async def status(http: Http, base: str) -> Status:
    """``GET /api/status``. Raises NotTold."""
    reply = await _get(http, f"{base}/api/status", {})
    told = _decoded(reply, _StatusReply)
    if not told.success:
        raise NotTold("unexpected", f"{base} answers, but not as One API does")
    version = clean_line(told.data.version, 60) if told.data.version else None
    return Status(version=version, start_time=told.data.start_time)


async def models(http: Http, base: str, key: str) -> tuple[str, ...]:
    """``GET /v1/models`` with FastGPT's key. Raises NotTold; ``wrong-key`` where the key is refused."""
    reply = await _get(http, f"{base}/v1/models", {"Authorization": f"Bearer {key}"})
    found = _decoded(reply, _Models).data[:MODELS]
    return tuple(dict.fromkeys(clean_line(one.id, 200) for one in found))


async def channels(http: Http, base: str, token: str) -> tuple[OneApiChannel, ...]:
    """``GET /api/channel/``, page after page, with an administrator's access token. Raises NotTold."""
    found: dict[int, OneApiChannel] = {}
    for page in range(PAGES):
        reply = await _get(http, f"{base}/api/channel/?p={page}", {"Authorization": token})
        told = _decoded(reply, _Channels)
        if not told.success:  # fact: a wrong access token is HTTP 200 with success false
            raise NotTold("wrong-key", f"{base} refuses the access token: {clean_line(told.message or '', 120)}")
        rows = told.data or []
        known = len(found)
        found |= {row.id: _channel(row) for row in rows}
        if len(rows) < PAGE or len(found) == known:
            break
    return tuple(found.values())


def _channel(row: _Channel) -> OneApiChannel:
    return OneApiChannel(
        id=row.id, name=clean_line(row.name or "", 80), status=row.status or 0, models=_names(row.models),
        groups=_names(row.group), created_at=row.created_time or None,
        base_url=shown(row.base_url) if row.base_url else None,
    )  # fmt: skip


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(clean_line(part.strip(), 200) for part in (text or "").split(",") if part.strip())


async def _get(http: Http, url: str, headers: Mapping[str, str]) -> HttpReply:
    try:
        reply = await http.get(url, headers=headers, deadline=DEADLINE)
    except HttpFailed as error:
        raise NotTold(error.trouble, str(error)) from error
    if reply.status in (401, 403):
        raise NotTold("wrong-key", f"{url.partition('?')[0]} refuses the key ({reply.status})")
    if reply.status == 429:
        raise NotTold("rate-limited", f"{url.partition('?')[0]} has had too many requests (429)")
    if reply.status != 200:
        raise NotTold("unexpected", f"{url.partition('?')[0]} answers with {reply.status}")
    return reply


def _decoded(reply: HttpReply, kind: type[Any]) -> Any:  # noqa: ANN401 - whatever kind is
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise NotTold("unexpected", f"{reply.url.partition('?')[0]} answers, but not as One API does") from None
