"""The stand-in for mongod does what the fact sheet says of mongod: numbers, fields, lines, exits, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import NotPrimaryError, OperationFailure
from support import mongod as standin
from support.memory_host import until
from support.mongod import Mongod
from support.mongod_bench import Published, in_thread
from support.mongod_peers import elected
from support.mongod_start import Ended, Log, key_problem, take_machine

ROOT = {("admin", "root"): "p@ss:w/rd"}
CONFIG = {"_id": "rs0", "members": [{"_id": 0, "host": "mongo:27017"}]}
KEY = "A" * 1008


def client(mongod: Mongod, **more: Any) -> MongoClient[Any]:
    return MongoClient("127.0.0.1", mongod.port, directConnection=True, serverSelectionTimeoutMS=2000, **more)


def code_of(mongod: Mongod, command: dict[str, Any], **more: Any) -> int:
    """The number of what mongod answers, 0 for ok."""
    with client(mongod, **more) as one:
        try:
            one.admin.command(command)
        except OperationFailure as error:
            return error.code or -1
        except NotPrimaryError as error:
            return error.details["code"]  # type: ignore[index]
        return 0


def hello(mongod: Mongod) -> dict[str, Any]:
    with client(mongod) as one:
        return dict(one.admin.command("hello"))


def test_hello_tells_the_states_of_the_fact_sheet_apart() -> None:
    alone, ghost, whole = Mongod(), Mongod(repl_set="rs0"), Mongod(repl_set="rs0", names={"mongo"})
    whole.set.election = 0.0
    with in_thread(alone, ghost, whole):
        assert code_of(whole, {"replSetInitiate": CONFIG}) == 0
        told = hello(alone)
        assert (told["isWritablePrimary"], "setName" in told, "isreplicaset" in told) == (True, False, False)
        told = hello(ghost)
        assert (told["isWritablePrimary"], told["isreplicaset"], told["info"]) == (
            False, True, "Does not have a valid replica set config",
        )  # fmt: skip
        told = hello(whole)
        assert (told["setName"], told["isWritablePrimary"], told["hosts"]) == ("rs0", True, ["mongo:27017"])
        assert "isreplicaset" not in told


def test_status_and_initiate_answer_with_mongods_numbers() -> None:
    alone, ghost, bound = Mongod(), Mongod(repl_set="rs0", names={"mongo"}), Mongod(repl_set="rs0")
    with in_thread(alone, ghost, bound):
        assert code_of(alone, {"replSetGetStatus": 1}) == 76
        assert code_of(alone, {"replSetInitiate": CONFIG}) == 76
        assert code_of(ghost, {"replSetGetStatus": 1}) == 94
        assert code_of(ghost, {"replSetReconfig": CONFIG, "force": True}) == 94
        assert code_of(ghost, {"replSetInitiate": {**CONFIG, "_id": "rs1"}}) == 93
        assert code_of(ghost, {"replSetInitiate": {**CONFIG, "version": 2}}) == 93
        assert code_of(bound, {"replSetInitiate": CONFIG}) == 93, "its name does not lead to itself"
        two = [{"_id": 0, "host": "mongo:27017"}, {"_id": 1, "host": "other:27017"}]
        assert code_of(ghost, {"replSetInitiate": {"_id": "rs0", "members": two}}) == 74
        same = [{"_id": 0, "host": "mongo:27017"}, {"_id": 1, "host": f"mongo:{ghost.port}"}]
        assert code_of(ghost, {"replSetInitiate": {"_id": "rs0", "members": same}}) == 93
        assert code_of(ghost, {"replSetInitiate": CONFIG}) == 0
        assert code_of(ghost, {"replSetInitiate": CONFIG}) == 23
        assert code_of(ghost, {"noSuchCommand": 1}) == 59


def test_a_bare_initiate_takes_the_containers_id_and_a_new_container_is_removed(tmp_path: Path) -> None:
    first = Mongod(repl_set="rs0", names={"3f2a9c1b7d4e"}, hostname="3f2a9c1b7d4e", data=tmp_path)
    first.set.election = 0.0
    with in_thread(first):
        assert code_of(first, {"replSetInitiate": None}) == 0
        assert hello(first)["me"] == "3f2a9c1b7d4e:27017"
    second = Mongod(repl_set="rs0", names={"mongo"}, hostname="aaaaaaaaaaaa", data=tmp_path)
    with in_thread(second):
        assert 21405 in second.log.ids
        assert code_of(second, {"replSetGetStatus": 1}) == 93
        with client(second) as one:
            config = one.admin.command("replSetGetConfig")["config"]
        config["members"][0]["host"], config["version"] = "mongo:27017", config["version"] + 1
        assert code_of(second, {"replSetReconfig": config}) == 10107, "not without force, as it is no primary"
        wrong = {**config, "members": [{**config["members"][0], "host": "nobody:27017"}]}
        assert code_of(second, {"replSetReconfig": wrong, "force": True}) == 74
        assert code_of(second, {"replSetReconfig": {**config, "_id": "rs1"}, "force": True}) == 103
        assert code_of(second, {"replSetReconfig": config, "force": True}) == 0
        assert second.set.config is not None
        assert second.set.config["version"] > config["version"]
        assert second.set.config["settings"]["replicaSetId"] == config["settings"]["replicaSetId"]


def test_a_safe_reconfig_wants_a_higher_version_and_the_same_ids() -> None:
    mongod = Mongod(repl_set="rs0", names={"mongo", "other"})
    mongod.set.election = 0.0
    with in_thread(mongod):
        assert code_of(mongod, {"replSetInitiate": CONFIG}) == 0
        with client(mongod) as one:
            config = one.admin.command("replSetGetConfig")["config"]
        assert code_of(mongod, {"replSetReconfig": config}) == 103
        moved = [{**config["members"][0], "_id": 7}]
        assert code_of(mongod, {"replSetReconfig": {**config, "version": 2, "members": moved}}) == 103
        renamed = [{**config["members"][0], "host": "other:27017"}]
        assert code_of(mongod, {"replSetReconfig": {**config, "version": 2, "members": renamed}}) == 0


def test_the_election_takes_its_time_and_needs_a_majority() -> None:
    mongod = Mongod(repl_set="rs0", names={"mongo"})
    mongod.set.election = 3600.0
    with in_thread(mongod):
        code_of(mongod, {"replSetInitiate": CONFIG})
        assert mongod.set.state == 5
        assert hello(mongod)["isWritablePrimary"] is False
        mongod.set.election, mongod.set.others_down = 0.0, True
        assert (mongod.set.state, hello(mongod)["secondary"]) == (2, True)
        mongod.set.others_down = False
        assert mongod.set.state == 1


def test_a_set_name_that_differs_from_the_stored_one_is_21406_and_93(tmp_path: Path) -> None:
    first = Mongod(repl_set="rs0", names={"mongo"}, data=tmp_path)
    with in_thread(first):
        code_of(first, {"replSetInitiate": CONFIG})
    second = Mongod(repl_set="rs1", names={"mongo"}, data=tmp_path)
    with in_thread(second):
        assert 21406 in second.log.ids
        assert code_of(second, {"replSetGetStatus": 1}) == 93


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", "DEFAULT"])
@pytest.mark.parametrize("version", ["4.4.29", "8.0.17"])
def test_a_real_driver_logs_in_and_checks_the_servers_signature(mechanism: str, version: str) -> None:
    mongod = Mongod(repl_set="rs0", users=ROOT, version=version)
    with in_thread(mongod):
        login = {"username": "root", "password": "p@ss:w/rd", "authMechanism": mechanism}
        assert code_of(mongod, {"replSetGetStatus": 1}, **login) == 94
        assert code_of(mongod, {"replSetGetStatus": 1}) == 13
        assert mongod.logins == 1
        for wrong in ({"password": "x"}, {"username": "nobody"}, {"authSource": "fastgpt"}):
            assert code_of(mongod, {"replSetGetStatus": 1}, **{**login, **wrong}) == 18
        assert mongod.logins == 4
        assert (20249 if version.startswith("4") else 5286307) in mongod.log.ids


def test_a_user_without_rights_is_13_although_logged_in() -> None:
    mongod = Mongod(repl_set="rs0", users={("admin", "reader"): "pw"}, readers={"reader"})
    with in_thread(mongod):
        assert code_of(mongod, {"replSetGetStatus": 1}, username="reader", password="pw") == 13


def test_the_localhost_exception_lasts_while_there_is_no_user() -> None:
    mongod = Mongod(repl_set="rs0", key_file=None, auth=None)
    mongod.auth = True
    with in_thread(mongod):
        assert code_of(mongod, {"replSetGetStatus": 1}) == 13
        mongod.localhost_exception = True
        assert code_of(mongod, {"replSetGetStatus": 1}) == 94
        mongod.users[("admin", "root")] = "pw"
        assert code_of(mongod, {"replSetGetStatus": 1}) == 13


async def test_old_drivers_shake_hands_by_op_query_and_get_no_further() -> None:
    async with Mongod() as mongod:
        told = await by_op_query(mongod.port, {"isMaster": 1})
        assert (told["ismaster"], told["maxWireVersion"]) == (True, 13)
        assert (await by_op_query(mongod.port, {"ping": 1}))["code"] == 352


async def by_op_query(port: int, document: dict[str, Any]) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = struct.pack("<i", 0) + b"admin.$cmd\0" + struct.pack("<ii", 0, -1) + bson.encode(document)
    writer.write(struct.pack("<iiii", 16 + len(body), 1, 0, 2004) + body)
    head = await reader.readexactly(16)
    length, _, response_to, opcode = struct.unpack("<iiii", head)
    rest = await reader.readexactly(length - 16)
    writer.close()
    assert (response_to, opcode) == (1, 1)
    return bson.decode(rest[20:])


async def test_bytes_that_are_no_frame_end_the_connection() -> None:
    async with Mongod() as mongod:
        reader, writer = await asyncio.open_connection("127.0.0.1", mongod.port)
        writer.write(b"\0\0\0\x08\x04\xd2\x16\x2f")  # PostgreSQL's SSLRequest
        assert await reader.read() == b""
        writer.close()


async def test_http_is_told_that_it_is_wrong_here() -> None:
    async with Mongod() as mongod:
        reader, writer = await asyncio.open_connection("127.0.0.1", mongod.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"MongoDB over HTTP" in await reader.read()
        writer.close()


async def test_the_asynchronous_driver_speaks_to_it_too() -> None:
    async with Mongod(users=ROOT) as mongod:
        url = f"mongodb://root:p%40ss%3Aw%2Frd@127.0.0.1:{mongod.port}/?directConnection=true"
        async with AsyncMongoClient(url) as one:
            assert (await one.admin.command("ping"))["ok"] == 1


def test_first_boot_hangs_up_outside_and_is_a_standalone_inside(tmp_path: Path) -> None:
    """fact: the temporary mongod listens on loopback, without --replSet and --auth; the published port hangs up."""
    mongod = Mongod(repl_set="rs0", data=tmp_path)

    async def walk() -> None:
        async with Published(lambda: mongod.port or 1) as published:
            looked = asyncio.Event()
            boot = asyncio.create_task(mongod.first_boot("root", "pw", looked.wait()))
            await until(lambda: mongod.inside_port)
            with pytest.raises(ConnectionResetError):
                await knock(published.port)
            async with AsyncMongoClient("127.0.0.1", mongod.inside_port, directConnection=True) as inside:
                assert (await inside.admin.command("hello"))["isWritablePrimary"] is True
                with pytest.raises(OperationFailure) as refused:
                    await inside.admin.command({"replSetInitiate": CONFIG})
            assert refused.value.code == 76
            looked.set()
            await boot
            async with AsyncMongoClient("127.0.0.1", published.port, directConnection=True) as outside:
                assert (await outside.admin.command("hello"))["isreplicaset"] is True
        await mongod.stop()

    asyncio.run(walk())
    assert mongod.users == {("admin", "root"): "pw"}
    assert Mongod(repl_set="rs0", data=tmp_path).auth, "the user is in the data folder"


async def knock(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await reader.read(1)
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (KEY, 0o400, None),
        (KEY, 0o600, None),
        (KEY, 0o440, (30, "too open")),
        (KEY, 0o401, (30, "too open")),
        (KEY, 0o000, (30, "bad file")),
        ("", 0o400, (12, "Only strings")),
        ("not base64!", 0o400, (12, "invalid char")),
        ("short", 0o400, (2, "length 5")),
        ("A" * 1025, 0o400, (2, "length 1025")),
        (f"- {KEY}\n- {KEY}\n", 0o400, None),
    ],
)
def test_the_rules_of_the_key_file(tmp_path: Path, content: str, mode: int, problem: tuple[int, str] | None) -> None:
    path = tmp_path / "mongodb.key"
    path.write_text(content)
    path.chmod(mode)
    found = key_problem(str(path), os.getuid())
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert (found[0], problem[1] in found[2]) == (problem[0], True)


def test_a_directory_is_too_open_and_a_missing_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir(mode=0o755)
    assert (key_problem(str(tmp_path / "key"), 0) or (0, "", ""))[2].endswith("too open")
    assert "No such file" in (key_problem(str(tmp_path / "none"), 0) or (0, "", ""))[2]


async def test_a_bad_key_file_ends_mongod_with_1_and_two_lines(tmp_path: Path) -> None:
    mongod = Mongod(repl_set="rs0", key_file=str(tmp_path / "none"))
    with pytest.raises(Ended) as ended:
        await mongod.start()
    assert (ended.value.code, mongod.log.ids) == (1, [20254, 20575])


async def test_a_set_with_users_and_no_key_file_ends_with_2() -> None:
    with pytest.raises(Ended) as ended:
        await Mongod(repl_set="rs0", auth=True).start()
    assert ended.value.code == 2


async def test_files_of_another_version_end_it_with_62(tmp_path: Path) -> None:
    async with Mongod(version="4.4.29", data=tmp_path):
        pass
    async with Mongod(version="5.0.18", data=tmp_path):
        pass
    mongod = Mongod(version="7.0.9", data=tmp_path)
    with pytest.raises(Ended) as ended:
        await mongod.start()
    assert (ended.value.code, mongod.log.ids) == (62, [20573])


def test_as_a_program_it_boots_twice_and_logs_json_with_ids(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "MONGO_INITDB_ROOT_USERNAME": "root", "MONGO_INITDB_ROOT_PASSWORD": "pw"}
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o400)
    argv = [sys.executable, standin.__file__, "--port", str(port), "--replSet", "rs0", "--keyFile", str(key),
            "--dbpath", str(tmp_path / "db"), "--first-boot", "0.1", "--bind_ip", "127.0.0.1"]  # fmt: skip
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = []
        while not lines or "init process complete" not in "".join(lines) or '"id": 23016' not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        assert [json.loads(line)["id"] for line in lines if line.startswith("{")][-1] == 23016
        url = f"mongodb://root:pw@127.0.0.1:{port}/?directConnection=true"
        with MongoClient(url, serverSelectionTimeoutMS=3000) as one, pytest.raises(OperationFailure) as refused:
            one.admin.command("replSetGetStatus")
        assert refused.value.code == 94
    finally:
        process.kill()
        process.wait()


# ---- the machine, and more members -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "env", "code", "said"),
    [
        ("5.0.18", {"STANDIN_PROCESSOR": "no-avx"}, 132, "requires a CPU with AVX support"),
        ("8.0.28", {"STANDIN_KERNEL": "6.19.3-061903-generic"}, 1, '"id": 12257600'),
        ("8.0.28", {"STANDIN_KERNEL": "7.0.13"}, 1, '"id": 12257600'),
    ],
)
def test_a_machine_that_it_does_not_run_on_ends_it(version: str, env: dict[str, str], code: int, said: str) -> None:
    lines: list[str] = []
    with pytest.raises(Ended) as ended:
        take_machine(version, Log(lines.append), env)
    assert ended.value.code == code
    assert said in lines[0]


@pytest.mark.parametrize(
    ("version", "env"),
    [
        ("4.4.29", {"STANDIN_PROCESSOR": "no-avx"}), ("7.0.9", {"STANDIN_KERNEL": "6.19.3"}),
        ("8.0.28", {"STANDIN_KERNEL": "7.0.14"}), ("8.0.28", {"STANDIN_KERNEL": "6.18.9"}), ("8.0.28", {}),
    ],
)  # fmt: skip
def test_every_other_machine_suits_it(version: str, env: dict[str, str]) -> None:
    take_machine(version, Log(lambda _line: None), env)


@pytest.mark.parametrize(
    ("own", "there", "members", "primary"),
    [(0, [], 1, True), (0, [], 2, False), (0, [1], 2, True), (1, [0], 2, False), (1, [2], 3, True), (2, [1], 3, False)],
)
def test_a_majority_elects_its_lowest_member(own: int, there: list[int], members: int, primary: bool) -> None:
    assert elected(own, there, members) is primary
