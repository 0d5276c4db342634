"""The judgement: one state a service, consequences folded under their cause, order, and a green that means well."""

from __future__ import annotations

import time
from typing import Any

import pytest
from examples.container.common import DAY, health
from examples.snapshots import ENGINE, NOW, container_id
from msgspec.structs import replace
from stackops.checks.parties import parties
from stackops.checks.registry import examine
from stackops.console.compose.places import WORKING_DIR
from stackops.console.judge import judge
from stackops.console.model import (
    ComposeService,
    Container,
    EnvVar,
    Fault,
    HostInfo,
    NetworkLink,
    Project,
    Server,
    Service,
    Snapshot,
)
from stackops.console.model.findings import Evidence, FixSummary, Judgement, Result
from stackops.console.settings import Settings

NET = (NetworkLink("net"),)


def box(name: str, **more: Any) -> Container:
    """A container that runs since an hour and is started again whenever it ends."""
    facts: dict[str, Any] = {
        "id": container_id(name), "name": name, "image": f"example/{name}:1", "state": "running", "project": "stack",
        "service": name, "networks": NET, "restart_policy": "always", "created_at": NOW - DAY, "exit_code": 0,
        "started_at": NOW - 3600, "restart_count": 0,
    }  # fmt: skip
    env = tuple(EnvVar(key, value) for key, value in more.pop("env", {}).items())
    return Container(**(facts | {"env": env} | more))


def stack(*boxes: Container, **more: Any) -> Snapshot:
    services = tuple(Service("unknown", c.name, c.id, project="stack", compose_service=c.service) for c in boxes)
    made = Snapshot(NOW, HostInfo("x"), engine=ENGINE, containers=boxes, services=services)
    return replace(made, **more)


def judged(snapshot: Snapshot, *more: Result) -> Judgement:
    own = [r for r in examine(snapshot, Settings()) if r.check.startswith("container.")]
    return judge(snapshot, [*own, *more])


def found(check: str, subject: str, title: str, severity: Any = "error") -> Result:
    return Result(check, subject, "finding", title, severity, (Evidence("a", "b", "c"),), "because",
                  FixSummary("manual", "x"), "form")  # fmt: skip


LOOP = {"state": "restarting", "restart_count": 14, "exit_code": 1, "started_at": NOW - 5, "finished_at": NOW - 3}
YOUNG = {"created_at": NOW - 20, "started_at": NOW - 8}
STOPPED = {"state": "exited", "exit_code": 137}
TABLE = [
    # fact, moment, the container, its state, whether it is green
    ("crash loop", "steady", LOOP, "ill"),
    ("crash loop", "flapping", {"restart_count": 14, "started_at": NOW - 20, "created_at": NOW - 900}, "ill"),
    ("crash loop", "just started", {"restart_count": 2} | YOUNG, "starting"),
    ("crash loop", "stopped by somebody", {"restart_count": 14} | STOPPED, "stopped"),
    ("unhealthy", "steady", {"health": health("unhealthy", "HTTP 500", streak=9)}, "ill"),
    ("unhealthy", "flapping", {"health": health("healthy", "HTTP 500", "ok")}, "well"),
    ("unhealthy", "just started", {"health": health("starting", "HTTP 500")} | YOUNG, "starting"),
    ("unhealthy", "stopped by somebody", {"health": health("unhealthy", "HTTP 500")} | STOPPED, "stopped"),
    ("never started", "steady", {"state": "created", "error": "bad mount", "started_at": None}, "ill"),
    ("never started", "flapping", {"state": "exited", "error": "bad mount", "exit_code": 128}, "ill"),
    ("never started", "just started", {"state": "created", "started_at": None, "created_at": NOW - 1}, "stopped"),
    ("never started", "stopped by somebody", STOPPED, "stopped"),
    ("ended by an error", "steady", {"state": "exited", "exit_code": 1, "restart_policy": "no"}, "ill"),
    ("ended by an error", "flapping", {"state": "exited", "exit_code": 1, "restart_policy": "on-failure",
                                      "restart_count": 3}, "ill"),
    ("ended by an error", "just started", {"restart_policy": "no"} | YOUNG, "well"),
    ("ended by an error", "stopped by somebody", {"restart_policy": "no"} | STOPPED, "stopped"),
    ("killed for memory", "steady", {"state": "exited", "exit_code": 137, "oom_killed": True,
                                     "restart_policy": "no"}, "ill"),
    ("killed for memory", "flapping", {"oom_killed": True} | LOOP, "ill"),
    ("killed for memory", "over since long", {"oom_killed": True, "restart_count": 3, "finished_at": NOW - 3601},
     "well"),
    ("killed for memory", "just started", {"oom_killed": False} | YOUNG, "well"),
    ("killed for memory", "stopped by somebody", {"oom_killed": False} | STOPPED, "stopped"),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "moment", "facts", "state"), TABLE, ids=[f"{r[0]}, {r[1]}" for r in TABLE])
