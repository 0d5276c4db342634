"""Ends, and what ``container.ended`` must say of them."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Snapshot

from examples import Example
from examples.container.common import app, finds
from examples.snapshots import NOW


def ended(code: int | None, policy: str = "no", **more: Any) -> Snapshot:
    """Lies stopped since ten minutes."""
    return app(state="exited", exit_code=code, restart_policy=policy, finished_at=NOW - 600, **more)


FINDS = (
    finds("ended with 1 and no restart policy", "failed", ended(1)),
    finds("ended with 132, a processor that is too old", "failed", ended(132)),
    finds("ended with 139", "failed", ended(139)),
    finds("ended with 100 and says why", "failed", ended(100, lines=("permission denied on /data/db",))),
    finds("ended with a code that is not known", "failed", ended(77)),
    finds("gave up after on-failure:3", "failed", ended(1, "on-failure", restart_count=3)),
    finds("gave up after on-failure:3, killed each time", "failed", ended(137, "on-failure", restart_count=3)),
    finds("is dead", "failed", app(state="dead", exit_code=2, restart_policy="no")),
    finds("was killed for memory", "out-of-memory", ended(137, oom_killed=True)),
    finds("was killed for memory over its limit, and waits for its next start", "out-of-memory",
          app(state="restarting", exit_code=137, oom_killed=True, memory_limit=1 << 30, restart_count=2)),
    finds("had a process killed for memory and runs on, its first run", "out-of-memory", app(oom_killed=True)),
    finds("was killed for memory a minute ago, and runs again", "out-of-memory",
          app(oom_killed=True, finished_at=NOW - 60, started_at=NOW - 58)),
    finds("was killed for memory, and on-failure gave up", "out-of-memory",
          ended(137, "on-failure", oom_killed=True, restart_count=3)),
)  # fmt: skip

FINDS_NOT = (
    Example("ended well", ended(0), "ok"),
    Example(
        "was killed for memory last week, and runs since",
        app(oom_killed=True, finished_at=NOW - 600_000, started_at=NOW - 599_999),
        "ok",
    ),
    Example(
        "was killed for memory once, runs again, and was then stopped", ended(137, "always", oom_killed=True), "ok"
    ),
    Example("was stopped", ended(143), "ok"),
    Example("was stopped and did not listen", ended(137), "ok"),
    Example("was stopped with Ctrl-C", ended(130), "ok"),
    Example("was stopped, and its program then ends with 1", ended(1, "always"), "ok"),
    Example("was stopped, and its program then ends with 255", ended(255, "unless-stopped"), "ok"),
    Example("was stopped by somebody after it was started again often", ended(137, "always", restart_count=9), "ok"),
    Example("runs", app(), "not_applicable"),
    Example("was only made", app(state="created", exit_code=0), "not_applicable"),
    Example("could not be started", app(state="created", exit_code=128, error="no"), "not_applicable"),
    Example("waits for its next start", app(state="restarting", exit_code=1, restart_count=3), "not_applicable"),
    Example("has not been inspected yet", ended(1, detailed=False), "not_applicable"),
)

EXAMPLES = FINDS + FINDS_NOT
