"""The GPUs: who holds their memory, which container that is, which server runs in it, which model is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.containers import Container
from textual.widget import Widget

from ..console.findings import Result
from ..console.model import Container as ContainerModel
from ..console.model import GpuProcess
from ..themes import sheet
from .acts import ContainerActs
from .keys import bindings
from .place import Place, entitle
from .widgets.document import Document
from .widgets.lines import Lines
from .widgets.paint import Line
from .widgets.table import Table
from .widgets.wrap import wrap
from .words import gpu_details, gpus


class GpuScreen(ContainerActs, Place):
    """A heading for each GPU, a row for each process on it."""

    PLACE: ClassVar[str] = "gpus"
    CSS = sheet("gpus")
    SCOPED_CSS = False
    AUTO_FOCUS = "#holders"
    BINDINGS = bindings("gpus")

    def body(self) -> Iterable[Widget]:
        """Driver, GPUs with their processes, the selected one in full."""
        yield Lines((), id="driver")
        yield Container(
            Table(gpus.COLUMNS, id="holders", classes="pane"), Document(id="holder", classes="pane"), id="panes"
        )

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#holders").border_title = " GPUs "
        self.query_one("#holder").border_title = " Who "

    def draw(self) -> None:
        """Everything, from the app's Snapshot."""
        snapshot = self.console.snapshot
        table = self.query_one("#holders", Table)
        if snapshot is None:
            table.show([], empty=gpus.empty(None))
            return
        width = max(20, self.size.width - 2)
        head = [gpus.totals(snapshot), *gpus.trouble(snapshot)]
        self.query_one("#driver", Lines).show(wrap([each for each in head if each], width))
        room = table.scrollable_content_region.width or width
        rows = gpus.rows(snapshot, room, self._curve, airy=self.has_class("-tall"))
        table.show(rows, empty=gpus.empty(snapshot))
        self.set_class(not rows, "-nobody")
        entitle(table, f" GPUs {len(snapshot.gpus)} " if snapshot.gpus else " GPUs ")
        self._draw_selected()

    def _curve(self, uuid: str) -> tuple[float | None, ...]:
        return self.console.spark(f"gpu:{uuid}", self.desk.feed.busy_of_gpu(uuid))

    def _draw_selected(self, *, top: bool = False) -> None:
        self.query_one("#holder", Document).show(self._details(), top=top)

    def _details(self) -> list[Line]:
        snapshot, key = self.console.snapshot, self.query_one("#holders", Table).cursor
        if snapshot is None:
            return []
        if (process := self.selected_process()) is not None:
            return gpu_details.of_process(process, snapshot)
        gpu = next((each for each in snapshot.gpus if gpus.rest_key(each) == key), None)
        return gpu_details.of_rest(gpu, snapshot) if gpu else []

    # What is selected

    def selected_process(self) -> GpuProcess | None:
        """The process under the cursor."""
        key = self.query_one("#holders", Table).cursor
        held = self.console.snapshot.gpu_processes if self.console.snapshot else ()
        return next((each for each in held if gpus.key_of(each) == key), None)

    def selected_container(self) -> ContainerModel | None:
        """The container that this process runs in."""
        process = self.selected_process()
        return self.console.container(process.container) if process else None

    def copied(self) -> str | None:
        """The name of the container, else the process id."""
        container, process = self.selected_container(), self.selected_process()
        return container.name if container else str(process.pid) if process else None

    @on(Table.Moved, "#holders")
    def _moved(self) -> None:
        self._draw_selected(top=True)
        self.refresh_bindings()

    @on(Table.Opened, "#holders")
    def _opened(self) -> None:
        container = self.selected_container()
        if container is not None:
            self.console.open_container(container.id)
        elif (process := self.selected_process()) is None:
            self.console.say("This memory belongs to no process that the driver tells of.")
        elif (finding := self._finding_of(process)) is not None:
            self.console.open_doctor(finding)
        elif process.server is not None:
            self.console.open_server(process.server)
        else:
            self.console.say(f"Process {process.pid} runs in no container that is known here; y copies its number.")

    def _finding_of(self, process: GpuProcess) -> Result | None:
        """What the doctor says of an orphan."""
        subject = f"process {process.pid}"
        told = (each for each in self.console.results or () if each.status == "finding")
        return next((each for each in told if each.check == "gpu.orphan" and each.subject == subject), None)

    def action_logs(self) -> None:
        """The logs of the container, over the whole screen."""
        if (container := self.selected_container()) is not None:
            self.console.open_container(container.id, logs=True)
