"""Every upstream compose file: one more mount for every service gives added lines and the intended change, no more."""

# ruff: noqa: E501 - recorded lines and file contents stay whole

from __future__ import annotations

import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from stackops.console.compose.yaml import load
from stackops.console.fix.acts.base import StepFailed
from stackops.console.fix.acts.compose_edits import AddVolume
from stackops.console.fix.acts.editing import apply_all
from support.corpus import CORPUS, needs_corpus

pytestmark = [pytest.mark.corpus, needs_corpus]
FILES = sorted(p for p in CORPUS.glob("*/*/*compose*") if p.suffix in {".yml", ".example"})
EXAMPLES = sorted(CORPUS.glob("librechat/*/docker-compose.override.yml.example"))
ENTRY = {"type": "bind", "source": "./new.yaml", "target": "/app/new.yaml"}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def only_added(old: bytes, new: bytes) -> list[bytes]:
    """The lines that came in; fails when an old line is missing or out of order."""
    rest = iter(new.splitlines())
    added: list[bytes] = []
    for line in old.splitlines():
        for candidate in rest:
            if candidate == line:
                break
            added.append(candidate)
        else:
            pytest.fail(f"lost: {line!r}")
    return [*added, *rest]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_each_service_takes_one_more_mount_by_added_lines_only(path: Path) -> None:
    # fact: performance-and-safety 5.3, splicing gave 136 of 136 lists exactly the intended change
    old = path.read_bytes()
    data: dict[str, Any] = load(old).data or {}
    for service in [*data.get("services", {}), "brand-new"]:
        edit = AddVolume(service=service, source="./new.yaml", target="/app/new.yaml")
        new = apply_all(old, [edit], str(path))
        added = only_added(old, new)
        assert b"".join(added).count(b"type: bind") == 1
        had_list = bool((data.get("services", {}).get(service) or {}).get("volumes"))
        assert len([line for line in added if line.strip()]) == (
            3 if had_list else 4 if service in data.get("services", {}) else 5 + (not data.get("services"))
        )
        wanted = deepcopy(data)
        wanted.setdefault("services", {}).setdefault(service, {}).setdefault("volumes", []).append(ENTRY)
        assert load(new).data == wanted
    assert apply_all(new, [edit], str(path)) == new, "a second run must change nothing"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_same_holds_with_windows_line_ends_and_a_byte_order_mark(path: Path) -> None:
    unix = path.read_bytes().replace(b"\r\n", b"\n")
    edit = AddVolume(service="brand-new", source="./new.yaml", target="/app/new.yaml")
    windows = b"\xef\xbb\xbf" + unix.replace(b"\n", b"\r\n")
    expected = b"\xef\xbb\xbf" + apply_all(unix, [edit], str(path)).replace(b"\n", b"\r\n")
    assert apply_all(windows, [edit], str(path)) == expected


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_a_librechat_override_example_copied_as_it_is_gets_the_mount(path: Path) -> None:
    old = path.read_bytes()
    new = apply_all(
        old, [AddVolume("api", "./librechat.yaml", "/app/librechat.yaml")], "/srv/docker-compose.override.yml"
    )
    assert new.startswith(old)
    assert b"\n".join(only_added(old, new)).decode() == (
        "\nservices:\n  api:\n    volumes:\n      - type: bind\n        source: ./librechat.yaml\n        target: /app/librechat.yaml"
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_uncommenting_two_sections_of_one_service_is_refused_with_the_line(path: Path) -> None:
    # fact: librechat-stack 2.5, `mapping key "api" already defined`
    old = b"services:\n  api:\n    image: a\n" + path.read_bytes() + b"  api:\n    image: b\n"
    with pytest.raises(
        StepFailed, match=r"(already defined at line|does not line up|wrong indentation|does not belong)"
    ):
        apply_all(old, [AddVolume("api", "./a", "/a")], "/srv/docker-compose.override.yml")


@pytest.mark.engine
@pytest.mark.parametrize("release", ["v0.7.2", "v0.8.2", "v0.8.7"])
def test_compose_itself_reads_the_new_override_as_meant(release: str, tmp_path: Path) -> None:
    source = CORPUS / "librechat" / release
    base, override = tmp_path / "docker-compose.yml", tmp_path / "docker-compose.override.yml"
    base.write_bytes((source / "docker-compose.yml").read_bytes())
    (tmp_path / ".env").write_bytes((source / ".env.example").read_bytes())
    edit = AddVolume("api", "./librechat.yaml", "/app/librechat.yaml")
    override.write_bytes(
        apply_all((source / "docker-compose.override.yml.example").read_bytes(), [edit], str(override))
    )
    done = subprocess.run(
        ["docker", "compose", "config", "--format", "json"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    volumes = load(done.stdout).data["services"]["api"]["volumes"]
    mine = [v for v in volumes if v["target"] == "/app/librechat.yaml"]
    assert mine == [{"type": "bind", "source": str(tmp_path / "librechat.yaml"), "target": "/app/librechat.yaml"}]
