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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...console.findings import Evidence, FixSummary, Result, Severity, Status
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.steps import ComposeUp
from .. import Check, compose
from ..compose import Placed, placed
from . import config_mount
from .behind import SECRETS, Behind, behind, moment
from .not_applied_examples import EXAMPLES

ID = "librechat.not-applied"
ORDER = ("stale-values", "override-not-in-use", "definition", "env-changed")
"""The worst first: what makes requests fail, before what is merely old."""
WORDS: dict[str, tuple[str, str]] = {
    "stale-values": (
        "{who} still {run} with values that the files no longer have: {names}",
        "Compose puts these values into a container when it makes it; a restart keeps the old ones",
    ),
    "override-not-in-use": (
        "{who} {was} made without {path}",
        "The containers were made before that file was there, or with a list of files (-f) that leaves it out",
    ),
    "definition": (
        "{who} {was} made before {path} was changed",
        "A container keeps the definition it was made with; a restart does not change it",
    ),
    "env-changed": (
        "{path} changed after {who} read it",
        "LibreChat reads its .env once, when it starts",
    ),
}
"""By form: title, cause."""


@dataclass(frozen=True)
class Case:
    """One LibreChat stack, judged."""

    place: Placed
    """LibreChat's own container."""
    status: Status = "ok"
    title: str = "The containers of this stack are as its files say"
    because: str | None = None
    stale: tuple[Behind, ...] = ()
    """The worst first."""

    @property
    def form(self) -> str | None:
        """The worst form."""
        return self.stale[0].form if self.stale else None

    @property
    def in_order(self) -> tuple[Behind, ...]:
        """LibreChat's own container last: what it asks is there before it starts."""
        return tuple(sorted(self.stale, key=lambda one: _same(one.place, self.place)))

    @property
    def worst(self) -> tuple[Behind, ...]:
        """All that have the worst form."""
        return tuple(one for one in self.stale if one.form == self.form)


def examine(snapshot: Snapshot, settings: Settings) -> Iterator[Result]:
    """One result per LibreChat stack."""
    for place in placed(snapshot, "librechat"):
        yield _result(_diagnose(place, snapshot, settings))


def _diagnose(place: Placed, snapshot: Snapshot, settings: Settings) -> Case:
    case = Case(place)
    container, broken = place.container, place.broken_file
    if container is None:
        return replace(case, status="not_applicable", title="Nothing of this service has been started")
    if not container.detailed:
        return _untold(case, "it has not been inspected yet")
    if place.project is None and compose.LABEL_FILES in container.labels:
        return _untold(case, f"the files in {place.directory} cannot be looked at from here")
    if broken and broken.in_use:
        return _untold(case, f"{broken.path}: {broken.error}")
    covered = _has_mount_finding(place, snapshot, settings)
    found = (behind(one, snapshot) for one in _members(place, snapshot) if not (covered and _same(one, place)))
    stale = sorted((one for one in found if one), key=lambda one: (ORDER.index(one.form), one.place.subject))
    return replace(case, status="finding" if stale else "ok", stale=tuple(stale))


def _untold(case: Case, because: str) -> Case:
    return replace(case, status="unknown", title="Whether the files are applied cannot be told", because=because)


def _members(place: Placed, snapshot: Snapshot) -> Iterator[Placed]:
    """The containers of the stack, LibreChat's own among them."""
    roles = dict.fromkeys(one.role for one in snapshot.services)
    for role in roles:
        for one in placed(snapshot, role):
            in_project = place.project_name is not None and one.project_name == place.project_name
            if one.container and (_same(one, place) or in_project):
                yield one


def _same(one: Placed, other: Placed) -> bool:
    return bool(one.container and other.container and one.container.id == other.container.id)


