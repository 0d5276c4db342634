"""How the session cookie of LibreChat is kept over plain http: what can be done in which release, and what it costs.

Pure. fact: librechat-stack 6.4; R1 (https) is named as the better way and never done by a key.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from msgspec.structs import replace

from ...console.stacks import librechat_env as rules
from ...console.steps import AnyStep, ComposeUp, EditFile, EnvLine, RestartContainer, SetServiceKeys
from .. import compose
from ..compose import Override
from .api import Api, Given

SETTING, LOCALHOST, DEVELOPMENT, RESTART = "setting", "localhost", "development", "restart"
PROMPT = (
    "How to keep logins over http: setting (SESSION_COOKIE_SECURE=false), "
    "localhost (DOMAIN_SERVER names localhost), development (node started with NODE_ENV=development)"
)
SUMMARY = {
    SETTING: "set SESSION_COOKIE_SECURE=false and restart LibreChat; https is the better way",
    LOCALHOST: "let DOMAIN_SERVER name localhost and restart LibreChat; https is the better way",
    DEVELOPMENT: "start node directly with NODE_ENV=development; https is the better way",
    RESTART: "restart LibreChat, so that it reads its settings; https is the better way",
}
BETTER = (
    "The better way is https: a reverse proxy (Caddy, nginx, Traefik) with a certificate, and DOMAIN_CLIENT and "
    "DOMAIN_SERVER set to its https address. It is the only way fit for the internet."
)


def options(api: Api, form: str) -> tuple[str, ...]:
    """What can be done, the best first. What a release may not have is not offered while it is not known."""
    found = rules.rules(api.release)
    if form == "running":
        return (RESTART,)
    return (
        *((SETTING,) if found == ("setting",) else ()),
        *((DEVELOPMENT,) if form != "forced" and _direct(api) is not None else ()),
        *((LOCALHOST,) if form == "domain" and "production" not in found else ()),
    )


def _direct(api: Api) -> tuple[str, ...] | None:
    """The command that starts node without npm: empty where it is started so already, None where that is not known."""
    if api.launch == "node":
        return () if rules.given_node_env(api.words) is None else None
    if api.launch in ("backend", "backend-dev") and not _npm_in_entrypoint(api):
        return rules.DIRECT if api.kind != "api" else rules.COMMANDS["api"]
    return None


def _npm_in_entrypoint(api: Api) -> bool:
    told = api.place.container or api.place.declared
    return bool(told and rules.launch(told.entrypoint) != "unknown")


def refusal(api: Api, choices: tuple[str, ...]) -> str | None:
    """Why this is left to the operator."""
    place = api.place
    if place.broken_file:
        return f"Repair {place.broken_file.path} first: {place.broken_file.error}"
    if not choices:
        return "It is not known how this image is started, so no other start can be proposed."
    if place.container and compose.bring_up(place) is None:
        return "The container was not made by Compose, or its files are gone: make it anew with the setting."
    if compose.override_for(place) is None or place.service is None:
        return "Neither the project folder nor the service's name is known."
    return None


def steps(api: Api, chosen: str, form: str) -> tuple[tuple[AnyStep, ...], bool]:
    """What is written, then what makes LibreChat follow it; and whether the latter is there at all."""
    path, override = _env_file(api), compose.override_for(api.place)
    written: list[AnyStep] = []
    keys = SetServiceKeys(api.place.service or "")
    if chosen == DEVELOPMENT:
        keys = replace(keys, command=_direct(api) or (), environment=(("NODE_ENV", "development"),))
    elif chosen != RESTART:
        name, value = ("SESSION_COOKIE_SECURE", "false") if chosen == SETTING else ("DOMAIN_SERVER", local_address(api))
        if path and not api.fixed(name):
            written.append(EditFile(path=path, edits=(EnvLine(name, value),)))
        else:
            keys = replace(keys, environment=((name, value),))
        if form == "nodemon":
            keys = replace(keys, command=rules.COMMANDS[api.kind or "main"])
    if override and (keys.command or keys.environment):
        written.append(EditFile(path=override.path, edits=(keys,), create=not override.exists))
    end = _ending(api, override if override and (keys.command or keys.environment) else None)
    return (*written, *([end] if end else [])), end is not None


def local_address(api: Api) -> str:
    """Where LibreChat answers on its own machine."""
    port = api.given("PORT")
    number = port.value if isinstance(port, Given) and port.value and port.value.isdecimal() else "3080"
    return f"http://localhost:{number}"


def _env_file(api: Api) -> str | None:
    """The ``.env`` that reaches the process, by its own reading or through Compose."""
    if api.dotenv_path and api.dotenv:
        return api.dotenv_path
    directory = api.place.directory
    return posixpath.join(directory, ".env") if directory and api.from_env_file else None


def _ending(api: Api, written: Override | None) -> ComposeUp | RestartContainer | None:
    """A restart is enough for what the process reads from ``.env`` itself. fact: librechat-stack 3.2."""
    place, container = api.place, api.place.container
    if container is None:
        return None
    if written is None and not api.from_env_file and container.state not in compose.ENDED:
        return RestartContainer(container=container.id, name=container.name)
    return compose.bring_up(place, extra=(written.path,) if written else (), force=True)


def says(api: Api, chosen: str, *, ends: bool) -> Iterator[str]:
    """What the operator should know before he agrees."""
    yield "The session cookie then travels in clear: whoever can read the network can take over a login."
    yield BETTER
    if chosen == SETTING:
        yield "Take SESSION_COOKIE_SECURE=false out again when https is there."
    if chosen == LOCALHOST:
        address = local_address(api)
        yield f"Whatever is built from DOMAIN_SERVER (links in mails, OAuth callbacks) points to {address} then."
    if chosen == DEVELOPMENT:
        yield "In development LibreChat logs more and lets browsers keep no static files."
    override = compose.override_for(api.place)
    if chosen == DEVELOPMENT and override and override.exists and not override.in_use:
        yield f"{override.path} was not in use: whatever else it declares for the service takes effect now too."
    if chosen == DEVELOPMENT and override and not override.read_by_itself and not override.in_use:
        listed = f"Your compose files are listed without {override.path}"
        yield f"{listed}: add it to -f or COMPOSE_FILE, or the next `up` loses it."
    if ends:
        yield f"{api.place.subject} starts anew: answers being written are cut off, and everybody logs in once more."
        yield "No image is pulled: a newer `latest` stays where it is."
    else:
        yield "Nothing of this service has been started: only files are written."
    yield "Undo puts the files back and starts LibreChat as it was."
