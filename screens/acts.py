"""Acts on one container: asked for, done in a thread, told afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..console.actions import at
from ..console.hosts import Control, HostError
from ..console.model import Container, Project
from .widgets.paint import Line, line
from .words.states import exit_words

if TYPE_CHECKING:
    from .app import StackopsApp
    from .desk import Desk

VERBS = frozenset(
    action.verb for action in at("container") if action.id.startswith("container.") and action.verb != "follow"
)
Act = Callable[[Container, Control], object]


def _about(container: Container) -> list[Line]:
    said = [line(("Container ", "muted"), (container.name, "strong"), (f"  {container.id[:12]}", "muted"))]
    said.append(line(("Image     ", "muted"), container.image))
    if container.state == "exited":
        said.append(line(("Exited    ", "muted"), exit_words(container)))
    return said


class ContainerActs:
    """Actions of a place with a selected container. The target is taken at the key press and named in the dialog."""

    if TYPE_CHECKING:

        @property
        def console(self) -> StackopsApp:
            """The app."""
            ...

        @property
        def desk(self) -> Desk:
            """What it works with."""
            ...

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a container there is nothing to act on."""
        if action in VERBS and self.selected_container() is None:
            return None
        allowed: bool | None = super().check_action(action, parameters)  # type: ignore[misc]
        return allowed

    def selected_container(self) -> Container | None:
        """The container that is meant right now."""
        raise LookupError("a place with container actions says which container is meant")

    def action_restart(self) -> None:
        """Restart, after asking."""
        self._ask("Restart", "It stops for up to 10 seconds; whoever uses it is cut off.", lambda c, x: x.restart(c.id))

    def action_stop(self) -> None:
        """Stop, after asking."""
        self._ask("Stop", "It stays stopped until somebody starts it.", lambda c, x: x.stop(c.id))

    def action_start(self) -> None:
        """Start, after asking."""
        self._ask("Start", "It starts with the definition it was made with.", lambda c, x: x.start(c.id))

    def action_remove(self) -> None:
        """Remove, after the name was typed."""
        self._ask(
            "Remove",
            "What it wrote outside its volumes is lost. Volumes and folders stay.",
            lambda c, x: x.remove(c.id),
            typed=True,
        )

    def action_recreate(self) -> None:
        """Recreate the service through compose, after its name was typed."""
        container = self.selected_container()
        project = self._project(container)
        if container is None or project is None or project.working_dir is None or not container.service:
            self.console.say("Only a service of a compose project whose folder is known can be recreated.")
            return
        files = [file.path for file in project.files if file.in_use or file.automatic_override]
        directory, service = project.working_dir, container.service

        def recreate(_: Container, control: Control) -> object:
            result = control.compose(
                project.name, directory, files, ["up", "-d", "--no-deps", "--force-recreate", service]
            )
            if result.exit_code:
                raise HostError(f"docker compose ended with {result.exit_code}: {result.output[-300:]}")
            return result

        self._ask(
            "Recreate", "A new container takes its place; what it wrote outside volumes is lost.", recreate, typed=True
        )

    def action_shell(self) -> None:
        """A shell in the container, on this terminal."""
        if (container := self.selected_container()) is not None:
            self.console.open_shell(container)

    def _project(self, container: Container | None) -> Project | None:
        snapshot = self.console.snapshot
        if container is None or snapshot is None:
            return None
        return next((project for project in snapshot.projects if project.name == container.project), None)

    def _ask(self, verb: str, warning: str, act: Act, *, typed: bool = False) -> None:
        container = self.selected_container()
        if container is None:
            self.console.say("No container is selected.")
            return
        word = container.service if typed and verb == "Recreate" else container.name if typed else None
        self._confirm_and_act(container, verb, warning, act, word)

    def _confirm_and_act(self, container: Container, verb: str, warning: str, act: Act, word: str | None) -> None:
        from .dialogs import Confirm

        def answered(yes: bool | None) -> None:
            if yes:
                self.console.do(f"{verb} {container.name}", lambda control: act(container, control))

        body = [*_about(container), line(), line(warning)]
        self.console.push_screen(Confirm(f"{verb} {container.name}?", body, verb, typed=word), answered)
