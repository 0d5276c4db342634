"""What flows from the threads to the screens. Threads post these and touch nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from ..console.findings import Result
from ..console.model import Snapshot


class SnapshotTaken(Message, bubble=False):
    """The machine was looked at again; only the newest counts."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """A newer look replaces one that still waits."""
        return isinstance(message, SnapshotTaken)


class ResultsReady(Message, bubble=False):
    """The checks have judged a Snapshot."""

    def __init__(self, results: Sequence[Result]) -> None:
        super().__init__()
        self.results = tuple(results)

    def can_replace(self, message: Message) -> bool:
        """Newer results replace those that still wait."""
        return isinstance(message, ResultsReady)


class ActEnded(Message, bubble=False):
    """An act on a container ended, well or not."""

    def __init__(self, sentence: str, *, failed: bool) -> None:
        super().__init__()
        self.sentence = sentence
        self.failed = failed


class HungUp(Message, bubble=False):
    """The terminal is gone."""


class Repaint(Message, bubble=False):
    """The terminal missed frames: draw everything."""
