"""The release that judges librechat.yaml: from the folder, from the settings, from ``--set``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stackops.console import cli
from stackops.console.settings import Settings


@pytest.fixture
def local(doors, monkeypatch):
    """This machine in place of the practice stack."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    doors.host = cli.LazyDoors().open_host(Settings())
    return doors.host


LIBRECHAT = "services:\n  api:\n    image: ghcr.io/danny-avila/librechat-dev:{tag}\n    container_name: LibreChat\n"


def valid(stackops, folder: Path, *more: str) -> dict[str, str]:
    """The evidence of librechat.config-valid on a folder, by label."""
    rows = json.loads(stackops("check", "librechat.config-valid", "--json", "--project-dir", str(folder), *more).out)
    return {one["label"]: one["value"] for row in rows["results"] for one in row["evidence"]}


def test_a_folder_is_judged_by_its_image_tag_or_by_what_is_set(stackops, local, tmp_path: Path) -> None:
    (tmp_path / "librechat.yaml").write_text("version: 1.0.9\nmemory:\n  disabled: true\n")
    compose = tmp_path / "docker-compose.yml"
    compose.write_text(LIBRECHAT.format(tag="v0.7.2"))
    said = valid(stackops, tmp_path)
    assert (said["stage"], said["boot"], said["release"]) == (
        "schema", "defaults", "0.7.2 (from the image tag in the compose file)",
    )  # fmt: skip
    assert valid(stackops, tmp_path, "--set", "librechat.release=v0.8.2")["stage"] == "ok"
    compose.write_text(LIBRECHAT.format(tag="latest"))
    assert valid(stackops, tmp_path)["release"].startswith("0.8.7 (assumed")
    settings = tmp_path / "s.toml"
    settings.write_text('[librechat]\nrelease = "0.7.2"\n')
    assert valid(stackops, tmp_path, "--config", str(settings))["boot"] == "defaults"


def test_left_out_endpoints_are_named_with_commas(stackops, local, tmp_path: Path) -> None:
    entry = "    - {{name: {name}, apikey: k, baseURL: 'http://h/v1', models: {{default: [a]}}}}\n"
    both = entry.format(name="A") + entry.format(name="B")
    (tmp_path / "librechat.yaml").write_text(f"version: 1.0.9\nendpoints:\n  custom:\n{both}")
    (tmp_path / "docker-compose.yml").write_text(LIBRECHAT.format(tag="v0.8.7"))
    said = valid(stackops, tmp_path)
    assert (said["stage"], said["boot"], said["dropped"]) == ("dropped", "ok", "A,B")


def test_only_what_can_be_set_is_set(stackops) -> None:
    answer = stackops("check", "--set", "librechat.relase=0.8.2")
    assert answer.code == 2
    assert 'did you mean "librechat.release"?' in answer.err
    answer = stackops("check", "--set", "librechat.release=newest")
    assert answer.code == 2
    assert 'must be a release such as "0.8.7"' in answer.err
    assert stackops("check", "--set", "librechat.release").code == 2


def test_a_repair_on_a_folder_remembers_what_was_set(stackops, local, tmp_path: Path) -> None:
    file = tmp_path / "librechat.yaml"
    file.write_text("version: 1\n")
    (tmp_path / "docker-compose.yml").write_text(LIBRECHAT.format(tag="latest"))
    folder = ("--project-dir", str(tmp_path), "--set", "librechat.release=0.8.2")
    assert "--set librechat.release=0.8.2" in stackops("check", "librechat.config-valid", *folder).out
    answer = stackops("fix", "librechat.config-valid", "--yes", *folder)
    assert answer.code == 0, answer.err
    assert file.read_text() == 'version: "1"\n'
    assert stackops("undo", "--yes").code == 0
    assert file.read_text() == "version: 1\n"
