"""Passwords and keys of upstream's example files, which everybody can read.

What it does
    Compares the variables of FastGPT, One API, AI Proxy, MongoDB, PostgreSQL, MySQL, Redis and MinIO with the values
    that upstream's compose files have: root/1234, sk-fastgpt, oneapimmysql, minioadmin and so on. One line a stack says
    which variables still have them. Values are never shown. LibreChat's own are librechat.default-secrets'.

Why it matters
    Nothing is broken: the examples work with them. Whoever reaches a port of the stack can log in with them, though;
    which databases can be reached is told by docker.exposed-databases.

Fix
    Explained, with the order that matters. A database takes its password from the compose file at its very first start
    only; later it has to be changed inside the database first, and AES256_SECRET_KEY must not change once it was used.

Sources
    Compose files of FastGPT v4.6 to v4.15 and of One API; MinIO's documentation; docker-library mongo, mysql, postgres.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...console.model import Role, Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..parties import Party, parties, published

MOST = 4
"""Names in the title; all of them stand below it."""
JUDGED: frozenset[Role] = frozenset({
    "fastgpt", "oneapi", "aiproxy", "mongo", "postgres", "mysql", "redis", "minio", "vector_db",
})  # fmt: skip

AS_SHIPPED = Form(
    "as-shipped", "{names} in {stack} {have} the published values of the example files",
    "Everybody can read them. That does no harm while nobody else reaches the stack.",
    "choose passwords of your own before others can reach it", "info",
    advice="Start with what people log in to: DEFAULT_ROOT_PSW, and root of One API, on its own page.\n"
    "A database that has run already keeps the old one. Change it inside the database first, then in the compose "
    "file and in every address that holds it.\n"
    "Leave AES256_SECRET_KEY as it is if it was ever used: what it encrypted could no longer be read.\n"
    "Then: docker compose up -d",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each stack, and each container that belongs to none."""
    stacks: defaultdict[str, list[Party]] = defaultdict(list)
    for party in parties(snapshot):
        if party.role in JUDGED and (party.container.detailed or not party.runs):
            stacks[party.place.project_name or party.subject].append(party)
    for name, members in stacks.items():
        rows = [Evidence(_("a published value"), f"{one.called}, {variable}", one.source)
                for one in members for variable in published(one)]  # fmt: skip
        if rows:
            names = list(dict.fromkeys(variable for one in members for variable in published(one)))
            yield Case(name, AS_SHIPPED, None, tuple(rows), _words(name, names))
        else:
            yield Fine(name, _("{name} has passwords of its own", name=name))


def _words(stack: str, names: list[str]) -> dict[str, str]:
    more = _(" and {count} more", count=len(names) - MOST) if len(names) > MOST else ""
    return {"stack": stack, "names": ", ".join(names[:MOST]) + more, "have": "has" if len(names) == 1 else "have"}


CHECK = Check(
    "docker.default-secrets", "Passwords are not those of the example files", __doc__ or "", (AS_SHIPPED,), find,
    by_hand, reads=("containers", "projects"),
)  # fmt: skip
