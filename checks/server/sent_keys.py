"""Which keys containers send to which model server, beside the keys that the server takes. Pure; no key is ever shown.

Only pairs are compared in which both sides are known for certain: the server's key stands in its own command or
environment, and the user has address and key in variables that belong together. Everything else is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...console.model import Container, Server, Snapshot
from ...console.stacks.gateways import environment
from ...console.stacks.model_products import KEY_NAMES
from ...console.stacks.services import role_of_container
from ..compose import put_away
from .companion import companions, same

PAIRS: dict[str, tuple[str, ...]] = {
    "OPENAI_API_BASE_URL": ("OPENAI_API_KEY",),
    "OPENAI_API_BASE_URLS": ("OPENAI_API_KEYS",),
    "OPENAI_API_BASE": ("OPENAI_API_KEY",),
    "OPENAI_REVERSE_PROXY": ("OPENAI_API_KEY",),
    "RAG_OPENAI_BASEURL": ("RAG_OPENAI_API_KEY", "OPENAI_API_KEY"),
    "AIPROXY_API_ENDPOINT": ("AIPROXY_API_TOKEN",),
}
"""Variables with an address, and those with the key that is sent there, the first that is set."""
FASTGPT: dict[str, tuple[str, ...]] = {"OPENAI_BASE_URL": ("CHAT_API_KEY",), "ONEAPI_URL": ("CHAT_API_KEY",)}
_NO_KEY = frozenset({"", "user_provided", "none", "null", "empty", "false", "ollama", "not-needed"})
_MAKES_KEYS = frozenset({"litellm", "aiproxy"})
"""Gateways that hand out further keys of their own, which stand in a database."""
_FLAGS = ("--api-key", "--api_key", "--api-keys", "--api_keys")


@dataclass(frozen=True)
class User:
    """A container that sends a key."""

    name: str
    variable: str
    """That holds the key."""
    address: str


@dataclass(frozen=True)
class Mismatch:
    """A server, and those who send it a key that it does not take."""

    subject: str
    """Name of the server's container."""
    own: str
    """Where its own key stands."""
    users: tuple[User, ...]


def mismatches(snapshot: Snapshot) -> Iterator[Mismatch]:
    """Servers in containers whose users send another key."""
    by_id = {container.id: container for container in snapshot.containers}
    for server in snapshot.servers:
        container = by_id.get(server.container or "")
        taken = None if container is None else _taken(snapshot, server, container)
        if container is None or taken is None:
            continue
        keys, own = taken
        wrong = [
            user
            for user, key in _sent(snapshot, server)
            if not any(same(key, one) for one in keys)
        ]  # fmt: skip
        if wrong:
            yield Mismatch(container.name, own, tuple(wrong))


def _taken(snapshot: Snapshot, server: Server, container: Container) -> tuple[tuple[str, ...], str] | None:
    """Every key the server takes, and where they stand; None where that is not certain."""
    for companion in companions(snapshot):
        if companion.place.container is container:
            own = f"{companion.variable} of {container.name}"
            return None if companion.key is None else ((companion.key,), own)
    words = [word for argument in (*container.entrypoint, *container.command) for word in argument.split()]
    if any(word.startswith("--api-key-file") for word in words):
        return None
    keys = _after_flags(words)
    if keys:
        return (keys, f"--api-key of {container.name}") if not any("$" in key for key in keys) else None
    if server.product in _MAKES_KEYS:
        return None
    env = environment(container)
    for name in KEY_NAMES.get(server.product, ()):
        if env.get(name):
            return tuple(part.strip() for part in env[name].split(",")), f"{name} of {container.name}"
    return None


def _after_flags(words: list[str]) -> tuple[str, ...]:
    """Values of every ``--api-key``: one, several in a row, or several with commas. fact: vLLM, llama.cpp."""
    found: list[str] = []
    taking = False
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            taking = name in _FLAGS and not equals
            found += [value] if name in _FLAGS and equals else []
        elif taking:
            found.append(word)
    return tuple(part.strip("\"'") for value in found for part in value.split(",") if part)


def _sent(snapshot: Snapshot, server: Server) -> Iterator[tuple[User, str]]:
    """Who sends which key. A user is named ``container, VARIABLE`` where an environment has the address."""
    by_name = {container.name: container for container in snapshot.containers}
    for user in server.users:
        who, comma, variable = user.who.partition(", ")
        container = by_name.get(who)
        if not comma or container is None or put_away(container):
            continue
        env = environment(container)
        names = (FASTGPT if role_of_container(container) == "fastgpt" else PAIRS).get(variable, ())
        name = next((name for name in names if env.get(name)), None)
        key = None if name is None else _one_of(env.get(variable, ""), env[name], user.address or "")
        if name is not None and key is not None and key.lower() not in _NO_KEY and "$" not in key:
            yield User(container.name, name, user.address or variable), key


def _one_of(addresses: str, keys: str, address: str) -> str | None:
    """Of lists, the key at the same place. fact: open-webui divides both by semicolons."""
    if ";" not in addresses:
        return keys.strip()
    rows, own = addresses.split(";"), keys.split(";")
    at = next((n for n, row in enumerate(rows) if row.strip().rstrip("/") == address.strip().rstrip("/")), None)
    return own[at].strip() if at is not None and len(own) == len(rows) else None
