"""What nobody uses any more, removed by name: exactly what the preview listed, and only while it is still unused.

Volumes are none of it: the Engine is not even asked for them, and a container's anonymous ones stay when it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace

from ...hosts import EngineUnreachable, Host, HostError, NotFound
from ...hosts.acting import reach
from ...hosts.engine_api import Api, Listed, decode
from ...text import N_, _
from ...text.cleaning import clean_line, size
from .base import PreparedStep, State, Step, StepContext, StepFailed
from .standing import asked

Kind = Literal["containers", "images", "networks", "build-cache"]
WORDS: Mapping[Kind, tuple[str, str]] = {
    "containers": (N_("stopped container"), N_("stopped containers")),
    "images": (N_("dangling image"), N_("dangling images")),
    "networks": (N_("unused network"), N_("unused networks")),
    "build-cache": (N_("build cache"), N_("build cache")),
}
"""What one and several of a kind are called, in the order of removing: what a container held is free after it."""
SLOW = 60.0
"""Seconds: the Engine walks over files to tell sizes."""
_NAMED = 6
"""How many a sentence names."""
_NOT_OURS = frozenset({"bridge", "host", "none", "ingress", "docker_gwbridge"})
"""Networks that the Engine makes for itself."""


class Leftover(Struct, frozen=True):
    """One thing that nobody uses."""

    id: str
    name: str
    bytes: int | None = None


class _Row(Api, frozen=True):
    """A container, an image or a network, as far as it is told here."""

    id: str | None = None
    names: list[str | None] | None = None
    name: str | None = None
    labels: dict[str, str | None] | None = None
    size: int | None = None
    size_rw: int | None = None
    scope: str | None = None
    config_only: bool | None = None


class _Record(Api, frozen=True):
    type: str | None = None
    size: int | None = None
    in_use: bool | None = None
    shared: bool | None = None


class _Usage(Api, frozen=True):
    build_cache: list[_Record | None] | None = None


def unused(host: Host, kind: Kind) -> tuple[Leftover, ...]:
    """What there is of a kind that nobody uses, now. Raises HostError where the Engine does not tell."""
    raw = asked(host, lambda engine: engine.unused(kind), SLOW)
    if kind == "build-cache":
        return _cache(raw)
    rows = [row for row in decode(raw, list[_Row], f"unused {kind}") if row.id]
    if kind == "containers":
        return tuple(Leftover(row.id or "", _container(row), row.size_rw or 0) for row in rows)
    users = decode(asked(host, lambda engine: engine.containers()), list[Listed], "the list of containers")
    if kind == "images":
        used = {row.image_id for row in users}
        return tuple(Leftover(row.id or "", _short(row.id), row.size) for row in rows if row.id not in used)
    # fact: the Engine itself takes a network for unused that a stopped container needs to start again
    wanted = {name for row in users for name in (row.network_settings and row.network_settings.networks) or ()}
    free = (row for row in rows if row.name not in wanted | _NOT_OURS and row.scope == "local" and not row.config_only)
    return tuple(Leftover(row.id or "", clean_line(row.name or "", 60)) for row in free)


def _container(row: _Row) -> str:
    name = clean_line(((row.names or [""])[0] or "").lstrip("/"), 60)
    project = (row.labels or {}).get("com.docker.compose.project")
    return _("{name} of the stack {project}", name=name, project=clean_line(project, 60)) if project else name


def _short(ident: str | None) -> str:
    return (ident or "").removeprefix("sha256:")[:12]


def _cache(raw: bytes) -> tuple[Leftover, ...]:
    """fact: moby/buildkit cache/manager.go: without ``all`` it keeps what is in use, shared, or of these two types."""
    records = [row for row in decode(raw, _Usage, "the build cache").build_cache or () if row]
    free = [r for r in records if not (r.in_use or r.shared or r.type in ("internal", "frontend"))]
    what = _("{count} record{s} of the build cache", count=len(free), s="s" if len(free) != 1 else "")
    return (Leftover("build-cache", what, sum(row.size or 0 for row in free)),) if free else ()


class Prune(Step, frozen=True):
    """Remove what nobody uses of one kind. Nothing takes it back."""

    named_by: ClassVar[str] = "kind"
    is_service_step: ClassVar[bool] = True
    undone_alone: ClassVar[bool] = True
    shared: ClassVar[bool] = True
    tells_itself: ClassVar[bool] = True
    deadline: ClassVar[float] = 1800.0

    kind: Kind
    found: tuple[Leftover, ...] = ()
    """Set by ``prepare``."""
    among: bool = False
    """Whether it is one of several: what cannot be removed keeps the others from nothing."""

    def describe(self) -> str:
        """One sentence: what it does, with count and size."""
        count, freed = len(self.found), sum(each.bytes or 0 for each in self.found)
        about = f" ({size(freed)})" if self.kind != "networks" else ""
        if self.kind == "build-cache":
            return _("Remove {found}{about}", found=", ".join(each.name for each in self.found), about=about)
        return _(
            "Remove {count} {words}{about}: {named}",
            count=count,
            words=_(WORDS[self.kind][count != 1]),
            about=about,
            named=_named(self.found),
        )

    def prepare(self, bench: StepContext) -> PreparedStep:
        """List what there is; nothing to do where there is nothing."""
        step = replace(self, found=unused(bench.host, self.kind))
        lines = [f"- {each.name}" + (f"  {size(each.bytes)}" if each.bytes is not None else "") for each in step.found]
        return PreparedStep(step, None, "\n".join(lines), changes=bool(step.found))

    def _still(self, bench: StepContext) -> tuple[Leftover, ...]:
        """What of it is still there, and still unused."""
        ids = {each.id for each in unused(bench.host, self.kind)}
        return tuple(each for each in self.found if each.id in ids)

    def state(self, bench: StepContext) -> State:
        """Before while anything of it is there and unused."""
        return "before" if self._still(bench) else "after"

    def tolerates(self, error: HostError) -> str | None:
        """One kind of several may fail."""
        return _("No {words} was removed: {error}", words=_(WORDS[self.kind][0]), error=error) if self.among else None

    def act(self, bench: StepContext) -> None:
        """Remove one after another; what is kept is told with the reason. Raises StepFailed where nothing was."""
        reach("before_restart")
        there, kept = self._still(bench), list[str]()
        for number, each in enumerate(there, start=1):
            bench.tell(f"{number} of {len(there)}: {each.name}")
            try:
                self._remove(bench.host)(each.id)
            except NotFound:
                continue
            except EngineUnreachable:
                raise
            except HostError as error:
                kept.append(_("Kept {it}: {error}", it=each.name, error=error))
        if there and len(kept) == len(there):
            raise StepFailed(kept[0])
        still = self._still(bench)
        bench.notes += kept or [_("Still there: {named}", named=_named(still))] if still else kept
        freed = sum(each.bytes or 0 for each in there) - sum(each.bytes or 0 for each in still)
        bench.notes.append(
            _(
                "Removed {count} of {count2} ({freed}), looked for again",
                count=len(there) - len(still),
                count2=len(self.found),
                freed=size(freed),
            )
        )

    def _remove(self, host: Host) -> Callable[[str], object]:
        control = host.control
        acts: Mapping[Kind, Callable[[str], object]] = {
            "containers": control.remove, "images": control.remove_image, "networks": control.remove_network,
            "build-cache": lambda _: control.prune_build_cache(),
        }  # fmt: skip
        return acts[self.kind]


def _named(these: tuple[Leftover, ...]) -> str:
    rest = len(these) - _NAMED
    return ", ".join(each.name for each in these[:_NAMED]) + (_(" and {rest} more", rest=rest) if rest > 0 else "")
