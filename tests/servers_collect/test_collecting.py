"""Asking the servers: each at its own pace, gently, and none that hangs holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.collect.source import Cadence
from stackops.console.collect.sources.servers import AT_ONCE, Servers
from stackops.console.model import Container, DeepCheck, LogMark, NetworkLink, OneApiState, Server
from stackops.console.settings import ServerSettings, Settings, parse
from stackops.console.text.cleaning import redact
from support.clock import FakeClock
from support.memory_host import MemoryHost, until
from support.one_source import OneSource
from support.server_rows import Web, box, ollama, process

OLLAMA = box("ollama", "ollama/ollama", ports=[(11434, 11434)])
AT = "127.0.0.1:11434"


class KnownHost(MemoryHost):
    """One that can be remembered."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


class World:
    """A host with a web, and the part that asks it."""

    def __init__(self, *containers: Container, settings: ServerSettings | None = None, **web: Any) -> None:
        self.web = Web(**{"127.0.0.1:11434": ollama, **web})
        self.clock = FakeClock()
        self.host = KnownHost(http=self.web, clock=self.clock)
        self.settings = Settings(servers=settings or ServerSettings())
        self.anew()
        self.put(*containers)

    def anew(self, cadence: Cadence | None = None) -> None:
        """Begin again with another cadence."""
        before = self.board.parts if hasattr(self, "board") else None
        self.one = OneSource(Servers, self.host, self.settings, cadence=cadence)
        self.servers, self.board, self.history = self.one.source, self.one.board, self.one.scheduler.site.history
        if before is not None:
            self.board.put(**{name: getattr(before, name) for name in ("containers", "processes", "log_marks")})

    def put(self, *containers: Container) -> None:
        self.board.put(containers=containers)

    async def look(self) -> None:
        """One whole look, as a fix being verified takes."""
        self.board.take("servers", await self.servers.ask_all())

    async def read(self, seconds: float = 0.0) -> tuple[Server, ...]:
        self.clock.advance(seconds)
        await self.look()
        return self.board.parts.servers


async def test_a_container_becomes_a_server() -> None:
    world = World(OLLAMA)
    (server,) = await world.read()
    assert (server.product, server.state, server.version) == ("ollama", "up", "0.5.7")
    assert [model.name for model in server.loaded or ()] == ["qwen2:7b"]
    assert server.container == OLLAMA.id
    assert world.board.ages["servers"] == world.clock.now()


async def test_it_is_not_asked_again_before_its_time_however_many_look() -> None:
    world = World(OLLAMA)
    await world.read()
    asked = len(world.web.asked)
    for _ in range(5):
        await world.read(0.5)
        await world.look()
    assert len(world.web.asked) == asked
    await world.read(5.0)
    assert world.web.asked[asked:] == [f"http://{AT}/api/ps"]


async def test_a_container_that_started_again_is_asked_at_once() -> None:
    world = World(OLLAMA)
    await world.read()
    asked = len(world.web.asked)
    world.put(replace(OLLAMA, started_at=2000.0))
    await world.read(0.1)
    assert len(world.web.asked) > asked


async def test_a_request_asks_everything_again() -> None:
    world = World(OLLAMA)
    await world.read()
    asked = len(world.web.asked)
    world.one.request()
    await world.read()
    assert f"http://{AT}/api/tags" in world.web.asked[asked:]


async def test_a_server_that_is_gone_is_dropped_and_forgotten() -> None:
    world = World(OLLAMA)
    await world.read()
    world.put()
    assert await world.read() == ()
    assert world.servers._known == {}


async def test_a_server_that_stops_answering_is_down_and_asked_seldomer() -> None:
    world = World(OLLAMA)
    await world.read()
    world.web.servers.clear()
    (server,) = await world.read(5.0)
    assert server.state == "down"
    assert server.models, "what it served is still told"
    asked = len(world.web.asked)
    for _ in range(12):
        await world.read(5.0)
    assert len(world.web.asked) - asked <= 5


async def test_users_and_silent_rows_are_told_beside_what_was_asked() -> None:
    app = box("app", "example/app", env={"OLLAMA_BASE_URL": "http://ollama:11434", "VLLM_URL": "http://10.9.9.9:8000"})
    world = World(OLLAMA, app)
    asked, named = await world.read()
    assert [user.who for user in asked.users] == ["app, OLLAMA_BASE_URL"]
    assert (named.key, named.state, named.read_at) == ("10.9.9.9:8000", "unknown", None)
    assert [user.who for user in named.users] == ["app, VLLM_URL"]
    assert not any("10.9.9.9" in url for url in world.web.asked)


