"""A container ends, is started again by the Engine, and ends again.

What it does
    Counts how often the Engine has started a container again (RestartCount) and the deaths seen while looking, and
    compares the time that a run usually lasts with the time the present one has lasted. So a container is found while
    it waits for its next start as well as while it happens to run between two deaths. One that ended a few times while
    its stack was being started is given time: as long as it cannot be told whether it stays up, that is what is said.

Why it matters
    A crash loop looks alive: it has a start time, an address, sometimes even an answer. The program in it does no work,
    and whoever needs it fails somewhere else.

Fix
    None by a key: a restart is what the Engine does already. The exit code in words and the last lines of the log say
    what it dies of; a check that knows the cause says so beside it, with the repair.

Sources
    Docker's documentation of restart policies and of `docker inspect` (RestartCount, State); moby restartmanager: the
    wait doubles from 100 ms on, up to a minute, and begins anew after a run of ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...console.text import _
from ...console.text.cleaning import duration
from ..api import Answers, Case, Check, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual
from ..subjects import Life, lives

FIRST_WAIT, LONGEST_WAIT = 0.1, 60.0
SHORT_RUN = 10.0

LOOPING = Form(
    "looping",
    "{subject} keeps ending: {times}, {how}",
    "{meaning}. The Engine starts it again each time; its program does no work meanwhile",
    "find what it dies of in its last lines; a restart would end the same way",
)


@dataclass(frozen=True)
class Round:
    """How a container goes round."""

    life: Life
    ends: int
    next_try: float | None
    """Seconds until the Engine starts it again; None while it runs."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container that ended at least once and is started again."""
    for life in lives(snapshot):
        ends = life.ends
        if not ends or life.container.state not in ("running", "restarting"):
            continue
        if not life.goes_round:
            yield Fine(
                life.name, _("{life} has run for {age} since it last ended", life=life.name, age=duration(life.age))
            )
        elif life.settling:
            why = _(
                "it has ended {times} since it was made {since_made} ago",
                times=_times(ends),
                since_made=duration(life.since_made),
            )
            yield Unknown(life.name, _("Whether {life} stays up cannot be told yet", life=life.name), why, life.rows())
        else:
            yield _case(Round(life, ends, _next_try(life)))


def _case(loop: Round) -> Case[Round]:
    life = loop.life
    how = (
        _("exit code {exit_code}", exit_code=life.container.exit_code)
        if life.container.state == "restarting"
        else _("between two ends now")
    )
    if loop.next_try is not None and loop.next_try >= 1.0:
        how += _(", next try in {next_try:.0f} s", next_try=loop.next_try)
    since = life.since_made
    times = f"{_times(loop.ends)} in {duration(since)}" if since is not None else _times(loop.ends)
    known = life.container.state == "restarting"
    meaning = life.exit_words.partition(": ")[2] if known else ""
    meaning = meaning[:1].upper() + meaning[1:] if meaning else _("Its program ends by itself")
    return Case(life.name, LOOPING, loop, life.rows(), {"times": times, "how": how, "meaning": meaning})


def _next_try(life: Life) -> float | None:
    c = life.container
    if c.state != "restarting" or c.finished_at is None or c.started_at is None:
        return None
    long_run = c.finished_at - c.started_at >= SHORT_RUN
    wait = FIRST_WAIT if long_run else min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(c.restart_count or 0, 20))
    return max(0.0, c.finished_at + wait - life.now)


def _times(ends: int) -> str:
    return _("{ends} time{s}", ends=ends, s="" if ends == 1 else "s")


def plan(case: Case[Round], _answers: Answers) -> Plan:
    """Where to look."""
    name = case.subject
    return manual(
        _("See its last words: docker logs --tail 50 {name}", name=name),
        _("What a check knows of the cause stands beside this: stackops check"),
        _(
            "To stop it going round meanwhile: docker stop {name}; docker start {name} lets it try again.",
            name=name,
        ),
    )


CHECK = Check(
    "container.crash-loop", "No container keeps ending", __doc__ or "", (LOOPING,), find, plan,
    reads=("containers", "services", "last_words"),
)  # fmt: skip
