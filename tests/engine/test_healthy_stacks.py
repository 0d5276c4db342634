"""Healthy stacks of nine generations, all of their services really up: no check finds anything, and nothing is changed.

PostgreSQL with pgvector, MariaDB and Redis are real; what the other services are, tests/engine/images.py says.
All other generations are modelled in tests/checks/test_healthy_generations.py, each running and not yet started.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from stackops.console.compose.definition import changes, image_of, labels_of, of_compose, of_container
from stackops.console.compose.places import CONFIG_FILES, ENV_FILES, listed
from stackops.console.fix.acts.recreating import ServiceSource, as_it_is
from stackops.console.fix.acts.standing import image_named, inspected
from stackops.console.fix.steps import StepContext
from stackops.console.hosts.local import open_local
from stackops.console.settings import Settings
from support import python_image
from support.corpus import CORPUS
from support.folders import ADVICE
from support.oneapi_rows import request
from support.stacks import Stack, docker, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the owner of a folder can only be given away by root")
OF_THE_MACHINE = ("docker.registry-mirrors", "docker.daemon-json")
"""Judges the machine's dockerd with its log, in which another run's failed pulls are; test_mirrors.py has its own."""
HTTPS = (
    "\nDOMAIN_CLIENT=https://chat.example.org\nDOMAIN_SERVER=https://chat.example.org\nUID=1000\nGID=1000\n"
    f"ADMIN_PANEL_SESSION_SECRET={'s' * 40}\nJWT_SECRET={'a1' * 32}\nJWT_REFRESH_SECRET={'b2' * 32}\n"
    f"CREDS_KEY={'c3' * 32}\nCREDS_IV={'d4' * 16}\nMEILI_MASTER_KEY={'m4' * 20}\n"
)
IMAGES = python_image.images()
SPEAKING = {"mongo:5.0.18": "5.0.18"}
"""The name whose usual stand-in is a mongod that only judges its key file."""
ROLLING = "ghcr.io/danny-avila/librechat-dev:latest"


@dataclass(frozen=True)
class Healthy:
    """A release, how many services it starts, and what proves that it works."""

    release: str
    services: int
    proof: Callable[[], object]
    env: str = ""
    rolling: str = ""
    """The release behind LibreChat's rolling name, which upstream's file of that time names."""


def says(port: int, path: str, word: str) -> bool:
    """From outside: whether the published port says this."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
            return word in reply.read().decode()
    except OSError:
        return False


def vectors(container: str, user: str, database: str) -> bool:
    """Whether the real PostgreSQL has the extension, made by the service that uses it."""
    query = "SELECT count(*) FROM pg_extension WHERE extname = 'vector'"
    return docker("exec", container, "psql", "-U", user, "-d", database, "-Atc", query, check=False) == "1"


def fastgpt(pg: str = "pg", oneapi: bool = False) -> Callable[[], None]:
    """fact: fastgpt-stack 4: old releases connect when they are asked, and try again when they are asked again."""

    def up() -> bool:
        return says(3000, "/api/common/system/getInitData", "feConfigs") and vectors(pg, "username", "postgres")

    def proof() -> None:
        wait_for(up)
        wait_for(lambda: not oneapi or request("/v1/models")[0] == 200)

    return proof


def librechat() -> None:
    wait_for(lambda: says(3080, "/health", "OK") and vectors("vectordb", "myuser", "mydatabase"))


STACKS = (
    Healthy("fastgpt/v4.6.8", 3, fastgpt()),
    Healthy("fastgpt/v4.7", 5, fastgpt(oneapi=True)),
    Healthy("fastgpt/v4.8.20-pgvector", 6, fastgpt(oneapi=True)),
    Healthy("fastgpt/v4.9.14-pgvector", 8, fastgpt()),
    Healthy("fastgpt/v4.14.10.1-pg", 12, fastgpt()),
    Healthy("fastgpt/v4.15.8-pg", 13, fastgpt("fastgpt-pg")),
    Healthy("librechat/v0.7.2", 5, librechat, HTTPS, "v0.7.2"),
    Healthy("librechat/v0.8.2", 5, librechat, HTTPS, "v0.8.2"),
    Healthy("librechat/v0.8.7", 6, librechat, HTTPS),
)
MODELLED = 15
"""Generations that tests/checks/test_healthy_generations.py models at least."""
AS_SHIPPED = {
    ("docker.exposed-databases", "published-password", "warning"), ("postgres.pgvector", "old", "info"),
    ("fastgpt.models", "no-channel", "info"),
}  # fmt: skip
SINGLE_NODE_KEY = "a2V5" * 200 + "\n"


@pytest.fixture(scope="module")
def speaking(databases: None) -> Iterator[None]:
    """A mongod that speaks behind the name whose usual stand-in only judges its key file."""
    python_image.build(SPEAKING)
    yield
    IMAGES.build()


def quick_health_checks(stack: Stack) -> str:
    """Upstream's own health checks every second, so that nobody waits half a minute for the first.

    With the patience of a busy machine: it is not slowness that makes a stack unhealthy here.
    """
    declared = json.loads(stack.compose("config", "--format", "json"))["services"]
    patient = "{healthcheck: {interval: 1s, timeout: 30s, retries: 60}}"
    found = [f"  {name}: {patient}\n" for name, service in declared.items() if "healthcheck" in service]
    return "".join(("services:\n", *found)) if found else ""


