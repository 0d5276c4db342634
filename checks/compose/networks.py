"""Two services need each other and share no network, so that neither knows the other's name.

What it does
    Follows addresses in variables that no other check knows (STORE_URL, BROKER_URL, CACHE_ADDR) and `depends_on`
    to the service they name, and looks whether both are in one network. Addresses of FastGPT, One API, LibreChat and
    their databases are wiring.address's.

Why it matters
    Names are known only inside a common network. A service that is put into a network of its own leaves the default
    one, and everybody who stayed there loses it: `getaddrinfo ENOTFOUND`, although both run.

Fix
    Explained: the network that both have to name. Networks of a running stack are changed by recreating its services.

Sources
    The Compose specification, networks and depends_on; Docker's manual, "Networking in Compose"; FastGPT's questions
    and answers on One API in another network.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.products.edges import KINDS
from ...console.products.gateways import connections
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..parties import Party, near, parties

_ADVICE = (
    "In {source} give {service} and {other} a network in common, under networks of both.\n"
    "A service without networks is in the network called default: name that one too where another is named.\n"
    "Then: docker compose up -d {service} {other}"
)
APART = Form(
    "apart", "{subject} cannot reach {other}, which {variable} names: they share no network",
    "Names are known only inside a common network.", "put both into one network", advice=_ADVICE,
)  # fmt: skip
WAITS = Form(
    "waits-apart", "{subject} waits for {other}, and could not reach it: they share no network",
    "depends_on only decides the order of the start. That is all right where the two share files or nothing.",
    "put both into one network if they talk to each other", "info", advice=_ADVICE,
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service in networks of its project; one answer for all where nothing is wrong."""
    everybody, judged, found = parties(snapshot), False, False
    for caller in everybody:
        if caller.project is None or caller.declared is None or not _networked(caller):
            continue
        others = {one.called: one for one in everybody if one.container.project == caller.container.project}
        case = next(_named(caller, others), None) or next(_waits(caller, others), None)
        judged, found = True, found or case is not None
        yield from (case,) if case else ()
    if judged and not found:
        yield Fine("", _("Services share a network with those they need"))


def _named(caller: Party, others: dict[str, Party]) -> Iterator[Case[None]]:
    """Services that a variable names by an address."""
    for variable, value in caller.env.items():
        if variable in KINDS or not caller.names_it_itself(variable) or not _is_address(variable, value):
            continue
        for to in connections(value):
            other = others.get(to.host)
            if other is not None and _apart(caller, other) and not _shared(variable, value, other, others):
                yield _case(APART, caller, other, variable)


def _shared(variable: str, value: str, other: Party, others: dict[str, Party]) -> bool:
    """Whether somebody has the same line who does reach it: one block of variables for all, as Dify's compose file has.

    fact: dify docker-compose.yaml, x-shared-env, of which each service reads its own part
    """
    return any(one.env.get(variable) == value and _networked(one) and near(one, other) for one in others.values())


def _is_address(variable: str, value: str) -> bool:
    """Whether it is to be reached, and not a list of names like NO_PROXY or a word that is a service's name too."""
    return "://" in value or "@tcp(" in value or variable.endswith(("_HOST", "_ADDR", "_ADDRESS", "_SERVER"))


def _waits(caller: Party, others: dict[str, Party]) -> Iterator[Case[None]]:
    """Services that it starts after, unless wiring.address follows an address to them, or they only have to end."""
    told = {to.host for name, value in caller.env.items() if name in KINDS for to in connections(value)}
    told |= {*(caller.declared.awaits_end if caller.declared else ())}
    for name in caller.declared.depends_on if caller.declared else ():
        other = others.get(name)
        if other is not None and name not in told and _apart(caller, other):
            yield _case(WAITS, caller, other, "depends_on")


def _apart(caller: Party, other: Party) -> bool:
    return _networked(other) and not near(caller, other)


def _networked(party: Party) -> bool:
    """Whether it is in networks that are known; the machine's own, another container's and none are no networks."""
    mode = party.container.network_mode
    return bool(party.container.networks) and not party.on_host and not party.in_anothers and mode != "none"


def _case(form: Form, caller: Party, other: Party, variable: str) -> Case[None]:
    files = caller.place.files
    words = {
        "other": other.called, "service": caller.called, "variable": variable,
        "source": files[0] if files else _("the compose file"),
    }  # fmt: skip
    rows = tuple(
        Evidence(
            _("networks of {one}", one=one.called),
            ", ".join(link.network for link in one.container.networks),
            one.source,
        )
        for one in (caller, other)
    )
    return Case(caller.subject, form, None, rows, words)


CHECK = Check(
    "compose.networks", "Services that need each other share a network", __doc__ or "", (APART, WAITS), find, by_hand,
    reads=("containers", "projects"),
)  # fmt: skip
