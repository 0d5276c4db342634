"""What is proposed for which finding, what an answer does to it, and what is left to the operator."""

from __future__ import annotations

import asyncio
import json

import pytest
from examples.docker import registry_mirrors as told
from examples.docker.registry_mirrors import (
    BAD,
    CANDIDATES,
    DESKTOP,
    GHCR,
    GOOD,
    HOME_FILE,
    HUB_GONE,
    LATE,
    ROOTLESS,
    config,
    probe,
    stands,
    uses,
)  # fmt: skip
from msgspec.structs import replace
from stackops.checks.docker.daemon_json import FAULTS
from stackops.checks.docker.registry_mirrors import CHECK
from stackops.console.collect.collector import Cadence, collect
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.fix.steps import EditFile, EngineReload
from stackops.console.practice import open_demo
from stackops.console.settings import MirrorSettings, Settings
from support.clock import FakeClock
from support.practice import break_again

SETTINGS = Settings()


def judged(snapshot, settings=SETTINGS):
    (result,) = CHECK.examine(snapshot, settings)
    return result


def planned(snapshot, **answers):
    return CHECK.plan(judged(snapshot), snapshot, SETTINGS, answers)


def listed(plan):
    """The list that the plan would write, and the one it expects the Engine to have."""
    edits = [step.edits[0] for step in plan.steps if isinstance(step, EditFile)]
    (reload,) = [step for step in plan.steps if isinstance(step, EngineReload)]
    if edits:
        assert json.loads(edits[0].value) == list(reload.mirrors)
    return reload.mirrors


def test_the_quickest_that_has_all_images_is_the_default():
    plan = planned(uses(BAD, answers=(probe(BAD, "hangs"), *CANDIDATES)))
    assert plan.questions[0].default == GOOD
    assert listed(plan) == (GOOD,)
    assert "good.example 0.4 s, late.example 2.0 s" in plan.questions[0].prompt
    assert any("could serve anything" in say for say in plan.says)
    assert any("No longer used: https://bad.example" in say for say in plan.says)
    assert (plan.safety, plan.restarts, plan.lock) == ("safe", (), "/etc/docker")


def test_what_works_of_the_present_list_stays_in_its_order():
    snapshot = uses(LATE, BAD, GOOD, answers=(probe(LATE), probe(BAD, "dns"), probe(GOOD, "rate-limited"), *CANDIDATES))
    assert listed(planned(snapshot)) == (LATE, GOOD)


def test_a_dead_mirror_without_anything_better_is_dropped_for_docker_hub_itself():
    plan = planned(uses(BAD, answers=(probe(BAD, "dns"),)))
    assert listed(plan) == ()
    assert any("empty list has to stand in the file" in say for say in plan.says)


@pytest.mark.parametrize(
    ("answer", "mirrors"),
    [
        ("https://mine.example", ("https://mine.example",)), ("https://mine.example/", ("https://mine.example",)),
        (f"{GOOD}, https://mine.example", (GOOD, "https://mine.example")), (f"{GOOD} {GOOD}/", (GOOD,)),
        ("none", ()), ("NONE", ()), ("", (GOOD,)), ("  ", (GOOD,)),
    ],
)  # fmt: skip
def test_an_answer_is_one_mirror_or_several_or_none(answer, mirrors):
    plan = planned(uses(BAD, answers=(probe(BAD, "hangs"), *CANDIDATES)), mirror=answer)
    assert listed(plan) == mirrors
    unasked = "https://mine.example" in mirrors
    assert any("was not asked yet" in say for say in plan.says) == unasked


@pytest.mark.parametrize(
    "answer", ["mine.example", "https://u:p@mine.example", "ftp://x.example", "https://x/y?z", "$(id)"]
)
def test_an_answer_the_engine_would_refuse_is_refused_here(answer):
    plan = planned(uses(BAD, answers=(probe(BAD, "hangs"),)), mirror=answer)
    assert (plan.steps, plan.safety) == ((), "manual")
    assert "does not take this as a mirror" in plan.says[0]
    assert "u:p" not in plan.says[0]


def test_where_a_mirror_is_needed_and_none_is_known_it_has_to_be_told(tmp_path):
    snapshot = stands(told.MISSING, HUB_GONE, absent=told.ABSENT)
    plan = planned(snapshot)
    assert plan.questions[0].default is None
    assert "Choose a mirror" in plan.says[0]
    with pytest.raises(Exception, match="It has to be told"):
        Fixer(open_demo(clock=FakeClock()), Journal(tmp_path), lambda: judged(snapshot)).prepare(plan)
    assert planned(snapshot, mirror="").steps == ()
    assert listed(planned(snapshot, mirror=GOOD)) == (GOOD,)
    searched = planned(stands(told.MISSING, HUB_GONE, probe(GOOD, "dns", "candidate"), absent=told.ABSENT))
    assert "None of the mirrors of the list of 2026-03" in searched.says[0]


