"""What every edit is that ``EditFile`` can make, and how one after the other is made. Pure: bytes in, bytes out.

An edit is data, small enough for the journal: what it makes of a content is proven by reading the result again, and
what cannot be proven is refused, with what to do by hand. Here are the edits of ``.env`` and JSON files, as text: every
other byte stays as it was. A file that is not valid JSON is not touched. fact: dotenv and Compose take the last of
several assignments of a name.
"""

from __future__ import annotations

import codecs
import json
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import replace

from ...compose.yaml_document import YamlError
from ...compose.yaml_edit import RefusedEdit, Splice
from ...model import ConfigRepair
from ...text import _
from ...text.cleaning import clean_line
from ...text.json_text import JsonDocument, JsonError, JsonMember, load
from .base import AbstractStruct, StepFailed


class FileEdit(Struct, frozen=True, metaclass=AbstractStruct):
    """One change of a file's content."""

    @abstractmethod
    def describe(self) -> str:
        """What it does, as a part of a sentence."""

    @abstractmethod
    def changed(self, old: bytes | None, path: str) -> bytes:
        """The new content of the file at ``path``; the same bytes when it is so already. ``old`` is None for no file.

        Raises RefusedEdit, YamlError or JsonError when that cannot be made, or not be proven.
        """

    @abstractmethod
    def remedy(self, path: str) -> str:
        """What to do by hand where it is refused."""

    def masked(self) -> Self:
        """The same with every secret among its values masked."""
        return self

    def apply(self, old: bytes | None, path: str) -> bytes:
        """The new content. Raises StepFailed with the reason, the place, and what to do by hand."""
        try:
            return self.changed(old, path)
        except (YamlError, JsonError) as error:
            place, reason = path if error.line is None else f"{path}:{error.line}:{error.column}", error.reason
        except RefusedEdit as error:
            place, reason = path, str(error)
        raise StepFailed(
            _(
                "Not edited, nothing was changed: {place}: {reason}",
                place=clean_line(place),
                reason=clean_line(reason, 600),
            ),
            remedy=self.remedy(clean_line(path)),
        )


class RepairConfig(FileEdit, frozen=True, tag="repair-config"):
    """One repair of a librechat.yaml, proven by LibreChat's own rules of reading it."""

    repair: ConfigRepair
    release: str
    """The release whose schema the file must meet."""

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        says = self.repair.says
        return says[:1].lower() + says[1:]

    def changed(self, old: bytes | None, path: str) -> bytes:  # noqa: ARG002 - it is in the file alone
        """The new content."""
        from ...products.librechat.env import number
        from ...products.librechat.repair import repaired

        if old is None:
            raise RefusedEdit(_("there is no such file"))
        try:
            text = old.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedEdit(_("it has a byte that is not UTF-8; save it as UTF-8")) from None
        return repaired(text, self.repair, number(self.release) or (0, 8, 7)).encode("utf-8")

    def remedy(self, path: str) -> str:  # noqa: ARG002 - the repair names the place
        """In the words of the repair."""
        return _("Do it by hand: {describe}", describe=clean_line(self.describe(), 300))


def masked_value(name: str, value: str) -> str:
    """A variable's value with what is secret in it masked."""
    from ...text.redaction import redact

    return redact(f"{name}={value}").partition("=")[2]


def apply_all(old: bytes | None, edits: Sequence[FileEdit], path: str) -> bytes:
    """The new content of the file at ``path``; ``old`` is None where there is none. Raises StepFailed."""
    content = old
    for edit in edits:
        content = edit.apply(content, path)
    return content or b""


def without_secrets(edits: Sequence[FileEdit]) -> tuple[FileEdit, ...]:
    """As an exact step carries them into the journal: values that hold a secret are masked, their bytes are a blob."""
    return tuple(edit.masked() for edit in edits)


def words(edits: Sequence[FileEdit]) -> str:
    """What the edits do, as a part of a sentence."""
    said = [edit.describe() for edit in edits]
    mounts = [one.removeprefix("mount ") for one in said if one.startswith("mount ")]
    return "; ".join(
        [*([_("mount {mounts}", mounts=", ".join(mounts))] if mounts else []), *(s for s in said if s[:6] != "mount ")]
    )


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE = re.compile(r"[A-Za-z0-9_./:@%+,=?&\[\]-]+")
_HEAD = re.compile(r"(\s*(?:export[ \t]+)?[\"']?[A-Za-z_][A-Za-z0-9_.-]*[\"']?)([ \t]*=(?:[ \t]+(?=[^\s#]))?)?")
_TAIL = re.compile(r"(?:'(?:\\'|[^'])*'|\"(?:\\\"|[^\"])*\"|(?:(?![ \t]+#)[^\r\n])*)([ \t]+#[^\r\n]*)?")


