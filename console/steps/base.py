"""What every step is, and the workbench it works on."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from ..hosts import Host, HostError


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
    """Fresh random bytes in base64, 64 characters a line. fact: mongod accepts 6 to 1024 characters without white space"""

    size: int = 756


Content = Text | CopyOf | RandomKey


class Workbench:
    """The host a step works on, and the store of file contents that previews, backups and undo share."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.blobs: dict[str, bytes] = {}
        """By SHA-256. In memory while previewing; the journal keeps them (mode 0600) before the first change."""


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

    def describe(self) -> str:
        """One sentence: what it does."""
        raise NotImplementedError

    @property
    def target(self) -> str:
        """The path or the container that is changed."""
        raise NotImplementedError

    def prepare(self, bench: Workbench) -> Prepared:
        """Make the step exact by reading, changing nothing. Raises StepFailed when it could not be done."""
        raise NotImplementedError

    def state(self, bench: Workbench) -> Literal["before", "after", "moved"]:
        """Where the world stands for this exact step."""
        raise NotImplementedError

    def apply(self, bench: Workbench) -> None:
        """Do it. Raises StepMoved when ``state`` is not ``before``, StepFailed when it cannot be done."""
        raise NotImplementedError
