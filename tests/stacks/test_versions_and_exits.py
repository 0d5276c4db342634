"""Versions, generations, exit codes."""

from __future__ import annotations

import pytest
from stackops.console.model import Role
from stackops.console.products.services import Member, generation
from stackops.console.products.versions import exit_meaning, parts_of, version_in, version_of
from support.corpus import CORPUS, needs_corpus


@pytest.mark.parametrize(
    ("reference", "repository", "last", "tag", "digest"),
    [
        ("mongo", "mongo", "mongo", None, None),
        ("mongo:5.0.18", "mongo", "mongo", "5.0.18", None),
        ("registry:5000/a/Mongo", "registry:5000/a/Mongo", "mongo", None, None),
        ("r:5000/a/b:1@sha256:ab", "r:5000/a/b", "b", "1", "sha256:ab"),
        ("sha256:" + "f" * 64, "sha256:" + "f" * 64, "", None, "sha256:" + "f" * 64),
        ("", "", "", None, None),
    ],
)
def test_references_come_apart(reference: str, repository: str, last: str, tag: str | None, digest: str | None) -> None:
    assert parts_of(reference) == (repository, last, tag, digest)


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("v4.9.14", "4.9.14"), ("7.2-alpine", "7.2"), ("v4.8.23-fix", "4.8.23-fix"), ("0.8.0-pg15", "0.8.0"),
        ("v0.8.8-rc1", "0.8.8-rc1"), ("16", "16"), ("latest", None), ("main-latest", None), ("20230315", None),
        ("rocm", None), (None, None), ("server-cuda", None),
    ],
)  # fmt: skip
def test_versions_in_tags(tag: str | None, version: str | None) -> None:
    assert version_in(tag) == version


@pytest.mark.parametrize(
    ("role", "image", "labels", "env", "version"),
    [
        ("mongo", "mongo:latest", {}, {"MONGO_VERSION": "5.0.18"}, "5.0.18"),
        ("mongo", "mirror/mongo:4.4", {}, {"MONGO_VERSION": "5.0.18"}, "5.0.18"),
        ("mongo", "mongo:latest", {}, {}, None),
        ("mysql", "mysql", {}, {"MYSQL_VERSION": "8.0.36-1.el8"}, "8.0.36"),
        ("mysql", "mariadb", {}, {"MARIADB_VERSION": "1:11.4.2+maria~ubu2404"}, "11.4.2"),
        ("postgres", "pgvector/pgvector:0.8.0-pg15", {}, {}, "15"),
        ("postgres", "ankane/pgvector:v0.5.0", {}, {}, "15"),
        ("postgres", "ankane/pgvector", {}, {}, "15"),
        ("postgres", "registry.cn-hangzhou.aliyuncs.com/fastgpt/pgvector:v0.5.0", {}, {}, "15"),
        ("postgres", "ankane/pgvector:v0.2.7", {}, {}, "14"),
        ("postgres", "ankane/pgvector@sha256:ab", {}, {}, None),
        ("postgres", "team/pgvector:latest", {}, {}, None),
        ("postgres", "pgvector/pgvector:0.6.0", {}, {}, None),
        ("postgres", "ankane/pgvector:v0.5.0", {}, {"PG_VERSION": "15.4-2.pgdg120+1", "PG_MAJOR": "15"}, "15.4"),
        ("postgres", "postgres:16-alpine", {}, {}, "16"),
        ("ollama", "ollama/ollama:latest",
         {"org.opencontainers.image.ref.name": "ubuntu", "org.opencontainers.image.version": "22.04"}, {}, None),
        ("librechat", "x/librechat-dev:latest", {"org.opencontainers.image.version": "v0.8.7"}, {}, "0.8.7"),
        ("open_webui", "open-webui:main", {"org.opencontainers.image.version": "main"}, {}, None),
        ("fastgpt", "fastgpt:v4.9.14", {}, {}, "4.9.14"),
    ],
)  # fmt: skip
def test_the_version_comes_from_what_does_not_lie(
    role: Role, image: str, labels: dict[str, str], env: dict[str, str], version: str | None
) -> None:
    assert version_of(role, image, labels=labels, env=env) == version


