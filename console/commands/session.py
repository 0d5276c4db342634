"""What one call of the command works with: its options, its settings, its host, and the doors to the checks."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from ..exit_codes import ExitCode
from ..text import _

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

    from ...checks.api import Check
    from ..collect.collector import Looks
    from ..fix.journal import Journal
    from ..hosts import Host, HostError
    from ..model import Snapshot
    from ..model.findings import Result
    from ..settings import Settings
    from .output import Output


class Stop(Exception):  # a sentence and an exit code, not a defect
    """The end of a command that did not come through: one sentence on stderr, and the exit code."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.code = code

    @classmethod
    def because(cls, code: ExitCode, *parts: str | None) -> Stop:
        """With a sentence and what to do about it, as far as there is anything."""
        return cls("; ".join(part for part in parts if part), code)

    @classmethod
    def at(cls, error: HostError, code: ExitCode = ExitCode.REFUSED) -> Stop:
        """What the machine or the journal answered."""
        return cls.because(code, str(error), error.remedy)


class Doors(Protocol):
    """What only ``cli`` may import, handed in: the registry of checks and the console."""

    def checks(self) -> Sequence[Check]:
        """All of them, in order."""

    def examine(self, snapshot: Snapshot, settings: Settings, only: Iterable[str] | None = None) -> Sequence[Result]:
        """What they say of a Snapshot."""

    def open_host(self, settings: Settings) -> Host:
        """The machine of the settings; ``demo`` is the practice stack."""

    def run_app(self, host: Host, settings: Settings, *, offer_demo: bool) -> int:
        """Run the console until it is left; its exit code."""


