"""LiteLLM's proxy: alive, ready, and which names it offers.

Never ``/health``, which calls every model there is, and never ``/health/drain``.
fact: litellm 1.109 (proxy/health_endpoints)
"""

from __future__ import annotations

from ...text import N_
from ..descriptor import Descriptor, ModelServer, ReaderContext, Reading, Recognised, ServerVerdict, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer

ALIVE = "I'm alive!"


def is_alive(answer: ServerAnswer | None) -> bool:
    """The words of ``/health/liveliness``."""
    return answer is not None and answer.ok and answer.words.strip('" ') == ALIVE


def speaks(first: ServerAnswer) -> bool:
    """Whether an answer sounds like it."""
    return any(name.startswith("x-litellm-") for name in first.headers) or "Authentication Error, " in first.words


async def sign(ask: Ask) -> Recognised | None:
    """By its words for being alive."""
    alive = is_alive(await ask.answer("/health/liveliness"))
    return Recognised("litellm", (f'GET /health/liveliness: "{ALIVE}"',)) if alive else None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """``/health/liveliness`` each time; readiness and names when due."""
    if not is_alive(answer):
        return False
    if look.lists_due:
        ready = await ask.answer("/health/readiness")
        if ready is not None:
            _ready(reading, ready)
        if _refuses(await ask.answer("/v1/models")):
            ask.refuse("/v1/models")
        reading.models = await replies.models(ask)
    return True


def _refuses(answer: ServerAnswer | None) -> bool:
    """A key that is not its master key, which it cannot look up without a database: 400, or 500 in older releases.

    fact: litellm 1.109 proxy/auth/user_api_key_auth.py, ``no_db_connection``
    """
    error = decoding.member(answer.json() if answer is not None and not answer.ok else None, "error")
    kind, text = decoding.member(error, "type"), decoding.member(error, "message")
    told = ("no_db_connection", "auth_error", "token_not_found_in_db", "expired_key", "key_model_access_denied")
    return kind in told or "Authentication Error" in str(text or "") or "No connected db" in str(text or "")


def _ready(reading: Reading, ready: ServerAnswer) -> None:
    raw = ready.json()
    reading.version = decoding.name(decoding.member(raw, "litellm_version"), 60)
    if ready.status == 503 or decoding.member(raw, "db") == "disconnected":
        reading.says(
            ServerVerdict("up", N_("alive, but not ready: its database does not answer"), N_("look at its database"))
        )


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="litellm litellm-database litellm-non_root",
        programs=("litellm",),
        server=ModelServer(
            product="litellm",
            image=r"litellm(?:[-_]\w+)*",
            command=r"(?:^|[\s/])litellm\b",
            port=4000,
            key_variables=("LITELLM_MASTER_KEY",),
            allowed=paths("/health/liveliness /health/readiness", keyed="/v1/models"),
            alive="/health/liveliness",
            read=read,
            sign=sign,
            sign_paths=paths("/health/liveliness"),
            sign_after={"list": 6, "wall": 4, "other": 7},
            speaks=speaks,
            shut=(401, 403),
        ),
    ),
)
