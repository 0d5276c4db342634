"""Lines in the logs of a stack's services that mean something, read when a service starts and seldom afterwards."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ...hosts import HostError
from ...model import Container, Fault, LastWords, LogMark, Role
from ...products.gpu_grants import grant_of
from ...products.server_logs import Pattern, gone, starts_others
from ...products.services import role_of_container
from ...text import _
from ...text.cleaning import clean, clean_line, redact
from ..board import NewParts, fault_of, silent
from ..log_catalogue import DEATHS, MONGO_IDS, MONGO_STARTS, PATTERNS, STANDS, STARTS
from ..source import Site, Source

ROLES = ("mongo", "librechat", "oneapi", "fastgpt", "mysql", "ollama", "model_server")
"""Those whose logs have marks."""
TAIL = 400
"""Lines read from the end of a log."""
FIRST_TAIL = 4000
"""The same when the log of a model server is first read: what it says at its start is said once."""
AT_ONCE = 2
EARLY = 0.25
"""Seconds before StartedAt that a run's first lines may bear. fact: measured with Engine 20.10, which notes the start
after the process has been set going: a program that dies at once has said all before."""
LOOP = 90.0
"""The same for those in ``LOOPING`` that the Engine has started again: the run before tells what a boot loop dies of.
The pause between two starts is a minute at the most; a new run's own first line ends what counts of the one before."""
LOOPING = ("mongo", "oneapi", "ollama", "model_server")
SERVERS = ("ollama", "model_server")
YOUNG = 120.0
"""Seconds after its start during which a container's log is read more often."""


class LogMarks(Source):
    """What the logs say, read when a service starts and seldom afterwards; two at a time."""

    name = "logs"
    gives = ("log_marks",)
    every = "young_logs"
    within = "logs_deadline"
    wakes_on = ("containers",)
    always = True

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._marks: dict[str, tuple[LogMark, ...]] = {}
        self._read: dict[str, tuple[tuple[object, ...] | None, float]] = {}
        self._unread: dict[str, Fault] = {}
        """Whose log did not come, and why."""

    def anew(self, *, by_key: bool) -> None:  # noqa: ARG002
        """Read all logs again."""
        self._read.clear()

    def worthwhile(self) -> bool:
        """Somebody may have started, died, or gone."""
        wanted = self._wanted()
        return any(map(self._is_due, wanted)) or len(self._read) > len(wanted)

    async def read(self) -> NewParts:
        """One look at the logs that are due."""
        wanted = self._wanted()
        known = {container.id for container in wanted}
        self._marks = {container: marks for container, marks in self._marks.items() if container in known}
        self._unread = {container: fault for container, fault in self._unread.items() if container in known}
        self._read = {container: read for container, read in self._read.items() if container in known}
        due = [container for container in wanted if self._is_due(container)]
        results = await asyncio.gather(*(self._some(due) for _ in range(AT_ONCE)), return_exceptions=True)
        found = tuple(mark for container in sorted(self._marks) for mark in self._marks[container])
        broken = (fault_of(self.name, result) for result in results if isinstance(result, Exception))
        faults = (*broken, *self._unread.values())
        return NewParts({"log_marks": found} if found != self.parts.log_marks else {}, faults)

    def _wanted(self) -> list[Container]:
        seen = (c for c in self.parts.containers if c.detailed and c.state != "created")
        return [container for container in seen if log_role(container) in ROLES]

    def _is_due(self, container: Container) -> bool:
        life, read_at = self._read.get(container.id, (None, 0.0))
        if life != _life(container):
            return True
        age = self.host.clock.now() - (container.started_at or 0.0)
        period = self.cadence.young_logs if 0 <= age < YOUNG else self.cadence.logs
        return container.state == "running" and self.host.clock.monotonic() - read_at >= period

    async def _some(self, waiting: list[Container]) -> None:
        while waiting and self.host.engine is not None:
            container, role = waiting[0], log_role(waiting.pop(0))
            life, _ = self._read.get(container.id, (None, 0.0))
            first = life is None or life[:1] != _life(container)[:1]
            self._read[container.id] = (_life(container), self.host.clock.monotonic())
            try:
                async with asyncio.timeout(self.deadline):
                    tail = FIRST_TAIL if first and role in SERVERS else TAIL
                    raw = await self.host.engine.logs(container.id, tail=tail)
            except (HostError, TimeoutError) as error:
                if silent(error):  # not a log driver that cannot be read, nor a container that is gone
                    self._unread[container.id] = fault_of(f"logs:{container.id[:12]}", error)
                continue
            self._unread.pop(container.id, None)
            found = marks(container.id, role, raw, since=_since(container, role))
            self._marks[container.id] = found if first else standing(self._marks.get(container.id, ()), found)


