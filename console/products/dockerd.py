"""What dockerd's own command line and its addresses mean. Pure.

fact: moby daemon/config, cmd/dockerd (20.10 to 28): which flag is which key of daemon.json, which is a switch.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Literal, cast
from urllib.parse import urlsplit

from msgspec import Struct

from ..hosts import ProcessRow
from ..model import DaemonConfig, EngineInfo
from ..text import N_, _
from .gateways import release

DEFAULT_FILE = "/etc/docker/daemon.json"
MIRRORS, SINGULAR = "registry-mirrors", "registry-mirror"
PATHS_ALLOWED = 28
"""Major version from which on a mirror may have a path. Older ones refuse it; the Engine's own list tells for sure."""
MARK_ALLOWED = 23
"""Major version from which on a byte order mark, or an empty file, is let pass. fact: 20.10 refuses both."""

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


NEWEST = 29
"""Major version whose keys are all written down here."""
_TEXTS = (
    "api-cors-header bip bip6 bridge bridge-accept-fwmark cgroup-parent cluster-advertise cluster-store containerd"
    " containerd-namespace containerd-plugin-namespace data-root default-cgroupns-mode default-gateway"
    " default-gateway-v6 default-init default-ipc-mode default-runtime default-shm-size exec-root firewall-backend"
    " fixed-cidr fixed-cidr-v6 graph group host-gateway-ip init-path ip log-driver log-format log-level metrics-addr"
    " min-api-version pidfile resolv-conf seccomp-profile storage-driver swarm-default-advertise-addr tlscacert tlscert"
    " tlskey userland-proxy-path userns-remap deprecated-key-path http-proxy https-proxy no-proxy"
)
_LISTS = (
    "allow-nondistributable-artifacts authorization-plugins cdi-spec-dirs dns dns-opts dns-search exec-opts"
    " host-gateway-ips hosts insecure-registries labels node-generic-resources registry-mirrors storage-opts"
)
_SWITCHED = (
    "allow-direct-routing cri-containerd debug disable-legacy-registry experimental icc init ip-forward"
    " ip-forward-no-drop ip-masq ip6tables iptables ipv6 live-restore no-new-privileges raw-logs rootless"
    " selinux-enabled tls tlsverify userland-proxy"
)
_NUMBERS = (
    "cpu-rt-period cpu-rt-runtime max-concurrent-downloads max-concurrent-uploads max-download-attempts mtu"
    " network-control-plane-mtu network-diagnostic-port oom-score-adjust shutdown-timeout swarm-raft-election-tick"
    " swarm-raft-heartbeat-tick"
)
Shape = str | tuple[str, "Shape"] | dict[str, "Shape"]
"""``text``, ``list`` (of texts), ``switch``, ``number``; ``("map", X)`` names with X each, ``("rows", X)`` a list of
X; a dict: an object, whose other members are nobody's matter."""
SHAPES: dict[str, Shape] = {
    **dict.fromkeys(_TEXTS.split(), "text"), **dict.fromkeys(_LISTS.split(), "list"),
    **dict.fromkeys(_SWITCHED.split(), "switch"), **dict.fromkeys(_NUMBERS.split(), "number"),
    "log-opts": ("map", "text"), "cluster-store-opts": ("map", "text"), "features": ("map", "switch"),
    "default-network-opts": ("map", ("map", "text")), "runtimes": ("map", {"path": "text", "runtimeArgs": "list"}),
    "default-ulimits": ("map", {"Name": "text", "Hard": "number", "Soft": "number"}),
    "default-address-pools": ("rows", {"base": "text", "size": "number"}),
    "proxies": {"http-proxy": "text", "https-proxy": "text", "no-proxy": "text"},
    "builder": {"gc": {"enabled": "switch", "defaultKeepStorage": "text"}},
}  # fmt: skip
"""What dockerd takes under each key. fact: moby daemon/config/config.go and config_linux.go, 17.06 to 29; MemBytes
(default-shm-size) is read from a text alone."""
_DEEP = frozenset({
    "cluster-store-opts", "default-network-opts", "log-opts", "runtimes", "default-ulimits", "features", "builder",
})  # fmt: skip
"""fact: moby flatOptions: the names below any other object have to be keys or flags themselves."""
_WORDS = {
    "text": N_("a text"), "list": N_("a list of texts"), "switch": N_("true or false"),
    "number": N_("a whole number"), "map": N_("an object"), "rows": N_("a list of objects"),
}  # fmt: skip
_ADDRESSES = ("dns", "default-gateway", "default-gateway-v6", "ip", "host-gateway-ip")
_LEVELS = ("trace", "debug", "info", "warn", "warning", "error", "fatal", "panic")


def kind_of(value: object) -> str:
    """What stands there, for people."""
    if isinstance(value, list):
        return _("a list") if all(isinstance(one, str) for one in value) else _("a list of other things than texts")
    kinds = {str: N_("a text"), bool: N_("true or false"), dict: N_("an object"), type(None): N_("nothing")}
    return _(kinds.get(type(value), N_("a number")))


