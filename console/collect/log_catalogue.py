"""What lines of a log mean: mongod's numbers, the texts of LibreChat, One API, FastGPT and MySQL, each with its source.

The lines are in ``log_lines.toml``. What Ollama and model servers print is in ``products/server_logs.py``.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from ..model import Role
from ..products.server_logs import MODEL_SERVER, OLLAMA, Pattern

_LINES: dict[str, dict[str, Any]] = tomllib.loads(
    files("stackops.console.collect").joinpath("log_lines.toml").read_text("utf-8")
)
_NO_DATABASE = r"(?:failed to initialize database(?:, got error|:) |\[FATAL\] [^|]*\| \[)"
GPU_STARTS = frozenset({"ollama.started"})
MONGO_IDS: dict[int, str] = {int(number): text for number, text in _LINES["mongod"].items()}
MONGO_STARTS = frozenset({"mongo.4615611", "mongo.20698"})
"""A new mongod begins here. A bad key file is reported before: such a line belongs to the run it follows."""
STARTS = frozenset({"librechat.start", "oneapi.started"}) | GPU_STARTS
"""A new run of the service begins here. fact: npm's banner; One API main.go."""

DEATHS = frozenset({
    "oneapi.db-refused", "oneapi.db-unknown-host", "oneapi.db-no-route", "oneapi.db-lost", "oneapi.db-1130",
    "oneapi.db-1045", "oneapi.db-1049", "oneapi.token-encoder", "oneapi.redis-failed", "oneapi.thread-refused",
})  # fmt: skip
"""What a run ended with is kept while the next one is young, as ``oneapi.before.db-refused``: a boot loop is looked at
while it runs as often as while it lies dead."""


def _patterns(role: Role) -> tuple[Pattern, ...]:
    rows = ((name, {"regex": told} if isinstance(told, str) else dict(told)) for name, told in _LINES[role].items())
    return tuple(
        Pattern(f"{role}.{name}", row.pop("regex").replace("NO_DATABASE ", _NO_DATABASE), **row) for name, row in rows
    )


PATTERNS: dict[Role, tuple[Pattern, ...]] = {
    "mongo": _patterns("mongo"), "librechat": _patterns("librechat"), "oneapi": _patterns("oneapi"),
    "fastgpt": _patterns("fastgpt"), "mysql": _patterns("mysql"), "ollama": OLLAMA, "model_server": MODEL_SERVER,
}  # fmt: skip
STANDS = frozenset(one.name for patterns in PATTERNS.values() for one in patterns if one.stands)
"""Said once, at the start, and true for as long as the service runs."""
