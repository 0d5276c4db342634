"""Where the bytes of a file step come from, what a path looks like, and whether it is as it was seen. Reads only.

The steps here only ever take back: what ``undo`` and the automatic roll-back are made of.
"""

from __future__ import annotations

import base64
import contextlib
import posixpath
import secrets
import shlex
from collections.abc import Iterable

from ...hosts import Files, HostError, NotPermitted, ReadOnlyRefused
from ...model import FileFact
from ...text import N_, _
from ...text.cleaning import file_diff, mode, owner
from ...text.cleaning import mode as in_octal
from .base import Content, CopyOf, FileStep, PreparedStep, RandomKey, State, StepContext, StepFailed, Stored, Text

_KINDS = {
    "directory": N_("a directory"), "missing": N_("missing"), "fifo": N_("a named pipe"), "device": N_("a device"),
    "socket": N_("a socket"), "unreadable": N_("not readable for this user"),
}  # fmt: skip
_MAXIMUM_LINKS = 8
_COLUMNS = 64


def load(content: Content, bench: StepContext, name: str | None = None) -> bytes:
    """The bytes a step writes; fresh ones for a key. Raises StepFailed when the file to copy is missing or no file."""
    if isinstance(content, Text):
        return content.text.encode("utf-8")
    if isinstance(content, CopyOf):
        return read(bench, real_path(bench, content.path))
    if isinstance(content, RandomKey):
        return _random(content.size)
    if name is None:
        raise StepFailed(_("A stored content has no name"))
    return bench.content(name)


def _random(size: int) -> bytes:
    if size < 1:
        raise StepFailed(_("A key of {size} bytes is no key", size=size))
    text = base64.b64encode(secrets.token_bytes(size))
    return b"".join(text[at : at + _COLUMNS] + b"\n" for at in range(0, len(text), _COLUMNS))


def exact(content: Content, size: int) -> Content:
    """What an exact step carries: words are kept, literal text goes to the blob store only."""
    return Stored(size) if isinstance(content, Text) else content


def words(content: Content) -> str:
    """Where the content comes from, for people: ``a copy of /srv/librechat.example.yaml``."""
    if isinstance(content, CopyOf):
        return _("a copy of {path}", path=content.path)
    if isinstance(content, RandomKey):
        return _("a new random key of {size} bytes in base64", size=content.size)
    return _("the text shown below")


def stat(bench: StepContext, path: str, *, digest: bool = False) -> FileFact:
    """What is at the path; host errors pass."""
    return bench.host.files.stat(path, digest=digest)


def read(bench: StepContext, path: str) -> bytes:
    """The content of a regular file. Raises StepFailed naming what it is instead."""
    require_file(bench, path)
    try:
        return bench.host.files.read(path)
    except StepFailed:
        raise
    except HostError as error:
        raise StepFailed(str(error), error.remedy) from error


def require_file(bench: StepContext, path: str) -> FileFact:
    """The facts of a regular file. Raises StepFailed for anything else."""
    fact = stat(bench, path)
    if fact.kind != "file":
        raise StepFailed(
            _("{path} is {kinds}, not a regular file", path=path, kinds=_(_KINDS.get(fact.kind, fact.kind)))
        )
    return fact


def real_path(bench: StepContext, path: str) -> str:
    """The path with links followed: the preview names the file that really changes. Raises StepFailed for odd paths."""
    if not path.startswith("/") or posixpath.normpath(path) != path or path.startswith("//"):
        raise StepFailed(_("{path!r} is not a plain absolute path", path=path))
    for _rest in range(_MAXIMUM_LINKS):
        target = stat(bench, path).link_target
        if target is None:
            return path
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    raise StepFailed(_("{path} is a chain of more than {maximum_links} links", path=path, maximum_links=_MAXIMUM_LINKS))


