"""Every path the program owns: its settings file and its state. Nothing else decides where something of ours lies."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def settings_file(env: Mapping[str, str] | None = None) -> Path:
    """``STACKOPS_CONFIG``, else ``stackops.toml`` in the user's configuration folder (XDG)."""
    chosen = (os.environ if env is None else env).get("STACKOPS_CONFIG")
    if chosen:
        return Path(chosen)
    from platformdirs import user_config_path

    return user_config_path("stackops", appauthor=False) / "stackops.toml"


def themes_directory() -> Path:
    """``themes/`` in the user's configuration folder (XDG), wherever the settings are read from."""
    return settings_file({}).parent / "themes"


def state_directory(env: Mapping[str, str] | None = None) -> Path:
    """``STACKOPS_STATE_DIR``, else the user's state folder: journal, backups, crash reports. Not made here."""
    chosen = (os.environ if env is None else env).get("STACKOPS_STATE_DIR")
    if chosen:
        return Path(chosen).absolute()
    from platformdirs import user_state_path

    return user_state_path("stackops", appauthor=False)


class Memory:
    """What outlives the console, a file each under ``memory/`` of the state folder; None: nothing is kept."""

    def __init__(self, state: Path | None) -> None:
        self._folder = None if state is None else state / "memory"

    @property
    def lasts(self) -> bool:
        """Whether anything can be kept at all."""
        return self._folder is not None

    def get(self, name: str) -> str:
        """What was kept; empty where nothing was, or where it cannot be read."""
        if self._folder is None:
            return ""
        try:
            return read(self._folder / name, 4096).decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def keep(self, name: str, text: str) -> None:
        """Keep it in place of what was kept before. Raises OSError."""
        if self._folder is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._folder / f".{name}.{os.getpid()}"
        with suppress(FileNotFoundError):
            new.unlink()
        with os.fdopen(opened(new, os.O_WRONLY | os.O_CREAT), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        new.replace(self._folder / name)


@contextmanager
def scratch() -> Iterator[Path]:
    """A private folder for copies of files that a program is to read; it goes with its content. Raises OSError.

    It is locked as long as this process lives, so that ``sweep`` knows what a kill has left.
    """
    import shutil
    import tempfile

    with _scratch_place(make=True) as place:
        folder = Path(tempfile.mkdtemp(dir=place, prefix="run-"))
        held = locked(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep() -> None:
    """Remove what killed processes left of such folders. What cannot be removed stays."""
    import shutil

    with suppress(OSError), _scratch_place() as place:
        for folder in place.iterdir():
            with suppress(OSError):
                held = locked(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(held)


@contextmanager
def _scratch_place(*, make: bool = False) -> Iterator[Path]:
    """The folder that holds them, for one process at a time. Raises OSError."""
    place = state_directory() / "scratch"
    if make:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = locked(place, wait=True)
    try:
        yield place
    finally:
        os.close(held)


def locked(folder: Path, *, wait: bool = False) -> int:
    """A folder, itself no link, under a lock of the kernel's. Raises OSError, BlockingIOError where it has one."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


KINDS = {
    stat.S_IFDIR: "a directory", stat.S_IFIFO: "a named pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a link",
}  # fmt: skip
_ALWAYS = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def opened(
    path: str | os.PathLike[str], flags: int = os.O_RDONLY, *, folder: int | None = None, links: bool = False
) -> int:
    """A descriptor of a regular file. Raises OSError, for anything else too, with words in place of the number.

    ``folder`` is what a relative path starts from. Without ``links`` the path itself may be none, and a file
    to be written must have no other name. ``O_CREAT`` makes a missing file with mode 0600.
    """
    try:
        held = os.open(path, os.O_PATH | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW), dir_fd=folder)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW | _ALWAYS, 0o600, dir_fd=folder)
    try:
        found = os.fstat(held)
        if not stat.S_ISREG(found.st_mode):
            kind = KINDS.get(stat.S_IFMT(found.st_mode), "a special file")
            raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))
        if flags & (os.O_WRONLY | os.O_RDWR) and not links and found.st_nlink > 1:
            raise OSError(errno.EMLINK, f"it has {found.st_nlink} hard links", str(path))
        return os.open(f"/proc/self/fd/{held}", flags & ~os.O_CREAT | _ALWAYS)
    finally:
        os.close(held)


def read(path: str | os.PathLike[str], limit: int, *, folder: int | None = None, links: bool = False) -> bytes:
    """The content of a regular file. Raises OSError, for one of more than ``limit`` bytes too."""
    descriptor = opened(path, folder=folder, links=links)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes", str(path))
    return content
