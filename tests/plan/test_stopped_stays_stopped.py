"""Taking a fix back leaves a service that was stopped stopped; starting it would make the Engine change files."""

from __future__ import annotations

import asyncio
import json

import pytest
from stackops.console.fix.acts.base import StepContext
from stackops.console.fix.steps import ComposeUp
from stackops.console.practice import open_demo


def state_of(host, name: str) -> str:
    listed = json.loads(asyncio.run(host.engine.containers()))
    return next(one["State"] for one in listed if one["Names"] == [f"/{name}"])


@pytest.mark.parametrize(
    ("name", "project", "service", "folder", "words", "after"),
    [
        ("mongo", "fastgpt", "mongo", "/srv/fastgpt", "--no-start", "created"),
        ("LibreChat", "librechat", "api", "/srv/librechat", "-d", "running"),
    ],
    ids=["stopped", "running"],
)
def test_the_inverse_starts_only_what_ran(name, project, service, folder, words, after):
    host = open_demo()
    bench = StepContext(host)
    step = ComposeUp(project=project, directory=folder, files=(f"{folder}/docker-compose.yml",), service=service)
    inverse = step.prepare(bench).inverse
    assert isinstance(inverse, ComposeUp)
    assert words in inverse.arguments()
    inverse.apply(bench)
    assert state_of(host, name) == after