def require_writable(
    bench: StepContext,
    path: str,
    content: bytes,
    *,
    mode: int | None = None,
    uid: int | None = None,
    gid: int | None = None,
    in_place_of_directory: bool = False,
) -> None:
    """Raises the HostError that writing would, as far as it shows beforehand: no room, read-only, not permitted."""
    folder = posixpath.dirname(path)
    kind = stat(bench, folder).kind
    if kind != "directory":
        raise StepFailed(
            _("The folder {folder} is {kinds}", folder=folder, kinds=_(_KINDS.get(kind, N_("not a folder")))),
            _("make it: mkdir -p -- {folder}", folder=folder),
        )
    there = stat(bench, path)
    if there.kind == "file" and (there.links or 1) > 1:  # a directory has one for each in it
        bench.notes.append(
            _("{path} has {links} hard links: only this name gets the new content", path=path, links=there.links)
        )
    # a read-only console may look at what would be done; it is refused when it comes to doing it
    probed = f"{path}.new" if in_place_of_directory else path
    try:
        with contextlib.suppress(ReadOnlyRefused):
            bench.host.files.may_write(probed, content, mode=mode, uid=uid, gid=gid)
    except HostError as error:
        if not in_place_of_directory:
            raise
        raise StepFailed(
            str(error).replace(probed, path), _("as root: rmdir -- {path}, then look again", path=path)
        ) from error


def require_one_name(fact: FileFact) -> None:
    """Raises StepFailed for a file with more than one name: mode and owner would change for all of them."""
    if fact.links is not None and fact.links > 1:
        path = shlex.quote(fact.path)
        raise StepFailed(
            _(
                "{path} has {links} hard links: mode and owner would change for its other names too",
                path=fact.path,
                links=fact.links,
            ),
            _("make it a file of its own: cp -p -- {path} {path}.new && mv -- {path}.new {path}", path=path),
        )


def require_rights(bench: StepContext, fact: FileFact, command: str, *, owner_may: bool = True) -> None:
    """Raises NotPermitted with the command that would do it, where this user may not change mode or owner."""
    rights = bench.host.rights
    if rights.unlimited or fact.uid is None:
        return
    if not owner_may or fact.uid != rights.uid:
        who = _("its owner or root") if owner_may else "root"
        raise NotPermitted(_("Only {who} may change {path}", who=who, path=fact.path), command)


# ---- as it was seen ------------------------------------------------------------------------------------------------

_LOOKS = {"file": N_("a file"), "directory": N_("a directory"), "missing": N_("not there")}


def difference(expected: FileFact, actual: FileFact) -> str | None:
    """What differs between two looks at one path, in a sentence; None when nothing that matters does.

    What either look could not tell (None) is not compared; times and inodes never are.
    """
    path = expected.path
    if expected.kind != actual.kind:
        return _(
            "{path} is {looks}, not {looks2}",
            path=path,
            looks=_(_LOOKS.get(actual.kind, actual.kind)),
            looks2=_(_LOOKS.get(expected.kind, expected.kind)),
        )
    if expected.link_target != actual.link_target:
        return _("{path} is a link to somewhere else", path=path)
    if _differ(expected.sha256, actual.sha256):
        return _("the content of {path} has changed", path=path)
    if _differ(expected.mode, actual.mode):
        return _(
            "the mode of {path} is {in_octal}, not {in_octal2}",
            path=path,
            in_octal=in_octal(actual.mode),
            in_octal2=in_octal(expected.mode),
        )
    if _differ(expected.uid, actual.uid) or _differ(expected.gid, actual.gid):
        return _(
            "the owner of {path} is {owner}, not {owner2}",
            path=path,
            owner=owner(actual.uid, actual.gid),
            owner2=owner(expected.uid, expected.gid),
        )
    if expected.kind == "directory" and _differ(expected.empty, actual.empty):
        return _("the directory {path} is {what} now", path=path, what=_("empty") if actual.empty else _("not empty"))
    return None


def differences(files: Files, expected: Iterable[FileFact]) -> tuple[str, ...]:
    """What differs from the expected facts right now. Raises HostError when it cannot be told."""
    found = (difference(fact, files.stat(fact.path, digest=True)) for fact in expected)
    return tuple(sentence for sentence in found if sentence is not None)


def _differ(one: object, other: object) -> bool:
    return one is not None and other is not None and one != other


def content_state(bench: StepContext, path: str, before: str | None, after: str | None) -> State:
    """Where a file stands by its SHA-256; None stands for a file that is not there."""
    fact = stat(bench, path, digest=True)
    if fact.link_target is not None or fact.kind not in ("file", "missing"):
        return "moved"
    if fact.kind == "file" and fact.sha256 is None:
        return "moved"
    return "after" if fact.sha256 == after else "before" if fact.sha256 == before else "moved"


