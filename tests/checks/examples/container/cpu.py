"""Programs that their processor cannot run, and what ``container.cpu`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Service, Snapshot

from examples import Example
from examples.container.common import ID, app, finds, health
from examples.snapshots import NOW

LOOP = {"state": "restarting", "restart_count": 20, "exit_code": 127}
GLIBC = "Fatal glibc error: CPU does not support x86-64-v2"
NUMPY = (
    "RuntimeError: NumPy was built with baseline optimizations: (X86_V2) but your machine doesn't support: (X86_V2)."
)
CLICKHOUSE = "Instruction check fail. The CPU does not support SSSE3 instruction set."
TENSORFLOW = "The TensorFlow library was compiled to use AVX instructions, but these aren't available on your machine."
FORMAT = "exec /usr/local/bin/docker-entrypoint.sh: exec format error"
REFUSED = 'failed to create task: OCI runtime create failed: exec: "/start": exec format error: unknown'


def ended(*lines: str, **more: Any) -> Snapshot:
    return app(lines=lines, **(LOOP | more))


FINDS = (
    finds("runs MySQL 8.0.40 on kvm64", "lacking", ended(GLIBC)),
    finds("runs an image for v3", "lacking", ended(GLIBC.replace("v2", "v3"))),
    finds("looks while it runs between two ends", "lacking", ended(GLIBC, state="running", started_at=NOW - 5)),
    finds("has no restart policy", "lacking", ended(GLIBC, state="exited", restart_policy="no")),
    finds("runs a numpy of 2025", "lacking", ended("Traceback (most recent call last):", NUMPY, exit_code=1)),
    finds("runs ClickHouse", "lacking", ended(CLICKHOUSE, exit_code=132)),
    finds("runs TensorFlow", "lacking", ended(TENSORFLOW, exit_code=134)),
    finds("runs something that says nothing at all", "illegal-instruction", ended(exit_code=132)),
    finds("runs something of a shell's", "illegal-instruction", ended("run.sh: line 4:  7 Illegal instruction  app")),
    finds("took the image for arm64", "other-platform", ended(FORMAT, exit_code=255)),
    finds("took it, and the Engine says so", "other-platform",
          app(lines=(), state="created", exit_code=127, error=REFUSED)),
)  # fmt: skip

MONGO = ended("WARNING: MongoDB 5.0+ requires a CPU with AVX support, and your current system does not", exit_code=132)
FINDS_NOT = (
    Example("runs MongoDB, which has a check of its own", replace(MONGO, services=(Service("mongo", "app", ID),)),
            "not_applicable"),
    Example("ends by something else", ended("Error: connect ECONNREFUSED 127.0.0.1:6379"), "ok"),
    Example("has no program of that name", ended("exec: not found"), "ok"),
    Example("reads that a CPU may do more", ended("Your CPU supports instructions that this binary was not compiled to"
                                                  " use: AVX2 FMA"), "ok"),
    Example("reads what its CPU has", ended("INFO: CPU features: sse4_2 avx2"), "ok"),
    Example("has an error in a format", ended("ValueError: format error in line 3"), "ok"),
    Example("crashed by a bad pointer", ended("Segmentation fault", exit_code=139), "ok"),
    Example("is warned by polars, and ill of something else",
            app(lines=("RuntimeWarning: Missing required CPU features: avx2, fma",),
                health=health("unhealthy", streak=3)), "ok"),
    Example("skips a script for another kind",
            app(lines=("warn: backup.sh: exec format error, skipped",), health=health("unhealthy", streak=3)), "ok"),
    Example("is well", app(lines=()), "not_applicable"),
    Example("stopped it since", ended(GLIBC, state="exited"), "not_applicable"),
    Example("is paused", ended(GLIBC, state="paused"), "not_applicable"),
    Example("has not been inspected yet", ended(GLIBC, detailed=False), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
