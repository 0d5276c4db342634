"""A model of an Ollama, unloaded by keys alone: asked first, then shown, then proven by the server itself."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest
from stackops.console.fix.journal import Journal
from stackops.console.model.gpus import Server
from stackops.console.practice import DemoHost, open_demo
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on

KEY = "ollama:11434"


def _loaded(host: DemoHost) -> list[str]:
    """What that Ollama itself says; the door wants a loop of its own, and the test's is running."""
    found: list[list[str]] = []

    def ask() -> None:
        told = asyncio.run(host.http.get("http://127.0.0.1:11434/api/ps"))
        found.append([model["name"] for model in json.loads(told.body)["models"]])

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return found[0]


def servers(stage: Stage) -> tuple[Server, ...]:
    """What the console knows now: nothing before its first look has ended."""
    return stage.app.snapshot.servers if stage.app.snapshot else ()


async def select(stage: Stage, key: str) -> None:
    await stage.until(lambda _: any(server.key == key and server.loaded for server in servers(stage)))
    await stage.press("5", "g")
    for _ in range(20):
        if stage.app.screen.selected_server().key == key:
            return
        await stage.press("j")
    raise AssertionError(stage.text)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_a_model_is_unloaded_after_its_plan_was_shown(tmp_path: Path, size: tuple[int, int]) -> None:
    host = open_demo(clock=FakeClock())
    async with console(desk_on(host, Journal(tmp_path)), size) as stage:
        await select(stage, KEY)
        (model,) = _loaded(host)
        await stage.press("X")
        shown = await stage.until("Nothing has been changed yet")
        assert model in shown
        assert _loaded(host) == [model]
        await stage.consent()
        await stage.until("✓ Done")
        assert _loaded(host) == []
        await stage.press("escape")
        await stage.until(lambda _: any(s.key == KEY and s.loaded == () for s in servers(stage)))
        await stage.press("X")
        assert "Nothing here can be unloaded" in stage.notices


async def test_who_unloads_nothing_is_not_asked_to(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock())
    async with console(desk_on(host, Journal(tmp_path)), (160, 50)) as stage:
        await stage.until(lambda _: any(server.product == "vllm" for server in servers(stage)))
        await select(stage, next(s.key for s in servers(stage) if s.product == "vllm"))
        assert "unload" not in stage.text.splitlines()[-1]
        await stage.press("X")
        assert "Nothing has been changed yet" not in stage.text


async def test_read_only_unloads_nothing(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), read_only=True)
    async with console(desk_on(host, Journal(tmp_path)), (160, 50)) as stage:
        await select(stage, KEY)
        before = _loaded(host)
        await stage.press("X", "A", "tab", "enter")
        assert _loaded(host) == before
