"""What the settings ignore: no trouble until the date has passed, always listed, and told when it is over."""

from __future__ import annotations

import json
from dataclasses import replace as altered
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.checks import registry
from stackops.checks.api import Case, Check, Fine, Form, manual
from stackops.console.judge import judge
from stackops.console.model import Container, HostInfo, Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import IgnoreSettings, Settings, SettingsError, parse
from stackops.screens.render import states
from stackops.screens.widgets.paint import plain
from support import stage
from support.pilots import console

DAY = 86_400.0
NOON = 20_000.5 * DAY


def until(days: int) -> date:
    """The day that many days after the look."""
    return datetime.fromtimestamp(NOON + days * DAY, tz=UTC).astimezone().date()


TODAY = until(0)
ILL = Form("ill", "{subject} is ill", "It is", "Nothing", severity="error")


def _check(identity: str) -> Check:
    found = [Case("a", ILL, None), Case("b", ILL, None), Fine("c", "c is well")]
    return Check(identity, "All is well", "", (ILL,), lambda _s, _t: found, lambda _c, _a: manual("by hand"), ("host",))


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ALL", (_check("container.stub"), _check("mongo.stub")))


def machine() -> Snapshot:
    names = ("a", "b", "c")
    boxes = tuple(Container(id=n, name=n, image="x", state="running", detailed=True, started_at=1.0) for n in names)
    return Snapshot(taken_at=NOON, host=HostInfo("box"), containers=boxes)


def examined(*ignored: IgnoreSettings) -> dict[tuple[str, str], Result]:
    return {each.key: each for each in registry.examine(machine(), Settings(ignore=ignored))}


@pytest.mark.parametrize("days", [0, 1, 400])
def test_a_finding_is_ignored_until_the_day_has_passed(checks, days) -> None:
    found = examined(IgnoreSettings("mongo.stub", "known", until(days), "a"))
    assert found["mongo.stub", "a"].status == "ignored"
    assert found["mongo.stub", "a"].note == f"Ignored until {until(days)}: known"
    assert [found[key].status for key in found if key != ("mongo.stub", "a")] == ["finding"] * 2 + ["ok"] + [
        "finding",
        "ok",
    ]


def test_afterwards_it_is_a_finding_again_and_says_so(checks) -> None:
    found = examined(IgnoreSettings("mongo.stub", "known", until(-1), "a"))
    assert (found["mongo.stub", "a"].status, found["mongo.stub", "a"].severity) == ("finding", "error")
    assert found["mongo.stub", "a"].note == f"No longer ignored until {until(-1)}: known"


def test_without_a_subject_all_findings_of_the_check_are_meant_and_what_is_well_stays_well(checks) -> None:
    found = examined(IgnoreSettings("mongo.stub", "known", TODAY))
    assert [found["mongo.stub", name].status for name in "abc"] == ["ignored", "ignored", "ok"]
    assert found["container.stub", "a"].status == "finding"


def test_of_two_that_mean_it_the_later_date_counts(checks) -> None:
    early, late = (IgnoreSettings("mongo.stub", why, until(days)) for why, days in (("old", -5), ("new", 5)))
    assert examined(early, late)["mongo.stub", "a"].note == f"Ignored until {until(5)}: new"


def test_what_is_ignored_is_no_trouble_and_the_verdict_says_that_there_is_something(checks) -> None:
    both = (IgnoreSettings("mongo.stub", "known", TODAY), IgnoreSettings("container.stub", "known", TODAY, "a"))
    some = judge(machine(), registry.examine(machine(), Settings(ignore=both)))
    assert [each.result.subject for each in some.troubles] == ["b"]
    all_of_them = (*both, IgnoreSettings("container.stub", "known", TODAY))
    told = judge(machine(), registry.examine(machine(), Settings(ignore=all_of_them)))
    assert told.troubles == ()
    assert told.green
    assert told.verdict == "c is well; 4 findings are ignored"
    assert {each.name: (each.state, each.words) for each in told.services} == {
        "a": ("stopped", "ignored"), "b": ("stopped", "ignored"), "c": ("well", "")
    }  # fmt: skip


def test_a_service_of_which_only_a_weakness_is_ignored_is_well(checks) -> None:
    found = registry.examine(
        machine(), Settings(ignore=(IgnoreSettings("mongo.stub", "known", TODAY),)), ["mongo.stub"]
    )
    assert [each.state for each in judge(machine(), found).services] == ["well", "well", "well"]


def test_a_check_that_breaks_is_never_ignored(checks, monkeypatch) -> None:
    def breaks(_snapshot, _settings):
        raise RuntimeError

    monkeypatch.setattr(registry, "ALL", (altered(_check("mongo.stub"), find=breaks),))
    (only,) = registry.examine(machine(), Settings(ignore=(IgnoreSettings("mongo.stub", "known", TODAY),)))
    assert only.status == "crashed"


