"""What the judgement says of the whole: the state of each service, and the troubles in their order. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .findings import Result

ServiceState = Literal["well", "ill", "starting", "stopped", "unknown"]


class ServiceJudgement(Struct, frozen=True):
    """One container as a whole: what the Engine says of it, its own answers, and what the checks found."""

    container: str
    """Container id."""
    name: str
    stack: str | None
    state: ServiceState
    words: str
    """The reason in a few words: ``crash loop``, ``unhealthy``, ``stopped``; empty where it is well."""


class Trouble(Struct, frozen=True):
    """One cause, with everything that follows from it folded under it."""

    result: Result
    """The finding that says what is wrong."""
    takes_down: tuple[str, ...] = ()
    """Names of the services that do not work because of it, besides its own."""
    consequences: tuple[Result, ...] = ()
    """Findings that will go with it."""


class Judgement(Struct, frozen=True):
    """What is down, why, and what to do first."""

    verdict: str
    """One sentence."""
    green: bool
    """Whether every service that somebody wants running is well, and nothing needed to say so is unknown or stale."""
    troubles: tuple[Trouble, ...] = ()
    services: tuple[ServiceJudgement, ...] = ()
    doubts: tuple[str, ...] = ()
    """Why it is not green where there is no trouble: a sentence each."""
