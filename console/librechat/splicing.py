"""Carries out repairs as edits of the text, and proves each: the new text means what was intended and nothing else.

Pure. Everything that is not meant stays as it was, comments and blank lines included. A repair that cannot be proven
raises CannotRepair with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ..model import ConfigRepair
from ..yamltext import MAX_NODES
from .notation import Version
from .reading import TooDeep, YamlProblem, load
from .schema import TooMuch, judge
from .values import Date, Map, Seq, Span

_BREAK = re.compile(r"\r\n|\n|\r")


class CannotRepair(Exception):
    """Why a repair is not made."""


def repaired(text: str, repair: ConfigRepair, release: Version) -> str:
    """The text with one repair made. Raises CannotRepair; then nothing is to be changed."""
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    body = text[len(bom) :]
    if repair.kind == "dedent":
        new = _dedented(body, repair)
        _prove_dedent(body, new, release)
        return bom + new
    try:
        data = load(body)
    except (YamlProblem, TooDeep) as error:
        raise CannotRepair(f"it cannot be read as YAML: {error}") from None
    if not isinstance(data, Map):
        raise CannotRepair("a mapping (`key: value` lines) is expected")
    if data.size > MAX_NODES:
        raise CannotRepair("its aliases repeat themselves without end")
    splice, intend = _KINDS[repair.kind]
    new = splice(body, data, repair)
    wanted = plain(data)
    intend(wanted, repair, body, data)
    _prove(new, wanted)
    return bom + new


def plain(value: Any) -> Any:  # noqa: ANN401 - YAML holds anything
    """The data as ordinary dicts and lists, to be changed and compared."""
    if isinstance(value, Map):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Seq):
        return [plain(item) for item in value]
    return value


def _prove(new: str, wanted: Any) -> None:  # noqa: ANN401
    try:
        meant = plain(load(new))
    except (YamlProblem, TooDeep) as error:
        raise CannotRepair(f"the edit would not be valid YAML ({error})") from None
    # repr tells True from 1 and 1 from 1.0, which == does not; the order of keys means nothing here
    if repr(_ordered(meant)) != repr(_ordered(wanted)):
        raise CannotRepair("the edit would change more than what is meant")


def _ordered(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _prove_dedent(old: str, new: str, release: Version) -> None:
    """What could not be read before must be read now, be accepted, and differ in indentation alone."""
    if re.sub(r"(?m)^[ ]+", "", old) != re.sub(r"(?m)^[ ]+", "", new):
        raise CannotRepair("the edit would change more than indentation")
    try:
        issues = judge(load(new), release, {})
    except (YamlProblem, TooDeep, TooMuch) as error:
        raise CannotRepair(f"the edit would not be valid YAML ({error})") from None
    if any(issue.path[:1] != ("mcpServers",) for issue in issues):
        raise CannotRepair("the file would be read then, but not be accepted")


def at(data: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401
    """What stands at a path. Raises CannotRepair when the file is no longer so."""
    for step in path:
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and step.isdigit() and int(step) < len(data):
            data = data[int(step)]
        else:
            raise CannotRepair(f"there is no {'.'.join(path)} in it any more")
    return data


def _mapping(data: Any, path: tuple[str, ...], text: str) -> Map:  # noqa: ANN401
    found = at(data, path)
    if not isinstance(found, Map):
        raise CannotRepair(f"{'.'.join(path)} is no mapping")
    first = min((span.start for span in found.keys_at.values()), default=0)
    if text[:first].rstrip(" \t\r\n").endswith(("{", ",")):
        raise CannotRepair(f"{'.'.join(path) or 'the file'} is written in braces")
    return found


def line_start(text: str, index: int) -> int:
    """Where the line of a character begins."""
    return max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1


def _column(text: str, index: int) -> int:
    return index - line_start(text, index)


# -- nest -------------------------------------------------------------------------------------------------------------


def _nest(text: str, data: Map, repair: ConfigRepair) -> str:
    """Indent the lines of some keys, so that they come to stand under the key above them."""
    parent = _mapping(data, repair.path, text)
    below = parent.keys_at.get(repair.name)
    if below is None or not all(key in parent.keys_at for key in repair.keys):
        raise CannotRepair(f"there is no {repair.name} with {', '.join(repair.keys)} beside it any more")
    behind = sorted((span.start, key) for key, span in parent.keys_at.items() if span.start > below.start)
    block = behind[: len(repair.keys)]
    if {key for _, key in block} != set(repair.keys):
        raise CannotRepair(f"{', '.join(repair.keys)} do not follow {repair.name} directly")
    start = line_start(text, block[0][0])
    end = line_start(text, behind[len(block)][0]) if len(behind) > len(block) else _end_of(text, data, parent)
    columns = _child_column(text, parent[repair.name], below) - _column(text, below.start)
    return text[:start] + _shifted(text[start:end], columns) + text[end:]


def _child_column(text: str, value: Any, key: Span) -> int:  # noqa: ANN401
    if isinstance(value, Map) and value.keys_at:
        return _column(text, min(span.start for span in value.keys_at.values()))
    if value is not None:
        raise CannotRepair("the key already has a value of another kind")
    return _column(text, key.start) + 2


def _end_of(text: str, data: Map, parent: Map) -> int:
    """Behind the last line of a mapping that ends its parent: before the next text further left."""
    last = max(span.end for span in parent.values_at.values())
    column = _column(text, min(span.start for span in parent.keys_at.values()))
    if parent is data:
        return len(text)
    end = last
    for match in re.finditer(r"[^\r\n]*(?:\r\n|\n|\r|\Z)", text[line_start(text, last) :]):
        line = match[0].strip()
        if line and not line.startswith("#") and len(match[0]) - len(match[0].lstrip(" ")) < column:
            return max(end, line_start(text, last) + match.start())
        end = line_start(text, last) + match.end()
    return end


def _shifted(block: str, columns: int) -> str:
    """Lines with text in them moved to the right; comments behind the last of them stay."""
    lines = block.splitlines(keepends=True)
    last = max((n for n, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), default=-1)
    return "".join(" " * columns + line if n <= last and line.strip() else line for n, line in enumerate(lines))


def _intend_nest(wanted: Any, repair: ConfigRepair, _text: str, _data: Map) -> None:  # noqa: ANN401
    parent = at(wanted, repair.path)
    moved = {key: parent.pop(key) for key in repair.keys}
    parent[repair.name] = {**(parent[repair.name] or {}), **moved}


# -- rename, version --------------------------------------------------------------------------------------------------


def _rename(text: str, data: Map, repair: ConfigRepair) -> str:
    found = at(data, repair.path)
    span = found.keys_at.get(repair.name) if isinstance(found, Map) else None
    if span is None or repair.value in found:
        raise CannotRepair(f"there is no {repair.name} to rename in {'.'.join(repair.path)}")
    written = text[span.start : span.end]
    if repair.name not in written:
        raise CannotRepair(f"{repair.name} is written in a way that is not edited")
    return text[: span.start] + written.replace(repair.name, repair.value) + text[span.end :]


def _intend_rename(wanted: Any, repair: ConfigRepair, _text: str, _data: Map) -> None:  # noqa: ANN401
    parent = at(wanted, repair.path)
    parent[repair.value] = parent.pop(repair.name)


def _version(text: str, data: Map, repair: ConfigRepair) -> str:
    if "version" in data:
        raise CannotRepair("it has a version already")
    _mapping(data, (), text)
    if not data.keys_at:
        raise CannotRepair("there is no key in it yet")
    first = line_start(text, min(span.start for span in data.keys_at.values()))
    marker = re.search(r"(?m)^---[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r)", text[:first])
    found = _BREAK.search(text)
    where = marker.end() if marker else 0 if not text.startswith("%") else first
    return text[:where] + f"version: {repair.value}{found[0] if found else chr(10)}" + text[where:]


def _intend_version(wanted: Any, repair: ConfigRepair, _text: str, _data: Map) -> None:  # noqa: ANN401
    wanted["version"] = repair.value


# -- quote, boolean ---------------------------------------------------------------------------------------------------


def value_span(data: Any, path: tuple[str, ...]) -> Span:  # noqa: ANN401
    """Where a value is written. Raises CannotRepair."""
    parent = at(data, path[:-1])
    if isinstance(parent, Map) and path[-1] in parent.values_at:
        return parent.values_at[path[-1]]
    if isinstance(parent, Seq) and path[-1].isdigit() and int(path[-1]) < len(parent.items_at):
        return parent.items_at[int(path[-1])]
    raise CannotRepair(f"there is no {'.'.join(path)} in it any more")


def _written(text: str, data: Map, path: tuple[str, ...]) -> tuple[Span, str]:
    span = value_span(data, path)
    return span, text[span.start : span.end]


def _quote(text: str, data: Map, repair: ConfigRepair) -> str:
    span, written = _written(text, data, repair.path)
    value = at(data, repair.path)
    if not isinstance(value, int | float | Date) or not re.fullmatch(r"[\w.:+ -]+", written):
        raise CannotRepair(f"{'.'.join(repair.path)} is written in a way that is not edited")
    return text[: span.start] + json.dumps(written) + text[span.end :]


def _intend_quote(wanted: Any, repair: ConfigRepair, text: str, data: Map) -> None:  # noqa: ANN401
    _put(wanted, repair.path, _written(text, data, repair.path)[1])


def _boolean(text: str, data: Map, repair: ConfigRepair) -> str:
    span, written = _written(text, data, repair.path)
    if not isinstance(at(data, repair.path), str) or not re.fullmatch(r"[\"']?\w+[\"']?", written):
        raise CannotRepair(f"{'.'.join(repair.path)} is written in a way that is not edited")
    return text[: span.start] + repair.value + text[span.end :]


def _intend_boolean(wanted: Any, repair: ConfigRepair, _text: str, _data: Map) -> None:  # noqa: ANN401
    _put(wanted, repair.path, repair.value == "true")


def _put(wanted: Any, path: tuple[str, ...], value: Any) -> None:  # noqa: ANN401
    parent = at(wanted, path[:-1])
    parent[int(path[-1]) if isinstance(parent, list) else path[-1]] = value


# -- dedent -----------------------------------------------------------------------------------------------------------


def _dedented(text: str, repair: ConfigRepair) -> str:
    """Move a block of lines to the left, from the given line on, as far as they stand at least as deep as it."""
    lines = text.splitlines(keepends=True)
    first = repair.line - 1
    if not 0 <= first < len(lines) or repair.columns < 1:
        raise CannotRepair("the line is not there any more")
    depth = _depth(lines[first])
    if depth < repair.columns:
        raise CannotRepair("the line is not indented any more")
    end = first
    while end < len(lines) and (not lines[end].strip() or _depth(lines[end]) >= depth):
        end += 1
    moved = [line[repair.columns :] if line.strip() else line for line in lines[first:end]]
    return "".join((*lines[:first], *moved, *lines[end:]))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


Splice = Callable[[str, Map, ConfigRepair], str]
Intend = Callable[[Any, ConfigRepair, str, Map], None]
_KINDS: dict[str, tuple[Splice, Intend]] = {
    "nest": (_nest, _intend_nest),
    "rename": (_rename, _intend_rename),
    "version": (_version, _intend_version),
    "quote": (_quote, _intend_quote),
    "boolean": (_boolean, _intend_boolean),
}
