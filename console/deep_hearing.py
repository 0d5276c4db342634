"""The answer to a deep check as it comes in: when its words came, how many tokens, what went wrong. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from .hosts import HttpReply
from .text import clean_line

LIMIT = 1 << 20
"""Bytes of an answer that are read."""
MOST = 1 << 53
"""Above it a number of tokens or nanoseconds is nonsense."""
Progress = Callable[[int, float], None]
"""Pieces of the answer so far, and seconds since the question."""


class Hearing:
    """The answer as it comes in: when its pieces came, and what it says of itself."""

    def __init__(self, form: str, progress: Progress | None = None) -> None:
        self.times: list[float] = []
        self.text = ""
        self.error: str | None = None
        self.counted: int | None = None
        """Tokens, as the server counts them."""
        self.rate: float | None = None
        """Tokens per second, as the server says."""
        self._form = form
        self._progress = progress
        self._rest = bytearray()

    def chunk(self, piece: bytes, at: float) -> None:
        """One piece off the line, in seconds since the question."""
        if self._form == "document":
            return
        self._rest += piece
        if b"\n" not in piece:  # or a long line that comes letter by letter would be searched anew for each
            if len(self._rest) > LIMIT:
                self._rest.clear()
            return
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self.line(bytes(line), at)

    def line(self, line: bytes, at: float) -> None:
        """One whole line: a JSON object, or one event of a stream."""
        if self._form == "events":
            name, _, line = line.partition(b":")
            if name.strip() != b"data" or line.strip() == b"[DONE]":
                return
        data = _object(line)
        if data is not None:
            self._said(data, at)

    def end(self, reply: HttpReply) -> None:
        """The whole answer is there: what came in no line of its own, and documents."""
        if self._form != "document" and not self.times and self.error is None:
            self.line(bytes(self._rest), reply.seconds)
        if self._form == "document" or (not self.times and self.error is None):
            data = _object(reply.body)
            if data is not None:
                self._said(data, reply.seconds)

    def _said(self, data: dict[str, object], at: float) -> None:
        self.error = self.error or _error_in(data)
        usage = data.get("usage")
        if isinstance(usage, dict):
            self.counted = _number(usage.get("completion_tokens")) or self.counted
        self._take_ollama(data)
        text = _text_in(data)
        if text:
            self.text += text[: 4096 - len(self.text)]
            self.times.append(at)
            if self._progress is not None:
                self._progress(len(self.times), at)

    def _take_ollama(self, data: dict[str, object]) -> None:
        """fact: the last line has eval_count, and eval_duration in nanoseconds."""
        count, nanoseconds = _number(data.get("eval_count")), _number(data.get("eval_duration"))
        if count:
            self.counted = count
            self.rate = count / nanoseconds * 1e9 if nanoseconds else None


def _text_in(data: dict[str, object]) -> str:
    """The words of one piece: Ollama's, a chat's, or a completion's, thoughts included."""
    for name in ("response", "thinking"):
        if isinstance(data.get(name), str) and data[name]:
            return str(data[name])
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    parts = (first.get("delta"), first.get("message"), first)
    for part in (part for part in parts if isinstance(part, dict)):
        for name in ("content", "reasoning_content", "reasoning", "text"):
            if isinstance(part.get(name), str) and part[name]:
                return str(part[name])
    return ""


def _error_in(data: dict[str, object]) -> str | None:
    """The server's own words, in any of the shapes there are."""
    for name in ("error", "detail", "message"):
        value = data.get(name)
        if isinstance(value, dict):
            value = value.get("message") or value.get("error")
        if isinstance(value, str) and value and (name != "message" or data.get("object") == "error"):
            return clean_line(value, 200)
    return None


def _object(line: bytes) -> dict[str, object] | None:
    try:
        data = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return data if isinstance(data, dict) else None


def _number(value: object) -> int | None:
    """A whole number of tokens or nanoseconds; None for what cannot be one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return int(value) if 1 <= value < MOST else None
