"""The database for vectors has no pgvector, or one that is older than FastGPT needs.

What it does
    Follows PG_URL of FastGPT and DB_HOST of rag_api to the PostgreSQL of the stack, and asks it for the extension
    vector, and which release of it the database has. Where it cannot be asked, its image tells: the official one and
    PostGIS have none; another's image called postgres or postgresql does not say. FastGPT from v4.12 on sends settings
    that pgvector knows from 0.8.0 on; every release of it needs 0.5.0 for its index.

Why it matters
    On a plain PostgreSQL the first start ends with `extension "vector" is not available`, and later with `relation
    "modeldata" does not exist`. With an older pgvector FastGPT searches fail now and then, with `invalid configuration
    parameter name "hnsw.max_scan_tuples"`.

Fix
    Explained: the image to write, of the same PostgreSQL, and the one command that upgrades the extension inside the
    database. It is not done by a key, because it changes a database.

Sources
    pgvector's changelog (0.5.0 hnsw, 0.8.0 iterative scans); FastGPT common/vectorDB/pg and its issues 117, 336 and
    5566; rag_api's docker-compose.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...console.model import DatabaseState, Snapshot
from ...console.model.findings import Evidence, Severity
from ...console.products.edges import read_of
from ...console.products.gateways import connections, release
from ...console.products.versions import is_newest, parts_of, place_of, version_of
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..compose import service_of
from ..parties import Party, parties, reachable
from . import dump, psql

_PLAIN = re.compile(r"(?:^|/)(?:library/postgres|postgis/postgis)$")
"""fact: docker-library/postgres and postgis/docker-postgis install no pgvector; bitnami/postgresql has come with it."""
_NAMED = frozenset({"postgres", "postgresql", "postgis", "postgresql-repmgr"})
INDEX, SCANS = (0, 5, 0), (0, 8, 0)
SCANS_SINCE = (4, 12)
"""FastGPT's release from which on it needs the iterative scans."""
_RELEASE = re.compile(r"v?(\d+\.\d+\.\d+)(?:-pg(\d+))?")

MISSING = Form(
    "missing", "{subject} has no pgvector, which {user} needs",
    "It is a plain PostgreSQL without the extension vector.",
    "use an image with pgvector of the same PostgreSQL",
    advice="Write the image {image} for {service}: the same PostgreSQL, with pgvector. Its data stay.\n"
    "Then: docker compose up -d {service}, and restart {user}: it makes its tables at its start.",
)  # fmt: skip
OLD = Form(
    "old", "{subject} has pgvector {version}, and {user} needs {least}",
    "FastGPT from v4.12 on searches with settings that came with 0.8.0, and every release needs the index of 0.5.0.",
    "use a newer image of the same PostgreSQL, then ALTER EXTENSION", "warning",
    advice="Make a backup: docker exec {subject} pg_dumpall -U ... > backup.sql\n"
    "Write the image {image} for {service}, with the PostgreSQL that it has now.\n"
    "Then: docker compose up -d {service}, and once in the database: ALTER EXTENSION vector UPDATE",
)  # fmt: skip

