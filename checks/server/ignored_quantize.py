"""QUANTIZE_BIT does nothing: the model was loaded in full, and needs more memory than was planned for.

What it does
    Looks at the Baichuan2 and ChatGLM2 servers of FastGPT's distributed guide that are given QUANTIZE_BIT=4 or 8, and
    at the GPU memory that their processes hold.

Why it matters
    The scripts compare the variable, a text, with numbers, so that it never takes effect: the model is loaded in fp16.
    The guide's rows for int8 and int4 (9 GB and 6 GB for the 7B model) cannot be reached; it takes about 16 GB, and the
    next model on the card does not fit, for reasons that nothing explains.

Fix
    Only explained: the script has to be changed. Or take a card with the room, or a server that loads quantised files.

Sources
    The guide's scripts, read and run; its table of requirements. Weights: 14.0, 25.9 and 11.6 GiB in fp16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ...console.text import _
from ...console.text.cleaning import size
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from .companion import Companion, companions

VARIABLE = "QUANTIZE_BIT"
GIB = 1 << 30
_WEIGHTS: tuple[tuple[str, str, float], ...] = (
    ("chatglm2", "", 11.6), ("baichuan2", "13b", 25.9), ("baichuan2", "7b", 14.0),
)  # fmt: skip
"""Product, what its image's name has, GiB of the weights in fp16: two bytes for each parameter of their config.json."""
_BECAUSE = (
    f"The script compares {VARIABLE}, which is a text, with the numbers 4 and 8, so the model is always loaded in fp16"
)
FP16 = Form(
    "fp16", f"{VARIABLE}={{bits}} of {{subject}} has no effect", f"{_BECAUSE}.",
    "make the script read it as a number, or plan for fp16", "warning",
)  # fmt: skip
HELD = replace(FP16, because=_BECAUSE + ": it holds {held}.", variant="held")


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each chat model of the guide."""
    for companion in companions(snapshot):
        if companion.product in ("baichuan2", "chatglm2"):
            yield _judge(companion, snapshot)


def _judge(companion: Companion, snapshot: Snapshot) -> Found:
    name, bits = companion.name, companion.env.get(VARIABLE, "").strip()
    if bits not in ("4", "8"):
        return Fine(name, _("{name} is not asked to quantise its model", name=name))
    held, full = _held(companion, snapshot), _full(companion)
    if held is not None and full is not None and held < 0.85 * full:
        return Fine(
            name,
            _(
                "{name} holds {held}, less than the model takes in full: the script is patched",
                name=name,
                held=size(held),
            ),
        )
    rows = [Evidence(VARIABLE, bits, companion.place.source)]
    if held is not None:
        rows.append(Evidence(_("GPU memory held"), size(held), _("GPU driver")))
    if full is not None:
        rows.append(
            Evidence(
                _("weights in fp16"), _("{full} and more with its cache", full=size(full)), _("parameters of the model")
            )
        )
    words = {"bits": bits, "held": size(held)}
    return Case(name, FP16 if held is None else HELD, None, tuple(rows), words)


def _held(companion: Companion, snapshot: Snapshot) -> int | None:
    """Bytes that the container's processes hold on all GPUs; None when nothing is known of any."""
    container = companion.place.container
    own = [p.memory for p in snapshot.gpu_processes if container and p.container == container.id]
    known = [memory for memory in own if memory is not None]
    return sum(known) if known and len(known) == len(own) else None


def _full(companion: Companion) -> int | None:
    words = companion.image.lower()
    for product, mark, gib in _WEIGHTS:
        if companion.product == product and (not mark or re.search(rf"[-_.]{mark}\b", words)):
            return int(gib * GIB)
    return None


def plan(_case: Case[None], _answers: Answers) -> Plan:
    """Words only: the script is not ours to change."""
    return manual(
        _(
            'In its script, read the variable as a number, int(os.environ.get("{variable}", "16")), and make the '
            "image anew, or mount the changed script over the one in the image.",
            variable=VARIABLE,
        ),
        _("Without that, count on fp16: about 16 GB for Baichuan2-7B and ChatGLM2-6B, 28 GB for Baichuan2-13B."),
        _(
            "A server that loads files quantised already (Ollama, llama.cpp, vLLM with AWQ) needs no such switch.",
        ),
    )


CHECK = Check(
    "server.ignored-quantize", "Quantisation that was asked for takes effect", __doc__ or "", (FP16, HELD), find, plan,
    reads=("containers", "projects", "services", "gpu_processes", "servers"),
)  # fmt: skip
