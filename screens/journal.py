"""The journal: what was done here, by whom, how it ended, and taking it back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on, work
from textual.containers import Container
from textual.widget import Widget

from ..console.hosts import HostError
from ..console.journal import Journal
from ..console.records import Entry
from ..themes import sheet
from .keys import bindings
from .place import Place
from .widgets.columns import Column
from .widgets.document import Document
from .widgets.paint import Line, Span, line
from .widgets.table import Row, Table
from .words import entries

COLUMNS: tuple[Column, ...] = (
    Column("state", "STATE", 14),
    Column("when", "WHEN", 16),
    Column("title", "WHAT", 24, most=90),
    Column("subject", "SUBJECT", 14, rank=2, most=28),
    Column("who", "WHO", 10, rank=1, most=16),
)


class JournalScreen(Place):
    """Entries, newest first."""

    PLACE: ClassVar[str] = "journal"
    CSS = sheet("journal")
    SCOPED_CSS = False
    AUTO_FOCUS = "#entries"
    BINDINGS = bindings("journal")

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] | None = None
        self._trouble: str | None = None

    def body(self) -> Iterable[Widget]:
        """Entries, the selected one in full."""
        yield Container(Table(COLUMNS, id="entries", classes="pane"), Document(id="entry", classes="pane"), id="panes")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#entries").border_title = " Journal "
        self.query_one("#entry").border_title = " Entry "

    def on_screen_resume(self) -> None:
        """Read the entries again whenever the place is entered."""
        super().on_screen_resume()
        self.read()

    def read(self) -> None:
        """Read the journal in a thread; the screen shows what it has until then."""
        if self.desk.journal is None:
            self._trouble = "No state folder can be written, so nothing is recorded and nothing can be fixed."
            self.draw()
        else:
            self._read(self.desk.journal)

    @work(thread=True, exclusive=True, group="journal", exit_on_error=False)
    def _read(self, journal: Journal) -> None:
        try:
            found, trouble = journal.entries(), None
        except HostError as error:
            found, trouble = (), str(error)
        self.app.call_from_thread(self._have, found, trouble)

    def _have(self, found: tuple[Entry, ...], trouble: str | None) -> None:
        self._entries, self._trouble = found, trouble
        self.draw()

    def draw(self) -> None:
        """The entries; the Snapshot plays no part here."""
        table = self.query_one("#entries", Table)
        table.show([_row(each) for each in self._entries or ()], empty=self._empty())
        self._draw_selected()

    def _empty(self) -> list[Line]:
        if self._trouble:
            return [line(), line(("  " + self._trouble, "warning"))]
        if self._entries is None:
            return [line(("  Reading ...", "muted"))]
        return [
            line(),
            line("  Nothing was fixed from here yet."),
            line(("  What a fix changes is written down here, and can be taken back with U.", "muted")),
        ]

    def _draw_selected(self, *, top: bool = False) -> None:
        entry = self.selected()
        self.query_one("#entry", Document).show(entries.detail(entry) if entry else [], top=top)

    def selected(self) -> Entry | None:
        """The entry under the cursor."""
        key = self.query_one("#entries", Table).cursor
        return next((each for each in self._entries or () if each.id == key), None)

    def copied(self) -> str | None:
        """The entry's id, as ``stackops undo`` takes it."""
        entry = self.selected()
        return entry.id if entry else None

    @on(Table.Moved, "#entries")
    def _moved(self) -> None:
        self._draw_selected(top=True)
        self.refresh_bindings()

    @on(Table.Opened, "#entries")
    def _opened(self) -> None:
        entry = self.selected()
        if entry is not None and entry.state == "open" and not entry.running:
            self.console.offer_open(entry)
        else:
            self.query_one("#entry").focus()

    def action_undo(self) -> None:
        """Show what taking the selected entry back would do; for an interrupted one, ask."""
        entry = self.selected()
        if entry is None:
            return
        if entry.state == "open":
            self.console.offer_open(entry)
        else:
            self.console.open_undo(entry)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a fix that is done, or was interrupted, can be taken back."""
        if action == "undo":
            entry = self.selected()
            if entry is None or entry.running or entry.intent.kind == "undo" or entry.state not in {"done", "open"}:
                return None
        return super().check_action(action, parameters)


def _row(entry: Entry) -> Row:
    return Row(
        key=entry.id,
        cells={
            "state": entries.state(entry),
            "when": Span(entries.when(entry.intent.at), "muted"),
            "title": Span(entry.intent.title),
            "subject": Span(entry.intent.subject, "muted"),
            "who": Span(entries.who(entry.intent.who), "muted"),
        },
    )
