"""Where a container stands right now, asked of the Engine itself at the moment of a step. Reads only.

Steps run in worker threads, so the Engine's asynchronous reads get a short-lived event loop of their own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import Struct

from ...compose.places import CONFIG_FILES, ENV_FILES, listed
from ...hosts import Engine, EngineUnreachable, Host, HostError, NotFound, engine_api
from ...hosts.call import run
from ...hosts.engine_api import ImageInspected, Inspected, Listed, decode
from ...hosts.engine_api import State as EngineState
from .base import StepFailed

LYING = ("created", "exited", "dead")
"""States, in the Engine's words, of a container that nothing but a start brings up."""
_DEADLINE = 10.0
_LABEL = "com.docker.compose."


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


def of_service(host: Host, project: str, service: str) -> tuple[Standing, ...]:
    """The containers of a compose service, one-off runs left out. Raises HostError when the Engine does not tell."""
    rows = decode(asked(host, lambda engine: engine.containers()), list[Listed], "the list of containers")
    return tuple(_listed(row) for row in rows if row.id and _belongs(row.labels or {}, project, service))


def of_container(host: Host, container: str) -> Standing | None:
    """One container by id or name; None when it is gone. Raises HostError when the Engine does not tell."""
    row = inspected(host, container)
    if row is None:
        return None
    labels, state = row.config.labels if row.config else None, row.state or EngineState()
    name, status = (row.name or "").lstrip("/"), state.status or "unknown"
    return Standing(row.id or "", name, status, state.started_at, *_made_with(labels))


def inspected(host: Host, container: str) -> Inspected | None:
    """What a container is made with; None when it is gone. It holds secrets: never shown."""
    try:
        return engine_api.inspected(asked(host, lambda engine: engine.inspect(container)))
    except NotFound:
        return None


def image_named(host: Host, name: str, *, missing_is: ImageInspected | None = None) -> ImageInspected:
    """An image of this machine. Raises StepFailed where it is not here: nothing is pulled."""
    try:
        return decode(asked(host, lambda engine: engine.image(name)), ImageInspected, "an image")
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
    row = inspected(host, container)
    env = row.config.env if row and row.config else None
    pairs = (entry.partition("=") for entry in env or () if entry)
    return {name: value for name, _, value in pairs}


def _belongs(labels: Mapping[str, str | None], project: str, service: str) -> bool:
    named = (labels.get(f"{_LABEL}project"), labels.get(f"{_LABEL}service")) == (project, service)
    return named and (labels.get(f"{_LABEL}oneoff") or "False").lower() != "true"


def _listed(row: Listed) -> Standing:
    name = (row.names or [""])[0] or ""
    return Standing(row.id or "", name.lstrip("/"), row.state or "unknown", None, *_made_with(row.labels))


def _made_with(labels: Mapping[str, str | None] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    told = {name: value or "" for name, value in (labels or {}).items()}
    return listed(told, CONFIG_FILES), listed(told, ENV_FILES)


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
