"""Services out of containers, compose declarations and native processes: who plays which role. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ..model import ComposeService, Container, LogMark, NativeProcess, PackageRelease, Project, Role, Service
from .generations import Member, generation
from .programs import role_of_program
from .roles import role_of
from .versions import version_of

Generations = dict[str | None, str | None]
_ONE_OFF = "com.docker.compose.oneoff"
_BANNER = re.compile(r"> LibreChat@v?(\d[\w.-]*) backend")  # fact: npm prints name and version of what it starts


def services(
    containers: Sequence[Container],
    projects: Sequence[Project] = (),
    processes: Sequence[NativeProcess] = (),
    log_marks: Sequence[LogMark] = (),
    packages: Sequence[PackageRelease] = (),
) -> tuple[Service, ...]:
    """Every container, every declared service that has none, every native process; in this order.

    Containers of ``docker compose run`` are left out: they play no lasting part. A start banner in a log beats what the
    container's own package.json says, and that beats the tag.
    """
    lasting = [c for c in containers if c.labels.get(_ONE_OFF, "").lower() != "true"]
    generations = _generations(lasting, projects)
    banners = {one.container: one.version for one in packages}
    banners |= {mark.container: banner[1] for mark in log_marks if (banner := _BANNER.search(mark.text))}
    found = [_of_container(c, generations, banners.get(c.id)) for c in lasting]
    running = {(c.project, c.service) for c in lasting}
    for project in projects:
        missing = (s for s in project.services if (project.name, s.name) not in running)
        found.extend(_of_declaration(project.name, s, generations) for s in missing)
    found.extend(_of_process(process) for process in processes)
    return tuple(found)


def role_of_container(container: Container) -> Role:
    """The container's role. A service's name of the compose file counts as much as the container's."""
    words = (*container.entrypoint, *container.command)
    role = role_of(container.image, words, container.name)
    return role_of(container.image, words, container.service) if role == "unknown" and container.service else role


def role_of_declaration(service: ComposeService) -> Role:
    """The role of a service that is only declared; unknown without an image, as nothing is known of what is built."""
    words = (*service.entrypoint, *service.command)
    role = role_of(service.image or "", words, service.container_name or "")
    return role_of(service.image or "", words, service.name) if role == "unknown" else role


def _of_container(container: Container, generations: Generations, banner: str | None) -> Service:
    role = role_of_container(container)
    env = {variable.name: variable.value for variable in container.env}
    return Service(
        role=role,
        name=container.name,
        container=container.id,
        project=container.project,
        compose_service=container.service,
        version=banner or version_of(role, container.image, labels=container.labels, env=env),
        generation=generations.get(container.project) if role == "fastgpt" else None,
    )


def _of_declaration(project: str, service: ComposeService, generations: Generations) -> Service:
    role = role_of_declaration(service)
    return Service(
        role=role,
        name=service.container_name or service.name,
        project=project,
        compose_service=service.name,
        version=version_of(role, service.image or ""),
        generation=generations.get(project) if role == "fastgpt" else None,
    )


def _of_process(process: NativeProcess) -> Service:
    return Service(role=role_of_program(process.command) or "unknown", name=process.name, pid=process.pid)


def _generations(containers: Iterable[Container], projects: Iterable[Project]) -> Generations:
    """Generation by project; what is declared beats what happens to run, since a part of it may be down."""
    running: dict[str | None, list[Member]] = defaultdict(list)
    for c in containers:
        running[c.project].append(Member(c.service or c.name, c.image, (*c.entrypoint, *c.command)))
    found = {project: generation(members) for project, members in running.items()}
    for project in projects:
        declared = [Member(s.name, s.image or "", (*s.entrypoint, *s.command)) for s in project.services]
        found[project.name] = generation(declared) or found.get(project.name)
    return found
