"""FastGPT has settings of two gateways: one of them does nothing, or the key of one goes to the other.

What it does
    Applies FastGPT's own precedence, in which address and key are chosen apart: AIPROXY_API_ENDPOINT beats
    OPENAI_BASE_URL, and ONEAPI_URL beats it from v4.7 to v4.8.19; AIPROXY_API_TOKEN beats CHAT_API_KEY whether its
    endpoint is set or not.

Why it matters
    People change OPENAI_BASE_URL, recreate FastGPT, and nothing changes. Where only the token of AI Proxy was left, it
    is sent to One API, which answers 401, and CHAT_API_KEY looks right.

Fix
    Explained: which line to take out. Which of two gateways is meant only you know.

Sources
    FastGPT packages/service/core/ai/config.ts of v4.7, v4.8.19, v4.9.14 and v4.14.10.1; its issue 4260.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.products.gateways import release, token_left
from ...console.products.versions import version_of
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..compose import service_of
from ..parties import Party, parties

AIPROXY_SINCE, ONEAPI_URL_FROM, ONEAPI_URL_UNTIL = (4, 8, 20), (4, 7), (4, 8, 20)

_UP = "Then: docker compose up -d {service}"
SHADOWED = Form(
    "shadowed", "{subject} does not use {loser}: {winner} is set too",
    "FastGPT takes the address in {winner} and does not look at the other.", "take one of them out", "warning",
    advice=f"Take {{loser}} out if {{winner}} is meant. Else take out {{winner}} and its key.\n{_UP}",
)  # fmt: skip
TOKEN_LEFT = Form(
    "token-left", "{subject} sends the token of AI Proxy to its other gateway",
    "AIPROXY_API_TOKEN is set without AIPROXY_API_ENDPOINT. FastGPT takes it before CHAT_API_KEY, and One API answers "
    "401.",
    "take AIPROXY_API_TOKEN out", advice=f"Take AIPROXY_API_TOKEN out of the settings of {{service}}.\n{_UP}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each FastGPT."""
    for party in (one for one in parties(snapshot) if one.role == "fastgpt"):
        service = service_of(snapshot, party.place)
        version = (service.version if service else None) or version_of("fastgpt", party.container.image)
        yield _judge(party, release(version))


def _judge(party: Party, version: tuple[int, ...] | None) -> Found:
    env = {name: value for name, value in party.env.items() if value}
    reads_aiproxy = version is None or version >= AIPROXY_SINCE
    reads_oneapi = version is not None and ONEAPI_URL_FROM <= version < ONEAPI_URL_UNTIL
    other = env.get("OPENAI_BASE_URL")
    if reads_aiproxy and token_left(env):
        return _case(TOKEN_LEFT, party, "AIPROXY_API_TOKEN", "CHAT_API_KEY")
    if reads_aiproxy and "AIPROXY_API_ENDPOINT" in env and other and not _same(env["AIPROXY_API_ENDPOINT"], other):
        return _case(SHADOWED, party, "AIPROXY_API_ENDPOINT", "OPENAI_BASE_URL")
    if reads_oneapi and "ONEAPI_URL" in env and other and not _same(env["ONEAPI_URL"], other):
        return _case(SHADOWED, party, "ONEAPI_URL", "OPENAI_BASE_URL")
    return Fine(party.subject, _("{party} has the settings of one gateway", party=party.subject))


def _same(one: str, other: str) -> bool:
    return one.rstrip("/").removesuffix("/v1") == other.rstrip("/").removesuffix("/v1")


def _case(form: Form, party: Party, winner: str, loser: str) -> Case[None]:
    rows = (Evidence(_("in force"), winner, party.source), Evidence(_("set, and not used"), loser, party.source))
    return Case(party.subject, form, None, rows, {"winner": winner, "loser": loser, "service": party.called})


CHECK = Check(
    "fastgpt.gateway-shadowed", "FastGPT has the settings of one gateway", __doc__ or "", (SHADOWED, TOKEN_LEFT), find,
    by_hand, reads=("containers", "projects", "services"),
)  # fmt: skip
