"""Which fix an undo takes, what its preview refuses, and whom it leaves stopped: judged by files and containers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stackops.console.exit_codes import ExitCode
from stackops.console.fix.plan import Plan
from stackops.console.fix.records import Intent
from stackops.console.fix.steps import Chmod, EditFile, EnvLine, RestartContainer, StartContainer
from stackops.console.hosts.local.locking import who
from stackops.console.model.findings import Result
from support.workshop import Workshop, never


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def _well() -> Result:
    return Result("test.all", "api", "ok", "It is right")


def _done(shop: Workshop, plan: Plan) -> str:
    outcome = shop.fixer(_well).run(shop.fixer(never).prepare(plan))
    assert outcome.name == "done", outcome
    return outcome.entry or ""


def _line_and_restart(shop: Workshop) -> Plan:
    container = shop.world.container("api")
    assert container is not None
    line = EditFile(shop.path(".env"), (EnvLine("B", "2"),), create=True)
    return shop.plan(steps=(line, RestartContainer(container["id"], "api")), settle=0.0)


def _refused_and_nothing_done(shop: Workshop, entry: str, words: str) -> None:
    before, calls = shop.tree(), shop.world.calls
    outcome = shop.fixer().undo(entry)
    assert (outcome.name, outcome.code) == ("refused", ExitCode.REFUSED), outcome
    assert words in outcome.sentence
    assert (shop.tree(), shop.world.calls) == (before, calls)
    assert not shop.fixer().journal.open_entries()


def test_the_newest_is_the_last_that_was_written_whatever_the_clock_said(shop: Workshop) -> None:
    first = _done(shop, shop.plan(steps=(Chmod(shop.compose, 0o600),)))
    fixer = shop.fixer(_well)
    fixer.host.clock.jump(-86400.0)  # NTP has put the clock right in between
    second = fixer.run(fixer.prepare(shop.plan(steps=(Chmod(shop.override, 0o600),)))).entry
    journal = shop.fixer().journal

    assert [each.id for each in journal.entries()] == [second, first]
    newest = journal.undoable()
    assert newest is not None
    assert shop.fixer().undo(newest.id).name == "done"
    modes = [Path(path).stat().st_mode & 0o777 for path in (shop.compose, shop.override)]
    assert modes == [0o600, 0o644]


def test_entries_without_a_number_come_before_those_with_one_by_their_clock(shop: Workshop) -> None:
    ids = [_done(shop, shop.plan(steps=(Chmod(shop.compose, mode),))) for mode in (0o600, 0o640, 0o644)]
    for number, (at, ident) in enumerate(zip((2.0, 1.0, 0.5), ids, strict=True)):
        _edit(shop, ident, at=at, **({"number": 0} if number < 2 else {}))
    assert [each.id for each in shop.fixer().journal.entries()] == [ids[2], ids[0], ids[1]]


def test_an_entry_of_a_process_of_before_the_reboot_can_be_resumed(shop: Workshop) -> None:
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    intent = fixer._intent(prepared)
    fixer.journal.begin(intent, prepared.contents.values())
    assert fixer.journal.open_entries() == (), "this very process is at it"
    assert fixer.journal.get(intent.id).person == who()

    _edit(shop, intent.id, who={**_read(shop, intent.id)["who"], "boot": "another"})

    (entry,) = fixer.journal.open_entries()
    assert fixer.resume(entry).name == "done"
    assert (shop.project / "librechat.yaml").is_file()


@pytest.mark.parametrize("gone", ["new", "old"])
def test_an_undo_that_could_not_be_taken_back_itself_is_refused(shop: Workshop, gone: str) -> None:
    entry = _done(shop, _line_and_restart(shop) if gone == "new" else shop.plan())
    fixer = shop.fixer()
    step: Any = fixer.journal.get(entry).intent.steps[0].step
    fixer.journal.blobs.path(step.after if gone == "new" else step.before).unlink()
    _refused_and_nothing_done(shop, entry, "no longer in the journal's store")


def test_an_undo_whose_container_is_gone_is_refused_at_the_preview(shop: Workshop) -> None:
    entry = _done(shop, _line_and_restart(shop))
    shop.world.remove("api")
    _refused_and_nothing_done(shop, entry, "The container api is gone")


@pytest.mark.parametrize("old", [False, True], ids=["ours", "of an older release"])
def test_an_undo_whose_compose_file_is_gone_is_refused_at_the_preview(shop: Workshop, old: bool) -> None:
    entry = _done(shop, shop.plan())
    if old:
        steps = _read(shop, entry)["steps"]
        for row in steps:
            for step in (row["step"], row["inverse"]):
                [step.pop(key, None) for key in ("env_files", "makes", "replaces")]
        _edit(shop, entry, steps=steps)
    Path(shop.compose).unlink()
    _refused_and_nothing_done(shop, entry, f"These compose files are not there: {shop.compose}")


@pytest.mark.parametrize("how", ["restart", "recreate"])
def test_an_undo_does_not_start_what_somebody_stopped(shop: Workshop, how: str) -> None:
    before = shop.tree()
    entry = _done(shop, _line_and_restart(shop) if how == "restart" else shop.plan())
    shop.world.set("api", state="exited")
    calls = len(shop.world.calls)

    outcome = shop.fixer().undo(entry)

    assert outcome.name == "done", outcome
    assert shop.tree() == before
    if how == "restart":
        assert len(shop.world.calls) == calls
    else:
        assert ["--no-start" in call for call in shop.world.calls[calls:]] == [True]


def test_an_undo_of_a_start_whose_container_lies_stopped_has_nothing_to_do(shop: Workshop) -> None:
    shop.world.set("api", state="exited")
    container = shop.world.container("api")
    assert container is not None
    entry = _done(shop, shop.plan(steps=(StartContainer(container["id"], "api"),)))
    shop.world.set("api", state="exited")
    calls = shop.world.calls

    assert shop.fixer().undo(entry).name == "nothing"
    assert shop.world.calls == calls


def _file(shop: Workshop, entry: str) -> Path:
    return shop.state / "journal" / f"{entry}.jsonl"


def _read(shop: Workshop, entry: str) -> dict[str, Any]:
    first: dict[str, Any] = json.loads(_file(shop, entry).read_bytes().partition(b"\n")[0])
    assert first["type"] == Intent.__struct_config__.tag
    return first


def _edit(shop: Workshop, entry: str, **fields: Any) -> None:
    path = _file(shop, entry)
    rest = path.read_bytes().partition(b"\n")[2]
    path.write_bytes(json.dumps(_read(shop, entry) | fields).encode() + b"\n" + rest)
