"""What every place has in common: header, key bar, drawing when seen, one line when the terminal is too small."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from .keys import changing_verbs
from .widgets.header import Header
from .widgets.keybar import KeyBar
from .widgets.lines import Lines
from .widgets.paint import line
from .words.states import findings

if TYPE_CHECKING:
    from .app import StackopsApp
    from .desk import Desk

LEAST_WIDTH, LEAST_HEIGHT = 60, 15
WIDE, BROAD, TALL = 110, 150, 36


def entitle(pane: Widget, title: str) -> None:
    """Set a pane's title; drawing it again costs a whole pane, so only when it is another one."""
    if pane.border_title != title:
        pane.border_title = title


class Place(Screen[None]):
    """A screen that draws the app's Snapshot whenever it can be seen."""

    PLACE: ClassVar[str] = ""
    _focus_before: Widget | None = None

    @property
    def console(self) -> StackopsApp:
        """The app, with its own type."""
        return cast("StackopsApp", self.app)

    @property
    def desk(self) -> Desk:
        """What this console works with."""
        return self.console.desk

    def body(self) -> Iterable[Widget]:
        """The widgets between header and key bar."""
        return ()

    def compose(self) -> ComposeResult:
        """Header, body, key bar."""
        yield Header()
        yield from self.body()
        yield Lines(id="too-small")
        yield KeyBar()

    def draw(self) -> None:
        """Show the app's Snapshot; called only while this place is seen."""

    def here(self) -> str:
        """What the header calls this place."""
        return self.PLACE

    def redraw(self) -> None:
        """Header and content, when there is anything to draw them on."""
        if not self.is_mounted or not self.query(Header):
            return
        results = self.console.results or ()
        self.query_one(Header).tell(
            self.here(), self.console.machine, read_only=self.desk.read_only, problems=len(findings(tuple(results)))
        )
        self.draw()

    def on_screen_resume(self) -> None:
        """Draw what was missed while hidden."""
        self.redraw()
        self.refresh_bindings()
        self.console.standing()

    def on_resize(self, event: events.Resize) -> None:
        """Choose the layout for this size."""
        width, height = event.size
        small = width < LEAST_WIDTH or height < LEAST_HEIGHT
        if small and self.focused is not None:
            self._focus_before = self.focused
        self.set_class(small, "-too-small")
        self.set_class(width >= WIDE, "-wide")
        self.set_class(width >= BROAD, "-broad")
        self.set_class(height >= TALL, "-tall")
        if small:
            self.query_one("#too-small", Lines).show([line(f"Too small: {LEAST_WIDTH}x{LEAST_HEIGHT} is needed")])
        self.call_after_refresh(self._grown_back if self._focus_before and not small else self.redraw)

    def _grown_back(self) -> None:
        """What is hidden loses the focus; it gets it back when it is seen again."""
        if self.focused is None and self._focus_before is not None and self._focus_before.is_attached:
            self.set_focus(self._focus_before)
        self._focus_before = None
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """In read-only mode whatever changes the machine is shown dimmed and does nothing."""
        if self.desk.read_only and action in changing_verbs(self.PLACE):
            return None
        return True

    def back(self) -> None:
        """What esc does here: close this, else go to its first pane, else to the place that was seen before."""
        first = self.query(self.AUTO_FOCUS).first(Widget) if self.AUTO_FOCUS else None
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        elif first is not None and self.focused is not None and self.focused is not first:
            first.focus()
        else:
            self.console.step_out()

    def copied(self) -> str | None:
        """What ``y`` copies here."""
        return None
