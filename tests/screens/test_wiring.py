"""The place *wiring*: each arrow with its steps, where the first one breaks, and the way from there."""

from __future__ import annotations

import time
from dataclasses import replace as altered
from pathlib import Path
from typing import Any

import pytest
from examples.wiring.broken import GATEWAY, MONGO, NOBODY, WELL, box, tried
from msgspec.structs import replace
from stackops.checks.registry import IDS, examine
from stackops.console.app import Registry
from stackops.console.fix.journal import Journal
from stackops.console.model import Edge, Fault, Hop, Server, Snapshot
from stackops.console.model.findings import Result
from stackops.console.products.model_paths import model_paths
from stackops.console.settings import Settings
from stackops.screens.desk import Desk
from stackops.screens.render import wiring
from support import server_stage, stage
from support.model_rows import CHANNEL, DEAD, WHOLE, arrow, with_channels
from support.model_rows import world as a_stack
from support.pictures import compare
from support.pilots import Stage, console

SILENT = (*WELL[:2], Hop("protocol", "unknown", "resets the connection; it is tried again"))
ENDS = {"mongo": NOBODY, "postgres": WELL, "gateway": WELL, "sandbox": SILENT}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def machine(**ends: tuple[Hop, ...]) -> Snapshot:
    """A FastGPT with four needs, and a gateway with one."""
    env = {**MONGO, "PG_URL": "postgresql://u:secret@pg:5432/x", **GATEWAY, "SANDBOX_URL": "http://sandbox:3000"}
    gateway = box("oneapi", "justsong/one-api:v0.6.7", env={"SQL_DSN": "root:secret@tcp(mysql:3306)/oneapi"})
    made = tried(WELL, gateway, *(box(name) for name in ("mongo", "pg", "sandbox", "mysql")), env=env)
    edges = tuple(replace(one, hops=ends.get(one.kind, WELL), read_at=made.taken_at - 12) for one in made.edges)
    return replace(made, edges=edges, host=stage.full().host, system=stage.full().system)


def untried() -> Snapshot:
    """Nothing could be tried: the arrows are concluded, and the pass is a Fault."""
    why = "only root may look into the network of a container"
    hops = (WELL[0], Hop("port", "unknown", f"it was not tried: {why}"), Hop("protocol", "unknown"))
    edges = tuple(replace(one, hops=hops, by="reasoning", read_at=None) for one in machine().edges)
    return replace(machine(), edges=edges, faults=(Fault("wiring", "The connections could not be tried within 9 s"),))


STATES = {
    "full": lambda: machine(**ENDS), "read-only": lambda: machine(**ENDS), "well": machine, "failed": untried,
    "empty": stage.empty,
}  # fmt: skip


def desk(world: Snapshot, **more: Any) -> Desk:
    return stage.desk(world, examine(world, Settings()), **more)


async def there(running: Stage) -> str:
    await running.press("6")
    return await running.until(lambda text: "Looking" not in text)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", STATES)
async def test_it_looks_as_it_did(state: str, size: tuple[int, int]) -> None:
    async with console(desk(STATES[state](), read_only=state == "read-only"), size) as running:
        compare(f"wiring-{state}-{size[0]}x{size[1]}", await there(running))


async def test_the_first_broken_arrow_is_explained_and_f_shows_the_way_out(tmp_path: Path) -> None:
    world, journal = machine(**ENDS), Journal(tmp_path)
    real = altered(desk(world, journal=journal), checks=Registry(Settings()))
    async with console(real, (120, 40)) as running:
        text = await there(running)
        assert "fastgpt cannot reach MongoDB: nobody listens at mongo:27017" in text
        assert "F fix" in text
        await running.press("F")
        await running.until("docker logs --tail 50 mongo")
        assert running.app.screen.PLACE == "plan"


async def test_f_on_a_consequence_shows_the_fix_of_its_cause() -> None:
    world = machine(mongo=NOBODY)
    key = Result("mongo.keyfile", "mongo", "finding", "The key file is a directory", "error", because="x", form="f")
    async with console(stage.desk(world, (*examine(world, Settings()), key)), (120, 40)) as running:
        assert "The key file is a directory" in await there(running)


async def test_what_is_well_has_nothing_to_fix_and_enter_goes_to_the_containers() -> None:
    async with console(desk(machine()), (120, 40)) as running:
        text = await there(running)
        assert "fastgpt reaches mongo at mongo:27017 (MONGODB_URI)." in text
        assert "F fix" not in text
        assert "Nothing to fix" in await running.press("F") + running.notices
        assert running.app.screen.PLACE == "wiring"
        await running.press("enter")
        assert running.app.screen.PLACE == "container"
        assert "mongo" in running.text.splitlines()[1]
        await running.press("escape", "k")
        await running.press("enter")
        assert "fastgpt" in running.text.splitlines()[1], "a heading leads to whoever asks"


async def test_the_cursor_stays_on_its_arrow_when_another_one_breaks() -> None:
    async with console(desk(machine()), (120, 40)) as running:
        await there(running)
        await running.press("j")
        before = running.app.screen.table.cursor
        assert before is not None
        running.app.desk.feed.push(machine(sandbox=NOBODY))
        await running.until("broken")
        assert running.app.screen.table.cursor == before


