"""Only GETs of the allow-list leave, for every recorded server, in every state, at slow looks and at fast ones."""

from __future__ import annotations

import pytest
from stackops.console.hosts.local.http import LocalHttp
from stackops.console.products.registry import RECOGNISING, SERVERS
from stackops.console.products.servers.asking import Ask, Candidate, Forbidden
from stackops.console.products.servers.looking import HARMLESS, look
from support.model_servers import (
    BASE,
    NAMES,
    NOW,
    InMemory,
    StandIn,
    answering,
    candidate_for,
    recording,
    serving,
    stand_in,
)

PRODUCTS = {product: server.allowed for product, server in SERVERS.items()}

ANYWHERE = frozenset(
    [
        "/v1/models",
        "/version",
        "/ready",
        "/model_info",
        "/info",
        "/.well-known/localai.json",
        "/system",
        "/api/version",
        "/api/tags",
        "/api/status",
        "/models",
        "/v1/cluster/auth",
        "/health/liveliness",
        "/api/v1/models",
        "/api/v0/models",
        "/v1/model",
        "/openapi.json",
    ]
)
"""Written down a second time, from the fact sheet and not from the code: what may be sent to a stranger."""

SAFE: dict[str, str] = {
    "ollama": "/api/version /api/tags /api/ps",
    "vllm": "/health /version /metrics",
    "sglang": "/ready /model_info /metrics",
    "tgi": "/health /info /metrics",
    "tei": "/health /info /metrics",
    "llamacpp": "/health /props /metrics",
    "localai": "/readyz /version /system",
    "xinference": "/v1/cluster/auth /metrics",
    "fastchat": "/openapi.json",
    "litellm": "/health/liveliness /health/readiness",
    "oneapi": "/api/status",
    "newapi": "/api/status",
    "aiproxy": "/api/status",
    "infinity": "/health /models",
    "lmstudio": "/api/v1/models /api/v0/models",
    "tabbyapi": "/health /v1/model",
}
"""Beside ``/v1/models``. Whoever is not named here is asked for nothing that a stranger is not asked for."""

WORK = (
    "test",
    "slots",
    "drain",
    "flush",
    "load",
    "unload",
    "sleep",
    "wake",
    "generate",
    "channel",
    "token",
    "shutdown",
)


def allowed(product: str) -> frozenset[str]:
    return ANYWHERE | frozenset(SAFE.get(product, "").split())


def judge(stand: StandIn, *products: str) -> None:
    may = frozenset().union(*(allowed(product) for product in products))
    for request in stand.requests:
        assert request.method == "GET"
        assert request.target in may, request.target
        assert request.target not in stand.recording.get("never", ())


