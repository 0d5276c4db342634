"""Doors that may change the machine: files of the stack, containers, Compose; and where a test may end it in between.

Fail points are compiled in always, so that what is tested is what runs. They are honoured only when
``STACKOPS_FAILPOINT_DIR`` names an existing directory too, and may do nothing but end this process.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from ..model import FileFact


@runtime_checkable
class Guarded(Protocol):
    """A machine, or a door of it, that refuses every change while it is read-only."""

    read_only: bool


def protect(doors: Iterable[object], *, on: bool) -> None:
    """Let these doors refuse every change from now on, or no longer."""
    for door in doors:
        if isinstance(door, Guarded):
            door.read_only = on


class Files(Protocol):
    """Files of the stack. Paths are absolute. Each call runs in a worker and may be slow (NFS).

    Reads follow links. Acts refuse a path with a link in it: it was resolved at the preview (``link_target``), so the
    link has come since.
    """

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        """Never raises for a missing path: its kind is ``missing``. Follows symlinks and names the target."""

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        """Content of a regular file; HostError for anything else or anything larger."""

    def names(self, path: str) -> Sequence[str]:
        """Names in a folder, unsorted; HostError when it cannot be read."""

    def replace(self, path: str, content: bytes, *, expect: str | None) -> None:
        """Write atomically (temporary file, fsync, rename, fsync of the folder), keeping owner, mode and xattrs.

        ``expect`` is the SHA-256 the file must still have; None: it must not exist, and is created with mode 0644.
        """

    def create(self, path: str, content: bytes, *, mode: int, uid: int | None, gid: int | None) -> None:
        """Like replace for a new file, with this mode and owner from the start; NotPermitted names the command."""

    def remove(self, path: str, *, expect: str) -> None:
        """Remove a regular file that still has this SHA-256."""

    def make_directory(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Make one folder that does not exist."""

    def remove_directory(self, path: str) -> None:
        """Remove an **empty** directory; HostError otherwise."""

    def chmod(self, path: str, mode: int, *, seen: FileFact | None = None) -> None:
        """Set the permission bits of a file or folder; HostError when it is not the one that was ``seen``."""

    def chown(self, path: str, uid: int, gid: int, *, seen: FileFact | None = None) -> None:
        """Set owner and group of a file or folder; HostError when it is not the one that was ``seen``."""

    def may_write(
        self,
        path: str,
        content: bytes = b"",
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> None:
        """For previews: raises the HostError that ``replace`` or ``create`` would, as far as it shows; writes nothing.

        Read-only mount, no space, immutable, mount point, not a regular file, missing permission or ownership.
        """

    def remove_leftovers(self, path: str) -> Sequence[str]:
        """Remove, under the lock, temporary files that a killed write of ``path`` left; returns their names."""


class Rights(Struct, frozen=True):
    """Who acts on the files and the processes of the machine."""

    uid: int | None = None
    """Effective user id; None where everybody may do everything (the practice machine)."""

    @property
    def unlimited(self) -> bool:
        """Whether nothing is refused for the lack of rights."""
        return self.uid in (None, 0)

    @property
    def gives_away(self) -> bool:
        """Whether new files can be given to other users."""
        return self.uid == 0


class Locks(Protocol):
    """Locks of folders, so that one console at a time changes what lies in them."""

    def hold(
        self,
        folder: str,
        holder: Callable[[], str | None],
        tell: Callable[[str], None],
        stop: threading.Event | None,
    ) -> AbstractContextManager[None]:
        """Hold the lock of a folder. Raises a HostError at once when somebody does; ``holder`` may know who it is.

        What a killed run left behind is waited for, which ``tell`` hears, until ``stop``.
        """


class CommandResult(Struct, frozen=True):
    """What a program answered."""

    argv: tuple[str, ...]
    exit_code: int
    output: str
    """stdout and stderr, cleaned."""


@dataclass(frozen=True)
class ComposeProject:
    """A project, as the compose command is told which one is meant."""

    name: str
    directory: str
    files: Sequence[str] = ()
    env_files: Sequence[str] = ()
    """Empty: Compose reads the ``.env`` of the folder."""

    @property
    def dotenv(self) -> str:
        """That file."""
        return f"{self.directory.rstrip('/')}/.env"

    @property
    def flags(self) -> tuple[str, ...]:
        """The options before the verb, as they are run and as they are shown."""
        named = [part for path in self.files for part in ("-f", path)]
        given = [part for path in self.env_files for part in ("--env-file", path)]
        return ("-p", self.name, "--project-directory", self.directory, *named, *given)

    def naming(self, edited: Container[str]) -> ComposeProject:
        """The same, which names its ``.env`` too where that is edited."""
        named = self.env_files or ((self.dotenv,) if self.dotenv in edited else ())
        return ComposeProject(self.name, self.directory, self.files, named)


@dataclass(frozen=True)
class ServiceConfig:
    """What Compose would make of one service now. It holds secrets, so its repr does not show them."""

    text: bytes = field(repr=False)
    """The JSON of ``docker compose config SERVICE``; a dollar sign is written twice there."""
    added: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that the docker client's own settings add to every container. fact: ``proxies`` of config.json"""


class Control(Protocol):
    """Acts on containers. In read-only mode every method raises ReadOnlyRefused before anything leaves the process."""

    def restart(self, container: str, *, stop_timeout: int = 10) -> None:
        """Stop, after ``stop_timeout`` seconds by force, and start again."""

    def start(self, container: str) -> None:
        """Start a container that is not running."""

    def stop(self, container: str, *, stop_timeout: int = 10) -> None:
        """Stop, after ``stop_timeout`` seconds by force."""

    def kill(self, container: str) -> None:
        """End it at once, with SIGKILL. Its restart policy does not bring it back."""

    def pause(self, container: str) -> None:
        """Hold all of its processes where they are. It answers nobody until ``unpause``."""

    def unpause(self, container: str) -> None:
        """Let them go on."""

    def remove(self, container: str) -> None:
        """Remove a stopped container, never its volumes."""

    def pull(self, image: str, hear: Callable[[bytes], None], *, deadline: float) -> None:
        """Pull an image by its name; ``hear`` gets each JSON line of the Engine, in another thread, and may raise.

        Ends with the stream, whole or not: its last line says so. EngineUnreachable where it breaks off or hangs.
        """

    def tag(self, image: str, name: str) -> None:
        """Let a name, ``repository:tag``, mean the image with this id."""

    def remove_image(self, image: str) -> None:
        """Remove an image by its id, or only a tag of several; never one that a container uses."""

    def remove_network(self, network: str) -> None:
        """Remove a network by its id; never one that a container is connected to."""

    def prune_build_cache(self) -> None:
        """Remove what ``docker builder prune`` removes."""

    def compose(self, project: ComposeProject, arguments: Sequence[str], *, deadline: float = 120.0) -> CommandResult:
        """``docker compose -p PROJECT --project-directory DIR -f ... --env-file ... ARGUMENTS``.

        HostError without Compose v2.
        """

    def service_config(
        self,
        project: ComposeProject,
        service: str,
        *,
        edited: Mapping[str, bytes] | None = None,
        deadline: float = 20.0,
    ) -> ServiceConfig:
        """What Compose would make of a service now. Reads only, so --read-only allows it.

        ``edited`` are contents, by path, that compose files and env files would have: it reads them there.

        HostError without Compose v2, and for files that Compose refuses, with its words.
        """

    def service_hashes(self, project: ComposeProject, *, deadline: float = 20.0) -> tuple[str, Mapping[str, str]]:
        """Compose's version, and the config-hash it would give each service now. Reads only, so --read-only allows it.

        HostError without Compose v2, and for files that Compose refuses.
        """

    def execute(
        self, container: str, arguments: Sequence[str], environment: Mapping[str, str], deadline: float
    ) -> CommandResult:
        """Run a program inside a running container. What is secret goes into the environment, never into arguments."""

    def shell(self, container: str) -> Sequence[str]:
        """The argument list that opens a shell in the container, for the terminal itself to run."""

    def reload_engine(self, pid: int, *, unit: str | None = None) -> CommandResult:
        """Let dockerd read its configuration again: through its systemd unit, or by SIGHUP to ``pid``; never a restart.

        NotFound when ``pid`` is no dockerd, NotPermitted with the command. fact: containers keep running (moby
        reload.go).
        """

    def validate_engine_config(self, content: bytes, arguments: Sequence[str] = ()) -> CommandResult | None:
        """What ``dockerd --validate`` says of a configuration beside these flags; None where no dockerd here can."""


FAIL_POINTS = (
    "after_backup", "before_step", "before_fsync", "before_rename", "after_rename", "after_step", "before_restart",
    "before_verify", "in_rollback",
)  # fmt: skip


def reach(name: str) -> None:
    """Die by SIGKILL here when the environment asks for this fail point; a file in the directory says that it fired.

    A number after a colon counts: ``STACKOPS_FAILPOINT=before_step:2`` dies at the second time.
    """
    wanted, _, count = os.environ.get("STACKOPS_FAILPOINT", "").partition(":")
    if wanted != name:
        return
    directory = os.environ.get("STACKOPS_FAILPOINT_DIR", "")
    if not directory or not Path(directory).is_dir():
        return
    seen = Path(directory) / f"{name}.{os.getpid()}"
    with seen.open("a", encoding="ascii") as log:
        log.write("reached\n")
    if seen.stat().st_size // len("reached\n") >= (int(count) if count.isdecimal() else 1):
        os.kill(os.getpid(), signal.SIGKILL)
