"""What the files are that a stack's containers and compose services are given: kind, mode, owner, digest.

Reads through the ``Files`` door only. Content is looked at for key files alone, and what is kept of it is a count and a
length. Paths that cannot be looked at give no fact: unknown is not a finding.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from ..compose.places import OVERRIDES, reach, within
from ..compose.yaml_document import YamlError, YamlNode, decode
from ..hosts import Files, HostError
from ..model import (
    Container,
    DataRelease,
    EnvVar,
    FileFact,
    JsonFact,
    KeyFileFact,
    MongodConfig,
    Mount,
    OfferedModel,
    Project,
    Volume,
)
from ..products.addresses import shown
from ..products.mongo import config_path, key_file
from ..products.services import role_of_container, role_of_declaration, services
from ..text import _
from ..text.cleaning import clean_line

MAX_PATHS = 400
MAX_FAILURES = 5
"""A mount that hangs costs its deadline for each path; after so many the rest is left for the next look."""
KEYFILE_LIMIT = 64 * 1024
_PROJECT_FILES = ("librechat.yaml", "librechat.example.yaml", ".env", *OVERRIDES)
_SUFFIXES = frozenset(
    {
        ".acl", ".cer", ".cert", ".cfg", ".cnf", ".conf", ".config", ".crt", ".csv", ".db", ".env", ".hcl", ".htm",
        ".html", ".ini", ".jinja", ".jinja2", ".js", ".json", ".json5", ".jsonc", ".key", ".keyfile", ".log", ".lua",
        ".mjs", ".p12", ".pem", ".pfx", ".properties", ".pub", ".py", ".sh", ".sql", ".sqlite", ".sqlite3",
        ".template", ".tmpl", ".toml", ".tpl", ".txt", ".xml", ".yaml", ".yml",
    }
)  # fmt: skip
_NAMES = frozenset({
    ".htpasswd", ".npmrc", ".pgpass", "caddyfile", "corefile", "htpasswd", "keyfile", "mongo-keyfile",
    "mongodb-keyfile", "procfile",
})  # fmt: skip
_MONGOD = re.compile(r"(?:^|[/\s])mongo[ds](?:\s|$)")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")


def looks_like_file(path: str) -> bool:
    """Whether a path is that of a single file, going by its name: ``/app/librechat.yaml``, ``/data/mongodb.key``."""
    base = posixpath.basename(path.rstrip("/")).lower()
    return base in _NAMES or base.startswith(".env") or posixpath.splitext(base)[1] in _SUFFIXES


def facts(
    files: Files, projects: Sequence[Project], containers: Sequence[Container], keys: Sequence[str] = ()
) -> tuple[FileFact, ...]:
    """A fact for every single-file bind mount and for the files a project is known to have; missing ones included.

    ``keys`` are paths at which a key file is expected, whatever they are called.

    Bind mounts of plain folders are left out, but for those that LibreChat writes into. fact: a folder
    where the target's name means a file is what Docker leaves behind when the source was missing.
    """
    found: list[FileFact] = []
    failures = 0
    kept = _written(projects, containers)
    for path, expected in _candidates(projects, containers, keys):
        try:
            fact = files.stat(path, digest=expected)
            if not expected and fact.kind == "file":
                fact = files.stat(path, digest=True)
        except HostError:
            failures += 1
            if failures == MAX_FAILURES:
                break
            continue
        if expected or fact.kind == "file" or path in kept:
            found.append(fact)
    return tuple(found)


def _candidates(
    projects: Sequence[Project], containers: Sequence[Container], keys: Sequence[str]
) -> list[tuple[str, bool]]:
    """Absolute paths, and whether a file is expected there; each once, a bounded number."""
    chosen: dict[str, bool] = {}
    keyed = ((path, True) for path in keys)
    named = (*keyed, *_of_librechat(projects, containers), *_mounted(containers), *_of_projects(projects))
    for path, expected in (*named, *_declared(projects)):
        if path.startswith("/"):
            clean = posixpath.normpath(path)
            chosen[clean] = chosen.get(clean, False) or expected
    return sorted(chosen.items(), key=lambda item: not item[1])[:MAX_PATHS]


def _of_librechat(projects: Sequence[Project], containers: Sequence[Container]) -> Iterator[tuple[str, bool]]:
    """Where its configuration file lies, which may be in a folder that is mounted."""
    from ..products.librechat.reading import spots

    for spot in spots(services(containers, projects), containers, projects):
        yield from ((path, True) for path in spot.paths[:1])


def _written(projects: Sequence[Project], containers: Sequence[Container]) -> frozenset[str]:
    """Sources of the folders that LibreChat has to write into."""
    from ..products.librechat.reading import WRITTEN

    mounts: list[Mount | Volume] = [mount for one in containers for mount in one.mounts]
    mounts += [volume for project in projects for one in project.services for volume in one.volumes]
    return frozenset(posixpath.normpath(one.source) for one in mounts if one.kind == "bind" and one.target in WRITTEN)


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
        for path in dict.fromkeys((*project.env_files, *(p for one in project.services for p in one.env_files))):
            yield path, True
        if project.working_dir:
            for name in _PROJECT_FILES:
                yield posixpath.join(project.working_dir, name), True


def keyfile_paths(
    projects: Sequence[Project], containers: Sequence[Container], configs: Sequence[MongodConfig] = ()
) -> tuple[str, ...]:
    """Host paths of the mongo key files that command lines and configuration files name, or that a script copies.

    A key that a script makes inside the container has no host path and is not among them.
    fact: the entrypoint in FastGPT's compose files from v4.7 on writes its own key at every start.
    """
    paths: dict[str, None] = {}
    for words, mounts in _started(projects, containers):
        at = _on_host(config_path(words), mounts)
        key = key_file(words, next((one for one in configs if one.path == at), None))
        path = _on_host(key.copied_from or key.path, mounts) if key else None
        if path is not None:
            paths[path] = None
    return tuple(paths)


def mongod_configs(
    files: Files, projects: Sequence[Project], containers: Sequence[Container]
) -> tuple[MongodConfig, ...]:
    """What the configuration files say that mongods are told to read; nothing of one that is unreadable or no YAML."""
    from ..compose.yaml import parse

    found = {}
    for words, mounts in _started(projects, containers):
        path = _on_host(config_path(words), mounts)
        if path is None or (not any(_MONGOD.search(word) for word in words if word) and not words[0].startswith("-")):
            continue
        try:
            root, _ = parse(decode(files.read(path, limit=KEYFILE_LIMIT))[0])
        except (HostError, YamlError):
            continue
        key, name = _scalar(root, "security", "keyFile"), _scalar(root, "replication", "replSetName")
        users = _scalar(root, "security", "authorization") == "enabled"
        bind = "*" if _scalar(root, "net", "bindIpAll") == "true" else _scalar(root, "net", "bindIp")
        found[path] = MongodConfig(path, key, name, users, bind, _scalar(root, "security", "clusterAuthMode"))
    return tuple(found.values())


def _scalar(node: YamlNode | None, *names: str) -> str | None:
    for name in names:
        node = node.get(name) if node is not None and node.kind == "mapping" else None
    return node.value if node is not None and node.kind == "scalar" and node.value else None


def _started(
    projects: Sequence[Project], containers: Sequence[Container]
) -> Iterator[tuple[tuple[str, ...], tuple[Mount, ...] | tuple[Volume, ...]]]:
    """The command line and the mounts of everybody."""
    for container in containers:
        yield (*container.entrypoint, *container.command), container.mounts
    for project in projects:
        for service in project.services:
            yield (*service.entrypoint, *service.command), service.volumes


def _on_host(path: str | None, mounts: tuple[Mount, ...] | tuple[Volume, ...]) -> str | None:
    found = reach(path, mounts) if path and path.startswith("/") else None
    return found.source if found is not None and found.kind == "bind" else None


def keyfile_facts(files: Files, paths: Sequence[str]) -> tuple[KeyFileFact, ...]:
    """How many keys, how long the first is and whether any holds what is not base64; nothing for what is unreadable.

    fact: mongo security_file.cpp and security_key.cpp: white space is ignored, 6 to 1024 characters, a YAML list may
    hold two keys.
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
    from ..compose.yaml import parse

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


