"""FastGPT v4.8 with One API, MySQL, pg, mongo, redis, m3e and Ollama: each arrow cut, told as one trouble, mended."""

from __future__ import annotations

from typing import ClassVar

from support.cut_stack import CutStack
from support.cuts import Cut, CutTests, Given, Parted, Rewritten, Written, paused, sql, stopped
from support.stacks import wait_for

NET = {"networks": {"fastgpt": None}, "restart": "always"}
MORE = {
    "redis": {"image": "redis:7.2-alpine", "command": ["redis-server", "--requirepass", "mypassword"], **NET},
    "m3e": {"image": "stawky/m3e-large-api:latest", **NET},
    "reranker": {"image": "stawky/m3e-large-api:latest", **NET},
    "ollama": {"image": "ollama/ollama:0.3.12", **NET},
}
ADDED = {
    "fastgpt": {"image": "ghcr.io/labring/fastgpt:v4.8.19"},  # the last that reads its models from config.json
    "oneapi": {"environment": {
        "REDIS_CONN_STRING": "redis://default:mypassword@redis:6379", "SYNC_FREQUENCY": "60",
        "INITIAL_ROOT_ACCESS_TOKEN": "access-of-root",
    }},
}  # fmt: skip
CONFIG = """{
  "llmModels": [{"model": "gemma:7b", "name": "Gemma", "maxContext": 8000}],
  "vectorModels": [{"model": "m3e", "name": "M3E", "maxToken": 500}],
  "reRankModels": [{"model": "m3e", "name": "R", "requestUrl": "http://reranker:6008/v1/rerank", "requestAuth": "k"}]
}
"""
CHANNELS = (
    "INSERT INTO channels (name, models, created_time, type, base_url) VALUES "
    "('m3e', 'm3e', 1700000000, 1, 'http://m3e:6008'), ('gemma', 'gemma:7b', 1700000000, 30, 'http://ollama:11434')"
)


LOGIN = "mongodb://myusername:mypassword"


def mongo(at: str, login: str = "myusername:mypassword", options: str = "") -> Given:
    return Given("fastgpt", {"MONGODB_URI": f"mongodb://{login}@{at}/fastgpt?authSource=admin{options}"})


def pg(at: str, login: str = "username:password", name: str = "postgres") -> Given:
    return Given("fastgpt", {"PG_URL": f"postgresql://{login}@{at}/{name}"})


def gateway(url: str) -> Given:
    return Given("fastgpt", {"OPENAI_BASE_URL": url})


def sandbox(url: str) -> Given:
    return Given("fastgpt", {"SANDBOX_URL": url})


def mysql(at: str, name: str = "oneapi") -> Given:
    return Given("oneapi", {"SQL_DSN": f"root:oneapimmysql@tcp({at})/{name}"})


def redis(url: str) -> Given:
    return Given("oneapi", {"REDIS_CONN_STRING": url})


def channel(number: int, url: str) -> Rewritten:
    back = ("http://m3e:6008", "http://ollama:11434")[number - 1]
    there, again = (f"UPDATE channels SET base_url = '{one}' WHERE id = {number}" for one in (url, back))
    return Rewritten(there, again)


def reranker(url: str) -> Written:
    """The address of its own in config.json, past the gateway."""
    return Written("fastgpt", "config.json", "http://reranker:6008/v1/rerank", url)


