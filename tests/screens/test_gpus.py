"""The place *gpus*: who holds the memory of each GPU, and what to do when a GPU does not answer."""

from __future__ import annotations

import sys

import pytest
from msgspec.structs import replace
from stackops.console.model import GpuDriver, GpuInstance, GpuProcess, Server
from stackops.console.model.findings import Result
from stackops.screens.navigator import trail
from stackops.screens.render import gpus
from support import gpu_stage, stage
from support.pictures import compare
from support.pilots import console

HOSTILE = ("[/etc/x]", "\x1b]52;c;ZXZpbA==\x07evil", "数据库服务器名称很长的容器", "a" * 300, "x\u202ey", "")


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pictures are taken on Python 3.11")
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=str)
@pytest.mark.parametrize("state", [*gpu_stage.STATES, "read-only"])
async def test_it_looks_as_it_did(state: str, size: tuple[int, int]) -> None:
    made = gpu_stage.STATES[state if state != "read-only" else "two"]()
    async with console(stage.desk(made, stage.RESULTS, read_only=state == "read-only"), size) as running:
        await running.press("4")
        compare(f"gpus-{state}-{size[0]}x{size[1]}", running.text)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pictures are taken on Python 3.11")
async def test_it_looks_so_in_ascii() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS), (120, 40), ascii_only=True) as running:
        await running.press("4")
        assert running.text.isascii()
        compare("gpus-ascii-120x40", running.text)


async def test_without_colour_the_numbers_say_whose_each_piece_is(monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS), (120, 40)) as running:
        shown = await running.press("4")
        assert "1█████████████████████2███▒░░░ 36.0G" in shown
        strips = running.app.screen._compositor.render_strips()
        assert {segment.style.color for strip in strips for segment in strip if segment.style} == {None}


async def test_each_piece_of_the_bar_begins_with_the_number_of_its_row_and_colour_says_no_more() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS)) as running:
        shown = (await running.press("4")).splitlines()
        assert any(each.startswith(" gpu1   1█████████2█▒░ 36.0G") for each in shown)
        rows = running.app.screen.table.rows
        numbers = [row.cells["owner"].text for row in rows if row.cells]
        assert numbers == ["1", "2", "▒", "1", "2", "▒"]
        assert any(each.startswith("▌  1   6.0G ollama") for each in shown)


def test_a_bar_is_as_wide_as_it_should_be_whatever_the_driver_tells() -> None:
    """More of processes than is used, none of a known size, nothing known at all, forty owners of little."""
    card = gpu_stage.card(0, 10 * stage.GIB)
    many = tuple(replace(gpu_stage.HOLDS[0], pid=n, memory=stage.GIB // 4) for n in range(40))
    for held in ((), many, (replace(gpu_stage.HOLDS[0], memory=50 * stage.GIB),), (replace(many[0], memory=None),)):
        for width in (1, 14, 30, 50):
            for gpu in (card, replace(card, memory_used=None), replace(card, memory_total=0)):
                assert sum(len(span.text) for span in gpus.stacked(gpu, held, width)) == width
    assert "".join(span.text for span in gpus.stacked(card, (), 40)) == "▒" * 10 + "░" * 30
    assert [gpus.owner_of(n).text for n in (0, 8, 9, 34, 35)] == ["1", "9", "A", "Z", "+"]


async def test_columns_that_carry_nothing_fall_away() -> None:
    bare = [replace(each, user=None, utilisation=None, server=None, models=(), orphan=None) for each in gpu_stage.HOLDS]
    async with console(stage.desk(replace(gpu_stage.two(), gpu_processes=tuple(bare)), ()), (200, 50)) as running:
        shown = await running.press("4")
        (titles,) = [each for each in shown.splitlines() if "CONTAINER" in each]
        assert titles.split() == ["VRAM", "CONTAINER", "MODEL", "AGE", "PID", "PROCESS"]


# Curves


async def test_curves_of_each_card_have_a_scale_where_there_is_room_and_leave_it_to_rows_where_there_is_not() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS), (120, 40)) as running:
        shown = await running.press("4")
        for words in ("gpu0 VRAM 8.3G  most 8.3G", "gpu1 load 87%  most 91%", "gpu1 heat 64°C", "40.0G┤", "100%┤",
                      "0°C┤", "10 min ago"):  # fmt: skip
            assert words in shown
        assert shown.count("10 min ago") == 3, "the time stands once below each column of curves"
        await running.pilot.resize_terminal(80, 24)
        await running.settle()
        assert "10 min ago" not in running.text
        assert "  t time" not in running.text
        await running.pilot.resize_terminal(120, 40)
        assert "10 min ago" in await running.until("t time")


async def test_where_not_all_cards_have_room_the_selected_one_has_curves() -> None:
    async with console(stage.desk(gpu_stage.many(8), stage.RESULTS), (120, 40)) as running:
        shown = await running.press("4")
        assert "gpu0 load" in shown
        assert "gpu1 load" not in shown
        await running.press("j", "j", "j")
        assert "gpu1 load" in running.text
        assert "gpu0 load" not in running.text


