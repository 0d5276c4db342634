"""Whether FastGPT still runs on an older config.json than the one on disk. Pure.

fact: fastgpt-stack 2: mounted at /app/data/config.json in generations A to F, read once at the start; strict JSON up to
v4.8.3, JSON5 later; from v4.8.20 on the lists of models in it are ignored; a file that cannot be parsed ends FastGPT.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...console.model import FileFact, JsonFact, Snapshot
from ...console.stacks.gateways import release
from ..compose import Placed, Reach, fact_of, reach

TARGET = "/app/data/config.json"
JSON5_SINCE = (4, 8, 4)
MODELS_ELSEWHERE = (4, 8, 20)
SLACK = 1.0
"""Seconds: file systems and the Engine do not agree to the last digit."""
LISTS = frozenset({"llmModels", "vectorModels", "chatModels", "qaModels", "reRankModels", "audioSpeechModels"})


@dataclass(frozen=True)
class Change:
    """An edit that the running FastGPT has not read."""

    place: Placed
    found: Reach
    fact: FileFact
    replaced: bool
    """The container still holds the file that was there before: its editor wrote a new one."""
    complaint: str | None
    """What this release would say of the new content and end; None when it would read it, as far as can be told."""
    unsure: bool
    """Whether it would read it could not be judged."""
    lists_ignored: bool
    """The file lists models, which this release does not read any more."""


def change_of(place: Placed, snapshot: Snapshot) -> Change | None:
    """What changed since this FastGPT started; None when nothing did, or it does not run."""
    container = place.container
    if container is None or not container.detailed or container.state != "running" or container.started_at is None:
        return None
    found = reach(TARGET, container.mounts)
    fact = fact_of(snapshot, found.source) if found and found.kind == "bind" else None
    if found is None or fact is None or fact.kind != "file":
        return None
    replaced = getattr(found.mount, "stale", None) is True
    newer = fact.mtime is not None and fact.mtime > container.started_at + SLACK
    if not (newer or replaced):
        return None
    version = next((s.version for s in snapshot.services if s.container == container.id), None)
    json = next((j for j in snapshot.json_files if j.path == fact.path), None)
    return Change(
        place, found, fact, replaced, _complaint(json, version), json is None or _unsure(json, version),
        _lists_ignored(json, version),
    )  # fmt: skip


def _strict(version: str | None) -> bool:
    known = release(version)
    return known is not None and known < JSON5_SINCE


def _complaint(json: JsonFact | None, version: str | None) -> str | None:
    if json is None:
        return None
    return json.strict if _strict(version) else json.relaxed


def _unsure(json: JsonFact, version: str | None) -> bool:
    return json.unsure and not _strict(version)


def _lists_ignored(json: JsonFact | None, version: str | None) -> bool:
    known = release(version)
    return json is not None and known is not None and known >= MODELS_ELSEWHERE and bool(LISTS & set(json.keys))
