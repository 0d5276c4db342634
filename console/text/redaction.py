"""Secrets kept from every output: by the shape they have, and by having been learned.

It sits at the boundary (screen, diff, journal, report, clipboard) and never decides what the program works with: values
are compared and written through variables, and a masked text must never be read back. Two layers: ``secret_shapes``
knows how secrets are written down; learned values are then replaced wherever they stand as a whole. A piece of a name
is never replaced: ``bluebox-chat`` stays what it is though ``bluebox`` is a password, and a printed command works.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from . import secret_shapes as shapes
from .secret_values import MARK, is_harmless, is_secret_name, looks_secret, spare, value, words

if TYPE_CHECKING:
    from ..model import Snapshot

_COMPOUND = re.compile(r"[@\"'=]|://")
"""What a value that holds a secret under a harmless name has in it: a URI, JSON, arguments."""
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$\w+|\*[\w-]+")
# Masked where they stand behind a secret name, but not looked for elsewhere: half a screen would turn into dots.
_COMMON = frozenset({
    "admin", "administrator", "aiproxy", "always", "anonymous", "backend", "bearer", "changed", "changeme", "client",
    "compose", "container", "cookie", "database", "default", "deepseek", "disabled", "docker", "elastic",
    "elasticsearch", "enabled", "example", "external", "fastgpt", "frontend", "gateway", "global", "internal",
    "kibana", "latest", "librechat", "localhost", "manager", "mariadb", "master", "meilisearch", "milvus", "minio",
    "mongodb", "mongo", "mysql", "network", "nginx", "null", "ollama", "one-api", "oneapi", "openai", "password",
    "pgvector", "postgres", "postgresql", "private", "production", "public", "qdrant", "rabbitmq", "redis",
    "replica", "required", "running", "sandbox", "secret", "secrets", "server", "service", "session", "sqlite",
    "stopped", "strict", "string", "system", "test", "token", "tokens", "undefined", "unknown", "username",
    "value", "vector", "weaviate", "xinference",
})  # fmt: skip
_NAME = re.compile(r"[\w.-]+")
_KEPT = 8192
"""Texts of which the masked form is remembered: a screen draws the same cells again and again."""


class Secrets:
    """Values that must not be shown, and how each is masked. Safe to use from several threads."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key if key is not None else os.urandom(16)
        self._values: frozenset[str] = frozenset()
        self._names: frozenset[str] = frozenset()
        self._seen: tuple[object, ...] = ()
        self._pattern: re.Pattern[str] | None = None
        self._masked = lru_cache(maxsize=_KEPT)(self._redact)
        self.version = 0
        """Grows whenever something was learned: what was masked before may hold it."""

    def learn(self, name: str, value: str) -> None:
        """Remember a value that belongs to a secret name, and any password inside a connection string."""
        self._add(_worth_learning(name, value))

    def learn_text(self, text: str) -> None:
        """Remember the values of secret names in a configuration file. Not for logs: they are no assignments."""
        self._add(secret for secret in shapes.values(text) if _learnable(secret))

    def learn_snapshot(self, snapshot: Snapshot) -> None:
        """Remember the secrets in everything seen, but no value that is also somebody's name."""
        seen = (snapshot.containers, snapshot.projects, snapshot.processes, snapshot.gpu_processes)
        if len(self._seen) == len(seen) and all(a is b for a, b in zip(seen, self._seen, strict=True)):
            return
        found = {v for name, value in _environment(snapshot) for v in _worth_learning(name, value)}
        for command in _commands(snapshot):
            found |= _in_command(command)
        self._add(found, _names(snapshot))
        self._seen = seen

    def _add(self, values: Iterable[str], names: frozenset[str] | None = None) -> None:
        """Values stay secret for ever; names count as long as something is called so."""
        values, names = frozenset(values) | self._values, self._names if names is None else names
        if values == self._values and names == self._names:
            return
        self._values, self._names = values, names
        self._pattern = _alternatives(values - names, names)
        self._masked = lru_cache(maxsize=_KEPT)(self._redact)
        self.version += 1

    def mask(self, value: str) -> str:
        """What is shown in place of the value; the same for the same value, different in every process."""
        return f"{MARK} #{blake2b(value.encode('utf-8', 'surrogatepass'), key=self._key, digest_size=1).hexdigest()}"

    def value(self, name: str, text: str) -> str:
        """What is shown of a value that stands apart from its name: in a table, an environment, an evidence."""
        if is_secret_name(name) and not is_harmless(name, text):
            return value(text, self.mask)
        return self.redact(text)

    def words(self, command: Sequence[str]) -> tuple[str, ...]:
        """A command line, word by word: keys are handed to servers as arguments."""
        return tuple(words(command, self.mask, self.redact))

    def redact(self, text: str) -> str:
        """The text with every secret masked. Doing it twice changes nothing."""
        if not text:
            return text
        return self._masked(text) if len(text) <= 1024 else self._redact(text)

    def _redact(self, text: str) -> str:
        found: list[str] = []

        def mask(secret: str) -> str:
            found.append(secret)
            return self.mask(secret)

        masked = shapes.sub(text, mask)
        if self._pattern is not None:
            masked = self._sub(self._pattern, masked)
        known = self._values | self._names
        here = frozenset(secret for secret in set(found) if _learnable(secret) and not _is_key(secret, text)) - known
        return self._sub(_alternatives(here, frozenset()), masked) if here else masked

    def _sub(self, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(lambda match: match[0] if match.lastgroup else self.mask(match[0]), text)


def _learnable(value: str) -> bool:
    if value.lower() in _COMMON or MARK in value or _VARIABLE.fullmatch(value):
        return False
    return len(value) >= 6 or (len(value) >= 4 and not value.isdigit() and looks_secret(value))


def _is_key(value: str, text: str) -> bool:
    """Whether the text uses the value as a name too: a service named like its password must stay visible."""
    return re.search(rf"(?m)^[ \t]*[\"']?{re.escape(value)}[\"']?[ \t]*:", text) is not None


@lru_cache(maxsize=8192)
def _worth_learning(name: str, value: str) -> frozenset[str]:
    """The secrets in one variable. Kept, because every look sees the same environments again."""
    if not is_secret_name(name) and not _COMPOUND.search(value):
        return frozenset()
    found = set(shapes.values(f"{name}={value}"))
    if is_secret_name(name) and found and not _COMPOUND.search(value):
        found.add(value)
    found = {secret for each in found for secret in (each, *(line.strip() for line in each.splitlines()))}
    return frozenset(form for secret in found if _learnable(secret) for form in _forms(secret))


def _forms(secret: str) -> tuple[str, ...]:
    """As it is written elsewhere: in a URI, in JSON, in YAML, in a compose file."""
    return (
        secret, unquote(secret), quote(secret, safe=""), json.dumps(secret, ensure_ascii=False)[1:-1],
        secret.replace("'", "''"), secret.replace("$", "$$"),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _in_command(command: tuple[str, ...]) -> frozenset[str]:
    found = shapes.values(" ".join(command))

    def mask(secret: str) -> str:
        found.append(secret)
        return secret

    words(command, mask, str)
    return frozenset(form for secret in found if _learnable(secret) for form in _forms(secret))


def _names(snapshot: Snapshot) -> frozenset[str]:
    """What things are called, where they lie: shown as it is, even where a secret is a piece of it."""
    names: set[str | None] = {snapshot.host.name}
    for c in snapshot.containers:
        names |= {c.name, c.service, c.project, c.image, c.working_dir, *(m.volume for m in c.mounts)}
        names |= {name for link in c.networks for name in (link.network, *link.aliases)}
    for project in snapshot.projects:
        names |= {project.name, project.working_dir, *(file.path for file in project.files)}
        for service in project.services:
            names |= {service.name, service.image, service.container_name}
    return frozenset(name for name in names if name and "@" not in name and "://" not in name)


def _environment(snapshot: Snapshot) -> Iterable[tuple[str, str]]:
    for container in snapshot.containers:
        yield from ((variable.name, variable.value) for variable in container.env)
        yield from container.labels.items()
    for project in snapshot.projects:
        yield from ((variable.name, variable.value) for variable in (*project.env, *project.dotenv))
        for service in (*project.services, *project.left_out):
            yield from ((variable.name, variable.value) for variable in service.env)


def _commands(snapshot: Snapshot) -> Iterable[tuple[str, ...]]:
    for container in snapshot.containers:
        yield from (container.command, container.entrypoint)
    for project in snapshot.projects:
        for service in project.services:
            yield from (service.command, service.entrypoint)
    yield from (process.command for process in snapshot.processes)


@lru_cache(maxsize=64)
def _alternatives(values: frozenset[str], names: frozenset[str]) -> re.Pattern[str]:
    """One expression for all values, the longest first, behind the names that have one of them in them."""
    holding = sorted((n for n in names if any(v in n and v != n for v in values)), key=len, reverse=True)
    spared = "|".join(map(re.escape, holding))
    ways = [rf"(?P<name>(?<![\w.-])(?:{spared})(?![\w-]))"] if holding else []
    return re.compile("|".join([*ways, *map(_whole, sorted(values, key=len, reverse=True))]) or r"(?!)")


def _whole(secret: str) -> str:
    """The value where it stands by itself. What could be a name is not looked for inside names, paths, addresses."""
    escaped = re.escape(secret)
    if secret.isdigit():
        return rf"(?<!\d){escaped}(?!\d)"
    if not _NAME.fullmatch(secret):
        return escaped if len(secret) >= 12 else _between(secret, escaped)
    if len(secret) >= 16 and looks_secret(secret):
        return escaped
    left = r"(?:(?<![\w./-])|(?<=[\s\"'=,]-p)|(?<=^-p))"
    return rf"{left}{escaped}(?![\w/-]|\.\w|:\d)"


def _between(secret: str, escaped: str) -> str:
    left = r"(?<![A-Za-z0-9])" if secret[0].isalnum() else ""
    return f"{left}{escaped}{r'(?![A-Za-z0-9])' if secret[-1].isalnum() else ''}"


SECRETS = Secrets()
"""The one instance of the process."""


def redact(text: str) -> str:
    """``SECRETS.redact``: what everything that leaves the program passes through."""
    return SECRETS.redact(text)


__all__ = ["MARK", "SECRETS", "Secrets", "is_secret_name", "redact", "spare"]
