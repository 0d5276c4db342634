"""What checks share about compose services: the container beside its declaration, mounts, files to edit, recreating.

Pure: everything is read from the Snapshot. Paths are host paths in POSIX form. Unknown stays None.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...console.compose.places import BY_ITSELF, CONFIG_FILES, ENV_FILES, OVERRIDES, WORKING_DIR, listed
from ...console.fix.plan import Plan
from ...console.fix.steps import ComposeUp, Edit, EditFile
from ...console.model import (
    ComposeService,
    ConfigFile,
    Container,
    EnvVar,
    LogMark,
    Mount,
    Port,
    Project,
    Role,
    ServerUser,
    Service,
    Snapshot,
    Volume,
)
from ...console.model.findings import Evidence, Severity
from ...console.text import N_, _
from .. import api
from ..subjects import within, worked_out_once

LABEL_FILES, LABEL_DIRECTORY = CONFIG_FILES, WORKING_DIR
STOPPED_BY_HAND = (0, 130, 137, 143)
"""Exit codes of a container that ended well or was stopped."""
LOOPBACK = re.compile(r"127\.|localhost$|::1$|\[::1\]$")
"""An address at which only the machine itself gets there."""
ENDED = ("exited", "dead", "created")
NO_PULL = N_("No image is pulled: a newer `latest` stays where it is.")
"""What is said wherever a service is recreated."""


@dataclass(frozen=True)
class Placed:
    """One service as both sides know it: the container the Engine has, and what the compose files declare."""

    subject: str
    """Container name, or ``project/service`` where there is no container."""
    container: Container | None
    project: Project | None
    declared: ComposeService | None

    @property
    def state(self) -> str | None:
        """The container's state; None without a container."""
        return self.container.state if self.container else None

    @property
    def service(self) -> str | None:
        """Name of the compose service."""
        own = self.container.service if self.container else None
        return own or (self.declared.name if self.declared else None)

    @property
    def project_name(self) -> str | None:
        """Name of the compose project."""
        own = self.container.project if self.container else None
        return own or (self.project.name if self.project else None)

    @property
    def directory(self) -> str | None:
        """The project folder."""
        label = self.container.labels.get(WORKING_DIR) if self.container else None
        return label or (self.project.working_dir if self.project else None)

    @property
    def working_dir(self) -> str | None:
        """The working directory of the process, as far as container or declaration name one."""
        own = self.container.working_dir if self.container else None
        return own or (self.declared.working_dir if self.declared else None)

    @property
    def told_by(self) -> Container | ComposeService | None:
        """Who says how it is started: the container, or its declaration where it has none."""
        return self.container or self.declared

    @property
    def user(self) -> str | None:
        """The user the container starts as; None when nobody says."""
        return self.told_by.user if self.told_by else None

    @property
    def image(self) -> str | None:
        """The image, as it is named."""
        return self.told_by.image if self.told_by else None

    @property
    def env(self) -> tuple[EnvVar, ...]:
        """The variables that the container is given."""
        return self.told_by.env if self.told_by else ()

    @property
    def words(self) -> tuple[str, ...]:
        """Entrypoint and command."""
        return (*self.told_by.entrypoint, *self.told_by.command) if self.told_by else ()

    @property
    def source(self) -> str:
        """Where what it says of itself was read."""
        return f"docker inspect {self.subject}" if self.container else _("compose files")

    @property
    def mounts(self) -> tuple[Mount, ...] | tuple[Volume, ...]:
        """What is mounted into it."""
        if self.container:
            return self.container.mounts
        return self.declared.volumes if self.declared else ()

    @property
    def left_out(self) -> ComposeService | None:
        """What the automatic override declares for the service while it is not in use."""
        return _named(self.project.left_out, self.service) if self.project else None

    @property
    def files(self) -> tuple[str, ...]:
        """The compose files this service was made with, absolute, in order; else those Compose would read."""
        told = listed(self.container.labels, CONFIG_FILES) if self.container else ()
        if told:
            return told
        return tuple(file.path for file in self.project.files if file.in_use) if self.project else ()

    @property
    def env_files(self) -> tuple[str, ...]:
        """What ``--env-file`` named when it was made, absolute, in order; empty: Compose reads the ``.env``."""
        if self.container:
            return listed(self.container.labels, ENV_FILES)
        return self.project.env_files if self.project else ()

    @property
    def broken_file(self) -> ConfigFile | None:
        """The first compose file of the project that cannot be read or parsed."""
        return next((file for file in self.project.files if file.error), None) if self.project else None


@dataclass(frozen=True)
class Override:
    """The compose file that takes an addition."""

    path: str
    exists: bool
    read_by_itself: bool
    """Whether a plain ``docker compose up`` reads it without being told."""
    in_use: bool
    others: tuple[str, ...] = ()
    """Further override files beside it, which Compose ignores."""


