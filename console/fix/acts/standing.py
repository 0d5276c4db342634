"""Where a container stands right now, asked of the Engine itself, and the steps that start, stop or restart one.

Steps run in worker threads, so the Engine's asynchronous reads get a short-lived event loop of their own. What they
change goes through ``Host.control`` only.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from ...compose.places import CONFIG_FILES, ENV_FILES, listed
from ...hosts import Engine, EngineUnreachable, Host, HostError, NotFound, engine_api
from ...hosts.acting import reach
from ...hosts.call import run
from ...hosts.engine_api import ImageInspected, Inspected, Listed, decode
from ...hosts.engine_api import State as EngineState
from ...text import _
from ...text.cleaning import masked
from .base import PreparedStep, State, Step, StepContext, StepFailed, StepMoved

LYING = ("created", "exited", "dead")
"""States, in the Engine's words, of a container that nothing but a start brings up."""
_DEADLINE = 10.0
_LABEL = "com.docker.compose."


class Standing(Struct, frozen=True):
    """One container at one moment."""

    id: str
    name: str
    state: str
    """``running``, ``exited``, ``restarting``, ... in the Engine's words."""
    started_at: str | None = None
    """The Engine's own text; only ever compared for equality."""
    config_files: tuple[str, ...] = ()
    """The compose files it was made with, absolute, in order. fact: label com.docker.compose.project.config_files"""
    env_files: tuple[str, ...] = ()
    """What ``--env-file`` named then. fact: label com.docker.compose.project.environment_file"""


def of_service(host: Host, project: str, service: str) -> tuple[Standing, ...]:
    """The containers of a compose service, one-off runs left out. Raises HostError when the Engine does not tell."""
    rows = decode(asked(host, lambda engine: engine.containers()), list[Listed], "the list of containers")
    return tuple(_listed(row) for row in rows if row.id and _belongs(row.labels or {}, project, service))


def of_container(host: Host, container: str) -> Standing | None:
    """One container by id or name; None when it is gone. Raises HostError when the Engine does not tell."""
    row = inspected(host, container)
    if row is None:
        return None
    labels, state = row.config.labels if row.config else None, row.state or EngineState()
    name, status = (row.name or "").lstrip("/"), state.status or "unknown"
    return Standing(row.id or "", name, status, state.started_at, *_made_with(labels))


def inspected(host: Host, container: str) -> Inspected | None:
    """What a container is made with; None when it is gone. It holds secrets: never shown."""
    try:
        return engine_api.inspected(asked(host, lambda engine: engine.inspect(container)))
    except NotFound:
        return None


def image_named(host: Host, name: str, *, missing_is: ImageInspected | None = None) -> ImageInspected:
    """An image of this machine. Raises StepFailed where it is not here: nothing is pulled."""
    try:
        return decode(asked(host, lambda engine: engine.image(name)), ImageInspected, "an image")
    except NotFound:
        if missing_is is not None:
            return missing_is
        raise StepFailed(
            _("The image {name} is not on this machine, and no fix pulls one", name=name), f"docker pull {name}"
        ) from None


def unstarted_twins(there: Sequence[Standing], replaced: str | None = None) -> tuple[Standing, ...]:
    """Containers that Compose had made in place of another one of these, and never came to start.

    fact: Compose from 2.16 makes the new one as ``<12 digits of the old id>_NAME``, stops and removes the old one, then
    renames the new; up to 2.15 it renames the old one so before it makes the new. Only those for ``replaced``, if told.
    """
    old = [one for one in there if replaced in (None, one.id)]
    return tuple(
        new
        for new in there
        if new.state == "created"
        and any(new.name.startswith(f"{one.id[:12]}_") or one.name == f"{one.id[:12]}_{new.name}" for one in old)
    )


def half_renamed(there: Standing) -> bool:
    """Whether it has the name that Compose gives it only for the moment of a recreate."""
    return re.match(r"[0-9a-f]{12}_.", there.name) is not None


def environment_of(host: Host, container: str) -> dict[str, str]:
    """The variables of a container as it is now; empty when it is gone. They hold secrets: never shown, never kept."""
    row = inspected(host, container)
    env = row.config.env if row and row.config else None
    pairs = (entry.partition("=") for entry in env or () if entry)
    return {name: value for name, _, value in pairs}


