"""What each One API says over HTTP, read gently: the process every few seconds, models and channels once a minute.

What was heard is remembered per host and life of the container, so that the many looks of a fix being verified ask no
more often than one look does. It never logs in.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from msgspec.structs import replace

from ..hosts import Clock, Host, Http
from ..model import Container, Fault, OneApiState
from ..settings import Settings
from ..sources import oneapi
from ..stacks.gateways import Gateway, environment, gateway_of, leads_to
from ..stacks.services import role_of_container
from ..stacks.versions import version_of
from .board import Board
from .cadence import Cadence
from .remembered import PerHost
from .rounds import Rounds

PENALTY = 180.0
"""Seconds nothing is asked after a 429. fact: fastgpt-stack 5, the limit counts over three minutes."""
REFUSED = 1200.0
"""Seconds after which a refused access token is tried again."""


@dataclass
class _Known:
    """What was heard of one life of one container."""

    life: float | None
    state: OneApiState
    asked_at: float = -1e9
    listed_at: float = -1e9
    channels_at: float = -1e9
    quiet_until: float = -1e9
    fault: Fault | None = None
    """What the access token was refused with."""


_Memory = dict[str, _Known]
_MEMORIES: PerHost[_Memory] = PerHost(dict)


def memory_of(host: Host) -> _Memory:
    """What is remembered of a host's One APIs."""
    return _MEMORIES.of(host)


class OneApis:
    """The part ``oneapis``."""

    def __init__(self, http: Http, host: Host, board: Board, cadence: Cadence, settings: Settings) -> None:
        self._http = http
        self._local = host.engine is not None and host.engine.local
        self._clock: Clock = host.clock
        self._board = board
        self._cadence = cadence
        self._token_variable = settings.oneapi.access_token_env
        self._memory = memory_of(host)
        rounds = Rounds(self.read, lambda: cadence.oneapi, lambda: {c.id: _life(c) for c in self._wanted()})
        self.request, self.containers_changed, self.watch = rounds.request, rounds.containers_changed, rounds.watch

    async def read(self) -> None:
        """One round over all One APIs, each within its deadlines."""
        wanted = self._wanted()
        for gone in set(self._memory) - {container.id for container in wanted}:
            self._memory.pop(gone, None)
        if not wanted and not self._board.parts.oneapis:
            return
        with self._board.catch("oneapi"):
            token, faults = self._token(wanted)
            states = await asyncio.gather(*(self._ask(container, token) for container in wanted))
            refused = tuple(fault for _, fault in states if fault is not None)
            self._board.good("oneapi", (*faults, *refused), oneapis=tuple(state for state, _ in states))

    def _wanted(self) -> list[Container]:
        return [c for c in self._board.parts.containers if c.detailed and role_of_container(c) == "oneapi"]

    def _token(self, wanted: list[Container]) -> tuple[str | None, tuple[Fault, ...]]:
        """The administrator's token, only where it is clear whose it is: it must not be shown to another One API."""
        from ..text import SECRETS

        name = self._token_variable
        if name is None or not wanted:
            return None, ()
        token = os.environ.get(name)
        if not token:
            return None, (Fault("oneapi", f"The environment variable {name}, named in the settings, is not set"),)
        SECRETS.learn("ACCESS_TOKEN", token)
        if len(wanted) > 1:
            why = f"There are {len(wanted)} One APIs here, so the access token is shown to none of them"
            return None, (Fault("oneapi", why, "name the one it belongs to with --project"),)
        return token, ()

    async def _ask(self, container: Container, token: str | None) -> tuple[OneApiState, Fault | None]:
        known = self._memory.get(container.id)
        if known is None or known.life != _life(container):
            known = self._memory[container.id] = _Known(_life(container), OneApiState(container.id))
        now = self._clock.monotonic()
        if container.state != "running":
            known.state = OneApiState(container.id, trouble="not-running", sentence="It is not running")
            return known.state, None
        if now < known.quiet_until or now - known.asked_at < self._cadence.oneapi / 2:
            return known.state, known.fault
        known.asked_at = now
        await self._asked(known, container, token, now)
        return known.state, known.fault

    async def _asked(self, known: _Known, container: Container, token: str | None, now: float) -> None:
        base = oneapi.address_of(container, local=self._local)
        if base is None:
            why = "No address of it can be reached from here"
            known.state = OneApiState(container.id, trouble="no-address", sentence=why)
            return
        try:
            told = await oneapi.status(self._http, base)
        except oneapi.NotTold as error:
            if error.trouble == "rate-limited":
                known.quiet_until = now + PENALTY
            known.state = replace(known.state, address=base, trouble=error.trouble, sentence=str(error))
            return
        known.state = replace(
            known.state, address=base, trouble=None, sentence=None, start_time=told.start_time, version=told.version
        )
        await self._list_models(known, container, base, now)
        await self._list_channels(known, base, token, now)

    async def _list_models(self, known: _Known, container: Container, base: str, now: float) -> None:
        if now - known.listed_at < self._cadence.oneapi_models:
            return
        found = self._client(container)
        if found is None:
            known.state = replace(known.state, client=None, models=None, models_trouble="no-key")
            return
        known.listed_at = now
        client, gateway = found
        try:
            models = await oneapi.models(self._http, base, gateway.key or "")
            known.state = replace(known.state, client=client.id, models=models, models_trouble=None)
        except oneapi.NotTold as error:
            known.state = replace(known.state, client=client.id, models=None, models_trouble=error.trouble)

    def _client(self, target: Container) -> tuple[Container, Gateway] | None:
        """A FastGPT that sends its requests to this One API, and its key."""
        for container in self._board.parts.containers:
            if not container.detailed or role_of_container(container) != "fastgpt":
                continue
            gateway = gateway_of(environment(container), version_of("fastgpt", container.image))
            if gateway is not None and gateway.key and leads_to(gateway.url, container, target):
                return container, gateway
        return None

    async def _list_channels(self, known: _Known, base: str, token: str | None, now: float) -> None:
        if token is None or now - known.channels_at < self._cadence.oneapi_models:
            return
        known.channels_at, known.fault = now, None
        try:
            known.state = replace(known.state, channels=await oneapi.channels(self._http, base, token))
        except oneapi.NotTold as error:
            known.state = replace(known.state, channels=None)
            if error.trouble == "wrong-key":
                known.channels_at = now + REFUSED
                known.fault = Fault("oneapi", str(error), f"give a valid access token in {self._token_variable}")


def _life(container: Container) -> float | None:
    return container.started_at
