"""GPUs, and who holds their memory: the driver's processes, joined with what everything else tells of them.

The join itself is ``joining``. Here is what is asked for it, seldom: the Engine's process lists where the machine's own
table lacks a process, and what Ollama's files of weights are called.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ...hosts import Files, GpuReading, Gpus, Host, HostError, ProcessRow
from ...hosts.call import leave
from ...model import Container, DeviceRules, Gpu, GpuDriver, Snapshot
from ...products.gpu_grants import grant_of, grant_of_service
from ...text.cleaning import clean_line
from ..board import NewParts, fault_of
from ..joining import Blobs, join
from ..owners import PS_ARGS, Processes, blob_of, is_local, rows_of, weights_of
from ..source import Site, Source

MOST_NAMES = 400
"""Manifests that are read of one folder."""
LARGEST = 1 << 16
NAMES_AGAIN = 60.0
"""Seconds between two looks into one folder."""
WEIGHTS = "application/vnd.ollama.image.model"
"""fact: the media type of the layer with the weights; its digest is the name of the file under ``blobs``."""


class _Layer(msgspec.Struct):
    media_type: str = msgspec.field(name="mediaType", default="")
    digest: str = ""


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


class BlobNames:
    """Names by digest, as far as they were read."""

    def __init__(self, files: Files) -> None:
        self.names: Blobs = {}
        self._files = files
        self._looked: dict[str, float] = {}

    def wanted(self, rows: Iterable[ProcessRow], containers: Sequence[Container], now: float) -> tuple[str, ...]:
        """Folders of models, as this machine sees them, that may name the weights of these runners."""
        by_id = {container.id: container for container in containers}
        found: dict[str, None] = {}
        for row in rows:
            digest, path = blob_of(row.command), weights_of(row.command)
            if digest is None or path is None or any(known.startswith(digest) for known in self.names):
                continue
            folder = path.rpartition("/blobs/")[0]
            place = _outside(folder, by_id.get(row.container or "")) if row.container else folder
            if place and now - self._looked.get(place, -NAMES_AGAIN) >= NAMES_AGAIN:
                self._looked[place] = now
                found[place] = None
        return tuple(found)

    def read(self, folders: Iterable[str]) -> None:
        """Read the manifests of these folders. For a worker's thread."""
        names: dict[str, frozenset[str]] = dict(self.names)
        for folder in folders:
            for name, digest in self._manifests(f"{folder}/manifests"):
                names[digest] = names.get(digest, frozenset()) | {name}
        self.names = names

    def _manifests(self, top: str) -> Iterator[tuple[str, str]]:
        """Model and digest of its weights. fact: ``manifests/REGISTRY/NAMESPACE/MODEL/TAG``."""
        paths = [top]
        for _ in range(4):
            paths = [f"{path}/{name}" for path in paths for name in self._inside(path)][:MOST_NAMES]
        for path in paths:
            digest = self._weights(path)
            if digest is not None:
                yield _name(path), digest

    def _inside(self, path: str) -> list[str]:
        try:
            return sorted(name for name in self._files.names(path) if not name.startswith("."))
        except HostError:
            return []

    def _weights(self, path: str) -> str | None:
        try:
            manifest = msgspec.json.decode(self._files.read(path, limit=LARGEST), type=_Manifest)
        except (HostError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        digest = next((layer.digest for layer in manifest.layers if layer.media_type == WEIGHTS), "")
        return digest.removeprefix("sha256:") or None


def _outside(path: str, container: Container | None) -> str | None:
    """Where a path of a container lies on its machine; None outside its mounts."""
    fitting = [m for m in container.mounts if f"{path}/".startswith(f"{m.target.rstrip('/')}/")] if container else []
    mount = max(fitting, key=lambda m: len(m.target), default=None)
    return None if mount is None else f"{mount.source.rstrip('/')}{path[len(mount.target.rstrip('/')) :]}"


def _name(path: str) -> str:
    """As ``ollama ps`` writes it: what is usual is left out."""
    registry, namespace, model, tag = path.split("/")[-4:]
    front = "" if registry == "registry.ollama.ai" else f"{registry}/"
    middle = "" if not front and namespace == "library" else f"{namespace}/"
    return clean_line(f"{front}{middle}{model}:{tag}")


class GpuDrivers(Source):
    """The GPUs, as their driver tells them. A driver that hangs keeps its own thread and no other."""

    name = "gpus"
    gives = ("gpus", "gpu_driver")
    what = "The GPU driver"
    every = "gpus"
    within = "gpus_deadline"
    wakes_on = ("containers",)
    after = ()
    eager = True

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._strangers: frozenset[int] = frozenset()

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Where there is a door to GPUs."""
        return host.gpus is not None

    async def read(self) -> NewParts | None:
        """Ask the driver."""
        gpus = self.host.gpus
        if gpus is None:
            return None
        told = await self.call(_gpus, gpus)
        self.site.held = told.processes
        self.site.board.put(gpus=told.gpus, gpu_driver=told.driver)
        self.site.joined()
        self._know_strangers()
        return self._judged()

    def worthwhile(self) -> bool:
        """Not for that alone: but who needs the driver may be known only now."""
        driver = self.parts.gpu_driver
        if driver is not None and driver.state != "ok":
            self.site.board.take(self.name, self._judged())
        return False

    def _judged(self) -> NewParts:
        """A driver that cannot be read is a fault where somebody needs it; the last good values keep their age."""
        parts = self.parts
        error = complaint(parts.gpu_driver, parts.gpus, parts.containers) if parts.gpu_driver is not None else None
        return NewParts() if error is None else NewParts(faults=(fault_of(self.name, error),), read=())

    def _know_strangers(self) -> None:
        """Read the process table again for a process on a GPU that is not in it; once, for it may never be."""
        strangers = frozenset(held.pid for held in self.site.held) - frozenset(row.pid for row in self.site.rows)
        if strangers - self._strangers:
            self.site.wake("processes")
        self._strangers = strangers

    def close(self) -> None:
        """End what was started for reading, in a thread: it may hang."""
        if self.host.gpus is not None:
            leave(self.host.gpus.close)


MOST = 16
"""Containers whose processes are asked for at once; the Engine starts a ``ps`` for each."""
AGAIN = 300.0
"""Seconds after which an Engine that did not know a process is asked for it again."""


class Holders(Source):
    """Who holds memory of the GPUs, and the curves of the GPUs."""

    name = "gpu-processes"
    gives = ("gpu_processes",)
    made_of = ("gpus", "processes")
    what = "The folder of Ollama's models"
    every = "holders"
    after = ("engine", "processes", "gpus")
    eager = True

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._from_engine: tuple[ProcessRow, ...] = ()
        self._asked: tuple[frozenset[int], float] = (frozenset(), 0.0)
        self._names = BlobNames(site.host.files)
        self._made_from: tuple[object, ...] = ()
        self._curved: object = None
        site.board.derive.append(self._derived)
        site.joined = self.join

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Where there is a door to GPUs."""
        return host.gpus is not None

    def join(self) -> None:
        """The driver or the process table tells something new."""
        gpus, now, joined = self.parts.gpus, self.host.clock.now(), self._derived(self.parts).gpu_processes
        if gpus is not self._curved:
            self._curved = gpus
            self.site.history.add_gpus(gpus, now)
            self.site.history.add_held(joined, now)
        self.site.board.put(gpu_processes=joined)

    def _derived(self, parts: Snapshot) -> Snapshot:
        """The parts with the processes joined, anew when something that they are joined with changed."""
        made_from = (
            self.site.held, self.site.rows, self._from_engine, self._names.names, parts.containers, parts.services,
            parts.servers, parts.engine,
        )  # fmt: skip
        if len(made_from) == len(self._made_from) and all(
            one is other for one, other in zip(made_from, self._made_from, strict=True)
        ):
            return parts
        self._made_from = made_from
        joined = join(
            self.site.held, self._processes(parts), parts, blobs=self._names.names, engine_told=self._engine_told(parts)
        )
        return parts if joined == parts.gpu_processes else msgspec.structs.replace(parts, gpu_processes=joined)

    def _processes(self, parts: Snapshot) -> Processes:
        driver = parts.gpu_driver
        return Processes(
            self.site.rows, told=self._from_engine, same_namespace=driver.same_namespace if driver else None
        )

    def _engine_told(self, parts: Snapshot) -> bool:
        """Whether a container that is not on the board is none of this Engine's, which is this machine's."""
        if parts.engine is None or self.site.settings.project is not None or self.site.board.failing("engine"):
            return False
        local = is_local(parts.containers, self.site.rows)
        return local is True or (local is None and parts.engine.local and not any(c.pid for c in parts.containers))

    # What is asked for seldom

    async def read(self) -> NewParts:
        """Ask what the join lacks; nothing when it lacks nothing."""
        try:
            await self._ask_engine()
            await self._read_names()
        finally:
            self.site.board.put(gpu_processes=self._derived(self.parts).gpu_processes)
        return NewParts(read=())

    async def _ask_engine(self) -> None:
        """The Engine's process lists, of containers with a GPU, while a process on a GPU is not known otherwise."""
        engine, parts = self.host.engine, self.parts
        unknown = self._unknown(parts)
        last, at = self._asked
        now = self.host.clock.monotonic()
        if engine is None or not unknown or (unknown <= last and now - at < AGAIN):
            return
        if self._is_elsewhere(parts):
            self._from_engine = ()
            return
        granted = [c for c in parts.containers if c.state == "running" and grant_of(c)][:MOST]
        if not granted:
            return
        self._asked = (unknown, now)
        replies = await asyncio.gather(*(self._top(c) for c in granted))
        self._from_engine = tuple(row for rows in replies for row in rows)

    def _is_elsewhere(self, parts: Snapshot) -> bool:
        """Whether the Engine's process ids are another machine's (a forwarded socket): they name nobody here."""
        driver = parts.gpu_driver
        ours = driver is not None and driver.same_namespace is True
        return ours and is_local(parts.containers, self.site.rows) is False

    def _unknown(self, parts: Snapshot) -> frozenset[int]:
        processes = self._processes(parts)
        return frozenset(each.pid for each in self.site.held if not processes.visible(each.pid))

    async def _top(self, container: Container) -> tuple[ProcessRow, ...]:
        engine = self.host.engine
        if engine is None:
            return ()
        try:
            async with asyncio.timeout(self.cadence.engine_deadline):
                return rows_of(await engine.top(container.id, ps_args=PS_ARGS), container.id)
        except (HostError, TimeoutError):
            return ()  # it ended meanwhile, or has no ps: not known

    async def _read_names(self) -> None:
        parts = self.parts
        processes = self._processes(parts)
        rows = [row for each in self.site.held if (row := processes.get(each.pid)) is not None]
        wanted = self._names.wanted(rows, parts.containers, self.host.clock.monotonic())
        if wanted:
            await self.call(self._names.read, wanted)


def complaint(driver: GpuDriver, gpus: Sequence[Gpu], containers: Iterable[Container]) -> HostError | None:
    """What to say of the driver, or None: it is well, or nobody here needs one.

    Of a machine without a card nothing is unread: that somebody asks for one all the same, the check gpu.driver says.
    """
    if driver.state == "ok" or (driver.cards == 0 and driver.state == "no_library" and not gpus):
        return None
    here = driver.cards or (driver.cards is None and driver.module is not None) or gpus
    asking = not here and any(grant_of(one) is not None and not _is_done(one) for one in containers)
    return HostError(driver.sentence, driver.remedy) if driver.sentence and (here or asking) else None


def _is_done(container: Container) -> bool:
    """Whether it did its work and ended: it asks for nothing any more."""
    return container.state == "exited" and container.exit_code == 0


def _gpus(gpus: Gpus) -> GpuReading:
    """One read, with the names cleaned: they come from a driver and from foreign processes."""
    told = gpus.read()
    return GpuReading(
        told.driver,
        tuple(msgspec.structs.replace(card, name=clean_line(card.name) if card.name else None) for card in told.gpus),
        tuple(msgspec.structs.replace(p, name=clean_line(p.name) if p.name else None) for p in told.processes),
    )


DROP_IN = "/run/systemd/transient/docker-{id}.scope.d/50-DeviceAllow.conf"
"""fact: NVIDIA/nvidia-container-toolkit#1744: without NVIDIA's rules in it a daemon-reload takes the GPU away."""
PERIOD = 30.0
LIMIT = 64 * 1024
_NVIDIA = re.compile(rb"^\s*DeviceAllow=\s*(?:/dev/char/195:|/dev/nvidia|char-nvidia|char-\*)", re.MULTILINE)
"""Major 195 is that of NVIDIA's nodes; the others are the ways systemd has of writing the same."""
FOLDERS = ("/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin", "/usr/local/nvidia/toolkit")
"""Where the PATH of a dockerd looks, and where NVIDIA's operator puts it."""
PROGRAMS = ("nvidia-container-runtime-hook", "nvidia-cdi-hook", "nvidia-container-runtime", "nvidia-ctk")
"""The first is what an Engine looks for when it starts. fact: moby daemon/nvidia_linux.go"""


class DeviceRulesOf(Source):
    """The rules of containers with a GPU, and the toolkit's programs."""

    name = "device-rules"
    gives = ("device_rules", "gpu_programs")
    what = "The folder /run/systemd"
    wakes_on = ("containers",)
    after = ("engine-info", "compose")

    @property
    def interval(self) -> float:
        """Seldom."""
        return PERIOD

    def of_interest(self) -> object:
        """A container with a GPU came, went or was started anew."""
        return tuple((c.id, c.started_at) for c in _running(self.parts.containers))

    async def read(self) -> NewParts:
        """One look; nothing where no GPU is asked for, or where the Engine is on another machine."""
        parts = self.parts
        if not self.site.local or self.host.kernel is None or not _asked(parts):
            return NewParts({"device_rules": (), "gpu_programs": None}, read=())
        systemd = parts.engine is not None and parts.engine.cgroup_driver == "systemd"
        containers = _running(parts.containers) if systemd else ()
        rules, programs = await self.call(_look, self.host.files, containers)
        return NewParts({"device_rules": rules, "gpu_programs": programs})


def _running(containers: Sequence[Container]) -> tuple[Container, ...]:
    return tuple(c for c in containers if c.state == "running" and grant_of(c) is not None)


def _asked(parts: Snapshot) -> bool:
    services = (service for project in parts.projects for service in project.services)
    return any(map(grant_of, parts.containers)) or any(map(grant_of_service, services))


def _look(files: Files, containers: Sequence[Container]) -> tuple[tuple[DeviceRules, ...], tuple[str, ...]]:
    return tuple(rules_of(files, container.id) for container in containers), toolkit_programs(files)


def rules_of(files: Files, container: str) -> DeviceRules:
    """What the container's drop-in allows; not known where it is missing or cannot be read."""
    path = DROP_IN.format(id=container)
    try:
        content = files.read(path, limit=LIMIT)
    except HostError:
        return DeviceRules(container, path, None)
    return DeviceRules(container, path, _NVIDIA.search(content) is not None)


def toolkit_programs(files: Files) -> tuple[str, ...]:
    """Paths of the toolkit's programs, as far as they lie where an Engine would look."""
    paths = (f"{folder}/{name}" for name in PROGRAMS for folder in FOLDERS)
    return tuple(path for path in paths if files.stat(path).kind == "file")
