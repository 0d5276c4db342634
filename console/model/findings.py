"""What a check says: evidence, findings, results; and what the judgement makes of all of them.

Data only. Every text is for people, already clean, and free of secrets.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "info"]
Status = Literal["ok", "finding", "unknown", "not_applicable", "crashed", "ignored"]
Safety = Literal["safe", "disruptive", "manual"]


class Evidence(Struct, frozen=True):
    """One observed fact and where it was read."""

    label: str
    value: str
    source: str


class FixSummary(Struct, frozen=True):
    """What the fix would be, in one line, without having planned it."""

    safety: Safety
    summary: str


class Result(Struct, frozen=True):
    """What one check says about one subject."""

    check: str
    subject: str
    """The container, service or path that is meant; stable between runs, so that ``fix ID SUBJECT`` can name it."""
    status: Status
    title: str
    """One sentence."""
    severity: Severity | None = None
    """Only of findings."""
    evidence: tuple[Evidence, ...] = ()
    because: str | None = None
    """The cause in plain language; for ``unknown``: why it cannot be told."""
    fix: FixSummary | None = None
    form: str | None = None
    """Which form of the pitfall this is, for the plan and the tests: ``not-mounted``, ``directory``, ..."""
    about: str | None = None
    """Whom the form is about where one subject can have it several times: the one app of a database's two."""

    also: tuple[str, ...] = ()
    """Other subjects that it says just as much of, and that say nothing themselves: the further members of a set."""
    blames: str | None = None
    """The container that it comes from. Where something is found about that one, this is what follows."""

    note: str | None = None
    """Of what the settings ignore: until when and why; of what they ignored before: that this is over."""

    @property
    def key(self) -> tuple[str, str]:
        """What identifies this result over time."""
        return (self.check, self.subject)

    @property
    def fault(self) -> str | None:
        """What exactly is wrong with the subject: the form, and whom it is about. A repair has to make this go away."""
        return self.form if self.form is None or self.about is None else f"{self.form}: {self.about}"


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
    container: str | None = None
    """Id of the container that it is about; None where it is about the machine, a GPU, a folder."""
    words: str = ""
    """How that container is, where it does not simply run: ``crash loop``, ``unhealthy``, ``exited 137``."""
    since: float | None = None
    """Unix seconds: since when that container is as it is; None where nothing tells it."""


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
