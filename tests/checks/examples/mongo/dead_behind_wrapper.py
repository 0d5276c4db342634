"""Start scripts with and without a mongod behind them, and what ``mongo.dead-behind-wrapper`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import MongoState, Snapshot

from examples import Example
from examples.mongo.replica_set import ALONE, GHOST, MONGO, PRIMARY, WRAPPER, mongo
from examples.snapshots import NOW

DEAD = MongoState(MONGO, trouble="refused", sentence="nobody listens at 127.0.0.1:27017", alive=False)
RESET = replace(DEAD, trouble="reset", sentence="127.0.0.1:27017 accepts and hangs up")
ALIVE = replace(DEAD, trouble="silent", sentence="it does not answer", alive=True)
WAITING = ("mongo.waiting-for-start", "Waiting for MongoDB to start...")
RESTART = ("RestartContainer",)


def behind(
    told: MongoState | None, *marks: str, script: str = WRAPPER, program: str = "bash", **container: Any
) -> Snapshot:
    """A container with a start script."""
    lines = (WAITING, *((mark, f"a line of {mark}") for mark in marks))
    return mongo(told, container={"entrypoint": (program, "-c", script), **container}, marks=lines)


FINDS = (
    Example("lost mongod to the out-of-memory killer", behind(DEAD), "finding", "no-mongod", RESTART),
    Example("publishes the port, which hangs up", behind(RESET), "finding", "no-mongod", RESTART),
    Example("killed mongod inside the container", behind(replace(DEAD, trouble="name")),
            "finding", "no-mongod", RESTART),
    Example("starts it with sh", behind(DEAD, program="/bin/sh"), "finding", "no-mongod", RESTART),
    Example("has a healthy log of an hour ago", behind(DEAD, "mongo.23016"), "finding", "no-mongod", RESTART),
    Example("has a key file that mongod refuses", behind(DEAD, "mongo.20254", "mongo.20575"), "finding", "of-a-cause",
            ()),
    Example("has no AVX", behind(DEAD, "mongo.no-avx", "mongo.illegal-instruction"), "finding", "of-a-cause", ()),
    Example("has data of another version", behind(DEAD, "mongo.20573"), "finding", "of-a-cause", ()),
    Example("runs 8.0 on a kernel it refuses", behind(DEAD, "mongo.12257600"), "finding", "of-a-cause", ()),
    Example("misspelt an option", behind(DEAD, "mongo.bad-option"), "finding", "of-a-cause", ()),
    Example("set only one of the root variables", behind(DEAD, "mongo.root-variables"), "finding", "of-a-cause", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("runs FastGPT v4.7 in good health", behind(PRIMARY), "ok"),
    Example("runs it uninitiated", behind(GHOST), "ok"),
    Example("runs it without a set", behind(ALONE), "ok"),
    Example("has a mongod that does not answer", behind(ALIVE), "ok"),
    Example("repaired the key file, and mongod runs", behind(PRIMARY, "mongo.20254", "mongo.23016"), "ok"),
    Example("has just started the container", behind(DEAD, started_at=NOW - 3), "unknown"),
    Example("cannot list processes", behind(replace(DEAD, alive=None)), "unknown"),
    Example("looks before mongod was asked", behind(None), "unknown"),
    Example("starts mongod without a script", mongo(DEAD), "not_applicable"),
    Example("stopped the container", behind(None, state="exited"), "not_applicable"),
    Example("has not started anything", mongo(None, started=False), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
