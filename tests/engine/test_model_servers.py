"""Model servers on a real Engine: broken by hand, repaired by command, judged from outside, taken back."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.fix.acts.servers import loaded
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import plan_unload, still_loaded
from stackops.console.hosts import Host
from stackops.console.hosts.local import open_local
from stackops.console.model import HostInfo, LoadedModel, Server, Snapshot
from stackops.console.settings import Settings
from support.stacks import Stack, docker, wait_for

KEY = "practice-key-0123456789abcdef"
COMPOSE = f"""\
services:
  m3e:
    image: stawky/m3e-large-api:latest
    restart: always
    ports: ["127.0.0.1::6008"]
    environment:
      - SK-KEY={KEY}   # 设置模型接口认证Token
  guide:
    image: registry.cn-hangzhou.aliyuncs.com/coldsnap/m3e-large.openai-api:v2
    restart: always
    environment:
      SK_KEY: {KEY}
  webui:
    image: ghcr.io/open-webui/open-webui:v0.3.35
    environment:
      - OLLAMA_BASE_URL=http://host.docker.internal:11434
  ollama:
    image: ollama/ollama:0.3.12
    ports: ["127.0.0.1::11434"]
"""


@pytest.fixture
def models(standins: None, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, "", ())
    made.write("docker-compose.yml", COMPOSE)
    yield made
    made.down()


def name(stack: Stack, service: str) -> str:
    return f"{stack.name}-{service}-1"


def address(stack: Stack, service: str, port: int) -> str:
    return "http://" + docker("port", name(stack, service), str(port)).splitlines()[0]


def status(url: str, key: str) -> int:
    """What the embeddings route answers to a key."""
    request = urllib.request.Request(f"{url}/v1/embeddings", b'{"input":["x"]}', {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def answers(stack: Stack, key: str) -> int:
    """The same, once the server listens again; its port changes when it is recreated."""

    def ask() -> int:
        try:
            return status(address(stack, "m3e", 6008), key)
        except (OSError, AssertionError, IndexError):
            return 0

    return int(wait_for(ask))


def test_a_misspelt_key_is_renamed_where_it_stands_and_taken_back(models: Stack) -> None:
    models.up("m3e")
    assert answers(models, KEY) == 401
    before, subject = models.tree(), name(models, "m3e")
    found = models.result("server.wrong-key", subject)
    assert (found["status"], found["severity"]) == ("finding", "error"), found
    shown = models.stackops("fix", "server.wrong-key", subject, "--dry-run")
    assert "sk-key" in shown.stdout
    done = models.fix("server.wrong-key", subject)
    assert done.returncode == 0, done.stdout + done.stderr
    text = models.path("docker-compose.yml").read_text()
    assert text == COMPOSE.replace("SK-KEY=", "sk-key=")
    assert answers(models, KEY) == 200
    assert models.result("server.wrong-key", subject)["status"] == "ok"
    assert models.fix("server.wrong-key", subject).returncode == 0, "a second time there is nothing to do"
    undone = models.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert models.tree() == before
    assert answers(models, KEY) == 401
    told = "".join((json.dumps(found), shown.stdout, shown.stderr, done.stdout, done.stderr, undone.stdout))
    journal = "".join(path.read_text() for path in models.state.rglob("*.json*"))
    assert KEY not in told + journal, "the key is in no output and no journal"


def test_num_workers_is_taken_away_from_the_image_too_and_comes_back_with_undo(models: Stack) -> None:
    models.up("guide")
    subject = name(models, "guide")
    wait_for(lambda: models.inspect(subject)["RestartCount"] >= 2)
    before = models.tree()
    found = wait_for(lambda: (r := models.result("server.crash-num-workers", subject))["status"] == "finding" and r)
    assert "TypeError" in json.dumps(found["evidence"])
    done = models.fix("server.crash-num-workers", subject)
    assert done.returncode == 0, done.stdout + done.stderr
    assert models.inspect(subject)["State"]["Status"] == "running"
    assert models.inspect(subject)["RestartCount"] == 0
    assert models.path("docker-compose.override.yml").exists()
    assert not [row for row in docker("exec", subject, "cat", "/tmp/environ").splitlines() if "NUM_WORKERS" in row]
    assert models.result("server.crash-num-workers", subject)["status"] == "ok"
    undone = models.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert models.tree() == before
    wait_for(lambda: models.inspect(subject)["RestartCount"] >= 1)


def test_a_container_is_given_the_hosts_name_and_loses_it_again(models: Stack) -> None:
    models.up("webui")
    subject, hosts = name(models, "webui"), ("cat", "/etc/hosts")
    assert "host.docker.internal" not in docker("exec", subject, *hosts)
    before = models.tree()
    found = models.result("ollama.host-gateway", subject)
    assert (found["status"], found["severity"], found["fix"]["safety"]) == ("finding", "error", "disruptive"), found
    done = models.fix("ollama.host-gateway", subject)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = [row for row in docker("exec", subject, *hosts).splitlines() if "host.docker.internal" in row]
    told = docker("network", "inspect", "bridge", "-f", "{{with index .IPAM.Config 0}}{{.Gateway}} {{.Subnet}}{{end}}")
    *gateways, subnet = told.split()  # an Engine that found its bridge there already tells no gateway
    gateway = gateways[0] if gateways else str(next(ipaddress.ip_network(subnet).hosts()))
    assert row.split()[0] == gateway
    assert models.result("ollama.host-gateway", subject)["status"] == "ok"
    undone = models.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert models.tree() == before
    assert "host.docker.internal" not in docker("exec", subject, *hosts)


def test_a_model_is_unloaded_by_one_request(models: Stack, tmp_path: Path) -> None:
    models.up("ollama")
    url = address(models, "ollama", 11434)
    host: Host = open_local(Settings())
    wait_for(lambda: _answers_at_all(url))
    server = Server("ollama:11434", "ollama", url, "up", loaded=(LoadedModel("gemma:7b", 6, 6),))

    def look():
        there = tuple(LoadedModel(one) for one in loaded(host, url))
        seen = Server("ollama:11434", "ollama", url, "up", loaded=there)
        return still_loaded(Snapshot(0.0, HostInfo("box"), servers=(seen,)), "ollama:11434", ["gemma:7b"])

    fixer = Fixer(host, Journal(tmp_path / "journal"), look)
    done = fixer.run(fixer.prepare(plan_unload(server, ["gemma:7b"])))
    assert done.name == "done", (done.sentence, done.says)
    requests = docker("exec", name(models, "ollama"), "cat", "/tmp/requests").splitlines()
    posts = [row for row in requests if not row.startswith("GET ")]
    assert posts == ['POST /api/generate {"model":"gemma:7b","keep_alive":0}']
    assert "/api/ps" in "".join(requests)
    assert asyncio.run(_models(host, url)) == []
    assert fixer.prepare(plan_unload(server, ["gemma:7b"])).empty
    assert "nothing to take back" in fixer.undo(done.entry or "").sentence


def _answers_at_all(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/version", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


async def _models(host: Host, url: str) -> list[object]:
    assert host.http is not None
    return list(json.loads((await host.http.get(f"{url}/api/ps")).body)["models"])
