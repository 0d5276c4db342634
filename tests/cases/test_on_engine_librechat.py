"""Reports about LibreChat's configuration, played on a real Engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.played import WAITS, played
from support.stacks import Stack, wait_for

pytestmark = pytest.mark.engine

DOTENV = "DOMAIN_SERVER=https://chat.example.org\nDOMAIN_CLIENT=https://chat.example.org\nJWT_SECRET=of-nobody\n"
GOOD = "version: 1.2.1\ncache: true\n"


def of(stack: Stack, service: str) -> list[dict[str, Any]]:
    """What ``check --json`` finds about one service."""
    done = stack.stackops("check", "--json")
    assert done.returncode in (0, 1), done.stderr + done.stdout
    found = [one for one in json.loads(done.stdout)["results"] if one["status"] == "finding"]
    return [one for one in found if one["subject"] == f"{stack.name}-{service}-1"]


def one_of(stack: Stack, service: str, check: str) -> dict[str, Any]:
    """What one check finds about it, as soon as the Engine has handed over what that takes."""
    found: dict[str, Any]
    (found,) = wait_for(lambda: [one for one in of(stack, service) if one["check"] == check])
    return found


PANEL = """services:
  panel:
    image: librechat-admin-panel:latest
    restart: always
    environment: {PORT: 3000, SESSION_SECRET: "${ADMIN_PANEL_SESSION_SECRET}"}
"""
REFUSES = "echo 'Error: SESSION_SECRET must be at least 32 characters' >&2; sleep 1; exit 1"


@pytest.mark.parametrize("dotenv", ["PORT=3080\n", "ADMIN_PANEL_SESSION_SECRET=\n", "ADMIN_PANEL_SESSION_SECRET=abc\n"])
def test_an_admin_panel_without_a_secret_that_is_long_enough(tmp_path: Path, dotenv: str) -> None:
    with played(tmp_path, PANEL, {"librechat-admin-panel:latest": REFUSES}, {".env": dotenv}) as stack:
        name = f"{stack.name}-panel-1"
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 2)
        found = one_of(stack, "panel", "wiring.unset")
        assert found["severity"] == "error"
        said = json.dumps(found)
        wanted = ("ADMIN_PANEL_SESSION_SECRET", f"{stack.folder}/.env", "must be at least 32 characters")
        assert [word for word in wanted if word not in said] == []


API = """services:
  api:
    image: librechat-dev-api:latest
    volumes: [{volumes}]
{more}"""
IN_API = {"librechat-dev-api:latest": ("WORKDIR /app/api",)}


def test_a_relative_config_path_of_an_api_image_is_pointed_to_the_file(tmp_path: Path) -> None:
    compose = API.format(volumes='"./librechat.yaml:/app/librechat.yaml"', more="    env_file: .env\n")
    files = {".env": f"{DOTENV}CONFIG_PATH=./librechat.yaml\n", "librechat.yaml": GOOD}
    with played(tmp_path, compose, {"librechat-dev-api:latest": WAITS}, files, IN_API) as stack:
        name = f"{stack.name}-api-1"
        found = one_of(stack, "api", "librechat.config-mount")
        assert "CONFIG_PATH leads LibreChat to /app/api/librechat.yaml" in found["title"]
        assert stack.fix("librechat.config-mount", name).returncode == 0
        assert "CONFIG_PATH=/app/librechat.yaml" in stack.inspect(name)["Config"]["Env"]
        assert len(stack.inspect(name)["Mounts"]) == 1
        assert not stack.path("docker-compose.override.yml").exists()


def test_an_env_file_that_an_api_image_does_not_read_is_mounted_where_it_looks(tmp_path: Path) -> None:
    compose = API.format(volumes='"./.env:/app/.env"', more="")
    with played(tmp_path, compose, {"librechat-dev-api:latest": WAITS}, {".env": DOTENV}, IN_API) as stack:
        name = f"{stack.name}-api-1"
        found = one_of(stack, "api", "librechat.env-file")
        assert (found["form"], found["severity"]) == ("lacking", "error")
        assert "JWT_SECRET" in found["title"]
        before = stack.tree()
        assert stack.fix("librechat.env-file", name).returncode == 0
        there = {one["Destination"]: one["Source"] for one in stack.inspect(name)["Mounts"]}
        assert there["/app/api/.env"] == f"{stack.folder}/.env"
        assert [one for one in of(stack, "api") if one["check"] == "librechat.env-file"] == []
        undone = stack.stackops("undo", "--yes")
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert stack.tree() == before
        assert "/app/api/.env" not in {one["Destination"] for one in stack.inspect(name)["Mounts"]}


MAIN = """services:
  api:
    image: librechat:v0.8.1
    restart: always
    user: "${UID}:${GID}"
    volumes: ["./.env:/app/.env", "./logs:/app/api/logs"]
"""
EACCES = """echo '> LibreChat@v0.8.1 backend'
touch /app/api/logs/error.log 2>/dev/null && exec sleep 1000000
echo "error: There was an uncaught error: EACCES: permission denied, open '/app/api/logs/error-2025-01-10.log'"
sleep 1; exit 1
"""


def test_a_user_of_dotenv_who_may_not_write_the_log(tmp_path: Path) -> None:
    files = {".env": f"{DOTENV}UID=1007\nGID=1008\n", "logs/kept": ""}
    with played(tmp_path, MAIN, {"librechat:v0.8.1": EACCES}, files) as stack:
        name = f"{stack.name}-api-1"
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 2)
        found = one_of(stack, "api", "container.permission")
        assert found["severity"] == "error"
        said = json.dumps(found)
        user = f"1007:1008 (UID and GID in {stack.folder}/.env)"
        assert [word for word in (user, f"{stack.folder}/logs", "EACCES: permission denied") if word not in said] == []


VERSION = """services:
  api:
    image: librechat:v0.8.4
    restart: always
    volumes: ["./.env:/app/.env", "./librechat.yaml:/app/librechat.yaml"]
"""
TWO = """endpoints:
  azureOpenAI:
    groups:
      - {group: west, apiKey: "${WEST_KEY}", instanceName: mine, models: {gpt-4o: {deploymentName: d, version: "v"}}}
"""


def test_a_missing_version_is_repaired_and_proven_beside_a_fault_over_which_it_still_ends(
    tmp_path: Path,
) -> None:
    script = {"librechat:v0.8.4": "echo '> LibreChat@v0.8.4 backend'; sleep 1; exit 1"}
    with played(tmp_path, VERSION, script, {".env": DOTENV, "librechat.yaml": TWO}) as stack:
        name = f"{stack.name}-api-1"
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 2)
        found = one_of(stack, "api", "librechat.config-valid")
        assert found["form"] == "schema"
        done = stack.fix("librechat.config-valid", name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert stack.path("librechat.yaml").read_text() == f"version: 1.3.6\n{TWO}"
        left = one_of(stack, "api", "librechat.config-valid")
        assert left["form"] == "azure"
        assert "WEST_KEY" in json.dumps(left)
