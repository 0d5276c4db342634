"""Acts on containers, and what stands in their way."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from stackops.console.hosts import ComposeProject, EngineFailed, EngineUnreachable, HostError, NotFound, ReadOnlyRefused
from stackops.console.hosts.local import control as control_module
from stackops.console.hosts.local import open_local
from stackops.console.hosts.local.client import EngineClient
from stackops.console.hosts.local.control import LocalControl
from stackops.console.hosts.local.docker_command import (
    EngineAddress,
    Tls,
    environment,
    find_address,
    find_compose,
    parse,
    run,
)
from stackops.console.settings import Settings
from support.fake_engine import FakeEngine, container, container_id
from support.proxy import Proxy, Toxic

WEB = container_id("web")


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    with FakeEngine(container("web"), container("done", state="exited")).in_thread() as fake:
        yield fake


def control(url: str) -> LocalControl:
    return LocalControl(EngineClient(parse(url)))


def program(folder: Path, name: str, body: str) -> None:
    place = folder / name
    place.write_text(f"#!{sys.executable}\n{body}\n")
    place.chmod(0o755)


def test_containers_are_restarted_stopped_started_paused_killed_and_removed(fake: FakeEngine) -> None:
    acts = control(fake.url)
    acts.restart(WEB, stop_timeout=0)
    assert "POST /v1.41/containers/" + WEB + "/restart?t=0" in fake.targets
    acts.stop("web", stop_timeout=1)
    assert fake.containers[WEB]["State"]["Status"] == "exited"
    acts.start("web")
    assert fake.containers[WEB]["State"]["Running"]
    acts.pause("web")
    assert fake.containers[WEB]["State"]["Paused"]
    acts.unpause("web")
    assert not fake.containers[WEB]["State"]["Paused"]
    acts.kill("web")
    assert fake.targets[-1].partition("?")[0] == "POST /v1.41/containers/web/kill"
    acts.remove("done")
    assert container_id("done") not in fake.containers
    path, _, query = fake.targets[-1].partition("?")
    assert (path, dict(parse_qsl(query))) == (
        "DELETE /v1.41/containers/done", {"v": "False", "link": "False", "force": "False"},
    ), "no volume goes, and nothing that runs"  # fmt: skip


def test_a_restart_that_meets_another_stop_ends_with_a_start(fake: FakeEngine) -> None:
    acts = control(fake.url)
    acts.stop(WEB, stop_timeout=0)
    fake.refuse["/containers/*/restart"] = (500, f"Cannot restart container {WEB}: container {WEB} is not running")
    acts.restart(WEB, stop_timeout=0)
    assert fake.containers[WEB]["State"]["Running"]
    fake.refuse["/containers/*/restart"] = (500, "Cannot restart container: driver failed")
    with pytest.raises(EngineFailed, match="driver failed"):
        acts.restart(WEB, stop_timeout=0)


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
        with pytest.raises(EngineUnreachable):
            await asyncio.to_thread(acts.restart, WEB, stop_timeout=1)


async def test_a_trickling_answer_cannot_hold_an_act(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "SPARE", 0)
    async with FakeEngine(container("web")) as fake, Proxy(fake.socket) as proxy:
        fake.refuse["/containers/*/restart"] = (500, "x" * 200)
        proxy.set(Toxic("slow", 5), "/restart")  # the refusal would be there after 40 s
        acts = control(proxy.url)
        with pytest.raises(EngineUnreachable, match="not answering"):
            await asyncio.to_thread(acts.restart, WEB, stop_timeout=1)
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
            lambda acts: acts.kill(WEB),
            lambda acts: acts.pause(WEB),
            lambda acts: acts.unpause(WEB),
            lambda acts: acts.remove(WEB),
            lambda acts: acts.compose(ComposeProject("p", "/"), ["up"]),
            lambda acts: acts.shell(WEB),
        ):
            with pytest.raises(ReadOnlyRefused, match="read-only"):
                act(host.control)
    assert fake.targets == []
    assert not (tmp_path / "called").exists()


SRV = ComposeProject("p", "/srv", ["/srv/c.yml"])
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
        ComposeProject("my p", "/srv/$(id)", ["/srv/a.yml", "/srv/b.yml"]), ["up", "-d", "--", "-rf"]
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


CONFIG = """
import json, os, pathlib, sys
words = sys.argv[1:]
if words[-2:] == ["version", "--short"]:
    print("2.26.1")
