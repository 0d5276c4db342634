"""Model servers found, asked and followed on a real Engine, over published ports and containers' own addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from stackops.console.collect.collector import Cadence, collect
from stackops.console.hosts.local import open_local
from stackops.console.model import Server
from stackops.console.settings import Settings
from support.model_boxes import KINDS, Box, model_boxes
from support.stacks import docker

HIDDEN, CLIENT, APP = "stackops-test-hidden", "stackops-test-client", "stackops-test/app:1"


@pytest.fixture(scope="module")
def boxes(standins: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Box]]:
    with model_boxes(tmp_path_factory.mktemp("models")) as made:
        label = ("--detach", "--label", "stackops.test=1")
        address = f"http://{made['ollama'].name}:11434"
        try:
            docker("run", *label, "--name", HIDDEN, KINDS["m3e"].image)
            docker("tag", KINDS["m3e"].image, APP)
            docker(
                "run", *label, "--name", CLIENT, "--env", f"OLLAMA_BASE_URL={address}", "--expose", "8000",
                "--entrypoint", "/bin/busybox", APP, "httpd", "-f", "-p", "8000",
            )  # fmt: skip
            yield made
        finally:
            docker("rm", "--force", HIDDEN, CLIENT, check=False)
            docker("image", "rm", APP, check=False)


def test_they_are_found_asked_and_followed_through_a_stop_and_a_start(boxes: dict[str, Box]) -> None:
    settings = Settings()
    host = open_local(settings, read_only=True)

    def look() -> dict[str, Server]:
        snapshot = asyncio.run(collect(host, settings, cadence=Cadence(second_sample=0.0)))
        return {server.key: server for server in snapshot.servers if "stackops-test-" in str(server.key)}

    ollama, vllm, m3e = (f"{boxes[name].name}:{KINDS[name].port}" for name in ("ollama", "vllm", "m3e"))
    seen = look()
    assert {key: (seen[key].product, seen[key].state) for key in (ollama, vllm, m3e)} == {
        ollama: ("ollama", "up"), vllm: ("vllm", "up"), m3e: ("m3e-large-api", "up"),
    }  # fmt: skip
    hidden = seen[f"{HIDDEN}:6008"]
    assert hidden.state == "up"
    assert hidden.address.startswith("http://172.")
    assert seen[ollama].address.startswith("http://127.0.0.1:")
    assert [user.who for user in seen[ollama].users] == [f"{CLIENT}, OLLAMA_BASE_URL"]
    assert not any(key.startswith(CLIENT) for key in seen), "an open port alone makes no server"

    docker("stop", "--time", "0", boxes["ollama"].name)
    stopped = look()[ollama]
    assert (stopped.state, stopped.product) == ("down", "ollama")
    assert "its container is exited" in (stopped.reason or "")

    docker("start", boxes["ollama"].name)
    assert look()[ollama].state == "up"
