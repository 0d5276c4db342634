"""The model servers: how each is, what it serves, who uses it; and on request one real question to one of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual import on, work
from textual.containers import Container
from textual.widget import Widget
from textual.worker import Worker

from ..console.model import Container as ContainerModel
from ..console.model import DeepCheck, Server
from ..console.text import clip
from ..themes import sheet
from .acts import ContainerActs
from .keys import bindings
from .place import Place, entitle
from .widgets.document import Document
from .widgets.lines import Lines
from .widgets.paint import Line, line
from .widgets.table import Table
from .widgets.wrap import wrap
from .words import faults, server_details, servers

CHOICES = 3
"""Models that the dialog offers."""
DRAW = 0.25
"""Seconds between two drawings while an answer comes in."""


class ServersScreen(ContainerActs, Place):
    """One row for each model server."""

    PLACE: ClassVar[str] = "servers"
    CSS = sheet("servers")
    SCOPED_CSS = False
    AUTO_FOCUS = "#servers"
    BINDINGS = bindings("servers")

    def __init__(self) -> None:
        super().__init__()
        self._testing: servers.Testing | None = None
        self._worker: Worker[None] | None = None
        self._fresh: tuple[DeepCheck, ...] = ()
        self._wanted: str | None = None

    def body(self) -> Iterable[Widget]:
        """Totals, servers, the selected one in full."""
        yield Lines((), id="totals")
        yield Container(
            Table(servers.COLUMNS, id="servers", classes="pane"), Document(id="server", classes="pane"), id="panes"
        )

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#servers").border_title = " Model servers "
        self.query_one("#server").border_title = " In full "

    def draw(self) -> None:
        """Everything, from the app's Snapshot."""
        snapshot = self.console.snapshot
        table = self.query_one("#servers", Table)
        if snapshot is None:
            table.show([], empty=servers.empty(None))
            return
        if self._testing is not None:
            self._testing = replace(self._testing, now=self.desk.host.clock.monotonic())
        ours = tuple(each for each in snapshot.faults if each.source.startswith("servers"))
        head = [servers.totals(snapshot), *faults.lines(replace(snapshot, faults=ours), 2)]
        self.query_one("#totals", Lines).show(wrap(head, max(20, self.size.width - 2))[:4])
        rows = servers.rows(snapshot, self._checks(), self._testing)
        table.use_columns(servers.columns(rows))
        table.show(rows, empty=servers.empty(snapshot))
        if self._wanted is not None:
            table.select(self._wanted)
            self._wanted = None
        rows = [row for row in rows if row.heading is None]
        entitle(table, f" Model servers {len(rows)} " if rows else " Model servers ")
        self._draw_selected()

    def _checks(self) -> tuple[DeepCheck, ...]:
        """Results in the Snapshot, and those that came since it was made."""
        known = self.console.snapshot.deep_checks if self.console.snapshot else ()
        return (*known, *(each for each in self._fresh if each not in known))

    def _draw_selected(self, *, top: bool = False) -> None:
        self.query_one("#server", Document).show(self._details(), top=top)

    def _details(self) -> list[Line]:
        snapshot, server = self.console.snapshot, self.selected_server()
        if snapshot is None or server is None:
            return []
        curve = self.console.spark(f"server:{server.key}", self.desk.feed.tokens_of(server.key))
        return server_details.document(server, snapshot, self._checks(), curve, self._testing)

    def select(self, key: str) -> None:
        """Put the cursor on this server."""
        self._wanted = key
        self.redraw()

    # What is selected

    def selected_server(self) -> Server | None:
        """The server under the cursor."""
        key = self.query_one("#servers", Table).cursor
        return self._server(key)

    def _server(self, key: str | None) -> Server | None:
        known = self.console.snapshot.servers if self.console.snapshot else ()
        return next((each for each in known if each.key == key), None)

    def selected_container(self) -> ContainerModel | None:
        """The container it runs in."""
        server = self.selected_server()
        return self.console.container(server.container) if server else None

    def copied(self) -> str | None:
        """Its address."""
        server = self.selected_server()
        return server.address if server else None

    @on(Table.Moved, "#servers")
    def _moved(self) -> None:
        self._draw_selected(top=True)
        self.refresh_bindings()

    @on(Table.Opened, "#servers")
    def _opened(self) -> None:
        self.query_one("#server").focus()

    def back(self) -> None:
        """Esc ends a test that runs."""
        if self._testing is not None and self._worker is not None:
            self._worker.cancel()
            self.console.say(f"The test of {self._testing.model} was cancelled; the server may still work on it.")
            self._ended(None)
        else:
            super().back()

    def action_logs(self) -> None:
        """The logs of its container, over the whole screen."""
        if (container := self.selected_container()) is not None:
            self.console.open_container(container.id, logs=True)

    # Unloading

    def action_unload(self) -> None:
        """Show what unloading a model would do; with several loaded, ask which."""
        from ..console.unloading import unloadable

        server = self.selected_server()
        models = unloadable(server) if server else ()
        if server is None or not models:
            self.console.say("Nothing here can be unloaded: only Ollama unloads a model on request.")
        elif len(models) == 1:
            self._unload(server.key, [models[0].name])
        else:
            self._choose(server.key, [model.name for model in models])

    def _choose(self, key: str, names: list[str]) -> None:
        from .dialogs import Choose

        def chosen(how: str | None) -> None:
            if how == "all":
                self._unload(key, names)
            elif how is not None and how.startswith("model-"):
                self._unload(key, [names[int(how.removeprefix("model-"))]])

        ways = [(f"model-{number}", clip(name, 24)) for number, name in enumerate(names[:CHOICES])]
        body = [line(f"{len(names)} models are in memory. What it would do is shown before anything is done.")]
        self.console.push_screen(
            Choose(f"Unload from {key}?", body, [*ways, ("all", "All"), ("cancel", "Cancel")]), chosen
        )

    def _unload(self, key: str, names: list[str]) -> None:
        from ..console.unloading import still_loaded

        if self.console.snapshot is not None:
            self.console.open_plan(still_loaded(self.console.snapshot, key, names))

    # One real request

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a server there is nothing to test; only Ollama unloads."""
        server = self.selected_server() if action in ("test", "unload") else None
        if action == "unload" and (server is None or server.product != "ollama"):
            return False
        if action == "test" and server is None:
            return None
        return super().check_action(action, parameters)

    def action_test(self) -> None:
        """Say what a test takes, ask, then send one real request."""
        from ..console.deep_questions import models, refusal

        server = self.selected_server()
        if server is None or self.desk.host.http_acts is None:
            self.console.say("Nothing can be sent to a server from here.")
        elif self._testing is not None:
            self.console.say(f"A test of {self._testing.server} is running; esc cancels it.")
        elif (why := refusal(server)) is not None:
            self.console.say(f"Not tested: {why}.")
        else:
            self._offer(server, models(server)[:CHOICES])

    def _offer(self, server: Server, names: tuple[str, ...]) -> None:
        from .dialogs import Choose

        def chosen(how: str | None) -> None:
            if how is not None and how.startswith("model-"):
                self._start(server.key, names[int(how.removeprefix("model-"))])

        ways = [(f"model-{number}", f"Test {clip(name, 24)}") for number, name in enumerate(names)]
        self.console.push_screen(
            Choose(f"Test {server.key}?", _costs(server, names), [*ways, ("cancel", "Cancel")]), chosen
        )

    def _start(self, key: str, model: str) -> None:
        server = self._server(key)
        if server is None:
            self.console.say(f"{key} is gone.")
            return
        now = self.desk.host.clock.monotonic()
        self._testing = servers.Testing(key, model, now, now)
        self._worker = self._test(server, model)
        self.redraw()

    @work(exclusive=True, group="test", exit_on_error=False)
    async def _test(self, server: Server, model: str) -> None:
        from ..console.deep_check import deep_check, key_for
        from ..console.hosts import HostError

        acts, snapshot, clock = self.desk.host.http_acts, self.console.snapshot, self.desk.host.clock
        if acts is None or snapshot is None:
            return
        try:
            key = key_for(server, snapshot, self.desk.settings)
            check = await deep_check(acts, server, model, key, clock, progress=partial(self._heard, server.key))
        except HostError as error:
            self.console.say(str(error), warning=True)
            self._ended(None)
        else:
            self._ended(check)

    def _heard(self, key: str, pieces: int, at: float) -> None:
        """Some of the answer came; drawn now and then."""
        testing, now = self._testing, self.desk.host.clock.monotonic()
        if testing is None or testing.server != key:
            return
        late = now - testing.now >= DRAW or testing.first is None
        first = at if testing.first is None else testing.first
        self._testing = replace(testing, pieces=pieces, first=first, now=now if late else testing.now)
        if late:
            self.redraw()

    def _ended(self, check: DeepCheck | None) -> None:
        self._testing = self._worker = None
        if check is not None:
            from ..console.collecting.servers import remember
            from ..console.export.servers import deep

            remember(self.desk.host, check)
            self._fresh = (*(each for each in self._fresh if each.server != check.server), check)
            self.console.say(f"{check.server}, {check.model}: {deep(check)}", warning=check.error is not None)
            self.desk.feed.request()
        self.redraw()


def _costs(server: Server, names: tuple[str, ...]) -> list[Line]:
    """What each of the models would take."""
    from ..console.deep_questions import costs

    said: list[Line] = [line(("Server    ", "muted"), (server.key, "strong"), (f"  {server.address}", "muted"))]
    for name in names:
        said += [line(("Model     ", "muted"), (name, "strong"))]
        said += [line(("          ", "muted"), sentence) for sentence in costs(server, name)]
    return said
