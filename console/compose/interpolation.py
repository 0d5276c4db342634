"""``${NAME:-default}`` as Compose reads it, the env files the values come from, and command lines as words.

Pure text work; the operator's own shell environment is never asked, because the containers were made without it. Every
rule was checked against Compose v2.26.1: ``$@``, ``$1`` and a lone ``$`` stay as they are, ``${1}`` and ``${`` fail.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from typing import Any, NamedTuple

from .yaml_document import Tagged

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_DEEPEST = 50


class InterpolationError(ValueError):
    """The text cannot be interpolated; ``str(error)`` is Compose's own reason."""


def expand(text: str, env: Mapping[str, str], where: str = "") -> str:
    """The text with its variables filled in; an unset one without default becomes empty.

    Raises InterpolationError with Compose's words: ``invalid interpolation format for services.a.image. ...`` or
    ``error while interpolating services.a.image: required variable X is missing a value: ...``.
    """
    out: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        out.append(text[at:dollar])
        value, at = _one(text, dollar, env, where)
        out.append(value)
    out.append(text[at:])
    return "".join(out)


def _one(text: str, dollar: int, env: Mapping[str, str], where: str) -> tuple[str, int]:
    """What the dollar sign stands for, and the position behind it."""
    following = text[dollar + 1 : dollar + 2]
    if following == "$":
        return "$", dollar + 2
    if following == "{":
        end = _closing(text, dollar)
        if end is None:
            raise _invalid(text, where)
        return _braced(text[dollar + 2 : end], env, where, text), end + 1
    name = _NAME.match(text, dollar + 1)
    if name is None:
        return "$", dollar + 1
    return env.get(name.group(), ""), name.end()


def _closing(text: str, dollar: int) -> int | None:
    """Position of the brace that closes ``${``. fact: Compose 2.26.1 counts every brace in between, plain ones too."""
    depth = 0
    for brace in re.compile("[{}]").finditer(text, dollar + 1):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
        if depth > _DEEPEST:
            raise InterpolationError(f"braces stand more than {_DEEPEST} deep in each other, which is not followed")
    return None


def _braced(inner: str, env: Mapping[str, str], where: str, whole: str) -> str:
    match = _NAME.match(inner)
    if match is None:
        raise _invalid(whole, where)
    name, rest = match.group(), inner[match.end() :]
    value = env.get(name)
    if not rest:
        return value or ""
    operator = next((o for o in _OPERATORS if rest.startswith(o)), None)
    if operator is None:
        raise _invalid(whole, where)
    word = expand(rest[len(operator) :], env, where)  # fact: filled in, and refused, even where it is not needed
    there = bool(value) if operator[0] == ":" else value is not None
    if operator[-1] == "+":
        return word if there else ""
    if there:
        return value or ""
    if operator[-1] == "?":
        reason = word
        said = f"required variable {name} is missing a value" + (f": {reason}" if reason else "")
        raise InterpolationError(f"error while interpolating {where}: {said}" if where else said)
    return word


def _invalid(text: str, where: str) -> InterpolationError:
    return InterpolationError(
        f"invalid interpolation format for {where or 'a value'}: {text!r} (escape any $ with another $)"
    )


class PlacedText(str):
    """A text of a compose file, its variables filled in, that knows where it came from when trees are merged."""

    __slots__ = ("file", "folder", "written")
    file: str
    """The compose file."""
    folder: str
    """From which its relative paths count."""
    written: str
    """Before anything was filled in."""

    def anew(self, text: str, written: str | None = None) -> PlacedText:
        """Another text of the same place."""
        return made(text, self.file, self.folder, self.written if written is None else written)


def made(text: str, file: str, folder: str, written: str) -> PlacedText:
    """A text of a compose file."""
    new = PlacedText(text)
    new.file, new.folder, new.written = file, folder, written
    return new


