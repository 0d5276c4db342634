"""Acts change the practice stack as Engine and Compose would change a machine."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from stackops.console.fix.steps import ComposeUp, StepContext
from stackops.console.hosts import ComposeProject, DatabaseTarget, EngineFailed, MongoUnreachable, ReadOnlyRefused
from stackops.console.practice import DemoHost, open_demo
from stackops.console.practice.containers import Instance
from stackops.console.practice.mongod import keep
from stackops.console.practice.scenarios import SCENARIOS, Hands
from stackops.console.practice.stand import Definition, Fate, Program
from support.practice import three

FASTGPT, LIBRECHAT = "/srv/fastgpt", "/srv/librechat"
KEY = f"{FASTGPT}/mongodb.key"
CONFIG, OVERRIDE = f"{LIBRECHAT}/librechat.yaml", f"{LIBRECHAT}/docker-compose.override.yml"


def compose(host: DemoHost, folder: str, *arguments: str, files: tuple[str, ...] = ()) -> tuple[int, str]:
    result = host.control.compose(ComposeProject(folder.rpartition("/")[2], folder, files), arguments)
    return result.exit_code, result.output


def found(host: DemoHost, name: str) -> Instance:
    host.build()
    return host.world.find(name)


def logged(host: DemoHost, name: str) -> str:
    return "\n".join(line.text for line in found(host, name).log)


def edit(host: DemoHost, path: str, change: Callable[[str], str]) -> None:
    old = host.files.read(path)
    host.files.replace(path, change(old.decode()).encode(), expect=host.files.stat(path, digest=True).sha256)


def test_an_orderly_stack_runs_whole(orderly: DemoHost) -> None:
    orderly.build()
    assert {container.state for container in orderly.world.containers()} == {"running"}
    assert "Custom config file loaded:" in logged(orderly, "LibreChat")
    assert "Waiting for connections" in logged(orderly, "mongo")
    assert "buffering timed out" not in logged(orderly, "fastgpt")


def test_a_paused_one_answers_nobody_and_goes_on_and_a_killed_one_stays_down(orderly: DemoHost) -> None:
    before = found(orderly, "fastgpt").started_at
    orderly.control.pause("fastgpt")
    with pytest.raises(EngineFailed, match="is not running"):
        orderly.control.pause("fastgpt")
    assert found(orderly, "fastgpt").state == "paused"
    orderly.control.unpause("fastgpt")
    assert (found(orderly, "fastgpt").state, found(orderly, "fastgpt").started_at) == ("running", before)
    orderly.control.kill("fastgpt")
    assert (found(orderly, "fastgpt").state, found(orderly, "fastgpt").exit_code) == ("exited", 137)


def test_up_leaves_what_follows_its_files(orderly: DemoHost) -> None:
    before = found(orderly, "fastgpt").id
    code, output = compose(orderly, FASTGPT, "up", "-d")
    assert (code, found(orderly, "fastgpt").id) == (0, before)
    assert "fastgpt  Running" in output


def test_up_recreates_what_no_longer_does(orderly: DemoHost) -> None:
    before, neighbour = found(orderly, "LibreChat").id, found(orderly, "rag_api").id
    edit(orderly, OVERRIDE, lambda text: text.replace("DEBUG_LOGGING=true", "DEBUG_LOGGING=false"))
    code, output = compose(orderly, LIBRECHAT, "up", "-d", "--no-deps", "--pull", "never", "api")
    assert code == 0
    assert "LibreChat  Recreated" in output
    assert found(orderly, "LibreChat").id != before
    assert found(orderly, "rag_api").id == neighbour
    assert dict(found(orderly, "LibreChat").definition.env)["DEBUG_LOGGING"] == "false"


def test_a_list_of_files_switches_the_override_off(orderly: DemoHost) -> None:
    base = f"{LIBRECHAT}/docker-compose.yml"
    compose(orderly, LIBRECHAT, "up", "-d", "api", files=(base,))
    api = found(orderly, "LibreChat")
    assert "/app/librechat.yaml" not in {bind.target for bind in api.definition.binds}
    assert api.definition.labels["com.docker.compose.project.config_files"] == base


def test_named_env_files_hold_in_place_of_the_folders_own_and_a_recreate_keeps_them(orderly: DemoHost) -> None:
    orderly.build()
    own, named = orderly.files.read(f"{LIBRECHAT}/.env"), "/etc/prod.env"
    orderly.world.tree.put(named, own.replace(b"MEILI_MASTER_KEY=", b"MEILI_MASTER_KEY=prod-"))
    files = [f"{LIBRECHAT}/docker-compose.yml"]
    words = ["up", "-d", "--no-deps", "meilisearch"]
    assert orderly.control.compose(ComposeProject("librechat", LIBRECHAT, files, [named]), words).exit_code == 0
    was = found(orderly, "chat-meilisearch").definition
    assert dict(was.env)["MEILI_MASTER_KEY"].startswith("prod-")

    bench = StepContext(orderly)
    step = ComposeUp("librechat", LIBRECHAT, tuple(files), "meilisearch", force_recreate=True)
    exact = step.prepare(bench).step
    assert f"--env-file {named}" in exact.command()
    exact.apply(bench)
    assert (bench.notes, found(orderly, "chat-meilisearch").definition) == ([], was)
    assert orderly.control.compose(ComposeProject("librechat", LIBRECHAT, files, ["/gone.env"]), words).exit_code == 1


def test_no_service_of_an_orderly_stack_would_be_made_otherwise(orderly: DemoHost) -> None:
    orderly.build()
    label, seen = "com.docker.compose.", 0
    for one in orderly.world.containers():
        labels = one.definition.labels
        if f"{label}project" in labels:
            seen += 1
            files = tuple(labels[f"{label}project.config_files"].split(","))
            step = ComposeUp(
                labels[f"{label}project"], labels[f"{label}project.working_dir"], files, labels[f"{label}service"]
            )
            assert step.prepare_alone(StepContext(orderly))[1] == (), one.name
    assert seen > 10


def test_restart_keeps_the_old_definition(orderly: DemoHost) -> None:
    before = found(orderly, "LibreChat")
    started = before.started_at
    edit(orderly, OVERRIDE, lambda text: text.replace("DEBUG_LOGGING=true", "DEBUG_LOGGING=false"))
    compose(orderly, LIBRECHAT, "restart", "api")
    after = found(orderly, "LibreChat")
    assert after.id == before.id
    assert after.started_at != started
    assert dict(after.definition.env)["DEBUG_LOGGING"] == "true"


def test_a_missing_source_of_a_short_mount_becomes_a_directory(orderly: DemoHost) -> None:
    orderly.world.tree.drop(CONFIG)
    compose(orderly, LIBRECHAT, "up", "-d", "--force-recreate", "--no-deps", "api")
    fact = orderly.files.stat(CONFIG)
    assert (fact.kind, fact.mode, fact.uid, fact.empty) == ("directory", 0o755, 0, True)
    assert "EISDIR" in logged(orderly, "LibreChat")


def test_a_missing_source_of_a_long_mount_refuses_and_keeps_the_container(orderly: DemoHost) -> None:
    before = found(orderly, "LibreChat").id
    orderly.world.tree.drop(f"{LIBRECHAT}/.env")
    edit(orderly, f"{LIBRECHAT}/docker-compose.yml", lambda text: text.replace('"${UID}:${GID}"', '"1000:1000"'))
    edit(orderly, f"{LIBRECHAT}/docker-compose.yml", lambda text: text.replace('"${PORT}:${PORT}"', '"3080:3080"'))
    edit(orderly, f"{LIBRECHAT}/docker-compose.yml", lambda text: text.replace("    env_file:\n      - .env\n", ""))
    code, output = compose(orderly, LIBRECHAT, "up", "-d", "--no-deps", "--force-recreate", "api")
    assert code == 1
    assert "bind source path does not exist: /srv/librechat/.env" in output
    assert (found(orderly, "LibreChat").id, found(orderly, "LibreChat").state) == (before, "running")


def test_a_file_in_place_of_the_directory_needs_a_new_container(orderly: DemoHost) -> None:
    orderly.world.tree.drop(CONFIG)
    compose(orderly, LIBRECHAT, "up", "-d", "--force-recreate", "api")
    orderly.files.remove_directory(CONFIG)
    orderly.files.create(CONFIG, b"version: 1.0.9\n", mode=0o644, uid=1000, gid=1000)
    with pytest.raises(EngineFailed, match="not a directory"):
        orderly.control.restart("LibreChat")
    api = found(orderly, "LibreChat")
    assert (api.state, api.exit_code) == ("exited", 127)
    assert "Are you trying to mount a directory" in api.error
    code, _ = compose(orderly, LIBRECHAT, "up", "-d", "--force-recreate", "api")
    assert (code, found(orderly, "LibreChat").state) == (0, "running")
    assert "Custom config file loaded:" in logged(orderly, "LibreChat")


def test_a_file_replaced_by_rename_is_seen_after_a_restart_only(orderly: DemoHost) -> None:
    edit(orderly, CONFIG, lambda text: text.replace("cache: true", "cache: false"))
    pid = found(orderly, "LibreChat").pid
    assert orderly.kernel.replaced_mounts(pid) == {"/app/librechat.yaml"}
    orderly.control.restart("LibreChat")
    assert orderly.kernel.replaced_mounts(found(orderly, "LibreChat").pid) == frozenset()
    assert '"cache": false' in logged(orderly, "LibreChat")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1, 2\n", "Config file YAML format is invalid"),
        (b"# nothing\n", "Custom config file missing or YAML format invalid."),
        (b"version: 1.0.9\n", '"version": "1.0.9"'),
    ],
)
def test_librechat_says_what_it_thinks_of_the_file(orderly: DemoHost, content: bytes, words: str) -> None:
    edit(orderly, CONFIG, lambda _: content.decode())
    orderly.control.restart("LibreChat")
    assert words in logged(orderly, "LibreChat").rpartition("LibreChat@0.7.2 backend")[2]


def test_librechat_cannot_read_what_is_not_its_own(orderly: DemoHost) -> None:
    orderly.files.chown(CONFIG, 0, 0)
    orderly.files.chmod(CONFIG, 0o600)
    orderly.control.restart("LibreChat")
    assert "EACCES: permission denied, open '/app/librechat.yaml'" in logged(orderly, "LibreChat")


@pytest.mark.parametrize(
    ("mode", "uid", "content", "words"),
    [
        (0o644, 999, b"a" * 100, "permissions on /data/mongodb.key are too open"),
        (0o440, 999, b"a" * 100, "permissions on /data/mongodb.key are too open"),
        (0o400, 0, b"a" * 100, "error opening file: /data/mongodb.key: bad file"),
        (0o200, 999, b"a" * 100, "error opening file: /data/mongodb.key: bad file"),
        (0o400, 999, b"no-base64!", "invalid char in key file /data/mongodb.key"),
        (0o400, 999, b"abc\n", "has length 3, must be between 6 and 1024 chars"),
        (0o400, 999, b"a" * 1025, "has length 1025, must be between 6 and 1024 chars"),
        (0o400, 999, b"\n", "Only strings and sequences are supported"),
        (0o400, 999, b"- aaaaaa\n- bbbbbb\n- cccccc\n", "Only two keys are supported"),
    ],
)
def test_mongod_refuses_a_bad_key_file(orderly: DemoHost, mode: int, uid: int, content: bytes, words: str) -> None:
    orderly.build()
    orderly.world.tree.put(KEY, content, mode=mode, uid=uid, gid=uid)
    orderly.control.restart("mongo")
    mongo = found(orderly, "mongo")
    lines = [json.loads(line.text) for line in mongo.log]
    assert (mongo.state, mongo.exit_code) == ("exited", 1)
    telling = [line for line in lines if line["id"] == 20254]
    assert [line["s"] for line in telling] == ["I"]
    assert words in telling[0]["attr"]["error"]["errmsg"]
    assert lines[-1]["id"] == 20575


@pytest.mark.parametrize(
    ("mode", "content"),
    [(0o400, b"a" * 6), (0o600, b"a" * 1024), (0o700, b"- aaaaaa\n- bbbbbb\n"), (0o500, b"ab+/=\ncd\n")],
)
def test_mongod_takes_a_good_key_file(orderly: DemoHost, mode: int, content: bytes) -> None:
    orderly.build()
    orderly.world.tree.put(KEY, content, mode=mode, uid=999, gid=0)
    orderly.control.restart("mongo")
    assert found(orderly, "mongo").state == "running"


def test_fastgpt_waits_for_its_database_and_goes_on_with_it(demo: DemoHost) -> None:
    assert "buffering timed out after 10000ms" in logged(demo, "fastgpt")
    demo.files.chown(KEY, 999, 999)
    demo.files.chmod(KEY, 0o400)
    demo.control.start("mongo")
    demo.clock.sleep(300.0)
    text = "\n".join(line.text for line in list(found(demo, "fastgpt").log)[-5:])
    assert "buffering" not in text


def test_a_restart_policy_tries_again_and_sees_the_repair(orderly: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``restart: always`` the loop ends by itself once the key file is good."""
    edit(
        orderly,
        f"{FASTGPT}/docker-compose.yml",
        lambda t: t.replace("container_name: mongo\n", "container_name: mongo\n    restart: always\n"),
    )
    orderly.files.chmod(KEY, 0o644)
    compose(orderly, FASTGPT, "up", "-d", "mongo")
    orderly.clock.sleep(600.0)
    mongo = found(orderly, "mongo")
    assert (mongo.state, mongo.exit_code, mongo.pid) == ("restarting", 1, 0)
    assert 10 <= mongo.restart_count <= 30
    orderly.files.chmod(KEY, 0o400)
    orderly.clock.sleep(61.0)
    assert found(orderly, "mongo").state == "running"