async def test_t_goes_on_to_longer_times_and_begins_again() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS), (120, 40)) as running:
        await running.press("4")
        for ago in ("1 h", "6 h", "24 h", "2 min", "10 min"):
            assert f"{ago} ago" in await running.press("t")


async def test_nothing_known_draws_no_curve() -> None:
    desk = stage.desk(gpu_stage.two(), stage.RESULTS)
    desk.feed.curve = lambda _: ((stage.NOW, None),)
    async with console(desk, (120, 40)) as running:
        assert " now" not in await running.press("4")


async def test_every_row_says_container_server_and_model() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS), (140, 40)) as running:
        shown = await running.press("4")
        for words in ("ollama", "qwen2.5:7b", "vllm", "Qwen/Qwen2.5-14B-Instruct", "unattributed", "1h30m"):
            assert words in shown


async def test_enter_opens_the_container_and_esc_comes_back() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS)) as running:
        await running.press("4", "enter")
        assert "› ollama" in running.text
        assert "GPUs 2" in await running.press("escape")
        await running.press("l")
        await running.until("Server listening")


async def test_a_process_in_no_container_says_so_and_its_number_is_copied() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS)) as running:
        await running.press("4", "j", "enter")
        assert "Process 4242 runs in no container" in running.notices
        assert "GPUs 2" in running.text
        await running.press("y")
        assert "Copied: 4242" in running.notices
        await running.press("l", "R")
        assert running.app.screen.PLACE == "gpus"


async def test_what_is_nobodys_adds_up_in_words() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS)) as running:
        shown = await running.press("4", "j", "j")
        assert "8.3 GiB used = 8.0 GiB of processes + 300.0 MiB unattributed" in shown
        await running.press("enter")
        assert "belongs to no process" in running.notices


async def test_an_orphan_says_why_and_how_to_end_it() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS)) as running:
        await running.press("4", "G", "k")
        assert "Its parent has ended" in running.text
        assert "kill 6100" in running.text


async def test_a_container_can_be_restarted_from_here_and_not_in_read_only_mode() -> None:
    desk = stage.desk(gpu_stage.two(), stage.RESULTS)
    async with console(desk) as running:
        await running.press("4", "R", "tab", "enter")
        await running.until("Restart ollama: done")
        assert desk.host.control.calls == [("restart", stage.OLLAMA.id)]
    desk = stage.desk(gpu_stage.two(), stage.RESULTS, read_only=True)
    async with console(desk) as running:
        await running.press("4", "R")
        assert running.app.screen.PLACE == "gpus"
        assert desk.host.control.calls == []


async def test_the_cursor_stays_on_its_process_when_the_order_changes() -> None:
    desk = stage.desk(gpu_stage.two(), stage.RESULTS)
    async with console(desk) as running:
        await running.press("4", "j")
        grown = replace(gpu_stage.HOLDS[1], memory=20 * stage.GIB)
        desk.feed.push(replace(gpu_stage.two(), gpu_processes=(gpu_stage.HOLDS[0], grown, *gpu_stage.HOLDS[2:])))
        await running.until("20.0G")
        assert running.app.screen.selected_process().pid == 4242


async def test_a_gpu_that_answers_again_loses_its_alarm() -> None:
    desk = stage.desk(gpu_stage.ill(), stage.RESULTS)
    async with console(desk) as running:
        shown = await running.press("4")
        assert "not answering" in shown
        assert "What is shown was read 30s ago." in shown
        assert "fallen off the bus" in shown
        desk.feed.push(gpu_stage.two())
        await running.until(lambda text: "not answering" not in text and "fallen off" not in text)


async def test_nothing_is_drawn_while_nothing_changes(monkeypatch) -> None:
    from stackops.screens.widgets.table import Table

    desk = stage.desk(gpu_stage.two(), stage.RESULTS)
    async with console(desk) as running:
        await running.press("4")
        drawn: list[object] = []
        refresh = Table.refresh
        monkeypatch.setattr(Table, "refresh", lambda self, *r, **k: drawn.append(r) or refresh(self, *r, **k))
        desk.feed.push(replace(gpu_stage.two(), taken_at=stage.NOW + 1))
        await running.settle()
        assert drawn == []


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
async def test_hostile_names_are_shown_literally(text: str) -> None:
    two = gpu_stage.two()
    gpus = tuple(
        replace(each, name=text, trouble=text, remedy=text, health="lost", throttling=(text,),
                instances=(GpuInstance(text, name=text),))
        for each in two.gpus
    )  # fmt: skip
    held = GpuProcess(
        "GPU-0", 1, 5, text, container=stage.OLLAMA.id, server=text, models=(text,), command=(text,), user=text,
        orphan=text, service=text,
    )  # fmt: skip
    server = Server(text, "vllm", text, "down", reason=text, version=text)
    driver = GpuDriver("mismatch", version=text, cuda=text, sentence=text, remedy=text, cards=2)
    containers = tuple(replace(c, name=text) if c.id == stage.OLLAMA.id else c for c in two.containers)
    world = replace(two, gpus=gpus, gpu_processes=(held,), servers=(server,), gpu_driver=driver, containers=containers)
    async with console(stage.desk(world, stage.RESULTS), (120, 40)) as running:
        shown = await running.press("4", "j", "k")
        assert running.app.is_running
        assert all(letter == "\n" or letter.isprintable() for letter in shown)
        assert "gpu1" in shown


