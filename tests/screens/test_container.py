"""One container: details with secrets masked, its log, and its end."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.collect.closer import Closer
from stackops.console.hosts import NotFound
from stackops.console.model import ComposeService, Edge, EngineEvent, EnvVar, Hop, Project, Volume
from stackops.console.model.findings import Result
from stackops.screens.render import details
from stackops.screens.widgets.paint import plain
from support import stage
from support.pilots import Stage, console

TWO_LINES = b"2025-10-09T08:53:20.100000000Z one\n2025-10-09T08:53:20.200000000Z two"


async def _enter(running: Stage, container_id: str) -> str:
    running.app.open("container", container_id)
    return await running.until("Details")


async def test_secrets_are_masked_and_plain_values_are_not() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 70)) as running:
        shown = await _enter(running, stage.LIBRECHAT.id)
        assert "f34be427ebb29de8" not in shown
        assert "CREDS_KEY" in shown
        assert "•••" in shown
        assert "0.0.0.0" in shown


async def test_the_exit_code_is_told_in_words() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        assert "out of memory" in await _enter(running, stage.RAG.id)


async def test_equal_health_probes_are_counted_not_repeated() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 60)) as running:
        shown = await _enter(running, stage.FASTGPT.id)
        assert shown.count("connection refused") == 1
        assert "3 times" in shown


async def test_the_log_is_live_until_it_is_held() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("Server listening on all interfaces")
        await running.until("one more")
        assert "Log, held" in await running.press("f")
        assert "Log, held" not in await running.press("f")


async def test_logs_fill_the_screen_and_come_back() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        assert "› LibreChat › logs" in await running.press("l")
        assert "Details" in await running.press("escape")


async def test_a_log_that_docker_cannot_read_back_says_so() -> None:
    full = stage.full()
    quiet = replace(stage.ONEAPI, log_driver="none")
    containers = tuple(quiet if each.id == quiet.id else each for each in full.containers)
    async with console(stage.desk(replace(full, containers=containers), log=b"")) as running:
        await _enter(running, quiet.id)
        await running.until("which Docker cannot read back")


async def test_a_container_that_is_gone_stays_as_it_was_last_seen() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await _enter(running, stage.ONEAPI.id)
        full = stage.full()
        desk.feed.push(replace(full, containers=tuple(each for each in full.containers if each.id != stage.ONEAPI.id)))
        await running.until("This container is gone")
        assert "one-api" in running.text
        await running.press("R")
        assert desk.host.control.calls == []


async def test_a_flood_of_log_lines_is_bounded_and_long_lines_are_cut() -> None:
    log = b"\n".join([b"x" * 20_000, *(b"line %d" % number for number in range(25_000))])
    async with console(stage.desk(stage.full(), stage.RESULTS, log=log)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("line 24999")
        view = running.app.screen.query_one("#logs")
        assert len(view.lines) == 20_000
        assert max(map(len, view.lines)) <= 8192


async def test_esc_goes_back() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await _enter(running, stage.ONEAPI.id)
        assert "Stacks" in await running.press("escape")


async def _look_for(running, words: str) -> None:
    await running.press("slash")
    await running.type(words)
    await running.press("enter")


async def test_words_are_found_in_the_log_and_n_goes_round() -> None:
    log = b"\n".join(b"line %d%s" % (number, b" needle" if number in (7, 700, 1500) else b"") for number in range(1999))
    async with console(stage.desk(stage.full(), stage.RESULTS, log=log), (120, 40)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("line 1998")
        await _look_for(running, "NEEDLE")
        await running.until("3 of 3 lines with it")
        assert "line 1500 needle" in running.text
        await running.press("n")
        assert "line 7 needle" in running.text
        assert "1 of 3" in running.text
        await running.press("N")
        assert "line 1500 needle" in running.text
        await running.press("N")
        assert "line 700 needle" in running.text


async def test_esc_ends_looking_and_only_then_leaves() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS, log=TWO_LINES), (120, 40)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("two")
        await _look_for(running, "two")
        assert "1 of 1" in running.text
        assert "1 of 1" not in await running.press("escape")
        assert "two" in running.text
        assert "Stacks" in await running.press("escape")


async def test_words_that_nobody_says_are_said_not_to_be_there() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS, log=TWO_LINES), (120, 40)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("two")
        await running.press("n")
        assert "with /" in running.text
        await _look_for(running, "three")
        assert "no line has it" in running.text


async def test_why_stands_first_with_the_key_that_repairs_it() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 60)) as running:
        await running.until("Stacks")
        trouble = next(each for each in running.app.judgement.troubles if each.container and each.result.fix)  # type: ignore[union-attr]
        await _enter(running, trouble.container or "")
        told = running.app.screen.query_one("#details").lines  # type: ignore[attr-defined]
        words = ["".join(span.text for span in each) for each in told[:3]]
        assert words[0] == "Why"
        assert trouble.result.title in words[1]
        assert words[2].startswith("  F ")
        assert "F fix" in running.text.splitlines()[-1]
        assert running.app.screen.to_fix() is trouble.result  # type: ignore[attr-defined]


async def test_a_closer_look_tells_processes_image_and_sizes() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 100)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        shown = await running.until("node server.js")
        assert "4711 app" in shown
        assert "100M" in shown


async def test_what_cannot_be_read_more_closely_is_said(monkeypatch) -> None:
    async def gone(*_: object, **__: object) -> bytes:
        raise NotFound("It is gone")

    monkeypatch.setattr(stage.StillEngine, "top", gone)
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 100)) as running:
        await _enter(running, stage.LIBRECHAT.id)
        await running.until("Its processes could not be read: It is gone")


# Pure


def told(container, snapshot, results=(), judgement=None, closer=None) -> str:
    return plain(details.document(container, snapshot, results, judgement, closer))


def test_its_life_is_told_newest_first() -> None:
    events = tuple(
        EngineEvent(at=stage.NOW - ago, action=action, container=stage.RAG.id, name="rag_api", exit_code=code)
        for ago, action, code in ((400, "oom", None), (399, "die", 137), (300, "start", None))
    )
    text = told(stage.RAG, replace(stage.full(), events=events))
    life = text[text.index("Life") : text.index("Image and command")]
    assert [word in life for word in ("ran out of memory", "exit code 137", "started again")] == [True] * 3
    assert life.index("started again") < life.index("exit code 137") < life.index("ran out of memory")


def test_each_value_of_the_environment_says_where_it_comes_from() -> None:
    env = {"A": "1", "B": "2", "C": "3", "D": "4", "E": "5", "F": "6"}
    service = ComposeService(
        "web", env=tuple(EnvVar(name, value) for name, value in {**env, "F": "new"}.items() if name not in "DE"),
        named=("A", "C", "F"), filled=(("C", "WEB_C"),), env_files=("/srv/web.env",),
    )  # fmt: skip
    project = Project("p", services=(service,), env=(EnvVar("WEB_C", "3"),))
    box = replace(stage.LIBRECHAT, project="p", service="web", env=tuple(EnvVar(*each) for each in env.items()))
    seen = Closer(box.id, 0.0, image_env={"D": "4"})
    text = told(box, replace(stage.full(), projects=(project,), containers=(box,)), closer=seen)
    rows = text[text.index("Environment") :].splitlines()[1:7]
    assert [row.split("←")[1].strip() if "←" in row else "" for row in rows] == [
        "compose file", "env file: web.env", "compose file, from WEB_C in .env", "image", "",
        "not as its files say now",
    ]  # fmt: skip


def test_what_its_files_say_otherwise_is_a_diff_without_secrets() -> None:
    service = ComposeService(
        "web", image="web:2", command=("serve",), env=(EnvVar("DB_PASSWORD", "new-secret-1"), EnvVar("PORT", "81")),
        volumes=(Volume("bind", "/srv/x", "/x"),),
    )  # fmt: skip
    env = (EnvVar("DB_PASSWORD", "old-secret-1"), EnvVar("PORT", "80"))
    box = replace(stage.LIBRECHAT, image="web:1", project="p", service="web", env=env, mounts=(), command=("serve",))
    snapshot = replace(stage.full(), projects=(Project("p", services=(service,)),), containers=(box,))
    drift = Result("compose.drift", box.name, "finding", "It runs with what its files said before", "warning")
    assert "Its files say otherwise" not in told(box, snapshot), "only where a check found that it is behind"
    text = told(box, snapshot, (drift,))
    diff = text[text.index("Its files say otherwise") : text.index("Image and command")].splitlines()[1:-1]
    assert diff[:2] == ["  - image  web:1", "  + image  web:2"]
    assert [row[:14] for row in diff[2:4]] == ["  - DB_PASSWOR", "  + DB_PASSWOR"]
    assert diff[4:] == ["  - PORT  80", "  + PORT  81", "  + /x ← /srv/x"]
    assert "secret-1" not in text


def test_who_needs_it_and_whom_it_needs() -> None:
    broken = Hop("port", "failed", "nobody listens at 172.18.0.2:27017")
    edge = Edge(
        key="k", source=stage.LIBRECHAT.id, source_name="LibreChat", kind="mongo", declared="mongo:27017",
        origin="MONGO_URI", place="environment of LibreChat", effective="mongo:27017", host="mongo", port=27017,
        speaks="mongo", target=stage.RAG.id, target_name="rag_api", hops=(broken,),
    )  # fmt: skip
    snapshot = replace(stage.full(), edges=(edge,))
    assert "rag_api  MONGO_URI  nobody listens at 172.18.0.2:27017" in told(stage.LIBRECHAT, snapshot)
    used = told(stage.RAG, snapshot)
    assert "LibreChat  MONGO_URI" in used[used.index("Used by") :]
