"""Which product an image or command is, where it listens, where its own key stands."""

from __future__ import annotations

import pytest
from stackops.console.products.model_users import key_of, option, product_of_command, product_of_image, told_port
from support.server_rows import box


@pytest.mark.parametrize(
    ("image", "product"),
    [
        ("ollama/ollama:0.5.7", "ollama"),
        ("registry.invalid/mirror/ollama@sha256:" + "0" * 64, "ollama"),
        ("vllm/vllm-openai:v0.8.5", "vllm"),
        ("quay.example/ascend/vllm-ascend", "vllm"),
        ("lmsysorg/sglang:latest", "sglang"),
        ("ghcr.io/huggingface/text-generation-inference:2", "tgi"),
        ("ghcr.io/huggingface/text-embeddings-inference:cpu-1.5", "tei"),
        ("ghcr.io/ggml-org/llama.cpp:server-cuda", "llamacpp"),
        ("localai/localai:latest-gpu", "localai"),
        ("xprobe/xinference", "xinference"),
        ("ghcr.io/berriai/litellm:main", "litellm"),
        ("ghcr.io/berriai/litellm-database:main", "litellm"),
        ("justsong/one-api", "oneapi"),
        ("calciumion/new-api", "newapi"),
        ("ghcr.io/labring/aiproxy:v0.1", "aiproxy"),
        ("michaelf34/infinity:0.0.78", "infinity"),
        ("stawky/m3e-large-api", "m3e-large-api"),
        ("mirror.invalid:5000/coldsnap/m3e-large.openai-api:v1", "m3e"),
        ("coldsnap/bge-reranker-base:v1", "bge-reranker"),
        ("fastgpt/bge-rerank-base:v0.1", "bge-reranker"),
        ("coldsnap/baichuan2-7b-chat.openai-api:v1", "baichuan2"),
        ("infiniflow/infinity:v0.6", None),
        ("ghcr.io/open-webui/open-webui:ollama", None),
        ("mongo:5", None),
        ("ollama-exporter", None),
        ("someone/vllm-exporter", None),
        ("sha256:" + "a" * 64, None),
    ],
)
def test_an_image_is_told_by_the_end_of_its_path(image: str, product: str | None) -> None:
    assert product_of_image(image) == product


@pytest.mark.parametrize(
    ("command", "product"),
    [
        (("/usr/bin/ollama", "serve"), "ollama"),
        (("/opt/venv/bin/python", "/opt/venv/bin/vllm", "serve", "Qwen/Qwen2"), "vllm"),
        (("python3", "-m", "vllm.entrypoints.openai.api_server"), "vllm"),
        (("python", "-m", "sglang.launch_server", "--port", "30001"), "sglang"),
        (("text-generation-router",), "tgi"),
        (("llama-server", "-m", "x.gguf"), "llamacpp"),
        (("xinference-local", "--host", "0.0.0.0"), "xinference"),
        (("litellm", "--config", "x"), "litellm"),
        (("sh", "-c", "exec vllm serve x"), "vllm"),
        (("python", "openai_api.py"), None),
    ],
)
def test_a_command_is_told_by_what_it_starts(command: tuple[str, ...], product: str | None) -> None:
    found = product_of_command(command)
    assert (found[0] if found else None) == product


def test_the_words_that_tell_hold_no_key() -> None:
    found = product_of_command(("vllm", "serve", "x", "--api-key", "sk-geheim"))
    assert found == ("vllm", "vllm serve")


def test_the_last_of_an_option_counts_in_every_spelling() -> None:
    assert option(("--port", "1", "--port=2"), "--port") == "2"
    assert option(("sh", "-c", "vllm serve x --port 8123"), "--port") == "8123"
    assert option(("--port",), "--port") is None


@pytest.mark.parametrize(
    ("product", "command", "env", "port"),
    [
        ("ollama", (), {"OLLAMA_HOST": "0.0.0.0:11500"}, 11500),
        ("ollama", (), {"OLLAMA_HOST": "0.0.0.0"}, None),
        ("ollama", (), {"OLLAMA_HOST": "http://[::]:11600/"}, 11600),
        ("vllm", ("--port", "8123"), {"VLLM_PORT": "9"}, 8123),
        ("vllm", (), {"PORT": "9000"}, None),
        ("tei", (), {"PORT": "80"}, 80),
        ("llamacpp", (), {"LLAMA_ARG_PORT": "9931"}, 9931),
        ("localai", (), {"LOCALAI_ADDRESS": ":8081"}, 8081),
        ("xinference", ("-p", "9998"), {}, 9998),
        ("vllm", ("--port", "lots"), {}, None),
    ],
)
def test_the_port_is_the_one_it_was_told(
    product: str, command: tuple[str, ...], env: dict[str, str], port: int | None
) -> None:
    assert told_port(product, command, env) == port


@pytest.mark.parametrize(
    ("image", "env", "command", "name"),
    [
        ("vllm/vllm-openai", {"VLLM_API_KEY": "the-key"}, (), "VLLM_API_KEY of s"),
        ("vllm/vllm-openai", {"VLLM_API_KEY": "the-key"}, ("--api-key", "the-other-key"), "--api-key of s"),
        ("ghcr.io/huggingface/text-embeddings-inference", {"API_KEY": "the-key"}, (), "API_KEY of s"),
        ("stawky/m3e-large-api", {"sk-key": "the-key"}, (), "sk-key of s"),
        ("coldsnap/m3e-large.openai-api:v1", {"SK-KEY": "the-key", "SK_KEY": "other"}, (), "SK-KEY of s"),
        ("coldsnap/m3e-large.openai-api:v2", {"SK-KEY": "other", "SK_KEY": "the-key"}, (), "SK_KEY of s"),
        ("coldsnap/bge-reranker-base:v1", {"ACCESS_TOKEN": "the-key"}, (), "ACCESS_TOKEN of s"),
        ("ollama/ollama", {"API_KEY": "the-key", "SK_KEY": "the-key"}, (), None),
        ("justsong/one-api", {"INITIAL_ROOT_TOKEN": "the-key"}, (), None),
        ("vllm/vllm-openai", {"OPENAI_API_KEY": "the-key", "HF_TOKEN": "the-key"}, ("--api-key", "$KEY"), None),
    ],
)
def test_a_key_comes_from_the_servers_own_configuration(
    image: str, env: dict[str, str], command: tuple[str, ...], name: str | None
) -> None:
    found = key_of(product_of_image(image), box("s", image, env=env), command)
    assert (found.name if found else None) == name
    if found is not None:
        assert found.value in {"the-key", "the-other-key"}
        assert found.value not in repr(found)
