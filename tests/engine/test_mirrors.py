"""docker.registry-mirrors on the dockerd of this machine, by reload alone, registries on loopback, all put back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.registries import nobody, registry
from support.stacks import docker, wait_for

CHECK, FILE = "docker.registry-mirrors", Path("/etc/docker/daemon.json")
IMAGE, NAME = "stackops-test/busybox:1", "stackops-test-mirrors"
NOBODY = "no-such-project"


def effective() -> list[str]:
    """What ``/info`` says, from outside of stackops."""
    said = docker("info", "--format", "{{json .RegistryConfig.Mirrors}}")
    return [one.rstrip("/") for one in json.loads(said) or []]


def dockerd() -> int:
    return int(Path("/var/run/docker.pid").read_text())


def reload_to(content: bytes, wanted: list[str]) -> None:
    """The operator's hand: the file, then SIGHUP."""
    FILE.write_bytes(content)
    os.kill(dockerd(), signal.SIGHUP)
    wait_for(lambda: effective() == wanted)


@pytest.fixture
def own_engine() -> Iterator[None]:
    """The Engine's file and list as they were, whatever a test has done; skipped where they may not be touched."""
    if os.geteuid() != 0 or not Path("/var/run/docker.pid").exists():
        pytest.skip("reloading dockerd needs root and a dockerd on this machine")
    if "registry-mirror" in Path(f"/proc/{dockerd()}/cmdline").read_text():
        pytest.skip("this dockerd has its mirrors as a flag")
    before, mirrors = FILE.read_bytes() if FILE.exists() else None, effective()
    FILE.parent.mkdir(exist_ok=True)
    try:
        yield
    finally:
        data = json.loads(before) if before else {}
        reload_to(json.dumps({**data, "registry-mirrors": mirrors}).encode(), mirrors)
        if before is None:
            FILE.unlink()
        else:
            reload_to(before, mirrors)


@pytest.fixture
def container() -> Iterator[tuple[int, str]]:
    """A container that runs before the fix: pid and start, which must not change."""
    packed = subprocess.run(["tar", "c", "-C", "/bin", "busybox"], capture_output=True, check=True).stdout
    entry = ["docker", "import", "-c", 'ENTRYPOINT ["/busybox"]', "-", IMAGE]
    subprocess.run(entry, input=packed, capture_output=True, check=True)
    docker("rm", "-f", NAME, check=False)
    docker("run", "-d", "--name", NAME, "--label", "stackops.test=1", "--network", "none", IMAGE, "sleep", "600")
    yield standing()
    docker("rm", "-f", NAME)


def standing() -> tuple[int, str]:
    state = json.loads(docker("inspect", NAME))[0]["State"]
    assert state["Running"]
    return state["Pid"], state["StartedAt"]


class Command:
    """The installed command, with a state folder and settings of its own, looking at nobody's project."""

    def __init__(self, folder: Path, *seed: str) -> None:
        self.folder = folder
        self.settings = folder / "stackops.toml"
        self.settings.write_text(f"[mirrors]\nseed = {json.dumps(seed or ['http://127.0.0.1:9'])}\n[fix]\nsettle = 1\n")

    def __call__(self, *arguments: str, failpoint: str | None = None) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "STACKOPS_STATE_DIR": str(self.folder / "state"), "NO_COLOR": "1", "COLUMNS": "200"}
        env["STACKOPS_CONFIG"] = str(self.settings)
        if failpoint:
            (self.folder / "failpoints").mkdir(exist_ok=True)
            env |= {"STACKOPS_FAILPOINT": failpoint, "STACKOPS_FAILPOINT_DIR": str(self.folder / "failpoints")}
        program = str(Path(sys.executable).with_name("stackops"))
        return subprocess.run(
            [program, *arguments, "--project", NOBODY],
            env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=110, check=False,
        )  # fmt: skip

    def needs(self, image: str) -> None:
        """A project that nobody has started yet, so that a mirror is judged by what it wants."""
        folder = self.folder / NOBODY
        folder.mkdir()
        (folder / "docker-compose.yml").write_text(f"services: {{db: {{image: {image}}}}}\n")
        self.settings.write_text(f'project_dirs = ["{folder}"]\n{self.settings.read_text()}')

    def result(self) -> dict[str, Any]:
        done = self("check", "--json", CHECK)
        assert done.returncode in (0, 1), done.stderr
        (one,) = json.loads(done.stdout)["results"]
        return one