def test_every_fact_at_every_moment(fact: str, moment: str, facts: dict[str, Any], state: str) -> None:
    told = judged(stack(box("app", **facts), box("beside")))
    app, beside = told.services
    assert (app.state, beside.state) == (state, "well")
    assert told.green is (state in ("well", "stopped")), told
    assert bool([t for t in told.troubles if t.result.severity == "error"]) is (state == "ill")
    if state == "ill":
        assert "app" in told.verdict
        assert app.words


GONE = {"state": "exited", "finished_at": NOW - 300}


@pytest.mark.parametrize(
    ("facts", "words", "ago"),
    [
        ({}, "", 3600), (LOOP | {"created_at": NOW - 840}, "crash loop", 840),
        ({"health": health("unhealthy", "HTTP 500", streak=9)}, "unhealthy", 3600),
        (GONE | {"exit_code": 1, "restart_policy": "no"}, "exited 1", 300), (GONE, "stopped", 300),
        (GONE | {"exit_code": 137}, "exited 137", 300), (GONE | {"exit_code": None}, "stopped", 300),
        ({"state": "created", "error": "bad mount", "started_at": None}, "never started", DAY),
        ({"state": "paused"}, "paused", 3600),
        ({"state": "exited", "exit_code": 2, "started_at": None, "created_at": None}, "exited 2", None),
    ],
)  # fmt: skip
def test_a_trouble_says_how_its_container_is_and_since_when(facts: dict[str, Any], words: str, ago: Any) -> None:
    told = judged(stack(box("app", **facts), box("beside")), found("fastgpt.x", "app", "X"))
    trouble = next(each for each in told.troubles if each.result.check == "fastgpt.x")
    since = None if ago is None else NOW - ago
    assert (trouble.container, trouble.words, trouble.since) == (container_id("app"), words, since)


def test_of_several_containers_the_one_named_first_is_meant_and_the_oldest_gives_the_time() -> None:
    result = replace(found("x.y", "stack/b", "X"), also=("a",))
    (trouble,) = judged(stack(box("a", started_at=NOW - 9000), box("b")), result).troubles
    assert (trouble.container, trouble.since) == (container_id("b"), NOW - 9000)


def test_a_trouble_of_the_machine_has_no_container_and_no_age() -> None:
    (trouble,) = judged(stack(box("a")), found("host.x", "/etc/docker/daemon.json", "X")).troubles
    assert (trouble.container, trouble.words, trouble.since) == (None, "", None)


def test_all_well_is_said_in_one_line() -> None:
    told = judged(stack(box("app"), box("db")))
    assert (told.green, told.verdict, told.troubles) == (True, "All 2 services are well", ())


def test_a_consequence_is_folded_under_its_cause_and_the_cause_is_named() -> None:
    app = box("fastgpt", env={"MONGODB_URI": "mongodb://u:p@mongo:27017/x"}, **LOOP)
    told = judged(stack(app, box("mongo")), found("mongo.replica-set", "mongo", "MongoDB has no primary"))
    (trouble,) = told.troubles
    assert trouble.result.check == "mongo.replica-set"
    assert trouble.takes_down == ("fastgpt",)
    assert [each.check for each in trouble.consequences] == ["container.crash-loop"]
    assert told.verdict == "fastgpt is down: MongoDB has no primary"
    assert [each.state for each in told.services] == ["ill", "ill"]


def test_a_cause_two_steps_away_takes_down_both() -> None:
    app = box("fastgpt", env={"OPENAI_BASE_URL": "http://oneapi:3000/v1"}, **LOOP)
    gateway = box("oneapi", env={"SQL_DSN": "root:pw@tcp(mysql:3306)/oneapi"}, health=health("unhealthy", "HTTP 500"))
    told = judged(stack(app, gateway, box("mysql", **STOPPED)))
    (trouble,) = told.troubles
    assert trouble.result.check == "container.needed"
    assert set(trouble.takes_down) == {"fastgpt", "oneapi"}
    assert "mysql is stopped" in told.verdict
    assert told.verdict.startswith("fastgpt and oneapi are down: ")


