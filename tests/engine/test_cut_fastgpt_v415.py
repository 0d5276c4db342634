"""FastGPT v4.15 with AI Proxy, its PostgreSQL, redis, plugins, object store: each arrow cut, told once, mended."""

from __future__ import annotations

from typing import ClassVar

from support.cuts import Cut, CutTests, Given, Parted, stopped


def app(**env: str) -> Given:
    return Given("fastgpt-app", env)


def mongo(at: str, password: str = "mypassword") -> Given:
    return app(MONGODB_URI=f"mongodb://myusername:{password}@{at}/fastgpt?authSource=admin")


def vectors(at: str, password: str = "password") -> Given:
    return app(PG_URL=f"postgresql://username:{password}@{at}/postgres")


def endpoint(url: str) -> Given:
    return app(AIPROXY_API_ENDPOINT=url)


def dsn(at: str, password: str = "aiproxy") -> Given:
    return Given("fastgpt-aiproxy", {"SQL_DSN": f"postgres://postgres:{password}@{at}/aiproxy"})


BOTH = "fastgpt-app and fastgpt-plugin"
CUTS = (
    Cut("mongo: another host", mongo("mongo:27017"), "fastgpt-app -> mongo:27017", "name",
        ["fastgpt-app looks for MongoDB where fastgpt-mongo is not"], fixed=True),
    Cut("mongo: another password", mongo("fastgpt-mongo:27017", "other"), "fastgpt-app -> fastgpt-mongo:27017", "login",
        ["fastgpt-app cannot log in to fastgpt-mongo"], fixed=True),
    Cut("mongo: no network", Parted("fastgpt-mongo"), "fastgpt-plugin -> fastgpt-mongo:27017", "name",
        [f"{BOTH} cannot reach MongoDB: fastgpt-mongo is in no network of theirs"]),
    Cut("vectors: another port", vectors("fastgpt-vector:5433"), "fastgpt-app -> fastgpt-vector:5433", "port",
        ["fastgpt-app asks fastgpt-vector at port 5433, where it does not listen: PG_URL says fastgpt-vector:5433"]),
    Cut("vectors: another password", vectors("fastgpt-vector:5432", "other"), "fastgpt-app -> fastgpt-vector:5432",
        "login", ["fastgpt-app is refused by fastgpt-vector: another user or password than it was made with"]),
    Cut("redis: no network", Parted("fastgpt-redis"), "fastgpt-app -> fastgpt-redis:6379", "name",
        [f"{BOTH} cannot reach Redis: fastgpt-redis is in no network of theirs"]),
    Cut("minio: stopped", stopped("fastgpt-minio"), "fastgpt-plugin -> fastgpt-minio:9000", "name",
        [f"fastgpt-minio is stopped, and {BOTH} need it"], fixed=True),
    Cut("aiproxy: another host", endpoint("http://aiproxy:3000"), "fastgpt-app -> aiproxy:3000", "name",
        ["fastgpt-app looks for aiproxy under a name that nobody has: AIPROXY_API_ENDPOINT says aiproxy"]),
    Cut("aiproxy: /v1 twice", endpoint("http://fastgpt-aiproxy:3000/v1"), "fastgpt-app -> fastgpt-aiproxy:3000", "path",
        ["fastgpt-app asks for /v1/v1: AIPROXY_API_ENDPOINT ends in /v1"], fixed=True),
    Cut("aiproxy: another token", app(AIPROXY_API_TOKEN="other"), "fastgpt-app -> fastgpt-aiproxy:3000", "login",
        ["AIPROXY_API_TOKEN of fastgpt-app is not the ADMIN_KEY of fastgpt-aiproxy"]),
    Cut("aiproxy: stopped", stopped("fastgpt-aiproxy"), "fastgpt-app -> fastgpt-aiproxy:3000", "name",
        ["fastgpt-aiproxy is stopped, and fastgpt-app needs it"], fixed=True),
    Cut("aiproxy_pg: another password", dsn("fastgpt-aiproxy-pg:5432", "other"),
        "fastgpt-aiproxy -> fastgpt-aiproxy-pg:5432", "login",
        ["fastgpt-aiproxy is refused by fastgpt-aiproxy-pg: another user or password than it was made with"]),
    Cut("aiproxy_pg: no network", Parted("fastgpt-aiproxy-pg"), "fastgpt-aiproxy -> fastgpt-aiproxy-pg:5432", "name",
        ["fastgpt-aiproxy cannot reach PostgreSQL: fastgpt-aiproxy and fastgpt-aiproxy-pg share no network"]),
    Cut("plugin: another port", app(PLUGIN_BASE_URL="http://fastgpt-plugin:3001"), "fastgpt-app -> fastgpt-plugin:3001",
        "port", ["fastgpt-app cannot reach its plugins: nobody listens at fastgpt-plugin:3001"]),
    Cut("sandbox: no network", Parted("fastgpt-code-sandbox"), "fastgpt-app -> fastgpt-code-sandbox:3000", "name",
        ["fastgpt-app cannot reach its sandbox: fastgpt-app and fastgpt-code-sandbox share no network"]),
    Cut("mcp: another host", Given("fastgpt-mcp-server", {"FASTGPT_ENDPOINT": "http://fastgpt:3000"}),
        "fastgpt-mcp-server -> fastgpt:3000", "name",
        ["fastgpt-mcp-server cannot reach FastGPT: the name fastgpt does not resolve"]),
)  # fmt: skip


class TestCuts(CutTests):
    release = "fastgpt/v4.15.8-pg"
    whole: ClassVar = {
        "fastgpt-app": (
            "fastgpt-mongo:27017", "fastgpt-vector:5432", "fastgpt-redis:6379", "fastgpt-minio:9000",
            "fastgpt-plugin:3000", "fastgpt-code-sandbox:3000", "fastgpt-aiproxy:3000",
        ),
        "fastgpt-plugin": ("fastgpt-mongo:27017", "fastgpt-redis:6379", "fastgpt-minio:9000"),
        "fastgpt-mcp-server": ("fastgpt-app:3000",),
        "fastgpt-aiproxy": ("fastgpt-aiproxy-pg:5432",),
    }  # fmt: skip
    cuts = CUTS
