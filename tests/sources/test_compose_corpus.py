"""Our reading of every upstream compose file, against ``docker compose config``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from stackops.console.compose.reading import read_project
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import ComposeService, Project
from support.compose_cli import config, needs_compose, version
from support.corpus import CORPUS, needs_corpus

pytestmark = [pytest.mark.corpus, needs_corpus]
FILES = sorted(CORPUS.glob("*/*/*compose*.yml"))
INVALID = [path for path in FILES if "invalid" in path.parent.name]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def project_with(path: Path, folder: Path) -> tuple[Project, tuple[Any, ...]]:
    """The file copied into a folder, with the release's .env.example as .env; and our reading of it."""
    shutil.copyfile(path, folder / path.name)
    if (path.parent / ".env.example").exists():
        shutil.copyfile(path.parent / ".env.example", folder / ".env")
    return read_project(LocalFiles(), str(folder), config_files=[str(folder / path.name)])


def ours(service: ComposeService) -> dict[str, Any]:
    return {
        "image": service.image,
        "container_name": service.container_name,
        "user": service.user,
        "restart": service.restart,
        "command": list(service.command),
        "entrypoint": list(service.entrypoint),
        "environment": {variable.name: variable.value for variable in service.env},
        "volumes": {(v.kind, v.source, v.target, v.read_only) for v in service.volumes},
        "depends_on": set(service.depends_on),
        "profiles": list(service.profiles),
    }


def theirs(service: dict[str, Any]) -> dict[str, Any]:
    def plain(text: str) -> str:
        return text.replace("$$", "$")

    return {
        "image": service.get("image"),
        "container_name": service.get("container_name"),
        "user": service.get("user"),
        "restart": service.get("restart"),
        "command": [plain(word) for word in service.get("command") or ()],
        "entrypoint": [plain(word) for word in service.get("entrypoint") or ()],
        "environment": {k: plain(v) for k, v in (service.get("environment") or {}).items() if v is not None},
        "volumes": {
            (v["type"], v.get("source", ""), v["target"], v.get("read_only", False)) for v in service.get("volumes", ())
        },
        "depends_on": set(service.get("depends_on") or ()),
        "profiles": service.get("profiles") or [],
    }


@pytest.mark.engine
@needs_compose
@pytest.mark.parametrize("path", [p for p in FILES if p not in INVALID], ids=name_of)
def test_every_service_reads_as_compose_reads_it(path: Path, tmp_path: Path) -> None:
    found, faults = project_with(path, tmp_path)
    data, complaint = config(tmp_path, tmp_path / path.name)
    assert data is not None, complaint
    assert faults == ()
    assert [file.error for file in found.files] == [None]
    assert found.name == data["name"]
    assert {s.name: ours(s) for s in found.services} == {n: theirs(s) for n, s in data["services"].items()}


@pytest.mark.engine
@needs_compose
@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_what_upstream_shipped_broken_has_compose_s_own_reason(path: Path, tmp_path: Path) -> None:
    found, faults = project_with(path, tmp_path)
    data, complaint = config(tmp_path, tmp_path / path.name, profiles=False)
    assert data is None
    error = found.files[0].error or ""
    assert len(faults) == 1
    if (version() or "").startswith("2.26."):
        assert error.rsplit("column 5: ", 1)[-1] in complaint
    assert found.services, "the rest is read all the same"


def test_the_two_broken_files_are_told_apart_without_compose(tmp_path: Path) -> None:
    # fact: fastgpt-stack 1, compose validity traps
    reasons = {}
    for path in INVALID:
        folder = tmp_path / path.parent.name
        folder.mkdir()
        reasons[path.parent.name] = project_with(path, folder)[0].files[0].error
    assert reasons == {
        "coldwave96-llm-invalid": "line 63, column 5: services.oneapi Additional property network is not allowed",
        "v4.14.0-zilliz-invalid": 'service "fastgpt" depends on undefined service "vectorDB": invalid compose project',
    }


@pytest.mark.engine
@needs_compose
def test_our_own_example_reads_as_compose_reads_it(tmp_path: Path) -> None:
    data_folder = Path(__file__).resolve().parents[1] / "data" / "compose"
    for name in ("docker-compose.yml", "docker-compose.override.yml", ".env"):
        shutil.copyfile(data_folder / name, tmp_path / name)
    found, _ = read_project(LocalFiles(), str(tmp_path))
    data, complaint = config(tmp_path)
    assert data is not None, complaint
    assert {s.name: ours(s) for s in found.services} == {n: theirs(s) for n, s in data["services"].items()}
