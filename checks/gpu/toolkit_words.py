"""Why the Engine could not give a GPU, told by the words of its error, and what to type then. Words only; pure.

fact: gpu-model-servers 3.2; ``Unknown runtime specified`` and exit code 128 seen with Engine 20.10
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...console.model import Snapshot
from .common import Asker, card

CONFIGURE = "sudo nvidia-ctk runtime configure --runtime=docker"
RESTART = "sudo systemctl restart docker (it stops all containers, unless live-restore is on)"
INSTALL = "Install the package nvidia-container-toolkit from NVIDIA's repository for this distribution."


@dataclass(frozen=True)
class Reason:
    """Which form of the pitfall it is, and what the error names."""

    form: str
    named: Mapping[str, str] = field(default_factory=dict)


_ERRORS = (
    ("device-driver", re.compile(r'could not select device driver "(?P<driver>[^"]*)" with capabilities')),
    ("runtime-missing", re.compile(r"(?i)unknown (?:or invalid )?runtime(?: name| specified)?:? ?\"?nvidia")),
    ("driver-missing", re.compile(r"initialization error: load library failed: libnvidia-ml\.so")),
    ("timed-out", re.compile(r"initialization error: driver error: timed out")),
    ("mismatch", re.compile(r"nvml error: driver/library version mismatch")),
    ("cuda-too-new", re.compile(r"unsatisfied condition: cuda ?>= ?(?P<cuda>[\d.]+)?")),
    ("device-unknown", re.compile(r"device error: ?(?P<device>[^:\s]{1,80}):? .*?unknown device")),
    ("cdi-unresolvable", re.compile(r"unresolvable CDI devices (?P<device>\S{1,200})")),
    ("other", re.compile(r"nvidia-container-cli: (?P<text>.{1,200})")),
)

SUMMARY = {
    "toolkit-missing": "install NVIDIA's container toolkit, configure it, restart Docker",
    "engine-not-restarted": "restart Docker, which has not seen the toolkit yet",
    "cdi-off": "switch CDI on in Docker, or ask with driver: nvidia",
    "runtime-missing": "configure the runtime nvidia, restart Docker",
    "driver-missing": "install the NVIDIA driver on the host",
    "timed-out": "keep the card awake with persistence mode",
    "mismatch": "load the new kernel module, or reboot",
    "cuda-too-new": "install a newer driver, or use an older image",
    "device-unknown": "name a GPU that is there",
    "cdi-unresolvable": "write the CDI description anew",
    "other": "see what nvidia-container-cli complains about",
}
_WORDS = {
    "toolkit-missing": (
        "Docker cannot give {name} a GPU: it knows of no NVIDIA toolkit",
        (
            "The driver alone is not enough. Docker hands GPUs out through NVIDIA's container toolkit, and looks for it"
            " once, when it starts"
        ),
    ),
    "engine-not-restarted": (
        "Docker has not seen NVIDIA's toolkit yet, so {name} gets no GPU",
        "The toolkit is installed by now, but Docker looks for it only when it starts",
    ),
    "cdi-off": (
        "{name} asks for its GPU through CDI, which is off in this Docker",
        "CDI is a feature of Docker's own, which has to be enabled in daemon.json in this version",
    ),
    "runtime-missing": (
        "{name} wants the runtime nvidia, which Docker does not know",
        "runtime: nvidia names an entry of daemon.json, and there is none of that name",
    ),
    "driver-missing": (
        "{name} gets no GPU: the host has no NVIDIA driver",
        "The toolkit is there, but libnvidia-ml.so.1, which comes with the driver, is not; so too in snap's Docker",
    ),
    "timed-out": (
        "{name} did not get its GPU in time",
        "Without persistence mode the driver puts an unused card to sleep, and waking it can take half a minute",
    ),
    "mismatch": (
        "{name} gets no GPU: the driver was upgraded and the old module runs on",
        "The driver's libraries and its kernel module are of two versions",
    ),
    "cuda-too-new": (
        "The image of {name} wants CUDA {cuda}, more than the driver has",
        "A driver supports CUDA up to a version; an image built for a newer one is refused",
    ),
    "device-unknown": (
        "{name} asks for GPU {device}, which does not exist here",
        "The number or UUID in device_ids (or NVIDIA_VISIBLE_DEVICES) names no card of this machine",
    ),
    "cdi-unresolvable": (
        "No CDI description has the device {device} that {name} asks for",
        "CDI devices are described by files below /etc/cdi or /var/run/cdi; they are missing, or older than the driver",
    ),
    "other": (
        "NVIDIA's toolkit could not prepare {name}",
        "nvidia-container-cli gave up before the container started",
    ),
}


def reason(error: str | None, *, toolkit_there: bool | None = None) -> Reason | None:
    """Which reason an error names; None where it is about something else."""
    for form, regex in _ERRORS:
        match = regex.search(error or "")
        if match is not None:
            named = {key: value for key, value in match.groupdict().items() if value}
            if form != "device-driver":
                return Reason(form, named)
            if named.get("driver") == "cdi":
                return Reason("cdi-off", named)
            return Reason("engine-not-restarted" if toolkit_there else "toolkit-missing", named)
    return None


def of(told: Reason, name: str, snapshot: Snapshot) -> tuple[str, str]:
    """Title and cause."""
    title, because = _WORDS[told.form]
    for key, value in ({"cuda": "of a newer kind", "device": ""} | dict(told.named)).items():
        title = title.replace("{" + key + "}", value)
    supported = snapshot.gpu_driver.cuda if snapshot.gpu_driver else None
    if told.form == "cuda-too-new" and supported:
        because += f". This driver supports up to {supported}"
    if told.form == "toolkit-missing" and told.named == {}:
        because += ". Nothing of it was found where Docker looks, so the start is likely to fail"
    return title.replace("{name}", name), because


def says(told: Reason, asker: Asker, snapshot: Snapshot) -> tuple[str, ...]:
    """What to do, command by command."""
    return (*_steps(told, asker, snapshot), _again(asker))


def _again(asker: Asker) -> str:
    place = asker.place
    if place.container is not None:
        return f"Then: docker start {shlex.quote(place.container.name)}"
    return f"Then: docker compose up -d {shlex.quote(place.service or '')}"


def _steps(told: Reason, asker: Asker, snapshot: Snapshot) -> tuple[str, ...]:
    if told.form == "cuda-too-new":
        return _cuda(told, snapshot)
    if told.form == "device-unknown":
        there = ", ".join(f"{card(gpu)} = {gpu.uuid}" for gpu in snapshot.gpus) or "see nvidia-smi -L"
        return f"GPUs of this machine: {there}.", f"Correct {asker.grant.words} in the compose file."
    return _SAYS[told.form]


def _cuda(told: Reason, snapshot: Snapshot) -> tuple[str, ...]:
    supported = snapshot.gpu_driver.cuda if snapshot.gpu_driver else None
    fits = f" for CUDA {supported} or older" if supported else ""
    wanted = f" that supports CUDA {told.named['cuda']}" if "cuda" in told.named else ""
    return f"Install a driver{wanted}, and reboot.", f"Or use a tag of the image{fits}."


_SAYS: dict[str, tuple[str, ...]] = {
    "toolkit-missing": (INSTALL, CONFIGURE, RESTART),
    "engine-not-restarted": (RESTART,),
    "cdi-off": (
        'Add to /etc/docker/daemon.json: "features": {"cdi": true}',
        RESTART,
        "Or write driver: nvidia instead of driver: cdi in the compose file.",
    ),
    "runtime-missing": (INSTALL, CONFIGURE, RESTART),
    "driver-missing": (
        "See what gpu.driver says: stackops check gpu.driver",
        "Docker from snap cannot see the host's driver: use Docker's own packages instead.",
    ),
    "timed-out": (
        "sudo nvidia-smi -pm 1",
        "To keep it so after a reboot: sudo systemctl enable --now nvidia-persistenced",
    ),
    "mismatch": (
        "Stop what uses the GPUs, then: sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia",
        "sudo modprobe nvidia, or reboot where a module is in use",
    ),
    "cdi-unresolvable": (
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
        "With toolkit 1.18 and later: sudo systemctl restart nvidia-cdi-refresh",
        "See the names there are: nvidia-ctk cdi list",
    ),
    "other": (
        "See what it says on the host: sudo nvidia-container-cli -k -d /dev/tty info",
        "See whether the driver works: nvidia-smi",
    ),
}
