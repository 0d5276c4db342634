"""A real MariaDB asked through the stack's own logins; what people are told to mend it with is run, and it is well."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from databases.test_gateway_tables import EVES, LOCAL, OFF, TOKEN
from msgspec.structs import replace
from stackops.checks.registry import examine, find
from stackops.console.collect.collector import look as look_once
from stackops.console.collect.scheduler import Scheduler
from stackops.console.collect.sources.databases import LoginsTried
from stackops.console.collect.sources.engine import Containers
from stackops.console.collect.sources.wiring import Wiring
from stackops.console.hosts import DatabaseLogin, DatabaseTarget
from stackops.console.hosts.call import run
from stackops.console.hosts.local import open_local
from stackops.console.hosts.local.asking import ask_databases
from stackops.console.judge import judge
from stackops.console.model import DatabaseAnswer, Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import Settings
from support import gateway_tables as tables
from support import python_image
from support.busybox import OURS, busybox
from support.stacks import docker, wait_for

pytestmark = pytest.mark.engine
NAME = f"{OURS}-asked"
PASSWORD = "pa55word"
CHECKS = ("mysql.credentials", "mysql.connections")
APPS = {
    "good": f"root:{PASSWORD}@tcp(mysql:3306)/oneapi", "wrong": "root:pa55w0rd@tcp(mysql:3306)/oneapi",
    "nowhere": f"root:{PASSWORD}@tcp(mysql)/vectors", "poor": f"poor:{PASSWORD}@tcp(mysql:3306)/oneapi?charset=utf8",
    "locked": f"locked:{PASSWORD}@tcp(mysql:3306)/oneapi", "small": f"small:{PASSWORD}@tcp(mysql:3306)/oneapi",
    "far": f"far:{PASSWORD}@tcp(mysql:3306)/oneapi",
}  # fmt: skip
ACCOUNTS = f"""
create user poor@'%' identified by '{PASSWORD}';
create user locked@'%' identified by '{PASSWORD}' account lock;
create user far@'192.0.2.7' identified by '{PASSWORD}';
create user small@'%' identified by '{PASSWORD}' with max_user_connections 1;
grant all on oneapi.* to small@'%';
"""


def sql(statement: str, *more: str, check: bool = True) -> str:
    return docker("exec", NAME, "mariadb", "-uroot", f"-p{PASSWORD}", "-N", *more, "-e", statement, check=check)


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, str]]:
    made, own = python_image.images(), {}
    try:
        for real in ("mysql:8.0.36", "ghcr.io/songquanpeng/one-api:v0.6.7"):
            own[real.rpartition("/")[2].partition(":")[0]] = name = f"{OURS}/{real.rpartition('/')[2]}"
            made.put(name, made.IMAGES[real])
    except made.CannotBuild as error:
        pytest.skip(str(error))
    yield own
    docker("image", "rm", "--force", *own.values(), check=False)


@pytest.fixture(scope="module")
def server(images: dict[str, str]) -> Iterator[str]:
    docker("network", "create", NAME)
    try:
        docker("run", "-d", "--name", NAME, "--network", NAME, "--network-alias", "mysql",
               "-e", f"MYSQL_ROOT_PASSWORD={PASSWORD}", "-e", "MYSQL_DATABASE=oneapi", images["mysql"])  # fmt: skip
        wait_for(lambda: sql("select 1", "-h127.0.0.1", check=False) == "1")  # the first server has no network
        sql(ACCOUNTS)
        yield NAME
    finally:
        docker("rm", "-f", "-v", NAME, check=False)
        docker("network", "rm", NAME, check=False)


@pytest.fixture(scope="module")
def apps(server: str) -> Iterator[str]:
    made = []
    with busybox("one-api") as image:
        try:
            for app, dsn in APPS.items():
                made.append(f"{NAME}-{app}")
                docker("run", "-d", "--name", made[-1], "--network", NAME, "-e", f"SQL_DSN={dsn}", image, "sleep",
                       "100000")  # fmt: skip
            docker("exec", "-d", NAME, "mariadb", "-usmall", f"-p{PASSWORD}", "-e", "select sleep(100000)")
            wait_for(lambda: "small" in sql("select user from information_schema.processlist"))
            yield server
        finally:
            docker("rm", "-f", *made, check=False)


def looks(times: int = 1, tried: list[tuple[str, str]] | None = None) -> Snapshot:
    """The last of several by the same sources, as a console takes them. ``tried``: each login that the server got."""
    host = open_local(Settings(), environ=dict(os.environ))
    if tried is not None:
        assert host.databases is not None
        ask = host.databases.ask_databases

        def asked(pairs: Any) -> Any:
            tried.extend((login.user, login.password) for _, login in pairs)
            return ask(pairs)

        host.databases.ask_databases = asked
    scheduler: list[Scheduler] = []

    async def several() -> Snapshot:
        scheduler.append(Scheduler(host, Settings(), sources=(Containers, Wiring, LoginsTried)))
        for _ in range(times - 1):
            await scheduler[0].look()
        return await scheduler[0].look()

    try:
        return run(several())
    finally:
        scheduler[0].close()


def results(snapshot: Snapshot) -> dict[str, Result]:
    """Of ours alone, as others use this Engine too."""
    found = (one for one in examine(snapshot, Settings(), only=CHECKS) if one.subject.startswith(NAME))
    applied = (one for one in found if one.status != "not_applicable")
    return {f"{one.check.partition('.')[2]} {one.subject.removeprefix(NAME)}": one for one in applied}


def advised(result: Result, snapshot: Snapshot) -> list[list[str]]:
    """The commands, with the password that they would ask a person for."""
    check = find(result.check)
    assert check is not None
    lines = [line.rpartition(": ")[2] for line in check.plan(result, snapshot, Settings(), {}).says]
    words = [shlex.split(line)[1:] for line in lines if line.startswith("docker exec")]
    return [[f"-p{PASSWORD}" if one == "-p" else one for one in line if one != "-it"] for line in words if "-e" in line]


def test_each_login_is_told_what_becomes_of_it(apps: str) -> None:
    snapshot = looks()
    names = {container.id: container.name for container in snapshot.containers}
    told = {
        names[one.owner].removeprefix(NAME): one.answer for one in snapshot.databases if names[one.container] == NAME
    }
    assert {who: answer.trouble for who, answer in told.items()} == {
        "-good": None, "-wrong": "login", "-nowhere": "no-database", "-poor": "no-right", "-locked": "barred",
        "-small": "full", "-far": "login", "": None,
    }  # fmt: skip
    good = told["-good"]
    assert (good.account, good.plugin, good.most) == ("root@%", "mysql_native_password", 151)
    assert good.version is not None
    assert good.version > 100000
    assert good.used is not None
    assert good.used > 0
    found = {at: one.form for at, one in results(snapshot).items() if one.status == "finding"}
    assert found == {
        "credentials -wrong": "password", "credentials -nowhere": "no-database", "credentials -poor": "no-right",
        "credentials -locked": "barred", "credentials -far": "password", "connections ": "full",
    }  # fmt: skip
    assert PASSWORD not in str(results(snapshot))
    assert "pa55w0rd" not in str(results(snapshot))


def test_however_often_one_looks_a_refused_login_is_tried_once_and_no_connection_is_left(apps: str) -> None:
    """Counted where they leave: others that look at the same Engine meanwhile try the same logins."""
    tried: list[tuple[str, str]] = []
    looks(5, tried)
    counts = Counter(tried)
    assert (counts["root", "pa55w0rd"], counts["far", PASSWORD], counts["poor", PASSWORD]) == (1, 1, 5)
    listed = "select count(*) from information_schema.processlist where user not in ('small', 'system user')"
    wait_for(lambda: sql(listed) == "1")


def test_the_commands_that_are_advised_mend_it(apps: str) -> None:
    snapshot = looks()
    before = results(snapshot)
    for at in ("credentials -nowhere", "credentials -poor"):
        for command in advised(before[at], snapshot):
            docker(*command)
    after = {at: one.status for at, one in results(looks()).items()}
    assert after["credentials -nowhere"] == after["credentials -poor"] == "ok"


def test_a_password_that_was_changed_inside_is_told_from_one_that_was_written_wrongly(apps: str) -> None:
    sql("alter user root@'%' identified by 'another'")
    try:
        changed = results(looks())
    finally:
        sql(f"alter user root@'%' identified by '{PASSWORD}'")
    assert changed["credentials -good"].form == "changed"
    assert results(looks())["credentials -good"].status == "ok"


@pytest.mark.parametrize("made", [tables.OLD, tables.ONE_API, tables.NEW_API])
def test_channels_and_tokens_of_a_one_api_are_read_in_it_and_no_key(server: str, made: Any) -> None:
    statements = [*tables.made("mysql", made), *tables.one_api_rows("mysql")]
    sql("create database gateway; use gateway; " + "; ".join(statements))
    try:
        sql("set global general_log = 1, log_output = 'table'")
        target = DatabaseTarget("container address", address(), 3306, "x")
        keys = tuple((one, hashlib.sha256(one.lower().encode()).hexdigest()) for one in ("FastGPT0KEY", "another"))
        (answer,) = ask_databases([(target, DatabaseLogin("mysql", "root", PASSWORD, "gateway", "oneapi", keys))])
        said = sql(
            "select argument from mysql.general_log where argument like '%channels%' or argument like '%tokens%'"
        )
    finally:
        sql("set global general_log = 0; truncate mysql.general_log; drop database gateway")
    assert (answer.channels_trouble, answer.tokens_trouble) == (None, None)
    assert answer.channels == (LOCAL, OFF)
    assert answer.tokens == (replace(TOKEN, clients=("FastGPT0KEY",)), EVES), "MySQL knows a key by its letters alone"
    assert tables.PLANTED not in repr(answer)
    assert "max_statement_time" in said
    assert not any(one in said for one in ("FastGPT0key", "FastGPT0KEY", "c.`key`"))


def address() -> str:
    return docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", NAME)


def test_a_database_that_is_not_a_gateways_and_one_that_is_altered_are_a_reason(server: str) -> None:
    def asked() -> DatabaseAnswer:
        target = DatabaseTarget("container address", address(), 3306, "x")
        (answer,) = ask_databases([(target, DatabaseLogin("mysql", "root", PASSWORD, "gateway", "oneapi"))])
        return answer

    sql("create database gateway")
    try:
        assert asked().channels_trouble == "it has no channels.id"
        sql("use gateway; " + "; ".join([*tables.made("mysql", tables.ONE_API), *tables.one_api_rows("mysql")]))
        docker("exec", "-d", NAME, "mariadb", "-uroot", f"-p{PASSWORD}", "gateway", "-e",
               "lock tables channels write; select sleep(60)")  # fmt: skip
        wait_for(lambda: "sleep" in sql("select info from information_schema.processlist"))
        locked = asked()
        assert (locked.version is not None, locked.channels) == (True, None)
        assert "wait timeout" in (locked.channels_trouble or "") or "interrupted" in (locked.channels_trouble or "")
        assert len(locked.tokens or ()) == 2
    finally:
        sql("select concat('kill ', id) from information_schema.processlist where info like 'select sleep%' into @x; "
            "execute immediate @x", check=False)  # fmt: skip
        sql("drop database gateway")


def test_a_select_that_takes_its_time_is_ended_by_the_server(server: str) -> None:
    sql(
        "create database gateway; use gateway; "
        + "; ".join(tables.made("mysql", {"tokens": tables.OLD_TOKENS}))
        + "; create view channels as select benchmark(1000000000, sha2('x', 512)) as id, 1 as status, '' as models"
    )
    try:
        target = DatabaseTarget("container address", address(), 3306, "x")
        (answer,) = ask_databases([(target, DatabaseLogin("mysql", "root", PASSWORD, "gateway", "oneapi"))])
        assert "max_statement_time" in (answer.channels_trouble or "")
        assert answer.tokens == ()
    finally:
        sql("drop database gateway")


LIVE = (f"{NAME}-gateway", f"{NAME}-app")


def whole_look() -> Snapshot | None:
    """One look; None where a busy machine could not try the arrows or the gateway's login: that proves nothing."""
    snapshot = look_once(open_local(Settings(), environ=dict(os.environ)), Settings())
    unread = any(fault.source in ("wiring", "databases") for fault in snapshot.faults)
    ids = {each.name: each.id for each in snapshot.containers}
    asked = [each for each in snapshot.databases if (each.owner, each.container) == (ids.get(LIVE[0]), ids[NAME])]
    return None if unread or not asked or any(each.accepted is None for each in asked) else snapshot


