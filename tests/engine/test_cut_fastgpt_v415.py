"""FastGPT v4.15 with AI Proxy, its PostgreSQL, redis, plugins, object store: each arrow cut, told once, mended."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support.cut_stack import CutStack, standing
from support.cuts import Cut, Given, Parted, play, stopped
from support.stacks import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter the network of a container")


def app(**env: str) -> Given:
    return Given("fastgpt-app", env)


def mongo(at: str, password: str = "mypassword") -> Given:
    return app(MONGODB_URI=f"mongodb://myusername:{password}@{at}/fastgpt?authSource=admin")


def vectors(at: str, password: str = "password") -> Given:
    return app(PG_URL=f"postgresql://username:{password}@{at}/postgres")


def endpoint(url: str) -> Given:
    return app(AIPROXY_API_ENDPOINT=url)


def dsn(at: str, password: str = "aiproxy") -> Given:
    return Given("fastgpt-aiproxy", {"SQL_DSN": f"postgres://postgres:{password}@{at}/aiproxy"})


BOTH = "fastgpt-app and fastgpt-plugin"
CUTS = (
    Cut("mongo: another host", mongo("mongo:27017"), "fastgpt-app -> mongo:27017", "name",
        ["fastgpt-app looks for MongoDB where fastgpt-mongo is not"], fixed=True),
    Cut("mongo: another password", mongo("fastgpt-mongo:27017", "other"), "fastgpt-app -> fastgpt-mongo:27017", "login",
        ["fastgpt-app cannot log in to fastgpt-mongo"], fixed=True),
    Cut("mongo: no network", Parted("fastgpt-mongo"), "fastgpt-plugin -> fastgpt-mongo:27017", "name",
        [f"{BOTH} cannot reach MongoDB: fastgpt-mongo is in no network of theirs"]),
    Cut("vectors: another port", vectors("fastgpt-vector:5433"), "fastgpt-app -> fastgpt-vector:5433", "port",
        ["fastgpt-app asks fastgpt-vector at port 5433, where it does not listen: PG_URL says fastgpt-vector:5433"]),
    Cut("vectors: another password", vectors("fastgpt-vector:5432", "other"), "fastgpt-app -> fastgpt-vector:5432",
        "login", ["fastgpt-app is refused by fastgpt-vector: another user or password than it was made with"]),
    Cut("redis: no network", Parted("fastgpt-redis"), "fastgpt-app -> fastgpt-redis:6379", "name",
        [f"{BOTH} cannot reach Redis: fastgpt-redis is in no network of theirs"]),
    Cut("minio: stopped", stopped("fastgpt-minio"), "fastgpt-plugin -> fastgpt-minio:9000", "name",
        [f"fastgpt-minio is stopped, and {BOTH} need it"], fixed=True),
    Cut("aiproxy: another host", endpoint("http://aiproxy:3000"), "fastgpt-app -> aiproxy:3000", "name",
        ["fastgpt-app looks for aiproxy under a name that nobody has: AIPROXY_API_ENDPOINT says aiproxy"]),
    Cut("aiproxy: /v1 twice", endpoint("http://fastgpt-aiproxy:3000/v1"), "fastgpt-app -> fastgpt-aiproxy:3000", "path",
        ["fastgpt-app asks for /v1/v1: AIPROXY_API_ENDPOINT ends in /v1"], fixed=True),
    Cut("aiproxy: another token", app(AIPROXY_API_TOKEN="other"), "fastgpt-app -> fastgpt-aiproxy:3000", "login",
        ["AIPROXY_API_TOKEN of fastgpt-app is not the ADMIN_KEY of fastgpt-aiproxy"]),
    Cut("aiproxy: stopped", stopped("fastgpt-aiproxy"), "fastgpt-app -> fastgpt-aiproxy:3000", "name",
        ["fastgpt-aiproxy is stopped, and fastgpt-app needs it"], fixed=True),
    Cut("aiproxy_pg: another password", dsn("fastgpt-aiproxy-pg:5432", "other"),
        "fastgpt-aiproxy -> fastgpt-aiproxy-pg:5432", "login",
        ["fastgpt-aiproxy is refused by fastgpt-aiproxy-pg: another user or password than it was made with"]),
    Cut("aiproxy_pg: no network", Parted("fastgpt-aiproxy-pg"), "fastgpt-aiproxy -> fastgpt-aiproxy-pg:5432", "name",
        ["fastgpt-aiproxy cannot reach PostgreSQL: fastgpt-aiproxy and fastgpt-aiproxy-pg share no network"]),
    Cut("plugin: another port", app(PLUGIN_BASE_URL="http://fastgpt-plugin:3001"), "fastgpt-app -> fastgpt-plugin:3001",
        "port", ["fastgpt-app cannot reach its plugins: nobody listens at fastgpt-plugin:3001"]),
    Cut("sandbox: no network", Parted("fastgpt-code-sandbox"), "fastgpt-app -> fastgpt-code-sandbox:3000", "name",
        ["fastgpt-app cannot reach its sandbox: fastgpt-app and fastgpt-code-sandbox share no network"]),
    Cut("mcp: another host", Given("fastgpt-mcp-server", {"FASTGPT_ENDPOINT": "http://fastgpt:3000"}),
        "fastgpt-mcp-server -> fastgpt:3000", "name",
        ["fastgpt-mcp-server cannot reach FastGPT: the name fastgpt does not resolve"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CutStack]:
    made = CutStack(tmp_path_factory.mktemp("cuts"), "fastgpt/v4.15.8-pg", {}, {})
    with standing(made):
        wait_for(made.green, 120.0)
        yield made


def test_the_whole_stack_is_green_and_each_arrow_whole(stack: CutStack) -> None:
    snapshot, judgement = stack.judged()
    whole = [stack.said(e.source_name) for e in snapshot.edges if e.hops[-1].state == "ok"]
    assert {name: whole.count(name) for name in whole} == {
        "fastgpt-app": 7, "fastgpt-aiproxy": 1, "fastgpt-mcp-server": 1, "fastgpt-plugin": 3
    }  # fmt: skip
    assert not judgement.doubts


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.name)
def test_a_cut_arrow_is_one_trouble_that_names_it_and_its_first_failing_hop(stack: CutStack, cut: Cut) -> None:
    play(stack, cut)
