"""The overview: what is wrong, how the machine is, what needs somebody, and every service of every stack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.containers import Container
from textual.geometry import Size
from textual.widget import Widget

from ...console.model import Container as ContainerModel
from ...console.model import Snapshot
from ...console.model.findings import Result, Trouble
from ...console.text import _
from ...console.text.traces import caught
from ..marking import MarkingActs
from ..place import WIDE, FilterInput, entitle
from ..registry import find, first_key
from ..render import details, stacks, states, strip, troubles
from ..render.timeline import Night
from ..widgets import paint
from ..widgets.paint import Line, line
from ..widgets.table import Table
from ..widgets.text import Document, Lines, wrap

WELCOMED = "welcomed"
"""Name under which is kept that the welcome was read."""


def _welcome() -> tuple[Line, ...]:
    glyphs = {"ok": paint.OK, "off": paint.OFF, "ask": paint.ASK}
    return (
        line((_(" Welcome. "), "strong"), (paint.BAD, "error"), _(" needs you now, "), (paint.WARN, "warning"),
             _(" will need you, {ok} runs, {off} stopped, {ask} not known.", **glyphs)),
        line(" ", ("F", "key"), _(" shows what a repair would change, "), ("A", "key"), _(" does it, "), ("U", "key"),
             _(" takes it back.")),
        line(" ", ("enter", "key"), _(" goes in, "), ("esc", "key"), _(" back, "), ("/", "key"), _(" finds, "),
             (":", "key"), _(" does all by name, "), ("?", "key"), _(" lists the keys.")),
        line(" ", ("x", "key"), _(" closes these lines for ever.")),
    )  # fmt: skip


class Overview(MarkingActs):
    """The first place."""

    PLACE: ClassVar[str] = "overview"
    AUTO_FOCUS = "#stacks"

    def __init__(self) -> None:
        super().__init__()
        self._view = stacks.StackView()
        self._without_engine = False
        self._night = Night()
        self._seen = False
        """Whether containers have been there: native services are known earlier and stand below them."""
        self._room = Size(0, 0)
        """Of the stacks, when it was decided what is folded."""
        self._read = "stacks"
        """The list that had the focus last: of its row all is told."""

    def body(self) -> Iterable[Widget]:
        yield Lines((), id="verdict")
        yield Lines((), id="host")
        yield Lines(id="faults")
        yield Lines(id="welcome")
        with Container(id="panes"):
            with Container(id="lists"):
                yield Table(troubles.COLUMNS, id="needs", classes="pane", titles=False)
                yield Table(stacks.WITHOUT_GPUS, id="stacks", classes="pane", by="name")
            yield Document(id="peek", classes="pane")
        yield Lines(id="hour", classes="pane")
        yield FilterInput()

    def on_mount(self) -> None:
        self.needs.display = False
        entitle(self.stacks, _(" Stacks "))
        entitle(self.query_one("#peek"), _(" In full "))
        entitle(self.query_one("#hour"), _(" Last hour "))
        if self.desk.memory.lasts and not self.desk.memory.get(WELCOMED):
            self.query_one("#welcome", Lines).show(_welcome())
            self.add_class("-welcoming", update=False)  # all is styled when the screen is shown, next

    @property
    def needs(self) -> Table:
        """The troubles; not there where there are none."""
        return self.query_one("#needs", Table)

    @property
    def stacks(self) -> Table:
        """The services."""
        return self.query_one("#stacks", Table)

    def on_screen_resume(self) -> None:
        """Whoever comes back from a repair finds the next trouble selected; nothing typed elsewhere is meant for it."""
        super().on_screen_resume()
        self.needs.take_first()

    def first_pane(self) -> Table:
        return self.needs if self.needs.display else self.stacks

    # Drawing

    def draw(self) -> None:
        snapshot, results = self.console.snapshot, self.console.results
        width = max(20, self.size.width - 2)
        self.show_lines("#verdict", [strip.verdict(snapshot, self.console.judgement, width)], 2)
        if snapshot is None:
            return
        if self._without_engine != (snapshot.engine is None):
            self._without_engine = snapshot.engine is None
            self.refresh_bindings()
        tall = self.has_class("-tall")
        cpu = self.console.spark("host")
        self.query_one("#host", Lines).show(strip.host(snapshot, width, cpu, tall=tall))
        self.query_one("#faults", Lines).show(self._faults(snapshot, width))
        self._draw_needs(snapshot)
        table = self.stacks
        if not self.console.keys.untouched:
            self._view = replace(self._view, opened=self._view.opened | self._entered(snapshot), at=table.cursor)
        self._room = table.size
        room = max(0, self._room.height - 1)
        rows = stacks.rows(snapshot, results or (), self._view, self.console.judgement, airy=tall, room=room)
        empty = states.no_service(snapshot, offer_demo=self.desk.offer_demo and self._without_engine)
        table.use_columns(stacks.columns(snapshot))
        table.show([row._replace(chosen=row.key in self.marks) for row in rows] if self.marks else rows, empty=empty)
        marked = sum(each.id in self.marks for each in snapshot.containers)
        entitle(table, _(" Stacks, {count} marked ", count=marked) if marked else _(" Stacks "))
        if snapshot.containers and not self._seen:
            self._seen = True
            table.action_top()
        if self.console.keys.untouched:
            table.take_first()
            self._begin_at_the_trouble()
        self._draw_peek()
        roomy = tall and not self.has_class("-too-small")
        hour = self._night.hour(snapshot, self.console.last_here, width, self.desk.feed.kept) if roomy else []
        self.query_one("#hour", Lines).show(hour)
        self.query_one("#hour").display = bool(hour)

    @on(Table.Resized, "#stacks")
    def _fit(self) -> None:
        """Say and fold as much as there is room for, once whatever stands around the lists has taken its own."""
        if self.stacks.size != self._room:
            self.draw()

    def _draw_needs(self, snapshot: Snapshot) -> None:
        needing = troubles.needing(self.console.judgement)
        seen = {states.key_of(each.result): each.at for each in self.console.changes if each.came}
        keymap = self.desk.settings.keymap
        keys = tuple(first_key(action, keymap) for name in ("finding.fix", "list.open") if (action := find(name)))
        narrow = self.stacks.size.width < WIDE
        self.needs.use_columns(troubles.NARROW if narrow else troubles.COLUMNS)
        self.needs.show(troubles.rows(snapshot, needing, seen, (keys[0], keys[1]), narrow=narrow))
        if self.needs.query_words:
            entitle(self.needs, _(" Needs you {count} of {count2} ", count=len(self.needs.keys), count2=len(needing)))
        else:
            entitle(self.needs, _(" Needs you {count} ", count=len(needing)))
        if self.needs.display != bool(needing):
            led = self.needs.has_focus
            self.needs.display = bool(needing)
            if led:  # what is typed for the row that has gone is meant for no other
                self.stacks.focus()
                self.console.keys.renew()

    def _entered(self, snapshot: Snapshot) -> frozenset[str]:
        """The stack in which somebody is, if all of it is shown: it does not fold around the cursor, nor later."""
        table = self.stacks
        stack = {each.project for each in snapshot.containers if each.id == table.cursor and each.project}
        members = {each.id for each in snapshot.containers if each.project in stack}
        shown = self.focused is table and members <= set(table.keys)
        return frozenset(each for each in stack if each and shown)

    def _begin_at_the_trouble(self) -> None:
        """Until somebody touches it, the selected row is the trouble that the verdict says first."""
        first = next((row.key for row in self.needs.rows), None)
        if first is not None and (self.focused is not self.needs or self.needs.cursor != first):
            self.needs.focus()
            self.needs.select(first)
            self.console.keys.renew()

    def _faults(self, snapshot: Snapshot, width: int) -> Sequence[Line]:
        """What happened while nobody looked, and what could not be read; without containers the latter stands below."""
        most = (6 if self.has_class("-tall") else 2) if snapshot.containers else 0
        missed = self._night.lines(snapshot, self.console.last_here, self.desk.feed.kept) if width >= 60 else []
        return [
            *(wrap([each], width)[0] for each in missed),
            *wrap(states.fault_lines(snapshot, most), width)[: most * 2],
        ]

    def _draw_peek(self, *, top: bool = False) -> None:
        """The selected row in full, where somebody peeks or there is room beside the lists."""
        snapshot, peek = self.console.snapshot, self.query_one("#peek", Document)
        if not peek.display or snapshot is None:
            return
        trouble, stack = self.selected_trouble(), self._at_stack()
        container = self.console.container(self.stacks.cursor)
        if self._read == "needs":
            said = troubles.in_full(trouble, snapshot.taken_at) if trouble else []
        elif container is not None:
            said = details.document(container, snapshot, self.console.results or ())
        else:
            said = stacks.told(snapshot, stack, self.console.judgement) if stack else []
        peek.show(said or [line((self.nobody(), "muted"))], top=top)

    @on(Table.Moved)
    def _row_moved(self) -> None:
        self.refresh_bindings()
        self._draw_peek(top=True)

    @on(Table.Edge)
    def _over_the_edge(self, event: Table.Edge) -> None:
        """The lists are one under the keys up and down."""
        if event.step > 0 and event.table is self.needs and self.stacks.keys:
            self.stacks.focus()
            self.stacks.select(self.stacks.keys[0])
        elif event.step < 0 and event.table is self.stacks and self.needs.display and self.needs.keys:
            self.needs.focus()
            self.needs.select(self.needs.keys[-1])

    @on(events.DescendantFocus)
    def _pane_changed(self) -> None:
        if isinstance(self.focused, Table) and self.focused.id:
            self._read = self.focused.id
        self.refresh_bindings()
        self._draw_peek(top=True)

    # What is selected

    def selected_trouble(self) -> Trouble | None:
        """The trouble under the cursor of the upper list."""
        told = troubles.needing(self.console.judgement)
        return next((each for each in told if states.key_of(each.result) == self.needs.cursor), None)

    def selected_container(self) -> ContainerModel | None:
        """The container under the cursor of the list that has the focus: of a trouble the one that it is about."""
        if self.focused is self.needs:
            trouble = self.selected_trouble()
            return self.console.container(trouble.container) if trouble else None
        return self.console.container(self.stacks.cursor) if self.focused is self.stacks else None

    def _at_stack(self) -> str | None:
        key = self.stacks.cursor or ""
        return key.removeprefix(stacks.STACK) if key.startswith(stacks.STACK) else None

    def selected_stack(self) -> str | None:
        """The stack whose own row is under the cursor, while the stacks have the focus."""
        return self._at_stack() if self.focused is self.stacks else None

    def nobody(self) -> str:
        if self.focused is self.needs:
            return _("This trouble is about no container.") if self.selected_trouble() else self.unselected(self.needs)
        if self.focused is not self.stacks:
            return _("No container is selected in this pane. Tab leads to the lists.")
        return (
            self.unselected(self.stacks) if self.stacks.cursor is None else _("The selected service has no container.")
        )

    def copied(self) -> str | None:
        if self.focused is self.stacks:
            container = self.selected_container()
            return container.name if container else self.selected_stack()
        trouble = self.selected_trouble()
        return f"{trouble.result.check} {trouble.result.subject}".strip() if trouble else None

    # Actions

    @on(Table.Opened, "#stacks")
    def _open_container(self, event: Table.Opened) -> None:
        if (stack := self.selected_stack()) is not None:
            self._fold(stack)
        elif self.console.container(event.key) is not None:
            self.console.open("container", str(event.key))
        else:
            self.console.say(_("This service has no container to go into."))

    @on(Table.Opened, "#needs")
    def _explain(self) -> None:
        if (trouble := self.selected_trouble()) is not None:
            self.console.go("doctor", trouble.result)

    def _fold(self, stack: str) -> None:
        """Show all of a stack, or fold it to a line where all of it is shown."""
        snapshot = self.console.snapshot
        members = {each.key for each in stacks.items(snapshot, ()) if each.group == stack} if snapshot else set()
        opens = not members <= set(self.stacks.keys)
        folded, opened = self._view.folded - {stack}, self._view.opened - {stack}
        self._look_at(folded=folded if opens else folded | {stack}, opened=opened | {stack} if opens else opened)

    def to_fix(self) -> Result | str:
        """What the selected trouble is, or of what is told of the selected container or stack that which counts first.

        Who reads a row in full means that row.
        """
        if self.focused is None:
            return _("Nothing to fix: no pane has the focus.")
        if self._read == "needs":
            trouble = self.selected_trouble()
            return (
                trouble.result if trouble else _("Nothing to fix. {unselected}", unselected=self.unselected(self.needs))
            )
        container, stack = self.console.container(self.stacks.cursor), self._at_stack()
        if container is None and stack is None:
            return self.nobody()
        everybody = self.console.snapshot.containers if self.console.snapshot else ()
        meant = [container] if container else [each for each in everybody if each.project == stack]
        told = self.console.judgement.troubles if self.console.judgement else ()
        found = (*(each.result for each in told), *states.findings(self.console.results or ()))
        own = next((each for each in found if any(stacks.concerns(each, one) for one in meant)), None)
        return own or _(
            "Nothing to fix in {container}: no finding is about it.", container=container.name if container else stack
        )

    def _look_at(self, **changes: Any) -> None:  # noqa: ANN401 - fields of StackView
        self._view = replace(self._view, **changes)
        self.draw()

    def action_flat(self) -> None:
        """One list, or the stacks with their services."""
        self._look_at(flat=not self._view.flat)

    def action_peek(self) -> None:
        """The selected row in full beside the lists, until the same key or esc; a broad screen shows it anyway."""
        self.toggle_class("-alone" if self.has_class("-broad") else "-peeking")
        self._draw_peek(top=True)

    def action_order(self, step: int) -> None:
        """Only the stacks: what needs somebody is in the order of the judgement."""
        self.stacks.order_by_next(step)

    def action_reverse(self) -> None:
        self.stacks.turn_round()

    def action_prune(self) -> None:
        """Ask of which kind; all that would go is listed before anything goes."""
        from ...console.fix.wishes import prune_of
        from ..dialogs import Choose

        body = [line(_("What nobody uses is listed with its size before anything is removed. Volumes always stay."))]
        ways = [
            ("cancel", _("Cancel")), ("containers", _("Stopped containers")), ("images", _("Dangling images")),
            ("networks", _("Unused networks")), ("build-cache", _("Build cache")), ("all", _("All of these")),
        ]  # fmt: skip
        self.console.push_screen(
            Choose(_("Remove what nobody uses?"), body, ways),
            lambda kind: self.console.open_plan(prune_of(kind)) if kind and kind != "cancel" else None,
        )

    def action_welcome(self) -> None:
        """Close the welcome for ever; where nothing can be kept, for as long as the console is open."""
        self.remove_class("-welcoming")
        self.refresh_bindings()
        try:
            self.desk.memory.keep(WELCOMED, "yes")
        except OSError as error:
            caught("remembering that the welcome was read", error)

    def select(self, about: object) -> None:
        """Put the cursor on this row of the stacks."""
        if isinstance(about, str):
            self.stacks.focus()
            self.stacks.select(about)

    def action_demo(self) -> None:
        self.console.leave_for_demo()

    def look_for(self, table: Table, words: str) -> None:
        """In both lists; whoever has found something goes on where something is left."""
        self._look_at(words=words)
        for each in (self.needs, self.stacks):
            super().look_for(each, words)
        there = [each for each in (table, self.needs, self.stacks) if each.display and each.keys]
        self._filters = there[0] if there else table

    def listed(self) -> Table:
        return self.needs if self._read == "needs" and self.needs.display else self.stacks

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "welcome":
            return self.has_class("-welcoming")
        if action == "demo":
            return self.desk.offer_demo and self._without_engine
        return super().check_action(action, parameters)
