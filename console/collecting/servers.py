"""Model servers, asked gently: each at its own pace, at most a few at once, none twice at the same time.

What was heard is remembered per host and life of the server, so that the many looks of a fix being verified ask hardly
more often than one does. A server that hangs holds up nobody but itself. Asks only what ``sources.servers`` asks.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from ..hosts import Host, Http
from ..model import DeepCheck, Fault, NativeProcess, ServedModel, Server
from ..settings import Settings
from ..sources.servers import Candidate, look
from ..stacks.model_servers import SERVING, Around, Found, Listening, found
from ..stacks.model_users import Use, uses
from ..stacks.programs import role_of_program
from ..text import SECRETS
from .board import Board
from .cadence import Cadence
from .history import History
from .remembered import PerHost
from .servers_loading import with_loading
from .servers_pace import GATEWAYS, YOUNG, Known
from .worker import Worker, pause

AT_ONCE = 8
"""Servers asked at the same time."""
TICK = 1.0
"""Seconds between two looks at who is due."""


class Memory:
    """What is remembered of one machine's servers."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self.deep: dict[tuple[str, str], DeepCheck] = {}


_MEMORIES: PerHost[Memory] = PerHost(Memory)


def memory_of(host: Host) -> Memory:
    """What is remembered of a host's servers."""
    return _MEMORIES.of(host)


def remember(host: Host, check: DeepCheck) -> None:
    """Keep the result of a deep check, for the Snapshots to come. Thread-safe."""
    memory_of(host).deep[check.server, check.model] = check


