"""Where the librechat.yaml of a LibreChat service lies on the host, and what environment its server has. Pure.

fact: librechat-stack 4: ``/app/librechat.yaml`` or ``CONFIG_PATH``, which may be relative to the working directory;
3.1: the container's environment, then the ``.env`` in the working directory, which never overwrites.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from ..model import ComposeService, Container, EnvVar, Mount, Project, Service, Volume

DEFAULT_PATH = "/app/librechat.yaml"
NAMES = ("librechat.yaml", "librechat.yml")


class Spot(Struct, frozen=True):
    """One LibreChat service and its configuration file."""

    service: Service
    container: Container | None
    project: Project | None
    declared: ComposeService | None
    paths: tuple[str, ...]
    """Host paths where the file may lie, the likeliest first."""
    mounted: bool
    """Whether a container has the first of them."""
    env: tuple[EnvVar, ...]
    inside: bool
    """Whether localhost is the container itself."""

    @property
    def known(self) -> bool:
        """Whether the environment is known at all."""
        return self.container is None or self.container.detailed


def spots(
    services: Sequence[Service], containers: Sequence[Container], projects: Sequence[Project]
) -> tuple[Spot, ...]:
    """Every LibreChat service that reads its configuration from a file of this machine."""
    found = [_spot(one, containers, projects) for one in services if one.role == "librechat" and one.pid is None]
    return tuple(spot for spot in found if spot is not None)


def _spot(service: Service, containers: Sequence[Container], projects: Sequence[Project]) -> Spot | None:
    container = next((c for c in containers if c.id == service.container), None)
    if service.container and container is None:
        return None
    project = next((p for p in projects if service.project and p.name == service.project), None)
    all_declared = (*project.services, *project.left_out) if project else ()
    declared = next((s for s in all_declared if s.name == service.compose_service), None)
    left_out = next((s for s in project.left_out if s.name == service.compose_service), None) if project else None
    env = environment(container, declared, project)
    target = config_path(env, container, declared)
    if target is None:
        return None
    mounts: list[Iterable[Mount | Volume]] = [container.mounts] if container else []
    mounts += [one.volumes for one in (declared, left_out) if one]
    paths = [path for each in mounts if (path := host_path(target, each))]
    mounted = bool(container and host_path(target, container.mounts))
    if project and project.working_dir:
        names = dict.fromkeys((posixpath.basename(target), *NAMES))
        paths += [posixpath.join(project.working_dir, name) for name in names]
    inside = container is None or container.network_mode != "host"
    return Spot(service, container, project, declared, tuple(dict.fromkeys(paths)), mounted, env, inside)


def environment(
    container: Container | None, declared: ComposeService | None, project: Project | None
) -> tuple[EnvVar, ...]:
    """What the server has: its container's variables, then those of the ``.env`` it reads."""
    own = container.env if container else declared.env if declared else ()
    mounts: Sequence[Mount | Volume] = container.mounts if container else declared.volumes if declared else ()
    reads = any(posixpath.basename(mount.target) == ".env" for mount in mounts)
    reads = reads or bool(container is None and declared and declared.env_files)
    names = {var.name for var in own if var.value}
    return (*own, *(var for var in (project.env if reads and project else ()) if var.name not in names))


def config_path(env: Sequence[EnvVar], container: Container | None, declared: ComposeService | None) -> str | None:
    """The path inside the container; None where the file is fetched from the web."""
    setting = next((var.value for var in env if var.name == "CONFIG_PATH" and var.value), None)
    if setting is None:
        return DEFAULT_PATH
    if re.match(r"https?://", setting):
        return None
    folder = (container.working_dir if container else None) or (declared.working_dir if declared else None) or "/app"
    return posixpath.normpath(posixpath.join(folder, setting))


def host_path(target: str, mounts: Iterable[Mount | Volume]) -> str | None:
    """What the container sees at ``target``, as a path of the host; the longest mount decides, the last of equals."""
    best: tuple[int, str | None] = (-1, None)
    for mount in mounts:
        folder = posixpath.normpath(mount.target)
        rest = posixpath.relpath(target, folder) if folder.startswith("/") else ".."
        if rest.startswith("..") or len(folder) < best[0]:
            continue
        source = posixpath.normpath(posixpath.join(mount.source, rest)) if mount.kind == "bind" else None
        best = (len(folder), source)
    return best[1]
