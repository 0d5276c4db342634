"""What goes wrong with the Engine's own configuration."""

from __future__ import annotations

from . import dockerd
from .scenario import Hands, scenario

CHECK = "docker.registry-mirrors"


@scenario(CHECK, "hangs")
def hangs(hands: Hands) -> None:
    """Copied the mirrors of a post of 2024 into daemon.json.

    One of them accepts connections and never answers, which costs 15 seconds at every pull; the other is gone.
    """
    _mirrors(hands, '["https://docker.nju.edu.cn", "https://dockerproxy.com"]')


@scenario(CHECK, "dead")
def dead(hands: Hands) -> None:
    """Trusted a mirror whose operator has given up: its name is not known to any DNS any more."""
    _mirrors(hands, '["https://dockerproxy.com"]')


@scenario(CHECK, "not-a-registry")
def not_a_registry(hands: Hands) -> None:
    """Pasted the address of a mirror's web page, which answers every question with the same friendly HTML."""
    _mirrors(hands, '["https://docker.xuanyuan.me"]')


@scenario(CHECK, "not-allowed")
def not_allowed(hands: Hands) -> None:
    """Chose a mirror that carries a list of images, and tried it with hello-world; pgvector is not on its list."""
    _mirrors(hands, '["https://docker.m.daocloud.io"]')


@scenario(CHECK, "typo")
def typo(hands: Hands) -> None:
    """Wrote registry-mirror for the key, after the flag of that name: the Engine takes the file and does nothing."""
    _write(hands, dockerd.IN_ORDER.replace('"registry-mirrors"', '"registry-mirror"'))
    hands.world.mirrors = ()


@scenario(CHECK, "wrong-type")
def wrong_type(hands: Hands) -> None:
    """Forgot the brackets around the one mirror; the Engine will not start with this file the next time."""
    _mirrors(hands, '"https://docker.1ms.run"')


@scenario(CHECK, "bad-address")
def bad_address(hands: Hands) -> None:
    """Left the scheme out of the mirror's address, which every browser allows and the Engine does not."""
    _mirrors(hands, '["docker.1ms.run"]')


@scenario(CHECK, "not-effective")
def not_effective(hands: Hands) -> None:
    """Put a second mirror into daemon.json and shied away from restarting Docker, which stops every container."""
    _write(hands, dockerd.IN_ORDER.replace('1ms.run"]', '1ms.run", "https://docker.1panel.live"]'))


@scenario(CHECK, "hub-unreachable")
def hub_unreachable(hands: Hands) -> None:
    """Took the mirror out, as somebody said it was no longer needed, and ran docker pull behind the same firewall."""
    _mirrors(hands, "[]")
    hands.world.daemon_log += dockerd.pull_failed(hands.world.now())


def _mirrors(hands: Hands, listed: str) -> None:
    """The file with this list, and the reload that the post goes on to ask for."""
    _write(hands, dockerd.IN_ORDER.replace('["https://docker.1ms.run"]', listed))
    dockerd.read(hands.world)


def _write(hands: Hands, text: str) -> None:
    hands.tree.put(dockerd.FILE, text.encode())
