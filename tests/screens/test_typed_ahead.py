"""Keys that arrive before what they were meant for: text for an input, a look around in a place, never an act."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from stackops.console.fix.journal import Journal
from stackops.console.fix.preparing import HeldControl
from stackops.console.hosts import Control
from stackops.console.practice import open_demo
from stackops.screens.app import StackopsApp
from stackops.screens.widgets.table import Table
from support import entries, stage
from support.clock import FakeClock
from support.fake_engine import FakeEngine, container
from support.pilots import Stage, console, desk_on
from support.pty_harness import STACKOPS, Terminal
from support.workshop import tree
from textual.events import Key, Paste
from textual.widgets import Input


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """The file in which a ``docker`` that is first on PATH writes its arguments, a line for each call."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "calls"
    log.touch()
    program = folder / "docker"
    program.write_text(
        f'#!{sys.executable}\nimport sys\nopen("{log}", "a").write(" ".join(sys.argv[1:]) + "\\n")\nsys.exit(3)\n'
    )
    program.chmod(0o755)
    return log


def _environment(tmp_path: Path, engine: FakeEngine) -> dict[str, str]:
    return {
        "DOCKER_HOST": engine.url, "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "XDG_CONFIG_HOME": str(tmp_path),
        "STACKOPS_STATE_DIR": str(tmp_path / "state"),
    }  # fmt: skip


def row_of(name: str, text: str) -> bool:
    """Whether it has a row: the verdict may name it as well."""
    return any(name in line and "running" in line for line in text.splitlines())


@pytest.mark.parametrize("burst", ["/postgres", "/postgresSRDCA"])
def test_words_typed_in_one_go_with_the_slash_are_words_of_the_filter(tmp_path, calls, burst) -> None:
    engine = FakeEngine(container("postgres"), container("oneapi"))
    with engine.in_thread(), Terminal(STACKOPS, size=(120, 40), env=_environment(tmp_path, engine)) as terminal:
        terminal.wait_for(lambda text: row_of("oneapi", text))
        terminal.send(burst)
        terminal.wait_for(lambda text: burst[1:] in text and not row_of("oneapi", text))
        terminal.send("\x1b")
        terminal.wait_for(lambda text: row_of("oneapi", text))
        assert terminal.quit() == 0
        assert terminal.restored
    assert "exec" not in calls.read_text()
    assert not [each for each in engine.requests if each.startswith(("POST", "DELETE"))]


def test_keys_typed_while_a_shell_ends_open_no_second_one(tmp_path, calls) -> None:
    engine = FakeEngine(container("oneapi"))
    with engine.in_thread(), Terminal(STACKOPS, size=(120, 40), env=_environment(tmp_path, engine)) as terminal:
        terminal.wait_for("oneapi")
        terminal.send("sssR")
        terminal.wait_for("The shell in oneapi ended with exit code 3.")
        terminal.send("?")
        assert "Restart oneapi?" not in terminal.wait_for("esc closes")
    assert len(calls.read_text().splitlines()) == 1


OPENERS = ("/", ":", "?", "R", "S", "A", "C", "D", "F", "enter", "2", "3", "4", "5", "e")
"""Keys of the overview that open an input, a dialog, a screen or a place."""
ALPHABET = ("enter", "escape", "tab", "right", "space", *"lRSCDsFAUTXynrjkGgevf/:?q0123456789postgre ")
_NAMES = {"/": "slash", ":": "colon", "?": "question_mark", " ": "space"}


def _put(running: Stage, keys: Sequence[str]) -> None:
    """All keys in one turn of the loop, as the driver gives them after one read."""
    for key in keys:
        running.app.post_message(Key(_NAMES.get(key, key), key if len(key) == 1 else None))


async def _overview(running: Stage, row: str = stage.LIBRECHAT.id) -> None:
    """Back to a container with a finding in the overview, whatever a burst has opened."""
    app = running.app
    await running.settle()
    while (app.current_mode, len(app.screen_stack)) != ("overview", 1):  # a plan that took its time may open meanwhile
        if app.screen.is_modal:
            await running.press("escape")
        elif len(app.screen_stack) > 1:
            await app.pop_screen()
        else:
            app.switch_mode("overview")
        await running.settle()
    filtered = app.screen.query_one("#filter", Input)
    filtered.value = ""
    table = app.screen.query_one("#stacks", Table)
    app.screen.remove_class("-filtering")
    app.screen.set_focus(table)
    table.select(row)
    await running.settle()


STACK = "group:librechat"
"""The row of a whole stack."""
SITES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "overview": ((), OPENERS),
    "stack": (("g",), ("/", "R", "S", "A", "C", "D", "F", ":")),
    "container": (("enter",), ("/", "l", "R", "S", "A", "C", "D", ":", "escape")),
    "logs": (("l",), ("/", "a", "+", "F", ":", "escape")),
    "doctor": (("2", "g"), ("F", "enter", ":", "1")),
    "plan": (("F",), ("A", "escape", "?")),
    "journal": (("3", "g"), ("U", "enter", "?")),
    "gpus": (("4", "g"), ("R", "S", "l", "enter", "w")),
    "timeline": (("e", "g"), ("enter", "?", ":", "1")),
    "servers": (("5",), ("T", "X", "R", "S", "l")),
    "wiring": (("6",), ("enter", "l", ":")),
}
"""The way to each place, and the keys that open an input, a dialog or a screen there."""
REFUSED = {"D": "remove"}
"""Keys that open a dialog only where the container is as their act needs it, and what they ask for."""
ROW = "lab-ollama:11434"
"""A model server whose requests may be sent and whose models may be unloaded."""
BURSTS = 9 * len(SITES)
LOOKS = {*HeldControl.LOOKS, "shell"}
ACTS = {name for name in vars(Control) if not name.startswith("_")} - LOOKS | {"post", "command_mongo"}


