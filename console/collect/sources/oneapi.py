"""What each One API says over HTTP, read gently: the process every few seconds, models and channels once a minute.

An AI Proxy is asked nothing here: its channels are what the source of databases has read. So are a One API's channels
where there is no access token, and its tokens.

What was heard is remembered for the life of the container, so that the many looks of a fix being verified ask no
more often than one look does. It never logs in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from ...hosts import Host, Http, HttpFailed, HttpReply
from ...model import Container, DatabaseState, Fault, KeyAnswer, OneApiChannel, OneApiState
from ...products.addresses import place, reached, shown
from ...products.gateways import Gateway, environment, gateway_of, leads_to
from ...products.services import role_of_container
from ...products.versions import version_of
from ...text import _
from ...text.cleaning import clean_line
from ..board import NewParts
from ..joining import with_database
from ..source import Site, Source

DEADLINE = 3.0
MODELS = 2000
"""Names kept of one list."""
PAGE, PAGES = 10, 20
"""Channels on one page, and pages read at most. fact: One API lists the newest first."""
CLIENTS = 4
"""FastGPTs whose keys are tried at one One API."""
INSIDE = 3000
OF_ITS_OWN = "INITIAL_ROOT_ACCESS_TOKEN"
"""fact: songquanpeng/one-api model/user.go, from v0.6.8 on: the first user has it, where it was made with it."""


class NotTold(Exception):
    """No usable answer; ``trouble`` in the words of the model, ``str(error)`` the sentence."""

    def __init__(self, trouble: str, sentence: str, said: str | None = None) -> None:
        super().__init__(sentence)
        self.trouble = trouble
        self.said = said
        """The gateway's own words where it refuses a key."""


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


class _Error(Struct):
    message: str


class _Refusal(Struct):
    error: _Error


class _Channel(Struct):
    id: int
    name: str | None = None
    status: int | None = None
    models: str | None = None
    group: str | None = None
    created_time: float | None = None
    base_url: str | None = None
    type: int | None = None
    priority: int | None = None
    model_mapping: str | None = None
    test_time: float | None = None
    response_time: float | None = None
    balance: float | None = None
    balance_updated_time: float | None = None


class _Channels(Struct):
    success: bool
    message: str | None = None
    data: list[_Channel] | None = field(default=None)


def address_of(container: Container, *, local: bool) -> str | None:
    """Where to ask from here: the published port, else the container's own address; None when neither leads there."""
    port = environment(container).get("PORT", "")
    at = reached(container, int(port) if port.isdecimal() else INSIDE, (), local=local)
    return f"http://{place(*at)}" if at else None


async def status(http: Http, base: str) -> Status:
    """``GET /api/status``. Raises NotTold."""
    reply = await _get(http, f"{base}/api/status", {})
    told = _decoded(reply, _StatusReply)
    if not told.success:
        raise NotTold("unexpected", _("{base} answers, but not as One API does", base=base))
    version = clean_line(told.data.version, 60) if told.data.version else None
    return Status(version=version, start_time=told.data.start_time)


async def read_models(http: Http, base: str, key: str) -> tuple[str, ...]:
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
            raise NotTold(
                "wrong-key",
                _("{base} refuses the access token: {message}", base=base, message=clean_line(told.message or "", 120)),
            )
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
        base_url=shown(row.base_url) if row.base_url else None, type=row.type, priority=row.priority or 0,
        mapping=mapping_of(row.model_mapping), tested_at=row.test_time or None,
        test_seconds=row.response_time / 1000 if row.response_time else None,
        balance=row.balance if row.balance_updated_time else None, balance_at=row.balance_updated_time or None,
    )  # fmt: skip


def mapping_of(text: str | None) -> tuple[tuple[str, str], ...]:
    """A channel's ``model_mapping``, a JSON object as text; nothing for what is none."""
    try:
        told = msgspec.json.decode(text or "{}", type=dict[str, str])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError):
        return ()
    return tuple((clean_line(name, 200), clean_line(other, 200)) for name, other in told.items())[:MODELS]


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(clean_line(part.strip(), 200) for part in (text or "").split(",") if part.strip())


