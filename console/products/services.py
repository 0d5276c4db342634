"""Services out of containers, compose declarations and native processes: who plays which role. Pure."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from ..compose.places import env_paths
from ..model import ComposeService, Container, FileFact, LogMark, NativeProcess, PackageRelease, Project, Role, Service
from .roles import role_of, role_of_program
from .versions import is_newest, parts_of, version_of


class Member(Struct, frozen=True):
    """What a generation shows of one service, declared or running."""

    service: str
    image: str
    words: tuple[str, ...] = ()
    """Entry point and command."""


def generation(members: Sequence[Member]) -> str | None:
    """``A`` to ``G``; None when there is no FastGPT among the members."""
    services = {member.service.lower() for member in members}
    images = {parts_of(member.image).last for member in members}
    if "fastgpt" not in images and services.isdisjoint({"fastgpt", "fastgpt-app"}):
        return None
    signs = (
        ("G", services & {"fastgpt-mongo", "fastgpt-vector"} or "fastgpt-agent-sandbox-proxy" in images),
        ("F", services & {"vectordb", "code-sandbox", "fastgpt-app", "opensandbox-server", "volume-manager"}),
        ("E", images & {"fastgpt-plugin"} or services & {"fastgpt-plugin", "fastgpt-minio"}),
        ("D", images & {"aiproxy", "sealos-aiproxy-service"}),
        ("C", images & {"one-api"} or services & {"oneapi", "one-api"} or _makes_its_key(members)),
        ("B", _mongo_has_key(members)),
    )
    return next((letter for letter, seen in signs if seen), "A")


def _mongo(members: Sequence[Member]) -> list[str]:
    return [" ".join(member.words) for member in members if parts_of(member.image).last == "mongo"]


def _makes_its_key(members: Sequence[Member]) -> bool:
    """The entry point that writes the key file and initiates the set, from v4.7 on."""
    return any("openssl rand" in words for words in _mongo(members))


def _mongo_has_key(members: Sequence[Member]) -> bool:
    return any("--keyFile" in words or "--replSet" in words for words in _mongo(members))


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
    made_from = variables_of_image(container)
    role = role_of(container.image, words, container.name, made_from)
    if role != "unknown" or not container.service:
        return role
    return role_of(container.image, words, container.service, made_from)


def variables_of_image(container: Container) -> tuple[str, ...]:
    """Names of the variables that its image sets, and not its compose file or an env file.

    fact: the Engine lists what a container was given first, and behind it what it takes from the image, where nearly
    every one begins with PATH (moby daemon/commit.go, merge; measured with Engine 20.10).
    """
    names = [variable.name for variable in container.env]
    return tuple(names[names.index("PATH") :]) if "PATH" in names else ()


def role_of_declaration(service: ComposeService) -> Role:
    """The role of a service that is only declared; unknown without an image, as nothing is known of what is built."""
    words = (*service.entrypoint, *service.command)
    role = role_of(service.image or "", words, service.container_name or "")
    return role_of(service.image or "", words, service.name) if role == "unknown" else role


def _of_container(container: Container, generations: Generations, banner: str | None) -> Service:
    role = role_of_container(container)
    env = {variable.name: variable.value for variable in container.env}
    version = banner or version_of(role, container.image, labels=container.labels, env=env)
    return Service(
        role=role,
        name=container.name,
        container=container.id,
        project=container.project,
        compose_service=container.service,
        version=version,
        release_assumed=version is None and is_newest(container.image),
        generation=generations.get(container.project) if role == "fastgpt" else None,
    )


def _of_declaration(project: str, service: ComposeService, generations: Generations) -> Service:
    role, version = role_of_declaration(service), version_of(role_of_declaration(service), service.image or "")
    return Service(
        role=role,
        name=service.container_name or service.name,
        project=project,
        compose_service=service.name,
        version=version,
        release_assumed=version is None and is_newest(service.image or ""),
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


LABEL_HASH = "com.docker.compose.config-hash"
LABEL_VERSION = "com.docker.compose.version"
GRACE = 2.0
"""Seconds a file may be younger than the container that was made from it: clocks and file systems round."""
_VERSION = re.compile(r"v?(\d+\.\d+\.\d+)")


def definition_files(project: Project, service: str | None) -> tuple[str, ...]:
    """The files a service is made from: the compose files in use, where their variables are from, its own env files."""
    paths = [file.path for file in project.files if file.in_use]
    paths += env_paths(project)
    paths += [path for one in project.services if one.name == service for path in one.env_files]
    return tuple(dict.fromkeys(posixpath.normpath(path) for path in paths))


def newer(paths: Sequence[str], than: float | None, facts: Iterable[FileFact]) -> tuple[FileFact, ...]:
    """Those of the files that were written after a moment; none where the moment is not known."""
    if than is None:
        return ()
    wanted = set(paths)
    return tuple(fact for fact in facts if fact.path in wanted and fact.mtime is not None and fact.mtime > than + GRACE)


def newer_than_container(
    container: Container, project: Project | None, facts: Iterable[FileFact]
) -> tuple[FileFact, ...]:
    """The files that were written after the container was made from them."""
    if project is None:
        return ()
    return newer(definition_files(project, container.service), container.created_at, facts)


def same_compose(label: str | None, version: str | None) -> bool:
    """Whether two versions of Compose hash alike: the same release, whatever its packager appended (2.26.1-4)."""
    ours, theirs = _VERSION.match(label or ""), _VERSION.match(version or "")
    return ours is not None and theirs is not None and ours[1] == theirs[1]
