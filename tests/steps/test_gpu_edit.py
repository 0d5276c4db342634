"""PinGpus: the GPUs of one service are named, nothing else changes, doubt is refused, and Compose agrees."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from stackops.console.compose.yaml import load
from stackops.console.compose.yaml_document import untagged
from stackops.console.fix.acts.compose_edits import HEADER, PinGpus
from stackops.console.fix.acts.editing import apply_all, words
from stackops.console.fix.steps import StepFailed
from support.compose_cli import needs_compose

PATH = "/srv/models/docker-compose.override.yml"
EDIT = PinGpus("m3e", ("1",))
DEVICES = """\
          devices: !override
            - driver: nvidia
              device_ids: ["1"]
              capabilities: [gpu]
"""
DEPLOY = f"    deploy:\n      resources:\n        reservations:\n{DEVICES}"
FLOW = '!override [{driver: nvidia, device_ids: ["1"], capabilities: [gpu]}]'

WRITTEN = {
    "no file": (None, f"{HEADER}\nservices:\n  m3e:\n{DEPLOY}"),
    "an empty file": ("", f"services:\n  m3e:\n{DEPLOY}"),
    "services without any": ("services:\n", f"services:\n  m3e:\n{DEPLOY}"),
    "another service": (
        "services:\n  vllm:\n    image: x # y\n", f"services:\n  vllm:\n    image: x # y\n  m3e:\n{DEPLOY}",
    ),
    "a service without keys": ("services:\n  m3e:\n", f"services:\n  m3e:\n{DEPLOY}"),
    "a service with others": (
        "services:\n  m3e:\n    restart: always\n", f"services:\n  m3e:\n    restart: always\n{DEPLOY}",
    ),
    "limits beside it": (
        "services:\n  m3e:\n    deploy:\n      resources:\n        limits:\n          memory: 2g # little\n",
        ("services:\n  m3e:\n    deploy:\n      resources:\n        limits:\n          memory: 2g # little\n"
        f"        reservations:\n{DEVICES}"),
    ),
    "a list of devices": (
        ("services:\n  m3e:\n    deploy:\n      resources:\n        reservations:\n          devices:\n"
        "            - driver: nvidia\n              count: 1\n              capabilities: [gpu]\n"
         "  b:\n    image: x\n"),
        ("services:\n  m3e:\n    deploy:\n      resources:\n        reservations:\n          devices:\n"
        f"            {FLOW}\n  b:\n    image: x\n"),
    ),
    "devices that override already": (
        f"services:\n  m3e:\n{DEPLOY.replace('1', '0')}",
        ("services:\n  m3e:\n    deploy:\n      resources:\n        reservations:\n"
        f"          devices: {FLOW}\n"),
    ),
    "devices without any": (
        "services:\n  m3e:\n    deploy:\n      resources:\n        reservations:\n          devices:\n",
        f"services:\n  m3e:\n    deploy:\n      resources:\n        reservations:\n          devices: {FLOW}\n",
    ),
    "braces": (
        "services: {m3e: {image: x}}\n",
        f"services: {{m3e: {{image: x, deploy: {{resources: {{reservations: {{devices: {FLOW}}}}}}}}}}}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_the_devices_are_written_where_they_belong_and_a_second_run_changes_nothing(name: str) -> None:
    old, wanted = WRITTEN[name]
    new = apply_all(None if old is None else old.encode(), [EDIT], PATH)
    assert new.decode() == wanted
    assert apply_all(new, [EDIT], PATH) == new
    devices = load(new).data["services"]["m3e"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices.tag == "!override"
    assert untagged(devices) == [{"driver": "nvidia", "device_ids": ["1"], "capabilities": ["gpu"]}]


REFUSED = {
    "a deploy that others share": "x: &d {replicas: 1}\nservices:\n  m3e:\n    deploy: *d\n",
    "an anchor that is used elsewhere": "services:\n  m3e:\n    deploy: &d {replicas: 1}\n  b:\n    deploy: *d\n",
    "devices with an anchor": (
        "services:\n  m3e:\n    deploy: {resources: {reservations: {devices: &d [{driver: nvidia}]}}}\n"
    ),
    "a comment inside the devices": (
        "services:\n  m3e:\n    deploy:\n      resources:\n        reservations:\n          devices:\n"
        "            - driver: nvidia\n              # the first\n              count: 1\n"
    ),
    "a deploy that is a text": "services:\n  m3e:\n    deploy: much\n",
    "no mapping": "- a\n",
    "broken": "services: [\n",
    "a service that is thrown away": "services:\n  m3e: !reset null\n",
    "a file that is closed": "a: 1\n...\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_proven_is_refused_with_the_text_to_add(name: str) -> None:
    with pytest.raises(StepFailed, match="nothing was changed") as caught:
        apply_all(REFUSED[name].encode(), [EDIT], PATH)
    assert EDIT.by_hand() in (caught.value.remedy or "")


def test_uuids_and_odd_names_are_quoted() -> None:
    edit = PinGpus("文 x: [y]", ("GPU-5d0a", "2"), ("gpu", "utility"))
    new = apply_all(b"", [edit], PATH)
    devices = load(new).data["services"]["文 x: [y]"]["deploy"]["resources"]["reservations"]["devices"]
    assert untagged(devices)[0]["device_ids"] == ["GPU-5d0a", "2"]
    assert words([edit]) == "reserve GPU GPU-5d0a, 2 alone for 文 x: [y]"


@needs_compose
def test_compose_gives_the_service_these_devices_and_no_others(tmp_path: Path) -> None:
    base = "services:\n  m3e:\n    image: x\n    deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}}\n"  # noqa: E501
    (tmp_path / "docker-compose.yml").write_text(base)
    (tmp_path / "docker-compose.override.yml").write_bytes(apply_all(None, [EDIT], PATH))
    argv = ["docker", "compose", "config", "--format", "json"]
    told = json.loads(subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True).stdout)
    assert told["services"]["m3e"]["deploy"]["resources"]["reservations"]["devices"] == [
        {"capabilities": ["gpu"], "driver": "nvidia", "device_ids": ["1"]}
    ]
