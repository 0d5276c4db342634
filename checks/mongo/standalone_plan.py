"""The way from a standalone mongod to a set of one member: command, key file, recreate, initiate. Pure.

fact: mongo-docker-db 1.6 (with users a set needs a key file), 2.1 (the image adds --auth where it makes a user), 3 (the
file's mode and owner); fastgpt-stack 3 (the start script makes its own key)
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from ...console.findings import Result
from ...console.model import Container, FileFact, Mount, Snapshot, Volume
from ...console.plan import Plan, Question
from ...console.steps import (
    AddVolume,
    AnyStep,
    Chmod,
    Chown,
    CreateFile,
    EditFile,
    InitiateSet,
    RandomKey,
    ReplaceDirectoryByFile,
    RestartContainer,
)
from ...console.steps import SetServiceKeys as Keys
from .. import compose
from .mongod import MONGODB_UID, option
from .node import Node
from .set_forms import behind

ID = "mongo.replica-set"
SET, KEY = "rs0", "/data/mongodb.key"
"""fact: every compose file of FastGPT from v4.6.8 on"""
_MADE_INSIDE = re.compile(r">\s*['\"]?(/[^\s'\";&|]+)['\"]?\s*$", re.MULTILINE)
_WITH_USERS = {"MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"}


def standalone_plan(
    node: Node, result: Result, host: str | None, snapshot: Snapshot, answers: Mapping[str, str]
) -> Plan | str:
    """The plan, or why it is for people."""
    place = node.place
    target = compose.override_for(place)
    words, key = _command(node)
    refused = _refusal(node, words, snapshot)
    if refused or target is None or place.directory is None or place.service is None:
        return refused or "Neither the project folder nor the service's name is known."
    own = answers.get("key") or posixpath.join(place.directory, "mongodb.key")
    edits: tuple[AddVolume | Keys, ...] = (Keys(place.service, command=words),)
    steps: list[AnyStep] = []
    there = compose.reach(KEY, _mounts(node)) if key == "mounted" else None
    if there is not None:
        own = there.source
        steps += _mended(compose.fact_of(snapshot, own))
    elif key == "mounted":
        if not own.startswith("/") or posixpath.normpath(own) != own:
            return "The key file has to be named by its whole path: --set key=/path/mongodb.key"
        steps.append(CreateFile(path=own, content=RandomKey(), mode=0o400, uid=MONGODB_UID, gid=MONGODB_UID))
        edits = (AddVolume(place.service, own, KEY), *edits)
    steps.append(EditFile(target.path, edits, create=True))
    apps: tuple[Container, ...] = ()
    if node.container is not None:
        up = compose.bring_up(place, extra=(target.path,))
        if up is None or host is None or place.project_name is None:
            return "The container was not made by Compose, or no name leads to it: start it anew with --replSet rs0."
        owners = tuple(app.container.id for app in node.apps)
        steps += [up, InitiateSet(place.project_name, place.service, SET, host, owners)]
        apps = _fastgpts(node)
        steps += [RestartContainer(container=app.id, name=app.name) for app in apps]
    asked = Question("key", "Path of the new key file on this machine", default=own)
    return Plan(
        check=ID, subject=node.subject, title=result.title, steps=tuple(steps),
        safety="disruptive" if node.container is not None else "safe",
        questions=(asked,) if key == "mounted" and there is None else (),
        restarts=(*((node.subject,) if node.container is not None else ()), *(app.name for app in apps)),
        says=tuple(_says(node, steps, apps)), lock=place.directory, settle=5.0,
        uncovers=behind(node, "standalone"),
    )  # fmt: skip


def _command(node: Node) -> tuple[tuple[str, ...], str]:
    """The command with ``--replSet``, and where its key file comes from: ``none``, ``given``, ``inside``, ``mounted``.

    No words where the command is not one that can be added to.
    """
    source = node.container or node.place.declared
    words = source.command if source and source.command else ("mongod",)
    plain = words[0].startswith("-") or posixpath.basename(words[0]) == "mongod"
    through = not node.mongod.wrapped or '"$@"' in node.script or '"$$@"' in node.script
    if not plain or not through or any("$" in word for word in words):
        return (), "none"
    added = (*words, "--replSet", SET)
    if option("--keyFile", words) is not None:
        return added, "given"
    if not _has_users(node, words):
        return added, "none"
    made = _MADE_INSIDE.findall(node.script) if node.mongod.wrapped else []
    path = next((each for each in made if each.endswith((".key", "keyfile"))), None)
    if path is not None:
        return (*added, "--keyFile", path), "inside"
    return (*added, "--keyFile", KEY), "mounted"


def _has_users(node: Node, words: tuple[str, ...]) -> bool:
    source = node.container or node.place.declared
    names = {variable.name for variable in source.env if variable.value} if source else set()
    return "--auth" in words or names >= _WITH_USERS


def _refusal(node: Node, words: tuple[str, ...], snapshot: Snapshot) -> str | None:
    """Why this is left to the operator."""
    place, engine = node.place, snapshot.engine
    if place.broken_file is not None:
        return f"Repair {place.broken_file.path} first: {place.broken_file.error}"
    if not words:
        return "mongod is started in a way of its own, which is not added to by a key."
    if option("--config", words) is not None or option("-f", words) is not None:
        return "mongod reads a configuration file: write replication.replSetName and security.keyFile into it."
    _, key = _command(node)
    if key != "mounted":
        return None
    there = compose.reach(KEY, _mounts(node))
    usable = there is not None and there.kind == "bind" and there.exact
    if there is not None and not (usable and _usable(compose.fact_of(snapshot, there.source))):
        return f"Something else is mounted at {KEY} already: add --keyFile for it by hand if it is the key."
    if node.mongod.uid != MONGODB_UID or (engine is not None and engine.rootless):
        return "It is not known as which user mongod reads a key file, which has to be its owner's alone."
    if engine is not None and "Docker Desktop" in (engine.os or ""):
        return "Docker Desktop does not carry modes and owners into containers: keep the key in a named volume."
    return None


def _usable(fact: FileFact | None) -> bool:
    """Whether the key file that is mounted already can be used, or made anew where there is nothing in it."""
    return fact is not None and (fact.kind in ("file", "missing") or (fact.kind == "directory" and bool(fact.empty)))


def _mended(fact: FileFact | None) -> Iterator[AnyStep]:
    """As mongo.keyfile repairs it: narrow first, give away second; a new key only where there is none."""
    if fact is None:
        return
    if fact.kind == "missing":
        yield CreateFile(path=fact.path, content=RandomKey(), mode=0o400, uid=MONGODB_UID, gid=MONGODB_UID)
    if fact.kind == "directory":
        yield ReplaceDirectoryByFile(path=fact.path, content=RandomKey(), mode=0o400, uid=MONGODB_UID, gid=MONGODB_UID)
    if fact.kind == "file" and fact.mode not in (0o400, 0o600):
        yield Chmod(path=fact.path, mode=0o400)
    if fact.kind == "file" and fact.uid != MONGODB_UID:
        yield Chown(path=fact.path, uid=MONGODB_UID, gid=MONGODB_UID)


def _mounts(node: Node) -> tuple[Mount, ...] | tuple[Volume, ...]:
    place = node.place
    return place.container.mounts if place.container else place.declared.volumes if place.declared else ()


def _fastgpts(node: Node) -> tuple[Container, ...]:
    """They make their root user when they start, in a transaction, which has failed until now."""
    wanted = {service.container for service in node.services if service.role == "fastgpt"}
    return tuple(app.container for app in node.apps if app.container.id in wanted and app.container.state == "running")


def _says(node: Node, steps: list[AnyStep], apps: tuple[Container, ...]) -> Iterator[str]:
    yield "The data stay where they are; the folder of a standalone becomes that of a set with one member."
    made = [step.path for step in steps if isinstance(step, CreateFile | ReplaceDirectoryByFile)]
    if made:
        yield f"{made[0]} is new: where it has users, mongod starts a set only with a key file (400, {MONGODB_UID})."
    if node.container is None:
        yield "Nothing of this service has been started: only files are written. Initiate the set when it runs."
        return
    yield f"{node.subject} is recreated: whoever uses it loses the connection for some seconds."
    yield "Undo takes --replSet out again. The set's configuration stays in the data folder, unused by a standalone."
    for app in apps:
        yield f"{app.name} is restarted after it: it makes its first user when it starts, and could not until now."