async def test_files_name_users_too() -> None:
    from stackops.console.model import Mount

    app = box("LibreChat", "ghcr.io/danny-avila/librechat:v0.7.2", service="api",
              mounts=(Mount("bind", "/srv/librechat.yaml", "/app/librechat.yaml"),))  # fmt: skip
    world = World(OLLAMA, app)
    world.host.files.contents["/srv/librechat.yaml"] = (
        b"endpoints: {custom: [{name: O, baseURL: 'http://ollama:11434/v1'}]}"
    )
    (server,) = await world.read()
    assert [user.who for user in server.users] == ['librechat.yaml, endpoint "O"']
    reads = world.host.files.reads["/srv/librechat.yaml"]
    await world.read(6.0)
    assert world.host.files.reads["/srv/librechat.yaml"] == reads, "nothing changed, so nothing is read again"


async def test_the_key_goes_to_its_own_server_only_and_is_masked_everywhere() -> None:
    def m3e(path: str, headers: Any) -> Any:
        return {"openapi": "3", "info": {"title": "FastAPI"}, "paths": {"/v1/embeddings": {"post": {}}}}

    container = box("m3e", "stawky/m3e-large-api", env={"sk-key": "sk-of-m3e-12345"}, ports=[(6008, 6008)])
    world = World(OLLAMA, container, **{"127.0.0.1:6008": m3e})
    await world.read()
    sent = [(url, headers) for url, headers in zip(world.web.asked, world.web.headers, strict=True) if headers]
    assert all("6008" in url for url, headers in sent if "sk-of-m3e-12345" in str(headers))
    assert "sk-of-m3e-12345" not in redact("it said sk-of-m3e-12345")
    assert "sk-of-m3e-12345" not in repr(world.board.parts.servers)


async def test_one_that_hangs_holds_up_nobody_else() -> None:
    slow = box("slow", "ollama/ollama", ports=[(11434, 22222)])
    world = World(OLLAMA, slow)
    world.web.hang.add("127.0.0.1:22222")
    world.anew(Cadence(servers_patience=0.05))
    good, hanging = await world.read()
    assert (good.state, hanging.state) == ("up", "unknown")
    assert hanging.reason == "it did not answer within 0.05 s"
    assert not world.servers._known["slow:11434"].looking, "the next look may ask it again"


async def test_one_that_hangs_is_waited_for_once_in_a_look_and_not_twice() -> None:
    world = World(box("slow", "ollama/ollama", ports=[(11434, 22222)]))
    world.web.hang.add("127.0.0.1:22222")
    world.anew(Cadence(servers_patience=0.05))
    waiting = asyncio.create_task(world.look())
    await asyncio.sleep(0)
    world.clock.advance(7.0)  # the patience, and whatever else the look was at
    await waiting
    asked = len(world.web.asked)
    await world.read(1.0)
    assert len(world.web.asked) == asked
    await world.read(5.0)
    assert len(world.web.asked) > asked


async def test_who_waits_behind_those_that_hang_is_not_said_to_hang() -> None:
    hung = [box(f"a{n}", "ollama/ollama", ports=[(11434, 20000 + n)]) for n in range(AT_ONCE)]
    world = World(OLLAMA, *hung)
    world.web.hang.update(f"127.0.0.1:{20000 + n}" for n in range(AT_ONCE))
    world.anew(Cadence(servers_patience=0.05))
    servers = {server.key: server for server in await world.read()}
    assert servers["a0:11434"].reason == "it did not answer within 0.05 s"
    assert servers["ollama:11434"].reason == f"it was not asked: {AT_ONCE} others took longer than 0.05 s to answer"


async def test_a_process_number_given_to_another_program_begins_anew() -> None:
    def vllm(path: str, _: Any) -> Any:
        return {"/health": "", "/v1/models": {"data": [{"id": "m", "owned_by": "vllm"}]}}.get(path)

    def sglang(path: str, _: Any) -> Any:
        return {"/health": "", "/ready": "", "/v1/models": {"data": [{"id": "m", "owned_by": "sglang"}]}}.get(path)

    world = World(**{"127.0.0.1:8000": vllm})
    world.board.put(processes=(process(500, "vllm", "serve", "m", "--port", "8000"),))
    (server,) = await world.read()
    assert (server.product, server.state) == ("vllm", "up")
    asked = len(world.web.asked)
    world.web.servers["127.0.0.1:8000"] = sglang
    world.board.put(processes=(process(500, "python", "-m", "sglang.launch_server", "--port", "8000"),))
    (server,) = await world.read(5.0)
    assert server.product == "sglang"
    assert not any(url.endswith("/health") for url in world.web.asked[asked:])


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (None, "loading"),
        (("model.ready", 2900.0), "loading"),
        (("model.ready", 3100.0), "down"),
        (("model.engine-dead", 3100.0), "down"),
        (("gpu.oom.torch", 3100.0), "down"),
    ],
)
async def test_who_does_not_listen_yet_is_loading_as_long_as_its_log_says_so(after: Any, state: str) -> None:
    container = box("v", "vllm/vllm-openai", ports=[(8000, 8000)], started_at=1000.0, restart_count=5)
    world = World(container)
    marks = [LogMark(container.id, "model.loading", "Loading safetensors checkpoint shards", 3000.0)]
    if after:
        marks.append(LogMark(container.id, after[0], "x", after[1]))
    world.board.put(log_marks=tuple(marks))
    (server,) = await world.read()
    assert server.state == state
    assert ("Loading safetensors checkpoint shards" in (server.reason or "")) == (state == "loading")