def test_a_month_in_a_restart_loop_is_caught_up_in_no_time(orderly: DemoHost) -> None:
    edit(
        orderly,
        f"{FASTGPT}/docker-compose.yml",
        lambda t: t.replace("container_name: mongo\n", "container_name: mongo\n    restart: always\n"),
    )
    orderly.files.chmod(KEY, 0o644)
    compose(orderly, FASTGPT, "up", "-d", "mongo")
    orderly.clock.sleep(30 * 86400.0)
    mongo = found(orderly, "mongo")
    assert 43_000 < mongo.restart_count < 43_400
    assert len(mongo.log) < 100


@pytest.mark.parametrize(
    ("arguments", "files", "code", "words"),
    [
        (("up", "-d", "nosuch"), (), 1, "no such service: nosuch"),
        (("frob",), (), 16, 'unknown docker command: "compose frob"'),
        (("up", "-d"), ("/srv/fastgpt/nope.yml",), 14, "open /srv/fastgpt/nope.yml: no such file or directory"),
        (("version",), (), 0, "Docker Compose version v2"),
        (("config", "-q"), (), 0, ""),
        (("config", "--services"), (), 0, "oneapi"),
    ],
)
def test_compose_answers_as_the_command_does(
    orderly: DemoHost, arguments: tuple[str, ...], files: tuple[str, ...], code: int, words: str
) -> None:
    answer = compose(orderly, FASTGPT, *arguments, files=files)
    assert answer[0] == code
    assert words in answer[1]


