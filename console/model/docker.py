"""The Engine's own configuration, and what its registry mirrors answer. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from .files import FileKind


class PullFailure(Struct, frozen=True):
    """A pull that failed on the way to its registry, as dockerd's log tells it."""

    at: float
    registry: str
    """``docker.io``, ``ghcr.io``, ..."""
    reason: str


class DaemonConfig(Struct, frozen=True):
    """The Engine's own configuration: its file, its flags, the process that read them."""

    path: str
    """``/etc/docker/daemon.json``, or wherever this Engine has it."""
    kind: FileKind
    error: str | None = None
    """Why the file is not one JSON object; ``line`` and ``column`` count from 1."""
    line: int | None = None
    column: int | None = None
    blank: bool = False
    """Nothing but white space in it."""
    mark: bool = False
    """It begins with a byte order mark."""
    keys: tuple[str, ...] = ()
    """Of the outermost object, in the order of the file."""
    mirrors: tuple[str, ...] | None = None
    """``registry-mirrors``; None without the key, or when it is no list of texts."""
    mirrors_wrong: str | None = None
    """What stands there when it is no list of texts: ``a text``, ``a number``, ..."""
    typo: str | None = None
    """A key that was meant to be ``registry-mirrors``."""
    typo_mirrors: tuple[str, ...] = ()
    """What stands under it, or under a ``registry-mirrors`` that is a single text."""
    flags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What dockerd was started with, by the name the file has for it. fact: moby daemon/config"""
    pid: int | None = None
    """Of dockerd; None where it is not seen from here."""
    user: str | None = None
    unit: str | None = None
    """The systemd unit it runs in."""
    changed_at: float | None = None
    started_at: float | None = None
    failed_pulls: tuple[PullFailure, ...] = ()
    """Of the last half hour, newest last."""
    certificates: tuple[str, ...] = ()
    """Registries with a folder of their own under ``certs.d``."""


MirrorState = Literal[
    "ok", "needs-login", "not-allowed", "rate-limited", "missing", "not-a-registry", "tls", "dns", "refused", "hangs",
    "broken", "unreachable", "unknown",
]  # fmt: skip


class ImageProbe(Struct, frozen=True):
    """Whether one image could be had."""

    image: str
    """``library/mongo:5.0.18``."""
    state: MirrorState
    status: int | None = None
    """HTTP status that decided."""


class MirrorProbe(Struct, frozen=True):
    """What a mirror, or a registry itself, answered when it was asked the way the Engine asks."""

    address: str
    """As configured, without the slash at the end."""
    what: Literal["mirror", "candidate", "registry"]
    state: MirrorState
    at: float
    seconds: float | None = None
    """All its answers together."""
    says: str = ""
    """The reason, for people."""
    images: tuple[ImageProbe, ...] = ()


class MirrorSeed(Struct, frozen=True):
    """Mirrors to choose from, and hosts that carry the images of other registries."""

    dated: str
    """Day of the list, or where it comes from."""
    mirrors: tuple[str, ...]
    overrides: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Registry -> hosts under which its images may be named instead."""
