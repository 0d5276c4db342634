"""One mongod with everything that is known of it: container, command line, its own words, and who uses it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.fix.steps import AnyStep, Chmod, Chown, CreateFile, RandomKey, ReplaceDirectoryByFile
from ...console.model import Container, FileFact, MongoState, Service, Snapshot
from ...console.model.findings import Evidence
from ...console.products.mongo import (
    Client,
    declared_clients,
    leads_to,
    makes_user,
    meant_for,
    names_of,
    port_of,
)
from ...console.products.versions import is_newest
from ...console.text import N_, _
from ..compose import Placed, marks_since_start, placed, service_of
from ..subjects import worked_out_once
from .start import MONGODB_UID, Mongod, config_of, mongod_of

YOUNG = 60.0
"""Seconds after its start in which a mongod may still make its user, elect, or be initiated by its own script."""
NEEDS_SET = (4, 6, 8)
"""First FastGPT that writes in transactions: its release notes ask for a replica set from then on."""
NEWEST, ASSUMED = (8,), N_("release assumed: the tag names none, which is the newest")
"""Of mongod; and how it is told."""
RETRIES_FROM = (4, 8, 8)
"""First FastGPT that tries the database again by itself, every second (its `connectMongo`)."""
APP_TROUBLE = (
    "fastgpt.mongo-error", "fastgpt.mongo-no-primary", "fastgpt.mongo-refused", "fastgpt.mongo-unresolved",
    "fastgpt.mongo-buffering",
)  # fmt: skip
APP_WELL = ("fastgpt.mongo-connected", "fastgpt.root-ready", "fastgpt.ready")


@dataclass(frozen=True)
class MongoNode:
    """One mongod."""

    place: Placed
    mongod: Mongod
    own: Service | None
    """Its own row among the services."""
    state: MongoState | None
    """What it said; None when nobody asked."""
    apps: tuple[Client, ...]
    """Containers whose connection string means this one, or should."""
    declared_apps: tuple[Client, ...]
    """Apps of its project without a container, as they are declared; only the writing of their strings counts."""
    services: tuple[Service, ...]
    """FastGPT and LibreChat of the same project, and of those containers."""
    waiting: tuple[Client, ...]
    """Apps whose last word about MongoDB is a failure, and whose release does not try again by itself."""
    torn: Client | None
    """An app that was refused a transaction, as a standalone refuses them."""
    neighbours: tuple[tuple[str, str | None], ...]
    """Other mongods of the same project folder, each with the name of its set."""
    marks: tuple[str, ...]
    """Marks in its log since the last start, oldest first."""
    age: float | None
    """Seconds since the container's start."""

    @property
    def version(self) -> tuple[int, ...] | None:
        """Numbers of the image's version; of one that is named as the newest, and tells none, the newest."""
        known = numbers(self.own.version) if self.own else None
        return NEWEST if known is None and is_newest(self.place.image or "") else known

    @property
    def version_words(self) -> str:
        """The same for people."""
        known = self.own.version if self.own else None
        return known or (f"{NEWEST[0]}, {_(ASSUMED)}" if self.version else "unknown")

    @property
    def assumes_release(self) -> bool:
        """Whether it is only assumed, from an app's tag, that it needs a set."""
        return self.torn is None and all(one.release_assumed for one in self.services if needs_set(one))

    @property
    def container(self) -> Container | None:
        """The container, None where it is only declared."""
        return self.place.container

    @property
    def subject(self) -> str:
        """What results call it."""
        return self.place.subject

    @property
    def young(self) -> bool:
        """Whether it has just been started."""
        return self.age is not None and self.age < YOUNG

    @property
    def running(self) -> bool:
        """Whether its container runs."""
        return self.place.state == "running"

    @property
    def answers(self) -> bool:
        """Whether mongod said hello."""
        return self.state is not None and self.state.trouble is None

    @property
    def said(self) -> MongoState:
        """The same as ``state``; nothing in it is known where nobody asked."""
        return self.state or MongoState("")

    @property
    def member_names(self) -> set[str]:
        """The members of its set, as the set names them."""
        return {*self.said.hosts, *(member.host for member in self.said.members)}

    def meant_by(self, string: Client) -> bool:
        """Whether a connection string names it."""
        return self.container is not None and leads_to(string, self.container)

    @property
    def router(self) -> bool:
        """Whether it is a mongos, which has no set of its own."""
        return self.mongod.router or bool(self.said.router)

    @property
    def has_data(self) -> bool:
        """Whether it is known to hold data: somebody can log in, so there is a user in it."""
        return any(trial.accepted for trial in self.said.trials)

    @property
    def first_boot(self) -> bool:
        """Whether the image's temporary mongod may be at work: no set, no login, loopback only."""
        started = {"mongo.init-complete", "mongo.21313", "mongo.21405", "mongo.21406"}
        return makes_user(self.place.env) and self.young and started.isdisjoint(self.marks)

    @property
    def own_host(self) -> str | None:
        """``name:port`` by which the set knows this node: a primary names itself, a lone member is named."""
        said = self.said
        itself = next((member.host for member in said.members if member.itself), None)
        alone = said.hosts[0] if len(said.hosts) == 1 else None
        return said.me or itself or (said.primary_host if said.primary else None) or alone

    @property
    def suggested(self) -> str | None:
        """The host that the app's string names where it means this mongod, else the service's name."""
        mongo = self.container
        if mongo is None:
            return None
        if mongo.network_mode == "host":  # no name of Docker's leads there, not even for mongod itself
            return f"127.0.0.1:{port_of(mongo)}"
        names = names_of(mongo)
        told = (at for app in self.apps if leads_to(app, mongo) for at in app.uri.hosts)
        host, port = next((at for at in told if at[0] in names), (names[0] if names else None, port_of(mongo)))
        return f"{host}:{port}" if host else None

    def exited(self, code: int) -> tuple[Evidence, ...]:
        """A row where the container's last exit code is this one."""
        if self.container is None or self.container.exit_code != code:
            return ()
        return (Evidence(_("exit code"), str(code), f"docker inspect {self.container.name}"),)

    @property
    def needs_set(self) -> bool | None:
        """Whether an app of this mongod cannot work on a standalone; None when it cannot be told."""
        told = [needs_set(service) for service in self.services]
        return True if True in told else None if None in told else False


