"""The model servers: how each is, what it serves, who uses it; and on request one real question to one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual import work
from textual.widget import Widget
from textual.worker import Worker

from ...console.model import Container, DeepCheck, Server
from ...console.text import N_, _
from ...console.text.cleaning import clip, redact
from ...themes import sheet
from ..acts import ContainerActs
from ..curves import CurvesPlace
from ..render import graphs, servers, states
from ..widgets.paint import Line, line
from ..widgets.text import Lines

CHOICES = 3
"""Models that the dialog offers."""
DRAW = 0.25
"""Seconds between two drawings while an answer comes in."""


class ServersScreen(ContainerActs, CurvesPlace):
    """One row for each model server."""

    PLACE: ClassVar[str] = "servers"
    CSS = sheet("servers")
    AUTO_FOCUS = "#servers"
    TABLE, FULL = "servers", "server"
    TITLES = (N_("Model servers"), N_("In full"))
    COLUMNS = servers.COLUMNS
    ROOM = 12

    def __init__(self) -> None:
        super().__init__()
        self._testing: servers.Testing | None = None
        self._worker: Worker[None] | None = None
        self._fresh: tuple[DeepCheck, ...] = ()

    def head(self) -> Iterable[Widget]:
        yield Lines((), id="totals")

    def draw(self) -> None:
        snapshot = self.console.snapshot
        if snapshot is None:
            self.table.show([], empty=servers.empty(None))
            return
        if self._testing is not None:
            self._testing = replace(self._testing, now=self.desk.host.clock.monotonic())
        ours = tuple(each for each in snapshot.faults if each.source.startswith("servers"))
        self.show_lines(
            "#totals", [servers.totals(snapshot), *states.fault_lines(replace(snapshot, faults=ours), 2)], 4
        )
        rows = servers.rows(snapshot, self._checks(), self._testing)
        self.table.use_columns(servers.columns(rows))
        self.draw_rows(rows, servers.empty(snapshot))
        self.set_class(not rows, "-nobody")
        self.count(sum(row.heading is None for row in rows))

    def _checks(self) -> tuple[DeepCheck, ...]:
        """Results in the Snapshot, and those that came since it was made."""
        known = self.console.snapshot.deep_checks if self.console.snapshot else ()
        return (*known, *(each for each in self._fresh if each not in known))

    def in_full(self) -> Sequence[Line]:
        snapshot, server = self.console.snapshot, self.selected_server()
        if snapshot is None or server is None:
            return ()
        curve = self.console.spark(f"server:{server.key}")
        return servers.document(server, snapshot, self._checks(), curve, self._testing)

    def groups(self) -> Sequence[graphs.CurveGroup]:
        server = self.selected_server()
        return servers.curves(server, self.console.past) if server else ()

    def select(self, about: object) -> None:
        if isinstance(about, str):
            self._wanted = about
            self.redraw()

    # What is selected

    def selected_server(self) -> Server | None:
        """The server under the cursor."""
        return self._server(self.table.cursor)

    def _server(self, key: str | None) -> Server | None:
        known = self.console.snapshot.servers if self.console.snapshot else ()
        return next((each for each in known if each.key == key), None)

    def selected_container(self) -> Container | None:
        server = self.selected_server()
        return self.console.container(server.container) if server else None

    def nobody(self) -> str:
        server = self.selected_server()
        if server is None:
            return self.unselected(self.table)
        return _("{key} runs in no container that is known here.", key=server.key)

    def copied(self) -> str | None:
        server = self.selected_server()
        return server.address if server else None

    def back(self) -> None:
        if self._testing is not None and self._worker is not None:
            self._worker.cancel()
            self.console.say(
                _("The test of {model} was cancelled; the server may still work on it.", model=self._testing.model)
            )
            self._ended(None)
        else:
            super().back()

    # Unloading

    def action_unload(self) -> None:
        """Show what unloading a model would do; with several loaded, ask which."""
        from ...console.fix.plan import unloadable

        server = self.selected_server()
        models = unloadable(server) if server else ()
        if server is None or not models:
            self.console.say(_("Nothing here can be unloaded: only Ollama unloads a model on request."))
        elif len(models) == 1:
            self._unload(server.key, [models[0].name])
        else:
            self._choose(server.key, [model.name for model in models])

    def _choose(self, key: str, names: list[str]) -> None:
        body = [
            line(
                _("{count} models are in memory. What it would do is shown before anything is done.", count=len(names))
            )
        ]
        self._pick(
            _("Unload from {key}?", key=key), body, names, "", lambda chosen: self._unload(key, chosen), every=True
        )

    def _pick(
        self, title: str, body: list[Line], names: Sequence[str], label: str, then: Callable[[Sequence[str]], None],
        *, every: bool = False,
    ) -> None:  # fmt: skip
        """Ask which model is meant, the first few of them; ``every`` offers all of them together too."""
        from ..dialogs import Choose

        def chosen(how: str | None) -> None:
            if how == "all":
                then(names)
            elif how is not None and how.startswith("model-"):
                then([names[int(how.removeprefix("model-"))]])

        ways = [(f"model-{n}", f"{label}{clip(redact(name), 24)}") for n, name in enumerate(names[:CHOICES])]
        last = [("all", _("All"))] if every else []
        self.console.push_screen(Choose(title, body, [("cancel", _("Cancel")), *ways, *last]), chosen)

    def _unload(self, key: str, names: Sequence[str]) -> None:
        from ...console.fix.plan import still_loaded

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
        from ...console.collect.smoke_test import models, refusal

        server = self.selected_server()
        if server is None or self.desk.host.http_acts is None:
            self.console.say(_("Nothing can be sent to a server from here."))
        elif self._testing is not None:
            self.console.say(_("A test of {server} is running; esc cancels it.", server=self._testing.server))
        elif (why := refusal(server)) is not None:
            self.console.say(_("Not tested: {why}.", why=why))
        else:
            self._offer(server, models(server)[:CHOICES])

    def _offer(self, server: Server, names: tuple[str, ...]) -> None:
        def start(chosen: Sequence[str]) -> None:
            self._start(server.key, chosen[0])

        self._pick(_("Test {key}?", key=server.key), _costs(server, names), names, _("Test "), start)

    def _start(self, key: str, model: str) -> None:
        server = self._server(key)
        if server is None:
            self.console.say(_("{key} is gone.", key=key))
            return
        now = self.desk.host.clock.monotonic()
        self._testing = servers.Testing(key, model, now, now)
        self._worker = self._test(server, model)
        self.redraw()

    @work(exclusive=True, group="test", exit_on_error=False, description="")
    async def _test(self, server: Server, model: str) -> None:
        from ...console.collect.smoke_test import deep_check, key_for
        from ...console.hosts import HostError

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
            from ...console.report.servers import deep

            self.desk.feed.remember(check)
            self._fresh = (*(each for each in self._fresh if each.server != check.server), check)
            self.console.say(f"{check.server}, {check.model}: {deep(check)}", warning=check.error is not None)
            self.desk.feed.request()
        self.redraw()


def _costs(server: Server, names: tuple[str, ...]) -> list[Line]:
    """What each of the models would take."""
    from ...console.collect.smoke_test import costs

    said: list[Line] = [line((_("Server    "), "muted"), (server.key, "strong"), (f"  {server.address}", "muted"))]
    for name in names:
        said += [line((_("Model     "), "muted"), (name, "strong"))]
        said += [line(("          ", "muted"), sentence) for sentence in costs(server, name)]
    return said
