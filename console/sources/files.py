"""What the files are that a stack's containers and compose services are given: kind, mode, owner, digest.

Reads through the ``Files`` door only. Content is looked at for key files alone, and what is kept of it is a count and a
length. Paths that cannot be looked at give no fact: unknown is not a finding.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from ..hosts import Files, HostError
from ..model import Container, FileFact, KeyFileFact, Project
from ..yamltext import YamlError, decode
from .compose import OVERRIDES

MAX_PATHS = 400
MAX_FAILURES = 5
"""A mount that hangs costs its deadline for each path; after so many the rest is left for the next look."""
KEYFILE_LIMIT = 64 * 1024
_PROJECT_FILES = ("librechat.yaml", "librechat.example.yaml", ".env", *OVERRIDES)
_SUFFIXES = frozenset(
    {
        ".cert", ".cfg", ".cnf", ".conf", ".crt", ".env", ".ini", ".js", ".json", ".json5", ".jsonc", ".key",
        ".keyfile", ".lua", ".mjs", ".pem", ".properties", ".py", ".sh", ".sql", ".toml", ".txt", ".xml", ".yaml",
        ".yml",
    }
)  # fmt: skip
_NAMES = frozenset({"Caddyfile", "mongo-keyfile", "mongodb-keyfile", "keyfile", "mongo.key", "replica.key"})
_KEYFILE = re.compile(r"--keyFile(?:=|\s+)[\"']?([^\s\"';&|)]+)|security\.keyFile[=:\s]+[\"']?([^\s\"';&|)]+)")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")


def looks_like_file(path: str) -> bool:
    """Whether a path is that of a single file, going by its name: ``/app/librechat.yaml``, ``/data/mongodb.key``."""
    base = posixpath.basename(path.rstrip("/"))
    return base in _NAMES or base.startswith(".env") or posixpath.splitext(base)[1].lower() in _SUFFIXES


def facts(files: Files, projects: Sequence[Project], containers: Sequence[Container]) -> tuple[FileFact, ...]:
    """A fact for every single-file bind mount and for the files a project is known to have; missing ones included.

    Bind mounts of plain folders are left out. fact: mongo-docker-db 4.5, a folder where the target's name means a file
    is what Docker leaves behind when the source was missing.
    """
    found: list[FileFact] = []
    failures = 0
    for path, expected in _candidates(projects, containers):
        try:
            fact = files.stat(path, digest=expected)
            if not expected and fact.kind == "file":
                fact = files.stat(path, digest=True)
        except HostError:
            failures += 1
            if failures == MAX_FAILURES:
                break
            continue
        if expected or fact.kind == "file":
            found.append(fact)
    return tuple(found)


def _candidates(projects: Sequence[Project], containers: Sequence[Container]) -> list[tuple[str, bool]]:
    """Absolute paths, and whether a file is expected there; each once, a bounded number."""
    chosen: dict[str, bool] = {}
    for path, expected in (*_mounted(containers), *_of_projects(projects), *_declared(projects)):
        if path.startswith("/"):
            clean = posixpath.normpath(path)
            chosen[clean] = chosen.get(clean, False) or expected
    return sorted(chosen.items(), key=lambda item: not item[1])[:MAX_PATHS]


def _mounted(containers: Iterable[Container]) -> Iterator[tuple[str, bool]]:
    for container in containers:
        for mount in container.mounts:
            if mount.kind == "bind":
                yield mount.source, looks_like_file(mount.target)


def _declared(projects: Iterable[Project]) -> Iterator[tuple[str, bool]]:
    for project in projects:
        for service in project.services:
            for volume in service.volumes:
                if volume.kind == "bind":
                    yield volume.source, looks_like_file(volume.target)


def _of_projects(projects: Iterable[Project]) -> Iterator[tuple[str, bool]]:
    for project in projects:
        for file in project.files:
            yield file.path, True
        for path in dict.fromkeys(path for service in project.services for path in service.env_files):
            yield path, True
        if project.working_dir:
            for name in _PROJECT_FILES:
                yield posixpath.join(project.working_dir, name), True


def keyfile_paths(projects: Sequence[Project], containers: Sequence[Container]) -> tuple[str, ...]:
    """Host paths of the mongo key files: the bind mount whose target the command names with ``--keyFile``.

    A key that a script makes inside the container has no host path and is not among them.
    fact: fastgpt-stack 3, the bootstrap of generation C on writes its own key at every start.
    """
    paths: dict[str, None] = {}
    for container in containers:
        binds = {posixpath.normpath(m.target): m.source for m in container.mounts if m.kind == "bind"}
        paths |= dict.fromkeys(_sources((*container.entrypoint, *container.command), binds))
    for project in projects:
        for service in project.services:
            binds = {v.target: v.source for v in service.volumes if v.kind == "bind"}
            paths |= dict.fromkeys(_sources((*service.entrypoint, *service.command), binds))
    return tuple(paths)


def _sources(words: Sequence[str], binds: dict[str, str]) -> Iterator[str]:
    for match in _KEYFILE.finditer(" ".join(words)):
        source = binds.get(posixpath.normpath(match[1] or match[2]))
        if source is not None:
            yield source


def keyfile_facts(files: Files, paths: Sequence[str]) -> tuple[KeyFileFact, ...]:
    """How many keys, how long the first is and whether any holds what is not base64; nothing for what is unreadable.

    fact: mongo-docker-db 3, white space is ignored, 6 to 1024 characters, a YAML list may hold two keys.
    """
    found = []
    for path in paths[:MAX_PATHS]:
        try:
            content = files.read(path, limit=KEYFILE_LIMIT)
        except HostError:
            continue
        found.append(_keyfile_fact(path, content))
    return tuple(found)


def _keyfile_fact(path: str, content: bytes) -> KeyFileFact:
    try:
        keys = _keys(decode(content)[0])
    except YamlError:
        return KeyFileFact(path=path, bad_characters=True)
    if keys is None:
        return KeyFileFact(path=path, keys=0, length=0, bad_characters=True)
    bare = ["".join(key.split()) for key in keys]
    return KeyFileFact(
        path=path,
        keys=len(bare),
        length=len(bare[0]) if bare else 0,
        bad_characters=any(_NOT_BASE64.search(key) for key in bare),
    )


def _keys(text: str) -> list[str] | None:
    """The keys as mongod's YAML reader sees them; None for a mapping, which it refuses whatever it holds."""
    from ..yamlnodes import parse

    try:
        root, _ = parse(text)
    except YamlError:
        return [text]  # whatever made it no YAML is a character outside base64, and is found as such
    if root is None:
        return []
    if root.kind == "scalar":
        return [root.value] if root.value.strip() else []
    if root.kind == "sequence":
        return [item.value for item in root.items if item.kind == "scalar"]
    return None