def _has_mount_finding(place: Placed, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether ``librechat.config-mount`` repairs this very container already."""
    if config_mount.ID in settings.checks.disable:
        return False
    results = config_mount.examine(snapshot, settings)
    return any(one.subject == place.subject and one.status == "finding" for one in results)


def _result(case: Case) -> Result:
    subject = case.place.subject
    if case.form is None:
        return Result(ID, subject, case.status, case.title, because=case.because)
    title, because = WORDS[case.form]
    first = case.stale[0]
    whole = title.format(
        who=_names(case.worst), run="runs" if len(case.worst) == 1 else "run",
        was="was" if len(case.worst) == 1 else "were", path=first.path, names=", ".join(_variables(case)),
    )  # fmt: skip
    also = [one for one in case.stale if one.form != case.form]
    whole += f"; {_names(also)} {'is' if len(also) == 1 else 'are'} behind too" if also else ""
    safety = _plan_for(case, Result(ID, subject, "finding", whole)).safety
    return compose.finding(
        ID, subject, case.form, whole, severity=_severity(case), because=because, evidence=tuple(_evidence(case)),
        fix=FixSummary(safety, f"recreate {_names(case.stale)}"),
    )  # fmt: skip


def _names(some: tuple[Behind, ...] | list[Behind]) -> str:
    return ", ".join(one.place.subject for one in some)


def _variables(case: Case) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in case.worst for name in one.variables))


def _severity(case: Case) -> Severity:
    """An error where two containers of one stack hold different secrets, so that requests are refused."""
    waits = any(one.form == "env-changed" for one in case.stale)
    return "error" if not waits and set(_variables(case)) & SECRETS else "warning"


def _evidence(case: Case) -> Iterator[Evidence]:
    for one in case.stale:
        container = one.place.container
        if container is None:
            continue
        source = f"docker inspect {container.name}"
        at, what = (container.started_at, "started") if one.form == "env-changed" else (container.created_at, "made")
        yield Evidence(f"{one.place.subject} {what}", moment(at), source)
        if one.differs:
            yield Evidence(f"{one.place.subject} differs in", ", ".join(one.differs), source)
        if one.hashed:
            yield Evidence("config-hash", "another one than the files give now", f"{source}, docker compose config")
    files = {fact.path: fact for one in case.stale for fact in one.files}
    for path, fact in files.items():
        yield Evidence("written", moment(fact.mtime), path)


def plan(result: Result, snapshot: Snapshot, settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """The repair of one finding, from the same Snapshot."""
    for place in placed(snapshot, "librechat"):
        if place.subject == result.subject:
            case = _diagnose(place, snapshot, settings)
            if case.stale:
                return _plan_for(case, result)
    return compose.manual(result, "There is nothing to repair any more.")


def _plan_for(case: Case, result: Result) -> Plan:
    steps = [_up(one) for one in case.in_order]
    if None in steps:
        return compose.manual(
            result, "The container was not made by Compose, or its files are gone: restart it by hand to apply .env."
        )
    return Plan(
        check=ID, subject=case.place.subject, title=result.title, steps=tuple(one for one in steps if one),
        safety="disruptive", restarts=tuple(one.place.subject for one in case.in_order),
        says=tuple(_says(case)), lock=case.place.directory, settle=5.0,
    )  # fmt: skip


def _up(one: Behind) -> ComposeUp | None:
    """From the files the project uses now, which may be more than those this container was made with."""
    project = one.place.project
    used = tuple(file.path for file in project.files if file.in_use) if project else ()
    extra = (*used, *((one.path,) if one.form == "override-not-in-use" else ()))
    return compose.bring_up(one.place, extra=extra, force=True)


def _says(case: Case) -> Iterator[str]:
    yield "Only these containers are made anew, from the files as they are; what they do at that moment is cut off."
    yield "Their data stays: it lies in folders and volumes, not in the containers. No image is pulled."
    override = compose.override_for(case.place)
    left_out = next((one for one in case.stale if one.form == "override-not-in-use"), None)
    if left_out and override and not override.read_by_itself:
        yield f"Your compose files are listed without {left_out.path}: add it to -f or COMPOSE_FILE, or `up` loses it."
    elif left_out:
        yield f"Everything that {left_out.path} declares for these services takes effect."


CHECK = Check(
    id=ID, title="The containers run what the files say", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
