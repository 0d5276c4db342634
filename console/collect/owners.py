"""Process -> container -> service -> project, and what its command line tells: which model, which port. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..hosts import EngineFailed, ProcessRow
from ..hosts.engine_api import Top, decode
from ..model import Container, Service
from ..products.roles import LAUNCHERS
from ..text.cleaning import SECRETS, clean


def containers_by_pid(rows: Iterable[ProcessRow], known: Iterable[Container]) -> dict[int, str]:
    """Process id -> container id, for processes of containers that this Engine knows.

    By cgroup, not by State.Pid: a GPU's memory is held by children. fact: Ollama starts a process per loaded model
    (llm/llama_server.go). Of nested ids the outermost that this Engine lists is meant.
    """
    ids = {container.id for container in known}
    found = {row.pid: next((each for each in ids_of(row) if each in ids), None) for row in rows}
    return {pid: container for pid, container in found.items() if container is not None}


def ids_of(row: ProcessRow) -> tuple[str, ...]:
    """The containers that a process is in, the outermost first."""
    return row.containers or ((row.container,) if row.container else ())


def service_of(container: str | None, services: Iterable[Service]) -> Service | None:
    """The service that a container plays."""
    return next((service for service in services if container and service.container == container), None)


def is_local(containers: Iterable[Container], rows: Iterable[ProcessRow]) -> bool | None:
    """Whether the Engine's process ids are those of this process table; None when nothing tells.

    An address can look local and lead elsewhere (a forwarded socket): then a container's process id belongs to somebody
    else here, or to nobody.
    """
    told = {row.pid: ids_of(row) for row in rows}
    running = [c for c in containers if c.pid is not None and c.state in ("running", "paused")]
    if any(c.id in told.get(c.pid or 0, ()) for c in running):
        return True
    strangers = [c for c in running if c.pid in told]
    return False if strangers else None


SHIMS = ("containerd-shim", "docker-containe", "conmon")
"""Parents of a container's first process, by the 15 letters that the kernel keeps of a name."""
INITS = frozenset({"systemd", "init", "docker-init", "tini", "dumb-init", "catatonit", "s6-svscan"})
"""Who takes in processes whose parent has ended."""


class Processes:
    """Rows of this machine's table, and rows that the Engine told of containers whose processes are not in it."""

    def __init__(
        self, rows: Iterable[ProcessRow], *, told: Iterable[ProcessRow] = (), same_namespace: bool | None = None
    ) -> None:
        # With other process ids in the driver's list a row here would be a stranger's that has the same number.
        self._own: Mapping[int, ProcessRow] = {} if same_namespace is False else {row.pid: row for row in rows}
        self._all = {**{row.pid: row for row in told}, **self._own}
        self.rows: Sequence[ProcessRow] = tuple(self._all.values())
        self.complete = 1 in self._own
        """Whether the table is whole, as far as can be told: not ours alone, not that of a container."""

    def without(self, pids: Collection[int]) -> Processes:
        """The same table without those: their numbers belong to somebody else by now."""
        if not pids:
            return self
        left = Processes(row for row in self._all.values() if row.pid not in pids)
        left._own = {pid: row for pid, row in self._own.items() if pid not in pids}
        left.complete = self.complete
        return left

    def get(self, pid: int) -> ProcessRow | None:
        """The process with this id."""
        return self._all.get(pid)

    def visible(self, pid: int) -> bool:
        """Whether it is in this machine's table."""
        return pid in self._own

    def above(self, row: ProcessRow) -> list[ProcessRow]:
        """Its parents, nearest first; a table read while ids were reused may hold a ring."""
        seen, chain = {row.pid}, []
        while (parent := self._all.get(row.ppid)) is not None and parent.pid not in seen:
            seen.add(parent.pid)
            chain.append(parent)
            row = parent
        return chain

    def chain(self, row: ProcessRow) -> list[ProcessRow]:
        """It and its parents within the same container, or natively up to a service manager, launchers left out."""
        chain = [row]
        for parent in self.above(row):
            if ids_of(parent) != ids_of(row) or parent.pid == 1 or parent.name in INITS:
                break
            chain.append(parent)
        return [each for each in chain if each is row or each.name not in LAUNCHERS]

    def has_shim(self, row: ProcessRow) -> bool:
        """Whether some container engine still keeps the container that it is in."""
        return any(parent.name.startswith(SHIMS) for parent in self.above(row))


PS_ARGS = "-eo pid,ppid,args"
MOST = 4096
"""Rows that are looked at."""
_COMMAND = ("COMMAND", "CMD", "ARGS")


