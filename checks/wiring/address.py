"""An address in a service's settings leads nowhere: loopback, a name that nobody has, the published port.

What it does
    Takes the addresses that FastGPT, One API, LibreChat, rag_api, Open WebUI and others are given in their environment,
    and those that a librechat.yaml names (endpoints, Azure groups, OCR, speech, MCP servers), and follows each from
    where it is used, inside that container: loopback is the container itself; a name has to be
    that of a service, container or alias in a common network; under host networking no such name exists; between
    containers the port inside counts, not the one that is published. Works on the files alone as well as on what runs.

Why it matters
    The app only says `ECONNREFUSED`, `ENOTFOUND` or `buffering timed out after 10000ms`. The address looks right, as
    the same one works on the machine itself, or worked before a service was renamed.

Fix
    Explained with the address to write instead. It is not written by a key: such values hold logins, and the line
    stands in the operator's own files.

Sources
    Docker's documentation of networks and of name resolution between containers; FastGPT issues 844 and 1240; One API
    issues 773 and 1077; ollama issue 8674; Compose specification, networks and aliases.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.model import Role
from ...console.products.edges import UNREAD, VARIABLES, read_of
from ...console.products.gateways import connections
from ...console.products.model_users import product_of_image, told_port
from ...console.products.registry import SERVERS
from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual
from ..librechat.process import api_of
from ..parties import Party, in_files, may_know_more, near, parties, reachable

GATEWAYS = ("host.docker.internal", "gateway.docker.internal", "172.17.0.1")
PORTS: dict[Role, tuple[int, str]] = {
    "mongo": (27017, ""), "mysql": (3306, "MYSQL_TCP_PORT"), "postgres": (5432, "PGPORT"),
    "redis": (6379, "REDIS_PORT"), "oneapi": (3000, "PORT"), "rag_api": (8000, "RAG_PORT"),
    "meilisearch": (7700, "MEILI_HTTP_ADDR"), "librechat": (3080, "PORT"),
}  # fmt: skip
"""Where a server listens inside its container, and the variable that moves it; its command line may move it too.

