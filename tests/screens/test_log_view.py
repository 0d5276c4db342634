"""A container's log on the screen: what a line more costs, what stays under the eye, what is found, what is kept."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from stackops.console.text.cleaning import SECRETS
from stackops.screens import log_feed as logs
from stackops.screens.render.kept import Heights, KeptLines, Query
from stackops.screens.render.log_lines import Beside, LogEntry, Style, Traces, entry, painted
from stackops.screens.widgets import log_view
from stackops.screens.widgets.log_view import LogView
from stackops.screens.widgets.paint import line, plain, safe
from stackops.screens.widgets.text import breaks, marked, wrap
from support import stage
from support.pilots import Stage, console

WORDS = ("mongod", "accepted", "a", "connection", "of", "client", "数据库连接失败", "without", "waiting", "longer")


def texts(count: int, seed: int = 1, most: int = 120) -> list[str]:
    """Numbered lines of very different lengths."""
    chosen = random.Random(seed)
    return [
        f"2025-10-09T08:53:20.000000000Z line-{number} " + " ".join(chosen.choices(WORDS, k=chosen.randrange(most)))
        for number in range(count)
    ]


async def enter(running: Stage) -> LogView:
    """The log over the whole screen; all that comes later is what a test hands it."""
    running.app.open("container", stage.LIBRECHAT.id)
    await running.until("─ Log")
    view = running.app.screen.query_one("#logs", LogView)
    running.app.screen.query_one("#details").display = False
    view.styles.height, view.styles.width, view.styles.margin = "1fr", "1fr", 0
    view.focus()
    await running.until("one more")
    await running.press("f")
    return view


def shown(running: Stage) -> list[str]:
    """The rows of the log that are in sight."""
    rows = running.text.splitlines()
    first = next(number for number, row in enumerate(rows) if "─ Log" in row) + 1
    view = running.app.screen.query_one("#logs", LogView)
    return [row[1 : 1 + view.size.width].rstrip(" █▁▂▃▄▅▆▇") for row in rows[first : first + view.size.height]]


def broken(running: Stage, lines: list[str]) -> list[str]:
    """All rows of these lines, as they would be drawn if all were."""
    width = running.app.screen.query_one("#logs", LogView).scrollable_content_region.width
    return [row.rstrip() for row in plain(wrap([_line(text) for text in lines], width)).split("\n")]


def _line(text: str) -> Any:
    before, words = painted(entry(text, 0, Traces()), Style(clock="UTC"), Beside())
    return (*before, *words[0])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that were made into something to draw."""
    made: list[str] = []

    def counted(each: LogEntry, style: Style, around: Beside) -> Any:
        made.append(each.text)
        return painted(each, style, around)

    monkeypatch.setattr(log_view, "painted", counted)
    return made


async def test_a_line_more_breaks_no_other_line_and_a_flood_only_what_is_in_sight_and_a_page(drawn) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 30)) as running:
        view = await enter(running)
        view.replace(texts(20_000, most=40))
        await running.settle()
        drawn.clear()
        view.append(["a line more"])
        await running.settle()
        assert set(drawn) <= {"a line more"}
        for flood in (texts(5_000, seed=2, most=40), ["x"] * 30_000):
            drawn.clear()
            view.append(flood)
            await running.settle()
            assert len(drawn) <= 2 * view.size.height
        await running.press("k")
        drawn.clear()
        view.append(texts(300, seed=3))
        await running.settle()
        assert drawn == []


async def test_another_width_and_words_that_are_looked_for_break_only_what_is_in_sight_and_a_page(drawn) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 30)) as running:
        view = await enter(running)
        view.replace(texts(20_000, most=40))
        await running.settle()
        await running.press("g")
        drawn.clear()
        await running.pilot.resize_terminal(80, 24)
        await running.settle()
        assert 0 < len(drawn) <= 4 * view.size.height  # the new width is told twice: without the bar, then with it
        for words in ("client", "line-9999"):
            drawn.clear()
            assert view.find(words)[1] > 0
            await running.settle()
            assert len(drawn) <= 3 * view.size.height
        assert "line-9999" in running.text


