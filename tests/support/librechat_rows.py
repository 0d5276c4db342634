"""The rows of librechat.config-valid, on LibreChat v0.7.2: texts that people write, from the vectors.

The texts are those of validation-vectors.json, judged by LibreChat's own schemas; fact: librechat-stack 5.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .pitfall_rows import Row
from .stacks import Stack, docker, printed_by_this_run, wait_for

CHECK, API, GROUP, TARGET = "librechat.config-valid", "LibreChat", "librechat/v0.7.2", "/app/librechat.yaml"
VECTORS: dict[str, dict[str, Any]] = {
    one["id"]: one
    for one in json.loads((Path(__file__).parents[1] / "data" / "librechat" / "validation-vectors.json").read_text())[
        "vectors"
    ]
}
OVERRIDE = "services:\n  api:\n    volumes:\n      - ./librechat.yaml:/app/librechat.yaml\n"
GOOD = VECTORS["ok-ollama"]["yaml"]
REFUSED, DROPPED, AZURE = "LibreChat 0.7.2 refuses", "never appears in LibreChat", "keep LibreChat from starting"


def running(stack: Stack) -> None:
    """.env as the guide leaves it, the mount in the override, a good file, the server up."""
    if docker("ps", "-q", "--filter", f"name=^/{API}$"):
        return
    shutil.copyfile(stack.path(".env.example"), stack.path(".env"))
    stack.write("docker-compose.override.yml", OVERRIDE)
    stack.write("librechat.yaml", GOOD)
    stack.up("api")
    wait_for(lambda: "Server listening" in stack.logs(API))


def text(vector: str) -> Callable[[Stack], None]:
    """The file is saved in place, as an editor that keeps the inode does."""

    def break_it(stack: Stack) -> None:
        running(stack)
        stack.write("librechat.yaml", VECTORS[vector]["yaml"])

    return break_it


def by_hand(stack: Stack) -> None:
    stack.write("librechat.yaml", GOOD)
    docker("restart", "-t", "0", API)


def served(*words: str) -> Callable[[Stack], None]:
    """From outside: the container has the file's bytes, with these words, and its process has read them."""

    def proof(stack: Stack) -> None:
        written = stack.path("librechat.yaml").read_text()
        assert all(word in written for word in words), written
        assert docker("exec", API, "cat", TARGET).strip() == written.strip()
        state = stack.inspect(API)["State"]
        assert state["Running"]
        wait_for(lambda: "Custom config file loaded:" in printed_by_this_run(API))

    return proof


def fixed(name: str, vector: str, says: str, *words: str, severity: str = "error") -> Row:
    return Row(name, GROUP, text(vector), CHECK, API, says, served(*words), severity=severity)


def told(name: str, vector: str, says: str, advice: str = "librechat.yaml", severity: str = "error") -> Row:
    return Row(name, GROUP, text(vector), CHECK, API, says, served(), severity=severity, by_hand=by_hand, advice=advice)


ROWS = (
    fixed("default beside models", "default-beside-models", REFUSED, "        default:"),
    fixed("the version is a number", "version-float", REFUSED, 'version: "'),
    fixed("apikey", "apikey-casing", DROPPED, "apiKey:", severity="warning"),
    fixed("yes for true", "yes-is-a-string", REFUSED, "titleConvo: true"),
    fixed("a model's name is a number", "model-name-number", REFUSED, '"'),
    told("an item's keys one column too deep", "extra-indent-after-dash", "is not valid YAML (line 5, column 6)"),
    told("no space behind a colon", "missing-colon-space", "is not valid YAML (line 3, column 1)"),
    told("a bracket is not closed", "unclosed-bracket", "is not valid YAML (line 9, column 9)"),
    told("nothing but comments", "comments-only", "is empty"),
    told("no models", "models-missing", DROPPED, severity="warning"),
    told("endpoints is empty", "endpoints-null", REFUSED),
    told("a reserved name", "reserved-name", REFUSED),
    told("an Azure group without instanceName", "azure-no-instance", AZURE),
    told("the variable of an Azure key is not set", "azure-env-missing", AZURE),
)


# from v0.8.2 on a file that the schema refuses ends the server, which Docker starts again for ever


def serving(stack: Stack) -> None:
    """The good file, and the server up with it, whatever a row has left behind."""
    stack.write("librechat.yaml", GOOD)
    if not stack.path("docker-compose.override.yml").exists():
        shutil.copyfile(stack.path(".env.example"), stack.path(".env"))
        stack.write("docker-compose.override.yml", OVERRIDE)
    stack.up("api")
    docker("restart", "-t", "0", API)
    wait_for(lambda: listening(stack))


def listening(stack: Stack) -> bool:
    """Whether the process that runs now has come all the way up."""
    state = stack.inspect(API)["State"]
    return state["Status"] == "running" and "Server listening" in printed_by_this_run(API)


def saved_and_restarted(vector: str, *, ends: bool) -> Callable[[Stack], None]:
    """As people do it: edit, restart; ``ends``: and then it does not come up any more."""

    def break_it(stack: Stack) -> None:
        serving(stack)
        stack.write("librechat.yaml", VECTORS[vector]["yaml"])
        docker("restart", "-t", "0", API)
        wait_for(lambda: stack.inspect(API)["RestartCount"] >= 1 if ends else listening(stack))

    return break_it


def booted(*words: str) -> Callable[[Stack], None]:
    """From outside: the file has these words, and the server has read it, says so, and stays up."""

    def proof(stack: Stack) -> None:
        wait_for(lambda: listening(stack))
        served(*words)(stack)
        assert '"version"' in stack.logs(API).rpartition("Custom config file loaded:")[2]

    return proof


def corrected(stack: Stack) -> None:
    """What the advice comes to; Docker starts the server again by itself."""
    stack.write("librechat.yaml", GOOD)


def row_of(release: str, name: str, vector: str, says: str, *words: str, advice: str = "", ends: bool = True) -> Row:
    """A row on a release that ends; with ``advice`` it is told, without it is repaired."""
    return Row(
        f"{release}: {name}", f"librechat/{release}", saved_and_restarted(vector, ends=ends), CHECK, API, says,
        booted(*words),
        by_hand=corrected if advice else None, advice=advice, looping=ends,
    )  # fmt: skip


def boot_rows(release: str) -> tuple[Row, ...]:
    refused = f"LibreChat {release.removeprefix('v')} refuses"
    return (
        row_of(release, "default beside models", "default-beside-models", refused, "        default:"),
        row_of(release, "the version is a number", "version-float", refused, 'version: "'),
        row_of(release, "yes for true", "yes-is-a-string", refused, "titleConvo: true"),
        row_of(release, "a model's name is a number", "model-name-number", refused, '"'),
        row_of(release, "endpoints is empty", "endpoints-null", refused, advice="librechat.yaml"),
        row_of(release, "an Azure group without instanceName", "azure-no-instance", AZURE, advice="librechat.yaml"),
    )


BOOT_ROWS = {
    "v0.8.2": boot_rows("v0.8.2"),
    "v0.8.7": (
        *boot_rows("v0.8.7"),
        row_of("v0.8.7", "a header is a number", "header-number", "LibreChat 0.8.7 refuses", advice="librechat.yaml"),
    ),
}
"""By release."""
ACCEPTED = {"v0.8.2": ("header-number", "newer-root-key", "crlf"), "v0.8.7": ("newer-root-key", "anchor-merge", "crlf")}
"""Texts that this release takes and another does not, or that look worse than they are."""
