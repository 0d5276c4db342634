"""Facts of mounted files and of key files: which paths are looked at, and what is said of them."""

# ruff: noqa: E501 - recorded lines and file contents stay whole

from __future__ import annotations

import pytest
from stackops.console.collect import files as source
from stackops.console.hosts import HostError, NotPermitted
from stackops.console.model import ComposeService, ConfigFile, Container, KeyFileFact, Mount, Project, Volume
from support.memory_files import MemoryFiles

KEY = "A" * 64 + "\n" + "b+/=" * 16 + "\n"


def container(*mounts: tuple[str, str], command: tuple[str, ...] = (), entrypoint: tuple[str, ...] = ()) -> Container:
    binds = tuple(Mount(kind="bind", source=s, target=t) for s, t in mounts)
    return Container(
        id="a" * 64, name="c", image="mongo", state="running", mounts=binds, command=command, entrypoint=entrypoint
    )


def project(*volumes: tuple[str, str], command: tuple[str, ...] = (), directory: str = "/srv/x") -> Project:
    binds = tuple(Volume(kind="bind", source=s, target=t) for s, t in volumes)
    return Project(
        name="x",
        working_dir=directory,
        files=(ConfigFile(path=f"{directory}/docker-compose.yml"),),
        services=(ComposeService(name="mongo", volumes=binds, command=command),),
    )


@pytest.mark.parametrize(
    ("path", "single"),
    [
        ("/app/librechat.yaml", True), ("/data/mongodb.key", True), ("/app/.env", True), ("/app/.env.local", True),
        ("/app/data/config.json", True), ("/etc/mysql/my.cnf", True), ("/docker-entrypoint-initdb.d/init.sql", True),
        ("/etc/nginx/.htpasswd", True), ("/data/one-api.db", True), ("/etc/caddy/Caddyfile", True),
        ("/etc/mongo/keyFile", True), ("/chat.jinja", True), ("/home/me/.config", False), ("/models/Qwen2.5-7B", False),
        ("/data/db", False), ("/meili_data_v1.7", False), ("/etc/nginx/conf.d", False), ("/var/run/docker.sock", False),
        ("/app/logs/", False), ("/", False),
    ],
)  # fmt: skip
def test_single_files_are_known_by_their_names(path: str, single: bool) -> None:
    assert source.looks_like_file(path) is single


def test_bind_mounts_of_files_and_the_project_s_own_files_are_looked_at() -> None:
    disk = MemoryFiles({
        "/srv/x/librechat.yaml": b"version: 1\n", "/srv/x/docker-compose.yml": b"services:\n", "/srv/x/mongodb.key": None,
        "/srv/x/data/WiredTiger": b"", "/srv/x/plain": b"x",
    })  # fmt: skip
    mounts = [("/srv/x/librechat.yaml", "/app/librechat.yaml"), ("/srv/x/data", "/data/db"), ("/srv/x/plain", "/plain")]
    found = {
        fact.path: fact.kind
        for fact in source.facts(disk, [project(("/srv/x/mongodb.key", "/data/mongodb.key"))], [container(*mounts)])
    }
    assert found == {
        "/srv/x/librechat.yaml": "file", "/srv/x/librechat.example.yaml": "missing", "/srv/x/.env": "missing",
        "/srv/x/docker-compose.yml": "file", "/srv/x/mongodb.key": "directory", "/srv/x/plain": "file",
        "/srv/x/compose.override.yml": "missing", "/srv/x/compose.override.yaml": "missing",
        "/srv/x/docker-compose.override.yml": "missing", "/srv/x/docker-compose.override.yaml": "missing",
    }  # fmt: skip


def test_each_path_is_looked_at_once_and_files_carry_a_digest() -> None:
    disk = MemoryFiles({"/srv/x/a.yaml": b"a"})
    same = container(("/srv/x/a.yaml", "/a.yaml"))
    (fact,) = source.facts(disk, [], [same, same])
    assert disk.stats == ["/srv/x/a.yaml"]
    assert fact.sha256 == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_files_come_first_when_there_are_too_many_paths() -> None:
    disk = MemoryFiles({"/srv/last.yaml": b""})
    folders = [(f"/srv/data{n}", f"/data{n}") for n in range(source.MAX_PATHS + 50)]
    found = source.facts(disk, [], [container(*folders, ("/srv/last.yaml", "/last.yaml"))])
    assert [fact.path for fact in found] == ["/srv/last.yaml"]
    assert len(disk.stats) == source.MAX_PATHS


