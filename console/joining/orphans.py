"""Processes that hold GPU memory and that nobody answers for any more: one sentence each. Pure.

fact: after ``docker rm -f`` on vLLM, workers stayed behind with 22 GB, invisible to ``docker ps``; zombies under a
first process that does not reap keep their GPU contexts. gpu-model-servers 1.6
"""

from __future__ import annotations

import re

from ..hosts import ProcessRow
from ..model import Container
from ..text import clean_line
from . import commands
from .processes import INITS, SHIMS, Processes

# Processes that only ever work for a parent. fact: names that vLLM, Ray and SGLang give theirs
_WORKER = re.compile(r"^(?:VLLM::(?:Worker|EngineCore)|ray::|sglang::(?:scheduler|detokenizer|data_parallel))")


def orphan(row: ProcessRow, container: Container | None, processes: Processes, *, engine_told: bool) -> str | None:
    """Why nobody answers for this process; None when somebody does, or nothing tells.

    ``engine_told``: the Engine has listed all its containers, and they are those of this process table.
    """
    return (
        _zombie(row, processes) or _worker(row, container, processes) or _left(row, container, processes, engine_told)
    )


def is_worker(row: ProcessRow) -> bool:
    """Whether it is one that works for a parent and never by itself."""
    told = commands.words(row.command)
    title = told[0] if told else row.name
    if _WORKER.match(title) or _WORKER.match(row.name):
        return True
    return "--multiprocessing-fork" in told or (title.rpartition("/")[2] == "ollama" and told[1:2] == ["runner"])


def _zombie(row: ProcessRow, processes: Processes) -> str | None:
    if not row.zombie:
        return None
    parent = processes.get(row.ppid)
    who = f"{clean_line(parent.name, 40)} ({parent.pid})" if parent else f"process {row.ppid}"
    return f"It has ended and stays as a zombie, as its parent, {who}, does not ask for its end; it keeps the memory"


def _worker(row: ProcessRow, container: Container | None, processes: Processes) -> str | None:
    """A worker whose parent has ended: it was taken in by an init, by a shim, or stands alone."""
    if not is_worker(row) or row.ppid == 0 or (container is not None and container.pid == row.pid):
        return None
    parent = processes.get(row.ppid)
    if parent is None:
        adopted = processes.visible(row.pid) and processes.complete
    else:
        adopted = parent.pid == 1 or parent.name in INITS or parent.name.startswith(SHIMS)
    return "Its parent has ended: it works for nobody any more and keeps the memory" if adopted else None


def _left(row: ProcessRow, container: Container | None, processes: Processes, engine_told: bool) -> str | None:
    """Its cgroup names a container that is gone. Those of other engines have somebody who keeps them."""
    if container is not None or row.container is None or not engine_told or row.runtime in ("podman", "kubernetes"):
        return None
    if not processes.visible(row.pid) or not processes.complete or processes.has_shim(row):
        return None
    return (
        f"Its container, {row.container[:12]}, is gone: docker does not list it any more, the process keeps the memory"
    )
