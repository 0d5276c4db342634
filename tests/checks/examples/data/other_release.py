"""Data that another release wrote, and what ``data.other-release`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import DataRelease, LastWords, Role, Service, Snapshot

from examples import Example
from examples.container.common import app, finds
from examples.snapshots import declared_bind, stack

LOOP = {"state": "restarting", "restart_count": 20, "exit_code": 1}
POSTGRES = (
    "2025-01-10 08:00:00.000 UTC [1] FATAL:  database files are incompatible with server",
    "DETAIL: The data directory was initialized by PostgreSQL version 15, which is not compatible with this version 16",
)
CATALOG = "DETAIL:  The database cluster was initialized with CATALOG_VERSION_NO 202209061, but the server was compiled"
MEILI = (
    "Error: Your database version (1.7.3) is incompatible with your current engine version (1.12.3).",
    "To migrate data between Meilisearch versions, please follow our guide on updating.",
)
OLD_MEILI = "Error: Cannot open database, expected Meilisearch engine version: 0.25.2, current engine version: 0.28.1"
BOOT = "[MY-013171] [InnoDB] Cannot boot server version 80040 on data directory built by version 80300. Downgrade is"
UPGRADE = "[ERROR] [MY-014061] [Server] Invalid MySQL server upgrade: Cannot upgrade from 50744 to 80400."
OF_MARIADB = "[ERROR] InnoDB: Unsupported redo log format. The redo log was created with MariaDB 10.11.6."
LAYOUT = (
    "Error: in 18+, these Docker images are configured to store database data in a",
    "Counter to that, there appears to be PostgreSQL data in:",
    "/var/lib/postgresql/data (unused mount/volume)",
)
ELASTIC = "fatal: cannot upgrade a node from version [7.17.9] directly to version [9.0.1], upgrade to version [8.18.0]"


def ended(*lines: str, **more: Any) -> Snapshot:
    return app(lines=lines, **(LOOP | more))


def folder(
    release: str | None, role: Role = "postgres", version: str | None = "16", container: dict[str, Any] | None = None,
    words: tuple[str, ...] = (),
) -> Snapshot:  # fmt: skip
    """A service whose data folder names a release, and the release of its image."""
    made = stack(role, "/srv/x", name="pg", service="pg", image="pgvector/pgvector:pg16", container=container)
    ident = made.containers[0].id if made.containers else None
    (one,) = made.services
    told = () if release is None else (DataRelease("/srv/x/pg/data/PG_VERSION", release, ident, "x", "pg"),)
    said = (LastWords(ident, words),) if ident and words else ()
    return replace(made, services=(replace(one, version=version),), data_releases=told, last_words=said)


def mounted(version: str, image: str = "postgres:18", target: str = "/var/lib/postgresql/data") -> Snapshot:
    """A PostgreSQL that is only declared, with a mount."""
    volumes = (declared_bind("/srv/x/pg", target, "/srv/x/docker-compose.yml"),)
    made = stack("postgres", "/srv/x", name="pg", service="pg", image=image, declared={"volumes": volumes})
    (one,) = made.services
    return replace(made, services=(replace(one, version=version),))


FORM = "other-release"
FINDS = (
    finds("raised pg15 to pg16", FORM, ended(*POSTGRES)),
    finds("looks while it runs between two ends", FORM, ended(*POSTGRES, state="running")),
    finds("has data of a development release", FORM, ended(POSTGRES[0], CATALOG)),
    finds("took PostgreSQL 18 with the old mount", FORM, ended(*LAYOUT)),
    finds("has not started it yet", FORM, folder("15")),
    finds("has a 9.6 of long ago", FORM, folder("9.6", version="9.5.2")),
    finds("raised Meilisearch with LibreChat", FORM, ended(*MEILI, restart_policy="no", state="exited")),
    finds("raised it years ago", FORM, ended(OLD_MEILI)),
    finds("has an index of Meilisearch 1.7 before anything runs", FORM, folder("1.7.3", "meilisearch", "1.12.3")),
    finds("went from MySQL 8.3 back to 8.0", FORM, ended(BOOT)),
    finds("went from MySQL 5.7 to 8.4", FORM, ended(UPGRADE, "[ERROR] [Server] Aborting")),
    finds("put MySQL on the data of MariaDB", FORM, ended(OF_MARIADB)),
    finds("has a MySQL of the time before", FORM, ended("Cannot upgrade server earlier than 5.7 to 8.0")),
    finds("went back to an older Redis", FORM, ended("# Can't handle RDB format version 12")),
    finds("went from Elasticsearch 7 to 9", FORM, ended(ELASTIC)),
)  # fmt: skip

RUNS = {"state": "running", "restart_count": 0}
FINDS_NOT = (
    Example("ends by something else", ended("FATAL:  password authentication failed for user"), "ok"),
    Example("stopped it since", ended(*POSTGRES, state="exited", exit_code=0), "not_applicable"),
    Example("is well", app(lines=()), "not_applicable"),
    Example("has data of the image's release", folder("16"), "ok"),
    Example("has another minor release", folder("16", version="16.2"), "ok"),
    Example("has another patch of Meilisearch", folder("1.12.0", "meilisearch", "1.12.3"), "ok"),
    Example("has an image that carries the data over by itself", folder("15", container=RUNS), "not_applicable"),
    Example("holds one that had opened them", folder("15", container=RUNS | {"state": "paused"}), "not_applicable"),
    Example("has an image that does not tell its release", folder("15", version=None), "not_applicable"),
    Example("has a folder that cannot be read", folder(None), "not_applicable"),
    Example("has stopped the database", folder("15", container={"state": "exited", "exit_code": 0}), "not_applicable"),
    Example("has a migration of another product that ends", ended("Error: Cannot downgrade from 2.4 to 2.3"), "ok"),
    Example("says a version without complaint",
            replace(app(lines=("PostgreSQL 16.2 starting",), **LOOP), services=(Service("postgres", "app"),)), "ok"),
)  # fmt: skip

FINDS += (Example("raised it to 18 before the start", mounted("18"), "finding", "moved", ()),)
FINDS_NOT += (
    Example("mounts what 18 uses", mounted("18", target="/var/lib/postgresql"), "not_applicable"),
    Example("has 17 there", mounted("17", "postgres:17"), "not_applicable"),
    Example("has an image that is not the official one", mounted("18", "bitnami/postgresql:18"), "not_applicable"),
)
EXAMPLES = FINDS + FINDS_NOT
