"""Changes to LibreChat's files that did not reach the containers: what ``librechat.not-applied`` must say."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import ComposeService, ConfigFile, EnvVar, FileFact, ServiceHash, Snapshot

from examples import Example
from examples.snapshots import STARTED, bind, declared_bind, file, stack

DIR = "/srv/librechat"
ENV = f"{DIR}/.env"
COMPOSE = f"{DIR}/docker-compose.yml"
OVERRIDE = f"{DIR}/docker-compose.override.yml"
YAML = f"{DIR}/librechat.yaml"
BASE = ("docker-compose.yml",)
BOTH = ("docker-compose.yml", "docker-compose.override.yml")
DEPLOY = ("deploy-compose.yml", "docker-compose.override.yml")
LATEST = "ghcr.io/danny-avila/librechat-dev:latest"
LATER = STARTED + 600
VERSION = "com.docker.compose.version"
HASH = "com.docker.compose.config-hash"


def facts(*written: str, **more: Any) -> tuple[FileFact, ...]:
    """The stack's files, older than every container; those named were written ten minutes after the start."""
    return tuple(
        file(path, **({"mtime": LATER} if path in written else {}) | more) for path in (ENV, COMPOSE, OVERRIDE)
    )


def env(**values: str) -> tuple[EnvVar, ...]:
    """Variables."""
    return tuple(EnvVar(name, value) for name, value in values.items())


def api(
    *, files: tuple[FileFact, ...] | None = None, mounts: tuple[Any, ...] = (bind(ENV, "/app/.env"),),
    container: dict[str, Any] | None = None, started: bool = True, image: str = LATEST,
    labels: dict[str, str] | None = None, compose: tuple[str, ...] = BASE, label: tuple[str, ...] | None = None,
    declared: dict[str, Any] | None = None, **more: Any,
) -> Snapshot:  # fmt: skip
    """LibreChat's own container."""
    used = compose if label is None else label
    own = {LABEL_DIRECTORY: DIR, LABEL_FILES: ",".join(f"{DIR}/{one}" for one in used)}
    inside = {"mounts": mounts, "working_dir": "/app", "labels": own | (labels or {}), **(container or {})}
    volumes = (declared_bind(ENV, "/app/.env", COMPOSE),)
    return stack(
        "librechat", DIR, name="LibreChat", service="api", image=image, container=inside if started else None,
        compose=compose, label=label, files=facts() if files is None else files,
        declared={"volumes": volumes, **(declared or {})}, **more,
    )  # fmt: skip


def beside(
    main: Snapshot, role: Any, service: str, image: str, *, container: dict[str, Any] | None = None,
    declared: dict[str, Any] | None = None, left_out: tuple[ComposeService, ...] = (),
) -> Snapshot:  # fmt: skip
    """The same stack with one more service."""
    names = tuple(one.path.rpartition("/")[2] for one in main.projects[0].files)
    label = tuple(one.path.rpartition("/")[2] for one in main.projects[0].files if one.in_use)
    more = stack(
        role, DIR, name=service, service=service, image=image, container=container or {}, compose=names, label=label,
        declared=declared,
    )  # fmt: skip
    (project,), (other,) = main.projects, more.projects
    project = replace(project, services=project.services + other.services, left_out=project.left_out + left_out)
    return replace(
        main, projects=(project,), containers=main.containers + more.containers, services=main.services + more.services
    )  # fmt: skip


def rag(inside: dict[str, str], now: dict[str, str], *, main: Snapshot | None = None, **container: Any) -> Snapshot:
    """A stack whose rag_api was made with one ``.env`` while another is on disk."""
    return beside(
        main or api(files=facts(ENV), container={"started_at": LATER + 60}), "rag_api", "rag_api",
        "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest", container={"env": env(**inside), **container},
        declared={"env_files": (ENV,), "env": env(**now)},
    )  # fmt: skip


def meili(inside: str, now: str, **more: Any) -> Snapshot:
    """A stack whose meilisearch was made with one key while another is on disk."""
    return beside(
        api(files=facts(ENV), container={"started_at": LATER + 60}), "meilisearch", "meilisearch",
        "getmeili/meilisearch:v1.12.3", container={"env": env(MEILI_MASTER_KEY=inside), **more},
        declared={"env": env(MEILI_MASTER_KEY=now)},
    )  # fmt: skip


def hashed(main: Snapshot, value: str, *, version: str = "2.26.1-4") -> Snapshot:
    """What Compose would give the api service now."""
    return replace(main, service_hashes=(ServiceHash("librechat", "api", value, version),))


MADE = {HASH: "a" * 64, VERSION: "2.26.1"}
LEFT_OUT = ComposeService("api", env=env(DEBUG_LOGGING="true"))
UNUSED: dict[str, Any] = {"compose": BOTH, "label": BASE, "project": {"left_out": (LEFT_OUT,)}}

