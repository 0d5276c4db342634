"""Custom endpoints: which of them never appear, which appear but lead nowhere, and what else a librechat.yaml names.

fact: LibreChat packages/data-provider/src/config.ts and api/server/services/Config/loadConfigEndpoints.js: an entry
without baseURL, apiKey, name, models and models.fetch or models.default is left out without a line in the log; a key
that is not set fails only when somebody chats.

Whether somebody is at an address follows from the whole stack and is not judged here. Anything may stand anywhere in
the data: what is not as it should be is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from ...model import ConfigAddress, ConfigIssue, OfferedModel
from ...text import _
from ..addresses import shown
from .notation import Version
from .schema import Path, expand

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
    wrong = [_("{found} is not {key}", found=found, key=key) for key, found in other.items() if found]
    absent = [key for key, found in other.items() if not found]
    empty = [key for key in absent if key in entry]
    none = [key for key in absent if key not in entry]
    parts = [
        *wrong,
        *(_("{key} is empty", key=key) for key in empty),
        *([_("it has no {none}", none=_(" and no ").join(none))] if none else []),
    ]
    advice = [_("write {key} instead of {found}", key=key, found=found) for key, found in other.items() if found]
    advice += [_("add {key}", key=key) for key in absent]
    return ConfigIssue(
        "dropped", f"endpoints.custom.{number}",
        _(
            "the endpoint {label} never appears, and nothing is logged: {parts}",
            label=label(entry, number), parts=', '.join(parts),
        ),
        advice="; ".join(advice),
    )  # fmt: skip


def same_names(entries: list[tuple[int, Data]]) -> Iterator[ConfigIssue]:
    """Endpoints of one name, of which one is lost."""
    names: set[str] = set()
    for number, entry in entries:
        name = label(entry, number)
        if name in names and not missing(entry):
            text = _("two endpoints are called {name}; only one of them appears", name=name)
            yield ConfigIssue(
                "warning", f"endpoints.custom.{number}.name", text, advice=_("give each a name of its own")
            )
        names |= set() if missing(entry) else {name}


def offered(entries: list[tuple[int, Data]], env: Mapping[str, str]) -> Iterator[OfferedModel]:
    """The models of each entry that appears; a nameless one where the address is asked for its own list.

    fact: LibreChat api/server/services/Config/loadConfigModels.js: the list that was fetched takes the place of the
    names in the file, unless it is empty; nothing is fetched where people bring their own key or address.
    """
    for number, entry in entries:
        if missing(entry):
            continue
        base, models = str(entry["baseURL"]), entry["models"]
        own = "user_provided" in (base.strip(), str(entry["apiKey"]).strip())
        fetch = bool(models.get("fetch")) and not own
        address = None if base.strip() == "user_provided" else shown(expand(base, env))
        names = models.get("default")
        told = [one.get("name") if isinstance(one, Mapping) else one for one in names or ()] if names else []
        for name in (*([""] if fetch else []), *(str(name) for name in told[:MOST] if name)):
            yield OfferedModel(name, f"endpoint {label(entry, number)}", address, fetch)


def azure_warnings(groups: list[tuple[int, Data]]) -> Iterator[ConfigIssue]:
    """Instance names that are more than a label. fact: LibreChat utils/azure.ts, genAzureEndpoint."""
    for number, group in groups:
        instance = group.get("instanceName") or ""
        if "://" in instance or "." in instance.replace("${", "").replace("}", ""):
            text = _(
                "instanceName of group {group} must be the bare first label of the host name",
                group=group["group"],
            )
            path = f"endpoints.azureOpenAI.groups.{number}.instanceName"
            yield ConfigIssue("warning", path, text, advice=_("leave out https:// and .openai.azure.com"))


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
            yield _fault(reason, path, _("add instanceName: the first label of the resource's host name"))
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
        yield _fault(reason, path, _("add {missing} to the model or to its group", missing=_(" and ").join(missing)))


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
                    yield AzureProblem(
                        log, (*where, key), _("set the variable in .env, or write the {key} itself", key=key)
                    )


def _expanded(value: str, release: Version, env: Mapping[str, str]) -> str:
    """fact: v0.7.2 replaces a value that is one placeholder, later releases also inside longer ones."""
    text = value.strip()
    match = _WHOLE.match(text)
    if match:
        return env.get(match[1]) or text
    return expand(text, env) if release >= (0, 8, 0) else text


ADDRESSES = (
    "endpoints.*.baseURL", "endpoints.custom.*.baseURL", "endpoints.azureOpenAI.groups.*.baseURL", "ocr.baseURL",
    "speech.*.*.url", "speech.tts.elevenlabs.websocketUrl", "stt.*.url", "tts.*.url", "mcpServers.*.url",
    "webSearch.searxngInstanceUrl", "webSearch.firecrawlApiUrl", "webSearch.jinaApiUrl",
)  # fmt: skip
KEYS = (
    "endpoints.custom.*.apiKey", "endpoints.custom.*.headers.*", "endpoints.azureOpenAI.groups.*.additionalHeaders.*",
    "ocr.apiKey", "speech.*.*.apiKey", "stt.*.apiKey", "tts.*.apiKey", "mcpServers.*.headers.*", "mcpServers.*.env.*",
)  # fmt: skip
FILLED_IN = frozenset({"INSTANCE_NAME", "DEPLOYMENT_NAME"})
"""Placeholders of an Azure address that LibreChat fills in itself."""
OF_IMAGE = frozenset({"HOME", "HOST", "HOSTNAME", "NODE_ENV", "NODE_VERSION", "PATH", "PORT", "PWD", "YARN_VERSION"})
"""Variables that a process has which no file gives it. fact: LibreChat Dockerfile, node images"""
EXAMPLE = frozenset({
    "ANTHROPIC_API_KEY", "GROQ_API_KEY", "HELICONE_KEY", "MISTRAL_API_KEY", "OPENROUTER_KEY", "PORTKEY_API_KEY",
    "PORTKEY_OPENAI_VIRTUAL_KEY",
})  # fmt: skip
"""Variables of librechat.example.yaml: where three of its endpoints have no key, nobody has come to them yet."""
MOST = 40
_CALLS = ("/chat/completions", "/completions", "/embeddings", "/models")
_OLLAMA_CALL = re.compile(r"/api/(?:generate|chat|tags|embed|embeddings)\Z")


class Named(Struct, frozen=True):
    """One text of the file."""

    path: Path
    whose: str
    """For people: ``endpoint Ollama``."""
    text: str
    entry: Mapping[str, Any]
    """What it stands in."""

    @property
    def key(self) -> str:
        """``baseURL``, or where it stands below that."""
        return ".".join(str(part) for part in self.path[self.path.index("headers") if "headers" in self.path else -1 :])


def named(data: Any, patterns: tuple[str, ...]) -> Iterator[Named]:  # noqa: ANN401 - YAML holds anything
    """Every text at one of these places, ``user_provided`` aside."""
    for pattern in patterns:
        for path, ways in _walk(data, pattern.split("."), (), ()):
            if isinstance(ways[-1], str) and ways[-1].strip() not in ("", "user_provided"):
                yield Named(path, _whose(path, ways), ways[-1], ways[-2])


def _walk(data: Any, left: list[str], path: Path, ways: tuple[Any, ...]) -> Iterator[tuple[Path, tuple[Any, ...]]]:  # noqa: ANN401
    if not left:
        yield path, (*ways, data)
        return
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(data, Mapping):
        pairs = [(key, value) for key, value in data.items() if left[0] in ("*", key)]
    elif isinstance(data, list) and left[0] == "*":
        pairs = list(enumerate(data))
    for key, value in pairs[:MOST]:
        yield from _walk(value, left[1:], (*path, key), (*ways, data))


def _whose(path: Path, ways: tuple[Any, ...]) -> str:
    number = next((part for part in path if isinstance(part, int)), None)
    if number is not None and path[:2] == ("endpoints", "custom"):
        return f"endpoint {label(ways[3], number)}"
    if number is not None and path[1:3] == ("azureOpenAI", "groups"):
        return f"group {ways[4].get('group')}"
    kind = {"endpoints": "endpoint", "mcpServers": "MCP server"}.get(str(path[0]))
    return f"{kind} {path[1]}" if kind else ".".join(str(part) for part in path[:-1])


def addresses(data: Any, env: Mapping[str, str]) -> Iterator[tuple[Path, ConfigAddress]]:  # noqa: ANN401
    """Every whole http address, its variables filled in; without login and path, which are nobody's business here."""
    for one in named(data, ADDRESSES):
        try:
            url = urlsplit(expand(one.text, env))
            host, port = url.hostname or "", url.port
        except ValueError:
            continue
        if url.scheme in ("http", "https", "ws", "wss") and host and "$" not in url.netloc:
            secure = url.scheme in ("https", "wss")
            yield one.path, ConfigAddress(one.whose, one.key, host, port or (443 if secure else 80), tls=secure)


