"""The table of pitfalls: each made by hand on real compose files, found, repaired, proven from outside, taken back.

Rows of one stack share it: it comes up once, and every row begins by making it good. One row is one form.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import librechat_rows, mongo_form_rows, mongo_rows, oneapi_rows, pitfall_table, python_image
from support.pitfall_rows import Row, play
from support.stacks import Stack, docker

ROWS: tuple[Row, ...] = (*mongo_rows.ROWS, *librechat_rows.ROWS)
FILES = {
    "fastgpt/v4.6.8": ("docker-compose.yml", "config.json"),
    "librechat/v0.7.2": ("docker-compose.yml", ".env.example"),
}
HERE = Path(__file__).parent
ELSEWHERE = {
    "mongo.keyfile: a directory that Docker made": ("test_mongo_keyfile.py", "def no_key("),
    "mongo.keyfile: mode 644": ("test_mongo_keyfile.py", "def left_open("),
    "mongo.keyfile: owned by root": ("test_mongo_keyfile.py", "def root_owned("),
    "mongo.keyfile: deleted": ("test_mongo_keyfile.py", "def deleted("),
    "mongo.keyfile: a pass phrase": ("test_mongo_keyfile.py", "def unusable("),
    "mongo.keyfile: wrong mode under a running mongod": ("test_mongo_keyfile.py", "a_running_mongod_is_not_restarted"),
    "mongo.keyfile: repaired, never started again": ("test_mongo_keyfile.py", "repaired_by_hand_still_needs_a_start"),
    "mongo.keyfile: a file in the directory's place": ("test_mongo_keyfile.py", "file_put_in_the_directorys_place"),
    "librechat.config-mount: no mount": ("test_librechat_config_mount.py", "an_override_without_the_mount"),
    "librechat.config-mount: no override": ("test_librechat_config_mount.py", "where_there_is_none_to_speak_of"),
    "librechat.config-mount: a directory": ("test_librechat_config_mount.py", "a_directory_that_docker_made"),
    "librechat.config-mount: only restarted": ("test_librechat_config_mount.py", "added_and_only_restarted"),
    "librechat.config-mount: saved by rename": ("test_librechat_config_mount.py", "a_file_saved_by_rename"),
    "librechat.config-mount: deleted": ("test_librechat_config_mount.py", "a_deleted_file_comes_back"),
    "librechat.cookie: production before v0.8.3": ("test_librechat_cookie.py", "starts_node_directly"),
    "librechat.cookie: v0.8.7": ("test_librechat_cookie.py", "v0_8_7_gets_one_line_in_env"),
    "librechat.cookie: nodemon": ("test_librechat_cookie.py", "backend_dev_without_nodemon"),
    "librechat.not-applied: stale values": ("test_librechat_cookie.py", "rag_api_with_the_old_secret"),
    "librechat.not-applied: definition": ("test_librechat_cookie.py", "an_edit_that_only_a_restart_followed"),
    "librechat.not-applied: .env": ("test_librechat_cookie.py", "closed_registration_that_nobody_restarted_for"),
    "oneapi.restart: MySQL not ready yet": ("test_oneapi_restart.py", "a_first_start_is_waited_for"),
    "oneapi.restart: gave up": ("test_oneapi_restart.py", "one_that_gave_up_is_started_again"),
    "oneapi.restart: stale channels": ("test_oneapi_restart.py", "a_new_channel_is_made_known"),
    "oneapi.restart: config.json changed": ("test_oneapi_restart.py", "a_changed_config_json_recreates"),
    "oneapi.restart: config.json broken": ("test_oneapi_restart.py", "a_broken_config_json_is_told"),
    "docker.registry-mirrors: a dead mirror": ("test_mirrors.py", "a_dead_mirror_is_replaced"),
    "docker.registry-mirrors: no file": ("test_mirrors.py", "a_file_is_made_and_goes_again"),
    "docker.registry-mirrors: a misspelt key": ("test_mirrors.py", "a_misspelt_key_gets_its_name"),
    "docker.registry-mirrors: would stop the next start": ("test_mirrors.py", "would_keep_docker_from_starting"),
    "mongo.replica-set: two apps look elsewhere": ("test_mongo_forms.py", "two_apps_that_look_elsewhere"),
    "mongo.replica-set: initiated, the app's password is wrong": ("test_mongo_forms.py", "stays_initiated_although"),
}
"""The forms whose rows are tests of their own, because they need more than a row says."""
NAMES = ("mongo", "pg", "fastgpt", "mysql", "oneapi", "LibreChat", "chat-mongodb", "chat-meilisearch", "vectordb")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the owner of a file can only be given away by root")


@pytest.fixture(scope="module")
def speaking(standins: None) -> Iterator[None]:
    """A mongod that speaks its protocol, in place of the one that only checks its key file."""
    python_image.build({"mongo:5.0.18": "5.0.18"})
    yield
    python_image.images().build()


@pytest.fixture(scope="module")
def stack_of(speaking: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stack]]:
    """The stack of a group; the one before is taken down, since upstream fixes the container names."""
    current: list[tuple[str, Stack]] = []

    def give(group: str) -> Stack:
        if current and current[0][0] != group:
            current.pop()[1].down()
        if not current:
            clear_the_way()
            current.append((group, Stack(tmp_path_factory.mktemp("stack"), group, FILES[group])))
        return current[0][1]

    yield give
    for _, stack in current:
        stack.down()


def clear_the_way() -> None:
    for name in NAMES:
        if docker("inspect", "-f", '{{index .Config.Labels "stackops.standin"}}', name, check=False):
            docker("rm", "--force", "--volumes", name)
        elif docker("ps", "-aq", "--filter", f"name=^/{name}$"):
            pytest.skip(f"a container named {name} is on this machine; the upstream files use that name too")


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.check}: {row.name}" for row in ROWS])
def test_it_is_found_repaired_proven_and_taken_back(row, stack_of):
    play(stack_of(row.group), row)


def test_the_table_is_whole() -> None:
    """At least 40 forms of the six pitfalls, each really run: ``pytest -s -k table`` prints what is done with each."""
    lines = [
        *pitfall_table.of_rows((*ROWS, *mongo_form_rows.ROWS, *oneapi_rows.ROWS)),
        *pitfall_table.of_rows(row for rows in librechat_rows.BOOT_ROWS.values() for row in rows),
        *pitfall_table.of_tests(HERE, ELSEWHERE),
    ]  # fmt: skip
    names = [line.name for line in lines]
    assert len(set(names)) == len(names)
    print("\n" + "\n".join(line.text for line in sorted(lines, key=lambda line: line.name)))
    assert [line.name for line in lines if not (line.found or line.fixed == "by the command")] == []
    assert [line.name for line in lines if not line.verified] == []
    repaired = [line for line in lines if line.fixed == "by the command"]
    taken_back = [line for line in repaired if line.undone == "yes"]
    assert (len(lines) >= 60, len(repaired) >= 40, len(taken_back) >= 25) == (True, True, True), "\n".join(names)
    assert {name.partition(":")[0] for name in names} >= {
        "mongo.replica-set", "mongo.keyfile", "mongo.shell-missing", "mongo.dead-behind-wrapper", "mongo.cpu",
        "mongo.kernel", "mongo.version-files", "librechat.config-mount", "librechat.config-valid", "librechat.cookie",
        "librechat.not-applied", "oneapi.restart", "docker.registry-mirrors",
    }  # fmt: skip
