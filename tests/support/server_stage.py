"""Model servers in every state for the screen tests, and a POST door that answers when the test lets it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from msgspec.structs import replace
from stackops.console.hosts import Host, HttpReply
from stackops.console.model import (
    DeepCheck,
    Fault,
    GpuProcess,
    LoadedModel,
    ServedModel,
    Server,
    ServerFigures,
    ServerUser,
    Snapshot,
)
from stackops.screens.desk import Desk
from support import stage
from support.clock import FakeClock

NOW, GIB = stage.NOW, stage.GIB

OLLAMA = Server(
    "ollama:11434", "ollama", "http://127.0.0.1:11434", "up", version="0.5.7", container=stage.OLLAMA.id,
    service="ollama", latency=0.0031, read_at=NOW - 2,
    models=(
        ServedModel("qwen2.5:7b", 4_700_000_000, "qwen2", "7.6B", "Q4_K_M"),
        ServedModel("nomic-embed-text:latest", 274_000_000, "nomic-bert", "137M", "F16"),
    ),
    loaded=(LoadedModel("qwen2.5:7b", 6 * GIB, 6 * GIB, NOW + 245, 4096, "GPU"),),
    recognised=('GET /api/version: "0.5.7"', "image ollama/ollama:0.5.7"),
    users=(
        ServerUser("One API channel 3 (local)", "oneapi", "http://host.docker.internal:11434"),
        ServerUser('librechat.yaml, endpoint "Ollama"', "api", "http://ollama:11434/v1"),
    ),
)  # fmt: skip
VLLM = Server(
    "host:8000", "vllm", "http://127.0.0.1:8000", "up", version="0.8.5", pid=4242, service="vllm", latency=0.012,
    models=(ServedModel("Qwen/Qwen2.5-14B-Instruct", context=32768),), read_at=NOW - 3,
    loaded=(LoadedModel("Qwen/Qwen2.5-14B-Instruct", context=32768),),
    figures=ServerFigures(NOW, 3.0, 2.0, 0.71, 812_345.0, 1_234_567.0, 4321.0, 87.4),
    recognised=('GET /v1/models: owned_by "vllm"',),
)  # fmt: skip
M3E = Server(
    "m3e:6008", "m3e-large-api", "http://127.0.0.1:6008", "wrong_key", "answers, but refuses the key in SK_KEY of m3e",
    "correct the key; it is tried once a minute", models=(ServedModel("m3e-large"),), read_at=NOW - 1, latency=0.02,
    users=(ServerUser("One API channel 4 (m3e)", "oneapi", "http://m3e:6008"),),
)  # fmt: skip
DEAD = Server(
    "sglang:30000", "sglang", "http://sglang:30000", "down",
    "its container is exited, exit code 137 (killed: out of memory)", "look at its logs", container="0" * 64,
)  # fmt: skip
LOADING = Server("tgi:80", "tgi", "http://172.18.0.7:80", "loading", "does not listen yet, 40s after its start",
                 "wait; its log tells how far it is", container="1" * 64, read_at=NOW - 1)  # fmt: skip
NAMED = Server(
    "192.168.1.77:8000", "unknown", "http://192.168.1.77:8000", "unknown",
    "it is on another machine: listed, not asked", 'allow it in stackops.toml: [servers] addresses = ["..."]',
    users=(ServerUser("app, OPENAI_BASE_URL", "app", "http://192.168.1.77:8000/v1"),),
)  # fmt: skip
CHECK = DeepCheck("ollama:11434", "qwen2.5:7b", NOW - 200, 0.9, 0.41, 42.3, 21)


def full() -> Snapshot:
    """Servers in many states, one of them tested a while ago."""
    return replace(
        stage.full(), servers=(DEAD, VLLM, M3E, OLLAMA, LOADING, NAMED), deep_checks=(CHECK,),
        gpu_processes=(GpuProcess("GPU-0", 901, 6 * GIB + 12345, server="ollama:11434"),
                       GpuProcess("GPU-0", 4242, 12 * GIB, server="host:8000")),
    )  # fmt: skip


def without() -> Snapshot:
    """No model server anywhere."""
    return stage.full()


def failed() -> Snapshot:
    """A key that the settings name and the environment lacks."""
    fault = Fault("servers", "The environment variable LAN_KEY, named in [servers] token_env, is not set",
                  "set it to the key of 192.168.1.77:8000, or take it out")  # fmt: skip
    return replace(full(), faults=(fault,))


def well() -> Snapshot:
    """One that serves, and nothing else."""
    return replace(full(), servers=(VLLM,), deep_checks=())


STATES = {"well": well, "full": full, "empty": without, "failed": failed, "read-only": full}


class Door:
    """``HttpActs`` whose answer comes when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.heard: Callable[[bytes, float], None] | None = None
        self.go_on = asyncio.Event()
        self.cancelled = False
        self.reply: HttpReply | None = None

    async def post(
        self,
        url: str,
        body: Mapping[str, object],
        *,
        headers: Mapping[str, str] | None = None,
        on_chunk: Callable[[bytes, float], None] | None = None,
        **_: Any,
    ) -> HttpReply:
        self.sent.append((url, dict(body), dict(headers or {})))
        self.heard = on_chunk
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self.reply or HttpReply(200, url, seconds=0.9)

    def say(self, at: float, **data: Any) -> None:
        """One line of Ollama's answer."""
        assert self.heard is not None
        self.heard(json.dumps(data).encode() + b"\n", at)


def desk(snapshot: Snapshot | None, door: Door | None = None, *, read_only: bool = False) -> Desk:
    """A frozen desk on a host with a POST door."""
    made = stage.desk(snapshot, stage.RESULTS, read_only=read_only)
    host = SimpleNamespace(**{**vars(made.host), "http_acts": door, "clock": FakeClock(NOW)})
    return dataclasses.replace(made, host=cast("Host", host))
