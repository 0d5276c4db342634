"""A Docker Engine inside the test: an HTTP server on a temporary unix socket whose containers are data.

    engine = FakeEngine(container("web", image="nginx:1.27"))
    async with engine:            # in this event loop
        Client(parse(engine.url))
    with engine.in_thread():      # or in a thread of its own, for code that is not asynchronous
        ...

Containers are dicts in the shape of ``GET /containers/ID/json``. ``engine.requests`` counts what was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import shutil
import struct
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
NEVER = "0001-01-01T00:00:00Z"


def container_id(name: str) -> str:
    """The 64 digits that a container of this name gets here."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def container(
    name: str,
    *,
    image: str = "busybox:1",
    ident: str | None = None,
    state: str = "running",
    pid: int | None = None,
    exit_code: int = 0,
    error: str = "",
    env: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    command: list[str] | None = None,
    mounts: list[Json] | None = None,
    ports: dict[str, list[Json] | None] | None = None,
    health: str | None = None,
    restart_count: int = 0,
    tty: bool = False,
    network_mode: str = "bridge",
    memory: int = 0,
    project: str | None = None,
    service: str | None = None,
    working_dir: str | None = None,
    config_files: list[str] | None = None,
    logs: bytes = b"",
    started_at: str = "2026-01-02T03:04:05.123456789Z",
) -> Json:
    """One container as ``inspect`` shows it, plus ``_logs`` (raw bytes of stdout) for the log endpoint."""
    ident = ident or container_id(name)
    running = state in {"running", "paused", "restarting"}
    labels = dict(labels or {})
    if project:
        labels |= {"com.docker.compose.project": project, "com.docker.compose.oneoff": "False"}
        labels |= {"com.docker.compose.service": service or name}
        labels |= {"com.docker.compose.project.working_dir": working_dir or f"/srv/{project}"}
        labels |= {"com.docker.compose.project.config_files": ",".join(config_files or [])}
    status: Json = {
        "Status": state, "Running": running, "Paused": state == "paused", "Restarting": state == "restarting",
        "OOMKilled": False, "Dead": state == "dead", "Pid": (pid or 4242) if state in {"running", "paused"} else 0,
        "ExitCode": exit_code, "Error": error, "StartedAt": started_at if state != "created" else NEVER,
        "FinishedAt": NEVER if running else "2026-01-02T04:00:00Z",
    }  # fmt: skip
    if health:
        status["Health"] = {"Status": health, "FailingStreak": 0, "Log": []}
    return {
        "Id": ident, "Created": "2026-01-02T03:04:00Z",
        "Path": (command or ["sleep"])[0], "Args": (command or ["sleep"])[1:],
        "State": status, "Image": f"sha256:{hashlib.sha256(image.encode()).hexdigest()}", "Name": f"/{name}",
        "RestartCount": restart_count, "Driver": "overlay2", "Platform": "linux", "Mounts": mounts or [],
        "HostConfig": {
            "NetworkMode": network_mode, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "Memory": memory,
            "NanoCpus": 0, "LogConfig": {"Type": "json-file", "Config": {}}, "PortBindings": ports or {},
        },
        "Config": {
            "Hostname": ident[:12], "User": "", "Tty": tty, "Env": [f"{k}={v}" for k, v in (env or {}).items()],
            "Cmd": command or ["sleep"], "Image": image, "WorkingDir": "", "Entrypoint": None, "Labels": labels,
        },
        "NetworkSettings": {
            "Ports": ports or {},
            "Networks": {network_mode: {"IPAddress": "172.17.0.2", "Aliases": None}},
        },
        "_logs": logs,
    }  # fmt: skip


def stats(cpu_ns: int = 1_000_000, memory: int = 1 << 20, received: int = 0, sent: int = 0) -> Json:
    """One sample as ``GET /containers/ID/stats?one-shot=1`` gives it."""
    return {
        "read": "2026-01-02T03:04:05Z", "preread": NEVER, "pids_stats": {"current": 1},
        "cpu_stats": {"cpu_usage": {"total_usage": cpu_ns}, "system_cpu_usage": 10**12, "online_cpus": 2},
        "memory_stats": {"usage": memory, "limit": 1 << 33, "stats": {"total_inactive_file": 0}},
        "networks": {"eth0": {"rx_bytes": received, "tx_bytes": sent}},
        "blkio_stats": {"io_service_bytes_recursive": []},
    }  # fmt: skip


def frame(payload: bytes, stream: int = 1) -> bytes:
    """One frame of a multiplexed log."""
    return struct.pack(">BxxxI", stream, len(payload)) + payload


