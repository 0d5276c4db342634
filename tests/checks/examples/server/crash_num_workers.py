"""NUM_WORKERS in both generations, from the compose file and from the image, dying, running and not yet started."""

from __future__ import annotations

from typing import Any

from stackops.console.model import EnvVar, LogMark, Snapshot

from examples import Example
from examples.server.wrong_key import BAICHUAN, GUIDE, KEY, PUBLIC, one
from examples.snapshots import NOW, container_id

LINE = "TypeError: '>' not supported between instances of 'str' and 'int'"
WORKERS = ("NUM_WORKERS", "1")
LOOP: dict[str, Any] = {"state": "restarting", "restart_count": 41, "exit_code": 1}
DIED = (("model.workers-type-error", LINE),)
BAKED = (("SK_KEY", PUBLIC), WORKERS)
FIX = ("EditFile", "ComposeUp")


def _between_two_deaths() -> Snapshot:
    """Just started again: the line is that of the run before."""
    snapshot = one(f"{BAICHUAN}:v2", WORKERS, name="baichuan", container={"restart_count": 3, "started_at": NOW - 20})
    mark = LogMark(container_id("baichuan"), "model.workers-type-error", LINE, NOW - 40)
    whole = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__}
    return Snapshot(**{**whole, "log_marks": (mark,)})


def _in_env_file() -> Snapshot:
    project = {"env": (EnvVar("NUM_WORKERS", "1"),)}
    return one(f"{BAICHUAN}:v2", baked=BAKED, name="baichuan", container=LOOP, marks=DIED, project=project)


EXAMPLES = (
    Example(
        "the second generation as its compose file has it",
        one(f"{BAICHUAN}:v2", ("SK_KEY", KEY), WORKERS, name="baichuan", container=LOOP, marks=DIED),
        "finding", "crashing", FIX,
    ),
    Example(
        "the line was removed from the compose file, but the image sets it too",
        one(f"{GUIDE}m3e-large.openai-api:v2", ("SK_KEY", KEY), baked=BAKED, container=LOOP, marks=DIED),
        "finding", "crashing", FIX,
    ),
    Example(
        "an empty value",
        one(f"{BAICHUAN}:v2", ("NUM_WORKERS", ""), name="baichuan", container=LOOP, marks=DIED),
        "finding", "crashing", FIX,
    ),
    Example("looked at between two deaths", _between_two_deaths(), "finding", "crashing", FIX),
    Example(
        "restart: no, and it lies dead",
        one(f"{BAICHUAN}:v2", WORKERS, name="baichuan", container={"state": "exited", "exit_code": 1}, marks=DIED),
        "finding", "crashing", FIX,
    ),
    Example(
        "built from today's scripts under a name of one's own",
        one("chatglm2-6b.openai-api:mine", WORKERS, name="chatglm", container=LOOP, marks=DIED),
        "finding", "crashing", FIX,
    ),
    Example("the project's .env would give it back", _in_env_file(), "finding", "crashing", ()),
    Example(
        "before anything runs", one(f"{BAICHUAN}:v2", WORKERS, name="baichuan", started=False),
        "finding", "will-crash", ("EditFile",),
    ),
    Example(
        "m3e of the guide, with 4 workers",
        one(f"{GUIDE}m3e-large.openai-api:v2", ("NUM_WORKERS", "4"), container=LOOP, marks=DIED),
        "finding", "crashing", FIX,
    ),
    Example(
        "of no known generation, before it is known by its line",
        one("baichuan2-13b-chat.openai-api:latest", WORKERS, name="baichuan", container=LOOP, marks=DIED),
        "finding", "crashing", FIX,
    ),
    Example("of no known generation, before anything runs",
            one("baichuan2-13b-chat.openai-api:latest", WORKERS, started=False), "unknown"),
    Example("not started, and not set", one(f"{BAICHUAN}:v2", ("SK_KEY", KEY), started=False), "ok"),
    Example("the first generation, before anything runs", one(f"{BAICHUAN}:v1", WORKERS, started=False), "ok"),
    Example("paused", one(f"{BAICHUAN}:v2", WORKERS, container={"state": "paused"}), "ok"),
    Example(
        "the first generation, which does not read it", one(f"{BAICHUAN}:v1", WORKERS, name="baichuan"), "ok",
    ),
    Example("a patched script runs with it", one(f"{BAICHUAN}:v2", WORKERS, name="baichuan"), "ok"),
    Example(
        "a patched script was mounted while it looped, and runs for an hour",
        one(f"{BAICHUAN}:v2", WORKERS, name="baichuan", container={"restart_count": 41}, marks=DIED), "ok",
    ),
    Example(
        "taken away", one(f"{BAICHUAN}:v2", ("SK_KEY", KEY), name="baichuan"), "ok",
    ),
    Example(
        "it dies of something else, as far as anybody knows",
        one(f"{BAICHUAN}:v2", WORKERS, name="baichuan", container=LOOP), "unknown",
    ),
    Example(
        "stopped by hand",
        one(f"{BAICHUAN}:v2", WORKERS, name="baichuan", container={"state": "exited", "exit_code": 0}), "ok",
    ),
    Example("not of the guide", one("vllm/vllm-openai:v0.6.3", WORKERS, name="vllm"), "not_applicable"),
    Example("m3e-large-api does not read it", one("stawky/m3e-large-api:latest", WORKERS), "not_applicable"),
)  # fmt: skip
