"""What goes wrong with a replica set, and what ``mongo.replica-set`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    Container,
    EnvVar,
    LogMark,
    MongoMember,
    MongoState,
    MongoTrial,
    NetworkLink,
    Service,
    Snapshot,
)

from examples import Example
from examples.snapshots import NOW, STARTED, bind, container_id, file, stack

DIR = "/srv/fastgpt"
NETWORK = "fastgpt_default"
MONGO, APP = container_id("mongo"), container_id("fastgpt")
COMMAND = ("mongod", "--keyFile", "/data/mongodb.key", "--replSet", "rs0")
ROOT = (EnvVar("MONGO_INITDB_ROOT_USERNAME", "myname"), EnvVar("MONGO_INITDB_ROOT_PASSWORD", "mypassword"))
URI = "mongodb://myname:mypassword@mongo:27017/fastgpt?authSource=admin"
AT = {"via": "published port", "address": "127.0.0.1:27017", "wire_version": 13, "alive": True}
GHOST = MongoState(MONGO, primary=False, secondary=False, ghost=True, **AT)  # type: ignore[arg-type]
PRIMARY = MongoState(MONGO, set_name="rs0", primary=True, secondary=False, ghost=False, hosts=("mongo:27017",),
                     primary_host="mongo:27017", **AT)  # type: ignore[arg-type]  # fmt: skip
ALONE = MongoState(MONGO, primary=True, ghost=False, **AT)  # type: ignore[arg-type]
WRAPPER = "docker-entrypoint.sh mongod &\nuntil mongo --eval 1; do sleep 2; done\nmongo --eval 'rs.initiate()'\nwait\n"


def linked(*aliases: str, address: str = "172.18.0.2") -> dict[str, Any]:
    """A place in the project's network."""
    return {"networks": (NetworkLink(NETWORK, address, aliases),)}


def mongo(
    state: MongoState | None,
    *,
    uri: str | None = URI,
    release: str | None = "4.8.20",
    role: Any = "fastgpt",
    container: dict[str, Any] | None = None,
    app: dict[str, Any] | None = None,
    marks: tuple[tuple[str, str], ...] = (),
    app_marks: tuple[str, ...] = (),
    started: bool = True,
    declared: dict[str, Any] | None = None,
    image: str = "mongo:5.0.18",
) -> Snapshot:
    """A mongod and one app that uses it, in one project."""
    inside = {"command": COMMAND, "entrypoint": ("docker-entrypoint.sh",), "env": ROOT, **linked("mongo"),
              **(container or {})}  # fmt: skip
    base = stack(
        "mongo", DIR, name="mongo", service="mongo", image=image, container=inside if started else None,
        declared={"command": COMMAND, **(declared or {})}, marks=marks,
    )  # fmt: skip
    user = Container(
        id=APP, name="fastgpt", image=f"ghcr.io/labring/fastgpt:v{release}", state="running", project="fastgpt",
        service="fastgpt", started_at=STARTED, env=(EnvVar("MONGODB_URI", uri),) if uri else (),
        **{**linked("fastgpt", address="172.18.0.3"), **(app or {})},
    )  # fmt: skip
    service = Service(role, "fastgpt", APP if started else None, project="fastgpt", compose_service="fastgpt",
                      version=release, generation="C" if release else "A")  # fmt: skip
    said = tuple(LogMark(APP, mark, mark, STARTED + 5 + number) for number, mark in enumerate(app_marks))
    return replace(
        base, mongos=(state,) if state else (), services=(*base.services, service),
        containers=(*base.containers, user) if started else (), log_marks=(*base.log_marks, *said),
    )  # fmt: skip


def member(host: str, ident: int = 0, **more: Any) -> MongoMember:
    """One member of a configuration."""
    return MongoMember(ident, host, **more)


SEVERAL_URI = "mongodb://mongo:27017,two:27017/fastgpt?replicaSet=rs0"
APART = replace(PRIMARY, hosts=("two:27017",), primary_host="two:27017")


def two(one: MongoState | None, other: MongoState | None, *, uri: str = SEVERAL_URI, **more: Any) -> Snapshot:
    """A second mongod of the same set beside the first; ``more`` is its container's."""
    base = mongo(one, uri=uri)
    first = next(container for container in base.containers if container.id == MONGO)
    facts = {"id": container_id("two"), "name": "two", "service": "two", **linked("two", address="172.18.0.4"), **more}
    second = replace(first, **facts)
    service = Service("mongo", "two", second.id, project="fastgpt", compose_service="two")
    said = (replace(other, container=second.id, trials=()),) if other else ()
    return replace(
        base, containers=(*base.containers, second), services=(*base.services, service), mongos=(*base.mongos, *said)
    )


