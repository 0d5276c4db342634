"""What happens to One API, its MySQL and its FastGPT, and what ``oneapi.restart`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    ComposeService,
    EnvVar,
    JsonFact,
    LogMark,
    NetworkLink,
    OneApiChannel,
    OneApiState,
    Port,
    Service,
    Snapshot,
)

from examples import Example
from examples.snapshots import NOW, STARTED, bind, container_id, file, stack

DIR = "/srv/fastgpt"
NET = "fastgpt_default"
CONFIG = f"{DIR}/config.json"
ANY = "0.0.0.0"
ADDRESS = "http://127.0.0.1:3001"
PASSWORD = "do-not-show-me"
DSN = f"root:{PASSWORD}@tcp(mysql:3306)/oneapi"
REFUSED = "failed to initialize database, got error dial tcp 172.18.0.5:3306: connect: connection refused"
FATAL = "[FATAL] 2024/04/16 - 02:10:39 | [dial tcp 172.18.0.5:3306: connect: connection refused]"
SYNCED = ("oneapi.channels-synced", "[SYS] 2024/04/16 - 02:10:39 | channels synced from database")
READY = ("mysql.ready", "mysqld: ready for connections. Version: '8.0.36' port: 3306")
REQUEST = "2024041602103912345678"
LOOP: dict[str, Any] = {"state": "restarting", "exit_code": 1, "restart_count": 4, "finished_at": STARTED + 1}
ENV = {"SQL_DSN": DSN, "MEMORY_CACHE_ENABLED": "true", "SESSION_SECRET": "x"}
FASTGPT_ENV = {"OPENAI_BASE_URL": "http://oneapi:3000/v1", "CHAT_API_KEY": "sk-fastgpt"}
Marks = tuple[tuple[str, str], ...]
_KEYS = {"systemEnv", "llmModels", "vectorModels"}


def _env(values: dict[str, str]) -> tuple[EnvVar, ...]:
    return tuple(EnvVar(name, value) for name, value in values.items())


def _links(name: str, network: str = NET) -> tuple[NetworkLink, ...]:
    return (NetworkLink(network, None, (name,)),)


def gateway(
    *, env: dict[str, str] | None = None, container: dict[str, Any] | None = None, marks: Marks = (),
    mysql: dict[str, Any] | None = None, mysql_marks: Marks = (READY,), state: OneApiState | None = None,
    client: bool = False, image: str = "ghcr.io/songquanpeng/one-api:v0.6.7",
) -> Snapshot:  # fmt: skip
    """One API of the FastGPT v4.7 compose file with its MySQL; ``mysql`` None: there is no such container."""
    inside = {
        "env": _env(ENV | (env or {})), "networks": _links("oneapi"), "restart_policy": "always",
        "network_mode": NET, "ports": (Port(3000, "tcp", ANY, 3001),), **(container or {}),
    }  # fmt: skip
    made = stack("oneapi", DIR, name="oneapi", service="oneapi", image=image, container=inside, marks=marks)
    if mysql is not None:
        made = _beside(
            made,
            "mysql",
            "mysql",
            "mysql:8.0.36",
            {"ports": (Port(3306, "tcp", ANY, 3306),), "networks": _links("mysql"), **mysql},
            mysql_marks,
        )
    if client:
        made = _beside(
            made,
            "fastgpt",
            "fastgpt",
            "ghcr.io/labring/fastgpt:v4.7",
            {"env": _env(FASTGPT_ENV), "networks": _links("fastgpt")},
            (),
        )
    return replace(made, oneapis=(state,)) if state else made


def _beside(made: Snapshot, role: Any, name: str, image: str, container: dict[str, Any], marks: Marks) -> Snapshot:
    """The same project with one more service."""
    other = stack(role, DIR, name=name, service=name, image=image, container=container, marks=marks)
    (ours,), (theirs,) = made.projects, other.projects
    project = replace(ours, services=(*ours.services, *theirs.services))
    return replace(
        made, projects=(project,), containers=(*made.containers, *other.containers),
        services=(*made.services, *other.services), log_marks=(*made.log_marks, *other.log_marks),
    )  # fmt: skip


def says(**more: Any) -> OneApiState:
    """What the One API of the examples answers over HTTP."""
    told: dict[str, Any] = {
        "address": ADDRESS, "start_time": STARTED, "version": "v0.6.7", "models": ("qwen", "m3e"),
        "client": container_id("fastgpt"), "models_trouble": None,
    }  # fmt: skip
    return OneApiState(container_id("oneapi"), **(told | more))


SILENT = says(trouble="refused", sentence="nobody listens there", start_time=None, models=None)


def dead(cause: str, text: str, **more: Any) -> Snapshot:
    """A One API in its boot loop with this last line; MySQL runs and is ready since an hour."""
    marks = ((cause, text), ("oneapi.fatal", f"[FATAL] x | [{text}]"))
    given: dict[str, Any] = {"container": LOOP, "marks": marks, "mysql": {}}
    return gateway(**(given | more))


def refused(**more: Any) -> Snapshot:
    """The same with a refused connection."""
    return dead("oneapi.db-refused", FATAL, **more)


def between(cause: str, text: str, **more: Any) -> Snapshot:
    """A One API in the moment between two deaths: started a second ago, and this ended the run before."""
    again = {"started_at": NOW - 1, "restart_count": 3}
    given: dict[str, Any] = {"container": again, "mysql": {}, "state": SILENT}
    made = gateway(**(given | more))
    line = LogMark(container_id("oneapi"), f"oneapi.before.{cause}", text, NOW - 4)
    return replace(made, log_marks=(*made.log_marks, line))


def young(seconds: float, **more: Any) -> dict[str, Any]:
    """A MySQL that was started so long ago."""
    return {"started_at": NOW - seconds, "created_at": NOW - seconds, **more}


def without(model: str, *, ago: float = 30.0, **more: Any) -> Snapshot:
    """A One API whose relay has just said that it has no channel for a model; channels were read long ago."""
    line = f"[ERR] 2024/04/16 - 02:10:39 | {REQUEST} | 当前分组 default 下对于模型 {model} 无可用渠道"
    gin = f"[GIN] 2024/04/16 - 02:10:39 | {REQUEST} | 503 | 1.29ms | 172.18.0.6 | POST /v1/embeddings"
    given: dict[str, Any] = {"mysql": {}, "state": says(), "client": True}
    made = gateway(**(given | more))
    ours = container_id("oneapi")
    said = (
        LogMark(ours, *SYNCED, NOW - 300), LogMark(ours, "oneapi.no-channel", line, NOW - ago),
        LogMark(ours, "oneapi.relay-503", gin, NOW - ago),
    )  # fmt: skip
    return replace(made, log_marks=(*said, *made.log_marks))


def channel(number: int, models: str, *, ago: float, status: int = 1) -> OneApiChannel:
    """One channel, made so many seconds ago."""
    return OneApiChannel(number, f"channel {number}", status, tuple(models.split(",")), ("default",), NOW - ago)


def fastgpt(
    *, late: float = 60.0, version: str = "v4.7", strict: str | None = None, relaxed: str | None = None,
    stale: bool | None = None, container: dict[str, Any] | None = None, json: bool = True, compose: bool = True,
    keys: set[str] = _KEYS, unsure: bool = False,
) -> Snapshot:  # fmt: skip
    """A FastGPT whose config.json was written ``late`` seconds after its start; its One API is elsewhere."""
    mount = bind(CONFIG, "/app/data/config.json", stale=stale)
    made = stack(
        "fastgpt", DIR, name="fastgpt", service="fastgpt", image=f"ghcr.io/labring/fastgpt:{version}",
        container={"env": _env(FASTGPT_ENV), "mounts": (mount,), **(container or {})},
        files=(file(CONFIG, mtime=STARTED + late),),
    )  # fmt: skip
    told = JsonFact(CONFIG, strict=strict, relaxed=relaxed, unsure=unsure, keys=tuple(sorted(keys)))
    numbered = tuple(Service(s.role, s.name, s.container, project=s.project, compose_service=s.compose_service,
                             version=version.lstrip("v")) for s in made.services)  # fmt: skip
    made = replace(made, services=numbered, json_files=(told,) if json else ())
    if compose:
        return made
    bare = tuple(replace(c, project=None, service=None, labels={}) for c in made.containers)
    return replace(made, containers=bare, projects=())


def declared(port: int, ports: tuple[str, ...] = ("33066:3306",), host: str = "mysql") -> Snapshot:
    """The compose files alone: nothing has been started."""
    dsn = _env({"SQL_DSN": f"root:{PASSWORD}@tcp({host}:{port})/oneapi"})
    made = stack("oneapi", DIR, name="oneapi", service="oneapi", image="one-api:v0.6.7", declared={"env": dsn})
    (project,) = made.projects
    other = ComposeService("mysql", "mysql:8.0.36", ports=ports)
    return replace(made, projects=(replace(project, services=(*project.services, other)),))


NAMELESS = "failed to initialize database, got error dial tcp: lookup db on 127.0.0.11:53: server misbehaving"
ENCODER = 'failed to get gpt-3.5-turbo token encoder: Get "https://openaipublic.blob.core.windows.net/": dial tcp'
DOWN = {"state": "exited", "exit_code": 0}
OTHER_PORT = {"SQL_DSN": f"root:{PASSWORD}@tcp(mysql:33066)/oneapi"}
ELSEWHERE = {"SQL_DSN": f"root:{PASSWORD}@tcp(192.168.1.9:3306)/oneapi"}
OTHER_HOST = {"SQL_DSN": f"root:{PASSWORD}@tcp(db:3306)/oneapi"}
ENDED: dict[str, Any] = {"state": "exited", "exit_code": 1, "restart_policy": "no", "finished_at": STARTED + 1}
OLD = channel(1, "qwen", ago=9000)
PUBLISHED = (Port(3306, "tcp", ANY, 33066),)

FINDS = (
    Example("edited config.json", fastgpt(), "finding", "config-changed", ("ComposeUp",)),
    Example("first start: MySQL is still making its data folder", refused(mysql=young(25), mysql_marks=()),
            "finding", "database-not-ready", ("WaitFor",)),
    Example("first start: MySQL runs its temporary server", refused(mysql=young(40), mysql_marks=(
            ("mysql.temporary", "Version: '8.0.36' port: 0"),)), "finding", "database-not-ready", ("WaitFor",)),
    Example("first start: looked at in the moment between two deaths", gateway(container={
            "started_at": NOW - 1, "restart_count": 3}, mysql=young(25), mysql_marks=(), state=SILENT),
            "finding", "database-not-ready", ("WaitFor",)),
    Example("first start: MySQL has just become ready, Docker will try again", refused(
            mysql=young(50), mysql_marks=(READY,), container={**LOOP, "finished_at": NOW - 60}),
            "finding", "database-not-ready", ("WaitFor",)),
    Example("a MySQL whose name did not exist while it was down", dead("oneapi.db-unknown-host", NAMELESS,
            mysql=young(10), mysql_marks=()), "finding", "database-not-ready", ("WaitFor",)),
    Example("first start without a restart policy: nobody tries again", refused(
            container=ENDED, mysql=young(25), mysql_marks=()), "finding", "database-not-ready", ()),
    Example("gave up before MySQL was ready, no restart policy", refused(container=ENDED),
            "finding", "start-again", ("ComposeUp",)),
    Example("still fails although MySQL is ready since an hour", refused(container={**LOOP, "finished_at": NOW - 30}),
            "finding", "start-again", ("RestartContainer",)),
    Example("stopped MySQL", dead("oneapi.db-no-route", "dial tcp 172.18.0.5:3306: connect: no route to host",
            mysql=DOWN), "finding", "database-down", ("ComposeUp",)),
    Example("MySQL 8.4 with a flag it does not know", refused(mysql={"state": "restarting", "exit_code": 1},
            mysql_marks=(("mysql.bad-option", "unknown variable 'default-authentication-plugin"),)),
            "finding", "database-crashing", ()),
    Example("MySQL keeps ending and happens to run for a moment", refused(mysql={**young(2), "restart_count": 40,
            "restart_policy": "always", "created_at": NOW - 1800}, mysql_marks=()), "finding", "database-crashing", ()),
    Example("MySQL was made a moment ago and has ended twice", refused(mysql={**young(2), "restart_count": 2,
            "restart_policy": "always", "created_at": NOW - 40}, mysql_marks=()), "finding", "database-not-ready",
            ("WaitFor",)),
    Example("MySQL runs for an hour and never said that it is ready", refused(mysql_marks=()),
            "finding", "database-stuck", ()),
    Example("renamed the service and not the DSN", dead("oneapi.db-unknown-host", NAMELESS, env=OTHER_HOST),
            "finding", "wrong-host", ()),
    Example("put MySQL into another project", dead("oneapi.db-unknown-host", NAMELESS,
            mysql={"networks": _links("mysql", "other_default")}), "finding", "other-network", ()),
    Example("wrote localhost into the DSN", refused(env={"SQL_DSN": f"root:{PASSWORD}@tcp(127.0.0.1:3306)/oneapi"}),
            "finding", "loopback", ()),
    Example("changed the host's port of MySQL and the DSN with it", refused(env=OTHER_PORT, mysql={
            "ports": PUBLISHED}), "finding", "host-port", ()),
    Example("changed both sides of the port", refused(env={"SQL_DSN": DSN.replace("3306", "3307")}, mysql={
            "ports": (Port(3307, "tcp", ANY, 3307),)}), "finding", "host-port", ()),
    Example("put quotes round the DSN in a list", dead("oneapi.db-1045", "Error 1045 (28000): Access denied for user "
            "'\"root'@'172.19.0.6'", env={"SQL_DSN": f'"{DSN}"'}), "finding", "quoted", ()),
    Example("wrote the host's port before starting anything", declared(33066), "finding", "host-port", ()),
    Example("a database on another machine that does not listen", refused(env=ELSEWHERE, mysql=None),
            "finding", "unreachable", ()),
    Example("interrupted MySQL's first start: no root from outside", dead("oneapi.db-1130",
            "Error 1130: Host '172.19.0.6' is not allowed to connect to this MySQL server"),
            "finding", "host-not-allowed", ()),
    Example("looked at between two deaths: MySQL refuses the password", between("db-1045", "Error 1045: Access denied"),
            "finding", "access-denied", ()),
    Example("looked at between two deaths: the host's port", between("db-refused", FATAL, env=OTHER_PORT),
            "finding", "host-port", ()),
    Example("changed MYSQL_ROOT_PASSWORD after the first start", dead("oneapi.db-1045",
            "Error 1045 (28000): Access denied for user 'root'@'172.19.0.6'"), "finding", "access-denied", ()),
    Example("set MYSQL_DATABASE after the first start", dead("oneapi.db-1049", "Error 1049: Unknown database 'oneapi'"),
            "finding", "unknown-database", ()),
    Example("a server without internet", dead("oneapi.token-encoder", ENCODER), "finding", "offline", ()),
    Example("a server whose way out swallows everything", gateway(marks=(
            ("oneapi.encoders-begun", "[SYS] x | initializing token encoders"),), mysql={}, state=SILENT),
            "finding", "offline", ()),
    Example("set REDIS_CONN_STRING without a Redis", dead("oneapi.redis-failed", "failed to initialize Redis: dial"),
            "finding", "redis", ()),
    Example("an old Docker", dead("oneapi.thread-refused", "pthread_create failed: Operation not permitted"),
            "finding", "old-docker", ()),
    Example("dies of something else", gateway(container=LOOP, marks=(("oneapi.fatal", "[FATAL] x | [broken]"),),
            mysql={}), "finding", "dies", ()),
    Example("added an embedding channel after the start", without("m3e"),
            "finding", "stale-channels", ("RestartContainer",)),
    Example("added a channel; an access token shows when", without("m3e", state=says(
            models=None, models_trouble="wrong-key", channels=(channel(2, "m3e", ago=200), OLD))),
            "finding", "stale-channels", ("RestartContainer",)),
    Example("added a channel that nobody has asked for yet", gateway(mysql={}, marks=(SYNCED,), state=says(
            channels=(channel(2, "m3e,bge", ago=60), OLD))), "finding", "stale-channels", ("RestartContainer",)),
    Example("an old release whose list of models is fixed, with an access token", without("m3e", state=says(
            version="v0.6.4", channels=(channel(2, "m3e", ago=200), OLD))),
            "finding", "stale-channels", ("RestartContainer",)),
    Example("edited config.json with an editor that writes a new file", fastgpt(late=-9.0, stale=True),
            "finding", "config-changed", ("ComposeUp",)),
    Example("edited config.json of a container made with docker run", fastgpt(compose=False),
            "finding", "config-changed", ("RestartContainer",)),
    Example("replaced config.json of a container made with docker run", fastgpt(compose=False, stale=True),
            "finding", "config-changed", ()),
    Example("added models to config.json of v4.8.20", fastgpt(version="v4.8.20", strict="line 1, column 1: x"),
            "finding", "config-changed", ("ComposeUp",)),
    Example("forgot a comma in config.json", fastgpt(strict="line 4, column 7: Expecting ',' delimiter"),
            "finding", "config-unreadable", ()),
    Example("saved a web page as config.json", fastgpt(version="v4.8.10", strict="line 7, column 1: Expecting value",
            relaxed="line 7, column 1: Expecting value"), "finding", "config-unreadable", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("runs well, six restarts at the first start are history", gateway(container={"restart_count": 6},
            marks=(SYNCED,), mysql={}, state=says()), "ok"),
    Example("runs well and nobody can be asked over HTTP", gateway(mysql={}), "ok"),
    Example("runs on SQLite", gateway(env={"SQL_DSN": ""}), "ok"),
    Example("Docker calls it unhealthy, which means nothing", gateway(mysql={}, state=says()), "ok"),
    Example("stopped it", gateway(container={"state": "exited", "exit_code": 137}), "ok"),
    Example("has not started anything", declared(3306), "ok"),
    Example("moved MySQL to another port, and the DSN with it", declared(3307, ("3307:3307",)), "ok"),
    Example("asks for a model that no channel offers", without("gml-4"), "ok"),
    Example("added the channel, and the list was read since", without("m3e", ago=400.0), "ok"),
    Example("has switched the cache off", without("m3e", env={"MEMORY_CACHE_ENABLED": "false"}), "ok"),
    Example("disabled the channel", without("m3e", state=says(channels=(channel(2, "m3e", ago=900, status=2), OLD))),
            "ok"),
    Example("a database on another machine that works", gateway(env=ELSEWHERE, state=says()), "ok"),
    Example("wrote localhost and shares the host's network", gateway(
            env={"SQL_DSN": f"root:{PASSWORD}@tcp(127.0.0.1:3306)/oneapi"}, container={"network_mode": "host"},
            mysql={}, state=says()), "ok"),
    Example("started it three seconds ago", gateway(container={"started_at": NOW - 3}, mysql={}, state=SILENT),
            "unknown"),
    Example("started again a second ago, MySQL has become ready meanwhile", between("db-refused", FATAL), "unknown"),
    Example("it runs and does not answer", gateway(mysql={}, state=SILENT), "unknown"),
    Example("looks before the container was inspected", gateway(container={"detailed": False}, mysql={}), "unknown"),
    Example("an old release that lists every model", without("m3e", state=says(version="v0.6.4")), "unknown"),
    Example("FastGPT's key is refused", without("m3e", state=says(models=None, models_trouble="wrong-key")), "unknown"),
    Example("wrote config.json before the start", fastgpt(late=-60.0), "not_applicable"),
    Example("edited config.json of a FastGPT that is stopped", fastgpt(container={"state": "exited"}),
            "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
