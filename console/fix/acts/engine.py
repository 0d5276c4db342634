"""The step that makes the Engine read its configuration again. Nothing restarts; what proves it is ``/info``.

It also takes itself back, which needs more than a reload: a key that is gone from the file leaves the Engine's list as
it was. fact: moby daemon/reload.go, observed with 20.10
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import ClassVar, cast

from msgspec.structs import replace

from ...hosts import Engine, EngineFailed, HostError, NotPermitted, ProcessRow, Rights
from ...hosts.acting import reach
from ...hosts.call import run
from ...hosts.engine_api import Event, decode
from ...model import DaemonConfig
from ...products.dockerd import MIRRORS, address_of, flags, objections
from ...text import N_, _
from ...text.cleaning import clean_line, masked
from .base import PreparedStep, State, Step, StepContext, StepFailed, sha256
from .content import real_path, stat
from .editing import EditJson
from .standing import asked

WITHIN = 8.0
"""Seconds within which a reload shows; it takes some milliseconds."""
EVENT_WITHIN = 2.0
LOOK = 0.1
SEE_WHY = N_("see what it says: journalctl -u docker -n 20")


class EngineReload(Step, frozen=True):
    """Let dockerd read its file again, and see that its list of mirrors is the expected one."""

    is_service_step: ClassVar[bool] = True
    undone_alone: ClassVar[bool] = True
    repeated_to_follow: ClassVar[bool] = True
    read_by_engine: ClassVar[bool] = True
    deadline: ClassVar[float] = 40.0

    path: str
    """The Engine's configuration file."""
    mirrors: tuple[str, ...]
    """What the Engine must say afterwards, in this order."""
    unit: str | None = None
    """The systemd unit of dockerd."""
    pid: int | None = None
    """Of dockerd, set by ``prepare``."""
    rest: str | None = None
    """SHA-256 of the file that goes with this list; None for no file. Set by ``prepare``."""
    again: bool = False
    """Set when it is taken back or done again: the list has to be as told, whether the file has one or not."""

    @property
    def target(self) -> str:
        """What is reloaded."""
        return "dockerd"

    def describe(self) -> str:
        """One sentence: what it does."""
        listed = ", ".join(self.mirrors) or "none"
        return _(
            "Let the Docker Engine read {path} again (mirrors: {listed}); containers keep running",
            path=self.path,
            listed=listed,
        )

    def repeated(self) -> EngineReload:
        """Let dockerd read its file once more."""
        return replace(self, again=True)

    def command(self) -> str:
        """The command line that does it, to be shown."""
        hangup = f"$ kill -HUP {self.pid or '$(pidof dockerd)'}"
        return masked(f"$ systemctl reload {self.unit}" if self.unit else hangup)

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Judge the file as it would be, by our rules and by dockerd's own. StepFailed for one it would refuse."""
        row = _dockerd(bench)
        _require_rights(bench.host.rights, row)
        was = effective(bench)
        path = real_path(bench, self.path)
        _require_its_file(bench, row, path)
        self._require_good(bench, path, row, was)
        now = self._now(bench)
        step = replace(self, path=path, pid=row.pid, rest=None if now is None else bench.keep(now))
        before = bench.originals.get(path, step.rest)
        inverse = replace(step, mirrors=was, rest=before, again=True)
        changes = path in bench.pending or was != _plain(self.mirrors)
        return PreparedStep(step, inverse, step.command(), changes=changes)

    def _require_good(self, bench: StepContext, path: str, row: ProcessRow, was: tuple[str, ...]) -> None:
        from ...collect.containers import engine
        from ...collect.daemon import judged

        if stat(bench, path).kind != "file":
            return
        content = bench.host.files.read(path)
        config = judged(DaemonConfig(path=path, kind="file", flags=flags(row.command)), content)
        raw = asked(bench.host, lambda door: door.version())
        version = engine(raw, None, address="", local=True)[0].version
        against = objections(config, version, was)
        if against:
            raise StepFailed(
                _(
                    "The Engine would not start with {path}: {against}",
                    path=path,
                    against="; ".join(one.says for one in against),
                )
            )
        self._validate(bench, content, row)

    def _validate(self, bench: StepContext, content: bytes, row: ProcessRow) -> None:
        """fact: ``dockerd --validate`` came with 23.0 and only knows the flags it is given."""
        try:
            said = bench.host.control.validate_engine_config(content, _without_file(row.command[1:]))
        except HostError as error:
            bench.notes.append(_("The configuration was not checked by dockerd itself: {error}", error=error))
            return
        if said is None:
            bench.notes.append(_("The configuration was checked by stackops alone: this dockerd has no --validate"))
        elif said.exit_code != 0:
            raise StepFailed(
                _("dockerd refuses the configuration as it would be: {masked}", masked=masked(said.output.strip()))
            )

    def state(self, bench: StepContext) -> State:
        """A dockerd that is there can be reloaded; whether it was is for the journal to tell."""
        if self.again:
            return "before"
        try:
            return "before" if self.pid in (None, _dockerd(bench).pid) else "moved"
        except StepFailed:
            return "moved"

    def paths_in_flux(self, bench: StepContext) -> frozenset[str]:
        """The file, while a kill has left it with the list that only stands there for a moment."""
        passing = self.again and self._is_passing(bench, self._now(bench))
        return frozenset({self.path}) if passing else frozenset()

    def act(self, bench: StepContext) -> None:
        """Reload, and see it in ``/info``. Raises StepFailed with what the Engine says instead."""
        if not self.again:
            self._reload(bench)
            return
        now = self._now(bench)
        passing = self._is_passing(bench, now)
        rest = self._rest(bench) if passing else now
        if effective(bench) == _plain(self.mirrors):
            if passing:
                _write(bench, self.path, now, rest)
        elif self._says_so(rest):
            self._reload(bench)
        else:
            self._through(bench, now, rest)

    def _through(self, bench: StepContext, now: bytes | None, rest: bytes | None) -> None:
        """Let the file have the list for the moment of the reload, and be what it was again."""
        through = self._with_list(rest)
        if now != through:
            _write(bench, self.path, now, through)
        try:
            self._reload(bench)
        finally:
            _write(bench, self.path, through, rest)

    def _now(self, bench: StepContext) -> bytes | None:
        return bench.host.files.read(self.path) if stat(bench, self.path).kind == "file" else None

    def _rest(self, bench: StepContext) -> bytes | None:
        return None if self.rest is None else bench.content(self.rest)

    def _with_list(self, content: bytes | None) -> bytes:
        return EditJson(MIRRORS, json.dumps(self.mirrors)).apply(content, self.path)

    def _is_passing(self, bench: StepContext, now: bytes | None) -> bool:
        """Whether the file has the list only so that the Engine drops its own, and is to be put back."""
        if now is None or sha256(now) == self.rest:
            return False
        with suppress(StepFailed):
            rest = self._rest(bench)
            return self._with_list(rest) == now
        return False

    def _says_so(self, content: bytes | None) -> bool:
        """Whether the file itself has exactly this list."""
        from ...text.json_text import JsonError, load

        try:
            found = load(content).find(MIRRORS) if content is not None else None
        except JsonError:
            return False
        listed = found.value if found is not None else None
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            return False
        return _plain(tuple(listed)) == _plain(self.mirrors)

    def _reload(self, bench: StepContext) -> None:
        row = _dockerd(bench)
        was, since = effective(bench), bench.host.clock.now()
        reach("before_restart")
        bench.host.control.reload_engine(row.pid, unit=self.unit)
        wanted, clock = _plain(self.mirrors), bench.host.clock
        end = clock.monotonic() + WITHIN
        while (now := effective(bench)) != wanted:
            if clock.monotonic() >= end:
                listed = ", ".join(now) or "none"
                raise StepFailed(_("The Engine did not take the new list; it has: {listed}", listed=listed), _(SEE_WHY))
            clock.sleep(LOOK)
        if _dockerd(bench).pid != row.pid:
            raise StepFailed(_("dockerd was restarted meanwhile, which was not asked for"), "docker ps shows what runs")
        if was == wanted and not _told_of_reload(bench, since):
            raise StepFailed(_("The Engine gave no sign of having read its file again"), _(SEE_WHY))


