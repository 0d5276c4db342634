"""Where a container stands right now, asked of the Engine itself at the moment of a step. Reads only.

Steps run in worker threads, so the Engine's asynchronous reads get a short-lived event loop of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from ..hosts import Engine, Host, HostError, NotFound
from .base import StepFailed

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
    files = _files(row.config.labels or {})
    return Standing(row.id, row.name.lstrip("/"), row.state.status, row.state.started_at, files)


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
    name = (row.names or [""])[0].lstrip("/")
    return Standing(row.id, name, row.state, None, _files(row.labels or {}))


def _files(labels: dict[str, str]) -> tuple[str, ...]:
    return tuple(path for path in labels.get(f"{_LABEL}project.config_files", "").split(",") if path)


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
        return asyncio.run(ask())
    except TimeoutError:
        raise HostError(f"The Engine did not answer within {_DEADLINE:.0f} s") from None


def _decoded(reply: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(reply, type=kind)
    except msgspec.DecodeError as error:
        raise HostError("The Engine answered with something that is not a container") from error
