"""The file is read often, mirrors are asked seldom, candidates only on request, and nobody outside our network."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from stackops.console.collect.collector import Collector
from stackops.console.collect.scheduler import Scheduler
from stackops.console.collect.source import Cadence
from stackops.console.hosts import HttpFailed, HttpReply, NotPermitted, ProcessRow
from stackops.console.model import Snapshot
from stackops.console.settings import MirrorSettings, Settings, parse
from support.clock import FakeClock
from support.fake_engine import container
from support.memory_host import MemoryEngine, MemoryFiles, MemoryHost, MemoryKernel, until

FILE, GOOD, DEAD = "/etc/docker/daemon.json", "https://good.example", "https://dead.example"
COMPOSE = b"""services:
  db:
    image: mongo:5.0.18
  app:
    image: ghcr.io/labring/fastgpt:v4.7
  own:
    image: team/own:1
    build: .
  later:
    image: redis:7
    profiles: [later]
"""
AT_ONCE = Cadence(second_sample=0.0)


class CountingHttp:
    """Registries without a login; names with ``dead`` in them do not resolve."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.paths: list[str] = []

    async def get(self, url: str, **more: Any) -> HttpReply:
        return self._answer(url)

    async def head(self, url: str, **more: Any) -> HttpReply:
        return self._answer(url)

    def _answer(self, url: str) -> HttpReply:
        host = "/".join(url.split("/")[:3])
        self.asked[host] += 1
        self.paths.append(url.removeprefix(host))
        if "dead" in host:
            raise HttpFailed("dns", f"{host}: the name is not known here")
        return HttpReply(200, url, {"docker-distribution-api-version": "registry/2.0", "docker-content-digest": "x"})


def machine(daemon: str | None = "{}", *mirrors: str, present: tuple[str, ...] = (), **parts: Any) -> MemoryHost:
    """A host whose Engine uses these mirrors and has these images; its one project is not running."""
    engine = MemoryEngine()
    engine.info_reply |= {"RegistryConfig": {"Mirrors": [f"{one}/" for one in mirrors]}}
    engine.images = {name: {"Id": name} for name in present}
    kernel = MemoryKernel()
    kernel.rows = (ProcessRow(812, 1, "dockerd", ("/usr/bin/dockerd", "-H", "fd://"), 1.0, "root", None),)
    files = MemoryFiles({"/srv/chat/docker-compose.yml": COMPOSE, **({FILE: daemon.encode()} if daemon else {})})
    return MemoryHost(**({"engine": engine, "kernel": kernel, "files": files, "http": CountingHttp()} | parts))


async def look(host: MemoryHost, settings: Settings | None = None, **more: Any) -> Snapshot:
    """One of several looks through the same sources."""
    settings = settings or Settings()
    known = host.__dict__.setdefault("schedulers", {})
    if repr(settings) not in known:
        known[repr(settings)] = Scheduler(host, settings, cadence=AT_ONCE, directories=["/srv/chat"])
    return await known[repr(settings)].look(**more)


async def test_one_look_has_the_file_the_missing_images_and_what_the_mirrors_said():
    host = machine(json.dumps({"registry-mirrors": [GOOD, DEAD]}), GOOD, DEAD)
    seen = await look(host)
    assert seen.daemon is not None
    assert (seen.daemon.kind, seen.daemon.pid, seen.daemon.mirrors) == ("file", 812, (GOOD, DEAD))
    assert seen.absent_images == ("mongo:5.0.18", "ghcr.io/labring/fastgpt:v4.7"), "neither what is built nor profiles"
    states = {(one.address, one.what): one.state for one in seen.mirror_probes}
    assert states == {
        (GOOD, "mirror"): "ok", (DEAD, "mirror"): "dns", ("https://registry-1.docker.io", "registry"): "ok",
        ("https://ghcr.io", "registry"): "ok",
    }  # fmt: skip
    assert seen.faults == ()
    assert seen.mirror_seed is not None
    assert any("manifests/5.0.18" in path for path in host.http.paths)
    assert any("labring/fastgpt/manifests/v4.7" in path for path in host.http.paths)


async def test_no_registry_is_asked_where_no_image_is_missing_and_no_mirror_is_set():
    host = machine(None, present=("mongo:5.0.18", "ghcr.io/labring/fastgpt:v4.7"))
    seen = await look(host)
    assert (seen.daemon.kind, seen.absent_images, seen.mirror_probes) == ("missing", (), ())
    assert not host.http.asked


async def test_an_image_whose_container_is_there_is_not_missing():
    host = machine(None)
    labels = {"com.docker.compose.project": "chat", "com.docker.compose.service": "db"}
    made = container("chat-db-1", image="mongo:5.0.18", labels=labels)
    host.engine.containers_by_id[made["Id"]] = made
    assert (await look(host)).absent_images == (), "the other may be a service that nobody starts"
    host.kernel.logs[812] = failed_pull(host.clock.now() - 60)
    host.http = CountingHttp()
    again = await look(host)
    assert again.absent_images == ("ghcr.io/labring/fastgpt:v4.7",), "somebody has tried"
    assert [one.registry for one in again.daemon.failed_pulls] == ["docker.io"]
    assert set(host.http.asked) == {"https://ghcr.io", "https://registry-1.docker.io"}


