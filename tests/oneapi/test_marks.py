"""Lines of One API and MySQL that mean something, and how many of a kind are kept."""

from __future__ import annotations

import pytest
from stackops.console.collect.sources.logs import marks
from support.oneapi_server import OneApi

ID = "a" * 64
GORM = "[error] failed to initialize database, got error "
FATAL = "[FATAL] 2024/04/16 - 02:10:39 | "


def named(role, *lines: str) -> list[str]:
    return [mark.mark for mark in marks(ID, role, "\n".join(lines).encode())]


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        (GORM + "dial tcp 172.18.0.5:3306: connect: connection refused", "oneapi.db-refused"),
        (FATAL + "[dial tcp 172.18.0.5:3306: connect: connection refused]", "oneapi.db-refused"),
        (("[FATAL] 2025/02/21 - 01:00:00 | main.go:40 [main] failed to initialize database: dial tcp 10.0.0.2:33066: "
         "connect: connection refused"), "oneapi.db-refused"),
        (GORM + "dial tcp: lookup db on 127.0.0.11:53: server misbehaving", "oneapi.db-unknown-host"),
        (FATAL + "[dial tcp: lookup db on 127.0.0.11:53: no such host]", "oneapi.db-unknown-host"),
        (GORM + "dial tcp 172.18.0.5:3306: connect: no route to host", "oneapi.db-no-route"),
        (GORM + "dial tcp 10.9.9.9:3306: i/o timeout", "oneapi.db-lost"),
        (FATAL + "[driver: bad connection]", "oneapi.db-lost"),
        (GORM + "Error 1130: Host '172.19.0.6' is not allowed to connect to this MySQL server", "oneapi.db-1130"),
        (GORM + "Error 1045 (28000): Access denied for user 'root'@'172.19.0.6' (using password: YES)",
         "oneapi.db-1045"),
        (GORM + "Error 1049 (42000): Unknown database 'oneapi'", "oneapi.db-1049"),
        (FATAL + 'failed to get gpt-3.5-turbo token encoder: Get "https://openaipublic.blob.core.windows.net/"',
         "oneapi.token-encoder"),
        ("[SYS] 2024/04/16 - 02:10:39 | initializing token encoders", "oneapi.encoders-begun"),
        ("[GIN] 2024/04/16 - 02:10:39 | 2024041602103912345678 | 503 | 1.29ms | 10.0.0.1 |    POST /v1/embeddings",
         "oneapi.relay-503"),
        ("[GIN] 2024/04/16 - 02:10:39 | 2024041602103912345678 | 200 | 1.29ms | 10.0.0.1 |    POST /v1/embeddings",
         "oneapi.relay-ok"),
    ],
)  # fmt: skip
def test_each_way_to_die_has_its_mark(line: str, mark: str) -> None:
    assert mark in named("oneapi", line)


@pytest.mark.parametrize(
    "line",
    [
        # fact: fastgpt-stack 5, an upstream that cannot be reached is no failure of the database
        (
            '[ERR] x | y | do request failed: Post "http://localhost:11434/api/chat": dial tcp [::1]:11434: connect: '
            "connection refused"
        ),
        "[SYS] x | channels synced from database",
        "[GIN] x | y | 503 | 1ms | 10.0.0.1 | GET /api/status",
    ],
)
def test_other_lines_are_no_deaths(line: str) -> None:
    assert not [name for name in named("oneapi", line) if name.startswith(("oneapi.db-", "oneapi.relay"))]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([("2024-03-14T02:46:29.1Z 0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: "
          "'8.0.36'  socket: '/var/run/mysqld/mysqld.sock'  port: 3306  MySQL Community")], "mysql.ready"),
        (["x: ready for connections. Version: '8.0.36'  socket: '/var/run/mysqld/mysqld.sock'  port: 0  MySQL"],
         "mysql.temporary"),
        (["2024-03-14  2:46:29 0 [Note] mariadbd: ready for connections.",
          "Version: '11.2.2-MariaDB-1:11.2.2+maria~ubu2204'  socket: '/run/mysqld/mysqld.sock'  port: 3306  mariadb"],
         "mysql.ready"),
        (["x [ERROR] [MY-000067] [Server] unknown variable 'default-authentication-plugin=mysql_native_password'."],
         "mysql.bad-option"),
    ],
)  # fmt: skip
def test_mysql_says_when_it_is_ready_and_the_temporary_server_does_not_count(lines: list[str], found: str) -> None:
    assert named("mysql", *lines) == [found]


def test_the_x_plugin_is_not_the_server() -> None:
    assert named("mysql", "X Plugin ready for connections. Bind-address: '::' port: 33060, socket: /x.sock") == []


def test_each_model_without_a_channel_is_kept_and_twenty_at_the_most() -> None:
    gateway = OneApi(now=1_700_000_000.0)
    gateway.start()
    for number in range(30):
        body = f'{{"model": "m{number}"}}'.encode()
        gateway.answer("POST", "/v1/embeddings", {"authorization": "sk-fastgpt"}, body)
    found = marks(ID, "oneapi", gateway.raw_log())
    texts = [mark.text for mark in found if mark.mark == "oneapi.no-channel"]
    assert len(texts) == 20
    assert " m29 " in texts[-1]
    assert len([mark for mark in found if mark.mark == "oneapi.relay-503"]) == 1


def test_a_new_run_forgets_the_complaints_of_the_one_before() -> None:
    gateway = OneApi(now=1_700_000_000.0)
    gateway.start()
    gateway.answer("POST", "/v1/embeddings", {"authorization": "sk-fastgpt"}, b'{"model": "m3e"}')
    gateway.restart()
    assert "oneapi.no-channel" not in {mark.mark for mark in marks(ID, "oneapi", gateway.raw_log())}


def test_what_a_run_ended_with_is_kept_for_the_next_one_and_no_longer() -> None:
    start, death = "[SYS] x | One API v0.6.7 started", FATAL + "[dial tcp 172.18.0.5:3306: connect: connection refused]"
    assert named("oneapi", start, death, start) == ["oneapi.before.db-refused", "oneapi.started"]
    assert named("oneapi", start, death, start, start) == ["oneapi.started"]
    assert "oneapi.db-refused" in named("oneapi", start, death, start, death)
