"""What a compose file may say: each key with the form of its value, and Compose's own words for what it refuses.

The forms are those of Compose v2.26.1, and with them what newer releases take: which Compose reads the file is not
known here, and a false alarm would be worse. fact: compose-spec's schema, compose-go's ParsePortConfig, ParseVolume
A word names a kind of scalar, a list holds items of one form, a set does so without repetition, a tuple is a choice.
In a mapping ``*`` stands for any key, ``+`` for any name; ``key!`` has to be there; keys with ``x-`` are free.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from math import inf, isfinite
from typing import Any

from msgspec import Struct

from ..text.cleaning import clean_line
from .interpolation import BadCommandLine, split

Form = str | tuple[Any, ...] | list[Any] | set[str] | dict[str, Any]

_TEXTS: Form = {"string"}
_MANY: Form = ("string", ["string"])
_PAIRS: Form = ({"*": ("string", "plain number", "plain boolean", "null")}, ["string"])
_OPTIONS: Form = {"*": ("string", "plain number")}
_HOSTS: Form = ({"*": ("string", ["string"])}, {"host"})
_COMMAND: Form = ("command", ["string"], "null")
_EXTERNAL: Form = ("boolean", {"name": "string"})
_ULIMITS: Form = {"*": ("integer", {"hard!": "integer", "soft!": "integer"})}
_MOUNTED: Form = [
    "string",
    {"source": "string", "target": "string", "uid": "string", "gid": "string", "mode": "number"},
]
_HOOK: Form = {
    "command!": _COMMAND, "user": "string", "privileged": "boolean", "working_dir": "string", "environment": _PAIRS,
}  # fmt: skip
_DEVICE: dict[str, Any] = {
    "capabilities": _TEXTS, "count": ("all", "integer"), "device_ids": _TEXTS, "driver": "string", "options": _PAIRS,
}  # fmt: skip
_BUILD: Form = {
    "context": "string", "dockerfile": "string", "dockerfile_inline": "string", "entitlements": ["string"],
    "args": _PAIRS, "ssh": _PAIRS, "labels": _PAIRS, "cache_from": ["string"], "cache_to": ["string"],
    "no_cache": "boolean", "no_cache_filter": _MANY, "additional_contexts": _PAIRS, "network": "string",
    "pull": "boolean", "provenance": ("string", "boolean"), "sbom": ("string", "boolean"), "target": "string",
    "shm_size": "size", "extra_hosts": _HOSTS, "isolation": "string", "privileged": "boolean", "secrets": _MOUNTED,
    "tags": ["string"], "ulimits": _ULIMITS, "platforms": ["string"],
}  # fmt: skip
_UPDATE: Form = {
    "parallelism": "integer", "delay": "duration", "failure_action": "string", "monitor": "duration",
    "max_failure_ratio": "number", "order": "start-first|stop-first",
}  # fmt: skip
_DEPLOY: Form = {
    "mode": "string", "endpoint_mode": "string", "replicas": "integer", "labels": _PAIRS, "rollback_config": _UPDATE,
    "update_config": _UPDATE,
    "resources": {
        "limits": {"cpus": "number", "memory": "memory", "pids": "integer"},
        "reservations": {
            "cpus": "number", "memory": "memory", "devices": [{**_DEVICE, "capabilities!": _TEXTS}],
            "generic_resources": [{"discrete_resource_spec": {"kind": "string", "value": "number"}}],
        },
    },
    "restart_policy": {
        "condition": "string", "delay": "duration", "max_attempts": "integer", "window": "duration",
    },
    "placement": {
        "constraints": ["string"], "preferences": [{"spread": "string"}], "max_replicas_per_node": "integer",
    },
}  # fmt: skip
_VOLUME: Form = {
    "type!": "string", "source": "string", "target": "string", "read_only": "boolean", "consistency": "string",
    "bind": {
        "propagation": "string", "create_host_path": "boolean", "recursive": "enabled|disabled|writable|readonly",
        "selinux": "z|Z",
    },
    "volume": {"nocopy": "boolean", "subpath": "string", "labels": _PAIRS}, "image": {"subpath": "string"},
    "tmpfs": {"size": "size", "mode": "number"},
}  # fmt: skip
_PORT: Form = {
    "name": "string", "mode": "string", "host_ip": "string", "target": "integer", "published": ("string", "integer"),
    "protocol": "string", "app_protocol": "string",
}  # fmt: skip
_ATTACHED: Form = {
    "aliases": _TEXTS, "ipv4_address": "string", "ipv6_address": "string", "link_local_ips": _TEXTS,
    "interface_name": "string", "mac_address": "string", "driver_opts": _OPTIONS, "priority": "plain number",
    "gw_priority": "plain number",
}  # fmt: skip
_HEALTH: Form = {
    "disable": "boolean", "interval": "duration", "retries": "number", "test": _MANY, "timeout": "duration",
    "start_period": "duration", "start_interval": "duration",
}  # fmt: skip
_WATCH: Form = {
    "ignore": _MANY, "include": _MANY, "path!": "string", "target": "string", "exec": _HOOK, "initial_sync": "boolean",
    "action!": "rebuild|sync|restart|sync+restart|sync+exec",
}  # fmt: skip
_BLKIO: Form = [{"path": "string", "rate": ("integer", "string")}]
_FORMS_OF_SERVICE_KEYS: tuple[tuple[str, Form], ...] = (
    ("annotations environment labels sysctls", _PAIRS), ("cap_add cap_drop dns_opt links profiles", ["string"]),
    ("external_links security_opt volumes_from device_cgroup_rules", _TEXTS), ("command entrypoint", _COMMAND),
    ("configs secrets", _MOUNTED), ("dns dns_search tmpfs label_file", _MANY),
    ("post_start pre_stop", [_HOOK]),
    ("attach init oom_kill_disable privileged read_only stdin_open tty use_api_socket", "boolean"),
    ("cgroup_parent container_name cpuset domainname hostname image ipc isolation mac_address network_mode", "string"),
    ("platform pull_refresh_after restart runtime stop_signal user userns_mode uts working_dir", "string"),
    ("cpu_shares cpu_quota cpu_period cpu_rt_period cpu_rt_runtime pids_limit", "rounded"),
    ("cpu_count cpu_percent mem_swappiness oom_score_adj scale", "integer"),
    ("mem_limit mem_reservation memswap_limit shm_size", "size"),
)  # fmt: skip
_SERVICE: Form = {
    **{key: form for keys, form in _FORMS_OF_SERVICE_KEYS for key in keys.split()},
    "build": ("string", _BUILD), "cgroup": "host|private", "cpus": "number", "deploy": (_DEPLOY, "null"),
    "blkio_config": {
        "device_read_bps": _BLKIO, "device_read_iops": _BLKIO, "device_write_bps": _BLKIO, "device_write_iops": _BLKIO,
        "weight": "integer", "weight_device": [{"path": "string", "weight": "integer"}],
    },
    "credential_spec": {"config": "string", "file": "string", "registry": "string"},
    "depends_on": (_TEXTS, {"+": {
        "restart": "boolean", "required": "plain boolean",
        "condition!": "service_started|service_healthy|service_completed_successfully",
    }}),
    "develop": ({"watch": [_WATCH]}, "null"),
    "devices": [("device", {"source!": "string", "target": "string", "permissions": "string"})],
    "env_file": ("string", [("string", {"path!": "string", "format": "string", "required": "boolean"})]),
    "expose": [("string", "plain number")],
    "extends": ("string", {"service!": "string", "file": "string"}), "extra_hosts": _HOSTS,
    "gpus": ("all", [_DEVICE]), "group_add": [("string", "plain number")], "healthcheck": _HEALTH,
    "logging": {"driver": "string", "options": {"*": ("string", "plain number", "null")}},
    "models": (_TEXTS, {"*": "any"}), "provider": {"type!": "string", "options": {"*": "any"}},
    "networks": (_TEXTS, {"+": (_ATTACHED, "null")}), "ports": [("port number", "port", _PORT)],
    "pid": ("string", "null"), "pre_start": [{"*": "any"}], "pull_policy": "pull policy",
    "stop_grace_period": "duration", "storage_opt": {"*": "any"}, "ulimits": _ULIMITS, "volumes": [("volume", _VOLUME)],
}  # fmt: skip
_NAMED: dict[str, Any] = {
    "name": "string", "driver": "string", "driver_opts": _OPTIONS, "external": _EXTERNAL, "labels": _PAIRS,
}  # fmt: skip
_FILE: dict[str, Any] = {
    "name": "string", "environment": "string", "file": "string", "external": ("boolean", {"*": "any"}),
    "labels": _PAIRS, "template_driver": "string",
}  # fmt: skip
_POOL: Form = {"subnet": "string", "ip_range": "string", "gateway": "string", "aux_addresses": {"*": "string"}}
_ROOT: Form = {
    "version": "string", "name": "string", "services": {"+": _SERVICE}, "models": {"*": "any"},
    "volumes": {"+": (_NAMED, "null")}, "configs": {"+": {**_FILE, "content": "string"}},
    "networks": {"*": ({
        **_NAMED, "ipam": {"driver": "string", "config": [_POOL], "options": {"*": "string"}}, "internal": "boolean",
        "enable_ipv4": "boolean", "enable_ipv6": "boolean", "attachable": "boolean",
    }, "null")},
    "secrets": {"+": {**_FILE, "driver": "string", "driver_opts": _OPTIONS}},
}  # fmt: skip


class Misfit(Struct):
    """The first thing that Compose refuses: where, why, and the value."""

    keys: tuple[str, ...]
    reason: str
    value: Any = None


def refused(tree: Any) -> Misfit | None:  # noqa: ANN401 - YAML holds anything
    """Why Compose refuses a file's data, its variables filled in; None where it does not."""
    return _odd_key(tree, ()) or _unfit(tree, _ROOT, ())


