"""One login that shows the session cookie: what is read of the answer, how often one is sent, what is never sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from msgspec.structs import replace
from stackops.console.collect.collector import Looks
from stackops.console.collect.sources.cookies import LOGIN, MOST, address_of, attributes, prove, told
from stackops.console.hosts import HttpReply
from stackops.console.hosts.local.http import LocalHttpActs
from stackops.console.model import Container, EnvVar, NetworkLink, Port
from stackops.console.settings import LibreChatSettings, Settings, parse
from stackops.console.text.cleaning import SECRETS
from support.clock import FakeClock
from support.fake_engine import container
from support.librechat_server import EMAIL, PASSWORD, TWO_FACTORS, LibreChat
from support.memory_host import MemoryEngine, MemoryHost

NAMES = {"email_env": "CHAT_EMAIL", "password_env": "CHAT_PASSWORD"}
SETTINGS = Settings(librechat=LibreChatSettings(**NAMES))
BASE = "http://127.0.0.1:3080"


@contextlib.contextmanager
def serving(chat: LibreChat):
    """The stand-in on loopback; the requests it had."""
    had = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            had.append((self.path, dict(self.headers.items()), body))
            status, headers, content = chat.answer("POST", self.path, {}, body)
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", str(len(content)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", had
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def chat(tmp_path):
    return lambda release=(0, 8, 7), **env: LibreChat(release, {"JWT_SECRET": "s" * 64, **env}, tmp_path)


def ask(address, email=EMAIL, password=PASSWORD, *, read_only=False):
    return asyncio.run(prove(LocalHttpActs(read_only=read_only), "c", address, email, password, now=7.0))


# What each release sends: LibreChat AuthService.js of v0.7.2 and v0.8.2, pull requests 11782 and 13189
@pytest.mark.parametrize(
    ("release", "env", "secure"),
    [
        ((0, 7, 2), {"NODE_ENV": "production"}, True),
        ((0, 7, 2), {"NODE_ENV": "development"}, False),
        ((0, 8, 7), {"NODE_ENV": "production", "DOMAIN_SERVER": "http://192.0.2.1:3080"}, True),
        ((0, 8, 7), {"NODE_ENV": "production", "SESSION_COOKIE_SECURE": "false"}, False),
    ],
)
def test_the_attributes_of_the_cookie_are_read_from_a_real_answer(chat, release, env, secure):
    with serving(chat(release, **env)) as (address, had):
        found = ask(address)
    assert (found.outcome, found.secure, found.same_site, found.http_only) == ("cookie", secure, "Strict", True)
    assert (found.address, found.asked_at, found.sentence) == (address, 7.0, None)
    ((path, headers, body),) = had
    assert path == "/api/auth/login"
    assert json.loads(body) == {"email": EMAIL, "password": PASSWORD}
    assert headers["User-Agent"].startswith("Mozilla/"), "a server that takes programs for attacks bans the address"
    assert "eyJ" not in repr(found), "the token is not kept"


def test_what_is_no_cookie_is_told_in_a_sentence(chat):
    with serving(chat()) as (address, had):
        assert ask(address, password="x" * 12).outcome == "refused"
        pending = ask(address, TWO_FACTORS)
        assert (pending.outcome, pending.secure) == ("two-factor", None)
        for _ in range(5):
            ask(address)
        late = ask(address)
    assert len(had) == 8
    assert (late.outcome, "five minutes" in late.sentence) == ("rate-limited", True)
    assert ask(address).outcome == "unreachable", "it has gone"
    assert ask(address, read_only=True).outcome == "withheld"


# the far side is not LibreChat, or not well
@pytest.mark.parametrize(
    ("status", "kind", "body", "outcome"),
    [
        (200, "text/html", b"<!DOCTYPE html>", "unexpected"),
        (200, "application/json", b"[]", "unexpected"),
        (200, "application/json", b'{"token":"x"}', "no-cookie"),
        (
            403,
            "application/json",
            b'{"message":"Your account has been temporarily banned due to violations"}',
            "banned",
        ),
        (404, "text/html", b"<h1>Not here</h1>", "unexpected"),
        (422, "application/json", b"{}", "refused"),
        (502, "text/html", b"", "unexpected"),
        (302, "text/html", b"", "unexpected"),
    ],
)
def test_any_other_answer_proves_nothing(status, kind, body, outcome):
    found = told(HttpReply(status, BASE, {"content-type": kind}, body), "c", BASE, 1.0)
    assert (found.outcome, found.secure) == (outcome, None)
    assert found.sentence


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("refreshToken=a.b; Path=/; Expires=Sat, 28 Nov 2026 15:10:00 GMT; HttpOnly; Secure; SameSite=Strict",
         {"path", "expires", "httponly", "secure", "samesite"}),
        ("token_provider=librechat; Path=/; Secure, refreshToken=a; Path=/; Expires=Sat, 28 Nov 2026 15:10:00 GMT",
         {"path", "expires"}),
        ("refreshToken=a; Path=/, token_provider=x; Secure", {"path"}),
        ("refreshToken=a;SECURE ; samesite=None", {"secure", "samesite"}),
        ("refreshToken=; Path=/; Secure", None),
        ("other=refreshToken=a; Secure", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_cookie_is_found_among_others(header, found):
    told_of = attributes(header)
    assert (None if told_of is None else set(told_of)) == found


def chatting(**more) -> Container:
    given = {
        "id": "c" * 64,
        "name": "LibreChat",
        "image": "ghcr.io/danny-avila/librechat-dev:latest",
        "state": "running",
    }
    return Container(**{**given, **more})


@pytest.mark.parametrize(
    ("more", "port", "address"),
    [
        ({"ports": (Port(3080, host_ip="0.0.0.0", host_port=3080),)}, None, "http://127.0.0.1:3080"),
        ({"ports": (Port(3080, host_ip="192.0.2.7", host_port=80),)}, None, "http://192.0.2.7:80"),
        ({"ports": (Port(3080, host_ip="::1", host_port=81),)}, None, "http://[::1]:81"),
        ({"ports": (Port(8080, host_ip="0.0.0.0", host_port=8080),)}, "8080", "http://127.0.0.1:8080"),
        ({"ports": (Port(9999, host_ip="0.0.0.0", host_port=9998),)}, None, "http://127.0.0.1:9998"),
        ({"env": (EnvVar("PORT", "4000"),), "network_mode": "host"}, "3080", "http://127.0.0.1:4000"),
        ({"networks": (NetworkLink("x", "172.18.0.9"),)}, None, "http://172.18.0.9:3080"),
        ({}, None, None),
    ],
)
def test_it_is_asked_where_this_machine_reaches_it(more, port, address):
    assert address_of(chatting(**more), port) == address


# -- when a login is sent at all -------------------------------------------------------------------------------------


class Acts:
    """Answers as a stand-in, counts."""

    def __init__(self, chat: LibreChat) -> None:
        self.chat, self.sent = chat, []

    async def post(self, url, body, *, headers=None, deadline=30.0, limit=1 << 20, on_chunk=None):
        self.sent.append(url)
        status, rows, content = self.chat.answer(
            "POST", url[len("http://127.0.0.1:3080") :], {}, json.dumps(body).encode()
        )
        found = {}
        for name, value in rows:
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
        return HttpReply(status, url, found, content)


class OneHost(MemoryHost):
    """One that things can be remembered of, as the real one."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def api(name="LibreChat", started="2026-01-01T00:00:00Z"):
    return container(
        name, image="ghcr.io/danny-avila/librechat-dev:v0.8.7", started_at=started,
        ports={"3080/tcp": [{"HostIp": "", "HostPort": "3080"}]},
    )  # fmt: skip


