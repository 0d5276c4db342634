"""The container runs, and the program in it has ended: what started it waits, and nobody starts it again.

What it does
    Reads the last lines of running containers for what nodemon, `node --watch`, supervisord, pm2, s6, a reloader or a
    start script says when the program that it started has ended, unless a later line says that it was started again.

Why it matters
    Docker looks at process 1 alone. It runs, so the container is "up", its restart policy never acts, and everybody who
    asks the service is refused.

Fix
    Starts the container again, where no other program in it lives. A program that ends by itself each time needs its
    cause mended first: the lines before say which. A start command without a watcher (`npm run backend` in place of
    `backend:dev`) ends with its program, so that Docker starts it again.

Sources
    LibreChat issue 3220 (nodemon); supervisord's manual, "Subprocesses"; pm2's documentation of restart strategies.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from ...console.compose.places import WORKING_DIR
from ...console.fix.steps import RestartContainer
from ...console.products.server_logs import gone, others_live, starts_others
from ...console.text import _
from ...console.text.cleaning import clip
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual, repair
from ..subjects import Life, lives

BEFORE = 3
"""Lines before that are shown: what it died of stands there."""
GONE = Form(
    "gone",
    "{subject} runs, but the program in it has ended: {line}",
    "{keeper} is process 1, or stands between: it waits, so that Docker sees a container that runs and does nothing",
    "restart the container; what it died of stands in the lines before",
)

ONE_OF_SEVERAL = replace(
    GONE,
    variant="one",
    title="{subject} runs, but one of its programs has ended: {line}",
    because="{keeper} has given it up, and others in the container go on, so that Docker sees one that runs",
    fix="start that program again; what it died of stands in the lines before",
    advice="See what it died of: docker logs --tail 80 {quoted}\n"
    "Start that one again, under supervisord: docker exec {quoted} supervisorctl start NAME\n"
    "docker restart {quoted} does it too, and ends the others for a moment.",
)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container that runs and whose last lines were worth keeping."""
    for life in lives(snapshot):
        if life.container.state != "running" or not life.last_words:
            continue
        keeps = starts_others((*life.container.entrypoint, *life.container.command))
        found = gone(life.last_words) if keeps and not life.of_an_end else None
        if found is None:
            yield Fine(life.name, _("Nothing says that the program in {life} has ended", life=life.name))
            continue
        keeper, index = found
        shown = life.last_words[max(0, index - BEFORE) : index + 1]
        rows = (*(Evidence("log", clip(line, 300), f"docker logs {life.name}") for line in shown), *life.rows()[:1])
        words = {
            "keeper": (name := _(keeper.name))[:1].upper() + name[1:], "line": clip(life.last_words[index], 120),
            "quoted": shlex.quote(life.name),
        }  # fmt: skip
        well = life.container.health is not None and life.container.health.status == "healthy"
        several = well or others_live(keeper, life.last_words, index)
        yield Case(life.name, ONE_OF_SEVERAL if several else GONE, life, rows, words)


def plan(case: Case[Life], _answers: Answers) -> Plan:
    """A restart, where nothing that lives is ended by it."""
    if case.form is ONE_OF_SEVERAL:
        return manual(*case.advice)
    container = case.facts.container
    return repair(
        RestartContainer(container=container.id, name=container.name),
        says=(
            _(
                "It is started as it was made. Where it ends again, its last lines say why: docker logs {case}",
                case=case.subject,
            ),
            _(
                "Started without a watcher (npm run backend, not backend:dev) it ends with its program, and Docker "
                "acts.",
            ),
        ),
        restarts=(case.subject,),
        lock=container.labels.get(WORKING_DIR),
    )


CHECK = Check(
    "container.dead-inside", "The programs in the containers that run are alive", __doc__ or "",
    (GONE, ONE_OF_SEVERAL), find, plan,
    reads=("containers", "services", "last_words"),
)  # fmt: skip