async def test_what_is_read_stays_under_the_eye_while_lines_come_and_the_oldest_go() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 30)) as running:
        view = await enter(running)
        view.replace(texts(19_900, most=40))
        await running.settle()
        await running.press("pageup", "pageup", "k", "k", "k")
        read = shown(running)
        assert len([row for row in read if row]) > 20
        for seed in range(2, 6):  # the last ones push lines off the front
            view.append(texts(80, seed=seed, most=40))
            await running.settle()
            assert shown(running) == read
        assert len(view.lines) == 20_000
        assert " line-220 " in view.lines[0] + " "
        await running.press("G")
        assert "line-79" in running.text


async def test_what_is_read_is_the_oldest_line_once_it_is_dropped_itself() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 30)) as running:
        view = await enter(running)
        view.replace(texts(20_000, most=10))
        await running.settle()
        await running.press("g")
        view.append(texts(500, seed=2))
        await running.settle()
        assert "line-500 " in shown(running)[0] + " "


@pytest.mark.parametrize("way", [("g", "pagedown"), ("G", "pageup"), ("G", "k")])
async def test_every_row_is_seen_once_whichever_way_one_goes(way: tuple[str, str]) -> None:
    """How many rows a line takes is a guess until it comes into sight: no row may be skipped or shown twice for it."""
    lines = texts(20 if way[1] == "k" else 160)
    async with console(stage.desk(stage.full(), stage.RESULTS), (90, 26)) as running:
        view = await enter(running)
        view.replace(lines)
        await running.settle()
        start, on = way
        await running.press(start)
        page = view.size.height
        step = 1 if on == "k" else page - 1
        seen, before = shown(running), None
        while (now := shown(running)) != before:
            if before is not None:
                fresh = now[-step:] if on == "pagedown" else now[:step]
                kept = now[:-step] if on == "pagedown" else now[step:]
                assert kept == (before[step:] if on == "pagedown" else before[:-step]) or _at_an_end(now, lines)
                seen = [*seen, *fresh] if on == "pagedown" else [*fresh, *seen]
            before = now
            await running.press(on)
        wanted = broken(running, lines)
        assert _deduplicated(seen, wanted)
        assert before == (wanted[-page:] if on == "pagedown" else wanted[:page])


def _at_an_end(now: list[str], lines: list[str]) -> bool:
    return any("line-0 " in row + " " or f"line-{len(lines) - 1} " in row + " " for row in now)


def _deduplicated(seen: list[str], wanted: list[str]) -> bool:
    """Every row of the log is among those seen, in order."""
    rest = iter(seen)
    return all(any(row == each for each in rest) for row in wanted)


async def test_another_width_keeps_the_line_that_is_read_at_the_top() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 30)) as running:
        view = await enter(running)
        view.replace(texts(3_000))
        await running.settle()
        await running.press("pageup", "pageup", "pageup")
        first = next(row for row in shown(running) if "line-" in row).split()[1]
        for size in ((70, 30), (140, 40), (100, 30)):
            await running.pilot.resize_terminal(*size)
            await running.settle()
            await running.settle()
            assert any(first in row.split() for row in shown(running)[:12])
        await running.press("G")
        await running.pilot.resize_terminal(70, 24)
        await running.settle()
        assert "line-2999" in "\n".join(shown(running))
        assert shown(running)[-1] == broken(running, list(view.lines))[-1]


async def test_hits_are_counted_on_while_lines_come_and_go() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 30)) as running:
        view = await enter(running)
        view.replace(["needle at the front", *["hay"] * 19_998, "a needle"])
        assert view.find("NEE") == (2, 2)
        view.append(["hay", "the newest needle"])
        assert view.find("needle") == (2, 2)
        assert view.next_hit(backwards=True) == (1, 2)
        await running.settle()
        assert "a needle" in running.text
        assert view.find("needle at") == (0, 0)
        assert view.find("") == (0, 0)


async def test_a_hit_that_is_looked_at_stays_and_the_end_is_followed_again() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 30)) as running:
        view = await enter(running)
        view.replace([*["hay"] * 100, "needle", *["hay"] * 5])
        view.find("needle")
        for number in range(60):
            view.append([f"line {number}"])
        await running.settle()
        assert "needle" in running.text
        await running.press("G")
        assert "line 59" in running.text
        view.append(["the end"])
        await running.settle()
        assert "the end" in running.text


