"""What people do to a MongoDB key file, and what ``mongo.keyfile`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import FileFact, KeyFileFact, MongodConfig, Mount, Snapshot, Volume

from examples import Example
from examples.snapshots import ENGINE, NOW, STARTED, bind, declared_bind, file, stack

DIR = "/srv/fastgpt"
KEY = f"{DIR}/mongodb.key"
INSIDE = "/data/mongodb.key"
COMMAND = ("mongod", "--keyFile", INSIDE, "--replSet", "rs0")
ENTRY = ("docker-entrypoint.sh",)
REFUSED = (
    ("mongo.20254", "Read security file failed: permissions on /data/mongodb.key are too open"),
    ("mongo.20575", "Error creating service context: Unable to acquire security key[s]"),
)
DOWN = {"state": "exited", "exit_code": 1, "finished_at": STARTED + 2}
LOOP = {"state": "restarting", "exit_code": 1}
WRAPPER = """openssl rand -base64 128 > /data/mongodb.key
chmod 400 /data/mongodb.key
chown 999:999 /data/mongodb.key
exec docker-entrypoint.sh "$@" &
until mongo --eval "1"; do echo "Waiting for MongoDB to start..."; sleep 2; done
wait $!
"""
OWN_WRAPPER = 'exec docker-entrypoint.sh "$@" &\nuntil mongo --eval 1; do sleep 2; done\nwait $!\n'


def key(mode: int = 0o400, uid: int = 999, **more: Any) -> FileFact:
    """The key file on the host."""
    return file(KEY, **({"mode": mode, "uid": uid, "gid": uid, "size": 1024} | more))


def mongo(
    fact: FileFact | None = None,
    *,
    content: KeyFileFact | None = None,
    container: dict[str, Any] | None = None,
    started: bool = True,
    mounts: tuple[Mount, ...] = (bind(KEY, INSIDE),),
    **more: Any,
) -> Snapshot:
    """The mongo service of the FastGPT v4.6.8 compose file."""
    facts = (fact,) if fact else ()
    content = content or (KeyFileFact(KEY, 1, 1008, False) if fact and fact.kind == "file" and fact.size else None)
    inside = {"command": COMMAND, "entrypoint": ENTRY, "user": "", "mounts": mounts, **(container or {})}
    volumes = (declared_bind(KEY, INSIDE, f"{DIR}/docker-compose.yml"),)
    return stack(
        "mongo", DIR, name="mongo", service="mongo", image="mongo:5.0.18", container=inside if started else None,
        declared={"command": COMMAND, "volumes": volumes}, files=facts, keyfiles=(content,) if content else (), **more,
    )  # fmt: skip


def holds(keys: int | None = 1, length: int | None = 1008, bad: bool | None = False) -> KeyFileFact:
    """What is known of the key file's content."""
    return KeyFileFact(KEY, keys, length, bad)


def desktop(snapshot: Snapshot) -> Snapshot:
    """The same on Docker Desktop."""
    return replace(snapshot, engine=replace(ENGINE, os="Docker Desktop"))


NOT_THERE = "Read security file failed: Error reading file /data/mongodb.key: No such file or directory"
COPY = 'cp /data/mongo.key.host /data/mongodb.key\nchmod 400 /data/mongodb.key\nexec docker-entrypoint.sh "$@"\n'
CONFIG = f"{DIR}/mongod.conf"


def declared_copy(source: str, image: str = "mongo:5.0.18") -> Snapshot:
    """A start script that copies the key from ``source``, before the first start."""
    made = mongo(started=False)
    (project,) = made.projects
    (service,) = project.services
    script = COPY.replace("/data/mongo.key.host", source)
    volumes = (declared_bind(KEY, "/data/mongodb.key.host", f"{DIR}/docker-compose.yml"),)
    service = replace(service, image=image, entrypoint=("sh", "-c", script), volumes=volumes)
    return replace(made, projects=(replace(project, services=(service,)),))


def configured(fact: FileFact, *, container: dict[str, Any] | None = None, **more: Any) -> Snapshot:
    """The key file stands in the configuration file, which is mounted as well."""
    inside = {"command": ("mongod", "--config", "/etc/mongod.conf"), **(container or {})}
    mounts = (bind(KEY, INSIDE), bind(CONFIG, "/etc/mongod.conf"))
    told = (MongodConfig(CONFIG, INSIDE, "rs0"),)
    return replace(mongo(fact, container=inside, mounts=mounts, **more), mongod_configs=told)


def plain(*volumes: Volume, image: str = "mongo:7.0", path: str = "/etc/keyfile", **more: Any) -> Snapshot:
    """A mongod that is only declared, with these mounts."""
    made = mongo(started=False)
    (project,) = made.projects
    (service,) = project.services
    command = ("mongod", "--replSet", "rs0", "--keyFile", path)
    told = {"image": image, "entrypoint": (), "command": command, "volumes": volumes, **more}
    return replace(made, projects=(replace(project, services=(replace(service, **told),)),))


