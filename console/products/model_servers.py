"""Which addresses are worth asking for a model server, who is set up to use each, and which cannot be asked. Pure.

What is asked on its own initiative: containers whose image or command says model server; containers that somebody's
settings call one; containers with a GPU and nothing else known of them, on ports that model servers like; native
processes that are one; what the operator lists. All of it on this machine. Never: databases, web apps and whatever else
has a role of its own, a port only because it is open, an address of another machine that nobody allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from ..model import Container, NativeProcess, Product, Role, Server, ServerUser
from ..text import N_, told
from ..text.cleaning import clean_line
from .addresses import Address, Target, address_of, lead, place, reached, shown
from .gateways import environment, names_of
from .model_users import TYPICAL, Key, Use, key_of, product_of_command, product_of_image, told_host, told_port
from .registry import SERVERS
from .roles import role_of_program
from .servers.asking import Candidate
from .services import role_of_container
from .versions import exit_meaning

ELSEWHERE = N_("the Engine is on another machine, so its ports are not asked from here")


def hint(container: Container, command: Sequence[str], *, serving: bool) -> tuple[Product | None, str | None]:
    """The product that image or command names, and which of them; the command where the image's name says nothing."""
    product = product_of_image(container.image)
    if product is not None:
        return product, N_(f"image {container.image}")
    return started(command) if serving else (None, None)


def started(command: Sequence[str]) -> tuple[Product | None, str | None]:
    """The product that a command starts, and the words that tell: arguments may hold keys, so the rest is left out."""
    found = product_of_command(command)
    return (found[0], N_(f"command {found[1]}")) if found else (None, None)


def port_of(container: Container) -> int:
    """The port inside that its program listens on: told, usual, or the only one there is."""
    command = (*container.entrypoint, *container.command)
    product = hint(container, command, serving=True)[0]
    told = told_port(product, command, environment(container))
    if told is not None:
        return told
    inside = _ports(container)
    usual = SERVERS[product].port if product else None
    if usual is not None and (usual in inside or not inside):
        return usual
    typical = [port for port in TYPICAL if port in inside]
    return typical[0] if typical else inside[0] if inside else usual or TYPICAL[1]


def _ports(container: Container) -> list[int]:
    """TCP ports inside, published ones first."""
    ordered = sorted((p for p in container.ports if p.protocol == "tcp"), key=lambda p: p.host_port is None)
    return list(dict.fromkeys(p.container_port for p in ordered))


def typical(container: Container) -> list[int]:
    """Its ports that model servers like."""
    return [port for port in _ports(container) if port in TYPICAL]


def published(container: Container, port: int) -> bool:
    """Whether a port of the machine leads to this port of it."""
    return any(p.container_port == port and p.host_port for p in container.ports)


def way(container: Container, port: int, at: tuple[str, int]) -> str:
    """How it is reached, for people."""
    if container.network_mode == "host":
        return N_(f"port {port} in the machine's own network")
    return (
        N_(f"published port {at[1]}") if published(container, port) else N_(f"port {port} at the container's address")
    )


def why_not(container: Container, port: int, *, local: bool, rootless: bool) -> tuple[str, str | None]:
    """Reason and remedy where a container's port is not asked."""
    if container.state != "running":
        code = container.exit_code if container.state in {"exited", "dead", "restarting"} else None
        meaning = exit_meaning(code, container.oom_killed, container.error, "model_server") if code else None
        if container.state == "created":
            return N_("its container was created and never started"), None
        state = container.state
        why = N_(f"its container is {state}") if code is None else N_(f"its container is {state}, exit code {code}")
        return f"{why} ({meaning})" if meaning else why, N_("look at its logs")
    if not local:
        return ELSEWHERE, N_("run stackops on that machine")
    publish = N_(f"publish its port: ports: ['127.0.0.1:{port}:{port}']")
    if rootless:
        return N_("the Engine runs rootless, so the networks of its containers are not reachable from here"), publish
    return N_(f"port {port} is not published, and the container has no address that is reachable from here"), publish


