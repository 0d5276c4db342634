"""The JSON documents of the command: a contract with other programs. Additions are allowed, changes are not.

Plain values only; the output boundary cleans and masks them and adds ``schema``. Times are Unix seconds, sizes bytes,
rates per second; what is not known is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..findings import Result
from ..model import Container, Fault, Figures, Port, Service, Snapshot
from .plain import told

if TYPE_CHECKING:
    from ..fixing import Outcome
    from ..plan import PreparedPlan, Question
    from ..records import Entry

Document = dict[str, object]


def check(snapshot: Snapshot, results: Sequence[Result]) -> Document:
    """``check --json``."""
    return {
        "host": snapshot.host.name,
        "taken_at": snapshot.taken_at,
        "results": [result(each) for each in results],
        "faults": [fault(each) for each in snapshot.faults],
    }


def result(each: Result) -> Document:
    """One row of ``check --json``."""
    return {
        "check": each.check,
        "subject": each.subject,
        "status": each.status,
        "severity": each.severity,
        "title": each.title,
        "evidence": [{"label": e.label, "value": told(e), "source": e.source} for e in each.evidence],
        "because": each.because,
        "fix": None if each.fix is None else {"safety": each.fix.safety, "summary": each.fix.summary},
        "form": each.form,
    }


def fault(each: Fault) -> Document:
    """Something that could not be read."""
    return {"source": each.source, "sentence": each.sentence, "remedy": each.remedy, "since": each.since}


def plan(prepared: PreparedPlan) -> Document:
    """The plan of ``fix`` with its exact steps: those that change something."""
    made = prepared.plan
    return {
        "check": made.check,
        "subject": made.subject,
        "safety": made.safety,
        "steps": [
            {"kind": kind(each.step), "target": each.step.target, "describe": each.step.describe(), "diff": each.diff}
            for each in prepared.steps
        ],
        "restarts": list(made.restarts),
        "questions": [question(each) for each in made.questions],
    }


def kind(step: object) -> str:
    """The name of a kind of step, as the journal writes it."""
    return str(getattr(getattr(step, "__struct_config__", None), "tag", None) or type(step).__name__)


def outcome(ended: Outcome) -> Document:
    """How a fix, an undo or a roll-back ended."""
    return {
        "name": ended.name,
        "sentence": ended.sentence,
        "says": list(ended.says),
        "entry": ended.entry,
        "remedy": ended.remedy,
    }


def entry(each: Entry, *, whole: bool = False) -> Document:
    """One entry of the journal; ``whole`` adds its steps with their diffs, and what was said at the end."""
    intent = each.intent
    head: Document = {
        "entry": each.id, "state": "running" if each.running else each.state, "kind": intent.kind,
        "check": intent.check, "subject": intent.subject, "title": intent.title, "safety": intent.safety,
        "host": intent.host, "at": intent.at,
        "ended_at": each.ended_at, "user": each.person.user, "of": intent.of, "undone_by": each.undone_by,
    }  # fmt: skip
    if not whole:
        return head
    steps = [
        {
            "kind": kind(row.step), "target": row.step.target, "describe": row.describe, "diff": row.diff,
            "done": index in each.done, "taken_back": index in each.taken_back,
        }
        for index, row in enumerate(intent.steps)
    ]  # fmt: skip
    return {**head, "steps": steps, "restarts": list(intent.restarts), "says": list(each.end.says if each.end else ())}


def question(each: Question) -> Document:
    """Something only the operator can decide; the default of a secret one is not told."""
    default = None if each.secret else each.default
    return {
        "key": each.key,
        "prompt": each.prompt,
        "default": default,
        "choices": list(each.choices),
        "secret": each.secret,
    }


def processes(snapshot: Snapshot) -> Document:
    """``ps --json``."""
    return {
        "host": snapshot.host.name,
        "taken_at": snapshot.taken_at,
        "containers": [container(each, snapshot.figures.get(each.id)) for each in snapshot.containers],
        "services": [service(each) for each in snapshot.services],
        "faults": [fault(each) for each in snapshot.faults],
    }


def container(each: Container, figures: Figures | None) -> Document:
    """One row of ``ps --json``."""
    return {
        "id": each.id,
        "name": each.name,
        "image": each.image,
        "project": each.project,
        "service": each.service,
        "state": each.state,
        "health": each.health.status if each.health else None,
        "exit_code": each.exit_code,
        "started_at": each.started_at,
        "restart_count": each.restart_count,
        "ports": [port(each_port) for each_port in each.ports],
        **_figures(figures),
    }


def _figures(figures: Figures | None) -> Mapping[str, Any]:
    names = ("cpu_percent", "memory", "memory_limit", "net_rx", "net_tx", "block_read", "block_write", "pids")
    return {name: None if figures is None else getattr(figures, name) for name in names}


def port(each: Port) -> Document:
    """One port of a container."""
    return {
        "container_port": each.container_port, "protocol": each.protocol,
        "host_ip": each.host_ip, "host_port": each.host_port,
    }  # fmt: skip


def service(each: Service) -> Document:
    """A role, and who plays it."""
    return {
        "role": each.role, "name": each.name, "version": each.version, "container": each.container, "pid": each.pid,
        "project": each.project, "compose_service": each.compose_service, "generation": each.generation,
    }  # fmt: skip
