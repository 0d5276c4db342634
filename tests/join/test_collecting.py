"""The join as it is collected: kept fresh, and what is asked for it when nothing else tells."""

from __future__ import annotations

import json

from stackops.console.collect.collector import collect
from stackops.console.collect.owners import MOST, PS_ARGS, rows_of
from stackops.console.collect.source import Cadence
from stackops.console.collect.sources.gpus import AGAIN, BlobNames, Holders
from stackops.console.hosts import ProcessRow
from stackops.console.model import DeviceRequest, EngineInfo, Gpu, GpuDriver, Mount
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.fake_engine import container
from support.gpu_rows import CARD, GIB, box, holds, ident, row, server
from support.memory_host import MemoryEngine, MemoryFiles, MemoryGpus, MemoryHost, MemoryKernel
from support.one_source import OneSource

QUICK = Cadence(second_sample=0.0)
GRANT = (DeviceRequest(count=-1, capabilities=("gpu",)),)
TITLES = ["PID", "PPID", "COMMAND"]


def top_of(*rows: tuple[int, int, str]) -> dict[str, object]:
    return {"Titles": TITLES, "Processes": [[str(pid), str(parent), args] for pid, parent, args in rows]}


class Bench:
    """Holders on a board, without any thread or timer."""

    def __init__(self, *boxes, same_namespace: bool | None = True, files: MemoryFiles | None = None) -> None:
        self.clock = FakeClock()
        self.engine = MemoryEngine()
        self.host = MemoryHost(engine=self.engine, files=files or MemoryFiles(), clock=self.clock, gpus=MemoryGpus())
        self.holders = OneSource(Holders, self.host, cadence=QUICK)
        self.site, self.board = self.holders.scheduler.site, self.holders.board
        self.history = self.site.history
        self.board.put(
            containers=tuple(boxes), gpus=(Gpu(CARD),), gpu_driver=GpuDriver("ok", same_namespace=same_namespace),
            engine=EngineInfo("24", "1.43", "unix:///x", local=True),
        )  # fmt: skip

    @property
    def processes(self):
        return self.board.snapshot().gpu_processes

    def take(self, held, rows) -> None:
        """What the driver and the process table say now."""
        self.site.held, self.site.rows = tuple(held), rows
        self.site.joined()


def test_it_follows_containers_servers_and_processes_that_come_later() -> None:
    bench = Bench()
    bench.take([holds(100)], [row(100, "ollama runner", of="o")])
    assert bench.processes[0].container is None
    bench.board.put(containers=(box("o"),))
    assert bench.processes[0].container == ident("o")
    bench.board.put(servers=(server("ollama", of="o", loaded=["a"]),))
    assert bench.processes[0].models == ("a",)
    before = bench.processes
    assert bench.board.snapshot().gpu_processes is before
    bench.take([], [])
    assert bench.processes == ()


async def test_the_engine_is_asked_only_for_containers_with_a_gpu_and_only_while_a_process_is_unknown() -> None:
    granted, plain = box("v", device_requests=GRANT), box("web")
    stopped = box("s", device_requests=GRANT, state="exited")
    bench = Bench(granted, plain, stopped)
    bench.engine.tops = {ident("v"): top_of((100, 7, "vllm serve m"), (110, 100, "VLLM::EngineCore"))}
    bench.take([holds(100)], [row(100, "x", of="v")])
    await bench.holders.read()
    assert bench.engine.topped == []
    bench.take([holds(110)], [row(100, "vllm serve m", of="v")])
    await bench.holders.read()
    assert bench.engine.topped == [(ident("v"), PS_ARGS)]
    assert (bench.processes[0].container, bench.processes[0].visible) == (ident("v"), False)
    assert bench.processes[0].models == ("m",)


