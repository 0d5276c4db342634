"""From a standalone to a set: what the step sends, when it waits, what it refuses, and what taking it back means."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from examples.mongo.replica_set import ALONE, COMMAND, INSIDE, OLD, mongo
from msgspec.structs import replace
from stackops.checks.mongo import replica_set
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import (
    AddVolume,
    Chmod,
    Chown,
    CreateFile,
    EditFile,
    InitiateSet,
    ReplaceDirectoryByFile,
    SetServiceKeys,
    StepContext,
    StepFailed,
)
from stackops.console.model import EngineInfo, FileFact, Mount, Snapshot
from stackops.console.settings import Settings
from support.mongo_stack import MongoStack, initiated
from support.mongod import Mongod
from support.mongod_bench import in_thread

STEP = InitiateSet("fastgpt", "mongo", "rs0", "mongo:27017")
OPEN: dict[str, Any] = {"env": {}, "uri": "mongodb://mongo:27017/fastgpt"}


@contextmanager
def bench(folder: Path, mongod: Mongod) -> Iterator[StepContext]:
    with in_thread(mongod):
        yield StepContext(MongoStack(folder, mongod, **OPEN).host)  # type: ignore[arg-type]


def ghost(**more: Any) -> Mongod:
    mongod = Mongod(repl_set="rs0", names={"mongo"}, **more)
    mongod.set.election = 0.0
    return mongod


def test_it_initiates_a_mongod_that_waits_for_it_and_awaits_the_primary(tmp_path: Path) -> None:
    mongod = ghost()
    with bench(tmp_path, mongod) as work:
        prepared = STEP.prepare(work)
        assert '"mongo:27017"' in prepared.diff
        assert "replSetInitiate" not in mongod.commands, "preparing asks nobody"
        assert STEP.state(work) == "before"
        STEP.apply(work)
        assert STEP.state(work) == "after"
    assert [m["host"] for m in (mongod.set.config or {})["members"]] == ["mongo:27017"]


def test_a_standalone_is_before_and_is_never_initiated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stackops.console.fix.acts.mongo.START_WITHIN", 1.0)
    mongod = Mongod()
    with bench(tmp_path, mongod) as work:
        assert STEP.state(work) == "before"
        with pytest.raises(StepFailed, match="did not come up with --replSet within 1 s: it runs without"):
            STEP.apply(work)
    assert "replSetInitiate" not in mongod.commands


def test_the_temporary_mongod_of_a_first_start_is_waited_out(tmp_path: Path) -> None:
    """It says that it has no set; a moment later the real one is there on the same port."""
    mongod = ghost()
    name, mongod.set.name = mongod.set.name, None

    def later() -> None:
        time.sleep(0.3)
        mongod.set.name = name

    with bench(tmp_path, mongod) as work:
        threading.Thread(target=later).start()
        STEP.apply(work)
        assert mongod.commands.count("replSetInitiate") == 1


def test_a_set_that_is_there_already_is_as_good(tmp_path: Path) -> None:
    """The start script was faster, or the data folder has one from before."""
    mongod = ghost()
    initiated(mongod, "mongo:27017")
    with bench(tmp_path, mongod) as work:
        assert STEP.state(work) == "after"
        STEP.act(work)
    assert "replSetInitiate" not in mongod.commands


def test_a_set_that_knows_another_host_is_not_initiated_again(tmp_path: Path) -> None:
    mongod = ghost()
    initiated(mongod, "old:27017")
    with bench(tmp_path, mongod) as work, pytest.raises(StepFailed, match="does not name this node"):
        STEP.act(work)
    assert "replSetInitiate" not in mongod.commands


def test_a_host_that_leads_elsewhere_is_refused_in_words(tmp_path: Path) -> None:
    mongod = Mongod(repl_set="rs0", names={"other"})
    with bench(tmp_path, mongod) as work, pytest.raises(StepFailed, match="does not lead to this mongod"):
        STEP.apply(work)


def test_taking_it_back_leaves_the_configuration_where_it_is(tmp_path: Path) -> None:
    mongod = ghost()
    with bench(tmp_path, mongod) as work:
        back = STEP.prepare(work).inverse
        assert isinstance(back, InitiateSet)
        assert "Leave the configuration" in back.describe()
        STEP.apply(work)
        config = mongod.set.config
        back.apply(work)
        back.apply(work)
        assert mongod.set.config == config
        assert "replSetReconfig" not in mongod.commands


# ---- the plan it is part of ------------------------------------------------------------------------------------------


def planned(snapshot: Snapshot, **answers: str) -> Plan:
    found = next(r for r in replica_set.CHECK.examine(snapshot, Settings()) if r.status == "finding")
    assert found.form == "standalone"
    return replica_set.CHECK.plan(found, snapshot, Settings(), answers)


def words(plan: Plan) -> tuple[str, ...]:
    (edit,) = [step for step in plan.steps if isinstance(step, EditFile)]
    (keys,) = [one for one in edit.edits if isinstance(one, SetServiceKeys)]
    return keys.command


def test_with_users_a_key_file_is_made_and_mounted() -> None:
    plan = planned(mongo(ALONE, container=OLD))
    key, edit = plan.steps[:2]
    assert isinstance(key, CreateFile)
    assert (key.path, key.mode, key.uid, key.gid) == ("/srv/fastgpt/mongodb.key", 0o400, 999, 999)
    assert isinstance(edit, EditFile)
    assert edit.edits[0] == AddVolume("mongo", "/srv/fastgpt/mongodb.key", "/data/mongodb.key")
    assert words(plan) == ("mongod", "--replSet", "rs0", "--keyFile", "/data/mongodb.key")
    assert plan.restarts == ("mongo", "fastgpt")
    assert any("Undo takes --replSet out again" in line for line in plan.says)


def test_the_key_may_lie_elsewhere() -> None:
    (key, *_) = planned(mongo(ALONE, container=OLD), key="/etc/mongo.key").steps
    assert isinstance(key, CreateFile)
    assert key.path == "/etc/mongo.key"
    assert planned(mongo(ALONE, container=OLD), key="mongo.key").safety == "manual"


def test_without_users_only_the_name_is_added() -> None:
    plan = planned(mongo(ALONE, container={**OLD, "env": ()}, uri="mongodb://mongo:27017/fastgpt"))
    assert words(plan) == ("mongod", "--replSet", "rs0")


def test_a_key_file_in_the_command_is_kept() -> None:
    assert words(planned(mongo(ALONE, container={"command": COMMAND[:3]}))) == (
        "mongod", "--keyFile", "/data/mongodb.key", "--replSet", "rs0",
    )  # fmt: skip


def test_a_key_that_the_start_script_makes_is_used() -> None:
    snapshot = mongo(ALONE, container={**OLD, "entrypoint": ("bash", "-c", INSIDE)})
    assert words(planned(snapshot))[-2:] == ("--keyFile", "/data/mongodb.key")


@pytest.mark.parametrize(
    ("fact", "kinds"),
    [
        (FileFact("/srv/fastgpt/mongodb.key", "file", mode=0o400, uid=999), []),
        (FileFact("/srv/fastgpt/mongodb.key", "file", mode=0o644, uid=0), [Chmod, Chown]),
        (FileFact("/srv/fastgpt/mongodb.key", "missing"), [CreateFile]),
        (FileFact("/srv/fastgpt/mongodb.key", "directory", empty=True), [ReplaceDirectoryByFile]),
    ],
)
def test_a_key_file_that_is_mounted_already_is_used_and_mended(fact: FileFact, kinds: list[type]) -> None:
    mounts = (Mount("bind", fact.path, "/data/mongodb.key"),)
    snapshot = replace(mongo(ALONE, container={**OLD, "mounts": mounts}), files=(fact,))
    plan = planned(snapshot)
    assert [type(step) for step in plan.steps[: len(kinds)]] == kinds
    assert isinstance(plan.steps[len(kinds)], EditFile)
    assert words(plan)[-2:] == ("--keyFile", "/data/mongodb.key")


@pytest.mark.parametrize(
    "fact",
    [
        None,
        FileFact("/srv/fastgpt/mongodb.key", "directory", empty=False),
        FileFact("/srv/fastgpt/mongodb.key", "fifo"),
    ],
)
def test_what_is_mounted_there_and_is_no_key_file_is_left_alone(fact: FileFact | None) -> None:
    mounts = (Mount("bind", "/srv/fastgpt/mongodb.key", "/data/mongodb.key"),)
    snapshot = mongo(ALONE, container={**OLD, "mounts": mounts})
    plan = planned(replace(snapshot, files=(fact,) if fact else ()))
    assert (plan.safety, plan.steps) == ("manual", ())


@pytest.mark.parametrize("engine", ["rootless", "desktop"])
def test_an_engine_that_maps_owners_is_left_to_people(engine: str) -> None:
    info = EngineInfo(
        address="unix:///run/docker.sock", local=True, version="27.0", api_version="1.46",
        rootless=engine == "rootless", os="Docker Desktop" if engine == "desktop" else "Debian",
    )  # fmt: skip
    plan = planned(replace(mongo(ALONE, container=OLD), engine=info))
    assert plan.safety == "manual"


def test_what_has_not_been_started_is_only_written() -> None:
    plan = planned(mongo(None, started=False, declared=OLD))
    assert [type(step) for step in plan.steps] == [EditFile]
    assert (plan.safety, plan.restarts) == ("safe", ())
