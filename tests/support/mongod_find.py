"""``find`` as a mongod answers it: equality on dotted names, inclusion of dotted names, a limit. For the stand-in.

fact: MongoDB manual, find: a filter looks into documents by dotted names, a projection of 1 keeps what it names, and
``_id`` unless that is 0; a collection that is not there holds nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def found(rows: list[Document], asked: Document) -> Document:
    """The reply, all in one batch."""
    given = asked.get("filter", {})
    kept = [row for row in rows if all(_at(row, name) == value for name, value in given.items())]
    batch = [_only(row, asked.get("projection", {})) for row in kept[: asked.get("limit") or None]]
    namespace = f"{asked['$db']}.{asked['find']}"
    return {"cursor": {"firstBatch": batch, "id": 0, "ns": namespace}, "ok": 1.0}


def kept_in(folder: Path | None, name: str) -> list[Document]:
    """Rows of a collection that somebody laid into the data folder: ``system_models.json``."""
    path = folder / f"{name}.json" if folder else None
    rows: list[Document] = json.loads(path.read_text()) if path is not None and path.exists() else []
    return rows


def _at(row: Document, name: str) -> Any:
    for part in name.split("."):
        row = row.get(part) if isinstance(row, dict) else None  # type: ignore[assignment]
    return row


def _only(row: Document, wanted: Document) -> Document:
    names = [name for name, on in wanted.items() if on]
    made: Document = {} if not names else {"_id": row["_id"]} if "_id" in row and wanted.get("_id", 1) else {}
    if not names:
        return row
    for name in names:
        value, at = _at(row, name), made
        if value is None:
            continue
        *parents, last = name.split(".")
        for part in parents:
            at = at.setdefault(part, {})
        at[last] = value
    return made