async def test_the_same_question_is_put_again_only_after_minutes() -> None:
    bench = Bench(box("v", device_requests=GRANT), same_namespace=False)
    bench.engine.tops = {ident("v"): top_of((100, 7, "x"))}
    bench.take([holds(999)], [])
    for _ in range(5):
        await bench.holders.read()
    assert len(bench.engine.topped) == 1
    bench.take([holds(999), holds(100)], [])
    await bench.holders.read()
    assert len(bench.engine.topped) == 2
    bench.clock.advance(AGAIN)
    await bench.holders.read()
    assert len(bench.engine.topped) == 3


async def test_an_engine_of_another_machine_is_not_asked_whose_a_process_of_this_one_is() -> None:
    for same_namespace, asked in ((True, 0), (False, 1), (None, 1)):
        bench = Bench(box("v", pid=100, device_requests=GRANT), same_namespace=same_namespace)
        bench.engine.tops = {ident("v"): top_of((500, 7, "vllm serve m"))}
        bench.take([holds(500)], [row(100, "nginx")])
        await bench.holders.read()
        assert len(bench.engine.topped) == asked
        assert (bench.processes[0].container is not None) == bool(asked)


async def test_an_engine_that_fails_or_hangs_leaves_the_process_unknown_and_makes_no_fault() -> None:
    bench = Bench(box("v", device_requests=GRANT))
    bench.take([holds(100)], [])
    assert await bench.holders.read()
    assert bench.processes[0].container is None
    assert bench.board.snapshot().faults == ()


def test_replies_are_read_by_their_titles() -> None:
    usual = {"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "Processes": [
        ["root", "41", "40", "0", "10:00", "?", "00:00:01", "python3 -m vllm"],
    ]}  # fmt: skip
    (one,) = rows_of(json.dumps(usual).encode(), "c")
    assert (one.pid, one.ppid, one.command, one.user, one.container) == (41, 40, ("python3", "-m", "vllm"), "root", "c")


def test_replies_that_make_no_sense_are_nothing() -> None:
    for reply in (
        b"", b"[]", b"{}", b'{"Titles":null,"Processes":null}', b'{"Titles":["PID"],"Processes":[null,["x"],["-1"]]}',
        b'{"Titles":["CMD"],"Processes":[["1"]]}', b'{"Titles":["PID"],"Processes":[["' + b"9" * 40 + b'"]]}', b"\xff",
    ):  # fmt: skip
        assert rows_of(reply, "c") == ()
    long = {"Titles": ["PID"], "Processes": [[str(n)] for n in range(1, MOST + 50)]}
    assert len(rows_of(json.dumps(long).encode(), "c")) == MOST


# Names of Ollama's weights

