"""Jump keys: after one key each line in sight has a letter; the letter goes there and opens the line."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from textual import events
from textual.screen import Screen

from .table import Table

LETTERS = "asdfghjklqwertyuiopzxcvbnm"
"""Under the fingers first. No capital among them: capitals change something, and one may be typed too late."""


def labels(count: int) -> list[str]:
    """So many, of one letter each; of two where there are too few letters, so that none begins another."""
    return list(LETTERS[:count]) if count <= len(LETTERS) else ["".join(each) for each in product(LETTERS, repeat=2)]


class Jumping(Screen[None]):
    """A screen on which the lines of all its lists can be gone to by letters."""

    _marked: Mapping[str, tuple[Table, str]] = {}
    """Where each letter leads: to a row by its key, so that no other row is meant when rows move."""
    _half = ""

    @property
    def jumping(self) -> bool:
        """Whether the next key is a letter of a line."""
        return bool(self._marked)

    def action_jump(self) -> None:
        """Show the letters."""
        seen = [(table, key) for table in self.query(Table) if table.size.height for key in table.in_sight]
        self._mark(dict(zip(labels(len(seen)), seen, strict=False)))

    def _mark(self, marked: Mapping[str, tuple[Table, str]], typed: str = "") -> None:
        if not (marked or self._marked):
            return
        self._marked, self._half = marked, typed
        for table in self.query(Table):
            found = ((label, key) for label, (owner, key) in marked.items() if owner is table)
            table.labels = {key: label[len(typed) :] for label, key in found if label.startswith(typed)}
            table.refresh()
        self.refresh_bindings()

    def on_key(self, event: events.Key) -> None:
        """A letter of a line, or the end of it: no key does what it would do otherwise."""
        if not self._marked:
            return
        event.stop()
        event.prevent_default()
        typed = self._half + (event.character or "") if event.is_printable else "?"
        if typed not in self._marked:
            self._mark(self._marked if any(each.startswith(typed) for each in self._marked) else {}, typed)
            return
        table, key = self._marked[typed]
        self._mark({})
        if key in table.keys:
            self.set_focus(table)
            table.select(key)
            table.action_open()

    def on_screen_suspend(self) -> None:
        """Whoever comes back begins again."""
        self._mark({})
