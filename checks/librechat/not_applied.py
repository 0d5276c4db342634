"""A change to LibreChat's files is on disk, but the containers still run with what was there before.

What it does
    Compares each container of a LibreChat stack with the files it is made from. Reported are: an override file that
    the containers were made without; a compose file changed since (Compose's own config-hash, where the same Compose
    made the container; image, command, variables and mounts elsewhere); variables of the container that ``.env`` has
    with another value now, as rag_api and meilisearch keep them after a mere restart of LibreChat; a ``.env`` that
    LibreChat itself reads and that changed after its start. Only a file newer than the container counts at all, and
    values are never shown, only names.

    What concerns librechat.yaml (its mount, its content) is librechat.config-mount's alone. Where that check has a
    finding for LibreChat's container, its repair recreates the container and so applies everything else too: this
    check then leaves LibreChat's own container out, and judges the other containers of the stack.

Why it matters
    A restart keeps the old definition of a container. rag_api with an old JWT_SECRET rejects every call with 401,
    meilisearch with an old key answers 403, and nothing in the files is wrong.

Fix
    Recreates exactly the containers that are behind, from the files as they are, and no other.

Sources
    Labels of Compose and ``config --hash`` measured with Compose 2.26.1 (not comparable for services with env_file);
    LibreChat issue 5809, librechat.ai issue 267; rag_api app/config.py and app/middleware.py; LibreChat's
    docker-compose.yml of v0.7.2 to v0.8.7: LibreChat reads a mounted ``.env`` itself, rag_api gets it by env_file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...console.fix.steps import ComposeUp
from ...console.model import ComposeService, Container, FileFact, Role, Snapshot
from ...console.products.librechat.env import working_dir
from ...console.products.services import newer, newer_than_container, role_of_container
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Severity, Unknown, manual, repair
from ..compose import Placed, override_for, placed
from ..compose.drift import RUNS, hash_differs, others
from ..subjects import fact_of, reach
from . import config_mount
from .process import moment

STALE_VALUES = Form(
    "stale-values",
    "{who} still {run} with values that the files no longer have: {names}{also}",
    "Compose puts these values into a container when it makes it; a restart keeps the old ones",
    "recreate {all}",
)
OVERRIDE_NOT_IN_USE = Form(
    "override-not-in-use",
    "{who} {was} made without {path}{also}",
    "The containers were made before that file was there, or with a list of files (-f) that leaves it out",
    "recreate {all}",
    "warning",
)
DEFINITION = Form(
    "definition",
    "{who} {was} made before {path} was changed{also}",
    "A container keeps the definition it was made with; a restart does not change it",
    "recreate {all}",
    "warning",
)
ENV_CHANGED = Form(
    "env-changed",
    "{path} changed after {who} read it{also}",
    "LibreChat reads its .env once, when it starts",
    "recreate {all}",
    "warning",
)
FORMS = (STALE_VALUES, OVERRIDE_NOT_IN_USE, DEFINITION, ENV_CHANGED)
"""The worst first: what makes requests fail, before what is merely old."""
SECRETS = frozenset({"JWT_SECRET", "MEILI_MASTER_KEY"})
"""Which two services of the stack must hold alike, or one refuses the other: rag_api app/middleware.py, Meilisearch."""
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

From rag_api app/config.py; every variable of Meilisearch begins with MEILI_.
"""


@dataclass(frozen=True)
class Behind:
    """One container that is behind, and in what."""

    place: Placed
    container: Container
    form: Form
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


@dataclass(frozen=True)
class StaleStack:
    """One LibreChat stack: its own container, and all that are behind, the worst first."""

    place: Placed
    stale: tuple[Behind, ...]


def find(snapshot: Snapshot, settings: Settings) -> Iterator[Found]:
    """Each LibreChat stack of which something has been started."""
    for place in placed(snapshot, "librechat"):
        if place.container is None:
            continue
        why = _why_untold(place, place.container)
        if why is not None:
            yield Unknown(place.subject, _("Whether the files are applied cannot be told"), why)
            continue
        covered = _has_mount_finding(place, snapshot, settings)
        found = (_behind(one, snapshot) for one in _members(place, snapshot) if not (covered and _same(one, place)))
        stale = sorted((one for one in found if one), key=lambda one: (FORMS.index(one.form), one.place.subject))
        if stale:
            yield _case(StaleStack(place, tuple(stale)))
        else:
            yield Fine(place.subject, _("The containers of this stack are as its files say"))