@pytest.fixture
def host(chat, monkeypatch):
    monkeypatch.setenv("CHAT_EMAIL", EMAIL)
    monkeypatch.setenv("CHAT_PASSWORD", PASSWORD)
    made = OneHost(engine=MemoryEngine(api()), clock=FakeClock(), read_only=False)
    made.http_acts = Acts(chat(NODE_ENV="production", DOMAIN_SERVER="http://192.0.2.1"))
    return made


def look(host, *asked, settings=SETTINGS):
    """One of several looks through the same sources."""
    known = host.__dict__.setdefault("looks", {})
    if repr(settings) not in known:
        known[repr(settings)] = Looks(host, settings)
    found = known[repr(settings)].look(asked)
    return found.cookie_proofs


def test_nothing_is_sent_unless_somebody_asks_and_an_account_is_named(host):
    assert look(host) == ()
    assert look(host, LOGIN, settings=Settings()) == ()
    assert host.http_acts.sent == []


def test_many_looks_at_one_life_cost_one_login_and_the_next_life_one_more(host):
    (first,) = look(host, LOGIN)
    assert first.secure is True
    assert look(host, LOGIN) == look(host) == (first,), "what was seen stays, also where nobody asks"
    assert len(host.http_acts.sent) == 1
    host.engine.containers_by_id[first.container]["State"]["StartedAt"] = "2026-01-01T00:05:00Z"
    assert look(host) == (), "of a process that has ended it proves nothing"
    host.http_acts.chat.env = {**host.http_acts.chat.env, "SESSION_COOKIE_SECURE": "false"}
    (second,) = look(host, LOGIN)
    assert second.secure is False
    assert len(host.http_acts.sent) == 2


