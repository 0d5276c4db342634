"""Journal entries as a test wants them: done, undone, interrupted."""

from __future__ import annotations

from pathlib import Path

from stackops.console.fix.journal import Journal
from stackops.console.fix.records import About, Did, End, Intent, JournalStep
from stackops.console.fix.steps import Chmod
from stackops.console.hosts.local.locking import Who

NOW = 1_760_000_000.0
WHO = Who("ops", 1000, 4_000_000, 1, None, "10.0.0.9 50000 10.0.0.1 22")


def intent(entry_id: str, at: float, *, host: str = "gpubox", kind: str = "fix", of: str | None = None) -> Intent:
    """The intent of a small fix."""
    key, other = "/srv/librechat/mongodb.key", "/srv/librechat/other.key"
    steps = (
        JournalStep(
            Chmod(key, 0o400, 0o644), Chmod(key, 0o644, 0o400), f"Set the mode of {key} to 400",
            "- mode 644\n+ mode 400",
        ),
        JournalStep(Chmod(other, 0o400, 0o644), None, f"Set the mode of {other} to 400", ""),
    )  # fmt: skip
    return Intent(
        id=entry_id, kind=kind, check="mongo.keyfile", subject="librechat/mongodb", safety="safe", host=host,
        at=at, who=WHO, title="Close the key file to others", version="0.1.0", plan_hash="0" * 64,
        steps=steps, was=(), will=(), of=of,
    )  # type: ignore[arg-type] # fmt: skip


def journal(folder: Path) -> Journal:
    """Two fixes that are done, one of them undone."""
    made = Journal(folder)
    for number, (entry_id, kind, of) in enumerate(
        (("20251009-080000-aaaaaa", "fix", None), ("20251009-081000-bbbbbb", "undo", "20251009-080000-aaaaaa"),
         ("20251009-082000-cccccc", "fix", None))
    ):  # fmt: skip
        at = NOW + 600 * number
        made.begin(intent(entry_id, at, kind=kind, of=of), ())
        for step in (0, 1):
            made.append(entry_id, About(step, at + step))
            made.append(entry_id, Did(step, at + step))
        made.append(entry_id, End("done", at + 30))
    return made


def interrupted(folder: Path, *, host: str = "gpubox") -> Journal:
    """One fix whose process was killed after the first step."""
    made = Journal(folder)
    made.begin(intent("20251009-090000-dddddd", NOW, host=host), ())
    made.append("20251009-090000-dddddd", About(0, NOW + 1))
    made.append("20251009-090000-dddddd", Did(0, NOW + 1))
    made.append("20251009-090000-dddddd", About(1, NOW + 2))
    return made
