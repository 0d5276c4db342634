"""What making a service's container anew changes besides what it is done for, found out before anybody agrees to it.

Compose is asked twice: what it would make of the files that made the container, as they are, and of the files as the
plan leaves them. What differs between the two is the plan's own. What differs between the container and the first are
edits that wait to be applied, which are shown; or values that only a shell had, which nothing could bring back: those
are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ...compose import definition as d
from ...hosts import ComposeProject, Files, HostError, NotFound
from ...hosts.engine_api import ImageInspected
from ...products.services import LABEL_HASH, LABEL_VERSION, same_compose
from ...text import _
from .base import StepContext, StepFailed
from .content import real_path
from .standing import image_named, inspected

_ANY_VOLUME = "volume, a new one"


@dataclass(frozen=True)
class ServiceSource(ComposeProject):
    """From which files a service is made."""

    service: str = ""


@dataclass(frozen=True)
class Foreseen:
    """What a container is, and what it would be."""

    there: d.Definition
    back: d.Definition = field(repr=False)
    """What Compose would make of the files as they are: what taking the plan back brings."""
    after: d.Definition = field(repr=False)
    also: tuple[d.Change, ...] = field(repr=False)
    """Edits that wait, and that recreating applies along."""
    settings: str | None = None
    """Said where something else of the service was edited since, which no line of the definition tells."""

    def says(self) -> Iterator[str]:
        """What the operator has to see, secrets masked."""
        for change in self.also:
            yield _("Recreating also changes {told}", told=d.told(change))
        if self.settings:
            yield self.settings

    @property
    def whole(self) -> tuple[str, ...]:
        """Everything that would be different, the plan's own too, secrets masked."""
        changed = (c for c in d.changes(self.there, self.after) if not c.what.startswith(d.OTHER))
        return (*map(d.told, changed), *([self.settings] if self.settings else ()))


def foresee(bench: StepContext, source: ServiceSource, made_with: ServiceSource, container: str) -> Foreseen:
    """Compare; reads only. Raises StepFailed for what could not be brought back, with the way out."""
    one = inspected(bench.host, container)
    if one is None:
        raise StepFailed(_("The container of {service} is gone", service=source.service), _("look again"))
    there = d.of_container(one)
    before, after = as_it_is(bench, made_with), as_it_would_be(bench, source)
    back, then = _made(bench, before, source, there), _made(bench, after, source, there)
    image, labels = one.image or "", d.labels_of(one)
    own_image = image_named(bench.host, image, missing_is=back.image)
    waiting = d.changes(there, d.of_compose(before.config, source.service, own_image, before.added, there))
    unedited, comparable = _unedited(bench, made_with, labels) if waiting or labels else (None, False)
    if unedited:
        waiting = tuple(change for change in waiting if _from_outside(change, before.added))
    _refuse_what_is_lost(bench.disk, made_with, waiting, unedited=bool(unedited))
    also = [c for c in waiting if back.lines.get(c.what) == then.lines.get(c.what)]
    if back.image.id != image and there.get("image") == back.lines.get("image") == then.lines.get("image"):
        also.append(d.Change(d.IMAGE_CONTENT, there[d.IMAGE_CONTENT], back.image.id or ""))
    firm = bool(unedited) and back.image.id == image == then.image.id and _same_settings(before, after, source)
    edited = comparable and unedited is False and not waiting
    return Foreseen(
        there, _kept(back.lines, firm), _kept(then.lines, firm), tuple(also),
        _("Recreating {service} also applies other settings that were edited in its compose files since",
          service=source.service)
        if edited else None,
    )  # fmt: skip


def foresee_back(bench: StepContext, source: ServiceSource, replaced: d.Definition, *, firm: bool) -> Foreseen:
    """What taking back brings, beside what the container was. Raises StepFailed for what could not be brought back."""
    made = _made(bench, as_it_would_be(bench, source), source, replaced).lines
    unlike = tuple(c for c in d.changes(replaced, made) if not c.what.startswith(d.OTHER))
    _refuse_what_is_lost(bench.host.files, source, unlike, unedited=False)
    return Foreseen(replaced, made, _kept(made, firm and not unlike), unlike)


