"""The command: options, subcommands, and the one place where errors become a sentence and an exit code.

Start-up is part of the product: nothing but click is imported before a subcommand is known, and Textual only on the way
to the screen. This is one of the two doors through which the console reaches the checks and the screens.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from copy import copy
from importlib import import_module
from inspect import cleandoc
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from .exit_codes import ExitCode
from .text import LANGUAGES, N_, _, of_arguments, use, used

if TYPE_CHECKING:
    from ..checks.api import Check
    from .hosts import Host
    from .model import Snapshot
    from .model.findings import Result
    from .settings import Settings

# command -> module in commands/; every module holds a click command of the same name
COMMANDS = {
    "check": "check", "fix": "fix", "undo": "journal", "resume": "journal", "rollback": "journal", "journal": "journal",
    "ps": "tables", "gpu": "tables", "servers": "tables", "wiring": "wiring", "explain": "check", "demo": "console",
    "watch": "console", "settings": "settings",
}  # fmt: skip


_THEMES = "dark, light, contrast, colorblind, fjord, ember, ansi"


class LazyDoors:
    """The checks and the screens, opened only when they are needed."""

    def checks(self) -> Sequence[Check]:
        """All checks."""
        from ..checks import registry

        return registry.ALL

    def examine(self, snapshot: Snapshot, settings: Settings, only: Iterable[str] | None = None) -> Sequence[Result]:
        """What the checks say of a Snapshot."""
        from ..checks import registry

        return registry.examine(snapshot, settings, only)

    def open_host(self, settings: Settings) -> Host:
        """The machine we are on, or the practice stack when the host is called ``demo``."""
        from .text.traces import listen

        listen()
        if settings.host == "demo":
            from .practice import open_demo

            return open_demo(read_only=settings.read_only)
        from .hosts.local import open_local

        return open_local(settings, read_only=settings.read_only)

    def run_app(self, host: Host, settings: Settings, *, offer_demo: bool) -> int:
        """The console; returns its exit code."""
        from .app import run_app

        return run_app(host, settings, offer_demo=offer_demo)


def _remember(context: click.Context, option: click.Parameter, value: object) -> object:
    """Keep a global option where every subcommand finds it; one that was not given changes nothing."""
    if context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE:
        context.obj.options[option.name] = value
    return value


def _version(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from .. import __version__

        click.echo(f"stackops {__version__}")
        context.exit()


def _debug(context: click.Context, option: click.Parameter, value: bool) -> None:
    """Tell where tracebacks go, once, though the option may stand before and after the subcommand."""
    if not value or context.resilient_parsing or context.obj.options.get("debug"):
        return
    from .paths import state_directory
    from .text.traces import write_to

    path = state_directory() / "debug.log"
    try:
        write_to(path)
    except OSError as error:
        way_out = _("STACKOPS_STATE_DIR may name another folder")
        raise click.UsageError(
            _(
                "--debug cannot write {path} ({strerror}); {way_out}",
                path=path,
                strerror=error.strerror,
                way_out=way_out,
            ),
            context,
        ) from None
    click.echo(_("stackops: tracebacks are written to {path}", path=path), err=True)
    _remember(context, option, value)


def _global_options() -> list[click.Parameter]:
    """Options that mean the same before and after every subcommand."""

    def option(*names: str, **attributes: Any) -> click.Option:  # noqa: ANN401
        return click.Option(names, **{"expose_value": False, "callback": _remember, **attributes})

    return [
        option("--host", metavar="URL", help=_("Engine address; 'demo' is the practice stack.")),
        option("--project", metavar="NAME", help=_("Only this compose project.")),
        option("--read-only", is_flag=True, help=_("Change nothing, whatever is asked.")),
        option("--json", is_flag=True, help=_("Answer with one JSON document.")),
        option("--plain", is_flag=True, help=_("Answer with one fact per line.")),
        option("--no-color", is_flag=True, help=_("No colours.")),
        option("--ascii", is_flag=True, help=_("Draw and answer in ASCII alone.")),
        option("--lang", type=click.Choice(LANGUAGES), help=_("Language of all texts; else what LANG says.")),
        option("--config", metavar="FILE", help=_("Settings file in place of the usual one.")),
        option(
            "--theme", metavar="NAME", help=_("Theme of the screens: {themes}, or one of your own.", themes=_THEMES)
        ),
        option("--debug", is_flag=True, callback=_debug, help=_("Write tracebacks, redacted, to the state folder.")),
        option("--version", is_flag=True, is_eager=True, callback=_version, help=_("Say the version and leave.")),
    ]


def _translated(parameter: click.Parameter) -> click.Parameter:
    """The same with its help in the language that is used."""
    told = copy(parameter)
    if isinstance(told, click.Option) and told.help:
        told.help = _(told.help)
    return told


class Stackops(click.Group):
    """Subcommands are imported when they are called; each takes the global options too."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of the command, once."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            module = import_module(f".commands.{COMMANDS[cmd_name]}", __package__)
            command: click.Command = copy(getattr(module, cmd_name))
            command.help, command.short_help = _(cleandoc(command.help or "")), _(command.short_help or "")
            command.params = [*map(_translated, command.params), *_global_options()]
            command.options_metavar = _("[OPTIONS]")
            self.commands[cmd_name] = command
        return self.commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of this name."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from .settings import instead

            raise click.UsageError(
                _('unknown command "{args}"; {instead}', args=args[0], instead=instead(args[0], COMMANDS)), ctx
            )
        return super().resolve_command(ctx, args)


