"""Compose projects: which files Compose would read in a folder, and what they declare together.

Reads through the ``Files`` door only, never runs Compose, and never asks the operator's own environment. A file that
cannot be read or that Compose would refuse is a ``ConfigFile`` with its error and a Fault; everything else is read on.

It also tells of a shell that is gone which of its variables a running container was made with. Compose fills
``${NAME}`` from the shell in which it is typed before it looks into an env file. A container keeps the value, the shell
is closed, and the next ``up`` makes another container. The compose files are read here with a token in place of every
variable that no env file sets; where the container's value fits the text around the token, and is not what Compose
would write now, that variable is the reason. Never asks the operator's own environment.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from ..hosts import Files, HostError, NotFound
from ..model import ComposeService, ConfigFile, EnvVar, Fault, Project
from ..text.cleaning import clean_line
from .definition import MOUNT, PORT, VARIABLE, Change
from .fields import absolute, env_files_of, files_given, read_service, texts
from .interpolation import InterpolationError, expand
from .merging import Keys, Tree, contradictions, foreign, is_active, needs, network_names, section, untag
from .places import FILES, OVERRIDES
from .trees import SeenFile, TreeReader
from .yaml_document import Tagged


def read_project(
    files: Files,
    directory: str,
    *,
    name: str | None = None,
    config_files: Sequence[str] = (),
    env_files: Sequence[str] = (),
) -> tuple[Project, tuple[Fault, ...]]:
    """The compose project in a folder. Never raises: what fails is told by the Faults and by ``ConfigFile.error``.

    ``config_files`` are those of the running containers' label: exactly they are merged, and an override that lies in
    the folder without being one of them is listed as not in use. Without them the files are chosen as Compose would.
    ``env_files`` are those that ``--env-file`` named: Compose does not read the folder's ``.env`` then.
    """
    reader = ProjectReader(files, posixpath.normpath(directory))
    dotenv = reader.read_env(env_files)
    chosen = reader.choose(config_files)
    reader.name = clean_line(name or reader.own_name(chosen), 200)
    reader.blame(chosen[0] if chosen else directory, reader.refused)
    tree = reader.tree(chosen)
    services = reader.services(tree, chosen)
    listed = reader.listed(chosen)
    unread = {path: reader.tree([path]) for path in listed if path not in chosen}
    waiting = {} if any(posixpath.basename(path) in OVERRIDES for path in chosen) else next(iter(unread.values()), {})
    return Project(
        name=reader.name,
        working_dir=directory,
        files=tuple(reader.config_file(path, in_use=path in chosen) for path in listed),
        services=services,
        env=tuple(EnvVar(key, value) for key, value in reader.env.items()),
        env_files=tuple(env_files),
        dotenv=tuple(EnvVar(key, value) for key, value in dotenv.items()),
        foreign_networks=foreign(tree, "networks"),
        foreign_volumes=foreign(tree, "volumes"),
        network_names=network_names(tree),
        left_out=tuple(reader.services(waiting, (), judged=False)),
    ), tuple(reader.faults)


def normalised_name(name: str) -> str:
    """A project name as Compose makes it of a folder's: ``_A.b C`` becomes ``abc``."""
    return "".join(re.findall(r"[a-z0-9_-]", name.lower())).lstrip("_-")


