"""What the checks of GPUs share: who asks for one, who holds its memory, how a container is placed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...console.model import Container, Gpu, GpuProcess, LogMark, Snapshot
from ...console.products.gpu_grants import Grant, grant_of, grant_of_service
from ...console.products.server_logs import mark_in
from ...console.products.services import role_of_container
from ...console.text import _
from ...console.text.cleaning import size
from ..compose import Placed, everybody, put_away

_ONE_OFF = "com.docker.compose.oneoff"
LOOP = 90.0
"""Seconds before a start within which the run before ended, where the Engine starts it again and again."""
YOUNG, LONGEST = 600.0, 1200.0
"""Seconds that a model server may take to load, and to die of it; the longest run that counts as one of a loop."""
READY = ("model.ready", "ollama.oom-retried")
"""Marks of a server that serves, or that found another way (Ollama tries with fewer layers)."""
NATIVE = ("ollama", "model_server")


@dataclass(frozen=True)
class Asker:
    """One container, or one service that is only declared, with the GPUs it asks for."""

    place: Placed
    grant: Grant

    @property
    def name(self) -> str:
        """For people."""
        return self.place.subject

    @property
    def source(self) -> str:
        """Where its grant was read."""
        return self.place.source


def askers(snapshot: Snapshot) -> tuple[Asker, ...]:
    """Containers with a grant, then services of no container that compose would start and that ask for one."""
    found = ((place, _grant(place)) for place in everybody(snapshot))
    return tuple(Asker(place, grant) for place, grant in found if grant is not None)


def _grant(place: Placed) -> Grant | None:
    if place.container is None:
        return grant_of_service(place.declared) if place.declared else None
    return None if place.container.labels.get(_ONE_OFF, "").lower() == "true" else grant_of(place.container)


def wanting(snapshot: Snapshot) -> tuple[Asker, ...]:
    """Those of the askers that were not stopped on purpose."""
    return tuple(one for one in askers(snapshot) if not put_away(one.place.container))


def began(container: Container) -> float:
    """From when on a line of its log is of its present run.

    The Engine may start it again a tenth of a second after its end, and notes the start when the program has begun.
    """
    started, ended = container.started_at or 0.0, container.finished_at or 0.0
    return (started + ended) / 2 if started - 2.0 < ended <= started else started - 1.0


def said(snapshot: Snapshot, container: Container) -> list[LogMark]:
    """The marks of its log that have a time, and what stands in its last words alone."""
    own = [mark for mark in snapshot.log_marks if mark.container == container.id and mark.at is not None]
    lines = next((one.lines for one in snapshot.last_words if one.container == container.id), ())
    role, known = role_of_container(container), {mark.mark for mark in own}
    at = snapshot.taken_at
    if container.state != "running" or container.restart_count:
        at = container.finished_at or (container.started_at or 0.0) - 2.0 * (container.state == "running")
    named = ((mark_in(role, line), line) for line in lines)
    return own + [LogMark(container.id, name, line, at) for name, line in named if name and name not in known]


def goes_round(snapshot: Snapshot, container: Container, own: Iterable[LogMark]) -> bool:
    """Whether it runs between two ends: it was started again, is young for one of its runs, and has not served yet."""
    if container.state != "running" or not container.restart_count:
        return False
    start = container.started_at or 0.0
    usual = min(LONGEST, max(0.0, start - (container.created_at or start)) / container.restart_count)
    ready = any(mark.mark in READY and (mark.at or 0.0) >= began(container) for mark in own)
    serves = any(one.container == container.id and one.state in ("up", "busy") for one in snapshot.servers)
    return not ready and not serves and snapshot.taken_at - start <= max(YOUNG, 3 * usual)


def last_cause(snapshot: Snapshot, container: Container, *meanings: str) -> LogMark | None:
    """The newest line of these meanings in its present run, or the one that ended last; between two ends in either.

    None where it served afterwards.
    """
    own = said(snapshot, container)
    since = (container.started_at or 0.0) - LOOP if goes_round(snapshot, container, own) else began(container)
    found = (mark for mark in own if mark.mark.startswith(meanings) and (mark.at or 0.0) >= since)
    newest = max(found, key=lambda mark: mark.at or 0.0, default=None)
    if newest is None or any(mark.mark in READY and (mark.at or 0.0) >= (newest.at or 0.0) for mark in own):
        return None
    return newest


def native(snapshot: Snapshot) -> tuple[str, ...]:
    """Names of model servers that run outside of containers."""
    return tuple(s.name for s in snapshot.services if s.role in NATIVE and s.container is None and s.pid is not None)


def card(gpu: Gpu) -> str:
    """How a GPU is called: by its number, else by its key."""
    return f"GPU {gpu.index}" if gpu.index is not None else f"GPU {gpu.uuid.removeprefix('index:')}"


def with_name(gpu: Gpu) -> str:
    """The same with the model of the card."""
    return f"{card(gpu)} ({gpu.name})" if gpu.name else card(gpu)


@dataclass(frozen=True)
class GpuHolder:
    """Who holds memory of one GPU: one container, or one process outside of any."""

    name: str
    memory: int | None
    """Bytes of all its processes there; None when the driver does not tell of one."""
    pids: tuple[int, ...]
    container: str | None = None
    server: str | None = None
    models: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For evidence."""
        loaded = _(", model {models}", models=", ".join(self.models)) if self.models else ""
        return _(
            "{memory} by {it}{loaded} (process {map})",
            memory=size(self.memory),
            it=self.name,
            loaded=loaded,
            map=", ".join(map(str, self.pids)),
        )


def holders(snapshot: Snapshot, gpu: str) -> tuple[GpuHolder, ...]:
    """Who holds memory of the GPU with this UUID, the most first."""
    groups: dict[str, list[GpuProcess]] = {}
    for process in snapshot.gpu_processes:
        if process.gpu == gpu:
            groups.setdefault(process.container or _("pid {pid}", pid=process.pid), []).append(process)
    found = [_holder(snapshot, own) for own in groups.values()]
    return tuple(sorted(found, key=lambda one: (-(one.memory or 0), one.name)))


def _holder(snapshot: Snapshot, own: list[GpuProcess]) -> GpuHolder:
    first = own[0]
    container = next((c for c in snapshot.containers if c.id == first.container), None)
    called = container.name if container else first.service or first.name or (first.command or ("a process",))[0]
    known = [process.memory for process in own]
    return GpuHolder(
        name=called,
        memory=None if None in known else sum(one or 0 for one in known),
        pids=tuple(process.pid for process in own),
        container=container.id if container else None,
        server=next((p.server for p in own if p.server), None),
        models=tuple(dict.fromkeys(model for p in own for model in p.models)),
    )


def names(askers_: Iterable[Asker], limit: int = 4) -> str:
    """Names of askers, the first few: ``a, b and c``."""
    found = [one.name for one in askers_]
    if len(found) > limit:
        found = [*found[:limit], _("{count} more", count=len(found) - limit)]
    return _(" and ").join(part for part in (", ".join(found[:-1]), found[-1] if found else "") if part)


def without_card(snapshot: Snapshot) -> bool:
    """Whether this machine has no NVIDIA card at all, as far as its bus tells: then gpu.driver says all there is."""
    driver = snapshot.gpu_driver
    return driver is not None and driver.state == "no_library" and driver.cards == 0
