"""A connection that a service needs was tried from inside its container, and does not get through.

What it does
    Takes the arrows of `stackops wiring`: each address that a service is given, tried from its own network: the name
    resolves there, the port listens, whoever listens speaks the right protocol. Names the first of these that fails.
    What was only concluded from networks and states is left to the checks that read those. A failure that may pass
    (silence, a closed connection) counts when it was seen twice in a row. `stackops check` tries all arrows but those
    to a MySQL, which may block a container after many connections without a login; `stackops check wiring.broken`,
    `stackops wiring` and the console try these too, ten times at most in the life of a MySQL. An nginx that ends at its
    start, as it does not find the name of an upstream, is told by its log: the name is the cause, not the crash loop.

Why it matters
    The app says `buffering timed out after 10000ms`, `404` or "network error", and everything runs. The cause is one
    connection, and the app does not say which.

Fix
    Explained, by the step that fails: start or resume a container, give two services a common network, write another
    address or port, let a program listen on 0.0.0.0. Which side is to be changed is for a person to say.

Sources
    Docker's documentation of networks, name resolution and host-gateway; MySQL's manual, max_connect_errors (error
    1129); redis.conf, protected-mode; MongoDB's manual, net.bindIp; nginx/docker-nginx issue 291 (host not found in
    upstream).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from msgspec.structs import replace as with_other

from ...console.judge.better import ARROW
from ...console.model import Container, Edge, Hop, Snapshot
from ...console.model.findings import Evidence, Severity
from ...console.products.addresses import place
from ...console.products.gateways import names_of, share_network
from ...console.report.wiring import KINDS, reasoned, target
from ...console.settings import Settings
from ...console.text import N_, _, told
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..subjects import Life, lives

SETTLING = 60.0
"""Seconds after its start in which a program may not listen yet."""
LONGER = {
    **dict.fromkeys(("mysql", "oceanbase", "seekdb", "milvus"), 180.0),
    **dict.fromkeys(("ollama", "model_server", "endpoint", "rag_api"), 600.0),
}
"""The same of those that make a data folder first, or load a model."""
VITAL = (
    "mongo", "postgres", "mysql", "redis", "milvus", "oceanbase", "seekdb", "minio", "gateway", "oneapi", "aiproxy",
    "app",
)  # fmt: skip
"""What the asking service does not work without; of all else, and of one model among several, only a part of it."""
PASSING = ("takes the connection", "closes the connection", "resets the connection")
STATES = {"exited": N_("stopped"), "created": N_("made and not started")}

STOPPED = Form(
    "stopped", "{source} cannot reach {what}: {target} is {state}", "{setting} leads to {target}, which does not run",
    "{act} {target}", advice="docker {act} {target}",
)  # fmt: skip
APART = Form(
    "apart", "{source} cannot reach {what}: {source} and {other} share no network",
    "{reason}: names are known only inside a common network", "put both into one network",
    advice="In the compose files give {source} and {other} a network in common, and recreate both: docker compose up -d"
    "\nUntil then: docker network connect {network} {other}",
)  # fmt: skip
NAME = Form(
    "name", "{source} cannot reach {what}: the name {host} does not resolve", "{reason}, and {setting} asks for it",
    "write the name of the service that is meant, or start that service",
    advice="See who is in which network: docker ps --format '{{{{.Names}}}} {{{{.Networks}}}}'\n"
    "Write the service's name into {origin} ({place}), or start that service. Then recreate {source}.\n"
    "In Docker's default network, bridge, no name resolves: give both a network of their own.\n"
    "host.docker.internal needs a line under extra_hosts: host.docker.internal:host-gateway",
)  # fmt: skip
NAMES = Form(
    "name-server", "{source} cannot reach {what}: no name server tells it where {host} is", "{reason}",
    "see whether names resolve on this machine, and restart the container",
    advice="See whether this machine resolves it: getent hosts {host}\n"
    "Docker gives a container the name servers that the machine had at its start: docker restart {source}",
)  # fmt: skip
ITSELF = Form(
    "itself", "{source} looks for {what} at itself, where nobody listens on port {port}",
    "{setting} says {at}, and inside a container that is the container itself",
    "write the name of the service that is meant",
    advice="Write the service's name and its port inside the container into {origin} ({place}).\n"
    "For a program on this machine write host.docker.internal, and host.docker.internal:host-gateway under extra_hosts."
    "\nThen recreate {source}.",
)  # fmt: skip
PORT = Form(
    "port", "{source} cannot reach {what}: nobody listens at {at}", "{reason}{although}",
    "see where it listens, and write that port; or see why its program does not listen",
    advice="{see}\nIn a container a program has to listen on 0.0.0.0, not on 127.0.0.1.\n"
    "Between containers the port inside counts, not the published one. The address stands in {origin} ({place}).",
)  # fmt: skip
WAY = Form(
    "no-way", "{source} cannot reach {what}: no connection gets through to {at}", "{reason}",
    "see whether a firewall drops it, or the machine is off",
    advice="{see}\nA firewall (ufw, firewalld) drops what comes from Docker's networks unless it is told to let it in.",
)  # fmt: skip
OTHER = Form(
    "protocol", "{source} does not find {what} at {at}: {target} {short}", "{target} {reason}",
    "correct host and port of the address",
    advice="The address stands in {origin} ({place}): write where {what} listens.\n"
    "Between containers the port inside counts, not the published one.\nThen recreate {source}.",
)  # fmt: skip
TLS = Form(
    "tls", "{source} and {target} do not agree on TLS at {at}", "{target} {reason}",
    "write {scheme}, or change what {target} speaks",
    advice="The address stands in {origin} ({place}): write {scheme}.\nThen recreate {source}.",
)  # fmt: skip
MUTE = Form(
    "no-answer", "{source} gets no answer from {what} at {at}", "{target} {reason}, twice in a row",
    "see its log, and restart it", advice="{see}\nIf it hangs, restart it.",
)  # fmt: skip
REFUSED = Form(
    "refused", "{what} at {at} refuses {source}", "{target} {reason}", "let it take connections from {source}",
    advice="{way_in}",
)  # fmt: skip
AT_START = Form(
    "at-start", "{source} cannot reach {what}: no service is called {host}, and so nginx ends at its start",
    "nginx looks up the names of its upstreams once, at its start. {setting} names {host}",
    "write the name of the service that is meant, or start that service",
    advice="See who is in which network: docker ps --format '{{{{.Names}}}} {{{{.Networks}}}}'\n"
    "Write the service's name into {origin} ({place}), or start that service. Then: docker restart {source}",
)  # fmt: skip
LATE = Form(
    "late", "{source} ended at its start: {host} was not there yet",
    "nginx looks up the names of its upstreams once, at its start. {host} is there now", "start it again",
    advice="docker start {source}\nSo that the order no longer matters: in the compose file write depends_on: [{host}] "
    "and restart: unless-stopped for {source}.",
)  # fmt: skip
ALL_APART = replace(
    APART, variant="several", title="{source} cannot reach {what}: {other} is in no network of theirs",
    advice="In the compose files give {source} and {other} a network in common, and recreate them: docker compose up -d"
    "\nUntil then: docker network connect {network} {other}",
)  # fmt: skip
ALL_MUTE = replace(MUTE, variant="several", title="{source} get no answer from {what} at {at}")
SEVERAL = {APART: ALL_APART, NAME: NAME, PORT: PORT, WAY: WAY, MUTE: ALL_MUTE, REFUSED: REFUSED}
"""Forms that may lie at whoever is meant, and their words where several meet it there: that is one case."""
FORMS = (
    STOPPED, APART, ALL_APART, NAME, NAMES, ITSELF, PORT, WAY, OTHER, TLS, MUTE, ALL_MUTE, REFUSED, AT_START, LATE,
)  # fmt: skip
WAYS_IN = {
    "(1129)": N_("Let MySQL forget its count: docker exec -it {target} mysqladmin flush-hosts -p"),
    "(1130)": N_("Make the user for '%' and not for 'localhost' alone."),
    "(1040)": N_("See who holds the connections (SHOW PROCESSLIST), or raise max_connections."),
    "protected mode": N_("Give Redis a password with --requirepass, and write it into the address."),
}


_NOT_FOUND = re.compile(
    r'\[emerg\].{0,40}host not found in upstream "(?P<host>[\w.-]{1,253})(?::(?P<port>\d{1,5}))?" in (?P<at>\S{1,300})'
)
"""fact: nginx src/http/ngx_http_upstream.c, "%s in upstream"; the words before it are of ngx_inet.c"""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each arrow that was tried and is broken, or several with one fault; else each service whose arrows are whole."""
    boxes = {container.id: container for container in snapshot.containers}
    cut = [case for life in lives(snapshot) if (case := _at_start(life, snapshot, boxes)) is not None]
    ended = {(case.facts.source, case.facts.host) for case in cut}
    yield from _unread(snapshot, boxes)
    tried = (edge for edge in snapshot.edges if edge.by == "probe" and edge.source in boxes)
    for _rest, group in groupby(tried, key=lambda edge: edge.source):
        arrows = tuple(group)
        name = boxes[arrows[0].source].name
        broken = {edge.key: hop for edge in arrows if (hop := edge.broken) is not None}
        now = snapshot.taken_at
        young = [edge for edge in arrows if edge.key in broken and _is_young(edge, broken[edge.key], boxes, now)]
        told = [edge for edge in arrows if edge.key in broken and (edge.source, edge.host.lower()) not in ended]
        cut += [_case(edge, broken[edge.key], boxes) for edge in told if edge not in young]
        if young:
            yield _unknown(
                name, young[0], _("{young} was started a moment ago, and may not listen yet", young=target(young[0]))
            )
        elif doubts := [(edge, hop) for edge in arrows if (hop := _doubt(edge)) is not None]:
            yield _unknown(name, doubts[0][0], reasoned(doubts[0][1].reason or "it could not be tried"))
        elif all(hop.state == "ok" for edge in arrows for hop in edge.hops):
            yield Fine(name, _("{name} reaches everything that it is set up to reach", name=name))
    by_fault: dict[tuple[object, ...], list[Case[Edge]]] = {}
    for case in cut:
        by_fault.setdefault(_fault(case, boxes), []).append(case)
    yield from (cases[0] if len(cases) == 1 else _together(cases) for cases in by_fault.values())


