"""The NVIDIA driver does not work: not installed, not loaded, two versions at once, a GPU lost.

What it does
    Looks where an NVIDIA card is on the PCI bus, or where a container or a compose service asks for a GPU. Tells apart:
    no driver, a library without its kernel module and the other way round, a driver that was upgraded while the old one
    runs (both versions are named), device files that this user may not open, a driver that hangs or whose library
    crashes, a driver that shows none of its cards. Where the driver works, each card is judged by itself: fallen off
    the bus, or in need of a reset. A card that nobody uses and that has no driver is worth a hint, no more.

Why it matters
    Without the driver no container with a GPU starts, and Ollama quietly falls back to the processor. After an upgrade
    of the driver's packages everything that runs goes on, and everything that starts from then on fails.

Fix
    Explained, with the commands for this case. They stop what uses the GPUs, load kernel modules or need a reboot, so
    that a person types them.

Sources
    NVML's error codes 4, 9, 12, 15, 16, 17 and 18 (nvml.h); nvidia-smi's and the kernel's messages for the same states;
    open-gpu-kernel-modules issue 1151 for a card that fell off the bus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result, Severity
from ...console.model import Gpu, GpuDriver, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from .. import Check, compose
from . import driver_words
from .common import Asker, card, holders, names, native, wanting, with_name
from .driver_examples import EXAMPLES

ID = "gpu.driver"
SUBJECT = "NVIDIA driver"
GONE = (15, 16)
"""NVML: GPU is lost, reset required. fact: gpu-model-servers 1.4"""
STATES = {
    "no_library": "no-driver", "not_loaded": "not-loaded", "mismatch": "mismatch", "no_permission": "no-permission",
    "stalled": "stalled", "crashed": "crashed",
}  # fmt: skip
CARDS = {"lost": "gpu-lost", "reset_required": "reset-required", "no_permission": "gpu-no-permission"}
SOURCE = "NVML"


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for the driver, and one for each card in trouble."""
    driver, asking = snapshot.gpu_driver, wanting(snapshot)
    if driver is None or not (driver.cards or asking or snapshot.gpus):
        return
    form = _form(driver, snapshot, asking)
    if form == "unknown":
        yield Result(
            ID, SUBJECT, "unknown", "Whether the NVIDIA driver works cannot be told",
            evidence=_evidence(driver, asking), because=driver.sentence or "the driver did not answer as it should",
        )  # fmt: skip
    elif form is not None:
        yield _finding(driver, form, snapshot, asking)
    ailing = [gpu for gpu in snapshot.gpus if gpu.health in CARDS] if driver.state == "ok" else []
    for gpu in ailing:
        yield _ailing(gpu, snapshot)
    if form is None and not ailing:
        count = len(snapshot.gpus)
        cards = f" with {count} GPU{'s' if count != 1 else ''}" if count else ""
        yield Result(ID, SUBJECT, "ok", f"The NVIDIA driver works{cards}", evidence=_evidence(driver, asking))


def _form(driver: GpuDriver, snapshot: Snapshot, asking: tuple[Asker, ...]) -> str | None:
    """What is wrong with the driver as a whole; ``unknown`` where it cannot be told."""
    if driver.state == "ok":
        return "no-devices" if asking and driver.cards and not snapshot.gpus else None
    if driver.state == "unknown":
        return "gpu-lost" if driver.code in GONE else "unknown"
    if driver.state == "stalled" and not snapshot.gpus:
        return "unknown"  # waking the cards may take half a minute: it has not answered yet
    if driver.state == "no_library":
        if driver.cards == 0:
            return "no-card"
        return "no-library" if driver.module is not None else "no-driver"
    return STATES[driver.state]


def _finding(driver: GpuDriver, form: str, snapshot: Snapshot, asking: tuple[Asker, ...]) -> Result:
    title, because = driver_words.of(form, driver, names(asking))
    return compose.finding(
        ID, SUBJECT, form, title, severity=_severity(form, bool(asking) or bool(native(snapshot))), because=because,
        evidence=_evidence(driver, asking) or (Evidence("state", driver.state, SOURCE),),
        fix=FixSummary("manual", driver_words.SUMMARY[form]),
    )  # fmt: skip


def _severity(form: str, asked: bool) -> Severity:
    """A card that nobody asks for does no harm without a driver; what this user may not, containers still may."""
    if form == "no-permission":
        return "info"
    if asked:
        return "error"
    return "info" if form in ("no-driver", "not-loaded") else "warning"


def _evidence(driver: GpuDriver, asking: tuple[Asker, ...]) -> tuple[Evidence, ...]:
    known = (
        ("driver says", driver.sentence, SOURCE),
        ("kernel module", driver.module, "/sys/module/nvidia/version"),
        ("library", driver.version or driver.nvml, "libnvidia-ml.so.1"),
        ("NVIDIA cards", None if driver.cards is None else str(driver.cards), "PCI bus"),
    )
    rows = [Evidence(label, value, source) for label, value, source in known if value]
    return (*rows, *(Evidence(f"{one.name} asks for", one.grant.words, one.source) for one in asking[:4]))


def _ailing(gpu: Gpu, snapshot: Snapshot) -> Result:
    form = CARDS[gpu.health]
    title, because = driver_words.of_card(form, with_name(gpu))
    users = [one.name for one in holders(snapshot, gpu.uuid)]
    rows = [Evidence("health", gpu.trouble or gpu.health.replace("_", " "), SOURCE)]
    rows += [Evidence("address", gpu.bus, "PCI bus")] if gpu.bus else []
    rows += [Evidence("used by", ", ".join(users[:6]), "NVML, process table")] if users else []
    severity: Severity = "info" if form == "gpu-no-permission" else "error"
    return compose.finding(
        ID, card(gpu), form, title, severity=severity, because=because, evidence=tuple(rows),
        fix=FixSummary("manual", driver_words.SUMMARY[form]),
    )  # fmt: skip


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Says what to type. Kernel modules, drivers and reboots are the operator's."""
    driver, form, asking = snapshot.gpu_driver, result.form, wanting(snapshot)
    gpu = next((one for one in snapshot.gpus if card(one) == result.subject), None)
    now = CARDS.get(gpu.health) if gpu else _form(driver, snapshot, asking) if driver else None
    if form is None or form != now or (gpu is None and result.subject != SUBJECT):
        return compose.manual(result, "There is nothing to repair any more.")
    cards = (gpu,) if gpu else snapshot.gpus
    users = [one.name for card_ in cards for one in holders(snapshot, card_.uuid) if one.container]
    running = [one.name for one in asking if one.place.state == "running"] if gpu is None else []
    return compose.manual(result, *driver_words.says(form, snapshot, tuple(dict.fromkeys((*users, *running))), gpu))


CHECK = Check(
    id=ID, title="The NVIDIA driver works", severity="error", doc=__doc__ or "", examine=examine, plan=plan,
    examples=EXAMPLES,
)  # fmt: skip
