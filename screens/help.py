"""Help: the keys of the place one comes from, made from the registry of actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from ..console.actions import Action, at
from .dialogs import Dialog
from .keys import keys_of
from .widgets.document import Document
from .widgets.paint import BLANK, Line, Tone, line

_TITLES = {
    "overview": "Overview",
    "doctor": "Doctor",
    "journal": "Journal",
    "gpus": "GPUs",
    "servers": "Model servers",
    "fit": "Will it fit",
    "container": "Container",
    "plan": "Plan of a fix",
    "list": "Lists and texts",
    "app": "Everywhere",
}
_ABOUT = (
    "Lower case looks, capitals change. What changes the machine asks first, names its target, and waits on Cancel.",
    "A finding comes with evidence and, mostly, a fix: F shows what it would change, A applies it, U takes it back.",
    "DIED in the stacks is restarts by policy / deaths seen since the console was opened.",
)


def lines(place: str, keymap: dict[str, str], *, read_only: bool) -> list[Line]:
    """The keys of a place, of lists and of everywhere."""
    said: list[Line] = [line((each, "muted")) for each in _ABOUT]
    if read_only:
        said += [BLANK, line(("READ-ONLY: whatever changes the machine is refused.", "warning"))]
    for section in dict.fromkeys((place, "list", "app")):
        actions = [action for action in at(section) if action.keys]
        if actions:
            said += [
                BLANK,
                line((_TITLES.get(section, section), "accent")),
                *_keys(actions, keymap, read_only=read_only),
            ]
    return said


def _keys(actions: Sequence[Action], keymap: dict[str, str], *, read_only: bool) -> list[Line]:
    refused: Tone = "muted"
    return [
        line(
            (f"  {keys_of(action, keymap):<12} ", "muted" if read_only and action.changes else "key"),
            (action.help, refused if read_only and action.changes else "plain"),
            ("  (refused: read-only)" if read_only and action.changes else "", "muted"),
        )
        for action in actions
    ]


class Help(Dialog[None]):
    """A scrolled list of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "close", "close")]

    def __init__(self, place: str, keymap: dict[str, str], *, read_only: bool) -> None:
        super().__init__()
        self._lines = lines(place, keymap, read_only=read_only)

    def compose(self) -> ComposeResult:
        """One text."""
        with Vertical(classes="dialog large"):
            yield Document(classes="words")

    def on_mount(self) -> None:
        """Show it."""
        self.query_one(".dialog").border_title = "Keys    esc closes"
        self.query_one(Document).show(self._lines)
        self.query_one(Document).focus()

    def action_close(self) -> None:
        """Back to the place."""
        self.dismiss(None)