def test_lives_that_follow_one_another_quickly_have_three_logins_in_five_minutes(host):
    ident = look(host, LOGIN)[0].container
    for minute in range(1, 6):
        host.engine.containers_by_id[ident]["State"]["StartedAt"] = f"2026-01-01T00:0{minute}:00Z"
        (found,) = look(host, LOGIN)
    assert len(host.http_acts.sent) == MOST
    assert (found.outcome, "five minutes" in found.sentence) == ("withheld", True)


def test_an_account_that_was_refused_is_never_tried_again(host, monkeypatch):
    monkeypatch.setenv("CHAT_PASSWORD", "wrong as can be")
    (found,) = look(host, LOGIN)
    assert found.outcome == "refused"
    host.engine.containers_by_id[found.container]["State"]["StartedAt"] = "2026-01-01T00:05:00Z"
    assert look(host, LOGIN)[0].outcome == "withheld"
    assert len(host.http_acts.sent) == 1
    monkeypatch.setenv("CHAT_PASSWORD", PASSWORD)
    assert look(host, LOGIN)[0].outcome == "cookie", "another account may be"


def test_with_two_librechats_the_login_is_sent_to_none(host):
    other = api("LibreChat-2")
    host.engine.containers_by_id[other["Id"]] = other
    found = look(host, LOGIN)
    assert {one.outcome for one in found} == {"withheld"}
    assert all("--project" in one.sentence for one in found)
    assert host.http_acts.sent == []


def test_a_variable_that_is_not_set_is_named(host, monkeypatch):
    monkeypatch.delenv("CHAT_PASSWORD")
    assert "CHAT_PASSWORD" in look(host, LOGIN)[0].sentence
    half = replace(SETTINGS, librechat=LibreChatSettings(email_env="CHAT_EMAIL"))
    assert "password_env" in look(host, LOGIN, settings=half)[0].sentence
    assert host.http_acts.sent == []


def test_the_password_is_a_secret_from_then_on(host):
    look(host, LOGIN)
    from stackops.console.text.cleaning import redact

    assert PASSWORD not in redact(f"it said {PASSWORD} twice")
    assert SECRETS


def test_the_names_are_settings():
    found = parse('[librechat]\nemail_env = "A"\npassword_env = "B"\n').librechat
    assert (found.email_env, found.password_env) == ("A", "B")
