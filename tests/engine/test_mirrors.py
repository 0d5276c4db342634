"""docker.registry-mirrors on the dockerd of this machine, by reload alone, registries on loopback, all put back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.busybox import OURS, busybox
from support.registries import nobody, registry
from support.second_engine import beside
from support.stacks import command as run_command
from support.stacks import docker, wait_for

CHECK, FILE = "docker.registry-mirrors", Path("/etc/docker/daemon.json")
KEPT = Path("/var/tmp/stackops-tests-daemon.json")
"""The Engine's file as it was, as long as a test may have changed it. After a run that was killed the next one puts it
back before it takes the file for the operator's; ``.ci/run`` does where no Engine answers, as what was left may be a
file with which dockerd does not start."""
IMAGE, NAME = f"{OURS}/mirrors", "stackops-test-mirrors"
NOBODY = "idle-project"


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


def put_back(before: bytes, mirrors: list[str]) -> None:
    """The file as it was. The list goes by itself first: fact: without the key a reload keeps the list as it is."""
    reload_to(json.dumps({**json.loads(before), "registry-mirrors": mirrors}).encode(), mirrors)
    reload_to(before, mirrors)


def after_a_killed_run() -> None:
    """What it left goes, and the operator's file comes back."""
    if KEPT.exists():
        kept = KEPT.read_bytes()
        put_back(kept, [one.rstrip("/") for one in json.loads(kept).get("registry-mirrors", ())])


@pytest.fixture
def own_engine() -> Iterator[None]:
    """The Engine's file and list as they were, whatever a test has done; skipped where they may not be touched."""
    if os.geteuid() != 0 or not Path("/var/run/docker.pid").exists():
        pytest.skip("reloading dockerd needs root and a dockerd on this machine")
    if "registry-mirror" in Path(f"/proc/{dockerd()}/cmdline").read_text():
        pytest.skip("this dockerd has its mirrors as a flag")
    FILE.parent.mkdir(exist_ok=True)
    after_a_killed_run()
    before, mirrors = FILE.read_bytes() if FILE.exists() else None, effective()
    KEPT.write_bytes(before or b"{}")
    try:
        yield
    finally:
        put_back(before or b"{}", mirrors)
        if before is None:
            FILE.unlink()
        KEPT.unlink()


def test_the_operators_file_outlives_a_run_that_was_killed(own_engine):
    kept, mirrors = KEPT.read_bytes(), effective()
    reload_to(b'{"registry-mirrors": ["http://127.0.0.1:9"]}', ["http://127.0.0.1:9"])
    after_a_killed_run()
    assert (FILE.read_bytes(), KEPT.read_bytes(), effective()) == (kept, kept, mirrors)


@pytest.fixture
def container() -> Iterator[tuple[int, str]]:
    """A container that runs before the fix: pid and start, which must not change."""
    with busybox("mirrors"):
        docker("rm", "-f", NAME, check=False)
        docker("run", "-d", "--name", NAME, "--label", "stackops.test=1", "--network", "none", IMAGE, "sleep", "600")
        yield standing()
        docker("rm", "-f", NAME)


def standing() -> tuple[int, str]:
    state = json.loads(docker("inspect", NAME))[0]["State"]
    assert state["Running"]
    return state["Pid"], state["StartedAt"]


class Command:
    """The command, with a state folder and settings of its own, looking at a project without a container."""

    def __init__(self, folder: Path, *seed: str) -> None:
        self.folder = folder
        self.settings = folder / "stackops.toml"
        (folder / NOBODY).mkdir()
        self.settings.write_text(
            f"project_dirs = [{json.dumps(str(folder / NOBODY))}]\n"
            f"[mirrors]\nseed = {json.dumps(seed or ['http://127.0.0.1:9'])}\n[fix]\nsettle = 1\n"
        )
        self._declare("services: {}\n")

    def __call__(self, *arguments: str, failpoint: str | None = None) -> subprocess.CompletedProcess[str]:
        env = {"STACKOPS_STATE_DIR": str(self.folder / "state"), "NO_COLOR": "1", "COLUMNS": "200"}
        env["STACKOPS_CONFIG"] = str(self.settings)
        if failpoint:
            (self.folder / "failpoints").mkdir(exist_ok=True)
            env |= {"STACKOPS_FAILPOINT": failpoint, "STACKOPS_FAILPOINT_DIR": str(self.folder / "failpoints")}
        return run_command([*arguments, "--project", NOBODY], env, killed=failpoint is not None)

    def needs(self, image: str) -> None:
        """A project that nobody has started yet, so that a mirror is judged by what it wants."""
        self._declare(f"services: {{db: {{image: {image}}}}}\n")

    def _declare(self, text: str) -> None:
        (self.folder / NOBODY / "docker-compose.yml").write_text(text)

    def result(self, check: str = CHECK) -> dict[str, Any]:
        done = self("check", "--json", check)
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


