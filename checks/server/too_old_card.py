"""A model server ends because its image, or its precision, is for another kind of card.

What it does
    Looks through the last lines of containers that are not well for what text-embeddings-inference, vLLM and PyTorch
    say of a card's compute capability, or of a driver that is older than the image's CUDA.

Why it matters
    Images are built for certain cards. The message stands once in a log of hundreds of lines, and the container is
    started again for ever.

Fix
    Explained: which tag, flag or driver fits. No image is pulled here.

Sources
    text-embeddings-inference issues 30, 137 and 806 and its table of tags; vLLM's checks of bfloat16; PyTorch's
    messages on CUDA drivers; NVIDIA's table of compute capabilities.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...console.model import LogMark
from ...console.products.server_logs import OLD_CARD, OLD_DRIVER
from ...console.text import N_, _
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, by_hand
from ..gpu.common import last_cause
from ..subjects import Life, lives

_CARD = re.compile(
    r"(?:GPU has compute capability|[Rr]untime compute cap|Current capability:|capability detected:) ?([\d.]+)"
)
_WANTED = re.compile(r"(?:compile time compute cap|capability of at least|[Mm]in(?:imum)? capability:) ?([\d.]+)")
_NAMED = re.compile(r"Your (.{2,60}?) GPU has compute capability")
_FOUND = re.compile(r"found version (\d{4,6})")
OLDEST = 75
"""The lowest compute capability that any tag is built for."""
TAGS = {
    "75": "turing-", "80": N_("without a prefix (Ampere 80: A100)"), "86": "86- (A10, A40, RTX 30)",
    "89": "89- (RTX 40, L4, L40)", "90": "hopper- (H100)", "120": N_("120- (RTX 50, from 1.8 on)"),
}  # fmt: skip
"""Tags of text-embeddings-inference by compute capability."""

IMAGE = Form(
    "image", "{subject} is built for another card: it wants compute capability {wanted}, this card has {card}",
    "Each tag of this image is built for one compute capability", "use the tag that fits the card",
    advice="Cards of {card}: the tag {tag}. Any machine: the tag cpu-, which is slower.\n"
    "Write it into the compose file, then: docker compose up -d",
)  # fmt: skip
PRECISION = Form(
    "precision", "{subject} wants bfloat16, for which the card ({card}) is too old",
    "bfloat16 needs compute capability {wanted} or later", "start it with half precision",
    advice="Add --dtype=half (or --dtype float16) to its command, then make it anew.",
)  # fmt: skip
KERNEL = Form(
    "kernel", "{subject} has no code for this card",
    "The image's PyTorch or CUDA was built without this card's compute capability", "use an image for this card",
    advice="Use an older or newer image of it that names this kind of card, or run it on another card.",
)  # fmt: skip
DRIVER = Form(
    "driver", "The NVIDIA driver is too old for {subject}{found}",
    "The image brings a newer CUDA than the driver of this machine can run", "update the driver, or use an older image",
    advice="Update the NVIDIA driver of the machine (a reboot follows), or use a tag of it with an older CUDA.",
)  # fmt: skip
QUANTIZATION = Form(
    "quantization", "{subject} wants a quantisation for which the card is too old",
    "It needs compute capability {wanted} or later, and this card has {card}", "use a model of another quantisation",
    advice="Use GPTQ or AWQ where the model is FP8, or the model without quantisation, or run it on a newer card.",
)  # fmt: skip
FORMS = {
    f"{OLD_CARD}image": IMAGE, f"{OLD_CARD}precision": PRECISION, f"{OLD_CARD}quantization": QUANTIZATION,
    f"{OLD_CARD}kernel": KERNEL, f"{OLD_DRIVER}cuda": DRIVER,
}  # fmt: skip
"""By the mark of the line."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container whose last run says so."""
    for life in lives(snapshot):
        if not life.last_words or life.put_to_rest:
            continue
        cause = last_cause(snapshot, life.container, *FORMS)
        if cause is None:
            yield Fine(life.name, _("{life} says nothing of a card or a driver that is too old", life=life.name))
            continue
        yield Case(life.name, FORMS[cause.mark], life, (_row(life, cause),), _words(cause.text))


def _row(life: Life, cause: LogMark) -> Evidence:
    return Evidence("log", cause.text, f"docker logs {life.name}")


def _words(text: str) -> dict[str, str]:
    """What the line tells of the card, of what is wanted, and of the driver."""
    card, wanted = (match[1].strip(".") if (match := sign.search(text)) else "" for sign in (_CARD, _WANTED))
    name, driver = _NAMED.search(text), _FOUND.search(text)
    cuda = (
        _(
            " (it supports CUDA {driver}.{driver2})",
            driver=int(driver[1]) // 1000,
            driver2=int(driver[1]) % 1000 // 10,
        )
        if driver
        else ""
    )
    tag = TAGS.get(
        card, _("of no kind: it is too old") if card and int(card.replace(".", "")) < OLDEST else _("of no kind")
    )
    return {
        "card": f"{name[1]}, {_dotted(card)}" if name and card else _dotted(card) or "less",
        "wanted": _dotted(wanted) or _("a later one"), "tag": tag, "found": cuda,
    }  # fmt: skip


def _dotted(number: str) -> str:
    return f"{number[:-1]}.{number[-1]}" if number.isdecimal() and len(number) in (2, 3) else number


CHECK = Check(
    "server.too-old-card", "Model servers fit the card and the driver", __doc__ or "",
    tuple(FORMS.values()), find, by_hand, reads=("containers", "services", "servers", "log_marks", "last_words"),
)  # fmt: skip