async def test_a_secret_that_is_learned_later_goes_from_the_lines_that_showed_it() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 30)) as running:
        view = await enter(running)
        view.replace(["a line with wintermute-9413 in it"])
        await running.until("wintermute-9413")
        SECRETS.learn("MONGO_PASSWORD", "wintermute-9413")
        view.append(["another line"])
        assert "wintermute-9413" not in await running.until("another line")


def test_a_line_is_cleaned_and_cut() -> None:
    cleaner = logs.Cleaner()
    assert cleaner.lines([b"\x1b[31mred\x1b[0m\r", b"10%\r20%", b"", b"\xff"]) == ["red", "10%", "20%", "�"]
    assert len(cleaner.lines([b"x" * 20_000])[0]) == logs.LONGEST


# Without a screen


def test_kept_lines_are_bounded_by_number_and_by_memory() -> None:
    kept = KeptLines(most=100, room=1 << 16)
    assert kept.add([LogEntry(str(number)) for number in range(150)]).gone == 50
    assert (kept.texts[0], kept.first, len(kept.texts)) == ("50", 50, 100)
    kept.add([LogEntry("y" * 4000)] * 50)
    assert sum(map(len, kept.texts)) <= 1 << 16
    kept.add([LogEntry("数" * 100_000)])
    assert kept.texts == ["数" * 100_000]  # the newest line is kept whatever its size
    kept.clear()
    assert kept.add([LogEntry("a")]).gone == 0


@given(st.lists(st.text("aBsſİ é数", max_size=8), max_size=30), st.lists(st.text("aBsé数", max_size=2), max_size=4))
def test_hits_are_those_that_a_search_of_all_lines_gives(lines: list[str], typed: list[str]) -> None:
    kept = KeptLines(most=12)
    for number, text in enumerate(lines):
        kept.add([LogEntry(text)])
        if typed:
            kept.look_for(Query("".join(typed[: number % (len(typed) + 1)])))
    found = [
        kept.first + n
        for n, text in enumerate(kept.texts)
        if kept.query.words and kept.query.words.lower() in text.lower()
    ]
    assert kept.hits == found


@given(st.data())
def test_rows_are_counted_like_a_list_of_all_of_them(data: st.DataObject) -> None:
    heights, model = Heights(), list[int]()
    for _ in range(data.draw(st.integers(1, 12))):
        act = data.draw(st.sampled_from(["add", "drop", "learn"]))
        if act == "add":
            more = data.draw(st.lists(st.integers(1, 5), max_size=5))
            heights.add(more)
            model += more
        elif act == "drop":
            count = data.draw(st.integers(0, len(model)))
            heights.drop(count)
            del model[:count]
        elif model:
            index = data.draw(st.integers(0, len(model) - 1))
            model[index] = data.draw(st.integers(1, 5))
            heights.learn(index, model[index])
            assert heights.known(index) == model[index]
        rows = [(n, row) for n, count in enumerate(model) for row in range(count)]
        assert heights.start(len(model)) == len(rows)
        assert [heights.at(row) for row in range(len(rows))] == rows


@given(st.text("ab 数é️❤", max_size=80), st.integers(8, 30), st.integers(0, 4))
def test_rows_fit_and_lose_nothing_but_spaces(text: str, width: int, hang: int) -> None:
    rows = breaks(text, width, hang)
    assert all(
        cell_len(text[start:end]) <= (width - hang if number else width) for number, (start, end) in enumerate(rows)
    )
    assert "".join(text[start:end] for start, end in rows).replace(" ", "") == text.replace(" ", "")
    assert all(end > start for start, end in rows) or not text.strip()


def test_words_are_marked_across_the_spans_of_a_line() -> None:
    shown = safe(line(("abc", "muted"), "abcABC d"))
    ca = Query("ca").regex()
    assert [span.text for span in marked(shown, ca) if span.tone == "badge"] == ["c", "a", "cA"]
    assert plain([marked(shown, ca)]) == "abcabcABC d"
    assert marked(shown, None) == shown
    assert marked(shown, Query("x*", pattern=True).regex()) == shown
    assert [span.text for span in marked(safe(line("İx")), Query("x").regex()) if span.tone == "badge"] == ["x"]
