"""The Engine's replies as parts of the Snapshot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stackops.console.collect import containers
from stackops.console.collect.board import uptime
from stackops.console.hosts import EngineFailed
from stackops.console.hosts.engine_api import moment
from stackops.console.model import DeviceRequest, EnvVar, Health, Port

DATA = Path(__file__).parents[1] / "data" / "engine"
VERSIONS = ("1.41", "1.44", "1.52")


def recorded(kind: str, version: str) -> bytes:
    return (DATA / f"{kind}-{version}.json").read_bytes()


def inspected(**changes: Any) -> dict[str, Any]:
    reply = json.loads(recorded("inspect", "1.41"))
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = reply
        for parent in parents:
            place = place[parent]
        place[last] = value
    return reply


def read(**changes: Any) -> Any:
    return containers.container(json.dumps(inspected(**changes)).encode())


@pytest.mark.parametrize("version", VERSIONS)
def test_an_inspected_container_says_the_same_in_every_api_version(version: str) -> None:
    box = containers.container(recorded("inspect", version))

    assert (box.name, box.image, box.state, box.pid) == ("chat-mongodb", "mongo:5.0.18", "running", 14224)
    assert (box.project, box.service) == ("librechat", "mongodb")
    assert box.exit_code is None
    assert box.finished_at is None
    assert box.started_at == pytest.approx(1795263440.570313)
    assert (box.memory_limit, box.cpu_limit, box.restart_policy, box.log_driver) == (
        1 << 28,
        1.5,
        "always",
        "json-file",
    )
    assert box.env == (EnvVar("MONGO_VERSION", "5.0.18"),)
    assert (box.entrypoint, box.command) == (("/busybox",), ("sleep", "600"))
    assert box.ports == (Port(27017, "tcp", "127.0.0.1", 27018),)
    assert box.detailed


@pytest.mark.parametrize(
    ("config", "limit"),
    [({}, None), (None, None), ({"max-size": "50m"}, "50m"), ({"max-size": "-1"}, None), ({"max-size": ""}, None),
     ({"max-size": 5}, None), ({"max-file": "3"}, None)],
)  # fmt: skip
def test_the_log_s_file_and_bound_are_told(config: Any, limit: str | None) -> None:
    box = read(HostConfig__LogConfig={"Type": "json-file", "Config": config}, LogPath="/var/lib/docker/x-json.log")
    assert (box.log_driver, box.log_path, box.log_limit) == ("json-file", "/var/lib/docker/x-json.log", limit)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_health_log_is_kept_with_its_times_and_exit_codes(version: str) -> None:
    health = containers.container(recorded("inspect", version)).health

    assert health is not None
    assert (health.status, health.failing_streak, len(health.log)) == ("unhealthy", 54, 2)
    assert health.log[0].exit_code == -1
    assert health.log[0].at == pytest.approx(1795263492.848765)
    assert "no such file or directory" in health.log[0].output


@pytest.mark.parametrize("version", VERSIONS)
def test_mounts_tell_binds_from_volumes(version: str) -> None:
    bind, volume = sorted(containers.container(recorded("inspect", version)).mounts, key=lambda m: m.kind)

    assert (bind.kind, bind.source, bind.target, bind.read_only) == (
        "bind", "/srv/librechat/mongod.conf", "/etc/mongod.conf", True,
    )  # fmt: skip
    assert bind.volume is None
    assert (volume.kind, volume.volume, volume.read_only) == ("volume", "librechat_data", False)
    assert volume.source == "/var/lib/docker/volumes/librechat_data/_data"


@pytest.mark.parametrize(("version", "aliases"), [("1.41", ()), ("1.44", ("mongodb", "chat-mongodb", "6a7372be8b9b"))])
def test_names_in_a_network_come_from_aliases_and_dns_names(version: str, aliases: tuple[str, ...]) -> None:
    (link,) = containers.container(recorded("inspect", version)).networks

    assert (link.network, link.address, link.prefix) == ("bridge", "172.17.0.3", 16)
    assert link.aliases == aliases


@pytest.mark.parametrize("version", VERSIONS)
def test_the_list_gives_containers_without_detail(version: str) -> None:
    (mongo, status), (dead, dead_status) = containers.containers(recorded("list", version))

    assert not mongo.detailed
    assert (mongo.name, mongo.state, mongo.health) == ("chat-mongodb", "running", Health("unhealthy"))
    assert mongo.ports == (Port(27017, "tcp", "127.0.0.1", 27018),)
    assert mongo.pid is None
    assert uptime(status) == 4
    assert (dead.name, dead.state, dead.exit_code) == ("old-mongo", "exited", 137)
    assert uptime(dead_status) is None


@pytest.mark.parametrize(
    ("version", "engine", "cgroup", "rootless", "mirrors"),
    [
        ("1.41", "20.10.24+dfsg1", "1", False, ("https://mirror.example/",)),
        ("1.44", "25.0.3", "2", True, ("https://mirror.example/",)),
        ("1.52", "29.0.1", "2", False, ()),
    ],
)
def test_the_engine_tells_what_it_is(
    version: str, engine: str, cgroup: str, rootless: bool, mirrors: tuple[str, ...]
) -> None:
    told, machine = containers.engine(
        recorded("version", version), recorded("info", version), address="unix:///s", local=True
    )

    assert (told.version, told.api_version, told.cgroup_version) == (engine, version, cgroup)
    assert (told.rootless, told.registry_mirrors, told.root_dir) == (rootless, mirrors, "/var/lib/docker")
    assert (machine.name, machine.arch, machine.cpus) == ("gpubox", "x86_64", 2)


def test_docker_desktop_is_known_by_its_operating_system() -> None:
    told, _ = containers.engine(recorded("version", "1.44"), recorded("info", "1.44"), address="unix:///s", local=True)
    assert told.os == "Docker Desktop"


def test_one_of_the_two_replies_about_the_engine_is_enough() -> None:
    told, machine = containers.engine(recorded("version", "1.41"), None, address="unix:///s", local=True)

    assert told.version == "20.10.24+dfsg1"
    assert told.root_dir is None
    assert machine.cpus is None


@pytest.mark.parametrize(("version", "digest"), [("1.41", "2" * 64), ("1.52", None)])
def test_the_digest_is_that_of_the_repository_the_container_names(version: str, digest: str | None) -> None:
    told = containers.image_digest(recorded("image", version), "mongo:5.0.18")
    assert told == (None if digest is None else f"sha256:{digest}")


def test_a_registry_with_a_port_is_no_tag() -> None:
    told = containers.image_digest(recorded("image", "1.41"), "registry.example:5000/team/mongo")
    assert told == "sha256:" + "1" * 64


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += _paths(inner, (*path, key))
    return found


@pytest.mark.parametrize("kind", ["inspect", "list", "info", "version", "image"])
@pytest.mark.parametrize("how", ["null", "absent"])
def test_every_field_may_be_null_or_absent(kind: str, how: str) -> None:
    whole = json.loads(recorded(kind, "1.44"))
    readers: dict[str, Any] = {
        "inspect": containers.container,
        "list": containers.containers,
        "info": lambda raw: containers.engine(None, raw, address="a", local=True),
        "version": lambda raw: containers.engine(raw, None, address="a", local=True),
        "image": lambda raw: containers.image_digest(raw, "mongo"),
    }
    identity = {("Id",), (0, "Id"), (1, "Id")}
    for path in _paths(whole):
        copy = json.loads(json.dumps(whole))
        place = copy
        for key in path[:-1]:
            place = place[key]
        if how == "null":
            place[path[-1]] = None
        else:
            del place[path[-1]]
        if path in identity and kind == "inspect":
            with pytest.raises(EngineFailed):
                readers[kind](json.dumps(copy).encode())
        else:
            readers[kind](json.dumps(copy).encode())


def test_what_is_absent_is_none_and_never_zero() -> None:
    box = containers.container(json.dumps({"Id": "a" * 64, "Name": "/web"}).encode())

    assert (box.name, box.state) == ("web", "unknown")
    assert (box.pid, box.exit_code, box.restart_count, box.memory_limit, box.cpu_limit, box.health) == (None,) * 6
    assert (box.created_at, box.started_at, box.restart_policy, box.oom_killed) == (None,) * 4


@pytest.mark.parametrize(
    ("status", "code", "error", "shown"),
    [
        ("running", 0, "", None),
        ("paused", 0, "", None),
        ("exited", 0, "", 0),
        ("exited", 137, "", 137),
        ("restarting", 62, "", 62),
        ("created", 0, "", None),
        ("created", 127, "not a directory", 127),
        ("dead", 1, "", 1),
    ],
)
def test_an_exit_code_is_shown_only_after_an_end(status: str, code: int, error: str, shown: int | None) -> None:
    box = read(State__Status=status, State__ExitCode=code, State__Error=error)
    assert (box.exit_code, box.error) == (shown, error or None)


def test_a_container_in_back_off_has_no_process() -> None:
    box = read(State__Status="restarting", State__Pid=0)
    assert (box.state, box.pid) == ("restarting", None)


def test_a_stopped_container_shows_the_ports_it_would_publish() -> None:
    box = read(State__Status="exited", NetworkSettings__Ports={})
    assert box.ports == (Port(27017, "tcp", "127.0.0.1", 27018),)


def test_exposed_ports_that_are_not_published_have_no_host_side() -> None:
    box = read(NetworkSettings__Ports={"27017/tcp": None, "53/udp": None, "odd": None})
    assert box.ports == (Port(53, "udp"), Port(27017, "tcp"))


@pytest.mark.parametrize(
    ("quota", "period", "cores"), [(50_000, 100_000, 0.5), (200_000, 0, 2.0), (0, 100_000, None), (-1, 0, None)]
)
def test_a_processor_limit_may_be_given_as_quota(quota: int, period: int, cores: float | None) -> None:
    box = read(HostConfig__NanoCpus=0, HostConfig__CpuQuota=quota, HostConfig__CpuPeriod=period)
    assert box.cpu_limit == cores


@pytest.mark.parametrize(
    ("name", "times", "shown"),
    [("on-failure", 3, "on-failure:3"), ("", 0, "no"), ("unless-stopped", 0, "unless-stopped")],
)
def test_the_restart_policy_reads_as_compose_writes_it(name: str, times: int, shown: str) -> None:
    assert read(HostConfig__RestartPolicy={"Name": name, "MaximumRetryCount": times}).restart_policy == shown


HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m[/etc/x]\u202e名前\x00"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def test_no_control_character_of_foreign_text_gets_in() -> None:
    run = {"Start": None, "End": None, "ExitCode": 1, "Output": HOSTILE}
    box = read(
        Name="/" + HOSTILE, Config__Image=HOSTILE, Config__Env=[f"{HOSTILE}={HOSTILE}"], Config__Cmd=[HOSTILE],
        Config__Labels={HOSTILE: HOSTILE, containers.PROJECT: HOSTILE}, Config__User=HOSTILE,
        Config__WorkingDir=HOSTILE, State__Error=HOSTILE, State__Status="exited", HostConfig__NetworkMode=HOSTILE,
        State__Health={"Status": HOSTILE, "Log": [run]},
        NetworkSettings__Networks={HOSTILE: {"Aliases": [HOSTILE]}},
        Mounts=[{"Type": "bind", "Source": HOSTILE, "Destination": HOSTILE}],
    )  # fmt: skip
    texts = _texts(json.loads(msgspec.json.encode(box)))

    assert sum("[/etc/x]" in text for text in texts) >= 12
    assert not [text for text in texts if any(c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160) for c in text)]
    assert not [text for text in texts if "\u202e" in text]


def test_bytes_of_no_encoding_do_not_hide_a_container() -> None:
    raw = recorded("inspect", "1.41").replace(b"MONGO_VERSION", b"MONGO_\xff\xfe_VERSION")
    assert containers.container(raw).env[0].name == "MONGO_\ufffd\ufffd_VERSION"


def test_a_row_of_nonsense_does_not_hide_the_others() -> None:
    rows = json.loads(recorded("list", "1.41"))
    raw = json.dumps([17, {"Id": ["no"]}, *rows, {}]).encode()
    assert [box.name for box, _ in containers.containers(raw)] == ["chat-mongodb", "old-mongo"]


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"message":"no"}', b"[1,2", b"null"])
def test_a_list_that_is_none_is_refused_in_a_sentence(raw: bytes) -> None:
    with pytest.raises(EngineFailed, match="answer for the list of containers is not as documented"):
        containers.containers(raw)


def test_a_name_longer_than_any_screen_is_clipped() -> None:
    assert len(read(Name="/" + "あ" * 5000).name) <= 300


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T00:00:10.500000001Z", 10.5),
        ("1970-01-01T01:00:10+01:00", 10.0),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        ("yesterday", None),
        ("9999-99-99T00:00:00Z", None),
    ],
)
def test_times(text: str | None, seconds: float | None) -> None:
    assert moment(text) == (None if seconds is None else pytest.approx(seconds))


def test_uptimes_only_fall_with_a_new_start() -> None:
    words = [
        "Up Less than a second", "Up 1 second", "Up 59 seconds", "Up About a minute", "Up 2 minutes (healthy)",
        "Up 59 minutes", "Up About an hour", "Up 47 hours", "Up 2 days", "Up 13 days", "Up 2 weeks", "Up 8 weeks",
        "Up 2 months", "Up 23 months", "Up 2 years (Paused)",
    ]  # fmt: skip
    ages = [uptime(word) for word in words]
    assert None not in ages
    assert ages == sorted(age for age in ages if age is not None)


@pytest.mark.parametrize("word", ["Exited (0) 2 hours ago", "Created", "Restarting (1) 3 seconds ago", "", "Up"])
def test_what_is_not_up_has_no_uptime(word: str) -> None:
    assert uptime(word) is None


def test_a_grant_of_gpus_is_kept_as_it_was_requested() -> None:
    box = read(
        HostConfig__DeviceRequests=[
            {"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}},
            {
                "Driver": "nvidia",
                "Count": 0,
                "DeviceIDs": ["0", "GPU-5d0a", None],
                "Capabilities": [["gpu", "video"]],
            },
            {"Driver": "cdi", "Count": 0, "DeviceIDs": ["nvidia.com/gpu=all"], "Capabilities": None},
            None,
        ]
    )

    assert box.device_requests == (
        DeviceRequest("", -1, (), ("gpu",)),
        DeviceRequest("nvidia", None, ("0", "GPU-5d0a"), ("gpu", "video")),
        DeviceRequest("cdi", None, ("nvidia.com/gpu=all",), ()),
    )


def test_devices_runtime_and_extra_hosts_are_kept_and_cleaned() -> None:
    box = read(
        HostConfig__Devices=[{"PathOnHost": "/dev/nvidia0", "PathInContainer": "/dev/nvidia0"}, None, {}],
        HostConfig__Runtime="nvidia",
        HostConfig__ExtraHosts=["host.docker.internal:host-gateway", "\x1b[31mred:10.0.0.1"],
    )

    assert (box.devices, box.runtime) == (("/dev/nvidia0",), "nvidia")
    assert box.extra_hosts[0] == "host.docker.internal:host-gateway"
    assert "\x1b" not in box.extra_hosts[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_container_without_grants_has_none(version: str) -> None:
    box = containers.container(recorded("inspect", version))

    assert (box.device_requests, box.devices, box.extra_hosts) == ((), (), ())


def test_runtimes_and_cdi_are_unknown_where_the_engine_does_not_tell() -> None:
    told, _ = containers.engine(
        None, b'{"Runtimes": {"runc": {"path": "runc"}, "nvidia": null}}', address="", local=True
    )
    silent, _ = containers.engine(b"{}", None, address="", local=True)
    modern, _ = containers.engine(None, b'{"CDISpecDirs": ["/etc/cdi", "/var/run/cdi"]}', address="", local=True)

    assert (told.runtimes, told.cdi_directories) == (("nvidia", "runc"), None)
    assert (silent.runtimes, silent.cdi_directories) == (None, None)
    assert modern.cdi_directories == ("/etc/cdi", "/var/run/cdi")
