"""Which role an image, a command or a name plays. Pure.

The image decides by its last path component alone: registries and mirrors are rewritten at will. A helper that runs a
client out of a server's image (``mongosh`` to initiate a replica set) is not the server. Only when the image says
nothing, the program it runs decides, and after that the exact names of the well-known compose files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import get_args

from ..model import Role
from .images import parts_of
from .programs import role_of_program

# fact: names from the compose files of FastGPT v4.6 to v4.15, LibreChat v0.7.2 to v0.8.7, One API main
_IMAGES: dict[Role, str] = {
    "fastgpt": "fastgpt fastgpt-pro fastgpt-app",
    "oneapi": "one-api oneapi one-api-en new-api one-hub",
    "aiproxy": "aiproxy sealos-aiproxy-service",
    "librechat": "librechat librechat-dev librechat-api librechat-dev-api",
    "mongo": "mongo mongodb mongodb-community-server mongodb-enterprise-server percona-server-mongodb",
    "postgres": "postgres postgresql pgvector pgvecto-rs timescaledb timescaledb-ha postgis paradedb",
    "mysql": "mysql mariadb mysql-server percona-server",
    "redis": "redis redis-stack redis-stack-server valkey keydb dragonfly",
    "meilisearch": "meilisearch",
    "rag_api": (
        "rag_api rag-api librechat-rag-api librechat-rag-api-lite librechat-rag-api-dev librechat-rag-api-dev-lite"
    ),
    "ollama": "ollama",
    "model_server": (
        "vllm vllm-openai vllm-openai-rocm vllm-ascend sglang text-generation-inference text-embeddings-inference"
        " llama.cpp llama-cpp-python llamafile localai local-ai xinference infinity fastchat lmdeploy tabbyapi"
        " litellm litellm-database litellm-non_root koboldcpp aphrodite-engine tritonserver exllamav2 mindie"
    ),
    "open_webui": "open-webui openwebui ollama-webui",
    "milvus": "milvus",
    "minio": "minio",
    "nginx": "nginx nginx-unprivileged openresty",
}
_BY_IMAGE: dict[str, Role] = {name: role for role, names in _IMAGES.items() for name in names.split()}

_NAMES: dict[Role, str] = {
    "fastgpt": "fastgpt fastgpt-app",
    "oneapi": "oneapi one-api",
    "aiproxy": "aiproxy fastgpt-aiproxy",
    "librechat": "librechat librechat-api",
    "mongo": "mongo mongodb chat-mongodb fastgpt-mongo",
    "postgres": "pg postgres aiproxy_pg fastgpt-pg fastgpt-aiproxy-pg",
    "mysql": "mysql",
    "redis": "redis fastgpt-redis",
    "meilisearch": "meilisearch chat-meilisearch",
    "rag_api": "rag_api rag-api",
    "ollama": "ollama",
    "model_server": "m3e reranker baichuan chatglm vllm sglang xinference localai",
    "open_webui": "open-webui",
    "milvus": "milvusstandalone milvus-standalone",
    "minio": "minio fastgpt-minio",
    "nginx": "nginx librechat-nginx",
}
_BY_NAME: dict[str, Role] = {name: role for role, names in _NAMES.items() for name in names.split()}

# Images that stand beside a service and carry its name, and place-holders that switch one off (``image: tianon/true``).
_BESIDE = re.compile(
    r"(?:^|[-_.])(?:exporter|express|commander|insight|admin(?:-panel)?|pgadmin4?|backup|operator|agent|sidecar|client|console"
    r"|web-?ui|ui|gui|sandbox|sandbox-proxy|plugin|mcp[-_]server|volume-manager|init|proxy-protocol|dashboard|metrics|test)\d*$"
    r"|^(?:true|false|hello-world|pause|phpmyadmin|adminer|attu|mc|fastgpt-.*|prometheus.*|grafana.*)$"
)
# fact: images of FastGPT's guides: stawky/m3e-large-api, coldsnap/baichuan2-7b-chat.openai-api, fastgpt/bge-rerank-base
_MODEL_IMAGE = re.compile(
    r"(?:^|[-_.])(?:m3e|bge|gte|rerank(?:er)?|baichuan\d?|chatglm\d?|qwen[\d.]*|embeddings?|llama[-_.]?cpp|vllm|sglang"
    r"|xinference|localai|infinity)(?:[-_.]|$)|\.openai-api$"
)

_CLIENTS: dict[Role, str] = {
    "mongo": "mongosh mongo mongodump mongorestore mongoimport mongoexport",
    "postgres": "psql pg_dump pg_dumpall pg_restore pg_basebackup",
    "mysql": "mysql mysqldump mariadb mariadb-dump mysqladmin",
    "redis": "redis-cli",
    "ollama": "pull create cp rm run",
    "minio": "mc",
}
_SERVERS: dict[Role, str] = {
    "mongo": "mongod mongos docker-entrypoint.sh",
    "postgres": "postgres docker-entrypoint.sh",
    "mysql": "mysqld mariadbd docker-entrypoint.sh",
    "redis": "redis-server docker-entrypoint.sh",
    "ollama": "serve",
    "minio": "server",
}
_WORD = re.compile(r"[\w.-]+")


def role_of(image: str, command: Sequence[str] = (), name: str = "") -> Role:
    """The role, ``unknown`` when nothing tells. ``command`` is entrypoint and command together, as they are known."""
    return _role_of(image, tuple(command), name)


@lru_cache(maxsize=4096)  # each check asks it of each container again
def _role_of(image: str, command: tuple[str, ...], name: str) -> Role:
    last = parts_of(image).last
    by_image = _by_image(last)
    if by_image is not None:
        return "unknown" if _is_client(by_image, command) else by_image
    if _BESIDE.search(last):
        return "unknown"
    return role_of_program(command) or _BY_NAME.get(name.lower(), "unknown")


def _by_image(last: str) -> Role | None:
    role = _BY_IMAGE.get(last)
    if role is None and not _BESIDE.search(last) and _MODEL_IMAGE.search(last):
        return "model_server"
    return role


def _is_client(role: Role, command: Sequence[str]) -> bool:
    """Whether a server's image runs only its client, as the helpers do that initiate, dump or pull."""
    words = {word for argument in command for word in _WORD.findall(argument)}
    names = {word.rpartition("/")[2] for word in words}
    clients, servers = _CLIENTS.get(role, "").split(), _SERVERS.get(role, "").split()
    return not names.isdisjoint(clients) and names.isdisjoint(servers)


ROLES: tuple[Role, ...] = get_args(Role)
