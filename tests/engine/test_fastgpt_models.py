"""A FastGPT with its models in MongoDB, behind an AI Proxy with its channels in PostgreSQL: each way is followed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from stackops.checks.registry import examine
from stackops.console.collect.scheduler import Scheduler
from stackops.console.collect.sources.databases import LoginsTried
from stackops.console.collect.sources.engine import Containers
from stackops.console.collect.sources.model_paths import ModelPaths
from stackops.console.collect.sources.mongo import Mongos
from stackops.console.collect.sources.oneapi import OneApis
from stackops.console.collect.sources.wiring import TRIED, Wiring
from stackops.console.hosts.call import run
from stackops.console.hosts.local import open_local
from stackops.console.model import ModelPath, Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import Settings
from support import python_image
from support.busybox import OURS, busybox
from support.stacks import docker, wait_for

NAME = "stackops-test-models"
KEY = "sk-pl4nted"
CHANNELS = f"""
create table channels (deleted_at timestamptz, created_at timestamptz default now(), model_mapping text, key text,
  name text, base_url text, models text, id bigserial primary key, status bigint default 1, type bigint,
  priority integer);
insert into channels (name, key, base_url, models, model_mapping, type) values
  ('embeds', '{KEY}', 'http://m3e:6008/v1', '["m3e"]', '{{}}', 1),
  ('bare', '{KEY}', 'http://m3e:6008', '["bge-m3"]', '', 1);
"""
ENV = {
    "fastgpt": ("MONGODB_URI=mongodb://myusername:pa55word@mongo:27017/fastgpt?authSource=admin",
                "AIPROXY_API_ENDPOINT=http://aiproxy:3000", "AIPROXY_API_TOKEN=aiproxy"),
    "aiproxy": ("SQL_DSN=postgres://postgres:pa55word@aiproxy_pg:5432/aiproxy", "ADMIN_KEY=aiproxy"),
    "m3e": (),
}  # fmt: skip


def row(model: str, kind: str, *, active: bool = True, **more: str) -> dict[str, object]:
    return {"model": model, "metadata": {"model": model, "type": kind, "isActive": active, "requestAuth": KEY, **more}}


ROWS = [
    row("m3e", "embedding"), row("bge-m3", "embedding"), row("qwen", "llm"), row("old", "llm", active=False),
    row("bge-reranker", "rerank", requestUrl="http://m3e:6008/v1/rerank"),
]  # fmt: skip


def start(name: str, *words: str) -> None:
    docker("run", "-d", "--name", f"{NAME}-{name}", "--network", NAME, "--network-alias", name, "--label",
           "stackops.test=1", *words)  # fmt: skip


def keep(rows: list[dict[str, object]]) -> None:
    """What FastGPT has written into its collection."""
    text = json.dumps(rows).replace("'", "")
    docker("exec", f"{NAME}-mongo", "sh", "-c", f"printf %s '{text}' > /data/db/system_models.json")


@pytest.fixture(scope="module")
def stack(databases: None) -> Iterator[None]:
    made, mongo = python_image.images(), f"{OURS}/mongo:5.0.18"
    made.put(mongo, made.mongo("5.0.18"))
    docker("network", "create", NAME)
    try:
        start(
            "mongo", "-e", "MONGO_INITDB_ROOT_USERNAME=myusername", "-e", "MONGO_INITDB_ROOT_PASSWORD=pa55word", mongo
        )
        start("aiproxy_pg", "-e", "POSTGRES_PASSWORD=pa55word", "-e", "POSTGRES_DB=aiproxy",
              "pgvector/pgvector:0.8.0-pg15")  # fmt: skip
        psql = ("exec", f"{NAME}-aiproxy_pg", "psql", "-U", "postgres", "-d", "aiproxy", "-Atc")
        wait_for(lambda: docker(*psql, "select 1", check=False) == "1")
        docker(*psql, CHANNELS)
        with busybox("fastgpt:v4.9.0") as fastgpt, busybox("aiproxy:v0.2") as proxy, busybox("m3e") as m3e:
            for name, image, port in (("fastgpt", fastgpt, "3000"), ("aiproxy", proxy, "3000"), ("m3e", m3e, "6008")):
                given = [part for line in ENV[name] for part in ("-e", line)]
                start(name, *given, image, "httpd", "-f", "-p", port)
            wait_for(lambda: "init process complete" in docker("logs", f"{NAME}-mongo"))
            yield
            docker("rm", "-f", *(f"{NAME}-{name}" for name in ENV), check=False)
    finally:
        docker("rm", "-f", *(f"{NAME}-{name}" for name in (*ENV, "mongo", "aiproxy_pg")), check=False)
        docker("network", "rm", NAME, check=False)
        docker("image", "rm", "--force", mongo, check=False)


def look() -> Snapshot:
    host = open_local(Settings(), environ=dict(os.environ))
    scheduler: list[Scheduler] = []

    async def once() -> Snapshot:
        sources = (Containers, Mongos, Wiring, LoginsTried, OneApis, ModelPaths)
        scheduler.append(Scheduler(host, Settings(), sources=sources))
        return await scheduler[0].look([TRIED])

    try:
        return run(once())
    finally:
        scheduler[0].close()


def ways(snapshot: Snapshot) -> dict[str, ModelPath]:
    return {path.model: path for path in snapshot.model_paths if path.app_name == f"{NAME}-fastgpt"}


def judged(snapshot: Snapshot) -> Result:
    found = examine(snapshot, Settings(), only=["fastgpt.models"])
    return next(one for one in found if one.subject == f"{NAME}-fastgpt")


def states(path: ModelPath) -> list[str]:
    return [step.state for step in path.steps]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter the network of a container")
def test_each_model_is_followed_from_mongodb_over_the_channel_to_where_it_goes(stack: None) -> None:
    keep(ROWS)
    snapshot = look()
    found = ways(snapshot)
    assert set(found) == {"m3e", "bge-m3", "qwen", "bge-reranker"}
    assert found["m3e"].place == "system_models of fastgpt"
    assert states(found["m3e"]) == ["ok", "ok", "ok", "ok", "ok", "unknown", "unknown"]
    assert (found["m3e"].channel, found["m3e"].upstream) == (1, "http://m3e:6008/v1")
    assert states(found["bge-m3"])[:5] == ["ok", "ok", "ok", "ok", "unknown"]
    broken = found["qwen"].broken
    assert broken is not None
    assert (broken.name, broken.reason) == ("channel", "no channel offers qwen")
    own = found["bge-reranker"]
    assert (own.gateway, own.upstream) == (None, "http://m3e:6008/v1/rerank")
    assert {step.name: step.state for step in own.steps}["upstream"] == "ok", "its arrow was tried"
    assert KEY not in repr(snapshot)
    said = judged(snapshot)
    assert (said.status, said.form) == ("finding", "no-proxy-channel")
    assert "qwen" in said.title


def test_a_model_that_is_switched_off_is_none_and_all_is_well(stack: None) -> None:
    keep(ROWS[:2])
    assert judged(look()).status == "ok"


def test_nothing_is_left_open_in_the_mongod(stack: None) -> None:
    look()

    def connected() -> list[str]:
        """Established connections of port 27017."""
        lines = docker("exec", f"{NAME}-mongo", "cat", "/proc/net/tcp").splitlines()[1:]
        return [one for one in lines if one.split()[1].endswith(":6989") and one.split()[3] == "01"]

    wait_for(lambda: not connected())
