"""What a LibreChat release makes of a librechat.yaml, for the stand-in: written from the vectors, not from stackops.

Knows the keys that the vectors and the tests use, and no others: a key of a section that it does not know is taken as
it is. Its verdicts are compared with validation-vectors.json for three releases (tests/librechat/test_standin.py).
fact: librechat-stack 5.2 (YAML 1.2), 5.3 (schema), 13 (Azure groups); validation-vectors.json (verdict texts).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Release = tuple[int, int, int]
Issue = dict[str, Any]
ROOT = (
    "version", "cache", "secureImageLinks", "imageOutputType", "filteredTools", "interface", "fileStrategy",
    "registration", "rateLimits", "fileConfig", "modelSpecs", "endpoints",
)  # fmt: skip
ROOT_LATER = (
    "ocr", "webSearch", "memory", "includedTools", "mcpServers", "mcpSettings", "turnstile", "fileStrategies",
    "actions", "balance", "transactions", "speech",
)  # fmt: skip
ROOT_NEWEST = ("summarization", "skillSync", "cloudfront", "messageFilter")
ENDPOINTS = ("azureOpenAI", "assistants", "custom")
ENDPOINTS_LATER = ("allowedAddresses", "all", "openAI", "google", "anthropic", "azureAssistants", "agents", "bedrock")
TAKEN = {
    False: ("azureOpenAI", "openAI", "bingAI", "chatGPTBrowser", "google", "gptPlugins", "anthropic", "assistants"),
    True: ("azureOpenAI", "openAI", "google", "anthropic", "assistants", "azureAssistants", "agents", "bedrock"),
}
TAKEN_SAID = {
    False: "azureOpenAI, openAI, bingAI, chatGPTBrowser, google",
    True: "azureOpenAI, openAI, google, anthropic, assistants,",
}
"""Which names may not be taken, and the beginning of the list as the server says it, by whether it is v0.8 or later."""
KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"), ((int, float), "number"), (str, "string"), (list, "array"), (dict, "object"),
    (type(None), "null"),
)  # fmt: skip
MISSING = object()


@dataclass
class Verdict:
    """How far the file gets, and what the server does then."""

    stage: str
    boot: str
    said: str = ""
    """The reason, behind the server's own first words."""
    issues: list[Issue] = field(default_factory=list)
    data: Any = None
    shown: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def kind(value: Any) -> str:
    if value is MISSING:
        return "undefined"
    return next((name for types, name in KINDS if isinstance(value, types)), "date")


