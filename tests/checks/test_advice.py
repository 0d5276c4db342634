"""What plans that people carry out say: commands that fit the machine, and are no worse than the fault."""

from __future__ import annotations

from examples import examples_of
from examples.data.other_release import BOOT, ended
from examples.librechat.config_mount import DIR, librechat
from examples.mongo.data_folder import DENIED, VOLUME, mongo
from examples.mongo.replica_set import ALONE, MONGO, OLD, linked
from examples.mongo.replica_set import mongo as mongod
from examples.snapshots import bind, container_id
from msgspec.structs import replace
from stackops.checks.registry import find
from stackops.console.model import MongodConfig, Service, Snapshot
from stackops.console.settings import Settings

CHAT = {e.name: e.snapshot for e in examples_of(find("librechat.config-mount"))}
STOPPED = librechat(container={"state": "exited", "exit_code": 0})
HAND = {"service": None, "project": None, "labels": {}}


def said(check_id: str, snapshot: Snapshot) -> str:
    check = find(check_id)
    (result,) = check.examine(snapshot, Settings())
    return "\n".join(check.plan(result, snapshot, Settings(), {}).says)


def test_nothing_is_given_to_a_user_that_is_not_known() -> None:
    of_compose = said("mongo.data-folder", mongo(DENIED, mounts=VOLUME, user="someone"))
    assert "--entrypoint chown mongodb -R UID /data/db" in of_compose
    by_hand = said("mongo.data-folder", mongo(DENIED, mounts=VOLUME, **HAND))
    assert "docker run --rm --volumes-from chat-mongodb --user 0 --entrypoint chown mongo:8.0.17 -R 999" in by_hand
    assert "compose" not in by_hand


def test_a_container_that_compose_did_not_make_is_not_brought_up_by_it() -> None:
    assert "docker compose" not in said("data.other-release", ended(BOOT, **HAND))


def test_a_container_that_was_stopped_by_hand_is_made_anew_and_left_so() -> None:
    check = find("librechat.config-mount")
    (result,) = check.examine(STOPPED, Settings())
    assert (result.severity, result.form) == ("info", "not-mounted")
    plan = check.plan(result, STOPPED, Settings(), {})
    assert not plan.steps[-1].start
    assert "left so" in " ".join(plan.says)


def test_config_path_is_written_where_it_stands_also_when_the_container_is_older() -> None:
    """The override would beat the file that people edit, for good."""
    snapshot = CHAT["wrote another wrong path into .env since"]
    check = find("librechat.config-mount")
    (result,) = check.examine(snapshot, Settings())
    assert check.plan(result, snapshot, Settings(), {}).steps[0].path == f"{DIR}/.env"


def test_what_is_said_of_config_path_is_what_is_done() -> None:
    check = find("librechat.config-mount")
    (result,) = check.examine(CHAT["wrote CONFIG_PATH and mounted nothing"], Settings())
    assert (
        result.fix.summary
        == f"point CONFIG_PATH to /app/librechat.yaml in {DIR}/.env, and mount {DIR}/librechat.yaml there"
    )


def test_no_second_set_is_made_of_a_name_that_a_mongod_conf_beside_it_has() -> None:
    """Where a key initiates it, it would be one for ever beside the one that it was to be a member of."""
    base = mongod(ALONE, container=OLD)
    first = next(container for container in base.containers if container.id == MONGO)
    conf = {"command": ("mongod", "--config", "/m.conf"), "mounts": (bind("/srv/m.conf", "/m.conf"),)}
    other = replace(first, id=container_id("two"), name="two", service="two", **linked("two"), **conf)
    role = Service("mongo", "two", other.id, project="fastgpt", compose_service="two")
    snapshot = replace(
        base, containers=(*base.containers, other), services=(*base.services, role),
        mongod_configs=(MongodConfig("/srv/m.conf", replica_set="rs0"),),
    )  # fmt: skip
    check = find("mongo.replica-set")
    result = next(one for one in check.examine(snapshot, Settings()) if one.subject == first.name)
    plan = check.plan(result, snapshot, Settings(), {})
    assert (result.form, plan.steps) == ("standalone", ())
    assert "two has the set name rs0 already" in " ".join(plan.says)
