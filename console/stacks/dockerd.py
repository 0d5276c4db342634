"""What dockerd's own command line and its addresses mean. Pure.

fact: moby daemon/config, cmd/dockerd (20.10 to 28): which flag is which key of daemon.json, which is a switch.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

DEFAULT_FILE = "/etc/docker/daemon.json"
MIRRORS, SINGULAR = "registry-mirrors", "registry-mirror"
PATHS_ALLOWED = 28
"""Major version from which on a mirror may have a path. Older ones refuse it; the Engine's own list tells for sure."""
MARK_ALLOWED = 23
"""Major version from which on a byte order mark, or an empty file, is let pass. fact: 20.10 refuses both."""
VALIDATES = 23
"""Major version from which on ``dockerd --validate`` exists."""

_SWITCHES = frozenset({
    "debug", "experimental", "icc", "init", "ip-forward", "ip-masq", "iptables", "ip6tables", "ipv6", "live-restore",
    "no-new-privileges", "raw-logs", "rootless", "selinux-enabled", "tls", "tlsverify", "userland-proxy", "validate",
    "help", "version", "disable-legacy-registry", "bridge-accept-fwmark",
})  # fmt: skip
_SHORT = {
    "D": "debug", "H": "host", "G": "group", "b": "bridge", "g": "graph", "l": "log-level", "p": "pidfile",
    "s": "storage-driver", "v": "version",
}  # fmt: skip
_KEYS = {
    "host": "hosts", "label": "labels", "registry-mirror": MIRRORS, "insecure-registry": "insecure-registries",
    "storage-opt": "storage-opts", "log-opt": "log-opts", "exec-opt": "exec-opts", "dns-opt": "dns-opts",
    "authorization-plugin": "authorization-plugins", "default-ulimit": "default-ulimits",
    "default-address-pool": "default-address-pools", "node-generic-resource": "node-generic-resources",
    "allow-nondistributable-artifacts": "allow-nondistributable-artifacts", "cdi-spec-dir": "cdi-spec-dirs",
    "add-runtime": "runtimes",
}  # fmt: skip
BOTH_ALLOWED = frozenset({"runtimes"})
"""fact: moby skipDuplicates: the only key that may be a flag and in the file."""


class Row(Protocol):
    """A line of the process table, as far as it matters here."""

    @property
    def pid(self) -> int:
        """Process id."""
        ...

    @property
    def name(self) -> str:
        """The kernel's name of it."""
        ...

    @property
    def command(self) -> tuple[str, ...]:
        """Its arguments."""
        ...

    @property
    def user(self) -> str | None:
        """Who runs it."""
        ...

    @property
    def started_at(self) -> float | None:
        """Unix seconds."""
        ...

    @property
    def container(self) -> str | None:
        """The container it runs in."""
        ...


def dockerds(rows: Iterable[Row]) -> list[Row]:
    """Every dockerd of this machine; one inside a container is another Engine and left out."""
    return [
        row
        for row in rows
        if row.container is None and "dockerd" in (row.name, posixpath.basename(row.command[0] if row.command else ""))
    ]


def the_one(rows: Sequence[Row], *, address: str, rootless: bool, pid: int | None = None) -> Row | None:
    """Which of several listens at the address: by its pid file, its -H, its user. None when it is not clear."""
    found = [row for row in rows if row.pid == pid]
    if not found and len(rows) > 1:
        found = [row for row in rows if address in flags(row.command).get("hosts", ())]
    if not found and len(rows) > 1:
        found = [row for row in rows if (row.user != "root") == rootless and not _elsewhere(row, address)]
    found = found or list(rows)
    return found[0] if len(found) == 1 else None


def _elsewhere(row: Row, address: str) -> bool:
    hosts = flags(row.command).get("hosts", ())
    return bool(hosts) and not any(host.startswith("fd:") or host == address for host in hosts)


def flags(command: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The flags by the file's name for them, each with its values; a switch has ``true`` or what it says."""
    found: dict[str, tuple[str, ...]] = {}
    words = list(command[1:])
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word in ("-", "--"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("--"):
            name, equals, value = _short(name, equals, value)
        if not equals and name not in _SWITCHES and words and not words[0].startswith("--"):
            value = words.pop(0)
        key = _KEYS.get(name, name)
        found[key] = (*found.get(key, ()), value if value or equals else "true")
    return found


def _short(name: str, equals: str, value: str) -> tuple[str, str, str]:
    """``-H=x``, ``-H x`` and ``-Hx`` are all the same to dockerd."""
    long = _SHORT.get(name[:1], name)
    if len(name) > 1 and long not in _SWITCHES and name[:1] in _SHORT:
        return long, "=", name[1:] + (equals + value)
    return long, equals, value


def major(version: str | None) -> int | None:
    """``20.10.24+dfsg1`` is 20; None when it cannot be told."""
    head = (version or "").lstrip("v").partition(".")[0]
    return int(head) if head.isdecimal() else None


def address_of(mirror: str) -> str:
    """A mirror's address as it is compared: without the slash at the end, scheme and host in lower case."""
    text = mirror.strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text.rstrip("/")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}".rstrip("/")


def refusal(mirror: str, version: str | None = None) -> str | None:
    """Why the Engine does not take this as a mirror; None when it does.

    fact: moby registry.ValidateMirror
    """
    if not mirror or any(character.isspace() or not character.isprintable() for character in mirror):
        return "an address without spaces is expected"
    try:
        parts = urlsplit(mirror)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not an address"
    if "://" not in mirror or parts.scheme not in ("http", "https"):
        return "it must begin with https:// or http://"
    if not host:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "user and password are not allowed in it"
    if parts.query or parts.fragment or "?" in mirror or "#" in mirror:
        return "a query or fragment is not allowed in it"
    if parts.path not in ("", "/") and (major(version) or 0) < PATHS_ALLOWED:
        return "a path is not allowed in it"
    return None


def repaired(mirror: str) -> str | None:
    """What was probably meant by an address that is refused; None when that cannot be told."""
    text = mirror.strip()
    if "://" not in text:
        text = f"https://{text.lstrip('/')}"
    try:
        parts = urlsplit(text)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    found = f"{parts.scheme.lower()}://{host}"
    return None if parts.username is not None or refusal(found) is not None else found