class Judge:
    """One run over one configuration."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.late = release >= (0, 8, 0)
        self.issues: list[Issue] = []

    def add(self, path: str, code: str, message: str) -> None:
        self.issues.append({"path": path, "code": code, "message": message})

    def typed(self, value: Any, wanted: str, path: str, *, optional: bool = False) -> bool:
        """Whether the value is of the type; the complaint is added."""
        found = kind(value)
        if found == wanted or (optional and found == "undefined"):
            return found == wanted
        required = found == "undefined"
        self.add(path, "invalid_type", "Required" if required else f"Expected {wanted}, received {found}")
        return False

    def strict(self, data: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
        unknown = [f"'{key}'" for key in data if key not in known]
        if unknown:
            self.add(path, "unrecognized_keys", f"Unrecognized key(s) in object: {', '.join(unknown)}")

    def root(self, data: Any) -> None:
        if not self.typed(data, "object", ""):
            return
        self.typed(data.get("version", MISSING), "string", "version")
        for name in ("cache", "secureImageLinks"):
            self.typed(data.get(name, MISSING), "boolean", name, optional=True)
        if self.typed(data.get("endpoints", MISSING), "object", "endpoints", optional=True):
            self.endpoints(data["endpoints"])
        newest = (*ROOT_LATER, *ROOT_NEWEST) if self.release >= (0, 8, 7) else ROOT_LATER
        self.strict(data, (*ROOT, *(newest if self.late else ())), "")

    def endpoints(self, data: dict[str, Any]) -> None:
        known = (*ENDPOINTS, *(ENDPOINTS_LATER if self.late else ()))
        if self.typed(data.get("azureOpenAI", MISSING), "object", "endpoints.azureOpenAI", optional=True):
            self.azure(data["azureOpenAI"])
        if self.typed(data.get("custom", MISSING), "array", "endpoints.custom", optional=True):
            for number, one in enumerate(data["custom"]):
                self.custom(one, f"endpoints.custom.{number}")
        self.strict(data, known, "endpoints")
        if not any(key in known for key in data):
            self.add("endpoints", "custom", "At least one `endpoints` field must be provided.")

    def custom(self, one: Any, path: str) -> None:
        if not self.typed(one, "object", path):
            return
        name = one.get("name", MISSING)
        if self.typed(name, "string", f"{path}.name", optional=True) and name in TAKEN[self.late]:
            said = "Value cannot be one of the default endpoint (EModelEndpoint) values:"
            self.add(f"{path}.name", "custom", f"{said} {TAKEN_SAID[self.late]}")
        for key in ("apiKey", "baseURL"):
            self.typed(one.get(key, MISSING), "string", f"{path}.{key}", optional=True)
        models = one.get("models", MISSING)
        if self.typed(models, "object", f"{path}.models", optional=True):
            self.models(models, f"{path}.models")
        for key in ("titleConvo", "summarize", "forcePrompt", "directEndpoint"):
            self.typed(one.get(key, MISSING), "boolean", f"{path}.{key}", optional=True)
        for key in ("titleModel", "summaryModel", "modelDisplayLabel", "iconURL"):
            self.typed(one.get(key, MISSING), "string", f"{path}.{key}", optional=True)
        headers = one.get("headers", MISSING)
        if self.release >= (0, 8, 7) and self.typed(headers, "object", f"{path}.headers", optional=True):
            for header, value in headers.items():
                self.typed(value, "string", f"{path}.headers.{header}")

    def models(self, models: dict[str, Any], path: str) -> None:
        self.typed(models.get("fetch", MISSING), "boolean", f"{path}.fetch", optional=True)
        default = models.get("default", MISSING)
        if not self.typed(default, "array", f"{path}.default"):
            return
        if not default:
            self.add(f"{path}.default", "too_small", "Array must contain at least 1 element(s)")
        for number, model in enumerate(default):
            where = f"{path}.default.{number}"
            if not self.late:
                self.typed(model, "string", where)
            elif not (isinstance(model, str) or (isinstance(model, dict) and isinstance(model.get("name"), str))):
                self.add(where, "invalid_union", "Invalid input")

    def azure(self, data: dict[str, Any]) -> None:
        path = "endpoints.azureOpenAI.groups"
        groups = data.get("groups", MISSING)
        if not self.typed(groups, "array", path):
            return
        if not groups:
            self.add(path, "too_small", "Array must contain at least 1 element(s)")
        for number, group in enumerate(groups):
            here = f"{path}.{number}"
            if not self.typed(group, "object", here):
                continue
            self.typed(group.get("group", MISSING), "string", f"{here}.group")
            if self.typed(group.get("models", MISSING), "object", f"{here}.models"):
                for model, told in group["models"].items():
                    if not _azure_model(told):
                        self.add(f"{here}.models.{model}", "invalid_union", "Invalid input")
            self.typed(group.get("apiKey", MISSING), "string", f"{here}.apiKey")


def _azure_model(told: Any) -> bool:
    if isinstance(told, bool):
        return True
    return isinstance(told, dict) and all(isinstance(told.get(key, ""), str) for key in ("deploymentName", "version"))


def judged(text: str, release: Release, env: Mapping[str, str], known: Mapping[str, Verdict] | None = None) -> Verdict:
    """The verdict on the text of a file; ``known``: js-yaml's own words for texts that were tried, by text."""
    if known and text in known:
        return known[text]
    try:
        data = parsed(text)
    except ValueError as error:
        return Verdict("yaml", "defaults", str(error))
    if data is None:
        return Verdict("empty", "defaults")
    judge = Judge(release)
    judge.root(data)
    if judge.issues:
        return Verdict("schema", "exit 1" if release >= (0, 8, 2) else "defaults", issues=judge.issues)
    wrong = _azure_refusal(data, env)
    if wrong:
        return Verdict("azure", "crash", wrong)
    shown, dropped = _custom(data)
    return Verdict("dropped" if dropped else "ok", "ok", data=data, shown=shown, dropped=dropped)


