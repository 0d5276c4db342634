"""An Engine that accepts and says nothing for a while, as a stopped dockerd does: told in words, never green, over."""

from __future__ import annotations

import asyncio
import re

from stackops.checks.registry import ALL
from stackops.console.collect.collector import Cadence, Collector
from stackops.console.hosts.local import open_local
from stackops.console.judge import judge
from stackops.console.model import Snapshot
from stackops.console.model.findings import Judgement
from stackops.console.settings import Settings
from support.fake_engine import FakeEngine, container
from support.memory_host import until

SOON = Cadence(ping=0.02, refresh_gap=0.01, engine_deadline=0.3, retries=(0.02, 0.05), publish_gap=0.001)
SAID = re.compile(r"The Engine has not answered for \d+ s; what is shown is of \d\d:\d\d:\d\d")


def judged(published: list[Snapshot]) -> Judgement | None:
    if not published:
        return None
    results = [result for check in ALL for result in check.examine(published[-1], Settings())]
    return judge(published[-1], [one for one in results if one.check.startswith("container.")])


async def test_a_silent_engine_is_told_with_the_time_of_what_is_shown_and_is_over_by_itself() -> None:
    published: list[Snapshot] = []
    async with FakeEngine(container("app", started_at="2026-01-02T03:04:05Z")) as engine:
        host = open_local(Settings(host=engine.url), environ={})
        task = asyncio.create_task(Collector(host, Settings(), published.append, cadence=SOON).run())
        try:
            await until(lambda: (told := judged(published)) is not None and told.green and told.services)
            engine.delay = 3600.0
            await until(lambda: (told := judged(published)) is not None and not told.green and told.services)
            told = judged(published)
            assert told is not None
            assert SAID.fullmatch(told.doubts[0]), told
            assert told.verdict.startswith("The Engine has not answered for ")
            assert [one.name for one in published[-1].containers] == ["app"]
            engine.delay = 0.0
            await until(lambda: (told := judged(published)) is not None and told.green and told.services)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
