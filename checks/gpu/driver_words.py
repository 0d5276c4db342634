"""What is said of a driver in trouble, by form: title and cause, and the commands a person types. Data and words only.

fact: gpu-model-servers 1.4 (codes), 3.2 (messages and their repair), 1.7 (a lost card)
"""

from __future__ import annotations

import shlex

from ...console.model import Gpu, GpuDriver, Snapshot

RELOAD = (
    "sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia",
    "sudo modprobe nvidia",
    "If a module is in use and cannot be removed, reboot instead: sudo reboot",
)
KERNEL_LOG = "See what the kernel says: sudo dmesg | grep -iE 'NVRM|Xid|nouveau'"

SUMMARY = {
    "no-driver": "install the NVIDIA driver",
    "no-library": "install the driver's libraries in the version of the kernel module",
    "no-card": "take the request for a GPU out, or move the service to a machine with a card",
    "not-loaded": "load the driver's kernel module",
    "mismatch": "load the new kernel module, or reboot",
    "no-permission": "let this user open the NVIDIA device files",
    "stalled": "find what hangs in the kernel; a reboot frees it",
    "crashed": "reinstall the driver, so that module and library are of one package",
    "no-devices": "see why the driver could not start its cards; reboot",
    "gpu-lost": "see the kernel's log, power the machine off and on",
    "reset-required": "stop what uses the card and reset it",
    "gpu-no-permission": "let this user open the card's device file",
}

_WORDS = {
    "no-driver": (
        "An NVIDIA card is in this machine and no NVIDIA driver",
        "libnvidia-ml.so.1, the library that comes with every driver, is not there",
    ),
    "no-library": (
        "The NVIDIA kernel module is loaded, but its library libnvidia-ml.so.1 is missing",
        "Module and library come in different packages, and only one of them is installed",
    ),
    "no-card": (
        "{asking} asks for a GPU, and there is no NVIDIA card in this machine",
        "The Engine refuses to start a container whose GPU it cannot give",
    ),
    "not-loaded": (
        "The NVIDIA driver is installed, but its kernel module is not loaded",
        (
            "After an update of the kernel the module has to be built again; with Secure Boot a module without an"
            " accepted signature is refused; and nouveau, the other driver, may hold the card"
        ),
    ),
    "mismatch": (
        "The NVIDIA driver was upgraded while the old one runs",
        (
            "The packages were replaced, often by unattended upgrades, but the kernel keeps the old module until it is"
            " reloaded. What runs goes on, what starts from now on fails"
        ),
    ),
    "no-permission": (
        "This user may not use the NVIDIA driver",
        "The device files /dev/nvidia* may be opened by others only, or a device cgroup forbids them",
    ),
    "stalled": (
        "The NVIDIA driver does not answer any more",
        "A card that has locked up keeps every program that asks it waiting in the kernel, where none can be killed",
    ),
    "crashed": (
        "The NVIDIA library crashes when it is asked",
        "A library that ends the program it runs in is broken, or of another version than the kernel module",
    ),
    "no-devices": (
        "The NVIDIA driver runs and shows no GPU, although the bus has one",
        "The driver could not start the card: it fell off the bus, is held by a virtual machine, or lacks power",
    ),
    "gpu-lost": (
        "The NVIDIA driver has lost its GPUs",
        "A card fell off the bus (Xid 79): power, PCIe riser, overheating or a defect",
    ),
}
_CARDS = {
    "gpu-lost": (
        "{card} is lost: it fell off the bus",
        (
            "The driver knows the card and reaches it no more. The usual causes are power, a loose card or riser, heat,"
            " or a defect; what ran on it is dead"
        ),
    ),
    "reset-required": (
        "{card} has to be reset before it can be used again",
        "An error on the card (memory, a stuck engine) is only cleared by a reset",
    ),
    "gpu-no-permission": (
        "This user may not read {card}",
        "Its device file may be opened by others only",
    ),
}


