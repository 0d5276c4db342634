"""What people did, and what each check must say of it: by check, small Snapshots that find and that do not.

They are test data and not shipped. One file a check; ``examples_of`` loads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from stackops.checks.api import Check
from stackops.console.model import Snapshot
from stackops.console.model.findings import Status


@dataclass(frozen=True)
class Example:
    """A small Snapshot and what the check must say of it."""

    name: str
    """A sentence: what a person did."""
    snapshot: Snapshot
    status: Status
    form: str | None = None
    plan_kinds: tuple[str, ...] | None = None
    """Kinds of the planned steps in order; None: not compared."""


def examples_of(check: Check) -> tuple[Example, ...]:
    """The examples of a check; a check without a file of examples is a mistake."""
    return tuple(import_module(f"examples.{check.id.replace('-', '_')}").EXAMPLES)
