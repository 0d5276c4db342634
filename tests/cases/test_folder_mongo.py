"""Reports about MongoDB, written anew as folders of which nothing runs, and what the command says of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.folders import judged

Found = dict[str, dict[str, Any]]
Judge = Callable[..., Found]
GOOD_KEY = "QSBrZXkgb2YgYSB0ZXN0IGFuZCBvZiBub2JvZHk="


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """What ``check --project-dir`` finds or cannot tell in a folder, by check; its files are modes 0400."""

    def call(compose: str, files: Mapping[str, str] | None = None) -> Found:
        modes = dict.fromkeys(("docker-compose.yml", *(files or ())), 0o400)
        _, results = judged(tmp_path, compose, files, modes, ("finding", "unknown"))
        return {one["check"]: one for one in results}

    return call


# ---- key files -------------------------------------------------------------------------------------------------------


def mongo(command: str, *volumes: str, more: str = "") -> str:
    listed = "".join(f"\n      - {volume}" for volume in volumes)
    return f"""services:
  mongo:
    image: mongo:6.0
    command: {command}
    volumes:{listed or " []"}
{more}"""


MADE = "Docker makes a directory of that name when the container is started, and mongod needs a file there"
REFUSED, ENDS = "Docker does not start the container without it", "mongod ends at once without its key file"
LONG = "{type: bind, source: ./rs.key, target: /etc/rs.key, read_only: true}"
CONF = "security:\n  keyFile: /etc/keys/of-config\nreplication:\n  replSetName: rs0\n"


@pytest.mark.parametrize(
    ("compose", "missing", "why"),
    [
        (mongo("--dbpath /srv/mongo --replSet rs0 --keyFile /srv/k", "./k:/srv/k:ro"), "k", MADE),
        (mongo('["mongod", "--dbpath=/data/mongo", "--keyFile", "/data/rs.key"]', "./rs.key:/data/rs.key"),
         "rs.key", MADE),
        (mongo("--replSet rs0 --keyFile /data/deep/down/theKey", "./deep/down/theKey:/data/deep/down/theKey"),
         "deep/down/theKey", MADE),
        (mongo("--replSet rs0 --keyFile /etc/keys/副本", "./密钥:/etc/keys"), "密钥/副本", ENDS),
        (mongo("mongod --replSet rs0 --keyFile=/etc/rs.key", LONG), "rs.key", REFUSED),
        (mongo("--config /etc/mongod.conf", "./mongod.conf:/etc/mongod.conf", "./keys:/etc/keys"),
         "keys/of-config", ENDS),
        (mongo('bash -c "cp /run/a /data/b && chown 999 /data/b && exec docker-entrypoint.sh mongod --keyFile /data/b"',
               "./a:/run/a"), "a", MADE),
        (mongo('bash -c "install -m 400 -o 999 /run/a.key /data/ && mongod --keyFile /data/a.key --dbpath /var/mongo"',
               "./a.key:/run/a.key"), "a.key", MADE),
    ],
)  # fmt: skip
def test_a_key_file_that_is_not_there_yet_will_be_a_directory(
    judge: Judge, compose: str, missing: str, why: str
) -> None:
    found = judge(compose, {"mongod.conf": CONF})["mongo.keyfile"]
    assert (found["status"], found["severity"], found["form"]) == ("finding", "error", "missing")
    assert f"/{missing} does not exist yet" in found["title"]
    assert why in found["because"]


@pytest.mark.parametrize(
    "line",
    [
        "cp /data/replicaset.key.devel /data/replica.key",
        "cp -p '/data/replicaset.key.devel' /data/replica.key",
        "cat /data/replicaset.key.devel > /data/replica.key",
        "install -m 400 -o 999 -g 999 /data/replicaset.key.devel /data/replica.key",
    ],
)
def test_a_start_script_that_copies_another_name_is_told_the_right_one(judge: Judge, line: str) -> None:
    compose = f"""services:
  mongodb:
    image: mongo:5.0.18
    volumes: ["./replica.key:/data/replica.key.devel"]
    entrypoint:
      - sh
      - -c
      - |
        {line}
        chmod 400 /data/replica.key; chown 999:999 /data/replica.key
        exec docker-entrypoint.sh mongod --replSet rs01 --keyFile /data/replica.key
