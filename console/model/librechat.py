"""How LibreChat's own release judges its configuration file. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class ConfigIssue(Struct, frozen=True):
    """One thing that a service's configuration file gets wrong. Never holds a value that could be a secret."""

    kind: Literal["syntax", "schema", "azure", "dropped", "warning"]
    path: str
    """Where in the data: ``endpoints.custom.0.models``; empty for the file as a whole."""
    message: str
    """In the server's own words where it has any."""
    line: int | None = None
    column: int | None = None
    advice: str | None = None
    """What to write instead."""


class ConfigRepair(Struct, frozen=True):
    """One edit of a configuration file that is the only right answer to something wrong in it."""

    kind: Literal["nest", "rename", "version", "quote", "boolean", "dedent"]
    says: str
    """One sentence: what it does."""
    path: tuple[str, ...] = ()
    """The mapping that is changed, or the value."""
    name: str = ""
    """``nest``: the key to move under; ``rename``: the key as it is."""
    keys: tuple[str, ...] = ()
    """``nest``: the keys to move."""
    value: str = ""
    """``rename``, ``version``, ``boolean``: what to write."""
    line: int = 0
    """``dedent``: the first line to move, from 1."""
    columns: int = 0
    """``dedent``: by how much."""


class ConfigVerdict(Struct, frozen=True):
    """What the program that reads a configuration file makes of it (LibreChat and its librechat.yaml)."""

    path: str
    """Host path of the file."""
    release: str
    """The release that judges, for example ``0.8.7``."""
    release_from: str
    """How that is known: ``log``, ``image``, ``compose file``, ``settings``, ``newest``."""
    container: str | None = None
    project: str | None = None
    service: str | None = None
    mounted: bool = False
    """Whether a container has it now; else it is only declared, or lies in the project folder."""
    sha256: str | None = None
    stage: Literal["yaml", "empty", "schema", "dropped", "azure", "ok"] | None = None
    """How far the file gets; None: could not be judged, ``problem`` says why."""
    boot: Literal["ok", "defaults", "exit 1", "crash"] | None = None
    """What the server does then."""
    problem: str | None = None
    log: str | None = None
    """The line the server logs."""
    issues: tuple[ConfigIssue, ...] = ()
    shown: tuple[str, ...] = ()
    """Custom endpoints that appear."""
    dropped: tuple[str, ...] = ()
    """Custom endpoints that never appear."""
    azure_models: tuple[str, ...] = ()
    repairs: tuple[ConfigRepair, ...] = ()
    """In this order they leave nothing to complain of; empty where that takes a decision."""


class PackageRelease(Struct, frozen=True):
    """The release that a container's own package.json names; asked where neither its log nor its tag tells."""

    container: str
    version: str
    """Without a leading ``v``."""
    path: str
    """Inside the container."""


class CookieProof(Struct, frozen=True):
    """What a LibreChat answered to the one login that the operator asked for. Holds no name, no password, no token."""

    container: str
    asked_at: float
    """Unix seconds."""
    outcome: Literal[
        "cookie",
        "no-cookie",
        "two-factor",
        "refused",
        "rate-limited",
        "banned",
        "unreachable",
        "unexpected",
        "withheld",
    ]
    """``withheld``: nothing was sent, ``sentence`` says why."""
    address: str | None = None
    """Where it was asked, without a path."""
    secure: bool | None = None
    same_site: str | None = None
    """In the server's words; None where the cookie says nothing of it."""
    http_only: bool | None = None
    sentence: str | None = None
    """What was in the way."""
