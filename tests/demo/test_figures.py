"""The figures move, never fall where they are counters, and are the same for the same seed and clock."""

from __future__ import annotations

import asyncio
import json

from stackops.console.collect.figures import figures, sample_of_stats
from stackops.console.practice import DemoHost, open_demo
from support.clock import FakeClock


def pids(host: DemoHost) -> dict[str, int]:
    host.build()
    return {c.id: c.pid for c in host.world.containers() if c.state == "running"}


def ident(host: DemoHost, name: str) -> str:
    host.build()
    return host.world.find(name).id


def test_counters_never_fall_and_figures_move(demo: DemoHost, clock: FakeClock) -> None:
    running = pids(demo)
    seen, before = set(), demo.kernel.sample(running)
    for _ in range(40):
        clock.advance(1.0)
        now = demo.kernel.sample(running)
        for container in running:
            for name in ("cpu_ns", "rx_bytes", "tx_bytes", "read_bytes", "write_bytes"):
                assert getattr(now[container], name) >= getattr(before[container], name)
        shown = figures(before[ident(demo, "vllm")], now[ident(demo, "vllm")], at=clock.now())
        assert shown is not None
        assert shown.cpu_percent is not None
        assert 1.0 < shown.cpu_percent < 300.0
        seen.add(round(shown.cpu_percent, 2))
        before = now
    assert len(seen) > 30


def test_the_same_seed_and_clock_give_the_same_figures() -> None:
    def look(seed: str) -> object:
        clock = FakeClock()
        host = open_demo(clock=clock, seed=seed)
        running = pids(host)
        clock.advance(12.5)
        return host.kernel.sample(running), host.kernel.system(), host.gpus.read(), host.kernel.disk("/srv/fastgpt")

    assert look("one") == look("one")
    assert look("one") != look("two")


def test_the_host_counts_what_its_containers_use(demo: DemoHost, clock: FakeClock) -> None:
    running = pids(demo)
    first, used = demo.kernel.system(), demo.kernel.sample(running)
    clock.advance(10.0)
    second, after = demo.kernel.system(), demo.kernel.sample(running)
    assert None not in (first.cpu_busy, second.cpu_busy)
    theirs = sum((after[c].cpu_ns or 0) - (used[c].cpu_ns or 0) for c in running) / 1e9
    busy = (second.cpu_busy or 0.0) - (first.cpu_busy or 0.0)
    assert theirs < busy < theirs + 10.0
    assert (second.cpu_total or 0.0) - (first.cpu_total or 0.0) == 320.0


def test_the_host_counter_does_not_fall_when_a_container_stops(demo: DemoHost, clock: FakeClock) -> None:
    demo.build()
    demo.kernel.system()
    clock.advance(5.0)
    before = demo.kernel.system()
    demo.control.stop("vllm")
    clock.advance(1.0)
    after = demo.kernel.system()
    assert (after.cpu_busy or 0.0) > (before.cpu_busy or 0.0)
    assert (after.memory_available or 0) > (before.memory_available or 0)


def test_a_container_that_stopped_or_has_another_pid_is_left_out(demo: DemoHost) -> None:
    running = pids(demo)
    gone, other = ident(demo, "oneapi"), ident(demo, "pg")
    demo.control.stop("oneapi")
    sample = demo.kernel.sample({**running, other: running[other] + 1})
    assert gone not in sample
    assert other not in sample
    assert ident(demo, "mysql") in sample


def test_counters_start_anew_with_the_container(demo: DemoHost, clock: FakeClock) -> None:
    before = demo.kernel.sample(pids(demo))[ident(demo, "mysql")]
    demo.control.restart("mysql")
    clock.advance(1.0)
    after = demo.kernel.sample(pids(demo))[ident(demo, "mysql")]
    assert (after.cpu_ns or 0) < (before.cpu_ns or 0)


def test_gpu_memory_belongs_to_processes_of_containers(orderly: DemoHost) -> None:
    orderly.build()
    told = orderly.gpus.read()
    gpus, processes = told.gpus, told.processes
    table = {row.pid: row.container for row in orderly.kernel.processes()}
    owners = {orderly.world.find(table[process.pid] or "").name for process in processes}
    assert owners == {"ollama", "m3e", "vllm"}
    for gpu in gpus:
        held = sum(process.memory or 0 for process in processes if process.gpu == gpu.uuid)
        assert 0 < held < (gpu.memory_used or 0) <= (gpu.memory_total or 0)


def test_a_stopped_model_server_frees_its_gpu(orderly: DemoHost) -> None:
    orderly.build()
    orderly.control.stop("vllm")
    told = orderly.gpus.read()
    gpus, processes = told.gpus, told.processes
    assert not [process for process in processes if process.gpu == gpus[1].uuid]
    assert (gpus[1].memory_used or 0) < 1 << 30
    assert gpus[1].utilisation == 0.0


def test_every_process_of_a_container_has_a_pid_of_its_own(demo: DemoHost) -> None:
    demo.build()
    numbers = [row.pid for row in demo.kernel.processes()]
    assert len(numbers) == len(set(numbers))


def test_disks_fill_slowly(demo: DemoHost, clock: FakeClock) -> None:
    total, free = demo.kernel.disk("/srv/fastgpt/mongo")
    clock.advance(60.0)
    later = demo.kernel.disk("/srv/fastgpt/mongo")
    assert later[0] == total
    assert later[1] < free
    assert demo.kernel.disk("/var/lib/docker")[0] != total


async def test_engine_stats_agree_with_the_kernel(demo: DemoHost, clock: FakeClock) -> None:
    kernel = demo.kernel.sample(pids(demo))[ident(demo, "pg")]
    sample = sample_of_stats(await demo.engine.stats("pg"))
    assert sample is not None
    assert (sample.cpu_ns, sample.memory, sample.pids) == (kernel.cpu_ns, kernel.memory, kernel.pids)
    assert (sample.rx_bytes, sample.write_bytes) == (kernel.rx_bytes, kernel.write_bytes)


async def test_a_stopped_container_answers_stats_with_zeros(demo: DemoHost) -> None:
    reply = json.loads(await demo.engine.stats("mongo"))
    assert reply["cpu_stats"]["cpu_usage"]["total_usage"] == 0
    assert reply["memory_stats"] == {}
    await asyncio.sleep(0)
