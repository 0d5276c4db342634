"""A service run by more or fewer containers, through the compose CLI. None that runs and stays is touched."""

from __future__ import annotations

import shlex
from typing import ClassVar

from msgspec.structs import replace

from ...hosts.acting import reach
from ...text import _
from ...text.cleaning import clean_line, masked
from .base import PreparedStep, State, Step, StepContext, StepFailed, StepMoved
from .recreating import ServiceSource, as_it_is
from .services import require_files, require_plain_names, run_compose
from .standing import of_service


class ScaleService(Step, frozen=True):
    """Run so many containers of a service: ``docker compose up -d --no-recreate --scale SERVICE=COUNT SERVICE``.

    fact: docker/compose pkg/compose/convergence.go: going down removes obsolete ones first, then the highest numbers.
    """

    named_by: ClassVar[str] = "service"
    is_service_step: ClassVar[bool] = True
    undone_alone: ClassVar[bool] = True
    deadline: ClassVar[float] = 150.0

    project: str
    directory: str
    files: tuple[str, ...]
    """All compose files, absolute, in order."""
    service: str
    count: int
    former: int = 0
    """How many there are. Set by ``prepare``."""
    env_files: tuple[str, ...] = ()
    again: bool = False
    """Set on an inverse: a failed step may have left any number."""

    def describe(self) -> str:
        """One sentence: what it does."""
        what = _(
            "Run {count} instead of {former} containers of {service}",
            count=self.count,
            former=self.former,
            service=self.service,
        )
        if not self.loses:
            return _("{what}; those that run go on", what=what)
        return _(
            "{what}; the ones with the highest numbers are removed, with what they wrote outside volumes",
            what=what,
        )

    @property
    def loses(self) -> bool:
        """Removed containers take along what they wrote outside volumes."""
        return self.count < self.former

    def audit_name(self) -> str:
        """Project and service."""
        return f"service {self.project}/{self.service}"

    @property
    def source(self) -> ServiceSource:
        """From which files the service is made."""
        return ServiceSource(self.project, self.directory, self.files, self.env_files, self.service)

    def arguments(self) -> list[str]:
        """What ``docker compose`` is told after the files."""
        how = ["up", "-d", "--no-deps", "--no-build", "--pull", "never", "--no-recreate"]
        return [*how, "--scale", f"{self.service}={self.count}", self.service]

    def command(self) -> str:
        """The whole command line, to be shown."""
        return masked(f"$ {shlex.join(['docker', 'compose', *self.source.flags, *self.arguments()])}")

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Count, and see whether more than one can be. Raises StepFailed with the setting that forbids it."""
        require_plain_names(self.project, self.service)
        there = of_service(bench.host, self.project, self.service)
        if not there:
            raise StepMoved(_("The service {service} has no container any more", service=self.service), _("look again"))
        step = replace(self, former=len(there), env_files=self.env_files or there[0].env_files)
        require_files(bench, step.source)
        if step.count > max(1, step.former):
            _require_scalable(bench, step.source, step.count)
        inverse = replace(step, count=step.former, former=step.count, again=True)
        return PreparedStep(step, inverse, step.command(), changes=step.count != step.former)

    def prepare_back(self, bench: StepContext, step: Step) -> tuple[Step, Step] | None:
        """The former number again, unless somebody has chosen another one since. Raises StepMoved then."""
        require_files(bench, self.source)
        now = len(of_service(bench.host, self.project, self.service))
        if now not in (self.count, self.former):
            raise StepMoved(
                _(
                    "{service} has {now} containers now, and had {former} after the fix",
                    service=self.service,
                    now=now,
                    former=self.former,
                ),
                _("look again"),
            )
        return None if now == self.count else (self, step.repeated())

    def repeated(self) -> ScaleService:
        """To this number, from whatever there is by then."""
        return replace(self, again=True)

    def state(self, bench: StepContext) -> State:
        """By how many there are."""
        now = len(of_service(bench.host, self.project, self.service))
        if now == self.count:
            return "after"
        return "before" if self.again or now == self.former else "moved"

    def untouched(self, bench: StepContext) -> bool:
        """Whether there are as many as there were."""
        return len(of_service(bench.host, self.project, self.service)) == self.former

    def act(self, bench: StepContext) -> None:
        """Run Compose. Raises StepFailed with the end of its output, EngineUnreachable where the Engine went away."""
        reach("before_restart")
        require_files(bench, self.source)
        run_compose(bench, self.source, self.arguments())
        self.require_made(bench)

    def require_made(self, bench: StepContext) -> None:
        """Raises StepFailed unless there are as many as were asked for."""
        now = len(of_service(bench.host, self.project, self.service))
        if now != self.count:
            raise StepFailed(
                _(
                    "{service} has {now} containers now, and {count} were asked for",
                    service=self.service,
                    now=now,
                    count=self.count,
                )
            )


def _require_scalable(bench: StepContext, source: ServiceSource, count: int) -> None:
    """Raises StepFailed where two containers of the service would want the same name, or the same port of the host.

    fact: compose-spec: no scaling beyond one with ``container_name``; a published range gives each container its own.
    """
    own = (as_it_is(bench, source).config.get("services") or {}).get(source.service) or {}
    if name := own.get("container_name"):
        raise StepFailed(
            _(
                "{service} has the fixed name {name}, and only one container can have a name",
                service=source.service,
                name=clean_line(str(name), 60),
            ),
            _("take container_name out of its compose file, and bring the service up once"),
        )
    for port in own.get("ports") or ():
        published = str(port.get("published") or "")
        first, _rest, last = published.partition("-")
        if published and int(last or first) - int(first) + 1 < count:
            raise StepFailed(
                _(
                    "{service} publishes port {published}, and a port of the host leads to one container only",
                    service=source.service,
                    published=published,
                ),
                _("publish a range of {count} ports, or none: put a proxy before the service", count=count),
            )
