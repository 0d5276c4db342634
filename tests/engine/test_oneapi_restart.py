"""oneapi.restart on the real FastGPT v4.7 compose file: broken by hand, repaired by command, judged from outside."""

from __future__ import annotations

import json

import pytest
from support.stacks import docker, wait_for

CHECK, ONE = "oneapi.restart", "oneapi"
PASSWORD = "oneapimmysql"
REQUEST = "2024041602103912345678"


@pytest.fixture
def fastgpt(stack):
    """FastGPT v4.7 with One API and MySQL; MySQL's data folder is empty."""
    made = stack("fastgpt/v4.7", "docker-compose.yml", "config.json")
    for folder in ("mysql", "oneapi"):
        made.path(folder).mkdir()
    models(made, "gpt-3.5-turbo")
    return made


def models(stack, *names: str) -> None:
    """The database's models, as /v1/models tells them."""
    rows = [{"id": name, "object": "model"} for name in names]
    stack.write("oneapi/models.json", json.dumps({"object": "list", "data": rows}))


def slow(stack, seconds: int) -> None:
    """How long MySQL's first start takes."""
    stack.write("mysql/standin-seconds", str(seconds))


def state(stack, name: str = ONE):
    return stack.inspect(name)["State"]


def up(stack) -> None:
    stack.up("mysql", ONE, "fastgpt")
    wait_for(lambda: "token encoders initialized" in stack.logs(ONE), 40)


def looping(stack) -> None:
    wait_for(lambda: state(stack)["Status"] == "restarting" and stack.inspect(ONE)["RestartCount"] >= 2, 30)


def judged(stack, subject: str = ONE):
    result = stack.result(CHECK, subject)
    assert PASSWORD not in json.dumps(result)
    return result


def test_a_first_start_is_waited_for_with_a_countdown_and_nothing_is_restarted(fastgpt):
    slow(fastgpt, 6)
    fastgpt.up("mysql", ONE)
    looping(fastgpt)
    found = judged(fastgpt)
    assert (found["status"], found["severity"]) == ("finding", "info"), found
    assert "at most" in found["title"]
    assert found["fix"]["safety"] == "safe"
    done = fastgpt.fix(CHECK, ONE)
    assert done.returncode == 0, done.stderr
    assert " s left)" in done.stderr
    assert state(fastgpt)["Status"] == "running"
    # the Engine sets it back to 0 when somebody restarts by hand
    assert fastgpt.inspect(ONE)["RestartCount"] >= 2
    assert judged(fastgpt)["status"] == "ok"
    again = fastgpt.fix(CHECK, ONE)
    assert again.returncode == 0
    undone = fastgpt.stackops("undo", "--yes")
    assert undone.returncode == 5
    assert "nothing to take back" in undone.stderr


def wrong_port(stack) -> None:
    edit(stack, "tcp(mysql:3306)", "tcp(mysql:33066)")
    edit(stack, "3306:3306", "33066:3306")


def wrong_host(stack) -> None:
    edit(stack, "tcp(mysql:3306)", "tcp(db:3306)")


