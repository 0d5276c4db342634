"""A process holds memory of a GPU, and nobody answers for it any more.

What it does
    Names each process on a GPU whose container is gone, whose parent has ended, or that has itself ended and was never
    taken away: its number, its command and what it holds. Processes outside of containers that somebody started are
    left alone, and so is everything of which the process table does not tell enough.

Why it matters
    The memory stays taken, and no container list shows by whom: the next model does not fit, although everything was
    stopped. It is typical of servers that start a worker per GPU, such as vLLM, when their container is removed by
    force.

Fix
    Explained, with the commands that show the process and end it. It is not ended by a key: a process that nobody knows
    may still be somebody's.

Sources
    vllm-omni issue 2317 (workers left after docker rm -f, 22 GB held); mori issue 473 (zombies that keep GPU contexts).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import GpuProcess, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.text import clip, duration, size
from .. import Check, compose
from .common import card
from .orphan_examples import EXAMPLES

ID = "gpu.orphan"
ZOMBIE = "zombie"


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each process that nobody answers for, else one for all."""
    left: dict[int, list[GpuProcess]] = {}
    for process in snapshot.gpu_processes:
        if process.orphan is not None:
            left.setdefault(process.pid, []).append(process)
    for pid, rows in sorted(left.items()):
        yield _finding(pid, rows, snapshot)
    if left or not snapshot.gpus or not snapshot.gpu_processes:
        return
    if snapshot.gpu_driver is not None and snapshot.gpu_driver.same_namespace is False:
        yield Result(
            ID, "", "unknown", "Whose the processes on the GPUs are cannot be told",
            because="the console sees other process numbers than the driver: run it on the machine, or with pid: host",
        )  # fmt: skip
    else:
        yield Result(ID, "", "ok", "Somebody answers for every process on the GPUs")


def _finding(pid: int, rows: list[GpuProcess], snapshot: Snapshot) -> Result:
    first, held = rows[0], _held(rows)
    cards = ", ".join(card(gpu) for gpu in snapshot.gpus if gpu.uuid in {row.gpu for row in rows}) or "a GPU"
    much = f"{size(held)} of {cards}" if held is not None else f"memory of {cards}"
    evidence = [Evidence("command", clip(_command(first), 200), f"process {pid}"),
                Evidence("holds", much, "NVML")]  # fmt: skip
    if first.started_at is not None:
        evidence.append(Evidence("runs since", duration(snapshot.taken_at - first.started_at), f"process {pid}"))
    if first.user:
        evidence.append(Evidence("user", first.user, f"process {pid}"))
    title = f"Process {pid} holds {much}, and nobody answers for it"
    return compose.finding(
        ID, f"process {pid}", _form(first), title, severity="warning", because=first.orphan or "",
        evidence=tuple(evidence),
        fix=FixSummary("manual", "look at the process, then end it"),
    )  # fmt: skip


def _form(process: GpuProcess) -> str:
    return "zombie" if ZOMBIE in (process.orphan or "") else "left-behind"


def _held(rows: list[GpuProcess]) -> int | None:
    known = [row.memory for row in rows if row.memory is not None]
    return sum(known) if known else None


def _command(process: GpuProcess) -> str:
    return " ".join(process.command) or process.name or "not known"


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Says what to type. Ending somebody's process is the operator's."""
    process = next((p for p in snapshot.gpu_processes if p.orphan and f"process {p.pid}" == result.subject), None)
    if process is None:
        return compose.manual(result, "There is nothing to repair any more.")
    look = f"See what it is: ps -o pid,ppid,user,stat,lstart,args -p {process.pid}"
    if _form(process) == "zombie":
        return compose.manual(result, look, *_of_parent(process, snapshot))
    return compose.manual(
        result, look,
        f"See what it still does: sudo ls -l /proc/{process.pid}/cwd /proc/{process.pid}/fd",
        f"End it: sudo kill {process.pid}",
        f"When it is still there after ten seconds: sudo kill -9 {process.pid}",
        "Look again: its memory is free when the process is gone.",
    )  # fmt: skip


def _of_parent(process: GpuProcess, snapshot: Snapshot) -> tuple[str, ...]:
    """A zombie cannot be killed: its parent has to ask for it, or to end."""
    container = next((c for c in snapshot.containers if c.id == process.container), None)
    if container is not None:
        return (
            "It has ended already and cannot be killed; it goes with its container.",
            f"docker restart {shlex.quote(container.name)}",
            "With init: true in the compose file it is given a first process that takes ended ones away.",
        )
    parent = process.parent or "PARENT"
    return (
        "It has ended already and cannot be killed; it goes with its parent.",
        f"See the parent: ps -o pid,user,stat,lstart,args -p {parent}",
        f"End the parent, if nobody needs it: sudo kill {parent}",
    )


CHECK = Check(
    id=ID, title="Every process on a GPU belongs to somebody", severity="warning", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