def of(form: str, driver: GpuDriver, asking: str) -> tuple[str, str]:
    """Title and cause for the driver as a whole."""
    title, because = _WORDS[form]
    if form == "mismatch" and driver.module:
        library = driver.version or driver.nvml
        title = f"The NVIDIA driver was upgraded: the kernel still runs {driver.module}" + (
            f", the library is {library}" if library and library != driver.module else ""
        )
    if form == "no-driver" and not driver.cards:
        title = f"{asking} asks for a GPU, and no NVIDIA driver is on this machine" if asking else title
    return title.replace("{asking}", asking or "A service"), because


def of_card(form: str, name: str) -> tuple[str, str]:
    """Title and cause for one card."""
    title, because = _CARDS[form]
    return title.replace("{card}", name), because


def says(form: str, snapshot: Snapshot, stop: tuple[str, ...], gpu: Gpu | None = None) -> tuple[str, ...]:
    """What a person does, commands included. ``stop``: containers that use the GPU."""
    halt = (f"Stop what uses the GPU first: docker stop {shlex.join(stop)}",) if stop else ()
    again = (f"Start them again afterwards: docker start {shlex.join(stop)}",) if stop else ()
    if form == "mismatch":
        return (*halt, *RELOAD, *again)
    if form == "reset-required":
        number = gpu.index if gpu is not None and gpu.index is not None else "NUMBER"
        return (*halt, f"sudo nvidia-smi --gpu-reset -i {number}", KERNEL_LOG, *again)
    if form == "gpu-lost":
        more = ("Check its power cables, riser and temperature; a card that does it again is defective.",)
        return (KERNEL_LOG, *halt, "Power the machine off and on: a warm reboot may not bring the card back.", *more)
    return _install(snapshot) if form == "no-driver" else _SAYS.get(form, ())


def _install(snapshot: Snapshot) -> tuple[str, ...]:
    os = (snapshot.host.os or "").lower()
    if "ubuntu" in os:
        return "sudo ubuntu-drivers install", "sudo reboot"
    if "debian" in os:
        return "Enable the components contrib and non-free, then: sudo apt install nvidia-driver", "sudo reboot"
    return ("Install the NVIDIA driver from this distribution's packages, then: sudo reboot",)


_SAYS: dict[str, tuple[str, ...]] = {
    "no-library": (
        "See the module's version: cat /sys/module/nvidia/version",
        "Install the libraries of the same version (Debian and Ubuntu: libnvidia-compute-VERSION or libnvidia-ml1).",
        "If this console runs in a container, give it the GPU with the capability `utility`.",
    ),
    "no-card": (
        "See what is on the bus: lspci -nn | grep -i nvidia",
        "Take deploy.resources.reservations.devices (or runtime: nvidia, or gpus) out of the service's compose file.",
        "Ollama and most embedders run on the processor too, only slower.",
        "In a virtual machine the card has to be passed through to it first.",
    ),
    "not-loaded": (
        "sudo modprobe nvidia",
        "If there is no such module, build it for this kernel (its headers are needed): sudo dkms autoinstall",
        "If the key is rejected, Secure Boot is on and the module not signed: mokutil --sb-state",
        KERNEL_LOG,
    ),
    "no-permission": (
        "See who may open them: ls -l /dev/nvidia*",
        "Run stackops with sudo, or add the user to that group (often `video`): sudo usermod -aG video USER",
    ),
    "gpu-no-permission": ("See who may open them: ls -l /dev/nvidia*", "Or run stackops with sudo."),
    "stalled": (
        "See which programs hang: ps -eo pid,stat,args | awk '$2 ~ /^D/'",
        KERNEL_LOG,
        "Programs in state D cannot be killed; when the driver does not come back, reboot: sudo reboot",
    ),
    "crashed": (
        "See whether nvidia-smi crashes as well: nvidia-smi",
        "Compare the versions: cat /sys/module/nvidia/version; ls -l /usr/lib/*/libnvidia-ml.so.1",
        "Reinstall the driver's packages, all in one version, and reboot.",
    ),
    "no-devices": (
        KERNEL_LOG,
        "See who holds the card (vfio-pci: a virtual machine): lspci -nnk -d 10de:",
        "sudo reboot",
    ),
}  # fmt: skip
