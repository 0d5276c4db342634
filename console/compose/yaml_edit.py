"""The editor of YAML files: a value at a path is ensured, removed or renamed as text, and the result is proven.

Every edit is one replacement of one stretch of characters; the nodes of ``yaml`` tell where, the neighbours how far to
indent. The result is never trusted: it is read again, and must mean exactly the old data with that one change made to
them by their meaning. What cannot be proven, and what others share through an anchor, is refused. Pure.
No library does this: a round trip through ruamel.yaml changed 30 of 30 real compose files, PyYAML drops every comment,
strictyaml reads neither anchors nor tags nor brackets; ruamel's parser is what the nodes are made with.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from .yaml import plain
from .yaml_document import Tagged, YamlDocument, YamlError, YamlNode, untagged, walk

END = -1
"""As the last part of a path: one more item of a list, which is made where there is none."""
Path = tuple[str | int, ...]
"""Keys of mappings, and numbers of the items of lists."""


class RefusedEdit(Exception):
    """The edit cannot be made there; ``str`` says why."""


class Inline(list[Any]):
    """A list that is written in one line, in brackets."""


class Quoted(str):  # noqa: SLOT000 - nothing is put into it
    """A text that is written in double quotes, needed or not."""


def at(data: Any, path: Path) -> Any:  # noqa: ANN401 - YAML holds anything
    """What the data have at a path of keys; None where there is nothing, or no mapping on the way."""
    for name in path:
        data = untagged(data)
        data = data.get(name) if isinstance(data, dict) else None
    return data


def node_at(doc: YamlDocument, path: Path) -> YamlNode | None:
    """What is written at a path; None where nothing is. Raises RefusedEdit where others share it."""
    found = _down(doc, path)
    return None if len(found) < len(path) else found[-1][1] if found else doc.root


def ensure(doc: YamlDocument, path: Path, value: Any) -> YamlDocument:  # noqa: ANN401
    """The document with the value at the path; what is missing on the way is made. Raises RefusedEdit."""
    found = _down(doc, path)
    where = _named(path)
    if len(found) == len(path):
        splice = _replaced(doc, *found[-1], value, where)
    else:
        splice = _added(doc, found[-1] if found else None, path[len(found) :], value)
    return proven(doc, splice, put(doc.data, path, value), where)


def remove(doc: YamlDocument, path: Path) -> YamlDocument:
    """The document without the key or the item at the path; the same where there is none. Raises RefusedEdit."""
    found = _down(doc, path)
    if len(found) < len(path):
        return doc
    parent = found[-2][1] if len(path) > 1 else doc.root
    assert parent is not None  # noqa: S101 - it has a child
    return proven(doc, _cut(doc, parent, found[-1][1]), _without(doc.data, path), _named(path))


def rename(doc: YamlDocument, path: Path, name: str, word: str | None = None) -> YamlDocument:
    """The document with another name for the key at the path, where the key stands and in the quotes it has.

    Of an item of a list, the ``word`` that its text begins with is replaced. The value is not touched, and not looked
    at. Raises RefusedEdit, also where there is no such key.
    """
    found, where = _down(doc, path), _named(path)
    if len(found) < len(path):
        raise RefusedEdit(f"there is no {where} to rename")
    key, value = found[-1]
    word, node = (str(path[-1]), key) if word is None else (word, value)
    begin = -1 if node is None else node.start + (1 if node.style in ("'", '"') else 0)
    if node is None or node.style not in (None, "'", '"') or doc.text[begin : begin + len(word)] != word:
        raise RefusedEdit(f"the entry for {word} is shared or written in a way that is not edited")
    return proven(doc, Splice(begin, begin + len(word), name), _renamed(doc.data, path, word, name), where)


def proven(doc: YamlDocument, splice: Splice, wanted: Any, what: str) -> YamlDocument:  # noqa: ANN401
    """The edited document, read anew. Raises RefusedEdit unless it means what is wanted and lost no comment line."""
    gone, kept = (
        [line.strip() for line in text.splitlines()] for text in (doc.text[splice.start : splice.end], splice.text)
    )
    if any(line.startswith("#") and line not in kept for line in gone[1:]):
        raise RefusedEdit(f"comments stand inside {what}, and would be lost")
    try:
        new = doc.read_anew(splice.into(doc.text))
    except YamlError as error:
        raise RefusedEdit(f"the edit would not be valid YAML ({error})") from None
    # repr tells True from 1 and the order of keys as well, which == does not
    if repr(new.data) != repr(wanted):
        raise RefusedEdit(f"the edit would change more than {what}")
    return new


# ---- the change by its meaning ---------------------------------------------------------------------------------------


def put(data: Any, path: Path, value: Any) -> Any:  # noqa: ANN401
    """The data with the value at the path, by their meaning alone."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    inner = untagged(data)
    made: Any
    if isinstance(head, str):
        made = {**(inner or {}), head: put((inner or {}).get(head), rest, value)}
    else:
        made = [*(inner or ()), None] if head == END else list(inner)
        made[head] = put(made[head], rest, value)
    return _tagged_like(data, made)


