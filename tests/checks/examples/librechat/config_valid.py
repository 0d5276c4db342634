"""What people write into librechat.yaml, and what ``librechat.config-valid`` must say of it.

The verdicts are those the real reader and the real schemas gave (see the validation vectors); a test computes them
anew from such texts.
"""

from __future__ import annotations

from typing import Any

from stackops.console.model import ConfigIssue, ConfigRepair, ConfigVerdict, EnvVar, Snapshot

from examples import Example
from examples.snapshots import bind, container_id, stack

DIR = "/srv/librechat"
YAML = f"{DIR}/librechat.yaml"
INSIDE = "/app/librechat.yaml"
ENTRY = "endpoints.custom.0"
PATH = ("endpoints", "custom", "0")
RENAME = ConfigRepair("rename", "Rename apikey to apiKey in the endpoint Ollama", path=PATH, name="apikey",
                      value="apiKey")  # fmt: skip
RENAME_URL = ConfigRepair("rename", "Rename baseUrl to baseURL in the endpoint vLLM", path=PATH, name="baseUrl",
                          value="baseURL")  # fmt: skip
NEST = ConfigRepair("nest", "Indent default and fetch under endpoints.custom.0.models", path=PATH, name="models",
                    keys=("default", "fetch"))  # fmt: skip
INTERFACE = ConfigRepair("nest", "Indent privacyPolicy under interface", name="interface", keys=("privacyPolicy",))
VERSION = ConfigRepair("version", "Add the missing version: 1.0.9", value="1.0.9")
QUOTE = ConfigRepair("quote", "Put version in quotes", path=("version",))
BOOLEAN = ConfigRepair("boolean", "Write true for cache", path=("cache",), value="true")
DEDENT = ConfigRepair("dedent", "Move the keys from line 5 on 1 column to the left, under the first key", line=5,
                      columns=1)  # fmt: skip
EXIT = ("librechat.config-exit", "Exiting due to invalid configuration. Set CONFIG_BYPASS_VALIDATION=true to bypass")


def librechat(verdict: dict[str, Any] | None, *, started: bool = True, mounted: bool = True, **more: Any) -> Snapshot:
    """A LibreChat api service whose file has this verdict; None: it was never looked at."""
    container = {"mounts": (bind(YAML, INSIDE),) if mounted else (), **more.pop("container", {})}
    snapshot = stack(
        "librechat", DIR, name="LibreChat", service="api", image="ghcr.io/danny-avila/librechat-dev:v0.7.2",
        container=container if started else None, **more,
    )  # fmt: skip
    if verdict is None:
        return snapshot
    facts: dict[str, Any] = {
        "path": YAML, "release": "0.7.2", "release_from": "image", "project": "librechat", "service": "api",
        "container": container_id("LibreChat") if started else None, "mounted": mounted and started, "boot": "ok",
    }  # fmt: skip
    fields = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__}
    return Snapshot(**{**fields, "config_verdicts": (ConfigVerdict(**(facts | verdict)),)})


def issue(kind: Any, path: str, message: str, line: int | None = 5, advice: str | None = None) -> ConfigIssue:
    """One issue at column 7."""
    return ConfigIssue(kind, path, message, line, None if line is None else 7, advice)


def syntax(reason: str, *repairs: ConfigRepair, **more: Any) -> dict[str, Any]:
    """A file that is no YAML."""
    log = f"Config file YAML format is invalid: {reason} (5:7)"
    return {"stage": "yaml", "boot": "defaults", "issues": (issue("syntax", "", reason),), "log": log,
            "repairs": repairs, **more}  # fmt: skip


def schema(path: str, message: str, *repairs: ConfigRepair, boot: str = "defaults", **more: Any) -> dict[str, Any]:
    """A file that the schema refuses."""
    return {"stage": "schema", "boot": boot, "issues": (issue("schema", path, message),), "repairs": repairs, **more}


def dropped(*names: str, repairs: tuple[ConfigRepair, ...] = (), why: str = "apikey is not apiKey") -> dict[str, Any]:
    """Endpoints that never appear."""
    found = tuple(issue("dropped", ENTRY, f"the endpoint {name} never appears: {why}") for name in names)
    return {"stage": "dropped", "dropped": names, "issues": found, "repairs": repairs}


def azure(reason: str) -> dict[str, Any]:
    """Groups that keep the server from starting."""
    return {"stage": "azure", "boot": "crash", "issues": (issue("azure", "endpoints.azureOpenAI.groups.0", reason),),
            "log": f"Invalid Azure OpenAI configuration:\n{reason}"}  # fmt: skip


def wiring(text: str) -> dict[str, Any]:
    """An endpoint that appears and leads nowhere."""
    return {"stage": "ok", "shown": ("Ollama",), "issues": (issue("warning", f"{ENTRY}.baseURL", text),)}


NEWER = {"release": "0.8.7", "release_from": "log"}
BOTH = ("EditFile", "ComposeUp")
LEFT = {"left": (issue("azure", "endpoints.azureOpenAI.groups.0.apiKey", "${EAST_KEY} was not found"),),
        "left_boot": "crash"}  # fmt: skip

