"""A real PostgreSQL asked through the stack's own logins; what it is told to be mended with is run, and it is well."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from databases.test_gateway_tables import EVES, LOCAL, OFF, TOKEN
from msgspec.structs import replace
from stackops.checks.registry import examine, find
from stackops.console.collect.scheduler import Scheduler
from stackops.console.collect.source import Source
from stackops.console.collect.sources.databases import LoginsTried
from stackops.console.collect.sources.engine import Containers
from stackops.console.collect.sources.oneapi import OneApis
from stackops.console.collect.sources.wiring import Wiring
from stackops.console.hosts import DatabaseLogin, DatabaseTarget
from stackops.console.hosts.call import run
from stackops.console.hosts.local import open_local
from stackops.console.hosts.local.asking import ask_databases
from stackops.console.model import Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import Settings
from support import gateway_tables as tables
from support.busybox import busybox
from support.stacks import docker, wait_for

NAME = "stackops-test-asked"
CHECKS = ("postgres.credentials", "postgres.connections", "postgres.index", "postgres.collation", "postgres.pgvector")
APPS = {
    "good": "username:pa55word@pg:5432/postgres", "wrong": "username:pa55w0rd@pg:5432/postgres",
    "nowhere": "username:pa55word@pg/vectors", "small": "small:pa55word@pg/postgres",
    "moved": "username:pa55word@pg/moved", "broken": "username:pa55word@pg/broken",
}  # fmt: skip


def sql(statement: str, database: str = "postgres", *, check: bool = True) -> str:
    return docker("exec", NAME, "psql", "-U", "username", "-d", database, "-Atc", statement, check=check)


@pytest.fixture(scope="module")
def server(databases: None) -> Iterator[str]:
    docker("network", "create", NAME)
    made = [NAME]
    try:
        docker("run", "-d", "--name", NAME, "--network", NAME, "--network-alias", "pg", "--label", "stackops.test=1",
               "-e", "POSTGRES_USER=username", "-e", "POSTGRES_PASSWORD=pa55word", "-e", "POSTGRES_DB=postgres",
               "pgvector/pgvector:0.8.0-pg15")  # fmt: skip
        wait_for(lambda: sql("select 1", check=False) == "1")
        sql("create extension vector")
        sql("create role small login password 'pa55word' connection limit 0")
        sql("create database moved template template0 locale_provider icu icu_locale 'en'")
        sql("update pg_database set datcollversion = '1' where datname = 'moved'")
        sql("create database broken")
        sql("create table modeldata (id int); insert into modeldata values (1), (1)", "broken")
        sql("create unique index concurrently vector_index on modeldata (id)", "broken", check=False)
        with busybox("fastgpt") as image:
            for app, login in APPS.items():
                made.append(f"{NAME}-{app}")
                docker("run", "-d", "--name", made[-1], "--network", NAME, "--label", "stackops.test=1",
                       "-e", f"PG_URL=postgresql://{login}", image, "sleep", "100000")  # fmt: skip
            yield NAME
            docker("rm", "-f", *made, check=False)
    finally:
        docker("rm", "-f", *made, check=False)
        docker("network", "rm", NAME, check=False)


def look(*more: type[Source]) -> Snapshot:
    host = open_local(Settings(), environ=dict(os.environ))
    scheduler: list[Scheduler] = []

    async def once() -> Snapshot:
        scheduler.append(Scheduler(host, Settings(), sources=(Containers, Wiring, LoginsTried, *more)))
        return await scheduler[0].look()

    try:
        return run(once())
    finally:
        scheduler[0].close()


def results(snapshot: Snapshot) -> dict[tuple[str, str], Result]:
    """Of ours alone, as others use this Engine too."""
    found = (one for one in examine(snapshot, Settings(), only=CHECKS) if one.subject.startswith(NAME))
    applied = (one for one in found if one.status != "not_applicable")
    return {(one.check.partition(".")[2], f"{one.subject} {one.about or ''}".strip()): one for one in applied}


def advised(result: Result, snapshot: Snapshot) -> list[list[str]]:
    check = find(result.check)
    assert check is not None
    lines = [line.rpartition(": ")[2] for line in check.plan(result, snapshot, Settings(), {}).says]
    return [shlex.split(line)[1:] for line in lines if line.startswith("docker exec") and ">" not in line]


def test_each_login_is_told_what_becomes_of_it_and_each_database_what_is_wrong_with_it(server: str) -> None:
    snapshot = look()
    names = {container.id: container.name for container in snapshot.containers}
    told = {
        names[one.owner].removeprefix(f"{NAME}-"): one.answer for one in snapshot.databases
        if names[one.container] == NAME
    }  # fmt: skip
    assert {who: answer.trouble for who, answer in told.items()} == {
        "good": None, "wrong": "login", "nowhere": "no-database", "small": "full", "moved": None, "broken": None,
        NAME: None,
    }  # fmt: skip
    assert told["good"].version is not None
    assert told["good"].version >= 170000
    assert (told["good"].vector, told["broken"].vector) == (told["good"].packaged, None)
    assert told["broken"].invalid == ("vector_index",)
    assert told["moved"].collation is not None
    assert told["moved"].collation[0] == "1"
    found = {at: (one.status, one.form) for at, one in results(snapshot).items() if one.status == "finding"}
    assert found == {
        ("credentials", f"{NAME}-wrong PG_URL"): ("finding", "password"),
        ("credentials", f"{NAME}-nowhere PG_URL"): ("finding", "no-database"),
        ("connections", NAME): ("finding", "full"),
        ("index", f"{NAME} broken"): ("finding", "invalid"),
        ("collation", f"{NAME} moved"): ("finding", "mismatch"),
    }
    assert "pa55word" not in str(results(snapshot))
    assert "pa55w0rd" not in str(results(snapshot))


def test_the_commands_that_are_advised_mend_it(server: str) -> None:
    snapshot = look()
    before = results(snapshot)
    sql("delete from modeldata", "broken")
    for at in (("index", f"{NAME} broken"), ("collation", f"{NAME} moved"), ("credentials", f"{NAME}-nowhere PG_URL")):
        for command in advised(before[at], snapshot):
            docker(*command)
    after = {at: one.status for at, one in results(look()).items()}
    assert after["index", NAME] == after["collation", NAME] == after["credentials", f"{NAME}-nowhere"] == "ok"
    assert ("index", f"{NAME} broken") not in after


def test_a_password_that_was_changed_inside_is_told_from_one_that_was_written_wrongly(server: str) -> None:
    sql("alter user username password 'another'")
    try:
        changed = results(look())
    finally:
        sql("alter user username password 'pa55word'")
    assert changed["credentials", f"{NAME}-good PG_URL"].form == "changed"
    assert results(look())["credentials", f"{NAME}-good"].status == "ok"


CHANNELS = """
create table channels (deleted_at timestamptz, created_at timestamptz default now(), model_mapping text, key text,
  name text, base_url text, models text, id bigserial primary key, status bigint default 1, type bigint,
  priority integer);
