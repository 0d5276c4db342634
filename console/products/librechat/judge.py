"""The verdict on one librechat.yaml: how far it gets, what the server does then, what it logs. Pure.

fact: LibreChat loadCustomConfig.js (log lines and what follows), agreed with 40 texts that three releases judged.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from ...model import ConfigAddress, ConfigIssue, OfferedModel
from ...text import _
from . import custom
from .custom import addresses, faults
from .notation import Map, Seq, Shape, TextSpan, Version, shapes
from .reading import TooDeep, YamlProblem, load
from .schema import Issue, Path, TooMuch, _Judge, judge

_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
ROOT, INTERFACE = "config", "interface"
CUSTOM, GROUPS = ("endpoints", "custom"), ("endpoints", "azureOpenAI", "groups")


def keys_of(name: str, release: Version) -> tuple[str, ...]:
    """The keys of a named shape in a release."""
    judge = _Judge(release, {})
    return tuple(key for key, _, _ in judge.fields(judge.named(name)))


def boolean_for(value: Any) -> str | None:  # noqa: ANN401 - YAML holds anything
    """``true`` or ``false`` for a word that YAML 1.1 took for one, or that stands in quotes."""
    word = value.lower() if isinstance(value, str) else ""
    return word if word in {"true", "false"} else _BOOLEANS.get(word)


def unknown_keys(issue: Issue) -> tuple[str, ...]:
    """The keys that an ``unrecognized_keys`` issue names."""
    return tuple(issue.message.split("'")[1::2]) if issue.code == "unrecognized_keys" else ()


def advice(issue: Issue, value: Any, release: Version) -> str | None:  # noqa: ANN401
    """One clause, or None."""
    if issue.code == "unrecognized_keys":
        clauses = [_of_key(key, issue, release) for key in unknown_keys(issue)]
        return "; ".join(clause for clause in clauses if clause) or None
    if issue.message == "Required":
        return _("add {path}", path=issue.path[-1]) if issue.path else None
    if issue.message.startswith("Expected string, received"):
        return _("put it in quotes") if issue.message.endswith(("number", "boolean", "date")) else None
    if issue.message == "Expected boolean, received string":
        word = boolean_for(value)
        return _("write {word}", word=word) if word else _("write true or false")
    if issue.message.endswith("received null"):
        return _("what belongs under it is not indented below it, or is missing")
    if "default endpoint (EModelEndpoint)" in issue.message:
        return _("give the endpoint another name, for example with a word added")
    return None


def _of_key(key: str, issue: Issue, release: Version) -> str | None:
    shape = ROOT if not issue.path else "endpoints" if issue.path == ("endpoints",) else None
    if shape is None:
        return None
    known = keys_of(shape, release)
    if shape == ROOT and key in keys_of(INTERFACE, release):
        return _("{key} belongs under interface", key=key)
    if shape == "endpoints" and key in keys_of(ROOT, release):
        return _("{key} belongs at the left margin, not under endpoints", key=key)
    if shape == ROOT and key in keys_of("endpoints", release):
        return _("{key} belongs under endpoints", key=key)
    later = _since(key, shape)
    if later and later > release:
        return _("{key} needs a newer release than {map}", key=key, map=".".join(map(str, release)))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    if near:
        return _("{near} may be meant by {key}", near=near[0], key=key)
    return (
        _("write {key} as an item of custom, with a name", key=key)
        if shape == "endpoints"
        else _("take {key} out", key=key)
    )


def _since(key: str, name: str) -> Version | None:
    whole: Shape = shapes()[name][-1][2]
    return next((field.since for field in whole.fields if field.key == key), None)


Stage = Literal["yaml", "empty", "schema", "dropped", "azure", "ok"]
Boot = Literal["ok", "defaults", "exit 1", "crash"]
EXITS_SINCE: Version = (0, 8, 2)
"""fact: LC cea4f57a73 (#10733)."""


class NotJudged(Exception):
    """The text cannot be judged: endless or too deeply nested."""


class ConfigJudgement(Struct):
    """What a release makes of a text."""

    stage: Stage
    boot: Boot
    log: str | None = None
    issues: tuple[ConfigIssue, ...] = ()
    shown: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    azure_models: tuple[str, ...] = ()
    addresses: tuple[ConfigAddress, ...] = ()
    offered: tuple[OfferedModel, ...] = ()
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


def verdict(text: str, release: Version, env: Mapping[str, str] | None) -> ConfigJudgement:
    """Judge a text. ``env``: the server's environment, None when not known. Raises NotJudged."""
    try:
        return _judged(text, release, env)
    except TooDeep as error:
        raise NotJudged(str(error)) from None
    except TooMuch:
        raise NotJudged(_("its aliases repeat themselves without end")) from None


def _judged(text: str, release: Version, env: Mapping[str, str] | None) -> ConfigJudgement:
    try:
        data = load(text)
    except YamlProblem as problem:
        issue = ConfigIssue("syntax", "", problem.reason, problem.line, problem.column)
        log = f"Config file YAML format is invalid: {problem}"
        return ConfigJudgement("yaml", "defaults", log, (issue,), syntax=problem)
    if _falsy(data):
        message = _("there is nothing in it but comments")
        log = "Custom config file missing or YAML format invalid."
        return ConfigJudgement("empty", "defaults", log, (ConfigIssue("syntax", "", message),), data=data)
    raw = tuple(judge(data, release, env or {}))
    accepted = _accepted(text, data, release, env, raw)
    if not raw:
        return accepted
    issues = (*(_issue(text, data, one, release) for one in raw), *accepted.issues)
    return ConfigJudgement(
        "schema", _boot(raw, release, env or {}), _schema_log(raw), issues, addresses=accepted.addresses, data=data,
        raw=raw,
    )  # fmt: skip


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


def _accepted(
    text: str,
    data: Any,  # noqa: ANN401
    release: Version,
    env: Mapping[str, str] | None,
    raw: tuple[Issue, ...],
) -> ConfigJudgement:
    """What follows where the schema is met, of all but the endpoints and groups that do not meet it."""
    bad = {dotted(one.path[:depth]) for one in raw for depth in range(len(one.path) + 1) if depth}
    entries = [one for one in custom.listed(data, *CUSTOM) if f"{dotted(CUSTOM)}.{one[0]}" not in bad]
    groups = [one for one in custom.listed(data, *GROUPS) if f"{dotted(GROUPS)}.{one[0]}" not in bad]
    gone = {number: (entry, lacking) for number, entry, lacking in custom.dropped(entries)}
    azure = custom.problems(groups, release, env)
    issues = [
        ConfigIssue("azure", dotted(one.path), one.log.removeprefix(custom.INVALID), advice=one.advice) for one in azure
    ]
    issues += [custom.drop_issue(number, *rest) for number, rest in gone.items()]
    issues += [*custom.same_names(entries), *faults(data, release, env), *custom.azure_warnings(groups)]
    stage: Stage = "azure" if azure else "dropped" if gone else "ok"
    return ConfigJudgement(
        stage, "crash" if azure else "ok", azure[0].log if azure else None,
        tuple(_placed(text, data, one) for one in issues),
        tuple(custom.label(entry, number) for number, entry in entries if number not in gone),
        tuple(custom.label(entry, number) for number, (entry, _) in gone.items()), custom.models(groups),
        tuple(replace(one, line=_line(text, data, path)) for path, one in addresses(data, env or {})),
        (*custom.offered(entries, env or {}), *(OfferedModel(name, "azureOpenAI") for name in custom.models(groups))),
        data,
    )  # fmt: skip


def _line(text: str, data: Any, path: Path) -> int | None:  # noqa: ANN401
    span = place_of(data, tuple(str(part) for part in path))
    return line_and_column(text, span.start)[0] if span else None


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


def place_of(data: Any, path: tuple[str, ...], key: str | None = None) -> TextSpan | None:  # noqa: ANN401
    """Where something is written: a key, else the last part of the way to it that is written anywhere."""
    best: TextSpan | None = None
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


def _key_place(data: Any, step: str) -> TextSpan | None:  # noqa: ANN401
    if isinstance(data, Map):
        return data.keys_at.get(step)
    return data.items_at[int(step)] if isinstance(data, Seq) and step.isdigit() and int(step) < len(data) else None


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """From 1. ``index`` counts without a byte order mark; any of the three line ends counts."""
    before = text.removeprefix("\ufeff")[:index].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