def effective(bench: StepContext) -> tuple[str, ...]:
    """The mirrors the Engine uses now, in its order. Raises HostError when it does not tell."""
    from ...collect.containers import engine

    raw = asked(bench.host, lambda door: door.info())
    return _plain(engine(None, raw, address="", local=True)[0].registry_mirrors)


def _plain(mirrors: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(address_of(one) for one in mirrors)


def _dockerd(bench: StepContext) -> ProcessRow:
    """The one that listens where the Engine is. Raises StepFailed where none is seen."""
    from ...collect.daemon import serving

    host = bench.host
    address = host.engine.address if host.engine else ""
    rows = [] if host.kernel is None else host.kernel.processes()
    listener = None if host.kernel is None else host.kernel.listener(address)
    found = serving(host.files, rows, address, rootless="/run/user/" in address, listener=listener)
    if found is None:
        raise StepFailed(
            _("No dockerd is seen from here that serves {address}", address=clean_line(address)),
            _("on the Engine's own machine: sudo systemctl reload docker"),
        )
    return found


def _require_its_file(bench: StepContext, row: ProcessRow, path: str) -> None:
    from ...collect.daemon import is_apart

    if is_apart(bench.host.files, row.pid, path):
        raise StepFailed(
            _(
                "dockerd ({pid}) does not read {path}: it has files of its own, in a container or a mount namespace",
                pid=row.pid,
                path=path,
            ),
            _("change the file there, then: sudo kill -HUP {pid}", pid=row.pid),
        )


def _require_rights(rights: Rights, row: ProcessRow) -> None:
    if not rights.unlimited and row.user == "root":
        raise NotPermitted(
            _("Only root may reload this Engine"), f"sudo kill -HUP {row.pid}, or run stackops with sudo"
        )


def _without_file(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The flags of the running dockerd but the one that names its file."""
    kept: list[str] = []
    skip = False
    for word in arguments:
        if skip or word.startswith("--config-file"):
            skip = word == "--config-file"
            continue
        kept.append(word)
    return tuple(kept)


def _write(bench: StepContext, path: str, old: bytes | None, new: bytes | None) -> None:
    """From one content to the other, None standing for no file; each guarded by the hash of what must be there."""
    files = bench.host.files
    if new is None:
        if old is not None:
            files.remove(path, expect=sha256(old))
    else:
        files.replace(path, new, expect=None if old is None else sha256(old))


def _told_of_reload(bench: StepContext, since: float) -> bool:
    """Whether the Engine has sent its ``reload`` event since then. fact: Type ``daemon``, Action ``reload``."""
    engine = bench.host.engine
    if engine is None:
        return False
    try:
        return run(_wait_for_event(engine, since))
    except (HostError, TimeoutError):
        return False


async def _wait_for_event(engine: Engine, since: float) -> bool:
    async with asyncio.timeout(EVENT_WITHIN), aclosing(cast("_Closable", engine.events(since))) as stream:
        async for raw in stream:
            with suppress(EngineFailed):
                event = decode(raw, Event, "an event")
                if (event.type, event.action) == ("daemon", "reload"):
                    return True
    return False


class _Closable(AsyncIterator[bytes]):
    async def aclose(self) -> None:
        """Every stream of an Engine is a generator."""
