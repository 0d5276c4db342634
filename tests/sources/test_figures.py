"""From counters to rates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.collect.figures import figures, one_per_file_system, sample_of_stats, system
from stackops.console.hosts import CgroupSample, EngineFailed, SystemSample
from stackops.console.model import Disk, Figures

DATA = Path(__file__).parents[1] / "data" / "engine"
SECOND = 1_000_000_000
BEFORE = CgroupSample(
    at_ns=5 * SECOND, cpu_ns=SECOND, memory=100, read_bytes=10, write_bytes=20, rx_bytes=30, tx_bytes=40, pids=3
)
NOW = CgroupSample(
    at_ns=7 * SECOND, cpu_ns=4 * SECOND, memory=200, memory_limit=1000, read_bytes=30, write_bytes=20, rx_bytes=130,
    tx_bytes=48, pids=4,
)  # fmt: skip


def test_rates_are_measured_over_the_time_between_two_samples() -> None:
    assert figures(BEFORE, NOW, at=9.0) == Figures(
        at=9.0, cpu_percent=pytest.approx(150.0), memory=200, memory_limit=1000, net_rx=50.0, net_tx=4.0,
        block_read=10.0, block_write=0.0, pids=4,
    )  # fmt: skip


def test_the_first_sample_has_no_rates_but_its_levels() -> None:
    assert figures(None, NOW, at=9.0) == Figures(at=9.0, memory=200, memory_limit=1000, pids=4)


@pytest.mark.parametrize(
    ("counter", "field"),
    [
        ("cpu_ns", "cpu_percent"), ("rx_bytes", "net_rx"), ("tx_bytes", "net_tx"), ("read_bytes", "block_read"),
        ("write_bytes", "block_write"),
    ],
)  # fmt: skip
def test_a_counter_that_goes_backwards_or_is_missing_gives_nothing(counter: str, field: str) -> None:
    def sample(at: int, **changed: int | None) -> CgroupSample:
        known: dict[str, int | None] = {
            "cpu_ns": 9, "rx_bytes": 9, "tx_bytes": 9, "read_bytes": 9, "write_bytes": 9, **changed,
        }  # fmt: skip
        return CgroupSample(at_ns=at * SECOND, **known)  # type: ignore[arg-type]

    fine = figures(sample(1), sample(2), at=0.0)
    backwards = figures(sample(1), sample(2, **{counter: 8}), at=0.0)
    missing_now = figures(sample(1), sample(2, **{counter: None}), at=0.0)
    missing_before = figures(sample(1, **{counter: None}), sample(2), at=0.0)

    assert getattr(fine, field) == 0.0
    assert [getattr(told, field) for told in (backwards, missing_now, missing_before)] == [None, None, None]


@pytest.mark.parametrize(("gap", "known"), [(2.0, True), (1.9, False)])
def test_a_gap_in_which_the_machine_slept_drops_the_rates_once(gap: float, known: bool) -> None:
    told = figures(BEFORE, NOW, at=9.0, longest_gap=gap)
    assert (told.cpu_percent is not None) is known
    assert told.memory == 200


@pytest.mark.parametrize("at_ns", [5 * SECOND, 4 * SECOND])
def test_no_time_between_samples_gives_no_rates(at_ns: int) -> None:
    assert figures(BEFORE, CgroupSample(at_ns=at_ns, cpu_ns=9 * SECOND), at=9.0).cpu_percent is None


def test_the_containers_own_limit_beats_that_of_the_cgroup() -> None:
    assert figures(None, NOW, at=9.0, limit=500).memory_limit == 500


counters = st.one_of(st.none(), st.integers(min_value=0, max_value=1 << 63))


@given(a=st.integers(0, 1 << 62), b=st.integers(0, 1 << 62), one=counters, other=counters)
def test_no_pair_of_samples_gives_a_negative_rate(a: int, b: int, one: int | None, other: int | None) -> None:
    told = figures(
        CgroupSample(at_ns=a, cpu_ns=one, rx_bytes=one), CgroupSample(at_ns=b, cpu_ns=other, rx_bytes=other), at=0
    )
    assert told.cpu_percent is None or told.cpu_percent >= 0
    assert told.net_rx is None or told.net_rx >= 0


def stats(version: str) -> CgroupSample | None:
    return sample_of_stats((DATA / f"stats-{version}.json").read_bytes())


def test_stats_of_an_engine_with_cgroup_v1() -> None:
    sample = stats("1.41")
    assert sample is not None
    assert (sample.cpu_ns, sample.memory_limit, sample.pids, sample.rx_bytes, sample.tx_bytes) == (
        sample.cpu_ns, 268435456, 1, sample.rx_bytes, 0,
    )  # fmt: skip
    assert sample.cpu_ns is not None
    assert sample.cpu_ns > 0
    assert sample.read_bytes is None


def test_stats_of_an_engine_with_cgroup_v2_leave_out_the_inactive_cache() -> None:
    sample = stats("1.44")
    assert sample is not None
    assert (sample.memory, sample.read_bytes, sample.write_bytes) == (800_000, 8192, 8192)


def test_a_container_in_the_hosts_network_has_no_network_figures() -> None:
    sample = stats("1.52")
    assert sample is not None
    assert (sample.rx_bytes, sample.tx_bytes, sample.read_bytes) == (None, None, None)


def test_the_working_set_of_cgroup_v1_uses_the_total() -> None:
    memory = {"usage": 1000, "stats": {"total_inactive_file": 300, "inactive_file": 1}}
    sample = sample_of_stats(json.dumps({"read": "2026-01-01T00:00:00Z", "memory_stats": memory}).encode())
    assert sample is not None
    assert sample.memory == 700


def test_a_stopped_container_has_no_sample_at_all() -> None:
    reply = {"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}}
    assert sample_of_stats(json.dumps(reply).encode()) is None


def test_stats_without_any_section_say_nothing_and_no_zero() -> None:
    sample = sample_of_stats(b'{"read": "2026-01-01T00:00:00Z", "networks": {}, "cpu_stats": null}')
    assert sample is not None
    assert (sample.cpu_ns, sample.memory, sample.pids, sample.rx_bytes) == (None, None, None, None)


def test_stats_that_are_none_are_refused_in_a_sentence() -> None:
    with pytest.raises(EngineFailed, match="stats"):
        sample_of_stats(b"[]")


def machine(at: int, busy: float | None, total: float | None) -> SystemSample:
    return SystemSample(at_ns=at * SECOND, cpu_busy=busy, cpu_total=total, memory_total=8, memory_available=2)


def test_the_hosts_share_is_of_all_cores() -> None:
    told = system(machine(1, 10.0, 100.0), machine(2, 11.0, 104.0), at=3.0)
    assert (told.cpu_percent, told.memory_total, told.memory_available, told.swap_total) == (25.0, 8, 2, None)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (None, machine(2, 1.0, 2.0)),
        (machine(1, None, None), machine(2, 1.0, 2.0)),
        (machine(1, 1.0, 2.0), machine(2, None, None)),
        (machine(1, 1.0, 2.0), machine(2, 1.0, 2.0)),
        (machine(1, 9.0, 9.0), machine(2, 1.0, 2.0)),
        (machine(1, 1.0, 2.0), machine(600, 2.0, 2400.0)),
    ],
)
def test_the_hosts_share_is_unknown_rather_than_wrong(before: SystemSample | None, now: SystemSample) -> None:
    assert system(before, now, at=3.0, longest_gap=3.0).cpu_percent is None


def test_two_paths_on_one_file_system_are_shown_once() -> None:
    docker = Disk("/var/lib/docker", "Docker", 1_000_000, 500_000)
    root = Disk("/", "root", 1_000_000, 500_100)
    data = Disk("/data", "project x", 2_000_000, 500_000)
    gone = Disk("/mnt", "project y")
    assert one_per_file_system([docker, root, data, gone, gone]) == (docker, data, gone)
