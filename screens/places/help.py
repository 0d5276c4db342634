"""Help: the keys of the place one comes from, made from the registry of actions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import Matcher

from ...console.settings import CommandSettings
from ...console.text import N_, _
from ...console.text.cleaning import cells, fit
from ...themes.own import names as palettes
from ..dialogs import Dialog
from ..navigator import Navigator
from ..place import Place
from ..registry import PLACES, Action, at, first_key, keys_of
from ..render import states
from ..render.stacks import STACK
from ..widgets.paint import BLANK, Line, Span, Tone, line, shown
from ..widgets.text import Document

_TITLES = {place.name: place.title for place in PLACES} | {"list": N_("Lists and texts"), "app": N_("Everywhere")}
_ABOUT = (
    N_(
        "Lower case looks, capitals change. What changes the machine asks first, names its target, and waits on Cancel."
    ),
    N_(
        "A finding comes with evidence and, mostly, a fix: F shows what it would change, A applies it, U takes it back."
    ),
    N_("DIED in the stacks is restarts by policy / deaths seen since the console was opened."),
)
_KEYS, _BETWEEN = 10, 2
"""Cells of the keys, and between the columns."""


def lines(
    place: str, keymap: dict[str, str], width: int, *, read_only: bool, commands: Sequence[CommandSettings] = ()
) -> list[Line]:
    """The keys of a place, of lists and of everywhere, in two columns; then what there is to know about them."""
    room = (width - _BETWEEN) // 2
    said: list[Line] = []
    for section in dict.fromkeys((place, "list", "app")):
        keys = list(_keys([action for action in at(section) if action.keys], keymap, room, read_only=read_only))
        said += [line((_(_TITLES.get(section, section)), "accent")), *keys] if keys else []
    if commands:
        said += [line((_("Your own commands"), "accent")), *(_command(each, read_only=read_only) for each in commands)]
    half = (len(said) + 1) // 2
    rows = [_beside(left, right, room) for left, right in zip_longest(said[:half], said[half:], fillvalue=BLANK)]
    warned = [line((_("READ-ONLY: whatever changes the machine is refused."), "warning"))] if read_only else []
    return [*warned, *rows, BLANK, *(line((_(each), "muted")) for each in _ABOUT)]


def _keys(actions: Sequence[Action], keymap: dict[str, str], room: int, *, read_only: bool) -> Iterator[Line]:
    """A line for each action; what goes there and back shares one, and so do the places that the header names."""
    waiting: Action | None = None
    digits = [action for action in actions if keys_of(action, keymap).isdigit()]
    for action in actions:
        if action in digits[1:]:
            continue
        if action.both:
            waiting = action
            continue
        pair, waiting = waiting, None
        keys, words = keys_of(action, keymap), (_(action.help), _(action.label))
        if action in digits:
            keys, words = (
                f"{keys_of(digits[0], keymap)}…{keys_of(digits[-1], keymap)}",
                (_("Go to a place that the header names"), _("places")),
            )
        elif pair is not None:
            keys, words = f"{first_key(pair, keymap)} {first_key(action, keymap)}", (_(pair.both), _(pair.both))
        refused = read_only and action.changes
        text = next((each for each in words if cells(each) <= room - _KEYS - 1), words[-1])
        yield line((f" {fit(keys, _KEYS)}", "muted" if refused else "key"), (text, "muted" if refused else "plain"))


def _command(command: CommandSettings, *, read_only: bool) -> Line:
    tone: Tone = "muted" if read_only and command.dangerous else "plain"
    return line((f" {fit(command.key or ':', _KEYS)}", "key"), (command.name, tone))


def _beside(left: Line, right: Line, room: int) -> Line:
    taken = sum(cells(span.text) for span in left)
    return (*left, Span(" " * max(1, room + _BETWEEN - taken)), *right)


class Help(Dialog[None]):
    """All keys at once; scrolled where they are more than there is room for."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "close", "close")]

    def __init__(
        self, place: str, keymap: dict[str, str], *, read_only: bool, commands: Sequence[CommandSettings] = ()
    ) -> None:
        super().__init__()
        self._about = partial(lines, place, keymap, read_only=read_only, commands=commands)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog keys"):
            yield Document(classes="words")

    def on_mount(self) -> None:
        self.query_one(".dialog").border_title = _("Keys    esc closes")
        self.query_one(Document).focus()

    def on_resize(self) -> None:
        """In two columns of what there is room for."""
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        document = self.query_one(Document)
        document.show(self._about(document.scrollable_content_region.width))

    def action_close(self) -> None:
        self.dismiss(None)


