"""Which compose projects there are and where: told by labels of containers, or by the operator. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from msgspec import Struct

from ..model import Container

WORKING_DIR = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"


class ProjectPlace(Struct, frozen=True):
    """Where a project's files are said to be."""

    directory: str
    name: str | None = None
    """None where only the folder is known; the compose file says it then."""
    config_files: tuple[str, ...] = ()
    """As used when the newest container was made; empty: as Compose chooses them."""


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


def _place(name: str, container: Container) -> ProjectPlace:
    """The place in the labels. fact: a comma list; Compose v1 wrote the files relative to the folder."""
    directory = posixpath.normpath(container.labels[WORKING_DIR])
    files = (part.strip() for part in container.labels.get(CONFIG_FILES, "").split(","))
    return ProjectPlace(directory, name, tuple(posixpath.join(directory, file) for file in files if file))
