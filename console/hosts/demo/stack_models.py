"""The project ``models`` (model servers on both GPUs) and one container that belongs to nobody.

The latter is a permanent test of cleaning: its label, command, environment and log hold markup, escape sequences and
wide characters, as foreign text may.
"""

from __future__ import annotations

from .stand import Definition
from .tree import Tree

FOLDER = "/srv/models"

COMPOSE = """\
services:
  ollama:
    image: ollama/ollama:0.1.38
    container_name: ollama
    restart: unless-stopped
    ports:
      - 11434:11434
    environment:
      - OLLAMA_KEEP_ALIVE=30m
      - OLLAMA_MODELS=/models
    volumes:
      - ollama:/models
    deploy: &gpu
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: all
              capabilities: [gpu]
  m3e:
    image: stawky/m3e-large-api:latest
    container_name: m3e
    restart: unless-stopped
    ports:
      - 6008:6008
    environment:
      - sk-key=${M3E_TOKEN}
    deploy: *gpu
  vllm:
    image: vllm/vllm-openai:v0.4.2
    container_name: vllm
    restart: unless-stopped
    ports:
      - 8001:8000
    volumes:
      - /srv/weights:/weights
    deploy: *gpu

volumes:
  ollama:
"""

ENV = "M3E_TOKEN=practice-sk-aaabbbcccdddeeefffggg\n"

STRANGER = Definition(
    name="scratchpad-7f", image="registry.invalid/team/scratchpad:1", service="",
    labels={
        "maintainer": "[/etc/x]", "org.opencontainers.image.title": "\x1b]52;c;cm0gLXJmIC8=\x07[red]实验 \u202egnp.exe",
        "org.opencontainers.image.description": "長" * 300,
    },
)  # fmt: skip


def lay_out(tree: Tree) -> None:
    """Write the project's files, all in order."""
    tree.put(f"{FOLDER}/docker-compose.yml", COMPOSE.encode())
    tree.put(f"{FOLDER}/.env", ENV.encode(), mode=0o600)
    tree.mkdir("/srv/weights")
