"""Which state a server is in, why, and what to do, for each way of not answering as it should."""

from __future__ import annotations

import pytest
from stackops.console.hosts.local.http import LocalHttp
from stackops.console.products.servers.asking import Candidate
from stackops.console.products.servers.looking import look
from support.model_servers import BASE, NOW, InMemory, answering, candidate_for, misbehaving, stand_in


async def silent(trouble: str, *, name: str = "vllm-0.33", slow: bool = True, before=None, **more):
    stand = stand_in(name)
    stand.down = trouble
    return await look(InMemory({BASE: stand}), candidate_for(stand, **more), before, NOW, slow=slow)


async def known(name: str = "vllm-0.33", **more):
    stand = stand_in(name)
    return await look(InMemory({BASE: stand}), candidate_for(stand, **more), None, NOW - 5, slow=True)


@pytest.mark.parametrize(("trouble", "state", "words"), [
    ("refused", "down", "nobody listens"),
    ("reset", "down", "closed without an answer"),
    ("unreachable", "down", "unreachable"),
    ("dns", "down", "dns"),
    ("timeout", "busy", "did not answer within 3 s"),
    ("tls", "unknown", "tls"),
    ("not-http", "unknown", "not-http"),
])  # fmt: skip
@pytest.mark.parametrize("slow", [True, False])
async def test_each_way_of_not_answering_has_its_state_reason_and_remedy(trouble, state, words, slow):
    server = await silent(trouble, before=await known(), slow=slow)
    assert (server.product, server.state) == ("vllm", state)
    assert words in server.reason
    assert server.remedy
    assert [model.name for model in server.models] == ["Qwen/Qwen2.5-7B-Instruct"], "what it had is still known"
    assert server.version == "0.33.0"


async def test_a_busy_server_keeps_what_is_in_memory_and_a_dead_one_does_not():
    before = await known()
    assert (await silent("timeout", before=before)).loaded == before.loaded
    assert (await silent("timeout", before=before)).figures == before.figures
    down = await silent("refused", before=before)
    assert (down.loaded, down.figures, down.latency) == (None, None, None)


async def test_somebody_unknown_who_is_silent_is_not_called_busy():
    server = await silent("timeout")
    assert (server.product, server.state) == ("unknown", "unknown")


class TestLoading:
    async def test_a_young_vllm_that_does_not_listen_is_loading(self):
        for trouble in ("refused", "reset"):
            server = await silent(trouble, hint="vllm", started_at=NOW - 90)
            assert server.state == "loading"
            assert "1m" in server.reason

    async def test_an_old_one_is_down_and_says_for_how_long(self):
        server = await silent("refused", hint="vllm", started_at=NOW - 7200)
        assert server.state == "down"
        assert "2h" in server.reason

    async def test_one_that_keeps_dying_is_down_however_young(self):
        server = await silent("refused", hint="vllm", started_at=NOW - 20, restarts=9)
        assert server.state == "down"
        assert "restarted 9 times" in server.reason

    async def test_one_that_listens_at_once_is_not_called_loading(self):
        assert (await silent("refused", hint="ollama", started_at=NOW - 90)).state == "down"

    async def test_what_its_log_says_comes_first(self):
        server = await silent("refused", hint="vllm", started_at=NOW - 7200, loading="loads shard 3 of 8")
        assert (server.state, server.reason) == ("loading", "loads shard 3 of 8")

    async def test_a_restarted_server_is_known_while_it_loads(self):
        server = await silent("refused", before=await known(), started_at=NOW - 30)
        assert (server.product, server.state) == ("vllm", "loading")

    @pytest.mark.parametrize("trouble", ["refused", "timeout", "reset"])
    async def test_what_it_serves_is_read_as_soon_as_it_is_there(self, trouble):
        stand = stand_in("vllm-0.33")
        stand.down = trouble
        http = InMemory({BASE: stand})
        candidate = candidate_for(stand, hint="vllm", hint_reason="image vllm/vllm-openai", started_at=NOW - 60)
        server = await look(http, candidate, None, NOW, slow=True)
        assert server.state in ("loading", "busy")
        stand.down = None
        server = await look(http, candidate, server, NOW + 5, slow=False)
        assert (server.state, server.version, len(server.models)) == ("up", "0.33.0", 1)
        assert server.figures.running == 3
        stand.down = "refused"
        server = await look(http, candidate, server, NOW + 10, slow=False)
        stand.down, stand.routes = None, {"/version": {"json": {"version": "0.34.0"}}}
        server = await look(http, candidate, server, NOW + 15, slow=False)
        assert (server.state, server.version) == ("up", "0.34.0"), "restarted, so it may be another release"

    async def test_a_llamacpp_that_loads_and_then_is_up(self):
        stand = stand_in("llamacpp-loading")
        http, candidate = InMemory({BASE: stand}), candidate_for(stand)
        server = await look(http, candidate, None, NOW, slow=True)
        assert server.state == "loading"
        http.stands[BASE] = stand_in("llamacpp-single")
        server = await look(http, candidate, server, NOW + 5, slow=False)
        assert (server.state, len(server.models)) == ("up", 1)


