"""Reports about LibreChat's configuration, written anew as folders of which nothing runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.folders import judged
from support.stacks import command

MAIN, API = "ghcr.io/danny-avila/librechat:v0.8.4", "registry.librechat.ai/danny-avila/librechat-dev-api:latest"
DOTENV = "DOMAIN_SERVER=https://chat.example.org\nDOMAIN_CLIENT=https://chat.example.org\nJWT_SECRET=of-nobody\n"
GOOD = "version: 1.2.1\ncache: true\n"
COMPOSE = """networks: {{other: {{}}}}
services:
  api:
    image: {image}
    ports: ["3080:3080"]
    environment: {environment}
    volumes: {volumes}
{more}
  mongodb:
    image: mongo:8.0.17
    command: mongod --noauth
"""


def chat(image: str = MAIN, *volumes: str, environment: str = "{}", more: str = "") -> str:
    """A LibreChat beside its database; ``more``: further keys of its service, and services."""
    listed = json.dumps(list(volumes or ("./.env:/app/.env", "./librechat.yaml:/app/librechat.yaml")))
    return COMPOSE.format(image=image, environment=environment, volumes=listed, more=more)


def told(found: list[dict[str, Any]], check: str) -> str:
    """Everything that the one finding of a check says of LibreChat."""
    (one,) = [each for each in found if each["check"] == check]
    assert one["subject"] == "stack/api"
    return json.dumps(one)


# ---- CONFIG_PATH -----------------------------------------------------------------------------------------------------

OF_HOST = "CONFIG_PATH=/data/compose/chat/librechat.yaml\n"
LONG = '{type: bind, source: "./我的配置.yaml", target: /app/librechat.yaml}'


@pytest.mark.parametrize(
    ("compose", "dotenv", "target"),
    [
        (chat(), OF_HOST, "/data/compose/chat/librechat.yaml"),
        (chat(), 'export CONFIG_PATH="./conf/librechat.yaml" # ours\n', "/app/conf/librechat.yaml"),
        (chat(), "CONFIG_PATH=~/librechat.yaml\n", "/app/~/librechat.yaml"),
        (chat(API, more="    env_file: .env"), "CONFIG_PATH=librechat.yaml\n", "/app/api/librechat.yaml"),
        (chat(API, more="    env_file: [{path: ./.env}]"), "CONFIG_PATH='./conf.yaml'\n", "/app/api/conf.yaml"),
        (chat(API, "./.env:/app/api/.env", "./librechat.yaml:/app/librechat.yaml"), OF_HOST,
         "/data/compose/chat/librechat.yaml"),
        (chat(MAIN, more="    working_dir: /app/api\n    env_file: .env"), "CONFIG_PATH=./librechat.yaml\n",
         "/app/api/librechat.yaml"),
        (chat(MAIN, "./:/app"), OF_HOST, "/data/compose/chat/librechat.yaml"),
    ],
)  # fmt: skip
def test_a_config_path_that_leads_past_the_mounted_file(tmp_path: Path, compose: str, dotenv: str, target: str) -> None:
    code, found = judged(tmp_path, compose, {".env": DOTENV + dotenv, "librechat.yaml": GOOD})
    said = told(found, "librechat.config-mount")
    assert code == 1
    assert f"CONFIG_PATH leads LibreChat to {target}," in said
    assert f"{tmp_path}/stack/.env" in said
    assert fixed(tmp_path) == {"docker-compose.yml", ".env", "librechat.yaml"}
    assert "CONFIG_PATH=/app/librechat.yaml" in (tmp_path / "stack/.env").read_text()
    assert [one for one in judged(tmp_path, compose)[1] if one["check"].startswith("librechat.")] == []


def fixed(base: Path) -> set[str]:
    """Repair the mount in earnest; the names of what lies in the folder then."""
    env = {"STACKOPS_STATE_DIR": str(base / "state"), "XDG_CONFIG_HOME": str(base / "config")}
    words = ["fix", "librechat.config-mount", "--yes", "--project-dir", str(base / "stack")]
    done = command(words, env)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name for path in (base / "stack").iterdir()}


@pytest.mark.parametrize(
    ("environment", "more"),
    [
        ("[CONFIG_PATH=/srv/librechat.yaml]", ""),
        ("{CONFIG_PATH: /srv/librechat.yaml}", ""),
        ("*settings", "x-settings: &settings {CONFIG_PATH: /srv/librechat.yaml}"),
    ],
)
def test_a_config_path_of_the_compose_file_is_told_there_and_set_in_the_override(
    tmp_path: Path, environment: str, more: str
) -> None:
    compose = f"{more}\n{chat(environment=environment)}"
    _, found = judged(tmp_path, compose, {".env": DOTENV, "librechat.yaml": GOOD})
    assert f"{tmp_path}/stack/docker-compose.yml has CONFIG_PATH" in told(found, "librechat.config-mount")
    assert "docker-compose.override.yml" in fixed(tmp_path)
    written = (tmp_path / "stack/docker-compose.override.yml").read_text()
    assert "CONFIG_PATH=/app/librechat.yaml" in written
    assert "volumes" not in written, "the file is mounted already"
    assert (tmp_path / "stack/docker-compose.yml").read_text() == compose


def test_a_config_path_into_a_mounted_folder_is_followed_there(tmp_path: Path) -> None:
    compose = chat(MAIN, "./.env:/app/.env", "./conf:/app/conf")
    files = {".env": f"{DOTENV}CONFIG_PATH=/app/conf/librechat.yaml\n", "conf/librechat.yaml": GOOD}
    words = ["check", "librechat.config-mount", "--json", "--project-dir", str(tmp_path / "stack")]
    env = {"STACKOPS_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert judged(tmp_path, compose, files) == (0, [])
    assert [one["status"] for one in json.loads(command(words, env).stdout)["results"]] == ["ok"]
    (tmp_path / "stack/conf/librechat.yaml").unlink()
    said = told(judged(tmp_path, compose)[1], "librechat.config-mount")
    assert "CONFIG_PATH leads LibreChat to /app/conf/librechat.yaml, where there is no file" in said


def test_a_config_path_in_an_env_file_of_another_name_is_told_there(tmp_path: Path) -> None:
    files = {".env": DOTENV, "chat.env": OF_HOST, "librechat.yaml": GOOD}
    _, found = judged(tmp_path, chat(more="    env_file: ./chat.env"), files)
    assert f"{tmp_path}/stack/chat.env has CONFIG_PATH" in told(found, "librechat.config-mount")


def test_a_config_path_with_nothing_mounted_at_all_gets_the_one_mount_at_the_usual_place(tmp_path: Path) -> None:
    judged(tmp_path, chat(MAIN, "./.env:/app/.env"), {".env": DOTENV + OF_HOST, "librechat.yaml": GOOD})
    assert "docker-compose.override.yml" in fixed(tmp_path)
    written = (tmp_path / "stack/docker-compose.override.yml").read_text()
    assert re.findall(r"target: (\S+)", written) == ["/app/librechat.yaml"]


@pytest.mark.parametrize(
    ("compose", "dotenv"),
    [
        (chat(), "CONFIG_PATH=/app/librechat.yaml\n"),
        (chat(), "CONFIG_PATH=./librechat.yaml\n"),
        (chat(), "CONFIG_PATH=\n"),
        (chat(), f"# {OF_HOST}"),
        (chat(), "CONFIG_PATH=https://conf.example.org/librechat.yaml\n"),
        (chat(API), OF_HOST),
        (chat(API, more="    env_file: .env"), "CONFIG_PATH=../librechat.yaml\n"),
        (chat(MAIN, "./.env:/app/.env", "./librechat.yaml:/cfg/my.yaml"), "CONFIG_PATH=/cfg/my.yaml\n"),
        (chat(MAIN, "./.env:/app/.env", "./:/cfg"), "CONFIG_PATH=/cfg/librechat.yaml\n"),
        (chat(environment="{CONFIG_PATH: /app/librechat.yaml}"), OF_HOST),
    ],
)
def test_a_config_path_that_leads_to_the_file_or_is_never_read(tmp_path: Path, compose: str, dotenv: str) -> None:
    _, found = judged(tmp_path, compose, {".env": DOTENV + dotenv, "librechat.yaml": GOOD})
    assert [one for one in found if one["check"] == "librechat.config-mount"] == []


# ---- addresses and variables in librechat.yaml -----------------------------------------------------------------------

ENDPOINT = '    - {{name: "{name}", apiKey: "{key}", baseURL: "{url}", models: {{default: ["m"]}}}}\n'
HELPERS = """
  later:
    image: vllm/vllm-openai:v0.8.5
    profiles: [gpu]
  ollama:
    image: ollama/ollama:0.5.7
    ports: ["7869:11434"]
  rag_api:
    image: ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest
    env_file: .env
  litellm:
    image: ghcr.io/berriai/litellm:main-stable
    container_name: gateway
    ports: ["4001:4000"]
  voice:
    image: registry.example.org/speech/own:2
    ports: ["9000:8090"]
  apart:
    image: vllm/vllm-openai:v0.8.5
    networks: [other]