def _without(data: Any, path: Path) -> Any:  # noqa: ANN401
    inner, head = untagged(data), path[0]
    if len(path) > 1:
        return put(data, (head,), _without(inner[head], path[1:]))
    pairs = inner.items() if isinstance(inner, dict) else enumerate(inner)
    kept = [(name, value) for name, value in pairs if name != head]
    return _tagged_like(data, dict(kept) if isinstance(inner, dict) else [value for _, value in kept])


def _renamed(data: Any, path: Path, word: str, name: str) -> Any:  # noqa: ANN401
    inner, head = untagged(data), path[0]
    if len(path) > 1:
        return put(data, (head,), _renamed(inner[head], path[1:], word, name))
    if isinstance(inner, dict):
        return _tagged_like(data, {name if key == head else key: value for key, value in inner.items()})
    return put(data, path, name + str(inner[head])[len(word) :])


def _tagged_like(data: Any, value: Any) -> Any:  # noqa: ANN401
    return Tagged(data.tag, value) if isinstance(data, Tagged) else value


# ---- the place in the text -------------------------------------------------------------------------------------------

_Found = tuple[YamlNode | None, YamlNode]
"""The node of a key, None for an item of a list; and its value's."""


def _named(path: Path) -> str:
    return ".".join(str(name) for name in path if name != END) or "the file"


def _down(doc: YamlDocument, path: Path) -> list[_Found]:
    """What is there of the path. Raises RefusedEdit where an edit would reach others, or nobody."""
    node, data = doc.root, doc.data
    found: list[_Found] = []
    for depth, name in enumerate(path):
        if node is None or is_empty(node):
            break
        child = _child(node, data, name, path[:depth])
        if child is None:
            break
        found.append(child)
        node, data = child[1], untagged(data[name])
    return found


def _child(node: YamlNode, data: Any, name: str | int, above: Path) -> _Found | None:  # noqa: ANN401
    kind = "mapping" if isinstance(name, str) else "sequence"
    if node.kind != kind or data is None:
        raise RefusedEdit(f"{_named(above)} must be a {kind if kind == 'mapping' else 'list'}")
    where = _named((*above, name))
    key = node.key(name) if isinstance(name, str) else None
    value = node.get(name) if isinstance(name, str) else node.items[name] if name != END else None
    if value is None:
        if name != END and name in data:
            raise RefusedEdit(f"{where} comes from an anchor (`<<:`); an own value would replace it")
        return None
    if value.kind == "alias" or value.aliases:
        other = f"*{value.value}" if value.kind == "alias" else "an anchor that is used elsewhere too"
        raise RefusedEdit(f"{where} is shared through {other}; editing it would change the others")
    meant = data[name] if isinstance(name, int) else data.get(name)
    if isinstance(meant, Tagged) and meant.tag == "!reset":
        raise RefusedEdit(f"{where} is marked `!reset`, which throws away whatever stands there")
    return key, value


def is_empty(node: YamlNode) -> bool:
    """Whether the key stands there without a value."""
    return node.kind == "scalar" and node.style is None and node.tag is None and plain(node.value) is None


class Splice(Struct, frozen=True):
    """Replace ``text[start:end]``."""

    start: int
    end: int
    text: str

    def into(self, text: str) -> str:
        """The edited text."""
        return text[: self.start] + self.text + text[self.end :]


