"""The one look that proves a repair, for the console and the command alike: unreachable is never proof.

A finding counts as gone only in a Snapshot in which every part that its check reads was read without a Fault after the
last step. A check declares its parts (``reads``), a source those that it gives; here stands whose Faults concern whom.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..collect.scheduler import all_sources, sources_of
from ..compose.places import WORKING_DIR
from ..hosts import EngineUnreachable
from ..model import Fault, Snapshot
from ..model.findings import Result
from ..text import _
from ..text.cleaning import clean_line

ENGINE = ("engine", "engine-info")
"""Everything that is known of containers stands on these: their Faults concern every repair."""
FROM_FILES = frozenset(source.name for source in all_sources() if source.from_files)
"""Sources that are read where a folder is judged without any Engine."""
ALWAYS = frozenset(source.name for source in all_sources() if source.always)
"""Sources that every look reads; the others have nothing to read where nobody needs them."""
PARTS: Mapping[str, tuple[str, ...]] = sources_of()
"""Part of the Snapshot -> the sources that make it, as Faults name them up to the colon; the Engine's belong to all."""


class Judge(Protocol):
    """A check as the look needs it."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Parts of the Snapshot that it judges."""
        ...

    @property
    def proves(self) -> tuple[str, ...]:
        """What a Snapshot has only on request, and it judges better with."""
        ...


@dataclass(frozen=True)
class Look:
    """Looks anew at one finding each time it is called. Raises EngineUnreachable where the Engine cannot be asked."""

    check: str
    subject: str
    find: Callable[[str], Judge | None]
    """The check with an id."""
    see: Callable[[Sequence[str]], Snapshot]
    """A whole new look at the machine, with these parts that are only collected on request."""
    examine: Callable[[Snapshot, Collection[str]], Sequence[Result]]
    """What the checks with these ids say of a Snapshot."""
    folder: str | None = None
    """The project's folder that the plan locks: the Faults of its files and containers concern the repair."""
    files_only: bool = False
    """Whether only a folder's files are judged, without any Engine."""

    def __call__(self) -> Result:
        """What is said of the subject now; ``unknown`` where something needed to say so could not be read."""
        from .wishes import WISHES

        if (wish := WISHES.get(self.check)) is not None:
            return self._seen(wish.reads, (), lambda snapshot: wish.left(self.subject, snapshot))
        check = self.find(self.check)
        if check is None:
            return self._unknown(_("this version has no check {check}", check=self.check))
        return self._seen(check.reads, check.proves, self._judged)

    def _seen(self, reads: Sequence[str], on_request: Sequence[str], judge: Callable[[Snapshot], Result]) -> Result:
        snapshot = self.see(on_request)
        fault = None if self.files_only else engine_fault(snapshot)
        if fault is not None:
            raise EngineUnreachable(fault.sentence, fault.remedy)
        fault = unread(reads, snapshot, subject=self.subject, folder=self.folder, files_only=self.files_only)
        return judge(snapshot) if fault is None else self._unknown(fault.sentence)

    def _judged(self, snapshot: Snapshot) -> Result:
        found = self.examine(snapshot, (self.check,))
        if not found:
            return self._unknown(_("the check {check} is switched off in the settings", check=self.check))
        own = next((each for each in found if each.subject == self.subject), None)
        names = {container.name for container in snapshot.containers}
        untold = (each for each in found if each.status in ("crashed", "unknown"))
        ours = next((each for each in untold if not self._of_another(each, names)), None)
        gone = Result(self.check, self.subject, "not_applicable", _("{it} is not there any more", it=self.subject))
        return own or ours or gone

    def _of_another(self, told: Result, names: Collection[str]) -> bool:
        """Whether it says nothing of ours: both stand there as containers of their own, and it does not speak for ours.

        Otherwise what cannot be told may be about ours under another name: its set, its project, its file.
        """
        return self.subject in names and told.subject in names and self.subject not in told.also

    def _unknown(self, why: str) -> Result:
        return Result(
            self.check,
            self.subject,
            "unknown",
            _("Whether {check} is gone cannot be told", check=self.check),
            because=why,
        )


def engine_fault(snapshot: Snapshot) -> Fault | None:
    """Why the Engine could not be asked at all; None where it answered."""
    if snapshot.engine is not None:
        return None
    return next((fault for fault in snapshot.faults if fault.source == "engine"), None)


def unread(
    reads: Collection[str],
    snapshot: Snapshot,
    *,
    subject: str = "",
    folder: str | None = None,
    files_only: bool = False,
) -> Fault | None:
    """The first Fault that keeps these parts from saying anything of the subject; None where all were read well.

    No parts stand for all of them: what does not say what it reads is proven by nothing less.
    """
    needed = {*ENGINE, *(source for part in reads or PARTS for source in PARTS[part])}
    if files_only:
        needed &= FROM_FILES
    whose = _Subject(subject, folder, snapshot)
    for fault in snapshot.faults:
        if fault.hides and fault.source.partition(":")[0] in needed and whose.concerns(fault):
            return fault
    never = sorted((needed & ALWAYS) - snapshot.ages.keys())
    return Fault(never[0], _("{never} was not read", never=never[0])) if never else None


class _Subject:
    """Whom a repair is about: the containers that its subject names, and the folder that it changes."""

    def __init__(self, subject: str, folder: str | None, snapshot: Snapshot) -> None:
        self._containers = snapshot.containers
        self._names = frozenset(subject.replace(",", " ").split())
        named = (c.labels.get(WORKING_DIR) for c in snapshot.containers if c.name in self._names)
        projects = {name.partition("/")[0] for name in self._names if "/" in name[1:]}
        declared = (project.working_dir for project in snapshot.projects if project.name in projects)
        self._folders = frozenset(_folders((folder, *named, *declared)))

    def concerns(self, fault: Fault) -> bool:
        """Whether a Fault says something of it; one of a single other project or container does not."""
        kind, _rest, whom = fault.source.partition(":")
        if kind == "compose":
            return whom in self._folders
        if not whom:
            return True
        there = next((c for c in self._containers if c.id.startswith(whom)), None)
        if there is None:  # of a project that is left out of this look
            return False
        return there.name in self._names or bool(self._folders.intersection(_folders([there.labels.get(WORKING_DIR)])))


def _folders(told: Iterable[str | None]) -> Iterable[str]:
    """As the source of the compose files names them."""
    return (clean_line(posixpath.normpath(folder)) for folder in told if folder)
