"""What a gateway keeps in its database, read in a SQLite file: by the columns that are there, and never a key."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.hosts import DatabaseLogin, DatabaseTarget
from stackops.console.hosts.local import mysql_child
from stackops.console.hosts.local.asking import ask_databases, reads
from stackops.console.model import DatabaseAnswer, OneApiChannel, OneApiToken
from support import gateway_tables as tables

KEYS = tuple((app, hashlib.sha256(key.encode()).hexdigest()) for app, key in (("fastgpt", "FastGPT0key"), ("x", "no")))
LOCAL = OneApiChannel(
    1, "local", 1, ("qwen", "m3e"), ("default", "vip"), 1700000000.0, "http://me:pl4nted@vllm:8000?key=pl4nted", 1, 0,
    (("qwen", "Qwen2"),), 1700000100.0, 1.5, 2.5, 1700000200.0,
)  # fmt: skip
OFF = OneApiChannel(2, "off", 3, ("gemma:7b",), ("default",), type=30)
TOKEN = OneApiToken(1, "fastgpt", 1, group="default", user_status=1, user_quota=500, clients=("fastgpt",))
EVES = OneApiToken(2, "eve", 2, 7, 1700000300.0, group="vip", user_status=2, user_quota=0)


def database(path: Path, *statements: str) -> Path:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


def one_api(path: Path, made: dict[str, Any] = tables.ONE_API, **more: object) -> Path:
    return database(path, *tables.made("sqlite", made), *tables.one_api_rows("sqlite", **more))


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def asked(path: Path | str, whose: Any = "oneapi") -> DatabaseAnswer:
    target = DatabaseTarget("container address", "oneapi", 0, "x")
    (answer,) = ask_databases([(target, DatabaseLogin("sqlite", "", "", str(path), whose, KEYS))])
    assert answer.trouble is None
    return answer


@pytest.mark.parametrize("made", [tables.OLD, tables.ONE_API, tables.NEW_API])
def test_channels_and_tokens_are_read_of_each_release_and_no_key(tmp_path: Path, made: dict[str, Any]) -> None:
    path = one_api(tmp_path / "one-api.db", made)
    before = path.read_bytes()
    answer = asked(path)
    assert (answer.channels, answer.tokens) == ((LOCAL, OFF), (TOKEN, EVES))
    assert (answer.channels_trouble, answer.tokens_trouble, answer.compared) == (None, None, ("fastgpt", "x"))
    assert tables.PLANTED not in repr(answer)
    assert (path.read_bytes(), names(tmp_path)) == (before, {"one-api.db"})


@pytest.mark.parametrize(
    ("made", "more", "token"),
    [
        (tables.ONE_API, {"models": "qwen,m3e"}, {"models": ("qwen", "m3e")}),
        (tables.NEW_API, {"model_limits": "qwen", "model_limits_enabled": 1}, {"models": ("qwen",)}),
        (tables.NEW_API, {"model_limits": "qwen", "model_limits_enabled": 0}, {}),
        (tables.NEW_API, {"group": "vip"}, {"group": "vip"}), (tables.NEW_API, {"group": "auto"}, {"group": None}),
        (tables.ONE_API, {"subnet": "10.0.0.0/8"}, {}),
    ],
)  # fmt: skip
def test_what_a_token_is_limited_to_and_its_group(tmp_path: Path, made: Any, more: Any, token: Any) -> None:
    assert asked(one_api(tmp_path / "x.db", made, **more)).tokens == (replace(TOKEN, **token), EVES)


def test_what_is_deleted_is_left_out(tmp_path: Path) -> None:
    path = one_api(tmp_path / "x.db", tables.NEW_API, deleted_at="2024-01-01 00:00:00")
    assert asked(path).tokens == (EVES,)


def test_the_token_of_an_app_is_among_those_read_however_many_there_are(tmp_path: Path) -> None:
    more = [tables.put("sqlite", "tokens", user_id=1, key=f"k{at}", status=1, name=f"n{at}") for at in range(300)]
    path = database(one_api(tmp_path / "x.db"), *more)
    found = asked(path).tokens or ()
    assert (len(found), found[0]) == (200, TOKEN)


@pytest.mark.parametrize(
    ("lost", "channels", "tokens"),
    [
        ("drop table channels", "it has no channels.id", None), ("drop table tokens", None, "it has no tokens.id"),
        ("alter table channels drop column status", "it has no channels.status", None),
        ("alter table tokens rename column key to hash", None, "it has no tokens.key"),
    ],
)  # fmt: skip
def test_a_table_or_column_that_is_not_there_is_a_reason(tmp_path: Path, lost: str, channels: Any, tokens: Any) -> None:
    answer = asked(database(one_api(tmp_path / "x.db"), lost))
    assert (answer.channels_trouble, answer.tokens_trouble) == (channels, tokens)
    assert (answer.channels is None, answer.tokens is None) == (bool(channels), bool(tokens))


def test_without_users_tokens_are_known_and_their_users_not(tmp_path: Path) -> None:
    answer = asked(database(one_api(tmp_path / "x.db"), "drop table users"))
    assert [(one.id, one.group, one.user_status, one.user_quota) for one in answer.tokens or ()] == [
        (1, None, None, None), (2, None, None, None)]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        "update channels set status = 'on'", "update channels set type = 'x'",
        "update channels set balance_updated_time = 'nan'", "update channels set models = printf('%.*c', 16001, 'x')",
        "update channels set models = replace(printf('%.*c', 1001, 'x'), 'x', 'x,')",
        "update channels set test_time = x'ff00fe'", "update channels set status = 1e16",
    ],
)  # fmt: skip
def test_what_no_gateway_writes_is_a_reason_and_no_guess(tmp_path: Path, wrong: str) -> None:
    answer = asked(database(one_api(tmp_path / "x.db"), wrong))
    assert answer.channels is None
    assert "not written as this gateway writes them" in (answer.channels_trouble or "")
    assert answer.tokens == (TOKEN, EVES)


def test_a_mapping_that_is_none_maps_nothing(tmp_path: Path) -> None:
    answer = asked(database(one_api(tmp_path / "x.db"), "update channels set model_mapping = '[1]'"))
    assert [one.mapping for one in answer.channels or ()] == [(), ()]


def test_ai_proxys_lists_are_json_and_what_is_deleted_is_left_out(tmp_path: Path) -> None:
    rows = [
        {"name": "local", "key": tables.PLANTED, "models": '["qwen","m3e"]', "sets": '["a"]', "status": 1, "type": 1,
         "priority": 10, "model_mapping": '{"qwen":"Qwen2"}', "created_at": "2024-05-01 12:00:00 +0800 CST"},
        {"name": "bare", "key": tables.PLANTED, "models": "null", "status": 2, "type": 30},
        {"name": "gone", "models": "[]", "status": 1, "deleted_at": "2024-05-01 12:00:00 +0800 CST"},
    ]  # fmt: skip
    path = database(tmp_path / "aiproxy.db", *tables.made("sqlite", tables.AI_PROXY),
                    *(tables.put("sqlite", "channels", **row) for row in rows))  # fmt: skip
    answer = asked(path, "aiproxy")
    assert answer.channels == (
        OneApiChannel(1, "local", 1, ("qwen", "m3e"), ("a",), type=1, priority=10, mapping=(("qwen", "Qwen2"),)),
        OneApiChannel(2, "bare", 2, type=30),
    )
    assert (answer.tokens, answer.tokens_trouble, answer.compared) == (None, None, ())


def why(path: Path | str) -> str:
    answer = asked(path)
    assert (answer.channels, answer.tokens) == (None, None)
    assert answer.channels_trouble == answer.tokens_trouble
    return answer.channels_trouble or ""


def test_what_is_no_file_of_sqlite_or_leads_elsewhere_is_a_reason(tmp_path: Path) -> None:
    path = one_api(tmp_path / "x.db")
    (tmp_path / "link.db").symlink_to(path)
    (tmp_path / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "text.db").write_text("SQLite? No.")
    for name in ("folder/x.db", "pipe.db", "text.db"):
        assert "no plain database" in why(tmp_path / name)
    assert "symbolic links" in why(tmp_path / "link.db")
    assert "No such file" in why(tmp_path / "none.db")
    assert "Is a directory" in why(tmp_path)


def test_a_file_that_is_cut_or_holds_nonsense_is_a_reason(tmp_path: Path) -> None:
    path = one_api(tmp_path / "x.db")
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    assert "malformed" in why(path)
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    assert "malformed" in why(path)


def test_a_file_with_a_write_ahead_log_is_left_alone(tmp_path: Path) -> None:
    path = database(one_api(tmp_path / "x.db"), "pragma journal_mode = wal")
    assert "write-ahead" in why(path)
    assert names(tmp_path) == {"x.db"}


def test_whoever_writes_keeps_its_lock_and_the_reader_says_so(tmp_path: Path) -> None:
    path = one_api(tmp_path / "x.db")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("begin exclusive")
    start = time.monotonic()
    assert "locked" in why(path)
    assert time.monotonic() - start < 8
    writer.execute("update channels set status = 2")
    writer.execute("commit")
    writer.close()
    assert [one.status for one in asked(path).channels or ()] == [2, 2]


def test_a_journal_that_is_hot_is_not_rolled_back_here(tmp_path: Path) -> None:
    path = one_api(tmp_path / "x.db")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("pragma cache_size = 1")
    writer.execute("begin")
    writer.execute("update channels set models = printf('%.*c', 300000, 'x')")
    writer.execute("update tokens set name = printf('%.*c', 300000, 'x')")
    left = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    assert set(left) == {"x.db", "x.db-journal"}
    writer.close()
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    assert "readonly" in why(path)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == left


def test_a_view_without_end_is_given_up_and_holds_no_writer_up(tmp_path: Path) -> None:
    endless = (
        "create view channels as with recursive c(id) as (select 1 union all select id + 1 from c) "
        "select id, 1 as status, '' as models, '' as name from c"
    )
    path = database(one_api(tmp_path / "x.db"), "drop table channels", endless)
    told: list[DatabaseAnswer] = []
    reader = threading.Thread(target=lambda: told.append(asked(path)))
    reader.start()
    writer = sqlite3.connect(path, timeout=3.0, isolation_level=None)
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        writer.execute("update users set quota = quota + 1")
        time.sleep(0.05)
    writer.close()
    reader.join()
    assert told[0].channels is None
    assert told[0].channels_trouble == "interrupted"


def test_no_select_asks_for_a_key() -> None:
    for kind in ("mysql", "postgres", "sqlite"):
        for whose in ("oneapi", "aiproxy"):
            for name, _, columns, conditions, rest in reads(DatabaseLogin(kind, "u", "p", "n", whose, KEYS)):  # type: ignore[arg-type]
                said = " ".join([*(one for _, one in (*columns, *conditions)), rest])
                asked_for = [one for one in said.split(", ") if '"key"' in one]
                assert all("case " in one and ("sha2" in one or "sha256" in one) for one in asked_for), (kind, name)
                assert "FastGPT0key" not in said


def test_the_memory_and_the_time_are_bounded() -> None:
    assert mysql_child.BRIEF + mysql_child.BRIEF / 3 < 3.0
