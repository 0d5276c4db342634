"""Steps that only ever take back: what ``undo`` and the automatic roll-back are made of."""

from __future__ import annotations

from ...text.cleaning import file_diff, mode, owner
from .base import FileStep, PreparedStep, State, StepContext, StepFailed
from .content import read, stat


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
        return f"Put the old content of {self.path} back"

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
        return f"Remove {self.path}, which the fix created"

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
        return f"Put the empty directory {self.path} back ({mode(self.mode)}, {owner(self.uid, self.gid)})"

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Show what goes."""
        if self.state(bench) == "after":
            return PreparedStep(self, None, "", changes=False)
        there = stat(bench, self.path).kind == "file"
        gone = file_diff(self.path, read(bench, self.path), None) if there else ""
        comes = f"{self.path}: file → empty directory {mode(self.mode)} {owner(self.uid, self.gid)}"
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
            raise StepFailed(f"{self.path} is not the directory it was")
