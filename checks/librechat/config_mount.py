"""librechat.yaml is there, but the LibreChat container does not read it.

What it does
    Follows the configuration file from the project folder into the container: the path the server reads
    (``/app/librechat.yaml``, or ``CONFIG_PATH``, which begins at the working directory), the mount that puts a file
    there, the compose file that declares the mount, and the file on the host. Reported are: nothing mounted at that
    path; a ``CONFIG_PATH`` that leads past the mounted file; the mounted file missing; a directory in its place, made
    by Docker; a mount that the files declare and the container lacks, because it is older or because it was started
    with a ``-f`` list that leaves the override out; a file that changed after the server read it.

Why it matters
    LibreChat starts without its file and says so in one line of the log, which reads "Config file YAML format is
    invalid" even when the file is merely absent. Custom endpoints, model lists and the registration rules are then
    silently those of the defaults.

Fix
    Adds the mount to docker-compose.override.yml (never to docker-compose.yml), puts a file where one is missing or
    where Docker made an empty directory (a copy of librechat.example.yaml where there is one), points ``CONFIG_PATH``
    to the file that is mounted, and recreates the one service. A restart is not enough: it keeps the old list of
    mounts, and it fails with "not a directory" after a directory was replaced. Where nothing has been started yet only
    files are written.

Sources
    LibreChat loadCustomConfig.js and docker-compose.yml of v0.7.2 to v0.8.7 (no release mounts the file by default);
    LibreChat issues 3754, 5809, 2649, 2999; docker/compose issue 12797; mounts and restarts measured with Engine 20.10
    and Compose 2.26.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.fix.steps import (
    AddVolume,
    AnyStep,
    CopyOf,
    CreateFile,
    Edit,
    EditFile,
    EnvLine,
    ReplaceDirectoryByFile,
    SetServiceKeys,
    Text,
)
from ...console.model import FileFact, Volume
from ...console.products.librechat.reading import DEFAULT_PATH, NAMES
from ...console.text import N_, _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from ..compose import Override, Placed, override_for, placed
from ..subjects import Reach, fact_of, file_evidence, reach
from .process import ApiProcess, Given, api_of, moment, seen_at

NOT_MOUNTED = Form(
    "not-mounted", "{source} exists, but nothing is mounted at {target}",
    "A container has its own file system: a file beside the compose file is seen only if a volume puts it there",
    "add the mount to the override file{recreate}",
)  # fmt: skip
CONFIG_PATH = Form(
    "config-path", "CONFIG_PATH leads LibreChat to {target}, where there is no file",
    "{where} has CONFIG_PATH={setting}, which is a path inside the container{begins}. {instead}", "{way}",
)  # fmt: skip
SOURCE_MISSING = Form(
    "source-missing", "{source} is to be mounted at {target}, but it does not exist",
    "With a missing source Docker refuses to start the container, or makes an empty directory of that name",
    "create the file{recreate}",
)  # fmt: skip
DIRECTORY = Form(
    "directory", "{source} is a directory, LibreChat needs a file there",
    "The file was missing when the container was first started, so Docker made a directory of its name",
    "replace the directory by a file{recreate}",
)  # fmt: skip
NOT_A_FILE = Form(
    "not-a-file", "{source} is neither a file nor a directory",
    "LibreChat can only read a regular file", "put a regular file there by hand",
)  # fmt: skip
NOT_APPLIED = Form(
    "not-applied", "The compose files mount {source}, but the container was made before that",
    "A container keeps the mounts it was made with; a restart does not change them", "recreate the service",
)  # fmt: skip
MADE_ON_DIRECTORY = replace(
    NOT_APPLIED, variant="directory", because="The container was made while a directory was in the file's place"
)
OVERRIDE_NOT_IN_USE = Form(
    "override-not-in-use", "{declared_in} mounts {source}, but the container was started without that file",
    "With a list of files (-f or COMPOSE_FILE) Compose does not read the override file by itself",
    "recreate the service with the override file in the list",
)  # fmt: skip
CHANGED = Form(
    "changed", "{source} changed after LibreChat read it",
    "LibreChat reads its configuration once, when it starts",
    "recreate the service, so that it reads the file again", "warning",
)  # fmt: skip
FORMS = (
    NOT_MOUNTED, CONFIG_PATH, SOURCE_MISSING, DIRECTORY, NOT_A_FILE, NOT_APPLIED, MADE_ON_DIRECTORY,
    OVERRIDE_NOT_IN_USE, CHANGED,
)  # fmt: skip
MINIMAL = "# Smallest file LibreChat accepts. See librechat.example.yaml of your release.\nversion: 1.0.9\n"
"""Valid under the schemas of v0.7.2, v0.8.2 and v0.8.7."""
GRACE = 2.0
"""Seconds a file may be younger than the start of the container that read it: clocks and slow starts."""
Verdict = Form | str | tuple[str, str]
"""What is wrong, that all is well, or what cannot be told and why."""


@dataclass(frozen=True)
class MountCase:
    """One LibreChat service, and how its configuration file gets into it."""

    api: ApiProcess
    target: str
    """The path that the server reads, inside the container."""
    setting: Given | None = None
    """``CONFIG_PATH``, where that names the path."""
    real: Reach | None = None
    """The container's mount that decides the path."""
    declared: Reach | None = None
    """The same in the compose files, the override that is not in use among them."""
    right: str | None = None
    """Where the file is in truth, inside the container, when ``CONFIG_PATH`` leads elsewhere."""
    source: str | None = None
    """Host path of the file that is, or should be, mounted."""
    fact: FileFact | None = None
    example: str | None = None
    """Host path of an example beside it."""

    @property
    def place(self) -> Placed:
        """The service."""
        return self.api.place

    @property
    def to_write(self) -> str | None:
        """What ``CONFIG_PATH`` has to become; None: there is none, or only the container is older."""
        right = self.right or DEFAULT_PATH
        return None if self.setting is None or self.api.config_path_by_now == right else right

    @property
    def declared_in(self) -> str | None:
        """The compose file that declares the mount."""
        volume = self.declared.mount if self.declared else None
        return (volume.declared_in or None) if isinstance(volume, Volume) else None


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each LibreChat service that takes its configuration from a file."""
    for place in placed(snapshot, "librechat"):
        api = api_of(place, snapshot)
        if api.config_url:
            continue
        setting, target = api.config_path
        real = reach(target, place.container.mounts) if place.container else None
        declared = reach(target, place.declared.volumes) if place.declared else None
        declared = declared or (reach(target, place.left_out.volumes) if place.left_out else None)
        yield _judge(MountCase(api, target, setting, real, declared), snapshot)


def _judge(case: MountCase, snapshot: Snapshot) -> Found:
    real, declared = case.real, case.declared
    if real and (real.exact or not (declared and declared.exact)):
        return _mounted(case, real, snapshot) if real.kind == "bind" else _volume(case, snapshot)
    if declared:
        return _declared(case, declared, snapshot) if declared.kind == "bind" else _volume(case, snapshot)
    return _unmounted(case, snapshot)


def _told(case: MountCase, verdict: Verdict, snapshot: Snapshot) -> Found:
    subject, rows = case.place.subject, tuple(_rows(case, verdict, snapshot))
    if isinstance(verdict, str):
        return Fine(subject, verdict, rows)
    if isinstance(verdict, tuple):
        return Unknown(subject, *verdict, rows)
    words = {
        "source": str(case.source), "target": case.target, "declared_in": str(case.declared_in),
        "recreate": _(" and recreate the service") if case.place.container else "", **_of_setting(case),
    }  # fmt: skip
    example = fact_of(snapshot, posixpath.join(posixpath.dirname(case.source or ""), "librechat.example.yaml"))
    case = replace(case, example=example.path if example and example.kind == "file" else None)
    return Case(subject, verdict, case, rows, words, compose.severity_of(case.place.container, verdict.severity))


def _of_setting(case: MountCase) -> dict[str, str]:
    """Where ``CONFIG_PATH`` is set, what it means, and the way out."""
    if case.setting is None:
        return {}
    setting, where = case.setting.value or "", case.api.set_in("CONFIG_PATH")
    names = {"path": DEFAULT_PATH, "right": case.right, "where": where, "source": case.source,
             "folder": case.api.working_dir}  # fmt: skip
    instead, way = _("The file is at {right} there", **names), _("write CONFIG_PATH={right} in {where}", **names)
    if case.right == DEFAULT_PATH:
        way = _("point CONFIG_PATH to {path}; to take the line out of {where} does the same", **names)
    elif case.right is None:
        instead = _("No volume puts a librechat.yaml into it")
        way = _("point CONFIG_PATH to {path} in {where}, and mount {source} there", **names)
    if case.to_write is None:
        where, way = _("The container"), _("recreate the service: its files have the right path by now")
    begins = "" if setting.startswith("/") else _(" and begins at its working directory, {folder}", **names)
    return {"setting": setting, "where": where, "instead": instead, "way": way, "begins": begins}


def _mounted(case: MountCase, real: Reach, snapshot: Snapshot) -> Found:
    """The container has a mount that decides the path."""
    container, declared = case.place.container, case.declared
    case = replace(case, source=real.source, fact=fact_of(snapshot, real.source))
    if case.fact and case.fact.kind == "missing" and not real.exact:
        return _unmounted(case, snapshot)
    if bad := _bad_source(case):
        return _told(case, bad, snapshot)
    if container and container.error and "not a directory" in container.error:
        return _told(case, MADE_ON_DIRECTORY, snapshot)
    if declared and declared.exact and declared.source != real.source:
        other = fact_of(snapshot, declared.source)
        if other and case.fact and None not in (other.inode, case.fact.inode) and other.inode != case.fact.inode:
            return _told(replace(case, source=declared.source, fact=other), NOT_APPLIED, snapshot)
    if container and container.state in ("running", "paused") and _changed(case, real):
        return _told(case, CHANGED, snapshot)
    return _told(case, _("{source} is mounted at {target}", source=real.source, target=case.target), snapshot)


def _changed(case: MountCase, real: Reach) -> bool:
    started = case.place.container.started_at if case.place.container else None
    stale = real.exact and getattr(real.mount, "stale", None)
    return bool(stale or (case.fact and case.fact.mtime and started and case.fact.mtime > started + GRACE))


def _volume(case: MountCase, snapshot: Snapshot) -> Found:
    if _loaded(case.place, snapshot):
        return _told(case, _("LibreChat has loaded a configuration from {target}", target=case.target), snapshot)
    why = _("The path lies in a volume or a temporary file system, whose files are not looked at")
    return _told(case, (_("Whether {target} is a good file cannot be told", target=case.target), why), snapshot)


def _declared(case: MountCase, declared: Reach, snapshot: Snapshot) -> Found:
    """The compose files declare a mount that the container, if there is one, does not have."""
    case = replace(case, source=declared.source, fact=fact_of(snapshot, declared.source))
    if not declared.exact and case.fact and case.fact.kind == "missing":
        return _unmounted(case, snapshot)
    verdict = _bad_source(case) or (OVERRIDE_NOT_IN_USE if _left_out(case, snapshot) else None)
    fine = _("{source} will be mounted at {target}", source=declared.source, target=case.target)
    return _told(case, verdict or (NOT_APPLIED if case.place.container else fine), snapshot)


def _left_out(case: MountCase, snapshot: Snapshot) -> bool:
    """Whether the declaring file was deliberately not in the list the container was made with."""
    place, path = case.place, case.declared_in
    if not path or path in place.files:
        return False
    override = override_for(place)
    if override is None or not override.read_by_itself or place.container is None:
        return True
    fact, made = fact_of(snapshot, path), place.container.created_at
    return bool(fact and fact.mtime and made and fact.mtime < made)


def _unmounted(case: MountCase, snapshot: Snapshot) -> Found:
    """Nothing puts anything at the path, neither in the container nor in the files."""
    place, broken = case.place, case.place.broken_file
    if _loaded(place, snapshot):
        return _told(case, _("LibreChat has loaded {target} from its image", target=case.target), snapshot)
    if place.container is None and broken:
        return _told(case, (_("The compose files cannot be read"), f"{broken.path}: {broken.error}"), snapshot)
    if place.directory is None:
        why = _("The container was not started by Compose, so there is no project folder to look in")
        return _told(case, (_("Nothing is mounted; whether a file is meant to be cannot be told"), why), snapshot)
    names = dict.fromkeys((posixpath.basename(case.target), *NAMES))
    facts = [fact_of(snapshot, posixpath.join(place.directory, name)) for name in names]
    file = next((fact for fact in facts if fact and fact.kind == "file"), None)
    right = seen_at(place, posixpath.basename(case.target), snapshot) if case.setting else None
    case = replace(case, source=file.path if file else _("your {names}", names=NAMES[0]), fact=file, right=right)
    if case.right is None and all(fact is None or fact.kind == "unreadable" for fact in facts):
        why = _("The folder {directory} cannot be looked into from here", directory=place.directory)
        return _told(case, (_("Nothing is mounted; whether a file is meant to be cannot be told"), why), snapshot)
    if case.setting or file:
        return _told(case, CONFIG_PATH if case.setting else NOT_MOUNTED, snapshot)
    return _told(case, _("LibreChat runs on its defaults: there is no librechat.yaml"), snapshot)


def _loaded(place: Placed, snapshot: Snapshot) -> bool:
    return any(mark.mark == "librechat.config-loaded" for mark in compose.marks_since_start(snapshot, place.container))


def _bad_source(case: MountCase) -> Form | tuple[str, str] | None:
    """What is wrong with the file on the host, None when it is a file."""
    if case.fact is None or case.fact.kind == "unreadable":
        why = _("{source} cannot be looked at from here: the Engine is on another machine, or this user may not",
                source=case.source)  # fmt: skip
        return _("Whether the mounted file is there cannot be told"), why
    return {"missing": SOURCE_MISSING, "directory": DIRECTORY, "file": None}.get(case.fact.kind, NOT_A_FILE)


def _rows(case: MountCase, verdict: Verdict, snapshot: Snapshot) -> Iterator[Evidence]:
    container = case.place.container
    yield from file_evidence(case.fact, case.source or "")
    source = f"docker inspect {container.name}" if container else ""
    if container:
        seen = f"{case.real.kind} {case.real.source}" if case.real else "nothing"
        yield Evidence(_("mounted at {target}", target=case.target), seen, source)
    if case.declared:
        written = f"{case.declared.source}:{case.declared.mount.target}"
        yield Evidence(_("declared"), written, case.declared_in or _("compose files"))
    if verdict is CHANGED and container and case.fact:
        yield Evidence(_("file written"), moment(case.fact.mtime), case.source or "")
        yield Evidence(_("LibreChat started"), moment(container.started_at), source)
    yield from compose.log_evidence(snapshot, container, ("librechat.config",))[-1:]


def plan(case: Case[MountCase], _answers: Answers) -> Plan:
    """The file, or its mount, and the service made anew; only files where nothing has been started."""
    place, override = case.facts.place, _override(case)
    if refused := _refusal(case):
        return manual(refused)
    extra = (override.path,) if override and (case.form in (NOT_MOUNTED, CONFIG_PATH) or not case.facts.real) else ()
    up = compose.bring_up(place, extra=extra, force=True, start=not compose.put_away(place.container))
    return repair(
        *_file_steps(case, override), *((up,) if up else ()), says=_says(case, override),
        restarts=(place.subject,) if up else (), lock=place.directory, settle=5.0,
    )  # fmt: skip


def _override(case: Case[MountCase]) -> Override | None:
    """The file that declares the mount, or is to: the service is made from it too."""
    place, path, override = case.facts.place, case.facts.declared_in, override_for(case.facts.place)
    if case.form in (NOT_MOUNTED, CONFIG_PATH) or override is None:
        return override if _additions(case) else None
    return Override(path, True, override.read_by_itself, path in place.files) if path and not case.facts.real else None


def _refusal(case: Case[MountCase]) -> str | None:
    """Why this is left to the operator."""
    mount, place = case.facts, case.facts.place
    if case.form is NOT_A_FILE:
        return _("Move {source} away and put your librechat.yaml there as a regular file.", source=mount.source)
    if case.form is DIRECTORY and mount.fact and mount.fact.empty is not True:
        kept = _("{source} has content, which is not deleted.", source=mount.source)
        return _("{kept} Move it away, put your librechat.yaml there, look again.", kept=kept)
    if refused := compose.refusal(place, _(": make it anew with the mount in place.")):
        return refused
    if case.form is CONFIG_PATH and mount.right is None and mount.fact is None:
        fix = case.fix[:1].upper() + case.fix[1:]
        return _("{fix}, or mount your file at {target}.", fix=fix, target=mount.target)
    if case.form is OVERRIDE_NOT_IN_USE and place.container is None:
        path = mount.declared_in
        return _("Name {path} in COMPOSE_FILE, or take COMPOSE_FILE out of .env: it is not read otherwise.", path=path)
    return None


def _file_steps(case: Case[MountCase], override: Override | None) -> Iterator[AnyStep]:
    mount = case.facts
    if mount.source is None:
        return
    content = CopyOf(mount.example) if mount.example else Text(MINIMAL)
    if case.form is SOURCE_MISSING:
        yield CreateFile(path=mount.source, content=content)
    elif case.form is DIRECTORY:
        yield ReplaceDirectoryByFile(path=mount.source, content=content)
    elif case.form is CONFIG_PATH and mount.to_write and mount.api.in_dotenv("CONFIG_PATH"):
        yield EditFile(path=mount.api.env_file or "", edits=(EnvLine("CONFIG_PATH", mount.to_write),))
    additions = _additions(case)
    if override and additions:
        yield EditFile(path=override.path, edits=additions, create=not override.exists)


def _additions(case: Case[MountCase]) -> tuple[Edit, ...]:
    """What the override file is given: the mount where there is none, the setting where the compose file has it."""
    mount, service = case.facts, case.facts.place.service or ""
    if case.form not in (NOT_MOUNTED, CONFIG_PATH) or mount.source is None:
        return ()
    volume = AddVolume(service, f"./{posixpath.basename(mount.source)}", DEFAULT_PATH)
    right = SetServiceKeys(service, environment=(("CONFIG_PATH", mount.to_write or ""),))
    return (
        *((volume,) if mount.right is None else ()),
        *((right,) if mount.to_write and not mount.api.in_dotenv("CONFIG_PATH") else ()),
    )  # fmt: skip


def _says(case: Case[MountCase], override: Override | None) -> Iterator[str]:
    place = case.facts.place
    if place.container is None:
        yield _("Nothing of this service has been started: only files are written.")
    else:
        cuts = N_("{name} is recreated: answers that are being written at that moment are cut off.")
        ended = N_("{name} is not running now; it is recreated and started.")
        yield compose.left_so(place) or _(ended if place.state in compose.ENDED else cuts, name=place.subject)
        yield compose.NO_PULL
    if case.form in (SOURCE_MISSING, DIRECTORY):
        yield _("The new file is a starting point; put your own endpoints into it.")
    yield from compose.not_in_use(place, override) if override else ()
    if override and override.others:
        yield _("Compose reads only one override file; not used: {others}.", others=", ".join(override.others))


CHECK = Check(
    "librechat.config-mount", "librechat.yaml reaches LibreChat", __doc__ or "", FORMS, find, plan,
    reads=("containers", "projects", "services", "files", "log_marks"),
)  # fmt: skip