@pytest.mark.parametrize("text", ["[red]x[/red]", "\x1b[2J\x9b31mred", "a" * 300, "数据库服务器", "x\u202ey", "\ud800"])
async def test_hostile_text_is_shown_literally_and_ends_nothing(text: str) -> None:
    world = machine(**ENDS)
    hops = (Hop("name", "failed", text),)
    odd: tuple[Edge, ...] = tuple(
        replace(
            one, source_name=text, target_name=text, declared=text, effective=text, origin=text, place=text, hops=hops
        )
        for one in world.edges
    )
    async with console(stage.desk(replace(world, edges=odd)), (160, 50)) as running:
        shown = await there(running)
        assert all(letter == "\n" or letter.isprintable() for letter in shown)
        if text.isascii() and text.isprintable():
            assert text[:16] in shown


async def test_in_ascii_it_says_the_same() -> None:
    async with console(desk(machine(**ENDS)), (100, 30), ascii_only=True) as running:
        text = await there(running)
        assert text.isascii()
        assert "x broken" in text
        assert "name + -- port x" in text


async def test_no_login_is_shown() -> None:
    async with console(desk(machine(**ENDS)), (200, 50)) as running:
        assert "secret" not in await there(running)


def models(snapshot: Snapshot) -> Snapshot:
    """With the paths made of it, and a second app whose models are not known."""
    other = replace(snapshot.containers[0], id="next-id", name="fastgpt-next", image="fastgpt:v4.9.0")
    whole = replace(snapshot, containers=(*snapshot.containers, other))
    return replace(whole, model_paths=model_paths(whole), host=stage.full().host, system=stage.full().system)


CUT = (arrow("fastgpt", "oneapi", 3000), arrow("oneapi", "vllm", 8000, DEAD))
MODELS = {
    "well": lambda: models(with_channels(CHANNEL, replace(CHANNEL, id=8))),
    "broken": lambda: models(a_stack(edges=CUT)),
    "empty": stage.empty,
}  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", MODELS)
async def test_the_models_look_as_they_did(state: str, size: tuple[int, int]) -> None:
    async with console(desk(MODELS[state]()), size) as running:
        await there(running)
        await running.press("m")
        compare(f"wiring-models-{state}-{size[0]}x{size[1]}", await running.until("Models"))


async def test_f_on_a_model_shows_the_finding_about_its_first_step_that_fails_and_m_leads_back(tmp_path: Path) -> None:
    stopped = replace(WHOLE.containers[2], state="exited", exit_code=1)
    world = models(a_stack(edges=CUT, containers=(*WHOLE.containers[:2], stopped)))
    real = altered(desk(world, journal=Journal(tmp_path)), checks=Registry(Settings()))
    async with console(real, (120, 40)) as running:
        await there(running)
        await running.press("m")
        text = await running.until("the upstream fails")
        assert "fastgpt, qwen: the upstream fails: port: nobody listens there." in text
        await running.press("F")
        await running.until(lambda _: running.app.screen.PLACE == "plan")
        await running.press("escape", "m")
        await running.until(lambda text: "PROTOCOL" in text)


async def test_a_model_that_is_well_has_nothing_to_fix_and_enter_goes_to_who_serves_it() -> None:
    async with console(desk(models(WHOLE)), (120, 40)) as running:
        await there(running)
        await running.press("m")
        text = await running.until("the whole way is well")
        assert "sk-planted" not in text
        assert "Nothing to fix" in await running.press("F") + running.notices
        await running.press("enter")
        assert running.app.screen.PLACE == "container"
        assert "vllm" in running.text.splitlines()[1]


@pytest.mark.parametrize("text", ["[red]x[/red]", "\x1b[2J\x9b31mred", "a" * 300, "模型服务器", "x\u202ey", "\ud800"])
async def test_a_model_with_a_hostile_name_is_shown_literally(text: str) -> None:
    odd = tuple(
        replace(path, model=text, kind=text, place=text, upstream=text, app_name=text,
                steps=tuple(replace(step, shown=text, reason=text) for step in path.steps))
        for path in model_paths(WHOLE)
    )  # fmt: skip
    async with console(stage.desk(replace(models(WHOLE), model_paths=odd)), (160, 50)) as running:
        await there(running)
        await running.press("m")
        shown = await running.until("Models")
        assert all(letter == "\n" or letter.isprintable() for letter in shown)
        assert shown.count("ok") > 1


def asked_for(door: server_stage.Door) -> Desk:
    """A stack whose gateway can be asked."""
    gateway = Server("oneapi:3000", "oneapi", "http://127.0.0.1:3001", "up", container="oneapi-id", read_at=1.0)
    world = models(a_stack(servers=(*WHOLE.servers, gateway)))
    return server_stage.desk(world, door)


async def test_a_test_asks_first_and_enter_means_cancel() -> None:
    door = server_stage.Door()
    async with console(asked_for(door), (120, 40)) as running:
        await there(running)
        assert "T test" not in running.text, "an arrow is not tested"
        await running.press("m")
        await running.until("T test")
        shown = await running.press("T")
        assert "Test qwen as fastgpt asks for it?" in shown
        assert "sk-planted" not in shown
        await running.press("enter")
        assert door.sent == []


async def test_a_test_shows_where_it_ended() -> None:
    door = server_stage.Door()
    async with console(asked_for(door), (120, 40)) as running:
        await there(running)
        await running.press("m")
        await running.until("T test")
        await running.press("T", "shift+tab", "enter")
        await running.until(lambda _: bool(door.sent))
        assert door.sent[0][0] == "http://127.0.0.1:3001/v1/chat/completions"
        door.go_on.set()
        await running.until("Asked")
        assert "it ended at the gateway" in running.text


def test_each_check_that_is_looked_for_at_a_step_is_there() -> None:
    assert {each for ids in wiring.FOUND_BY.values() for each in ids} <= set(IDS)
