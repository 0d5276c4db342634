"""What watching costs: stackops against ``docker stats``, in one run, on this machine's Engine.

    python tests/bench/run.py [--containers 100] [--seconds 60] [--gpus 2] [--servers 10] [--json]
    python tests/bench/run.py --beside COMMIT [--rounds 3]

Prints for each: time to the first frame, to the list, to the first figures; processor time of the program and of the
Engine on its account (above the idle level of the same run); bytes written to the terminal. GPUs (tests/nvml/stub.c in
place of the driver's library) and model servers (recorded answers over loopback) are put beside the same containers one
after the other; what each of them costs is told at the end, measured by itself; so is a container's log on the screen.
With --beside this checkout and an older commit take turns over the same containers, and the medians stand side by
side. It judges nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from beside import installed
from box import HOLDERS, cards, servers
from cpu import children_seconds, engine_seconds, resident_bytes, tree_seconds
from fleet import IMAGE, pids, remove, start
from keys import latencies
from logs import log_cost
from parts import gpu_cost, server_cost, wiring_cost
from terminal import Terminal

STACKOPS = [str(Path(sys.executable).with_name("stackops"))]
PEER = ["docker", "stats"]
ROW = re.compile(r"bench-\d{3}")
FIGURE = re.compile(r"bench(-\d{3}|\d ).*?(\d+(\.\d+)? ?%|\d(\.\d)? ?[KM](iB)?\b)")
"""Of a container, or of a stack whose containers are folded to a line."""
WARM_UP = 5.0
"""Seconds after which start-up is over and the steady state is measured."""


def idle_engine(seconds: float) -> float:
    """The Engine's processor share in per cent of a core while nobody asks it anything."""
    before, started = engine_seconds(), time.monotonic()
    time.sleep(seconds)
    return 100 * (engine_seconds() - before) / (time.monotonic() - started)


Row = dict[str, float | None]


def measure(argv: Sequence[str], seconds: float, idle: float, more: Mapping[str, str] | None = None) -> Row:
    with tempfile.TemporaryDirectory() as state:
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "STACKOPS_STATE_DIR": state}
        env |= more or {}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed command has its modules compiled
        warm_up = Terminal(argv, env)
        time.sleep(2)
        warm_up.close()
        engine_0 = engine_seconds()
        terminal = Terminal(argv, env)
        time.sleep(WARM_UP)
        own_1, engine_1, at_1 = tree_seconds(terminal.pid), engine_seconds(), time.monotonic() - terminal.started
        child_1 = children_seconds(terminal.pid)
        time.sleep(seconds)
        own_2, engine_2, at_2 = tree_seconds(terminal.pid), engine_seconds(), time.monotonic() - terminal.started
        child_2, memory = children_seconds(terminal.pid), resident_bytes(terminal.pid)
        terminal.close()
    span = at_2 - at_1
    return {
        "first_frame_ms": _ms(terminal.first_time(lambda lines: sum(bool(line.strip()) for line in lines) >= 3)),
        "list_ms": _ms(terminal.first_time(_at_least(ROW, 20))),
        "figures_ms": _ms(terminal.first_time(_at_least(FIGURE, 3))),
        "own_percent": 100 * (own_2 - own_1) / span,
        "of_it_child_percent": 100 * (child_2 - child_1) / span,
        "engine_percent": max(0.0, 100 * (engine_2 - engine_1) / span - idle),
        "start_cpu_s": own_1 + engine_1 - engine_0,
        "cpu_seconds_total": (own_2 + engine_2 - engine_0) - idle / 100 * at_2,
        "bytes_per_second": terminal.bytes_between(at_1, at_2) / span,
        "memory_mib": memory / (1 << 20),
    }


def _at_least(pattern: re.Pattern[str], count: int) -> Callable[[list[str]], bool]:
    return lambda lines: sum(bool(pattern.search(line)) for line in lines) >= count


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


@contextlib.contextmanager
def settings(addresses: Sequence[str]) -> Iterator[list[str]]:
    """The arguments with which stackops looks after these servers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stackops.toml"
        path.write_text(f"[servers]\naddresses = {json.dumps(list(addresses))}\n")
        yield ["--config", str(path)]


def compare(options: argparse.Namespace) -> dict[str, Row]:
    """Each measured on the same containers, one after the other."""
    idle, seconds = options.idle, options.seconds
    rows = {"stackops": measure(STACKOPS, seconds, idle), "docker stats": measure(PEER, seconds, idle)}
    if not options.gpus and not options.servers:
        return rows
    with cards(options.gpus, pids(min(HOLDERS, options.containers))) as env:
        if options.gpus:
            rows[f"+ {options.gpus} GPUs"] = measure(STACKOPS, seconds, idle, env)
        if options.servers:
            with servers(options.servers) as addresses, settings(addresses) as told:
                rows[f"+ {options.servers} servers"] = measure([*STACKOPS, *told], seconds, idle, env)
    return rows


def take_turns(options: argparse.Namespace) -> dict[str, Row]:
    """This checkout and the older commit, one after the other in each round: what changes meanwhile meets both."""
    with installed(options.beside) as older:
        programs = {"this checkout": STACKOPS, options.beside[:16]: older}
        rounds = [
            {name: measure(argv, options.seconds, options.idle) for name, argv in programs.items()}
            for _ in range(options.rounds)
        ]
    return {name: {key: _median([each[name][key] for each in rounds]) for key in rounds[0][name]} for name in programs}


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def costs(gpus: int, count: int) -> dict[str, float]:
    """What GPUs and model servers cost while they are watched, in per cent of a core."""
    found: dict[str, float] = {}
    if gpus:
        with cards(gpus, range(1, HOLDERS + 1)) as env:
            found["gpus_console_percent"], found["gpus_child_percent"] = gpu_cost(env)
    if count:
        with servers(count) as addresses:
            found["servers_percent"] = server_cost(addresses)
    if os.geteuid() == 0:
        found["wiring_percent"] = wiring_cost()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--gpus", type=int, default=2, help="cards of the stand-in for NVML; 0: without")
    parser.add_argument("--servers", type=int, default=10, help="model servers on loopback; 0: without")
    parser.add_argument("--beside", metavar="COMMIT", help="measure an older commit in turn with this checkout")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each with --beside")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the containers running")
    options = parser.parse_args()
    remove()
    print(f"starting {options.containers} containers ...", file=sys.stderr)
    start(options.containers)
    try:
        time.sleep(5)
        options.idle = idle_engine(10)
        rows = take_turns(options) if options.beside else compare(options)
        added = {} if options.beside else costs(options.gpus, options.servers)
        log = {} if options.beside else log_cost() | latencies(STACKOPS, IMAGE)
    finally:
        if not options.keep:
            remove()
    if options.json:
        told = {"containers": options.containers, "idle_engine_percent": options.idle, "rows": rows}
        print(json.dumps({**told, "costs_percent": added, "drawing_ms": log}, indent=2))
        return
    print(f"{options.containers} containers, {options.seconds:.0f} s, idle Engine {options.idle:.1f} % of a core")
    print(f"{'':20}" + "".join(f"{name:>16}" for name in rows))
    for key in next(iter(rows.values())):
        values = (row[key] for row in rows.values())
        print(f"{key:20}" + "".join(f"{'–' if value is None else f'{value:.1f}':>16}" for value in values))
    for key, figure in (added | log).items():
        print(f"{key:30}{figure:>16.2f}")


if __name__ == "__main__":
    main()
