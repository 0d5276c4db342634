"""Databases that people publish, and what ``docker.exposed-databases`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Port, Snapshot, Volume

from examples import Example
from examples.snapshots import declared_bind
from examples.wiring.folder import FILE, folder, live, service

PUBLIC, OWN = "MONGO_INITDB_ROOT_PASSWORD=mypassword", "MONGO_INITDB_ROOT_PASSWORD=correct-horse"
USER = "MONGO_INITDB_ROOT_USERNAME=myusername"
REDIS = ("redis-server", "--appendonly", "yes")

HOST: dict[str, Any] = {"network_mode": "host", "networks": (), "published": False}


def one(name: str, image: str, port: int, *env: str, published: bool = True, up: bool = True, **more: Any) -> Snapshot:
    """One database that publishes its port on every address."""
    ports = (f"{port}:{port}",) if published else ()
    return (live if up else folder)(service(name, image, *env, ports=ports, **more))


def mongo(*env: str, **more: Any) -> Snapshot:
    """A MongoDB."""
    return one("mongo", "mongo:5.0.18", 27017, *env, **more)


def at(snapshot: Snapshot, address: str) -> Snapshot:
    """The same, published at this address."""
    (container,) = snapshot.containers
    ports = tuple(replace(port, host_ip=address) for port in container.ports)
    return replace(snapshot, containers=(replace(container, ports=ports),))


def state(snapshot: Snapshot, **facts: Any) -> Snapshot:
    """The same, its container otherwise."""
    return replace(snapshot, containers=tuple(replace(one, **facts) for one in snapshot.containers))


FINDS = (
    Example("published MongoDB with the example's password", mongo(USER, PUBLIC), "finding", "published-password", ()),
    Example("did so, and has not started yet", mongo(USER, PUBLIC, up=False), "finding", "published-password", ()),
    Example("published PostgreSQL so", one("pg", "pgvector/pgvector:0.8.0-pg15", 5432, "POSTGRES_PASSWORD=password"),
            "finding", "published-password", ()),
    Example("published MySQL so", one("mysql", "mysql:8.0.36", 3306, "MYSQL_ROOT_PASSWORD=oneapimmysql"), "finding",
            "published-password", ()),
    Example("published MinIO so", one("minio", "minio/minio:1", 9000, "MINIO_ROOT_PASSWORD=minioadmin"), "finding",
            "published-password", ()),
    Example("published Redis so",
            one("redis", "redis:7.2", 6379, command=("redis-server", "--requirepass", "mypassword")), "finding",
            "published-password", ()),
    Example("published it in the LAN alone", at(mongo(USER, PUBLIC), "10.0.0.4"), "finding", "published-password", ()),
    Example("published MongoDB without users", mongo(), "finding", "no-password", ()),
    Example("published LibreChat's MongoDB", mongo(command=("mongod", "--noauth")), "finding", "no-password", ()),
    Example("did so with a user that --noauth leaves out", mongo(USER, OWN, command=("mongod", "--noauth")), "finding",
            "no-password", ()),
    Example("published Redis without a password", one("redis", "redis:7.2", 6379, command=REDIS), "finding",
            "no-password", ()),
    Example("lets everybody into PostgreSQL", one("pg", "postgres:16", 5432, "POSTGRES_HOST_AUTH_METHOD=trust"),
            "finding", "no-password", ()),
    Example("lets everybody into MySQL", one("mysql", "mysql:8.0.36", 3306, "MYSQL_ALLOW_EMPTY_PASSWORD=yes"),
            "finding", "no-password", ()),
    Example("published Meilisearch without a key", one("meilisearch", "getmeili/meilisearch:v1.12", 7700), "finding",
            "no-password", ()),
    Example("runs MongoDB without users in the machine's network", mongo(**HOST), "finding", "no-password", ()),
    Example("does so before the first start, on another port", mongo(up=False, **HOST, command=(
            "mongod", "--port", "27018", "--replSet", "rs")), "finding", "no-password", ()),
    Example("runs MySQL there with the example's password", one("mysql", "mysql:8.0.36", 3306,
            "MYSQL_ROOT_PASSWORD=oneapimmysql", **HOST), "finding", "published-password", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("lets MongoDB listen on loopback in the machine's network", mongo(**HOST, command=(
            "mongod", "--bind_ip", "127.0.0.1")), "ok"),
    Example("starts mongod there in a script, where it listens on loopback", mongo(**HOST, command=(
            "sh", "-c", "mongod --replSet rs0")), "ok"),
    Example("has a password of its own there", mongo(USER, OWN, **HOST), "ok"),
    Example("has settings there that may say where it listens", one("redis", "redis:7.2", 6379, up=False, **HOST,
            command=("redis-server",), volumes=(Volume("bind", "/srv/x.ini", "/x.ini"),)), "unknown"),
    Example("publishes a port at which nobody listens", mongo(command=("mongod", "--bind_ip", "127.0.0.1")), "ok"),
    Example("publishes one of a script whose mongod listens on loopback", mongo(command=(
            "sh", "-c", "mongod --replSet rs0")), "ok"),
    Example("publishes nothing", mongo(USER, PUBLIC, published=False), "ok"),
    Example("publishes nothing, and has no users", mongo(published=False), "ok"),
    Example("publishes it on loopback", at(mongo(USER, PUBLIC), "127.0.0.1"), "ok"),
    Example("publishes it with a password of its own", mongo(USER, OWN), "ok"),
    Example("has users in a configuration file", mongo(command=("mongod", "--config", "/etc/mongod.conf")), "ok"),
    Example("has a key file", mongo(command=("mongod", "--keyFile", "/data/key")), "ok"),
    Example("has Redis with a password of its own",
            one("redis", "redis:7.2", 6379, command=("redis-server", "--requirepass", "x1")), "ok"),
    Example("has Redis with a file of settings",
            one("redis", "redis:7.2", 6379, command=("redis-server", "/etc/redis.conf")), "ok"),
    Example("has Redis Stack with a password in its arguments",
            one("redis", "redis/redis-stack-server:7.2.0-v9", 6379, "REDIS_ARGS=--requirepass x1"), "ok"),
    Example("has the password of MySQL in a file", one("mysql", "mysql:8.0.36", 3306, "MYSQL_ROOT_PASSWORD_FILE=/x"),
            "ok"),
    Example("has a Meilisearch with a key",
            one("meilisearch", "getmeili/meilisearch:v1.12", 7700, "MEILI_MASTER_KEY=0123456789abcdef"), "ok"),
    Example("has a Meilisearch with a file of settings",
            one("meilisearch", "getmeili/meilisearch:v1.12", 7700, "MEILI_CONFIG_FILE_PATH=/x.toml"), "ok"),
    Example("has one told on the command line",
            one("meilisearch", "getmeili/meilisearch:v1.12", 7700,
                command=("meilisearch", "--config-file-path=/x.toml")), "ok"),
    Example("has one at its usual place",
            one("meilisearch", "getmeili/meilisearch:v1.12", 7700,
                volumes=(declared_bind("/srv/config.toml", "/meili_data/config.toml", FILE),), up=False), "ok"),
    Example("stopped it", state(mongo(USER, PUBLIC), state="exited", exit_code=0), "not_applicable"),
    Example("publishes another service", one("web", "nginx:1.27", 80), "not_applicable"),
    Example("looks before it was inspected", state(mongo(), detailed=False), "unknown"),
    Example("exposes the port to containers only",
            state(mongo(USER, PUBLIC), ports=(Port(27017, "tcp", None, None),)), "ok"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
