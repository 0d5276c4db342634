"""Passwords of upstream's example files, and what ``docker.default-secrets`` must say of them."""

from __future__ import annotations

from examples import Example
from examples.wiring.folder import folder, live, service

FASTGPT = "ghcr.io/labring/fastgpt:v4.9.14"
OWN = ("DEFAULT_ROOT_PSW=correct-horse", "TOKEN_KEY=a1", "ROOT_KEY=b2", "CHAT_API_KEY=sk-0123")


def app(*env: str) -> object:
    """A FastGPT with these variables, running."""
    return live(service("fastgpt", FASTGPT, *env))


FINDS = tuple(
    Example(name, snapshot, "finding", "as-shipped", ())
    for name, snapshot in (
        ("kept 1234", app("DEFAULT_ROOT_PSW=1234")),
        ("kept it, and has not started yet", folder(service("fastgpt", FASTGPT, "DEFAULT_ROOT_PSW=1234"))),
        ("kept the token's key", app(*OWN[:1], "TOKEN_KEY=any")),
        ("kept the root key", app("ROOT_KEY=root_key")),
        ("kept the key of files", app("FILE_TOKEN_KEY=filetoken")),
        ("kept the key of One API", app("CHAT_API_KEY=sk-fastgpt")),
        ("kept the password of MongoDB",
         live(service("mongo", "mongo:5.0.18", "MONGO_INITDB_ROOT_PASSWORD=mypassword"))),
        ("kept the password of PostgreSQL",
         live(service("pg", "pgvector/pgvector:0.8.0-pg15", "POSTGRES_PASSWORD=password"))),
        ("kept the password of MySQL", live(service("mysql", "mysql:8.0.36", "MYSQL_ROOT_PASSWORD=oneapimmysql"))),
        ("kept the password of Redis",
         live(service("redis", "redis:7.2", command=("redis-server", "--requirepass", "mypassword")))),
        ("kept the password of New API's PostgreSQL",
         live(service("postgres", "postgres:15", "POSTGRES_PASSWORD=123456"))),
        ("kept the password of New API's Redis",
         live(service("redis", "redis:latest", command=("redis-server", "--requirepass", "123456")))),
        ("kept the password of LiteLLM's PostgreSQL",
         live(service("db", "postgres:16", "POSTGRES_PASSWORD=dbpassword9090"))),
        ("kept the password of MinIO", live(service("minio", "minio/minio:1", "MINIO_ROOT_PASSWORD=minioadmin"))),
        ("kept the first token of One API",
         live(service("oneapi", "ghcr.io/songquanpeng/one-api:v0.6.7", "INITIAL_ROOT_TOKEN=fastgpt"))),
        ("kept all of several services",
         live(service("mongo", "mongo:5.0.18", "MONGO_INITDB_ROOT_PASSWORD=mypassword"),
              service("fastgpt", FASTGPT, "DEFAULT_ROOT_PSW=1234", "TOKEN_KEY=any"))),
    )
)  # fmt: skip

FINDS_NOT = tuple(
    Example(name, snapshot, status)
    for name, snapshot, status in (
        ("chose all of their own", app(*OWN), "ok"),
        ("chose them before the first start", folder(service("fastgpt", FASTGPT, *OWN)), "ok"),
        ("left one empty", app("DEFAULT_ROOT_PSW="), "ok"),
        ("has a longer one that begins like it", app("DEFAULT_ROOT_PSW=12345678901234"), "ok"),
        ("has a MongoDB without users", live(service("mongo", "mongo:5.0.18")), "ok"),
        ("has the password in a file", live(service("mysql", "mysql:8.0.36", "MYSQL_ROOT_PASSWORD_FILE=/run/x")), "ok"),
        ("has a Redis without a password", live(service("redis", "redis:7.2", command=("redis-server",))), "ok"),
        ("has a Redis with one of their own",
         live(service("redis", "redis:7.2", command=("redis-server", "--requirepass", "mypasswordX1"))), "ok"),
        ("has LibreChat's vectordb, which nobody reaches",
         live(service("vectordb", "pgvector/pgvector:0.8.0-pg15", "POSTGRES_PASSWORD=mypassword")), "ok"),
        ("has a web server with such a word",
         live(service("web", "nginx:1.27", "TOKEN_KEY=any", "DEFAULT_ROOT_PSW=1234")), "not_applicable"),
    )
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