def test_a_dead_mirror_is_replaced_by_one_that_works_and_nothing_restarts(own_engine, container, tmp_path):
    with nobody() as dead, registry("healthy") as good:
        old = b'{\n    "registry-mirrors": ["' + dead.encode() + b'"],\n    "max-concurrent-downloads": 3\n}\n'
        reload_to(old, [dead])
        command, engine = Command(tmp_path, good.url), dockerd()
        found = command.result()
        assert (found["status"], found["severity"]) == ("finding", "warning")
        assert dead in found["title"]
        assert found["fix"]["safety"] == "safe"
        assert not good.requests, "nobody of the list is asked before one has to be chosen"

        shown = command("fix", CHECK, "--dry-run")
        assert shown.returncode == 0, shown.stderr
        assert f'+    "registry-mirrors": ["{good.url}"],' in shown.stdout
        assert (FILE.read_bytes(), effective()) == (old, [dead])

        done = command("fix", CHECK, "--yes")
        assert done.returncode == 0, done.stderr
        assert effective() == [good.url]
        assert FILE.read_bytes() == old.replace(dead.encode(), good.url.encode())
        assert standing() == container, "the same process, never restarted"
        assert dockerd() == engine
        assert command.result()["status"] == "ok"

        asked = good.asked
        again = command("fix", CHECK, "--yes")
        assert (again.returncode, "nothing to do" in again.stdout) == (0, True)
        assert good.asked - asked < 3

        undone = command("undo", "--yes")
        assert undone.returncode == 0, undone.stderr
        assert (FILE.read_bytes(), effective()) == (old, [dead])
        assert standing() == container


def address_of_the_bridge() -> str:
    """This machine as containers see it: no loopback, for there an Engine accepts every certificate."""
    told = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]
    return told.get("Gateway") or "127.0.0.1"


MIRRORS = {
    "closed": "refuses images",
    "allow-list": "refuses images",
    "page": "is no registry",
    "garbage": "is no registry",
    "hangs": "does not answer",
    "https": "certificate",
    "login": "wants a login",
    "broken": "is dead",
}
"""Kind of support/registries.py -> words of the title. fact: mongo-docker-db 4.2, 4.4"""


@pytest.mark.parametrize("kind", MIRRORS)
def test_a_mirror_that_is_of_no_use_is_told_by_its_answer_and_replaced(own_engine, container, tmp_path, kind):
    with registry(kind, folder=tmp_path, host=address_of_the_bridge()) as bad, registry("healthy") as good:
        old = json.dumps({"registry-mirrors": [bad.url], "max-concurrent-downloads": 3}).encode()
        reload_to(old, [bad.url])
        command, engine = Command(tmp_path, good.url), dockerd()
        command.needs("pgvector/pgvector:0.8.0-pg15")
        found = command.result()
        assert (found["status"], MIRRORS[kind] in found["title"]) == ("finding", True), found
        assert bad.url in found["title"]
        done = command("fix", CHECK, "--yes")
        assert done.returncode == 0, done.stderr
        assert effective() == [good.url]
        assert json.loads(FILE.read_bytes()) == {"registry-mirrors": [good.url], "max-concurrent-downloads": 3}
        assert (standing(), dockerd()) == (container, engine), "the same processes, never restarted"
        undone = command("undo", "--yes")
        assert undone.returncode == 0, undone.stderr
        assert (FILE.read_bytes(), effective()) == (old, [bad.url])
        assert standing() == container


