"""A container runs something else than its compose files say now.

What it does
    Where a compose file, .env or env file is newer than a container, compares what the container was made of with what
    the files say now: image, command, mounts, ports and variables, and Compose's own config-hash where the same Compose
    made it. Names of variables are told, values never. Stacks with LibreChat are librechat.not-applied's, and a One API
    that only has to read its file again is oneapi.restart's.

Why it matters
    `docker compose restart` keeps the old definition. The files are right, people look at them again and again, and the
    container does what it did before.

Fix
    The one container is recreated from its files as they are. A database is left to you where its image, a mount or
    more than can be told apart changed, and where its image names no release: make a backup first.

Sources
    The Compose CLI's manual, restart and up; labels and `config --hash` measured with Compose 2.26.1; FastGPT's
    deployment manual ("down" and "up -d" after each change).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.fix.plan import Plan
from ...console.model import ComposeService, Container, FileFact, Role, Snapshot
from ...console.model.findings import Evidence
from ...console.products.services import (
    LABEL_HASH,
    LABEL_VERSION,
    newer_than_container,
    role_of_container,
    same_compose,
)
from ...console.products.versions import is_newest
from ...console.settings import Settings
from ...console.text import N_, _
from ..api import Answers, Case, Check, Fine, Form, Found, Unknown, manual, repair
from ..subjects import taken, wanted
from . import NO_PULL, Placed, bring_up, place_of, refusal

RUNS = ("running", "paused", "restarting")
DEPENDS_ON = "com.docker.compose.depends_on"
PLACES = frozenset({"image", N_("mounts"), N_("its definition"), "PGDATA"})
"""What decides which data a database finds, and with which release."""
SHELL = N_("A value that only a shell gave is lost: write it into the .env first.")
KEEPS_DATA: frozenset[Role] = frozenset({
    "mongo", "postgres", "mysql", "redis", "meilisearch", "milvus", "minio", "vector_db", "search", "database",
})  # fmt: skip

CHANGED = Form(
    "changed", "{subject} runs with what its files said before: {what}",
    "{path} is newer than the container. A restart keeps what the container was made with.",
    "recreate {subject} from its files", "warning",
)  # fmt: skip
OTHER_RELEASE = Form(
    "other-release", "{subject} still runs {now}; its files say {wanted}",
    "{path} is newer than the container. It holds data, and another release may not open them.",
    "make a backup, then recreate it", "warning",
    advice="Read whether {wanted} opens the data of {now}: MongoDB and PostgreSQL do not skip major releases.\n"
    "Make a backup first.\nThen: docker compose up -d {service}, or write {now} into the file if the change was not "
    "meant.",
)  # fmt: skip
KEEPS = replace(
    CHANGED, id="keeps-data", fix="make a backup, then recreate it",
    because="{path} is newer than the container. It holds data: with another image or folder it may find none of them.",
    advice="See whether image, folders and volumes of {subject} stay the same: docker inspect {subject}\n"
    "Make a backup first.\nThen: docker compose up -d {service}",
)  # fmt: skip


@dataclass(frozen=True)
class Drifted:
    """A container that is behind its files, and in what."""

    place: Placed
    container: Container
    what: tuple[str, ...]
    newer: tuple[FileFact, ...]


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each running container that Compose made, but for LibreChat's stacks."""
    theirs = {one.project for one in snapshot.services if one.role == "librechat"}
    for container in snapshot.containers:
        if container.state not in RUNS or not container.project or container.project in theirs:
            continue
        place = place_of(snapshot, container)
        if place.declared is not None:
            yield _judge(place, container, place.declared, snapshot)


def _judge(place: Placed, container: Container, declared: ComposeService, snapshot: Snapshot) -> Found:
    title, broken = (
        _("Cannot say whether {container} runs what its files say", container=container.name),
        place.broken_file,
    )
    if broken:
        return Unknown(container.name, title, f"{broken.path}: {broken.error}")
    newer = newer_than_container(container, place.project, snapshot.files)
    hashed = hash_differs(place, container, snapshot) if newer else False
    what = _differs(container, declared) if newer and hashed is not False else ()
    sure = tuple(one for one in what if not _of_shell(one, place, newer))
    other = next((path for path in place.files if path not in _used(place)), None)
    if other and (what or hashed):
        return Unknown(
            container.name,
            title,
            _("{other}, which it was made with, was not used for the newest container", other=other),
        )
    if what and not sure:
        why = _(
            "{what}: a shell may have given it to Compose; the file it is filled in from did not change",
            what=", ".join(what),
        )
        return Unknown(container.name, title, why)
    if sure or hashed:
        return _case(Drifted(place, container, sure or ("its definition",), newer), declared)
    return Fine(container.name, _("{container} runs what its files say", container=container.name))


