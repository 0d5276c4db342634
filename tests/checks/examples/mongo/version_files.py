"""Data folders and versions, and what ``mongo.version-files`` must say of them."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Snapshot

from examples import Example
from examples.mongo.replica_set import PRIMARY, WRAPPER, mongo

WRONG = ("mongo.20573", 'Wrong mongod version: Found an invalid featureCompatibilityVersion document, version: "4.4"')
BARE = ("mongo.20573", "Wrong mongod version")
UP = ("mongo.23016", "Waiting for connections")
ENDED = {"state": "exited", "exit_code": 62}
LOOP = {"state": "restarting", "exit_code": 62}
KEPT = {"entrypoint": ("bash", "-c", WRAPPER)}


def of(image: str, *marks: tuple[str, str], told: Any = None, **container: Any) -> Snapshot:
    """A mongod of this image."""
    return mongo(told, container=container, image=image, marks=marks)


def _finds(name: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", "other-version", ())


FINDS = (
    _finds("went from 4.4 to 6.0 at once", of("mongo:6.0", WRONG, **ENDED)),
    _finds("went from 4.4 to 6.0, restart always", of("mongo:6.0", WRONG, **LOOP)),
    _finds("pulled mongo without a tag: 6.0 became 8.0", of("mongo", BARE, **LOOP)),
    _finds("went back to 4.4 for want of AVX", of("mongo:4.4.29", BARE, **ENDED)),
    _finds("keeps no log, only the exit code", of("mongo:8.0", **ENDED)),
    _finds("keeps no log, restart always", of("mongo:8.0", **LOOP)),
    _finds("runs FastGPT's script, which hides the exit", of("mongo:7.0", WRONG, **KEPT)),
    _finds("runs a script of its own, no version in the log", of("mongo:7.0", BARE, **KEPT)),
    _finds("started it by hand once more", of("mongo:7.0", UP, WRONG, **ENDED)),
    _finds("has a dead container", of("mongo:7.0", WRONG, **{**ENDED, "state": "dead"})),
)

FINDS_NOT = (
    Example("upgraded one version at a time", of("mongo:7.0", told=PRIMARY), "ok"),
    Example("went back, and it runs again", of("mongo:5.0.18", WRONG, UP, told=PRIMARY), "ok"),
    Example("went back, and mongod was not asked", of("mongo:5.0.18", WRONG, UP), "ok"),
    Example("stopped it", of("mongo:5.0.18", UP, **{**ENDED, "exit_code": 0}), "ok"),
    Example("killed it", of("mongo:5.0.18", UP, **{**ENDED, "exit_code": 137}), "ok"),
    Example("has a bad key file", of("mongo:5.0.18", **{**ENDED, "exit_code": 1}), "ok"),
    Example("has no AVX", of("mongo:5.0.18", **{**ENDED, "exit_code": 132}), "ok"),
    Example("stops it after it ended with 62 once and then ran", of("mongo:5.0.18", told=PRIMARY, exit_code=62), "ok"),
    Example("looks before the inspection", mongo(None, container={"detailed": False}), "unknown"),
    Example("made the container and has not started it", mongo(None, container={"state": "created"}),
            "not_applicable"),
    Example("has not started anything", mongo(None, started=False), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
