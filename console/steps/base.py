"""What every step is, and the workbench it works on.

A step is data. It reads and writes only through the Host of its workbench; it never decides whether it may run.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

from msgspec import Struct

from ..hosts import Host, HostError

State = Literal["before", "after", "moved"]


class StepFailed(HostError):
    """The step could not be done; nothing, or exactly what it says, was changed."""


class StepMoved(StepFailed):
    """The world is no longer as the preview showed it."""


class Text(Struct, frozen=True, tag="text"):
    """Content given by the plan itself."""

    text: str


class CopyOf(Struct, frozen=True, tag="copy"):
    """Content of another file on the host, read when the plan is prepared."""

    path: str


class RandomKey(Struct, frozen=True, tag="random-key"):
    """Fresh random bytes in base64, 64 characters a line.

    fact: mongod accepts keys of 6 to 1024 characters without white space
    """

    size: int = 756


class Stored(Struct, frozen=True, tag="stored"):
    """Content that is only named: an exact step holds it in the blob store, so that no journal line carries it."""

    size: int
    """Bytes."""


Content = Text | CopyOf | RandomKey | Stored


def sha256(content: bytes) -> str:
    """The name of a content in the blob store: its SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Workbench:
    """The host a step works on, and the store of file contents that previews, backups and undo share."""

    def __init__(self, host: Host, blobs: Mapping[str, bytes] | None = None) -> None:
        self.host = host
        self.blobs: dict[str, bytes] = dict(blobs or {})
        """By SHA-256. In memory while previewing; the journal keeps them (mode 0600) before the first change."""
        self.notes: list[str] = []
        """What preparing wants to tell the operator and no diff shows."""
        self.pending: dict[str, bytes] = {}
        """While previewing: files as earlier steps will have left them, by path."""
        self.tell: Callable[[str], None] = lambda _: None
        """What a step that takes long says of itself once a second. Raises what ends it when somebody wants to stop."""
        self.created: frozenset[str] = frozenset()
        """While previewing: those of them that do not exist yet."""
        self.originals: dict[str, str | None] = {}
        """While previewing: SHA-256 of what is on the host at the pending paths; None where nothing is."""

    def __repr__(self) -> str:
        return f"Workbench({self.host.name!r}, {len(self.blobs)} contents)"

    def keep(self, content: bytes) -> str:
        """Put a content into the store and return its name."""
        name = sha256(content)
        self.blobs[name] = content
        return name

    def content(self, name: str) -> bytes:
        """A content of the store. Raises StepFailed when its backup is gone."""
        try:
            return self.blobs[name]
        except KeyError:
            raise StepFailed(
                f"The content {name[:12]} is no longer in the journal's store, so it cannot be put back"
            ) from None


class Prepared(Struct, frozen=True):
    """A step made exact: what will be done, to what, and what takes it back."""

    step: Step
    inverse: Step | None
    diff: str
    """Unified diff, or before and after, with secrets masked; empty when only words can tell."""
    changes: bool = True
    """False when everything is already as wanted."""


class Step(Struct, frozen=True, tag=True):
    """One act. An intention until ``prepare`` has made it exact; only exact steps are applied and journalled."""

    settles: ClassVar[bool] = False
    """True for steps that make a service follow its files (restart, recreate): taken back after everything else."""
    changes_nothing: ClassVar[bool] = False
    """True for steps that only look or wait: they have no inverse, and nothing is missing for the lack of it."""
    shared: ClassVar[bool] = False
    """True where somebody else having done the very same meanwhile is as good as doing it."""
    deadline: ClassVar[float] = 90.0
    """Seconds after which the step counts as unknown, whatever it is doing."""

    @abstractmethod
    def describe(self) -> str:
        """One sentence: what it does."""

    @property
    @abstractmethod
    def target(self) -> str:
        """The path or the container that is changed."""

    @abstractmethod
    def prepare(self, bench: Workbench) -> Prepared:
        """Make the step exact by reading, changing nothing. Raises StepFailed when it could not be done."""

    @abstractmethod
    def state(self, bench: Workbench) -> State:
        """Where the world stands for this exact step."""

    @abstractmethod
    def act(self, bench: Workbench) -> None:
        """Do it, without asking. Raises StepFailed when it cannot be done."""

    def holds(self, bench: Workbench) -> frozenset[str]:  # noqa: ARG002 - most steps do one act
        """Paths that this step has left in a state of its own, between two of its acts: a kill came in the middle."""
        return frozenset()

    def apply(self, bench: Workbench) -> None:
        """Do it. Raises StepMoved when ``state`` is not ``before``, StepFailed when it cannot be done."""
        if self.state(bench) != "before":
            raise StepMoved(f"{self.target} is no longer as the preview showed it", "look again and prepare a new plan")
        try:
            self.act(bench)
        except StepFailed:
            raise
        except HostError as error:
            raise StepFailed(str(error), error.remedy) from error
