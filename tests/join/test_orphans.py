"""Processes that nobody answers for any more; and the many that somebody does."""

from __future__ import annotations

import pytest
from support.gpu_rows import box, holds, joined, row, shim

WORKERS = (
    "VLLM::Worker_TP0", "VLLM::EngineCore", "ray::RayWorkerWrapper.execute_method", "sglang::scheduler_TP0",
    "python3 -c spawn_main(tracker_fd=5) --multiprocessing-fork", "/usr/bin/ollama runner --port 4000",
)  # fmt: skip


@pytest.mark.parametrize("command", WORKERS)
def test_a_worker_that_init_took_in_has_lost_its_parent(command: str) -> None:
    found = joined([holds(50)], [row(50, command, ppid=1)])[50]
    assert found.orphan == "Its parent has ended: it works for nobody any more and keeps the memory"


@pytest.mark.parametrize("command", WORKERS)
def test_a_worker_with_its_parent_is_none(command: str) -> None:
    rows = [shim(90), row(100, "vllm serve m", ppid=90, of="v"), row(110, command, ppid=100, of="v")]
    assert joined([holds(110)], rows, boxes=[box("v")])[110].orphan is None


def test_in_a_container_the_shim_or_its_init_takes_workers_in() -> None:
    rows = [
        shim(90), row(100, "vllm serve m", ppid=90, of="v"), row(110, "VLLM::Worker", ppid=90, of="v"),
        row(200, "/sbin/docker-init -- vllm serve m", ppid=90, of="w", name="docker-init"),
        row(210, "VLLM::Worker", ppid=200, of="w"),
    ]  # fmt: skip
    found = joined([holds(110), holds(210)], rows, boxes=[box("v"), box("w", 200)])
    assert found[110].orphan is not None
    assert found[210].orphan is not None


def test_a_containers_own_first_process_is_no_orphan_whatever_it_is_called() -> None:
    rows = [shim(90), row(100, "VLLM::EngineCore", ppid=90, of="v")]
    assert joined([holds(100)], rows, boxes=[box("v", 100)])[100].orphan is None


@pytest.mark.parametrize(
    "command", ["python3 train.py", "/usr/bin/llama-server -m x", "/usr/lib/xorg/Xorg", "vllm serve m"]
)
def test_a_service_of_the_machine_is_no_orphan(command: str) -> None:
    assert joined([holds(50)], [row(50, command, ppid=1)])[50].orphan is None


def test_a_parent_of_an_outer_namespace_is_not_known_and_so_no_orphan() -> None:
    assert joined([holds(50)], [row(50, "VLLM::Worker", ppid=0)])[50].orphan is None


def test_a_process_whose_container_was_removed_says_which() -> None:
    found = joined([holds(50)], [row(50, "python3 server.py", ppid=1, of="gone")])[50]
    assert found.orphan is not None
    assert "is gone: docker does not list it any more" in found.orphan
    assert found.container is None


def test_containers_of_somebody_else_are_no_orphans() -> None:
    stranger = [shim(90), row(100, "python3", ppid=90, of="theirs")]
    assert joined([holds(100)], stranger)[100].orphan is None
    pod = [row(100, "python3", ppid=1, of="pod", runtime="kubernetes")]
    assert joined([holds(100)], pod)[100].orphan is None
    podman = [row(90, "/usr/bin/conmon"), row(100, "python3", ppid=90, of="p", runtime="podman")]
    assert joined([holds(100)], podman)[100].orphan is None


def test_an_engine_that_did_not_tell_of_all_its_containers_makes_no_orphans() -> None:
    rows = [row(50, "python3", ppid=1, of="other-project")]
    assert joined([holds(50)], rows, engine_told=False)[50].orphan is None


def test_a_zombie_names_the_parent_that_does_not_ask() -> None:
    rows = [row(100, "npm start", of="v"), row(110, "", ppid=100, of="v", zombie=True, name="python3")]
    found = joined([holds(110)], rows, boxes=[box("v")])[110]
    assert found.orphan is not None
    assert "zombie" in found.orphan
    assert "npm (100)" in found.orphan
