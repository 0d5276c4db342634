"""Several mongods of one set: initiated once with all of them, or not at all. Judged by what reached the mongods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from stackops.checks import registry
from stackops.console.fix.engine import Fixer, Outcome
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import MongoCommand
from stackops.console.model.findings import Result
from support.fake_engine import container, container_id
from support.mongo_stack import CHECK, SETTINGS, MongoStack, stamp
from support.mongod import Mongod
from support.mongod_bench import in_thread, joined

SERVICES = ("mongo1", "mongo2", "mongo3")
URI = "mongodb://mongo1:27017,mongo2:27017,mongo3:27017/fastgpt?replicaSet=app"
NAMES = {"mongo1": "mongodb1", "mongo2": "mongodb2", "mongo3": "mongodb3"}
HOSTS = ["mongo1:27017", "mongo2:27017", "mongo3:27017"]
START = ("mongod", "--replSet", "app", "--bind_ip_all")


class Several(MongoStack):
    """Three mongods, called otherwise than their services, and an app."""

    members: dict[str, Mongod]

    def give(self, **more: Any) -> None:
        """``more``: by service, what its container has besides."""
        del self.engine.containers_by_id[container_id("mongo")]
        for service, mongod in self.members.items():
            facts = {"command": list(START), "project": "fastgpt", "image": "mongo:5.0.8", **more.get(service, {})}
            made = container(
                NAMES[service], service=service, working_dir=str(self.folder / "project"),
                ports={"27017/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(mongod.port)}]},
                started_at=stamp(self.clock.now() - 3600), **facts,
            )  # fmt: skip
            link = {"IPAddress": "", "Aliases": [service, made["Id"][:12]]}
            made["NetworkSettings"]["Networks"] = {"fastgpt_default": link}
            self.engine.containers_by_id[made["Id"]] = made

    def results(self) -> list[Result]:
        return list(registry.examine(self.look(), SETTINGS, only=[CHECK]))

    def of(self, subject: str) -> Result:
        return next(one for one in self.results() if subject in (one.subject, *one.also))

    def planned(self, subject: str = "mongodb1", **answers: str) -> Plan:
        check = registry.find(CHECK)
        assert check is not None
        assert check.plan is not None
        return check.plan(self.of(subject), self.look(), SETTINGS, answers)

    def repair(self, plan: Plan, **answers: str) -> Outcome:
        fixer = Fixer(self.host, self.journal, lambda: self.of(plan.subject))  # type: ignore[arg-type]
        return fixer.run(fixer.prepare(plan, answers))

    @property
    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """Every act that reached any of the mongods, and which."""
        return [(name, act) for name, mongod in self.members.items() for act in mongod.asked]


def ghost(service: str, **more: Any) -> Mongod:
    mongod = Mongod(**{"repl_set": "app", "names": {service}, **more})
    mongod.set.election = 0.0
    return mongod


@contextmanager
def three(
    folder: Path, *, uri: str | None = URI, members: dict[str, Mongod] | None = None, **more: Any
) -> Iterator[Several]:
    mongods = {service: ghost(service) for service in SERVICES} | (members or {})
    joined(*mongods.values())
    with in_thread(*mongods.values()):
        made = Several(folder, mongods["mongo1"], uri=uri)
        made.members = mongods
        made.give(**more)
        yield made


def alone(mongod: Mongod, host: str) -> None:
    """A set of its own, as releases before made it."""
    mongod.set.initiate({"_id": "app", "members": [{"_id": 0, "host": host}]})
    mongod.set.changed_at -= 60.0


def hosts(act: dict[str, Any]) -> list[str]:
    return [member["host"] for member in act["replSetInitiate"]["members"]]


# ---- one set of three ------------------------------------------------------------------------------------------------


def test_three_are_initiated_by_one_command_with_the_names_of_the_string(tmp_path: Path) -> None:
    with three(tmp_path) as made:
        (found,) = [one for one in made.results() if one.status == "finding"]
        assert (found.form, found.subject, found.also) == ("never-initiated", "mongodb1", ("mongodb2", "mongodb3"))
        assert "mongodb1, mongodb2 and mongodb3" in found.title
        done = made.repair(made.planned())
        assert done.name == "done", done
        ((asked, act),) = made.sent
        assert (asked, hosts(act)) == ("mongo1", HOSTS)
        assert [m["host"] for m in made.members["mongo3"].set.config["members"]] == HOSTS  # type: ignore[index]
        assert {one.status for one in made.results()} == {"ok"}
        assert len({m.set.config["settings"]["replicaSetId"] for m in made.members.values()}) == 1  # type: ignore[index]


@pytest.mark.parametrize("subject", NAMES.values())
def test_any_member_leads_to_the_one_plan(tmp_path: Path, subject: str) -> None:
    with three(tmp_path) as made:
        (step,) = made.planned(subject).steps
        assert isinstance(step, MongoCommand)
        assert [member.host for member in step.members] == HOSTS
        prepared = Fixer(made.host, made.journal, lambda: made.of(subject)).prepare(made.planned(subject))  # type: ignore[arg-type]
        assert all(host in prepared.steps[0].diff for host in HOSTS)
        assert made.sent == []


def test_the_order_of_the_string_is_kept(tmp_path: Path) -> None:
    with three(tmp_path, uri="mongodb://mongo3,mongodb2,mongo1/fastgpt?replicaSet=app") as made:
        (step,) = made.planned().steps
        assert isinstance(step, MongoCommand)
        assert [member.host for member in step.members] == ["mongo3:27017", "mongodb2:27017", "mongo1:27017"]


def test_without_an_app_the_services_of_one_project_are_one_set(tmp_path: Path) -> None:
    with three(tmp_path, uri=None) as made:
        assert made.repair(made.planned()).name == "done"
        ((_, act),) = made.sent
        assert hosts(act) == HOSTS


def test_the_one_that_has_users_is_asked_since_the_others_may_have_no_data(tmp_path: Path) -> None:
    login = {"MONGO_INITDB_ROOT_USERNAME": "myname", "MONGO_INITDB_ROOT_PASSWORD": "mypassword"}
    members = {"mongo2": ghost("mongo2", users={("admin", "myname"): "mypassword"})}
    with three(tmp_path, members=members, mongo2={"env": login}) as made:
        assert made.repair(made.planned()).name == "done"
        ((asked, act),) = made.sent
        assert (asked, hosts(act)) == ("mongo2", HOSTS)


def test_members_that_tell_nobody_their_state_are_asked_by_mongod_itself(tmp_path: Path) -> None:
    """A key file and the one root user: what the others hold is told only to who logs in there."""
    login = {"MONGO_INITDB_ROOT_USERNAME": "myname", "MONGO_INITDB_ROOT_PASSWORD": "mypassword"}
    members = {
        "mongo1": ghost("mongo1", users={("admin", "myname"): "mypassword"}),
        "mongo2": ghost("mongo2"), "mongo3": ghost("mongo3"),
    }  # fmt: skip
    members["mongo2"].auth = members["mongo3"].auth = True
    with three(tmp_path, members=members, mongo1={"env": login}) as made:
        plan = made.planned()
        assert any("mongodb2 and mongodb3 hold is told only to who logs in there" in line for line in plan.says)
        assert made.repair(plan).name != "refused"
        ((asked, act),) = made.sent
        assert (asked, hosts(act)) == ("mongo1", HOSTS)


def test_config_servers_get_a_configuration_that_says_so(tmp_path: Path) -> None:
    members = {service: ghost(service) for service in SERVICES}
    for mongod in members.values():
        mongod.set.config_server = True
    start = {"command": ["mongod", "--configsvr", "--replSet", "app"]}
    with three(tmp_path, members=members, uri=None, **dict.fromkeys(SERVICES, start)) as made:
        assert made.repair(made.planned()).name == "done"
        ((_, act),) = made.sent
        assert act["replSetInitiate"]["configsvr"] is True


# ---- nothing is sent -------------------------------------------------------------------------------------------------


def refused(made: Several, says: str, form: str = "never-initiated") -> None:
    """One finding for people, with the reason; and nothing that reached a mongod."""
    (found,) = [one for one in made.results() if one.status == "finding"]
    assert (found.form, found.fix and found.fix.safety) == (form, "manual"), found
    for subject in NAMES.values():
        plan = made.planned(subject)
        assert plan.steps == ()
        assert says in " ".join((found.title, *plan.says)), plan.says
    assert made.sent == []


def test_a_member_that_is_down_is_waited_for(tmp_path: Path) -> None:
    with three(tmp_path, mongo2={"state": "exited"}) as made:
        refused(made, "mongodb2 is exited: start it first")
        assert json.dumps(HOSTS[2]) in " ".join(made.planned().says), "what to type later, whole"


def test_one_that_was_initiated_alone_is_told_and_not_joined_by_a_second_set(tmp_path: Path) -> None:
    with three(tmp_path) as made:
        alone(made.members["mongo1"], "mongo1:27017")
        refused(made, "mongodb1 was initiated without mongodb2 and mongodb3", "partly")
        assert "rs.add" in " ".join(made.planned().says)


def test_three_sets_of_one_name_are_no_set(tmp_path: Path) -> None:
    """What releases before did: each is primary, and all looked well."""
    with three(tmp_path) as made:
        for service in SERVICES:
            alone(made.members[service], f"{service}:27017")
        refused(made, "each is a set of its own", "apart")
        assert "mongodump" in " ".join(made.planned().says)


def test_hosts_of_the_string_that_nobody_is_are_not_left_out(tmp_path: Path) -> None:
    with three(tmp_path, uri=URI.replace("mongo3:27017", "mongo3:27017,elsewhere:27017")) as made:
        refused(made, "elsewhere:27017 (MONGODB_URI of fastgpt) is no mongod that is seen here")


def test_a_mongod_alone_beside_members_on_other_machines_is_not_initiated(tmp_path: Path) -> None:
    with three(tmp_path, uri="mongodb://mongo1:27017,db2.example.org:27017/fastgpt?replicaSet=app") as made:
        for service in ("mongodb2", "mongodb3"):
            del made.engine.containers_by_id[container_id(service)]
        plan = made.planned()
        assert plan.steps == ()
        assert "db2.example.org:27017" in plan.says[0]


def test_a_member_with_the_configuration_of_another_set_comes_first(tmp_path: Path) -> None:
    with three(tmp_path) as made:
        mongod = made.members["mongo3"]
        mongod.set._take({"_id": "app", "members": [{"_id": 0, "host": "old:27017"}]}, 3, "id")  # type: ignore[arg-type]
        refused(made, "mongodb3 has the configuration of a set already")


def test_users_on_several_are_told_before_mongod_refuses(tmp_path: Path) -> None:
    """fact: 110 CannotInitializeNodeWithData."""
    login = {"MONGO_INITDB_ROOT_USERNAME": "myname", "MONGO_INITDB_ROOT_PASSWORD": "mypassword"}
    members = {service: ghost(service, users={("admin", "myname"): "mypassword"}) for service in SERVICES}
    with three(tmp_path, members=members, **{service: {"env": login} for service in SERVICES}) as made:
        refused(made, "hold data already")


def test_a_member_that_does_not_answer_makes_it_unknown(tmp_path: Path) -> None:
    with three(tmp_path) as made:
        made.members["mongo2"].stalled = True
        found = made.of("mongodb1")
        assert (found.status, "mongodb2: " in (found.because or "")) == ("unknown", True)


def test_two_apps_that_name_them_apart_have_to_be_told_of(tmp_path: Path) -> None:
    """Whether it is one set or several is not guessed: the operator says it, or nothing is sent."""
    with three(tmp_path, uri="mongodb://mongo1:27017/fastgpt") as made:
        plan = made.planned()
        (question,) = plan.questions
        assert (question.key, question.default) == ("members", None)
        assert question.choices == ("mongodb1, mongodb2 and mongodb3", "mongodb1")
        fixer = Fixer(made.host, made.journal, lambda: made.of("mongodb1"))  # type: ignore[arg-type]
        with pytest.raises(Exception, match="has to be told"):
            fixer.prepare(plan, {})
        assert made.planned(members="mongodb2").steps == ()
        answer = {"members": "mongodb1, mongodb2 and mongodb3"}
        assert made.repair(made.planned(**answer), **answer).name == "done"
        ((_, act),) = made.sent
        assert hosts(act) == HOSTS


def test_two_projects_with_the_usual_name_are_two_sets(tmp_path: Path) -> None:
    """On one network of a proxy; each has an app of its own."""
    with three(tmp_path, uri="mongodb://mongo1:27017/fastgpt", mongo2={"project": "other"},
               mongo3={"project": "third"}) as made:  # fmt: skip
        assert [one.also for one in made.results()] == [(), (), ()]


def test_a_set_that_has_an_arbiter_or_a_hidden_member_is_left_alone(tmp_path: Path) -> None:
    with three(tmp_path) as made:
        told = [{"_id": 0, "host": HOSTS[0]}, {"_id": 1, "host": HOSTS[1], "priority": 0, "hidden": True},
                {"_id": 2, "host": HOSTS[2], "arbiterOnly": True}]  # fmt: skip
        made.members["mongo1"].set.initiate({"_id": "app", "members": told})
        assert {one.status for one in made.results()} == {"ok"}
        assert made.sent == []


# ---- the router of a cluster -----------------------------------------------------------------------------------------


def test_a_mongos_is_no_mongod(tmp_path: Path) -> None:
    """It says that it is writable and knows no set: it looked like a standalone, and --replSet was offered."""
    router = Mongod(names={"mongo1"})
    router.router = True
    start = {"command": ["mongos", "--configdb", "app/mongo2:27017,mongo3:27017", "--bind_ip_all"]}
    with three(tmp_path, uri="mongodb://mongo1:27017/fastgpt", members={"mongo1": router}, mongo1=start) as made:
        (own,) = [one for one in made.results() if one.subject == "mongodb1"]
        assert (own.status, "mongos" in own.title) == ("ok", True)
        others = made.of("mongodb2")
        assert (others.form, others.also) == ("never-initiated", ("mongodb3",))


def test_a_mongos_that_only_says_so_itself_is_none_either(tmp_path: Path) -> None:
    router = Mongod(names={"mongo1"})
    router.router = True
    start = {"command": ["/start.sh"]}
    with three(tmp_path, uri="mongodb://mongo1:27017/fastgpt", members={"mongo1": router}, mongo1=start) as made:
        assert made.of("mongodb1").status == "ok"


# ---- between the preview and the act ---------------------------------------------------------------------------------


def test_a_member_that_was_initiated_after_the_preview_stops_it(tmp_path: Path) -> None:
    with three(tmp_path) as made:
        fixer = Fixer(made.host, made.journal, lambda: made.of("mongodb1"))  # type: ignore[arg-type]
        prepared = fixer.prepare(made.planned())
        alone(made.members["mongo2"], "mongo2:27017")
        outcome = fixer.run(prepared)
        assert outcome.name == "rolled-back", outcome
        assert "nothing was sent to any member" in outcome.sentence
        assert made.sent == []
        assert made.members["mongo1"].set.config is None


def test_the_last_moment_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Initiated between the check of the preconditions and the sending."""
    with three(tmp_path) as made:
        fixer = Fixer(made.host, made.journal, lambda: made.of("mongodb1"))  # type: ignore[arg-type]
        prepared = fixer.prepare(made.planned())

        def meanwhile(point: str) -> None:
            if point == "before_restart":
                alone(made.members["mongo3"], "mongo3:27017")

        monkeypatch.setattr("stackops.console.fix.acts.mongo.reach", meanwhile)
        outcome = fixer.run(prepared)
        assert outcome.name == "rolled-back", outcome
        assert "mongodb3 is not waiting to be initiated" in outcome.sentence
        assert made.sent == []


def test_the_set_is_made_by_somebody_else_meanwhile(tmp_path: Path) -> None:
    """All of it: as good. With other members: not what was shown."""
    with three(tmp_path) as made:
        fixer = Fixer(made.host, made.journal, lambda: made.of("mongodb1"))  # type: ignore[arg-type]
        prepared = fixer.prepare(made.planned())
        made.members["mongo1"].set.initiate(
            {"_id": "app", "members": [{"_id": number, "host": host} for number, host in enumerate(HOSTS)]}
        )
        assert fixer.run(prepared).name == "done"
        assert made.sent == []