async def test_a_guide_server_that_is_silent_serves_a_request():
    before = await known("m3e")
    server = await silent("timeout", name="m3e", before=before, slow=False)
    assert server.state == "busy"
    assert "while it serves a request" in server.reason


async def test_a_container_that_does_not_run_is_not_asked():
    stand = stand_in("vllm-0.33")
    http = InMemory({BASE: stand})
    server = await look(http, candidate_for(stand, running=False, hint="vllm"), None, NOW, slow=True)
    assert (server.product, server.state, http.asked) == ("vllm", "down", [])


@pytest.mark.parametrize("name", ["vllm-0.33", "tgi-3", "tei-1.8", "sglang-0.5"])
async def test_an_engine_that_dies_between_two_looks_is_noticed_at_a_fast_one(name):
    stand = stand_in(name)
    http, candidate = InMemory({BASE: stand}), candidate_for(stand)
    server = await look(http, candidate, None, NOW, slow=True)
    assert server.state == "up"
    stand.routes = {"/health": {"status": 503, "text": ""}, "/ready": {"status": 503, "text": ""}}
    server = await look(http, candidate, server, NOW + 5, slow=False)
    assert server.state == "engine_dead"
    assert server.loaded is None
    stand.routes = {"/metrics": {"text": "te_request_success 99\ntgi_request_success 99\n"}}
    server = await look(http, candidate, server, NOW + 10, slow=True)
    assert server.state == "up"


async def test_another_server_in_the_same_place_leaves_nothing_of_the_first():
    before = await known(container=None)
    stand = stand_in("ollama-0.12")
    server = await look(InMemory({BASE: stand}), candidate_for(stand, container=None), before, NOW, slow=False)
    assert server.product == "ollama"
    assert server.version == "0.12.3"
    assert [one.name for one in server.models] == ["qwen2.5:7b", "bge-m3:latest"]


async def test_another_container_behind_the_same_key_is_looked_at_afresh():
    before = await known()
    stand = stand_in("like-nginx")
    server = await look(InMemory({BASE: stand}), candidate_for(stand, container="beef"), before, NOW, slow=False)
    assert (server.product, server.models, server.version) == ("unknown", (), None)


async def test_one_that_falls_silent_in_the_middle_keeps_its_name():
    for after in range(1, 6):
        stand = stand_in("ollama-0.12")
        http, candidate = InMemory({BASE: stand}), candidate_for(stand, container=None)
        before = await look(http, candidate, None, NOW, slow=True)
        stand.requests.clear()
        stand.dies_after = after
        server = await look(http, candidate, before, NOW + 60, slow=True)
        assert server.product == "ollama"
        assert server.state in ("up", "down")


async def test_users_belong_to_others_and_are_kept():
    from msgspec.structs import replace
    from stackops.console.model import ServerUser

    users = (ServerUser("One API channel 3 (local-chat)"),)
    before = replace(await known(), users=users)
    assert (await silent("refused", before=before)).users == users


@pytest.mark.parametrize("address", ["", "nonsense", "ftp://box", "http://", "http://box:99999", "http://[::1", "://"])
async def test_what_is_no_address_is_said_and_not_asked(address):
    server = await look(InMemory({}), Candidate("k", address, "settings"), None, NOW, slow=True)
    assert server.state == "unknown"
    assert "address" in server.reason + server.remedy


@pytest.mark.parametrize("address", [f"{BASE}/", f"{BASE}/v1", f"{BASE}/v1/", "http://user:pw@box:8000/v1?x=1#y"])
async def test_the_address_in_somebodys_settings_may_end_in_v1(address):
    stand = stand_in("vllm-0.33")
    http = InMemory({BASE: stand})
    server = await look(http, candidate_for(stand, address), None, NOW, slow=True)
    assert (server.product, server.state) == ("vllm", "up")
    assert all(url.startswith(f"{BASE}/") for _, url in http.asked)


