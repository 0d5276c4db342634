"""The GPUs of one service named in a compose file, in place of what the files before it reserve; as text and proven.

Pure: bytes in, bytes out. A plan points it at the override file only.
fact: Compose appends ``devices`` of a later file to those of the earlier, so that a container would be given both;
``!override`` replaces them, from 2.24.4 on (measured with 2.26.1).
"""

from __future__ import annotations

import json
import posixpath
from typing import Any, NoReturn

from msgspec import Struct

from ..text import clean_line
from ..yamlsplice import Indents, Splice, add_pair, append_lines, end_of, fill_empty, indents, scalar
from ..yamltext import Document, Node, Tagged, YamlError, load, untagged
from .base import StepFailed
from .compose_edit import HEADER
from .compose_place import RefusedEdit, is_empty, own_child

TAG = "!override"
BELOW = ("deploy", "resources", "reservations", "devices")


class PinGpus(Struct, frozen=True, tag="pin-gpus"):
    """Reserve these GPUs for a service, and no others."""

    service: str
    ids: tuple[str, ...]
    """Indices or UUIDs, as ``device_ids`` takes them."""
    capabilities: tuple[str, ...] = ("gpu",)

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        return f"reserve GPU {', '.join(self.ids)} alone for {self.service}"

    @property
    def value(self) -> Tagged:
        """What stands at the key afterwards."""
        item = {"driver": "nvidia", "device_ids": list(self.ids), "capabilities": list(self.capabilities)}
        return Tagged(TAG, [item])

    @property
    def item(self) -> list[str]:
        """The one item of the list, line by line."""
        ids = ", ".join(json.dumps(name) for name in self.ids)
        words = ", ".join(scalar(word) for word in self.capabilities)
        return ["driver: nvidia", f"device_ids: [{ids}]", f"capabilities: [{words}]"]

    @property
    def flow(self) -> str:
        """The whole value in one line."""
        return f"{TAG} [{{{', '.join(self.item)}}}]"

    @property
    def path(self) -> tuple[str, ...]:
        """The keys that lead to it."""
        return ("services", self.service, *BELOW)


def by_hand(edit: PinGpus) -> str:
    """The text to add to a compose file."""
    return "\n".join(_nested(edit, 0, Indents()))


def apply_pin(old: bytes | None, edit: PinGpus, path: str) -> bytes:
    """The new content of the compose file at ``path``; the same bytes when everything is there already.

    ``old`` is None for a file that does not exist yet. Raises StepFailed when the file cannot be read as one YAML
    mapping, when the place is shared with others through an anchor, or when the edit cannot be proven; its ``remedy``
    holds the text to add by hand.
    """
    content = old or b""
    try:
        doc = load(content)
        splice = _splice(doc, edit)
        if splice is None:
            return content
        changed = doc.encode(splice.into(doc.text))
        _prove(doc, changed, edit, splice)
    except YamlError as error:
        place = path if error.line is None else f"{path}:{error.line}:{error.column}"
        _refuse(edit, path, f"{place}: {error.reason}")
    except RefusedEdit as error:
        _refuse(edit, path, f"{path}: {error}")
    return f"{HEADER}\n".encode() + changed if old is None else changed


def _refuse(edit: PinGpus, path: str, reason: str) -> NoReturn:
    raise StepFailed(
        f"Not edited, nothing was changed: {clean_line(reason, 600)}",
        remedy=f"Repair {clean_line(posixpath.normpath(path))}, or add this to it by hand:\n{by_hand(edit)}",
    ) from None


def _splice(doc: Document, edit: PinGpus) -> Splice | None:
    """Down the keys as far as they are there; what is missing is added at that place."""
    node, data, shape = doc.root, doc.data, indents(doc)
    if node is None or node.kind != "mapping":
        return _at_root(doc, append_lines(doc, _nested(edit, 0, shape)))
    for depth, name in enumerate(edit.path):
        where = "".join(f"{one}." for one in edit.path[:depth])
        key, child = own_child(node, data, name, where, "value")
        if key is None or child is None:
            added = add_pair(doc, node, _nested(edit, depth, shape), _nested_flow(edit, depth))
            return _at_root(doc, added) if depth == 0 else added
        if depth == len(edit.path) - 1:
            return _at_devices(doc, key, child, data[name], edit)
        if is_empty(child):
            return fill_empty(
                doc, key, child, _nested(edit, depth + 1, shape), "{" + _nested_flow(edit, depth + 1) + "}", shape.step
            )
        node, data = child, untagged(data[name])
    return None


def _at_root(doc: Document, splice: Splice) -> Splice:
    if doc.explicit_end:
        raise RefusedEdit("it is closed by a line `...`, nothing can be added below")
    return splice


def _at_devices(doc: Document, key: Node, node: Node, now: Any, edit: PinGpus) -> Splice | None:  # noqa: ANN401
    """The list is there: by another one. Its own ``!override`` goes with it."""
    if repr(now) == repr(edit.value):
        return None
    if is_empty(node):
        return Splice(key.end + 1, node.end, f" {edit.flow}", rewrites=True)
    if node.tag not in (None, TAG) or doc.text[node.start : node.start + 1] == "&":
        raise RefusedEdit("the devices have a tag or an anchor, which is not edited")
    newline = "\n" in doc.text[key.end : node.start]
    indent = " " if newline and doc.column(node.start) <= doc.column(key.start) else ""
    return Splice(node.start, end_of(doc, node), indent + edit.flow, rewrites=True)


def _nested(edit: PinGpus, depth: int, shape: Indents) -> list[str]:
    """The lines from the key at ``depth`` on, from column 0."""
    if depth == len(edit.path) - 1:
        first, *rest = edit.item
        dash = " " * shape.dash
        return [f"{edit.path[depth]}: {TAG}", f"{dash}- {first}", *(f"{dash}  {line}" for line in rest)]
    inner = _nested(edit, depth + 1, shape)
    return [f"{scalar(edit.path[depth])}:", *(" " * shape.step + line for line in inner)]


def _nested_flow(edit: PinGpus, depth: int) -> str:
    if depth == len(edit.path) - 1:
        return f"{edit.path[depth]}: {edit.flow}"
    return f"{scalar(edit.path[depth])}: {{{_nested_flow(edit, depth + 1)}}}"


def _intended(data: Any, edit: PinGpus, depth: int = 0) -> Any:  # noqa: ANN401
    """The old data with the change made to them, by the meaning alone and not by the text."""
    if depth == len(edit.path):
        return edit.value
    inner, tag = (data.value, data.tag) if isinstance(data, Tagged) else (data, None)
    name = edit.path[depth]
    mapping = dict(inner or {})
    made = {**mapping, name: _intended(mapping.get(name), edit, depth + 1)}
    return made if tag is None else Tagged(tag, made)


def _prove(doc: Document, changed: bytes, edit: PinGpus, splice: Splice) -> None:
    """Raises RefusedEdit unless the new file means exactly what was intended."""
    try:
        new = load(changed)
    except YamlError as error:
        raise RefusedEdit(f"the edit would not be valid YAML ({error})") from None
    if repr(new.data) != repr(_intended(doc.data, edit)):
        raise RefusedEdit("the edit would change more than the devices")
    lost = [line for line in doc.text[splice.start : splice.end].splitlines()[1:] if line.lstrip().startswith("#")]
    if lost:
        raise RefusedEdit("comments stand inside the devices, and would be lost")
