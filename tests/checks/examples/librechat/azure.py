"""Old and new ways to set up Azure in LibreChat, and what ``librechat.azure`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.librechat.azure import OLD, SWITCH
from stackops.console.model import ConfigVerdict, Snapshot

from examples import Example
from examples.librechat.chats import DIR, app, chats
from examples.snapshots import container_id


def azure(*dotenv: str, env: tuple[str, ...] = (), models: tuple[str, ...] = ("gpt-4o",), up: bool = True,
          **more: Any) -> Snapshot:  # fmt: skip
    """A LibreChat whose librechat.yaml has Azure groups with these models."""
    snapshot = chats(app(*env), dotenv=dotenv, up=up, **more)
    verdict = ConfigVerdict(
        f"{DIR}/librechat.yaml", "0.8.4", "image", container=container_id("api") if up else None, project="chat",
        service="api", mounted=up, stage="ok", boot="ok", azure_models=models,
    )  # fmt: skip
    return replace(snapshot, config_verdicts=(verdict,))


FINDS = (
    Example("left the switch on", azure(f"{SWITCH}=TRUE"), "finding", "deployment-replaced", ()),
    Example("left it on in the compose file", azure(env=(f"{SWITCH}=true",)), "finding", "deployment-replaced", ()),
    Example("left it on before the first start", azure(f"{SWITCH}=true", up=False), "finding", "deployment-replaced",
            ()),
    *(Example(f"left {name}", azure(f"{name}=x"), "finding", "old-variables", ()) for name in OLD[:7]),
    Example("left all of them", azure(*(f"{name}=x" for name in OLD)), "finding", "old-variables", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("has the groups alone", azure("PORT=3080"), "ok"),
    Example("has them alone before the first start", azure("PORT=3080", up=False), "ok"),
    Example("switched the switch off", azure(f"{SWITCH}=false"), "ok"),
    Example("left the old names empty", azure("AZURE_API_KEY=", "INSTANCE_NAME="), "ok"),
    Example("uses Azure's search and storage", azure("AZURE_AI_SEARCH_API_KEY=x", "AZURE_CONTAINER_NAME=files"), "ok"),
    Example("names the key of a group", azure("AZURE_KEY_EAST=x"), "ok"),
    Example("has no .env", azure(), "ok"),
    Example("has a .env that nobody else may read", azure(unread=True), "unknown"),
    Example("sets up Azure the old way", azure("AZURE_API_KEY=x", models=()), "not_applicable"),
    Example("has no librechat.yaml", chats(app(), dotenv=("AZURE_API_KEY=x",)), "not_applicable"),
    Example("looks before it was inspected", azure("AZURE_API_KEY=x", detailed=False), "unknown"),
)

EXAMPLES = FINDS + FINDS_NOT