async def test_what_a_run_before_said_of_loading_and_others_say_does_not_count() -> None:
    container = box("v", "vllm/vllm-openai", ports=[(8000, 8000)], started_at=5000.0, restart_count=5)
    world = World(container)
    world.board.put(
        log_marks=(
            LogMark(container.id, "model.loading", "Load weight begin", 3000.0),
            LogMark("f" * 64, "model.loading", "Load weight begin", 6000.0),
            LogMark(container.id, "model.loading", "Load weight begin", None),
        )
    )
    (server,) = await world.read()
    assert server.state == "down"


async def test_a_network_that_comes_is_asked_in_as_soon_as_the_machine_is_part_of_it() -> None:
    class Kernel:
        own = frozenset({"192.168.1.5"})

        def listening(self, pids: Any) -> dict[int, Any]:
            return {}

        def addresses(self) -> frozenset[str]:
            return self.own

    world = World(OLLAMA, **{"172.30.0.2:8000": lambda path, _: None})
    world.host.kernel = kernel = Kernel()  # type: ignore[assignment]
    await world.read()
    kernel.own |= {"172.30.0.1"}
    link = NetworkLink("models_default", "172.30.0.2", (), 16)
    world.put(OLLAMA, box("v", "vllm/vllm-openai", ports=[8000], networks=(link,)))
    await world.read(1.0)
    assert "http://172.30.0.2:8000/v1/models" in world.web.asked


async def test_only_a_few_are_asked_at_once() -> None:
    many = [box(f"ollama-{n}", "ollama/ollama", ports=[(11434, 20000 + n)]) for n in range(30)]
    world = World(*many, **{f"127.0.0.1:{20000 + n}": ollama for n in range(30)})
    world.web.pause = 0.002
    servers = await world.read()
    assert len(servers) == 30
    assert {server.state for server in servers} == {"up"}
    assert world.web.most_at_once <= AT_ONCE * 3, "a look asks a few paths at once"


async def test_a_rate_takes_two_looks_of_those_that_count() -> None:
    made = iter(range(1000, 90000, 500))

    def vllm(path: str, _: Any) -> Any:
        if path == "/metrics":
            return f'vllm:generation_tokens_total{{model_name="m"}} {next(made)}\n'
        return {"/health": "", "/version": {"version": "0.8.5"},
                "/v1/models": {"data": [{"id": "m", "owned_by": "vllm"}]}}.get(path)  # fmt: skip

    world = World(OLLAMA, box("v", "vllm/vllm-openai", ports=[(8000, 8000)]), **{"127.0.0.1:8000": vllm})
    await world.read()
    ollamas = world.web.asked_of(AT)
    world.clock.advance(1.0)
    world.board.take("servers", await world.servers.read_rates(0.001))
    server = next(s for s in world.board.parts.servers if s.product == "vllm")
    assert server.figures is not None
    assert server.figures.tokens_per_second == pytest.approx(500.0)
    assert world.web.asked_of(AT) == ollamas, "who counts nothing is not asked twice"
    asked = len(world.web.asked)
    world.board.take("servers", await world.servers.read_rates(0.001))
    assert len(world.web.asked) == asked, "who has a rate is not asked for one, however many looks are taken"
    assert [value for _, value in world.history.curve("server:v:8000")] == [None, pytest.approx(500.0)]


async def test_switched_off_nobody_is_asked_and_everybody_is_listed() -> None:
    world = World(OLLAMA, settings=ServerSettings(probe=False))
    (server,) = await world.read()
    assert (server.state, server.product) == ("unknown", "ollama")
    assert "switched off" in (server.reason or "")
    assert world.web.asked == []


