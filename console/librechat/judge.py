"""The verdict on one librechat.yaml: how far it gets, what the server does then, what it logs. Pure.

fact: librechat-stack 5.1 (log lines and what follows), agreed with the 40 validation vectors in all three releases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from ..model import ConfigIssue
from . import azure, custom
from .advice import advice
from .notation import Version
from .reading import TooDeep, YamlProblem, load
from .schema import Issue, Path, TooMuch, judge
from .values import Map, Seq, Span

Stage = Literal["yaml", "empty", "schema", "dropped", "azure", "ok"]
Boot = Literal["ok", "defaults", "exit 1", "crash"]
EXITS_SINCE: Version = (0, 8, 2)
"""fact: LC cea4f57a73 (#10733)."""


class NotJudged(Exception):
    """The text cannot be judged: endless or too deeply nested."""


class Verdict(Struct):
    """What a release makes of a text."""

    stage: Stage
    boot: Boot
    log: str | None = None
    issues: tuple[ConfigIssue, ...] = ()
    shown: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    azure_models: tuple[str, ...] = ()
    data: Any = None
    raw: tuple[Issue, ...] = ()
    """The validator's own issues."""
    syntax: YamlProblem | None = None

    @property
    def only_unknown_keys(self) -> bool:
        """Whether it is refused for nothing but keys that this release does not know."""
        return self.stage == "schema" and all(issue.code == "unrecognized_keys" for issue in self.raw)

    @property
    def good(self) -> bool:
        """Whether there is nothing at all to say."""
        return self.stage == "ok" and not self.issues


def decoded(content: bytes) -> str:
    """The text as the server reads the file: UTF-8, whatever is not becomes a replacement character."""
    return content.decode("utf-8", "replace")


def verdict(text: str, release: Version, env: Mapping[str, str] | None, *, inside: bool = True) -> Verdict:
    """Judge a text. ``env``: the server's environment, None when not known. Raises NotJudged."""
    try:
        return _judged(text, release, env, inside=inside)
    except TooDeep as error:
        raise NotJudged(str(error)) from None
    except TooMuch:
        raise NotJudged("its aliases repeat themselves without end") from None


def _judged(text: str, release: Version, env: Mapping[str, str] | None, *, inside: bool) -> Verdict:
    try:
        data = load(text)
    except YamlProblem as problem:
        issue = ConfigIssue("syntax", "", problem.reason, problem.line, problem.column)
        log = f"Config file YAML format is invalid: {problem}"
        return Verdict("yaml", "defaults", log, (issue,), syntax=problem)
    if _falsy(data):
        message = "there is nothing in it but comments"
        log = "Custom config file missing or YAML format invalid."
        return Verdict("empty", "defaults", log, (ConfigIssue("syntax", "", message),), data=data)
    raw = tuple(judge(data, release, env or {}))
    if raw:
        issues = tuple(_issue(text, data, one, release) for one in raw)
        return Verdict("schema", _boot(raw, release, env or {}), _schema_log(raw), issues, data=data, raw=raw)
    return _accepted(text, data, release, env, inside=inside)


def _falsy(data: Any) -> bool:  # noqa: ANN401 - YAML holds anything
    return data is None or data in (False, 0, "") or (isinstance(data, float) and math.isnan(data))


def _boot(raw: tuple[Issue, ...], release: Version, env: Mapping[str, str]) -> Boot:
    if any("imageOutputType" in issue.path for issue in raw):
        return "crash"
    bypass = env.get("CONFIG_BYPASS_VALIDATION", "").strip().lower() == "true"
    return "exit 1" if release >= EXITS_SINCE and not bypass else "defaults"


def _schema_log(raw: tuple[Issue, ...]) -> str:
    if any("imageOutputType" in issue.path for issue in raw):
        return "Please specify a correct `imageOutputType` value (case-sensitive)."
    return "Invalid custom config file"


def _accepted(text: str, data: Map, release: Version, env: Mapping[str, str] | None, *, inside: bool) -> Verdict:
    gone = {number: (entry, lacking) for number, entry, lacking in custom.dropped(data)}
    entries = custom.entries(data)
    shown = tuple(custom.label(entry, n) for n, entry in enumerate(entries) if n not in gone)
    issues = [custom.drop_issue(number, *rest) for number, rest in gone.items()]
    issues += custom.warnings(data, release, env or {}, inside=inside)
    groups = ((data.get("endpoints") or {}).get("azureOpenAI") or {}).get("groups") or []
    problem = azure.check(groups, release, env)
    issues += custom.azure_warnings(groups)
    if problem:
        reason = problem.log.removeprefix(azure.INVALID)
        issues.insert(0, ConfigIssue("azure", dotted(problem.path), reason, advice=problem.advice))
    placed = tuple(_placed(text, data, issue) for issue in issues)
    stage: Stage = "azure" if problem else "dropped" if gone else "ok"
    return Verdict(
        stage, "crash" if problem else "ok", problem.log if problem else None, placed, shown,
        tuple(custom.label(entry, number) for number, (entry, _) in gone.items()), azure.models(groups), data,
    )  # fmt: skip


def dotted(path: Path) -> str:
    """``endpoints.custom.0.name``."""
    return ".".join(str(part) for part in path)


def _issue(text: str, data: Any, issue: Issue, release: Version) -> ConfigIssue:  # noqa: ANN401
    path = tuple(str(part) for part in issue.path)
    span = place_of(data, path, _named(issue))
    line, column = line_and_column(text, span.start) if span else (None, None)
    value = data
    for step in path:
        value = _child(value, step)
    return ConfigIssue("schema", dotted(issue.path), issue.message, line, column, advice(issue, value, release))


def _named(issue: Issue) -> str | None:
    """The first key that an issue names in its text."""
    return issue.message.split("'")[1] if issue.code == "unrecognized_keys" else None


def _placed(text: str, data: Any, issue: ConfigIssue) -> ConfigIssue:  # noqa: ANN401
    span = place_of(data, tuple(issue.path.split(".")))
    line, column = line_and_column(text, span.start) if span else (None, None)
    return ConfigIssue(issue.kind, issue.path, issue.message, line, column, issue.advice)


def place_of(data: Any, path: tuple[str, ...], key: str | None = None) -> Span | None:  # noqa: ANN401
    """Where something is written: a key, else the last part of the way to it that is written anywhere."""
    best: Span | None = None
    for part, value in _way(data, path):
        best = _key_place(part, value) or best
        data = _child(part, value)
    return (_key_place(data, key) if key else None) or best


def _way(data: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, str]]:  # noqa: ANN401
    for step in path:
        yield data, step
        data = _child(data, step)


def _child(data: Any, step: str) -> Any:  # noqa: ANN401
    if isinstance(data, Map):
        return data.get(step)
    return data[int(step)] if isinstance(data, Seq) and step.isdigit() and int(step) < len(data) else None


def _key_place(data: Any, step: str) -> Span | None:  # noqa: ANN401
    if isinstance(data, Map):
        return data.keys_at.get(step)
    return data.items_at[int(step)] if isinstance(data, Seq) and step.isdigit() and int(step) < len(data) else None


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """From 1. ``index`` counts without a byte order mark; any of the three line ends counts."""
    before = text.removeprefix("\ufeff")[:index].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
