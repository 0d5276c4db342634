"""Command, environment and extra hosts of a service set in a compose file, as text and proven, as mounts are.

Pure: bytes in, bytes out. A plan points it at the override file only: what it writes there beats the base file.
fact: Compose replaces ``command`` by that of the later file, merges ``environment`` by name, appends ``extra_hosts``,
and a variable named without a value takes that of the image away (measured with 2.26.1 and Engine 20.10.24).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from ..text import clean_line
from ..yamlsplice import (
    Indents,
    Splice,
    add_item,
    add_pair,
    append_lines,
    dashed,
    end_of,
    fill_empty,
    indents,
    replace_scalar,
    scalar,
)
from ..yamltext import Document, Node, Tagged, YamlError, load, untagged
from .base import StepFailed
from .compose_edit import HEADER
from .compose_place import RefusedEdit, is_empty, own_child
from .env_edit import masked_value


class SetServiceKeys(Struct, frozen=True, tag="set-service-keys"):
    """Give a service another command, variables, or names for addresses; or take variables from it."""

    service: str
    command: tuple[str, ...] = ()
    """Empty: left as it is."""
    environment: tuple[tuple[str, str], ...] = ()
    """Names and values."""
    unset: tuple[str, ...] = ()
    """Variables it must not have, whatever the image or an earlier file says."""
    extra_hosts: tuple[tuple[str, str], ...] = ()
    """Names and addresses."""

    def __repr__(self) -> str:
        hidden = self.masked()
        return f"SetServiceKeys({hidden.service!r}, {hidden.command!r}, {hidden.environment!r})"

    def masked(self) -> SetServiceKeys:
        """The same with every secret among the values masked."""
        return replace(self, environment=tuple((name, masked_value(name, value)) for name, value in self.environment))

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        parts = [f"command {' '.join(self.command)}"] if self.command else []
        parts += [f"{name}={value}" for name, value in self.masked().environment]
        parts += [f"the address of {name} to {address}" for name, address in self.extra_hosts]
        said = [f"set {' and '.join(parts)}"] if parts else []
        said += [f"take {' and '.join(self.unset)} away"] if self.unset else []
        return f"{', '.join(said)} for {self.service}"


class _Command(Struct, frozen=True):
    """One key: the command."""

    service: str
    words: tuple[str, ...]
    key: str = "command"

    @property
    def flow(self) -> str:
        return "[" + ", ".join(json.dumps(word, ensure_ascii=False) for word in self.words) + "]"

    def lines(self, shape: Indents) -> list[str]:  # noqa: ARG002 - one line, however the file indents
        return [f"command: {self.flow}"]


class _Entry(Struct, frozen=True):
    """One entry of a key that is a list or a mapping: a variable, or a name for an address."""

    service: str
    name: str
    value: str | None
    """None: the name stands alone."""
    key: str = "environment"
    sign: str = "="

    @property
    def text(self) -> str:
        return self.name if self.value is None else f"{self.name}{self.sign}{self.value}"

    @property
    def item(self) -> str:
        return scalar(self.text)

    @property
    def pair(self) -> str:
        return f"{scalar(self.name)}: {'null' if self.value is None else scalar(self.value)}"

    @property
    def flow(self) -> str:
        return f"[{self.item}]"

    def lines(self, shape: Indents) -> list[str]:
        return [f"{self.key}:", *dashed([self.item], shape.dash)]

    def names(self, item: object) -> bool:
        """Whether an item of the list is for the same name. fact: extra_hosts takes ``=`` for ``:``."""
        text = str(item)
        return (re.split("[=:]", text)[0] if self.sign == ":" else text.partition("=")[0]) == self.name


_Edit = _Command | _Entry


def apply_service_keys(old: bytes | None, edit: SetServiceKeys, path: str) -> bytes:
    """The new content of the compose file at ``path``; the same bytes when everything is there already.

    ``old`` is None for a file that does not exist yet. Raises StepFailed when the file cannot be read as one YAML
    mapping, when the place is shared with others through an anchor, or when the edit cannot be proven; its ``remedy``
    holds the text to add by hand.
    """
    content, parts = old or b"", _parts(edit)
    try:
        for part in parts:
            content = _apply(content, part)
    except YamlError as error:
        place = path if error.line is None else f"{path}:{error.line}:{error.column}"
        _refuse(_parts(edit.masked()), path, f"{place}: {error.reason}")
    except RefusedEdit as error:
        _refuse(_parts(edit.masked()), path, f"{path}: {error}")
    return f"{HEADER}\n".encode() + content if old is None and parts else content


def _parts(edit: SetServiceKeys) -> list[_Edit]:
    parts: list[_Edit] = [_Command(edit.service, edit.command)] if edit.command else []
    parts += [_Entry(edit.service, name, value) for name, value in edit.environment]
    parts += [_Entry(edit.service, name, None) for name in edit.unset]
    parts += [_Entry(edit.service, name, address, "extra_hosts", ":") for name, address in edit.extra_hosts]
    return parts


def _refuse(parts: Sequence[_Edit], path: str, reason: str) -> NoReturn:
    """``parts`` with their secrets masked: what is said is shown and written down."""
    shape = Indents()
    keys: dict[str, list[str]] = {}
    for part in parts:
        lines = part.lines(shape)
        keys[part.key] = keys[part.key] + lines[1:] if part.key in keys else lines
    inner = [line for lines in keys.values() for line in lines]
    by_hand = "\n".join(["services:", f"  {scalar(parts[0].service)}:", *("    " + line for line in inner)])
    raise StepFailed(
        f"Not edited, nothing was changed: {clean_line(reason, 600)}",
        remedy=f"Repair {clean_line(posixpath.normpath(path))}, or add this to it by hand:\n{by_hand}",
    ) from None


def _apply(content: bytes, edit: _Edit) -> bytes:
    doc = load(content)
    splice = _Editor(doc, edit).splice()
    if splice is None:
        return content
    changed = doc.encode(splice.into(doc.text))
    _prove(doc, changed, edit, splice)
    return changed


class _Editor:
    """Finds the one place in one document where an edit belongs."""

    def __init__(self, doc: Document, edit: _Edit) -> None:
        self.doc = doc
        self.edit = edit
        self.shape = indents(doc)

    def splice(self) -> Splice | None:
        """What to write; None when it is there already. Raises RefusedEdit."""
        doc, edit, step = self.doc, self.edit, self.shape.step
        inner = edit.lines(self.shape)
        service = [f"{scalar(edit.service)}:", *(" " * step + line for line in inner)]
        whole = ["services:", *(" " * step + line for line in service)]
        flow = f"{edit.key}: {edit.flow}"
        in_service = f"{scalar(edit.service)}: {{{flow}}}"
        if doc.root is None or doc.root.kind != "mapping":
            return self._at_root(append_lines(doc, whole))
        key, node = own_child(doc.root, doc.data, "services", "", "value")
        if node is None or key is None:
            return self._at_root(add_pair(doc, doc.root, whole, f"services: {{{in_service}}}"))
        if is_empty(node):
            return fill_empty(doc, key, node, service, f"{{{in_service}}}", step)
        services = untagged(doc.data["services"])
        key, own = own_child(node, services, edit.service, "services.", "value")
        if own is None or key is None:
            return add_pair(doc, node, service, in_service)
        if is_empty(own):
            return fill_empty(doc, key, own, inner, f"{{{flow}}}", step)
        return self._in_service(own, untagged(services[edit.service]), inner, flow)

    def _at_root(self, splice: Splice) -> Splice:
        if self.doc.explicit_end:
            raise RefusedEdit("it is closed by a line `...`, nothing can be added below")
        return splice

    def _in_service(self, service: Node, data: Any, lines: list[str], flow: str) -> Splice | None:  # noqa: ANN401
        edit = self.edit
        where = f"services.{edit.service}."
        key, node = own_child(service, data, edit.key, where, "value")
        if node is None or key is None:
            return add_pair(self.doc, service, lines, flow)
        value = untagged(data[edit.key])
        if isinstance(edit, _Command):
            return None if _words(value) == edit.words else self._replaced(key, node, edit.flow)
        if is_empty(node):
            return fill_empty(self.doc, key, node, dashed([edit.item], self.shape.dash), edit.flow, 0)
        if node.kind == "sequence":
            return self._in_list(node, value, edit)
        if node.kind == "mapping":
            return self._in_mapping(node, value, edit, where)
        raise RefusedEdit(f"{where}{edit.key} must be a list or a mapping")

    def _in_list(self, node: Node, items: list[Any], edit: _Entry) -> Splice | None:
        found = [n for n, item in enumerate(items) if edit.names(item)]
        if not found:
            return add_item(self.doc, node, [edit.item], edit.item)
        if items[found[-1]] == edit.text:
            return None
        return self._scalar(node.items[found[-1]], edit.text, edit.name)

    def _in_mapping(self, node: Node, values: dict[Any, Any], edit: _Entry, where: str) -> Splice | None:
        key, value = own_child(node, values, edit.name, f"{where}{edit.key}.", "value")
        if value is None or key is None:
            return add_pair(self.doc, node, [edit.pair], edit.pair)
        if values[edit.name] == edit.value:
            return None
        if is_empty(value):
            raise RefusedEdit(f"{where}{edit.key}.{edit.name} has no value there: Compose takes it from .env")
        return self._scalar(value, edit.value, edit.name)

    def _scalar(self, node: Node, value: str | None, name: str) -> Splice:
        shared = node.aliases or node.kind == "alias"
        splice = None if shared else replace_scalar(self.doc, node, value or "")
        if splice is None:
            raise RefusedEdit(f"the entry for {name} is shared or written in a way that is not edited")
        return splice if value is not None else Splice(splice.start, splice.end, "null", rewrites=True)

    def _replaced(self, key: Node, node: Node, flow: str) -> Splice:
        """The whole value by one line. A block list may stand in its key's column; brackets may not."""
        if node.tag is not None or self.doc.text[node.start : node.start + 1] in {"&", "!"}:
            raise RefusedEdit(f"the {self.edit.key} has a tag or an anchor, which is not edited")
        newline = "\n" in self.doc.text[key.end : node.start]
        indent = " " if newline and self.doc.column(node.start) <= self.doc.column(key.start) else ""
        return Splice(node.start, end_of(self.doc, node), indent + flow, rewrites=True)