def faults(data: Any, release: Version, env: Mapping[str, str] | None) -> Iterator[ConfigIssue]:  # noqa: ANN401
    """What is wrong with them by themselves; ``env`` None: not known, so unset variables cannot be told."""
    for one in named(data, ADDRESSES):
        found = _address_fault(one, release, env or {})
        if found:
            yield _issue(one, f"{one.whose}, {found[0]}", found[1])
    if env is None:
        return
    texts = (*named(data, KEYS), *named(data, ADDRESSES))
    unset = [[name for name in re.findall(r"\$\{([^}]+)\}", one.text) if not env.get(name)] for one in texts]
    passed = FILLED_IN | OF_IMAGE
    passed |= EXAMPLE if len(EXAMPLE & {name for names in unset for name in names}) >= len(EXAMPLE) // 2 else set()
    for one, names in zip(texts, unset, strict=True):
        missing = [name for name in names if name not in passed]
        if missing and one.path[0] != "webSearch":  # there people are asked for what is not set
            said = _(" and ").join(f"${{{name}}}" for name in missing)
            text = _(
                "{whose}, nothing sets {said}, so {key} stays as it is written, and requests fail",
                whose=one.whose,
                said=said,
                key=one.key,
            )
            yield _issue(
                one,
                text,
                _("set {missing} in .env, or write the {key} itself", missing=_(" and ").join(missing), key=one.key),
            )


