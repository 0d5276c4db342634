"""One service as one compose file writes it, brought into one shape: short and long forms, lists and mappings alike.

Pure. Texts are cleaned here, where they enter; values of environment variables are kept as they are. What Compose would
refuse is reported with Compose's own reason, and the rest of the service is read all the same.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from msgspec import Struct, field

from ..model import DeviceRequest, Volume
from ..text import clean, clean_line
from ..yamltext import Tagged, untagged
from . import compose_devices, shellwords

SCALARS = ("image", "container_name", "user", "working_dir", "restart", "runtime")


class Layer(Struct):
    """What one file says of one service. ``None`` and empty mean: nothing said."""

    name: str
    path: str
    scalars: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    env: dict[str, str | None] = field(default_factory=dict)
    env_files: list[tuple[str, bool]] = field(default_factory=list)
    """Path and whether Compose insists on it."""
    volumes: dict[str, Volume] = field(default_factory=dict)
    """By target."""
    ports: list[str] = field(default_factory=list)
    depends_on: dict[str, str] = field(default_factory=dict)
    """Service -> the file that says so."""
    profiles: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    reserved: list[DeviceRequest] = field(default_factory=list)
    """Of ``deploy``."""
    forgets_reserved: bool = False
    """A tag within ``deploy`` says that earlier files do not count."""
    asked: list[DeviceRequest] = field(default_factory=list)
    """Of ``gpus`` and ``devices``."""
    memory: int | None = None
    memory_old: int | None = None
    """``mem_limit``."""
    extra_hosts: list[str] = field(default_factory=list)
    built: bool = False
    """It has an image of its own making: ``build``, or a provider instead of a container."""
    extends: str | None = None
    extends_file: str | None = None
    dropped: frozenset[str] = frozenset()
    """Keys marked ``!reset`` or ``!override``: what earlier files said of them is forgotten."""
    nothing: bool = False
    """The service is named and nothing more."""
    problems: list[str] = field(default_factory=list)
    """Compose's own reasons for refusing it."""


