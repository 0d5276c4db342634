"""A variable of a service given its right name, where it is written: one word of one line, proven, the value untouched.

Pure: bytes in, bytes out. The value is never read out of the file, so that no plan and no journal carries it; that is
why this edits the file the variable stands in and not the override, which would need the value again.
"""

from __future__ import annotations

from typing import Any, NoReturn

from msgspec import Struct

from ..text import clean_line
from ..yamlsplice import Splice
from ..yamltext import Document, Node, Tagged, YamlError, load, untagged
from .base import StepFailed
from .compose_place import RefusedEdit, own_child


class RenameVariable(Struct, frozen=True, tag="rename-variable"):
    """Rename a variable in the ``environment`` of a service. Nothing to do in a file that does not name it."""

    service: str
    old: str
    new: str

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        return f"rename the variable {self.old} of {self.service} to {self.new}"


def apply_rename(old: bytes | None, edit: RenameVariable, path: str) -> bytes:
    """The new content of the compose file at ``path``; the same bytes where the variable does not stand.

    Raises StepFailed when the file cannot be read as one YAML mapping, when the place is shared with others through an
    anchor, when the new name is taken already, or when the edit cannot be proven.
    """
    content = old or b""
    try:
        doc = load(content)
        place = _environment(doc, edit)
        splice = _splice(doc, *place, edit) if place else None
        return content if splice is None else _changed(doc, splice, edit)
    except YamlError as error:
        _refuse(edit, path if error.line is None else f"{path}:{error.line}:{error.column}", error.reason)
    except RefusedEdit as error:
        _refuse(edit, path, str(error))


def _changed(doc: Document, splice: Splice, edit: RenameVariable) -> bytes:
    """The new content, proven: loaded anew it means the old data with the one name changed."""
    changed = doc.encode(splice.into(doc.text))
    if repr(load(changed).data) != repr(_intended(doc.data, edit)):
        raise RefusedEdit("the edit would change more than the one name")
    return changed


def _refuse(edit: RenameVariable, place: str, reason: str) -> NoReturn:
    raise StepFailed(
        f"Not edited, nothing was changed: {clean_line(place)}: {clean_line(reason, 400)}",
        remedy=f"Rename {clean_line(edit.old, 80)} to {clean_line(edit.new, 80)} by hand, in the environment of the "
        f"service {clean_line(edit.service, 80)}",
    ) from None


def _environment(doc: Document, edit: RenameVariable) -> tuple[Node, Any] | None:
    """The node of the environment and what it means; None where the file has none for this service."""
    if doc.root is None or doc.root.kind != "mapping":
        return None
    node, data = doc.root, doc.data
    for name, where in (("services", ""), (edit.service, "services."), ("environment", f"services.{edit.service}.")):
        if not isinstance(data, dict) or untagged(data.get(name)) is None:
            return None
        _, inner = own_child(node, data, name, where, "value")
        if inner is None:
            return None
        node, data = inner, untagged(data[name])
    return node, data


def _splice(doc: Document, node: Node, data: Any, edit: RenameVariable) -> Splice | None:  # noqa: ANN401
    names = [str(item).partition("=")[0] for item in data] if isinstance(data, list) else list(data or ())
    if edit.old not in names:
        return None
    if edit.new in names:
        raise RefusedEdit(f"{edit.new} stands there too, with a value of its own")
    if names.count(edit.old) > 1:
        raise RefusedEdit(f"{edit.old} stands there more than once")
    if isinstance(data, dict):
        key = node.key(edit.old)
        if key is None or data[edit.old] is None:
            raise RefusedEdit(f"{edit.old} is merged in from elsewhere, or has no value there")
        return _word(doc, key, edit)
    item = node.items[names.index(edit.old)]
    if "=" not in str(data[names.index(edit.old)]):
        raise RefusedEdit(f"{edit.old} has no value there: Compose takes it from .env by that name")
    return _word(doc, item, edit)


def _word(doc: Document, node: Node, edit: RenameVariable) -> Splice:
    """The name at the beginning of a scalar, behind its quote where it has one."""
    at = node.start + (1 if node.style in ("'", '"') else 0)
    plain = node.kind == "scalar" and not node.aliases and node.style in (None, "'", '"')
    if not plain or doc.text[at : at + len(edit.old)] != edit.old:
        raise RefusedEdit(f"the entry for {edit.old} is shared or written in a way that is not edited")
    return Splice(at, at + len(edit.old), edit.new, rewrites=True)


def _intended(data: Any, edit: RenameVariable) -> Any:  # noqa: ANN401
    """The old data with the change made to them, by the meaning alone and not by the text."""
    return _below(data, ("services", edit.service, "environment"), edit)


def _below(value: Any, keys: tuple[str, ...], edit: RenameVariable) -> Any:  # noqa: ANN401
    if isinstance(value, Tagged):
        return Tagged(value.tag, _below(value.value, keys, edit))
    if not keys:
        return _renamed(value, edit)
    return {**value, keys[0]: _below(value[keys[0]], keys[1:], edit)}


def _renamed(value: Any, edit: RenameVariable) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {edit.new if name == edit.old else name: found for name, found in value.items()}
    return [edit.new + str(item)[len(edit.old) :] if str(item).partition("=")[0] == edit.old else item
            for item in value]  # fmt: skip
