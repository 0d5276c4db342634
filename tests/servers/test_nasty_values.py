"""Numbers and kinds that nobody expects, in every place of every recorded body: a field is lost, never the look."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from stackops.console.hosts import HttpFailed
from stackops.console.model import Server
from stackops.console.products.servers import decoding, replies
from stackops.console.products.servers.looking import look
from stackops.console.text.cleaning import SECRETS
from support.model_servers import BASE, NAMES, NOW, InMemory, answering, candidate_for, recording, stand_in

DEEP: list[Any] = []
for _ in range(400):
    DEEP = [DEEP]
NASTY = (10**400, -(10**30), 1e308, "nan", [1], {"a": [1]}, DEEP, "9" * 5000)
FEW = 20
"""Places of one body that are tried."""


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a body."""
    if at:
        yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, one in inside:
        yield from places(one, (*at, key))


def with_value(body: Any, at: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    inside = changed
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = value
    return changed


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, int | float):
        yield value


def sane(server: Server) -> None:
    """Numbers that arithmetic, curves and other readers of JSON can take."""
    json.loads(msgspec.json.encode(server))
    for number in numbers(msgspec.to_builtins(server)):
        assert math.isfinite(number)
        assert abs(number) < 1e19


@pytest.mark.parametrize("name", NAMES)
async def test_no_value_in_any_place_breaks_a_look(name: str) -> None:
    for path, reply in recording(name)["routes"].items():
        if "json" not in reply:
            continue
        for number, at in enumerate(places(reply["json"])):
            for value in NASTY if number < FEW else ():
                stand = stand_in(name, **{path: {**reply, "json": with_value(reply["json"], at, value)}})
                http, candidate = InMemory({BASE: stand}), candidate_for(stand)
                first = await look(http, candidate, None, NOW, slow=True)
                sane(first)
                sane(await look(http, candidate, first, NOW - 3600, slow=False))


@pytest.mark.parametrize("value", ["1e308", "-1e308", "NaN", "+Inf", "-Inf", "1e400", "9" * 400, "0x10", "", "1 2 3"])
async def test_metrics_of_any_size_are_figures_or_nothing(value: str) -> None:
    names = ("num_requests_running", "num_requests_waiting", "generation_tokens_total", "kv_cache_usage_perc")
    text = "".join(f'vllm:{name}{{engine="{n}"}} {value}\n' for name in names for n in range(3))
    stand = stand_in("vllm-0.33", **{"/metrics": {"text": text}})
    http, candidate = InMemory({BASE: stand}), candidate_for(stand)
    server = await look(http, candidate, None, NOW, slow=True)
    assert server.product == "vllm"
    sane(server)
    sane(await look(http, candidate, server, NOW + 5, slow=True))


def test_sums_that_overflow_are_unknown() -> None:
    found = replies.samples(b'a{x="1"} 1e308\na{x="2"} 1e308\n', frozenset({"a"}))
    assert replies.total(found, "a") is None


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308, math.inf, -math.inf, math.nan, -0.5])
def test_what_is_no_count_is_unknown(number: float) -> None:
    assert decoding.count(number) is None
    assert decoding.parameters(number) is None


async def test_a_clock_set_back_makes_no_rate_and_no_age_below_nothing() -> None:
    def said(tokens: int) -> dict[str, Any]:
        return {"text": f"vllm:generation_tokens_total {tokens}\n"}

    stand = stand_in("vllm-0.33", **{"/metrics": said(1000)})
    http, candidate = InMemory({BASE: stand}), candidate_for(stand, started_at=NOW + 500)
    first = await look(http, candidate, None, NOW, slow=True)
    stand.routes["/metrics"] = said(2000)
    second = await look(http, candidate, first, NOW - 7200, slow=False)
    assert second.figures is not None
    assert second.figures.tokens_per_second is None
    stand.down = "refused"
    third = await look(http, candidate, second, NOW - 7100, slow=False)
    assert "-" not in (third.reason or "").replace("re-", "")


async def test_one_body_is_taken_apart_once_however_often_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    real = decoding.document
    monkeypatch.setattr(decoding, "document", lambda body: taken.append(len(body)) or real(body))
    stand = answering({"/v1/models": {"json": {"object": "list", "data": [{"id": "m"}]}}})
    await look(InMemory({BASE: stand}), candidate_for(stand), None, NOW, slow=True)
    assert len(taken) <= len(stand.requests)


async def test_a_key_that_comes_back_in_what_is_no_http_is_masked() -> None:
    class Echo:
        async def get(self, url: str, **_: Any) -> Any:
            raise HttpFailed("not-http", f"{BASE} does not speak HTTP: Bearer sk-echoed-1234567890")

    SECRETS.learn("API_KEY", "sk-echoed-1234567890")
    candidate = candidate_for(stand_in("vllm-key"), token="sk-echoed-1234567890")
    server = await look(Echo(), candidate, None, NOW, slow=True)  # type: ignore[arg-type]
    assert "does not speak HTTP" in (server.reason or "")
    assert "sk-echoed" not in repr(server)


def test_more_series_than_a_server_has_are_no_figures_and_are_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b"vllm:num_requests_running{" + b",".join(b'l%d="%s"' % (n, b"x" * 8) for n in range(60)) + b"} 1\n"
    few = replies.samples(line * 100, frozenset({"vllm:num_requests_running"}))
    assert replies.total(few, "vllm:num_requests_running") == 100
    monkeypatch.setattr(replies, "_parsed", lambda *_: pytest.fail("it takes seconds"))
    assert replies.samples(line * 2000, frozenset({"vllm:num_requests_running"})) == {}
