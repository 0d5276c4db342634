"""Every repair of the practice machine, by the console's own fix: with an Engine that goes away before it is proven."""

from __future__ import annotations

import dataclasses
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from stackops.checks import registry
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import PreparedPlan
from stackops.console.hosts import EngineUnreachable
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from stackops.screens.fixwork import Ended, FixWork, Moved, Prepared
from support.clock import FakeClock
from support.pilots import desk_on, look
from support.practice import FORMS, break_again

SETTINGS = Settings()
AWAY = ("ping", "version", "info", "containers", "inspect")
CASES = [
    pytest.param(check, form, silent, id=f"{check}: {form}, {'away' if silent is AWAY else 'without info'}")
    for check, forms in FORMS.items()
    for form, silent in ((min(forms), AWAY), (min(forms), ("info",)), (max(forms), AWAY))
]


def impatient(prepared: PreparedPlan) -> PreparedPlan:
    """With fewer looks: each is a whole one, and nothing but the clock moves from one to the next."""
    return dataclasses.replace(prepared, plan=replace(prepared.plan, settle=2.0, deadline=5.0))


class Engine:
    """The practice machine's Engine, which goes away, or answers without telling all of itself."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.silent: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        return self._refused if name in self.silent else found

    async def _refused(self, *_: object, **__: object) -> bytes:
        raise EngineUnreachable("the Engine does not answer", "see why: journalctl -u docker -n 20")


class Listening:
    """Lets something happen when all steps are done."""

    def __init__(self, proof_begins: Callable[[], None]) -> None:
        self._told, self._proof_begins = queue.Queue[Any](), proof_begins

    def post_message(self, message: Any) -> bool:
        if isinstance(message, Moved) and (message.progress.phase, message.progress.state) == ("verify", "running"):
            self._proof_begins()
            self._proof_begins = lambda: None
        self._told.put(message)
        return True

    def until(self, kind: type) -> Any:
        while not isinstance(message := self._told.get(timeout=120), kind):
            pass
        return message


@pytest.mark.parametrize(("check", "form", "silent"), CASES)
def test_it_is_not_done(tmp_path: Path, check: str, form: str, silent: tuple[str, ...]) -> None:
    clock = FakeClock()
    host = open_demo(clock=clock, scenarios=())
    break_again(host, check, form)
    clock.advance(5.0)
    engine = Engine(host.engine)
    host.engine = engine  # type: ignore[assignment]
    snapshot = look(host, SETTINGS)
    found = next(each for each in registry.examine(snapshot, SETTINGS, [check]) if each.status == "finding")
    journal = Journal(tmp_path)
    listening = Listening(lambda: setattr(engine, "silent", silent))
    work = FixWork(desk_on(host, journal), check, found.subject, listening)
    work.prepare(found, snapshot, {})
    prepared = listening.until(Prepared)
    work.wait()
    if prepared.prepared is None:
        assert (prepared.trouble, prepared.plan.steps, prepared.plan.safety) == (None, (), "manual")
        return

    work.run(impatient(prepared.prepared))
    outcome = listening.until(Ended).outcome
    assert outcome.name not in ("done", "nothing"), outcome
    work.wait()
    (entry,) = journal.entries()
    assert entry.state in ("open", "rolled-back", "failed")
    engine.silent = ()
    if entry.state == "open":
        work.resume(entry)
        again = listening.until(Ended).outcome
        assert again.name == ("rolled-back" if entry.rolling_back else "done"), again
        work.wait()
