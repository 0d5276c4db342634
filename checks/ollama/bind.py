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

from collections.abc import Iterator
from dataclasses import dataclass

from ...console.fix.steps import SetServiceKeys
from ...console.model import Container, Server, ServerUser
from ...console.products.addresses import address_of
from ...console.products.dockerd import is_desktop
from ...console.products.gateways import environment
from ...console.products.model_users import told_host, told_port
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual
from ..compose import Placed, place_of, severity_of, used_by
from ..subjects import containers, natives

VARIABLE = "OLLAMA_HOST"
PORT = 11434
NAME = "host.docker.internal"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container; what leads to it are its ports
DROP_IN = "/etc/systemd/system/ollama.service.d/override.conf"
_LOOPBACK = ("127.", "localhost", "::1", "[::1]")
CONTAINER = Form(
    "container",
    "{subject} listens on {host} only",
    f"{VARIABLE} says so. {{host}} is this container, so that neither its ports nor its neighbours get there.",
    f"set {VARIABLE}={EVERYWHERE} and recreate it",
)
HOST_NETWORK = Form(
    "host-network",
    "{subject} listens on {host} only",
    f"{VARIABLE} says so. {{host}} is this machine, as it uses the host's network, and for every other container it is "
    "that container.",
    "give it a network of its own, or open it behind a firewall",
    advice=f"{VARIABLE}={{value}} in its environment lets it listen on every address of the machine, without a key: "
    "only behind a firewall.\n"
    "Safer: take network_mode: host out, so that containers in its network reach it by name and nobody else.\n"
    "Recreate the container after either change.",
)
NATIVE = Form(
    "native",
    "Ollama on this machine listens on loopback only, and others are set up to use it",
    "From inside a container 127.0.0.1 is the container itself, so it has to come by another address of the machine, "
    "and there nobody listens.",
    f"let systemd give it {VARIABLE}={EVERYWHERE}",
    advice=f"Run `systemctl edit ollama`, which writes {DROP_IN}, and put these two lines into it:\n"
    f'[Service]\nEnvironment="{VARIABLE}={EVERYWHERE}"\n'
    "Then `systemctl restart ollama`; the model that is loaded is loaded again at the next request.\n"
    f"It then takes requests from everywhere without a key. {VARIABLE}=172.17.0.1 (the bridge's address) lets "
    "containers in and nobody else; or keep others out by a firewall.\n"
    "`systemctl edit` makes systemd read all units again. Where Docker uses the systemd cgroup driver, running "
    "containers with a GPU may lose it then: gpu.lost-in-container tells which.",
)