def _odd_key(value: Any, keys: tuple[str, ...]) -> Misfit | None:  # noqa: ANN401
    if isinstance(value, float) and not isfinite(value):
        return Misfit(keys, f"json: unsupported value: {({inf: '+Inf', -inf: '-Inf'}).get(value, 'NaN')}")
    inside = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, inner in inside:
        if isinstance(value, dict) and not isinstance(key, str):
            place = f"in {'.'.join(keys)}" if keys else "at top level"
            return Misfit(keys, f"Non-string key {place}: {clean_line(str(key), 80)}")
        if found := _odd_key(inner, (*keys, str(key))):
            return found
    return None


def _unfit(value: Any, form: Form, keys: tuple[str, ...]) -> Misfit | None:  # noqa: ANN401
    if isinstance(form, str):
        return _scalar(value, form, keys)
    if isinstance(form, dict):
        return _mapping(value, form, keys)
    if isinstance(form, list | set):
        return _list(value, form, keys)
    found = [_unfit(value, one, keys) for one in form]
    if None in found:
        return None
    alike = (fault for one, fault in zip(form, found, strict=True) if isinstance(value, _shape(one)))
    return next(alike, found[0])


def _shape(form: Form) -> type | tuple[type, ...]:
    if isinstance(form, str):
        return _KINDS[form][0] if form in _KINDS else str
    return dict if isinstance(form, dict) else list


