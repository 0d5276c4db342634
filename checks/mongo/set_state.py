"""In which state of its set one mongod is, and the way from a standalone to a set of one member. Pure.

States are told by hello first, by numbers second, by log ids third; never by a text. A set needs a key file where it
has users, and the image adds ``--auth`` where it makes a user (docker-library/mongo docker-entrypoint.sh).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ...console.fix.steps import (
    AddVolume,
    AnyStep,
    CreateFile,
    InitiateSet,
    ReplaceDirectoryByFile,
    RestartContainer,
)
from ...console.fix.steps import SetServiceKeys as Keys
from ...console.model import Container, EngineInfo, FileFact
from ...console.products.mongo import ADVERTISED, config_path, makes_user, option
from ...console.text import _
from .. import compose
from ..api import Answers, Plan, Question, repair
from ..subjects import reach
from .app_string import judge_apps, miswritten
from .node import MongoNode, SetVerdict, key_file_steps
from .start import BITNAMI_SET, MONGODB_UID, is_bitnami

NOT_INITIATED, INVALID, NO_REPLICATION, UNAUTHORIZED, REFUSED = 94, 93, 76, 13, 18
"""mongo error_codes.yml"""
STALE_HOST, STALE_NAME = "mongo.21405", "mongo.21406"
PATIENCE = 120.0
"""Seconds for which mongod has to be up before an app is said to have given up on it: its next request may come."""
SET, KEY = "rs0", "/data/mongodb.key"
"""As in every compose file of FastGPT from v4.6.8 on."""
_MADE_INSIDE = re.compile(r">\s*['\"]?(/[^\s'\";&|]+)['\"]?\s*$", re.MULTILINE)


def judge(node: MongoNode) -> SetVerdict | None:
    """The verdict; None where there is nothing to judge.

    How a string is written can be told of a mongod that is down, of one that was never started, and before a set works.
    """
    own = judge_alone(node)
    if own is not None and own.form is not None:
        return own
    wrong = next(((form, app) for app in (*node.apps, *node.declared_apps) if (form := miswritten(app))), None)
    return own if wrong is None else SetVerdict(wrong[0], app=wrong[1])


def judge_alone(node: MongoNode) -> SetVerdict | None:
    """The same by what mongod says, before its apps' strings are looked at for themselves."""
    said = node.said
    if node.router:
        return _router(node)
    if node.container is None:
        missing = node.needs_set is True and node.mongod.replica_set is None and not _config_file(node)
        return SetVerdict("standalone") if missing else None
    unseen = _unseen(node, "mongod")
    if unseen is not None:
        return SetVerdict(wait=unseen)
    if said.ghost:
        return _ghost(node)
    if said.set_name is None:
        return _standalone(node)
    if said.primary or said.primary_host:  # an arbiter and a hidden member know their primary as well
        return _working(node)
    if node.young:
        return SetVerdict(wait=_("the set is electing its primary; look again in a few seconds"))
    return SetVerdict("no-primary")


def _router(node: MongoNode) -> SetVerdict | None:
    """A mongos: the sets are those of its shards, and its apps need a string that leads to it."""
    if node.container is None:
        return None
    unseen = _unseen(node, "mongos")
    if unseen is not None:
        return SetVerdict(wait=unseen)
    return judge_apps(node) or SetVerdict(
        well=_("a mongos has no set of its own, its shards and its config servers have")
    )


def _unseen(node: MongoNode, program: str) -> str | None:
    """Why nothing is known from mongod itself; None when it answered."""
    container, said = node.container, node.said
    if container is not None and not container.detailed:
        return _("the container has not been inspected yet")
    if container is not None and not node.running:
        return _("its container is {state}, not running", state=container.state)
    if node.state is None:
        return _("{program} has not been asked yet", program=program)
    if said.trouble is None:
        return None
    told = said.sentence or _("mongod does not answer")
    if node.first_boot or (node.young and said.trouble in ("refused", "reset")):
        return _("mongod is starting, on the first start for up to a minute ({told}); wait and look again", told=told)
    return told


def _config_file(node: MongoNode) -> bool:
    """Whether mongod reads a configuration file, in which the set may be named."""
    return config_path(node.place.words) is not None