class RestoreFile(FileStep, frozen=True):
    """Put the old content back; owner and mode stay."""

    before: str
    """SHA-256 of what the fix wrote."""
    after: str
    """SHA-256 of what was there, the name of its backup."""
    secret: bool = False
    """Whether neither content is shown."""

    def describe(self) -> str:
        """One sentence: what it does."""
        return _("Put the old content of {path} back", path=self.path)

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Compare now with the backup. Raises StepFailed when the backup is gone."""
        old, new = read(bench, self.path), bench.content(self.after)
        return PreparedStep(
            self, RestoreFile(self.path, self.after, self.before, self.secret),
            file_diff(self.path, old, new, secret=self.secret), changes=old != new,
        )  # fmt: skip

    def state(self, bench: StepContext) -> State:
        """By the file's SHA-256."""
        return content_state(bench, self.path, self.before, self.after)

    def act(self, bench: StepContext) -> None:
        """Replace the content, if it still is what the fix wrote."""
        bench.host.files.replace(self.path, bench.content(self.after), expect=self.before)


class RemoveFile(FileStep, frozen=True):
    """Remove a file that the fix created, if it still has the content the fix gave it."""

    expect: str
    """SHA-256 it must have."""

    def describe(self) -> str:
        """One sentence: what it does."""
        return _("Remove {path}, which the fix created", path=self.path)

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Show what goes."""
        if stat(bench, self.path).kind == "missing":
            return PreparedStep(self, None, "", changes=False)
        return PreparedStep(self, None, file_diff(self.path, read(bench, self.path), None))

    def state(self, bench: StepContext) -> State:
        """Missing is after."""
        return content_state(bench, self.path, self.expect, None)

    def act(self, bench: StepContext) -> None:
        """Remove the file, if it still is what the fix wrote."""
        bench.host.files.remove(self.path, expect=self.expect)


class RestoreDirectory(FileStep, frozen=True):
    """Put an empty directory back where the fix put a file."""

    mode: int
    uid: int
    gid: int
    expect: str
    """SHA-256 the file must have."""

    def describe(self) -> str:
        """One sentence: what it does."""
        return _(
            "Put the empty directory {path} back ({mode}, {owner})",
            path=self.path,
            mode=mode(self.mode),
            owner=owner(self.uid, self.gid),
        )

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Show what goes."""
        if self.state(bench) == "after":
            return PreparedStep(self, None, "", changes=False)
        there = stat(bench, self.path).kind == "file"
        gone = file_diff(self.path, read(bench, self.path), None) if there else ""
        comes = _(
            "{path}: file → empty directory {mode} {owner}",
            path=self.path,
            mode=mode(self.mode),
            owner=owner(self.uid, self.gid),
        )
        return PreparedStep(self, None, f"{gone}\n{comes}".strip())

    def state(self, bench: StepContext) -> State:
        """The file the fix wrote is before; so is what a kill in the middle leaves: nothing, a directory half made."""
        fact = stat(bench, self.path, digest=True)
        if fact.kind == "missing" or (fact.kind == "file" and fact.sha256 == self.expect):
            return "before"
        if fact.kind != "directory" or fact.link_target is not None:
            return "moved"
        if (fact.mode, fact.uid, fact.gid) == (self.mode, self.uid, self.gid):
            return "after"
        return "moved" if bench.host.files.names(self.path) else "before"

    def act(self, bench: StepContext) -> None:
        """Remove the file, make the directory; finish one that was half made."""
        files = bench.host.files
        seen = stat(bench, self.path)
        if seen.kind == "file":
            files.remove(self.path, expect=self.expect)
        if seen.kind == "directory":
            files.chown(self.path, self.uid, self.gid, seen=seen)
            files.chmod(self.path, self.mode, seen=seen)
        else:
            files.make_directory(self.path, mode=self.mode, uid=self.uid, gid=self.gid)
        if self.state(bench) != "after":
            raise StepFailed(_("{path} is not the directory it was", path=self.path))
