"""The container in /proc/PID/cgroup, for every way container engines name cgroups. fact: gpu-model-servers 2.1."""

from __future__ import annotations

from pathlib import Path

import pytest
from stackops.console.hosts.local.kernel import LocalKernel, containers_of, runtime_of
from support.fake_root import FakeRoot

ID, INNER = "ab12" * 16, "cd34" * 16
V1 = "".join(f"{n}:{names}:{{0}}\n" for n, names in enumerate(("pids", "memory", "cpu,cpuacct", "name=systemd")))

ROWS = {
    "v2, systemd driver": (f"0::/system.slice/docker-{ID}.scope\n", (ID,), "docker"),
    "v2, cgroupfs driver": (f"0::/docker/{ID}\n", (ID,), "docker"),
    "v1, cgroupfs driver": (V1.format(f"/docker/{ID}"), (ID,), "docker"),
    "v1, systemd driver": (V1.format(f"/system.slice/docker-{ID}.scope"), (ID,), "docker"),
    "v1, rdma left at the root": (f"13:rdma:/\n12:memory:/docker/{ID}\n0::/\n", (ID,), "docker"),
    "a group that the container made": (f"0::/system.slice/docker-{ID}.scope/init\n", (ID,), "docker"),
    "podman": (f"0::/machine.slice/libpod-{ID}.scope/container\n", (ID,), "podman"),
    "podman, cgroups split": (f"0::/system.slice/x.service/libpod-payload-{ID}\n", (ID,), "podman"),
    "podman's watcher is in no container": (f"0::/machine.slice/libpod-conmon-{ID}.scope\n", (), "podman"),
    "podman, rootless": (
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container\n", (ID,), "podman",
    ),
    "kubernetes, containerd": (
        f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{ID}.scope\n",
        (ID,), "kubernetes",
    ),
    "kubernetes, containerd without slices": (
        f"0::/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:{ID}\n", (ID,), "kubernetes",
    ),
    "kubernetes, cri-o": (f"0::/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope\n", (ID,), "kubernetes"),
    "kubernetes, cri-o's watcher": (f"0::/kubepods.slice/crio-conmon-{ID}.scope\n", (), "kubernetes"),
    "kubernetes, cgroupfs": (f"0::/kubepods/burstable/podd9e8-1/{ID}\n", (ID,), "kubernetes"),
    "a cgroup_parent of one's own": (f"0::/llm.slice/docker-{ID}.scope\n", (ID,), "docker"),
    "a cgroup_parent, cgroupfs": (f"0::/llm/{ID}\n", (ID,), None),
    "docker, rootless": (
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope\n", (ID,), "docker",
    ),
    "a sibling, from another cgroup namespace": (f"0::/../docker-{ID}.scope\n", (ID,), "docker"),
    "docker in docker": (f"0::/docker/{ID}/docker/{INNER}\n", (ID, INNER), "docker"),
    "docker in docker, v1": (V1.format(f"/docker/{ID}/docker/{INNER}"), (ID, INNER), "docker"),
    "a zombie whose cgroup is gone": (f"0::/system.slice/docker-{ID}.scope (deleted)\n", (ID,), "docker"),
    "a zombie whose cgroup is gone, cgroupfs": (f"0::/docker/{ID} (deleted)\n", (ID,), "docker"),
    "oneself, from inside": ("0::/\n", (), None),
    "the first process, from inside": ("0::/../..\n", (), None),
    "dockerd itself": ("0::/system.slice/docker.service\n", (), "docker"),
    "a session": ("0::/user.slice/user-1000.slice/session-3.scope\n", (), None),
    "a digest that is longer": (f"0::/x/{ID}ff\n", (), None),
    "nothing": ("", (), None),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_the_ids_are_found_outermost_first(name: str) -> None:
    text, ids, runtime = ROWS[name]
    assert containers_of(text) == ids
    assert runtime_of(text) == runtime


def test_a_row_has_them_all_and_the_outermost_by_itself(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path)
    root.process(50, "python3", ["python3"], cgroup=ROWS["docker in docker"][0])
    (row,) = (row for row in LocalKernel(str(tmp_path)).processes() if row.pid == 50)
    assert (row.container, row.containers, row.runtime, row.zombie) == (ID, (ID, INNER), "docker", False)


def test_a_new_parent_and_an_end_are_seen_although_the_rest_is_remembered(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path)
    root.process(50, "VLLM::Worker", ["VLLM::Worker"], ppid=40)
    kernel = LocalKernel(str(tmp_path))

    def row():
        return next(row for row in kernel.processes() if row.pid == 50)

    first = row()
    assert row() is first
    root.process(50, "VLLM::Worker", ["VLLM::Worker"], ppid=1)
    assert (row().ppid, row().zombie) == (1, False)
    stat = (tmp_path / "proc/50/stat").read_text().replace(") S ", ") Z ")
    root.write("proc/50/stat", stat)
    assert row().zombie
    assert row().command == ("VLLM::Worker",)
