"""Foreign text made safe to show, and figures made readable. The only place that decides what may reach a terminal.

``clean`` is called once, where text enters (names, labels, log lines, replies, error messages); after it a text holds
no escape sequence, no control character but the line feed, and nothing invisible. It does not interpret markup: widgets
must still be told not to. Secrets are the business of ``redaction``, offered here too: one import serves both.

Changes are shown as unified diffs, cleaned and with secrets masked. Contents of keys are never shown, only their size.
Lines around a change say where it is made and no more: what stands behind a name there may be a secret under any name.
"""

from __future__ import annotations

import re
import textwrap
from typing import Literal

from . import _
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
    return _("just now") if seconds < 1 else _("{length} ago", length=duration(seconds))


_DRAWN = {
    "●•▇": "*", "✖×": "x", "▲": "!", "◆": "i", "○": "o", "↻…": "~", "‖▅": "=", "▌→›": ">", "←": "<", "↓▼": "v",
    "↑": "^", "─━═┄╌–−▾▄▔▀": "-", "·▂░": ".", "✓▸▆╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛▛▜▙▟": "+", "▁": "_", "▃‚": ",", "█": "#",
    "│┃║▐▎▊▕▏": "|", "▒": ":", "°": " ", "‘’": "'", "“”„‟": '"',
}  # fmt: skip
TWINS = str.maketrans({letter: twin for letters, twin in _DRAWN.items() for letter in letters})
"""What is drawn with, and the letter of ASCII that stands for it where nothing else may be drawn; one cell each."""


def ascii_cells(text: str) -> str:
    """The text in ASCII and as many cells: what we draw with by its twin, anything else by question marks."""
    if text.isascii():
        return text
    known = text.translate(TWINS)
    return known if known.isascii() else "".join(each if each.isascii() else "?" * cells(each) for each in known)


def ascii_words(text: str) -> str:
    """The text in ASCII and nothing of it lost: other letters are told by their numbers."""
    return text.translate(TWINS).encode("ascii", "backslashreplace").decode("ascii")


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


_WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\uff60\uffe0-\uffe6"
_CLOSING = "，。、；：！？）》」』”"
_PIECE = re.compile(rf"[（《「『“]*(?:[{_WIDE}]|[^\s{_WIDE}]+)[{_CLOSING}]* *|\S+ *")
"""What a line is not broken within."""


def wrapped(text: str, width: int, first: str = "", hang: str = "") -> list[str]:
    """The text in lines of at most so many cells; only a word that is wider than that makes a longer one.

    Between wide characters a line may be broken anywhere, but for before a sign that closes what it follows.
    """
    if cells(text) == len(text):
        return textwrap.wrap(
            text, width, initial_indent=first, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
        )
    lines: list[str] = []
    line = ""
    for piece in _PIECE.findall(" ".join(text.split())):
        head = hang if lines else first
        if line.strip() and cells(head + line + piece.rstrip()) > width:
            lines.append((head + line).rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, ((hang if lines else first) + line).rstrip()] if line.strip() else lines


__all__ = [
    "DASH", "MARK", "SECRETS", "Secrets", "ago", "cells", "clean", "clean_line", "clip", "duration", "fit",
    "is_secret_name", "percent", "rate", "redact", "size", "spare", "wrapped",
]  # fmt: skip


SHOWN = 200_000
"""Characters of a diff at the most."""
_KEY_NAME = re.compile(r"(\.(key|pem|p12|keyfile)|(^|[/_-])key-?file)$", re.IGNORECASE)
_KEY_BODY = re.compile(rb"\s*[A-Za-z0-9+/=]{16,}(\s+[A-Za-z0-9+/=]+)*\s*")


