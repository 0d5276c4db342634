"""What many checks ask of the subject they look at: how it ended, what lies behind its mounts, who serves, its ports.

Pure: everything is read from the Snapshot. Paths are host paths in POSIX form. Unknown stays None.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

from ..console.compose.places import Reach, reach, within
from ..console.model import ComposeService, Container, FileFact, LastWords, Role, Server, Snapshot
from ..console.model.findings import Evidence
from ..console.products.services import role_of_container
from ..console.products.versions import exit_meaning
from ..console.text import _
from ..console.text.cleaning import clip, duration

ALWAYS = ("always", "unless-stopped")
BY_SIGNAL = (130, 137, 143)
"""Exit codes of a program that was told to end: Ctrl-C, SIGKILL, SIGTERM."""
WORDS_SHOWN = 3
SETTLED = 30.0
"""Seconds after which a run counts as one that lasts, unless its runs usually last longer."""
LONGEST = 1200.0
"""Seconds of a run from which on its end is an incident of its own, not a loop."""
FIRST_MINUTES = 180.0
"""Seconds after it was made in which a few ends are usual: it may wait for its database."""
USUAL = 6
"""Ends that are usual then. fact: One API ends two to six times until MySQL is ready."""

EVERY = ("", "0.0.0.0", "::", "[::]", "*")  # noqa: S104 - as compose files write it
MOST = 200
"""Ports of one range that are looked at."""

T = TypeVar("T")


def worked_out_once(work: Callable[[Snapshot], Iterable[T]]) -> Callable[[Snapshot], tuple[T, ...]]:
    """What many checks ask of the same Snapshot. Of no other one is anything kept, so nothing can be out of date."""
    kept: tuple[Snapshot, tuple[T, ...]] | None = None

    @wraps(work)
    def asked(snapshot: Snapshot) -> tuple[T, ...]:
        nonlocal kept
        known = kept
        if known is None or known[0] is not snapshot:
            known = kept = (snapshot, tuple(work(snapshot)))
        return known[1]

    return asked


@dataclass(frozen=True)
class HostPort:
    """One port of the machine as somebody wants or has it."""

    address: str
    number: int
    protocol: str

    def meets(self, other: HostPort) -> bool:
        """Whether only one can have it."""
        same = (self.number, self.protocol) == (other.number, other.protocol)
        return same and (self.address == other.address or self.address in EVERY or other.address in EVERY)


@dataclass(frozen=True)
class Life:
    """One container as a check of its facts sees it."""

    container: Container
    role: Role
    now: float
    last_words: tuple[str, ...] = ()
    """The last lines of its log, oldest first; empty where nobody read them."""
    of_an_end: bool = False
    """They were read of a run that had ended; where it runs now, of the one before."""

    @property
    def name(self) -> str:
        """The container's name."""
        return self.container.name

    @property
    def age(self) -> float | None:
        """Seconds since its last start."""
        return None if self.container.started_at is None else max(0.0, self.now - self.container.started_at)

    @property
    def ended(self) -> bool:
        """Whether its last words are those of a program that has ended; of one that runs they may be anything."""
        return self.container.state != "running" or self.of_an_end

    @property
    def kept_up(self) -> bool:
        """Whether the Engine starts it again whenever it ends."""
        return (self.container.restart_policy or "").startswith((*ALWAYS, "on-failure"))

    @property
    def ends(self) -> int:
        """How often it ended and was started again, as far as that is known."""
        return max(self.container.restart_count or 0, len(self.container.deaths)) if self.kept_up else 0

    @property
    def since_made(self) -> float | None:
        """Seconds since the container was made."""
        return None if self.container.created_at is None else self.now - self.container.created_at

    @property
    def goes_round(self) -> bool:
        """Whether the next end is to be expected: it waits for its start, or runs no longer than usual."""
        c = self.container
        if not self.ends:
            return False
        if c.state == "restarting":
            return True
        if (c.health is not None and c.health.status == "healthy") or self.age is None:
            return False
        usual = 0.0
        if c.created_at is not None and c.started_at is not None:
            usual = max(0.0, c.started_at - c.created_at) / self.ends
        return usual < LONGEST and self.age < max(SETTLED, 3 * usual)

    @property
    def settling(self) -> bool:
        """Whether it was made a moment ago and has ended no more often than is usual then."""
        return self.ends <= USUAL and self.since_made is not None and self.since_made < FIRST_MINUTES

    @property
    def put_to_rest(self) -> bool:
        """Whether it lies stopped because somebody stopped it, or because it had nothing more to do.

        A container that the Engine always starts again lies ``exited`` only when somebody stopped it, whatever its exit
        code. fact: docs.docker.com, restart policies: a container stopped by hand is left alone.
        """
        c = self.container
        if c.state == "paused":
            return True
        if c.state not in ("exited", "dead") or c.error:
            return False
        if c.restart_policy in ALWAYS or c.exit_code == 0:
            return True
        return c.exit_code in BY_SIGNAL and not c.restart_count and not c.oom_killed

    @property
    def exit_words(self) -> str:
        """``exit code 1: ended with an error of its own; its log says which``."""
        c = self.container
        if c.exit_code is None:
            return _("an exit code that is not known")
        meaning = exit_meaning(c.exit_code, c.oom_killed, c.error, self.role)
        return _("exit code {exit_code}", exit_code=c.exit_code) + (f": {meaning}" if meaning else "")

    def rows(self) -> tuple[Evidence, ...]:
        """What the Engine tells of its end, and its last words."""
        c, source = self.container, f"docker inspect {self.name}"
        rows = [Evidence(_("state"), _(c.state), source)]
        if c.exit_code is not None and c.state != "running":
            rows.append(Evidence(_("last end"), self.exit_words, source))
        if c.restart_count:
            rows.append(
                Evidence(
                    _("started again"), _("{restart_count} times by the Engine", restart_count=c.restart_count), source
                )
            )
        if c.finished_at is not None and c.finished_at > 0:
            rows.append(Evidence(_("ended"), _("{now} ago", now=duration(self.now - c.finished_at)), source))
        said = self.last_words[-WORDS_SHOWN:]
        return (*rows, *(Evidence("log", clip(line, 300), f"docker logs {self.name}") for line in said))


