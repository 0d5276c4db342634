"""One API, New API and AI Proxy: gateways to model servers. Their status asks no database, their list no model.

Never a channel test: that is a real conversation with a model.
fact: songquanpeng/one-api controller/misc.go, QuantumNous/new-api controller/misc.go, labring/aiproxy
"""

from __future__ import annotations

from typing import Literal

from ...text import N_
from ..descriptor import Descriptor, ModelServer, ReaderContext, Reading, Recognised, ServerVerdict, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer

Which = Literal["oneapi", "newapi", "aiproxy"]
NEW = frozenset({"quota_display_type", "self_use_mode_enabled", "HeaderNavModules", "setup"})
"""What New API's status has and One API's has not."""


def speaks(first: ServerAnswer) -> bool:
    """Whether an answer sounds like one of them."""
    kind = decoding.member(decoding.member(first.json(), "error"), "type")
    return "x-oneapi-request-id" in first.headers or kind in ("one_api_error", "new_api_error", "aiproxy_error")


async def sign(ask: Ask) -> Recognised | None:
    """Each by its status."""
    which = which_of(await ask.json("/api/status"))
    return Recognised(which, ("GET /api/status: as it answers",)) if which else None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """``/api/status`` each time, the names a key may use when due."""
    if answer.status == 429:
        reading.says(
            ServerVerdict("up", N_("has had too many requests from here (429)"), N_("nothing: it is asked again later"))
        )
        return True
    if which_of(answer.json() if answer.ok else None) is None:
        return False
    version = decoding.member(decoding.member(answer.json(), "data"), "version")
    reading.version = decoding.name(version, 60)
    if look.lists_due:
        found = await ask.answer("/v1/models")
        if found is not None and refused_with_200(found):
            ask.refuse("/v1/models")
        models = replies.cards(found)
        reading.models = None if models is None else replies.served(models)
    return True


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


def refused_with_200(answer: ServerAnswer) -> bool:
    """How One APIs refused a key before they said 401."""
    error = decoding.member(answer.json() if answer.ok else None, "error")
    return bool(decoding.member(error, "type") == "one_api_error")


def _server(product: Which, image: str, command: str, *, key: str | None = None) -> ModelServer:
    return ModelServer(
        product=product,
        image=image,
        command=command,
        port=3000,
        keyless=key is None,
        key_variables=(key,) if key else (),
        allowed=paths("/api/status", keyed="/v1/models"),
        alive="/api/status",
        read=read,
        sign=sign,
        sign_paths=paths("/api/status"),
        sign_after={"list": 1, "wall": 3, "page": 1, "other": 6},
        speaks=speaks,
        shut=(401, 403),
    )


DESCRIPTORS = (
    Descriptor(
        role="oneapi",
        images="new-api",
        programs=("new-api",),
        server=_server("newapi", "new-api", r"(?:^|[\s/])new-api\b"),
    ),
    Descriptor(
        role="oneapi",
        images="one-api oneapi one-api-en one-hub",
        names="oneapi one-api",
        programs=("one-api",),
        server=_server("oneapi", "one-api(?:-en)?|oneapi|one-hub", r"(?:^|[\s/])one-api\b"),
    ),
    Descriptor(
        role="aiproxy",
        images="aiproxy sealos-aiproxy-service",
        names="aiproxy fastgpt-aiproxy",
        programs=("aiproxy",),
        server=_server("aiproxy", "aiproxy|sealos-aiproxy-service", r"(?:^|[\s/])aiproxy\b", key="ADMIN_KEY"),
    ),
)
