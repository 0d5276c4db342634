"""What a log line says: when, of which service, how bad, and what is folded in it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from ...console.text import n_
from ...console.text.cleaning import cells, clean, clean_line, duration
from ..widgets.paint import BAD, CURSOR, NOTE, RULE, WARN, Line, Span, Tone, line

Level = Literal["", "debug", "info", "warning", "error"]
Clock = Literal["local", "relative", "UTC", "off"]
CLOCKS: tuple[Clock, ...] = ("local", "relative", "UTC", "off")
HUES: tuple[Tone, ...] = ("hue-1", "hue-2", "hue-3", "hue-4", "hue-5", "hue-6")
QUOTED = 290
"""Letters of a line by which it is known again: findings quote 300."""
STAMP = 30
"""Letters of a time as the Engine writes it. fact: moby, daemon/logger/jsonfilelog: RFC 3339 with nine digits and Z."""


class LogEntry(NamedTuple):
    """One line of a log, clean and without secrets."""

    text: str
    """With the Engine's time in front of it, where there is one."""
    source: int = 0
    """Number of the service that wrote it."""
    level: Level = ""
    part: bool = False
    """Whether it belongs to the stack trace above it."""
    note: Tone | None = None
    """The colour of our own words; None for what a service wrote."""
    rule: bool = False
    """Whether our own words stand in a rule over the whole width: a death."""
    room: int = 0
    """Letters of it that are shown while it is folded, the time left out."""

    @property
    def stamp(self) -> str:
        """The Engine's time; empty where the line has none."""
        return stamp_of(self.text)

    @property
    def said(self) -> str:
        """What the service wrote."""
        return self.text[len(stamp) + 1 :] if (stamp := self.stamp) else self.text


def stamp_of(text: str) -> str:
    """The Engine's time at the beginning of a line; empty without one. Such times are ordered like their letters."""
    is_one = len(text) >= STAMP and text[10] == "T" and text[STAMP - 1] == "Z" and text[:4].isdigit()
    return text[:STAMP] if is_one else ""


def seconds(stamp: str) -> float | None:
    """The time in Unix seconds."""
    try:
        moment = datetime.fromisoformat(stamp[:19] + "+00:00")
    except ValueError:
        return None
    return moment.timestamp() + float("0" + stamp[19:29])


Known = TypeVar("Known")


def proof_of(entry: LogEntry, proofs: Mapping[tuple[int, float | str], Known]) -> Known | None:
    """What is said of a line: told by its time, else by its first words."""
    at = seconds(stamp) if (stamp := entry.stamp) else None
    found = proofs.get((entry.source, at)) if at is not None else None
    return found if found is not None else proofs.get((entry.source, entry.said[:QUOTED].strip()))


# How bad

_ERROR = frozenset({"error", "err", "fatal", "critical", "crit", "panic", "severe", "emerg", "alert", "e", "f"})
_LEVELS: dict[str, Level] = {
    **dict.fromkeys(_ERROR, "error"), **dict.fromkeys(("warn", "warning", "w"), "warning"),
    **dict.fromkeys(("info", "notice", "note", "information", "log", "i", "http"), "info"),
    **dict.fromkeys(("debug", "trace", "verbose", "silly", "fine", "d", "d1", "d2", "d3", "d4", "d5"), "debug"),
}  # fmt: skip
_NUMBERS: dict[int, Level] = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "error"}
"""fact: pino's and bunyan's levels."""
_TOLD = re.compile(
    r"(?:^|[\s\[(|<=\"])(trace|debug|verbose|info|notice|warn|warning|error|err|fatal|critical|panic|severe)"
    r"(?=[\]\s:)|>,\"]|$)",
    re.IGNORECASE,
)
_HINTED = re.compile(r"error\b|exception\b|\btraceback\b|\bfatal\b|\bpanic\b|\bcannot\b.*\bconnect\b", re.IGNORECASE)
REST = 80  # letters of what else a line of JSON holds that are shown while it is folded
_HEAD = 200
"""Letters in which a level is looked for."""


def level_of(said: str) -> Level:
    """How bad a line is: by the level that it names, else by a word like an exception's name."""
    head = said[:_HEAD]
    if head[:1] == "{" and (told := told_as_json(said)) is not None:
        return told.level
    match = _TOLD.search(head)
    if match is not None:
        return _LEVELS[match[1].lower()]
    return "error" if _HINTED.search(head) else ""


# Lines that are JSON


class Told(NamedTuple):
    """What a line of JSON says."""

    level: Level
    component: str
    message: str
    rest: dict[str, Any]


_SEVERITIES = ("s", "level", "severity", "levelname", "log.level", "lvl")
_COMPONENTS = ("c", "component", "logger", "target", "name", "module", "service", "context")
_MESSAGES = ("msg", "message", "event", "text", "error")
_TIMES = frozenset({"t", "time", "timestamp", "@timestamp", "ts", "asctime", "datetime"})
_UNTOLD = _TIMES | {"id", "ctx", "svc", "pid", "hostname", "v"}
"""Left out while a line is folded."""


