"""Every form of the pitfall, made wrong on a real mongod stand-in: found, repaired, seen from outside, taken back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from stackops.console.hosts import DatabaseTarget
from support.mongo_stack import APP, MONGO, ROOT, URI, USERS, MongoStack, initiated
from support.mongod import Mongod
from support.mongod_bench import Published, in_thread

BARE = "mongodb://mongo:27017/fastgpt"
OPEN: dict[str, Any] = {"env": {}, "uri": BARE}


@contextmanager
def stack(folder: Path, mongod: Mongod, **more: Any) -> Iterator[MongoStack]:
    with in_thread(mongod):
        yield MongoStack(folder, mongod, **more)


def ghost(**more: Any) -> Mongod:
    """Started with --replSet rs0; its names are the service's."""
    mongod = Mongod(**{"repl_set": "rs0", "names": {"mongo"}, **more})
    mongod.set.election = 0.0
    return mongod


def locked(**more: Any) -> Mongod:
    return ghost(users=dict(USERS), **more)


# ---- never initiated -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="with the root user of the container"),
        pytest.param({"env": {}}, id="with the login of the app's string"),
        pytest.param({"env": {**ROOT, "MONGO_INITDB_ROOT_PASSWORD": "changed"}}, id="with the app's, root's is old"),
    ],
)
def test_a_set_that_was_never_initiated_is_initiated_with_the_apps_host(tmp_path: Path, more: dict[str, Any]) -> None:
    with stack(tmp_path, locked(), **more) as made:
        found = made.judge()
        assert (found.status, found.form, found.severity) == ("finding", "never-initiated", "error")
        assert made.stored == []
        done = made.fix()
        assert done.name == "done", done
        assert made.stored == ["mongo:27017"]
        assert made.mongod.set.state == 1
        assert made.judge().status == "ok"
        assert made.control.acts == []
        assert "mypassword" not in made.journal_text()


def test_a_mongod_that_publishes_nothing_is_reached_by_its_containers_address(tmp_path: Path) -> None:
    mongod = locked()
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, published=False, uri=URI.replace("27017", str(mongod.port)))
        assert made.state.via == "container address"
        assert made.fix().name == "done"
        assert made.stored == [f"mongo:{mongod.port}"]


def test_without_users_no_login_is_tried(tmp_path: Path) -> None:
    with stack(tmp_path, ghost(), **OPEN) as made:
        assert made.fix().name == "done"
        assert made.mongod.logins == 0
        assert made.stored == ["mongo:27017"]


def test_applying_twice_changes_nothing(tmp_path: Path) -> None:
    with stack(tmp_path, locked()) as made:
        plan, fixer = made.plan(), made.fixer()
        prepared, again = fixer.prepare(plan), fixer.prepare(plan)
        assert fixer.run(prepared).name == "done"
        before = made.mongod.set.config
        assert fixer.run(again).name == "done", "it was done already, which is as good"
        assert fixer.prepare(plan).empty
        assert made.mongod.set.config == before
        assert made.mongod.commands.count("replSetInitiate") == 1


def test_somebody_who_was_faster_is_as_good(tmp_path: Path) -> None:
    """fact: 23 AlreadyInitialized; the state is read again at the moment of acting."""
    with stack(tmp_path, ghost(), **OPEN) as made:
        fixer = made.fixer()
        prepared = fixer.prepare(made.plan())
        initiated(made.mongod, "mongo:27017")
        assert made.judge().status == "ok"
        outcome = fixer.run(prepared)
        assert outcome.name == "done", outcome
        assert made.mongod.commands.count("replSetInitiate") == 0
        assert made.stored == ["mongo:27017"]


def test_an_initiate_cannot_be_undone_and_the_plan_says_so(tmp_path: Path) -> None:
    with stack(tmp_path, ghost(), **OPEN) as made:
        plan = made.plan()
        assert plan.safety == "disruptive"
        assert any("cannot be taken back" in line for line in plan.says)
        done = made.fix()
        undone = made.fixer().undo(done.entry or "")
        assert (undone.name, "cannot be undone" in undone.sentence) == ("refused", True)
        assert made.stored == ["mongo:27017"]