class ProjectReader(TreeReader):
    """Reads a folder as a project: which files make it, and its services."""

    def choose(self, config_files: Sequence[str]) -> list[str]:
        """The files that make the project, absolute, in order."""
        if config_files:
            return [self.absolute(path) for path in config_files]
        if "COMPOSE_FILE" in self.env:
            return self._told(self.env["COMPOSE_FILE"].split(self.env.get("COMPOSE_PATH_SEPARATOR") or ":"))
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

    def _told(self, parts: Sequence[str]) -> list[str]:
        """The files of COMPOSE_FILE. fact: the folder of the first is the project's, with its own ``.env`` (2.26.1)."""
        found = [self.absolute(path) for path in parts if path]
        if not found:
            self.fault("COMPOSE_FILE is empty, and Compose finds no compose file then", "Take the line out of .env.")
        elif posixpath.dirname(found[0]) != self.directory:
            self.directory = posixpath.dirname(found[0])
            self.read_names()
            self.env = self.dotenv({**self.env, **self.shell()}) | self.env
        return found

    def _present(self, candidates: Sequence[str]) -> list[str]:
        return [posixpath.join(self.directory, name) for name in candidates if name in (self.names or ())]

    def listed(self, chosen: Sequence[str]) -> list[str]:
        """The files in use, then the automatic overrides that lie there without being read."""
        overrides = self._present(OVERRIDES)
        if len(overrides) > 1:
            names = " and ".join(posixpath.basename(path) for path in overrides)
            self.fault(
                f"{self.directory} has {names}; Compose reads only the first", "Merge them into one file.", hides=False
            )
        return list(dict.fromkeys((*chosen, *overrides)))

    def config_file(self, path: str, *, in_use: bool) -> ConfigFile:
        """What is known of one file."""
        seen = self.seen.get(path, SeenFile())
        override = posixpath.basename(path) in OVERRIDES
        return ConfigFile(
            path=path, sha256=seen.sha256, error=seen.error, automatic_override=override, in_use=in_use
        )  # fmt: skip

    def services(self, tree: Tree, own: Sequence[str], *, judged: bool = True) -> tuple[ComposeService, ...]:
        """The merged services, with the env files read."""
        profiles = [one.strip() for one in self.env.get("COMPOSE_PROFILES", "").split(",")]
        if judged and own and all(seen.error is None for seen in self.seen.values()):
            for keys, reason in contradictions(tree, profiles) if tree else [((), "empty compose file")]:
                self.blame(self._writer(own, keys), reason)
        found = []
        for key, raw in section(tree, "services").items():
            service = raw if isinstance(raw, dict) else {}
            wanted = own if judged and is_active(service, profiles) else ()
            self._look_for(key, service, wanted)
            waits = tuple(clean_line(other) for other in needs(service))
            made = read_service(str(key), service, self._env_files(key, service, wanted), self.known(), waits)
            volumes = {one.target: one for one in (*files_given(service, tree), *made.volumes)}
            found.append(msgspec.structs.replace(made, volumes=tuple(volumes.values())))
        return tuple(found)

    def _writer(self, own: Sequence[str], keys: Keys) -> str:
        """Which of the files to blame for a place: the last that writes it, or what it is a part of."""
        if keys and keys[-1] in own:
            return keys[-1]
        told = [(path, doc.data) for path in own for doc in self.documents(path)]
        depths = ((depth, path, data) for depth in range(len(keys), 1, -1) for path, data in reversed(told))
        return next((path for depth, path, data in depths if _has(data, keys[:depth])), own[0])

    def _look_for(self, name: str, service: Tree, own: Sequence[str]) -> None:
        """Files of labels have to be there."""
        for path in map(absolute, texts(service.get("label_file"))) if own else ():
            try:
                if self.files.stat(path).kind == "missing":
                    self.blame(self._writer(own, ("services", name, "label_file")), f"label file {path} not found")
            except HostError as error:
                self.fault(f"label file {path} cannot be read: {error}", error.remedy)

    def _env_files(self, name: str, service: Tree, own: Sequence[str]) -> dict[str, dict[str, str]]:
        """What its env files say; a later one may use the variables of those before. Told is what the service needs."""
        values: dict[str, dict[str, str]] = {}
        before: dict[str, str] = {}
        for path, how in env_files_of(service):
            reason, remedy, form = None, None, str(how.get("format") or "") or None
            try:
                told = self.parsed(path, {**self.known(), **before}, form)
                values[path] = told.values
                reason = f"env file {path}: {told.error}" if told.error else None
                if form not in {None, "raw"}:
                    reason = f'unsupported env_file format "{clean_line(str(form), 80)}"'
            except NotFound:
                if str(how.get("required", True)).lower() not in {"false", "n", "no", "off"}:
                    reason, remedy = f"env file {path} not found", "Create it, or drop the line."
            except HostError as error:
                self.fault(f"env file {path} cannot be read: {error}", error.remedy)
            before |= values.get(path, {})
            if reason and own:
                self._blame_env_file(self._writer(own, ("services", name, "env_file")), reason, remedy)
        return values

    def _blame_env_file(self, path: str, reason: str, remedy: str | None) -> None:
        """Told even where something else is wrong with the compose file."""
        if self.seen[path].error is not None:
            self.fault(f"{path}: {reason}", remedy)
        self.blame(path, reason, remedy)

    def own_name(self, paths: Sequence[str]) -> str:
        """The project's name when nobody gave one."""
        given = self.env.get("COMPOSE_PROJECT_NAME")
        if given:
            if normalised_name(given) != given:
                self.refused = (
                    f"invalid project name {clean_line(given, 80)!r} in COMPOSE_PROJECT_NAME: must consist only of "
                    "lowercase alphanumeric characters, hyphens and underscores, and start with a letter or number"
                )
            return given
        found = ""
        for doc in (doc for path in paths for doc in self.documents(path)):
            named = doc.data.get("name") if isinstance(doc.data, dict) else None
            with suppress(InterpolationError):
                found = expand(named, self.known()) if isinstance(named, str) and named else found
        return normalised_name(found) or normalised_name(posixpath.basename(self.directory)) or "default"


