"""Several containers at once: marked in a list, named in one dialog, acted on one after another."""

from __future__ import annotations

from collections.abc import Sequence

from ..console.hosts import Control, HostError
from ..console.model import Container
from ..console.text import _, n_
from .acts import Act, ContainerActs, refusal
from .widgets.paint import line
from .widgets.table import Table

MANY = frozenset({"logs", "restart", "stop", "start", "pause", "kill", "remove"})
"""What is done to all that are marked."""


class MarkingActs(ContainerActs):
    """While containers are marked, acts are on those and on no other; the dialog names each of them."""

    marks: frozenset[str] = frozenset()
    """Ids."""

    def marked(self) -> list[Container]:
        """Those that are still there, while a list has the focus."""
        if not self.marks or self.console.snapshot is None or not isinstance(self.focused, Table):
            return []
        return [each for each in self.console.snapshot.containers if each.id in self.marks]

    def acted_on(self) -> Sequence[Container]:
        return self.marked() or super().acted_on()

    def mark(self, marks: frozenset[str]) -> None:
        """These and no others from now on."""
        self.marks = marks
        self.redraw()
        self.refresh_bindings()

    def action_mark(self) -> None:
        """Mark the selected container, or take its mark away; of a stack's own row all of its containers."""
        stack, container = self.selected_stack(), self.selected_container()
        everybody = self.console.snapshot.containers if self.console.snapshot else ()
        meant = {each.id for each in everybody if stack and each.project == stack}
        meant |= {container.id} if container else set()
        if not meant:
            self.console.say(self.nobody())
        else:
            self.mark(self.marks - meant if meant <= self.marks else self.marks | meant)

    def back(self) -> None:
        """Marks go first; what is filtered or peeked at goes before them."""
        if self.marks and not (self.has_class("-filtering") or self.has_class("-peeking")):
            self.mark(frozenset())
        else:
            super().back()

    def target(self, verb: str) -> str:
        these = self.marked() if verb in MANY else []
        return _("{count} marked", count=len(these)) if these else super().target(verb)

    def _refused(self, verb: str) -> str:
        these = self.marked()
        if not these:
            return super()._refused(verb)
        if verb not in MANY:
            return _(
                "This is done to one container, and {count} are marked: esc takes the marks away.", count=len(these)
            )
        return "" if any(not refusal(verb, each) for each in these) else refusal(verb, these[0])

    def _of_all(self, verb: str, stack: str | None = None) -> bool:
        return super()._of_all(verb, stack) if stack or not self.marked() else False

    def action_logs(self) -> None:
        if these := self.marked():
            self.console.open("logs", [each.id for each in these])
        else:
            super().action_logs()

    def _ask(self, verb: str, warning: str, act: Act) -> None:
        from .dialogs import Confirm

        these = self.marked()
        if not these:
            super()._ask(verb, warning, act)
            return
        left = {each.name: why for each in these if (why := refusal(verb.lower(), each))}
        these = [each for each in these if each.name not in left]
        names = ", ".join(f"{each.name} ({each.state})" for each in these)
        body = [
            line(names),
            *(line((_("Left out: {why}", why=why), "muted")) for why in left.values()),
            line(),
            line(_(warning)),
        ]
        count = n_("{count} container", "{count} containers", len(these))

        def all_of_them(control: Control) -> None:
            failed = []
            for each in these:
                try:
                    act(each, control)
                except HostError as error:
                    failed.append(f"{each.name}: {error}")
            if failed:
                raise HostError(
                    _("{count} of {total} could not be done: {why}", count=len(failed), total=len(these),
                      why="; ".join(failed))
                )  # fmt: skip

        def answered(yes: bool | None) -> None:
            if yes:
                self.mark(frozenset())
                self._record(verb.lower(), verb, count, these, all_of_them)

        typed = f"{verb.lower()} {len(these)}" if self._consent(verb.lower(), whole=True) == "word" else None
        self.console.push_screen(
            Confirm(_("{verb} {container}?", verb=_(verb), container=count), body, _(verb), typed=typed), answered
        )
