"""One line of a ``.env`` file set, as text: every other byte stays as it was, and that is proven before it is written.

Pure: bytes in, bytes out. fact: dotenv and Compose take the last of several assignments of a name.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from io import StringIO

from msgspec.structs import replace

from ...compose.yaml_edit import RefusedEdit, Splice
from ...text.cleaning import clean_line
from .editing import FileEdit, masked_value

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
        return f"set {self.name}={masked_value(self.name, self.value)}"

    def remedy(self, path: str) -> str:  # noqa: ARG002 - which file is said before
        """The line."""
        value = clean_line(masked_value(self.name, self.value), 200)
        return f"Write this line into it by hand:\n{clean_line(self.name, 80)}={value}"

    def changed(self, old: bytes | None, path: str) -> bytes:  # noqa: ARG002 - it is in the file alone
        """The new content. Refused: a name or value that would need quotes, a file in which it cannot be proven."""
        if not _NAME.fullmatch(self.name) or not _VALUE.fullmatch(self.value):
            raise RefusedEdit("the name or the value is none that is written without quotes")
        content = old or b""
        bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        # surrogates carry bytes that are no UTF-8, as comments in GBK are, through unharmed
        text = content[len(bom) :].decode("utf-8", "surrogateescape")
        if _values(text).get(self.name) == self.value:
            return content
        changed = _splice(text, self).into(text)
        if _values(changed) != {**_values(text), self.name: self.value}:
            raise RefusedEdit("the edit would change more than the one variable")
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