def _of_shell(what: str, place: Placed, newer: tuple[FileFact, ...]) -> bool:
    """Whether it is filled in from a variable that a shell may have set: no file changed that sets it."""
    key = {"mounts": "volumes"}.get(what, what)
    variables = {variable for name, variable in (place.declared.filled if place.declared else ()) if name == key}
    project = place.project
    if not variables or project is None:
        return False
    sources = project.env_files or (posixpath.join(project.working_dir or "", ".env"),)
    set_there = {one.name for one in project.env} if {fact.path for fact in newer} & set(sources) else set()
    return not variables <= set_there


def _used(place: Placed) -> tuple[str, ...]:
    """The files that the project uses now: those that its newest container was made with."""
    return tuple(file.path for file in place.project.files if file.in_use) if place.project else ()


def _differs(container: Container, declared: ComposeService) -> tuple[str, ...]:
    """What of the definition is another. A variable that is set nowhere here may have come from a shell: not judged."""
    inside, blank = {one.name: one.value for one in container.env}, dict(declared.blank)
    has = {(port.number, port.protocol) for port in taken(container)}
    ports = container.state == "running" and any((one.number, one.protocol) not in has for one in wanted(declared))
    names = (one.name for one in declared.env if one.name not in blank and inside.get(one.name) != one.value)
    return (*others(container, declared), *(("ports",) if ports else ()), *names)


def others(container: Container, declared: ComposeService) -> Iterator[str]:
    """What of the definition is visibly another, but for variables and ports.

    The Engine may tell the id of an image alone, where its name was given to another one.
    """
    named = not re.match(r"sha256:|[0-9a-f]{12,64}$", container.image)
    if declared.image and named and declared.image != container.image:
        yield "image"
    if declared.command and declared.command != container.command:
        yield "command"
    mounted = {posixpath.normpath(mount.target) for mount in container.mounts}
    if any(volume.kind == "bind" and posixpath.normpath(volume.target) not in mounted for volume in declared.volumes):
        yield "mounts"


def hash_differs(place: Placed, container: Container, snapshot: Snapshot) -> bool | None:
    """What Compose's hash says; None where it cannot be compared: made alone, or with variables of a shell.

    fact: ``up --no-deps`` hashes a service without its depends_on, ``config --hash`` with them (Compose 2.26.1)
    """
    labels, declared, owner = container.labels, place.declared, (place.project_name, place.service)
    now = next((one for one in snapshot.service_hashes if (one.project, one.service) == owner), None)
    made, label = labels.get(DEPENDS_ON), labels.get(LABEL_HASH)
    if label is None or now is None or not same_compose(labels.get(LABEL_VERSION), now.compose_version):
        return None
    alone = declared is not None and made is not None and len(declared.depends_on) > made.count(":service_")
    differs = label != now.value
    return None if differs and (alone or (declared is not None and (declared.blank or declared.unset))) else differs


def _other_data(container: Container, declared: ComposeService) -> bool:
    """Whether a volume or folder of the container is another, or none, in the files; Compose keeps nameless volumes."""
    now = {posixpath.normpath(volume.target): volume.source for volume in declared.volumes}
    for mount in container.mounts:
        has, says = mount.volume or mount.source, now.get(posixpath.normpath(mount.target), "")
        same = says and (has == says or has.endswith(f"_{says}"))
        nameless = re.fullmatch("[0-9a-f]{64}", has) is not None
        if (nameless and says) or not (nameless or same):
            return True
    return False


def _case(drifted: Drifted, declared: ComposeService) -> Case[Drifted]:
    place, container, form = drifted.place, drifted.container, CHANGED
    if role_of_container(container) in KEEPS_DATA:
        risky = not PLACES.isdisjoint(drifted.what) or is_newest(container.image) or _other_data(container, declared)
        form = OTHER_RELEASE if "image" in drifted.what else KEEPS if risky else CHANGED
    source = f"docker inspect {container.name}"
    words = {
        "what": ", ".join(map(_, drifted.what)), "path": drifted.newer[0].path,
        "service": place.service or container.name, "now": container.image, "wanted": declared.image or "",
    }  # fmt: skip
    rows = [Evidence(_("differs in"), words["what"], source)]
    rows += [Evidence(_("newer than the container"), fact.path, _("the file's time")) for fact in drifted.newer]
    return Case(container.name, form, drifted, tuple(rows), words)


def plan(case: Case[Drifted], _answers: Answers) -> Plan:
    """The one container, made again from its files."""
    place = case.facts.place
    if case.form is not CHANGED:
        return manual(*case.advice)
    up, refused = bring_up(place, extra=_used(place), force=True), refusal(place)
    if refused or up is None:
        return manual(refused or _("The container was not made by Compose, or its files are gone."))
    return repair(
        up,
        says=(
            _("{case} is recreated: what it does at that moment is cut off. Its data stay.", case=case.subject),
            SHELL, NO_PULL,
        ),
        restarts=(place.service or case.subject,), lock=place.directory, settle=5.0, deadline=90.0,
    )  # fmt: skip


CHECK = Check(
    "compose.drift", "Containers run what their files say", __doc__ or "", (CHANGED, KEEPS, OTHER_RELEASE), find, plan,
    reads=("containers", "projects", "services", "files", "service_hashes"),
)  # fmt: skip