def native_place(
    product: Product | None, command: Sequence[str], heard: Sequence[tuple[str, int]]
) -> tuple[str, int | None]:
    """Host and port of a native server: what it listens on, else what its command says, else the usual."""
    told = told_port(product, command, {})
    usual = (*SERVERS[product].native_ports, SERVERS[product].port) if product else ()
    ports = [port for _, port in heard]
    wanted = next((p for p in (told, *usual, *TYPICAL) if p in ports), None)
    port = wanted or (min(ports) if ports else told or next((p for p in usual if p), None))
    hosts = [host for host, each in heard if each == port] or [told_host(product, command, {}) or ""]
    return _loopback(hosts), port


def _loopback(hosts: Sequence[str]) -> str:
    """Loopback where it listens there or everywhere, else the one address it has."""
    everywhere = {"", "0.0.0.0", "::", "localhost", "127.0.0.1"}  # noqa: S104 - read, not bound
    if any(host in everywhere for host in hosts):
        return "127.0.0.1"
    return min(hosts)


SERVING: frozenset[Role] = frozenset({"ollama", "model_server", "oneapi", "aiproxy"})
_IN_FRONT: frozenset[Role] = frozenset({"unknown", "nginx"})
"""What may stand before a model server, or be one; asked only where somebody's settings call it one."""
MOST = 64
"""Servers that are looked after."""
Listening = Mapping[int, Sequence[tuple[str, int]]]


class Around(Struct, frozen=True):
    """What is known of the machine beside its containers."""

    local: bool = True
    """Whether addresses of containers and published ports are those of this machine."""
    rootless: bool = False
    own: Collection[str] = frozenset()
    """The machine's own addresses."""
    listening: Listening = field(default_factory=dict)
    """Process id -> addresses and ports it listens on."""
    gpu_containers: Collection[str] = frozenset()
    """Ids of containers of which a process holds GPU memory."""
    addresses: Sequence[str] = ()
    """What the operator lists."""
    elsewhere: bool = False
    """Whether declared addresses of other machines may be asked."""
    tokens: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Server's key or address -> its key, and the name of the environment variable it was in. Secret."""

    def __repr__(self) -> str:
        return f"Around(local={self.local}, tokens of {sorted(self.tokens)})"

    __str__ = __repr__


class Found(Struct, frozen=True):
    """Everything there is to show a row for."""

    candidates: tuple[Candidate, ...] = ()
    """To be asked, but for those that do not run."""
    silent: tuple[Server, ...] = ()
    """Rows for what is not asked, with the reason."""
    users: Mapping[str, tuple[ServerUser, ...]] = field(default_factory=dict)
    """By the server's key."""
    bad: tuple[str, ...] = ()
    """Addresses of the operator's list that are none."""


def found(
    containers: Sequence[Container], processes: Sequence[NativeProcess], uses: Iterable[Use], around: Around
) -> Found:
    """Candidates, rows for what is not asked, and users."""
    search = _Search(tuple(c for c in containers if c.detailed), around)
    search.look_at_containers()
    search.look_at_processes(processes)
    search.look_at_settings()
    for use in uses:
        search.follow(use)
    return search.found()


