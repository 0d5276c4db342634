"""Roles that things on the machine play, and how they are wired. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Role = Literal[
    "fastgpt",
    "oneapi",
    "aiproxy",
    "librechat",
    "mongo",
    "postgres",
    "mysql",
    "redis",
    "meilisearch",
    "rag_api",
    "ollama",
    "model_server",
    "open_webui",
    "milvus",
    "minio",
    "nginx",
    "unknown",
]


class Service(Struct, frozen=True):
    """A role that something on this machine plays: a container, a native process, or a declaration not yet running."""

    role: Role
    name: str
    container: str | None = None
    """Container id."""
    pid: int | None = None
    """Process id, for a native service."""
    project: str | None = None
    compose_service: str | None = None
    version: str | None = None
    generation: str | None = None
    """FastGPT compose generation A to G, where it can be told."""


class Edge(Struct, frozen=True):
    """One arrow of the wiring, and how far a request along it gets."""

    source: str
    target: str
    address: str
    result: str | None = None


class Database(Struct, frozen=True):
    """A database behind a service, as its own protocol describes it."""

    role: Role
    container: str | None
    state: str
