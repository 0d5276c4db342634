"""The practice stack's state: files, containers, events and time, under one lock.

A container's fate is never set: it is worked out at each start from the files, mounts and neighbours by the rules of
its program. Nothing here shapes replies, reads compose files or knows about read-only mode.
"""

from __future__ import annotations

import hashlib
import itertools
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ..hosts import Clock, EngineFailed, HostError, NotFound
from . import programs
from .containers import (
    DROP_IN,
    JSON_LOG,
    LONGEST_PAUSE,
    NVIDIA_RULES,
    RULES,
    Cards,
    Events,
    Instance,
    LogLine,
    PracticeEvent,
    State,
)
from .files import FileNode, Tree
from .stand import Answer, Bind, Definition, Fate, Request, Stand, dice

HISTORY = 40
"""Lines a long-running container is given when its log is first read."""
TICK = 0.001
"""Seconds that two starts of one container lie apart at least: a restart shows even on a clock that stands."""
LOUDNESS = 0.8
"""How likely a program says something at its turn."""
NOT_A_DIRECTORY = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    'unable to start container process: error during container init: error mounting "{source}" to rootfs at '
    '"{target}": mount {source}:{target} (via /proc/self/fd/6), flags: 0x5000: not a directory: unknown: Are you '
    "trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the "
    "expected type"
)
"""fact: seen with Engine 20.10 to 26, exit code 127."""