HOMES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "postgres": ("PGDATA", ("/var/lib/postgresql/data", "/bitnami/postgresql/data"), "PG_VERSION"),
    "meilisearch": ("MEILI_DB_PATH", ("/meili_data/data.ms",), "VERSION"),
}
"""Role: the variable that names the data folder, where it is without it, and the file in it that names its release."""
_RELEASE = re.compile(r"\d+(?:\.\d+){0,2}")


def data_releases(
    files: Files, projects: Sequence[Project], containers: Sequence[Container]
) -> tuple[DataRelease, ...]:
    """What data folders say of themselves, as far as they lie on this machine and may be read."""
    found: list[tuple[str | None, str | None, str | None, str | None]] = []
    running = {(one.project, one.service) for one in containers}
    for container in containers:
        path = _release_file(role_of_container(container), container.env, container.mounts)
        found.append((path, container.id, container.project, container.service))
    for project in projects:
        for one in project.services:
            if (project.name, one.name) not in running:
                path = _release_file(role_of_declaration(one), one.env, one.volumes)
                found.append((path, None, project.name, one.name))
    return tuple(
        DataRelease(path, release, *owner) for path, *owner in found if path and (release := _release(files, path))
    )


def _release_file(role: str, env: Iterable[EnvVar], mounts: Iterable[Mount | Volume]) -> str | None:
    if role not in HOMES:
        return None
    variable, usual, name = HOMES[role]
    named = tuple(each.value for each in env if each.name == variable and each.value.startswith("/"))
    # fact: docker-library/postgres declares a VOLUME at its data folder, which hides what is mounted above it
    seen = [mount for mount in mounts if posixpath.normpath(mount.target) != "/var/lib/postgresql"]
    for home in named[-1:] or usual:
        found = reach(home, seen)
        if found is not None and found.mount.source.startswith("/"):
            inside = within(home, found.mount.target) or ""
            return posixpath.normpath(posixpath.join(found.mount.source, inside, name))
    return None