@dataclass(frozen=True)
class Bound:
    """A container that listens on loopback, and the value that would open it."""

    place: Placed
    value: str


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each Ollama."""
    for container, server in containers(snapshot):
        yield _judge(container, server, snapshot)
    for server in natives(snapshot):
        yield _native(server, snapshot)


def _judge(container: Container, server: Server | None, snapshot: Snapshot) -> Found:
    name = container.name
    host = _host(container)
    if host is None:
        return Fine(name, _("{name} is not told to listen on loopback", name=name))
    shared, outside = container.network_mode == "host", _outside(server)
    if shared and not outside:
        return Fine(
            name,
            _("{name} listens on {host} of the machine, and nobody else is set up to use it", name=name, host=host),
        )
    if not shared and not outside and not container.ports and _beside(container, snapshot):
        return Fine(
            name, _("{name} listens on {host}, and others are inside its network namespace", name=name, host=host)
        )
    if server is not None and server.state in ("up", "busy") and not shared:
        return Fine(name, _("{name} answers in spite of {variable}={host}", name=name, variable=VARIABLE, host=host))
    return _found(place_of(snapshot, container), container, server, host)


def _beside(container: Container, snapshot: Snapshot) -> bool:
    """Whether it shares one network namespace with others, to whom its loopback is theirs: a proxy, a VPN."""
    if (container.network_mode or "").startswith("container:"):
        return True
    return any(other.network_mode == f"container:{container.id}" for other in snapshot.containers)


def _host(container: Container) -> str | None:
    """The loopback address it was told; None for any other. An empty value means 127.0.0.1 (envconfig/config.go)."""
    env = environment(container)
    if VARIABLE not in env:
        return None  # an image of somebody's own: what its script does is not known
    host = told_host("ollama", (), env)
    if host is None:
        return None if env[VARIABLE].strip() else "127.0.0.1"
    return host if host.startswith(_LOOPBACK) else None


def _found(place: Placed, container: Container, server: Server | None, host: str) -> Case[Bound]:
    shared, source = container.network_mode == "host", f"docker inspect {container.name}"
    people = _outside(server) if shared else (server.users if server else ())
    rows = [Evidence(VARIABLE, environment(container)[VARIABLE] or "empty", source)]
    ports = [port for port in container.ports if port.host_port and not shared]
    rows += [Evidence(_("published"), f"{p.host_ip or EVERYWHERE}:{p.host_port}", source) for p in ports]
    if server is not None and server.state == "down":
        rows.append(Evidence(_("asked"), server.reason or _("it does not answer"), server.address))
    port = told_port("ollama", (), environment(container)) or PORT
    value = EVERYWHERE if port == PORT else f"{EVERYWHERE}:{port}"
    return Case(
        container.name, HOST_NETWORK if shared else CONTAINER, Bound(place, value), (*rows, *used_by(people)),
        {"host": host, "value": value},
        severity_of(container, "error" if people or ports else "warning"),
    )  # fmt: skip


def _native(server: Server, snapshot: Snapshot) -> Found:
    if server.listens is None:
        why = _("the table of connections could not be read, or not whose they are")
        return Unknown(server.key, _("Where {key} listens is not known", key=server.key), why)
    people = tuple(user for user in _outside(server) if not _forwarded(user, snapshot))
    if not server.listens or not all(host.startswith(_LOOPBACK) for host in server.listens) or not people:
        return Fine(server.key, _("{key} listens where its users ask", key=server.key), used_by(server.users))
    listens = Evidence(_("listens on"), ", ".join(server.listens), _("sockets of process {pid}", pid=server.pid))
    return Case(server.key, NATIVE, None, (listens, *used_by(people)))


def _outside(server: Server | None) -> tuple[ServerUser, ...]:
    """Users that come by another address than loopback."""
    asked = ((user, address_of(user.address or "")) for user in (server.users if server else ()))
    return tuple(user for user, address in asked if address and not address.host.startswith(_LOOPBACK))


def _forwarded(user: ServerUser, snapshot: Snapshot) -> bool:
    """Whether a desktop's Engine hands the user on: it leads host.docker.internal to the machine's own loopback."""
    address = address_of(user.address or "")
    return is_desktop(snapshot.engine) and address is not None and address.host.lower() == NAME


def plan(case: Case[Bound | None], _answers: Answers) -> Plan:
    """The variable in the override and the service anew; for a native Ollama the drop-in to write."""
    if case.facts is None or case.form is HOST_NETWORK:
        return manual(*case.advice)
    place, value = case.facts.place, case.facts.value
    why = compose.refusal(place, _(": make it anew with the setting."))
    if why is not None:
        return manual(
            why, _("By hand: make the container anew with {variable}={value}.", variable=VARIABLE, value=value)
        )
    return compose.edit_override(
        place, SetServiceKeys(place.service or "", environment=((VARIABLE, value),)),
        compose.left_so(place)
        or _(
            "{place} is recreated: answers being written are cut off. Models on its volume stay.",
            place=place.subject,
        ),
        _("Inside a container this opens nothing by itself: who gets there is decided by its ports."),
        _("Undo takes the variable out again and recreates the service."),
    )  # fmt: skip


CHECK = Check(
    "ollama.bind", "Ollama listens where others are set up to use it", __doc__ or "",
    (CONTAINER, HOST_NETWORK, NATIVE), find, plan,
    reads=("engine", "containers", "projects", "servers"),
)  # fmt: skip
