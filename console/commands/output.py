"""The way out: data to stdout, narration to stderr, every text cleaned and its secrets masked.

If the reader closes the pipe, the program ends quietly. Colour only repeats what a word says.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import click

from ..text.cleaning import SECRETS, ascii_words, clean, is_secret_name, redact

SCHEMA = "stackops/1"
COLORS = {
    "error": "red", "warning": "yellow", "info": "cyan", "ok": "green", "unknown": "magenta", "crashed": "red",
}  # fmt: skip


def json_ascii(text: str) -> str:
    """JSON that says the same in ASCII alone."""
    import json

    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text)


def _takes_utf8() -> bool:
    """Whether stdout is written in UTF-8; a stand-in of a test has no encoding and takes all."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return encoding.lower().replace("-", "") == "utf8"


def shown(text: str) -> str:
    """A text as it may leave the program: no control characters, no secrets."""
    return clean(redact(text), limit=1 << 20)


def boundary(value: Any) -> Any:  # noqa: ANN401 - any tree of plain values
    """The same for every text in a tree of plain values. A key names its value, an option the word that follows it."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {shown(str(key)): _named(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, str) for item in value):
            return [shown(word) for word in SECRETS.words(value)]
        return [boundary(item) for item in value]
    return value


def _named(key: str, value: Any) -> Any:  # noqa: ANN401 - any tree of plain values
    if isinstance(value, str) and is_secret_name(key):
        return shown(SECRETS.value(key, value))
    return boundary(value)


@dataclass(frozen=True)
class Output:
    """How one call answers."""

    json: bool
    plain: bool
    color: bool
    ascii: bool = False

    def data(self, line: str = "") -> None:
        """One line, or several, of the answer."""
        _write(sys.stdout, self._letters(shown(line)))

    def document(self, body: dict[str, object]) -> None:
        """The whole answer as one JSON document."""
        import msgspec

        encoded = msgspec.json.encode(boundary({"schema": SCHEMA, **body}))
        text = msgspec.json.format(encoded, indent=2).decode()
        _write(sys.stdout, json_ascii(text) if self.ascii else text)

    def facts(self, *words: str) -> None:
        """One fact on a line of its own, parts separated by tabs, the status first."""
        _write(sys.stdout, self._letters("\t".join(shown(word).replace("\n", " ") for word in words)))

    @property
    def letters_only(self) -> bool:
        """Whether it takes ASCII alone. What cannot be written in a terminal's own letters has no glyphs."""
        return self.ascii or not _takes_utf8()

    def _letters(self, text: str) -> str:
        """The text as this output may have it."""
        return ascii_words(text) if self.letters_only else text

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None where stdout is none."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def answer(
        self,
        document: Callable[[], dict[str, object]],
        facts: Callable[[], Iterable[Sequence[str]]],
        lines: Callable[[], Iterable[tuple[str, str, str]]],
    ) -> None:
        """The answer in the form that was asked for; only that one is made."""
        if self.json:
            self.document(document())
        elif self.plain:
            for words in facts():
                self.facts(*words)
        else:
            for line in lines():
                self.painted(*line)

    def say(self, line: str) -> None:
        """Narration: what goes on, for people."""
        _write(sys.stderr, self._letters(shown(line)))

    def paint(self, word: str, kind: str) -> str:
        """The word in the colour of its kind, where the terminal and the user allow it."""
        color = COLORS.get(kind)
        return click.style(word, fg=color, bold=kind == "error") if color and self.colored else word

    @property
    def colored(self) -> bool:
        """Whether stdout takes colours: a terminal, no NO_COLOR, not dumb, no --no-color."""
        return (
            self.color and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    def painted(self, word: str, kind: str, rest: str) -> None:
        """A line that begins with a word in colour."""
        word, whole = self._letters(word), self._letters(shown(word + rest))
        _write(sys.stdout, self.paint(word, kind) + whole[len(word) :] if whole.startswith(word) else whole)


class OutputFailed(Exception):  # not an OSError: click has an exit code of its own for those
    """The answer could not be written; ``cause`` says why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _write(stream: TextIO | None, line: str) -> None:
    if stream is None:  # closed by the caller (``>&-``)
        return
    try:
        stream.write(line + "\n")
    except OSError as error:
        if stream is sys.stdout:
            raise OutputFailed(error) from None
