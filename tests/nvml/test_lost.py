"""One card fails and the others go on; the row says what happened, and comes back by itself."""

from __future__ import annotations

import shutil

import pytest
from support.nvml import GIB, GPU_IS_LOST, card, holds, plug, uuid


@pytest.fixture
def two(stub, door):
    """Two cards, read once."""
    stub.write(
        cards=[card(0, memory_used=GIB), card(1, memory_used=2 * GIB)], processes=[holds(0, 5, GIB), holds(1, 6, GIB)]
    )
    gpus = door(stub)
    gpus.read()
    return gpus


def test_a_lost_card_keeps_its_row_and_the_other_its_figures(stub, two, clock):
    at = clock.now()
    clock.advance(2)
    stub.write(cards=[card(0, temperature=50), card(1)], errors=[(1, "*", GPU_IS_LOST)])
    told = two.read()
    well, lost = told.gpus
    assert (well.health, well.temperature, well.read_at) == ("ok", 50, at + 2)
    assert (lost.uuid, lost.index, lost.name, lost.bus) == (uuid(1), 1, "NVIDIA A100-SXM4-40GB", "00000000:02:00.0")
    assert (lost.health, lost.memory_used, lost.temperature, lost.memory_total) == ("lost", None, None, 40 * GIB)
    assert lost.read_at == at
    assert "fallen off the bus" in lost.trouble
    assert "dmesg" in lost.remedy
    assert told.driver.state == "ok"
    assert [process.pid for process in told.processes] == [5]


def test_a_card_lost_for_one_getter_alone_is_lost(stub, two):
    stub.write(errors=[(0, "nvmlDeviceGetTemperatureV", 15), (0, "nvmlDeviceGetTemperature", 15)])
    assert [gpu.health for gpu in two.read().gpus] == ["lost", "ok"]


def test_a_new_child_looks_from_time_to_time_whether_a_lost_card_is_back(stub, two, clock):
    stub.write(errors=[(1, "*", GPU_IS_LOST)])
    two.read()
    child = two._child.pid
    clock.advance(31)
    told = two.read()
    assert two._child.pid != child
    assert [(gpu.uuid, gpu.health) for gpu in told.gpus] == [(uuid(0), "ok"), (uuid(1), "lost")]
    stub.write(errors=[])
    clock.advance(61)
    assert [gpu.health for gpu in two.read().gpus] == ["ok", "ok"]


def test_a_card_lost_before_it_was_ever_read_has_a_row(stub, door):
    stub.write(cards=[card(0), card(1)], errors=[(1, "*", GPU_IS_LOST)])
    told = door(stub).read().gpus
    assert [(gpu.uuid, gpu.index, gpu.health) for gpu in told] == [(uuid(0), 0, "ok"), ("index:1", 1, "lost")]


def test_a_card_that_the_driver_lists_no_more_is_missed(stub, two):
    stub.write(cards=[card(0)])
    told = two.read().gpus
    assert [(gpu.uuid, gpu.health) for gpu in told] == [(uuid(0), "ok"), (uuid(1), "lost")]
    assert "no longer lists" in told[1].trouble


def test_a_card_that_was_taken_out_of_the_bus_is_not_missed(stub, door, root, clock):
    plug(root, "0000:01:00.0")
    plug(root, "0000:02:00.0")
    stub.write(cards=[card(0), card(1)])
    gpus = door(stub)
    gpus.read()
    shutil.rmtree(root / "sys/bus/pci/devices/0000:02:00.0")
    clock.advance(61)
    stub.write(cards=[card(0)])
    assert [gpu.uuid for gpu in gpus.read().gpus] == [uuid(0)]


@pytest.mark.parametrize(
    ("facts", "errors", "words"),
    [
        ({"field_230": 1}, [], "wants a reset"),
        ({"field_230": 2}, [], "rebooted"),
        ({"remap_pending": 1}, [], "next reset"),
        ({}, [(0, "nvmlDeviceGetPowerUsage", 16)], "wants a reset"),
    ],
)
def test_a_card_that_wants_a_reset_says_so_and_keeps_its_figures(stub, door, facts, errors, words):
    stub.write(cards=[card(0, **facts)], errors=errors)
    gpu = door(stub).read().gpus[0]
    assert (gpu.health, gpu.temperature) == ("reset_required", 38)
    assert words in gpu.trouble
    assert gpu.remedy
    assert "{" not in gpu.remedy


@pytest.mark.parametrize(
    ("code", "health"), [(4, "no_permission"), (17, "no_permission"), (999, "unreadable"), (11, "unreadable")]
)
def test_a_card_without_a_handle_says_why(stub, door, code, health):
    stub.write(cards=[card(0), card(1)], errors=[(0, "nvmlDeviceGetHandleByIndex_v2", code)])
    bad, good = door(stub).read().gpus
    assert (bad.health, good.health) == (health, "ok")
    assert bad.trouble
    assert bad.remedy


def test_a_card_on_which_every_getter_fails_is_unreadable(stub, door):
    stub.write(cards=[card(0), card(1)])
    gpus = door(stub)
    gpus.read()
    stub.write(errors=[(1, "*", 999)])
    told = gpus.read().gpus
    assert [(gpu.uuid, gpu.health) for gpu in told] == [(uuid(0), "ok"), (uuid(1), "unreadable")]
    assert "999" in told[1].trouble
