"""A live stack whose arrows can be cut, and what one judgement says of it.

Upstream's own compose file as Compose reads it, with names and images of our own, so that it runs beside anything. What
is cut is made anew alone; the judgement is of an hour later, as of what was just started nothing is said yet.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from stackops.checks.registry import examine
from stackops.console.collect.scheduler import Scheduler
from stackops.console.collect.sources.wiring import TRIED
from stackops.console.hosts.call import Loop
from stackops.console.hosts.local import open_local
from stackops.console.judge import judge
from stackops.console.model import Snapshot
from stackops.console.model.findings import Judgement, Trouble
from stackops.console.report.wiring import path_state
from stackops.console.settings import Settings

from . import python_image
from .corpus import CORPUS
from .stacks import Stack, docker, wait_for

OURS = "stackops-cuts"
"""Before the names of images, which must not be upstream's: another run takes those away when it ends."""
LATER = 3600.0
PATIENCE = 60.0
READY = {"oneapi": "token encoders initialized"}
"""What a service says when it is about to listen. Asked earlier it is asked again only after a while."""
TAGS = {f"pgvector:{tag}": "pgvector:0.8.0-pg17" for tag in ("0.7.0-pg15", "0.8.0-pg15", "0.8.0-pg15-trixie")}
"""What the stand-in really is: its data tell so."""


def own(image: str) -> str:
    """What we call it: the last part is what an image is recognised by."""
    last = image.rpartition("/")[2]
    return f"{OURS}/{TAGS.get(last, last)}"


