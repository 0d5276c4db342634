"""The repairs of a librechat.yaml that have exactly one right answer: found, and carried out as text. Pure.

One repair at a time: the text is judged again after each, and only a list that leaves nothing to complain of is given.
Each is proven by LibreChat's own rules of reading: the new text means what was intended and nothing else. fact: the
damage that circulates in guides, LibreChat issues 4736 and 5386; of the texts that three releases judged
``default-beside-models``, ``extra-indent-after-dash``, ``apikey-casing``, ``version-float``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...compose.yaml_document import MAX_NODES, YamlDocument, YamlError, YamlNode, decode
from ...compose.yaml_edit import (
    Path,
    Quoted,
    RefusedEdit,
    Splice,
    end_of,
    ensure,
    is_empty,
    node_at,
    proven,
    put,
    rename,
)
from ...model import ConfigRepair
from ...text import _
from . import custom
from .env import config_version
from .judge import CUSTOM, INTERFACE, ConfigJudgement, NotJudged, boolean_for, dotted, keys_of, unknown_keys, verdict
from .notation import Date, Map, Seq, Version
from .reading import TooDeep, YamlProblem, load, read
from .schema import Issue, TooMuch, judge

MOST = 40
"""Repairs of one file; a file with more to repair than that is rather written anew."""
_MODEL_KEYS = ("default", "fetch", "userIdQuery")


def repairs(
    text: str, first: ConfigJudgement, release: Version, env: Mapping[str, str] | None
) -> tuple[tuple[ConfigRepair, ...], ConfigJudgement]:
    """The repairs that have one right answer, in order, and what is judged after them: the rest takes a decision."""
    found: list[ConfigRepair] = []
    seen = {text}
    now = first
    while not now.good and len(found) < MOST:
        step = _next(text, now, release)
        if step is None or step[1] in seen:
            break
        try:
            now = verdict(step[1], release, env)
        except NotJudged:
            break
        text = step[1]
        found.append(step[0])
        seen.add(text)
    return tuple(found), now


def _next(text: str, now: ConfigJudgement, release: Version) -> tuple[ConfigRepair, str] | None:
    """The first proposal that can be carried out with proof, and its text."""
    for proposal in _proposals(text, now, release):
        try:
            return proposal, repaired(text, proposal, release)
        except RefusedEdit:
            continue
    return None


def _proposals(text: str, now: ConfigJudgement, release: Version) -> Iterator[ConfigRepair]:
    if now.stage == "yaml":
        yield from _dedents(text, now)
    elif now.stage == "schema" and isinstance(now.data, Map):
        for issue in now.raw:
            yield from _of_issue(issue, now.data, release)
    elif isinstance(now.data, Map):
        yield from _renames(now.data)


def _dedents(text: str, now: ConfigJudgement) -> Iterator[ConfigRepair]:
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
            says = _(
                "Move the keys from line {number} on {columns} to the left, under the first key",
                number=number + 1,
                columns=_columns(columns),
            )
            yield ConfigRepair("dedent", says, line=number + 1, columns=columns)


def _columns(count: int) -> str:
    return _("{count} column{s}", count=count, s="" if count == 1 else "s")


def _of_issue(issue: Issue, data: Map, release: Version) -> Iterator[ConfigRepair]:
    path = tuple(str(part) for part in issue.path)
    if path == ("version",) and issue.message == "Required":
        value = config_version(release)
        yield ConfigRepair("version", _("Add the missing version: {value}", value=value), value=value)
    elif issue.code == "unrecognized_keys" and not path:
        yield from _under_interface(unknown_keys(issue), data, release)
    elif issue.message.startswith("Expected string, received") or issue.code == "invalid_union":
        yield from (_quoted(where) for where in _numbers(data, path))
    elif issue.message == "Expected boolean, received string":
        word = boolean_for(at(data, path))
        if word:
            yield ConfigRepair(
                "boolean", _("Write {word} for {dotted}", word=word, dotted=dotted(issue.path)), path=path, value=word
            )
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
    return ConfigRepair(
        "nest",
        _("Indent {keys} under {whole}", keys=_(" and ").join(keys), whole=whole),
        path=path,
        name=name,
        keys=keys,
    )


def _quoted(path: tuple[str, ...]) -> ConfigRepair:
    return ConfigRepair("quote", _("Put {path} in quotes", path=".".join(path)), path=path)


def _numbers(data: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - YAML holds anything
    """Where a number or a date stands in place of text: at the path, or in the model it leads to."""
    value = at(data, path)
    if path[-2:-1] == ("models",):  # a model of a group is no text itself
        keys = ("deploymentName", "version") if isinstance(value, Map) else ()
        yield from ((*path, key) for key in keys if _bare(value.get(key)))
    elif _bare(value):
        yield path


def _bare(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float | Date) and value is not None


def _renames(data: Map) -> Iterator[ConfigRepair]:
    for number, entry, lacking in custom.dropped(custom.listed(data, *CUSTOM)):
        for key in lacking:
            other = custom.miscased(entry, key)
            if other and key not in entry:
                path = ("endpoints", "custom", str(number))
                says = _(
                    "Rename {other} to {key} in the endpoint {label}",
                    other=other,
                    key=key,
                    label=custom.label(entry, number),
                )
                yield ConfigRepair("rename", says, path=path, name=other, value=key)


# ---- carrying them out -----------------------------------------------------------------------------------------------


def repaired(text: str, repair: ConfigRepair, release: Version) -> str:
    """The text with one repair made. Raises RefusedEdit; then nothing is to be changed."""
    if repair.kind == "dedent":
        new = _dedented(text, repair)
        _prove_dedent(text, new, release)
        return new
    try:
        doc = _document(text.encode("utf-8"))
    except YamlError as error:
        raise RefusedEdit(_("it cannot be read as YAML: {error}", error=error)) from None
    if not isinstance(doc.data, dict):
        raise RefusedEdit(_("a mapping (`key: value` lines) is expected"))
    made = _KINDS[repair.kind](doc, way(doc.data, repair.path), repair)
    return made.encode(made.text).decode("utf-8")


def _document(content: bytes) -> YamlDocument:
    """As LibreChat reads it. Raises YamlError, and RefusedEdit for aliases without end."""
    text, bom = decode(content)
    try:
        root, data = read(text)
    except (YamlProblem, TooDeep) as error:
        raise YamlError(str(error)) from None
    if isinstance(data, Map) and data.size > MAX_NODES:
        raise RefusedEdit(_("its aliases repeat themselves without end"))
    return YamlDocument(text=text, bom=bom, root=root, data=plain(data), reader=_document)


def plain(value: Any) -> Any:  # noqa: ANN401 - YAML holds anything
    """The data as ordinary dicts and lists, to be changed and compared."""
    if isinstance(value, Map):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, Seq) else value


def way(data: Any, path: tuple[str, ...]) -> Path:  # noqa: ANN401
    """The path with the numbers of items as numbers. Raises RefusedEdit when the file is no longer so."""
    found: Path = ()
    for step in path:
        if isinstance(data, dict) and step in data:
            found = (*found, step)
        elif isinstance(data, list) and step.isdigit() and int(step) < len(data):
            found = (*found, int(step))
        else:
            raise RefusedEdit(_("there is no {path} in it any more", path=".".join(path)))
        data = data[found[-1]]
    return found


def at(data: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401
    """What stands at a path. Raises RefusedEdit when the file is no longer so."""
    for step in way(data, path):
        data = data[step]
    return data


def _named(repair: ConfigRepair) -> str:
    return ".".join(repair.path) or _("the file")


def _nest(doc: YamlDocument, path: Path, repair: ConfigRepair) -> YamlDocument:
    """Indent the lines of some keys, so that they come to stand under the key above them."""
    parent = node_at(doc, path)
    if parent is None or parent.kind != "mapping" or parent.flow:
        raise RefusedEdit(_("{named} is no mapping in lines of its own", named=_named(repair)))
    names = [key.value for key, _ in parent.pairs]
    if repair.name not in names or not set(repair.keys) <= set(names):
        raise RefusedEdit(
            _(
                "there is no {repair} with {keys} beside it any more",
                repair=repair.name,
                keys=", ".join(repair.keys),
            )
        )
    first = names.index(repair.name) + 1
    block, behind = names[first : first + len(repair.keys)], parent.pairs[first + len(repair.keys) :]
    if set(block) != set(repair.keys):
        raise RefusedEdit(_("{keys} do not follow {repair} directly", keys=", ".join(repair.keys), repair=repair.name))
    start = _line_start(doc, parent.pairs[first][0].start)
    end = _line_start(doc, behind[0][0].start) if behind else _end_of(doc, parent)
    key, value = parent.pairs[first - 1]
    columns = _child_column(doc, key, value) - doc.column(key.start)
    data = at(doc.data, repair.path)
    wanted = {name: item for name, item in data.items() if name not in block}
    wanted[repair.name] = {**(data[repair.name] or {}), **{name: data[name] for name in block}}
    splice = Splice(start, end, _shifted(doc.text[start:end], columns))
    return proven(doc, splice, put(doc.data, path, wanted), _("what is meant"))


def _line_start(doc: YamlDocument, index: int) -> int:
    return index - doc.column(index)


def _child_column(doc: YamlDocument, key: YamlNode, value: YamlNode) -> int:
    if value.kind == "mapping" and value.pairs:
        return doc.column(value.pairs[0][0].start)
    if not is_empty(value):
        raise RefusedEdit(_("the key already has a value of another kind"))
    return doc.column(key.start) + 2


def _end_of(doc: YamlDocument, parent: YamlNode) -> int:
    """Behind the last line of a mapping that ends its parent: before the next text further left."""
    if parent is doc.root:
        return len(doc.text)
    end = end_of(doc, parent)
    begin, column = _line_start(doc, end), doc.column(parent.pairs[0][0].start)
    for match in re.finditer(r"[^\n]*(?:\n|\Z)", doc.text[begin:]):
        line = match[0].strip()
        if line and not line.startswith("#") and _depth(match[0]) < column:
            return max(end, begin + match.start())
        end = begin + match.end()
    return end


def _shifted(block: str, columns: int) -> str:
    """Lines with text in them moved to the right; comments behind the last of them stay."""
    lines = block.splitlines(keepends=True)
    last = max((n for n, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), default=-1)
    return "".join(" " * columns + line if n <= last and line.strip() else line for n, line in enumerate(lines))


def _rename(doc: YamlDocument, path: Path, repair: ConfigRepair) -> YamlDocument:
    beside = at(doc.data, repair.path)
    if not isinstance(beside, dict) or repair.name not in beside or repair.value in beside:
        raise RefusedEdit(_("there is no {repair} to rename in {named}", repair=repair.name, named=_named(repair)))
    return rename(doc, (*path, repair.name), repair.value)


def _version(doc: YamlDocument, _path: Path, repair: ConfigRepair) -> YamlDocument:
    """At the top, below what marks the beginning of the document."""
    if "version" in doc.data:
        raise RefusedEdit(_("it has a version already"))
    if doc.root is None or not doc.root.pairs:
        raise RefusedEdit(_("there is no key in it yet"))
    if doc.root.flow:
        raise RefusedEdit(_("the file is written in braces"))
    text = doc.text
    first = _line_start(doc, doc.root.pairs[0][0].start)
    marker = re.search(r"(?m)^---[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r)", text[:first])
    where = marker.end() if marker else 0 if not text.startswith("%") else first
    splice = Splice(where, where, f"version: {repair.value}{doc.newline}")
    return proven(doc, splice, {"version": repair.value, **doc.data}, _("the version"))


def _quote(doc: YamlDocument, path: Path, repair: ConfigRepair) -> YamlDocument:
    node, value = node_at(doc, path), at(doc.data, repair.path)
    written = doc.text[node.start : node.end] if node else ""
    if not isinstance(value, int | float | Date) or not re.fullmatch(r"[\w.:+ -]+", written):
        raise RefusedEdit(_("{named} is written in a way that is not edited", named=_named(repair)))
    return ensure(doc, path, Quoted(written))


def _boolean(doc: YamlDocument, path: Path, repair: ConfigRepair) -> YamlDocument:
    if not isinstance(at(doc.data, repair.path), str):
        raise RefusedEdit(_("{named} is written in a way that is not edited", named=_named(repair)))
    return ensure(doc, path, repair.value == "true")


def _dedented(text: str, repair: ConfigRepair) -> str:
    """Move a block of lines to the left, from the given line on, as far as they stand at least as deep as it."""
    lines = text.splitlines(keepends=True)
    first = repair.line - 1
    if not 0 <= first < len(lines) or repair.columns < 1:
        raise RefusedEdit(_("the line is not there any more"))
    depth = _depth(lines[first])
    if depth < repair.columns:
        raise RefusedEdit(_("the line is not indented any more"))
    end = first
    while end < len(lines) and (not lines[end].strip() or _depth(lines[end]) >= depth):
        end += 1
    moved = [line[repair.columns :] if line.strip() else line for line in lines[first:end]]
    return "".join((*lines[:first], *moved, *lines[end:]))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _prove_dedent(old: str, new: str, release: Version) -> None:
    """What could not be read before must be read now, be accepted, and differ in indentation alone."""
    if re.sub(r"(?m)^[ ]+", "", old) != re.sub(r"(?m)^[ ]+", "", new):
        raise RefusedEdit(_("the edit would change more than indentation"))
    try:
        issues = judge(load(new), release, {})
    except (YamlProblem, TooDeep, TooMuch) as error:
        raise RefusedEdit(_("the edit would not be valid YAML ({error})", error=error)) from None
    if any(issue.path[:1] != ("mcpServers",) for issue in issues):
        raise RefusedEdit(_("the file would be read then, but not be accepted"))


_KINDS: dict[str, Callable[[YamlDocument, Path, ConfigRepair], YamlDocument]] = {
    "nest": _nest, "rename": _rename, "version": _version, "quote": _quote, "boolean": _boolean,
}  # fmt: skip
