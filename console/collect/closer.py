"""What is read of one container only while somebody looks at it: its processes, its image, how large its mounts are.

Nothing here is part of the Snapshot: each part costs the Engine or a disk something, and one pair of eyes needs it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from ..hosts import Engine, Files, Host, HostError, ProcessRow
from ..hosts.call import call_async
from ..hosts.engine_api import ImageInspected, decode, moment
from ..model import Container, Mount
from ..text import _
from ..text.cleaning import SECRETS, clean_line, redact
from .owners import rows_of

PS_ARGS = "-eo user,pid,ppid,args"
"""Columns of the table of processes. fact: docker container top hands them to the ps of the Engine's machine."""
WALK = 2.0
"""Seconds for the mounts of a container, all together: a database of millions of files is not counted to its end."""
DEEPEST, WIDEST, LONGEST = 24, 2000, 2000
"""What is kept of a reply: levels, entries of one level, characters of one text."""

Tree = Mapping[str, "Tree"] | Sequence["Tree"] | str | float | bool | None
"""JSON, fit to be shown."""


class Size(Struct, frozen=True):
    """How much a mount holds."""

    bytes: int
    whole: bool = True
    """Whether all of it was seen; else it is at least as much."""


class Closer(Struct, frozen=True):
    """What a closer look at a container found; None: it was not read, and ``unread`` says why."""

    container: str
    read_at: float
    processes: tuple[ProcessRow, ...] | None = None
    image_made: float | None = None
    """Unix seconds."""
    image_size: int | None = None
    image_env: Mapping[str, str] | None = None
    """Variables that the image itself sets."""
    sizes: Mapping[str, Size] = {}
    """By the path in the container; mounts of which nothing can be known are missing."""
    unread: tuple[str, ...] = ()
    """Why a part is missing, in sentences."""


async def look(host: Host, container: Container) -> Closer:
    """Look once. Raises nothing: what cannot be read is told."""
    engine, found, unread = host.engine, dict[str, Any](), list[str]()
    if engine is None:
        return Closer(container.id, host.clock.now(), unread=(_("There is no Engine to ask."),))
    try:
        if container.state in {"running", "paused"}:
            found["processes"] = rows_of(await engine.top(container.id, ps_args=PS_ARGS), container.id)
    except HostError as error:
        unread.append(_("Its processes could not be read: {error}", error=error))
    try:
        found |= await _image(engine, container.image_id or container.image)
    except HostError as error:
        unread.append(_("Its image could not be read: {error}", error=error))
    if engine.local:
        found["sizes"] = await _sizes(host.files, container.mounts)
    return Closer(container.id, host.clock.now(), unread=tuple(unread), **found)


async def _image(engine: Engine, image: str) -> dict[str, Any]:
    told = decode(await engine.image(image), ImageInspected, "an image")
    pairs = (each.partition("=") for each in (told.config and told.config.env) or () if each)
    return {
        "image_made": moment(told.created), "image_size": told.size,
        "image_env": {clean_line(name): value for name, _equals, value in pairs},
    }  # fmt: skip


async def _sizes(files: Files, mounts: Sequence[Mount]) -> dict[str, Size]:
    """A mount whose disk does not answer, or which this user may not read, is left out."""
    found, until = dict[str, Size](), time.monotonic() + WALK
    for left, mount in zip(range(len(mounts), 0, -1), mounts, strict=True):
        share = max(0.0, until - time.monotonic()) / left
        walk = partial(measured, files, mount.source, share)
        try:
            size = await call_async(walk, 2 * share, mount.source, way=("size of", mount.source))
        except HostError:
            continue
        if size is not None:
            found[mount.target] = size
    return found


def measured(files: Files, path: str, seconds: float) -> Size | None:
    """Bytes of the files below a path, links not followed; None: there is nothing, or none of it may be read."""
    until, first = time.monotonic() + seconds, files.stat(path)
    if first.kind == "file":
        return Size(first.size or 0)
    if first.kind != "directory":
        return None
    total, whole, left, seen = 0, True, [path], 0
    while left:
        folder = left.pop()
        try:
            names = files.names(folder)
        except HostError:
            whole = False
            continue
        seen += 1
        for name in names:
            if time.monotonic() > until:
                return Size(total, whole=False)
            fact = files.stat(f"{folder}/{name}")
            if fact.link_target is not None:
                continue
            if fact.kind == "directory":
                left.append(fact.path)
            total += (fact.size or 0) if fact.kind == "file" else 0
    return Size(total, whole) if seen else None


async def inspect(host: Host, container: str) -> Tree:
    """All that the Engine tells of a container, cleaned and without secrets. Raises HostError."""
    if host.engine is None:
        raise HostError(_("There is no Engine to ask."))
    return shown(decode(await host.engine.inspect(container), dict, "a container"))


def shown(value: Any, name: str = "", depth: int = 0) -> Tree:  # noqa: ANN401 - JSON holds anything
    """JSON fit to be shown: foreign text cleaned, secrets masked by name, by shape, and as words of a command."""
    if depth > DEEPEST:
        return "..."
    if isinstance(value, dict):
        pairs = list(value.items())[:WIDEST]
        return {clean_line(str(key), 200): shown(each, str(key), depth + 1) for key, each in pairs}
    if isinstance(value, list):
        kept = value[:WIDEST]
        words = [each for each in kept if isinstance(each, str)]
        return _words(name, words) if len(words) == len(kept) else [shown(each, name, depth + 1) for each in kept]
    if isinstance(value, str):
        return SECRETS.value(clean_line(name, 200), clean_line(value, LONGEST))
    return value if value is None or isinstance(value, bool | int | float) else clean_line(str(value), LONGEST)


def _words(name: str, texts: Sequence[str]) -> Sequence[str]:
    """A list of texts: variables, or the words of a command, of which one may be the password of the one before."""
    clean = [clean_line(each, LONGEST) for each in texts]
    if name == "Env":
        pairs = [each.partition("=") for each in clean]
        return [f"{key}{equals}{SECRETS.value(key, value)}" for key, equals, value in pairs]
    return [redact(each) for each in SECRETS.words(clean)]


__all__ = ["Closer", "Size", "Tree", "inspect", "look", "measured", "shown"]