def _at_start(life: Life, snapshot: Snapshot, boxes: Mapping[str, Container]) -> Case[Edge] | None:
    """Of an nginx that ended at its start, as a name in its files was not known then."""
    own, last = life.container, next((one for one in reversed(life.last_words) if "[emerg]" in one), "")
    said = _NOT_FOUND.search(last) if life.ended and not life.put_to_rest else None
    if said is None or (own.state == "running" and not life.goes_round) or (life.ends and life.settling):
        return None
    host, port = said["host"].lower(), int(said["port"] or 80)
    named = [one for one in boxes.values() if host in {each.lower() for each in names_of(one)} and one is not own]
    near = [one for one in named if share_network(own, one) is not False]
    there = min(near, key=lambda one: one.state != "running", default=None)
    if there is not None and there.state == "running" and own.state != "exited":
        return None  # its next start is a good one, unless something else is wrong
    known = next((one for one in snapshot.edges if (one.source, one.host.lower()) == (own.id, host)), None)
    edge = known or Edge(
        f"{own.name} upstream {host}", own.id, own.name, "app", place(host, port), "upstream",
        f"{said['at']} of {own.name}", place(host, port), host, port, "http",
    )  # fmt: skip
    hop = Hop("name", "failed", f"nginx did not find {host} at its start")
    edge = with_other(edge, target=there.id if there else None, hops=(hop,))
    case = _case(edge, hop, boxes)
    nobody = case.form is NAMES and "." not in host
    form = LATE if there is not None and there.state == "running" else AT_START if nobody else case.form
    return replace(case, form=form, rows=(*case.rows, Evidence("log", last, f"docker logs {own.name}")))