async def test_a_pull_that_failed_counts_for_half_an_hour_and_not_for_one_project_alone():
    clock = FakeClock()
    host = machine(None, present=("mongo:5.0.18", "ghcr.io/labring/fastgpt:v4.7"), clock=clock)
    host.kernel.logs[812] = failed_pull(clock.now() - 1700)
    seen = await look(host)
    assert [(one.address, one.what) for one in seen.mirror_probes] == [("https://registry-1.docker.io", "registry")]
    assert (await look(host, Settings(project="chat"))).mirror_probes == (), "whose pull it was is not known"
    clock.advance(200.0)
    assert (await look(host)).mirror_probes == ()


def failed_pull(at: float) -> bytes:
    when = datetime.fromtimestamp(at, UTC).isoformat()
    why = 'Get \\"https://registry-1.docker.io/v2/\\": dial tcp 192.0.2.1:443: i/o timeout'
    return f'time="{when}" level=error msg="Handler for POST /v1.41/images/create returned error: {why}"\n'.encode()


async def test_an_answer_is_remembered_while_a_fix_looks_every_second():
    clock = FakeClock()
    host = machine(None, GOOD, DEAD, present=("mongo:5.0.18", "ghcr.io/labring/fastgpt:v4.7"), clock=clock)
    for _ in range(5):
        await look(host)
    assert host.http.asked == {GOOD: 2, DEAD: 1}
    clock.advance(130.0)
    await look(host)
    assert host.http.asked == {GOOD: 2, DEAD: 2}, "what may pass is asked again sooner"
    clock.advance(600.0)
    await look(host)
    assert host.http.asked == {GOOD: 4, DEAD: 3}


async def test_candidates_are_asked_only_on_request_and_the_settings_list_takes_the_place_of_ours():
    host = machine(None, present=("mongo:5.0.18", "ghcr.io/labring/fastgpt:v4.7"))
    own = Settings(mirrors=MirrorSettings(seed=("https://mine.example/", "nonsense", "https://dead.example")))
    await look(host, own)
    assert not host.http.asked
    seen = await look(host, own, on_request=("mirror-candidates",))
    assert [(one.address, one.what, one.state) for one in seen.mirror_probes] == [
        ("https://mine.example", "candidate", "ok"), (DEAD, "candidate", "dns"),
    ]  # fmt: skip
    shipped = await look(host, on_request=("mirror-candidates",))
    assert len(shipped.mirror_probes) == len(shipped.mirror_seed.mirrors)
    assert "https://registry-1.docker.io" not in host.http.asked


async def test_a_candidate_that_was_chosen_need_not_be_asked_again():
    host = machine(None, present=("mongo:5.0.18", "ghcr.io/labring/fastgpt:v4.7"))
    own = Settings(mirrors=MirrorSettings(seed=(GOOD,)))
    await look(host, own, on_request=("mirror-candidates",))
    host.engine.info_reply |= {"RegistryConfig": {"Mirrors": [f"{GOOD}/"]}}
    before = host.http.asked.total()
    seen = await look(host, own)
    assert [(one.what, one.state) for one in seen.mirror_probes] == [("mirror", "ok")]
    assert host.http.asked.total() == before


async def test_nobody_is_asked_when_the_settings_say_so():
    host = machine(None, GOOD)
    seen = await look(host, parse("[mirrors]\nprobe = false\n"))
    assert (seen.mirror_probes, host.http.asked.total()) == ((), 0)
    assert seen.daemon is not None


@pytest.mark.parametrize("parts", [{"kernel": None}, {"http": None}])
async def test_an_engine_elsewhere_is_not_judged_from_here(parts):
    host = machine(json.dumps({"registry-mirrors": [GOOD]}), GOOD, **parts)
    if "kernel" in parts:
        host.engine.local = False
    seen = await look(host)
    assert seen.mirror_probes == ()
    assert (seen.daemon is None) == ("kernel" in parts)


async def test_a_file_that_cannot_be_read_is_no_fault_of_the_source():
    host = machine("{}")
    real = host.files.read

    def read(path: str, *, limit: int = 1 << 20) -> bytes:
        if path == FILE:
            raise NotPermitted("permission denied", "sudo cat")
        return real(path, limit=limit)

    host.files.read = read  # type: ignore[method-assign]
    seen = await look(host)
    assert (seen.daemon.kind, seen.daemon.error) == ("unreadable", "permission denied")
    assert not [fault for fault in seen.faults if fault.source == "daemon"]


async def test_the_collector_sees_an_edit_and_a_reload_and_asks_again_on_request_but_politely():
    host = machine(None, GOOD, present=("mongo:5.0.18", "ghcr.io/labring/fastgpt:v4.7"))
    seen: list[Snapshot] = []
    quick = Cadence(second_sample=0.0, daemon=0.05, info=0.1, mirrors_polite=0.0)
    collector = Collector(host, Settings(), seen.append, project_dirs=["/srv/chat"], cadence=quick)
    task = asyncio.create_task(collector.run())
    try:
        await until(lambda: seen and seen[-1].mirror_probes)
        host.files.contents[FILE] = b'{"registry-mirror": []}'
        await until(lambda: seen[-1].daemon.typo == "registry-mirror")
        host.engine.info_reply |= {"RegistryConfig": {"Mirrors": []}}
        await until(lambda: host.engine.listeners)
        host.engine.emit("reload", kind="daemon")
        await until(lambda: seen[-1].engine.registry_mirrors == () and seen[-1].mirror_probes == ())
        host.engine.info_reply |= {"RegistryConfig": {"Mirrors": [f"{GOOD}/"]}}
        host.engine.emit("reload", kind="daemon")
        await until(lambda: seen[-1].mirror_probes)
        before = host.http.asked.total()
        collector.request()
        await until(lambda: host.http.asked.total() > before)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
