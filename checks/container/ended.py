"""A container ended by an error, or was killed for want of memory, and nobody starts it again.

What it does
    Looks at containers that lie stopped: what somebody stopped, and what ended without an error, is left alone. One
    with an error code, and one that the kernel killed because it used more memory than it may, is told with the exit
    code in words and the last lines of its log. One that was killed for memory and runs again is told for an hour.

Why it matters
    Without a restart policy, or when that has given up, a service stays down until somebody looks.

Fix
    None by a key where it would end the same way; the commands are shown. R starts it again.

Sources
    Docker's documentation of exit codes and restart policies; State.OOMKilled in `docker inspect`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from ...console.text import _
from ...console.text.cleaning import duration, size
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..subjects import Life, lives

LATELY = 3600.0
"""Seconds in which a container that was killed for memory and runs again is told of."""
FAILED = Form(
    "failed",
    "{subject} has ended with {how}",
    "{meaning}. Nobody starts it again",
    "find what it ended by in its last lines, then start it",
)
OUT_OF_MEMORY = Form(
    "out-of-memory",
    "{subject} was killed: it used more memory than it may{limit}",
    "The kernel ends a container that goes over its limit, or the largest one when the machine has no memory left",
    "give it more memory, or make it use less",
)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container that lies stopped, and each that was killed for memory."""
    for life in lives(snapshot):
        c = life.container
        if c.oom_killed and c.state == "running":
            # fact: Engine 20.10 keeps the flag of the run before; without one, a process of this run was killed
            if c.finished_at is None or life.now - c.finished_at < LATELY:
                yield replace(_case(life, OUT_OF_MEMORY), severity="warning")
            else:
                yield Fine(
                    life.name,
                    _(
                        "{life} was once killed for memory, and has run for {age}",
                        life=life.name,
                        age=duration(life.age),
                    ),
                )
        elif c.oom_killed and c.state in ("exited", "dead", "restarting") and not life.put_to_rest:
            yield _case(life, OUT_OF_MEMORY)
        elif c.state in ("exited", "dead") and not c.error:
            if life.put_to_rest:
                yield Fine(life.name, _("{life} lies stopped: {rest}", life=life.name, rest=_rest(life)))
            else:
                yield _case(life, FAILED)


def _rest(life: Life) -> str:
    return _("it ended by itself without an error") if life.container.exit_code == 0 else _("somebody stopped it")


def _case(life: Life, form: Form) -> Case[Life]:
    limit = life.container.memory_limit
    meaning = life.exit_words.partition(": ")[2] or _("The code is one of its own")
    words = {
        "how": life.exit_words.partition(": ")[0],
        "meaning": meaning[:1].upper() + meaning[1:],
        "limit": f" ({size(limit)})" if limit else "",
    }
    rows = life.rows()
    if limit:
        rows = (*rows, Evidence(_("memory limit"), size(limit), f"docker inspect {life.name}"))
    return Case(life.name, form, life, rows, words)


def plan(case: Case[Life], _answers: Answers) -> Plan:
    """Where to look, and the command that starts it."""
    name = shlex.quote(case.subject)
    start = _("Start it: docker start {name}", name=name)
    if case.form is OUT_OF_MEMORY:
        raised = _("Raise mem_limit (or deploy.resources.limits.memory) in its compose file, or take it out.")
        if not case.facts.container.memory_limit:
            raised = _("It has no limit of its own: the machine's memory was used up. See who uses it: docker stats")
        return manual(raised, start)
    return manual(_("See its last words: docker logs --tail 50 {name}", name=name), start)


CHECK = Check(
    "container.ended", "No container has ended by an error", __doc__ or "", (FAILED, OUT_OF_MEMORY), find, plan,
    reads=("containers", "services", "last_words"),
)  # fmt: skip