@worked_out_once
def only_listed(snapshot: Snapshot) -> Iterator[Container]:
    """Containers that the Engine has listed and not told more of yet."""
    return (container for container in snapshot.containers if not container.detailed)


def lives(snapshot: Snapshot) -> tuple[Life, ...]:
    """Every container that has been inspected."""
    roles = {service.container: service.role for service in snapshot.services if service.container}
    words = {one.container: one for one in snapshot.last_words}
    found = ((c, words.get(c.id, LastWords(c.id, ()))) for c in snapshot.containers if c.detailed)
    return tuple(Life(c, roles.get(c.id, "unknown"), snapshot.taken_at, told.lines, told.ended) for c, told in found)


__all__ = ["Reach", "fact_of", "file_evidence", "reach", "within"]


def fact_of(snapshot: Snapshot, path: str | None) -> FileFact | None:
    """What is known of a host path; None when nobody looked."""
    if path is None:
        return None
    wanted = posixpath.normpath(path)
    return next((fact for fact in snapshot.files if posixpath.normpath(fact.path) == wanted), None)


def file_evidence(fact: FileFact | None, path: str) -> tuple[Evidence, ...]:
    """What stat says, one fact per line."""
    if fact is None:
        return ()
    kind: str = fact.kind
    if kind == "directory" and fact.empty is not None:
        kind = _("empty directory") if fact.empty else _("directory with content")
    rows = [Evidence(_("on the host"), kind, path)]
    if fact.mode is not None:
        rows.append(Evidence(_("mode"), f"{fact.mode:04o}", path))
    if fact.uid is not None:
        rows.append(Evidence(_("owner"), f"{fact.uid}:{fact.gid if fact.gid is not None else '?'}", path))
    return tuple(rows)


def containers(snapshot: Snapshot) -> Iterator[tuple[Container, Server | None]]:
    """Containers that are an Ollama, and what answered there."""
    for container in snapshot.containers:
        server = next((one for one in snapshot.servers if one.container == container.id), None)
        if role_of_container(container) == "ollama" or (server is not None and server.product == "ollama"):
            yield container, server


def natives(snapshot: Snapshot) -> Iterator[Server]:
    """Ollamas that run on the machine itself."""
    return (
        one for one in snapshot.servers if one.product == "ollama" and one.container is None and one.pid is not None
    )


def wanted(declared: ComposeService) -> Iterator[HostPort]:
    """Ports of the machine that a declaration asks for; none where Docker chooses the number, be it out of a range."""
    if declared.network_mode == "host":
        return
    for text in declared.ports:
        head, _rest, protocol = text.partition("/")
        outside, _rest, inside = head.rpartition(":")
        address, _rest, numbers = outside.rpartition(":")
        first, _rest, last = numbers.partition("-")
        if first.isdecimal() and (not last or (last.isdecimal() and "-" in inside)):
            end = min(int(last or first), int(first) + MOST)
            yield from (HostPort(address, number, protocol or "tcp") for number in range(int(first), end + 1))


def taken(container: Container) -> Iterator[HostPort]:
    """Ports of the machine that a container has."""
    for port in container.ports if container.state in ("running", "paused", "restarting") else ():
        if port.host_port:
            yield HostPort(port.host_ip or "", port.host_port, port.protocol)