async def _get(http: Http, url: str, headers: Mapping[str, str]) -> HttpReply:
    try:
        reply = await http.get(url, headers=headers, deadline=DEADLINE)
    except HttpFailed as error:
        raise NotTold(error.trouble, str(error)) from error
    if reply.status in (401, 403):
        raise NotTold(
            "wrong-key",
            _("{url} refuses the key ({status})", url=url.partition("?")[0], status=reply.status),
            _said(reply.body),
        )
    if reply.status == 429:
        raise NotTold("rate-limited", _("{url} has had too many requests (429)", url=url.partition("?")[0]))
    if reply.status != 200:
        raise NotTold("unexpected", _("{url} answers with {status}", url=url.partition("?")[0], status=reply.status))
    return reply


def _said(body: bytes) -> str | None:
    """Why a key is refused, without the number of the request; None where it is not told as One API tells it."""
    try:
        told = msgspec.json.decode(body, type=_Refusal).error.message
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return None
    return clean_line(told.partition(" (request id:")[0], 120) or None


def _decoded(reply: HttpReply, kind: type[Any]) -> Any:  # noqa: ANN401 - whatever kind is
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise NotTold(
            "unexpected", _("{url} answers, but not as One API does", url=reply.url.partition("?")[0])
        ) from None


PENALTY = 180.0
"""Seconds nothing is asked after a 429. fact: One API's GLOBAL_API_RATE_LIMIT counts over three minutes."""
REFUSED = 1200.0
"""Seconds after which a refused access token is tried again."""


@dataclass
class _Known:
    """What was heard of one life of one container."""

    life: float | None
    state: OneApiState
    asked_at: float = -1e9
    listed_at: float = -1e9
    listed_for: tuple[tuple[str, str | None], ...] = ()
    """By which clients and keys the models were asked for."""
    channels_at: float = -1e9
    quiet_until: float = -1e9
    fault: Fault | None = None
    """What the access token was refused with."""