def test_a_slip_in_writing_keeps_what_was_meant():
    typo = stands(config(typo="registry-mirror", typo_mirrors=(GOOD, BAD), keys=("registry-mirror",)), probe(GOOD),
                  probe(BAD, "dns"))  # fmt: skip
    plan = planned(typo)
    assert listed(plan) == (GOOD,)
    assert plan.steps[0].edits[0].instead_of == "registry-mirror"
    assert listed(planned(stands(config(("good.example", f"{LATE}/v2/"))))) == (GOOD, LATE)
    single = config(mirrors_wrong="a text", typo_mirrors=(GOOD,), keys=("registry-mirrors",))
    assert listed(planned(stands(single, probe(GOOD)))) == (GOOD,)


def test_images_of_other_registries_are_told_apart_with_the_name_to_use_instead():
    absent = ("ghcr.io/danny-avila/librechat:v0.7.2", "registry.cn-hangzhou.aliyuncs.com/fastgpt/fastgpt:v4.7")
    snapshot = stands(config(), probe(GHCR, "hangs", "registry"), absent=absent)
    assert judged(snapshot).form == "other-registry"
    says = " ".join(planned(snapshot).says)
    assert "image: ghcr.m.daocloud.io/danny-avila/librechat:v0.7.2" in says
    assert "registry.cn-hangzhou.aliyuncs.com, which is a registry of its own" in says
    both = uses(BAD, answers=(probe(BAD, "hangs"), *CANDIDATES), absent=absent)
    assert "ghcr.m.daocloud.io" in " ".join(planned(both).says)


def test_docker_desktop_is_for_the_operator_and_a_rootless_engine_is_not():
    desktop = stands(told.DaemonConfig("~/.docker/daemon.json", "unreadable"), probe(BAD, "dns"), *CANDIDATES,
                     effective=(BAD,), engine=DESKTOP)  # fmt: skip
    plan = planned(desktop)
    assert (plan.steps, plan.safety) == ((), "manual")
    assert f'"registry-mirrors": ["{GOOD}"]' in plan.says[0]
    assert "Apply & restart" in plan.says[1]
    rootless = stands(config((BAD,), path=HOME_FILE, unit=None), probe(BAD, "hangs"), *CANDIDATES, effective=(BAD,),
                      engine=ROOTLESS)  # fmt: skip
    plan = planned(rootless)
    assert (plan.lock, plan.steps[0].path, plan.steps[1].unit) == ("/home/li/.config/docker", HOME_FILE, None)


def test_failing_pulls_make_a_dead_mirror_serious_and_say_so():
    snapshot = uses(BAD, answers=(probe(BAD, "hangs"), HUB_GONE), absent=told.ABSENT)
    result = judged(snapshot)
    assert (result.form, result.severity) == ("hub-unreachable", "error")
    values = {row.label: row.value for row in result.evidence}
    assert values["not on this machine"] == "mongo:5.0.18, pgvector/pgvector:0.7.0-pg15"
    assert values["https://registry-1.docker.io"] == values[BAD] == "it says: hangs"


def test_no_password_of_an_address_is_in_what_is_said():
    snapshot = stands(config(("https://li:geheim@good.example",)), *CANDIDATES)
    result = judged(snapshot)
    assert "geheim" not in repr(result)
    assert "geheim" not in repr(CHECK.plan(result, snapshot, SETTINGS, {}).says)


def test_every_form_has_its_words_and_mirrors_that_were_switched_off_are_in_order():
    assert {form.id for form in CHECK.forms} >= set(FAULTS.values())
    quiet = Settings(mirrors=MirrorSettings(probe=False))
    assert judged(uses(GOOD, answers=()), quiet).status == "ok"
    assert judged(uses(GOOD, answers=())).status == "unknown"


async def seen(host, *needs):
    return await collect(host, SETTINGS, cadence=Cadence(second_sample=0.0), on_request=needs)


def test_on_the_practice_stack_a_choice_that_does_not_answer_is_taken_back(tmp_path):
    host = open_demo(clock=FakeClock(), scenarios=())
    break_again(host, CHECK.id, "dead")
    before = host.world.tree.get("/etc/docker/daemon.json").content
    snapshot = asyncio.run(seen(host, *CHECK.needs))
    plan = CHECK.plan(judged(snapshot), snapshot, SETTINGS, {"mirror": "https://docker.nju.edu.cn"})
    work = Fixer(host, Journal(tmp_path), lambda: judged(asyncio.run(seen(host))))
    outcome = work.run(work.prepare(plan, {"mirror": "https://docker.nju.edu.cn"}))
    assert outcome.name == "rolled-back"
    assert "does not answer" in outcome.sentence
    assert host.world.tree.get("/etc/docker/daemon.json").content == before
    assert host.world.mirrors == ("https://dockerproxy.com/",)


def test_once_repaired_there_is_nothing_to_do(tmp_path):
    host = open_demo(clock=FakeClock(), scenarios=())
    break_again(host, CHECK.id, "hangs")
    snapshot = asyncio.run(seen(host, *CHECK.needs))
    found = judged(snapshot)
    plan = replace(CHECK.plan(found, snapshot, SETTINGS, {}), settle=0.0)
    work = Fixer(host, Journal(tmp_path), lambda: judged(asyncio.run(seen(host))))
    assert work.run(work.prepare(plan)).name == "done"
    assert work.prepare(plan).empty
    assert judged(asyncio.run(seen(host))).status == "ok"
    assert CHECK.plan(found, asyncio.run(seen(host)), SETTINGS, {}).says == ("There is nothing to repair any more.",)
