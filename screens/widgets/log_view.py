"""Log lines of a container: bounded, broken at the width, and standing still while somebody reads further up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from .document import Document
from .paint import Line, Span, Tone, line
from .wrap import wrap

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


def marked(painted: Line, words: str) -> Line:
    """The line with every place that says these words in the colour of a badge; case does not matter."""
    if not words:
        return painted
    return tuple(piece for span in painted for piece in _cut(span, words.lower()))


def _cut(span: Span, words: str) -> Iterator[Span]:
    lowered, start = span.text.lower(), 0
    if len(lowered) != len(span.text):  # a letter whose small form is two letters: where a hit stands is not known
        yield span
        return
    while (at := lowered.find(words, start)) >= 0:
        if at > start:
            yield Span(span.text[start:at], span.tone)
        yield Span(span.text[at : at + len(words)], "badge")
        start = at + len(words)
    if start < len(span.text):
        yield Span(span.text[start:], span.tone)


class LogView(Document):
    """The newest lines, at most ``MAX_LINES``; words can be looked for in them."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._kept: deque[str] = deque(maxlen=MAX_LINES)
        self._words = ""
        self._at: int | None = None
        """Which of the kept lines is the hit that was gone to."""

    def replace(self, texts: Sequence[str]) -> None:
        """Show these lines, the newest in sight."""
        self._kept.clear()
        self._at = None
        self.append(texts, jump=True)

    def append(self, texts: Sequence[str], *, jump: bool = False) -> None:
        """Add a batch; moves along only when the end was in sight."""
        at_end = jump or self.scroll_offset.y >= self.max_scroll_y
        lost = max(0, len(self._kept) + len(texts) - MAX_LINES)
        self._kept.extend(texts)
        self._at = None if self._at is None or self._at < lost else self._at - lost
        self._paint()
        if at_end and not (self._words and self._at is not None):
            self.call_after_refresh(self.action_bottom)

    @property
    def words(self) -> str:
        """What is looked for."""
        return self._words

    def find(self, words: str) -> tuple[int, int]:
        """Mark these words wherever they stand and go to the newest line that has them; see ``next_hit``."""
        self._words, self._at = words.lower(), None
        self._paint()
        return self.next_hit(backwards=True)

    def next_hit(self, *, backwards: bool) -> tuple[int, int]:
        """Go to the next line with the words, or the one before; round at the ends. Which it is, of how many."""
        hits = [n for n, text in enumerate(self._kept) if self._words and self._words in text.lower()]
        if not hits:
            return 0, 0
        at = (len(self._kept) if backwards else -1) if self._at is None else self._at
        order = [n for n in reversed(hits) if n < at] if backwards else [n for n in hits if n > at]
        self._at = order[0] if order else hits[-1 if backwards else 0]
        self._go_to(self._at)
        return hits.index(self._at) + 1, len(hits)

    def _paint(self) -> None:
        self.show([marked(log_line(text), self._words) for text in self._kept])

    def _go_to(self, number: int) -> None:
        """Put one of the lines a third of the way down."""
        width = self.scrollable_content_region.width or 80
        row = len(wrap(self.lines[:number], width))
        self.scroll_to(y=max(0, row - self.size.height // 3), animate=False, immediate=True)