def edit(stack, old: str, new: str) -> None:
    path = stack.path("docker-compose.yml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def dies_of(words: str):
    return lambda stack: stack.write("oneapi/standin-error", words)


NEVER = {
    "host port": (wrong_port, "but it listens on 3306", "put mysql:3306 in place of mysql:33066"),
    "wrong host": (wrong_host, "a name that nobody has: db", "there is: mysql"),
    "1130": (dies_of("Error 1130: Host '172.19.0.6' is not allowed to connect to this MySQL server"), "1130", "grant"),
    "1045": (dies_of("Error 1045 (28000): Access denied for user 'root'@'172.19.0.6' (using password: YES)"), "1045",
             "Correct SQL_DSN"),
    "1049": (dies_of("Error 1049 (42000): Unknown database 'oneapi'"), "1049", "CREATE DATABASE"),
    "offline": (lambda stack: stack.write("oneapi/standin-offline", ""), "without the internet", "TIKTOKEN_CACHE_DIR"),
}  # fmt: skip


@pytest.mark.parametrize("name", NEVER)
def test_what_will_never_come_up_is_explained_and_not_restarted(fastgpt, name):
    break_it, title, way_out = NEVER[name]
    break_it(fastgpt)
    fastgpt.up("mysql", ONE)
    wait_for(lambda: "port: 3306" in fastgpt.logs("mysql"))
    looping(fastgpt)
    found = wait_for(lambda: (r := judged(fastgpt))["status"] == "finding" and r)
    assert (found["severity"], found["fix"]["safety"]) == ("error", "manual")
    assert title in found["title"]
    told = fastgpt.fix(CHECK, ONE)
    assert told.returncode == 5
    assert way_out in told.stdout + told.stderr
    assert PASSWORD not in told.stdout + told.stderr


def test_one_that_gave_up_is_started_again_once_mysql_is_ready(fastgpt):
    up(fastgpt)
    docker("update", "--restart=no", ONE)
    docker("stop", "-t", "0", "mysql")
    docker("restart", "-t", "0", ONE)
    wait_for(lambda: state(fastgpt)["Status"] == "exited")
    docker("start", "mysql")
    wait_for(lambda: judged(fastgpt)["fix"] and "is ready now" in judged(fastgpt)["title"])
    mysql = state(fastgpt, "mysql")["StartedAt"]
    done = fastgpt.fix(CHECK, ONE)
    assert done.returncode == 0, done.stderr
    assert state(fastgpt)["Status"] == "running"
    assert state(fastgpt, "mysql")["StartedAt"] == mysql
    assert judged(fastgpt)["status"] == "ok"


def asked_for(model: str) -> None:
    """What One API prints when the relay has no channel."""
    lines = (
        f"[ERR] 2024/04/16 - 02:10:39 | {REQUEST} | 当前分组 default 下对于模型 {model} 无可用渠道",
        f"[GIN] 2024/04/16 - 02:10:39 | {REQUEST} | 503 |    1.298451ms |      172.18.0.6 |    POST /v1/embeddings",
    )
    for line in lines:
        docker("exec", ONE, "sh", "-c", f"echo '{line}' > /proc/1/fd/1")


def test_a_new_channel_is_made_known_by_restarting_one_api_and_nothing_else(fastgpt):
    up(fastgpt)
    assert judged(fastgpt)["status"] == "ok"
    models(fastgpt, "gpt-3.5-turbo", "m3e")
    asked_for("m3e")
    found = judged(fastgpt)
    assert found["status"] == "finding", found
    assert found["title"].endswith(": m3e")
    before = {name: state(fastgpt, name)["StartedAt"] for name in (ONE, "mysql", "fastgpt")}
    done = fastgpt.fix(CHECK, ONE)
    assert done.returncode == 0, done.stderr
    after = {name: state(fastgpt, name)["StartedAt"] for name in before}
    assert [name for name in before if before[name] != after[name]] == [ONE]
    proof = next(row for row in judged(fastgpt)["evidence"] if row["label"] == "process started")
    assert "api/status" in proof["source"]
    assert judged(fastgpt)["status"] == "ok"
    assert fastgpt.fix(CHECK, ONE).returncode == 0, "a second time there is nothing to do"
    assert state(fastgpt)["StartedAt"] == after[ONE]


def test_a_model_that_no_channel_offers_is_no_reason_to_restart(fastgpt):
    up(fastgpt)
    asked_for("gml-4")
    result = judged(fastgpt)
    assert result["status"] == "ok"
    assert "no restart helps with gml-4" in result["title"]


def test_a_changed_config_json_recreates_fastgpt_and_nothing_else(fastgpt):
    up(fastgpt)
    path = fastgpt.path("config.json")
    changed = path.read_text().replace('"gpt-3.5-turbo"', '"gpt-3.5-turbo-new"')
    other = fastgpt.write("config.json.new", changed)
    other.replace(path)  # as editors do: a new inode, which a restart would not show
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
    path.write_text(path.read_text().replace("{", "{ // mine\n", 1))
    found = judged(fastgpt, "fastgpt")
    assert "could not read it" in found["title"]
    started = state(fastgpt, "fastgpt")["StartedAt"]
    assert fastgpt.fix(CHECK, "fastgpt").returncode == 5
    assert state(fastgpt, "fastgpt")["StartedAt"] == started