def rows_of(reply: bytes, container: str) -> tuple[ProcessRow, ...]:
    """The rows, by the titles of their columns, which depend on the machine's ``ps``. Nothing in a reply of no sense.

    fact: process ids are those of the Engine's machine (docker container top).
    """
    try:
        told = decode(reply, Top, "processes")
    except EngineFailed:
        return ()
    titles = [(title or "").strip().upper() for title in told.titles or ()]
    if "PID" not in titles:
        return ()
    found = (_row(dict(zip(titles, each or (), strict=False)), container) for each in (told.processes or ())[:MOST])
    return tuple(row for row in found if row is not None)


def _row(told: dict[str, Any], container: str) -> ProcessRow | None:
    pid, parent = _number(told.get("PID")), _number(told.get("PPID"))
    if pid is None:
        return None
    line = next((str(told[title]) for title in _COMMAND if told.get(title)), "")
    words = tuple(line.split())
    name = words[0].rpartition("/")[2][:15] if words else ""
    user = told.get("USER") or told.get("UID")
    return ProcessRow(
        pid=pid, ppid=parent or 0, name=name, command=words, started_at=None, user=str(user) if user else None,
        container=container, containers=(container,), runtime="docker",
    )  # fmt: skip


def _number(text: object) -> int | None:
    told = str(text).strip()
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else None


ARGUMENTS, LETTERS = 200, 500
"""How much of a command line is kept."""
_MODEL = frozenset({"--model", "--model-path", "--model-id", "--model_id_or_path", "--model-name-or-path", "-m"})
_ALIAS = frozenset({"--served-model-name", "--alias", "--model-alias", "--model-uid", "-a"})
_PORT = frozenset({"--port"})
_HUB = re.compile(r"models--([^/]+?)--([^/]+?)(?:/|$)")
_SHARD = re.compile(r"-00001-of-\d{5}$")
_BLOB = re.compile(r"/blobs/sha256[-:]([0-9a-f]{12,64})$")
_RUNNERS = ("ollama_llama_server", "llama-server")


def words_of(command: Sequence[str]) -> list[str]:
    """The arguments one by one. fact: a process that renames itself leaves all of them in the first."""
    if len(command) == 1 and " " in command[0]:
        return command[0].split()
    return list(command)


def shown(command: Sequence[str]) -> tuple[str, ...]:
    """The command line cleaned, what is secret in it masked: keys are handed to servers as arguments."""
    return SECRETS.words([clean(word, LETTERS) for word in command[:ARGUMENTS]])


def port_of(command: Sequence[str]) -> int | None:
    """The port it was told to listen on."""
    told = _option(command, _PORT)
    return int(told) if told and told.isascii() and told.isdecimal() and len(told) < 6 else None


def blob_of(command: Sequence[str]) -> str | None:
    """The digest of the weights that an Ollama runner was started with, as its file is called."""
    told = _BLOB.search(_option(command, _MODEL) or "")
    return told[1] if told else None


def weights_of(command: Sequence[str]) -> str | None:
    """What was given as the model: a name, or where its files are."""
    found = _option(command, _MODEL)
    if found:
        return found
    told = words_of(command)
    for one, other, model in zip(told, told[1:], told[2:], strict=False):
        if other == "serve" and one.rpartition("/")[2] == "vllm" and not model.startswith("-"):
            return model
    return None


def model_of(command: Sequence[str]) -> str | None:
    """The model's name, as far as the command line has one: what it is served as, else what it was loaded from."""
    alias = _option(command, _ALIAS)
    if alias:
        return alias
    told = weights_of(command)
    return None if told is None or _BLOB.search(told) else _name(told)


def is_runner(command: Sequence[str]) -> bool:
    """Whether it is the process that an Ollama server starts for one model.

    fact: ``ollama_llama_server`` up to 0.5, ``ollama runner`` after it, ``llama-server`` in current ones.
    """
    told = words_of(command)
    program = told[0].rpartition("/")[2] if told else ""
    return program in _RUNNERS or (program == "ollama" and told[1:2] == ["runner"])


def _option(command: Sequence[str], names: frozenset[str]) -> str | None:
    told = words_of(command)
    for index, word in enumerate(told):
        name, equals, value = word.partition("=")
        if name in names and (name != "-m" or not _is_python(told)):
            if equals:
                return value or None
            following = told[index + 1 : index + 2]
            return following[0] if following and not following[0].startswith("-") else None
    return None


def _is_python(told: Sequence[str]) -> bool:
    """``python -m module`` is no model."""
    return bool(told) and told[0].rpartition("/")[2].startswith(("python", "pypy"))


def _name(path: str) -> str | None:
    """A model's name out of where it lies: a cache of the hub, a folder, a file of weights."""
    if found := _HUB.search(path):
        return f"{found[1]}/{found[2]}"
    if not path.startswith(("/", "./", "~")) and not path.endswith(".gguf"):
        return path or None
    last = path.rstrip("/").rpartition("/")[2]
    return _SHARD.sub("", last.removesuffix(".gguf")) or None
