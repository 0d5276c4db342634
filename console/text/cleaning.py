"""Foreign text made safe to show, and figures made readable. The only place that decides what may reach a terminal.

``clean`` is called once, where text enters (names, labels, log lines, replies, error messages); after it a text holds
no escape sequence, no control character but the line feed, and nothing invisible. It does not interpret markup: widgets
must still be told not to. Secrets are the business of ``redaction``, offered here too: one import serves both.
"""

from __future__ import annotations

import re
from typing import Literal

from .redaction import MARK, SECRETS, Secrets, is_secret_name, redact, spare

DASH = "–"
"""What is drawn where a value is not known."""

ELLIPSIS = "…"

# A control string ends with BEL or ST (CAN, SUB and ESC cut it short); one that never ends is dropped with its line.
_STRING = r"[^\x07\x1b\x9c\x18\x1a\n]*(?:\x07|\x1b\\|\x9c|\x18|\x1a)?"
_SEQUENCE = re.compile(
    r"[\x1b\x90\x98\x9b\x9d-\x9f](?:"  # one class first: the search stays fast over plain text
    r"(?:(?<=\x1b)\[|(?<=\x9b))[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor, modes
    rf"|(?:(?<=\x1b)[\]PX^_]|(?<![\x1b\x9b])){_STRING}"  # OSC, DCS, SOS, PM, APC: title, clipboard, images
    r"|(?<=\x1b)(?:[ -/]+[0-~]?|[0-~]))"  # character sets, and everything else of two bytes
)
# Marks that sit on the letter before them, in the blocks that towers are built of. Three are plenty for any language.
_MARKS = (
    "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u0f71-\u0f84\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f"
)
# Nothing to see, or turns the direction of what follows: written out as its number.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# One character class, so that the search runs at full speed over what is plain; runs, so that a tower is one match.
_ODD = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff{_INVISIBLE}]+|[{_MARKS}]{{4,}}")
_SUSPECT = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff{_INVISIBLE}{_MARKS}]")
_MARK = re.compile(f"[{_MARKS}]")
_TAB = "    "


def _odd(match: re.Match[str]) -> str:
    """What stands in for a run of odd characters, or for a tower of combining ones."""
    run = match.group()
    if _first(run[0]) is None:
        return run[:3]
    return "".join(_first(character) or "" for character in run)


def _first(character: str) -> str | None:
    """What stands in for one character; None for a combining mark."""
    code = ord(character)
    if character == "\t":
        return _TAB
    if code < 0x20 or 0x7F <= code < 0xA0:
        return ""
    if 0xD800 <= code < 0xE000:
        return "�"
    return None if _MARK.match(character) else f"<U+{code:04X}>"


def clean(text: str, limit: int = 8192) -> str:
    """The text without anything that could steer a terminal, at most ``limit`` characters long.

    Drops escape sequences whole, control characters but the line feed, DEL and C1. Writes bidirectional and zero-width
    characters out as ``<U+202E>``, lone surrogates as ``�``, tabs as spaces; keeps three marks of a tower of combining
    ones. What is cut off is counted: ``… +120``. Cleaning a clean text changes nothing.
    """
    if len(text) <= limit and not _SUSPECT.search(text):
        return text
    whole = len(text)
    head = text[:limit]
    cleaned = _ODD.sub(_odd, _SEQUENCE.sub("", head))
    return _clip(cleaned, limit, whole - len(head))


def _clip(text: str, limit: int, missing: int) -> str:
    if not missing and len(text) <= limit:
        return text
    keep = max(0, limit - len(f"{ELLIPSIS} +{_count(missing + len(text))}"))
    left_out = missing + max(0, len(text) - keep)
    return f"{text[:keep]}{ELLIPSIS} +{_count(left_out)}"[: max(limit, 0)]


def _count(characters: int) -> str:
    return str(characters) if characters < 10_000 else size(characters)


def clean_line(text: str, limit: int = 300) -> str:
    """``clean`` for something that must stay on one line: line feeds become spaces."""
    if len(text) <= limit and "\n" not in text and not _SUSPECT.search(text):
        return text
    # Cleaned with room to spare, so that a limit in the middle of an escape sequence does not show half of it.
    return clean(clean(text.strip("\n"), max(limit, min(len(text), 4 * limit))).replace("\n", " "), limit)


def size(count: float | None) -> str:
    """Bytes in binary units with one decimal: ``512 B``, ``1.5 GiB``."""
    if count is None:
        return DASH
    if abs(count) < 1024:
        return f"{count:.0f} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if abs(value) < 1023.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} PiB"


def rate(per_second: float | None) -> str:
    """Bytes per second: ``1.5 MiB/s``."""
    return DASH if per_second is None else f"{size(per_second)}/s"


def percent(value: float | None) -> str:
    """A percentage: one decimal below 10, none above; ``0.3%``, ``87%``."""
    if value is None:
        return DASH
    return f"{value:.1f}%" if abs(value) < 9.95 else f"{value:.0f}%"


def duration(seconds: float | None) -> str:
    """The two largest units: ``3d 4h``, ``2h 5m``, ``12m``, ``45s``."""
    if seconds is None:
        return DASH
    left = max(0, int(seconds))
    if left < 60:
        return f"{left}s"
    minutes, hours, days = left // 60, left // 3600, left // 86400
    if minutes < 60:
        return f"{minutes}m"
    if hours < 24:
        return f"{hours}h {minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{days}d {hours % 24}h" if hours % 24 and days < 100 else f"{days}d"


def ago(seconds: float | None) -> str:
    """How long ago: ``3m ago``, ``just now``; a moment in the future is also ``just now`` (clocks differ)."""
    if seconds is None:
        return DASH
    return "just now" if seconds < 1 else f"{duration(seconds)} ago"


def cells(text: str) -> int:
    """Terminal cells the text takes; a wide character takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def clip(text: str, width: int) -> str:
    """At most ``width`` cells of the text, with an ellipsis where something was cut."""
    if width <= 0:
        return ""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        step = cells(character)
        if used + step > width - 1:
            break
        kept.append(character)
        used += step
    return "".join(kept) + ELLIPSIS


def fit(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """Exactly ``width`` cells: clipped with an ellipsis, or filled up with spaces."""
    shown = clip(text, width)
    space = " " * (width - cells(shown))
    return space + shown if align == "right" else shown + space


__all__ = [
    "DASH", "MARK", "SECRETS", "Secrets", "ago", "cells", "clean", "clean_line", "clip", "duration", "fit",
    "is_secret_name", "percent", "rate", "redact", "size", "spare",
]  # fmt: skip
