"""All that the Engine tells of a container, as a tree whose branches are opened and closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from textual import work

from ...console.collect import closer
from ...console.collect.closer import Tree
from ...console.hosts import HostError
from ...console.model import Container
from ...console.text import N_, _, n_
from ...console.text.cleaning import DASH, clip
from ...themes import sheet
from ..log_feed import NAME
from ..place import ListPlace
from ..widgets.paint import BLANK, Line, Span, line
from ..widgets.table import Column, Row, Table

OPEN = ("", "State", "Config")
"""Branches that are open at first: the root, and what most people look for."""
_NO_TREE: Tree = {}


class InspectScreen(ListPlace):
    """A line for each branch and leaf."""

    PLACE: ClassVar[str] = "inspect"
    CSS = sheet("inspect")
    AUTO_FOCUS = "#tree"
    TABLE, FULL = "tree", "branch"
    TITLES = (N_("Inspect"), N_("In full"))
    COLUMNS = (Column("name", "NAME", 30, most=48), Column("value", "VALUE", 40, most=400))

    def __init__(self, container_id: str) -> None:
        super().__init__()
        self._target = container_id
        self._name = container_id[:12]
        self._tree: Tree = _NO_TREE
        self._unread = ""
        self._open = set(OPEN)
        self._leaves: dict[str, Tree] = {}
        """What stands at each path that is in sight."""

    def on_mount(self) -> None:
        self._read()

    @work(exclusive=True, group="inspect", exit_on_error=False, description="")
    async def _read(self) -> None:
        self._unread = ""
        try:
            self._tree = await closer.inspect(self.desk.host, self._target)
        except HostError as error:
            self._unread = f"{error}. {error.remedy}" if error.remedy else str(error)
        self.draw()

    def look_again(self) -> None:
        self._read()

    def way(self) -> list[str]:
        container = self.meant()
        self._name = container.name if container else self._name
        names = (container.project if container else None, self._name)
        return [*(clip(each, NAME) for each in names if each), _("inspect")]

    def meant(self) -> Container | None:
        return self.console.container(self._target)

    def again(self) -> tuple[str]:
        return (self._target,)

    def draw(self) -> None:
        """What is open of the tree; while somebody looks for words all of it, as a word may stand in any branch."""
        whole = bool(self.table.query_words)
        self._leaves.clear()
        rows = list(self._rows(self._tree, "", 0, whole=whole))
        told = self._unread or _("Reading ...")
        self.draw_rows(rows, [BLANK, line((f"  {told}", "warning" if self._unread else "muted"))])

    def look_for(self, table: Table, words: str) -> None:
        super().look_for(table, words)
        self.draw()

    def _rows(self, tree: Tree, path: str, depth: int, *, whole: bool) -> Iterator[Row]:
        for name, each in _branches(tree):
            at = f"{path}/{name}" if path else name
            self._leaves[at] = each
            inner = len(_branches(each))
            opened = at in self._open or whole
            mark = ("▾ " if opened else "▸ ") if inner else "  "
            value = _leaf(each) if not inner else _counted(each) if not opened else ""
            yield Row(at, {"name": Span(f"{'  ' * depth}{mark}{name}", "strong" if inner else "plain"),
                           "value": Span(value, "muted" if inner else "plain")})  # fmt: skip
            if inner and opened:
                yield from self._rows(each, at, depth + 1, whole=whole)

    def in_full(self) -> Sequence[Line]:
        """The path, and the whole of a text that is cut above."""
        path = self.table.cursor
        if path is None or path not in self._leaves:
            return ()
        each = self._leaves[path]
        return [line((path, "strong")), line(_counted(each) if _branches(each) else _leaf(each))]

    def opened(self, key: str | None) -> None:
        """Enter opens a branch, or closes it; on a leaf it goes to its text in full."""
        if key is not None and _branches(self._leaves.get(key)):
            self._open ^= {key}
            self.draw()
        else:
            super().opened(key)

    def copied(self) -> str | None:
        """The text of a leaf, the path of a branch."""
        path = self.table.cursor
        each = self._leaves.get(path or "")
        return path if _branches(each) else _leaf(each)


def _branches(tree: Tree) -> list[tuple[str, Tree]]:
    if isinstance(tree, Mapping):
        return [(name or DASH, each) for name, each in tree.items()]
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [(str(number), each) for number, each in enumerate(tree)]
    return []


def _leaf(tree: Tree) -> str:
    """As JSON writes it, but a text without its quotes."""
    if tree is None or isinstance(tree, bool):
        return {None: "null", True: "true", False: "false"}[tree]
    if isinstance(tree, Mapping) or (isinstance(tree, Sequence) and not isinstance(tree, str)):
        return "{}" if isinstance(tree, Mapping) else "[]"
    return str(tree)


def _counted(tree: Tree) -> str:
    return n_("{count} entry", "{count} entries", len(_branches(tree)))
