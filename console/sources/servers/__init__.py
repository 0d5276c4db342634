"""Model servers over HTTP: what answers at an address, which models it has, how busy it is. GET only, by allow-list."""

from __future__ import annotations

from ...hosts import Http
from ...model import Server
from .candidate import Candidate

__all__ = ["Candidate", "look"]


async def look(http: Http, candidate: Candidate, before: Server | None, now: float, *, slow: bool) -> Server:
    """One bounded look: health and figures every time, versions and lists when ``slow`` or not yet known.

    ``before`` is what the last look at the same key gave, ``now`` Unix seconds. Never raises for a failing server.
    Takes 9 s at the most. Does not fill ``users``: it keeps those of ``before``.
    """
    from .looking import look_at

    return await look_at(http, candidate, before, now, slow=slow)
