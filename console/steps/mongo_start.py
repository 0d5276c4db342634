"""The step that initiates a set on a mongod which another step of the same plan is about to start with ``--replSet``.

It finds the service's container at that moment, since the one that was looked at is gone by then, and sends nothing to
a mongod that does not say itself that it waits for its first configuration. fact: mongo-docker-db 1.2, 1.3 and 7
"""

from __future__ import annotations

import json
from typing import ClassVar

from msgspec.structs import replace

from ..failpoints import reach
from ..hosts import HostError
from .base import Prepared, State, Step, StepFailed, Workbench
from .mongo import ALREADY, await_primary
from .mongo_talk import View, answer, look, order
from .standing import of_service

START_WITHIN = 75.0
"""Seconds for a mongod to come up; the first start makes a user before it. fact: mongo-docker-db 2.1 and 7"""
PERIOD = 0.5
NO_REPLICATION, NOT_INITIATED = 76, 94


class InitiateSet(Step, frozen=True):
    """``replSetInitiate`` with one member, once the service runs with ``--replSet``.

    Taking it back is leaving it: a mongod without ``--replSet`` opens the same data folder and does not use the set's
    configuration in it, and one with it finds it there again. fact: MongoDB manual, maintenance on members of a set
    """

    settles: ClassVar[bool] = True
    shared: ClassVar[bool] = True
    deadline: ClassVar[float] = 180.0

    project: str
    service: str
    set_name: str
    host: str
    """``name:port`` by which the app and the node itself reach it."""
    owners: tuple[str, ...] = ()
    """Containers besides its own whose environment may hold a login."""
    left: bool = False
    """On an inverse: the configuration stays where it is."""

    @property
    def target(self) -> str:
        """The service."""
        return self.service

    def describe(self) -> str:
        """One sentence: what it does."""
        if self.left:
            return (
                f"Leave the configuration of the set {self.set_name} in the data folder: mongod does not use it without"
                " --replSet"
            )
        return (
            f"Wait until {self.service} runs with --replSet, initiate the replica set {self.set_name} with it as"
            f" {self.host}, and wait for the primary"
        )

    @property
    def config(self) -> dict[str, object]:
        """What is sent."""
        return {"_id": self.set_name, "members": [{"_id": 0, "host": self.host}]}

    def prepare(self, bench: Workbench) -> Prepared:  # noqa: ARG002 - what it needs is there only when it is done
        """Nothing is read: the mongod that is meant has not been started yet."""
        shown = "" if self.left else f"> db.adminCommand({{replSetInitiate: {json.dumps(self.config)}}})"
        return Prepared(self, replace(self, left=True), shown)

    def state(self, bench: Workbench) -> State:
        """Before, until the mongod of the service has a set. One that does not answer yet is being started."""
        if self.left:
            return "before"
        try:
            return "after" if self._view(bench).code == 0 else "before"
        except HostError:
            return "before"

    def act(self, bench: Workbench) -> None:
        """Wait for mongod, send it, wait for a writable primary. Raises StepFailed with mongod's reason."""
        if self.left:
            return
        reach("before_restart")
        if self._await_start(bench).code != 0:
            container = self._container(bench)
            code = order(bench.host, {"replSetInitiate": self.config}, container, self._owners(container), None)
            if code not in (0, ALREADY):
                raise StepFailed(answer(code, self.host), "the log of mongod says more")
        await_primary(bench, self._container(bench), self.service)

    def _await_start(self, bench: Workbench) -> View:
        """Until it says that it waits for its first configuration, or has one."""
        clock = bench.host.clock
        end = clock.monotonic() + START_WITHIN
        while True:
            why, view = "", None
            try:
                view = self._view(bench)
            except HostError as error:
                why = str(error)
            if view is not None and view.code in (0, NOT_INITIATED):
                return view
            if view is not None and view.code != NO_REPLICATION:
                raise StepFailed(f"{self.service} cannot be initiated: {view.says}", "look again: it may be said why")
            if clock.monotonic() >= end:
                why = why or "it runs without"
                raise StepFailed(f"{self.service} did not come up with --replSet within {START_WITHIN:g} s: {why}")
            bench.tell(f"mongod is starting ({max(0.0, end - clock.monotonic()):.0f} s left)")
            clock.sleep(PERIOD)

    def _view(self, bench: Workbench) -> View:
        container = self._container(bench)
        return look(bench.host, container, self._owners(container), None)

    def _container(self, bench: Workbench) -> str:
        found = of_service(bench.host, self.project, self.service)
        if len(found) != 1:
            raise StepFailed(f"The service {self.service} has {len(found) or 'no'} containers")
        return found[0].id

    def _owners(self, container: str) -> tuple[str, ...]:
        return (container, *self.owners)


__all__ = ["InitiateSet"]