class FakeEngine:
    """The server. Change ``containers``, ``images``, ``info`` and the rest at any time; call ``emit`` for events."""

    def __init__(self, *containers: Json, api: str = "1.41", minimum: str = "1.12", socket: str | None = None) -> None:
        self.containers: dict[str, Json] = {c["Id"]: c for c in containers}
        self.images: dict[str, Json] = {}
        self.networks: list[Json] = []
        self.build_cache: list[Json] = []
        self.pull: list[Json] = []
        """The lines of a pull; one that says ``Downloaded newer image`` brings ``newer``."""
        self.newer: Json = {}
        self.pull_ends = "whole"
        """Or ``hang``: nothing more is said; or ``reset``: the connection is cut."""
        self.stats: dict[str, Json] = {}
        self.archives: dict[tuple[str, str], bytes] = {}
        """Container id and path -> the tar of that file."""
        self.api, self.minimum = api, minimum
        self.info: Json = {
            "ID": "FAKE", "ServerVersion": "20.10.24", "DockerRootDir": "/var/lib/docker", "Driver": "overlay2",
            "CgroupDriver": "cgroupfs", "CgroupVersion": "1", "OperatingSystem": "Fake Linux", "SecurityOptions": [],
            "RegistryConfig": {"Mirrors": []},
        }  # fmt: skip
        self.requests: Counter[str] = Counter()
        """``"GET /containers/json"`` -> how often; ids and versions are cut out: ``"GET /containers/*/json"``."""
        self.targets: list[str] = []
        """Every request in full, version and query included."""
        self.refuse: dict[str, tuple[int, str]] = {}
        """Path (as in ``requests``, without the method) -> status and message to answer with."""
        self.delay = 0.0
        """Seconds before each answer."""
        self._folder = "" if socket else tempfile.mkdtemp(prefix="so-engine-")
        self.socket = socket or f"{self._folder}/docker.sock"
        self.url = f"unix://{self.socket}"
        self._server: asyncio.Server | None = None
        self._listeners: list[asyncio.Queue[bytes | None]] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_unix_server(self._serve, self.socket)

    async def stop(self) -> None:
        """Go away as a stopped Engine does: no socket, no connections."""
        if self._server:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        for queue in self._listeners:
            queue.put_nowait(None)
        Path(self.socket).unlink(missing_ok=True)  # noqa: ASYNC240
        await asyncio.sleep(0)

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[FakeEngine]:
        """Serve from a thread of its own until the block ends."""
        ready = threading.Event()
        stops: list[Callable[[], object]] = []

        async def serve() -> None:
            end = asyncio.Event()
            stops.append(partial(asyncio.get_running_loop().call_soon_threadsafe, end.set))
            async with self:
                ready.set()
                await end.wait()  # no thread of its own: a test may fork right now

        thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
        thread.start()
        ready.wait(5)
        try:
            yield self
        finally:
            for stop in stops:
                stop()
            thread.join(5)

    def add(self, *containers: Json) -> None:
        """New containers, with their ``create`` and ``start`` events."""
        for one in containers:
            self.containers[one["Id"]] = one
            self.emit("create", one["Id"])
            if one["State"]["Running"]:
                self.emit("start", one["Id"])

    def remove(self, ident: str) -> None:
        """A container is gone."""
        self.emit("destroy", ident)
        del self.containers[ident]

    def emit(self, action: str, ident: str = "", *, kind: str = "container", **attributes: str) -> None:
        """Send an event to everyone who listens."""
        one = self.containers.get(ident)
        if one:
            attributes |= {"name": one["Name"][1:], "image": one["Config"]["Image"]}
        now = time.time()
        self.emit_raw(json.dumps({
            "status": action, "id": ident, "Type": kind, "Action": action, "time": int(now), "timeNano": int(now * 1e9),
            "Actor": {"ID": ident, "Attributes": attributes}, "scope": "local",
        }).encode() + b"\n")  # fmt: skip

    def emit_raw(self, line: bytes | None) -> None:
        """Bytes for the event stream, None to end it."""

        def send() -> None:
            for queue in self._listeners:
                queue.put_nowait(line)

        if self._loop and self._loop.is_running():
            self._loop.call_soon_threadsafe(send)

    @property
    def listeners(self) -> int:
        """How many event streams are open."""
        return len(self._listeners)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?im)^content-length: (\d+)", head)
                if length:
                    await reader.readexactly(int(length[1]))
                method, target, _ = head.split(" ", 2)
                await asyncio.sleep(self.delay)
                await self._answer(method, target, writer)
                if "connection: close" in head.lower():
                    break
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, method: str, target: str, writer: asyncio.StreamWriter) -> None:
        self.targets.append(f"{method} {target}")
        parts = urlsplit(target)
        path, version = parts.path, None
        if found := re.match(r"/v(\d+\.\d+)(/.*)", path):
            version, path = found[1], found[2]
        shape = re.sub(r"^/(containers|images)/(?!json$|create$)(.+)/(\w+)$", r"/\1/*/\3", path)
        self.requests[f"{method} {shape}"] += 1
        if shape in self.refuse:
            status, message = self.refuse[shape]
            return await self._json(writer, {"message": message}, status)
        if version and (problem := self._wrong_version(version)):
            return await self._json(writer, {"message": problem}, 400)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return await self._route(method, path, query, writer)

    def _wrong_version(self, version: str) -> str | None:
        def number(text: str) -> tuple[int, ...]:
            return tuple(int(part) for part in text.split("."))

        if number(version) > number(self.api):
            return f"client version {version} is too new. Maximum supported API version is {self.api}"
        if number(version) < number(self.minimum):
            return (
                f"client version {version} is too old. Minimum supported API version is {self.minimum},"
                " please upgrade your client to a newer version"
            )
        return None

    async def _route(self, method: str, path: str, query: dict[str, str], writer: asyncio.StreamWriter) -> None:
        plain = {
            "/_ping": "OK", "/version": self._version(), "/info": self.info,
            "/containers/json": [self._row(c) for c in self.containers.values()],
            "/images/json": list(self.images.values()), "/networks": self.networks,
            "/system/df": {"BuildCache": self.build_cache},
        }  # fmt: skip
        self._filter(path, json.loads(query.get("filters", "{}")), plain)
        if method != "GET" and await self._changed(method, path, query, writer):
            return None
        if path == "/events":
            return await self._events(query, writer)
        if path in plain:
            return await self._json(writer, plain[path])
        if found := re.fullmatch(r"/images/(.+)/json", path):
            image = self.images.get(unquote(found[1]))
            return await self._json(
                writer, image or {"message": f"No such image: {unquote(found[1])}"}, 200 if image else 404
            )
        if found := re.fullmatch(r"/containers/([^/]+)(?:/(\w+))?", path):
            one = self._find(unquote(found[1]))
            if one is None:
                return await self._json(writer, {"message": f"No such container: {unquote(found[1])}"}, 404)
            return await self._container(method, found[2] or "", one, query, writer)
        return await self._json(writer, {"message": "page not found"}, 404)

    def _filter(self, path: str, filters: Json, plain: Json) -> None:
        if path == "/containers/json" and (states := filters.get("status")):
            plain[path] = [{**row, "SizeRw": 1 << 20} for row in plain[path] if row["State"] in states]
        if path == "/images/json" and filters.get("dangling"):
            plain[path] = [row for row in self.images.values() if not row.get("RepoTags")]

    async def _changed(self, method: str, path: str, query: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        """Whether it was an image, a network or the build cache that was to be changed."""
        if path == "/build/prune":
            self.build_cache = [row for row in self.build_cache if row.get("InUse")]
            await self._json(writer, {"SpaceReclaimed": 1})
        elif path == "/images/create":
            await self._pulled(f"{query['fromImage']}:{query['tag']}", writer)
        elif found := re.fullmatch(r"/images/(.+)/tag", path):
            self.images[f"{query['repo']}:{query.get('tag', 'latest')}"] = self.images[unquote(found[1])]
            await self._json(writer, None, 201)
        elif method == "DELETE" and (found := re.fullmatch(r"/(images|networks)/(.+)", path)):
            await self._drop(found[1], unquote(found[2]), writer)
        else:
            return False
        return True

    async def _pulled(self, name: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for row in self.pull:
            if "Downloaded newer image" in str(row.get("status")):
                self.images |= {name: self.newer, self.newer["Id"]: self.newer}
            line = json.dumps(row).encode() + b"\r\n"
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
            await writer.drain()
        if self.pull_ends == "hang":
            await asyncio.Event().wait()
        if self.pull_ends == "reset":
            writer.transport.abort()
            return
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _drop(self, kind: str, ident: str, writer: asyncio.StreamWriter) -> None:
        if kind == "images":
            gone = self.images.pop(ident, None)
            answer: object = [{"Deleted": ident}]
        else:
            gone = next((row for row in self.networks if row["Id"] == ident), None)
            self.networks, answer = [row for row in self.networks if row is not gone], None
        refusal = {"message": f"No such {kind[:-1]}: {ident}"}
        await self._json(writer, answer if gone else refusal, (200 if answer else 204) if gone else 404)

    async def _container(
        self, method: str, verb: str, one: Json, query: dict[str, str], writer: asyncio.StreamWriter
    ) -> None:
        if method == "GET" and verb == "json":
            return await self._json(writer, {k: v for k, v in one.items() if not k.startswith("_")})
        if method == "GET" and verb == "stats":
            return await self._json(writer, self.stats.get(one["Id"], stats()))
        if method == "GET" and verb == "top":
            row = ["root", str(one["State"]["Pid"]), "1", "0", "12:00", "?", "00:00:00", one["Path"]]
            titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
            return await self._json(writer, {"Titles": titles, "Processes": [row]})
        if method == "GET" and verb == "logs":
            return await self._logs(one, query, writer)
        if method == "GET" and verb == "archive":
            tar = self.archives.get((one["Id"], query.get("path", "")))
            if tar is None:
                return await self._json(writer, {"message": f"Could not find the file {query.get('path')}"}, 404)
            return await self._send(writer, tar, kind="application/x-tar")
        if method in {"POST", "DELETE"}:
            self._act(verb if method == "POST" else "destroy", one)
            return await self._json(writer, None, 204)
        return await self._json(writer, {"message": "page not found"}, 404)

    def _act(self, verb: str, one: Json) -> None:
        if verb == "destroy":
            return self.remove(one["Id"])
        state = one["State"]
        if verb in {"pause", "unpause"}:
            state.update(Status="paused" if verb == "pause" else "running", Paused=verb == "pause")
        if verb in {"stop", "restart", "kill"}:
            state.update(Status="exited", Running=False, Pid=0, ExitCode=137, FinishedAt=_now())
            self.emit("die", one["Id"], exitCode="137")
        if verb in {"start", "restart"}:
            state.update(Status="running", Running=True, Pid=4243, ExitCode=0, StartedAt=_now())
            self.emit("start", one["Id"])
        self.emit(verb, one["Id"])
        return None

    def _find(self, name: str) -> Json | None:
        for one in self.containers.values():
            if name in {one["Id"], one["Name"][1:]} or (len(name) >= 12 and one["Id"].startswith(name)):
                return one
        return None

    def _row(self, one: Json) -> Json:
        state = one["State"]
        return {
            "Id": one["Id"], "Names": [one["Name"]], "Image": one["Config"]["Image"], "ImageID": one["Image"],
            "Command": " ".join([one["Path"], *one["Args"]]), "Created": 1767323040, "Ports": [],
            "Labels": one["Config"]["Labels"], "State": state["Status"], "Status": "Up 5 minutes",
            "HostConfig": {"NetworkMode": one["HostConfig"]["NetworkMode"]}, "Mounts": one["Mounts"],
            "NetworkSettings": {"Networks": one["NetworkSettings"]["Networks"]},
        }  # fmt: skip

    def _version(self) -> Json:
        return {
            "Version": self.info["ServerVersion"], "ApiVersion": self.api, "MinAPIVersion": self.minimum, "Os": "linux",
            "Arch": "amd64", "KernelVersion": "6.1.0", "GitCommit": "fake", "Platform": {"Name": "Fake"},
        }  # fmt: skip

    async def _logs(self, one: Json, query: dict[str, str], writer: asyncio.StreamWriter) -> None:
        lines = one["_logs"].splitlines(keepends=True)
        tail = query.get("tail", "all")
        lines = lines[-int(tail) :] if tail.isdecimal() and int(tail) else lines
        stamp = b"2026-01-02T03:04:05.000000001Z " if query.get("timestamps") == "1" else b""
        tty = one["Config"]["Tty"]
        body = b"".join(stamp + line if tty else frame(stamp + line) for line in lines)
        await self._send(writer, body, kind="")

    async def _events(self, query: dict[str, str], writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners.append(queue)
        self.filters = json.loads(query.get("filters", "{}"))
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            await writer.drain()
            while (line := await queue.get()) is not None:
                writer.write(b"%x\r\n%s\r\n" % (len(line), line))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        finally:
            self._listeners.remove(queue)

    async def _json(self, writer: asyncio.StreamWriter, value: object, status: int = 200) -> None:
        body = b"" if value is None else b"OK" if value == "OK" else json.dumps(value).encode() + b"\n"
        await self._send(writer, body, status)

    async def _send(
        self, writer: asyncio.StreamWriter, body: bytes, status: int = 200, kind: str = "application/json"
    ) -> None:
        head = f"HTTP/1.1 {status} Status\r\nApi-Version: {self.api}\r\nServer: Docker/fake (linux)\r\n"
        head += f"Content-Type: {kind}\r\n" if kind else ""
        if status == 204:
            writer.write(f"{head}\r\n".encode())
        elif len(body) > 4096:  # the Engine sends what is long in chunks
            chunks = [body[i : i + 4096] for i in range(0, len(body), 4096)]
            writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            writer.writelines(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
            writer.write(b"0\r\n\r\n")
        else:
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime())
