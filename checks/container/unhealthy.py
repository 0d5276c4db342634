"""A container runs, and its own health check says that it does not work.

What it does
    Reads what the Engine keeps of the health check that image or compose file declare: its state, how often it failed
    in a row, and what its last runs printed; where that says that the image lacks the program which the check calls, it
    names the program. A container that is stopped keeps its last state; it is left alone. Before the first start:
    whether the health check of a compose file calls a program that the image is known to lack.

Why it matters
    The Engine only counts: it does not restart an unhealthy container, and Compose looks at it only while others wait
    for `condition: service_healthy`. What the check printed is usually the reason in words, and nobody shows it.

Fix
    None by a key: what the health check prints says what is wrong, and a service that it needs is often the cause. R
    restarts it where that helps.

Sources
    Docker's documentation of HEALTHCHECK and of State.Health in `docker inspect`; ollama issue 9781 (no curl); qdrant
    issues 3491 and 4250 (neither curl nor wget); One API's Dockerfile (Alpine, of which only wget is there).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...console.model import HealthProbe
from ...console.model.findings import Severity
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
LACKED = replace(
    LACKING, variant="running", fix="let the health check call a program that the image has",
    advice="See which of these its image has: docker exec {subject} sh -c 'command -v wget curl python3 node bash'\n"
    "Under healthcheck of {called} in its compose file write a test that calls one of them.\n"
    "Then: docker compose up -d {called}",
)  # fmt: skip
_WGET = """["CMD-SHELL", "wget -q -O /dev/null http://127.0.0.1:3000/api/status"]"""
LACKS = {
    "ollama/ollama": (("curl", "wget"), '["CMD", "ollama", "list"]'),
    "songquanpeng/one-api": (("curl", "bash"), _WGET),
    "justsong/one-api": (("curl", "bash"), _WGET),
    "qdrant/qdrant": (("curl", "wget"), """["CMD", "bash", "-c", ": > /dev/tcp/127.0.0.1/6333"]"""),
}
"""By the end of an image's name: what it lacks, and a test that does without.

fact: ollama issue 9781, pull 6641; songquanpeng/one-api Dockerfile of v0.5.10 to v0.6.11 (alpine with ca-certificates
and tzdata, whose busybox has wget); qdrant issue 4250. Other images have changed from one release to the next (LiteLLM
issues 9295 and 19626: first curl went, then wget), or have what is called: those are told by what their check says.
"""
_INSTALLS = re.compile(r"(?:install|add)\b.*\b(?:curl|wget|bash)\b")
_ELSE = re.compile(r"\|\|\s*(?!exit\b|false\b|kill\b)\S|\bcommand -v\b|\bwhich\b")
"""Something else is tried where the first program fails."""
_MISSING = re.compile(
    r'exec: "(?P<exec>[^"\s]{1,200})": (?:executable file not found|stat \S{1,200} no such file)'
    r"|(?:^|[/\s])(?:ba|da|a|z)?sh: (?:(?:line )?\d+: )?(?P<shell>[\w./+-]{1,100}): (?:command )?not found$"
    r"|^\S{1,100}\.sh: (?:line )?\d+: (?P<script>[\w./+-]{1,100}): (?:command )?not found$"
)
"""fact: opencontainers/runc and Go's os/exec (a check of the form CMD ends with -1 and this); dash, busybox and bash"""
SLOW = 600.0
"""Seconds after its start from which on ``starting`` is more than a start."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each running container that has a health check, and each service whose check cannot work."""
    everybody = parties(snapshot)
    for party in everybody:
        if not party.runs and (case := _lacking(party)) is not None:
            yield case
    known = {party.container.id: party for party in everybody if party.runs}
    for life in lives(snapshot):
        health = life.container.health
        if health is None or health.status in ("", "none") or life.container.state != "running":
            continue
        if health.status != "healthy" and (program := _missing(health.log)) is not None:
            yield _lacked(life, program, known[life.container.id])
        elif health.status == "unhealthy":
            yield _case(life, UNHEALTHY)
        elif health.status == "starting" and health.log and (life.age or 0.0) >= SLOW:
            yield _case(life, STARTING)
        else:
            told = N_("{life} is healthy") if health.status == "healthy" else N_("{life} is being started")
            yield Fine(life.name, _(told, life=life.name))


def _lacks(party: Party) -> tuple[tuple[str, ...], str] | None:
    """What its image is known to lack, and a test that does without."""
    name = party.container.image.partition("@")[0]
    name = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    return next((found for end, found in LACKS.items() if f"/{name}".endswith(f"/{end}")), None)


def _lacking(party: Party) -> Case[Any] | None:
    """Only of the image as it is published: one that is built here, or started by a script, may have more in it."""
    declared, lacks = party.declared, _lacks(party)
    if declared is None or lacks is None or declared.built or _ELSE.search(declared.health_test):
        return None
    words = " ".join((*declared.entrypoint, *declared.command))
    called = next((one for one in lacks[0] if re.search(rf"(?:^|[\s/]){one}\s", declared.health_test)), None)
    if called is None or _INSTALLS.search(words):
        return None
    waiting, told = _waiting(party)
    row = Evidence(_("health check"), clip(declared.health_test, 300), party.source)
    return Case(
        party.subject, LACKING, party, (row,),
        {"program": called, "instead": lacks[1], "waiting": told, "source": party.source, "called": party.called},
        "error" if waiting else None,
    )  # fmt: skip


def _waiting(party: Party) -> tuple[list[str], str]:
    """Which services wait for its health, and that in words."""
    services = party.project.services if party.project is not None and party.declared is not None else ()
    own = party.declared.name if party.declared is not None else ""
    waiting = [one.name for one in services if own in one.awaits_health]
    if waiting:
        return waiting, _("{names} waits until it is healthy, and is not started", names=", ".join(waiting))
    return waiting, _("It works all the same, and is shown as unhealthy")


def _missing(probes: tuple[HealthProbe, ...]) -> str | None:
    """The program that the last run did not find: it says so at its end, whatever else it has tried before."""
    if not probes or probes[-1].exit_code == 0:
        return None
    found = _MISSING.search(_words(probes[-1])[:2000])
    return next((name for name in found.groups() if name), None) if found is not None else None


def _lacked(life: Life, program: str, party: Party) -> Case[Any]:
    """What its own health check says at run time, of any image."""
    made, waiting, lacks = _case(life, UNHEALTHY), _waiting(party), _lacks(party)
    sure = party.declared is not None and lacks is not None and program.rpartition("/")[2] in lacks[0]
    unhealthy = life.container.health is not None and life.container.health.status == "unhealthy"
    words = {
        "program": clip(program, 60), "instead": lacks[1] if lacks else "", "waiting": waiting[1],
        "source": _("its compose file"), "called": party.called,
    }  # fmt: skip
    severity: Severity = "error" if waiting[0] or unhealthy else "warning"
    return replace(made, form=LACKING if sure else LACKED, words=words, severity=severity)


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
    if case.form in (LACKING, LACKED):
        return manual(*case.advice)
    name = shlex.quote(case.subject)
    return manual(
        _("See all that it says: docker inspect --format '{{{{json .State.Health}}}}' {name}", name=name),
        _("See its log: docker logs --tail 50 {name}", name=name),
        _("If a service that it needs is down, start that one first; it becomes healthy by itself."),
    )


CHECK = Check(
    "container.unhealthy", "What a container's health check says", __doc__ or "",
    (UNHEALTHY, STARTING, LACKING, LACKED), find, plan,
    reads=("containers", "projects", "services", "last_words"),
)  # fmt: skip
