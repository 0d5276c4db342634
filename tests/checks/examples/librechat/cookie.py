"""How people come to LibreChat and what its session cookie makes of it: what ``librechat.cookie`` must say."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    ConfigFile,
    Container,
    CookieProof,
    EnvVar,
    NativeProcess,
    NetworkLink,
    Port,
    Snapshot,
)

from examples import Example
from examples.snapshots import NOW, STARTED, bind, container_id, declared_bind, file, stack

DIR = "/srv/librechat"
ENV = f"{DIR}/.env"
BASE = ("docker-compose.yml",)
BOTH = ("docker-compose.yml", "docker-compose.override.yml")
MAIN = "ghcr.io/danny-avila/librechat-dev"
API = "ghcr.io/danny-avila/librechat-dev-api"
OPEN = (Port(3080, host_ip="0.0.0.0", host_port=3080),)
CLOSED = (Port(3080, host_ip="127.0.0.1", host_port=3080),)
LAN = "http://192.168.1.50:3080"
NPM = ("npm", "run", "backend")
DEV = ("npm", "run", "backend:dev")
NODE = ("node", "api/server/index.js")


def env(**values: str) -> tuple[EnvVar, ...]:
    """Variables."""
    return tuple(EnvVar(name, value) for name, value in values.items())


def librechat(
    release: str | None = "0.7.2", *, image: str | None = None, dotenv: dict[str, str] | None = None,
    started: bool = True, others: tuple[Container, ...] = (), native: tuple[str, ...] = (),
    container: dict[str, Any] | None = None,
    env_fact: Any = None, project: dict[str, Any] | None = None, declared: dict[str, Any] | None = None, **more: Any,
) -> Snapshot:  # fmt: skip
    """A LibreChat service published on all addresses, started through npm, with a ``.env`` of its own."""
    values = {"PORT": "3080", "DOMAIN_CLIENT": "http://localhost:3080", "DOMAIN_SERVER": "http://localhost:3080"}
    name = image or f"{MAIN}:{f'v{release}' if release else 'latest'}"
    inside = {
        "mounts": (bind(ENV, "/app/.env"),), "working_dir": "/app", "ports": OPEN, "command": NPM,
        "entrypoint": ("docker-entrypoint.sh",), "networks": (NetworkLink("librechat_default"),), **(container or {}),
    }  # fmt: skip
    made = stack(
        "librechat", DIR, name="LibreChat", service="api", image=name, container=inside if started else None,
        declared={"volumes": (declared_bind(ENV, "/app/.env", f"{DIR}/docker-compose.yml"),), "ports": ("3080:3080",),
                  **(declared or {})},
        project={"env": env(**values | (dotenv or {})), **(project or {})}, files=(env_fact or file(ENV),), **more,
    )  # fmt: skip
    return replace(
        made, services=tuple(replace(one, version=release) for one in made.services),
        containers=made.containers + others, processes=tuple(NativeProcess(7, one, (one,)) for one in native),
    )  # fmt: skip


def other(name: str, port: int, *, project: str = "librechat", network: str = "x", image: str = "nginx") -> Container:
    """Another container that publishes a port on all addresses."""
    return Container(
        id=container_id(name), name=name, image=image, state="running", started_at=STARTED, project=project,
        service=name, ports=(Port(port, host_ip="0.0.0.0", host_port=port),), networks=(NetworkLink(network),),
    )  # fmt: skip


def shown(snapshot: Snapshot, *, secure: bool | None, outcome: Any = "cookie", sentence: str | None = None) -> Snapshot:
    """What a login at its LibreChat has shown."""
    told = CookieProof(
        snapshot.containers[0].id, NOW, outcome, "http://127.0.0.1:3080", secure=secure,
        same_site="Strict" if outcome == "cookie" else None, http_only=True if outcome == "cookie" else None,
        sentence=sentence,
    )  # fmt: skip
    return replace(snapshot, cookie_proofs=(told,))


def mark(name: str, text: str) -> tuple[tuple[str, str], ...]:
    """A line of the log."""
    return ((f"librechat.{name}", text),)


def _both(address: str) -> dict[str, str]:
    return {"DOMAIN_CLIENT": address, "DOMAIN_SERVER": address}


NOT_FOUND = mark("nodemon-failed", "sh: nodemon: not found")

FINDS = (
    Example("started v0.7.2 as it comes and opens it from another machine", librechat(),
            "finding", "production", ("EditFile", "ComposeUp")),
    Example("set both addresses to the LAN's with v0.7.2", librechat(dotenv=_both(LAN)),
            "finding", "production", ("EditFile", "ComposeUp")),
    Example("set NODE_ENV=development in .env, which npm run backend overrules",
            librechat("0.8.2", dotenv={"NODE_ENV": "development"}), "finding", "production", ("EditFile", "ComposeUp")),
    Example("set NODE_ENV=development for the container, which npm run backend overrules",
            librechat("0.8.2", container={"env": env(NODE_ENV="development")}),
            "finding", "production", ("EditFile", "ComposeUp")),
    Example("runs the -api image of deploy-compose.yml without its nginx",
            librechat("0.7.2", image=f"{API}:v0.7.2", compose=("deploy-compose.yml",), container={
                "working_dir": "/app/api", "command": ("node", "server/index.js"), "mounts": (),
                "env": env(NODE_ENV="production", DOMAIN_CLIENT="http://localhost:3080")},
                declared={"env_files": (ENV,)}),
            "finding", "production", ("EditFile", "ComposeUp")),
    Example("did the right thing: DOMAIN_SERVER is the LAN address, with v0.8.4", librechat("0.8.4", dotenv=_both(LAN)),
            "finding", "domain", ("EditFile", "ComposeUp")),
    Example("did the right thing with v0.8.7, which has the switch", librechat("0.8.7", dotenv=_both(LAN)),
            "finding", "domain", ("EditFile", "RestartContainer")),
    Example("took DOMAIN_SERVER out: unset is not localhost", librechat("0.8.7", dotenv={"DOMAIN_SERVER": ""}),
            "finding", "domain", ("EditFile", "RestartContainer")),
    Example("names the LAN address in the compose file, which beats .env",
            librechat("0.8.7", container={"env": env(DOMAIN_SERVER=LAN)}),
            "finding", "domain", ("EditFile", "RestartContainer")),
    Example("set SESSION_COOKIE_SECURE=true and has no https",
            librechat("0.8.6", dotenv=_both(LAN) | {"SESSION_COOKIE_SECURE": "true"}),
            "finding", "forced", ("EditFile", "RestartContainer")),
    Example("set SESSION_COOKIE_SECURE=true in the compose file: a line in .env would not reach it",
            librechat("0.8.7", container={"env": env(SESSION_COOKIE_SECURE="true")}),
            "finding", "forced", ("EditFile", "ComposeUp")),
    Example("hands .env over with env_file: a restart is not enough", librechat("0.8.7", image=f"{API}:v0.8.7",
            dotenv=_both(LAN), compose=("deploy-compose.yml",), declared={"env_files": (ENV,)}, container={
                "working_dir": "/app/api", "command": ("node", "server/index.js"), "mounts": (),
                "env": env(NODE_ENV="production", **_both(LAN))}), "finding", "domain", ("EditFile", "ComposeUp")),
    Example("runs a rolling image of unknown release with the LAN address: Secure in every release",
            librechat(None, dotenv=_both(LAN)), "finding", "domain", ("EditFile", "ComposeUp")),
    Example("has only an http proxy in front",
            librechat("0.7.2", container={"ports": ()}, others=(other("proxy", 80),)),
            "finding", "production", ("EditFile", "ComposeUp")),
    Example("has https for another stack and a plain LAN address for this one", librechat("0.8.7", dotenv=_both(LAN),
            others=(other("fastgpt-nginx", 443, project="fastgpt", network="fastgpt_default"),)),
            "finding", "domain", ("EditFile", "RestartContainer")),
    Example("runs on the host's network", librechat(container={"ports": (), "network_mode": "host"}),
            "finding", "production", ("EditFile", "ComposeUp")),
    Example("follows the blog with backend:dev on an image without nodemon", librechat("0.7.5", compose=BOTH,
            container={"command": DEV, "state": "restarting"}, marks=NOT_FOUND),
            "finding", "nodemon", ("EditFile", "ComposeUp")),
    Example("follows the blog on v0.8.7, where npx fetches nodemon at each start", librechat("0.8.7", compose=BOTH,
            container={"command": DEV},
            marks=(*mark("nodemon-fetched", "npm warn exec nodemon"), *mark("listening", "x"))),
            "finding", "nodemon", ("EditFile", "EditFile", "ComposeUp")),
    Example("wrote backend:dev into the files before the first start",
            librechat("0.8.2", started=False, declared={"command": DEV}), "finding", "nodemon", ("EditFile",)),
    Example("has v0.7.2 in the files and has not started yet", librechat("0.7.2", started=False, dotenv=_both(LAN)),
            "finding", "production", ("EditFile",)),
    Example("started it with docker run",
            librechat(project={"working_dir": None}, container={"labels": {}, "service": None, "mounts": ()}),
            "finding", "production", ()),
    Example("runs a rolling image of unknown release, and a login shows a Secure cookie",
            shown(librechat(None), secure=True), "finding", "production", ("EditFile", "ComposeUp")),
    Example("wrote SESSION_COOKIE_SECURE=false and restarted nothing: a login shows the cookie of before",
            shown(librechat("0.8.7", dotenv=_both(LAN) | {"SESSION_COOKIE_SECURE": "false"}), secure=True),
            "finding", "running", ("RestartContainer",)),
    Example("starts it in a way of his own, and a login shows a Secure cookie",
            shown(librechat(container={"command": ("sh", "/start.sh")}), secure=True), "finding", "production", ()),
    Example("gave an account that is refused: the rules tell alone",
            shown(librechat("0.7.2"), secure=None, outcome="refused", sentence="It refuses the login (404)"),
            "finding", "production", ("EditFile", "ComposeUp")),
    Example("starts npm from the entry point", librechat(container={"entrypoint": NPM, "command": ()}),
            "finding", "production", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("publishes the port on this machine only", librechat(container={"ports": CLOSED}), "ok"),
    Example("publishes no port at all", librechat(container={"ports": (Port(3080),)}), "ok"),
    Example("has https: the address says so", librechat(dotenv=_both("https://chat.example.org")), "ok"),
    Example("has an nginx with 443 in the project", librechat(others=(other("LibreChat-NGINX", 443),)), "ok"),
    Example("has a proxy manager with 443 on a common network",
            librechat(dotenv=_both(LAN), others=(other("npm", 443, project="proxy", network="librechat_default"),)),
            "ok"),
    Example("has another stack's https and addresses as they come",
            librechat(others=(other("caddy", 443, project="web", image="caddy"),)), "ok"),
    Example("runs v0.8.3 as it comes: localhost in DOMAIN_SERVER", librechat("0.8.3"), "ok"),
    Example("runs v0.8.7 as it comes", librechat("0.8.7"), "ok"),
    Example("names 127.0.0.1 without a scheme", librechat("0.8.5", dotenv={"DOMAIN_SERVER": "127.0.0.1:3080"}), "ok"),
    Example("set SESSION_COOKIE_SECURE=false",
            librechat("0.8.7", dotenv=_both(LAN) | {"SESSION_COOKIE_SECURE": "false"}), "ok"),
    Example("starts node directly in development", librechat("0.7.2", compose=BOTH, dotenv=_both(LAN),
            container={"command": NODE, "env": env(NODE_ENV="development")}), "ok"),
    Example("starts node directly and sets no NODE_ENV", librechat("0.7.2", container={"command": NODE}), "ok"),
    Example("runs backend:dev where nodemon can be had", librechat("0.7.2", container={"command": DEV}), "ok"),
    Example("has v0.8.7 in the files and has not started yet", librechat("0.8.7", started=False), "ok"),
    Example("publishes the port on this machine only and has not started yet",
            librechat("0.7.2", started=False, declared={"ports": ("127.0.0.1:3080:3080",)}), "ok"),
    Example("runs a rolling image of unknown release as it comes", librechat(None), "unknown"),
    Example("runs the first candidate of v0.8.3 as it comes", librechat("0.8.3-rc1"), "unknown"),
    Example("runs a rolling image of unknown release, and a login shows a cookie that is not Secure",
            shown(librechat(None), secure=False), "ok"),
    Example("changed .env and restarted nothing: a login shows that the running process is as it should be",
            shown(librechat("0.8.7", dotenv=_both(LAN)), secure=False), "ok"),
    Example("has https, and a login on this machine shows a Secure cookie, as it should be",
            shown(librechat(dotenv=_both("https://chat.example.org")), secure=True), "ok"),
    Example("gave an account with a second factor, and the release is unknown",
            shown(librechat(None), secure=None, outcome="two-factor", sentence="The account asks for a second factor"),
            "unknown"),
    Example("starts it in a way of his own", librechat(container={"command": ("sh", "/start.sh")}), "unknown"),
    Example("mounts another .env",
            librechat("0.8.7", container={"mounts": (bind("/etc/chat.env", "/app/.env"),)}), "unknown"),
    Example("looks without the right to read .env", librechat("0.8.7", project={"env": ()}), "unknown"),
    Example("looks before the container was inspected", librechat(container={"detailed": False}), "unknown"),
    Example("has a web server of the machine's own, which may speak https", librechat(native=("nginx",)), "unknown"),
    Example("has a compose file that cannot be read", librechat(started=False,
            project={"files": (ConfigFile(f"{DIR}/docker-compose.yml", error="line 2, column 1: tab"),)}), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
