"""Connection strings in a folder of which nothing runs: what is said, and what the files hold after the repair.

Looking at a folder asks no Engine; a repair wants one, although it only writes a file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri
from ruamel.yaml import YAML

COMPOSE = """services:
  mongo:
    image: mongo:5.0.18
    container_name: mongo
    environment:
      MONGO_INITDB_ROOT_USERNAME: root
      MONGO_INITDB_ROOT_PASSWORD: "{password}"
  fastgpt:
    image: ghcr.io/labring/fastgpt:v4.6.7
    container_name: fastgpt
    environment:
      MONGODB_URI: "{uri}"
"""
OVERRIDE = "docker-compose.override.yml"


class Folder:
    """A project, and the installed command on it."""

    def __init__(self, base: Path, uri: str, password: str) -> None:
        self.path = base / "project"
        self.path.mkdir()
        self.state = base / "state"
        (self.path / "docker-compose.yml").write_text(COMPOSE.format(uri=uri, password=password), encoding="utf-8")

    def stackops(self, *arguments: str, engine: bool = False) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "STACKOPS_STATE_DIR": str(self.state), "XDG_CONFIG_HOME": str(self.state), "NO_COLOR": "1",
               "COLUMNS": "240"}  # fmt: skip
        env.pop("STACKOPS_CONFIG", None)
        if not engine:
            env["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
        program = str(Path(sys.executable).with_name("stackops"))
        words = [program, *arguments, "--project-dir", str(self.path)]
        return subprocess.run(words, cwd="/", env=env, capture_output=True, text=True, timeout=60, check=False)

    def written(self) -> dict[str, str]:
        """What the override gives the app, as YAML reads it."""
        made = YAML(typ="safe").load((self.path / OVERRIDE).read_text(encoding="utf-8"))
        assert list(made["services"]) == ["fastgpt"]
        return dict(one.split("=", 1) for one in made["services"]["fastgpt"]["environment"])


@pytest.mark.engine
@pytest.mark.parametrize(
    ("uri", "password", "says", "database"),
    [
        ("mongodb://root:hush-1@mongo:27017/fastgpt&authSource=admin", "hush-1", ("MONGODB_URI", "& ", "?"), "fastgpt"),
        ("mongodb://root:hu@sh#1@mongo:27017/fastgpt?authSource=admin", "hu@sh#1",
         ("MONGODB_URI", "@ as %40, # as %23"), "fastgpt"),
    ],
)  # fmt: skip
def test_it_is_told_and_put_right_in_that_variable_alone(
    tmp_path: Path, uri: str, password: str, says: tuple[str, ...], database: str
) -> None:
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker Engine is reachable")
    folder = Folder(tmp_path, uri, password)
    before = (folder.path / "docker-compose.yml").read_bytes()
    told = folder.stackops("check", "mongo.replica-set")
    assert told.returncode == 1, told.stdout + told.stderr
    text = " ".join(told.stdout.split())
    assert all(word in text for word in ("ERROR", "fastgpt", *says)), text

    done = folder.stackops("fix", "mongo.replica-set", "--yes", engine=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (value,) = folder.written().values()
    read = parse_uri(value)
    assert (read["nodelist"], read["database"], read["options"].get("authSource")) == (
        [("mongo", 27017)], database, "admin",
    )  # fmt: skip
    assert (read["username"], read["password"]) == ("root", password)
    assert value.count("authSource") == 1
    assert (folder.path / "docker-compose.yml").read_bytes() == before
    assert password not in told.stdout + done.stdout + done.stderr
    assert folder.stackops("check", "mongo.replica-set").returncode == 0


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://root:hush-1@mongo:27017/fastgpt?authSource=admin&retryWrites=true",
        "mongodb://root:a%40b@mongo:27017/fastgpt?authSource=admin",
        "mongodb://mongo:27017/fastgpt?appName=me@home",
        "mongodb://root:hush-1@mongo,other.example.org:27018/fastgpt?authSource=admin;w=1",
    ],
)
def test_what_is_right_or_not_known_to_be_wrong_is_no_finding(tmp_path: Path, uri: str) -> None:
    folder = Folder(tmp_path, uri, "hush-1")
    told = folder.stackops("check", "mongo.replica-set")
    assert told.returncode == 0, told.stdout