"""


def settings(*endpoints: tuple[str, str], more: str = "") -> str:
    """A librechat.yaml with custom endpoints of these names and addresses."""
    custom = "".join(ENDPOINT.format(name=name, key="user_provided", url=url) for name, url in endpoints)
    return f"version: 1.2.1\n{more}" + (f"endpoints:\n  custom:\n{custom}" if custom else "")


def of_settings(base: Path, text: str, dotenv: str = "", compose: str = "") -> list[dict[str, Any]]:
    """What is found of a folder with this librechat.yaml."""
    return judged(base, compose or chat(more=HELPERS), {".env": DOTENV + dotenv, "librechat.yaml": text})[1]


@pytest.mark.parametrize(
    ("url", "form", "words"),
    [
        ("http://olama:11434/v1", "nobody", ["olama:11434", "ollama:11434"]),
        ("http://vllm:8000/v1", "nobody", ["vllm:8000"]),
        ("http://apart:8000/v1", "apart", ["apart"]),
        ("http://ollama:7869/v1", "port", ["ollama:7869", "ollama:11434"]),
        ("http://gateway:4001/v1", "port", ["gateway:4001", "4000"]),
        ("http://rag_api:8080/v1", "port", ["rag_api:8080", "rag_api:8000"]),
        ("http://voice:9000/v1", "port", ["voice:9000", "voice:8090"]),
        ("http://localhost:7869/v1", "itself", ["localhost:7869", "ollama:11434"]),
        ("http://127.0.0.2:8000/v1", "itself", ["127.0.0.2:8000"]),
        ("http://0.0.0.0:11434/v1", "itself", ["0.0.0.0:11434", "ollama:11434"]),
        ("http://${LLM_HOST}:11434/v1", "nobody", ["llm:11434"]),
    ],
)
def test_an_endpoint_that_leads_nowhere(tmp_path: Path, url: str, form: str, words: list[str]) -> None:
    found = of_settings(tmp_path, settings(("Fine", "http://192.168.1.9/v1"), ("Mine", url)), "LLM_HOST=llm\n")
    (one,) = found
    assert (one["check"], one["subject"], one["form"], one["severity"]) == (
        "wiring.address", "stack/api", form, "warning",
    )  # fmt: skip
    said = json.dumps(one)
    assert [word for word in [*words, "endpoint Mine", "librechat.yaml:5"] if word not in said] == []
    assert "Fine" not in said


def test_every_kind_of_address_is_followed_and_all_are_told_at_once(tmp_path: Path) -> None:
    more = """ocr: {baseURL: "http://ocr:1/v1", apiKey: k, strategy: custom_ocr}
