"""FastGPT v4.14 with AI Proxy, its PostgreSQL, redis, plugins, object store: each arrow cut, told once, mended."""

from __future__ import annotations

from typing import ClassVar

from support.cuts import Cut, CutTests, Given, Parted, stopped


def app(**env: str) -> Given:
    return Given("fastgpt-app", env)


def endpoint(url: str) -> Given:
    return app(AIPROXY_API_ENDPOINT=url)


def dsn(at: str, password: str = "aiproxy") -> Given:
    return Given("aiproxy", {"SQL_DSN": f"postgres://postgres:{password}@{at}/aiproxy"})


CUTS = (
    Cut("aiproxy: another host", endpoint("http://ai-proxy:3000"), "fastgpt-app -> ai-proxy:3000", "name",
        ["fastgpt-app looks for aiproxy under a name that nobody has: AIPROXY_API_ENDPOINT says ai-proxy"]),
    Cut("aiproxy: another port", endpoint("http://aiproxy:3002"), "fastgpt-app -> aiproxy:3002", "port",
        ["fastgpt-app asks aiproxy at port 3002, where it does not listen: AIPROXY_API_ENDPOINT says aiproxy:3002"]),
    Cut("aiproxy: loopback", endpoint("http://localhost:3001"), "fastgpt-app -> localhost:3001", "port",
        ["fastgpt-app looks for aiproxy at itself: AIPROXY_API_ENDPOINT says localhost"]),
    Cut("aiproxy: https", endpoint("https://aiproxy:3000"), "fastgpt-app -> aiproxy:3000", "protocol",
        ["fastgpt-app and aiproxy do not agree on TLS at aiproxy:3000"]),
    Cut("aiproxy: /v1 twice", endpoint("http://aiproxy:3000/v1"), "fastgpt-app -> aiproxy:3000", "path",
        ["fastgpt-app asks for /v1/v1: AIPROXY_API_ENDPOINT ends in /v1"], fixed=True),
    Cut("aiproxy: another token", app(AIPROXY_API_TOKEN="other"), "fastgpt-app -> aiproxy:3000", "login",
        ["AIPROXY_API_TOKEN of fastgpt-app is not the ADMIN_KEY of aiproxy"]),
    Cut("aiproxy: stopped", stopped("aiproxy"), "fastgpt-app -> aiproxy:3000", "name",
        ["aiproxy is stopped, and fastgpt-app needs it"]),
    Cut("aiproxy_pg: another password", dsn("aiproxy_pg:5432", "other"), "aiproxy -> aiproxy_pg:5432", "login",
        ["aiproxy is refused by aiproxy_pg: another user or password than it was made with"]),
    Cut("aiproxy_pg: stopped", stopped("aiproxy_pg"), "aiproxy -> aiproxy_pg:5432", "name",
        ["aiproxy_pg is stopped, and aiproxy needs it"], fixed=True),
    Cut("aiproxy_pg: no network", Parted("aiproxy_pg"), "aiproxy -> aiproxy_pg:5432", "name",
        ["aiproxy cannot reach PostgreSQL: aiproxy and aiproxy_pg share no network"]),
    Cut("mongo: no network", Parted("mongo"), "fastgpt-app -> mongo:27017", "name",
        ["fastgpt-app and fastgpt-plugin cannot reach MongoDB: mongo is in no network of theirs"]),
    Cut("redis: no network", Parted("redis"), "fastgpt-plugin -> redis:6379", "name",
        ["fastgpt-app and fastgpt-plugin cannot reach Redis: redis is in no network of theirs"]),
    Cut("redis: another host", app(REDIS_URL="redis://default:mypassword@cache:6379"), "fastgpt-app -> cache:6379",
        "name", ["fastgpt-app looks for Redis under a name that nobody has: REDIS_URL says cache"]),
    Cut("plugin: another host", app(PLUGIN_BASE_URL="http://plugin:3000"), "fastgpt-app -> plugin:3000", "name",
        ["fastgpt-app cannot reach its plugins: the name plugin does not resolve"]),
    Cut("minio: another port", app(STORAGE_S3_ENDPOINT="http://fastgpt-minio:9002"),
        "fastgpt-app -> fastgpt-minio:9002", "port",
        ["fastgpt-app cannot reach its object store: nobody listens at fastgpt-minio:9002"]),
    Cut("sandbox: another host", app(CODE_SANDBOX_URL="http://sandbox:3000"), "fastgpt-app -> sandbox:3000", "name",
        ["fastgpt-app cannot reach its sandbox: the name sandbox does not resolve"]),
)  # fmt: skip


class TestCuts(CutTests):
    release = "fastgpt/v4.14.10.1-pg"
    whole: ClassVar = {
        "fastgpt-app": (
            "mongo:27017", "pg:5432", "redis:6379", "fastgpt-minio:9000", "fastgpt-plugin:3000",
            "code-sandbox:3000", "aiproxy:3000",
        ),
        "fastgpt-plugin": ("mongo:27017", "redis:6379", "fastgpt-minio:9000"),
        "fastgpt-mcp-server": ("fastgpt-app:3000",),
        "aiproxy": ("aiproxy_pg:5432",),
    }  # fmt: skip
    cuts = CUTS
