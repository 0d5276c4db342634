"""How one mongod is started: its command line, its configuration file, and the key file that these name. Pure.

What a command line means: docker-library/mongo docker-entrypoint.sh, and FastGPT's compose files v4.6.8 to v4.15.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ...console.model import FileFact, KeyFileFact, MongodConfig, Snapshot
from ...console.products.mongo import config_path, key_file, makes_user, option
from ..compose import Placed, marks_since_start, placed, value_of
from ..subjects import Reach, fact_of, reach, within

BITNAMI_SET = "MONGODB_REPLICA_SET_NAME"
MONGODB_UID = 999
"""User ``mongodb`` of the official image. fact: Dockerfiles of 4.4 to 8.0"""
SHELLS = ("bash", "sh", "ash", "dash")
ENTRYPOINT = "docker-entrypoint.sh"
DUTIES = ("configsvr", "shardsvr")
"""fact: mongod --configsvr, --shardsvr; a configuration with configsvr: true is for the former alone."""
_PROGRAM = re.compile(r"(?:^|[\s;&|(])((?:/[\w./-]*/)?mongo[ds])(?=[\s;&|)]|$)")
CHOWNED = ("/data/db", "/data/configdb")
"""Folders the image's entrypoint gives to ``mongodb`` when it is started as root."""
SHORTEST, LONGEST = 6, 1024
"""Characters without white space (mongo security_key.cpp)."""
OPEN = 0o077
LOG = ("mongo.20254", "mongo.20255", "mongo.20575")
UP = "mongo.23016"
NO_KEY = {"missing", "directory"}


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
    script: str
    """That script; empty without one."""
    generates_key: bool
    """The script writes the key file itself at every start."""
    copied_from: str | None
    """What the script copies to the key file's path."""
    passed_by: bool
    """mongod is started past the image's entrypoint, which alone makes a user."""
    users: bool
    """It is started with ``--auth``, by the image's entrypoint or by whoever wrote its command or configuration."""
    chowns_key: bool
    """The image's entrypoint changes the key file's owner before mongod starts."""
    router: bool = False
    """It is a ``mongos``, which needs a key file as mongod does and has no set of its own."""
    cluster_auth: str | None = None
    """How the members of its set know each other, where it is told so."""
    duty: str = ""
    """``configsvr`` or ``shardsvr``: what it is in a sharded cluster; empty outside of one."""


def config_of(snapshot: Snapshot, place: Placed) -> MongodConfig | None:
    """What the configuration file says that its mongod reads, where that lies on this machine and could be read."""
    path = config_path(place.words)
    found = reach(path, place.mounts) if path else None
    return next((one for one in snapshot.mongod_configs if found and one.path == found.source), None)


def mongod_of(place: Placed, config: MongodConfig | None = None) -> Mongod:
    """Read the command line of a container, or of a declaration that has none yet."""
    source, words = place.told_by, place.words
    entry, command = (source.entrypoint, source.command) if source else ((), ())
    key = key_file(words, config)
    wrapped = any(posixpath.basename(word) in SHELLS for word in (*entry[:1], *command[:1]))
    script = _script(words) if wrapped else ""
    uid, as_root = _user(place, entry, command, script if wrapped else None)
    chowned = uid == MONGODB_UID and as_root and key is not None
    passed_by = _passed_by(entry, command, script if wrapped else None)
    told_auth = _has_flag("--auth", words) or bool(config and config.users)
    return Mongod(
        passed_by=passed_by, users=told_auth or (not passed_by and makes_user(source.env if source else ())),
        key_path=key.path if key else None, uid=uid, wrapped=wrapped, script=script,
        replica_set=option("--replSet", words) or (config.replica_set if config else None) or _bitnamis_set(place),
        generates_key=bool(wrapped and key and key.generated), copied_from=key.copied_from if wrapped and key else None,
        chowns_key=chowned and any(within(key.path if key else "/", folder) is not None for folder in CHOWNED),
        cluster_auth=option("--clusterAuthMode", words) or (config.cluster_auth if config else None),
        router=_is_router(entry, command), duty=next((duty for duty in DUTIES if _has_flag(f"--{duty}", words)), ""),
    )  # fmt: skip


def _script(words: tuple[str, ...]) -> str:
    """What a shell is given to run: behind ``-c``, else the first word that is no word; empty for a script's name."""
    given = (after for word, after in itertools.pairwise(words) if re.fullmatch(r"-[a-z]*c", word))
    return next(given, next((word for word in words if "\n" in word or " " in word), ""))