def _list(value: Any, form: list[Any] | set[str], keys: tuple[str, ...]) -> Misfit | None:  # noqa: ANN401
    if not isinstance(value, list):
        return _must(keys, "list")
    (item,) = form if len(form) == 1 else (tuple(form),)
    found = (_unfit(one, item, (*keys, str(at))) for at, one in enumerate(value))
    if (fault := next((one for one in found if one), None)) or not isinstance(form, set):
        return fault
    seen: dict[Any, int] = {}
    again = next(((seen[one], at) for at, one in enumerate(value) if seen.setdefault(one, at) < at), None)
    return Misfit(keys, f"{_path(keys)} array items[{again[0]},{again[1]}] must be unique") if again else None


def _mapping(value: Any, form: dict[str, Any], keys: tuple[str, ...]) -> Misfit | None:  # noqa: ANN401
    if not isinstance(value, dict):
        return _must(keys, "mapping")
    needed = next((key[:-1] for key in form if key.endswith("!") and key[:-1] not in value), None)
    if needed:
        return Misfit(keys, f"{_path(keys)} {needed} is required")
    for key, inner in value.items():
        known = form.get(f"{key}!", form.get(key, form.get("*")))
        if known is None and "+" in form and _NAME.match(key):
            known = form["+"]
        if known is None and key.startswith("x-"):
            continue
        at = (*keys, key)
        fault = _unfit(inner, known, at) if known is not None else _not_allowed(at)
        if fault:
            return fault
    return None


