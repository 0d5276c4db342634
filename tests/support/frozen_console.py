"""A console on frozen data, as a program for a pseudo terminal: ``python frozen_console.py NAME [seconds]``."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msgspec.structs import replace
from stackops.console.commands.guard import guarded
from stackops.console.settings import Settings
from stackops.screens.app import StackopsApp
from stackops.screens.driver import ConsoleDriver
from support import stage

HOSTILE = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\u202ename"


def hostile():
    """Everything that can carry outside text carries an attack."""
    full = stage.full()
    bad = replace(stage.LIBRECHAT, name=HOSTILE, image=HOSTILE, project=HOSTILE, service=HOSTILE, error=HOSTILE)
    return replace(full, containers=(bad, *full.containers[1:]), host=replace(full.host, name=HOSTILE))


def main() -> int:
    """Run until it is left."""
    name = sys.argv[1]
    snapshot = hostile() if name == "hostile" else stage.full()
    log = HOSTILE.encode("utf-8", "replace") + b"\n" if name == "hostile" else None
    results = (
        tuple(replace(each, title=HOSTILE, because=HOSTILE) for each in stage.RESULTS)
        if name == "hostile"
        else stage.RESULTS
    )
    settings = Settings(theme=os.environ.get("TEST_THEME", "dark"))
    desk = stage.desk(snapshot, results, settings=settings, log=log)
    app = StackopsApp(desk, driver_class=ConsoleDriver)
    if name == "crash":
        desk.feed.curve = lambda key: [1 / 0]
    if name == "moving":
        _move(desk)
    app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


def _move(desk) -> None:
    """A hundred containers, a third of which change three figures each second."""
    many = [stage.container(n, f"service-{n:03}", project=f"stack-{n // 20}") for n in range(100)]
    full = replace(
        stage.full(), containers=tuple(many), figures={each.id: stage.figures(1.0, 1 << 28) for each in many}
    )
    desk.feed.snapshot = full
    ticks = iter(range(10_000))

    def tick() -> None:
        turn = next(ticks)
        changed = {
            each.id: stage.figures(float(turn % 90 + 5), (turn % 50 + 100) << 20, net_rx=(turn % 80 + 10) * 1024.0)
            for index, each in enumerate(many)
            if index % 3 == turn % 3
        }
        desk.feed.push(replace(full, taken_at=stage.NOW + turn, figures={**desk.feed.snapshot.figures, **changed}))
        timer = threading.Timer(1.0, tick)
        timer.daemon = True
        timer.start()

    first = threading.Timer(1.5, tick)
    first.daemon = True
    first.start()


if __name__ == "__main__":
    sys.exit(guarded(main))
