"""Who is set up to use a model server, with the address as it is written there. Pure.

Environments and One API channels are read here; what stands in configuration files is read by a source and handed in as
the same ``Use``. Keys that stand beside the addresses are left where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from ..model import Container, OneApiState, Product
from ..text import clean_line
from .addresses import address_of, shown
from .gateways import environment, gateway_of
from .services import role_of_container
from .versions import version_of

_NAME = re.compile(
    r"(?:^|_)(?:OLLAMA|OPENAI|LLM|VLLM|SGLANG|ONEAPI|AIPROXY|XINFERENCE|LOCALAI|LITELLM|TEI|TGI|EMBEDDINGS?|RERANK(?:ER)?)"
    r"(?:_\w+)?_?(?:URLS?|BASEURL|BASE|ENDPOINT|PROXY|HOST)$"
)
"""``OLLAMA_BASE_URL``, ``OPENAI_API_BASE_URLS``, ``RAG_OPENAI_BASEURL``, ``OPENAI_REVERSE_PROXY``."""
_NOT = re.compile(r"^(?:AZURE_|FRONTEND_)|_(?:KEY|TOKEN|IMAGE_URL|CALLBACK_URL)$")
LENGTH = 100
"""Letters of a variable's name: the pattern takes seconds for one of some thousand."""
MOST = 20
"""Addresses of one container, or channels of one gateway, that are followed."""


class Use(Struct, frozen=True):
    """One setting that names the address of a model server."""

    who: str
    """For people: ``open-webui, OLLAMA_BASE_URL``."""
    address: str
    """As it is written, without user, password and query."""
    service: str | None = None
    caller: str | None = None
    """Id of the container from which the address is meant; None: from this machine."""
    hint: Product | None = None


def uses(containers: Sequence[Container], oneapis: Iterable[OneApiState]) -> Iterator[Use]:
    """Everything that environments and channels say."""
    for container in containers:
        if container.detailed:
            yield from _of_environment(container)
    by_id = {container.id: container for container in containers}
    for state in oneapis:
        if state.container in by_id:
            yield from _of_channels(state, by_id[state.container])


def _of_environment(container: Container) -> Iterator[Use]:
    role, env = role_of_container(container), environment(container)
    if role == "fastgpt":
        gateway = gateway_of(env, version_of("fastgpt", container.image))
        wanted = {gateway.variable: gateway.url} if gateway else {}
    else:
        wanted = {} if role in {"ollama", "model_server"} else dict(_named(env))
    for name, value in list(wanted.items())[:MOST]:
        for one in value.split(";"):  # fact: open-webui takes several, separated by semicolons
            if address_of(one) is not None:
                yield Use(
                    clean_line(f"{container.name}, {name}"), shown(one), container.service or container.name,
                    container.id, "ollama" if "OLLAMA" in name else None,
                )  # fmt: skip


def _named(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in env.items():
        if len(name) > LENGTH:
            continue
        listens = name.endswith("HOST") and not re.search(r"[a-zA-Z]", value.removeprefix("http"))
        if value and not listens and _NAME.search(name) and not _NOT.search(name):
            yield name, value


def _of_channels(state: OneApiState, gateway: Container) -> Iterator[Use]:
    """fact: fastgpt-stack 5: without a base URL a channel goes to the vendor of its type."""
    for channel in (state.channels or ())[:MOST]:
        if channel.base_url and address_of(channel.base_url) is not None:
            who = f"One API channel {channel.id}" + (f" ({channel.name})" if channel.name else "")
            off = "" if channel.status == 1 else ", switched off"
            yield Use(clean_line(f"{who}{off}"), shown(channel.base_url), gateway.service or gateway.name, gateway.id)