def text_of(value: Any) -> str:  # noqa: ANN401 - a YAML scalar
    """A scalar as Compose writes it into an environment: ``true``, ``1.5``, a date in Go's way."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    return str(value)


def _float(value: float) -> str:
    """As Go prints it: an exponent only from 1e21 on and below 1e-4."""
    if not isfinite(value):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(str(value), "NaN")
    if value and not 1e-4 <= abs(value) < 1e21:
        return repr(value)
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_layer(name: str, raw: Any, path: str, directory: str) -> Layer:  # noqa: ANN401
    """The service ``name`` of the file at ``path``, interpolated already; relative paths count from ``directory``."""
    layer = Layer(name=clean_line(name), path=path)
    tagged, raw = isinstance(raw, Tagged), untagged(raw)
    if raw is None:
        layer.nothing = True
        return layer
    if not isinstance(raw, dict):
        layer.problems.append(f"services.{layer.name} must be a mapping")
        return layer
    layer.dropped = frozenset(raw if tagged else [key for key, value in raw.items() if isinstance(value, Tagged)])
    said = {key: untagged(value) for key, value in raw.items() if not _is_reset(value)}
    for key, read in _READERS.items():
        if key in said:
            read(layer, said[key], directory)
    layer.built = "build" in said or "provider" in said
    return layer


def _is_reset(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Tagged) and value.tag == "!reset"


def _scalar(key: str) -> Callable[[Layer, Any, str], None]:
    def read(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
        if value is None:
            return
        if not isinstance(value, str):
            layer.problems.append(f"services.{layer.name}.{key} must be a string")
        layer.scalars[key] = clean_line(text_of(value), 4096)

    return read


def _words(key: str) -> Callable[[Layer, Any, str], None]:
    def read(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
        if value is None:
            return
        try:
            words = shellwords.split(value) if isinstance(value, str) else tuple(text_of(word) for word in value)
        except shellwords.BadCommandLine as error:
            layer.problems.append(f"error decoding 'services[{layer.name}].{key}': {error}")
            words = (str(value),)
        except TypeError:
            layer.problems.append(f"services.{layer.name}.{key} must be a string or a list")
            return
        setattr(layer, key, tuple(clean(word, 65536) for word in words))

    return read


def pairs_of(value: Any) -> dict[str, str | None] | None:  # noqa: ANN401
    """``environment`` in either form; a name without value is None. None when it is neither list nor mapping."""
    if isinstance(value, dict):
        return {str(key): None if untagged(v) is None else text_of(untagged(v)) for key, v in value.items()}
    if not isinstance(value, list):
        return None
    pairs: dict[str, str | None] = {}
    for item in value:
        name, sign, text = text_of(item).partition("=")
        pairs[name] = text if sign else None
    return pairs


def _environment(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    pairs = pairs_of(value)
    if pairs is None:
        layer.problems.append(f"services.{layer.name}.environment must be a mapping")
    else:
        layer.env = {clean_line(name, 512): text for name, text in pairs.items() if name}


def _env_files(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401
    for item in value if isinstance(value, list) else [value]:
        path, required = (item.get("path"), item.get("required", True)) if isinstance(item, dict) else (item, True)
        if isinstance(path, str) and path:
            layer.env_files.append((absolute(clean_line(path, 4096), directory), required is not False))


def _list(layer: Layer, key: str, value: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(value, list):
        return value
    layer.problems.append(f"services.{layer.name}.{key} must be a list")
    return []


def _volumes(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401
    for number, raw in enumerate(_list(layer, "volumes", value)):
        item = untagged(raw)
        if isinstance(item, dict) and not item.get("type"):
            layer.problems.append(f"services.{layer.name}.volumes.{number} type is required")
        volume = read_volume(item, layer.path, directory)
        if volume is not None:
            layer.volumes[volume.target] = volume


def read_volume(item: Any, path: str, directory: str) -> Volume | None:  # noqa: ANN401
    """One entry of ``volumes`` in short or long form; None for what is neither."""
    if isinstance(item, str):
        return _short(item, path, directory)
    target = item.get("target") if isinstance(item, dict) else None
    if not isinstance(target, str):
        return None
    kind, source = str(item.get("type") or "volume"), text_of(item.get("source"))
    if kind == "bind":
        source = absolute(source, directory)
    return Volume(
        kind=clean_line(kind, 64), source=clean_line(source, 4096), target=_target(target),
        read_only=item.get("read_only") is True, long_form=True, declared_in=path,
    )  # fmt: skip


def _short(text: str, path: str, directory: str) -> Volume | None:
    parts = text.split(":")
    if len(parts) == 1:
        return Volume(kind="volume", source="", target=_target(text), declared_in=path) if text else None
    source, target, modes = parts[0], parts[1], ",".join(parts[2:]).split(",")
    bind = source[:1] in {".", "/", "~"}
    return Volume(
        kind="bind" if bind else "volume", source=clean_line(absolute(source, directory) if bind else source, 4096),
        target=_target(target), read_only="ro" in modes, declared_in=path,
    )  # fmt: skip


def _target(target: str) -> str:
    return clean_line(posixpath.normpath(target), 4096)


def absolute(path: str, directory: str) -> str:
    """A host path as Compose resolves it: from the project's folder, ``~`` being the operator's home."""
    if path == "~" or path.startswith("~/"):
        path = os.path.expanduser(path)  # noqa: PTH111 - text in, text out
    return posixpath.normpath(posixpath.join(directory, path))


def _ports(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    for item in _list(layer, "ports", value):
        text = _long_port(item) if isinstance(item, dict) else text_of(item)
        if text.rpartition(":")[2].partition("/")[0] == "":
            layer.problems.append(f"No port specified: {clean_line(text, 80)}<empty>")
        elif text not in layer.ports:
            layer.ports.append(clean_line(text, 200))


def _long_port(item: dict[Any, Any]) -> str:
    parts = [text_of(item[key]) for key in ("host_ip", "published", "target") if item.get(key) not in {None, ""}]
    protocol = item.get("protocol")
    return ":".join(parts) + (f"/{protocol}" if protocol and protocol != "tcp" else "")


def _depends_on(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    if isinstance(value, list | dict):
        layer.depends_on = dict.fromkeys((clean_line(text_of(name)) for name in value), layer.path)
    else:
        layer.problems.append(f"services.{layer.name}.depends_on must be a mapping")


def _profiles(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    layer.profiles = [clean_line(text_of(item)) for item in _list(layer, "profiles", value)]


def _networks(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    if isinstance(value, list | dict):
        layer.networks = [clean_line(text_of(item)) for item in value]


def _deploy(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    layer.reserved, layer.forgets_reserved = compose_devices.reserved(value)
    layer.memory = compose_devices.memory(value)


def _gpus(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    layer.asked += compose_devices.gpus(value)


def _devices(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    layer.asked += compose_devices.cdi(value)


def _memory_limit(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    layer.memory_old = compose_devices.size(value)


def _extra_hosts(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    layer.extra_hosts = compose_devices.extra_hosts(value)


def _extends(layer: Layer, value: Any, directory: str) -> None:  # noqa: ANN401, ARG001
    if isinstance(value, dict):
        layer.extends = text_of(value.get("service")) or None
        layer.extends_file = text_of(value.get("file")) or None
    elif value:
        layer.extends = text_of(value)


_READERS: dict[str, Callable[[Layer, Any, str], None]] = {
    **{key: _scalar(key) for key in SCALARS},
    "command": _words("command"),
    "entrypoint": _words("entrypoint"),
    "environment": _environment,
    "env_file": _env_files,
    "volumes": _volumes,
    "ports": _ports,
    "depends_on": _depends_on,
    "profiles": _profiles,
    "networks": _networks,
    "deploy": _deploy,
    "gpus": _gpus,
    "devices": _devices,
    "mem_limit": _memory_limit,
    "extra_hosts": _extra_hosts,
    "extends": _extends,
}
