"""A service run by more or fewer containers: shown first, proven by counting, the former number by undo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from stackops.checks import registry
from stackops.console.fix.engine import Fixer, Outcome
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import PreparedPlan
from stackops.console.fix.proving import Look
from stackops.console.fix.steps import ScaleService, StepContext
from stackops.console.fix.wishes import SCALE, WISHES, members, recreating, scale_of
from stackops.console.hosts import CommandResult, ComposeProject, EngineUnreachable, HostError, ServiceConfig
from stackops.console.hosts.acting import Rights
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.hosts.local.locking import LocalLocks
from stackops.console.model import Container, EngineInfo, HostInfo, Project, Snapshot
from stackops.console.practice import open_demo
from stackops.screens.render.plans import consequences
from stackops.screens.render.stacks import items
from stackops.screens.widgets.paint import plain
from support.clock import FakeClock
from support.pilots import console, desk_on, look

LABEL = "com.docker.compose."


class Shop:
    """A machine with one service, whose Compose does what it is told, or ends with an error."""

    name, kind, read_only = "shop-host", "local", False
    kernel = gpus = http = http_acts = databases = None

    def __init__(self, base: Path, count: int = 1, **config: Any) -> None:
        self.folder = base / "project"
        self.folder.mkdir()
        self.file = self.folder / "docker-compose.yml"
        self.file.write_text("services: {web: {image: x}}\n")
        self.clock, self.files, self.locks, self.rights = FakeClock(), LocalFiles(), LocalLocks(), Rights(0)
        self.engine = SimpleNamespace(address="unix:///none", containers=self._listed)
        self.control = SimpleNamespace(compose=self._compose, service_config=self._config)
        self.there: list[str] = [f"shop-web-{number}" for number in range(1, count + 1)]
        self.config = config
        self.states: dict[str, str] = {}
        self.calls: list[tuple[str, ...]] = []
        self.stops_after: int | None = None
        """At how many containers Compose ends with an error."""
        self.away = False
        self.journal = Journal(base / "state")

    def container(self, name: str) -> Container:
        labels = {f"{LABEL}project.working_dir": str(self.folder), f"{LABEL}project.config_files": str(self.file)}
        state: Any = self.states.get(name, "running")
        return Container(name, name, "x", state, project="shop", service="web", labels=labels)

    async def _listed(self) -> bytes:
        if self.away:
            raise EngineUnreachable("nobody listens")
        rows = [
            {"Id": name, "Names": [f"/{name}"], "State": self.states.get(name, "running"),
             "Labels": {**self.container(name).labels, f"{LABEL}project": "shop", f"{LABEL}service": "web"}}
            for name in self.there
        ]  # fmt: skip
        return json.dumps(rows).encode()

    def _config(self, project: ComposeProject, service: str, **_: Any) -> ServiceConfig:
        return ServiceConfig(json.dumps({"name": "shop", "services": {service: self.config}}).encode())

    def _compose(self, project: ComposeProject, arguments: Sequence[str], **_: Any) -> CommandResult:
        self.calls.append(tuple(arguments))
        wanted = int(next(word for word in arguments if word.startswith("web=")).partition("=")[2])
        if self.stops_after is not None and wanted > self.stops_after:
            self.there = [f"shop-web-{number}" for number in range(1, self.stops_after + 1)]
            return CommandResult((), 1, "Bind for 0.0.0.0:80 failed: port is already allocated")
        self.there = [f"shop-web-{number}" for number in range(1, wanted + 1)]
        return CommandResult((), 0, "")

    def snapshot(self) -> Snapshot:
        containers = tuple(map(self.container, self.there))
        project = Project("shop", str(self.folder))
        ages = dict.fromkeys(("engine", "engine-info"), 0.0)
        engine = EngineInfo("20.10", "1.41", "unix:///none", local=True)
        return Snapshot(
            0.0, HostInfo("x"), engine=engine, containers=containers, projects=(project,), ages=ages,
        )  # fmt: skip

    def fixer(self, count: int) -> Fixer:
        wish = scale_of(self.container("shop-web-1"), count)
        proof = Look(SCALE, wish.subject, registry.find, lambda _: self.snapshot(), lambda *_: (), str(self.folder))
        return Fixer(self, self.journal, proof)  # type: ignore[arg-type]

    def prepare(self, count: int) -> PreparedPlan:
        plan = WISHES[SCALE].asked(scale_of(self.container("shop-web-1"), count).subject, self.snapshot())
        assert plan is not None
        return self.fixer(count).prepare(plan)

    def scale(self, count: int) -> Outcome:
        return self.fixer(count).run(self.prepare(count))


def test_it_is_shown_done_counted_and_taken_back(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    prepared = shop.prepare(3)
    assert "--no-recreate --scale web=3 web" in prepared.steps[0].diff
    assert shop.calls == []
    assert not prepared.harms, "nothing is lost by running more"
    assert prepared.plan.safety == "safe"
    done = shop.fixer(3).run(prepared)
    assert (done.name, len(shop.there)) == ("done", 3), done
    assert "--pull" in shop.calls[0]
    assert "never" in shop.calls[0]
    assert shop.prepare(3).empty, "a second time there is nothing to do"
    assert shop.fixer(3).prepare_undo(done.entry or "").harms, "going back removes containers"
    undone = shop.fixer(3).undo(done.entry or "")
    assert (undone.name, len(shop.there)) == ("done", 1), undone


def test_fewer_wants_a_word_because_what_is_removed_takes_its_files_along(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 3)
    prepared = shop.prepare(1)
    assert prepared.harms
    assert prepared.word == "web 1"
    assert prepared.plan.safety == "disruptive"
    assert [plain([each]) for each in consequences(prepared)] == [f"  · {prepared.steps[0].step.describe()}"]
    assert "removed, with what they wrote outside volumes" in prepared.steps[0].step.describe()
    done = shop.scale(1)
    assert (done.name, len(shop.there)) == ("done", 1), done
    assert shop.fixer(1).undo(done.entry or "").name == "done"
    assert len(shop.there) == 3


def test_what_fails_half_way_goes_back_to_the_former_number(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.stops_after = 2
    failed = shop.scale(4)
    assert (failed.name, len(shop.there)) == ("rolled-back", 1), failed
    assert "port is already allocated" in failed.sentence


def test_one_that_does_not_stay_up_is_no_success(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.states["shop-web-2"] = "restarting"
    failed = shop.scale(2)
    assert (failed.name, len(shop.there)) == ("rolled-back", 1), failed
    assert "1 of 2 containers of web run" in failed.sentence


def test_another_number_since_then_is_not_undone(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    done = shop.scale(2)
    shop.there.append("shop-web-3")
    refused = shop.fixer(2).undo(done.entry or "")
    assert (refused.name, len(shop.there)) == ("refused", 3)
    assert "has 3 containers now, and had 2 after the fix" in refused.sentence


def test_an_engine_that_went_away_leaves_the_entry_open(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    prepared = shop.prepare(2)
    shop.away = True
    assert shop.fixer(2).run(prepared).name == "engine-away"


@pytest.mark.parametrize(
    ("config", "count", "why"),
    [
        ({"container_name": "web"}, 2, "fixed name web"),
        ({"ports": [{"target": 80, "published": "8080"}]}, 2, "publishes port 8080"),
        ({"ports": [{"target": 80, "published": "8080-8081"}]}, 3, "publishes port 8080-8081"),
        ({"ports": [{"target": 80, "published": "8080-8082"}, {"target": 81, "published": 90}]}, 3, "port 90"),
    ],
)
def test_what_can_only_be_there_once_is_not_scaled(tmp_path: Path, config: Any, count: int, why: str) -> None:
    shop = Shop(tmp_path, **config)
    with pytest.raises(HostError, match=why) as refusal:
        shop.prepare(count)
    assert refusal.value.remedy
    assert shop.calls == []


@pytest.mark.parametrize(
    "config", [{}, {"ports": [{"target": 80}]}, {"ports": [{"target": 80, "published": "8080-8082"}]}, {"ports": None}]
)
def test_what_can_be_there_several_times_is(tmp_path: Path, config: Any) -> None:
    shop = Shop(tmp_path, **config)
    assert shop.scale(3).name == "done"


def test_a_step_knows_where_the_world_stands(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    step = ScaleService("shop", str(shop.folder), (str(shop.file),), "web", 3, former=2)
    bench = StepContext(shop)  # type: ignore[arg-type]
    assert step.state(bench) == "before"
    assert replace(step, former=1).state(bench) == "moved"
    assert replace(step, count=2).state(bench) == "after"
    assert replace(step, former=1, again=True).state(bench) == "before"


def test_no_plan_for_what_is_gone_or_beyond_reason(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    asked = WISHES[SCALE].asked
    for subject in ("shop/api 2", "other/web 2", "shop/web 0", "shop/web x", "shop/web 51", "", "shop/web -1"):
        assert asked(subject, shop.snapshot()) is None, subject


def test_a_one_off_run_is_no_member() -> None:
    one = Container("1", "a", "x", "running", project="shop", service="web")
    run = replace(one, id="2", labels={f"{LABEL}oneoff": "True"})
    assert members(replace(Snapshot(0.0, HostInfo("x")), containers=(one, run)), "shop", "web") == (one,)
    assert recreating(replace(one, project=None), None) is None


SIZE = (100, 60)


async def on_service(running: Any, name: str) -> None:
    await running.until(name)
    await running.press("g")
    for _ in range(60):
        container = running.app.screen.selected_container()
        if container is not None and container.name == name:
            return
        await running.press("j")
    raise AssertionError("no such row")


async def test_the_key_asks_for_a_number_and_shows_why_it_cannot_be(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    async with console(desk_on(host, Journal(tmp_path)), SIZE) as running:
        await on_service(running, "oneapi")
        assert "How many containers of oneapi?" in await running.press("X")
        assert "Type a number from 1 to 50" in await running.press("enter")
        assert "It is 1 already" in await running.press("1", "enter")
        await running.press("backspace", "2", "enter")
        shown = await running.until("It cannot be done")
        assert "fixed name oneapi" in shown
        await running.press("escape")
        assert "Overview" in running.text


async def test_leaving_the_question_changes_nothing_and_read_only_does_not_ask(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    async with console(desk_on(host, Journal(tmp_path)), SIZE) as running:
        await on_service(running, "oneapi")
        await running.press("X", "escape")
        assert not running.app.screen.is_modal
        await on_service(running, "scratchpad-7f")
        await running.press("X")
        assert "was not made by Compose" in running.notices
        await running.press("W")
        await on_service(running, "oneapi")
        await running.press("X")
        assert not running.app.screen.is_modal
        assert "Read-only" in running.notices


def test_the_demo_says_that_it_has_one_of_each(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    snapshot = look(host, desk_on(host, None).settings)
    one = next(each for each in snapshot.containers if each.name == "oneapi")
    project = ComposeProject(one.project or "", one.labels[f"{LABEL}project.working_dir"])
    said = host.control.compose(project, ["up", "-d", "--scale", "oneapi=2", "oneapi"])
    assert (said.exit_code, said.output) == (1, "The practice stack runs one container of each service")


def test_several_containers_of_a_service_are_told_apart(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    assert sorted(each.name for each in items(shop.snapshot(), ())) == ["web-1", "web-2"]
    shop.there.pop()
    assert [each.name for each in items(shop.snapshot(), ())] == ["web"]
