"""Ollama listens on 127.0.0.1 only, while others are set up to use it.

What it does
    Looks where each Ollama listens: by ``OLLAMA_HOST`` in a container, by its sockets on the machine itself. Tells when
    that is loopback and a container, or a published port, leads to it from outside.

Why it matters
    Loopback inside a container is that container alone: a published port then leads nowhere, and neighbours are refused
    (``connect ECONNREFUSED``). On the machine itself Ollama listens on 127.0.0.1 unless told otherwise, so containers
    that reach the host by ``host.docker.internal`` or its LAN address are refused as well, while ``curl localhost``
    on the host works.

Fix
    For a container: sets ``OLLAMA_HOST=0.0.0.0`` in the override file and recreates that one service; inside a
    container this opens nothing that its ports do not. In the host's network, and for an Ollama under systemd, what to
    write is shown: whoever can reach the machine can then use it without a key, so a firewall has to stand in front.

Sources
    ollama docs (faq: how do I configure Ollama server, how can I expose Ollama on my network), envconfig/config.go;
    the Dockerfile of ollama/ollama, which sets OLLAMA_HOST=0.0.0.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Container, Server, ServerUser, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.stacks.addresses import address_of
from ...console.stacks.engines import is_desktop
from ...console.stacks.gateways import environment
from ...console.stacks.model_products import told_host, told_port
from ...console.steps import SetServiceKeys
from .. import Check, compose
from .bind_examples import EXAMPLES
from .common import containers, is_loopback, natives, place_of, plan_edit, refusal, severity_of

ID = "ollama.bind"
VARIABLE = "OLLAMA_HOST"
PORT = 11434
NAME = "host.docker.internal"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container; what leads to it are its ports
_HOST = "give it a network of its own, or open it behind a firewall"
DROP_IN = "/etc/systemd/system/ollama.service.d/override.conf"


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each Ollama."""
    for container, server in containers(snapshot):
        yield _judge(container, server, snapshot)
    for server in natives(snapshot):
        yield _native(server, snapshot)


def _judge(container: Container, server: Server | None, snapshot: Snapshot) -> Result:
    name = container.name
    if not container.detailed:
        return Result(ID, name, "unknown", f"Where {name} listens is not known", because="not inspected yet")
    host = _host(container)
    if host is None:
        return Result(ID, name, "ok", f"{name} is not told to listen on loopback")
    shared = container.network_mode == "host"
    if shared and not _outside(server):
        return Result(ID, name, "ok", f"{name} listens on {host} of the machine, and nobody else is set up to use it")
    if not shared and not _outside(server) and not container.ports and _beside(container, snapshot):
        return Result(ID, name, "ok", f"{name} listens on {host}, and others are inside its network namespace")
    if server is not None and server.state in ("up", "busy") and not shared:
        return Result(ID, name, "ok", f"{name} answers in spite of {VARIABLE}={host}")
    return _found(container, server, snapshot, host)


def _beside(container: Container, snapshot: Snapshot) -> bool:
    """Whether it shares one network namespace with others, to whom its loopback is theirs: a proxy, a VPN."""
    if (container.network_mode or "").startswith("container:"):
        return True
    return any(other.network_mode == f"container:{container.id}" for other in snapshot.containers)


def _host(container: Container) -> str | None:
    """The loopback address it was told; None for any other. fact: an empty value is the default, 127.0.0.1."""
    env = environment(container)
    if VARIABLE not in env:
        return None  # an image of somebody's own: what its script does is not known
    host = told_host("ollama", (), env)
    if host is None:
        return None if env[VARIABLE].strip() else "127.0.0.1"
    return host if is_loopback(host) else None


def _found(container: Container, server: Server | None, snapshot: Snapshot, host: str) -> Result:
    name, shared = container.name, container.network_mode == "host"
    people = _outside(server) if shared else (server.users if server else ())
    source = f"docker inspect {name}"
    rows = [Evidence(VARIABLE, environment(container)[VARIABLE] or "empty", source)]
    ports = [port for port in container.ports if port.host_port and not shared]
    rows += [Evidence("published", f"{p.host_ip or EVERYWHERE}:{p.host_port}", source) for p in ports]
    if server is not None and server.state == "down":
        rows.append(Evidence("asked", server.reason or "it does not answer", server.address))
    form = "host-network" if shared else "container"
    safety = _plan(container, snapshot, Result(ID, name, "finding", "", form=form)).safety
    where = "this container, so that neither its ports nor its neighbours get there"
    if shared:
        where = "this machine, as it uses the host's network, and for every other container it is that container"
    return compose.finding(
        ID, name, form, f"{name} listens on {host} only",
        severity=severity_of(container, "error" if people or ports else "warning"),
        because=f"{VARIABLE} says so. {host} is {where}.", evidence=(*rows, *_users(people)),
        fix=FixSummary(safety, _HOST if shared else f"set {VARIABLE}={EVERYWHERE} and recreate it"),
    )  # fmt: skip


