"""Files that changed after their containers were made, and what ``compose.drift`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import ComposeService, ConfigFile, EnvVar, Mount, Port, Service, ServiceHash, Snapshot
from stackops.console.products.services import LABEL_HASH, LABEL_VERSION

from examples import Example
from examples.snapshots import NOW, declared_bind, file
from examples.wiring.folder import FILE, FOLDER, live, service

FASTGPT = "ghcr.io/labring/fastgpt:v4.9.14"
RECREATED = ("ComposeUp",)


def app(*env: str, image: str = FASTGPT, **more: Any) -> ComposeService:
    """A FastGPT."""
    return service("fastgpt", image, *env, **more)


def edited(
    before: ComposeService, after: ComposeService, *, later: bool = True, same_hash: bool | None = None, **facts: Any
) -> Snapshot:
    """The container was made of ``before``; the file says ``after`` now, and is newer unless ``later`` is False."""
    snapshot = live(before)
    labels = {LABEL_DIRECTORY: FOLDER, LABEL_FILES: FILE, LABEL_HASH: "a" * 64, LABEL_VERSION: "2.26.1"}
    made = tuple(replace(one, **{"labels": labels, **facts}) for one in snapshot.containers)
    projects = tuple(replace(one, services=(after,)) for one in snapshot.projects)
    now = ("a" if same_hash else "b") * 64
    hashes = () if same_hash is None else (ServiceHash("stack", after.name, now, "2.26.1"),)
    facts_of = (file(FILE, mtime=NOW if later else NOW - 3600),)
    return replace(snapshot, containers=made, projects=projects, files=facts_of, service_hashes=hashes)


def librechat(snapshot: Snapshot) -> Snapshot:
    """The same, with a LibreChat in the stack."""
    return replace(snapshot, services=(Service("librechat", "LibreChat", project="stack", compose_service="api"),))


def broken(snapshot: Snapshot) -> Snapshot:
    """The same, with a file that cannot be read any more."""
    files = (ConfigFile(FILE, error="line 3, column 1: did not find expected key"),)
    return replace(snapshot, projects=tuple(replace(one, files=files) for one in snapshot.projects))


def beside(snapshot: Snapshot) -> Snapshot:
    """The same, made with a file more than the newest container of the project."""
    labels = {LABEL_DIRECTORY: FOLDER, LABEL_FILES: f"{FILE},{FOLDER}/gpu.yml"}
    return replace(snapshot, containers=tuple(replace(one, labels=labels) for one in snapshot.containers))


def made(snapshot: Snapshot, labels: dict[str, str]) -> Snapshot:
    """The same, with labels more."""
    return replace(snapshot, containers=tuple(replace(c, labels=c.labels | labels) for c in snapshot.containers))


def mongo(*env: str, data: str = f"{FOLDER}/mongo", **more: Any) -> ComposeService:
    """A MongoDB whose data lie in a folder of the stack."""
    return service("mongo", "mongo:5.0.18", *env, volumes=(declared_bind(data, "/data/db", FILE),), **more)


HAS = {
    "mounts": (Mount("bind", f"{FOLDER}/mongo", "/data/db"), Mount("volume", "/x", "/data/configdb", volume="a" * 64))
}
ALONE = {"com.docker.compose.depends_on": ""}
MORE = declared_bind(f"{FOLDER}/config.json", "/app/data/config.json", FILE)
OLD, NEW = app("OPENAI_BASE_URL=http://oneapi:3000"), app("OPENAI_BASE_URL=http://oneapi:3000/v1")

TAGGED = {"filled": (("TAG", "TAG"),)}
SHELL = app("TAG=2", **TAGGED)


def from_dotenv(snapshot: Snapshot, *, later: bool, name: str = "TAG") -> Snapshot:
    """The same, with a ``.env`` that gives the variable; it is newer than the container, or the compose file is."""
    projects = tuple(replace(one, env=(EnvVar(name, "2"),)) for one in snapshot.projects)
    dotenv = file(f"{FOLDER}/.env", mtime=NOW if later else NOW - 3600)
    return replace(snapshot, projects=projects, files=(*snapshot.files, dotenv))


FINDS = (
    Example("corrected an address and restarted", edited(OLD, NEW), "finding", "changed", RECREATED),
    Example("added a variable", edited(app(), NEW), "finding", "changed", RECREATED),
    Example("changed the image of the app", edited(app(), app(image="ghcr.io/labring/fastgpt:v4.10.0")), "finding",
            "changed", RECREATED),
    Example("changed the command", edited(app(), app(command=("node", "server.js"))), "finding", "changed", RECREATED),
    Example("added a mount", edited(app(), app(volumes=(MORE,))), "finding", "changed", RECREATED),
    Example("changed what only Compose's hash tells", edited(app(), app(), same_hash=False), "finding", "changed",
            RECREATED),
    Example("changed it while it restarts again and again", edited(OLD, NEW, state="restarting"), "finding", "changed",
            RECREATED),
    Example("changed a variable of the database",
            edited(service("mongo", "mongo:5.0.18"), service("mongo", "mongo:5.0.18", "TZ=UTC")), "finding", "changed",
            RECREATED),
    Example("changed MongoDB's release", edited(service("mongo", "mongo:5.0.18"), service("mongo", "mongo:8.0.17")),
            "finding", "other-release", ()),
    Example("changed PostgreSQL's release", edited(service("pg", "postgres:15"), service("pg", "postgres:17")),
            "finding", "other-release", ()),
    Example("changed MySQL's release and a variable",
            edited(service("mysql", "mysql:8.0.36"), service("mysql", "mysql:9.1", "TZ=UTC")), "finding",
            "other-release", ()),
    Example("changed a port and restarted", edited(app(ports=("3000:3000",)), app(ports=("3001:3000",))), "finding",
            "changed", RECREATED),
    Example("changed a line of the service's env file",
            edited(app(shared=("LOG_LEVEL=info",)), app(shared=("LOG_LEVEL=debug",))), "finding", "changed", RECREATED),
    Example("changed a variable of a database whose folder stays",
            edited(mongo(), mongo("TZ=UTC"), **HAS), "finding", "changed", RECREATED),
    Example("gave the database another folder", edited(mongo(), mongo("TZ=UTC", data="/srv/new"), **HAS), "finding",
            "keeps-data", ()),
    Example("took the folder of the database out",
            edited(mongo(), service("mongo", "mongo:5.0.18", "TZ=UTC"), **HAS), "finding", "keeps-data", ()),
    Example("gave a database a folder that had none",
            edited(service("mongo", "mongo:5.0.18"), mongo()), "finding", "keeps-data", ()),
    Example("gave a database a folder where it had a volume without a name",
            edited(service("mongo", "mongo:5.0.18"), mongo("TZ=UTC"),
                   mounts=(Mount("volume", "/x", "/data/db", volume="a" * 64),)), "finding", "keeps-data", ()),
    Example("changed a database of which only Compose's hash tells", edited(mongo(), mongo(), same_hash=False, **HAS),
            "finding", "keeps-data", ()),
    Example("changed a variable of a database whose image has no release",
            edited(service("mongo", "mongo"), service("mongo", "mongo", "TZ=UTC")), "finding", "keeps-data", ()),
    Example("changed the .env", from_dotenv(edited(app("TAG=1"), SHELL), later=True), "finding", "changed", RECREATED),
    Example("changed the file beside what a shell gave",
            edited(app("TAG=1"), app("TAG=2", "TZ=UTC", **TAGGED)), "finding", "changed", RECREATED),
    Example("changed what only Compose's hash tells, of a service with variables",
            edited(app("TAG=2"), SHELL, same_hash=False), "finding", "changed", RECREATED),
    Example("gave PostgreSQL another folder by its variable",
            edited(service("pg", "postgres:15"), service("pg", "postgres:15", "PGDATA=/data")), "finding",
            "keeps-data", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("changed nothing", edited(app(), app(), later=False), "ok"),
    Example("wrote a comment into the file", edited(app(), app()), "ok"),
    Example("changed it back", edited(NEW, NEW, same_hash=True), "ok"),
    Example("has another order of lists, which Compose's hash says is the same",
            edited(OLD, NEW, same_hash=True), "ok"),
    Example("made the container after the change", edited(OLD, NEW, later=False), "ok"),
    Example("has an image of which the Engine tells the id alone",
            edited(app(), app(), image=f"sha256:{'ab' * 32}"), "ok"),
    Example("has a stack of LibreChat, which another check judges", librechat(edited(OLD, NEW)), "not_applicable"),
    Example("stopped it", edited(OLD, NEW, state="exited", exit_code=0), "not_applicable"),
    Example("made it without Compose", edited(OLD, NEW, project=None, service=None, labels={}), "not_applicable"),
    Example("took the service out of the file", edited(OLD, service("other", FASTGPT)), "not_applicable"),
    Example("looks before it was inspected", edited(OLD, NEW, detailed=False), "unknown"),
    Example("broke the file", broken(edited(OLD, NEW)), "unknown"),
    Example("started it with a file that was left out later", beside(edited(OLD, NEW)), "unknown"),
    Example("gave the value in a shell, and no file has it",
            edited(app("TAG=1"), app("TAG=", blank=(("TAG", "TAG"),))), "ok"),
    Example("did so, which Compose's hash cannot know",
            edited(app("TAG=1"), app("TAG=", blank=(("TAG", "TAG"),)), same_hash=False), "ok"),
    Example("overrides a default in a shell", edited(app("TAG=1"), SHELL), "unknown"),
    Example("overrides it, and Compose's hash is another", edited(app("TAG=1"), SHELL, same_hash=False), "unknown"),
    Example("overrides the .env in a shell", from_dotenv(edited(app("TAG=1"), SHELL), later=False), "unknown"),
    Example("has another variable in a .env that changed",
            from_dotenv(edited(app("TAG=1"), SHELL), later=True, name="OTHER"), "unknown"),
    Example("gives the image's tag in a shell",
            edited(app(image="x/fastgpt:v1"), app(image="x/fastgpt:v2", filled=(("image", "VERSION"),))), "unknown"),
    Example("made it alone, which gives it another hash",
            made(edited(app(depends_on=("mongo",)), app(depends_on=("mongo",)), same_hash=False), ALONE), "ok"),
    Example("lets Docker choose a port of a range",
            edited(app(), app(ports=("3000-3010:3000",)), ports=(Port(3000, "tcp", "", 3004),)),
            "ok"),
    Example("has variables of the image besides",
            edited(NEW, NEW, env=(*NEW.env, EnvVar("PATH", "/usr/bin"))), "ok"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
