"""The machine's clock is wrong: containers from the future, certificates that are not yet valid.

What it does
    Compares when containers were made and started, by the Engine's word, with the time now: more than five minutes in
    the future, the clock was set back since, or two machines disagree. Looks for certificates and tokens that are "not
    yet valid" or "used before issued" in the last lines of containers that are not well.

Why it matters
    Downloads, model vendors and logins fail with words about certificates and tokens. Virtual machines that slept, and
    machines without time synchronisation, are the usual reason.

Fix
    Explained: how to see and switch on the synchronisation. The clock is not set here: databases do not like jumps.

Sources
    timedatectl(1); Go's crypto/x509 ("certificate has expired or is not yet valid"); OpenSSL's verify errors; RFC 7519,
    nbf and iat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...console.model import Container, Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ...console.text.cleaning import clip, duration
from ..api import Case, Check, Fine, Form, Found, by_hand

AHEAD = 300.0
"""Seconds; less is what clocks of two machines may differ by without harm."""
_NOT_YET = re.compile(
    r"certificate is not yet valid|is not yet valid: current time \S+ is before|CERT_NOT_YET_VALID"
    r"|token used before issued|jwt not active|Signature not yet current|Clock skew",
    re.IGNORECASE,
)

_ADVICE = (
    "See the time and its synchronisation: timedatectl\n"
    "Switch it on: sudo timedatectl set-ntp true\n"
    "Then restart the containers that complained."
)
FUTURE = Form(
    "future", "{container} was started {ahead} in the future, by the clock of {subject}",
    "The clock was set back since, or the clock of the Engine's machine and the one here disagree.",
    "synchronise the clock", "warning", advice=_ADVICE,
)  # fmt: skip
NOT_YET = Form(
    "not-yet-valid", "{subject} refuses a certificate or a token from the future",
    "It is not valid yet by the clock of the machine, so the clock is probably behind.",
    "synchronise the clock", "warning", advice=_ADVICE,
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """The machine's clock, then each container that complains of it."""
    found, named = False, {one.id: one for one in snapshot.containers}
    latest = max(snapshot.containers, key=_moment, default=None)
    if latest is not None and _moment(latest) > snapshot.taken_at + AHEAD:
        found = True
        ahead = duration(_moment(latest) - snapshot.taken_at)
        row = Evidence(_("started"), _("{ahead} from now", ahead=ahead), f"docker inspect {latest.name}")
        yield Case(snapshot.host.name, FUTURE, None, (row,), {"container": latest.name, "ahead": ahead})
    for words in snapshot.last_words:
        container = named.get(words.container)
        line = next((line for line in reversed(words.lines) if _NOT_YET.search(line)), None)
        if container is not None and line is not None:
            found = True
            yield Case(
                container.name, NOT_YET, None, (Evidence("log", clip(line, 300), f"docker logs {container.name}"),)
            )
    if snapshot.containers and not found:
        yield Fine("", _("Nothing speaks against the clock"))


def _moment(container: Container) -> float:
    return max(container.created_at or 0.0, container.started_at or 0.0)


CHECK = Check(
    "host.clock", "The clock is right", __doc__ or "", (FUTURE, NOT_YET), find, by_hand,
    reads=("host", "containers", "last_words"),
)  # fmt: skip
