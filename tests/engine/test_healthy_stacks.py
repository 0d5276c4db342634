"""Healthy stacks of five generations, really up with stand-ins: no check finds anything.

All other generations are modelled in tests/checks/test_healthy_generations.py, each running and not yet started.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from support import python_image
from support.corpus import CORPUS
from support.stacks import Stack, docker, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the owner of a folder can only be given away by root")
MONGODS = {
    "mongo:5.0.18": "5.0.18",
    "registry.cn-hangzhou.aliyuncs.com/fastgpt/mongo:5.0.18": "5.0.18",
    "mongo:8.0.17": "8.0.17",
    "mongo:8.0.20": "8.0.20",
}
STANDING = (
    "ghcr.io/labring/fastgpt:v4.8.20",
    "ghcr.io/labring/fastgpt:v4.9.14",
    "ghcr.io/labring/fastgpt-sandbox:v4.8.20",
    "ghcr.io/labring/fastgpt-sandbox:v4.9.14",
    "pgvector/pgvector:0.7.0-pg15",
    "pgvector/pgvector:0.8.0-pg15",
    "redis:7.2-alpine",
)
LIBRECHAT = ('CMD ["npm","run","backend"]', "WORKDIR /app", "ENV HOST=0.0.0.0", "EXPOSE 3080")
OTHERS: dict[str, tuple[str, ...]] = {
    "ghcr.io/songquanpeng/one-api:v0.6.7": ('ENTRYPOINT ["one-api"]', "WORKDIR /data", "EXPOSE 3000"),
    "registry.librechat.ai/danny-avila/librechat-dev:latest": (*LIBRECHAT, "ENV STANDIN_RELEASE=v0.8.7"),
    **dict.fromkeys(STANDING, ('ENTRYPOINT ["wait-forever"]', 'CMD ["standing"]')),
}
"""fact: the image names of the compose files below"""


@dataclass(frozen=True)
class Healthy:
    """A release, what of it is started, and the line by which its mongod is ready."""

    release: str
    services: tuple[str, ...]
    mongo: str
    ready: str
    env: str = ""
    override: str = ""


ALL = ("pg", "mongo", "fastgpt", "mysql", "oneapi")
OF_THE_MACHINE = "docker.registry-mirrors"
"""Judges the machine's dockerd with its log, in which another run's failed pulls are; test_mirrors.py has its own."""
IN_USE = "New replica set config in use"
HTTPS = "\nDOMAIN_CLIENT=https://chat.example.org\nDOMAIN_SERVER=https://chat.example.org\nUID=1000\nGID=1000\n"
V0_8_2 = "services:\n  api:\n    environment:\n      - STANDIN_RELEASE=v0.8.2\n"
STACKS = (
    Healthy("fastgpt/v4.7", ALL, "mongo", IN_USE),
    Healthy("fastgpt/v4.8.20-pgvector", (*ALL, "sandbox"), "mongo", IN_USE),
    Healthy("fastgpt/v4.9.14-pgvector", ("pg", "mongo", "redis", "sandbox", "fastgpt"), "mongo", IN_USE),
    Healthy("librechat/v0.8.2", ("mongodb", "api"), "chat-mongodb", "Waiting for connections", HTTPS, V0_8_2),
    Healthy("librechat/v0.8.7", ("mongodb", "api"), "chat-mongodb", "Waiting for connections", HTTPS),
)


@pytest.fixture(scope="module")
def whole(standins: None) -> Iterator[None]:
    """The images that these files name besides."""
    made = python_image.images()
    packed = made._tree()
    python_image.build(MONGODS)
    for name, changes in OTHERS.items():
        options = [part for change in (*changes, f"LABEL {made.LABEL}=1 stackops.test=1") for part in ("-c", change)]
        made.docker("import", *options, "-", name, stdin=packed)
    yield
    added = [name for name in (*MONGODS, *OTHERS) if name not in made.IMAGES]
    docker("image", "rm", "--force", *added, check=False)
    made.build()


@pytest.mark.parametrize("one", STACKS, ids=lambda one: one.release)
def test_nothing_is_found_on_a_healthy_stack(one: Healthy, whole: None, stack: Callable[..., Stack]) -> None:
    made = stack(one.release, "docker-compose.yml")
    for name in ("config.json", ".env.example"):
        if (CORPUS / one.release / name).exists():
            shutil.copyfile(CORPUS / one.release / name, made.path(name))
    if one.env:
        made.write(".env", made.path(".env.example").read_text() + one.env)
        made.path("data-node").mkdir()
        os.chown(made.path("data-node"), 1000, 1000)
    if one.override:
        made.write("docker-compose.override.yml", one.override)
    made.up(*one.services)
    wait_for(lambda: one.ready in made.logs(one.mongo), 40)
    before, containers = made.tree(), made.containers()
    assert len(containers) == len(one.services)
    seen: list[dict[str, str]] = []

    def settled() -> bool:
        """Whatever has only just started says so first; a finding is never such a word."""
        done = made.stackops("check", "--json")
        seen[:] = json.loads(done.stdout)["results"]
        assert done.returncode in (0, 1), done.stderr
        bad = [row for row in seen if row["status"] in ("finding", "crashed") and row["check"] != OF_THE_MACHINE]
        assert bad == []
        return any(row["check"] == "mongo.replica-set" and row["status"] == "ok" for row in seen)

    wait_for(settled, 30)
    assert (made.tree(), made.containers()) == (before, containers)
