"""The source: whose logins it tries, by which ways, how often, and what it tells of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from examples.snapshots import container_id
from msgspec.structs import replace
from stackops.console.collect.sources.databases import LoginsTried
from stackops.console.hosts import DatabaseLogin, DatabaseTarget, HostError
from stackops.console.model import (
    DatabaseAnswer,
    DatabaseState,
    MongoState,
    MongoTrial,
    Mount,
    NetworkLink,
    OfferedModel,
    OneApiChannel,
    OneApiToken,
    Port,
)
from stackops.console.products.edges import edges
from stackops.console.settings import ServerSettings, Settings
from support.memory_host import MemoryHost
from support.one_source import OneSource
from wiring.test_edges import box
from wiring.test_source import Clock

GOOD = DatabaseAnswer(version=150004, used=3, most=97, vector="0.8.0", packaged="0.8.0")
REFUSED = DatabaseAnswer(trouble="login", said="password authentication failed")
URL = {"PG_URL": "postgresql://username:qUartz9Falcon@pg:5432/postgres"}
OWN = {"POSTGRES_USER": "username", "POSTGRES_PASSWORD": "bluebird77"}
AT = NetworkLink("net", "10.0.0.2", aliases=("pg",))


class Bench:
    """An app, its PostgreSQL, and what that answers to each password."""

    def __init__(
        self, env: Mapping[str, str] = URL, app: str = "fastgpt:v4.9.0", settings: Settings | None = None
    ) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        self.answers: dict[str, Any] = {}
        self.logins: list[DatabaseLogin] = []
        self.host = MemoryHost(databases=self)
        self.host.clock = Clock()
        self.one = OneSource(LoginsTried, self.host, settings)
        self.put(env, app)

    def put(self, env: Mapping[str, str] = URL, app: str = "fastgpt:v4.9.0", **server: Any) -> None:
        facts: dict[str, Any] = {"env": OWN, "networks": (AT,)} | server
        boxes = (box("app", app, env=dict(env)), box("pg", "pgvector/pgvector:0.8.0-pg15", **facts))
        self.one.board.put(containers=boxes, edges=edges(boxes))

    def ask_databases(self, asked: list[tuple[DatabaseTarget, DatabaseLogin]]) -> list[DatabaseAnswer]:
        self.logins += [login for _, login in asked]
        self.asked += [(to.address, login.user, login.password, login.name) for to, login in asked]
        found = [self.answers.get(to.address, self.answers.get(login.password, GOOD)) for to, login in asked]
        return found[1:] if self.answers.get("short") else found

    async def states(self) -> tuple[DatabaseState, ...]:
        assert await self.one.read()
        return self.one.board.parts.databases


@pytest.mark.parametrize(
    ("app", "env", "login"),
    [
        ("fastgpt:v4.9.0", URL, ("username", "qUartz9Falcon", "postgres")),
        ("fastgpt:v4.9.0", {"PG_URL": "postgresql://u:p%40x@pg"}, ("u", "p@x", "u")),
        ("aiproxy:v0.1.0", {"SQL_DSN": "postgres://postgres:t0psecret@pg:5432/aiproxy"},
         ("postgres", "t0psecret", "aiproxy")),
        ("librechat-rag-api-dev-lite:v0", {"DB_HOST": "pg"}, ("myuser", "mypassword", "mydatabase")),
        ("librechat-rag-api-dev-lite:v0", {"DB_HOST": "pg", "POSTGRES_USER": "myuser", "POSTGRES_PASSWORD": "mypw",
                                           "POSTGRES_DB": "mydatabase"}, ("myuser", "mypw", "mydatabase")),
    ],
)  # fmt: skip
async def test_the_login_is_the_one_that_the_app_makes_of_its_variables(
    app: str, env: dict[str, str], login: tuple[str, str, str]
) -> None:
    bench = Bench(env, app)
    (state,) = await bench.states()
    assert bench.asked == [("10.0.0.2:5432", *login)]
    assert (state.owner, state.user, state.database, state.accepted) == (container_id("app"), login[0], login[2], True)
    assert login[1] not in repr(state)


PROXY = {"SQL_DSN": "postgres://postgres:t0psecret@pg:5432/aiproxy"}


async def test_channels_are_asked_for_with_the_login_of_an_ai_proxy_alone_and_come_clean() -> None:
    bench = Bench(PROXY, "aiproxy:v0.1.0")
    foreign = OneApiChannel(1, "x\x1b[31m", 1, ("qw\nen",), (), base_url="http://me:t0psecret@vllm:8000/v1?key=s3cret",
                            mapping=(("a\x00", "b"),))  # fmt: skip
    bench.answers["t0psecret"] = replace(GOOD, channels=(foreign,), channels_trouble="none\x1b")
    (state,) = await bench.states()
    assert bench.logins[-1].channels == "aiproxy"
    assert state.answer.channels is not None
    (told,) = state.answer.channels
    assert (told.base_url, told.groups) == ("http://vllm:8000/v1", ("default",))
    assert "\x1b" not in repr(state)
    assert "secret" not in repr(state)
    other = Bench({"LOG_SQL_DSN": PROXY["SQL_DSN"]}, "one-api:v0.6.7")
    await other.states()
    assert [login.channels for login in other.logins] == [""]


async def test_what_another_app_asks_with_the_same_login_does_not_cost_ai_proxy_its_channels() -> None:
    bench = Bench()
    env = {"SQL_DSN": "postgres://username:qUartz9Falcon@pg:5432/postgres"}
    server = box("pg", "pgvector/pgvector:0.8.0-pg15", env=OWN, networks=(AT,))
    boxes = (box("app", "fastgpt", env=URL), box("proxy", "aiproxy", env=env), box("z", "fastgpt", env=URL), server)
    bench.one.board.put(containers=boxes, edges=edges(boxes))
    assert len(await bench.states()) == 3
    assert [login.channels for login in bench.logins] == ["aiproxy"]


def with_gateway(bench: Bench, env: dict[str, str], key: str = "sk-FastGPT0key-7", **more: Any) -> None:
    """A One API whose database is the PostgreSQL, and a FastGPT that sends it a key."""
    app = box("fastgpt", "fastgpt:v4.8.10", env={"OPENAI_BASE_URL": "http://oneapi:3000/v1", "CHAT_API_KEY": key})
    server = box("pg", "postgres:15", env=OWN, networks=(AT,))
    boxes = (box("oneapi", "one-api:v0.6.7", env=env, **more), app, server)
    bench.one.board.put(containers=boxes, edges=edges(boxes))


HASHED = hashlib.sha256(b"FastGPT0key").hexdigest()


async def test_a_one_api_is_asked_for_channels_and_tokens_with_the_hash_of_the_key_that_an_app_sends() -> None:
    bench = Bench()
    with_gateway(bench, PROXY)
    token = OneApiToken(3, "x\x1b[31m", 1, group="v\nip", models=("q\x07",), clients=(container_id("fastgpt"),))
    bench.answers["t0psecret"] = replace(GOOD, tokens=(token,), tokens_trouble="no\x1b",
                                         compared=(container_id("fastgpt"),))  # fmt: skip
    (state,) = await bench.states()
    (login,) = bench.logins
    assert (login.channels, login.keys) == ("oneapi", ((container_id("fastgpt"), HASHED),))
    assert "FastGPT0key" not in repr(login)
    assert not {"\x1b", "\n", "\x07"} & set(f"{state.answer.tokens}{state.answer.tokens_trouble}")


async def test_an_app_that_sends_another_key_is_looked_for_at_once_and_a_refused_login_not_tried_for_it() -> None:
    bench = Bench()
    with_gateway(bench, PROXY)
    bench.answers["t0psecret"] = replace(GOOD, compared=(container_id("another"),))
    await bench.states()
    await bench.states()
    assert len(bench.logins) == 2
    bench.answers["t0psecret"] = replace(GOOD, compared=(container_id("fastgpt"),))
    await bench.states()
    await bench.states()
    assert len(bench.logins) == 3
    refused = Bench()
    with_gateway(refused, PROXY)
    refused.answers["t0psecret"] = REFUSED
    await refused.states()
    await refused.states()
    assert len([one for one in refused.logins if one.password == "t0psecret"]) == 1


DATA = Mount("bind", "/srv/oneapi", "/data")
VOLUME = Mount("volume", "/var/lib/docker/volumes/o/_data", "/data/deep", volume="o")


@pytest.mark.parametrize(
    ("image", "env", "mounts", "path"),
    [
        ("one-api:v0.6.7", {}, (DATA,), "/srv/oneapi/one-api.db"),
        ("new-api:v0.8", {"SQL_DSN": "local"}, (DATA,), "/srv/oneapi/one-api.db"),
        ("new-api:v0.8", {"SQLITE_PATH": "/data/deep/n.db?_busy_timeout=3"}, (DATA, VOLUME), f"{VOLUME.source}/n.db"),
        ("one-api:v0.6.7", {"SQLITE_PATH": "../data/./x.db"}, (DATA,), "/srv/oneapi/x.db"),
        ("aiproxy:v0.2.2", {}, (Mount("bind", "/srv/p", "/aiproxy"),), "/srv/p/aiproxy.db"),
        ("one-api:v0.6.7", {"SQLITE_PATH": "/data/../etc/x.db"}, (DATA,), None), ("one-api:v0.6.7", {}, (), None),
        ("one-api:v0.6.7", {"SQL_DSN": "root:x@tcp(db)/oneapi"}, (DATA,), None),
        ("one-api:v0.6.7", {"SQL_DSN": "postgres://u:x@db/oneapi"}, (DATA,), None),
        ("aiproxy:v0.2.2", {"SQL_DSN": "mysql://u:x@tcp(db)/p"}, (Mount("bind", "/srv/p", "/aiproxy"),), None),
        ("one-api:v0.6.7", {}, (Mount("tmpfs", "", "/data"),), None),
    ],
)  # fmt: skip
async def test_a_sqlite_is_read_where_a_mount_holds_it(
    image: str, env: dict[str, str], mounts: tuple[Mount, ...], path: str | None
) -> None:
    bench = Bench()
    bench.one.board.put(containers=(box("gateway", image, env=env, mounts=mounts),), edges=())
    await bench.one.read()
    assert [(one.kind, one.name) for one in bench.logins] == ([("sqlite", path)] if path else [])
    assert [one.variable for one in bench.one.board.parts.databases] == (["SQL_DSN"] if path else [])


MODELS = {"MONGODB_URI": "mongodb://myusername:p%40ss@mongo:27017/fastgpt?authSource=admin"}
OFFERED = DatabaseAnswer(models=(OfferedModel("\x1b[31mqwen", "llm", "http://me:s3cret@vllm:8000/v1?key=s3cret"),))


class Kept(Bench):
    """A FastGPT and its mongod."""

    def put(self, env: Mapping[str, str] = MODELS, app: str = "fastgpt:v4.9.0", **server: Any) -> None:
        at = NetworkLink("net", "10.0.0.3", aliases=("mongo",))
        own = {"MONGO_INITDB_ROOT_USERNAME": "root", "MONGO_INITDB_ROOT_PASSWORD": "r00t"}
        facts: dict[str, Any] = {"env": own, "networks": (at,)} | server
        boxes = (box("app", app, env=dict(env)), box("mongo", "mongo:5.0.18", **facts))
        trial = MongoTrial(container_id("app"), "myusername", "admin", accepted=True)
        self.state = MongoState(container_id("mongo"), primary=True, trials=(trial,))
        self.one.board.put(containers=boxes, edges=edges(boxes), mongos=(self.state,))


async def test_a_fastgpt_that_keeps_its_models_in_mongodb_has_them_asked_with_its_own_login_and_clean() -> None:
    bench = Kept(MODELS)
    bench.answers["p@ss"] = OFFERED
    (state,) = await bench.states()
    (login,) = bench.logins
    assert bench.asked == [("10.0.0.3:27017", "myusername", "p@ss", "fastgpt")]
    assert (login.kind, login.source) == ("mongo", "admin")
    assert (state.kind, state.owner, state.answer.models) == (
        "mongo", container_id("app"), (OfferedModel("qwen", "llm", "http://vllm:8000/v1"),),
    )  # fmt: skip
    assert "p@ss" not in repr(state)
    bench.host.clock.seconds += 299
    await bench.states()
    bench.one.source.anew(by_key=False)
    await bench.states()
    assert len(bench.asked) == 1, "seldom, and not in each look of a proof"
    bench.one.source.anew(by_key=True)
    await bench.states()
    assert len(bench.asked) == 2


@pytest.mark.parametrize(("app", "env", "asked"), [
    ("fastgpt:v4.8.19", MODELS, 0), ("fastgpt:v4.8.20", MODELS, 1), ("fastgpt:v4.15.2", MODELS, 1),
    ("fastgpt:v4.17", MODELS, 1), ("fastgpt:latest", MODELS, 1),
    ("librechat:v0.8.0", {"MONGO_URI": "mongodb://mongo/x"}, 0),
    ("fastgpt:v4.9.0", {"MONGODB_LOG_URI": MODELS["MONGODB_URI"]}, 0),
    ("fastgpt:v4.9.0", {"MONGODB_URI": "mongodb://u:p#ss@mongo:27017/fastgpt"}, 0),
])  # fmt: skip
async def test_no_other_mongod_is_asked_for_models_and_none_as_its_first_user(
    app: str, env: dict[str, str], asked: int
) -> None:
    bench = Kept(env, app)
    bench.answers["p@ss"] = REFUSED
    assert await bench.one.read() or not asked
    assert len(bench.asked) == asked


@pytest.mark.parametrize(("app", "kept"), [
    ("fastgpt:v4.8.20", ("system_models",)), ("fastgpt:v4.16.2", ("system_models",)),
    ("fastgpt:v4.17.0", ("ai_models",)), ("fastgpt:latest", ("ai_models", "system_models")),
])  # fmt: skip
async def test_the_release_tells_which_collection_is_asked(app: str, kept: tuple[str, ...]) -> None:
    bench = Kept(MODELS, app)
    bench.answers["p@ss"] = OFFERED
    await bench.states()
    assert [one.kept for one in bench.logins] == [kept]


@pytest.mark.parametrize("change", [
    {"trouble": "silent"}, {"primary": False, "ghost": True}, {"trials": ()},
    {"trials": (MongoTrial(container_id("app"), "myusername", "admin", accepted=False),)},
    {"trials": (MongoTrial(container_id("mongo"), "myusername", "admin", accepted=True),)},
])  # fmt: skip
async def test_no_login_is_tried_that_is_not_known_to_be_good(change: dict[str, Any]) -> None:
    bench = Kept(MODELS)
    bench.answers["p@ss"] = OFFERED
    bench.one.board.put(mongos=(replace(bench.state, **change),))
    await bench.one.read()
    before = bench.one.source.of_interest()
    assert (bench.asked, bench.one.board.parts.databases) == ([], ())
    bench.one.board.put(mongos=(bench.state,))
    assert bench.one.source.of_interest() != before, "it is read as soon as that is known"
    assert await bench.states()


async def test_a_database_and_a_login_that_are_not_named_are_those_that_a_driver_takes() -> None:
    bench = Kept({"MONGODB_URI": "mongodb://mongo"})
    bench.put({"MONGODB_URI": "mongodb://mongo:27018"}, command=("mongod", "--port", "27018"))
    await bench.states()
    assert bench.asked == [("10.0.0.3:27018", "", "", "test")]


@pytest.mark.parametrize("env", [{}, {"PG_URL": "postgresql://pg/x"}, {"PG_URL": "postgresql://u:${PW}@pg/x"}])
async def test_without_a_login_of_an_app_its_own_first_user_is_asked(env: dict[str, str]) -> None:
    bench = Bench(env)
    (state,) = await bench.states()
    assert [asked[1:] for asked in bench.asked] == [("username", "bluebird77", "username")]
    assert (state.owner, state.variable) == (container_id("pg"), "POSTGRES_PASSWORD")


async def test_an_app_that_is_refused_is_compared_with_the_first_user() -> None:
    bench = Bench()
    bench.answers["qUartz9Falcon"] = REFUSED
    app, own = await bench.states()
    assert (app.accepted, own.accepted) == (False, True)
    assert [asked[2] for asked in bench.asked] == ["qUartz9Falcon", "bluebird77"]


async def test_a_login_that_was_refused_is_not_tried_again_until_something_is_another() -> None:
    bench = Bench()
    bench.answers |= {"qUartz9Falcon": REFUSED, "bluebird77": REFUSED}
    await bench.states()
    for _ in range(5):
        bench.host.clock.seconds += 3600
        await bench.states()
    assert len(bench.asked) == 2
    bench.put(started_at=1.0)
    await bench.states()
    assert len(bench.asked) == 4
    for seconds, by_key, asked in ((4, True, 4), (2, True, 6), (50, False, 6), (11, False, 8)):
        bench.host.clock.seconds += seconds
        bench.one.source.anew(by_key=by_key)
        await bench.states()
        assert len(bench.asked) == asked


async def test_what_was_told_is_asked_again_after_five_minutes_and_not_sooner() -> None:
    bench = Bench()
    await bench.states()
    bench.host.clock.seconds += 299
    await bench.states()
    assert len(bench.asked) == 1
    bench.host.clock.seconds += 2
    await bench.states()
    assert len(bench.asked) == 2
    assert bench.one.source.interval == bench.one.source.cadence.databases


async def test_what_may_pass_is_asked_again_soon() -> None:
    bench = Bench()
    bench.answers["qUartz9Falcon"] = DatabaseAnswer(trouble="starting", said="starting up")
    (state,) = await bench.states()
    assert state.accepted is None
    assert bench.one.source.interval == bench.one.source.cadence.databases_soon
    bench.answers.clear()
    (state,) = await bench.states()
    assert state.accepted is True


async def test_the_next_way_is_taken_where_one_leads_nowhere() -> None:
    bench = Bench()
    bench.put(ports=(Port(5432, "tcp", "0.0.0.0", 5433),))
    bench.answers["127.0.0.1:5433"] = DatabaseAnswer(trouble="refused", said="Connection refused")
    (state,) = await bench.states()
    assert [asked[0] for asked in bench.asked] == ["127.0.0.1:5433", "10.0.0.2:5432"]
    assert state.accepted is True


async def test_a_refused_login_is_not_tried_by_another_way() -> None:
    bench = Bench()
    bench.put(ports=(Port(5432, "tcp", "0.0.0.0", 5433),))
    bench.answers["qUartz9Falcon"] = REFUSED
    await bench.states()
    assert [asked[2] for asked in bench.asked].count("qUartz9Falcon") == 1


@pytest.mark.parametrize("state", ["exited", "restarting", "created", "paused"])
async def test_a_server_that_does_not_run_is_not_asked(state: str) -> None:
    bench = Bench()
    bench.put(state=state)
    await bench.one.read()
    assert (bench.asked, bench.one.board.parts.databases) == ([], ())


async def test_nothing_is_asked_where_probing_is_switched_off_or_the_engine_is_elsewhere() -> None:
    bench = Bench(settings=Settings(servers=ServerSettings(probe=False)))
    await bench.one.read()
    away = Bench()
    away.host.engine.local = False
    await away.one.read()
    assert bench.asked == away.asked == []


async def test_what_is_gone_is_told_no_longer() -> None:
    bench = Bench()
    assert len(await bench.states()) == 1
    bench.one.board.put(containers=(), edges=())
    assert await bench.states() == ()


async def test_foreign_words_are_cleaned_and_hold_no_password() -> None:
    bench = Bench({"PG_URL": "postgresql://username:qUartz9Falcon@pg/post\u202egres"})
    bench.answers["qUartz9Falcon"] = replace(
        GOOD, invalid=("a\x1b[31m\nb",), vector="0.8\x07", collation=("2\u202e", "3")
    )
    (state,) = await bench.states()
    told = repr(state)
    assert not any(char in told for char in ("\x1b", "\\x1b", "\x07", "\\x07", "\u202e", "\\u202e"))
    assert state.answer.invalid


async def test_a_program_that_fails_is_a_fault_and_no_state() -> None:
    bench = Bench()

    def fails(_asked: object) -> None:
        raise HostError("The program that asks databases cannot be started: No such file")

    bench.ask_databases = fails  # type: ignore[method-assign,assignment]
    assert not await bench.one.read()
    assert [fault.source for fault in bench.one.board.snapshot().faults] == ["databases"]


DSN = {"SQL_DSN": "root:qUartz9Falcon@tcp(db:3306)/oneapi?charset=utf8mb4"}
ROOT = {"MYSQL_ROOT_PASSWORD": "bluebird77", "MYSQL_USER": "log", "MYSQL_PASSWORD": "greenfinch5"}
REFUSED_BY_MYSQL = DatabaseAnswer(trouble="login", said="1045 Access denied for user 'root'@'172.18.0.1'")


def gateway(env: Mapping[str, str] = DSN, own: Mapping[str, str] = ROOT, image: str = "mysql:8.0.36") -> Bench:
    bench = Bench()
    at = NetworkLink("net", "10.0.0.3", aliases=("db",))
    boxes = (box("oneapi", "one-api:v0.6.7", env=dict(env)), box("db", image, env=dict(own), networks=(at,)))
    bench.one.board.put(containers=boxes, edges=edges(boxes))
    return bench


@pytest.mark.parametrize(
    ("env", "logins"),
    [
        (DSN, [("root", "qUartz9Falcon", "oneapi")]),
        ({"SQL_DSN": "root:p@:/x%40@tcp(db)/oneapi"}, [("root", "p@:/x%40", "oneapi")]),
        ({"SQL_DSN": "mysql://root:p%40x@db/oneapi"}, [("root", "p@x", "oneapi")]),
        ({"SQL_DSN": "root:qUartz9Falcon@tcp(db:3306)/"}, [("root", "qUartz9Falcon", "")]),
        (DSN | {"LOG_SQL_DSN": "log:greenfinch5@tcp(db:3306)/logs"},
         [("log", "greenfinch5", "logs"), ("root", "qUartz9Falcon", "oneapi")]),
        (DSN | {"LOG_SQL_DSN": DSN["SQL_DSN"]}, [("root", "qUartz9Falcon", "oneapi")]),
        ({"SQL_DSN": "root@tcp(db:3306)/oneapi"}, [("root", "bluebird77", ""), ("log", "greenfinch5", "")]),
    ],
)  # fmt: skip
async def test_a_mysql_is_asked_with_each_login_once(env: dict[str, str], logins: list[tuple[str, ...]]) -> None:
    bench = gateway(env)
    states = await bench.states()
    assert [asked[1:] for asked in bench.asked] == logins
    assert {state.kind for state in states} == {"mysql"}
    assert {asked[0] for asked in bench.asked} == {"10.0.0.3:3306"}
    assert not any(asked[2] in repr(states) for asked in bench.asked)


async def test_two_settings_with_one_login_are_both_told_what_became_of_it() -> None:
    bench = gateway(DSN | {"LOG_SQL_DSN": DSN["SQL_DSN"]})
    bench.answers["qUartz9Falcon"] = REFUSED_BY_MYSQL
    told = {state.variable: state.accepted for state in await bench.states()}
    assert told == {"SQL_DSN": False, "LOG_SQL_DSN": False, "MYSQL_ROOT_PASSWORD": True, "MYSQL_PASSWORD": True}
    assert [asked[2] for asked in bench.asked] == ["qUartz9Falcon", "bluebird77", "greenfinch5"]


async def test_a_password_that_was_refused_to_the_app_is_not_tried_again_as_the_servers_own() -> None:
    bench = gateway(own={"MYSQL_ROOT_PASSWORD": "qUartz9Falcon"})
    bench.answers["qUartz9Falcon"] = REFUSED_BY_MYSQL
    app, own = await bench.states()
    assert (app.accepted, own.accepted, own.variable) == (False, False, "MYSQL_ROOT_PASSWORD")
    for _ in range(3):
        bench.host.clock.seconds += 3600
        await bench.states()
    assert len(bench.asked) == 1


@pytest.mark.parametrize(
    ("own", "image", "users"),
    [
        ({"MYSQL_ROOT_PASSWORD": "bluebird77", "MYSQL_ROOT_HOST": "localhost"}, "mysql:8.0.36", []),
        ({"MARIADB_ROOT_PASSWORD": "bluebird77"}, "mariadb:11.4", ["root"]),
        ({"MYSQL_ROOT_PASSWORD_FILE": "/run/secrets/x"}, "mysql:8.0.36", []),
        ({"MYSQL_RANDOM_ROOT_PASSWORD": "yes", "MYSQL_USER": "me", "MYSQL_PASSWORD": "x"}, "mysql:8.0.36", ["me"]),
    ],
)  # fmt: skip
async def test_only_first_users_that_can_come_from_outside_are_tried(
    own: dict[str, str], image: str, users: list[str]
) -> None:
    bench = gateway(own=own, image=image)
    bench.answers["qUartz9Falcon"] = REFUSED_BY_MYSQL
    await bench.states()
    assert [asked[1] for asked in bench.asked[1:]] == users


async def test_a_new_password_on_either_side_is_tried_once() -> None:
    bench = gateway()
    bench.answers |= {"qUartz9Falcon": REFUSED_BY_MYSQL, "bluebird77": REFUSED_BY_MYSQL}
    await bench.states()
    again = gateway({"SQL_DSN": "root:other@tcp(db:3306)/oneapi"})
    bench.one.board.put(containers=again.one.board.parts.containers, edges=again.one.board.parts.edges)
    await bench.states()
    assert [asked[2] for asked in bench.asked] == ["qUartz9Falcon", "bluebird77", "greenfinch5", "other"]
