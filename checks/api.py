"""The contract of a check: Forms with their words, ``find`` and ``plan``, and what the house does for every check.

A check is one pitfall in one file. It lists its Forms, ``find`` says for each subject whether it is a Case, Fine or
Unknown, and ``plan`` makes the repair of one Case. Everything else is done here, once: the rows that people read, the
summary of the repair, finding a case again when its repair is asked for, and a check that raises.

A check never touches the machine: what it needs to know, a source has collected.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from ..console.fix.plan import Plan, Question
from ..console.fix.steps import AnyStep
from ..console.model import Role, Snapshot
from ..console.model.findings import Evidence, FixSummary, Result, Severity
from ..console.products.services import role_of_container
from ..console.settings import Settings
from ..console.text import N_, _, used
from ..console.text.cleaning import wrapped
from .subjects import only_listed

Facts = TypeVar("Facts")
Answers = Mapping[str, str]
GONE = N_("There is nothing to repair any more.")
PARTS = (N_("What it does"), N_("Why it matters"), N_("Fix"), N_("Sources"))
"""The parts of a check's docstring, behind a first sentence. The last one names what is read in its own language."""
_PLACEHOLDER = re.compile(r"\{\w+\}")
_WORST: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Form:
    """One way in which a pitfall shows itself, and its words.

    The texts are entries of the catalogue: English, with named placeholders (``{name}``) that a Case fills.
    """

    id: str
    """``not-mounted``: stable, for tests, for ``--json`` and as part of the message ids."""
    title: str
    """One sentence that names the subject: ``{subject}`` is always known."""
    because: str
    """The cause, in plain language."""
    fix: str
    """What the repair does, in one line; where there is none, what a person has to do."""
    severity: Severity = "error"
    advice: str = ""
    """What its plan says, a line each, where that stands fixed: for a repair by hand, what to do."""
    variant: str = ""
    """Where one form is told in several ways: part of the message ids alone. ``replace`` makes one form of another."""

    def messages(self) -> Iterator[tuple[str, str]]:
        """Part of the message id, and the English text."""
        name = f"{self.id}.{self.variant}" if self.variant else self.id
        yield from ((f"{name}.title", self.title), (f"{name}.because", self.because), (f"{name}.fix", self.fix))
        if self.advice:
            yield f"{name}.advice", self.advice


@dataclass(frozen=True)
class Case(Generic[Facts]):
    """One subject that has the pitfall."""

    subject: str
    """The container, service or path that is meant; stable between looks, so that ``fix ID SUBJECT`` can name it."""
    form: Form
    facts: Facts
    """What the plan is made of, typed by the check."""
    rows: tuple[Evidence, ...] = ()
    """What was seen and where, for people."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Values of the form's placeholders. Never a secret."""
    severity: Severity | None = None
    """Where this case is more or less harmful than its form usually is."""
    about: str | None = None
    """Whom the form is about where one subject can have it several times: the one app of a database's two."""
    also: tuple[str, ...] = ()
    """Other subjects of which it says just as much, and which say nothing themselves: further members of a set."""
    blames: str | None = None
    """The container that it comes from. Where something is found about that one, this is what follows."""

    @property
    def title(self) -> str:
        """The form's title, filled."""
        return self.fill(self.form.title)

    @property
    def because(self) -> str:
        """The form's cause, filled."""
        return self.fill(self.form.because)

    @property
    def fix(self) -> str:
        """The form's repair in one line, filled."""
        return self.fill(self.form.fix)

    @property
    def advice(self) -> tuple[str, ...]:
        """The lines of the form's advice, filled."""
        return tuple(self.fill(line) for line in self.form.advice.splitlines())

    def fill(self, text: str) -> str:
        """A text of the form, or of its plan, translated, with this case's words in place of the placeholders."""
        return _(text, **{"subject": self.subject, **{name: _worded(word) for name, word in self.words.items()}})


@dataclass(frozen=True)
class Fine:
    """One subject that was looked at and does not have the pitfall."""

    subject: str
    title: str
    rows: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """One subject of which it cannot be told. Never contains good news."""

    subject: str
    title: str
    """What cannot be told: ``Whether mongo needs a restart cannot be told``."""
    why: str
    rows: tuple[Evidence, ...] = ()
    also: tuple[str, ...] = ()
    """Other subjects of which it can be told just as little."""


Found = Case[Any] | Fine | Unknown
Find = Callable[[Snapshot, Settings], Iterable[Found]]
MakePlan = Callable[[Case[Any], Answers], Plan]


def _worded(word: str) -> str:
    """A word of a case in the language that is spoken. What has no space may be a name, and stays."""
    return _(word) if " " in word else word


def _parted(block: str) -> tuple[str, str]:
    """A part of a docstring: its heading, empty where it has none, and its text in one line."""
    head, _, body = block.partition("\n")
    head, body = (head, body) if head in PARTS else ("", block)
    return head, " ".join(line.strip() for line in body.splitlines())


def _translated(block: str) -> str:
    head, body = _parted(block)
    if head == PARTS[-1]:
        return block.replace(head, _(head), 1)
    hang = "    " if head or block.startswith(" ") else ""
    return "\n".join(([_(head)] if head else []) + wrapped(_(body), 112, hang, hang))


