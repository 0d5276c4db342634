"""What the program that asks MySQL makes of servers that hang, drip, flood, lie, refuse or want too much."""

from __future__ import annotations

import importlib.util
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

import pymysql
import pytest
from databases.test_postgres_child import Server, hangs, serving
from msgspec.structs import replace
from stackops.console.hosts import DatabaseLogin, DatabaseTarget
from stackops.console.hosts.local import mysql_child
from stackops.console.hosts.local.asking import ask_databases
from stackops.console.model import DatabaseAnswer, OneApiChannel, OneApiToken

LOGIN = DatabaseLogin("mysql", "root", "qUartz9!Falcon", "oneapi")
SSL = 0x800
CAPABILITIES = 0x200 | 0x8000 | 0x80000 | 0x8
GOOD = {
    "select version()": [("8.4.3", "151", "root@%")], "show global status": [("Threads_connected", "5")],
    "select plugin": [("caching_sha2_password",)],
}  # fmt: skip


def asked(serve: Server) -> DatabaseAnswer:
    with serving(serve) as target:
        (answer,) = ask_databases([(target, LOGIN)])
    return answer


def packet(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def greeting(plugin: str = "mysql_native_password", more: int = 0) -> bytes:
    flags = CAPABILITIES | more
    return packet(0, b"".join((
        b"\x0a8.4.3\0", struct.pack("<I", 7), b"12345678\0", struct.pack("<HBHH", flags & 0xFFFF, 45, 2, flags >> 16),
        b"\x15", b"\0" * 10, b"abcdefghijkl\0", plugin.encode(), b"\0",
    )))  # fmt: skip


def refusal(number: int, code: int, words: str) -> bytes:
    return packet(number, b"\xff" + struct.pack("<H", code) + b"#28000" + words.encode())


FINE = b"\0\0\0\x02\0\0\0"


def receive(connection: socket.socket) -> tuple[int, bytes]:
    """One whole packet: its number and what it holds."""
    head = b""
    while len(head) < 4:
        head += connection.recv(4 - len(head)) or b"" or gone()
    body = b""
    while len(body) < int.from_bytes(head[:3], "little"):
        body += connection.recv(int.from_bytes(head[:3], "little") - len(body)) or gone()
    return head[3], body


def gone() -> bytes:
    raise OSError("the client is gone")


def refuses(code: int, words: str, *, at_once: bool = False) -> Server:
    def serve(connection: socket.socket) -> None:
        if at_once:
            connection.sendall(packet(0, b"\xff" + struct.pack("<H", code) + words.encode()))
            return
        connection.sendall(greeting())
        number, _ = receive(connection)
        connection.sendall(refusal(number + 1, code, words))

    return serve


def rows(found: Sequence[Sequence[str]]) -> bytes:
    """A whole answer to a question."""

    def text(word: str) -> bytes:
        return bytes([len(word)]) + word.encode()

    column = b"".join(map(text, ("def", "", "", "", "x", ""))) + b"\x0c" + struct.pack("<HIBHBH", 45, 99, 253, 0, 0, 0)
    end = b"\xfe\0\0\x02\0"
    bodies = [bytes([len(found[0])]), *[column] * len(found[0]), end, *(b"".join(map(text, row)) for row in found), end]
    return b"".join(packet(place + 1, body) for place, body in enumerate(bodies))


def answers(told: dict[str, Any], said: list[bytes] | None = None) -> Server:
    def serve(connection: socket.socket) -> None:
        connection.sendall(greeting())
        number, _ = receive(connection)
        connection.sendall(packet(number + 1, FINE))
        while True:
            _, body = receive(connection)
            if said is not None:
                said.append(body[1:])
            found = next((found for words, found in told.items() if words.encode() in body), None)
            if isinstance(found, bytes):
                connection.sendall(found)
            else:
                connection.sendall(packet(1, FINE) if found is None else rows(found))

    return serve


def test_a_good_one_tells_what_it_is_and_is_only_asked() -> None:
    said: list[bytes] = []
    answer = asked(answers(GOOD, said))
    assert answer == DatabaseAnswer(
        version=80403, most=151, used=4, account="root@%", plugin="caching_sha2_password"
    )  # fmt: skip
    allowed = {one.encode() for one in mysql_child.ASKED} | {b"SET NAMES utf8mb4", b""}
    assert set(said) <= allowed
    assert {one.split()[0] for one in mysql_child.ASKED} == {"set", "select", "show"}


ROW = ("1", "1", "1", "5", "2.5", "local", "qwen,m3e", "default,vip", "http://vllm:8000", "{}", "1700000000", "0", "0",
       "1700000200")  # fmt: skip
TOKEN = ("2", "1", "-1", "0", "1", "1", "500", "default", "fastgpt", "", "", "", "0")
HAS = [(f"channels.{one}",) for one in ("id", "status", "type", "priority", "balance", "name", "models", "group",
        "base_url", "model_mapping", "created_time", "test_time", "response_time", "balance_updated_time")]  # fmt: skip
HAS += [(f"tokens.{one}",) for one in ("id", "status", "key", "user_id", "name")]
TABLES = GOOD | {"information_schema": HAS, "from channels": [ROW], "from tokens": [TOKEN]}
GATEWAY = replace(LOGIN, channels="oneapi", keys=(("app", "ab12"), ("other", "ab12")))


def tables(told: dict[str, Any], said: list[bytes] | None = None) -> DatabaseAnswer:
    with serving(answers(told, said)) as target:
        (answer,) = ask_databases([(target, GATEWAY)])
    assert (answer.trouble, answer.version, answer.account) == (None, 80403, "root@%"), "the rest is told all the same"
    return answer


def test_channels_and_tokens_of_a_one_api_are_told_and_no_key_is_asked_for() -> None:
    said: list[bytes] = []
    answer = tables(TABLES, said)
    assert answer.channels == (
        OneApiChannel(1, "local", 1, ("qwen", "m3e"), ("default", "vip"), 1_700_000_000.0, "http://vllm:8000", 1, 5,
                      balance=2.5, balance_at=1_700_000_200.0),
    )  # fmt: skip
    assert answer.tokens == (
        OneApiToken(2, "fastgpt", 1, group="default", user_status=1, user_quota=500, clients=("app", "other")),
    )
    assert (answer.channels_trouble, answer.tokens_trouble, answer.compared) == (None, None, ("app", "other"))
    assert said.count(b"set session transaction read only") == said.count(b"set session lock_wait_timeout = 2") == 1
    selects = [one for one in said if b"max_statement_time" in one]
    assert len(selects) == 2
    assert not any(b"`key`" in one.replace(b"sha2(lower(convert(t.`key` using utf8mb4)), 256)", b"") for one in selects)


@pytest.mark.parametrize(
    ("told", "channels", "tokens"),
    [
        ({"information_schema": [("x",)]}, "it has no channels.id", "it has no tokens.id"),
        ({"information_schema": HAS[:14]}, None, "it has no tokens.id"),
        ({"from channels": packet(1, b"\xff" + struct.pack("<H", 1142) + b"#42000SELECT denied")}, "1142 SELECT denied",
         None),
        ({"from channels": [ROW[:3]]}, "its channels are not written as this gateway writes them (ValueError)", None),
        ({"from tokens": [("x", *TOKEN[1:])]}, None,
         "its tokens are not written as this gateway writes them (ValueError)"),
        ({"from tokens": [(*TOKEN[:12], "7")]}, None,
         "its tokens are not written as this gateway writes them (IndexError)"),
        ({"from tokens": b""}, "no answer within 5 s", "no answer within 5 s"),
        ({"information_schema": b""}, "no answer within 5 s", "no answer within 5 s"),
        ({"from tokens": packet(1, b"\xfb/etc/passwd")}, None, "Requested LOAD DATA LOCAL"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_reason_and_costs_nothing_else(
    told: dict[str, Any], channels: str | None, tokens: str | None
) -> None:
    answer = tables(TABLES | told)
    assert (answer.channels is None, answer.tokens is None) == (channels is not None, tokens is not None)
    assert (answer.channels_trouble or "").startswith(channels or "")
    assert tokens is None or (answer.tokens_trouble or "")


def test_rows_without_end_are_given_up() -> None:
    whole = rows([ROW])
    endless = whole[:-9] + b"".join(packet(place % 256, b"\xfa" + b"x" * 250) for place in range(18, 12_000))
    assert tables(TABLES | {"from channels": endless}).channels is None


def test_whoever_may_not_see_its_plugin_is_told_without_it() -> None:
    denied = packet(1, b"\xff" + struct.pack("<H", 1142) + b"#42000SELECT command denied to user 'app'@'%'")
    answer = asked(answers(GOOD | {"select plugin": denied}))
    assert (answer.trouble, answer.account, answer.plugin) == (None, "root@%", None)


@pytest.mark.parametrize(
    ("code", "words", "trouble"),
    [
        (1045, "Access denied for user 'root'@'172.18.0.1' (using password: YES)", "login"),
        (1698, "Access denied for user 'root'@'172.18.0.1'", "login"),
        (1049, "Unknown database 'oneapi'", "no-database"),
        (1044, "Access denied for user 'log'@'%' to database 'oneapi'", "no-right"),
        (1524, "Plugin 'mysql_native_password' is not loaded", "plugin"),
        (1251, "Client does not support authentication protocol requested by server", "driver"),
        (1203, "User root already has more than 'max_user_connections' active connections", "full"),
        (3118, "Access denied for user 'root'@'%'. Account is locked.", "barred"),
        (4151, "Access denied, this account is locked", "barred"),
        (1862, "Your password has expired.", "barred"),
        (1053, "Server shutdown in progress", "starting"),
        (4242, "nobody has heard of it", "unreachable"),
    ],
)
def test_a_refusal_is_told_by_its_number(code: int, words: str, trouble: str) -> None:
    answer = asked(refuses(code, words))
    assert (answer.trouble, answer.version, answer.said) == (trouble, None, f"{code} {words}")


@pytest.mark.parametrize(
    ("code", "words", "trouble"),
    [
        (1040, "Too many connections", "full"), (1129, "Host '172.18.0.1' is blocked", "barred"),
        (1130, "Host '172.18.0.1' is not allowed to connect to this MySQL server", "barred"),
    ],
)  # fmt: skip
def test_a_refusal_in_place_of_a_greeting_is_told_too(code: int, words: str, trouble: str) -> None:
    assert asked(refuses(code, words, at_once=True)) == DatabaseAnswer(trouble=trouble, said=f"{code} {words}")


def drips(connection: socket.socket) -> None:
    """Each byte in time for whoever waits for one."""
    for byte in greeting() + b"\0" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.2)


def hangs_up(connection: socket.socket) -> None:
    connection.sendall(greeting())
    receive(connection)


def vanishes(connection: socket.socket) -> None:
    """In the middle of an answer."""
    connection.sendall(greeting())
    number, _ = receive(connection)
    connection.sendall(packet(number + 1, FINE))
    receive(connection)
    connection.sendall(b"\x40\0\0\x01half")


def first(words: bytes) -> Server:
    def serve(connection: socket.socket) -> None:
        connection.sendall(words)
        hangs(connection)

    return serve


def floods(connection: socket.socket) -> None:
    """A greeting that says it is a gigabyte, in the longest packets there are, and goes on to be one."""
    number = 0
    while True:
        connection.sendall(b"\xff\xff\xff" + bytes([number]))
        for _ in range(0xFFFFFF // 65535):
            connection.sendall(b"x" * 65535)
        number = (number + 1) % 256


def many_rows(connection: socket.socket) -> None:
    """Short ones, without end."""
    connection.sendall(greeting())
    number, _ = receive(connection)
    connection.sendall(packet(number + 1, FINE))
    for _ in range(2):
        receive(connection)
        connection.sendall(packet(1, FINE))
    receive(connection)
    connection.sendall(rows([("8.4.3", "151", "root@%")])[:-9])
    place = 6
    while True:
        connection.sendall(packet(place % 256, b"\x018\x011\x01r"))
        place += 1


WRONG: list[tuple[Callable[[socket.socket], None], set[str]]] = [
    (hangs, {"silent"}), (drips, {"silent"}), (hangs_up, {"reset"}), (vanishes, {"reset"}),
    (first(b"SSH-2.0-OpenSSH_9.2\r\n"), {"another"}), (first(b"HTTP/1.1 400 Bad Request\r\n\r\n"), {"another"}),
    (first(packet(0, b"\x0a")), {"another"}), (first(packet(0, b"\xff")), {"another"}),
    (first(packet(0, b"\x0abanana\0" + b"\0" * 40)), {"another"}), (floods, {"another"}), (many_rows, {"another"}),
    (answers(GOOD | {"select version()": [("banana", "151", "root@%")]}), {"another"}),
    (answers(GOOD | {"select version()": [("8.0.1", "many", "root@%")]}), {"another"}),
    (answers(GOOD | {"show global status": packet(1, FINE)}), {"another"}),
    (answers(GOOD | {"select version()": packet(1, b"\x03" + b"\xfe" * 20)}), {"another", "reset", "silent"}),
]  # fmt: skip


@pytest.mark.parametrize(("serve", "troubles"), WRONG, ids=range(len(WRONG)))
def test_whoever_hangs_drips_lies_or_floods_is_told_and_holds_nobody_up(serve: Server, troubles: set[str]) -> None:
    assert asked(serve).trouble in troubles


def test_a_silent_one_and_one_that_floods_do_not_hold_up_the_answer_of_another() -> None:
    with serving(hangs) as silent, serving(floods) as wide, serving(answers(GOOD)) as good:
        told = ask_databases([(silent, LOGIN), (wide, LOGIN), (good, LOGIN)])
    assert [answer.trouble for answer in told] == ["silent", "another", None]


@pytest.mark.parametrize("plugin", ["mysql_clear_password", "dialog", "mysql_old_password"])
def test_a_server_that_wants_the_password_itself_does_not_get_it(plugin: str) -> None:
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(greeting())
        number, body = receive(connection)
        connection.sendall(packet(number + 1, b"\xfe" + plugin.encode() + b"\0" + b"\x04Password: "))
        heard.append(body)
        while more := connection.recv(4096):
            heard.append(more)

    answer = asked(serve)
    assert answer.trouble == "driver"
    assert len(heard) == 1
    assert LOGIN.password.encode() not in heard[0]


def test_a_server_that_asks_for_a_file_of_this_machine_gets_none() -> None:
    heard: list[bytes] = []
    assert asked(answers({"SET NAMES": packet(1, b"\xfb/etc/passwd")}, heard)).trouble == "another"
    assert not any(b"root:" in words for words in heard)


@pytest.mark.skipif(importlib.util.find_spec("cryptography") is not None, reason="the package is there")
def test_a_password_that_needs_a_package_that_is_not_there_is_told_as_that() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(greeting("caching_sha2_password"))
        number, _ = receive(connection)
        connection.sendall(packet(number + 1, b"\x01\x04"))
        number, body = receive(connection)
        assert body == b"\x02"
        connection.sendall(packet(number + 1, b"\x01-----BEGIN PUBLIC KEY-----"))
        hangs(connection)

    answer = asked(serve)
    assert answer.trouble == "driver"
    assert "cryptography" in answer.said


def test_one_whose_tls_is_not_to_be_had_is_asked_without_it_and_once() -> None:
    tries = 0

    def serve(connection: socket.socket) -> None:
        nonlocal tries
        connection.sendall(greeting(more=SSL))
        number, body = receive(connection)
        if struct.unpack("<I", body[:4])[0] & SSL:
            connection.sendall(b"this is no TLS at all")
            return
        tries += 1
        connection.sendall(refusal(number + 1, 1045, "Access denied"))

    assert asked(serve).trouble == "login"
    assert tries == 1


def test_nobody_at_the_port_is_a_refusal_of_the_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (answer,) = ask_databases([(DatabaseTarget("container address", "127.0.0.1", port, "x"), LOGIN)])
    assert answer.trouble == "refused"


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OSError(113, "No route to host"), "no-route"), (OSError(101, "Network is unreachable"), "no-route"),
        (TimeoutError("timed out"), "silent"), (ConnectionResetError(104, "Connection reset by peer"), "reset"),
    ],
)  # fmt: skip
def test_what_the_system_says_is_told_by_its_kind(error: OSError, trouble: str) -> None:
    told = pymysql.OperationalError(2003, f"Can't connect ({error})")
    told.original_exception = error  # type: ignore[attr-defined]
    assert mysql_child._why(told)["trouble"] == trouble


@pytest.mark.parametrize(
    ("version", "number"),
    [("8.0.36", 80036), ("10.11.18-MariaDB-0+deb12u1", 101118), ("5.7.44-log", 50744)],
)  # fmt: skip
def test_a_release_is_counted_as_its_maker_does(version: str, number: int) -> None:
    assert mysql_child._number(version) == number