def _unread(snapshot: Snapshot, boxes: Mapping[str, Container]) -> Iterator[Unknown]:
    """Proxies of whose files one cannot be read: whom they need is not known."""
    for one in snapshot.proxies:
        if one.problem is not None and one.container in boxes:
            name = boxes[one.container].name
            title = _("Cannot say to whom {name} passes requests on", name=name)
            yield Unknown(name, title, f"{one.path}: {told(one.problem)}")


def _fault(case: Case[Edge], boxes: Mapping[str, Container]) -> tuple[object, ...]:
    """What is the same of arrows that are broken by one fault at their target."""
    edge = case.facts
    if case.form is APART:
        return (APART.id, case.words["other"])
    if case.form not in SEVERAL or (case.form is NAME and edge.where == "machine"):
        return (edge.key,)
    return (case.form.id, edge.target or (boxes[edge.source].project, edge.host), edge.port)


def _together(cases: Sequence[Case[Edge]]) -> Case[Edge]:
    """One case of all who meet the same fault: their arrows, settings and rows beside each other."""
    first, edges = cases[0], [case.facts for case in cases]
    names = list(dict.fromkeys(edge.source_name for edge in edges))
    words = {
        **first.words, "source": _and(names), "what": _and([case.words["what"] for case in cases]),
        "setting": _and([case.words["setting"] for case in cases]), "origin": _and([edge.origin for edge in edges]),
        "place": ", ".join(dict.fromkeys(reasoned(edge.place) for edge in edges)),
    }  # fmt: skip
    return replace(
        first, subject=", ".join(case.subject for case in cases), words=words, also=tuple(names),
        form=SEVERAL[first.form] if len(names) > 1 else first.form, rows=tuple(x for case in cases for x in case.rows),
        about="; ".join((case.about or "").replace("; ", ", ") for case in cases),
        severity="error" if any(case.severity == "error" for case in cases) else first.severity,
    )  # fmt: skip


