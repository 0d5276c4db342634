"""Reads a librechat.yaml: the data, where each part of it is written, or the one fault that stops the reader. Pure.

The YAML itself is read by ``compose.yaml``; ``notation`` tells what its scalars mean. Here is only what
LibreChat makes of it (fact: js-yaml 4): keys are text, two equal keys are a fault, so is a tag of one's own.
This module may not touch files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from ...compose.places import dotenv, reach
from ...compose.yaml import parse
from ...compose.yaml_document import MAX_DEPTH, YamlError, YamlNode, place
from ...model import ComposeService, Container, EnvVar, Mount, Project, Service, Volume
from .env import working_dir
from .notation import Map, Seq, TextSpan, as_key, plain

DUPLICATE = "duplicated mapping key"
SECOND = "expected a single document in the stream, but found more"
INDENTATION = "bad indentation of a mapping entry"
COMMA = "missed comma between flow collection entries"
_WORDS: tuple[tuple[str, str | None, str], ...] = (
    ("found character '\\t' that cannot start", None, "tab characters must not be used in indentation"),
    ("mapping values are not allowed here", None, INDENTATION),
    ("sequence entries are not allowed here", None, INDENTATION),
    ("expected <block end>", "while parsing a block mapping", INDENTATION),
    (
        "could not find expected ':'",
        None,
        "can not read a block mapping entry; a multiline key may not be an implicit key",
    ),
    ("expected ',' or ']', but got '<stream end>'", None, "a `[` that is never closed"),
    ("expected ',' or '}', but got '<stream end>'", None, "a `{` that is never closed"),
    ("expected ',' or ", None, COMMA),
    ("found character", None, "a character that no value begins with; put the value in quotes"),
    ("expected '<document start>'", None, "text behind the end of the data (its indentation, or a bracket too many)"),
)
"""How ruamel's words begin, in what context, and how LibreChat (fact: js-yaml 4, lib/loader.js), else we, say that."""
_CORE = "tag:yaml.org,2002:"
_SCALARS = {"bool", "float", "int", "null", "timestamp"}
_AS_BUILT = {"binary", "map", "merge", "omap", "pairs", "seq", "set", "str"}


class YamlProblem(Exception):
    """The fault that stops the reader. Line and column count from 1; None where there is no one place."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason if line is None else f"{reason} ({line}:{column})")
        self.reason = reason
        self.line = line
        self.column = column


class TooDeep(Exception):
    """Nested deeper than is judged, aliases followed."""

    def __init__(self, reason: str = "it is nested deeper than is judged") -> None:
        super().__init__(reason)


class _Built(Struct):
    """What a node means, and how many levels it goes down with its aliases followed."""

    value: Any
    height: int = 0


def load(text: str) -> Any:  # noqa: ANN401 - YAML holds anything
    """The data, as Map, Seq, Date and plain scalars; None without content. Raises YamlProblem and TooDeep."""
    return read(text)[1]


def read(text: str) -> tuple[YamlNode | None, Any]:
    """The node of the whole, and the data."""
    body = text.removeprefix("\ufeff")
    if "\0" in body:
        raise YamlProblem("null byte is not allowed in input", *place(body, body.index("\0")))
    try:
        root, _ = parse(body)
    except RecursionError:
        raise TooDeep from None
    except YamlError as error:
        raise _problem(error) from None
    return root, None if root is None else _Builder(body).build(root).value


def _problem(error: YamlError) -> YamlProblem | TooDeep:
    """The fault in LibreChat's words where ruamel's say the same, else in ``compose.yaml``'s or ruamel's own."""
    if error.reason.startswith("nested deeper"):
        return TooDeep()
    if error.reason.endswith("stands inside what it repeats"):
        return TooDeep("its aliases repeat themselves without end")
    if error.reason.startswith("a second document"):
        return YamlProblem(SECOND)
    raw = error.__context__  # what compose.yaml caught
    said, context = str(getattr(raw, "problem", None) or ""), getattr(raw, "context", None)
    for begins, within, reason in _WORDS:
        if said.startswith(begins) and within in {None, context}:
            return YamlProblem(reason, error.line, error.column)
    return YamlProblem(error.reason, error.line, error.column)


class _Builder:
    """From the nodes of one document to its data."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.known: dict[int, _Built] = {}

    def build(self, node: YamlNode, depth: int = 0) -> _Built:
        """What a node means. Sets the end of block collections, which the parser only hints at."""
        if node.target is not None:
            built = self.known[id(node.target)]
        else:
            built = _KINDS[node.kind](self, node, depth)
            self.known[id(node)] = built
        if depth + built.height > MAX_DEPTH:
            raise TooDeep
        return built

    def problem(self, reason: str, node: YamlNode) -> YamlProblem:
        return YamlProblem(reason, *place(self.text, node.start))

    def scalar(self, node: YamlNode, _depth: int) -> _Built:
        name = (node.tag or "").removeprefix(_CORE)
        if node.tag is None:
            return _Built(plain(node.value)[1] if node.style is None else node.value)
        if node.tag.startswith(_CORE) and name in _SCALARS:
            kind, value = plain(node.value)
            if kind != name:
                raise self.problem(f"the value does not fit its tag !!{name}", node)
            return _Built(value)
        self.check_tag(node)
        return _Built(node.value)

    def check_tag(self, node: YamlNode) -> None:
        """Tags of one's own are a fault to LibreChat."""
        if node.tag and not (node.tag.startswith(_CORE) and node.tag.removeprefix(_CORE) in _AS_BUILT):
            raise self.problem(f"unknown tag !<{node.tag}>", node)

    def sequence(self, node: YamlNode, depth: int) -> _Built:
        self.check_tag(node)
        built = _Built(Seq())
        for item in node.items:
            built.value.append(self.child(built, item, depth))
            built.value.items_at.append(TextSpan(item.start, item.end))
        if node.items and not node.flow:
            node.end = node.items[-1].end
        return built

    def child(self, parent: _Built, node: YamlNode, depth: int) -> Any:  # noqa: ANN401
        built = self.build(node, depth + 1)
        parent.value.size += getattr(built.value, "size", 1)
        parent.height = max(parent.height, built.height + 1)
        return built.value

    def mapping(self, node: YamlNode, depth: int) -> _Built:
        self.check_tag(node)
        built = _Built(Map())
        merged: dict[str, Any] = {}
        for key_node, value_node in node.pairs:
            merges = key_node.kind == "scalar" and key_node.value == "<<" and key_node.style is None
            key = self.key(built, key_node, node, depth)
            if key in built.value.keys_at and not merges:
                raise self.problem(DUPLICATE, key_node)
            value = self.child(built, value_node, depth)
            built.value.keys_at[key] = TextSpan(key_node.start, key_node.end)
            built.value.values_at[key] = TextSpan(value_node.start, value_node.end)
            if merges:
                merged = {**self.source(value, value_node), **merged}
            else:
                built.value[key] = value
        for key, value in merged.items():
            built.value.setdefault(key, value)
        if node.pairs and not node.flow:
            node.end = node.pairs[-1][1].end
        return built

    def key(self, built: _Built, key: YamlNode, mapping: YamlNode, depth: int) -> str:
        if not mapping.flow and key.kind == "scalar" and key.start == key.end:
            raise self.problem("a `:` without a key before it", key)
        return as_key(self.child(built, key, depth))

    def source(self, value: Any, node: YamlNode) -> dict[str, Any]:  # noqa: ANN401
        """What ``<<`` brings; of a list, earlier mappings win."""
        found: dict[str, Any] = {}
        for part in value if isinstance(value, Seq) else [value]:
            if not isinstance(part, Map):
                raise self.problem("`<<` can only merge mappings", node)
            found = {**part, **found}
        return found