def repair(
    *steps: AnyStep,
    says: Iterable[str] = (),
    restarts: Iterable[str] = (),
    questions: Iterable[Question] = (),
    **more: Any,  # noqa: ANN401 - the further fields of a Plan
) -> Plan:
    """A Plan with these steps; its check, subject, title and fault are filled in by the house.

    Its safety follows from it unless it is given: disruptive where it restarts something.
    """
    names = tuple(restarts)
    given = {"safety": "disruptive" if names else "safe", **more}
    return Plan("", "", "", steps=steps, says=tuple(map(_, says)), restarts=names, questions=tuple(questions), **given)


def manual(*says: str) -> Plan:
    """A Plan that only says what a person can do."""
    return Plan("", "", "", safety="manual", says=tuple(map(_, says)))


def by_hand(case: Case[Any], _answers: Answers) -> Plan:
    """The plan of a check that only tells what its forms advise."""
    return manual(*case.advice)


@dataclass(frozen=True)
class Check:
    """One pitfall: how to see it, what to say of it, how to repair it."""

    id: str
    """``area.pitfall``, as the file is called."""
    title: str
    """What is so when all is well."""
    doc: str
    """The module's docstring: What it does, Why it matters, Fix, Sources. ``stackops explain`` prints it."""
    forms: tuple[Form, ...]
    find: Find
    repair: MakePlan
    """``plan`` of the check's file: the Plan of one Case, made by :func:`repair` or :func:`manual` of this module."""
    reads: tuple[str, ...]
    """Parts of the Snapshot that ``find`` judges: all of them have to be read well where it proves a repair."""
    of: tuple[Role, ...] = ()
    """Whom it asks for what only an inspected container shows, lest it be told that it does not apply before that."""
    needs: tuple[str, ...] = ()
    """What a Snapshot has only on request, and a plan of this check is made from."""
    proves: tuple[str, ...] = ()
    """What a Snapshot has only on request, and this check judges better with: asked for when it is called by its name,
    and while it repairs."""

    @property
    def severity(self) -> Severity:
        """The worst that a form of it usually is."""
        return min((form.severity for form in self.forms), key=_WORST.index)

    @property
    def explained(self) -> str:
        """Its docstring, in the language that is spoken: line by line as it stands, or broken anew."""
        told = inspect.cleandoc(self.doc)
        if used() == "en":
            return told
        return "\n\n".join(_translated(block) for block in told.split("\n\n"))

    def texts(self) -> Iterator[str]:
        """Every text of it that has a translation: its title, its docstring, its forms."""
        yield self.title
        for block in inspect.cleandoc(self.doc).split("\n\n"):
            head, body = _parted(block)
            if head != PARTS[-1]:
                yield body
        for _name, text in self.messages():
            yield from (line for line in text.splitlines() if re.search("[A-Za-z]{2}", _PLACEHOLDER.sub("", line)))

    def examine(self, snapshot: Snapshot, settings: Settings) -> Iterator[Result]:
        """What it says of each subject."""
        for found in self._found(snapshot, settings):
            if isinstance(found, Case):
                yield self._finding(found)
            elif isinstance(found, Fine):
                yield Result(self.id, found.subject, "ok", _(found.title), evidence=found.rows)
            else:
                yield Result(
                    self.id,
                    found.subject,
                    "unknown",
                    _(found.title),
                    evidence=found.rows,
                    because=_(found.why),
                    also=found.also,
                )

    def plan(self, result: Result, snapshot: Snapshot, settings: Settings, answers: Answers) -> Plan:
        """The repair of a finding: its case is found again in this Snapshot by subject and fault.

        A newer Snapshot, or one that was read for this plan, may show another form of it: then that one is repaired.
        """
        cases = [c for c in self._found(snapshot, settings) if isinstance(c, Case) and c.subject == result.subject]
        if cases:
            same = (case for case in cases if self._told(case).fault == result.fault)
            return self._planned(next(same, cases[0]), answers)
        return replace(manual(_(GONE)), check=self.id, subject=result.subject, title=result.title, fault=result.fault)

    def messages(self) -> Iterator[tuple[str, str]]:
        """Message id and English text of all its forms."""
        for form in self.forms:
            yield from ((f"{self.id}.{part}", text) for part, text in form.messages())

    def _found(self, snapshot: Snapshot, settings: Settings) -> Iterator[Found]:
        """What ``find`` says, but of containers that the Engine has only listed: of those Unknown.

        Their variables, commands and mounts are not known yet, and empty ones would tell what may not be so.
        """
        listed = only_listed(snapshot) if "containers" in self.reads else ()
        names = {container.name for container in listed}
        waiting = {container.name: None for container in listed if role_of_container(container) in self.of}
        for found in self.find(snapshot, settings):
            if found.subject in names:
                waiting[found.subject] = None
            else:
                yield found
        for name in waiting:
            title = _("Cannot say of {subject}: {title}", subject=name, title=_(self.title))
            yield Unknown(name, title, N_("it has not been inspected yet"))

    def _planned(self, case: Case[Any], answers: Answers) -> Plan:
        """Every plan says which fault of the case it repairs: that one has to be gone afterwards."""
        told = self._told(case)
        return replace(
            self.repair(case, answers), check=self.id, subject=case.subject, title=case.title, fault=told.fault
        )

    def _finding(self, case: Case[Any]) -> Result:
        summary = FixSummary(self._planned(case, {}).safety, case.fix)
        return replace(self._told(case), fix=summary)

    def _told(self, case: Case[Any]) -> Result:
        return Result(
            self.id, case.subject, "finding", case.title, case.severity or case.form.severity, case.rows, case.because,
            form=case.form.id, about=case.about, also=case.also, blames=case.blames,
        )  # fmt: skip