def test_an_old_fastgpt_that_does_not_try_again_is_restarted_after_it(tmp_path: Path) -> None:
    with stack(tmp_path, ghost(), release="v4.8.4", **OPEN) as made:
        made.logs(APP, "error-> mongo connect error MongooseServerSelectionError: Server selection timed out")
        plan = made.plan()
        assert [type(step).__name__ for step in plan.steps] == ["MongoCommand", "RestartContainer"]
        assert plan.restarts == ("fastgpt",)
        assert made.fix().name == "done"
        assert made.control.acts == ["restart fastgpt"]


def test_the_preview_changes_nothing_and_names_the_command(tmp_path: Path) -> None:
    with stack(tmp_path, locked()) as made:
        prepared = made.fixer().prepare(made.plan())
        assert "replSetInitiate" in prepared.steps[0].diff
        assert '"mongo:27017"' in prepared.steps[0].diff
        assert any("never taken back" in note for note in prepared.notes)
        assert "replSetInitiate" not in made.mongod.commands
        assert made.stored == []


def test_a_host_that_does_not_lead_to_itself_is_refused_by_mongod_and_nothing_is_left(tmp_path: Path) -> None:
    """fact: 93, ``maps to this node``: the name does not resolve inside the container."""
    with stack(tmp_path, ghost(names={"other"}), aliases=("mongo", "other"), **OPEN) as made:
        outcome = made.fix({"host": "mongo:27017"})
        assert outcome.name == "rolled-back", outcome
        assert "does not lead to this mongod" in outcome.sentence
        assert made.stored == []
        assert made.fix({"host": "other"}).name == "done"
        assert made.stored == ["other:27017"]


def test_read_only_refuses(tmp_path: Path) -> None:
    with stack(tmp_path, ghost(), **OPEN) as made:
        prepared = made.fixer().prepare(made.plan())
        made.host.read_only = True
        assert made.fixer().run(prepared).name == "refused"
        assert made.stored == []


# ---- logins --------------------------------------------------------------------------------------------------------


def test_an_unknown_login_is_asked_for_and_never_guessed_in_a_loop(tmp_path: Path) -> None:
    with stack(tmp_path, ghost(users={("admin", "secret-admin"): "hush-hush"})) as made:
        for _ in range(4):
            found = made.judge()
            assert (found.status, found.form) == ("finding", "login")
        assert made.mongod.logins == 1, "one login is known, and it is tried once a minute at most"
        plan = made.plan()
        assert [question.key for question in plan.questions] == ["host", "user", "password"]
        assert [question.secret for question in plan.questions] == [False, False, True]
        with pytest.raises(Exception, match="has to be told"):
            made.fixer().prepare(plan, {})


def test_a_typed_login_repairs_and_is_written_down_nowhere(tmp_path: Path) -> None:
    with stack(tmp_path, ghost(users={("admin", "secret-admin"): "hush-hush"}), env={}, uri=BARE) as made:
        done = made.fix({"user": "secret-admin", "password": "hush-hush"})
        assert done.name == "done", done
        assert made.stored == ["mongo:27017"]
        assert "hush-hush" not in made.journal_text()
        assert made.judge().status == "ok"


def test_a_user_with_too_few_rights_is_no_login(tmp_path: Path) -> None:
    with stack(tmp_path, locked(readers={"myname"})) as made:
        assert made.judge().form == "login"
        assert made.state.status_code == 13


def test_a_typed_login_finds_a_removed_node_too(tmp_path: Path) -> None:
    mongod = ghost(users={("admin", "secret-admin"): "hush-hush"})
    initiated(mongod, "old-mongo:27017")
    with stack(tmp_path, mongod, env={}, uri=BARE) as made:
        assert made.judge().form == "login"
        assert made.fix({"user": "secret-admin", "password": "hush-hush"}).name == "done"
        assert made.stored == ["mongo:27017"]


