"""A recreate brings back what the container was started with, or is refused: judged by ``docker inspect`` alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stackops.console.fix.engine import Fixer, Outcome, PreparedPlan
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import AddVolume, ComposeUp, EditFile, EnvLine
from stackops.console.hosts import HostError
from stackops.console.hosts.local import open_local
from stackops.console.model.findings import Result
from stackops.console.settings import Settings
from support.busybox import busybox

pytestmark = pytest.mark.engine
SECRET = "Qz7pLm2xRt9w"
COMPOSE = """services:
  api:
    image: IMAGE
    command: ["sleep", "600"]
    stop_grace_period: 1s
    environment:
      MONGO_URI: mongodb://root:${MONGO_PASSWORD}@mongo/chat
      PLAIN: ${PLAIN:-usual}
    volumes:
      - ${DATA:-./data}:/data
"""


def docker(*arguments: str, stdin: bytes | None = None, **env: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, check=False, env={**os.environ, **env}
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """An image with everything an image can give by itself, so that nothing of it is taken for a difference."""
    with busybox("recreate", 'CMD ["true"]', "ENV OWN=1", "USER 0", "VOLUME /own", "WORKDIR /own") as name:
        yield name


class Stack:
    """A running service, and a fix that adds one mount to it."""

    def __init__(self, base: Path, image: str) -> None:
        self.folder = base / "project"
        self.folder.mkdir()
        self.name = f"so-recreate-{abs(hash(str(base))) % 10**8}"
        self.compose = self.write("docker-compose.yml", COMPOSE.replace("IMAGE", image))
        self.override = str(self.folder / "docker-compose.override.yml")
        self.write("extra.yaml", "version: 1\n")
        self.journal = Journal(base / "state")

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def up(self, *flags: str, **env: str) -> dict[str, Any]:
        docker("compose", "-p", self.name, "--project-directory", str(self.folder), *self.files, *flags, "up", "-d",
               **env)  # fmt: skip
        return self.inspect()

    @property
    def files(self) -> tuple[str, ...]:
        return ("-f", self.compose)

    def inspect(self) -> dict[str, Any]:
        return json.loads(docker("inspect", f"{self.name}-api-1"))[0]

    def fixer(self) -> Fixer:
        def look() -> Result:
            there = "/app/extra.yaml" in made_of(self.inspect())["mounts"]
            return Result("test", "api", "ok" if there else "finding", "t")

        return Fixer(open_local(Settings()), self.journal, look)

    def prepare(self, **given: Any) -> PreparedPlan:
        edit = EditFile(self.override, (AddVolume("api", "./extra.yaml", "/app/extra.yaml"),), create=True)
        up = ComposeUp(self.name, str(self.folder), (self.compose, self.override), "api", **given)
        plan = Plan("test", "api", "t", (edit, up), lock=str(self.folder), settle=0.0, deadline=5.0, restarts=("api",))
        return self.fixer().prepare(plan)

    def fix(self) -> Outcome:
        return self.fixer().run(self.prepare())

    def undo(self, outcome: Outcome) -> Outcome:
        return self.fixer().undo(outcome.entry or "")

    def down(self) -> None:
        docker("compose", "-p", self.name, "down", "-v", "-t", "0")


@pytest.fixture
def stack(image: str, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, image)
    yield made
    made.down()


def made_of(one: dict[str, Any]) -> dict[str, Any]:
    """What the Engine says that a container is made with."""
    mounts = {m["Destination"]: m.get("Name") or m["Source"] for m in one["Mounts"]}
    networks = {name: sorted(set(n["Aliases"] or ()) - {one["Id"][:12]})
                for name, n in one["NetworkSettings"]["Networks"].items()}  # fmt: skip
    return {
        "image": one["Image"], "env": sorted(one["Config"]["Env"]), "mounts": mounts, "networks": networks,
        "command": one["Config"]["Cmd"], "entrypoint": one["Config"]["Entrypoint"], "user": one["Config"]["User"],
        "ports": one["HostConfig"]["PortBindings"], "devices": one["HostConfig"]["Devices"],
    }  # fmt: skip


def without(made: dict[str, Any], target: str) -> dict[str, Any]:
    return {**made, "mounts": {at: source for at, source in made["mounts"].items() if at != target}}


@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_a_fix_and_its_undo_keep_what_env_files_gave(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    stack.write(".env", "MONGO_PASSWORD=of-the-other-file\nDATA=./other\n")
    first = stack.write("prod.env", f"MONGO_PASSWORD=overruled\nDATA={stack.folder}/prod-data\n")
    second = stack.write("secret.env", f"MONGO_PASSWORD={SECRET}\n")
    monkeypatch.chdir(stack.folder)
    names = ("prod.env", "secret.env") if relative else (first, second)
    before = made_of(stack.up(*(part for name in names for part in ("--env-file", name))))
    assert f"MONGO_URI=mongodb://root:{SECRET}@mongo/chat" in before["env"]
    assert before["mounts"]["/data"] == f"{stack.folder}/prod-data"
    monkeypatch.chdir("/")

    outcome = stack.fix()

    assert outcome.name == "done", outcome
    fixed = made_of(stack.inspect())
    assert fixed["mounts"]["/app/extra.yaml"] == f"{stack.folder}/extra.yaml"
    assert without(fixed, "/app/extra.yaml") == before

    undone = stack.undo(outcome)

    assert undone.sentence == "Undone: t"
    assert made_of(stack.inspect()) == before


@pytest.mark.parametrize("way", ["rolled back", "undone"])
def test_a_service_that_had_no_container_has_none_afterwards(stack: Stack, way: str) -> None:
    fixer = stack.fixer()
    fixer.look = lambda: Result("test", "api", "finding" if way == "rolled back" or not listed(stack) else "ok", "t")

    outcome = fixer.run(stack.prepare())

    if way == "undone":
        assert (outcome.name, len(listed(stack))) == ("done", 1)
        outcome = stack.undo(outcome)
    assert (outcome.name, listed(stack)) == ({"undone": "done"}.get(way, "rolled-back"), []), outcome
    assert not Path(stack.override).exists()


def listed(stack: Stack) -> list[str]:
    return docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}").split()


def test_the_command_that_is_shown_names_the_env_files(stack: Stack) -> None:
    path = stack.write("prod.env", "MONGO_PASSWORD=x\n")
    stack.up("--env-file", path)
    assert f"--env-file {path}" in stack.prepare().steps[-1].diff


@pytest.mark.parametrize(
    ("name", "value"), [("MONGO_PASSWORD", SECRET), ("DATA", "/srv/of-the-shell"), ("PLAIN", "odd")]
)
def test_a_variable_of_a_shell_that_is_gone_refuses_the_fix(stack: Stack, name: str, value: str) -> None:
    given = {"MONGO_PASSWORD": "in-the-file"} if name != "MONGO_PASSWORD" else {}
    stack.write(".env", "".join(f"{key}={text}\n" for key, text in given.items()))
    if name == "DATA":
        value = f"{stack.folder}/of-the-shell"
    was = stack.up(**{name: value})

    with pytest.raises(HostError) as refusal:
        stack.prepare()

    assert f"another value of {name}" in str(refusal.value)
    assert f"{name} back" in (refusal.value.remedy or "")
    assert f"{stack.folder}/.env" in (refusal.value.remedy or "")
    assert value not in f"{refusal.value}{refusal.value.remedy}"
    assert stack.inspect()["Id"] == was["Id"]
    assert not Path(stack.override).exists()


def test_the_variable_given_back_lets_the_fix_go_on(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made_of(stack.up(MONGO_PASSWORD=SECRET))
    monkeypatch.setenv("MONGO_PASSWORD", SECRET)
    outcome = stack.fix()
    assert outcome.name == "done", outcome
    assert without(made_of(stack.inspect()), "/app/extra.yaml") == before

    monkeypatch.delenv("MONGO_PASSWORD")
    refused = stack.undo(outcome)
    assert (refused.name, "MONGO_PASSWORD" in refused.sentence) == ("refused", True)
    assert without(made_of(stack.inspect()), "/app/extra.yaml") == before


def test_edits_that_wait_are_shown_masked_and_an_undo_that_cannot_take_them_back_says_so(stack: Stack) -> None:
    stack.write(".env", f"MONGO_PASSWORD={SECRET}\n")
    stack.up()
    stack.write(".env", "MONGO_PASSWORD=Changed8Since\nPLAIN=edited\n")
    compose = Path(stack.compose)
    compose.write_text(compose.read_text().replace('"600"', '"900"'))

    prepared = stack.prepare()

    shown = "\n".join(prepared.notes)
    for what in ("variable MONGO_URI: mongodb://root:", "variable PLAIN: usual → edited", '"600"] → ["sleep","900"]'):
        assert what in shown
    assert SECRET not in shown
    assert "Changed8Since" not in shown
    outcome = stack.fixer().run(prepared)
    assert outcome.name == "done", outcome
    assert "PLAIN=edited" in stack.inspect()["Config"]["Env"]

    undone = stack.undo(outcome)
    assert not undone.sentence.startswith("Undone")
    assert any("variable PLAIN: usual → edited" in line for line in undone.says), undone
    assert SECRET not in str(undone)
    assert "/app/extra.yaml" not in made_of(stack.inspect())["mounts"]


def test_a_stack_as_its_files_say_shows_no_difference(stack: Stack, image: str) -> None:
    (stack.folder / "s.txt").write_text("s")
    stack.write(".env", "MONGO_PASSWORD=pa$$word\n")
    stack.compose = stack.write("docker-compose.yml", COMPOSE.replace("IMAGE", image) + RICH)
    stack.up()
    assert stack.prepare().notes == ()


RICH = """      - named:/named:ro
      - /anonymous
      - {type: tmpfs, target: /tmp1}
    tmpfs: /tmp2
    ports: ["127.0.0.1:39471:80", "39472-39473:9000-9001/udp", "7"]
    devices: ["/dev/null:/dev/other"]
    extra_hosts: ["gate:host-gateway", "six:::1"]
    secrets: [s]
    networks: {default: {aliases: [other]}, second: }
    env_file: [{path: .env, required: true}]
    restart: unless-stopped
    mem_limit: 64m
    labels: {a: "b"}
    healthcheck: {test: "true"}
