"""A program of its own that tries arrows from where they begin: inside the network of the container that has the need.

One process for a whole pass, started by its path and without site-packages: one JSON list of arrows on its standard
input, one line of JSON for each on its output. Each arrow has a thread: setns(2) moves a thread alone, and the sockets
that it makes stay in the network it made them in. Says three things of each: the name resolves by the container's own
resolver, the port takes a connection, whoever took it speaks the right protocol. Sends no login and no key, follows
nothing, reads some kB at the most, and ends at its deadline whatever the other side does.

fact: setns(2), proc(5); Docker's resolver at 127.0.0.11 lives in the container's network; RFC 1035; mongo OP_MSG;
PostgreSQL's SSLRequest; MySQL greets first; Redis answers PING also to strangers, if only with -NOAUTH.
"""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import json
import os
import queue
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

NEW_NET = 0x40000000
RESOLVE, CONNECT, SPEAK = 1.5, 1.5, 3.0
"""Seconds for one question to a name server, for one connection, for all that is said on it."""
WHOLE = 7.0
"""Seconds for everything; what is not known by then is told as unknown."""
LIMIT = 4096
FILE = 65536
A, AAAA = 1, 28
GET = b"GET / HTTP/1.0\r\nUser-Agent: stackops\r\nAccept: */*\r\n\r\n"
_BODY = b"\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"
_DOCUMENT = struct.pack("<i", len(_BODY) + 4) + _BODY
HELLO = struct.pack("<iiii", 21 + len(_DOCUMENT), 7, 0, 2013) + b"\x00\x00\x00\x00\x00" + _DOCUMENT
REPLIES = (struct.pack("<i", 2013), struct.pack("<i", 1))
"""What mongod calls an answer: OP_MSG, and OP_REPLY of old ones."""
FIRST_WORDS = {"http": GET, "mongo": HELLO, "postgres": struct.pack("!ii", 8, 80877103), "redis": b"PING\r\n"}
CALLED = {"http": "HTTP", "mongo": "MongoDB", "postgres": "PostgreSQL", "mysql": "MySQL", "redis": "Redis"}
PLAIN = "does not speak TLS, and the address says so"
REFUSALS = {1040: "too many connections", 1129: "this host is blocked", 1130: "this host is not allowed"}


class WayEnds(Exception):
    """The way ends here. ``soft``: it may be another thing the next time, so once is not enough to say it."""

    def __init__(self, state: str, reason: str, *, soft: bool = False) -> None:
        super().__init__(reason)
        self.state, self.reason, self.soft = state, reason, soft


class NotEntered(Exception):
    """The container's network cannot be entered; the reason as a sentence."""


def enter(pid: int, container: str) -> None:
    """Move this thread into the network of a container's process, and of no other that has got its number since."""
    try:
        where = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:  # to others than root a process may be hidden: hidepid of proc(5)
        hidden = os.geteuid() != 0 or isinstance(error, PermissionError)
        why = "only root may look into the network of a container" if hidden else "its process has ended"
        raise NotEntered(why) from None
    try:
        with open(f"/proc/{pid}/cgroup", "rb") as told:  # noqa: PTH123 - pathlib costs
            if container.encode() not in told.read(FILE):
                raise NotEntered("its process is not known to be the container's")
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(where, NEW_NET):
            raise NotEntered(f"its network cannot be entered: {os.strerror(ctypes.get_errno())}")
    except OSError:
        raise NotEntered("its process has ended") from None
    finally:
        os.close(where)


def inside(pid: int, *path: str) -> str:
    """A small file of a container; no link on the way is followed, since it could lead out.

    Opened is only what is known to be a file: a container can make a device of this machine's, and opening it acts.
    """
    at = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in path:
            below = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        if not stat.S_ISREG(os.fstat(at).st_mode):
            raise OSError(errno.EINVAL, "no file")
        with open(f"/proc/self/fd/{at}", "rb") as file:  # noqa: PTH123 - pathlib costs
            return file.read(FILE).decode("utf-8", "replace")
    finally:
        os.close(at)


def addresses(wire: dict[str, Any]) -> list[str]:
    """What a name means in there, in the order of a resolver: a literal, /etc/hosts, the name servers."""
    host, pid = wire["host"].lower().rstrip("."), wire["pid"]
    if _is_address(host):
        return [str(ipaddress.ip_address(host))]
    try:
        known = [line.partition("#")[0].split() for line in inside(pid, "etc", "hosts").splitlines()]
    except OSError:
        known = []
    found = [words[0] for words in known if host in map(str.lower, words[1:]) and _is_address(words[0])]
    if found or host == "localhost" or host.endswith(".localhost"):
        return found or ["127.0.0.1"]
    try:
        lines = [line.split() for line in inside(pid, "etc", "resolv.conf").splitlines()]
    except OSError:
        raise WayEnds("unknown", "its /etc/resolv.conf cannot be read from here") from None
    servers = [words[1] for words in lines if words[:1] == ["nameserver"] and _is_address("".join(words[1:2]))][:2]
    domains = [word for words in lines if words[:1] == ["search"] for word in words[1:]][:2]
    if not servers:
        raise WayEnds("unknown", "its /etc/resolv.conf names no name server")
    return _asked(host, [host, *(f"{host}.{domain}" for domain in domains)], servers, wire["container"])


