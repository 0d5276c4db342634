"""What happened, newest first: deaths with their reason, health, starts, images, fixes, troubles that came and went.

Made of records that each forget something: the Engine's events (its buffer is short), what each container still tells
of its last life, the journal, and what `stackops watch` kept while it ran. What one tells twice is told once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from ..model import Container, EngineEvent, Role, Snapshot
from ..model.findings import Judgement, Result
from ..products.versions import exit_meaning
from ..text import N_, _, n_
from ..text.cleaning import duration

if TYPE_CHECKING:
    from ..fix.records import Entry

Kind = Literal[
    "death", "oom", "stop", "start", "health", "well", "image", "gone", "pause", "fix", "trouble", "over", "engine"
]
SAME = 3.0
"""Seconds within which an event and what the container tells of itself are one and the same."""
ASKED = 30.0
"""Seconds after a signal in which an end is what was asked for."""
ANEW = N_("recreated and started")
"""Says that the one before was stopped and removed as well."""
LOOP = 900.0
"""Seconds between two deaths of one container that are told as one line."""


class Moment(Struct, frozen=True):
    """One thing that happened."""

    at: float
    """Unix seconds; of several deaths the last."""
    kind: Kind
    subject: str
    words: str
    reason: str = ""
    container: str = ""
    """Id."""
    entry: str = ""
    """Of the journal."""
    count: int = 1

    @property
    def grave(self) -> bool:
        """Whether somebody should know of it who was away."""
        return self.kind in {"death", "oom", "health"}


class TroubleChange(Struct, frozen=True):
    """A trouble came, or went, while a console or `stackops watch` looked."""

    at: float
    came: bool
    result: Result


SETTLED = 60.0
"""Seconds after the first judgement in which nothing has changed yet: what was there already comes to light."""


def changed(before: Judgement, now: Judgement, at: float) -> list[TroubleChange]:
    """Which troubles came from one judgement to the next, and which went."""
    old, new = ({each.result.key: each.result for each in told.troubles} for told in (before, now))
    came = [TroubleChange(at, came=True, result=new[key]) for key in new if key not in old]
    return came + [TroubleChange(at, came=False, result=old[key]) for key in old if key not in new]


def moments(
    snapshot: Snapshot,
    entries: Sequence[Entry] = (),
    changes: Sequence[TroubleChange] = (),
    events: Sequence[EngineEvent] = (),
) -> tuple[Moment, ...]:
    """All of it, newest first. ``events`` are those of before, which the Engine may tell no longer."""
    roles = {service.container: service.role for service in snapshot.services if service.container}
    told = list(_Reading(roles).read(tuple(dict.fromkeys((*events, *snapshot.events)))))
    for container in snapshot.containers:
        told += _of_state(container, told, roles)
    told += [_of_entry(entry) for entry in entries]
    told += [_of_change(change) for change in changes]
    return tuple(_folded(sorted(told, key=lambda each: -each.at)))


class _Reading:
    """Events in the order in which they happened, and what has to be known of those before."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._roles = roles
        self._asked: dict[str, tuple[float, str]] = {}
        """Container -> when it was sent a signal last, and which came first."""
        self._oom_at: dict[str, float] = {}
        self._health: dict[str, tuple[str, float]] = {}
        self._died: dict[str, float] = {}
        self._lives: dict[str, tuple[str, str]] = {}
        """Subject -> id and image of the container that plays it."""
        self._replaced: set[str] = set()

    def read(self, events: Sequence[EngineEvent]) -> Iterator[Moment]:
        """A Moment of each event that says something."""
        for event in sorted(events, key=lambda each: each.at):
            action, _colon, detail = event.action.partition(":")
            reader = getattr(self, f"on_{action}", None)
            found = reader(event, detail.strip()) if reader is not None else None
            if found is not None:
                yield found

    @staticmethod
    def _moment(event: EngineEvent, kind: Kind, words: str, reason: str = "") -> Moment:
        return Moment(event.at, kind, event.subject, words, reason, event.container)

    def on_kill(self, event: EngineEvent, _detail: str) -> None:
        before = self._asked.get(event.container)
        if before is None or event.at - before[0] > ASKED:
            self._asked[event.container] = (event.at, event.signal or "")

    def _oom_killed(self, event: EngineEvent) -> bool:
        return event.at - self._oom_at.get(event.container, 0.0) < ASKED

    def on_oom(self, event: EngineEvent, _detail: str) -> Moment:
        self._oom_at[event.container] = event.at
        return self._moment(
            event, "oom", _("ran out of memory"), _("the kernel ended a process in it: it reached its limit")
        )

    def on_die(self, event: EngineEvent, _detail: str) -> Moment:
        self._died[event.container] = event.at
        asked = self._asked.pop(event.container, None)
        code, meaning = ended(event.exit_code, self._roles.get(event.container), oom=self._oom_killed(event))
        if asked is not None and event.at - asked[0] <= ASKED:
            late = event.exit_code == 137 and asked[1] not in {"9", "SIGKILL"}
            return self._moment(
                event,
                "stop",
                _("stopped by somebody, killed: it did not end in time") if late else _("stopped by somebody"),
            )
        return self._moment(event, "stop" if event.exit_code == 0 else "death", code, meaning)

    def on_create(self, event: EngineEvent, _detail: str) -> Moment | None:
        before = self._lives.get(event.subject)
        self._lives[event.subject] = (event.container, event.image)
        if before is None or before[0] == event.container:
            return None
        self._replaced |= {before[0], event.container}
        if before[1] and event.image and before[1] != event.image:
            return self._moment(
                event, "image", _("image changed to {image}", image=event.image), _("it was {before}", before=before[1])
            )
        return None

    def on_start(self, event: EngineEvent, _detail: str) -> Moment | None:
        self._lives.setdefault(event.subject, (event.container, event.image))
        died = self._died.pop(event.container, None)
        if died is not None and event.at - died < LOOP:
            return self._moment(
                event, "start", _("started again"), _("{at} after its end", at=duration(event.at - died))
            )
        if event.container in self._replaced:
            return self._moment(event, "start", _(ANEW), _("a new container took its place"))
        return self._moment(event, "start", _("started"))

    def on_health_status(self, event: EngineEvent, detail: str) -> Moment | None:
        before, since = self._health.get(event.container, ("", event.at))
        if detail == before:
            return None
        self._health[event.container] = (detail, event.at)
        if detail == "unhealthy":
            return self._moment(event, "health", _("unhealthy"), _("its health check fails"))
        if before == "unhealthy":
            return self._moment(event, "well", _("healthy again"), _("after {at}", at=duration(event.at - since)))
        return None

    def on_destroy(self, event: EngineEvent, _detail: str) -> Moment | None:
        kept = self._lives.setdefault(event.subject, (event.container, event.image))
        return None if kept[0] != event.container else self._moment(event, "gone", _("container removed"))

    def on_pause(self, event: EngineEvent, _detail: str) -> Moment:
        return self._moment(event, "pause", _("paused"))

    def on_unpause(self, event: EngineEvent, _detail: str) -> Moment:
        return self._moment(event, "pause", _("goes on after a pause"))

    def on_reload(self, event: EngineEvent, _detail: str) -> Moment | None:
        return None if event.container else Moment(event.at, "engine", "Docker", _("read its settings again"))


