"""Custom endpoints: which of them never appear, and which appear but lead nowhere.

fact: librechat-stack 5.3: an entry without baseURL, apiKey, name, models and models.fetch or models.default is left out
without a line in the log; 12.2 for addresses and paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from ...model import ConfigIssue
from .notation import Version
from .schema import expand

Data = Mapping[str, Any]
NEEDED = ("name", "apiKey", "baseURL", "models")


def listed(data: Any, *path: str) -> list[tuple[int, Data]]:  # noqa: ANN401 - YAML holds anything
    """The mappings of a list in the file, each with its number; none where something else stands there."""
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return [
        (number, one) for number, one in enumerate(data if isinstance(data, list) else []) if isinstance(one, Mapping)
    ]


def missing(entry: Data) -> tuple[str, ...]:
    """The keys for whose lack an entry is left out; none when it appears."""
    lacking = [key for key in NEEDED if not entry.get(key)]
    models = entry.get("models")
    if models and not models.get("fetch") and not models.get("default"):
        lacking.append("models.default")
    return tuple(lacking)


def label(entry: Data, number: int) -> str:
    """What an entry is called."""
    return str(entry.get("name") or f"(entry {number + 1})")


def miscased(entry: Data, key: str) -> str | None:
    """The one key of an entry that differs from ``key`` only in case."""
    found = [other for other in entry if other != key and other.lower() == key.lower()]
    return found[0] if len(found) == 1 else None


def dropped(entries: list[tuple[int, Data]]) -> Iterator[tuple[int, Data, tuple[str, ...]]]:
    """Number, entry and lacking keys of each that never appears."""
    for number, entry in entries:
        lacking = missing(entry)
        if lacking:
            yield number, entry, lacking


def drop_issue(number: int, entry: Data, lacking: tuple[str, ...]) -> ConfigIssue:
    """Why an entry never appears, and what to write."""
    other = {key: miscased(entry, key) for key in lacking}
    wrong = [f"{found} is not {key}" for key, found in other.items() if found]
    absent = [key for key, found in other.items() if not found]
    empty = [key for key in absent if key in entry]
    none = [key for key in absent if key not in entry]
    parts = [*wrong, *(f"{key} is empty" for key in empty), *([f"it has no {' and no '.join(none)}"] if none else [])]
    advice = [f"write {key} instead of {found}" for key, found in other.items() if found]
    advice += [f"add {key}" for key in absent]
    return ConfigIssue(
        "dropped", f"endpoints.custom.{number}",
        f"the endpoint {label(entry, number)} never appears, and nothing is logged: {', '.join(parts)}",
        advice="; ".join(advice),
    )  # fmt: skip


def same_names(entries: list[tuple[int, Data]]) -> Iterator[ConfigIssue]:
    """Endpoints of one name, of which one is lost."""
    names: set[str] = set()
    for number, entry in entries:
        name = label(entry, number)
        if name in names and not missing(entry):
            text = f"two endpoints are called {name}; only one of them appears"
            yield ConfigIssue("warning", f"endpoints.custom.{number}.name", text, advice="give each a name of its own")
        names |= set() if missing(entry) else {name}


def azure_warnings(groups: list[tuple[int, Data]]) -> Iterator[ConfigIssue]:
    """Instance names that are more than a label. fact: librechat-stack 13."""
    for number, group in groups:
        instance = group.get("instanceName") or ""
        if "://" in instance or "." in instance.replace("${", "").replace("}", ""):
            text = f"instanceName of group {group['group']} must be the bare first label of the host name"
            path = f"endpoints.azureOpenAI.groups.{number}.instanceName"
            yield ConfigIssue("warning", path, text, advice="leave out https:// and .openai.azure.com")


INVALID = "Invalid Azure OpenAI configuration:\n"
_WHOLE = re.compile(r"\$\{(.+)\}\Z")


class AzureProblem(Struct, frozen=True):
    """Why the server does not start."""

    log: str
    path: tuple[str | int, ...]
    advice: str | None = None


def problems(
    groups: list[tuple[int, Data]], release: Version, env: Mapping[str, str] | None
) -> tuple[AzureProblem, ...]:
    """All of them, in the order in which the server would meet them; ``env`` None: not known, as are its variables."""
    unset = () if env is None else _unset(groups, release, env)
    return tuple(dict.fromkeys((*_group_faults(groups), *unset)))


def models(groups: list[tuple[int, Data]]) -> tuple[str, ...]:
    """All model names."""
    return tuple(name for _, group in groups for name in group["models"])


def _group_faults(groups: list[tuple[int, Data]]) -> Iterator[AzureProblem]:
    names: set[str] = set()
    seen: set[str] = set()
    for number, group in groups:
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


def _unset(groups: list[tuple[int, Data]], release: Version, env: Mapping[str, str]) -> Iterator[AzureProblem]:
    """Variables that the server does not have, in the order in which it asks for them."""
    for number, group in groups:
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