_KINDS: dict[str, Callable[[_Builder, YamlNode, int], _Built]] = {
    "scalar": _Builder.scalar,
    "sequence": _Builder.sequence,
    "mapping": _Builder.mapping,
}


DEFAULT_PATH = "/app/librechat.yaml"
WRITTEN = ("/app/api/logs", "/app/logs", "/app/uploads", "/app/client/public/images")
"""Folders that LibreChat writes into. fact: docker-compose.yml and deploy-compose.yml of v0.7 to v0.8"""
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
    unread: str | None
    """Host path of a ``.env`` that the server reads besides."""

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
    env, unread = environment(container, declared, project)
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
    return Spot(service, container, project, declared, tuple(dict.fromkeys(paths)), mounted, env, unread)


def environment(
    container: Container | None, declared: ComposeService | None, project: Project | None
) -> tuple[tuple[EnvVar, ...], str | None]:
    """What the server has, and the host path of the ``.env`` it reads where that is not the project's, which is known.

    Its container's variables count, then those of the ``.env`` in its working directory: dotenv never overwrites.
    """
    told = container or declared
    path = dotenv_path(container, declared)
    own = told.env if told else ()
    if path is None or project is None or path != posixpath.join(project.working_dir or "", ".env"):
        return own, path
    names = {var.name for var in own}
    return (*own, *(var for var in dotenv(project) if var.name not in names)), None


def dotenv_path(container: Container | None, declared: ComposeService | None) -> str | None:
    """The host path of the ``.env`` in its working directory; None where nothing is mounted there."""
    mounts: Sequence[Mount | Volume] = container.mounts if container else declared.volumes if declared else ()
    return host_path(posixpath.join(_folder(container, declared), ".env"), mounts)


def _folder(container: Container | None, declared: ComposeService | None) -> str:
    """The working directory: the container's, else the declaration's, else that of the kind of image."""
    told = (container.working_dir if container else None) or (declared.working_dir if declared else None)
    image = container.image if container else declared.image if declared else None
    return working_dir(told, image)


def config_path(env: Sequence[EnvVar], container: Container | None, declared: ComposeService | None) -> str | None:
    """The path inside the container; None where the file is fetched from the web."""
    setting = next((var.value for var in env if var.name == "CONFIG_PATH" and var.value), None)
    if setting is None:
        return DEFAULT_PATH
    if re.match(r"https?://", setting):
        return None
    return posixpath.normpath(posixpath.join(_folder(container, declared), setting))


def host_path(target: str, mounts: Iterable[Mount | Volume]) -> str | None:
    """What the container sees at ``target``, as a path of the host; None for what lies in a volume."""
    found = reach(target, mounts)
    return found.source if found is not None and found.kind == "bind" else None
