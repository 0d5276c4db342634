"""Compose projects: which files Compose would read in a folder, and what they declare together.

Reads through the ``Files`` door only, never runs Compose, and never asks the operator's own environment. A file that
cannot be read or that Compose would refuse is a ``ConfigFile`` with its error and a Fault; everything else is read on.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import Struct, field

from ..hosts import Files, HostError, NotFound
from ..model import ComposeService, ConfigFile, EnvVar, Fault, Project
from ..text import clean_line
from ..yamltext import Document, YamlError, load, untagged
from .compose_merge import Reading, finished, inconsistent, layers_of, merge, refused
from .interpolation import InterpolationError, expand_tree, parse_env_file

FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In the order in which Compose prefers them. fact: compose-go DefaultFileNames, seen with v2.26.1."""
OVERRIDES = (
    "compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml",
)  # fmt: skip
"""Compose reads the first of these there is, with any of ``FILES``, unless ``-f`` or COMPOSE_FILE is given."""


def read_project(
    files: Files, directory: str, *, name: str | None = None, config_files: Sequence[str] = ()
) -> tuple[Project, tuple[Fault, ...]]:
    """The compose project in a folder. Never raises: what fails is told by the Faults and by ``ConfigFile.error``.

    ``config_files`` are those of the running containers' label: exactly they are merged, and an override that lies in
    the folder without being one of them is listed as not in use. Without them the files are chosen as Compose would.
    """
    reader = _Project(files, posixpath.normpath(directory))
    reader.read_env()
    chosen = reader.choose(config_files)
    readings = [reader.read(path) for path in chosen]
    listed = reader.listed(chosen)
    unread = [reader.read(path) for path in listed if path not in chosen]
    services = reader.services(readings)
    waiting = [] if any(posixpath.basename(path) in OVERRIDES for path in chosen) else unread[:1]
    return Project(
        name=clean_line(name or reader.own_name(readings), 200),
        working_dir=directory,
        files=tuple(reader.config_file(path, in_use=path in chosen) for path in listed),
        services=services,
        env=tuple(EnvVar(key, value) for key, value in reader.env.items()),
        left_out=tuple(finished(layer, {}, reader.env) for layer in merge(waiting).values()),
    ), tuple(reader.faults)


def normalised_name(name: str) -> str:
    """A project name as Compose makes it of a folder's: ``_A.b C`` becomes ``abc``."""
    return "".join(re.findall(r"[a-z0-9_-]", name.lower())).lstrip("_-")


@lru_cache(maxsize=64)
def _loaded(content: bytes) -> Document:
    """The same bytes are parsed once (about 20 ms for 500 lines): projects are read again and again. Never changed."""
    return load(content)


class _Seen(Struct):
    """What is known of one compose file."""

    sha256: str | None = None
    error: str | None = None