def misfits(data: Mapping[str, object]) -> Iterator[str]:
    """Each value that dockerd refuses, with what it takes in its place; never the value itself."""
    for key, value in data.items():
        if key in SHAPES and key != MIRRORS:
            yield from _misfits(key, value, SHAPES[key])
    for key in _ADDRESSES:
        named = data.get(key)
        told = [one.strip() for one in named if isinstance(one, str)] if isinstance(named, list) else [named or "::"]
        if not all(_is_address(one) for one in told if isinstance(one, str)):
            yield _("{key} is no IP address, or has an entry that is none", key=key)
    level = data.get("log-level")
    if isinstance(level, str) and level and level.lower() not in _LEVELS:
        yield _("log-level must be one of {levels}", levels=", ".join(_LEVELS))


def _misfits(path: str, value: object, shape: Shape) -> Iterator[str]:
    if value is None:  # fact: Go leaves what it has
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield _("{path} is {kind_of} and must be an object", path=path, kind_of=kind_of(value))
            return
        for name, inner in shape.items():
            if name in value:
                yield from _misfits(f"{path}.{name}", value[name], inner)
    elif isinstance(shape, tuple):
        kind, inner = shape
        if not isinstance(value, dict if kind == "map" else list):
            yield _("{path} is {kind_of} and must be {words}", path=path, kind_of=kind_of(value), words=_(_WORDS[kind]))
            return
        parts = value if isinstance(value, dict) else dict(enumerate(cast("list[object]", value), 1))
        for place, part in parts.items():
            yield from _misfits(f"{path}.{place}", part, inner)
    elif not _fits(value, shape):
        yield _("{path} is {kind_of} and must be {words}", path=path, kind_of=kind_of(value), words=_(_WORDS[shape]))


def _fits(value: object, shape: str) -> bool:
    if shape == "list":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if shape == "number":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str if shape == "text" else bool)


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def strangers(data: Mapping[str, object]) -> tuple[str, ...]:
    """Keys that no release of dockerd knows: it does not start with them. A flag's name does nothing, and passes."""
    found: list[str] = []
    for key, value in data.items():
        flat = isinstance(value, dict) and key not in _DEEP
        told = {f"{key}.{name}": name for name in cast("dict[str, object]", value)} if flat else {key: key}
        found += [place for place, name in told.items() if not any(name in each for each in (SHAPES, _KEYS, _SWITCHES))]
    return tuple(found)


def idle(data: Mapping[str, object]) -> tuple[str, ...]:
    """Keys that are the name of a flag and do nothing in the file, each with the key that was meant."""
    return tuple(f"{key} ({_KEYS[key]})" for key in data if key in _KEYS and key != SINGULAR and key not in SHAPES)


def is_dockerd(row: ProcessRow) -> bool:
    """By its own name, or the program it was started as."""
    return "dockerd" in (row.name, posixpath.basename(row.command[0] if row.command else ""))


def dockerds(rows: Iterable[ProcessRow]) -> list[ProcessRow]:
    """Every dockerd of this machine; one inside a container is another Engine and left out."""
    return [row for row in rows if row.container is None and is_dockerd(row)]


def the_one(
    rows: Sequence[ProcessRow], *, address: str, rootless: bool, listener: int | None = None, pid: int | None = None
) -> ProcessRow | None:
    """Which dockerd of the process table serves the address. None when it is not clear.

    The kernel knows who listens there, ``listener``. systemd hands a socket on that it listens at itself; then, and
    where nobody can say who listens, it is told by flags, user and ``pid``, what the usual pid file says. Behind any
    other listener (ssh, a proxy, a process out of sight) may be any Engine, on another machine too.
    """
    found = dockerds(rows)
    if listener is None:
        return _by_signs(found, address=address, rootless=rootless, pid=pid)
    there = next((row for row in rows if row.pid == listener), None)
    if there is not None and is_dockerd(there):
        return there
    if listener != 1 and (there is None or there.name != "systemd"):
        return None
    found = [row for row in found if _handed(row) and (row.user != "root") == rootless]
    if len(found) > 1:
        found = [row for row in found if row.pid == pid]
    return found[0] if len(found) == 1 else None


def _handed(row: ProcessRow) -> bool:
    """Whether it may have its socket from systemd: ``-H fd://``, or no -H and the file says."""
    hosts = flags(row.command).get("hosts", ())
    return not hosts or any(host.startswith("fd:") for host in hosts)


def _by_signs(rows: Sequence[ProcessRow], *, address: str, rootless: bool, pid: int | None) -> ProcessRow | None:
    found = [row for row in rows if row.pid == pid]
    if not found and len(rows) > 1:
        found = [row for row in rows if address in flags(row.command).get("hosts", ())]
    if not found and len(rows) > 1:
        found = [row for row in rows if (row.user != "root") == rootless and not _elsewhere(row, address)]
    found = found or list(rows)
    return found[0] if len(found) == 1 else None


