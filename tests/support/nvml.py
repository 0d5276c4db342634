"""A GPU driver's library that says what a test tells it: tests/nvml/stub.c, under the unmodified nvidia-ml-py.

    stub = Stub(build(tmp_path_factory), tmp_path)
    stub.write(cards=[card(0), card(1)], processes=[holds(0, 4242, 3 * GIB)])
    subprocess.run([...], env=os.environ | stub.environment)
    stub.write(errors=[(1, "*", GPU_IS_LOST)])  # what is not named stays as it was

``LD_LIBRARY_PATH`` has to be there before Python starts: in this very process the library cannot be used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "nvml" / "stub.c"
MIB, GIB = 1 << 20, 1 << 30
NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, NOT_LOADED, GPU_IS_LOST, MISMATCH, UNKNOWN = 3, 4, 6, 9, 15, 18, 999
_built: dict[tuple[str, ...], Path] = {}


def build(factory: pytest.TempPathFactory, missing: Sequence[str] = ()) -> Path:
    """The folder with libnvidia-ml.so.1 in it; ``missing`` functions are left out, as an old driver does.

    Skips the test where there is no C compiler.
    """
    key = tuple(sorted(missing))
    if key not in _built:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler: the stand-in for libnvidia-ml.so.1 cannot be built")
        folder = factory.mktemp("nvml")
        script = folder / "names.map"
        local = " ".join(f"{name};" for name in key)
        script.write_text("{ global: *; " + (f"local: {local} " if local else "") + "};\n")
        target = folder / "libnvidia-ml.so.1"
        subprocess.run(
            [compiler, "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-fvisibility=hidden",
             "-Wl,-soname,libnvidia-ml.so.1", f"-Wl,--version-script={script}", "-o", target, SOURCE],
            check=True, timeout=60,
        )  # fmt: skip
        _built[key] = folder
    return _built[key]


def card(index: int = 0, **facts: Any) -> dict[str, Any]:
    """The facts of a healthy 40 GB card; a keyword changes one, ``None`` makes it Not Supported. Power in mW."""
    known: dict[str, Any] = {
        "uuid": uuid(index), "name": "NVIDIA A100-SXM4-40GB", "bus": f"00000000:{index + 1:02X}:00.0",
        "memory_total": 40 * GIB, "memory_used": 0, "memory_reserved": 512 * MIB,
        "utilisation": 0, "memory_utilisation": 0, "temperature": 38, "power_mw": 61_500, "power_limit_mw": 400_000,
        "clock_graphics": 1410, "max_clock_graphics": 1410, "clock_sm": 1410, "max_clock_sm": 1410,
        "clock_memory": 1215, "performance_state": 0, "throttle": 1, "ecc": 1, "ecc_uncorrected": 0,
        "pcie_generation": 4, "pcie_generation_max": 4, "pcie_width": 16,
        "persistence": 1, "mig": 0, "remap_pending": 0, "field_230": 0,
    }  # fmt: skip
    return {key: value for key, value in (known | facts).items() if value is not None}


def instance(gpu: int, index: int, **facts: Any) -> dict[str, Any]:
    """The facts of a MIG instance, as ``card`` gives those of a GPU."""
    known: dict[str, Any] = {
        "uuid": f"MIG-{gpu}0000000-{index}111-5222-8333-444444444444", "name": "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        "memory_total": 5 * GIB, "memory_used": 0, "memory_reserved": 0,
        "gpu_instance": 7 + index, "compute_instance": 0,
    }  # fmt: skip
    return {key: value for key, value in (known | facts).items() if value is not None}


def uuid(index: int) -> str:
    """The UUID that ``card(index)`` has."""
    return f"GPU-{index:08x}-1111-2222-3333-444444444444"


def holds(
    where: int | str, pid: int, memory: int | None, kind: str = "compute", ids: tuple[int, int] | None = None
) -> str:
    """A line for a process: ``where`` is a GPU or ``"GPU/INSTANCE"``; ``memory`` None: not told; ``ids``: MIG's."""
    tail = f" {ids[0]} {ids[1]}" if ids else ""
    return f"process {where} {kind} {pid} {'-' if memory is None else memory}{tail}"


def sample(gpu: int, pid: int, sm: int, at: int = 1 << 60) -> str:
    """A line for one sample of process utilisation: percent, at a time in microseconds."""
    return f"sample {gpu} {pid} {at} {sm} 1 0 0"


def plug(root: Path, address: str = "0000:01:00.0", *, driver: str | None = None, vendor: str = "0x10de") -> None:
    """Put a display controller onto the PCI bus of a machine made of plain files."""
    folder = root / "sys/bus/pci/devices" / address
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "class").write_text("0x030000\n")
    if driver:
        (folder / "driver").symlink_to(f"../../../../bus/pci/drivers/{driver}")


class Stub:
    """The control file. What is written holds from the next call on, in every process that has the environment."""

    def __init__(self, library: Path, folder: Path) -> None:
        self.library = library
        self.path = folder / "nvml.txt"
        self._told: dict[str, Any] = {
            "driver": "550.54.15", "nvml": "12.550.54.15", "cuda": 12040, "sticky": 0, "calls": None, "gpus": None,
            "cards": [card(0)], "instances": {}, "processes": [], "samples": [], "silent": [],
            "errors": [], "stalls": [], "crashes": [],
        }  # fmt: skip
        self.write()

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs beside its own environment."""
        return {"LD_LIBRARY_PATH": str(self.library), "STACKOPS_NVML_STUB": str(self.path)}

    def write(self, **told: Any) -> None:
        """Say something new; what is not named stays.

        ``driver``, ``nvml``, ``cuda``; ``cards`` (see ``card``); ``gpus`` where the count is not theirs; ``instances``:
        (gpu, index) -> ``instance(...)``; ``processes`` (``holds``); ``samples`` (``sample``); ``silent``: GPUs whose
        empty samples are a success; ``errors``: (gpu or "*", function or "*", code); ``stalls``: (gpu, function,
        seconds); ``crashes``: (gpu, function, signal); ``sticky``: a process whose init failed once goes on failing;
        ``calls``: a file that every call is noted in.
        """
        unknown = told.keys() - self._told.keys()
        assert not unknown, f"the stub knows nothing of {unknown}"
        self._told |= told
        fresh = self.path.with_suffix(".new")
        fresh.write_text("\n".join(self._lines()) + "\n", encoding="utf-8")
        os.replace(fresh, self.path)  # noqa: PTH105 - at once, so that no half of it is ever read

    def _lines(self) -> list[str]:
        now = self._told
        gpus = len(now["cards"]) if now["gpus"] is None else now["gpus"]
        lines = [
            f"gpus {gpus}",
            *(f"{key} {now[key]}" for key in ("driver", "nvml", "cuda", "sticky", "calls") if now[key]),
        ]
        for index, facts in enumerate(now["cards"]):
            lines += _facts(str(index), facts)
        for (gpu, index), facts in now["instances"].items():
            lines += _facts(f"{gpu}/{index}", facts)
        lines += [*now["processes"], *now["samples"], *(f"samples {gpu} none" for gpu in now["silent"])]
        for verb, key in (("error", "errors"), ("stall", "stalls"), ("crash", "crashes")):
            lines += [f"{verb} {gpu} {function} {number}" for gpu, function, number in now[key]]
        return lines


def _facts(scope: str, facts: Mapping[str, Any]) -> list[str]:
    def told(value: object) -> object:
        return f"hex:{value.hex()}" if isinstance(value, bytes) else value

    return [f"gpu {scope} {key} {told(value)}" for key, value in facts.items()]
