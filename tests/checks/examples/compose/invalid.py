"""Compose files that Compose takes or not, and what ``compose.invalid`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import ConfigFile, HostInfo, Project, Snapshot

from examples import Example
from examples.snapshots import NOW
from examples.wiring.folder import FILE, FOLDER, folder, live, service

OVERRIDE = f"{FOLDER}/docker-compose.override.yml"
WEB = service("web", "nginx:1.27")


def told(error: str | None, *, up: bool = False, others: tuple[ConfigFile, ...] = ()) -> Snapshot:
    """A stack whose file Compose refuses with these words."""
    snapshot = (live if up else folder)(WEB)
    files = (ConfigFile(FILE, error=error), *others)
    return replace(snapshot, projects=tuple(replace(one, files=files) for one in snapshot.projects))


REASONS = (
    "line 63, column 5: services.oneapi Additional property network is not allowed",
    'service "fastgpt" depends on undefined service "vectorDB": invalid compose project',
    'line 12, column 3: mapping key "api" already defined at line 4',
    "line 7, column 1: did not find expected key",
    f"env file {FOLDER}/.env not found",
    "No port specified: :<empty>",
    "services.web.ports must be a list",
    "empty compose file",
)

FINDS = (
    *(Example(f"wrote a file that is refused: {reason}", told(reason), "finding", "refused", ()) for reason in REASONS),
    Example("has the fault in the override",
            told(None, others=(ConfigFile(OVERRIDE, error=REASONS[3], automatic_override=True),)), "finding",
            "refused", ()),
    Example("broke it while all runs", told(REASONS[0], up=True), "finding", "refused-later", ()),
    Example("duplicated a key while all runs", told(REASONS[2], up=True), "finding", "refused-later", ()),
)  # fmt: skip

UNUSED = ConfigFile(OVERRIDE, error=REASONS[3], automatic_override=True, in_use=False)
FINE = ConfigFile(OVERRIDE, automatic_override=True)

FINDS_NOT = (
    Example("wrote a good file", told(None), "ok"),
    Example("wrote a good file, and all runs", told(None, up=True), "ok"),
    Example("wrote a good override too", told(None, others=(FINE,)), "ok"),
    Example("has a bad override that is not in use", told(None, others=(UNUSED,)), "ok"),
    Example("has a bad override that is not in use, and all runs", told(None, up=True, others=(UNUSED,)), "ok"),
    Example("has several files", told(None, others=(ConfigFile(f"{FOLDER}/gpu.yml"), FINE)), "ok"),
    Example("has a file that only root may read", told("permission denied"), "unknown"),
    Example("has it while all runs", told("cannot be read: permission denied", up=True), "unknown"),
    Example("has an override that only root may read",
            told(None, others=(ConfigFile(OVERRIDE, error="permission denied"),)), "unknown"),
    *(Example(f"has a file that stackops itself does not read, running {up}: {reason}", told(reason, up=up), "unknown")
      for up in (False, True) for reason in (
        "line 103, column 101: nested deeper than 100 levels",
        "line 5, column 31: more than 100000 values once aliases are followed",
        f"{FILE} is larger than 1048576 bytes; it is not read")),
    Example("has a project without known files", replace(folder(WEB), projects=(Project("stack", FOLDER),)),
            "not_applicable"),
    Example("has no projects", Snapshot(NOW, HostInfo("x")), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
