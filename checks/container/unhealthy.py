"""A container runs, and its own health check says that it does not work.

What it does
    Reads what the Engine keeps of the health check that image or compose file declare: its state, how often it failed
    in a row, and what its last runs printed. A container that is stopped keeps its last state; it is left alone. Before
    the first start: whether the health check of a compose file calls a program that the image is known to lack.

Why it matters
    The Engine only counts: it does not restart an unhealthy container, and Compose looks at it only while others wait
    for `condition: service_healthy`. What the check printed is usually the reason in words, and nobody shows it.

Fix
    None by a key: what the health check prints says what is wrong, and a service that it needs is often the cause. R
    restarts it where that helps.

Sources
    Docker's documentation of HEALTHCHECK and of State.Health in `docker inspect`; ollama issue 9781 (no curl).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from ...console.model import HealthProbe
from ...console.text import N_, _
from ...console.text.cleaning import clip, duration
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..parties import Party, parties
from ..subjects import Life, lives

PROBES_SHOWN = 2

UNHEALTHY = Form(
    "unhealthy",
    "{subject} is unhealthy: {says}",
    "Its own health check has failed {times} in a row. It runs on, and nobody restarts it",
    "see what its health check says; a service that it needs may be the cause",
)
STARTING = Form(
    "slow-start",
    "{subject} is not healthy yet, {age} after its start: {says}",
    "Its health check has not succeeded once since it was started",
    "see what its health check says",
    "warning",
)
LACKING = Form(
    "no-program",
    "{subject} will never be healthy: its health check calls {program}, which its image does not have",
    "{waiting}. The Engine only says: executable file not found",
    "let the health check call {instead}",
    "warning",
    advice="In {source}, under healthcheck of {called}, write: test: {instead}\nThen: docker compose up -d {called}",
)
LACKS = {"ollama/ollama": ("curl", '["CMD", "ollama", "list"]')}
"""By the end of an image's name: what it lacks, and a test that does without. fact: ollama issue 9781, pull 6641"""
_INSTALLS = re.compile(r"(?:install|add)\b.*\bcurl\b")
SLOW = 600.0
"""Seconds after its start from which on ``starting`` is more than a start."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each running container that has a health check, and each service whose check cannot work."""
    for party in parties(snapshot):
        if not party.runs and (case := _lacking(party)) is not None:
            yield case
    for life in lives(snapshot):
        health = life.container.health
        if health is None or health.status in ("", "none") or life.container.state != "running":
            continue
        if health.status == "unhealthy":
            yield _case(life, UNHEALTHY)
        elif health.status == "starting" and health.log and (life.age or 0.0) >= SLOW:
            yield _case(life, STARTING)
        else:
            told = N_("{life} is healthy") if health.status == "healthy" else N_("{life} is being started")
            yield Fine(life.name, _(told, life=life.name))


def _lacking(party: Party) -> Case[Any] | None:
    """Only of the image as it is published: one that is built here, or started by a script, may have more in it."""
    declared, project = party.declared, party.project
    name = party.container.image.partition("@")[0].rpartition(":")[0] or party.container.image
    lacks = next((found for end, found in LACKS.items() if f"/{name}".endswith(f"/{end}")), None)
    if declared is None or project is None or lacks is None or declared.built:
        return None
    words = " ".join((*declared.entrypoint, *declared.command))
    if not re.search(rf"(?:^|[\s/]){lacks[0]}\s", declared.health_test) or _INSTALLS.search(words):
        return None
    waiting = [one.name for one in project.services if declared.name in one.awaits_health]
    told = (
        _("{names} waits until it is healthy, and is not started", names=", ".join(waiting))
        if waiting
        else _("It works all the same, and is shown as unhealthy")
    )
    row = Evidence(_("health check"), clip(declared.health_test, 300), party.source)
    return Case(
        party.subject, LACKING, party, (row,),
        {"program": lacks[0], "instead": lacks[1], "waiting": told, "source": party.source, "called": party.called},
        "error" if waiting else None,
    )  # fmt: skip


def _case(life: Life, form: Form) -> Case[Life]:
    health = life.container.health
    probes = health.log if health else ()
    streak = max(health.failing_streak if health else 0, 1)
    rows = [_row(life, probe) for probe in list(reversed(probes))[:PROBES_SHOWN]]
    words = {
        "says": clip(_words(probes[-1]), 120) if probes else _("its check has kept no output"),
        "times": _("{streak} time{s}", streak=streak, s="" if streak == 1 else "s"),
        "age": duration(life.age),
    }
    return Case(life.name, form, life, tuple(rows) or life.rows()[:1], words)


def _row(life: Life, probe: HealthProbe) -> Evidence:
    ago = "" if probe.at is None else _("{now} ago, ", now=duration(life.now - probe.at))
    code = _("no exit code") if probe.exit_code is None else _("exit code {exit_code}", exit_code=probe.exit_code)
    return Evidence(_("health check"), f"{ago}{code}: {clip(_words(probe), 300)}", f"docker inspect {life.name}")


def _words(probe: HealthProbe) -> str:
    """The line that says most: the last one that is not empty. A traceback ends with its reason."""
    lines = [line.strip() for line in probe.output.splitlines() if line.strip()]
    return lines[-1] if lines else _("it printed nothing (exit code {exit_code})", exit_code=probe.exit_code)


def plan(case: Case[Any], _answers: Answers) -> Plan:
    """Where to look."""
    if case.form is LACKING:
        return manual(*case.advice)
    name = shlex.quote(case.subject)
    return manual(
        _("See all that it says: docker inspect --format '{{{{json .State.Health}}}}' {name}", name=name),
        _("See its log: docker logs --tail 50 {name}", name=name),
        _("If a service that it needs is down, start that one first; it becomes healthy by itself."),
    )


CHECK = Check(
    "container.unhealthy", "What a container's health check says", __doc__ or "", (UNHEALTHY, STARTING, LACKING),
    find, plan, reads=("containers", "projects", "services", "last_words"),
)  # fmt: skip