class _Search:
    """One pass over everything; the first that finds a key describes it."""

    def __init__(self, containers: tuple[Container, ...], around: Around) -> None:
        self._containers = containers
        self._by_id = {container.id: container for container in containers}
        self._around = around
        self._candidates: dict[str, Candidate] = {}
        self._silent: dict[str, Server] = {}
        self._users: dict[str, list[ServerUser]] = {}
        self._bad: list[str] = []

    def found(self) -> Found:
        kept = sorted(self._candidates.values(), key=lambda c: c.key)[:MOST]
        silent = [self._silent[key] for key in sorted(self._silent) if key not in self._candidates]
        users = {key: tuple(dict.fromkeys(row)) for key, row in self._users.items()}
        return Found(tuple(_without_others_keys(kept)), tuple(silent[:MOST]), users, tuple(self._bad))

    # Containers

    def look_at_containers(self) -> None:
        """Those that are model servers by image or command, and those with a GPU and nothing known of them."""
        for container in self._containers:
            role, product = role_of_container(container), product_of_image(container.image)
            if role in SERVING or (role == "unknown" and product is not None):
                self._add_container(container, port_of(container), role)
            elif role == "unknown" and (grant := self._gpu(container)):
                for port in typical(container)[:2]:
                    self._add_container(container, port, role, N_(f"{grant} and port {port}"))

    def _gpu(self, container: Container) -> str | None:
        asked = any("gpu" in r.capabilities or r.driver in {"nvidia", "cdi"} for r in container.device_requests)
        if container.id in self._around.gpu_containers:
            return N_("it holds GPU memory")
        return N_("it has a GPU") if asked or container.runtime == "nvidia" else None

    def _add_container(self, container: Container, port: int, role: Role, why: str | None = None) -> str:
        key = _key(container, port)
        if key in self._candidates or key in self._silent:
            return key
        command = (*container.entrypoint, *container.command)
        product, reason = hint(container, command, serving=role in SERVING)
        running = container.state == "running"
        around = self._around
        at = reached(container, port, self._containers, local=around.local, own=around.own) if running else None
        if at is None or (self._around.rootless and not published(container, port)):
            self._not_asked(container, key, port, product)
            return key
        token = self._token(key, place(*at)) or key_of(product, container, command)
        self._candidates[key] = Candidate(
            key, f"http://{place(*at)}", why or f"{way(container, port, at)} of {container.name}",
            container=container.id, service=container.service or container.name, image=container.image, command=command,
            environment=tuple(variable.name for variable in container.env), hint=product, hint_reason=reason,
            token=token.value if token else None, token_name=token.name if token else None,
            started_at=container.started_at, restarts=container.restart_count or 0,
        )  # fmt: skip
        return key

    def _not_asked(self, container: Container, key: str, port: int, product: Product | None) -> None:
        reason, remedy = why_not(container, port, local=self._around.local, rootless=self._around.rootless)
        self._silent[key] = Server(
            key, product or "unknown", f"http://{place(container.name, port)}",
            "unknown" if container.state in {"running", "unknown"} else "down",
            told(reason), told(remedy or "") or None,
            container=container.id, service=container.service or container.name,
        )  # fmt: skip

    # Processes

    def look_at_processes(self, processes: Sequence[NativeProcess]) -> None:
        """Native model servers, on the port they listen on."""
        for process in processes:
            role = role_of_program(process.command)
            if role not in SERVING:
                continue
            product, reason = started(process.command)
            heard = self._around.listening.get(process.pid, ())
            host, port = native_place(product, process.command, heard)
            if port is None:
                continue
            key = f"host:{port}"
            token = self._token(key, place(host, port)) or key_of(product, None, process.command)
            self._candidates.setdefault(key, Candidate(
                key, f"http://{place(host, port)}", f"process {process.pid}", pid=process.pid, service=process.name,
                command=process.command, hint=product, hint_reason=reason,
                token=token.value if token else None, token_name=token.name if token else None,
                started_at=process.started_at,
            ))  # fmt: skip

    # What settings name

    def look_at_settings(self) -> None:
        """The operator's own list: asked wherever it leads."""
        for text in self._around.addresses:
            address = address_of(text)
            if address is None:
                self._bad.append(clean_line(shown(text) if "@" in text else text, 100))
                continue
            target = lead(address, None, self._containers, self._around.own)
            if self._known(target) is None:
                self._ask(address, target, N_("listed in stackops.toml"))

    def follow(self, use: Use) -> None:
        """Put the user down at the server that its address leads to; a server nobody knew yet becomes one."""
        address = address_of(use.address)
        caller = self._by_id.get(use.caller) if use.caller else None
        if address is None or (use.caller and caller is None):
            return
        target = lead(address, caller, self._containers, self._around.own)
        if target.where == "internet" and place(address.host, address.port) not in self._candidates:
            return
        key = self._known(target) or self._declared(use, address, target, caller)
        if key is not None:
            self._users.setdefault(key, []).append(ServerUser(use.who, use.service, use.address))

    def _known(self, target: Target) -> str | None:
        if target.where == "container" and target.container is not None:
            key = _key(target.container, target.port)
        elif target.where == "machine":
            key = self._in_host_network(target.port) or f"host:{target.port}"
        else:
            return None
        return key if key in self._candidates or key in self._silent else None

    def _in_host_network(self, port: int) -> str | None:
        for key, candidate in self._candidates.items():
            container = self._by_id.get(candidate.container or "")
            if container is not None and container.network_mode == "host" and key.endswith(f":{port}"):
                return key
        return None

    def _declared(self, use: Use, address: Address, target: Target, caller: Container | None) -> str | None:
        """The key of a row for an address that only somebody's settings name."""
        why = f"{use.who}: {use.address}"
        if target.where == "container" and target.container is not None:
            role = role_of_container(target.container)
            if role in SERVING or role in _IN_FRONT:
                return self._add_container(target.container, target.port, role, why)
            return self._row(
                address,
                N_(f"it leads to {target.container.name}, which is no model server ({role})"),
                None,
                nowhere=True,
            )
        if target.where == "machine" or (target.where == "elsewhere" and self._around.elsewhere):
            return self._ask(address, target, why, use.hint)
        if target.where == "itself" and target.container is not None:
            name = target.container.name
            return self._row(
                address, N_(f"{address.host} in the container {name} is {name} itself, which is no model server"),
                N_("write the name of the service there, or host.docker.internal for a server on the host"),
                f"{place(address.host, address.port)} from {name}", nowhere=True,
            )  # fmt: skip
        if target.where == "nobody":
            known = next((c for c in self._containers if address.host in names_of(c)), None)
            why = (
                N_(f"in no network together with {known.name}")
                if known
                else N_(f"no container is called {address.host}")
            )
            apart = f"{place(address.host, address.port)} from {caller.name}" if known and caller else None
            return self._row(address, N_(f"nothing is known at this address: {why}"), None, apart, nowhere=True)
        return self._row(
            address, N_("it is on another machine: listed, not asked"),
            N_(f'allow it in stackops.toml: [servers] addresses = ["{address.base}"], or probe_declared = true'),
        )  # fmt: skip

    def _ask(self, address: Address, target: Target, why: str, hint: Product | None = None) -> str:
        """A candidate for an address of this machine, or of another one where that is allowed."""
        if target.where == "container" and target.container is not None:
            return self._add_container(target.container, target.port, role_of_container(target.container), why)
        here = target.where == "machine"
        host = "127.0.0.1" if here else address.host
        key = f"host:{target.port}" if here else place(address.host, address.port)
        if here and not self._around.local:
            return self._row(address, ELSEWHERE, None)
        base = replace(address, host=host, port=target.port).base
        token = self._token(key, place(host, target.port))
        self._candidates.setdefault(key, Candidate(
            key, base, why, hint=hint, hint_reason=N_(f"the name of a setting: {why}") if hint else None,
            token=token.value if token else None, token_name=token.name if token else None,
        ))  # fmt: skip
        return key

    def _row(
        self, address: Address, reason: str, remedy: str | None, key: str | None = None, *, nowhere: bool = False
    ) -> str:
        key = clean_line(key or place(address.host, address.port))
        why, cure = told(reason), told(remedy or "") or None
        self._silent.setdefault(key, Server(key, "unknown", address.base, "unknown", why, cure, nowhere=nowhere))
        return key

    def _token(self, key: str, at: str) -> Key | None:
        given = self._around.tokens.get(key) or self._around.tokens.get(at)
        return Key(*given) if given else None


def _key(container: Container, port: int) -> str:
    """``container:PORT``; ``host:PORT`` is the machine's own, so a container of that name goes by its id."""
    return clean_line(f"{container.id[:12] if container.name == 'host' else container.name}:{port}")


def _without_others_keys(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Neither key of two that were told the same port of the machine: who of them listens there is not known."""
    keys: dict[str, set[str | None]] = {}
    for each in candidates:
        keys.setdefault(each.address, set()).add(each.token)
    return [each if len(keys[each.address]) == 1 else replace(each, token=None, token_name=None) for each in candidates]