class CutStack(Stack):
    """One release; ``more`` are services beside those of upstream's file, ``added`` what those get that it has."""

    def __init__(
        self, base: Path, release: str, more: Mapping[str, Any], added: Mapping[str, Mapping[str, Any]],
        files: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(base, release, ("docker-compose.yml",))
        for name, text in (files or {}).items():
            self.write(name, text)
        own = CORPUS / release / "config.json"
        if own.exists() and not self.path(own.name).exists():
            shutil.copyfile(own, self.path(own.name))
        told = json.loads(self.compose("config", "--format", "json"))
        services = {name: _with(one, added.get(name, {})) for name, one in {**told["services"], **more}.items()}
        self.images = {service["image"] for service in services.values()}
        told["services"] = {name: _ours(name, one) for name, one in services.items()}
        told["networks"] = {name: {} for name in told.get("networks", {"default": None})}
        told["name"] = self.name
        self.write("docker-compose.yml", json.dumps(told, indent=1))
        self.paths: Mapping[str, str] = {}
        """How each model's path is while nothing is cut; where nobody says so, as it first was."""
        self._looking: tuple[Loop, Scheduler] | None = None
        self._pressed = False

    # -- hands ------------------------------------------------------------------------------------------------------

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def again(self, service: str, override: Mapping[str, Any] | None) -> None:
        """Make this one anew, defined otherwise or as it was; also where nothing differs, as its labels name files."""
        path = self.path("docker-compose.override.yml")
        path.unlink(missing_ok=True)
        if override is not None:
            self.write(path.name, json.dumps({"services": {service: override}}))
        self.compose("up", "-d", "--no-deps", "--force-recreate", "-t", "0", service)
        if override is None and service in READY:
            wait_for(lambda: READY[service] in self.logs(self.container(service)), PATIENCE)

    def part(self, service: str) -> None:
        """Take it out of its networks."""
        for network in self.inspect(self.container(service))["NetworkSettings"]["Networks"]:
            docker("network", "disconnect", network, self.container(service))

    def join(self, service: str) -> None:
        """Put it back where Compose had it."""
        networks = json.loads(self.path("docker-compose.yml").read_text())["services"][service]["networks"]
        for network, given in networks.items():
            aliases = [part for alias in {service, *given["aliases"]} for part in ("--alias", alias)]
            docker("network", "connect", *aliases, f"{self.name}_{network}", self.container(service))

    # -- eyes -------------------------------------------------------------------------------------------------------

    def anew(self) -> None:
        """Forget what was remembered between two looks."""
        if self._looking is not None:
            loop, scheduler = self._looking
            scheduler.close()
            loop.close()
            self._looking = None

    def press(self) -> None:
        """Let the next look ask everybody again, as the key ``r`` does; not each look, as a One API counts requests."""
        self._pressed = True

    def look(self) -> Snapshot:
        """Through the same sources each time, as in the console."""
        if self._looking is None:
            loop, settings = Loop(), Settings(project=self.name)
            host = open_local(settings, environ=dict(os.environ))

            async def made() -> Scheduler:
                return Scheduler(host, settings)

            self._looking = loop, loop.run(made())
        loop, scheduler = self._looking

        async def looked() -> Snapshot:
            if self._pressed:
                scheduler.request()
            return await scheduler.look((TRIED,))

        seen, self._pressed = loop.run(looked()), False
        return seen

    def judged(self) -> tuple[Snapshot, Judgement]:
        seen = self.look()
        later = replace(seen, taken_at=seen.taken_at + LATER)
        return later, judge(later, examine(later, Settings(project=self.name)))

    def green(self) -> bool:
        """Whether all is well, but for what is true of this machine, and the models' paths are as they were."""
        seen, judgement = self.judged()
        if self.troubles(judgement) or judgement.doubts:
            return False
        self.paths = self.paths or states(seen)
        return states(seen) == self.paths

    def troubles(self, judgement: Judgement) -> list[Trouble]:
        """Those of this stack."""
        return [
            each for each in judgement.troubles
            if each.result.severity != "info" and not each.result.check.startswith(("host.", "docker."))
        ]  # fmt: skip

    def whole(self, snapshot: Snapshot) -> set[tuple[str, str]]:
        """Who has an arrow whose last hop was well, and to where."""
        there = (each for each in snapshot.edges if each.hops[-1].state == "ok")
        return {(self.said(each.source_name), f"{each.host}:{each.port}") for each in there}

    def said(self, text: str) -> str:
        """As people read it, with the services' names for the containers'."""
        return re.sub(rf"{self.name}-([\w-]+?)-1(?!\d)", r"\1", text)

    def down(self) -> None:
        self.anew()
        super().down()


def states(snapshot: Snapshot) -> dict[str, str]:
    """Each model's path, and how it is."""
    return {f"{path.kind} {path.model} {path.channel or ''}".strip(): path_state(path) for path in snapshot.model_paths}


def _with(service: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """As Compose merges a second file."""
    merged = {**service, **added}
    if "environment" in added:
        merged["environment"] = {**service.get("environment", {}), **added["environment"]}
    if "volumes" in added:
        merged["volumes"] = [*service.get("volumes", ()), *added["volumes"]]
    return merged


def _ours(name: str, service: Mapping[str, Any]) -> dict[str, Any]:
    """Without a name and ports of its own, which others on this machine may have; the name stays as an alias."""
    made = {key: value for key, value in service.items() if key not in ("container_name", "ports")}
    if "healthcheck" in service:  # as often as asked, and with the patience of a busy machine
        made["healthcheck"] = {**service["healthcheck"], "interval": "1s", "timeout": "30s", "retries": 60}
    alias = service.get("container_name", name)
    return made | {
        "image": own(service["image"]), "labels": {"stackops.test": "1"}, "stop_grace_period": "1s",
        "networks": {each: {"aliases": [alias]} for each in service.get("networks", {"default": None})},
    }  # fmt: skip


@contextmanager
def standing(stack: CutStack) -> Iterator[CutStack]:
    """Up, with the stand-ins under our names; all of it is removed afterwards."""
    made = python_image.images()
    names = {own(image): _speaking(image) for image in stack.images}
    try:
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=True, timeout=20)
        for name, image in names.items():
            made.put(name, image)
    except (OSError, subprocess.SubprocessError, made.CannotBuild) as error:
        pytest.skip(f"no stack can be made here: {error}")
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        docker("image", "rm", "--force", *names, check=False)


def _speaking(image: str) -> Any:
    """Of MongoDB always one that speaks."""
    made = python_image.images()
    last, _, tag = image.rpartition("/")[2].partition(":")
    return made.mongo(tag) if last == "mongo" else made.IMAGES[image]
