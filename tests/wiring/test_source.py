"""The source: what it tries and how often, what it makes of answers, what it leaves alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.collect.sources.wiring import ENOUGH, GENTLY, SELDOM, TRIED, Wiring
from stackops.console.hosts import HostError, Wire, WireReading
from stackops.console.model import DatabaseAnswer, DatabaseState, Edge, Hop, OfferedModel, Port
from stackops.console.settings import ServerSettings, Settings
from support.memory_host import MemoryHost
from support.one_source import OneSource
from wiring.test_edges import box

NAME, PORT = Hop("name", "ok", "10.0.0.2"), Hop("port", "ok")
WELL = (NAME, PORT, Hop("protocol", "ok"))
SILENT = (NAME, PORT, Hop("protocol", "failed", "gives no answer"))
ENV = {"MONGODB_URI": "mongodb://mongo:27017/x"}


class Clock:
    """Stands until somebody moves it."""

    seconds = 1000.0

    def now(self) -> float:
        return 1_700_000_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def monotonic_ns(self) -> int:
        return int(self.seconds * 1e9)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Bench:
    """A FastGPT, what it needs, and what is answered."""

    def __init__(self, env: Mapping[str, str] = ENV, settings: Settings | None = None, **more: Any) -> None:
        self.host = MemoryHost()
        self.host.clock = Clock()
        self.app = box("fastgpt", "fastgpt:v4.8.4", env=dict(env), pid=100)
        self.boxes = (self.app, box("mongo", pid=101), box("mysql", pid=102), box("vllm", pid=103))
        self.one = OneSource(Wiring, self.host, settings)
        self.one.board.put(containers=self.boxes, **more)

    def answer(self, hops: Sequence[Hop], *, reached: str | None = "10.0.0.2:1", **more: Any) -> None:
        def told(asked: Sequence[Wire]) -> list[WireReading]:
            return [WireReading(wire.key, tuple(hops), reached, **more) for wire in asked]

        self.host.kernel.answer_wires = told

    async def edge(self) -> Edge:
        assert await self.one.read()
        (edge,) = self.one.board.parts.edges
        return edge

    @property
    def passes(self) -> list[tuple[Wire, ...]]:
        return [asked for asked in self.host.kernel.tried if asked]


def states(edge: Edge) -> list[str]:
    return [hop.state for hop in edge.hops]


async def test_what_was_tried_is_told_as_such() -> None:
    bench = Bench()
    bench.answer(WELL)
    edge = await bench.edge()
    assert (edge.by, edge.hops, edge.reached) == ("probe", WELL, "10.0.0.2:1")
    assert edge.read_at == bench.host.clock.now()
    (wire,) = bench.passes[0]
    assert (wire.pid, wire.container, wire.host, wire.port) == (100, bench.app.id, "mongo", 27017)


async def test_all_arrows_are_tried_in_one_pass() -> None:
    bench = Bench({**ENV, "PG_URL": "postgresql://u:p@mysql/x", "OPENAI_BASE_URL": "http://vllm:8000/v1"})
    bench.answer(WELL)
    await bench.one.read()
    assert [len(asked) for asked in bench.passes] == [3]


async def test_silence_is_a_failure_only_when_it_is_heard_twice_in_a_row() -> None:
    bench = Bench()
    bench.answer(SILENT, soft=True)
    first = await bench.edge()
    assert (states(first)[-1], first.broken) == ("unknown", None)
    assert bench.one.source.interval < bench.one.source.cadence.wiring
    second = await bench.edge()
    assert second.broken is not None
    assert second.broken.reason == "gives no answer"
    bench.answer(WELL)
    assert (await bench.edge()).broken is None
    bench.answer(SILENT, soft=True)
    assert (await bench.edge()).broken is None


async def test_a_refusal_is_a_failure_at_once() -> None:
    bench = Bench()
    bench.answer((NAME, Hop("port", "failed", "nobody listens")), reached=None)
    edge = await bench.edge()
    assert states(edge) == ["ok", "failed", "unknown"]


async def test_a_model_server_that_is_silent_may_be_at_work() -> None:
    bench = Bench({"XINFERENCE_URL": ""})
    bench.one.board.put(
        containers=(box("webui", "open-webui:v0.5", env={"OLLAMA_BASE_URL": "http://ollama:11434"}, pid=9),)
    )
    bench.answer(SILENT, soft=True)
    await bench.edge()
    assert (await bench.edge()).broken is None


async def test_a_model_server_that_is_paused_is_not_at_work() -> None:
    bench = Bench()
    asks = box("webui", "open-webui:v0.5", env={"OLLAMA_BASE_URL": "http://ollama:11434"}, pid=9)
    bench.one.board.put(containers=(asks, box("ollama", state="paused")))
    bench.answer(SILENT, soft=True)
    await bench.edge()
    assert (await bench.edge()).broken == SILENT[-1]


@pytest.mark.parametrize(("own", "state"), [(3000, "failed"), (3001, "ok")])
async def test_who_meets_the_page_that_it_serves_itself_has_not_found_whom_it_asks(own: int, state: str) -> None:
    bench = Bench()
    asks = box("fastgpt", "fastgpt:v4.8.4", env={"OPENAI_BASE_URL": "http://localhost:3000/v1"}, pid=9,
               ports=(Port(own, "tcp", None, None),))  # fmt: skip
    bench.one.board.put(containers=(asks,))
    bench.answer(WELL)
    edge = await bench.edge()
    assert (states(edge)[-1], edge.where) == (state, "itself")


async def test_a_single_look_looks_again_where_there_is_doubt() -> None:
    bench = Bench()
    bench.answer(SILENT, soft=True)
    snapshot = await bench.one.scheduler.look((TRIED,))
    assert snapshot.edges[0].broken is not None
    assert len(bench.passes) == 2


async def test_a_single_look_that_asks_for_something_else_connects_to_nobody() -> None:
    bench = Bench()
    bench.answer(SILENT, soft=True)
    for asked in ((), ("mirror-candidates",)):
        snapshot = await bench.one.scheduler.look(asked)
        assert snapshot.edges[0].by == "reasoning"
    assert bench.passes == []


async def test_who_looks_gently_leaves_a_mysql_alone() -> None:
    bench = Bench({**ENV, "SQL_DSN": "root:p@tcp(mysql:3306)/x"})
    gateway = box("oneapi", "one-api:v0.6.7", env={"SQL_DSN": "root:p@tcp(mysql:3306)/oneapi"}, pid=104)
    bench.one.board.put(containers=(*bench.boxes, gateway))
    bench.answer(SILENT, soft=True)
    snapshot = await bench.one.scheduler.look((GENTLY,))
    assert {edge.speaks: edge.by for edge in snapshot.edges} == {"mongo": "probe", "mysql": "reasoning"}
    assert [[wire.speaks for wire in asked] for asked in bench.passes] == [["mongo"], ["mongo"]]  # it was silent once
    await bench.one.scheduler.look((GENTLY, TRIED))
    assert "mysql" in {wire.speaks for wire in bench.passes[2]}


async def test_where_nothing_may_be_tried_it_says_so_and_only_reasons() -> None:
    bench = Bench()
    bench.answer((), reached=None, refused="only root may look into the network of a container")
    edge = await bench.edge()
    assert edge.by == "reasoning"
    assert edge.hops[1].reason == "it was not tried: only root may look into the network of a container"


@pytest.mark.parametrize(("declared", "passes"), [(False, 0), (True, 1)])
async def test_another_machine_is_asked_only_where_the_operator_says_so(declared: bool, passes: int) -> None:
    settings = Settings(servers=ServerSettings(probe_declared=declared))
    bench = Bench({"OPENAI_BASE_URL": "https://api.example.com/v1"}, settings)
    bench.answer(WELL)
    edge = await bench.edge()
    assert len(bench.passes) == passes
    assert edge.by == ("probe" if declared else "reasoning")


async def test_an_operator_can_switch_it_off() -> None:
    bench = Bench(settings=Settings(servers=ServerSettings(probe=False)))
    assert (await bench.edge()).by == "reasoning"
    assert bench.passes == []


async def test_a_remote_engine_is_only_reasoned_about() -> None:
    bench = Bench()
    bench.host.engine.local = False
    assert (await bench.edge()).by == "reasoning"
    assert bench.passes == []


async def test_who_does_not_run_is_not_asked() -> None:
    bench = Bench()
    bench.one.board.put(containers=(replace(bench.app, state="exited", pid=None), *bench.boxes[1:]))
    assert states(await bench.edge()) == ["unknown"] * 3
    assert bench.passes == []


async def test_a_mysql_is_left_in_peace_since_it_counts_connections_without_a_login() -> None:
    gateway = box("oneapi", "one-api:v0.6.7", env={"SQL_DSN": "root:p@tcp(mysql:3306)/oneapi"}, pid=100)
    bench = Bench()
    bench.one.board.put(containers=(gateway, bench.boxes[2]))
    bench.answer(WELL)
    for _ in range(3):
        await bench.edge()
    assert len(bench.passes) == 1
    for _ in range(ENOUGH + 5):
        bench.host.clock.sleep(SELDOM)
        edge = await bench.edge()
    assert len(bench.passes) == ENOUGH
    assert states(edge)[-1] == "unknown"
    bench.one.board.put(containers=(gateway, replace(bench.boxes[2], started_at=1_700_000_500.0)))  # it counts anew
    assert states(await bench.edge()) == ["ok"] * 3


async def test_a_mysql_counts_on_while_its_client_starts_again_and_again() -> None:
    gateway = box("oneapi", "one-api:v0.6.7", env={"SQL_DSN": "root:p@tcp(mysql:3306)/oneapi"}, pid=100)
    bench = Bench()
    bench.answer(WELL)
    for start in range(3 * ENOUGH):
        again = replace(gateway, started_at=1_700_000_000.0 + start)
        bench.one.board.put(containers=(again, bench.boxes[2]))
        edge = await bench.edge()
        bench.host.clock.sleep(60.0)
    assert len(bench.passes) == 3 * ENOUGH * 60 / SELDOM
    assert (edge.by, states(edge)) == ("reasoning", ["ok", "unknown", "unknown"])  # nothing of an earlier life


async def test_a_mysql_that_has_left_the_network_is_tried_again() -> None:
    gateway = box("oneapi", "one-api:v0.6.7", env={"SQL_DSN": "root:p@tcp(mysql:3306)/oneapi"}, pid=100)
    bench = Bench()
    bench.one.board.put(containers=(gateway, bench.boxes[2]))
    bench.answer(WELL)
    await bench.edge()
    bench.one.board.put(containers=(gateway, replace(bench.boxes[2], networks=())))
    bench.answer((Hop("name", "failed", "Docker's name server knows no mysql"),), reached=None)
    assert (await bench.edge()).broken is not None
    bench.one.board.put(containers=(gateway, bench.boxes[2]))
    bench.answer(WELL)
    assert (await bench.edge()).broken is None
    assert len(bench.passes) == 3


@pytest.mark.parametrize("said", ["closes the connection without a word", "resets the connection"])
async def test_who_works_on_one_request_at_a_time_is_silent_and_does_not_close(said: str) -> None:
    bench, env = Bench(), {"OPENAI_API_BASE_URL": "http://vllm:8000/v1"}
    bench.one.board.put(containers=(box("open-webui", env=env, pid=100), bench.boxes[3]))
    bench.answer((NAME, Hop("port", "ok"), Hop("protocol", "failed", said)), soft=True)
    await bench.edge()
    assert states(await bench.edge())[-1] == "failed"


async def test_a_refused_connection_costs_a_mysql_nothing() -> None:
    gateway = box("oneapi", "one-api:v0.6.7", env={"SQL_DSN": "root:p@tcp(mysql:3306)/oneapi"}, pid=100)
    bench = Bench()
    bench.one.board.put(containers=(gateway, bench.boxes[2]))
    bench.answer((NAME, Hop("port", "failed", "nobody listens")), reached=None)
    await bench.edge()
    await bench.edge()
    assert len(bench.passes) == 2


async def test_what_was_heard_of_an_earlier_life_is_forgotten() -> None:
    bench = Bench()
    bench.answer(SILENT, soft=True)
    await bench.edge()
    bench.one.board.put(containers=(bench.app, replace(bench.boxes[1], started_at=1_700_000_900.0)))
    assert (await bench.edge()).broken is None


async def test_a_pass_that_fails_is_a_fault_and_what_was_known_stays() -> None:
    bench = Bench()
    bench.answer(WELL)
    await bench.edge()

    def fails(_: Sequence[Wire]) -> Sequence[WireReading]:
        raise HostError("The connections could not be tried within 9 s")

    bench.host.kernel.answer_wires = fails
    await bench.one.read()
    assert states(bench.one.board.parts.edges[0]) == ["ok"] * 3
    assert [fault.source for fault in bench.one.board.snapshot().faults] == ["wiring"]


async def test_an_arrow_that_did_not_end_in_time_is_unknown() -> None:
    bench = Bench()
    edge = await bench.edge()
    assert edge.hops[1].reason == "it was not tried: it did not end in time"


async def test_it_wakes_for_lives_and_addresses_and_for_nothing_else() -> None:
    bench = Bench()
    before = bench.one.source.of_interest()
    bench.one.board.put(containers=tuple(replace(each, deaths=(1.0,)) for each in bench.boxes))
    assert bench.one.source.of_interest() == before
    bench.one.board.put(containers=(replace(bench.app, started_at=5.0), *bench.boxes[1:]))
    assert bench.one.source.of_interest() != before


async def test_what_others_told_meanwhile_is_tried_at_the_end_of_a_single_look() -> None:
    bench = Bench()
    bench.answer(WELL)
    bench.one.source.site.on_request = frozenset({TRIED})
    await bench.edge()
    assert await bench.one.source.again() is None, "nothing new, and no doubt"
    model = OfferedModel("bge", "rerank", "http://mongo:6006/v1/rerank")
    told = DatabaseState("mongo", "m", bench.app.id, "MONGODB_URI", "", "x", DatabaseAnswer(models=(model,)))
    bench.one.board.put(databases=(told,))
    passes = len(bench.passes)
    assert await bench.one.source.again() is not None
    (asked,) = bench.passes[passes:]
    assert [wire.port for wire in asked] == [6006], "what was tried before is not tried again"