# ---- removed, container id, member host ----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["old-mongo:27017", "0f3b2a1c4d5e:27017", "203.0.113.7:27017"])
def test_a_node_that_is_removed_from_its_set_gets_the_right_host_back(tmp_path: Path, host: str) -> None:
    mongod = locked()
    initiated(mongod, host)
    with stack(tmp_path, mongod) as made:
        found = made.judge()
        assert (found.form, host in (found.because or "")) == ("removed", True)
        plan = made.plan()
        assert plan.safety == "disruptive"
        before = dict(mongod.set.config or {})
        assert made.fix().name == "done"
        after = mongod.set.config or {}
        assert made.stored == ["mongo:27017"]
        assert [m["_id"] for m in after["members"]] == [m["_id"] for m in before["members"]]
        assert after["version"] > before["version"]
        assert after["settings"]["replicaSetId"] == before["settings"]["replicaSetId"]
        assert made.judge().status == "ok"


def test_a_bare_initiate_is_found_repaired_and_taken_back(tmp_path: Path) -> None:
    mongod = locked(names={"mongo", MONGO[:12]})
    mongod.set.own_name = f"{MONGO[:12]}:27017"
    with stack(tmp_path, mongod) as made:
        mongod.set.initiate(None)
        mongod.set.changed_at -= 60
        found = made.judge()
        assert (found.form, found.severity) == ("container-id", "warning")
        done = made.fix()
        assert done.name == "done", done
        assert made.stored == ["mongo:27017"]
        undone = made.fixer().undo(done.entry or "")
        assert undone.name == "done", undone
        assert made.stored == [f"{MONGO[:12]}:27017"]
        assert made.judge().form == "container-id"


def test_a_member_called_localhost_sends_the_app_to_itself(tmp_path: Path) -> None:
    mongod = locked(names={"mongo", "localhost"})
    initiated(mongod, "localhost:27017")
    with stack(tmp_path, mongod) as made:
        assert made.judge().form == "member-host"
        assert made.fix().name == "done"
        assert made.stored == ["mongo:27017"]


def test_with_direct_connection_the_members_name_does_not_matter(tmp_path: Path) -> None:
    mongod = locked(names={"mongo", "localhost"})
    initiated(mongod, "localhost:27017")
    with stack(tmp_path, mongod, uri=f"{URI}&directConnection=true") as made:
        assert made.judge().status == "ok"


# ---- name of the set, standalone, no primary -----------------------------------------------------------------------


def test_another_set_name_is_told_with_both_names(tmp_path: Path) -> None:
    mongod = locked(repl_set="rs1")
    initiated(mongod, "mongo:27017", name="rs0")
    with stack(tmp_path, mongod, command=("mongod", "--replSet", "rs1")) as made:
        found = made.judge()
        assert found.form == "set-name"
        assert "rs0" in (found.because or "")
        assert "rs1" in (found.because or "")


def test_a_standalone_under_fastgpt_is_found_and_never_initiated(tmp_path: Path) -> None:
    with stack(tmp_path, Mongod(), command=("mongod",), **OPEN) as made:
        assert made.judge().form == "standalone"
        plan = made.plan()
        assert (plan.steps, plan.safety) == ((), "manual")


def test_a_standalone_under_librechat_is_in_order(tmp_path: Path) -> None:
    with stack(
        tmp_path, Mongod(), command=("mongod", "--noauth"), app_image="ghcr.io/danny-avila/librechat", release="v0.7.2",
        **OPEN,
    ) as made:  # fmt: skip
        assert made.judge().status == "ok"


def test_an_election_in_progress_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stackops.console.collect.mongo_state.ELECTION", 0.3)
    mongod = locked()
    initiated(mongod, "mongo:27017")
    with stack(tmp_path, mongod) as made:
        mongod.set.election, mongod.set.changed_at = 0.2, time.monotonic()
        assert made.judge().status == "ok"


def test_a_set_without_its_majority_has_no_primary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stackops.console.collect.mongo_state.ELECTION", 0.05)
    mongod = locked()
    initiated(mongod, "mongo:27017", "two:27017")
    mongod.set.others_down = True
    with stack(tmp_path, mongod) as made:
        assert made.judge().form == "no-primary"
        assert made.state.my_state == 2


# ---- the app's connection string -----------------------------------------------------------------------------------


def primary(**more: Any) -> Mongod:
    mongod = locked(**more)
    initiated(mongod, "mongo:27017")
    return mongod


