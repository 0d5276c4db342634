"""The driver's state in words: what is wrong with it as a whole, and the next step. Each trouble has its own.

Sources: nvml.h (nvmlReturn_t); moby daemon/start.go and nvidia-container-toolkit for what a start fails with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct, field
from msgspec.json import Decoder

from ....model import GpuDriver
from ....text import N_, _
from ....text.cleaning import clean_line
from . import Signs

NO_BINDING = -2
"""Code of a child that found no ``pynvml``; NVML's own are positive."""
Memory = tuple[int, int | None, int, int]
"""Total, reserved, free, used."""
Row = tuple[int, int | None, int | None, int | None]
"""Pid, bytes, GPU instance, compute instance."""


class RawInstance(Struct):
    """One MIG instance."""

    uuid: str | None = None
    name: str | None = None
    gpu_instance: int | None = None
    compute_instance: int | None = None
    memory: Memory | None = None
    compute: list[Row] = field(default_factory=list)
    graphics: list[Row] = field(default_factory=list)
    mps: list[Row] = field(default_factory=list)


class RawCard(RawInstance):
    """One GPU. ``code`` instead of all else where the driver gave no handle."""

    index: int = 0
    code: int | None = None
    bus: str | None = None
    rates: tuple[int, int] | None = None
    temperature: int | None = None
    power: int | None = None
    """Milliwatts, as ``power_limit``."""
    power_limit: int | None = None
    fan: int | None = None
    clock: int | None = None
    clock_max: int | None = None
    memory_clock: int | None = None
    performance_state: int | None = None
    throttle: int | None = None
    ecc: tuple[int, int] | None = None
    ecc_uncorrected: int | None = None
    remapped: tuple[int, int, int, int] | None = None
    """Corrected, uncorrected, waiting for a reset, failed."""
    recovery: int | None = None
    pcie_generation: int | None = None
    pcie_generation_max: int | None = None
    pcie_width: int | None = None
    persistence: int | None = None
    mig: int | None = None
    instances: list[RawInstance] = field(default_factory=list)
    samples: list[tuple[int, int, int]] | None = None
    """Pid, percent, microseconds; None where there are none to be had."""
    errors: dict[str, int] = field(default_factory=dict)


class RawReading(Struct):
    """One answer."""

    error: int | None = None
    """NVML's code when nothing at all could be read."""
    driver: str | None = None
    nvml: str | None = None
    cuda: int | None = None
    library: str | None = None
    """Version in the name of the library's file, after a failure."""
    replaced: bool = False
    """The library's file was replaced since it was loaded."""
    cards: list[RawCard] = field(default_factory=list)


_READING = Decoder(RawReading)


def understood(line: bytes) -> RawReading:
    """One line of the child, its texts cleaned: they come from a driver. Raises msgspec.DecodeError."""
    raw = _READING.decode(line)
    raw.driver, raw.nvml, raw.library = _clean(raw.driver), _clean(raw.nvml), _clean(raw.library)
    for card in raw.cards:
        card.bus = _clean(card.bus)
        for one in (card, *card.instances):
            one.uuid, one.name = _clean(one.uuid), _clean(one.name)
    return raw


def _clean(told: str | None) -> str | None:
    return clean_line(told) or None if told else None


State = Literal["ok", "no_library", "not_loaded", "mismatch", "no_permission", "stalled", "crashed", "unknown"]
RELOAD = N_(
    "Stop what uses the GPUs, then: sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset "
    "nvidia && sudo modprobe nvidia; or reboot"
)
LOG = N_("The kernel's log tells more: sudo dmesg | grep -e NVRM -e Xid")


class StateReason(Struct, frozen=True):
    """A state, and what to say of it."""

    state: State
    sentence: str | None = None
    remedy: str | None = None
    code: int | None = None


STUCK = StateReason("stalled", N_("The NVIDIA driver does not answer; what is shown is the last it told"), LOG)
STARTING = StateReason(
    "stalled",
    N_("The NVIDIA driver has not answered yet; waking the GPUs can take half a minute"),
    N_("Persistence mode keeps them awake: sudo nvidia-smi -pm 1"),
)
HOPELESS = StateReason(
    "stalled",
    N_("The NVIDIA driver hangs in the kernel, and so does every process that asks it"),
    N_("Only a reboot frees a driver that stays so. The kernel's log tells more: sudo dmesg | grep -e NVRM -e Xid"),
)


def crashed(status: int | None) -> StateReason:
    """The child program ended by itself: a status of ``subprocess``, negative for a signal."""
    how = (
        _("unexpectedly")
        if status is None
        else _("by signal {value}", value=-status)
        if status < 0
        else _("with status {status}", status=status)
    )
    remedy = _("It is started again by itself; if that keeps happening, reinstall the NVIDIA driver. {log}", log=_(LOG))
    return StateReason("crashed", _("The process that asks the NVIDIA library was ended {how}", how=how), remedy)


def failed(raw: RawReading, signs: Signs) -> StateReason:
    """Nothing could be read, for the reason that NVML's code gives."""
    code = raw.error if raw.error is not None else 999
    told = _BY_CODE.get(code, _unknown)(raw, signs)
    return StateReason(told.state, told.sentence, told.remedy, code if code > 0 else None)


def absent(signs: Signs) -> StateReason:
    """Nothing was asked, for there is neither a card nor anything of a driver; what that is, only a card tells."""
    return _no_library(RawReading(), signs) if signs.cards else StateReason("no_library")


