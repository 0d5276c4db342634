"""The machine, or a limit set on a container, is clearly smaller than the guides ask for what is there.

What it does
    Compares main memory, cores and disks with the guides' least figures: those for FastGPT with its databases, by the
    number of vectors where the settings name it, and those for each of the guide's local models that is there
    (Baichuan2, ChatGLM2, M3E, the bge reranker). Memory counts as too small below four fifths of what the databases and
    the biggest model need together, since models are not loaded all at once; a limit on a container only below three
    tenths of its model's figure, since the guides round up. Without local models a small machine is left in peace, and
    so is a model in an engine that takes quantised files.

Why it matters
    Too little memory shows as something else: containers that die with exit code 137, databases that answer slowly,
    models that fail while they are loaded.

Fix
    Explained: a larger machine, a higher limit, or less on this one.

Sources
    The FastGPT deployment guides (pgvector: test, 1 million, 5 million vectors) and the guide for local models of
    2024-03, as data in console/sizing.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import ComposeService, Container, Disk, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.sizing import GB, HostRow, ModelRow, host_row, model_row
from ...console.stacks.model_products import product_of_command, product_of_image
from ...console.text import size
from .. import Check, compose
from ..compose import put_away
from .sizing_examples import EXAMPLES

ID = "host.sizing"
CLEARLY = 0.8
LIMIT_SHARE = 0.3
CHAT = 16
"""GB from which on a model's row is more than head room: an embedder loads in a fraction of what the guide says."""
OWN = ("m3e-large-api", "m3e", "baichuan2", "chatglm2", "bge-reranker")
LIVES = ("running", "restarting", "paused", "exited", "dead")


@dataclass(frozen=True)
class Lives:
    """One local model of the guide, and where it runs."""

    name: str
    """Of its container, or of the declared service."""
    row: ModelRow
    limit: int | None
    source: str


def examine(snapshot: Snapshot, settings: Settings) -> Iterator[Result]:
    """One result for the machine, and one for each limit that is too low."""
    models = tuple(_models(snapshot))
    row = _base(snapshot, settings)
    if row is None and not models:
        return
    low = [one for one in models if one.limit is not None and one.limit < LIMIT_SHARE * one.row.ram * GB]
    for one in low:
        yield _limited(one)
    wants = tuple(_wants(snapshot, row, models))
    if wants:
        yield _small(snapshot, row, models, wants)
    elif not low and _known(snapshot):
        title = "The machine has what the guides ask for"
        yield Result(ID, snapshot.host.name, "ok", title, evidence=_asked(row, models))
    elif not low and snapshot.system is not None:
        yield Result(
            ID, snapshot.host.name, "unknown", "Whether the machine is large enough cannot be told",
            because="neither its memory nor its cores are known", evidence=_asked(row, models),
        )  # fmt: skip


def _known(snapshot: Snapshot) -> bool:
    return (snapshot.system is not None and snapshot.system.memory_total is not None) or snapshot.host.cpus is not None


def _base(snapshot: Snapshot, settings: Settings) -> HostRow | None:
    """The line for FastGPT and its databases; None where there is no FastGPT."""
    there = any(service.role == "fastgpt" for service in snapshot.services)
    return host_row(settings.checks.vectors) if there else None


def _models(snapshot: Snapshot) -> Iterator[Lives]:
    """Local models of the guide that run, ran, or are declared and not started."""
    for container in snapshot.containers:
        row = _row(container.image, _words(container)) if container.state in LIVES and not put_away(container) else None
        if row is not None:
            yield Lives(container.name, row, container.memory_limit, f"docker inspect {container.name}")
    there = {(c.project, c.service) for c in snapshot.containers}
    for project in snapshot.projects:
        for service in project.services:
            if service.profiles or (project.name, service.name) in there:
                continue
            row = _row(service.image or "", _words(service))
            if row is not None:
                yield Lives(f"{project.name}/{service.name}", row, service.memory_limit, "compose files")


def _row(image: str, words: tuple[str, ...]) -> ModelRow | None:
    """The guide's figures, for its own servers: an engine that takes quantised files needs a fraction of them."""
    told = product_of_image(image)
    command = product_of_command(words)
    product = told or (command[0] if command else None)
    return model_row(image, words) if product is None or product in OWN else None


def _words(of: Container | ComposeService) -> tuple[str, ...]:
    return (*of.entrypoint, *of.command)


