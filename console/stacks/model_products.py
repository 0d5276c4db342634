"""Which model server an image or a command is, where it listens, and where its own key stands. Pure.

Images are told by the end of their repository path, never by the registry: mirrors are the norm (fact:
gpu-model-servers 4.1). What is told here is a hint for the first look; what the server itself answers decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from ..model import Container, Product
from .gateways import environment
from .images import parts_of

# fact: gpu-model-servers 4.2, 4.3; the last part of the path, or the last two where one says too little
_IMAGE_NAMES: tuple[tuple[Product, str], ...] = (
    ("ollama", r"ollama"),
    ("vllm", r"vllm(?:[-_](?:openai|ascend|cpu|rocm|tpu|xpu))*"),
    ("sglang", r"sglang"),
    ("tgi", r"text-generation-inference"),
    ("tei", r"text-embeddings-inference"),
    ("llamacpp", r"llama\.cpp|llamacpp|llama-server"),
    ("localai", r"localai|local-ai"),
    ("xinference", r"xinference"),
    ("fastchat", r"fastchat|fschat"),
    ("litellm", r"litellm(?:[-_]\w+)*"),
    ("newapi", r"new-api"),
    ("oneapi", r"one-api(?:-en)?|oneapi|one-hub"),
    ("aiproxy", r"aiproxy|sealos-aiproxy-service"),
    ("infinity", r"(?:michaelf34/)infinity|infinity[-_]emb"),
    ("tabbyapi", r"tabbyapi"),
    ("m3e-large-api", r"m3e-large-api"),
    ("m3e", r"m3e[\w.-]*"),
    ("bge-reranker", r"(?:bge-)?rerank(?:er)?[\w.-]*"),
    ("bge-reranker", r"bge-rerank[\w.-]*"),
    ("baichuan2", r"baichuan2?[\w.-]*"),
    ("chatglm2", r"chatglm2?[\w.-]*"),
)
_IMAGES = tuple((product, re.compile(rf"(?:^|/)(?:{pattern})$")) for product, pattern in _IMAGE_NAMES)
_OTHER = re.compile(r"(?:^|/)infiniflow/infinity$|[-_.](?:ui|web|webui|exporter|client|metrics)$")
"""``infiniflow/infinity`` is a vector database."""
_COMMAND_WORDS: tuple[tuple[Product, str], ...] = (
    ("ollama", r"(?:^|[\s/])ollama serve\b"),
    ("vllm", r"(?:^|[\s/])vllm serve\b|\bvllm\.entrypoints\."),
    ("sglang", r"\bsglang\.launch_server\b|(?:^|[\s/])sglang serve\b"),
    ("tgi", r"\btext-generation-(?:launcher|router)\b"),
    ("tei", r"\btext-embeddings-router\b"),
    ("llamacpp", r"(?:^|[\s/])llama-server\b"),
    ("localai", r"(?:^|[\s/])local-ai\b"),
    ("xinference", r"\bxinference-(?:local|supervisor)\b"),
    ("fastchat", r"\bfastchat\.serve\.openai_api_server\b"),
    ("litellm", r"(?:^|[\s/])litellm\b"),
    ("infinity", r"\binfinity_emb\b"),
    ("newapi", r"(?:^|[\s/])new-api\b"),
    ("oneapi", r"(?:^|[\s/])one-api\b"),
    ("aiproxy", r"(?:^|[\s/])aiproxy\b"),
    ("bge-reranker", r"\b(?:bge[-_]?)?rerank\w*\.py\b"),
    ("m3e", r"\bm3e\w*\.py\b"),
)
_COMMANDS = tuple((product, re.compile(pattern)) for product, pattern in _COMMAND_WORDS)
PORTS: dict[Product, int] = {
    "ollama": 11434, "vllm": 8000, "sglang": 30000, "tgi": 80, "tei": 80, "llamacpp": 8080, "localai": 8080,
    "xinference": 9997, "fastchat": 8000, "litellm": 4000, "oneapi": 3000, "newapi": 3000, "aiproxy": 3000,
    "infinity": 7997, "lmstudio": 1234, "tabbyapi": 5000, "m3e-large-api": 6008, "m3e": 8002, "baichuan2": 8001,
    "chatglm2": 8001, "bge-reranker": 6006,
}  # fmt: skip
"""Where each listens when nobody says otherwise, in its image. fact: gpu-model-servers 4.2, 4.3."""
NATIVE_PORTS: dict[Product, tuple[int, ...]] = {"tgi": (3000,), "tei": (3000,), "llamacpp": (8080, 9931)}
TYPICAL = (11434, 8000, 8001, 8002, 6006, 6008, 9997, 8080, 9931, 4000, 7997, 21001, 30000, 1234, 5000)
"""Ports that model servers like, and others too: a reason to ask only beside another one."""
KEY_NAMES: dict[Product, tuple[str, ...]] = {
    "vllm": ("VLLM_API_KEY",),
    "sglang": ("SGLANG_API_KEY",),
    "llamacpp": ("LLAMA_API_KEY",),
    "tgi": ("API_KEY",),
    "tei": ("API_KEY",),
    "infinity": ("INFINITY_API_KEY",),
    "localai": ("LOCALAI_API_KEY", "API_KEY"),
    "litellm": ("LITELLM_MASTER_KEY",),
    "aiproxy": ("ADMIN_KEY",),
    "bge-reranker": ("ACCESS_TOKEN",),
}
_SCRIPTS = ("SK_KEY", "SK-KEY", "sk-key", "sk_key", "ACCESS_TOKEN")
_KEYLESS: frozenset[Product] = frozenset({"ollama", "oneapi", "newapi", "xinference", "lmstudio", "tabbyapi"})
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
    return next((product for product, pattern in _IMAGES if pattern.search(repository)), None)


def product_of_command(command: Sequence[str]) -> tuple[Product, str] | None:
    """The product that a command starts, and the words that tell; the caller knows that it starts a model server."""
    text = " ".join(command)
    matches = ((product, pattern.search(text)) for product, pattern in _COMMANDS)
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
    told = [option(command, "--port", "--http-port")]
    if product == "ollama":
        told = [_port_in(env.get("OLLAMA_HOST", ""))]
    elif product == "localai":
        told += [_port_in(option(command, "--address") or env.get("LOCALAI_ADDRESS") or env.get("ADDRESS", ""))]
    elif product == "llamacpp":
        told += [env.get("LLAMA_ARG_PORT")]
    elif product == "xinference":
        told += [option(command, "-p")]
    if product not in {"ollama", "vllm", "sglang"}:
        told += [env.get("PORT"), env.get("UVICORN_PORT")]
    return next((int(text) for text in told if text and _NUMBER.fullmatch(text)), None)


def told_host(product: Product | None, command: Sequence[str], env: Mapping[str, str]) -> str | None:
    """The address it was told to listen on."""
    if product == "ollama":
        return re.sub(r"^\w+://|:\d+/?$", "", env.get("OLLAMA_HOST", "")) or None
    return option(command, "--host")


def _port_in(text: str) -> str | None:
    """fact: OLLAMA_HOST is host, host:port or scheme://host:port."""
    found = re.search(r":(\d{2,5})/?$", text)
    return found[1] if found else None


def key_of(product: Product | None, container: Container | None, command: Sequence[str]) -> Key | None:
    """The server's own key, from its own command or environment and from nowhere else."""
    if product in _KEYLESS:
        return None
    who = container.name if container else "its command"
    flag = option(command, "--api-key", "--api_key")
    if flag and "$" not in flag:
        return Key(flag.strip("\"'"), f"--api-key of {who}")
    env = environment(container) if container else {}
    for name in _key_names(product, container):
        if env.get(name):
            return Key(env[name], f"{name} of {who}")
    return None


def _key_names(product: Product | None, container: Container | None) -> tuple[str, ...]:
    """fact: gpu-model-servers 4.3: the guide's first generation (``:v1``) reads SK-KEY, the second SK_KEY."""
    names = KEY_NAMES.get(product, ()) if product else ()
    if product not in KEY_NAMES and container is not None and parts_of(container.image).tag == "v1":
        return ("SK-KEY", *_SCRIPTS)
    return names or _SCRIPTS