def driver(told: StateReason, signs: Signs, raw: RawReading | None, *, same_namespace: bool | None) -> GpuDriver:
    """The state with the versions that are known."""
    cuda = raw.cuda if raw is not None and raw.cuda else None
    return GpuDriver(
        told.state,
        version=(raw.driver or raw.library) if raw is not None else None,
        nvml=raw.nvml if raw is not None else None,
        cuda=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        module=signs.module or None,
        cards=signs.cards,
        same_namespace=same_namespace,
        code=told.code,
        sentence=told.sentence and _(told.sentence),
        remedy=told.remedy and _(told.remedy),
    )


def _no_library(_raw: RawReading, signs: Signs) -> StateReason:
    if signs.contained:
        return StateReason(
            "no_library",
            _("libnvidia-ml.so.1 is not in this container, so no GPU can be read from here"),
            _("Give it GPUs with the utility capability: --gpus all -e NVIDIA_DRIVER_CAPABILITIES=utility"),
        )
    if signs.module is not None:
        return StateReason(
            "no_library",
            _(
                "The NVIDIA kernel module{version} is loaded, but its library libnvidia-ml.so.1 cannot be found",
                version=_version(signs),
            ),
            _(
                "Install the driver's libraries in the same version (Debian, Ubuntu: "
                "libnvidia-compute or libnvidia-ml1)"
            ),
        )
    return StateReason(
        "no_library",
        _("An NVIDIA card is there, but no NVIDIA driver: libnvidia-ml.so.1 cannot be found"),
        _("Install the NVIDIA driver of this distribution (Ubuntu: sudo ubuntu-drivers install), then reboot"),
    )


def _not_loaded(_raw: RawReading, signs: Signs) -> StateReason:
    if signs.nouveau:
        return StateReason(
            "not_loaded",
            _("The NVIDIA kernel module is not loaded: the card is held by nouveau"),
            _("Keep nouveau from loading (blacklist nouveau in /etc/modprobe.d, rebuild the initramfs), then reboot"),
        )
    if signs.module is not None:
        return StateReason(
            "not_loaded",
            _(
                "The NVIDIA kernel module{version} is loaded, but the library does not reach it",
                version=_version(signs),
            ),
            _("Restart this container with its GPUs: --gpus all")
            if signs.contained
            else _("Have its device files made: sudo nvidia-modprobe -u -c=0; if that does not help, reboot"),
        )
    return StateReason(
        "not_loaded",
        _("The NVIDIA kernel module is not loaded"),
        _(
            "sudo modprobe nvidia; if that fails, build it for this kernel (sudo dkms "
            "autoinstall), or enrol its key where Secure Boot refuses it (mokutil --sb-state)"
        ),
    )


def _mismatch(raw: RawReading, signs: Signs) -> StateReason:
    library = raw.library if raw.library and "." in raw.library else (raw.nvml or "").partition(".")[2] or None
    versions = (
        _(": module {module}, library {library}", module=signs.module, library=library)
        if signs.module and library
        else ""
    )
    return StateReason(
        "mismatch",
        _("The NVIDIA driver was upgraded, but the kernel still runs the old module{versions}", versions=versions),
        RELOAD,
    )


def _no_permission(_raw: RawReading, _signs: Signs) -> StateReason:
    return StateReason(
        "no_permission",
        _("{user} may not use the NVIDIA driver's device files", user=_user()),
        _("See who may: ls -l /dev/nvidia*; join that group (often video), or run this console with sudo"),
    )


def _blocked(_raw: RawReading, signs: Signs) -> StateReason:
    if signs.contained:
        return StateReason(
            "no_permission",
            _("The operating system keeps this container from the GPUs: its device rules do not allow them"),
            _("Restart this container with its GPUs: --gpus all"),
        )
    return StateReason(
        "no_permission",
        _("The operating system keeps this process from the GPUs: a device cgroup does not allow them"),
        _("Look for DeviceAllow and DevicePolicy in the systemd unit that this console runs in"),
    )


def _lost_rules(raw: RawReading, signs: Signs) -> StateReason:
    if not signs.contained:
        return _unknown(raw, signs)
    return StateReason(
        "unknown",
        _("This container has lost its GPUs: the rules that allowed them went with a reload of systemd's units"),
        _("Restart this container"),
    )


def _gpus_gone(_raw: RawReading, _signs: Signs) -> StateReason:
    return StateReason("unknown", _("The NVIDIA driver has lost its GPUs"), _("Reboot the machine. {log}", log=_(LOG)))


def _no_binding(_raw: RawReading, _signs: Signs) -> StateReason:
    return StateReason(
        "unknown",
        _("The Python package nvidia-ml-py is not installed beside this console, so GPUs cannot be read"),
        _("Install stackops with all that it depends on: pip install --upgrade stackops"),
    )


def _unknown(raw: RawReading, _signs: Signs) -> StateReason:
    return StateReason("unknown", _("The NVIDIA library cannot start: it gives error {error}", error=raw.error), LOG)


_BY_CODE: dict[int, Callable[[RawReading, Signs], StateReason]] = {
    4: _no_permission, 9: _not_loaded, 12: _no_library, 15: _gpus_gone, 16: _gpus_gone, 17: _blocked, 18: _mismatch,
    999: _lost_rules, NO_BINDING: _no_binding,
}  # fmt: skip


def _version(signs: Signs) -> str:
    return f" {signs.module}" if signs.module else ""


def _user() -> str:
    import getpass

    try:
        return _("The user {getuser}", getuser=getpass.getuser())
    except (KeyError, OSError):
        return _("This user")
