"""One container: details with secrets masked, its log, and its end."""

from __future__ import annotations

from msgspec.structs import replace
from support import stage
from support.pilots import Stage, console

TWO_LINES = b"2025-10-09T08:53:20.100000000Z one\n2025-10-09T08:53:20.200000000Z two"


async def _enter(running: Stage, container_id: str) -> str:
    running.app.open("container", container_id)
    return await running.until("Details")


async def test_secrets_are_masked_and_plain_values_are_not() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 70)) as running:
        shown = await _enter(running, stage.LIBRECHAT.id)
        assert "f34be427ebb29de8" not in shown
        assert "CREDS_KEY" in shown
        assert "•••" in shown
        assert "0.0.0.0" in shown


async def test_the_exit_code_is_told_in_words() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        assert "out of memory" in await _enter(running, stage.RAG.id)


async def test_equal_health_probes_are_counted_not_repeated() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 60)) as running:
        shown = await _enter(running, stage.FASTGPT.id)
        assert shown.count("connection refused") == 1
        assert "3 times" in shown


async def test_the_log_is_live_until_it_is_held() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("Server listening on all interfaces")
        await running.until("one more")
        assert "Log, held" in await running.press("f")
        assert "Log, held" not in await running.press("f")


async def test_logs_fill_the_screen_and_come_back() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        assert "› LibreChat › logs" in await running.press("l")
        assert "Details" in await running.press("escape")


async def test_a_log_that_docker_cannot_read_back_says_so() -> None:
    full = stage.full()
    quiet = replace(stage.ONEAPI, log_driver="none")
    containers = tuple(quiet if each.id == quiet.id else each for each in full.containers)
    async with console(stage.desk(replace(full, containers=containers), log=b"")) as running:
        await _enter(running, quiet.id)
        await running.until("which Docker cannot read back")


async def test_a_container_that_is_gone_stays_as_it_was_last_seen() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await _enter(running, stage.ONEAPI.id)
        full = stage.full()
        desk.feed.push(replace(full, containers=tuple(each for each in full.containers if each.id != stage.ONEAPI.id)))
        await running.until("This container is gone")
        assert "one-api" in running.text
        await running.press("R")
        assert desk.host.control.calls == []


async def test_a_flood_of_log_lines_is_bounded_and_long_lines_are_cut() -> None:
    log = b"\n".join([b"x" * 20_000, *(b"line %d" % number for number in range(25_000))])
    async with console(stage.desk(stage.full(), stage.RESULTS, log=log)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("line 24999")
        view = running.app.screen.query_one("#logs")
        assert len(view.lines) == 20_000
        assert max(map(len, view.lines)) <= 8192


async def test_esc_goes_back() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await _enter(running, stage.ONEAPI.id)
        assert "Stacks" in await running.press("escape")


async def _look_for(running, words: str) -> None:
    await running.press("slash")
    await running.type(words)
    await running.press("enter")


async def test_words_are_found_in_the_log_and_n_goes_round() -> None:
    log = b"\n".join(b"line %d%s" % (number, b" needle" if number in (7, 700, 1500) else b"") for number in range(1999))
    async with console(stage.desk(stage.full(), stage.RESULTS, log=log), (120, 40)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("line 1998")
        await _look_for(running, "NEEDLE")
        await running.until("3 of 3 lines with it")
        assert "line 1500 needle" in running.text
        await running.press("n")
        assert "line 7 needle" in running.text
        assert "1 of 3" in running.text
        await running.press("N")
        assert "line 1500 needle" in running.text
        await running.press("N")
        assert "line 700 needle" in running.text


async def test_esc_ends_looking_and_only_then_leaves() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS, log=TWO_LINES), (120, 40)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("two")
        await _look_for(running, "two")
        assert "1 of 1" in running.text
        assert "1 of 1" not in await running.press("escape")
        assert "two" in running.text
        assert "Stacks" in await running.press("escape")


async def test_words_that_nobody_says_are_said_not_to_be_there() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS, log=TWO_LINES), (120, 40)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("two")
        await running.press("n")
        assert "with /" in running.text
        await _look_for(running, "three")
        assert "no line has it" in running.text
