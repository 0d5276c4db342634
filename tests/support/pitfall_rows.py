"""One row of the table of pitfalls: how a person breaks a stack, what is found, how it is repaired, and the proof."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .stacks import Stack, docker, wait_for


@dataclass(frozen=True)
class Row:
    """A form of a pitfall. ``break_it`` starts from a good stack; ``proof`` looks from outside."""

    name: str
    group: str
    break_it: Callable[[Stack], Any]
    check: str
    subject: str
    says: str
    """Words of the finding's title."""
    proof: Callable[[Stack], Any] = field(default=lambda _stack: None)
    severity: str | None = "error"
    status: str = "finding"
    by_hand: Callable[[Stack], Any] | None = None
    """What the plan tells people to do; None: the command does it."""
    advice: str = ""
    """Words of the plan that is for people."""
    undo: bool = True
    """Whether taking it back leaves every file as it was before."""
    options: tuple[str, ...] = ()
    """For ``fix``: ``--set`` and its like."""
    undone: Callable[[Stack], Any] = field(default=lambda _stack: None)
    """Looks from outside after it was taken back."""
    looping: bool = False
    """Whether Docker starts the broken service again and again, so that only the containers stay the same."""
    restarts_only: bool = False
    """The repair changes no file, so that there is nothing to take back, which is what is said."""


def result(stack: Stack, row: Row) -> dict[str, Any]:
    """What ``check --json`` says, once it can be told."""
    return stack.result(row.check, row.subject)


def settled(stack: Stack, row: Row) -> dict[str, Any]:
    """The first answer that is what the row expects; the last one where none is."""
    last: list[dict[str, Any]] = [{}]

    def asked() -> bool:
        last[0] = result(stack, row)
        return bool(last[0]["status"] == row.status and row.says in last[0]["title"])

    try:
        wait_for(asked)
    except AssertionError:
        return last[0]
    return last[0]


def play(stack: Stack, row: Row) -> None:
    """Break, find, show, repair, prove, repair again, take back."""
    row.break_it(stack)
    found = settled(stack, row)
    assert (found["status"], found["severity"]) == (row.status, row.severity), found
    assert row.says in found["title"], found
    if row.status != "finding":
        return
    assert found["because"]
    assert found["evidence"]
    before, containers = stack.tree(), stack.containers()
    same: Callable[[Any], Any] = set if row.looping else dict
    arguments = (row.check, row.subject, *row.options)
    shown = wait_for(lambda: _shown(stack, arguments, row))
    assert (stack.tree(), same(stack.containers())) == (before, same(containers)), "showing changes nothing"
    if row.by_hand is not None:
        assert row.advice in " ".join((shown.stdout + shown.stderr).split()), shown.stdout + shown.stderr
        row.by_hand(stack)
    else:
        assert shown.returncode == 0, shown.stderr
        done = stack.stackops("fix", *arguments, "--yes", "--disruptive")
        assert done.returncode == 0, done.stdout + done.stderr
    row.proof(stack)
    repaired, running = stack.tree(), stack.containers()
    again = wait_for(lambda: _said(stack, arguments))
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stdout + again.stderr
    assert (stack.tree(), stack.containers()) == (repaired, running), "repairing again changes nothing"
    if row.by_hand is not None:
        return
    if row.restarts_only:
        undone = stack.stackops("undo", "--yes")
        assert (undone.returncode, "nothing to take back" in undone.stderr) == (5, True), undone.stdout + undone.stderr
    elif row.undo:
        undone = stack.stackops("undo", "--yes")
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert stack.tree() == before
        row.undone(stack)


def _shown(stack: Stack, arguments: Sequence[str], row: Row) -> subprocess.CompletedProcess[str] | None:
    """What a fix would do; asked again, as it advises, where what loops was just starting or between two starts."""
    shown = stack.stackops("fix", *arguments, "--dry-run")
    between = any(words in shown.stdout + shown.stderr for words in ("look again, then decide", "only just coming up"))
    return None if row.looping and between else shown


def _said(stack: Stack, arguments: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    """What a repair of what is well says; asked again where the container has run too short a time to tell."""
    done = stack.stackops("fix", *arguments, "--yes", "--disruptive")
    return None if "just been started" in done.stdout + done.stderr else done


def evidence(found: dict[str, Any]) -> str:
    """All of it as one text."""
    return json.dumps(found["evidence"], ensure_ascii=False)


__all__ = ["Row", "docker", "evidence", "play", "result", "settled"]
