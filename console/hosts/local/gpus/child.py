"""A program of its own that asks NVML: for every line on its standard input, one line of JSON with what was answered.

It is started by its path, with the folder of ``pynvml`` as its argument, and imports nothing else but the standard
library: a driver call that hangs or crashes, hangs or crashes this process alone. Says numbers as NVML gave them; what
they mean is decided by who reads them (``raw.py`` has the shape). Reads only. Ends with its parent, even while NVML
hangs: a thread waits for the end of the standard input.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

NO_FUNCTION, UNREADABLE_TEXT, NO_BINDING = 13, -1, -2
BROKEN = frozenset({1, 9, 18})
"""Codes after which no call of this process can succeed any more. fact: nvml.h, nvmlReturn_t."""
GPU_CLOCK, MEMORY_CLOCK, DEGREES_OF_GPU, UNCORRECTED, SINCE_LOAD = 0, 2, 0, 1, 0
RECOVERY_ACTION = 230
Getter = Callable[[Any, Any], Any]


def memory_v2(nvml: Any, handle: Any) -> list[int | None]:  # noqa: ANN401 - a module and an opaque pointer
    """Total, reserved, free, used without reserved."""
    told = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    return [told.total, told.reserved, told.free, told.used]


def memory_v1(nvml: Any, handle: Any) -> list[int | None]:  # noqa: ANN401
    """Total, not known, free, used with what is reserved. fact: nvml.h, nvmlMemory_t."""
    told = nvml.nvmlDeviceGetMemoryInfo(handle)
    return [told.total, None, told.free, told.used]


def rates(nvml: Any, handle: Any) -> list[int]:  # noqa: ANN401
    """Percent of the time: kernels running, memory read or written."""
    told = nvml.nvmlDeviceGetUtilizationRates(handle)
    return [told.gpu, told.memory]


def recovery(nvml: Any, handle: Any) -> int:  # noqa: ANN401
    """0 none, 1 GPU reset, 2 node reboot, 3 and 4 drain. fact: nvml.h, field 230."""
    told = nvml.nvmlDeviceGetFieldValues(handle, [RECOVERY_ACTION])[0]
    if told.nvmlReturn:
        raise nvml.NVMLError(told.nvmlReturn)
    return int(told.value.uiVal)


def listed(name: str) -> Getter:
    """A getter of a process list: pid, bytes or None, GPU instance, compute instance."""

    def get(nvml: Any, handle: Any) -> list[list[int | None]]:  # noqa: ANN401
        return [
            [row.pid, row.usedGpuMemory, getattr(row, "gpuInstanceId", None), getattr(row, "computeInstanceId", None)]
            for row in getattr(nvml, name)(handle)
        ]

    return get


def instance_at(index: int) -> Getter:
    """A getter of the handle of a MIG instance."""
    return lambda nvml, handle: nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)


def samples(nvml: Any, handle: Any) -> list[list[int]]:  # noqa: ANN401
    """Process utilisation of the last second: pid, percent, microseconds."""
    rows = nvml.nvmlDeviceGetProcessUtilization(handle, int((time.time() - 1) * 1e6))
    return [[r.pid, r.smUtil, r.timeStamp] for r in rows]


ONCE: dict[str, tuple[Getter, ...]] = {
    "uuid": (lambda n, h: n.nvmlDeviceGetUUID(h),),
    "name": (lambda n, h: n.nvmlDeviceGetName(h),),
    "bus": (lambda n, h: _text(n.nvmlDeviceGetPciInfo(h).busId),),
    "clock_max": (lambda n, h: n.nvmlDeviceGetMaxClockInfo(h, GPU_CLOCK),),
    "pcie_generation_max": (lambda n, h: n.nvmlDeviceGetMaxPcieLinkGeneration(h),),
}
"""What does not change while a handle lives; each with what to try when the call before it fails."""
ALWAYS: dict[str, tuple[Getter, ...]] = {
    "memory": (memory_v2, memory_v1),
    "rates": (rates,),
    "temperature": (
        lambda n, h: n.nvmlDeviceGetTemperatureV(h, DEGREES_OF_GPU),
        lambda n, h: n.nvmlDeviceGetTemperature(h, DEGREES_OF_GPU),
    ),
    "power": (lambda n, h: n.nvmlDeviceGetPowerUsage(h),),
    "power_limit": (lambda n, h: n.nvmlDeviceGetEnforcedPowerLimit(h),),
    "fan": (lambda n, h: n.nvmlDeviceGetFanSpeed(h),),
    "clock": (lambda n, h: n.nvmlDeviceGetClockInfo(h, GPU_CLOCK),),
    "memory_clock": (lambda n, h: n.nvmlDeviceGetClockInfo(h, MEMORY_CLOCK),),
    "performance_state": (lambda n, h: n.nvmlDeviceGetPerformanceState(h),),
    "throttle": (
        lambda n, h: n.nvmlDeviceGetCurrentClocksEventReasons(h),
        lambda n, h: n.nvmlDeviceGetCurrentClocksThrottleReasons(h),
    ),
    "ecc": (lambda n, h: n.nvmlDeviceGetEccMode(h),),
    "ecc_uncorrected": (lambda n, h: n.nvmlDeviceGetTotalEccErrors(h, UNCORRECTED, SINCE_LOAD),),
    "remapped": (lambda n, h: list(n.nvmlDeviceGetRemappedRows(h)),),
    "recovery": (recovery,),
    "pcie_generation": (lambda n, h: n.nvmlDeviceGetCurrPcieLinkGeneration(h),),
    "pcie_width": (lambda n, h: n.nvmlDeviceGetCurrPcieLinkWidth(h),),
    "persistence": (lambda n, h: n.nvmlDeviceGetPersistenceMode(h),),
    "mig": (lambda n, h: n.nvmlDeviceGetMigMode(h)[0],),
}
INSTANCE: dict[str, tuple[Getter, ...]] = {
    "uuid": ONCE["uuid"],
    "name": ONCE["name"],
    "memory": ALWAYS["memory"],
    "gpu_instance": (lambda n, h: n.nvmlDeviceGetGpuInstanceId(h),),
    "compute_instance": (lambda n, h: n.nvmlDeviceGetComputeInstanceId(h),),
}
LISTS: dict[str, tuple[Getter, ...]] = {
    "compute": (listed("nvmlDeviceGetComputeRunningProcesses"), listed("nvmlDeviceGetComputeRunningProcesses_v2")),
    "graphics": (listed("nvmlDeviceGetGraphicsRunningProcesses"), listed("nvmlDeviceGetGraphicsRunningProcesses_v2")),
    "mps": (listed("nvmlDeviceGetMPSComputeRunningProcesses"),),
}


class Broken(Exception):
    """Nothing can be read by this process; ``args[0]`` is NVML's code."""