async def watched(stand: StandIn, candidate: Candidate) -> None:
    """Ten minutes of a server's life: looks of both kinds, with each of the ways to fail in between."""
    http, server, now = InMemory({BASE: stand}), None, NOW
    mild: list[tuple[str | None, dict]] = [(None, {}), ("refused", {}), (None, {}), ("timeout", {}), ("reset", {})]
    broken = [
        {path: {"status": status, "text": text} for path in (*RECOGNISING, *ANYWHERE, *SAFE.get(product, "").split())}
        for product in (stand.recording["product"],)
        for status, text in ((503, ""), (500, "Internal Server Error"), (200, "<html>"), (200, ""), (404, "{}"))
    ]
    for down, routes in [*mild, *((None, one) for one in broken), (None, {})]:
        stand.down, stand.routes = down, routes
        for slow in (True, False, False):
            now += 5
            server = await look(http, candidate, server, now, slow=slow)


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_but_allowed_gets_leaves_for_a_server_whatever_becomes_of_it(name):
    stand = stand_in(name)
    await watched(stand, candidate_for(stand))
    judge(stand, stand.recording["product"])
    assert len(stand.requests) > 8


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_else_leaves_for_an_address_without_container_and_process(name):
    stand = stand_in(name)
    await watched(stand, candidate_for(stand, container=None))
    judge(stand, stand.recording["product"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hint", ["vllm", "litellm", "sglang", "tei"])
async def test_a_wrong_image_name_brings_no_request_of_the_wrong_product(name, hint):
    stand = stand_in(name)
    await watched(stand, candidate_for(stand, hint=hint, hint_reason="image", token="sk-guess"))
    judge(stand, stand.recording["product"])


def test_the_lists_of_the_code_hold_nothing_that_the_fact_sheet_does_not():
    assert frozenset(RECOGNISING) == ANYWHERE
    assert set(SAFE) <= set(PRODUCTS)
    for product, paths in PRODUCTS.items():
        assert set(paths) <= allowed(product), product


def test_no_list_has_a_path_that_works_wakes_or_waits():
    for paths in (RECOGNISING, *PRODUCTS.values()):
        for path in paths:
            assert path.startswith("/")
            assert not set(path) & set("?#%{}")
            assert not any(word in path for word in WORK)
    assert "/health" not in {**PRODUCTS["sglang"], **PRODUCTS["litellm"], **RECOGNISING}
    assert "/metrics" not in RECOGNISING


@pytest.mark.parametrize("product", [None, *PRODUCTS])
async def test_a_path_off_the_list_is_not_sent(product):
    http = InMemory({})
    ask = Ask(http, Candidate("k", BASE, "x"), RECOGNISING)
    if product:
        ask.within(PRODUCTS[product])
    for path in ("/slots", "/health/drain", "/flush_cache", "/api/channel/test", "/v1/models?reload=1", "//evil", "x"):
        with pytest.raises(Forbidden):
            await ask.get(path)
    assert not http.asked


async def test_a_redirect_is_not_followed_not_even_to_a_model_server():
    with serving(stand_in("sglang-0.5")) as there:
        elsewhere = {"status": 307, "headers": {"location": f"{there}/flush_cache"}, "text": ""}
        stand = answering({}, default=elsewhere)
        with serving(stand) as url:
            server = await look(LocalHttp(), Candidate("k", url, "x", token="sk-mine"), None, NOW, slow=True)
        assert (server.product, server.state) == ("unknown", "unknown")
        other = stand_in("sglang-0.5")
        assert other.requests == []
        assert all(request.headers.get("Authorization") in (None, "Bearer sk-mine") for request in stand.requests)


async def test_the_target_of_a_redirect_hears_nothing():
    victim = stand_in("sglang-0.5")
    with serving(victim) as there:
        stand = answering({}, default={"status": 302, "headers": {"location": f"{there}/health"}, "text": ""})
        with serving(stand) as url:
            await look(LocalHttp(), Candidate("k", url, "x"), None, NOW, slow=True)
    assert stand.requests
    assert not victim.requests


async def test_a_vllm_replaced_by_an_sglang_behind_the_same_address_is_not_asked_for_its_health():
    one, other = stand_in("vllm-0.33"), stand_in("sglang-0.5")
    http, candidate = InMemory({BASE: one}), candidate_for(one, container=None)
    before = await look(http, candidate, None, NOW, slow=True)
    http.stands[BASE] = other
    after = await look(http, candidate, before, NOW + 5, slow=False)
    assert (before.product, after.product) == ("vllm", "sglang")
    assert "/health" in one.paths
    assert "/health" not in other.paths


@pytest.mark.parametrize("name", ["vllm-0.33", "tgi-3", "tei-1.8", "llamacpp-single", "infinity", "tabbyapi"])
@pytest.mark.parametrize("after", ["sglang-0.5", "litellm"])
async def test_what_is_started_in_place_of_another_in_the_same_container_is_not_asked_for_its_health(name, after):
    one, other = stand_in(name), stand_in(after)
    http, candidate = InMemory({BASE: one}), candidate_for(one, hint=None, hint_reason=None, token=None)
    before = await look(http, candidate, None, NOW, slow=True)
    http.stands[BASE] = other
    after_it = await look(http, candidate, before, NOW + 5, slow=False)
    assert "/health" in one.paths
    assert after_it.product == other.recording["product"]
    judge(other, other.recording["product"])


def test_who_counts_as_harmless_is_asked_for_nothing_that_is_work_for_others():
    assert "ollama" in HARMLESS
    assert "oneapi" in HARMLESS
    for product in HARMLESS:
        assert not {"/health", "/metrics", "/slots", "/props"} & set(PRODUCTS[product]), product


async def test_an_unhealthy_tei_is_not_made_to_compute_at_every_look():
    stand = stand_in("tei-dead")
    http, candidate = InMemory({BASE: stand}), candidate_for(stand)
    server = await look(http, candidate, None, NOW, slow=True)
    for step in range(1, 20):
        server = await look(http, candidate, server, NOW + 5 * step, slow=step % 12 == 0)
        assert server.state == "engine_dead"
    assert stand.paths.count("/health") == 1
    healthy = recording("tei-1.8")["routes"]
    stand.routes = {"/health": healthy["/health"], "/metrics": {"text": "te_request_success 39\n"}}
    server = await look(http, candidate, server, NOW + 200, slow=False)
    assert server.state == "up", "somebody's request succeeded, so asking costs nothing"
    assert stand.paths.count("/health") == 2


async def test_the_averages_of_a_llamacpp_are_disturbed_at_slow_looks_only():
    stand = stand_in("llamacpp-single")
    http, candidate = InMemory({BASE: stand}), candidate_for(stand)
    server = await look(http, candidate, None, NOW, slow=True)
    for step in range(1, 6):
        server = await look(http, candidate, server, NOW + 5 * step, slow=False)
    assert stand.paths.count("/metrics") == 1
    assert server.figures.generated_tokens == 20


async def test_a_stranger_is_left_alone_between_slow_looks():
    stand = stand_in("like-grafana")
    http, candidate = InMemory({BASE: stand}), candidate_for(stand)
    server = await look(http, candidate, None, NOW, slow=True)
    asked = len(stand.requests)
    assert await look(http, candidate, server, NOW + 5, slow=False) == server
    assert len(stand.requests) == asked <= 12


class TestKeys:
    async def test_the_key_goes_to_paths_that_want_one_and_to_no_other(self):
        stand = stand_in("vllm-key")
        http, candidate = InMemory({BASE: stand}), candidate_for(stand, token="sk-right")
        server = await look(http, candidate, None, NOW, slow=True)
        assert (server.state, [one.name for one in server.models]) == ("up", ["Qwen/Qwen2.5-7B-Instruct"])
        shown = {request.target for request in stand.requests if "Authorization" in request.headers}
        assert shown == {"/v1/models"}

    @pytest.mark.parametrize("name", [name for name in NAMES if "key" in recording(name)])
    async def test_a_wrong_key_is_a_state_of_its_own_and_tried_once_a_slow_look(self, name):
        stand = stand_in(name)
        http = InMemory({BASE: stand})
        candidate = candidate_for(stand, token="sk-wrong", token_name="SK_KEY of box")
        server = await look(http, candidate, None, NOW, slow=True)
        assert server.state == "wrong_key"
        assert "SK_KEY of box" in server.reason
        assert "sk-wrong" not in repr(server) + repr(candidate)
        tried = sum("Authorization" in request.headers for request in stand.requests)
        for step in range(1, 11):
            server = await look(http, candidate, server, NOW + 5 * step, slow=False)
            assert (server.state, server.product) == ("wrong_key", stand.recording["product"])
        assert sum("Authorization" in request.headers for request in stand.requests) == tried

    @pytest.mark.parametrize("name", [name for name in NAMES if "key" in recording(name)])
    async def test_the_right_key_opens_what_was_shut(self, name):
        stand = stand_in(name)
        key = stand.recording["key"]["token"]
        server = await look(InMemory({BASE: stand}), candidate_for(stand, token=key), None, NOW, slow=True)
        assert server.state == "up"
        assert server.reason is None
        assert server.models

    @pytest.mark.parametrize("token", ["two words", "schlüssel", "a\r\nb: c", "", "\x1b[31m"])
    async def test_what_cannot_stand_in_a_header_is_not_sent(self, token):
        stand = stand_in("vllm-key")
        server = await look(InMemory({BASE: stand}), candidate_for(stand, token=token), None, NOW, slow=True)
        assert server.state == "up"
        assert not any("Authorization" in request.headers for request in stand.requests)

    async def test_a_corrected_key_is_noticed_at_the_next_slow_look(self):
        stand = stand_in("vllm-key")
        http = InMemory({BASE: stand})
        wrong, right = (candidate_for(stand, token=token) for token in ("sk-wrong", "sk-right"))
        server = await look(http, wrong, None, NOW, slow=True)
        server = await look(http, right, server, NOW + 60, slow=True)
        assert (server.state, server.reason) == ("up", None)
