"""Arrows that were tried, and what ``wiring.broken`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    ConfigAddress,
    Container,
    Edge,
    EnvVar,
    Health,
    Hop,
    HostInfo,
    LastWords,
    NetworkLink,
    Port,
    ProxyConfig,
    Service,
    Snapshot,
)
from stackops.console.products.edges import edges

from examples import Example
from examples.snapshots import ENGINE, NOW, container_id

NAME, PORT_OK = Hop("name", "ok", "10.0.0.2"), Hop("port", "ok")
WELL = (NAME, PORT_OK, Hop("protocol", "ok"))
NO_NAME = (Hop("name", "failed", "Docker's name server knows no mongo"), Hop("port", "unknown"))
NO_DNS = (Hop("name", "failed", "Docker's name server does not answer for mongo"),)
NOBODY = (NAME, Hop("port", "failed", "nobody listens at 10.0.0.2:27017"), Hop("protocol", "unknown"))
NO_WAY = (NAME, Hop("port", "failed", "10.0.0.2:27017 takes no connection within 1.5 s"))
MONGO = {"MONGODB_URI": "mongodb://u:secret@mongo:27017/x"}
GATEWAY = {"OPENAI_BASE_URL": "http://oneapi:3000/v1"}


def said(reason: str, state: Any = "failed") -> tuple[Hop, ...]:
    """Whoever took the connection said something else than was wanted."""
    return (NAME, PORT_OK, Hop("protocol", state, reason))


def box(name: str, image: str = "", networks: tuple[str, ...] = ("net",), **more: Any) -> Container:
    """A container that runs for an hour."""
    links = tuple(NetworkLink(network, aliases=(name,)) for network in networks)
    env = tuple(EnvVar(key, value) for key, value in more.pop("env", {}).items())
    facts: dict[str, Any] = {
        "id": container_id(name), "name": name, "image": image or f"{name}:1", "state": "running", "networks": links,
        "started_at": NOW - 3600, "created_at": NOW - 7200, "env": env, "restart_policy": "always",
        "project": "stack", "service": name,
    }  # fmt: skip
    return Container(**(facts | more))


def tried(hops: tuple[Hop, ...], *others: Container, env: dict[str, str] = MONGO, by: Any = "probe") -> Snapshot:
    """What a FastGPT with these settings found on its arrows."""
    return of(box("fastgpt", "fastgpt:v4.8.4", env=env), hops, *others, by=by)


def of(app: Container, hops: tuple[Hop, ...], *others: Container, by: Any = "probe") -> Snapshot:
    """The same of another app; all its arrows end alike."""
    boxes = (app, *others)
    found: tuple[Edge, ...] = tuple(replace(one, hops=hops, by=by, read_at=NOW) for one in edges(boxes))
    services = tuple(Service("unknown", each.name, each.id) for each in boxes)
    return Snapshot(NOW, HostInfo("x"), engine=ENGINE, containers=boxes, services=services, edges=found)


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    """An example that a person repairs."""
    return Example(name, snapshot, "finding", form, ())


MYSQL = {"SQL_DSN": "root:secret@tcp(mysql:3306)/oneapi"}
ONEAPI = box("oneapi", "justsong/one-api:v0.6.7", env=MYSQL)
THERE = box("mongo")
TO_MACHINE = {"MONGODB_URI": "mongodb://host.docker.internal:27017/x"}
AT_MACHINE = box("fastgpt", "fastgpt:v4.8.4", env=TO_MACHINE, extra_hosts=("host.docker.internal:host-gateway",))
PLUGIN = box("plugin", "fastgpt-plugin:v0.5.6", env={"MONGODB_URI": "mongodb://u:secret@mongo:27017/x"})


def both(hops: tuple[Hop, ...], *others: Container) -> Snapshot:
    """A FastGPT and its plugins, which need one database."""
    return tried(hops, PLUGIN, *others)


FINDS = (
    finds("put the database of two apps into another network", "apart", both(NO_NAME, box("mongo", networks=("b",)))),
    finds("removed the database of two apps", "name", both(NO_NAME)),
    finds("has a database of two apps that does not listen", "port", both(NOBODY, THERE)),
    finds("has a database of two apps that hangs", "no-answer", both(said("resets the connection"), THERE)),
    finds("stopped the database", "stopped", tried(NO_NAME, box("mongo", state="exited"))),
    finds("paused the database", "stopped", tried(said("takes the connection and gives no answer within 3 s"),
          box("mongo", state="paused"))),
    finds("made the database and did not start it", "stopped", tried(NO_NAME, box("mongo", state="created"))),
    finds("put the database into another network", "apart", tried(NO_NAME, box("mongo", networks=("back",)))),
    finds("took the database out of its network", "apart", tried(NO_NAME, box("mongo", networks=()))),
    finds("removed the database", "name", tried(NO_NAME)),
    finds("has a name server that does not answer", "name-server", tried(NO_DNS, THERE)),
    finds("wrote localhost", "itself", tried(NOBODY, THERE, env={"MONGODB_URI": "mongodb://localhost:27017/x"})),
    finds("has a database whose program does not listen", "port", tried(NOBODY, THERE)),
    finds("moved the port of the database", "port", tried(NOBODY, box("mongo", ports=(Port(27018, "tcp"),)))),
    finds("has nobody at a port of the machine", "port", of(AT_MACHINE, NOBODY)),
    finds("has a firewall before the machine's port", "no-way", of(AT_MACHINE, NO_WAY)),
    finds("did not give the container the machine's name", "name", tried((Hop("name", "failed",
          "Docker's name server knows no host.docker.internal"),), env=TO_MACHINE)),
    finds("wrote the port of something else", "protocol", tried(
          said("answers as HTTP does; MongoDB is wanted"), THERE)),
    finds("wrote https for a plain server", "tls", tried(said("does not speak TLS, and the address says so"),
          box("oneapi"), env={"OPENAI_BASE_URL": "https://oneapi:3000/v1"})),
    finds("wrote http for a server with TLS", "tls", tried(said("speaks TLS, and the address does not say so"),
          box("oneapi"), env=GATEWAY)),
    finds("has a gateway that hangs", "no-answer", tried(said("takes the connection and gives no answer within 3 s"),
          box("oneapi"), env=GATEWAY)),
    finds("is blocked by MySQL", "refused", of(ONEAPI, said("refuses: this host is blocked (1129)"), box("mysql"))),
    finds("has a Redis in protected mode", "refused", tried(
          said("refuses other machines: Redis runs in protected mode"), box("redis"),
          env={"REDIS_URL": "redis://redis:6379"})),
)  # fmt: skip


CONF = ConfigAddress("location /", "proxy_pass", "api", 3080, 7)
FRONT = box("front", "nginx:1.27")


def front(hops: tuple[Hop, ...], *others: Container, problem: str | None = None) -> Snapshot:
    """An nginx that passes requests on to an app."""
    proxies = (ProxyConfig(FRONT.id, "/srv/n.conf", () if problem else (CONF,), problem),)
    boxes = (FRONT, *others)
    found = tuple(replace(one, hops=hops, by="probe", read_at=NOW) for one in edges(boxes, proxies=proxies))
    return replace(of(FRONT, hops, *others), edges=found, proxies=proxies)


def unknown(name: str, snapshot: Snapshot) -> Example:
    """Of which it cannot be told."""
    return Example(name, snapshot, "unknown")


APP = box("api", "librechat:v0.8.2")
FINDS += (
    finds("has an nginx before an app that does not listen", "port", front(NOBODY, APP)),
    finds("has an nginx before an app that is gone", "name", front(NO_NAME)),
    finds(
        "has an nginx before an app with TLS", "tls", front(said("speaks TLS, and the address does not say so"), APP)
    ),
)
ENTRY = "/docker-entrypoint.sh: Configuration complete; ready for start up"
EMERG = '2024/06/22 16:55:25 [emerg] 1#1: host not found in upstream "{}" in /etc/nginx/conf.d/default.conf:{}'
"""fact: TeamPiped/Piped issue 3679 and keymetrics/on-premise issue 26: the log of nginx's image"""
LOOP = {"state": "restarting", "exit_code": 1, "restart_count": 12, "finished_at": NOW - 5, "started_at": NOW - 6}
ENDED = {"state": "exited", "exit_code": 1, "restart_policy": "no", "finished_at": NOW - 5}


