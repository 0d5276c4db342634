"""Keys of LibreChat's search, and what ``librechat.meilisearch`` must say of them."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Snapshot

from examples import Example
from examples.librechat.chats import app, chats, service

IMAGE = "getmeili/meilisearch:v1.12.3"
HOST = "MEILI_HOST=http://meilisearch:7700"
ON = ("SEARCH=true", HOST)
KEY, OTHER = "MEILI_MASTER_KEY=0123456789abcdef", "MEILI_MASTER_KEY=fedcba9876543210"


def search(*dotenv: str, key: str | None = KEY, of_app: tuple[str, ...] = (), more: tuple[str, ...] = (),
           **facts: Any) -> Snapshot:  # fmt: skip
    """A LibreChat with this .env beside a Meilisearch with that key."""
    return chats(app(*of_app), service("meilisearch", IMAGE, *([key] if key else ()), *more), dotenv=dotenv, **facts)


FINDS = (
    Example("gave LibreChat another key", search(*ON, OTHER), "finding", "other-key", ()),
    Example("did so before the first start", search(*ON, OTHER, up=False), "finding", "other-key", ()),
    Example("wrote the key into the compose file of LibreChat alone", search(*ON, KEY, of_app=(OTHER,)), "finding",
            "other-key", ()),
    Example("has a quote in one of them", search(*ON, f"{KEY}'"), "finding", "other-key", ()),
    Example("switched it on, and gave it no key", search(*ON), "finding", "incomplete", ()),
    Example("switched it on, and said not where it is", search("SEARCH=true", KEY), "finding", "incomplete", ()),
    Example("switched it on, and nothing else", search("SEARCH=true"), "finding", "incomplete", ()),
    Example("switched it on, and has no Meilisearch", chats(app(), dotenv=("SEARCH=true",)), "finding", "incomplete",
            ()),
    Example("left the key empty", search(*ON, "MEILI_MASTER_KEY="), "finding", "incomplete", ()),
    Example("wrote TRUE, and no key", search("SEARCH=TRUE", HOST), "finding", "incomplete", ()),
    Example("chose a short key in production",
            search(*ON, "MEILI_MASTER_KEY=short", key="MEILI_MASTER_KEY=short", more=("MEILI_ENV=production",)),
            "finding", "short-key", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("gave both the same key", search(*ON, KEY), "ok"),
    Example("gave both the same key, before the first start", search(*ON, KEY, up=False), "ok"),
    Example("started Meilisearch without a key, as v0.7.2 does", search(*ON, KEY, key=None), "ok"),
    Example("switched it off", search("SEARCH=false"), "ok"),
    Example("says nothing of a search", search(), "ok"),
    Example("chose a short key, not in production",
            search(*ON, "MEILI_MASTER_KEY=short", key="MEILI_MASTER_KEY=short"), "ok"),
    Example("has the key in the compose file of both", search(*ON, of_app=(KEY,)), "ok"),
    Example("has a Meilisearch elsewhere", chats(app(), dotenv=(*ON, KEY)), "ok"),
    Example("has a .env that nobody else may read", search(unread=True), "unknown"),
    Example("has no search and says so", chats(app(), dotenv=("SEARCH=false",)), "not_applicable"),
    Example("looks before it was inspected", search(*ON, OTHER, detailed=False), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
