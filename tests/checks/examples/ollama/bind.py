"""Ollama on loopback: in a container, in the host's network, on the machine itself, with and without users."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import EnvVar, Port, Server, ServerUser, Snapshot

from examples import Example
from examples.snapshots import ENGINE, NOW, container_id, stack

FOLDER = "/srv/models"
OPEN = (Port(11434, host_ip="0.0.0.0", host_port=11434),)
USER = ServerUser("open-webui, OLLAMA_BASE_URL", "open-webui", "http://ollama:11434")
OUTSIDE = ServerUser("One API channel 3 (llama)", "oneapi", "http://host.docker.internal:11434")
LOCAL = ServerUser("listed in stackops.toml", None, "http://127.0.0.1:11434")
FIX = ("EditFile", "ComposeUp")


def ollama(host: str | None, *users: ServerUser, state: Any = "down", **container: Any) -> Snapshot:
    """An Ollama made by Compose; ``host`` None: the variable is not there."""
    env = () if host is None else (EnvVar("OLLAMA_HOST", host),)
    made = stack(
        "ollama", FOLDER, name="ollama", service="ollama", image="ollama/ollama:0.3.12",
        container={"env": env, "ports": OPEN, **container},
    )  # fmt: skip
    reason = "http://127.0.0.1:11434: nobody listens there" if state == "down" else None
    server = Server("ollama:11434", "ollama", "http://127.0.0.1:11434", state, reason, container=container_id("ollama"),
                    users=users)  # fmt: skip
    return replace(made, servers=(server,))


def native(listens: tuple[str, ...] | None, *users: ServerUser) -> Snapshot:
    """An Ollama under systemd."""
    made = stack("unknown", FOLDER, name="x", service="x", image="x", container=None, project={"services": ()})
    server = Server("host:11434", "ollama", "http://127.0.0.1:11434", "up", pid=812, users=users, listens=listens,
                    read_at=NOW)  # fmt: skip
    return replace(made, servers=(server,), services=())


def _by_hand() -> Snapshot:
    made = ollama("127.0.0.1", USER)
    return replace(made, containers=(replace(made.containers[0], project=None, service=None, labels={}),), projects=())


def _with_sidecar() -> Snapshot:
    made = ollama("127.0.0.1", ports=())
    proxy = stack("nginx", FOLDER, name="proxy", service="proxy", image="nginx:1.27",
                  container={"network_mode": f"container:{container_id('ollama')}"})  # fmt: skip
    return replace(made, containers=(*made.containers, *proxy.containers))


EXAMPLES = (
    Example("OLLAMA_HOST from a guide for the host, in a container", ollama("127.0.0.1", USER),
            "finding", "container", FIX),
    Example("with a port of its own", ollama("http://127.0.0.1:11500", USER), "finding", "container", FIX),
    Example("by name", ollama("localhost:11434", USER), "finding", "container", FIX),
    Example("IPv6", ollama("[::1]:11434"), "finding", "container", FIX),
    Example("set to nothing, which is the default", ollama("", USER), "finding", "container", FIX),
    Example("nobody uses it yet, and it has no port", ollama("127.0.0.1", ports=()), "finding", "container", FIX),
    Example("made by docker run", _by_hand(), "finding", "container", ()),
    Example("in the host's network, with users in containers", ollama("127.0.0.1", OUTSIDE, state="up",
            network_mode="host", ports=()), "finding", "host-network", ()),
    Example("in the host's network, for the host",
            ollama("127.0.0.1", LOCAL, state="up", network_mode="host", ports=()), "ok"),
    Example("another address of loopback", ollama("127.0.1.1"), "finding", "container", FIX),
    Example("on the container's own address", ollama("172.18.0.5", USER, state="up"), "ok"),
    Example("as the image has it", ollama("0.0.0.0:11434", USER, state="up"), "ok"),
    Example("only a port", ollama(":11500", USER, state="up"), "ok"),
    Example("an image without the variable", ollama(None, USER, state="up"), "ok"),
    Example("something in the container passes requests on", ollama("127.0.0.1", USER, state="up"), "ok"),
    Example("on the machine, used from a container", native(("127.0.0.1",), OUTSIDE), "finding", "native", ()),
    Example("a proxy in its network namespace", _with_sidecar(), "ok"),
    Example("in the network namespace of a VPN",
            ollama("127.0.0.1", ports=(), network_mode="container:" + container_id("vpn")), "ok"),
    Example("on the machine, behind Docker Desktop, which leads to its loopback",
            replace(native(("127.0.0.1",), OUTSIDE), engine=replace(ENGINE, os="Docker Desktop")), "ok"),
    Example("on the machine, by its LAN address from Docker Desktop",
            replace(native(("127.0.0.1",), replace(OUTSIDE, address="http://192.168.1.10:11434")),
                    engine=replace(ENGINE, os="Docker Desktop")), "finding", "native", ()),
    Example("on the machine, used from the machine", native(("127.0.0.1",), LOCAL), "ok"),
    Example("on the machine, listening everywhere", native(("::",), OUTSIDE), "ok"),
    Example("on the machine, on the bridge too", native(("127.0.0.1", "172.17.0.1"), OUTSIDE), "ok"),
    Example("on the machine, and nobody may look at its sockets", native(None, OUTSIDE), "unknown"),
)  # fmt: skip
