"""What a container's log costs on the screen: a batch of one line, a letter that is looked for, another width.

Processor time of the thread that draws, with the drawing, in a console without a terminal.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stackops.screens.log_feed import Cleaner
from stackops.screens.widgets.log_choice import ChoosingLog
from support import stage
from support.pilots import Stage, console

LINES, LENGTH, TURNS = 20_000, 620, 50


def line_of(number: int, length: int = LENGTH) -> str:
    """A line as mongod writes them, time stamp of the Engine included."""
    head = '2025-10-09T08:53:20.123456789Z {"t":{"$date":"2025-10-09T08:53:20.123+00:00"},"s":"I",  '
    tail = f'"c":"NETWORK",  "id":{number},   "ctx":"listener","msg":"Connection accepted","attr":{{"n":12}}}} '
    return (head + tail * (length // len(tail) + 1))[:length]


def log_cost() -> dict[str, float]:
    """Milliseconds for each."""
    return asyncio.run(_measured())


async def _measured() -> dict[str, float]:
    desk = stage.desk(stage.full(), stage.RESULTS, log=b"")
    async with console(desk, (200, 50)) as running:
        running.app.open("logs", [stage.LIBRECHAT.id])
        await running.until("Nothing has been written yet")
        view, idle = running.app.screen.query_one(ChoosingLog), await _cost(running, lambda _: None)
        empty = await _resized(running)
        view.replace([line_of(number) for number in range(LINES)])
        await running.settle()
        found = {"log_line_ms": await _cost(running, lambda turn: view.append([line_of(LINES + turn)])) - idle}
        view.action_page_up()
        await running.settle()
        found["log_line_read_above_ms"] = await _cost(running, lambda turn: view.append([line_of(turn)])) - idle
        found["log_letter_ms"] = await _cost(running, lambda turn: view.find("cnetorza"[turn % 8])) - idle
        found["log_width_ms"] = await _resized(running) - empty
    raw, started = [line_of(number).encode() for number in range(1000)], time.thread_time()
    Cleaner().lines(raw)
    found["log_cleaning_ms_per_1000"] = 1000 * (time.thread_time() - started)
    return found


async def _cost(running: Stage, act: Callable[[int], Any]) -> float:
    took = []
    for turn in range(TURNS):
        started = time.thread_time()
        act(turn)
        await running.settle()
        took.append(1000 * (time.thread_time() - started))
    return median(took)


async def _resized(running: Stage) -> float:
    took = []
    for size in ((120, 40), (200, 50)) * 5:
        started = time.thread_time()
        await running.pilot.resize_terminal(*size)
        await running.settle()
        took.append(1000 * (time.thread_time() - started))
    return median(took)


if __name__ == "__main__":
    for name, milliseconds in log_cost().items():
        print(f"{name:30}{milliseconds:10.2f}")
