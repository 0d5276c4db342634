"""One service of the merged compose files, brought into one shape: short and long forms, lists and mappings alike.

Pure. Texts are cleaned here, where they enter; values of environment variables are kept as they are. What Compose would
refuse is told elsewhere (``schema``), and the rest of the service is read all the same.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from ..model import ComposeService, DeviceRequest, EnvVar, Volume
from ..text.cleaning import clean, clean_line
from .interpolation import BadCommandLine, PlacedText, split
from .schema import SIZE, volume_parts

_SCALARS = ("image", "container_name", "user", "working_dir", "restart", "runtime", "network_mode")


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


def _line(value: Any, limit: int = 300) -> str:  # noqa: ANN401
    return clean_line(text_of(value), limit)


def texts(value: Any) -> list[str]:  # noqa: ANN401
    """One text or a list of them, each knowing where it came from."""
    found = value if isinstance(value, list) else [value]
    return [one if isinstance(one, str) else text_of(one) for one in found if isinstance(one, str | int)]


def read_service(
    name: str, service: Mapping[str, Any], env_files: Mapping[str, Mapping[str, str]], known: Mapping[str, str],
    depends_on: tuple[str, ...] = (),
) -> ComposeService:  # fmt: skip
    """The service for the model; ``known`` is what variables stand for in the compose files.

    Variables: those of its env files, then ``environment``, where a name without a value stands for itself.
    """
    pairs = pairs_of(service.get("environment"))
    env: dict[str, str] = {}
    for path, _ in env_files_of(service):
        env |= env_files.get(path, {})
    unset = []
    for variable, value in pairs.items():
        found = known.get(variable) if value is None else value
        if found is None:
            env.pop(variable, None)
            unset.append(variable)
        else:
            env[variable] = str(found)
    scalars = {key: _line(service[key], 4096) if service.get(key) else None for key in _SCALARS}
    networks = service.get("networks") or ()
    attached = networks.values() if isinstance(networks, dict) else ()
    reserved, asked = _reserved(service), [*_gpus(service.get("gpus")), *_cdi(service.get("devices"))]
    return ComposeService(
        name=clean_line(name),
        command=_words(service.get("command")), entrypoint=_words(service.get("entrypoint")),
        env=tuple(EnvVar(variable, value) for variable, value in env.items()),
        named=tuple(pairs), unset=tuple(unset), blank=tuple(_blank(service.get("environment"), env, known)),
        filled=tuple(dict.fromkeys(_filled(service))),
        env_files=tuple(path for path, _ in env_files_of(service)), volumes=volumes_of(service),
        ports=tuple(dict.fromkeys(_port(one) for one in _list(service.get("ports")))),
        depends_on=depends_on, awaits_end=tuple(_awaited(service, "service_completed_successfully")),
        awaits_health=tuple(_awaited(service, "service_healthy")),
        health_test=" ".join(clean_line(one, 2000) for one in texts(_inside(service, "healthcheck", "test"))),
        profiles=tuple(_line(one) for one in _list(service.get("profiles"))),
        built="build" in service or "provider" in service,
        device_requests=(*reserved, *asked), requests_apart=bool(asked), memory_limit=memory_of(service),
        shared_memory=_shared_memory(service),
        extra_hosts=tuple(_hosts(service.get("extra_hosts"))),
        networks=() if scalars["network_mode"] else tuple(_line(one) for one in networks) or ("default",),
        aliases=tuple(_line(one, 253) for how in attached for one in _list(_inside(how, "aliases"))),
        **scalars,
    )  # fmt: skip


def _list(value: Any) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else []


def _awaited(service: Mapping[str, Any], condition: str) -> Iterator[str]:
    told = service.get("depends_on")
    for name, how in told.items() if isinstance(told, dict) else ():
        if _inside(how, "condition") == condition:
            yield clean_line(str(name), 300)


def _words(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    try:
        words = split(value) if isinstance(value, str) else tuple(text_of(word) for word in _list(value))
    except BadCommandLine:
        words = (str(value),)
    return tuple(clean(word, 65536) for word in words)


def pairs_of(value: Any) -> dict[str, str | None]:  # noqa: ANN401
    """``environment`` in either form; a name without value is None."""
    if isinstance(value, dict):
        return {clean_line(str(key), 512): None if one is None else text_of(one) for key, one in value.items() if key}
    parts = (text_of(item).partition("=") for item in _list(value))
    return {clean_line(name, 512): text if sign else None for name, sign, text in parts if name}


def _blank(value: Any, env: Mapping[str, str], known: Mapping[str, str]) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """What ``environment`` fills in from a variable alone that nobody sets: its name, and that variable."""
    items = value.items() if isinstance(value, dict) else ((None, one) for one in _list(value))
    for name, text in items:
        written = text.written if isinstance(text, PlacedText) else ""
        variable, template = (str(name), written) if name is not None else written.partition("=")[::2]
        match = re.fullmatch(r"\$\{(\w+)\}|\$(\w+)", template)
        filled = (match[1] or match[2]) if match else ""
        if filled and filled not in known and not env.get(variable):
            yield clean_line(variable, 512), filled


def _filled(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is filled in from which variable: of ``environment`` by the variable's name, elsewhere by the key."""
    told = service.get("environment")
    for key, value in (*service.items(), *(told.items() if isinstance(told, dict) else ())):
        if value is told and isinstance(told, dict):
            continue
        for text in _placed(value):
            name = text.partition("=")[0] if value is told else str(key)
            for found in re.finditer(r"(?<!\$)(?:\$\$)*\$\{?([A-Za-z_]\w*)", text.written):
                yield clean_line(name, 512), found[1]
    yield from ((clean_line(name, 512), name) for name, value in pairs_of(told).items() if value is None)


