"""What one call of the command works with: its options, its settings, its host, and the doors to the checks."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from ..exits import ExitCode

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

    from ..findings import Result, Severity
    from ..hosts import Host
    from ..journal import Journal
    from ..model import Snapshot
    from ..plan import Plan
    from ..settings import Settings
    from .output import Output


class Stop(Exception):  # a sentence and an exit code, not a defect
    """The end of a command that did not come through: one sentence on stderr, and the exit code."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.code = code


class AnyCheck(Protocol):
    """A check as the commands see it."""

    @property
    def id(self) -> str:
        """``area.pitfall``."""
        ...

    @property
    def title(self) -> str:
        """What the pitfall is called."""
        ...

    @property
    def severity(self) -> Severity:
        """The worst it reports."""
        ...

    @property
    def doc(self) -> str:
        """What ``explain`` prints."""
        ...

    @property
    def plan(self) -> Callable[[Result, Snapshot, Settings, Mapping[str, str]], Plan] | None:
        """Makes the plan of a finding's repair; None when there is none."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """What a Snapshot has only on request, and its plan is made from."""
        ...

    @property
    def proves(self) -> tuple[str, ...]:
        """What a Snapshot has only on request, and it judges better with."""
        ...


class Doors(Protocol):
    """What only ``cli`` may import, handed in: the registry of checks and the console."""

    def checks(self) -> Sequence[AnyCheck]:
        """All of them, in order."""
        ...

    def examine(self, snapshot: Snapshot, settings: Settings, only: Iterable[str] | None = None) -> Sequence[Result]:
        """What they say of a Snapshot."""
        ...

    def open_host(self, settings: Settings) -> Host:
        """The machine of the settings; ``demo`` is the practice stack."""
        ...

    def run_app(self, host: Host, settings: Settings, *, offer_demo: bool) -> int:
        """Run the console until it is left; its exit code."""
        ...


@dataclass
class Session:
    """One call. Options may be given before or after the subcommand; the last one wins."""

    doors: Doors
    options: dict[str, object] = field(default_factory=dict)
    _settings: Settings | None = None
    _host: Host | None = None
    _practice: TemporaryDirectory[str] | None = None
    folder: str | None = None
    """Absolute; set where only this folder's files are judged, without any Engine."""
    laid_over: dict[str, str] = field(default_factory=dict)
    """What ``--set`` named of the settings."""

    @property
    def output(self) -> Output:
        """Where data and narration go, as the options say."""
        from .output import Output

        return Output(
            json=bool(self.options.get("json")),
            plain=bool(self.options.get("plain")),
            color=not self.options.get("no_color"),
        )

    def output_mode(self) -> None:
        """A usage error for two formats at once."""
        if self.options.get("json") and self.options.get("plain"):
            raise click.UsageError("--json and --plain are two answers; ask for one")

    @property
    def command(self) -> str:
        """How a follow-up command begins, as it is typed."""
        return f"stackops --host {shlex.quote(self.settings.host)}" if self.settings.host else "stackops"

    def repair(self, result: Result) -> str:
        """The command that shows how a finding would be repaired, as it is typed."""
        from ..export.readable import quoted

        folder = "" if self.folder is None else f" --project-dir {shlex.quote(self.folder)}"
        given = "".join(f" --set {shlex.quote(f'{key}={value}')}" for key, value in self.laid_over.items())
        return f"{self.command} fix {result.check} {quoted(result.subject)} --dry-run{folder}{given}"

    @property
    def demo(self) -> bool:
        """Whether the practice stack is looked at."""
        return self.settings.host == "demo"

    @property
    def settings(self) -> Settings:
        """The settings file with the flags laid over it. Raises SettingsError."""
        if self._settings is None:
            import msgspec

            from ..settings import load

            given = {
                name: self.options[name]
                for name in ("host", "project", "read_only", "theme", "lang")
                if name in self.options
            }
            chosen = self.options.get("config")
            settings = msgspec.structs.replace(load(None if chosen is None else str(chosen)), **given)
            self._check_names(settings)
            self._settings = settings
        return self._settings

    def lay_over(self, given: dict[str, str]) -> dict[str, str]:
        """Take what ``--set`` names of the settings into them, for this call; the rest answers a plan's questions."""
        from ..settings import overridden

        self._settings, rest = overridden(self.settings, given)
        self.laid_over = {key: value for key, value in given.items() if key not in rest}
        return rest

    def set_only(self, given: Sequence[str]) -> None:
        """``--set`` where nothing but settings can be set."""
        from ..settings import OVERRIDES
        from ..settings_errors import instead

        for key in self.lay_over(pairs(given)):
            raise click.UsageError(f'no setting "{key}" can be set here; {instead(key, OVERRIDES)}')

    def _check_names(self, settings: Settings) -> None:
        from ..settings_errors import SettingsError, instead
        from ..text import clean_line

        if not settings.checks.disable and not settings.checks.severity:
            return  # the checks are 100 ms of imports that the first frame need not wait for
        known = [check.id for check in self.doors.checks()]
        for section, ids in (("disable", settings.checks.disable), ("severity", settings.checks.severity)):
            for check_id in ids:
                if check_id not in known:
                    raise SettingsError(
                        f'[checks] {section}: unknown check "{clean_line(check_id, 60)}"; {instead(check_id, known)}'
                    )

    @property
    def host(self) -> Host:
        """The machine that is looked at."""
        if self._host is None:
            self._host = self.doors.open_host(self.settings)
        return self._host

    def judge_folder(self, directory: str) -> Snapshot:
        """From now on look only at this folder, without an Engine. Usage error when there is nothing to judge in it."""
        self.folder = str(Path(directory).absolute())  # symlinks kept, as the sources name it
        if not self.demo and not Path(self.folder).is_dir():
            raise Stop(f"{directory}: there is no such folder", ExitCode.USAGE)
        snapshot = self.look()
        if not any(project.files for project in snapshot.projects):
            fault = next((f for f in snapshot.faults if f.source.startswith("compose")), None)
            missing = f"{directory}: no docker-compose.yml or compose.yaml in this folder"
            raise Stop(fault.sentence if fault else missing, ExitCode.USAGE)
        return snapshot

    def look(self, *, rates: bool = False, on_request: Sequence[str] = ()) -> Snapshot:
        """One look at the machine, or at the folder. What is secret in it is known to the output from then on.

        ``rates`` takes half a second more: they need two samples, and no check judges them. ``on_request`` is what else
        a check needs to plan with.
        """
        import asyncio

        from ..collect import Cadence, collect
        from ..text import SECRETS

        loop = asyncio.new_event_loop()
        try:
            snapshot = loop.run_until_complete(
                collect(
                    self.host,
                    self.settings,
                    project_dirs=() if self.folder is None else (self.folder,),
                    files_only=self.folder is not None,
                    cadence=Cadence() if rates else Cadence(second_sample=0.0),
                    on_request=on_request,
                )
            )
        finally:
            loop.close()  # not asyncio.run: it would wait for threads that may hang
        SECRETS.learn_snapshot(snapshot)
        return snapshot

    def journal(self) -> Journal:
        """The record of what was done on this host. What is done to the practice stack is forgotten with it."""
        from ..journal import Journal
        from ..locations import state_directory

        if not self.demo:
            return Journal(state_directory())
        if self._practice is None:
            import tempfile

            self._practice = tempfile.TemporaryDirectory(prefix="stackops-demo-")
        return Journal(self._practice.name)

    def tell_open_intents(self) -> None:
        """Say on stderr when a fix was interrupted and still waits for a decision."""
        from ..hosts import HostError

        if self.demo:
            return
        try:
            waiting = self.journal().open_entries()
        except (HostError, OSError) as error:
            self.output.say(f"stackops: the journal cannot be read: {error}")
            return
        for entry in waiting:
            what = f"{entry.intent.kind} {entry.id} ({entry.intent.check} {entry.intent.subject})"
            self.output.say(
                f"stackops: {what} was interrupted; "
                f"stackops resume {entry.id} finishes it, stackops rollback {entry.id} takes it back"
            )

    def check(self, check_id: str) -> AnyCheck:
        """The check with this id; a usage error that names the nearest one otherwise."""
        from ..settings_errors import instead
        from ..text import clean_line

        checks = self.doors.checks()
        for check in checks:
            if check.id == check_id:
                return check
        known = [check.id for check in checks]
        raise click.UsageError(f'unknown check "{clean_line(check_id, 60)}"; {instead(check_id, known)}')


def engine_fault(session: Session, snapshot: Snapshot) -> tuple[str, str | None] | None:
    """Sentence and remedy when the Engine was needed and could not be asked at all."""
    if snapshot.engine is not None or session.folder is not None:
        return None
    for fault in snapshot.faults:
        if fault.source == "engine":
            return fault.sentence, fault.remedy
    return None


def pairs(given: Sequence[str]) -> dict[str, str]:
    """What ``--set`` was given; a usage error for anything but KEY=VALUE."""
    split = [answer.partition("=") for answer in given]
    for key, equals, _ in split:
        if not equals or not key:
            raise click.UsageError(f'--set wants KEY=VALUE, not "{key}"')
    return {key: value for key, _, value in split}


pass_session = click.make_pass_decorator(Session)
project_dir_option = click.option(
    "--project-dir", metavar="DIR", help="Only the files of this folder, before anything runs; no Engine."
)
