"""How a mongod is started: its key file, its replica set, the user it runs as. Pure.

fact: docker-library/mongo docker-entrypoint.sh; compose files of FastGPT v4.6.8 to v4.15
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from ..compose import Placed, within

MONGODB_UID = 999
"""User ``mongodb`` of the official image. fact: Dockerfiles of 4.4 to 8.0"""
SHELLS = ("bash", "sh", "ash", "dash")
ENTRYPOINT = "docker-entrypoint.sh"
CHOWNED = ("/data/db", "/data/configdb")
"""Folders the image's entrypoint gives to ``mongodb`` when it is started as root."""


@dataclass(frozen=True)
class Mongod:
    """What the command line and the image tell."""

    key_path: str | None
    """Inside the container; None without ``--keyFile``."""
    replica_set: str | None
    uid: int | None
    """User id inside the container; None when it cannot be told."""
    wrapped: bool
    """A script is process 1: the container's state is not mongod's state."""
    generates_key: bool
    """The script writes the key file itself at every start."""
    chowns_key: bool
    """The image's entrypoint changes the key file's owner before mongod starts."""


def mongod_of(place: Placed) -> Mongod:
    """Read the command line of a container, or of a declaration that has none yet."""
    source = place.container or place.declared
    entry, command = (source.entrypoint, source.command) if source else ((), ())
    words = (*entry, *command)
    key_path = option("--keyFile", words)
    script = next((word for word in words if "\n" in word or " " in word), "")
    wrapped = any(posixpath.basename(word) in SHELLS for word in (*entry[:1], *command[:1]))
    uid, as_root = _user(place, entry, command, script if wrapped else None)
    generates = bool(wrapped and key_path and re.search(rf">\s*['\"]?{re.escape(key_path)}", script))
    chowned = uid == MONGODB_UID and as_root and key_path is not None
    return Mongod(
        key_path=key_path, replica_set=option("--replSet", words), uid=uid, wrapped=wrapped, generates_key=generates,
        chowns_key=chowned and any(within(key_path or "/", folder) is not None for folder in CHOWNED),
    )  # fmt: skip


def option(name: str, words: tuple[str, ...]) -> str | None:
    """The value of ``--name value`` or ``--name=value`` among the words, or inside a script that is one word."""
    for index, word in enumerate(words):
        if word == name:
            return words[index + 1] if index + 1 < len(words) else None
        if word.startswith(name + "="):
            return word.partition("=")[2] or None
        found = re.search(rf"(?:^|\s){re.escape(name)}(?:=|\s+)['\"]?([^\s'\";&|]+)", word)
        if found:
            return found[1]
    return None


def _user(
    place: Placed, entry: tuple[str, ...], command: tuple[str, ...], script: str | None
) -> tuple[int | None, bool]:
    """The user id mongod runs as, and whether the entrypoint starts as root and changes over itself."""
    user = (place.user or "").partition(":")[0]
    if user.isdecimal() and int(user) != 0:
        return int(user), False
    if user == "mongodb":
        return MONGODB_UID, False
    image = place.container.image if place.container else (place.declared.image or "" if place.declared else "")
    official = posixpath.basename(image.partition("@")[0]).partition(":")[0] == "mongo"
    if user not in ("", "0", "root") or not official:
        return None, False
    if script is not None:
        drops = ENTRYPOINT in script or "gosu mongodb" in script
    else:
        default = not entry or posixpath.basename(entry[0]) == ENTRYPOINT
        first = entry[1:2] or command[:1]
        drops = default and (not first or first[0].startswith(("-", "mongo")))
    return (MONGODB_UID, True) if drops else (0, False)