class EnvLine(FileEdit, frozen=True, tag="env-line"):
    """Give a variable a value: in the line it has, below its commented line, or in a new line at the end."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"EnvLine({self.name!r}, {masked_value(self.name, self.value)!r})"

    def masked(self) -> EnvLine:
        """The same with a secret value masked."""
        return replace(self, value=masked_value(self.name, self.value))

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        return _("set {it}={masked_value}", it=self.name, masked_value=masked_value(self.name, self.value))

    def remedy(self, path: str) -> str:  # noqa: ARG002 - which file is said before
        """The line."""
        value = clean_line(masked_value(self.name, self.value), 200)
        return _("Write this line into it by hand:\n{it}={value}", it=clean_line(self.name, 80), value=value)

    def changed(self, old: bytes | None, path: str) -> bytes:  # noqa: ARG002 - it is in the file alone
        """The new content. Refused: a name or value that would need quotes, a file in which it cannot be proven."""
        if not _NAME.fullmatch(self.name) or not _VALUE.fullmatch(self.value):
            raise RefusedEdit(_("the name or the value is none that is written without quotes"))
        content = old or b""
        bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        # surrogates carry bytes that are no UTF-8, as comments in GBK are, through unharmed
        text = content[len(bom) :].decode("utf-8", "surrogateescape")
        if _values(text).get(self.name) == self.value:
            return content
        changed = _splice(text, self).into(text)
        if _values(changed) != {**_values(text), self.name: self.value}:
            raise RefusedEdit(_("the edit would change more than the one variable"))
        return bom + changed.encode("utf-8", "surrogateescape")


def _splice(text: str, edit: EnvLine) -> Splice:
    """The one stretch to replace: the last line that assigns the name, else the place for a new line."""
    at = 0
    last: Splice | None = None
    for original, name in _bindings(text):
        if name == edit.name:
            last = Splice(at, at + len(original), _line(original, edit))
        at += len(original)
    if last:
        return last
    commented = rf"^[ \t]*#[ \t]*{edit.name}[ \t]*=[^\n]*(?:\n|\Z)"
    at = max((match.end() for match in re.finditer(commented, text, re.MULTILINE)), default=len(text))
    newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    before = "" if at == 0 or text[at - 1] == "\n" else newline
    return Splice(at, at, f"{before}{edit.name}={edit.value}{newline}")


def _line(original: str, edit: EnvLine) -> str:
    """The assignment with another value; ``export``, spaces around ``=``, a comment behind it and the line end stay."""
    head = _HEAD.match(original)
    rest = _TAIL.match(original, head.end()) if head else None
    if head is None or rest is None:
        return original  # which proves nothing, and is refused
    return f"{head[1]}{head[2] or '='}{edit.value}{rest[1] or ''}{original[rest.end() :]}"


def _bindings(text: str) -> list[tuple[str, str | None]]:
    """Every stretch of the file and the name it assigns; together they are the file."""
    from dotenv.parser import parse_stream

    # newline="" keeps \r\n as written
    return [
        (binding.original.string, None if binding.error else binding.key)
        for binding in parse_stream(StringIO(text, newline=""))
    ]


def _values(text: str) -> Mapping[str, str | None]:
    from dotenv.parser import parse_stream

    found = parse_stream(StringIO(text, newline=""))
    return {one.key: one.value for one in found if one.key is not None and not one.error}


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
            return _("remove {key}", key=self.key)
        return _("set {key}", key=self.key) + (
            _(" in place of {instead_of}", instead_of=self.instead_of) if self.instead_of else ""
        )

    def remedy(self, path: str) -> str:
        """What the file has to have."""
        by_hand = f'"{self.key}": {self.value}' if self.value is not None else f"no {self.key}"
        return _("Repair {path} by hand so that it has {by_hand}", path=path, by_hand=by_hand)

    def changed(self, old: bytes | None, path: str) -> bytes:  # noqa: ARG002 - it is in the file alone
        """The new content; an empty file counts as none."""
        content = old if old is not None and old.strip() else b"{}\n"
        doc = load(content)
        intended = _intended([(one.key, one.value) for one in doc.members], self)
        if repr(intended) == repr([(one.key, one.value) for one in doc.members]):
            return content
        changed = doc.encode(_spliced(doc, self))
        if repr([(one.key, one.value) for one in load(changed).members]) != repr(intended):
            raise RefusedEdit(_("the edit would change more than the one key"))
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