async def test_what_is_wrong_with_the_settings_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    world = World(
        OLLAMA, settings=ServerSettings(addresses=("nonsense here",), token_env={"ollama:11434": "NO_SUCH_KEY"})
    )
    await world.read()
    faults = [fault.sentence for fault in world.board.snapshot().faults]
    assert any("NO_SUCH_KEY" in sentence for sentence in faults)
    assert any("nonsense here is no http address" in sentence for sentence in faults)


async def test_a_key_of_the_settings_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAN_KEY", "sk-lan-secret-1")
    settings = ServerSettings(addresses=("http://192.168.9.9:8000",), token_env={"192.168.9.9:8000": "LAN_KEY"})
    world = World(OLLAMA, settings=settings, **{"192.168.9.9:8000": ollama})
    await world.read()
    given = [url for url, headers in zip(world.web.asked, world.web.headers, strict=True) if "sk-lan" in str(headers)]
    assert given
    assert all(url.startswith("http://192.168.9.9:8000/") for url in given)
    assert "sk-lan-secret-1" not in redact("sk-lan-secret-1")


def test_the_section_of_the_settings_is_read() -> None:
    told = parse('[servers]\naddresses = ["http://a:1"]\nprobe_declared = true\ntoken_env = { "a:1" = "K" }\n').servers
    assert (told.addresses, told.probe_declared, told.token_env) == (("http://a:1",), True, {"a:1": "K"})


async def test_a_native_server_is_found_by_the_port_it_listens_on() -> None:
    world = World(**{"127.0.0.1:11999": ollama})
    world.host.kernel.ports[77] = (("127.0.0.1", 11999),)  # type: ignore[union-attr]
    world.board.put(processes=(process(77, "ollama", "serve"),))
    (server,) = await world.read()
    assert (server.key, server.pid, server.state) == ("host:11999", 77, "up")


async def test_a_gateways_models_come_from_its_own_source() -> None:
    gateway = box("oneapi", "justsong/one-api", ports=[(3000, 3001)])

    def oneapi(path: str, _: Any) -> Any:
        return {"success": True, "data": {"version": "v0.6.7", "start_time": 1, "system_name": "One API"}} if (
            path == "/api/status") else None  # fmt: skip

    world = World(gateway, **{"127.0.0.1:3001": oneapi})
    world.board.put(oneapis=(OneApiState(gateway.id, models=("qwen", "m3e")),))
    (server,) = await world.read()
    assert [model.name for model in server.models] == ["qwen", "m3e"]
    assert server.reason is None


async def test_deep_checks_are_told_with_their_server_and_forgotten_with_it() -> None:
    world = World(OLLAMA)
    check = DeepCheck("ollama:11434", "qwen2:7b", 1.0, seconds=0.5)
    world.one.scheduler.remember(check)
    world.one.scheduler.remember(DeepCheck("gone:1", "m", 1.0))
    await world.read()
    assert world.board.parts.deep_checks == (check,)


async def test_a_defect_in_one_look_is_a_fault_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> Server:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("stackops.console.collect.sources.servers.look", broken)
    world = World(OLLAMA)
    (server,) = await world.read()
    assert server.state == "unknown"
    assert "ZeroDivisionError" in world.board.snapshot().faults[0].sentence


@asynccontextmanager
async def watching(world: World) -> AsyncIterator[Callable[[], tuple[Server, ...]]]:
    world.anew(Cadence(servers=0.02, servers_slow=0.1, servers_dead=0.05))
    task = asyncio.create_task(world.one.watch())
    try:
        yield lambda: world.board.parts.servers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
        assert not [t for t in asyncio.all_tasks() if t is not asyncio.current_task()], "nothing goes on"


async def test_watching_goes_on_while_one_hangs_and_ends_with_all_its_looks() -> None:
    slow = box("slow", "ollama/ollama", ports=[(11434, 22222)])
    world = World(OLLAMA, slow)
    world.host.clock = world.clock = RealClock()
    world.web.hang.add("127.0.0.1:22222")
    async with watching(world) as servers:
        await until(lambda: world.web.asked_of(AT) > 8)
        assert world.web.asked_of("127.0.0.1:22222") <= 1
        assert {server.key: server.state for server in servers()}["ollama:11434"] == "up"


async def test_watching_sees_a_container_that_comes() -> None:
    world = World()
    world.host.clock = world.clock = RealClock()
    async with watching(world) as servers:
        world.put(OLLAMA)
        await until(lambda: servers() and servers()[0].state == "up")
        world.put()
        await until(lambda: servers() == ())


class RealClock(FakeClock):
    """Time as it passes."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()
