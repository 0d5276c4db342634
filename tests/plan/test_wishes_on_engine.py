"""What somebody asks for without a finding, on the Engine of this machine, with containers of our own."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.app import Registry
from stackops.console.fix.acts import pruning
from stackops.console.fix.engine import Fixer, Outcome, PreparedPlan
from stackops.console.fix.journal import Journal
from stackops.console.fix.proving import Look
from stackops.console.fix.wishes import SCALE, WISHES, prune_of, pull_of, scale_of
from stackops.console.hosts import Host, HostError
from stackops.console.hosts.local import open_local
from stackops.console.model import Container, Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import Settings
from support.busybox import busybox
from support.pilots import look
from support.registries import registry

pytestmark = pytest.mark.engine
SETTINGS = Settings()


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with busybox("wishes") as name:
        yield name


class Stack:
    """A project with one service of which there can be several, and one of which there cannot."""

    def __init__(self, base: Path, image: str) -> None:
        self.folder = base / "project"
        self.folder.mkdir()
        self.name = f"so-wish-{uuid.uuid4().hex[:8]}"
        self.settings = Settings(project=self.name)
        common = f'image: {image}, command: ["sleep", "600"], stop_grace_period: 0s, network_mode: none'
        (self.folder / "docker-compose.yml").write_text(
            f"services:\n  web: {{{common}}}\n  one: {{{common}, container_name: {self.name}-only}}\n"
        )
        self.journal = Journal(base / "state")
        self.host: Host = open_local(SETTINGS)
        docker("compose", "-p", self.name, "--project-directory", str(self.folder), "up", "-d")

    def look(self) -> Snapshot:
        return look(self.host, self.settings)

    def container(self, service: str) -> Container:
        return next(each for each in self.look().containers if (each.project, each.service) == (self.name, service))

    def fixer(self, wish: Result) -> Fixer:
        checks = Registry(self.settings)
        proof = Look(wish.check, wish.subject, checks.find, lambda _: self.look(), checks.examine, str(self.folder))
        return Fixer(self.host, self.journal, proof)

    def prepare(self, wish: Result) -> PreparedPlan:
        plan = WISHES[wish.check].asked(wish.subject, self.look())
        assert plan is not None
        return self.fixer(wish).prepare(plan)

    def grant(self, wish: Result) -> Outcome:
        return self.fixer(wish).run(self.prepare(wish))

    def running(self) -> list[str]:
        names = docker("ps", "--format", "{{.Names}}", "--filter", f"label=com.docker.compose.project={self.name}")
        return sorted(names.split())

    def down(self) -> None:
        docker("compose", "-p", self.name, "down", "-v", "-t", "0")


@pytest.fixture
def stack(image: str, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, image)
    yield made
    made.down()


def test_a_service_is_scaled_up_and_down_and_undo_brings_the_former_number(stack: Stack) -> None:
    only, first = f"{stack.name}-only", f"{stack.name}-web-1"
    was = docker("inspect", "--format", "{{.Id}}{{.State.StartedAt}}", first)
    up = stack.grant(scale_of(stack.container("web"), 3))
    assert up.name == "done", up
    assert stack.running() == [only, first, f"{stack.name}-web-2", f"{stack.name}-web-3"]
    assert docker("inspect", "--format", "{{.Id}}{{.State.StartedAt}}", first) == was, "the first one goes on"
    undone = stack.fixer(Result(SCALE, "", "ok", "")).undo(up.entry or "")
    assert (undone.name, stack.running()) == ("done", [only, first]), undone
    with pytest.raises(HostError, match=f"fixed name {only}"):
        stack.prepare(scale_of(stack.container("one"), 2))


def test_only_what_was_listed_goes_and_volumes_stay(stack: Stack, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others use this Engine too, so all that is not ours is left out of what is unused."""
    done, used, free = (f"{stack.name}-{word}" for word in ("done", "used", "free"))
    volume = f"{stack.name}-volume"
    stack.journal.secure()
    docker("network", "create", used)
    docker("network", "create", free)
    docker("volume", "create", volume)
    docker("create", "--name", done, "--network", used, "-v", f"{volume}:/named", "-v", "/nameless", image, "true")
    nameless = docker(
        "inspect", "--format", '{{range .Mounts}}{{if ne .Name "' + volume + '"}}{{.Name}}{{end}}{{end}}', done
    )
    packed = subprocess.run(["tar", "c", "-T", "/dev/null"], capture_output=True, check=True).stdout
    change = f"LABEL so.wish={stack.name}"
    dangling = subprocess.run(
        ["docker", "import", "-c", change, "-"], input=packed, capture_output=True, check=True
    ).stdout.decode().strip()  # fmt: skip
    real = pruning.unused
    ours = lambda one: one.name.startswith(stack.name) or one.id == dangling  # noqa: E731
    monkeypatch.setattr(pruning, "unused", lambda host, kind: tuple(filter(ours, real(host, kind))))
    try:
        prepared = stack.prepare(prune_of("all"))
        told = " | ".join(row.step.describe() for row in prepared.steps)
        assert f"1 stopped container (0 B): {done} | " in told
        assert f"1 unused network: {free}" in told
        assert used not in told, "its stopped container needs it to start again"
        outcome = stack.fixer(prune_of("all")).run(prepared)
        assert outcome.name == "done", outcome
        assert done not in docker("ps", "-a", "--format", "{{.Names}}").split()
        assert dangling.removeprefix("sha256:")[:12] not in docker("images", "-a", "-q").split()
        networks = docker("network", "ls", "--format", "{{.Name}}").split()
        assert (free in networks, used in networks) == (False, True)
        volumes = docker("volume", "ls", "-q").split()
        assert {volume, nameless} <= set(volumes)
        assert stack.prepare(prune_of("networks")).steps[0].step.describe().endswith(used), "free by now"
    finally:
        subprocess.run(["docker", "rm", "-f", done], capture_output=True, check=False)
        subprocess.run(["docker", "network", "rm", used, free], capture_output=True, check=False)
        subprocess.run(["docker", "volume", "rm", volume, nameless], capture_output=True, check=False)
        subprocess.run(["docker", "image", "rm", "-f", dangling], capture_output=True, check=False)


