"""A database whose image has no release in its name: the next download may bring one that cannot open the data.

What it does
    Looks at MongoDB, PostgreSQL, MySQL, Meilisearch and Milvus: an image without a tag, or with the tag latest, is told
    in one line a stack, with the release that runs now where that is known. Programs that keep their data the same way
    in every release are left alone.

Why it matters
    It works until somebody pulls. Then mongod or PostgreSQL of another major release refuses the data folder and the
    whole stack is down. LibreChat's compose file had mongo without a tag until 2025, and people lost a day, or deleted
    their data.

Fix
    Explained: the tag to write. No image is changed here, because that would recreate the database.

Sources
    LibreChat issues 4155 and 11154, its commit f9501d2a4; docker-library/mongo issue 557; Docker's manual on tags.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...console.model import Role, Snapshot
from ...console.model.findings import Evidence
from ...console.products.versions import is_newest, parts_of
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..compose import service_of
from ..parties import Party, parties

JUDGED: frozenset[Role] = frozenset({"mongo", "postgres", "mysql", "meilisearch", "milvus"})
MINOR: frozenset[Role] = frozenset({"mongo", "mysql", "meilisearch", "milvus"})
"""Of these the data belong to a release of two numbers (8.0), of PostgreSQL to one (17)."""

UNPINNED = Form(
    "unpinned", "{names} in {stack} will become another release at the next download",
    "The image has no release in its name. A database of another major release does not open the data it finds.",
    "write the release into the compose file", "info",
    advice="Write the release that runs now into the compose file: {pins}.\n"
    "docker compose pull then stays within it. Change to a newer one on purpose, after a backup.",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each stack, and each container that belongs to none."""
    stacks: defaultdict[str, list[Party]] = defaultdict(list)
    for party in parties(snapshot):
        if party.role in JUDGED and party.container.image and not (party.declared and party.declared.built):
            stacks[party.place.project_name or party.subject].append(party)
    for name, members in stacks.items():
        loose = [one for one in members if is_newest(one.container.image)]
        if not loose:
            yield Fine(name, _("The databases of {name} have a release in their images' names", name=name))
            continue
        pins = {one.called: _pin(one, snapshot) for one in loose}
        rows = tuple(Evidence(one.called, one.container.image, one.source) for one in loose)
        words = {"names": ", ".join(pins), "stack": name, "pins": ", ".join(pins.values())}
        yield Case(name, UNPINNED, None, rows, words)


def _pin(party: Party, snapshot: Snapshot) -> str:
    """The image with the release that runs; with a gap to fill in where that is not known."""
    service = service_of(snapshot, party.place)
    numbers = (service.version or "").split(".") if service else []
    known = ".".join(numbers[: 2 if party.role in MINOR else 1])
    return f"{parts_of(party.container.image).repository}:{known or _('<the release that runs>')}"


CHECK = Check(
    "docker.unpinned", "Databases stay at their release", __doc__ or "", (UNPINNED,), find, by_hand,
    reads=("containers", "projects", "services"),
)  # fmt: skip