insert into channels (name, key, base_url, models, model_mapping, type, priority, status, deleted_at) values
  ('local', 'sk-pl4nted', 'http://vllm:8000/v1', '["qwen","m3e"]', '{"qwen":"Qwen2"}', 1, 10, 1, null),
  ('off', 'sk-pl4nted', '', '[]', '{}', 30, 0, 2, null), ('gone', 'sk-pl4nted', '', '["x"]', '', 1, 0, 1, now());
"""
"""As the first releases have it, without sets. fact: labring/aiproxy core/model/channel.go"""


def test_channels_of_an_ai_proxy_are_read_and_become_its_arrows_in_one_look(server: str) -> None:
    name = f"{NAME}-proxy"
    sql("create database aiproxy")
    with busybox("aiproxy") as image:
        try:
            docker("run", "-d", "--name", name, "--network", NAME, "--label", "stackops.test=1", "-e",
                   "SQL_DSN=postgres://username:pa55word@pg:5432/aiproxy", image, "sleep", "100000")  # fmt: skip
            bare = look(OneApis)
            sql(CHANNELS, "aiproxy")
            whole = look(OneApis)
        finally:
            docker("rm", "-f", name, check=False)
            sql("drop database aiproxy")
    proxy = next(one.id for one in whole.containers if one.name == name)
    said = next(one for one in bare.oneapis if one.sentence and "channels" in one.sentence)
    assert (said.trouble, said.sentence) == ("database", "it has no channels.id")
    told = next(one for one in whole.oneapis if one.container == proxy).channels
    assert told is not None
    assert [(one.id, one.name, one.status, one.models, one.groups, one.base_url, one.priority) for one in told] == [
        (1, "local", 1, ("qwen", "m3e"), ("default",), "http://vllm:8000/v1", 10),
        (2, "off", 2, (), ("default",), None, 0),
    ]
    assert (told[0].mapping, told[0].created_at is not None) == ((("qwen", "Qwen2"),), True)
    assert "pl4nted" not in repr(whole)
    (edge,) = (one for one in whole.edges if one.source == proxy and one.speaks == "http")
    assert (edge.origin, edge.host, edge.port) == ("AI Proxy channel 1 (local)", "vllm", 8000)


@pytest.mark.parametrize("made", [tables.OLD, tables.ONE_API, tables.NEW_API])
def test_channels_and_tokens_of_a_one_api_are_read_in_it_and_no_key(server: str, made: dict[str, Any]) -> None:
    keys = tuple((one, hashlib.sha256(one.encode()).hexdigest()) for one in ("FastGPT0key", "fastgpt0key"))
    at = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", NAME)
    target = DatabaseTarget("container address", at, 5432, "x")
    login = DatabaseLogin("postgres", "username", "pa55word", "gateway", "oneapi", keys)
    sql("create database gateway")
    try:
        (bare,) = ask_databases([(target, login)])
        sql("; ".join([*tables.made("postgres", made), *tables.one_api_rows("postgres")]), "gateway")
        (answer,) = ask_databases([(target, login)])
        sql("create view slow as select 1 as id, 1 as status, '' as models from pg_sleep(10)", "gateway")
        sql("alter table channels rename to kept; alter view slow rename to channels", "gateway")
        (slow,) = ask_databases([(target, login)])
    finally:
        sql("drop database gateway")
    assert (bare.channels_trouble, bare.tokens_trouble) == ("it has no channels.id", "it has no tokens.id")
    assert (answer.channels_trouble, answer.tokens_trouble) == (None, None)
    assert (answer.channels, answer.tokens) == ((LOCAL, OFF), (replace(TOKEN, clients=("FastGPT0key",)), EVES))
    assert tables.PLANTED not in repr(answer)
    assert (slow.channels_trouble, slow.tokens) == ("canceling statement due to statement timeout", answer.tokens)


def test_asking_leaves_no_connection(server: str) -> None:
    look()
    wait_for(lambda: sql("select count(*) from pg_stat_activity where application_name = 'stackops'") == "0")