class _Project(Struct):
    """One reading of one folder."""

    files: Files
    directory: str
    env: dict[str, str] = field(default_factory=dict)
    seen: dict[str, _Seen] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    names: frozenset[str] | None = None

    def fault(self, sentence: str, remedy: str | None = None) -> None:
        self.faults.append(Fault(f"compose:{clean_line(self.directory)}", clean_line(sentence, 600), remedy))

    def read_env(self) -> None:
        """The folder's names and its .env file."""
        try:
            self.names = frozenset(self.files.names(self.directory))
        except HostError as error:
            self.fault(f"The folder {self.directory} cannot be read: {error}", error.remedy or "Check the path.")
        if self.names is not None and ".env" not in self.names:
            return
        path = posixpath.join(self.directory, ".env")
        try:
            self.env = parse_env_file(self.files.read(path).decode("utf-8", "replace"))
        except NotFound:
            pass
        except HostError as error:
            self.fault(f"{path} cannot be read, so its variables count as unset: {error}", error.remedy)

    def choose(self, config_files: Sequence[str]) -> list[str]:
        """The files that make the project, absolute, in order."""
        if config_files:
            return [self._absolute(path) for path in config_files]
        if self.env.get("COMPOSE_FILE"):
            parts = self.env["COMPOSE_FILE"].split(self.env.get("COMPOSE_PATH_SEPARATOR") or ":")
            return [self._absolute(path) for path in parts if path]
        base = self._present(FILES)
        if not base:
            if self.names is not None:
                known = ", ".join(FILES)
                self.fault(
                    f"There is no compose file in {self.directory} ({known})",
                    "Name the folder that holds the stack's compose file.",
                )
            return []
        return [base[0], *self._present(OVERRIDES)[:1]]

    def _present(self, candidates: Sequence[str]) -> list[str]:
        return [posixpath.join(self.directory, name) for name in candidates if name in (self.names or ())]

    def _absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.directory, path))

    def listed(self, chosen: Sequence[str]) -> list[str]:
        """The files in use, then the automatic overrides that lie there without being read."""
        overrides = self._present(OVERRIDES)
        if len(overrides) > 1:
            names = " and ".join(posixpath.basename(path) for path in overrides)
            self.fault(f"{self.directory} has {names}; Compose reads only the first", "Merge them into one file.")
        return list(dict.fromkeys((*chosen, *overrides)))

    def config_file(self, path: str, *, in_use: bool) -> ConfigFile:
        seen = self.seen.get(path, _Seen())
        override = posixpath.basename(path) in OVERRIDES
        return ConfigFile(
            path=path, sha256=seen.sha256, error=seen.error, automatic_override=override, in_use=in_use
        )  # fmt: skip

    def read(self, path: str) -> Reading:
        """One compose file, interpolated; an empty reading where that fails."""
        reading = Reading(path=path, directory=self.directory)
        seen = self.seen.setdefault(path, _Seen())
        try:
            content = self.files.read(path)
            seen.sha256 = hashlib.sha256(content).hexdigest()
            reading.doc = _loaded(content)
            data = reading.doc.data or {}
            reading.data = {**data, **{k: expand_tree(data[k], self._known(), k) for k in _READ if k in data}}
            reading.layers = layers_of(reading)
            self._blame(path, refused(reading))
            self._not_followed(reading)
        except HostError as error:
            self._blame(path, str(error), error.remedy)
        except (YamlError, InterpolationError) as error:
            self._blame(path, str(error))
        return reading

    def _known(self) -> Mapping[str, str]:
        return {"COMPOSE_PROJECT_NAME": normalised_name(posixpath.basename(self.directory)), **self.env}

    def _blame(self, path: str, reason: str | None, remedy: str | None = None) -> None:
        if reason is None or self.seen[path].error is not None:
            return
        self.seen[path].error = clean_line(reason, 600)
        self.fault(f"{path}: {reason}", remedy or "Correct the file; `docker compose config -q` says the same.")

    def _not_followed(self, reading: Reading) -> None:
        if isinstance(reading.data, dict) and reading.data.get("include"):
            self.fault(f"{reading.path} includes other files, which are not read here")
        for layer in reading.layers:
            if layer.extends_file is not None:
                self.fault(f"{reading.path}: {layer.name} extends a service of another file, which is not read here")

    def services(self, readings: Sequence[Reading]) -> tuple[ComposeService, ...]:
        """The merged services, with the env files read."""
        merged = merge(readings)
        complete = all(self.seen[reading.path].error is None for reading in readings)
        profiles = [p for p in self.env.get("COMPOSE_PROFILES", "").split(",") if p]
        if complete and not any(isinstance(r.data, dict) and r.data.get("include") for r in readings):
            for path, reason in inconsistent(merged, readings, profiles).items():
                self._blame(path, reason)
        wanted = {path: needed for layer in merged.values() for path, needed in layer.env_files}
        values = {path: self._env_file(path, needed) for path, needed in wanted.items()}
        return tuple(finished(layer, values, self.env) for layer in merged.values())

    def _env_file(self, path: str, needed: bool) -> dict[str, str]:
        try:
            return parse_env_file(self.files.read(path).decode("utf-8", "replace"), self.env)
        except NotFound:
            if needed:
                self.fault(
                    f"env file {path} not found; Compose refuses to start without it", "Create it, or drop the line."
                )
        except HostError as error:
            self.fault(f"env file {path} cannot be read: {error}", error.remedy)
        return {}

    def own_name(self, readings: Sequence[Reading]) -> str:
        """The project's name when nobody gave one."""
        if self.env.get("COMPOSE_PROJECT_NAME"):
            return self.env["COMPOSE_PROJECT_NAME"]
        named = [untagged(r.data.get("name")) for r in readings if isinstance(r.data, dict)]
        name = next((n for n in reversed(named) if isinstance(n, str) and n), posixpath.basename(self.directory))
        return normalised_name(name) or "default"


_READ = ("name", "services", "volumes", "networks")
"""The sections that are interpolated; Compose's error for any other is not ours to tell."""
