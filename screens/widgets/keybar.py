"""The last line: what the keys do right here, from the bindings of whatever has the focus."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from ...console.actions import ACTIONS, find
from ...console.text import cells
from ..keys import name
from .lines import Lines
from .paint import Span, Tone

_LAST = ("app.palette", "app.help", "app.quit")


class KeyBar(Lines):
    """One line of keys; what does not fit is left to the help."""

    def __init__(self) -> None:
        super().__init__((), ground="bar")
        self._hits: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Follow the bindings."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.tell())
        self.tell()

    def on_resize(self) -> None:
        """Other keys may fit now."""
        self.tell()

    def tell(self) -> None:
        """Draw the keys that fit."""
        if not self.is_attached or self.size.width == 0:
            return
        items = self._items()
        room = self.size.width - sum(self._width(item) for item in items if item[0] in _LAST)
        spans: list[Span] = []
        self._hits = []
        for binding_id, key, label, enabled in items:
            width = self._width((binding_id, key, label, enabled))
            if binding_id not in _LAST:
                if width > room:
                    continue
                room -= width
            start = sum(cells(span.text) for span in spans)
            tones: tuple[Tone, Tone] = ("key", "plain") if enabled else ("muted", "muted")
            spans += [Span(f" {key} ", tones[0]), Span(f"{label} ", tones[1])]
            self._hits.append((start, start + width, key))
        self.show([tuple(spans)])

    @staticmethod
    def _width(item: tuple[str, str, str, bool]) -> int:
        return cells(f" {item[1]} {item[2]} ")

    def _items(self) -> list[tuple[str, str, str, bool]]:
        """Id, key, label and whether it can be done; own keys first, those that are everywhere last."""
        if isinstance(self.screen.focused, Input):
            return [("", "enter", "done", True), ("", "esc", "back", True)]
        found: dict[str, tuple[str, str, str, bool]] = {}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            seen = binding.id and (binding.show or self._near(binding.id))
            if seen and binding.id and binding.id not in found and binding.description:
                found[binding.id] = (binding.id, name(key), binding.description, active.enabled)
        inner = [found[action.id] for action in ACTIONS if action.id in found and action.id not in _LAST]
        return inner + [found[each] for each in _LAST if each in found]

    def _near(self, binding_id: str) -> bool:
        """Whether a key that is there everywhere is worth a word in this very place."""
        action = find(binding_id)
        return action is not None and getattr(self.screen, "PLACE", "") in action.near

    def on_click(self, event: events.Click) -> None:
        """A click on a key presses it."""
        for start, end, key in self._hits:
            if start <= event.x < end:
                self.app.simulate_key({"/": "slash", ":": "colon", "?": "question_mark"}.get(key, key))