def _words(value: Any) -> tuple[str, ...] | None:  # noqa: ANN401
    return tuple(map(str, value)) if isinstance(value, list) else None


def _intended(data: Any, edit: _Edit) -> Any:  # noqa: ANN401
    """The old data with the change made to them, by the meaning alone and not by the text."""
    top = dict(data or {})
    services, services_tag = _open(top.get("services"))
    service, service_tag = _open(services.get(edit.service))
    value = list(edit.words) if isinstance(edit, _Command) else _entries(service.get(edit.key), edit)
    service = {**service, edit.key: value}
    services = {**services, edit.service: _closed(service, service_tag)}
    return {**top, "services": _closed(services, services_tag)}


def _entries(old: Any, edit: _Entry) -> Any:  # noqa: ANN401
    inner, tag = (old.value, old.tag) if isinstance(old, Tagged) else (old, None)
    if isinstance(inner, dict):
        return _closed({**inner, edit.name: edit.value}, tag)
    items = list(inner or [])
    found = [n for n, item in enumerate(items) if edit.names(item)]
    if found:
        items[found[-1]] = edit.text
    else:
        items.append(edit.text)
    return _closed(items, tag)


def _open(value: Any) -> tuple[dict[Any, Any], str | None]:  # noqa: ANN401
    inner = untagged(value)
    return ({} if inner is None else inner), (value.tag if isinstance(value, Tagged) else None)


def _closed(value: Any, tag: str | None) -> Any:  # noqa: ANN401
    return value if tag is None else Tagged(tag, value)


def _prove(doc: Document, changed: bytes, edit: _Edit, splice: Splice) -> None:
    """Raises RefusedEdit unless the new file means exactly what was intended."""
    try:
        new = load(changed)
    except YamlError as error:
        raise RefusedEdit(f"the edit would not be valid YAML ({error})") from None
    # repr tells True from 1 and the order of keys as well, which == does not.
    if repr(new.data) != repr(_intended(doc.data, edit)):
        raise RefusedEdit(f"the edit would change more than the {edit.key}")
    lost = [line for line in doc.text[splice.start : splice.end].splitlines()[1:] if line.lstrip().startswith("#")]
    if lost:
        raise RefusedEdit(f"comments stand inside the {edit.key}, and would be lost")
