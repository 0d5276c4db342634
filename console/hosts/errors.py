"""What a door says when it cannot do what was asked: a sentence, and the next thing to try."""

from __future__ import annotations


class HostError(Exception):
    """Something could not be done: ``str(error)`` is the sentence, ``remedy`` the next thing to try."""

    def __init__(self, sentence: str, remedy: str | None = None) -> None:
        super().__init__(sentence)
        self.remedy = remedy


class EngineUnreachable(HostError):
    """No Engine answers at the address: missing socket, refused, hung, no permission."""


class EndUnknown(HostError):
    """An act did not end in time; what it did, or still does, is not known."""


class NotFound(HostError):
    """The thing asked for is gone (a container removed meanwhile, a file that never was)."""


class NotPermitted(HostError):
    """The user may not do it. ``remedy`` holds the exact command that would."""


class ReadOnlyRefused(HostError):
    """The console was started with --read-only; no act can leave it."""


class EngineFailed(HostError):
    """The Engine answered, but with an error, nonsense or half a reply; ``status`` is its HTTP status, if any."""

    def __init__(self, sentence: str, remedy: str | None = None, *, status: int | None = None) -> None:
        super().__init__(sentence, remedy)
        self.status = status