NAMELESS = "{} asks for host.docker.internal, which it cannot resolve".format
ELSEWHERE = "fastgpt looks for MongoDB where mongo is not"
CUTS = (
    # fastgpt -> mongo
    Cut("mongo: another host", mongo("mango:27017"), "fastgpt -> mango:27017", "name", [ELSEWHERE], fixed=True),
    Cut("mongo: another port", mongo("mongo:27018"), "fastgpt -> mongo:27018", "port", [ELSEWHERE]),
    Cut("mongo: loopback", mongo("127.0.0.1:27017"), "fastgpt -> 127.0.0.1:27017", "port", [ELSEWHERE]),
    Cut("mongo: at pg", mongo("pg:5432"), "fastgpt -> pg:5432", "protocol", [ELSEWHERE]),
    Cut("mongo: the machine's name", mongo("host.docker.internal:27017"),
        "fastgpt -> host.docker.internal:27017", "name", [NAMELESS("fastgpt")]),
    Cut("mongo: TLS", mongo("mongo:27017", options="&tls=true"), "fastgpt -> mongo:27017", "protocol",
        ["fastgpt and mongo do not agree on TLS at mongo:27017"]),
    Cut("mongo: another password", mongo("mongo:27017", "myusername:other"), "fastgpt -> mongo:27017", "login",
        ["fastgpt cannot log in to mongo"], fixed=True),
    Cut("mongo: another user", mongo("mongo:27017", "other:mypassword"), "fastgpt -> mongo:27017", "login",
        ["fastgpt cannot log in to mongo as other: its first user is myusername"]),
    Cut("mongo: another authSource", Given("fastgpt", {"MONGODB_URI": f"{LOGIN}@mongo:27017/fastgpt"}),
        "fastgpt -> mongo:27017", "login", ["fastgpt cannot log in to mongo: authSource=admin is missing"], fixed=True),
    Cut("mongo: another set", mongo("mongo:27017", options="&replicaSet=rs1"), "fastgpt -> mongo:27017", "replica set",
        ["fastgpt asks for another replica set than mongo has"], fixed=True),
    Cut("mongo: stopped", stopped("mongo"), "fastgpt -> mongo:27017", "name",
        ["mongo is stopped, and fastgpt needs it"], fixed=True),
    Cut("mongo: paused", paused("mongo"), "fastgpt -> mongo:27017", "protocol",
        ["mongo is paused, and fastgpt needs it"]),
    Cut("mongo: no network", Parted("mongo"), "fastgpt -> mongo:27017", "name",
        ["fastgpt cannot reach MongoDB: fastgpt and mongo share no network"]),
    # fastgpt -> pg
    Cut("pg: another host", pg("pgvector:5432"), "fastgpt -> pgvector:5432", "name",
        ["fastgpt looks for PostgreSQL under a name that nobody has: PG_URL says pgvector"]),
    Cut("pg: another port", pg("pg:5433"), "fastgpt -> pg:5433", "port",
        ["fastgpt asks pg at port 5433, where it does not listen: PG_URL says pg:5433"]),
    Cut("pg: loopback", pg("localhost:5432"), "fastgpt -> localhost:5432", "port",
        ["fastgpt looks for PostgreSQL at itself: PG_URL says localhost"]),
    Cut("pg: at mongo", pg("mongo:27017"), "fastgpt -> mongo:27017", "protocol",
        ["fastgpt speaks PostgreSQL with mongo, which is MongoDB"]),
    Cut("pg: at mysql", pg("mysql:3306"), "fastgpt -> mysql:3306", "protocol",
        ["fastgpt speaks PostgreSQL with mysql, which is MySQL"]),
    Cut("pg: the machine's name", pg("host.docker.internal:5432"), "fastgpt -> host.docker.internal:5432", "name",
        [NAMELESS("fastgpt")]),
    Cut("pg: another password", pg("pg:5432", "username:other"), "fastgpt -> pg:5432", "login",
        ["fastgpt is refused by pg: another user or password than it was made with"]),
    Cut("pg: another user", pg("pg:5432", "other:password"), "fastgpt -> pg:5432", "login",
        ["fastgpt is refused by pg: another user or password than it was made with"]),
    Cut("pg: another database", pg("pg:5432", name="vectors"), "fastgpt -> pg:5432", "database",
        ["pg has no database vectors, which fastgpt asks for"]),
    Cut("pg: stopped", stopped("pg"), "fastgpt -> pg:5432", "name", ["pg is stopped, and fastgpt needs it"]),
    Cut("pg: no network", Parted("pg"), "fastgpt -> pg:5432", "name",
        ["fastgpt cannot reach PostgreSQL: fastgpt and pg share no network"]),
    # fastgpt -> oneapi
    Cut("gateway: another host", gateway("http://one-api:3000/v1"), "fastgpt -> one-api:3000", "name",
        ["fastgpt looks for its model gateway under a name that nobody has: OPENAI_BASE_URL says one-api"]),
    Cut("gateway: the published port", gateway("http://oneapi:3001/v1"), "fastgpt -> oneapi:3001", "port",
        ["fastgpt asks oneapi at port 3001, where it does not listen: OPENAI_BASE_URL says oneapi:3001"]),
    Cut("gateway: loopback", gateway("http://localhost:3001/v1"), "fastgpt -> localhost:3001", "port",
        ["fastgpt looks for its model gateway at itself: OPENAI_BASE_URL says localhost"]),
    Cut("gateway: FastGPT itself", gateway("http://localhost:3000/v1"), "fastgpt -> localhost:3000", "protocol",
        ["fastgpt looks for its model gateway at itself: OPENAI_BASE_URL says localhost"]),
    Cut("gateway: the machine's name", gateway("http://host.docker.internal:3001/v1"),
        "fastgpt -> host.docker.internal:3001", "name", [NAMELESS("fastgpt")]),
    Cut("gateway: https", gateway("https://oneapi:3000/v1"), "fastgpt -> oneapi:3000", "protocol",
        ["fastgpt and oneapi do not agree on TLS at oneapi:3000"]),
    Cut("gateway: at mongo", gateway("http://mongo:27017/v1"), "fastgpt -> mongo:27017", "protocol",
        ["fastgpt does not find its model gateway at mongo:27017: mongo answers as MongoDB does"]),
    Cut("gateway: at redis", gateway("http://redis:6379/v1"), "fastgpt -> redis:6379", "protocol",
        ["fastgpt does not find its model gateway at redis:6379: redis answers as Redis does"]),
    Cut("gateway: no /v1", gateway("http://oneapi:3000"), "fastgpt -> oneapi:3000", "path",
        ["fastgpt gets web pages for answers: OPENAI_BASE_URL does not end in /v1"], fixed=True),
    Cut("gateway: a whole path", gateway("http://oneapi:3000/v1/chat/completions"), "fastgpt -> oneapi:3000", "path",
        ["fastgpt asks a path that does not exist: OPENAI_BASE_URL ends in /chat/completions"], fixed=True),
    Cut("gateway: stopped", stopped("oneapi"), "fastgpt -> oneapi:3000", "name",
        ["oneapi is stopped, and fastgpt needs it"]),
    Cut("gateway: paused", paused("oneapi"), "fastgpt -> oneapi:3000", "protocol",
        ["oneapi is paused, and fastgpt needs it"]),
    # fastgpt -> sandbox
    Cut("sandbox: another host", sandbox("http://sandbx:3000"), "fastgpt -> sandbx:3000", "name",
        ["fastgpt cannot reach its sandbox: the name sandbx does not resolve"]),
    Cut("sandbox: another port", sandbox("http://sandbox:3001"), "fastgpt -> sandbox:3001", "port",
        ["fastgpt cannot reach its sandbox: nobody listens at sandbox:3001"]),
    Cut("sandbox: loopback", sandbox("http://127.0.0.1:3002"), "fastgpt -> 127.0.0.1:3002", "port",
        ["fastgpt looks for its sandbox at itself, where nobody listens on port 3002"]),
    Cut("sandbox: https", sandbox("https://sandbox:3000"), "fastgpt -> sandbox:3000", "protocol",
        ["fastgpt and sandbox do not agree on TLS at sandbox:3000"]),
    Cut("sandbox: stopped", stopped("sandbox"), "fastgpt -> sandbox:3000", "name",
        ["sandbox is stopped, and fastgpt needs it"]),
    Cut("sandbox: no network", Parted("sandbox"), "fastgpt -> sandbox:3000", "name",
        ["fastgpt cannot reach its sandbox: fastgpt and sandbox share no network"]),
    # fastgpt's reranker, past the gateway
    Cut("reranker: another host", reranker("http://rerank:6008/v1/rerank"), "fastgpt -> rerank:6008", "name",
        ["No model server is at rerank:6008, where config.json, R looks"]),
    Cut("reranker: another port", reranker("http://reranker:6006/v1/rerank"), "fastgpt -> reranker:6006", "port",
        ["fastgpt cannot reach its model server: nobody listens at reranker:6006"]),
    Cut("reranker: loopback", reranker("http://localhost:6006/v1/rerank"), "fastgpt -> localhost:6006", "port",
        ["fastgpt looks for its model server at itself, where nobody listens on port 6006"]),
    Cut("reranker: stopped", stopped("reranker"), "fastgpt -> reranker:6008", "name",
        ["reranker is stopped, and fastgpt needs it"]),
    Cut("reranker: no network", Parted("reranker"), "fastgpt -> reranker:6008", "name",
        ["fastgpt cannot reach its model server: fastgpt and reranker share no network"]),
    # oneapi -> mysql
    Cut("mysql: another host", mysql("db:3306"), "oneapi -> db:3306", "name",
        ["oneapi looks for its database under a name that nobody has: db",
         "oneapi looks for its database under a name that nobody has: SQL_DSN says db"]),
    Cut("mysql: another port", mysql("mysql:3307"), "oneapi -> mysql:3307", "port",
        ["oneapi looks for its database at mysql:3307, but it listens on 3306",
         "oneapi asks mysql at port 3307, where it does not listen: SQL_DSN says mysql:3307"]),
    Cut("mysql: loopback", mysql("localhost:3306"), "oneapi -> localhost:3306", "port",
        ["oneapi looks for its database inside itself: SQL_DSN names localhost",
         "oneapi looks for its database at itself: SQL_DSN says localhost"]),
    Cut("mysql: another database", mysql("mysql:3306", "one_api"), "oneapi -> mysql:3306", "database",
        ["mysql has no database one_api, which oneapi asks for"]),
    Cut("mysql: stopped", stopped("mysql"), "oneapi -> mysql:3306", "name",
        ["mysql is stopped, and oneapi needs it"], fixed=True),
    Cut("mysql: no network", Parted("mysql"), "oneapi -> mysql:3306", "name",
        ["oneapi cannot reach MySQL: oneapi and mysql share no network"]),
    # oneapi -> redis
    Cut("redis: another host", redis("redis://default:mypassword@cache:6379"), "oneapi -> cache:6379", "name",
        ["oneapi looks for Redis under a name that nobody has: REDIS_CONN_STRING says cache"]),
    Cut("redis: another port", redis("redis://default:mypassword@redis:6380"), "oneapi -> redis:6380", "port",
        ["oneapi asks redis at port 6380, where it does not listen: REDIS_CONN_STRING says redis:6380"]),
    Cut("redis: loopback", redis("redis://default:mypassword@127.0.0.1:6379"), "oneapi -> 127.0.0.1:6379", "port",
        ["oneapi looks for Redis at itself: REDIS_CONN_STRING says 127.0.0.1"]),
    Cut("redis: at m3e", redis("redis://default:mypassword@m3e:6008"), "oneapi -> m3e:6008", "protocol",
        ["oneapi does not find Redis at m3e:6008: m3e answers as HTTP does"]),
    Cut("redis: another password", redis("redis://default:other@redis:6379"), "oneapi -> redis:6379", "login",
        ["oneapi logs in to redis with another password than the requirepass option says"]),
    Cut("redis: no password", redis("redis://redis:6379"), "oneapi -> redis:6379", "login",
        ["oneapi gives redis no password, and the requirepass option asks for one"]),
    Cut("redis: stopped", stopped("redis"), "oneapi -> redis:6379", "name",
        ["redis is stopped, and oneapi needs it"]),
    Cut("redis: no network", Parted("redis"), "oneapi -> redis:6379", "name",
        ["oneapi cannot reach Redis: oneapi and redis share no network"]),
    # oneapi's channels -> m3e and Ollama
    Cut("m3e: another host", channel(1, "http://m3:6008"), "oneapi -> m3:6008", "name",
        ["No model server is at m3:6008, where One API channel 1 (m3e) looks"]),
    Cut("m3e: another port", channel(1, "http://m3e:8000"), "oneapi -> m3e:8000", "port",
        ["oneapi cannot reach its model server: nobody listens at m3e:8000"]),
    Cut("m3e: loopback", channel(1, "http://localhost:6008"), "oneapi -> localhost:6008", "port",
        ["Channel 1 (m3e) of oneapi looks for its models inside the container of One API: http://localhost:6008"]),
    Cut("m3e: https", channel(1, "https://m3e:6008"), "oneapi -> m3e:6008", "protocol",
        ["oneapi and m3e do not agree on TLS at m3e:6008"]),
    Cut("m3e: at pg", channel(1, "http://pg:5432"), "oneapi -> pg:5432", "protocol",
        ["No model server is at pg:5432, where One API channel 1 (m3e) looks"]),
    Cut("m3e: the machine's name", channel(1, "http://host.docker.internal:6008"),
        "oneapi -> host.docker.internal:6008", "name", [NAMELESS("oneapi")]),
    Cut("m3e: stopped", stopped("m3e"), "oneapi -> m3e:6008", "name", ["m3e is stopped, and oneapi needs it"]),
    Cut("m3e: no network", Parted("m3e"), "oneapi -> m3e:6008", "name",
        ["oneapi cannot reach its model server: oneapi and m3e share no network"]),
    Cut("ollama: another host", channel(2, "http://olama:11434"), "oneapi -> olama:11434", "name",
        ["No model server is at olama:11434, where One API channel 2 (gemma) looks"]),
    Cut("ollama: another port", channel(2, "http://ollama:11435"), "oneapi -> ollama:11435", "port",
        ["ollama does not answer at ollama:11435, where One API channel 2 (gemma) looks for it"]),
    Cut("ollama: stopped", stopped("ollama"), "oneapi -> ollama:11434", "name",
        ["ollama is stopped, and oneapi needs it"]),
)  # fmt: skip


class TestCuts(CutTests):
    release = "fastgpt/v4.8.20-pgvector"
    more = MORE
    added = ADDED
    paths: ClassVar = {"llmModels gemma:7b 2": "ok", "vectorModels m3e 1": "ok", "reRankModels m3e": "ok"}
    whole: ClassVar = {
        "fastgpt": ("mongo:27017", "pg:5432", "oneapi:3000", "sandbox:3000", "reranker:6008"),
        "oneapi": ("mysql:3306", "redis:6379", "m3e:6008", "ollama:11434"),
    }
    cuts = CUTS

    @classmethod
    def files(cls) -> dict[str, str]:
        return {"config.json": CONFIG}

    @classmethod
    def begin(cls, stack: CutStack) -> None:
        wait_for(lambda: sql(stack, "SELECT count(*) FROM channels", check=False) == "0")
        sql(stack, CHANNELS)
