"""Arrows of a live stack: how each is cut, what is said of it, and how it is mended."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from stackops.console.model.findings import Result, Trouble

from .cut_stack import PATIENCE, CutStack, standing, states
from .stacks import docker, wait_for

MODELS = ("gateway", "m3e", "ollama", "endpoint")
"""How the names of cuts begin after which a model's path must not be as it was."""
BEHIND = {
    "wiring.login": "login", "fastgpt.token": "login", "fastgpt.base-url": "path",
    "mongo.replica-set app-login": "login", "mongo.replica-set app-auth-source": "login",
    "mongo.replica-set app-set": "replica set",
    "postgres.credentials password": "login", "postgres.credentials no-database": "database",
    "oneapi.restart unknown-database": "database", "mysql.credentials no-database": "database",
    "wiring.dsn": "address",
}  # fmt: skip
"""The hop of findings behind a connection that was taken, by check or check and form."""
BEFORE = {"wrong-host": "name", "other-network": "name", "loopback": "port", "host-port": "port"}
"""The hop of what a One API that ends again and again says of its database: nobody can try an arrow from there."""


# -- what is cut ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """A service is given other variables."""

    service: str
    env: Mapping[str, str]

    def cut(self, stack: CutStack) -> None:
        stack.again(self.service, {"environment": dict(self.env)})

    def mend(self, stack: CutStack) -> None:
        stack.again(self.service, None)


@dataclass(frozen=True)
class Told:
    """One command of docker to a service's container, and the one that takes it back."""

    service: str
    there: tuple[str, ...]
    back: tuple[str, ...]

    def cut(self, stack: CutStack) -> None:
        docker(*self.there, stack.container(self.service))

    def mend(self, stack: CutStack) -> None:
        docker(*self.back, stack.container(self.service))


@dataclass(frozen=True)
class Parted:
    """A service is taken out of its networks."""

    service: str

    def cut(self, stack: CutStack) -> None:
        stack.part(self.service)

    def mend(self, stack: CutStack) -> None:
        stack.join(self.service)


@dataclass(frozen=True)
class Rewritten:
    """A row of One API's database; its lists are read once in a while, so it is looked at anew."""

    there: str
    back: str

    def cut(self, stack: CutStack) -> None:
        sql(stack, self.there)
        stack.anew()

    def mend(self, stack: CutStack) -> None:
        sql(stack, self.back)
        stack.anew()


@dataclass(frozen=True)
class Written:
    """Words of a file that a service reads at its start are others."""

    service: str
    file: str
    words: str
    others: str

    def _swap(self, stack: CutStack, old: str, new: str) -> None:
        text = stack.path(self.file).read_text(encoding="utf-8")
        assert old in text
        stack.write(self.file, text.replace(old, new))
        docker("restart", "-t", "0", stack.container(self.service))

    def cut(self, stack: CutStack) -> None:
        self._swap(stack, self.words, self.others)

    def mend(self, stack: CutStack) -> None:
        self._swap(stack, self.others, self.words)


def stopped(service: str) -> Told:
    return Told(service, ("stop", "-t", "0"), ("start",))


def paused(service: str) -> Told:
    return Told(service, ("pause",), ("unpause",))


def sql(stack: CutStack, statement: str, *, check: bool = True) -> str:
    """One API's database asked by hand."""
    login = ("mariadb", "-uroot", "-poneapimmysql", "-S", "/run/mysqld/mysqld.sock", "oneapi", "-N", "-e", statement)
    return docker("exec", stack.container("mysql"), *login, check=check)


# -- and what is said -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cut:
    """One arrow cut in one way. ``says``: what the one trouble is called; more than one where a service goes round."""

    name: str
    act: Given | Told | Parted | Rewritten | Written
    arrow: str
    hop: str
    says: Sequence[str]
    fixed: bool = False
    """Mended by the fix of the check that tells it, and only then put back by hand."""
    told: list[Trouble] = field(default_factory=list, compare=False, repr=False)
    seen: list[str] = field(default_factory=list, compare=False, repr=False)


