"""GPUs of this machine: what to do with a driver that answers, is silent, crashes, or is not there.

NVML is only ever called in a child process: a call can hang in the kernel for seconds or for ever, a library that was
upgraded stays mapped, and a crash takes the whole process with it. The child lives as long as it answers. A read that
does not come back in time shows the last values with their age; the child gets a while longer, is then killed, or left
behind where the kernel does not let it go, and another is tried, less and less often.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec
from msgspec import Struct

from ....model import Gpu, GpuProcess
from ....text import N_
from ... import Clock, GpuReading
from . import Signs, look, same_namespace, states
from .cards import GONE, broken, card, holders, stale
from .states import RawReading, StateReason, understood

PROGRAM = Path(__file__).with_name("child.py")
GRACE = 0.3
"""Seconds that a killed process is waited for; one that hangs in the kernel takes longer, or for ever."""


class ChildEnded(Exception):
    """The child ended by itself; ``args[0]`` is its exit status, None where it is not known yet."""


class Child:
    """One child program, started at once. Belongs to one thread at a time."""

    def __init__(self, environ: Mapping[str, str], command: Sequence[str] | None = None) -> None:
        self._process = subprocess.Popen(
            command or _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            cwd="/",
            start_new_session=True,  # the terminal's ctrl-c is not for it
        )
        self._said = b""
        self.pid = self._process.pid
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._questions, self._answers = self._process.stdin, self._process.stdout

    def ask(self) -> None:
        """Send one question; raises Ended."""
        try:
            os.write(self._questions.fileno(), b"\n")
        except OSError as error:
            raise ChildEnded(self._status()) from error

    def answer(self, seconds: float) -> bytes | None:
        """The next line, or None when it has not come after so many seconds; raises Ended."""
        stream = self._answers.fileno()
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        deadline = time.monotonic() + seconds
        while b"\n" not in self._said:
            left = deadline - time.monotonic()
            if not poll.poll(max(0.0, left) * 1000):
                return None
            more = os.read(stream, 1 << 16)
            if not more:
                raise ChildEnded(self._status())
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line

    def end(self) -> bool:
        """Kill it, let go of it; False when it hangs in the kernel and has to be asked for again."""
        for act in (self._process.kill, self._questions.close, self._answers.close):
            with contextlib.suppress(OSError):
                act()
        return self._status() is not None

    def gone(self) -> bool:
        """Whether it has ended and was taken note of."""
        return self._process.poll() is not None

    def _status(self) -> int | None:
        try:
            return self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return None


def _command() -> list[str]:
    """Python without site-packages, but for the folder of ``pynvml``: half the memory, and nothing else gets in.

    The finder is asked directly: a package that wraps ``pynvml`` hooks the import and prints a warning.
    """
    spec = PathFinder.find_spec("pynvml")
    folder = str(Path(spec.origin).parent) if spec is not None and spec.origin else ""
    return [sys.executable, "-I", "-S", "-W", "ignore", str(PROGRAM), folder or os.devnull]


class Patience(Struct, frozen=True):
    """All in seconds."""

    usual: float = 2.0
    """For one answer; then the last one is shown."""
    first: float = 5.0
    """For the first answer of a child: without persistence mode each GPU is woken up first."""
    longest: float = 4.5
    """For one answer of a driver that is known to be slow."""
    give_up: float = 8.0
    """From the question on; then the child is killed."""
    give_up_first: float = 40.0
    """fact: 32 s were seen without persistence mode, getainode/ainode#238."""
    retries: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0)
    """Before the next child, after each failure in a row."""
    rare: float = 60.0
    """Between two attempts where a library is installed, but no card, and between two looks for signs of a GPU."""
    lost: tuple[float, ...] = (30.0, 60.0, 300.0)
    """Before a new child looks whether a lost GPU is back."""
    shared: float = 0.25
    """An answer this fresh serves whoever else asks."""