class TestRealSockets:
    @pytest.mark.parametrize(("manner", "states"), [("drop", {"down"}), ("babble", {"unknown"}), ("half", {"down"})])
    async def test_who_closes_or_speaks_another_language(self, manner, states):
        with misbehaving(manner) as url:
            server = await look(LocalHttp(), Candidate("k", url, "x", hint="ollama"), None, NOW, slow=True)
        assert server.state in states

    async def test_a_closed_port_is_down(self):
        with misbehaving("drop") as url:
            pass
        server = await look(LocalHttp(), Candidate("k", url, "x", hint="ollama"), None, NOW, slow=True)
        assert (server.product, server.state) == ("ollama", "down")

    async def test_who_takes_the_connection_and_never_answers_is_busy(self, monkeypatch):
        monkeypatch.setattr("stackops.console.products.servers.asking.READ", 0.2)
        for manner in ("hang", "drip"):
            with misbehaving(manner) as url:
                server = await look(LocalHttp(), Candidate("k", url, "x", hint="m3e"), None, NOW, slow=True)
            assert (server.product, server.state) == ("m3e", "busy")

    async def test_a_slow_server_costs_one_look_and_no_more(self, monkeypatch):
        monkeypatch.setattr("stackops.console.products.servers.asking.TOTAL", 0.0)
        stand = stand_in("vllm-0.33")
        server = await look(InMemory({BASE: stand}), candidate_for(stand, hint="vllm"), None, NOW, slow=True)
        assert (server.state, stand.requests) == ("busy", [])

    async def test_the_door_tells_who_takes_no_connection_from_who_does_not_answer(self):
        from stackops.console.hosts import HttpFailed

        full = await _full_backlog()
        try:
            with pytest.raises(HttpFailed) as failed:
                await LocalHttp().get(full.url, deadline=3.0, connect=0.1)
        finally:
            full.close()
        assert failed.value.trouble == "unreachable"

    async def test_a_redirect_is_an_answer_when_none_may_be_followed(self):
        from support.model_servers import serving

        stand = answering({}, {"status": 302, "headers": {"location": "/there"}, "text": ""})
        with serving(stand) as url:
            reply = await LocalHttp().get(f"{url}/x", redirects=0)
        assert (reply.status, stand.paths) == (302, ["/x"])


class _Full:
    def __init__(self) -> None:
        import socket

        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.clients = []

    def close(self) -> None:
        for one in (self.listener, *self.clients):
            one.close()


async def _full_backlog() -> _Full:
    """A port whose backlog is full: the kernel drops every further SYN."""
    import contextlib
    import socket

    full = _Full()
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect(full.listener.getsockname())
        full.clients.append(client)
    return full


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 400, "json": {"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}}},
        {"status": 401, "json": {"error": {"message": "Authentication Error, Invalid proxy server token passed"}}},
        {"status": 500, "json": {"error": {"message": "Authentication Error, No connected db.", "type": "auth_error"}}},
    ],
    ids=["400", "401", "500"],
)
async def test_a_litellm_says_that_it_refuses_a_key_with_or_without_a_database(refusal):
    routes = {
        "/v1/models": refusal, "/health/liveliness": {"status": 200, "json": "I'm alive!"},
        "/health/readiness": {"status": 200, "json": {"status": "healthy", "db": "Not connected"}},
    }  # fmt: skip
    for hint in ("litellm", None):
        at = Candidate("box:4000", BASE, "in a test", hint=hint, token="sk-wrong-0815", token_name="LK")
        server = await look(InMemory({BASE: answering(routes)}), at, None, NOW, slow=True)
        assert (server.product, server.state) == ("litellm", "wrong_key")
        assert "refuses the key in LK" in server.reason
        assert server.models == ()


async def test_a_litellm_whose_list_breaks_for_another_reason_is_not_called_wrong_about_its_key():
    routes = {
        "/v1/models": {"status": 500, "json": {"error": {"message": "list index out of range", "type": "None"}}},
        "/health/liveliness": {"status": 200, "json": "I'm alive!"},
    }
    at = Candidate("box:4000", BASE, "in a test", hint="litellm", token="sk-right-0815", token_name="LK")
    server = await look(InMemory({BASE: answering(routes)}), at, None, NOW, slow=True)
    assert (server.product, server.state) == ("litellm", "up")