PENDING = Form(
    "pending", "The database {database} in {subject} has pgvector {version}, and {user} needs {least}",
    "Its image brings {packaged}, but a database keeps the release that it was made with until it is told otherwise.",
    "upgrade the extension inside the database", "warning",
    advice="Make a backup first: {dump}\n{upgrade}\nThen restart {user}: its connections keep the old one.",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each PostgreSQL that FastGPT or rag_api keeps its vectors in."""
    everybody = parties(snapshot)
    for user in everybody:
        name = {"fastgpt": "PG_URL", "rag_api": "DB_HOST"}.get(user.role, "")
        address = user.env[name] if name in read_of(user.role, user.env, user.container.image, ()) else ""
        host = next((to.host for to in connections(address)), None)
        server = reachable(user, host, everybody) if host else None
        if server is None or server.role != "postgres":
            continue
        ids = (server.container.id, user.container.id)
        asked = (one for one in snapshot.databases if (one.container, one.owner) == ids and one.answer.version)
        state = next(asked, None)
        if state is not None:
            yield _told(user, server, state, snapshot)
        elif not (server.declared and server.declared.built):
            yield _judge(user, server, snapshot)


def _told(user: Party, server: Party, state: DatabaseState, snapshot: Snapshot) -> Found:
    """What the server itself says is better than any tag."""
    answer, (least, doubt) = state.answer, _least(user, snapshot)
    has, brings = answer.vector or answer.packaged, answer.packaged or ""
    major = str((answer.version or 0) // 10000)
    words = {
        "user": user.called, "service": server.called, "image": f"pgvector/pgvector:pg{major}",
        "database": state.database, "version": has or "", "packaged": brings, "least": ".".join(map(str, least)),
        "dump": dump(server.container.name, state),
        "upgrade": psql(server.container.name, state, "alter extension vector update"),
    }  # fmt: skip
    rows = (
        Evidence("pgvector", answer.vector or "none", _("pg_extension of {database}", database=state.database)),
        Evidence(_("its server brings"), brings or "none", server.subject),
        Evidence(_("used by"), user.called, user.source),
    )
    if has is None:
        return Case(server.subject, MISSING, None, rows, words, about=user.called)
    if (release(has) or ()) >= least:
        return Fine(
            server.subject,
            _("{server} has the pgvector that {user} needs", server=server.subject, user=user.called),
            rows,
        )
    words["image"] = f"pgvector/pgvector:{words['least']}-pg{major}"
    form = PENDING if (release(brings) or ()) >= least else OLD
    return Case(server.subject, form, None, rows, words, doubt, about=user.called)


def _judge(user: Party, server: Party, snapshot: Snapshot) -> Found:
    image = parts_of(server.container.image)
    words = {"user": user.called, "service": server.called, "image": "pgvector/pgvector:0.8.0-pg15"}
    rows = (
        Evidence(_("image"), server.container.image, server.source),
        Evidence(_("used by"), user.called, user.source),
    )
    origin = place_of(server.container.image)
    if image.last in _NAMED and not (origin and _PLAIN.search(origin.repository)):
        why = _("an image of this name may come with the extension or not, and nothing here says which")
        return Unknown(server.subject, _("Cannot say whether {server} has pgvector", server=server.subject), why)
    if image.last in _NAMED:
        major = (image.tag or "").partition(".")[0].partition("-")[0]
        words["image"] = f"pgvector/pgvector:pg{major}" if major.isdecimal() else _("pgvector/pgvector:pg<its release>")
        return Case(server.subject, MISSING, None, rows, words, about=user.called)
    match = _RELEASE.match(image.tag or "")
    least, doubt = _least(user, snapshot)
    if match is None and image.digest and image.last == "pgvector":
        return Unknown(
            server.subject,
            _("Cannot say which pgvector {server} has", server=server.subject),
            _("its image has no tag"),
        )
    if match is None or image.last != "pgvector" or (release(match[1]) or ()) >= least:
        return Fine(
            server.subject, _("{server} has the pgvector that {user} needs", server=server.subject, user=user.called)
        )
    words |= {"version": match[1], "least": ".".join(map(str, least))}
    words["image"] = f"pgvector/pgvector:{words['least']}-pg{match[2] or '15'}"
    return Case(server.subject, OLD, None, rows, words, doubt, about=user.called)


def _least(user: Party, snapshot: Snapshot) -> tuple[tuple[int, ...], Severity | None]:
    """The pgvector that a user needs; told as information where its release is only assumed."""
    if user.role != "fastgpt":
        return INDEX, None
    service, image = service_of(snapshot, user.place), user.container.image
    version = (service.version if service else None) or version_of("fastgpt", image)
    if version is None:
        return (SCANS, "info") if is_newest(image) else (INDEX, None)
    return (SCANS if (release(version) or ()) >= SCANS_SINCE else INDEX), None


CHECK = Check(
    "postgres.pgvector", "The vector database has the pgvector that is needed", __doc__ or "", (MISSING, OLD, PENDING),
    find, by_hand, reads=("containers", "projects", "services", "databases"),
)  # fmt: skip
