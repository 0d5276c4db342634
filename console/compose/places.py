"""Which compose projects there are and where: told by labels of containers, or by the operator. Pure.

Which mount decides what a container sees at a path is told here too. Paths are host paths in POSIX form.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct

from ..model import Container, EnvVar, Mount, Project, Volume

WORKING_DIR = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"
FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In the order in which Compose prefers them. fact: compose-go DefaultFileNames, seen with v2.26.1."""
OVERRIDES = (
    "compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml",
)  # fmt: skip
"""Compose reads the first of these there is, with any of ``FILES``, unless ``-f`` or COMPOSE_FILE is given."""
BY_ITSELF = FILES + OVERRIDES
"""Names of the files that Compose reads without being told."""
ENV_FILES = "com.docker.compose.project.environment_file"


class ProjectPlace(Struct, frozen=True):
    """Where a project's files are said to be."""

    directory: str
    name: str | None = None
    """None where only the folder is known; the compose file says it then."""
    config_files: tuple[str, ...] = ()
    """As used when the newest container was made; empty: as Compose chooses them."""
    env_files: tuple[str, ...] = ()
    """What ``--env-file`` named then; empty: Compose reads the ``.env`` of the folder."""


def listed(labels: Mapping[str, str], label: str) -> tuple[str, ...]:
    """The paths of a comma list in a label, absolute, in order; none where nobody knows what they are relative to.

    fact: Compose v1 and podman-compose write them as they were typed, and the folder of the first as the project's:
    ``-f sub/compose.yml`` was typed in the folder above ``working_dir``
    """
    parts = [posixpath.normpath(part.strip()) for part in labels.get(label, "").split(",") if part.strip()]
    start = labels.get(WORKING_DIR, "")
    first = posixpath.dirname(next((part for part in parts if not part.startswith("/")), ""))
    if first and f"{start}/".endswith(f"/{first}/"):
        start = start.removesuffix(first)
    if any(not posixpath.join(start, part).startswith("/") for part in parts):
        return ()
    return tuple(posixpath.normpath(posixpath.join(start, part)) for part in parts)


def project_places(containers: Iterable[Container], directories: Sequence[str] = ()) -> tuple[ProjectPlace, ...]:
    """One place per project that was made with Compose, then the folders that are none of these."""
    newest: dict[str, Container] = {}
    for container in sorted(containers, key=lambda c: c.created_at or 0.0):
        if container.project and container.labels.get(WORKING_DIR, "").startswith("/"):
            newest[container.project] = container
    found = [_place(name, container) for name, container in sorted(newest.items())]
    known = {place.directory for place in found}
    named = dict.fromkeys(posixpath.normpath(directory) for directory in directories)
    return (*found, *(ProjectPlace(directory) for directory in named if directory not in known))


def env_paths(project: Project) -> tuple[str, ...]:
    """The files Compose takes the variables of the compose files from."""
    if project.env_files or project.working_dir is None:
        return project.env_files
    return (posixpath.join(project.working_dir, ".env"),)


def dotenv(project: Project | None) -> tuple[EnvVar, ...]:
    """What the folder's ``.env`` says, for a service that mounts it, whether or not Compose reads it too."""
    if project is None:
        return ()
    return project.dotenv if project.env_files else project.env


def _place(name: str, container: Container) -> ProjectPlace:
    """The place in the labels."""
    directory, labels = posixpath.normpath(container.labels[WORKING_DIR]), container.labels
    return ProjectPlace(directory, name, listed(labels, CONFIG_FILES), listed(labels, ENV_FILES))


@dataclass(frozen=True)
class Reach:
    """How a path inside the container is reached from the host."""

    kind: str
    """``bind``, ``volume``, ``tmpfs``, ..."""
    source: str
    """Host path of the very file (for binds), volume name otherwise."""
    exact: bool
    """True when the mount's target is the path itself, not a folder above it."""
    mount: Mount | Volume


def within(path: str, folder: str) -> str | None:
    """The path relative to the folder, ``""`` for the folder itself, None outside of it."""
    path, folder = posixpath.normpath(path), posixpath.normpath(folder)
    if path == folder:
        return ""
    prefix = folder.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def reach(path: str, mounts: Iterable[Mount | Volume]) -> Reach | None:
    """The mount that decides what the container sees at ``path``: the longest target, the last of equals."""
    best: tuple[int, Reach] | None = None
    for mount in mounts:
        rest = within(path, mount.target)
        if rest is None:
            continue
        source = posixpath.normpath(posixpath.join(mount.source, rest)) if mount.kind == "bind" else mount.source
        if best is None or len(mount.target) >= best[0]:
            best = (len(mount.target), Reach(mount.kind, source, rest == "", mount))
    return best[1] if best else None
