"""What programs were not permitted to use, and what ``container.permission`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import FileFact, Snapshot, Volume

from examples import Example
from examples.container.common import app, finds
from examples.snapshots import bind, file
from examples.wiring.folder import folder, live, service

LOOP = {"state": "restarting", "restart_count": 20, "exit_code": 1, "user": "1001"}
CONFIG = bind("/srv/fastgpt/config.json", "/app/data/config.json")
LOGS = bind("/srv/chat/logs", "/app/api/logs")
DATA = bind("/srv/chat/data-node", "/data/db")
OPEN = "Init system error Error: EACCES: permission denied, open '/app/data/config.json'"
WRITE = "error: There was an uncaught error: EACCES: permission denied, open '/app/api/logs/error-2025-01-10.log'"
MONGOD = (
    '{"s":"E","msg":"Error creating journal directory","attr":{"directory":"/data/db/journal","error":"boost::'
    'filesystem::create_directory: Permission denied [system:13]: \\"/data/db/journal\\""}}'
)


def denied(*lines: str, mounts: tuple[Any, ...] = (CONFIG, LOGS, DATA), **more: Any) -> Snapshot:
    return app(lines=lines, mounts=mounts, **(LOOP | more))


SHUT = file("/srv/fastgpt/config.json", mode=0o600, uid=0, gid=0)
FINDS = (
    finds("left config.json to root with mode 600", "denied", replace(denied(OPEN), files=(SHUT,))),
    finds("left it so, and its mode is not known", "denied", denied(OPEN)),
    finds("has a folder of logs that Docker made", "denied", denied(WRITE)),
    finds("runs mongod as 1000 on a folder of root", "denied", denied(MONGOD, user="1000:1000", exit_code=100)),
    finds("is seen between two ends", "denied", denied(WRITE, state="running")),
    finds("ended and is not started again", "denied", denied(OPEN, state="exited", restart_policy="no")),
    finds("says more afterwards", "denied", denied(OPEN, "code: 'EACCES'", "npm ERR! code 1")),
    finds("says it in Go's way", "denied", denied("open /app/data/config.json: permission denied")),
    finds("may not change an owner", "denied", denied("chown: /data/db: Operation not permitted")),
    finds("has a folder that is not writable by its user", "denied", denied("/app/api/logs not writable by user 1001")),
    finds("runs as nobody in particular", "denied", denied(OPEN, user=None)),
)  # fmt: skip

MOUNT = Volume("bind", "/srv/chat/logs", "/app/api/logs")


def chat(*facts: FileFact, user: str | None = "1003:1003", up: bool = False, **more: Any) -> Snapshot:
    """A LibreChat whose user its files name; nothing is said in its log."""
    one = service("api", "ghcr.io/danny-avila/librechat:v0.8.1", user=user, volumes=(MOUNT,))
    found = replace(live(one) if up else folder(one), files=facts)
    own = {"mounts": (LOGS,), "user": user, **more}
    return replace(found, containers=tuple(replace(each, **own) for each in found.containers))


def logs(mode: int = 0o755, uid: int = 0, gid: int = 0) -> FileFact:
    return FileFact("/srv/chat/logs", "directory", mode=mode, uid=uid, gid=gid)


FINDS += (
    finds("has a folder of logs of root's before the first start", "shut", chat(logs())),
    finds("names a user alone, whose group is root's then", "shut", chat(logs(0o750), user="1003")),
    finds("has no folder yet, which Docker makes for root", "shut", chat(FileFact("/srv/chat/logs", "missing"))),
    finds("has a folder of its group that the group may only read", "shut", chat(logs(0o750, 1000, 1003))),
    finds("keeps ending, and its log has no line of it", "shut", chat(logs(), up=True, state="restarting",
          restart_count=9, exit_code=1)),
    finds("runs with such a folder", "shut", chat(logs(), up=True)),
)  # fmt: skip

FINDS_NOT = (
    Example("owns its folder of logs", chat(logs(0o700, 1003)), "not_applicable"),
    Example("has a folder of its group", chat(logs(0o775, 1000, 1003)), "not_applicable"),
    Example("names a user alone, and root's group may write", chat(logs(0o770), user="1003"), "not_applicable"),
    Example("has a folder for everybody", chat(logs(0o777)), "not_applicable"),
    Example("runs as root", chat(logs(0o700), user="0:0"), "not_applicable"),
    Example("has no user in its files", chat(logs(0o700), user=None), "not_applicable"),
    Example("has a user by name, whose number nobody knows here", chat(logs(0o700), user="node"), "not_applicable"),
    Example(
        "was stopped by somebody, folder and all", chat(logs(), up=True, state="exited", exit_code=0), "not_applicable"
    ),
    Example("has a folder of which nothing is known", chat(), "not_applicable"),
    Example("ends by something else", denied("Error: connect ECONNREFUSED 127.0.0.1:6379"), "ok"),
    Example("may not use a path of its own image", denied("EACCES: permission denied, open '/home/x/.cache'"), "ok"),
    Example(
        "may not use a path in a volume", denied(WRITE, mounts=(replace(LOGS, kind="volume", source="logs"),)), "ok"
    ),
    Example("speaks of no path", denied("permission denied"), "ok"),
    Example("names a path without a refusal", denied("reading /app/data/config.json"), "ok"),
    Example("names a URL", denied("permission denied for http://host/app/data/config.json"), "ok"),
    Example("is well", app(lines=()), "not_applicable"),
    Example("was stopped by somebody", denied(OPEN, state="exited", exit_code=137), "not_applicable"),
    Example("is paused", denied(OPEN, state="paused"), "not_applicable"),
    Example("has not been inspected yet", denied(OPEN, detailed=False), "not_applicable"),
)

EXAMPLES = FINDS + FINDS_NOT
