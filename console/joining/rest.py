"""The memory of a GPU that no listed process accounts for."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from ..model import Gpu, GpuProcess
from ..text import size


class Rest(Struct, frozen=True):
    """How the processes of one GPU add up. Bytes."""

    known: int
    """What processes of known size hold together."""
    unknown: int
    """How many processes the driver tells no size of: they share the rest."""
    unattributed: int | None
    """What is used and not known to be anybody's; never negative, None where the driver does not tell what is used."""
    excess: int = 0
    """By how much the processes together exceed what is used: then the driver's own figures disagree."""

    def sentence(self) -> str | None:
        """What there is to say of it besides the number."""
        if self.excess:
            return f"The driver says that processes hold {size(self.excess)} more than is used at all"
        if self.unknown and self.unattributed:
            who = "a process" if self.unknown == 1 else f"{self.unknown} processes"
            return f"Shared with {who} of unknown size: the driver does not tell"
        return None


def rest_of(gpu: Gpu, processes: Iterable[GpuProcess]) -> Rest:
    """Used memory less that of the processes, so that all of them together are what is used."""
    own = [process.memory for process in processes if process.gpu == gpu.uuid]
    known = sum(memory for memory in own if memory is not None)
    unknown = sum(1 for memory in own if memory is None)
    if gpu.memory_used is None:
        return Rest(known, unknown, None)
    rest = gpu.memory_used - known
    return Rest(known, unknown, max(0, rest), max(0, -rest))


def unattributed(gpu: Gpu, processes: Iterable[GpuProcess]) -> int | None:
    """Bytes of this GPU that are used and not known to be any listed process's."""
    return rest_of(gpu, processes).unattributed