def would_make(bench: StepContext, source: ServiceSource, there: d.Definition) -> d.Definition:
    """What Compose would make now of the files as they are, in place of a container with the definition ``there``."""
    return _made(bench, as_it_is(bench, source), source, there).lines


def differs(bench: StepContext, container: str, wanted: d.Definition) -> tuple[d.Change, ...]:
    """What a container has otherwise than it should. Raises StepFailed when it is gone."""
    one = inspected(bench.host, container)
    if one is None:
        raise StepFailed(_("The container is gone"))
    firm = any(key.startswith(d.OTHER) for key in wanted)
    found = d.changes(wanted, _kept(d.of_container(one), firm))
    return tuple(change for change in found if not _any_volume(change))


def _any_volume(change: d.Change) -> bool:
    was, now = change.was or "", change.now or ""
    return was.startswith(_ANY_VOLUME) and now.startswith("volume ") and was[-3:] == now[-3:]


# ---- what Compose says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ComposeAnswer:
    """Compose's answer, read."""

    config: Mapping[str, Any] = field(repr=False)
    added: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class _Made:
    image: ImageInspected
    lines: dict[str, str] = field(repr=False)


def as_it_is(bench: StepContext, source: ServiceSource) -> ComposeAnswer:
    """What Compose makes of the files on the host."""
    return _asked(bench, source)


def as_it_would_be(bench: StepContext, source: ServiceSource) -> ComposeAnswer:
    """What Compose would make of the files as the steps before leave them; nothing of it is written there."""
    env_files = source.env_files or (source.dotenv,)
    edited = {
        path: bench.pending[real]
        for path in (*source.files, *env_files)
        if (real := real_path(bench, path)) in bench.pending
    }
    return _with_edited_env_files(bench, source, _asked(bench, source, edited))


def _asked(bench: StepContext, source: ServiceSource, edited: Mapping[str, bytes] | None = None) -> ComposeAnswer:
    try:
        told = bench.host.control.service_config(source, source.service, edited=edited)
        return ComposeAnswer(d.read_config(told.text), told.added)
    except HostError as error:
        raise StepFailed(str(error), error.remedy) from error
    except msgspec.DecodeError as error:
        raise StepFailed(_("Compose answered with something that is not a configuration")) from error


def _with_edited_env_files(bench: StepContext, source: ServiceSource, told: ComposeAnswer) -> ComposeAnswer:
    """Compose has read a service's ``env_file`` as it is on the host: its edited lines are laid over the answer."""
    from ...compose.interpolation import parse_env_file
    from ...compose.reading import read_project

    if not bench.pending:
        return told
    project, _rest = read_project(
        bench.host.files, source.directory, name=source.name, config_files=source.files, env_files=source.env_files
    )
    declared = next((one for one in project.services if one.name == source.service), None)
    base = {one.name: one.value for one in project.env}
    for path in declared.env_files if declared else ():
        if (real := real_path(bench, path)) not in bench.pending:
            continue
        new = parse_env_file(bench.pending[real].decode("utf-8", "replace"), base)
        old = parse_env_file(_on_disk(bench, real).decode("utf-8", "replace"), base)
        environment = told.config["services"][source.service].setdefault("environment", {})
        for name in {*old, *new} - set(declared.named if declared else ()):
            if old.get(name) != new.get(name):
                environment.pop(name, None)
                environment |= {name: new[name]} if name in new else {}
    return told


def _on_disk(bench: StepContext, path: str) -> bytes:
    try:
        return bench.disk.read(path)
    except NotFound:
        return b""


def _made(bench: StepContext, told: ComposeAnswer, source: ServiceSource, there: d.Definition) -> _Made:
    name = d.image_of(told.config, source.service)
    image = image_named(bench.host, name)
    return _Made(image, d.of_compose(told.config, source.service, image, told.added, there))


