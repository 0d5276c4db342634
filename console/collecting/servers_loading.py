"""Who is loading its model, as its own log says: nobody listens meanwhile, and nothing else tells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from ..model import LogMark
from ..sources.log_catalogue_gpu import OOM
from ..sources.servers import Candidate

LOADING = "model.loading"
ENDS = frozenset({"model.ready", "model.engine-dead", "model.no-slot", "model.workers-type-error"})
"""What comes after it: it serves, or it has failed. So has who had no memory for it."""


def with_loading(candidates: Iterable[Candidate], marks: Sequence[LogMark]) -> tuple[Candidate, ...]:
    """The candidates, with what the logs of their containers say of loading."""
    if not any(mark.mark == LOADING for mark in marks):
        return tuple(candidates)
    return tuple(_with(candidate, marks) for candidate in candidates)


def _with(candidate: Candidate, marks: Sequence[LogMark]) -> Candidate:
    own = [mark for mark in marks if mark.container == candidate.container and mark.at is not None]
    begun = [mark for mark in own if mark.mark == LOADING and (mark.at or 0.0) >= (candidate.started_at or 0.0)]
    if not begun:
        return candidate
    last = max(begun, key=lambda mark: mark.at or 0.0)
    over = any(_ends(mark) and (mark.at or 0.0) >= (last.at or 0.0) for mark in own)
    return candidate if over else replace(candidate, loading=f'loads its model; its log says "{last.text}"')


def _ends(mark: LogMark) -> bool:
    return mark.mark in ENDS or mark.mark.startswith(OOM)
