"""Showing what will be done, and asking. Silence is never a yes, and without a terminal only ``--yes`` is one."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from ..exits import ExitCode
from .output import shown
from .session import Session, Stop

if TYPE_CHECKING:
    from ..plan import PreparedPlan


def interactive() -> bool:
    """Whether somebody can be asked: the answers come from a terminal and the questions go to one."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def show(session: Session, prepared: PreparedPlan, *, narrate: bool = False) -> None:
    """The plan with its diffs; ``narrate`` sends it to stderr, where it is for a person to agree to."""
    output = session.output
    if output.plain and not narrate:
        from ..export import plain

        for facts in plain.plan(prepared):
            output.facts(*facts)
        return
    from ..export import readable

    width = min(120, shutil.get_terminal_size((100, 24)).columns)
    for word, kind, rest in readable.plan(prepared, width):
        if narrate:
            output.say(f"{word}{rest}")
        else:
            output.painted(word, kind, rest)


def agree(session: Session, prepared: PreparedPlan, *, yes: bool, disruptive: bool, fix: bool = True) -> None:
    """Come back only with consent; Stop(REFUSED) otherwise. What is disruptive has to be asked for by that word."""
    if session.settings.read_only:
        raise Stop("read-only: nothing is changed; start without --read-only", ExitCode.REFUSED)
    plan = prepared.plan
    names = ", ".join(plan.restarts)
    undecided = fix and plan.safety == "disruptive" and not disruptive
    risk = f"it restarts {names}" if names else "a step of it cannot be taken back"
    if undecided and (yes or not interactive()):
        raise Stop(f"this fix is disruptive ({risk}); to agree add --disruptive", ExitCode.REFUSED)
    if yes:
        return
    if not interactive():
        raise Stop("nobody can be asked here; to agree add --yes, to only look --dry-run", ExitCode.REFUSED)
    if session.output.json:
        show(session, prepared, narrate=True)
    if undecided:
        _typed(plan.restarts[0] if plan.restarts else plan.subject, risk)
    elif not click.confirm("Do it?", default=False, err=True):
        raise Stop("nothing was changed", ExitCode.REFUSED)


def _typed(word: str, risk: str) -> None:
    """The name of what restarts, typed by hand: a habit of pressing y does not get past it."""
    word = shown(word)
    if (
        click.prompt(f"This is disruptive: {risk}. Type {word} to do it", default="", show_default=False, err=True)
        != word
    ):
        raise Stop("nothing was changed", ExitCode.REFUSED)