def ended(
    code: int | None, role: Role | None = None, *, oom: bool | None = None, error: str | None = None
) -> tuple[str, str]:
    """How a container ended, and what that means."""
    if code is None:
        return _("ended"), _("its exit code is not known")
    return _("ended with exit code {code}", code=code), exit_meaning(code, oom, error, role) or _(
        "an exit code of its own; see its log"
    )


def _of_state(c: Container, told: Sequence[Moment], roles: Mapping[str, Role]) -> Iterator[Moment]:
    """What a container still tells of itself, where no event told it: the Engine's buffer is short."""
    name = f"{c.project}/{c.service}" if c.project and c.service else c.name

    def unknown(at: float, *kinds: Kind) -> bool:
        return not any(each.container == c.id and each.kind in kinds and abs(each.at - at) < SAME for each in told)

    if c.started_at and c.state in {"running", "paused"} and unknown(c.started_at, "start"):
        again = (
            _("Docker has restarted it {restart_count} times", restart_count=c.restart_count)
            if (c.restart_count or 0) > 1
            else ""
        )
        yield Moment(
            c.started_at, "start", name, _("started"), again or (_("once again") if c.restart_count else ""), c.id
        )
    if c.finished_at and unknown(c.finished_at, "death", "stop"):
        runs = c.state in {"running", "paused"}
        code = None if runs else c.exit_code  # the Engine sets it to 0 when it starts the container again
        words, meaning = ended(code, roles.get(c.id), oom=c.oom_killed and not runs, error=c.error)
        if runs:
            meaning = _("before its last start; the Engine no longer tells its exit code")
        yield Moment(c.finished_at, "stop" if runs or code in {0, 143} else "death", name, words, meaning, c.id)
    if c.health is not None and c.health.status == "unhealthy":
        failed = [probe.at for probe in c.health.log if probe.exit_code and probe.at]
        if failed and not any(each.container == c.id and each.kind == "health" for each in told):
            times = _("its health check failed {count} times in a row", count=c.health.failing_streak)
            yield Moment(failed[0], "health", name, _("unhealthy"), times, c.id)


