"""What keeps a container running when the program in it is gone, and how that shows in the log. Pure data.

nodemon, `node --watch`, supervisord, pm2, s6, uvicorn's reloader and a start script outlive what they start: the Engine
sees a process 1 that runs, its restart policy never acts.

fact: nodemon lib/monitor/run.js; supervisor/process.py; pm2 lib/God.js; uvicorn supervisors; s6-overlay's s6-rc; bash
jobs.c; LibreChat issue 3220
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct


class Keeper(Struct, frozen=True):
    """A program that starts another one, and stays when that has ended."""

    name: str
    gone: re.Pattern[str]
    """It says that the program has ended and that it waits; the group ``who`` where it has several."""
    back: re.Pattern[str] | None = None
    """It says that it has started it again."""
    last: int = 1000
    """How many lines may stand behind: of one whose start is not told, only the very last words count."""


_NODE = re.compile(r"^\[nodemon\] (?:starting|restarting)|^Restarting '|Completed running '")
KEEPERS = (
    Keeper("nodemon", re.compile(r"\[nodemon\] (?:app crashed|clean exit) - waiting for"), _NODE),
    Keeper("node --watch", re.compile(r"Failed running '[^']*'"), _NODE),
    Keeper(
        "supervisord",
        re.compile(r"gave up: (?P<who>[\w:.-]+) entered FATAL|exited: (?P<who2>[\w:.-]+) \([^)]*; not expected\)"),
        re.compile(r"success: (?P<who>[\w:.-]+) entered RUNNING"),
    ),
    Keeper("pm2", re.compile(r"had too many unstable restarts \(\d+\)\. Stopped")),
    Keeper("s6", re.compile(r"s6-rc: (?:warning|fatal): unable to start service (?P<who>[\w.-]+)")),
    Keeper(
        "the reloader of uvicorn",
        re.compile(r"^Process SpawnProcess-\d+:"),
        # or any line of a log, as no traceback has one: a worker died, whose program goes on
        re.compile(r"Started (?:server|reloader) process|startup complete|^\W?(?:\d{4}-|DEBUG|INFO|WARN|ERROR)"),
    ),
    Keeper(
        "watchexec", re.compile(r"\[(?:Finished running\. Exit status: |Command exited with )[1-9]"),
        re.compile(r"^\[Running [':]"),
    ),
    Keeper("concurrently", re.compile(r"^\[(?P<who>[\w:.-]+)\] .{1,160} exited with code [1-9]\d*$"), last=3),
    Keeper(
        "the start script",
        re.compile(r"^npm (?:ERR!|error) |^error Command failed with exit code [1-9]|\bELIFECYCLE\b.*Command failed"),
        last=2,
    ),
    Keeper(
        "the start script",
        re.compile(r"^\S+: line \d+: +\d+ (?:Killed|Aborted|Segmentation fault|Bus error|Illegal instruction)\b"),
        last=2,
    ),
)  # fmt: skip


_STARTS_OTHERS = re.compile(
    r"nodemon|\b(?:npm|npx|yarn|pnpm|bun)\b|--watch|--reload|supervisord|pm2|/init\b|s6-|concurrently|watchexec"
    r"|cargo watch|foreman|honcho|(?<!\bdocker-entrypoint\.)\b(?:ba|da|z)?sh\b"
)
"""A shell or a script counts. Not the entrypoint of Docker's official images, which most databases have: it ends in
``exec``, so that nothing stays behind it. fact: docs.docker.com/build/building/best-practices, ENTRYPOINT"""


def starts_others(words: Sequence[str]) -> bool:
    """Whether what a container is started with may outlive the program in it."""
    return bool(_STARTS_OTHERS.search(" ".join(words)))


def gone(lines: Sequence[str]) -> tuple[Keeper, int] | None:
    """Who waits for a program that has ended, and which of the lines says so; None where it was started again since."""
    for keeper in KEEPERS:
        found: dict[str, int] = {}
        for index, line in enumerate(lines):
            if match := keeper.gone.search(line):
                found[_who(match)] = index
            elif keeper.back and (match := keeper.back.search(line)):
                found.pop(_who(match), None)
        if found and len(lines) - max(found.values()) <= keeper.last:
            return keeper, max(found.values())
    return None


def others_live(keeper: Keeper, lines: Sequence[str], index: int) -> bool:
    """Whether a keeper of several says that it runs another program than the one that this line is of."""
    back = keeper.back
    told = (match for line in lines if back and back.groupindex and (match := back.search(line)))
    return any(_who(match) not in lines[index] for match in told)


def _who(match: re.Match[str]) -> str:
    return next((value for value in match.groupdict().values() if value), "")