def _placed(value: Any) -> Iterator[PlacedText]:  # noqa: ANN401
    if isinstance(value, PlacedText):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _placed(inner)


def env_files_of(service: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The paths under ``env_file``, absolute, each with what is said besides; the last word on a path counts."""
    said = service.get("env_file")
    found: dict[str, dict[str, Any]] = {}
    for item in said if isinstance(said, list) else [said]:
        how = item if isinstance(item, dict) else {"path": item}
        if isinstance(how.get("path"), str) and how["path"]:
            found[absolute(how["path"])] = how
    return list(found.items())


def volumes_of(service: Mapping[str, Any]) -> tuple[Volume, ...]:
    """Its mounts, one for each target."""
    found = (_volume(item) for item in _list(service.get("volumes")))
    return tuple({volume.target: volume for volume in found if volume}.values())


def files_given(service: Mapping[str, Any], tree: Mapping[str, Any]) -> Iterator[Volume]:
    """Its ``configs`` and ``secrets`` that are files: Compose mounts them, read-only; others it copies."""
    for kind, folder in (("configs", "/"), ("secrets", "/run/secrets")):
        for item in _list(service.get(kind)):
            how = item if isinstance(item, dict) else {"source": item}
            file = _inside(tree, kind, text_of(how.get("source")), "file")
            target = how.get("target") or how.get("source")
            if isinstance(file, str) and file and isinstance(target, str):
                place = clean_line(posixpath.normpath(posixpath.join(folder, target)), 4096)
                yield Volume("bind", absolute(file), place, read_only=True, long_form=True)


def _volume(item: Any) -> Volume | None:  # noqa: ANN401
    """One entry in short or long form; None for what is neither."""
    if isinstance(item, dict):
        target, source = item.get("target"), item.get("source")
        if not isinstance(target, str):
            return None
        kind, read_only = str(item.get("type") or "volume"), text_of(item.get("read_only")).lower() in _TRUE
        file = next((one.file for one in (source, target) if isinstance(one, PlacedText)), "")
    else:
        if not isinstance(item, str) or not item or "" in volume_parts(item):
            return None
        source, target, modes = ("", item, "") if len(volume_parts(item)) == 1 else (*volume_parts(item), "")[:3]
        kind, read_only = "bind" if _is_path(source) else "volume", "ro" in modes.split(",")
        file = item.file if isinstance(item, PlacedText) else ""
        source = item.anew(source) if isinstance(item, PlacedText) else source
    return Volume(
        kind=_line(kind, 64), source=absolute(source) if kind == "bind" and source else _line(source, 4096),
        target=clean_line(posixpath.normpath(target), 4096), read_only=read_only, long_form=isinstance(item, dict),
        declared_in=file,
    )  # fmt: skip


_TRUE = {"true", "y", "yes", "on"}


def _is_path(source: str) -> bool:
    return source[:1] in {".", "/", "~"} or bool(re.match(r"[^\W\d_]:|\\\\", source))


def absolute(path: Any) -> str:  # noqa: ANN401
    """A host path as Compose resolves it: from the folder that the text counts from; ``~`` is the operator's home."""
    text = text_of(path)
    if text.startswith("~"):
        return clean_line(posixpath.normpath(posixpath.join(os.path.expanduser("~"), text[1:].lstrip("/"))), 4096)  # noqa: PTH111 - text in, text out
    if re.match(r"[A-Za-z]:[\\/]", text):
        return clean_line(text, 4096)
    folder = path.folder if isinstance(path, PlacedText) else "/"
    return clean_line(posixpath.normpath(posixpath.join(folder, text)), 4096)


def _port(item: Any) -> str:  # noqa: ANN401
    """``ADDRESS:HOST:INSIDE/PROTOCOL``, without what goes without saying."""
    if isinstance(item, dict):
        parts = [text_of(item[key]) for key in ("host_ip", "published", "target") if item.get(key) not in {None, ""}]
        text, protocol = ":".join(parts), text_of(item.get("protocol"))
    else:
        text, _, protocol = text_of(item).partition("/")
        text = text.lstrip(":")
    return _line(text + (f"/{protocol.lower()}" if protocol.lower() not in {"", "tcp"} else ""), 200)


# ---- what a service asks of the machine ------------------------------------------------------------------------------
# Checked against ``docker compose config`` v2.26.1: a reservation without ``count`` means all.

UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}


