"""A container's log has grown large, and nothing bounds it.

What it does
    Takes the containers whose log the Engine keeps in a file of JSON lines (json-file, its default) without max-size,
    and looks how large that file is: 1 GiB and more is told. Only root may look into the Engine's folder.

Why it matters
    Such a file grows until the disk is full, and then the databases stop. The log of a chat that prints every token, or
    of a service that starts again every few seconds, grows by gigabytes a week.

Fix
    Explained: lines for the override file that bound the log from then on, and what makes the file small now. Making
    the container anew deletes its log so far, which only you can decide.

Sources
    Docker's manual, "JSON File logging driver" (max-size is unlimited by default; a new default counts for containers
    made afterwards).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ...console.model import Container, LogFile, Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ...console.text.cleaning import size
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..compose import override_for, place_of

LARGE = 1 << 30
"""Bytes from which on a log is told."""

_NOW = (
    "To make the file small at once, while the container runs on, which deletes the log so far: "
    "sudo truncate -s 0 {file}\n"
)
GROWN = Form(
    "grown", "The log of {subject} has grown to {size}, and nothing bounds it",
    "The Engine keeps the whole log in one file unless max-size is set. It grows until the disk is full.",
    "bound the log in the override file", "warning",
    advice=f"{_NOW}Write into {{override}}, under services, {{service}}:\n"
    "logging: {{driver: json-file, options: {{max-size: 50m, max-file: \"3\"}}}}\n"
    "Then: docker compose up -d {service}. The container is made anew, and its log so far is deleted.",
)  # fmt: skip
BY_HAND = Form(
    "grown", GROWN.title, GROWN.because, "bound the log when the container is made", "warning",
    advice=f"{_NOW}Make the container anew with: --log-opt max-size=50m --log-opt max-file=3\n"
    "For all containers that are made from now on, in /etc/docker/daemon.json: "
    '"log-opts": {{"max-size": "50m", "max-file": "3"}}, and restart Docker when it suits.',
    variant="by-hand",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each log without a bound; one row for all that may not be looked at."""
    boxes = {container.id: container for container in snapshot.containers}
    hidden = []
    for log in snapshot.system.logs if snapshot.system else ():
        container = boxes.get(log.container)
        if container is None or container.log_limit is not None:
            continue
        if log.size is None:
            hidden.append(container.name)
        elif log.size >= LARGE:
            yield _case(log, log.size, container, snapshot)
        else:
            yield Fine(container.name, _("The log of {container} is not large", container=container.name))
    if hidden:
        others = _(" and {count} more", count=len(hidden) - 1) if len(hidden) > 1 else ""
        title = _("Cannot say how large the logs of {hidden}{others} are", hidden=hidden[0], others=others)
        yield Unknown("logs of containers", title, _("only root may look into the Engine's folder"))


def _case(log: LogFile, told: int, container: Container, snapshot: Snapshot) -> Case[None]:
    place = place_of(snapshot, container)
    override = override_for(place) if place.service else None
    rows = (
        Evidence(_("size"), size(told), log.path),
        Evidence(
            _("driver"),
            _("{log_driver}, without max-size", log_driver=container.log_driver),
            f"docker inspect {container.name}",
        ),
    )
    words = {
        "size": size(told), "file": shlex.quote(log.path), "service": place.service or container.name,
        "override": override.path if override else "",
    }  # fmt: skip
    return Case(container.name, GROWN if override else BY_HAND, None, rows, words)


CHECK = Check(
    "docker.log-growth", "Logs of containers do not fill the disk", __doc__ or "", (GROWN, BY_HAND), find, by_hand,
    reads=("system", "containers", "projects"),
)  # fmt: skip