def placed(snapshot: Snapshot, role: Role) -> tuple[Placed, ...]:
    """All compose or container services of a role; native processes are left out."""
    found = [_place(snapshot, service) for service in snapshot.services if service.role == role]
    with_container = {(p.project_name, p.service) for p in found if p and p.container}
    unique: dict[str, Placed] = {}
    for one in found:
        if one and (one.container or (one.declared and (one.project_name, one.service) not in with_container)):
            unique.setdefault(one.subject, one)
    return tuple(unique.values())


def _place(snapshot: Snapshot, service: Service) -> Placed | None:
    container = next((c for c in snapshot.containers if service.container and c.id == service.container), None)
    if container is not None:
        return place_of(snapshot, container)
    project = project_of(snapshot, service.project)
    declared = declared_in(project, service.compose_service)
    if service.container or declared is None or project is None:
        return None
    return Placed(f"{project.name}/{declared.name}", None, project, declared)


def service_of(snapshot: Snapshot, place: Placed) -> Service | None:
    """What is known of its role and version."""
    if place.container is not None:
        return next((one for one in snapshot.services if one.container == place.container.id), None)
    owner = (place.project_name, place.service)
    return next((one for one in snapshot.services if owner == (one.project, one.compose_service)), None)


def place_of(snapshot: Snapshot, container: Container) -> Placed:
    """The container beside what the compose files declare."""
    project = project_of(snapshot, container.project, container.labels.get(WORKING_DIR))
    return Placed(container.name, container, project, declared_in(project, container.service))


def declared_in(project: Project | None, service: str | None) -> ComposeService | None:
    """What the project's files declare of a service."""
    return _named(project.services, service) if project else None


def _named(services: Iterable[ComposeService], name: str | None) -> ComposeService | None:
    return next((service for service in services if service.name == name), None)


@worked_out_once
def everybody(snapshot: Snapshot) -> Iterator[Placed]:
    """Every container, then every service that has none and that a plain ``docker compose up`` would start."""
    yield from (place_of(snapshot, container) for container in snapshot.containers)
    there = {(container.project, container.service) for container in snapshot.containers}
    for project in snapshot.projects:
        for service in project.services:
            if not service.profiles and (project.name, service.name) not in there:
                yield Placed(f"{project.name}/{service.name}", None, project, service)


def project_of(snapshot: Snapshot, name: str | None, folder: str | None = None) -> Project | None:
    """The project of a name, and of a folder where that is told; None where only one of another folder is known.

    Folders called ``docker`` make projects of one name: what another folder declares says nothing of this container.
    """
    named = [project for project in snapshot.projects if name and project.name == name]
    if folder is None:
        return named[0] if named else None
    told = posixpath.normpath(folder)
    return next((p for p in named if p.working_dir is None or posixpath.normpath(p.working_dir) == told), None)


def value_of(name: str, *sources: Iterable[EnvVar]) -> str | None:
    """The first non-empty value of a variable; the last one within a source counts."""
    for source in sources:
        values = [var.value for var in source if var.name == name]
        if values and values[-1]:
            return values[-1]
    return None


def marks_since_start(snapshot: Snapshot, container: Container | None) -> tuple[LogMark, ...]:
    """Marks in the container's log from its last start on, oldest first; those without a time are left out."""
    if container is None:
        return ()
    start = (container.started_at or 0.0) - 1.0
    own = [mark for mark in snapshot.log_marks if mark.container == container.id]
    return tuple(sorted((m for m in own if m.at is not None and m.at >= start), key=lambda m: m.at or 0.0))


def log_evidence(snapshot: Snapshot, container: Container | None, marks: tuple[str, ...]) -> tuple[Evidence, ...]:
    """Log lines since the start whose mark begins with one of these."""
    found = [mark for mark in marks_since_start(snapshot, container) if mark.mark.startswith(marks)]
    return tuple(Evidence("log", mark.text, f"docker logs {container.name}") for mark in found if container)


def open_ports(told: Container | ComposeService | None) -> Iterator[tuple[str, str]]:
    """Address and number of each TCP port on which other machines reach it, or will once it is started.

    ``*`` stands for every address, ``any`` for a number that Docker chooses.
    """
    if isinstance(told, Container):
        found = [(port.host_ip or "", str(port.host_port)) for port in told.ports if _is_open(port)]
    else:
        written = [text.partition("/") for text in told.ports] if told else []
        found = [_taken_apart(ports) for ports, _, protocol in written if protocol in ("", "tcp")]
    yield from ((address or "*", number) for address, number in found if not LOOPBACK.match(address))


def _is_open(port: Port) -> bool:
    return bool(port.host_port and port.protocol == "tcp")


def _taken_apart(text: str) -> tuple[str, str]:
    """Host address and port of a port as compose files write it."""
    head, _rest, _inner = text.rpartition(":")
    address, _rest, number = head.rpartition(":")
    return address, number or "any"


