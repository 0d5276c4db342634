"""The timeline: what happened here, newest first, so that the first look shows the night."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work

from ...console.fix.journal import Journal
from ...console.fix.records import Entry
from ...console.hosts import HostError
from ...console.report.timeline import Moment, moments
from ...console.text import N_, _
from ...themes import sheet
from ..place import ListPlace
from ..render import timeline
from ..widgets.paint import Line, line
from ..widgets.table import Column, Row


class Timeline(ListPlace):
    """Moments, newest first."""

    PLACE: ClassVar[str] = "timeline"
    CSS = sheet("timeline")
    AUTO_FOCUS = "#moments"
    TABLE, FULL = "moments", "moment"
    TITLES = (N_("Timeline"), N_("In full"))
    COLUMNS = (
        Column("when", "WHEN", 12),
        Column("subject", "WHO", 20, most=32),
        Column("what", "WHAT", 28, most=60),
        Column("reason", "WHY", 24, rank=1, most=90),
    )

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] = ()
        self._trouble = ""
        self._made_from: tuple[object, ...] = ()
        self._told: tuple[Moment, ...] = ()
        self._rows: list[Row] = []

    def on_screen_resume(self) -> None:
        """Read the journal again whenever the place is entered."""
        super().on_screen_resume()
        if self.desk.journal is not None:
            self._read(self.desk.journal)

    @work(thread=True, exclusive=True, group="journal", exit_on_error=False, description="")
    def _read(self, journal: Journal) -> None:
        try:
            found, trouble = journal.entries(), ""
        except HostError as error:
            found, trouble = (), _("The journal cannot be read: {error}", error=error)
        self.app.call_from_thread(self._have, found, trouble)

    def _have(self, found: tuple[Entry, ...], trouble: str) -> None:
        self._entries, self._trouble = found, trouble
        self.draw()

    def draw(self) -> None:
        """Work it out again only when something has happened: nothing on this screen moves by itself."""
        snapshot = self.console.snapshot
        if snapshot is None:
            self.draw_rows([], [line((_("  Looking ..."), "muted"))])
            return
        changes, kept = self.console.changes, self.desk.feed.kept
        made_from = (snapshot.events, snapshot.containers, self._entries, changes[-1] if changes else None, kept)
        if len(self._made_from) != len(made_from) or any(
            one is not other for one, other in zip(made_from, self._made_from, strict=True)
        ):
            self._made_from = made_from
            earlier = kept.changes if kept else ()
            self._told = moments(snapshot, self._entries, (*earlier, *changes), kept.events if kept else ())
            self._rows = timeline.rows(self._told, self.console.last_here, snapshot.taken_at)
        self.draw_rows(self._rows, timeline.nothing(snapshot))
        self.count(len(self._told))

    def in_full(self) -> Sequence[Line]:
        """The selected moment, and why part of the record may be missing."""
        moment, snapshot = self.selected(), self.console.snapshot
        said = timeline.in_full(moment, snapshot.taken_at) if moment and snapshot else []
        kept = self.desk.feed.kept
        troubles = filter(None, (self._trouble, kept.trouble if kept else ""))
        return [*said, *(part for each in troubles for part in (line(), line((each, "warning"))))]

    def selected(self) -> Moment | None:
        """The moment under the cursor."""
        key = self.table.cursor
        return next((each for each in self._told if timeline.key_of(each) == key), None)

    def copied(self) -> str | None:
        """Who and what."""
        moment = self.selected()
        return f"{moment.subject}: {moment.words}" if moment else None

    def opened(self, key: str | None) -> None:
        """Enter goes to the container, or to the journal for a fix."""
        moment = self.selected()
        if moment is not None and moment.entry:
            self.console.go("journal", moment.entry)
        elif moment is not None and self.console.container(moment.container) is not None:
            self.console.open("container", moment.container)
        elif moment is not None and moment.container:
            self.console.say(_("This container is no longer there."))
        else:
            super().opened(key)
