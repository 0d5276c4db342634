"""The process table by process id, with the way up from each: what the join looks things up in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ..hosts import ProcessRow
from ..stacks.programs import LAUNCHERS
from .owners import ids_of

SHIMS = ("containerd-shim", "docker-containe", "conmon")
"""Parents of a container's first process, by the 15 letters that the kernel keeps of a name."""
INITS = frozenset({"systemd", "init", "docker-init", "tini", "dumb-init", "catatonit", "s6-svscan"})
"""Who takes in processes whose parent has ended."""


class Processes:
    """Rows of this machine's table, and rows that the Engine told of containers whose processes are not in it."""

    def __init__(
        self, rows: Iterable[ProcessRow], *, told: Iterable[ProcessRow] = (), same_namespace: bool | None = None
    ) -> None:
        # With other process ids in the driver's list a row here would be a stranger's that has the same number.
        self._own: Mapping[int, ProcessRow] = {} if same_namespace is False else {row.pid: row for row in rows}
        self._all = {**{row.pid: row for row in told}, **self._own}
        self.rows: Sequence[ProcessRow] = tuple(self._all.values())
        self.complete = 1 in self._own
        """Whether the table is whole, as far as can be told: not ours alone, not that of a container."""

    def without(self, pids: Collection[int]) -> Processes:
        """The same table without those: their numbers belong to somebody else by now."""
        if not pids:
            return self
        left = Processes(row for row in self._all.values() if row.pid not in pids)
        left._own = {pid: row for pid, row in self._own.items() if pid not in pids}
        left.complete = self.complete
        return left

    def get(self, pid: int) -> ProcessRow | None:
        """The process with this id."""
        return self._all.get(pid)

    def visible(self, pid: int) -> bool:
        """Whether it is in this machine's table."""
        return pid in self._own

    def above(self, row: ProcessRow) -> list[ProcessRow]:
        """Its parents, nearest first; a table read while ids were reused may hold a ring."""
        seen, chain = {row.pid}, []
        while (parent := self._all.get(row.ppid)) is not None and parent.pid not in seen:
            seen.add(parent.pid)
            chain.append(parent)
            row = parent
        return chain

    def chain(self, row: ProcessRow) -> list[ProcessRow]:
        """It and its parents within the same container, or natively up to a service manager, launchers left out."""
        chain = [row]
        for parent in self.above(row):
            if ids_of(parent) != ids_of(row) or parent.pid == 1 or parent.name in INITS:
                break
            chain.append(parent)
        return [each for each in chain if each is row or each.name not in LAUNCHERS]

    def has_shim(self, row: ProcessRow) -> bool:
        """Whether some container engine still keeps the container that it is in."""
        return any(parent.name.startswith(SHIMS) for parent in self.above(row))
