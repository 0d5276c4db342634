"""One container: state, figures, everything inspect says, and its log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on, work
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from ...console.collect.closer import Closer, look
from ...console.hosts import HostError
from ...console.model import Container as ContainerModel
from ...console.model.findings import Result
from ...console.text import _
from ...console.text.cleaning import clip
from ...themes import sheet
from ..acts import ContainerActs
from ..log_feed import NAME, LogFeed, LogSource
from ..place import entitle
from ..render import details, stacks, states
from ..widgets.log_view import LogView
from ..widgets.paint import BLANK, line
from ..widgets.text import Document, Lines

_NO_LOG = ("none", "syslog", "fluentd", "gelf", "splunk", "awslogs", "gcplogs", "etwlogs")


class ContainerScreen(ContainerActs):
    """A place for one container, known by its id."""

    PLACE: ClassVar[str] = "container"
    CSS = sheet("container")
    AUTO_FOCUS = "#details"

    def __init__(self, container_id: str) -> None:
        super().__init__()
        self._target = container_id
        self._last: ContainerModel | None = None
        self._feed: LogFeed | None = None
        self._closer: Closer | None = None
        """Processes, image and sizes, as they were when somebody came here or asked for another look."""

    def body(self) -> Iterable[Widget]:
        yield Lines(BLANK, BLANK, id="summary")
        yield Input(
            id="find", placeholder=_("look for these words in the log; enter, then n and N; esc ends"), compact=True
        )
        yield Container(Document(id="details", classes="pane"), LogView(id="logs"), id="panes")

    def on_mount(self) -> None:
        self.query_one("#details").border_title = _(" Details ")
        self.query_one("#logs").add_class("pane").border_title = _(" Log ")
        self._read_log()
        self._look_closer()

    def here(self) -> str:
        return self._last.name if self._last else _("container")

    def way(self) -> list[str]:
        stack = self._last.project if self._last else None
        return [clip(each, NAME) for each in (stack, self.here()) if each]

    def again(self) -> tuple[str]:
        return (self._target,)

    def selected_container(self) -> ContainerModel | None:
        return self.console.container(self._target)

    def nobody(self) -> str:
        return _("{here} is gone: below is how it was last seen.", here=self.here())

    def to_fix(self) -> Result | str:
        """Its own trouble, else what takes it down, else what is found about it."""
        if (container := self.selected_container()) is None:
            return self.nobody()
        if troubles := details.suffers(container, self.console.judgement):
            return troubles[0].result
        about = (each for each in states.findings(self.console.results or ()) if stacks.concerns(each, container))
        nothing = _("Nothing to fix in {container}: no finding is about it.", container=container.name)
        return next(about, None) or nothing

    def copied(self) -> str | None:
        return self._last.name if self._last else None

    def draw(self) -> None:
        """Everything, from the app's Snapshot; a container that is gone stays as it was last seen."""
        snapshot = self.console.snapshot
        if snapshot is None:
            return
        container = self.selected_container()
        self._last = container or self._last
        if self._last is None:
            self.query_one("#details", Document).show([line(_("This container is gone."))])
            return
        figures = snapshot.figures.get(self._target) if container else None
        curve = self.console.spark(f"container:{self._target}")
        head = details.summary(self._last, figures, curve, self.size.width)
        if container is None:
            head[1] = line((_("This container is gone; below is how it was last seen."), "warning"))
        self.query_one("#summary", Lines).show(head)
        self.query_one("#details", Document).show(
            details.document(self._last, snapshot, self.console.results or (), self.console.judgement, self._closer)
        )

    @work(exclusive=True, group="closer", exit_on_error=False, description="")
    async def _look_closer(self) -> None:
        """Read what only this place shows: it costs the Engine a ps and a disk a walk, so it is asked for once."""
        if (container := self.selected_container()) is not None:
            self._closer = await look(self.desk.host, container)
            self.draw()

    def action_inspect(self) -> None:
        """All that the Engine tells of it."""
        self.console.open("inspect", self._target)

    # The log

    @work(exclusive=True, group="log", exit_on_error=False, description="")
    async def _read_log(self) -> None:
        view, engine = self.query_one("#logs", LogView), self.desk.host.engine
        view.replace([])
        if engine is None:
            view.note(_("There is no Engine to read the log from."))
            return
        container = self.selected_container()
        name = container.name if container else self._target[:12]
        self._feed = LogFeed(engine, [LogSource(self._target, name)], lambda source: source)
        try:
            async for batch in self._feed.batches():
                view.append(batch)
                if not view.lines:
                    view.note(self._why_empty())
        except HostError as error:
            view.note(str(error), "warning")
            if error.remedy:
                view.note(error.remedy, "plain")

    def _why_empty(self) -> str:
        driver = self._last.log_driver if self._last else None
        if driver in _NO_LOG:
            return _("Its log goes to the driver {driver}, which Docker cannot read back.", driver=driver)
        return _("It has not written anything yet.")

    def action_follow(self) -> None:
        """Hold what is shown, or go on."""
        if (feed := self._feed) is not None:
            feed.paused = not feed.paused
            entitle(self.query_one("#logs"), _(" Log, held ") if feed.paused else _(" Log "))

    # Looking for words in it

    def action_find(self) -> None:
        self.add_class("-finding")
        self.query_one("#find", Input).focus()

    @on(Input.Changed, "#find")
    def _find_changed(self, event: Input.Changed) -> None:
        self._tell(*self.query_one("#logs", LogView).find(event.value))

    @on(Input.Submitted, "#find")
    def _find_done(self) -> None:
        self.set_class(bool(self.query_one("#find", Input).value), "-finding")
        self.query_one("#logs").focus()

    def action_next_hit(self) -> None:
        """The next line with the words; after the last, the first again."""
        self._hit(backwards=False)

    def action_previous_hit(self) -> None:
        self._hit(backwards=True)

    def _hit(self, *, backwards: bool) -> None:
        view = self.query_one("#logs", LogView)
        if view.words:
            self._tell(*view.next_hit(backwards=backwards))
        else:
            self.console.say(_("Look for something first, with /."))

    def _tell(self, number: int, count: int) -> None:
        """Textual reads a title as markup, so the words that were looked for are not in it."""
        log = self.query_one("#logs", LogView)
        if count:
            entitle(log, _(" Log, {number} of {count} lines with it ", number=number, count=count))
        else:
            entitle(log, _(" Log, no line has it ") if log.words else _(" Log "))

    def back(self) -> None:
        if self.has_class("-finding"):
            self.query_one("#find", Input).value = ""
            self.remove_class("-finding")
            self.query_one("#logs").focus()
        else:
            super().back()

    def look_again(self) -> None:
        self._read_log()
        self._look_closer()