def _is_address(text: str) -> bool:
    """Anything else would be looked up, by this machine's own resolver and with no deadline."""
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _asked(host: str, names: list[str], servers: list[str], container: str) -> list[str]:
    """Ask for each name in turn. Docker's server knows its containers and asks others for all else."""
    code, end = None, time.monotonic() + 2 * RESOLVE
    for name in names:
        for kind in (A, AAAA):
            code, found = _ask(servers, name, kind)
            if found:
                return found
            if code != 0:
                break
        if code not in (0, 3) or time.monotonic() > end:
            break
    docker = servers[0] == "127.0.0.11"
    who = "Docker's name server" if docker else f"The name server {servers[0]}"
    if code in (0, 3):
        raise WayEnds("failed", f"{who} knows no {host}")
    if docker and "." not in host and _ask(servers[:1], container[:12], A)[1]:
        raise WayEnds("failed", f"{who} knows no {host}")  # it answers, and has no container of that name
    said = "does not answer" if code is None else f"answers with an error ({code})"
    raise WayEnds("failed", f"{who} {said} for {host}", soft=True)


def _ask(servers: list[str], name: str, kind: int) -> tuple[int | None, list[str]]:
    """The code of the first answer and the addresses in it; None when nobody answers."""
    try:
        labels = [part.encode("idna") for part in name.split(".")]
    except UnicodeError:
        return 3, []
    question = b"".join(bytes([len(part)]) + part for part in labels) + b"\x00" + struct.pack("!HH", kind, 1)
    number = os.urandom(2)
    for server in servers:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.settimeout(RESOLVE)
                asking.connect((server.partition("%")[0], 53))
                asking.send(number + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + question)
                answer = asking.recv(LIMIT)
        except OSError:
            continue
        if len(answer) >= 12 and answer[:2] == number and answer[2] & 0x80:
            return answer[3] & 15, list(_records(answer, 12 + len(question), kind))
    return None, []


def _records(answer: bytes, at: int, kind: int) -> Iterator[str]:
    """Addresses of the answer section; whatever is odd ends it."""
    family = socket.AF_INET if kind == A else socket.AF_INET6
    for _ in range(min(struct.unpack("!H", answer[6:8])[0], 16)):
        while at < len(answer) and answer[at] and answer[at] < 0xC0:
            at += answer[at] + 1
        at += 2 if at < len(answer) and answer[at] >= 0xC0 else 1
        if at + 10 > len(answer):
            return
        told, _, _, size = struct.unpack("!HHIH", answer[at : at + 10])
        value = answer[at + 10 : at + 10 + size]
        if told == kind and len(value) == (4 if kind == A else 16):
            yield socket.inet_ntop(family, value)
        at += 10 + size


def connected(found: list[str], port: int) -> tuple[socket.socket, str]:
    """A connection to the first address that takes one."""
    stops = []
    for address in found[:3]:
        at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        line = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        line.settimeout(CONNECT)
        try:
            line.connect((address, port))
            if line.getsockname() != line.getpeername():  # else it has met itself
                return line, at
            stops.append(WayEnds("failed", f"nobody listens at {at}"))
        except TimeoutError:
            stops.append(WayEnds("failed", f"{at} takes no connection within {CONNECT:g} s", soft=True))
        except ConnectionRefusedError:
            stops.append(WayEnds("failed", f"nobody listens at {at}"))
        except OSError as error:
            stops.append(WayEnds("failed", f"there is no way to {at}: {os.strerror(error.errno or 0)}", soft=True))
        line.close()
    raise stops[0]


def speak(line: socket.socket, wire: dict[str, Any], found: list[str]) -> None:
    """Whether the right protocol is spoken; raises WayEnds where it is not."""
    if wire["speaks"] not in CALLED:
        raise WayEnds("unknown", "its protocol is not tried")
    if wire["tls"]:
        try:
            line = _secured(line, wire["host"])
        except WayEnds as stop:
            if stop.soft and _speaks_plainly(found, wire):
                raise WayEnds("failed", PLAIN) from None
            raise
    answer, said = b"", "closes the connection without a word"
    try:
        if first := FIRST_WORDS.get(wire["speaks"]):
            line.sendall(first)
        answer = _heard(line, wire["speaks"])
    except TimeoutError:
        raise WayEnds("failed", f"takes the connection and gives no answer within {SPEAK:g} s", soft=True) from None
    except OSError:
        said = "resets the connection"
    finally:
        line.close()
    odd = answer[:1] == b"\x15" or answer[9:12] == b"400" or not answer
    if odd and not wire["tls"] and wire["speaks"] != "mysql" and _speaks_tls(found, wire):
        raise WayEnds("failed", "speaks TLS, and the address does not say so")
    if not answer:
        raise WayEnds("failed", said, soft=True)
    _judge(answer, wire["speaks"])