async def test_any_size_is_lived_through() -> None:
    async with console(stage.desk(gpu_stage.many(16), stage.RESULTS)) as running:
        await running.press("4")
        for width, height in ((20, 5), (1, 1), (60, 15), (400, 100), (80, 24)):
            await running.pilot.resize_terminal(width, height)
            await running.settle()
        assert "gpu0" in running.text


async def test_ascii_terminals_get_ascii_only() -> None:
    async with console(stage.desk(gpu_stage.ill(), stage.RESULTS), (120, 40), ascii_only=True) as running:
        shown = await running.press("4")
        assert shown.isascii(), {letter for letter in shown if not letter.isascii()}


async def test_the_overview_has_a_column_for_vram_only_where_somebody_holds_some() -> None:
    desk = stage.desk(gpu_stage.one(), stage.RESULTS)
    async with console(desk, (120, 60)) as running:
        assert "VRAM" not in running.text
        desk.feed.push(gpu_stage.two())
        shown = await running.until("VRAM")
        line = next(each for each in shown.splitlines() if " vllm " in each and "model_server" in each)
        assert "30.0G" in line
        await running.press(*"oooooo")
        assert "VRAM↓" in running.text
        desk.feed.push(gpu_stage.one())
        await running.until(lambda text: "VRAM" not in text)


@pytest.mark.parametrize(("count", "words"), [(2, "gpu1 6.0G/40.0G"), (16, "gpus 16")])
async def test_the_strip_of_the_overview_leaves_no_gpu_out_without_a_word(count: int, words: str) -> None:
    async with console(stage.desk(gpu_stage.many(count), stage.RESULTS)) as running:
        assert words in running.text


async def test_the_strip_tells_of_cards_that_cannot_be_read_and_of_ill_ones() -> None:
    async with console(stage.desk(gpu_stage.unreadable(), stage.RESULTS)) as running:
        assert "The NVIDIA kernel module is 550.54.14" in running.text
    async with console(stage.desk(gpu_stage.ill(), stage.RESULTS)) as running:
        assert "lost" in running.text


async def test_a_place_resized_while_hidden_shows_every_gpu_at_its_next_look() -> None:
    desk = stage.desk(gpu_stage.two(), stage.RESULTS)
    async with console(desk) as running:
        await running.press("4")
        await running.pilot.resize_terminal(120, 40)
        await running.settle()
        await running.press("1")
        desk.feed.push(replace(gpu_stage.two(), taken_at=stage.NOW + 1))
        await running.until(lambda text: "gpu0 " in text and "gpu1 " in text)


async def test_the_footer_leads_to_what_fits_and_esc_all_the_way_back() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS), (80, 24)) as running:
        assert "w what fits" not in running.text
        assert "w what fits" in await running.press("4")
        assert "Will it fit" in await running.press("w")
        for place in ("gpus", "overview", "overview"):
            await running.press("escape")
            assert place == running.app.screen.PLACE


@pytest.mark.parametrize(
    ("before", "here", "there", "after"),
    [
        ([], "overview", "gpus", ["overview"]),
        (["overview"], "gpus", "fit", ["overview", "gpus"]),
        (["overview", "gpus"], "fit", "gpus", ["overview"]),
        (["overview", "gpus"], "fit", "overview", []),
        (["overview"], "gpus", "gpus", ["overview"]),
    ],
)
def test_no_place_is_come_through_twice_on_the_way_back(before, here, there, after) -> None:
    assert trail(before, here, there) == after


async def test_enter_on_an_orphan_opens_what_the_doctor_says_and_on_a_native_server_that_server() -> None:
    orphan = Result("gpu.orphan", "process 6100", "finding", "Nobody answers for process 6100", severity="warning")
    native = replace(gpu_stage.HOLDS[1], server="ollama:11434")
    world = replace(gpu_stage.two(), gpu_processes=(native, gpu_stage.HOLDS[3]))
    async with console(stage.desk(world, (*stage.RESULTS, orphan)), (120, 40)) as running:
        await running.press("4", "enter")
        assert running.app.screen.PLACE == "servers"
        assert running.app.screen.selected_server().key == "ollama:11434"
        await running.press("escape", "G", "k", "enter")
        assert running.app.screen.PLACE == "doctor"
        assert running.app.screen.selected_finding().check == "gpu.orphan"
        await running.press("escape")
        assert running.app.screen.PLACE == "gpus"


async def test_a_lost_gpu_has_no_figures_in_the_strip_and_two_cards_share_a_line() -> None:
    async with console(stage.desk(gpu_stage.ill(), stage.RESULTS), (120, 40)) as running:
        (row,) = [each for each in running.text.splitlines() if "lost" in each and "gpu0" in each]
        assert "–/–" not in row
        assert "gpu1" in row