def _belongs(labels: Mapping[str, str | None], project: str, service: str) -> bool:
    named = (labels.get(f"{_LABEL}project"), labels.get(f"{_LABEL}service")) == (project, service)
    return named and (labels.get(f"{_LABEL}oneoff") or "False").lower() != "true"


def _listed(row: Listed) -> Standing:
    name = (row.names or [""])[0] or ""
    return Standing(row.id or "", name.lstrip("/"), row.state or "unknown", None, *_made_with(row.labels))


def _made_with(labels: Mapping[str, str | None] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    told = {name: value or "" for name, value in (labels or {}).items()}
    return listed(told, CONFIG_FILES), listed(told, ENV_FILES)


def asked(host: Host, question: Callable[[Engine], Awaitable[bytes]], deadline: float = _DEADLINE) -> bytes:
    """One read of the Engine from a worker thread. Raises HostError when it does not tell, or not in time."""
    engine = host.engine
    if engine is None:
        raise StepFailed(
            _("No Docker Engine is known, so no service can be restarted"),
            _("name one: stackops --host URL, or DOCKER_HOST"),
        )

    async def ask() -> bytes:
        async with asyncio.timeout(deadline):
            return await question(engine)

    try:
        return run(ask())
    except TimeoutError:
        raise EngineUnreachable(_("The Engine did not answer within {deadline:.0f} s", deadline=deadline)) from None


def engine_away(host: Host) -> EngineUnreachable | None:
    """Why the Engine of a host cannot be reached now; None where it can, or where none is known."""
    if host.engine is None:
        return None
    try:
        asked(host, lambda engine: engine.containers())
    except EngineUnreachable as error:
        return error
    except HostError:
        return None  # it answers, though not well
    return None


_STANDS: dict[bool | None, State] = {True: "before", False: "after", None: "moved"}
"""Of a start, by whether the container lies stopped."""


class ServiceStep(Step, frozen=True, kw_only=True):
    """A step that a service is down for."""

    is_service_step: ClassVar[bool] = True

    container: str | None = None
    """Id of the container it restarts or replaces, None when there is none."""
    was_running: bool = False
    """Whether it ran well before, so that it has to afterwards. Set by ``prepare``."""
    started_at: str | None = None
    """When it was started, in the Engine's words. Set by ``prepare``."""
    again: bool = False
    """Set when it is taken back or done again: whatever container is there by then will do."""

    @property
    def affects(self) -> str | None:
        """The container that it restarts or replaces."""
        return self.container

    @property
    def keeps_running(self) -> bool:
        """Whether the service ran well before."""
        return self.was_running

    @property
    def needs_container(self) -> bool:
        """A service that is acted on has a container afterwards."""
        return True

    def seen(self, host: Host) -> tuple[str, str | None] | None:
        """State and start of its container."""
        there = self.there(host)
        return None if there is None else (there.state, there.started_at)

    @abstractmethod
    def there(self, host: Host) -> Standing | None:
        """Its container as it is now. Raises HostError where the Engine does not say."""


class RestartContainer(ServiceStep, frozen=True):
    """Restart one container with the definition it has."""

    repeated_to_follow: ClassVar[bool] = True
    deadline: ClassVar[float] = 40.0

    container: str
    name: str

    def describe(self) -> str:
        """One sentence: what it does."""
        return _("Restart the container {it}; it is down meanwhile", it=self.name)

    def audit_name(self) -> str:
        """Name and id."""
        return f"container {self.name} {self.container}"

    def there(self, host: Host) -> Standing | None:
        """The container; done again, one of the same name will do."""
        return of_container(host, self.container) or (of_container(host, self.name) if self.again else None)

    def repeated(self) -> RestartContainer:
        """Restart the container of this name that is there by then."""
        return replace(self, again=True)

    def command(self) -> str:
        """The whole command line, to be shown."""
        return masked(f"$ docker restart {shlex.quote(self.name)}")

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Find the container. Raises StepMoved when it is gone. What takes it back is another restart."""
        there = of_container(bench.host, self.container)
        if there is None:
            raise StepMoved(_("The container {it} is gone", it=self.name), _("look again"))
        step = replace(self, container=there.id, was_running=there.state == "running", started_at=there.started_at)
        return PreparedStep(step, replace(step, again=True), step.command())

    def prepare_back(self, bench: StepContext, step: Step) -> tuple[Step, Step] | None:
        """It follows its files when somebody starts it, if it lies stopped now. Raises StepMoved when it is gone."""
        there = self.there(bench.host)
        if there is None:
            raise StepMoved(_("The container {it} is gone", it=self.name), _("look again"))
        return None if there.state in LYING else (self, step.repeated())

    def state(self, bench: StepContext) -> State:
        """A container that is there can be restarted; whether it was is for the journal to tell."""
        if self.again:
            return "before"
        return "before" if of_container(bench.host, self.container) else "moved"

    def untouched(self, bench: StepContext) -> bool:
        """Whether it runs on as it did, or lies as it lay."""
        there = of_container(bench.host, self.container)
        running = there is not None and there.state == "running"
        return there is not None and (running, there.started_at) == (self.was_running, self.started_at)

    def no_worse(self, bench: StepContext) -> bool:
        """Whether it runs, or did not run before."""
        there = of_container(bench.host, self.container)
        return there is not None and (there.state == "running" or not self.was_running)

    def act(self, bench: StepContext) -> None:
        """Restart it. Raises StepFailed when it does not start anew."""
        reach("before_restart")
        was = self.there(bench.host)
        if was is None:
            raise StepMoved(_("The container {it} is gone", it=self.name))
        bench.host.control.restart(was.id)
        now = of_container(bench.host, was.id)
        if now is None or (now.started_at is not None and now.started_at == was.started_at):
            raise StepFailed(_("The container {it} did not start anew", it=self.name))


class _OneContainer(Step, frozen=True):
    """What starting and stopping one container have in common."""

    is_service_step: ClassVar[bool] = True
    undone_alone: ClassVar[bool] = True
    deadline: ClassVar[float] = 40.0
    verb: ClassVar[str] = ""

    container: str
    name: str

    @property
    def target(self) -> str:
        """The container's name."""
        return self.name

    def audit_name(self) -> str:
        """Name and id."""
        return f"container {self.name} {self.container}"

    def command(self) -> str:
        """The whole command line, to be shown."""
        return masked(f"$ docker {self.verb} {shlex.quote(self.name)}")

    def lies(self, bench: StepContext) -> bool | None:
        """Whether it lies stopped; None where it is gone."""
        there = of_container(bench.host, self.container)
        return None if there is None else there.state in LYING

    def prepared(self, bench: StepContext, inverse: Step) -> PreparedStep:
        """The exact step. Raises StepMoved when the container is gone."""
        if self.lies(bench) is None:
            raise StepMoved(_("The container {it} is gone", it=self.name), _("look again"))
        return PreparedStep(self, inverse, self.command(), self.state(bench) == "before")


class StartContainer(_OneContainer, frozen=True):
    """Start one container that lies stopped; nothing of it is changed, and nothing else is restarted."""

    verb: ClassVar[str] = "start"

    def describe(self) -> str:
        """One sentence: what it does."""
        return _("Start the container {it}, as it was made", it=self.name)

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Find the container. What takes it back is a stop."""
        return self.prepared(bench, StopContainer(self.container, self.name))

    def state(self, bench: StepContext) -> State:
        """By whether it runs."""
        return _STANDS[self.lies(bench)]

    def act(self, bench: StepContext) -> None:
        """Start it. Raises StepFailed, with the Engine's reason, when it does not start."""
        reach("before_restart")
        bench.host.control.start(self.container)
        there = of_container(bench.host, self.container)
        if there is None or there.state == "created":
            raise StepFailed(_("The container {it} did not start", it=self.name))


class StopContainer(_OneContainer, frozen=True):
    """The way back of a start."""

    verb: ClassVar[str] = "stop"

    @property
    def affects(self) -> str | None:
        """The container that it stops."""
        return self.container

    def describe(self) -> str:
        """One sentence: what it does."""
        return _("Stop the container {it} again", it=self.name)

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Find the container. What takes it back is a start."""
        return self.prepared(bench, StartContainer(self.container, self.name))

    def prepare_back(self, bench: StepContext, step: Step) -> tuple[Step, Step] | None:
        """Nothing is to do where it lies stopped already. Raises StepMoved when the container is gone."""
        prepared = self.prepare(bench)
        return (self, step.repeated()) if prepared.changes else None

    def state(self, bench: StepContext) -> State:
        """By whether it runs."""
        lies = self.lies(bench)
        return _STANDS[lies if lies is None else not lies]

    def act(self, bench: StepContext) -> None:
        """Stop it."""
        reach("before_restart")
        bench.host.control.stop(self.container)
