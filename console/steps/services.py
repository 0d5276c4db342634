"""Steps on containers and services. They recreate through the compose CLI and restart through ``Host.control`` only."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace

from ..diffs import masked
from ..failpoints import reach
from ..hosts import CommandResult, HostError
from .base import Prepared, State, Step, StepFailed, StepMoved, Workbench
from .content import real_path, stat
from .standing import Standing, of_container, of_service

_STOPPED = ("created", "exited", "dead")
_TAIL = 6
"""Lines of a program's output that an error carries."""


class ComposeUp(Step, frozen=True):
    """Bring one service up to what its files say: ``docker compose up -d --no-deps SERVICE``."""

    settles: ClassVar[bool] = True
    deadline: ClassVar[float] = 150.0

    project: str
    directory: str
    files: tuple[str, ...]
    """All compose files, absolute, in order; the override too, because an explicit -f disables the automatic one."""
    service: str
    force_recreate: bool = False
    container: str | None = None
    """Id of the container it replaces, None when there is none."""
    may_fail: bool = False
    """Set on an inverse where the service was not running before: its failure is reported, not fatal."""
    was_running: bool = False
    """Whether the service ran well before, so that it has to afterwards. Set by ``prepare``."""
    again: bool = False
    """Set when it is taken back or done again: whatever container is there now is replaced."""
    start: bool = True
    """False on an inverse where the container lay stopped: it is made anew and left so. Starting it would change files:
    the Engine makes a directory of a bind source that is missing."""

    @property
    def target(self) -> str:
        """The service."""
        return self.service

    def describe(self) -> str:
        """One sentence: what it does."""
        what = f"the service {self.service} of project {self.project}"
        if not self.start:
            return f"Recreate {what} from its compose files, without starting it"
        if self.force_recreate:
            return f"Recreate {what} from its compose files; it is down meanwhile"
        return f"Bring up {what} as its compose files say; it is down meanwhile if it has to be recreated"

    def arguments(self) -> list[str]:
        """What ``docker compose`` is told after the files. Never pulls, never builds, never touches another service."""
        force = ["--force-recreate"] if self.force_recreate else []
        how = "-d" if self.start else "--no-start"
        return ["up", how, "--no-deps", "--no-build", "--pull", "never", *force, self.service]

    def command(self) -> str:
        """The whole command line, to be shown."""
        argv = ["docker", "compose", "-p", self.project, "--project-directory", self.directory]
        argv += [part for path in self.files for part in ("-f", path)]
        return masked(f"$ {shlex.join([*argv, *self.arguments()])}")

    def prepare(self, bench: Workbench) -> Prepared:
        """Find the container it replaces, let Compose check the files as they would be. May raise StepMoved."""
        _plain_names(self.project, self.service)
        current = of_service(bench.host, self.project, self.service)
        there = self._the_one(current)
        _require_files(bench, self.files)
        self._validate(bench)
        running = there is not None and there.state == "running"
        step = replace(self, container=there.id if there else None, was_running=running)
        inverse = replace(
            step, files=self._files_before(bench, there), force_recreate=True, container=None, may_fail=not running,
            again=True, start=there is None or there.state not in _STOPPED,
        )  # fmt: skip
        return Prepared(step, inverse, step.command())

    def _the_one(self, current: Sequence[Standing]) -> Standing | None:
        if len(current) > 1:
            raise StepFailed(
                f"The service {self.service} runs {len(current)} times; a scaled service is not recreated by a key"
            )
        there = current[0] if current else None
        if self.container is not None and (there is None or there.id != self.container):
            raise StepMoved(
                f"The service {self.service} has another container than when it was looked at", "look again"
            )
        return there

    def _files_before(self, bench: Workbench, there: Standing | None) -> tuple[str, ...]:
        """The list that made the container, if all of it is still there; else today's without what the plan creates."""
        made_with = there.config_files if there else ()
        if made_with and all(path not in bench.created and stat(bench, path).kind == "file" for path in made_with):
            return made_with
        return tuple(path for path in self.files if path not in bench.created)

    def _validate(self, bench: Workbench) -> None:
        """Run ``config -q`` on candidates in a private folder outside the project, in place of the edited files."""
        edited = {
            path: bench.pending[real_path(bench, path)]
            for path in self.files
            if real_path(bench, path) in bench.pending
        }
        if not edited:
            return
        if bench.host.kind != "local":
            bench.notes.append("The edited compose files were not checked by Compose: this host is not a real one")
            return
        with tempfile.TemporaryDirectory(prefix="stackops-") as folder:
            candidates = [_candidate(Path(folder), at, path, edited.get(path)) for at, path in enumerate(self.files)]
            try:
                result = bench.host.control.compose(
                    self.project, self.directory, candidates, ["config", "-q"], deadline=20.0
                )
            except HostError as error:
                bench.notes.append(f"The edited compose files were not checked by Compose: {error}")
                return
        if result.exit_code != 0:
            output = result.output
            for candidate, path in zip(candidates, self.files, strict=True):
                output = output.replace(candidate, path)
            raise StepFailed(f"Compose refuses the files as they would be: {_tail(output)}")

    def state(self, bench: Workbench) -> State:
        """After: another container is there in place of the one that was. With ``again`` it can always be done."""
        if self.again:
            return "before"
        ids = [there.id for there in of_service(bench.host, self.project, self.service)]
        if self.container is None:
            return "after" if ids else "before"
        if self.container in ids:
            return "before"
        return "after" if ids else "moved"

    def act(self, bench: Workbench) -> None:
        """Run Compose. Raises StepFailed with the end of its output."""
        reach("before_restart")
        _require_files(bench, self.files)
        result = bench.host.control.compose(self.project, self.directory, self.files, self.arguments(), deadline=120.0)
        _require_success(result, f"docker compose up of {self.service}")


