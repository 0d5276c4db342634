"""Which of the seven generations of FastGPT's compose file a project is, A (v4.6) to G (v4.15). Pure.

Told from services and commands, never from the image's tag: the tag in the file lags behind its release.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from .images import parts_of


class Member(Struct, frozen=True):
    """What a generation shows of one service, declared or running."""

    service: str
    image: str
    words: tuple[str, ...] = ()
    """Entry point and command."""


def generation(members: Sequence[Member]) -> str | None:
    """``A`` to ``G``; None when there is no FastGPT among the members."""
    services = {member.service.lower() for member in members}
    images = {parts_of(member.image).last for member in members}
    if "fastgpt" not in images and services.isdisjoint({"fastgpt", "fastgpt-app"}):
        return None
    signs = (
        ("G", services & {"fastgpt-mongo", "fastgpt-vector"} or "fastgpt-agent-sandbox-proxy" in images),
        ("F", services & {"vectordb", "code-sandbox", "fastgpt-app", "opensandbox-server", "volume-manager"}),
        ("E", images & {"fastgpt-plugin"} or services & {"fastgpt-plugin", "fastgpt-minio"}),
        ("D", images & {"aiproxy", "sealos-aiproxy-service"}),
        ("C", images & {"one-api"} or services & {"oneapi", "one-api"} or _makes_its_key(members)),
        ("B", _mongo_has_key(members)),
    )
    return next((letter for letter, seen in signs if seen), "A")


def _mongo(members: Sequence[Member]) -> list[str]:
    return [" ".join(member.words) for member in members if parts_of(member.image).last == "mongo"]


def _makes_its_key(members: Sequence[Member]) -> bool:
    """The entry point that writes the key file and initiates the set, from v4.7 on."""
    return any("openssl rand" in words for words in _mongo(members))


def _mongo_has_key(members: Sequence[Member]) -> bool:
    return any("--keyFile" in words or "--replSet" in words for words in _mongo(members))
