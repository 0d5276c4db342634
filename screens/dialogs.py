"""Questions over a screen: confirm, with a word to type where data could be lost. Cancel is what enter means first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from ..console.text import clean_line
from ..themes import sheet
from .widgets.document import Document
from .widgets.paint import Line, line

Answer = TypeVar("Answer")
_KEYS: list[BindingType] = [
    Binding("escape", "cancel", "cancel"),
    Binding("tab,right,down", "app.focus_next", "next", show=False),
    Binding("shift+tab,left,up", "app.focus_previous", "previous", show=False),
]


def choice(text: str, id: str, *, danger: bool = False) -> Button:  # noqa: A002
    """A button whose label is shown letter by letter; it may hold a name from outside."""
    return Button(Content(clean_line(text, 60)), id=id, compact=True, classes="danger" if danger else "")


class Dialog(ModalScreen[Answer]):
    """What all dialogs share: their style sheet."""

    CSS = sheet("buttons", "dialogs")
    SCOPED_CSS = False


class Confirm(Dialog[bool]):
    """Yes or no, with the target named; ``typed`` must be typed before yes counts."""

    BINDINGS: ClassVar[list[BindingType]] = _KEYS

    def __init__(self, title: str, body: Sequence[Line], verb: str, *, typed: str | None = None) -> None:
        super().__init__()
        self._title = title
        self._body = list(body)
        self._verb = verb
        self._typed = typed

    def compose(self) -> ComposeResult:
        """Words, the word to type, two buttons."""
        with Vertical(classes="dialog"):
            yield Document(classes="words")
            if self._typed is not None:
                yield Input(placeholder="type the name here", id="typed", compact=True)
            with Horizontal(classes="choices"):
                yield choice("Cancel", "cancel")
                yield choice(self._verb, "yes", danger=True)

    def on_mount(self) -> None:
        """Say it, and wait on Cancel."""
        words = [line((self._title, "strong")), line(), *self._body]
        if self._typed is not None:
            words += [line(), line("Type ", (self._typed, "strong"), " to go on:")]
            self.query_one("#yes", Button).disabled = True
        self.query_one(Document).show(words)
        self.query_one(Document).can_focus = False
        self.query_one("#typed" if self._typed is not None else "#cancel").focus()

    @on(Input.Changed, "#typed")
    def _typing(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.strip() != self._typed

    @on(Input.Submitted, "#typed")
    def _typed_in(self) -> None:
        self.query_one("#cancel" if self.query_one("#yes", Button).disabled else "#yes").focus()

    @on(Button.Pressed, "#yes")
    def _yes(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Nothing is done."""
        self.dismiss(False)


class Choose(Dialog[str]):
    """Several ways to go on; the last one is the harmless one, and the one that waits for enter."""

    BINDINGS: ClassVar[list[BindingType]] = _KEYS

    def __init__(self, title: str, body: Sequence[Line], choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._body = list(body)
        self._choices = tuple(choices)

    def compose(self) -> ComposeResult:
        """Words and a button for each way."""
        with Vertical(classes="dialog"):
            yield Document(classes="words")
            with Horizontal(classes="choices"):
                for key, label in self._choices:
                    yield choice(label, key, danger=key != self._choices[-1][0])

    def on_mount(self) -> None:
        """Say it, and wait on the harmless way."""
        self.query_one(Document).show([line((self._title, "strong")), line(), *self._body])
        self.query_one(Document).can_focus = False
        self.query_one(f"#{self._choices[-1][0]}").focus()

    @on(Button.Pressed)
    def _chosen(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or self._choices[-1][0])

    def action_cancel(self) -> None:
        """The harmless way."""
        self.dismiss(self._choices[-1][0])
