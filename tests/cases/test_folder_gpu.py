"""Folders of model servers before anything runs: shared memory for several GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.folders import judged

TWO = "deploy: {resources: {reservations: {devices: [{driver: nvidia, device_ids: ['0', '1'], capabilities: [gpu]}]}}}"
ALL = "deploy: {resources: {reservations: {devices: [{driver: nvidia, count: all, capabilities: [gpu]}]}}}"
VLLM = "image: vllm/vllm-openai:v0.8.5"
SMALL = [
    f"{VLLM}\n    command: [--model, Qwen/Qwen2.5-32B-Instruct, --tensor-parallel-size, '4']",
    f"{VLLM}\n    command: --model /models/qwen --tensor-parallel-size=2 --dtype half",
    f"{VLLM}\n    command: --model /models/qwen -tp 2\n    shm_size: 64m",
    f"{VLLM}\n    entrypoint: [sh, -c, 'vllm serve /models/qwen -tp 2']\n    ipc: shareable",
    f"image: lmsysorg/sglang:v0.4.6\n    command: python3 -m sglang.launch_server --model-path /m --tp 2\n    {ALL}",
    f"image: ghcr.io/huggingface/text-generation-inference:3.2\n    command: --model-id /data/m\n    {TWO}",
    "image: ghcr.io/huggingface/text-generation-inference:3.2\n    environment: {NUM_SHARD: 2}",
    "image: xprobe/xinference:v1.5\n    command: xinference-local\n    environment: ['CUDA_VISIBLE_DEVICES=2,3']",
    f"image: registry.cn-hangzhou.aliyuncs.com/xprobe/xinference:v1.5\n    command: xinference-local\n    {TWO}",
    "image: docker.m.daocloud.io/vllm/vllm-openai:latest\n    command: --model /m --pipeline-parallel-size 2",
    "image: vllm/vllm-openai:latest\n    runtime: nvidia\n    environment: {NVIDIA_VISIBLE_DEVICES: '0,1'}",
]
FINE = [
    f"{VLLM}\n    command: --model /m --tensor-parallel-size 2\n    shm_size: 16gb",
    f"{VLLM}\n    command: --model /m --tensor-parallel-size 2\n    shm_size: 8589934592",
    f"{VLLM}\n    command: --model /m --tensor-parallel-size 2\n    ipc: host",
    f"{VLLM}\n    command: --model /m --tensor-parallel-size 2\n    volumes: ['/dev/shm:/dev/shm']",
    f"{VLLM}\n    command: --model /m --tensor-parallel-size 2\n    tmpfs: ['/dev/shm:size=8g']",
    f"{VLLM}\n    command: --model /m -tp 2\n    volumes: [{{type: tmpfs, target: /dev/shm, tmpfs: {{size: 8g}}}}]",
    f"{VLLM}\n    command: --model /m --tensor-parallel-size 1\n    {TWO}",
    f"{VLLM}\n    command: --model /m\n    {ALL}",
    f"{VLLM}\n    command: --model /m\n    {TWO}\n    environment: ['CUDA_VISIBLE_DEVICES=1']",
    "image: xprobe/xinference:v1.5\n    environment: {CUDA_VISIBLE_DEVICES: '0'}",
    f"image: ollama/ollama:0.9\n    {TWO}",
    f"image: ghcr.io/ggml-org/llama.cpp:server-cuda\n    command: -m /m.gguf\n    {TWO}",
    f"image: ghcr.io/huggingface/text-embeddings-inference:1.7\n    command: --model-id /m\n    {TWO}",
    "image: redis:7\n    environment: {CUDA_VISIBLE_DEVICES: '0,1'}",
]


@pytest.mark.parametrize("body", SMALL)
def test_a_server_on_several_gpus_with_dockers_64_mib(tmp_path: Path, body: str) -> None:
    _, found = judged(tmp_path, f"services:\n  answers:\n    {body}\n")
    (one,) = [each for each in found if each["check"] == "server.shm"]
    assert (one["subject"], one["severity"]) == ("stack/answers", "warning")
    assert "/dev/shm" in one["title"]
    assert "shm_size" in one["fix"]["summary"]


@pytest.mark.parametrize("body", FINE)
def test_shared_memory_that_does_and_servers_that_need_none(tmp_path: Path, body: str) -> None:
    _, found = judged(tmp_path, f"services:\n  answers:\n    {body}\n")
    assert [each for each in found if each["check"] == "server.shm"] == []


def test_what_a_second_compose_file_gives_counts(tmp_path: Path) -> None:
    compose = f"services:\n  answers:\n    {SMALL[0]}\n"
    override = {"docker-compose.override.yml": "services: {answers: {shm_size: 8g}}\n"}
    assert [each for each in judged(tmp_path, compose, override)[1] if each["check"] == "server.shm"] == []
