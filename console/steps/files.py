"""Steps on files."""

from __future__ import annotations

from .base import Content, Step
from .compose_edit import AddVolume


class EditFile(Step, frozen=True):
    """Splice edits into a YAML file; a missing file is created when ``create`` is set."""

    path: str
    edits: tuple[AddVolume, ...]
    create: bool = False
    before: str | None = None
    """SHA-256 of the old content; None when the file does not exist."""
    after: str | None = None
    """SHA-256 of the new content, set by ``prepare``."""


class CreateFile(Step, frozen=True):
    """Create a file that does not exist."""

    path: str
    content: Content
    mode: int = 0o644
    uid: int | None = None
    gid: int | None = None
    after: str | None = None


class ReplaceFile(Step, frozen=True):
    """Replace the content of a file that is no good; the old content stays in the journal."""

    path: str
    content: Content
    before: str | None = None
    after: str | None = None


class ReplaceDirectoryByFile(Step, frozen=True):
    """Put a file where Docker made an empty directory."""

    path: str
    content: Content
    mode: int = 0o644
    uid: int | None = None
    gid: int | None = None
    old_mode: int | None = None
    old_uid: int | None = None
    old_gid: int | None = None
    after: str | None = None


class Chmod(Step, frozen=True):
    """Change permission bits."""

    path: str
    mode: int
    old_mode: int | None = None


class Chown(Step, frozen=True):
    """Change the owner; a gid of None keeps the group."""

    path: str
    uid: int
    gid: int | None = None
    old_uid: int | None = None
    old_gid: int | None = None
