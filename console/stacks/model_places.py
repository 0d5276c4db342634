"""On which port a model server listens, and how that port is reached: from containers, commands and processes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Container, Product
from .exits import exit_meaning
from .gateways import environment
from .model_products import NATIVE_PORTS, PORTS, TYPICAL, product_of_command, product_of_image, told_host, told_port


def hint(container: Container, command: Sequence[str], *, serving: bool) -> tuple[Product | None, str | None]:
    """The product that image or command names, and which of them; the command where the image's name says nothing."""
    product = product_of_image(container.image)
    if product is not None:
        return product, f"image {container.image}"
    return started(command) if serving else (None, None)


def started(command: Sequence[str]) -> tuple[Product | None, str | None]:
    """The product that a command starts, and the words that tell: arguments may hold keys, so the rest is left out."""
    found = product_of_command(command)
    return (found[0], f"command {found[1]}") if found else (None, None)


def port_of(container: Container) -> int:
    """The port inside that its program listens on: told, usual, or the only one there is."""
    command = (*container.entrypoint, *container.command)
    product = hint(container, command, serving=True)[0]
    told = told_port(product, command, environment(container))
    if told is not None:
        return told
    inside = _ports(container)
    usual = PORTS.get(product) if product else None
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
        return f"port {port} in the machine's own network"
    return f"published port {at[1]}" if published(container, port) else f"port {port} at the container's address"


def why_not(container: Container, port: int, *, local: bool, rootless: bool) -> tuple[str, str | None]:
    """Reason and remedy where a container's port is not asked."""
    if container.state != "running":
        code = container.exit_code if container.state in {"exited", "dead", "restarting"} else None
        meaning = exit_meaning(code, container.oom_killed, container.error, "model_server") if code else None
        told = "" if code is None else f", exit code {code}" + (f" ({meaning})" if meaning else "")
        state = "was created and never started" if container.state == "created" else f"is {container.state}"
        return f"its container {state}{told}", None if container.state == "created" else "look at its logs"
    if not local:
        return "the Engine is on another machine, so its ports are not asked from here", "run stackops on that machine"
    publish = f"publish its port: ports: ['127.0.0.1:{port}:{port}']"
    if rootless:
        return "the Engine runs rootless, so the networks of its containers are not reachable from here", publish
    return f"port {port} is not published, and the container has no address that is reachable from here", publish


def native_place(
    product: Product | None, command: Sequence[str], heard: Sequence[tuple[str, int]]
) -> tuple[str, int | None]:
    """Host and port of a native server: what it listens on, else what its command says, else the usual."""
    told = told_port(product, command, {})
    usual = (*NATIVE_PORTS.get(product, ()), PORTS.get(product)) if product else ()
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
