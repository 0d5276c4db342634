"""What people do to librechat.yaml, and what ``librechat.config-mount`` must say of it."""

from __future__ import annotations

from typing import Any

from stackops.console.model import ComposeService, EnvVar, FileFact, Mount, Snapshot

from examples import Example
from examples.snapshots import STARTED, bind, declared_bind, file, stack

DIR = "/srv/librechat"
YAML = f"{DIR}/librechat.yaml"
OVERRIDE = f"{DIR}/docker-compose.override.yml"
INSIDE = "/app/librechat.yaml"
BASE_MOUNTS = (bind(f"{DIR}/.env", "/app/.env"), bind(f"{DIR}/images", "/app/client/public/images"))
HERE = (file(YAML), file(f"{DIR}/librechat.example.yaml"))
GONE = (file(YAML, "missing"), file(f"{DIR}/librechat.example.yaml"))
BOTH = ("docker-compose.yml", "docker-compose.override.yml")
BASE = ("docker-compose.yml",)
DECLARED = {"volumes": (declared_bind(YAML, INSIDE, OVERRIDE),)}
LEFT_OUT = {"left_out": (ComposeService("api", volumes=DECLARED["volumes"]),)}


def librechat(
    *mounts: Any,
    files: tuple[FileFact, ...] = HERE,
    container: dict[str, Any] | None = None,
    started: bool = True,
    **more: Any,
) -> Snapshot:
    """A LibreChat v0.7.2 stack's api service."""
    inside = {"mounts": BASE_MOUNTS + mounts, "working_dir": "/app", **(container or {})} if started else None
    return stack(
        "librechat", DIR, name="LibreChat", service="api", image="ghcr.io/danny-avila/librechat-dev:latest",
        container=inside, files=files, **more,
    )  # fmt: skip


def env(name: str, value: str) -> dict[str, Any]:
    """Container environment with one variable."""
    return {"env": (EnvVar(name, value),)}


OLD = {"env_files": (f"{DIR}/.env",)}
IN_DOTENV = {"env": (EnvVar("CONFIG_PATH", "/app/conf/l.yaml"),)}
MOUNTED = bind(YAML, INSIDE)
ENOENT = ("librechat.config-missing", "Config file YAML format is invalid: ENOENT: no such file or directory")

