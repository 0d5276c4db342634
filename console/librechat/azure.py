"""What LibreChat checks of Azure OpenAI groups once the schema has accepted them. Any complaint keeps it from starting.

fact: librechat-stack 13 (reasons word for word, the first one ends the search), the same in v0.7.2 to v0.8.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from .notation import Version
from .schema import expand

Data = Mapping[str, Any]
INVALID = "Invalid Azure OpenAI configuration:\n"
_WHOLE = re.compile(r"\$\{(.+)\}\Z")


class AzureProblem(Struct, frozen=True):
    """Why the server does not start."""

    log: str
    path: tuple[str | int, ...]
    advice: str | None = None


def check(groups: list[Data], release: Version, env: Mapping[str, str] | None) -> AzureProblem | None:
    """The first problem; ``env`` None: not known, so unset variables cannot be told."""
    for complaint in _group_faults(groups):
        return complaint
    if env is None:
        return None
    return next(_unset(groups, release, env), None)


def models(groups: list[Data]) -> tuple[str, ...]:
    """All model names."""
    return tuple(name for group in groups for name in group["models"])


def _group_faults(groups: list[Data]) -> Iterator[AzureProblem]:
    names: set[str] = set()
    seen: set[str] = set()
    for number, group in enumerate(groups):
        name, path = group["group"], ("endpoints", "azureOpenAI", "groups", number)
        serverless = group.get("serverless", False)
        if name in names:
            yield _fault(f'Duplicate group name detected: "{name}". Group names must be unique.', (*path, "group"))
        if serverless and not group.get("baseURL"):
            yield _fault(f'Group "{name}" is serverless but missing mandatory "baseURL."', path)
        if not group.get("instanceName") and not serverless:
            reason = f'Group "{name}" is missing an "instanceName" for non-serverless configuration.'
            yield _fault(reason, path, "add instanceName: the first label of the resource's host name")
        names.add(name)
        for model, facts in group["models"].items():
            where = (*path, "models", model)
            if model in seen:
                reason = f'Duplicate model name detected: "{model}". Model names must be unique across groups.'
                yield _fault(reason, where)
            seen.add(model)
            if not serverless:
                yield from _model_fault(group, model, facts, where)


def _model_fault(group: Data, model: str, facts: Any, path: tuple[str | int, ...]) -> Iterator[AzureProblem]:  # noqa: ANN401
    own = {} if isinstance(facts, bool) else facts
    missing = [key for key in ("deploymentName", "version") if not own.get(key) and not group.get(key)]
    if missing:
        required = "" if isinstance(facts, bool) else "required "
        reason = f'Model "{model}" in group "{group["group"]}" is missing a {required}deploymentName or version.'
        yield _fault(reason, path, f"add {' and '.join(missing)} to the model or to its group")


def _fault(reason: str, path: tuple[str | int, ...], advice: str | None = None) -> AzureProblem:
    return AzureProblem(INVALID + reason, path, advice)


def _unset(groups: list[Data], release: Version, env: Mapping[str, str]) -> Iterator[AzureProblem]:
    """Variables that the server does not have, in the order in which it asks for them."""
    for number, group in enumerate(groups):
        path = ("endpoints", "azureOpenAI", "groups", number)
        for model, facts in group["models"].items():
            own = {} if isinstance(facts, bool) else facts
            both = {key: own.get(key) or group.get(key) for key in ("deploymentName", "version")}
            keys = ("apiKey",) if group.get("serverless") else ("apiKey", "instanceName", "deploymentName", "version")
            for key in keys:
                value = both.get(key) or group.get(key) or ""
                if _WHOLE.match(_expanded(value, release, env)):
                    left = _expanded(value, release, env)
                    where = (*path, "models", model) if key in both and own.get(key) else path
                    log = f'Azure configuration environment variable "{left}" was not found.'
                    yield AzureProblem(log, (*where, key), f"set the variable in .env, or write the {key} itself")


def _expanded(value: str, release: Version, env: Mapping[str, str]) -> str:
    """fact: v0.7.2 replaces a value that is one placeholder, later releases also inside longer ones."""
    text = value.strip()
    match = _WHOLE.match(text)
    if match:
        return env.get(match[1]) or text
    return expand(text, env) if release >= (0, 8, 0) else text
