"""librechat.yaml is there, but the LibreChat container does not read it.

What it does
    Follows the configuration file from the project folder into the container: the path the server reads
    (``/app/librechat.yaml`` or ``CONFIG_PATH``), the mount that puts a file there, the compose file that declares the
    mount, and the file on the host. Reported are: nothing mounted at that path; the mounted file missing; a directory
    in its place, made by Docker; a mount that the files declare and the container lacks, because it is older or because
    it was started with a ``-f`` list that leaves the override out; a file that changed after the server read it.

Why it matters
    LibreChat starts without its file and says so in one line of the log, which reads "Config file YAML format is
    invalid" even when the file is merely absent. Custom endpoints, model lists and the registration rules are then
    silently those of the defaults.

Fix
    Adds the mount to docker-compose.override.yml (never to docker-compose.yml), puts a file where one is missing or
    where Docker made an empty directory (a copy of librechat.example.yaml where there is one), and recreates the one
    service. A restart is not enough: it keeps the old list of mounts, and it fails with "not a directory" after a
    directory was replaced. Where nothing has been started yet only files are written.

Sources
    LibreChat loadCustomConfig.js and docker-compose.yml of v0.7.2 to v0.8.7 (no release mounts the file by default);
    LibreChat issues 3754, 5809, 2649, 2999; docker/compose issue 12797; mounts and restarts measured with Engine 20.10
    and Compose 2.26.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ...console.findings import Evidence, FixSummary, Result, Safety, Severity, Status
from ...console.model import FileFact, Snapshot, Volume
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.steps import AddVolume, AnyStep, CopyOf, CreateFile, EditFile, ReplaceDirectoryByFile, Text
from .. import Check, compose
from ..compose import Override, Placed, Reach, fact_of, override_for, placed, reach
from .config_mount_examples import EXAMPLES

ID = "librechat.config-mount"
DEFAULT_PATH = "/app/librechat.yaml"
NAMES = ("librechat.yaml", "librechat.yml")
MINIMAL = "# Smallest file LibreChat accepts. See librechat.example.yaml of your release.\nversion: 1.0.9\n"
"""fact: valid under the schemas of v0.7.2, v0.8.2 and v0.8.7"""
URL = re.compile(r"^https?://")
GRACE = 2.0
"""Seconds a file may be younger than the start of the container that read it: clocks and slow starts."""


@dataclass(frozen=True)
class Case:
    """One LibreChat service, judged. ``form`` None: healthy or not judged, as ``status`` says."""

    place: Placed
    status: Status = "ok"
    form: str | None = None
    title: str = ""
    because: str | None = None
    target: str = DEFAULT_PATH
    source: str | None = None
    """Host path of the file that is, or should be, mounted."""
    fact: FileFact | None = None
    real: Reach | None = None
    declared: Reach | None = None


WORDS: dict[str, tuple[str, str, str]] = {
    "not-mounted": (
        "{source} exists, but nothing is mounted at {target}",
        "A container has its own file system: a file beside the compose file is seen only if a volume puts it there",
        "add the mount to the override file and recreate the service",
    ),
    "source-missing": (
        "{source} is to be mounted at {target}, but it does not exist",
        "With a missing source Docker refuses to start the container, or makes an empty directory of that name",
        "create the file and recreate the service",
    ),
    "directory": (
        "{source} is a directory, LibreChat needs a file there",
        "The file was missing when the container was first started, so Docker made a directory of its name",
        "replace the directory by a file and recreate the service",
    ),
    "not-a-file": (
        "{source} is neither a file nor a directory",
        "LibreChat can only read a regular file",
        "put a regular file there by hand",
    ),
    "not-applied": (
        "The compose files mount {source}, but the container was made before that",
        "A container keeps the mounts it was made with; a restart does not change them",
        "recreate the service",
    ),
    "override-not-in-use": (
        "{declared_in} mounts {source}, but the container was started without that file",
        "With a list of files (-f or COMPOSE_FILE) Compose does not read the override file by itself",
        "recreate the service with the override file in the list",
    ),
    "changed": (
        "{source} changed after LibreChat read it",
        "LibreChat reads its configuration once, when it starts",
        "recreate the service, so that it reads the file again",
    ),
}
"""By form: title, cause, fix in one line."""


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per LibreChat service."""
    for place in placed(snapshot, "librechat"):
        yield _result(_diagnose(place, snapshot), snapshot)