def prepared(one: Healthy, stack: Stack) -> None:
    """What the guides say has to be done before the first start."""
    for name in ("config.json", ".env.example"):
        if (CORPUS / one.release / name).exists():
            shutil.copyfile(CORPUS / one.release / name, stack.path(name))
    if one.env:
        stack.write(".env", stack.path(".env.example").read_text() + one.env)
        for name in ("data-node", "images", "logs", "uploads"):  # Docker would make them root's
            stack.path(name).mkdir()
            os.chown(stack.path(name), 1000, 1000)
    if re.search(r"^\s*- \./mongodb\.key:", stack.path("docker-compose.yml").read_text(), re.MULTILINE):
        stack.write("mongodb.key", SINGLE_NODE_KEY).chmod(0o400)
        os.chown(stack.path("mongodb.key"), 999, 999)
    override = quick_health_checks(stack)
    if override:
        stack.write("docker-compose.override.yml", override)


def initiated() -> None:
    """fact: fastgpt-stack 1, generation B: the set is initiated by hand."""
    docker(
        "exec", "mongo", "python3", "-c",
        "from pymongo import MongoClient as C; C('mongodb://myname:mypassword@127.0.0.1/?directConnection=true')"
        ".admin.command('replSetInitiate', {'_id': 'rs0', 'members': [{'_id': 0, 'host': 'mongo:27017'}]})",
    )  # fmt: skip


@pytest.mark.parametrize("one", STACKS, ids=lambda one: one.release)
def test_nothing_is_found_on_a_healthy_stack(one: Healthy, speaking: None, stack: Callable[..., Stack]) -> None:
    made = stack(one.release, "docker-compose.yml")
    if one.rolling:
        IMAGES.put(ROLLING, IMAGES.librechat(one.rolling))
    prepared(one, made)
    made.up()
    if one.release == "fastgpt/v4.6.8":
        wait_for(lambda: "Waiting for connections" in made.logs("mongo"))
        wait_for(
            lambda: not docker("exec", "mongo", "mongo", "-u", "myname", "-p", "mypassword", check=False) and True, 20
        )
        initiated()
    one.proof()
    wait_for(lambda: set(standing(made)) <= {"running", "running healthy"})
    before, containers = made.tree(), made.containers()
    assert len(containers) == one.services
    wait_for(lambda: judged_well(made))
    assert {name: found for name in containers if (found := seen_otherwise(made, name))} == {}
    assert (made.tree(), made.containers()) == (before, containers)


def seen_otherwise(stack: Stack, container: str) -> tuple[object, ...]:
    """What Compose would make otherwise than it is, although nothing was edited: a false alarm before each recreate.

    Told line by line, and not by Compose's own hash, which would hide that a line is foreseen wrongly.
    """
    bench = StepContext(open_local(Settings()))
    one = inspected(bench.host, container)
    assert one is not None
    labels = labels_of(one)
    service = labels["com.docker.compose.service"]
    source = ServiceSource(
        stack.name, str(stack.folder), listed(labels, CONFIG_FILES), listed(labels, ENV_FILES), service
    )
    told, there = as_it_is(bench, source), of_container(one)
    image = image_named(bench.host, image_of(told.config, service))
    assert len(there) > 5
    return changes(there, of_compose(told.config, service, image, told.added, there))


def standing(stack: Stack) -> list[str]:
    """State, and health where there is a health check, of each container."""
    states = [stack.inspect(one)["State"] for one in stack.containers()]
    return [" ".join((one["Status"], *([one["Health"]["Status"]] if "Health" in one else []))) for one in states]


def _of_its_files(row: dict[str, Any]) -> bool:
    """Whether it is true of upstream's files as they come: published passwords, and a rolling FastGPT on old data."""
    told = row["check"], row.get("form"), row.get("severity")
    return (row["check"] in ADVICE and told[2] == "info") or told in AS_SHIPPED


def judged_well(stack: Stack) -> bool:
    """Nothing is found, and in the end everything can be told: what has only just started says so first."""
    done = stack.stackops("check", "--json")
    assert done.returncode in (0, 1), done.stderr
    seen = [row for row in json.loads(done.stdout)["results"] if row["check"] not in OF_THE_MACHINE]
    assert [row for row in seen if row["status"] in ("finding", "crashed") and not _of_its_files(row)] == []
    untold = [row for row in seen if row["status"] == "unknown"]
    assert all(row["because"] for row in untold), untold
    return not untold and any(row["check"] == "mongo.replica-set" and row["status"] == "ok" for row in seen)


def test_enough_generations_are_up_for_real_and_enough_in_all() -> None:
    """Nine for real; with those that are only modelled more than fifteen."""
    modelled = {path.parent for path in CORPUS.glob("*/*/d*-compose.yml") if "invalid" not in str(path)}
    real = {CORPUS / one.release for one in STACKS}
    assert len(real) == 9
    assert real <= modelled
    assert len(modelled) >= MODELLED
