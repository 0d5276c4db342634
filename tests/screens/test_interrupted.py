"""A fix that was killed is offered at the next start: resume, roll back, or later."""

from __future__ import annotations

from dataclasses import replace

from stackops.console.settings import Settings
from support import entries, stage
from support.pilots import console


async def test_the_dialog_says_what_was_interrupted_and_waits_on_later(tmp_path) -> None:
    journal = entries.interrupted(tmp_path)
    async with console(stage.desk(stage.full(), stage.RESULTS, journal=journal)) as running:
        shown = await running.until("A fix was interrupted")
        assert "Close the key file to others" in shown
        assert "1 of 2 done" in shown
        assert "Resume" in shown
        assert "Roll back" in shown
        await running.press("enter")
        assert "Stacks" in running.text
        assert journal.open_entries() != ()


async def test_an_interrupted_fix_of_another_machine_is_left_alone(tmp_path) -> None:
    journal = entries.interrupted(tmp_path, host="elsewhere")
    async with console(stage.desk(stage.full(), stage.RESULTS, journal=journal)) as running:
        for worker in [each for each in running.app.workers if each.group == "journal"]:
            await worker.wait()
        await running.settle()
        assert "interrupted" not in running.text


async def test_read_only_only_tells(tmp_path) -> None:
    journal = entries.interrupted(tmp_path)
    async with console(stage.desk(stage.full(), stage.RESULTS, read_only=True, journal=journal)) as running:
        await running.until("A fix was interrupted")
        assert "Resume" not in running.text


async def test_a_console_that_shows_one_project_alone_cannot_prove_what_is_finished(tmp_path) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, journal=entries.interrupted(tmp_path))
    async with console(replace(desk, settings=Settings(project="librechat"))) as running:
        await running.until("To finish it, open the console without a project.")
        assert "Roll back" in running.text
        assert "Resume" not in running.text


async def test_the_journal_shows_it_and_asks_again(tmp_path) -> None:
    journal = entries.interrupted(tmp_path)
    async with console(stage.desk(stage.full(), stage.RESULTS, journal=journal)) as running:
        await running.until("A fix was interrupted")
        await running.press("escape", "3")
        await running.until("▲ interrupted")
        await running.press("U")
        await running.until("A fix was interrupted")


async def test_entries_are_told_with_who_and_when_and_how_they_ended(tmp_path) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, journal=entries.journal(tmp_path))
    async with console(desk, (120, 40)) as running:
        await running.press("3")
        shown = await running.until("Close the key file")
        assert "○ undone" in shown
        assert "✓ done" in shown
        assert "ops" in shown
        assert "+ mode 400" in shown


async def test_an_undo_cannot_be_undone(tmp_path) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS, journal=entries.journal(tmp_path))) as running:
        await running.press("3")
        await running.until("Close the key file")
        await running.press("g", "j", "U")
        assert running.app.screen.PLACE == "journal"
        assert "is an undo itself" in running.notices


async def test_without_a_journal_the_place_says_so() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.press("3")
        await running.until("No state folder can be written")
        await running.press("1", "F")
        await running.until("no state folder can be written for the journal")
