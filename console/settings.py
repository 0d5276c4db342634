"""stackops.toml as a frozen value, with errors that name file, line and key.

``load`` is the only reader of the file. Flags of the command line are laid over the result by the caller; what a check
or a key is called is known elsewhere, so those names are judged there.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from .findings import Severity
from .locations import settings_file
from .settings_errors import Judge, SettingsError, syntax

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

    release: Annotated[str, Meta(pattern=r"^v?\d+\.\d+\.\d+")] | None = None
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


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the operator may set; each value has a default that works."""

    host: str | None = None
    """Engine address; None: DOCKER_HOST, the current docker context, then the usual sockets."""
    project: str | None = None
    """Only this compose project."""
    read_only: bool = False
    theme: str = "dark"
    lang: Literal["en", "zh"] = "en"
    period: Period = 1.0
    """Seconds between two sweeps of figures, 0.5 to 60."""
    project_dirs: tuple[str, ...] = ()
    """Folders with compose files to look at even when nothing of them runs."""
    keymap: dict[str, str] = field(default_factory=dict)
    """Action id -> keys."""
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
    Judge("--set", "").check(data, Settings)
    librechat = msgspec.convert(data["librechat"], LibreChatSettings)
    return msgspec.structs.replace(settings, librechat=librechat), rest


def load(path: str | Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings: ``path``, else ``STACKOPS_CONFIG``, else the user's stackops.toml, else defaults.

    A file that was named must exist; the user's own may be missing. Raises SettingsError with one sentence.
    """
    env = os.environ if env is None else env
    named = path is not None or bool(env.get("STACKOPS_CONFIG"))
    file = Path(path) if path is not None else settings_file(env)
    text = _read(file, named=named)
    return Settings() if text is None else parse(text, str(file))


def parse(text: str, name: str = "stackops.toml") -> Settings:
    """Settings from the text of a file called ``name``. Raises SettingsError."""
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise syntax(name, error) from None
    Judge(name, text).check(data, Settings)
    return msgspec.convert(data, Settings)


def _read(file: Path, *, named: bool) -> str | None:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if not named:
            return None
        raise SettingsError(f"{file}: there is no such settings file; create it or leave it out") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror}); make it a readable file") from None


__all__ = ["CheckSettings", "MirrorSettings", "ServerSettings", "Settings", "SettingsError", "load", "parse"]
