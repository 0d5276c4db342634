"""What all places share: header, key bar, drawing only while seen, one line where the terminal is too small."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container as Panes
from textual.widget import Widget
from textual.widgets import Input

from ..console.text import _
from .navigator import Navigator, Select, WatchedWorkers
from .registry import bindings, changing_verbs
from .widgets.bars import Header, KeyBar
from .widgets.jump import Jumping
from .widgets.paint import Line, line
from .widgets.table import Column, Row, Table
from .widgets.text import Document, Lines, wrap

if TYPE_CHECKING:
    from ..console.model import Container
    from ..console.model.findings import Result
    from ..console.settings import CommandSettings
    from .desk import Desk

LEAST_WIDTH, LEAST_HEIGHT = 60, 15
WIDE, BROAD, TALL = 110, 150, 36


def entitle(pane: Widget, title: str) -> None:
    """Set a pane's title; drawing it again costs a whole pane, so only when it is another one."""
    if pane.border_title != title:
        pane.border_title = title


class Place(WatchedWorkers, Jumping):
    """A screen that draws the app's Snapshot whenever it can be seen."""

    PLACE: ClassVar[str] = ""
    """Its name in the registry, which has its keys."""
    SCOPED_CSS = False
    _focus_before: Widget | None = None
    _filters: Table | None = None
    """The list that is filtered."""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - Textual's own arguments, handed on
        if "BINDINGS" not in cls.__dict__:
            cls.BINDINGS = bindings(cls.PLACE)
        super().__init_subclass__(**kwargs)

    @property
    def console(self) -> Navigator:
        """The app, with its own type."""
        return cast("Navigator", self.app)

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

    def show_lines(self, selector: str, lines: Iterable[Line], most: int | None = None) -> None:
        """Lines in one of the widgets above the panes, broken at the width, at most so many."""
        self.query_one(selector, Lines).show(wrap(lines, max(20, self.size.width - 2))[:most])

    def here(self) -> str:
        """What the header calls this place."""
        return _(self.PLACE)

    def way(self) -> list[str]:
        """The names on the way here, its own last: a stack before its container."""
        return [self.here()]

    def crumbs(self) -> list[str]:
        """The way here: the place that a key leads to, and what was opened from there."""
        stack = self.app.screen_stack
        opened = stack[1 : stack.index(self) + 1] if self in stack else []
        way = list[str]()
        for own in (each.way() for each in opened if isinstance(each, Place)):
            way += own[len(way) :] if own[: len(way)] == way else own
        return [self.console.current_mode, *way]

    def redraw(self) -> None:
        """Header and content, when there is anything to draw them on."""
        if not self.is_mounted or not self.query(Header):
            return
        problems = len(self.console.judgement.troubles) if self.console.judgement else 0
        self.query_one(Header).tell(
            self.crumbs(), self.console.machine, read_only=self.desk.read_only, problems=problems
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
        before = self.classes
        self.set_class(small, "-too-small", update=False)
        self.set_class(width >= WIDE, "-wide", update=False)
        self.set_class(width >= BROAD, "-broad", update=False)
        self.set_class(height >= TALL, "-tall", update=False)
        if self.classes != before:  # once for all four: each styles every widget anew
            self.update_node_styles()
        if small:
            said = _("Too small: {size} is needed", size=f"{LEAST_WIDTH}x{LEAST_HEIGHT}")
            self.query_one("#too-small", Lines).show([line(said)])
        self.call_after_refresh(self._grown_back if self._focus_before and not small else self.redraw)

    def _grown_back(self) -> None:
        """What is hidden loses the focus; it gets it back when it is seen again."""
        if self.focused is None and self._focus_before is not None and self._focus_before.is_attached:
            self.set_focus(self._focus_before)
        self._focus_before = None
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """What has a reason against it is not offered and does nothing."""
        return None if self.why_not(action) else True

    def why_not(self, verb: str) -> str:
        """Why this action cannot be done right now, in a sentence; empty when there is no more to say."""
        if self.desk.read_only and verb in changing_verbs(self.PLACE):
            return _("Read-only: this console looks and changes nothing.")
        meant = self.to_fix() if verb == "fix" else ""
        return meant if isinstance(meant, str) else ""

    def to_fix(self) -> Result | str:
        """The finding that ``F`` is about here and now, or why there is none, in a sentence."""
        return _("Nothing can be fixed here.")

    def target(self, verb: str) -> str:
        """What an action would be done to now, in a word or two, for the palette."""
        meant = self.to_fix() if verb == "fix" else ""
        return "" if isinstance(meant, str) else f"{meant.check} {meant.subject}"

    def action_fix(self) -> None:
        """Show the plan of the finding that is meant."""
        meant = self.to_fix()
        if not isinstance(meant, str):
            self.console.open_plan(meant)

    @staticmethod
    def unselected(table: Table) -> str:
        """Why no row of a table is meant, in a sentence with the way out."""
        if table.lost:
            return _("The selected row is gone, so nothing is selected. Choose a row with j and k.")
        return _("No row is selected.")

    # A list that is filtered, ordered, peeked into

    def listed(self) -> Table | None:
        """The list that keys for lists are about: the one with the focus, else the first."""
        return self.focused if isinstance(self.focused, Table) else next(iter(self.query(Table)), None)

    def action_order(self, step: int) -> None:
        """By the next column."""
        if (table := self.listed()) is not None:
            table.order_by_next(step)

    def action_reverse(self) -> None:
        """The other way round."""
        if (table := self.listed()) is not None:
            table.turn_round()

    def action_filter(self) -> None:
        """Show only rows with what is typed, while it is typed."""
        if (table := self.listed()) is not None:
            self._filters, box = table, self.query_one("#filter", Input)
            with self.prevent(Input.Changed):
                box.value = table.query_words
            self.add_class("-filtering")
            box.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        if (table := self._filters or self.listed()) is not None:
            self.look_for(table, event.value)

    def look_for(self, table: Table, words: str) -> None:
        """Show only rows of a list with these words."""
        table.look_for(words)

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.set_class(bool(self.query_one("#filter", Input).value), "-filtering")
        if (table := self._filters or self.listed()) is not None:
            table.focus()

    def _end_filter(self) -> None:
        self.query_one("#filter", Input).value = ""
        self.remove_class("-filtering")
        if (table := self._filters or self.listed()) is not None:
            self.look_for(table, "")
            table.focus()

    def first_pane(self) -> Widget | None:
        """Where esc leads to before it leads away."""
        return self.query(self.AUTO_FOCUS).first(Widget) if self.AUTO_FOCUS else None

    def back(self) -> None:
        """What esc does here: close this, else go to its first pane, else to the place that was seen before."""
        first = self.first_pane()
        if self.has_class("-filtering"):
            self._end_filter()
        elif self.has_class("-peeking"):
            self.remove_class("-peeking")
        elif len(self.app.screen_stack) > 1:
            self.console.leave()
        elif first is not None and self.focused is not None and self.focused is not first:
            first.focus()
        else:
            self.console.step_out()

    @on(Select)
    def _select(self, message: Select) -> None:
        self.select(message.about)

    def select(self, about: object) -> None:
        """Put the cursor on what somebody came here for."""

    def meant(self) -> Container | None:
        """The container that a custom command is about."""
        return None

    def action_command(self, number: int) -> None:
        """Run a custom command on the selected container, after asking where it may change something."""
        command, container = self.desk.settings.commands[number], self.meant()
        if command.named and container is None:
            said = _("{command} needs a container, and none is selected here.", command=command.name)
            self.console.say(said, warning=True)
            return
        if command.dangerous and self.desk.read_only:
            self.console.say(_("Read-only: this console looks and changes nothing."), warning=True)
            return
        try:
            argv = command.filled(_facts(container))
        except ValueError as error:
            self.console.say(_("{command} was not started: {error}.", command=command.name, error=error), warning=True)
            return
        if self.desk.host.kind == "demo":
            self.console.say(_("The practice stack is simulated. This would run: {argv}", argv=shlex.join(argv)))
        elif command.dangerous:
            self._ask_for_command(command, argv, container)
        else:
            self.console.on_terminal(argv, command.name, command.name, waits=True)

    def _ask_for_command(self, command: CommandSettings, argv: Sequence[str], container: Container | None) -> None:
        from .dialogs import Confirm

        about = [line((_("Container "), "muted"), (container.name, "strong"))] if container else []
        body = [*about, line((_("Runs      "), "muted"), shlex.join(argv))]
        dialog = Confirm(f"{command.name}?", body, _("Run"))
        subject = container.name if container else self.console.machine
        self.console.push_screen(dialog, lambda yes: self._run_command(command.name, argv, subject) if yes else None)

    def _run_command(self, name: str, argv: Sequence[str], subject: str) -> None:
        """A custom command that may change something: it is in the audit log."""
        from ..console.fix.audit import audited

        run = partial(self.console.on_terminal, argv, name, name, waits=True)
        if (journal := self.desk.journal) is None:
            run()
            return
        with audited(journal, self.desk.host, f"command {name}", subject, (shlex.join(argv),)) as unwritten:
            run()
        if unwritten:
            said = _("{name} is not in the audit log: {why}", name=name, why=unwritten[0])
            self.console.say(said, warning=True)

    def again(self) -> tuple[Any, ...]:
        """What it is opened with when somebody comes back to it; nothing where it cannot be."""
        return ()

    def look_again(self) -> None:
        """Read again what only this place reads."""

    def copied(self) -> str | None:
        """What ``y`` copies here."""
        return None


def _facts(container: Container | None) -> dict[str, str]:
    """What a custom command may name."""
    if container is None:
        return {}
    return {
        "container": container.name, "id": container.id, "service": container.service or "",
        "stack": container.project or "", "image": container.image,
    }  # fmt: skip


class FilterInput(Input):
    """What rows of a list must have to be shown; seen while somebody filters."""

    def __init__(self) -> None:
        super().__init__(
            id="filter",
            placeholder=_("words or states (down, ill); !word: all others; esc shows all"),
            compact=True,
        )


class ListPlace(Place):
    """A table, and the selected row in full below it or beside it."""

    TABLE: ClassVar[str]
    FULL: ClassVar[str]
    """Ids of the two panes, which the style sheet gives their sizes by."""
    TITLES: ClassVar[tuple[str, str]]
    COLUMNS: ClassVar[tuple[Column, ...]]
    _wanted: str | None = None
    """Row that somebody came here for, until it is there."""

    def head(self) -> Iterable[Widget]:
        """The widgets above the panes."""
        return ()

    def between(self) -> Iterable[Widget]:
        """The panes between the table and the selected row in full."""
        return ()

    def body(self) -> Iterable[Widget]:
        """Head, table, the selected row in full."""
        table = Table(self.COLUMNS, id=self.TABLE, classes="pane listed")
        full = Document(id=self.FULL, classes="pane full")
        entitle(table, f" {_(self.TITLES[0])} ")
        entitle(full, f" {_(self.TITLES[1])} ")
        yield from self.head()
        yield Panes(table, *self.between(), full, id="panes")
        yield FilterInput()

    @property
    def table(self) -> Table:
        """The pane whose cursor says what is meant."""
        return self.query_one(f"#{self.TABLE}", Table)

    def in_full(self) -> Sequence[Line]:
        """What is known of the selected row."""
        return ()

    def draw_rows(self, rows: Sequence[Row], empty: Sequence[Line]) -> None:
        """Show the rows, with the cursor on the one that somebody came for, and that row in full."""
        self.table.show(rows, empty=empty)
        if self._wanted is not None and self._wanted in self.table.keys:
            self.table.select(self._wanted)
            self._wanted = None
        self.draw_full()

    def draw_full(self, *, top: bool = False) -> None:
        """Only the selected row in full; ``top`` begins at its first line again."""
        self.query_one(f"#{self.FULL}", Document).show(self.in_full(), top=top)

    def action_peek(self) -> None:
        """The list alone, or the selected row in full beside it."""
        if self.toggle_class("-alone").has_class("-alone"):
            self.table.focus()

    def count(self, number: int) -> None:
        """How many rows there are, in the table's title."""
        entitle(self.table, f" {_(self.TITLES[0])} {number} " if number else f" {_(self.TITLES[0])} ")

    def opened(self, key: str | None) -> None:  # noqa: ARG002
        """What enter does: it goes to the row in full."""
        self.remove_class("-alone")
        self.query_one(f"#{self.FULL}").focus()

    @on(Table.Moved)
    def _moved(self) -> None:
        self.draw_full(top=True)
        self.refresh_bindings()

    @on(Table.Opened)
    def _opened(self, event: Table.Opened) -> None:
        self.opened(event.key)
