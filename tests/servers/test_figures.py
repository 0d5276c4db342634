"""Counters become rates, restarts do not become negative ones, and both generations of names are read."""

from __future__ import annotations

import time

import pytest
from stackops.console.products.catalogue.vllm import SERIES
from stackops.console.products.servers import replies
from stackops.console.products.servers.asking import Candidate
from stackops.console.products.servers.looking import look
from support.model_servers import BASE, NOW, InMemory, StandIn, candidate_for, stand_in

TEXT = 'vllm:generation_tokens_total{{model_name="m"}} {}\nvllm:num_requests_running{{model_name="m"}} 1\n'

WANTED = frozenset().union(*SERIES.values())


async def looks(*counters: float | None, step: float = 5.0):
    stand = stand_in("vllm-0.33")
    http, candidate, server = InMemory({BASE: stand}), candidate_for(stand), None
    for number, counter in enumerate(counters):
        stand.routes = {"/metrics": {"text": TEXT.format(counter) if counter is not None else ""}}
        server = await look(http, candidate, server, NOW + step * number, slow=number == 0)
        yield server


async def rates(*counters: float | None, step: float = 5.0) -> list[float | None]:
    return [server.figures and server.figures.tokens_per_second async for server in looks(*counters, step=step)]


async def test_tokens_per_second_come_from_two_looks():
    assert await rates(1000, 1500, 1500) == [None, 100.0, 0.0]


async def test_a_restart_sets_the_counter_back_and_gives_no_rate():
    assert await rates(1000, 20, 70) == [None, None, 10.0]


async def test_a_counter_that_is_nonsense_is_unknown_and_never_zero():
    assert await rates(1000, float("nan"), 1500) == [None, None, None]
    assert await rates(1000, float("-1"), 1500) == [None, None, None]


async def test_two_looks_at_the_same_moment_make_no_rate_up():
    assert await rates(1000, 1500, step=0.0) == [None, None]


async def test_metrics_that_went_away_leave_no_old_figures():
    servers = [server async for server in looks(1000, None)]
    assert [server.figures is None for server in servers] == [False, True]
    assert {server.state for server in servers} == {"up"}


async def test_a_server_without_metrics_is_asked_for_them_at_slow_looks_only():
    stand = stand_in("sglang-0.3")
    http, candidate, server = InMemory({BASE: stand}), candidate_for(stand), None
    for number in range(13):
        server = await look(http, candidate, server, NOW + 5 * number, slow=number % 12 == 0)
    assert stand.paths.count("/metrics") == 2


def made_for_it(stand: StandIn) -> Candidate:
    """With an image that is this product's and no other's."""
    product = stand.recording["product"]
    return candidate_for(stand, hint=product, hint_reason=f"image {product}")


async def test_versions_and_lists_are_read_at_slow_looks_only():
    for name, path in (("vllm-0.33", "/v1/models"), ("ollama-0.12", "/api/tags"), ("tei-1.8", "/info")):
        stand = stand_in(name)
        http, candidate, server = InMemory({BASE: stand}), made_for_it(stand), None
        for number in range(6):
            server = await look(http, candidate, server, NOW + 5 * number, slow=number == 0)
        assert stand.paths.count(path) == 1, name
        assert server.models
        assert server.read_at == NOW + 25


async def test_a_fast_look_costs_at_most_two_requests():
    from support.model_servers import NAMES

    for name in NAMES:
        stand = stand_in(name)
        if stand.recording["expect"]["state"] != "up":
            continue
        http, candidate = InMemory({BASE: stand}), made_for_it(stand)
        server = await look(http, candidate, None, NOW, slow=True)
        stand.requests.clear()
        await look(http, candidate, server, NOW + 5, slow=False)
        more = name in ("infinity-prefix", "ollama-0.1")  # who lacks a path is asked for another
        assert len(stand.requests) <= (3 if more else 2), (name, stand.paths)


def test_both_names_of_the_kv_cache_are_read_and_the_newer_counts():
    both = b"vllm:gpu_cache_usage_perc 0.9\nvllm:kv_cache_usage_perc 0.5\n"
    assert replies.counted(replies.samples(both, WANTED), SERIES).kv_cache == 0.5
    assert replies.counted(replies.samples(b"vllm:gpu_cache_usage_perc 0.9\n", WANTED), SERIES).kv_cache == 0.9
    assert replies.counted(replies.samples(b"vllm:kv_cache_usage_perc 57\n", WANTED), SERIES).kv_cache is None


def test_engines_are_added_up_and_the_fullest_cache_counts():
    text = b"""
vllm:num_requests_running{engine="0"} 2
vllm:num_requests_running{engine="1"} 3
vllm:kv_cache_usage_perc{engine="0"} 0.1
vllm:kv_cache_usage_perc{engine="1"} 0.7
"""
    found = replies.counted(replies.samples(text, WANTED), SERIES)
    assert (found.running, found.kv_cache, found.waiting) == (5.0, 0.7, None)


@pytest.mark.parametrize("line", [
    b'vllm:num_requests_running{a="b} 1', b"vllm:num_requests_running", b"vllm:num_requests_running x",
    b"vllm:num_requests_running{} ", b"vllm:num_requests_running +Inf", b"vllm:num_requests_running 1 2 3 4",
    b'vllm:num_requests_running{a="\xff\xfe"} NaN', b"vllm:num_requests_running " + b"9" * 5000,
])  # fmt: skip
def test_a_line_that_makes_no_sense_loses_itself_only(line):
    found = replies.samples(b"vllm:num_requests_waiting 4\n" + line + b"\nvllm:prompt_tokens_total 8\n", WANTED)
    assert replies.total(found, "vllm:num_requests_waiting") == 4
    assert replies.total(found, "vllm:prompt_tokens_total") == 8


def test_thousands_of_foreign_lines_are_not_parsed():
    noise = b"".join(b'vllm:e2e_request_latency_seconds_bucket{le="%d"} 1\n' % n for n in range(50_000))
    started = time.process_time()
    found = replies.samples(noise + b"vllm:num_requests_waiting 4\n", WANTED)
    assert replies.total(found, "vllm:num_requests_waiting") == 4
    assert len(noise) > 2_000_000
    assert set(found) == {"vllm:num_requests_waiting"}
    assert time.process_time() >= started
