"""A command line written as one string, taken apart as Compose takes it apart.

Not ``shlex``: Compose stops at an unquoted ``;``, ``&``, ``|``, ``<`` or ``>``, keeps ``#``, and lets a backslash
escape anything but in single quotes. fact: checked word by word against ``docker compose config`` v2.26.1.
"""

from __future__ import annotations

_SPACES = " \t\r\n"
_ENDS = ";&|<>"


class BadCommandLine(ValueError):
    """A quote, a bracket or a backslash that is not finished."""


def split(line: str) -> tuple[str, ...]:
    """The words. Raises BadCommandLine, where Compose says ``invalid command line string``."""
    words = _Words(line)
    for character in line:
        if not words.take(character):
            break
    return words.finish()


class _Words:
    def __init__(self, line: str) -> None:
        self.line = line
        self.words: list[str] = []
        self.word = ""
        self.begun = False
        self.escaped = False
        self.quote = ""
        """The open quote: one of ``' " ` (`` or nothing."""

    def take(self, character: str) -> bool:
        """Add one character; False at the end of what Compose reads."""
        if self.escaped:
            self.escaped = False
            self._add(character)
        elif character == "\\" and self.quote != "'":
            self.escaped = True
        elif character in _SPACES:
            self._space(character)
        elif character in "'\"`()":
            self._quote(character)
        elif character in _ENDS and not self.quote:
            self._drop_descriptor(character)
            return False
        else:
            self._add(character)
        return True

    def _add(self, character: str) -> None:
        self.word += character
        self.begun = True

    def _space(self, character: str) -> None:
        if self.quote:
            self.word += character
        elif self.begun:
            self._end_word()

    def _end_word(self) -> None:
        self.words.append(self.word)
        self.word, self.begun = "", False

    def _quote(self, character: str) -> None:
        if self.quote == character or (self.quote == "(" and character == ")"):
            self.quote = ""
            self.begun = True
            if character in "`)":
                self.word += character
        elif self.quote:
            self._add(character)
        elif character == ")" or (character == "(" and not self.word.endswith("$")):
            raise BadCommandLine("invalid command line string")
        else:
            self.quote = character
            if character in "`(":
                self._add(character)

    def _drop_descriptor(self, character: str) -> None:
        """The ``2`` of ``2>file`` is no word."""
        if character == ">" and self.word[:1].isdigit():
            self.word, self.begun = "", False

    def finish(self) -> tuple[str, ...]:
        if self.begun:
            self._end_word()
        if self.escaped or self.quote:
            raise BadCommandLine("invalid command line string")
        return tuple(self.words)
