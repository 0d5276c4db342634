"""The repair of a connection string: one part changed where it is written, and no password anywhere it was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from examples.mongo.replica_set import (
    APP,
    MONGO,
    NEVER,
    PRIMARY,
    URI,
    mongo,
    tried,
)  # fmt: skip
from msgspec.structs import replace
from stackops.checks.mongo import replica_set
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import ComposeUp, EditFile, EnvLine, MongoCommand, SetServiceKeys, StepContext
from stackops.console.model import ComposeService, ConfigFile, EnvVar, HostInfo, Project, Service, Snapshot
from stackops.console.products.mongo_uri import parse, repaired, rewritten
from stackops.console.settings import Settings
from support.memory_host import MemoryHost

SETTINGS = Settings()
HUSH = "hush-hush-1"


def planned(uri: str, *, env: tuple[EnvVar, ...] = (), **state: Any) -> Plan:
    """The plan for an app with this string."""
    snapshot = mongo(replace(PRIMARY, **state), uri=uri)
    (project,) = snapshot.projects
    snapshot = replace(snapshot, projects=(replace(project, env=env),))
    (found,) = replica_set.CHECK.examine(snapshot, SETTINGS)
    assert found.status == "finding", found
    return replica_set.CHECK.plan(found, snapshot, SETTINGS, {})


def written(plan: Plan) -> str:
    """The value that the file gets."""
    edit, up = plan.steps
    assert isinstance(edit, EditFile)
    assert isinstance(up, ComposeUp)
    assert (up.service, up.force_recreate) == ("fastgpt", False)
    (one,) = edit.edits
    if isinstance(one, EnvLine):
        return one.value
    assert isinstance(one, SetServiceKeys)
    ((name, value),) = one.environment
    assert name == "MONGODB_URI"
    assert edit.path == "/srv/fastgpt/docker-compose.override.yml"
    return value


@pytest.mark.parametrize(
    ("old", "new", "state"),
    [
        (URI.replace("@mongo", "@localhost"), URI, {}),
        (URI.replace("@mongo:27017", "@db1,db2:27018"), URI, {}),
        (f"{URI}&replicaSet=rs1", f"{URI}&replicaSet=rs0", {}),
        (f"{URI}&replicaset=rs1&w=1", f"{URI}&w=1&replicaSet=rs0", {}),
        (URI.partition("?")[0], URI, {"trials": (tried("fastgpt", False), tried("admin", True))}),
        (URI.partition("/fastgpt")[0] + "/?authSource=other", URI.replace("fastgpt", ""),
         {"trials": (tried("other", False), tried("admin", True))}),
        (URI.replace("mypassword", "other"), URI, {"trials": (tried("admin", False), tried("admin", True, MONGO))}),
        (URI.replace("?", "&"), URI, {}),
        (f"{URI.replace('?', '&')}?authSource=admin", URI, {}),
        (f"{URI}?replicaSet=rs0", f"{URI}&replicaSet=rs0", {}),
        (URI.replace("mypassword", "my@password").replace("?", "&"), URI.replace("mypassword", "my%40password"), {}),
        (URI.replace("mypassword", "my@pass#word"), URI.replace("mypassword", "my%40pass%23word"), {}),
    ],
)  # fmt: skip
def test_one_part_is_changed_and_the_rest_is_kept(old: str, new: str, state: dict[str, Any]) -> None:
    plan = planned(old, **state)
    assert written(plan) == new
    assert (plan.safety, plan.restarts, plan.lock) == ("disruptive", ("fastgpt",), "/srv/fastgpt")


def test_a_dollar_is_doubled_for_compose() -> None:
    value = written(planned(URI.replace("mypassword", "my$word").replace("@mongo", "@localhost")))
    assert value == URI.replace("mypassword", "my$$word")


def test_a_password_that_env_holds_is_referred_to_and_not_copied() -> None:
    env = (EnvVar("MONGO_PASSWORD", HUSH), EnvVar("PORT", "3000"))
    value = written(planned(URI.replace("mypassword", HUSH).replace("@mongo", "@localhost"), env=env))
    assert value == URI.replace("mypassword", "${MONGO_PASSWORD}")


def test_a_string_that_stands_in_env_is_corrected_there() -> None:
    old = URI.replace("@mongo", "@localhost")
    plan = planned(old, env=(EnvVar("MONGODB_URI", old),))
    assert isinstance(plan.steps[0], EditFile)
    assert plan.steps[0].path == "/srv/fastgpt/.env"
    assert written(plan) == URI


def test_two_apps_are_repaired_one_after_the_other_and_neither_speaks_against_the_other() -> None:
    first = planned(URI.replace("@mongo", "@localhost"))
    assert first.fault == "app-host: fastgpt"
    assert {"app-set", "app-login", "member-host"} <= set(first.uncovers)
    assert "app-unescaped" not in first.uncovers, "it is looked for before: a repair that brings it has moved the fault"


def test_an_option_with_an_at_sign_is_no_login() -> None:
    uri = URI.replace("myname:mypassword@", "").replace("@mongo", "mongo") + "&appName=a%40b@c".replace("@c", "")
    value = written(planned(uri.replace("//mongo:", "//localhost:"), env=(EnvVar("SECRET", "a%40b"),)))
    assert value == uri


# ---- secrets ---------------------------------------------------------------------------------------------------------


def test_neither_the_plan_nor_what_is_journalled_holds_the_password(tmp_path: Path) -> None:
    plan = planned(URI.replace("mypassword", HUSH).replace("@mongo", "@localhost"))
    assert HUSH not in repr(plan)
    base = tmp_path / "docker-compose.yml"
    base.write_text("services:\n  fastgpt:\n    image: x\n")
    base.chmod(0o600)
    (edit,) = plan.steps[:1]
    assert isinstance(edit, EditFile)
    edit = replace(edit, path=str(tmp_path / "docker-compose.override.yml"), like=str(base))
    bench = StepContext(_host())
    prepared = edit.prepare(bench)
    told = f"{prepared!r} {prepared.step.describe()} {prepared.diff} {msgspec.json.encode(prepared).decode()}"
    assert HUSH not in told
    prepared.step.apply(bench)
    made = tmp_path / "docker-compose.override.yml"
    assert HUSH in made.read_text()
    assert oct(made.stat().st_mode) == "0o100600", "no more people can read it than the file it goes with"
    assert prepared.step.state(bench) == "after"


def test_values_that_are_no_secret_are_journalled_as_they_are() -> None:
    assert SetServiceKeys("api", environment=(("NODE_ENV", "development"),)).masked().environment == (
        ("NODE_ENV", "development"),
    )
    assert EnvLine("PORT", "3080").masked() == EnvLine("PORT", "3080")


def _host() -> Any:
    from stackops.console.hosts.local.files import LocalFiles

    return MemoryHost(files=LocalFiles(), kind="local", read_only=False)  # type: ignore[arg-type]


# ---- what stays for people -------------------------------------------------------------------------------------------


def test_another_users_rights_are_not_handed_out() -> None:
    plan = planned(URI.replace("myname", "reader"), trials=(tried("admin", False), tried("admin", True, MONGO)))
    assert (plan.safety, plan.steps) == ("manual", ())


def test_a_container_that_compose_did_not_make_is_left_to_people() -> None:
    snapshot = mongo(PRIMARY, uri=URI.replace("@mongo", "@localhost"), app={"networks": ()})
    snapshot = replace(
        snapshot, projects=(),
        containers=tuple(replace(c, project=None, service=None) if c.id == APP else c for c in snapshot.containers),
    )  # fmt: skip
    results = [r for r in replica_set.CHECK.examine(snapshot, SETTINGS) if r.status == "finding"]
    assert all(replica_set.CHECK.plan(one, snapshot, SETTINGS, {}).safety == "manual" for one in results)


# ---- the text itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "mysql://x", "mongodb://", "mongodb:///db"])
def test_what_is_no_connection_string_is_not_rewritten(text: str) -> None:
    assert rewritten(text, hosts="mongo:27017") is None


@pytest.mark.parametrize(
    "text", ["mongodb://u:a@b@mongo/f", "mongodb://u:a/b?c#d@mongo:1/f?authSource=admin", "mongodb://u:50%@h/f"]
)
def test_what_has_been_encoded_reads_as_it_was_meant(text: str) -> None:
    old, new = parse(text), parse(repaired(text) or "")
    assert old is not None
    assert new is not None
    assert (new.password, new.hosts, new.options) == (old.password, old.hosts, old.options)
    assert new.fault is None


def test_a_login_is_written_percent_encoded() -> None:
    new = rewritten("mongodb://u:p@mongo/f", login=("a b", "p@:/?#ss"))
    assert new == "mongodb://a%20b:p%40%3A%2F%3F%23ss@mongo/f"


def test_the_string_of_an_app_that_was_never_started_is_changed_in_its_own_project() -> None:
    """Two projects call their app ``fastgpt``; only the second one's string is miswritten."""
    fine, wrong = "mongodb://mongo:27017/fastgpt", "mongodb://root:p@ss@mongo:27017/fastgpt?authSource=admin"
    projects, services = [], []
    for name, uri in (("one", fine), ("two", wrong)):
        app = ComposeService("fastgpt", image="fastgpt:v4.8.20", env=(EnvVar("MONGODB_URI", uri),))
        mongod = ComposeService("mongo", image="mongo:5.0.18", command=("mongod", "--replSet", "rs0"))
        file = ConfigFile(f"/srv/{name}/docker-compose.yml")
        projects.append(Project(name, working_dir=f"/srv/{name}", files=(file,), services=(mongod, app)))
        services += [Service("mongo", "mongo", project=name, compose_service="mongo")]
        services += [Service("fastgpt", "fastgpt", project=name, compose_service="fastgpt")]
    snapshot = Snapshot(0.0, HostInfo("h"), projects=tuple(projects), services=tuple(services))
    (found,) = [r for r in replica_set.CHECK.examine(snapshot, SETTINGS) if r.form == "app-unescaped"]
    assert found.subject == "two/mongo"
    plan = replica_set.CHECK.plan(found, snapshot, SETTINGS, {})
    assert [step.target for step in plan.steps] == ["/srv/two/docker-compose.override.yml"]
    assert plan.lock == "/srv/two"


def test_a_set_on_the_machine_s_own_network_is_initiated_with_an_address_and_no_name_of_docker_s() -> None:
    on_host = {"network_mode": "host", "networks": ()}
    snapshot = mongo(NEVER, container=on_host, app=on_host, uri="mongodb://mongo:27017/fastgpt")
    check = replica_set.CHECK
    (found,) = check.examine(snapshot, SETTINGS)
    (step,) = check.plan(found, snapshot, SETTINGS, {}).steps
    assert isinstance(step, MongoCommand)
    assert step.host == "127.0.0.1:27017"