class OneApis(Source):
    """What each One API says."""

    name = "oneapi"
    gives = ("oneapis",)
    every = "oneapi"
    wakes_on = ("containers", "databases")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._token_variable = site.settings.oneapi.access_token_env
        self._memory: dict[str, _Known] = {}

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Where web addresses can be asked."""
        return host.engine is not None and host.http is not None

    def of_interest(self) -> object:
        """One came, went or was started again, or what a database says is new."""
        told = {one.container: (one.channels, one.tokens, one.channels_trouble) for one in self._states()}
        return {c.id: _life(c) for c in self._wanted()}, told

    async def read(self) -> NewParts | None:
        """One round over all One APIs, each within its deadlines."""
        wanted = self._wanted()
        self._memory = {ident: known for ident, known in self._memory.items() if ident in {c.id for c in wanted}}
        if not wanted and not self.parts.oneapis and not tuple(self._states()):
            return None
        token, faults = self._token(wanted)
        told = await asyncio.gather(*(self._ask(container, token) for container in wanted))
        refused = tuple(fault for fault in told if fault is not None)
        return NewParts({"oneapis": tuple(self._states())}, (*faults, *refused), read=(self.name,))

    async def again(self) -> NewParts | None:
        """With what databases told meanwhile; nobody is asked once more, and what was wrong stays so."""
        self.site.board.put(oneapis=tuple(self._states()))
        return None

    def _states(self) -> Iterator[OneApiState]:
        """What was heard of each One API, and what its database says; of an AI Proxy that alone, once it was asked."""
        told = {one.owner: one for one in self.parts.databases if one.variable == "SQL_DSN"}
        known = (self._memory.get(container.id) for container in self._wanted())
        yield from (with_database(one.state, told.get(one.state.container)) for one in known if one is not None)
        proxies = (c for c in self.parts.containers if c.detailed and role_of_container(c) == "aiproxy")
        yield from (_of_database(told[proxy.id]) for proxy in proxies if proxy.id in told)

    @property
    def _http(self) -> Http:
        if self.host.http is None:
            raise HttpFailed("unreachable", _("No web address can be asked from here"))
        return self.host.http

    def _wanted(self) -> list[Container]:
        return [c for c in self.parts.containers if c.detailed and role_of_container(c) == "oneapi"]

    def _token(self, wanted: list[Container]) -> tuple[str | None, tuple[Fault, ...]]:
        """The administrator's token, only where it is clear whose it is: it must not be shown to another One API."""
        from ...text.cleaning import SECRETS

        name = self._token_variable
        if name is None or not wanted:
            return None, ()
        token = os.environ.get(name)
        if not token:
            sentence = _("The environment variable {name}, named in the settings, is not set", name=name)
            return None, (Fault("oneapi", sentence, hides=False),)
        SECRETS.learn("ACCESS_TOKEN", token)
        if len(wanted) > 1:
            why = _(
                "There are {wanted} One APIs here, so the access token is shown to none of them", wanted=len(wanted)
            )
            return None, (Fault("oneapi", why, _("name the one it belongs to with --project"), hides=False),)
        return token, ()

    async def _ask(self, container: Container, token: str | None) -> Fault | None:
        known = self._memory.get(container.id)
        if known is None or known.life != _life(container):
            known = self._memory[container.id] = _Known(_life(container), OneApiState(container.id))
        now = self.host.clock.monotonic()
        if container.state != "running":
            known.state = OneApiState(container.id, trouble="not-running", sentence=_("It is not running"))
            return None
        if now < known.quiet_until or now - known.asked_at < self.cadence.oneapi / 2:
            return known.fault
        known.asked_at = now
        await self._asked(known, container, token, now)
        return known.fault

    async def _asked(self, known: _Known, container: Container, token: str | None, now: float) -> None:
        base = address_of(container, local=self.site.local)
        if base is None:
            why = _("No address of it can be reached from here")
            known.state = OneApiState(container.id, trouble="no-address", sentence=why)
            return
        try:
            told = await status(self._http, base)
        except NotTold as error:
            if error.trouble == "rate-limited":
                known.quiet_until = now + PENALTY
            known.state = replace(known.state, address=base, trouble=error.trouble, sentence=str(error))
            return
        known.state = replace(
            known.state, address=base, trouble=None, sentence=None, start_time=told.start_time, version=told.version
        )
        await self._list_models(known, container, base, now)
        await self._list_channels(known, base, token, environment(container).get(OF_ITS_OWN), now)

    async def _list_models(self, known: _Known, container: Container, base: str, now: float) -> None:
        """With the key of each FastGPT that comes here; at once where one has another key than before."""
        clients = tuple(self._clients(container))[:CLIENTS]
        asked = tuple((client.id, gateway.key) for client, gateway in clients)
        if now - known.listed_at < self.cadence.oneapi_models and asked == known.listed_for:
            return
        known.listed_for = asked
        if not clients:
            known.state = replace(known.state, client=None, models=None, models_trouble="no-key", keys=())
            return
        known.listed_at = now
        answers = [await self._answer(client, gateway, base) for client, gateway in clients]
        (told, models), keys = answers[0], tuple(answer for answer, _ in answers)
        known.state = replace(
            known.state, client=told.client, models=models, models_trouble=told.trouble, keys=keys
        )  # fmt: skip

    async def _answer(
        self, client: Container, gateway: Gateway, base: str
    ) -> tuple[KeyAnswer, tuple[str, ...] | None]:  # fmt: skip
        variable = gateway.key_variable or ""
        try:
            models = await read_models(self._http, base, gateway.key or "")
        except NotTold as error:
            return KeyAnswer(client.id, variable, error.trouble, error.said), None
        return KeyAnswer(client.id, variable), models

    def _clients(self, target: Container) -> Iterator[tuple[Container, Gateway]]:
        """Each FastGPT that sends its requests to this One API, and its key."""
        for container in self.parts.containers:
            if not container.detailed or role_of_container(container) != "fastgpt":
                continue
            gateway = gateway_of(environment(container), version_of("fastgpt", container.image))
            if gateway is not None and gateway.key and leads_to(gateway.url, container, target):
                yield container, gateway

    async def _list_channels(
        self, known: _Known, base: str, told: str | None, own: str | None, now: float
    ) -> None:  # fmt: skip
        """With the token that the operator gave, else with its own, of which nobody says that it still counts."""
        token = told or own
        if not token or now - known.channels_at < self.cadence.oneapi_models:
            return
        known.channels_at, known.fault = now, None
        try:
            known.state = replace(known.state, channels=await channels(self._http, base, token), channels_from="api")
        except NotTold as error:
            known.state = replace(known.state, channels=None, channels_from=None)
            if error.trouble == "wrong-key":
                known.channels_at = now + REFUSED
                remedy = _("give a valid access token in {token_variable}", token_variable=self._token_variable)
                known.fault = Fault("oneapi", str(error), remedy, hides=False) if told else None


def _of_database(told: DatabaseState) -> OneApiState:
    state = with_database(OneApiState(told.owner), told)
    return replace(state, trouble="database", sentence=state.channels_trouble) if state.channels is None else state


def _life(container: Container) -> float | None:
    return container.started_at
