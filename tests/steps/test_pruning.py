"""What nobody uses is listed, removed by name after a typed word, and looked for again. Volumes never."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from stackops.checks import registry
from stackops.console.fix.acts import pruning
from stackops.console.fix.engine import Fixer, Outcome
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import PreparedPlan
from stackops.console.fix.proving import Look
from stackops.console.fix.steps import Prune, StepContext
from stackops.console.fix.wishes import PRUNE, WISHES, prune_of
from stackops.console.hosts import Control, HostError, ReadOnlyRefused
from stackops.console.hosts.local import LocalHost, open_local
from stackops.console.model import EngineInfo, HostInfo, Snapshot
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.fake_engine import FakeEngine, container, container_id
from support.pilots import console, desk_on

OLD, NEW, USED = "sha256:" + "a" * 64, "sha256:" + "b" * 64, "sha256:" + "c" * 64
SEEN = Snapshot(
    0.0, HostInfo("x"), engine=EngineInfo("20.10", "1.41", "unix:///none", local=True),
    ages=dict.fromkeys(("engine", "engine-info"), 0.0),
)  # fmt: skip


def network(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"Id": f"id-{name}", "Name": name, "Scope": "local", **kwargs}


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    web, done = container("web", network_mode="in_use"), container("done", state="exited", project="shop")
    done["NetworkSettings"]["Networks"] = {"of_a_stopped_one": {}}
    web["Image"] = USED
    engine = FakeEngine(web, done, container("never", state="created"))
    engine.images = {
        OLD: {"Id": OLD, "RepoTags": None, "Size": 3 << 20},
        USED: {"Id": USED, "RepoTags": None, "Size": 9 << 20},
        NEW: {"Id": NEW, "RepoTags": ["x:1"], "Size": 7 << 20},
    }
    engine.networks = [
        network("left"), network("in_use"), network("of_a_stopped_one"), network("docker_gwbridge"),
        network("swarm", Scope="swarm"), network("template", ConfigOnly=True),
    ]  # fmt: skip
    engine.build_cache = [
        {"ID": "1", "Type": "regular", "Size": 2 << 20}, {"ID": "2", "Type": "regular", "Size": 5, "InUse": True},
        {"ID": "3", "Type": "internal", "Size": 7}, {"ID": "4", "Type": "regular", "Size": 11, "Shared": True},
    ]  # fmt: skip
    with engine.in_thread():
        yield engine


@pytest.fixture
def host(fake: FakeEngine) -> LocalHost:
    return open_local(Settings(host=fake.url))


def fixer(host: LocalHost, kind: str, tmp_path: Path) -> Fixer:
    return Fixer(host, Journal(tmp_path), Look(PRUNE, kind, registry.find, lambda _: SEEN, lambda *_: ()))


def prepare(host: LocalHost, kind: str, tmp_path: Path) -> PreparedPlan:
    plan = WISHES[PRUNE].asked(kind, SEEN)
    assert plan is not None
    return fixer(host, kind, tmp_path).prepare(plan)


def prune(host: LocalHost, kind: str, tmp_path: Path) -> Outcome:
    return fixer(host, kind, tmp_path).run(prepare(host, kind, tmp_path))


def test_the_preview_lists_each_with_its_size_and_removes_nothing(
    host: LocalHost, fake: FakeEngine, tmp_path: Path
) -> None:
    prepared = prepare(host, "all", tmp_path)
    told = [row.step.describe() for row in prepared.steps]
    assert told == [
        "Remove 2 stopped containers (2.0 MiB): done of the stack shop, never",
        "Remove 1 dangling image (3.0 MiB): aaaaaaaaaaaa",
        "Remove 1 unused network: left",
        "Remove 1 record of the build cache (2.0 MiB)",
    ]
    assert prepared.steps[0].diff == "- done of the stack shop  1.0 MiB\n- never  1.0 MiB"
    assert prepared.harms, "a word is typed"
    assert prepared.word == "all"
    assert any("Volumes are never removed" in each for each in prepared.plan.says)
    assert not [each for each in fake.targets if not each.startswith("GET ")]


def test_volumes_are_never_asked_for_nor_touched(host: LocalHost, fake: FakeEngine, tmp_path: Path) -> None:
    done = prune(host, "all", tmp_path)
    assert done.name == "done", done
    assert set(fake.containers) == {container_id("web")}
    assert set(fake.images) == {USED, NEW}
    assert [each["Name"] for each in fake.networks if each["Name"] == "left"] == []
    assert [row["ID"] for row in fake.build_cache] == ["2"]
    assert not [each for each in fake.targets if "volume" in each.lower()]
    changes = [unquote(each) for each in fake.targets if not each.startswith("GET ")]
    assert all(("v=False" in each or "v=0" in each) for each in changes if "DELETE" in each and "/containers/" in each)
    assert not [each for each in changes if "/prune" in each and "/build/prune" not in each]
    assert not [name for name in dir(Control) if "volume" in name]
    assert not [kind for kind in pruning.WORDS if "volume" in kind]


@pytest.mark.parametrize("kind", pruning.WORDS)
def test_each_kind_is_removed_told_and_done_only_once(host: LocalHost, kind: str, tmp_path: Path) -> None:
    done = prune(host, kind, tmp_path)
    assert done.name == "done", done
    assert "looked for again" in done.says[-1]
    assert prepare(host, kind, tmp_path).empty, "a second time there is nothing to do"
    refused = fixer(host, kind, tmp_path).undo(done.entry or "")
    assert refused.name == "refused"
    assert "cannot be undone" in refused.sentence


def test_what_is_used_again_since_the_preview_stays(host: LocalHost, fake: FakeEngine, tmp_path: Path) -> None:
    prepared = prepare(host, "all", tmp_path)
    fake.containers[container_id("never")]["State"].update(Status="running", Running=True)
    fake.images[OLD]["RepoTags"] = ["kept:1"]
    done = fixer(host, "all", tmp_path).run(prepared)
    assert container_id("never") in fake.containers
    assert OLD in fake.images
    assert container_id("done") not in fake.containers
    assert done.name == "done", done


def test_what_the_engine_keeps_is_told_with_its_reason(host: LocalHost, fake: FakeEngine, tmp_path: Path) -> None:
    fake.networks.append(network("other"))
    real = host.control.remove_network

    def remove(ident: str) -> None:
        if ident == "id-other":
            raise HostError("network other has active endpoints")
        real(ident)

    host.control.remove_network = remove  # type: ignore[method-assign]
    done = prune(host, "networks", tmp_path)
    assert done.name == "done", done
    assert done.says[0] == "Kept other: network other has active endpoints"
    assert done.says[-1].startswith("Removed 1 of 2")
    failed = prune(host, "networks", tmp_path)
    assert failed.name == "rolled-back", "nothing of it could be removed"
    assert "active endpoints" in failed.sentence


def test_one_kind_that_fails_keeps_the_others_from_nothing(host: LocalHost, tmp_path: Path) -> None:
    def refuse(_: str) -> None:
        raise HostError("it is locked")

    host.control.remove_image = refuse  # type: ignore[method-assign]
    done = prune(host, "all", tmp_path)
    assert done.name == "done", done
    assert any("No dangling image was removed" in each for each in done.says)
    left = [each.name for each in pruning.unused(host, "networks")]
    assert left == ["of_a_stopped_one"], "free since its container went, but not in the preview"


def test_an_engine_that_tells_nonsense_or_nothing_is_a_sentence(host: LocalHost, fake: FakeEngine) -> None:
    fake.refuse["/networks"] = (500, "database is locked")
    with pytest.raises(HostError, match="database is locked"):
        pruning.unused(host, "networks")
    fake.networks, fake.refuse = [{"Id": 5, "Name": []}], {}  # type: ignore[list-item]
    with pytest.raises(HostError, match="not as documented"):
        pruning.unused(host, "networks")


def test_hostile_names_are_cleaned(host: LocalHost, fake: FakeEngine) -> None:
    fake.networks = [network("a\x1b]52;c;x\x07b")]
    (found,) = pruning.unused(host, "networks")
    assert "\x1b" not in Prune("networks", (found,)).describe()


def test_read_only_refuses_before_anything_is_sent(fake: FakeEngine, tmp_path: Path) -> None:
    closed = open_local(Settings(host=fake.url, read_only=True))
    for act in (closed.control.remove_image, closed.control.remove_network):
        with pytest.raises(ReadOnlyRefused):
            act("x")
    with pytest.raises(ReadOnlyRefused):
        closed.control.prune_build_cache()
    assert prune(closed, "all", tmp_path).name == "refused"
    assert not [each for each in fake.targets if not each.startswith("GET ")]


def test_no_plan_for_any_other_word() -> None:
    for subject in ("volumes", "", "everything", "all "):
        assert WISHES[PRUNE].asked(subject, SEEN) is None
    assert prune_of("images").title == "Remove dangling images"


async def test_by_keys_the_list_is_shown_and_a_word_typed(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    host.build()
    host.control.stop("oneapi")
    async with console(desk_on(host, Journal(tmp_path))) as running:
        await running.until("oneapi")
        shown = await running.press("P")
        assert "Volumes always stay" in shown
        for kind in ("Stopped containers", "Dangling images", "Unused networks", "Build cache", "All of these"):
            assert kind in shown, "at 80 columns too"
        await running.press("tab", "enter")
        shown = await running.until("Nothing has been changed yet")
        assert "Remove 1 stopped container" in shown
        assert "oneapi" in shown
        await running.press("A", "enter", "enter")
        assert host.world.find("oneapi").state == "exited", "without the word nothing goes"
        await running.type("containers")
        await running.press("enter", "enter")
        await running.until("✓ Done")
    assert "oneapi" not in {each.name for each in host.world.containers()}


async def test_where_there_is_nothing_of_a_kind_that_is_said_and_no_more_is_waited_for(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    async with console(desk_on(host, Journal(tmp_path))) as running:
        await running.until("All well")
        await running.press("P", "tab", "enter")
        shown = await running.until("There is nothing to do.")
        assert "Preparing" not in shown


async def test_read_only_does_not_even_ask(tmp_path: Path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[], read_only=True)
    async with console(desk_on(host, Journal(tmp_path))) as running:
        await running.until("All well")
        await running.press("P")
        assert not running.app.screen.is_modal
        assert "Read-only" in running.notices


def test_the_step_knows_where_the_world_stands(host: LocalHost, fake: FakeEngine) -> None:
    bench = StepContext(host)
    step = Prune("networks", pruning.unused(host, "networks"))
    assert step.state(bench) == "before"
    fake.networks = []
    assert step.state(bench) == "after"