speech:
  tts: {openai: {url: "http://tts:2/v1/audio/speech", apiKey: k, model: m, voices: [a]}}
  stt: {openai: {url: "http://stt:3/v1/audio/transcriptions", apiKey: k, model: m}}
mcpServers:
  files: {type: sse, url: "http://mcp:4/sse"}
  工具: {type: websocket, url: "ws://mcp2:5"}
webSearch: {searxngInstanceUrl: "http://searxng:6"}
"""
    (one,) = of_settings(tmp_path, settings(("a", "http://one:7/v1"), ("b", "http://localhost:8/v1"), more=more))
    said = json.dumps(one, ensure_ascii=False)
    wanted = ("ocr:1", "tts:2", "stt:3", "mcp:4", "MCP server 工具", "searxng:6", "one:7", "localhost:8")
    assert [word for word in wanted if word not in said] == []
    assert "7 more addresses" in one["title"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (settings(("Mine", "api.example.org/v1")), ["endpoint Mine", "no https:// or http://"]),
        (settings(("Mine", "ollama:11434/v1")), ["endpoint Mine", "no https:// or http://"]),
        (settings(("Mine", "https//api.example.org/v1")), ["endpoint Mine", "no https:// or http://"]),
        (settings(("Mine", "http://ollama:11434/api/generate")), ["endpoint Mine", "/v1 in place of /api/generate"]),
        (settings(("Mine", "http://ollama:11434/v1/chat/completions")), ["endpoint Mine", "cut /chat/completions off"]),
        (settings(more='ocr: {baseURL: "ocr.example.org/v1", apiKey: k}\n'), ["ocr", "no https:// or http://"]),
        (settings(more='speech: {tts: {localai: {url: "tts:8080", voices: [a], backend: b}}}\n'),
         ["speech.tts.localai", "no https:// or http://"]),
        (settings(more='speech: {stt: {openai: {url: "", apiKey: "${STT_KEY}", model: m}}}\n'), ["STT_KEY"]),
        (settings(more='mcpServers: {a: {type: sse, url: "https://m.example.org", headers: {X-Key: "${MCP_KEY}"}}}\n'),
         ["MCP server a", "MCP_KEY", "headers.X-Key"]),
        (settings(("Mine", "https://${REGION}.example.org/v1")), ["REGION"]),
        (settings(("Mine", "${BASE:-https://a.example.org}")), ["BASE:-https"]),
    ],
)  # fmt: skip
def test_an_address_or_a_variable_that_cannot_work(tmp_path: Path, text: str, words: list[str]) -> None:
    said = told(of_settings(tmp_path, text), "librechat.config-valid")
    assert [word for word in words if word not in said] == []


AZURE = """version: "1.2.1"
endpoints:
  azureOpenAI:
    groups:
      - group: westeurope
        apiKey: "{key}"
        baseURL: "{url}"
        instanceName: mine
        deploymentName: gpt-4o
        version: "2024-10-21"
        models: {{gpt-4o: true}}
