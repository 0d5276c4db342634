"""Compose refuses the stack's files: the first fault, with file and line.

What it does
    Reads the compose files the way `docker compose` does, `include` and `extends`, profiles, several files and .env
    among it, and names the first thing that Compose would refuse, in Compose's own words. No Compose is needed for it.

Why it matters
    Containers that run go on, so nothing seems to be wrong. The next `docker compose up`, after an update or a reboot
    of the machine, does nothing but print one line, and no other check can judge the files.

Fix
    Explained: file, line and reason. What was meant is yours to write.

Sources
    The Compose specification and its schema; measured with Compose 2.26.1 (docs/architecture.md says where).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ...console.model import ConfigFile, Project, Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand

_UNREAD = re.compile(
    r"permission denied|cannot be read|may not be read|not readable|timed? ?out"
    r"|nested deeper than \d+ levels|more than \d+ values once|is larger than \d+ bytes",
    re.IGNORECASE,
)
"""Why it is we who cannot read a file. fact: Compose 2.26.1 takes 9,000 levels, aliases without end, 2 MiB"""

REFUSED = Form(
    "refused", "Compose refuses {name}: {reason}",
    "Nothing of the stack can be started with this file.",
    "correct the file",
    advice="Open {subject} and correct this: {error}\n"
    "See whether it is right: docker compose config -q in {folder}\n"
    "A key may be of a newer Compose than stackops knows: docker compose version",
)  # fmt: skip
RUNNING = replace(
    REFUSED, id="refused-later", severity="warning",
    because="What runs goes on. The next docker compose up is refused, and after a change nothing can be applied.",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each project, by the first file that is wrong."""
    for project in snapshot.projects:
        used = [file for file in project.files if file.in_use]
        bad = next((file for file in used if file.error), None)
        if bad is None:
            if used:
                yield Fine(project.name, _("Compose takes the files of {project}", project=project.name))
        elif _UNREAD.search(bad.error or ""):
            yield Unknown(bad.path, _("Cannot say whether Compose takes {path}", path=bad.path), bad.error or "")
        else:
            yield _case(project, bad, snapshot)


def _case(project: Project, file: ConfigFile, snapshot: Snapshot) -> Case[None]:
    error = file.error or ""
    runs = any(one.project == project.name and one.state == "running" for one in snapshot.containers)
    folder, _rest, name = file.path.rpartition("/")
    words = {"name": name, "folder": project.working_dir or folder, "error": error, "reason": error}
    return Case(file.path, RUNNING if runs else REFUSED, None, (Evidence(_("refused"), error, file.path),), words)


CHECK = Check(
    "compose.invalid", "Compose takes the stack's files", __doc__ or "", (REFUSED, RUNNING), find, by_hand,
    reads=("containers", "projects"),
)  # fmt: skip