def _ghost(node: MongoNode) -> SetVerdict:
    """Started with --replSet and without a configuration that names this node: 94 or 93, and the fixes differ."""
    said, code = node.said, node.said.status_code
    if code == NOT_INITIATED:
        if node.young and "rs.initiate" in node.mongod.script:
            return SetVerdict(wait=_("its own start script initiates the set in the first minute; wait and look again"))
        return SetVerdict("never-initiated")
    if code == INVALID or STALE_NAME in node.marks or STALE_HOST in node.marks:
        sure = not is_bitnami(node.place) or compose.value_of(BITNAMI_SET, node.place.env)
        stored, named = said.config_set, node.mongod.replica_set if sure else None
        if (stored and named and stored != named) or (stored is None and STALE_NAME in node.marks):
            return SetVerdict("set-name", stored=stored)
        hosts = ", ".join(member.host for member in said.members)
        return SetVerdict("login" if not hosts and code != INVALID else "removed", stored=hosts or None)
    if code in (UNAUTHORIZED, REFUSED):
        return SetVerdict("no-user" if node.mongod.passed_by and not node.has_data else "login")
    if code == NO_REPLICATION:
        return SetVerdict(wait=_("mongod is between two starts; look again"))
    return SetVerdict(wait=_("mongod did not tell the state of its set"))


def _standalone(node: MongoNode) -> SetVerdict:
    """No --replSet, or the temporary mongod of the first boot, which must be left alone."""
    if node.first_boot or (node.young and node.mongod.replica_set is not None):
        return SetVerdict(wait=_("this is the temporary mongod of the first start; wait and look again"))
    if node.needs_set or node.torn is not None:
        return SetVerdict("standalone", app=node.torn)
    return judge_apps(node) or SetVerdict(well=_("mongod runs without a replica set, and nothing here needs one"))


def _working(node: MongoNode) -> SetVerdict:
    """There is a primary. What the set is called inside decides whether it lasts, and whether apps find it."""
    own, container = node.own_host, node.container
    name = own.rpartition(":")[0] if own else ""
    found = judge_apps(node)
    if found is None and own and container and name and container.id.startswith(name) and len(name) >= 12:
        found = SetVerdict("container-id", stored=own)
    if found is None and node.waiting and node.age is not None and node.age >= PATIENCE:
        found = SetVerdict("app-gave-up", app=node.waiting[0])
    return found or SetVerdict(well=_("the replica set has a primary"))


# ---- from a standalone to a set --------------------------------------------------------------------------------------


def make_set(node: MongoNode, key: FileFact | None, engine: EngineInfo | None, answers: Answers) -> Plan | str:
    """The plan of a standalone, or why it is for people; ``key`` is what is mounted as a key file already."""
    place = node.place
    words, kind = _command(node)
    refused = _refusal(node, words) or (_no_key_file(node, key, engine) if kind == "mounted" else None)
    if refused or place.directory is None or place.service is None:
        return refused or _("Neither the project folder nor the service's name is known.")
    own = answers.get("key") or posixpath.join(place.directory, "mongodb.key")
    edits: tuple[AddVolume | Keys, ...] = (Keys(place.service, command=words),)
    steps: list[AnyStep] = []
    there = reach(KEY, place.mounts) if kind == "mounted" else None
    if there is not None:
        own = there.source
        mode, uid = (key.mode, key.uid) if key else (None, None)
        steps += key_file_steps(key, MONGODB_UID, narrow=mode not in (0o400, 0o600), give=uid != MONGODB_UID)
    elif kind == "mounted":
        if not own.startswith("/") or posixpath.normpath(own) != own:
            return _("The key file has to be named by its whole path: --set key=/path/mongodb.key")
        steps += key_file_steps(FileFact(own, "missing"), MONGODB_UID)
        edits = (AddVolume(place.service, own, KEY), *edits)
    written = compose.through_override(place, *edits)
    steps += written
    apps: tuple[Container, ...] = ()
    if node.container is not None:
        if not written or node.suggested is None or place.project_name is None:
            return _(
                "The container was not made by Compose, or no name leads to it: start it anew with --replSet rs0.",
            )
        owners = tuple(app.container.id for app in node.apps)
        steps.append(InitiateSet(place.project_name, place.service, SET, node.suggested, owners))
        apps = _fastgpts(node)
        steps += [RestartContainer(container=app.id, name=app.name) for app in apps]
    asked = Question("key", _("Path of the new key file on this machine"), default=own)
    return repair(
        *steps, says=_says(node, steps, apps), questions=(asked,) if kind == "mounted" and there is None else (),
        restarts=(*((node.subject,) if node.container is not None else ()), *(app.name for app in apps)),
    )  # fmt: skip


