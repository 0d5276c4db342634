"""Counters of containers, of the host and its processes, from every layout of /proc and /sys."""

from __future__ import annotations

import builtins
import contextlib
import gc
import os
import resource
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from stackops.console.hosts import HostError, NotFound
from stackops.console.hosts.local.kernel import LocalKernel
from stackops.console.products.dockerd import is_dockerd
from support.clock import FakeClock
from support.fake_root import FakeRoot

ID = "ab" * 32
OTHER = "cd" * 32
USE = {
    "cpu_ns": 7_000_000, "memory": 5000, "inactive_file": 1000, "limit": 1 << 30, "read": 10, "written": 20, "pids": 3,
    "received": 100, "sent": 200, "oom_kills": 2,
}  # fmt: skip


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("driver", ["cgroupfs", "systemd", "rootless"])
@pytest.mark.parametrize("layout", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("keep", [0, 100])
def test_a_sample_is_the_same_from_every_layout(tmp_path: Path, layout: str, driver: str, keep: int) -> None:
    root = FakeRoot(tmp_path, layout, driver=driver)
    root.container(ID, 100, **USE)
    kernel = LocalKernel(str(tmp_path), clock=FakeClock(monotonic=3.0), keep_open=keep)
    found = kernel.sample({ID: 100})[ID]
    assert (found.at_ns, found.cpu_ns, found.memory, found.memory_limit) == (3_000_000_000, 7_000_000, 4000, 1 << 30)
    assert (found.read_bytes, found.write_bytes, found.pids) == (11, 22, 3)
    assert (found.rx_bytes, found.tx_bytes, found.oom_kills) == (100, 200, 2)
    root.use(ID, cpu_ns=9_000_000, received=101)
    again = kernel.sample({ID: 100})[ID]
    assert (again.cpu_ns, again.rx_bytes) == (9_000_000, 101)
    kernel.close()


def test_unlimited_memory_is_no_limit(tmp_path: Path) -> None:
    for layout in ("v1", "v2"):
        root = FakeRoot(tmp_path / layout, layout)
        root.container(ID, 100)
        assert LocalKernel(str(tmp_path / layout)).sample({ID: 100})[ID].memory_limit is None


def test_cgroups_made_inside_a_container_do_not_hide_its_own(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path, "v2", driver="systemd")
    root.container(ID, 100, nested="/init.scope", cpu_ns=5_000_000)
    assert LocalKernel(str(tmp_path)).sample({ID: 100})[ID].cpu_ns == 5_000_000


def test_the_hosts_network_is_not_the_containers(tmp_path: Path) -> None:
    FakeRoot(tmp_path, "v2").container(ID, 100, host_network=True, **USE)
    found = LocalKernel(str(tmp_path)).sample({ID: 100})[ID]
    assert (found.rx_bytes, found.tx_bytes) == (None, None)
    assert found.cpu_ns == 7_000_000


def test_a_counter_this_kernel_does_not_have_is_unknown_and_not_zero(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path, "v2")
    root.container(ID, 100, **USE)
    for name in ("io.stat", "memory.current", "pids.current"):
        (tmp_path / f"sys/fs/cgroup/docker/{ID}/{name}").unlink()
    found = LocalKernel(str(tmp_path)).sample({ID: 100})[ID]
    assert (found.read_bytes, found.write_bytes, found.memory, found.pids) == (None, None, None, None)
    assert found.cpu_ns == 7_000_000


@pytest.mark.parametrize("keep", [0, 100])
@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_a_container_that_vanished_is_left_out_and_closed(tmp_path: Path, layout: str, keep: int) -> None:
    root = FakeRoot(tmp_path, layout)
    root.container(ID, 100)
    root.container(OTHER, 101)
    kernel = LocalKernel(str(tmp_path), keep_open=keep)
    before = descriptors()
    assert set(kernel.sample({ID: 100, OTHER: 101})) == {ID, OTHER}
    root.vanish(ID)
    assert set(kernel.sample({ID: 100, OTHER: 101})) == {OTHER}
    root.container(ID, 102, cpu_ns=1000)
    assert kernel.sample({ID: 102, OTHER: 101})[ID].cpu_ns == 1000
    kernel.close()
    assert descriptors() == before


def test_a_pid_that_belongs_to_something_else_is_not_read(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path, "v2")
    root.container(ID, 100)
    root.process(200, "nginx", ["nginx"])
    kernel = LocalKernel(str(tmp_path))
    assert kernel.sample({ID: 200, OTHER: 100}) == {}
    assert kernel.sample({ID: 0}) == {}
    assert kernel.sample({ID: 99999}) == {}


def test_a_native_service_is_measured_with_all_that_it_started_and_shared_memory_once(tmp_path: Path) -> None:
    root, page, tick = FakeRoot(tmp_path, "v2"), os.sysconf("SC_PAGE_SIZE"), 10**9 // os.sysconf("SC_CLK_TCK")
    for pid, above, pages in (
        (300, 1, "900 500 200"),
        (301, 300, "900 300 200"),
        (302, 301, "90 30 20"),
        (400, 1, "9 9 0"),
    ):
        root.process(pid, "postgres", ["postgres"], ppid=above)
        root.write(f"proc/{pid}/statm", f"{pages} 1 0 1 0\n")
    kernel = LocalKernel(str(tmp_path))
    kernel.processes()
    found = kernel.sample({"pid:300": 300, "pid:9": 9})
    assert set(found) == {"pid:300"}
    assert (found["pid:300"].memory, found["pid:300"].pids) == ((500 + 100 + 10) * page, 3)
    assert found["pid:300"].cpu_ns == 3 * (5 + 6 + 7 + 8) * tick
    (tmp_path / "proc/301/stat").unlink()
    assert kernel.sample({"pid:300": 300})["pid:300"].pids == 2
    (tmp_path / "proc/300/stat").unlink()
    assert kernel.sample({"pid:300": 300}) == {}


@pytest.mark.parametrize(("layout", "hidepid"), [("none", False), ("v2", True), ("v1", True)])
def test_a_hidden_proc_or_missing_cgroups_leave_everything_out(tmp_path: Path, layout: str, hidepid: bool) -> None:
    root = FakeRoot(tmp_path, layout, hidepid=hidepid)
    root.container(ID, 100)
    assert LocalKernel(str(tmp_path)).sample({ID: 100}) == {}


def test_out_of_descriptors_files_are_opened_and_closed_instead(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path, "v2")
    ids = {f"{n:064x}": 100 + n for n in range(20)}
    for ident, pid in ids.items():
        root.container(ident, pid, cpu_ns=1000)
    kernel = LocalKernel(str(tmp_path), keep_open=10_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = descriptors()
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 20, hard))
    try:
        assert len(kernel.sample(ids)) == 20
        assert len(kernel.sample(ids)) == 20
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        kernel.close()
        with pytest.raises(HostError, match=r"Too many open files"):
            kernel.sample(ids)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(kernel.sample(ids)) == 20


