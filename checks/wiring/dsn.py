"""A database's address that is not written as one: a character, a bracket or a scheme in the wrong place.

What it does
    Reads the addresses of PostgreSQL, MySQL, Redis and MongoDB in the environment of FastGPT, One API, LibreChat and
    others as strictly as their drivers do, URLs as well as Go's user:<password>@tcp(host:port)/name. Names the wrong
    character and its place, and never what stands around it. A MongoDB of the stack itself is mongo.replica-set's.

Why it matters
    A # in a password ends the address, a / makes another host of it, an & in place of ? another database. The app then
    says that a login is refused or a host is unknown, which looks like a wrong password.

Fix
    Explained, with what to write in place of what: in a URL the characters of user and password are percent-encoded,
    in Go's MySQL DSN they are not.

Sources
    go-sql-driver/mysql dsn.go; RFC 3986; WHATWG URL; PostgreSQL manual, connection URIs; go-redis options.go; MongoDB
    manual, connection strings; One API common/init (SQL_DSN).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.products.edges import READERS
from ...console.products.gateways import fault_of
from ...console.products.mongo_uri import UriFault
from ...console.products.versions import parts_of
from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..mongo.app_string import of_writing
from ..parties import Party, parties

_MONGO = ("mongodb", "mongodb+srv")
SCHEMES: dict[str, tuple[str, ...]] = {
    "PG_URL": ("postgresql", "postgres"), "REDIS_CONN_STRING": ("redis", "rediss"), "REDIS_URL": (), "DATABASE_URL": (),
    "SQL_DSN": ("postgres",), "LOG_SQL_DSN": ("postgres",), "MONGODB_URI": _MONGO, "MONGO_URI": _MONGO,
    "MONGODB_LOG_URI": _MONGO,
}  # fmt: skip
"""What each has to begin with; nothing where a driver takes a bare host as well."""
GO = ("SQL_DSN", "LOG_SQL_DSN")
TOLERATED = frozenset("@[]")
"""Characters in a login that some drivers take as they are: WHATWG URL divides at the last @."""
WRITTEN = Form("written", "{subject} cannot use {variable} as it is written: {slip}", "{effect}", "{cure}")
DOUBTFUL = Form(
    "doubtful", "{subject} may not get through with {variable} as it is written: {slip}", "Drivers differ: {effect}",
    "{cure}", "warning",
)  # fmt: skip


@dataclass(frozen=True)
class Miswritten:
    """One address, and what is wrong with it."""

    party: Party
    variable: str
    fault: UriFault


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service that is given such addresses; of several wrong ones the first."""
    everybody = parties(snapshot)
    for party in everybody:
        names = [name for name in SCHEMES if party.env.get(name, "").strip() and _reads(party, name, everybody)]
        wrong = next(((name, fault) for name in names if (fault := _fault(party, name)) is not None), None)
        if wrong is not None:
            yield _case(Miswritten(party, *wrong))
        elif names:
            yield Fine(
                party.subject,
                _("The addresses of databases that {party} is given are written as such", party=party.subject),
            )


def _reads(party: Party, name: str, everybody: tuple[Party, ...]) -> bool:
    value = party.env[name].strip()
    if value[0] in "\"'" or "${" in value or re.search(r"<[^<>]*>", value):
        return False  # wiring.quotes, or what a template left open
    if not (party.names_it_itself(name) or name in READERS.get(party.role, ())):
        return False
    if name == "REDIS_CONN_STRING" and party.env.get("REDIS_MASTER_NAME"):
        return False  # a list of sentinels
    own = any(one.role == "mongo" and one.container.project == party.container.project for one in everybody)
    judged = own and party.role in ("fastgpt", "librechat") and name in ("MONGODB_URI", "MONGO_URI")
    return not (judged and re.match(r"mongodb(?:\+srv)?://", value))


def _fault(party: Party, name: str) -> UriFault | None:
    schemes = SCHEMES[name]
    if name in GO and parts_of(party.container.image).last != "one-api":
        schemes = (*schemes, "postgresql")  # its successors take both
    value = party.env[name]
    if name in GO and party.role not in ("oneapi", "aiproxy"):
        return fault_of(value)
    return fault_of(value, schemes, go=name in GO)


def _case(found: Miswritten) -> Case[Miswritten]:
    party, fault = found.party, found.fault
    doubtful = (
        fault.kind == "unescaped"
        and set(fault.found) <= TOLERATED
        and not party.env[found.variable].startswith("mongodb")
    )
    rows = (
        Evidence(_("character {at}", at=fault.at + 1), f"{', '.join(fault.found)} in {found.variable}", party.source),
    )
    words = {"variable": found.variable, **of_writing(found.variable, fault)}
    return Case(party.subject, DOUBTFUL if doubtful else WRITTEN, found, rows, words, about=found.variable)


def plan(case: Case[Miswritten], _answers: Answers) -> Plan:
    """What to write, and where."""
    party = case.facts.party
    cure = case.words["cure"]
    return manual(
        _(
            "{cure}{cure2}, in {variable}, in {set_in}; leave the rest as it is.",
            cure=cure[:1].upper(),
            cure2=cure[1:],
            variable=case.facts.variable,
            set_in=party.set_in,
        ),
        _("Then recreate it: docker compose up -d {party}", party=party.called),
    )


CHECK = Check(
    "wiring.dsn", "Addresses of databases are written as such", __doc__ or "", (WRITTEN, DOUBTFUL), find, plan,
    reads=("containers", "projects"),
)  # fmt: skip
