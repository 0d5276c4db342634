"""Which GPUs a container was granted, by every way in which Docker hands them out."""

from __future__ import annotations

from typing import Any

import pytest
from stackops.console.model import ComposeService, Container, DeviceRequest, EnvVar, Gpu
from stackops.console.products.gpu_grants import Grant, grant_of, grant_of_service, granted

CARDS = tuple(Gpu(f"GPU-{n}{n}{n}{n}-aaaa", n) for n in range(3))
GPU = ("gpu",)


def named(*ids: str) -> DeviceRequest:
    return DeviceRequest("nvidia", None, ids, GPU)


def box(*requests: DeviceRequest, **more: Any) -> Container:
    return Container("a" * 64, "box", "x", "running", device_requests=requests, **more)


def visible(value: str, runtime: str | None = "nvidia") -> Container:
    return box(runtime=runtime, env=(EnvVar("NVIDIA_VISIBLE_DEVICES", value),))


@pytest.mark.parametrize(
    ("made", "grant", "cards"),
    [
        (box(DeviceRequest("", -1, (), GPU)), Grant("request", "count: all"), {0, 1, 2}),
        (box(DeviceRequest("nvidia", None, (), GPU)), Grant("request", "count: all"), {0, 1, 2}),
        (box(DeviceRequest("nvidia", 1, (), GPU)), Grant("request", "count: 1", count=1), {0}),
        (box(DeviceRequest("nvidia", 2, (), GPU)), Grant("request", "count: 2", count=2), {0, 1}),
        (box(DeviceRequest("nvidia", 9, (), GPU)), Grant("request", "count: 9", count=9), None),
        (box(DeviceRequest("nvidia", None, ("2",), GPU)), Grant("request", 'device_ids: ["2"]', ("2",)), {2}),
        (
            box(DeviceRequest("nvidia", None, ("GPU-1111-aaaa", "0"), GPU)),
            Grant("request", 'device_ids: ["GPU-1111-aaaa", "0"]', ("GPU-1111-aaaa", "0")), {0, 1},
        ),
        (box(named("GPU-22")), Grant("request", 'device_ids: ["GPU-22"]', ("GPU-22",)), {2}),
        (box(named("GPU-")), Grant("request", 'device_ids: ["GPU-"]', ("GPU-",)), None),
        (box(named("MIG-1")), Grant("request", 'device_ids: ["MIG-1"]', ("MIG-1",)), None),
        (
            box(DeviceRequest("nvidia", 1, (), GPU), DeviceRequest("nvidia", None, ("2",), GPU)),
            Grant("request", 'count: 1 and device_ids: ["2"]', ("0", "2")), {0, 2},
        ),
        (box(DeviceRequest("cdi", None, ("nvidia.com/gpu=all",))), Grant("cdi", 'device_ids: ["nvidia.com/gpu=all"]'),
         {0, 1, 2}),
        (box(DeviceRequest("cdi", None, ("nvidia.com/gpu=1",))),
         Grant("cdi", 'device_ids: ["nvidia.com/gpu=1"]', ("1",)), {1}),
        (visible("all"), Grant("runtime", "NVIDIA_VISIBLE_DEVICES=all"), {0, 1, 2}),
        (visible("0,2"), Grant("runtime", "NVIDIA_VISIBLE_DEVICES=0,2", ("0", "2")), {0, 2}),
        (box(devices=("/dev/nvidia1", "/dev/nvidiactl", "/dev/fuse")), Grant("devices", "/dev/nvidia1", ("1",)), {1}),
    ],
)  # fmt: skip
def test_a_grant_is_told_with_the_cards_it_means(made: Container, grant: Grant, cards: set[int] | None) -> None:
    assert grant_of(made) == grant
    wanted = None if cards is None else {CARDS[number].uuid for number in cards}
    assert granted(grant, CARDS) == wanted


@pytest.mark.parametrize(
    "made",
    [
        box(),
        box(DeviceRequest("cdi", None, ("amd.com/gpu=all",))),
        box(DeviceRequest("amd", -1, (), GPU)),
        box(DeviceRequest("", -1, (), ("tpu",))),
        visible("all", runtime="runc"),
        visible("all", runtime=None),
        visible("void"),
        visible("none"),
        visible(" "),
        box(devices=("/dev/nvidiactl", "/dev/dri/card0")),
        box(runtime="nvidia"),
    ],
)
def test_what_is_no_grant_of_an_nvidia_gpu_is_none(made: Container) -> None:
    assert grant_of(made) is None


def test_a_declared_service_is_read_in_the_same_way() -> None:
    request = DeviceRequest("nvidia", 1, (), GPU)
    assert grant_of_service(ComposeService("a", device_requests=(request,))) == Grant("request", "count: 1", count=1)
    asked = ComposeService("a", runtime="nvidia", env=(EnvVar("NVIDIA_VISIBLE_DEVICES", "1"),))
    assert grant_of_service(asked) == Grant("runtime", "NVIDIA_VISIBLE_DEVICES=1", ("1",))
    assert grant_of_service(ComposeService("a", env=asked.env)) is None
