"""The place *servers*: how each model server is, and one real request to one of them on demand."""

from __future__ import annotations

import sys

import pytest
from msgspec.structs import replace
from stackops.console.hosts import HttpReply
from stackops.console.model import DeepCheck, LoadedModel, ServedModel, Server, ServerFigures, ServerUser
from support import server_stage, stage
from support.pictures import compare
from support.pilots import Stage, console
from support.server_stage import Door

HOSTILE = ("[/etc/x]", "\x1b]52;c;ZXZpbA==\x07evil", "数据库服务器名称很长的容器", "a" * 300, "x\u202ey", "")


async def select(running: Stage, key: str) -> None:
    """Go to the servers and put the cursor on one."""
    await running.press("5", "g")
    for _ in range(12):
        server = running.app.screen.selected_server()  # type: ignore[attr-defined]
        if server is not None and server.key == key:
            return
        await running.press("j")
    raise AssertionError(f"no {key} in\n{running.text}")


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pictures are taken on Python 3.11")
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=str)
@pytest.mark.parametrize("state", server_stage.STATES)
async def test_it_looks_as_it_did(state: str, size: tuple[int, int]) -> None:
    made = server_stage.desk(server_stage.STATES[state](), read_only=state == "read-only")
    async with console(made, size) as running:
        await running.press("5", "j", "j", "j")
        compare(f"servers-{state}-{size[0]}x{size[1]}", running.text)


async def test_a_server_that_counts_has_curves_of_speed_and_queue_and_another_has_none() -> None:
    async with console(server_stage.desk(server_stage.full()), (120, 40)) as running:
        await select(running, "host:8000")
        for words in ("tokens/s 44  most 44", "requests 5  most 7", "50┤", "10┤"):
            assert words in running.text
        assert "1 h ago" in await running.press("t")
    made = server_stage.desk(server_stage.full())
    made.feed.curve = lambda key: () if key.endswith("ollama:11434") else stage.FrozenFeed(None).curve(key)
    async with console(made, (120, 40)) as running:
        await select(running, "ollama:11434")
        assert " now" not in running.text.split("In full")[0]


async def test_every_row_says_state_models_and_figures() -> None:
    async with console(server_stage.desk(server_stage.full()), (200, 50)) as running:
        shown = await running.press("5")
        keys = ("host:8000", "sglang:30000")
        rows = {key: next(line for line in shown.splitlines() if key in line) for key in keys}
        assert "3+2" in rows["host:8000"]
        assert "71%" in rows["host:8000"]
        assert "87" in rows["host:8000"]
        assert "✖ down" in rows["sglang:30000"]
        assert "container is exited" in rows["sglang:30000"]
        assert "▲ wrong key" in shown
        assert "Named in settings, not asked" in shown
        assert "✖ 1 down  ▲ 1 wrong key  ↻ 1 loading  ● 2 up" in shown
        assert "2 models in memory (*), 87 tok/s" in shown


async def test_the_selected_server_is_told_in_full() -> None:
    async with console(server_stage.desk(server_stage.full()), (120, 60)) as running:
        await select(running, "ollama:11434")
        shown = running.text
        for words in (
            "qwen2.5:7b", "● loaded", "6.0 GiB VRAM, GPU, leaves in 4m, context 4096", "○ not loaded",
            "6.0 GiB by the driver", "6.0 GiB by its own word", "One API channel 3 (local)",
            "http://host.docker.internal:11434", "http://127.0.0.1:11434", 'GET /api/version: "0.5.7"',
            "test of qwen2.5:7b: answered in 900 ms, first token after 410 ms, 42 tokens/s, 21 tokens  3m ago",
        ):  # fmt: skip
            assert words in shown, words
        await select(running, "host:8000")
        for words in ("3 running, 2 waiting", "KV cache", "71%", "1.2M tokens made", "▆█▇█", "4242"):
            assert words in running.text, words


async def test_enter_goes_into_the_details_and_esc_comes_back() -> None:
    async with console(server_stage.desk(server_stage.full())) as running:
        await running.press("5", "enter")
        assert running.app.focused is not None
        assert running.app.focused.id == "server"
        await running.press("escape")
        assert running.app.focused.id == "servers"


async def test_logs_of_its_container_are_one_key_away() -> None:
    async with console(server_stage.desk(server_stage.full())) as running:
        await select(running, "ollama:11434")
        await running.press("l")
        await running.until("Server listening")
        await running.press("escape")
        await select(running, "host:8000")
        await running.press("l")
        assert running.app.screen.PLACE == "servers", "a native server has no container"


async def test_restart_is_still_the_restart_of_its_container() -> None:
    made = server_stage.desk(server_stage.full())
    async with console(made) as running:
        await select(running, "ollama:11434")
        assert "Restart ollama?" in await running.press("R")
        await running.press("tab", "enter")
        assert made.host.control.calls == [("restart", stage.OLLAMA.id)]  # type: ignore[attr-defined]


async def test_its_address_is_copied() -> None:
    async with console(server_stage.desk(server_stage.full())) as running:
        await select(running, "ollama:11434")
        await running.press("y")
        assert "Copied: http://127.0.0.1:11434" in running.notices


# One real request


async def test_a_test_says_what_it_takes_and_enter_means_cancel() -> None:
    door = Door()
    async with console(server_stage.desk(server_stage.full(), door)) as running:
        await select(running, "ollama:11434")
        shown = await running.press("T")
        for words in (
            "Test ollama:11434?",
            "POST /api/generate",
            "at most 32 tokens",
            "keep-alive",
            "is not in memory",
        ):
            assert words in " ".join(shown.split())
        await running.press("enter")
        assert "Test ollama:11434?" not in running.text
        assert door.sent == []


