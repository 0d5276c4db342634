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
    2024-03, as data in this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import Struct

from ...console.products.model_users import product_of_command, product_of_image
from ...console.text import _
from ...console.text.cleaning import size
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual
from ..compose import everybody, put_away
from ..server.companion import PRODUCTS

GB = 10**9
"""Sizes are decimal gigabytes, as the guides mean them."""


class HostRow(Struct, frozen=True):
    """One line of the table for FastGPT with pgvector, single node."""

    vectors: int
    """Up to so many; 0 for a test."""
    cores: int
    ram: float
    disk: float | None
    advised_cores: int
    advised_ram: float


HOST: tuple[HostRow, ...] = (
    HostRow(0, 2, 2, None, 2, 4),
    HostRow(1_000_000, 4, 8, 50, 4, 16),
    HostRow(5_000_000, 8, 32, 200, 16, 64),
)
"""From the FastGPT deployment guides of 2024; the 200 GB are of one of them only."""


class ModelRow(Struct, frozen=True):
    """Main memory and disk that the guide of 2024-03 asks for one local model, whatever its precision."""

    name: str
    pattern: str
    """Looked for in the image and the command, in lower case."""
    ram: float
    disk: float


MODELS: tuple[ModelRow, ...] = (
    ModelRow("Baichuan2-13B-Chat", r"baichuan2?-?13b", 32, 50),
    ModelRow("Baichuan2-7B-Chat", r"baichuan2?-?7b", 16, 25),
    ModelRow("ChatGLM2-6B", r"chatglm[23]?-?6b", 16, 25),
    ModelRow("M3E-large", r"m3e-large", 8, 10),
    ModelRow("bge-reranker-base", r"bge-rerank(?:er)?-base", 4, 8),
)


def host_row(vectors: int | None) -> HostRow:
    """The line for so many vectors; that of a test where nobody knows, the last one for more than the table has."""
    return next((row for row in HOST if row.vectors >= (vectors or 0)), HOST[-1])


def model_row(image: str, words: Sequence[str] = ()) -> ModelRow | None:
    """The model in an image, or named on a command line; None for one that no guide speaks of."""
    text = " ".join((image, *words)).lower().replace("_", "-")
    return next((row for row in MODELS if re.search(row.pattern, text)), None)


CLEARLY = 0.8
LIMIT_SHARE = 0.3
CHAT = 16
"""GB from which on a model's row is more than head room: an embedder loads in a fraction of what the guide says."""
LIVES = ("running", "restarting", "paused", "exited", "dead")
SMALL = {
    what: Form(
        what,
        "This machine has {said}",
        "That is clearly less than the guides ask for what is there. It may work, slowly, until it does not",
        "a larger machine, or less on this one",
        "info",
    )
    for what in ("memory", "cores", "disk")
}
LIMIT = Form(
    "limit",
    "{subject} may use {limit} of memory, and {model} needs up to {needs}",
    "The kernel ends a container (exit code 137) whose model does not fit its limit while it is loaded",
    "raise the limit of the container",
    "warning",
    advice="Raise mem_limit, or deploy.resources.limits.memory, of the service in the compose file.\n"
    "Then make the container anew: docker compose up -d",
)


@dataclass(frozen=True)
class Lives:
    """One local model of the guide, and where it runs."""

    name: str
    """Of its container, or of the declared service."""
    row: ModelRow
    limit: int | None
    source: str


@dataclass(frozen=True)
class Needs:
    """What is there that needs room."""

    base: HostRow | None
    """The line for FastGPT and its databases; None where there is no FastGPT."""
    models: tuple[Lives, ...]


def find(snapshot: Snapshot, settings: Settings) -> Iterator[Found]:
    """The machine, and each limit that is too low."""
    fastgpt = any(service.role == "fastgpt" for service in snapshot.services)
    needs = Needs(host_row(settings.checks.vectors) if fastgpt else None, tuple(_models(snapshot)))
    if needs.base is None and not needs.models:
        return
    low = [one for one in needs.models if one.limit is not None and one.limit < LIMIT_SHARE * one.row.ram * GB]
    for one in low:
        yield _limited(one, needs)
    name, wants, asked = snapshot.host.name, tuple(_wants(snapshot, needs)), tuple(_asked(needs))
    if wants:
        yield _small(name, needs, wants)
    elif low:
        return
    elif snapshot.host.cpus is not None or (snapshot.system and snapshot.system.memory_total is not None):
        yield Fine(name, _("The machine has what the guides ask for"), asked)
    elif snapshot.system is not None:
        title = _("Whether the machine is large enough cannot be told")
        yield Unknown(name, title, _("neither its memory nor its cores are known"), asked)


