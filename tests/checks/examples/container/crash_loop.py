"""Containers that go round, and what ``container.crash-loop`` must say of them."""

from __future__ import annotations

from typing import Any

from examples import Example
from examples.container.common import DAY, app, finds, health
from examples.snapshots import NOW


def waiting(restarts: int, code: int = 1, *, run: float = 2.0, ended: float = 3.0, **more: Any) -> Any:
    """Between a death and the next start."""
    return app(state="restarting", restart_count=restarts, exit_code=code, started_at=NOW - ended - run,
               finished_at=NOW - ended, **more)  # fmt: skip


def between(restarts: int, *, age: float, made: float, **more: Any) -> Any:
    """Running between two deaths."""
    return app(restart_count=restarts, started_at=NOW - age, created_at=NOW - made, **more)


FINDS = (
    finds("waits for its next start", "looping", waiting(14)),
    finds("waits for its next start, and its log was not read", "looping", waiting(14, lines=())),
    finds("ends well at every start, as a job with restart: always does", "looping", waiting(30, 0)),
    finds("was killed for memory and is started again", "looping", waiting(8, 137, oom_killed=True)),
    finds("runs between two deaths, each run a minute", "looping", between(14, age=20, made=14 * 60 + 20)),
    finds("runs between two deaths, each run five minutes", "looping", between(20, age=250, made=6000 + 250)),
    finds("runs between two deaths, and its health check has only begun", "looping",
          between(9, age=8, made=200, health=health("starting"))),
    finds("is seen to die while it is looked at", "looping", app(deaths=(NOW - 50, NOW - 30, NOW - 10),
          started_at=NOW - 8, created_at=NOW - DAY, restart_count=3, state="restarting")),
    finds("gives up at last after on-failure:20, but not yet", "looping", waiting(12, restart_policy="on-failure")),
    finds("ends more often than a first start explains", "looping", between(9, age=5, made=100)),
    finds("has one end, long after it was made", "looping", waiting(1)),
)  # fmt: skip

FINDS_NOT = (
    Example("has never ended", app(), "not_applicable"),
    Example("ended twice while its database came up, and runs for an hour", between(2, age=3600, made=3700), "ok"),
    Example("ended once last night", between(1, age=30000, made=5 * DAY), "ok"),
    Example("is killed for memory every other day, the last time yesterday", between(10, age=DAY, made=20 * DAY), "ok"),
    Example("ended, and says that it is healthy now", between(4, age=20, made=300, health=health("healthy")), "ok"),
    Example("has just been made and ended twice", between(2, age=5, made=20), "unknown"),
    Example("has just been made and waits for its third start", waiting(2, created_at=NOW - 15), "unknown"),
    Example("lies stopped by somebody, after many ends", app(state="exited", exit_code=137, restart_count=14),
            "not_applicable"),
    Example("is paused", app(state="paused", restart_count=5), "not_applicable"),
    Example("has no restart policy and ended", app(state="exited", exit_code=1, restart_policy="no"), "not_applicable"),
    Example("was only made", app(state="created", restart_count=0), "not_applicable"),
    Example("has not been inspected yet", app(detailed=False, restart_count=14), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