class Card:
    """One GPU and what was learned of it for good."""

    def __init__(self, nvml: Any, index: int) -> None:  # noqa: ANN401
        self._nvml = nvml
        self._index = index
        self._handle: Any = None
        self._fixed: dict[str, Any] = {}

    def told(self) -> dict[str, Any]:
        """Everything it answers; ``code`` instead where not even a handle is given, ``errors`` by name."""
        if self._handle is None:
            self._handle, code = attempt(self._nvml, (lambda n, i: n.nvmlDeviceGetHandleByIndex(i),), self._index)
            if code is not None:
                return {"index": self._index, "code": sound(code)}
        fixed, errors = asked(self._nvml, self._handle, {k: v for k, v in ONCE.items() if k not in self._fixed})
        self._fixed |= fixed
        figures, more = asked(self._nvml, self._handle, ALWAYS)
        lists, others = asked(self._nvml, self._handle, LISTS)
        errors |= more | others
        if not figures and not fixed:
            sound(*errors.values())
        told = {"index": self._index, **self._fixed, **figures, **lists}
        if figures.get("mig"):
            told["instances"] = list(self._instances())
        else:
            told["samples"], code = attempt(self._nvml, (samples,), self._handle)
        return told | {"errors": errors}

    def _instances(self) -> Iterator[dict[str, Any]]:
        nvml, handle = self._nvml, self._handle
        count, _ = attempt(nvml, (lambda n, h: n.nvmlDeviceGetMaxMigDeviceCount(h),), handle)
        for index in range(count or 0):
            instance, code = attempt(nvml, (instance_at(index),), handle)
            if code is None:  # else a hole: numbers are not given without gaps
                yield asked(nvml, instance, INSTANCE)[0] | asked(nvml, instance, LISTS)[0]


def attempt(nvml: Any, getters: tuple[Getter, ...], handle: Any) -> tuple[Any, int | None]:  # noqa: ANN401
    """The first answer, or None and the last one's code."""
    code: int | None = None
    for getter in getters:
        try:
            return getter(nvml, handle), None
        except UnicodeDecodeError:
            code = UNREADABLE_TEXT
        except (AttributeError, TypeError, nvml.NVMLLibraryMismatchError):
            code = NO_FUNCTION  # a binding or a driver that is too old
        except nvml.NVMLError as error:
            code = int(error.value)
    return None, code


