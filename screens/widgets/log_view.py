"""Log lines of a container: bounded, broken at the width, and standing still while somebody reads further up."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .document import Document
from .paint import Line, Tone, line

MAX_LINES = 2000
_WORDS: tuple[tuple[tuple[str, ...], Tone], ...] = (
    (("error", "fatal", "panic", "exception", "traceback", '"s":"e"', '"s":"f"'), "error"),
    (("warn", '"s":"w"'), "warning"),
)


def tone_of(text: str) -> Tone:
    """The colour of a log line by the word it says itself; the words stay as they are."""
    head = text[:200].lower()
    return next((tone for words, tone in _WORDS if any(word in head for word in words)), "plain")


def log_line(text: str) -> Line:
    """One line, its time stamp muted when it has one."""
    stamp, _, rest = text.partition(" ")
    if len(stamp) >= 20 and stamp[:4].isdigit() and "T" in stamp:
        return line((stamp[11:19] + " ", "muted"), (rest, tone_of(rest)))
    return line((text, tone_of(text)))


class LogView(Document):
    """The newest lines, at most ``MAX_LINES``."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._kept: deque[Line] = deque(maxlen=MAX_LINES)

    def replace(self, texts: Sequence[str]) -> None:
        """Show these lines, the newest in sight."""
        self._kept.clear()
        self.append(texts, jump=True)

    def append(self, texts: Sequence[str], *, jump: bool = False) -> None:
        """Add a batch; moves along only when the end was in sight."""
        at_end = jump or self.scroll_offset.y >= self.max_scroll_y
        self._kept.extend(log_line(text) for text in texts)
        self.show(tuple(self._kept))
        if at_end:
            self.call_after_refresh(self.action_bottom)
