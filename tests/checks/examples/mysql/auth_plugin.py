"""Releases and options of MySQL, and what ``mysql.auth-plugin`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Service, Snapshot

from examples import Example
from examples.snapshots import container_id
from examples.wiring.folder import folder, live, service

OLD, NATIVE = "--default-authentication-plugin=mysql_native_password", "--mysql-native-password=ON"


def mysql(image: str, *command: str, up: bool = True, version: str | None = None, **facts: Any) -> Snapshot:
    """A MySQL of this image, started so; ``version``: what its image's own variable says."""
    snapshot = (live if up else folder)(service("mysql", image, command=command))
    containers = tuple(replace(one, **facts) for one in snapshot.containers)
    told = Service(
        "mysql", "stack-mysql-1", container_id("mysql") if up else None, project="stack", compose_service="mysql",
        version=version or (image.partition(":")[2] if image[-1].isdigit() else None),
    )  # fmt: skip
    return replace(snapshot, containers=containers, services=(told,))


AGAIN = {"state": "restarting", "restart_count": 4}

FINDS = (
    Example("changed the tag to 8.4", mysql("mysql:8.4.3", OLD, **AGAIN), "finding", "removed", ()),
    Example("changed it before the start", mysql("mysql:8.4.3", OLD, up=False), "finding", "removed", ()),
    Example("changed it to 9", mysql("mysql:9.1.0", OLD), "finding", "removed", ()),
    Example("took mysql:8, which is 8.4 by now", mysql("mysql:8", OLD, version="8.4.3", **AGAIN), "finding", "removed",
            ()),
    Example("wrote two words", mysql("mysql:8.4.3", "mysqld", OLD.replace("=", " ")), "finding", "removed", ()),
    Example("wrote underscores", mysql("mysql:8.4.3", OLD.replace("-", "_").replace("__", "--", 1)), "finding",
            "removed", ()),
    Example("kept the option of 8.4 in 9", mysql("mysql:9.0.1", NATIVE), "finding", "removed", ()),
    Example("kept it in 9.1", mysql("mysql:9.1.0", NATIVE, **AGAIN), "finding", "removed", ()),
    Example("wrote latest before the start", mysql("mysql:latest", OLD, up=False), "finding", "likely", ()),
    Example("wrote no tag", mysql("mysql", OLD, up=False), "finding", "likely", ()),
    Example("wrote 8 before the start", mysql("mysql:8", OLD, up=False), "finding", "likely", ()),
    Example("wrote latest, and it goes round", mysql("mysql:latest", OLD, **AGAIN), "finding", "likely", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("has FastGPT's MySQL", mysql("mysql:8.0.36", OLD), "ok"),
    Example("has it before the start", mysql("mysql:8.0.36", OLD, up=False), "ok"),
    Example("took the option out", mysql("mysql:8.4.3"), "ok"),
    Example("has 8.4 with its own option", mysql("mysql:8.4.3", NATIVE), "ok"),
    Example("has it as one that MySQL may leave out", mysql("mysql:8.4.3", OLD.replace("--", "--loose-", 1)), "ok"),
    Example("has other options", mysql("mysql:9.1.0", "--max-connections=500"), "ok"),
    Example("runs latest that was downloaded long ago", mysql("mysql:latest", OLD), "ok"),
    Example("runs mysql:8 that was downloaded long ago", mysql("mysql:8", OLD), "ok"),
    Example("has One API's MySQL", mysql("mysql:8.2.0", OLD), "ok"),
    Example("has 5.7", mysql("mysql:5.7.44", OLD), "ok"),
    Example("has MariaDB", mysql("mariadb:11.4.2", OLD), "not_applicable"),
    Example("looks before it was inspected", mysql("mysql:8.4.3", OLD, detailed=False), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
