"""The one Scheduler: runs all sources of a machine, for ever or once. Nothing else schedules, bounds or retries.

A source is read first when those that it comes after were; then each ``interval``, and sooner when a part that it
wakes on has changed. No source is read twice at the same time, whoever asks: a look that proves a repair reads through
the very sources of the console.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module

from ..hosts import Host
from ..model import DeepCheck, Snapshot
from ..settings import Settings
from ..text.cleaning import SECRETS
from .figures import History
from .source import Backoff, Cadence, Site, Source

FIRST = ("engine", "meters")
"""What is there and what it uses: read while the rest is still being imported."""
FILES = (
    *FIRST,
    "gpus",
    "compose",
    "logs",
    "configs",
    "mongo",
    "oneapi",
    "mirrors",
    "servers",
    "cookies",
    "wiring",
    "model_paths",
    "databases",
)


def _in_files(names: Iterable[str]) -> Iterator[type[Source]]:
    """The sources of these files: their classes that have a name of their own."""
    for name in names:
        module = import_module(f".sources.{name}", __package__)
        for kind in list(vars(module).values()):  # a thread may import a submodule of it meanwhile
            if isinstance(kind, type) and issubclass(kind, Source) and kind.__module__ == module.__name__:
                yield from (kind,) if "name" in vars(kind) else ()


@cache
def all_sources() -> tuple[type[Source], ...]:
    """All there are. Imports them, which takes 45 ms: a first frame need not wait for it."""
    return tuple(_in_files(FILES))


WORKED_OUT: Mapping[str, tuple[str, ...]] = {
    "host": (),
    "services": ("containers", "projects", "processes", "log_marks", "package_releases"),
}
"""Parts that no source gives -> those that they are worked out from."""


def sources_of() -> dict[str, tuple[str, ...]]:
    """Part of the Snapshot -> the names, up to a colon, of the Faults that concern it."""
    own: dict[str, dict[str, None]] = {}
    made_of: dict[str, tuple[str, ...]] = dict(WORKED_OUT)
    for source in all_sources():
        for part in source.gives:
            own.setdefault(part, {}).update(dict.fromkeys((source.name, *source.tells)))
            made_of[part] = (*made_of.get(part, ()), *source.made_of)

    def names(part: str) -> Iterator[str]:
        yield from own.get(part, ())
        for below in made_of.get(part, ()):
            yield from names(below)

    return {part: tuple(dict.fromkeys(names(part))) for part in (*own, *WORKED_OUT)}


class _Turn:
    """How far a source is."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.wake = asyncio.Event()
        self.first = asyncio.Event()
        """Set once it was read, well or not."""
        self.reading = asyncio.Lock()
        self.woken_by: tuple[object, ...] = ()


