"""Tiny builders of Snapshot parts, for the Examples of the checks and for tests. Data only."""

from __future__ import annotations

from typing import Any

from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import (
    ComposeService,
    ConfigFile,
    Container,
    EngineInfo,
    FileFact,
    HostInfo,
    KeyFileFact,
    LogMark,
    Mount,
    Project,
    Role,
    Service,
    Snapshot,
    Volume,
)

NOW = 1_700_000_000.0
STARTED = NOW - 3600
ENGINE = EngineInfo(
    version="20.10.24", api_version="1.41", address="unix:///var/run/docker.sock", local=True, os="Debian 12"
)


def container_id(name: str) -> str:
    """64 hexadecimal digits made from a name."""
    return (name.encode("utf-8", "surrogatepass").hex() + "0" * 64)[:64]


def bind(source: str, target: str, **more: Any) -> Mount:
    """A bind mount of a container."""
    return Mount(kind="bind", source=source, target=target, **more)


def declared_bind(source: str, target: str, declared_in: str, **more: Any) -> Volume:
    """A bind mount of a compose service."""
    return Volume(kind="bind", source=source, target=target, declared_in=declared_in, **more)


def file(path: str, kind: Any = "file", **more: Any) -> FileFact:
    """A path; a regular file is 0644 root:root, 64 bytes, an hour older than every container."""
    facts: dict[str, Any] = {"mode": 0o644, "uid": 0, "gid": 0, "size": 64, "mtime": STARTED - 3600, "empty": False}
    if kind == "directory":
        facts |= {"mode": 0o755, "size": 4096, "empty": True}
    if kind in ("missing", "unreadable"):
        facts = {}
    return FileFact(path=path, kind=kind, **(facts | more))


def stack(
    role: Role, directory: str, *, name: str, service: str, image: str, container: dict[str, Any] | None = None,
    declared: dict[str, Any] | None = None, compose: tuple[str, ...] = ("docker-compose.yml",),
    label: tuple[str, ...] | None = None, files: tuple[FileFact, ...] = (), keyfiles: tuple[KeyFileFact, ...] = (),
    marks: tuple[tuple[str, str], ...] = (), engine: EngineInfo | None = ENGINE, project: dict[str, Any] | None = None,
) -> Snapshot:  # fmt: skip
    """One service of one compose project. ``container`` None: not started. ``marks``: (mark, text) since the start."""
    title = directory.rsplit("/", 1)[-1]
    used = compose if label is None else label
    config = tuple(
        ConfigFile(path=f"{directory}/{one}", automatic_override="override" in one, in_use=one in used)
        for one in compose
    )
    whole = Project(
        **{
            "name": title, "working_dir": directory, "files": config,
            "services": (ComposeService(name=service, image=image, container_name=name, **(declared or {})),),
            **(project or {}),
        }
    )  # fmt: skip
    made = None if container is None else _container(name, service, image, directory, title, used, container)
    return Snapshot(
        taken_at=NOW, host=HostInfo(name="example"), engine=engine, projects=(whole,),
        containers=(made,) if made else (),
        services=(Service(role, name, made.id if made else None, project=title, compose_service=service),),
        files=files, keyfiles=keyfiles,
        log_marks=tuple(LogMark(made.id, mark, text, STARTED + 1) for mark, text in marks) if made else (),
    )  # fmt: skip


def _container(
    name: str, service: str, image: str, directory: str, project: str, used: tuple[str, ...], more: dict[str, Any]
) -> Container:
    labels = {LABEL_DIRECTORY: directory, LABEL_FILES: ",".join(f"{directory}/{one}" for one in used)}
    facts: dict[str, Any] = {
        "id": container_id(name), "name": name, "image": image, "state": "running", "project": project,
        "service": service, "labels": labels, "created_at": STARTED - 1, "started_at": STARTED, "env": (),
    }  # fmt: skip
    return Container(**(facts | more))
