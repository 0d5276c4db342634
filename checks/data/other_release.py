"""A database does not open its data, because another release of it wrote them.

What it does
    Reads it from the last lines of PostgreSQL, MySQL, MariaDB, Redis, Meilisearch and Elasticsearch. For PostgreSQL and
    Meilisearch it also compares the release that stands in the data folder (`PG_VERSION`, `data.ms/VERSION`) with the
    release of the image, so that it is known before anything is started; and it finds a PostgreSQL 18 that is mounted
    where the releases before had their data. MongoDB has a check of its own.

Why it matters
    A tag that was raised (`pg15` to `pg16`), or `latest` that was pulled anew, ends at every start. Removing the data
    folder, which many threads advise, makes it start and loses everything.

Fix
    Explained, since only you can say which way: back to the image that wrote the data, or carry them over by a dump.
    Nothing here touches data.

Sources
    PostgreSQL's manual, "Upgrading a PostgreSQL Cluster"; docker-library/postgres issues 37 and 766; Meilisearch's
    guide "Update to the latest version"; MySQL's manual, "Upgrading MySQL" (MY-013171, MY-014061); Redis rdb.c.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.model import Role
from ...console.products.versions import parts_of
from ...console.text import N_, _
from ...console.text.cleaning import clip
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..compose import Placed
from ..subjects import lives

_KEEP = N_("Do not remove the data folder or volume: it holds everything that is stored.")
_BACK = N_("Back: take an image of {product}{of}, and make {subject} anew with it{up}.")


@dataclass(frozen=True)
class Product:
    """A program that opens only what certain releases of it wrote."""

    name: str
    says: tuple[re.Pattern[str], ...]
    """What it ends with; the groups ``wrote`` and ``runs`` where it names releases."""
    onwards: str
    """How data are carried over to the new release."""
    role: Role | None = None
    parts: int = 1
    """How many numbers of a release have to be the same, where its data folder tells the release."""


def _says(*patterns: str) -> tuple[re.Pattern[str], ...]:
    numbers = {word: rf"(?P<{word.lower()}>\d[\d.]*\d|\d)" for word in ("WROTE", "RUNS")}
    return tuple(re.compile(re.sub("WROTE|RUNS", lambda found: numbers[found[0]], each)) for each in patterns)


PRODUCTS = (
    Product(
        "PostgreSQL",
        _says(
            r"initialized by PostgreSQL version WROTE, which is not compatible with this version RUNS",
            r"database files are incompatible with server",
            r"in (?P<runs>18)\+, these Docker images are|container configuration for 18\+ is to",
            r"PostgreSQL data in:? .*\(unused mount/volume\)",
        ),
        N_(
            "Onwards: with the old image running, docker exec {subject} pg_dumpall -U USER > all.sql; then the new "
            "image on a new, empty folder, and psql -f all.sql in it. From 18 on the mount belongs at "
            "/var/lib/postgresql."
        ),
        "postgres",
    ),
    Product(
        "Meilisearch",
        _says(
            r"database version \(WROTE\) is incompatible with your current engine version \(RUNS\)",
            r"expected Meilisearch engine version: WROTE, current engine version: RUNS",
            r"failed to infer the version of the database",
        ),
        N_(
            "Onwards: with the old image running, make a dump (POST /dumps), and start the new one on a new folder "
            "with --import-dump. Or give it a new, empty folder and keep the old one: LibreChat fills its index from "
            "MongoDB again at its next start."
        ),
        "meilisearch",
        2,
    ),
    Product(
        "MySQL",
        _says(
            r"Invalid MySQL server (?:up|down)grade: Cannot (?:up|down)grade from WROTE to RUNS",
            r"Cannot boot server version RUNS on data directory built by version WROTE",
            r"redo log was created with (?P<wrote>(?:\w+ )?[\d.]*\d)",
            r"Cannot upgrade server earlier than (?P<before>[\d.]*\d)",
        ),
        N_(
            "Onwards: one series at a time (5.7, 8.0, 8.4), each started once; or a dump (mysqldump --all-databases) "
            "with the old image running. Only a dump leads back to an older release."
        ),
    ),
    Product(
        "Redis",
        _says(r"Can't handle RDB format version (?P<rdb>\d+)"),
        N_("Or onwards: take the release that wrote the file, or a later one."),
    ),
    Product(
        "Elasticsearch",
        _says(r"cannot (?:upgrade|downgrade) a node from version \[WROTE\] (?:directly )?to version \[RUNS\]"),
        N_("Onwards: by way of the last minor release of the series between."),
    ),
)

OTHER_RELEASE = Form(
    "other-release",
    "{subject} does not open its data: {wrote} wrote them{runs}",
    "{product} opens only what its own or a near release wrote. Nothing is lost: the old release opens them",
    "go back to the image that wrote the data, or carry them over by a dump",
)
MOVED = Form(
    "moved",
    "{subject} will not start: PostgreSQL {runs} keeps its data below /var/lib/postgresql, and {target} is mounted",
    "From 18 on the image ends where something is mounted at the folder of the releases before",
    "mount it at /var/lib/postgresql",
    advice="Write /var/lib/postgresql in place of {target} in volumes of {service}; a new database is made in it.\n"
    "Data of an older release are not opened there: keep their folder, and carry them over by a dump.\n"
    "Then: docker compose up -d {service}",
)
HOME, MOVED_SINCE = "/var/lib/postgresql/data", 18
"""fact: docker-library/postgres, 18/bookworm/docker-entrypoint.sh: OLD_DATABASES, ``mountpoint -q``"""


@dataclass(frozen=True)
class OtherRelease:
    """One service, and whose data it has."""

    place: Placed
    product: Product
    wrote: str
    runs: str
    row: Evidence


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service whose last words say so, then each whose data folder tells a release."""
    said = {life.container.id: life.last_words for life in lives(snapshot) if not life.put_to_rest}
    for place in compose.everybody(snapshot):
        words = said.get(place.container.id, ()) if place.container else ()
        case = _said(place, words) or _read(place, snapshot) or _moved(place, snapshot)
        if isinstance(case, OtherRelease):
            yield _case(case)
        elif case is not None:
            yield case
        elif words:
            yield Fine(place.subject, _("{place} says nothing of data of another release", place=place.subject))