Entry = tuple[str, str, Callable[[], object]]
"""What it is called, what it does in a sentence, doing it."""


class Actions(Provider):
    """Entries read ``place: verb target (key)``; each is the action a key would do. Then all there is to go to."""

    def _entries(self) -> Iterator[Entry]:
        console = cast("Navigator", self.app)
        screen = self.screen
        for action in (*at(getattr(screen, "PLACE", "")), *at("app")):
            if action.id in {"app.palette", "app.back"} or self._refused(action.verb):
                continue
            keys = f"  ({keys_of(action, console.desk.settings.keymap)})" if action.keys else ""
            target = screen.target(action.verb) if isinstance(screen, Place) else ""
            area = action.id.partition(".")[0].replace("app", "go")
            title = f"{_(area)}: {_(action.label)}{f' {target}' if target else ''}{keys}"
            yield title, _(action.help), self._doing(action)
        for number, command in enumerate(console.desk.settings.commands):
            if isinstance(screen, Place) and not (command.dangerous and console.desk.read_only):
                container = screen.meant() if command.named else None
                target = f" {container.name}" if container else ""
                keys = f"  ({command.key})" if command.key else ""
                help_text = _("Runs {run}", run=shlex.join(command.run))
                yield (
                    _("command: {command}{target}{keys}", command=command.name, target=target, keys=keys),
                    help_text,
                    partial(screen.action_command, number),
                )
        for name in palettes():
            yield (
                _("theme: {name}", name=name),
                _("Draw everything in the {name} theme", name=name),
                partial(console.use_theme, name),
            )

    def _there(self) -> Iterator[Entry]:
        """Stacks, containers, model servers and their models, checks: whatever is known now."""
        console = cast("Navigator", self.app)
        snapshot = console.snapshot
        if snapshot is None:
            return
        for stack in sorted({c.project for c in snapshot.containers if c.project}):
            members = [c.id for c in snapshot.containers if c.project == stack]
            go, logs = partial(console.go, "overview", f"{STACK}{stack}"), partial(console.open, "logs", members)
            yield _("stack: {stack}", stack=stack), _("Select it in the overview"), go
            yield _("logs: {name}", name=stack), _("The logs of all its services as one"), logs
        for c in snapshot.containers:
            into, log = partial(console.open, "container", c.id), partial(console.open, "logs", [c.id])
            yield _("container: {name}", name=c.name), _("Go into it; it is {state}", state=_(c.state)), into
            yield _("logs: {name}", name=c.name), _("Its log over the whole screen"), log
        for server in snapshot.servers:
            go, told = partial(console.go, "servers", server.key), _(server.state)
            yield (
                _("server: {key}", key=server.key),
                _("Select it among the model servers; it is {state}", state=told), go,
            )  # fmt: skip
            for model in server.models:
                title = _("model: {model} on {key}", model=model.name, key=server.key)
                yield title, _("Select the server that has it"), go
        worst = {result.check: result for result in sorted(console.results or (), key=states.rank, reverse=True)}
        for check, result in sorted(worst.items()):
            yield _("check: {check}", check=check), result.title, partial(console.go, "doctor", result)

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
        for name, help_text, do in self._entries():
            title = shown(name)
            yield DiscoveryHit(Content(title), do, text=title, help=help_text)

    def _plain(self, text: str) -> Any:  # noqa: ANN401 - Textual says str, reads markup in it, and leaves Content alone
        return Content(shown(text))

    @staticmethod
    def _highlit(matcher: Matcher, title: str) -> Content:
        """The title letter by letter, those that were typed marked. Textual's own way reads names as markup."""
        content = Content(title)
        for place in matcher.fuzzy_search.match(matcher.query, title)[1]:
            if not title[place].isspace():
                content = content.stylize(matcher.match_style, place, place + 1)
        return content

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, help_text, do in chain(self._entries(), self._there()):
            title = shown(name)
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, self._highlit(matcher, title), do, text=title, help=self._plain(help_text))
