"""oneapi.restart on FastGPT v4.7's own compose file with a real MariaDB: broken, repaired, judged from outside."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from support.oneapi_rows import (
    CHECK,
    GROUP,
    MYSQL,
    ONE,
    PASSWORD,
    ROWS,
    add_channel,
    answers,
    looping,
    ready,
    request,
    served,
    state,
    up,
)  # fmt: skip
from support.pitfall_rows import play
from support.stacks import Stack, docker, wait_for


@pytest.fixture(scope="module")
def fastgpt(databases: None, shared_stack) -> Iterator[Stack]:
    """FastGPT v4.7 with One API and MySQL, once for all: every test begins by making it good."""
    stack = shared_stack(GROUP, "docker-compose.yml", "config.json")
    up(stack)
    add_channel("gpt-3.5-turbo")
    docker("restart", "-t", "0", ONE)
    wait_for(answers)
    return stack


def judged(stack, subject: str = ONE):
    result = stack.result(CHECK, subject)
    assert PASSWORD not in json.dumps(result)
    return result


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_will_never_come_up_is_explained_and_what_is_told_helps(fastgpt, row):
    play(fastgpt, row)


def test_a_first_start_is_waited_for_with_a_countdown_and_nothing_is_restarted(fastgpt):
    up(fastgpt)
    fastgpt.compose("rm", "-sf", MYSQL, ONE)
    shutil.rmtree(fastgpt.path("mysql"))
    fastgpt.path("mysql").mkdir()
    fastgpt.write("mysql/standin-seconds", "6")
    fastgpt.up(MYSQL, ONE)
    looping(fastgpt)
    found = judged(fastgpt)
    assert (found["status"], found["severity"]) == ("finding", "info"), found
    assert "at most" in found["title"]
    assert found["fix"]["safety"] == "safe"
    done = fastgpt.fix(CHECK, ONE)
    assert done.returncode == 0, done.stderr
    assert " s left)" in done.stderr
    served(fastgpt)
    # the Engine sets it back to 0 when somebody restarts by hand
    assert fastgpt.inspect(ONE)["RestartCount"] >= 2
    assert judged(fastgpt)["status"] == "ok"
    again = fastgpt.fix(CHECK, ONE)
    assert again.returncode == 0
    undone = fastgpt.stackops("undo", "--yes")
    assert undone.returncode == 5
    assert "nothing to take back" in undone.stderr


def test_one_that_gave_up_is_started_again_once_mysql_is_ready(fastgpt):
    up(fastgpt)
    docker("update", "--restart=no", ONE)
    docker("stop", "-t", "0", MYSQL)
    docker("restart", "-t", "0", ONE)
    wait_for(lambda: state(fastgpt)["Status"] == "exited")
    docker("start", MYSQL)
    wait_for(ready)
    wait_for(lambda: judged(fastgpt)["fix"] and "is ready now" in judged(fastgpt)["title"])
    mysql = state(fastgpt, MYSQL)["StartedAt"]
    done = fastgpt.fix(CHECK, ONE)
    assert done.returncode == 0, done.stderr
    served(fastgpt)
    assert state(fastgpt, MYSQL)["StartedAt"] == mysql
    assert judged(fastgpt)["status"] == "ok"
    docker("update", "--restart=always", ONE)


def test_a_new_channel_is_made_known_by_restarting_one_api_and_nothing_else(fastgpt):
    up(fastgpt)
    assert judged(fastgpt)["status"] == "ok"
    add_channel("m3e")
    assert '"m3e"' in request("/v1/models")[1], "the list comes from the database"
    status, text = request("/v1/embeddings", {"model": "m3e", "input": ["a"]})
    assert (status, "无可用渠道" in text) == (503, True), "the relay goes by memory"
    found = judged(fastgpt)
    assert found["status"] == "finding", found
    assert found["title"].endswith(": m3e")
    before = {name: state(fastgpt, name)["StartedAt"] for name in (ONE, MYSQL, "fastgpt")}
    done = fastgpt.fix(CHECK, ONE)
    assert done.returncode == 0, done.stderr
    after = {name: state(fastgpt, name)["StartedAt"] for name in before}
    assert [name for name in before if before[name] != after[name]] == [ONE]
    assert request("/v1/embeddings", {"model": "m3e", "input": ["a"]})[0] == 200
    proof = next(row for row in judged(fastgpt)["evidence"] if row["label"] == "process started")
    assert "api/status" in proof["source"]
    assert judged(fastgpt)["status"] == "ok"
    assert fastgpt.fix(CHECK, ONE).returncode == 0, "a second time there is nothing to do"
    assert state(fastgpt)["StartedAt"] == after[ONE]


def test_a_model_that_no_channel_offers_is_no_reason_to_restart(fastgpt):
    up(fastgpt)
    assert request("/v1/embeddings", {"model": "gml-4", "input": ["a"]})[0] == 503
    result = wait_for(lambda: (told := judged(fastgpt))["status"] == "ok" and told)
    assert "no restart helps with gml-4" in result["title"]


def test_a_changed_config_json_recreates_fastgpt_and_nothing_else(fastgpt):
    up(fastgpt)
    path = fastgpt.path("config.json")
    changed = path.read_text().replace('"gpt-3.5-turbo"', '"gpt-3.5-turbo-new"')
    other = fastgpt.write("config.json.new", changed)
    other.replace(path)  # as editors do: a new inode, which a restart would not show
    fastgpt.change_later("config.json", "fastgpt")
    found = judged(fastgpt, "fastgpt")
    assert (found["status"], found["severity"]) == ("finding", "warning")
    one = state(fastgpt)["StartedAt"]
    done = fastgpt.fix(CHECK, "fastgpt")
    assert done.returncode == 0, done.stderr
    assert "gpt-3.5-turbo-new" in docker("exec", "fastgpt", "cat", "/app/data/config.json")
    assert state(fastgpt)["StartedAt"] == one


def test_a_broken_config_json_is_told_and_fastgpt_left_alone(fastgpt):
    up(fastgpt)
    path = fastgpt.path("config.json")
    whole = path.read_text()
    path.write_text(whole.replace("{", "{ // mine\n", 1))
    fastgpt.change_later("config.json", "fastgpt")
    try:
        found = judged(fastgpt, "fastgpt")
        assert "could not read it" in found["title"]
        started = state(fastgpt, "fastgpt")["StartedAt"]
        assert fastgpt.fix(CHECK, "fastgpt").returncode == 5
        assert state(fastgpt, "fastgpt")["StartedAt"] == started
    finally:
        path.write_text(whole)


def test_a_wrong_key_of_fastgpt_is_one_trouble_that_names_its_place_and_a_right_one_ends_it(fastgpt):
    up(fastgpt)
    right, wrong = "CHAT_API_KEY=sk-fastgpt", "CHAT_API_KEY=sk-ofanothergateway"
    compose = fastgpt.path("docker-compose.yml")
    whole = compose.read_text()

    def told() -> set[str]:
        done = fastgpt.stackops("check", "--json")
        troubles = json.loads(done.stdout)["judgement"]["troubles"]
        assert "ofanothergateway" not in done.stdout + done.stderr
        return {one["check"] for one in troubles if one["subject"] == "fastgpt"
                and one["severity"] == "error"}  # fmt: skip

    # upstream's config.json offers more than these channels have, which One API's database tells with any key
    others = wait_for(lambda: (found := told()) == {"fastgpt.models"} and found)
    compose.write_text(whole.replace(right, wrong))
    fastgpt.up("fastgpt")
    try:
        wait_for(lambda: told() - others == {"fastgpt.token"})
        assert str(compose) in fastgpt.stackops("fix", "fastgpt.token", "fastgpt", "--dry-run").stderr
    finally:
        compose.write_text(whole)
        fastgpt.up("fastgpt")
    wait_for(lambda: "fastgpt.token" not in told())