_ENDED = {
    "done": N_("Fixed"), "undone": N_("Fixed, and taken back later"),
    "rolled-back": N_("Fix failed and was rolled back"), "failed": N_("Fix failed"), "open": N_("Fix was interrupted"),
}  # fmt: skip


def _of_entry(entry: Entry) -> Moment:
    intent = entry.intent
    taken = N_("Taken back") if entry.state == "done" else N_("Undo failed")
    words = _(_ENDED[entry.state] if intent.kind == "fix" else taken)
    if entry.running:
        words = _("Fix runs")
    return Moment(
        entry.ended_at or intent.at, "fix", intent.subject, f"{words}: {intent.title}", intent.check, entry=entry.id
    )


def _of_change(change: TroubleChange) -> Moment:
    words = _("Trouble") if change.came else _("No longer a trouble")
    result = change.result
    return Moment(
        change.at, "trouble" if change.came else "over", result.subject, f"{words}: {result.title}", result.check
    )


def _folded(newest_first: Sequence[Moment]) -> Iterator[Moment]:
    """Deaths of one container by the same cause as one line, without the starts between; a recreate as one as well."""
    open_: dict[str, Moment] = {}
    first: dict[str, float] = {}
    kept: list[Moment] = []
    anew: dict[str, float] = {}
    for each in newest_first:
        if each.words == _(ANEW):
            anew[each.subject] = each.at
        elif each.kind in {"gone", "stop"} and 0.0 <= anew.get(each.subject, 0.0) - each.at < ASKED:
            continue
        last = open_.get(each.container) if each.container else None
        if last is not None and first[each.container] - each.at < LOOP:
            if each.kind == "start":
                continue
            if (each.kind, each.words) == (last.kind, last.words):
                open_[each.container] = more = replace(last, count=last.count + 1)
                kept[kept.index(last)] = more
                first[each.container] = each.at
                continue
        open_.pop(each.container, None)
        kept.append(each)
        if each.kind == "death":
            open_[each.container], first[each.container] = each, each.at
    return _counted(kept)


def _counted(newest_first: Sequence[Moment]) -> Iterator[Moment]:
    """What happened to one subject several times in a row, told alike, as one line with its count."""
    kept: list[Moment] = []
    last: dict[str, tuple[int, float]] = {}
    """Subject -> where its newest line stands that may still count, and the oldest time in it."""
    for each in newest_first:
        at, oldest = last.get(each.subject, (-1, 0.0))
        if at >= 0 and not each.entry and oldest - each.at < LOOP and _told(each) == _told(kept[at]):
            kept[at] = replace(kept[at], count=kept[at].count + each.count)
        else:
            kept.append(each)
            at = len(kept) - 1
        last[each.subject] = (at, each.at)
    return iter(kept)


def _told(each: Moment) -> tuple[str, str, str]:
    return each.kind, each.words, each.reason


def since(told: Sequence[Moment], at: float) -> tuple[Moment, ...]:
    """What happened after this moment."""
    return tuple(each for each in told if each.at > at)


def summed(told: Sequence[Moment]) -> str:
    """What somebody should know who was away: ``3 deaths, 1 out of memory``; empty where nothing grave happened."""
    deaths = sum(each.count for each in told if each.kind == "death")
    oom, ill, images, over = (sum(each.kind == kind for each in told) for kind in ("oom", "health", "image", "over"))
    counted = (
        n_("{count} death", "{count} deaths", deaths) if deaths else "",
        n_("{count} time out of memory", "{count} times out of memory", oom) if oom else "",
        n_("{count} time unhealthy", "{count} times unhealthy", ill) if ill else "",
        n_("{count} changed image", "{count} changed images", images) if images else "",
        n_("{count} trouble that is over", "{count} troubles that are over", over) if over else "",
    )
    return ", ".join(filter(None, counted))
