"""Asking Compose for its hashes: a read, taken apart line by line, and allowed where nothing may be changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from stackops.console.hosts import ComposeProject, HostError
from stackops.console.hosts.local import open_local
from stackops.console.settings import Settings

COMPOSE = """
import sys
if sys.argv[-2:] == ["version", "--short"]:
    print("2.26.1-4")
elif sys.argv[-3:] == ["config", "--hash", "*"]:
    print("time=\\"2026-11-21T10:00:00Z\\" level=warning msg=\\"The UID variable is not set.\\"", file=sys.stderr)
    print("api {a}\\nrag_api {b}\\nodd line here\\nshort 123")
    open({called!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
    sys.exit({code})
else:
    sys.exit(9)
"""


def fake_compose(folder: Path, monkeypatch: pytest.MonkeyPatch, *, code: int = 0) -> Path:
    called = folder / "called"
    body = COMPOSE
    for name, value in (("a", "a" * 64), ("b", "b" * 64), ("called!r", repr(str(called))), ("code", str(code))):
        body = body.replace("{" + name + "}", value)
    place = folder / "docker"
    place.write_text(f"#!{sys.executable}\n{body}")
    place.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return called


@pytest.mark.parametrize("read_only", [True, False])
def test_hashes_are_read_in_read_only_mode_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    called = fake_compose(tmp_path, monkeypatch)
    host = open_local(Settings(host="unix:///x/docker.sock"), read_only=read_only)
    version, hashes = host.control.service_hashes(ComposeProject("p", "/srv/a b", ["/srv/a b/docker-compose.yml"]))
    assert version == "2.26.1-4"
    assert hashes == {"api": "a" * 64, "rag_api": "b" * 64}
    assert called.read_text().splitlines() == [
        "compose -p p --project-directory /srv/a b -f /srv/a b/docker-compose.yml config --hash *"
    ]


def test_files_that_compose_refuses_are_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compose(tmp_path, monkeypatch, code=15)
    with pytest.raises(HostError, match=r"Compose refuses the files in /srv/x: short 123"):
        open_local(Settings(host="unix:///x")).control.service_hashes(ComposeProject("p", "/srv/x", ["/srv/x/c.yml"]))