fact: docker-library mongo, mysql, postgres and redis; One API, rag_api, Meilisearch and LibreChat of these variables
"""
OLLAMA = 11434
_MOVED = re.compile(r"(?:^|\s)(?:--port|--http-addr|--config|-p|-c\s*port)[=\s]|(?:^|\s)port\s*=", re.IGNORECASE)
_LOOPBACK = re.compile(r"localhost|.+\.localhost|127(?:\.\d+){3}|0\.0\.0\.0|::1?")
_PLACEHOLDER = re.compile(r"(?:^|[-_])(?:your|xxx+|example|change[-_]?me)(?:[-_]|$)|_address$|[{}<>]", re.IGNORECASE)
"""A name that a template left to be filled in: nobody can be meant by it yet."""
MOST = 12

_FIX = "write the address that leads there into {variable}, and recreate the service"
ITSELF = Form(
    "itself", "{subject} looks for {wanted} at itself: {variable} says {host}{more}",
    "Inside a container {host} is that container, whatever the machine publishes", _FIX,
)  # fmt: skip
NOBODY = Form(
    "nobody", "{subject} looks for {wanted} under a name that nobody has: {variable} says {host}{more}",
    "No service, container or alias in a network of {subject} is called {host}", _FIX,
)  # fmt: skip
APART = Form(
    "apart", "{subject} cannot reach {host}, which {variable} names: they share no network{more}",
    "Names are known only inside a common network", "put both services into one network, and recreate them",
)  # fmt: skip
HOST_NETWORK = Form(
    "host-network", "{subject} uses the machine's network, where nobody is called {host}: {variable} says so{more}",
    "Docker's names exist only in Docker's networks; with network_mode: host there are none", _FIX,
)  # fmt: skip
PORT = Form(
    "port", "{subject} asks {host} at port {port}, where it does not listen: {variable} says {host}:{port}{more}",
    "Between containers the port inside counts: {host} listens on {right}{published}", _FIX,
)  # fmt: skip
MACHINE_PORT = Form(
    "machine-port", "{subject} asks this machine at port {port}, where nobody listens: {variable} says so{more}",
    "No container publishes port {port}; {wanted} is published as {right}", _FIX,
)  # fmt: skip


@dataclass(frozen=True)
class Written:
    """One address as a service is given it."""

    caller: Party
    variable: str
    host: str
    port: int | None
    role: Role
    source: str
    """Where it is written."""
    whose: str = ""
    """Of an address in a configuration file: ``endpoint Ollama``."""
    assumed: str = ""
    """Why it is only taken to be used."""

    @property
    def called(self) -> str:
        """The variable, or the key with whom it is of."""
        return f"{self.variable} of {self.whose}" if self.whose else self.variable

    @property
    def place(self) -> str:
        """``host:port`` as it is written."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Lost:
    """An address that leads nowhere, and the one to write instead where that is known."""

    written: Written
    right: str | None
    form: Form


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service that is given addresses."""
    everybody = parties(snapshot)
    known = {port.host_port for one in everybody for port in one.container.ports if port.host_port}
    known |= {int(end) for server in snapshot.servers if (end := server.address.rpartition(":")[2]).isdecimal()}
    for caller in everybody:
        addresses = [*_in_variables(caller, snapshot), *_in_file(caller, snapshot)]
        lost = [case for one in addresses if (case := _judge(one, everybody, known)) is not None]
        sure = [case for case in lost if not case.facts[0].written.assumed]
        if sure:
            yield _together(sure)
        elif lost:
            one = lost[0].facts[0].written
            yield Unknown(
                caller.subject,
                _("Cannot say whether {caller} uses {variable}", caller=caller.subject, variable=one.variable),
                one.assumed,
            )
        elif addresses:
            yield Fine(caller.subject, _("The addresses that {caller} is given lead somewhere", caller=caller.subject))


def _together(cases: list[Case[tuple[Lost, ...]]]) -> Case[tuple[Lost, ...]]:
    """One case of a service: the first address, with the others beside it."""
    more = len(cases) - 1
    said = _(
        ", and {more} more address{s} of it {leads} nowhere",
        more=more,
        s="" if more == 1 else "es",
        leads="leads" if more == 1 else "lead",
    )
    return replace(
        cases[0], facts=tuple(lost for case in cases for lost in case.facts),
        rows=tuple(row for case in cases for row in case.rows), words={**cases[0].words, "more": said if more else ""},
        about=", ".join(case.about or "" for case in cases),
    )  # fmt: skip


def _in_variables(caller: Party, snapshot: Snapshot) -> Iterator[Written]:
    """Every address that it is given and reads; of a LibreChat also those of the ``.env`` that it reads itself.

    Nothing where one is still to be filled in, or stands in quotes.
    """
    api = api_of(caller.place, snapshot) if caller.role == "librechat" else None
    path = (api.dotenv_path if api else None) or caller.source
    told = (api.dotenv or {}) if api and api.dotenv_path else {}
    env = {**(UNREAD if api and api.dotenv is None else {}), **told, **caller.env}
    own = {name for name in caller.env if caller.names_it_itself(name)}
    unread = {**told, **caller.env}.get("SEARCH") is None and "SEARCH" in env
    why = _(
        "its .env cannot be read, which may say SEARCH=false{path}",
        path=f": {path}" if api and api.dotenv_path else "",
    )
    names = read_of(caller.role, env, caller.container.image, own)
    for name in (name for name in VARIABLES if name in names and "$" not in env[name]):
        for to in list(connections(env[name].strip()))[:MOST]:
            source = caller.source if name in caller.env else path
            assumed = why if unread and name == "MEILI_HOST" else ""
            yield Written(caller, name, to.host, to.port, VARIABLES[name], source, assumed=assumed)


def _in_file(caller: Party, snapshot: Snapshot) -> Iterator[Written]:
    """Every address in its librechat.yaml."""
    for source, one in in_files(caller, snapshot):
        role: Role = "ollama" if one.port == OLLAMA else "model_server"
        yield Written(caller, one.key, one.host, one.port, role, source, one.whose)


def _judge(one: Written, everybody: tuple[Party, ...], known: set[int]) -> Case[tuple[Lost, ...]] | None:
    caller, host = one.caller, one.host.lower()
    if caller.in_anothers or _extra(caller, host):
        return None
    if _LOOPBACK.fullmatch(host):
        return None if caller.on_host or caller.role == one.role else _case(ITSELF, one, _meant(one, everybody))
    if host in GATEWAYS:
        return _of_machine(one, everybody, known)
    # any other address with a dot is one of another machine or of the network: a matter for whoever asks there
    return None if "." in host or ":" in host or _PLACEHOLDER.search(host) else _of_name(one, everybody)


def _of_name(one: Written, everybody: tuple[Party, ...]) -> Case[tuple[Lost, ...]] | None:
    """A plain name, which only Docker could resolve."""
    caller, host = one.caller, one.host.lower()
    if caller.on_host:
        return _case(HOST_NETWORK, one, _meant(one, everybody))
    target = reachable(caller, host, everybody)
    if target is not None:
        return _of_port(one, target)
    if may_know_more(caller) or _waits(caller, host):
        return None
    there = next((p for p in everybody if host in (p.container.service, p.container.name) and p is not caller), None)
    if there is not None and there.container.project == caller.container.project and not there.on_host:
        return _case(APART, one, there)
    return _case(NOBODY, one, _meant(one, everybody))


def _waits(caller: Party, host: str) -> bool:
    """Whether a service of that name is there as soon as somebody asks for its profile."""
    services = caller.project.services if caller.project else ()
    return any(one.profiles and host in (one.name, one.container_name, *one.aliases) for one in services)


def _extra(caller: Party, host: str) -> bool:
    names = {re.split("[:=]", entry)[0].lower() for entry in caller.container.extra_hosts}
    return host in names and host not in GATEWAYS


def _of_machine(one: Written, everybody: tuple[Party, ...], known: set[int]) -> Case[tuple[Lost, ...]] | None:
    """Only where a server of the wanted kind is published under another port, and nobody under this one."""
    if one.port is None or one.port in known or one.role not in (*PORTS, "ollama"):
        return None
    meant = [p for p in everybody if p.role == one.role and p is not one.caller]
    right = next((port for p in meant for port in p.container.ports if port.host_port), None)
    if right is None or any(p.on_host for p in meant):
        return None
    return _case(MACHINE_PORT, one, meant[0], str(right.host_port))


def _of_port(one: Written, target: Party) -> Case[tuple[Lost, ...]] | None:
    right = _listens(target)
    ports = target.container.ports
    if right is None and all(one.port != port.container_port for port in ports):
        right = next((port.container_port for port in ports if port.host_port and port.host_port == one.port), None)
    return None if right is None or one.port in (None, right) else _case(PORT, one, target)


def _listens(target: Party) -> int | None:
    """Where a server listens inside its container; None where that is not known, or it was told something else."""
    command, env = (*target.container.entrypoint, *target.container.command), target.env
    product = product_of_image(target.container.image)
    if product is not None:
        told = told_port(product, command, env)
        return told or (None if _MOVED.search(" ".join(command)) else SERVERS[product].port)
    usual, variable = PORTS.get(target.role, (None, ""))
    if usual is None or _MOVED.search(" ".join(command)):
        return None
    told_there = re.search(r"(?:^|:)(\d{1,5})$", env.get(variable, ""))
    return int(told_there[1]) if told_there else usual


def _meant(one: Written, everybody: tuple[Party, ...]) -> Party | None:
    """The service that is probably meant: of the role, or one that has the port; in reach, alone of its kind."""
    others = [p for p in everybody if p is not one.caller and (one.caller.on_host or near(one.caller, p))]
    vague = one.whose and one.role == "model_server"
    kind = [p for p in others if p.role == one.role and not vague]
    by_port = [p for p in others if any(one.port in (q.host_port, q.container_port) for q in p.container.ports)]
    found = kind if len(kind) == 1 else by_port if len(by_port) == 1 else []
    return found[0] if found else None


def _case(form: Form, one: Written, meant: Party | None, right: str | None = None) -> Case[tuple[Lost, ...]]:
    port = _inside(meant, one)
    good = _good(form, one, meant, port)
    published = next((p.host_port for p in meant.container.ports if p.host_port == one.port), None) if meant else None
    words = {
        "variable": f"{one.variable} in {posixpath.basename(one.source)}" if one.whose else one.variable,
        "host": one.host, "port": str(one.port), "wanted": _called(one),
        "right": right or (str(port) if port else _("another port")),
        "more": "",
        "published": _("; {published} is only what the machine publishes", published=published)
                     if published and published != port else "",
    }  # fmt: skip
    rows = [Evidence(_("written"), f"{one.place} in {one.called}", one.source)]
    if good is not None:
        rows.append(Evidence(_("meant"), good, meant.source if meant else one.source))
    return Case(
        one.caller.subject, form, (Lost(one, good, form),), tuple(rows), words, "warning" if one.whose else None,
        about=f"{one.called} {one.place}",
    )  # fmt: skip


def _called(one: Written) -> str:
    words = {"oneapi": _("its model gateway"), "mongo": "MongoDB", "postgres": "PostgreSQL", "mysql": _("its database"),
             "redis": "Redis", "ollama": "Ollama", "model_server": _("its model server")}  # fmt: skip
    return one.whose or words.get(one.role, one.role)


def _inside(meant: Party | None, one: Written) -> int | None:
    """The port on which whoever is meant listens."""
    if meant is None:
        return None
    listens = _listens(meant)
    if listens is not None:
        return listens
    mapped = [port for port in meant.container.ports if port.host_port]
    exact = next((port.container_port for port in mapped if port.host_port == one.port), None)
    return exact or (mapped[0].container_port if len(mapped) == 1 else one.port)


def _good(form: Form, one: Written, meant: Party | None, port: int | None) -> str | None:
    """What to write in place of host and port."""
    if meant is None:
        return None
    if form is HOST_NETWORK:
        outside = port if meant.on_host else next((p.host_port for p in meant.container.ports if p.host_port), None)
        return f"127.0.0.1:{outside}" if outside else None
    if form is MACHINE_PORT and not near(one.caller, meant):
        outside = next((p.host_port for p in meant.container.ports if p.host_port), None)
        return f"{one.host}:{outside}" if outside else None
    return f"{meant.called}:{port}" if port else meant.called


def plan(case: Case[tuple[Lost, ...]], _answers: Answers) -> Plan:
    """What to write, and where."""
    caller = case.facts[0].written.caller
    again = "up -d" if any(not lost.written.whose for lost in case.facts) else "restart"
    return manual(
        *map(_said, case.facts),
        _("Then let it read that: docker compose {again} {caller}", again=again, caller=caller.called),
    )


def _said(lost: Lost) -> str:
    one = lost.written
    where = one.source if one.whose or one.source.startswith("/") else one.caller.set_in
    if lost.form is APART:
        return _(
            "Put {caller} and {host} into one network in the compose file, and recreate both.",
            caller=one.caller.subject,
            host=one.host,
        )
    if lost.right is None:
        return _(
            "Write the name of the service that is meant in place of {host} in {one}, in {where}.",
            host=one.host,
            one=one.called,
            where=where,
        )
    return _(
        "Write {right} in place of {place} in {one}, in {where}; leave the rest as it is.",
        right=lost.right,
        place=one.place,
        one=one.called,
        where=where,
    )


CHECK = Check(
    "wiring.address", "Addresses in the services' settings lead somewhere", __doc__ or "",
    (ITSELF, NOBODY, APART, HOST_NETWORK, PORT, MACHINE_PORT), find, plan,
    reads=("containers", "projects", "servers", "config_verdicts", "files"),
)  # fmt: skip
