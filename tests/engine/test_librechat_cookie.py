"""librechat.cookie and librechat.not-applied on the real LibreChat v0.7.2 compose file, judged from outside."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.request

import pytest
from support.librechat_server import EMAIL, PASSWORD
from support.stacks import docker, printed_by_this_run, wait_for

COOKIE, BEHIND, API = "librechat.cookie", "librechat.not-applied", "LibreChat"
LAN = "http://192.0.2.10:3080"
BASE = "http://127.0.0.1:3080"
SEEN = "seen at a login"
TAGGED = """services:
  api:
    image: ghcr.io/danny-avila/librechat-dev:{tag}   # ours
"""


@pytest.fixture(scope="module")
def shared(shared_stack):
    """LibreChat v0.7.2, all of its services; every test begins by making it good."""
    return shared_stack("librechat/v0.7.2", "docker-compose.yml", ".env.example")


@pytest.fixture
def librechat(shared):
    """A checkout of v0.7.2 as the guide leaves it: .env copied from the example."""
    shutil.copyfile(shared.path(".env.example"), shared.path(".env"))
    shared.path("docker-compose.override.yml").unlink(missing_ok=True)
    return shared


@pytest.fixture
def account(librechat, monkeypatch):
    """The settings name an account, by the variables that hold it."""
    monkeypatch.setenv("CHAT_EMAIL", EMAIL)
    monkeypatch.setenv("CHAT_PASSWORD", PASSWORD)
    before = librechat.settings.read_text()
    named = '[librechat]\nemail_env = "CHAT_EMAIL"\npassword_env = "CHAT_PASSWORD"\n'
    librechat.settings.write_text(before + named)
    yield
    librechat.settings.write_text(before)


def up(stack) -> None:
    """All of it, on the files as they are, and settled: what dies for want of a database is started again meanwhile."""
    before = docker("ps", "-q", "--no-trunc", "--filter", f"name=^/{API}$")
    stack.up()
    if before and before == docker("ps", "-q", "--no-trunc", "--filter", f"name=^/{API}$"):
        docker("restart", "-t", "0", API)  # .env is no part of its definition
    wait_for(lambda: "Uvicorn running" in printed_by_this_run("rag_api"))
    wait_for(lambda: "Server listening" in printed_by_this_run(API))


def cookie() -> str:
    """From outside: the header of a login of our own."""
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    asked = urllib.request.Request(f"{BASE}/api/auth/login", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=5) as reply:
        return reply.headers["Set-Cookie"]


def shown(result) -> dict[str, str]:
    return {row["label"]: row["value"] for row in result["evidence"]}


def set_env(stack, **values: str) -> None:
    text = stack.path(".env").read_text(encoding="utf-8")
    for name, value in values.items():
        text, found = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", text)
        text += "" if found else f"{name}={value}\n"
    stack.write(".env", text)


def command(stack) -> list[str]:
    return stack.inspect(API)["Config"]["Cmd"]


def variables(stack, name: str = API) -> dict[str, str]:
    return dict(one.split("=", 1) for one in stack.inspect(name)["Config"]["Env"])


def older(stack) -> None:
    """Let the containers get older than what clocks and file systems round."""
    wait_for(lambda: time.time() - max(stack.started(one) for one in stack.containers()) > 2.6)


def test_the_default_stack_of_v0_7_2_starts_node_directly_and_is_taken_back(librechat, account):
    up(librechat)
    result = librechat.result(COOKIE, API)
    assert (result["status"], result["severity"]) == ("finding", "warning")
    rows = shown(result)
    assert (rows["release"], rows["NODE_ENV"]) == ("v0.7.2", "production")
    assert rows["published"].endswith(":3080")
    assert rows[SEEN] == "Secure, HttpOnly, SameSite=Strict"
    assert "; Secure;" in cookie()
    assert PASSWORD not in json.dumps(result)

    before, containers = librechat.tree(), librechat.containers()
    done = librechat.fix(COOKIE, API)
    assert done.returncode == 0, done.stderr
    assert "in clear" in done.stdout + done.stderr
    assert command(librechat) == ["node", "api/server/index.js"]
    assert variables(librechat)["NODE_ENV"] == "development"
    wait_for(lambda: "Server listening" in printed_by_this_run(API))
    assert "Secure" not in cookie()
    repaired = librechat.result(COOKIE, API)
    assert (repaired["status"], shown(repaired)[SEEN]) == ("ok", "not Secure, HttpOnly, SameSite=Strict")
    assert librechat.result(BEHIND, API)["status"] == "ok"
    kept = {one for one, was in librechat.containers().items() if containers.get(one) == was}
    assert len(kept) == len(containers) - 1, "only the one service was made anew"

    again = librechat.stackops("fix", COOKIE, API, "--yes", "--disruptive")
    assert again.returncode == 0, again.stderr
    assert command(librechat) == ["node", "api/server/index.js"]

    undone = librechat.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert command(librechat) == ["npm", "run", "backend"]
    assert librechat.tree() == before
    wait_for(lambda: "Server listening" in printed_by_this_run(API))
    assert "; Secure;" in cookie()


def test_v0_8_7_gets_one_line_in_env_and_a_restart(librechat, account):
    librechat.write("docker-compose.override.yml", TAGGED.format(tag="v0.8.7"))
    set_env(librechat, DOMAIN_CLIENT=LAN, DOMAIN_SERVER=LAN)
    up(librechat)
    older(librechat)
    result = librechat.result(COOKIE, API)
    assert (result["status"], result["severity"]) == ("finding", "error")
    assert shown(result)[SEEN].startswith("Secure")

    before, containers, old = librechat.tree(), librechat.containers(), librechat.path(".env").read_text("utf-8")
    done = librechat.fix(COOKIE, API)
    assert done.returncode == 0, done.stderr
    new = librechat.path(".env").read_text("utf-8")
    added = [line for line in new.splitlines() if line not in old.splitlines()]
    assert added == ["SESSION_COOKIE_SECURE=false"]
    assert docker("exec", API, "grep", "SESSION_COOKIE_SECURE", "/app/.env") == "SESSION_COOKIE_SECURE=false"
    assert set(librechat.containers()) == set(containers), "nothing was made anew"
    wait_for(lambda: "Server listening" in printed_by_this_run(API))
    assert "Secure" not in cookie()
    repaired = librechat.result(COOKIE, API)
    assert (repaired["status"], shown(repaired)[SEEN].partition(",")[0]) == ("ok", "not Secure")
    assert librechat.result(BEHIND, API)["status"] == "ok", "rag_api does not look at that line"

    undone = librechat.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert librechat.tree() == before


def test_an_edit_that_nobody_restarted_for_is_seen_in_the_cookie_and_an_account_that_is_refused_in_no_more_than_a_row(
    librechat, account, monkeypatch
):
    librechat.write("docker-compose.override.yml", TAGGED.format(tag="v0.8.7"))
    set_env(librechat, DOMAIN_CLIENT=LAN, DOMAIN_SERVER=LAN)
    up(librechat)
    set_env(librechat, SESSION_COOKIE_SECURE="false")
    unproven = librechat.stackops("check", "--json")
    assert '"login"' not in unproven.stdout, "nobody logs in unless the check is asked for by name"
    found = librechat.result(COOKIE, API)
    assert (found["status"], shown(found)["SESSION_COOKIE_SECURE"]) == ("finding", "false")
    assert "no longer ask for" in found["title"]
    assert librechat.fix(COOKIE, API).returncode == 0
    assert "Secure" not in cookie()
    monkeypatch.setenv("CHAT_PASSWORD", "not the password")
    refused = librechat.result(COOKIE, API)
    assert refused["status"] == "ok"
    assert "refuses the login" in shown(refused)["login"]


def test_a_rolling_image_whose_banner_has_left_the_log_tells_its_release_by_its_package_json(librechat):
    """The log driver ``none`` has no log at all, as a rotated one has none of the start."""
    text = "services:\n  api:\n    logging: {driver: none}\n"
    librechat.write("docker-compose.override.yml", text)
    librechat.up("api")
    rows = wait_for(lambda: (r := librechat.result(COOKIE, API))["status"] == "finding" and r["evidence"])
    release = next(row for row in rows if row["label"] == "release")
    assert (release["value"], release["source"]) == ("v0.7.2", f"/app/package.json in {API}")


def test_backend_dev_without_nodemon_is_told_and_replaced(librechat):
    text = TAGGED.format(tag="v0.7.5") + "    command: npm run backend:dev\n"
    override = librechat.write("docker-compose.override.yml", text)
    librechat.up()
    wait_for(lambda: "nodemon: not found" in librechat.logs(API))
    wait_for(lambda: librechat.result(COOKIE, API)["status"] == "finding")
    assert librechat.fix(COOKIE, API).returncode == 0
    assert librechat.inspect(API)["State"]["Status"] == "running"
    assert 'command: ["node", "api/server/index.js"]' in override.read_text("utf-8")
    assert "# ours" in override.read_text("utf-8")


def test_a_port_for_this_machine_only_and_an_https_address_are_left_alone(librechat):
    set_env(librechat, DOMAIN_CLIENT="https://chat.example.org", DOMAIN_SERVER="https://chat.example.org")
    up(librechat)
    assert librechat.result(COOKIE, API)["status"] == "ok"
    set_env(librechat, DOMAIN_CLIENT="http://localhost:3080")
    librechat.write(
        "docker-compose.override.yml", 'services:\n  api:\n    ports: !override\n      - "127.0.0.1:3080:3080"\n'
    )
    up(librechat)
    assert librechat.result(COOKIE, API)["status"] == "ok"


def test_rag_api_with_the_old_secret_is_made_anew_and_nothing_else(librechat):
    up(librechat)
    older(librechat)
    assert librechat.result(BEHIND, API)["status"] == "ok"
    set_env(librechat, JWT_SECRET="b" * 64)
    docker("restart", "-t", "0", API)
    result = librechat.result(BEHIND, API)
    assert (result["status"], result["severity"]) == ("finding", "error")
    assert "JWT_SECRET" in result["title"]
    assert "b" * 64 not in str(result)

    before, containers = librechat.tree(), librechat.containers()
    assert librechat.fix(BEHIND, API).returncode == 0
    assert variables(librechat, "rag_api")["JWT_SECRET"] == "b" * 64
    kept = {one for one, was in librechat.containers().items() if containers.get(one) == was}
    assert len(kept) == len(containers) - 1
    assert librechat.tree() == before
    assert librechat.result(BEHIND, API)["status"] == "ok"


def test_an_edit_that_only_a_restart_followed_is_told_by_composes_own_hash(librechat):
    override = librechat.write(
        "docker-compose.override.yml", "services:\n  api:\n    environment:\n      - TITLE=one\n"
    )
    up(librechat)
    older(librechat)
    override.write_text(override.read_text("utf-8").replace("one", "one  # a comment"), encoding="utf-8")
    assert librechat.result(BEHIND, API)["status"] == "ok", "a comment changes nothing"
    override.write_text(override.read_text("utf-8") + "    labels: {ours: two}\n", encoding="utf-8")
    docker("restart", "-t", "0", API)
    result = librechat.result(BEHIND, API)
    assert result["status"] == "finding"
    assert "config-hash" in {row["label"] for row in result["evidence"]}
    assert librechat.stackops("--read-only", "check", BEHIND).returncode in (0, 1)

    assert librechat.fix(BEHIND, API).returncode == 0
    assert librechat.inspect(API)["Config"]["Labels"]["ours"] == "two"
    assert librechat.result(BEHIND, API)["status"] == "ok"


def test_a_closed_registration_that_nobody_restarted_for(librechat):
    up(librechat)
    older(librechat)
    set_env(librechat, ALLOW_REGISTRATION="false")
    assert librechat.result(BEHIND, API)["status"] == "finding"
    assert librechat.fix(BEHIND, API).returncode == 0
    assert docker("exec", API, "grep", "^ALLOW_REGISTRATION", "/app/.env") == "ALLOW_REGISTRATION=false"
    assert librechat.result(BEHIND, API)["status"] == "ok"