"""


def test_an_azure_group_without_a_scheme_and_its_placeholders(tmp_path: Path) -> None:
    found = of_settings(tmp_path, AZURE.format(key="k", url="${INSTANCE_NAME}.openai.azure.com"))
    said = told(found, "librechat.config-valid")
    assert "group westeurope, baseURL has no https://" in said
    good = AZURE.format(key="k", url="https://${INSTANCE_NAME}.openai.azure.com/openai/deployments/${DEPLOYMENT_NAME}")
    assert of_settings(tmp_path, good) == []


@pytest.mark.parametrize(
    ("compose", "dotenv"),
    [
        (chat(), "OUR_KEY=k\nOUR_URL=https://a.example.org/v1\n"),
        (chat(API, more="    env_file: [.env]"), "OUR_KEY=k\nOUR_URL=https://a.example.org/v1\n"),
        (chat(environment="{OUR_KEY: k, OUR_URL: 'https://a.example.org/v1'}"), ""),
        (chat(environment="[OUR_KEY, 'OUR_URL=${ADDRESS}']"), "OUR_KEY=k\nADDRESS=https://a.example.org/v1\n"),
    ],
)
def test_a_variable_that_something_sets_is_left_alone(tmp_path: Path, compose: str, dotenv: str) -> None:
    text = "version: 1.2.1\nendpoints:\n  custom:\n" + ENDPOINT.format(name="a", key="${OUR_KEY}", url="${OUR_URL}")
    assert of_settings(tmp_path, text, dotenv, compose) == []
    both = told(of_settings(tmp_path, text, "OTHER=1\n", chat()), "librechat.config-valid")
    assert "${OUR_KEY}" in both
    assert "${OUR_URL}" in both


def test_settings_in_order_are_left_alone(tmp_path: Path) -> None:
    more = """ocr: {baseURL: "${OCR_URL}", apiKey: user_provided}
