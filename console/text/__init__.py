"""What may be shown: cleaning, redaction, units; and the language that it is told in.

The source is English, catalogues of gettext have the other languages. ``_("{name} is down", name=name)`` takes the
template and what fills it, where the sentence is made; never while a module is imported, as no language is chosen by
then. Texts in a table of the source are marked with ``N_("…")`` and translated where they are shown.
``docs/catalogues.py`` finds both and writes the catalogues; a text without an entry stays English.

What hosts and products say of a machine stays English in the Snapshot, where checks compare it and JSON has it: there
``N_(f"{name} is down")`` marks the sentence as it is made, and ``told`` translates it where people read it.

English costs nothing: gettext and the catalogues are loaded when another language is chosen. What other programs read
(``--json``, ``--plain``) is English always. fact: gettext's manual, "Locale Environment Variables": LC_ALL, LC_MESSAGES
and LANG, the first that is set.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from gettext import GNUTranslations

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LOCALE = Path(__file__).parent / "locale"
DOMAINS = ("console", "checks", "reasons")
"""Catalogues: what screens and commands say; what checks, and the steps of their repairs, say; what ``told`` finds."""
FOLDERS: Mapping[Language, str] = {"zh": "zh_CN"}
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")

_used: GNUTranslations | None = None
_name: Language = "en"


def use(language: Language) -> None:
    """Speak this language from now on, in this process."""
    global _used, _name
    if language != _name:
        _used, _name = None if language == "en" else _loaded(language), language
        told.cache_clear()
        _reasons.cache_clear()


def used() -> Language:
    """The language that is spoken."""
    return _name


def of_environment(env: Mapping[str, str]) -> tuple[Language, str]:
    """What the environment asks for, and the variable that does; empty where none does.

    The kernel's own console has no Chinese letters: there it stays English unless somebody asks in so many words.
    """
    name = next((each for each in _VARIABLES if env.get(each)), "")
    chinese = bool(name) and env[name].lower().startswith("zh") and env.get("TERM") != "linux"
    return ("zh", name) if chinese else ("en", name)


def of_arguments(arguments: Sequence[str], env: Mapping[str, str], settings: object = None) -> Language:
    """What the arguments ask for before they are understood, else the settings; for help and usage errors."""
    if any(each in {"--json", "--plain", "--ascii"} for each in arguments):
        return "en"
    asked = [each.partition("=")[2] for each in arguments if each.startswith("--lang=")]
    asked += [value for option, value in pairwise(arguments) if option == "--lang"]
    named = next((each for each in LANGUAGES if each == (asked[-1] if asked else settings)), None)
    return named or of_environment(env)[0]


def _loaded(language: Language) -> GNUTranslations:
    """The catalogues one behind the other."""
    first, *others = (_read(FOLDERS[language], each) for each in DOMAINS)
    for other in others:
        first.add_fallback(other)
    return first


def _read(folder: str, domain: str) -> GNUTranslations:
    from gettext import GNUTranslations

    return GNUTranslations(io.BytesIO((LOCALE / folder / "LC_MESSAGES" / f"{domain}.mo").read_bytes()))


def _(text: str, /, **values: object) -> str:
    """A text in the language that is spoken, filled; where it has no entry, as it stands."""
    told = text if _used is None or not text else _used.gettext(text)
    return told.format_map(values) if values else told


def n_(one: str, many: str, count: int, /, **values: object) -> str:
    """The form of a text that goes with this number, which is its ``{count}``."""
    told = (one if count == 1 else many) if _used is None else _used.ngettext(one, many, count)
    return told.format_map({"count": count, **values})


@lru_cache(2048)
def told(text: str) -> str:
    """A sentence that hosts or products made, in the language that is spoken; one that none of them made, as it is."""
    if _used is None or not text:
        return text
    if (whole := _used.gettext(text)) != text:
        return whole
    for template, pattern in _reasons():
        if found := pattern.fullmatch(text):
            return _(template, **{name: told(value) for name, value in found.groupdict().items()})
    return text


@lru_cache(1)
def _reasons() -> Sequence[tuple[str, re.Pattern[str]]]:
    """Templates, and what tells that a text was made of one; that with the most letters first."""
    reasons = vars(_read(FOLDERS[_name], "reasons"))["_catalog"]
    by_letters = sorted(filter(None, reasons), key=lambda each: -len(re.sub(r"\{\w+\}", "", each)))
    filled = (re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(each)) for each in by_letters)
    return [(each, re.compile(one, re.DOTALL)) for each, one in zip(by_letters, filled, strict=True)]


def N_(text: str, /) -> str:  # noqa: N802 - gettext's name for it
    """Mark a text that is translated where it is shown."""
    return text