def test_the_descriptors_kept_open_stay_below_the_limit(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path, "v1")
    ids = {f"{n:064x}": 100 + n for n in range(10)}
    for ident, pid in ids.items():
        root.container(ident, pid)
    kernel = LocalKernel(str(tmp_path), keep_open=12)
    before = descriptors()
    kernel.sample(ids)
    assert descriptors() == before + 12
    kernel.close()
    assert descriptors() == before


def test_a_kernel_that_nobody_has_any_more_keeps_nothing_open(tmp_path: Path) -> None:
    FakeRoot(tmp_path, "v2").container(ID, 100)
    gc.collect()  # what tests before this one left
    before = descriptors()
    kernel = LocalKernel(str(tmp_path), keep_open=12)
    kernel.sample({ID: 100})
    assert descriptors() > before
    del kernel
    gc.collect()
    assert descriptors() == before


def test_limits_are_read_again_now_and_then(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path, "v2")
    root.container(ID, 100, limit=1000)
    kernel = LocalKernel(str(tmp_path))
    kernel.sample({ID: 100})
    root.use(ID, limit=2000)
    limits = [kernel.sample({ID: 100})[ID].memory_limit for _ in range(16)]
    assert (limits[0], limits[-1]) == (1000, 2000)


def test_the_hosts_figures(tmp_path: Path) -> None:
    FakeRoot(tmp_path).system(busy=1000, idle=3000)
    kernel = LocalKernel(str(tmp_path))
    found = kernel.system()
    assert (found.cpu_busy, found.cpu_total, found.load) == (10.0, 40.0, (0.5, 0.4, 0.3))
    assert (found.memory_total, found.swap_used) == (8 << 30, 1 << 30)
    assert kernel.host() == ("gpubox", "Fake Linux 1 (test)", "6.1.0-test", os.uname().machine, 2, 1700000000.0)


def test_a_root_without_anything_is_unknown_and_no_error(tmp_path: Path) -> None:
    kernel = LocalKernel(str(tmp_path))
    found = kernel.system()
    assert (found.cpu_busy, found.load, found.memory_total, found.swap_used) == (None, None, None, None)
    assert list(kernel.processes()) == []
    assert kernel.host()[5] == 0.0


