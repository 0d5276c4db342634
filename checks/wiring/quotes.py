"""Quotes that are part of a value: `- NAME="value"` as an entry of a list keeps them.

What it does
    Looks at addresses, connection strings, keys, users and passwords that begin and end with a quote inside the
    container, or would do so after `docker compose up`.

Why it matters
    In a list entry of a compose file quotes inside the text belong to the value. The program then looks for a user
    called `"root`, a database called `oneapi"`, or a key that starts with a quote, and says that the password is wrong.

Fix
    Explained: the quotes are taken away in the line where they stand, or put round the whole entry.

Sources
    One API issue 677; Compose specification, environment; YAML 1.2, plain scalars.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..parties import Party, parties

_MATTERS = re.compile(
    r"(?:URI|URL|URLS|DSN|HOST|PORT|ENDPOINT|BASE|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|USER|USERNAME|DATABASE|DB"
    r"|ADDRESS|CONN_STRING|PATH)$"
)
_PAIRS = ('""', "''", "“”", "‘’", "””", "’’", "「」", "``")
"""A keyboard or a web page may have made other quotes of them."""
_CONNECTS = re.compile(r"(?:URI|URL|URLS|DSN|CONN_STRING|ENDPOINT)$")

_BECAUSE = "In a list of a compose file the quotes inside an entry belong to the value: the program reads them too"
_FIX = "take the quotes of {variables} away, and recreate the service"
CONNECTION = Form(
    "connection", "{subject} cannot use the value of {variables}, which has quotes round it", _BECAUSE, _FIX
)
VALUE = Form("value", "{subject} reads {variables} with the quotes round the value", _BECAUSE, _FIX, "warning")


@dataclass(frozen=True)
class QuotedValues:
    """A service and its variables with quotes."""

    party: Party
    variables: tuple[str, ...]


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service with such a value."""
    everybody, quoted = parties(snapshot), False
    for party in everybody:
        names = tuple(name for name, value in party.env.items() if _MATTERS.search(name) and _is_quoted(value))
        if names:
            form = CONNECTION if any(_CONNECTS.search(name) for name in names) else VALUE
            rows = tuple(
                Evidence(_("begins and ends with"), _("a quote: {name}", name=name), party.source) for name in names
            )
            yield Case(party.subject, form, QuotedValues(party, names), rows, {"variables": ", ".join(names)})
            quoted = True
    if everybody and not quoted:
        yield Fine("", _("No address, key or login has quotes of its own"))


def _is_quoted(value: str) -> bool:
    text = value.strip()
    return len(text) > 1 and (text[0] + text[-1]) in _PAIRS


def plan(case: Case[QuotedValues], _answers: Answers) -> Plan:
    """Which lines to change."""
    where = _("its compose file") if case.facts.party.runs else case.facts.party.source
    return manual(
        _(
            "In {where}, take the inner quotes away from {variables}.",
            where=where,
            variables=", ".join(case.facts.variables),
        ),
        _('An entry of a list is written - NAME=value, not - NAME="value".'),
        _("Then recreate it: docker compose up -d {party}", party=case.facts.party.called),
    )


CHECK = Check(
    "wiring.quotes", "No value has quotes of its own", __doc__ or "", (CONNECTION, VALUE), find, plan,
    reads=("containers", "projects"),
)  # fmt: skip
