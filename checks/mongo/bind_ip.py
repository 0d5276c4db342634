"""mongod listens on loopback only, while apps in other places are set up to use it.

What it does
    For a mongod in a container reads where it listens: --bind_ip, --bind_ip_all, net.bindIp of its configuration file,
    and mongod's own default where it is started past the image's entrypoint, which alone adds --bind_ip_all. For a
    mongod on the machine itself it reads its sockets. Tells when that is loopback, and an app of another container or
    a published port leads there. A mongod that has answered from outside is left alone.

Why it matters
    mongod listens on 127.0.0.1 unless it is told otherwise. Inside a container that is the container alone, and on the
    machine no container gets there: the app says `connect ECONNREFUSED` or `buffering timed out after 10000ms`, while
    mongosh works where mongod runs.

Fix
    Explained: which option to write. On the machine itself, never without users and a firewall: whoever reaches an
    open mongod without users can read and delete everything.

Sources
    MongoDB's manual, net.bindIp (localhost by default from 3.6 on); docker-library/mongo docker-entrypoint.sh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...console.model import Container, Edge, NativeProcess, Snapshot
from ...console.model.findings import Evidence
from ...console.products.addresses import place
from ...console.products.dockerd import is_desktop
from ...console.products.mongo import Client, config_path, option
from ...console.products.mongo_uri import PORT
from ...console.products.roles import role_of_program
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..compose import severity_of
from .node import MongoNode, nodes
from .start import config_of, is_bitnami, official

LOOPBACK = re.compile(r"(?:127\.[\d.]+|localhost|::1|::ffff:127\.[\d.]+)$")
_ALL = re.compile(r"(?:^|\s)--bind_ip_all(?=\s|$|[;&|)=])")

OPTION = Form(
    "option", "{subject} listens on {address} only: {app} cannot get there",
    "{told}. Inside a container that is the container itself, whatever its ports are.",
    "let mongod listen on every address of its container",
    advice="Write --bind_ip_all into its command in place of what is said there of addresses ({place}).\n"
    "Then: docker compose up -d {service}. Inside a container this opens nothing that its ports do not.",
)  # fmt: skip
IN_FILE = Form(
    "config", "{subject} listens on {address} only: {app} cannot get there",
    "{told}. Inside a container that is the container itself, whatever its ports are.",
    "let mongod listen on every address of its container",
    advice="In {path} write bindIp: 0.0.0.0 under net.\nThen: docker restart {subject}",
)  # fmt: skip
NATIVE = Form(
    "native", "mongod on this machine listens on {address} only: {app} cannot get there",
    "mongod takes connections from the machine itself alone unless bindIp says otherwise. A container comes by another "
    "address of the machine.",
    "add the address of Docker's bridge to bindIp",
    advice="In its configuration (usually /etc/mongod.conf) write under net: bindIp: 127.0.0.1,172.17.0.1 - the second "
    "is the address of Docker's bridge: ip -4 addr show docker0\n"
    "Then restart mongod: sudo systemctl restart mongod\n"
    "Have users and authorization: enabled before. Never write 0.0.0.0 on a machine that others reach.",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each mongod in a container or on the machine that somebody else is set up to use."""
    for node in nodes(snapshot):
        found = _judge(node, snapshot)
        if found is not None:
            yield found
    for process in snapshot.processes:
        if role_of_program(process.command) == "mongo":
            yield from _native(process, snapshot)


def _judge(node: MongoNode, snapshot: Snapshot) -> Found | None:
    container, name = node.container, node.subject
    users = [app for app in (*node.apps, *node.declared_apps) if not _inside(app.container, container)]
    ports = [port for port in container.ports if port.host_port and port.protocol == "tcp"] if container else []
    shared = container is not None and container.network_mode == "host"
    if not users and (shared or not ports):
        return None
    bound = _bound(node, snapshot)
    if bound is None:
        return None
    addresses, told, path = bound
    seen = node.answers and node.said.via in ("published port", "container address")
    if seen or not all(LOOPBACK.match(one) for one in addresses):
        return Fine(name, _("{name} listens where others ask for it", name=name))
    app = users[0].container.service or users[0].container.name if users else _("whoever comes by its published port")
    rows = (Evidence(_("listens on"), ", ".join(addresses), path or node.place.source), *_needed(users),
            *(Evidence(_("published"), _("port {port}", port=port.host_port), node.place.source)
              for port in ports[:1]))  # fmt: skip
    words = {"address": ", ".join(addresses), "told": told, "app": app, "service": node.place.service or name,
             "place": node.place.source, "path": path or ""}  # fmt: skip
    severity = severity_of(container, "error" if users else "warning")
    return Case(name, IN_FILE if path else OPTION, None, rows, words, severity)


