"""Ollama computes on the CPU although a GPU is there for it.

What it does
    Compares what each Ollama says of its loaded models (``/api/ps``: size, and how much of it lies on GPUs), and the
    line ``inference compute`` of its log, with the GPUs of the machine and the container's grant. Tells apart: the
    container was granted no GPU; it had one and lost it; it never saw the one it was granted; the driver does not work;
    the model is bigger than the card; there was no room left for it; only a part of it fits.

Why it matters
    Ollama does not fail without a GPU, it gets slower: ten times and more. Nothing is logged as an error. After a
    ``systemctl daemon-reload`` a container with the classic hook loses its GPU, and the next model goes to the CPU.

Fix
    Restarts the container where it lost its GPU or never saw it while driver and grant are fine: nothing inside heals
    that. A missing grant, a driver that does not work and a model that is too big are explained, with the numbers.

Sources
    ollama docs (gpu, troubleshooting) and discover/; nvidia-container-toolkit issues 48 and 1744. Figures of /api/ps
    can be too low in some releases; they are compared with nothing here but each other and zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.steps import RestartContainer
from ...console.text import clean_line, size
from .. import Check, compose
from .on_cpu_case import Case, cases, form_of
from .on_cpu_examples import EXAMPLES
from .on_cpu_words import ADVICE, BECAUSE, SEVERITY, SUMMARY, TITLE

ID = "ollama.on-cpu"
RESTART = ("lost", "not-seen")


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each Ollama."""
    for case in cases(snapshot):
        yield _judge(case)


def _judge(case: Case) -> Result:
    form = form_of(case)
    rows = tuple(_evidence(case))
    if form == "unknown":
        because = "it has a GPU, but tells neither which models are loaded nor what it found at its start"
        title = f"Whether {case.name} uses its GPU is not known"
        return Result(ID, case.name, "unknown", title, evidence=rows, because=because)
    if form is None:
        return Result(ID, case.name, "ok", _fine(case), evidence=rows)
    words = _facts(case)
    safety = _plan(case, Result(ID, case.name, "finding", "", form=form)).safety
    return compose.finding(
        ID, case.name, form, TITLE[form].format(**words), severity=SEVERITY[form],
        because=BECAUSE[form].format(**words), evidence=rows, fix=FixSummary(safety, SUMMARY[form]),
    )  # fmt: skip


def _fine(case: Case) -> str:
    if case.deliberate:
        return f"{case.name} was told to use the CPU ({case.deliberate})"
    if case.loaded and not case.on_cpu:
        return f"{case.name} has its models on GPUs"
    return f"{case.name} has no model loaded on the CPU that belongs on a GPU"


def _facts(case: Case) -> dict[str, str]:
    model = case.biggest
    return {
        "name": case.name, "model": clean_line(model.name, 80) if model else "its model",
        "size": size(model.size) if model else "–", "vram": size(model.size_vram) if model else "–",
        "how": "wholly" if model and model.size_vram == 0 else "partly",
        "total": size(case.total), "free": size(case.free), "grant": case.grant.words if case.grant else "none",
        "driver": (case.fault or "the driver does not answer").rstrip("."),
    }  # fmt: skip


def _evidence(case: Case) -> Iterator[Evidence]:
    source = f"docker inspect {case.name}" if case.container else f"process {case.server.pid if case.server else '?'}"
    if case.container is not None:
        yield Evidence("GPU grant", case.grant.words if case.grant else "none", source)
    if case.deliberate:
        yield Evidence("told to use the CPU", case.deliberate, source)
    for model in case.loaded or ():
        share = f"{size(model.size_vram)} of {size(model.size)} on GPUs"
        address = case.server.address if case.server else case.name
        yield Evidence(clean_line(model.name, 80), share, f"{address}/api/ps")
    if case.mark is not None:
        yield Evidence("log", case.mark.text, f"docker logs {case.name}")
    if case.cards:
        yield Evidence("GPU memory free", f"{size(case.free)} of {size(case.total)}", "GPU driver")
    if case.rules is False:
        yield Evidence("systemd", "does not know of its GPU: a daemon-reload takes it away", "device rules")


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """A restart where that helps, else words with the numbers."""
    for case in cases(snapshot):
        if case.name == result.subject:
            form = form_of(case)
            if form is not None and form != "unknown":
                return _plan(case, result)
    return compose.manual(result, "There is nothing to repair any more.")


def _plan(case: Case, result: Result) -> Plan:
    form = result.form or ""
    says = tuple(text.format(**_facts(case)) for text in ADVICE[form])
    if form not in RESTART or case.container is None:
        return compose.manual(result, *says)
    step = RestartContainer(case.container.id, case.container.name)
    return Plan(
        ID, result.subject, result.title, steps=(step,), safety="disruptive", restarts=(case.container.name,),
        says=says, lock=case.container.labels.get(compose.LABEL_DIRECTORY), deadline=60.0,
    )  # fmt: skip


CHECK = Check(
    id=ID, title="Ollama uses the GPU that is there for it", severity="warning", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
