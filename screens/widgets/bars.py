"""The first line: where one is, which machine, and whether it may be changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events
from textual.widgets import Input

from ...console.text import _
from ...console.text.cleaning import cells, clip
from ..registry import ACTIONS, PLACES, find, name
from .paint import Line, Span
from .text import Lines

_HEADER = tuple((each.key, each.name, each.short or each.title) for each in PLACES if each.key.isdigit())


class Header(Lines):
    """One line of places on the left and the machine on the right."""

    def __init__(self) -> None:
        super().__init__((), ground="bar")
        self._hits: list[tuple[int, int, str]] = []

    def tell(self, crumbs: Sequence[str], machine: str, *, read_only: bool, problems: int) -> None:
        """Draw it for this place and machine."""
        width = self.size.width or self.app.size.width
        right = [Span(f"{machine} ", "muted")]
        if read_only:
            right.append(Span(_(" READ-ONLY "), "badge"))
        brand = Span(" stackops ", "badge")
        for lead, names, end in (
            (brand, True, right),
            (None, True, right),
            (None, True, right[1:]),
            (brand, False, right),
            (None, False, right[1:]),
            (None, False, right[1:]),
        ):
            left = self._left(crumbs, problems, lead, names=names)
            if self._taken((*left, *end)) <= width:
                break
            if not names and lead is None:  # the end of the way says where one is
                crumbs = [crumbs[0], *(clip(each, 12) for each in crumbs[1:])]
        self.show([self._spread(left, list(end), width)])

    def _left(self, crumbs: Sequence[str], problems: int, lead: Span | None, *, names: bool) -> list[Span]:
        """The places; without ``names`` only the one where one is and the one that counts, the others are their keys.

        On a narrow screen the name of the program goes first, then the machine's: the places' names are what is used.
        """
        here, *opened = crumbs
        left: list[Span] = [lead, Span(" ")] if lead else []
        self._hits = []
        for key, place, title in _HEADER:
            start = self._taken(left)
            count = f" {problems}" if place == "doctor" and problems else ""
            named = names or place == here or count
            left += self._place(key, _(title) if named else "", count, here=place == here)
            self._hits.append((start, self._taken(left), place))
        way = opened if here in {each[1] for each in _HEADER} else [_(here), *opened]
        return [*left, *(Span(f" › {each}", "accent") for each in way), Span(" ")]

    @staticmethod
    def _taken(spans: Iterable[Span]) -> int:
        return sum(cells(span.text) for span in spans)

    @staticmethod
    def _place(key: str, title: str, count: str, *, here: bool) -> list[Span]:
        parts = [Span(f" {key} ", "key"), Span(title, "place" if here else "muted")]
        if count:
            parts.append(Span(count, "error"))
        return [*parts, Span(" ")]

    @staticmethod
    def _spread(left: list[Span], right: list[Span], width: int) -> Line:
        taken = sum(cells(span.text) for span in (*left, *right))
        while taken > width and len(right) > 1:
            taken -= cells(right.pop(0).text)
        return (*left, Span(" " * max(1, width - taken)), *right)

    def on_click(self, event: events.Click) -> None:
        for start, end, place in self._hits:
            if start <= event.x < end:
                self.app.call_later(self.app.run_action, f"app.go('{place}')")


_LAST = ("app.palette", "app.help", "app.quit")


class KeyBar(Lines):
    """One line of the keys that do something here and now; what does not fit is left to the help."""

    def __init__(self) -> None:
        super().__init__((), ground="bar")
        self._hits: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.tell())
        self.tell()

    def on_resize(self) -> None:
        self.tell()

    def tell(self) -> None:
        """Draw the keys that fit."""
        if not self.is_attached or self.size.width == 0:
            return
        items = self._items()
        room = self.size.width - sum(self._width(item) for item in items if item[0] in _LAST)
        spans: list[Span] = []
        self._hits = []
        for binding_id, key, label in items:
            width = self._width((binding_id, key, label))
            if binding_id not in _LAST:
                if width > room:
                    continue
                room -= width
            start = sum(cells(span.text) for span in spans)
            spans += [Span(f" {key} ", "key"), Span(f"{label} ")]
            self._hits.append((start, start + width, key))
        self.show([tuple(spans)])

    @staticmethod
    def _width(item: tuple[str, str, str]) -> int:
        return cells(f" {item[1]} {item[2]} ")

    def _items(self) -> list[tuple[str, str, str]]:
        """Id, key and label of what can be done; own keys first, those that are everywhere last."""
        if isinstance(self.screen.focused, Input):
            return [("", "enter", _("done")), ("", "esc", _("back"))]
        if getattr(self.screen, "jumping", False):
            return [("", "a-z", _("go to the line with this letter")), ("", "esc", _("back"))]
        found: dict[str, tuple[str, str, str]] = {}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            seen = binding.id and active.enabled and (binding.show or self._near(binding.id))
            if seen and binding.id and binding.id not in found and binding.description:
                found[binding.id] = (binding.id, name(key), _(binding.description))
        inner = [found[action.id] for action in ACTIONS if action.id in found and action.id not in _LAST]
        return inner + [found[each] for each in _LAST if each in found]

    def _near(self, binding_id: str) -> bool:
        """Whether a key that is there everywhere is worth a word in this very place."""
        action = find(binding_id)
        return action is not None and getattr(self.screen, "PLACE", "") in action.near

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._hits:
            if start <= event.x < end:
                self.app.simulate_key({"/": "slash", ":": "colon", "?": "question_mark"}.get(key, key))