FINDS = (
    Example("changed JWT_SECRET and restarted only LibreChat", rag({"JWT_SECRET": "old"}, {"JWT_SECRET": "new"}),
            "finding", "stale-values", ("ComposeUp",)),
    Example("changed MEILI_MASTER_KEY and restarted only LibreChat", meili("old", "new"),
            "finding", "stale-values", ("ComposeUp",)),
    Example("added the embedding key and restarted", rag({}, {"RAG_OPENAI_API_KEY": "sk-new"}),
            "finding", "stale-values", ("ComposeUp",)),
    Example("changed JWT_SECRET and restarted nothing", rag({"JWT_SECRET": "old"}, {"JWT_SECRET": "new"},
            main=api(files=facts(ENV))), "finding", "stale-values", ("ComposeUp", "ComposeUp")),
    Example("edited .env while LibreChat ran", api(files=facts(ENV)), "finding", "env-changed", ("ComposeUp",)),
    Example("replaced .env by an older copy while LibreChat ran",
            api(mounts=(bind(ENV, "/app/.env", stale=True),)), "finding", "env-changed", ("ComposeUp",)),
    Example("hands .env over with env_file and restarted after an edit", api(files=facts(ENV), mounts=(),
            container={"env": env(DOMAIN_SERVER="http://a")}, declared={"volumes": (), "env_files": (ENV,),
            "env": env(DOMAIN_SERVER="http://b")}), "finding", "stale-values", ("ComposeUp",)),
    Example("changed the compose file and restarted: Compose's hash tells",
            hashed(api(files=facts(COMPOSE), labels=MADE), "b" * 64), "finding", "definition", ("ComposeUp",)),
    Example("changed the override in use and restarted",
            hashed(api(files=facts(OVERRIDE), labels=MADE, compose=BOTH), "b" * 64),
            "finding", "definition", ("ComposeUp",)),
    Example("set another release in the compose file and restarted: Compose is another one now",
            hashed(api(files=facts(COMPOSE), labels=MADE, image="ghcr.io/danny-avila/librechat:v0.8.7",
                       container={"image": "ghcr.io/danny-avila/librechat:v0.8.2"}), "b" * 64, version="2.39.0"),
            "finding", "definition", ("ComposeUp",)),
    Example("added a variable to the compose file and restarted",
            api(files=facts(COMPOSE), declared={"env": env(DEBUG_LOGGING="true")}),
            "finding", "stale-values", ("ComposeUp",)),
    Example("added a mount to the compose file and restarted", api(files=facts(COMPOSE), declared={"volumes": (
            declared_bind(f"{DIR}/uploads", "/app/uploads", COMPOSE),)}), "finding", "definition", ("ComposeUp",)),
    Example("wrote an override and restarted", api(**UNUSED, files=facts(OVERRIDE)),
            "finding", "override-not-in-use", ("ComposeUp",)),
    Example("started with -f docker-compose.yml beside an override", api(**UNUSED),
            "finding", "override-not-in-use", ("ComposeUp",)),
    Example("wrote an override for a stack of deploy-compose.yml", api(files=facts(OVERRIDE), compose=DEPLOY,
            label=DEPLOY[:1], project={"left_out": (LEFT_OUT,)}), "finding", "override-not-in-use", ("ComposeUp",)),
    Example("changed .env of a stack that was not made by Compose",
            api(files=facts(ENV), container={"labels": {}, "project": None, "service": None}, project={"name": "x"}),
            "finding", "env-changed", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("changed nothing since the start", api(), "ok"),
    Example("changed .env and recreated everything", api(files=facts(ENV),
            container={"created_at": LATER + 9, "started_at": LATER + 10}), "ok"),
    Example("changed .env and restarted LibreChat, which reads it itself",
            api(files=facts(ENV), container={"started_at": LATER + 60}), "ok"),
    Example("changed an address that rag_api does not look at",
            rag({"DOMAIN_CLIENT": "http://a", "RAG_PORT": "1"}, {"DOMAIN_CLIENT": "http://b", "RAG_PORT": "1"}), "ok"),
    Example("set SESSION_COOKIE_SECURE, which only LibreChat reads", rag({}, {"SESSION_COOKIE_SECURE": "false"}), "ok"),
    Example("has a value from the shell, and files older than the containers",
            rag({"JWT_SECRET": "shell"}, {"JWT_SECRET": ""}, main=api()), "ok"),
    Example("changed a comment: Compose's hash is the same",
            hashed(api(files=facts(COMPOSE), labels=MADE), "a" * 64), "ok"),
    Example("changed a comment, and another Compose made the container",
            hashed(api(files=facts(COMPOSE), labels=MADE), "b" * 64, version="2.39.0"), "ok"),
    Example("stopped the stack and changed .env: the next start reads it",
            api(files=facts(ENV), container={"state": "exited"}), "ok"),
    Example("changed JWT_SECRET while rag_api was stopped",
            rag({"JWT_SECRET": "old"}, {"JWT_SECRET": "new"}, state="exited"), "ok"),
    Example("has an override of comments only", api(compose=BOTH, label=BASE), "ok"),
    Example("started deploy-compose.yml on purpose without the old override",
            api(compose=DEPLOY, label=DEPLOY[:1], project={"left_out": (LEFT_OUT,)}), "ok"),
    Example("edited librechat.yaml, which another check reports", api(mounts=(bind(YAML, "/app/librechat.yaml"),),
            files=(*facts(), file(YAML, mtime=LATER))), "ok"),
    Example("added only the mount of librechat.yaml and restarted, which another check reports",
            hashed(api(files=(*facts(COMPOSE), file(YAML)), labels=MADE, declared={"volumes": (
                declared_bind(YAML, "/app/librechat.yaml", COMPOSE),)}), "b" * 64), "ok"),
    Example("has started nothing yet", api(started=False, files=facts(ENV)), "not_applicable"),
    Example("looks before the container was inspected", api(container={"detailed": False}), "unknown"),
    Example("looks at an Engine on another machine", replace(api(files=()), projects=()), "unknown"),
    Example("broke the compose file after the start", api(project={"files": (
            ConfigFile(COMPOSE, error="line 3, column 1: a tab"),)}), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
