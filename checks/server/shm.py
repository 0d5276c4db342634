"""A model server ends because the shared memory that Docker gives it, 64 MiB, is used up.

What it does
    Looks through the last lines of containers that are not well for what PyTorch and NCCL say when /dev/shm is full.
    Before anything runs, finds model servers that are to work on several GPUs (tensor parallel, several devices) and
    have neither shm_size nor ipc: host nor a mount at /dev/shm.

Why it matters
    A model over several cards, or a loader with several workers, passes tensors through /dev/shm. Docker gives 64 MiB
    unless it is told otherwise, and the message speaks of a bus error.

Fix
    Writes shm_size: 8g for that one service into the override file and recreates it; a service that has yet to be
    started gets the line only. Where the files give it as much already, or the machine's (ipc: host), it is told.

Sources
    xorbitsai/inference issue 1622, vLLM issue 1710 and its documentation on Docker; PyTorch's note on shared memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...console.fix.steps import SetServiceKeys
from ...console.model import ComposeService
from ...console.products.gpu_grants import grant_of_service, several
from ...console.products.model_users import product_of_command, product_of_image
from ...console.products.registry import SERVERS
from ...console.products.server_logs import SHM
from ...console.products.services import role_of_declaration
from ...console.text import _
from ...console.text.cleaning import size
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..compose import Placed, edit_override, everybody, left_so, place_of, refusal
from ..gpu.common import last_cause
from ..subjects import lives

FULL = Form(
    "full",
    "{subject} ends for want of shared memory (/dev/shm)",
    "Docker gives a container 64 MiB of it unless shm_size says otherwise; models over several cards need gigabytes",
    "give it shm_size: 8g and recreate it",
)
FULL_BY_HAND = replace(
    FULL, variant="by-hand", fix="give it more of it, and make it anew",
    advice="In its compose file, beside image: add shm_size: 8g (or ipc: host).\n"
    "For docker run: --shm-size 8g (or --ipc host).\n"
    "Then make it anew; a restart keeps the old size.\n"
    "With ipc: host it is the machine's own /dev/shm that is full: df -h /dev/shm",
)  # fmt: skip
SMALL = replace(
    FULL, id="small", severity="warning",
    title="{subject} works on several GPUs ({how}) with the {size} of shared memory (/dev/shm) that it is given",
    because="Its processes, one for each GPU, pass tensors to each other through /dev/shm. With so little they end by"
    " a bus error, or a model does not load",
)  # fmt: skip
SMALL_BY_HAND = replace(SMALL, variant="by-hand", fix=FULL_BY_HAND.fix, advice=FULL_BY_HAND.advice)
DOCKERS, LITTLE, ENOUGH = 64 << 20, 256 << 20, 8 << 30
"""Bytes that Docker gives, from which on it may do, and that are written; upstream asks for 1 GiB or more."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container whose last words say so, and each service that has yet to be started with too little."""
    for life in lives(snapshot):
        if not life.last_words or life.put_to_rest:
            continue
        cause = last_cause(snapshot, life.container, SHM)
        if cause is None:
            yield Fine(life.name, _("{life} says nothing of shared memory that is used up", life=life.name))
        else:
            rows = (Evidence("log", cause.text, f"docker logs {life.name}"),)
            place = place_of(snapshot, life.container)
            yield Case(life.name, FULL_BY_HAND if _refusal(place) else FULL, place, rows)
    for place in everybody(snapshot):
        if place.container is None and place.declared is not None:
            yield from _expected(place, place.declared)


def _expected(place: Placed, declared: ComposeService) -> Iterator[Found]:
    """What will become of a service that nobody has started yet."""
    many = several(place.words, declared.env, grant_of_service(declared))
    if many is None or role_of_declaration(declared) != "model_server" or declared.shared_memory == 0:
        return
    product = product_of_image(declared.image or "") or (product_of_command(place.words) or (None,))[0]
    if not many.told and not (product and SERVERS[product].shares_memory):
        return
    if declared.shared_memory is not None and declared.shared_memory >= LITTLE:
        yield Fine(
            place.subject,
            _(
                "{place} is given {shared_memory} of shared memory",
                place=place.subject,
                shared_memory=size(declared.shared_memory),
            ),
        )
    else:
        rows = (Evidence(_("several GPUs"), many.words, _("compose files")),)
        words = {"how": many.words, "size": size(declared.shared_memory or DOCKERS)}
        yield Case(place.subject, SMALL_BY_HAND if _refusal(place) else SMALL, place, rows, words)


def _refusal(place: Placed) -> str | None:
    """Why it is left to a person."""
    given = place.declared.shared_memory if place.declared else None
    if given is not None and (given == 0 or given >= ENOUGH):
        return _("Its files give it as much already, or the machine's own.")
    return refusal(place)


def plan(case: Case[Placed], _answers: Answers) -> Plan:
    """One line in the override, then the service anew."""
    place, why = case.facts, _refusal(case.facts)
    if why is not None:
        return manual(why, *case.advice)
    becomes = left_so(place) or _(
        "{place} is recreated, and needs its usual time to load the model.", place=place.subject
    )
    return edit_override(
        place, SetServiceKeys(place.service or "", shm_size="8g"),
        "8 GiB is a bound: memory is taken from the machine only as far as it is used.",
        becomes if place.container else _("Nothing of {place} runs yet: only a file is written.", place=place.subject),
        settle=15.0,
    )  # fmt: skip


CHECK = Check(
    "server.shm", "Model servers have the shared memory that they need", __doc__ or "",
    (FULL, FULL_BY_HAND, SMALL, SMALL_BY_HAND), find, plan,
    reads=("containers", "projects", "services", "servers", "log_marks", "last_words"),
)  # fmt: skip
