"""A container lies stopped or paused, and one that runs needs it.

What it does
    Follows `depends_on` and the addresses in environments from every container that runs, or tries to, to the
    containers that are paused, or lie stopped without an error. What nobody needs is left alone: somebody stopped it on
    purpose.

Why it matters
    After a reboot, a `docker stop` for a backup or an update of a part, one service stays behind. The others go on and
    fail one request after the other, each with a message about a name or a connection.

Fix
    Starts the container with its own configuration, as it was made. A paused one is resumed by hand: whoever paused it
    may be copying its data.

Sources
    Docker's documentation of restart policies: a container that was stopped by hand is not started again, not even
    after a reboot with `unless-stopped`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...console.compose.places import WORKING_DIR
from ...console.fix.steps import StartContainer
from ...console.judge.needs import needs_of
from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual, repair
from ..subjects import Life, lives

ALIVE = ("running", "restarting")

STOPPED = Form(
    "stopped",
    "{subject} is stopped, and {users} need{s} it",
    "It was stopped and is not started again by itself; whoever asks it gets no answer",
    "start it",
)
PAUSED = Form(
    "paused",
    "{subject} is paused, and {users} need{s} it",
    "Its programs stand still: a connection is taken, and nothing is ever answered",
    "resume it",
    advice="See that nobody copies its data just now, then: docker unpause {subject}",
)


@dataclass(frozen=True)
class Missed:
    """A stopped container and whoever needs it."""

    life: Life
    users: tuple[str, ...]


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container that lies stopped."""
    needs, addressed = needs_of(snapshot), needs_of(snapshot, declared=False)
    alive = [c for c in snapshot.containers if c.state in ALIVE]
    for life in lives(snapshot):
        if not life.put_to_rest:
            continue
        # one that ended well and that nobody keeps up was a job, unless somebody has its address
        whose = addressed if life.container.exit_code == 0 and not life.kept_up else needs
        users = tuple(c.service or c.name for c in alive if life.container.id in whose[c.id])
        if users:
            yield _case(Missed(life, users))
        else:
            yield Fine(life.name, _("{life} lies stopped, and nobody who runs needs it", life=life.name))


def _case(missed: Missed) -> Case[Missed]:
    life, users = missed.life, missed.users
    shown = _(" and ").join(filter(None, (", ".join(users[:-1]), users[-1])))
    rows = (*life.rows()[:3], *(Evidence(_("needed by"), user, _("depends_on and environments")) for user in users))
    form = PAUSED if life.container.state == "paused" else STOPPED
    return Case(life.name, form, missed, rows, {"users": shown, "s": "s" if len(users) == 1 else ""})


def plan(case: Case[Missed], _answers: Answers) -> Plan:
    """Start it; of a paused one how it is resumed."""
    container = case.facts.life.container
    if case.form is PAUSED:
        return manual(*case.advice)
    says = (_("It is started as it was made; nothing else is touched."), _("Undo stops it again."))
    return repair(StartContainer(container.id, container.name), says=says, lock=container.labels.get(WORKING_DIR))


CHECK = Check(
    "container.needed", "Nothing that somebody needs lies stopped", __doc__ or "", (STOPPED, PAUSED), find, plan,
    reads=("containers", "projects", "services", "last_words", "config_verdicts", "oneapis", "json_files", "proxies"),
)  # fmt: skip
