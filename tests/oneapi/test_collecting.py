"""How gently One API is asked: seldom, with the right key only, never with a login, and anew after a restart."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.collect.sources.oneapi import PENALTY, OneApis
from stackops.console.hosts.local.http import LocalHttp
from stackops.console.model import (
    Container,
    DatabaseAnswer,
    DatabaseState,
    EnvVar,
    NetworkLink,
    OneApiChannel,
    OneApiToken,
    Port,
)
from stackops.console.settings import OneApiSettings, Settings, SettingsError, parse
from support.clock import FakeClock
from support.memory_host import MemoryEngine, MemoryHost
from support.one_source import OneSource
from support.oneapi_server import OneApi, one_api

GATEWAY, FASTGPT = "a" * 64, "b" * 64
TOKEN = "STACKOPS_TEST_ACCESS_TOKEN"


class HashableHost(MemoryHost):
    """A Host that can be remembered, as the real ones can."""

    __hash__ = object.__hash__


class World:
    """One One API that listens, and a FastGPT that points at it."""

    def __init__(self, gateway: OneApi, *, token: bool = False, key: str = "sk-fastgpt") -> None:
        self.gateway = gateway
        self.clock = FakeClock()
        self.host = HashableHost(engine=MemoryEngine(), http=LocalHttp(), clock=self.clock)
        self.settings = Settings(oneapi=OneApiSettings(access_token_env=TOKEN if token else None))
        port = int(gateway.url.rpartition(":")[2])
        self.one = Container(
            id=GATEWAY, name="oneapi", image="one-api:v0.6.7", state="running", started_at=self.clock.now(),
            ports=(Port(3000, "tcp", "127.0.0.1", port),), networks=(NetworkLink("net", None, ("oneapi",)),),
        )  # fmt: skip
        env = (EnvVar("OPENAI_BASE_URL", "http://oneapi:3000/v1"), EnvVar("CHAT_API_KEY", key))
        self.fastgpt = Container(
            id=FASTGPT, name="fastgpt", image="fastgpt:v4.7", state="running", env=env,
            networks=(NetworkLink("net", None, ("fastgpt",)),),
        )  # fmt: skip
        self.apis = OneSource(OneApis, self.host, self.settings)
        self.board = self.apis.board
        self.board.put(containers=(self.one, self.fastgpt))

    async def state(self):
        await self.apis.read()
        (state,) = self.board.parts.oneapis
        return state

    def faults(self) -> list[str]:
        return [fault.sentence for fault in self.board.snapshot().faults]


@pytest.fixture
def gateway():
    with one_api() as one:
        one.add_channel("qwen,m3e")
        yield one


async def test_it_tells_process_release_models_and_whose_key_was_used(gateway) -> None:
    state = await World(gateway).state()
    assert (state.trouble, state.version, state.start_time) == (None, "v0.6.7", gateway.start_time)
    assert (state.models, state.client) == (("qwen", "m3e"), FASTGPT)
    assert state.channels is None


async def test_ten_minutes_of_looking_every_second_stay_far_below_the_limits_and_never_log_in(gateway) -> None:
    world = World(gateway)
    for _ in range(600):
        await world.apis.read()
        world.clock.advance(1.0)
    asked = gateway.requests
    assert 60 <= asked.count("GET /api/status") <= 120
    assert asked.count("GET /v1/models") <= 10
    assert {line.split(" ")[0] for line in asked} == {"GET"}
    assert not [line for line in asked if "user" in line]


async def test_asking_again_by_hand_asks_the_models_no_sooner(gateway) -> None:
    world = World(gateway)
    await world.state()
    for _ in range(5):
        world.clock.advance(6.0)
        world.apis.request()
        await world.state()
    assert gateway.requests.count("GET /v1/models") == 1


async def test_after_a_restart_everything_is_asked_anew_at_once(gateway) -> None:
    world = World(gateway)
    await world.state()
    from msgspec.structs import replace

    world.one = replace(world.one, started_at=world.clock.now() + 1)
    gateway.add_channel("bge")
    world.board.put(containers=(world.one, world.fastgpt))
    await world.apis.read()
    assert world.board.parts.oneapis[0].models == ("qwen", "m3e", "bge")


async def test_a_refused_key_is_told_and_not_tried_again_for_a_minute(gateway) -> None:
    world = World(gateway, key="sk-wrong")
    state = await world.state()
    assert (state.models, state.models_trouble, state.trouble) == (None, "wrong-key", None)
    world.clock.advance(30)
    await world.state()
    assert gateway.requests.count("GET /v1/models") == 1


async def test_without_a_fastgpt_that_points_there_nobody_s_key_is_used(gateway) -> None:
    world = World(gateway)
    world.board.put(containers=(world.one,))
    assert (await world.state()).models_trouble == "no-key"
    assert gateway.requests == ["GET /api/status"]


async def test_one_that_is_down_is_not_asked(gateway) -> None:
    from msgspec.structs import replace

    world = World(gateway)
    world.board.put(containers=(replace(world.one, state="restarting"), world.fastgpt))
    assert (await world.state()).trouble == "not-running"
    assert gateway.requests == []


async def test_a_429_silences_the_questions_for_three_minutes(gateway) -> None:
    world = World(gateway)
    for _ in range(240):
        gateway.answer("GET", "/api/status", {}, b"")
    gateway.requests.clear()
    assert (await world.state()).trouble == "rate-limited"
    world.clock.advance(PENALTY - 1)
    await world.state()
    assert gateway.requests == ["GET /api/status"]


async def test_with_an_access_token_the_channels_are_read(gateway, monkeypatch) -> None:
    monkeypatch.setenv(TOKEN, "admin-token")
    state = await World(gateway, token=True).state()
    assert [channel.models for channel in state.channels] == [("qwen", "m3e")]


@pytest.mark.parametrize(("own", "known"), [("admin-token", True), ("of-before", False)])
async def test_its_own_access_token_is_shown_to_it_alone_and_is_no_fault_when_it_no_longer_counts(
    gateway, own: str, known: bool
) -> None:
    from msgspec.structs import replace

    world = World(gateway)
    one = replace(world.one, env=(EnvVar("INITIAL_ROOT_ACCESS_TOKEN", own),))
    world.board.put(containers=(one, world.fastgpt))
    for _ in range(10):
        state = await world.state()
        world.clock.advance(61)
    assert (state.channels is not None) is known
    assert world.faults() == []
    asked = [line for line in gateway.requests if "channel" in line]
    assert len(asked) == (10 if known else 1), "what was refused is not tried at every look"


async def test_a_refused_access_token_is_a_fault_that_lasts_and_is_not_tried_at_every_look(
    gateway, monkeypatch
) -> None:
    monkeypatch.setenv(TOKEN, "nonsense-token")
    world = World(gateway, token=True)
    for _ in range(10):
        await world.state()
        world.clock.advance(61)
    assert gateway.requests.count("GET /api/channel/?p=0") == 1
    assert "refuses the access token" in world.faults()[0]
    assert "nonsense-token" not in repr(world.board.snapshot())


async def test_an_access_token_that_is_not_set_is_a_fault_that_names_the_variable(gateway, monkeypatch) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    world = World(gateway, token=True)
    await world.state()
    assert TOKEN in world.faults()[0]


async def test_with_two_one_apis_the_access_token_is_shown_to_neither(gateway, monkeypatch) -> None:
    from msgspec.structs import replace

    monkeypatch.setenv(TOKEN, "admin-token")
    world = World(gateway, token=True)
    world.board.put(containers=(world.one, replace(world.one, id="c" * 64, name="other"), world.fastgpt))
    await world.apis.read()
    assert not [line for line in gateway.requests if "channel" in line]
    assert "shown to none of them" in world.faults()[0]


async def test_a_stack_without_one_api_asks_nothing_and_says_nothing() -> None:
    apis = OneSource(OneApis, MemoryHost(engine=MemoryEngine(), http=LocalHttp()))
    await apis.read()
    board = apis.board
    assert board.parts.oneapis == ()
    assert board.snapshot().ages == {}


def test_the_settings_name_the_variable_and_refuse_what_is_unknown() -> None:
    assert parse('[oneapi]\naccess_token_env = "MY_TOKEN"\n').oneapi.access_token_env == "MY_TOKEN"
    with pytest.raises(SettingsError, match="access_token_env"):
        parse('[oneapi]\naccess_token = "sk-in-clear"\n')


async def test_a_refusal_is_told_in_the_gateways_own_words_and_never_with_the_key(gateway) -> None:
    state = await World(gateway, key="sk-wrong").state()
    (answer,) = state.keys
    assert (answer.client, answer.variable, answer.trouble, answer.said) == (
        FASTGPT, "CHAT_API_KEY", "wrong-key", "无效的令牌",
    )  # fmt: skip
    assert "sk-wrong" not in repr(state)


async def test_a_corrected_key_is_tried_at_once(gateway) -> None:
    from msgspec.structs import replace

    world = World(gateway, key="sk-wrong")
    await world.state()
    env = (world.fastgpt.env[0], EnvVar("CHAT_API_KEY", "sk-fastgpt"))
    world.board.put(containers=(world.one, replace(world.fastgpt, id="c" * 64, env=env)))
    world.clock.advance(10)
    (answer,) = (await world.state()).keys
    assert (answer.client, answer.trouble) == ("c" * 64, None)


async def test_each_fastgpt_is_tried_with_its_own_key_and_not_more_of_them_than_a_few(gateway) -> None:
    from msgspec.structs import replace

    world = World(gateway)
    wrong = (world.fastgpt.env[0], EnvVar("CHAT_API_KEY", "sk-other"))
    others = tuple(replace(world.fastgpt, id=str(number) * 64, env=wrong) for number in range(6))
    world.board.put(containers=(world.one, world.fastgpt, *others))
    state = await world.state()
    assert [answer.trouble for answer in state.keys] == [None, "wrong-key", "wrong-key", "wrong-key"]
    assert (state.client, state.models) == (FASTGPT, ("qwen", "m3e"))
    assert gateway.requests.count("GET /v1/models") == 4


async def test_channels_of_an_ai_proxy_are_those_that_its_database_told(gateway) -> None:
    world = World(gateway)
    proxy = replace(world.one, id="ab" * 32, name="aiproxy", image="aiproxy:v0.2", ports=())
    channel = OneApiChannel(3, "m3e", 1, ("m3e",))
    told = DatabaseState("postgres", "pg", proxy.id, "SQL_DSN", "postgres", "aiproxy", DatabaseAnswer(channels=()))
    world.board.put(containers=(world.one, world.fastgpt, proxy), databases=(told,))
    await world.apis.read()
    assert [(one.container, one.channels) for one in world.board.parts.oneapis] == [(GATEWAY, None), (proxy.id, ())]
    asked = len(gateway.requests)
    for answer, trouble in (
        (DatabaseAnswer(channels=(channel,)), None), (DatabaseAnswer(trouble="login", said="refused"), "database"),
        (DatabaseAnswer(channels_trouble="no such relation"), "database"),
    ):  # fmt: skip
        world.board.put(databases=(replace(told, answer=answer),))
        assert await world.apis.source.again() is None
        state = world.board.parts.oneapis[1]
        assert (state.trouble, state.channels, state.sentence) == (
            trouble, answer.channels, answer.said or answer.channels_trouble
        )  # fmt: skip
    assert len(gateway.requests) == asked


async def test_what_is_wrong_with_the_token_is_still_told_when_an_ai_proxy_has_told_its_channels(
    gateway, monkeypatch
) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    world = World(gateway, token=True)
    await world.apis.read()
    before = world.faults()
    assert before
    proxy = replace(world.one, id="ab" * 32, name="aiproxy", image="aiproxy:v0.2", ports=())
    told = DatabaseState("postgres", "pg", proxy.id, "SQL_DSN", "postgres", "aiproxy", DatabaseAnswer(channels=()))
    world.board.put(containers=(world.one, world.fastgpt, proxy), databases=(told,))
    assert await world.apis.source.again() is None
    assert len(world.board.parts.oneapis) == 2
    assert world.faults() == before


def kept(**answer: Any) -> DatabaseState:
    """What the database of the One API told."""
    return DatabaseState("mysql", "db", GATEWAY, "SQL_DSN", "root", "oneapi", DatabaseAnswer(**answer))


CHANNEL = OneApiChannel(3, "m3e", 1, ("m3e",))
TOKENS = (OneApiToken(1, "fastgpt", 1, clients=(FASTGPT,)), OneApiToken(2, "eve", 2))


async def test_channels_and_tokens_come_from_its_database_where_there_is_no_access_token(gateway) -> None:
    world = World(gateway)
    world.board.put(databases=(kept(channels=(CHANNEL,), tokens=TOKENS, compared=(FASTGPT,)),))
    state = await world.state()
    assert (state.channels, state.channels_from, state.channels_trouble) == ((CHANNEL,), "database", None)
    assert (state.tokens, state.models) == (TOKENS, ("qwen", "m3e"))
    (key,) = state.keys
    assert (key.trouble, key.token, key.compared) == (None, TOKENS[0], True)
    assert not [line for line in gateway.requests if "channel" in line]


async def test_the_api_counts_before_the_database(gateway, monkeypatch) -> None:
    monkeypatch.setenv(TOKEN, "admin-token")
    world = World(gateway, token=True)
    world.board.put(databases=(kept(channels=(CHANNEL,), tokens=TOKENS),))
    state = await world.state()
    assert (state.channels_from, [one.models for one in state.channels]) == ("api", [("qwen", "m3e")])
    assert state.tokens == TOKENS
    monkeypatch.setenv(TOKEN, "no-longer-good")
    world.clock.advance(70)
    state = await world.state()
    assert (state.channels_from, state.channels) == ("database", (CHANNEL,))
    assert world.faults()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"channels_trouble": "it has no channels.id"}, "it has no channels.id"),
        ({"trouble": "login", "said": "1045 Access denied"}, "1045 Access denied"),
        ({}, "it was not asked for them"), (None, "nobody here could ask it"),
    ],
)  # fmt: skip
async def test_a_database_that_does_not_tell_them_is_a_reason_and_no_alarm(gateway, answer: Any, why: str) -> None:
    world = World(gateway)
    world.board.put(databases=() if answer is None else (kept(**answer),))
    state = await world.state()
    assert (state.channels, state.channels_from, state.channels_trouble) == (None, None, why)
    assert (state.trouble, state.tokens, state.keys[0].compared) == (None, None, False)


async def test_what_a_database_told_meanwhile_is_told_at_the_end_of_a_look_and_asks_nobody(gateway) -> None:
    world = World(gateway)
    await world.state()
    asked, before = len(gateway.requests), world.apis.source.of_interest()
    world.board.put(databases=(kept(channels=(CHANNEL,)),))
    assert world.apis.source.of_interest() != before
    assert await world.apis.source.again() is None
    (state,) = world.board.parts.oneapis
    assert (state.channels, len(gateway.requests)) == ((CHANNEL,), asked)


async def test_of_a_gateway_that_does_not_run_nothing_of_its_database_is_told(gateway) -> None:
    world = World(gateway)
    world.board.put(databases=(kept(channels=(CHANNEL,), tokens=TOKENS),))
    world.board.put(containers=(replace(world.one, state="exited"), world.fastgpt))
    state = await world.state()
    assert (state.trouble, state.channels, state.tokens) == ("not-running", None, None)
