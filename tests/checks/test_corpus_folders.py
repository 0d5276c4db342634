"""Every upstream folder through ``stackops check --project-dir``, before anything runs: no crash, and what is known.

``tests/data/corpus_expected.json`` says per folder what each check answers; a check that is not named there does not
apply. The Engine is never asked: the command gets an address where none is.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stackops.checks.registry import ALL
from stackops.console import cli
from support.corpus import CORPUS, needs_corpus

EXPECTED = json.loads((Path(__file__).parents[1] / "data" / "corpus_expected.json").read_text())
FOLDERS = sorted(str(path.parent.relative_to(CORPUS)) for path in CORPUS.glob("*/*/docker-compose.yml"))
Answer = tuple[int, dict[str, Any], str]
pytestmark = [pytest.mark.corpus, needs_corpus]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The command on a folder, in this process: exit code, document, narration."""
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.delenv("STACKOPS_CONFIG", raising=False)
    monkeypatch.chdir("/")

    def call(folder: Path) -> Answer:
        capfd.readouterr()
        code = cli.run(["check", "--json", "--project-dir", str(folder)])
        sys.stdout.flush()
        said = capfd.readouterr()
        return code, json.loads(said.out), said.err

    return call


def copy(name: str, place: Path) -> Path:
    """The folder as its makers meant it to be used: with the example of .env as .env."""
    folder = place / Path(name).name
    shutil.copytree(CORPUS / name, folder)
    if (folder / ".env.example").exists():
        (folder / ".env").write_bytes((folder / ".env.example").read_bytes())
    return folder


def test_every_folder_has_its_expected_results():
    assert set(EXPECTED) == set(FOLDERS)
    known = {one.id for one in ALL}
    assert {name for row in EXPECTED.values() for name in row["checks"]} <= known


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_judged_as_recorded(check, name, tmp_path):
    expected = EXPECTED[name]
    folder = copy(name, tmp_path)
    before = sorted(path.name for path in folder.iterdir())
    code, document, narration = check(folder)
    assert code == expected["exit"], narration
    assert "Traceback" not in narration
    told = {one["check"]: one for one in document["results"]}
    assert set(told) == {one.id for one in ALL}, "each check answers, exactly once per subject"
    seen = {
        check_id: " ".join(filter(None, (one["status"], one["severity"])))
        for check_id, one in told.items()
        if one["status"] != "not_applicable"
    }
    assert seen == expected["checks"]
    sentences = [fault["sentence"] for fault in document["faults"]]
    assert len(sentences) == len(expected["faults"]), sentences
    for wanted, sentence in zip(expected["faults"], sentences, strict=True):
        assert wanted in sentence
        assert f"{folder}/docker-compose.yml" in sentence
        assert sentence in narration or expected["exit"] != 2
    assert sorted(path.name for path in folder.iterdir()) == before, "looking leaves nothing behind"


INVALID = {
    "fastgpt/coldwave96-llm-invalid": "services.oneapi Additional property network is not allowed",
    "fastgpt/v4.14.0-zilliz-invalid": 'service "fastgpt" depends on undefined service "vectorDB"',
}
"""fact: fastgpt-stack 1, Compose validity traps, in Compose's own words."""


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_file_is_named_with_the_reason_of_compose(check, name, tmp_path):
    code, document, narration = check(copy(name, tmp_path))
    assert code == 2
    assert INVALID[name] in document["faults"][0]["sentence"]
    assert document["faults"][0]["remedy"]
    assert INVALID[name] in narration


def test_the_second_zilliz_file_is_invalid_for_the_same_reason(check, tmp_path):
    """fact: fastgpt-stack 1: v4.14.10.1 shipped the same mistake again; made here from its pg file."""
    folder = copy("fastgpt/v4.14.10.1-pg", tmp_path)
    path = folder / "docker-compose.yml"
    text = path.read_text()
    assert "\n  vectorDB:\n" in text
    path.write_text(text.replace("\n  vectorDB:\n", "\n  milvusOfZilliz:\n"))
    code, document, narration = check(folder)
    assert code == 2
    assert 'depends on undefined service "vectorDB": invalid compose project' in document["faults"][0]["sentence"]
    assert str(path) in narration


@pytest.mark.parametrize("release", ["v0.7.2", "v0.8.2", "v0.8.7"])
def test_librechat_without_its_env_file_is_refused_as_compose_refuses_it(check, release, tmp_path):
    folder = tmp_path / "librechat"
    shutil.copytree(CORPUS / "librechat" / release, folder)
    code, document, _ = check(folder)
    assert code == 2
    sentences = [fault["sentence"] for fault in document["faults"]]
    assert any("No port specified: :<empty>" in sentence for sentence in sentences)
    assert any(f"env file {folder}/.env not found" in sentence for sentence in sentences)
    assert "crashed" not in {one["status"] for one in document["results"]}
