"""Whether one container of a LibreChat stack is behind the files it is made from, and in what.

Pure. Names of variables are told, values never. fact: librechat-stack 3.2 and 3.3
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ...console.model import ComposeService, FileFact, Role, Snapshot
from ...console.stacks.applied import (
    LABEL_HASH,
    LABEL_VERSION,
    newer,
    newer_than_container,
    same_compose,
)
from ...console.stacks.librechat_env import WORKING_DIR, image_kind
from ...console.stacks.services import role_of_container
from ..compose import Placed, fact_of, override_for, reach

RUNS = ("running", "paused", "restarting")
SECRETS = frozenset({"JWT_SECRET", "MEILI_MASTER_KEY"})
"""Which two services of the stack must hold alike, or one refuses the other. fact: librechat-stack 3.2"""
_READS: dict[Role, re.Pattern[str]] = {
    "rag_api": re.compile(
        r"RAG_|JWT_SECRET$|DB_|POSTGRES_|EMBEDD|OPENAI_API_KEY$|AZURE_OPENAI_|OLLAMA_BASE_URL$|HF_TOKEN$|GOOGLE_|AWS_"
        r"|VECTOR_DB_TYPE$|ATLAS_|MONGO_VECTOR|COLLECTION_NAME$|CHUNK_|PDF_EXTRACT|DEBUG_RAG_API$|CONSOLE_JSON$"
        r"|(?:HTTPS?|NO)_PROXY$",
        re.IGNORECASE,
    ),
    "meilisearch": re.compile(r"MEILI_"),
}
"""What a service looks at of a whole ``.env`` that Compose hands to it: the rest may differ without any harm.

fact: rag_api app/config.py; every variable of Meilisearch begins with MEILI_
"""


@dataclass(frozen=True)
class Behind:
    """One container that is behind, and in what."""

    place: Placed
    form: str
    path: str
    """The file that it is behind of."""
    files: tuple[FileFact, ...] = ()
    """Everything that was written after it."""
    variables: tuple[str, ...] = ()
    """Names whose values differ."""
    others: tuple[str, ...] = ()
    """What differs besides, for people."""
    hashed: bool = False
    """Compose's own hash says so."""

    @property
    def differs(self) -> tuple[str, ...]:
        """Everything that is known to differ."""
        return (*self.others, *self.variables)


def behind(place: Placed, snapshot: Snapshot) -> Behind | None:
    """How a container is behind; None when it is not, or does not run: what is started next reads everything anew."""
    if place.container is None or place.state not in RUNS or not place.container.detailed:
        return None
    return _definition(place, snapshot) or _override(place, snapshot) or _read_by_itself(place, snapshot)


def _definition(place: Placed, snapshot: Snapshot) -> Behind | None:
    """Made before a compose file, ``.env`` or an env file was changed, and different from what they say now."""
    container, declared = place.container, place.declared
    written = newer_than_container(container, place.project, snapshot.files) if container else ()
    if not written or declared is None:
        return None
    hashed = _hash_differs(place, snapshot)
    variables, others = tuple(_variables(place, declared)), tuple(_others(place, declared))
    if hashed is False or not (hashed or variables or others):
        return None
    form = "stale-values" if variables and not others else "definition"
    return Behind(place, form, _told_by(written, form), written, variables, others, hashed=bool(hashed))


def _told_by(written: tuple[FileFact, ...], form: str) -> str:
    """The file to name: for values ``.env``, else a compose file, where one of these is among them."""
    wanted = (".env",) if form == "stale-values" else (".yml", ".yaml")
    return next((fact.path for fact in written if fact.path.endswith(wanted)), written[0].path)


def _hash_differs(place: Placed, snapshot: Snapshot) -> bool | None:
    """What Compose's hash says; None where it cannot be compared."""
    labels = place.container.labels if place.container else {}
    label = labels.get(LABEL_HASH)
    wanted = (place.project_name, place.service)
    now = next((one for one in snapshot.service_hashes if (one.project, one.service) == wanted), None)
    if label is None or now is None or not same_compose(labels.get(LABEL_VERSION), now.compose_version):
        return None
    return label != now.value


def _variables(place: Placed, declared: ComposeService) -> Iterator[str]:
    """Names whose values in the container are not those of the files, as far as the service looks at them."""
    inside = {one.name: one.value for one in place.container.env} if place.container else {}
    role = role_of_container(place.container) if place.container else "unknown"
    looks = _READS.get(role) if declared.env_files else None
    for one in declared.env:
        if inside.get(one.name) != one.value and (looks is None or looks.match(one.name)):
            yield one.name


def _others(place: Placed, declared: ComposeService) -> Iterator[str]:
    """What else of the definition is visibly another."""
    container = place.container
    if container is None:
        return
    tagged = not re.match(r"sha256:|[0-9a-f]{12,64}$", container.image)
    if declared.image and tagged and declared.image != container.image:
        yield "image"
    if declared.command and declared.command != container.command:
        yield "command"
    mounted = {posixpath.normpath(mount.target) for mount in container.mounts}
    if any(volume.kind == "bind" and posixpath.normpath(volume.target) not in mounted for volume in declared.volumes):
        yield "mounts"


def _override(place: Placed, snapshot: Snapshot) -> Behind | None:
    path = override_left_out(place, snapshot)
    left_out = place.left_out
    if path is None or left_out is None:
        return None
    variables, others = tuple(_variables(place, left_out)), tuple(_others(place, left_out))
    fact = fact_of(snapshot, path)
    return Behind(place, "override-not-in-use", path, (fact,) if fact else (), variables, others)


def override_left_out(place: Placed, snapshot: Snapshot) -> str | None:
    """The automatic override that says something of this service and is not in use.

    A list of files of the operator's own (deploy-compose.yml) that is younger than the override left it out on purpose.
    """
    left_out, override, container = place.left_out, override_for(place), place.container
    if container is None or left_out is None or left_out == ComposeService(name=left_out.name):
        return None
    if override is None or not override.exists or override.path in place.files:
        return None
    own_list = not override.read_by_itself
    if own_list and not newer([override.path], container.created_at, snapshot.files):
        return None
    return override.path


def _read_by_itself(place: Placed, snapshot: Snapshot) -> Behind | None:
    """LibreChat's own ``.env``: changed, or replaced by another file, after LibreChat read it."""
    container = place.container
    if container is None or role_of_container(container) != "librechat":
        return None
    folder = container.working_dir or WORKING_DIR[image_kind(container.image) or "main"]
    found = reach(posixpath.join(folder, ".env"), container.mounts)
    if found is None or found.kind != "bind":
        return None
    written = newer([posixpath.normpath(found.source)], container.started_at, snapshot.files)
    replaced = found.exact and getattr(found.mount, "stale", None) is True
    fact = fact_of(snapshot, found.source)
    if not (written or (replaced and fact is not None and fact.kind == "file")):
        return None
    return Behind(place, "env-changed", found.source, written or ((fact,) if fact else ()))


def moment(at: float | None) -> str:
    """A time in UTC, for people."""
    return "at a time not known" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
