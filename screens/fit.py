"""Will it fit: every model that is known here against the free memory of each GPU, now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.containers import Container
from textual.widget import Widget

from ..themes import sheet
from .keys import bindings
from .place import Place, entitle
from .widgets.columns import Column
from .widgets.document import Document
from .widgets.paint import Line, line
from .widgets.table import Row, Table
from .words import fit

COLUMNS: tuple[Column, ...] = (
    Column("model", "MODEL", 18, most=40),
    Column("dtype", "DTYPE", 6, most=10),
    Column("need", "NEEDS", 17, "right"),
    Column("answer", "NOW", 12),
    Column("where", "BEST ON", 7, rank=2, most=9),
    Column("left", "LEAVES", 10, "right", rank=1),
)
CONTEXTS = (2048, 4096, 8192, 16384, 32768, 65536, 131072)
"""Tokens of one sequence that can be stepped through."""


class FitScreen(Place):
    """Models, and the selected one in full."""

    PLACE: ClassVar[str] = "fit"
    CSS = sheet("fit")
    SCOPED_CSS = False
    AUTO_FOCUS = "#models"
    BINDINGS = bindings("fit")

    def __init__(self) -> None:
        super().__init__()
        self._tokens = 4096
        self._asked: list[fit.Asked] = []
        self._from: tuple[object, ...] = ()

    def body(self) -> Iterable[Widget]:
        """Models, the selected one in full."""
        yield Container(Table(COLUMNS, id="models", classes="pane"), Document(id="model", classes="pane"), id="panes")

    def draw(self) -> None:
        """What fits on what is free now; computed again only when GPUs, servers or the context changed."""
        snapshot = self.console.snapshot
        tokens = self._tokens
        entitle(self.query_one("#models"), f" Will it fit, with {tokens} tokens ")
        entitle(self.query_one("#model"), " Model ")
        if snapshot is not None:
            made_from = (snapshot.gpus, snapshot.servers, snapshot.gpu_processes, self._tokens)
            if made_from != self._from:
                self._asked, self._from = fit.asked(snapshot, self._tokens), made_from
        table = self.query_one("#models", Table)
        table.show([Row(each.key, fit.cells(each)) for each in self._asked], empty=self._empty())
        self._draw_selected()

    def _empty(self) -> list[Line]:
        return [line(), line(("  Looking at the GPUs ...", "muted"))]

    def _draw_selected(self, *, top: bool = False) -> None:
        chosen = self.selected()
        self.query_one("#model", Document).show(fit.detail(chosen) if chosen else [], top=top)

    def selected(self) -> fit.Asked | None:
        """The model under the cursor."""
        key = self.query_one("#models", Table).cursor
        return next((each for each in self._asked if each.key == key), None)

    def copied(self) -> str | None:
        """The command that answers the same."""
        chosen = self.selected()
        return f"stackops gpu --fit {chosen.key} --context {self._tokens}" if chosen else None

    @on(Table.Moved, "#models")
    def _moved(self) -> None:
        self._draw_selected(top=True)

    @on(Table.Opened, "#models")
    def _opened(self) -> None:
        self.query_one("#model").focus()

    def action_longer(self) -> None:
        """With twice the context."""
        self._step(1)

    def action_shorter(self) -> None:
        """With half the context."""
        self._step(-1)

    def _step(self, by: int) -> None:
        place = CONTEXTS.index(self._tokens) + by
        self._tokens = CONTEXTS[max(0, min(place, len(CONTEXTS) - 1))]
        self.draw()