def troubles(later: float = 0.0) -> list[str]:
    """Of ours alone, as others use this Engine too; ``later``: judged so many seconds after it was seen."""
    snapshot = wait_for(whole_look)
    snapshot = replace(snapshot, taken_at=snapshot.taken_at + later)
    results = examine(snapshot, Settings())
    print([one for one in results if one.subject in LIVE and one.status != "not_applicable"])  # told where it fails
    told = judge(snapshot, results).troubles
    ours = [one.result for one in told if any(name in f"{one.result.subject} {one.result.also}" for name in LIVE)]
    return [one.check for one in ours if one.severity != "info"]


def gateway(image: str, password: str) -> None:
    docker("rm", "-f", f"{NAME}-gateway", check=False)
    docker("run", "-d", "--name", f"{NAME}-gateway", "--restart", "always", "--network", NAME, "--network-alias",
           "oneapi", "-e", f"SQL_DSN=root:{password}@tcp(mysql:3306)/oneapi", image)  # fmt: skip


def test_a_one_api_with_a_wrong_password_is_one_trouble_from_the_first_look_on(
    server: str, images: dict[str, str]
) -> None:
    with busybox("fastgpt") as image:
        try:
            gateway(images["one-api"], "pa55w0rd")
            docker("run", "-d", "--name", LIVE[1], "--network", NAME, "-e", "OPENAI_BASE_URL=http://oneapi:3000/v1",
                   "-e", "CHAT_API_KEY=sk-x", image, "sleep", "100000")  # fmt: skip
            assert troubles() == ["mysql.credentials"]
            assert troubles(3600.0) == ["mysql.credentials"]
            wait_for(lambda: int(docker("inspect", "-f", "{{.RestartCount}}", LIVE[0])) > 5, 90)
            assert troubles() == ["mysql.credentials"]
            gateway(images["one-api"], PASSWORD)
            wait_for(lambda: "token encoders initialized" in docker("logs", LIVE[0]))
            assert "mysql.credentials" not in troubles()
        finally:
            docker("rm", "-f", *LIVE, check=False)
