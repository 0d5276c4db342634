"""Where in a compose file an edit may be made: a mapping's own keys, reached without touching what others share.

Pure. Used by every edit of a compose file.
"""

from __future__ import annotations

from typing import Any

from ..yamlnodes import plain
from ..yamltext import Node, Tagged


class RefusedEdit(Exception):
    """The edit cannot be made there; ``str`` says why."""


def own_child(node: Node, data: Any, name: str, where: str, own: str) -> tuple[Node | None, Node | None]:  # noqa: ANN401
    """Key and value of a mapping's own key. Raises RefusedEdit where an edit would reach others, or nobody.

    ``own`` is what would be written (``list``, ``value``), for the sentence.
    """
    key, value = node.key(name), node.get(name)
    if node.kind != "mapping" or not isinstance(data, dict):
        raise RefusedEdit(f"{where.rstrip('.') or 'the file'} must be a mapping")
    if value is None:
        if name in data:
            raise RefusedEdit(f"{where}{name} comes from an anchor (`<<:`); an own {own} would replace it")
        return None, None
    if value.kind == "alias" or value.aliases:
        other = f"*{value.value}" if value.kind == "alias" else "an anchor that is used elsewhere too"
        raise RefusedEdit(f"{where}{name} is shared through {other}; editing it would change the others")
    if isinstance(data.get(name), Tagged) and data[name].tag == "!reset":
        raise RefusedEdit(f"{where}{name} is marked `!reset`, which throws away whatever stands there")
    return key, value


def is_empty(node: Node) -> bool:
    """Whether the key stands there without a value."""
    return node.kind == "scalar" and node.style is None and node.tag is None and plain(node.value) is None
