"""The local host against the Engine of this machine, with one busybox container of its own."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.hosts import ComposeProject, NotFound
from stackops.console.hosts.local import LocalHost, open_local
from stackops.console.settings import Settings
from support.busybox import OURS, busybox

SOCKET = Path("/var/run/docker.sock")
IMAGE = f"{OURS}/hosts"
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        not (SOCKET.exists() and stat.S_ISSOCK(SOCKET.stat().st_mode) and os.access(SOCKET, os.W_OK)),
        reason="no Docker Engine can be used at /var/run/docker.sock",
    ),
]


def docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def host() -> LocalHost:
    return open_local(Settings(host=str(SOCKET)))


@pytest.fixture(scope="module", autouse=True)
def image() -> Iterator[None]:
    with busybox("hosts"):
        yield


def up(*options: str, command: tuple[str, ...]) -> str:
    return docker(
        "run",
        "-d",
        "--label",
        "stackops.test=1",
        "--name",
        f"so-host-{uuid.uuid4().hex[:8]}",
        *options,
        IMAGE,
        *command,
    )


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    script = "echo out; echo err >&2; while true; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.1; done"
    ident = up("--memory", "64m", command=("sh", "-c", script))
    yield ident
    docker("rm", "-f", ident)


async def inspect(host: LocalHost, ident: str) -> dict[str, dict[str, int]]:
    return json.loads(await host.engine.inspect(ident))


async def test_a_container_is_listed_inspected_and_its_log_read(host: LocalHost, web: str) -> None:
    assert host.engine.local
    assert web in {row["Id"] for row in json.loads(await host.engine.containers())}
    assert (await inspect(host, web))["State"]["Pid"] > 0
    lines = (await host.engine.logs(web)).splitlines()
    assert {line.split(b" ", 1)[1] for line in lines} == {b"out", b"err"}
    assert json.loads(await host.engine.top(web))["Processes"]
    with pytest.raises(NotFound, match="No such container"):
        await host.engine.inspect("0" * 64)


async def test_a_terminals_log_is_read_raw(host: LocalHost) -> None:
    ident = up("-t", "--network", "none", command=("echo", "hello"))
    try:
        docker("wait", ident)
        assert (await host.engine.logs(ident)).endswith(b" hello\n")
    finally:
        docker("rm", "-f", ident)


async def test_the_kernel_and_the_engine_tell_the_same_figures(host: LocalHost, web: str) -> None:
    assert host.kernel
    pid = (await inspect(host, web))["State"]["Pid"]
    before = host.kernel.sample({web: pid})[web]
    said = json.loads(await host.engine.stats(web))
    after = host.kernel.sample({web: pid})[web]
    assert before.cpu_ns is not None
    assert after.cpu_ns is not None
    assert before.cpu_ns <= said["cpu_stats"]["cpu_usage"]["total_usage"] <= after.cpu_ns
    usage, detail = said["memory_stats"]["usage"], said["memory_stats"]["stats"]
    used = usage - detail.get("total_inactive_file", detail.get("inactive_file", 0))
    assert after.memory == pytest.approx(used, abs=2 << 20)
    assert after.memory_limit == 64 << 20
    received = said["networks"]["eth0"]["rx_bytes"]
    assert before.rx_bytes is not None
    assert after.rx_bytes is not None
    assert before.rx_bytes <= received <= after.rx_bytes
    assert after.pids == pytest.approx(said["pids_stats"]["current"], abs=1)


async def test_the_hosts_network_is_told_from_a_containers_own(host: LocalHost, web: str) -> None:
    assert host.kernel
    ident = up("--network", "host", command=("sleep", "60"))
    try:
        pids = {ident: (await inspect(host, ident))["State"]["Pid"], web: (await inspect(host, web))["State"]["Pid"]}
        found = host.kernel.sample(pids)
        assert found[ident].rx_bytes is None
        assert found[web].rx_bytes is not None
        assert {row.container for row in host.kernel.processes() if row.pid in pids.values()} == {ident, web}
    finally:
        docker("rm", "-f", ident)


async def test_acts_happen_and_are_seen_as_events_and_the_counters_start_anew(host: LocalHost) -> None:
    assert host.kernel
    ident = up("--network", "none", command=("sleep", "600"))
    pid = (await inspect(host, ident))["State"]["Pid"]
    assert ident in host.kernel.sample({ident: pid})
    seen: list[str] = []

    async def listen() -> None:
        async for line in host.engine.events():
            event = json.loads(line)
            if event["Actor"]["ID"] == ident:
                seen.append(event["Action"])

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.2)
    try:
        await asyncio.to_thread(host.control.restart, ident, stop_timeout=0)
        assert ident not in host.kernel.sample({ident: pid})
        pid = (await inspect(host, ident))["State"]["Pid"]
        assert ident in host.kernel.sample({ident: pid})
        await asyncio.to_thread(host.control.stop, ident, stop_timeout=0)
        assert ident not in host.kernel.sample({ident: pid})
        await asyncio.to_thread(host.control.start, ident)
        await asyncio.to_thread(host.control.stop, ident, stop_timeout=0)
        await asyncio.to_thread(host.control.remove, ident)
        await asyncio.sleep(0.2)
    finally:
        task.cancel()
        await asyncio.to_thread(subprocess.run, ["docker", "rm", "-f", ident], check=False, capture_output=True)
    assert {"die", "start", "restart", "stop", "destroy"} <= set(seen)
    assert not task.done() or task.cancelled()


async def test_a_replaced_mount_source_is_seen_until_the_restart(host: LocalHost, tmp_path: Path) -> None:
    assert host.kernel
    place = tmp_path / "librechat.yaml"
    place.write_bytes(b"old")
    ident = up("--network", "none", "-v", f"{place}:/app/librechat.yaml", command=("sleep", "600"))
    try:
        pid = (await inspect(host, ident))["State"]["Pid"]
        assert host.kernel.replaced_mounts(pid) == frozenset()
        digest = host.files.stat(str(place), digest=True).sha256
        host.files.replace(str(place), b"new", expect=digest)
        assert host.kernel.replaced_mounts(pid) == {"/app/librechat.yaml"}
        await asyncio.to_thread(host.control.restart, ident, stop_timeout=0)
        assert host.kernel.replaced_mounts((await inspect(host, ident))["State"]["Pid"]) == frozenset()
    finally:
        docker("rm", "-f", ident)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_the_counters_need_no_rights(host: LocalHost, web: str) -> None:
    pid = (await inspect(host, web))["State"]["Pid"]
    assert await asyncio.to_thread(_sampled_by_nobody, web, pid)


def _sampled_by_nobody(ident: str, pid: int) -> bool:
    """Whether an unprivileged user sees CPU, memory and network; in a child, since there is no way back."""
    from stackops.console.hosts.local.kernel import LocalKernel

    kernel = LocalKernel()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            found = kernel.sample({ident: pid, "0" * 64: 1})
            one = found[ident]
            complete = (
                one.cpu_ns and one.memory and one.rx_bytes is not None and kernel.replaced_mounts(pid) == frozenset()
            )
            status = 0 if complete and len(found) == 1 else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


async def test_compose_brings_a_service_up(host: LocalHost, tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(
        f"services:\n  s:\n    image: {IMAGE}\n    command: sleep 600\n    network_mode: none\n"
        "    stop_grace_period: 0s\n"
        "    labels: {stackops.test: '1'}\n"
    )
    project = f"so-host-{uuid.uuid4().hex[:8]}"
    compose, made = host.control.compose, ComposeProject(project, str(tmp_path), [str(file)])
    try:
        said = await asyncio.to_thread(compose, made, ["up", "-d", "--no-deps", "--", "s"])
        assert said.exit_code == 0, said.output
        assert docker("ps", "-q", "--filter", f"label=com.docker.compose.project={project}")
        bad = await asyncio.to_thread(compose, made, ["up", "-d", "--", "nope"])
        assert bad.exit_code != 0
        assert "no such service" in bad.output
    finally:
        await asyncio.to_thread(compose, made, ["rm", "-fs"])