def _and(said: Sequence[str]) -> str:
    """Each once, as people say it."""
    *others, last = dict.fromkeys(said)
    return _("{names} and {last}", names=", ".join(others), last=last) if others else last


def _unknown(name: str, edge: Edge, why: str) -> Unknown:
    return Unknown(name, _("Cannot say whether {name} reaches {edge}", name=name, edge=target(edge)), why)


def _is_young(edge: Edge, hop: Hop, boxes: Mapping[str, Container], now: float) -> bool:
    """Whether whoever is meant may still be about to listen. Whoever answers, if wrongly, is not."""
    there = boxes.get(edge.target or "")
    waits = hop.name == "port" or (hop.reason or "").startswith(PASSING)
    if there is None or there.state != "running" or not waits:
        return False
    if there.health is not None and there.health.status == "starting":
        return True
    return now - (there.started_at or 0.0) < LONGER.get(edge.kind, SETTLING)


def _doubt(edge: Edge) -> Hop | None:
    """Why an arrow could not be followed. Who is busy, and a MySQL that is left alone, are no matter of doubt here."""
    first = next((hop for hop in edge.hops if hop.state != "ok"), None)
    if first is None or first.state != "unknown" or "tried again" in (first.reason or ""):
        return None
    odd = first.name == "name" or (first.reason or "").startswith("it could not be tried")
    return first if odd and "left alone" not in (first.reason or "") else None


