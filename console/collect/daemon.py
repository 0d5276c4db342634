"""The Engine's own configuration: its file, the flags of the running dockerd, and whether systemd looks after it.

Reads through Files only. What the file holds beside the mirrors is not kept: it may have proxies with passwords in it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from msgspec.structs import replace

from ..hosts import Files, HostError, ProcessRow
from ..model import DaemonConfig, EngineInfo
from ..products import dockerd
from ..text import _
from ..text.cleaning import clean_line
from ..text.json_text import JsonDocument, JsonError, load

PID_FILE = "/var/run/docker.pid"
CERTIFICATES = "/etc/docker/certs.d"
DESKTOP_FILE = "~/.docker/daemon.json"
_ROOTLESS_DATA = "/.local/share/docker"
_UNIT = re.compile(
    r":/system\.slice/(?:[^\n]*/)?([A-Za-z0-9@:_.\\-]*docker[A-Za-z0-9@:_.\\-]*\.service)(?:/|$)", re.MULTILINE
)
_LOOKALIKES = ("registrymirrors", "registriesmirrors", "registrymirror")
"""Without dashes, underscores and capitals."""
ALIKE = 0.9
LIMIT = 4096


def read(files: Files, rows: Sequence[ProcessRow], engine: EngineInfo, *, listener: int | None = None) -> DaemonConfig:
    """What is known of the configuration. Raises HostError only where the file system does not answer."""
    if engine.os == "Docker Desktop":
        return DaemonConfig(path=DESKTOP_FILE, kind="unreadable")
    own = serving(files, rows, engine.address, rootless=engine.rootless, listener=listener)
    flags = dockerd.flags(own.command) if own else {}
    path = _path(files, own, flags, engine)
    apart = own is not None and is_apart(files, own.pid, path)
    said = _of_another(path, own) if own is not None and apart else _file(files, path)
    return replace(
        said,
        flags={clean_line(key): tuple(clean_line(value, LIMIT) for value in values) for key, values in flags.items()},
        pid=own.pid if own and not apart else None,
        user=own.user if own else None,
        unit=None if own is None or own.container or apart or engine.rootless else _unit(files, own.pid),
        started_at=own.started_at if own else None,
        certificates=() if apart else _names(files, CERTIFICATES),
    )


def serving(
    files: Files, rows: Sequence[ProcessRow], address: str, *, rootless: bool, listener: int | None
) -> ProcessRow | None:
    """The dockerd that serves the address, as far as that is clear."""
    return dockerd.the_one(rows, address=address, rootless=rootless, listener=listener, pid=_pid(files))


def is_apart(files: Files, pid: int, path: str) -> bool:
    """Whether the process finds another file, or folder, at the path than this one does: nothing here is its file.

    fact: proc(5): /proc/PID/root shows the file system as that process sees it, mounts and all.
    What this user may not look at is taken for the same: only who may write the file could do harm there.
    """
    root = f"/proc/{pid}/root"
    if files.stat(root).kind != "directory":
        return False
    while True:
        here, there = files.stat(path), files.stat(f"{root}{path}")
        if "unreadable" in (here.kind, there.kind):
            return False
        if (here.kind, here.device, here.inode) != (there.kind, there.device, there.inode):
            return True
        if here.kind != "missing" or path == "/":
            return False
        path = posixpath.dirname(path)


def _of_another(path: str, row: ProcessRow) -> DaemonConfig:
    why = _("dockerd ({pid}) has files of its own: it runs in a container or a mount namespace", pid=row.pid)
    return DaemonConfig(path=clean_line(path, LIMIT), kind="unreadable", error=why, apart=row.pid)


def _path(files: Files, own: ProcessRow | None, flags: dict[str, tuple[str, ...]], engine: EngineInfo) -> str:
    """fact: a rootless Engine keeps its data and its configuration below the same home."""
    named = flags.get("config-file", ())
    if named and own is not None and not named[-1].startswith("/"):
        folder = files.stat(f"/proc/{own.pid}/cwd").link_target
        named = (posixpath.normpath(posixpath.join(folder, named[-1])),) if folder else ()
    if named:
        return named[-1]
    if engine.rootless and engine.root_dir and engine.root_dir.endswith(_ROOTLESS_DATA):
        return f"{engine.root_dir.removesuffix(_ROOTLESS_DATA)}/.config/docker/daemon.json"
    return dockerd.DEFAULT_FILE


def _file(files: Files, path: str) -> DaemonConfig:
    fact = files.stat(path)
    config = DaemonConfig(path=clean_line(path, LIMIT), kind=fact.kind, changed_at=fact.mtime)
    if fact.kind != "file":
        return config
    try:
        content = files.read(path)
    except HostError as error:
        return replace(config, kind="unreadable", error=clean_line(str(error)))
    return judged(config, content)


def judged(config: DaemonConfig, content: bytes) -> DaemonConfig:
    """The configuration with what these bytes say."""
    try:
        document = load(content)
    except JsonError as error:
        return replace(
            config, error=clean_line(error.reason), line=error.line, column=error.column, blank=not content.strip()
        )
    return _with_mirrors(replace(config, mark=document.mark), document)


def _with_mirrors(config: DaemonConfig, document: JsonDocument) -> DaemonConfig:
    data = document.data
    typo = _typo(list(data))
    value = data.get(dockerd.MIRRORS)
    mirrors, wrong = _list(value), None
    if dockerd.MIRRORS in data and mirrors is None and value is not None:
        wrong = dockerd.kind_of(value)
    beside = _list(data[typo]) or _one(data[typo]) if typo else _one(value) if wrong else ()
    return replace(
        config, keys=tuple(clean_line(key) for key in data), mirrors=mirrors, mirrors_wrong=wrong,
        typo=clean_line(typo) if typo else None, typo_mirrors=beside or (),
        refused=tuple(clean_line(one) for one in dockerd.misfits(data)),
        unknown=tuple(clean_line(key) for key in dockerd.strangers(data) if key != typo),
        idle=tuple(clean_line(key) for key in dockerd.idle(data)),
    )  # fmt: skip


def _typo(keys: list[str]) -> str | None:
    """A key that can only have been meant to be ``registry-mirrors``."""
    for key in keys:
        if key == dockerd.MIRRORS:
            continue
        plain = re.sub(r"[\s_.-]", "", key).lower()
        if plain == "mirrors" or get_close_matches(plain, _LOOKALIKES, n=1, cutoff=ALIKE):
            return key
    return None


def _list(value: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return None
    return tuple(clean_line(one, LIMIT) for one in value)


def _one(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Addresses of a text that stands where a list should; several may be in it."""
    if not isinstance(value, str):
        return ()
    return tuple(clean_line(one, LIMIT) for one in re.split(r"[\s,;]+", value) if one)


def _pid(files: Files) -> int | None:
    try:
        text = files.read(PID_FILE, limit=64).strip()
    except HostError:
        return None
    return int(text) if text.isdigit() else None


def _unit(files: Files, pid: int) -> str | None:
    """The system's unit that dockerd runs in, so that its own ``reload`` is used."""
    try:
        found = _UNIT.search(files.read(f"/proc/{pid}/cgroup", limit=65536).decode("utf-8", "replace"))
    except HostError:
        return None
    return found[1] if found else None


def _names(files: Files, folder: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(clean_line(name) for name in files.names(folder)))
    except HostError:
        return ()
