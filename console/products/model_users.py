"""Model servers: which product an image or a command is, and who is set up to use one, by what address. Pure.

Environments and One API channels are read here; what stands in configuration files is read by a source and handed in as
the same ``Use``. Keys that stand beside the addresses are left where they are.

Images are told by the end of their repository path, never by the registry: mirrors are the norm. What is told here is
a hint for the first look; what the server itself answers decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from msgspec import Struct

from ..model import ComposeService, Container, DatabaseState, OneApiState, Product, Project, Role
from ..text import N_
from ..text.cleaning import clean_line
from .addresses import address_of, shown
from .gateways import environment, gateway_of
from .registry import SERVERS
from .services import role_of_container, role_of_declaration
from .versions import parts_of, version_of

_NAME = re.compile(
    r"(?:^|_)(?:OLLAMA|OPENAI|LLM|VLLM|SGLANG|ONEAPI|AIPROXY|XINFERENCE|LOCALAI|LITELLM|TEI|TGI|EMBEDDINGS?|RERANK(?:ER)?)"
    r"(?:_\w+)?_?(?:URLS?|BASEURL|BASE|ENDPOINT|REVERSE_PROXY|HOST)$"
)
"""``OLLAMA_BASE_URL``, ``OPENAI_API_BASE_URLS``, ``RAG_OPENAI_BASEURL``, ``OPENAI_REVERSE_PROXY``."""
_NOT = re.compile(r"^(?:AZURE_|FRONTEND_)|_(?:KEY|TOKEN|IMAGE_URL|CALLBACK_URL)$")
LENGTH = 100
"""Letters of a variable's name: the pattern takes seconds for one of some thousand."""
_BARE = re.compile(r"[A-Za-z][\w.-]*")
"""A word or a name: that of a vendor (``LLM_HOST=ollama``) as often as a host's. An address has a scheme or a port."""
_ASKS_NOBODY: frozenset[Role] = frozenset({
    "ollama", "model_server", "mongo", "postgres", "mysql", "redis", "meilisearch", "milvus", "minio", "nginx",
    "vector_db", "search", "database", "sandbox",
})  # fmt: skip
"""Who uses no model server whatever its environment says: one ``.env`` is often given to every service."""
_CLIENTS: frozenset[Role] = frozenset({"fastgpt", "librechat", "open_webui"})
CHANNELS = ("One API channel", "AI Proxy channel")
"""How a channel is called that uses a model server."""
MODEL = "model "
"""Before the name of a model that uses one."""
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


def uses(
    containers: Sequence[Container], oneapis: Iterable[OneApiState], projects: Iterable[Project] = (),
    databases: Iterable[DatabaseState] = (),
) -> Iterator[Use]:  # fmt: skip
    """Everything that environments, channels and the models in a FastGPT's MongoDB say."""
    declared = {(project.name, one.name): (one, project) for project in projects for one in project.services}
    for container in containers:
        if container.detailed:
            found = declared.get((container.project or "", container.service or ""))
            yield from _of_environment(container, _borrowed(*found) if found else frozenset())
    by_id = {container.id: container for container in containers}
    for state in oneapis:
        if state.container in by_id:
            yield from _of_channels(state, by_id[state.container])
    for told in databases:
        if told.owner in by_id:
            yield from _of_models(told, by_id[told.owner])


def _borrowed(service: ComposeService, project: Project) -> frozenset[str]:
    """Variables that a service has only because it is given the env file of a known client of model servers."""
    if role_of_declaration(service) in _CLIENTS:
        return frozenset()
    clients = (one for one in project.services if role_of_declaration(one) in _CLIENTS)
    if {path for one in clients for path in one.env_files}.isdisjoint(service.env_files):
        return frozenset()
    return frozenset(variable.name for variable in service.env).difference(service.named)


def _of_environment(container: Container, borrowed: frozenset[str]) -> Iterator[Use]:
    role, env = role_of_container(container), environment(container)
    if role == "fastgpt":
        gateway = gateway_of(env, version_of("fastgpt", container.image))
        wanted = {gateway.variable: gateway.url} if gateway else {}
    else:
        wanted = {} if role in _ASKS_NOBODY else dict(_named(env))
    if role == "rag_api":  # fact: danny-avila/rag_api app/config.py: the rest of LibreChat's .env is not its own
        own = "ollama" in env.get("EMBEDDINGS_PROVIDER", "").lower()
        wanted = {name: one for name, one in wanted.items() if name.startswith("RAG_") or (own and "OLLAMA" in name)}
    for name, value in [item for item in wanted.items() if item[0] not in borrowed or role == "rag_api"][:MOST]:
        for one in value.split(";"):  # fact: open-webui takes several, separated by semicolons
            written = _written(name, one.strip())
            if written is not None and address_of(written) is not None:
                yield Use(
                    clean_line(f"{container.name}, {name}"), shown(written), container.service or container.name,
                    container.id, "ollama" if "OLLAMA" in name else None,
                )  # fmt: skip


def _written(name: str, value: str) -> str | None:
    """The address in a variable; None for a bare word. fact: Ollama's clients add the port to a host without one."""
    if _BARE.fullmatch(value) is None:
        return value
    return f"http://{value}:11434" if re.search(r"(?:^|_)OLLAMA_(?:API_)?HOST$", name) else None


