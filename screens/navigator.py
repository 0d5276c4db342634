"""The half of the app that places call: what is seen, saying something, going to another place, starting a fix.

A place is named, never imported: only ``load`` finds its class, by the registry, when somebody goes there.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import termios
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, cast

from textual import on, work
from textual.app import App
from textual.message import Message
from textual.reactive import reactive
from textual.worker import Worker, WorkerState

from .. import themes
from ..console.hosts import Control, HostError
from ..console.model import Container, Snapshot
from ..console.model.findings import Judgement, Result
from ..console.text import _
from ..console.text.toml_text import SettingsError
from ..console.text.traces import caught
from .desk import DEMO
from .registry import PLACES
from .widgets.paint import Line, line, shown

if TYPE_CHECKING:
    from textual.theme import Theme

    from ..console.collect.collector import Past
    from ..console.fix.journal import Journal
    from ..console.fix.records import Entry
    from ..console.report.timeline import TroubleChange
    from .desk import Desk
    from .fixwork import FixWork, Listener
    from .keys import KeyGate

SPARK_SECONDS = 2.0


def load(where: str) -> Any:  # noqa: ANN401 - a class that is only known by its name
    """A class of ``screens/places`` by ``module:Class``."""
    module, _, name = where.partition(":")
    return getattr(import_module(f".places.{module}", __package__), name)


def trail(before: list[str], here: str, there: str) -> list[str]:
    """The places that esc goes back through after a move from here to there, each at most once."""
    if there == PLACES[0].name:
        return []
    walked = before if here in before or here == there else [*before, here]
    return walked[: walked.index(there)] if there in walked else walked


@dataclass
class Select(Message, bubble=False):
    """Tells a place what to put its cursor on."""

    about: object


@dataclass
class ActEnded(Message, bubble=False):
    """An act on a container ended, well or not."""

    sentence: str
    failed: bool


class WatchedWorkers:
    """For whatever starts workers: with ``exit_on_error=False`` Textual 8.2.8 says nothing of an error."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A HostError is the machine's answer. Any other error is a bug in stackops, and is kept for its report."""
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None:
            return
        console = cast("Navigator", event.worker.node.app)
        if isinstance(error, HostError):
            console.refused(error)
            return
        caught(f"worker {event.worker.name}", error)
        where = f"{type(error).__name__} in {event.worker.name}"
        console.say(_("stackops itself failed ({where}); please report it", where=where), warning=True)