def _case(edge: Edge, hop: Hop, boxes: Mapping[str, Container]) -> Case[Edge]:
    there = boxes.get(edge.target or "")
    other = _elsewhere(edge, boxes) if hop.name == "name" else None
    at = place(edge.host, edge.port)
    rows = (
        Evidence(_("set in"), f"{edge.origin}: {edge.declared}", edge.place),
        *(
            Evidence(each.name, " ".join(filter(None, (each.state, each.reason))),
                     _("tried from {source_name}", source_name=edge.source_name))
            for each in edge.hops if each.state != "unknown"
        ),
    )  # fmt: skip
    blames = there.name if there is not None and there.id != edge.source else None
    words = {**_words(edge, hop, there), "at": at, "other": other.name if other else ""}
    words["network"] = next((link.network for link in boxes[edge.source].networks), "NETWORK")
    return Case(f"{edge.source_name} -> {at}", _form(edge, hop, there, other), edge, rows, words, _severity(edge),
                f"{edge.origin} {at}", also=(boxes[edge.source].name,), blames=blames)  # fmt: skip


def _words(edge: Edge, hop: Hop, there: Container | None) -> dict[str, str]:
    reason, name = hop.reason or N_("it fails"), there.name if there else place(edge.host, edge.port)
    short, said = reasoned(reason.partition(";")[0]), reasoned(reason)
    inside = sorted({port.container_port for port in there.ports if port.protocol == "tcp"}) if there else []
    elsewhere = _("; it has port {map}", map=", ".join(map(str, inside))) if inside and edge.port not in inside else ""
    web, what = edge.speaks == "http", KINDS.get(edge.kind, edge.kind)
    return {
        "source": edge.source_name, "what": what if what[:1].isupper() else _("its {what}", what=what),
        "host": edge.host, "port": str(edge.port),
        "target": name, "origin": edge.origin, "place": reasoned(edge.place),
        "setting": _("{variable} of {owner}", variable=edge.origin, owner=edge.source_name),
        "reason": said if hop.name == "protocol" else said[:1].upper() + said[1:], "short": short,
        "state": _(STATES.get(there.state, there.state)) if there else "",
        "act": "unpause" if there is not None and there.state == "paused" else "start",
        "although": _(", although {name} runs{elsewhere}", name=name, elsewhere=elsewhere) if there else "",
        "see": _("See what it says: docker logs --tail 50 {name}", name=name) if there else
               _("See whether a program listens there."),
        "scheme": (("http://" if edge.tls else "https://") if web else
                   (_("an address without TLS") if edge.tls else _("an address with TLS"))),
        "way_in": next((_(way, target=name) for part, way in WAYS_IN.items() if part in reason), _("See its log.")),
    }  # fmt: skip


def _severity(edge: Edge) -> Severity:
    """Of one model among several, and of a part that the service works without, it is a warning."""
    by_itself = edge.kind in ("ollama", "model_server") and edge.place.startswith("environment of ")
    return "error" if edge.kind in VITAL or by_itself else "warning"


def _form(edge: Edge, hop: Hop, there: Container | None, other: Container | None) -> Form:
    reason = hop.reason or ""
    if there is not None and there.state != "running":
        return STOPPED
    if hop.name == "name":
        return APART if other is not None else NAME if " knows no " in reason else NAMES
    if hop.name == "port":
        if not reason.startswith("nobody listens"):
            return WAY
        return ITSELF if edge.where == "itself" else PORT
    if reason.startswith(PASSING):
        return MUTE
    return TLS if "TLS" in reason else REFUSED if reason.startswith("refuses") else OTHER


def _elsewhere(edge: Edge, boxes: Mapping[str, Container]) -> Container | None:
    """A container that runs and is called so, but in no network of whoever asks."""
    ours = {link.network for link in boxes[edge.source].networks}
    for one in boxes.values():
        called = edge.host in {*names_of(one), one.service} and one.state == "running" and one.id != edge.source
        if called and one.detailed and one.network_mode != "host" and ours.isdisjoint(x.network for x in one.networks):
            return one
    return None


CHECK = Check(
    ARROW, "Services reach what they are set up to reach", __doc__ or "", FORMS, find, by_hand,
    reads=("containers", "edges", "proxies", "services", "last_words"), proves=("wiring",),
)  # fmt: skip
