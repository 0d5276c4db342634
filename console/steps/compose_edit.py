"""Edits of compose files, as text at the positions the YAML node tree gives, and proven before anybody writes them.

Pure: bytes in, bytes out. An edit that cannot be proven (load old and new, make the intended change to the old data,
both must be equal, and no line may vanish that was not meant) is refused, with the text to paste by hand.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any, NoReturn

from msgspec import Struct

from ..text import clean_line
from ..yamlsplice import (
    Indents,
    Splice,
    add_item,
    add_pair,
    append_lines,
    dashed,
    fill_empty,
    indents,
    replace_scalar,
    scalar,
)
from ..yamltext import Document, Node, Tagged, YamlError, load, untagged
from .base import StepFailed
from .compose_place import RefusedEdit, is_empty, own_child

HEADER = "# Made by stackops. Compose reads this file after docker-compose.yml and adds it on top."


class AddVolume(Struct, frozen=True, tag="add-volume"):
    """Add one bind mount to a service. Nothing to do when the target is mounted from there already.

    Written in long form (``type: bind``), as LibreChat's own override example has it. fact: librechat-stack 4, for a
    source that is missing the short form makes Docker create a directory, always; the long form is refused by Compose
    2.26.1 and creates the directory too in some newer ones, where ``create_host_path: false`` is not reliable either.
    So the form proves nothing: a plan puts the file there before it mounts it.
    """

    service: str
    source: str
    """As written in the file, relative to the project folder: ``./librechat.yaml``."""
    target: str
    read_only: bool = False


def apply_edits(old: bytes | None, edits: Sequence[AddVolume], path: str) -> bytes:
    """The new content of the compose file at ``path``; the same bytes when everything is there already.

    ``old`` is None for a file that does not exist yet. Raises StepFailed when the file cannot be read as one YAML
    mapping, when the place is shared with others through an anchor, or when the edit cannot be proven; its ``remedy``
    holds the text to add by hand.
    """
    content = old or b""
    for edit in edits:
        content = _apply(content, edit, path)
    return f"{HEADER}\n".encode() + content if old is None and edits else content


def _apply(content: bytes, edit: AddVolume, path: str) -> bytes:
    try:
        doc = load(content)
        splice = _Editor(doc, edit, path).splice()
        if splice is None:
            return content
        changed = doc.encode(splice.into(doc.text))
        _prove(doc, changed, edit, splice, posixpath.dirname(path))
    except YamlError as error:
        place = path if error.line is None else f"{path}:{error.line}:{error.column}"
        _refuse(edit, path, f"{place}: {error.reason}")
    except RefusedEdit as error:
        _refuse(edit, path, f"{path}: {error}")
    return changed


def _refuse(edit: AddVolume, path: str, reason: str) -> NoReturn:
    by_hand = "\n".join(_file_lines(edit, Indents()))
    raise StepFailed(
        f"Not edited, nothing was changed: {clean_line(reason, 600)}",
        remedy=f"Repair {clean_line(path)}, or add this to it by hand:\n{by_hand}",
    ) from None


def _item_lines(edit: AddVolume) -> list[str]:
    lines = ["type: bind", f"source: {scalar(edit.source)}", f"target: {scalar(edit.target)}"]
    return [*lines, "read_only: true"] if edit.read_only else lines


def _item_flow(edit: AddVolume) -> str:
    return "{" + ", ".join(_item_lines(edit)) + "}"


def _volumes_lines(edit: AddVolume, shape: Indents) -> list[str]:
    return ["volumes:", *dashed(_item_lines(edit), shape.dash)]


def _service_lines(edit: AddVolume, shape: Indents) -> list[str]:
    return [f"{scalar(edit.service)}:", *(" " * shape.step + line for line in _volumes_lines(edit, shape))]


def _file_lines(edit: AddVolume, shape: Indents) -> list[str]:
    return ["services:", *(" " * shape.step + line for line in _service_lines(edit, shape))]


def _item(edit: AddVolume) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "bind", "source": edit.source, "target": edit.target}
    return item | {"read_only": True} if edit.read_only else item


class _Editor:
    """Finds the one place in one document where an edit belongs."""

    def __init__(self, doc: Document, edit: AddVolume, path: str) -> None:
        self.doc = doc
        self.edit = edit
        self.directory = posixpath.dirname(path)
        self.shape = indents(doc)

    def splice(self) -> Splice | None:
        """What to write; None when it is there already. Raises RefusedEdit."""
        doc, edit, shape = self.doc, self.edit, self.shape
        volumes = f"volumes: [{_item_flow(edit)}]"
        service = f"{scalar(edit.service)}: {{{volumes}}}"
        if doc.root is None or doc.root.kind != "mapping":
            return self._at_root(append_lines(doc, _file_lines(edit, shape)))
        key, node = own_child(doc.root, doc.data, "services", "", "list")
        if node is None or key is None:
            return self._at_root(add_pair(doc, doc.root, _file_lines(edit, shape), f"services: {{{service}}}"))
        if is_empty(node):
            return fill_empty(doc, key, node, _service_lines(edit, shape), f"{{{service}}}", shape.step)
        services = untagged(doc.data["services"])
        key, inner = own_child(node, services, edit.service, "services.", "list")
        if inner is None or key is None:
            return add_pair(doc, node, _service_lines(edit, shape), service)
        if is_empty(inner):
            return fill_empty(doc, key, inner, _volumes_lines(edit, shape), f"{{{volumes}}}", shape.step)
        return self._in_service(inner, untagged(services[edit.service]), volumes)

    def _at_root(self, splice: Splice) -> Splice:
        if self.doc.explicit_end:
            raise RefusedEdit("it is closed by a line `...`, nothing can be added below")
        return splice

    def _in_service(self, service: Node, data: Any, flow: str) -> Splice | None:  # noqa: ANN401
        where = f"services.{self.edit.service}."
        key, node = own_child(service, data, "volumes", where, "list")
        if node is None or key is None:
            return add_pair(self.doc, service, _volumes_lines(self.edit, self.shape), flow)
        if is_empty(node):
            return self._first_item(key, node)
        if node.kind != "sequence":
            raise RefusedEdit(f"{where}volumes must be a list")
        items = untagged(data["volumes"])
        found = [n for n, item in enumerate(items) if target_of(item) == _clean_target(self.edit.target)]
        if not found:
            return add_item(self.doc, node, _item_lines(self.edit), _item_flow(self.edit))
        return self._existing(node.items[found[-1]], items[found[-1]])

    def _first_item(self, key: Node, node: Node) -> Splice:
        lines = dashed(_item_lines(self.edit), self.shape.dash)
        return fill_empty(self.doc, key, node, lines, f"[{_item_flow(self.edit)}]", 0)

    def _existing(self, node: Node, item: Any) -> Splice | None:  # noqa: ANN401
        """The target is mounted already: nothing to do, or another source for that one entry."""
        if _same_source(item, self.edit, self.directory):
            return None
        if isinstance(item, dict) and item.get("type") != "bind":
            raise RefusedEdit(f"{self.edit.target} is mounted from something that is no file ({item.get('type')})")
        part = node if isinstance(item, str) else node.get("source")
        value = _with_source(item, self.edit) if isinstance(item, str) else self.edit.source
        shared = part is None or part.aliases or node.aliases or node.kind == "alias"
        splice = None if shared or part is None else replace_scalar(self.doc, part, value)
        if splice is None:
            raise RefusedEdit(f"the entry for {self.edit.target} is shared or written in a way that is not edited")
        return splice


def split_short(text: str) -> list[str]:
    """The parts of a short mount between colons; a colon inside ``${NAME:-default}`` does not divide."""
    parts, depth, last = [""], 0, ""
    for character in text:
        depth += (character == "{" and (last == "$" or depth > 0)) - (character == "}" and depth > 0)
        if character == ":" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
        last = character
    return parts


def _clean_target(target: str) -> str:
    return posixpath.normpath(target)


def target_of(item: Any) -> str | None:  # noqa: ANN401
    """Where a volume entry of either form is mounted, normalised; None for what is neither."""
    if isinstance(item, str):
        parts = split_short(item)
        return _clean_target(parts[1] if len(parts) > 1 else parts[0])
    target = item.get("target") if isinstance(item, dict) else None
    return _clean_target(target) if isinstance(target, str) else None


def _same_source(item: Any, edit: AddVolume, directory: str) -> bool:  # noqa: ANN401
    source: Any
    if isinstance(item, str):
        parts = split_short(item)
        source = parts[0] if len(parts) > 1 and parts[0][:1] in {".", "/", "~", "$"} else None
    else:
        source = item.get("source") if item.get("type") == "bind" else None
    if not isinstance(source, str):
        return False
    return posixpath.normpath(posixpath.join(directory, source)) == posixpath.normpath(
        posixpath.join(directory, edit.source)
    )


def _with_source(item: str, edit: AddVolume) -> str:
    parts = split_short(item)
    rest = parts[1:] if len(parts) > 1 else [edit.target]
    return ":".join([edit.source, *rest])


def _intended(data: Any, edit: AddVolume, directory: str) -> Any:  # noqa: ANN401
    """The old data with the change made to them, by the meaning alone and not by the text."""
    top = dict(data or {})
    services, tag = _open(top.get("services"), {})
    service, service_tag = _open(services.get(edit.service), {})
    volumes, volumes_tag = _open(service.get("volumes"), [])
    volumes = list(volumes)
    found = [n for n, item in enumerate(volumes) if target_of(item) == _clean_target(edit.target)]
    if not found:
        volumes.append(_item(edit))
    elif not _same_source(volumes[found[-1]], edit, directory):
        old = volumes[found[-1]]
        volumes[found[-1]] = _with_source(old, edit) if isinstance(old, str) else {**old, "source": edit.source}
    service = {**service, "volumes": _closed(volumes, volumes_tag)}
    services = {**services, edit.service: _closed(service, service_tag)}
    return {**top, "services": _closed(services, tag)}


def _open(value: Any, empty: Any) -> tuple[Any, str | None]:  # noqa: ANN401
    inner = untagged(value)
    return (empty if inner is None else inner), (value.tag if isinstance(value, Tagged) else None)


def _closed(value: Any, tag: str | None) -> Any:  # noqa: ANN401
    return value if tag is None else Tagged(tag, value)


def _prove(doc: Document, changed: bytes, edit: AddVolume, splice: Splice, directory: str) -> None:
    """Raises RefusedEdit unless the new file means exactly what was intended and lost no line that was not meant."""
    try:
        new = load(changed)
    except YamlError as error:
        raise RefusedEdit(f"the edit would not be valid YAML ({error})") from None
    # repr tells True from 1 and the order of keys as well, which == does not.
    if repr(new.data) != repr(_intended(doc.data, edit, directory)):
        raise RefusedEdit("the edit would change more than the one mount")
    lost = _lost_lines(doc.text, new.text)
    meant = doc.text.count("\n", splice.start, splice.end) + 1 if splice.rewrites else 0
    if lost > meant:
        raise RefusedEdit(f"the edit would rewrite {lost} lines")


def _lost_lines(old: str, new: str) -> int:
    """How many old lines lie between the common beginning and the common end."""
    before, after = old.splitlines(), new.splitlines()
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return len(before) - head - tail
