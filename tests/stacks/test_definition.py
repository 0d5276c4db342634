"""A container and its compose files are told in the same words; each kind of difference is one line, and masked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from stackops.console.compose import definition as d
from stackops.console.hosts.engine_api import Config, ImageInspected, inspected

NAMES = {"networks": {"default": {"name": "chat_default"}}, "volumes": {"named": {"name": "chat_named"}}}
IMAGE = ImageInspected("sha256:1", config=Config(
    cmd=["run"], entrypoint=["/start"], env=["PATH=/bin", "OWN=1"], user="node", volumes={"/own": {}},
    working_dir="/app",
))  # fmt: skip


def declared(**own: Any) -> dict[str, str]:
    config = {"name": "chat", "services": {"api": {"image": "x:1", **own}}, **NAMES}
    return d.of_compose(d.read_config(msgspec.json.encode(config)), "api", IMAGE, {}, {})


def running(
    host: dict[str, Any] | None = None, mounts: Any = (), networks: Any = None, **config: Any
) -> dict[str, str]:
    """A container of the image, made without a word of its own."""
    made = {"Image": "x:1", "Cmd": ["run"], "Entrypoint": ["/start"], "Env": ["PATH=/bin", "OWN=1"], "User": "node",
            "WorkingDir": "/app", "Labels": {"com.docker.compose.service": "api"}, **config}  # fmt: skip
    one = {
        "Id": "f" * 64, "Name": "/chat-api-1", "Image": "sha256:1", "Config": made, "HostConfig": host or {},
        "Mounts": [{"Type": "volume", "Name": "e" * 64, "Destination": "/own", "RW": True}, *mounts],
        "NetworkSettings": {"Networks": networks or {"chat_default": {"Aliases": ["chat-api-1", "api", "f" * 12]}}},
    }  # fmt: skip
    return d.of_container(inspected(msgspec.json.encode(one)))


def differences(there: dict[str, str], wanted: dict[str, str]) -> set[str]:
    return {change.what for change in d.changes(there, wanted)} - {"mount /own"}


@pytest.mark.parametrize(
    ("own", "there"),
    [
        ({}, {}),
        ({"command": ["a", "$$HOME"]}, {"Cmd": ["a", "$HOME"]}),
        ({"entrypoint": ["/mine"]}, {"Entrypoint": ["/mine"], "Cmd": None}),
        ({"entrypoint": []}, {"Entrypoint": None}),
        ({"environment": {"A": "pa$$word", "OWN": None}}, {"Env": ["A=pa$word", "OWN", "PATH=/bin"]}),
        ({"environment": {"OWN": ""}}, {"Env": ["OWN=", "PATH=/bin"]}),
        ({"user": "1000:1000"}, {"User": "1000:1000"}),
        ({"volumes": [{"type": "bind", "source": "/s", "target": "/t/", "read_only": True}]},
         {"mounts": [{"Type": "bind", "Source": "/s", "Destination": "/t", "RW": False}]}),
        ({"volumes": [{"type": "volume", "source": "named", "target": "/n"}]},
         {"mounts": [{"Type": "volume", "Name": "chat_named", "Source": "/var", "Destination": "/n", "RW": True}]}),
        ({"tmpfs": ["/tmp1:size=1m"]}, {"host": {"Tmpfs": {"/tmp1": "size=1m"}}}),
        ({"ports": [{"target": 80, "published": "8080", "protocol": "tcp"},
                    {"target": 80, "published": "9", "host_ip": "::1"}]},
         {"host": {"PortBindings": {
             "80/tcp": [{"HostIp": "::1", "HostPort": "9"}, {"HostIp": "", "HostPort": "8080"}]}}}),
        ({"networks": {"default": {"aliases": ["other"]}}},
         {"networks": {"chat_default": {"Aliases": ["api", "other", "f" * 12]}}}),
        ({"network_mode": "host"}, {"networks": {"host": {}}}),
        ({"network_mode": "service:db"}, {"host": {"NetworkMode": "container:abc"}}),
        ({"devices": [{"source": "/dev/a", "target": "/dev/b", "permissions": "rwm"}]},
         {"host": {"Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rwm"}]}}),
        ({"devices": ["/dev/a:/dev/b"]},
         {"host": {"Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rwm"}]}}),
        ({"deploy": {"resources": {"reservations": {"devices": [
            {"driver": "nvidia", "count": -1, "capabilities": ["gpu"]}]}}}},
         {"host": {"DeviceRequests": [
             {"Driver": "nvidia", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]]}]}}),
        ({"restart": "on-failure:3", "mem_limit": "1024", "cpus": 1.5},
         {"host": {"RestartPolicy": {"Name": "on-failure"}, "Memory": 1024, "NanoCpus": 1500000000}}),
        ({"restart": "no", "deploy": {"restart_policy": {"condition": "any"}, "resources": {"limits": {
            "memory": "1024", "cpus": 0.5}}}},
         {"host": {"RestartPolicy": {"Name": "always"}, "Memory": 1024, "NanoCpus": 500000000}}),
        ({"extra_hosts": ["a=host-gateway"]}, {"host": {"ExtraHosts": ["a:host-gateway"]}}),
    ],
)  # fmt: skip
def test_what_compose_writes_and_what_the_engine_tells_are_the_same(own: Any, there: Any) -> None:
    assert differences(running(**there), declared(**own)) == set()
    if own:
        assert differences(running(), declared(**own)), "each of them is seen"


def test_anonymous_volumes_are_handed_on() -> None:
    there = running(mounts=[{"Type": "volume", "Name": "a" * 64, "Destination": "/free", "RW": True}])
    config = {"name": "chat", "services": {"api": {"image": "x:1", "volumes": [{"type": "volume", "target": "/free"}]}}}
    made = d.of_compose({**config, **NAMES}, "api", IMAGE, {}, there)
    assert d.changes(there, made) == ()


def test_an_image_that_is_built_here_is_called_after_its_service() -> None:
    assert d.image_of({"name": "chat", "services": {"api": {"build": {}}}}, "api") == "chat-api"


@pytest.mark.parametrize(
    ("what", "was", "now", "said"),
    [
        ("variable PORT", "=1", "=2", "variable PORT: 1 → 2"),
        ("variable PORT", "=1", None, "variable PORT: 1 → none"),
        ("variable PORT", "=", "=1", "variable PORT: empty → 1"),
        ("mount /data", "bind /a rw", None, "mount /data: bind /a rw → none"),
    ],
)
def test_a_difference_is_told(what: str, was: str, now: str | None, said: str) -> None:
    assert d.told(d.Change(what, was, now)) == said


@pytest.mark.parametrize(
    ("what", "was"),
    [
        ("variable MONGO_URI", "=mongodb://root:Zq8Rt4Lm2Px@m/chat"), ("variable JWT_SECRET", "=Zq8Rt4Lm2Px"),
        ("command", '["redis-server","--requirepass","Zq8Rt4Lm2Px"]'),
    ],
)  # fmt: skip
def test_no_secret_is_told(what: str, was: str) -> None:
    said = d.told(d.Change(what, was, None))
    assert said.startswith(what)
    assert "Zq8Rt4Lm2Px" not in said