webSearch: {serperApiKey: "${SERPER_API_KEY}", searxngInstanceUrl: "${SEARXNG_INSTANCE_URL}"}
mcpServers:
  own: {type: streamable-http, url: "http://voice:8090/mcp", headers: {X-User: "{{LIBRECHAT_USER_ID}}"}}
  here: {command: npx, args: ["-y", "some-mcp"]}
"""
    good = settings(
        ("Ollama", "http://ollama:11434/v1/"), ("ByName", "http://gateway:4000/v1"), ("rag", "http://rag_api:8000/v1"),
        ("Host", "http://host.docker.internal:8000/v1"), ("LAN", "http://10.0.0.7:8000/v1"), ("User", "user_provided"),
        ("Away", "https://api.deepseek.com"), ("Later", "http://later:8000/v1"),
        ("own", "http://voice:8090/v1"), more=more,
    )  # fmt: skip
    hosts = '    extra_hosts: ["host.docker.internal:host-gateway"]'
    assert (
        of_settings(tmp_path, good, "OCR_URL=https://ocr.example.org/v1\nPORT=3080\n", chat(more=hosts + HELPERS)) == []
    )


def test_an_endpoint_on_the_machine_without_its_entry(tmp_path: Path) -> None:
    (one,) = of_settings(tmp_path, settings(("Host", "http://host.docker.internal:8000/v1")))
    assert (one["check"], one["subject"]) == ("ollama.host-gateway", "stack/api")
    assert "endpoint Host" in json.dumps(one)


# ---- several faults at once ------------------------------------------------------------------------------------------


def test_a_missing_version_is_repaired_beside_a_fault_that_is_the_owner_s(tmp_path: Path) -> None:
    text = AZURE.format(key="${AZURE_KEY_WEST}", url="https://x.example.org").partition("\n")[2]
    _, found = judged(tmp_path, chat(), {".env": DOTENV, "librechat.yaml": text})
    said = told(found, "librechat.config-valid")
    assert '"safety": "safe"' in said
    assert "Required (at version)" in said
    assert "AZURE_KEY_WEST" in said
    env = {"STACKOPS_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = command(["fix", "librechat.config-valid", "--yes", "--project-dir", str(tmp_path / "stack")], env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "stack/librechat.yaml").read_text() == f"version: 1.3.6\n{text}"
    left = told(judged(tmp_path, chat())[1], "librechat.config-valid")
    assert "AZURE_KEY_WEST" in left
    assert '"safety": "manual"' in left


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = """cache: maybe
endpoints:
  custom:
    - {name: a, apikey: k, baseURL: "http://h:1/v1", models: {default: [m]}}
    - {name: b, apiKey: "${B_KEY}", baseURL: "b.example.org", models: {default: [m]}}
    - {name: google, apiKey: k, baseURL: "http://10.0.0.1/v1/v1", models: {default: [m]}}
  azureOpenAI:
    groups:
      - {group: g, apiKey: "${G_KEY}", instanceName: i, models: {m: true}}