def tried(source: str, accepted: bool, owner: str = APP) -> MongoTrial:
    """A login."""
    return MongoTrial(owner, "myname", source, accepted)


NEVER = replace(GHOST, status_code=94, trials=(tried("admin", True, MONGO),))
LOST = replace(GHOST, status_code=93, config_set="rs0", config_version=3, members=(member("old-mongo:27017"),))
BOUND = replace(PRIMARY, hosts=(f"{MONGO[:12]}:27017",), primary_host=f"{MONGO[:12]}:27017")
TWO = (member("old-mongo:27017"), member("other:27017", 1))
YOUNG = {"started_at": NOW - 5}
BRIDGE = {"networks": (NetworkLink("bridge", "172.17.0.2"),)}
UNINITIATED = ("MongoCommand",)
SET_UP = ("CreateFile", "EditFile", "ComposeUp", "InitiateSet", "RestartContainer")
CORRECTED = ("EditFile", "ComposeUp")
OLD = {"command": ("mongod",)}
INSIDE = 'openssl rand -base64 128 > /data/mongodb.key\ndocker-entrypoint.sh "$@" &\nuntil mongo; do sleep 2; done\n'
REFUSED = (tried("admin", False), tried("admin", False, MONGO))

FINDS = (
    Example("started two members and initiated neither", two(NEVER, NEVER), "finding", "never-initiated", UNINITIATED),
    Example("stopped the second member", two(NEVER, None, state="exited"), "finding", "never-initiated", ()),
    Example("put the second member into another network", two(NEVER, NEVER, networks=(
            NetworkLink("other", "10.9.0.2"),)), "finding", "never-initiated", ()),
    Example("names a member on another machine", two(NEVER, NEVER,
            uri=SEVERAL_URI.replace("two:27017", "two:27017,db9.example.org")), "finding", "never-initiated", ()),
    Example("has one member here and one elsewhere", mongo(NEVER, uri=SEVERAL_URI), "finding", "never-initiated", ()),
    Example("initiated the first alone", two(PRIMARY, NEVER), "finding", "partly", ()),
    Example("has two members that tell nobody what they hold", two(replace(GHOST, status_code=18),
            replace(GHOST, status_code=18)), "finding", "login", ()),
    Example("initiated each alone", two(PRIMARY, APART), "finding", "apart", ()),
    Example("followed the guide of v4.6.8 and left out rs.initiate", mongo(NEVER),
            "finding", "never-initiated", UNINITIATED),
    Example("runs FastGPT v4.8.4, which does not try again", mongo(NEVER, release="4.8.4",
            app_marks=("fastgpt.mongo-error", "fastgpt.mongo-no-primary")), "finding", "never-initiated",
            ("MongoCommand", "RestartContainer")),
    Example("runs mongo:latest under the script of v4.7, which calls a shell that is not there",
            mongo(NEVER, container={"entrypoint": ("bash", "-c", WRAPPER)}), "finding", "never-initiated", UNINITIATED),
    Example("started a set for LibreChat too", mongo(NEVER, role="librechat", uri="mongodb://mongo:27017/LibreChat"),
            "finding", "never-initiated", UNINITIATED),
    Example("left mongod on the default network", mongo(NEVER, container=BRIDGE), "finding", "never-initiated", ()),
    Example("changed the password in the compose file later", mongo(replace(GHOST, status_code=18,
            trials=(tried("admin", False),))), "finding", "login", UNINITIATED),
    Example("starts mongod past the image's entrypoint", mongo(replace(GHOST, status_code=18,
            trials=(tried("admin", False),)), container={"entrypoint": ("bash", "-c", "mongod --keyFile /k --auth")}),
            "finding", "no-user", ()),
    Example("made the users by hand and told nobody", mongo(replace(GHOST, status_code=13), container={"env": ()},
            uri="mongodb://mongo:27017/fastgpt"), "finding", "login", UNINITIATED),
    Example("renamed the service over an old data folder", mongo(LOST), "finding", "removed", UNINITIATED),
    Example("initiated with a bare rs.initiate() and recreated the container", mongo(replace(LOST,
            members=(member("0f3b2a1c4d5e:27017"),))), "finding", "removed", UNINITIATED),
    Example("moved one member of several to another machine", mongo(replace(LOST, members=TWO)),
            "finding", "removed", ()),
    Example("changed --replSet from rs0 to rs1", mongo(replace(LOST, config_set="rs0"), container={
            "command": ("mongod", "--replSet", "rs1")}), "finding", "set-name", ("EditFile", "ComposeUp")),
    Example("changed --replSet, and nobody can log in", mongo(replace(GHOST, status_code=18),
            marks=(("mongo.21406", "set name differs from command line"),)), "finding", "set-name", ()),
    Example("upgraded FastGPT from v4.6 and kept the old mongo service", mongo(ALONE, container=OLD),
            "finding", "standalone", SET_UP),
    Example("has no users in mongod, so that no key file is needed", mongo(ALONE, container={**OLD, "env": ()},
            uri="mongodb://mongo:27017/fastgpt"), "finding", "standalone", (*SET_UP[1:],)),
    Example("took --replSet alone out of the command", mongo(ALONE, container={"command": COMMAND[:3]}),
            "finding", "standalone", (*SET_UP[1:],)),
    Example("took both options out under the script of v4.7", mongo(ALONE, container={**OLD,
            "entrypoint": ("bash", "-c", INSIDE)}), "finding", "standalone", (*SET_UP[1:],)),
    Example("took both options out and left the key file mounted, which is open to others", replace(mongo(ALONE,
            container={**OLD, "mounts": (bind(f"{DIR}/mongodb.key", "/data/mongodb.key"),)}),
            files=(file(f"{DIR}/mongodb.key", mode=0o644, uid=999, gid=999),)), "finding", "standalone",
            ("Chmod", *SET_UP[1:])),
    Example("starts mongod in a script of its own", mongo(ALONE, container={
            "entrypoint": ("bash", "-c", "exec mongod --dbpath /data/db")}), "finding", "standalone", ()),
    Example("names the set in no configuration file either", mongo(ALONE, container={
            "command": ("mongod", "--config", "/etc/mongod.conf")}), "finding", "standalone", ()),
    Example("runs mongod as a user of its own", mongo(ALONE, container={**OLD, "user": "app"}),
            "finding", "standalone", ()),
    Example("took --replSet out again, to be rid of the key file", mongo(None, started=False, declared=OLD),
            "finding", "standalone", ("EditFile",)),
    Example("runs fastgpt:latest on the mongod of an old guide, and its log tells", mongo(ALONE, release=None,
            container=OLD, app_marks=("fastgpt.mongo-standalone",)), "finding", "standalone", SET_UP),
    Example("typed rs.initiate() into the shell", mongo(BOUND), "finding", "container-id", UNINITIATED),
    Example("initiated with localhost:27017", mongo(replace(PRIMARY, hosts=("localhost:27017",),
            primary_host="localhost:27017")), "finding", "member-host", UNINITIATED),
    Example("stopped the other two members", mongo(replace(PRIMARY, primary=False, secondary=True, primary_host=None,
            my_state=2)), "finding", "no-primary", ()),
    Example("copied the connection string from the host: localhost", mongo(PRIMARY,
            uri=URI.replace("@mongo", "@localhost")), "finding", "app-host", CORRECTED),
    Example("renamed the service and not the connection string", mongo(PRIMARY,
            uri=URI.replace("@mongo", "@mongodb")), "finding", "app-host", CORRECTED),
    Example("put the app into another network", mongo(PRIMARY, app={"networks": (NetworkLink("other", "172.19.0.3"),)}),
            "finding", "app-host", ()),
    Example("wrote replicaSet=rs1", mongo(PRIMARY, uri=f"{URI}&replicaSet=rs1"), "finding", "app-set", CORRECTED),
    Example("forgot authSource=admin", mongo(replace(PRIMARY, trials=(tried("fastgpt", False), tried("admin", True))),
            uri="mongodb://myname:mypassword@mongo:27017/fastgpt"), "finding", "app-auth-source", CORRECTED),
    Example("changed the app's password only", mongo(replace(PRIMARY, trials=(tried("admin", False),
            tried("admin", True, MONGO))), uri=URI.replace("mypassword", "other")), "finding", "app-login", CORRECTED),
    Example("changed both passwords in the compose file later", mongo(replace(PRIMARY, trials=REFUSED)),
            "finding", "app-login", ()),
    Example("gave the app a user that was never made", mongo(replace(PRIMARY, trials=(tried("admin", False),
            tried("admin", True, MONGO))), uri=URI.replace("myname", "fastgpt")), "finding", "app-login", ()),
    Example("joined the first option with &", mongo(PRIMARY, uri=URI.replace("?", "&")),
            "finding", "app-uri", CORRECTED),
    Example("let an earlier stackops append the option once more", mongo(PRIMARY,
            uri=f"{URI.replace('?', '&')}?authSource=admin"), "finding", "app-uri", CORRECTED),
    Example("gave authSource twice, and not the same", mongo(PRIMARY,
            uri=f"{URI.replace('?', '&')}?authSource=fastgpt"), "finding", "app-uri", ()),
    Example("has a dot in the name of the database", mongo(PRIMARY, uri=URI.replace("/fastgpt", "/fast.gpt")),
            "finding", "app-uri", ()),
    Example("stopped mongod, and joined the first option with &", mongo(None, uri=URI.replace("?", "&"),
            container={"state": "exited"}), "finding", "app-uri", CORRECTED),
    Example("chose a password with a #", mongo(PRIMARY,
            uri=URI.replace("mypassword", "pass#word")), "finding", "app-unescaped", CORRECTED),
    Example("initiated the set by hand and left FastGPT v4.7 as it was", mongo(PRIMARY, release="4.7",
            app_marks=("fastgpt.mongo-error", "fastgpt.mongo-buffering")), "finding", "app-gave-up",
            ("RestartContainer",)),
)  # fmt: skip

