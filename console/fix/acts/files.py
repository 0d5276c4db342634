"""Steps on files. Each writes whole files only, through ``Host.files``, which replaces atomically."""

from __future__ import annotations

import shlex

from msgspec.structs import replace

from ...model import FileFact
from ...text import N_, _
from ...text.cleaning import change, file_diff, mode, owner
from .base import Content, FileStep, PreparedStep, RandomKey, State, Step, StepContext, StepFailed, StepMoved
from .compose_edits import AddVolume, PinGpus, RenameVariable, SetServiceKeys
from .content import (
    RemoveFile,
    RestoreDirectory,
    RestoreFile,
    content_state,
    exact,
    load,
    read,
    real_path,
    require_file,
    require_one_name,
    require_rights,
    require_writable,
    stat,
    words,
)
from .editing import EditJson, EnvLine, RepairConfig, apply_all, without_secrets
from .editing import words as edits_in_words

Edit = AddVolume | SetServiceKeys | EnvLine | RepairConfig | EditJson | RenameVariable | PinGpus
"""Every edit that a journal can hold."""
AGAIN = N_("look again and prepare a new plan")


class EditFile(FileStep, frozen=True):
    """Splice edits into a YAML or ``.env`` file; a missing file is created when ``create`` is set."""

    edits: tuple[Edit, ...]
    create: bool = False
    before: str | None = None
    """SHA-256 of the old content; None when the file does not exist."""
    after: str | None = None
    """SHA-256 of the new content, set by ``prepare``."""
    like: str | None = None
    """A file that is created gets mode and owner of this one: it holds what that one holds."""
    mode: int = 0o644
    uid: int | None = None
    gid: int | None = None
    """Of a file that is created, set by ``prepare``."""

    def describe(self) -> str:
        """One sentence: what it does."""
        verb = "Create" if self.create and self.before is None else "Edit"
        return f"{verb} {self.path}: {edits_in_words(self.edits)}"

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Compute the new content. Raises StepFailed for a file that is missing, odd, or not editable with proof."""
        path = real_path(bench, self.path)
        missing = stat(bench, path).kind == "missing"
        if missing and not self.create:
            raise StepFailed(_("{path} does not exist", path=path))
        old = None if missing else read(bench, path)
        new = apply_all(old, self.edits, path)
        step = replace(
            self._like_the_other(bench) if missing else self, path=path, edits=without_secrets(self.edits),
            before=None if old is None else bench.keep(old), after=bench.keep(new),
        )  # fmt: skip
        if missing:
            require_writable(bench, path, new, mode=step.mode, uid=step.uid, gid=step.gid)
        else:
            require_writable(bench, path, new)
        inverse = _taken_back(path, step.before, step.after or "")
        return PreparedStep(step, inverse, file_diff(path, old, new), changes=old != new)

    def _like_the_other(self, bench: StepContext) -> EditFile:
        fact = stat(bench, real_path(bench, self.like)) if self.like is not None else None
        if fact is None or fact.kind != "file" or fact.mode is None:
            return self
        gives = bench.host.rights.gives_away
        return replace(self, mode=fact.mode, uid=fact.uid if gives else None, gid=fact.gid if gives else None)

    def state(self, bench: StepContext) -> State:
        """By the file's SHA-256."""
        return content_state(bench, self.path, self.before, self.after)

    def act(self, bench: StepContext) -> None:
        """Replace the file atomically, if it still is what it was."""
        content = bench.content(self.after or "")
        if self.before is None:
            bench.host.files.create(self.path, content, mode=self.mode, uid=self.uid, gid=self.gid)
        else:
            bench.host.files.replace(self.path, content, expect=self.before)


class CreateFile(FileStep, frozen=True):
    """Create a file that does not exist."""

    content: Content
    mode: int = 0o644
    uid: int | None = None
    gid: int | None = None
    after: str | None = None

    def describe(self) -> str:
        """One sentence: what it does."""
        return _(
            "Create {path} with {words}, {as_}",
            path=self.path,
            words=words(self.content),
            as_=_as(self.mode, self.uid, self.gid),
        )

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Load or generate the content. Raises StepFailed when something else is at the path."""
        path = real_path(bench, self.path)
        fact = stat(bench, path, digest=True)
        if fact.kind != "missing":
            return self._already(path, bench, fact.sha256)
        new = load(self.content, bench)
        require_writable(bench, path, new, mode=self.mode, uid=self.uid, gid=self.gid)
        step = replace(self, path=path, content=exact(self.content, len(new)), after=bench.keep(new))
        diff = _joined(_content_diff(path, None, new, self.content), _meta_lines(path, self.mode, self.uid, self.gid))
        return PreparedStep(step, RemoveFile(path, step.after or ""), diff)

    def _already(self, path: str, bench: StepContext, digest: str | None) -> PreparedStep:
        """Nothing to do where the same content is already there; a key that exists is never replaced."""
        if not isinstance(self.content, RandomKey):
            new = load(self.content, bench)
            name = bench.keep(new)
            if digest == name:
                return PreparedStep(
                    replace(self, path=path, content=exact(self.content, len(new)), after=name), None, "", changes=False
                )
        raise StepFailed(_("{path} exists already; it is left as it is", path=path))

    def state(self, bench: StepContext) -> State:
        """By the file's SHA-256; missing is before."""
        return content_state(bench, self.path, None, self.after)

    def act(self, bench: StepContext) -> None:
        """Create the file with its mode and owner from the first moment."""
        content = bench.content(self.after or "")
        bench.host.files.create(self.path, content, mode=self.mode, uid=self.uid, gid=self.gid)


