"""What a librechat.yaml names for LibreChat to reach: addresses, and the variables that they and their keys come from.

fact: librechat-stack 5.3 (placeholders; a key that is not set fails only when somebody chats) and 12.2 (addresses and
paths). Whether somebody is at an address follows from the whole stack and is not judged here. Anything may stand
anywhere in the data: what is not as it should be is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from ...model import ConfigAddress, ConfigIssue
from .custom import label
from .notation import Version
from .schema import Path, expand

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
            yield one.path, ConfigAddress(one.whose, one.key, host, port or (443 if secure else 80))


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
            said = " and ".join(f"${{{name}}}" for name in missing)
            text = f"{one.whose}, nothing sets {said}, so {one.key} stays as it is written, and requests fail"
            yield _issue(one, text, f"set {' and '.join(missing)} in .env, or write the {one.key} itself")


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
        return f"{one.key} is not an address", "write it as http://host:port/v1"
    if "://" not in text:
        return f"{one.key} has no https:// or http:// in front, so it is no address", "write https:// or http:// first"
    if url.scheme not in {"http", "https", "ws", "wss"} or not host:
        return f"{one.key} is not an http address", "write it as http://host:port/v1"
    return _path_fault(one.entry, url, release) if one.path[:2] == ("endpoints", "custom") else None


def _path_fault(entry: Mapping[str, Any], url: SplitResult, release: Version) -> tuple[str, str] | None:
    path = url.path.rstrip("/")
    if "/v1/v1" in path:
        return "/v1 stands twice in baseURL: every request ends with 404", "keep one /v1"
    call = next((call for call in _CALLS if path.endswith(call)), None)
    ollama = _OLLAMA_CALL.search(path)
    if ollama:
        return f"LibreChat adds {_CALLS[0]} to baseURL itself: 404", f"write /v1 in place of {ollama[0]}"
    if call and not entry.get("directEndpoint") and release >= (0, 8, 0):
        return f"LibreChat adds {_CALLS[0]} to baseURL itself: 404", f"cut {call} off"
    if _is_ollama(entry, url) and path in {"", "/api"}:
        return "without /v1 Ollama answers 404 to every chat, although the models are listed", "end baseURL with /v1"
    return None


def _is_ollama(entry: Mapping[str, Any], url: SplitResult) -> bool:
    return url.port == 11434 or "ollama" in (url.hostname or "") or (
        str(entry.get("name")).lower().startswith("ollama") and url.port not in {80, 443, 4000, None}
    )  # fmt: skip
