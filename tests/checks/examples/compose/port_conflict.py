"""Ports that services want, and what ``compose.port-conflict`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import ComposeService, Container, Port, Server, Snapshot

from examples import Example
from examples.snapshots import container_id
from examples.wiring.folder import folder, service


def web(name: str, *ports: str, **more: Any) -> ComposeService:
    """A service that publishes these."""
    return service(name, "nginx:1.27", ports=ports, **more)


def beside(snapshot: Snapshot, *ports: Port, **facts: Any) -> Snapshot:
    """The same, while another stack's container runs and has these."""
    told = {"state": "running", "project": "fastgpt", "service": "fastgpt", "ports": ports, **facts}
    other = Container(container_id("other"), "fastgpt", "ghcr.io/labring/fastgpt:v4.9.14", **told)
    return replace(snapshot, containers=(other,))


def native(snapshot: Snapshot, address: str) -> Snapshot:
    """The same, while a model server of the machine answers there."""
    return replace(snapshot, servers=(Server("host:11434", "ollama", address, "up", pid=5),))


ON_3000 = Port(3000, "tcp", "0.0.0.0", 3000)
TWO = folder(web("a", "3000:80"), web("b", "3000:8080"))

FINDS = (
    Example("gave two services one port", TWO, "finding", "twice", ()),
    Example("did so on one address", folder(web("a", "127.0.0.1:80:80"), web("b", "127.0.0.1:80:81")), "finding",
            "twice", ()),
    Example("did so on every address and on one", folder(web("a", "80:80"), web("b", "127.0.0.1:80:81")), "finding",
            "twice", ()),
    Example("did so over UDP", folder(web("a", "53:53/udp"), web("b", "53:5353/udp")), "finding", "twice", ()),
    Example("did so in a range", folder(web("a", "3000-3005:3000-3005"), web("b", "3003:80")), "finding", "twice", ()),
    Example("did so with the second port of one", folder(web("a", "80:80", "443:443"), web("b", "443:8443")),
            "finding", "twice", ()),
    Example("starts LibreChat's admin panel beside FastGPT", beside(folder(web("admin-panel", "3000:3000")), ON_3000),
            "finding", "taken", ()),
    Example("does so on loopback", beside(folder(web("admin-panel", "127.0.0.1:3000:3000")), ON_3000), "finding",
            "taken", ()),
    Example("does so while the other is paused",
            beside(folder(web("admin-panel", "3000:3000")), ON_3000, state="paused"), "finding", "taken", ()),
    Example("starts Ollama in a container beside the machine's own",
            native(folder(service("ollama", "ollama/ollama:0.5.0", ports=("11434:11434",))), "http://127.0.0.1:11434"),
            "finding", "taken", ()),
    Example("starts two, one of which finds its port taken",
            beside(folder(web("a", "3001:80"), web("b", "3000:80")), ON_3000), "finding", "taken", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("gave each its own", folder(web("a", "3000:80"), web("b", "3001:80")), "ok"),
    Example("gave each its own address", folder(web("a", "127.0.0.1:80:80"), web("b", "10.0.0.4:80:80")), "ok"),
    Example("gave one TCP and one UDP", folder(web("a", "53:53"), web("b", "53:53/udp")), "ok"),
    Example("lets Docker choose", folder(web("a", "80"), web("b", "80"), web("c", "81:80")), "ok"),
    Example("lets Docker choose out of a range", folder(web("a", "3000-3005:80"), web("b", "3000:80")), "ok"),
    Example("has the second behind a profile", folder(web("a", "3000:80"), web("b", "3000:80", profiles=("more",))),
            "ok"),
    Example("has ranges that do not meet", folder(web("a", "3000-3005:80-85"), web("b", "3006:80")), "ok"),
    Example("stopped the other stack",
            beside(folder(web("admin-panel", "3000:3000")), ON_3000, state="exited"), "ok"),
    Example("starts it beside one on another address",
            beside(folder(web("a", "10.0.0.4:3000:80")), Port(3000, "tcp", "127.0.0.1", 3000)), "ok"),
    Example("asks a server on another machine",
            native(folder(web("a", "11434:80")), "http://10.0.0.9:11434"), "ok"),
    Example("publishes nothing", folder(web("a")), "not_applicable"),
    Example("uses the machine's own network", folder(web("a", "3000:80", network_mode="host")), "not_applicable"),
    Example("has a port that only containers know",
            beside(folder(web("a", "3000:80")), Port(3000, "tcp", None, None)), "ok"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
