"""A service made anew from its files, through the compose CLI only."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from ...compose.definition import OTHER, Definition, changes, told
from ...hosts import EndUnknown, EngineUnreachable, Host, HostError, NotFound
from ...hosts.acting import reach
from ...text import _
from ...text.cleaning import masked
from .base import PreparedStep, State, Step, StepContext, StepFailed, StepMoved
from .content import real_path, stat
from .recreating import Foreseen, ServiceSource, as_it_would_be, differs, foresee, foresee_back, would_make
from .standing import LYING, ServiceStep, Standing, half_renamed, of_container, of_service, unstarted_twins

_TAIL = 6
"""Lines of a program's output that an error carries."""
_SIGNALLED = 128
"""Exit codes from here on, and negative ones, tell of a signal: what the Engine was asked for goes on by itself."""
_LOST = re.compile(
    r"cannot connect to the docker daemon|error during connect|connection (reset by peer|refused)|broken pipe"
    r"|unexpected EOF|: EOF$|^EOF$",
    re.IGNORECASE | re.MULTILINE,
)
"""What Compose says where the Engine went away under its hands. fact: docker/cli, moby client/errors.go; observed."""


class ComposeUp(ServiceStep, frozen=True):
    """Bring one service up to what its files say: ``docker compose up -d --no-deps SERVICE``."""

    named_by: ClassVar[str] = "service"
    deadline: ClassVar[float] = 150.0

    project: str
    directory: str
    files: tuple[str, ...]
    """All compose files, absolute, in order; the override too, because an explicit -f disables the automatic one."""
    service: str
    env_files: tuple[str, ...] = ()
    """What ``--env-file`` names, absolute, in order, as when the container was made; empty: Compose reads ``.env``."""
    force_recreate: bool = False
    may_fail: bool = False
    """Set on an inverse where the service was not running before: its failure is reported, not fatal."""
    absent: bool = False
    """Set on an inverse where there was no container: the one that was made is removed."""
    start: bool = True
    """False on an inverse where the container lay stopped: it is made anew and left so. Starting it would change files:
    the Engine makes a directory of a bind source that is missing."""
    makes: str | None = None
    """SHA-256 of the definition, in the blob store, that the container has to have afterwards. Set by ``prepare``."""
    replaces: str | None = None
    """Set on an inverse: SHA-256 of the definition that the container had before the fix."""

    def describe(self) -> str:
        """One sentence: what it does."""
        what = _("the service {service} of project {project}", service=self.service, project=self.project)
        if self.absent:
            return _("Remove the container of {what}: there was none before", what=what)
        if not self.start:
            return _("Recreate {what} from its compose files, without starting it", what=what)
        if self.force_recreate:
            return _("Recreate {what} from its compose files; it is down meanwhile", what=what)
        return _("Bring up {what} as its compose files say; it is down meanwhile if it has to be recreated", what=what)

    def audit_name(self) -> str:
        """Project, service, and the container that it replaces."""
        return f"service {self.project}/{self.service} {self.container or '(no container)'}"

    @property
    def needs_container(self) -> bool:
        """A service that did not run before may stay without one."""
        return not (self.may_fail or self.absent)

    def there(self, host: Host) -> Standing | None:
        """The first container of the service."""
        listed = of_service(host, self.project, self.service)
        return of_container(host, listed[0].id) if listed else None

    def tolerates(self, error: HostError) -> str | None:
        """A service that did not run before need not start now."""
        return (
            _("{service} did not run before and does not start now: {error}", service=self.service, error=error)
            if self.may_fail
            else None
        )

    def repeated(self) -> ComposeUp:
        """Recreate whatever container is there by then."""
        return replace(self, again=True, force_recreate=True, container=None)

    def arguments(self) -> list[str]:
        """What ``docker compose`` is told after the files. Never pulls, never builds, never touches another service.

        fact: ``rm`` leaves volumes, without names too, unless it is told ``--volumes``
        """
        if self.absent:
            return ["rm", "--stop", "--force", self.service]
        force = ["--force-recreate"] if self.force_recreate else []
        how = "-d" if self.start else "--no-start"
        return ["up", how, "--no-deps", "--no-build", "--pull", "never", *force, self.service]

    def command(self) -> str:
        """The whole command line, to be shown."""
        return masked(f"$ {shlex.join(['docker', 'compose', *self.source.flags, *self.arguments()])}")

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Find the container it replaces, and what else would change with it. May raise StepMoved."""
        step, inverse, seen = self._exact(bench)
        if seen is not None:
            bench.notes += seen.says()
            inverse = replace(inverse, makes=_keep(bench, seen.back), replaces=_keep(bench, seen.there))
        return PreparedStep(step, inverse, step.command())

    def prepare_alone(self, bench: StepContext) -> tuple[ComposeUp, tuple[str, ...]]:
        """The same for a recreate that no fix is around: everything that it would change, in sentences."""
        step, _rest, seen = self._exact(bench)
        return step, seen.whole if seen else ()

    def _exact(self, bench: StepContext) -> tuple[ComposeUp, ComposeUp, Foreseen | None]:
        require_plain_names(self.project, self.service)
        current = of_service(bench.host, self.project, self.service)
        there = self._the_one(current)
        running = there is not None and there.state == "running"
        started = of_container(bench.host, there.id) if there and running else None
        step = replace(
            self, env_files=self.env_files or (there.env_files if there else ()),
            container=there.id if there else None, was_running=running,
            started_at=started.started_at if started else None,
        )  # fmt: skip
        require_files(bench, step.source)
        inverse = replace(
            step, files=self._files_before(bench, there), force_recreate=True, container=None, absent=there is None,
            may_fail=there is not None and not running, again=True, start=there is None or there.state not in LYING,
        )  # fmt: skip
        seen = step.foresee(bench, inverse)
        return replace(step, makes=_keep(bench, seen.after)) if seen else step, inverse, seen

    def prepare_back(self, bench: StepContext, step: Step) -> tuple[Step, Step] | None:
        """An inverse made exact again when it is to be done long after it was made; says what it cannot bring back."""
        require_files(bench, self.source)
        current = of_service(bench.host, self.project, self.service)
        start = self.start and not (current and all(one.state in LYING for one in current))
        exact, again = replace(self, start=start), replace(step.repeated(), start=start)
        if self.replaces is None:  # there was no container, or an older stackops wrote the entry
            return exact, again
        firm = any(key.startswith(OTHER) for key in _kept(bench, self.makes))
        seen = foresee_back(bench, self.source, _kept(bench, self.replaces), firm=firm)
        bench.notes += [
            _("{service} will not be as before the fix in {told}", service=self.service, told=told(change))
            for change in seen.also
        ]
        return replace(exact, makes=_keep(bench, seen.after)), again

    @property
    def source(self) -> ServiceSource:
        """From which files the service is made."""
        return ServiceSource(self.project, self.directory, self.files, self.env_files, self.service)

    def foresee(self, bench: StepContext, back: ComposeUp) -> Foreseen | None:
        """What it changes besides what it is for; None where there is no container. May raise StepFailed."""
        if self.container is None:
            as_it_would_be(bench, self.source)
            return None
        return foresee(bench, self.source, back.source, self.container)

    def _the_one(self, current: Sequence[Standing]) -> Standing | None:
        if len(current) > 1:
            raise StepFailed(
                _(
                    "The service {service} runs {count} times; a scaled service is not recreated by a key",
                    service=self.service,
                    count=len(current),
                )
            )
        there = current[0] if current else None
        if self.container is not None and (there is None or there.id != self.container):
            raise StepMoved(
                _(
                    "The service {service} has another container than when it was looked at",
                    service=self.service,
                ),
                _("look again"),
            )
        return there

    def _files_before(self, bench: StepContext, there: Standing | None) -> tuple[str, ...]:
        """The list that made the container, if all of it is still there; else today's without what the plan creates."""
        made_with = there.config_files if there else ()
        if made_with and all(
            real_path(bench, path) not in bench.created and stat(bench, path).kind == "file" for path in made_with
        ):
            return made_with
        return tuple(path for path in self.files if real_path(bench, path) not in bench.created)

    def state(self, bench: StepContext) -> State:
        """After: another container is there in place of the one that was. With ``again`` it can always be done."""
        if self.again:
            return "before"
        there = of_service(bench.host, self.project, self.service)
        if any(one.id == self.container for one in there):
            return "before"
        if not there:
            return "before" if self.container is None else "moved"
        # made, but not yet under its name or not yet started: Compose was ended in the middle, and there is more to do
        return "before" if any(half_renamed(one) or one.state == "created" for one in there) else "after"

    def tidy(self, bench: StepContext) -> tuple[str, ...]:
        """Remove the container that Compose had made and not started; the next ``up`` would stumble over its name."""
        replaced = None if self.again else self.container
        twins = unstarted_twins(of_service(bench.host, self.project, self.service), replaced)
        for one in twins:
            with contextlib.suppress(NotFound):
                bench.host.control.remove(one.id)
        return tuple(_("Removed {one}, which Compose had made and not started", one=one.name) for one in twins)

    def untouched(self, bench: StepContext) -> bool:
        """Whether there is what was there: no container, one that runs on as it did, or one that does not run yet."""
        found = of_service(bench.host, self.project, self.service)
        if self.container is None or [one.id for one in found] != [self.container]:
            return self.container is None and not found
        there = of_container(bench.host, self.container)
        running = there is not None and there.state == "running"
        started = there.started_at if there is not None and running else None
        return there is not None and (running, started) == (self.was_running, self.started_at)

    def act(self, bench: StepContext) -> None:
        """Run Compose. Raises StepFailed with the end of its output, EngineUnreachable where the Engine went away."""
        reach("before_restart")
        require_files(bench, self.source)
        self._require_as_shown(bench)
        there = of_service(bench.host, self.project, self.service)
        # only a recreate gives a container its name back
        step = replace(self, force_recreate=self.force_recreate or any(half_renamed(one) for one in there))
        run_compose(bench, self.source, step.arguments())
        self.require_made(bench)

    def _require_as_shown(self, bench: StepContext) -> None:
        """Raises StepMoved where the files say something else than at the preview; a way back goes on all the same."""
        if self.makes is None or self.again:
            return
        shown = _kept(bench, self.makes)
        if found := changes(shown, would_make(bench, self.source, shown)):
            edited = "; ".join(map(told, found))
            raise StepMoved(
                _(
                    "The files of {service} were edited since the preview: {edited}",
                    service=self.service,
                    edited=edited,
                ),
                _("look again"),
            )

    def require_made(self, bench: StepContext) -> None:
        """Raises StepFailed unless the container is what the preview showed, as the Engine tells it."""
        if found := self._unlike(bench, self.makes):
            raise StepFailed(
                _("{service} is not what the preview showed: {found}", service=self.service, found="; ".join(found))
            )

    def lacks(self, bench: StepContext) -> tuple[str, ...]:
        """What the container is otherwise than before the fix that was taken back. StepFailed when it is gone."""
        return tuple(
            _("{service} is not as before the fix: {line}", service=self.service, line=line)
            for line in self._unlike(bench, self.replaces)
        )

    def _unlike(self, bench: StepContext, wanted: str | None) -> list[str]:
        if wanted is None:
            return []
        ids = [there.id for there in of_service(bench.host, self.project, self.service)]
        if len(ids) != 1:
            raise StepFailed(
                _("The service {service} has {count} containers now", service=self.service, count=len(ids))
            )
        return [told(change) for change in differs(bench, ids[0], _kept(bench, wanted))]