def _wants(snapshot: Snapshot, row: HostRow | None, models: tuple[Lives, ...]) -> Iterator[tuple[str, str, str]]:
    """What is too small: what, has, least."""
    needed = (row.ram if row else 0) + max((one.row.ram for one in models), default=0)
    total = snapshot.system.memory_total if snapshot.system else None
    if total is not None and total < CLEARLY * needed * GB:
        yield "memory", f"{total / GB:.1f} GB of memory", f"{needed:g} GB"
    cores = snapshot.host.cpus
    if row is not None and cores is not None and cores < row.cores:
        yield "cores", f"{cores} core{'s' if cores != 1 else ''}", str(row.cores)
    space = (row.disk or 0 if row else 0) + sum(one.row.disk for one in models)
    disk = _disk(snapshot)
    if disk is not None and disk.total is not None and disk.total < CLEARLY * space * GB:
        yield "disk", f"disks of {disk.total / GB:.0f} GB at the most", f"{space:g} GB"


def _disk(snapshot: Snapshot) -> Disk | None:
    """The largest of the file systems that matter: which of them holds a model's files is not known."""
    disks = [disk for disk in (snapshot.system.disks if snapshot.system else ()) if disk.total is not None]
    return max(disks, key=lambda disk: disk.total or 0, default=None)


def _small(
    snapshot: Snapshot, row: HostRow | None, models: tuple[Lives, ...], wants: tuple[tuple[str, str, str], ...]
) -> Result:
    said = " and ".join(f"{has}, the least is {least}" for _, has, least in wants)
    rows = [Evidence(what, f"{has}, the least is {least}", "the machine, and the guides") for what, has, least in wants]
    bad = any(one.row.ram >= CHAT for one in models) and any(what == "memory" for what, _, _ in wants)
    return compose.finding(
        ID, snapshot.host.name, wants[0][0], f"This machine has {said}", severity="warning" if bad else "info",
        because="That is clearly less than the guides ask for what is there. It may work, slowly, until it does not",
        evidence=(*rows, *_asked(row, models)), fix=FixSummary("manual", "a larger machine, or less on this one"),
    )  # fmt: skip


def _limited(one: Lives) -> Result:
    limit, needs = size(one.limit), f"{one.row.ram:g} GB"
    return compose.finding(
        ID, one.name, "limit", f"{one.name} may use {limit} of memory, and {one.row.name} needs up to {needs}",
        severity="warning",
        because="The kernel ends a container (exit code 137) whose model does not fit its limit while it is loaded",
        evidence=(Evidence("memory limit", limit, one.source),
                  Evidence(one.row.name, f"{needs} of main memory", "the guide for local models")),
        fix=FixSummary("manual", "raise the limit of the container"),
    )  # fmt: skip


def _asked(row: HostRow | None, models: tuple[Lives, ...]) -> tuple[Evidence, ...]:
    rows = [Evidence(f"{one.name} ({one.row.name})", f"{one.row.ram:g} GB of main memory, {one.row.disk:g} GB of disk",
                     "the guide for local models") for one in models]  # fmt: skip
    if row is not None:
        many = f"up to {row.vectors:,} vectors" if row.vectors else "a test"
        rows.insert(
            0, Evidence(f"FastGPT for {many}", f"{row.cores} cores, {row.ram:g} GB of memory", "the FastGPT guides")
        )
    return tuple(rows)


def plan(result: Result, snapshot: Snapshot, settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Says what helps. The machine and its limits are the operator's."""
    now = {one.subject: one for one in examine(snapshot, settings)}.get(result.subject)
    if now is None or now.form is None or now.form != result.form:
        return compose.manual(result, "There is nothing to repair any more.")
    if now.form == "limit":
        return compose.manual(
            result, "Raise mem_limit, or deploy.resources.limits.memory, of the service in the compose file.",
            "Then make the container anew: docker compose up -d",
        )  # fmt: skip
    row = _base(snapshot, settings)
    advised = f"The guides advise {row.advised_cores} cores and {row.advised_ram:g} GB of memory." if row else ""
    says = [advised] if advised else []
    if any(one.row.ram > (row.ram if row else 0) for one in _models(snapshot)):
        says.append("Move the local models to a machine of their own: FastGPT reaches them over the network.")
    if now.form == "memory":
        says.append("Swap bridges the moment in which a model is loaded; it makes databases slow when they need it.")
    return compose.manual(result, *says, "Nothing is changed by a key.")


CHECK = Check(
    id=ID, title="The machine is large enough", severity="warning", doc=__doc__ or "", examine=examine, plan=plan,
    examples=EXAMPLES,
)  # fmt: skip
