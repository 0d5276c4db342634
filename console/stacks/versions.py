"""Which version of a service runs, told from what the image carries. Pure.

A tag can be moved and ``latest`` says nothing; the variables that official images set name the program itself, so they
come first. Labels come last: many are inherited from the distribution underneath.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..model import Role
from .images import parts_of, version_in

# fact: set by the Dockerfiles of the official images, for example MONGO_VERSION=5.0.18
_VARIABLES: dict[Role, tuple[str, ...]] = {
    "mongo": ("MONGO_VERSION",),
    "postgres": ("PG_VERSION", "PG_MAJOR"),
    "mysql": ("MYSQL_VERSION", "MARIADB_VERSION"),
    "redis": ("REDIS_VERSION", "VALKEY_VERSION"),
    "nginx": ("NGINX_VERSION",),
}
_VERSION_LABEL = "org.opencontainers.image.version"
_BASE_LABEL = "org.opencontainers.image.ref.name"
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_PG_TAG = re.compile(r"pg(\d+)")


def version_of(
    role: Role, image: str, *, labels: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
) -> str | None:
    """The version without a leading ``v``, None when nothing tells it reliably."""
    for name in _VARIABLES.get(role, ()):
        match = _NUMBER.search((env or {}).get(name, "").partition(":")[2] or (env or {}).get(name, ""))
        if match:
            return match[0]
    parts = parts_of(image)
    if role == "postgres" and parts.last != "postgres":
        # fact: pgvector's tags name the extension first: 0.8.0-pg15
        found = _PG_TAG.search(parts.tag or "")
        return found[1] if found else None
    return version_in(parts.tag) or _of_labels(labels or {})


def _of_labels(labels: Mapping[str, str]) -> str | None:
    """The image's own label. fact: ubuntu sets both labels and every image made from it inherits them (22.04)."""
    if _BASE_LABEL in labels:
        return None
    return version_in(labels.get(_VERSION_LABEL))