def _inside(app: Container, container: Container | None) -> bool:
    """Whether the app shares the network of its mongod, whose loopback is its own."""
    if container is None:
        return False
    both = (app, container)
    modes = {one.network_mode or "" for one in both}
    joined = {joins for one in both for joins in (f"container:{one.id}", f"service:{one.service}")}
    return app.id == container.id != "" or modes == {"host"} or not modes.isdisjoint(joined)


def _needed(users: list[Client]) -> Iterator[Evidence]:
    for app in users[:4]:
        host, port = app.uri.hosts[0] if app.uri.hosts else ("", PORT)
        name = app.container.name
        yield Evidence(
            _("needed by"),
            f"{name}, {app.variable}, at {place(host, port or PORT)}",
            _("settings of {name}", name=name),
        )


def _bound(node: MongoNode, snapshot: Snapshot) -> tuple[tuple[str, ...], str, str | None] | None:
    """Addresses, how that is known, and the configuration file that says so; None where nothing tells."""
    words = node.place.words
    if any(_ALL.search(word) for word in words):
        return ("0.0.0.0",), _("{option} says so", option="--bind_ip_all"), None  # noqa: S104 - what it was told
    given = option("--bind_ip", words)
    if given:
        return _listed(given), _("{option} says so", option=f"--bind_ip {given}"), None
    config = config_of(snapshot, node.place)
    if config is not None and config.bind:
        return _listed(config.bind), _("bindIp in {path} says so", path=config.path), config.path
    if config is None and config_path(words) is not None:
        return None  # it may stand in a file that could not be read
    if not official(node.place.image) or is_bitnami(node.place):
        return None
    if node.mongod.passed_by:
        return ("127.0.0.1",), _("mongod is started past the image's entrypoint, and that is its own default"), None
    return (("0.0.0.0",), _("the image's entrypoint adds --bind_ip_all"), None) if not node.mongod.wrapped else None  # noqa: S104


def _listed(text: str) -> tuple[str, ...]:
    """fact: MongoDB's manual: commas between them, a path is a socket and no address, ``*`` stands for all."""
    found = (part.strip().strip("\"'") for part in text.split(","))
    return tuple(one for one in found if one and not one.startswith("/")) or ("127.0.0.1",)


def _native(process: NativeProcess, snapshot: Snapshot) -> Iterator[Found]:
    """By its sockets, for the arrows that lead to this machine."""
    given = option("--port", process.command) or ""
    ports = {port for _, port in process.listens or ()} or {int(given) if given.isdecimal() else PORT}
    arrows = [one for one in snapshot.edges if one.kind == "mongo" and one.where == "machine" and one.port in ports]
    arrows = [one for one in arrows if not _on_host(one, snapshot)]
    if not arrows or is_desktop(snapshot.engine):
        return  # a desktop's Engine hands containers on to the machine's own loopback
    subject = f"mongod on port {min(ports)}"
    if process.listens is None:
        why = _("its sockets could not be read: only root may look into processes of others")
        yield Unknown(subject, _("Cannot say where the {subject} of this machine listens", subject=subject), why)
        return
    addresses = tuple(dict.fromkeys(host for host, port in process.listens))
    if not addresses or not all(LOOPBACK.match(one) for one in addresses):
        yield Fine(subject, _("The {subject} of this machine listens where containers ask", subject=subject))
        return
    rows = (Evidence(_("listens on"), ", ".join(addresses), _("sockets of process {pid}", pid=process.pid)),
            *(Evidence(_("needed by"), f"{one.source_name}, {one.origin}, at {place(one.host, one.port)}", one.place)
              for one in arrows[:4]))  # fmt: skip
    yield Case(subject, NATIVE, None, rows, {"address": ", ".join(addresses), "app": arrows[0].source_name})


def _on_host(edge: Edge, snapshot: Snapshot) -> bool:
    return any(one.id == edge.source and one.network_mode == "host" for one in snapshot.containers)


CHECK = Check(
    "mongo.bind-ip", "MongoDB listens where its apps ask for it", __doc__ or "", (OPTION, IN_FILE, NATIVE), find,
    by_hand,
    reads=("engine", "containers", "projects", "services", "mongos", "mongod_configs", "processes", "edges",
           "log_marks"), of=("mongo",),
)  # fmt: skip