def log_role(container: Container) -> Role:
    """As whose log its log is read: one of unknown role that was granted a GPU runs some model."""
    role = role_of_container(container)
    return "model_server" if role == "unknown" and grant_of(container) is not None else role


def standing(before: tuple[LogMark, ...], now: tuple[LogMark, ...]) -> tuple[LogMark, ...]:
    """What was just read, after that which stands from the start on and has gone out of sight since."""
    names = {mark.mark for mark in now}
    if not names.isdisjoint(STARTS):
        return now
    return (*(mark for mark in before if mark.mark in STANDS and mark.mark not in names), *now)


def _since(container: Container, role: Role) -> float | None:
    """From when on lines count: the start, or the death before it where the Engine started it again."""
    if container.started_at is None:
        return None
    return container.started_at - (LOOP if role in LOOPING and container.restart_count else EARLY)


def _life(container: Container) -> tuple[object, ...]:
    """Changes with every start and every death."""
    return (container.started_at, container.state, container.deaths[-1:])


MARKED_ROLES: tuple[Role, ...] = tuple(PATTERNS)
"""Roles whose logs are worth reading."""
TEXT_LIMIT = 300
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d) ?")
_LEVEL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:error|warn|info|http|verbose|debug|silly): ")
_KEY_TEXT = re.compile(r"(invalid char in key file\s+[^\s:]+).*", re.DOTALL | re.IGNORECASE)
_LONG_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")


BEFORE = "before"
_Name = tuple[str, str]
"""Name in the catalogue, and what tells lines of one name apart; mostly nothing."""


class StampedLine(Struct):
    """One line of a log."""

    at: float | None
    text: str


def marks(container_id: str, role: Role, raw_log: bytes, *, since: float | None = None) -> tuple[LogMark, ...]:
    """The marks of the newest run of the process, the newest of each name (and key), in the order of the log.

    The log is the Engine's, with its time stamps. A run begins at the service's own start line where it has one; with
    ``since`` (the container's start, Unix seconds) lines before it do not count. Unknown roles give nothing.
    """
    if role not in MARKED_ROLES:
        return ()
    told = (line for line in lines(raw_log) if since is None or line.at is None or line.at >= since)
    found: dict[_Name, LogMark] = {}
    for line in told:
        for name, text, kept in _named(role, line.text):
            if name[0] in STARTS or name[0] in MONGO_STARTS:
                _new_run(found, name[0])
            found.pop(name, None)
            found[name] = LogMark(container=container_id, mark=name[0], text=_shown(text), at=line.at)
            _forget_oldest(found, name[0], kept)
    return tuple(found.values())


def _new_run(found: dict[_Name, LogMark], start: str) -> None:
    """Forget the run before. Of mongo only mongod's own lines: the entrypoint's come before mongod starts."""
    for name in list(found):
        if start not in MONGO_STARTS or name[0].removeprefix("mongo.").isdigit():
            old = found.pop(name)
            if old.mark in DEATHS:
                service, _, what = old.mark.partition(".")
                found[old.mark, BEFORE] = replace(old, mark=f"{service}.before.{what}")