def _heard(line: socket.socket, speaks: str, within: float = SPEAK) -> bytes:
    """The first words, as many as tell who it is."""
    enough = {"http": 12, "mongo": 16, "mysql": 7, "postgres": 1, "redis": 5}[speaks]
    heard, end = b"", time.monotonic() + within
    while len(heard) < enough:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        line.settimeout(left)
        more = line.recv(LIMIT)
        if not more:
            break
        heard += more
    return heard


def _judge(answer: bytes, speaks: str) -> None:
    """Raise WayEnds unless these are the first words of such a server."""
    other = _sounds_like(answer, speaks)
    if other != speaks:
        what = f"answers as {CALLED.get(other, other)} does" if other else "answers, but not as it should"
        raise WayEnds("failed", f"{what}; {CALLED[speaks]} is wanted")
    if speaks == "mysql" and answer[4] == 0xFF:
        code = struct.unpack("<H", answer[5:7])[0]
        raise WayEnds("failed", f"refuses: {REFUSALS.get(code, 'error')} ({code})", soft=code == 1040)
    if answer.startswith(b"-DENIED"):
        raise WayEnds("failed", "refuses other machines: Redis runs in protected mode")


def _sounds_like(answer: bytes, speaks: str) -> str:
    if answer.startswith(b"HTTP/"):
        return "mongo" if b"MongoDB over HTTP" in answer else "http"
    if (
        len(answer) >= 16
        and struct.unpack("<i", answer[8:12])[0] == 7
        and answer[12:16] in (b"\xdd\x07\0\0", b"\1\0\0\0")
    ):
        return "mongo"
    if len(answer) > 6 and answer[3] == 0 and (answer[4] in (9, 10) or (answer[4] == 0xFF and speaks == "mysql")):
        return "mysql"
    if answer.startswith(b"SSH-"):
        return "SSH"
    if answer[:1] in (b"+", b"-") and speaks != "postgres":
        return "redis"
    if answer[:2] == b"\x15\x03":
        return "TLS"
    return "postgres" if speaks == "postgres" and answer[:1] in (b"S", b"N", b"E") else ""


def _secured(line: socket.socket, host: str) -> socket.socket:
    """The same over TLS. Whether the certificate is good is the caller's business: it may know another authority."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    line.settimeout(SPEAK)
    try:
        return context.wrap_socket(line, server_hostname=host)
    except TimeoutError:
        raise WayEnds("failed", f"takes the connection and gives no answer within {SPEAK:g} s", soft=True) from None
    except (OSError, ValueError) as error:
        soft = not isinstance(error, ssl.SSLError)
        raise WayEnds("failed", PLAIN, soft=soft) from None


def _speaks_tls(found: list[str], wire: dict[str, Any]) -> bool:
    try:
        line, _ = connected(found, wire["port"])
        _secured(line, wire["host"]).close()
    except WayEnds:
        return False
    return True


def _speaks_plainly(found: list[str], wire: dict[str, Any]) -> bool:
    """fact: a Redis waits for the end of a line, which the first words of TLS need not have in them."""
    try:
        line, _ = connected(found, wire["port"])
        with line:
            wanted = str(wire["speaks"])
            line.sendall(FIRST_WORDS.get(wanted, b""))
            return _sounds_like(_heard(line, wanted, CONNECT), wanted) == wanted
    except (WayEnds, OSError):
        return False


def tried(wire: dict[str, Any]) -> dict[str, Any]:
    """How far one arrow gets."""
    hops: list[dict[str, str | None]] = []
    told: dict[str, Any] = {"key": wire["key"], "hops": hops}
    name = "name"
    try:
        enter(wire["pid"], wire["container"])
        found = addresses(wire)
        hops.append({"name": "name", "state": "ok", "reason": None if found[0] == wire["host"] else found[0]})
        name = "port"
        line, told["reached"] = connected(found, wire["port"])
        hops.append({"name": "port", "state": "ok"})
        name = "protocol"
        speak(line, wire, found)
        hops.append({"name": "protocol", "state": "ok"})
    except NotEntered as error:
        told["refused"] = str(error)
    except WayEnds as stop:
        hops.append({"name": name, "state": stop.state, "reason": stop.reason})
        told["soft"] = stop.soft
    except Exception as error:  # noqa: BLE001 - one odd arrow must not take the others along
        why = f"it could not be tried: {type(error).__name__}"
        hops.append({"name": name, "state": "unknown", "reason": why})
    return told


def main() -> None:
    """All arrows at once; a line for each when it is known."""
    wires = json.load(sys.stdin)
    done: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    for wire in wires:
        threading.Thread(target=lambda one=wire: done.put(tried(one)), daemon=True).start()
    end = time.monotonic() + WHOLE
    for _ in wires:
        try:
            told = done.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)  # threads that wait for somebody are not waited for


if __name__ == "__main__":
    main()
