"""Whether a path is as it was seen, as sentences. Compares facts, touches nothing."""

from __future__ import annotations

from collections.abc import Iterable

from .diffs import mode, owner
from .hosts import Files
from .model import FileFact

_WORDS = {"file": "a file", "directory": "a directory", "missing": "not there"}


def difference(expected: FileFact, actual: FileFact) -> str | None:
    """What differs between two looks at one path, in a sentence; None when nothing that matters does.

    What either look could not tell (None) is not compared; times and inodes never are.
    """
    path = expected.path
    if expected.kind != actual.kind:
        return f"{path} is {_WORDS.get(actual.kind, actual.kind)}, not {_WORDS.get(expected.kind, expected.kind)}"
    if expected.link_target != actual.link_target:
        return f"{path} is a link to somewhere else"
    if _differ(expected.sha256, actual.sha256):
        return f"the content of {path} has changed"
    if _differ(expected.mode, actual.mode):
        return f"the mode of {path} is {mode(actual.mode)}, not {mode(expected.mode)}"
    if _differ(expected.uid, actual.uid) or _differ(expected.gid, actual.gid):
        return f"the owner of {path} is {owner(actual.uid, actual.gid)}, not {owner(expected.uid, expected.gid)}"
    if expected.kind == "directory" and _differ(expected.empty, actual.empty):
        return f"the directory {path} is {'empty' if actual.empty else 'not empty'} now"
    return None


def differences(files: Files, expected: Iterable[FileFact]) -> tuple[str, ...]:
    """What differs from the expected facts right now. Raises HostError when it cannot be told."""
    found = (difference(fact, files.stat(fact.path, digest=True)) for fact in expected)
    return tuple(sentence for sentence in found if sentence is not None)


def _differ(one: object, other: object) -> bool:
    return one is not None and other is not None and one != other