# ---- what it means ---------------------------------------------------------------------------------------------------


def _unedited(bench: StepContext, source: ServiceSource, labels: Mapping[str, str]) -> tuple[bool | None, bool]:
    """Whether Compose's own hash says that nothing was edited, and whether another hash says that something was."""
    try:
        version, hashes = bench.host.control.service_hashes(source)
    except HostError:
        return None, False
    made_as, now = labels.get(LABEL_HASH), hashes.get(source.service)
    if made_as is None or now is None:
        return None, False
    # fact: the hash of a service with env_file is another one with `config` than with `up` (Compose 2.26.1)
    own_env = bool(_env_files_of(bench, source))
    return made_as == now, same_compose(labels.get(LABEL_VERSION), version) and not own_env


def _env_files_of(bench: StepContext, source: ServiceSource) -> tuple[str, ...]:
    from ...compose.reading import read_project

    project, _rest = read_project(
        bench.disk, source.directory, name=source.name, config_files=source.files, env_files=source.env_files
    )
    return next((one.env_files for one in project.services if one.name == source.service), ())


def _from_outside(change: d.Change, added: Mapping[str, str]) -> bool:
    """What may differ although the service's files are as they were: networks, names of volumes, proxies, limits."""
    if change.what.startswith(d.VARIABLE):
        return _is_proxy(change, added)
    by_hand = (d.RESTART, d.MEMORY, d.CPUS)
    return change.what in by_hand or change.what.startswith(d.NETWORK) or (change.was or "").startswith("volume ")


def _is_proxy(change: d.Change, added: Mapping[str, str]) -> bool:
    name = change.what.removeprefix(d.VARIABLE)
    return name in added or name.upper() in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY")


def _refuse_what_is_lost(files: Files, source: ServiceSource, waiting: Sequence[d.Change], *, unedited: bool) -> None:
    """Raises StepFailed for what the container has and no file gives, so that nothing could bring it back."""
    from ...compose import reading

    if not waiting:
        return
    declared = reading.with_tokens(
        files, source.directory, source.service, config_files=source.files, env_files=source.env_files
    )
    lost = reading.lost(waiting, declared, source.name)
    where = " or ".join(source.env_files[-1:] or (source.dotenv,))
    if lost:
        names = _(" and ").join(lost)
        lines = ", ".join(dict.fromkeys(lost.values()))
        raise StepFailed(
            _("{service} was started with another value of {names}, which no env file gives: recreating it would "
              "change {lines}", service=source.service, names=names, lines=lines),
            _("give {names} back: write it into {where} (empty, if you took it out), or export it before you start "
              "stackops", names=names, where=where),
        )  # fmt: skip
    for change in waiting if unedited else ():
        if change.was is not None and change.what.startswith(d.VARIABLE) and _is_proxy(change, {}):
            raise StepFailed(
                _("{service} was started with {removeprefix} from the proxies of a docker client that are not the "
                  "ones here: recreating it would lose it", service=source.service,
                  removeprefix=change.what.removeprefix(d.VARIABLE)),
                _("start stackops as the user who started the service, or name it in the compose file"),
            )  # fmt: skip
        if change.now is None and change.what.startswith(d.NETWORK):
            network = change.what.removeprefix(d.NETWORK)
            raise StepFailed(
                _("{service} was connected to the network {network} by hand, and recreating it would cut it off",
                  service=source.service, network=network),
                _("name {network} in the compose file (external: true), or disconnect it", network=network),
            )  # fmt: skip


def _same_settings(before: ComposeAnswer, after: ComposeAnswer, source: ServiceSource) -> bool:
    return d.other_settings(before.config, source.service) == d.other_settings(after.config, source.service)


def _kept(lines: d.Definition, firm: bool) -> dict[str, str]:
    """Without the settings that cannot be foreseen."""
    return {key: value for key, value in lines.items() if firm or not key.startswith(d.OTHER)}
