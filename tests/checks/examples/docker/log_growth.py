"""Logs that grew, and what ``docker.log-growth`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import HostInfo, LogFile, Snapshot, System

from examples import Example
from examples.snapshots import NOW, container_id
from examples.wiring.folder import FILE, FOLDER, live, service

MIB, GIB = 1 << 20, 1 << 30
LABELS = {LABEL_DIRECTORY: FOLDER, LABEL_FILES: FILE}


def log(size: int | None, name: str = "fastgpt", **facts: Any) -> Snapshot:
    """A container with a log of this size."""
    snapshot = live(service(name, f"{name}:1"))
    path = f"/var/lib/docker/containers/{container_id(name)}/{container_id(name)}-json.log"
    told = {"log_driver": "json-file", "log_path": path, "labels": LABELS, **facts}
    made = tuple(replace(one, **told) for one in snapshot.containers)
    return replace(snapshot, containers=made, system=System(NOW, logs=(LogFile(container_id(name), path, size),)))


def bare(size: int) -> Snapshot:
    """The same of a container that was made by docker run."""
    snapshot = log(size)
    made = tuple(replace(one, project=None, service=None, labels={}) for one in snapshot.containers)
    return replace(snapshot, containers=made, projects=())


def finds(name: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", "grown", ())


FINDS = (
    finds("let it grow to a gigabyte", log(GIB)),
    finds("let it grow to twelve", log(12 * GIB)),
    finds("let it fill the disk", log(400 * GIB)),
    finds("has a One API that prints every request", log(3 * GIB, "oneapi")),
    finds("has a mongod that prints every connection", log(5 * GIB, "mongo")),
    finds("has a model server that prints every token", log(9 * GIB, "vllm")),
    finds("has a service that starts again and again", log(2 * GIB, state="restarting", restart_count=9000)),
    finds("stopped the container", log(2 * GIB, state="exited", exit_code=0)),
    finds("paused the container", log(2 * GIB, state="paused")),
    finds("made the container by docker run", bare(2 * GIB)),
)  # fmt: skip

FINDS_NOT = (
    Example("has an empty log", log(0), "ok"),
    Example("has a small one", log(30 * MIB), "ok"),
    Example("has one of nearly a gigabyte", log(GIB - 1), "ok"),
    Example("has a small one of a mongod", log(400 * MIB, "mongo"), "ok"),
    Example("stopped a container with a small one", log(MIB, state="exited", exit_code=0), "ok"),
    Example("made one by docker run", bare(MIB), "ok"),
    Example("may not look", log(None), "unknown"),
    Example("may not look at that of a stopped container", log(None, state="exited", exit_code=0), "unknown"),
    Example("has bounded it meanwhile", log(3 * GIB, log_limit="50m"), "not_applicable"),
    Example("has none that is not bounded", replace(log(0), system=System(NOW)), "not_applicable"),
    Example("removed the container", replace(log(3 * GIB), containers=()), "not_applicable"),
    Example("measures nothing", Snapshot(NOW, HostInfo("x")), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