def test_a_registry_that_refuses_is_told_in_one_sentence(stack: Stack, image: str) -> None:
    """One that answers: an Engine that could reach none has pulls in its log that others would judge."""
    with registry("empty") as empty:
        name = f"{empty.url.removeprefix('http://')}/{stack.name}/none:1"
        docker("tag", image, name)
        try:
            label = f"com.docker.compose.project={stack.name}"
            named = ("--name", f"{stack.name}-pulled", "--label", label)
            docker("run", "-d", *named, "--network", "none", name, "sleep", "600")
            was = docker("image", "inspect", "--format", "{{.Id}}", name)
            failed = stack.grant(pull_of(f"{stack.name}-pulled", stack=False))
            assert empty.requests
            assert failed.name == "rolled-back", failed
            assert "manifest" in failed.sentence
            assert "\n" not in failed.sentence
            assert docker("image", "inspect", "--format", "{{.Id}}", name) == was
            assert "stackops/kept" not in docker("image", "inspect", "--format", "{{.RepoTags}}", name)
        finally:
            subprocess.run(["docker", "rm", "-f", f"{stack.name}-pulled"], capture_output=True, check=False)
            subprocess.run(["docker", "image", "rm", name], capture_output=True, check=False)


def test_an_image_is_put_back_under_its_name(stack: Stack, image: str) -> None:
    from stackops.console.fix.steps import StepContext, TagImage

    name = f"{stack.name}/again:1"
    packed = subprocess.run(["tar", "c", "-T", "/dev/null"], capture_output=True, check=True).stdout
    subprocess.run(["docker", "import", "-", name], input=packed, capture_output=True, check=True)
    former = docker("image", "inspect", "--format", "{{.Id}}", image)
    try:
        stack.host.control.tag(former, f"stackops/kept:{former.removeprefix('sha256:')[:12]}")
        TagImage(name, former).apply(StepContext(stack.host))
        assert docker("image", "inspect", "--format", "{{.Id}}", name) == former
        assert "stackops/kept" not in docker("image", "inspect", "--format", "{{.RepoTags}}", name)
    finally:
        subprocess.run(["docker", "image", "rm", name], capture_output=True, check=False)