def told_as_json(said: str) -> Told | None:
    """Severity, component and message of a line that is a JSON object; None for any other.

    fact: MongoDB's manual, "Log Messages" (t, s, c, id, ctx, msg, attr); the other names are those of pino, winston,
    zap, logrus, python-json-logger and of Rust's tracing.
    """
    if said[:1] != "{":
        return None
    try:
        found: Any = msgspec.json.decode(said)
    except (msgspec.MsgspecError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    inner = found.get("fields")
    if isinstance(inner, dict):  # tracing
        found = {key: value for key, value in found.items() if key != "fields"} | inner
    told: dict[str, Any] = {}
    for what, names in (("level", _SEVERITIES), ("component", _COMPONENTS), ("message", _MESSAGES)):
        name = next((name for name in names if isinstance(found.get(name), str | int)), None)
        told[what] = found.pop(name) if name is not None else ""
    if not told["message"]:
        return None
    level = told["level"]
    word = _NUMBERS.get(level, "") if isinstance(level, int) else _LEVELS.get(level.lower(), "")
    return Told(word, clean_line(str(told["component"]), 40), clean_line(str(told["message"]), 4096), found)


def _short(told: Told) -> str:
    """The rest of a line in braces, as far as it helps to tell it from others."""
    values = told.rest.get("attr") if isinstance(told.rest.get("attr"), dict) else told.rest
    some = [f"{key}: {_value(value)}" for key, value in (values or {}).items() if key not in _UNTOLD]
    return clean_line(f"{{{', '.join(some)}}}", REST) if some else ""


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def unfolded(said: str) -> list[str]:
    """A line of JSON, one key a line, what lies deeper indented. Cleaned anew: JSON writes an escape in letters."""
    return [clean(each) for each in _unfolded(msgspec.json.decode(said), 1)]


def _unfolded(value: dict[str, Any] | list[Any], depth: int) -> Iterator[str]:
    pairs = value.items() if isinstance(value, dict) else ((f"{n}", each) for n, each in enumerate(value))
    for key, each in pairs:
        if isinstance(each, dict | list) and each and depth < 8:
            yield f"{'  ' * depth}{key}:"
            yield from _unfolded(each, depth + 1)
        else:
            yield f"{'  ' * depth}{key}: {_value(each)}"


# Stack traces

_FRAME = re.compile(r"\s+at\s\S|\s+\.\.\. \d+ more|Caused by: |\s+File \"")
_GO = re.compile(r"goroutine \d+ \[")
_GO_PART = re.compile(r"\s|\S+\(.*\)$|created by |exit status ")
_SINGLE = frozenset({"}", "},", "]", "],", "})"})


class Traces:
    """Knows of each line of one log whether it belongs to the stack trace above it."""

    def __init__(self) -> None:
        self._kind = ""

    def part(self, said: str) -> bool:
        """Whether this line, the next of the log, goes on with a trace. What begins one is its first line."""
        if said.startswith("Traceback (most recent call last)") or _GO.match(said):
            is_part = self._kind == "go"
            self._kind = "go" if said[0] == "g" else "python"
            return is_part
        if self._kind == "python" and said[:1] in " \t":
            return True
        if self._kind == "go" and _GO_PART.match(said):
            return True
        if _FRAME.match(said):
            self._kind = "frames"
            return True
        if self._kind == "frames" and (said[:1] in " \t" or said in _SINGLE):
            return True
        self._kind = ""
        return False


def entry(text: str, source: int, traces: Traces) -> LogEntry:
    """A line with what is known of it before it is seen."""
    stamp = stamp_of(text)
    said = text[len(stamp) + 1 :] if stamp else text
    told = told_as_json(said)
    if told is None:
        part = traces.part(said)
        return LogEntry(text, source, "" if part else level_of(said), part, room=len(said))
    traces.part("")
    return LogEntry(text, source, told.level, room=min(len(said), len(told.component) + len(told.message) + REST))


# Painting

_SIGNS: dict[Level, tuple[str, Tone]] = {"error": (f"{BAD} ", "error"), "warning": (f"{WARN} ", "warning")}
_TONES: dict[Level, Tone] = {"error": "error", "warning": "warning", "debug": "muted"}


class Style(NamedTuple):
    """How lines are painted now."""

    clock: Clock = "local"
    names: tuple[str, ...] = ()
    """The service of each source; without them there is no column for it."""
    now: float = 0.0
    gutter: bool = False
    """Whether there is a column for the selected line and for marks."""


class Beside(NamedTuple):
    """What stands beside one line."""

    selected: bool = False
    mark: bool = False
    folded: int = 0
    """Lines of a stack trace that are folded under it."""
    open: bool = False
    proves: str = ""
    """What the line is a proof of."""


def painted(entry: LogEntry, style: Style, around: Beside) -> tuple[Line, list[Line]]:
    """What stands before the words of a line, in columns, then the words: one line, or more where it is unfolded."""
    said = entry.said
    before = _columns(entry, style, around)
    if entry.note is not None:
        if style.names:  # it stands in its column already
            said = said.removeprefix(f"{style.names[entry.source % len(style.names)]} ")
        return before, [line((f"{RULE * 4} {said} {RULE * 4}" if entry.rule else said, entry.note))]
    told = told_as_json(said)
    if told is None:
        words = line((said, _TONES.get(entry.level, "plain")))
    else:
        component = f"{told.component:<8} " if told.component else ""
        rest = "" if around.open else _short(told)
        tone = _TONES.get(told.level, "plain")
        words = line((f"{told.level:<7} ", tone), (component, "muted"), (told.message, tone), (f"  {rest}", "muted"))
    if around.folded and not around.open:
        words += line((_folded(around.folded), "muted"))
    if around.proves:
        words += line((f"  ← {around.proves}", "accent"))
    more = [line((each, "muted")) for each in unfolded(said)] if told is not None and around.open else []
    return before, [words, *more]


def _folded(count: int) -> str:
    return n_("  + {count} line of stack, enter unfolds", "  + {count} lines of stack, enter unfolds", count)


def _columns(entry: LogEntry, style: Style, around: Beside) -> Line:
    found: list[Span] = []
    if style.gutter:
        found.append(Span(CURSOR if around.selected else NOTE if around.mark else " ", "key"))
    if style.clock != "off":
        found.append(Span(told_time(entry.stamp, style.clock, style.now), "muted"))
    if style.names:
        wide = max(map(cells, style.names))
        name = style.names[entry.source % len(style.names)]
        found.append(Span(f"{name}{' ' * (wide - cells(name))} ", HUES[entry.source % len(HUES)]))
    if style.gutter:
        found.append(Span(*_SIGNS.get(entry.level, ("  ", "plain"))))
    return tuple(found)


def told_time(stamp: str, clock: Clock, now: float) -> str:
    """The time of a line, always as wide, with a space behind it."""
    if clock == "relative":
        at = seconds(stamp) if stamp else None
        return f"{duration(max(0.0, now - at)) if at is not None else '':>7} "
    if clock == "UTC" or not stamp:
        return f"{stamp[11:19]:<8} "
    at = seconds(stamp)
    return f"{time.strftime('%H:%M:%S', time.localtime(at)) if at is not None else '':<8} "


_AGO = re.compile(r"-?(\d+(?:\.\d+)?)\s*(s|min|m|h|d)")
_AT = re.compile(r"(?:(\d{4})-(\d\d)-(\d\d)[ T])?(\d{1,2}):(\d\d)(?::(\d\d))?")
_UNITS: Mapping[str, float] = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def moment(text: str, now: float, *, utc: bool) -> float | None:
    """The time that somebody typed, Unix seconds: ``14:05``, ``2025-10-09 14:05:30``, ``15m`` ago. None for others.

    An hour that is still to come today is yesterday's.
    """
    text = text.strip()
    if match := _AGO.fullmatch(text):
        return now - float(match[1]) * _UNITS[match[2]]
    if (match := _AT.fullmatch(text)) is None:
        return None
    here = datetime.fromtimestamp(now, UTC) if utc else datetime.fromtimestamp(now).astimezone()
    try:
        day = here.replace(year=int(match[1]), month=int(match[2]), day=int(match[3])) if match[1] else here
        at = day.replace(hour=int(match[4]), minute=int(match[5]), second=int(match[6] or 0), microsecond=0)
    except ValueError:
        return None
    if not utc:
        at = at.replace(tzinfo=None).astimezone()
    return at.timestamp() - (86_400 if not match[1] and at.timestamp() > now else 0)


def plain_line(entry: LogEntry, style: Style, around: Beside) -> str:
    """One line as it is copied or exported: as it is shown, without marks."""
    before, words = painted(entry, style._replace(gutter=False), around._replace(selected=False, mark=False))
    text = "".join(span.text for each in words for span in (*each, Span("\n"))).rstrip("\n")
    return "".join(span.text for span in before) + text


def in_order(blocks: Sequence[Sequence[LogEntry]]) -> list[LogEntry]:
    """Lines of several logs by their time; one without a time stays behind the line before it in its log."""
    keyed: list[tuple[str, LogEntry]] = []
    for block in blocks:
        last = ""
        for each in block:
            last = each.stamp or last
            keyed.append((last, each))
    return [each for _, each in sorted(keyed, key=lambda pair: pair[0])]
