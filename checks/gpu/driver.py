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

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...console.model import Gpu, GpuDriver
from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Severity, Snapshot, Unknown, manual
from .common import Asker, card, holders, names, native, wanting, with_name

SUBJECT, SOURCE = "NVIDIA driver", "NVML"
HALT = "Stop what uses the GPU first: docker stop {users}"
AGAIN = "Start them again afterwards: docker start {users}"
KERNEL_LOG = "See what the kernel says: sudo dmesg | grep -iE 'NVRM|Xid|nouveau'"
DEVICE_FILES = "See who may open them: ls -l /dev/nvidia*"
REBOOT = "sudo reboot"
NO_DRIVER = Form(
    "no-driver",
    "An NVIDIA card is in this machine and no NVIDIA driver",
    "libnvidia-ml.so.1, the library that comes with every driver, is not there",
    "install the NVIDIA driver",
)
NO_DRIVER_ASKED = replace(
    NO_DRIVER, variant="asked", title="{asking} for a GPU, and no NVIDIA driver is on this machine"
)
NO_LIBRARY = Form(
    "no-library",
    "The NVIDIA kernel module is loaded, but its library libnvidia-ml.so.1 is missing",
    "Module and library come in different packages, and only one of them is installed",
    "install the driver's libraries in the version of the kernel module",
    advice="See the module's version: cat /sys/module/nvidia/version\n"
    "Install the libraries of the same version (Debian and Ubuntu: libnvidia-compute-VERSION or libnvidia-ml1).\n"
    "If this console runs in a container, give it the GPU with the capability `utility`.",
)
NO_CARD = Form(
    "no-card",
    "{asking} for a GPU, and there is no NVIDIA card in this machine",
    "The Engine refuses to start a container whose GPU it cannot give",
    "take the request for a GPU out, or move the service to a machine with a card",
    advice="See what is on the bus: lspci -nn | grep -i nvidia\n"
    "Take deploy.resources.reservations.devices (or runtime: nvidia, or gpus) out of the service's compose file.\n"
    "Ollama and most embedders run on the processor too, only slower.\n"
    "In a virtual machine the card has to be passed through to it first.",
)
NOT_LOADED = Form(
    "not-loaded",
    "The NVIDIA driver is installed, but its kernel module is not loaded",
    "After an update of the kernel the module has to be built again; with Secure Boot a module without an"
    " accepted signature is refused; and nouveau, the other driver, may hold the card",
    "load the driver's kernel module",
    advice="sudo modprobe nvidia\n"
    "If there is no such module, build it for this kernel (its headers are needed): sudo dkms autoinstall\n"
    "If the key is rejected, Secure Boot is on and the module not signed: mokutil --sb-state\n"
    f"{KERNEL_LOG}",
)
MISMATCH = Form(
    "mismatch",
    "The NVIDIA driver was upgraded while the old one runs",
    "The packages were replaced, often by unattended upgrades, but the kernel keeps the old module until it is"
    " reloaded. What runs goes on, what starts from now on fails",
    "load the new kernel module, or reboot",
    advice=f"{HALT}\n"
    "sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia\n"
    "sudo modprobe nvidia\n"
    "If a module is in use and cannot be removed, reboot instead: sudo reboot\n"
    f"{AGAIN}",
)
MISMATCH_MODULE = replace(
    MISMATCH, variant="module", title="The NVIDIA driver was upgraded: the kernel still runs {module}"
)
MISMATCH_BOTH = replace(MISMATCH, variant="both", title=f"{MISMATCH_MODULE.title}, the library is {{library}}")
NO_PERMISSION = Form(
    "no-permission",
    "This user may not use the NVIDIA driver",
    "The device files /dev/nvidia* may be opened by others only, or a device cgroup forbids them",
    "let this user open the NVIDIA device files",
    "info",
    advice=f"{DEVICE_FILES}\n"
    "Run stackops with sudo, or add the user to that group (often `video`): sudo usermod -aG video USER",
)
STALLED = Form(
    "stalled",
    "The NVIDIA driver does not answer any more",
    "A card that has locked up keeps every program that asks it waiting in the kernel, where none can be killed",
    "find what hangs in the kernel; a reboot frees it",
    advice="See which programs hang: ps -eo pid,stat,args | awk '$2 ~ /^D/'\n"
    f"{KERNEL_LOG}\n"
    "Programs in state D cannot be killed; when the driver does not come back, reboot: sudo reboot",
)
CRASHED = Form(
    "crashed",
    "The NVIDIA library crashes when it is asked",
    "A library that ends the program it runs in is broken, or of another version than the kernel module",
    "reinstall the driver, so that module and library are of one package",
    advice="See whether nvidia-smi crashes as well: nvidia-smi\n"
    "Compare the versions: cat /sys/module/nvidia/version; ls -l /usr/lib/*/libnvidia-ml.so.1\n"
    "Reinstall the driver's packages, all in one version, and reboot.",
)
NO_DEVICES = Form(
    "no-devices",
    "The NVIDIA driver runs and shows no GPU, although the bus has one",
    "The driver could not start the card: it fell off the bus, is held by a virtual machine, or lacks power",
    "see why the driver could not start its cards; reboot",
    advice=f"{KERNEL_LOG}\nSee who holds the card (vfio-pci: a virtual machine): lspci -nnk -d 10de:\n{REBOOT}",
)
GPUS_LOST = Form(
    "gpu-lost",
    "The NVIDIA driver has lost its GPUs",
    "A card fell off the bus (Xid 79): power, PCIe riser, overheating or a defect",
    "see the kernel's log, power the machine off and on",
    advice=f"{KERNEL_LOG}\n"
    f"{HALT}\n"
    "Power the machine off and on: a warm reboot may not bring the card back.\n"
    "Check its power cables, riser and temperature; a card that does it again is defective.",
)
GPU_LOST = replace(
    GPUS_LOST,
    variant="card",
    title="{card} is lost: it fell off the bus",
    because="The driver knows the card and reaches it no more. The usual causes are power, a loose card or riser, heat,"
    " or a defect; what ran on it is dead",
)
RESET_REQUIRED = Form(
    "reset-required",
    "{card} has to be reset before it can be used again",
    "An error on the card (memory, a stuck engine) is only cleared by a reset",
    "stop what uses the card and reset it",
    advice=f"{HALT}\nsudo nvidia-smi --gpu-reset -i {{number}}\n{KERNEL_LOG}\n{AGAIN}",
)
GPU_NO_PERMISSION = Form(
    "gpu-no-permission",
    "This user may not read {card}",
    "Its device file may be opened by others only",
    "let this user open the card's device file",
    "info",
    advice=f"{DEVICE_FILES}\nOr run stackops with sudo.",
)
FORMS = (
    NO_DRIVER, NO_DRIVER_ASKED, NO_LIBRARY, NO_CARD, NOT_LOADED, MISMATCH, MISMATCH_MODULE, MISMATCH_BOTH,
    NO_PERMISSION, STALLED, CRASHED, NO_DEVICES, GPUS_LOST, GPU_LOST, RESET_REQUIRED, GPU_NO_PERMISSION,
)  # fmt: skip
LOST_CODES = (15, 16)
"""What NVML answers of a GPU that is lost, and of one that has to be reset (NVML_ERROR_GPU_IS_LOST and the next)."""
STATES = {"not_loaded": NOT_LOADED, "no_permission": NO_PERMISSION, "stalled": STALLED, "crashed": CRASHED}
CARDS = {"lost": GPU_LOST, "reset_required": RESET_REQUIRED, "no_permission": GPU_NO_PERMISSION}


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """The driver, and each card in trouble."""
    driver, asking = snapshot.gpu_driver, wanting(snapshot)
    if driver is None or not (driver.cards or asking or snapshot.gpus):
        return
    rows, form = _rows(driver, asking), _form(driver, snapshot, asking)
    ailing = [gpu for gpu in snapshot.gpus if gpu.health in CARDS] if driver.state == "ok" else []
    if form is not None:
        yield _driver(driver, form, snapshot, asking)
    elif driver.state != "ok":
        why = driver.sentence or _("the driver did not answer as it should")
        yield Unknown(SUBJECT, _("Whether the NVIDIA driver works cannot be told"), why, rows)
    elif not ailing:
        count = len(snapshot.gpus)
        cards = _(" with {count} GPU{s}", count=count, s="s" if count != 1 else "") if count else ""
        yield Fine(SUBJECT, _("The NVIDIA driver works{cards}", cards=cards), rows)
    for gpu in ailing:
        yield _card(gpu, snapshot)


