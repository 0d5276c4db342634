"""Data folders that mongod cannot use, and what ``mongo.data-folder`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Container, FileFact, MongoState, Mount, Snapshot

from examples import Example
from examples.snapshots import bind, container_id, file, stack

DIR = "/srv/chat"
DATA = f"{DIR}/data-node"
READ_ONLY = "IllegalOperation: Attempted to create a lock file on a read-only directory: /data/db"
IN_USE = "DBPathInUse: Unable to lock the lock file: /data/db/mongod.lock (Resource temporarily unavailable)"
DENIED = "IllegalOperation: Unable to create/open the lock file: /data/db/mongod.lock (Permission denied)"
GONE = "NonExistentPath: Data directory /srv/mongo not found"
LOOP: dict[str, Any] = {"state": "restarting", "exit_code": 100}
VOLUME = (Mount("volume", "/var/lib/docker/volumes/chat_db/_data", "/data/db", volume="chat_db"),)


def mongo(said: str = "", *, mark: str = "mongo.20557", fact: FileFact | None = None, **container: Any) -> Snapshot:
    """LibreChat's mongodb, which ended over its folder."""
    inside = {"command": ("mongod", "--noauth"), "mounts": (bind(DATA, "/data/db"),), **LOOP, **container}
    marks = ((mark, f"DBException in initAndListen, terminating: {said}"),) if said else ()
    return stack(
        "mongo", DIR, name="chat-mongodb", service="mongodb", image="mongo:8.0.17", container=inside, marks=marks,
        files=(fact,) if fact else (),
    )  # fmt: skip


def beside(snapshot: Snapshot) -> Snapshot:
    """Another container with the same folder."""
    other = Container(container_id("old"), "old-mongo", "mongo:7.0", "running", mounts=(bind(DATA, "/data/db"),))
    return replace(snapshot, containers=(*snapshot.containers, other))


def answering(snapshot: Snapshot) -> Snapshot:
    (one,) = snapshot.containers
    return replace(snapshot, mongos=(MongoState(one.id, primary=True, alive=True),))


FINDS = (
    Example("gave the folder to nobody", mongo(READ_ONLY), "finding", "not-writable", ()),
    Example("runs as 1000 on a folder of root", mongo(READ_ONLY, user="1000:1000", fact=file(DATA, "directory")),
            "finding", "not-writable", ()),
    Example("mounted the folder read-only", mongo(READ_ONLY, mounts=(bind(DATA, "/data/db", read_only=True),)),
            "finding", "not-writable", ()),
    Example("runs as 1000 on a volume of 999", mongo(DENIED, mounts=VOLUME, user="1000"),
            "finding", "not-writable", ()),
    Example("has a disk that was mounted read-only", mongo("boost::filesystem::create_directory: Read-only file"
            ' system: "/data/db/journal"', mark="mongo.20558"), "finding", "not-writable", ()),
    Example("started a second mongod on the same folder", beside(mongo(IN_USE)), "finding", "locked", ()),
    Example("runs mongod on the machine as well", mongo(IN_USE), "finding", "locked", ()),
    Example("has an old release's words", mongo("Unable to lock file: /data/db/mongod.lock. Is a mongod"
            " instance already running?"), "finding", "locked", ()),
    Example("wrote a --dbpath that nothing mounts", mongo(GONE, command=("mongod", "--dbpath", "/srv/mongo")),
            "finding", "no-folder", ()),
    Example("has a damaged file in it", mongo("Location28595: 2: No access to /data/db/WiredTiger.wt"),
            "finding", "unusable", ()),
    Example("runs it by hand on a volume", mongo(DENIED, mounts=VOLUME, service=None, project=None, labels={}),
            "finding", "not-writable", ()),
    Example("has a start script that waits for ever", mongo(READ_ONLY, state="running", exit_code=0,
            entrypoint=("bash", "-c", "docker-entrypoint.sh mongod & wait")), "finding", "not-writable", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("runs well", mongo(state="running", exit_code=0), "ok"),
    Example("answers although an older line is there", answering(mongo(READ_ONLY, state="running")), "ok"),
    Example("stopped it", mongo(state="exited", exit_code=0), "ok"),
    Example("was killed", mongo(state="exited", exit_code=137), "ok"),
    Example("has no AVX", mongo(exit_code=132), "ok"),
    Example("has data of another version", mongo(exit_code=62), "ok"),
    Example("has exit code 100 and no line", mongo(), "ok"),
    Example("has exit code 100 for an option", mongo("BadValue: Unsupported storage option for TTL monitor"), "ok"),
    Example("has exit code 100 for a certificate", mongo("InvalidOptions: No such file: /etc/ssl/mongo.pem"), "ok"),
    Example("has a bad key file", mongo(exit_code=1), "ok"),
    Example("runs again after a 100", mongo(state="running"), "ok"),
    Example("has a folder that container.permission tells of", mongo(DENIED), "not_applicable"),
    Example("has not started it", mongo(state="created"), "not_applicable"),
    Example("looks before it was inspected", mongo(detailed=False), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