def address_of_this_machine() -> str:
    """No loopback, for there an Engine accepts every certificate. It does not always tell its bridge's gateway."""
    known = [row.address for rows in psutil.net_if_addrs().values() for row in rows if row.family == socket.AF_INET]
    return next((address for address in known if not address.startswith("127.")), "127.0.0.1")


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
    with registry(kind, folder=tmp_path, host=address_of_this_machine()) as bad, registry("healthy") as good:
        old = json.dumps({"registry-mirrors": [bad.url], "max-concurrent-downloads": 3}).encode()
        reload_to(old, [bad.url])
        command, engine = Command(tmp_path, good.url), dockerd()
        command.needs(IMAGE)  # which is on this machine, so that no pull fails for want of Docker Hub
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
        assert one.asked <= asked + 2 * 7, "it is asked again, for three images of whatever runs here, and not more"


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
    found = command.result("docker.daemon-json")
    assert (found["severity"], found["fix"]["safety"]) == ("error", "manual")
    said = next(row for row in found["evidence"] if row["label"] == "at the next start")
    assert (said["source"], "line 2, column 44" in said["value"]) == (str(FILE), True)
    done = command("fix", "docker.daemon-json", "--yes")
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


def test_of_two_engines_the_one_that_is_spoken_to_is_reloaded_and_no_other(own_engine, container, tmp_path):
    """Both ways: each repair changes one Engine's list and file, and leaves the other's alone."""
    old = '{"registry-mirrors": ["http://127.0.0.1:9"]}'
    with nobody() as dead, registry("healthy") as good, beside(old) as second:
        reload_to(json.dumps({"registry-mirrors": [dead]}).encode(), [dead])
        command, first, own = Command(tmp_path, good.url), dockerd(), FILE.read_bytes()
        done = command("--host", second.url, "fix", CHECK, "--yes", "--set", f"mirror={good.url}")
        assert done.returncode == 0, done.stderr
        assert (second.mirrors(), json.loads(second.file.read_bytes())) == (
            [good.url],
            {"registry-mirrors": [good.url]},
        )
        assert (effective(), FILE.read_bytes(), dockerd(), standing()) == ([dead], own, first, container)

        undone = command("undo", "--yes")  # told nothing, it speaks to the first: that is not where it was done
        assert (undone.returncode, second.url in undone.stderr) == (5, True), undone.stderr
        assert (second.mirrors(), effective(), FILE.read_bytes()) == ([good.url], [dead], own)
        undone = command("--host", second.url, "undo", "--yes")
        assert undone.returncode == 0, undone.stderr
        assert (second.mirrors(), second.file.read_text()) == (["http://127.0.0.1:9"], old)

        done = command("fix", CHECK, "--yes", "--set", f"mirror={good.url}")
        assert done.returncode == 0, done.stderr
        assert (effective(), second.mirrors()) == ([good.url], ["http://127.0.0.1:9"])
        assert (second.file.read_text(), dockerd(), standing()) == (old, first, container)


def test_an_engine_with_other_files_at_the_same_path_is_left_to_the_operator(own_engine, tmp_path):
    """Its /etc/docker/daemon.json is not the one of this machine: that one must not be changed in its place."""
    old = '{"registry-mirrors": ["http://127.0.0.1:9"]}'
    with registry("healthy") as good, beside(old, apart=True) as second:
        reload_to(json.dumps({"registry-mirrors": ["http://127.0.0.1:9"]}).encode(), ["http://127.0.0.1:9"])
        own = FILE.read_bytes()
        done = Command(tmp_path, good.url)("--host", second.url, "fix", CHECK, "--yes")
        assert done.returncode == 5, done.stderr
        assert f"sudo kill -HUP {second.pid}" in done.stderr
        assert (second.mirrors(), second.file.read_text()) == (["http://127.0.0.1:9"], old)
        assert (effective(), FILE.read_bytes()) == (["http://127.0.0.1:9"], own)


def _open(command: Command) -> list[str]:
    done = command("journal", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["entries"]
    return [row["entry"] for row in rows if row["state"] == "open"]