@pytest.mark.parametrize("order", [("vllm", "ollama", "app"), ("ollama", "vllm", "app"), ("app", "ollama", "vllm")])
def test_what_follows_from_either_of_two_that_one_finding_is_about_is_folded_under_it(order: tuple[str, ...]) -> None:
    app = box("app", env={"OPENAI_BASE_URL": "http://ollama:11434/v1"}, **LOOP)
    boxes = {"app": app, "vllm": box("vllm", **STOPPED), "ollama": box("ollama", **STOPPED)}
    cause = replace(found("gpu.driver", "vllm", "vllm and ollama ask for a GPU"), also=("ollama",))
    (trouble,) = judge(stack(*(boxes[name] for name in order)), [
        *(r for r in examine(stack(*boxes.values()), Settings()) if r.check == "container.crash-loop"), cause,
    ]).troubles  # fmt: skip
    assert (trouble.result.check, trouble.takes_down) == ("gpu.driver", ("app",))
    assert [(each.check, each.subject) for each in trouble.consequences] == [("container.crash-loop", "app")]


def test_a_check_of_its_own_replaces_what_the_container_tells() -> None:
    told = judged(stack(box("mongo", **LOOP)), found("mongo.keyfile", "mongo", "The key file is a directory"))
    (trouble,) = told.troubles
    assert trouble.result.check == "mongo.keyfile"
    assert [each.check for each in trouble.consequences] == ["container.crash-loop"]
    assert told.services[0].words == "crash loop"


def test_a_warning_of_another_matter_does_not_hide_a_crash_loop() -> None:
    told = judged(stack(box("api", **LOOP)), found("librechat.cookie", "api", "The cookie is Secure", "warning"))
    assert [t.result.check for t in told.troubles] == ["container.crash-loop", "librechat.cookie"]


def test_a_service_with_an_error_of_its_own_is_not_blamed_on_another() -> None:
    api = box("api", env={"MONGO_URI": "mongodb://mongo:27017/x"})
    told = judged(
        stack(api, box("mongo")),
        found("librechat.config-mount", "api", "librechat.yaml is not mounted"),
        found("mongo.keyfile", "mongo", "The key file is a directory"),
    )
    assert {t.result.check for t in told.troubles} == {"librechat.config-mount", "mongo.keyfile"}
    assert all(not t.takes_down for t in told.troubles)


@pytest.mark.parametrize("ill", [True, False])
def test_a_finding_that_blames_another_service_is_folded_under_what_is_known_of_that_one(ill: bool) -> None:
    """The one that is blamed came later, so that its age does not put it first."""
    gateway = box("oneapi", env={"SQL_DSN": "root:pw@tcp(mysql:3306)/oneapi"}, **LOOP | {"created_at": NOW - 2 * DAY})
    title = "oneapi cannot start: its database mysql ends again and again"
    blaming = replace(found("oneapi.restart", "oneapi", title), form="database-crashing", blames="mysql")
    known = [found("container.cpu", "mysql", "mysql cannot run here")] if ill else []
    (trouble,) = judged(stack(gateway, box("mysql", **LOOP if ill else {})), blaming, *known).troubles
    assert trouble.result == (known[0] if ill else blaming)
    assert trouble.takes_down == (("oneapi",) if ill else ())


def test_what_takes_down_most_comes_first() -> None:
    uri = {"MONGO_URI": "mongodb://mongo:27017/x"}
    told = judged(
        stack(box("a", env=uri, **LOOP), box("b", env=uri, **LOOP), box("mongo"), box("alone", **LOOP)),
        found("mongo.replica-set", "mongo", "MongoDB has no primary"),
        found("aaa.first", "alone", "Something else"),
    )
    assert [t.result.check for t in told.troubles] == ["mongo.replica-set", "aaa.first"]
    assert told.verdict == "a and b are down: MongoDB has no primary, and 1 more"


def test_of_two_that_take_down_nobody_the_older_one_comes_first_whatever_their_names() -> None:
    """One that goes round is as old as its container: its last start is always a moment ago."""
    ended = {"state": "exited", "restart_policy": "no", "exit_code": 3}
    told = judged(
        stack(
            box("a", **ended, finished_at=NOW - 60), box("b", **ended, finished_at=NOW - 7200),
            box("c", **LOOP), box("d", health=health("unhealthy", "no answer")),
        ),
        found("aaa.machine", "", "Something of the machine"),
        found("aaa.hint", "b", "A hint", "warning"),
    )  # fmt: skip
    assert [t.result.subject for t in told.troubles] == ["c", "b", "d", "a", "", "b"]


