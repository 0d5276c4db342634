"""Cheap signs of an NVIDIA GPU in plain files: without any of them no process is started. Loads no library."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

NVIDIA, DISPLAY = "0x10de", "0x03"
"""PCI vendor, and the first byte of the class of display controllers (VGA, 3D)."""
LIBRARY = "libnvidia-ml.so.1"
GIVEN_AWAY = frozenset({"vfio-pci", "pci-stub", "xen-pciback"})
"""Kernel drivers of a card that was handed to a virtual machine: no driver of this system is meant to have it."""
FOLDERS = (
    "lib", "lib64", "usr/lib", "usr/lib64", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib/wsl/lib",
    "usr/local/nvidia/lib", "usr/local/nvidia/lib64", "run/opengl-driver/lib",
)  # fmt: skip
_VERSION = re.compile(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)")
_INITIAL = "pid:[4026531836]"
"""fact: PROC_PID_INIT_INO, the process namespace that the kernel starts with."""


class Signs(Struct, frozen=True):
    """What plain files tell."""

    cards: int | None = None
    """NVIDIA display controllers not handed to a virtual machine; None when the bus cannot be read."""
    addresses: frozenset[str] = frozenset()
    """Their PCI addresses, ``0000:01:00.0``."""
    nouveau: bool = False
    """Whether one of them is driven by nouveau."""
    nodes: bool = False
    """Whether there are device files ``/dev/nvidia*``."""
    module: str | None = None
    """Version of the kernel module; empty when it is loaded and does not tell."""
    library: bool = False
    """Whether a loader would probably find the library."""
    contained: bool = False
    """Whether this is the inside of a container."""

    @property
    def any(self) -> bool:
        """Whether asking may be worth a process."""
        return bool(self.cards) or self.nodes or self.module is not None or self.library


def look(root: Path, environ: Mapping[str, str]) -> Signs:
    """All signs, in a millisecond or so."""
    cards, addresses, nouveau = _cards(root / "sys/bus/pci/devices")
    return Signs(
        cards=cards,
        addresses=addresses,
        nouveau=nouveau,
        nodes=any(name.startswith("nvidia") for name in _names(root / "dev") or ()),
        module=_module(root),
        library=_library(root, environ),
        contained=any((root / name).exists() for name in (".dockerenv", "run/.containerenv")),
    )


def same_namespace(root: Path, pids: frozenset[int]) -> bool | None:
    """Whether the process ids of the driver are those of the process table here.

    fact: old drivers tell those of the host, newer ones those of the caller (NVIDIA/open-gpu-kernel-modules#614).
    """
    try:
        own = os.readlink(root / "proc/self/ns/pid")  # noqa: PTH115 - no path: a magic link
    except OSError:
        own = None
    if own == _INITIAL:
        return True
    here = sum((root / f"proc/{pid}").exists() for pid in pids)
    if here and 2 * here >= len(pids):  # a few may have ended; of another namespace's numbers a few are taken here too
        return True
    return False if pids and own is not None else None


def _cards(devices: Path) -> tuple[int | None, frozenset[str], bool]:
    names = _names(devices)
    if names is None:
        return None, frozenset(), False
    drivers = {
        name: _driver(devices / name)
        for name in names
        if _read(devices / name / "vendor") == NVIDIA and (_read(devices / name / "class") or "").startswith(DISPLAY)
    }
    kept = {name: driver for name, driver in drivers.items() if driver not in GIVEN_AWAY}
    return len(kept), frozenset(kept), "nouveau" in kept.values()


def _driver(device: Path) -> str | None:
    try:
        return os.path.basename(os.readlink(device / "driver"))  # noqa: PTH115, PTH119
    except OSError:
        return None


def _module(root: Path) -> str | None:
    told = _read(root / "sys/module/nvidia/version")
    if told:
        return told[:40]
    text = _read(root / "proc/driver/nvidia/version")
    found = _VERSION.search(text) if text else None
    if found:
        return found[1]
    loaded = text is not None or (root / "proc/driver/nvidia").is_dir() or (root / "sys/module/nvidia").is_dir()
    return "" if loaded else None


def _library(root: Path, environ: Mapping[str, str]) -> bool:
    own = (Path(folder) for folder in environ.get("LD_LIBRARY_PATH", "").split(":") if folder)
    if any((folder / LIBRARY).exists() for folder in (*own, *(root / folder for folder in FOLDERS))):
        return True
    try:
        return f"{LIBRARY}\0".encode() in (root / "etc/ld.so.cache").read_bytes()
    except OSError:
        return False


def _names(folder: Path) -> list[str] | None:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names only
    except OSError:
        return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None
