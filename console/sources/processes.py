"""Native processes that play a part in a stack, picked out of the process table. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..hosts import ProcessRow
from ..model import NativeProcess, Role
from ..stacks.programs import LAUNCHERS, role_of_program
from ..text import clean, clean_line


def native(rows: Sequence[ProcessRow]) -> tuple[NativeProcess, ...]:
    """One entry per service: neither its launcher (``npm run backend``) nor its workers are listed beside it."""
    roles = {row.pid: role for row in rows if row.container is None and (role := role_of_program(row.command))}
    by_pid = {row.pid: row for row in rows}
    launchers = _launchers(roles, by_pid)
    roles = {pid: role for pid, role in roles.items() if pid not in launchers}
    chosen = [by_pid[pid] for pid, role in roles.items() if role not in _roles_above(by_pid[pid], roles, by_pid)]
    return tuple(_native(row) for row in sorted(chosen, key=lambda row: row.pid))


def _launchers(roles: dict[int, Role], by_pid: dict[int, ProcessRow]) -> set[int]:
    """Those that only started another process of the same role."""
    found: set[int] = set()
    for pid, role in roles.items():
        for above in _above(by_pid[pid], by_pid):
            program = above.command[0].rpartition("/")[2] if above.command else above.name
            if roles.get(above.pid) == role and (program in LAUNCHERS or above.name in LAUNCHERS or _is_npm(above)):
                found.add(above.pid)
    return found


def _is_npm(row: ProcessRow) -> bool:
    """fact: npm names itself ``npm run backend`` in one argument."""
    return bool(row.command) and row.command[0].startswith(("npm ", "pnpm ", "yarn "))


def _roles_above(row: ProcessRow, roles: dict[int, Role], by_pid: dict[int, ProcessRow]) -> set[Role]:
    return {roles[above.pid] for above in _above(row, by_pid) if above.pid in roles}


def _above(row: ProcessRow, by_pid: dict[int, ProcessRow]) -> list[ProcessRow]:
    """Its parents, nearest first; a table read while pids were reused may hold a ring."""
    seen, chain = {row.pid}, []
    while (parent := by_pid.get(row.ppid)) is not None and parent.pid not in seen:
        seen.add(parent.pid)
        chain.append(parent)
        row = parent
    return chain


def _native(row: ProcessRow) -> NativeProcess:
    return NativeProcess(
        pid=row.pid,
        name=clean_line(row.name),
        command=tuple(clean(word) for word in row.command),
        started_at=row.started_at,
        user=clean_line(row.user) if row.user else None,
    )
