"""What happened, in the Engine's own event shape: the last 256 kept, and everybody who listens told at once."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

KEPT = 256
"""fact: the Engine keeps as many."""


@dataclass(frozen=True)
class Event:
    """One event of a container, or of dockerd itself."""

    action: str
    container: str
    attributes: Mapping[str, str]
    at: float
    """Unix seconds."""
    kind: str = "container"

    def encode(self) -> bytes:
        """As ``GET /events`` sends it."""
        image = self.attributes.get("image", "")
        return json.dumps(
            {
                "status": self.action, "id": self.container, "from": image, "Type": self.kind, "Action": self.action,
                "Actor": {"ID": self.container, "Attributes": dict(self.attributes)}, "scope": "local",
                "time": int(self.at), "timeNano": int(self.at * 1e9),
            }
        ).encode()  # fmt: skip


class Events:
    """The history and the listeners. The world's lock guards both."""

    def __init__(self) -> None:
        self.history: deque[Event] = deque(maxlen=KEPT)
        self._listeners: list[Callable[[Event], None]] = []

    def add(self, event: Event) -> None:
        """Keep it and tell everybody. Listeners must not block and not raise."""
        self.history.append(event)
        for listener in tuple(self._listeners):
            listener(event)

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Be told of every event from now on, in whatever thread it happens; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None
