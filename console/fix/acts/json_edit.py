"""Edits of JSON files, as text at the positions of the members, and proven before anybody writes them.

Pure: bytes in, bytes out. Order, indentation and unknown keys stay; a file that is not valid JSON is not touched.
"""

from __future__ import annotations

import json
from typing import Any

from ...compose.yaml_edit import RefusedEdit
from ...text.json_text import JsonDocument, JsonMember, load
from .editing import FileEdit


class EditJson(FileEdit, frozen=True, tag="edit-json"):
    """Set or remove one key of the outermost object. Nothing to do when it is so already."""

    key: str
    value: str | None
    """As JSON text; None removes the key."""
    instead_of: str | None = None
    """A misspelt key whose place it takes."""

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        if self.value is None:
            return f"remove {self.key}"
        return f"set {self.key}" + (f" in place of {self.instead_of}" if self.instead_of else "")

    def remedy(self, path: str) -> str:
        """What the file has to have."""
        by_hand = f'"{self.key}": {self.value}' if self.value is not None else f"no {self.key}"
        return f"Repair {path} by hand so that it has {by_hand}"

    def changed(self, old: bytes | None, path: str) -> bytes:  # noqa: ARG002 - it is in the file alone
        """The new content; an empty file counts as none."""
        content = old if old is not None and old.strip() else b"{}\n"
        doc = load(content)
        intended = _intended([(one.key, one.value) for one in doc.members], self)
        if repr(intended) == repr([(one.key, one.value) for one in doc.members]):
            return content
        changed = doc.encode(_spliced(doc, self))
        if repr([(one.key, one.value) for one in load(changed).members]) != repr(intended):
            raise RefusedEdit("the edit would change more than the one key")
        return changed


Pairs = list[tuple[str, Any]]


def _intended(pairs: Pairs, edit: EditJson) -> Pairs:
    """The members with the change made to them, by the meaning alone and not by the text."""
    names = [key for key, _ in pairs]
    if edit.value is None:
        return [pair for pair in pairs if pair[0] != edit.key]
    value = json.loads(edit.value)
    target = edit.key if edit.key in names else edit.instead_of
    if target not in names:
        return [*pairs, (edit.key, value)]
    last = len(names) - 1 - names[::-1].index(target)
    changed = [(edit.key, value) if at == last else pair for at, pair in enumerate(pairs)]
    return [pair for pair in changed if pair[0] != edit.instead_of]


def _spliced(doc: JsonDocument, edit: EditJson) -> str:
    if edit.value is None:
        return _without(doc, edit.key)
    there = doc.find(edit.key) or (doc.find(edit.instead_of) if edit.instead_of else None)
    if there is None:
        return _with(doc, edit)
    key = json.dumps(edit.key, ensure_ascii=False)
    value = _rendered(doc, edit.value, there)
    text = doc.text[: there.start] + key + doc.text[there.key_end : there.value_start] + value + doc.text[there.end :]
    if edit.instead_of is None:
        return text
    return _without(load(doc.encode(text)), edit.instead_of)


def _with(doc: JsonDocument, edit: EditJson) -> str:
    """The key behind all others, indented as they are."""
    pair = f"{json.dumps(edit.key, ensure_ascii=False)}: {_rendered(doc, edit.value or 'null', None)}"
    if not doc.members:
        inside = _newline(doc) + _indent(doc) + pair + _newline(doc)
        return doc.text[: doc.opening + 1] + inside + doc.text[doc.closing :]
    end = doc.members[-1].end
    gap = _newline(doc) + _indent(doc) if _many_lines(doc) else " "
    return f"{doc.text[:end]},{gap}{pair}{doc.text[end:]}"


def _without(doc: JsonDocument, key: str) -> str:
    """Without any member of this name, its comma, and the white space that was its own."""
    text, members = doc.text, list(doc.members)
    for at in range(len(members) - 1, -1, -1):
        if members[at].key != key:
            continue
        if at > 0:
            begin, end = members[at - 1].end, members[at].end
        elif len(members) > 1:
            begin, end = members[0].start, members[1].start
        else:
            begin, end = doc.opening + 1, doc.closing
        text = text[:begin] + text[end:]
        doc = load(doc.encode(text))
        members = list(doc.members)
    return text


def _rendered(doc: JsonDocument, value: str, there: JsonMember | None) -> str:
    """The value as this file would write it: a list of several in lines of its own, if there are lines."""
    data = json.loads(value)
    inline = json.dumps(data, ensure_ascii=False)
    was_inline = there is not None and "\n" not in doc.text[there.value_start : there.end]
    several = isinstance(data, list) and (len(data) > 1 or (there is not None and not was_inline and data))
    if not several or (not _many_lines(doc) and doc.members) or (was_inline and _has_items(there)):
        return inline
    step, newline = _indent(doc), _newline(doc)
    items = f",{newline}".join(f"{step}{step}{json.dumps(item, ensure_ascii=False)}" for item in data)
    return f"[{newline}{items}{newline}{step}]"


def _has_items(there: JsonMember | None) -> bool:
    return there is not None and isinstance(there.value, list) and bool(there.value)


def _many_lines(doc: JsonDocument) -> bool:
    first = doc.members[0].start if doc.members else doc.closing
    return "\n" in doc.text[doc.opening : first]


def _newline(doc: JsonDocument) -> str:
    return "\r\n" if "\r\n" in doc.text else "\n"


def _indent(doc: JsonDocument) -> str:
    """White space before the first key of the file; two spaces where that cannot be seen."""
    if not doc.members or not _many_lines(doc):
        return "  "
    start = doc.members[0].start
    return doc.text[doc.text.rfind("\n", 0, start) + 1 : start]
