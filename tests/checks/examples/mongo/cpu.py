"""Processors and versions, and what ``mongo.cpu`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import HostInfo, MongoState, Snapshot

from examples import Example
from examples.mongo.replica_set import MONGO, PRIMARY, WRAPPER, mongo

AVX, NO_AVX = ("avx", "sse4_2"), ("sse4_2",)
NEW_ARM, OLD_ARM = ("asimddp", "fp"), ("asimd", "fp")
WARNING = ("mongo.no-avx", "WARNING: MongoDB 5.0+ requires a CPU with AVX support")
ARM_WARNING = ("mongo.old-arm", "WARNING: MongoDB requires ARMv8.2-A or higher")
ILLEGAL = ("mongo.illegal-instruction", "docker-entrypoint.sh: line 387: 27 Illegal instruction")
DIED: dict[str, Any] = {"state": "exited", "exit_code": 132}
LOOP: dict[str, Any] = {"state": "restarting", "exit_code": 132}
WRAPPED: dict[str, Any] = {"entrypoint": ("bash", "-c", WRAPPER)}
GONE = MongoState(MONGO, trouble="refused", sentence="nobody listens", alive=False)


def on(
    features: tuple[str, ...] | None, version: str | None = "5.0.18", *marks: tuple[str, str], arch: str = "x86_64",
    told: Any = None, started: bool = True, **container: Any,
) -> Snapshot:  # fmt: skip
    """A mongod of this version on this processor."""
    base = mongo(told, container=container, marks=marks, started=started)
    services = tuple(replace(s, version=version) if s.role == "mongo" else s for s in base.services)
    return replace(base, services=services, host=HostInfo("example", arch=arch, cpu_features=features))


def _finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    _finds("runs 5.0 on an old Celeron", "no-avx", on(NO_AVX, "5.0.18", WARNING, ILLEGAL, **DIED)),
    _finds("runs 7.0 in a virtual machine of type kvm64, restart always", "no-avx", on(NO_AVX, "7.0.9", **LOOP)),
    _finds("runs FastGPT's script, whose container goes on", "no-avx", on(NO_AVX, "5.0.18", WARNING, ILLEGAL,
            told=GONE, **WRAPPED)),
    _finds("has not started 5.0 on it yet", "no-avx", on(NO_AVX, started=False)),
    _finds("made the container and has not started it", "no-avx", on(NO_AVX, state="created")),
    _finds("looks at an Engine whose processor cannot be read", "no-avx", on(None, "5.0.18", WARNING, **DIED)),
    _finds("has only the exit code to show", "no-avx", on(None, "6.0.13", **DIED)),
    _finds("runs 5.0 on a Raspberry Pi 4", "old-arm", on(OLD_ARM, "5.0.18", ARM_WARNING, arch="aarch64", **DIED)),
    _finds("runs 4.4.29 on a Raspberry Pi 4", "old-arm", on(OLD_ARM, "4.4.29", arch="aarch64", **DIED)),
    _finds("has only the exit code to show, on ARM", "old-arm", on(None, "7.0.9", arch="arm64", **DIED)),
    _finds("runs the amd64 image through an emulator", "illegal-instruction", on(AVX, "5.0.18", ILLEGAL, **DIED)),
    _finds("runs the amd64 image on new ARM", "no-avx", on(NEW_ARM, "5.0.18", WARNING, arch="aarch64", **DIED)),
)  # fmt: skip

FINDS_NOT = (
    Example("runs 5.0 on a processor with AVX", on(AVX, told=PRIMARY), "ok"),
    Example("runs 8.0 on new ARM", on(NEW_ARM, "8.0.4", arch="aarch64", told=PRIMARY), "ok"),
    Example("was warned, and mongod runs", on(NO_AVX, "5.0.18", WARNING, told=PRIMARY), "ok"),
    Example("has a mongod that runs and does not answer", on(NO_AVX, told=replace(GONE, alive=True)), "ok"),
    Example("stopped it", on(AVX, state="exited", exit_code=0), "ok"),
    Example("killed it", on(AVX, state="exited", exit_code=137), "ok"),
    Example("cannot read the processor of a running mongod", on(None, told=PRIMARY), "ok"),
    Example("has not started 5.0 on a processor with AVX yet", on(AVX, started=False), "ok"),
    Example("runs an image of unknown version", on(NO_AVX, None, told=None), "ok"),
    Example("uses 4.4 for want of AVX", on(NO_AVX, "4.4.29", told=PRIMARY), "not_applicable"),
    Example("uses 4.4.18 on a Raspberry Pi 4", on(OLD_ARM, "4.4.18", arch="aarch64"), "not_applicable"),
    Example("has not started anything, and the processor was not read", on(None, started=False), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