"""
    said = told(of_settings(tmp_path, text), "librechat.config-valid")
    wanted = (
        "at version", "at cache", "default endpoint", "G_KEY", "missing a deploymentName", "apikey is not apiKey",
        "B_KEY", "no https://",
    )  # fmt: skip
    assert [word for word in wanted if word not in said] == []


def test_a_release_older_than_the_rules_is_said_to_be_so(tmp_path: Path) -> None:
    old = MAIN.replace("v0.8.4", "v0.6.10")
    _, found = judged(tmp_path, chat(old), {".env": DOTENV, "librechat.yaml": "cache: true\n"})
    assert "older than the rules known here" in told(found, "librechat.config-valid")
    (tmp_path / "stack/librechat.yaml").write_text(GOOD)
    words = ["check", "librechat.config-valid", "--json", "--project-dir", str(tmp_path / "stack")]
    env = {"STACKOPS_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    (one,) = json.loads(command(words, env).stdout)["results"]
    assert one["status"] == "unknown"
    assert "0.6.10 is older than the rules known here" in one["because"]


# ---- .env ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compose", "target"),
    [
        (chat(API, "./.env:/app/.env"), "/app/api/.env"),
        (chat(API, "./.env:/app/.env", more="    env_file: chat.env"), "/app/api/.env"),
        (chat(MAIN, "./images:/app/client/public/images"), "/app/.env"),
        (chat(MAIN, "./.env:/app/api/.env"), "/app/.env"),
        (
            chat(MAIN, "./.env:/app/.env", more="    working_dir: /app/api"),
            "/app/api/.env",
        ),
    ],
)
def test_a_dotenv_that_is_not_read(tmp_path: Path, compose: str, target: str) -> None:
    _, found = judged(tmp_path, compose, {".env": DOTENV, "chat.env": "PORT=3080\n"})
    said = told(found, "librechat.env-file")
    assert "lacks JWT_SECRET" in said
    assert f"{tmp_path}/stack/.env" in said
    assert f"looks for {target}" in said
    env = {"STACKOPS_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = command(["fix", "librechat.env-file", "--yes", "--project-dir", str(tmp_path / "stack")], env)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"target: (\S+)", (tmp_path / "stack/docker-compose.override.yml").read_text()) == [target]
    assert [one for one in judged(tmp_path, compose)[1] if one["check"] == "librechat.env-file"] == []


@pytest.mark.parametrize(
    "compose",
    [
        chat(),
        chat(MAIN, "./:/app"),
        chat(API, "./.env:/app/.env", more="    env_file: .env"),
        chat(API, "./.env:/app/api/.env"),
        chat(API, "./.env:/app/.env", more="    env_file: [{path: .env, required: true}]"),
        chat(MAIN, "./a:/app/a", environment='{JWT_SECRET: "${JWT_SECRET}"}'),
    ],
)
def test_a_dotenv_that_is_read_or_handed_over(tmp_path: Path, compose: str) -> None:
    _, found = judged(tmp_path, compose, {".env": DOTENV, "librechat.yaml": GOOD})
    assert [one for one in found if one["check"] in ("librechat.env-file", "librechat.config-valid")] == []


PANEL = """
  admin-panel:
    image: ghcr.io/clickhouse/librechat-admin-panel:latest
    environment: {secret}
"""


@pytest.mark.parametrize(
    ("secret", "dotenv", "words"),
    [
        (
            '["SESSION_SECRET=${ADMIN_PANEL_SESSION_SECRET}"]',
            "",
            ["ADMIN_PANEL_SESSION_SECRET", "set nowhere", "/.env"],
        ),
        ("{SESSION_SECRET: $ADMIN_PANEL_SESSION_SECRET}", "", ["ADMIN_PANEL_SESSION_SECRET", "set nowhere"]),
        (
            "{SESSION_SECRET: '${PANEL_SESSION_SECRET}'}",
            "PANEL_SESSION_SECRET=changeme\n",
            ["PANEL_SESSION_SECRET", "32"],
        ),
        ("{SESSION_SECRET: changeme}", "", ["SESSION_SECRET", "32"]),
        ('{SESSION_SECRET: "${ADMIN_PANEL_SESSION_SECRET:-}"}', "", ["SESSION_SECRET", "set nowhere"]),
        ("{PORT: 3000}", "", ["SESSION_SECRET", "set nowhere"]),
    ],
)
def test_an_admin_panel_without_a_secret_that_is_long_enough(
    tmp_path: Path, secret: str, dotenv: str, words: list[str]
) -> None:
    compose = chat(MAIN, "./.env:/app/.env", more=PANEL.format(secret=secret))
    (one,) = judged(tmp_path, compose, {".env": DOTENV + dotenv})[1]
    assert (one["check"], one["subject"]) == ("wiring.unset", "stack/admin-panel")
    said = json.dumps(one)
    assert [word for word in words if word not in said] == []
    assert "changeme" not in said