def test_compose_refuses_a_broken_file_and_touches_nothing(orderly: DemoHost) -> None:
    before = found(orderly, "LibreChat").id
    edit(orderly, OVERRIDE, lambda text: text + "\n  bad: [\n")
    code, output = compose(orderly, LIBRECHAT, "up", "-d")
    assert code == 15
    assert output
    assert found(orderly, "LibreChat").id == before


def test_the_hash_tells_whether_a_container_follows_its_files(orderly: DemoHost) -> None:
    label = found(orderly, "oneapi").definition.labels["com.docker.compose.config-hash"]
    assert f"oneapi {label}" in compose(orderly, FASTGPT, "config", "--hash", "*")[1].splitlines()
    edit(orderly, f"{FASTGPT}/docker-compose.yml", lambda text: text.replace("THEME=default", "THEME=berry"))
    assert f"oneapi {label}" not in compose(orderly, FASTGPT, "config", "--hash", "*")[1].splitlines()


def test_a_model_server_tells_the_release_and_the_cards_that_it_was_given(orderly: DemoHost) -> None:
    """What it answers follows from its container, so that a repair which changes the container shows."""

    def version() -> str:
        assert orderly.http is not None
        reply = asyncio.run(orderly.http.get("http://127.0.0.1:11434/api/version"))
        return str(json.loads(reply.body)["version"])

    path = "/srv/models/docker-compose.yml"
    assert (version(), logged(orderly, "ollama").count("library=cuda")) == ("0.1.38", 2)
    edit(orderly, path, lambda text: text.replace("ollama:0.1.38", "ollama:0.1.44").replace("count: all", "count: 1"))
    assert compose(orderly, "/srv/models", "up", "-d", "ollama")[0] == 0
    assert (version(), logged(orderly, "ollama").count("library=cuda")) == ("0.1.44", 1)
    assert "(version 0.1.44)" in logged(orderly, "ollama")


