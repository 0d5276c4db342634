"""Stacks as their files declare them, in a few words."""

from __future__ import annotations

from typing import Any

from stackops.console.model import (
    ComposeService,
    ConfigFile,
    Container,
    EnvVar,
    HostInfo,
    NetworkLink,
    Port,
    Project,
    Snapshot,
)

from examples.snapshots import ENGINE, NOW, container_id

FOLDER = "/srv/stack"
FILE = f"{FOLDER}/docker-compose.yml"


def service(name: str, image: str, *env: str, shared: tuple[str, ...] = (), **more: Any) -> ComposeService:
    """One service; ``shared``: variables that only its env file has."""
    values = tuple(EnvVar(*one.split("=", 1)) for one in (*env, *shared))
    facts: dict[str, Any] = {"image": image, "env": values, "named": tuple(v.name for v in values[: len(env)])}
    if shared:
        facts["env_files"] = (f"{FOLDER}/.env",)
    return ComposeService(name, **(facts | more))


def folder(*services: ComposeService, **more: Any) -> Snapshot:
    """A folder before anything of it runs."""
    project = Project("stack", FOLDER, (ConfigFile(FILE),), services, **more)
    return Snapshot(NOW, HostInfo("x"), engine=ENGINE, projects=(project,))


def live(*services: ComposeService, **more: Any) -> Snapshot:
    """The same, up."""
    return Snapshot(
        NOW, HostInfo("x"), engine=ENGINE, projects=folder(*services, **more).projects,
        containers=tuple(_container(one) for one in services),
    )  # fmt: skip


def _container(one: ComposeService) -> Container:
    links = tuple(NetworkLink(f"stack_{name}", "10.0.0.9", (one.name, *one.aliases)) for name in one.networks)
    ports = tuple(Port(int(p.split(":")[1]), "tcp", "0.0.0.0", int(p.split(":")[0])) for p in one.ports)
    return Container(
        container_id(one.name), one.container_name or f"stack-{one.name}-1", one.image or "", "running",
        project="stack", service=one.name, command=one.command, env=one.env, ports=ports,
        networks=links, network_mode=one.network_mode,
        extra_hosts=one.extra_hosts, started_at=NOW - 60, created_at=NOW - 60,
    )  # fmt: skip
