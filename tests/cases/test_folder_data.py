"""Data folders of another release than the image's, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.folders import judged

STORE = """services:
  store:
    image: {image}
    environment: {env}
    volumes:
      - {volume}
"""


@pytest.mark.parametrize(
    ("image", "volume", "env", "path", "release", "runs"),
    [
        ("pgvector/pgvector:0.8.0-pg17", "./db:/var/lib/postgresql/data", "{}", "db/PG_VERSION", "14\n", "17"),
        ("ankane/pgvector:latest", "./db:/var/lib/postgresql/data", "{}", "db/PG_VERSION", "16\n", "15"),
        ("postgres:16.4-alpine", "./pg:/var/lib/postgresql/data/", "{}", "pg/PG_VERSION", "13\n", "16.4"),
        ("bitnami/postgresql:17.2.0", "./pg:/bitnami/postgresql", "{}", "pg/data/PG_VERSION", "16\n", "17.2.0"),
        ("postgis/postgis:16-3.4", "{type: bind, source: ./pg, target: /var/lib/postgresql/data}",
         "[PGDATA=/var/lib/postgresql/data/pgdata]", "pg/pgdata/PG_VERSION", "15\n", "16"),
        ("tensorchord/vchord-postgres:pg17-v0.3.0", "./pg:/var/lib/postgresql/data", "{}", "pg/PG_VERSION", "16", "17"),
        ("getmeili/meilisearch:v1.12.3", "./meili_data_v1.7:/meili_data", "{}", "meili_data_v1.7/data.ms/VERSION",
         "1.7.3", "1.12.3"),
    ],
)  # fmt: skip
def test_data_of_another_release(
    tmp_path: Path, image: str, volume: str, env: str, path: str, release: str, runs: str
) -> None:
    code, found = judged(tmp_path, STORE.format(image=image, volume=volume, env=env), {path: release})
    assert (code, [one["check"] for one in found]) == (1, ["data.other-release"])
    assert release.strip() in found[0]["title"]
    assert runs in found[0]["title"]
    assert "Nothing is lost" in found[0]["because"]


def test_a_mount_that_the_image_hides_behind_its_own_volume_is_left_alone(tmp_path: Path) -> None:
    compose = STORE.format(image="postgres:16", volume="./pg:/var/lib/postgresql", env="{}")
    assert judged(tmp_path, compose, {"pg/data/PG_VERSION": "13\n"}) == (0, [])


def test_a_meilisearch_that_carries_its_data_over_by_itself_is_left_alone(tmp_path: Path) -> None:
    env = '{MEILI_EXPERIMENTAL_DUMPLESS_UPGRADE: "true"}'
    compose = STORE.format(image="getmeili/meilisearch:v1.14.0", volume="./index:/meili_data", env=env)
    assert judged(tmp_path, compose, {"index/data.ms/VERSION": "1.13.3"}) == (0, [])


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("pgvector/pgvector:pg16", "16\n"), ("pgvector/pgvector:v0.5.0", "15\n"), ("postgres:latest", "12\n"),
        ("postgres:16", "not a number\n"), ("example.com/own/store:17", "15\n"),
    ],
)  # fmt: skip
def test_data_of_its_own_release_and_images_that_do_not_tell_are_left_alone(
    tmp_path: Path, image: str, release: str
) -> None:
    compose = STORE.format(image=image, volume="./pg:/var/lib/postgresql/data", env="{}")
    assert judged(tmp_path, compose, {"pg/PG_VERSION": release}) == (0, [])


@pytest.mark.parametrize("lies", ["a file that anybody may read", "a directory"])
def test_a_key_file_that_is_a_secret_of_compose_is_looked_at(tmp_path: Path, lies: str) -> None:
    compose = """services:
  db:
    image: mongo:5.0.18
    command: [mongod, --keyFile, /run/secrets/members, --replSet, rs0]
    secrets: [members]
secrets: {members: {file: ./members.key}}
"""
    files = {"members.key": "abcdefgh" * 10} if lies.startswith("a file") else {"members.key/.keep": ""}
    _, found = judged(tmp_path, compose, files, {"members.key": 0o755 if "directory" in lies else 0o644})
    (one,) = [each for each in found if each["check"] == "mongo.keyfile"]
    assert str(tmp_path / "stack/members.key") in one["title"]
    assert ("directory" if "directory" in lies else "open to group or others") in one["title"]


@pytest.mark.parametrize("volume", ["./pg:/var/lib/postgresql/data", "pg:/var/lib/postgresql/data/"])
@pytest.mark.parametrize("image", ["postgres:18", "pgvector/pgvector:pg18", "library/postgres:18.1-alpine"])
def test_a_mount_at_the_folder_of_the_releases_before_18(tmp_path: Path, image: str, volume: str) -> None:
    compose = STORE.format(image=image, volume=volume, env="{}") + "volumes: {pg: }\n"
    code, found = judged(tmp_path, compose, {"x": ""})
    assert (code, [one["check"] for one in found]) == (1, ["data.other-release"])
    assert "below /var/lib/postgresql" in found[0]["title"]


@pytest.mark.parametrize(
    ("image", "volume", "env"),
    [
        ("postgres:18", "./pg:/var/lib/postgresql", "{}"), ("postgres:17", "./pg:/var/lib/postgresql/data", "{}"),
        ("postgres:18", "./pg:/var/lib/postgresql/data", "{PGDATA: /var/lib/postgresql/data}"),
        ("bitnami/postgresql:18.1.0", "./pg:/var/lib/postgresql/data", "{}"),
        ("postgres:latest", "./pg:/var/lib/postgresql/data", "{}"),
    ],
)  # fmt: skip
def test_mounts_that_a_postgresql_uses_are_left_alone(tmp_path: Path, image: str, volume: str, env: str) -> None:
    assert judged(tmp_path, STORE.format(image=image, volume=volume, env=env), {"x": ""}) == (0, [])
