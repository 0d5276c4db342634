"""The Engine door: the world in the Docker Engine's own JSON shapes (API 1.45), for the real sources to read."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from itertools import islice

from ..hosts import CgroupSample, NotFound, SystemSample
from . import programs
from .containers import JSON_LOG, Instance, LogLine, PracticeEvent
from .kernel import CPUS, MEMORY, SYSTEM, DemoKernel
from .mongod import KERNEL, release
from .stand import Bind
from .world import World

Json = dict[str, object]
NEVER = "0001-01-01T00:00:00Z"
ENGINE_VERSION, API_VERSION, COMPOSE_VERSION = "26.1.4", "1.45", "2.26.1"
DOCKER_ROOT = "/var/lib/docker"


def moment(at: float | None) -> str:
    """RFC 3339 with nanoseconds, as the Engine writes it."""
    if at is None:
        return NEVER
    whole, rest = divmod(int(at * 1e9), 10**9)
    return f"{dt.datetime.fromtimestamp(whole, dt.UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def version() -> Json:
    """``GET /version``."""
    return {
        "Platform": {"Name": "Docker Engine - Community"}, "Version": ENGINE_VERSION, "ApiVersion": API_VERSION,
        "MinAPIVersion": "1.24", "GitCommit": "de5c9cf", "GoVersion": "go1.21.11", "Os": "linux", "Arch": "amd64",
        "KernelVersion": KERNEL, "BuildTime": "2024-06-05T11:28:57.000000000+00:00",
        "Components": [{"Name": "Engine", "Version": ENGINE_VERSION, "Details": {"ApiVersion": API_VERSION}}],
    }  # fmt: skip


def info(world: World, name: str) -> Json:
    """``GET /info``."""
    states = [container.state for container in world.containers()]
    running = states.count("running")
    return {
        "ID": "7d1c8f3e-9f0a-4b6e-8a55-0d4f5b8e2c10", "Name": name, "Containers": len(states),
        "ContainersRunning": running, "ContainersPaused": 0, "ContainersStopped": len(states) - running,
        "Images": len({container.definition.image for container in world.containers()}), "Driver": "overlay2",
        "CgroupDriver": "systemd", "CgroupVersion": "2", "KernelVersion": release(world.tree),
        "OperatingSystem": SYSTEM, "OSType": "linux", "Architecture": "x86_64", "NCPU": CPUS, "MemTotal": MEMORY,
        "DockerRootDir": DOCKER_ROOT,
        "ServerVersion": ENGINE_VERSION, "LoggingDriver": "json-file", "SystemTime": moment(world.now()),
        "DefaultRuntime": "runc",
        "Runtimes": {"runc": {"path": "runc"}, "nvidia": {"path": "nvidia-container-runtime"}},
        "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"], "Warnings": None,
        "IndexServerAddress": "https://index.docker.io/v1/", "LiveRestoreEnabled": False,
        "RegistryConfig": {"InsecureRegistryCIDRs": ["127.0.0.0/8"], "Mirrors": list(world.mirrors), "IndexConfigs": {
            "docker.io": {"Name": "docker.io", "Mirrors": list(world.mirrors), "Secure": True, "Official": True}}},
    }  # fmt: skip


def row(container: Instance, now: float) -> Json:
    """One element of ``GET /containers/json``."""
    of = container.definition
    return {
        "Id": container.id, "Names": [f"/{of.name}"], "Image": of.image, "ImageID": image_id(of.image),
        "Command": " ".join(container.entrypoint + container.arguments), "Created": int(container.created_at),
        "Ports": _port_rows(container), "Labels": dict(of.labels), "State": container.state,
        "Status": _status(container, now), "HostConfig": {"NetworkMode": of.network},
        "NetworkSettings": {"Networks": _networks(container)}, "Mounts": [_mount(bind) for bind in of.binds],
    }  # fmt: skip


def inspect(container: Instance) -> Json:
    """``GET /containers/ID/json``."""
    of = container.definition
    command = container.entrypoint + container.arguments
    return {
        "Id": container.id, "Created": moment(container.created_at), "Path": command[0] if command else "",
        "Args": list(command[1:]), "State": _state(container), "Image": image_id(of.image), "Name": f"/{of.name}",
        "RestartCount": container.restart_count, "Driver": "overlay2", "Platform": "linux",
        "LogPath": JSON_LOG.format(id=container.id),
        "HostConfig": _host_config(container), "Config": _config(container),
        "Mounts": [_mount(bind) for bind in of.binds],
        "NetworkSettings": {"Ports": _port_map(container), "Networks": _networks(container)},
    }  # fmt: skip


def image_of(name: str, names: Iterable[str]) -> Json:
    """``GET /images/NAME/json``, of the images that there are; by name or id. Raises NotFound."""
    for own in names:
        if name in (own, image_id(own)):
            inside = programs.of(own)
            return {
                "Id": image_id(own), "RepoTags": [own if ":" in own.rpartition("/")[2] else f"{own}:latest"],
                "RepoDigests": [f"{own.rpartition(':')[0] or own}@{_digest(f'digest {own}')}"],
                "Created": "2024-05-02T09:12:44Z", "Architecture": "amd64", "Os": "linux", "Size": inside.size << 20,
                "Config": {"Env": _pairs(inside.env), "Cmd": list(inside.command) or None, "User": inside.user,
                           "Entrypoint": list(inside.entrypoint) or None, "WorkingDir": inside.working_dir,
                           "ExposedPorts": {port: {} for port in inside.exposed},
                           "Labels": dict(inside.labels) or None},
            }  # fmt: skip
    raise NotFound(f"There is no image {name}")


def top(container: Instance) -> Json:
    """``GET /containers/ID/top``."""
    rows = [
        ["root", str(pid), "1", "0", "00:00", "?", "00:00:00", " ".join(argv)] for pid, argv in container.processes()
    ]
    return {"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "Processes": rows}


def stats(container: Instance, used: CgroupSample, host: SystemSample, now: float) -> Json:
    """``GET /containers/ID/stats?one-shot=1``: one sample, the one before empty, as the Engine sends it."""
    empty: Json = {"cpu_usage": {"total_usage": 0}, "online_cpus": 0}
    reply: Json = {
        "id": container.id,
        "name": f"/{container.name}",
        "read": moment(now),
        "preread": NEVER,
        "precpu_stats": empty,
    }
    if container.state != "running":
        return reply | {"cpu_stats": empty, "memory_stats": {}, "pids_stats": {}, "blkio_stats": {}}
    blocks = [
        {"major": 259, "minor": 0, "op": "read", "value": used.read_bytes},
        {"major": 259, "minor": 0, "op": "write", "value": used.write_bytes},
    ]
    return reply | {
        "cpu_stats": {
            "cpu_usage": {"total_usage": used.cpu_ns}, "system_cpu_usage": int((host.cpu_total or 0.0) * 1e9),
            "online_cpus": CPUS,
        },
        "memory_stats": {"usage": used.memory, "limit": MEMORY, "stats": {"inactive_file": 0}},
        "pids_stats": {"current": used.pids, "limit": 1 << 20}, "blkio_stats": {"io_service_bytes_recursive": blocks},
        "networks": {"eth0": {"rx_bytes": used.rx_bytes, "tx_bytes": used.tx_bytes}},
    }  # fmt: skip


def image_id(name: str) -> str:
    """The same name is always the same image here."""
    return _digest(f"image {name}")


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _state(container: Instance) -> Json:
    restarting, paused = container.state == "restarting", container.state == "paused"
    return {
        "Status": container.state, "Running": container.state == "running" or restarting or paused, "Paused": paused,
        "Restarting": restarting, "OOMKilled": False, "Dead": False, "Pid": container.pid,
        "ExitCode": container.exit_code, "Error": container.error, "StartedAt": moment(container.started_at),
        "FinishedAt": moment(container.finished_at),
    }  # fmt: skip


def _status(container: Instance, now: float) -> str:
    if container.state in ("running", "paused"):
        held = " (Paused)" if container.state == "paused" else ""
        return f"Up {_span(now - (container.started_at or now))}{held}"
    if container.state == "created":
        return "Created"
    word = "Restarting" if container.state == "restarting" else "Exited"
    return f"{word} ({container.exit_code}) {_span(now - (container.finished_at or now))} ago"


def _span(seconds: float) -> str:
    for size, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {word}"
    return f"{max(1, int(seconds))} seconds"


def _host_config(container: Instance) -> Json:
    of = container.definition
    binds = [f"{b.source}:{b.target}:{'ro' if b.read_only else 'rw'}" for b in of.binds if not b.must_exist]
    long_form = [
        {"Type": "bind", "Source": b.source, "Target": b.target, "ReadOnly": b.read_only}
        for b in of.binds
        if b.must_exist
    ]
    devices = [
        {"Driver": one.driver, "Count": one.count or 0, "DeviceIDs": list(one.ids) or None,
         "Capabilities": [list(one.capabilities)]}
        for one in of.device_requests
    ]  # fmt: skip
    return {
        "Binds": binds, "Mounts": long_form, "NetworkMode": of.network, "Memory": of.memory, "NanoCpus": 0,
        "CpuQuota": 0, "Runtime": "runc", "AutoRemove": False, "ExtraHosts": list(of.extra_hosts) or None,
        "RestartPolicy": {"Name": of.restart.partition(":")[0], "MaximumRetryCount": 0}, "Privileged": False,
        "LogConfig": {"Type": "json-file", "Config": {}}, "PortBindings": _port_map(container), "PidMode": "",
        "DeviceRequests": devices or None,
    }  # fmt: skip


def _config(container: Instance) -> Json:
    of, inside = container.definition, container.program
    env = {name: value for name, value in {**dict(inside.env), **dict(of.env)}.items() if name not in of.unset}
    # fact: a variable that is taken away stays in the list as a name without a sign (measured with Engine 20.10.24)
    pairs = [*_pairs(tuple(env.items())), *of.unset]
    return {
        "Hostname": container.id[:12], "User": of.user or inside.user, "Env": pairs, "Tty": False,
        "Cmd": list(container.arguments) or None, "Entrypoint": list(container.entrypoint) or None, "Image": of.image,
        "WorkingDir": of.working_dir or inside.working_dir, "Labels": dict(of.labels), "Volumes": None,
        "ExposedPorts": {port: {} for port in inside.exposed},
    }  # fmt: skip


def _mount(bind: Bind) -> Json:
    entry: Json = {
        "Type": bind.kind, "Source": bind.source, "Destination": bind.target, "RW": not bind.read_only,
        "Mode": "ro" if bind.read_only else "rw", "Propagation": "rprivate",
    }  # fmt: skip
    if bind.kind == "volume":
        folder = f"{DOCKER_ROOT}/volumes/{bind.source}/_data"
        entry |= {"Name": bind.source, "Driver": "local", "Source": folder, "Mode": "z", "Propagation": ""}
    return entry


def _networks(container: Instance) -> Json:
    of = container.definition
    running = container.state in ("running", "paused")
    aliases = sorted(container.answers_to) if of.network != "bridge" else None
    return {
        of.network: {
            "IPAMConfig": None, "Aliases": aliases, "NetworkID": hashlib.sha256(of.network.encode()).hexdigest(),
            "IPAddress": container.address if running else "", "IPPrefixLen": 16 if running else 0,
            "Gateway": container.address.rpartition(".")[0] + ".1" if running else "", "DNSNames": aliases,
        }
    }  # fmt: skip


def published(ports: Iterable[str]) -> list[tuple[str, str, str]]:
    """Host address, host port and container port (``3000/tcp``) of compose port entries; bare ports are left out."""
    found = []
    for entry in ports:
        plain, _, protocol = entry.partition("/")
        *address, host, inner = plain.rsplit(":", 2) if ":" in plain else ("", plain)
        if host:
            found.append((address[0] if address else "0.0.0.0", host, f"{inner}/{protocol or 'tcp'}"))  # noqa: S104
    return found


def _port_map(container: Instance) -> Json:
    ports: Json = dict.fromkeys(container.program.exposed)
    for address, host, inner in published(container.definition.ports):
        ports[inner] = [{"HostIp": address, "HostPort": host}]
    return ports


def _port_rows(container: Instance) -> list[Json]:
    if container.state != "running":
        return []
    rows: list[Json] = []
    taken = set()
    for address, host, inner in published(container.definition.ports):
        number, _, protocol = inner.partition("/")
        taken.add(inner)
        rows.append({"IP": address, "PrivatePort": int(number), "PublicPort": int(host), "Type": protocol})
    for inner in container.program.exposed:
        number, _, protocol = inner.partition("/")
        if inner not in taken:
            rows.append({"PrivatePort": int(number), "Type": protocol})
    return rows


def _pairs(env: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}={value}" for name, value in env]


LOOK_AGAIN = 0.25
"""Seconds between two looks of a log follower."""


class DemoEngine:
    """Reads. ``ready`` builds the stack on the first of them, in a worker thread: it parses YAML."""

    address = "demo://practice-stack"
    local = True

    def __init__(self, world: World, kernel: DemoKernel, name: str, ready: Callable[[], None]) -> None:
        self._world = world
        self._kernel = kernel
        self._name = name
        self._ready = ready
        self._is_ready = False

    async def ping(self) -> None:
        """Always there."""

    async def version(self) -> bytes:
        return _bytes(version())

    async def info(self) -> bytes:
        return await self._told(lambda: info(self._world, self._name))

    async def containers(self) -> bytes:
        return await self._told(lambda: [row(one, self._world.now()) for one in self._world.containers()])

    async def inspect(self, container: str) -> bytes:
        return await self._told(lambda: inspect(self._world.find(container)))

    async def image(self, image: str) -> bytes:
        """``GET /images/NAME/json``; NotFound where no container ever used it, and nobody pulled it."""
        return await self._told(lambda: image_of(image, self._world.images))

    async def unused(self, kind: str) -> bytes:
        """Stopped containers, and nothing of any other kind."""
        ended = ("created", "exited") if kind == "containers" else ()
        found = [row(one, self._world.now()) for one in self._world.containers() if one.state in ended]
        return await self._told(lambda: {} if kind == "build-cache" else found)

    async def archive(self, container: str, path: str, *, limit: int = 1 << 17) -> bytes:
        """The practice containers have no files of their own to hand out."""
        await self._built()
        raise NotFound(f"Could not find the file {path} in container {container}")

    async def top(self, container: str, *, ps_args: str | None = None) -> bytes:
        return await self._told(lambda: top(self._world.find(container)))

    async def stats(self, container: str) -> bytes:
        """``GET /containers/ID/stats?stream=0&one-shot=1``; a stopped container answers with zeros."""

        def sample() -> Json:
            found = self._world.find(container)
            return stats(found, self._kernel.counters(found), self._kernel.system(), self._world.now())

        return await self._told(sample)

    async def logs(self, container: str, *, tail: int = 200, since: float | None = None) -> bytes:
        await self._built()
        with self._world.lock:
            found = self._world.find(container)
            lines = [line for line in found.log if since is None or line.at >= since]
        return b"".join(_line(line) + b"\n" for line in lines[len(lines) - min(tail, len(lines)) :])

    async def follow(self, container: str, *, tail: int = 100) -> AsyncGenerator[bytes, None]:
        await self._built()
        seen = -1
        while True:
            with self._world.lock:
                found = self._world.find(container)
                fresh = _fresh(found, seen, tail)
                seen, running = found.logged, found.state == "running"
            for line in fresh:
                yield _line(line)
            if not running:
                return
            await asyncio.sleep(LOOK_AGAIN)

    async def events(self, since: float | None = None) -> AsyncIterator[bytes]:
        await self._built()
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[PracticeEvent] = asyncio.Queue()

        def told(event: PracticeEvent) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        with self._world.lock:
            past = [event for event in self._world.events.history if since is not None and event.at >= since]
            stop = self._world.events.listen(told)
        try:
            for event in past:
                yield event.encode()
            while True:
                yield (await queue.get()).encode()
        finally:
            with self._world.lock:
                stop()

    async def _told(self, reply: Callable[[], object]) -> bytes:
        await self._built()
        with self._world.lock:
            return _bytes(reply())

    async def _built(self) -> None:
        if not self._is_ready:
            await asyncio.to_thread(self._ready)
            self._is_ready = True


def _fresh(container: Instance, seen: int, tail: int) -> list[LogLine]:
    """Lines after the ``seen``-th ever logged; the last ``tail`` on the first look (-1)."""
    count = tail if seen < 0 else container.logged - seen
    return list(islice(container.log, max(0, len(container.log) - count), None))


def _line(line: LogLine) -> bytes:
    return f"{moment(line.at)} {line.text}".encode("utf-8", "surrogatepass")


def _bytes(reply: object) -> bytes:
    return json.dumps(reply, ensure_ascii=False).encode()
