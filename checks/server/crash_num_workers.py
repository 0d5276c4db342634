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

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result, Severity
from ...console.model import Container, LogMark, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.steps import AnyStep, EditFile, SetServiceKeys
from ...console.text import clean_line
from .. import Check, compose
from ..compose import bring_up, override_for
from .companion import Companion, companions
from .crash_num_workers_examples import EXAMPLES

ID = "server.crash-num-workers"
VARIABLE = "NUM_WORKERS"
MARK = "model.workers-type-error"
OUTLIVES = 1800.0
"""Seconds after which the biggest model is loaded, and uvicorn was started."""
_DYING = ("restarting", "exited", "dead")


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each server of the guide."""
    for companion in companions(snapshot):
        if companion.product in ("m3e", "baichuan2", "chatglm2"):
            yield _judge(companion, snapshot)


def _judge(companion: Companion, snapshot: Snapshot) -> Result:
    name, container = companion.name, companion.place.container
    if container is not None and not container.detailed:
        return _unknown(name, "it has not been inspected yet")
    if VARIABLE not in companion.env:
        return Result(ID, name, "ok", f"{name} has no {VARIABLE}")
    if companion.generation == 1:
        return Result(ID, name, "ok", f"{name} is of the first generation, which does not read {VARIABLE}")
    if container is None:
        if companion.generation == 2:
            return _found(companion, "will-crash", "warning", ())
        return _unknown(name, f"its image is of no known generation, and only one of them reads {VARIABLE}")
    marks = _last_words(companion, snapshot)
    if marks and (container.state in _DYING or (container.restart_count and not _stays(container, snapshot))):
        return _found(companion, "crashing", "error", marks)
    if container.state in ("restarting", "dead") or (container.state == "exited" and container.exit_code == 1):
        return _unknown(name, f"it does not stay up and has {VARIABLE}, but its log does not show what it died of")
    return Result(ID, name, "ok", f"{name} is {container.state} with {VARIABLE}, and has not died of it")


def _stays(container: Container, snapshot: Snapshot) -> bool:
    """Whether this run has outlived the start that the others died at: its script was patched since."""
    return container.started_at is not None and snapshot.taken_at - container.started_at > OUTLIVES


def _unknown(name: str, because: str) -> Result:
    return Result(ID, name, "unknown", f"Whether {VARIABLE} keeps {name} from starting is not known", because=because)


def _last_words(companion: Companion, snapshot: Snapshot) -> tuple[LogMark, ...]:
    """The line of this run or the one before; a crash loop is looked at while it runs as often as while it lies."""
    container = companion.place.container
    return tuple(m for m in snapshot.log_marks if container and m.container == container.id and m.mark == MARK)[-1:]


def _found(companion: Companion, form: str, severity: Severity, marks: tuple[LogMark, ...]) -> Result:
    name, container, place = companion.name, companion.place.container, companion.place
    value = clean_line(companion.env[VARIABLE], 40)
    named = place.declared is not None and VARIABLE in place.declared.named
    origin = "compose files" if named else f"image {clean_line(companion.image, 200)}"
    rows = [Evidence(VARIABLE, value or "empty", origin)]
    rows += [Evidence("log", mark.text, f"docker logs {name}") for mark in marks]
    if container is not None:
        count = "" if container.restart_count is None else f", {container.restart_count} restarts"
        rows.append(Evidence("state", f"{container.state}{count}", f"docker inspect {name}"))
    says = "dies at its start because of" if form == "crashing" else "will die at its start because of"
    safety = _plan(companion, Result(ID, name, "finding", "", form=form)).safety
    summary = f"take {VARIABLE} away" + (" and recreate the service" if safety == "disruptive" else "")
    return compose.finding(
        ID, name, form, f"{name} {says} {VARIABLE}", severity=severity,
        because=f"Its script hands {VARIABLE}, which is a text, to uvicorn, which compares it with a number. "
        "Without the variable it starts with one worker, which is all it can have.",
        evidence=tuple(rows), fix=FixSummary(safety, summary),
    )  # fmt: skip


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """The name without a value in the override, then the service anew."""
    for companion in companions(snapshot):
        if companion.name == result.subject and VARIABLE in companion.env:
            return _plan(companion, result)
    return compose.manual(result, "There is nothing to repair any more.")


def _plan(companion: Companion, result: Result) -> Plan:
    place, override = companion.place, override_for(companion.place)
    why = _refusal(companion)
    if why is not None or override is None:
        return compose.manual(
            result, why or "The project folder is not known.",
            f"By hand: make the container anew with the name {VARIABLE} and no value (`docker run -e {VARIABLE}`, or a "
            "line without `=` in the compose file). Removing your own line is not enough where the image sets it too.",
        )  # fmt: skip
    edit = SetServiceKeys(place.service or "", unset=(VARIABLE,))
    steps: list[AnyStep] = [EditFile(override.path, (edit,), create=not override.exists)]
    end = bring_up(place, extra=(override.path,))
    says = ["A name without a value takes the variable away, whatever the image says: it starts with one worker then."]
    if not override.read_by_itself and not override.in_use:
        says.append(f"Your compose files are listed without {override.path}: add it to -f or COMPOSE_FILE.")
    if end is not None:
        says.append("It still needs its usual time to load the model after that.")
    return Plan(
        ID, place.subject, result.title, steps=(*steps, *((end,) if end else ())),
        safety="disruptive" if end else "safe", restarts=(place.service or "",) if end else (), says=tuple(says),
        lock=place.directory, settle=15.0, deadline=90.0,
    )  # fmt: skip


def _refusal(companion: Companion) -> str | None:
    """Why this is left to the operator."""
    place = companion.place
    if place.broken_file:
        return f"Repair {place.broken_file.path} first: {place.broken_file.error}"
    if place.service is None or place.directory is None or (place.container and bring_up(place) is None):
        return "The container was not made by Compose, or its files are gone."
    if place.project and any(variable.name == VARIABLE for variable in place.project.env):
        return f"The project's .env sets {VARIABLE}, and a name without a value would take it from there: remove it."
    return None


CHECK = Check(
    id=ID, title="NUM_WORKERS does not keep a model server from starting", severity="error", doc=__doc__ or "",
    examine=examine, plan=plan, examples=EXAMPLES,
)  # fmt: skip