async def test_a_test_shows_its_progress_and_then_its_result() -> None:
    door = Door()
    made = server_stage.desk(server_stage.full(), door)
    async with console(made, (120, 50)) as running:
        await select(running, "ollama:11434")
        await running.press("T", "shift+tab", "shift+tab", "enter")
        await running.until("↻ testing")
        assert door.sent[0][0] == "http://127.0.0.1:11434/api/generate"
        assert door.sent[0][1]["model"] == "qwen2.5:7b"
        assert "Asking qwen2.5:7b for 0s: no answer yet. esc cancels." in running.text
        door.say(0.35, response="Red", done=False)
        await running.until("first token after 350 ms, 1 piece.")
        door.say(0.55, response="", done=True, eval_count=30, eval_duration=600_000_000)
        door.go_on.set()
        await running.until("answered in 900 ms, first token after 350 ms, 50 tokens/s, 30 tokens")
        assert "● ok now" in running.text
        assert "ollama:11434, qwen2.5:7b: answered in 900 ms" in running.notices
        assert made.feed.requests == 1, "what is in memory may be another thing now"  # type: ignore[attr-defined]


async def test_esc_cancels_a_test_that_runs_and_only_one_runs() -> None:
    door = Door()
    async with console(server_stage.desk(server_stage.full(), door)) as running:
        await select(running, "ollama:11434")
        await running.press("T", "shift+tab", "enter")
        await running.until("↻ testing")
        await running.press("T")
        assert "A test of ollama:11434 is running; esc cancels it." in running.notices
        await running.press("escape")
        assert door.cancelled
        assert "was cancelled" in running.notices
        assert "↻ testing" not in running.text
        assert len(door.sent) == 1


async def test_a_test_that_fails_says_why() -> None:
    door = Door()
    door.reply = HttpReply(404, "u", body=b'{"error": "model \'x\' not found"}', seconds=0.1)
    door.go_on.set()
    async with console(server_stage.desk(server_stage.full(), door), (120, 50)) as running:
        await select(running, "ollama:11434")
        await running.press("T", "shift+tab", "enter")
        await running.until("failed: it answers 404: model 'x' not found")
        assert "✖ failed now" in running.text


async def test_in_read_only_mode_nothing_is_tested() -> None:
    door = Door()
    async with console(server_stage.desk(server_stage.full(), door, read_only=True)) as running:
        await select(running, "ollama:11434")
        shown = await running.press("T")
        assert "Test ollama:11434?" not in shown
        assert door.sent == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sglang:30000", "Not tested: sglang:30000 has not answered yet: its container is exited"),
        ("192.168.1.77:8000", "Not tested: 192.168.1.77:8000 has not answered yet: it is on another machine"),
        ("tgi:80", "Not tested: tgi:80 is loading"),
    ],
)
async def test_who_cannot_be_tested_is_told(key: str, words: str) -> None:
    async with console(server_stage.desk(server_stage.full(), Door())) as running:
        await select(running, key)
        await running.press("T")
        assert words in running.notices


async def test_where_nothing_can_be_sent_that_is_said() -> None:
    async with console(server_stage.desk(server_stage.full(), None)) as running:
        await running.press("5", "T")
        assert "Nothing can be sent" in running.notices


async def test_without_any_server_nothing_breaks() -> None:
    async with console(server_stage.desk(server_stage.without(), Door())) as running:
        shown = await running.press("5")
        assert "No model server was found" in shown
        await running.press("T", "enter", "l", "R", "y")
        assert running.app.screen.PLACE == "servers"


# Text from outside


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=str)
async def test_foreign_text_is_shown_letter_by_letter(text: str, size: tuple[int, int]) -> None:
    bad = Server(
        f"{text}:1", "vllm", f"http://{text}", "wrong_key", text, text, text, container=stage.OLLAMA.id, service=text,
        models=(ServedModel(text, 1, text, text, text),), loaded=(LoadedModel(text, device=text),), read_at=1.0,
        figures=ServerFigures(1.0, 1.0, 1.0, 0.5), recognised=(text,), users=(ServerUser(text, text, text),),
    )  # fmt: skip
    check = DeepCheck(f"{text}:1", text, stage.NOW, error=text)
    world = replace(stage.full(), servers=(bad, server_stage.OLLAMA), deep_checks=(check,))
    async with console(server_stage.desk(world, Door()), size) as running:
        shown = await running.press("5")
        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert "\u202e" not in shown
        shown = await running.press("T")
        assert "\x1b" not in shown
        await running.press("escape", "y")
        assert "\x1b" not in running.notices
        assert running.app.return_code is None


async def test_trouble_stands_first_and_columns_that_nobody_fills_are_left_out() -> None:
    full = server_stage.full()
    async with console(server_stage.desk(full), (120, 40)) as running:
        await running.press("5")
        states = [row.cells["state"].text for row in running.app.screen.query_one("#servers").rows if row.cells]
        assert states[:2] == ["✖ down", "▲ wrong key"]
        assert "TOK/S" in running.text
    quiet = replace(full, servers=tuple(replace(each, figures=None) for each in full.servers), deep_checks=())
    async with console(server_stage.desk(quiet), (120, 40)) as running:
        shown = await running.press("5")
        assert "TOK/S" not in shown
        assert "TEST" not in shown
        assert "m3e-large-api" in shown