def _release(files: Files, path: str) -> str | None:
    try:
        told = files.read(path, limit=64).decode("ascii", "replace").strip()
    except HostError:
        return None
    return told if _RELEASE.fullmatch(told) else None


TARGETS = frozenset({"/app/data/config.json"})
LIMIT = 512 * 1024
MAX_FILES = 20
MODEL_LISTS = (
    "llmModels", "chatModels", "qaModels", "cqModels", "extractModels", "qgModels", "vectorModels", "reRankModels",
    "audioSpeechModels", "whisperModel", "ChatModels", "QAModels", "CQModels", "ExtractModels", "QGModels",
    "VectorModels", "ReRankModels",
)  # fmt: skip
MODELS = 200
"""Models of one file that are followed."""
_STRING = r'"(?:[^"\\\n]|\\.)*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)
# what JSON5 has besides: bare names, single quotes, hexadecimal, signs, line continuations
_MORE = re.compile(rf"{_STRING}|(?P<more>'|[A-Za-z_$][\w$]*\s*:|0[xX]|[-+]?(?:Infinity|NaN)\b|\+\d|\\\n)", re.DOTALL)


def json_paths(projects: Sequence[Project], containers: Sequence[Container]) -> tuple[str, ...]:
    """Host paths of the files that are mounted where FastGPT looks for its configuration."""
    mounts: Iterable[tuple[str, str, str]] = (
        *((m.kind, m.source, m.target) for c in containers for m in c.mounts),
        *((v.kind, v.source, v.target) for p in projects for s in p.services for v in s.volumes),
    )
    wanted = (source for kind, source, target in mounts if kind == "bind" and posixpath.normpath(target) in TARGETS)
    return tuple(dict.fromkeys(path for path in wanted if path.startswith("/")))[:MAX_FILES]


def json_facts(files: Files, paths: Sequence[str]) -> tuple[JsonFact, ...]:
    """A fact for each file that can be read; nothing for the others."""
    found = []
    for path in paths:
        try:
            found.append(judge(path, files.read(path, limit=LIMIT)))
        except HostError:
            continue
    return tuple(found)


def judge(path: str, content: bytes) -> JsonFact:
    """What a strict and a relaxed reader would say of the content."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    strict, data = _parsed(text)
    if strict is None:
        return _fact(JsonFact(path), data)
    relaxed, data = _parsed(without_comments(text))
    unsure = relaxed is not None and any(match["more"] for match in _MORE.finditer(without_comments(text)))
    told = None if unsure else relaxed
    return _fact(JsonFact(path, strict=strict, relaxed=told, unsure=unsure), data)


def _parsed(text: str) -> tuple[str | None, dict[str, Any]]:
    """What is wrong with it, and the object that it is."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {clean_line(error.msg, 80)}", {}
    except (RecursionError, ValueError):
        return _("it is nested too deeply, or a number in it is too long"), {}
    return (None, data) if isinstance(data, dict) else (_("line 1, column 1: it is no object in braces"), {})


def _fact(fact: JsonFact, data: dict[str, Any]) -> JsonFact:
    """With the names at its top, the gateway that it names and the models that it lists."""
    system = data.get("systemEnv")
    gateway, key = (system.get("oneapiUrl"), system.get("chatApiKey")) if isinstance(system, dict) else (None, None)
    told = shown(gateway) if isinstance(gateway, str) and gateway.strip() else None
    return replace(
        fact, keys=tuple(clean_line(name, 60) for name in data)[:40], gateway=told, own_key=bool(key),
        models=tuple(_models(data))[:MODELS],
    )  # fmt: skip


def _models(data: dict[str, Any]) -> Iterator[OfferedModel]:
    """fact: labring/FastGPT config.json of v4.6 to v4.8.19; models of some lists name an address of their own."""
    for key in MODEL_LISTS:
        listed = data.get(key)
        for one in listed if isinstance(listed, list) else [listed]:
            name, address = (one.get("model"), one.get("requestUrl")) if isinstance(one, dict) else (None, None)
            if isinstance(name, str) and name.strip():
                where = shown(address) if isinstance(address, str) and address.strip() else None
                yield OfferedModel(clean_line(name, 200), key, where)


def without_comments(text: str) -> str:
    """Without comments and trailing commas, every other character where it was."""
    bare = _COMMENT.sub(lambda m: m[1] or re.sub(r"[^\n]", " ", m[0]), text)
    return _TRAILING.sub(lambda m: m[1] or " ", bare)
