"""A network of its own with servers in it, as a container has one: run under ``unshare -n`` by :func:`room`.

Its root folder holds the ``etc/hosts`` and ``etc/resolv.conf`` that are read from outside. Servers behave as told, some
of them badly; a name server answers what it was given.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MYSQL = b"\x4a\x00\x00\x00\x0a8.0.36\x00" + b"\x00" * 66
BLOCKED = b"\x3f\x00\x00\x00\xff" + struct.pack("<H", 1130) + b"Host '10.0.0.9' is not allowed to connect"
SAYS: Mapping[str, bytes] = {
    "pg": b"N", "redis": b"-NOAUTH Authentication required.\r\n", "protected": b"-DENIED Redis is running in protected",
    "http": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "mongo-http": b"HTTP/1.0 200 OK\r\n\r\nIt looks like you are trying to access MongoDB over HTTP on the native",
    "nonsense": b"\x00\xff" * 40, "bad-request": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}  # fmt: skip
FIRST: Mapping[str, bytes] = {"mysql": MYSQL, "blocked": BLOCKED, "ssh": b"SSH-2.0-OpenSSH_9.2\r\n"}
"""Who speaks before being spoken to."""


@contextmanager
def room(
    folder: Path, servers: Mapping[int, str], names: Mapping[str, str] | None = None, *, hosts: str = "",
    resolv: str = "nameserver 127.0.0.53\noptions ndots:0\n",
) -> Iterator[int]:  # fmt: skip
    """The process id of one who lives there. ``servers``: port -> manner; ``names``: what its name server knows."""
    (folder / "etc").mkdir(parents=True, exist_ok=True)
    (folder / "etc/hosts").write_text(hosts)
    (folder / "etc/resolv.conf").write_text(resolv)
    told = json.dumps({"root": str(folder), "servers": servers, "names": names})
    argv = ["unshare", "-n", sys.executable, __file__, told]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running


def serve(port: int, manner: str, certificate: str) -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(16)

    def work() -> None:
        while True:
            line, _ = listening.accept()
            threading.Thread(target=answer, args=(line, manner, certificate), daemon=True).start()

    threading.Thread(target=work, daemon=True).start()


def answer(line: socket.socket, manner: str, certificate: str) -> None:
    with suppress(OSError):
        if manner in FIRST:
            line.sendall(FIRST[manner])
        if manner.startswith("tls-"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            line, manner = context.wrap_socket(line, server_side=True), manner.removeprefix("tls-")
        heard = line.recv(4096)
        if manner == "closes":  # what was sent has been read: a close with something unread resets the connection
            line.close()
            return
        behave(line, manner, heard)
        line.close()


def behave(line: socket.socket, manner: str, heard: bytes) -> None:
    """What it does with what it heard."""
    if manner == "mongo":
        body, number = b"\x05\x00\x00\x00\x00", struct.unpack("<i", heard[4:8])[0]
        line.sendall(struct.pack("<iiii", 21 + len(body), 1, number, 2013) + b"\0" * 5 + body)
    elif manner == "resets":
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif manner == "endless":
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1 << 14):
            line.sendall(b"x" * 65536)
    elif manner == "drips":
        for _ in itertools.count():
            line.sendall(b"H")
            time.sleep(0.9)
    elif manner == "silent" or (manner == "redis" and b"\n" not in heard.partition(b"\0")[0]):
        time.sleep(60)  # a Redis looks for the end of a line, and no further than a zero byte
    else:
        line.sendall(SAYS.get(manner, b""))
        time.sleep(0.2)


def name_server(names: Mapping[str, str]) -> None:
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.bind(("127.0.0.53", 53))

    def work() -> None:
        while True:
            question, who = asked.recvfrom(512)
            at, labels = 12, []
            while question[at]:
                labels.append(question[at + 1 : at + 1 + question[at]].decode())
                at += question[at] + 1
            kind, found = struct.unpack("!H", question[at + 1 : at + 3])[0], names.get(".".join(labels))
            if found == "silent":
                continue
            code = 2 if found == "servfail" else 0 if found else 3
            records = b""
            if code == 0 and kind == 1 and found:
                records = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + socket.inet_aton(found)
            head = question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 1 if records else 0, 0, 0)
            asked.sendto(head + question[12 : at + 5] + records, who)

    threading.Thread(target=work, daemon=True).start()


def main() -> None:
    told: dict[str, Any] = json.loads(sys.argv[1])
    loopback_up()
    certificate = f"{told['root']}/both.pem"
    if any(manner.startswith("tls-") for manner in told["servers"].values()):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=room",
             "-keyout", f"{told['root']}/key.pem", "-out", f"{told['root']}/cert.pem"], check=True, capture_output=True,
        )  # fmt: skip
        Path(certificate).write_text(
            Path(f"{told['root']}/key.pem").read_text() + Path(f"{told['root']}/cert.pem").read_text()
        )
    for port, manner in told["servers"].items():
        serve(int(port), manner, certificate)
    if told["names"] is not None:
        name_server(told["names"])
    if not certificate or not Path(certificate).exists():
        os.chroot(told["root"])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
