"""The journal: append-only record of what was done, by whom, and how to undo it.

One file of JSON lines per entry under ``journal/``, each flushed to the disk before what it announces; contents lie in
``journal/blobs/``. A torn last line, which a kill leaves, is the same as no line. It never acts on the stack.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from .blobs import BlobStore, sync_directory, write_all, write_new
from .hosts import HostError
from .locations import state_directory
from .records import Entry, Intent, Record

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
        return tuple(sorted(found, key=lambda e: (e.intent.at, e.id), reverse=True))

    def open_entries(self) -> tuple[Entry, ...]:
        """Those that were killed or stopped in the middle, and that no living process works on; newest first."""
        return tuple(entry for entry in self.entries() if entry.state == "open" and not entry.running)

    def undoable(self) -> Entry | None:
        """The newest fix that is done and not undone."""
        return next((e for e in self.entries() if e.intent.kind == "fix" and e.state == "done"), None)

    def unreadable(self) -> tuple[str, ...]:
        """Files whose first line is whole and yet not understood: another version wrote them, or a hand did."""
        return tuple(str(path) for path in self._files() if _first_line(path) is not None and _read(path) is None)

    def get(self, entry_id: str) -> Entry:
        """One entry by its id or the beginning of it. Raises JournalError when there is none or more than one."""
        found = [e for e in self.entries() if e.id == entry_id] or [
            e for e in self.entries() if e.id.startswith(entry_id)
        ]
        if len(found) == 1 and entry_id:
            return found[0]
        say = "no entry" if not found else f"{len(found)} entries"
        raise JournalError(f"The journal has {say} {entry_id!r}", "list them: stackops journal")

    def new_id(self, at: float) -> str:
        """A name that sorts by time and is not taken."""
        return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(at))}-{secrets.token_hex(3)}"

    def begin(self, intent: Intent, contents: Iterable[bytes]) -> None:
        """Keep the contents, then write the intent; both are on the disk when this returns. Raises JournalError."""
        if not _ID.fullmatch(intent.id):
            raise JournalError(f"{intent.id!r} is no name for an entry")
        self.secure()
        try:
            self.blobs.put(contents)
            write_new(self._path(intent.id), _line(intent))
            sync_directory(self.directory)
        except OSError as error:
            raise JournalError(f"The journal cannot be written in {self.directory}: {error.strerror}") from error

    def append(self, entry_id: str, record: Record) -> None:
        """Add one line and flush it. Raises JournalError."""
        try:
            descriptor = os.open(self._path(entry_id), os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                write_all(descriptor, _fresh_line(descriptor) + _line(record))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise JournalError(f"The journal cannot be written in {self.directory}: {error.strerror}") from error

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

    def secure(self) -> None:
        """Make the folders, for their owner only. Raises JournalError when others could have written in them."""
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.directory, self.blobs.directory):
                folder.mkdir(mode=0o700, exist_ok=True)
                if stat.S_IMODE(folder.stat().st_mode) & 0o077 and folder.stat().st_uid == os.geteuid():
                    folder.chmod(0o700)
        except OSError as error:
            raise JournalError(f"The state folder {self.state} cannot be written: {error.strerror}") from error
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
                    f"Others may write the journal in {folder}, so nothing is done from it", f"chmod 700 -- {folder}"
                )

    def _path(self, entry_id: str) -> Path:
        return self.directory / f"{entry_id}.jsonl"

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.directory.glob("*.jsonl") if not path.is_symlink())
        except OSError:
            return []


def _line(record: Record) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def _fresh_line(descriptor: int) -> bytes:
    """A line feed where a kill or a full disk left half a line behind."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _read(path: Path) -> Entry | None:
    try:
        lines = path.read_bytes().split(b"\n")
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
        line, end, _ = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return line if end else None
