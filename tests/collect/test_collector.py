"""The Collector against a Host in memory: what is asked, how often, and what is published."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from stackops.console.collect.board import SnapshotBuilder
from stackops.console.collect.collector import Cadence, Collector
from stackops.console.hosts import CgroupSample, EngineFailed, HostError
from stackops.console.model import Gpu, GpuProcess, HostInfo, Snapshot
from stackops.console.settings import Settings
from support.fake_engine import container, container_id
from support.memory_host import MemoryEngine, MemoryGpus, MemoryHost, host_with, unreachable, until

FAST = Cadence(
    lists=600, ping=0.02, refresh_gap=0.01, second_sample=0.02, stats=0.02, processes=0.05, mounts=0.02, disks=0.05,
    gpus=0.02, projects=0.05, logs=0.05, young_logs=0.02, publish_gap=0.001, engine_deadline=60.0, kernel_deadline=60.0,
    files_deadline=60.0, gpus_deadline=60.0, logs_deadline=60.0, retries=(0.01, 0.02, 0.05),
)  # fmt: skip
"""Often, and patient: on a busy machine only what a test lets hang may seem to, with a deadline of its own."""


class Watched:
    """A running Collector and what it has published."""

    def __init__(self, collector: Collector, published: list[Snapshot]) -> None:
        self.collector = collector
        self.published = published

    @property
    def last(self) -> Snapshot:
        return self.published[-1]

    async def until(self, condition: Callable[[Snapshot], object]) -> Snapshot:
        """The last Snapshot once it fulfils the condition."""
        await until(lambda: self.published and condition(self.last))
        return self.last

    def names(self) -> list[str]:
        return [c.name for c in self.last.containers]

    def sentences(self) -> str:
        return " | ".join(fault.sentence for fault in self.last.faults)


@asynccontextmanager
async def watching(
    host: MemoryHost, *, cadence: Cadence = FAST, settings: Settings | None = None, **more: Any
) -> AsyncIterator[Watched]:
    published: list[Snapshot] = []
    collector = Collector(host, settings or Settings(period=0.05), published.append, cadence=cadence, **more)
    watched = Watched(collector, published)
    task = asyncio.create_task(watched.collector.run())
    try:
        yield watched
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def engine_of(host: MemoryHost) -> MemoryEngine:
    assert host.engine is not None
    return host.engine


def detailed(snapshot: Snapshot) -> bool:
    return bool(snapshot.containers) and all(c.detailed for c in snapshot.containers)


async def test_a_hundred_containers_cost_one_list_and_a_hundred_inspections_and_then_nothing() -> None:
    host = host_with(*(container(f"c{n:03}", pid=1000 + n) for n in range(100)))
    engine = engine_of(host)
    async with watching(host) as seen:
        await seen.until(detailed)
        asked = engine.requests["ping"]
        await until(lambda: engine.requests["ping"] > asked + 5)

        assert engine.requests["containers"] == 1
        assert engine.requests["inspect"] == 100
        assert set(engine.inspected.values()) == {1}
        assert engine.most_inspecting <= 4
        assert engine.requests["stats"] == 0
        assert engine.requests["logs"] == 0
        assert (engine.requests["version"], engine.requests["info"]) == (1, 1)
        assert engine.requests["image"] == 1


async def test_the_list_is_shown_before_the_inspections_are_done() -> None:
    host = host_with(*(container(f"c{n}") for n in range(8)))
    engine_of(host).delay = 0.02
    async with watching(host) as seen:
        await seen.until(lambda s: s.containers)
        first = next(s for s in seen.published if s.containers)
        assert len(first.containers) == 8
        assert not all(c.detailed for c in first.containers)
        assert first.figures == {}


async def test_a_container_removed_between_list_and_inspection_just_goes() -> None:
    host = host_with(container("stays"), container("goes"))
    engine = engine_of(host)
    listed = engine.containers

    async def list_and_remove() -> bytes:
        raw = await listed()
        engine.containers_by_id.pop(container_id("goes"), None)
        return raw

    engine.containers = list_and_remove  # type: ignore[method-assign]
    async with watching(host) as seen:
        await seen.until(lambda s: detailed(s) and len(s.containers) == 1)
        assert seen.names() == ["stays"]
        assert seen.last.faults == ()


LATER = 4_000_000_000.0
"""After the start of every test: deaths before it are history."""


async def test_an_event_has_only_the_container_it_names_inspected() -> None:
    host = host_with(container("a"), container("b", pid=9))
    engine = engine_of(host)
    async with watching(host) as seen:
        await seen.until(detailed)
        await until(lambda: engine.listeners)
        engine.containers_by_id[container_id("b")]["State"].update(Status="exited", ExitCode=137, Pid=0)
        engine.emit("die", container_id("b"), at=LATER)

        await seen.until(lambda s: s.containers[1].state == "exited")

        assert seen.last.containers[1].deaths == (LATER,)
        assert seen.last.containers[1].exit_code == 137
        assert engine.requests["containers"] == 1
        assert engine.inspected == {container_id("a"): 1, container_id("b"): 2}


async def test_created_renamed_recreated_and_removed_containers_are_followed() -> None:
    host = host_with(container("web"))
    engine = engine_of(host)
    async with watching(host) as seen:
        await seen.until(detailed)
        await until(lambda: engine.listeners)

        engine.add(container("db"))
        await seen.until(lambda s: len(s.containers) == 2)
        engine.containers_by_id[container_id("db")]["Name"] = "/database"
        engine.emit("rename", container_id("db"))
        await seen.until(lambda s: "database" in [c.name for c in s.containers])
        engine.remove(container_id("web"))
        engine.add(container("web", ident="f" * 64))
        await seen.until(lambda s: [c.id for c in s.containers if c.name == "web"] == ["f" * 64])
        assert seen.names() == ["database", "web"]
        assert engine.requests["containers"] == 1


async def test_shuffled_and_doubled_events_end_in_the_same_state() -> None:
    host = host_with(container("a", state="exited", exit_code=1))
    engine = engine_of(host)
    async with watching(host) as seen:
        await seen.until(detailed)
        await until(lambda: engine.listeners)
        for action in ("destroy", "start", "die", "create", "start", "die", "destroy"):
            engine.emit(action, container_id("a"), at=LATER)
        await seen.until(lambda s: s.containers[0].deaths)

        assert (seen.last.containers[0].state, seen.last.containers[0].deaths) == ("exited", (LATER,))


async def test_a_storm_of_events_makes_at_most_five_refreshes_a_second() -> None:
    host = host_with(container("a"), container("b"))
    engine = engine_of(host)
    async with watching(host, cadence=Cadence()) as seen:
        await seen.until(detailed)
        await until(lambda: engine.listeners)
        before, started = engine.requests["inspect"], time.monotonic()
        for n in range(2000):
            engine.emit("start" if n % 2 else "die", container_id("a"), at=LATER + n)
            if n % 20 == 0:
                await asyncio.sleep(0.004)
        engine.containers_by_id[container_id("a")]["State"]["Status"] = "dead"
        engine.emit("die", container_id("a"), at=LATER + 9999)
        await seen.until(lambda s: s.containers[0].state == "dead")
        seconds = time.monotonic() - started

        assert engine.requests["inspect"] - before <= 2 + 5 * seconds
        assert len(seen.last.containers[0].deaths) == 20
        assert seen.last.containers[0].deaths[-1] == LATER + 9999


async def test_an_event_stream_that_ends_quietly_is_opened_again_where_it_ended_and_the_list_read_anew() -> None:
    host = host_with(container("a"))
    engine = engine_of(host)
    async with watching(host) as seen:
        await seen.until(detailed)
        await until(lambda: engine.listeners)
        engine.emit("start", container_id("a"), at=77.5)
        await until(lambda: engine.inspected[container_id("a")] == 2)
        engine.containers_by_id[container_id("new")] = container("new")  # missed while the stream was gone
        engine.emit_raw(None)

        await seen.until(lambda s: len(s.containers) == 2)
        await until(lambda: len(engine.opened_since) == 2)
        assert engine.opened_since[1] == 77.5
        assert engine.opened_since[0] is not None
        assert 0 < host.clock.now() - engine.opened_since[0] - 86_400 < 86_400, "the day before comes from the buffer"
        assert seen.last.faults == ()


async def test_a_stream_that_is_open_and_dead_is_caught_by_the_next_list() -> None:
    host = host_with(container("a"))
    engine = engine_of(host)
    engine.silent_events = True
    async with watching(host, cadence=_with(lists=0.05)) as seen:
        await seen.until(detailed)
        engine.add(container("b"))
        engine.remove(container_id("a"))
        await seen.until(lambda s: [c.name for c in s.containers] == ["b"])


def _with(**changes: Any) -> Cadence:
    import msgspec

    return msgspec.structs.replace(FAST, **changes)


async def test_a_hung_engine_is_told_within_its_deadline_and_is_fresh_when_it_answers_again() -> None:
    host = host_with(container("a", pid=5))
    engine = engine_of(host)
    async with watching(host, cadence=_with(engine_deadline=0.1)) as seen:
        await seen.until(lambda s: detailed(s) and s.figures and not s.faults)
        engine.hang = True
        await seen.until(lambda s: s.faults)

        assert "did not answer within 0.1 s" in seen.sentences()
        assert seen.names() == ["a"]
        assert seen.last.faults[0].since is not None
        age = seen.last.ages["engine"]
        assert age <= seen.last.faults[0].since
        sweeps = host.kernel.sweeps if host.kernel else 0
        await until(lambda: host.kernel is not None and host.kernel.sweeps > sweeps)  # figures go on

        engine.hang = False
        engine.containers_by_id[container_id("a")]["State"]["Pid"] = 6
        await seen.until(lambda s: not s.faults and s.containers[0].pid == 6)
        assert seen.last.ages["engine"] > age


async def test_an_engine_that_is_not_there_is_one_fault_and_the_system_goes_on() -> None:
    host = host_with(container("a"))
    engine = engine_of(host)
    engine.error = unreachable()
    async with watching(host) as seen:
        await seen.until(lambda s: s.faults and s.system is not None and s.system.cpu_percent is not None)

        assert [(f.source, f.remedy) for f in seen.last.faults] == [("engine", "systemctl start docker")]
        assert seen.last.containers == ()
        assert seen.last.engine is None
        engine.error = None
        await seen.until(lambda s: detailed(s) and s.engine is not None and not s.faults)


async def test_after_a_restart_of_the_engine_everything_is_inspected_and_no_rate_is_wrong() -> None:
    host = host_with(container("a", pid=5))
    engine, kernel = engine_of(host), host.kernel
    assert kernel is not None
    async with watching(host) as seen:
        await seen.until(lambda s: any(f.cpu_percent for f in s.figures.values()))
        engine.error = unreachable()
        engine.emit_raw(None)
        await seen.until(lambda s: s.faults)
        kernel.fixed[container_id("a")] = None
        one = engine.containers_by_id[container_id("a")]
        one["State"].update(Pid=77, StartedAt="2026-02-02T00:00:00Z")
        engine.info_reply["ServerVersion"] = "28.0.0"
        seen.published.clear()
        kernel.fixed[container_id("a")] = CgroupSample(at_ns=time.monotonic_ns(), cpu_ns=10**15)
        engine.error = None

        await seen.until(lambda s: s.engine is not None and s.engine.version == "28.0.0" and s.containers[0].pid == 77)
        rates = [f.cpu_percent for s in seen.published for f in s.figures.values() if f.cpu_percent is not None]
        assert all(rate < 1000 for rate in rates)


async def test_a_container_that_cannot_be_inspected_keeps_what_the_list_said_and_a_fault() -> None:
    host = host_with(container("fine"), container("odd"))
    engine_of(host).refuse[container_id("odd")] = EngineFailed("layer does not exist", status=500)
    async with watching(host, cadence=_with(lists=0.05)) as seen:
        await seen.until(lambda s: s.faults)
        assert [(c.name, c.detailed) for c in seen.last.containers] == [("fine", True), ("odd", False)]
        assert seen.last.faults[0].source == f"container:{container_id('odd')[:12]}"
        engine_of(host).refuse.clear()
        await seen.until(lambda s: not s.faults and detailed(s))
        engine_of(host).refuse[container_id("odd")] = EngineFailed("layer does not exist", status=500)
        seen.collector.request()
        await seen.until(lambda s: s.faults)
        engine_of(host).remove(container_id("odd"), quietly=True)
        await seen.until(lambda s: not s.faults and len(s.containers) == 1)


async def test_the_first_sample_gives_no_rate_and_the_second_comes_soon() -> None:
    host = host_with(container("a", pid=5))
    async with watching(host, cadence=_with(second_sample=0.3), settings=Settings(period=30.0)) as seen:
        await seen.until(lambda s: s.figures)
        first = next(s for s in seen.published if s.figures)
        (figures,) = first.figures.values()
        assert (figures.cpu_percent, figures.net_rx) == (None, None)
        assert figures.memory == 5 << 20
        second = await seen.until(lambda s: next(iter(s.figures.values())).cpu_percent is not None)
        assert next(iter(second.figures.values())).cpu_percent == pytest.approx(10.0, rel=0.2)


async def test_who_has_ended_has_no_figures_from_that_moment_on() -> None:
    host = host_with(container("a", pid=5))
    engine = engine_of(host)
    async with watching(host, settings=Settings(period=30.0)) as seen:
        await seen.until(lambda s: s.figures)
        await until(lambda: engine.listeners)
        engine.containers_by_id[container_id("a")]["State"].update(Status="exited", Pid=0)
        engine.emit("die", container_id("a"))
        await seen.until(lambda s: s.containers[0].state == "exited")
        assert [s.figures for s in seen.published if s.containers and s.containers[0].state == "exited"][-1] == {}


async def test_what_cannot_be_known_stays_none() -> None:
    host = host_with(container("a", pid=5), container("off", state="exited"))
    assert host.kernel is not None
    host.kernel.fixed[container_id("a")] = CgroupSample(at_ns=1)
    async with watching(host) as seen:
        snapshot = await seen.until(lambda s: s.figures and detailed(s))
        (figures,) = snapshot.figures.values()
        assert (figures.cpu_percent, figures.memory, figures.memory_limit, figures.pids) == (None, None, None, None)
        assert container_id("off") not in snapshot.figures


async def test_sweeps_never_overlap_even_when_each_takes_longer_than_the_period() -> None:
    host = host_with(container("a", pid=5))
    kernel = host.kernel
    assert kernel is not None
    kernel.blocked = lambda: time.sleep(0.03)
    async with watching(host, settings=Settings(period=0.01)) as seen:
        await until(lambda: kernel.sweeps >= 2)
        await seen.until(lambda s: s.period is not None and s.period > 0.01)  # and the period has been stretched
        assert not kernel.overlapped


async def test_a_kernel_that_hangs_is_a_fault_and_the_containers_go_on() -> None:
    host = host_with(container("a", pid=5))
    release = threading.Event()
    assert host.kernel is not None
    host.kernel.blocked = lambda: release.wait(100) and None
    async with watching(host, cadence=_with(kernel_deadline=0.1)) as seen:
        await seen.until(lambda s: detailed(s) and any(f.source == "figures" for f in s.faults))
        assert host.kernel.sweeps == 1
        release.set()
        host.kernel.blocked = lambda: None
        await seen.until(lambda s: s.figures and not s.faults)


async def test_a_process_that_vanished_has_its_container_inspected_again() -> None:
    host = host_with(container("a", pid=5))
    engine = engine_of(host)
    engine.silent_events = True
    assert host.kernel is not None
    async with watching(host) as seen:
        await seen.until(lambda s: s.figures)
        engine.containers_by_id[container_id("a")]["State"].update(Status="exited", Pid=0)
        host.kernel.fixed[container_id("a")] = None
        await seen.until(lambda s: s.containers[0].state == "exited" and not s.figures)


async def test_a_remote_engine_is_asked_for_stats_of_what_runs() -> None:
    host = host_with(container("a"), container("b"), container("off", state="exited"), kernel=None)
    engine = engine_of(host)
    beat = iter(range(1, 10_000))

    def stats() -> dict[str, Any]:
        n = next(beat)
        moment = f"2026-01-01T00:00:{n // 100:02}.{n % 100:02}0Z" if n < 6000 else "2026-01-02T00:00:00Z"
        return {
            "read": moment,
            "cpu_stats": {"cpu_usage": {"total_usage": n * 1_000_000}},
            "memory_stats": {"usage": 7},
        }

    for name in ("a", "b", "off"):
        engine.stats_replies[container_id(name)] = stats
    async with watching(host) as seen:
        both = await seen.until(lambda s: len([f for f in s.figures.values() if f.cpu_percent is not None]) == 2)
        assert all(f.cpu_percent == pytest.approx(10.0) for f in both.figures.values())
        assert both.system is None
        assert both.host.name == "box"


async def test_what_the_kernel_does_not_know_is_asked_from_the_engine_and_nothing_else() -> None:
    host = host_with(container("near", pid=5), container("hidden", pid=6))
    engine = engine_of(host)
    assert host.kernel is not None
    host.kernel.fixed[container_id("hidden")] = None
    engine.stats_replies[container_id("hidden")] = lambda: {
        "read": "2026-01-01T00:00:01Z", "memory_stats": {"usage": 7},
    }  # fmt: skip
    async with watching(host) as seen:
        await seen.until(lambda s: len(s.figures) == 2)
        assert seen.last.figures[container_id("hidden")].memory == 7
        assert seen.last.figures[container_id("near")].memory == 5 << 20


async def test_nothing_is_published_while_nothing_changes_but_a_sign_of_life() -> None:
    host = host_with(container("a", pid=5))
    assert host.kernel is not None
    host.kernel.idle = True
    async with watching(host, settings=Settings(period=0.2)) as seen:
        await seen.until(lambda s: detailed(s) and s.figures and s.engine and s.system and s.system.disks)
        await asyncio.sleep(0.3)
        seen.published.clear()
        await until(lambda: len(seen.published) == 3)
        first, _, third = seen.published
        assert third.taken_at - first.taken_at > 0.5, "seldom: the kernel was read at least five times meanwhile"
        assert first.containers is third.containers
        assert third.ages["engine"] > first.ages["engine"]


async def test_one_project_may_be_looked_at_alone() -> None:
    host = host_with(container("a", project="one"), container("b", project="two"))
    async with watching(host, settings=Settings(period=0.05, project="two")) as seen:
        await seen.until(detailed)
        assert seen.names() == ["b"]


async def test_a_request_looks_at_everything_again() -> None:
    host = host_with(container("a"))
    engine = engine_of(host)
    async with watching(host) as seen:
        await seen.until(lambda s: detailed(s) and s.engine)
        await asyncio.to_thread(seen.collector.request)
        await until(lambda: engine.requests["containers"] == 2 and engine.inspected[container_id("a")] == 2)
        await until(lambda: engine.requests["info"] == 2)


async def test_a_look_of_a_running_collector_reads_everything_anew_and_no_source_twice_at_once() -> None:
    host = host_with(container("a", pid=5))
    engine, kernel = engine_of(host), host.kernel
    assert kernel is not None
    async with watching(host, cadence=Cadence()) as seen:
        await seen.until(lambda s: detailed(s) and s.engine)
        engine.silent_events = True
        engine.containers_by_id[container_id("a")]["State"].update(Status="exited", ExitCode=3, Pid=0)  # nobody tells
        asked = engine.requests.copy()
        before = seen.last.taken_at
        looked = await asyncio.to_thread(seen.collector.look)
        assert (looked.containers[0].state, looked.containers[0].exit_code) == ("exited", 3)
        assert {name for name in ("engine", "engine-info", "files", "logs") if looked.ages[name] <= before} == set()
        assert {name: engine.requests[name] - asked[name] for name in ("containers", "info", "inspect")} == {
            "containers": 1, "info": 1, "inspect": 1,
        }  # fmt: skip
        assert not kernel.overlapped


async def test_a_look_when_the_console_has_ended_is_refused_in_a_sentence() -> None:
    async with watching(host_with(container("a"))) as seen:
        await seen.until(detailed)
    with pytest.raises(HostError, match="console is ending"):
        await asyncio.to_thread(seen.collector.look)


async def test_replaced_mounts_are_marked_while_it_runs() -> None:
    bind = [{"Type": "bind", "Source": "/srv/x.yaml", "Destination": "/app/x.yaml", "RW": True}]
    host = host_with(container("a", pid=5, mounts=bind), container("off", state="exited", mounts=bind))
    assert host.kernel is not None
    async with watching(host) as seen:
        await seen.until(lambda s: detailed(s) and s.containers[0].mounts[0].stale is False)
        host.kernel.replaced[5] = frozenset({"/app/x.yaml"})
        await seen.until(lambda s: s.containers[0].mounts[0].stale is True)
        assert seen.last.containers[1].mounts[0].stale is None


async def test_gpus_come_with_the_container_that_holds_their_memory_and_keep_it_when_the_driver_hangs() -> None:
    from stackops.console.hosts import ProcessRow

    gpus = MemoryGpus(cards=[Gpu("GPU-1", name="H\x1b[2J100")], holders=[GpuProcess("GPU-1", 50, 1 << 30)])
    host = host_with(container("ollama", pid=49), gpus=gpus)
    assert host.kernel is not None
    ident = container_id("ollama")
    host.kernel.rows = [ProcessRow(50, 49, "llama-server", ("llama-server",), None, None, ident)]
    release = threading.Event()
    async with watching(host, cadence=_with(gpus_deadline=0.1)) as seen:
        await seen.until(lambda s: s.gpu_processes and s.gpu_processes[0].container == ident)
        assert seen.last.gpus[0].name == "H100"
        gpus.blocked = lambda: release.wait(100) and None
        await seen.until(lambda s: any(f.source == "gpus" for f in s.faults))
        reads = gpus.reads
        assert seen.last.gpu_processes[0].memory == 1 << 30
        await asyncio.sleep(0.1)
        assert gpus.reads == reads
        release.set()
        gpus.blocked = lambda: None
        await seen.until(lambda s: not s.faults)


async def test_a_defect_in_publishing_or_in_a_source_ends_nothing() -> None:
    host = host_with(container("a", pid=5))
    calls: list[Snapshot] = []

    def publish(snapshot: Snapshot) -> None:
        calls.append(snapshot)
        raise RuntimeError("screen")

    assert host.kernel is not None
    host.kernel.machine = lambda at: 1 / 0  # type: ignore[assignment,return-value]
    collector = Collector(host, Settings(period=0.05), publish, cadence=FAST)
    task = asyncio.create_task(collector.run())
    await until(lambda: len(calls) > 3 and any("ZeroDivisionError" in f.sentence for f in calls[-1].faults))
    assert detailed(calls[-1])
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_history_gathers_for_the_curves() -> None:
    host = host_with(container("a", pid=5))
    async with watching(host) as seen:
        history = seen.collector.history
        await until(lambda: len(history.curve(f"container:{container_id('a')}")) > 3)
        assert history.curve("host")[-1][1] == seen.last.system.cpu_percent


async def test_asked_for_the_engine_first_it_reads_the_rest_when_told() -> None:
    async with watching(host_with(container("a", pid=5)), engine_first=True) as seen:
        await seen.until(lambda s: detailed(s) and "processes" in s.ages)
        assert "logs" not in seen.last.ages
        seen.collector.complete()
        await seen.until(lambda s: "logs" in s.ages)


async def test_a_whole_look_reads_the_rest_though_nobody_told_it() -> None:
    async with watching(host_with(container("a")), engine_first=True) as seen:
        await seen.until(detailed)
        assert "logs" in (await asyncio.to_thread(seen.collector.look)).ages


async def test_told_before_it_runs_it_reads_all() -> None:
    host = host_with(container("a"))
    published: list[Snapshot] = []
    collector = Collector(host, Settings(period=0.05), published.append, cadence=FAST, engine_first=True)
    collector.complete()
    task = asyncio.create_task(collector.run())
    await until(lambda: published and "logs" in published[-1].ages)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class TestThread:
    def test_it_starts_and_stops_at_once(self) -> None:
        seen: list[Snapshot] = []
        collector = Collector(host_with(container("a")), Settings(period=0.05), seen.append, cadence=FAST)
        thread = collector.start_in_thread()
        asyncio.run(until(lambda: seen and detailed(seen[-1])))
        collector.stop()
        thread.join(60)
        assert not thread.is_alive()

    def test_it_stops_though_everything_hangs_for_ever(self) -> None:
        host = host_with(container("a"), gpus=MemoryGpus(blocked=lambda: threading.Event().wait() and None))
        engine_of(host).hang = True
        assert host.kernel is not None
        host.kernel.blocked = lambda: threading.Event().wait() and None
        collector = Collector(host, Settings(), lambda _: None, cadence=Cadence())
        thread = collector.start_in_thread()
        asyncio.run(until(lambda: engine_of(host).requests["containers"]))
        collector.stop()
        thread.join(60)
        assert not thread.is_alive()

    def test_stopped_before_it_ran_it_never_looks(self) -> None:
        host = host_with(container("a"))
        collector = Collector(host, Settings(), lambda _: None)
        collector.stop()
        collector.start_in_thread().join(1)
        assert engine_of(host).requests == {}

    def test_requests_to_one_that_does_not_run_are_let_go(self) -> None:
        collector = Collector(host_with(), Settings(), lambda _: None)
        collector.request()
        collector.stop()


async def test_an_unchanged_machine_is_told_again_and_again_lest_it_looks_abandoned() -> None:
    rare = {name: 3600.0 for name in Cadence.__struct_fields__ if isinstance(getattr(Cadence(), name), float)}
    cadence = Cadence(**{**rare, "publish_gap": 0.001, "second_sample": 0.01})
    async with watching(host_with(container("web"), kernel=None), cadence=cadence) as seen:
        await seen.until(lambda s: detailed(s) and len(seen.published) > 3)
        before = len(seen.published)
        await until(lambda: len(seen.published) > before + 3)
        assert seen.published[before].containers == seen.last.containers


async def test_where_something_changes_all_the_time_it_is_told_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """And at once again after a moment of calm."""
    host, waits = host_with(), []
    board = SnapshotBuilder(host.clock, HostInfo("box"))
    calm = (20, 40)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 45:
            raise asyncio.CancelledError
        if len(waits) in calm:
            asyncio.get_running_loop().call_soon(board.changed.set)
        else:
            board.changed.set()

    monkeypatch.setattr("stackops.console.collect.collector.asyncio.sleep", sleep)
    collector = Collector(host, Settings(), lambda _: None, cadence=Cadence(publish_gap=1.0))
    site = SimpleNamespace(board=board, pace=SimpleNamespace(period=60.0))
    with pytest.raises(asyncio.CancelledError):
        await collector._publish_changes(SimpleNamespace(site=site))  # type: ignore[arg-type]
    assert waits == [*[1.0] * 9, *[4.0] * 11, *[1.0] * 9, *[4.0] * 11, *[1.0] * 5]