@dataclass
class Session:
    """One call. Options may be given before or after the subcommand; the last one wins."""

    doors: Doors
    options: dict[str, object] = field(default_factory=dict)
    _settings: Settings | None = None
    _host: Host | None = None
    _looks: tuple[object, Looks] | None = None
    """The sources of this machine, and the settings and the folder that they were made for."""
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
            ascii=bool(self.options.get("ascii")) or (self._settings is not None and self._settings.ascii),
        )

    def output_mode(self) -> None:
        """A usage error for two formats at once."""
        if self.options.get("json") and self.options.get("plain"):
            raise click.UsageError(_("--json and --plain are two answers; ask for one"))

    def nothing(self, who: str, sentence: str, *facts: str, **document: object) -> int:
        """Say that there is nothing to do, in the form that was asked for."""
        output = self.output
        if output.json:
            output.document({**document, "outcome": {"name": "nothing", "sentence": f"{who}{sentence}"}})
        elif output.plain:
            output.facts("nothing", *facts, sentence)
        else:
            output.data(f"{who}{sentence}")
        return ExitCode.OK

    @property
    def command(self) -> str:
        """How a follow-up command begins, as it is typed."""
        return f"stackops --host {shlex.quote(self.settings.host)}" if self.settings.host else "stackops"

    def repair(self, result: Result) -> str:
        """The command that shows how a finding would be repaired, as it is typed."""
        from ..report.text import quoted

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
                for name in ("host", "project", "read_only", "theme", "ascii", "lang")
                if name in self.options
            }
            chosen = self.options.get("config")
            settings = msgspec.structs.replace(load(None if chosen is None else str(chosen)), **given)
            self._speak(settings)
            self._check_names(settings)
            self._settings = settings
        return self._settings

    def _speak(self, settings: Settings) -> None:
        """The language of the settings, else of the environment. What programs read, and ASCII, is English."""
        from ..text import of_environment, use

        output = self.output
        english = output.json or output.plain or output.letters_only or settings.ascii
        use("en" if english else settings.lang or of_environment(os.environ)[0])

    def lay_over(self, given: dict[str, str]) -> dict[str, str]:
        """Take what ``--set`` names of the settings into them, for this call; the rest answers a plan's questions."""
        from ..settings import overridden

        self._settings, rest = overridden(self.settings, given)
        self.laid_over = {key: value for key, value in given.items() if key not in rest}
        return rest

    def set_only(self, given: Sequence[str]) -> None:
        """``--set`` where nothing but settings can be set."""
        from ..settings import OVERRIDES, instead

        for key in self.lay_over(pairs(given)):
            raise click.UsageError(
                _('no setting "{key}" can be set here; {instead}', key=key, instead=instead(key, OVERRIDES))
            )

    def _check_names(self, settings: Settings) -> None:
        from ..settings import SettingsError, instead
        from ..text.cleaning import clean_line

        ignored = [each.check for each in settings.ignore]
        if not settings.checks.disable and not settings.checks.severity and not ignored:
            return  # the checks are 100 ms of imports that the first frame need not wait for
        known = [check.id for check in self.doors.checks()]
        for section, ids in (
            ("[checks] disable", settings.checks.disable), ("[checks] severity", settings.checks.severity),
            ("[[ignore]]", ignored),
        ):  # fmt: skip
            for check_id in ids:
                if check_id not in known:
                    raise SettingsError(
                        _(
                            '{section}: unknown check "{check_id}"; {instead}',
                            section=section,
                            check_id=clean_line(check_id, 60),
                            instead=instead(check_id, known),
                        )
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
            raise Stop(_("{directory}: there is no such folder", directory=directory), ExitCode.USAGE)
        snapshot = self.look()
        if not any(project.files for project in snapshot.projects):
            fault = next((f for f in snapshot.faults if f.source.startswith("compose")), None)
            missing = _("{directory}: no docker-compose.yml or compose.yaml in this folder", directory=directory)
            raise Stop(fault.sentence if fault else missing, ExitCode.USAGE)
        return snapshot

    def look(self, *, rates: bool = False, on_request: Sequence[str] = (), whole: bool = False) -> Snapshot:
        """One look at the machine, or at the folder. What is secret in it is known to the output from then on.

        ``rates`` takes half a second more: they need two samples, and no check judges them. ``on_request`` is what else
        a check needs to plan with. ``whole`` is for proving: of what ``--project`` leaves out nothing is gone.
        """
        import msgspec

        from ..collect.collector import Cadence

        settings = msgspec.structs.replace(self.settings, project=None) if whole else self.settings
        if self._looks is None or self._looks[0] != (settings, self.folder):
            self._looks = ((settings, self.folder), self._sources(settings))
        snapshot = self._looks[1].look(on_request, second_sample=Cadence().second_sample if rates else 0.0)
        if settings.project is not None and settings.project not in _projects(snapshot):
            self._no_project(settings.project)
        return snapshot

    def _sources(self, settings: Settings) -> Looks:
        from ..collect.collector import Looks

        directories = settings.project_dirs if self.folder is None else (self.folder,)
        return Looks(self.host, settings, directories=directories, files_only=self.folder is not None)

    def _no_project(self, name: str) -> None:
        """Stop, unless the Engine could not be asked who is there: of a project that is not there all seems well."""
        from ..fix.proving import engine_fault
        from ..settings import instead
        from ..text.cleaning import clean_line

        everything = self.look(whole=True)
        if self.folder is not None or engine_fault(everything) is None:
            way_out = instead(name, sorted(_projects(everything)))
            raise Stop(
                _('there is no compose project "{name}" here; {way_out}', name=clean_line(name, 60), way_out=way_out),
                ExitCode.USAGE,
            )

    def require_project(self) -> None:
        """Stop where there is no such project, before what does not look by itself, where the project was typed.

        With a project of the settings that is gone, what was done to it can still be read and taken back. One question
        to the Engine tells it where it runs.
        """
        if "project" not in self.options:
            return
        from ..collect.containers import containers
        from ..hosts import HostError as Failed
        from ..hosts.call import run

        name, engine = self.settings.project, self.host.engine
        listed: set[str | None] = set()
        if engine is not None:
            with contextlib.suppress(Failed):  # the look says it
                listed = {container.project for container, _ in containers(run(engine.containers()))}
        if name is not None and name not in listed:
            self.look()

    def journal(self) -> Journal:
        """The record of what was done on this host. What is done to the practice stack is forgotten with it."""
        from ..fix.journal import Journal
        from ..paths import state_directory

        if not self.demo:
            return Journal(state_directory())
        if self._practice is None:
            import tempfile

            self._practice = tempfile.TemporaryDirectory(prefix="stackops-demo-")
        return Journal(self._practice.name)

    def tell_open_intents(self) -> None:
        """Say on stderr when a fix was interrupted and still waits for a decision."""
        from ..hosts import HostError as Failed

        if self.demo:
            return
        try:
            waiting = self.journal().open_entries()
        except (Failed, OSError) as error:
            self.output.say(_("stackops: the journal cannot be read: {error}", error=error))
            return
        for entry in waiting:
            what = f"{_(entry.intent.kind)} {entry.id} ({entry.intent.check} {entry.intent.subject})"
            self.output.say(
                _(
                    "stackops: {what} was interrupted; stackops resume {entry} finishes it, stackops "
                    "rollback {entry} takes it back",
                    what=what,
                    entry=entry.id,
                )
            )

    def check(self, check_id: str) -> Check:
        """The check with this id; a usage error that names the nearest one otherwise."""
        from ..settings import instead
        from ..text.cleaning import clean_line

        checks = self.doors.checks()
        for check in checks:
            if check.id == check_id:
                return check
        known = [check.id for check in checks]
        raise click.UsageError(
            _(
                'unknown check "{check_id}"; {instead}',
                check_id=clean_line(check_id, 60),
                instead=instead(check_id, known),
            )
        )


def _projects(snapshot: Snapshot) -> set[str]:
    """Names of the compose projects in it, with or without files that can be read."""
    return {each.name for each in snapshot.projects} | {each.project for each in snapshot.containers if each.project}


def require_engine(session: Session, snapshot: Snapshot) -> None:
    """Stop when the Engine was needed and could not be asked, or stood still before it had told of all containers."""
    faults = () if session.folder is not None else snapshot.faults
    fault = next((fault for fault in faults if fault.source == "engine" and fault.hides), None)
    if fault is not None:
        raise Stop.because(ExitCode.UNREACHABLE, fault.sentence, fault.remedy)


def pairs(given: Sequence[str]) -> dict[str, str]:
    """What ``--set`` was given; a usage error for anything but KEY=VALUE."""
    split = [answer.partition("=") for answer in given]
    for key, equals, _value in split:
        if not equals or not key:
            raise click.UsageError(_('--set wants KEY=VALUE, not "{key}"', key=key))
    return {key: value for key, _, value in split}


pass_session = click.make_pass_decorator(Session)
project_dir_option = click.option(
    "--project-dir", metavar="DIR", help="Only the files of this folder, before anything runs; no Engine."
)