def _command(node: MongoNode) -> tuple[tuple[str, ...], str]:
    """The command with ``--replSet``, and where its key file comes from: ``none``, ``given``, ``inside``, ``mounted``.

    No words where the command is not one that can be added to.
    """
    source = node.place.told_by
    words = source.command if source and source.command else ("mongod",)
    plain = words[0].startswith("-") or posixpath.basename(words[0]) == "mongod"
    through = not node.mongod.wrapped or '"$@"' in node.mongod.script or '"$$@"' in node.mongod.script
    if not plain or not through or any("$" in word for word in words):
        return (), "none"
    added = (*words, "--replSet", SET)
    if option("--keyFile", words) is not None:
        return added, "given"
    if "--auth" not in words and not makes_user(node.place.env):
        return added, "none"
    made = _MADE_INSIDE.findall(node.mongod.script) if node.mongod.wrapped else []
    path = next((each for each in made if each.endswith((".key", "keyfile"))), None)
    if path is not None:
        return (*added, "--keyFile", path), "inside"
    return (*added, "--keyFile", KEY), "mounted"


def _refusal(node: MongoNode, words: tuple[str, ...]) -> str | None:
    """Why this is left to the operator."""
    place = node.place
    if place.broken_file is not None:
        return _("Repair {path} first: {error}", path=place.broken_file.path, error=place.broken_file.error)
    if is_bitnami(place):
        return _(
            "Bitnami's image makes the set itself: give it MONGODB_REPLICA_SET_MODE=primary, "
            "MONGODB_REPLICA_SET_KEY and {advertised}={service}, and recreate it.",
            advertised=ADVERTISED,
            service=place.service,
        )
    if not words:
        return _("mongod is started in a way of its own, which is not added to by a key.")
    if config_path(words) is not None:
        return _("mongod reads a configuration file: write replication.replSetName and security.keyFile into it.")
    return _meant_as_several(node)


def _no_key_file(node: MongoNode, key: FileFact | None, engine: EngineInfo | None) -> str | None:
    """Why no key file can be made for it."""
    there = reach(KEY, node.place.mounts)
    usable = key is not None and (key.kind in ("file", "missing") or (key.kind == "directory" and key.empty))
    if there is not None and not (there.kind == "bind" and there.exact and usable):
        return _("Something else is mounted at {key} already: add --keyFile for it by hand if it is the key.", key=KEY)
    if node.mongod.uid != MONGODB_UID or (engine is not None and engine.rootless):
        return _("It is not known as which user mongod reads a key file, which has to be its owner's alone.")
    if engine is not None and "Docker Desktop" in (engine.os or ""):
        return _("Docker Desktop does not carry modes and owners into containers: keep the key in a named volume.")
    return None


def _meant_as_several(node: MongoNode) -> str | None:
    """Why it is not made a set by itself: it would be one for ever, beside the one that it was to be a member of."""
    for app in node.apps:
        if len(app.uri.hosts) > 1:
            return _(
                "{variable} of {container} names several members: give each of them the same --replSet name "
                "first, then they are initiated as one set.",
                variable=app.variable,
                container=app.container.name,
            )
    for other, name in node.neighbours:
        if name == SET:
            return _(
                "{other} has the set name {set} already: whether both are to be one set is not known.",
                other=other,
                set=SET,
            )
    return None


def _fastgpts(node: MongoNode) -> tuple[Container, ...]:
    """They make their root user when they start, in a transaction, which has failed until now."""
    wanted = {service.container for service in node.services if service.role == "fastgpt"}
    return tuple(app.container for app in node.apps if app.container.id in wanted and app.container.state == "running")


def _says(node: MongoNode, steps: list[AnyStep], apps: tuple[Container, ...]) -> Iterator[str]:
    yield _("The data stay where they are; the folder of a standalone becomes that of a set with one member.")
    made = [step.path for step in steps if isinstance(step, CreateFile | ReplaceDirectoryByFile)]
    if made:
        yield _(
            "{made} is new: where it has users, mongod starts a set only with a key file (400, {mongodb_uid}).",
            made=made[0],
            mongodb_uid=MONGODB_UID,
        )
    if node.container is None:
        yield _("Nothing of this service has been started: only files are written. Initiate the set when it runs.")
        return
    yield _("{node} is recreated: whoever uses it loses the connection for some seconds.", node=node.subject)
    yield _(
        "Undo takes --replSet out again. The set's configuration stays in the data folder, unused by a standalone.",
    )
    for app in apps:
        yield _(
            "{app} is restarted after it: it makes its first user when it starts, and could not until now.",
            app=app.name,
        )
