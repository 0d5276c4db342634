"""The wiring: who is set up to reach whom, and the first step that fails on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual import work
from textual.widget import Widget

from ...console.model import Container, Edge, ModelPath, PathTest
from ...console.model.findings import Result
from ...console.text import N_, _
from ...themes import sheet
from ..acts import ContainerActs
from ..place import ListPlace, entitle
from ..render import states, wiring
from ..widgets.paint import Line, line
from ..widgets.text import Lines


class WiringScreen(ContainerActs, ListPlace):
    """One row for each arrow under whoever has the need; or, by a key, for each model under the app that offers it."""

    PLACE: ClassVar[str] = "wiring"
    CSS = sheet("wiring")
    AUTO_FOCUS = "#arrows"
    TABLE, FULL = "arrows", "arrow"
    TITLES = (N_("Wiring"), N_("In full"))
    COLUMNS = wiring.COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        """Whether arrows were there before: the first time the cursor begins on the first of them."""
        self._models = False
        """Whether models are shown."""
        self._tests: dict[str, PathTest] = {}
        """The last real request down each path."""
        self._testing: str | None = None

    def head(self) -> Iterable[Widget]:
        yield Lines((), id="totals")

    def draw(self) -> None:
        snapshot = self.console.snapshot
        if snapshot is None:
            self.table.show([], empty=wiring.empty(None))
            return
        models = self._models
        ours = tuple(each for each in snapshot.faults if each.source in ("wiring", "engine"))
        faults = states.fault_lines(replace(snapshot, faults=ours), 2)
        totals = wiring.model_totals(snapshot) if models else wiring.totals(snapshot)
        self.show_lines("#totals", [*filter(None, [totals]), *faults], 4)
        rows = wiring.model_rows(snapshot) if models else wiring.rows(snapshot)
        self.table.use_columns(wiring.MODEL_COLUMNS if models else wiring.width_of(rows))
        if not self._begun and (first := next((row.key for row in rows if row.heading is None), None)):
            self._begun, self._wanted = True, self._wanted or first
        self.draw_rows(rows, wiring.empty(snapshot, models=models))
        self.count(len(snapshot.model_paths if models else snapshot.edges))

    def count(self, number: int) -> None:
        """By what is shown."""
        if self._models:
            entitle(self.table, _(" Models {number} ", number=number) if number else _(" Models "))
        else:
            super().count(number)

    def action_models(self) -> None:
        """Models or arrows; the cursor begins anew."""
        self._models, self._begun = not self._models, False
        self.draw()
        self.refresh_bindings()

    def in_full(self) -> Sequence[Line]:
        snapshot, edge, path = self.console.snapshot, self.selected_edge(), self.selected_path()
        if snapshot is not None and path is not None:
            return wiring.model_document(path, snapshot, self._path_finding(path), self._tests.get(path.key))
        if snapshot is None or edge is None:
            return ()
        return wiring.document(edge, snapshot, self._finding(edge))

    def _finding(self, edge: Edge) -> Result | None:
        return wiring.finding(edge, self.console.results or (), self.console.judgement)

    def _path_finding(self, path: ModelPath) -> Result | None:
        snapshot = self.console.snapshot
        if snapshot is None:
            return None
        return wiring.model_finding(path, snapshot, self.console.results or (), self.console.judgement)

    # What is selected

    def selected_path(self) -> ModelPath | None:
        """The model under the cursor; of a heading the first below it that is broken, else the first."""
        key, snapshot = self.table.cursor or "", self.console.snapshot
        known = snapshot.model_paths if snapshot and self._models else ()
        own = [path for path in known if key in (path.key, f"{wiring.APP}{path.app}")]
        return next((path for path in own if path.broken is not None), own[0] if own else None)

    def selected_edge(self) -> Edge | None:
        """The arrow under the cursor; of a heading the first below it."""
        key, snapshot = self.table.cursor or "", self.console.snapshot
        if self._models:
            return None
        known = snapshot.edges if snapshot else ()
        if key.startswith(wiring.SOURCE):
            own = [edge for edge in known if edge.source == key.removeprefix(wiring.SOURCE)]
            return next((edge for edge in own if edge.broken is not None), own[0] if own else None)
        return next((edge for edge in known if edge.key == key), None)

    def selected_container(self) -> Container | None:
        """Whoever is meant at the end of the arrow, else whoever asks; of a heading whoever asks.

        Of a model whoever stands at the first step that fails, else who serves it.
        """
        edge, path = self.selected_edge(), self.selected_path()
        if path is not None:
            return self.console.container(wiring.stands_at(path, self.console.snapshot))
        if edge is None:
            return None
        asks = (self.table.cursor or "").startswith(wiring.SOURCE) or edge.target is None
        return self.console.container(edge.source if asks else edge.target)

    def nobody(self) -> str:
        return self.unselected(self.table)

    def opened(self, key: str | None) -> None:
        """Enter goes to the container."""
        container = self.selected_container()
        if container is not None:
            self.console.open("container", container.id)
        else:
            super().opened(key)

    def to_fix(self) -> Result | str:
        edge, path = self.selected_edge(), self.selected_path()
        if path is not None:
            return self._path_finding(path) or _("Nothing to fix: no finding is about this model.")
        if edge is None:
            return self.unselected(self.table)
        return self._finding(edge) or _("Nothing to fix: no finding is about this arrow.")

    def copied(self) -> str | None:
        """The address, or the model's name."""
        edge, path = self.selected_edge(), self.selected_path()
        return path.model if path else edge.effective if edge else None

    # One real request

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a model is tested."""
        return self.selected_path() is not None if action == "test" else super().check_action(action, parameters)

    def action_test(self) -> None:
        from ...console.collect.path_test import costs, refusal
        from ..dialogs import Choose

        path, snapshot = self.selected_path(), self.console.snapshot
        if path is None or snapshot is None or self.desk.host.http_acts is None:
            self.console.say(_("Nothing can be sent from here."))
        elif self._testing is not None:
            self.console.say(_("A test of {testing} is running; its answer comes first.", testing=self._testing))
        elif (why := refusal(path, snapshot)) is not None:
            self.console.say(_("Not tested: {why}.", why=why))
        else:
            body = [line(sentence) for sentence in costs(path, snapshot)]
            title = _("Test {model} as {app_name} asks for it?", model=path.model, app_name=path.app_name)
            ways = [("cancel", _("Cancel")), ("send", _("Send one request"))]
            self.console.push_screen(Choose(title, body, ways), lambda how: self._start(path, how))

    def _start(self, path: ModelPath, how: str | None) -> None:
        if how == "send":
            self._testing = path.model
            self.console.say(_("Asking for {model} ...", model=path.model))
            self._test(path)

    @work(exclusive=True, group="test", exit_on_error=False, description="")
    async def _test(self, path: ModelPath) -> None:
        from ...console.collect.path_test import send_down
        from ...console.hosts import HostError
        from ...console.report.wiring import tested

        snapshot = self.console.snapshot
        try:
            if snapshot is not None:
                test = self._tests[path.key] = await send_down(self.desk.host, path, snapshot)
                self.console.say(f"{path.model}: {tested(test)}", warning=test.ended is not None)
        except HostError as error:
            self.console.say(str(error), warning=True)
        finally:
            self._testing = None
            self.redraw()
