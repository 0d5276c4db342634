"""An image is pulled with progress; nothing that runs changes; what it was is kept, and is put back by undo."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stackops.checks import registry
from stackops.console.fix.acts import images
from stackops.console.fix.acts.images import NEWER
from stackops.console.fix.engine import Fixer, Outcome, Progress
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import PreparedPlan
from stackops.console.fix.proving import Look
from stackops.console.fix.steps import PullImage, StepContext, TagImage
from stackops.console.fix.wishes import PULL, WISHES, pull_of
from stackops.console.hosts import HostError, NotFound, ReadOnlyRefused
from stackops.console.hosts.local import LocalHost, open_local
from stackops.console.hosts.local import control as control_module
from stackops.console.model import Container, EngineInfo, HostInfo, Snapshot
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.fake_engine import FakeEngine, container
from support.pilots import Stage, console, desk_on

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NAME = "registry.invalid/team/web:1"
LAYERS = [
    {"status": "Pulling from team/web", "id": "1"},
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "l1"},
    {"status": "Already exists", "progressDetail": {}, "id": "l0"},
    {"status": "Downloading", "progressDetail": {"current": 1 << 20, "total": 4 << 20}, "id": "l1"},
]
COMPLETE = {"status": "Pull complete", "progressDetail": {}, "id": "l1"}
NEWS = {"status": f"Status: Downloaded newer image for {NAME}"}
SAME = {"status": f"Status: Image is up to date for {NAME}"}


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    engine = FakeEngine(container("web", image=NAME))
    old = {"Id": OLD, "RepoTags": [NAME]}
    engine.images = {NAME: old, OLD: old}
    engine.newer = {"Id": NEW, "RepoTags": [NAME]}
    engine.pull = [*LAYERS, COMPLETE, NEWS]
    with engine.in_thread():
        yield engine


@pytest.fixture
def host(fake: FakeEngine) -> LocalHost:
    return open_local(Settings(host=fake.url))


def seen(*containers: Container) -> Snapshot:
    engine = EngineInfo("20.10", "1.41", "unix:///none", local=True)
    ages = dict.fromkeys(("engine", "engine-info"), 0.0)
    return Snapshot(0.0, HostInfo("x"), engine=engine, ages=ages, containers=containers)


WEB = Container("1", "web", NAME, "running", project="shop", service="web")
SEEN = seen(WEB)


def fixer(host: LocalHost, tmp_path: Path, subject: str = "container/web", snapshot: Snapshot = SEEN) -> Fixer:
    return Fixer(host, Journal(tmp_path), Look(PULL, subject, registry.find, lambda _: snapshot, lambda *_: ()))


def prepare(host: LocalHost, tmp_path: Path, subject: str = "container/web", snapshot: Snapshot = SEEN) -> PreparedPlan:
    plan = WISHES[PULL].asked(subject, snapshot)
    assert plan is not None
    return fixer(host, tmp_path, subject, snapshot).prepare(plan)


def pull(host: LocalHost, tmp_path: Path) -> Outcome:
    return fixer(host, tmp_path).run(prepare(host, tmp_path))


def test_it_is_shown_done_told_and_taken_back(host: LocalHost, fake: FakeEngine, tmp_path: Path) -> None:
    prepared = prepare(host, tmp_path)
    assert prepared.steps[0].diff == f"$ docker pull {NAME}"
    assert not prepared.harms
    assert any("web run on with what they have" in each for each in prepared.plan.says)
    assert not [each for each in fake.targets if not each.startswith("GET ")]
    done = fixer(host, tmp_path).run(prepared)
    assert done.name == "done", done
    assert done.says == (f"{NEWER}: {NAME} is {'b' * 12} now; the former one is kept as stackops/kept:{'a' * 12}",)
    assert fake.images[NAME]["Id"] == NEW
    assert fake.images[f"stackops/kept:{'a' * 12}"]["Id"] == OLD
    changes = [each for each in fake.targets if not each.startswith("GET ")]
    assert not [each for each in changes if "/containers/" in each], "nothing that runs is touched"
    undone = fixer(host, tmp_path).undo(done.entry or "")
    assert undone.name == "done", undone
    assert fake.images[NAME]["Id"] == OLD
    assert f"stackops/kept:{'a' * 12}" not in fake.images
    assert fixer(host, tmp_path).undo(done.entry or "").name == "refused", "it is taken back only once"


def test_nothing_newer_is_said_and_leaves_nothing_to_take_back(
    host: LocalHost, fake: FakeEngine, tmp_path: Path
) -> None:
    fake.pull = [LAYERS[0], SAME]
    done = pull(host, tmp_path)
    assert done.says == (f"No newer image: {NAME} is {'a' * 12} in its registry too",)
    assert not [each for each in fake.images if "kept" in each]
    assert fixer(host, tmp_path).prepare_undo(done.entry or "").empty


def test_an_image_that_was_not_there_is_brought(host: LocalHost, fake: FakeEngine, tmp_path: Path) -> None:
    fake.images = {}
    done = pull(host, tmp_path)
    assert "there was none before" in done.says[0]
    refused = fixer(host, tmp_path).undo(done.entry or "")
    assert refused.name == "refused"


def test_progress_is_told_by_layers_and_bytes(
    host: LocalHost, fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr(images, "time", SimpleNamespace(monotonic=lambda: next(ticks) * 2.0))
    told: list[Progress] = []
    assert fixer(host, tmp_path).run(prepare(host, tmp_path), told.append).name == "done"
    details = [each.detail for each in told if each.detail]
    assert "Pulling from team/web" in details
    assert "1 of 2 layers, 1.0 MiB of 4.0 MiB so far" in details
    assert "2 of 2 layers, 4.0 MiB of 4.0 MiB so far" in details


ENDS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "an error inside the stream": (
        [*LAYERS, {"errorDetail": {"message": "unauthorized: \x1b[31mauthentication required"}, "error": "x"}],
        "whole", "unauthorized: authentication required",
    ),
    "an error without detail": ([{"error": "toomanyrequests: rate limit"}], "whole", "toomanyrequests: rate limit"),
    "an end in its middle": (LAYERS, "whole", "broke off in its middle"),
    "a reset": (LAYERS, "reset", "The pull broke off"),
    "a hang": (LAYERS, "hang", "The pull broke off"),
    "nonsense": ([{"status": 5}, {"id": []}, {"x": 1}], "whole", "broke off in its middle"),  # type: ignore[list-item]
    "nothing at all": ([], "whole", "broke off in its middle"),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDS)
def test_what_goes_wrong_is_a_sentence_and_changes_no_image(
    host: LocalHost, fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(control_module, "QUIET", 0.5)
    fake.pull, fake.pull_ends, said = ENDS[how]
    failed = pull(host, tmp_path)
    assert failed.name == "rolled-back", failed
    assert said in failed.sentence
    assert "\x1b" not in failed.sentence
    assert fake.images[NAME]["Id"] == OLD
    assert not [each for each in fake.images if "kept" in each]


@pytest.mark.parametrize(
    ("status", "said"), [(404, "pull access denied"), (500, "no such host"), (403, "denied by policy")]
)
def test_a_refusal_before_the_stream_is_a_sentence(
    host: LocalHost, fake: FakeEngine, tmp_path: Path, status: int, said: str
) -> None:
    fake.refuse["/images/create"] = (status, f"{said} for registry.invalid")
    failed = pull(host, tmp_path)
    assert failed.name == "rolled-back", failed
    assert said in failed.sentence


def test_who_stops_it_need_not_wait_for_its_end(
    host: LocalHost, fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr(images, "time", SimpleNamespace(monotonic=lambda: next(ticks) * 2.0))
    fake.pull_ends = "hang"
    fake.pull = [*LAYERS]
    stop = threading.Event()

    def hear(progress: Progress) -> None:
        if "layers" in progress.detail:
            stop.set()

    ended = fixer(host, tmp_path).run(prepare(host, tmp_path), hear, stop)
    assert (ended.name, ended.sentence) == ("rolled-back", "It was stopped; the image is the one it was")


def test_one_image_of_a_stack_that_cannot_be_had_keeps_the_others_from_nothing(
    host: LocalHost, fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = host.control.pull

    def one_only(image: str, *given: Any, **named: Any) -> None:
        if image == "own-build":
            raise NotFound("pull access denied for own-build")
        real(image, *given, **named)

    monkeypatch.setattr(host.control, "pull", one_only)
    built = Container("2", "api", "own-build", "running", project="shop", service="api")
    snapshot = seen(WEB, built, Container("3", "again", NAME, "running", project="shop", service="again"))
    prepared = prepare(host, tmp_path, "stack/shop", snapshot)
    assert len(prepared.steps) == 2, "each image once"
    done = fixer(host, tmp_path, "stack/shop", snapshot).run(prepared)
    assert done.name == "done", done
    assert any(each.startswith("own-build was not pulled: pull access denied") for each in done.says)
    assert any(each.startswith(NEWER) for each in done.says)


def test_what_has_no_name_is_not_pulled(host: LocalHost, tmp_path: Path) -> None:
    for name in (OLD, "a" * 12):
        with pytest.raises(HostError, match="no name"):
            prepare(host, tmp_path, snapshot=seen(Container("1", "web", name, "running")))
    assert WISHES[PULL].asked("container/gone", SEEN) is None
    assert WISHES[PULL].asked("stack/gone", SEEN) is None


def test_no_name_that_climbs_or_is_an_option_reaches_the_engine(host: LocalHost, fake: FakeEngine) -> None:
    for name in ("-rf", "a//b", "x y", "$(id)", "../x", "", "a;b"):
        with pytest.raises(NotFound):
            host.control.pull(name, lambda _: None, deadline=5.0)
    assert fake.targets == []


def test_a_port_in_the_registry_s_name_is_no_tag(host: LocalHost, fake: FakeEngine) -> None:
    host.control.tag(OLD, "localhost:5000/team/web")
    assert "localhost:5000/team/web:latest" in fake.images
    host.control.pull("localhost:5000/team/web", lambda _: None, deadline=20.0)
    assert any("fromImage=localhost%3A5000%2Fteam%2Fweb&tag=latest" in each for each in fake.targets)


def test_a_former_image_that_is_gone_cannot_be_put_back(host: LocalHost, fake: FakeEngine, tmp_path: Path) -> None:
    done = pull(host, tmp_path)
    del fake.images[OLD]
    refused = fixer(host, tmp_path).undo(done.entry or "")
    assert refused.name == "refused"
    assert "not on this machine" in refused.sentence


def test_read_only_refuses_before_anything_is_sent(fake: FakeEngine, tmp_path: Path) -> None:
    closed = open_local(Settings(host=fake.url, read_only=True))
    with pytest.raises(ReadOnlyRefused):
        closed.control.pull(NAME, lambda _: None, deadline=5.0)
    with pytest.raises(ReadOnlyRefused):
        closed.control.tag(OLD, NAME)
    assert pull(closed, tmp_path).name == "refused"
    assert not [each for each in fake.targets if not each.startswith("GET ")]


def test_the_steps_know_where_the_world_stands(host: LocalHost, fake: FakeEngine) -> None:
    bench = StepContext(host)
    assert PullImage(NAME, OLD).state(bench) == "before"
    assert TagImage(NAME, OLD).state(bench) == "after"
    fake.images[NAME] = fake.newer
    assert PullImage(NAME, OLD).state(bench) == "after"
    assert TagImage(NAME, OLD).state(bench) == "before"


async def _on(running: Stage, name: str) -> None:
    await running.until(name)
    await running.press("g")
    for _ in range(60):
        selected = running.app.screen.selected_container()  # type: ignore[attr-defined]
        if selected is not None and selected.name == name:
            return
        await running.press("j")
    raise AssertionError("no such row")


@pytest.mark.parametrize("newer", [True, False])
async def test_by_keys_it_is_shown_done_and_a_recreate_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newer: bool
) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    if newer:
        monkeypatch.setattr(PullImage, "_news", lambda *_: f"{NEWER}: it is")
    async with console(desk_on(host, Journal(tmp_path)), (100, 60)) as running:
        await _on(running, "oneapi")
        await running.press("I")
        assert "docker pull" in await running.until("Nothing has been changed yet")
        await running.press("A")
        await running.until("✓ Done")
        await running.press("escape")
        assert ("Recreate oneapi?" in running.text) == newer
        if newer:
            await running.press("tab", "enter")
            shown = await running.until("Nothing else about it changes")
            assert "Recreate oneapi?" in shown


async def test_all_images_of_a_stack(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    async with console(desk_on(host, Journal(tmp_path)), (100, 60)) as running:
        await running.until("fastgpt")
        await running.stacks("group:fastgpt")
        await running.press("I")
        shown = await running.until("Nothing has been changed yet")
        assert shown.count("Pull ") >= 5
    assert pull_of("fastgpt", stack=True).title == "Pull the images of fastgpt"
