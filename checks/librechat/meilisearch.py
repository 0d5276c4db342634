"""LibreChat's search of conversations (Meilisearch): another key, no key, or switched on without a server.

What it does
    Compares MEILI_MASTER_KEY of LibreChat with that of the Meilisearch in its project, and looks whether SEARCH=true
    has what it needs: MEILI_HOST and MEILI_MASTER_KEY. A Meilisearch that was started without a key takes any.

Why it matters
    With another key Meilisearch answers 403 to everything. LibreChat starts all the same, the search field is there or
    vanishes, and newer releases do not print the reason. Meilisearch's health page needs no key and says "available".

Fix
    Explained: both take the key from one line of .env. The search index can be built again, no conversation is lost.

Sources
    LibreChat api/db/indexSync.js and .env.example of v0.7.2 to v0.8.7, its docker-compose.yml (a key for Meilisearch
    since v0.7.7); LibreChat issues 4040 and 14680; Meilisearch's manual, master key.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..compose import Placed, placed
from .process import ApiProcess, api_of

NEEDED = ("MEILI_HOST", "MEILI_MASTER_KEY")
LEAST = 16
"""Bytes of a master key in production. fact: Meilisearch's manual"""

OTHER_KEY = Form(
    "other-key", "{search} refuses {subject}: their MEILI_MASTER_KEY differ",
    "Meilisearch answers 403 to every request with another key. Search finds nothing.",
    "give both the same MEILI_MASTER_KEY", "warning",
    advice="Write one MEILI_MASTER_KEY into .env, for both.\n"
    "Then: docker compose up -d --force-recreate {server} {service}",
)  # fmt: skip
INCOMPLETE = Form(
    "incomplete", "Search is switched on for {subject}, but {names} is not set",
    "SEARCH=true needs a Meilisearch and its key. Without them LibreChat leaves search away.",
    "set {names}, or SEARCH=false", "info",
    advice="Set {names} for {service}, or write SEARCH=false into .env.\nThen: docker compose up -d {service}",
)  # fmt: skip
SHORT = Form(
    "short-key", "{search} does not start in production with its MEILI_MASTER_KEY, which has fewer than 16 bytes",
    "Meilisearch wants at least 16 bytes where MEILI_ENV is production.",
    "make a longer key",
    advice="openssl rand -hex 16 makes one. Write it into .env as MEILI_MASTER_KEY.\n"
    "Then: docker compose up -d --force-recreate {server} {service}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each LibreChat, with the Meilisearch of its project."""
    servers = placed(snapshot, "meilisearch")
    for place in placed(snapshot, "librechat"):
        server = next((one for one in servers if one.project_name == place.project_name), None)
        found = _judge(api_of(place, snapshot), server)
        if found is not None:
            yield found


def _judge(api: ApiProcess, server: Placed | None) -> Found | None:
    place, env = api.place, api.env()
    if env is None:
        title = _("Cannot say whether {place} can use its search", place=place.subject)
        return Unknown(place.subject, title, _("its .env cannot be read from here")) if server else None
    told = env.get("SEARCH", "").strip().lower()
    if told != "true":
        return Fine(place.subject, _("{place} has its search switched off", place=place.subject)) if server else None
    lacking = [name for name in NEEDED if not env.get(name)]
    words = {
        "service": place.service or "api", "server": (server.service if server else None) or "meilisearch",
        "search": server.subject if server else "Meilisearch", "names": _(" and ").join(lacking),
    }  # fmt: skip
    theirs = {one.name: one.value for one in server.env} if server else {}
    key = theirs.get("MEILI_MASTER_KEY", "")
    source = server.source if server else ""
    if key and theirs.get("MEILI_ENV") == "production" and len(key.encode()) < LEAST:
        rows: tuple[Evidence, ...] = (
            Evidence(_("too short"), _("MEILI_MASTER_KEY has {count} bytes", count=len(key.encode())), source),
        )
        return Case(place.subject, SHORT, None, rows, words)
    if lacking:
        rows = tuple(Evidence(_("not set"), name, api.dotenv_path or api.inspected) for name in lacking)
        return Case(place.subject, INCOMPLETE, None, rows, words)
    if key and key != env["MEILI_MASTER_KEY"] and _written(server) != env["MEILI_MASTER_KEY"]:
        rows = tuple(Evidence(_("not the same"), "MEILI_MASTER_KEY", one) for one in (source, api.set_in(NEEDED[1])))
        return Case(place.subject, OTHER_KEY, None, rows, words)
    return Fine(place.subject, _("{place} and its Meilisearch have the same key, or need none", place=place.subject))


def _written(server: Placed | None) -> str | None:
    """The key that the files give Meilisearch; where only its container is older, librechat.not-applied tells it."""
    declared = server.declared.env if server and server.container and server.declared else ()
    return {one.name: one.value for one in declared}.get("MEILI_MASTER_KEY")


CHECK = Check(
    "librechat.meilisearch", "LibreChat's search can work", __doc__ or "", (OTHER_KEY, INCOMPLETE, SHORT), find,
    by_hand, reads=("containers", "projects", "services", "files"),
)  # fmt: skip
