"""An nginx in front of an app on a live Engine: its file is an arrow, tried from its network, told when it is cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.checks.registry import examine
from stackops.console.collect.collector import look
from stackops.console.collect.sources.wiring import TRIED
from stackops.console.hosts.local import open_local
from stackops.console.judge import judge
from stackops.console.model import Snapshot
from stackops.console.report.wiring import state
from stackops.console.settings import Settings
from support.busybox import OURS, busybox
from support.stacks import docker, wait_for

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter the network of a container"),
]
FRONT, APP, NET = f"{OURS}-front", f"{OURS}-behind", f"{OURS}-fronts"
ANSWER = r"printf 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'"


def stood(image: str, name: str, *words: str, more: tuple[str, ...] = ()) -> None:
    docker("run", "-d", "--name", name, "--network", NET, *more, image, *words)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """The file of a proxy that runs in front of an app."""
    path = tmp_path / "default.conf"
    path.write_text("server { listen 80; location / { proxy_pass http://behind:8080; } }\n", encoding="utf-8")
    with busybox("nginx") as image:
        docker("network", "create", NET)
        try:
            listens = ("nc", "-lll", "-p", "8080", "-e", "/busybox", "sh", "-c", f"/busybox head -n 1 >&2; {ANSWER}")
            stood(image, APP, *listens, more=("--network-alias", "behind"))
            stood(image, FRONT, "sleep", "100000", more=("-v", f"{path}:/etc/nginx/conf.d/default.conf:ro"))
            yield path
        finally:
            docker("rm", "-f", FRONT, APP, check=False)
            docker("network", "rm", NET, check=False)


def seen() -> Snapshot:
    """One look, an hour later."""
    found = look(open_local(Settings(), environ=dict(os.environ)), Settings(), on_request=(TRIED,))
    return replace(found, taken_at=found.taken_at + 3600.0)


def arrows(snapshot: Snapshot) -> dict[str, str]:
    return {f"{each.host}:{each.port}": state(each) for each in snapshot.edges if each.source_name == FRONT}


def test_the_arrow_of_an_nginx_is_whole_and_told_when_it_is_cut(file: Path) -> None:
    whole = wait_for(lambda: arrows(told := seen()) == {"behind:8080": "ok"} and told)
    (edge,) = (each for each in whole.edges if each.source_name == FRONT)
    assert (edge.place, edge.target_name, edge.by) == (f"{file}:1", APP, "probe")

    docker("network", "disconnect", NET, APP)
    cut = wait_for(lambda: arrows(told := seen()) == {"behind:8080": "broken"} and told)
    results = [each for each in examine(cut, Settings()) if FRONT in (each.subject, *each.also)]
    (trouble,) = judge(cut, results).troubles
    assert trouble.result.title.startswith(f"{FRONT} cannot reach its app: ")

    docker("network", "connect", "--alias", "behind", NET, APP)
    wait_for(lambda: arrows(seen()) == {"behind:8080": "ok"})
    file.write_text("server { location / { proxy_pass http://behind:8081; } }\n", encoding="utf-8")
    wait_for(lambda: arrows(seen()) == {"behind:8081": "broken"})
