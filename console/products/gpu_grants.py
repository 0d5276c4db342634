"""Which NVIDIA GPUs a container or a compose service was granted, and how. Pure.

fact: moby daemon/nvidia_linux.go, NVIDIA Container Toolkit. What an image asks for by its own variables counts with the
``nvidia`` runtime alone; the variable that the Engine derives from a request never shows in ``inspect``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from ..model import ComposeService, Container, DeviceRequest, EnvVar, Gpu

VISIBLE = "NVIDIA_VISIBLE_DEVICES"
NONE = frozenset({"", "void", "none"})
_CDI = re.compile(r"nvidia\.com/gpu=(.+)\Z")
_NODE = re.compile(r"/dev/nvidia(\d+)\Z")
How = Literal["request", "cdi", "runtime", "devices"]


class Grant(Struct, frozen=True):
    """The GPUs one container may use."""

    how: How
    words: str
    """As it is written: ``count: 1``, ``device_ids: ["0"]``, ``NVIDIA_VISIBLE_DEVICES=all``."""
    ids: tuple[str, ...] = ()
    """Indices, UUIDs or MIG ids that were named; empty with ``count`` or when all are granted."""
    count: int | None = None
    """The devices 0 to N-1."""

    @property
    def everything(self) -> bool:
        """Whether all GPUs are granted."""
        return not self.ids and self.count is None


def grant_of(container: Container) -> Grant | None:
    """What the container was granted; None without any GPU."""
    return _grant(container.device_requests, container.runtime, container.env, container.devices)


def grant_of_service(service: ComposeService) -> Grant | None:
    """What the compose files would grant the service; None without any GPU."""
    return _grant(service.device_requests, service.runtime, service.env, ())


def only_gpus(requests: Iterable[DeviceRequest]) -> bool:
    """Whether nothing but NVIDIA GPUs is asked for: a list that holds more cannot be written anew from the grant."""
    return all(_is_gpu(one) for one in requests)


def _grant(
    requests: Sequence[DeviceRequest], runtime: str | None, env: Iterable[EnvVar], devices: Sequence[str]
) -> Grant | None:
    wanted = [one for one in requests if _is_gpu(one)]
    if wanted:
        return _requested(wanted)
    visible = next((v.value for v in env if v.name == VISIBLE), "") if runtime == "nvidia" else ""
    if visible.strip() not in NONE:
        names = tuple(part.strip() for part in visible.split(",") if part.strip())
        return Grant("runtime", f"{VISIBLE}={visible}", () if "all" in names else names)
    nodes = [match[1] for path in devices if (match := _NODE.match(path))]
    return Grant("devices", " ".join(f"/dev/nvidia{number}" for number in nodes), tuple(nodes)) if nodes else None


def _is_gpu(one: DeviceRequest) -> bool:
    if one.driver == "cdi" or any("/" in name for name in one.ids):
        return any(_CDI.match(name) for name in one.ids)
    return one.driver == "nvidia" or (one.driver == "" and not {"gpu", "nvidia"}.isdisjoint(one.capabilities))


def _requested(wanted: Sequence[DeviceRequest]) -> Grant:
    """Several requests of one container add up. fact: Compose appends the lists of its files."""
    words = " and ".join(_words(one) for one in wanted)
    how: How = "cdi" if all(one.driver == "cdi" or any(_CDI.match(i) for i in one.ids) for one in wanted) else "request"
    if any(not one.ids and (one.count is None or one.count < 0) for one in wanted):
        return Grant(how, words)
    ids = [m[1] if (m := _CDI.match(name)) else name for one in wanted for name in one.ids]
    if "all" in ids:
        return Grant(how, words)
    count = max((one.count or 0 for one in wanted if not one.ids), default=0)
    if ids and count:  # 0 to N-1 and the named ones
        return Grant(how, words, tuple(dict.fromkeys((*map(str, range(count)), *ids))))
    return Grant(how, words, tuple(dict.fromkeys(ids)), count or None)


def _words(one: DeviceRequest) -> str:
    if one.ids:
        return "device_ids: [" + ", ".join(f'"{name}"' for name in one.ids) + "]"
    return f"count: {'all' if one.count is None or one.count < 0 else one.count}"


def granted(grant: Grant, gpus: Sequence[Gpu]) -> frozenset[str] | None:
    """UUIDs of the GPUs that it means; None when one that is named cannot be told (MIG, or an index not known)."""
    if grant.everything:
        return frozenset(gpu.uuid for gpu in gpus)
    names = tuple(map(str, range(grant.count))) if grant.count else grant.ids
    found = [_named(name, gpus) for name in names]
    return None if None in found else frozenset(uuid for uuid in found if uuid)


def _named(name: str, gpus: Sequence[Gpu]) -> str | None:
    """fact: the toolkit takes indices and UUIDs; a UUID may be shortened."""
    if name.isdecimal():
        return next((gpu.uuid for gpu in gpus if str(gpu.index) == (name.lstrip("0") or "0")), None)
    fits = [gpu.uuid for gpu in gpus if gpu.uuid == name or (len(name) > len("GPU-") and gpu.uuid.startswith(name))]
    return fits[0] if len(fits) == 1 else None


_SHARDS = (
    "--tensor-parallel-size", "--tensor_parallel_size", "-tp", "--tp", "--tp-size", "--pipeline-parallel-size", "-pp",
    "--pp-size", "--data-parallel-size", "-dp", "--dp-size", "--num-shard", "--num-gpus", "--n-gpu",
)  # fmt: skip
_SHARD_VARIABLES = ("NUM_SHARD", "TENSOR_PARALLEL_SIZE", "TP_SIZE", "NUM_GPUS")
_DEVICES = ("CUDA_VISIBLE_DEVICES", VISIBLE)


class Several(Struct, frozen=True):
    """That one server works on several GPUs."""

    words: str
    """As it is written: ``--tensor-parallel-size 2``, ``CUDA_VISIBLE_DEVICES=0,1``, ``count: 2``."""
    told: bool
    """It is told to split its work, so that it has a process for each, whatever the product."""


def several(words: Sequence[str], env: Iterable[EnvVar], grant: Grant | None) -> Several | None:
    """Whether a server works on several GPUs; None with one, and where it is not known how many there are (``all``)."""
    split = [part for word in words for part in word.replace("=", " ").split()]
    told = {option: value for option, value in pairwise(split) if option in _SHARDS and value.isdecimal()}
    given = {one.name: one.value.strip() for one in env}
    told |= {name: given[name] for name in _SHARD_VARIABLES if given.get(name, "").isdecimal()}
    if told:
        found = next(((name, value) for name, value in told.items() if value.lstrip("0") not in ("", "1")), None)
        sign = " " if found and found[0].startswith("-") else "="
        return Several(sign.join(found), told=True) if found else None
    for name in _DEVICES:
        seen = [part for part in given.get(name, "").split(",") if part.strip()]
        if seen and seen[0] not in ("all", "void", "none"):
            return Several(f"{name}={given[name]}", told=False) if len(seen) > 1 else None
    many = grant is not None and (len(grant.ids) > 1 or (grant.count or 0) > 1)
    return Several(grant.words, told=False) if grant and many else None
