"""``stackops`` and ``stackops demo``: the way to the screen."""

from __future__ import annotations

import os
import sys

import click

from ..exit_codes import ExitCode
from ..text import _
from .session import Session, Stop, pass_session


def open_console(session: Session) -> int:
    """The console on the host of the settings; offers the practice stack where no Engine is found."""
    _needs_a_terminal()
    settings = session.settings
    session.require_project()
    if session.options.get("no_color"):
        os.environ["NO_COLOR"] = "1"
    return session.doors.run_app(session.host, settings, offer_demo=not session.demo)


@click.command(short_help="The console on a practice stack with every pitfall in it.")
@pass_session
def demo(session: Session) -> int:
    """Open the console on a practice stack inside this process.

    Every pitfall is in it, broken so that it can be repaired. No Docker, network or GPU is needed, and nothing on this
    machine is read or changed.
    """
    session.options["host"] = "demo"
    return open_console(session)


def _needs_a_terminal() -> None:
    if (
        not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty())
        or os.environ.get("TERM") == "dumb"
    ):
        raise Stop(_("the console needs a terminal; here use: stackops check, stackops ps"), ExitCode.USAGE)
