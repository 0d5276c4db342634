"""What is read of a mongod, how often, by which way, and that no mongod can hold up a look."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from stackops.console.collect.collector import Cadence, Collector, collect
from stackops.console.collect.mongo_state import alive, may_help, targets
from stackops.console.hosts import DatabaseTarget, HostError, MongoUnreachable
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import Container, NetworkLink, Port, Snapshot
from stackops.console.products.mongo import config_path
from support.fake_engine import container, container_id
from support.memory_host import until
from support.mongo_stack import APP, MONGO, SETTINGS, USERS, MongoStack, initiated
from support.mongod import Mongod
from support.mongod_bench import in_thread

ID = container_id("mongo")
LOCAL = {"address": "unix:///var/run/docker.sock", "local": True}


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("bash", "-c", "rm -f /data/db/mongod.lock; exec mongod --replSet rs0 --keyFile /k"), None),
        (("bash", "-c", "mongod & tail -f /dev/null"), None),
        (("bash", "-c", "until mongosh --eval 1; do :; done; chown -f 999 /k && mongod --auth"), None),
        (("sh", "-c", "pip --config /x; gosu mongodb mongod --bind_ip_all"), None),
        (("bash", "-c", "rm -f /x && mongod \\\n  --auth \\\n  -f /etc/mongod.conf"), "/etc/mongod.conf"),
        (("bash", "-c", "rm -f /x; exec docker-entrypoint.sh mongod --config=/etc/m.conf & tail -f /x"), "/etc/m.conf"),
        (("sh", "-c", 'exec "$@"', "x", "mongos", "-f", "/etc/m.conf"), "/etc/m.conf"),
        (("su", "mongodb", "-c", "/usr/bin/mongod -f /etc/m.conf"), "/etc/m.conf"),
        (("docker-entrypoint.sh", "mongod", "-f", "/etc/m.conf"), "/etc/m.conf"),
        (("docker-entrypoint.sh", "--config", "/etc/m.conf"), "/etc/m.conf"),
        (("-f", "/etc/m.conf"), "/etc/m.conf"),
        (("mongod -f /etc/m.conf",), "/etc/m.conf"),
        (("/start.sh", "-f", "/etc/m.conf"), "/etc/m.conf"),
    ],
)
def test_a_configuration_file_is_what_mongod_itself_is_given(words: tuple[str, ...], path: str | None) -> None:
    assert config_path(words) == path


def mongo(**more: Any) -> Container:
    return Container(**{"id": ID, "name": "mongo", "image": "mongo:5.0.18", "state": "running", **more})


def ways(container: Container, **where: Any) -> list[tuple[str, str]]:
    return [(target.via, target.address) for target in targets(container, **(LOCAL | where))]


def test_the_published_port_comes_first_then_the_address_then_the_shell() -> None:
    one = mongo(
        ports=(
            Port(27017, "tcp", "0.0.0.0", 27018),
            Port(27017, "tcp", "::", 27018),
            Port(9000, "tcp", "0.0.0.0", 9000),
        ),
        networks=(NetworkLink("a", "172.18.0.2"), NetworkLink("b", None)),
    )
    assert ways(one) == [
        ("published port", "127.0.0.1:27018"), ("container address", "172.18.0.2:27017"), ("exec", "127.0.0.1:27017"),
    ]  # fmt: skip


def test_a_port_published_on_one_address_is_asked_there() -> None:
    assert ways(mongo(ports=(Port(27017, "tcp", "192.168.1.5", 27017),)))[0] == ("published port", "192.168.1.5:27017")


def test_another_port_inside_and_the_hosts_network_are_followed() -> None:
    one = mongo(command=("mongod", "--port", "27099"), network_mode="host")
    assert ways(one)[0] == ("container address", "127.0.0.1:27099")
    assert ways(mongo(command=("mongod", "--port=27099"), ports=(Port(27017, "tcp", "", 1),)))[0][0] == "exec"


def test_of_an_engine_elsewhere_only_its_published_ports_are_reached() -> None:
    one = mongo(ports=(Port(27017, "tcp", "0.0.0.0", 27018),), networks=(NetworkLink("a", "172.18.0.2"),))
    assert ways(one, address="tcp://gpu.example.org:2376", local=False) == [
        ("published port", "gpu.example.org:27018"), ("exec", "127.0.0.1:27017"),
    ]  # fmt: skip
    assert ways(one, address="ssh://gpu.example.org", local=False) == [("exec", "127.0.0.1:27017")]


@pytest.mark.parametrize(
    ("troubles", "helps"),
    [
        ([], True),
        ([("container address", "silent")], True),
        ([("published port", "too-old")], True),
        ([("published port", "refused")], False),
        ([("published port", "reset"), ("container address", "refused")], False),
        ([("published port", "silent")], False),
    ],
)
def test_a_shell_is_only_started_where_the_network_was_the_trouble(
    troubles: list[tuple[str, str]], helps: bool
) -> None:
    assert may_help(troubles) is helps


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["mongod --replSet rs0"], True),
        (["/usr/bin/mongod --bind_ip_all"], True),
        (["bash -c docker-entrypoint.sh mongod", "sleep 2"], False),
        ([], False),
    ],
)
def test_a_mongod_is_told_by_its_program_and_not_by_a_word(lines: list[str], found: bool) -> None:
    import json

    table = {"Titles": ["PID", "CMD"], "Processes": [[str(n), line] for n, line in enumerate(lines)]}
    assert alive(json.dumps(table).encode()) is found
    assert alive(b"nonsense") is None


def test_a_mongod_behind_a_script_is_looked_for_in_the_process_list(tmp_path: Path) -> None:
    mongod = Mongod()
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod)
    tables = {"CMD": [["bash -c x"]]}

    async def top(container: str) -> bytes:
        import json

        return json.dumps({"Titles": ["CMD"], "Processes": tables["CMD"]}).encode()

    made.engine.top = top  # type: ignore[method-assign]
    assert (made.state.alive, made.state.trouble) == (False, "refused")
    tables["CMD"].append(["mongod --replSet rs0"])
    assert made.state.alive is True


def test_one_look_costs_no_more_than_the_deadline_whatever_hangs(tmp_path: Path) -> None:
    mongod = Mongod(repl_set="rs0", users=dict(USERS))
    mongod.slow = {"replSetGetStatus": 3600.0}
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod)
        snapshot = made.look()
        assert snapshot.mongos[0].ghost is True
        assert made.judge().status == "unknown"


def test_a_secret_file_that_hangs_keeps_nobody_from_being_asked(tmp_path: Path) -> None:
    """A dead network file system behind the secrets of one; the other has nothing to do with it."""
    come, reads = threading.Event(), list[str]()

    class Hanging(LocalFiles):
        def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
            reads.append(path)
            return come.wait(60) and b"" if path == "/mnt/dead/pw" else super().read(path, limit=limit)

    first, second = Mongod(names={"mongo"}), Mongod(names={"mongo2"})
    with in_thread(first, second):
        made = MongoStack(tmp_path, first, env={"MONGO_INITDB_ROOT_PASSWORD_FILE": "/run/secrets/pw"})
        secret = {"Type": "bind", "Source": "/mnt/dead/pw", "Destination": "/run/secrets/pw", "RW": False}
        made.engine.containers_by_id[MONGO]["Mounts"] = [secret]
        ports = {"27017/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(second.port)}]}
        other = container("mongo2", image="mongo:5.0.18", command=["mongod"], ports=ports)
        made.engine.containers_by_id[other["Id"]] = other
        made.host.files = Hanging()  # type: ignore[assignment]
        cadence = Cadence(second_sample=0.0, files_deadline=0.5)
        found = asyncio.run(collect(made.host, SETTINGS, cadence=cadence)).mongos  # type: ignore[arg-type]
        come.set()
    assert "/mnt/dead/pw" in reads
    assert {state.container: state.alive for state in found} == {MONGO: True, container_id("mongo2"): True}


def test_a_processor_that_cannot_be_read_keeps_nobody_from_being_asked(tmp_path: Path) -> None:
    def dead() -> frozenset[str]:
        raise HostError("/proc/cpuinfo is not answering")

    mongod = Mongod()
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod)
        made.host.kernel.features = dead  # type: ignore[union-attr]
        assert made.state.alive is True


def test_a_door_that_breaks_is_a_fault_and_no_more(tmp_path: Path) -> None:
    mongod = Mongod()
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod)

        async def broken(*_args: Any, **_more: Any) -> Any:
            raise ZeroDivisionError

        made.databases.ask_mongo = broken  # type: ignore[method-assign]
        snapshot = made.look()
    assert "mongo" in [fault.source for fault in snapshot.faults]
    assert snapshot.containers


def test_a_healthy_primary_is_asked_without_a_login_and_its_app_once(tmp_path: Path) -> None:
    """A collector at work: hello each time, one login in all, and no status at all."""
    mongod = Mongod(repl_set="rs0", names={"mongo"}, users=dict(USERS))
    mongod.set.election = 0.0
    initiated(mongod, "mongo:27017")
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod)
        asyncio.run(watch(made, 5))
    assert mongod.logins == 1
    assert mongod.commands.count("replSetGetStatus") == 0
    assert mongod.connections == 0


def test_wrong_credentials_are_tried_once_a_minute_at_most(tmp_path: Path) -> None:
    """fact: performance-and-safety S10: never lock an account."""
    mongod = Mongod(repl_set="rs0", users={("admin", "other"): "x"})
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod)
        asyncio.run(watch(made, 5))
        assert mongod.logins == 1
        made.clock.sleep(61.0)
        asyncio.run(watch(made, 2))
        assert mongod.logins == 2
    assert mongod.commands.count("replSetGetStatus") <= 2, "asked once without a login, then it is known to want one"


async def watch(made: MongoStack, rounds: int) -> None:
    """Let a collector ask that often."""
    seen: list[Snapshot] = []
    collector = Collector(made.host, SETTINGS, seen.append, cadence=Cadence(mongo=0.01, refresh_gap=0.001))  # type: ignore[arg-type]
    asked = 0
    real = made.databases.ask_mongo

    async def counted(target: DatabaseTarget, commands: Any, **more: Any) -> Any:
        nonlocal asked
        asked += list(commands) == ["hello"] and more.get("login") is None
        return await real(target, commands, **more)

    made.databases.ask_mongo = counted  # type: ignore[method-assign]
    task = asyncio.create_task(collector.run())
    try:
        await until(lambda: asked >= rounds)
        await asyncio.sleep(0.1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.databases.ask_mongo = real  # type: ignore[method-assign]
    assert seen[-1].mongos


def test_a_container_that_starts_is_asked_at_once(tmp_path: Path) -> None:
    mongod = Mongod(repl_set="rs0", users=dict(USERS))
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod)

        async def walk() -> None:
            seen: list[Snapshot] = []
            collector = Collector(made.host, SETTINGS, seen.append, cadence=Cadence(mongo=60.0, refresh_gap=0.001))  # type: ignore[arg-type]
            task = asyncio.create_task(collector.run())
            try:
                await until(lambda: seen and seen[-1].mongos)
                one = made.engine.containers_by_id[MONGO]
                one["State"].update(Status="exited", Running=False, Pid=0)
                made.engine.emit("die", MONGO)
                await until(lambda: not seen[-1].mongos)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(walk())


def test_without_a_mongod_nothing_is_asked(tmp_path: Path) -> None:
    mongod = Mongod()
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod)
        del made.engine.containers_by_id[MONGO]

        async def never(*_args: Any, **_more: Any) -> Any:
            raise MongoUnreachable("nobody is to be asked", "refused")

        made.databases.ask_mongo = never  # type: ignore[method-assign]
        snapshot = made.look()
    assert snapshot.mongos == ()
    assert snapshot.host.cpu_features is None
    assert [c.id for c in snapshot.containers] == [APP]