def test_containers_that_need_each_other_in_a_circle_do_not_hide_each_other() -> None:
    told = judged(stack(box("a", env={"B": "http://b:80"}, **LOOP), box("b", env={"A": "http://a:80"}, **LOOP)))
    assert {t.result.subject for t in told.troubles} | {n for t in told.troubles for n in t.takes_down} == {"a", "b"}
    assert told.troubles


def test_findings_about_the_machine_are_troubles_too() -> None:
    told = judged(stack(box("app")), found("docker.registry-mirrors", "", "Docker will not start with this file"))
    assert told.green is False
    assert told.verdict == "Docker will not start with this file"


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_no_green_over_a_finding(severity: str) -> None:
    assert judged(stack(box("app")), found("a.b", "app", "Bad", severity)).green is False


def test_a_hint_does_not_take_green_away() -> None:
    assert judged(stack(box("app")), found("a.b", "app", "Hm", "info")).green is True


def test_no_green_over_what_cannot_be_told() -> None:
    told = judged(stack(box("app")), Result("a.b", "app", "unknown", "Whether app works cannot be told", because="x"))
    assert told.green is False
    assert told.verdict == "Whether app works cannot be told"


SINCE = time.strftime("%H:%M:%S", time.localtime(NOW - 12))


@pytest.mark.parametrize(
    ("sentence", "ages", "verdict"),
    [
        ("The Engine at unix:///x is not answering (nothing for 3 s)", {"engine": NOW - 12},
         f"The Engine has not answered for 12 s; what is shown is of {SINCE}"),
        ("The Docker Engine did not answer within 5 s", {"engine": NOW - 12},
         f"The Engine has not answered for 12 s; what is shown is of {SINCE}"),
        ("The Engine's socket /x may not be used", {"engine": NOW - 12},
         f"The Engine's socket /x may not be used; what is shown is of {SINCE}"),
        ("The Engine does not answer.", {}, "The Engine does not answer; what is shown was read before"),
    ],
)  # fmt: skip
def test_no_green_while_the_engine_hangs(sentence: str, ages: dict[str, float], verdict: str) -> None:
    told = judged(stack(box("app"), faults=(Fault("engine", sentence),), ages=ages))
    assert told.green is False
    assert told.verdict == verdict


@pytest.mark.parametrize(
    ("answer", "age", "state"),
    [("down", 10, "starting"), ("loading", 10, "starting"), ("loading", 3600, "starting"), ("down", 3600, "well"),
     ("up", 10, "well"), ("busy", 10, "well")],
)  # fmt: skip
def test_a_model_server_that_loads_is_not_called_well(answer: Any, age: float, state: str) -> None:
    one = box("vllm", started_at=NOW - age)
    server = Server("vllm:8000", "vllm", "http://127.0.0.1:8000", answer, container=one.id)
    told = judged(stack(one, box("beside"), servers=(server,)))
    assert [each.state for each in told.services] == [state, "well"]
    assert told.green is (state == "well")


def test_a_trouble_is_told_with_the_time_that_it_is_of() -> None:
    fault = Fault("engine", "The Docker Engine did not answer within 5 s")
    bad = Result("a.b", "app", "finding", "app is broken", because="x", severity="error")
    told = judged(stack(box("app"), faults=(fault,), ages={"engine": NOW - 12}), bad)
    assert told.verdict.startswith("app is ")
    assert told.verdict.endswith(f"; the Engine has not answered for 12 s; what is shown is of {SINCE}")


def test_no_green_before_everything_was_inspected() -> None:
    assert judged(stack(box("app", detailed=False))).green is False


def test_a_cause_read_from_the_last_words_replaces_the_loop() -> None:
    told = judged(stack(box("app", **LOOP)), found("container.permission", "app", "It may not use /srv/x"))
    assert [t.result.check for t in told.troubles] == ["container.permission"]
    assert [each.check for each in told.troubles[0].consequences] == ["container.crash-loop"]


def test_each_container_of_a_scaled_service_is_of_its_project_and_of_no_other_of_that_name() -> None:
    one = Project("stack", "/srv/one", services=(ComposeService("app", env_files=("/srv/one/.env",)),))
    two = Project("stack", "/srv/two", services=(ComposeService("app"),))
    first, second, other = (
        box(name, service="app", labels={WORKING_DIR: folder})
        for name, folder in (("app-1", "/srv/one/"), ("app-2", "/srv/one"), ("app-3", "/srv/two"))
    )
    found = parties(stack(first, second, other, projects=(one, two)))
    assert [party.project and party.project.working_dir for party in found] == ["/srv/one", "/srv/one", "/srv/two"]
    assert [party.names_it_itself("X") for party in found] == [False, False, True]
