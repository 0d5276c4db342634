"""Finds the repairs of a librechat.yaml that have exactly one right answer. Pure.

One repair at a time: the text is judged again after each, and only a list that leaves nothing to complain of is given.
fact: librechat-stack 5.3, the damage that circulates in guides; the vectors ``default-beside-models``,
``extra-indent-after-dash``, ``apikey-casing``, ``version-float``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..model import ConfigRepair
from . import custom
from .advice import INTERFACE, boolean_for, keys_of, unknown_keys
from .judge import NotJudged, Verdict, dotted, verdict
from .notation import Version
from .release import config_version
from .schema import Issue
from .splicing import CannotRepair, at, repaired
from .values import Date, Map

MOST = 40
"""Repairs of one file; a file with more to repair than that is rather written anew."""
_MODEL_KEYS = ("default", "fetch", "userIdQuery")


def repairs(
    text: str, first: Verdict, release: Version, env: Mapping[str, str] | None, *, inside: bool
) -> tuple[ConfigRepair, ...]:
    """The repairs, in order, after which nothing is left to complain of; none where that takes a decision."""
    found: list[ConfigRepair] = []
    seen = {text}
    now = first
    while not now.good:
        step = _next(text, now, release)
        if step is None or len(found) == MOST:
            return ()
        found.append(step[0])
        text = step[1]
        try:
            now = verdict(text, release, env, inside=inside)
        except NotJudged:
            return ()
        if text in seen:
            return ()
        seen.add(text)
    return tuple(found)


def _next(text: str, now: Verdict, release: Version) -> tuple[ConfigRepair, str] | None:
    """The first proposal that can be carried out with proof, and its text."""
    for proposal in _proposals(text, now, release):
        try:
            return proposal, repaired(text, proposal, release)
        except CannotRepair:
            continue
    return None


def _proposals(text: str, now: Verdict, release: Version) -> Iterator[ConfigRepair]:
    if now.stage == "yaml":
        yield from _dedents(text, now)
    elif now.stage == "schema" and isinstance(now.data, Map):
        for issue in now.raw:
            yield from _of_issue(issue, now.data, release)
    elif isinstance(now.data, Map):
        yield from _renames(now.data)


def _dedents(text: str, now: Verdict) -> Iterator[ConfigRepair]:
    """Keys of a list item that stand deeper than its first key."""
    problem = now.syntax
    if problem is None or problem.line is None or problem.reason != "bad indentation of a mapping entry":
        return
    lines = text.removeprefix("\ufeff").splitlines()
    for number in (problem.line - 1, problem.line - 2):
        if not 0 < number < len(lines):
            continue
        above = re.match(r"( *- +)[^\s#]", lines[number - 1])
        here = re.match(r"( +)[^\s#-]", lines[number])
        if above and here and len(here[1]) > len(above[1]):
            columns = len(here[1]) - len(above[1])
            says = f"Move the keys from line {number + 1} on {_columns(columns)} to the left, under the first key"
            yield ConfigRepair("dedent", says, line=number + 1, columns=columns)


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def _of_issue(issue: Issue, data: Map, release: Version) -> Iterator[ConfigRepair]:
    path = tuple(str(part) for part in issue.path)
    if path == ("version",) and issue.message == "Required":
        value = config_version(release)
        yield ConfigRepair("version", f"Add the missing version: {value}", value=value)
    elif issue.code == "unrecognized_keys" and not path:
        yield from _under_interface(unknown_keys(issue), data, release)
    elif issue.message.startswith("Expected string, received") or issue.code == "invalid_union":
        yield from (_quoted(where) for where in _numbers(data, path))
    elif issue.message == "Expected boolean, received string":
        word = boolean_for(at(data, path))
        if word:
            yield ConfigRepair("boolean", f"Write {word} for {dotted(issue.path)}", path=path, value=word)
    elif issue.message.endswith("received null") and path[:2] == ("endpoints", "custom") and path[3:] == ("models",):
        entry = at(data, path[:-1])
        keys = tuple(key for key in entry if key in _MODEL_KEYS)
        if keys:
            yield _nested(path[:-1], "models", keys)


def _under_interface(unknown: tuple[str, ...], data: Map, release: Version) -> Iterator[ConfigRepair]:
    known = keys_of(INTERFACE, release)
    keys = tuple(key for key in unknown if key in known)
    if keys and INTERFACE in data:
        yield _nested((), INTERFACE, keys)


def _nested(path: tuple[str, ...], name: str, keys: tuple[str, ...]) -> ConfigRepair:
    whole = ".".join((*path, name))
    return ConfigRepair("nest", f"Indent {' and '.join(keys)} under {whole}", path=path, name=name, keys=keys)


def _quoted(path: tuple[str, ...]) -> ConfigRepair:
    return ConfigRepair("quote", f"Put {'.'.join(path)} in quotes", path=path)


def _numbers(data: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - YAML holds anything
    """Where a number or a date stands in place of text: at the path, or in the model it leads to."""
    value = at(data, path)
    if isinstance(value, Map) and "models" in path:
        yield from ((*path, key) for key in ("deploymentName", "version") if _bare(value.get(key)))
    elif _bare(value):
        yield path


def _bare(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float | Date) and value is not None


def _renames(data: Map) -> Iterator[ConfigRepair]:
    for number, entry, lacking in custom.dropped(data):
        for key in lacking:
            other = custom.miscased(entry, key)
            if other and key not in entry:
                path = ("endpoints", "custom", str(number))
                says = f"Rename {other} to {key} in the endpoint {custom.label(entry, number)}"
                yield ConfigRepair("rename", says, path=path, name=other, value=key)