@pytest.mark.parametrize("kind", ["busy", "empty"])
def test_a_mirror_that_only_has_too_much_to_do_or_lacks_an_image_is_left_alone(own_engine, tmp_path, kind):
    """fact: mongo-docker-db 4.2: a 429 goes by, and a 404 falls through at once."""
    with registry(kind) as one:
        reload_to(json.dumps({"registry-mirrors": [one.url]}).encode(), [one.url])
        command = Command(tmp_path)
        found = command.result()
        assert found["status"] != "finding", found
        assert any(one.url in row["label"] + row["value"] for row in found["evidence"]), found
        asked = one.asked
        assert command("fix", CHECK, "--yes").returncode in (0, 5)
        assert effective() == [one.url]
        assert one.asked <= asked + 4, "it is asked again, and not more"


def text_for_a_list(url: str) -> object:
    return url


def no_scheme(url: str) -> object:
    return [url.removeprefix("http://")]


def slash_and_path(url: str) -> object:
    return [f"{url}/v2/"]


@pytest.mark.parametrize("written", [text_for_a_list, slash_and_path], ids=lambda one: one.__name__)
def test_a_list_that_would_stop_the_next_start_is_put_right(own_engine, container, tmp_path, written):
    """fact: mongo-docker-db 4.1: a string in place of a list, and a path, are refused; a reload keeps the old list."""
    with registry("healthy") as good:
        reload_to(b'{"registry-mirrors": []}', [])
        old = json.dumps({"registry-mirrors": written(good.url)}).encode()
        FILE.write_bytes(old)
        os.kill(dockerd(), signal.SIGHUP)
        command, engine = Command(tmp_path, good.url), dockerd()
        found = command.result()
        assert (found["status"], found["severity"]) == ("finding", "error"), found
        done = command("fix", CHECK, "--yes")
        assert done.returncode == 0, done.stderr
        assert effective() == [good.url]
        assert json.loads(FILE.read_bytes()) == {"registry-mirrors": [good.url]}
        assert (standing(), dockerd()) == (container, engine)
        undone = command("undo", "--yes")
        assert undone.returncode == 0, undone.stderr
        assert FILE.read_bytes() == old
        assert standing() == container


def test_a_file_is_made_and_goes_again_with_the_engines_list(own_engine, container, tmp_path):
    """Without the key in the file a reload keeps the old list: taking back needs more than the file's old bytes."""
    with nobody() as dead, registry("open") as good:
        reload_to(b'{"registry-mirrors": ["' + dead.encode() + b'"]}', [dead])
        FILE.unlink()
        command = Command(tmp_path)
        assert command.result()["status"] == "finding"
        done = command("fix", CHECK, "--yes", "--set", f"mirror={good.url}/")
        assert done.returncode == 0, done.stderr
        assert json.loads(FILE.read_bytes()) == {"registry-mirrors": [good.url]}
        assert effective() == [good.url]
        undone = command("undo", "--yes")
        assert undone.returncode == 0, undone.stderr
        assert not FILE.exists()
        assert effective() == [dead]
        assert standing() == container


def test_clearing_writes_an_empty_list_which_the_engine_takes(own_engine, tmp_path):
    with nobody() as dead:
        reload_to(b'{"registry-mirrors": ["' + dead.encode() + b'"]}', [dead])
        reload_to(b"{}", [dead])  # the key is gone, and the Engine keeps its list
        command = Command(tmp_path)
        assert "dead" in command.result()["title"]
        done = command("fix", CHECK, "--yes", "--set", "mirror=none")
        assert done.returncode == 0, done.stderr
        assert effective() == []
        assert json.loads(FILE.read_bytes()) == {"registry-mirrors": []}
        assert command("undo", "--yes").returncode == 0
        assert (FILE.read_bytes(), effective()) == (b"{}", [dead])