def _inside(value: Any, *keys: str) -> Any:  # noqa: ANN401
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _reserved(service: Mapping[str, Any]) -> list[DeviceRequest]:
    return list(_requests(_inside(service, "deploy", "resources", "reservations", "devices")))


def _gpus(value: Any) -> list[DeviceRequest]:  # noqa: ANN401
    """``gpus: all``, or its list. fact: compose-spec, from Compose 2.30 on."""
    if value == "all":
        return [DeviceRequest(count=-1, capabilities=("gpu",))]
    return [
        one if one.capabilities else DeviceRequest(one.driver, one.count, one.ids, ("gpu",)) for one in _requests(value)
    ]


def _cdi(value: Any) -> list[DeviceRequest]:  # noqa: ANN401
    """Those of ``devices`` that name a device of a CDI spec: ``nvidia.com/gpu=all``."""
    words = [word for word in _list(value) if isinstance(word, str)]
    names = tuple(clean_line(word, 200) for word in words if not word.startswith("/") and "/" in word and "=" in word)
    return [DeviceRequest("cdi", ids=names)] if names else []


def memory_of(service: Mapping[str, Any]) -> int | None:
    """``deploy.resources.limits.memory`` in bytes, else ``mem_limit``."""
    limit = size_of(_inside(service, "deploy", "resources", "limits", "memory"))
    return limit if limit is not None else size_of(service.get("mem_limit"))


def _shared_memory(service: Mapping[str, Any]) -> int | None:
    """Bytes of /dev/shm. fact: docker run --ipc, ``private`` and ``shareable`` have one of their own of 64 MiB."""
    mounted = {volume.target for volume in volumes_of(service)}
    mounted |= {one.partition(":")[0] for one in texts(service.get("tmpfs"))}
    others = text_of(service.get("ipc")).partition(":")[0] in {"host", "service", "container"}
    if others or "/dev/shm" in mounted:  # noqa: S108 - a place in the container
        return 0
    return size_of(service.get("shm_size"))


def size_of(value: Any) -> int | None:  # noqa: ANN401
    """``2g``, ``512MiB`` or a number, in bytes, as Docker reads it; None for what is neither, and for 0."""
    match = SIZE.match(str(value).strip()) if isinstance(value, str | int) and not isinstance(value, bool) else None
    size = float(match[1]) * UNITS[match[2].lower()] if match else 0
    return int(size) or None if isfinite(size) else None


def _hosts(value: Any) -> Iterator[str]:  # noqa: ANN401
    """``name:address`` each, from the list or the mapping. fact: compose-spec takes ``name=address`` too."""
    if isinstance(value, dict):
        pairs = [(k, v) for k, found in value.items() for v in (found if isinstance(found, list) else [found])]
    else:
        words = (word for word in _list(value) if isinstance(word, str))
        parts = (word.partition("=" if "=" in word else ":") for word in words)
        pairs = [(name, one) for name, _, told in parts for one in told.split(",")]
    for name, address in pairs:
        if isinstance(address, str):
            bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
            yield _line(f"{name}:{bare}")


def _requests(items: Any) -> Iterator[DeviceRequest]:  # noqa: ANN401
    for item in _list(items):
        if isinstance(item, dict):
            ids = _names(item.get("device_ids"))
            yield DeviceRequest(
                driver=_line(item.get("driver"), 64), count=None if ids else _count(item.get("count")), ids=ids,
                capabilities=_names(item.get("capabilities")),
            )  # fmt: skip


def _count(value: Any) -> int:  # noqa: ANN401
    """fact: measured with Compose 2.26.1, ``all`` and nothing are -1."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 19 else -1
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else -1


def _names(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(clean_line(str(one), 200) for one in _list(value))
