"""stackops.toml as a frozen value, with errors that name file, line and key.

``load`` is the only reader of the file. Flags of the command line are laid over the result by the caller; what a check
or a key is called is known elsewhere, so those names are judged there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from .model.findings import Severity
from .paths import settings_file
from .text import Language, _
from .text.cleaning import clean_line
from .text.toml_text import SettingsError, TypeJudge, instead, parsed, text_of

Period = Annotated[float, Meta(ge=0.5, le=60)]


class CheckSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section [checks]."""

    disable: tuple[str, ...] = ()
    """Ids of checks that are not run."""
    severity: dict[str, Severity] = field(default_factory=dict)
    """Check id -> ``error``, ``warning`` or ``info``, in place of the check's own."""
    vectors: Annotated[int, Meta(ge=0)] | None = None
    """How many vectors the knowledge bases hold, for ``host.sizing``; nobody counts them."""


class LibreChatSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section [librechat]."""

    release: Annotated[str, Meta(pattern=r"^v?\d+\.\d+\.\d+", description='a release such as "0.8.7"')] | None = None
    """The release whose rules judge librechat.yaml; None: the one that runs, or the image tag, or the newest known."""
    email_env: str | None = None
    """Name of the environment variable with the e-mail address of an account, to see the session cookie of a login."""
    password_env: str | None = None
    """Name of the environment variable with its password. A login is sent only when librechat.cookie is asked for."""


class MirrorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section [mirrors]: registry mirrors of the Engine."""

    seed: tuple[str, ...] = ()
    """Mirrors to choose from, best first, in place of the dated list that comes with stackops."""
    probe: bool = True
    """Whether configured mirrors are asked now and then. Candidates are only ever asked when one has to be chosen."""


class OneApiSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section [oneapi]."""

    access_token_env: str | None = None
    """Name of the environment variable that holds an administrator's access token, to read the channels with."""


class FixSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section [fix]: repairs."""

    settle: Annotated[float, Meta(ge=1, le=600)] | None = None
    """Seconds a finding has to stay gone before its repair counts; None: as long as each check asks for, 3 to 10."""


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section [servers]: model servers."""

    probe: bool = True
    """Whether model servers of this machine are asked how they are; what is asked changes nothing and loads nothing."""
    addresses: tuple[str, ...] = ()
    """Model servers to look after besides, wherever they are: ``http://192.168.1.20:8000``."""
    probe_declared: bool = False
    """Whether addresses of other machines that channels and configuration files name are asked too."""
    token_env: dict[str, str] = field(default_factory=dict)
    """A server (``NAME:PORT`` as it is listed, or ``HOST:PORT``) -> name of the environment variable with its key."""


class IgnoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[ignore]]``: a finding that is known, and no trouble until a date has passed."""

    check: str
    """Id of the check."""
    reason: Annotated[str, Meta(min_length=1, description="text in quotes that says why")]
    """Why, for whoever reads it later."""
    until: date
    """The last day on which it is ignored: ``2027-01-31``."""
    subject: str | None = None
    """The container, service or path, as ``check`` names it; None: whatever the check finds."""

    def meant(self, check: str, subject: str) -> bool:
        """Whether a finding of this check about this subject is meant."""
        return self.check == check and self.subject in (None, subject)

    def over(self, at: float) -> bool:
        """Whether its last day has passed at this time, in Unix seconds, where this machine is."""
        return datetime.fromtimestamp(at, tz=UTC).astimezone().date() > self.until


Consent = Literal["none", "key", "word"]
"""How an act is asked for: not at all, by a dialog that one key answers, by a word to type."""
PLACEHOLDERS = ("container", "id", "service", "stack", "image")
"""What an argument of a custom command may name in braces: facts of the selected container."""

_NAMED = re.compile(r"\{(\w+)\}")


class CommandSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the ``[[commands]]``: a program of the operator's own, with its arguments. No shell reads them."""

    name: str = ""
    """What it is called in the palette and in the help."""
    run: tuple[str, ...] = ()
    """Program and arguments; ``{container}``, ``{id}``, ``{service}``, ``{stack}``, ``{image}`` are filled in."""
    key: str = ""
    """A key of its own; a capital letter or a function key where it is dangerous."""
    dangerous: bool = True
    """Whether it may change anything: it is asked for, and refused in read-only mode."""

    @property
    def named(self) -> frozenset[str]:
        """The placeholders in it."""
        return frozenset(each for argument in self.run for each in _NAMED.findall(argument))

    def filled(self, facts: Mapping[str, str]) -> list[str]:
        """Program and arguments. Raises ValueError where a fact is missing, or could be taken for an option."""
        for name in sorted(self.named):
            if not facts.get(name):
                raise ValueError(_("nothing is known as its {name}", name=name))
            if facts[name].startswith("-") or not facts[name].isprintable():
                raise ValueError(_("the {name} could be taken for an option", name=name))
        return [_NAMED.sub(lambda found: facts[found[1]], argument) for argument in self.run]