"""
    found = judge(compose, {"replica.key": GOOD_KEY})["mongo.keyfile"]
    assert (found["severity"], found["form"]) == ("error", "wrong-copy")
    assert "/data/replicaset.key.devel" in found["title"]
    assert "/data/replica.key.devel" in found["because"]


@pytest.mark.parametrize(
    "compose",
    [
        mongo("--keyFile /data/configdb/k --replSet rs0 --dbpath /data/mongo", "./k:/data/configdb/k"),
        mongo("-f /etc/mongod.conf", "./good.conf:/etc/mongod.conf", "./k:/data/configdb/k"),
        mongo('bash -c "cp /run/k /data/b && chown 999 /data/b && exec docker-entrypoint.sh mongod --keyFile /data/b"',
              "./k:/run/k"),
        mongo('bash -c "openssl rand -base64 756 > /data/db/k && chmod 400 /data/db/k && mongod --keyFile /data/db/k"',
              "./db:/data/db"),
        mongo("--replSet rs0"),
        mongo("mongosh --host mongo --eval 'rs.status()'"),
        mongo('["mongodump", "--uri", "mongodb://mongo", "--out", "/data/mongod"]'),
    ],
)  # fmt: skip
def test_a_key_file_that_is_good_or_not_asked_for_is_no_finding(judge: Judge, compose: str) -> None:
    found = judge(compose, {"k": GOOD_KEY, "good.conf": CONF.replace("etc/keys/of-config", "data/configdb/k")})
    assert "mongo.keyfile" not in found, found


# ---- releases, users and sets ----------------------------------------------------------------------------------------


def fastgpt(image: str, *, command: str = "", uri: str = "mongodb://u1:p1234567@mongo:27017/x?authSource=admin") -> str:
    return f"""services:
  mongo:
    image: mongo:5.0.18
    {command}
    environment: &login
      MONGO_INITDB_ROOT_USERNAME: u1
      MONGO_INITDB_ROOT_PASSWORD: p1234567
  fastgpt:
    image: {image}
    environment:
      MONGODB_URI: {uri}
"""


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/labring/fastgpt:latest", "registry.cn-hangzhou.aliyuncs.com/fastgpt/fastgpt", "labring/fastgpt:latest",
        "localhost:5000/fastgpt", "ghcr.io/labring/fastgpt:v4.8.20",
    ],
)  # fmt: skip
def test_a_standalone_is_not_enough_for_the_newest_fastgpt_either(judge: Judge, image: str) -> None:
    found = judge(fastgpt(image))["mongo.replica-set"]
    assert (found["severity"], found["form"]) == ("error", "standalone")
    assert ("release assumed" in found["because"]) is ("v4" not in image)


@pytest.mark.parametrize(
    "compose",
    [
        fastgpt("ghcr.io/labring/fastgpt:v4.6.7"),
        fastgpt("ghcr.io/labring/fastgpt:latest", command="command: --replSet rs0 --keyFile /data/configdb/k"),
        fastgpt(f"ghcr.io/labring/fastgpt@sha256:{'a' * 64}"),
        fastgpt("ghcr.io/danny-avila/librechat:latest"),
        fastgpt("ghcr.io/labring/fastgpt:latest", command="volumes: ['./c:/etc/c']\n    command: mongod -f /etc/c"),
    ],
)
def test_a_set_an_older_release_or_an_unknown_one_is_no_standalone(judge: Judge, compose: str) -> None:
    found = judge(compose, {"c": "replication: {replSetName: rs0}\nsecurity: {keyFile: /data/configdb/k}\n"})
    assert "mongo.replica-set" not in found, found


@pytest.mark.parametrize(
    "mongo",
    [
        'command: ["--replSet", "rs0", "--bind_ip_all"]',
        "command: mongod --replSet=rs0",
        "command: mongod --config /etc/c\n    volumes: ['./c:/etc/c']",
        "command: bash -c 'exec docker-entrypoint.sh mongod --replSet rs0'",
    ],
)
def test_a_set_with_users_and_without_a_key_file(judge: Judge, mongo: str) -> None:
    compose = fastgpt("ghcr.io/labring/fastgpt:v4.8.20", command=mongo)
    found = judge(compose, {"c": "replication:\n  replSetName: rs0\n"})["mongo.root-user"]
    assert (found["severity"], found["form"]) == ("error", "key-required")
    assert "--keyFile" in found["title"]


@pytest.mark.parametrize(
    "mongo",
    [
        "command: /bin/bash -c 'mongod --keyFile /data/k --replSet rs0 --bind_ip_all'",
        "entrypoint: [mongod, --bind_ip_all]",
        "entrypoint: [bash, -c]\n    command: ['chown 999 /data/k; exec /usr/bin/mongod --bind_ip_all']",
    ],
)
def test_a_root_user_that_nobody_makes(judge: Judge, mongo: str) -> None:
    found = judge(fastgpt("ghcr.io/labring/fastgpt:v4.6.7", command=mongo))["mongo.root-user"]
    assert (found["severity"], found["form"]) == ("error", "never-made")
    assert "MONGO_INITDB_ROOT_USERNAME" in found["title"]


# ---- how addresses are written ---------------------------------------------------------------------------------------


def app(image: str, environment: str, *, more: str = "") -> str:
    return f"""x-shared: &shared
  PG_URL: postgresql://u:hush#2@pg:5432/postgres
