"""One look at one candidate."""

from __future__ import annotations

from ...hosts import Http, HttpFailed
from ...model import Server
from .candidate import Candidate


async def look_at(http: Http, candidate: Candidate, before: Server | None, now: float, *, slow: bool) -> Server:  # noqa: ARG001
    """See ``servers.look``."""
    server = Server(
        candidate.key, before.product if before else candidate.hint or "unknown", candidate.address, "unknown",
        container=candidate.container, pid=candidate.pid, service=candidate.service,
        users=before.users if before else (), read_at=now,
    )  # fmt: skip
    if not candidate.running:
        return server
    try:
        await http.get(f"{candidate.address}/v1/models", deadline=3.0, connect=1.0, redirects=0)
    except HttpFailed:
        return server
    return server