@dataclass(frozen=True)
class SetVerdict:
    """What is to be said of a mongod, or of several that are meant as one set."""

    form: str | None = None
    """A form of ``mongo.replica-set``; None: ``wait`` or ``well`` says why there is none."""
    wait: str | None = None
    """It cannot be told (yet), and why."""
    well: str = ""
    """Why it is in order."""
    app: Client | None = None
    """The app whose settings are meant."""
    stored: str | None = None
    """Host or name that is stored and wrong."""
    without: str | None = None
    """Members that the set there was made without."""
    refused: str | None = None
    """Why it is left to people, where this very case is."""


@worked_out_once
def nodes(snapshot: Snapshot) -> Iterator[MongoNode]:
    """Every mongod of the snapshot."""
    places = placed(snapshot, "mongo")
    for place in places:
        container = place.container
        apps = meant_for(container, snapshot.containers) if container else ()
        services = _services(snapshot, place, apps)
        refused = {m.container for m in snapshot.log_marks if m.mark == "fastgpt.mongo-standalone"}
        yield MongoNode(
            place=place, mongod=mongod_of(place, config_of(snapshot, place)), own=service_of(snapshot, place),
            apps=apps, services=services,
            declared_apps=_declared(snapshot, place, places),
            state=next((s for s in snapshot.mongos if container and s.container == container.id), None),
            waiting=tuple(app for app in apps if _waits_in_vain(app, services, snapshot)),
            torn=next((app for app in apps if app.container.id in refused), None),
            neighbours=tuple(
                (one.subject, mongod_of(one, config_of(snapshot, one)).replica_set)
                for one in places if one.subject != place.subject
                and (one.project_name, one.directory) == (place.project_name, place.directory)
            ),
            marks=tuple(mark.mark for mark in marks_since_start(snapshot, container)),
            age=snapshot.taken_at - container.started_at if container and container.started_at else None,
        )  # fmt: skip


def numbers(version: str | None) -> tuple[int, ...] | None:
    """``4.8.23-fix`` as (4, 8, 23); None for what is no version."""
    found = re.match(r"\d+(?:\.\d+)*", version or "")
    return tuple(int(part) for part in found[0].split(".")) if found else None


def needs_set(service: Service) -> bool | None:
    """Whether this app needs a replica set. LibreChat does not: its compose files run a plain mongod."""
    if service.role != "fastgpt":
        return False
    version = numbers(service.version)
    if version is not None:
        return version >= NEEDS_SET
    return True if service.release_assumed or service.generation not in (None, "A") else None


def key_file_steps(
    fact: FileFact | None, uid: int | None, *, narrow: bool = False, give: bool = False
) -> Iterator[AnyStep]:
    """Narrow first, give away second: at no moment is a key more open, or less readable, than before."""
    gid = uid if uid == MONGODB_UID else None
    if fact is None:
        return
    if fact.kind == "missing":
        yield CreateFile(path=fact.path, content=RandomKey(), mode=0o400, uid=uid, gid=gid)
    if fact.kind == "directory":
        yield ReplaceDirectoryByFile(path=fact.path, content=RandomKey(), mode=0o400, uid=uid, gid=gid)
    if fact.kind == "file" and narrow:
        yield Chmod(path=fact.path, mode=0o400)
    if fact.kind == "file" and give and uid is not None:
        yield Chown(path=fact.path, uid=uid, gid=gid)


def _waits_in_vain(app: Client, services: tuple[Service, ...], snapshot: Snapshot) -> bool:
    service = next((one for one in services if one.container == app.container.id), None)
    if service is None or service.role != "fastgpt" or app.container.state != "running":
        return False
    version = numbers(service.version)
    if version is not None and version >= RETRIES_FROM:
        return False
    marks = marks_since_start(snapshot, app.container)
    telling = [mark.mark for mark in marks if mark.mark in (*APP_TROUBLE, *APP_WELL)]
    return bool(telling) and telling[-1] in APP_TROUBLE


def _declared(snapshot: Snapshot, place: Placed, places: tuple[Placed, ...]) -> tuple[Client, ...]:
    """Those that name it; where no mongod of the project is named, the first of them stands for all."""
    project = place.project
    if project is None:
        return ()
    running = {one.service for one in snapshot.containers if one.project == project.name}
    mine = [one for one in places if one.project is project]
    found = []
    for app in declared_clients(project):
        if app.container.service not in running:
            named = [one for one in mine if {host for host, _ in app.uri.hosts} & _names(one)] or mine[:1]
            found += [app] if any(one is place for one in named) else []
    return tuple(found)


def _names(place: Placed) -> set[str]:
    declared = place.declared.container_name if place.declared else None
    return {name.lower() for name in (place.service, declared, place.container and place.container.name) if name}


def _services(snapshot: Snapshot, place: Placed, apps: tuple[Client, ...]) -> tuple[Service, ...]:
    """The apps by role: those whose string leads here; without a container also the declared ones of the project."""
    wanted = {app.container.id for app in apps}
    own = place.project_name if place.container is None else None
    found = (one for one in snapshot.services if one.role in ("fastgpt", "librechat"))
    return tuple(one for one in found if (one.container in wanted if one.container else own and one.project == own))
