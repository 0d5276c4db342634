"""The palette: everything that can be done right here, from the registry of actions, and the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from ..console.actions import at
from ..themes import PALETTES
from .keys import keys_of

if TYPE_CHECKING:
    from .app import StackopsApp

_PLACES = {"app": "go", "list": "list", "container": "container", "overview": "overview", "finding": "finding"}
_HERSELF = {"app.palette", "app.back"}


class Actions(Provider):
    """Entries read ``place: verb (key)``; each is the action a key would do."""

    def _entries(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        console = cast("StackopsApp", self.app)
        place = getattr(self.screen, "PLACE", "")
        for action in (*at(place), *at("app")):
            if action.id in _HERSELF or self._refused(action.verb):
                continue
            keys = f"  ({keys_of(action, console.desk.settings.keymap)})" if action.keys else ""
            area = _PLACES.get(action.id.partition(".")[0], action.id.partition(".")[0])
            yield f"{area}: {action.label}{keys}", action.help, self._doing(action.id)
        for name in PALETTES:
            yield f"theme: {name}", f"Draw everything in the {name} theme", partial(console.use_theme, name)

    def _refused(self, verb: str) -> bool:
        checker = getattr(self.screen, "check_action", None)
        return checker is not None and checker(verb, ()) is not True

    def _doing(self, action_id: str) -> Callable[[], None]:
        console = cast("StackopsApp", self.app)
        return lambda: console.perform(action_id)

    async def discover(self) -> Hits:
        """What can be done here, before a letter is typed."""
        for title, help_text, do in self._entries():
            yield DiscoveryHit(Content(title), do, text=title, help=help_text)

    async def search(self, query: str) -> Hits:
        """What has these letters."""
        matcher = self.matcher(query)
        for title, help_text, do in self._entries():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), do, text=title, help=help_text)