def _judge_commands(commands: tuple[CommandSettings, ...], name: str) -> None:
    """Raises SettingsError for the first that cannot be run."""
    seen: set[str] = set()
    for number, each in enumerate(commands, start=1):
        called = clean_line(each.name, 40)
        wrong = ""
        if not called:
            wrong = _("it needs a name")
        elif each.name in seen:
            wrong = _("another command has this name already")
        elif not each.run or not each.run[0]:
            wrong = _('it has nothing to run; write run = ["PROGRAM", "ARGUMENT"]')
        elif strange := sorted(each.named - set(PLACEHOLDERS)):
            wrong = _(
                "there is no {{{strange}}}; {instead}",
                strange=clean_line(strange[0], 20),
                instead=instead(strange[0], PLACEHOLDERS),
            )
        if wrong:
            raise SettingsError(f"{name}: command {called or number}: {wrong}")
        seen.add(each.name)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the operator may set; each value has a default that works."""

    host: str | None = None
    """Engine address; None: DOCKER_HOST, the current docker context, then the usual sockets."""
    project: str | None = None
    """Only this compose project."""
    read_only: bool = False
    """Change nothing, whatever is asked."""
    theme: str = "dark"
    """One of those that come with stackops, or the name of a file in the folder of themes."""
    ascii: bool = False
    """Draw and answer in ASCII alone, for consoles that lack the glyphs."""
    lang: Language | None = None
    """Language of all texts: ``en`` or ``zh``; None: what LC_ALL, LC_MESSAGES and LANG say, else English."""
    period: Period = 1.0
    """Seconds between two sweeps of figures, 0.5 to 60."""
    project_dirs: tuple[str, ...] = ()
    """Folders with compose files to look at even when nothing of them runs."""
    keymap: dict[str, str] = field(default_factory=dict)
    """Action id -> keys."""
    confirm: dict[str, Consent] = field(default_factory=dict)
    """Action id -> how it is asked for. What loses something, or is done to a whole stack, is always asked for."""
    commands: tuple[CommandSettings, ...] = ()
    """Commands of one's own on the selected container."""
    ignore: tuple[IgnoreSettings, ...] = ()
    """Findings that are known, each with a reason and a last day."""
    checks: CheckSettings = field(default_factory=CheckSettings)
    oneapi: OneApiSettings = field(default_factory=OneApiSettings)
    servers: ServerSettings = field(default_factory=ServerSettings)
    mirrors: MirrorSettings = field(default_factory=MirrorSettings)
    librechat: LibreChatSettings = field(default_factory=LibreChatSettings)
    fix: FixSettings = field(default_factory=FixSettings)


OVERRIDES = ("librechat.release",)
"""What ``--set`` may lay over the file, by the names it has there."""


def overridden(settings: Settings, given: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings with what ``given`` names of them, and what it names besides. Raises SettingsError."""
    rest = {key: value for key, value in given.items() if key not in OVERRIDES}
    if len(rest) == len(given):
        return settings, rest
    data = {"librechat": {"release": given["librechat.release"]}}
    TypeJudge("--set", "").check(data, Settings)
    librechat = msgspec.convert(data["librechat"], LibreChatSettings)
    return msgspec.structs.replace(settings, librechat=librechat), rest


def load(path: str | Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings: ``path``, else ``STACKOPS_CONFIG``, else the user's stackops.toml, else defaults.

    A file that was named must exist, ``/dev/null`` means none; the user's own may be missing. Raises SettingsError
    with one sentence.
    """
    file, text = located(path, env)
    return Settings() if text is None else parse(text, str(file))


def located(path: str | Path | None = None, env: Mapping[str, str] | None = None) -> tuple[Path, str | None]:
    """Where the settings lie, by the same rules, and their text; None: there is none. Raises SettingsError."""
    env = os.environ if env is None else env
    named = path is not None or bool(env.get("STACKOPS_CONFIG"))
    file = Path(path) if path is not None else settings_file(env)
    if str(file) == os.devnull:  # a common way to say: no settings
        return file, None
    try:
        return file, text_of(file)
    except FileNotFoundError:
        if not named:
            return file, None
        raise SettingsError(_("{file}: there is no such settings file; create it or leave it out", file=file)) from None


def parse(text: str, name: str = "stackops.toml") -> Settings:
    """Settings from the text of a file called ``name``. Raises SettingsError."""
    settings = msgspec.convert(parsed(text, name, Settings), Settings)
    _judge_commands(settings.commands, name)
    return settings


__all__ = [
    "CheckSettings",
    "MirrorSettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "instead",
    "load",
    "located",
    "parse",
]
