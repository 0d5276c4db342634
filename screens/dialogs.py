"""Questions over a screen: confirm, with a word to type where something could be lost.

Cancel stands on the left and has the focus first; the button that acts stands on the right. Where no word is asked for,
the key that applies a plan presses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Button, Input

from ..console.text import _
from ..console.text.cleaning import clean_line, redact
from ..themes import sheet
from .registry import ACTIONS, keys_of
from .widgets.paint import Line, line
from .widgets.text import Document, Lines

if TYPE_CHECKING:
    from .desk import HasDesk

Answer = TypeVar("Answer")
APPLY = "plan.apply"
"""The action whose key also answers a question that asks for no word."""
MOST_BESIDE = 5
"""Choices that stand beside each other at 80 columns; more stand below each other."""
_KEYS: list[BindingType] = [
    Binding("escape", "cancel", "cancel"),
    Binding("tab,right,down", "app.focus_next", "next", show=False),
    Binding("shift+tab,left,up", "app.focus_previous", "previous", show=False),
]


def apply_key(screen: Screen[Any]) -> str:
    """The key that applies a plan; somebody may have given it another place."""
    (action,) = (each for each in ACTIONS if each.id == APPLY)
    return keys_of(action, cast("HasDesk", screen.app).desk.settings.keymap)


def choice(text: str, id: str, *, danger: bool = False) -> Button:
    """A button whose label is plain text, not markup: it may hold a foreign name."""
    return Button(Content(redact(clean_line(text, 60))), id=id, compact=True, classes="danger" if danger else "")


class Dialog(ModalScreen[Answer]):
    """What all dialogs share: their style sheet."""

    CSS = sheet("buttons", "dialogs")
    SCOPED_CSS = False


class Asking(Dialog[Answer]):
    """Words above the choices, of which the first is harmless and has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = _KEYS

    def __init__(self, title: str, body: Sequence[Line], choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._words = [line((title, "strong")), line(), *body]
        self._choices = tuple(choices)

    def between(self) -> Iterable[Widget]:
        """What stands between the words and the choices."""
        return ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Document(classes="words")
            yield from self.between()
            with (Horizontal if len(self._choices) <= MOST_BESIDE else Vertical)(classes="choices"):
                for key, label in self._choices:
                    yield choice(label, key, danger=key != self._choices[0][0])

    def on_mount(self) -> None:
        self.show_words()
        self.query_one(Document).can_focus = False
        self.query_one("Input, Button").focus()

    def show_words(self) -> None:
        """All there is to say."""
        self.query_one(Document).show(self._words)


class Confirm(Asking[bool]):
    """Yes or no, with the target named; ``typed`` must be typed before yes counts."""

    BINDINGS: ClassVar[list[BindingType]] = [*_KEYS, Binding("A", "act", id=APPLY)]

    def __init__(
        self, title: str, body: Sequence[Line], verb: str, *, typed: str | None = None, waits: str | None = None
    ) -> None:
        """``waits`` says what is still being read. Until ``found`` is called only Cancel can be pressed."""
        super().__init__(title, body, [("cancel", _("Cancel")), ("yes", verb)])
        self._typed = typed
        self._waits = waits

    def between(self) -> Iterable[Widget]:
        if self._typed is not None:
            yield Input(placeholder=_("type the name here"), id="typed", compact=True)
            yield Lines((), id="said")

    def found(self, more: Sequence[Line], *, allowed: bool) -> None:
        """Add what was read. Without ``allowed`` the act is refused, and the lines say why."""
        self._words += more
        self._waits = None if allowed else ""
        if self.is_mounted:
            self.show_words()

    def show_words(self) -> None:
        words = list(self._words)
        if self._waits:
            words += [line(), line((self._waits, "muted"))]
        elif self._waits is None:
            words += [line(), self._way()]
        self.query_one("#yes", Button).disabled = not self._may()
        self.query_one(Document).show(words)

    def _may(self) -> bool:
        typed = self._typed is None or self.query_one("#typed", Input).value.strip() == self._typed
        return typed and self._waits is None

    @on(Input.Changed, "#typed")
    def _typing(self) -> None:
        self.query_one("#yes", Button).disabled = not self._may()
        self.query_one("#said", Lines).show([()])

    @on(Input.Submitted, "#typed")
    def _typed_in(self) -> None:
        yes = self.query_one("#yes", Button)
        if not yes.disabled:
            yes.focus()
        elif self._waits:
            self.query_one("#said", Lines).show([line((self._waits, "warning"))])
        elif self._typed is not None and self._waits is None:
            self.query_one("#said", Lines).show([line((_("That is not "), "warning"), self._typed)])

    def _way(self) -> Line:
        """What to do for a yes. Somebody may have given the key another place."""
        if self._typed is not None:
            return line(_("Type "), (self._typed, "strong"), _(" to go on:"))
        return line((apply_key(self), "key"), _(" does it, "), (_("esc"), "key"), _(" leaves."))

    @on(Button.Pressed, "#yes")
    def action_act(self) -> None:
        """The button or its key; neither does anything before the word is there that is asked for."""
        if self._may():
            self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(False)


class AskNumber(Asking[int]):
    """A number to type, from 1 to ``most``, another one than ``now``; None where somebody leaves."""

    def __init__(self, title: str, body: Sequence[Line], verb: str, *, now: int, most: int) -> None:
        super().__init__(title, body, [("cancel", _("Cancel")), ("yes", verb)])
        self._now, self._most = now, most

    def between(self) -> Iterable[Widget]:
        yield Input(
            placeholder=_("1 to {most}", most=self._most), id="number", max_length=4, type="integer", compact=True
        )
        yield Lines((), id="said")

    @on(Button.Pressed, "#yes")
    @on(Input.Submitted)
    def _typed_in(self) -> None:
        typed = self.query_one("#number", Input).value.strip()
        number = int(typed) if typed.isdecimal() else 0
        if 1 <= number <= self._most and number != self._now:
            self.dismiss(number)
        else:
            why = (
                _("It is {number} already.", number=number)
                if number == self._now
                else _("Type a number from 1 to {most}.", most=self._most)
            )
            self.query_one("#said", Lines).show([line((why, "warning"))])
            self.query_one("#number").focus()

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)


class Choose(Asking[str]):
    """Several ways to go on."""

    @on(Button.Pressed)
    def _chosen(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or self._choices[0][0])

    def action_cancel(self) -> None:
        self.dismiss(self._choices[0][0])
