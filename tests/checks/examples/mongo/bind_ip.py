"""Where mongods listen, who is set up to use them, and what ``mongo.bind-ip`` must say of that."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    ComposeService,
    EngineInfo,
    HostInfo,
    MongodConfig,
    MongoState,
    NativeProcess,
    Service,
    Snapshot,
)
from stackops.console.products.edges import edges

from examples import Example
from examples.snapshots import ENGINE, NOW, bind, container_id
from examples.wiring.broken import box
from examples.wiring.folder import folder, live, service

URI = "MONGODB_URI=mongodb://u:p@mongo:27017/fastgpt?authSource=admin"
LOOP = ("--replSet", "rs0", "--bind_ip", "127.0.0.1")
CONF = ("mongod", "--config", "/etc/mongod.conf")
PATH = "/srv/stack/mongod.conf"


def mongo(*command: str, image: str = "mongo:5.0.18", **more: Any) -> ComposeService:
    return service("mongo", image, command=command, **more)


def app(uri: str = URI, image: str = "ghcr.io/labring/fastgpt:v4.8.10", **more: Any) -> ComposeService:
    return service("fastgpt", image, uri, **more)


def told(
    snapshot: Snapshot, *, said: MongoState | None = None, config: str | None = None,
    facts: dict[str, Any] | None = None, **mongod: Any,
) -> Snapshot:  # fmt: skip
    """With roles; ``config``: bindIp of the configuration file; ``mongod``: further facts of its container."""
    services = tuple(
        Service("mongo" if name == "mongo" else "fastgpt", name, container_id(name) if snapshot.containers else None,
                project="stack", compose_service=name)
        for name in ("mongo", "fastgpt")
    )  # fmt: skip
    made = tuple(replace(one, **((mongod if one.service == "mongo" else facts) or {})) for one in snapshot.containers)
    configs = (MongodConfig(PATH, bind=config),) if config else ()
    return replace(
        snapshot, containers=made, services=services, mongos=(said,) if said else (), mongod_configs=configs
    )  # fmt: skip


def up(*command: str, uri: str = URI, image: str = "mongo:5.0.18", **more: Any) -> Snapshot:
    return told(live(mongo(*command, image=image), app(uri)), **more)


def configured(address: str | None, **more: Any) -> Snapshot:
    return up(*CONF, config=address, mounts=(bind(PATH, "/etc/mongod.conf"),), **more)


def native(
    *listens: tuple[str, int], known: bool = True, host: str = "host.docker.internal", engine: EngineInfo = ENGINE
) -> Snapshot:  # fmt: skip
    """A mongod on the machine, and a FastGPT in a container that is set up to use it."""
    process = NativeProcess(900, "mongod", ("/usr/bin/mongod", "--config", "/etc/mongod.conf"), NOW - 9000, "mongodb",
                            listens if known else None)  # fmt: skip
    uri = {"MONGODB_URI": f"mongodb://u:p@{host}:27017/fastgpt"}
    extra = ("host.docker.internal:host-gateway",)
    fastgpt = box("fastgpt", "fastgpt:v4.8.10", env=uri, extra_hosts=extra)
    services = (Service("fastgpt", "fastgpt", fastgpt.id),)
    return Snapshot(NOW, HostInfo("x"), engine=engine, containers=(fastgpt,), processes=(process,),
                    edges=edges((fastgpt,)), services=services)  # fmt: skip


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


HERE = ("127.0.0.1", 27017)
ANSWERS = MongoState(container_id("mongo"), via="container address", set_name="rs0", primary=True)
FINDS = (
    finds("wrote --bind_ip 127.0.0.1", "option", up(*LOOP)),
    finds("wrote --bind_ip=localhost", "option", up("mongod", "--bind_ip=localhost")),
    finds("wrote both loopbacks", "option", up("--bind_ip", "127.0.0.1,::1")),
    finds("wrote it before the first start", "option", told(folder(mongo(*LOOP), app()))),
    finds("wrote it for LibreChat", "option", told(live(mongo(*LOOP), app(
          "MONGO_URI=mongodb://mongo:27017/LibreChat", "ghcr.io/danny-avila/librechat:v0.8.2")))),
    finds("published its port", "option", told(live(mongo(*LOOP, ports=("27017:27017",))))),
    finds("starts mongod past the entrypoint", "option", up("sh", "-c", "mongod --replSet rs0")),
    finds("made mongod the entrypoint", "option", told(live(mongo("--replSet", "rs0"), app()), entrypoint=("mongod",))),
    finds("stopped it meanwhile", "option", up(*LOOP, state="exited", exit_code=0)),
    finds("has it in a configuration file", "config", configured("127.0.0.1")),
    finds("has the file of Debian's package", "config", configured("127.0.0.1, ::1")),
    finds("has a mongod on the machine", "native", native(HERE)),
    finds("has one that listens on both loopbacks", "native", native(HERE, ("::1", 27017))),
)  # fmt: skip

FINDS_NOT = (
    Example("lets the image do it", up("--replSet", "rs0"), "ok"),
    Example("lets it do it before the first start", told(folder(mongo("mongod", "--replSet", "rs0"), app())), "ok"),
    Example("wrote --bind_ip_all", up("mongod", "--bind_ip_all"), "ok"),
    Example("wrote --bind_ip_all in a script", up("sh", "-c", "mongod --replSet rs0 --bind_ip_all"), "ok"),
    Example("wrote its own name too", up("--bind_ip", "localhost,mongo"), "ok"),
    Example("wrote 0.0.0.0", up("--bind_ip", "0.0.0.0"), "ok"),
    Example("has a file that opens it", configured("0.0.0.0"), "ok"),
    Example("has a file that opens all", configured("*"), "ok"),
    Example("wrote it, and it answers all the same", up(*LOOP, said=ANSWERS), "ok"),
    Example("has a file that could not be read", configured(None), "not_applicable"),
    Example("has nobody who uses it", told(live(mongo(*LOOP))), "not_applicable"),
    Example("has an app in the network of its mongod", up(*LOOP, facts={
            "network_mode": f"container:{container_id('mongo')}"}), "not_applicable"),
    Example("has both in the machine's network", up(*LOOP, uri="MONGODB_URI=mongodb://127.0.0.1:27017/x",
            network_mode="host", facts={"network_mode": "host"}), "not_applicable"),
    Example("has the start script of FastGPT", up("mongod", "--replSet", "rs0", entrypoint=(
            "bash", "-c", 'exec docker-entrypoint.sh "$$@" & wait $$!')), "not_applicable"),
    Example("has another image", up("--replSet", "rs0", image="bitnami/mongodb:7.0"), "not_applicable"),
    Example("looks before it was inspected", up(*LOOP, detailed=False), "unknown"),
    Example("has a mongod on the machine that listens on the bridge", native(HERE, ("172.17.0.1", 27017)), "ok"),
    Example("may not look at its sockets", native(known=False), "unknown"),
    Example("has one that does not listen yet", native(), "ok"),
    Example("has one that nobody's container uses", native(HERE, host="10.0.0.9"), "not_applicable"),
    Example("has a desktop's Engine", native(HERE, engine=replace(ENGINE, os="Docker Desktop")), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