else:
    paths = [words[at + 1] for at, word in enumerate(words) if word in ("-f", "--env-file")]
    told = {"words": words, "texts": {path: pathlib.Path(path).read_text() for path in paths}, "pwd": os.environ["PWD"]}
    pathlib.Path(words[words.index("-o") + 1]).write_text(json.dumps(told))
    print("warning: nothing to see", file=sys.stderr)
    sys.exit({code})
"""


@pytest.mark.parametrize("read_only", [True, False])
def test_what_compose_would_make_is_read_from_edited_files_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    program(tmp_path, "docker", CONFIG.replace("{code}", "0"))
    for name in ("c.yml", "o.yml", "prod.env", ".env"):
        (tmp_path / name).write_text(f"{name} on disk")
    (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://p:1"}}}')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    compose, override, env, dotenv = (str(tmp_path / name) for name in ("c.yml", "o.yml", "prod.env", ".env"))
    acts = LocalControl(EngineClient(parse("unix:///x/docker.sock")), read_only=read_only)

    def asked(env_files: Any = (), **how: Any) -> dict[str, Any]:
        found = acts.service_config(ComposeProject("p", str(tmp_path), [compose, override], env_files), "api", **how)
        assert found.added == {"HTTP_PROXY": "http://p:1", "http_proxy": "http://p:1"}
        return json.loads(found.text)

    told = asked(env_files=[env], edited={override: b"as it would be"})
    assert list(told["texts"].values()) == ["c.yml on disk", "as it would be", "prod.env on disk"]
    assert told["words"][-1] == "api"
    assert told["pwd"] == str(tmp_path)
    assert "--env-file" not in asked()["words"]
    edited = asked(edited={dotenv: b"A=1"})
    assert list(edited["texts"].values())[-1] == "A=1"
    assert not any(Path(path).exists() for path in edited["texts"] if not path.startswith(str(tmp_path)))


def test_files_that_compose_refuses_are_named_as_their_owner_knows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = "import sys; print('bad: ' + sys.argv[sys.argv.index('-f') + 1]); sys.exit(15)"
    first = "import sys\nif sys.argv[-1] == '--short': print('2.26.1'); sys.exit()\n"
    program(tmp_path, "docker", first + refuses)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match=r"Compose refuses the files as they would be: bad: /srv/c\.yml"):
        control("unix:///x/docker.sock").service_config(SRV, "api", edited={"/srv/c.yml": b""})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "docker compose config of the files in /srv ended with exit code 1: no space left on device"),
        (-9, "docker compose config of the files in /srv ended with exit code -9: no space left on device"),
        (14, "Compose refuses the files in /srv: no space left on device"),
    ],
)
def test_compose_is_said_to_refuse_files_only_where_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    ends = f"os.kill(os.getpid(), {-code})" if code < 0 else f"sys.exit({code})"
    says = "print('no space left on device', flush=True)"
    program(
        tmp_path, "docker", f"import os, sys\nif sys.argv[-1] == '--short': print('2.26.1'); sys.exit()\n{says}\n{ends}"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    for ask in ("service_config", "service_hashes"):
        more = ("api",) if ask == "service_config" else ()
        with pytest.raises(HostError) as refused:
            getattr(control("unix:///x/docker.sock"), ask)(SRV, *more)
        assert str(refused.value) == words


@pytest.mark.parametrize("writes", [True, False])
def test_what_fails_beside_the_state_folder_is_not_put_down_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: bool
) -> None:
    """Compose that writes nothing, and a temporary folder that takes no file."""
    version = "import sys\nif sys.argv[-1] == '--short': print('2.26.1')"
    for name in ("docker", "dockerd"):
        program(tmp_path, name, version)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path if writes else tmp_path / "none"))
    with pytest.raises(HostError) as failed:
        control("unix:///x/docker.sock").service_config(SRV, "api", edited={"/srv/c.yml": b""})
    assert "state folder" not in str(failed.value)
    assert ("config wrote nothing" if writes else "no temporary file for what") in str(failed.value)
    assert list((tmp_path / "state" / "scratch").iterdir()) == []
    assert (control_module.validate(b"{}") is not None) is writes


@pytest.mark.parametrize("first", ["broken", "hangs"])
def test_compose_that_cannot_be_run_is_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    program(tmp_path, "docker", "import time; time.sleep(60)")
    if first == "broken":
        (tmp_path / "docker").write_bytes(b"\x7fELF")
    monkeypatch.setattr("stackops.console.hosts.local.docker_command.LOOK", 0.2)
    with pytest.raises(
        HostError, match=r"cannot be asked for its version: .*docker.* (cannot be started|still running)"
    ):
        find_compose({"PATH": str(tmp_path)})
    program(tmp_path, "docker-compose", "print('2.26.1')")
    (tmp_path / "docker").write_bytes(b"\x7fELF")
    monkeypatch.setattr("stackops.console.hosts.local.docker_command.LOOK", 60.0)
    assert find_compose({"PATH": str(tmp_path)}) == (str(tmp_path / "docker-compose"),)


def test_without_compose_v2_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="no Docker Compose v2"):
        control("unix:///x").compose(ComposeProject("p", "/"), ["up"])
    program(tmp_path, "docker", "import sys; sys.exit(1)")
    program(tmp_path, "docker-compose", "print('1.29.2')")
    with pytest.raises(HostError, match="no Docker Compose v2"):
        find_compose(os.environ)


def test_a_program_past_its_deadline_is_ended_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 3600 & echo $! > {shlex.quote(str(child))}; echo pulling mongo; wait"
    with pytest.raises(HostError, match=r"still running after 2 s and was ended") as caught:
        run(("/bin/sh", "-c", script), os.environ, 2)
    assert caught.value.remedy == "it last said: pulling mongo"
    status = Path(f"/proc/{child.read_text().strip()}/stat")
    while state_in(status) not in ("", "Z"):  # a kill takes its time
        time.sleep(0.01)


def state_in(status: Path) -> str:
    """The letter of a process's state; "" when there is none."""
    try:
        return status.read_text().rpartition(") ")[2][:1]
    except OSError:
        return ""


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
    remote = EngineAddress("tcp://gpu:2376", host="gpu", port=2376, tls=Tls(ca="/keys/ca.pem"))
    found = environment({"DOCKER_CONTEXT": "x", "HOME": "/h"}, remote)
    assert (found["DOCKER_HOST"], found["DOCKER_TLS_VERIFY"], found["DOCKER_CERT_PATH"]) == (
        "tcp://gpu:2376",
        "1",
        "/keys",
    )
    assert "DOCKER_CONTEXT" not in found
    assert found["HOME"] == "/h"


def test_a_shell_is_an_argument_list() -> None:
    usual = LocalControl(EngineClient(find_address(None, {"HOME": "/nowhere"}, uid=54321)))
    assert list(usual.shell("web"))[:4] == ["docker", "exec", "-it", "web"]
    remote = LocalControl(EngineClient(EngineAddress("tcp://gpu:2376", host="gpu", port=2376, tls=Tls(ca="/k/ca.pem"))))
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
        lambda: host.control.compose(ComposeProject("p", "/"), []),
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
