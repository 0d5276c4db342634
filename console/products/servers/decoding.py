"""What strangers send, read kindly: a wrong type loses the field or the entry it stands in, never the server.

Bodies are bounded before they get here. Texts are cleaned here, once; numbers that cannot be are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from ...text.cleaning import clean_line

ENTRIES = 1000
"""Entries read of one list."""
MOST = 1 << 60
_FAR = 10 * 365 * 86400.0
"""Seconds ahead after which an end is no end. fact: Ollama writes centuries for ``keep_alive: -1``."""
T = TypeVar("T", bound=msgspec.Struct)


def document(body: bytes) -> Any:  # noqa: ANN401 - whatever a stranger sent
    """JSON, or None for what is none. Bytes that are no UTF-8 become ``�``."""
    for text in (body, body.decode("utf-8-sig", "replace").encode()):
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
            continue
    return None


def part(raw: object, kind: type[T]) -> T | None:
    """A JSON object as that struct, field by field; None without one of the fields it needs."""
    if not isinstance(raw, dict):
        return None
    found: dict[str, Any] = {}
    for one in msgspec.structs.fields(kind):
        value = raw.get(one.encode_name, msgspec.NODEFAULT)
        if value is not msgspec.NODEFAULT:
            try:
                found[one.name] = msgspec.convert(value, one.type, strict=False)
            except (msgspec.ValidationError, ValueError, OverflowError, RecursionError):
                value = msgspec.NODEFAULT
        if value is msgspec.NODEFAULT and one.required:
            return None
    return kind(**found)


def parts(raw: object, kind: type[T]) -> list[T]:
    """The entries of a JSON list that can be read; nothing for what is no list."""
    return (
        [] if not isinstance(raw, list) else [one for entry in raw[:ENTRIES] if (one := part(entry, kind)) is not None]
    )


def member(raw: object, name: str) -> Any:  # noqa: ANN401
    """A member of a JSON object; None where there is none."""
    return raw.get(name) if isinstance(raw, dict) else None


def name(text: object, limit: int = 200) -> str | None:
    """A cleaned text; None for an empty one and for what is no text."""
    return (clean_line(text, limit).strip() or None) if isinstance(text, str) else None


def count(value: float | None) -> int | None:
    """A size or a number of things; None for what cannot be one."""
    if value is None or isinstance(value, bool) or not 0 <= value < MOST:  # NaN is in no range either
        return None
    return int(value)


def positive(value: float | None) -> int | None:
    """Like ``count``, where 0 stands for unknown."""
    return count(value) or None


def unique(names: Iterable[str | None]) -> list[str]:
    """Names in their order, each once."""
    return list(dict.fromkeys(one for one in names if one))


def moment(text: object, now: float) -> float | None:
    """RFC 3339 as Unix seconds; None for what is none, long past or too far ahead to matter."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return at if 0 < at < now + _FAR else None


def parameters(number: float | None) -> str | None:
    """A number of parameters as people say it: ``7.6B``, ``137M``."""
    whole = positive(number)
    if whole is None:
        return None
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if whole >= size:
            return f"{whole / size:.1f}".removesuffix(".0") + letter
    return str(whole)
