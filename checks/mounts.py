"""What is known of the file on the host that lies behind a path inside a container.

Pure: everything is read from the Snapshot. Paths are host paths in POSIX form. Unknown stays None.
"""

from __future__ import annotations

import posixpath

from ..console.compose.places import Reach, reach, within
from ..console.model import FileFact, Snapshot
from ..console.model.findings import Evidence

__all__ = ["Reach", "fact_of", "file_evidence", "reach", "within"]


def fact_of(snapshot: Snapshot, path: str | None) -> FileFact | None:
    """What is known of a host path; None when nobody looked."""
    if path is None:
        return None
    wanted = posixpath.normpath(path)
    return next((fact for fact in snapshot.files if posixpath.normpath(fact.path) == wanted), None)


def file_evidence(fact: FileFact | None, path: str) -> tuple[Evidence, ...]:
    """What stat says, one fact per line."""
    if fact is None:
        return ()
    kind: str = fact.kind
    if kind == "directory" and fact.empty is not None:
        kind = "empty directory" if fact.empty else "directory with content"
    rows = [Evidence("on the host", kind, path)]
    if fact.mode is not None:
        rows.append(Evidence("mode", f"{fact.mode:04o}", path))
    if fact.uid is not None:
        rows.append(Evidence("owner", f"{fact.uid}:{fact.gid if fact.gid is not None else '?'}", path))
    return tuple(rows)
