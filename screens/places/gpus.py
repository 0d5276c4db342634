"""The GPUs: who holds their memory, which container that is, which server runs in it, which model is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.widget import Widget

from ...console.model import Container as ContainerModel
from ...console.model import GpuProcess
from ...console.model.findings import Result
from ...console.text import N_, _
from ...themes import sheet
from ..acts import ContainerActs
from ..curves import CurvesPlace
from ..render import gpus, graphs
from ..widgets.paint import Line
from ..widgets.rows import telling
from ..widgets.text import Lines

WIDE = 160
"""Cells from which on power has a curve too."""


class GpuScreen(ContainerActs, CurvesPlace):
    """A heading for each GPU, a row for each process on it."""

    PLACE: ClassVar[str] = "gpus"
    CSS = sheet("gpus")
    AUTO_FOCUS = "#holders"
    TABLE, FULL = "holders", "holder"
    TITLES = ("GPUs", N_("Who"))
    COLUMNS = gpus.COLUMNS
    ROOM = 9

    def head(self) -> Iterable[Widget]:
        yield Lines((), id="driver")

    def draw(self) -> None:
        snapshot = self.console.snapshot
        if snapshot is None:
            self.table.show([], empty=gpus.empty(None))
            return
        self.show_lines("#driver", [each for each in (gpus.totals(snapshot), *gpus.trouble(snapshot)) if each])
        room = self.table.scrollable_content_region.width or max(20, self.size.width - 2)
        rows = gpus.rows(snapshot, room, lambda uuid: self.console.spark(f"gpu:{uuid}"), airy=self.has_class("-tall"))
        self.table.use_columns(telling(gpus.COLUMNS, rows))
        self.draw_rows(rows, gpus.empty(snapshot))
        self.set_class(not rows, "-nobody")
        self.count(len(snapshot.gpus))

    def in_full(self) -> Sequence[Line]:
        snapshot, key = self.console.snapshot, self.table.cursor
        if snapshot is None:
            return ()
        if (process := self.selected_process()) is not None:
            return gpus.of_process(process, snapshot)
        gpu = next((each for each in snapshot.gpus if gpus.rest_key(each) == key), None)
        return gpus.of_rest(gpu, snapshot) if gpu else ()

    def groups(self) -> Sequence[graphs.CurveGroup]:
        cards, wide = (
            gpus.in_order(self.console.snapshot.gpus) if self.console.snapshot else (),
            self.size.width >= WIDE,
        )
        return [each for each in (gpus.curves(card, self.console.past, wide=wide) for card in cards) if each.curves]

    def selected_group(self) -> str:
        """The card of the row under the cursor: of a process or of what is nobody's."""
        key = self.table.cursor or ""
        cards = self.console.snapshot.gpus if self.console.snapshot else ()
        return next((card.uuid for card in cards if key.startswith((f"pid:{card.uuid}:", gpus.rest_key(card)))), "")

    # What is selected

    def selected_process(self) -> GpuProcess | None:
        """The process under the cursor."""
        key = self.table.cursor
        held = self.console.snapshot.gpu_processes if self.console.snapshot else ()
        return next((each for each in held if gpus.key_of(each) == key), None)

    def selected_container(self) -> ContainerModel | None:
        process = self.selected_process()
        return self.console.container(process.container) if process else None

    def nobody(self) -> str:
        if self.table.cursor is None:
            return self.unselected(self.table)
        process = self.selected_process()
        if process is None:
            return _("This memory belongs to no process that the driver tells of, so to no container.")
        return _("Process {pid} runs in no container that is known here.", pid=process.pid)

    def copied(self) -> str | None:
        container, process = self.selected_container(), self.selected_process()
        return container.name if container else str(process.pid) if process else None

    def opened(self, key: str | None) -> None:  # noqa: ARG002
        """Enter leads to who holds the memory: container, finding or model server."""
        container = self.selected_container()
        if container is not None:
            self.console.open("container", container.id)
        elif (process := self.selected_process()) is None:
            self.console.say(_("This memory belongs to no process that the driver tells of."))
        elif (finding := self._finding_of(process)) is not None:
            self.console.go("doctor", finding)
        elif process.server is not None:
            self.console.go("servers", process.server)
        else:
            self.console.say(
                _("Process {pid} runs in no container that is known here; y copies its number.", pid=process.pid)
            )

    def _finding_of(self, process: GpuProcess) -> Result | None:
        """What the doctor says of an orphan."""
        subject = f"process {process.pid}"
        told = (each for each in self.console.results or () if each.status == "finding")
        return next((each for each in told if each.check == "gpu.orphan" and each.subject == subject), None)