def _passed_by(entry: tuple[str, ...], command: tuple[str, ...], script: str | None) -> bool:
    """Whether mongod is started by somebody else than the image's entrypoint, as far as the words tell.

    fact: docker-entrypoint.sh makes the user where its first argument is ``mongod`` or an option, and not for a path.
    """
    if script is not None:
        return ENTRYPOINT not in script and bool(_PROGRAM.search(script)) and "createUser" not in script
    words = (*entry, *command)
    if words and posixpath.basename(words[0]) == ENTRYPOINT:
        words = words[1:]
    elif entry and posixpath.basename(entry[0]) == "mongod":
        return True
    return bool(words) and words[0] != "mongod" and posixpath.basename(words[0]) in ("mongod", "numactl")


def _is_router(entry: tuple[str, ...], command: tuple[str, ...]) -> bool:
    """Whether the program is ``mongos``; in a script, whether it starts that and no ``mongod``."""
    told = [*entry, *command[:1], *(word for word in command[1:] if " " in word or "\n" in word)]
    programs = [posixpath.basename(each) for word in told for each in _PROGRAM.findall(word)]
    return "mongos" in programs and "mongod" not in programs


def _has_flag(name: str, words: tuple[str, ...]) -> bool:
    return any(re.search(rf"(?:^|\s){re.escape(name)}(?=\s|$|=true)", word) for word in words)


def official(image: str | None) -> bool:
    """Whether an image is docker-library's, as it is or under a mirror's name."""
    return posixpath.basename((image or "").partition("@")[0]).partition(":")[0] == "mongo"


def is_bitnami(place: Placed) -> bool:
    """Whether it is Bitnami's image, which has variables and scripts of its own."""
    return "bitnami" in (place.image or "").lower()


def _bitnamis_set(place: Placed) -> str | None:
    """fact: bitnami/containers, mongodb: a mode makes a member of it; the set's usual name is ``replicaset``."""
    mode = is_bitnami(place) and value_of("MONGODB_REPLICA_SET_MODE", place.env)
    return (value_of(BITNAMI_SET, place.env) or "replicaset") if mode else None


def _user(
    place: Placed, entry: tuple[str, ...], command: tuple[str, ...], script: str | None
) -> tuple[int | None, bool]:
    """The user id mongod runs as, and whether the entrypoint starts as root and changes over itself."""
    user = (place.user or "").partition(":")[0]
    if user.isdecimal() and int(user) != 0:
        return int(user), False
    if user == "mongodb":
        return MONGODB_UID, False
    if user not in ("", "0", "root") or not official(place.image):
        return None, False
    if script is not None:
        drops = ENTRYPOINT in script or "gosu mongodb" in script
    else:
        default = not entry or posixpath.basename(entry[0]) == ENTRYPOINT
        first = entry[1:2] or command[:1]
        drops = default and (not first or first[0].startswith(("-", "mongo")))
    return (MONGODB_UID, True) if drops else (0, False)