FINDS = (
    Example("wrote librechat.yaml and started the upstream compose file as it is", librechat(marks=(ENOENT,)),
            "finding", "not-mounted", ("EditFile", "ComposeUp")),
    Example("has an override file already, for something else", librechat(compose=BOTH),
            "finding", "not-mounted", ("EditFile", "ComposeUp")),
    Example("wrote librechat.yaml before the first start", librechat(started=False),
            "finding", "not-mounted", ("EditFile",)),
    Example("mounted the file to the wrong place", librechat(bind(YAML, "/app/api/librechat.yaml")),
            "finding", "not-mounted", ("EditFile", "ComposeUp")),
    Example("called the file librechat.yml", librechat(files=(file(YAML, "missing"), file(f"{DIR}/librechat.yml"))),
            "finding", "not-mounted", ("EditFile", "ComposeUp")),
    Example("set CONFIG_PATH to a file that nothing mounts", librechat(container=env("CONFIG_PATH", "/app/config.yaml"),
            files=(file(YAML, "missing"),)), "finding", "config-path", ()),
    Example("wrote the host's path into CONFIG_PATH, and mounted the file", librechat(MOUNTED, project={
            "env": (EnvVar("CONFIG_PATH", YAML),)}), "finding", "config-path", ("EditFile", "ComposeUp")),
    Example("did so in the compose file", librechat(MOUNTED, container=env("CONFIG_PATH", YAML), declared={
            "named": ("CONFIG_PATH",)}), "finding", "config-path", ("EditFile", "ComposeUp")),
    Example("wrote a relative CONFIG_PATH for a service that begins in another folder", librechat(MOUNTED,
            started=False, declared={"working_dir": "/app/api", **env("CONFIG_PATH", "./librechat.yaml"), **DECLARED}),
            "finding", "config-path", ("EditFile",)),
    Example("wrote CONFIG_PATH and mounted nothing", librechat(project={"env": (EnvVar("CONFIG_PATH", "/etc/l.yaml"),)},
            started=False, declared={"volumes": (declared_bind(f"{DIR}/.env", "/app/.env", OVERRIDE),)}),
            "finding", "config-path", ("EditFile", "EditFile")),
    Example("has a directory in the place of the mounted file, and CONFIG_PATH leads past it",
            librechat(MOUNTED, container=env("CONFIG_PATH", "/app/conf/l.yaml"), project=IN_DOTENV, declared=OLD,
                      files=(file(YAML, "directory"),)), "finding", "config-path", ()),
    Example("has put CONFIG_PATH right in .env since", librechat(MOUNTED, container=env("CONFIG_PATH", "/app/l.yaml"),
            project={"env": (EnvVar("CONFIG_PATH", INSIDE),)}, declared=OLD | env("CONFIG_PATH", INSIDE)),
            "finding", "config-path", ("ComposeUp",)),
    Example("has taken CONFIG_PATH out of .env since", librechat(MOUNTED, container=env("CONFIG_PATH", "/app/l.yaml"),
            project={"env": (EnvVar("HOST", "x"),)}, declared=OLD), "finding", "config-path", ("ComposeUp",)),
    Example("put it right in the compose file since", librechat(MOUNTED, container=env("CONFIG_PATH", "/app/l.yaml"),
            declared={"named": ("CONFIG_PATH",), **env("CONFIG_PATH", INSIDE)}),
            "finding", "config-path", ("ComposeUp",)),
    Example("wrote another wrong path into .env since", librechat(MOUNTED, container=env("CONFIG_PATH", "/app/l.yaml"),
            project=IN_DOTENV, declared=OLD | env("CONFIG_PATH", "/app/conf/l.yaml")),
            "finding", "config-path", ("EditFile", "ComposeUp")),
    Example("added the mount and only restarted", librechat(compose=BOTH, label=BASE, project=LEFT_OUT,
            files=(*HERE, file(OVERRIDE, mtime=STARTED + 60))), "finding", "not-applied", ("ComposeUp",)),
    Example("added the mount to an override that was in use and only restarted",
            librechat(compose=BOTH, declared=DECLARED), "finding", "not-applied", ("ComposeUp",)),
    Example("started with -f docker-compose.yml although the override has the mount", librechat(compose=BOTH,
            label=BASE, project=LEFT_OUT, files=(*HERE, file(OVERRIDE))),
            "finding", "override-not-in-use", ("ComposeUp",)),
    Example("started with -f deploy-compose.yml, which leaves the override out", librechat(project=LEFT_OUT,
            compose=("deploy-compose.yml", "docker-compose.override.yml"), label=("deploy-compose.yml",)),
            "finding", "override-not-in-use", ("ComposeUp",)),
    Example("names only docker-compose.yml in COMPOSE_FILE and has started nothing", librechat(started=False,
            compose=BOTH, label=BASE, project=LEFT_OUT | {"env": (EnvVar("COMPOSE_FILE", "docker-compose.yml"),)}),
            "finding", "override-not-in-use", ()),
    Example("mounted the file before creating it: Docker made a directory",
            librechat(MOUNTED, compose=BOTH, declared=DECLARED, files=(file(YAML, "directory"),)),
            "finding", "directory", ("ReplaceDirectoryByFile", "ComposeUp")),
    Example("put other things into the directory Docker made",
            librechat(MOUNTED, compose=BOTH, declared=DECLARED, files=(file(YAML, "directory", empty=False),)),
            "finding", "directory", ()),
    Example("has the directory from an earlier try and nothing running now",
            librechat(started=False, compose=BOTH, declared=DECLARED, files=(file(YAML, "directory"),)),
            "finding", "directory", ("ReplaceDirectoryByFile",)),
    Example("deleted the mounted file", librechat(MOUNTED, compose=BOTH, declared=DECLARED, files=GONE),
            "finding", "source-missing", ("CreateFile", "ComposeUp")),
    Example("declared the mount before creating the file",
            librechat(started=False, compose=BOTH, declared=DECLARED, files=GONE),
            "finding", "source-missing", ("CreateFile",)),
    Example("replaced the directory by a file and restarted: exit 127", librechat(MOUNTED, container={
            "state": "exited", "exit_code": 127, "error": f'mounting "{YAML}" to rootfs: not a directory: unknown'}),
            "finding", "not-applied", ("ComposeUp",)),
    Example("edited the file while LibreChat ran", librechat(MOUNTED, compose=BOTH, declared=DECLARED,
            files=(file(YAML, mtime=STARTED + 600),)), "finding", "changed", ("ComposeUp",)),
    Example("edited the file with an editor that saves by rename",
            librechat(bind(YAML, INSIDE, stale=True), compose=BOTH, declared=DECLARED),
            "finding", "changed", ("ComposeUp",)),
    Example("mounted a named pipe", librechat(MOUNTED, files=(file(YAML, "fifo"),)), "finding", "not-a-file", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("mounted the file as upstream shows", librechat(MOUNTED, compose=BOTH, declared=DECLARED), "ok"),
    Example("mounted it read-only",
            librechat(bind(YAML, INSIDE, read_only=True), compose=BOTH, declared=DECLARED), "ok"),
    Example("has no librechat.yaml at all", librechat(files=GONE), "ok"),
    Example("has no librechat.yaml and nothing running", librechat(files=GONE, started=False), "ok"),
    Example("declared the mount, wrote the file, and has not started yet",
            librechat(started=False, compose=BOTH, declared=DECLARED), "ok"),
    Example("lets CONFIG_PATH fetch the file from the web", librechat(container=env("CONFIG_PATH", "https://x.example/l.yaml")),
            "not_applicable"),
    Example("moved the file with an absolute CONFIG_PATH", librechat(bind(f"{DIR}/config.yaml", "/config/config.yaml"),
            container=env("CONFIG_PATH", "/config/config.yaml"), files=(file(f"{DIR}/config.yaml"),)), "ok"),
    Example("moved the file with a relative CONFIG_PATH in .env", librechat(bind(f"{DIR}/c.yaml", "/app/conf/c.yaml"),
            files=(file(f"{DIR}/c.yaml"),), project={"env": (EnvVar("CONFIG_PATH", "conf/c.yaml"),)}), "ok"),
    Example("runs the -api image of deploy-compose.yml", librechat(MOUNTED, compose=("deploy-compose.yml",),
            container={"working_dir": "/app/api", "image": "ghcr.io/danny-avila/librechat-dev-api:latest"}), "ok"),
    Example("stopped the stack and edited the file: the next start reads it", librechat(MOUNTED, compose=BOTH,
            declared=DECLARED, container={"state": "exited"}, files=(file(YAML, mtime=STARTED + 600),)), "ok"),
    Example("mounts the whole folder for development", librechat(bind(DIR, "/app")), "ok"),
    Example("built an image with the file inside",
            librechat(marks=(("librechat.config-loaded", "Custom config file loaded:"),)), "ok"),
    Example("has a CONFIG_PATH that nothing mounts, and a folder that nobody can look into",
            librechat(container=env("CONFIG_PATH", "/app/l.yaml"), files=()), "unknown"),
    Example("looks at an Engine on another machine", librechat(MOUNTED, files=()), "unknown"),
    Example("keeps the file in a named volume", librechat(Mount("volume", "lc", INSIDE)), "unknown"),
    Example("looks before the container was inspected", librechat(container={"detailed": False}), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
