"""Text from outside in every widget that shows it: literal, without a control byte, never the end of the console."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from stackops.console.model import (
    ConfigFile,
    EnvVar,
    Fault,
    Gpu,
    Health,
    HealthProbe,
    Mount,
    NetworkLink,
    Project,
    Service,
)
from stackops.console.model.findings import Evidence, FixSummary, Result
from support import stage
from support.pilots import console

HOSTILE = (
    "[/etc/x]",
    "[red]x[/red]",
    "[@click=app.quit]click[/]",
    "[type=x, v={'a[0]'}]",
    "\x1b]52;c;ZXZpbA==\x07evil",
    "\x1b[2J\x9b31mred",
    "数据库服务器名称很长的容器",
    "a" * 300,
    "x\u202ey\u200bz",
    "e" + "\u0301" * 40,
    "\ud800lone",
    "",
)


def _world(text: str):
    container = replace(
        stage.LIBRECHAT, name=text, image=text, project=text, service=text, error=text, user=text, command=(text, text),
        env=(EnvVar(text, text),), mounts=(Mount("bind", text, text, stale=True),), labels={text: text},
        networks=(NetworkLink(text, text, (text,)),), health=Health("unhealthy", 1, (HealthProbe(stage.NOW, 1, text),)),
        image_digest=text, working_dir=text,
    )  # fmt: skip
    full = stage.full()
    return replace(
        full, containers=(container, *full.containers[1:]), projects=(Project(text, text, (ConfigFile(text),)),),
        services=(Service("unknown", text, pid=77, project=text), *full.services), faults=(Fault(text, text, text),),
        gpus=(Gpu("u", 0, name=text),), host=replace(full.host, name=text),
    )  # fmt: skip


def _results(text: str):
    return (
        Result(
            check="librechat.config-mount", subject=text, status="finding", severity="error", title=text, because=text,
            evidence=(Evidence(text, text, text),), fix=FixSummary("safe", text),
            also=(stage.LIBRECHAT.name,),
        ),
    )  # fmt: skip


def _printable(shown: str) -> bool:
    return all(letter == "\n" or (letter.isprintable() or letter in "\u3000\xa0") for letter in shown)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
async def test_every_screen_shows_it_literally(text: str) -> None:
    desk = stage.desk(
        _world(text), _results(text), log=text.encode("utf-8", "replace") + b"\n" + text.encode("utf-8", "replace")
    )
    async with console(desk, (160, 50)) as running:
        app = running.app
        shown = [running.text, await running.press("2")]
        app.open("container", stage.LIBRECHAT.id)
        shown.append(await running.until("Details"))
        shown.append(await running.press("R"))
        shown.append(await running.press("escape", "y"))
        app.say(text)
        shown.append(await running.press("escape", "1"))
        shown.append(await running.press("slash"))
        for each in shown:
            assert _printable(each), [ascii(letter) for letter in each if not letter.isprintable() and letter != "\n"]
        if text.startswith("["):
            assert any(text[:12] in each for each in shown)
        assert app.is_running


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 50)])
async def test_columns_stay_where_they_are_beside_wide_letters(size) -> None:
    from rich.cells import cell_len

    async with console(stage.desk(_world("数据库服务器名称很长的容器"), ()), size) as running:
        strips = running.app.screen._compositor.render_strips()
        assert {cell_len(strip.text) for strip in strips} == {size[0]}
