"""NUM_WORKERS makes a model server of the distributed guide die at its start, again and again.

What it does
    Looks at the servers of FastGPT's distributed guide (Baichuan2, ChatGLM2, m3e) whose environment has NUM_WORKERS,
    from the compose file or baked into the image, and for the line they die with. Servers of the first generation
    (images ``:v1``) have one worker in their code and are left alone; so is one that runs.

Why it matters
    The second generation hands the variable, a text, to uvicorn, which compares it with a number: ``TypeError: '>' not
    supported between instances of 'str' and 'int'``. Its images and its compose file both set it to 1, so it dies as
    published. Under ``restart: always`` it does so for ever, and looks like a model that takes long to load.

Fix
    Takes the variable away from the service, also from what the image sets: a name without a value in the override
    file does that. Then recreates that one service. An empty value is not enough everywhere.

Sources
    The guide's scripts of both generations, run with uvicorn 0.21.1, 0.23.1 and 0.23.2; Docker Engine 20.10.24 and
    Compose 2.26.1, where a variable named without a value was seen to take the image's away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...console.fix.steps import SetServiceKeys
from ...console.model import LogMark
from ...console.text import _
from ...console.text.cleaning import clean_line
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual
from ..compose import Placed
from .companion import Companion, companions

VARIABLE = "NUM_WORKERS"
MARK = "model.workers-type-error"
OUTLIVES = 1800.0
"""Seconds after which the biggest model is loaded, and uvicorn was started."""
_DYING = ("restarting", "exited", "dead")
_BECAUSE = (
    f"Its script hands {VARIABLE}, which is a text, to uvicorn, which compares it with a number. Without the variable "
    "it starts with one worker, which is all it can have."
)
CRASHING = Form(
    "crashing", f"{{subject}} dies at its start because of {VARIABLE}", _BECAUSE,
    f"take {VARIABLE} away and recreate the service",
)  # fmt: skip
BY_HAND = replace(CRASHING, fix=f"take {VARIABLE} away", variant="by-hand")
WILL_CRASH = replace(
    BY_HAND, id="will-crash", title=f"{{subject}} will die at its start because of {VARIABLE}", severity="warning",
    variant="",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each server of the guide."""
    for companion in companions(snapshot):
        if companion.product in ("m3e", "baichuan2", "chatglm2"):
            yield _judge(companion, snapshot)


def _judge(companion: Companion, snapshot: Snapshot) -> Found:
    name, container = companion.name, companion.place.container
    if VARIABLE not in companion.env:
        return Fine(name, _("{name} has no {variable}", name=name, variable=VARIABLE))
    if companion.generation == 1:
        return Fine(
            name, _("{name} is of the first generation, which does not read {variable}", name=name, variable=VARIABLE)
        )
    if container is None:
        if companion.generation == 2:
            return _found(companion, WILL_CRASH, ())
        return _unknown(
            name, _("its image is of no known generation, and only one of them reads {variable}", variable=VARIABLE)
        )
    # of this run or the one before: a crash loop is looked at while it runs as often as while it lies
    marks = tuple(m for m in snapshot.log_marks if m.container == container.id and m.mark == MARK)[-1:]
    # a run that has outlived the start that the others died at has a script that was patched since
    stays = container.started_at is not None and snapshot.taken_at - container.started_at > OUTLIVES
    if marks and (container.state in _DYING or (container.restart_count and not stays)):
        return _found(companion, BY_HAND if _refusal(companion.place) else CRASHING, marks)
    if container.state in ("restarting", "dead") or (container.state == "exited" and container.exit_code == 1):
        return _unknown(
            name,
            _(
                "it does not stay up and has {variable}, but its log does not show what it died of",
                variable=VARIABLE,
            ),
        )
    return Fine(
        name,
        _(
            "{name} is {state} with {variable}, and has not died of it",
            name=name,
            state=container.state,
            variable=VARIABLE,
        ),
    )


def _unknown(name: str, why: str) -> Unknown:
    return Unknown(
        name, _("Whether {variable} keeps {name} from starting is not known", variable=VARIABLE, name=name), why
    )


def _found(companion: Companion, form: Form, marks: tuple[LogMark, ...]) -> Case[Companion]:
    name, container, place = companion.name, companion.place.container, companion.place
    value = clean_line(companion.env[VARIABLE], 40)
    named = place.declared is not None and VARIABLE in place.declared.named
    origin = _("compose files") if named else _("image {image}", image=clean_line(companion.image, 200))
    rows = [Evidence(VARIABLE, value or "empty", origin)]
    rows += [Evidence("log", mark.text, f"docker logs {name}") for mark in marks]
    if container is not None:
        count = (
            ""
            if container.restart_count is None
            else _(", {restart_count} restarts", restart_count=container.restart_count)
        )
        rows.append(Evidence(_("state"), f"{_(container.state)}{count}", f"docker inspect {name}"))
    return Case(name, form, companion, tuple(rows), severity=compose.severity_of(container, form.severity))


def plan(case: Case[Companion], _answers: Answers) -> Plan:
    """The name without a value in the override, then the service anew."""
    place = case.facts.place
    why = _refusal(place)
    if why is not None:
        return manual(
            why,
            _(
                "By hand: make the container anew with the name {variable} and no value (`docker run -e "
                "{variable}`, or a line without `=` in the compose file). Removing your own line is not enough "
                "where the image sets it too.",
                variable=VARIABLE,
            ),
        )
    loads = _("It still needs its usual time to load the model after that.") if place.container else None
    return compose.edit_override(
        place, SetServiceKeys(place.service or "", unset=(VARIABLE,)),
        _(
            "A name without a value takes the variable away, whatever the image says: it starts with one worker "
            "then.",

        ),
        compose.left_so(place) or loads,
        settle=15.0,
    )  # fmt: skip


def _refusal(place: Placed) -> str | None:
    """Why this is left to the operator."""
    if place.project and not place.broken_file and any(variable.name == VARIABLE for variable in place.project.env):
        return _(
            "The project's env file sets {variable}, and a name without a value would take it from there: remove it.",
            variable=VARIABLE,
        )
    return compose.refusal(place)


CHECK = Check(
    "server.crash-num-workers", "NUM_WORKERS does not keep a model server from starting", __doc__ or "",
    (CRASHING, BY_HAND, WILL_CRASH), find, plan,
    reads=("containers", "projects", "services", "servers", "log_marks"),
)  # fmt: skip