def ended(name: str, *others: Container, last: str = "", **facts: Any) -> Snapshot:
    """An nginx that does not find this name at its start, and ends."""
    one = box("front", "nginx:1.27", **(facts or LOOP))
    lines = [ENTRY, EMERG.format(name, 7), f"nginx: {EMERG.format(name, 7)[20:]}", *([last] if last else [])]
    boxes = (one, *others)
    proxies = (ProxyConfig(one.id, "/srv/n.conf", (CONF,)),)
    return replace(of(one, (), *others), edges=edges(boxes, proxies=proxies), proxies=proxies,
                   last_words=(LastWords(one.id, tuple(lines), one.state != "running"),))  # fmt: skip


FINDS += (
    finds("has an nginx that ends, as no service has the name", "at-start", ended("api:3080")),
    finds("names an upstream that nobody has and no file tells", "at-start", ended("realtime", APP)),
    finds(
        "has such an nginx between two ends",
        "at-start",
        replace(
            ended("api:3080", **(LOOP | {"state": "running"})),
            last_words=(LastWords(FRONT.id, (EMERG.format("api:3080", 7),), True),),
        ),
    ),
    finds("has an nginx that ended, as no service has the name", "at-start", ended("api:3080", **ENDED)),
    finds("has an nginx that ended before its app was there", "late", ended("api:3080", APP, **ENDED)),
    finds(
        "has an nginx that ends, and an app that is stopped",
        "stopped",
        ended("api:3080", box("api", "librechat:v0.8.2", state="exited", exit_code=0)),
    ),
    finds(
        "has an nginx that ends, and an app in another network",
        "apart",
        ended("api:3080", box("api", "librechat:v0.8.2", networks=("back",))),
    ),
    finds("has an nginx that asks for a name of the internet", "name-server", ended("llm.example.org:443")),
)
YOUNG = {"started_at": NOW - 20}
FINDS_NOT = (
    Example("reaches everything", tried(WELL, THERE), "ok"),
    Example("has an nginx that reaches its app", front(WELL, APP), "ok"),
    unknown("has an nginx whose file cannot be read", front((), APP, problem="permission denied")),
    Example("reaches a MySQL", of(ONEAPI, WELL, box("mysql")), "ok"),
    Example("reaches a port of the machine", tried(WELL, env={"MONGODB_URI": "mongodb://172.17.0.1:27017/x"}), "ok"),
    Example("was not tried, and it is concluded that it cannot be", tried(NO_NAME, by="reasoning"), "not_applicable"),
    Example("was not tried, and the database lies stopped", tried((NAME, *NOBODY[1:]), box("mongo", state="exited"),
            by="reasoning"), "not_applicable"),
    Example("needs nobody", tried((), env={}), "not_applicable"),
    Example("was silent once, and is tried again", tried(said("resets the connection; it is tried again", "unknown"),
            THERE), "not_applicable"),
    Example("asks a server that is busy", tried(
            said("takes the connection and gives no answer within 3 s; it may be busy", "unknown"), THERE),
            "not_applicable"),
    Example("has a MySQL that is left alone", of(ONEAPI, (NAME, Hop("port", "unknown",
            "it was asked 10 times since its start, and is left alone lest it blocks oneapi")), box("mysql")),
            "not_applicable"),
    Example("asks Milvus, whose protocol is not tried", tried(said("its protocol is not tried", "unknown"),
            box("milvus"), env={"MILVUS_ADDRESS": "http://milvus:19530"}), "not_applicable"),
    unknown("started the database a moment ago", tried(NOBODY, box("mongo", **YOUNG))),
    unknown("has a database whose health check has not passed yet", tried(NOBODY, box("mongo",
            health=Health("starting", 0, ())))),
    unknown("loads a model", of(box("webui", "open-webui:v0.5", env={"OLLAMA_BASE_URL": "http://ollama:11434"}), NOBODY,
            box("ollama", started_at=NOW - 300))),
    unknown("has no resolv.conf", tried((Hop("name", "unknown", "its /etc/resolv.conf cannot be read from here"),))),
    Example("has an nginx that is about to find its app", ended("api:3080", APP), "not_applicable"),
    Example("has an nginx that found it in the meantime", ended("api:3080", APP, state="running"), "not_applicable"),
    Example("has an nginx that somebody stopped", ended("api:3080", state="exited", exit_code=0), "not_applicable"),
    Example("has an nginx that was made a moment ago", ended("api:3080", **(LOOP | {"restart_count": 3, "created_at":
            NOW - 20})), "not_applicable"),
    Example("has an nginx that ends by something else", ended("api:3080",
            last='nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)'), "not_applicable"),
    Example("has an nginx that says something that looks like it", ended('"in" ' * 400), "not_applicable"),
    unknown("is odd", tried((NAME, Hop("port", "unknown", "it could not be tried: ValueError")), THERE)),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
