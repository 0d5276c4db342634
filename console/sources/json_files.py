"""Whether FastGPT could read its config.json, told without what is in it.

Releases up to v4.8.3 read strict JSON, later ones JSON5. fact: fastgpt-stack 2, a parse failure kills the process and,
with ``restart: always``, loops. Reads through the ``Files`` door only.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Sequence

from ..hosts import Files, HostError
from ..model import Container, JsonFact, Project
from ..text import clean_line

TARGETS = frozenset({"/app/data/config.json"})
LIMIT = 512 * 1024
MAX_FILES = 20
_STRING = r'"(?:[^"\\\n]|\\.)*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)
# what JSON5 has besides: bare names, single quotes, hexadecimal, signs, line continuations
_MORE = re.compile(rf"{_STRING}|(?P<more>'|[A-Za-z_$][\w$]*\s*:|0[xX]|[-+]?(?:Infinity|NaN)\b|\+\d|\\\n)", re.DOTALL)


def json_paths(projects: Sequence[Project], containers: Sequence[Container]) -> tuple[str, ...]:
    """Host paths of the files that are mounted where FastGPT looks for its configuration."""
    mounts: Iterable[tuple[str, str, str]] = (
        *((m.kind, m.source, m.target) for c in containers for m in c.mounts),
        *((v.kind, v.source, v.target) for p in projects for s in p.services for v in s.volumes),
    )
    wanted = (source for kind, source, target in mounts if kind == "bind" and posixpath.normpath(target) in TARGETS)
    return tuple(dict.fromkeys(path for path in wanted if path.startswith("/")))[:MAX_FILES]


def json_facts(files: Files, paths: Sequence[str]) -> tuple[JsonFact, ...]:
    """A fact for each file that can be read; nothing for the others."""
    found = []
    for path in paths:
        try:
            found.append(judge(path, files.read(path, limit=LIMIT)))
        except HostError:
            continue
    return tuple(found)


def judge(path: str, content: bytes) -> JsonFact:
    """What a strict and a relaxed reader would say of the content."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    strict, keys = _parsed(text)
    if strict is None:
        return JsonFact(path=path, keys=keys)
    relaxed, keys = _parsed(without_comments(text))
    unsure = relaxed is not None and any(match["more"] for match in _MORE.finditer(without_comments(text)))
    return JsonFact(path=path, strict=strict, relaxed=None if unsure else relaxed, unsure=unsure, keys=keys)


def _parsed(text: str) -> tuple[str | None, tuple[str, ...]]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {clean_line(error.msg, 80)}", ()
    except (RecursionError, ValueError):
        return "it is nested too deeply, or a number in it is too long", ()
    if not isinstance(data, dict):
        return "line 1, column 1: it is no object in braces", ()
    return None, tuple(clean_line(key, 60) for key in data)[:40]


def without_comments(text: str) -> str:
    """Without comments and trailing commas, every other character where it was."""
    bare = _COMMENT.sub(lambda m: m[1] or re.sub(r"[^\n]", " ", m[0]), text)
    return _TRAILING.sub(lambda m: m[1] or " ", bare)
