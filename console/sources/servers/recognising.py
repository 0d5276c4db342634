"""Who answers at an address: the first answer, then the signs of those who could have given it, the likeliest first.

Everything asked here is on ``allowed.RECOGNISING``. What image or command say decides the order, and the name of who
shuts the door to everybody; it is never believed of somebody who answers as another.
"""

from __future__ import annotations

from ...model import Product
from . import signs
from .asking import Answer, Ask
from .candidate import Candidate
from .lists import cards
from .signs import Found, Kind, Sign

BY_PRODUCT: dict[Product, Sign] = {
    "sglang": signs.sglang, "vllm": signs.walled, "localai": signs.local_ai, "ollama": signs.ollama,
    "tgi": signs.huggingfaces, "tei": signs.huggingfaces, "lmstudio": signs.studio, "oneapi": signs.gateway,
    "newapi": signs.gateway, "aiproxy": signs.gateway, "litellm": signs.lite, "infinity": signs.infinity,
    "xinference": signs.xinference, "tabbyapi": signs.tabby, "m3e-large-api": signs.scripts, "m3e": signs.scripts,
    "baichuan2": signs.scripts, "chatglm2": signs.scripts, "bge-reranker": signs.scripts,
}  # fmt: skip

LIKELY: dict[Kind, tuple[Sign, ...]] = {
    "list": (
        signs.gateway, signs.local_ai, signs.ollama, signs.huggingfaces, signs.studio, signs.lite, signs.xinference,
        signs.tabby,
    ),
    "wall": (
        signs.walled, signs.tabby, signs.gateway, signs.lite, signs.xinference, signs.local_ai, signs.sglang,
        signs.infinity, signs.scripts,
    ),
    "page": (signs.gateway,),
    "broken": (signs.scripts, signs.huggingfaces, signs.xinference),
    "other": (
        signs.scripts, signs.huggingfaces, signs.infinity, signs.xinference, signs.ollama, signs.gateway, signs.lite,
        signs.studio, signs.local_ai,
    ),
}  # fmt: skip
"""Who could have given such a first answer."""

WALLS: frozenset[Product] = frozenset({
    "vllm", "sglang", "tei", "tgi", "localai", "xinference", "fastchat", "litellm", "oneapi", "newapi", "aiproxy",
    "infinity", "tabbyapi", "lmstudio",
})  # fmt: skip
"""Who may shut everything behind a key, so that image and refusal together have to do."""


SHUT = "shut to everybody"
"""Evidence of one whom only his image names: nothing but the list is asked of him, as he may be another after all."""


async def recognise(ask: Ask, candidate: Candidate, likely: Product | None) -> Found | None:
    """Who it is; None when nothing at all came back. ``likely`` is who it was at the last look."""
    first = await ask.answer("/v1/models")
    if first is None:
        return None
    listed = cards(first)
    found = signs.at_once(first, listed)
    if found is None and not first.cut:  # no list of models is as long as that: whoever it is, he is left alone
        for sign in _order(first, signs.kind_of(first, listed), likely, candidate.hint):
            found = await sign(ask, candidate, listed or [])
            if found is not None:
                break
    found = found or _unnamed(first, listed is not None, candidate)
    if candidate.hint == found.product and candidate.hint_reason and candidate.hint_reason not in found.evidence:
        found = Found(found.product, (*found.evidence, candidate.hint_reason))
    return found


def _order(first: Answer, kind: Kind, *likely: Product | None) -> tuple[Sign, ...]:
    """Signs in the order they are looked for: words in the answer, what it was, what the image says, the rest."""
    told = [signs.gateway] if signs.is_gateway(first) else [signs.lite] if signs.is_litellm(first) else []
    known = [BY_PRODUCT[one] for one in likely if one in BY_PRODUCT]
    if signs.sglang in known or signs.local_ai in known:  # those who imitate others come before them anyway
        known = [sign for sign in known if sign is not signs.ollama]
    elif signs.ollama in known:
        known = [signs.local_ai, *known]
    return tuple(dict.fromkeys((*told, *known, *LIKELY[kind])))


def _unnamed(first: Answer, listed: bool, candidate: Candidate) -> Found:
    evidence = (f"{signs.LISTED}: {first.status}",)
    if listed:
        return Found("openai-compatible", (f"{signs.LISTED}: a list of models",))
    if (first.refused and candidate.hint in WALLS) or (first.status == 403 and candidate.hint == "ollama"):
        return Found(candidate.hint, (f"{SHUT} ({signs.LISTED}: {first.status})",))
    return Found("unknown", evidence)
