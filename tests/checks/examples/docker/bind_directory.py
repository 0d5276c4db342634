"""Single files that were to be mounted, and what ``docker.bind-directory`` must say of what lies in their place."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import MongodConfig, Role, Snapshot

from examples import Example
from examples.snapshots import ENGINE, NOW, bind, declared_bind, file, stack

HERE = "/srv/chat"
CONF, INSIDE = f"{HERE}/client/nginx.conf", "/etc/nginx/conf.d/default.conf"
TRYING = "are you trying to mount a directory onto a file (or vice-versa)?"
REFUSED = f'error mounting "{CONF}" to rootfs at "{INSIDE}": mount through procfd: not a directory: {TRYING}'
LOOP = {"state": "restarting", "restart_count": 7, "exit_code": 1}
MADE = ("ComposeUp",)


def given(kind: str, source: str = CONF, target: str = INSIDE, *, role: Role = "nginx", empty: bool = True,
          image: str = "nginx:1.27-alpine", engine: Any = ENGINE, **container: Any) -> Snapshot:  # fmt: skip
    """A service whose container has this mount, and what lies at its source."""
    fact = file(source, kind, **({"empty": empty} if kind == "directory" else {}))
    made = {"mounts": (bind(source, target),), **container}
    return stack(role, HERE, name="web", service="client", image=image, container=made, files=(fact,), engine=engine)


def declared(kind: str, source: str = CONF, target: str = INSIDE, **more: Any) -> Snapshot:
    """The same before anything runs."""
    volumes = (declared_bind(source, target, f"{HERE}/docker-compose.yml"),)
    return stack("unknown", HERE, name="web", service="client", image="x", declared={"volumes": volumes, **more},
                 files=(file(source, kind),))  # fmt: skip


def finds(name: str, form: str, snapshot: Snapshot, *kinds: str) -> Example:
    return Example(name, snapshot, "finding", form, kinds)


NEVER = {"state": "created", "error": REFUSED, "exit_code": 127, "started_at": None}
SETTINGS = (f"{HERE}/config.yaml", "/app/config.yaml")
FINDS = (
    finds("started it before client/nginx.conf was there", "directory", given("directory", **NEVER)),
    finds("has not started it yet", "missing", declared("missing")),
    finds("has a directory from an earlier try", "directory", declared("directory")),
    finds("forgot litellm's config.yaml", "directory", given("directory", *SETTINGS, **LOOP)),
    finds("forgot init.sql, and the database runs without it", "directory",
          given("directory", f"{HERE}/init.sql", "/docker-entrypoint-initdb.d/init.sql")),
    finds("forgot .env, which LibreChat's container mounts", "directory",
          given("directory", f"{HERE}/.env", "/app/.env", role="librechat")),
    finds("put the file into the directory", "directory", given("directory", empty=False, **NEVER)),
    finds("put it into the directory, and the program ends", "directory",
          given("directory", *SETTINGS, empty=False, **LOOP)),
    finds("removed the file of a service that runs", "missing", given("missing")),
    finds("put the file in its place, and the container is the old one", "made-on-directory",
          replace(given("file", **NEVER), files=(file(CONF, mtime=NOW),)), *MADE),
    finds("mounts a file where the image has a directory", "made-on-directory", given("file", **NEVER)),
    finds("stopped it since", "directory", given("directory", state="exited", exit_code=0)),
    *(finds(f"mounts a file at {target}", "file-for-folder", declared("file", f"{HERE}/it", target))
      for target in ("/var/lib/mysql", "/data/db", "/etc/nginx/conf.d", "/docker-entrypoint-initdb.d", "/app/logs")),
    finds("mounts a file for the database's folder, and it never started", "file-for-folder",
          given("file", f"{HERE}/data", "/var/lib/postgresql/data", **NEVER)),
    finds("has such a database that keeps ending", "file-for-folder",
          given("file", f"{HERE}/data", "/data/db", **LOOP)),
    finds("made the container by hand", "directory", given("directory", project=None, service=None, labels={})),
)  # fmt: skip

KEY = (f"{HERE}/mongodb.key", "/data/mongodb.key")
COPIES = f"cp /tmp/mongodb.key {KEY[1]}\nchmod 400 {KEY[1]}\nexec docker-entrypoint.sh mongod --keyFile {KEY[1]}"
MONGOD = ("mongod", "--replSet", "rs0", "--keyFile", KEY[1])
FINDS_NOT = (
    Example("put the file there first", given("file"), "ok"),
    Example("put it there and has not started anything", declared("file"), "ok"),
    Example("mounts a file for such a folder, and it runs", given("file", f"{HERE}/d", "/etc/profile.d"), "ok"),
    Example("mounts such a file, and it is held", given("file", f"{HERE}/d", "/etc/profile.d", state="paused"), "ok"),
    Example("mounts a file into such a folder", declared("file", target="/docker-entrypoint-initdb.d/init.sql"), "ok"),
    Example("mounts a folder", stack("unknown", HERE, name="web", service="client", image="x",
                                     container={"mounts": (bind(f"{HERE}/data", "/data"),)}), "not_applicable"),
    Example("mounts the sources of a program that is called like a file",
            given("directory", f"{HERE}/next.js", "/srv/next.js", empty=False), "not_applicable"),
    Example("has the same before anything runs",
            replace(declared("x", f"{HERE}/next.js", "/srv/next.js"),
                    files=(file(f"{HERE}/next.js", "directory", empty=False),)), "not_applicable"),
    Example("has a MongoDB with a key file, which has a check of its own",
            given("directory", *KEY, role="mongo", image="mongo:7", command=MONGOD), "not_applicable"),
    Example("forgot librechat.yaml, which has a check of its own",
            given("directory", f"{HERE}/librechat.yaml", "/app/librechat.yaml", role="librechat"), "not_applicable"),
    Example("has no file here, but the Engine's machine is another one",
            given("missing", engine=replace(ENGINE, os="Docker Desktop")), "not_applicable"),
    Example("has a MongoDB that copies its key file from elsewhere", given("directory", KEY[0], "/tmp/mongodb.key",
            role="mongo", image="mongo:7", entrypoint=("bash", "-c", COPIES), command=()), "not_applicable"),
    Example("has a MongoDB whose configuration names the key file", replace(
            given("directory", *KEY, role="mongo", image="mongo:7", command=("mongod", "--config", "/etc/mongod.conf"),
                  mounts=(bind(*KEY), bind("/srv/m.conf", "/etc/mongod.conf"))),
            mongod_configs=(MongodConfig("/srv/m.conf", key_file=KEY[1], replica_set="rs0"),)), "not_applicable"),
    Example("has the folder that LibreChat writes its logs into", given("directory", f"{HERE}/logs", "/app/logs"),
            "not_applicable"),
    Example("has no such folder yet", given("missing", f"{HERE}/logs", "/app/logs"), "not_applicable"),
    Example("has a socket there", given("socket"), "not_applicable"),
    Example("may not look at it", given("unreadable"), "not_applicable"),
    Example("cannot be looked at", replace(given("file"), files=()), "not_applicable"),
    Example("has a volume there", given("file", mounts=(replace(bind("conf", INSIDE), kind="volume"),)),
            "not_applicable"),
    Example("runs it only with a profile", declared("missing", profiles=("proxy",)), "not_applicable"),
    Example("has not been inspected yet", given("directory", detailed=False, mounts=()), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
