"""What the checks of model servers and Ollama must never do or miss, beyond their Examples."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from examples import examples_of
from examples.ollama.on_cpu import model, ollama
from examples.server.wrong_key import KEY, OTHER, beside, env, one, server
from examples.snapshots import container_id, stack
from msgspec.structs import replace
from stackops.checks.ollama import bind, host_gateway, on_cpu
from stackops.checks.server import crash_num_workers, default_key, ignored_quantize, wrong_key
from stackops.checks.server.companion import IN_CODE, IN_IMAGE
from stackops.checks.server.wrong_key import mismatches
from stackops.console.collect.collector import collect
from stackops.console.collect.source import Cadence
from stackops.console.collect.sources.servers import _listens
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.hosts import ComposeProject
from stackops.console.model import Server, ServerUser, Snapshot
from stackops.console.practice import files as stacks
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from support.clock import FakeClock

SETTINGS = Settings()
CHECKS = (wrong_key, default_key, crash_num_workers, ignored_quantize, bind, host_gateway, on_cpu)


@pytest.mark.parametrize("module", CHECKS, ids=lambda module: module.CHECK.id)
def test_no_result_and_no_plan_shows_a_key(module):
    check = module.CHECK
    for example in examples_of(check):
        for result in check.examine(example.snapshot, SETTINGS):
            text = repr(result)
            if result.status == "finding":
                text += repr(check.plan(result, example.snapshot, SETTINGS, {}))
            assert not [key for key in (KEY, OTHER, IN_CODE, IN_IMAGE) if key in text], example.name


def test_the_preview_of_a_rename_masks_the_key_and_so_does_everything_kept(tmp_path: Path):
    host = open_demo(clock=FakeClock(), scenarios=())
    path = f"{stacks.MODELS}/docker-compose.yml"
    host.build()
    text = host.files.read(path).decode().replace("- sk-key=${M3E_TOKEN}", f'- "SK-KEY={KEY}"')
    host.world.tree.put(path, text.encode())
    host.control.compose(ComposeProject("models", stacks.MODELS, [path]), ["up", "-d", "--no-deps", "m3e"])

    def look():
        snapshot = asyncio.run(collect(host, SETTINGS, cadence=Cadence(second_sample=0.0)))
        results = list(wrong_key.CHECK.examine(snapshot, SETTINGS))
        return snapshot, next(result for result in results if result.subject == "m3e")

    snapshot, found = look()
    assert found.form == "misspelt"
    fixer = Fixer(host, Journal(tmp_path), lambda: look()[1])
    prepared = fixer.prepare(wrong_key.CHECK.plan(found, snapshot, SETTINGS, {}))
    diff = "".join(step.diff for step in prepared.steps)
    assert "sk-key=" in diff
    assert KEY not in diff
    assert KEY not in repr(prepared)
    done = fixer.run(prepared)
    assert done.name == "done", (done.sentence, done.says)
    assert f'"sk-key={KEY}"' in host.files.read(path).decode()
    assert not [one for one in tmp_path.rglob("*.json*") if KEY in one.read_text()]


def _lists(addresses: str, keys: str, address: str) -> Snapshot:
    user = ServerUser("webui, OPENAI_API_BASE_URLS", "webui", address)
    made = one("vllm/vllm-openai:v0.6.3", name="vllm", container={"command": ("--api-key", KEY)},
               servers=(server("vllm", "vllm", user, port=8000),))  # fmt: skip
    variables = env(("OPENAI_API_BASE_URLS", addresses), ("OPENAI_API_KEYS", keys))
    webui = stack("open_webui", "/srv/webui", name="webui", service="webui", image="open-webui:main",
                  container={"env": variables})  # fmt: skip
    return beside(made, webui)


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        (f"{OTHER};{KEY}", False),
        (f"{KEY};{OTHER}", True),
        (f"{KEY}", False),
        (f"{OTHER};{OTHER};{OTHER}", False),
        (";", False),
        (f"{OTHER};${{KEY}}", False),
    ],
)
def test_of_several_addresses_each_has_the_key_at_its_own_place(keys: str, wrong: bool):
    addresses = "https://api.example.com/v1;http://vllm:8000/v1"
    snapshot = _lists(addresses, keys, "http://vllm:8000/v1")
    assert bool(list(mismatches(snapshot))) is wrong


@pytest.mark.parametrize(
    "command",
    [("--api-key", f"{OTHER},{KEY}"), (f"--api-key={KEY}",), ("sh", "-c", f"vllm serve m --api-key {KEY} --port 1")],
)
def test_every_way_to_give_a_server_its_key_is_understood(command: tuple[str, ...]):
    snapshot = _lists("http://vllm:8000/v1", KEY, "http://vllm:8000/v1")
    containers = tuple(replace(c, command=command) if c.name == "vllm" else c for c in snapshot.containers)
    assert list(mismatches(replace(snapshot, containers=containers))) == []
    others = tuple(replace(c, env=env(("OPENAI_API_BASE_URLS", "http://vllm:8000/v1"), ("OPENAI_API_KEYS", "sk-no")))
                   if c.name == "webui" else c for c in containers)  # fmt: skip
    (found,) = mismatches(replace(snapshot, containers=others))
    assert (found.subject, found.users[0].variable) == ("vllm", "OPENAI_API_KEYS")


def test_fastgpts_key_for_a_server_it_asks_directly_is_compared_too():
    user = ServerUser("fastgpt, OPENAI_BASE_URL", "fastgpt", "http://vllm:8000/v1")
    made = one("vllm/vllm-openai:v0.6.3", name="vllm", container={"command": ("--api-key", KEY)},
               servers=(server("vllm", "vllm", user, port=8000),))  # fmt: skip
    fastgpt = stack("fastgpt", "/srv/fastgpt", name="fastgpt", service="fastgpt", image="fastgpt:v4.8.1", container={
        "env": env(("OPENAI_BASE_URL", "http://vllm:8000/v1"), ("CHAT_API_KEY", OTHER), ("OPENAI_API_KEY", KEY)),
    })  # fmt: skip
    (found,) = mismatches(beside(made, fastgpt))
    assert found.users[0].variable == "CHAT_API_KEY"


def test_a_native_servers_own_addresses_are_those_of_its_port():
    server = Server("host:11434", "ollama", "http://127.0.0.1:11434", "up", pid=812)
    table = {812: [("127.0.0.1", 11434), ("127.0.0.1", 11434), ("::1", 11434), ("0.0.0.0", 40001)]}
    assert _listens(server, table) == ("127.0.0.1", "::1")
    assert _listens(server, {}) is None
    assert _listens(replace(server, container=container_id("x")), table) is None


def test_an_unknown_share_of_the_gpu_is_not_taken_for_none():
    for driver in (None, "stalled"):
        snapshot = ollama(model(6, None))
        if driver:
            snapshot = replace(snapshot, gpu_driver=replace(snapshot.gpu_driver, state=driver))
        (result,) = on_cpu.CHECK.examine(snapshot, SETTINGS)
        assert result.status == "ok"


def test_a_gpu_that_is_lost_to_the_machine_is_the_drivers_matter_and_no_restart():
    snapshot = ollama(model(6, 0))
    lost = tuple(replace(gpu, health="lost", trouble="GPU 0 fell off the bus") for gpu in snapshot.gpus)
    snapshot = replace(snapshot, gpus=lost)
    (result,) = on_cpu.CHECK.examine(snapshot, SETTINGS)
    assert result.form == "driver"
    assert "fell off the bus" in (result.because or "")
    assert on_cpu.CHECK.plan(result, snapshot, SETTINGS, {}).steps == ()