def _named(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in env.items():
        if len(name) > LENGTH:
            continue
        listens = name.endswith("HOST") and not re.search(r"[a-zA-Z]", value.removeprefix("http"))
        if value and not listens and is_server_variable(name):
            yield name, value


def is_server_variable(name: str) -> bool:
    """Whether a variable is called like the address of a model server."""
    return len(name) <= LENGTH and bool(_NAME.search(name)) and not _NOT.search(name)


def _of_channels(state: OneApiState, gateway: Container) -> Iterator[Use]:
    """fact: one-api relay/channeltype/url.go: without a base URL a channel goes to the vendor of its type."""
    for channel in (state.channels or ())[:MOST]:
        if channel.base_url and address_of(channel.base_url) is not None:
            brand = CHANNELS[role_of_container(gateway) == "aiproxy"]
            who = f"{brand} {channel.id}" + (f" ({channel.name})" if channel.name else "")
            yield Use(
                clean_line(who if channel.status == 1 else N_(f"{who}, switched off")),
                shown(channel.base_url),
                gateway.service or gateway.name,
                gateway.id,
            )


def _of_models(state: DatabaseState, app: Container) -> Iterator[Use]:
    """Those that go past the gateway, to an address of their own."""
    own = [one for one in state.answer.models or () if one.address and address_of(one.address) is not None]
    for model in own[:MOST]:
        who = clean_line(f"{app.name}, {MODEL}{model.name}")
        yield Use(who, shown(model.address or ""), app.service or app.name, app.id)


@cache
def _images() -> tuple[tuple[Product, re.Pattern[str]], ...]:
    return tuple((one.product, re.compile(rf"(?:^|/)(?:{one.image})$")) for one in SERVERS.values() if one.image)


@cache
def _commands() -> tuple[tuple[Product, re.Pattern[str]], ...]:
    return tuple((one.product, re.compile(one.command)) for one in SERVERS.values() if one.command)


_OTHER = re.compile(r"(?:^|/)infiniflow/infinity$|[-_.](?:ui|web|webui|exporter|client|metrics)$")
"""``infiniflow/infinity`` is a vector database."""
TYPICAL = (11434, 8000, 8001, 8002, 6006, 6008, 9997, 8080, 9931, 4000, 7997, 21001, 30000, 1234, 5000)
"""Ports that model servers like, and others too: a reason to ask only beside another one."""
_SCRIPTS = ("SK_KEY", "SK-KEY", "sk-key", "sk_key", "ACCESS_TOKEN")
_NUMBER = re.compile(r"[1-9]\d{1,4}")


class Key(Struct, frozen=True):
    """A server's own key, and where it stands. The value is secret."""

    value: str
    name: str

    def __repr__(self) -> str:
        return f"Key({self.name!r})"

    __str__ = __repr__


def product_of_image(image: str) -> Product | None:
    """The product in an image; None when its name says nothing, or something else."""
    repository = parts_of(image).repository.lower()
    if _OTHER.search(repository):
        return None
    return next((product for product, pattern in _images() if pattern.search(repository)), None)


def product_of_command(command: Sequence[str]) -> tuple[Product, str] | None:
    """The product that a command starts, and the words that tell; the caller knows that it starts a model server."""
    text = " ".join(command)
    matches = ((product, pattern.search(text)) for product, pattern in _commands())
    return next(((product, match[0].strip(" /")) for product, match in matches if match), None)


def option(command: Sequence[str], *names: str) -> str | None:
    """The value of the last of these options in an argument list; a shell's ``-c`` text counts word by word."""
    words = [word for argument in command for word in argument.split()]
    found: str | None = None
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            found = value if equals else words[index + 1] if index + 1 < len(words) else found
    return found


def told_port(product: Product | None, command: Sequence[str], env: Mapping[str, str]) -> int | None:
    """The port that command or environment name; None when they name none."""
    server = SERVERS[product or "unknown"]
    told = [option(command, *names.split()) for names in server.port_options]
    addresses = [option(command, server.address_option) if server.address_option else None]
    addresses += [env.get(name) for name in server.address_variables]
    told.append(_port_in(next(filter(None, addresses), "")))
    told += [env.get(name) for name in server.port_variables]
    return next((int(text) for text in told if text and _NUMBER.fullmatch(text)), None)


def told_host(product: Product | None, command: Sequence[str], env: Mapping[str, str]) -> str | None:
    """The address it was told to listen on."""
    variable = SERVERS[product or "unknown"].host_variable
    if variable is not None:
        return re.sub(r"^\w+://|:\d+/?$", "", env.get(variable, "")) or None
    return option(command, "--host")


def _port_in(text: str) -> str | None:
    """fact: OLLAMA_HOST is host, host:port or scheme://host:port."""
    found = re.search(r":(\d{2,5})/?$", text)
    return found[1] if found else None


def key_of(product: Product | None, container: Container | None, command: Sequence[str]) -> Key | None:
    """The server's own key, from its own command or environment and from nowhere else."""
    server = SERVERS[product or "unknown"]
    if server.keyless:
        return None
    who = container.name if container else N_("its command")
    flag = option(command, "--api-key", "--api_key")
    if flag and "$" not in flag:
        return Key(flag.strip("\"'"), f"--api-key of {who}")
    env = environment(container) if container else {}
    # fact: FastGPT's guide scripts read SK-KEY in their first images (``:v1``), SK_KEY in the later ones
    first = container is not None and parts_of(container.image).tag == "v1"
    for name in server.key_variables or (("SK-KEY", *_SCRIPTS) if first else _SCRIPTS):
        if env.get(name):
            return Key(env[name], f"{name} of {who}")
    return None