def _form(driver: GpuDriver, snapshot: Snapshot, asking: tuple[Asker, ...]) -> Form | None:
    """What is wrong with the driver as a whole; None where nothing is, or where it cannot be told."""
    if driver.state == "ok":
        return NO_DEVICES if asking and driver.cards and not snapshot.gpus else None
    if driver.state == "unknown":
        return GPUS_LOST if driver.code in LOST_CODES else None
    if driver.state == "stalled" and not snapshot.gpus:
        return None  # waking the cards may take half a minute: it has not answered yet
    if driver.state == "mismatch":
        library = driver.version or driver.nvml
        both = library and library != driver.module
        return (MISMATCH_BOTH if both else MISMATCH_MODULE) if driver.module else MISMATCH
    if driver.state != "no_library":
        return STATES[driver.state]
    if driver.cards == 0:
        return NO_CARD
    if driver.module is not None:
        return NO_LIBRARY
    return NO_DRIVER_ASKED if asking and not driver.cards else NO_DRIVER


def _driver(driver: GpuDriver, form: Form, snapshot: Snapshot, asking: tuple[Asker, ...]) -> Case[str]:
    rows = _rows(driver, asking) or (Evidence(_("state"), driver.state, SOURCE),)
    running = [one.name for one in asking if one.place.state == "running"]
    ask = "asks" if len(asking) < 2 else "ask"
    words = {
        "asking": f"{names(asking) or 'A service'} {ask}", "module": driver.module or "",
        "library": driver.version or driver.nvml or "", "users": _users(snapshot, snapshot.gpus, running),
    }  # fmt: skip
    severity = _severity(form, asked=bool(asking or native(snapshot)))
    ended = tuple(one.name for one in asking if one.place.state not in ("running", "paused"))
    return Case(SUBJECT, form, (snapshot.host.os or "").lower(), rows, words, severity, also=ended)


