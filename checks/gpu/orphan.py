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
from collections.abc import Iterator
from dataclasses import replace

from ...console.model import GpuProcess
from ...console.text import _
from ...console.text.cleaning import clip, duration, size
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, Unknown, by_hand
from .common import card

_LOOK = "See what it is: ps -o pid,ppid,user,stat,lstart,args -p {pid}"
LEFT_BEHIND = Form(
    "left-behind",
    "Process {pid} holds {held}, and nobody answers for it",
    "{why}",
    "look at the process, then end it",
    "warning",
    advice=f"{_LOOK}\n"
    "See what it still does: sudo ls -l /proc/{pid}/cwd /proc/{pid}/fd\n"
    "End it: sudo kill {pid}\n"
    "When it is still there after ten seconds: sudo kill -9 {pid}\n"
    "Look again: its memory is free when the process is gone.",
)
ZOMBIE = replace(
    LEFT_BEHIND,
    id="zombie",
    advice=f"{_LOOK}\n"
    "It has ended already and cannot be killed; it goes with its parent.\n"
    "See the parent: ps -o pid,user,stat,lstart,args -p {parent}\n"
    "End the parent, if nobody needs it: sudo kill {parent}",
)
ZOMBIE_INSIDE = replace(
    ZOMBIE,
    variant="inside",
    advice=f"{_LOOK}\n"
    "It has ended already and cannot be killed; it goes with its container.\n"
    "docker restart {container}\n"
    "With init: true in the compose file it is given a first process that takes ended ones away.",
)
"""A zombie cannot be killed: its parent has to ask for it, or to end."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each process that nobody answers for, else one answer for all."""
    left: dict[int, list[GpuProcess]] = {}
    for process in snapshot.gpu_processes:
        if process.orphan is not None:
            left.setdefault(process.pid, []).append(process)
    for _rest, rows in sorted(left.items()):
        yield _case(rows, snapshot)
    if left or not snapshot.gpus or not snapshot.gpu_processes:
        return
    if snapshot.gpu_driver is not None and snapshot.gpu_driver.same_namespace is False:
        why = _("the console sees other process numbers than the driver: run it on the machine, or with pid: host")
        yield Unknown("", _("Whose the processes on the GPUs are cannot be told"), why)
    else:
        yield Fine("", _("Somebody answers for every process on the GPUs"))


def _case(rows: list[GpuProcess], snapshot: Snapshot) -> Case[None]:
    first, held = rows[0], _held(rows)
    cards = ", ".join(card(gpu) for gpu in snapshot.gpus if gpu.uuid in {row.gpu for row in rows}) or "a GPU"
    much = (
        _("{held} of {cards}", held=size(held), cards=cards)
        if held is not None
        else _("memory of {cards}", cards=cards)
    )
    subject, why = f"process {first.pid}", first.orphan or ""
    command = " ".join(first.command) or first.name or _("not known")
    evidence = [Evidence(_("command"), clip(command, 200), subject), Evidence(_("holds"), much, "NVML")]
    if first.started_at is not None:
        evidence.append(Evidence(_("runs since"), duration(snapshot.taken_at - first.started_at), subject))
    if first.user:
        evidence.append(Evidence(_("user"), first.user, subject))
    container = next((c.name for c in snapshot.containers if c.id == first.container), "")
    words = {"pid": str(first.pid), "held": much, "why": why, "parent": str(first.parent or "PARENT")}
    words["container"] = shlex.quote(container)
    zombie = ZOMBIE_INSIDE if container else ZOMBIE
    return Case(subject, zombie if "zombie" in why else LEFT_BEHIND, None, tuple(evidence), words)


def _held(rows: list[GpuProcess]) -> int | None:
    known = [row.memory for row in rows if row.memory is not None]
    return sum(known) if known else None


CHECK = Check(
    "gpu.orphan", "Every process on a GPU belongs to somebody", __doc__ or "",
    (LEFT_BEHIND, ZOMBIE, ZOMBIE_INSIDE), find, by_hand,
    reads=("containers", "gpus", "gpu_driver", "gpu_processes"),
)  # fmt: skip
