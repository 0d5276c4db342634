"""What checks share about compose services: the container beside its declaration, mounts, files to edit, recreating.

Pure: everything is read from the Snapshot. Paths are host paths in POSIX form. Unknown stays None.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from ..console.findings import Evidence, FixSummary, Result, Severity
from ..console.model import (
    ComposeService,
    ConfigFile,
    Container,
    EnvVar,
    FileFact,
    LogMark,
    Mount,
    Project,
    Role,
    Service,
    Snapshot,
    Volume,
)
from ..console.plan import Plan
from ..console.steps import ComposeUp

LABEL_FILES = "com.docker.compose.project.config_files"
LABEL_DIRECTORY = "com.docker.compose.project.working_dir"
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
"""In the order Compose looks for them; it reads the first it finds. fact: compose-go DefaultOverrideFileNames"""
DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
STOPPED_BY_HAND = (0, 130, 137, 143)
"""Exit codes of a container that ended well or was stopped."""
ENDED = ("exited", "dead", "created")


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
        if self.container and self.container.service:
            return self.container.service
        return self.declared.name if self.declared else None

    @property
    def project_name(self) -> str | None:
        """Name of the compose project."""
        if self.container and self.container.project:
            return self.container.project
        return self.project.name if self.project else None

    @property
    def directory(self) -> str | None:
        """The project folder."""
        label = self.container.labels.get(LABEL_DIRECTORY) if self.container else None
        return label or (self.project.working_dir if self.project else None)

    @property
    def working_dir(self) -> str | None:
        """The working directory of the process, as far as container or declaration name one."""
        if self.container and self.container.working_dir:
            return self.container.working_dir
        return self.declared.working_dir if self.declared else None

    @property
    def user(self) -> str | None:
        """The user the container starts as; None when nobody says."""
        if self.container:
            return self.container.user
        return self.declared.user if self.declared else None

    @property
    def left_out(self) -> ComposeService | None:
        """What the automatic override declares for the service while it is not in use."""
        if self.project is None:
            return None
        return next((service for service in self.project.left_out if service.name == self.service), None)

    @property
    def files(self) -> tuple[str, ...]:
        """The compose files this service was made with, absolute, in order; else those Compose would read."""
        label = self.container.labels.get(LABEL_FILES) if self.container else None
        if label:
            base = self.directory or "/"
            return tuple(posixpath.normpath(posixpath.join(base, part)) for part in label.split(",") if part)
        return tuple(file.path for file in self.project.files if file.in_use) if self.project else ()

    @property
    def broken_file(self) -> ConfigFile | None:
        """The first compose file of the project that cannot be read or parsed."""
        return next((file for file in self.project.files if file.error), None) if self.project else None


@dataclass(frozen=True)
class Reach:
    """How a path inside the container is reached from the host."""

    kind: str
    """``bind``, ``volume``, ``tmpfs``, ..."""
    source: str
    """Host path of the very file (for binds), volume name otherwise."""
    exact: bool
    """True when the mount's target is the path itself, not a folder above it."""
    mount: Mount | Volume


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
    name = service.project or (container.project if container else None)
    project = project_of(snapshot, name, container.labels.get(LABEL_DIRECTORY) if container else None)
    wanted = service.compose_service or (container.service if container else None)
    declared = next((s for s in project.services if s.name == wanted), None) if project else None
    if container is None and (service.container or declared is None or project is None):
        return None
    subject = container.name if container else f"{project.name if project else ''}/{declared.name if declared else ''}"
    return Placed(subject, container, project, declared)


def project_of(snapshot: Snapshot, name: str | None, folder: str | None = None) -> Project | None:
    """The project of a name, and of a folder where that is told; None where only one of another folder is known.

    Folders called ``docker`` make projects of one name: what another folder declares says nothing of this container.
    """
    named = [project for project in snapshot.projects if name and project.name == name]
    if folder is None:
        return named[0] if named else None
    told = posixpath.normpath(folder)
    return next((p for p in named if p.working_dir is None or posixpath.normpath(p.working_dir) == told), None)


def within(path: str, folder: str) -> str | None:
    """The path relative to the folder, ``""`` for the folder itself, None outside of it."""
    path, folder = posixpath.normpath(path), posixpath.normpath(folder)
    if path == folder:
        return ""
    prefix = folder.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def reach(path: str, mounts: Iterable[Mount | Volume]) -> Reach | None:
    """The mount that decides what the container sees at ``path``: the longest target, the last of equals."""
    best: tuple[int, Reach] | None = None
    for mount in mounts:
        rest = within(path, mount.target)
        if rest is None:
            continue
        source = posixpath.normpath(posixpath.join(mount.source, rest)) if mount.kind == "bind" else mount.source
        if best is None or len(mount.target) >= best[0]:
            best = (len(mount.target), Reach(mount.kind, source, rest == "", mount))
    return best[1] if best else None


def fact_of(snapshot: Snapshot, path: str | None) -> FileFact | None:
    """What is known of a host path; None when nobody looked."""
    if path is None:
        return None
    wanted = posixpath.normpath(path)
    return next((fact for fact in snapshot.files if posixpath.normpath(fact.path) == wanted), None)


def value_of(name: str, *sources: Iterable[EnvVar]) -> str | None:
    """The first non-empty value of a variable; the last one within a source counts."""
    for source in sources:
        values = [var.value for var in source if var.name == name]
        if values and values[-1]:
            return values[-1]
    return None


def variable(name: str, place: Placed) -> str | None:
    """A variable as a process that reads ``.env`` itself sees it. fact: dotenv never overwrites the environment."""
    mounts = place.container.mounts if place.container else (place.declared.volumes if place.declared else ())
    reads_env = any(posixpath.basename(mount.target) == ".env" for mount in mounts)
    inside = place.container.env if place.container else (place.declared.env if place.declared else ())
    if place.container is None and place.declared and place.declared.env_files:
        reads_env = True
    return value_of(name, inside, place.project.env if reads_env and place.project else ())


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
        force_recreate=force, container=place.container.id, start=start,
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


def _reads_override_by_itself(place: Placed) -> bool:
    """An explicit list (-f, COMPOSE_FILE) switches the automatic override off. fact: compose, measured with 2.26.1."""
    if place.project and value_of("COMPOSE_FILE", place.project.env):
        return False
    return all(posixpath.basename(path) in DEFAULT_FILES + OVERRIDES for path in place.files)


def manual(result: Result, *says: str) -> Plan:
    """A plan that only says something."""
    return Plan(check=result.check, subject=result.subject, title=result.title, safety="manual", says=says)


def finding(
    check: str,
    subject: str,
    form: str,
    title: str,
    *,
    severity: Severity,
    because: str,
    evidence: tuple[Evidence, ...],
    fix: FixSummary,
) -> Result:
    """A finding with its fix in one line."""
    return Result(check, subject, "finding", title, severity, evidence, because, fix, form)


def file_evidence(fact: FileFact | None, path: str) -> tuple[Evidence, ...]:
    """What stat says, one fact per line."""
    if fact is None:
        return ()
    kind = fact.kind
    if fact.kind == "directory" and fact.empty is not None:
        kind_text = "empty directory" if fact.empty else "directory with content"
    else:
        kind_text = kind
    rows = [Evidence("on the host", kind_text, path)]
    if fact.mode is not None:
        rows.append(Evidence("mode", f"{fact.mode:04o}", path))
    if fact.uid is not None:
        rows.append(Evidence("owner", f"{fact.uid}:{fact.gid if fact.gid is not None else '?'}", path))
    return tuple(rows)