def test_a_path_that_cannot_be_asked_is_left_out_and_many_of_them_end_the_look() -> None:
    paths = {f"/nfs/{n}.yaml": HostError("no answer within 2 s") for n in range(20)}
    disk = MemoryFiles(paths)
    assert source.facts(disk, [], [container(*((p, p) for p in paths))]) == ()
    assert len(disk.stats) == source.MAX_FAILURES


def test_the_key_file_is_the_mount_that_the_command_names() -> None:
    # fact: fastgpt-stack 1, generation B mounts ./mongodb.key at /data/mongodb.key
    words = ("mongod", "--keyFile", "/data/mongodb.key", "--replSet", "rs0")
    mounts = (("/srv/x/mongodb.key", "/data/mongodb.key"), ("/srv/x/mongo/data", "/data/db"))
    assert source.keyfile_paths([], [container(*mounts, command=words)]) == ("/srv/x/mongodb.key",)
    assert source.keyfile_paths([project(*mounts, command=words)], []) == ("/srv/x/mongodb.key",)
    both = source.keyfile_paths([project(*mounts, command=words)], [container(*mounts, command=words)])
    assert both == ("/srv/x/mongodb.key",)


@pytest.mark.parametrize(
    "words",
    [
        ("mongod", "--keyFile=/data/mongodb.key"),
        ("bash", "-c", "chmod 400 /data/mongodb.key; exec mongod --keyFile '/data/mongodb.key' --replSet rs0"),
        ("mongod", "--setParameter", "security.keyFile: /data/mongodb.key"),
    ],
)
def test_other_spellings_name_it_too(words: tuple[str, ...]) -> None:
    mounted = container(("/srv/k", "/data/mongodb.key"), command=words[1:], entrypoint=words[:1])
    assert source.keyfile_paths([], [mounted]) == ("/srv/k",)


def test_a_key_that_the_script_makes_inside_has_no_path_here() -> None:
    # fact: fastgpt-stack 3, the bootstrap of FastGPT 4.7 writes its own key file
    script = 'openssl rand -base64 128 > /data/mongodb.key\nexec docker-entrypoint.sh "$@" &'
    made = container(
        ("/srv/x/mongo/data", "/data/db"),
        entrypoint=("bash", "-c", script),
        command=("mongod", "--keyFile", "/data/mongodb.key"),
    )
    assert source.keyfile_paths([], [made]) == ()


@pytest.mark.parametrize(
    ("content", "keys", "length", "bad"),
    [
        (KEY, 1, 128, False),
        ("A" * 1024, 1, 1024, False),
        ("abcde\n", 1, 5, False),
        ("", 0, 0, False),
        (" \n\n", 0, 0, False),
        ("# only a comment\n", 0, 0, False),
        ("- AAAAAAAA\n- BBBBBBBBBB\n", 2, 8, False),
        ("- one123\n- two456\n- three789\n", 3, 6, False),
        ("pass-word!\n", 1, 10, True),
        ("key: value\n", 0, 0, True),
        ("%bad directive\n", 1, 13, True),
        ("AAAA\n\tBBBB\n", 1, 8, False),
    ],
)
def test_key_files_are_told_by_count_length_and_characters(content: str, keys: int, length: int, bad: bool) -> None:
    # fact: mongo-docker-db 3
    (fact,) = source.keyfile_facts(MemoryFiles({"/k": content}), ["/k"])
    assert fact == KeyFileFact(path="/k", keys=keys, length=length, bad_characters=bad)


def test_a_key_file_of_other_bytes_has_bad_characters() -> None:
    (fact,) = source.keyfile_facts(MemoryFiles({"/k": b"\xff\xfe\x00k"}), ["/k"])
    assert fact.bad_characters is True


def test_what_cannot_be_read_gives_no_fact() -> None:
    disk = MemoryFiles({"/d": None, "/p": NotPermitted("no"), "/big": b"A" * (source.KEYFILE_LIMIT + 1)})
    assert source.keyfile_facts(disk, ["/d", "/p", "/gone", "/big"]) == ()


def test_no_fact_ever_holds_the_key() -> None:
    assert "AAAA" not in repr(source.keyfile_facts(MemoryFiles({"/k": KEY}), ["/k"]))
