"""What people use, and what serves them beside models and data: FastGPT, LibreChat, web interfaces, proxies, sandboxes.

fact: labring/FastGPT, compose files of v4.6 to v4.15 (its image starts projects/app/server.js with node);
danny-avila/LibreChat v0.7.2 to v0.8.7, package.json and compose files; the compose files of Dify, RAGFlow, AnythingLLM,
n8n and SearXNG; nginx's Dockerfile (NGINX_VERSION).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..descriptor import Descriptor

_FOLDER = re.compile(r"(?:^|/)fastgpt(?:[-_][\w.]+)?(?:/|$)", re.IGNORECASE)


def is_fastgpt(script: str, words: Sequence[str]) -> bool:
    """FastGPT's own server, or ``next start``, in a folder of its name."""
    is_next = script.endswith(("/next", "/next.js")) and "start" in words
    return (is_next or script.endswith("projects/app/server.js")) and bool(_FOLDER.search(script))


def is_librechat(script: str, words: Sequence[str]) -> bool:  # noqa: ARG001 - the script alone tells
    """LibreChat's own server."""
    return script == "api/server/index.js" or script.endswith("/api/server/index.js")


DESCRIPTORS = (
    Descriptor(role="fastgpt", images="fastgpt fastgpt-pro fastgpt-app", names="fastgpt fastgpt-app", node=is_fastgpt),
    Descriptor(
        role="librechat",
        images="librechat librechat-dev librechat-api librechat-dev-api",
        names="librechat librechat-api",
        node=is_librechat,
        npm="backend backend:dev",
    ),
    Descriptor(
        role="rag_api",
        images=(
            "rag_api rag-api librechat-rag-api librechat-rag-api-lite librechat-rag-api-dev librechat-rag-api-dev-lite"
        ),
        names="rag_api rag-api",
    ),
    Descriptor(
        role="open_webui",
        images="open-webui openwebui ollama-webui",
        names="open-webui",
        programs=("open-webui",),
    ),
    Descriptor(
        role="nginx",
        images="nginx nginx-unprivileged openresty",
        names="nginx librechat-nginx",
        programs=("nginx", "openresty"),
        version_variables=("NGINX_VERSION",),
    ),
    Descriptor(
        role="sandbox",
        images="fastgpt-sandbox fastgpt-code-sandbox fastgpt-agent-sandbox dify-sandbox",
        names="fastgpt-sandbox fastgpt-code-sandbox",
    ),
    Descriptor(
        role="app",
        images="dify-api dify-web dify-plugin-daemon ragflow anythingllm n8n searxng librechat-admin-panel",
        names="dify-api dify-web ragflow anythingllm n8n searxng",
    ),
)
