"""Services on one GPU and on several, and what ``gpu.shared-device`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import ConfigFile, Container, DeviceRequest, EnvVar, Snapshot
from stackops.console.products.services import LABEL_VERSION

from examples import Example
from examples.gpu.machines import ALL, BASE, DIR, box, count, gpu, holds, ids, machine, service
from examples.snapshots import STARTED

LATER = STARTED + 60
MOVES = ("EditFile", "ComposeUp")
THREE = (gpu(0, 12), gpu(1, 0.4), gpu(2, 0.4))
TWO = (gpu(0, 12), gpu(1, 0.4))
FULL = (gpu(0, 23), gpu(1, 0.4))
LABELS = {LABEL_DIRECTORY: DIR, LABEL_FILES: BASE}


def visible(value: str) -> dict[str, Any]:
    """The runtime nvidia with these cards."""
    return {"runtime": "nvidia", "env": (EnvVar("NVIDIA_VISIBLE_DEVICES", value),)}


def m3e(*requests: Any, **more: Any) -> Container:
    """The first service."""
    return box("m3e", "stawky/m3e-large-api", *requests, **more)


def vllm(*requests: Any, **more: Any) -> Container:
    """The second one, started later."""
    return box("vllm", "vllm/vllm-openai", *requests, **{"started_at": LATER, **more})


def on(*made: Container, gpus: Any = TWO, **more: Any) -> Snapshot:
    """Both on a machine with several cards."""
    return machine(*made, gpus=gpus, **more)


def _finds(name: str, form: str, snapshot: Snapshot, kinds: tuple[str, ...] = MOVES) -> Example:
    return Example(name, snapshot, "finding", form, kinds)


FINDS = (
    _finds("wrote count: 1 for both", "count", on(m3e(count(1)), vllm(count(1)))),
    _finds("wrote count: 1 for both and filled the card", "count", on(m3e(count(1)), vllm(count(1)), gpus=FULL)),
    _finds("wrote count: 1 for both and has three cards", "count", on(m3e(count(1)), vllm(count(1)), gpus=THREE)),
    _finds("named card 0 for one and wrote count: 1 for the other", "count", on(m3e(ids("0")), vllm(count(1)))),
    _finds("named card 0 by its UUID and wrote count: 1", "count", on(m3e(ids("GPU-0000-aaaa")), vllm(count(1)))),
    _finds("uses the runtime for one and a count for the other", "count", on(m3e(**visible("0")), vllm(count(1)))),
    _finds("has an override file already", "count",
           on(m3e(count(1)), vllm(count(1)),
              files=(ConfigFile(BASE), ConfigFile(f"{DIR}/docker-compose.override.yml", automatic_override=True)))),
    _finds("gave the same full card to both by number", "full", on(m3e(ids("0")), vllm(ids("0")), gpus=FULL)),
    _finds("gave the same full card to both through the runtime", "full",
           on(m3e(**visible("0")), vllm(**visible("0")), gpus=FULL)),
    _finds("is about to start a second one with count: 1", "count",
           on(m3e(count(1)), declared=(service("vllm", count(1)),)), ("EditFile",)),
    _finds("started both without Compose", "count",
           on(m3e(count(1), project=None), vllm(count(1), project=None, service=None, labels={})), ()),
    _finds("made both with an old Compose", "count",
           on(m3e(count(1)), vllm(count(1), labels={**LABELS, LABEL_VERSION: "2.18.1"})), ()),
    _finds("has a compose file that cannot be read", "count",
           on(m3e(count(1)), vllm(count(1)), files=(ConfigFile(BASE, error="line 3: a tab"),)), ()),
    _finds("asks for the second one under gpus", "count",
           on(m3e(count(1)), vllm(count(1)), declared=(service("vllm", count(1), requests_apart=True),)), ()),
    _finds("reserves another kind of device beside it", "count",
           on(m3e(count(1)), vllm(count(1), DeviceRequest("tpu", 1, (), ("tpu",)))), ()),
    _finds("asks under gpus, in files that were not read", "count",
           on(m3e(count(1)), vllm(replace(count(1), driver=""))), ()),
    _finds("passed the device file of the same full card", "full",
           on(m3e(devices=("/dev/nvidia0",)), vllm(devices=("/dev/nvidia0",)), gpus=FULL), ()),
)  # fmt: skip

FINDS_NOT = (
    Example("gave each its own card", on(m3e(ids("0")), vllm(ids("1"))), "ok"),
    Example("gave each its own card through the runtime", on(m3e(**visible("0")), vllm(**visible("1"))), "ok"),
    Example("lets both use all cards", on(m3e(ALL), vllm(ALL)), "ok"),
    Example("lets one use all cards and counts for the other", on(m3e(ALL), vllm(count(1))), "ok"),
    Example("put two small ones onto one card by name", on(m3e(ids("0")), vllm(ids("0"))), "ok"),
    Example("wrote count: 1 once", on(m3e(count(1))), "ok"),
    Example("wrote count: 1 for both, and the other card is busy",
            on(m3e(count(1)), vllm(count(1)), gpus=(gpu(0, 12), gpu(1, 20))), "ok"),
    Example("wrote count: 1 for both, and another process works on the other card",
            on(m3e(count(1)), vllm(count(1)), gpu_processes=(holds(1, None, 0.6),)), "ok"),
    Example("wrote count: 1 for both, and the other card was named for a third",
            on(m3e(count(1)), vllm(count(1)), box("tei", "text-embeddings-inference", ids("1"))), "ok"),
    Example("wrote count: 1 for both and stopped one", on(m3e(count(1)), vllm(count(1), state="exited")), "ok"),
    Example("wrote count: 1 for both, and the other card is that of one that lies stopped",
            on(m3e(count(1)), vllm(count(1)), box("tei", "text-embeddings-inference", ids("1"), state="exited")), "ok"),
    Example("gave both the same two cards", on(m3e(count(2)), vllm(count(2)), gpus=THREE), "ok"),
    Example("counts cards of which the memory is not told",
            on(m3e(count(1)), vllm(count(1)), gpus=(gpu(0), gpu(1, memory_free=None, memory_used=None))), "ok"),
    Example("has one card", on(m3e(count(1)), vllm(count(1)), gpus=(gpu(0, 12),)), "not_applicable"),
    Example("has one card that works", on(m3e(count(1)), vllm(count(1)), gpus=(gpu(0, 9), gpu(1, health="lost"))),
            "not_applicable"),
    Example("cut the cards up", on(m3e(count(1)), vllm(count(1)), gpus=(gpu(0, 9, mig=True), gpu(1))),
            "not_applicable"),
    Example("asks for no card", on(m3e(), vllm()), "not_applicable"),
    Example("looks at another machine", on(m3e(count(1)), vllm(count(1)), gpus=(), driver=None), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
