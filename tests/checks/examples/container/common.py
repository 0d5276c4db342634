"""Containers in every state that matters."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Container, Health, HealthProbe, HostInfo, LastWords, Port, Service, Snapshot

from examples import Example
from examples.snapshots import ENGINE, NOW, container_id

ID = container_id("app")
DAY = 86400.0
LINES = ("Error: connect ECONNREFUSED 127.0.0.1:6379", "npm ERR! code ELIFECYCLE")


def app(*others: Container, lines: tuple[str, ...] = LINES, **more: Any) -> Snapshot:
    """One container called ``app``, restarted by the Engine, made a day ago, running since an hour."""
    facts: dict[str, Any] = {
        "id": ID, "name": "app", "image": "example/app:1", "state": "running", "restart_policy": "always",
        "created_at": NOW - DAY, "started_at": NOW - 3600, "restart_count": 0, "exit_code": 0,
    }  # fmt: skip
    made = Container(**(facts | more))
    back = made.state == "running" and bool(made.restart_count) and NOW - (made.started_at or 0.0) < 1200.0
    words = (LastWords(ID, lines, back or made.state != "running"),) if lines else ()
    return Snapshot(
        taken_at=NOW, host=HostInfo("example"), engine=ENGINE, containers=(made, *others),
        services=(Service("fastgpt", "app", ID),), last_words=words,
    )  # fmt: skip


def other(name: str, port: int | None = None, **more: Any) -> Container:
    """Another container that runs, publishing a port."""
    ports = (Port(80, "tcp", "0.0.0.0", port),) if port else ()
    return Container(
        **{"id": container_id(name), "name": name, "image": "x", "state": "running", "ports": ports, **more}
    )


def health(status: str, *outputs: str, streak: int = 0, code: int = 1) -> Health:
    """What a health check says, its last outputs oldest first."""
    return Health(
        status, streak, tuple(HealthProbe(NOW - 5.0 * (len(outputs) - i), code, o) for i, o in enumerate(outputs))
    )


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    """An example with a finding that a person repairs."""
    return Example(name, snapshot, "finding", form, ())
