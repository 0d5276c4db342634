"""Which model server an image or a command is, where it listens, and where its own key stands. Pure.

Images are told by the end of their repository path, never by the registry: mirrors are the norm. What is told here is
a hint for the first look; what the server itself answers decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from ..model import Container, Product
from .gateways import environment
from .images import parts_of
from .registry import SERVERS

_IMAGES = tuple((one.product, re.compile(rf"(?:^|/)(?:{one.image})$")) for one in SERVERS.values() if one.image)
_OTHER = re.compile(r"(?:^|/)infiniflow/infinity$|[-_.](?:ui|web|webui|exporter|client|metrics)$")
"""``infiniflow/infinity`` is a vector database."""
_COMMANDS = tuple((one.product, re.compile(one.command)) for one in SERVERS.values() if one.command)
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
    who = container.name if container else "its command"
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
