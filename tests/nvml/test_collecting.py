"""The driver's state in Snapshots: what is a fault and what is none, its age, and that it never holds anything up."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.console.collect.collector import Cadence, Collector, collect
from stackops.console.collect.sources.gpus import complaint
from stackops.console.hosts.local import open_local
from stackops.console.hosts.local.gpus.local import Nvidia, Patience
from stackops.console.hosts.protocols import SystemClock
from stackops.console.model import Container, DeviceRequest, Gpu, GpuDriver
from stackops.console.settings import Settings
from support.fake_engine import container
from support.memory_host import host_with, until
from support.nvml import GIB, card, holds, plug, uuid

QUICK = Patience(usual=0.1, first=20.0, give_up=0.4, retries=(0.05, 0.1), lost=(0.1,), shared=0.0)
CADENCE = Cadence(gpus=0.02, processes=0.2, disks=1, mounts=1, publish_gap=0.001, second_sample=0.02)
MISMATCH = GpuDriver("mismatch", cards=1, sentence="Upgraded.", remedy="Reboot.")


@pytest.fixture
def host(stub, root):
    """A machine in memory whose GPUs are read through the real child."""
    plug(root)
    gpus = Nvidia(str(root), clock=SystemClock(), environ=os.environ | stub.environment, patience=QUICK)
    yield host_with(container("ollama", pid=49), gpus=gpus)
    assert gpus._child is None, "the collector has left its child behind"


@asynccontextmanager
async def watching(host):
    published = []
    collector = Collector(host, Settings(period=0.02), published.append, cadence=CADENCE)
    task = asyncio.create_task(collector.run())
    try:
        yield published
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await until(lambda: host.gpus._child is None)


def gpu_faults(snapshot):
    return [fault for fault in snapshot.faults if fault.source == "gpus"]


async def test_a_driver_that_stalls_holds_up_no_figures_and_recovers_by_itself(stub, host):
    stub.write(cards=[card(0, memory_used=GIB)], processes=[holds(0, 5, GIB)])
    async with watching(host) as published:
        await until(lambda: published and published[-1].gpus)
        stub.write(stalls=[("*", "nvmlDeviceGetPowerUsage", 30)])
        await until(lambda: published[-1].gpu_driver.state == "stalled", 10)
        first = len(published)
        figures = {s.system.at for s in published if s.system}
        await until(lambda: len({s.system.at for s in published if s.system} - figures) >= 25, 20)
        during = published[first:]
        assert {s.gpu_driver.state for s in during} == {"stalled"}
        assert {(s.gpus[0].health, s.gpus[0].memory_used, s.gpus[0].read_at) for s in during} == {
            ("stale", GIB, during[0].gpus[0].read_at)
        }
        assert {s.ages["gpus"] for s in during} == {during[0].ages["gpus"]}
        assert during[0].ages["gpus"] - during[0].gpus[0].read_at < 1
        assert {(len(gpu_faults(s)), gpu_faults(s)[0].sentence) for s in during} == {(1, during[0].gpus[0].trouble)}
        assert [process.pid for process in during[-1].gpu_processes] == [5]
        stub.write(stalls=[])
        await until(lambda: published[-1].gpus[0].health == "ok", 10)
        assert gpu_faults(published[-1]) == []
        assert published[-1].ages["gpus"] > during[-1].ages["gpus"]


async def test_a_lost_card_and_an_upgrade_are_said_and_pass(stub, host):
    stub.write(cards=[card(0), card(1)])
    async with watching(host) as published:
        await until(lambda: published and len(published[-1].gpus) == 2)
        stub.write(errors=[(1, "*", 15)])
        await until(lambda: [gpu.health for gpu in published[-1].gpus] == ["ok", "lost"], 10)
        assert gpu_faults(published[-1]) == []
        stub.write(sticky=1, errors=[("*", "nvmlInitWithFlags", 18), ("*", "nvmlDeviceGetCount_v2", 18)])
        await until(lambda: gpu_faults(published[-1]), 10)
        assert "upgraded" in gpu_faults(published[-1])[0].sentence
        assert "rmmod" in gpu_faults(published[-1])[0].remedy
        stub.write(errors=[])
        await until(lambda: [gpu.health for gpu in published[-1].gpus] == ["ok", "ok"], 10)
        await until(lambda: not gpu_faults(published[-1]))


async def test_one_look_ends_its_child(stub, host):
    stub.write(cards=[card(0, memory_used=GIB)])
    snapshot = await collect(host, Settings(), cadence=CADENCE)
    assert [gpu.uuid for gpu in snapshot.gpus] == [uuid(0)]
    assert "gpus" in snapshot.ages
    await until(lambda: host.gpus._child is None)


async def test_a_look_of_a_running_collector_reads_through_its_own_child(stub, host):
    published = []
    collector = Collector(host, Settings(), published.append, cadence=CADENCE)
    collector.start_in_thread()
    try:
        await until(lambda: published and published[-1].gpus)
        child = host.gpus._child.pid
        looked = await asyncio.to_thread(collector.look)
        assert looked.gpus[0].health == "ok"
        assert host.gpus._child.pid == child
    finally:
        collector.stop()


async def test_a_machine_without_a_gpu_has_no_fault_and_starts_nothing(root, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    monkeypatch.setattr("stackops.console.hosts.local.gpus.local.subprocess.Popen", None)
    local = open_local(Settings(host="unix:///nowhere/docker.sock"), root=str(root))
    snapshot = await collect(local, Settings(), cadence=CADENCE)
    assert gpu_faults(snapshot) == []
    assert (snapshot.gpu_driver, snapshot.gpus) == (GpuDriver("no_library"), ())


def test_a_remote_engine_has_no_gpus_of_this_machine():
    assert open_local(Settings(host="tcp://192.0.2.1:2375"), environ={}).gpus is None


def test_nothing_is_said_where_nobody_needs_a_gpu():
    asking = Container(
        id="1",
        name="vllm",
        image="vllm",
        state="exited",
        device_requests=(DeviceRequest(count=-1, capabilities=("gpu",)),),
    )
    quiet = Container(id="2", name="web", image="nginx", state="running")
    bare = GpuDriver("no_library", cards=0)
    unloaded = GpuDriver("not_loaded", cards=0, sentence="Not loaded.", remedy="Load it.")
    assert complaint(GpuDriver("ok", cards=1), (), [asking]) is None
    assert complaint(bare, (), [quiet]) is None
    assert complaint(unloaded, (), [quiet]) is None
    assert str(complaint(unloaded, (), [quiet, asking])) == "Not loaded."
    assert complaint(bare, (), [quiet, replace(asking, exit_code=0)]) is None, "what it was to do is done"
    assert complaint(bare, (), [quiet, asking]) is None, "nothing is unread; gpu.driver says that there is no card"


def test_a_card_or_rows_that_were_there_make_a_fault():
    assert complaint(MISMATCH, (), []).remedy == "Reboot."
    assert complaint(GpuDriver("stalled", cards=0, sentence="Silent."), (Gpu("GPU-1", health="stale"),), []) is not None
    assert complaint(GpuDriver("not_loaded", module="550.1", sentence="Stuck."), (), []) is not None
    assert complaint(GpuDriver("not_loaded", sentence="Not here."), (), []) is None


def test_a_command_leaves_no_process_behind(stub, tmp_path):
    """The child has a session of its own; it is known by a variable that it has inherited."""
    mark = f"STACKOPS_TEST_MARK={tmp_path}"
    environ = {"DOCKER_HOST": "unix:///nowhere/docker.sock", "STACKOPS_TEST_MARK": str(tmp_path)}
    noted = tmp_path / "calls"
    stub.write(calls=noted)
    done = subprocess.run(
        [sys.executable, "-c", "from stackops.console.cli import main; main()", "check", "--json"],
        cwd=tmp_path, capture_output=True, timeout=60, env=os.environ | environ | stub.environment, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["schema"] == "stackops/1"
    assert "nvmlInitWithFlags *" in noted.read_text()
    for _ in range(200):
        if not carrying(mark):
            break
        time.sleep(0.02)
    assert carrying(mark) == []


def carrying(mark):
    """Processes that have the variable in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and mark.encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
    return found
