"""What somebody asks for without any finding: a plan with preview, proof, journal and, where there is one, a way back.

A wish is told by its id, in place of a check's, and by its subject, from which everything else follows: so an entry of
the journal can be gone on with. Adding a wish is one line in ``WISHES``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from ..compose.places import BY_ITSELF, CONFIG_FILES, ENV_FILES, WORKING_DIR, listed
from ..model import Container, Project, Snapshot
from ..model.findings import FixSummary, Result
from ..text import _
from . import plan
from .acts.images import KEPT
from .acts.pruning import WORDS, Kind
from .plan import Plan
from .steps import ComposeUp, Prune, PullImage, ScaleService

MOST = 50
"""Containers of one service: more is a slip of the finger."""
SCALE, PRUNE, PULL = "service.scale", "host.prune", "image.pull"


@dataclass(frozen=True)
class Wish:
    """One kind of wish."""

    reads: tuple[str, ...]
    """Parts of the Snapshot that tell whether it is done."""
    asked: Callable[[str, Snapshot], Plan | None]
    """The plan, from the subject; None where what it is about is gone. Raises HostError."""
    left: Callable[[str, Snapshot], Result]
    """A finding as long as it is not done."""


def wanted(wish: str, subject: str, title: str) -> Result:
    """What a screen opens the plan of a wish with."""
    return Result(wish, subject, "finding", title, "info", fix=FixSummary("disruptive", title))


def recreating(container: Container, project: Project | None) -> ComposeUp | None:
    """The step that recreates a container from what made it, and from the override that Compose reads by itself."""
    if project is None or not (container.project and container.service):
        return None
    files = listed(container.labels, CONFIG_FILES) or tuple(file.path for file in project.files if file.in_use)
    directory = container.labels.get(WORKING_DIR) or project.working_dir
    if not (files and directory):
        return None
    own_list = any(posixpath.basename(path) not in BY_ITSELF for path in files)
    more = [] if own_list else [file.path for file in project.files if file.automatic_override][:1]
    return ComposeUp(
        container.project, directory, tuple(dict.fromkeys((*files, *more))), container.service,
        env_files=listed(container.labels, ENV_FILES), force_recreate=True, container=container.id,
    )  # fmt: skip


def members(snapshot: Snapshot, project: str, service: str) -> tuple[Container, ...]:
    """The containers of a service, one-off runs left out."""
    own = (each for each in snapshot.containers if (each.project, each.service) == (project, service))
    return tuple(each for each in own if each.labels.get("com.docker.compose.oneoff", "").lower() != "true")


def scale_of(container: Container, count: int) -> Result:
    """The wish to run so many containers of a service."""
    subject = f"{container.project}/{container.service} {count}"
    return wanted(SCALE, subject, _("Run {many} of {service}", many=_many(count), service=container.service))


def _many(count: int) -> str:
    return _("{count} container{s}", count=count, s="s" if count != 1 else "")


def _scaled(subject: str) -> tuple[str, str, int]:
    name, _rest, count = subject.rpartition(" ")
    project, _rest, service = name.partition("/")
    return project, service, int(count) if count.isdecimal() else 0


def _plan_scale(subject: str, snapshot: Snapshot) -> Plan | None:
    project, service, count = _scaled(subject)
    there = members(snapshot, project, service)
    declared = next((each for each in snapshot.projects if each.name == project), None)
    made = next((up for each in there if (up := recreating(each, declared)) is not None), None)
    if made is None or not 1 <= count <= MOST:
        return None
    step = ScaleService(project, made.directory, made.files, service, count, env_files=made.env_files)
    return Plan(
        check=SCALE, subject=subject, title=_("Run {many} of {service}", many=_many(count), service=service),
        steps=(step,), safety="safe" if count >= len(there) else "disruptive",
        says=(
            _("Containers that run already go on as they are, whatever was edited in the compose files since"),
            _(
                "Compose does not remember the number: the next `docker compose up` goes back to the one in its "
                "files",

            ),
        ),
        lock=made.directory, settle=5.0,
    )  # fmt: skip


def _left_scale(subject: str, snapshot: Snapshot) -> Result:
    project, service, count = _scaled(subject)
    there = members(snapshot, project, service)
    up = sum(each.state == "running" for each in there)
    if (len(there), up) == (count, count):
        return Result(SCALE, subject, "ok", _("{many} of {service} run", many=_many(count), service=service))
    return Result(
        SCALE,
        subject,
        "finding",
        _(
            "{up} of {count} containers of {service} run, {count2} are wanted",
            up=up,
            count=len(there),
            service=service,
            count2=count,
        ),
    )


def prune_of(kind: str) -> Result:
    """The wish to remove what nobody uses: of one kind, or ``all``."""
    what = _("what nobody uses") if kind == "all" else _(WORDS[cast("Kind", kind)][1])
    return wanted(PRUNE, kind, _("Remove {what}", what=what))


def _plan_prune(subject: str, _snapshot: Snapshot) -> Plan | None:
    kinds = [kind for kind in WORDS if subject in (kind, "all")]
    steps = tuple(Prune(kind, among=len(kinds) > 1) for kind in kinds)
    stopped = _("A stopped stack loses its containers: bringing it up makes them again, without what they wrote inside")
    says = (_("Volumes are never removed, anonymous ones neither"), *((stopped,) if "containers" in kinds else ()))
    return Plan(
        check=PRUNE, subject=subject, title=prune_of(subject).title, steps=steps, safety="disruptive", says=says,
        settle=0.0,
    ) if steps else None  # fmt: skip


def _answers(subject: str, _snapshot: Snapshot) -> Result:
    """The steps themselves see whether it is done; this only says that the Engine answers."""
    return Result(PRUNE, subject, "ok", _("The Engine answers"))


def pull_of(whom: str, *, stack: bool) -> Result:
    """The wish to pull the image of a container, or all images of a stack."""
    return wanted(
        PULL,
        f"{'stack' if stack else 'container'}/{whom}",
        _("Pull the image{what} of {whom}", what="s" * stack, whom=whom),
    )


def _plan_pull(subject: str, snapshot: Snapshot) -> Plan | None:
    kind, _rest, whom = subject.partition("/")
    meant = [each for each in snapshot.containers if whom == (each.project if kind == "stack" else each.name)]
    images = list(dict.fromkeys(each.image for each in meant))
    steps = tuple(PullImage(image, among=len(images) > 1) for image in images)
    users = [each.name for each in snapshot.containers if each.image in images]
    says = (
        _(
            "Nothing is restarted: {users} run on with what they have until they are recreated",
            users=", ".join(users),
        ),
        _("A former image stays here, kept by a tag of {kept}; undo lets the name mean it again", kept=KEPT),
    )
    return Plan(
        check=PULL, subject=subject, title=pull_of(whom, stack=kind == "stack").title, steps=steps, says=says,
        settle=0.0,
    ) if steps else None  # fmt: skip


WISHES: Mapping[str, Wish] = {
    plan.ACTION: Wish(plan.READS, plan.asked, plan.left),
    SCALE: Wish(("containers",), _plan_scale, _left_scale),
    PRUNE: Wish(("containers",), _plan_prune, _answers),
    PULL: Wish(("containers",), _plan_pull, _answers),
}
"""By their ids."""