def run_compose(bench: StepContext, source: ServiceSource, arguments: Sequence[str]) -> None:
    """Run Compose on one service. Raises StepFailed, EndUnknown, or EngineUnreachable, with the end of its output."""
    result = bench.host.control.compose(source, arguments, deadline=120.0)
    if result.exit_code == 0:
        return
    said = f"docker compose {arguments[0]} of {source.service} ended with exit code {result.exit_code}"
    said += f": {_tail(result.output)}"
    if _LOST.search(result.output):
        raise EngineUnreachable(said)
    raise StepFailed(said) if 0 < result.exit_code < _SIGNALLED else EndUnknown(said)


def require_plain_names(*names: str) -> None:
    """Raises StepFailed for what Compose would take for an option."""
    for name in names:
        if not name or name.startswith("-") or any(c.isspace() or not c.isprintable() for c in name):
            raise StepFailed(_("{name!r} is no name that Compose takes", name=name))


def require_files(bench: StepContext, source: ServiceSource) -> None:
    """Raises StepFailed where a file that the service is made from is not there."""
    if not source.files:
        raise StepFailed(_("It is not known which compose files this service was made from"))
    missing = [path for path in source.files if stat(bench, path).kind != "file"]
    if missing:
        raise StepFailed(_("These compose files are not there: {missing}", missing=", ".join(missing)))
    missing = [path for path in source.env_files if stat(bench, path).kind != "file"]
    if missing:
        raise StepFailed(
            _(
                "{service} was started with --env-file {missing}, which is not there",
                service=source.service,
                missing=", ".join(missing),
            ),
            _("put it back, or bring the service up once with the env file that it shall have"),
        )


def _keep(bench: StepContext, definition: Definition) -> str:
    return bench.keep(msgspec.json.encode(definition))


def _kept(bench: StepContext, name: str | None) -> Definition:
    return msgspec.json.decode(bench.content(name), type=dict[str, str]) if name else {}


def _tail(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return masked(" | ".join(lines[-_TAIL:])) or _("it said nothing")