def parsed(text: str) -> Any:
    """The data as js-yaml 4 would give them, as far as it goes. Raises ValueError with a reason and a place."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text.removeprefix("\ufeff"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" ({mark.line + 1}:{mark.column + 1})" if mark else ""
        raise ValueError(f"{error.problem or error.context or 'cannot be read'}{place}") from None
    except YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from None


def _azure_refusal(data: dict[str, Any], env: Mapping[str, str]) -> str | None:
    groups = ((data.get("endpoints") or {}).get("azureOpenAI") or {}).get("groups") or []
    reason = _group_refusal(groups)
    if reason:
        return f"Invalid Azure OpenAI configuration:\n{reason}"
    for group in groups:
        for key in ("apiKey", "instanceName", "baseURL"):
            found = re.fullmatch(r"\$\{(\w+)\}", str(group.get(key) or ""))
            if found and not env.get(found[1]) and key != "baseURL":
                return f'Azure configuration environment variable "{found[0]}" was not found.'
    return None


def _group_refusal(groups: list[dict[str, Any]]) -> str | None:
    names: set[str] = set()
    models: set[str] = set()
    for group in groups:
        name = group["group"]
        if name in names:
            return f'Duplicate group name detected: "{name}". Group names must be unique.'
        names.add(name)
        if not group.get("serverless") and not group.get("instanceName"):
            return f'Group "{name}" is missing an "instanceName" for non-serverless configuration.'
        if group.get("serverless") and not group.get("baseURL"):
            return f'Group "{name}" is serverless but missing mandatory "baseURL."'
        for model, told in group["models"].items():
            if model in models:
                return f'Duplicate model name detected: "{model}". Model names must be unique across groups.'
            models.add(model)
            own = told if isinstance(told, dict) else {}
            if not all(own.get(key) or group.get(key) for key in ("deploymentName", "version")):
                word = "a required deploymentName" if isinstance(told, dict) else "a deploymentName"
                return f'Model "{model}" in group "{name}" is missing {word} or version.'
    return None


def _custom(data: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Names of the custom endpoints that appear, and of those that are dropped without a word."""
    shown, dropped = [], []
    for one in (data.get("endpoints") or {}).get("custom") or []:
        models = one.get("models") or {}
        whole = all(one.get(key) for key in ("baseURL", "apiKey", "name", "models"))
        there = whole and (models.get("fetch") or models.get("default"))
        (shown if there else dropped).append(one.get("name", ""))
    return shown, dropped


def tried(release: Release, path: Path) -> dict[str, Verdict]:
    """js-yaml's own words, by the text it refused."""
    name = "v" + ".".join(map(str, release))
    found: dict[str, Verdict] = {}
    for one in json.loads(path.read_text(encoding="utf-8"))["vectors"]:
        expected = one["expect"].get(name) or one["expect"]["v0.8.7"]
        if expected["stage"] == "yaml":
            words = expected["log"].removeprefix("Config file YAML format is invalid: ")
            found[one["yaml"]] = Verdict("yaml", "defaults", words)
    return found


def lines(verdict: Verdict, path: str, release: Release) -> list[tuple[str, str]]:
    """What the server logs, level and text. fact: librechat-stack 5.1"""
    if verdict.stage == "yaml":
        return [("error", f"Config file YAML format is invalid: {verdict.said}")]
    if verdict.stage == "empty":
        return [("info", "Custom config file missing or YAML format invalid.")]
    if verdict.stage == "schema":
        rows = [{**one, "path": [int(p) if p.isdecimal() else p for p in one["path"].split(".") if p]}
                for one in verdict.issues]  # fmt: skip
        if release <= (0, 7, 3):
            return [("error", f"Invalid custom config file at {path} {json.dumps(rows, indent=2)}")]
        told = json.dumps({"issues": rows, "name": "ZodError"}, indent=2)
        last = "Exiting due to invalid configuration. Set CONFIG_BYPASS_VALIDATION=true to bypass this check."
        return [
            ("error", f"Invalid custom config file at {path}:\n{told}"),
            *([("error", last)] if verdict.boot == "exit 1" else []),
        ]
    if verdict.stage == "azure":
        return [("error", verdict.said)]
    return [("info", "Custom config file loaded:"), ("info", json.dumps(verdict.data, indent=2, default=str))]