def test_the_disk_of_a_path_that_does_not_exist_yet(tmp_path: Path) -> None:
    total, free = LocalKernel().disk(str(tmp_path / "a/b/c"))
    assert 0 < free <= total
    (tmp_path / "file").touch()
    assert LocalKernel().disk(str(tmp_path / "file/below"))[0] == total


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        (f"0::/system.slice/docker-{ID}.scope\n", ID),
        (f"9:cpu,cpuacct:/docker/{ID}\n0::/\n", ID),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", ID),
        (f"0::/docker/{ID}/docker/{OTHER}\n", ID),
        (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n", ID),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
        (f"0::/x/{ID}ff\n", None),
    ],
)
def test_the_container_of_a_process_is_the_id_in_its_cgroup(tmp_path: Path, cgroup: str, expected: str | None) -> None:
    FakeRoot(tmp_path).process(50, "node (dist)", ["node", "/app/[x].js", ""], cgroup=cgroup, uid=4321, started=250)
    row = next(row for row in LocalKernel(str(tmp_path)).processes() if row.pid == 50)
    assert (row.container, row.name, row.command) == (expected, "node (dist)", ("node", "/app/[x].js"))
    assert (row.user, row.ppid, row.started_at) == ("4321", 1, 1700000002.5)


def test_kernel_threads_and_broken_entries_are_no_rows(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path)
    root.process(2, "kthreadd", [], kernel=True)
    root.process(60, "ok", ["ok"])
    root.write("proc/61/stat", "garbage")
    root.write("proc/62/stat", "62 (x) S")
    kernel = LocalKernel(str(tmp_path))
    assert [row.pid for row in kernel.processes()] == [60]
    assert kernel.processes()[0] is kernel.processes()[0]


def test_a_replaced_source_shows_in_the_mounts(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path)
    text = (
        "1 2 8:1 /srv/librechat.yaml//deleted /app/librechat.yaml rw - ext4 /dev/sda1 rw\n"
        "3 2 8:1 /srv/a\\040b//deleted /app/with\\040blank rw - ext4 /dev/sda1 rw\n"
        "4 2 8:1 /srv/fine /app/fine rw - ext4 /dev/sda1 rw\n"
        "odd\n"
    )
    root.process(70, "node", ["node"], mountinfo=text)
    assert LocalKernel(str(tmp_path)).replaced_mounts(70) == {"/app/librechat.yaml", "/app/with blank"}
    with pytest.raises(NotFound):
        LocalKernel(str(tmp_path)).replaced_mounts(71)


def test_this_machine_itself_can_be_read() -> None:
    kernel = LocalKernel()
    assert os.getpid() in {row.pid for row in kernel.processes()}
    system = kernel.system()
    assert system.cpu_total
    assert system.memory_total
    assert kernel.replaced_mounts(os.getpid()) == frozenset()


def test_a_second_sweep_of_a_hundred_containers_opens_nothing_and_reads_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sweep costs is told by ``make bench``; this is what makes it cheap."""
    root = FakeRoot(tmp_path, "v2")
    ids = {f"{n:064x}": 1000 + n for n in range(100)}
    for ident, pid in ids.items():
        root.container(ident, pid, **USE)
    kernel = LocalKernel(str(tmp_path), keep_open=1000)
    kernel.sample(ids)
    read: Counter[int] = Counter()
    pread = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        read[descriptor] += 1
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", counted)
    monkeypatch.setattr(os, "open", None)
    monkeypatch.setattr(builtins, "open", None)
    assert len(kernel.sample(ids)) == 100
    monkeypatch.undo()
    kernel.close()
    assert set(read.values()) == {1}
    assert len(read) <= 1000


def test_who_listens_at_a_socket_is_told_by_the_kernel(tmp_path: Path) -> None:
    kernel = LocalKernel()
    code = (
        "import ctypes, socket, sys; ctypes.CDLL(None).prctl(15, b'dockerd', 0, 0, 0)\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print('up', flush=True); sys.stdin.read()"
    )
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(socket.socket(socket.AF_UNIX))
        ours.bind(str(tmp_path / "ours"))
        ours.listen()
        argv = [sys.executable, "-c", code, str(tmp_path / "theirs")]
        other = stack.enter_context(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert other.stdout is not None
        other.stdout.readline()
        assert kernel.listener(f"unix://{tmp_path}/ours") == os.getpid()
        assert kernel.listener(f"unix://{tmp_path}/theirs") == other.pid
        (row,) = [row for row in kernel.processes() if row.pid == other.pid]
        assert is_dockerd(row)
        other.communicate()
    assert kernel.listener(f"unix://{tmp_path}/theirs") is None
    assert kernel.listener(f"unix://{tmp_path}/never") is None
    assert kernel.listener("tcp://127.0.0.1:2375") is None
    assert LocalKernel(str(tmp_path)).listener(f"unix://{tmp_path}/ours") is None
