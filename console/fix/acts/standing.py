"""Where a container stands right now, asked of the Engine itself at the moment of a step. Reads only.

Steps run in worker threads, so the Engine's asynchronous reads get a short-lived event loop of their own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from ...compose.definition import Image, InspectedDefinition
from ...compose.places import CONFIG_FILES, ENV_FILES, listed
from ...hosts import Engine, EngineUnreachable, Host, HostError, NotFound
from ...hosts.call import run
from .base import StepFailed

LYING = ("created", "exited", "dead")
"""States, in the Engine's words, of a container that nothing but a start brings up."""
_DEADLINE = 10.0
_LABEL = "com.docker.compose."
_T = TypeVar("_T")


class Standing(Struct, frozen=True):
    """One container at one moment."""

    id: str
    name: str
    state: str
    """``running``, ``exited``, ``restarting``, ... in the Engine's words."""
    started_at: str | None = None
    """The Engine's own text; only ever compared for equality."""
    config_files: tuple[str, ...] = ()
    """The compose files it was made with, absolute, in order. fact: label com.docker.compose.project.config_files"""
    env_files: tuple[str, ...] = ()
    """What ``--env-file`` named then. fact: label com.docker.compose.project.environment_file"""


class _Listed(Struct, rename="pascal"):
    id: str
    names: list[str] | None = None
    state: str = "unknown"
    labels: dict[str, str] | None = None


class _State(Struct, rename="pascal"):
    status: str = "unknown"
    started_at: str | None = None


class _Config(Struct, rename="pascal"):
    labels: dict[str, str] | None = None
    env: list[str] | None = None


class _Inspected(Struct, rename="pascal"):
    id: str
    name: str = ""
    state: _State = field(default_factory=_State)
    config: _Config = field(default_factory=_Config)


def of_service(host: Host, project: str, service: str) -> tuple[Standing, ...]:
    """The containers of a compose service, one-off runs left out. Raises HostError when the Engine does not tell."""
    rows = _decoded(asked(host, lambda engine: engine.containers()), list[_Listed])
    return tuple(_listed(row) for row in rows if _belongs(row.labels or {}, project, service))


def of_container(host: Host, container: str) -> Standing | None:
    """One container by id or name; None when it is gone. Raises HostError when the Engine does not tell."""
    try:
        row = _decoded(asked(host, lambda engine: engine.inspect(container)), _Inspected)
    except NotFound:
        return None
    labels = row.config.labels or {}
    made = listed(labels, CONFIG_FILES), listed(labels, ENV_FILES)
    return Standing(row.id, row.name.lstrip("/"), row.state.status, row.state.started_at, *made)


def inspected(host: Host, container: str) -> InspectedDefinition | None:
    """What a container is made with; None when it is gone. It holds secrets: never shown."""
    try:
        return _decoded(asked(host, lambda engine: engine.inspect(container)), InspectedDefinition)
    except NotFound:
        return None


def image_named(host: Host, name: str, *, missing_is: Image | None = None) -> Image:
    """An image of this machine. Raises StepFailed where it is not here: nothing is pulled."""
    try:
        return _decoded(asked(host, lambda engine: engine.image(name)), Image)
    except NotFound:
        if missing_is is not None:
            return missing_is
        raise StepFailed(
            f"The image {name} is not on this machine, and stackops pulls none", f"docker pull {name}"
        ) from None


def unstarted_twins(there: Sequence[Standing], replaced: str | None = None) -> tuple[Standing, ...]:
    """Containers that Compose had made in place of another one of these, and never came to start.

    fact: Compose from 2.16 makes the new one as ``<12 digits of the old id>_NAME``, stops and removes the old one, then
    renames the new; up to 2.15 it renames the old one so before it makes the new. Only those for ``replaced``, if told.
    """
    old = [one for one in there if replaced in (None, one.id)]
    return tuple(
        new
        for new in there
        if new.state == "created"
        and any(new.name.startswith(f"{one.id[:12]}_") or one.name == f"{one.id[:12]}_{new.name}" for one in old)
    )


def half_renamed(there: Standing) -> bool:
    """Whether it has the name that Compose gives it only for the moment of a recreate."""
    return re.match(r"[0-9a-f]{12}_.", there.name) is not None


def environment_of(host: Host, container: str) -> dict[str, str]:
    """The variables of a container as it is now; empty when it is gone. They hold secrets: never shown, never kept."""
    try:
        row = _decoded(asked(host, lambda engine: engine.inspect(container)), _Inspected)
    except NotFound:
        return {}
    pairs = (entry.partition("=") for entry in row.config.env or [])
    return {name: value for name, _, value in pairs}


def _belongs(labels: dict[str, str], project: str, service: str) -> bool:
    named = (labels.get(f"{_LABEL}project"), labels.get(f"{_LABEL}service")) == (project, service)
    return named and labels.get(f"{_LABEL}oneoff", "False").lower() != "true"


def _listed(row: _Listed) -> Standing:
    name, labels = (row.names or [""])[0].lstrip("/"), row.labels or {}
    return Standing(row.id, name, row.state, None, listed(labels, CONFIG_FILES), listed(labels, ENV_FILES))


def asked(host: Host, question: Callable[[Engine], Awaitable[bytes]]) -> bytes:
    """One read of the Engine from a worker thread. Raises HostError when it does not tell, or not in time."""
    engine = host.engine
    if engine is None:
        raise StepFailed(
            "No Docker Engine is known, so no service can be restarted", "name one: stackops --host URL, or DOCKER_HOST"
        )

    async def ask() -> bytes:
        async with asyncio.timeout(_DEADLINE):
            return await question(engine)

    try:
        return run(ask())
    except TimeoutError:
        raise EngineUnreachable(f"The Engine did not answer within {_DEADLINE:.0f} s") from None


def engine_away(host: Host) -> EngineUnreachable | None:
    """Why the Engine of a host cannot be reached now; None where it can, or where none is known."""
    if host.engine is None:
        return None
    try:
        asked(host, lambda engine: engine.containers())
    except EngineUnreachable as error:
        return error
    except HostError:
        return None  # it answers, though not well
    return None


def _decoded(reply: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(reply, type=kind)
    except msgspec.DecodeError as error:
        raise HostError("The Engine answered with something that is not a container") from error
