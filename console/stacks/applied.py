"""Whether containers are younger than the files they were made from. Pure.

A file that is newer than a container is a reason to look closer, never a proof: most edits change nothing for most
services.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from ..model import Container, FileFact, Project

LABEL_HASH = "com.docker.compose.config-hash"
LABEL_VERSION = "com.docker.compose.version"
GRACE = 2.0
"""Seconds a file may be younger than the container that was made from it: clocks and file systems round."""
_VERSION = re.compile(r"v?(\d+\.\d+\.\d+)")


def definition_files(project: Project, service: str | None) -> tuple[str, ...]:
    """The files a service is made from: the compose files in use, the project's ``.env``, its own env files."""
    paths = [file.path for file in project.files if file.in_use]
    if project.working_dir:
        paths.append(posixpath.join(project.working_dir, ".env"))
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