volumes: {named: }
secrets: {s: {file: ./s.txt}}
networks: {second: }
"""


def test_a_line_in_an_env_file_of_the_service_arrives_and_goes_again(stack: Stack) -> None:
    """Compose reads ``env_file`` from the disk, where the edit is not yet: it is foreseen all the same."""
    stack.write(".env", "MONGO_PASSWORD=x\nPLAIN=usual\n")
    Path(stack.compose).write_text(Path(stack.compose).read_text() + "    env_file: [.env]\n")
    before = made_of(stack.up())
    edit = EditFile(str(stack.folder / ".env"), (EnvLine("PLAIN", "odd"), EnvLine("ADDED", "1")))
    up = ComposeUp(stack.name, str(stack.folder), (stack.compose,), "api")
    plan = Plan("test", "api", "t", (edit, up), lock=str(stack.folder), settle=0.0, deadline=5.0, restarts=("api",))
    fixer = stack.fixer()
    fixer.look = lambda: Result(
        "test", "api", "ok" if "ADDED=1" in stack.inspect()["Config"]["Env"] else "finding", "t"
    )

    prepared = fixer.prepare(plan)
    assert prepared.notes == ()
    outcome = fixer.run(prepared)
    assert outcome.name == "done", outcome
    assert {"ADDED=1", "PLAIN=odd"} <= set(stack.inspect()["Config"]["Env"])
    undone = fixer.undo(outcome.entry or "")
    assert undone.sentence == "Undone: t", undone
    assert made_of(stack.inspect()) == before


def test_a_network_connected_by_hand_is_not_cut_off(stack: Stack) -> None:
    stack.write(".env", "MONGO_PASSWORD=x\n")
    was = stack.up()
    network = f"{stack.name}-byhand"
    docker("network", "create", network)
    try:
        docker("network", "connect", network, was["Id"])
        with pytest.raises(HostError, match=f"connected to the network {network} by hand"):
            stack.prepare()
        assert stack.inspect()["Id"] == was["Id"]
    finally:
        docker("network", "disconnect", "-f", network, was["Id"])
        docker("network", "rm", network)


def test_a_fix_that_loses_something_is_taken_back(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody edits a file between consent and the recreate: the container is not what was agreed to."""
    path = stack.write(".env", "MONGO_PASSWORD=first-one\n")
    before = made_of(stack.up())
    prepared, fixer = stack.prepare(), stack.fixer()
    compose, calls = fixer.host.control.compose, []

    def meanwhile(*arguments: Any, **given: Any) -> Any:
        calls.append(arguments)
        Path(path).write_text(f"MONGO_PASSWORD={'second-one' if len(calls) == 1 else 'first-one'}\n")
        return compose(*arguments, **given)

    monkeypatch.setattr(fixer.host.control, "compose", meanwhile)

    outcome = fixer.run(prepared)

    assert outcome.name == "rolled-back", outcome
    assert "api is not what the preview showed: variable MONGO_URI" in outcome.sentence
    assert "second-one" not in str(outcome)
    assert made_of(stack.inspect()) == before


