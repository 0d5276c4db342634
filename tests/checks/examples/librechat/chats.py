"""LibreChat stacks in a few words: services, the ``.env`` of their folder, running or not yet."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import ComposeService, ConfigFile, Container, EnvVar, HostInfo, Mount, Project, Snapshot
from stackops.console.products.services import services

from examples.snapshots import ENGINE, NOW, container_id, declared_bind, file

DIR = "/srv/chat"
FILE, DOTENV = f"{DIR}/docker-compose.yml", f"{DIR}/.env"
IMAGE = "ghcr.io/danny-avila/librechat:v0.8.4"


def pairs(*lines: str) -> tuple[EnvVar, ...]:
    """``NAME=value``, a text each."""
    return tuple(EnvVar(*line.split("=", 1)) for line in lines)


def service(name: str, image: str, *env: str, dotenv: bool = False, **more: Any) -> ComposeService:
    """One service; ``dotenv``: it has the folder's ``.env`` mounted, as LibreChat's own compose file does it."""
    volumes = (declared_bind(DOTENV, "/app/.env", FILE),) if dotenv else ()
    facts = {"image": image, "env": pairs(*env), "named": tuple(one.partition("=")[0] for one in env)}
    return ComposeService(name, **({**facts, "volumes": volumes} | more))


def app(*env: str, **more: Any) -> ComposeService:
    """LibreChat itself."""
    return service("api", IMAGE, *env, **{"dotenv": True, "container_name": "LibreChat", **more})


def chats(
    *members: ComposeService,
    dotenv: tuple[str, ...] = (),
    up: bool = True,
    unread: bool = False,
    alone: bool = False,
    **container: Any,
) -> Snapshot:
    """The folder, and its containers where it is up.

    ``unread``: the ``.env`` cannot be read; ``alone``: the containers were made without Compose.
    """
    project = Project("chat", DIR, (ConfigFile(FILE),), members, env=() if unread else pairs(*dotenv))
    container |= {"project": None, "service": None, "labels": {}} if alone else {}
    projects = () if alone else (project,)
    made = tuple(_container(one, container) for one in members) if up else ()
    return Snapshot(
        NOW, HostInfo("x"), engine=ENGINE, projects=projects, containers=made, services=services(made, projects),
        files=(file(DOTENV, size=64 if dotenv or unread else 0),),
    )  # fmt: skip


def stopped(snapshot: Snapshot) -> Snapshot:
    """Somebody stopped all of it."""
    return replace(snapshot, containers=tuple(replace(c, state="exited", exit_code=0) for c in snapshot.containers))


def _container(one: ComposeService, more: dict[str, Any]) -> Container:
    facts: dict[str, Any] = {
        "state": "running", "project": "chat", "service": one.name, "env": one.env, "command": one.command,
        "mounts": tuple(Mount(v.kind, v.source, v.target) for v in one.volumes), "network_mode": one.network_mode,
        "labels": {LABEL_DIRECTORY: DIR, LABEL_FILES: FILE}, "created_at": NOW - 60, "started_at": NOW - 60,
    }  # fmt: skip
    name = one.container_name or f"chat-{one.name}-1"
    return Container(container_id(one.name), name, one.image or "", **(facts | more))