class Servers:
    """The parts ``servers`` and ``deep_checks``."""

    def __init__(
        self, http: Http, host: Host, board: Board, cadence: Cadence, settings: Settings, history: History
    ) -> None:
        self._http, self._host, self._board = http, host, board
        self._cadence, self._settings, self._history = cadence, settings.servers, history
        self._memory = memory_of(host)
        self._place = _Place(host, board, cadence)
        self._found = Found()
        self._mine: frozenset[str] = frozenset()
        """Keys of what this look at the machine knew, lest one that has seen nothing yet makes others forget."""
        self._broken: frozenset[str] = frozenset()
        """Keys of those at which looking itself fails: a defect of ours."""
        self._made_from: tuple[object, ...] = ()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._wake = asyncio.Event()
        self._complaints: tuple[Fault, ...] = ()

    def request(self) -> None:
        """Ask all of them soon; lists too."""
        for known in self._memory.known.values():
            known.asked_at, known.slow_at, known.failures = -1e9, -1e9, 0
        self._wake.set()

    def containers_changed(self) -> None:
        """See who came, went or was started again; nothing is asked for that alone."""
        self._wake.set()

    async def watch(self) -> None:
        """Ask for ever. Nothing is asked in the first moments, when the screen is being made."""
        await asyncio.sleep(min(TICK, self._cadence.servers))
        try:
            while True:
                with self._board.catch("servers"):
                    await self._place.read()
                    self._find()
                    self._start_due()
                    self._show()
                await asyncio.sleep(min(TICK, self._cadence.servers) / 4)
                await pause(self._wake, min(TICK, self._cadence.servers))
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def read(self, patience: float | None = None) -> None:
        """One look at all that are due; who has not answered after ``patience`` seconds is left out of it."""
        with self._board.catch("servers"):
            await self._place.read()
            self._find()
            await self._wait(self._start_due(), patience)
            self._show()

    async def read_rates(self, seconds: float, patience: float | None = None) -> None:
        """Ask those that count tokens and have no rate yet once more after so many seconds: a rate takes two looks."""
        known = self._memory.known
        told = {key: each.server.figures for key, each in known.items()}
        counting = {
            key for key, each in told.items() if each and each.generated_tokens and each.tokens_per_second is None
        }
        if not counting or seconds <= 0:
            return
        with self._board.catch("servers"):
            await asyncio.sleep(seconds)
            there = [c for c in self._found.candidates if c.key in counting & known.keys()]
            await self._wait([self._start(c) for c in there if not known[c.key].looking], patience)
            self._show()

    async def _wait(self, tasks: Iterable[asyncio.Task[None]], patience: float | None) -> None:
        patience = self._cadence.servers_patience if patience is None else patience
        keys = {task: key for key, task in self._tasks.items()}
        waiting = set(tasks)
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=patience)
        for task in late:
            task.cancel()
            known = self._memory.known.get(keys.get(task, ""))
            if known is None:
                continue
            known.asked_at = self._host.clock.monotonic()  # whoever looks next does not wait for it all over again
            if known.server.read_at is None:
                known.server = replace(known.server, reason=_late(known, patience))
        await asyncio.gather(*late, return_exceptions=True)

    # Who is there

    def _find(self) -> None:
        """Candidates anew, when something they are made from has changed."""
        parts, place = self._board.parts, self._place
        holders = frozenset(p.container for p in parts.gpu_processes if p.container)
        inputs = (
            parts.containers, parts.processes, parts.oneapis, parts.engine, place.uses, place.around, holders,
            parts.log_marks,
        )  # fmt: skip
        if len(inputs) == len(self._made_from) and all(
            _same(a, b) for a, b in zip(inputs, self._made_from, strict=True)
        ):
            return
        self._made_from = inputs
        tokens, complaints = self._tokens()
        around = replace(
            place.around, gpu_containers=holders, addresses=self._settings.addresses, tokens=tokens,
            elsewhere=self._settings.probe_declared,
        )  # fmt: skip
        declared = (*uses(parts.containers, parts.oneapis), *place.uses)
        there = found(parts.containers, parts.processes, declared, around)
        self._found = replace(there, candidates=with_loading(there.candidates, parts.log_marks))
        bad = (f"stackops.toml, [servers] addresses: {text} is no http address" for text in self._found.bad)
        self._complaints = (
            *complaints,
            *(Fault("servers", sentence, "write it as http://host:port") for sentence in bad),
        )
        self._keep_known()

    def _tokens(self) -> tuple[dict[str, tuple[str, str]], tuple[Fault, ...]]:
        """Keys that the settings name, and what is wrong with that."""
        tokens, faults = {}, []
        for server, name in self._settings.token_env.items():
            value = os.environ.get(name)
            if value:
                SECRETS.learn("API_KEY", value)
                tokens[server] = (value, name)
            else:
                sentence = f"The environment variable {name}, named in [servers] token_env, is not set"
                faults.append(Fault("servers", sentence, f"set it to the key of {server}, or take it out"))
        return tokens, tuple(faults)

    def _keep_known(self) -> None:
        """Forget who is gone; begin anew with who was started again."""
        known, wanted = self._memory.known, {c.key: c for c in self._found.candidates}
        for key in self._mine - set(wanted):
            known.pop(key, None)
        self._mine = frozenset(wanted)
        self._history.keep_servers(wanted)
        for key, candidate in wanted.items():
            if candidate.token:
                SECRETS.learn("API_KEY", candidate.token)
            # With the command, as the number of a process that ended is given to another some day.
            life = (candidate.address, candidate.container, candidate.pid or candidate.started_at, candidate.command)
            if key not in known or known[key].life != life:
                known[key] = Known(life, _unasked(candidate, probe=self._settings.probe))

    # Asking

    def _start_due(self) -> list[asyncio.Task[None]]:
        if not self._settings.probe:
            return []
        now, known = self._host.clock.monotonic(), self._memory.known
        there = [c for c in self._found.candidates if c.key in known and c.key not in self._tasks]
        due = [c for c in there if known[c.key].due(now, self._cadence, young=self._is_young(c))]
        return [self._start(candidate) for candidate in due]

    def _is_young(self, candidate: Candidate) -> bool:
        return candidate.started_at is not None and self._host.clock.now() - candidate.started_at < YOUNG

    def _start(self, candidate: Candidate) -> asyncio.Task[None]:
        known = self._memory.known[candidate.key]
        known.looking = known.waiting = True
        known.asked_at = self._host.clock.monotonic()
        task = asyncio.create_task(self._ask(candidate, known))
        self._tasks[candidate.key] = task

        def ended(_: object) -> None:
            known.looking = False
            if self._tasks.get(candidate.key) is task:
                del self._tasks[candidate.key]

        task.add_done_callback(ended)
        return task

    async def _ask(self, candidate: Candidate, known: Known) -> None:
        now = self._host.clock.monotonic()
        slow = known.slow_due(now, self._cadence)
        with self._board.catch("servers-look") as caught:
            async with self._slots:
                known.waiting = False
                before = known.server if known.server.read_at is not None else None
                server = await look(self._http, candidate, before, self._host.clock.now(), slow=slow)
            known.take(server, now, slow=slow)
            if server.figures is not None:
                self._history.add_server(server.key, server.figures.tokens_per_second)
            self._wake.set()  # those that were asked together are shown together
        self._broken = self._broken | {candidate.key} if caught.failed else self._broken - {candidate.key}
        if not self._broken and self._board.failing("servers-look"):
            self._board.forget("servers-look")

    # Telling

    def _show(self) -> None:
        known, there = self._memory.known, self._found
        lists = {state.container: state.models for state in self._board.parts.oneapis if state.models}
        rows = [known[c.key].server for c in there.candidates if c.key in known]
        servers = tuple(
            replace(
                _with_models(row, lists),
                users=there.users.get(row.key, ()),
                listens=_listens(row, self._place.around.listening),
            )
            for row in sorted((*rows, *there.silent), key=_order)
        )
        keys = {server.key for server in servers}
        deep = tuple(check for (key, _), check in sorted(self._memory.deep.items()) if key in keys)
        parts = self._board.parts
        if servers or parts.servers or self._complaints:
            self._board.good("servers", self._complaints, servers=servers, deep_checks=deep)

    def close(self) -> None:
        """Let the thread go."""
        self._place.close()


