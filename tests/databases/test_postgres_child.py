"""What the program that asks makes of servers that hang, flood, lie and refuse."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.console.hosts import DatabaseLogin, DatabaseTarget, HostError
from stackops.console.hosts.local import asking, postgres_child
from stackops.console.hosts.local.asking import ask_databases
from stackops.console.model import DatabaseAnswer, OneApiChannel

LOGIN = DatabaseLogin("postgres", "username", "qUartz9!Falcon", "postgres")
Server = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(serve: Server) -> Iterator[DatabaseTarget]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield DatabaseTarget("container address", "127.0.0.1", listener.getsockname()[1], "ab" * 32)
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def asked(serve: Server) -> DatabaseAnswer:
    with serving(serve) as target:
        (answer,) = ask_databases([(target, LOGIN)])
    return answer


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def started(connection: socket.socket) -> None:
    """No TLS; then whatever it says of itself is read."""
    connection.recv(8)
    connection.sendall(b"N")
    connection.recv(4096)


def refuses(code: str, words: str) -> Server:
    def serve(connection: socket.socket) -> None:
        started(connection)
        fields = b"".join(kind + text.encode() + b"\0" for kind, text in
                          ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", words)))  # fmt: skip
        connection.sendall(message(b"E", fields + b"\0"))

    return serve


@pytest.mark.parametrize(
    ("code", "words", "trouble"),
    [
        ("28P01", 'password authentication failed for user "username"', "login"),
        ("28000", 'role "username" does not exist', "login"),
        ("28P01", '用户 "username" Password 认证失败', "login"),
        ("28000", 'no pg_hba.conf entry for host "172.18.0.1", user "username", database "x", no encryption', "barred"),
        ("28000", 'pg_hba.conf rejects connection for host "172.18.0.1"', "barred"),
        ("3D000", 'database "vectors" does not exist', "no-database"),
        ("57P03", "the database system is starting up", "starting"),
        ("57P03", "the database system is not yet accepting connections", "starting"),
        ("53300", "sorry, too many clients already", "full"),
        ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute", "full"),
        ("XX000", "something that nobody has heard of", "unreachable"),
    ],
)
def test_a_refusal_is_told_by_its_words(code: str, words: str, trouble: str) -> None:
    answer = asked(refuses(code, words))
    assert (answer.trouble, answer.version) == (trouble, None)
    assert words in answer.said


def test_the_login_goes_nowhere_but_to_the_address_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.2")
    monkeypatch.setenv("PGSERVICE", "another")
    assert asked(refuses("53300", "sorry, too many clients already")).trouble == "full"


def test_nobody_at_the_port_is_a_refusal_of_the_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (answer,) = ask_databases([(DatabaseTarget("container address", "127.0.0.1", port, "x"), LOGIN)])
    assert answer.trouble == "refused"


def hangs(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def hangs_up(connection: socket.socket) -> None:
    connection.recv(8)


def speaks_http(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def floods(connection: socket.socket) -> None:
    """One message that says it is a gigabyte, and goes on to be one."""
    started(connection)
    connection.sendall(message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I"))
    connection.recv(4096)
    connection.sendall(b"D" + struct.pack("!i", 1 << 30))
    while True:
        connection.sendall(b"x" * (1 << 20))


@pytest.mark.parametrize(("serve", "troubles"), [
    (hangs, {"silent"}), (hangs_up, {"reset"}), (speaks_http, {"another"}),
    (floods, {"silent", "another", "unreachable", "reset"}),
])  # fmt: skip
def test_whoever_hangs_lies_or_floods_is_told_apart_and_holds_nobody_up(serve: Server, troubles: set[str]) -> None:
    assert asked(serve).trouble in troubles


def test_a_silent_one_does_not_hold_up_the_answer_of_another() -> None:
    with serving(hangs) as silent, serving(refuses("53300", "sorry, too many clients already")) as full:
        answers = ask_databases([(silent, LOGIN), (full, LOGIN)])
    assert [answer.trouble for answer in answers] == ["silent", "full"]


def test_the_password_is_in_no_argument_and_in_nothing_that_can_be_printed() -> None:
    assert LOGIN.password not in repr(LOGIN) + str(LOGIN)
    argv: list[list[str]] = []

    class Popen:
        def __init__(self, words: list[str], **_: object) -> None:
            argv.append(words)
            raise FileNotFoundError(2, "No such file or directory")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking.subprocess, "Popen", Popen)
        with pytest.raises(HostError, match="asks databases cannot be started: No such file"):
            ask_databases([(DatabaseTarget("container address", "127.0.0.1", 1, "x"), LOGIN)])
    assert LOGIN.password not in str(argv)


def test_one_that_ends_in_the_middle_is_a_fault_and_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(HostError, match="ended too early"):
        ask_databases([(DatabaseTarget("container address", "127.0.0.1", 1, "x"), LOGIN)])


def test_nothing_but_its_own_statements_is_sent() -> None:
    said = (postgres_child.GENERAL, postgres_child.INVALID, postgres_child.COLLATION, postgres_child.COLUMNS)
    assert all(one.split()[0] == "select" for one in said)


# AI Proxy's channels, as a PostgreSQL sends them

INT, TEXT, FLOAT = 20, 25, 701
ROW = ("2", "1", "1", "10", None, "local", '["qwen", "m3e"]', '["a", "b"]', "http://vllm:8000/v1", '{"qwen": "Qwen2"}',
       "1700000000", None, None, None)  # fmt: skip
KINDS = (INT, INT, INT, INT, FLOAT, TEXT, TEXT, TEXT, TEXT, TEXT, FLOAT, TEXT, TEXT, TEXT)
COLUMNS = ("id", "status", "type", "priority", "name", "models", "sets", "base_url", "model_mapping", "created_at")
Row = tuple[str | None, ...]


def rows(kinds: tuple[int, ...], *told: Row) -> bytes:
    """What follows a statement: the columns, each row, the end."""
    columns = b"".join(b"x\0" + struct.pack("!ihihih", 0, 0, kind, 8, -1, 0) for kind in kinds)
    sent = message(b"T", struct.pack("!h", len(kinds)) + columns)
    for row in told:
        cells = b"".join(
            struct.pack("!i", -1) if one is None else struct.pack("!i", len(one.encode())) + one.encode() for one in row
        )
        sent += message(b"D", struct.pack("!h", len(row)) + cells)
    return sent + message(b"C", b"SELECT\0")


def database(
    *channels: Row, kinds: tuple[int, ...] = KINDS, instead: bytes | None = None, has: tuple[str, ...] = COLUMNS,
    said: list[bytes] | None = None,
) -> Server:  # fmt: skip
    """A PostgreSQL 11 that is well, and has these channels."""

    def serve(connection: socket.socket) -> None:
        started(connection)
        ready = message(b"Z", b"I")
        connection.sendall(message(b"R", struct.pack("!i", 0)) + ready)
        while heard := connection.recv(1 << 16):
            (said if said is not None else []).append(heard)
            answer = message(b"C", b"SET\0")
            if b"information_schema" in heard:
                answer = rows((TEXT,), *((f"channels.{one}",) for one in has))
            elif b"channels" in heard:
                answer = rows(kinds, *channels) if instead is None else instead
            elif b"server_version_num" in heard:
                answer = rows((INT, INT, INT, TEXT, TEXT), ("110000", "3", "97", None, None))
            connection.sendall(answer + ready)

    return serve


def channels_of(serve: Server) -> DatabaseAnswer:
    with serving(serve) as target:
        (answer,) = ask_databases([(target, replace(LOGIN, channels="aiproxy"))])
    assert (answer.trouble, answer.version, answer.used) == (None, 110000, 3), "the rest is told all the same"
    return answer


def test_channels_are_told_as_they_are_written() -> None:
    said: list[bytes] = []
    bare = ("3", "2", None, "0", None, "", None, None, "", None, None, None, None, None)
    answer = channels_of(database(ROW, bare, said=said))
    assert answer.channels == (
        OneApiChannel(2, "local", 1, ("qwen", "m3e"), ("a", "b"), 1_700_000_000.0, "http://vllm:8000/v1", 1, 10,
                      (("qwen", "Qwen2"),)),
        OneApiChannel(3, "", 2),
    )  # fmt: skip
    assert answer.channels_trouble is None
    assert b"set default_transaction_read_only = on" in said[0]
    assert not any(b'"key"' in one or b'"deleted_at"' in one or b'"balance"' in one for one in said)


def test_who_was_not_asked_for_channels_tells_none() -> None:
    answer = asked(database(ROW))
    assert (answer.version, answer.channels, answer.channels_trouble) == (110000, None, None)


@pytest.mark.parametrize("at", [6, 7, 9])
@pytest.mark.parametrize("wrong", ["qwen,m3e", '{"a": 1}', "[" * 15_000, "7", '"\\ud800"', "[" + '"x",' * 6000])
def test_what_is_no_list_and_no_mapping_is_a_reason_and_breaks_nothing(at: int, wrong: str) -> None:
    answer = channels_of(database((*ROW[:at], wrong, *ROW[at + 1 :])))
    assert (answer.channels is None) != (answer.channels_trouble is None)
    told = [] if answer.channels is None else [answer.channels[0].models, answer.channels[0].mapping]
    assert "\ud800" not in str(told)


def test_columns_of_another_kind_or_number_are_a_reason() -> None:
    for serve in (database(ROW[:3], kinds=KINDS[:3]), database((None, *ROW[1:])),
                  database(("x", *ROW[1:]), kinds=(TEXT, *KINDS[1:])),
                  database(("nan", *ROW[1:]), kinds=(FLOAT, *KINDS[1:]))):  # fmt: skip
        answer = channels_of(serve)
        assert answer.channels is None
        assert "not written as this gateway writes them" in (answer.channels_trouble or "")


def test_a_table_that_is_not_there_and_one_that_may_not_be_read_are_told() -> None:
    assert channels_of(database(has=())).channels_trouble == "it has no channels.id"
    fields = b"SERROR\0VERROR\0C42501\0M" + b"permission denied for table channels\0\0"
    answer = channels_of(database(instead=message(b"E", fields)))
    assert (answer.channels, answer.channels_trouble) == (None, "permission denied for table channels")


def test_no_more_channels_are_told_than_are_kept_and_none_with_half_a_list() -> None:
    many = str([f"model-{number}" for number in range(250)]).replace("'", '"')
    answer = channels_of(database(*[(str(number), *ROW[1:5], "x" * 900, many, *ROW[7:]) for number in range(1, 250)]))
    assert answer.channels is not None
    assert (len(answer.channels), len(answer.channels[0].models), len(answer.channels[0].name)) == (200, 250, 300)
    more = str([f"model-{number}" for number in range(2500)]).replace("'", '"')
    assert channels_of(database((*ROW[:6], more, *ROW[7:]))).channels is None


def test_one_that_floods_or_hangs_where_channels_are_asked_for_is_told_and_the_rest_kept() -> None:
    wide = [(str(number), *ROW[1:5], "x" * 60_000, *ROW[6:]) for number in range(200)]
    assert channels_of(database(*wide)).channels_trouble == "it sent more than is read"
    assert channels_of(database(instead=b"T\0\0\1\0")).channels_trouble == "no answer within 5 s"


def test_one_that_drips_is_silent() -> None:
    def drips(connection: socket.socket) -> None:
        started(connection)
        connection.sendall(message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I"))
        while connection.recv(1 << 16):
            connection.sendall(b"D")

    with serving(drips) as slow, serving(refuses("53300", "sorry, too many clients already")) as full:
        answers = ask_databases([(slow, LOGIN), (full, LOGIN)])
    assert [answer.trouble for answer in answers] == ["silent", "full"]


def test_one_that_tells_a_version_which_is_none_costs_the_others_nothing() -> None:
    def lies(connection: socket.socket) -> None:
        started(connection)
        connection.sendall(message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I"))
        while connection.recv(1 << 16):
            connection.sendall(rows((TEXT,) * 5, ("x",) * 5) + message(b"Z", b"I"))

    with serving(lies) as liar, serving(refuses("53300", "sorry, too many clients already")) as full:
        answers = ask_databases([(liar, LOGIN), (full, LOGIN)])
    assert [answer.trouble for answer in answers] == ["another", "full"]