def _models(snapshot: Snapshot) -> Iterator[Lives]:
    """Local models of the guide that run, ran, or are declared and not started."""
    for place in everybody(snapshot):
        container, told = place.container, place.told_by
        if container is not None and (container.state not in LIVES or put_away(container)):
            continue
        row = _row(place.image or "", place.words)
        if row is not None and told is not None:
            yield Lives(place.subject, row, told.memory_limit, place.source)


def _row(image: str, words: tuple[str, ...]) -> ModelRow | None:
    """The guide's figures, for its own servers: an engine that takes quantised files needs a fraction of them."""
    told = product_of_image(image)
    command = product_of_command(words)
    product = told or (command[0] if command else None)
    return model_row(image, words) if product is None or product in PRODUCTS else None


def _wants(snapshot: Snapshot, needs: Needs) -> Iterator[tuple[str, str]]:
    """What is too small: what, and how much of it there is and should be."""
    row, models = needs.base, needs.models
    needed = (row.ram if row else 0) + max((one.row.ram for one in models), default=0)
    total = snapshot.system.memory_total if snapshot.system else None
    if total is not None and total < CLEARLY * needed * GB:
        yield "memory", _("{total:.1f} GB of memory, the least is {needed:g} GB", total=total / GB, needed=needed)
    cores = snapshot.host.cpus
    if row is not None and cores is not None and cores < row.cores:
        yield (
            "cores",
            _("{cores} core{s}, the least is {cores2}", cores=cores, s="s" if cores != 1 else "", cores2=row.cores),
        )
    space = (row.disk or 0 if row else 0) + sum(one.row.disk for one in models)
    # the largest one: which of the file systems holds a model's files is not known
    disk = max((one.total or 0 for one in (snapshot.system.disks if snapshot.system else ())), default=0)
    if 0 < disk < CLEARLY * space * GB:
        yield "disk", _("disks of {disk:.0f} GB at the most, the least is {space:g} GB", disk=disk / GB, space=space)


def _small(name: str, needs: Needs, wants: tuple[tuple[str, str], ...]) -> Case[Needs]:
    rows = [Evidence(what, said, _("the machine, and the guides")) for what, said in wants]
    bad = any(one.row.ram >= CHAT for one in needs.models) and "memory" in dict(wants)
    return Case(
        name, SMALL[wants[0][0]], needs, (*rows, *_asked(needs)), {"said": _(" and ").join(said for _, said in wants)},
        "warning" if bad else "info",
    )  # fmt: skip


def _limited(one: Lives, needs: Needs) -> Case[Needs]:
    words = {"limit": size(one.limit), "model": one.row.name, "needs": f"{one.row.ram:g} GB"}
    rows = (
        Evidence(_("memory limit"), words["limit"], one.source),
        Evidence(one.row.name, _("{needs} of main memory", needs=words["needs"]), _("the guide for local models")),
    )
    return Case(one.name, LIMIT, needs, rows, words)


def _asked(needs: Needs) -> Iterator[Evidence]:
    row = needs.base
    if row is not None:
        many = _("up to {vectors:,} vectors", vectors=row.vectors) if row.vectors else "a test"
        yield Evidence(
            _("FastGPT for {many}", many=many),
            _("{cores} cores, {ram:g} GB of memory", cores=row.cores, ram=row.ram),
            _("the FastGPT guides"),
        )
    for one in needs.models:
        value = _("{ram:g} GB of main memory, {disk:g} GB of disk", ram=one.row.ram, disk=one.row.disk)
        yield Evidence(f"{one.name} ({one.row.name})", value, _("the guide for local models"))


def plan(case: Case[Needs], _answers: Answers) -> Plan:
    """Says what helps. The machine and its limits are the operator's."""
    if case.form is LIMIT:
        return manual(*case.advice)
    row, says = case.facts.base, []
    if row:
        says.append(
            _(
                "The guides advise {advised_cores} cores and {advised_ram:g} GB of memory.",
                advised_cores=row.advised_cores,
                advised_ram=row.advised_ram,
            )
        )
    if any(one.row.ram > (row.ram if row else 0) for one in case.facts.models):
        says.append(_("Move the local models to a machine of their own: FastGPT reaches them over the network."))
    if case.form.id == "memory":
        says.append(_("Swap bridges the moment in which a model is loaded; it makes databases slow when they need it."))
    return manual(*says, _("Nothing is changed by a key."))


CHECK = Check(
    "host.sizing", "The machine is large enough", __doc__ or "", (*SMALL.values(), LIMIT), find, plan,
    reads=("host", "containers", "projects", "services", "system"),
)  # fmt: skip
