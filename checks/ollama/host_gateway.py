"""A container asks for host.docker.internal, and on Linux nobody knows that name.

What it does
    Looks at every container that has an address with ``host.docker.internal`` in its environment, or that is set up
    with one in a configuration file or a channel, and at its extra hosts. Docker Desktop and OrbStack resolve the name
    by themselves, and so may an alias in the container's network: there it is no finding.

Why it matters
    Tutorials are written on Docker Desktop. On Linux the name does not exist inside a container until it is given one:
    the request ends with ``getaddrinfo ENOTFOUND host.docker.internal``, and LibreChat, Open WebUI, One API or FastGPT
    show a connection error that says nothing of a name.

Fix
    Adds ``extra_hosts: ["host.docker.internal:host-gateway"]`` for that one service to the override file and recreates
    it. Whether the server on the host listens for containers is another question: ollama.bind.

Sources
    Docker Engine 20.10 release notes (host-gateway); LibreChat's docker-compose.yml, which has the line; FastGPT's and
    One API's issues on localhost and host.docker.internal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Container, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.stacks.engines import is_desktop, is_podman
from ...console.stacks.gateways import names_of, release, share_network
from ...console.steps import SetServiceKeys
from ...console.text import clean_line
from .. import Check, compose
from ..compose import Placed, bring_up
from .common import place_of, plan_edit, refusal, severity_of
from .host_gateway_examples import EXAMPLES

ID = "ollama.host-gateway"
NAME = "host.docker.internal"
GATEWAY = "host-gateway"
SETTINGS = "settings of the stack"
SINCE = (20, 10)
"""fact: the first Engine that knows ``host-gateway``."""
_ADDRESS = re.compile(rf"(?:^|[/@;,\s\"'=]){re.escape(NAME)}(?=$|[:/;,\s\"'])", re.IGNORECASE)
_NO_USE = re.compile(
    r"no_proxy|(?:^|_)(?:allowed|trusted)_?(?:hosts|origins|addresses)|^(?:HOSTNAME|HOME|PATH|PWD)$", re.IGNORECASE
)
_MACHINES = re.compile(r"^(?:lima-|colima|docker-desktop|orbstack)", re.IGNORECASE)


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each container that asks for the name."""
    for container in snapshot.containers:
        asked = uses(container, snapshot)
        if asked:
            yield _judge(container, asked, snapshot)


def uses(container: Container, snapshot: Snapshot) -> tuple[Evidence, ...]:
    """Where the container has the name as an address.

    Of an env file that several services share only what is known to be read counts, as an address of a model server.
    """
    names = {container.name, container.service}
    users = (user for server in snapshot.servers for user in server.users if user.service in names)
    followed = [clean_line(user.who, 120) for user in users if _ADDRESS.search(user.address or "")]
    rows, place = [], place_of(snapshot, container)
    for variable in container.env:
        if not _ADDRESS.search(variable.value) or _NO_USE.search(variable.name):
            continue
        who = clean_line(f"{container.name}, {variable.name}")
        if who in followed or not _from_env_file(place, variable.name):
            rows.append(Evidence(variable.name, NAME, f"docker inspect {container.name}"))
    own = f"{container.name}, "
    rows += [Evidence(who, NAME, SETTINGS) for who in followed if not who.startswith(own)]
    return tuple(dict.fromkeys(rows))


def _from_env_file(place: Placed, name: str) -> bool:
    """Whether a variable comes out of an env file and nothing in the service's own lines names it."""
    declared = place.declared
    if declared is None or not declared.env_files or name in declared.named:
        return False
    return any(variable.name == name for variable in declared.env)