def _forget_oldest(found: dict[_Name, LogMark], name: str, kept: int) -> None:
    if kept == 1:
        return
    for old in [known for known in found if known[0] == name][:-kept]:
        del found[old]


def lines(raw: bytes) -> Iterator[StampedLine]:
    """The lines of a log as the Engine gives it, cleaned, with their times; empty ones are left out."""
    for text in raw.decode("utf-8", "replace").split("\n"):
        stamp = _STAMP.match(text)
        rest = clean(text[stamp.end() :] if stamp else text, 16384)
        if rest.strip():
            yield StampedLine(at=_seconds(stamp) if stamp else None, text=rest)


def _seconds(stamp: re.Match[str]) -> float | None:
    zone = "+00:00" if stamp[3] == "Z" else stamp[3]
    try:
        moment = datetime.fromisoformat(stamp[1] + zone).astimezone(UTC)
    except ValueError:
        return None
    return moment.timestamp() + float("0" + (stamp[2] or ".0"))


def _named(role: Role, text: str) -> Iterator[tuple[_Name, str, int]]:
    """Names this line has in the catalogue, each with the text to keep and how many of that name are kept."""
    if role == "mongo" and text.startswith("{"):
        yield from (((name, ""), kept, 1) for name, kept in _mongod(text))
        return
    message = _message(text) if role == "librechat" else text
    for pattern in PATTERNS[role]:
        match = pattern.regex.search(message)
        if match is not None:
            key = match["key"] or "" if pattern.kept > 1 else ""
            yield (pattern.name, key), _kept(pattern, message, match), pattern.kept
            if pattern.alone:
                return


def _kept(pattern: Pattern, message: str, match: re.Match[str]) -> str:
    return match.group() if pattern.only_match else message


def _message(text: str) -> str:
    """LibreChat's message without time and level; with CONSOLE_JSON each line is an object."""
    if text.startswith("{"):
        try:
            message = json.loads(text).get("message")
        except (ValueError, AttributeError, RecursionError):
            return text
        return message if isinstance(message, str) else text
    return text[match.end() :] if (match := _LEVEL.match(text)) else text


def _mongod(text: str) -> Iterator[tuple[str, str]]:
    """One JSON line of mongod 4.4 and later, told by its number: the texts change between releases."""
    try:
        entry = json.loads(text)
        number = entry.get("id")
    except (ValueError, AttributeError, RecursionError):
        return
    if isinstance(number, int) and number in MONGO_IDS:
        parts = [str(entry.get("msg") or ""), *_reasons(entry.get("attr"))]
        yield f"mongo.{number}", ": ".join(part for part in parts if part)


def _reasons(attr: Any) -> Iterator[str]:  # noqa: ANN401 - foreign JSON
    if not isinstance(attr, dict):
        return
    error = attr.get("error")
    if isinstance(error, dict):
        error = error.get("errmsg") or error.get("reason")
    for value in (error, attr.get("errmsg"), attr.get("port")):
        if isinstance(value, str | int) and value:
            yield str(value)


def _shown(text: str) -> str:
    """The text as it may be kept: no key material, no secret, one line."""
    line = _KEY_TEXT.sub(r"\1", text)
    return clean_line(redact(_LONG_BASE64.sub("•••", clean_line(line, 2000))), TEXT_LIMIT)


LAST = 80
"""Lines that are asked for: a stack trace and what stands before it."""
KEPT, LENGTH = 8, 300
LOOPS = 1200.0
"""Seconds after a restart in which a container may be between two deaths."""
HEARD_AT_ONCE = 4