def expand_tree(value: Any, env: Mapping[str, str], where: str = "", *, file: str = "", folder: str = "") -> Any:  # noqa: ANN401 - YAML holds anything
    """A copy of the data with every text expanded; keys stay as they are. Raises InterpolationError."""
    if isinstance(value, str):
        return made(expand(value, env, where) if "$" in value else value, file, folder, value)
    if isinstance(value, dict):
        inside = f"{where}." if where else ""
        return {
            key: expand_tree(inner, env, f"{inside}{key}", file=file, folder=folder) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [expand_tree(inner, env, f"{where}[{at}]", file=file, folder=folder) for at, inner in enumerate(value)]
    if isinstance(value, Tagged):
        return Tagged(value.tag, expand_tree(value.value, env, where, file=file, folder=folder))
    return value


# ---- env files -------------------------------------------------------------------------------------------------------
# python-dotenv reads them otherwise: to Compose a name with a blank in it is an error, ``NAME: value`` an assignment,
# and ``NAME= # note`` the text ``# note``. No value is ever part of a reason.

_BLANK = "\t\v\f\r \x85\xa0"
_KEY = re.compile(rf"[\w.\-\[\]{_BLANK}]*")
_EXPORT = re.compile(r"export\s+")
_ESCAPE = re.compile(r'\\([abfnrtv$"\\]|0\d{0,3})')
_QUOTED = {quote: re.compile(rf"{quote}((?:\\.|[^\\{quote}])*){quote}", re.DOTALL) for quote in "'\""}
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}


class EnvFile(NamedTuple):
    """The variables of a file, and why Compose refuses it; what stands behind the first mistake is read on."""

    values: dict[str, str]
    error: str | None = None


def parse_env_file(text: str, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a file; lines that Compose cannot read are left out."""
    return read_env_file(text, base).values


def read_env_file(text: str, base: Mapping[str, str] | None = None, form: str | None = None) -> EnvFile:
    """Values in single quotes are literal, all others may use the variables of ``base`` and of the lines before.

    A name without ``=`` takes its value from ``base`` or is left out. ``form`` is ``raw`` where nothing is interpreted.
    """
    text = text.removeprefix("\ufeff")
    if form == "raw":
        pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
        return EnvFile({name.strip(): value for name, _, value in pairs})
    parser = _Parser(text, base or {})
    return EnvFile(parser.values, parser.read())


class _Parser:
    def __init__(self, text: str, base: Mapping[str, str]) -> None:
        self.text, self.base = text, base
        self.at = 0
        self.values: dict[str, str] = {}
        self.known = ChainMap(dict(base), self.values)

    def read(self) -> str | None:
        """Read everything; the first reason to refuse it."""
        first: str | None = None
        while self._next():
            start = self.at
            try:
                self._statement()
            except (ValueError, InterpolationError) as error:
                first = first or f"line {self.text.count(chr(10), 0, start) + 1}: {error}"
                self._skip_line()
        return first

    def _next(self) -> bool:
        """Go to the next statement."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                self._skip_line()
            elif self.text[self.at].isspace():
                self.at += 1
            else:
                return True
        return False

    def _skip_line(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end + 1

    def _statement(self) -> None:
        if exported := _EXPORT.match(self.text, self.at):
            self.at = exported.end()
        found = _KEY.match(self.text, self.at)
        end = found.end() if found else self.at
        sign, key = self.text[end : end + 1], self.text[self.at : end].rstrip()
        if sign not in {"=", ":", "\n", ""}:
            raise ValueError(f"unexpected character {sign!r} in the name of a variable")
        if " " in key:
            raise ValueError("key cannot contain a space")
        self.at = end + len(sign)
        if sign not in {"=", ":"}:
            if sign and key in self.base:
                self.values[key] = self.base[key]
            return
        value = self._value()
        if key:
            self.values[key] = value

    def _value(self) -> str:
        while self.text[self.at : self.at + 1] in set(_BLANK):
            self.at += 1
        quote = self.text[self.at : self.at + 1]
        if quote in _QUOTED:
            return self._quoted(quote)
        start = self.at
        self._skip_line()
        return self._expanded(self.text[start : self.at].rstrip("\n").partition(" #")[0].rstrip())

    def _quoted(self, quote: str) -> str:
        match = _QUOTED[quote].match(self.text, self.at)
        if match is None:
            raise ValueError("unterminated quoted value")
        self.at = match.end()
        value = match[1].replace(f"\\{quote}", quote)
        return value if quote == "'" else self._expanded(_ESCAPE.sub(_unescaped, value))

    def _expanded(self, value: str) -> str:
        try:
            return expand(value, self.known) if "$" in value else value
        except InterpolationError as error:
            raise ValueError(str(error) if "required" in str(error) else "invalid template") from None


def _unescaped(match: re.Match[str]) -> str:
    letter = match[1]
    if letter[0] == "0":
        return chr(int(letter[1:], 8) & 0xFF) if re.fullmatch(r"0[0-7]{3}", letter) else f"\\{letter[1:]}"
    return _LETTERS.get(letter, letter)


# ---- command lines ---------------------------------------------------------------------------------------------------

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
