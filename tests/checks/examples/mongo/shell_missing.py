"""Start scripts and images, and what ``mongo.shell-missing`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Mount, Snapshot

from examples import Example
from examples.mongo.replica_set import ALONE, NEVER, PRIMARY, WRAPPER, mongo

OLD = ("docker-entrypoint.sh",)
MONGOSH = WRAPPER.replace("mongo --", "mongosh --")
COMMENTED = f"# mongo --eval 1 was here\n{MONGOSH}"
MOUNTED = {"mounts": (Mount("bind", "/srv/fastgpt/mongo.sh", "/usr/local/bin/mongo", read_only=True),)}
NAMED = WRAPPER.replace("mongo --", "mongosh --host mongo --")
EITHER = "until mongosh --eval 1 || mongo --eval 1; do sleep 2; done\n"


def wrapped(image: str, version: str | None, *, script: str = WRAPPER, state: Any = NEVER, started: bool = True,
            container: dict[str, Any] | None = None, **more: Any) -> Snapshot:  # fmt: skip
    """A mongod of this image under a start script."""
    entry = ("bash", "-c", script)
    inside = {"entrypoint": entry, **(container or {})}
    base = mongo(state if started else None, container=inside, started=started, image=image,
                 declared={"entrypoint": entry}, **more)  # fmt: skip
    services = tuple(replace(s, version=version) if s.role == "mongo" else s for s in base.services)
    return replace(base, services=services)


FILES = ("CreateFile", "EditFile")


def _finds(name: str, form: str, snapshot: Snapshot, kinds: tuple[str, ...] = (*FILES, "ComposeUp")) -> Example:
    return Example(name, snapshot, "finding", form, kinds)


FINDS = (
    _finds("took mongo:latest for FastGPT v4.7", "never-ends", wrapped("mongo:latest", "8.0.4")),
    _finds("pinned 6.0", "never-ends", wrapped("mongo:6.0", "6.0.13")),
    _finds("pinned 7", "never-ends", wrapped("mongo:7", "7.0.9")),
    _finds("pinned 8 from a mirror", "never-ends", wrapped("registry.example.com/library/mongo:8.0", "8.0.17")),
    _finds("left the tag out", "never-ends", wrapped("mongo", None)),
    _finds("wrote latest and has not started yet", "never-ends", wrapped("mongo:latest", None, started=False), FILES),
    _finds("pinned 7 and has not started yet", "never-ends", wrapped("mongo:7", "7", started=False), FILES),
    _finds("initiated the set by hand under mongo 7", "works-anyway", wrapped("mongo:7", "7.0.9", state=PRIMARY)),
    _finds("cannot ask mongod", "never-ends", wrapped("mongo:7", "7.0.9", state=None)),
    _finds("has an image without a version whose log tells", "never-ends", wrapped("local/mongo:mine", None, marks=(
        ("mongo.shell-missing", "bash: line 3: mongo: command not found"),)), ()),
    _finds("mounted a shell that does not run there", "never-ends", wrapped("mongo:7", "7.0.9", container=MOUNTED,
           marks=(("mongo.shell-missing", "bash: line 3: mongo: not found"),)), ()),
    _finds("calls mongosh first and mongo after it", "never-ends", wrapped("mongo:7", "7.0.9", script=EITHER)),
)  # fmt: skip

FINDS_NOT = (
    Example("runs FastGPT v4.7 as it comes", wrapped("mongo:5.0.18", "5.0.18", state=PRIMARY), "ok"),
    Example("runs it from the mainland mirror", wrapped("registry.cn-hangzhou.aliyuncs.com/fastgpt/mongo:5.0.18",
            "5.0.18"), "ok"),
    Example("uses 4.4 for want of AVX", wrapped("mongo:4.4.29", "4.4.29"), "ok"),
    Example("has not started 5.0 yet", wrapped("mongo:5.0.18", "5.0.18", started=False), "ok"),
    Example("uses an image of its own, of unknown version", wrapped("local/mongo:mine", None), "unknown"),
    Example("names the image by its digest", wrapped("mongo@sha256:" + "a" * 64, None), "unknown"),
    Example("rewrote the script for mongosh", wrapped("mongo:7", "7.0.9", script=MONGOSH), "not_applicable"),
    Example("mounted a script that calls mongosh", wrapped("mongo:7", "7.0.9", container=MOUNTED), "ok"),
    Example("calls mongosh with the name of the host", wrapped("mongo:7", "7.0.9", script=NAMED), "not_applicable"),
    Example("left a comment", wrapped("mongo:7", "7.0.9", script=COMMENTED), "not_applicable"),
    Example("starts mongod without a script", mongo(PRIMARY), "not_applicable"),
    Example("runs LibreChat", mongo(ALONE, role="librechat"), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