DIGEST = "a1" * 32
MANIFEST = json.dumps({"layers": [
    {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "ee" * 32},
    {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{DIGEST}"},
]}).encode()  # fmt: skip


def _files(root: str) -> MemoryFiles:
    top = f"{root}/models/manifests"
    return MemoryFiles({
        f"{top}/registry.ollama.ai/library/qwen2.5/7b": MANIFEST,
        f"{top}/registry.ollama.ai/somebody/qwen/latest": MANIFEST,
        f"{top}/hf.co/org/qwen-GGUF/Q4": MANIFEST,
        f"{top}/registry.ollama.ai/library/broken/x": b"{",
        f"{top}/registry.ollama.ai/library/strange/x": b'{"layers":[]}',
    })  # fmt: skip


async def test_the_manifests_beside_the_weights_name_the_model() -> None:
    mount = Mount("volume", "/var/lib/docker/volumes/o/_data", "/root/.ollama")
    bench = Bench(box("o", mounts=(mount,)), files=_files("/var/lib/docker/volumes/o/_data"))
    runner = row(110, f"/bin/ollama runner --model /root/.ollama/models/blobs/sha256-{DIGEST}", of="o")
    bench.board.put(servers=(server("ollama", of="o", loaded=["other", "qwen2.5:7b"]),))
    bench.take([holds(110)], [runner])
    await bench.holders.read()
    assert bench.processes[0].models == ("qwen2.5:7b",)
    reads = sum(bench.host.files.reads.values())
    await bench.holders.read()
    assert sum(bench.host.files.reads.values()) == reads


def test_a_native_ollama_is_looked_up_where_its_weights_lie() -> None:
    names = BlobNames(_files("/usr/share/ollama/.ollama"))
    runner = row(110, f"/usr/bin/ollama runner --model /usr/share/ollama/.ollama/models/blobs/sha256-{DIGEST}")
    wanted = names.wanted([runner], [], 0.0)
    assert wanted == ("/usr/share/ollama/.ollama/models",)
    names.read(wanted)
    assert names.names == {DIGEST: frozenset({"qwen2.5:7b", "somebody/qwen:latest", "hf.co/org/qwen-GGUF:Q4"})}
    assert names.wanted([runner], [], 1000.0) == ()


def test_weights_outside_every_mount_are_looked_for_nowhere() -> None:
    runner = row(110, f"ollama runner --model /root/.ollama/models/blobs/sha256-{DIGEST}", of="o")
    assert BlobNames(MemoryFiles()).wanted([runner], [box("o")], 0.0) == ()


def test_a_folder_that_names_nothing_is_asked_again_after_a_minute() -> None:
    names = BlobNames(MemoryFiles())
    runner = row(110, f"ollama runner --model /m/blobs/sha256-{DIGEST}")
    assert names.wanted([runner], [], 0.0) == ("/m",)
    names.read(("/m",))
    assert names.wanted([runner], [], 10.0) == ()
    assert names.wanted([runner], [], 61.0) == ("/m",)


# Curves, and all of it together


def test_the_curve_of_a_gpu_has_gaps_where_nothing_was_read_and_ends_with_the_gpu() -> None:
    bench = Bench()
    for health, busy in (("ok", 10.0), ("stale", 10.0), ("ok", 30.0)):
        bench.board.put(gpus=(Gpu(CARD, utilisation=busy, memory_used=GIB, health=health),))
        bench.take([], [])
    assert [value for _, value in bench.history.curve(f"gpu:{CARD}")] == [10.0, None, 30.0]
    assert [value for _, value in bench.history.curve(f"vram:{CARD}")] == [GIB, None, GIB]
    bench.board.put(gpus=())
    bench.take([], [])
    assert bench.history.curve(f"gpu:{CARD}") == ()


async def test_one_look_joins_what_it_read_at_once() -> None:
    web = container("ollama", pid=49)
    rows = [ProcessRow(50, 49, "ollama", ("ollama", "runner"), None, "root", web["Id"], (web["Id"],))]
    kernel = MemoryKernel()
    kernel.rows = rows
    gpus = MemoryGpus([Gpu(CARD, memory_used=2 * GIB)], [holds(50)])
    host = MemoryHost(engine=MemoryEngine(web), kernel=kernel, gpus=gpus)
    snapshot = await collect(host, Settings(), cadence=QUICK)
    (found,) = snapshot.gpu_processes
    assert (found.container, found.service, found.visible) == (web["Id"], "ollama", True)


async def test_a_container_removed_under_its_process_leaves_an_orphan_but_not_with_one_project_chosen() -> None:
    web = container("web", pid=10)
    gone = ProcessRow(50, 1, "python3", ("python3",), None, "root", "9" * 64, ("9" * 64,), "docker")
    own = ProcessRow(10, 5, "web", ("web",), None, "root", web["Id"], (web["Id"],), "docker")
    kernel = MemoryKernel()
    kernel.rows = [ProcessRow(1, 0, "systemd", ("init",), None, "root", None), gone, own]
    host = MemoryHost(engine=MemoryEngine(web), kernel=kernel, gpus=MemoryGpus([Gpu(CARD)], [holds(50)]))
    assert (await collect(host, Settings(), cadence=QUICK)).gpu_processes[0].orphan
    assert (await collect(host, Settings(project="other"), cadence=QUICK)).gpu_processes[0].orphan is None
    host.engine = None
    assert (await collect(host, Settings(), cadence=QUICK)).gpu_processes[0].orphan is None