class World:
    """Everything there is. Every public method takes the lock."""

    def __init__(self, clock: Clock, seed: str) -> None:
        self.clock = clock
        self.seed = seed
        self.shift = 0.0
        """Seconds added to the clock: the past is built by setting it below zero."""
        self.tree = Tree(self.now)
        self.lock = self.tree.lock
        self.events = Events()
        self.cards = Cards()
        self.mirrors: tuple[str, ...] = ()
        """What dockerd has taken from its configuration."""
        self.daemon_log = b""
        """What dockerd has said."""
        self.images: dict[str, None] = {}
        """Names of the images on this machine, those that no container uses any more too."""
        self.far: dict[str, list[Instance]] = {}
        """What runs on other machines, by their addresses; the Engine of this one knows nothing of it."""
        self._containers: dict[str, Instance] = {}
        self._serial = itertools.count(1)
        self._pids = itertools.count(4211, 131)
        self._networks: dict[str, int] = {}

    def now(self) -> float:
        """Unix seconds."""
        return self.clock.now() + self.shift

    @contextmanager
    def ago(self, seconds: float) -> Iterator[None]:
        """Do something that long before what is now; may be nested."""
        with self.lock:
            self.shift, before = self.shift - seconds, self.shift
            try:
                yield
            finally:
                self.shift = before

    def containers(self) -> list[Instance]:
        """All containers, newest first as the Engine lists them, brought up to the present."""
        with self.lock:
            for container in self._containers.values():
                self._catch_up(container)
            return sorted(self._containers.values(), key=lambda c: c.created_at, reverse=True)

    def find(self, reference: str) -> Instance:
        """By id, the start of an id, or name. Raises NotFound."""
        with self.lock:
            name = reference.removeprefix("/")
            for container in self._containers.values():
                if container.name == name or (len(name) >= 4 and container.id.startswith(name)):
                    self._catch_up(container)
                    return container
        raise NotFound(f"There is no container {reference}")

    def create(self, definition: Definition) -> Instance:
        """A new container, not started. Raises HostError for a name in use or a long-form mount without source."""
        with self.lock:
            if any(c.name == definition.name for c in self._containers.values()):
                raise EngineFailed(f'Conflict. The container name "/{definition.name}" is already in use')
            for bind in definition.binds:
                if bind.must_exist and self.tree.get(bind.source) is None:
                    raise EngineFailed(
                        f'invalid mount config for type "bind": bind source path does not exist: {bind.source}'
                    )
            number = next(self._serial)
            ident = hashlib.sha256(f"{self.seed}:{number}:{definition.name}".encode()).hexdigest()
            container = Instance(
                ident, definition, programs.of(definition.image), self._address(definition.network, number), self.now()
            )
            container.chatted = self.now()
            self._containers[ident] = container
            self.images[definition.image] = None
            self.tree.put(JSON_LOG.format(id=ident), b"", mode=0o640)
            self.emit(container, "create")
            return container

    def start(self, container: Instance) -> None:
        """Start it; nothing when it runs. HostError when its mounts cannot be made; what becomes of it then shows."""
        with self.lock:
            if container.state != "running":
                container.restart_count = 0
                self._launch(container)
                if container.error:
                    raise EngineFailed(container.error)

    def stop(self, container: Instance, exit_code: int = 0) -> None:
        """Stop it, as by hand: the restart policy is suspended. With 137 it is killed."""
        with self.lock:
            if container.state in ("running", "paused"):
                self.emit(container, "kill", signal="9" if exit_code else "15")
                self._died(container, exit_code)
                if not exit_code:
                    self.emit(container, "stop")
            container.state = "exited" if container.state != "created" else "created"
            container.next_try = None

    def pause(self, container: Instance) -> None:
        """Hold it. HostError where it does not run."""
        self._hold(container, "running", "paused", "pause")

    def unpause(self, container: Instance) -> None:
        """Let it go on. HostError where it is not paused."""
        self._hold(container, "paused", "running", "unpause")

    def _hold(self, container: Instance, before: State, after: State, event: str) -> None:
        with self.lock:
            if container.state != before:
                raise EngineFailed(f"Container {container.id} is not {before}", status=409)
            container.state = after
            self.emit(container, event)

    def restart(self, container: Instance) -> None:
        """Stop and start with the definition it has."""
        with self.lock:
            self.stop(container)
            self.start(container)
            self.emit(container, "restart")

    def remove(self, container: Instance) -> None:
        """Stop and remove it."""
        with self.lock:
            self.stop(container)
            del self._containers[container.id]
            for path in (DROP_IN, JSON_LOG):
                self.tree.drop(posixpath.dirname(path.format(id=container.id)))
            self.emit(container, "destroy")

    def elsewhere(self, address: str, definitions: Sequence[Definition]) -> None:
        """Let these run on another machine."""
        self.far[address] = [
            Instance(f"{address}/{one.name}", one, programs.of(one.image), address, self.now(), "running", pid=1)
            for one in definitions
        ]

    def is_there(self, address: str) -> bool:
        """Whether it is the address of a running container in its network, or of another machine."""
        with self.lock:
            running = (c.address for c in self._containers.values() if c.state == "running")
            return address in self.far or address in running

    def request(self, port: int, request: Request, address: str | None = None) -> Answer | None:
        """What the program behind a published port answers, or at an address of its own; None: nobody listens."""
        with self.lock:
            for container in self.containers() + self.far.get(address or "", []):
                serve = container.program.serve
                meant = container.address == address if address else port in container.published
                if container.state == "running" and serve and meant and (not address or port in container.inside):
                    answer = serve(self.stand(container), request)
                    container.say(self.now(), *(answer.lines if answer else ()))
                    return answer
        return None

    def emit(self, container: Instance, action: str, **attributes: str) -> None:
        """Record an event and tell those who listen."""
        of = container.definition
        shown = {**of.labels, "image": of.image, "name": of.name, **attributes}
        self.events.add(PracticeEvent(action, container.id, shown, self.now()))

    def emit_daemon(self, action: str, **attributes: str) -> None:
        """An event of dockerd itself."""
        self.events.add(PracticeEvent(action, "practice-stack", attributes, self.now(), kind="daemon"))

    def grow_log(self, name: str, size: int) -> None:
        """Let a container have written so many bytes."""
        self.tree.put(JSON_LOG.format(id=self.find(name).id), b"", mode=0o640).size = size

    def stand(self, container: Instance) -> Stand:
        """What its program sees."""
        network = container.definition.network
        peers = [c for c in self._containers.values() if c.definition.network == network and c.state == "running"]
        names = frozenset().union(*(c.answers_to for c in peers)) if peers else frozenset()
        command = container.entrypoint + container.arguments
        return Stand(
            container.definition, command, self.tree, self.now(), names, started_at=container.started_at or 0.0,
            memory=container.memory, cards=self.cards.working(container.definition.device_requests),
        )  # fmt: skip

    def new_pid(self) -> int:
        """The number of a process that belongs to no container."""
        return next(self._pids)

    def _launch(self, container: Instance) -> None:
        container.error = self.cards.refusal(container.definition.device_requests) or ""
        if container.error:
            container.exit_code, container.next_try = 128, None  # fact: seen with Engine 20.10, it stays "created"
            return
        container.started_at = max(self.now(), (container.started_at or 0.0) + TICK)
        container.next_try = None
        container.memory = {}
        try:
            self._mount(container)
        except HostError as error:
            container.error, container.exit_code, container.state = str(error), 127, "exited"
            container.finished_at = self.now()
            return
        container.state, container.pid, container.exit_code = "running", next(self._pids), 0
        container.started_mono = self.clock.monotonic() + self.shift
        container.chatted = self.now()
        self.emit(container, "start")
        self._rules(container)
        self._meet(container, container.program.start(replace(self.stand(container), room=self._room(container))))

    def _rules(self, container: Instance) -> None:
        """What systemd knows of the devices of a container that was given a card."""
        if container.definition.device_requests:
            self.tree.put(DROP_IN.format(id=container.id), (RULES + NVIDIA_RULES).encode())

    def _room(self, container: Instance) -> int | None:
        """MiB that are free on the card that its program would take."""
        wanted = next((held.gpu for held in container.program.on_gpu), None)
        card = None if wanted is None else self.cards.chosen(container.definition.device_requests, wanted)
        others = (other for other in self._containers.values() if other is not container)
        return None if card is None else self.cards.room(card, others)

    def _meet(self, container: Instance, fate: Fate) -> None:
        container.say(self.now(), *fate.lines)
        container.pending = [LogLine(self.now() + seconds, line) for seconds, line in fate.later]
        if fate.exit_code is None:
            return
        self._died(container, fate.exit_code)
        policy = container.definition.restart.partition(":")[0]
        if policy in ("always", "unless-stopped") or (policy == "on-failure" and fate.exit_code):
            container.state, container.next_try = "restarting", self.now() + container.pause()

    def _speak(self, container: Instance, now: float) -> None:
        while container.pending and container.pending[0].at <= now:
            line = container.pending.pop(0)
            container.say(line.at, line.text)

    def _died(self, container: Instance, exit_code: int) -> None:
        container.pending = []
        container.state, container.pid, container.exit_code = "exited", 0, exit_code
        container.finished_at = self.now()
        self.emit(container, "die", exitCode=str(exit_code))

    def _mount(self, container: Instance) -> None:
        """Resolve the binds. fact: short form makes a missing source a directory, root:root 0755, at start."""
        for bind in container.definition.binds:
            if bind.kind != "bind":
                continue
            node = self.tree.get(bind.source) or self._missing(bind)
            made = container.layer.setdefault(bind.target, node.kind)
            if made != node.kind:
                raise EngineFailed(NOT_A_DIRECTORY.format(source=bind.source, target=bind.target))
            container.pinned[bind.target] = node.inode

    def _missing(self, bind: Bind) -> FileNode:
        if bind.must_exist:
            raise EngineFailed(f'invalid mount config for type "bind": bind source path does not exist: {bind.source}')
        return self.tree.mkdir(bind.source)

    def _address(self, network: str, number: int) -> str:
        subnet = self._networks.setdefault(network, 17 + len(self._networks))
        return f"172.{subnet}.{number // 250}.{2 + number % 250}"

    def _catch_up(self, container: Instance) -> None:
        """What the restart policy and the program have done since somebody last looked."""
        now = self.now()
        while container.next_try is not None and container.next_try <= now:
            missed = int((now - container.next_try) // LONGEST_PAUSE) if container.pause() >= LONGEST_PAUSE else 0
            at = container.next_try + missed * LONGEST_PAUSE
            container.restart_count += 1 + missed
            with self.ago(now - at):
                self._launch(container)
        if container.state == "running":
            self._speak(container, now)
            self._chat(container, now)

    def _chat(self, container: Instance, now: float) -> None:
        program = container.program
        turns = int((now - container.chatted) // program.pace)
        if turns <= 0:
            return
        stand = self.stand(container)
        for turn in range(max(0, turns - HISTORY), turns):
            throw = dice(self.seed, container.id, turn, container.chatted)
            if throw.random() < LOUDNESS:
                at = container.chatted + (turn + throw.random()) * program.pace
                container.say(at, *program.chat(replace(stand, now=at), throw))
        container.chatted += turns * program.pace
