"""GPUs, memory and names that compose files ask for, as one file after the other says so, and as Compose sees it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from stackops.console.compose.fields import size_of as size
from stackops.console.compose.reading import read_project
from stackops.console.model import ComposeService, DeviceRequest
from support.compose_cli import needs_compose
from support.memory_files import MemoryFiles

HERE = "/srv/models"
GPU = "deploy: {resources: {reservations: {devices: [{driver: nvidia, %s capabilities: [gpu]}]}}}"


def services(*files: str, sound: bool = True) -> dict[str, ComposeService]:
    names = ["docker-compose.yml", "docker-compose.override.yml"]
    found, faults = read_project(
        MemoryFiles({f"{HERE}/{name}": text for name, text in zip(names, files, strict=False)}), HERE
    )
    assert sound is not bool(faults)
    return {service.name: service for service in found.services}


def only(body: str, *more: str) -> ComposeService:
    return services(*(f"services:\n  a:\n    image: x\n    {text}\n" for text in (body, *more)))["a"]


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("count: 1,", DeviceRequest("nvidia", 1, (), ("gpu",))),
        ("count: all,", DeviceRequest("nvidia", -1, (), ("gpu",))),
        ("", DeviceRequest("nvidia", -1, (), ("gpu",))),
        ("count: '2',", DeviceRequest("nvidia", 2, (), ("gpu",))),
        ("device_ids: ['0', '2'],", DeviceRequest("nvidia", None, ("0", "2"), ("gpu",))),
    ],
)
def test_a_reservation_is_what_the_engine_will_be_asked_for(words: str, request_: DeviceRequest) -> None:
    assert only(GPU % words).device_requests == (request_,)


def test_a_later_file_adds_its_devices_and_an_override_tag_replaces_them() -> None:
    second = (
        "deploy: {resources: {reservations: {devices: %s[{driver: nvidia, device_ids: ['1'], capabilities: [gpu]}]}}}"
    )
    one = DeviceRequest("nvidia", None, ("1",), ("gpu",))

    assert only(GPU % "count: 1,", second % "").device_requests == (DeviceRequest("nvidia", 1, (), ("gpu",)), one)
    assert only(GPU % "count: 1,", second % "!override ").device_requests == (one,)
    reset = "deploy: {resources: {reservations: {devices: !reset []}}}"
    assert only(GPU % "count: 1,", reset).device_requests == ()
    assert only(GPU % "count: 1,", "deploy: !reset {}").device_requests == ()
    assert only(GPU % "count: 1,", "restart: always").device_requests[0].count == 1


def test_the_shorter_ways_of_asking_are_read_too() -> None:
    assert only("gpus: all").device_requests == (DeviceRequest(count=-1, capabilities=("gpu",)),)
    assert only("gpus: [{driver: nvidia, count: 2}]").device_requests == (DeviceRequest("nvidia", 2, (), ("gpu",)),)
    assert only("devices: [nvidia.com/gpu=all, /dev/fuse]").device_requests == (
        DeviceRequest("cdi", None, ("nvidia.com/gpu=all",), ()),
    )
    assert only("runtime: nvidia").runtime == "nvidia"


def test_memory_limits_are_bytes() -> None:
    assert only("mem_limit: 2g").memory_limit == 2 << 30
    twice = "services:\n  a: {image: x, mem_limit: 1g, deploy: {resources: {limits: {memory: 512M}}}}\n"
    assert services(twice, sound=False)["a"].memory_limit == 512 << 20
    assert only("restart: always").memory_limit is None
    assert [size(one) for one in ("1.5gb", "100", 4096, "0", "many", None, True, "2 GiB")] == [
        1610612736, 100, 4096, None, None, None, None, 2 << 30,
    ]  # fmt: skip


def test_names_for_addresses_come_from_lists_and_mappings() -> None:
    assert only("extra_hosts: ['host.docker.internal:host-gateway', 'b=::1']").extra_hosts == (
        "host.docker.internal:host-gateway",
        "b:::1",
    )
    assert only("extra_hosts: {a: 10.0.0.1}", "extra_hosts: {b: 10.0.0.2}").extra_hosts == ("a:10.0.0.1", "b:10.0.0.2")


@pytest.mark.parametrize(
    "odd",
    [
        "deploy: [a]",
        "deploy: {resources: {reservations: {devices: text}}}",
        "deploy: {resources: {reservations: {devices: [text, null, {device_ids: 3}]}}}",
        "gpus: 3",
        "devices: {a: b}",
        "extra_hosts: text",
        "mem_limit: [1]",
    ],
)
def test_what_makes_no_sense_is_refused_and_left_out(odd: str) -> None:
    found = services(f"services:\n  a:\n    image: x\n    {odd}\n", sound=False)["a"]
    assert all(one.count == -1 for one in found.device_requests)
    assert (found.memory_limit, found.extra_hosts) == (None, ())


@needs_compose
def test_compose_itself_merges_the_devices_in_the_same_way(tmp_path: Path) -> None:
    base = f"services:\n  a:\n    image: x\n    {GPU % 'count: 1,'}\n  b:\n    image: x\n    {GPU % ''}\n"
    second = (
        "services:\n  a:\n    deploy:\n      resources:\n        reservations:\n          devices: !override\n"
        '            - {driver: nvidia, device_ids: ["1"], capabilities: [gpu]}\n'
        f"  b:\n    {GPU % 'count: 2,'}\n"
    )
    (tmp_path / "docker-compose.yml").write_text(base)
    (tmp_path / "docker-compose.override.yml").write_text(second)
    argv = ["docker", "compose", "config", "--format", "json"]
    told = json.loads(subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True).stdout)["services"]
    for name, service in services(base, second).items():
        devices = told[name]["deploy"]["resources"]["reservations"]["devices"]
        seen = [(d.get("count"), tuple(d.get("device_ids", ()))) for d in devices]
        assert [(one.count, one.ids) for one in service.device_requests] == seen


def test_what_stands_beside_deploy_is_told_apart():
    assert not only(
        "deploy: {resources: {reservations: {devices: [{driver: nvidia, capabilities: [gpu]}]}}}"
    ).requests_apart
    assert only("gpus: all").requests_apart
    assert only("devices: [nvidia.com/gpu=all]").requests_apart
    assert not only("devices: [/dev/dri]").requests_apart
