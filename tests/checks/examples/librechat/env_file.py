"""Where people put LibreChat's .env, and what ``librechat.env-file`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import EnvVar, LogMark, Snapshot

from examples import Example
from examples.snapshots import NOW, bind, declared_bind, file, stack

DIR = "/srv/librechat"
DOTENV = f"{DIR}/.env"
MAIN, API = "ghcr.io/danny-avila/librechat:v0.8.4", "ghcr.io/danny-avila/librechat-dev-api:latest"
SECRETS = (EnvVar("JWT_SECRET", "x"), EnvVar("CREDS_KEY", "y"))
KEYS = (*SECRETS, EnvVar("OPENAI_API_KEY", "z"))
BOTH = ("EditFile", "ComposeUp")


def chat(
    image: str, *targets: str, env: tuple[EnvVar, ...] = (), given: tuple[EnvVar, ...] = KEYS, started: bool = True,
    source: str = DOTENV, mode: int = 0o644, **more: Any,
) -> Snapshot:  # fmt: skip
    """A LibreChat with this ``.env`` in its folder, mounted at these places."""
    working_dir = "/app/api" if image == API else "/app"
    container = {"mounts": tuple(bind(source, one) for one in targets), "env": env, "working_dir": working_dir}
    volumes = tuple(declared_bind(source, one, f"{DIR}/docker-compose.yml") for one in targets)
    return stack(
        "librechat", DIR, name="LibreChat", service="api", image=image, files=(file(DOTENV, mode=mode),),
        container={**container, **more} if started else None, declared={"volumes": volumes, "env": env},
        project={"env": given},
    )  # fmt: skip


def serving(snapshot: Snapshot) -> Snapshot:
    """It has said since its start that it listens."""
    mark = LogMark(snapshot.containers[0].id, "librechat.listening", "Server listening at http://localhost:3080", NOW)
    return replace(snapshot, log_marks=(mark,))


FINDS = (
    Example("put an -api image into the default compose file", chat(API, "/app/.env"), "finding", "lacking", BOTH),
    Example("did so before a start", chat(API, "/app/.env", started=False), "finding", "lacking", ("EditFile",)),
    Example("mounted nothing into an -api image", chat(API), "finding", "lacking", BOTH),
    Example("took the mount out of the main image", chat(MAIN), "finding", "lacking", BOTH),
    Example("mounted the file where the -api image looks, into the main image", chat(MAIN, "/app/api/.env"),
            "finding", "lacking", BOTH),
    Example("gives one of two secrets in the compose file", chat(API, "/app/.env", env=SECRETS[:1]),
            "finding", "lacking", BOTH),
    Example("gives the secrets in the compose file, and the keys in a file that nobody reads",
            chat(API, "/app/.env", env=SECRETS), "finding", "unread", BOTH),
    Example("has no secrets at all in the file that nobody reads", chat(API, "/app/.env", given=KEYS[2:]),
            "finding", "unread", BOTH),
    Example("has a file that only root may read", chat(API, "/app/.env", mode=0o600), "finding", "lacking", ()),
    Example("has such a file, and runs as root", chat(API, "/app/.env", mode=0o600, user="0:0"),
            "finding", "lacking", BOTH),
)  # fmt: skip

FINDS_NOT = (
    Example("uses the default compose file", chat(MAIN, "/app/.env"), "ok"),
    Example("has not started yet", chat(MAIN, "/app/.env", started=False), "ok"),
    Example("hands the file to an -api image with env_file", chat(API, env=KEYS), "ok"),
    Example("hands it over and mounts it besides", chat(API, "/app/.env", env=KEYS), "ok"),
    Example("mounted it where the -api image looks", chat(API, "/app/api/.env"), "ok"),
    Example("mounts the whole folder", chat(MAIN, "/app", source=DIR), "ok"),
    Example("mounts a file of another name", chat(MAIN, "/app/.env", source=f"{DIR}/chat.env"), "not_applicable"),
    Example(
        "fills secrets into the compose file from a .env that nobody mounts", chat(MAIN, env=SECRETS), "not_applicable"
    ),
    Example("serves all the same, whoever gives it the secrets", serving(chat(API)), "not_applicable"),
    Example("has only ports in .env", chat(API, given=(EnvVar("PORT", "3080"),)), "not_applicable"),
    Example("has only ports in .env, and reads it", chat(MAIN, "/app/.env", given=(EnvVar("PORT", "3080"),)), "ok"),
    Example("has no .env", chat(API, given=()), "not_applicable"),
    Example("looks before the container was inspected", chat(API, "/app/.env", detailed=False), "unknown"),
)

EXAMPLES = FINDS + FINDS_NOT