# What a compose file says beside a change that helps to find the place and is never a secret.
_TOLD = frozenset({
    "container_name", "depends_on", "deploy", "environment", "image", "name", "networks", "ports", "restart",
    "services", "version", "volumes",
})  # fmt: skip
_NAMED = re.compile(
    r"(?P<name>[ \t]*(?:-[ \t]+)*[\"']?(?P<key>[\w.$-]+)[\"']?[ \t]*(?::(?=[ \t]|$)|=))"
    r"[ \t]*(?P<value>.*)"
)
_LEAD = re.compile(r"[ \t]*(?:-[ \t]+)*(?:#+[ \t]*)?")


def is_key(path: str, content: bytes | None) -> bool:
    """Whether this is a key by its name or its looks (nothing but base64), so that it is not shown."""
    return bool(_KEY_NAME.search(path)) or bool(content and _KEY_BODY.fullmatch(content))


def counted(content: bytes, what: str = "") -> str:
    """``1,013 bytes of random base64, not shown``."""
    return f"{len(content):,} bytes{f' of {what}' if what else ''}, not shown"


def file_diff(path: str, old: bytes | None, new: bytes | None, *, secret: bool = False, what: str = "") -> str:
    """Unified diff of two contents; None where there is no file. A secret or binary content is told by its size."""
    if old == new:
        return ""
    header = [f"--- {path if old is not None else '/dev/null'}", f"+++ {path if new is not None else '/dev/null'}"]
    texts = _text(old), _text(new)
    if secret or is_key(path, old) or is_key(path, new) or None in texts:
        body = [f"-{counted(old)}"] if old is not None else []
        body += [f"+{counted(new, what)}"] if new is not None else []
        return _shown("\n".join([*header, *body]))
    return _unified(header, texts[0] or "", texts[1] or "")


def change(path: str, what: str, old: str, new: str) -> str:
    """``/srv/mongodb.key: mode 0644 → 0400``."""
    return _shown(f"{path}: {what} {old} → {new}")


def mode(bits: int | None) -> str:
    """``0644``."""
    return "unknown" if bits is None else f"{bits:04o}"


def owner(uid: int | None, gid: int | None) -> str:
    """``999:0``."""
    return f"{'?' if uid is None else uid}:{'?' if gid is None else gid}"


def masked(text: str) -> str:
    """One line for people: cleaned, secrets masked."""
    return redact(clean_line(text, 2000))


def _unified(header: list[str], old: str, new: str) -> str:
    from difflib import unified_diff

    from .secret_shapes import values

    SECRETS.learn_text(old)
    SECRETS.learn_text(new)
    secrets = frozenset(values(old)) | frozenset(values(new))
    body = []
    for each in list(unified_diff(_lines(old), _lines(new), lineterm="", n=3))[2:]:
        named = _NAMED.fullmatch(each[1:])
        if each.startswith(" "):
            body.append(f" {context(each[1:])}")
        elif named and named["value"].strip("\"'") in secrets:  # under another name on the other side of the change
            body.append(f"{each[0]}{named['name']} {SECRETS.mask(named['value'])}")
        else:
            body.append(each)
    return _shown("\n".join([*header, *body]))


def context(line: str) -> str:
    """A line beside a change: its name and, where it is the name of a thing, its value; else ``…`` in its place."""
    if not any(map(str.isalnum, line)):
        return line
    named = _NAMED.fullmatch(line)
    if named is None:
        lead = _LEAD.match(line)
        return f"{lead[0] if lead else ''}…"
    if not named["value"] or named["key"] in _TOLD:
        return line
    return f"{named['name']} …" if named["name"].endswith(":") else f"{named['name']}…"


def _lines(text: str) -> list[str]:
    """Lines, where the end of each that is not a plain line feed is made visible, as ``diff`` and ``git`` do."""
    lines = [line.replace("\r", "␍") for line in text.split("\n")]
    if lines[-1] == "":
        return lines[:-1]
    return [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]


def _text(content: bytes | None) -> str | None:
    if content is None:
        return ""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _shown(text: str) -> str:

    return redact(clean(text, SHOWN))
