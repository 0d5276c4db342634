"""The JSON documents of the command: a contract with other programs. Additions are allowed, changes are not.

Plain values only; the output boundary cleans and masks them and adds ``schema``. Times are Unix seconds, sizes bytes,
rates per second; what is not known is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..model import NATIVE, Container, Figures, Snapshot
from ..model.findings import Judgement, Result
from .plain import told

if TYPE_CHECKING:
    from ..fix.engine import Outcome
    from ..fix.plan import PreparedPlan, Question
    from ..fix.records import Entry

Document = dict[str, object]


def fields(each: object, *names: str) -> Document:
    """These attributes by their names; a tuple is a list in JSON."""
    return {name: getattr(each, name) for name in names}


def head(snapshot: Snapshot) -> Document:
    """Which machine was looked at, and when."""
    return {"host": snapshot.host.name, "taken_at": snapshot.taken_at}


def check(snapshot: Snapshot, results: Sequence[Result], judgement: Judgement | None = None) -> Document:
    """``check --json``; ``judgement`` is null where only some checks were asked, or a folder."""
    told = None if judgement is None else _judgement(judgement)
    return {
        **head(snapshot), "judgement": told, "results": [result(each) for each in results], "faults": faults(snapshot)
    }  # fmt: skip


def _judgement(told: Judgement) -> Document:
    return {
        **fields(told, "verdict", "green"),
        "troubles": [
            {
                **fields(each.result, "check", "subject", "severity", "title"),
                **fields(each, "container", "words", "since"),
                "takes_down": list(each.takes_down),
                "consequences": [fields(one, "check", "subject") for one in each.consequences],
            }
            for each in told.troubles
        ],
        "services": [fields(each, "container", "name", "stack", "state", "words") for each in told.services],
        "doubts": list(told.doubts),
    }


def result(each: Result) -> Document:
    """One row of ``check --json``."""
    return {
        **fields(each, "check", "subject", "also", "status", "severity", "title"),
        "evidence": [{"label": e.label, "value": told(e), "source": e.source} for e in each.evidence],
        "because": each.because,
        "fix": None if each.fix is None else {"safety": each.fix.safety, "summary": each.fix.summary},
        **fields(each, "form", "note"),
    }


def faults(snapshot: Snapshot) -> list[Document]:
    """What could not be read."""
    return [fields(each, "source", "sentence", "remedy", "since") for each in snapshot.faults]


def plan(prepared: PreparedPlan) -> Document:
    """The plan of ``fix`` with its exact steps: those that change something."""
    made = prepared.plan
    return {
        **fields(made, "check", "subject", "safety"),
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
    return fields(ended, "name", "sentence", "says", "entry", "remedy")


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
    return {
        "key": each.key,
        "prompt": each.prompt,
        "default": None if each.secret else each.default,
        **fields(each, "choices", "secret"),
    }


def processes(snapshot: Snapshot) -> Document:
    """``ps --json``."""
    return {
        **head(snapshot),
        "containers": [container(each, snapshot.figures.get(each.id)) for each in snapshot.containers],
        "services": [
            fields(each, *_SERVICE) | _used(snapshot.figures.get(f"{NATIVE}{each.pid}")) for each in snapshot.services
        ],
        "faults": faults(snapshot),
    }


_SERVICE = ("role", "name", "version", "container", "pid", "project", "compose_service", "generation")
_PORT = ("container_port", "protocol", "host_ip", "host_port")
_FIGURES = ("cpu_percent", "memory", "memory_limit", "net_rx", "net_tx", "block_read", "block_write", "pids")


def _used(figures: Figures | None) -> Document:
    """What a native service uses; a service's in a container stands with that."""
    return {} if figures is None else fields(figures, "cpu_percent", "memory")


def container(each: Container, figures: Figures | None) -> Document:
    """One row of ``ps --json``."""
    return {
        **fields(each, "id", "name", "image", "project", "service", "state"),
        "health": each.health.status if each.health else None,
        **fields(each, "exit_code", "started_at", "restart_count"),
        "ports": [fields(port, *_PORT) for port in each.ports],
        **(dict.fromkeys(_FIGURES) if figures is None else fields(figures, *_FIGURES)),
    }
