"""Who belongs to whom: GPU process -> pid -> container -> service -> model server -> model. Pure: no I/O, no clock.

What cannot be told stays empty: a wrong name beside a process is worse than none.
"""

from __future__ import annotations

from .gpus import join
from .owners import containers_by_pid, is_local, service_of
from .processes import Processes
from .rest import Rest, rest_of, unattributed

__all__ = [
    "Processes", "Rest", "containers_by_pid", "is_local", "join", "rest_of", "service_of", "unattributed",
]  # fmt: skip