def _judge(container: Container, asked: tuple[Evidence, ...], snapshot: Snapshot) -> Result:
    name = container.name
    if not container.detailed:
        return _unknown(name, "the container has not been inspected yet")
    known = _known(container, snapshot)
    if known is not None:
        return Result(ID, name, "ok", f"{name} knows {NAME}: {known}", evidence=asked)
    if snapshot.engine is None or not snapshot.engine.os:
        return _unknown(
            name, "the Engine does not tell whether it is Docker Desktop, which resolves the name by itself"
        )
    if (container.network_mode or "").startswith("container:"):
        return _unknown(name, "it shares another container's network, whose names count")
    if any(mount.target == "/etc/hosts" for mount in container.mounts):
        return _unknown(name, "a file of yours is mounted as its /etc/hosts, and may well name it")
    place = place_of(snapshot, container)
    declared = place.declared is not None and any(_names_it(one) for one in place.declared.extra_hosts)
    form = "not-recreated" if declared else "missing"
    safety = _plan(container, snapshot, Result(ID, name, "finding", "", form=form)).safety
    engine = snapshot.engine
    rows = (
        *asked, Evidence("extra hosts", ", ".join(container.extra_hosts) or "none", f"docker inspect {name}"),
        Evidence("Engine", f"{engine.version} on {engine.os}", engine.address),
    )  # fmt: skip
    because = f"On Linux {NAME} is no name inside a container unless the container is given it as an extra host."
    if declared:
        because += " The compose file does so by now, but the container was made before."
    return compose.finding(
        ID, name, form, f"{name} asks for {NAME}, which it cannot resolve", because=because, evidence=rows,
        severity=severity_of(container, "error" if _meant(place, asked) else "warning"),
        fix=FixSummary(safety, _SUMMARY[form] if safety != "manual" else "give it the name by hand"),
    )  # fmt: skip


_SUMMARY = {
    "missing": f"add {NAME}:{GATEWAY} to its extra hosts and recreate it",
    "not-recreated": "recreate the service from its compose files",
}


def _meant(place: Placed, asked: tuple[Evidence, ...]) -> bool:
    """Whether somebody wrote the name down here, and not only the maker of the image."""
    if place.declared is None:
        return True
    names = {variable.name for variable in place.declared.env}
    return any(row.label in names or row.source == SETTINGS for row in asked)


def _known(container: Container, snapshot: Snapshot) -> str | None:
    """Why the name can be resolved; None where nothing speaks for it."""
    if any(_names_it(entry) for entry in container.extra_hosts):
        return "it is one of its extra hosts"
    engine = snapshot.engine
    if engine is not None and is_podman(engine):
        return "Podman resolves it"
    if engine is not None and is_desktop(engine):
        return f"{engine.os or 'this Engine'} resolves it"
    if _MACHINES.match(snapshot.host.name):
        return f"{snapshot.host.name} resolves it"
    for other in snapshot.containers:
        if NAME in names_of(other) and other.id != container.id and share_network(container, other):
            return f"{other.name} has it as a name in a common network"
    return None


def _names_it(entry: str) -> bool:
    return re.split("[:=]", entry)[0].lower() == NAME


def _unknown(name: str, because: str) -> Result:
    return Result(ID, name, "unknown", f"Whether {name} can resolve {NAME} is not known", because=because)


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """The extra host in the override, then the service anew."""
    for container in snapshot.containers:
        if container.name == result.subject and _known(container, snapshot) is None:
            return _plan(container, snapshot, result)
    return compose.manual(result, "There is nothing to repair any more.")


def _plan(container: Container, snapshot: Snapshot, result: Result) -> Plan:
    place, engine = place_of(snapshot, container), snapshot.engine
    why = refusal(place)
    numbers = release(engine.version) if engine else None
    if numbers is not None and numbers < SINCE:
        why = f"Docker {engine.version if engine else ''} does not know {GATEWAY}, which came with 20.10."
    if why is not None:
        return compose.manual(
            result, why, f"By hand: `docker run --add-host {NAME}:{GATEWAY}`, or write the machine's own address "
            "in the LAN in place of the name.",
        )  # fmt: skip
    says = [
        f"{container.name} is recreated: what it is doing is cut off. Its data stay.",
        "The server on the host has to listen for containers too (ollama.bind), and its firewall has to let them in.",
        "Undo takes the name out again and recreates the service.",
    ]
    if engine is not None and engine.rootless:
        says.append("The Engine runs rootless: the name then leads into its own namespace, and often not to the host.")
    resting, left = compose.put_away(container), f"{container.name} lies stopped: it is made anew and left so."
    end = bring_up(place, force=True, start=not resting)
    if result.form == "not-recreated" and end is not None:
        return Plan(
            ID, result.subject, result.title, steps=(end,), safety="disruptive", restarts=(place.service or "",),
            says=(left if resting else says[0], says[1]), lock=place.directory, deadline=90.0,
        )  # fmt: skip
    edit = SetServiceKeys(place.service or "", extra_hosts=((NAME, GATEWAY),))
    return plan_edit(ID, result, place, edit, *says)


CHECK = Check(
    id=ID, title=f"Containers that ask for {NAME} can resolve it", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
