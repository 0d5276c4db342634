"""What LibreChat makes of its librechat.yaml: the file read through ``Files``, the verdict by ``console.librechat``.

A file is read again only when its digest, the release or the environment has changed. Its text stays in here: what
leaves is the verdict, cleaned, and without the values of the file. May not write, and asks no server.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from msgspec.structs import replace

from ..hosts import Files, HostError
from ..librechat import judge
from ..librechat.place import Spot, spots
from ..librechat.release import NEWEST, Release, number, release
from ..librechat.repair import repairs
from ..model import ConfigIssue, ConfigVerdict, Container, FileFact, LogMark, PackageRelease, Project
from ..stacks.services import services
from ..stacks.versions import version_of
from ..text import SECRETS, clean_line, redact

LIMIT = 512 * 1024
"""Bytes; the longest librechat.yaml seen has some thousand lines."""
NEWEST_NUMBER = number(NEWEST) or (0, 0, 0)
Memory = dict[tuple[object, ...], ConfigVerdict]


def read(
    files: Files,
    containers: Sequence[Container],
    projects: Sequence[Project],
    marks: Sequence[LogMark],
    *,
    told: str | None = None,
    packages: Sequence[PackageRelease] = (),
    memory: Memory | None = None,
) -> tuple[ConfigVerdict, ...]:
    """A verdict for each LibreChat service; ``told``: the release the operator names. Never raises for a file.

    ``memory`` is the caller's: what was judged before and has not changed is taken from it.
    """
    before = {} if memory is None else dict(memory)
    now: Memory = {}
    found = [
        _one(files, spot, _release(spot, marks, packages, told), before, now)
        for spot in spots(services(containers, projects), containers, projects)
    ]
    if memory is not None:
        memory.clear()
        memory.update(now)
    return tuple(found)


def _release(spot: Spot, marks: Sequence[LogMark], packages: Sequence[PackageRelease], told: str | None) -> Release:
    own = spot.container.id if spot.container else None
    banners = [mark.text for mark in marks if mark.container == own and mark.mark == "librechat.start"]
    declared = version_of("librechat", spot.declared.image or "") if spot.declared else None
    running = spot.service.version if spot.container else None
    package = next((one.version for one in packages if one.container == own), None)
    return release(told, banners, running, declared, package)


def _one(files: Files, spot: Spot, of: Release, before: Memory, now: Memory) -> ConfigVerdict:
    path, fact, problem = _file(files, spot)
    verdict = ConfigVerdict(
        path=clean_line(path), release=of.text, release_from=of.how, problem=problem,
        container=spot.container.id if spot.container else None, project=spot.service.project,
        service=spot.service.compose_service, mounted=spot.mounted and bool(spot.paths) and path == spot.paths[0],
        sha256=fact.sha256 if fact else None,
    )  # fmt: skip
    if problem or fact is None:
        return verdict
    environment = sha256(repr(spot.env).encode("utf-8", "surrogatepass")).hexdigest()
    key = (verdict, environment, spot.known, spot.inside, fact.mtime if fact.sha256 is None else None)
    made = before.get(key) or _judged(files, spot, of, verdict)
    if made.problem is None:
        now[key] = made
    return made


def _file(files: Files, spot: Spot) -> tuple[str, FileFact | None, str | None]:
    """The path that is judged, the facts of a regular file there, and why it cannot be read."""
    first = spot.paths[0] if spot.paths else ""
    for path in spot.paths:
        try:
            fact = files.stat(path, digest=True)
        except HostError as error:
            return path, None, clean_line(str(error))
        if fact.kind == "file":
            too_big = fact.size is not None and fact.size > LIMIT
            return path, fact, f"it is larger than {LIMIT // 1024} KiB" if too_big else None
        if fact.kind == "unreadable":
            return path, None, "this user may not read it"
        if path == first and (spot.mounted or fact.kind != "missing"):
            break  # what the container sees is what counts
    return first, None, None


def _judged(files: Files, spot: Spot, of: Release, verdict: ConfigVerdict) -> ConfigVerdict:
    try:
        content = files.read(verdict.path, limit=LIMIT)
    except HostError as error:
        return replace(verdict, problem=clean_line(str(error)))
    text = judge.decoded(content)
    SECRETS.learn_text(text)
    env = {var.name: var.value for var in reversed(spot.env)} if spot.known else None
    try:
        found = judge.verdict(text, of.number, env, inside=spot.inside)
        steps = repairs(text, found, of.number, env, inside=spot.inside) if content.isascii() or _utf8(content) else ()
    except judge.NotJudged as error:
        return replace(verdict, problem=str(error))
    if found.only_unknown_keys and of.number > NEWEST_NUMBER:
        return replace(
            verdict, problem=f"LibreChat {of.text} is newer than the rules known here, and may know its keys"
        )
    return replace(
        verdict, stage=found.stage, boot=found.boot, log=_shown(found.log) if found.log else None,
        issues=tuple(_clean(issue) for issue in found.issues), shown=_names(found.shown), dropped=_names(found.dropped),
        azure_models=_names(found.azure_models), repairs=steps,
    )  # fmt: skip


def _utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_shown(name) for name in names)


def _clean(issue: ConfigIssue) -> ConfigIssue:
    return replace(
        issue, path=_shown(issue.path), message=_shown(issue.message),
        advice=_shown(issue.advice) if issue.advice else None,
    )  # fmt: skip


def _shown(text: str) -> str:
    return redact(clean_line(text, 400))
