"""Secrets kept from every output: by the shape they have, and by having been learned.

It sits at the boundary (screen, diff, journal, report, clipboard) and never decides what the program works with: values
are compared and written through variables, and a masked text must never be read back. Two layers: ``shapes`` knows how
secrets are written down; learned values are then replaced wherever they appear.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from . import secret_shapes as shapes

if TYPE_CHECKING:
    from .model import Snapshot

MARK = shapes.MARK
_COMPOUND = re.compile(r"[@\"'=]|://")
"""What a value that holds a secret under a harmless name has in it: a URI, JSON, arguments."""
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$\w+|\*[\w-]+")
# Masked where they stand behind a secret name, but not looked for elsewhere: half a screen would turn into dots.
_COMMON = frozenset({
    "admin", "administrator", "aiproxy", "always", "anonymous", "bearer", "changeme", "cookie", "database",
    "default", "deepseek", "disabled", "docker", "enabled", "example", "fastgpt", "librechat", "localhost",
    "meilisearch", "milvus", "mongodb", "mongo", "mysql", "nginx", "null", "ollama", "one-api", "oneapi",
    "openai", "password", "pgvector", "postgres", "postgresql", "private", "production", "public", "required",
    "redis", "secret", "secrets", "session", "sqlite", "strict", "string", "test", "token", "tokens", "undefined",
    "unknown", "username", "value", "vector",
})  # fmt: skip


class Secrets:
    """Values that must not be shown, and how each is masked. Safe to use from several threads."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key if key is not None else os.urandom(16)
        self._values: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, name: str, value: str) -> None:
        """Remember a value that belongs to a secret name, and any password inside a connection string."""
        self._add(_worth_learning(name, value))

    def learn_text(self, text: str) -> None:
        """Remember what stands behind secret names in a configuration file. Not for logs: they would teach nonsense."""
        self._add(value for value in shapes.values(text) if _learnable(value))

    def learn_snapshot(self, snapshot: Snapshot) -> None:
        """Remember the secrets in the environment of everything seen, but no value that is also somebody's name."""
        names = _names(snapshot)
        found = {v for name, value in _environment(snapshot) for v in _worth_learning(name, value)}
        for container in snapshot.containers:
            found |= _in_command(container.command)
        self._add(found - names)

    def _add(self, values: Iterable[str]) -> None:
        new = frozenset(values) - self._values
        if new:
            self._values |= new
            self._pattern = _alternatives(self._values)

    def mask(self, value: str) -> str:
        """What is shown in place of the value; the same for the same value, different in every process."""
        return f"{MARK} #{blake2b(value.encode('utf-8', 'surrogatepass'), key=self._key, digest_size=1).hexdigest()}"

    def redact(self, text: str) -> str:
        """The text with every secret masked. Doing it twice changes nothing."""
        if not text:
            return text
        found: list[str] = []

        def mask(value: str) -> str:
            found.append(value)
            return self.mask(value)

        masked = shapes.sub(text, mask)
        here = frozenset(value for value in found if _learnable(value) and not _is_key(value, text)) - self._values
        for pattern in (self._pattern, _alternatives(here) if here else None):
            if pattern is not None:
                masked = pattern.sub(lambda match: self.mask(match.group()), masked)
        return masked


def is_secret_name(name: str) -> bool:
    """Whether what stands behind this name (variable, key, option) is a secret."""
    return shapes.is_secret_name(name)


def _learnable(value: str) -> bool:
    return len(value) >= 6 and value.lower() not in _COMMON and MARK not in value and not _VARIABLE.fullmatch(value)


def _is_key(value: str, text: str) -> bool:
    """Whether the text also uses the value as a name: a service called like its password would vanish from the list."""
    return re.search(rf"(?m)^[ \t]*[\"']?{re.escape(value)}[\"']?[ \t]*:", text) is not None


@lru_cache(maxsize=8192)
def _worth_learning(name: str, value: str) -> frozenset[str]:
    """The secrets in one variable. Kept, because every look sees the same environments again."""
    if not is_secret_name(name) and not _COMPOUND.search(value):
        return frozenset()
    found = {secret for secret in shapes.values(f"{name}={value}") if _learnable(secret)}
    # the same password written into a URI and by itself
    return frozenset(form for secret in found for form in (secret, unquote(secret), quote(secret, safe="")))


@lru_cache(maxsize=1024)
def _in_command(command: tuple[str, ...]) -> frozenset[str]:
    return frozenset(value for value in shapes.values(" ".join(command)) if _learnable(value))


def _names(snapshot: Snapshot) -> frozenset[str]:
    names = {c.name for c in snapshot.containers} | {c.service for c in snapshot.containers if c.service}
    names |= {c.image for c in snapshot.containers} | {c.project for c in snapshot.containers if c.project}
    for project in snapshot.projects:
        names |= {project.name, *(service.name for service in project.services)}
    return frozenset(names)


def _environment(snapshot: Snapshot) -> Iterable[tuple[str, str]]:
    for container in snapshot.containers:
        yield from ((variable.name, variable.value) for variable in container.env)
    for project in snapshot.projects:
        yield from ((variable.name, variable.value) for variable in project.env)
        for service in project.services:
            yield from ((variable.name, variable.value) for variable in service.env)


@lru_cache(maxsize=64)
def _alternatives(values: frozenset[str]) -> re.Pattern[str]:
    """One expression for all values, the longest first; numbers only where they stand alone."""
    ordered = sorted(values, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\d){v}(?!\d)" if v.isdigit() else re.escape(v) for v in ordered))


SECRETS = Secrets()
"""The one instance of the process."""


def redact(text: str) -> str:
    """``SECRETS.redact``: what everything that leaves the program passes through."""
    return SECRETS.redact(text)
