"""FastGPT asks its gateway at an address without /v1, with a whole path, or with /v1 twice.

What it does
    Takes the one address that FastGPT uses, by its own precedence (AIPROXY_API_ENDPOINT, ONEAPI_URL up to v4.8.19,
    OPENAI_BASE_URL). OPENAI_BASE_URL needs /v1 behind a gateway of the stack, an address of a machine, or OpenAI;
    AIPROXY_API_ENDPOINT gets its /v1 from FastGPT. Lines of FastGPT's log that come of it are shown.

Why it matters
    One API answers any other path with its web page and status 200. FastGPT then says `Embedding API 404`, `LLM
    response empty` or nothing at all; no error names the address.

Fix
    The right address is written into the override file, and FastGPT recreated. An address with a login in it is left to
    you.

Sources
    FastGPT packages/service/core/ai/config.ts and its issues 370, 931 and 937; One API router (every other path is the
    web page).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...console.fix.plan import Plan
from ...console.fix.steps import SetServiceKeys
from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.products.gateways import gateway_of
from ...console.products.versions import version_of
from ...console.settings import Settings
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Fine, Form, Found, manual
from ..parties import Party, parties

MARKS = ("fastgpt.embedding-bad-reply", "fastgpt.chat-empty")
ENDS = ("/chat/completions", "/embeddings", "/models", "/completions")

_FIX = "set {variable}={right} for {service} in the override file"
NO_V1 = Form(
    "no-v1", "{subject} gets web pages for answers: {variable} does not end in /v1",
    "The gateway answers every other path with its web page and status 200. FastGPT finds no answer in it.", _FIX,
)  # fmt: skip
WHOLE_PATH = Form(
    "whole-path", "{subject} asks a path that does not exist: {variable} ends in {end}",
    "FastGPT puts the path of each request behind the address, so it has to end in /v1.", _FIX,
)  # fmt: skip
DOUBLED = Form(
    "doubled", "{subject} asks for /v1/v1: {variable} ends in /v1",
    "FastGPT puts /v1 behind AIPROXY_API_ENDPOINT itself.", _FIX,
)  # fmt: skip


@dataclass(frozen=True)
class Misaddressed:
    """A FastGPT, and the address that it should ask."""

    party: Party
    variable: str
    right: str


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each FastGPT that is told where its gateway is."""
    everybody = parties(snapshot)
    for party in (one for one in everybody if one.role == "fastgpt"):
        gateway = gateway_of(party.env, version_of("fastgpt", party.container.image))
        value = party.env.get(gateway.variable, "") if gateway else ""
        if gateway is None or "$" in value:
            continue
        yield _judge(party, gateway.variable, value.strip(), everybody, snapshot)


def _judge(party: Party, variable: str, value: str, everybody: tuple[Party, ...], snapshot: Snapshot) -> Found:
    address = value.rstrip("/")
    try:
        parts = urlsplit(address)
        host, path = parts.hostname or "", parts.path
    except ValueError:
        host, path = "", ""
    form, right, end = None, address, next((one for one in ENDS if path.endswith(one)), "")
    if variable == "AIPROXY_API_ENDPOINT":
        form, right = (DOUBLED, address.removesuffix("/v1")) if path.endswith("/v1") else (None, address)
    elif end:
        form, right = WHOLE_PATH, address.removesuffix(end)
    elif host and not path and _speaks_v1(host, everybody):
        form, right = NO_V1, f"{address}/v1"
    if form is None:
        return Fine(party.subject, _("{party} asks its gateway at a path that it has", party=party.subject))
    words = {"variable": variable, "right": right, "service": party.called, "end": end}
    secret = "@" in parts.netloc
    rows = (Evidence(variable, _("an address with a login in it") if secret else value, party.source),
            *compose.log_evidence(snapshot, party.container if party.runs else None, MARKS)[-2:])  # fmt: skip
    words |= {"right": _("the address with /v1 at its end")} if secret else {}
    facts = Misaddressed(party, variable, "" if secret else right)
    severity = compose.severity_of(party.container if party.runs else None, form.severity)
    return Case(party.subject, form, facts, rows, words, severity)


def _speaks_v1(host: str, everybody: tuple[Party, ...]) -> bool:
    """A gateway of the stack, a machine by its address, or OpenAI: vendors have paths of their own."""
    if host in ("api.openai.com", "host.docker.internal"):
        return True
    if any(host in (one.called, one.container.name) for one in everybody):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def plan(case: Case[Misaddressed], _answers: Answers) -> Plan:
    """The right address, in the override file."""
    told, place = case.facts, case.facts.party.place
    refused = compose.refusal(place, _(": start it again with the right address."))
    if not told.right or refused:
        by_hand = _(
            "Write {variable} with /v1 at its end where it stands, then: docker compose up -d",
            variable=told.variable,
        )
        return manual(refused or by_hand)
    becomes = compose.left_so(place) or _(
        "{place} is recreated: answers being written are cut off.", place=place.subject
    )
    return compose.edit_override(
        place, SetServiceKeys(place.service or "", environment=((told.variable, told.right),)),
        becomes if place.container else _("Nothing of this service has been started: only a file is written."),
    )  # fmt: skip


CHECK = Check(
    "fastgpt.base-url", "FastGPT asks its gateway at the right path", __doc__ or "", (NO_V1, WHOLE_PATH, DOUBLED), find,
    plan, reads=("containers", "projects", "log_marks"), of=("fastgpt",),
)  # fmt: skip