class ReplaceFile(FileStep, frozen=True):
    """Replace the content of a file that is no good; the old content stays in the journal."""

    content: Content
    before: str | None = None
    after: str | None = None

    def describe(self) -> str:
        """One sentence: what it does."""
        return _(
            "Replace the content of {path} by {words}; the old content is kept in the journal",
            path=self.path,
            words=words(self.content),
        )

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Read the old content, load the new. Raises StepFailed when there is no regular file."""
        path = real_path(bench, self.path)
        old, new = read(bench, path), load(self.content, bench)
        require_writable(bench, path, new)
        step = replace(
            self, path=path, content=exact(self.content, len(new)), before=bench.keep(old), after=bench.keep(new)
        )  # fmt: skip
        secret = isinstance(self.content, RandomKey)
        inverse = RestoreFile(path, before=step.after or "", after=step.before or "", secret=secret)
        return PreparedStep(step, inverse, _content_diff(path, old, new, self.content), changes=old != new)

    def state(self, bench: StepContext) -> State:
        """By the file's SHA-256."""
        return content_state(bench, self.path, self.before, self.after)

    def act(self, bench: StepContext) -> None:
        """Replace the content, keeping owner and mode."""
        bench.host.files.replace(self.path, bench.content(self.after or ""), expect=self.before)


class ReplaceDirectoryByFile(FileStep, frozen=True):
    """Put a file where Docker made an empty directory."""

    content: Content
    mode: int = 0o644
    uid: int | None = None
    gid: int | None = None
    old_mode: int | None = None
    old_uid: int | None = None
    old_gid: int | None = None
    after: str | None = None

    def describe(self) -> str:
        """One sentence: what it does."""
        return _(
            "Replace the empty directory {path} by a file with {words}, {as_}",
            path=self.path,
            words=words(self.content),
            as_=_as(self.mode, self.uid, self.gid),
        )

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Load the content. Raises StepFailed unless an empty directory is there."""
        path = real_path(bench, self.path)
        fact = stat(bench, path)
        if fact.kind != "directory":
            raise StepFailed(_("{path} is not a directory", path=path))
        if bench.host.files.names(path):
            raise StepFailed(
                _("The directory {path} is not empty, so it is not removed", path=path),
                _("look at what is in it: ls -la -- {path}", path=path),
            )
        if fact.mode is None or fact.uid is None or fact.gid is None:
            raise StepFailed(_("Mode and owner of {path} cannot be read, so it could not be put back", path=path))
        new = load(self.content, bench)
        require_writable(bench, path, new, mode=self.mode, uid=self.uid, gid=self.gid, in_place_of_directory=True)
        step = replace(
            self, path=path, content=exact(self.content, len(new)), old_mode=fact.mode, old_uid=fact.uid,
            old_gid=fact.gid, after=bench.keep(new),
        )  # fmt: skip
        inverse = RestoreDirectory(path, fact.mode, fact.uid, fact.gid, expect=step.after or "")
        was = _(
            "{path}: empty directory {mode} {owner} → file",
            path=path,
            mode=mode(fact.mode),
            owner=owner(fact.uid, fact.gid),
        )
        diff = _joined(
            was, _content_diff(path, None, new, self.content), _meta_lines(path, self.mode, self.uid, self.gid)
        )
        return PreparedStep(step, inverse, diff)

    def state(self, bench: StepContext) -> State:
        """An empty directory is before; so is nothing at all: a kill may have come between the two acts."""
        fact = stat(bench, self.path, digest=True)
        if fact.kind == "missing" or (fact.kind == "directory" and fact.link_target is None and self._as_seen(bench)):
            return "before"
        return "after" if fact.kind == "file" and fact.sha256 == self.after else "moved"

    def _as_seen(self, bench: StepContext) -> bool:
        fact = stat(bench, self.path)
        seen = (fact.mode, fact.uid, fact.gid) == (self.old_mode, self.old_uid, self.old_gid)
        return seen and not bench.host.files.names(self.path)

    def act(self, bench: StepContext) -> None:
        """Remove the empty directory, create the file."""
        content = bench.content(self.after or "")
        files = bench.host.files
        if stat(bench, self.path).kind == "directory":
            files.remove_directory(self.path)
        files.create(self.path, content, mode=self.mode, uid=self.uid, gid=self.gid)


class Chmod(FileStep, frozen=True):
    """Change permission bits."""

    mode: int
    old_mode: int | None = None
    inode: int | None = None
    """Of the file that was looked at; None on an inverse: the fix may have replaced the file behind this step."""

    def describe(self) -> str:
        """One sentence: what it does."""
        return _("Set the mode of {path} to {mode}", path=self.path, mode=mode(self.mode))

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Read the mode. Raises StepFailed for anything but a regular file."""
        path = real_path(bench, self.path)
        fact = require_file(bench, path)
        if fact.mode is None:
            raise StepFailed(_("The mode of {path} cannot be read, so it could not be put back", path=path))
        if fact.mode != self.mode:
            require_one_name(fact)
            require_rights(bench, fact, f"sudo chmod {mode(self.mode)} -- {shlex.quote(path)}")
        step = replace(self, path=path, old_mode=fact.mode, inode=fact.inode)
        inverse = Chmod(path, mode=fact.mode, old_mode=self.mode)
        return PreparedStep(
            step, inverse, change(path, "mode", mode(fact.mode), mode(self.mode)), changes=fact.mode != self.mode
        )

    def state(self, bench: StepContext) -> State:
        """By the permission bits."""
        return self._stands(stat(bench, self.path))

    def _stands(self, fact: FileFact) -> State:
        if fact.kind != "file" or fact.link_target is not None:
            return "moved"
        if fact.mode == self.mode:
            return "after"
        return "before" if fact.mode == self.old_mode and self.inode in (None, fact.inode) else "moved"

    def act(self, bench: StepContext) -> None:
        """Change the mode of the very file that is looked at here. Raises StepMoved for another one."""
        seen = stat(bench, self.path)
        if self._stands(seen) != "before":
            raise StepMoved(_("{path} is no longer as the preview showed it", path=self.path), _(AGAIN))
        bench.host.files.chmod(self.path, self.mode, seen=seen)