@click.pass_context
def _console(context: click.Context) -> int | None:
    """Watch and repair LLM stacks on this Docker host. Without a command: the console."""
    if context.invoked_subcommand is not None:
        return None
    from .commands.console import open_console

    return open_console(context.obj)


_EPILOG = N_(
    "Exit codes: 0 nothing found or done, 1 findings, 2 usage or settings, 3 not "
    "reachable, 4 rolled back, 5 refused, 6 rollback failed, 70 a mistake in stackops, "
    "130 interrupted."
)


def _command() -> Stackops:
    return Stackops(
        name="stackops",
        callback=_console,
        params=_global_options(),
        invoke_without_command=True,
        options_metavar=_("[OPTIONS]"),
        subcommand_metavar=_("[COMMAND] [ARGS]..."),
        help=_(_console.__doc__ or ""),
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": 100 if used() == "en" else 60,  # click counts letters, of which some take two cells
        },
        epilog=_(_EPILOG),
    )


def _set_language(arguments: Sequence[str]) -> object:
    """``lang`` of the settings file, which is judged later: one that cannot be read says nothing here."""
    from .paths import read, settings_file

    named = [each.partition("=")[2] for each in arguments if each.startswith("--config=")]
    named += [value for option, value in pairwise(arguments) if option == "--config"]
    try:
        content = read(named[-1] if named else settings_file(), 1 << 20, links=True)
        if b"lang" not in content:
            return None
        import tomllib

        return tomllib.loads(content.decode()).get("lang")
    except (OSError, ValueError):
        return None


def _translate_click() -> None:
    """The words of click too. Its modules look them up by these names; it has no other way to say in which language."""
    for name in ("core", "exceptions", "formatting", "parser", "types", "decorators"):
        for word, ours in (("_", _), ("ngettext", _counted)):
            if hasattr(module := import_module(f"click.{name}"), word):
                setattr(module, word, ours)


def _counted(one: str, many: str, number: int) -> str:
    return _(one if number == 1 else many)


def run(arguments: Sequence[str], doors: LazyDoors | None = None) -> int:
    """Run the command and return its exit code; never raises."""
    from .commands.guard import guarded

    use(of_arguments(arguments, os.environ, _set_language(arguments)))
    if used() != "en":
        _translate_click()

    def call() -> int:
        from .commands.session import Session

        # a group hands its own return value on, not its subcommand's, unless a result callback is set
        result = _command().main(list(arguments), "stackops", standalone_mode=False, obj=Session(doors or LazyDoors()))
        return result if isinstance(result, int) else int(ExitCode.OK)

    return guarded(call)


def main() -> None:
    """The entry point of the program."""
    sys.exit(run(sys.argv[1:]))
