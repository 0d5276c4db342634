"""A step that changed nothing, or whose effect harms nobody, needs no way back: exit code 4, never 6, and no act more.

What is asserted is what reached the Engine: the calls, and the containers afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from stackops.console.exit_codes import ExitCode
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import ComposeUp, EditFile, EnvLine, RestartContainer, UnloadModel
from stackops.console.hosts import HttpFailed, HttpReply
from support.workshop import PROJECT, Workshop, never

AT = "http://127.0.0.1:11434"


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def _restart(shop: Workshop) -> Plan:
    container = shop.world.container("api")
    assert container is not None
    return shop.plan(steps=(RestartContainer(container["id"], "api"),), restarts=(), deadline=1.0)


def _up(shop: Workshop) -> Plan:
    return shop.plan(steps=(ComposeUp(PROJECT, str(shop.project), (shop.compose, shop.override), "api"),))


def _verbs(shop: Workshop) -> list[str]:
    """Every act that reached the Engine, by its word: ``up``, ``rm``, ``restart``."""
    return [next(word for word in call if word in ("up", "rm", "restart")) for call in shop.world.calls]


@pytest.mark.parametrize("state", ["exited", "created"])
def test_a_restart_that_fails_is_not_taken_back_by_another_where_nothing_ran(shop: Workshop, state: str) -> None:
    shop.world.set("api", state=state)
    fixer = shop.fixer(never)
    prepared = fixer.prepare(_restart(shop))
    shop.world.say(restart="dead")  # it is no longer as it lay, and it did not run before either

    outcome = fixer.run(prepared)

    assert (outcome.code, _verbs(shop)) == (ExitCode.ROLLED_BACK, ["restart"]), outcome
    assert "port is already allocated" in outcome.sentence


def test_a_restart_whose_answer_is_lost_is_not_done_again_where_the_service_runs(shop: Workshop) -> None:
    fixer = shop.fixer(never)
    prepared = fixer.prepare(_restart(shop))
    real = fixer.host.control.restart

    def fails_afterwards(container: str, **how: int) -> None:
        real(container, **how)
        shop.world.say(restart="running")
        real(container, **how)

    fixer.host.control.restart = fails_afterwards  # type: ignore[method-assign]
    outcome = fixer.run(prepared)

    assert (outcome.code, _verbs(shop)) == (ExitCode.ROLLED_BACK, ["restart"] * 2), outcome


def test_a_service_that_a_failed_restart_left_down_runs_again_after_a_second_one(shop: Workshop) -> None:
    fixer = shop.fixer(never)
    prepared = fixer.prepare(_restart(shop))
    real = fixer.host.control.restart

    def fails_once(container: str, **how: int) -> None:
        fixer.host.control.restart = real  # type: ignore[method-assign]
        shop.world.say(restart="exited")
        try:
            real(container, **how)
        finally:
            shop.world.say(restart="")

    fixer.host.control.restart = fails_once  # type: ignore[method-assign]
    outcome = fixer.run(prepared)

    assert (outcome.code, _verbs(shop)) == (ExitCode.ROLLED_BACK, ["restart"] * 2), outcome
    container = shop.world.container("api")
    assert container is not None
    assert container["state"] == "running"


def test_a_service_that_no_restart_brings_back_is_left_to_the_operator_with_the_command(shop: Workshop) -> None:
    fixer = shop.fixer(never)
    prepared = fixer.prepare(_restart(shop))
    shop.world.say(restart="exited")

    outcome = fixer.run(prepared)

    assert (outcome.code, _verbs(shop)) == (ExitCode.ROLLBACK_FAILED, ["restart"] * 2)
    assert "by hand: docker restart api" in outcome.says


@pytest.mark.parametrize("state", ["none", "exited", "created", "restarting"])
def test_compose_that_made_nothing_is_not_called_again(shop: Workshop, state: str) -> None:
    shop.world.remove("api") if state == "none" else shop.world.set("api", state=state)
    before = shop.world.load()["containers"]
    fixer = shop.fixer(never)
    prepared = fixer.prepare(_up(shop))
    shop.world.say(up_exit=1)

    outcome = fixer.run(prepared)

    assert (outcome.code, _verbs(shop)) == (ExitCode.ROLLED_BACK, ["up"]), outcome
    assert shop.world.load()["containers"] == before


def test_a_service_without_a_container_has_none_after_the_roll_back(shop: Workshop) -> None:
    shop.world.remove("api")
    before = shop.tree()
    fixer = shop.fixer(never)
    line = EditFile(shop.path(".env"), (EnvLine("B", "2"),), create=True)

    outcome = fixer.run(fixer.prepare(shop.plan(steps=(line, *_up(shop).steps))))

    assert (outcome.code, _verbs(shop)) == (ExitCode.ROLLED_BACK, ["up", "rm"]), outcome
    assert shop.world.container("api") is None
    assert shop.tree() == before


class _Ollama:
    """Has one model loaded, and goes as told: ``sent`` is what reached it."""

    def __init__(self, *, lost_at: str = "") -> None:
        self.sent: list[Mapping[str, object]] = []
        self._lost_at = lost_at

    async def get(self, url: str, **_: object) -> HttpReply:
        self._require("ps" if self.sent else "")
        rows = [] if self.sent else [{"name": "gemma:7b"}]
        return HttpReply(200, url, body=json.dumps({"models": rows}).encode())

    async def post(self, url: str, body: Mapping[str, object], **_: object) -> HttpReply:
        self.sent.append(body)
        self._require("generate")
        return HttpReply(200, url)

    def _require(self, what: str) -> None:
        if what and what in (self._lost_at, "ps" if self._lost_at else ""):
            raise HttpFailed("refused", f"{AT}: nobody listens there")


@pytest.mark.parametrize("lost_at", ["", "generate", "ps"], ids=["stays ill", "refuses", "goes after it"])
def test_an_unloaded_model_is_no_failed_roll_back(shop: Workshop, lost_at: str) -> None:
    ollama = _Ollama(lost_at=lost_at)
    fixer = shop.fixer(never)
    fixer.host.http = fixer.host.http_acts = ollama  # type: ignore[attr-defined]

    outcome = fixer.run(fixer.prepare(shop.plan(steps=(UnloadModel(AT, "gemma:7b", "ollama"),), deadline=1.0)))

    assert (outcome.name, outcome.code) == ("rolled-back", ExitCode.ROLLED_BACK), outcome
    assert len(ollama.sent) == 1
    assert any("the next request for it loads it again" in line for line in outcome.says)