def _issue(one: Named, text: str, advice: str) -> ConfigIssue:
    return ConfigIssue("warning", ".".join(str(part) for part in one.path), text, advice=advice)


def _address_fault(one: Named, release: Version, env: Mapping[str, str]) -> tuple[str, str] | None:
    text = expand(one.text, {**dict.fromkeys(FILLED_IN, "x"), **env})
    if text.startswith("${") or one.path[0] == "mcpServers":  # those are judged by the schema
        return None
    try:
        url = urlsplit(text)
        host, _port = url.hostname, url.port
    except ValueError:
        return _("{key} is not an address", key=one.key), _("write it as http://host:port/v1")
    if "://" not in text:
        return _("{key} has no https:// or http:// in front, so it is no address", key=one.key), _(
            "write https:// or http:// first"
        )
    if url.scheme not in {"http", "https", "ws", "wss"} or not host:
        return _("{key} is not an http address", key=one.key), _("write it as http://host:port/v1")
    return _path_fault(one.entry, url, release) if one.path[:2] == ("endpoints", "custom") else None


def _path_fault(entry: Mapping[str, Any], url: SplitResult, release: Version) -> tuple[str, str] | None:
    path = url.path.rstrip("/")
    if "/v1/v1" in path:
        return _("/v1 stands twice in baseURL: every request ends with 404"), _("keep one /v1")
    call = next((call for call in _CALLS if path.endswith(call)), None)
    ollama = _OLLAMA_CALL.search(path)
    if ollama:
        return _("LibreChat adds {calls} to baseURL itself: 404", calls=_CALLS[0]), _(
            "write /v1 in place of {ollama}", ollama=ollama[0]
        )
    if call and not entry.get("directEndpoint") and release >= (0, 8, 0):
        return _("LibreChat adds {calls} to baseURL itself: 404", calls=_CALLS[0]), _("cut {call} off", call=call)
    if _is_ollama(entry, url) and path in {"", "/api"}:
        return _("without /v1 Ollama answers 404 to every chat, although the models are listed"), _(
            "end baseURL with /v1"
        )
    return None


def _is_ollama(entry: Mapping[str, Any], url: SplitResult) -> bool:
    return url.port == 11434 or "ollama" in (url.hostname or "") or (
        str(entry.get("name")).lower().startswith("ollama") and url.port not in {80, 443, 4000, None}
    )  # fmt: skip