def _severity(form: Form, *, asked: bool) -> Severity:
    """A card that nobody asks for does no harm without a driver; what this user may not, containers still may."""
    if asked or form.severity == "info":
        return form.severity
    return "info" if form.id in ("no-driver", "not-loaded") else "warning"


def _users(snapshot: Snapshot, gpus: Iterable[Gpu], running: Iterable[str] = ()) -> str:
    """Containers that use the GPUs, to be stopped before these are touched."""
    users = [one.name for gpu in gpus for one in holders(snapshot, gpu.uuid) if one.container]
    return shlex.join(dict.fromkeys((*users, *running)))


def _rows(driver: GpuDriver, asking: tuple[Asker, ...]) -> tuple[Evidence, ...]:
    known = (
        (_("driver says"), driver.sentence, SOURCE),
        (_("kernel module"), driver.module, "/sys/module/nvidia/version"),
        ("library", driver.version or driver.nvml, "libnvidia-ml.so.1"),
        (_("NVIDIA cards"), None if driver.cards is None else str(driver.cards), _("PCI bus")),
    )
    rows = [Evidence(label, value, source) for label, value, source in known if value]
    for one in asking[:4]:
        rows.append(Evidence(_("{one} asks for", one=one.name), one.grant.words, one.source))
        if one.place.container and one.place.container.error:
            rows.append(Evidence(_("the Engine's reason"), one.place.container.error, one.source))
    return tuple(rows)


def _card(gpu: Gpu, snapshot: Snapshot) -> Case[str]:
    users = [one.name for one in holders(snapshot, gpu.uuid)]
    rows = [Evidence(_("health"), gpu.trouble or gpu.health.replace("_", " "), SOURCE)]
    rows += [Evidence(_("address"), gpu.bus, _("PCI bus"))] if gpu.bus else []
    rows += [Evidence(_("used by"), ", ".join(users[:6]), _("NVML, process table"))] if users else []
    number = "NUMBER" if gpu.index is None else str(gpu.index)
    words = {"card": with_name(gpu), "number": number, "users": _users(snapshot, (gpu,))}
    return Case(card(gpu), CARDS[gpu.health], "", tuple(rows), words)


def plan(case: Case[str], _answers: Answers) -> Plan:
    """Says what to type. Kernel modules, drivers and reboots are the operator's."""
    if case.form.id == "no-driver":
        return manual(*_install(case.facts))
    nobody = (HALT.format(users=""), AGAIN.format(users=""))
    return manual(*(line for line in case.advice if line not in nobody))


def _install(system: str) -> tuple[str, ...]:
    if "ubuntu" in system:
        return "sudo ubuntu-drivers install", REBOOT
    if "debian" in system:
        return _("Enable the components contrib and non-free, then: sudo apt install nvidia-driver"), REBOOT
    return (_("Install the NVIDIA driver from this distribution's packages, then: sudo reboot"),)


CHECK = Check(
    "gpu.driver", "The NVIDIA driver works", __doc__ or "", FORMS, find, plan,
    reads=("host", "containers", "projects", "services", "gpus", "gpu_driver", "gpu_processes"),
)  # fmt: skip
