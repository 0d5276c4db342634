"""What every edit is that ``EditFile`` can make, and how one after the other is made. Pure: bytes in, bytes out.

An edit is data, small enough for the journal: what it makes of a content is proven by reading the result again, and
what cannot be proven is refused, with what to do by hand.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

from msgspec import Struct

from ...compose.yaml_document import YamlError
from ...compose.yaml_edit import RefusedEdit
from ...model import ConfigRepair
from ...text.cleaning import clean_line
from ...text.json_text import JsonError
from .base import StepFailed


class FileEdit(Struct, frozen=True):
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
            f"Not edited, nothing was changed: {clean_line(place)}: {clean_line(reason, 600)}",
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
            raise RefusedEdit("there is no such file")
        try:
            text = old.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedEdit("it has a byte that is not UTF-8; save it as UTF-8") from None
        return repaired(text, self.repair, number(self.release) or (0, 8, 7)).encode("utf-8")

    def remedy(self, path: str) -> str:  # noqa: ARG002 - the repair names the place
        """In the words of the repair."""
        return f"Do it by hand: {clean_line(self.describe(), 300)}"


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
    return "; ".join([*([f"mount {', '.join(mounts)}"] if mounts else []), *(s for s in said if s[:6] != "mount ")])
