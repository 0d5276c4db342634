"""A frozen machine for screen tests: a Snapshot with everything in it, and a desk that touches nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

from msgspec.structs import replace
from stackops.console.hosts import Host, HostError
from stackops.console.model import (
    ComposeService,
    ConfigFile,
    Container,
    Disk,
    EngineInfo,
    EnvVar,
    Fault,
    Figures,
    FileFact,
    Gpu,
    Health,
    HealthProbe,
    HostInfo,
    Mount,
    NativeProcess,
    NetworkLink,
    Port,
    Project,
    Service,
    Snapshot,
    System,
)
from stackops.console.model.findings import Evidence, FixSummary, Result
from stackops.console.settings import Settings
from stackops.screens.desk import Desk

from .clock import FakeClock

NOW = 1_760_000_000.0
GIB = 1 << 30
MIB = 1 << 20


def container(number: int, name: str, **kwargs: Any) -> Container:
    defaults: dict[str, Any] = {
        "image": f"example/{name}:1.0",
        "state": "running",
        "created_at": NOW - 90_000,
        "started_at": NOW - 86_400,
        "restart_count": 0,
        "restart_policy": "always",
        "pid": 1000 + number,
        "log_driver": "json-file",
    }
    return Container(id=sha256(name.encode()).hexdigest(), name=name, **{**defaults, **kwargs})


def figures(cpu: float, memory: int, **kwargs: Any) -> Figures:
    defaults = {"net_rx": 1200.0, "net_tx": 340.0, "block_read": 0.0, "block_write": 8192.0, "pids": 12}
    return Figures(at=NOW, cpu_percent=cpu, memory=memory, **{**defaults, **kwargs})


LIBRECHAT = container(
    1,
    "LibreChat",
    image="ghcr.io/danny-avila/librechat:v0.7.2",
    project="librechat",
    service="api",
    image_digest="sha256:" + "ab" * 32,
    command=("npm", "run", "backend"),
    user="1000:1000",
    working_dir="/app",
    env=(
        EnvVar("CREDS_KEY", "f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0"),
        EnvVar("HOST", "0.0.0.0"),
        EnvVar("MONGO_URI", "mongodb://mongodb:27017/LibreChat"),
    ),
    ports=(Port(3080, "tcp", "0.0.0.0", 3080),),
    networks=(NetworkLink("librechat_default", "172.18.0.5", ("api", "LibreChat")),),
    mounts=(
        Mount("bind", "/srv/librechat/images", "/app/client/public/images"),
        Mount("bind", "/srv/librechat/logs", "/app/api/logs"),
    ),
)
MONGO = container(
    2,
    "chat-mongodb",
    image="mongo:5.0.18",
    project="librechat",
    service="mongodb",
    state="restarting",
    exit_code=1,
    restart_count=14,
    deaths=(NOW - 20, NOW - 9),
    command=("mongod", "--keyFile", "/data/mongodb.key"),
    mounts=(
        Mount("bind", "/srv/librechat/mongodb.key", "/data/mongodb.key"),
        Mount("volume", "librechat_mongo", "/data/db"),
    ),
)
SEARCH = container(
    3,
    "chat-meilisearch",
    image="getmeili/meilisearch:v1.7.3",
    project="librechat",
    service="meilisearch",
    health=Health("healthy", 0, (HealthProbe(NOW - 5, 0, "ok"),)),
    env=(EnvVar("MEILI_MASTER_KEY", "DrhYf7zENyR6AlUCKmnz0eYASOQdl6zxH7s7MKFSfFCt"),),
)
RAG = container(
    4,
    "rag_api",
    image="ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest",
    project="librechat",
    service="rag_api",
    state="exited",
    exit_code=137,
    oom_killed=True,
    finished_at=NOW - 600,
    started_at=NOW - 4000,
)
FASTGPT = container(
    5,
    "fastgpt",
    image="ghcr.io/labring/fastgpt:v4.7",
    project="fastgpt",
    service="fastgpt",
    ports=(Port(3000, "tcp", "0.0.0.0", 3000),),
    health=Health("unhealthy", 3, tuple(HealthProbe(NOW - 30 * n, 1, "connection refused") for n in (3, 2, 1))),
)
ONEAPI = container(6, "oneapi", image="ghcr.io/songquanpeng/one-api:latest", project="fastgpt", service="oneapi")
PG = container(7, "pg", image="pgvector/pgvector:0.7.0-pg15", project="fastgpt", service="pg")
OLLAMA = container(
    8, "ollama", image="ollama/ollama:0.5.7", memory_limit=32 * GIB, ports=(Port(11434, "tcp", "127.0.0.1", 11434),)
)

FINDINGS = (
    Result(
        check="librechat.config-mount",
        subject="librechat/api",
        status="finding",
        severity="error",
        title="LibreChat's config file is not mounted",
        form="not-mounted",
        because="librechat.yaml lies in the project folder, but nothing puts it at /app/librechat.yaml, "
        "so LibreChat starts with its defaults.",
        evidence=(
            Evidence("on the host", "/srv/librechat/librechat.yaml, 4.1 KiB", "stat"),
            Evidence("in the container", "nothing is mounted at /app/librechat.yaml", "docker inspect LibreChat"),
        ),
        fix=FixSummary("disruptive", "Mount it in docker-compose.override.yml and recreate api"),
    ),
    Result(
        check="mongo.keyfile",
        subject="librechat/mongodb",
        status="finding",
        severity="warning",
        title="The mongo key file is open to others",
        because="mongod refuses a key that group or others may read.",
        evidence=(
            Evidence("mode", "0644", "stat /srv/librechat/mongodb.key"),
            Evidence("log", "30017: permissions on key file are too open", "docker logs chat-mongodb"),
        ),
        fix=FixSummary("safe", "Set the mode to 400 and the owner to 999"),
    ),
)
RESULTS = (
    *FINDINGS,
    Result(check="fastgpt.stub", subject="fastgpt/fastgpt", status="ok", title="Everything is as it should be"),
    Result(
        check="mongo.stub",
        subject="librechat/mongodb",
        status="unknown",
        title="Cannot tell",
        because="mongod does not answer.",
    ),
    Result(check="other.stub", subject="", status="not_applicable", title="Nothing of the kind runs here"),
)


def full() -> Snapshot:
    """Two stacks, a container on its own, a native service, two GPUs."""
    containers = (LIBRECHAT, MONGO, SEARCH, RAG, FASTGPT, ONEAPI, PG, OLLAMA)
    roles = ("librechat", "mongo", "meilisearch", "rag_api", "fastgpt", "oneapi", "postgres", "ollama")
    services = tuple(
        Service(
            role=cast("Any", role),
            name=c.service or c.name,
            container=c.id,
            project=c.project,
            compose_service=c.service,
        )
        for role, c in zip(roles, containers, strict=True)
    )
    native = Service(role="model_server", name="vllm", pid=4242)
    return Snapshot(
        taken_at=NOW,
        host=HostInfo("gpubox", "Debian GNU/Linux 12", "6.1.0", "x86_64", 32, NOW - 1e6),
        engine=EngineInfo("24.0.7", "1.43", "unix:///var/run/docker.sock", local=True),
        containers=containers,
        figures={
            LIBRECHAT.id: figures(3.2, 412 * MIB),
            SEARCH.id: figures(0.4, 96 * MIB),
            FASTGPT.id: figures(12.0, 640 * MIB),
            ONEAPI.id: figures(0.0, 48 * MIB),
            PG.id: figures(1.0, 210 * MIB),
            OLLAMA.id: figures(187.0, 18 * GIB, memory_limit=32 * GIB),
        },
        projects=(
            Project(
                "librechat",
                "/srv/librechat",
                (ConfigFile("/srv/librechat/docker-compose.yml"),),
                (ComposeService("api"),),
            ),
            Project("fastgpt", "/srv/fastgpt", (ConfigFile("/srv/fastgpt/docker-compose.yml"),)),
        ),
        services=(*services, native),
        processes=(
            NativeProcess(4242, "python3", ("python3", "-m", "vllm.entrypoints.openai.api_server"), NOW - 7200, "llm"),
        ),
        gpus=(
            Gpu(
                "GPU-0",
                0,
                name="NVIDIA RTX 4090",
                memory_total=24 * GIB,
                memory_used=18 * GIB,
                utilisation=87.0,
                temperature=64.0,
                power=310.0,
                power_limit=450.0,
            ),
            Gpu("GPU-1", 1, name="NVIDIA RTX 4090", memory_total=24 * GIB, memory_used=2 * GIB),
        ),
        system=System(
            NOW,
            23.4,
            (2.14, 1.8, 1.5),
            128 * GIB,
            81 * GIB,
            8 * GIB,
            1 * GIB,
            (
                Disk("/var/lib/docker", "docker", 900 * GIB, 210 * GIB),
                Disk("/srv/librechat", "librechat", 100 * GIB, 9 * GIB),
            ),
        ),
    )


def well() -> Snapshot:
    """The same, and all of it works."""
    healthy = Health("healthy", 0, (HealthProbe(NOW - 5, 0, "ok"),))
    return replace(full(), containers=tuple(
        replace(each, state="running", exit_code=None, oom_killed=False, finished_at=None, restart_count=0, deaths=(),
                health=each.health and healthy)
        for each in full().containers
    ))  # fmt: skip


def empty() -> Snapshot:
    """An Engine, and nothing on it."""
    return Snapshot(
        taken_at=NOW,
        host=HostInfo("gpubox"),
        engine=EngineInfo("24.0.7", "1.43", "unix:///var/run/docker.sock", local=True),
        system=full().system,
    )


def failed() -> Snapshot:
    """No Engine answers; the host does."""
    fault = Fault(
        "engine",
        "No Docker Engine answers at unix:///var/run/docker.sock: permission denied",
        "sudo usermod -aG docker $USER, then log in again",
        NOW - 3,
    )
    return Snapshot(taken_at=NOW, host=HostInfo("gpubox"), system=full().system, faults=(fault,))


def half() -> Snapshot:
    """Everything, but the Engine went away and a compose file cannot be read."""
    faults = (
        Fault("engine", "The Engine stopped answering", "systemctl status docker", NOW - 42),
        Fault(
            "compose:/srv/fastgpt",
            "/srv/fastgpt/docker-compose.yml, line 12, column 3: a tab indents this line",
            "use spaces there",
        ),
    )
    return replace(full(), faults=faults, ages={"engine": NOW - 42})


CURVES = {
    "host": (None, 5.0, 20.0, 40.0, 23.0, 60.0, 23.4), "container": (1.0, 2.0, 8.0, 3.0),
    "server": (30.0, 41.5, 38.0, 44.0), "gpu": (0.0, 12.0, 55.0, None, 88.0, 91.0, 87.0),
    "vram": (1.0 * GIB, 1.0 * GIB, 6.0 * GIB, None, 8.0 * GIB, 8.0 * GIB, 8.3 * GIB),
    "heat": (38.0, 41.0, 52.0, None, 63.0, 66.0, 64.0), "queue": (0.0, 1.0, 7.0, 5.0),
    "power": (60.0, 61.0, 210.0, None, 300.0, 310.0, 310.0), "held": (0.0, 5.0 * GIB, 6.0 * GIB, 6.0 * GIB),
}  # fmt: skip


class FrozenFeed:
    """Snapshots that a test hands out."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot
        self.requests = 0
        self._publish: Any = None
        self.kept = None

    def listen(self, publish: Any) -> None:
        self._publish = publish
        if self.snapshot is not None:
            publish(self.snapshot)

    def complete(self) -> None:
        pass

    def push(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._publish(snapshot)

    def remember(self, check: object) -> None:
        pass

    def request(self) -> None:
        self.requests += 1

    def stop(self) -> None:
        self._publish = None

    def curve(self, key: str) -> tuple[tuple[float, float | None], ...]:
        """A figure each minute."""
        values = CURVES[key.partition(":")[0]]
        return tuple((NOW - 60.0 * n, value) for n, value in zip(range(len(values) - 1, -1, -1), values, strict=True))


class FrozenChecks:
    """Results that a test hands out."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = tuple(results)

    def examine(self, snapshot: Snapshot, only: Collection[str] | None = None) -> Sequence[Result]:
        return self.results

    def find(self, check: str) -> None:
        return None

    def plan(self, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> None:
        return None

    def explain(self, check: str) -> str:
        return (
            "What it does\n  Looks whether the config file reaches the container.\n\nWhy it matters\n  It is ignored."
        )


class RecordingControl:
    """Notes every act; refuses all of them in read-only mode."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error: HostError | None = None

    def __getattr__(self, verb: str) -> Any:
        def act(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((verb, *args))
            if self.error:
                raise self.error
            return SimpleNamespace(exit_code=0, output="")

        return act


class StillEngine:
    """Answers with one log."""

    address = "frozen"
    local = True

    def __init__(
        self, log: bytes = b"2025-10-09T08:53:20.000000000Z Server listening on all interfaces at port 3080\n"
    ) -> None:
        self.log = log

    async def logs(self, container: str, *, tail: int = 200, since: float | None = None) -> bytes:
        return self.log

    async def top(self, container: str, *, ps_args: str | None = None) -> bytes:
        return b'{"Titles": ["USER", "PID", "PPID", "COMMAND"], "Processes": [["app", "4711", "1", "node server.js"]]}'

    async def image(self, image: str) -> bytes:
        return b'{"Created": "2025-10-01T00:00:00Z", "Size": 104857600, "Config": {"Env": ["LANG=C"]}}'

    async def inspect(self, container: str) -> bytes:
        return b'{"Id": "%s", "State": {"Status": "running"}, "Config": {"Env": ["LANG=C"]}}' % container.encode()

    async def follow(self, container: str, *, tail: int = 100) -> Any:
        for line in (*self.log.splitlines()[-tail:], b"2025-10-09T08:53:21.000000000Z one more"):
            yield line

    async def events(self, since: float | None = None) -> Any:
        await asyncio.Event().wait()
        yield b""


class NoFiles:
    """A machine on which no file is."""

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        return FileFact(path, "missing")


def host(*, read_only: bool = False, log: bytes | None = None) -> Host:
    engine = StillEngine() if log is None else StillEngine(log)
    return cast(
        "Host",
        SimpleNamespace(
            name="gpubox",
            kind="replay",
            read_only=read_only,
            engine=engine,
            control=RecordingControl(),
            files=NoFiles(),
            clock=FakeClock(NOW),
        ),
    )


def desk(
    snapshot: Snapshot | None,
    results: Sequence[Result] = (),
    *,
    read_only: bool = False,
    offer_demo: bool = False,
    journal: Any = None,
    settings: Settings | None = None,
    log: bytes | None = None,
) -> Desk:
    return Desk(
        host=host(read_only=read_only, log=log),
        settings=settings or Settings(read_only=read_only),
        feed=FrozenFeed(snapshot),
        checks=cast("Any", FrozenChecks(results)),
        open_journal=lambda: journal,
        look=lambda _: cast("Snapshot", snapshot),
        offer_demo=offer_demo,
    )
