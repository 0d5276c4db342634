"""The root user that MONGO_INITDB_ROOT_* ask for: never made, or made where a replica set then lacks its key file.

What it does
    Compares MONGO_INITDB_ROOT_USERNAME and _PASSWORD with how mongod is started. The image makes the user, and adds
    --auth, only when its entrypoint starts mongod: a command of one's own (`bash -c "... mongod ..."`), or mongod as
    the entrypoint, goes past it. Bitnami's image has names of its own for them. And with users, a member of a
    replica set has to have a key file.

Why it matters
    Past the entrypoint no user exists, so that the login in an app's connection string can never work, whatever the
    password. Without a key file mongod ends with `security.keyFile is required when authorization is enabled with
    replica sets`, at every start.

Fix
    Explained: the start line is the operator's, and a key file belongs to all members of a set. Changing passwords does
    not help.

Sources
    docker-library/mongo docker-entrypoint.sh and issues 414 and 512; MongoDB manual, security.keyFile; FastGPT issue
    834.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...console.products.mongo import BITNAMI_PASSWORD, BITNAMI_USER, ROOT_USER, makes_user, root_login
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from .node import MongoNode, nodes
from .start import is_bitnami, official

REQUIRED = "mongo.keyfile-required"

NEVER_MADE = Form(
    "never-made",
    "{variable} of {subject} is not used: its command is not mongod, so no user was ever made",
    "The image makes its root user only when its own entrypoint starts mongod. {app} logs in all the same",
    "start mongod through docker-entrypoint.sh, or take the login out of the app's string",
    advice="End the script with exec docker-entrypoint.sh mongod ... in place of mongod ...: with an empty data folder "
    "the image makes the user then. With data it makes none.\n"
    "With data: add the user once from inside the container, where the first one may be made without a login: "
    "mongosh admin, then db.createUser.",
)
OTHER_IMAGE = replace(
    NEVER_MADE,
    variant="image",
    title="{variable} of {subject} is not used: its image reads {read}, so no user was ever made",
    because="Each image has names of its own for its first user. {app} logs in all the same",
    fix="write {read} in place of {variable}",
    advice="Write {read} in place of {variable}; it counts on an empty data folder.",
)
KEY_REQUIRED = Form(
    "key-required",
    "{subject} cannot start: a replica set with users needs a key file, and there is no --keyFile",
    "mongod runs with users (MONGO_INITDB_ROOT_* or --auth), and members of a set then know each other by a key file",
    "add a key file and --keyFile, or take the root user away",
    advice="Make a key: openssl rand -base64 756 > mongodb.key; chmod 400 mongodb.key; chown 999:999 mongodb.key\n"
    "Mount it at /data/mongodb.key, and add --keyFile /data/mongodb.key to the command; every member "
    "of the set gets the same.",
)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each mongod that is asked for a root user, or runs with users."""
    for node in nodes(snapshot):
        asked = node.mongod.users or makes_user(node.place.env) or root_login(node.place.env) is not None
        if not node.router and (asked or REQUIRED in node.marks):
            yield _judge(node, snapshot)


def _judge(node: MongoNode, snapshot: Snapshot) -> Found:
    where, mongod = node.place.source, node.mongod
    never = _never_made(node, where)
    if never is not None:
        return never
    container = node.container
    runs = node.running and not (node.young or mongod.wrapped or (container and container.restart_count))
    known_otherwise = mongod.cluster_auth or is_bitnami(node.place) or runs
    lacks = bool(mongod.users and mongod.replica_set and mongod.key_path is None and not known_otherwise)
    if not node.answers and (lacks or REQUIRED in node.marks):
        rows = (Evidence("--replSet", mongod.replica_set or "set", where), Evidence("--keyFile", _("not given"), where))
        log = compose.log_evidence(snapshot, node.container, (REQUIRED,))
        return Case(node.subject, KEY_REQUIRED, node, (*rows, *log))
    return Fine(node.subject, _("{node} is started in a way in which its root user counts", node=node.subject))


def _never_made(node: MongoNode, where: str) -> Case[MongoNode] | None:
    """A login that some app uses, and that nobody ever made."""
    logins = [app for app in (*node.apps, *node.declared_apps) if app.uri.user]
    root, bitnami = root_login(node.place.env), is_bitnami(node.place)
    variable = root.user_variable if root else ROOT_USER
    others = BITNAMI_USER if official(node.place.image) else ROOT_USER if bitnami else ""
    ignored = bool(root) and variable == others and not (bitnami and compose.value_of(BITNAMI_PASSWORD, node.place.env))
    if not logins or node.has_data or not (ignored or (node.mongod.passed_by and makes_user(node.place.env))):
        return None
    app = logins[0].container
    name = app.name if app.id else app.service or app.name
    why = Evidence(_("image"), node.place.image or "", where)
    if not ignored:
        why = Evidence(_("command"), _("starts mongod itself, past docker-entrypoint.sh"), where)
    rows = (why, Evidence(_("logs in"), f"{name}, {logins[0].variable}", where))
    words = {"app": name, "variable": variable, "read": BITNAMI_PASSWORD if bitnami else ROOT_USER}
    return Case(node.subject, OTHER_IMAGE if ignored else NEVER_MADE, node, rows, words)


def plan(case: Case[MongoNode], _answers: Answers) -> Plan:
    """What to write."""
    return manual(
        *case.advice,
        _("Then make it anew: docker compose up -d {service}", service=case.facts.place.service or case.subject),
    )


CHECK = Check(
    "mongo.root-user", "The root user that the variables ask for can be made", __doc__ or "",
    (NEVER_MADE, OTHER_IMAGE, KEY_REQUIRED), find, plan,
    reads=("containers", "projects", "services", "mongod_configs", "mongos", "log_marks"),
)  # fmt: skip
