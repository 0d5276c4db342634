"""One API, New API and AI Proxy: gateways to model servers. Their status asks no database, their list no model.

Never a channel test: that is a real conversation with a model. fact: fastgpt-stack 5, 6; gpu-model-servers 4.2
"""

from __future__ import annotations

from typing import Literal

from ...model import Product
from . import decoding, lists
from .asking import Answer, Ask
from .reading import Look, Reading, Verdict, health

Which = Literal["oneapi", "newapi", "aiproxy"]
NEW = frozenset({"quota_display_type", "self_use_mode_enabled", "HeaderNavModules", "setup"})
"""What New API's status has and One API's has not."""


async def read(ask: Ask, look: Look) -> Reading:
    """``/api/status`` each time, the names a key may use when due."""
    product: Product = ask.product or "oneapi"
    reading, answer = await health(ask, "/api/status", product, look)
    if answer is None:
        return reading
    if answer.status == 429:
        return reading.says(
            Verdict("up", "has had too many requests from here (429)", "nothing: it is asked again later")
        )
    if which_of(answer.json() if answer.ok else None) is None:
        reading.mistaken = True
        return reading
    version = decoding.member(decoding.member(answer.json(), "data"), "version")
    reading.version = decoding.name(version, 60)
    if look.lists_due:
        found = await ask.answer("/v1/models")
        if found is not None and refused_with_200(found):
            ask.refuse("/v1/models")
        models = lists.cards(found)
        reading.models = None if models is None else lists.served(models)
    return reading


def which_of(raw: object) -> Which | None:
    """Whose ``/api/status`` that is; None for anything else."""
    data = decoding.member(raw, "data")
    if decoding.member(raw, "success") is not True or not isinstance(data, dict):
        return None
    if "startTime" in data:
        return "aiproxy"
    if "start_time" not in data or not isinstance(data.get("version"), str):
        return None
    return "newapi" if NEW & set(data) else "oneapi"


def refused_with_200(answer: Answer) -> bool:
    """How One APIs refused a key before they said 401."""
    error = decoding.member(answer.json() if answer.ok else None, "error")
    return bool(decoding.member(error, "type") == "one_api_error")
