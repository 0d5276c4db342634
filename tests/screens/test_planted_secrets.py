"""Secrets planted in every text from outside, and every place of the console walked: none is ever on the screen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from stackops.console.fix.plan import Plan
from stackops.console.hosts import HostError
from stackops.console.text.cleaning import redact
from stackops.screens.places.overview import Overview
from support import planted, stage
from support.pilots import Stage, console

SIZES = [(80, 24), (200, 50)]


def _desk(garden: planted.Garden, folder: Path):
    results = planted.results(garden)
    log = "\n".join([*(garden.form() for _ in planted.LINES), *(garden.text() for _ in planted.TEXTS), garden.known()])
    notices = [garden.form() if number % 2 else garden.known() for number in range(16)]
    desk = stage.desk(planted.snapshot(garden), results, journal=planted.journal(folder, garden), log=log.encode())
    plan = Plan(
        "server.wrong-key", "librechat/api0", garden.form(), says=(*(garden.form() for _ in range(9)),), safety="manual"
    )
    desk.checks.plan = lambda *_: plan  # type: ignore[method-assign]
    return desk, notices


async def _down(running: Stage, shown: list[str], times: int) -> None:
    for _ in range(times):
        shown.append(await running.press("j"))


async def _read(running: Stage, shown: list[str], pages: int = 12) -> None:
    """The text of the focused pane, page by page."""
    for _ in range(pages):
        shown.append(await running.press("pagedown"))


@pytest.mark.parametrize("size", SIZES)
async def test_no_place_shows_a_planted_secret(size: tuple[int, int], tmp_path: Path) -> None:
    garden = planted.Garden()
    desk, _ = _desk(garden, tmp_path)
    assert len(garden.secrets) >= 250
    shown: list[str] = []
    async with console(desk, size) as running:
        shown.append(running.text)
        for _ in range(4):
            shown.append(await running.press("tab"))
            await _down(running, shown, 3)
        shown.append(await running.press("2", "g"))
        await _down(running, shown, 18)
        shown.append(await running.press("enter"))
        await _read(running, shown, 4)
        for place, rows in (("3", 2), ("4", 4), ("5", 6)):
            shown.append(await running.press(place, "g"))
            for _ in range(rows):
                shown.append(await running.press("j", "enter"))
                await _read(running, shown, 2)
                shown.append(await running.press("escape", place))
        assert not garden.leaked("\n".join(shown))


@pytest.mark.parametrize("size", SIZES)
async def test_no_container_log_plan_dialog_or_notice_shows_one(size: tuple[int, int], tmp_path: Path) -> None:
    garden = planted.Garden()
    desk, notices = _desk(garden, tmp_path)
    shown: list[str] = []
    async with console(desk, size) as running:
        app = running.app
        app.open("container", stage.LIBRECHAT.id)
        shown.append(await running.until("Details"))
        await _read(running, shown)
        shown.append(await running.press("l", "g"))
        await _read(running, shown)
        shown.append(await running.press("l", "R"))
        shown.append(await running.press("escape", "escape"))
        desk.host.control.error = HostError(garden.form(), garden.form())  # type: ignore[attr-defined]
        app.do("Restart api", lambda control: control.restart("x"))
        await running.pilot.app.workers.wait_for_complete()
        for notice in notices:
            app.say(notice)
            await running.settle()
            shown += [running.text, running.notices]
        app.clear_notifications()
        shown.append(await running.press("2", "g", "F"))
        await running.until("here is what to do")
        await _read(running, shown, 3)
        assert not garden.leaked("\n".join(shown))


async def test_names_that_hold_a_secret_stay_whole_and_a_standing_one_does_not(tmp_path: Path) -> None:
    import stackops.checks.registry  # noqa: F401 - as the console does: its ids are ours from then on

    garden = planted.Garden()
    async with console(_desk(garden, tmp_path)[0], (200, 50)) as running:
        await running.press("tab")
        await running.stacks("group:bluebox-chat")
        await running.press("enter")  # all is well in it, so it is folded
        assert "bluebox-web" in running.text
        assert "bluebox-chat" in running.text
        running.app.open("container", stage.container(77, "bluebox-chat-bluebox-web-1").id)
        text = await running.until("SESSION_SECRET")
        assert "bluebox/web:1" in text
        assert "bluebox-chat / bluebox-web" in text
        row = next(line for line in text.splitlines() if "SESSION_SECRET" in line)
        assert "bluebox" not in row
        assert "•••" in row
        running.app.say("server.wrong-key: nothing to do")
        await running.settle()
        assert "server.wrong-key: nothing to do" in running.notices


async def test_the_clipboard_gets_no_secret() -> None:
    garden = planted.Garden()
    async with console(stage.desk(planted.snapshot(garden), planted.results(garden)), (120, 40)) as running:
        await running.press("5", "g")
        for _ in range(6):
            await running.press("j", "y")
            assert not garden.leaked(running.app.clipboard)


async def test_a_secret_in_what_is_copied_is_masked_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Overview, "copied", lambda _: "mongodb://root:Wn4kqztl8x@mongo:27017")
    async with console(stage.desk(stage.full(), ())) as running:
        await running.press("y")
        await running.until(lambda _: "Copied" in running.notices)
        assert running.app.clipboard.startswith("mongodb://root:")
        assert "Wn4kqztl8x" not in running.app.clipboard + running.notices


SCREENS = Path(__file__).resolve().parents[2] / "screens"


@pytest.mark.parametrize("module", sorted(SCREENS.rglob("*.py")), ids=lambda path: path.stem)
def test_only_the_painter_makes_cells(module: Path) -> None:
    """Whoever wants cells has to go through ``paint``, where a line has to be safe; a table paints whole cells."""
    calls = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]
    made = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    if module.name not in {"paint.py", "table.py", "driver.py"}:
        assert not made & {"Segment", "Strip", "Safe", "Text"} - ({"Safe"} if module.name == "text.py" else set())
    if module.name != "navigator.py":
        assert not [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "notify"]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in {"Button", "Content"} and module.name != "help.py":
            inner = call.args[0] if call.args else None
            words = ast.unparse(inner) if inner is not None else ""
            assert module.name in {"dialogs.py", "plan.py"} or isinstance(inner, ast.Constant), (
                f"{module.name}: {words}"
            )


def test_a_line_is_masked_across_its_spans_and_keeps_their_tones() -> None:
    from stackops.screens.widgets.paint import Span, line, plain, safe

    shown = safe(line(("  --token ", "muted"), ("hunter2", "strong"), ("isTheSecret", "error"), (" end", "ok")))
    assert plain([shown]) == f"  {redact('--token hunter2isTheSecret')} end"
    assert shown[0] == Span("  --token ", "muted")
    assert shown[-1] == Span(" end", "ok")
