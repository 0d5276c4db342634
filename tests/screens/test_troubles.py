"""The overview's list "Needs you": its rows, what goes with them, when it is there, and how the cursor goes through."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.model.findings import FixSummary, Judgement, Result, Trouble
from stackops.console.settings import Settings
from stackops.screens.render.states import key_of
from stackops.screens.render.timeline import Night
from stackops.screens.render.troubles import in_full, needing, rows
from stackops.screens.widgets.paint import plain
from support import stage
from support.pilots import console

KEYS = ("F", "enter")
PLAIN = Result("mongo.x", "librechat/mongodb", "finding", "chat-mongodb does not answer", "error")


def trouble(title: str = PLAIN.title, **more: Any) -> Trouble:
    about = {"container": stage.MONGO.id, "since": stage.NOW - 480} | more
    return Trouble(replace(PLAIN, title=title, **about.pop("result", {})), **about)


def said(each: Trouble, *, narrow: bool = False, seen: dict[str, float] | None = None) -> dict[str, str]:
    (row,) = rows(stage.full(), (each,), seen or {}, KEYS, narrow=narrow)
    return {"mark": row.mark.text} | {name: cell.text for name, cell in row.cells.items()}


def test_a_row_says_state_service_why_what_goes_with_it_the_key_and_since_when() -> None:
    each = trouble(words="crash loop", takes_down=("api", "rag_api"), consequences=(PLAIN, stage.FINDINGS[0]))
    assert said(each) == {
        "mark": "✖", "state": "crash loop", "who": "librechat/mongodb", "more": "+2", "key": "enter why", "age": "8m",
        "why": "does not answer; takes down api, rag_api",
    }  # fmt: skip
    assert said(each, narrow=True)["why"] == "does not answer"
    assert said(each, narrow=True)["who"] == "mongodb"


@pytest.mark.parametrize(
    ("severity", "words", "shown"),
    [("error", "", "✖ error"), ("error", "exited 137", "✖ exited 137"), ("warning", "", "▲ warning"),
     ("warning", "exited 137", "▲ warning")],
)  # fmt: skip
def test_the_state_is_a_word_beside_its_mark(severity: Any, words: str, shown: str) -> None:
    row = said(trouble(words=words, result={"severity": severity}))
    assert f"{row['mark']} {row['state']}" == shown


@pytest.mark.parametrize(
    ("fix", "key"),
    [(FixSummary("safe", "x"), "F repair"), (FixSummary("disruptive", "x"), "F repair"),
     (FixSummary("manual", "x"), "F explain"), (None, "enter why")],
)  # fmt: skip
def test_the_key_is_the_one_that_repairs_or_explains(fix: FixSummary | None, key: str) -> None:
    assert said(trouble(result={"fix": fix}))["key"] == key


@pytest.mark.parametrize(
    ("title", "why", "narrow"),
    [
        ("chat-mongodb is stopped, and api needs it.", "is stopped, and api needs it", "is stopped, and api needs it"),
        ("The set of chat-mongodb was never initiated", "The set was never initiated", "set was never initiated"),
        ("mongodb's key file is open", "key file is open", "key file is open"),
        ("The key /srv/a-b/mongodb.key is open", "The key mongodb.key is open", "key mongodb.key is open"),
        ("mongodb", "mongodb", "mongodb"), ("mongodb (5.0) is old", "mongodb (5.0) is old", "mongodb (5.0) is old"),
        ("a proof of mongodbs", "a proof of mongodbs", "a proof of mongodbs"),
        ("http://x:80/v1/models answers 404", "http://x:80/v1/models answers 404", "http://x:80/v1/models answers 404"),
        ("/srv/a.yml exists, but nothing is at /app/a.yml", "a.yml exists, but nothing is at /app/a.yml",
         "a.yml exists, but nothing is at /app/a.yml"),
    ],
)  # fmt: skip
def test_the_why_leaves_out_what_stands_beside_it_and_where_a_file_lies(title: str, why: str, narrow: str) -> None:
    assert said(trouble(title))["why"] == why
    assert said(trouble(title), narrow=True)["why"] == narrow


def test_two_services_of_one_name_are_told_apart_on_a_narrow_screen() -> None:
    full = stage.full()
    other = stage.container(30, "other-mongodb-1", project="other", service="mongodb")
    snapshot = replace(full, containers=(*full.containers, other))
    (row,) = rows(snapshot, (trouble(),), {}, KEYS, narrow=True)
    assert row.cells["who"].text == "chat-mongodb"


def test_the_age_is_from_when_it_came_where_that_was_seen_and_unknown_where_nothing_tells_it() -> None:
    assert said(trouble(), seen={key_of(PLAIN): stage.NOW - 61})["age"] == "1m"
    assert said(trouble(since=None), seen={key_of(PLAIN): stage.NOW - 61})["age"] == "1m"
    assert said(trouble(since=None))["age"] == ""


def test_a_trouble_of_the_machine_is_named_by_its_subject() -> None:
    row = said(trouble("The log driver is unknown", container=None, result={"subject": "/etc/docker/daemon.json"}))
    assert (row["who"], row["why"]) == ("/etc/docker/daemon.json", "The log driver is unknown")


def test_a_container_that_has_gone_meanwhile_is_still_a_row() -> None:
    assert said(trouble(container="f" * 64))["who"] == "librechat/mongodb"


def test_a_secret_in_a_title_is_masked_before_anything_is_left_out() -> None:
    why = said(trouble("chat-mongodb gets MONGODB_URI mongodb://root:hunter2secret@mongo/x"))["why"]
    assert "hunter2secret" not in why


def test_hints_wait_in_the_doctor() -> None:
    hint = Trouble(replace(PLAIN, severity="info"))
    assert needing(Judgement("", green=True, troubles=(hint,))) == ()
    assert needing(None) == ()


def test_in_full_a_trouble_says_what_it_causes_before_its_evidence() -> None:
    each = replace(trouble(words="crash loop", takes_down=("api",)), result=stage.FINDINGS[1], consequences=(PLAIN,))
    text = plain(in_full(each, stage.NOW))
    order = ["mongo.keyfile", "crash loop", "8m ago", "takes down", "Caused by this 1", PLAIN.title, "Because", "Fix"]
    assert [text.find(one) for one in order] == sorted(text.find(one) for one in order)
    assert "Caused by this" not in plain(in_full(trouble(), stage.NOW))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_where_all_is_well_there_is_no_list_and_the_verdict_says_so(size: tuple[int, int]) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS[3:4])) as running:
        assert "Needs you" not in running.text
        assert running.app.focused.id == "stacks"
        assert "All well" in running.text or "Not sure" in running.text


async def test_up_and_down_go_from_one_list_into_the_other_and_no_further() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (80, 40)) as running:
        screen = running.app.screen
        assert (running.app.focused.id, screen.selected_container()) == ("needs", stage.LIBRECHAT)
        await running.press("k")
        assert screen.selected_container() == stage.LIBRECHAT
        await running.press("j")
        assert screen.selected_container() == stage.MONGO
        await running.press("j")
        assert (running.app.focused.id, screen.selected_stack()) == ("stacks", "fastgpt")
        await running.press("G", "down")
        assert screen.query_one("#stacks").cursor == "pid:4242"
        await running.press("g", "k", "k")
        assert (running.app.focused.id, screen.selected_container()) == ("needs", stage.MONGO)
        await running.press("tab", "escape")
        assert running.app.focused.id == "needs", "esc leads back to what needs somebody"


async def test_a_key_behind_the_edge_is_for_the_row_that_is_seen() -> None:
    """Typed in one burst: down over the edge, and an act on a row that nobody has seen selected."""
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await running.press("j")
        for key in ("j", "R"):
            running.app.simulate_key(key)
        await running.settle()
        assert running.app.focused.id == "stacks"
        assert not running.app.screen.is_modal
    assert desk.host.control.calls == []


async def test_after_a_repair_the_next_trouble_is_the_selected_one() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await running.press("enter")
        assert running.app.screen.PLACE == "doctor"
        desk.checks.results = stage.RESULTS[1:]  # type: ignore[attr-defined]
        desk.feed.push(replace(stage.full(), containers=stage.full().containers[:-1]))
        await running.until(lambda _: len(running.app.judgement.troubles) == 1)
        await running.press("escape")
        assert running.app.focused.id == "needs"
        assert running.app.screen.to_fix() == stage.FINDINGS[1]


async def test_the_row_names_a_key_that_somebody_chose() -> None:
    settings = Settings(keymap={"finding.fix": "f2"})
    async with console(stage.desk(stage.full(), stage.RESULTS, settings=settings)) as running:
        assert "f2 repair" in running.text


async def test_a_filter_is_for_both_lists_and_goes_on_where_something_is_found() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.press("slash", *"mongod", "enter")
        assert running.app.focused.id == "needs"
        assert running.app.screen.to_fix() == stage.FINDINGS[1]
        await running.press("escape", "slash", *"oneapi", "enter")
        assert running.app.focused.id == "stacks"
        assert running.app.screen.selected_container() == stage.ONEAPI
        await running.press("escape")
        assert "mongo key file" in running.text


def test_the_last_hour_is_one_line_with_what_is_left_out_counted() -> None:
    ended = [replace(stage.container(n, f"box-{n}"), state="exited", exit_code=1, started_at=None,
                     finished_at=stage.NOW - 60 * n) for n in range(1, 9)]  # fmt: skip
    snapshot = replace(stage.empty(), containers=(*ended, replace(ended[0], id="e" * 64, finished_at=stage.NOW - 4000)))
    (whole,) = Night().hour(snapshot, 0.0, 1000)
    assert plain([whole]).count("exit code 1") == 8
    (short,) = Night().hour(snapshot, 0.0, 80)
    assert "box-1 ended with exit code 1" in plain([short])
    assert plain([short]).rstrip().endswith("7 more: e")
    assert len(plain([short])) <= 80
    assert Night().hour(stage.empty(), 0.0, 80) == []
