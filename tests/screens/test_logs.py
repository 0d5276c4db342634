"""The logs as a place: live across deaths, merged, filtered, folded, read back, handed out."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.hosts import NotFound
from stackops.console.model import LogMark
from stackops.console.model.findings import Evidence, FixSummary, Result
from stackops.screens import export, log_feed
from stackops.screens.places.logs import LogsScreen
from stackops.screens.render.kept import TooSlow, in_time
from stackops.screens.render.log_lines import seconds
from stackops.screens.widgets.log_choice import ChoosingLog
from support import stage
from support.pilots import Stage, console

START = 1_760_000_000.0
BAR = " █▁▂▃▄▅▆▇"
SIZES = [(80, 24), (120, 40)]
MONGOD = json.dumps({
    "t": {"$date": "2025-10-09T08:53:20.123+00:00"}, "s": "I", "c": "REPL", "id": 21392, "ctx": "conn2",
    "msg": "New replica set config in use", "attr": {"config": {"_id": "rs0", "members": [{"host": "mongo:27017"}]}},
})  # fmt: skip


def line(at: float, text: str) -> bytes:
    return f"{log_feed.stamp_at(START + at)} {text}".encode()


class StackEngine:
    """Containers whose logs tests write, that die and are started again."""

    address = "live"
    local = True

    def __init__(self, **logs: list[bytes]) -> None:
        self.lines = logs
        self.listeners: dict[str, list[asyncio.Queue[bytes | None]]] = {}
        self.heard: list[asyncio.Queue[bytes]] = []
        self.past: list[bytes] = []
        self.asked: list[tuple[str, int]] = []
        self.gone: set[str] = set()

    def _name(self, container: str) -> str:
        return next(each.name for each in stage.full().containers if each.id == container)

    def write(self, name: str, *lines: bytes) -> None:
        self.lines[name] += lines
        for queue in self.listeners.get(name, ()):
            for each in lines:
                queue.put_nowait(each)

    def event(self, name: str, action: str, at: float, **attributes: str) -> bytes:
        ident = next(each.id for each in stage.full().containers if each.name == name)
        told = {"Type": "container", "Action": action, "Actor": {"ID": ident, "Attributes": attributes},
                "timeNano": int((START + at) * 1e9)}  # fmt: skip
        raw = json.dumps(told).encode()
        for queue in self.heard:
            queue.put_nowait(raw)
        return raw

    def die(self, name: str, at: float, code: int) -> None:
        self.event(name, "die", at, exitCode=str(code))
        for queue in self.listeners.pop(name, ()):
            queue.put_nowait(None)

    async def logs(self, container: str, *, tail: int = 200, since: float | None = None) -> bytes:
        name = self._name(container)
        self.asked.append((name, tail))
        return b"".join(each + b"\n" for each in self.lines[name][-tail:])

    async def follow(self, container: str, *, tail: int = 100) -> AsyncIterator[bytes]:
        name = self._name(container)
        if name in self.gone:
            raise NotFound("There is no such container")
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.listeners.setdefault(name, []).append(queue)
        for each in list(self.lines[name][-tail:]):
            yield each
        while (more := await queue.get()) is not None:
            yield more

    async def events(self, since: float | None = None) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.heard.append(queue)
        for each in self.past:
            yield each
        while True:
            yield await queue.get()


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(log_feed, "PATIENCE", 0.05)
    yield
    monkeypatch.undo()
    time.tzset()


def ids(*names: str) -> list[str]:
    return [each.id for name in names for each in stage.full().containers if each.name == name]


async def enter(running: Stage, engine: Any, *names: str) -> ChoosingLog:
    running.app.desk.host.engine = engine
    running.app.open("logs", ids(*names))
    await running.until("logs")
    view = running.app.screen.query_one(ChoosingLog)
    await running.until(lambda _: bool(view.lines) and all(engine.listeners.get(name) for name in names))
    return view


def desk(results: Any = stage.RESULTS, snapshot: Any = None) -> Any:
    return stage.desk(snapshot or stage.full(), results)


# Live, across deaths, merged


@pytest.mark.parametrize("size", SIZES)
async def test_a_log_goes_on_after_a_death_with_a_rule_that_says_why(size) -> None:
    engine = StackEngine(fastgpt=[line(0, "init")])
    async with console(desk(), size) as running:
        await enter(running, engine, "fastgpt")
        now = time.time() - START
        engine.die("fastgpt", now + 1, 137)
        await running.until("fastgpt ended with exit code 137 · killed")
        engine.event("fastgpt", "start", now + 8)
        await running.until(lambda _: bool(engine.listeners.get("fastgpt")))
        engine.write("fastgpt", line(now + 9, "after the death"))
        text = await running.until("after the death")
        assert "fastgpt was started again after 7s" in text
        rows = text.splitlines()
        places = [
            next(n for n, row in enumerate(rows) if words in row)
            for words in ("init", "137", "started again", "after the death")
        ]
        assert places == sorted(places)
        assert text.count("init") == 1


async def test_deaths_of_the_past_stand_where_they_happened() -> None:
    engine = StackEngine(fastgpt=[line(0, "before"), line(20, "afterwards")])
    engine.past = [engine.event("fastgpt", "oom", 9), engine.event("fastgpt", "die", 10, exitCode="137")]
    async with console(desk(), (120, 40)) as running:
        await enter(running, engine, "fastgpt")
        text = await running.until("it used more memory")
        assert text.index("before") < text.index("exit code 137") < text.index("afterwards")
        assert "08:53:30" in next(row for row in text.splitlines() if "exit code 137" in row)


async def test_a_container_that_is_made_again_is_read_on() -> None:
    engine = StackEngine(fastgpt=[line(0, "the old one")])
    async with console(desk(), (120, 40)) as running:
        await enter(running, engine, "fastgpt")
        other = replace(stage.FASTGPT, id=stage.ONEAPI.id)
        engine.lines["oneapi"] = [line(50, "the new one")]
        engine.gone.add("fastgpt")
        full = stage.full()
        others = tuple(c for c in full.containers if c.name not in {"fastgpt", "oneapi"})
        running.app.desk.feed.push(replace(full, containers=(*others, other)))
        engine.die("fastgpt", 40, 0)
        await running.until("the new one")


@pytest.mark.parametrize("size", SIZES)
async def test_a_stack_is_merged_by_time_with_a_column_for_the_service(size) -> None:
    engine = StackEngine(
        fastgpt=[line(0, "zero"), line(2, "two")], oneapi=[line(1, "one"), line(3, "three")], pg=[line(4, "four")]
    )
    async with console(desk(), size) as running:
        await running.until("fastgpt")
        running.app.desk.host.engine = engine
        await running.stacks(stage.ONEAPI.id)
        await running.press("L")
        text = await running.until("four")
        rows = [row.split() for row in text.splitlines() if " 08:53:" in row]
        assert [(row[1], row[2]) for row in rows] == [
            ("fastgpt", "zero"), ("oneapi", "one"), ("fastgpt", "two"), ("oneapi", "three"), ("pg", "four")
        ]  # fmt: skip
        for name in ("fastgpt", "oneapi", "pg"):
            await running.until(lambda _, name=name: bool(engine.listeners.get(name)))
        later = time.time() - START
        engine.write("pg", line(later + 2, "later"))
        engine.write("fastgpt", line(later + 1, "sooner"))
        text = await running.until("later")
        assert text.index("sooner") < text.index("later")


async def test_another_container_is_added_by_a_part_of_its_name() -> None:
    engine = StackEngine(fastgpt=[line(0, "zero")], oneapi=[line(1, "one")])
    async with console(desk(), (120, 40)) as running:
        await enter(running, engine, "fastgpt")
        await running.press("plus")
        await running.type("onea")
        await running.press("enter")
        text = await running.until("one")
        assert "fastgpt + oneapi" in text
        await running.press("plus")
        await running.type("nobody")
        await running.press("enter")
        assert "No other container has nobody in its name." in running.notices


# Filter and search


@pytest.mark.parametrize("size", SIZES)
async def test_a_filter_hides_the_rest_while_it_is_typed_and_shows_lines_around_on_demand(size) -> None:
    lines = [line(n, f"needle {n}" if n % 10 == 5 else f"hay {n}") for n in range(30)]
    engine = StackEngine(fastgpt=lines)
    async with console(desk(), size) as running:
        view = await enter(running, engine, "fastgpt")
        await running.press("slash")
        text = await running.type("NEED")
        assert "hay" not in text
        assert text.count("needle") == 3
        text = await running.press("enter")
        assert "3 of 30 lines · only these" in text
        engine.write("fastgpt", line(40, "hay again"), line(41, "needle again"))
        text = await running.until("needle again")
        assert "hay again" not in text
        text = await running.press("o")
        assert "hay 12" in text
        assert "hay 11" not in text
        assert "hay again" in text
        assert "32 lines · all lines shown" in await running.press("o", "n")
        assert len(view.kept.shown) == 32
        assert view.kept.entry(view.cursor or 0).said.startswith("needle")
        await running.press("escape")
        assert len(view.kept.shown) == 32


async def test_words_may_be_a_pattern_and_case_may_count() -> None:
    engine = StackEngine(fastgpt=[line(0, "server up"), line(1, "RS0 elected"), line(2, "rs0 lost"), line(3, "hay")])
    async with console(desk(), (120, 40)) as running:
        view = await enter(running, engine, "fastgpt")
        await running.press("slash", *"server", "vertical_line", *"rs0", "enter")
        assert "0 of 4" in running.text
        assert "3 of 4" in await running.press("p")
        assert "2 of 4" in await running.press("i")
        assert "case counts" in running.text
        await running.press("slash", "left_parenthesis")
        assert "Not a pattern yet" in running.text
        assert len(view.kept.shown) == 2  # what was found before stays


CATASTROPHE = "a" * 40 + "!"


@pytest.mark.parametrize("when", ["typed", "lines come", "marking"])
async def test_a_pattern_that_would_take_years_is_given_up_and_the_keys_answer(when) -> None:
    written = {"typed": CATASTROPHE, "lines come": "aaa", "marking": "aaa " + CATASTROPHE}[when]
    engine = StackEngine(fastgpt=[line(0, written)])
    async with console(desk(), (100, 30)) as running:
        view = await enter(running, engine, "fastgpt")
        await running.press("p", "slash")
        await running.type("aaa |(a+)+$" if when == "marking" else "(a+)+$")
        await running.press("enter")
        if when == "marking":
            assert "1 of 1 lines" in running.text
        else:
            if when == "lines come":
                assert "1 of 1 lines" in running.text
                engine.write("fastgpt", line(1, CATASTROPHE))
            await running.until("ooked for: it takes too long")
        await running.until(lambda _: CATASTROPHE in running.text)
        assert len(view.kept.shown) == len(view.lines)
        assert "age" in await running.press("t"), "the next key is answered"


def test_a_limit_ends_with_its_block() -> None:
    with pytest.raises(TooSlow), in_time(0.01):
        re.search(r"(a+)+$", CATASTROPHE)
    with in_time(60):
        assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    signal.raise_signal(signal.SIGVTALRM)  # one that comes late ends nothing

    def elsewhere() -> tuple[float, float]:
        with in_time(60):
            return signal.getitimer(signal.ITIMER_VIRTUAL)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere).result() == (0, 0), "no thread but the main one can have a limit"


async def test_errors_are_gone_to_the_newest_first() -> None:
    lines = [line(n, f"ERROR number {n}" if n in {3, 50, 90} else f"hay {n}") for n in range(100)]
    async with console(desk(), (80, 24)) as running:
        view = await enter(running, StackEngine(fastgpt=lines), "fastgpt")
        told = []
        for key in ("e", "e", "e", "E"):
            await running.press(key)
            told.append(view.kept.entry(view.cursor or 0).said)
        assert told == [f"ERROR number {n}" for n in (90, 3, 50, 3)]
        assert "errors 3" in running.text
        assert "▌" in next(row for row in running.text.splitlines() if "ERROR number 3" in row)


# Levels, JSON, stack traces


@pytest.mark.parametrize("size", SIZES)
async def test_json_is_told_by_severity_component_and_message_and_unfolds(size) -> None:
    engine = StackEngine(**{"chat-mongodb": [line(0, MONGOD)]})
    async with console(desk(), size) as running:
        await enter(running, engine, "chat-mongodb")
        row = next(row for row in running.text.splitlines() if "New replica set" in row)
        assert row.split()[:9] == ["08:53:20", "info", "REPL", "New", "replica", "set", "config", "in", "use"]
        assert "$date" not in running.text
        text = await running.press("enter")
        assert "ctx: conn2" in text
        assert "host: mongo:27017" in text
        assert "ctx: conn2" not in await running.press("enter")


async def test_a_hit_in_the_folded_part_of_json_unfolds_it() -> None:
    async with console(desk(), (120, 40)) as running:
        await enter(running, StackEngine(**{"chat-mongodb": [line(0, MONGOD)]}), "chat-mongodb")
        await running.press("slash")
        assert "ctx: conn2" in await running.type("conn2")


async def test_a_stack_trace_is_its_first_line_and_a_count() -> None:
    lines = [line(0, "MongooseError: no server"), *(line(0, f"    at frame{n} (index.js:{n})") for n in range(7))]
    engine = StackEngine(fastgpt=[*lines, line(1, "retrying")])
    async with console(desk(), (120, 40)) as running:
        view = await enter(running, engine, "fastgpt")
        assert "+ 7 lines of stack" in running.text
        assert "frame3" not in running.text
        await running.press("k", "k")
        assert "frame3" in await running.press("enter")
        assert "frame3" not in await running.press("enter")
        view.find("frame3")
        await running.settle()
        assert "frame3" in running.text  # who looks for a folded line sees it


# Time, breaking, marks


async def test_the_time_is_local_an_age_utc_or_off_by_one_key(monkeypatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    ago = time.time() - 7200 - START
    async with console(desk(), (120, 40)) as running:
        await enter(running, StackEngine(fastgpt=[line(0, "old"), line(ago, "recent")]), "fastgpt")
        row = lambda: next(row for row in running.text.splitlines() if row.endswith("old"))  # noqa: E731
        assert "16:53:20" in row()
        await running.press("t")
        assert "2h recent" in " ".join(running.text.split())
        await running.press("t")
        assert "08:53:20" in row()
        await running.press("t")
        assert row().split() == ["old"]


async def test_long_lines_are_broken_or_cut_and_moved_aside_by_keys() -> None:
    engine = StackEngine(fastgpt=[line(0, " ".join(f"word{n}" for n in range(40)))])
    async with console(desk(), (80, 24)) as running:
        await enter(running, engine, "fastgpt")
        assert "word39" in running.text
        assert "word39" not in await running.press("b")
        for _ in range(12):
            await running.press("right")
        assert "word39" in running.text
        assert "08:53:20" in running.text
        assert "word39" in await running.press("b")


async def test_a_time_is_gone_to_even_where_it_is_older_than_what_was_read() -> None:
    lines = [line(60 * n, f"minute {n}") for n in range(1000)]
    engine = StackEngine(fastgpt=lines)
    async with console(desk(), (80, 24)) as running:
        view = await enter(running, engine, "fastgpt")
        assert len(view.lines) == 300
        await running.press("a")
        box = running.app.screen.query_one("#log-input")
        box.value = "2025-10-09 10:33"  # type: ignore[attr-defined]
        await running.press("enter")
        await running.until(lambda _: view.cursor is not None and view.kept.entry(view.cursor).said == "minute 100")
        await running.press("a", "x", "enter")
        assert "That is no time" in running.notices


async def test_marked_lines_are_gone_to_and_copied(monkeypatch) -> None:
    async with console(desk(), (80, 24)) as running:
        view = await enter(running, StackEngine(fastgpt=[line(n, f"line {n}") for n in range(100)]), "fastgpt")
        await running.press("k", "m", "g", "m", "j", "j")
        assert "2 marked" in running.text
        await running.press("apostrophe")
        assert view.kept.entry(view.cursor or 0).said == "line 99"
        await running.press("c")
        assert running.app.clipboard == "08:53:20 line 0\n08:54:59 line 99"
        assert "Copied: 2 lines" in running.notices


# Scrolled up


@pytest.mark.parametrize("size", SIZES)
async def test_who_reads_further_up_is_told_how_much_came_below(size) -> None:
    engine = StackEngine(fastgpt=[line(n, f"line {n}") for n in range(200)])
    async with console(desk(), size) as running:
        view = await enter(running, engine, "fastgpt")
        await running.press("pageup", "k")
        read = [row.rstrip(BAR) for row in running.text.splitlines() if " line " in row]
        engine.write("fastgpt", *(line(300 + n, f"new {n}") for n in range(38)))
        text = await running.until("▼ 38 new below, G")
        assert [row.rstrip(BAR) for row in text.splitlines() if " line " in row] == read
        text = await running.press("G")
        assert "new 37" in text
        assert "new below" not in text
        assert view.follows


async def test_older_lines_are_fetched_at_the_top_until_there_are_none() -> None:
    engine = StackEngine(fastgpt=[line(n, f"line {n}") for n in range(900)])
    async with console(desk(), (80, 24)) as running:
        view = await enter(running, engine, "fastgpt")
        for count in (700, 900, 900):
            await running.press("g", "k")
            await running.until(lambda _, count=count: len(view.lines) == count)
        assert [view.kept.entry(n).said for n in view.kept.shown] == [f"line {n}" for n in range(900)]
        assert "line 0" in await running.press("g")


async def test_older_lines_of_a_busy_and_of_a_quiet_service_come_in_order() -> None:
    busy = [line(n, f"busy {n}") for n in range(2000)]
    quiet = [line(100 * n + 0.5, f"quiet {n}") for n in range(20)]
    async with console(desk(), (120, 40)) as running:
        view = await enter(running, StackEngine(fastgpt=busy, oneapi=quiet), "fastgpt", "oneapi")
        for _ in range(8):
            await running.press("g", "k")
        await running.until(lambda _: len(view.lines) == 2020)
        stamps = [view.kept.entry(n).stamp for n in view.kept.shown]
        assert stamps == sorted(stamps)


async def test_a_paused_log_stands_still_and_goes_on() -> None:
    engine = StackEngine(fastgpt=[line(0, "zero")])
    async with console(desk(), (80, 24)) as running:
        view = await enter(running, engine, "fastgpt")
        assert "paused" in await running.press("f")
        engine.write("fastgpt", line(1, "one"))
        await asyncio.sleep(0.5)
        assert len(view.lines) == 1
        await running.press("f")
        await running.until(" one")


# Handing out, proofs


async def test_a_flood_keeps_its_newest_lines_in_order_and_tells_that_some_are_missing() -> None:
    engine = StackEngine(fastgpt=[line(0, "before the flood")])
    async with console(desk(), (120, 40)) as running:
        view = await enter(running, engine, "fastgpt")
        count = (5 << 20) // 500
        engine.write("fastgpt", *(line(1 + number / 1000, f"{number:08d} {'x' * 460}") for number in range(count)))
        await running.until(f"{count - 1:08d}")
        numbers = [int(found[1]) for text in view.lines if (found := re.search(r" (\d{8}) x", text))]
        assert numbers == sorted(set(numbers))
        assert numbers[-500:] == list(range(count - 500, count))
        assert any("left out here" in text for text in view.lines)


async def test_a_secret_in_a_log_is_never_shown_nor_kept() -> None:
    body = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" + "Ab3dEf6h" * 4, "Zx9Kq2Lm5Np8Rs1Tu4Vw7Yz0Ab3Cd6Ef9"]
    before = [line(0, "started with MONGO_PASSWORD=hunter2secret"), line(0.1, "retry hunter2secret")]
    engine = StackEngine(fastgpt=before)
    async with console(desk(), (140, 40)) as running:
        view = await enter(running, engine, "fastgpt")
        engine.write("fastgpt", line(1, "-----BEGIN RSA PRIVATE KEY-----"), line(1.1, body[0]))
        await running.until("BEGIN RSA PRIVATE KEY")
        engine.write("fastgpt", line(2, body[1]), line(2.1, "-----END RSA PRIVATE KEY-----"), line(3, "it was read"))
        everything = await running.until("it was read") + "\n".join(view.lines)
        for secret in ("hunter2secret", *body):
            assert secret not in everything
        assert "•••" in everything


async def test_what_is_exported_is_what_is_shown_and_masked(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line(0, "MONGO_PASSWORD=hunter2secret needle"), line(1, "hay"), line(2, MONGOD + " "), line(3, "needle")]
    async with console(desk(), (120, 40)) as running:
        await enter(running, StackEngine(fastgpt=lines), "fastgpt")
        await running.press("slash", *"needle", "enter", "x")
        await running.until(lambda _: "2 lines written to" in running.notices)
        (file,) = tmp_path.glob("stackops-fastgpt-*.log")
        assert file.stat().st_mode & 0o777 == 0o600
        told = file.read_text().splitlines()
        assert [each[:8] for each in told] == ["08:53:20", "08:53:23"]
        assert "hunter2secret" not in told[0]
        assert "•••" in told[0]


async def test_no_sequence_of_a_line_reaches_the_screen_the_clipboard_or_the_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    evil = "go\x1b]52;c;ZXZpbA==\x07od \x1b[2J\x9b31mred\x1b[?1049l a\u202eb\u2066c\u200bd \x1bPq\x1b\\ end\x08 \x7f"
    told = json.dumps({"level": "error", "msg": evil, "other": evil})
    async with console(desk(), (160, 40)) as running:
        await enter(running, StackEngine(fastgpt=[line(0, evil), line(1, told)]), "fastgpt")
        await running.press("g", "j", "enter")
        shown = await running.press("k", "m", "j", "m", "c")
        assert "marked" in await running.press("x")
        await running.until(lambda _: "lines written to" in running.notices)
        (file,) = tmp_path.glob("stackops-fastgpt-*.log")
        for text in (shown, running.app.clipboard, file.read_text()):
            assert "red" in text
            assert not [ascii(each) for each in text if not (each.isprintable() or each in "\n\xa0")]


def test_a_link_where_the_file_should_stand_is_not_followed(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "state_directory", lambda: tmp_path / "state")
    monkeypatch.setattr(export.time, "strftime", lambda _: "now")
    (tmp_path / "stackops-a-b.yml-now.log").symlink_to(tmp_path / "victim")
    file = export.write_out("a/b.yml", ["one", "PASSWORD=hunter2secret"])
    assert not (tmp_path / "victim").exists()
    assert file == tmp_path / "state" / "stackops-a-b.yml-now.log"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert "hunter2secret" not in file.read_text()
    with pytest.raises(FileExistsError):
        export.write_out("a/b.yml", ["two"])
    assert file.read_text().startswith("one\n"), "what stood there stays"


async def test_a_disk_that_fills_leaves_no_half_of_a_file_and_it_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "state_directory", lambda: tmp_path / "state")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with console(desk(), (120, 40)) as running:
        await enter(running, StackEngine(fastgpt=[line(0, "one")]), "fastgpt")
        monkeypatch.setattr(export.os, "fsync", full)
        await running.press("x")
        await running.until(lambda _: "could not be written: No space left on device" in running.notices)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


async def test_copies_reach_the_terminal_through_tmux_too(monkeypatch) -> None:
    written: list[str] = []
    async with console(desk(), (80, 24)) as running:
        monkeypatch.setattr(running.app._driver, "write", written.append)
        monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
        assert export.clipboard(running.app, "text")
        assert any("\x1bPtmux;\x1b\x1b]52;c;dGV4dA==\x07\x1b\\" in each for each in written)
        assert any(each.startswith("\x1b]52;c;dGV4dA==") for each in written)
        assert not export.clipboard(running.app, "x" * 100_000)


async def test_the_trouble_that_a_line_proves_stands_beside_it_and_is_repaired_by_its_key() -> None:
    stamp = log_feed.stamp_at(START + 5)
    mark = LogMark(container=stage.FASTGPT.id, mark="x", text="told otherwise", at=seconds(stamp))
    quoted = [Evidence("log", words, "docker logs fastgpt") for words in ("told otherwise", "in its own words")]
    fix = FixSummary("safe", "mend it")
    proof = Result("fastgpt.proof", "fastgpt/fastgpt", "finding", "So", "error", evidence=tuple(quoted), fix=fix)
    snapshot = replace(stage.full(), log_marks=(mark,))
    engine = StackEngine(fastgpt=[line(0, "hay"), line(5, "{raw}"), line(6, "in its own words"), line(7, "hay")])
    async with console(desk((proof,), snapshot), (120, 40)) as running:
        await enter(running, engine, "fastgpt")
        text = await running.until("← fastgpt.proof  F")
        assert [row.split("←")[0].split()[-1] for row in text.splitlines() if "←" in row] == ["{raw}", "words"]
        await running.press("k", "k")
        assert running.app.screen.to_fix() is proof  # type: ignore[attr-defined]


async def test_keys_typed_ahead_of_the_filter_are_text() -> None:
    async with console(desk(), (80, 24)) as running:
        view = await enter(running, StackEngine(fastgpt=[line(0, "fix me")]), "fastgpt")
        await running.press("slash")
        await running.type("fix")
        assert isinstance(running.app.screen, LogsScreen)
        assert view.words == "fix"


def test_stamps_are_written_as_the_engine_writes_them() -> None:
    at = datetime(2025, 10, 9, 8, 53, 20, 123456, UTC).timestamp()
    assert log_feed.stamp_at(at) == "2025-10-09T08:53:20.123456000Z"
    assert seconds(log_feed.stamp_at(at)) == pytest.approx(at)


async def test_a_flood_is_made_fit_to_be_shown_in_slices_between_which_keys_are_answered(monkeypatch) -> None:
    rests: list[float] = []
    slices: list[int] = []
    redact = log_feed.redact
    sleep, pauses = asyncio.sleep, (0, log_feed.BATCH_SECONDS, log_feed._EVENTS_COME)

    async def rest(seconds: float) -> None:
        rests.extend(() if seconds in pauses else (seconds,))
        await sleep(seconds)

    monkeypatch.setattr(log_feed.asyncio, "sleep", rest)
    monkeypatch.setattr(log_feed, "redact", lambda text: slices.append(len(text)) or redact(text))
    engine = StackEngine(fastgpt=[line(number / 100, "old " * 100) for number in range(300)])
    feed = log_feed.LogFeed(engine, [log_feed.LogSource(stage.FASTGPT.id, "fastgpt")], lambda source: source)  # type: ignore[arg-type]
    batches = feed.batches()
    assert len(await anext(batches)) == 300
    assert rests == [], "what was there before is no flood: whoever opens a log does not wait for it"
    slices.clear()
    flood = asyncio.ensure_future(anext(batches))
    while "fastgpt" not in engine.listeners:
        await sleep(0.01)
    engine.write("fastgpt", *(line(10 + number / 1000, "new " * 100) for number in range(500)))
    assert len(await flood) == 500
    await batches.aclose()
    assert max(slices) < log_feed._SLICE + log_feed.LONGEST
    assert len(rests) == len(slices) > 10
    assert min(rests[:-1]) > 0