def _why_untold(place: Placed, container: Container) -> str | None:
    if place.project is None and compose.LABEL_FILES in container.labels:
        return _("the files in {directory} cannot be looked at from here", directory=place.directory)
    broken = place.broken_file
    return f"{broken.path}: {broken.error}" if broken and broken.in_use else None


def _members(place: Placed, snapshot: Snapshot) -> Iterator[Placed]:
    """The containers of the stack, LibreChat's own among them."""
    for role in dict.fromkeys(one.role for one in snapshot.services):
        for one in placed(snapshot, role):
            in_project = place.project_name is not None and one.project_name == place.project_name
            if one.container and (_same(one, place) or in_project):
                yield one


def _same(one: Placed, other: Placed) -> bool:
    return bool(one.container and other.container and one.container.id == other.container.id)


def _has_mount_finding(place: Placed, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether ``librechat.config-mount`` repairs this very container already."""
    if config_mount.CHECK.id in settings.checks.disable:
        return False
    return any(isinstance(f, Case) and f.subject == place.subject for f in config_mount.find(snapshot, settings))


def _behind(place: Placed, snapshot: Snapshot) -> Behind | None:
    """How a container is behind; None when it is not, or does not run: what is started next reads everything anew."""
    container = place.container
    if container is None or container.state not in RUNS or not container.detailed:
        return None
    return (
        _made_before(place, container, snapshot)
        or _made_without(place, container, snapshot)
        or _read_before(place, container, snapshot)
    )


def _made_before(place: Placed, container: Container, snapshot: Snapshot) -> Behind | None:
    """Made before a compose file, ``.env`` or an env file was changed, and different from what they say now."""
    written = newer_than_container(container, place.project, snapshot.files)
    if not written or place.declared is None:
        return None
    hashed = hash_differs(place, container, snapshot)
    variables, more = tuple(_variables(container, place.declared)), tuple(others(container, place.declared))
    if hashed is False or not (hashed or variables or more):
        return None
    form, names = (STALE_VALUES, (".env",)) if variables and not more else (DEFINITION, (".yml", ".yaml"))
    path = next((fact.path for fact in written if fact.path.endswith(names)), written[0].path)
    return Behind(place, container, form, path, written, variables, more, hashed=bool(hashed))


def _variables(container: Container, declared: ComposeService) -> Iterator[str]:
    """Names whose values in the container are not those of the files, as far as the service looks at them."""
    inside = {one.name: one.value for one in container.env}
    looks = _READS.get(role_of_container(container)) if declared.env_files else None
    for one in declared.env:
        if inside.get(one.name) != one.value and (looks is None or looks.match(one.name)):
            yield one.name


def _made_without(place: Placed, container: Container, snapshot: Snapshot) -> Behind | None:
    """The automatic override says something of this service and is not in use.

    A list of files of the operator's own (deploy-compose.yml) that is younger than the override left it out on purpose.
    """
    left_out, override = place.left_out, override_for(place)
    if left_out is None or left_out == ComposeService(name=left_out.name):
        return None
    if override is None or not override.exists or override.path in place.files:
        return None
    if not override.read_by_itself and not newer([override.path], container.created_at, snapshot.files):
        return None
    fact = fact_of(snapshot, override.path)
    return Behind(
        place, container, OVERRIDE_NOT_IN_USE, override.path, (fact,) if fact else (),
        tuple(_variables(container, left_out)), tuple(others(container, left_out)),
    )  # fmt: skip


def _read_before(place: Placed, container: Container, snapshot: Snapshot) -> Behind | None:
    """LibreChat's own ``.env``: changed, or replaced by another file, after LibreChat read it."""
    if role_of_container(container) != "librechat":
        return None
    found = reach(posixpath.join(working_dir(container.working_dir, container.image), ".env"), container.mounts)
    if found is None or found.kind != "bind":
        return None
    written = newer([posixpath.normpath(found.source)], container.started_at, snapshot.files)
    replaced = found.exact and getattr(found.mount, "stale", None) is True
    fact = fact_of(snapshot, found.source)
    if not (written or (replaced and fact is not None and fact.kind == "file")):
        return None
    return Behind(place, container, ENV_CHANGED, found.source, written or ((fact,) if fact else ()))


def _case(stack: StaleStack) -> Case[StaleStack]:
    form = stack.stale[0].form
    worst = [one for one in stack.stale if one.form is form]
    also = [one for one in stack.stale if one.form is not form]
    variables = dict.fromkeys(name for one in worst for name in one.variables)
    single = len(worst) == 1
    words = {
        "who": _names(worst), "run": "runs" if single else "run", "was": "was" if single else "were",
        "path": stack.stale[0].path, "names": ", ".join(variables), "all": _names(stack.stale),
        "also": _("; {names} {is_} behind too", names=_names(also), is_="is" if len(also) == 1 else "are")
                if also else "",
    }  # fmt: skip
    # two containers of one stack that hold different secrets refuse each other; both old, they still work together
    refused = not SECRETS.isdisjoint(variables) and all(one.form is not ENV_CHANGED for one in stack.stale)
    severity: Severity = "error" if refused else "warning"
    return Case(stack.place.subject, form, stack, tuple(_rows(stack.stale)), words, severity)


def _names(some: Iterable[Behind]) -> str:
    return ", ".join(one.place.subject for one in some)


def _rows(stale: Iterable[Behind]) -> Iterator[Evidence]:
    """Names of variables are told, values never."""
    for one in stale:
        name, container = one.place.subject, one.container
        source = f"docker inspect {container.name}"
        read = one.form is ENV_CHANGED
        at, what = (container.started_at, "started") if read else (container.created_at, "made")
        yield Evidence(f"{name} {what}", moment(at), source)
        if one.others or one.variables:
            yield Evidence(_("{name} differs in", name=name), ", ".join((*one.others, *one.variables)), source)
        if one.hashed:
            yield Evidence(
                "config-hash",
                _("another one than the files give now"),
                _("{source}, docker compose config", source=source),
            )
    files = {fact.path: fact for one in stale for fact in one.files}
    for path, fact in files.items():
        yield Evidence(_("written"), moment(fact.mtime), path)


def plan(case: Case[StaleStack], _answers: Answers) -> Plan:
    """All that are behind are made anew, LibreChat's own container last: what it asks is there before it starts."""
    stack = case.facts
    in_order = sorted(stack.stale, key=lambda one: _same(one.place, stack.place))
    steps = [up for one in in_order if (up := _up(one)) is not None]
    if len(steps) < len(in_order):
        return manual(
            _("The container was not made by Compose, or its files are gone: restart it by hand to apply .env.")
        )
    return repair(
        *steps, says=_says(stack), restarts=[one.place.subject for one in in_order], lock=stack.place.directory,
        settle=5.0,
    )  # fmt: skip


def _up(one: Behind) -> ComposeUp | None:
    """From the files the project uses now, which may be more than those this container was made with."""
    project = one.place.project
    used = tuple(file.path for file in project.files if file.in_use) if project else ()
    extra = (*used, *((one.path,) if one.form is OVERRIDE_NOT_IN_USE else ()))
    return compose.bring_up(one.place, extra=extra, force=True)


def _says(stack: StaleStack) -> Iterator[str]:
    yield _(
        "Only these containers are made anew, from the files as they are; what they do at that moment is cut off.",
    )
    yield _("Their data stays: it lies in folders and volumes, not in the containers. No image is pulled.")
    override = override_for(stack.place)
    path = next((one.path for one in stack.stale if one.form is OVERRIDE_NOT_IN_USE), None)
    if path and override and not override.read_by_itself:
        yield _(
            "Your compose files are listed without {path}: add it to -f or COMPOSE_FILE, or `up` loses it.",
            path=path,
        )
    elif path:
        yield _("Everything that {path} declares for these services takes effect.", path=path)


CHECK = Check(
    "librechat.not-applied", "The containers run what the files say", __doc__ or "", FORMS, find, plan,
    reads=("containers", "projects", "services", "files", "service_hashes", "log_marks"),
)  # fmt: skip
