"""The release of a rolling image: out of its own package.json, asked once and only where nothing else tells."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile

import pytest
from stackops.console.collect.collector import Cadence, collect
from stackops.console.collect.sources.configs import API, MAIN, PACKAGE_LIMIT, Releases, paths, version
from stackops.console.hosts import EngineFailed
from stackops.console.model import Container
from stackops.console.settings import LibreChatSettings, Settings
from support.clock import FakeClock
from support.fake_engine import container
from support.memory_host import MemoryEngine, MemoryHost, host_with
from support.one_source import OneSource

ROLLING = "ghcr.io/danny-avila/librechat-dev:latest"
BANNER = b"2026-01-02T03:04:06.000000000Z > LibreChat@v0.8.2 backend\n"


def packed(content: bytes, name: str = "package.json", kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(content) if kind == tarfile.REGTYPE else 0
        info.linkname = "elsewhere" if kind == tarfile.SYMTYPE else ""
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def package(number: str = "v0.8.7", name: str = "LibreChat", **more: object) -> bytes:
    return packed(json.dumps({"name": name, "version": number, **more}).encode())


# LibreChat package.json of v0.7.2 and v0.8.7, beside the server and above it
@pytest.mark.parametrize(
    ("archive", "found"),
    [
        (package(), "0.8.7"),
        (package("0.7.4"), "0.7.4"),
        (package("v0.8.8-rc1"), "0.8.8-rc1"),
        (package(name="@librechat/backend"), "0.8.7"),
        (package(scripts={"x": "y" * 1000}), "0.8.7"),
        (package(name="left-pad"), None),
        (package("latest"), None),
        (package("[/red]0.8.7"), None),
        (package("0.8.7\x1b[31m"), None),
        (packed(b"{"), None),
        (packed(b"[]"), None),
        (packed(b'{"version": 8}'), None),
        (packed(b"\xff\xfe"), None),
        (packed(b"", kind=tarfile.DIRTYPE), None),
        (packed(b"", kind=tarfile.SYMTYPE), None),
        (package()[:530], None),
        (b"<!DOCTYPE html>" * 60, None),
        (b"", None),
    ],
)
def test_only_librechats_own_package_tells(archive, found):
    assert version(archive) == found


def test_the_place_depends_on_the_image():
    assert paths(ROLLING) == (MAIN, API)
    assert paths("ghcr.io/danny-avila/librechat-dev-api:latest") == (API, MAIN)


def rolling(image=ROLLING, log=b"", archive=None, path=MAIN):
    one = container("LibreChat", image=image)
    engine = MemoryEngine(one)
    engine.log_lines[one["Id"]] = log
    if archive is not None:
        engine.archives[one["Id"], path] = archive
    return engine


def look(engine, settings=None):
    host = host_with(clock=FakeClock())
    host.engine = engine
    return asyncio.run(collect(host, settings or Settings(), cadence=Cadence(second_sample=0.0)))


def test_a_rolling_image_without_a_banner_is_asked():
    engine = rolling(archive=package())
    found = look(engine)
    assert [(one.version, one.path) for one in found.package_releases] == [("0.8.7", MAIN)]
    assert next(one.version for one in found.services if one.role == "librechat") == "0.8.7"
    assert engine.requests["archive"] == 1


def test_the_other_place_is_tried_and_nothing_is_an_answer():
    engine = rolling(archive=package(), path=API)
    assert look(engine).package_releases[0].path == API
    assert engine.requests["archive"] == 2
    nothing = rolling()
    assert look(nothing).package_releases == ()


@pytest.mark.parametrize(
    ("engine", "settings"),
    [
        (rolling(log=BANNER, archive=package()), None),
        (rolling("ghcr.io/danny-avila/librechat-dev:v0.7.5", archive=package()), None),
        (rolling(archive=package()), Settings(librechat=LibreChatSettings(release="0.7.2"))),
        (rolling("mongo:8.0.20", archive=package()), None),
    ],
    ids=["its log tells", "its tag tells", "the settings tell", "it is no LibreChat"],
)
def test_nobody_is_asked_where_something_else_tells(engine, settings):
    found = look(engine, settings)
    assert engine.requests["archive"] == 0
    assert found.package_releases == ()


def test_a_banner_beats_the_package():
    """The banner may come later: a container that was asked before keeps what it said, and the log counts more."""
    engine = rolling(log=BANNER)
    found = look(engine)
    assert next(one.version for one in found.services if one.role == "librechat") == "0.8.2"


async def test_what_could_not_be_asked_and_is_gone_is_known_no_more():
    engine, clock = rolling(), FakeClock()
    engine.error = EngineFailed("the Engine says no")
    one = OneSource(Releases, MemoryHost(engine=engine, clock=clock))
    box = Container("b" * 64, "LibreChat", ROLLING, "running")
    one.board.put(containers=(box,))
    await one.read()
    assert (engine.requests["archive"], set(one.source._failed)) == (1, {box.id})
    one.board.put(containers=())
    await one.read()
    assert one.source._failed == {}


def test_an_engine_that_refuses_costs_no_more_than_the_version():
    engine = rolling(archive=package())

    async def refuse(*_args, **_more):
        raise EngineFailed("the Engine says no")

    engine.archive = refuse
    found = look(engine)
    assert found.package_releases == ()
    assert [(one.source, one.sentence) for one in found.faults] == [("releases", "the Engine says no")]
    assert PACKAGE_LIMIT < 1 << 20