# ---- its key file ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeyCase:
    """One mongod and its key file."""

    place: Placed
    mongod: Mongod
    reach: Reach | None
    fact: FileFact | None = None
    content: KeyFileFact | None = None
    failing: bool = False
    """The log says, after the last start, that the key file was refused."""
    flapping: bool = False
    """It said so of the run before, and nothing yet of this one."""
    said: str = ""
    """mongod's own words for it."""
    up: bool | None = None
    """Whether mongod runs for certain: it answers or has said so; False: nothing listens. None: nobody knows."""
    mapped: bool = False
    """User ids inside the container are not those of the host (rootless)."""
    desktop: bool = False
    """Docker Desktop: files of the machine have other modes and owners inside."""
    others: tuple[KeyCase, ...] = ()
    """Other members of the same replica set on this machine."""

    @property
    def host(self) -> str:
        """Path on the host."""
        return self.reach.source if self.reach and self.reach.kind == "bind" else ""

    @property
    def uid(self) -> int | None:
        """User id on the host that has to read the file; None when it cannot be told."""
        return None if self.mapped else self.mongod.uid

    @property
    def mount_error(self) -> bool:
        """The last start failed because the container was made when there was a directory."""
        error = self.place.container.error if self.place.container else None
        return bool(error and "not a directory" in error)

    @property
    def alive(self) -> bool:
        """Whether a mongod runs, as far as its answers, its log and the state of its container tell."""
        if self.place.state not in ("running", "paused") or self.failing:
            return False
        return self.up if self.up is not None else not self.flapping

    @property
    def lost_source(self) -> str | None:
        """What the start script copies although nothing mounts it, and the image cannot have it."""
        source = self.mongod.copied_from
        if source is None or self.reach is not None or f"> {source}" in self.mongod.script:
            return None
        return source if official(self.place.image) else None

    @property
    def absent(self) -> bool:
        """Whether the container will have no such file: nothing mounts it, and docker-library's image holds none."""
        place, path = self.place, self.mongod.key_path or ""
        entry = place.told_by.entrypoint[:1] if place.told_by else ()
        plain = not self.mongod.wrapped and all(posixpath.basename(word) in (ENTRYPOINT, "mongod") for word in entry)
        stock = official(place.image) and not (place.declared and place.declared.built)
        kept = any(within(path, folder) is not None for folder in CHOWNED)  # the image's own volumes
        return place.container is None and self.reach is None and plain and stock and path[:1] == "/" and not kept

    @property
    def left_alone(self) -> bool:
        """Whether nothing has to be started: mongod runs, or was never started."""
        return self.place.container is None or (self.alive and "directory" not in self.problems)

    @property
    def foreign(self) -> bool:
        """Whether the file belongs to somebody else. The superuser reads all; the image's entrypoint may chown it."""
        fact, uid = self.fact, self.uid
        if fact is None or fact.uid is None or uid in (None, 0) or fact.uid == uid:
            return False
        return bool(self.reach and self.reach.mount.read_only) or not self.mongod.chowns_key

    @property
    def bad_mode(self) -> tuple[str, ...]:
        """What mongod has against the file's mode: open to others, or shut to its owner."""
        mode = self.fact.mode if self.fact else None
        if mode is None:
            return ()
        return (*(("too-open",) if mode & OPEN else ()), *(() if mode & 0o400 else ("wrong-owner",)))

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """Everything wrong with the file, in the order mongod looks; empty when nothing is."""
        fact = self.fact
        if fact is None:
            return ()
        if fact.kind == "missing" and self.mongod.generates_key and not (self.reach and self.reach.exact):
            return ()
        if fact.kind != "file":
            return (fact.kind if fact.kind in NO_KEY else "not-a-file",)
        if self.mongod.generates_key:
            return ()
        content = _content_problem(fact, self.content)
        if self.mongod.copied_from is not None:  # the script gives the copy mode and owner
            return (content,) if content else ()
        owner = ("wrong-owner",) if self.foreign else ()
        return tuple(dict.fromkeys((*self.bad_mode, *owner, *((content,) if content else ()))))


def key_files(snapshot: Snapshot) -> Iterator[tuple[Placed, Mongod, Reach | None]]:
    """Each mongod that is told of a key file, and the mount that brings it."""
    for place in placed(snapshot, "mongo"):
        mongod = mongod_of(place, config_of(snapshot, place))
        if mongod.key_path is not None:
            yield place, mongod, reach(mongod.copied_from or mongod.key_path, place.mounts)


def key_cases(snapshot: Snapshot) -> Iterator[KeyCase]:
    """The same with all that is known of the file."""
    engine = snapshot.engine
    for place, mongod, found in key_files(snapshot):
        container = place.container
        host = found.source if found and found.kind == "bind" else None
        told = [m for m in snapshot.log_marks if container and m.container == container.id and m.mark in (*LOG, UP)]
        marks = [m.mark for m in marks_since_start(snapshot, container) if m.mark in (*LOG, UP)]
        said = [m.text for m in told if m.mark in LOG[:2]]
        before = max(told, key=lambda m: m.at or 0.0, default=None)
        state = next((s for s in snapshot.mongos if container and s.container == container.id), None)
        answers = {None: True, "refused": False, "reset": False}.get(state.trouble) if state else None
        yield KeyCase(
            place, mongod, found, fact_of(snapshot, host),
            next((one for one in snapshot.keyfiles if host and one.path == host), None),
            failing=bool(marks) and marks[-1] != UP, flapping=not marks and before is not None and before.mark != UP,
            said=said[-1].partition(": ")[2] if said else "", up=True if marks[-1:] == [UP] else answers,
            mapped=bool(engine and engine.rootless),
            desktop="Docker Desktop" in ((engine.os if engine else None) or ""),
        )  # fmt: skip


def _content_problem(fact: FileFact, content: KeyFileFact | None) -> str | None:
    if fact.size == 0 or (content is not None and content.keys == 0):
        return "empty"
    if content is None:
        return None
    if content.bad_characters:
        return "bad-characters"
    if content.length is not None and not SHORTEST <= content.length <= LONGEST:
        return "empty" if content.length == 0 else "bad-length"
    return "too-many-keys" if content.keys is not None and content.keys > 2 else None
