"""Every upstream generation, running as its makers meant it or not yet started, is left in peace by every check."""

from __future__ import annotations

import posixpath
import shutil

import pytest
from examples.snapshots import ENGINE, NOW, STARTED, container_id, file
from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.checks.registry import ALL, examine
from stackops.console.collect.sources.configs import read as read_configs
from stackops.console.compose.reading import read_project
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import Container, DaemonConfig, HostInfo, JsonFact, KeyFileFact, MongoState, Mount, Snapshot
from stackops.console.products.services import role_of_container, services
from stackops.console.settings import Settings
from support.corpus import CORPUS, needs_corpus

STACKS = sorted(path for path in CORPUS.glob("*/*/d*-compose.yml") if "invalid" not in str(path))
NOT_UPSTREAM = ("gpu.", "host.", "ollama.", "server.", "container.", "data.", "docker.daemon-json", "docker.disk",
                "docker.log-",
                "compose.port-conflict", "compose.networks", "librechat.azure", "wiring.broken", "postgres.credentials",
                "postgres.connections", "postgres.index", "postgres.collation", "mysql.credentials",
                "mysql.connections", "oneapi.channel", "fastgpt.models")  # fmt: skip
"""Checks of what no upstream stack brings along: GPUs, the machine, model servers and channels, containers that are not
well, data that an earlier start left, what only a connection tells."""
AS_SHIPPED = {
    "librechat.default-secrets": "as-shipped", "librechat.rag-api": "no-key", "docker.default-secrets": "as-shipped",
    "docker.unpinned": "unpinned",
}  # fmt: skip
"""What is true of upstream's files as they come, and told as information: one line a stack."""
EXPOSED = "docker.exposed-databases"
"""Up to v4.9 FastGPT's files publish databases with published passwords: a warning for each of them."""
pytestmark = [pytest.mark.corpus, needs_corpus]


def healthy(original, place, *, running: bool) -> Snapshot:
    """The compose file's services, each with its mounts in place, key files as mongod wants them."""
    path = place / original.name
    text = original.read_text(encoding="utf-8")
    # what `latest` was when the folder was written; today's FastGPT needs a set and Redis
    path.write_text(text.replace("/fastgpt:latest", f"/fastgpt:{original.parent.name}"), encoding="utf-8")
    if (original.parent / ".env.example").exists():
        shutil.copyfile(original.parent / ".env.example", place / ".env")
    if (original.parent / "librechat.example.yaml").exists():
        shutil.copyfile(original.parent / "librechat.example.yaml", place / "librechat.yaml")
    project, faults = read_project(LocalFiles(), str(path.parent), config_files=[str(path)])
    assert not faults
    containers, facts, keys = [], [file(f"{place}/librechat.example.yaml")], []
    for service in project.services:
        mounts = tuple(Mount(v.kind, v.source, v.target, v.read_only) for v in service.volumes)
        for volume in service.volumes:
            key = volume.target.endswith(".key")
            if "." in posixpath.basename(volume.target).removesuffix(".d"):  # nobody looks at a folder
                facts.append(file(volume.source, **({"mode": 0o400, "uid": 999} if key else {})))
            keys += [KeyFileFact(volume.source, 1, 1008, False)] if key else []
        containers.append(container(service, project, path, mounts))
    made = tuple(containers) if running else ()
    if not any(fact.path == f"{place}/librechat.yaml" for fact in facts):
        facts.append(file(f"{place}/librechat.yaml", "missing"))
    return Snapshot(
        taken_at=NOW, host=HostInfo("example"), engine=ENGINE if running else None, containers=made,
        projects=(project,), services=services(made, (project,)), files=tuple(facts), keyfiles=tuple(keys),
        mongos=tuple(mongod(c) for c in made if role_of_container(c) == "mongo"),
        json_files=tuple(JsonFact(fact.path) for fact in facts if fact.path.endswith(".json")),
        config_verdicts=read_configs(LocalFiles(), made, (project,), (), told=original.parent.name),
        daemon=DaemonConfig(path="/etc/docker/daemon.json", kind="missing", pid=812) if running else None,
    )  # fmt: skip


def mongod(container: Container) -> MongoState:
    """What the container's mongod says when all is well: a standalone, or the primary of its set."""
    told = MongoState(container.id, alive=True, primary=True, ghost=False)
    name = f"{container.service}:27017"
    return replace(told, set_name="rs0", hosts=(name,), primary_host=name) if "--replSet" in container.command else told


def container(service, project, path, mounts) -> Container:
    """What the Engine would say of the service."""
    return Container(
        id=container_id(service.name), name=service.container_name or service.name, image=service.image or "",
        state="running", started_at=STARTED, project=project.name, service=service.name, command=service.command,
        entrypoint=service.entrypoint, user=service.user or "", env=service.env, mounts=mounts,
        extra_hosts=service.extra_hosts,
        labels={LABEL_DIRECTORY: str(path.parent), LABEL_FILES: str(path)},
    )  # fmt: skip


@pytest.mark.parametrize("running", [True, False], ids=["running", "not started"])
@pytest.mark.parametrize("path", STACKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_healthy_stack_has_no_findings(path, running, tmp_path):
    results = examine(healthy(path, tmp_path, running=running), Settings())
    found = [one for one in results if one.status == "finding"]
    exposed = {one.form for one in found if one.check == EXPOSED and one.severity == "warning"}
    assert exposed <= {"published-password"}
    found = [one for one in found if one.check != EXPOSED]
    assert all((AS_SHIPPED.get(one.check), one.severity) == (one.form, "info") for one in found), found
    assert len({one.check for one in found}) == len(found), "one line a stack"
    # what a rolling image that nobody has started will do with its cookie cannot be told
    told = [one for one in results if one.status != "finding" and (running or one.check != "librechat.cookie")]
    assert {one.status for one in told} <= {"ok", "not_applicable"}, [one for one in told if one.status != "ok"]


def test_the_corpus_has_enough_generations_and_both_products_are_judged(tmp_path):
    assert len(STACKS) >= 15
    judged = set()
    for number, path in enumerate(STACKS):
        place = tmp_path / str(number)
        place.mkdir()
        results = examine(healthy(path, place, running=True), Settings())
        judged |= {one.check for one in results if one.status == "ok"}
    assert judged >= {check.id for check in ALL if not check.id.startswith((*NOT_UPSTREAM, *AS_SHIPPED))}
