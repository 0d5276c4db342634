"""Root users and start lines, and what ``mongo.root-user`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import ComposeService, MongodConfig, MongoState, Service, Snapshot

from examples import Example
from examples.snapshots import container_id, declared_bind
from examples.wiring.folder import folder, live, service

ROOT = ("MONGO_INITDB_ROOT_USERNAME=me", "MONGO_INITDB_ROOT_PASSWORD=pw")
BITNAMI = ("MONGODB_ROOT_USER=me", "MONGODB_ROOT_PASSWORD=pw")
IN_FILE = "MONGO_INITDB_ROOT_PASSWORD_FILE=/run/secrets/pw"
LOGIN = "MONGODB_URI=mongodb://me:pw@mongo:27017/fastgpt?authSource=admin"
SCRIPT = (
    "openssl rand -base64 756 > /data/k && chmod 600 /data/k && mongod --keyFile /data/k --replSet rs0 --bind_ip_all"
)
THROUGH = 'exec docker-entrypoint.sh "$@" &\nuntil mongo --eval 1; do sleep 2; done\nwait $!\n'
SET = ("mongod", "--replSet", "rs0", "--bind_ip_all")


def mongod(
    *command: str, env: tuple[str, ...] = ROOT, image: str = "mongo:5.0.18", **more: Any
) -> ComposeService:  # fmt: skip
    return service("mongo", image, *env, command=command, **more)


def app(uri: str = LOGIN) -> ComposeService:
    return service("fastgpt", "ghcr.io/labring/fastgpt:v4.6.8", uri)


def told(snapshot: Snapshot, state: MongoState | None = None) -> Snapshot:
    """With the roles that the services play."""
    services = tuple(
        Service("mongo" if name == "mongo" else "fastgpt", name, container_id(name) if snapshot.containers else None,
                project="stack", compose_service=name)
        for name in ("mongo", "fastgpt")
    )  # fmt: skip
    return replace(snapshot, services=services, mongos=(state,) if state else ())


def looping(snapshot: Snapshot) -> Snapshot:
    """The Engine has started mongod again and again."""
    mongo, *others = snapshot.containers
    return replace(snapshot, containers=(replace(mongo, restart_count=4), *others))


CONFIGURED = mongod(
    "mongod", "--config", "/etc/mongod.conf", volumes=(declared_bind("/m.conf", "/etc/mongod.conf", ""),)
)
X509 = MongodConfig("/m.conf", replica_set="rs0", users=True, cluster_auth="x509")
PRIMARY = MongoState(container_id("mongo"), set_name="rs0", primary=True)
FINDS = tuple(
    Example(name, told(snapshot), "finding", form, ())
    for name, form, snapshot in (
        ("starts mongod by a command of its own", "never-made", folder(mongod("/bin/bash", "-c", SCRIPT), app())),
        ("starts it so, and it runs", "never-made", live(mongod("/bin/bash", "-c", SCRIPT), app())),
        ("starts it with sh", "never-made", folder(mongod("sh", "-c", "mongod --bind_ip_all"), app())),
        ("starts it with sh and waits for it", "never-made", live(mongod("sh", "-c", "mongod & wait"), app())),
        ("starts it so for LibreChat", "never-made", folder(mongod("sh", "-c", "mongod"),
         service("fastgpt", "ghcr.io/danny-avila/librechat:v0.8.2", "MONGO_URI=mongodb://me:pw@mongo:27017/x"))),
        ("has a set with users and no key", "key-required", folder(mongod("--replSet", "rs0"), app())),
        ("has a set with users and no key, and it loops", "key-required", looping(live(mongod(*SET), app()))),
        ("has it of mongo 7", "key-required", folder(mongod(*SET, image="mongo:7.0"))),
        ("wrote --replSet=rs0", "key-required", folder(mongod("mongod", "--replSet=rs0"))),
        ("has no app beside it", "key-required", looping(live(mongod(*SET)))),
        ("has mongod itself as the entrypoint", "never-made",
         folder(replace(mongod("--auth"), entrypoint=("/usr/bin/mongod",)), app())),
        ("starts mongod under numactl", "never-made", folder(mongod("numactl", "--interleave=all", "mongod"), app())),
        ("has Bitnami's image and the official one's variables", "never-made",
         folder(mongod(image="bitnami/mongodb:7.0"), app())),
        ("has the official image and Bitnami's variables", "never-made", live(mongod(env=BITNAMI), app())),
        ("asked for users with --auth alone", "key-required", folder(mongod(*SET, "--auth", env=()))),
        ("keeps the password in a file", "key-required", folder(mongod(*SET, env=(ROOT[0], IN_FILE)))),
        ("has a set with users and no key behind the entrypoint", "key-required",
         folder(mongod("bash", "-c", "exec docker-entrypoint.sh mongod --replSet rs0"), app())),
    )
)  # fmt: skip

FINDS_NOT = (
    Example("starts it through the entrypoint", told(folder(mongod("bash", "-c", THROUGH), app())), "ok"),
    Example("starts mongod plainly", told(folder(mongod("mongod"), app())), "ok"),
    Example("has no command", told(live(mongod(), app())), "ok"),
    Example("has a key file", told(folder(mongod(*SET, "--keyFile", "/data/k"), app())), "ok"),
    Example("has a set that answers", told(live(mongod(*SET), app()), PRIMARY), "ok"),
    Example("has a script and an app without a login", told(folder(mongod("sh", "-c", "mongod"),
            app("MONGODB_URI=mongodb://mongo:27017/x"))), "ok"),
    Example("has a script and no app", told(folder(mongod("sh", "-c", "mongod"))), "ok"),
    Example("has no root user", told(folder(mongod(*SET, env=()), app())), "not_applicable"),
    Example("has only a user's name", told(folder(mongod(*SET, env=ROOT[:1]), app())), "not_applicable"),
    Example("has a mongos", told(folder(mongod("mongos", "--configdb", "c/x:27019"), app())), "not_applicable"),
    Example("has members that know each other by certificates",
            told(folder(mongod(*SET, "--clusterAuthMode", "x509"), app())), "ok"),
    Example("has such members by mongod.conf", replace(told(folder(CONFIGURED, app())), mongod_configs=(X509,)), "ok"),
    Example("runs all the same, with a key that is not seen from here", told(live(mongod(*SET), app())), "ok"),
    Example("lets a script file of its own start it", told(folder(mongod("bash", "/start.sh"), app())), "ok"),
    Example("makes the user in its own script", told(folder(mongod("sh", "-c",
            "mongod --fork && mongosh --eval 'db.createUser(x)' && wait"), app())), "ok"),
    Example("has Bitnami's image and its variables", told(folder(mongod(image="bitnami/mongodb:7.0", env=BITNAMI),
            app())), "ok"),
    Example("sets another variable", told(folder(mongod(*SET, env=("TZ=Asia/Shanghai",)), app())), "not_applicable"),
    Example("has no mongod", told(folder(app())), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
