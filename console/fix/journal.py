"""The journal: append-only record of what was done, by whom, and how to undo it.

One file of JSON lines per entry under ``journal/``, each flushed to the disk before what it announces; contents lie in
``journal/blobs/``. A torn last line, which a kill leaves, is the same as no line. It never acts on the stack.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ..hosts import Host, HostError, Locks
from ..hosts.local.locking import LocalLocks
from ..paths import opened, read, state_directory
from ..text import _
from ..text.cleaning import redact
from .records import End, Entry, Failed, Intent, Record, Stopped

YOUNG = 3600.0
"""Seconds: a content may be written before the entry that needs it."""
MOST = 64 << 20
"""Bytes of a content; files of a stack are read up to 1 MiB."""
_OURS = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{64}\.\d+")
"""A content, or what a kill left of one."""


class BlobStore:
    """A folder (0700) with one file (0600) per content. Written atomically, read with their hash checked.

    Each act holds the folder open and follows no link: what is pruned lies in it and nowhere else.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, name: str) -> Path:
        """Where a content is kept."""
        return self.directory / name

    def put(self, contents: Iterable[bytes]) -> None:
        """Keep contents, on the disk for certain when this returns. Raises OSError."""
        with opened_directory(self.directory) as folder:
            for content in contents:
                name = hashlib.sha256(content).hexdigest()
                if _content(name, folder) is None:
                    _write(name, content, folder)
                else:  # young again, so that no other console prunes it before the entry is written
                    os.utime(name, dir_fd=folder, follow_symlinks=False)
            os.fsync(folder)

    def get(self, name: str) -> bytes | None:
        """A content; None when it is gone or no longer has its hash. Raises HostError when it cannot be read."""
        try:
            with opened_directory(self.directory) as folder:
                return _content(name, folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(
                _("The backup {path} cannot be read: {strerror}", path=self.path(name), strerror=error.strerror)
            ) from error

    def keep_only(self, names: set[str]) -> None:
        """Remove every other content that is older than an hour. What cannot be removed stays."""
        with contextlib.suppress(OSError), opened_directory(self.directory) as folder:
            for name in os.listdir(folder):  # noqa: PTH208 - of a descriptor
                if name not in names and _OURS.fullmatch(name):
                    _forget(name, folder)


def _content(name: str, folder: int) -> bytes | None:
    try:
        content = read(name, MOST, folder=folder)
    except FileNotFoundError:
        return None
    return content if hashlib.sha256(content).hexdigest() == name else None


def _write(name: str, content: bytes, folder: int) -> None:
    temporary = f".{name}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    try:
        write_new(temporary, content, folder)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)


def _forget(name: str, folder: int) -> None:
    with contextlib.suppress(OSError):
        if time.time() - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime > YOUNG:
            os.unlink(name, dir_fd=folder)


@contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """A folder held open, itself no link. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_new(path: str | Path, content: bytes, folder: int | None = None) -> None:
    """Create a file (0600) that must not exist, and flush it to the disk. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600, dir_fd=folder)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, however short single writes are. Raises OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(path: Path) -> None:
    """Flush a folder, so that names made in it survive. Raises OSError."""
    with opened_directory(path) as folder:
        os.fsync(folder)


BACKUPS = 20
"""Fixes per file whose contents are kept."""
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_DECODER = msgspec.json.Decoder(Record)


class JournalError(HostError):
    """The journal cannot be written, or cannot be trusted."""