def _added(doc: YamlDocument, found: _Found | None, rest: Path, value: Any) -> Splice:  # noqa: ANN401
    """What is missing of a path, at the end of the collection where it ends."""
    for name in reversed(rest[1:]):
        value = [value] if isinstance(name, int) else {name: value}
    name = rest[0]
    whole = [value] if isinstance(name, int) else {name: value}
    key, node = found or (None, doc.root)
    shape = indents(doc)
    if found is None and doc.explicit_end:
        raise RefusedEdit("it is closed by a line `...`, nothing can be added below")
    if node is None or (found is None and node.kind != "mapping"):
        return _append_lines(doc, block(whole, shape))
    if is_empty(node):
        return _filled(doc, key, node, whole, shape)
    if node.flow:
        children = node.items or [behind for _, behind in node.pairs]
        begin = end_of(doc, children[-1]) if children else node.body
        return Splice(begin, begin, (", " if children else "") + flow(whole)[1:-1])
    column = doc.column(node.body if isinstance(name, int) else node.pairs[0][0].start)
    lines = [" " * column + line for line in block(whole, shape)]
    if column == 0 and not isinstance(name, int):
        return _append_lines(doc, lines)  # at the end of the file, so that comments below the last key stay its own
    return _insert_lines(doc, end_of(doc, node), lines)


def _filled(doc: YamlDocument, key: YamlNode | None, node: YamlNode, value: Any, shape: Indents) -> Splice:  # noqa: ANN401
    """A value where a key has none yet: ``services:`` and nothing behind it."""
    if key is None:
        raise RefusedEdit("an item of a list has no value, which is not edited")
    if doc.text[node.start : node.end]:
        return Splice(node.start, node.end, flow(value))  # `api: null`, `api: ~`
    if not _in_lines(value):
        return Splice(node.start, node.end, f" {flow(value)}")
    column = doc.column(key.start) + (shape.step if isinstance(value, dict) else shape.dash)
    return _insert_lines(doc, node.end, [" " * column + line for line in block(value, shape)])


def _replaced(doc: YamlDocument, key: YamlNode | None, node: YamlNode, value: Any, where: str) -> Splice:  # noqa: ANN401
    """Another value in place of the one that is there: a text in the quotes it has, anything else in one line."""
    if is_empty(node):
        return _filled(doc, key, node, value, indents(doc))
    tag = value.tag if isinstance(value, Tagged) else None
    if node.tag not in (None, tag) or doc.text[node.start : node.start + 1] in ({"&"} if tag else {"&", "!"}):
        raise RefusedEdit(f"{where} has a tag or an anchor, which is not edited")
    if node.kind == "scalar" and not isinstance(value, dict | list | Tagged):
        if node.style in {"|", ">"}:
            raise RefusedEdit(f"{where} is written in a way that is not edited")
        keeps = isinstance(value, str) and not isinstance(value, Quoted)
        return Splice(node.start, node.end, _quoted(value, node.style) if keeps else flow(value))
    # a block list may stand in its key's column; brackets may not
    newline = key is not None and "\n" in doc.text[key.end : node.start]
    indent = " " if newline and key is not None and doc.column(node.start) <= doc.column(key.start) else ""
    return Splice(node.start, end_of(doc, node), indent + flow(value))


def _cut(doc: YamlDocument, parent: YamlNode, child: YamlNode) -> Splice:
    """A key or an item, with its line ends or its comma."""
    pairs: Sequence[tuple[YamlNode, YamlNode]] = parent.pairs or [(item, item) for item in parent.items]
    n = next(n for n, (_, value) in enumerate(pairs) if value is child)
    if len(pairs) == 1:
        raise RefusedEdit("nothing else stands beside it, so that nothing would be left there")
    end = end_of(doc, child)
    if parent.flow:
        return Splice(end_of(doc, pairs[n - 1][1]), end, "") if n else Splice(pairs[0][0].start, pairs[1][0].start, "")
    begin = doc.text.rfind("\n", 0, pairs[n][0].start) + 1
    if doc.text[begin : pairs[n][0].start].strip(" ") not in ({""} if parent.pairs else {"-"}):
        raise RefusedEdit("it begins on a line with something else, which is not edited")
    behind = doc.text.find("\n", end)
    return Splice(begin, len(doc.text) if behind < 0 else behind + 1, "")


# ---- how it is written -----------------------------------------------------------------------------------------------


class Indents(Struct, frozen=True):
    """How this file indents."""

    step: int = 2
    """Columns a mapping stands right of its key."""
    dash: int = 2
    """Columns a list's dash stands right of its key; many files put it at 0."""