class Chown(FileStep, frozen=True):
    """Change the owner; a gid of None keeps the group."""

    uid: int
    gid: int | None = None
    old_uid: int | None = None
    old_gid: int | None = None
    inode: int | None = None
    """As with ``Chmod``."""

    def describe(self) -> str:
        """One sentence: what it does."""
        return _(
            "Give {path} to {what}",
            path=self.path,
            what=_("user {uid}", uid=self.uid) if self.gid is None else owner(self.uid, self.gid),
        )

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Read the owner. Raises StepFailed for anything but a regular file."""
        path = real_path(bench, self.path)
        fact = require_file(bench, path)
        if fact.uid is None or fact.gid is None:
            raise StepFailed(_("The owner of {path} cannot be read, so it could not be put back", path=path))
        gid = fact.gid if self.gid is None else self.gid
        if (fact.uid, fact.gid) != (self.uid, gid):
            command = (
                f"sudo chown {owner(self.uid, self.gid) if self.gid is not None else self.uid} -- {shlex.quote(path)}"
            )
            require_one_name(fact)
            require_rights(bench, fact, command, owner_may=False)
        step = replace(self, path=path, gid=gid, old_uid=fact.uid, old_gid=fact.gid, inode=fact.inode)
        inverse = Chown(path, uid=fact.uid, gid=fact.gid, old_uid=self.uid, old_gid=gid)
        diff = change(path, "owner", owner(fact.uid, fact.gid), owner(self.uid, gid))
        return PreparedStep(step, inverse, diff, changes=(fact.uid, fact.gid) != (self.uid, gid))

    def state(self, bench: StepContext) -> State:
        """By user and group."""
        return self._stands(stat(bench, self.path))

    def _stands(self, fact: FileFact) -> State:
        if fact.kind != "file" or fact.link_target is not None:
            return "moved"
        here = (fact.uid, fact.gid)
        if here == (self.uid, self.gid):
            return "after"
        return "before" if here == (self.old_uid, self.old_gid) and self.inode in (None, fact.inode) else "moved"

    def act(self, bench: StepContext) -> None:
        """Change the owner of the very file that is looked at here. Raises StepMoved for another one."""
        if self.gid is None:
            raise StepFailed(_("The group of {path} is not known", path=self.path))
        seen = stat(bench, self.path)
        if self._stands(seen) != "before":
            raise StepMoved(_("{path} is no longer as the preview showed it", path=self.path), _(AGAIN))
        bench.host.files.chown(self.path, self.uid, self.gid, seen=seen)


def _taken_back(path: str, before: str | None, after: str) -> Step:
    return RemoveFile(path, after) if before is None else RestoreFile(path, before=after, after=before)


def _as(bits: int, uid: int | None, gid: int | None) -> str:
    return _("mode {mode}", mode=mode(bits)) + ("" if uid is None else _(", owner {owner}", owner=owner(uid, gid)))


def _meta_lines(path: str, bits: int, uid: int | None, gid: int | None) -> str:
    return f"{path}: {_as(bits, uid, gid)}"


def _content_diff(path: str, old: bytes | None, new: bytes, content: Content) -> str:
    secret = isinstance(content, RandomKey)
    return file_diff(path, old, new, secret=secret, what=_("random base64") if secret else "")


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