def _diagnose(place: Placed, snapshot: Snapshot) -> Case:
    setting = compose.variable("CONFIG_PATH", place)
    if setting and URL.match(setting):
        return Case(place, "not_applicable", title="CONFIG_PATH is a URL: LibreChat fetches its configuration itself")
    if place.container and not place.container.detailed:
        return Case(place, "unknown", title="The container has not been inspected", because="its mounts are not known")
    target = posixpath.normpath(posixpath.join(place.working_dir or "/app", setting)) if setting else DEFAULT_PATH
    real = reach(target, place.container.mounts) if place.container else None
    declared = reach(target, place.declared.volumes) if place.declared else None
    declared = declared or (reach(target, place.left_out.volumes) if place.left_out else None)
    if real and (real.exact or not (declared and declared.exact)):
        return _mounted(Case(place, target=target, real=real, declared=declared), snapshot, explicit=bool(setting))
    if declared:
        return _declared(Case(place, target=target, declared=declared), snapshot)
    return _unmounted(Case(place, target=target), snapshot, explicit=bool(setting))


def _mounted(case: Case, snapshot: Snapshot, *, explicit: bool) -> Case:
    """The container has a mount that decides the path."""
    real = case.real
    if real is None or real.kind != "bind":
        return _volume(case, snapshot)
    fact = fact_of(snapshot, real.source)
    case = replace(case, source=real.source, fact=fact)
    if fact is not None and fact.kind == "missing" and not real.exact and not explicit:
        return replace(case, title="LibreChat runs on its defaults: there is no librechat.yaml")
    bad = _bad_source(case)
    if bad:
        return bad
    container, declared = case.place.container, case.declared
    if container and container.error and "not a directory" in container.error:
        return _found(case, "not-applied", "The container was made while a directory was in the file's place")
    other = (
        fact_of(snapshot, declared.source) if declared and declared.exact and declared.source != real.source else None
    )
    if declared and other and fact and None not in (other.inode, fact.inode) and other.inode != fact.inode:
        return _found(replace(case, source=declared.source, fact=other), "not-applied")
    if container and container.state in ("running", "paused") and _changed(case):
        return _found(case, "changed")
    return replace(case, title=f"{real.source} is mounted at {case.target}")


def _changed(case: Case) -> bool:
    started = case.place.container.started_at if case.place.container else None
    stale = getattr(case.real.mount, "stale", None) if case.real and case.real.exact else None
    newer = bool(case.fact and case.fact.mtime and started and case.fact.mtime > started + GRACE)
    return bool(stale) or newer


def _volume(case: Case, snapshot: Snapshot) -> Case:
    if _loaded(case.place, snapshot):
        return replace(case, title=f"LibreChat has loaded a configuration from {case.target}")
    because = "The path lies in a volume or a temporary file system, whose files are not looked at"
    return replace(
        case, status="unknown", title=f"Whether {case.target} is a good file cannot be told", because=because
    )


def _declared(case: Case, snapshot: Snapshot) -> Case:
    """The compose files declare a mount that the container, if there is one, does not have."""
    declared = case.declared
    if declared is None or declared.kind != "bind":
        return _volume(case, snapshot)
    case = replace(case, source=declared.source, fact=fact_of(snapshot, declared.source))
    if not declared.exact and case.fact and case.fact.kind == "missing":
        return replace(case, title="LibreChat will run on its defaults: there is no librechat.yaml")
    bad = _bad_source(case)
    if bad:
        return bad
    if _left_out(case, snapshot):
        return _found(case, "override-not-in-use")
    if case.place.container:
        return _found(case, "not-applied")
    return replace(case, title=f"{declared.source} will be mounted at {case.target}")


def _left_out(case: Case, snapshot: Snapshot) -> bool:
    """Whether the declaring file was deliberately not in the list the container was made with."""
    place, path = case.place, _declared_in(case)
    if not path or path in place.files:
        return False
    override = override_for(place)
    if override is None or not override.read_by_itself or place.container is None:
        return True
    fact = fact_of(snapshot, path)
    made = place.container.created_at
    return bool(fact and fact.mtime and made and fact.mtime < made)


