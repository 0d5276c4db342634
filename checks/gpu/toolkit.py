"""Docker cannot hand a GPU to a container: the start failed, or is going to.

What it does
    Reads why the Engine could not start a container that asks for a GPU; the reason stands in the container's state and
    in no log. Each reason is told apart by its own words: no toolkit that the Engine knows of, a toolkit that was
    installed after the Engine had started, CDI switched off or without a valid description of the devices, a runtime
    that is not configured, no driver or two versions of it, a card that needs too long to wake, an image that wants a
    newer CUDA than the driver has, a device that does not exist. For services that have not been started yet, says
    beforehand what the Engine's own list of runtimes lets expect.

Why it matters
    The container stays in the state "created" and has an empty log, so that there seems to be nothing to go by. The
    messages name the layer that failed and seldom what to do there.

Fix
    Explained, with the commands for this case: most of them install a package or restart Docker, which stops every
    container that live-restore does not keep.

Sources
    moby daemon/start.go, daemon/nvidia_linux.go (the Engine looks for nvidia-container-runtime-hook when it starts) and
    daemon/cdi.go; nvidia-container-toolkit and libnvidia-container (texts of nvidia-container-cli); moby pull requests
    50228 and 52704 on CDI; two of the texts and the exit code seen with Engine 20.10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result, Severity
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.stacks.engines import is_desktop, is_podman
from .. import Check, compose
from . import toolkit_words as words
from .common import Asker, askers
from .toolkit_examples import EXAMPLES

ID = "gpu.toolkit"
HOOK = "nvidia-container-runtime-hook"


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each container or service that asks for a GPU and of which something can be told."""
    asking = askers(snapshot)
    served = any(one.place.state == "running" and one.grant.how == "request" for one in asking)
    for one in asking:
        told = _started(one, snapshot) if one.place.container else _expected(one, snapshot, served=served)
        if told is not None:
            yield told


def _started(one: Asker, snapshot: Snapshot) -> Result | None:
    """What became of a container."""
    container = one.place.container
    if container is None:
        return None
    if container.state in ("running", "paused"):
        return Result(ID, one.name, "ok", f"{one.name} was given its GPUs", evidence=_evidence(one))
    reason = words.reason(container.error, toolkit_there=_toolkit(snapshot))
    return _finding(one, reason, snapshot, "error") if reason else None


def _expected(one: Asker, snapshot: Snapshot, *, served: bool) -> Result | None:
    """What will become of a service that has no container; nothing where it cannot be told."""
    engine = snapshot.engine
    if engine is None or engine.runtimes is None:
        return None
    if "nvidia" in engine.runtimes or served:
        return Result(ID, one.name, "ok", f"Docker has what {one.name} needs for its GPUs", evidence=_evidence(one))
    if one.grant.how == "runtime":
        return _finding(one, words.Reason("runtime-missing", {}), snapshot, "error")
    if one.grant.how != "request" or engine.cdi_directories:
        return None
    if _programs(snapshot) is None:
        return Result(
            ID, one.name, "unknown", f"Whether Docker can give {one.name} a GPU cannot be told",
            because="it knows no runtime nvidia, and whether the toolkit is on its machine is not seen from here",
            evidence=_evidence(one, snapshot),
        )  # fmt: skip
    missing = not _programs(snapshot)
    return _finding(one, words.Reason("toolkit-missing", {}), snapshot, "warning") if missing else None


def _programs(snapshot: Snapshot) -> tuple[str, ...] | None:
    """What of the toolkit was found; None where the Engine has a virtual machine of its own, or uses CDI alone."""
    return None if is_desktop(snapshot.engine) or is_podman(snapshot.engine) else snapshot.gpu_programs


def _toolkit(snapshot: Snapshot) -> bool | None:
    """Whether the program that the Engine looks for is there by now; None where nobody looked."""
    programs = _programs(snapshot)
    return None if programs is None else any(path.endswith("/" + HOOK) for path in programs)


def _finding(one: Asker, reason: words.Reason, snapshot: Snapshot, severity: Severity) -> Result:
    title, because = words.of(reason, one.name, snapshot)
    return compose.finding(
        ID, one.name, reason.form, title, severity=severity, because=because, evidence=_evidence(one, snapshot),
        fix=FixSummary("manual", words.SUMMARY[reason.form]),
    )  # fmt: skip


def _evidence(one: Asker, snapshot: Snapshot | None = None) -> tuple[Evidence, ...]:
    container, rows = one.place.container, [Evidence("asks for", one.grant.words, one.source)]
    if container and container.error:
        rows.insert(0, Evidence("the Engine's reason", container.error[:400], f"docker inspect {one.name}"))
        rows.append(Evidence("state", _state(container.state, container.exit_code), f"docker inspect {one.name}"))
    if snapshot and snapshot.engine and snapshot.engine.runtimes is not None:
        rows.append(Evidence("runtimes of the Engine", ", ".join(snapshot.engine.runtimes) or "none", "docker info"))
    programs = _programs(snapshot) if snapshot else None
    if programs is not None:
        found = ", ".join(programs) or "not found"
        rows.append(Evidence("NVIDIA's toolkit", found, "/usr/bin, /usr/local/bin, /usr/sbin"))
    return tuple(rows)


def _state(state: str, exit_code: int | None) -> str:
    return state if exit_code is None else f"{state}, exit code {exit_code}"


def plan(result: Result, snapshot: Snapshot, settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Says what to type: packages, Docker's configuration and its restart are the operator's."""
    now = {one.subject: one for one in examine(snapshot, settings)}.get(result.subject)
    asker = next((one for one in askers(snapshot) if one.name == result.subject), None)
    if now is None or now.form is None or now.form != result.form or asker is None:
        return compose.manual(result, "There is nothing to repair any more.")
    container = asker.place.container
    reason = words.reason(container.error if container else None, toolkit_there=_toolkit(snapshot))
    return compose.manual(result, *words.says(reason or words.Reason(now.form, {}), asker, snapshot))


CHECK = Check(
    id=ID, title="Docker can give containers their GPUs", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
