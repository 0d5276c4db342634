"""The table of pitfalls: each made by hand on real compose files, found, repaired, proven from outside, taken back.

Rows of one stack share it: it comes up once, and every row begins by making it good. One row is one form.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stackops.checks.registry import ALL
from support import librechat_rows, mongo_form_rows, mongo_rows, oneapi_rows, python_image
from support.pitfall_rows import Row, play
from support.stacks import Stack, docker

ROWS: tuple[Row, ...] = (*mongo_rows.ROWS, *librechat_rows.ROWS)
FILES = {
    "fastgpt/v4.6.8": ("docker-compose.yml", "config.json"),
    "librechat/v0.7.2": ("docker-compose.yml", ".env.example"),
}
HERE = Path(__file__).parent
OWN_TESTS = {
    "mongo_keyfile": {
        "mongo.keyfile: a directory that Docker made":
            "a_bad_key_file_is_seen_shown_repaired_and_taken_back[a directory]",
        "mongo.keyfile: mode 644": "a_bad_key_file_is_seen_shown_repaired_and_taken_back[mode 644]",
        "mongo.keyfile: owned by root": "a_bad_key_file_is_seen_shown_repaired_and_taken_back[400, owned by root]",
        "mongo.keyfile: deleted": "a_bad_key_file_is_seen_shown_repaired_and_taken_back[missing]",
        "mongo.keyfile: a pass phrase": "a_bad_key_file_is_seen_shown_repaired_and_taken_back[a pass phrase]",
        "mongo.keyfile: wrong mode under a running mongod": "a_running_mongod_is_not_restarted_for_its_mode",
        "mongo.keyfile: repaired, never started again": "a_key_that_was_repaired_by_hand_still_needs_a_start",
        "mongo.keyfile: a file in the directory's place":
            "a_file_put_in_the_directorys_place_and_restarted_is_made_anew",
    },
    "librechat_config_mount": {
        "librechat.config-mount: no mount": "an_override_without_the_mount_is_seen_shown_repaired_and_taken_back",
        "librechat.config-mount: no override": "the_mount_gets_an_override_where_there_is_none_to_speak_of",
        "librechat.config-mount: a directory":
            "a_directory_that_docker_made_becomes_a_file_and_the_service_is_made_anew",
        "librechat.config-mount: only restarted": "a_mount_that_was_added_and_only_restarted_is_applied",
        "librechat.config-mount: saved by rename": "a_file_saved_by_rename_is_read_again",
        "librechat.config-mount: deleted": "a_deleted_file_comes_back_from_the_example",
    },
    "librechat_cookie": {
        "librechat.cookie: production before v0.8.3":
            "the_default_stack_of_v0_7_2_starts_node_directly_and_is_taken_back",
        "librechat.cookie: v0.8.7": "v0_8_7_gets_one_line_in_env_and_a_restart",
        "librechat.cookie: nodemon": "backend_dev_without_nodemon_is_told_and_replaced",
        "librechat.not-applied: stale values": "rag_api_with_the_old_secret_is_made_anew_and_nothing_else",
        "librechat.not-applied: definition": "an_edit_that_only_a_restart_followed_is_told_by_composes_own_hash",
        "librechat.not-applied: .env": "a_closed_registration_that_nobody_restarted_for",
    },
    "oneapi_restart": {
        "oneapi.restart: MySQL not ready yet": "a_first_start_is_waited_for_with_a_countdown_and_nothing_is_restarted",
        "oneapi.restart: gave up": "one_that_gave_up_is_started_again_once_mysql_is_ready",
        "oneapi.restart: stale channels": "a_new_channel_is_made_known_by_restarting_one_api_and_nothing_else",
        "oneapi.restart: config.json changed": "a_changed_config_json_recreates_fastgpt_and_nothing_else",
        "oneapi.restart: config.json broken": "a_broken_config_json_is_told_and_fastgpt_left_alone",
    },
    "mirrors": {
        "docker.registry-mirrors: a dead mirror": "a_dead_mirror_is_replaced_by_one_that_works_and_nothing_restarts",
        "docker.registry-mirrors: no file": "a_file_is_made_and_goes_again_with_the_engines_list",
        "docker.registry-mirrors: a misspelt key": "a_changed_file_is_only_reloaded_and_a_misspelt_key_gets_its_name",
        "docker.registry-mirrors: would stop the next start":
            "what_would_keep_docker_from_starting_is_named_and_not_touched",
    },
    "mongo_forms": {
        "mongo.replica-set: two apps look elsewhere": "two_apps_that_look_elsewhere_are_repaired_one_by_one",
        "mongo.replica-set: initiated, the app's password is wrong":
            "a_set_stays_initiated_although_the_apps_password_is_wrong",
    },
    "model_servers": {
        "server.wrong-key: misspelt": "a_misspelt_key_is_renamed_where_it_stands_and_taken_back",
        "server.crash-num-workers: crashing": "num_workers_is_taken_away_from_the_image_too_and_comes_back_with_undo",
        "ollama.host-gateway: missing": "a_container_is_given_the_hosts_name_and_loses_it_again",
    },
    "gpu_checks": {
        "gpu.toolkit: the start failed":
            "a_start_that_failed_for_want_of_the_toolkit_is_told_with_the_engines_own_words",
        "gpu.toolkit: an unknown runtime":
            "a_runtime_that_the_engine_does_not_know_leaves_no_container_and_is_told_all_the_same",
        "gpu.memory-full: killed for want of main memory": "a_kill_for_want_of_main_memory_is_told_apart_from_the_gpus",
    },
}  # fmt: skip
"""Forms that need more than a row says, by file of this folder: each is a test of its own there; without ``test_``."""
NO_ENGINE_NEEDED = {
    "gpu.driver": "the driver is the kernel's: tests/nvml has one that fails in each way",
    "gpu.lost-in-container": "a container only loses a real GPU: tests/nvml takes one away, tests/demo repairs it",
    "gpu.shared-device": "wants two real GPUs: tests/demo repairs it on the practice machine's",
    "gpu.orphan": "a process of no container: tests/join follows one through /proc, tests/nvml names it",
    "host.sizing": "wants a machine that is too small: it is judged by figures, of which the examples have many",
    "server.ignored-quantize": "what a server says of itself over HTTP: tests/servers has recorded ones",
    "server.default-key": "what a server says of itself over HTTP: tests/servers has recorded ones",
    "ollama.bind": "what a server answers on which address: tests/demo repairs it",
    "ollama.on-cpu": "wants a GPU that is idle: tests/demo repairs it",
    "server.too-old-card": "wants a card that is too old: what servers print of it is the examples'",
    "server.unreachable": "tests/servers has what servers answer at an address; the repair is container.dead-inside's",
    **dict.fromkeys(
        ("container.crash-loop", "container.not-started", "container.ended", "container.unhealthy", "container.needed"),
        "tests/judge plays it on a real Engine with containers of its own",
    ),
    **dict.fromkeys(
        ("postgres.credentials", "postgres.connections", "postgres.index", "postgres.collation"),
        "test_postgres.py asks a real one, and runs the commands that a person is told",
    ),
    **dict.fromkeys(
        ("mysql.credentials", "mysql.connections"),
        "test_mysql.py asks a real MariaDB, and runs the commands that a person is told",
    ),
    "wiring.broken": "tests/wiring cuts the arrows of a stack on a real Engine; a person repairs them",
    **dict.fromkeys(
        ("docker.bind-directory", "librechat.env-file", "container.dead-inside", "server.shm"),
        "tests/cases plays it on a real Engine with containers of its own, repairs it and takes back what can be",
    ),
    **dict.fromkeys(
        (
            "container.permission",
            "wiring.address",
            "wiring.quotes",
            "wiring.login",
            "wiring.unset",
            "wiring.dsn",
            "fastgpt.redis",
            "mongo.root-user",
            "mongo.data-folder",
            "mongo.bind-ip",
            "docker.daemon-json",
            "data.other-release",
            "fastgpt.config",
            "container.cpu",
            "librechat.env",
            "librechat.default-secrets",
            "librechat.rag-api",
            "librechat.meilisearch",
            "librechat.azure",
            "compose.networks",
            "compose.port-conflict",
            "compose.invalid",
            "compose.drift",
            "docker.exposed-databases",
            "docker.default-secrets",
            "docker.disk",
            "docker.log-growth",
            "docker.unpinned",
            "postgres.pgvector",
            "mysql.auth-plugin",
            "fastgpt.base-url",
            "fastgpt.gateway-shadowed",
            "fastgpt.token",
            "fastgpt.models",
            "fastgpt.upgrade",
            "oneapi.channel",
            "host.file-limits",
            "host.clock",
        ),
        "a person repairs it, and it is judged by what inspect, compose files or a log say: the examples have many",
    ),
}
"""Checks without a form on a real Engine, and why that proves no less."""
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


def test_every_check_has_a_form_on_the_engine_or_a_reason() -> None:
    rows = (*ROWS, *mongo_form_rows.ROWS, *oneapi_rows.ROWS, *itertools.chain(*librechat_rows.BOOT_ROWS.values()))
    names = [*(f"{row.check}: {row.name}" for row in rows), *itertools.chain(*OWN_TESTS.values())]
    assert len(set(names)) == len(names)
    there = {name.partition(":")[0] for name in names}
    assert (there & set(NO_ENGINE_NEEDED), there | set(NO_ENGINE_NEEDED)) == (set(), {check.id for check in ALL})
    repaired = [row for row in rows if row.status == "finding" and row.by_hand is None]
    taken_back = [row for row in repaired if row.undo and not row.restarts_only]
    assert (len(names) >= 60, len(repaired) >= 35, len(taken_back) >= 25) == (True, True, True)


@pytest.mark.parametrize("file", OWN_TESTS)
def test_a_form_that_is_said_to_have_a_test_of_its_own_has_it(file: str) -> None:
    spec = importlib.util.spec_from_file_location(f"own_{file}", HERE / f"test_{file}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for test in OWN_TESTS[file].values():
        name, _, wanted = test.rstrip("]").partition("[")
        marks = getattr(getattr(module, f"test_{name}"), "pytestmark", [])
        rows = [row.id for mark in marks if mark.name == "parametrize" for row in mark.args[1] if hasattr(row, "id")]
        assert not wanted or wanted in rows, test
