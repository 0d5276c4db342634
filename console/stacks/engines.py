"""What an Engine that is no plain dockerd on this machine's kernel does otherwise. Pure.

fact: Docker Desktop, OrbStack and Rancher Desktop run the Engine in a virtual machine and resolve
``host.docker.internal`` to the machine around it, where a server on loopback is reached as well.
"""

from __future__ import annotations

import re

from ..model import EngineInfo
from .gateways import release

_DESKTOP = re.compile(r"docker desktop|orbstack|rancher desktop", re.IGNORECASE)
_MACHINES = re.compile(r"/\.(?:colima|lima|orbstack|rd)/")


def is_desktop(engine: EngineInfo | None) -> bool:
    """Whether the Engine runs in a virtual machine of the desktop's, as its system or its socket tells."""
    return engine is not None and bool(_DESKTOP.search(engine.os or "") or _MACHINES.search(engine.address))


def is_podman(engine: EngineInfo | None) -> bool:
    """Whether Podman answers in Docker's place. fact: Docker's versions went from 1.13 to 17.03; Podman's lie between.

    Podman's socket may be linked to ``/var/run/docker.sock`` (the package podman-docker), where its path says nothing.
    """
    if engine is None:
        return False
    numbers = release(engine.version)
    return "podman" in engine.address or (numbers is not None and 2 <= numbers[0] < 17)