GENERATIONS = {
    "v4.6": "A", "v4.6.8": "B", "coldwave96-fastgpt": "B", "v4.7": "C", "v4.8": "C", "v4.8.4-pgvector": "C",
    "v4.8.10-zilliz": "C", "v4.8.20-pgvector": "C", "v4.8.20-milvus": "C", "v4.9.0-pgvector": "D",
    "v4.9.14-pgvector": "D", "v4.9.14-milvus": "D", "v4.9.14-oceanbase": "D", "v4.12.0-pgvector": "E",
    "v4.14.10.1-pg": "F", "v4.14.10.1-milvus-cn": "F", "v4.14.10.1-seekdb-cn": "F", "v4.15.8-pg": "G",
    "one-api": None, "coldwave96-llm-invalid": None,
}  # fmt: skip


@needs_corpus
@pytest.mark.corpus
@pytest.mark.parametrize(("folder", "letter"), GENERATIONS.items())
def test_the_generation_of_every_compose_file_upstream(folder: str, letter: str | None) -> None:
    from ruamel.yaml import YAML

    data = YAML(typ="safe").load((CORPUS / "fastgpt" / folder / "docker-compose.yml").read_text("utf-8"))
    members = []
    for name, service in data["services"].items():
        words = [service.get("entrypoint") or "", service.get("command") or ""]
        flat = tuple(w for part in words for w in (part if isinstance(part, list) else str(part).split()))
        members.append(Member(name, service.get("image", ""), flat))
    assert generation(members) == letter


def test_a_project_without_fastgpt_has_no_generation() -> None:
    assert generation([Member("api", "ghcr.io/danny-avila/librechat-dev"), Member("mongodb", "mongo")]) is None


def test_the_key_that_the_entry_point_makes_tells_a_bootstrap_without_one_api() -> None:
    mongo = Member("mongo", "mirror.example/x/mongo:5", ("bash", "-c", "openssl rand -base64 128 > /data/mongodb.key"))
    assert generation([Member("fastgpt", "x/fastgpt"), mongo]) == "C"


@pytest.mark.parametrize(
    ("code", "oom", "error", "role", "says"),
    [
        (0, False, None, None, "without an error"),
        (137, True, None, None, "out of memory"),
        (137, False, None, None, "SIGKILL"),
        (139, None, None, None, "SIGSEGV"),
        (132, None, None, None, "SIGILL"),
        (132, None, None, "mongo", "AVX"),
        (134, None, None, None, "SIGABRT"),
        (143, None, None, None, "SIGTERM"),
        (62, None, None, "mongo", "another major version"),
        (48, None, None, "mongo", "port is taken"),
        (100, None, None, "mongo", "data folder"),
        (125, None, None, None, "Docker itself"),
        (126, None, None, None, "cannot be executed"),
        (127, None, None, None, "not found"),
        (127, None, 'error mounting "/x": mount a directory onto a file: not a directory', None, "mount"),
        (127, None, 'exec: "nope": executable file not found in $PATH', None, "not found"),
        (127, None, 'exec: "./run": permission denied', None, "cannot be executed"),
        (128, None, "driver failed: Bind for 0.0.0.0:80 failed: port is already allocated", None, "port"),
        (128, None, 'could not select device driver "nvidia" with capabilities: [[gpu]]', None, "GPU"),
        (128, None, "something else", None, "could not start"),
        (1, None, None, None, "log says which"),
        (158, None, None, None, "signal 30"),
    ],
)  # fmt: skip
def test_exit_codes_in_words(code: int, oom: bool | None, error: str | None, role: Role | None, says: str) -> None:
    meaning = exit_meaning(code, oom, error, role)
    assert meaning is not None
    assert says in meaning


@pytest.mark.parametrize("code", [None, 3, 62, 200])
def test_an_exit_code_that_nobody_documents_means_nothing(code: int | None) -> None:
    assert exit_meaning(code) is None
