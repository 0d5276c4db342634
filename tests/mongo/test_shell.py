"""The last way to mongod: the shell in its own container. What goes in, what comes out, what is never an argument."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from stackops.console.hosts import (
    CommandResult,
    DatabaseTarget,
    HostError,
    MongoLogin,
    MongoRefused,
    MongoUnreachable,
    ReadOnlyRefused,
)
from stackops.console.hosts.local.control import LocalControl
from stackops.console.hosts.local.mongo import MARK, SCRIPTS, LocalDatabases, MongoShell
from stackops.console.hosts.protocols import SystemClock

INSIDE = DatabaseTarget("exec", "127.0.0.1", 27017, "c" * 64)
LOGIN = MongoLogin("root", "hush:hush", "admin")


class Shells:
    """A container with some shells, which print what they are told to."""

    def __init__(self, *names: str, says: Any = None, noise: str = "") -> None:
        self.names = names
        self.says = [{"ok": 1, "isWritablePrimary": True}] if says is None else says
        self.noise = noise
        self.calls: list[tuple[str, tuple[str, ...], Mapping[str, str]]] = []

    def __call__(
        self, container: str, arguments: Sequence[str], environment: Mapping[str, str], deadline: float
    ) -> CommandResult:
        self.calls.append((container, tuple(arguments), environment))
        if arguments[0] not in self.names:
            return CommandResult(tuple(arguments), 126, "OCI runtime exec failed: executable file not found in $PATH")
        said = self.says if isinstance(self.says, str) else MARK + json.dumps(self.says)
        return CommandResult(tuple(arguments), 0, f"{self.noise}\n{said}\n")


def test_mongosh_is_tried_first_and_what_worked_is_remembered() -> None:
    shells = Shells("mongo")
    shell = MongoShell(shells)
    shell.ask(INSIDE, [{"hello": 1}], None, 5)
    shell.ask(INSIDE, [{"hello": 1}], None, 5)
    assert [arguments[0] for _, arguments, _ in shells.calls] == ["mongosh", "mongo", "mongo"]


def test_neither_command_nor_login_is_an_argument() -> None:
    shells = Shells("mongosh")
    MongoShell(shells).ask(INSIDE, [{"hello": 1}], LOGIN, 5)
    _, arguments, environment = shells.calls[0]
    assert not any("hush" in word or "root" in word for word in arguments)
    assert environment == {
        "STACKOPS_PORT": "27017", "STACKOPS_COMMANDS": '[{"hello": 1}]', "STACKOPS_USER": "root",
        "STACKOPS_PASSWORD": "hush:hush", "STACKOPS_SOURCE": "admin",
    }  # fmt: skip
    assert MongoShell(shells).ask(INSIDE, [{"hello": 1}], None, 5)
    assert set(shells.calls[1][2]) == {"STACKOPS_PORT", "STACKOPS_COMMANDS"}


def test_what_else_the_shell_prints_is_passed_over_and_old_words_are_read() -> None:
    shells = Shells("mongo", says=[{"ok": 1, "ismaster": False}], noise="WARNING: something [31m")
    (reply,) = MongoShell(shells).ask(INSIDE, [{"hello": 1}], None, 5)
    assert reply["isWritablePrimary"] is False


@pytest.mark.parametrize("says", [{"ok": 0, "code": 18}, [{"ok": 0, "code": 18}]])
def test_a_refused_login_is_refused(says: Any) -> None:
    with pytest.raises(MongoRefused):
        MongoShell(Shells("mongosh", says=says)).ask(INSIDE, [{"hello": 1}], LOGIN, 5)


def test_a_mongod_that_is_not_there_inside_either_is_told() -> None:
    with pytest.raises(MongoUnreachable) as failed:
        MongoShell(Shells("mongosh", says={"ok": 0, "code": -1})).ask(INSIDE, [{"hello": 1}], None, 5)
    assert failed.value.trouble == "refused"


def test_an_image_without_a_shell_is_told() -> None:
    with pytest.raises(MongoUnreachable, match="no shell"):
        MongoShell(Shells()).ask(INSIDE, [{"hello": 1}], None, 5)


@pytest.mark.parametrize("says", ["", "nonsense", MARK, f"{MARK}[1]", f"{MARK}{{", f"{MARK}null"])
def test_what_cannot_be_read_is_a_sentence(says: str) -> None:
    with pytest.raises(HostError, match="nothing that could be read"):
        MongoShell(Shells("mongosh", says=says)).ask(INSIDE, [{"hello": 1}], None, 5)


async def test_the_door_goes_in_by_the_shell_and_keeps_its_rules() -> None:
    shells = Shells("mongosh", says=[{"ok": 0, "code": 94}])
    door = LocalDatabases(read_only=False, clock=SystemClock(), execute=shells)
    assert (await door.ask_mongo(INSIDE, ["replSetGetStatus"]))[0]["code"] == 94
    assert (await door.command_mongo(INSIDE, {"replSetInitiate": {"_id": "rs0"}}, deadline=9))["code"] == 94
    shells.says = {"ok": 0, "code": 18}
    for _ in range(3):
        with pytest.raises(MongoRefused):
            await door.ask_mongo(INSIDE, ["hello"], login=LOGIN)
    assert len(shells.calls) == 3, "a refused login is not tried again for a minute here either"
    with pytest.raises(MongoUnreachable):
        await LocalDatabases(read_only=False, clock=SystemClock()).ask_mongo(INSIDE, ["hello"])


async def test_a_read_only_console_executes_nothing_in_containers() -> None:
    from stackops.console.hosts.local.client import EngineClient
    from stackops.console.hosts.local.docker_command import parse

    control = LocalControl(EngineClient(parse("unix:///nowhere.sock")), read_only=True)
    door = LocalDatabases(read_only=True, clock=SystemClock(), execute=control.execute)
    with pytest.raises(ReadOnlyRefused):
        await door.ask_mongo(INSIDE, ["hello"])


@pytest.mark.skipif(
    shutil.which("node") is None, reason="the scripts are JavaScript, and there is no node to read them"
)
@pytest.mark.parametrize("script", [arguments[-1] for _, arguments in SCRIPTS], ids=[name for name, _ in SCRIPTS])
def test_the_scripts_run_on_stand_ins_for_the_shells_own_words(script: str) -> None:
    """Under node: ``Mongo``, ``EJSON``, ``_getEnv`` and ``print`` as the shells have them."""
    words = """
    const EJSON = {deserialize: x => x, stringify: JSON.stringify};
    const ObjectId = x => x, NumberLong = x => Number(x), print = console.log, _getEnv = name => process.env[name];
    class Mongo {
      constructor(uri) { this.uri = uri; }
      getDB(name) { return {runCommand: c => {
        if (c.hello) return {ok: 1, uri: this.uri, name};
        throw Object.assign(new Error('x'), {code: 94});
      }}; }
    }
    """
    env = {
        "PATH": os.environ["PATH"], "STACKOPS_PORT": "27018", "STACKOPS_USER": "ro:ot", "STACKOPS_PASSWORD": "p@",
        "STACKOPS_SOURCE": "admin", "STACKOPS_COMMANDS": '[{"hello": 1}, {"replSetGetStatus": 1}]',
    }  # fmt: skip
    done = subprocess.run(["node", "-e", words + script], env=env, capture_output=True, text=True, check=True)
    hello, status = json.loads(done.stdout.strip().removeprefix(MARK))
    assert hello["uri"] == "mongodb://ro%3Aot:p%40@127.0.0.1:27018/?directConnection=true&authSource=admin"
    assert status == {"ok": 0, "code": 94}
