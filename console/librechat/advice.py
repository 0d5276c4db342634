"""What to write instead of what the schema refuses. Pure; says nothing where it would only guess."""

from __future__ import annotations

import difflib
from typing import Any

from .notation import Shape, Version, shapes
from .schema import Issue, _Judge

_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
ROOT, INTERFACE = "config", "interface"


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
        return f"add {issue.path[-1]}" if issue.path else None
    if issue.message.startswith("Expected string, received"):
        return "put it in quotes" if issue.message.endswith(("number", "boolean", "date")) else None
    if issue.message == "Expected boolean, received string":
        word = boolean_for(value)
        return f"write {word}" if word else "write true or false"
    if issue.message.endswith("received null"):
        return "what belongs under it is not indented below it, or is missing"
    if "default endpoint (EModelEndpoint)" in issue.message:
        return "give the endpoint another name, for example with a word added"
    return None


def _of_key(key: str, issue: Issue, release: Version) -> str | None:
    shape = ROOT if not issue.path else "endpoints" if issue.path == ("endpoints",) else None
    if shape is None:
        return None
    known = keys_of(shape, release)
    if shape == ROOT and key in keys_of(INTERFACE, release):
        return f"{key} belongs under interface"
    if shape == "endpoints" and key in keys_of(ROOT, release):
        return f"{key} belongs at the left margin, not under endpoints"
    if shape == ROOT and key in keys_of("endpoints", release):
        return f"{key} belongs under endpoints"
    later = _since(key, shape)
    if later and later > release:
        return f"{key} needs a newer release than {'.'.join(map(str, release))}"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    if near:
        return f"{near[0]} may be meant by {key}"
    return f"write {key} as an item of custom, with a name" if shape == "endpoints" else f"take {key} out"


def _since(key: str, name: str) -> Version | None:
    whole: Shape = shapes()[name][-1][2]
    return next((field.since for field in whole.fields if field.key == key), None)
