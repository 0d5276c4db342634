"""A health check whose program the image does not have, on a live Engine: what it says itself names the program."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from stackops.checks.registry import examine
from stackops.console.collect.collector import look
from stackops.console.hosts.local import open_local
from stackops.console.judge import judge
from stackops.console.model.findings import Trouble
from stackops.console.settings import Settings
from support.busybox import OURS, busybox
from support.stacks import docker, wait_for

pytestmark = pytest.mark.engine
OFTEN = "--interval=1s --timeout=20s --retries=2"
CHECKS = {
    "curl": ('["curl","-f","http://localhost:8080/"]', "curl"),
    "shell": ("curl -f http://localhost:8080/ || exit 1", "/bin/sh"),
    "dash": ('["/busybox","sh","-c","wget2 -q http://localhost:8080/ || exit 1"]', "wget2"),
}


@pytest.fixture(params=CHECKS)
def ill(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A container that serves well, and is called unhealthy."""
    check, program = CHECKS[request.param]
    name = f"{OURS}-ill-{request.param}"
    with busybox(f"ill-{request.param}", f"HEALTHCHECK {OFTEN} CMD {check}") as image:
        try:
            docker("run", "-d", "--name", name, image, "httpd", "-f", "-p", "8080")
            yield name, program
        finally:
            docker("rm", "-f", name, check=False)


def troubles(name: str) -> tuple[Trouble, ...]:
    seen = look(open_local(Settings(), environ=dict(os.environ)), Settings())
    own = tuple(one for one in seen.containers if one.name == name)
    snapshot = replace(seen, containers=own, edges=(), proxies=())
    results = [one for one in examine(snapshot, Settings(), only=["container.unhealthy"]) if one.subject == name]
    return judge(snapshot, results).troubles


def test_the_program_that_is_not_there_is_named(ill: tuple[str, str]) -> None:
    name, program = ill
    wait_for(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", name) == "unhealthy")
    (trouble,) = wait_for(lambda: troubles(name))
    assert (trouble.result.form, trouble.result.severity) == ("no-program", "error")
    said = f"{name} will never be healthy: its health check calls {program}, which its image does not have"
    assert trouble.result.title == said
    assert trouble.words == "unhealthy"