def _has(data: Any, keys: Keys) -> bool:  # noqa: ANN401
    """Whether the place is written there; a key of a list of names is an item of it."""
    for key in keys:
        data = untag(data)[0]
        if isinstance(data, list):
            return any(isinstance(one, str) and one.partition(":")[0] == key for one in data)
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


_OPEN, _CLOSE = "\ue000", "\ue001"
"""For private use, so that no file has them."""
_TOKEN = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")


class _OrToken(dict[str, str]):
    """The variables of the env files; any other name stands for itself."""

    def get(self, name: str, default: str | None = None) -> str:  # type: ignore[override] # noqa: ARG002
        return super().get(name, f"{_OPEN}{name}{_CLOSE}")


class _Reader(TreeReader):
    """Reads a project with tokens in place of what no env file says."""

    def known(self) -> Mapping[str, str]:
        return _OrToken(super().known())

    def shell(self) -> Mapping[str, str]:
        return {}

    def filled_in(self, value: Any, where: str, path: str) -> Any:  # noqa: ANN401
        return super().filled_in(_at_home(value, where), where, path)


def _at_home(value: Any, where: str) -> Any:  # noqa: ANN401
    """``~`` of a volume is the HOME of the shell."""
    if isinstance(value, str):
        return re.sub(r"^~(?=/|:|$)", "${HOME}", value) if ".volumes" in where else value
    if isinstance(value, dict):
        return {key: _at_home(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_at_home(inner, where) for inner in value]
    return Tagged(value.tag, _at_home(value.value, where)) if isinstance(value, Tagged) else value


def with_tokens(
    files: Files, directory: str, service: str, *, config_files: Sequence[str], env_files: Sequence[str]
) -> ComposeService | None:
    """The service as its files declare it, with tokens; None where they do not declare it."""
    reader = _Reader(files, directory)
    reader.read_env(env_files)
    tree = section(reader.tree(config_files), "services").get(service)
    return read_service(service, tree, {}, reader.known()) if isinstance(tree, dict) else None


def lost(found: Sequence[Change], declared: ComposeService | None, project: str) -> dict[str, str]:
    """The variables that some of the changes come from, each with the line of the definition it decides."""
    names: dict[str, str] = {}
    for change in found if declared else ():
        for template, value in _compared(change, declared, project) if declared else ():
            for name in _fits(template, value):
                names.setdefault(name, change.what)
    return names


def _fits(template: str, value: str) -> Sequence[str]:
    """The variables of a template whose fixed text is all there in the value; a name counts once."""
    parts = _TOKEN.split(template)
    pattern = "".join(re.escape(part) if at % 2 == 0 else ".*" for at, part in enumerate(parts))
    return parts[1::2] if re.fullmatch(pattern, value, re.DOTALL) else ()


def _compared(change: Change, declared: ComposeService, project: str) -> Iterator[tuple[str, str]]:
    """What the files write for a line of the definition, beside what the container has there."""
    if change.was is None:
        return
    kind, _, name = change.what.partition(" ")
    if change.what.startswith(VARIABLE):
        yield from ((one.value, change.was[1:]) for one in declared.env if one.name == name)
    elif change.what.startswith(MOUNT):
        source = change.was.partition(" ")[2].rpartition(" ")[0]
        for volume in declared.volumes:
            if _fits(volume.target, name) or volume.target == name:
                yield volume.source, source.removeprefix(f"{project}_")
    elif change.what.startswith(PORT):
        inside, _, protocol = name.partition("/")
        for text in change.was.split(", "):
            address, _, published = text.rpartition(":")
            plain = f"{published}:{inside}"
            forms = (plain, f"{plain}/{protocol}", f"{address}:{plain}", f"{address}:{plain}/{protocol}")
            yield from ((port, form) for port in declared.ports for form in forms)
    elif kind in ("image", "user"):
        yield (declared.image if kind == "image" else declared.user) or "", change.was
    elif kind in ("command", "entrypoint"):
        words = declared.command if kind == "command" else declared.entrypoint
        yield msgspec.json.encode(words).decode(), change.was