class Acts:
    """The door to acts of a practice machine: what is asked for is written down and not done."""

    def __init__(self, base: object, done: list[object]) -> None:
        self._base, self._done = base, done

    def __getattr__(self, name: str) -> object:
        if name in ACTS:
            return lambda *arguments, **_: self._done.append((name, arguments))
        return getattr(self._base, name)


@asynccontextmanager
async def _machine(monkeypatch: pytest.MonkeyPatch, journal: Journal) -> AsyncIterator[tuple[Stage, list[object]]]:
    """A console on the practice machine, and all that was done there: acts, shells, the end of the console itself."""
    done: list[object] = []
    monkeypatch.setattr(StackopsApp, "exit", lambda *_, **__: done.append("exit"))
    monkeypatch.setattr(StackopsApp, "open_shell", lambda _, container: done.append(("shell", container.name)))
    host = open_demo(clock=FakeClock())
    host.control, host.http_acts = Acts(host.control, done), Acts(host.http_acts, done)  # type: ignore[assignment]
    desk = desk_on(host, journal)
    async with console(desk, (120, 40)) as running:
        await running.until(lambda _: running.app.results is not None)
        monkeypatch.setattr(desk.feed, "request", lambda: None)  # one look serves all
        yield running, done


async def _to(site: str, running: Stage) -> None:
    """To a place of the practice machine, with a row selected where every opener opens something."""
    containers = running.app.snapshot.containers
    row = next(each.id for each in containers if each.name == "LibreChat")
    await _overview(running, row)
    await running.press(*SITES[site][0])
    if site == "plan":
        await running.until("Nothing has been changed yet")
        return
    while getattr(running.app.screen, "PLACE", "") == "plan":  # one that an earlier burst asked for took its time
        await _overview(running, row)
        await running.press(*SITES[site][0])
    if site == "stack":
        running.app.screen.query_one("#stacks", Table).select(STACK)
        await running.settle()
    if site == "servers":
        running.app.screen.query_one(Table).select(ROW)
        await running.settle()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
async def test_no_burst_ahead_of_an_input_a_dialog_or_a_place_acts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int
) -> None:
    """Nothing is done to the machine, no shell is opened on any row, and the console goes on."""
    dice, journal = random.Random(seed), entries.interrupted(tmp_path)
    kept = tree(tmp_path)
    async with _machine(monkeypatch, journal) as (running, done):
        for number in range(BURSTS):
            site = list(SITES)[number % len(SITES)]
            await _to(site, running)
            burst = (dice.choice(SITES[site][1]), *dice.choices(ALPHABET, k=dice.randint(1, 12)))
            _put(running, burst)
            await running.settle()
            assert (done, tree(tmp_path)) == ([], kept), f"burst {number} in {site}: {burst}\n{running.text}"


async def test_every_opener_opens_something(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else a key after it were typed at what is seen, and might act. What is refused takes along what is behind it."""
    async with _machine(monkeypatch, entries.interrupted(tmp_path)) as (running, done):
        for site, (_, openers) in SITES.items():
            for opener in openers:
                await _to(site, running)
                before = (running.app.screen, running.app.screen.focused)
                refused = running.app.screen.why_not(REFUSED[opener]) if opener in REFUSED else ""
                if refused:
                    _put(running, (opener, "s"))
                    await running.settle()
                else:
                    await running.press(_NAMES.get(opener, opener))
                opened = (running.app.screen, running.app.screen.focused) != before
                assert opened != bool(refused), (site, opener, running.text)
                assert done == []


@pytest.mark.parametrize("ahead", ["A", "AA", "Aenter", "tabenter"])
async def test_a_plan_that_nobody_has_seen_is_not_applied(tmp_path, ahead) -> None:
    host, journal = open_demo(clock=FakeClock()), Journal(tmp_path)
    async with console(desk_on(host, journal)) as running:
        await running.select("mongo.keyfile")
        _put(running, ("F", *re.findall("enter|tab|.", ahead)))
        await running.until("Nothing has been changed yet")
        await running.settle()
        assert not running.app.screen.is_modal
        assert journal.entries() == ()
        await running.consent()
        await running.until("✓ Done")


async def test_keys_typed_at_a_dialog_do_not_reach_the_row_beneath_it(monkeypatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(StackopsApp, "open_shell", lambda *_: done.append("shell"))
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        for opener, burst in (("R", ("enter", "s")), ("R", ("escape", "s", "R")), ("enter", ("escape", "s"))):
            await _overview(running)
            await running.press(opener)
            _put(running, burst)
            await running.settle()
            assert (running.app.screen.PLACE, done) == ("overview", []), (opener, burst)  # type: ignore[attr-defined]


async def test_a_paste_goes_to_an_input_and_nowhere_else() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        running.app.post_message(Paste("sRD\n"))
        running.app.post_message(Key("slash", "/"))
        running.app.post_message(Paste("oneapi\nR\n"))
        await running.settle()
        assert running.app.screen.query_one("#filter", Input).value == "oneapi"
        await _overview(running)
        running.app.screen.query_one("#stacks", Table).select(stage.RAG.id)
        await running.settle()
        _put(running, "D")
        running.app.post_message(Paste("rag_api"))
        await running.settle()
        assert running.app.screen.query_one("#typed", Input).value == ""
    assert desk.host.control.calls == []


async def test_keys_look_around_in_a_place_that_is_not_there_yet() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        _put(running, "2121213j")
        await running.settle()
        assert running.app.screen.PLACE == "journal"  # type: ignore[attr-defined]
