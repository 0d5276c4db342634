"""A /proc and a /sys/fs/cgroup made of plain files, for every way a kernel lays them out.

    root = FakeRoot(tmp_path, "v2", driver="systemd")
    root.container(ID, pid=100, cpu_ns=5_000_000, memory=1 << 20)
    LocalKernel(str(root.path)).sample({ID: 100})

Layouts: ``v1``, ``v2``, ``hybrid``, ``none`` (no cgroup file system, as inside a container). Drivers: ``cgroupfs``,
``systemd``, ``rootless``. ``hidepid`` leaves out the folders of other people's processes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

V1 = ("cpu,cpuacct", "memory", "blkio", "pids")
NET = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast"
    "|bytes    packets errs drop fifo colls carrier compressed\n"
)


class FakeRoot:
    """The builder. Figures are changed in place, so that open descriptors see them."""

    def __init__(self, path: Path, layout: str = "v2", *, driver: str = "cgroupfs", hidepid: bool = False) -> None:
        self.path = path
        self.layout = layout
        self.driver = driver
        self.hidepid = hidepid
        self._figures: dict[str, dict[str, int]] = {}
        self._pids: dict[str, int] = {}
        self.write("proc/1/stat", _stat_line(1, 0, "systemd", 1))
        self.write("proc/1/net/dev", NET + _interface("lo", 9, 9) + _interface("eth0", 7, 7))
        self.link("proc/1/ns/net", "net:[4026531840]")
        (path / "sys/fs/cgroup").mkdir(parents=True, exist_ok=True)
        if layout == "hybrid":
            (path / "sys/fs/cgroup/unified").mkdir()
        self.system()

    def write(self, name: str, text: str) -> None:
        """Write a file below the root, in place."""
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("r+" if place.exists() else "w", encoding="utf-8") as file:
            file.truncate()
            file.write(text)

    def link(self, name: str, target: str) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)

    def system(self, *, busy: int = 1000, idle: int = 9000, cpus: int = 2, **memory: int) -> None:
        """The host's own figures: CPU in ticks of 10 ms, memory in bytes by the names of meminfo."""
        rows = "".join(f"cpu{n} {busy // cpus} 0 0 {idle // cpus} 0 0 0 0 0 0\n" for n in range(cpus))
        self.write("proc/stat", f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n{rows}btime 1700000000\n")
        self.write("proc/loadavg", "0.50 0.40 0.30 1/100 4242\n")
        known = {"MemTotal": 8 << 30, "MemAvailable": 4 << 30, "SwapTotal": 2 << 30, "SwapFree": 1 << 30} | memory
        self.write("proc/meminfo", "".join(f"{name}:    {size // 1024} kB\n" for name, size in known.items()))
        self.write("proc/sys/kernel/hostname", "gpubox\n")
        self.write("proc/sys/kernel/osrelease", "6.1.0-test\n")
        self.write("etc/os-release", 'NAME="Fake"\nPRETTY_NAME="Fake Linux 1 (test)"\n')

    def container(self, ident: str, pid: int, *, host_network: bool = False, nested: str = "", **figures: int) -> None:
        """A running container: its process, its cgroups, its network."""
        self._pids[ident] = pid
        self._figures[ident] = {}
        self.process(pid, "sleep", ["sleep", "inf"], cgroup=self.cgroup_text(ident, nested))
        if not self.hidepid:
            self.link(f"proc/{pid}/ns/net", "net:[4026531840]" if host_network else f"net:[{4026532000 + pid}]")
        self.use(ident, **figures)

    def use(self, ident: str, **figures: int) -> None:
        """New figures: cpu_ns, memory, inactive_file, limit, read, written, pids, received, sent, oom_kills."""
        known: dict[str, Any] = {
            "cpu_ns": 0, "memory": 0, "inactive_file": 0, "limit": 0, "read": 0, "written": 0, "pids": 1, "received": 0,
            "sent": 0, "oom_kills": 0,
        }  # fmt: skip
        now = self._figures[ident] = known | self._figures[ident] | figures
        pid = self._pids[ident]
        if not self.hidepid:
            text = NET + _interface("lo", 999, 999) + _interface("eth0", now["received"], now["sent"])
            self.write(f"proc/{pid}/net/dev", text)
        if self.layout in {"v1", "hybrid"}:
            self._write_v1(self.folder(ident), now)
        elif self.layout == "v2":
            self._write_v2(self.folder(ident), now)

    def process(
        self,
        pid: int,
        name: str,
        command: list[str],
        *,
        ppid: int = 1,
        uid: int = 0,
        cgroup: str = "0::/init.scope\n",
        started: int = 5000,
        kernel: bool = False,
        mountinfo: str = "",
    ) -> None:
        """One process; ``started`` is in ticks of 10 ms since boot."""
        if self.hidepid:
            return
        self.write(f"proc/{pid}/stat", _stat_line(pid, ppid, name, started, 0x200000 if kernel else 0x400000))
        self.write(f"proc/{pid}/cmdline", "".join(f"{part}\0" for part in command))
        self.write(f"proc/{pid}/status", f"Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
        self.write(f"proc/{pid}/cgroup", cgroup)
        self.write(f"proc/{pid}/mountinfo", mountinfo)

    def vanish(self, ident: str) -> None:
        """The container ends: files become empty (as an open one of the kernel fails) and go."""
        for place in (self.path / "sys/fs/cgroup").rglob("*"):
            if ident in str(place) and place.is_file():
                place.write_text("")
                place.unlink()
        for place in sorted((self.path / f"proc/{self._pids[ident]}").rglob("*"), reverse=True):
            place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()

    def folder(self, ident: str) -> str:
        """The container's path below a cgroup mount."""
        if self.driver == "systemd":
            return f"/system.slice/docker-{ident}.scope"
        if self.driver == "rootless":
            return f"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ident}.scope"
        return f"/docker/{ident}"

    def cgroup_text(self, ident: str, nested: str = "") -> str:
        """What /proc/PID/cgroup says."""
        own = self.folder(ident) + nested
        v1 = "".join(f"{9 - n}:{names}:{own}\n" for n, names in enumerate(V1)) + f"1:name=systemd:{own}\n"
        return {"v1": v1, "v2": f"0::{own}\n", "hybrid": f"{v1}0::/\n", "none": f"0::/../{ident}\n"}[self.layout]

    def _write_v1(self, own: str, now: dict[str, int]) -> None:
        base = "sys/fs/cgroup"
        self.write(f"{base}/cpu,cpuacct{own}/cpuacct.usage", f"{now['cpu_ns']}\n")
        self.write(f"{base}/memory{own}/memory.usage_in_bytes", f"{now['memory']}\n")
        stat = f"cache 5\ninactive_file 1\ntotal_cache 5\ntotal_inactive_file {now['inactive_file']}\ntotal_x 1\n"
        self.write(f"{base}/memory{own}/memory.stat", stat)
        self.write(f"{base}/memory{own}/memory.limit_in_bytes", f"{now['limit'] or 0x7FFFFFFFFFFFF000}\n")
        oom = f"oom_kill_disable 0\nunder_oom 0\noom_kill {now['oom_kills']}\n"
        self.write(f"{base}/memory{own}/memory.oom_control", oom)
        io = f"8:0 Read {now['read']}\n8:0 Write {now['written']}\n8:0 Total 99\n8:16 Read 1\n8:16 Write 2\nTotal 99\n"
        self.write(f"{base}/blkio{own}/blkio.throttle.io_service_bytes", io)
        self.write(f"{base}/pids{own}/pids.current", f"{now['pids']}\n")

    def _write_v2(self, own: str, now: dict[str, int]) -> None:
        base = f"sys/fs/cgroup{own}"
        usage = now["cpu_ns"] // 1000
        self.write(f"{base}/cpu.stat", f"usage_usec {usage}\nuser_usec 1\nsystem_usec 1\nnr_throttled 0\n")
        self.write(f"{base}/memory.current", f"{now['memory']}\n")
        self.write(
            f"{base}/memory.stat", f"anon 1\nfile 2\ninactive_anon 7\ninactive_file {now['inactive_file']}\nx 1\n"
        )
        self.write(f"{base}/memory.max", f"{now['limit'] or 'max'}\n")
        self.write(f"{base}/memory.events", f"low 0\nhigh 0\nmax 0\noom 0\noom_kill {now['oom_kills']}\n")
        io = f"8:0 rbytes={now['read']} wbytes={now['written']} rios=1 wios=1 dbytes=0\n8:16 rbytes=1 wbytes=2 rios=0\n"
        self.write(f"{base}/io.stat", io)
        self.write(f"{base}/pids.current", f"{now['pids']}\n")


def _stat_line(pid: int, ppid: int, name: str, started: int, flags: int = 0x400000) -> str:
    return f"{pid} ({name}) S {ppid} {pid} {pid} 0 -1 {flags} 1 2 3 4 5 6 7 8 20 0 1 0 {started} 1000 100 99\n"


def _interface(name: str, received: int, sent: int) -> str:
    return f"{name:>6}: {received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\n"
