"""FastGPT from v4.9.4 on needs Redis, and was not told where it is.

What it does
    For each FastGPT whose release is known and is v4.9.4 or later, looks whether REDIS_URL has a value. Before the
    first start `latest`, or no tag, is taken for the newest release.

Why it matters
    After an upgrade of the tag alone the app falls back to 127.0.0.1:6379, its own container, and ends or hangs with
    `connect ECONNREFUSED 127.0.0.1:6379`, over and over. The login page may still appear.

Fix
    Explained: a service redis and one variable, as the release's own compose file has them. No image is pulled here.

Sources
    FastGPT's upgrade notes of v4.9.4 and its compose files from then on; issues 4544, 4624, 4653 and 4770.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.products.gateways import release
from ...console.products.versions import is_newest, version_of
from ...console.text import N_, _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Severity, Snapshot, Unknown, manual
from ..compose import service_of
from ..parties import Party, parties

SINCE = (4, 9, 4)
NEWEST = N_("latest (release assumed: the tag names none, which is the newest)")
BEFORE = ("A", "B", "C")
"""Generations of FastGPT's compose file that are older."""

MISSING = Form(
    "missing",
    "{subject} needs Redis from v4.9.4 on, and REDIS_URL is not set",
    "FastGPT {version} keeps its queues in Redis. Without REDIS_URL it looks for one inside its own container",
    "add a service redis and REDIS_URL",
)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each FastGPT."""
    everybody = parties(snapshot)
    for party in everybody:
        if party.role != "fastgpt":
            continue
        service = service_of(snapshot, party.place)
        version = service.version if service else version_of("fastgpt", party.container.image)
        if version is None and not party.runs and is_newest(party.container.image):
            version = NEWEST  # what the next `up` fetches
        if version is None and service and service.generation in BEFORE:
            yield Fine(party.subject, _("{party} is of a stack that needs no Redis", party=party.subject))
        else:
            yield _judge(party, version, everybody)


def _judge(party: Party, version: str | None, everybody: tuple[Party, ...]) -> Found:
    number = SINCE if version == NEWEST else release(version)
    if party.env.get("REDIS_URL"):
        return Fine(party.subject, _("{party} is told where Redis is", party=party.subject))
    if number is None:
        title = _("Whether {party} needs Redis cannot be told", party=party.subject)
        return Unknown(party.subject, title, _("its release is not known, and REDIS_URL is not set"))
    if number < SINCE:
        return Fine(party.subject, _("{party} needs no Redis before v4.9.4", party=party.subject))
    redis = next((other for other in everybody if other.role == "redis"), None)
    rows = (
        Evidence(_("release"), version or "", party.container.image),
        Evidence("REDIS_URL", _("not set"), party.source),
        Evidence(_("Redis in the stack"), redis.called if redis else "none", redis.source if redis else party.source),
    )
    doubt: Severity | None = "warning" if version == NEWEST else None
    return Case(party.subject, MISSING, (party, redis), rows, {"version": version or ""}, doubt)


def plan(case: Case[tuple[Party, Party | None]], _answers: Answers) -> Plan:
    """What to add."""
    party, redis = case.facts
    says = []
    if redis is None:
        says.append(
            _(
                "Add a service to the compose file, as FastGPT's own file has it: redis, image redis:7.2-alpine, "
                "command redis-server --requirepass with a password of yours, in the same network.",
            )
        )
    name = redis.called if redis else "redis"
    says.append(
        _(
            "Give {party} the variable REDIS_URL: redis://{name}:6379, with default and that password before @.",
            party=party.called,
            name=name,
        )
    )
    return manual(*says, _("Then: docker compose up -d {name} {party}", name=name, party=party.called))


CHECK = Check(
    "fastgpt.redis", "FastGPT has the Redis that its release needs", __doc__ or "", (MISSING,), find, plan,
    reads=("containers", "projects", "services"),
)  # fmt: skip