def _unmounted(case: Case, snapshot: Snapshot, *, explicit: bool) -> Case:
    """Nothing puts anything at the path, neither in the container nor in the files."""
    place = case.place
    if _loaded(place, snapshot):
        return replace(case, title=f"LibreChat has loaded {case.target} from its image")
    broken = place.broken_file
    if place.container is None and broken:
        return replace(
            case, status="unknown", title="The compose files cannot be read", because=f"{broken.path}: {broken.error}"
        )
    if place.directory is None:
        because = "The container was not started by Compose, so there is no project folder to look in"
        return replace(
            case,
            status="unknown",
            title="Nothing is mounted; whether a file is meant to be cannot be told",
            because=because,
        )
    names = dict.fromkeys((posixpath.basename(case.target), *NAMES))
    facts = [fact_of(snapshot, posixpath.join(place.directory, name)) for name in names]
    file = next((fact for fact in facts if fact and fact.kind == "file"), None)
    if file:
        return _found(replace(case, source=file.path, fact=file), "not-mounted")
    if explicit:
        title = f"CONFIG_PATH names {case.target}, but nothing is mounted there"
        because = f"No file of that name lies in {place.directory} either"
        return _found(replace(case, title=title, source=posixpath.basename(case.target)), "not-mounted", because)
    if all(fact is None or fact.kind == "unreadable" for fact in facts):
        because = f"The folder {place.directory} cannot be looked into from here"
        return replace(
            case,
            status="unknown",
            title="Nothing is mounted; whether a file is meant to be cannot be told",
            because=because,
        )
    return replace(case, title="LibreChat runs on its defaults: there is no librechat.yaml")


def _loaded(place: Placed, snapshot: Snapshot) -> bool:
    return any(mark.mark == "librechat.config-loaded" for mark in compose.marks_since_start(snapshot, place.container))


def _bad_source(case: Case) -> Case | None:
    """What is wrong with the file on the host, None when it is a file."""
    fact = case.fact
    if fact is None or fact.kind == "unreadable":
        because = f"{case.source} cannot be looked at from here: the Engine is on another machine, or this user may not"
        return replace(
            case, status="unknown", title="Whether the mounted file is there cannot be told", because=because
        )
    if fact.kind == "missing":
        return _found(case, "source-missing")
    if fact.kind == "directory":
        return _found(case, "directory")
    return _found(case, "not-a-file") if fact.kind != "file" else None


def _found(case: Case, form: str, because: str | None = None) -> Case:
    return replace(case, status="finding", form=form, because=because)


def _declared_in(case: Case) -> str | None:
    volume = case.declared.mount if case.declared else None
    return (volume.declared_in or None) if isinstance(volume, Volume) else None


def _result(case: Case, snapshot: Snapshot) -> Result:
    place, evidence = case.place, _evidence(case, snapshot)
    if case.form is None:
        return Result(ID, place.subject, case.status, case.title, evidence=evidence, because=case.because)
    words, because, fix = WORDS[case.form]
    title = case.title or words.format(source=case.source, target=case.target, declared_in=_declared_in(case))
    safety = _plan_for(case, snapshot, Result(ID, place.subject, "finding", title)).safety
    fix = fix if place.container else fix.replace(" and recreate the service", "")
    severity: Severity = "warning" if case.form == "changed" else "error"
    return compose.finding(
        ID, place.subject, case.form, title, severity=severity, because=case.because or because, evidence=evidence,
        fix=FixSummary(safety, fix),
    )  # fmt: skip


