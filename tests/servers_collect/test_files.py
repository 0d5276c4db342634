"""Addresses that stand in librechat.yaml and FastGPT's config.json; nothing else of the files leaves."""

from __future__ import annotations

import json

import pytest
from stackops.console.collect.server_pace import read
from stackops.console.model import Container, Mount
from stackops.console.products.model_users import Use
from stackops.console.text.cleaning import redact
from support.memory_host import MemoryFiles
from support.server_rows import box

YAML = """
version: 1.1.5
endpoints:
  custom:
    - name: "Local [/x]"
      apiKey: "sk-of-the-yaml-file"
      baseURL: "http://${LLM_HOST}:8000/v1"
      models: {default: ["a"]}
    - name: Ollama
      apiKey: ollama
      baseURL: http://me:hunter22@192.168.1.5:11434/v1
    - name: none
    - baseURL: "${NOT_SET}"
    - just a string
"""
CONFIG = {
    "llmModels": [{"model": "qwen", "name": "Qwen"}],
    "reRankModels": [
        {"model": "bge", "name": "bge-base", "requestUrl": "http://reranker:6006/api/v1/rerank", "requestAuth": "tok"},
        {"model": "x", "requestUrl": "{{host}}/api/v1/rerank"},
    ],
    "whisperModel": {"model": "whisper-1", "requestUrl": "http://whisper:9000/v1/audio"},
}


def librechat(**kwargs: object) -> Container:
    return box("LibreChat", "ghcr.io/danny-avila/librechat:v0.7.2", service="api", env={"LLM_HOST": "vllm"},
               mounts=(Mount("bind", "/srv/librechat.yaml", "/app/librechat.yaml"),), **kwargs)  # fmt: skip


def fastgpt(tag: str = "v4.8.4") -> Container:
    mounts = (Mount("bind", "/srv/config.json", "/app/data/config.json"),)
    return box("fastgpt", f"labring/fastgpt:{tag}", mounts=mounts, service="fastgpt")


def uses(container: Container, **files: str) -> list[Use]:
    contents = {f"/srv/{name.replace('_', '.')}": text.encode() for name, text in files.items()}
    return list(read(MemoryFiles(contents), (container,), ()))


def test_custom_endpoints_of_librechat_are_uses_with_their_variables_filled_in() -> None:
    local, ollama = uses(librechat(), librechat_yaml=YAML)
    assert (local.who, local.address, local.service) == (
        'librechat.yaml, endpoint "Local [/x]"', "http://vllm:8000/v1", "api",
    )  # fmt: skip
    assert ollama.address == "http://192.168.1.5:11434/v1"
    assert local.caller == librechat().id


def test_the_keys_of_a_file_are_known_to_the_mask_afterwards() -> None:
    uses(librechat(), librechat_yaml=YAML)
    assert "sk-of-the-yaml-file" not in redact("it said sk-of-the-yaml-file")


def test_a_file_that_is_not_mounted_is_nobodys_setting() -> None:
    bare = box("LibreChat", "ghcr.io/danny-avila/librechat:v0.7.2", service="api")
    assert uses(bare, librechat_yaml=YAML) == []


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "endpoints: 5", "endpoints: {custom: x}", "endpoints: [1]", "- 1", "\0", "endpoints:\n  custom: 7"],
)
def test_a_broken_librechat_yaml_names_no_address(text: str) -> None:
    assert uses(librechat(), librechat_yaml=text) == []
    assert uses(librechat()) == []


def test_models_of_fastgpts_config_that_go_past_the_gateway_are_uses() -> None:
    commented = "// FastGPT\n" + json.dumps(CONFIG)[:-1] + ",}"
    found = uses(fastgpt(), config_json=commented)
    assert [(use.who, use.address) for use in found] == [
        ("config.json, bge-base", "http://reranker:6006/api/v1/rerank"),
        ("config.json, whisper-1", "http://whisper:9000/v1/audio"),
    ]


def test_releases_that_ignore_the_lists_use_none_of_them() -> None:
    assert uses(fastgpt("v4.8.20"), config_json=json.dumps(CONFIG)) == []
    assert len(uses(fastgpt("latest"), config_json=json.dumps(CONFIG))) == 2


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"reRankModels": [1, null, "x"]}', '{"llmModels": 3}', "[" * 5000])
def test_a_broken_config_names_no_address(text: str) -> None:
    assert uses(fastgpt(), config_json=text) == []
