"""A container has lost the GPU that it was given, or will at the next reload of systemd's units.

What it does
    Two forms. It has happened: a container with a GPU logs "Failed to initialize NVML: Unknown Error" since its last
    start, while the driver works on the host. It will happen: Docker uses the systemd cgroup driver, the container got
    its GPU through NVIDIA's classic hook, and the device rules that systemd keeps for the container
    (50-DeviceAllow.conf) do not name the NVIDIA devices. Containers that were given their devices by CDI or one by one
    are left alone: systemd knows of these.

Why it matters
    The hook adds the devices behind systemd's back. Any systemctl daemon-reload, which many package upgrades run,
    writes the rules anew without them. What has the GPU open goes on; whatever opens it afterwards fails. Ollama does
    not die of it: it runs the next model on the processor and says nothing.

Fix
    Restarts the container that has lost its GPU, which gives it the rules again; nothing inside heals it. Preventing it
    is explained: any one of four settings does, and all of them concern the whole machine.

Sources
    nvidia-container-toolkit issues 48 and 1744, nvidia-docker issues 1671 and 1730, strom issue 536;
    docs/troubleshooting of Ollama.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Container, DeviceRules, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.stacks.gpu_grants import granted
from ...console.steps import RestartContainer
from .. import Check, compose
from .common import Asker, askers, place_of
from .lost_in_container_examples import EXAMPLES

ID = "gpu.lost-in-container"
MARKS = ("gpu.nvml-unknown",)
BEHIND_SYSTEMD = ("request", "runtime")
"""Grants whose devices the classic hook adds. fact: gpu-model-servers 3.3"""
PREVENTION = (
    "To prevent it, any one of these is enough:",
    (
        '1. Docker without systemd\'s cgroups: add "exec-opts": ["native.cgroupdriver=cgroupfs"] to'
        " /etc/docker/daemon.json, restart Docker, and recreate the containers."
    ),
    (
        "2. Links by which systemd finds the devices: sudo nvidia-ctk system create-dev-char-symlinks --create-all,"
        " repeated at each boot by a udev rule."
    ),
    (
        "3. Every device file by name beside the request in the compose file: devices: [/dev/nvidiactl,"
        " /dev/nvidia-uvm, /dev/nvidia0]."
    ),
    "4. The GPU through CDI: driver: cdi with device_ids: [nvidia.com/gpu=all].",
)


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each running container with a GPU of which something can be told."""
    for one in askers(snapshot):
        container = one.place.container
        if container is None or container.state != "running":
            continue
        lost = compose.log_evidence(snapshot, container, MARKS)
        state = snapshot.gpu_driver.state if snapshot.gpu_driver else "unknown"
        if lost and state in ("ok", "unknown", "stalled"):
            works = state == "ok" and not _cards_gone(one, snapshot)
            yield _lost(one, lost) if works else _unknown(one, lost, driver=state == "ok")
            continue
        told = _predicted(one, container, snapshot)  # with a driver in trouble it is not the container that ails
        if told is not None:
            yield told


def _cards_gone(one: Asker, snapshot: Snapshot) -> bool:
    """Whether every card that it was granted is in trouble itself: then a restart gives it nothing."""
    uuids = granted(one.grant, snapshot.gpus)
    cards = [gpu for gpu in snapshot.gpus if uuids and gpu.uuid in uuids]
    return bool(cards) and all(gpu.health in ("lost", "reset_required") for gpu in cards)


def _lost(one: Asker, log: tuple[Evidence, ...]) -> Result:
    rows = (*log[-2:], Evidence("on the host", "the driver works", "NVML"), _granted(one))
    return compose.finding(
        ID, one.name, "lost", f"{one.name} has lost its GPU", severity="error", evidence=rows,
        because=(
            "The rules that let it open the GPU are gone, most often after a systemctl daemon-reload. Nothing inside"
            " the container brings them back"
        ),
        fix=FixSummary("disruptive", "restart the container, which gives it the GPU again"),
    )  # fmt: skip


def _predicted(one: Asker, container: Container, snapshot: Snapshot) -> Result | None:
    engine = snapshot.engine
    if engine is None or engine.cgroup_driver is None:
        return None
    if engine.cgroup_driver != "systemd" or one.grant.how not in BEHIND_SYSTEMD:
        return _fine(one, ())
    rules = next((r for r in snapshot.device_rules if r.container == container.id), None)
    if rules is None or rules.nvidia is None:
        return None  # no such file, or not to be read: systemd of another version keeps the rules elsewhere
    return _fine(one, (_rules(rules),)) if rules.nvidia or _by_name(container) else _will_be(one, rules)


def _by_name(container: Container) -> bool:
    """Device files of the card and of its control were passed in besides."""
    return "/dev/nvidiactl" in container.devices


def _will_be(one: Asker, rules: DeviceRules) -> Result:
    rows = (_rules(rules), Evidence("cgroup driver", "systemd", "docker info"), _granted(one))
    return compose.finding(
        ID, one.name, "predictable", f"{one.name} will lose its GPU at the next systemctl daemon-reload",
        severity="warning", evidence=rows,
        because=(
            "systemd does not know that this container may use the NVIDIA devices, and writes its rules anew without"
            " them whenever units are reloaded, as many package upgrades do"
        ),
        fix=FixSummary("manual", "let systemd know of the devices, or take it out of the way"),
    )  # fmt: skip


def _fine(one: Asker, rows: tuple[Evidence, ...]) -> Result:
    return Result(
        ID, one.name, "ok", f"{one.name} keeps its GPU when units are reloaded", evidence=(*rows, _granted(one))
    )


def _unknown(one: Asker, log: tuple[Evidence, ...], *, driver: bool) -> Result:
    because = "it says so, but the driver of the host could not be asked, and the fault may be there"
    if driver:
        because = "it says so, but its card itself is in trouble, which a restart does not mend: gpu.driver"
    return Result(
        ID, one.name, "unknown", f"Whether {one.name} has lost its GPU cannot be told", evidence=(*log, _granted(one)),
        because=because,
    )  # fmt: skip


def _rules(rules: DeviceRules) -> Evidence:
    return Evidence("devices of NVIDIA", "allowed" if rules.nvidia else "not in systemd's rules", rules.path)


def _granted(one: Asker) -> Evidence:
    return Evidence("GPU granted", one.grant.words, one.source)


def plan(result: Result, snapshot: Snapshot, settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """A restart for the one that has lost it; advice for the others."""
    now = {one.subject: one for one in examine(snapshot, settings)}.get(result.subject)
    container = next((c for c in snapshot.containers if c.name == result.subject), None)
    if now is None or now.status != "finding" or now.form != result.form or container is None:
        return compose.manual(result, "There is nothing to repair any more.")
    if now.form == "predictable":
        return compose.manual(result, *PREVENTION, "A container that has lost its GPU gets it back by a restart.")
    return Plan(
        check=ID, subject=result.subject, title=result.title, safety="disruptive",
        steps=(RestartContainer(container=container.id, name=container.name),), restarts=(container.name,),
        says=(
            f"{container.name} starts anew: requests that it works on are cut off, and models are loaded again.",
            "It will happen again with the next reload of systemd's units.",
            *PREVENTION,
        ),
        settle=10.0, uncovers=("predictable",), lock=place_of(snapshot, container).directory,
    )  # fmt: skip


CHECK = Check(
    id=ID, title="Containers keep their GPUs", severity="error", doc=__doc__ or "", examine=examine, plan=plan,
    examples=EXAMPLES,
)  # fmt: skip
