"""The lines of a journal entry, and what they add up to. Data and its reading; no files."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from msgspec import Struct

from ..hosts.local.locking import Who, alive
from ..model import FileFact
from ..model.findings import Safety
from .steps import AnyStep

EntryState = Literal["open", "done", "rolled-back", "undone", "failed"]


class JournalStep(Struct, frozen=True):
    """One exact step and what takes it back. Holds no content, only their hashes."""

    step: AnyStep
    inverse: AnyStep | None
    describe: str
    diff: str
    """As it was shown: secrets masked."""


class Intent(Struct, frozen=True, tag="intent"):
    """The first line: everything that is needed to finish or to take back."""

    id: str
    kind: Literal["fix", "undo"]
    check: str
    subject: str
    title: str
    safety: Safety
    host: str
    at: float
    who: Who
    version: str
    plan_hash: str
    steps: tuple[JournalStep, ...]
    was: tuple[FileFact, ...]
    """The paths that are touched, before."""
    will: tuple[FileFact, ...]
    """The same paths, after."""
    restarts: tuple[str, ...] = ()
    lock: str | None = None
    settle: float = 10.0
    deadline: float = 60.0
    of: str | None = None
    """For an undo: the entry it takes back."""
    fault: str | None = None
    """What the fix has to make go away: ``Plan.fault``."""
    uncovers: tuple[str, ...] = ()
    """Forms that may come to light by it: ``Plan.uncovers``."""
    engine: str | None = None
    """Address of the Engine it was done on: one machine may have several."""
    number: int = 0
    """Its place among the entries of the journal, set when it is written: clocks are put right, numbers only grow."""
    schema: int = 1


class About(Struct, frozen=True, tag="about"):
    """A step is about to be done (or, with ``back``, taken back)."""

    step: int
    at: float
    back: bool = False


class Did(Struct, frozen=True, tag="did"):
    """A step was done or taken back."""

    step: int
    at: float
    back: bool = False


class Failed(Struct, frozen=True, tag="failed"):
    """A step, the verification (step None) or taking a step back failed."""

    step: int | None
    at: float
    why: str
    back: bool = False


class Left(Struct, frozen=True, tag="left"):
    """The touched paths as they were left at the end."""

    files: tuple[FileFact, ...]
    at: float


class Taken(Struct, frozen=True, tag="taken"):
    """Another process took the entry over after a kill or a stop."""

    how: Literal["resume", "roll back"]
    who: Who
    at: float


class Stopped(Struct, frozen=True, tag="stopped"):
    """It was stopped between two steps on request, or in the middle of one because the Engine went away."""

    at: float
    why: str


class End(Struct, frozen=True, tag="end"):
    """The last line."""

    state: Literal["done", "rolled-back", "failed"]
    at: float
    says: tuple[str, ...] = ()


Record = Intent | About | Did | Failed | Left | Taken | Stopped | End


class Entry:
    """One entry, read. What happened follows from its lines alone."""

    def __init__(self, intent: Intent, records: tuple[Record, ...], undone_by: str | None = None) -> None:
        self.intent = intent
        self.records = records
        self.undone_by = undone_by

    def __repr__(self) -> str:
        return f"Entry({self.id}, {self.intent.kind} {self.intent.check}, {self.state})"

    @property
    def id(self) -> str:
        """The name of the entry: its time and some random digits."""
        return self.intent.id

    @property
    def kind(self) -> Literal["fix", "undo"]:
        """What it is."""
        return self.intent.kind

    @property
    def check(self) -> str:
        """The check whose finding was fixed."""
        return self.intent.check

    @property
    def subject(self) -> str:
        """What was fixed."""
        return self.intent.subject

    @cached_property
    def end(self) -> End | None:
        """How it ended."""
        return next((r for r in reversed(self.records) if isinstance(r, End)), None)

    @property
    def state(self) -> EntryState:
        """Open until it has ended; undone once an undo of it is done."""
        if self.end is None:
            return "open"
        return "undone" if self.undone_by is not None and self.end.state == "done" else self.end.state

    @property
    def running(self) -> bool:
        """Whether the process that last worked on it is still there."""
        return self.end is None and not self._stopped and alive(self.person)

    @property
    def person(self) -> Who:
        """Who last worked on it."""
        return next((r.who for r in reversed(self.records) if isinstance(r, Taken)), self.intent.who)

    @property
    def _stopped(self) -> bool:
        last = next((r for r in reversed(self.records) if isinstance(r, Stopped | Taken)), None)
        return isinstance(last, Stopped)

    @cached_property
    def done(self) -> frozenset[int]:
        """Indices of the steps that were done."""
        return frozenset(r.step for r in self.records if isinstance(r, Did) and not r.back)

    @cached_property
    def begun(self) -> frozenset[int]:
        """Indices of the steps of which it is not known whether they were done."""
        return frozenset(r.step for r in self.records if isinstance(r, About) and not r.back) - self.done

    @cached_property
    def half_back(self) -> frozenset[int]:
        """Indices of the steps of which it is not known whether they were taken back."""
        return frozenset(r.step for r in self.records if isinstance(r, About) and r.back) - self.taken_back

    @cached_property
    def taken_back(self) -> frozenset[int]:
        """Indices of the steps that were taken back."""
        return frozenset(r.step for r in self.records if isinstance(r, Did) and r.back)

    @cached_property
    def rolling_back(self) -> bool:
        """Whether taking back had begun, or the order to do so: then there is no way forward any more."""
        return any(isinstance(r, Failed) or (isinstance(r, About) and r.back) for r in self.records) or any(
            isinstance(r, Taken) and r.how == "roll back" for r in self.records
        )

    @cached_property
    def left(self) -> tuple[FileFact, ...]:
        """The touched paths as the fix left them."""
        return next((r.files for r in reversed(self.records) if isinstance(r, Left)), self.intent.will)

    @property
    def ended_at(self) -> float | None:
        """When it ended, Unix seconds."""
        return None if self.end is None else self.end.at

    def blob_names(self) -> set[str]:
        """The contents it needs to be finished, taken back or undone."""
        return {f.sha256 for f in (*self.intent.was, *self.intent.will) if f.sha256} | self.step_blobs()

    def step_blobs(self) -> set[str]:
        """Those of them that one of its steps, or what takes it back, writes or compares with."""
        steps = [step for row in self.intent.steps for step in (row.step, row.inverse)]
        fields = ("before", "after", "expect", "makes", "replaces", "rest")
        return {name for step in steps for field in fields if (name := getattr(step, field, None))}
