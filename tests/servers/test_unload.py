"""Unloading a model: only what is loaded, only by the one request, seen to be gone, and honest about the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stackops.console.fix.acts.servers import PATIENCE, loaded
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import plan_unload, still_loaded, unloadable
from stackops.console.fix.steps import StepContext, StepFailed, StepMoved, UnloadModel
from stackops.console.hosts import HttpFailed, HttpReply
from stackops.console.model import HostInfo, LoadedModel, Server, Snapshot
from stackops.console.practice import open_demo
from support.clock import FakeClock

AT = "http://127.0.0.1:11434"
STEP = UnloadModel(AT, "gemma:7b", "ollama:11434")
MODEL = LoadedModel("gemma:7b", 6_000_000_000, 6_000_000_000)


def server(**more: Any) -> Server:
    facts: dict[str, Any] = {"loaded": (MODEL,)}
    return Server("ollama:11434", "ollama", AT, "up", **(facts | more))


class Stub:
    """Both doors of one Ollama: answers as told, remembers what was sent."""

    def __init__(self, *, status: int = 200, body: bytes = b"{}", goes_after: int = 0) -> None:
        self.sent: list[tuple[str, dict[str, object]]] = []
        self.asked = 0
        self._reply = HttpReply(status, AT, body=body)
        self._goes_after = goes_after

    async def get(self, url: str, **_: object) -> HttpReply:
        assert url == f"{AT}/api/ps"
        self.asked += 1
        gone = bool(self.sent) and self._reply.status == 200 and self.asked > self._goes_after
        return HttpReply(200, url, body=json.dumps({"models": [] if gone else [{"name": "gemma:7b"}]}).encode())

    async def post(self, url: str, body: Mapping[str, object], **_: object) -> HttpReply:
        self.sent.append((url, dict(body)))
        return self._reply


def bench(stub: Stub) -> StepContext:
    return StepContext(SimpleNamespace(name="box", files=None, http=stub, http_acts=stub, clock=FakeClock()))  # type: ignore[arg-type]


def test_it_sends_the_documented_request_and_waits_until_the_model_is_gone() -> None:
    stub = Stub(goes_after=3)
    told: list[str] = []
    table = bench(stub)
    table.tell = told.append
    STEP.apply(table)
    assert stub.sent == [(f"{AT}/api/generate", {"model": "gemma:7b", "keep_alive": 0})]
    assert len(told) == 2
    assert "left" in told[0]


def test_a_model_that_is_not_loaded_is_left_alone() -> None:
    stub = Stub()
    other = UnloadModel(AT, "llama3:8b", "ollama:11434")
    prepared = other.prepare(bench(stub))
    assert not prepared.changes
    with pytest.raises(StepMoved):
        other.apply(bench(stub))
    assert stub.sent == []


def test_it_is_shown_as_the_request_it_is() -> None:
    prepared = STEP.prepare(bench(Stub()))
    assert prepared.diff == f'POST {AT}/api/generate {{"model":"gemma:7b","keep_alive":0}}'
    assert prepared.inverse is None
    assert "the next request for it loads it again" in STEP.describe()


def test_a_model_that_is_asked_all_the_time_does_not_hold_the_step_for_ever() -> None:
    table = bench(Stub(goes_after=10_000))
    with pytest.raises(StepFailed, match="still has gemma:7b loaded after 45 s") as caught:
        STEP.apply(table)
    assert "who uses it" in (caught.value.remedy or "")
    assert PATIENCE <= table.host.clock.monotonic() - FakeClock().monotonic() < PATIENCE + 5


def test_the_servers_own_word_for_a_failure_is_told() -> None:
    with pytest.raises(StepFailed, match="answered with 500: no space for \\[/x\\]"):
        STEP.apply(bench(Stub(status=500, body=b'{"error":"no space for [/x]\\u001b[31m"}')))
    with pytest.raises(StepMoved, match="no longer has the model"):
        STEP.apply(bench(Stub(status=404, body=b'{"error":"model not found"}')))


def test_an_answer_that_is_no_list_of_models_is_a_failure_and_not_an_empty_list() -> None:
    class Other(Stub):
        async def get(self, url: str, **_: object) -> HttpReply:
            return HttpReply(200, url, body=b"<html>")

    with pytest.raises(StepFailed, match="does not tell which models are loaded"):
        STEP.prepare(bench(Other()))


def test_on_the_practice_stack_it_frees_the_gpu_and_is_verified(tmp_path: Path) -> None:
    clock = FakeClock()
    host = open_demo(clock=clock, scenarios=())
    used = host.gpus.read().gpus[0].memory_used
    clock.advance(1.0)

    def look() -> Any:
        models = tuple(LoadedModel(name) for name in loaded(host, AT))
        return still_loaded(Snapshot(clock.now(), HostInfo("x"), servers=(server(loaded=models),)), "ollama:11434",
                            ["gemma:7b"])  # fmt: skip

    fixer = Fixer(host, Journal(tmp_path), look)
    prepared = fixer.prepare(plan_unload(server(), ["gemma:7b"]))
    assert [note for note in prepared.notes if "never taken back" in note]
    outcome = fixer.run(prepared)
    assert outcome.name == "done", (outcome.sentence, outcome.says)
    assert host.gpus.read().gpus[0].memory_used < (used or 0) - 5_000_000_000
    assert fixer.prepare(plan_unload(server(), ["gemma:7b"])).empty, "a second time there is nothing to do"
    assert "only unloaded a model: there is nothing to take back" in fixer.undo(outcome.entry or "").sentence


def test_read_only_refuses(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=(), read_only=True)
    fixer = Fixer(host, Journal(tmp_path), lambda: still_loaded(Snapshot(0.0, HostInfo("x")), "x", []))
    table = StepContext(host)
    with pytest.raises(StepFailed, match="read-only"):
        STEP.apply(table)
    assert loaded(host, AT) == ("gemma:7b",)
    assert fixer.run(fixer.prepare(plan_unload(server(), ["gemma:7b"]))).name == "refused"


def test_a_server_that_is_gone_is_an_http_failure() -> None:
    host = open_demo(clock=FakeClock(), scenarios=())
    host.control.stop("ollama")
    with pytest.raises(HttpFailed):
        STEP.prepare(StepContext(host))


def test_only_an_ollama_that_answers_has_something_to_unload() -> None:
    assert unloadable(server()) == (MODEL,)
    small = LoadedModel("bge-m3", 1, 1)
    assert unloadable(server(loaded=(small, MODEL))) == (MODEL, small)
    assert unloadable(server(loaded=None)) == ()
    assert unloadable(server(loaded=())) == ()
    assert unloadable(Server("v:1", "vllm", AT, "up", loaded=(MODEL,))) == ()
    assert unloadable(Server("o:1", "ollama", AT, "down", loaded=(MODEL,))) == ()


def test_what_is_looked_at_afterwards_knows_gone_from_unknown() -> None:
    def status(*servers: Server) -> str:
        snapshot = Snapshot(0.0, HostInfo("x"), servers=servers)
        return still_loaded(snapshot, "ollama:11434", ["gemma:7b"]).status

    assert status(server()) == "finding"
    assert status(server(loaded=())) == "ok"
    assert status(server(loaded=None)) == "unknown"
    assert status() == "unknown"


def test_the_plan_says_what_is_gained_and_what_is_not_lost() -> None:
    plan = plan_unload(server(), ["gemma:7b"])
    assert plan.safety == "disruptive"
    assert plan.restarts == ()
    said = " ".join(plan.says)
    assert "5.6 GiB" in said
    assert "loads it again" in said