class Navigator(WatchedWorkers, App[str], inherit_bindings=False):
    """The app as places know it."""

    desk: Desk
    keys: KeyGate
    results: tuple[Result, ...] | None = None
    judgement: Judgement | None = None
    """What the results come to; there as soon as they are."""
    judged: object = None
    """What was judged last; None: judge again even if nothing seems to have changed."""

    snapshot: reactive[Snapshot | None] = reactive(None, init=False, repaint=False)

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - Textual's own arguments, handed on
        super().__init__(**kwargs)
        self._works: list[FixWork] = []
        self._early: list[Callable[[], None]] | None = []
        self._trail: list[str] = []
        self._left: tuple[str, tuple[Any, ...]] = ("", ())
        """The place that was left last, and what it was opened for."""
        self.changes: deque[TroubleChange] = deque(maxlen=200)
        """Troubles that came and went since the console was opened, oldest first."""
        self._first_judged = 0.0
        self.last_here = 0.0
        """When this user's console was closed last, Unix seconds; 0 where that is not known."""
        self._curves: tuple[float, dict[str, Past]] = (0.0, {})

    # What is seen

    @property
    def machine(self) -> str:
        """What the header calls the machine."""
        return self.snapshot.host.name if self.snapshot is not None else self.desk.host.name

    def container(self, key: str | None) -> Container | None:
        """The container with this id, as it is now."""
        if self.snapshot is None or key is None:
            return None
        return next((each for each in self.snapshot.containers if each.id == key), None)

    def spark(self, key: str) -> list[float | None]:
        """The figures of a curve alone."""
        return [value for _, value in self.past(key)]

    def past(self, key: str) -> Past:
        """A curve of the feed, held for two seconds: a curve that moves all the time costs more than it tells."""
        now = self.snapshot.taken_at if self.snapshot else 0.0
        if not 0 <= now - self._curves[0] < SPARK_SECONDS:
            self._curves = (now, {})
        held = self._curves[1]
        return held[key] if key in held else held.setdefault(key, self.desk.feed.curve(key))

    def note_changes(self, before: Judgement | None, now: Judgement) -> None:
        """Keep which troubles came and which went. In the first minute only what was there already comes to light."""
        from ..console.report.timeline import SETTLED, changed

        at = self.snapshot.taken_at if self.snapshot else 0.0
        if before is None:
            self._first_judged = at
        if before is None or at - self._first_judged < SETTLED:
            return
        self.changes += changed(before, now, at)

    # Saying and doing

    def say(self, sentence: str, *, warning: bool = False) -> None:
        """A short notice, letter by letter; kept until the first screen stands."""
        severity: Literal["warning", "information"] = "warning" if warning else "information"
        show = partial(self.notify, shown(sentence), markup=False, severity=severity, timeout=6)
        if self._early is None:
            show()
        else:
            self._early.append(show)

    def refused(self, error: HostError) -> None:
        """Say what the machine answered, and what to do."""
        self.say(f"{error}. {error.remedy}" if error.remedy else str(error), warning=True)

    def standing(self) -> None:
        """The first screen stands: say what was to be said before there was one."""
        for show in self._early or ():
            self.call_after_refresh(show)
        self._early = None

    def do(self, what: str, act: Callable[[Control], str]) -> None:
        """Do something to a container in a thread, and tell how it went; the act says what there is to add."""
        self.say(f"{what} ...")
        self._do(what, act)

    @work(thread=True, group="act", exit_on_error=False, description="")
    def _do(self, what: str, act: Callable[[Control], str]) -> None:
        try:
            more = act(self.desk.host.control)
            self.post_message(ActEnded(_("{what}: done{more}", what=what, more=more), failed=bool(more)))
        except HostError as error:
            remedy = f" {error.remedy}" if error.remedy else ""
            said = _("{what} failed: {error}{remedy}", what=what, error=error, remedy=remedy)
            self.post_message(ActEnded(said, failed=True))
        self.desk.feed.request()

    @on(ActEnded)
    def _act_ended(self, message: ActEnded) -> None:
        self.say(message.sentence, warning=message.failed)

    def open_shell(self, container: Container) -> None:
        """A shell in the container on this terminal, by argument list; the console waits."""
        try:
            argv = list(self.desk.host.control.shell(container.id))
        except HostError as error:
            self.say(str(error), warning=True)
            self.keys.renew()
        else:
            self.on_terminal(argv, _("The shell"), _("The shell in {container}", container=container.name))

    def on_terminal(self, argv: Sequence[str], what: str, called: str, *, waits: bool = False) -> None:
        """A program on this terminal instead of the console, until it ends; ``waits``: until somebody read it."""
        code = 0
        try:
            with self.suspend():
                print(f"+ {shlex.join(argv)}")
                code = subprocess.run(argv, check=False).returncode
                print(_("{what} ended with {code}.", what=what, code=code), _("Enter goes back.") if waits else "")
                with contextlib.suppress(termios.error):
                    termios.tcflush(0, termios.TCIFLUSH)  # typed for a program that had ended by then
                if waits:
                    sys.stdin.readline()
        except OSError as error:
            self.say(_("{what} could not be started: {strerror}", what=what, strerror=error.strerror), warning=True)
        if code:
            self.say(_("{called} ended with exit code {code}.", called=called, code=code), warning=True)
        self.keys.renew()
        self.desk.feed.request()

    # Going places

    def go(self, place: str, about: object = None) -> None:
        """To a place that a key leads to from everywhere; ``about`` is what to select there."""
        here = self._here()
        if here != (place, ()):
            self._left = here
        while len(self.screen_stack) > 1 and not self.busy:
            self.pop_screen()
        self._trail = trail(self._trail, self.current_mode, place)
        self.switch_mode(place)
        if about is not None:
            self.screen.post_message(Select(about))

    def _here(self) -> tuple[str, tuple[Any, ...]]:
        """The place that is seen, and what it was opened for where it can be opened again."""
        again: tuple[Any, ...] = getattr(self.screen, "again", tuple)()
        return (getattr(self.screen, "PLACE", ""), again) if again else (self.current_mode, ())

    def leave(self) -> None:
        """Close what was opened last, and remember it."""
        self._left = self._here()
        self.pop_screen()

    def go_back_and_forth(self) -> None:
        """To the place before this one; done twice it leads here again."""
        place, arguments = self._left
        if arguments:
            self._left = self._here()
            self.open(place, *arguments)
        elif place:
            self.go(place)
        else:
            self.say(_("There is no place before this one yet."))

    def open(self, place: str, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - what its class takes
        """A place on top of this one, made with these arguments; esc closes it."""
        where = next(each.where for each in PLACES if each.name == place)
        self.push_screen(load(where)(*arguments, **options))

    def step_out(self) -> None:
        """To the place that was seen before this one; from the overview there is no way further out."""
        if self._trail:
            self._left = self._here()
            self.switch_mode(self._trail.pop())

    # Themes

    def use_theme(self, name: str) -> bool:
        """Draw in this theme. Where there is none, or its file has a mistake, say so and stay with the one in use."""
        try:
            if name in themes.PALETTES:
                theme = themes.palette(name)
            else:
                from ..themes import own

                theme = own.palette(name)
        except SettingsError as error:
            self.say(str(error), warning=True)
            return False
        self.register_theme(theme)
        if self.theme == theme.name:  # with other colours
            self.mutate_reactive(Navigator.theme)
        self.theme = theme.name
        return True

    def paint_again(self, _theme: Theme) -> None:
        """Draw every widget of every place: Textual draws those whose own style became another one."""
        for screen in chain(*self._screen_stacks.values()):
            screen.query().refresh()

    def follow_theme(self) -> None:
        """Where an own theme is used and its file was saved again, draw in what it says now."""
        name = themes.name_of(self.theme)
        if name not in themes.PALETTES:
            from ..themes.own import saved_again

            if saved_again(name):
                self.use_theme(name)

    def leave_for_demo(self) -> None:
        """Leave for the practice stack; ``run_app`` opens it."""
        self.exit(result=DEMO, return_code=0)

    # Fixes

    @property
    def busy(self) -> bool:
        """Whether a fix runs."""
        return any(fix.running for fix in self._works)

    def open_plan(self, finding: Result) -> None:
        """Show what the fix of a finding would change."""
        if finding.fix is None:
            self.say(_("This finding has no fix; its text says what to do."))
        else:
            self.open("plan", finding=finding)

    def undo_entry(self, entry_id: str) -> None:
        """Show what taking an entry back would change, in place of the plan that made it."""
        if self.desk.journal is None:
            return
        try:
            entry = self.desk.journal.get(entry_id)
        except HostError as error:
            self.say(str(error), warning=True)
        else:
            self.pop_screen()
            self.open("plan", undo=entry)

    def fix_work(self, check: str, subject: str, listener: Listener) -> FixWork | None:
        """The engine for one fix; None where nothing can be recorded."""
        from .fixwork import FixWork

        try:
            fix = FixWork(self.desk, check, subject, listener)
        except HostError as error:
            self.say(str(error), warning=True)
            return None
        self._works = [each for each in self._works if each.running] + [fix]
        return fix

    def fix_ended(self) -> None:
        """A fix ended: look again, and judge even if nothing seems to have changed."""
        self.judged = None
        self.desk.feed.request()

    def ask_to_end(self, verb: str, end: Callable[[], None]) -> None:
        """Wait for the fix that runs, or end after its running step."""
        from .dialogs import Choose

        body = [line(_("A fix is running. It can go on, or end after the step that runs now.")),
                line(_("What was done so far stays in the journal. It can be resumed or rolled back."))]  # fmt: skip
        ways = [("wait", _("Wait")), ("end", _("{verb} after this step", verb=verb))]
        self.push_screen(Choose(_("A fix is running"), body, ways), lambda how: end() if how == "end" else None)

    @work(thread=True, group="journal", exit_on_error=False, description="")
    def find_open_entries(self, journal: Journal) -> None:
        """Ask about the first fix on this machine that was interrupted."""
        mine = [entry for entry in journal.open_entries() if entry.intent.host == self.desk.host.name]
        if mine:
            self.call_from_thread(self.offer_open, mine[0])

    def offer_open(self, entry: Entry) -> None:
        """Ask what to do with a fix that was interrupted."""
        from .dialogs import Choose
        from .render.plans import open_words

        if self.desk.read_only:
            self.say(_("A fix was interrupted; in read-only mode it is left as it is."), warning=True)
            return

        def chosen(how: str | None) -> None:
            if how in {"resume", "back"}:
                self.open("plan", interrupted=(entry, "resume" if how == "resume" else "roll back"))

        ways = [("later", _("Later")), ("back", _("Roll back"))]
        whole = self.desk.settings.project is None  # of what is left out here nothing could be proven
        can_resume = whole and not entry.rolling_back
        body: list[Line] = open_words(entry, can_resume=can_resume)
        if can_resume:
            ways.append(("resume", _("Resume")))
        elif not whole:
            body.append(line(_("To finish it, open the console without a project.")))
        self.push_screen(Choose(_("A fix was interrupted"), body, ways), chosen)