class LastWordsOf(Source):
    """The part ``last_words``."""

    name = "last-words"
    gives = ("last_words",)
    made_of = ("containers",)
    what = "The log of a container"
    every = "logs"
    within = "logs_deadline"
    wakes_on = ("containers",)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._read: dict[str, tuple[object, float, LastWords | None]] = {}

    def anew(self, *, by_key: bool) -> None:
        """Look at those who seem well again, where somebody asks for it."""
        if by_key:
            self._read = {ident: read for ident, read in self._read.items() if read[2] is not None}

    def worthwhile(self) -> bool:
        """Somebody fell ill, died once more, or was not looked at for long."""
        known = self._known()
        return any(map(self._is_due, known)) or len(self._read) != len(known)

    async def read(self) -> NewParts:
        """Ask the Engine for the logs of those that are due."""
        known = self._known()
        idents = {container.id for container in known}
        self._read = {ident: read for ident, read in self._read.items() if ident in idents}
        faults = []
        due = [container for container in known if self._is_due(container)]
        for start in range(0, len(due), HEARD_AT_ONCE):
            some = due[start : start + HEARD_AT_ONCE]
            for container, told in zip(some, await asyncio.gather(*map(self._ask, some)), strict=True):
                if not isinstance(told, Exception):
                    self._read[container.id] = (self._life(container), self.host.clock.monotonic(), told)
                elif silent(told):
                    faults.append(fault_of(f"{self.name}:{container.id[:12]}", told))
        words = tuple(read[2] for _, read in sorted(self._read.items()) if read[2] is not None)
        return NewParts({"last_words": words}, tuple(faults))

    def _known(self) -> list[Container]:
        seen = (one for one in self.parts.containers if one.detailed)
        return [one for one in seen if self._is_ill(one) or (one.state == "running" and _is_watched(one))]

    def _is_ill(self, container: Container) -> bool:
        return _is_ill(container, self.host.clock.now())

    def _life(self, container: Container) -> object:
        facts = (container.state, container.started_at, container.finished_at, container.restart_count)
        return (*facts, self._is_ill(container), self._is_back(container))

    def _is_back(self, container: Container) -> bool:
        return _is_back(container, self.host.clock.now())

    def _is_due(self, container: Container) -> bool:
        life, at, _ = self._read.get(container.id, (None, 0.0, None))
        if life != self._life(container):
            return True
        return not self._is_ill(container) and self.host.clock.monotonic() - at >= self.cadence.logs

    async def _ask(self, container: Container) -> LastWords | Exception | None:
        engine = self.host.engine
        if engine is None:
            return HostError(_("There is no Engine here"))
        try:
            raw = await self.ask(engine.logs(container.id, tail=LAST))
        except (HostError, TimeoutError) as error:
            return error
        ill, start = self._is_ill(container), container.started_at or 0.0
        said = list(lines(raw))
        back = self._is_back(container)
        if back:  # it died before its start: its own lines so far say nothing of that
            said = [line for line in said if line.at is None or line.at <= start]
        elif container.state == "running":
            said = [line for line in said if line.at is None or line.at >= start - EARLY]
        texts = (clean_line(redact(clean_line(line.text, 2000)), LENGTH).strip() for line in said)
        told = tuple(text for text in texts if text)
        return (
            LastWords(container.id, told[-KEPT:], back or container.state != "running")
            if ill
            else _of_one_gone(container, told)
        )


def _is_watched(container: Container) -> bool:
    return starts_others((*container.entrypoint, *container.command))


def _of_one_gone(container: Container, told: tuple[str, ...]) -> LastWords | None:
    """What was said when the program ended, up to that line; None where it runs."""
    found = gone(told)
    return None if found is None else LastWords(container.id, told[: found[1] + 1][-KEPT:])


def _is_ill(container: Container, now: float) -> bool:
    if container.state in ("restarting", "dead"):
        return True
    if container.state == "exited":
        return container.exit_code != 0
    if container.state != "running":
        return False
    unhealthy = container.health is not None and container.health.status == "unhealthy"
    return unhealthy or _is_back(container, now)


def _is_back(container: Container, now: float) -> bool:
    """Whether the Engine has just started it again."""
    again = container.state == "running" and bool(container.restart_count)
    return again and now - (container.started_at or 0.0) < LOOPS
