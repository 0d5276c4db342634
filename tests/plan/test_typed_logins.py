"""A typed login lives in memory alone, and no longer than a step needs it."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from stackops.console.fix.acts import mongo
from stackops.console.fix.acts.mongo_talk import NOT_INITIATED, View
from stackops.console.fix.plan import Plan
from stackops.console.fix.preparing import PreviewHost
from stackops.console.fix.steps import MongoCommand
from stackops.console.hosts import HostError
from stackops.console.model.findings import Result
from support.workshop import Workshop


class Set:
    """A set that one mongod of its own may be asked for: with this login only."""

    def __init__(self) -> None:
        self.made = False
        self.refuses: HostError | None = None
        self.logins: list[Any] = []

    def dialogue(self, host: Any, _container: str, _name: str, _owners: Any = (), typed: Any = None) -> Set:
        self.logins.append(typed)
        return Set() if isinstance(host, PreviewHost) else self

    def look(self, *, status: bool = True) -> View:
        return View("rs0", primary=True, led=True, code=0) if self.made else View(ghost=True, code=NOT_INITIATED)

    def order(self, _command: Any, _hosts: str) -> bool:
        if self.refuses is not None:
            raise self.refuses
        self.made = True
        return True

    def await_primary(self) -> None:
        pass


@pytest.fixture
def replica_set(monkeypatch: pytest.MonkeyPatch) -> Set:
    found = Set()
    monkeypatch.setattr(mongo, "MongodDialogue", found.dialogue)
    return found


def plan() -> Plan:
    step = MongoCommand("c" * 64, "mongo", "initiate", "rs0", "mongo:27017", user="root", password="typed-0f3a")
    return Plan("test.set", "mongo", "No set", (step,), settle=0.0, deadline=0.0)


def look(found: Set) -> Result:
    return Result("test.set", "mongo", "ok" if found.made else "finding", "No set")


def test_it_is_gone_when_its_preview_is_dropped(tmp_path: Path, replica_set: Set) -> None:
    prepared = Workshop(tmp_path).fixer(lambda: look(replica_set)).prepare(plan())
    (ticket,) = mongo._TYPED
    assert prepared.steps[0].step.ticket == ticket
    del prepared
    gc.collect()
    assert mongo._TYPED == {}


@pytest.mark.parametrize("refuses", [None, HostError("no")])
def test_it_is_gone_when_the_fix_has_ended(tmp_path: Path, replica_set: Set, refuses: HostError | None) -> None:
    shop = Workshop(tmp_path)
    fixer = shop.fixer(lambda: look(replica_set))
    prepared = fixer.prepare(plan())
    replica_set.refuses = refuses
    outcome = fixer.run(prepared)
    assert (outcome.name == "done") == (refuses is None), outcome
    assert replica_set.logins[-1].password == "typed-0f3a", "it was used to the end"
    assert mongo._TYPED == {}
    written = b"".join(path.read_bytes() for path in shop.state.rglob("*") if path.is_file())
    assert written
    assert b"typed-0f3a" not in written