FINDS_NOT = (
    Example("did everything as the guide says", mongo(PRIMARY), "ok"),
    Example("named MongoDB in extra_hosts", mongo(PRIMARY, uri="mongodb://u:p@elsewhere/fastgpt", app={
            "extra_hosts": ("elsewhere:10.0.0.9",)}), "ok"),
    Example("has three members, this one a secondary", mongo(replace(PRIMARY, primary=False, secondary=True,
            hosts=("mongo:27017", "two:27017"), primary_host="two:27017")), "ok"),
    Example("runs LibreChat on mongod --noauth", mongo(ALONE, role="librechat", uri="mongodb://mongo:27017/LibreChat",
            container={"command": ("mongod", "--noauth"), "env": ()}), "ok"),
    Example("runs FastGPT v4.6, before sets were needed", mongo(ALONE, release="4.6", container={
            "command": ("mongod",)}), "ok"),
    Example("runs fastgpt:latest from the compose file of v4.6, and nothing is wrong", mongo(ALONE, release=None,
            container={"command": ("mongod",)}), "ok"),
    Example("runs mongos before a cluster of shards", mongo(replace(ALONE, router=True), container={
            "command": ("mongos", "--configdb", "cfg/cfg1:27017")}), "ok"),
    Example("runs an arbiter beside two members", mongo(replace(PRIMARY, primary=False, secondary=False,
            me="mongo:27017", hosts=("one:27017", "two:27017"), primary_host="one:27017")), "ok"),
    Example("has a member that does not answer", two(NEVER, MongoState(MONGO, trouble="silent", sentence="silent")),
            "unknown"),
    Example("initiated both a moment ago", two(replace(PRIMARY, hosts=("mongo:27017", "two:27017")), NEVER), "unknown"),
    Example("separates options by ; as some drivers let one", mongo(PRIMARY, uri=f"{URI};w=1"), "ok"),
    Example("uses a MongoDB on another machine", mongo(PRIMARY, uri="mongodb://u:p@db.example.org/fastgpt"), "ok"),
    Example("reaches a lone member by directConnection", mongo(replace(PRIMARY, hosts=("localhost:27017",),
            primary_host="localhost:27017"), uri=f"{URI}&directConnection=true"), "ok"),
    Example("runs FastGPT v4.8.20, which tries again by itself", mongo(PRIMARY, app_marks=("fastgpt.mongo-error",)),
            "ok"),
    Example("repaired mongod a minute ago, and FastGPT v4.7 has had no request yet", mongo(PRIMARY, release="4.7",
            app_marks=("fastgpt.mongo-error",), container={"started_at": NOW - 70}), "ok"),
    Example("has FastGPT v4.7 connected again", mongo(PRIMARY, release="4.7", app_marks=(
            "fastgpt.mongo-error", "fastgpt.mongo-connected")), "ok"),
    Example("starts for the first time: the temporary mongod", mongo(ALONE, container=YOUNG), "unknown"),
    Example("starts for the first time: the published port hangs up", mongo(MongoState(MONGO, trouble="reset",
            sentence="it hangs up"), container=YOUNG), "unknown"),
    Example("started the script of v4.7 a moment ago", mongo(NEVER, container={"entrypoint": ("bash", "-c", WRAPPER),
            **YOUNG}), "unknown"),
    Example("initiated it a moment ago", mongo(replace(PRIMARY, primary=False, primary_host=None), container=YOUNG),
            "unknown"),
    Example("stopped mongod", mongo(None, container={"state": "exited"}), "unknown"),
    Example("looks before mongod was asked", mongo(None), "unknown"),
    Example("looks before the container was inspected", mongo(None, container={"detailed": False}), "unknown"),
    Example("has a mongod that hangs", mongo(MongoState(MONGO, trouble="silent", sentence="no answer in 1 s")),
            "unknown"),
    Example("has not started anything yet", mongo(None, started=False), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
