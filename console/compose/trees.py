"""What compose files say together: variables filled in, ``extends`` and ``include`` followed, each laid over the last.

Reads through the ``Files`` door only, and never asks the operator's own environment. What Compose would refuse is told
of the file that says it; the rest is read on. Every rule was checked against ``docker compose config`` v2.26.1.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

from ..hosts import Files, HostError, NotFound
from ..model import Fault
from ..text.cleaning import clean_line
from .fields import absolute, text_of, texts
from .interpolation import EnvFile, InterpolationError, PlacedText, expand_tree, read_env_file
from .merging import SECTIONS, Keys, Tree, lay_over, mapping, section, untag, without
from .schema import refused
from .yaml import load_all
from .yaml_document import YamlDocument, YamlError


@lru_cache(maxsize=64)
def _loaded(content: bytes) -> tuple[YamlDocument, ...]:
    """The same bytes are parsed once (about 20 ms for 500 lines): projects are read again and again. Never changed."""
    return load_all(content)


ASK = "whether Compose takes it says: docker compose config -q"


class SeenFile(Struct):
    """What is known of one compose file."""

    sha256: str | None = None
    error: str | None = None


class TreeReader(Struct):
    """One reading of one folder."""

    files: Files
    directory: str
    env: dict[str, str] = field(default_factory=dict)
    seen: dict[str, SeenFile] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    names: frozenset[str] | None = None
    name: str = ""
    """Of the project: what ``COMPOSE_PROJECT_NAME`` stands for."""
    refused: str | None = None
    """Why Compose refuses what is said outside of the compose files."""
    typed_in: str = ""
    """The folder in which Compose is started: ``PWD``, also of the files in other folders."""
    reading: tuple[str, ...] = ()
    """Files that are being read because one includes the next: one that comes again goes in a circle."""

    def __post_init__(self) -> None:
        self.typed_in = self.typed_in or self.directory

    def fault(self, sentence: str, remedy: str | None = None, *, hides: bool = True) -> None:
        """Tell what is wrong, and go on."""
        source = f"compose:{clean_line(self.directory)}"
        self.faults.append(Fault(source, clean_line(sentence, 600), remedy, hides=hides))

    def read_env(self, env_files: Sequence[str]) -> dict[str, str]:
        """The folder's names, and the variables for the compose files; what ``.env`` says where it is not read.

        fact: of several env files a later one wins, and may use the variables of those before (Compose 2.26.1)
        """
        self.read_names()
        if not env_files:
            self.env = self.dotenv(self.shell())
            return {}
        for path in env_files:
            try:
                told = self.parsed(path, {**self.env, **self.shell()})
            except HostError as error:
                self.fault(f"The env file {path} cannot be read, and Compose refuses to start without it: {error}")
                continue
            self.env |= told.values
            self._refuse_env(path, told)
        return self.dotenv({**self.env, **self.shell()}, judged=False)

    def parsed(self, path: str, base: Mapping[str, str], form: str | None = None) -> EnvFile:
        """An env file. Raises HostError."""
        return read_env_file(self.files.read(path).decode("utf-8", "replace"), base, form)

    def _refuse_env(self, path: str, told: EnvFile) -> None:
        if told.error and not self.refused:
            self.refused = f"{path}: {told.error}"

    def read_names(self) -> None:
        """What lies in the folder."""
        try:
            self.names = frozenset(self.files.names(self.directory))
        except HostError as error:
            self.fault(f"The folder {self.directory} cannot be read: {error}", error.remedy or "Check the path.")

    def dotenv(self, base: Mapping[str, str], *, judged: bool = True) -> dict[str, str]:
        """The folder's ``.env``; empty where there is none, or a folder of that name."""
        path = posixpath.join(self.directory, ".env")
        if self.names is not None and ".env" not in self.names:
            return {}
        try:
            if self.files.stat(path).kind == "directory":
                return {}
            told = self.parsed(path, base)
        except NotFound:
            return {}
        except HostError as error:
            self.fault(f"{path} cannot be read, so its variables count as unset: {error}", error.remedy)
            return {}
        if judged:
            self._refuse_env(path, told)
        return told.values

    def absolute(self, path: str) -> str:
        """From the folder on."""
        return posixpath.normpath(posixpath.join(self.directory, path))

    def known(self) -> Mapping[str, str]:
        """What variables stand for in the compose files.

        ``PWD`` and ``HOME`` are those of whoever types ``docker compose up`` in the folder; the shell comes first.
        """
        return {"COMPOSE_PROJECT_NAME": self.name, **self.env, **self.shell()}

    def shell(self) -> Mapping[str, str]:
        """What the shell says in which Compose is started."""
        return {"PWD": self.typed_in, "HOME": os.path.expanduser("~")}  # noqa: PTH111 - text in, text out

    def _valueless(self, value: Any) -> str | None:  # noqa: ANN401 - YAML holds anything
        """Which variables leave a text without one of its parts."""
        names = re.findall(r"\$\{?([A-Za-z_]\w*)\}?", value.written) if isinstance(value, PlacedText) else ()
        known = self.known()
        unset = ", ".join(dict.fromkeys(name for name in names if not known.get(name)))
        return f"Nothing gives {unset} a value: set it in .env." if unset else None

    def blame(self, path: str, reason: str | None, remedy: str | None = None, keys: Keys = ()) -> None:
        """Tell what is wrong with a file, and where in it; only the first thing counts."""
        seen = self.seen.setdefault(path, SeenFile())
        if reason is None or seen.error is not None:
            return
        docs = self.documents(path) if keys else ()
        depth, line, column = max((_at(doc, keys) for doc in docs), default=(0, 0, 0))
        reason = f"line {line}, column {column}: {reason}" if depth else reason
        seen.error = clean_line(reason, 600)
        self.fault(f"{path}: {reason}", remedy or "Correct the file; `docker compose config -q` says the same.")

    def documents(self, path: str) -> tuple[YamlDocument, ...]:
        """Of a file as it is written; none where it cannot be read, which is told elsewhere."""
        try:
            return _loaded(self.files.read(path))
        except (HostError, YamlError):
            return ()

    def _read(self, path: str) -> Iterator[Tree]:
        """The documents of one compose file, interpolated; none where that fails."""
        seen = self.seen.setdefault(path, SeenFile())
        try:
            content = self.files.read(path)
            seen.sha256 = hashlib.sha256(content).hexdigest()
            for doc in _loaded(content):
                yield {key: self.filled_in(value, str(key), path) for key, value in (doc.data or {}).items()}
        except HostError as error:
            self.blame(path, str(error), error.remedy)
        except YamlError as error:
            self.blame(path, str(error), f"stackops does not read such a file; {ASK}" if error.limit else None)
        except InterpolationError as error:
            self.blame(path, str(error))

    def filled_in(self, value: Any, where: str, path: str) -> Any:  # noqa: ANN401 - YAML holds anything
        """A part of the file with its variables filled in. Raises InterpolationError."""
        return expand_tree(value, self.known(), where, file=path, folder=self.directory)

    def tree(self, paths: Sequence[str]) -> Tree:
        """What the files say together."""
        whole: Tree = {}
        for path in paths:
            for data in self._read(path):
                whole = self._added(whole, path, data)
        return whole

    def _added(self, whole: Tree, path: str, data: Tree) -> Tree:
        """The files so far with one more laid over them; told is what Compose refuses about it."""
        own, gone = untag(data)
        services = own.get("services")
        if isinstance(services, dict):
            done: dict[tuple[str, str], Any] = {}
            own["services"] = {name: self._extended(name, services, path, gone, done) for name in services}
        elif "services" in own:
            self.blame(path, "services must be a mapping", None, ("services",))
        clean = all(seen.error is None for seen in self.seen.values())
        self._include(path, own)
        whole = lay_over(without(whole, gone), own, lambda keys: self._clash(path, keys))
        if (fault := refused(whole if clean else own)) is not None:
            self.blame(path, fault.reason, self._valueless(fault.value), fault.keys)
        if services := section(whole, "services"):
            whole["services"] = {name: _with_mappings(service) for name, service in services.items()}
        whole.pop("version", None)
        return whole

    def _clash(self, path: str, keys: Keys) -> None:
        self.blame(path, f"cannot override {'.'.join(keys)}", None, keys)

    def _extended(
        self, name: str, services: Tree, path: str, gone: Sequence[Keys], done: dict[tuple[str, str], Any]
    ) -> Any:  # noqa: ANN401 - YAML holds anything
        """A service of a file laid over those that it extends, in this file or others; ``done`` are laid already."""
        first, way, lost = path, dict[tuple[str, str], Tree](), {path: gone}
        found = done.get((path, name), services[name])
        while isinstance(found, dict) and "extends" in found and (path, name) not in done:
            told = found["extends"] if isinstance(found["extends"], dict) else {"service": found["extends"]}
            way[path, name], base = found, told.get("service")
            where = absolute(told["file"]) if isinstance(told.get("file"), str) else path
            there: Tree | None = services
            if where != path:
                there, lost[where] = self._beside(first, where)
            if there is None:
                break
            circle = isinstance(base, str) and (where, base) in way
            if not isinstance(base, str) or base not in there or circle:
                reason = "it extends itself" if circle else f'service "{text_of(base)}" not found'
                cannot = f'cannot extend service "{clean_line(str(name))}" in {clean_line(path)}: {clean_line(reason)}'
                self.blame(first, cannot, None, ("services", str(name), "extends"))
                break
            name, services, path = base, there, where
            found = done.get((path, name), services[name])
        while way:
            place, own = way.popitem()
            if isinstance(found, dict) and own is not found:
                kept = {key: value for key, value in own.items() if key != "extends"}
                reset = [keys[2:] for keys in lost[place[0]] if keys[:2] == ("services", place[1])]
                at = ("services", str(place[1]))
                found = lay_over(without(found, reset), kept, lambda keys: self._clash(first, keys), at)
            else:
                found = own
            done[place] = found
        return found

    def _beside(self, path: str, other: str) -> tuple[Tree | None, Sequence[Keys]]:
        """The services of a file of which one is extended, and where they reset; its paths count from its own folder.

        fact: Compose 2.26.1 lays the documents of such a file over each other first
        """
        inner = type(self)(self.files, posixpath.dirname(other), self.env, name=self.name, typed_in=self.typed_in)
        found: Tree = {}
        gone: list[Keys] = []
        for data in inner._read(other):
            own, lost = untag(data)
            found = lay_over(without(found, lost), {"services": section(own, "services")}, lambda _: None)
            gone += lost
        error = inner.seen[other].error
        self.blame(path, f"{other}: {error}" if error else None)
        return None if error else section(found, "services"), gone

    def _include(self, path: str, own: Tree) -> None:
        """Take in what it names under ``include``: each a project of its own, in its own folder, with its ``.env``.

        fact: Compose 2.26.1: the variables of whoever includes it come first
        """
        told = own.pop("include", None)
        if told is not None and not isinstance(told, list):
            self.blame(path, "`include` must be a list")
        for entry in told if isinstance(told, list) else ():
            one = entry if isinstance(entry, dict) else {"path": entry}
            paths = [self.absolute(each) for each in texts(one.get("path"))]
            if paths:
                given = texts(one.get("project_directory"))
                folder = self.absolute(given[0]) if given else posixpath.dirname(paths[0])
                self._import(path, own, paths, folder, [self.absolute(each) for each in texts(one.get("env_file"))])

    def _import(self, path: str, own: Tree, paths: list[str], folder: str, env_files: list[str]) -> None:
        """Take the services and what else there is of other files into the data of the one at ``path``."""
        if set(paths) & {*self.reading, path}:
            self.blame(path, f"include goes in a circle: {' -> '.join((*self.reading, path, paths[0]))}")
            return
        inner = type(self)(self.files, folder, reading=(*self.reading, path), name=self.name, typed_in=self.typed_in)
        inner.read_env(env_files)
        inner.env |= self.env
        tree = inner.tree(paths)
        errors = (f"{each}: {seen.error}" for each, seen in inner.seen.items() if seen.error)
        blamed = inner.refused or next(errors, None)
        self.blame(path, blamed)
        if blamed is not None:
            return
        self.faults += inner.faults
        for service in section(tree, "services").values():
            pairs = section({"s": service}, "s").get("environment")
            if isinstance(pairs, dict):
                service["environment"] = {k: inner.known().get(k) if v is None else v for k, v in pairs.items()}
            elif isinstance(pairs, list):
                service["environment"] = [f"{n}={inner.known()[n]}" if n in inner.known() else n for n in pairs]
        for kind in SECTIONS:
            for name, value in section(tree, kind).items():
                there = section(own, kind)
                if name in there and there[name] != value:
                    self.blame(path, f"{kind}.{name} conflicts with imported resource")
                own[kind] = {name: value} | there


def _with_mappings(service: Any) -> Any:  # noqa: ANN401
    lists = [key for key in ("networks", "depends_on") if key in service] if isinstance(service, dict) else ()
    return service | {key: mapping(key, service[key]) for key in lists} if lists else service


def _at(doc: YamlDocument, keys: Sequence[str]) -> tuple[int, int, int]:
    """How many of the keys are written in this document, with line and column of the deepest."""
    node, way = doc.root, []
    for key in keys:
        if node is None or node.kind == "alias":
            break
        if node.kind == "sequence" and key.isdecimal() and len(key) < 9 and int(key) < len(node.items):
            node = node.items[int(key)]
            way.append(node)
        elif node.kind == "mapping" and (there := node.key(key)) is not None:
            way.append(there)
            node = node.get(key)
        else:
            break
    return (len(way), *doc.place(way[-1])) if way else (0, 0, 0)