class RestartContainer(Step, frozen=True):
    """Restart one container with the definition it has."""

    settles: ClassVar[bool] = True
    deadline: ClassVar[float] = 40.0

    container: str
    name: str
    was_running: bool = False
    """Whether it ran well before, so that it has to afterwards. Set by ``prepare``."""
    again: bool = False
    """Set when it is done again to follow files that were put back; a container of the same name will do then."""

    @property
    def target(self) -> str:
        """The container's name."""
        return self.name

    def describe(self) -> str:
        """One sentence: what it does."""
        return f"Restart the container {self.name}; it is down meanwhile"

    def command(self) -> str:
        """The whole command line, to be shown."""
        return masked(f"$ docker restart {shlex.quote(self.name)}")

    def prepare(self, bench: Workbench) -> Prepared:
        """Find the container. Raises StepMoved when it is gone. What takes it back is another restart."""
        there = of_container(bench.host, self.container)
        if there is None:
            raise StepMoved(f"The container {self.name} is gone", "look again")
        step = replace(self, container=there.id, was_running=there.state == "running")
        return Prepared(step, replace(step, again=True), step.command())

    def state(self, bench: Workbench) -> State:
        """A container that is there can be restarted; whether it was is for the journal to tell."""
        if self.again:
            return "before"
        return "before" if of_container(bench.host, self.container) else "moved"

    def act(self, bench: Workbench) -> None:
        """Restart it. Raises StepFailed when it does not start anew."""
        reach("before_restart")
        was = of_container(bench.host, self.container)
        if was is None and self.again:
            was = of_container(bench.host, self.name)
        if was is None:
            raise StepMoved(f"The container {self.name} is gone")
        bench.host.control.restart(was.id)
        now = of_container(bench.host, was.id)
        if now is None or (now.started_at is not None and now.started_at == was.started_at):
            raise StepFailed(f"The container {self.name} did not start anew")


def _plain_names(*names: str) -> None:
    for name in names:
        if not name or name.startswith("-") or any(c.isspace() or not c.isprintable() for c in name):
            raise StepFailed(f"{name!r} is no name that Compose takes")


def _require_files(bench: Workbench, files: Sequence[str]) -> None:
    if not files:
        raise StepFailed("It is not known which compose files this service was made from")
    missing = [path for path in files if stat(bench, path).kind != "file"]
    if missing:
        raise StepFailed(f"These compose files are not there: {', '.join(missing)}")


def _candidate(folder: Path, at: int, path: str, content: bytes | None) -> str:
    if content is None:
        return path
    candidate = folder / f"{at}-{Path(path).name}"
    candidate.write_bytes(content)
    return str(candidate)


def _require_success(result: CommandResult, what: str) -> None:
    if result.exit_code != 0:
        raise StepFailed(f"{what} ended with exit code {result.exit_code}: {_tail(result.output)}")


def _tail(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return masked(" | ".join(lines[-_TAIL:])) or "it said nothing"
