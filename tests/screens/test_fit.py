"""Will it fit, by keys: every model against the GPUs as they are now."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from stackops.console.model import Gpu, LoadedModel, ServedModel, Server, Snapshot
from stackops.screens.widgets.table import Table
from support import stage
from support.pilots import Stage, console

GIB = 1 << 30


def machine(*free: int, servers: Sequence[Server] = ()) -> Snapshot:
    cards = tuple(Gpu(f"GPU-{n}", index=n, name="L40S", memory_free=gib * GIB) for n, gib in enumerate(free))
    return replace(stage.full(), gpus=cards, gpu_processes=(), servers=tuple(servers))


async def select(running: Stage, key: str) -> None:
    table = running.app.screen.query_one("#models", Table)
    for _ in range(len(table.keys)):
        if table.cursor == key:
            return
        await running.press("j")
    raise AssertionError(f"{key} is not among {table.keys}")


def row(running: Stage, *words: str) -> str:
    lines = [text for text in running.text.splitlines() if "needs" not in text]
    return next(text for text in lines if all(word in text for word in words))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_each_model_says_whether_it_fits_and_where(size: tuple[int, int]) -> None:
    async with console(stage.desk(machine(10, 20)), size) as running:
        await running.press("w")
        await running.until("Will it fit")
        assert "fits" in row(running, "ChatGLM2-6B", "fp16")
        assert "too large" in row(running, "Baichuan2-13B", "fp16")


async def test_it_says_what_a_need_is_made_of_and_what_cannot_be_reached() -> None:
    async with console(stage.desk(machine(30)), (160, 50)) as running:
        await running.press("w")
        await running.until("Baichuan2-13B-Chat")
        await select(running, "Baichuan2-13B-Chat@fp16")
        await running.until("asks 28 GB")
        assert "25.9 GiB" in running.text
        assert "3.1 GiB" in running.text


async def test_a_longer_context_needs_more() -> None:
    async with console(stage.desk(machine(20)), (160, 50)) as running:
        await running.press("w")
        await running.until("Qwen2.5-7B")
        before = row(running, "Qwen2.5-7B", "fp16")
        await running.press("plus", "plus", "plus", "plus", "plus", "plus", "plus")
        assert "131072 tokens" in running.text
        assert row(running, "Qwen2.5-7B", "fp16") != before
        await running.press(*["minus"] * 9)
        assert "2048 tokens" in running.text


async def test_what_the_servers_have_on_disk_comes_first_and_what_is_loaded_does_not_come() -> None:
    ollama = Server(
        "ollama:11434", "ollama", "http://127.0.0.1:11434", "up",
        models=(ServedModel("mine:latest", size=3 * GIB), ServedModel("loaded:7b", size=GIB)),
        loaded=(LoadedModel("loaded:7b"),),
    )  # fmt: skip
    async with console(stage.desk(machine(20, servers=[ollama])), (160, 50)) as running:
        await running.press("w")
        await running.until("mine:latest")
        assert running.app.screen.query_one("#models", Table).keys[0] == "mine:latest@as stored"
        assert "loaded:7b" not in running.text


async def test_without_a_gpu_the_needs_are_still_told() -> None:
    async with console(stage.desk(machine()), (160, 50)) as running:
        await running.press("w")
        await running.until("No GPU is known")
        assert "ChatGLM2-6B" in running.text
