"""The Engine's words for times, states and ages ("Up 3 minutes (healthy)"), as values. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import cast, get_args

from ..model import ContainerState, Health

_STATES = frozenset(get_args(ContainerState))
_HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)")
_EXITED = re.compile(r"^(?:Exited|Restarting) \((\d+)\)")
_UP = re.compile(r"^Up (?:About )?(Less than a|an?|\d+) (second|minute|hour|day|week|month|year)s?")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}


def moment(text: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time; None for the year 1, which stands for "never", and for what is no time."""
    if not text or text.startswith("0001-"):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def state_of(text: str | None) -> ContainerState:
    """The state, ``unknown`` for a word that no documented Engine uses."""
    word = (text or "").lower()
    return cast("ContainerState", word) if word in _STATES else "unknown"


def health_of_status(status: str) -> Health | None:
    """Health from the words of the list; None where it says nothing."""
    match = _HEALTH.search(status)
    return Health(status=match[1]) if match else None


def status_exit_code(status: str) -> int | None:
    """Exit code from the words of the list."""
    match = _EXITED.match(status)
    return int(match[1]) if match else None


def uptime(status: str) -> int | None:
    """About how many seconds it has been up; None when it is not. It only ever falls when it was started again."""
    match = _UP.match(status)
    if match is None:
        return None
    number = match[1]
    if number.startswith("Less"):
        return 0
    return (int(number) if number.isdigit() else 1) * _UNITS[match[2]]
