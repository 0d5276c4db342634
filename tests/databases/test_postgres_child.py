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
from stackops.console.hosts import DatabaseLogin, DatabaseTarget, HostError
from stackops.console.hosts.local import asking, postgres_child
from stackops.console.hosts.local.asking import ask_databases
from stackops.console.model import DatabaseAnswer

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
    said = (postgres_child.GENERAL, postgres_child.INVALID, postgres_child.COLLATION)
    assert all(one.split()[0] == "select" for one in said)