def asked(nvml: Any, handle: Any, table: dict[str, tuple[Getter, ...]]) -> tuple[dict[str, Any], dict[str, int]]:  # noqa: ANN401
    """What was answered, and the codes of what was not."""
    answers, errors = {}, {}
    for name, getters in table.items():
        answers[name], code = attempt(nvml, getters, handle)
        if code is not None:
            del answers[name]
            errors[name] = code
    return answers, errors


def sound(*codes: int) -> int:
    """The last of the codes; raises Broken where one of them means that nothing works any more."""
    for code in codes:
        if code in BROKEN:
            raise Broken(code)
    return codes[-1]


class NvmlSession:
    """NVML, initialised once; handles are kept, for each new one may wake a GPU. fact: wookayin/gpustat#166."""

    def __init__(self, nvml: Any) -> None:  # noqa: ANN401
        self._nvml = nvml
        self._open = False
        self._cards: list[Card] = []
        self._versions: dict[str, Any] = {}
        self._library: tuple[str, tuple[int, int] | None] | None = None

    def read(self) -> dict[str, Any]:
        """All there is, or ``error`` with NVML's code."""
        try:
            cards = self._read_cards()
        except Broken as broken:
            return {"error": broken.args[0]} | self._after_failure()
        return {"cards": cards, "replaced": self._replaced(), **self._versions}

    def _read_cards(self) -> list[dict[str, Any]]:
        nvml = self._nvml
        if not self._open:
            self._must(lambda n, _: n.nvmlInit())
            self._open = True
            self._versions, _ = asked(nvml, None, {
                "driver": (lambda n, _: n.nvmlSystemGetDriverVersion(),),
                "nvml": (lambda n, _: n.nvmlSystemGetNVMLVersion(),),
                "cuda": (
                    lambda n, _: n.nvmlSystemGetCudaDriverVersion_v2(),
                    lambda n, _: n.nvmlSystemGetCudaDriverVersion(),
                ),
            })  # fmt: skip
            self._library = mapped()
        count = self._must(lambda n, _: n.nvmlDeviceGetCount())
        if count != len(self._cards):
            self._cards = [Card(nvml, index) for index in range(count)]
        return [card.told() for card in self._cards]

    def _must(self, getter: Getter) -> Any:  # noqa: ANN401
        answer, code = attempt(self._nvml, (getter,), None)
        if code is not None:
            raise Broken(code)
        return answer

    def _after_failure(self) -> dict[str, Any]:
        """Versions that may help to tell why: this library answers for its own without an init."""
        library = mapped()
        told, _ = attempt(self._nvml, (lambda n, _: n.nvmlSystemGetNVMLVersion(),), None)
        version = library[0].rpartition(".so.")[2] if library else ""
        return {"nvml": told, "library": version if "." in version else None}  # ".so.1" is the name, not a version

    def _replaced(self) -> bool:
        """Whether the library's file is no longer the one that is mapped: the driver was upgraded meanwhile."""
        return self._library is not None and identity(self._library[0]) != self._library[1]


def mapped() -> tuple[str, tuple[int, int] | None] | None:
    """The library's file in this process's memory, and which inode that is."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:  # noqa: PTH123 - pathlib costs
            path = next((line.split(None, 5)[5].strip() for line in maps if "libnvidia-ml.so" in line), None)
    except OSError:
        return None
    return (path, identity(path)) if path else None


def identity(path: str) -> tuple[int, int] | None:
    """Device and inode; None where there is no such file."""
    try:
        told = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return told.st_dev, told.st_ino


def _text(told: str | bytes) -> str:
    return told.decode() if isinstance(told, bytes) else told


def follow(questions: queue.SimpleQueue[bytes]) -> None:
    """Pass on what is asked; end this process when there is nobody left who could ask."""
    while told := os.read(0, 4096):
        questions.put(told)
    os._exit(0)


def main() -> None:
    """Answer until the standard input ends. What the library prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=follow, args=(questions,), daemon=True).start()
    sys.path.append(sys.argv[1])
    try:
        import pynvml  # type: ignore[import-untyped]

        session = NvmlSession(pynvml)
    except ImportError:
        session = None
    while questions.get():
        told = session.read() if session is not None else {"error": NO_BINDING}
        answers.write(json.dumps(told) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
