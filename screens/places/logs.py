"""The logs of one container, of some or of a whole stack: live, merged by time, filtered, read back."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from textual import on, work
from textual.widget import Widget
from textual.widgets import Input

from ...console.hosts import HostError
from ...console.model import Container as ContainerModel
from ...console.model.findings import Result
from ...console.text import N_, _, n_
from ...console.text.cleaning import cells, clean_line, clip
from ...themes import sheet
from ..export import clipboard, write_out
from ..log_feed import NAME, LogFeed, LogSource, proofs
from ..place import Place
from ..render import stacks, states
from ..render.kept import Query, TooSlow
from ..render.log_lines import CLOCKS, moment, plain_line, proof_of
from ..widgets.log_choice import ChoosingLog
from ..widgets.paint import Line, Span, line
from ..widgets.text import Lines

AROUND = (0, 3, None)
"""How many lines around a hit are shown; None: all lines."""
Asked = Literal["query", "time", "service"]
HINTS: dict[Asked, str] = {
    "query": N_("show only lines with this; enter, then n and N; esc shows all"),
    "time": N_("go to a time: 14:05, 2025-10-09 14:05:30, or 15m ago; esc ends"),
    "service": N_("add a container by a part of its name; esc ends"),
}


class LogsScreen(Place):
    """A place for the logs of some containers, known by their ids."""

    PLACE: ClassVar[str] = "logs"
    CSS = sheet("logs")
    AUTO_FOCUS = "#log"

    def __init__(self, containers: Sequence[str]) -> None:
        super().__init__()
        self._wanted = list(containers)
        self._sources: list[LogSource] = []
        self._seen: dict[str, ContainerModel] = {}
        """The containers as they were last seen, by id."""
        self._feed: LogFeed | None = None
        self._asked: Asked = "query"
        self._around = 0
        self._wrong = ""
        """Why what was typed is no pattern."""
        self._trouble: dict[tuple[int, float | str], Result] = {}
        self._judged: object = None

    def body(self) -> Iterable[Widget]:
        """The head, the lines, what is asked for or how things stand."""
        yield Lines((), id="log-head")
        yield ChoosingLog(id="log")
        yield Lines((), id="log-foot")
        yield Input(id="log-input", compact=True)

    def on_mount(self) -> None:
        self.set_interval(5, self._tick)
        self._begin()

    @property
    def view(self) -> ChoosingLog:
        """The lines."""
        return self.query_one("#log", ChoosingLog)

    @property
    def _query(self) -> Query:
        return self.view.kept.query

    def way(self) -> list[str]:
        one = self.console.container(self._sources[0].ident) if len(self._sources) == 1 else None
        return [*([clip(one.project, NAME)] if one and one.project else []), self._title(), _("logs")]

    def _title(self) -> str:
        names = [source.name for source in self._sources]
        return " + ".join(names) if len(names) < 4 else _("{name} + {count} more", name=names[0], count=len(names) - 1)

    def copied(self) -> str:
        return self._title()

    def again(self) -> tuple[list[str]]:
        return (list(self._wanted),)

    # Reading

    def _source(self, ident: str) -> LogSource:
        """A container to read, by what is known of it now."""
        container = self.console.container(ident)
        snapshot = self.console.snapshot
        if container is None:
            return LogSource(ident, ident[:12])
        self._seen[ident] = container
        services = snapshot.services if snapshot else ()
        role = next((each.role for each in services if each.container == ident), None)
        whole = {c.project for each in self._wanted if (c := self.console.container(each)) is not None}
        name = container.service if len(self._wanted) > len(whole) == 1 else None
        return LogSource(ident, clip(name or container.name, NAME), role)

    def _current(self, source: LogSource) -> LogSource:
        """The container that stands for the same service now: Compose makes another one when it recreates it."""
        before, snapshot = self._seen.get(source.ident), self.console.snapshot
        if before is None or snapshot is None or self.console.container(source.ident) is not None:
            return source
        for each in snapshot.containers:
            same = each.name == before.name
            if same or (before.service and (each.project, each.service) == (before.project, before.service)):
                return self._source(each.id)._replace(name=source.name)
        return source

    def _begin(self) -> None:
        self._sources = [self._source(ident) for ident in self._wanted]
        names = tuple(source.name for source in self._sources)
        self.view.replace([])
        self.view.restyle(self.view.log_style._replace(names=names if len(names) > 1 else ()))
        self._read()

    @work(exclusive=True, group="log", exit_on_error=False, description="")
    async def _read(self) -> None:
        engine = self.desk.host.engine
        if engine is None:
            self.view.note(_("There is no Engine to read the log from."))
            return
        feed = self._feed = LogFeed(engine, self._sources, self._current)
        try:
            begins = True
            async for batch in feed.batches():
                self.view.append(batch)
                if begins and not batch:
                    self.view.note(_("Nothing has been written yet."))
                if begins and not self.view.filled:
                    self._read_older()
                begins = False
                self._tell()
        except HostError as error:
            self.view.note(f"{error}. {error.remedy}" if error.remedy else str(error), "warning")

    @on(ChoosingLog.AtTop)
    def _at_top(self) -> None:
        self._read_older()

    @work(exclusive=True, group="older", exit_on_error=False, description="")
    async def _read_older(self, since: float | None = None) -> None:
        """Fetch older lines: once, until the view is filled, or until a time is reached, which is gone to."""
        feed, view = self._feed, self.view
        while feed is not None and not feed.whole and not view.kept.full:
            room = view.kept.most - len(view.lines)
            view.put_before((await feed.older())[-room:])
            self._tell()
            if (view.seek(since) if since is not None else view.filled) or feed is not self._feed:
                return
        if since is not None:
            view.action_top()
            self.console.say(_("The oldest line that is kept is younger than that."))

    def look_again(self) -> None:
        self._begin()

    # How things stand

    def draw(self) -> None:
        """Head and foot, and what lines prove, from the app's Snapshot."""
        if self._judged is not self.console.results:
            self._judged = self.console.results
            self._trouble = proofs(self.console.snapshot, states.findings(self.console.results or ()), self._sources)
            self.view.prove({key: f"{each.check}  F" for key, each in self._trouble.items()})
            self.refresh_bindings()
        self._tell()

    def _tell(self) -> None:
        if width := self.size.width:
            self.query_one("#log-head", Lines).show([self._head(width)])
            self.query_one("#log-foot", Lines).show([self._foot(width)])

    def _head(self, width: int) -> Line:
        """What is read and how, in a rule."""
        right, title = self.view.state(paused=self._feed is not None and self._feed.paused), self._title()
        while len(right) > 3 and sum(cells(span.text) for span in right) + cells(title) + 8 > width:
            right.pop(-2)
        room = width - sum(cells(span.text) for span in right) - 6
        title = clip(title, max(8, room))
        return line(("─ ", "muted"), (title, "strong"), (" " + "─" * max(1, room - cells(title) + 1), "muted"), *right,
                    ("──", "muted"))  # fmt: skip

    def _foot(self, width: int) -> Line:
        """What is looked for, and how much came below meanwhile."""
        view, said = self.view, list[Span]()
        if wrong := self._wrong or view.kept.gave_up:
            said = [Span(f" {wrong}", "warning")]
        elif self._query.words:
            shown = _("{count:,} of {count2:,} lines", count=len(view.kept.hits), count2=len(view.kept.texts))
            around = AROUND[self._around]
            how = _("all lines shown") if around is None else _("{count} lines around", count=around)
            how = _("only these") if around == 0 else how
            kind = _("pattern") if self._query.pattern else _("words")
            kind += _(" · case counts") if self._query.case else ""
            said = [Span(" / ", "key"), Span(clip(clean_line(self._query.words), 40)), Span(f"   {shown}"),
                    Span(f" · {how} · {kind}", "muted")]  # fmt: skip
        elif view.marks:
            said = [Span(_(" {count} marked", count=len(view.marks)), "muted")]
        below = _("▼ {unseen:,} new below, G ", unseen=view.unseen)
        right = [] if view.follows or not view.unseen else [Span(below, "accent")]
        room = width - sum(cells(span.text) for span in (*said, *right))
        return (*said, Span(" " * max(1, room)), *right)

    @on(ChoosingLog.Moved)
    def _moved(self) -> None:
        self._tell()
        self.refresh_bindings()

    def _tick(self) -> None:
        if self.view.log_style.clock == "relative" and self.is_current:
            self.view.tick()

    # What is asked for

    def _ask(self, what: Asked, value: str = "") -> None:
        box = self.query_one("#log-input", Input)
        self._asked = what
        with self.prevent(Input.Changed):
            box.value = value
        box.placeholder = _(HINTS[what])
        self.add_class("-asking")
        box.focus()

    def action_filter(self) -> None:
        self._ask("query", self._query.words)

    def action_jump(self) -> None:
        self._ask("time")

    def action_add(self) -> None:
        self._ask("service")

    @on(Input.Changed, "#log-input")
    def _typing(self, event: Input.Changed) -> None:
        if self._asked == "query":
            self._look_for(self._query._replace(words=event.value))

    @on(Input.Submitted, "#log-input")
    def _typed(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        self._close_input()
        if self._asked == "time" and text:
            self._go_to_time(text)
        elif self._asked == "service" and text:
            self._add(text)

    def _close_input(self) -> None:
        self.remove_class("-asking")
        self.view.focus()

    def back(self) -> None:
        """Close the input; then show all lines again; then leave."""
        if self.has_class("-asking") or self._query.words:
            if not self.has_class("-asking") or self._asked == "query":
                self._look_for(Query(pattern=self._query.pattern, case=self._query.case))
            self._close_input()
        else:
            super().back()

    def _look_for(self, query: Query) -> None:
        try:
            self.view.look_for(query, AROUND[self._around])
        except re.error as error:
            slow, why = isinstance(error, TooSlow), error.msg
            self._wrong = _("Not looked for: {why}", why=why) if slow else _("Not a pattern yet: {why}", why=why)
        else:
            self._wrong = ""
        self._tell()

    def _go_to_time(self, text: str) -> None:
        at = moment(text, time.time(), utc=self.view.log_style.clock == "UTC")
        if at is None:
            self.console.say(_("That is no time. Write 14:05, 2025-10-09 14:05:30, or 15m for 15 minutes ago."))
        elif not self.view.seek(at):
            self._read_older(at)

    def _add(self, text: str) -> None:
        snapshot, words = self.console.snapshot, text.lower()
        others = [c for c in (snapshot.containers if snapshot else ()) if c.id not in self._wanted]
        found = [c for c in others if words == c.name.lower()] or [c for c in others if words in c.name.lower()]
        if not found:
            self.console.say(_("No other container has {text} in its name.", text=clean_line(text, 40)))
            return
        self._more([each.id for each in found])

    def action_stack_logs(self) -> None:
        first = self.console.container(self._wanted[0])
        snapshot = self.console.snapshot
        if first is None or snapshot is None or first.project is None:
            self.console.say(_("This container belongs to no stack."))
            return
        others = [c.id for c in snapshot.containers if c.project == first.project and c.id not in self._wanted]
        if others:
            self._more(others)

    def _more(self, idents: list[str]) -> None:
        self._wanted += idents
        self._begin()
        self.redraw()

    # Moving and choosing

    def action_hit(self, backwards: bool) -> None:
        if not self._query.words:
            self.console.say(_("Look for something first, with /."))
        elif not self.view.next_hit(backwards=backwards)[1]:
            self.console.say(_("No line has it."))

    def action_error(self, backwards: bool) -> None:
        if not self.view.next_error(backwards=backwards)[1]:
            self.console.say(_("No line that is shown tells an error."))

    def action_mark(self) -> None:
        self.view.toggle_mark()
        self._tell()

    def action_next_mark(self) -> None:
        if not self.view.next_mark()[1]:
            self.console.say(_("No line is marked. m marks the selected one."))

    def action_follow(self) -> None:
        if (feed := self._feed) is not None:
            feed.paused = not feed.paused
            if not feed.paused:
                self.view.action_bottom()
            self._tell()

    # How it is shown

    def action_context(self) -> None:
        self._around = (self._around + 1) % len(AROUND)
        self._look_for(self._query)

    def action_pattern(self) -> None:
        self._look_for(self._query._replace(pattern=not self._query.pattern))

    def action_case(self) -> None:
        self._look_for(self._query._replace(case=not self._query.case))

    def action_clock(self) -> None:
        style = self.view.log_style
        clock = CLOCKS[(CLOCKS.index(style.clock) + 1) % len(CLOCKS)]
        self.view.restyle(style._replace(clock=clock, now=time.time()))
        self._tell()

    def action_wrap(self) -> None:
        self.view.restyle(self.view.log_style, wraps=not self.view.wraps)
        self._tell()

    # Handing out

    def _texts(self, numbers: Iterable[int]) -> list[str]:
        """Lines as they are shown, without marks."""
        view = self.view
        return [plain_line(view.kept.entry(n), view.log_style, view.around(n)) for n in numbers]

    def action_copy_lines(self) -> None:
        """Copy the marked lines, else the selected one, else all in sight."""
        texts = self._texts(self.view.chosen())
        if clipboard(self.app, "\n".join(texts)):
            self.console.say(n_("Copied: {count} line", "Copied: {count} lines", len(texts)))
        else:
            self.console.say(_("That is too long for the clipboard. x writes all lines that are shown to a file."))

    @work(exclusive=True, group="export", exit_on_error=False, description="")
    async def action_export(self) -> None:
        """Write all lines that are shown to a file, as they are shown."""
        texts = self._texts(self.view.kept.shown)
        try:
            path = await asyncio.to_thread(write_out, self._title().replace(" + ", "-"), texts)
        except OSError as error:
            self.console.say(_("The file could not be written: {strerror}", strerror=error.strerror), warning=True)
        else:
            self.console.say(_("{count:,} lines written to {path}", count=len(texts), path=path))

    def to_fix(self) -> Result | str:
        """What the selected line proves, else what counts first of what is found about these containers."""
        view = self.view
        if view.cursor is not None and (found := proof_of(view.kept.entry(view.cursor), self._trouble)):
            return found
        judgement = self.console.judgement
        told = [each.result for each in judgement.troubles] if judgement else []
        shown = [c for ident in self._wanted if (c := self.console.container(ident)) is not None]
        for each in (*told, *states.findings(self.console.results or ())):
            if any(stacks.concerns(each, container) for container in shown):
                return each
        return _("Nothing to fix: no finding is about {title}.", title=self._title())