def _said(place: Placed, words: tuple[str, ...]) -> OtherRelease | None:
    """What it ended with; the line that names both releases counts before one that names none."""
    found = [
        (len(match.groupdict()), product, match.groupdict(), line)
        for line in words for product in PRODUCTS for pattern in product.says if (match := pattern.search(line))
    ]  # fmt: skip
    if not found:
        return None
    _rest, product, groups, line = max(found, key=lambda each: each[0])
    wrote, runs = _number(groups.get("wrote", "")), _number(groups.get("runs") or "")
    if "rdb" in groups:
        wrote = _("a newer release (RDB format {rdb})", rdb=groups["rdb"])
    elif "before" in groups:
        wrote = _("a release before {before}", before=groups["before"])
    return OtherRelease(place, product, wrote, runs, Evidence("log", clip(line, 300), f"docker logs {place.subject}"))


def _number(told: str) -> str:
    """``80040`` is MySQL's 8.0.40."""
    told = told.strip()
    return f"{int(told[:-4])}.{int(told[-4:-2])}.{int(told[-2:])}" if told.isdecimal() and len(told) > 4 else told


def _read(place: Placed, snapshot: Snapshot) -> OtherRelease | Fine | None:
    """What stands in the data folder, beside the release of the image."""
    container = place.container
    owner = (place.project_name, place.service)
    own = (one for one in snapshot.data_releases if one.container == (container.id if container else None))
    told = next((one for one in own if container or owner == (one.project, one.service)), None)
    service = compose.service_of(snapshot, place)
    product = next((one for one in PRODUCTS if service and one.role == service.role), None)
    if told is None or service is None or service.version is None or product is None:
        return None
    if "dumpless-upgrade" in " ".join(place.words) or any("DUMPLESS_UPGRADE" in each.name for each in place.env):
        return None  # Meilisearch carries them over by itself
    if _series(told.release, product) == _series(service.version, product):
        return Fine(
            place.subject,
            _("{place} has data of its own release, {release}", place=place.subject, release=told.release),
        )
    runs = container is not None and container.alive and not container.restart_count
    if runs or compose.put_away(container):
        return None  # it opened them, or ended well: its image may carry them over, or keep its own elsewhere
    return OtherRelease(place, product, told.release, service.version, Evidence(_("release"), told.release, told.path))


def _moved(place: Placed, snapshot: Snapshot) -> Case[None] | None:
    """A PostgreSQL that nobody has started yet, with a mount at the folder of the releases before 18."""
    service = compose.service_of(snapshot, place)
    major = (service.version or "").partition(".")[0] if service and service.role == "postgres" else ""
    mounted = any(posixpath.normpath(mount.target) == HOME for mount in place.mounts)
    stock = parts_of(place.image or "").last in ("postgres", "pgvector") and not (
        place.declared and place.declared.built
    )
    if place.container is not None or not mounted or not stock or not major.isdecimal() or int(major) < MOVED_SINCE:
        return None
    if compose.value_of("PGDATA", place.env):
        return None
    rows = (Evidence(_("mounted at"), HOME, place.source), Evidence(_("image"), place.image or "", place.source))
    words = {"runs": major, "target": HOME, "service": place.service or place.subject}
    return Case(place.subject, MOVED, None, rows, words)


def _series(release: str, product: Product) -> list[str]:
    numbers = release.split(".")
    return numbers[: 2 if product.role == "postgres" and len(numbers[0]) == 1 else product.parts]


def _case(one: OtherRelease) -> Case[OtherRelease]:
    words = {
        "product": one.product.name,
        "wrote": f"{one.product.name} {one.wrote}" if one.wrote[:1].isdigit() else one.wrote or _("another release"),
        "runs": _(", and the image is {runs}", runs=one.runs) if one.runs else "",
    }
    rows = (one.row, Evidence(_("image"), one.place.image or _("not known"), one.place.source))
    return Case(one.place.subject, OTHER_RELEASE, one, rows, words)


def plan(case: Case[OtherRelease | None], _answers: Answers) -> Plan:
    """Both ways."""
    one = case.facts
    if one is None:
        return manual(*case.advice)
    of = f" {one.wrote}" if one.wrote[:1].isdigit() else _(" as it was before (docker images shows it)")
    up = _(": docker compose up -d {service}", service=one.place.service) if one.place.service else ""
    told = {"product": one.product.name, "of": of, "up": up, "subject": case.subject}
    return manual(_(_BACK, **told), _(one.product.onwards, **told), _KEEP)


CHECK = Check(
    "data.other-release", "Databases open the data that they have", __doc__ or "", (OTHER_RELEASE, MOVED), find, plan,
    reads=("containers", "projects", "services", "last_words", "data_releases"),
)  # fmt: skip