class Scheduler:
    """Made inside the event loop that will use it."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        *,
        cadence: Cadence | None = None,
        history: History | None = None,
        directories: Sequence[str] = (),
        files_only: bool = False,
        sources: Sequence[type[Source]] | None = None,
    ) -> None:
        self.site = Site(host, settings, cadence=cadence, history=history, directories=directories)
        self._files_only, self._some = files_only, sources
        self._turns: dict[str, _Turn] = {}
        self._looking = asyncio.Lock()
        self.site.wake = self.wake
        self.site.board.on_put = self._notice
        self._add(_in_files(FIRST) if sources is None else sources)

    def _add(self, kinds: Iterable[type[Source]]) -> None:
        """Those of them that this host has."""
        for kind in kinds:
            if (
                kind.name not in self._turns
                and (kind.from_files or not self._files_only)
                and kind.is_here(self.site.host)
            ):
                source = self.site.sources[kind.name] = kind(self.site)
                self._turns[kind.name] = _Turn(source)

    def _complete(self) -> None:
        """With all sources, unless some were chosen."""
        if self._some is None:
            self._add(all_sources())

    def wake(self, name: str) -> None:
        """Read soon."""
        if name in self._turns:
            self._turns[name].wake.set()

    def request(self) -> None:
        """Read everything again, now."""
        for turn in self._turns.values():
            turn.source.anew(by_key=True)
            turn.wake.set()

    def remember(self, check: DeepCheck) -> None:
        """Keep the result of a question to a model server, for the Snapshots to come."""
        from .sources.servers import Servers

        servers = self.site.source(Servers)
        if servers is not None:
            servers.remember(check)

    # -- for ever ---------------------------------------------------------------------------------------------------

    async def run(self, rest: asyncio.Event | None = None) -> None:
        """Read for ever: what containers there are and use at once, the rest as soon as ``rest`` is set."""
        tasks = self._begun({})
        try:
            if rest is not None:
                await rest.wait()
            self._complete()
            tasks = self._begun(tasks)
            await asyncio.gather(*tasks.values())
        finally:
            for task in tasks.values():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(tasks.values(), timeout=0.5)

    def _begun(self, tasks: dict[str, asyncio.Task[None]]) -> dict[str, asyncio.Task[None]]:
        new = {name: turn for name, turn in self._turns.items() if name not in tasks}
        return tasks | {name: asyncio.create_task(self._guarded(turn)) for name, turn in new.items()}

    async def _guarded(self, turn: _Turn) -> None:
        """A defect in one source is a Fault of this source; it is started again after a while."""
        while True:
            with self.site.board.catch(turn.source.name):
                await self._watch(turn)
            await asyncio.sleep(self.site.cadence.retries[-1])

    async def _watch(self, turn: _Turn) -> None:
        source, backoff = turn.source, Backoff(self.site.cadence.retries)
        await self._after(turn)
        await asyncio.sleep(source.starts_after)
        while True:
            if await self._read(turn) or not source.eager:
                backoff.worked()
                await asyncio.sleep(source.least)
                await _pause(turn.wake, source.interval)
                await asyncio.sleep(source.settles)
            else:
                await asyncio.sleep(min(source.interval, backoff.failed()))

    async def _after(self, turn: _Turn) -> None:
        for name in turn.source.after:
            if name in self._turns:
                await self._turns[name].first.wait()

    async def read(self, source: Source) -> bool:
        """Read this one now. Whether it worked."""
        return await self._read(self._turns[source.name])

    async def _read(self, turn: _Turn) -> bool:
        """One read. Whether it worked."""
        source = turn.source
        async with turn.reading:
            turn.wake.clear()
            with self.site.board.catch(source.name) as caught:
                self.site.board.take(source.name, await source.read())
        turn.first.set()
        return not caught.failed

    def _notice(self) -> None:
        """A part has changed: wake whom that concerns."""
        parts = self.site.parts
        for turn in self._turns.values():
            source = turn.source
            if source.wakes_on:
                now = tuple(getattr(parts, part) for part in source.wakes_on)
                if len(now) != len(turn.woken_by) or any(a is not b for a, b in zip(now, turn.woken_by, strict=True)):
                    turn.woken_by = now
                    if source.worthwhile():
                        turn.wake.set()

    # -- once -------------------------------------------------------------------------------------------------------

    async def look(self, on_request: Collection[str] = (), *, second_sample: float = 0.0) -> Snapshot:
        """A Snapshot in which everything was read after this call. ``on_request``: what is only read when asked for."""
        self._complete()
        async with self._looking:
            self.site.on_request = frozenset(on_request)
            try:
                snapshot = await self._looked(second_sample)
            finally:
                self.site.on_request = frozenset()
        SECRETS.learn_snapshot(snapshot)
        return snapshot

    async def _looked(self, second_sample: float) -> Snapshot:
        turns = [turn for turn in self._turns.values() if not turn.source.watches]
        read: dict[str, asyncio.Event] = {turn.source.name: asyncio.Event() for turn in turns}
        for turn in turns:
            turn.source.anew(by_key=False)
        await asyncio.gather(*(self._once(turn, read, second_sample) for turn in turns))
        read = {name: asyncio.Event() for name in read}
        await asyncio.gather(*(self._again(turn, read) for turn in turns))
        snapshot = self.site.board.snapshot()
        self.site.board.changed.set()  # who publishes has not seen it
        return snapshot

    async def _once(self, turn: _Turn, read: dict[str, asyncio.Event], second_sample: float) -> None:
        await self._in_order(turn, read)
        with self.site.board.catch(turn.source.name):
            async with turn.reading:
                self.site.board.take(turn.source.name, await turn.source.once(second_sample))
        turn.first.set()
        read[turn.source.name].set()
        if turn.source.name == "figures":
            await asyncio.sleep(second_sample)  # for the second one, beside all else

    async def _again(self, turn: _Turn, read: dict[str, asyncio.Event]) -> None:
        await self._in_order(turn, read)
        with self.site.board.catch(turn.source.name):
            async with turn.reading:
                self.site.board.take(turn.source.name, await turn.source.again())
        read[turn.source.name].set()

    async def _in_order(self, turn: _Turn, read: dict[str, asyncio.Event]) -> None:
        for name in turn.source.after:
            if name in read:
                await read[name].wait()

    def close(self) -> None:
        """Let go of what was started for reading."""
        for turn in self._turns.values():
            turn.source.close()


async def _pause(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most this long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