services:
  app:
    image: {image}
    {environment}
    {more}
"""


ONE_API, FASTGPT = "justsong/one-api:v0.6.6", "ghcr.io/labring/fastgpt:v4.8.20"


@pytest.mark.parametrize(
    ("compose", "variable", "says"),
    [
        (app(ONE_API, "environment:\n      - SQL_DSN=root:hush@mysql:3306/oneapi"), "SQL_DSN", "tcp(host:port)"),
        (app(ONE_API, "environment: {SQL_DSN: 'root:hush@tcp(mysql:3306)oneapi'}"), "SQL_DSN", "no / before"),
        (app(ONE_API, "env_file: ./app.env"), "SQL_DSN", "character 33 of SQL_DSN is & and should be ?"),
        (app(FASTGPT, "environment: {<<: *shared}"), "PG_URL", "# as %23"),
        (app(FASTGPT, "environment: ['PG_URL=postgresql：//u:hush@pg:5432/x']"), "PG_URL", "full-width"),
        (app(FASTGPT, "environment: {REDIS_URL: '${REDIS:-redis://:hu%sh@redis:6379}'}"), "REDIS_URL", "% as %25"),
        (app(FASTGPT, "environment: {MONGODB_URI: 'mongodb+srv://u:hu/sh@c0.example.net/x'}"), "MONGODB_URI",
         "/ as %2F"),
        (app("calciumion/new-api", "environment: ['REDIS_CONN_STRING=redis:6379']"), "REDIS_CONN_STRING",
         "redis://"),
    ],
)  # fmt: skip
def test_an_address_that_is_not_written_as_one(judge: Judge, compose: str, variable: str, says: str) -> None:
    found = judge(compose, {"app.env": "SQL_DSN=root:hush@tcp(mysql:3306)/oneapi&charset=utf8mb4\n"})["wiring.dsn"]
    assert (found["severity"], found["form"]) == ("error", "written")
    assert variable in found["title"]
    told = f"{found['title']} {found['because']} {found['fix']['summary']}"
    assert says in told
    assert not any(secret in json.dumps(found) for secret in ("hush", "hu%sh", "hu/sh", "root:"))


@pytest.mark.parametrize("character", [*"/?#[]@%: "])
def test_every_raw_character_in_a_login_of_mongodb_is_named(judge: Judge, character: str) -> None:
    uri = f"mongodb://root:hush{character}xyz@mongo:27017/fastgpt?authSource=admin"
    found = judge(fastgpt("ghcr.io/labring/fastgpt:v4.6.7", uri=f'"{uri}"'))["mongo.replica-set"]
    assert (found["severity"], found["form"]) == ("error", "app-unescaped")
    assert f"%{ord(character):02X}" in found["because"]
    assert "hush" not in json.dumps(found)


BITNAMI = """services:
  mongodb:
    image: docker.io/bitnami/mongodb:7.0
    environment:
      - MONGODB_ROOT_USER=root
      - MONGODB_ROOT_PASSWORD=hush-one{more}
  fastgpt:
    image: ghcr.io/labring/fastgpt:v4.8.20
    environment: ["MONGODB_URI=mongodb://{login}@mongodb:27017/fastgpt?authSource=admin"]
"""
SET = "\n      - MONGODB_REPLICA_SET_MODE=primary\n      - MONGODB_REPLICA_SET_KEY=abcdef123456"


def test_bitnamis_image_makes_a_set_by_a_variable(judge: Judge) -> None:
    assert set(judge(BITNAMI.format(more=SET, login="root:hush-one"))) <= {"host.sizing"}


def test_bitnamis_image_without_that_variable_is_a_standalone_that_no_command_makes_a_set(judge: Judge) -> None:
    found = judge(BITNAMI.format(more="", login="root:hush-one"))["mongo.replica-set"]
    assert (found["form"], found["fix"]["safety"]) == ("standalone", "manual")


def test_bitnamis_login_is_compared_as_well(judge: Judge) -> None:
    found = judge(BITNAMI.format(more=SET, login="username:password"))["wiring.login"]
    assert (found["severity"], found["form"]) == ("error", "user")
    assert "MONGODB_ROOT_USER" in found["because"]
    assert "root" in found["title"]
    assert "hush-one" not in json.dumps(found)
