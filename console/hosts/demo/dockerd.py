"""The practice stack's dockerd: its configuration file, and what a reload makes of it.

fact: mongo-docker-db 4.1, observed with 20.10: after broken JSON, without the file, or when the key is gone, the old
list stays; a list that is there is taken at once, and an event says so.
"""

from __future__ import annotations

import json

from ...jsontext import JsonError, load
from ...stacks.dockerd import MIRRORS, refusal
from .. import CommandResult, NotFound
from .replies import moment
from .tree import Tree
from .world import World

FILE = "/etc/docker/daemon.json"
PID, UNIT, MACHINE = 955, "docker.service", "gpu-box-01"
IN_ORDER = """{
    "default-runtime": "runc",
    "log-driver": "json-file",
    "log-opts": {"max-size": "50m", "max-file": "3"},
    "registry-mirrors": ["https://docker.1ms.run"],
    "runtimes": {
        "nvidia": {
            "args": [],
            "path": "nvidia-container-runtime"
        }
    }
}
"""
"""As the toolkit of the GPU driver leaves it, with a mirror that works."""


def lay_out(tree: Tree) -> None:
    """The file, and where the kernel says dockerd runs."""
    tree.put(FILE, IN_ORDER.encode())
    tree.put(f"/proc/{PID}/cgroup", f"0::/system.slice/{UNIT}\n".encode(), mode=0o444)


def reload(world: World, pid: int, unit: str | None = None) -> CommandResult:
    """What SIGHUP does. NotFound for any other process."""
    if pid != PID:
        raise NotFound(f"The process {pid} is no dockerd", "look again")
    read(world)
    argv = ("systemctl", "reload", "--", unit) if unit else ("kill", "-HUP", str(pid))
    return CommandResult(argv, 0, "")


def read(world: World) -> None:
    """Take over what the file says, where it says something that can be taken over."""
    with world.lock:
        node = world.tree.get(FILE)
        try:
            data = load(node.content).data if node is not None else None
        except JsonError:
            data = None
        if data is None or refused(data) is not None:
            return
        if MIRRORS in data:
            world.mirrors = tuple(f"{one.rstrip('/')}/" for one in data[MIRRORS])
        world.emit_daemon("reload", name=MACHINE, **{MIRRORS: json.dumps(world.mirrors)})


def pull_failed(at: float) -> bytes:
    """What dockerd says when Docker Hub does not answer. fact: mongo-docker-db 4.3, the classic one."""
    why = (
        'Get \\"https://registry-1.docker.io/v2/\\": net/http: request canceled while waiting for connection'
        " (Client.Timeout exceeded while awaiting headers)"
    )
    said = f'level=error msg="Handler for POST /v1.45/images/create returned error: {why}"'
    return f'time="{moment(at)}" {said}\n'.encode()


def validate(content: bytes) -> CommandResult:
    """``dockerd --validate``."""
    argv = ("dockerd", "--validate")
    try:
        reason = refused(load(content).data)
    except JsonError as error:
        reason = str(error)
    if reason is not None:
        return CommandResult(argv, 1, f"unable to configure the Docker daemon with file {FILE}: {reason}")
    return CommandResult(argv, 0, "configuration OK")


def refused(data: dict[str, object]) -> str | None:
    """Why dockerd does not take this; None when it does."""
    mirrors = data.get(MIRRORS, [])
    if not isinstance(mirrors, list):
        return "json: cannot unmarshal string into Go struct field Config.registry-mirrors of type []string"
    reasons = (refusal(one) if isinstance(one, str) else "not a string" for one in mirrors)
    return next((f"invalid mirror: {reason}" for reason in reasons if reason), None)
