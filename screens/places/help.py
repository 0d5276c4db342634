"""Help: the keys of the place one comes from, made from the registry of actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Vertical
from textual.content import Content

from ...themes import PALETTES, theme_name
from ..dialogs import Dialog
from ..navigator import Navigator
from ..place import Place
from ..registry import PLACES, Action, at, keys_of
from ..widgets.paint import BLANK, Line, Tone, line
from ..widgets.text import Document

_TITLES = {place.name: place.title for place in PLACES} | {"list": "Lists and texts", "app": "Everywhere"}
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
        with Vertical(classes="dialog large"):
            yield Document(classes="words")

    def on_mount(self) -> None:
        self.query_one(".dialog").border_title = "Keys    esc closes"
        self.query_one(Document).show(self._lines)
        self.query_one(Document).focus()

    def action_close(self) -> None:
        self.dismiss(None)


class Actions(Provider):
    """Entries read ``place: verb (key)``; each is the action a key would do."""

    def _entries(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        console = cast("Navigator", self.app)
        place = getattr(self.screen, "PLACE", "")
        for action in (*at(place), *at("app")):
            if action.id in {"app.palette", "app.back"} or self._refused(action.verb):
                continue
            keys = f"  ({keys_of(action, console.desk.settings.keymap)})" if action.keys else ""
            area = action.id.partition(".")[0].replace("app", "go")
            yield f"{area}: {action.label}{keys}", action.help, self._doing(action)
        for name in PALETTES:
            yield (
                f"theme: {name}",
                f"Draw everything in the {name} theme",
                partial(setattr, console, "theme", theme_name(name)),
            )

    def _refused(self, verb: str) -> bool:
        checker = getattr(self.screen, "check_action", None)
        return checker is not None and checker(verb, ()) is not True

    def _doing(self, action: Action) -> Callable[[], object]:
        console = cast("Navigator", self.app)

        async def do() -> None:
            namespace = "app" if "app" in action.places else "screen"
            if not await console.run_action(f"{namespace}.{action.verb}") and isinstance(console.screen, Place):
                console.say(console.screen.why_not(action.verb), warning=True)

        return partial(console.call_later, do)

    async def discover(self) -> Hits:
        for title, help_text, do in self._entries():
            yield DiscoveryHit(Content(title), do, text=title, help=help_text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, help_text, do in self._entries():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), do, text=title, help=help_text)
