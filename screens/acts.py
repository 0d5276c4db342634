"""Acts on one container: asked for, done in a thread, told afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..console.hosts import Control, HostError
from ..console.model import Container, Project
from ..console.settings import Consent
from ..console.text import N_, _
from ..console.text.traces import caught
from .place import Place
from .render.states import exit_words
from .widgets.paint import Line, line

if TYPE_CHECKING:
    from ..console.fix.running import Outcome
    from ..console.fix.steps import ComposeUp, StepContext
    from .dialogs import Confirm

VERBS = frozenset({
    "logs", "stack_logs", "shell", "restart", "stop", "start", "pause", "kill", "recreate", "remove", "scale",
    "pull",
})  # fmt: skip
"""What is done with one container."""
NO_PULL = ("--no-build", "--pull", "never")
"""No image is pulled or built for an act."""
Act = Callable[[Container, Control], object]
STACK_ACTS = VERBS - {"shell", "pause", "kill", "scale"}
"""What is done with a whole stack."""
_OF_ALL: dict[str, tuple[str, tuple[str, ...], str]] = {
    "restart": (N_("Restart"), ("restart",), N_("Each stops for up to 10 seconds; whoever uses it is cut off.")),
    "stop": (N_("Stop"), ("stop",), N_("They stay stopped until somebody starts them.")),
    "start": (N_("Bring up"), ("up", "-d", *NO_PULL),
              N_("What is missing is made; what differs from its files is made anew.")),
    "recreate": (N_("Recreate"), ("up", "-d", "--force-recreate", *NO_PULL),
                 N_("New containers take their places; what they wrote outside volumes is lost.")),
    "remove": (N_("Take down"), ("down",),
               N_("All its containers and networks are removed; what they wrote outside volumes is "
"lost. Volumes stay.")),
}  # fmt: skip
"""Verb -> what it is called, what Compose is told, and what to know before."""
_LOSES = frozenset({"recreate", "remove"})
"""Whose word is typed unless the settings say otherwise: something is lost."""
STACK_DEADLINE = 600.0
"""Seconds for Compose to stop and start all of a stack."""
_NO_SHELL = {
    "restarting": N_("it keeps restarting, and a shell needs a running container. Its log (l) says why it ends"),
    "paused": N_("it is paused"),
    "created": N_("it was never started"),
}


def refusal(verb: str, container: Container) -> str:
    """Why this cannot be done to the container as it is now, in a sentence; empty when it can be tried."""
    if verb == "shell" and container.state != "running":
        why = _NO_SHELL.get(container.state, N_("it is stopped"))
        return _("No shell in {container}: {why}.", container=container.name, why=_(why))
    if (verb == "pause" and container.state not in {"running", "paused"}) or (
        verb == "kill" and container.state not in {"running", "paused", "restarting"}
    ):
        return _("{container} does not run.", container=container.name)
    if verb == "remove" and container.state in {"running", "paused", "restarting"}:
        return _("{container} runs, and only a stopped container is removed: stop it first.", container=container.name)
    if verb == "scale" and not (container.project and container.service):
        return _(
            "{container} was not made by Compose: only a service of a compose project has a number.",
            container=container.name,
        )
    return ""


def _about(container: Container) -> list[Line]:
    said = [line((_("Container "), "muted"), (container.name, "strong"), (f"  {container.id[:12]}", "muted"))]
    said.append(line((_("Image     "), "muted"), container.image))
    if container.state == "exited":
        said.append(line((_("Exited    "), "muted"), exit_words(container)))
    return said


def _compose(step: ComposeUp, bench: StepContext, arguments: Sequence[str]) -> None:
    """Compose on the whole project of a step, with the files that its containers were made from."""
    done = bench.host.control.compose(step.source, arguments, deadline=STACK_DEADLINE)
    if done.exit_code:
        last = next((each for each in reversed(done.output.splitlines()) if each.strip()), _("no reason was given"))
        raise HostError(_("Compose ended with {exit_code}: {last}", exit_code=done.exit_code, last=last))


def _changes(changes: Sequence[str]) -> list[Line]:
    if not changes:
        return [line(), line(_("Nothing else about it changes."))]
    return [line(), line(_("The new container differs in:")), *(line("  ", change) for change in changes)]


class ContainerActs(Place):
    """Actions of a place with a selected container. The target is taken at the key press and named in the dialog."""

    def why_not(self, verb: str) -> str:
        """The reason in a sentence. Read-only mode is named before the container's own state."""
        return super().why_not(verb) or (self._refused(verb) if verb in VERBS else "")

    def target(self, verb: str) -> str:
        if verb not in VERBS:
            return super().target(verb)
        container, stack = self.selected_container(), self.selected_stack()
        return container.name if container else _("all of {stack}", stack=stack) if stack else ""

    def _refused(self, verb: str) -> str:
        if (stack := self.selected_stack()) is not None:
            return (
                ""
                if verb in STACK_ACTS
                else _("{stack} is a whole stack: choose one of its containers for this.", stack=stack)
            )
        container = self.selected_container()
        return self.nobody() if container is None else refusal(verb, container)

    def selected_stack(self) -> str | None:
        """The stack whose own row is selected, where the place has such rows."""
        return None

    def selected_container(self) -> Container | None:
        """The container that an act would change now."""
        raise LookupError("a place with container actions says which container is meant")

    def acted_on(self) -> Sequence[Container]:
        """All that an act would change now, where several may be meant."""
        container = self.selected_container()
        return [container] if container else []

    def meant(self) -> Container | None:
        return self.selected_container()

    def nobody(self) -> str:
        """Why no container is selected, in a sentence with the way out."""
        return _("No container is selected.")

    def _consent(self, verb: str, *, whole: bool = False, words: frozenset[str] = _LOSES) -> Consent:
        """How an act is asked for. Of a whole stack, or where something is lost, never without a question."""
        asked = "pause" if verb == "unpause" else verb
        given = self.desk.settings.confirm.get(f"container.{asked}", "word" if verb in words else "key")
        return "key" if given == "none" and (whole or verb in _LOSES) else given

    def action_restart(self) -> None:
        if not self._of_all("restart"):
            self._ask(
                N_("Restart"),
                N_("It stops for up to 10 seconds; whoever uses it is cut off."),
                lambda c, x: x.restart(c.id),
            )

    def action_stop(self) -> None:
        if not self._of_all("stop"):
            self._ask(N_("Stop"), N_("It stays stopped until somebody starts it."), lambda c, x: x.stop(c.id))

    def action_start(self) -> None:
        if not self._of_all("start"):
            self._ask(N_("Start"), N_("It starts with the definition it was made with."), lambda c, x: x.start(c.id))

    def action_pause(self) -> None:
        """Hold a container that runs; let a paused one go on."""
        these = self.acted_on()
        if these and all(each.state == "paused" for each in these):
            self._ask(N_("Unpause"), N_("It goes on where it was held."), lambda c, x: x.unpause(c.id))
        else:
            self._ask(
                N_("Pause"), N_("It answers nobody until it goes on; what it holds stays."), lambda c, x: x.pause(c.id)
            )

    def action_kill(self) -> None:
        lost = N_("It ends at once and writes nothing more; it stays stopped.")
        self._ask(N_("Kill"), lost, lambda c, x: x.kill(c.id))

    def action_remove(self) -> None:
        lost = N_("What it wrote outside its volumes is lost. Volumes and folders stay.")
        if not self._of_all("remove"):
            self._ask(N_("Remove"), lost, lambda c, x: x.remove(c.id))

    def action_recreate(self) -> None:
        """Recreate the service through compose, after its changes were shown and the container's name typed."""
        if not self._of_all("recreate"):
            self._recreate(self.selected_container())

    def _recreate(self, container: Container | None) -> None:
        from ..console.fix.wishes import recreating

        step = recreating(container, self._project(container)) if container else None
        if container is None or step is None:
            self.console.say(_("Only a service of a compose project whose folder is known can be recreated."))
            return
        warning = N_("A new container takes its place; what it wrote outside volumes is lost.")
        from ..console.fix.steps import StepContext

        bench, exact = StepContext(self.desk.host), [step]

        def act(_container: Container, _control: Control) -> None:
            self._locked(exact[0], bench, lambda: exact[0].apply(bench))

        dialog = self._confirm_and_act(
            container, N_("Recreate"), warning, act, waits=_("Asking Compose what else it would change ..."),
        )  # fmt: skip

        def look() -> None:
            try:
                exact[0], changes = step.prepare_alone(bench)
                said, allowed = _changes(changes), True
            except HostError as error:
                said, allowed = [line(), line((str(error), "error")), line(error.remedy or "")], False
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not leave the dialog waiting for ever
                caught("looking before a recreate", error)
                said, allowed = (
                    [line(), line(_("stackops itself failed ({name}); report it", name=type(error).__name__))],
                    False,
                )
            self.console.call_from_thread(dialog.found, said, allowed=allowed)

        self.console.run_worker(look, group="look", thread=True, exit_on_error=False)

    def action_scale(self) -> None:
        """Ask for the number of containers, then show what that would change."""
        container, snapshot = self.selected_container(), self.console.snapshot
        if container is None or snapshot is None:
            return
        from ..console.fix.wishes import MOST, members, scale_of
        from .dialogs import AskNumber

        now = len(members(snapshot, container.project or "", container.service or ""))
        body = [line(_("Now {now}. What the new number changes is shown before anything is done.", now=now))]

        def answered(count: int | None) -> None:
            if count is not None:
                self.console.open_plan(scale_of(container, count))

        title = _("How many containers of {service}?", service=container.service)
        self.console.push_screen(AskNumber(title, body, _("Show"), now=now, most=MOST), answered)

    def _locked(self, step: ComposeUp, bench: StepContext, act: Callable[[], object]) -> None:
        """Under the project's lock. Compose holds it too, so no fix acts beside it even when this run was killed."""
        journal = self.desk.journal
        if journal is None or bench.host.locks is None:  # no other console acts on the practice stack
            act()
            return
        with journal.locked(bench.host, step.directory):
            act()

    def action_pull(self) -> None:
        """Show what a pull would do; afterwards offer to recreate what still has the former image."""
        from ..console.fix.wishes import pull_of

        container, stack = self.selected_container(), self.selected_stack()
        if (whom := stack or (container.name if container else "")) and whom:
            then = partial(self._offer_recreate, whom, container, stack)
            self.console.open("plan", finding=pull_of(whom, stack=stack is not None), then=then)

    def _offer_recreate(self, whom: str, container: Container | None, stack: str | None, outcome: Outcome) -> None:
        from ..console.fix.acts.images import NEWER
        from .dialogs import Choose

        news = [line(each) for each in outcome.says if each.startswith(_(NEWER))]
        if not news:
            return
        what = _("Its containers run") if stack else _("{whom} runs", whom=whom)
        body = [
            *news,
            line(),
            line(what, " ", _("the former image until recreated. What that changes is shown first.")),
        ]

        def answered(how: str | None) -> None:
            if how == "now" and stack is not None:
                self._of_all("recreate", stack)
            elif how == "now":
                self._recreate(self.console.container(container.id) if container else None)

        ways = [("later", _("Later")), ("now", _("Recreate"))]
        target = _("all of {stack}", stack=stack) if stack else whom
        title = _("{verb} {container}?", verb=_("Recreate"), container=target)
        self.console.push_screen(Choose(title, body, ways), answered)

    def _of_all(self, verb: str, stack: str | None = None) -> bool:
        """Ask about the whole stack, this one or the one whose own row is selected. Whether there is one."""
        stack, snapshot = stack or self.selected_stack(), self.console.snapshot
        if stack is None or snapshot is None:
            return False
        from ..console.fix.steps import StepContext
        from ..console.fix.wishes import recreating
        from .dialogs import Confirm

        members = [each for each in snapshot.containers if each.project == stack]
        project = next((each for each in snapshot.projects if each.name == stack), None)
        step = next((found for each in members if (found := recreating(each, project)) is not None), None)
        if step is None:
            self.console.say(
                _("Nothing can be done with all of {stack}: the folder of its compose files is not known.", stack=stack)
            )
            return True
        title, arguments, warning = _OF_ALL[verb]
        names = ", ".join(f"{each.service or each.name} ({each.state})" for each in members)
        body = [line((_("Stack     "), "muted"), (stack, "strong"), f"  {step.directory}"),
                line((_("Services  "), "muted"), names), line(), line(_(warning))]  # fmt: skip
        bench = StepContext(self.desk.host)

        def act(_control: Control) -> None:
            self._locked(step, bench, lambda: _compose(step, bench, arguments))

        def answered(yes: bool | None) -> None:
            if yes:
                self._record(verb, title, stack, members, act)

        typed = stack if self._consent(verb, whole=True, words=_LOSES | {"stop"}) == "word" else None
        self.console.push_screen(
            Confirm(_("{verb} all of {stack}?", verb=_(title), stack=stack), body, _(title), typed=typed), answered
        )
        return True

    def _record(
        self, verb: str, title: str, subject: str, targets: Sequence[Container], act: Callable[[Control], object]
    ) -> None:
        """Do it in a thread, and have it in the audit log."""
        named = tuple(f"{each.name} {each.id[:12]}" for each in targets)

        def do(control: Control) -> str:
            if (journal := self.desk.journal) is None:
                act(control)
                return ""
            from ..console.fix.audit import audited

            with audited(journal, self.desk.host, verb, subject, named) as unwritten:
                act(control)
            return _(", but it is not in the audit log: {unwritten}", unwritten=unwritten[0]) if unwritten else ""

        self.console.do(f"{_(title)} {subject}", do)

    def action_logs(self) -> None:
        """The logs of the container, or of the whole stack, over the whole screen."""
        if (container := self.selected_container()) is not None:
            self.console.open("logs", [container.id])
        else:
            self.action_stack_logs()

    def action_stack_logs(self) -> None:
        """The logs of the selected stack, or of the selected container's, as one."""
        container, snapshot = self.selected_container(), self.console.snapshot
        stack = container.project if container else self.selected_stack()
        everybody = snapshot.containers if snapshot else ()
        meant = [each.id for each in everybody if stack and each.project == stack]
        if container is not None:
            meant = meant or [container.id]
        if meant:
            self.console.open("logs", meant)

    def action_shell(self) -> None:
        """A shell in the container, on this terminal."""
        if (container := self.selected_container()) is not None:
            self.console.open_shell(container)

    def _project(self, container: Container | None) -> Project | None:
        snapshot = self.console.snapshot
        if container is None or snapshot is None:
            return None
        return next((project for project in snapshot.projects if project.name == container.project), None)

    def _ask(self, verb: str, warning: str, act: Act) -> None:
        container = self.selected_container()
        if container is None:
            self.console.say(self.nobody())
        elif self._consent(verb.lower()) == "none":
            self._record(verb.lower(), verb, container.name, [container], lambda control: act(container, control))
        else:
            self._confirm_and_act(container, verb, warning, act)

    def _confirm_and_act(
        self, container: Container, verb: str, warning: str, act: Act, waits: str | None = None
    ) -> Confirm:
        from .dialogs import Confirm

        def answered(yes: bool | None) -> None:
            if yes:
                self._record(verb.lower(), verb, container.name, [container], lambda control: act(container, control))

        body = [*_about(container), line(), line(_(warning))]
        word = container.name if self._consent(verb.lower()) == "word" else None
        dialog = Confirm(
            _("{verb} {container}?", verb=_(verb), container=container.name), body, _(verb), typed=word, waits=waits
        )
        self.console.push_screen(dialog, answered)
        return dialog