def _elsewhere(row: ProcessRow, address: str) -> bool:
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
    return int(head) if head.isdecimal() and len(head) < 9 else None


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
        return _("an address without spaces is expected")
    try:
        parts = urlsplit(mirror)
        host, _rest = parts.hostname, parts.port
    except ValueError:
        return _("it is not an address")
    if "://" not in mirror or parts.scheme not in ("http", "https"):
        return _("it must begin with https:// or http://")
    if not host:
        return _("it names no host")
    if parts.username is not None or parts.password is not None:
        return _("user and password are not allowed in it")
    if parts.query or parts.fragment or "?" in mirror or "#" in mirror:
        return _("a query or fragment is not allowed in it")
    if parts.path not in ("", "/") and (major(version) or 0) < PATHS_ALLOWED:
        return _("a path is not allowed in it")
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


Form = Literal["invalid-json", "refused-value", "unknown-key", "wrong-type", "flag-conflict", "misspelt", "bad-address"]
OF_FILE = ("invalid-json", "refused-value", "unknown-key", "flag-conflict")
"""Forms that say nothing of mirrors."""


class Objection(Struct, frozen=True):
    """One reason why the Engine would not start with this file."""

    form: Form
    says: str


def objections(config: DaemonConfig, version: str | None, effective: tuple[str, ...] = ()) -> tuple[Objection, ...]:
    """Everything that keeps the Engine from starting, worst first; empty when nothing is known against the file.

    ``effective`` are mirrors the Engine has taken already: those are good whatever the rules say.
    """
    return tuple(_objections(config, version, effective)) if config.kind == "file" else ()


def _objections(config: DaemonConfig, version: str | None, effective: tuple[str, ...]) -> Iterator[Objection]:
    number = major(version)
    lenient = number is not None and number >= MARK_ALLOWED
    if config.error is not None and not (config.blank and lenient):
        yield Objection(
            "invalid-json",
            _("line {line}, column {column}: {error}", line=config.line, column=config.column, error=config.error),
        )
        return
    if config.mark and not lenient:
        yield Objection("invalid-json", _("it begins with a byte order mark, which this Engine takes for a mistake"))
    for says in () if _started_with(config) else config.refused:
        yield Objection("refused-value", says)
    for key in config.unknown if _new_keys_known(number) and not _started_with(config) else ():
        yield Objection("unknown-key", _("{key} is no key that the Engine knows", key=key))
    if config.mirrors_wrong:
        yield Objection(
            "wrong-type",
            _(
                "{mirrors} is {mirrors_wrong} and must be a list",
                mirrors=MIRRORS,
                mirrors_wrong=config.mirrors_wrong,
            ),
        )
    both = [key for key in config.keys if key in config.flags and key not in BOTH_ALLOWED]
    if both:
        yield Objection("flag-conflict", _("{both}: set in the file and as a flag of dockerd", both=", ".join(both)))
    if config.typo and config.typo != SINGULAR:
        yield Objection("misspelt", _("{typo} is no key that the Engine knows", typo=config.typo))
    for mirror in config.mirrors or ():
        reason = refusal(mirror, version)
        if reason and mirror.rstrip("/") not in effective:
            yield Objection("bad-address", f"{shown(mirror)}: {reason}")


def _new_keys_known(number: int | None) -> bool:
    return number is None or number <= NEWEST


def _started_with(config: DaemonConfig) -> bool:
    """Whether dockerd has started since the file was last changed: then it takes the file."""
    return (config.started_at or 0.0) > (config.changed_at or float("inf")) + 1.0


def shown(mirror: str) -> str:
    """An address without the password in it."""
    scheme, separator, rest = mirror.partition("://")
    return f"{scheme}{separator}•••@{rest.rpartition('@')[2]}" if "@" in rest else mirror


_DESKTOP = re.compile(r"docker desktop|orbstack|rancher desktop", re.IGNORECASE)
_MACHINES = re.compile(r"/\.(?:colima|lima|orbstack|rd)/")


def is_desktop(engine: EngineInfo | None) -> bool:
    """Whether the Engine runs in a virtual machine of the desktop's, as its system or its socket tells."""
    return engine is not None and bool(_DESKTOP.search(engine.os or "") or _MACHINES.search(engine.address))


def is_podman(engine: EngineInfo | None) -> bool:
    """Whether Podman answers in Docker's place. fact: Docker's versions went from 1.13 to 17.03; Podman's lie between.

    Podman's socket may be linked to ``/var/run/docker.sock`` (the package podman-docker), where its path says nothing.
    """
    if engine is None:
        return False
    numbers = release(engine.version)
    return "podman" in engine.address or (numbers is not None and 2 <= numbers[0] < 17)