class _Place:
    """What is known beside the containers: addresses in files, who listens where. Read in a thread, and seldom."""

    def __init__(self, host: Host, board: Board, cadence: Cadence) -> None:
        self.uses: tuple[Use, ...] = ()
        self.around = Around()
        self._host, self._board, self._cadence = host, board, cadence
        self._files, self._kernel = Worker("The folder of configuration files"), Worker("The table of connections")
        self._seen: tuple[object, ...] = ()
        self._read_at = self._heard_at = -1e9
        self._heard: tuple[frozenset[int], frozenset[str]] | None = None

    async def read(self) -> None:
        """Files when they may have changed, connections when a native server came; both once in a while."""
        await asyncio.gather(self._read_files(), self._listen())

    async def _read_files(self) -> None:
        from ..sources.model_addresses import read

        parts, engine = self._board.parts, self._host.engine
        inputs = (parts.containers, parts.projects, parts.files, parts.config_verdicts)
        now = self._host.clock.monotonic()
        same = len(self._seen) == len(inputs) and all(a is b for a, b in zip(self._seen, inputs, strict=True))
        least = self._cadence.servers_slow if same else self._cadence.servers
        if engine is None or not engine.local or now - self._read_at < least:
            return
        self._seen, self._read_at = inputs, now
        with self._board.catch("servers-files") as caught:
            self.uses = await self._files.call(
                self._cadence.files_deadline, read, self._host.files, parts.containers, parts.projects
            )
        if not caught.failed:
            self._board.forget("servers-files")

    async def _listen(self) -> None:
        parts, kernel, engine = self._board.parts, self._host.kernel, self._host.engine
        local = engine is None or engine.local
        info = parts.engine
        around = replace(self.around, local=local, rootless=info is not None and info.rootless)
        pids, now = _serving(parts.processes), self._host.clock.monotonic()
        networks = frozenset(link.network for each in parts.containers for link in each.networks)  # bring addresses
        known = (pids, networks) == self._heard
        if kernel is not None and (not known or now - self._heard_at >= self._cadence.servers_slow):
            self._heard, self._heard_at = (pids, networks), now
            with self._board.catch("servers-ports") as caught:
                heard = await self._kernel.call(self._cadence.kernel_deadline, kernel.listening, pids)
                own = await self._kernel.call(self._cadence.kernel_deadline, kernel.addresses)
                around = replace(around, listening=dict(heard), own=own)
            if not caught.failed:
                self._board.forget("servers-ports")
        if not _alike(around, self.around):
            self.around = around

    def close(self) -> None:
        """Let the threads go."""
        self._files.close()
        self._kernel.close()


def _serving(processes: Iterable[NativeProcess]) -> frozenset[int]:
    return frozenset(each.pid for each in processes if role_of_program(each.command) in SERVING)


def _alike(one: Around, other: Around) -> bool:
    return (one.local, one.rootless, one.own, one.listening) == (
        other.local,
        other.rootless,
        other.own,
        other.listening,
    )


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, frozenset) and one == other)


def _unasked(candidate: Candidate, *, probe: bool) -> Server:
    """The row of a server before it was asked for the first time."""
    reason = "it is being asked" if probe else "asking is switched off in stackops.toml: [servers] probe"
    return Server(
        candidate.key, candidate.hint or "unknown", candidate.address, "unknown", reason,
        container=candidate.container, pid=candidate.pid, service=candidate.service,
        recognised=(candidate.hint_reason,) if candidate.hint_reason else (),
    )  # fmt: skip


def _late(known: Known, patience: float) -> str:
    """Why there is nothing to tell of it after one look."""
    if known.waiting:
        return f"it was not asked: {AT_ONCE} others took longer than {patience:g} s to answer"
    return f"it did not answer within {patience:g} s"


def _with_models(server: Server, lists: Mapping[str, tuple[str, ...]]) -> Server:
    """A gateway's models as its own source has heard them with the key of its client; the key stays there."""
    heard = lists.get(server.container or "", ()) if server.product in GATEWAYS and not server.models else ()
    if not heard or server.state != "up":
        return server
    return replace(server, models=tuple(ServedModel(name) for name in heard), reason=None, remedy=None)


def _listens(server: Server, listening: Listening) -> tuple[str, ...] | None:
    """On which addresses a native server takes connections, by the machine's own table."""
    heard = listening.get(server.pid or 0, ()) if server.container is None else ()
    return tuple(dict.fromkeys(host for host, port in heard if server.key.endswith(f":{port}"))) or None


def _order(server: Server) -> tuple[bool, str]:
    """Servers of this machine first, then what is only declared."""
    return (server.container is None and server.pid is None, server.key)


__all__ = ["Memory", "Servers", "memory_of", "remember"]
