"""Ports of containers from the three places where the Engine tells them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..model import Port
from ..text import clean_line
from .docker_api import Config, HostConfig, ListedPort, NetworkSettings

Ends = Sequence[Mapping[str, str | None] | None]
Bindings = Mapping[str, Ends | None]


def listed_ports(rows: Sequence[ListedPort | None] | None) -> tuple[Port, ...]:
    """Ports as the list of containers has them."""
    return _ordered(
        Port(
            container_port=row.private_port,
            protocol=clean_line(row.type or "tcp"),
            host_ip=clean_line(row.ip) if row.ip else None,
            host_port=row.public_port or None,
        )
        for row in rows or ()
        if row is not None and row.private_port
    )


def ports(network: NetworkSettings | None, host: HostConfig, config: Config) -> tuple[Port, ...]:
    """Ports in force while it runs; otherwise those it would publish when started, and those the image exposes."""
    in_force = network.ports if network else None
    declared: dict[str, Ends | None] = dict.fromkeys(config.exposed_ports or ())
    declared.update(host.port_bindings or {})
    return _ordered(_bound(in_force or declared))


def _bound(bindings: Bindings) -> Iterable[Port]:
    for name, ends in bindings.items():
        number, _, protocol = name.partition("/")
        if not number.isdigit():
            continue
        port = Port(int(number), clean_line(protocol or "tcp"))
        yield from (_published(port, end) for end in ends if end is not None) if ends else (port,)


def _published(port: Port, end: Mapping[str, str | None]) -> Port:
    address, number = end.get("HostIp"), end.get("HostPort") or ""
    return Port(
        port.container_port,
        port.protocol,
        host_ip=clean_line(address) if address else None,
        host_port=int(number) if number.isdigit() and number != "0" else None,
    )


def _ordered(found: Iterable[Port]) -> tuple[Port, ...]:
    return tuple(sorted(set(found), key=lambda p: (p.container_port, p.protocol, p.host_port or 0, p.host_ip or "")))
