"""The journal: what was done here, by whom, how it ended, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work

from ...console.fix.journal import Journal
from ...console.fix.preparing import undo_refusal
from ...console.fix.records import Entry
from ...console.hosts import HostError
from ...console.text import N_, _
from ...themes import sheet
from ..place import ListPlace
from ..render import plans
from ..widgets.paint import Line, Span, line
from ..widgets.table import Column, Row


class JournalScreen(ListPlace):
    """Entries, newest first."""

    PLACE: ClassVar[str] = "journal"
    CSS = sheet("journal")
    AUTO_FOCUS = "#entries"
    TABLE, FULL = "entries", "entry"
    TITLES = (N_("Journal"), N_("Entry"))
    COLUMNS = (
        Column("state", "STATE", 14),
        Column("when", "WHEN", 16),
        Column("title", "WHAT", 24, most=90),
        Column("subject", "SUBJECT", 14, rank=2, most=28),
        Column("who", "WHO", 10, rank=1, most=16),
    )

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] | None = None
        self._lasting: dict[str, str] = {}
        """Why an entry cannot be undone, by its id: files that somebody changed since are a reason too."""
        self._trouble: str | None = None

    def on_screen_resume(self) -> None:
        """Read the entries again whenever the place is entered."""
        super().on_screen_resume()
        self.read()

    def read(self) -> None:
        """Read the journal in a thread; the screen shows what it has until then."""
        if self.desk.journal is None:
            self._trouble = _("No state folder can be written, so nothing is recorded and nothing can be fixed.")
            self.draw()
        else:
            self._read(self.desk.journal)

    @work(thread=True, exclusive=True, group="journal", exit_on_error=False, description="")
    def _read(self, journal: Journal) -> None:
        try:
            found, trouble = journal.entries(), None
        except HostError as error:
            found, trouble = (), str(error)
        lasting = {each.id: undo_refusal(each, self.desk.host) for each in found}
        self.app.call_from_thread(self._have, found, lasting, trouble)

    def _have(self, found: tuple[Entry, ...], lasting: dict[str, str], trouble: str | None) -> None:
        self._entries, self._lasting, self._trouble = found, lasting, trouble
        self.draw()
        self.refresh_bindings()

    def draw(self) -> None:
        """The entries; the Snapshot plays no part here."""
        self.draw_rows([_row(each) for each in self._entries or ()], self._empty())

    def _empty(self) -> list[Line]:
        if self._trouble:
            return [line(), line(("  " + self._trouble, "warning"))]
        if self._entries is None:
            return [line((_("  Reading ..."), "muted"))]
        return [
            line(),
            line(_("  Nothing was fixed from here yet.")),
            line((_("  What a fix changes is written down here, and can be taken back with U."), "muted")),
        ]

    def select(self, about: object) -> None:
        """Put the cursor on this entry."""
        if isinstance(about, str):
            self._wanted = about
            self.redraw()

    def in_full(self) -> Sequence[Line]:
        entry = self.selected()
        return plans.detail(entry) if entry else ()

    def selected(self) -> Entry | None:
        """The entry under the cursor."""
        key = self.table.cursor
        return next((each for each in self._entries or () if each.id == key), None)

    def copied(self) -> str | None:
        """The entry's id, as ``stackops undo`` takes it."""
        entry = self.selected()
        return entry.id if entry else None

    def opened(self, key: str | None) -> None:
        """Enter asks what to do with an interrupted entry, and reads any other."""
        entry = self.selected()
        if entry is not None and entry.state == "open" and not entry.running:
            self.console.offer_open(entry)
        else:
            super().opened(key)

    def action_undo(self) -> None:
        """Show what taking the selected entry back would do; for an interrupted one, ask."""
        entry = self.selected()
        if entry is None:
            return
        if entry.state == "open":
            self.console.offer_open(entry)
        else:
            self.console.open("plan", undo=entry)

    def why_not(self, verb: str) -> str:
        """Only a fix that can be taken back is offered for it, and one that was interrupted."""
        return super().why_not(verb) or (self._not_undone() if verb == "undo" else "")

    def _not_undone(self) -> str:
        entry = self.selected()
        if entry is None:
            return self.unselected(self.table)
        if entry.running:
            return _("The entry {entry} is being worked on right now.", entry=entry.id)
        return "" if entry.state == "open" else self._lasting[entry.id]


def _row(entry: Entry) -> Row:
    intent = entry.intent
    cells = {
        "state": plans.state(entry), "when": Span(plans.when(intent.at), "muted"), "title": Span(intent.title),
        "subject": Span(intent.subject, "muted"), "who": Span(plans.who(intent.who), "muted"),
    }  # fmt: skip
    return Row(entry.id, cells, values={"when": intent.at})