@pytest.mark.parametrize(
    ("uri", "form"),
    [
        ("mongodb://myname:mypassword@mongo:27017/fastgpt", "app-auth-source"),
        ("mongodb://myname:changed@mongo:27017/fastgpt?authSource=admin", "app-login"),
        ("mongodb://nobody:x@mongo:27017/fastgpt?authSource=admin", "app-login"),
        ("mongodb://myname:mypassword@localhost:27017/fastgpt?authSource=admin", "app-host"),
        ("mongodb://myname:mypassword@mongodb:27017/fastgpt?authSource=admin", "app-host"),
        (f"{URI}&replicaSet=rs7", "app-set"),
        ("mongodb://myname:my#password@mongo:27017/fastgpt?authSource=admin", "app-unescaped"),
        ("mongodb://myname:mypassword@mongo:27017/fastgpt&authSource=admin", "app-uri"),
        ("mongodb://myname:mypassword@mongo:27017/fastgpt&authSource=admin?authSource=admin", "app-uri"),
    ],
)
def test_a_good_set_and_a_bad_connection_string(tmp_path: Path, uri: str, form: str) -> None:
    with stack(tmp_path, primary(), uri=uri) as made:
        found = made.judge()
        assert (found.status, found.form) == ("finding", form)
        assert made.plan().safety == "manual"
        told = " ".join([found.title, found.because or "", *(e.value for e in found.evidence), *made.plan().says])
        assert "mypassword" not in told
        assert "changed" not in told


def test_a_refused_app_login_is_tried_once_however_often_one_looks(tmp_path: Path) -> None:
    with stack(tmp_path, primary(), uri="mongodb://myname:wrong@mongo:27017/fastgpt?authSource=admin") as made:
        for _ in range(5):
            assert made.judge().form == "app-login"
        assert made.mongod.refused == 1


def test_all_is_well_with_and_without_a_name_for_the_set(tmp_path: Path) -> None:
    with stack(tmp_path, primary(), uri=f"{URI}&replicaSet=rs0") as made:
        assert made.judge().status == "ok"
        assert made.state.trials[0].accepted


# ---- starting, hanging, gone ---------------------------------------------------------------------------------------


def test_the_temporary_mongod_of_the_first_start_is_left_alone(tmp_path: Path) -> None:
    """Outside, its published port hangs up; nothing is found, and nothing may be initiated."""
    mongod = Mongod(repl_set="rs0")
    published = Published(lambda: 1)
    with in_thread(mongod, published):
        made = MongoStack(tmp_path, mongod, age=5.0)
        one = made.engine.containers_by_id[MONGO]
        one["NetworkSettings"]["Ports"] = {"27017/tcp": [{"HostIp": "", "HostPort": str(published.port)}]}
        found = made.judge()
        assert found.status == "unknown"
        assert "wait and look again" in (found.because or "")
        assert made.state.trouble == "reset"


def test_a_standalone_in_its_first_minute_may_be_the_temporary_one(tmp_path: Path) -> None:
    with stack(tmp_path, Mongod(), age=5.0) as made:
        assert made.judge().status == "unknown"


def test_a_mongod_that_hangs_is_unknown_and_costs_no_more_than_its_deadline(tmp_path: Path) -> None:
    mongod = locked()
    mongod.stalled = True
    with stack(tmp_path, mongod) as made:
        found = made.judge()
        assert (found.status, "does not answer" in (found.because or "")) == ("unknown", True)


def test_a_container_that_is_down_is_not_asked(tmp_path: Path) -> None:
    with stack(tmp_path, locked()) as made:
        made.engine.containers_by_id[MONGO]["State"].update(Status="exited", Running=False, Pid=0)
        assert made.judge().status == "unknown"
        assert made.mongod.commands == []


def test_logins_go_only_where_the_stack_itself_sends_them(tmp_path: Path) -> None:
    """A container of another project that publishes a port is not told this stack's passwords."""
    with stack(tmp_path, primary()) as made:
        seen: list[DatabaseTarget] = []
        real = made.databases.ask_mongo

        async def watched(target: DatabaseTarget, *args: Any, **more: Any) -> Any:
            seen.append(target)
            return await real(target, *args, **more)

        made.databases.ask_mongo = watched  # type: ignore[method-assign]
        made.judge()
        assert {target.container for target in seen} == {MONGO}