def test_a_choice_that_does_not_answer_is_taken_back(own_engine, tmp_path):
    with nobody() as dead, nobody() as worse:
        old = b'{"registry-mirrors": ["' + dead.encode() + b'"]}'
        reload_to(old, [dead])
        done = Command(tmp_path)("fix", CHECK, "--yes", "--set", f"mirror={worse}")
        assert done.returncode == 4, done.stderr
        assert (FILE.read_bytes(), effective()) == (old, [dead])


def test_a_changed_file_is_only_reloaded_and_a_misspelt_key_gets_its_name(own_engine, tmp_path):
    with registry("healthy") as good:
        FILE.write_text(json.dumps({"registry-mirrors": [good.url]}))
        command = Command(tmp_path)
        assert "not those the Engine uses" in command.result()["title"]
        done = command("fix", CHECK, "--yes")
        assert done.returncode == 0, done.stderr
        assert effective() == [good.url]
        reload_to(b'{"registry-mirrors": []}', [])

        FILE.write_text(f'{{"registry-mirror": ["{good.url}"], "max-concurrent-downloads": 3}}')
        assert "does nothing" in command.result()["title"]
        done = command("fix", CHECK, "--yes")
        assert done.returncode == 0, done.stderr
        assert effective() == [good.url]
        assert json.loads(FILE.read_bytes()) == {"registry-mirrors": [good.url], "max-concurrent-downloads": 3}
        assert command("undo", "--yes").returncode == 0
        assert (json.loads(FILE.read_bytes())["registry-mirror"], effective()) == ([good.url], [])


def test_what_would_keep_docker_from_starting_is_named_and_not_touched(own_engine, tmp_path):
    old, before = b'{\n  "registry-mirrors": ["https://a.example"],\n}\n', effective()
    FILE.write_bytes(old)
    command = Command(tmp_path)
    found = command.result()
    assert (found["severity"], found["fix"]["safety"]) == ("error", "manual")
    said = next(row for row in found["evidence"] if row["label"] == "at the next start")
    assert (said["source"], "line 2, column 44" in said["value"]) == (str(FILE), True)
    done = command("fix", CHECK, "--yes")
    assert done.returncode == 5
    assert "do not restart Docker" in done.stderr
    assert (FILE.read_bytes(), effective()) == (old, before)


@pytest.mark.parametrize("failpoint", ["after_backup", "before_restart", "after_step", "before_verify", "in_rollback"])
def test_a_kill_at_any_point_is_taken_back_whole(own_engine, tmp_path, failpoint):
    with nobody() as dead, registry("open") as good:
        reload_to(b'{"registry-mirrors": ["' + dead.encode() + b'"]}', [dead])
        FILE.unlink()
        command = Command(tmp_path)
        chosen = f"{good.url}" if failpoint != "in_rollback" else "http://127.0.0.1:9"
        killed = command("fix", CHECK, "--yes", "--set", f"mirror={chosen}", failpoint=failpoint)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        (entry,) = _open(command)
        back = command("rollback", entry, "--yes")
        assert back.returncode == 0, back.stderr
        assert not FILE.exists()
        assert effective() == [dead]


def test_a_kill_in_the_middle_of_the_way_back_is_gone_on_with(own_engine, tmp_path):
    """The file is there for a moment, so that the Engine drops its list; a kill just then leaves it behind."""
    with nobody() as dead, registry("open") as good:
        reload_to(b'{"registry-mirrors": ["' + dead.encode() + b'"]}', [dead])
        FILE.unlink()
        command = Command(tmp_path)
        assert command("fix", CHECK, "--yes", "--set", f"mirror={good.url}").returncode == 0
        killed = command("undo", "--yes", failpoint="before_restart")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert FILE.exists(), "it was killed where it was meant to be"
        (entry,) = _open(command)
        resumed = command("resume", entry, "--yes")
        assert resumed.returncode == 0, resumed.stderr
        assert not FILE.exists()
        assert effective() == [dead]


def _open(command: Command) -> list[str]:
    done = command("journal", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["entries"]
    return [row["entry"] for row in rows if row["state"] == "open"]
