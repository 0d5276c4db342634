"""What a compose service asks of the machine: GPUs, an OCI runtime, memory at the most, names for addresses.

Pure; a part of ``compose_fields``. Checked against ``docker compose config`` v2.26.1: a reservation without ``count``
means all; lists of later files are appended, unless ``!override`` stands before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model import DeviceRequest
from ..text import clean_line
from ..yamltext import Tagged, untagged

UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?\Z", re.IGNORECASE)
_RESERVED = ("resources", "reservations", "devices")
_MEMORY = ("resources", "limits", "memory")


def reserved(deploy: Any) -> tuple[list[DeviceRequest], bool]:  # noqa: ANN401 - a part of a foreign file
    """``deploy.resources.reservations.devices``, and whether what earlier files say there is forgotten."""
    found, forgets = _inside(deploy, _RESERVED)
    reset = isinstance(found, Tagged) and found.tag == "!reset"
    return [] if reset else list(_requests(untagged(found))), forgets


def gpus(value: Any) -> list[DeviceRequest]:  # noqa: ANN401
    """``gpus: all``, or its list. fact: compose-spec, from Compose 2.30 on."""
    if value == "all":
        return [DeviceRequest(count=-1, capabilities=("gpu",))]
    found = list(_requests(value))
    return [one if one.capabilities else DeviceRequest(one.driver, one.count, one.ids, ("gpu",)) for one in found]


def cdi(value: Any) -> list[DeviceRequest]:  # noqa: ANN401
    """Those of ``devices`` that name a device of a CDI spec: ``nvidia.com/gpu=all``."""
    words = [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
    names = tuple(clean_line(word, 200) for word in words if not word.startswith("/") and "/" in word and "=" in word)
    return [DeviceRequest("cdi", ids=names)] if names else []


def memory(deploy: Any) -> int | None:  # noqa: ANN401
    """``deploy.resources.limits.memory`` in bytes."""
    return size(untagged(_inside(deploy, _MEMORY)[0]))


def size(value: Any) -> int | None:  # noqa: ANN401
    """``2g``, ``512MiB`` or a number, in bytes, as Docker reads it; None for what is neither, and for 0."""
    match = _SIZE.match(str(value).strip()) if isinstance(value, str | int) and not isinstance(value, bool) else None
    return (int(float(match[1]) * UNITS[match[2].lower()]) or None) if match else None


def extra_hosts(value: Any) -> list[str]:  # noqa: ANN401
    """``name:address`` each, from the list or the mapping. fact: compose-spec takes ``name=address`` too."""
    if isinstance(value, dict):
        pairs = [(k, v) for k, found in value.items() for v in (found if isinstance(found, list) else [found])]
        return [clean_line(f"{name}:{address}", 300) for name, address in pairs if isinstance(address, str)]
    words = [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
    return [clean_line(word.replace("=", ":", 1) if "=" in word else word, 300) for word in words]


def _inside(value: Any, keys: tuple[str, ...]) -> tuple[Any, bool]:  # noqa: ANN401
    """What stands there, and whether one of the tags on the way says that earlier files do not count."""
    forgets = False
    for key in keys:
        inner = untagged(value)
        value = inner.get(key) if isinstance(inner, dict) else None
        forgets = forgets or isinstance(value, Tagged)
    return value, forgets


def _requests(items: Any) -> Iterator[DeviceRequest]:  # noqa: ANN401
    for raw in items if isinstance(items, list) else ():
        item = untagged(raw)
        if isinstance(item, dict):
            ids = _words(item.get("device_ids"))
            yield DeviceRequest(
                driver=clean_line(str(item.get("driver") or ""), 64), count=None if ids else _count(item.get("count")),
                ids=ids, capabilities=_words(item.get("capabilities")),
            )  # fmt: skip


def _count(value: Any) -> int:  # noqa: ANN401
    """fact: measured with Compose 2.26.1, ``all`` and nothing are -1."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() else -1
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else -1


def _words(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    inner = untagged(value)
    return tuple(clean_line(str(untagged(one)), 200) for one in inner) if isinstance(inner, list) else ()