PATIENCE = Patience()
MOST_ABANDONED = 2
KEEPS_PROCESSES = frozenset({"ok", "stalled", "crashed", "mismatch", "unknown"})


class Nvidia:
    """The GPUs. Whoever reads shares one child, which ends when it is closed; the next read starts another."""

    def __init__(
        self,
        root: str,
        *,
        clock: Clock,
        environ: Mapping[str, str] | None = None,
        patience: Patience = PATIENCE,
        child: Callable[[Mapping[str, str]], Child] = Child,
    ) -> None:
        self._root = Path(root)
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._patience = patience
        self._start = child
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._abandoned: list[Child] = []
        self._signs = Signs()
        self._signs_at: float | None = None
        self._asked_at: float | None = None
        self._answered = False
        """Whether the present child has answered once."""
        self._slow = 0.0
        self._failures = self._losses = 0
        self._not_before = self._renew_at = 0.0
        self._done_at: float | None = None
        self._raw: RawReading | None = None
        self._gpus: tuple[Gpu, ...] = ()
        self._processes: tuple[GpuProcess, ...] = ()
        self._told = StateReason("unknown")
        self._reading: GpuReading | None = None

    def read(self) -> GpuReading:
        """All GPUs and all processes, or the last ones known; takes ``Patience.first`` seconds at most."""
        with self._lock:
            now = self._clock.monotonic()
            if self._reading is None or self._done_at is None or now - self._done_at >= self._patience.shared:
                self._reading = self._look(now)
                self._done_at = self._clock.monotonic()
            return self._reading

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end()
            self._reading = None
            self._not_before = 0.0

    # -- one look ---------------------------------------------------------------------------------------------------

    def _look(self, now: float) -> GpuReading:
        self._abandoned = [child for child in self._abandoned if not child.gone()]
        self._refresh_signs(now)
        if not self._signs.any:
            self._end()
            self._told = states.absent(self._signs)
            return self._shown()
        if self._child is not None and self._renew_at and now >= self._renew_at and self._asked_at is None:
            self._end()
        if self._child is None and not self._begin(now):
            return self._shown()
        self._await(now + self._patience.first, again=self._answered)
        return self._shown()

    def _refresh_signs(self, now: float) -> None:
        soon = not self._signs.any or self._told.state != "ok"
        every = min(self._patience.rare, self._patience.retries[-1]) if soon else self._patience.rare
        if self._signs_at is None or now - self._signs_at >= every:
            self._signs, self._signs_at = look(self._root, self._environ), now

    def _begin(self, now: float) -> bool:
        if now < self._not_before:
            return False
        if len(self._abandoned) >= MOST_ABANDONED:
            self._told = states.HOPELESS
            return False
        self._answered, self._asked_at, self._renew_at = False, None, 0.0
        try:
            self._child = self._start(self._environ)
        except OSError as error:
            self._fail(
                StateReason("crashed", N_(f"The process that asks the NVIDIA library cannot start: {error.strerror}"))
            )
            return False
        return True

    def _await(self, until: float, *, again: bool) -> None:
        """Wait for the answer to what is asked. ``again``: a child that worked until now is replaced at once."""
        patience, now, child = self._patience, self._clock.monotonic(), self._child
        if child is None:
            return
        try:
            if self._asked_at is None:
                self._asked_at = now
                child.ask()
            limit = max(patience.usual, min(patience.longest, self._slow)) if self._answered else patience.first
            line = child.answer(max(0.0, min(limit - (now - self._asked_at), until - now)))
        except ChildEnded as ended:
            self._end()
            if again and self._begin(self._clock.monotonic()):
                self._await(until, again=False)
            else:
                self._fail(states.crashed(ended.args[0]))
            return
        if line is None:
            self._late()
        else:
            self._take(line)

    def _late(self) -> None:
        """No answer in time: the last values stay; the child is ended when it has had all the time there is."""
        waited = self._clock.monotonic() - (self._asked_at or 0.0)
        if waited >= (self._patience.give_up if self._answered else self._patience.give_up_first):
            self._fail(states.STUCK)
        else:
            self._told = states.STUCK if self._answered or self._gpus else states.STARTING

    def _take(self, line: bytes) -> None:
        took = self._clock.monotonic() - (self._asked_at or 0.0)
        self._asked_at = None
        try:
            raw = understood(line)
        except msgspec.DecodeError:
            self._fail(states.crashed(None))
            return
        if raw.error is not None:
            self._raw = raw
            signs = self._refreshed()
            nobody = not (signs.cards or signs.nodes or signs.module is not None or self._gpus)
            self._fail(states.failed(raw, signs), rarely=nobody)
            return
        self._slow = 1.5 * took if self._answered else 0.0
        self._answered, self._failures, self._told = True, 0, StateReason("ok")
        self._understand(raw)
        if raw.replaced:
            self._end()  # the next child has the new library, and lets the old module go

    # -- what it means ----------------------------------------------------------------------------------------------

    def _understand(self, raw: RawReading) -> None:
        at = self._clock.now()
        before = {gpu.uuid: gpu for gpu in self._gpus}
        by_index = {gpu.index: gpu for gpu in reversed(self._gpus)}
        rows: list[Gpu] = []
        processes: list[GpuProcess] = []
        for one in raw.cards:
            row = card(one, at, before.get(one.uuid) if one.uuid else by_index.get(one.index))
            rows.append(row)
            processes += holders(one, row.uuid)
        listed = {row.uuid for row in rows}
        rows += [broken(None, gpu, GONE) for uuid, gpu in before.items() if uuid not in listed and self._missed(gpu)]
        self._raw, self._gpus, self._processes = raw, tuple(rows), tuple(processes)
        self._watch_lost(any(row.health in {"lost", "reset_required", "unreadable"} for row in rows))

    def _missed(self, gpu: Gpu) -> bool:
        """Whether a card that is not listed any more ought to be; one taken out of the bus on purpose ought not."""
        if gpu.uuid.startswith("index:"):
            return False
        return self._signs.cards is None or gpu.bus is None or gpu.bus.lower()[4:] in self._signs.addresses

    def _watch_lost(self, lost: bool) -> None:
        """NVML finds a GPU again only after a new init: a new child looks from time to time."""
        if not lost:
            self._losses, self._renew_at = 0, 0.0
        elif not self._renew_at:
            delays = self._patience.lost
            self._renew_at = self._clock.monotonic() + delays[min(self._losses, len(delays) - 1)]
            self._losses += 1

    def _shown(self) -> GpuReading:
        told = self._told
        gpus, processes = self._gpus, self._processes
        if told.state != "ok":
            gpus = tuple(stale(gpu, told.sentence, told.remedy) for gpu in gpus)
            processes = processes if told.state in KEEPS_PROCESSES else ()
        same = self._same_namespace() if self._gpus else None
        return GpuReading(states.driver(told, self._signs, self._raw, same_namespace=same), gpus, processes)

    def _same_namespace(self) -> bool | None:
        same = same_namespace(self._root, frozenset(process.pid for process in self._processes))
        if same is None and not self._processes and any((gpu.memory_used or 0) > 1 << 28 for gpu in self._gpus):
            return False  # memory is held, and no process is told of: they are hidden from this namespace
        return same

    # -- endings ----------------------------------------------------------------------------------------------------

    def _refreshed(self) -> Signs:
        self._signs, self._signs_at = look(self._root, self._environ), self._clock.monotonic()
        return self._signs

    def _fail(self, told: StateReason, *, rarely: bool = False) -> None:
        """The child is no good; the next one is tried after a while."""
        self._end()
        self._told = told
        delays = (self._patience.rare,) if rarely else self._patience.retries
        self._not_before = self._clock.monotonic() + delays[min(self._failures, len(delays) - 1)]
        self._failures += 1

    def _end(self) -> None:
        child, self._child, self._asked_at = self._child, None, None
        if child is not None and not child.end():
            self._abandoned.append(child)