ENTRY = '[[ignore]]\ncheck = "mongo.keyfile"\nreason = "known"\nuntil = 2027-01-31\n'


def test_the_file_gives_them() -> None:
    assert parse(
        f'{ENTRY}subject = "mongo"\n{ENTRY.replace("2027-01-31", chr(34) + "2027-02-01" + chr(34))}'
    ).ignore == (
        IgnoreSettings("mongo.keyfile", "known", date(2027, 1, 31), "mongo"),
        IgnoreSettings("mongo.keyfile", "known", date(2027, 2, 1)),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ENTRY.replace("until = 2027-01-31", ""), ':1: "until" is missing in [ignore]; give a date such as 2027-01-31'),
        (ENTRY + ENTRY.replace('reason = "known"', ""), ':5: "reason" is missing in [ignore]; give text in quotes'),
        (ENTRY + ENTRY.replace("known", ""), ':7: "ignore.reason" must be text in quotes that says why, not'),
        (ENTRY.replace("2027-01-31", '"soon"'), ':4: "ignore.until" must be a date such as 2027-01-31, not'),
        (ENTRY.replace("until", "til"), ':4: unknown key "til" in [ignore]; did you mean "until"?'),
        (ENTRY.replace("2027-01-31", "2027-01-31T10:00:00"), ':4: "ignore.until" must be a date such as 2027-01-31'),
        ('ignore = "mongo.keyfile"\n', ':1: "ignore" must be a list in brackets'),
    ],
)  # fmt: skip
def test_a_mistake_in_one_names_its_own_line(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text, "x.toml")
    assert str(caught.value).startswith(f"x.toml{says}")


async def test_the_doctor_lists_it_with_its_reason_and_says_why_there_is_no_repair() -> None:
    note = "Ignored until 2027-01-31: the vendor mends it"
    results = (replace(stage.RESULTS[0], status="ignored", note=note), *stage.RESULTS[1:])
    async with console(stage.desk(stage.full(), results), (120, 40)) as running:
        await running.press("2", "G")
        for _ in range(len(results)):
            if "○ ignored" in next((each for each in running.text.splitlines() if "▌" in each), ""):
                break
            await running.press("k")
        shown = running.text
        assert "○ ignored" in shown
        assert note in shown
        await running.press("F")
        await running.until(lambda _: "Take it out of [[ignore]]" in running.notices)


def test_one_that_is_over_says_so_in_full() -> None:
    said = plain(states.in_full(replace(stage.RESULTS[0], note="No longer ignored until 2026-10-01: known")))
    assert "No longer ignored until 2026-10-01: known" in said


def test_the_command_lists_it_and_counts_it_not(stackops, tmp_path: Path, doors) -> None:
    said = json.loads(stackops("check", "--json").out)
    subjects = [r["subject"] for r in said["results"] if r["check"] == "mongo.keyfile" and r["status"] == "finding"]
    subject = subjects[0]
    file = tmp_path / "ignore.toml"
    file.write_text(ENTRY.replace("2027-01-31", "9000-01-31") + f'subject = "{subject}"\n')
    config = ("--config", str(file))
    text = stackops("check", "mongo.keyfile", *config).out
    assert "ignored  mongo.keyfile" in text
    assert "Ignored until 9000-01-31: known" in " ".join(text.split())
    assert "1 ignored" in text
    facts = stackops("check", "mongo.keyfile", "--plain", *config).out.splitlines()
    assert f"note\tmongo.keyfile\t{subject}\tIgnored until 9000-01-31: known" in facts
    (row,) = (
        r
        for r in json.loads(stackops("check", "mongo.keyfile", "--json", *config).out)["results"]
        if r["subject"] == subject
    )
    assert (row["status"], row["note"]) == ("ignored", "Ignored until 9000-01-31: known")
    assert stackops("check", "mongo.keyfile", "--fail-on", "info").code == 1
    assert stackops("check", "mongo.keyfile", "--fail-on", "info", *config).code == int(len(subjects) > 1)
    refused = stackops("fix", "mongo.keyfile", subject, "--dry-run", *config)
    assert refused.code == 5
    assert "take it out there to repair it" in refused.err
    file.write_text(ENTRY.replace("2027-01-31", "2001-01-31"))
    over = stackops("check", "mongo.cpu", *config)
    assert "mongo.keyfile was ignored until 2001-01-31; take that out" in over.err
    assert "No longer ignored until 2001-01-31: known" in " ".join(
        stackops("check", "mongo.keyfile", *config).out.split()
    )


def test_an_unknown_check_in_one_is_named(stackops, tmp_path: Path) -> None:
    file = tmp_path / "ignore.toml"
    file.write_text(ENTRY.replace("mongo.keyfile", "mongo.keyfle"))
    answer = stackops("check", "--config", str(file))
    assert answer.code == 2
    assert '[[ignore]]: unknown check "mongo.keyfle"; did you mean "mongo.keyfile"?' in answer.err
