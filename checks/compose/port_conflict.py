"""Two services want the same port of this machine, or one that somebody else has already.

What it does
    Takes the ports that services which do not run yet would publish, and looks who else wants or has each: another
    service of the same files, a running container of another stack, a model server of the machine itself. The address
    counts: 127.0.0.1:80 and 10.0.0.4:80 do not get into each other's way. What already failed because of a port is
    told by container.not-started.

Why it matters
    `docker compose up` starts half of the stack and ends with "port is already allocated". LibreChat's admin panel and
    FastGPT both want 3000; a MySQL or PostgreSQL of the machine has 3306 or 5432.

Fix
    Explained: change the number on the left. The number on the right, and addresses in the settings of other services,
    stay: between containers the port inside counts.

Sources
    The Compose specification, ports; FastGPT's questions and answers on ports; One API issue 773; LibreChat issues 4216
    and 13876.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..subjects import HostPort, taken, wanted
from . import Placed, everybody

_FIX = "change the number on the left of one of them"
TWICE = Form(
    "twice", "{subject} and {other} both want port {port} of this machine",
    "Only one of them can have it. The other does not start: port is already allocated.", _FIX,
    advice="In {source} change the number on the left in the ports of {service}, for example {port}:... to {free}:...\n"
    "The number on the right and the addresses in other services' settings stay as they are.\n"
    "Then: docker compose up -d {service}",
)  # fmt: skip
TAKEN = Form(
    "taken", "{subject} wants port {port} of this machine, which {other} has",
    "It will not start while {other} has the port: port is already allocated.",
    "change the number on the left, or stop the other", "warning", advice=TWICE.advice,
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service that is still to be started and publishes a port; one answer for all where nothing is wrong."""
    found = False
    places = list(everybody(snapshot))
    waiting = [place for place in places if place.container is None and place.declared and not place.broken_file]
    asked = {place.subject: tuple(wanted(place.declared)) for place in waiting if place.declared}
    held = [(one.subject, port) for one in places if one.container for port in taken(one.container)]
    held += [(server.key, port) for server in snapshot.servers if not server.container
             for port in _listened(server.address)]  # fmt: skip
    for index, place in enumerate(waiting):
        ports = asked[place.subject]
        others = [(one.subject, port) for one in waiting[:index] for port in asked[one.subject]]
        clash = next(((who, mine, False) for who, other in others for mine in ports if mine.meets(other)), None)
        clash = clash or next(((who, mine, True) for who, other in held for mine in ports if mine.meets(other)), None)
        if clash:
            found = True
            yield _case(place, *clash)
    if any(asked.values()) and not found:
        yield Fine("", _("The ports of what is still to be started are free, as far as can be seen"))


def _listened(address: str) -> Iterator[HostPort]:
    """The port of a server of this machine; none of one elsewhere."""
    try:
        parts = urlsplit(address)
        host, number = parts.hostname or "", parts.port
    except ValueError:
        return
    if number and host in ("127.0.0.1", "localhost", "::1"):
        yield HostPort("", number, "tcp")


def _case(place: Placed, other: str, port: HostPort, taken: bool) -> Case[None]:
    source = place.files[0] if place.files else _("compose files")
    at = f"{port.address}:{port.number}" if port.address else str(port.number)
    words = {
        "other": other, "port": at, "free": str(port.number + 1), "source": source, "service": place.service or "",
    }  # fmt: skip
    rows = (
        Evidence(_("wanted"), f"{at}/{port.protocol}", source),
        Evidence(_("taken by") if taken else _("wanted by"), other, "docker ps, process table" if taken else source),
    )
    return Case(place.subject, TAKEN if taken else TWICE, None, rows, words)


CHECK = Check(
    "compose.port-conflict", "Services want different ports", __doc__ or "", (TWICE, TAKEN), find, by_hand,
    reads=("containers", "projects", "servers"),
)  # fmt: skip