def put_away(container: Container | None) -> bool:
    """Whether it lies stopped because somebody stopped it, as far as can be told: no start and no run of it failed."""
    if container is None or container.state not in ("exited", "dead") or container.error:
        return False
    return container.exit_code in STOPPED_BY_HAND and not (container.oom_killed and container.exit_code == 137)


def bring_up(
    place: Placed, *, extra: tuple[str, ...] = (), force: bool = False, start: bool = True
) -> ComposeUp | None:
    """The step that recreates or starts the service; None when Compose did not make it or its files are not known.

    ``start`` False: it is made anew and left stopped.
    """
    if place.container is None or not (place.project_name and place.service and place.directory and place.files):
        return None
    files = place.files + tuple(path for path in extra if path not in place.files)
    return ComposeUp(
        project=place.project_name, directory=place.directory, files=files, service=place.service,
        env_files=place.env_files, force_recreate=force, container=place.container.id, start=start,
    )  # fmt: skip


def override_for(place: Placed) -> Override | None:
    """Which file an addition goes to: never the base file, the override in use first; None without a project folder."""
    if place.directory is None:
        return None
    known = tuple(file.path for file in place.project.files) if place.project else ()
    twins = [posixpath.join(place.directory, name) for name in OVERRIDES]
    there = [path for path in twins if path in known or path in place.files]
    plain = _reads_override_by_itself(place)
    used = [path for path in place.files[1:] if path in there]
    if used:
        return Override(used[-1], True, plain, True, tuple(path for path in there if path != used[-1]))
    own_list = [path for path in place.files[1:] if within(path, place.directory)]
    if own_list and not plain:
        return Override(own_list[-1], True, False, True)
    if there:
        return Override(there[0], True, plain, False, tuple(there[1:]))
    return Override(posixpath.join(place.directory, "docker-compose.override.yml"), False, plain, False)


def through_override(place: Placed, *edits: Edit, start: bool = True) -> tuple[EditFile | ComposeUp, ...]:
    """Write this into the override and recreate the service, where it has a container; empty: that is not possible."""
    target = override_for(place)
    if target is None or place.service is None:
        return ()
    written = EditFile(target.path, edits, create=not target.exists)
    up = bring_up(place, extra=(target.path,), start=start)
    if place.container is None:
        return (written,)
    return (written, up) if up else ()


def _reads_override_by_itself(place: Placed) -> bool:
    """An explicit list (-f, COMPOSE_FILE) switches the automatic override off. fact: compose, measured with 2.26.1."""
    if place.project and value_of("COMPOSE_FILE", place.project.env):
        return False
    return all(posixpath.basename(path) in BY_ITSELF for path in place.files)


def severity_of(container: Container | None, usual: Severity) -> Severity:
    """A container that somebody stopped does no harm until it is started again."""
    return "info" if put_away(container) else usual


def used_by(users: Iterable[ServerUser]) -> tuple[Evidence, ...]:
    """Who is set up to use a server, one a line."""
    rows = (_("{who} at {address}", who=user.who, address=user.address) if user.address else user.who for user in users)
    return tuple(Evidence(_("used by"), who, _("settings of the stack")) for who in rows)


def left_so(place: Placed) -> str | None:
    """What is said of a container that somebody stopped, as its repair does not start it; None of any other."""
    return (
        _("{place} lies stopped: it is made anew and left so.", place=place.subject)
        if put_away(place.container)
        else None
    )


def refusal(place: Placed, otherwise: str = N_(".")) -> str | None:
    """Why the service cannot be changed and made anew here; ``otherwise`` ends the sentence for one without Compose."""
    if place.broken_file:
        return _("Repair {path} first: {error}", path=place.broken_file.path, error=place.broken_file.error)
    if place.service is None or place.directory is None or (place.container and bring_up(place) is None):
        return _("The container was not made by Compose, or its files are gone{otherwise}", otherwise=_(otherwise))
    return None


def not_in_use(place: Placed, override: Override) -> Iterator[str]:
    """What to know before an override file is written that Compose does not read now."""
    if override.in_use:
        return
    if place.container and override.exists:
        yield _(
            "{path} was not in use: whatever else it declares for {service} takes effect now too.",
            path=override.path,
            service=place.service,
        )
    if not override.read_by_itself:
        listed = _("Your compose files are listed without {path}", path=override.path)
        yield _("{listed}: add it to -f or COMPOSE_FILE, or the next `up` loses it.", listed=listed)


def edit_override(place: Placed, edit: Edit, *says: str | None, settle: float = 10.0) -> Plan:
    """One addition to the override file, then the service made anew; a container that somebody stopped stays so.

    Only where :func:`refusal` says nothing.
    """
    override, steps = override_for(place), through_override(place, edit, start=not put_away(place.container))
    told = [line for line in says if line]
    return api.repair(
        *steps, says=(*told, *not_in_use(place, override)) if override else told,
        restarts=(place.service or "",) if len(steps) > 1 else (), lock=place.directory, settle=settle, deadline=90.0,
    )  # fmt: skip
