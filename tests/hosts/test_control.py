"""Acts on containers, and what stands in their way."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.hosts import EngineFailed, EngineUnreachable, HostError, NotFound, ReadOnlyRefused
from stackops.console.hosts.local import control as control_module
from stackops.console.hosts.local import open_local
from stackops.console.hosts.local.address import Address, Tls, find_address, parse
from stackops.console.hosts.local.client import Client
from stackops.console.hosts.local.compose import environment, find_compose, run
from stackops.console.hosts.local.control import LocalControl
from stackops.console.settings import Settings
from support.fake_engine import FakeEngine, container, container_id
from support.proxy import Proxy, Toxic

WEB = container_id("web")


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    with FakeEngine(container("web"), container("done", state="exited")).in_thread() as fake:
        yield fake


def control(url: str) -> LocalControl:
    return LocalControl(Client(parse(url)))


def program(folder: Path, name: str, body: str) -> None:
    place = folder / name
    place.write_text(f"#!{sys.executable}\n{body}\n")
    place.chmod(0o755)


def test_containers_are_restarted_stopped_started_and_removed(fake: FakeEngine) -> None:
    acts = control(fake.url)
    acts.restart(WEB, stop_timeout=0)
    assert "POST /v1.41/containers/" + WEB + "/restart?t=0" in fake.targets
    acts.stop("web", stop_timeout=1)
    assert fake.containers[WEB]["State"]["Status"] == "exited"
    acts.start("web")
    assert fake.containers[WEB]["State"]["Running"]
    acts.remove("done")
    assert container_id("done") not in fake.containers
    assert "v=False&link=False&force=False" in fake.targets[-1] or "force" in fake.targets[-1]


def test_a_container_that_is_gone_is_not_found(fake: FakeEngine) -> None:
    for name in ("gone", "-rf", "$(id)", "a;b", "../x", ""):
        with pytest.raises(NotFound):
            control(fake.url).restart(name)


def test_the_engines_refusal_is_told_in_its_own_words(fake: FakeEngine) -> None:
    fake.refuse["/containers/*/start"] = (500, "driver failed: \x1b[31mport is already allocated")
    with pytest.raises(EngineFailed, match="port is already allocated") as caught:
        control(fake.url).start("web")
    assert "\x1b" not in str(caught.value)
    fake.refuse["/containers/*/start"] = (409, "removal in progress")
    with pytest.raises(EngineFailed, match=r"refused the request \(409\): removal in progress"):
        control(fake.url).start("web")


def test_no_engine_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="no Engine at"):
        control(f"unix://{tmp_path}/none").restart("web")


async def test_an_engine_that_hangs_in_an_act_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "SPARE", 0)
    async with FakeEngine(container("web")) as fake, Proxy(fake.socket) as proxy:
        proxy.set(Toxic("hang"), "/restart")
        acts = control(proxy.url)
        begin = time.monotonic()
        with pytest.raises(EngineUnreachable):
            await asyncio.to_thread(acts.restart, WEB, stop_timeout=1)
        assert time.monotonic() - begin < 3


async def test_a_trickling_answer_cannot_hold_an_act(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "SPARE", 0)
    async with FakeEngine(container("web")) as fake, Proxy(fake.socket) as proxy:
        fake.refuse["/containers/*/restart"] = (500, "x" * 200)
        proxy.set(Toxic("slow", 5), "/restart")
        acts = control(proxy.url)
        begin = time.monotonic()
        with pytest.raises(EngineUnreachable, match="not answering"):
            await asyncio.to_thread(acts.restart, WEB, stop_timeout=1)
        assert time.monotonic() - begin < 3
        with pytest.raises(EngineUnreachable, match="not answering"):  # while that one hangs, no second one is sent
            await asyncio.to_thread(acts.restart, WEB, stop_timeout=1)
        assert sum("/restart" in line for line in proxy.requests) == 1


def test_read_only_sends_nothing(fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "docker", f"open({str(tmp_path / 'called')!r}, 'w')")
    monkeypatch.setenv("PATH", str(tmp_path))
    for host in (
        open_local(Settings(host=fake.url, read_only=True)),
        open_local(Settings(host=fake.url), read_only=True),
    ):
        assert host.read_only
        for act in (
            lambda acts: acts.restart(WEB),
            lambda acts: acts.start(WEB),
            lambda acts: acts.stop(WEB),
            lambda acts: acts.remove(WEB),
            lambda acts: acts.compose("p", "/", [], ["up"]),
            lambda acts: acts.shell(WEB),
        ):
            with pytest.raises(ReadOnlyRefused, match="read-only"):
                act(host.control)
    assert fake.targets == []
    assert not (tmp_path / "called").exists()


COMPOSE = """
import os, sys
if sys.argv[-2:] == ["version", "--short"]:
    print("{version}")
else:
    print("\\x1b[31m" + "|".join(sys.argv[1:]), os.environ.get("DOCKER_HOST"), os.environ.get("COMPOSE_ANSI"))
    sys.exit(3)