def test_limits_that_were_changed_by_hand_are_shown_and_stop_no_fix(stack: Stack) -> None:
    """``docker update`` changes a container behind Compose's back: its hash stays what it was."""
    stack.write(".env", "MONGO_PASSWORD=x\n")
    was = stack.up()
    docker("update", "--restart", "always", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", was["Id"])
    prepared = stack.prepare()
    assert [note.partition("changes ")[2] for note in prepared.notes] == [
        "CPU limit: 0.5 cores → none", "memory limit: 67108864 bytes → none", "restart policy: always → none",
    ]  # fmt: skip
    outcome = stack.fixer().run(prepared)
    assert outcome.name == "done", outcome
    assert stack.inspect()["HostConfig"]["Memory"] == 0


def test_a_file_edited_after_the_preview_stops_the_fix_before_the_container_is_touched(stack: Stack) -> None:
    stack.write(".env", "MONGO_PASSWORD=first-one\n")
    was, prepared = stack.up(), stack.prepare()
    stack.write(".env", "MONGO_PASSWORD=second-one\n")

    outcome = stack.fixer().run(prepared)

    assert outcome.name == "rolled-back", outcome
    assert "edited since the preview: variable MONGO_URI" in outcome.sentence
    assert "second-one" not in str(outcome)
    now = stack.inspect()  # its mounts in any order
    assert (now["Id"], now["State"], made_of(now)) == (was["Id"], was["State"], made_of(was))
    assert not Path(stack.override).exists()


def test_proxies_of_the_docker_client_are_no_difference_and_are_not_lost(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "docker"
    settings.mkdir()
    (settings / "config.json").write_text(json.dumps({"proxies": {"default": {"httpProxy": "http://proxy:3128"}}}))
    stack.write(".env", "MONGO_PASSWORD=x\n")
    was = stack.up(DOCKER_CONFIG=str(settings))
    assert "HTTP_PROXY=http://proxy:3128" in was["Config"]["Env"]

    with pytest.raises(HostError, match="HTTP_PROXY from the proxies of a docker client"):
        stack.prepare()
    monkeypatch.setenv("DOCKER_CONFIG", str(settings))
    assert stack.prepare().notes == ()
    assert stack.inspect()["Id"] == was["Id"]
