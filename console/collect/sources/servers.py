"""Model servers, asked gently: each at its own pace, at most a few at once, none twice at the same time.

What was heard is remembered for the life of the server, so that the many looks of a fix being verified ask hardly more
often than one does. A server that hangs holds up nobody but itself. Asks only what ``sources.servers`` asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from msgspec.structs import replace

from ...hosts import Host, Http, HttpFailed
from ...hosts.call import call_async
from ...model import DeepCheck, Fault, NativeProcess, ServedModel, Server
from ...products.model_servers import SERVING, Around, Found, Listening, found
from ...products.model_users import Use, uses
from ...products.registry import GATEWAYS
from ...products.roles import role_of_program
from ...products.servers.asking import Candidate
from ...products.servers.looking import look
from ...text import _
from ...text.cleaning import SECRETS
from ...text.traces import caught
from ..board import NewParts, fault_of
from ..server_pace import YOUNG, Known, with_loading
from ..source import Site, Source

AT_ONCE = 8
"""Servers asked at the same time."""
TICK = 1.0
"""Seconds between two looks at who is due."""


class Servers(Source):
    """Each model server at its own pace: a read only starts those that are due, and shows what is known."""

    name = "servers"
    gives = ("servers", "deep_checks")
    tells = ("servers-look", "servers-files", "servers-ports")
    wakes_on = ("containers",)
    after = ("engine", "processes", "gpu-processes")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._settings = site.settings.servers
        self._known: dict[str, Known] = {}
        self._deep: dict[tuple[str, str], DeepCheck] = {}
        self._place = _Place(site)
        self._found = Found()
        self._broken: dict[str, Fault] = {}
        """Keys of those at which looking itself fails: a defect of ours."""
        self._made_from: tuple[object, ...] = ()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._complaints: tuple[Fault, ...] = ()

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Where web addresses can be asked."""
        return host.http is not None

    @property
    def http(self) -> Http:
        """The door; the source is only made where there is one."""
        if self.host.http is None:
            raise HttpFailed("unreachable", _("No web address can be asked from here"))
        return self.host.http

    @property
    def interval(self) -> float:
        """Until it is seen again who is due; nothing is asked for that alone."""
        return min(TICK, self.cadence.servers)

    @property
    def least(self) -> float:
        """They are shown together that were asked together."""
        return self.interval / 4

    @property
    def starts_after(self) -> float:
        """Nothing is asked in the first moments, when the screen is being made."""
        return self.interval

    def remember(self, check: DeepCheck) -> None:
        """Keep the result of a deep check, for the Snapshots to come."""
        self._deep[check.server, check.model] = check

    def anew(self, *, by_key: bool) -> None:
        """Ask all of them soon, lists too; where a repair is proven, each at its own pace."""
        if by_key:
            for known in self._known.values():
                known.asked_at, known.slow_at, known.failures = -1e9, -1e9, 0

    async def read(self) -> NewParts | None:
        """See who is there and who is due, and tell what is known by now."""
        await self._place.read()
        self._find()
        self._start_due()
        return self._told()

    async def once(self, second_sample: float) -> NewParts | None:
        """One look at all that are due, and a second one for rates."""
        await self.ask_all()
        return await self.read_rates(second_sample)

    async def again(self) -> NewParts | None:
        """Those that only files or channels name."""
        return await self.ask_all()

    async def ask_all(self, patience: float | None = None) -> NewParts | None:
        """One look at all that are due; who has not answered after ``patience`` seconds is left out of it."""
        await self._place.read()
        self._find()
        await self._wait(self._start_due(), patience)
        return self._told()

    async def read_rates(self, seconds: float, patience: float | None = None) -> NewParts | None:
        """Ask those that count tokens and have no rate yet once more after so many seconds: a rate takes two looks."""
        known = self._known
        told = {key: each.server.figures for key, each in known.items()}
        counting = {
            key for key, each in told.items() if each and each.generated_tokens and each.tokens_per_second is None
        }
        if counting and seconds > 0:
            await asyncio.sleep(seconds)
            there = [c for c in self._found.candidates if c.key in counting & known.keys()]
            await self._wait([self._start(c) for c in there if not known[c.key].looking], patience)
        return self._told()

    async def _wait(self, tasks: Iterable[asyncio.Task[None]], patience: float | None) -> None:
        patience = self.cadence.servers_patience if patience is None else patience
        keys = {task: key for key, task in self._tasks.items()}
        waiting = set(tasks)
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=patience)
        for task in late:
            task.cancel()
            known = self._known.get(keys.get(task, ""))
            if known is None:
                continue
            known.asked_at = self.host.clock.monotonic()  # whoever looks next does not wait for it all over again
            if known.server.read_at is None:
                known.server = replace(known.server, reason=_late(known, patience))
        for ended in await asyncio.gather(*late, return_exceptions=True):
            if isinstance(ended, Exception):
                caught("a look at a model server that was given up", ended)

    # Who is there

    def _find(self) -> None:
        """Candidates anew, when something they are made from has changed."""
        parts, place = self.parts, self._place
        holders = frozenset(p.container for p in parts.gpu_processes if p.container)
        inputs = (
            parts.containers, parts.processes, parts.oneapis, parts.engine, place.uses, place.around, holders,
            parts.log_marks, parts.projects, parts.databases,
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
        declared = (*uses(parts.containers, parts.oneapis, parts.projects, parts.databases), *place.uses)
        there = found(parts.containers, parts.processes, declared, around)
        self._found = replace(there, candidates=with_loading(there.candidates, parts.log_marks))
        bad = (
            _("stackops.toml, [servers] addresses: {text} is no http address", text=text) for text in self._found.bad
        )
        self._complaints = (
            *complaints,
            *(Fault("servers", sentence, _("write it as http://host:port"), hides=False) for sentence in bad),
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
                sentence = _("The environment variable {name}, named in [servers] token_env, is not set", name=name)
                remedy = f"set it to the key of {server}, or take it out"
                faults.append(Fault("servers", sentence, remedy, hides=False))
        return tokens, tuple(faults)

    def _keep_known(self) -> None:
        """Forget who is gone; begin anew with who was started again."""
        known, wanted = self._known, {c.key: c for c in self._found.candidates}
        for key in known.keys() - wanted.keys():
            known.pop(key, None)
        self.site.history.keep_servers(wanted)
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
        now, known = self.host.clock.monotonic(), self._known
        there = [c for c in self._found.candidates if c.key in known and c.key not in self._tasks]
        due = [c for c in there if known[c.key].due(now, self.cadence, young=self._is_young(c))]
        return [self._start(candidate) for candidate in due]

    def _is_young(self, candidate: Candidate) -> bool:
        return candidate.started_at is not None and self.host.clock.now() - candidate.started_at < YOUNG

    def _start(self, candidate: Candidate) -> asyncio.Task[None]:
        known = self._known[candidate.key]
        known.looking = known.waiting = True
        known.asked_at = self.host.clock.monotonic()
        task = asyncio.create_task(self._ask(candidate, known))
        self._tasks[candidate.key] = task

        def ended(_: object) -> None:
            known.looking = False
            if self._tasks.get(candidate.key) is task:
                del self._tasks[candidate.key]

        task.add_done_callback(ended)
        return task

    async def _ask(self, candidate: Candidate, known: Known) -> None:
        now = self.host.clock.monotonic()
        slow = known.slow_due(now, self.cadence)
        try:
            async with self._slots:
                known.waiting = False
                before = known.server if known.server.read_at is not None else None
                server = await look(self.http, candidate, before, self.host.clock.now(), slow=slow)
            known.take(server, now, slow=slow)
            self.site.history.add_server(server.key, server.figures, self.host.clock.now())
            self._broken.pop(candidate.key, None)
        except Exception as error:  # noqa: BLE001 - becomes a Fault, and is kept where it is a defect of ours
            self._broken[candidate.key] = fault_of("servers-look", error)
        self.site.wake(self.name)  # those that were asked together are shown together

    # Telling

    def _told(self) -> NewParts | None:
        known, there = self._known, self._found
        lists = {state.container: state.models for state in self.parts.oneapis if state.models}
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
        deep = tuple(check for (key, _), check in sorted(self._deep.items()) if key in keys)
        parts = self.parts
        faults = (*self._complaints, *list(self._broken.values())[:1], *self._place.faults.values())
        if not (servers or parts.servers or faults):
            return None
        return NewParts({"servers": servers, "deep_checks": deep}, faults, read=(self.name,))

    def close(self) -> None:
        """Nobody waits for the answers any more."""
        for task in self._tasks.values():
            task.cancel()


class _Place:
    """What is known beside the containers: addresses in files, who listens where. Read in a thread, and seldom."""

    def __init__(self, site: Site) -> None:
        self.faults: dict[str, Fault] = {}
        self.uses: tuple[Use, ...] = ()
        self.around = Around()
        self._site, self._host, self._cadence = site, site.host, site.cadence
        self._seen: tuple[object, ...] = ()
        self._read_at = self._heard_at = -1e9
        self._heard: tuple[frozenset[int], frozenset[str]] | None = None

    async def read(self) -> None:
        """Files when they may have changed, connections when a native server came; both once in a while."""
        await asyncio.gather(self._read_files(), self._listen())

    async def _read_files(self) -> None:
        from ..server_pace import read

        parts = self._site.parts
        inputs = (parts.containers, parts.projects, parts.files, parts.config_verdicts)
        now = self._host.clock.monotonic()
        same = len(self._seen) == len(inputs) and all(a is b for a, b in zip(self._seen, inputs, strict=True))
        least = self._cadence.servers_slow if same else self._cadence.servers
        if not self._site.local or now - self._read_at < least:
            return
        self._seen, self._read_at = inputs, now
        with self._catch("servers-files"):
            looking = partial(read, self._host.files, parts.containers, parts.projects)
            what = _("The folder of configuration files")
            self.uses = await call_async(looking, self._cadence.files_deadline, what, way=(self, "files"))

    async def _listen(self) -> None:
        parts, kernel, engine = self._site.parts, self._host.kernel, self._host.engine
        local = engine is None or engine.local
        info = parts.engine
        around = replace(self.around, local=local, rootless=info is not None and info.rootless)
        pids, now = _serving(parts.processes), self._host.clock.monotonic()
        networks = frozenset(link.network for each in parts.containers for link in each.networks)  # bring addresses
        known = (pids, networks) == self._heard
        if kernel is not None and (not known or now - self._heard_at >= self._cadence.servers_slow):
            self._heard, self._heard_at = (pids, networks), now
            with self._catch("servers-ports"):
                asked = lambda: (kernel.listening(pids), kernel.addresses())  # noqa: E731
                what = _("The table of connections")
                heard, own = await call_async(asked, self._cadence.kernel_deadline, what, way=(self, "ports"))
                around = replace(around, listening=dict(heard), own=own)
        if not _alike(around, self.around):
            self.around = around

    @contextlib.contextmanager
    def _catch(self, name: str) -> Iterator[None]:
        """What fails inside becomes the Fault of this name, until it works again."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - becomes a Fault, and is kept where it is a defect of ours
            self.faults[name] = fault_of(name, error)
        else:
            self.faults.pop(name, None)


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
    reason = _("it is being asked") if probe else _("asking is switched off in stackops.toml: [servers] probe")
    return Server(
        candidate.key, candidate.hint or "unknown", candidate.address, "unknown", reason,
        container=candidate.container, pid=candidate.pid, service=candidate.service,
        recognised=(candidate.hint_reason,) if candidate.hint_reason else (),
    )  # fmt: skip


def _late(known: Known, patience: float) -> str:
    """Why there is nothing to tell of it after one look."""
    if known.waiting:
        return _(
            "it was not asked: {at_once} others took longer than {patience:g} s to answer",
            at_once=AT_ONCE,
            patience=patience,
        )
    return _("it did not answer within {patience:g} s", patience=patience)


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