def _evidence(case: Case, snapshot: Snapshot) -> tuple[Evidence, ...]:
    place, rows = case.place, list(compose.file_evidence(case.fact, case.source or ""))
    if place.container:
        seen = f"{case.real.kind} {case.real.source}" if case.real else "nothing"
        rows.append(Evidence(f"mounted at {case.target}", seen, f"docker inspect {place.container.name}"))
    if case.declared:
        rows.append(
            Evidence(
                "declared",
                f"{case.declared.source}:{case.declared.mount.target}",
                _declared_in(case) or "compose files",
            )
        )
    if case.form == "changed" and place.container:
        rows += [
            Evidence(label, datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"), source)
            for label, at, source in (
                ("file written", case.fact.mtime if case.fact else None, case.source or ""),
                ("LibreChat started", place.container.started_at, f"docker inspect {place.container.name}"),
            )
            if at is not None
        ]
    return (*rows, *compose.log_evidence(snapshot, place.container, ("librechat.config",))[-1:])


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """The repair of one compose.finding, from the same Snapshot."""
    case = next((_diagnose(p, snapshot) for p in placed(snapshot, "librechat") if p.subject == result.subject), None)
    if case is None or case.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    return _plan_for(case, snapshot, result)


def _plan_for(case: Case, snapshot: Snapshot, result: Result) -> Plan:
    place, override = case.place, override_for(case.place)
    refused = _refusal(case, override)
    if refused:
        return compose.manual(result, refused)
    steps: list[AnyStep] = list(_file_steps(case, snapshot, override))
    extra = override.path if override and case.form == "not-mounted" else _declared_in(case)
    up = compose.bring_up(place, extra=(extra,) if extra and not case.real else (), force=True)
    if up:
        steps.append(up)
    safety: Safety = "disruptive" if up else "safe"
    return Plan(
        check=ID, subject=place.subject, title=result.title, steps=tuple(steps), safety=safety,
        restarts=(place.subject,) if up else (), says=tuple(_says(case, override)), lock=place.directory, settle=5.0,
    )  # fmt: skip


def _refusal(case: Case, override: Override | None) -> str | None:
    """Why this is left to the operator."""
    place, broken = case.place, case.place.broken_file
    if case.form == "not-a-file":
        return f"Move {case.source} away and put your librechat.yaml there as a regular file."
    if case.form == "directory" and case.fact and case.fact.empty is not True:
        return (
            f"{case.source} has content, which is not deleted. Move it away, put your librechat.yaml there, look again."
        )
    if broken:
        return f"Repair {broken.path} first: {broken.error}"
    if place.container and compose.bring_up(place) is None:
        return "The container was not made by Compose, or its files are gone: make it anew with the mount in place."
    if case.form == "not-mounted" and case.fact is None:
        return f"Put {case.source} into {place.directory}, or take CONFIG_PATH out of the environment."
    if case.form == "not-mounted" and (override is None or place.service is None):
        return "Neither the project folder nor the service's name is known."
    if case.form == "override-not-in-use" and place.container is None:
        return f"Name {_declared_in(case)} in COMPOSE_FILE, or take COMPOSE_FILE out of .env: it is not read otherwise."
    return None


def _file_steps(case: Case, snapshot: Snapshot, override: Override | None) -> Iterator[AnyStep]:
    if case.source is None:
        return
    example = fact_of(snapshot, posixpath.join(posixpath.dirname(case.source), "librechat.example.yaml"))
    content = CopyOf(example.path) if example and example.kind == "file" else Text(MINIMAL)
    if case.form == "source-missing":
        yield CreateFile(path=case.source, content=content)
    elif case.form == "directory":
        yield ReplaceDirectoryByFile(path=case.source, content=content)
    elif case.form == "not-mounted" and override and case.place.service:
        volume = AddVolume(case.place.service, f"./{posixpath.basename(case.source)}", case.target)
        yield EditFile(path=override.path, edits=(volume,), create=not override.exists)


def _says(case: Case, override: Override | None) -> Iterator[str]:
    place = case.place
    if place.container is None:
        yield "Nothing of this service has been started: only files are written."
    elif place.state in compose.ENDED:
        yield f"{place.subject} is not running now; it is recreated and started."
    else:
        yield f"{place.subject} is recreated: answers that are being written at that moment are cut off."
    if place.container:
        yield "No image is pulled: a newer `latest` stays where it is."
    if case.form in ("source-missing", "directory"):
        yield "The new file is a starting point; put your own endpoints into it."
    added = override if override and case.form == "not-mounted" else None
    left_out = _declared_in(case) if not case.real else None
    path = added.path if added else left_out
    if place.container and path and path not in place.files and (added is None or added.exists):
        yield f"{path} was not in use: whatever else it declares for {place.service} takes effect now too."
    if override and not override.read_by_itself and path and path not in place.files:
        yield f"Your compose files are listed without {path}: add it to -f or COMPOSE_FILE, or the next `up` loses it."
    if added and added.others:
        yield f"Compose reads only one override file; not used: {', '.join(added.others)}."


CHECK = Check(
    id=ID, title="librechat.yaml reaches LibreChat", severity="error", doc=__doc__ or "", examine=examine, plan=plan,
    examples=EXAMPLES,
)  # fmt: skip
