"""A container has lost the GPU that it was given, or will at the next reload of systemd's units.

What it does
    Three forms. It has happened: a container with a GPU logs "Failed to initialize NVML: Unknown Error" or its like
    since its last start, while the driver works on the host. It ended so: the last run of a container with a GPU found
    no GPU at all, which is told while it is started again and again as well.
    It will happen: Docker uses the systemd cgroup driver, the container got
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
    nvidia-container-toolkit issues 48 and 1744, nvidia-docker issues 1671 and 1730, strom issue 536; ollama issues
    3930, 7765 and 9531;
    docs/troubleshooting of Ollama.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.fix.steps import RestartContainer
from ...console.model import Container, LogMark
from ...console.products.gpu_grants import granted
from ...console.products.server_logs import LOST as LOST_MARK
from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from ..compose import put_away
from .common import READY, Asker, askers, began, goes_round, last_cause, said

UNKNOWN_MARK = f"{LOST_MARK}nvml-unknown"

BEHIND_SYSTEMD = ("request", "runtime")
"""Grants whose devices NVIDIA's classic hook adds (nvidia-container-toolkit issue 48)."""
PREVENTION = """To prevent it, any one of these is enough:
1. Docker without systemd's cgroups: add "exec-opts": ["native.cgroupdriver=cgroupfs"] to /etc/docker/daemon.json, \
restart Docker, and recreate the containers.
2. Links by which systemd finds the devices: sudo nvidia-ctk system create-dev-char-symlinks --create-all, repeated \
at each boot by a udev rule.
3. Every device file by name beside the request in the compose file: devices: [/dev/nvidiactl, /dev/nvidia-uvm, \
/dev/nvidia0].
4. The GPU through CDI: driver: cdi with device_ids: [nvidia.com/gpu=all]."""
LOST = Form(
    "lost",
    "{subject} has lost its GPU",
    "The rules that let it open the GPU are gone, most often after a systemctl daemon-reload. Nothing inside"
    " the container brings them back",
    "restart the container, which gives it the GPU again",
    advice="{subject} starts anew: requests that it works on are cut off, and models are loaded again.\n"
    "It will happen again with the next reload of systemd's units.\n"
    f"{PREVENTION}",
)
ENDED = Form(
    "ended",
    "{subject} ended because it found no GPU",
    "It was granted one ({grant}), and the last run found none that it may open. {driver}",
    "start it again; where it ends the same way, see what it is given",
    advice="docker restart {subject}\n"
    "Where it says the same again, see what it sees: docker exec {subject} nvidia-smi -L\n"
    "A wrong number in CUDA_VISIBLE_DEVICES hides every GPU: inside the container they are counted from 0.\n"
    "A container that was made before the driver was upgraded has to be made anew: docker compose up -d"
    " --force-recreate\n"
    f"{PREVENTION}",
)
PREDICTABLE = Form(
    "predictable",
    "{subject} will lose its GPU at the next systemctl daemon-reload",
    "systemd does not know that this container may use the NVIDIA devices, and writes its rules anew without"
    " them whenever units are reloaded, as many package upgrades do",
    "let systemd know of the devices, or take it out of the way",
    "warning",
    advice=f"{PREVENTION}\nA container that has lost its GPU gets it back by a restart.",
)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container with a GPU of which something can be told."""
    state = snapshot.gpu_driver.state if snapshot.gpu_driver else "unknown"
    asked = state in ("ok", "unknown", "stalled")  # with a driver in trouble it is not the container that ails
    for one in askers(snapshot):
        container = one.place.container
        if container is None:
            continue
        cause = last_cause(snapshot, container, LOST_MARK) if asked and _ended_badly(container, snapshot) else None
        log = _says(snapshot, container) if asked and container.state == "running" else ()
        if cause is not None:
            yield _ended(one, cause, snapshot, works=state == "ok")
        elif log:
            yield _lost(one, log, snapshot, works=state == "ok")
        elif container.state == "running":
            yield from _predicted(one, container, snapshot)


def _ended_badly(container: Container, snapshot: Snapshot) -> bool:
    """Whether a run of it ended, and not because somebody stopped it."""
    if container.state == "running":
        return goes_round(snapshot, container, said(snapshot, container))
    return container.state in ("exited", "dead", "restarting") and bool(container.exit_code) and not put_away(container)


def _says(snapshot: Snapshot, container: Container) -> tuple[Evidence, ...]:
    """Lines of its present run that tell of no GPU, but for those of one that serves or computes on a GPU all the same.

    The rules that are gone keep nobody from the GPU who has it open: that NVML fails is told whatever else works.
    """
    own = [m for m in said(snapshot, container) if (m.at or 0.0) >= began(container)]
    ready = max((m.at or 0.0 for m in own if m.mark in READY), default=0.0)
    computes = any(process.container == container.id for process in snapshot.gpu_processes)
    told = [m for m in own if m.mark == UNKNOWN_MARK]
    told += [
        m for m in own if m.mark.startswith(LOST_MARK) and m not in told and not computes and (m.at or 0.0) > ready
    ]
    return tuple(Evidence("log", mark.text, f"docker logs {container.name}") for mark in told)


def _ended(one: Asker, cause: LogMark, snapshot: Snapshot, *, works: bool) -> Found:
    rows = (Evidence("log", cause.text, f"docker logs {one.name}"), _granted(one))
    if works and _cards_gone(one, snapshot):
        why = _("its last run says so, but its card itself is in trouble, which a restart does not mend: gpu.driver")
        return Unknown(one.name, _("Whether {one} has lost its GPU cannot be told", one=one.name), why, rows)
    driver = _("The driver works on the host") if works else _("Whether the driver works on the host is not known")
    return Case(one.name, ENDED, one, rows, {"grant": one.grant.words, "driver": driver})


def _lost(one: Asker, log: tuple[Evidence, ...], snapshot: Snapshot, *, works: bool) -> Found:
    if works and not _cards_gone(one, snapshot):
        rows = (*log[-2:], Evidence(_("on the host"), _("the driver works"), "NVML"), _granted(one))
        return Case(one.name, LOST, one, rows)
    why = _("it says so, but the driver of the host could not be asked, and the fault may be there")
    if works:
        why = _("it says so, but its card itself is in trouble, which a restart does not mend: gpu.driver")
    return Unknown(
        one.name, _("Whether {one} has lost its GPU cannot be told", one=one.name), why, (*log, _granted(one))
    )


def _cards_gone(one: Asker, snapshot: Snapshot) -> bool:
    """Whether every card that it was granted is in trouble itself: then a restart gives it nothing."""
    uuids = granted(one.grant, snapshot.gpus)
    cards = [gpu for gpu in snapshot.gpus if uuids and gpu.uuid in uuids]
    return bool(cards) and all(gpu.health in ("lost", "reset_required") for gpu in cards)


def _predicted(one: Asker, container: Container, snapshot: Snapshot) -> Iterator[Found]:
    engine, keeps = snapshot.engine, _("{one} keeps its GPU when units are reloaded", one=one.name)
    if engine is None or engine.cgroup_driver is None:
        return
    if engine.cgroup_driver != "systemd" or one.grant.how not in BEHIND_SYSTEMD:
        yield Fine(one.name, keeps, (_granted(one),))
        return
    rules = next((r for r in snapshot.device_rules if r.container == container.id), None)
    if rules is None or rules.nvidia is None:
        return  # no such file, or not to be read: systemd of another version keeps the rules elsewhere
    row = Evidence(_("devices of NVIDIA"), "allowed" if rules.nvidia else _("not in systemd's rules"), rules.path)
    if rules.nvidia or "/dev/nvidiactl" in container.devices:  # allowed, or passed in by name besides
        yield Fine(one.name, keeps, (row, _granted(one)))
    else:
        driver = Evidence(_("cgroup driver"), "systemd", "docker info")
        yield Case(one.name, PREDICTABLE, one, (row, driver, _granted(one)))


def _granted(one: Asker) -> Evidence:
    return Evidence(_("GPU granted"), one.grant.words, one.source)


def plan(case: Case[Asker], _answers: Answers) -> Plan:
    """A restart for the one that has lost it; advice for the others."""
    place, container = case.facts.place, case.facts.place.container
    if case.form is not LOST or container is None:
        return manual(*case.advice)
    return repair(
        RestartContainer(container=container.id, name=container.name), says=case.advice, restarts=(container.name,),
        uncovers=("predictable",), lock=place.directory,
    )  # fmt: skip


CHECK = Check(
    "gpu.lost-in-container", "Containers keep their GPUs", __doc__ or "", (LOST, ENDED, PREDICTABLE), find, plan,
    reads=("engine", "containers", "projects", "gpus", "gpu_driver", "gpu_processes", "device_rules",
           "servers", "log_marks", "last_words"),
)  # fmt: skip