UNREAD = KeyFileFact(KEY)
MOUNT_ERROR = 'error mounting "/srv/fastgpt/mongodb.key" to rootfs at "/data/mongodb.key": not a directory: unknown'

FINDS = (
    Example("started without making a key: Docker made a directory", mongo(file(KEY, "directory"), container=DOWN,
            marks=REFUSED), "finding", "directory", ("ReplaceDirectoryByFile", "ComposeUp")),
    Example("gave the directory chmod 400 and chown 999", mongo(file(KEY, "directory", mode=0o400, uid=999),
            container=DOWN, marks=REFUSED), "finding", "directory", ("ReplaceDirectoryByFile", "ComposeUp")),
    Example("put files into the directory", mongo(file(KEY, "directory", empty=False), container=DOWN),
            "finding", "directory", ()),
    Example("copied the compose file and has not made a key yet", mongo(file(KEY, "missing"), started=False),
            "finding", "missing", ("CreateFile",)),
    Example("deleted the key under a running mongod", mongo(file(KEY, "missing")),
            "finding", "missing", ("CreateFile",)),
    Example("deleted the key and lost the container too", mongo(file(KEY, "missing"), container=DOWN),
            "finding", "missing", ("CreateFile", "ComposeUp")),
    Example("made the key with openssl and left it 644", mongo(key(0o644, 0), container=DOWN, marks=REFUSED),
            "finding", "too-open", ("Chmod", "Chown", "ComposeUp")),
    Example("chown 999 but no chmod", mongo(key(0o644, 999), container=DOWN, marks=REFUSED),
            "finding", "too-open", ("Chmod", "ComposeUp")),
    Example("chmod 400 but no chown", mongo(key(0o400, 0), container=DOWN, marks=REFUSED),
            "finding", "wrong-owner", ("Chown", "ComposeUp")),
    Example("chmod 440, as for a group", mongo(key(0o440, 999), container=LOOP, marks=REFUSED),
            "finding", "too-open", ("Chmod", "RestartContainer")),
    Example("opened the key while mongod ran", mongo(key(0o644, 999)), "finding", "too-open", ("Chmod",)),
    Example("took all permissions away", mongo(key(0o000, 999), container=DOWN), "finding", "wrong-owner",
            ("Chmod", "ComposeUp")),
    Example("runs mongod as 1000 and gave the key to 999", mongo(key(), container={"user": "1000:1000", **DOWN}),
            "finding", "wrong-owner", ("Chown", "ComposeUp")),
    Example("touched the key file", mongo(key(size=0), container=DOWN),
            "finding", "empty", ("ReplaceFile", "ComposeUp")),
    Example("typed a pass phrase", mongo(key(), content=holds(bad=True), container=DOWN),
            "finding", "bad-characters", ("ReplaceFile", "ComposeUp")),
    Example("made a key of 1000 bytes, 1336 characters", mongo(key(), content=holds(length=1336), container=DOWN),
            "finding", "bad-length", ("ReplaceFile", "ComposeUp")),
    Example("typed a short key and left it 644", mongo(key(0o644, 0), content=holds(length=3), container=DOWN),
            "finding", "too-open", ("Chmod", "Chown", "ReplaceFile", "ComposeUp")),
    Example("collected three keys in one file", mongo(key(), content=holds(keys=3)), "finding", "too-many-keys", ()),
    Example("mounted a named pipe", mongo(file(KEY, "fifo"), container=DOWN), "finding", "not-a-file", ()),
    Example("repaired the key by hand and did not start mongo", mongo(key(), container=DOWN, marks=REFUSED),
            "finding", "not-restarted", ("ComposeUp",)),
    Example("replaced the directory by a file and restarted: exit 127", mongo(key(), container={
            "state": "exited", "exit_code": 127, "error": MOUNT_ERROR}), "finding", "not-restarted", ("ComposeUp",)),
    Example("wrote an own wrapper script: bash runs, mongod is dead", mongo(key(0o644, 0), marks=REFUSED, container={
            "entrypoint": ("bash", "-c", OWN_WRAPPER)}), "finding", "too-open", ("Chmod", "Chown", "RestartContainer")),
    Example("left the old mount in place under the v4.7 script", mongo(file(KEY, "directory"), marks=REFUSED,
            container={"entrypoint": ("bash", "-c", WRAPPER)}),
            "finding", "directory", ("ReplaceDirectoryByFile", "ComposeUp")),
    Example("keeps the key in a named volume, where it is open to others", mongo(container=LOOP, marks=REFUSED,
            mounts=(Mount("volume", "keys", "/data"),)), "finding", "refused", ()),
    Example("has the key in the image, and mongod says that it is not there", mongo(mounts=(), container=LOOP,
            marks=(("mongo.20254", NOT_THERE),)), "finding", "refused", ()),
    Example("copies another name than is mounted", mongo(mounts=(bind(KEY, "/data/mongodb.key.host"),), container={
            **LOOP, "entrypoint": ("sh", "-c", COPY)}, marks=REFUSED), "finding", "refused", ()),
    Example("copies another name than is mounted, and has not started yet", declared_copy("/data/mongo.key.host"),
            "finding", "wrong-copy", ()),
    Example("names a key file that nothing mounts, and has not started yet", plain(), "finding", "nowhere", ()),
    Example("copies a directory that Docker made", mongo(file(KEY, "directory"), container={
            **LOOP, "entrypoint": ("sh", "-c", COPY.replace("mongo.key.host", "mongodb.key.host"))},
            mounts=(bind(KEY, "/data/mongodb.key.host"),), marks=REFUSED), "finding", "directory",
            ("ReplaceDirectoryByFile", "ComposeUp")),
    Example("has no key in the folder that is mounted whole", mongo(file(f"{DIR}/keys/mongodb.key", "missing"),
            mounts=(bind(f"{DIR}/keys", "/data"),), container=LOOP, marks=REFUSED), "finding", "missing",
            ("CreateFile", "ComposeUp")),
    Example("names the key in mongod.conf alone", configured(file(KEY, "directory"), container=LOOP, marks=REFUSED),
            "finding", "directory", ("ReplaceDirectoryByFile", "ComposeUp")),
    Example("works on Docker Desktop, where chmod does not reach", desktop(mongo(key(0o644, 0), container=DOWN)),
            "finding", "too-open", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("made the key as the guide says: 400, 999", mongo(key()), "ok"),
    Example("used mode 600", mongo(key(0o600)), "ok"),
    Example("used mode 700", mongo(key(0o700)), "ok"),
    Example("gave it to 999 with group root", mongo(key(gid=0)), "ok"),
    Example("made the key and has not started yet", mongo(key(), started=False), "ok"),
    Example("wrote two keys, to change over", mongo(key(), content=holds(keys=2)), "ok"),
    Example("runs FastGPT v4.7, which makes its key inside", mongo(mounts=(), container={
            "entrypoint": ("bash", "-c", WRAPPER)}), "ok"),
    Example("runs mongod as 1000 with a key of 1000", mongo(key(uid=1000), container={"user": "1000:1000"}), "ok"),
    Example("runs mongod as root", mongo(key(uid=0), container={"user": "root", "entrypoint": ("mongod",),
            "command": COMMAND[1:]}), "ok"),
    Example("put the key where the entrypoint changes the owner", mongo(key(uid=0),
            mounts=(bind(KEY, "/data/configdb/mongodb.key"),),
            container={"command": ("mongod", "--keyFile=/data/configdb/mongodb.key")}), "ok"),
    Example("stopped a healthy mongod", mongo(key(), container={"state": "exited", "exit_code": 0}), "ok"),
    Example("repaired the key and started mongod: it says it waits for connections",
            mongo(key(), marks=(*REFUSED, ("mongo.23016", "Waiting for connections"))), "ok"),
    Example("looks as a user who cannot read the key, while mongod runs", mongo(key(), content=UNREAD), "ok"),
    Example("looks as a user who cannot read the key of a stopped mongod",
            mongo(key(), content=UNREAD, container={"state": "exited"}), "unknown"),
    Example("looks as a user who cannot read the key of a mongod that has just started",
            mongo(key(), content=UNREAD, container={"started_at": NOW - 1}), "unknown"),
    Example("has it in an image of its own", plain(image="example.com/our-mongo:7"), "unknown"),
    Example("builds its image here", plain(built=True), "unknown"),
    Example("keeps it in the folder of the data", plain(path="/data/db/keyfile"), "unknown"),
    Example("keeps it in a volume that is mounted", plain(Volume("volume", "keys", "/etc")), "unknown"),
    Example("starts it by a script of its own", plain(entrypoint=("/start.sh",)), "unknown"),
    Example("looks at an Engine on another machine", mongo(None), "unknown"),
    Example("keeps the key in a named volume, mongod down", mongo(mounts=(Mount("volume", "keys", "/data"),),
            container=DOWN), "unknown"),
    Example("looks before the container was inspected", mongo(key(), container={"detailed": False}), "unknown"),
    Example("copies the key that is mounted; the script gives the copy mode and owner", mongo(key(0o644, 0), container={
            "entrypoint": ("sh", "-c", COPY.replace("mongo.key.host", "mongodb.key.host"))},
            mounts=(bind(KEY, "/data/mongodb.key.host"),)), "ok"),
    Example("copies what the own image has", declared_copy("/opt/mongo.key", image="team/mongodb:1"), "unknown"),
    Example("names a good key in mongod.conf", configured(key()), "ok"),
    Example("makes the key inside, in the data folder", mongo(file(f"{DIR}/data/mongodb.key", "missing"),
            mounts=(bind(f"{DIR}/data", "/data"),), container={"entrypoint": ("bash", "-c", WRAPPER)}), "ok"),
    Example("runs without a key file", mongo(container={"command": ("mongod", "--replSet", "rs0")}), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