"""


@pytest.mark.parametrize(
    ("name", "version"), [("docker", "2.26.1-4"), ("docker-compose", "v2.3.0"), ("docker", "5.0.0")]
)
def test_compose_is_called_with_a_project_its_folder_and_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: str
) -> None:
    program(tmp_path, name, COMPOSE.replace("{version}", version))
    monkeypatch.setenv("PATH", str(tmp_path))
    said = control("unix:///x/docker.sock").compose(
        "my p", "/srv/$(id)", ["/srv/a.yml", "/srv/b.yml"], ["up", "-d", "--", "-rf"]
    )
    expected = [
        "-p",
        "my p",
        "--project-directory",
        "/srv/$(id)",
        "-f",
        "/srv/a.yml",
        "-f",
        "/srv/b.yml",
        "up",
        "-d",
        "--",
        "-rf",
    ]
    called = ["compose", *expected] if name == "docker" else expected
    assert said.exit_code == 3
    assert said.output.strip() == f"{'|'.join(called)} unix:///x/docker.sock never"
    assert list(said.argv[1:]) == called


def test_without_compose_v2_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="no Docker Compose v2"):
        control("unix:///x").compose("p", "/", [], ["up"])
    program(tmp_path, "docker", "import sys; sys.exit(1)")
    program(tmp_path, "docker-compose", "print('1.29.2')")
    with pytest.raises(HostError, match="no Docker Compose v2"):
        find_compose(os.environ)


def test_a_program_past_its_deadline_is_ended_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(child)!r}, 'w').write(str(p.pid)); print('pulling mongo', flush=True); time.sleep(60)"
    )
    begin = time.monotonic()
    with pytest.raises(HostError, match=r"still running after 1 s and was ended") as caught:
        run((sys.executable, "-c", script), os.environ, 1)
    assert time.monotonic() - begin < 4
    assert caught.value.remedy == "it last said: pulling mongo"
    time.sleep(0.1)
    status = Path(f"/proc/{child.read_text()}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_output_is_cleaned_and_clipped() -> None:
    said = run((sys.executable, "-c", "print('\\x1b]52;c;x\\x07bad'); print('y' * 300000)"), os.environ, 10)
    assert "\x1b" not in said.output
    assert len(said.output) < 70_000
    assert "bytes before this are left out" in said.output


def test_a_program_never_waits_for_an_answer() -> None:
    assert run((sys.executable, "-c", "print(input())"), os.environ, 10).exit_code == 1


def test_docker_commands_reach_the_same_engine() -> None:
    usual = find_address(None, {"HOME": "/nowhere"}, uid=54321)
    assert "DOCKER_HOST" not in environment({}, usual)
    named = parse("unix:///var/run/docker.sock")  # named by settings, while the docker command may have another context
    assert environment({"DOCKER_CONTEXT": "x"}, named)["DOCKER_HOST"] == "unix:///var/run/docker.sock"
    remote = Address("tcp://gpu:2376", host="gpu", port=2376, tls=Tls(ca="/keys/ca.pem"))
    found = environment({"DOCKER_CONTEXT": "x", "HOME": "/h"}, remote)
    assert (found["DOCKER_HOST"], found["DOCKER_TLS_VERIFY"], found["DOCKER_CERT_PATH"]) == (
        "tcp://gpu:2376",
        "1",
        "/keys",
    )
    assert "DOCKER_CONTEXT" not in found
    assert found["HOME"] == "/h"


def test_a_shell_is_an_argument_list() -> None:
    usual = LocalControl(Client(find_address(None, {"HOME": "/nowhere"}, uid=54321)))
    assert list(usual.shell("web"))[:4] == ["docker", "exec", "-it", "web"]
    remote = LocalControl(Client(Address("tcp://gpu:2376", host="gpu", port=2376, tls=Tls(ca="/k/ca.pem"))))
    assert list(remote.shell("web"))[:6] == [
        "docker",
        "--host",
        "tcp://gpu:2376",
        "--tlsverify",
        "--tlscacert",
        "/k/ca.pem",
    ]
    with pytest.raises(NotFound):
        remote.shell("-it")


def test_an_ssh_address_opens_and_says_why_nothing_comes() -> None:
    host = open_local(Settings(host="ssh://me@gpu"))
    for act in (
        lambda: host.control.restart("web"),
        lambda: host.control.compose("p", "/", [], []),
        lambda: host.control.shell("x"),
    ):
        with pytest.raises(EngineUnreachable, match="ssh"):
            act()
    assert host.kernel is not None


def test_a_remote_engine_has_no_kernel_here() -> None:
    assert open_local(Settings(host="tcp://gpu:2375")).kernel is None
    assert open_local(Settings(host="unix:///x")).kernel is not None


def test_the_host_is_named_by_its_root(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/hostname").write_text("gpubox\n")
    assert open_local(Settings(), root=str(tmp_path)).name == "gpubox"
    assert open_local(Settings(), root=str(tmp_path / "none")).name == os.uname().nodename
