"""An nginx in front of an app on a live Engine: its file is an arrow, tried from its network, told when it is cut.

The second half is the real nginx, of Debian's package: what it does at its start is what matters there.
"""

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
from stackops.console.model.findings import Judgement
from stackops.console.report.wiring import state
from stackops.console.settings import Settings
from support import python_image
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


REAL = f"{OURS}/nginx:1.22"
SITE = "server {{ listen 80; resolver 127.0.0.11; {} location / {{ proxy_pass {}; }} }}\n"
WHOLE, NOBODY = SITE.format("", "http://behind:8080"), SITE.format("", "http://nobody:8080")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of a real nginx in front of an app; whoever writes it starts nginx anew."""
    made, path = python_image.images(), tmp_path_factory.mktemp("nginx") / "default.conf"
    try:
        made.put(REAL, made.NGINX)
    except made.CannotBuild as error:
        pytest.skip(f"there is no nginx here: {error}")
    path.write_text(WHOLE, encoding="utf-8")
    with busybox("app") as image:
        docker("network", "create", NET)
        try:
            stood(image, APP, "httpd", "-f", "-p", "8080", more=("--network-alias", "behind", "--restart", "always"))
            stood(REAL, FRONT, more=("-v", f"{path}:/etc/nginx/conf.d/default.conf:ro", "--restart", "always"))
            yield path
        finally:
            docker("rm", "-f", FRONT, APP, check=False)
            docker("network", "rm", NET, check=False)
            docker("image", "rm", "--force", REAL, check=False)


def judged() -> tuple[Snapshot, Judgement]:
    """Of these two containers, whatever else runs here."""
    all_ = seen()
    own = [one for one in all_.containers if one.name in (FRONT, APP)]
    ids = {one.id for one in own}
    edges = tuple(one for one in all_.edges if one.source in ids)
    proxies = tuple(one for one in all_.proxies if one.container in ids)
    snapshot = replace(all_, containers=tuple(own), edges=edges, proxies=proxies)
    results = [one for one in examine(snapshot, Settings()) if {FRONT, APP} & {one.subject, *one.also}]
    return snapshot, judge(snapshot, [one for one in results if not one.check.startswith(("docker.", "host."))])


def told() -> list[str]:
    return [one.result.title for one in judged()[1].troubles]


def again(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    docker("restart", "-t", "1", FRONT)


def test_a_real_nginx_reaches_its_app_and_all_is_well(real: Path) -> None:
    again(real, WHOLE)
    found = wait_for(lambda: arrows((two := judged())[0]) == {"behind:8080": "ok"} and two)
    assert not found[1].troubles


def test_a_name_that_nobody_has_is_the_one_trouble_and_the_crash_loop_follows_from_it(real: Path) -> None:
    again(real, NOBODY)
    said = f"{FRONT} cannot reach its app: no service is called nobody, and so nginx ends at its start"
    wait_for(lambda: told() == [said] and docker("inspect", "-f", "{{.RestartCount}}", FRONT) not in ("0", "1"))
    (trouble,) = wait_for(lambda: (made := judged()[1].troubles) and made[0].result.title == said and made)
    assert (trouble.result.check, trouble.result.form) == ("wiring.broken", "at-start")
    assert trouble.result.subject == f"{FRONT} -> nobody:8080"
    assert {one.check for one in trouble.consequences} == {"container.crash-loop"}
    assert any("host not found in upstream" in row.value for row in trouble.result.evidence)
    again(real, WHOLE)
    wait_for(lambda: not told())


def test_another_port_is_one_trouble(real: Path) -> None:
    again(real, WHOLE.replace("8080", "8081"))
    wait_for(lambda: told() == [f"{FRONT} cannot reach its app: nobody listens at behind:8081"])


def test_an_app_that_is_stopped_is_one_trouble_whether_nginx_has_started_before_or_ends_over_it(real: Path) -> None:
    again(real, WHOLE)
    wait_for(lambda: not told())
    said = [f"{APP} is stopped, and {FRONT} needs it"]
    docker("stop", "-t", "1", APP)
    wait_for(lambda: told() == said)
    docker("restart", "-t", "1", FRONT)
    try:
        wait_for(lambda: docker("inspect", "-f", "{{.RestartCount}}", FRONT) not in ("0", "1") and told() == said)
    finally:
        docker("start", APP)
    wait_for(lambda: not told())


def test_a_name_that_is_looked_up_with_each_request_is_no_trouble(real: Path) -> None:
    again(real, SITE.format("set $up nobody;", "http://$up:8080"))
    wait_for(lambda: docker("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", FRONT) == "running 0")
    assert told() == []
    assert docker("exec", FRONT, "sh", "-c", "wget -q -O - http://127.0.0.1/ 2>&1", check=False).count("502") == 1
