"""What people did to FastGPT's config.json, and what ``fastgpt.config`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import JsonFact, Snapshot

from examples import Example
from examples.snapshots import STARTED, bind, declared_bind, file, stack

HERE = "/srv/fastgpt"
PATH, TARGET = f"{HERE}/config.json", "/app/data/config.json"
GOOD = JsonFact(PATH)
COMMENT = JsonFact(PATH, strict="line 2, column 3: Expecting property name")
HTML = JsonFact(PATH, strict="line 1, column 1: Expecting value", relaxed="line 1, column 1: Expecting value")
LOOP = {"state": "restarting", "restart_count": 9, "exit_code": 1}


def made(release: str | None, kind: Any = "file", json: JsonFact | None = GOOD, *, container: Any = None,
         mount: bool = True, user: str | None = None, **fact: Any) -> Snapshot:  # fmt: skip
    """A FastGPT of this release, declared or with a container, and what lies at its source."""
    volumes = (declared_bind(PATH, TARGET, f"{HERE}/docker-compose.yml"),) if mount else ()
    mounts = (bind(PATH, TARGET),) if mount else ()
    ran = None if container is None else {"mounts": mounts, "user": user, **container}
    found = stack(
        "fastgpt", HERE, name="fastgpt", service="fastgpt", image="ghcr.io/labring/fastgpt", container=ran,
        declared={"volumes": volumes, "user": user}, files=(file(PATH, kind, **fact),),
    )  # fmt: skip
    numbered = tuple(replace(one, version=release) for one in found.services)
    return replace(found, services=numbered, json_files=(json,) if json else ())


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    finds("has not fetched it", "missing", made("4.8.23", "missing")),
    finds("removed it under one that runs", "missing", made("4.8.23", "missing", container={})),
    finds("started it before it was there", "directory", made("4.8.23", "directory", container=LOOP)),
    finds("has the directory of an earlier try", "directory", made("4.14.2", "directory")),
    finds("put a socket there", "not-a-file", made("4.8.23", "socket")),
    finds("wrote it as root with mode 600", "shut", made("4.14.2", mode=0o600)),
    finds("wrote it so for another user", "shut", made("4.8.1", mode=0o640, user="1000:1000")),
    finds("saved the web page in its place", "not-json", made("4.8.23", json=HTML)),
    finds("saved it so, and it goes round", "not-json", made("4.8.23", json=HTML, container=LOOP)),
    finds("left comments in for an old release", "not-json", made("4.6.8", json=COMMENT)),
    finds("left them in for v4.8.3", "not-json", made("4.8.3", json=COMMENT, container=LOOP)),
    finds("stopped it", "directory", made("4.8.23", "directory", container={"state": "exited", "exit_code": 0})),
)  # fmt: skip

LATE = {"mtime": STARTED + 60}
FINDS_NOT = (
    Example("has it in order", made("4.8.23", json=GOOD), "ok"),
    Example("has comments for a release that takes them", made("4.8.4", json=COMMENT), "ok"),
    Example("runs a release that nobody knows, with comments", made(None, json=COMMENT), "ok"),
    Example("gave it to the user", made("4.14.2", mode=0o600, uid=1001), "ok"),
    Example("lets the group read it", made("4.14.2", mode=0o640, user="1001:0"), "ok"),
    Example("runs it as root", made("4.14.2", mode=0o600, user="0"), "ok"),
    Example("runs a release of which the user is not known", made("4.8.23", mode=0o600), "ok"),
    Example("has a container that reads it as it is", made("4.14.2", mode=0o600, container={"user": "1001"}), "ok"),
    Example("changed it under one that runs, which oneapi.restart tells",
            made("4.8.23", json=HTML, container={}, **LATE), "not_applicable"),
    Example("has a file whose content nobody may read", made("4.8.23", json=None), "unknown"),
    Example("has none: all is in the environment", made("4.15.0", "missing", mount=False), "not_applicable"),
    Example("cannot look at it", made("4.8.23", "unreadable"), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