def _not_allowed(keys: tuple[str, ...]) -> Misfit:
    return Misfit(keys, f"{_path(keys[:-1])} Additional property {clean_line(keys[-1], 80)} is not allowed")


_NAME = re.compile(r"[a-zA-Z0-9._-]+\Z")


def _path(keys: tuple[str, ...]) -> str:
    return clean_line(".".join(keys), 300) or "(root)"


def _must(keys: tuple[str, ...], what: str) -> Misfit:
    return Misfit(keys, f"{_path(keys)} must be a {what}")


def _scalar(value: Any, kind: str, keys: tuple[str, ...]) -> Misfit | None:  # noqa: ANN401
    if kind == "any":
        return None
    types, words, judge = _KINDS.get(kind, (str, "string", None))
    broken = kind == "integer" and isinstance(value, float) and not value.is_integer()
    if broken or not isinstance(value, types) or (isinstance(value, bool) and bool not in _each(types)):
        return _must(keys, words)
    if kind not in _KINDS and value not in kind.split("|"):
        return Misfit(keys, f"{_path(keys)} must be one of the following: {kind.replace('|', ', ')}", value)
    reason = judge(str(value)) if judge and (isinstance(value, str) or kind in _SPOKEN) else None
    if reason is None:
        return None
    if kind in _DECODED:
        reason = f"error decoding '{keys[0]}[{keys[1]}].{'.'.join(keys[2:])}': {reason}"
    return Misfit(keys, reason if kind in _DECODED | _SPOKEN else f"{_path(keys)}: {reason}", value)


def _each(types: type | tuple[type, ...]) -> tuple[type, ...]:
    return types if isinstance(types, tuple) else (types,)


# ---- texts that have to mean something -------------------------------------------------------------------------------

SIZE = re.compile(r"(\d{1,308}(?:\.\d+)?) ?([kmgtp]?)i?b?\Z", re.IGNORECASE)
_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)\Z")
_WORDS = frozenset(["true", "false", "y", "yes", "on", "n", "no", "off"])
_RANGE = re.compile(r"0*(\d{1,5})(?:-0*(\d{1,5}))?\Z")
_WHOLE = r"[-+]?0{0,99}\d{1,19}\Z"


def port_reason(text: str) -> str | None:
    """Why ``ADDRESS:HOST:INSIDE/PROTOCOL`` is no port."""
    front, _, inside = text.rpartition(":")
    address, _, published = front.rpartition(":")
    inside, slash, protocol = inside.partition("/")
    if not inside:
        return f"No port specified: {clean_line(text, 80)}<empty>"
    if address and not _is_address(address):
        return f"Invalid ip address: {clean_line(address, 80)}"
    inner, outer = _range(inside), _range(published) if published else None
    if inner is None:
        return f"Invalid containerPort: {clean_line(inside, 80)}"
    if published and outer is None:
        return f"Invalid hostPort: {clean_line(published, 80)}"
    if outer and len(inner) > 1 and len(inner) != len(outer):
        return f"Invalid ranges specified for container and host Ports: {inside} and {published}"
    if slash and protocol.lower() not in {"tcp", "udp", "sctp"}:
        return f"Invalid proto: {clean_line(protocol, 80)}"
    return None


