"""A container runs something else than its compose files say now.

What it does
    Where a compose file, .env or env file is newer than a container, compares what the container was made of with what
    the files say now: Compose's own config-hash where the same Compose made it, else image, command, variables and
    mounts. Names of variables are told, values never. Stacks with LibreChat are librechat.not-applied's, and a One API
    that only has to read its file again is oneapi.restart's.

Why it matters
    `docker compose restart` keeps the old definition. The files are right, people look at them again and again, and the
    container does what it did before.

Fix
    The one container is recreated from its files as they are. A database whose image changed is left to you: another
    release may not open the data, so make a backup first.

Sources
    The Compose CLI's manual, restart and up; labels and `config --hash` measured with Compose 2.26.1; FastGPT's
    deployment manual ("down" and "up -d" after each change).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.fix.plan import Plan
from ...console.model import Container, FileFact, Role, Snapshot
from ...console.model.findings import Evidence
from ...console.products.services import (
    LABEL_HASH,
    LABEL_VERSION,
    newer_than_container,
    role_of_container,
    same_compose,
)
from ...console.settings import Settings
from ..api import Answers, Case, Check, Fine, Form, Found, Unknown, manual, repair
from . import NO_PULL, Placed, bring_up, place_of, refusal

RUNS = ("running", "paused", "restarting")
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
        if place.declared is None or not container.detailed:
            continue
        if place.broken_file:
            yield Unknown(
                container.name, f"Cannot say whether {container.name} runs what its files say",
                f"{place.broken_file.path}: {place.broken_file.error}",
            )  # fmt: skip
            continue
        newer = newer_than_container(container, place.project, snapshot.files)
        what = tuple(_differs(place, container, snapshot)) if newer else ()
        if what:
            yield _case(Drifted(place, container, what, newer))
        else:
            yield Fine(container.name, f"{container.name} runs what its files say")


def _differs(place: Placed, container: Container, snapshot: Snapshot) -> Iterator[str]:
    """What of the definition is another; nothing where Compose's own hash says that it is the same."""
    declared, hashed = place.declared, _hash_differs(place, container, snapshot)
    if declared is None or hashed is False:
        return
    found = []
    if declared.image and _named(container.image) and declared.image != container.image:
        found.append("image")
    if declared.command and declared.command != container.command:
        found.append("command")
    inside = {one.name: one.value for one in container.env}
    found += [one.name for one in declared.env if one.name in declared.named and inside.get(one.name) != one.value]
    mounted = {posixpath.normpath(mount.target) for mount in container.mounts}
    binds = (posixpath.normpath(volume.target) for volume in declared.volumes if volume.kind == "bind")
    found += ["mounts"] if not mounted.issuperset(binds) else []
    yield from found or (["its definition"] if hashed else [])


def _named(image: str) -> bool:
    """Whether the Engine tells a name, and not the id of an image whose name was given to another one."""
    return not re.match(r"sha256:|[0-9a-f]{12,64}$", image)


def _hash_differs(place: Placed, container: Container, snapshot: Snapshot) -> bool | None:
    label, owner = container.labels.get(LABEL_HASH), (place.project_name, place.service)
    now = next((one for one in snapshot.service_hashes if (one.project, one.service) == owner), None)
    if label is None or now is None or not same_compose(container.labels.get(LABEL_VERSION), now.compose_version):
        return None
    return label != now.value


def _case(drifted: Drifted) -> Case[Drifted]:
    place, container = drifted.place, drifted.container
    other = "image" in drifted.what and role_of_container(container) in KEEPS_DATA
    source = f"docker inspect {container.name}"
    words = {
        "what": ", ".join(drifted.what), "path": drifted.newer[0].path, "service": place.service or container.name,
        "now": container.image, "wanted": (place.declared.image if place.declared else None) or "",
    }  # fmt: skip
    rows = [Evidence("differs in", words["what"], source)]
    rows += [Evidence("newer than the container", fact.path, "the file's time") for fact in drifted.newer]
    return Case(container.name, OTHER_RELEASE if other else CHANGED, drifted, tuple(rows), words)


def plan(case: Case[Drifted], _answers: Answers) -> Plan:
    """The one container, made again from its files."""
    place = case.facts.place
    if case.form is OTHER_RELEASE:
        return manual(*case.advice)
    up, refused = bring_up(place, force=True), refusal(place)
    if refused or up is None:
        return manual(refused or "The container was not made by Compose, or its files are gone.")
    return repair(
        up, says=(f"{case.subject} is recreated: what it does at that moment is cut off. Its data stay.", NO_PULL),
        restarts=(place.service or case.subject,), lock=place.directory, settle=5.0, deadline=90.0,
    )  # fmt: skip


CHECK = Check(
    "compose.drift", "Containers run what their files say", __doc__ or "", (CHANGED, OTHER_RELEASE), find, plan,
    reads=("containers", "projects", "services", "files", "service_hashes"),
)  # fmt: skip