FINDS = (
    Example("copied an item of a list with its keys one column too deep",
            librechat(syntax("bad indentation of a mapping entry", DEDENT)), "finding", "syntax", BOTH),
    Example("indented with tabs",
            librechat(syntax("tab characters must not be used in indentation")), "finding", "syntax", ()),
    Example("forgot the space behind a colon", librechat(syntax("can not read a block mapping entry"), started=False),
            "finding", "syntax", ()),
    Example("wrote a key twice", librechat(syntax("duplicated mapping key"), mounted=False), "finding", "syntax", ()),
    Example("commented everything out", librechat({"stage": "empty", "boot": "defaults",
            "log": "Custom config file missing or YAML format invalid."}), "finding", "empty", ()),
    Example("let default and fetch slip out from under models",
            librechat(schema(f"{ENTRY}.models", "Expected object, received null", NEST)), "finding", "schema", BOTH),
    Example("did the same before the first start",
            librechat(schema(f"{ENTRY}.models", "Expected object, received null", NEST), started=False),
            "finding", "schema", ("EditFile",)),
    Example("let privacyPolicy slip to the left margin",
            librechat(schema("", "Unrecognized key(s) in object: 'privacyPolicy'", INTERFACE)),
            "finding", "schema", BOTH),
    Example("left the version out, in a file that nothing mounts",
            librechat(schema("version", "Required", VERSION), mounted=False), "finding", "schema", ("EditFile",)),
    Example("wrote the version as a number, under a release that exits", librechat(
            schema("version", "Expected string, received number", QUOTE, boot="exit 1", **NEWER),
            container={"state": "restarting", "exit_code": 1}, marks=(EXIT,)), "finding", "schema", BOTH),
    Example("wrote on for true", librechat(schema("cache", "Expected boolean, received string", BOOLEAN)),
            "finding", "schema", BOTH),
    Example("made several mistakes at once", librechat(schema("version", "Required", VERSION, NEST, BOOLEAN)),
            "finding", "schema", BOTH),
    Example("used a key of a newer release", librechat(schema("", "Unrecognized key(s) in object: 'memory'")),
            "finding", "schema", ()),
    Example("made the container without Compose",
            librechat(schema("cache", "Expected boolean, received string", BOOLEAN), project={"files": ()},
                      container={"labels": {}, "project": None}), "finding", "schema", ("EditFile",)),
    Example("wrote apikey", librechat(dropped("Ollama", repairs=(RENAME,))), "finding", "dropped", BOTH),
    Example("wrote baseUrl", librechat(dropped("vLLM", repairs=(RENAME_URL,)), started=False),
            "finding", "dropped", ("EditFile",)),
    Example("left models out", librechat(dropped("Ollama", "vLLM", why="it has no models")), "finding", "dropped", ()),
    Example("left instanceName out of an Azure group",
            librechat(azure('Group "east" is missing an "instanceName" for non-serverless configuration.')),
            "finding", "azure", ()),
    Example("never set the variable of the Azure key",
            librechat(azure('Azure configuration environment variable "${EAST_KEY}" was not found.')),
            "finding", "azure", ()),
    Example("left https:// out", librechat(wiring("endpoint Mine, baseURL has no https:// or http:// in front")),
            "finding", "wiring", ()),
    Example("left the version out beside an Azure variable that nothing sets", librechat(
            schema("version", "Required", VERSION, boot="exit 1", **LEFT, **NEWER)),
            "finding", "schema", ("EditFile",)),
    Example("did so under a release that would end over the variable alone", librechat(
            schema("version", "Required", VERSION, **LEFT)), "finding", "schema", ()),
    Example("did so before the first start", librechat(
            schema("version", "Required", VERSION, **LEFT), started=False), "finding", "schema", ("EditFile",)),
    Example("left the version out beside an address that cannot work", librechat(
            schema("version", "Required", VERSION, left=(issue("warning", f"{ENTRY}.baseURL", "no https://"),))),
            "finding", "schema", BOTH),
    Example("left /v1 out", librechat(wiring("Ollama: without /v1 Ollama answers 404 to every chat")),
            "finding", "wiring", ()),
)  # fmt: skip

ACCEPTED: dict[str, Any] = {"stage": "ok", "shown": ("Ollama",)}
FINDS_NOT = (
    Example("wrote a valid file", librechat(ACCEPTED), "ok"),
    Example("wrote a valid file for a newer release", librechat(ACCEPTED | NEWER), "ok"),
    Example("wrote a valid file and has not started yet", librechat(ACCEPTED, started=False), "ok"),
    Example("wrote a valid file that nothing mounts", librechat(ACCEPTED, mounted=False), "ok"),
    Example("uses Azure groups in order", librechat({"stage": "ok", "azure_models": ("gpt-4o",)}), "ok"),
    Example("names the release in the settings", librechat(ACCEPTED | {"release_from": "settings"}), "ok"),
    Example("has no librechat.yaml", librechat({"boot": None}), "not_applicable"),
    Example("lets CONFIG_PATH fetch the file from the web", librechat(None, container={
            "env": (EnvVar("CONFIG_PATH", "https://x.example/l.yaml"),)}), "not_applicable"),
    Example("lets CONFIG_PATH in .env do so", librechat(None, container={"mounts": (bind(f"{DIR}/.env", "/app/.env"),)},
            project={"env": (EnvVar("CONFIG_PATH", "https://x.example/l.yaml"),)}), "not_applicable"),
    Example("made the file unreadable", librechat({"boot": None, "problem": "this user may not read it"}), "unknown"),
    Example("has a file of a megabyte", librechat({"boot": None, "problem": "it is larger than 512 KiB"}), "unknown"),
    Example("looks at an Engine on another machine", librechat(None), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
