"""The stand-in for libnvidia-ml.so.1 is one to the unmodified nvidia-ml-py: names, sizes, protocols."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys

import pytest
from support.nvml import GIB, MIB, Stub, build, card, holds, instance, sample, uuid


def ask(stub, *expressions):
    """What nvidia-ml-py answers, in a process of its own, after an init: a value, or ``[class, code]``."""
    program = (
        "import json, sys, warnings\n"
        "from pynvml import *\n"
        "nvmlInit()\n"
        "def told(expression):\n"
        "    try:\n"
        "        return eval(expression)\n"
        "    except NVMLError as error:\n"
        "        return [type(error).__name__, error.value]\n"
        "    except UnicodeDecodeError:\n"
        "        return 'undecodable'\n"
        "h = lambda n: nvmlDeviceGetHandleByIndex(n)\n"
        "print(json.dumps([told(e) for e in sys.argv[1:]], default=lambda o: vars(o)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *expressions],
        env=os.environ | stub.environment, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-800:]
    return json.loads(done.stdout)


def test_structs_have_the_sizes_that_the_stand_in_fills():
    import pynvml

    sizes = {
        "c_nvmlMemory_t": 24, "c_nvmlMemory_v2_t": 40, "c_nvmlUtilization_t": 8, "c_nvmlProcessInfo_v2_t": 24,
        "c_nvmlProcessInfo_v3_t": 24, "c_nvmlProcessUtilizationSample_t": 32, "nvmlPciInfo_t": 68,
        "c_nvmlTemperature_v1_t": 12, "c_nvmlFieldValue_t": 40,
    }  # fmt: skip
    assert {name: ctypes.sizeof(getattr(pynvml, name)) for name in sizes} == sizes
    assert pynvml.nvmlMemory_v2 == 0x02000028


def test_figures_come_through(stub):
    stub.write(cards=[card(0, memory_used=3 * GIB, power_limit_mw=1_200_000, temperature=41)])
    told = ask(
        stub,
        "nvmlSystemGetDriverVersion()", "nvmlSystemGetCudaDriverVersion_v2()", "nvmlDeviceGetCount()",
        "nvmlDeviceGetUUID(h(0))", "nvmlDeviceGetName(h(0))", "nvmlDeviceGetPciInfo(h(0)).busId",
        "nvmlDeviceGetMemoryInfo(h(0)).used", "nvmlDeviceGetMemoryInfo(h(0), version=nvmlMemory_v2).used",
        "nvmlDeviceGetTemperatureV(h(0), 0)", "nvmlDeviceGetEnforcedPowerLimit(h(0))", "nvmlDeviceGetFanSpeed(h(0))",
        "nvmlDeviceGetFieldValues(h(0), [230])[0].value.uiVal", "nvmlDeviceGetHandleByIndex(1)",
    )  # fmt: skip
    assert told == [
        "550.54.15", 12040, 1, uuid(0), "NVIDIA A100-SXM4-40GB", "00000000:01:00.0", 3 * GIB + 512 * MIB, 3 * GIB,
        41, 1_200_000, ["NVMLError_NotSupported", 3], 0, ["NVMLError_InvalidArgument", 2],
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 2, 60])
def test_a_process_list_of_any_length_is_asked_for_twice_and_complete(stub, count):
    stub.write(processes=[holds(0, 1000 + n, None if n == 1 else n * MIB) for n in range(count)])
    (rows,) = ask(stub, "nvmlDeviceGetComputeRunningProcesses(h(0))")
    assert [(row["pid"], row["usedGpuMemory"]) for row in rows] == [
        (1000 + n, None if n == 1 else n * MIB) for n in range(count)
    ]


def test_mig_instances_have_holes_and_processes_of_their_own(stub):
    stub.write(
        cards=[card(0, mig=1)],
        instances={(0, 1): instance(0, 1)},
        processes=[holds("0/1", 77, GIB, ids=(8, 0)), holds(0, 77, None, ids=(8, 0))],
    )
    mig = "nvmlDeviceGetMigDeviceHandleByIndex(h(0), {})"
    told = ask(
        stub, mig.format(0), f"nvmlDeviceGetUUID({mig.format(1)})", f"nvmlDeviceGetGpuInstanceId({mig.format(1)})",
        f"nvmlDeviceGetComputeRunningProcesses({mig.format(1)})[0].usedGpuMemory",
        "nvmlDeviceGetComputeRunningProcesses(h(0))[0].gpuInstanceId",
    )  # fmt: skip
    assert told == [["NVMLError_NotFound", 6], instance(0, 1)["uuid"], 8, GIB, 8]


def test_process_utilisation_is_given_not_found_or_an_empty_success(stub):
    look = "[[s.pid, s.smUtil] for s in nvmlDeviceGetProcessUtilization(h({}), 5)]"
    stub.write(cards=[card(0), card(1), card(2)], samples=[sample(0, 9, 80), sample(0, 8, 1, at=4)], silent=[2])
    told = ask(stub, look.format(0), look.format(1), look.format(2))
    assert told == [[[9, 80]], ["NVMLError_NotFound", 6], ["NVMLError", 0]]


def test_errors_are_per_function_and_per_gpu(stub):
    stub.write(cards=[card(0), card(1, name=b"\xffGPU")], errors=[(0, "nvmlDeviceGetName", 4)])
    told = ask(stub, "nvmlDeviceGetName(h(0))", "nvmlDeviceGetUUID(h(0))", "nvmlDeviceGetName(h(1))")
    assert told == [["NVMLError_NoPermission", 4], uuid(0), "undecodable"]
    stub.write(errors=[(1, "*", 15)])
    assert ask(stub, "nvmlDeviceGetCount()", "nvmlDeviceGetUUID(h(0))", "h(1)") == [
        2, uuid(0), ["NVMLError_GpuIsLost", 15],
    ]  # fmt: skip


def test_an_old_driver_lacks_functions(tmp_path_factory, tmp_path):
    old = Stub(build(tmp_path_factory, ["nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetTemperatureV"]), tmp_path)
    told = ask(
        old, "nvmlDeviceGetMemoryInfo(h(0), version=nvmlMemory_v2)", "nvmlDeviceGetMemoryInfo(h(0)).total",
        "nvmlDeviceGetTemperatureV(h(0), 0)", "nvmlDeviceGetTemperature(h(0), 0)",
    )  # fmt: skip
    assert told == [["NVMLError_FunctionNotFound", 13], 40 * GIB, ["NVMLError_FunctionNotFound", 13], 38]


def test_what_is_written_holds_from_the_next_call_on(stub):
    program = (
        "import sys; from pynvml import *; nvmlInit(); h = nvmlDeviceGetHandleByIndex(0)\n"
        "for line in sys.stdin: print(nvmlDeviceGetFanSpeed(h), flush=True)\n"
    )
    stub.write(cards=[card(0, fan=30)])
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], env=os.environ | stub.environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdin
        assert child.stdout
        for fan in (30, 70):
            stub.write(cards=[card(0, fan=fan)])
            child.stdin.write("\n")
            child.stdin.flush()
            assert child.stdout.readline() == f"{fan}\n"
        child.stdin.close()
