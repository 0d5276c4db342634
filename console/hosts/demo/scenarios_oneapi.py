"""What goes wrong with One API."""

from __future__ import annotations

import json

from . import oneapi
from . import stack_fastgpt as stack
from .scenario import Hands, scenario
from .walks import dice

COMPOSE = f"{stack.FOLDER}/docker-compose.yml"
MODEL = "bge-m3"
BEFORE = 300.0
"""Seconds that One API had been running when the channel was added."""


@scenario("oneapi.restart", "stale-channels")
def stale_channels(hands: Hands) -> None:
    """Set SYNC_FREQUENCY to a day, to spare MySQL, and added a channel for bge-m3 five minutes after the restart.

    Its page shows the channel and its test passes, but FastGPT gets 503: the relay keeps its list from the start.
    """
    with hands.world.ago(BEFORE):
        _edit(hands, "      - MEMORY_CACHE_ENABLED=true\n",
              "      - MEMORY_CACHE_ENABLED=true\n      - SYNC_FREQUENCY=86400\n")  # fmt: skip
        hands.compose(stack.FOLDER, "up", "-d", "--no-deps", "oneapi")
    table = hands.tree.get(stack.CHANNELS)
    rows = json.loads(table.content) if table else []
    rows.append({"id": len(rows) + 1, "models": [MODEL], "created_time": hands.world.now() - 60.0})
    hands.tree.put(stack.CHANNELS, json.dumps(rows).encode(), mode=0o640, uid=stack.KEY_OWNER)
    now = hands.world.now()
    asked = oneapi.refusal(now, MODEL, dice("asked", now), "/v1/embeddings")
    hands.world.find("oneapi").say(now, *asked)


@scenario("oneapi.restart", "database-not-ready")
def database_not_ready(hands: Hands) -> None:
    """Threw MySQL's data folder away to begin anew, and looked at One API at once.

    MySQL needs most of a minute for an empty folder; until then One API ends again and again, as it should.
    """
    hands.compose(stack.FOLDER, "stop", "oneapi", "mysql")
    hands.tree.drop(stack.MYSQL_DATA)
    hands.tree.mkdir(stack.MYSQL_DATA, mode=0o700, uid=stack.KEY_OWNER)
    hands.compose(stack.FOLDER, "up", "-d", "--no-deps", "mysql")
    hands.compose(stack.FOLDER, "up", "-d", "--no-deps", "oneapi")


@scenario("oneapi.restart", "start-again")
def start_again(hands: Hands) -> None:
    """Switched the restart policy of One API off to read its log in peace, then restarted MySQL for a backup.

    One API was started while MySQL was away, ended, and nobody has started it since.
    """
    _edit(
        hands,
        "    restart: always\n    environment:\n      - SQL_DSN",
        '    restart: "no"\n    environment:\n      - SQL_DSN',
    )
    with hands.world.ago(BEFORE):
        hands.compose(stack.FOLDER, "up", "-d", "--no-deps", "oneapi")
    hands.compose(stack.FOLDER, "stop", "mysql")
    hands.compose(stack.FOLDER, "restart", "oneapi")
    hands.compose(stack.FOLDER, "start", "mysql")


@scenario("oneapi.restart", "database-down")
def database_down(hands: Hands) -> None:
    """Stopped MySQL to copy its folder and forgot to start it; One API went down at the next restart of the machine."""
    hands.compose(stack.FOLDER, "stop", "mysql")
    hands.compose(stack.FOLDER, "restart", "oneapi")


@scenario("oneapi.restart", "config-changed")
def config_changed(hands: Hands) -> None:
    """Added bge-m3 to the vector models of config.json and waited for FastGPT to offer it.

    FastGPT reads the file once, at its start, and nobody has started it since.
    """
    path = f"{stack.FOLDER}/config.json"
    more = '{ "model": "bge-m3", "name": "BGE M3", "defaultToken": 512, "maxToken": 8000 }'
    text = stack.CONFIG.replace('"maxToken": 1800 }]', f'"maxToken": 1800 }},\n    {more}]')
    hands.tree.put(path, text.encode())


@scenario("oneapi.restart", "host-port")
def host_port(hands: Hands) -> None:
    """Moved MySQL to port 33066 of the host, because 3306 was taken, and changed SQL_DSN along with it.

    Between containers the port is still 3306: nothing listens where One API knocks, and no restart will change that.
    """
    _edit(hands, "      - 3306:3306\n", "      - 33066:3306\n")
    _edit(hands, "@tcp(mysql:3306)/", "@tcp(mysql:33066)/")
    hands.compose(stack.FOLDER, "up", "-d", "mysql", "oneapi")


def _edit(hands: Hands, old: str, new: str) -> None:
    node = hands.tree.get(COMPOSE)
    text = node.content.decode() if node else ""
    hands.tree.put(COMPOSE, text.replace(old, new, 1).encode())
