"""What counts when a fix worked and something else is wrong too: kept and told, or the fault moved and taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from stackops.console.exit_codes import ExitCode
from stackops.console.fix.engine import Outcome
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import Chmod, ComposeUp, StepMoved
from stackops.console.fix.verifying import Expectation, NotVerified, verify
from stackops.console.model.findings import Result
from support.clock import FakeClock
from support.mongo_stack import URI, USERS, MongoStack
from support.mongod import Mongod
from support.mongod_bench import in_thread
from support.workshop import Workshop

WRONG = Result("c", "s", "finding", "It is wrong", form="first")
BEHIND = Result("c", "s", "finding", "Something else is wrong", form="second")


def says(result: Result) -> Callable[[], Result]:
    return lambda: result


@pytest.mark.parametrize(
    ("wanted", "found", "gone", "kept"),
    [
        pytest.param(Expectation("first"), WRONG, False, False, id="the same"),
        pytest.param(Expectation("first"), BEHIND, True, False, id="moved elsewhere"),
        pytest.param(Expectation("first", ("second",)), BEHIND, True, True, id="it lay behind"),
        pytest.param(Expectation("first", lasting=True), BEHIND, True, True, id="nothing to take back"),
        pytest.param(Expectation("first", lasting=True), WRONG, False, False, id="the same, nothing to take back"),
        pytest.param(Expectation(None, ("second",), lasting=True), BEHIND, False, False,
                     id="nobody says what was repaired"),
        pytest.param(Expectation("first: a", ("first",)), Result("c", "s", "finding", "t", form="first", about="b"),
                     True, True, id="the same of somebody else"),
        pytest.param(Expectation("first: a", ("first",)), Result("c", "s", "finding", "t", form="first", about="a"),
                     False, False, id="the same of the same"),
        pytest.param(Expectation("first", lasting=True), Result("c", "s", "finding", "no form"),
                     False, False, id="no form"),
    ],
)  # fmt: skip
def test_which_finding_speaks_against_a_repair(wanted: Expectation, found: Result, gone: bool, kept: bool) -> None:
    assert (wanted.gone(found), wanted.lets(found)) == (gone, kept)


def test_what_remains_is_told_once_it_has_stayed() -> None:
    clock = FakeClock()
    other = verify(says(BEHIND), clock, deadline=5, settle=3, wanted=Expectation("first", ("second",)))
    assert other == BEHIND
    assert sum(clock.slept) == 3


def test_what_is_gone_before_the_end_is_not_told() -> None:
    answers = iter([WRONG, BEHIND, *[Result("c", "s", "ok", "right")] * 9])
    wanted = Expectation("first", ("second",))
    assert verify(lambda: next(answers), FakeClock(), deadline=5, settle=3, wanted=wanted) is None


def test_a_repaired_fault_that_comes_back_is_no_proof() -> None:
    answers = iter([BEHIND, WRONG] * 9)
    with pytest.raises(NotVerified, match="It came back"):
        verify(lambda: next(answers), FakeClock(), deadline=5, settle=3, wanted=Expectation("first", ("second",)))


# ---- the engine ------------------------------------------------------------------------------------------------------


def files_only(shop: Workshop, **more: object) -> Plan:
    up = ComposeUp("chat", str(shop.project), (shop.compose, shop.override), "api")
    return shop.plan(steps=(Chmod(shop.path("bad.key"), 0o400), up), fault="first", **more)


def fixed(shop: Workshop, plan: Plan, after: Result) -> Outcome:
    fixer = shop.fixer(lambda: after if len(shop.world.calls) else WRONG)
    return fixer.run(fixer.prepare(plan))


def test_a_repair_that_brought_another_fault_to_light_is_kept_and_says_so(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    outcome = fixed(shop, files_only(shop, uncovers=("second",)), BEHIND)

    assert (outcome.name, outcome.code) == ("done", ExitCode.OK)
    assert outcome.says == ("another finding remains: Something else is wrong",)
    assert shop.tree()["bad.key"][1] == oct(0o100400)
    (entry,) = shop.fixer().journal.entries()
    assert entry.end is not None
    assert entry.end.says == outcome.says
    assert (entry.intent.fault, entry.intent.uncovers) == ("first", ("second",))
    assert "another finding remains" in (shop.state / "audit.jsonl").read_text()


def test_a_repair_that_only_moved_the_fault_is_taken_back(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    before = shop.tree()
    outcome = fixed(shop, files_only(shop), BEHIND)

    assert outcome.name == "rolled-back"
    assert "Something else is wrong" in outcome.sentence
    assert shop.tree() == before


def test_a_service_that_dies_of_it_is_no_second_fault(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    shop.world.say(state="exited")
    assert fixed(shop, files_only(shop, uncovers=("second",)), BEHIND).name == "rolled-back"


def test_an_old_plan_is_not_done_again_for_another_fault(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    up = ComposeUp("chat", str(shop.project), (shop.compose,), "api")
    plan = shop.plan(steps=(up,), fault="first")
    with pytest.raises(StepMoved, match="another finding by now"):
        shop.fixer(says(BEHIND)).prepare(plan)
    assert not shop.fixer(says(WRONG)).prepare(plan).empty


# ---- the case it was made for ----------------------------------------------------------------------------------------


def test_a_set_that_was_initiated_stays_although_the_apps_password_is_wrong(tmp_path: Path) -> None:
    """It cannot be taken back, and it is not what is wrong now."""
    mongod = Mongod(repl_set="rs0", names={"mongo"}, users=dict(USERS))
    mongod.set.election = 0.0
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, uri=URI.replace("mypassword", "another"))
        assert made.judge().form == "never-initiated"
        done = made.fix()

        assert (done.name, done.code) == ("done", ExitCode.OK)
        assert done.says == ("another finding remains: fastgpt cannot log in to mongo",)
        assert made.stored == ["mongo:27017"]
        assert (made.judge().form, made.judge().about) == ("app-login", "fastgpt")
