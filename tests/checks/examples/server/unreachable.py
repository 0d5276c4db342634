"""Servers that are not where they are looked for, and those that are, and what ``server.unreachable`` must say."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Container, Server, ServerUser, Snapshot

from examples import Example
from examples.gpu.machines import ALL, box, machine
from examples.snapshots import NOW, container_id

CHANNEL = ServerUser("One API channel 3 (local)", "oneapi", "http://vllm:8000")
OFF = ServerUser("One API channel 4, switched off", "oneapi", "http://vllm:8000")
WEBUI = ServerUser("open-webui, OPENAI_API_BASE_URL", "open-webui", "http://vllm:8000")
OWN = ServerUser("agent, LLM_URL", "agent", "http://vllm:8000")
REFUSED = "nobody listens there, 2 h after its start"
ITSELF = "localhost in the container oneapi is oneapi itself, which is no model server"


def vllm(**more: Any) -> Container:
    return box("vllm", "vllm/vllm-openai:v0.8.5", ALL, **more)


def at(port: int, *users: ServerUser, state: Any = "down", reason: str = REFUSED, **more: Any) -> Server:
    return Server(f"vllm:{port}", "vllm", f"http://172.18.0.9:{port}", state, reason,
                  **{"container": container_id("vllm"), "users": users, "read_at": NOW - 3, **more})  # fmt: skip


def elsewhere(key: str, *users: ServerUser, state: Any = "unknown", reason: str = ITSELF, **more: Any) -> Server:
    return Server(key, "unknown", f"http://{key}", state, reason, users=users, **more)


def on(server: Server, container: Container | None = None) -> Snapshot:
    return machine(container or vllm(), servers=(server,))


def _finds(name: str, form: str, server: Server, kinds: tuple[str, ...] = (), **more: Any) -> Example:
    return Example(name, on(server, vllm(**more) if more else None), "finding", form, kinds)


FINDS = (
    _finds("has a channel to a port at which nobody listens", "silent", at(8001, CHANNEL)),
    _finds("bound vLLM to loopback inside its container", "silent", at(8000, WEBUI)),
    _finds("bound it to loopback, and a channel uses it", "silent", at(8000, CHANNEL)),
    _finds("gave an agent another port", "silent", at(8080, OWN)),
    _finds(
        "was started again a day ago, and listens elsewhere",
        "silent",
        at(8001, CHANNEL),
        restart_count=1,
        started_at=NOW - 9e4,
    ),
    _finds("has a channel to localhost", "nowhere", elsewhere("localhost:11434 from oneapi", CHANNEL, nowhere=True)),
    _finds("has a channel to a name that nobody has", "nowhere", elsewhere("vllm2:8000", CHANNEL, nowhere=True)),
    _finds("gave an agent a name that nobody has", "nowhere", elsewhere("vllm2:8000", OWN, nowhere=True)),
    _finds(
        "has a channel to the machine, where nothing runs",
        "absent",
        elsewhere("host:11434", CHANNEL, state="down", reason=REFUSED, read_at=NOW),
    ),
    _finds(
        "gave an agent the machine's port",
        "absent",
        elsewhere("host:11434", OWN, state="down", reason=REFUSED, read_at=NOW),
    ),
    _finds(
        "has a channel to another machine, where nothing runs",
        "absent",
        elsewhere("10.0.0.9:8000", CHANNEL, state="down", reason=REFUSED, read_at=NOW),
    ),
    _finds(
        "has a vLLM whose engine died",
        "engine-dead",
        at(8000, state="engine_dead", reason="the server answers, but its engine is dead"),
        ("RestartContainer",),
    ),
    _finds(
        "has a TEI whose last request failed, and a channel to it",
        "engine-dead",
        replace(at(8000, CHANNEL, state="engine_dead", reason="its last request failed"), product="tei"),
    ),
)

FINDS_NOT = (
    Example("is well", on(at(8000, CHANNEL, state="up", reason=None)), "ok"),
    Example("loads its model", on(at(8000, CHANNEL, state="loading")), "not_applicable"),
    Example("works", on(at(8000, CHANNEL, state="busy")), "ok"),
    Example("has nobody who uses it", on(at(8000)), "not_applicable"),
    Example("has only a channel that is switched off", on(at(8000, OFF)), "not_applicable"),
    Example(
        "was stopped, which its container tells",
        on(at(8000, CHANNEL), vllm(state="exited", exit_code=0)),
        "not_applicable",
    ),
    Example(
        "keeps ending, which its container tells",
        on(at(8000, CHANNEL), vllm(restart_count=7, started_at=NOW - 100)),
        "not_applicable",
    ),
    Example("was started a moment ago", on(at(8000, CHANNEL), vllm(started_at=NOW - 20)), "not_applicable"),
    Example("has another port in a variable, which wiring.address tells", on(at(8001, WEBUI)), "not_applicable"),
    Example(
        "has localhost in a variable, which wiring.address tells",
        on(elsewhere("localhost:8000 from open-webui", WEBUI, nowhere=True)),
        "not_applicable",
    ),
    Example(
        "lists one of another machine",
        on(elsewhere("10.0.0.9:8000", CHANNEL, reason="listed, not asked")),
        "not_applicable",
    ),
    Example("was not asked yet", on(at(8000, CHANNEL, read_at=None)), "not_applicable"),
    Example("has no server", machine(), "not_applicable"),
)

EXAMPLES = FINDS + FINDS_NOT
