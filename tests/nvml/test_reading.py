"""What a driver tells becomes Gpus and GpuProcesses: through the child, with the unmodified nvidia-ml-py."""

from __future__ import annotations

import pytest
from stackops.console.model import Gpu
from support.nvml import GIB, MIB, Stub, build, card, holds, instance, sample, uuid

BAD_TEXT = b"NVIDIA \xff\xfe"


def test_a_healthy_card_is_told_with_its_units(stub, door, clock):
    stub.write(cards=[card(0, memory_used=3 * GIB, utilisation=70, memory_utilisation=20, fan=30, ecc_pending=0)])
    told = door(stub).read()
    assert told.driver.state == "ok"
    assert (told.driver.version, told.driver.nvml, told.driver.cuda) == ("550.54.15", "12.550.54.15", "12.4")
    assert told.gpus == (
        Gpu(
            uuid=uuid(0), index=0, name="NVIDIA A100-SXM4-40GB", bus="00000000:01:00.0", memory_total=40 * GIB,
            memory_used=3 * GIB, memory_reserved=512 * MIB, memory_free=37 * GIB - 512 * MIB, utilisation=70.0,
            memory_utilisation=20.0, temperature=38, power=61.5, power_limit=400.0, fan=30, clock=1410, clock_max=1410,
            memory_clock=1215, performance_state=0, throttling=(), ecc=True, ecc_pending=False, ecc_uncorrected=0,
            pcie_generation=4, pcie_generation_max=4, pcie_width=16, persistence=True, mig=False, read_at=clock.now(),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("code", [3, 4, 6, 13, 26, 999])
def test_a_getter_that_fails_leaves_only_its_own_field_unknown(stub, door, code):
    whole = door(stub).read().gpus[0]
    fields = {
        "nvmlDeviceGetName": "name", "nvmlDeviceGetPciInfo_v3": "bus", "nvmlDeviceGetPowerUsage": "power",
        "nvmlDeviceGetEnforcedPowerLimit": "power_limit", "nvmlDeviceGetMaxClockInfo": "clock_max",
        "nvmlDeviceGetPerformanceState": "performance_state", "nvmlDeviceGetTotalEccErrors": "ecc_uncorrected",
        "nvmlDeviceGetCurrPcieLinkGeneration": "pcie_generation", "nvmlDeviceGetCurrPcieLinkWidth": "pcie_width",
        "nvmlDeviceGetMaxPcieLinkGeneration": "pcie_generation_max", "nvmlDeviceGetPersistenceMode": "persistence",
        "nvmlDeviceGetMigMode": "mig",
    }  # fmt: skip
    stub.write(errors=[(0, function, code) for function in fields])
    told = door(stub).read().gpus[0]
    assert told.health == "ok"
    assert {name for name in told.__struct_fields__ if getattr(told, name) != getattr(whole, name)} == set(
        fields.values()
    )
    assert all(getattr(told, name) is None for name in fields.values())


def test_a_name_that_is_no_text_is_unknown_and_nothing_else(stub, door):
    stub.write(cards=[card(0, name=BAD_TEXT)])
    told = door(stub).read().gpus[0]
    assert (told.name, told.uuid, told.temperature) == (None, uuid(0), 38)


def test_texts_of_a_driver_are_cleaned(stub, door):
    stub.write(cards=[card(0, name=b"H\x1b[2J100\x1b]0;x\x07", uuid=b"GPU-\x1b[31m1")], processes=[holds(0, 7, GIB)])
    told = door(stub).read()
    assert (told.gpus[0].name, told.gpus[0].uuid, told.processes[0].gpu) == ("H100", "GPU-1", "GPU-1")


def test_a_gpu_without_a_readable_uuid_is_keyed_by_its_index(stub, door):
    stub.write(cards=[card(0), card(1, uuid=None)], processes=[holds(1, 77, GIB)])
    told = door(stub).read()
    assert [gpu.uuid for gpu in told.gpus] == [uuid(0), "index:1"]
    assert told.processes[0].gpu == "index:1"


def test_an_old_driver_is_read_by_its_old_functions(tmp_path_factory, tmp_path, door):
    missing = [
        "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetTemperatureV", "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v3",
        "nvmlDeviceGetMPSComputeRunningProcesses_v3", "nvmlSystemGetCudaDriverVersion_v2", "nvmlDeviceGetFieldValues",
        "nvmlDeviceGetRemappedRows", "nvmlDeviceGetPersistenceMode",
    ]  # fmt: skip
    old = Stub(build(tmp_path_factory, missing), tmp_path)
    old.write(cards=[card(0, memory_used=3 * GIB, throttle=4)], processes=[holds(0, 42, GIB)])
    told = door(old).read()
    gpu = told.gpus[0]
    assert (gpu.memory_used, gpu.memory_reserved, gpu.memory_total) == (3 * GIB + 512 * MIB, None, 40 * GIB)
    assert (gpu.temperature, gpu.throttling, gpu.persistence, gpu.health) == (38, ("power limit",), None, "ok")
    assert [(process.pid, process.memory) for process in told.processes] == [(42, GIB)]
    assert told.driver.cuda == "12.4"


def test_the_second_version_of_memory_may_be_unknown_to_the_driver(stub, door):
    stub.write(errors=[(0, "nvmlDeviceGetMemoryInfo_v2", 25)])
    assert door(stub).read().gpus[0].memory_used == 512 * MIB


@pytest.mark.parametrize("facts", [{"memory_total": None}, {"memory_total": 0}])
def test_memory_shared_with_the_processor_is_unknown(stub, door, facts):
    stub.write(cards=[card(0, **facts)])
    gpu = door(stub).read().gpus[0]
    assert (gpu.memory_total, gpu.memory_used, gpu.memory_free, gpu.health) == (None, None, None, "ok")


def test_reasons_for_a_low_clock_come_in_words_with_alarms_first(stub, door):
    stub.write(cards=[card(0, throttle=0x1 | 0x4 | 0x20 | 0x40 | 0x8)])
    told = door(stub).read().gpus[0].throttling
    assert told == ("hardware slowdown", "too hot (hardware)", "too hot (software)", "power limit")


def test_power_above_a_kilowatt_and_sixteen_cards_are_read(stub, door):
    stub.write(cards=[card(n, power_mw=1_050_500, power_limit_mw=1_200_000) for n in range(16)])
    gpus = door(stub).read().gpus
    assert [gpu.uuid for gpu in gpus] == [uuid(n) for n in range(16)]
    assert {(gpu.power, gpu.power_limit) for gpu in gpus} == {(1050.5, 1200.0)}


def test_numbers_that_mean_nothing_are_unknown(stub, door):
    stub.write(cards=[card(0, utilisation=4_000_000, fan=0xFFFFFFFF, power_mw=0xFFFFFFFF, performance_state=32)])
    gpu = door(stub).read().gpus[0]
    assert (gpu.utilisation, gpu.fan, gpu.power, gpu.performance_state) == (None, None, None, None)


def test_lists_of_processes_become_one_and_unknown_memory_stays_unknown(stub, door):
    stub.write(
        cards=[card(0), card(1)],
        processes=[
            holds(0, 10, 2 * GIB), holds(0, 10, 1 * GIB, "graphics"), holds(0, 11, None), holds(0, 12, MIB, "graphics"),
            holds(0, 13, GIB, "mps"), holds(1, 10, 3 * GIB), holds(0, 0xFFFFFFFF, 7), holds(0, 0, 7),
        ],
    )  # fmt: skip
    told = {(p.gpu, p.pid): (p.memory, p.kind, p.utilisation) for p in door(stub).read().processes}
    assert told == {
        (uuid(0), 10): (2 * GIB, "both", None), (uuid(0), 11): (None, "compute", None),
        (uuid(0), 12): (MIB, "graphics", None), (uuid(0), 13): (GIB, "compute", None),
        (uuid(1), 10): (3 * GIB, "compute", None),
    }  # fmt: skip


def test_use_by_process_is_its_newest_sample_and_none_where_there_are_no_samples(stub, door):
    stub.write(
        cards=[card(0), card(1), card(2)],
        processes=[holds(0, 10, GIB), holds(0, 11, GIB), holds(0, 12, GIB), holds(1, 10, GIB), holds(2, 10, GIB)],
        samples=[sample(0, 10, 20, 1 << 59), sample(0, 10, 90, 1 << 60), sample(0, 12, 4_000_000_000)],
        silent=[2],
    )
    told = [(p.gpu, p.pid, p.utilisation) for p in door(stub).read().processes]
    assert told == [
        (uuid(0), 10, 90.0), (uuid(0), 11, 0.0), (uuid(0), 12, 0.0), (uuid(1), 10, None), (uuid(2), 10, None),
    ]  # fmt: skip


def test_mig_instances_have_their_memory_and_their_processes(stub, door):
    one, two = instance(0, 0, memory_used=GIB), instance(0, 3, name="NVIDIA A100-SXM4-40GB MIG 3g.20gb")
    stub.write(
        cards=[card(0, mig=1, utilisation=None)],
        instances={(0, 0): one, (0, 3): two},
        processes=[
            holds(0, 70, None, ids=(7, 0)), holds(0, 71, None, ids=(10, 0)), holds(0, 72, None, ids=(5, 5)),
            holds("0/0", 70, GIB, ids=(7, 0)),
        ],
        errors=[("0/3", "nvmlDeviceGetMemoryInfo_v2", 4), ("0/3", "nvmlDeviceGetMemoryInfo", 4)],
    )  # fmt: skip
    told = door(stub).read()
    gpu = told.gpus[0]
    assert (gpu.mig, gpu.utilisation, gpu.health) == (True, None, "ok")
    assert [(i.uuid, i.name, i.gpu_instance, i.memory_used, i.memory_total) for i in gpu.instances] == [
        (one["uuid"], "1g.5gb", 7, GIB, 5 * GIB), (two["uuid"], "3g.20gb", 10, None, None),
    ]  # fmt: skip
    assert [(p.pid, p.memory, p.instance) for p in told.processes] == [
        (70, GIB, one["uuid"]), (71, None, two["uuid"]), (72, None, None),
    ]  # fmt: skip


def test_a_driver_is_initialised_once_and_handles_are_kept(stub, door, tmp_path):
    noted = tmp_path / "calls"
    stub.write(cards=[card(0), card(1)], calls=noted)
    gpus = door(stub)
    for _ in range(5):
        gpus.read()
    calls = noted.read_text().splitlines()
    once = (
        "nvmlInitWithFlags *",
        "nvmlDeviceGetHandleByIndex_v2 0",
        "nvmlDeviceGetHandleByIndex_v2 1",
        "nvmlDeviceGetName 0",
    )
    assert {call: calls.count(call) for call in once} == dict.fromkeys(once, 1)
    assert calls.count("nvmlDeviceGetPowerUsage 1") == 5
    assert not [call for call in calls if "Set" in call.split()[0].removeprefix("nvmlDeviceGet")]


def test_a_card_that_joins_is_read_from_then_on(stub, door):
    gpus = door(stub)
    assert len(gpus.read().gpus) == 1
    stub.write(cards=[card(0), card(1)])
    assert [gpu.uuid for gpu in gpus.read().gpus] == [uuid(0), uuid(1)]


def test_cards_keep_their_keys_when_their_order_changes(stub, door):
    stub.write(cards=[card(0), card(1)])
    door(stub).read()
    stub.write(cards=[card(1), card(0)])
    assert [(gpu.uuid, gpu.index) for gpu in door(stub).read().gpus] == [(uuid(1), 0), (uuid(0), 1)]
