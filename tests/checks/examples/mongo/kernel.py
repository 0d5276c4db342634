"""Kernels and MongoDB 8, and what ``mongo.kernel`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import EnvVar, HostInfo, MongoState, Snapshot

from examples import Example
from examples.mongo.replica_set import MONGO, PRIMARY, mongo
from examples.snapshots import ENGINE, NOW

REFUSES = ("mongo.12257600", "MongoDB cannot start: Linux kernel versions 6.19.0 through 7.0.13 have a known issue")
CRASHED: dict[str, Any] = {"state": "restarting", "exit_code": 139}
GONE = MongoState(MONGO, trouble="refused", sentence="nobody listens", alive=False)
TUNED: dict[str, Any] = {"env": (EnvVar("GLIBC_TUNABLES", "glibc.pthread.rseq=1"),)}
YOUNG: dict[str, Any] = {"started_at": NOW - 10}


def on(
    kernel: str | None, version: str = "8.0.17", *marks: tuple[str, str], told: Any = None, started: bool = True,
    **container: Any,
) -> Snapshot:  # fmt: skip
    """A mongod of this version on this kernel."""
    base = mongo(told, container=container, marks=marks, started=started)
    services = tuple(replace(s, version=version) if s.role == "mongo" else s for s in base.services)
    return replace(base, services=services, host=HostInfo("example", kernel=kernel))


def _finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    _finds("runs 8.0 on 6.19", "crashes", on("6.19.3-arch1-1", told=GONE, **CRASHED)),
    _finds("runs 8.0 on 7.0.13", "crashes", on("7.0.13", **CRASHED)),
    _finds("runs 8.0 on 6.19.0, the first of them", "crashes", on("6.19.0-12-generic", **CRASHED)),
    _finds("runs 8.2 on 6.20", "crashes", on("6.20.1", "8.2.0", **CRASHED)),
    _finds("pulled a newer 8.0, which refuses", "refuses", on("6.19.3", "8.0.28", REFUSES, state="exited",
            exit_code=1)),
    _finds("pulled the build that refuses fixed kernels too", "refuses", on("7.1.0", "8.0.28", REFUSES,
            state="exited", exit_code=1)),
    _finds("runs Docker Desktop, whose kernel is not this one", "refuses", replace(on("5.15.0", "8.0.28", REFUSES,
            state="exited", exit_code=1), engine=replace(ENGINE, os="Docker Desktop"))),
    _finds("has just started it", "will-crash", on("6.19.3", told=PRIMARY, **YOUNG)),
    _finds("wrote mongo:8.0 and has not started it", "will-crash", on("6.19.3", started=False)),
    _finds("stopped it in time", "will-crash", on("6.19.3", state="exited", exit_code=0)),
    _finds("sees exit code 139 of 8.0, on a kernel that is not known", "crashes", on(None, **CRASHED)),
)  # fmt: skip

FINDS_NOT = (
    Example("runs 8.0 on 6.8", on("6.8.0-45-generic", told=PRIMARY), "ok"),
    Example("runs 8.0 on 6.18.9, the last before", on("6.18.9", told=PRIMARY, **YOUNG), "ok"),
    Example("runs 8.0 on 7.0.14, the first after", on("7.0.14", told=PRIMARY, **YOUNG), "ok"),
    Example("runs 8.0 on 6.19, and it has answered for an hour", on("6.19.3", told=PRIMARY), "ok"),
    Example("set the variable that helps", on("6.19.3", told=PRIMARY, **{**TUNED, **YOUNG}), "ok"),
    Example("does not know the kernel of an Engine elsewhere", on(None, told=PRIMARY), "ok"),
    Example("crashed for another reason, on 6.8", on("6.8.0", **CRASHED), "ok"),
    Example("set the variable, and mongod does not answer", on("6.19.3", told=GONE, **TUNED), "unknown"),
    Example("runs 7.0 on 6.19", on("6.19.3", "7.0.9", told=PRIMARY), "not_applicable"),
    Example("runs 5.0 on 6.19", on("6.19.3", "5.0.18", told=PRIMARY), "not_applicable"),
    Example("wrote mongo:8.0 on 6.8 and has not started it", on("6.8.0", started=False), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