def test_a_running_container_is_not_removed(orderly: DemoHost) -> None:
    orderly.build()
    with pytest.raises(EngineFailed, match="is running"):
        orderly.control.remove("oneapi")
    orderly.control.stop("oneapi")
    orderly.control.remove("oneapi")
    assert "oneapi" not in {container.name for container in orderly.world.containers()}


def test_a_container_whose_image_is_not_known_just_runs(orderly: DemoHost) -> None:
    container = orderly.world.create(Definition(name="other", image="example.invalid/other:3"))
    orderly.world.start(container)
    assert orderly.world.find("other").state == "running"


def test_a_clean_end_with_on_failure_stays_ended(orderly: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    from stackops.console.practice import programs

    monkeypatch.setitem(programs.PROGRAMS, "once", Program(start=lambda _stand: Fate(("done",), exit_code=0)))
    container = orderly.world.create(Definition(name="once", image="once", restart="on-failure:3"))
    orderly.world.start(container)
    assert orderly.world.find("once").state == "exited"


def test_read_only_refuses_every_act_before_anything_happens() -> None:
    host = open_demo(read_only=True)
    host.build()
    before = {container.id: container.state for container in host.world.containers()}
    acts = (
        lambda: host.control.restart("mongo"),
        lambda: host.control.start("mongo"),
        lambda: host.control.stop("pg"),
        lambda: host.control.remove("mongo"),
        lambda: host.control.compose(ComposeProject("fastgpt", FASTGPT), ("up", "-d")),
    )
    for act in acts:
        with pytest.raises(ReadOnlyRefused):
            act()
    assert {container.id: container.state for container in host.world.containers()} == before


def test_readers_and_a_worker_do_not_disturb_each_other(orderly: DemoHost) -> None:
    """One thread acts while others read: nothing raises, and the end is what the acts say."""
    orderly.build()
    errors: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                asyncio.run(orderly.engine.containers())
                orderly.kernel.sample({c.id: c.pid for c in orderly.world.containers()})
                orderly.kernel.processes()
                orderly.gpus.read()
                orderly.files.stat(KEY, digest=True)
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(20):
        compose(orderly, FASTGPT, "up", "-d", "--force-recreate", "--no-deps", "oneapi")
        orderly.control.restart("mysql")
    stop.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert len(orderly.world.containers()) == 14


def test_opening_the_demo_loads_no_driver_and_parses_nothing(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from stackops.console.practice import open_demo; open_demo();"
        "print([m for m in ('ruamel', 'docker', 'psutil', 'textual', 'asyncio.events.x') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_set_of_three_reaches_every_member_and_none_that_has_one_already(orderly: DemoHost) -> None:
    """As mongod does it: 74 for one that does not answer, 103 for one that has a configuration."""
    orderly.build()
    three(Hands(orderly.world, orderly.files))
    names = [f"mongo{number}:27017" for number in (1, 2, 3)]
    config = {"_id": "app", "members": [{"_id": number, "host": host} for number, host in enumerate(names)]}

    def at(number: int) -> DatabaseTarget:
        return DatabaseTarget("container address", "-", 27017, found(orderly, f"three-mongo{number}").id)

    def initiate(number: int) -> object:
        act = orderly.databases.command_mongo(at(number), {"replSetInitiate": config}, deadline=1)
        return asyncio.run(act).get("code")

    def hello(number: int) -> dict[str, object]:
        return dict(asyncio.run(orderly.databases.ask_mongo(at(number), ["hello"]))[0])

    orderly.control.stop(found(orderly, "three-mongo3").id)
    assert initiate(1) == 74
    orderly.control.start(found(orderly, "three-mongo3").id)
    assert initiate(2) is None
    assert [hello(number)["isWritablePrimary"] for number in (1, 2, 3)] == [True, False, False]
    assert [hello(number)["primary"] for number in (1, 2, 3)] == [names[0]] * 3
    assert initiate(3) == 23
    keep(orderly.world.tree, found(orderly, "three-mongo1").definition, {**config, "_id": "other"})
    assert hello(1)["isreplicaset"] is True


def test_a_mongod_that_listens_on_loopback_takes_nobody_from_outside(orderly: DemoHost) -> None:
    orderly.build()
    with orderly.world.lock:
        SCENARIOS["mongo.bind-ip"][1](orderly.hands)
    bound, databases = found(orderly, "trial-bound"), orderly.databases
    assert (bound.state, bound.inside) == ("running", frozenset())
    assert databases is not None
    target = DatabaseTarget("published port", "127.0.0.1", 27019, bound.id)
    with pytest.raises(MongoUnreachable):
        asyncio.run(databases.ask_mongo(target, ["hello"], deadline=1.0))


def test_each_container_has_a_log_file_of_its_own_that_goes_with_it(orderly: DemoHost) -> None:
    vllm = found(orderly, "vllm")
    path = f"/var/lib/docker/containers/{vllm.id}/{vllm.id}-json.log"
    assert (orderly.files.stat(path).kind, orderly.files.stat(path).mode) == ("file", 0o640)
    orderly.world.grow_log("vllm", 3 << 30)
    assert orderly.files.stat(path).size == 3 << 30
    compose(orderly, "/srv/models", "up", "-d", "--no-deps", "--force-recreate", "vllm")
    assert orderly.files.stat(path).kind == "missing"
    assert found(orderly, "vllm").id != vllm.id
