"""Variables of a shell that is gone: which of them a running container was made with, as its compose files tell.

Compose fills ``${NAME}`` from the shell in which it is typed before it looks into an env file. A container keeps the
value, the shell is closed, and the next ``up`` makes another container. The compose files are read here with a token in
place of every variable that no env file sets; where the container's value fits the text around the token, and is not
what Compose would write now, that variable is the reason. Never asks the operator's own environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ..hosts import Files
from ..model import ComposeService
from .definition import MOUNT, PORT, VARIABLE, Change
from .fields import read_service
from .merging import section
from .trees import TreeReader
from .yaml_document import Tagged

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