def indents(doc: YamlDocument) -> Indents:
    """What most mappings and lists of the file do; two columns each where it does not tell."""
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    for node in walk(doc.root):
        if node.kind != "mapping" or node.flow:
            continue
        for key, value in node.pairs:
            if value.flow or value.kind not in {"mapping", "sequence"}:
                continue
            deeper = doc.column(value.body) - doc.column(key.start)
            (steps if value.kind == "mapping" else dashes)[deeper] += 1
    return Indents(step=_usual(steps, lowest=1), dash=_usual(dashes, lowest=0))


def _usual(seen: Counter[int], lowest: int) -> int:
    likely = [(count, -columns) for columns, count in seen.items() if lowest <= columns <= 8]
    return -max(likely)[1] if likely else 2


def block(value: Any, shape: Indents) -> list[str]:  # noqa: ANN401
    """The lines of a mapping or a list, from column 0 on."""
    if isinstance(value, dict):
        return [line for name, inner in value.items() for line in _pair(name, inner, shape)]
    return [line for item in value for line in _item(item, shape)]


def _pair(name: str, value: Any, shape: Indents) -> list[str]:  # noqa: ANN401
    inner = untagged(value)
    if not _in_lines(inner):
        return [f"{scalar(name)}: {flow(value)}"]
    tag = f" {value.tag}" if isinstance(value, Tagged) else ""
    columns = " " * (shape.step if isinstance(inner, dict) else shape.dash)
    return [f"{scalar(name)}:{tag}", *(columns + line for line in block(inner, shape))]


def _item(value: Any, shape: Indents) -> list[str]:  # noqa: ANN401
    lines = block(value, shape) if isinstance(value, dict) and value else [flow(value)]
    return [("- " if number == 0 else "  ") + line for number, line in enumerate(lines)]


def _in_lines(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict | list) and bool(value) and not isinstance(value, Inline)


def flow(value: Any) -> str:  # noqa: ANN401
    """The value in one line, in brackets and braces."""
    if isinstance(value, Tagged):
        return f"{value.tag} {flow(value.value)}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(name)}: {flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return _quoted(value, '"') if isinstance(value, Quoted) else scalar(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


_PLAIN = re.compile(r"[A-Za-z0-9_./~$][A-Za-z0-9_./~@+$:%=-]*\Z")


def scalar(value: str) -> str:
    """The text as YAML: bare where that is safe, in block and flow context alike, else in double quotes."""
    bare = _PLAIN.match(value) and not value.endswith(":") and isinstance(plain(value), str)
    return value if bare else _quoted(value, '"')


def _quoted(value: str, style: str | None) -> str:
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return scalar(value) if style is None else json.dumps(value, ensure_ascii=not value.isprintable())


def end_of(doc: YamlDocument, node: YamlNode) -> int:
    """The character behind the node's own text; trailing comments and blank lines are not its own."""
    if node.kind == "mapping" and not node.flow and node.pairs:
        return end_of(doc, node.pairs[-1][1])
    if node.kind == "sequence" and not node.flow and node.items:
        return end_of(doc, node.items[-1])
    text = doc.text[node.start : node.end]
    # of `|+` the blank lines behind it are a part of its value
    if node.style in {"|", ">"} and "+" not in text.split("\n", 1)[0].split("#", 1)[0]:
        return node.start + len(text.rstrip())
    return node.end


def _insert_lines(doc: YamlDocument, after: int, lines: Sequence[str]) -> Splice:
    """New lines below the line that holds the character before ``after``."""
    text, newline = doc.text, doc.newline
    if after > 0 and text[after - 1] == "\n":
        return Splice(after, after, "".join(line + newline for line in lines))
    end = text.find("\n", after)
    end = len(text) if end < 0 else end
    if end > after and text[end - 1] == "\r":
        end -= 1
    return Splice(end, end, "".join(newline + line for line in lines))


def _append_lines(doc: YamlDocument, lines: Sequence[str]) -> Splice:
    """New lines at the end of the file, below a blank line where there is text already."""
    end = len(doc.text)
    if doc.text.strip() and doc.text.rstrip(" \t").splitlines()[-1].strip():
        lines = ["", *lines]
    if not doc.text or doc.text.endswith("\n"):
        return Splice(end, end, "".join(line + doc.newline for line in lines))
    return Splice(end, end, "".join(doc.newline + line for line in lines))