def _native(server: Server, snapshot: Snapshot) -> Result:
    if server.listens is None:
        because = "the table of connections could not be read, or not whose they are"
        return Result(ID, server.key, "unknown", f"Where {server.key} listens is not known", because=because)
    people = tuple(user for user in _outside(server) if not _forwarded(user, snapshot))
    if not server.listens or not all(is_loopback(host) for host in server.listens) or not people:
        return Result(ID, server.key, "ok", f"{server.key} listens where its users ask", evidence=_users(server.users))
    rows = [Evidence("listens on", ", ".join(server.listens), f"sockets of process {server.pid}")]
    return compose.finding(
        ID, server.key, "native", "Ollama on this machine listens on loopback only, and others are set up to use it",
        severity="error", because="From inside a container 127.0.0.1 is the container itself, so it has to come by "
        "another address of the machine, and there nobody listens.",
        evidence=(*rows, *_users(people)), fix=FixSummary("manual", f"let systemd give it {VARIABLE}={EVERYWHERE}"),
    )  # fmt: skip


def _outside(server: Server | None) -> tuple[ServerUser, ...]:
    """Users that come by another address than loopback."""
    found = []
    for user in server.users if server else ():
        address = address_of(user.address or "")
        if address is not None and not is_loopback(address.host):
            found.append(user)
    return tuple(found)


def _forwarded(user: ServerUser, snapshot: Snapshot) -> bool:
    """fact: a desktop's Engine hands host.docker.internal on to the machine's own loopback."""
    address = address_of(user.address or "")
    return is_desktop(snapshot.engine) and address is not None and address.host.lower() == NAME


def _users(users: tuple[ServerUser, ...]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("used by", f"{user.who}{f' at {user.address}' if user.address else ''}", "settings of the stack")
        for user in users
    )


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """The variable in the override and the service anew; for a native Ollama the drop-in to write."""
    for container, _ in containers(snapshot):
        if container.name == result.subject and _host(container) is not None:
            return _plan(container, snapshot, result)
    if any(server.key == result.subject for server in natives(snapshot)):
        return _by_hand(result)
    return compose.manual(result, "There is nothing to repair any more.")


def _plan(container: Container, snapshot: Snapshot, result: Result) -> Plan:
    place = place_of(snapshot, container)
    port = told_port("ollama", (), environment(container)) or PORT
    value = EVERYWHERE if port == PORT else f"{EVERYWHERE}:{port}"
    if container.network_mode == "host":
        return compose.manual(
            result,
            f"{VARIABLE}={value} in its environment lets it listen on every address of the machine, without a key: "
            "only behind a firewall.",
            "Safer: take network_mode: host out, so that containers in its network reach it by name and nobody else.",
            "Recreate the container after either change.",
        )
    why = refusal(place)
    if why is not None:
        return compose.manual(result, why, f"By hand: make the container anew with {VARIABLE}={value}.")
    says = [
        f"{container.name} is recreated: answers being written are cut off. Models on its volume stay.",
        "Inside a container this opens nothing by itself: who gets there is decided by its ports.",
        "Undo takes the variable out again and recreates the service.",
    ]
    return plan_edit(ID, result, place, SetServiceKeys(place.service or "", environment=((VARIABLE, value),)), *says)


def _by_hand(result: Result) -> Plan:
    return compose.manual(
        result,
        f"Run `systemctl edit ollama`, which writes {DROP_IN}, and put these two lines into it:",
        "[Service]",
        f'Environment="{VARIABLE}={EVERYWHERE}"',
        "Then `systemctl restart ollama`; the model that is loaded is loaded again at the next request.",
        f"It then takes requests from everywhere without a key. {VARIABLE}=172.17.0.1 (the bridge's address) lets "
        "containers in and nobody else; or keep others out by a firewall.",
        "`systemctl edit` makes systemd read all units again. Where Docker uses the systemd cgroup driver, running "
        "containers with a GPU may lose it then: gpu.lost-in-container tells which.",
    )


CHECK = Check(
    id=ID, title="Ollama listens where others are set up to use it", severity="error", doc=__doc__ or "",
    examine=examine, plan=plan, examples=EXAMPLES,
)  # fmt: skip