class Journal:
    """The entries under a state folder. Nothing is created before the first entry is written."""

    def __init__(self, directory: Path | str | None = None) -> None:
        self.state = Path(directory) if directory is not None else state_directory()
        self.directory = self.state / "journal"
        self.blobs = BlobStore(self.directory / "blobs")

    def entries(self) -> tuple[Entry, ...]:
        """All entries, newest first. Files that are no entry are left out (see ``unreadable``)."""
        found = [entry for path in self._files() if (entry := _read(path)) is not None]
        undone = {e.intent.of: e.id for e in found if e.intent.kind == "undo" and e.state == "done"}
        for entry in found:
            entry.undone_by = undone.get(entry.id)
        return tuple(sorted(found, key=lambda e: (e.intent.number, e.intent.at, e.id), reverse=True))

    def open_entries(self) -> tuple[Entry, ...]:
        """Those that were killed or stopped in the middle, and that no living process works on; newest first."""
        return tuple(entry for entry in self.entries() if entry.state == "open" and not entry.running)

    def undoable(self) -> Entry | None:
        """The newest fix that is done and not undone."""
        return next((e for e in self.entries() if e.intent.kind == "fix" and e.state == "done"), None)

    def unreadable(self) -> tuple[str, ...]:
        """Files whose first line is whole and yet not understood: another version wrote them, or a hand did.

        What is no regular file, or cannot be read, is one of them.
        """
        return tuple(str(path) for path in self._files() if _first_line(path) is not None and _read(path) is None)

    def get(self, entry_id: str) -> Entry:
        """One entry by its id or the beginning of it. Raises JournalError when there is none or more than one."""
        found = [e for e in self.entries() if e.id == entry_id] or [
            e for e in self.entries() if e.id.startswith(entry_id)
        ]
        if len(found) == 1 and entry_id:
            return found[0]
        say = _("no entry") if not found else _("{count} entries", count=len(found))
        raise JournalError(
            _("The journal has {say} {entry_id!r}", say=say, entry_id=entry_id), _("list them: stackops journal")
        )

    def new_id(self, at: float) -> str:
        """A name that tells the time and is not taken."""
        return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(at))}-{secrets.token_hex(3)}"

    def begin(self, intent: Intent, contents: Iterable[bytes]) -> None:
        """Keep the contents, then write the intent; both are on the disk when this returns. Raises JournalError."""
        if not _ID.fullmatch(intent.id):
            raise JournalError(_("{id!r} is no name for an entry", id=intent.id))
        self.secure()
        intent = replace(intent, number=1 + max((entry.intent.number for entry in self.entries()), default=0))
        try:
            self.blobs.put(contents)
            write_new(self._path(intent.id), _line(intent))
            sync_directory(self.directory)
        except OSError as error:
            raise JournalError(
                _(
                    "The journal cannot be written in {directory}: {strerror}",
                    directory=self.directory,
                    strerror=error.strerror,
                )
            ) from error

    def append(self, entry_id: str, record: Record) -> None:
        """Add one line and flush it. Raises JournalError."""
        try:
            descriptor = opened(self._path(entry_id), os.O_RDWR | os.O_APPEND)
            try:
                write_all(descriptor, _fresh_line(descriptor) + _line(record))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise JournalError(
                _(
                    "The journal cannot be written in {directory}: {strerror}",
                    directory=self.directory,
                    strerror=error.strerror,
                )
            ) from error

    def contents(self, entry: Entry) -> dict[str, bytes]:
        """The contents an entry needs, as far as they are still there. Raises HostError when one cannot be read."""
        found = {name: self.blobs.get(name) for name in entry.blob_names()}
        return {name: content for name, content in found.items() if content is not None}

    def prune(self) -> None:
        """Drop contents that no open entry and none of the last fixes of a file needs. The lines stay."""
        kept: set[str] = set()
        seen: dict[str, int] = {}
        for entry in self.entries():
            paths = {fact.path for fact in entry.intent.was}
            for path in paths:
                seen[path] = seen.get(path, 0) + 1
            if entry.state == "open" or any(seen[path] <= BACKUPS for path in paths):
                kept |= entry.blob_names()
        self.blobs.keep_only(kept)

    @contextmanager
    def locked(
        self,
        host: Host,
        folder: str | None,
        tell: Callable[[str], None] = lambda _: None,
        stop: threading.Event | None = None,
    ) -> Iterator[None]:
        """Hold the lock of a project's folder; of the journal's own without one. Raises Locked, naming the holder."""
        locks: Locks = LocalLocks()
        if folder is not None and host.locks is not None:
            locks = host.locks
        else:
            self.secure()
            folder = str(self.directory)

        def holder() -> str | None:
            running = (one for one in self.entries() if one.running and one.intent.lock == folder)
            if (entry := next(running, None)) is None:
                return None
            since = time.strftime("%H:%M:%S", time.localtime(entry.intent.at))
            return _("{user} pid {pid} since {since}", user=entry.person.user, pid=entry.person.pid, since=since)

        with locks.hold(folder, holder, tell, stop):
            yield

    def secure(self) -> None:
        """Make the folders, for their owner only. Raises JournalError when others could have written in them."""
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.directory, self.blobs.directory):
                folder.mkdir(mode=0o700, exist_ok=True)
                with opened_directory(folder) as descriptor:
                    found = os.fstat(descriptor)
                    if stat.S_IMODE(found.st_mode) & 0o077 and found.st_uid == os.geteuid():
                        os.fchmod(descriptor, 0o700)
        except OSError as error:
            raise JournalError(
                _(
                    "The state folder {state} cannot be written: {strerror}",
                    state=self.state,
                    strerror=error.strerror,
                )
            ) from error
        self.require_trust()

    def require_trust(self) -> None:
        """Raises JournalError unless only this user, root, or the user behind sudo can have written the entries."""
        trusted = {os.geteuid(), 0} | ({int(v)} if (v := os.environ.get("SUDO_UID", "")).isdecimal() else set())
        for folder in (self.directory, self.blobs.directory):
            if not folder.exists():
                continue
            fact = folder.lstat()
            if not stat.S_ISDIR(fact.st_mode) or fact.st_uid not in trusted or stat.S_IMODE(fact.st_mode) & 0o022:
                raise JournalError(
                    _("Others may write the journal in {folder}, so nothing is done from it", folder=folder),
                    f"chmod 700 -- {folder}",
                )

    def _path(self, entry_id: str) -> Path:
        return self.directory / f"{entry_id}.jsonl"

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.directory.glob("*.jsonl") if not path.is_symlink())
        except OSError:
            return []


def _line(record: Record) -> bytes:
    return msgspec.json.encode(_masked(record)) + b"\n"


def _masked(record: Record) -> Record:
    """Without a secret in what it says to people. Steps are data, and hold none."""
    match record:
        case Intent():
            steps = tuple(replace(row, describe=redact(row.describe), diff=redact(row.diff)) for row in record.steps)
            return replace(record, title=redact(record.title), steps=steps)
        case Failed() | Stopped():
            return replace(record, why=redact(record.why))
        case End():
            return replace(record, says=tuple(map(redact, record.says)))
    return record


def _fresh_line(descriptor: int) -> bytes:
    """A line feed where a kill or a full disk left half a line behind."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _read(path: Path) -> Entry | None:
    try:
        lines = read(path, MOST).split(b"\n")
    except OSError:
        return None
    records: list[Record] = []
    for line in lines:
        try:
            records.append(_DECODER.decode(line))
        except msgspec.MsgspecError:
            continue
    if not records or not isinstance(records[0], Intent):
        return None
    return Entry(records[0], tuple(records[1:]))


def _first_line(path: Path) -> bytes | None:
    try:
        line, end, _rest = read(path, MOST).partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError:
        return b""
    return line if end else None
