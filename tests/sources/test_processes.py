"""Native processes of a stack, out of the process table."""

from __future__ import annotations

from stackops.console.collect.sources.meters import native
from stackops.console.hosts import ProcessRow


def row(pid: int, *command: str, ppid: int = 1, container: str | None = None, name: str | None = None) -> ProcessRow:
    shown = name or command[0].rpartition("/")[2]
    return ProcessRow(
        pid=pid, ppid=ppid, name=shown, command=command, started_at=1.0, user="root", container=container
    )  # fmt: skip


def pids(*rows: ProcessRow) -> list[int]:
    return [process.pid for process in native(rows)]


def test_a_process_inside_a_container_is_not_native() -> None:
    assert pids(row(5, "mongod", "--bind_ip_all", container="a" * 64), row(6, "/usr/bin/mongod")) == [6]


def test_the_launchers_of_librechat_are_not_listed_beside_it() -> None:
    table = (
        row(10, "npm run backend", name="npm run backend"),
        row(11, "sh", "-c", "cross-env NODE_ENV=production node api/server/index.js", ppid=10),
        row(12, "node", "/srv/LibreChat/node_modules/.bin/cross-env", "node", "api/server/index.js", ppid=11),
        row(13, "node", "api/server/index.js", ppid=12),
    )
    assert pids(*table) == [13]


def test_a_launcher_without_its_child_is_listed() -> None:
    assert pids(row(10, "npm run backend", name="npm run backend")) == [10]


def test_the_workers_of_a_server_are_not_listed_beside_it() -> None:
    table = (
        row(20, "/venv/bin/python", "/venv/bin/uvicorn", "openai_api:app"),
        row(21, "/venv/bin/python", "/venv/bin/uvicorn", "openai_api:app", ppid=20),
        row(30, "ollama", "serve"),
        row(31, "/usr/bin/ollama", "runner", "--model", "x", ppid=30),
        row(40, "postgres", "-D", "/data"),
        row(41, "postgres: checkpointer ", ppid=40, name="postgres"),
    )
    assert pids(*table) == [20, 30, 40]


def test_two_services_of_one_role_are_both_listed() -> None:
    assert pids(row(50, "vllm", "serve", "a"), row(51, "vllm", "serve", "b")) == [50, 51]


def test_a_table_read_while_ids_were_reused_does_not_go_round_for_ever() -> None:
    assert pids(row(60, "mongod", ppid=61), row(61, "bash", ppid=60)) == [60]


def test_foreign_text_of_the_process_table_is_cleaned() -> None:
    (found,) = native([row(70, "mongod", "\x1b[2J[/x]\x07", name="mongod\x1b]0;x\x07")])
    assert (found.name, found.command) == ("mongod", ("mongod", "[/x]"))
