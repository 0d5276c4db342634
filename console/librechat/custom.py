"""Custom endpoints: which of them never appear, and which appear but lead nowhere.

fact: librechat-stack 5.3: an entry without baseURL, apiKey, name, models and models.fetch or models.default is left out
without a line in the log; 12.2 for addresses and paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..model import ConfigIssue
from .notation import Version
from .schema import expand

Data = Mapping[str, Any]
NEEDED = ("name", "apiKey", "baseURL", "models")
_LOOPBACK = re.compile(r"localhost|.+\.localhost|127(?:\.\d+){3}|0\.0\.0\.0|::1?")
_CALLS = ("/chat/completions", "/completions", "/embeddings", "/models")


def entries(data: Any) -> list[Data]:  # noqa: ANN401 - YAML holds anything
    """``endpoints.custom`` of data that the schema has accepted."""
    endpoints = data.get("endpoints") if isinstance(data, Mapping) else None
    return list((endpoints or {}).get("custom") or [])


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


def dropped(data: Any) -> Iterator[tuple[int, Data, tuple[str, ...]]]:  # noqa: ANN401
    """Number, entry and lacking keys of each that never appears."""
    for number, entry in enumerate(entries(data)):
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


def warnings(data: Any, release: Version, env: Mapping[str, str], *, inside: bool) -> Iterator[ConfigIssue]:  # noqa: ANN401
    """What is wrong with endpoints that do appear. ``inside``: the server runs in a container of its own network."""
    names: dict[str, int] = {}
    for number, entry in enumerate(entries(data)):
        if missing(entry):
            continue
        name, path = label(entry, number), f"endpoints.custom.{number}"
        if name in names:
            text = f"two endpoints are called {name}; only one of them appears"
            yield ConfigIssue("warning", f"{path}.name", text, advice="give each a name of its own")
        names[name] = number
        found = _address_fault(entry, release, env, inside=inside)
        if found:
            yield ConfigIssue("warning", f"{path}.baseURL", f"{name}: {found[0]}", advice=found[1])


def azure_warnings(groups: list[Data]) -> Iterator[ConfigIssue]:
    """Instance names that are more than a label. fact: librechat-stack 13."""
    for number, group in enumerate(groups):
        instance = group.get("instanceName") or ""
        if "://" in instance or "." in instance.replace("${", "").replace("}", ""):
            text = f"instanceName of group {group['group']} must be the bare first label of the host name"
            path = f"endpoints.azureOpenAI.groups.{number}.instanceName"
            yield ConfigIssue("warning", path, text, advice="leave out https:// and .openai.azure.com")


def _address_fault(entry: Data, release: Version, env: Mapping[str, str], *, inside: bool) -> tuple[str, str] | None:
    text = expand(str(entry["baseURL"]), env)
    if "${" in text or text == "user_provided":
        return None
    try:
        url = urlsplit(text)
        host = (url.hostname or "").lower()
    except ValueError:
        return "baseURL is not an address", "write it as http://host:port/v1"
    if url.scheme not in {"http", "https"} or not host:
        return "baseURL is not an http address", "write it as http://host:port/v1"
    if inside and _LOOPBACK.fullmatch(host):
        return (
            f"{host} is the LibreChat container itself, nothing answers there",
            "use the service's name, or host.docker.internal for a server on the host",
        )
    return _path_fault(entry, url, release)


def _path_fault(entry: Data, url: SplitResult, release: Version) -> tuple[str, str] | None:
    path = url.path.rstrip("/")
    if "/v1/v1" in path:
        return "/v1 stands twice in baseURL: every request ends with 404", "keep one /v1"
    call = next((call for call in _CALLS if path.endswith(call)), None)
    if call and not entry.get("directEndpoint") and release >= (0, 8, 0):
        return f"LibreChat adds {_CALLS[0]} to baseURL itself: 404", f"cut {call} off"
    if _is_ollama(entry, url) and path in {"", "/api"}:
        return "without /v1 Ollama answers 404 to every chat, although the models are listed", "end baseURL with /v1"
    return None


def _is_ollama(entry: Data, url: SplitResult) -> bool:
    try:
        port = url.port
    except ValueError:
        return False
    return port == 11434 or "ollama" in (url.hostname or "") or (
        str(entry["name"]).lower().startswith("ollama") and port not in {80, 443, 4000, None}
    )  # fmt: skip