def _range(text: str) -> range | None:
    match = _RANGE.match(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    return range(first, last + 1) if first <= last <= 65535 else None


def _is_address(text: str) -> bool:
    try:
        ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        return False
    return ":" not in text or text.startswith("[")


def volume_parts(text: str) -> tuple[str, ...]:
    """What stands between the colons; one behind a drive letter is none of them. As compose-go's ParseVolume."""
    if len(text) <= 2:
        return (text,)
    parts = [""]
    for character in text:
        if character == ":" and not (len(parts[-1]) == 1 and parts[-1].isalpha()):
            parts.append("")
        else:
            parts[-1] += character
    return tuple(parts)


def _volume(text: str) -> str | None:
    parts = volume_parts(text)
    if not text:
        return "invalid empty volume spec"
    spec = f"invalid spec: {clean_line(text, 200)}"
    return (
        f"{spec}: empty section between colons"
        if "" in parts
        else f"{spec}: too many colons"
        if len(parts) > 3
        else None
    )


def _command(text: str) -> str | None:
    try:
        split(text)
    except BadCommandLine as error:
        return str(error)
    return None


def _number(text: str) -> str | None:
    with suppress(ValueError):
        if isfinite(float(text)):
            return None
    return f"no number: {clean_line(text, 80)!r}"


def _matches(pattern: str | re.Pattern[str], reason: str) -> Callable[[str], str | None]:
    return lambda text: None if re.match(pattern, text) else f"{reason}: {clean_line(text, 80)!r}"


_Judge = Callable[[str], str | None]
_KINDS: dict[str, tuple[type | tuple[type, ...], str, _Judge | None]] = {
    "string": ((str, datetime), "string", None),
    "null": (type(None), "null", None),
    "plain number": ((int, float), "number", None),
    "plain boolean": (bool, "boolean", None),
    "number": ((int, float, str), "number or string", _number),
    "integer": ((int, float, str), "integer or string", _matches(_WHOLE, "no whole number")),
    "rounded": ((int, float, str), "number or string", _matches(_WHOLE, "no whole number")),
    "boolean": ((bool, str), "boolean or string",
                lambda text: None if text.lower() in _WORDS else f"invalid boolean: {clean_line(text, 80)}"),
    "size": ((int, float, str), "number or string", _matches(SIZE, "invalid size")),
    "memory": (str, "string", _matches(SIZE, "invalid size")),
    "duration": (str, "string", _matches(_DURATION, "invalid duration")),
    "pull policy": (str, "string", _matches(
        r"(?:always|never|build|if_not_present|missing|refresh|daily|weekly|every_(?:\d+[wdhms])+)\Z",
        "must be one of always, never, build, if_not_present, missing")),
    "port number": (int, "number", port_reason),
    "port": (str, "string", port_reason),
    "volume": (str, "string", _volume),
    "device": (str, "string", lambda text: None if text.count(":") < 3 else
               f"confusing device mapping, please use long syntax: {clean_line(text, 80)}"),
    "host": (str, "string", lambda text: None if re.match(r"[^:=]+[:=]", text) else
             f"invalid additional host, missing IP: {clean_line(text, 80)}"),
    "command": (str, "string", _command),
}  # fmt: skip
_DECODED = frozenset(["command", "duration", "host", "memory", "size"])
_SPOKEN = frozenset(["port", "port number", "volume", "device"])
"""Kinds whose reason says everything, in Compose's own words."""