def play(stack: CutStack, cut: Cut) -> None:
    """Cut, looked at until the one trouble names it, mended, green."""
    cut.act.cut(stack)
    stack.press()
    try:
        try:
            wait_for(lambda: _is_told(stack, cut), PATIENCE)
        except AssertionError:
            pytest.fail(f"{cut.name}: {cut.seen[-1:]}")
        if cut.fixed:
            result = cut.told[-1].result
            done = stack.fix(result.check, result.subject)
            assert done.returncode == 0, done.stdout + done.stderr
            stack.anew()
            wait_for(lambda: _is_mended(stack), PATIENCE)
    finally:
        cut.act.mend(stack)
        stack.anew()
    wait_for(lambda: _is_mended(stack), PATIENCE)


def _is_mended(stack: CutStack) -> bool:
    """An answer that failed is kept for up to a minute: whoever is not up yet is asked anew."""
    if stack.green():
        return True
    stack.anew()
    return False


def _is_told(stack: CutStack, cut: Cut) -> bool:
    snapshot, judgement = stack.judged()
    troubles = stack.troubles(judgement)
    cut.seen.append(" | ".join(stack.said(f"{each.result.check}: {each.result.title}") for each in troubles))
    if len(troubles) != 1 or judgement.green:
        return False
    (trouble,) = troubles
    if states(snapshot) == stack.paths and cut.name.startswith(MODELS):
        return False
    hop = _hop(stack, trouble, cut)
    cut.told.append(trouble)
    cut.seen[-1] += f" [{hop}]"
    broken = {stack.said(f"{e.source_name} -> {e.host}:{e.port}") for e in snapshot.edges if e.broken}
    folded = {
        arrow for each in (trouble.result, *trouble.consequences) for arrow in stack.said(each.subject).split(", ")
    }
    return stack.said(trouble.result.title) in cut.says and hop == cut.hop and broken <= folded


def _hop(stack: CutStack, trouble: Trouble, cut: Cut) -> str | None:
    """The first hop that fails, as the arrow's own result tells it, whether it leads or is folded."""
    result = trouble.result
    for each in (result, *trouble.consequences):
        if each.check == "wiring.broken" and cut.arrow in stack.said(each.subject).split(", "):
            return _failed(each)
    if result.check == "oneapi.restart" and result.form in BEFORE:
        return BEFORE[result.form]
    return BEHIND.get(f"{result.check} {result.form}") or BEHIND.get(result.check)


def _failed(result: Result) -> str | None:
    return next((row.label for row in result.evidence if row.value.startswith("failed")), None)


# -- the tests of one release -----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter the network of a container")
class CutTests:
    """What holds for each stack: it is green, and each of its cuts is told. The stack stands once for all of them."""

    release: ClassVar[str]
    more: ClassVar[Mapping[str, Any]] = {}
    added: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    paths: ClassVar[Mapping[str, str]] = {}
    """How each model's path is while nothing is cut; empty: as it first was."""
    whole: ClassVar[Mapping[str, Sequence[str]]]
    """Who needs somebody, and at which addresses."""
    cuts: ClassVar[Sequence[Cut]]

    @classmethod
    def files(cls) -> Mapping[str, str]:
        """Files of its folder, and what they hold."""
        return {}

    @classmethod
    def prepare(cls, stack: CutStack) -> None:
        """What its folder needs besides."""

    @classmethod
    def begin(cls, stack: CutStack) -> None:
        """What is done by hand once it has started."""

    @classmethod
    @contextmanager
    def standing(cls, base: Path) -> Iterator[CutStack]:
        """The stack, up and green."""
        stack = CutStack(base, cls.release, cls.more, cls.added, cls.files())
        cls.prepare(stack)
        stack.paths = cls.paths
        with standing(stack):
            cls.begin(stack)
            wait_for(stack.green, 120.0)
            yield stack

    def test_the_whole_stack_is_green_and_each_arrow_whole(self, cut_stack: CutStack) -> None:
        snapshot, judgement = cut_stack.judged()
        assert cut_stack.whole(snapshot) == {(name, at) for name, needed in self.whole.items() for at in needed}
        assert not judgement.doubts
        assert states(snapshot) == cut_stack.paths

    def test_a_cut_arrow_is_one_trouble_that_names_it_and_its_first_failing_hop(
        self, cut_stack: CutStack, cut: Cut
    ) -> None:
        play(cut_stack, cut)
