"""Where nothing in plain files hints at a GPU, no process is started and nothing is complained of."""

from __future__ import annotations

import pytest
from stackops.console.hosts.local.gpus import look, same_namespace
from support.nvml import card, holds, plug


def refuse(*_):
    raise AssertionError("a child was started")


def test_a_machine_without_any_sign_starts_no_child(door, root):
    plug(root, vendor="0x1002")
    told = door(environ={"LD_LIBRARY_PATH": ""}, child=refuse).read()
    assert (told.driver.state, told.driver.cards, told.driver.sentence) == ("no_library", 0, None)
    assert told.gpus == told.processes == ()


def test_a_card_that_belongs_to_a_virtual_machine_is_no_sign(door, root):
    plug(root, driver="vfio-pci")
    told = door(environ={"LD_LIBRARY_PATH": ""}, child=refuse).read()
    assert (told.driver.cards, told.driver.sentence) == (0, None)


@pytest.mark.parametrize(
    "path",
    ["dev/nvidiactl", "proc/driver/nvidia/version", "usr/lib/wsl/lib/libnvidia-ml.so.1", "sys/module/nvidia/version"],
)
def test_each_sign_alone_is_enough_to_ask(root, path):
    assert not look(root, {}).any
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text("550.54.15")
    assert look(root, {}).any


def test_a_library_that_only_the_loader_knows_is_a_sign(root):
    (root / "etc").mkdir()
    (root / "etc/ld.so.cache").write_bytes(b"glibc-ld.so.cache1.1\0libnvidia-ml.so.1\0/opt/nv/libnvidia-ml.so.1\0")
    assert look(root, {}).library


def test_cards_are_counted_and_nouveau_is_seen(root):
    plug(root, "0000:01:00.0", driver="nvidia")
    plug(root, "0000:02:00.0", driver="nouveau")
    plug(root, "0000:03:00.0", driver="vfio-pci")
    signs = look(root, {})
    assert (signs.cards, signs.nouveau, signs.addresses) == (2, True, {"0000:01:00.0", "0000:02:00.0"})


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024", "550.54.15"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  Release Build", "570.133.20"),
        ("NVRM version: something new", ""),
    ],
)
def test_the_module_tells_its_version(root, text, version):
    (root / "proc/driver/nvidia").mkdir(parents=True)
    (root / "proc/driver/nvidia/version").write_text(text)
    assert look(root, {}).module == version


def test_a_card_plugged_in_later_is_found(stub, door, root, clock):
    gpus = door(environ={"LD_LIBRARY_PATH": "", "STACKOPS_NVML_STUB": str(stub.path)})
    assert gpus._signs_at is None
    assert gpus.read().driver.cards == 0 or gpus.read().driver.cards is None
    plug(root)
    clock.advance(61)
    assert gpus.read().driver.cards == 1


def test_process_ids_are_those_of_this_table_in_the_first_namespace_of_the_kernel(root):
    (root / "proc/self/ns").mkdir(parents=True)
    (root / "proc/self/ns/pid").symlink_to("pid:[4026531836]")
    assert same_namespace(root, frozenset({4242})) is True


def test_process_ids_in_a_namespace_of_its_own_are_looked_for(root):
    assert same_namespace(root, frozenset({4242})) is None
    (root / "proc/self/ns").mkdir(parents=True)
    (root / "proc/self/ns/pid").symlink_to("pid:[4026532999]")
    assert same_namespace(root, frozenset({4242})) is False
    assert same_namespace(root, frozenset()) is None
    (root / "proc/4242").mkdir()
    assert same_namespace(root, frozenset({4242, 4243})) is True


def test_a_number_that_is_taken_here_by_chance_does_not_make_the_others_ours(root):
    (root / "proc/self/ns").mkdir(parents=True)
    (root / "proc/self/ns/pid").symlink_to("pid:[4026532999]")
    (root / "proc/25").mkdir()
    assert same_namespace(root, frozenset({25, 4242, 4243})) is False


def test_memory_held_by_nobody_that_is_seen_means_hidden_processes(stub, door, root):
    (root / "proc/self/ns").mkdir(parents=True)
    (root / "proc/self/ns/pid").symlink_to("pid:[4026532999]")
    stub.write(cards=[card(0, memory_used=8 << 30)])
    gpus = door(stub)
    assert gpus.read().driver.same_namespace is False
    (root / "proc/77").mkdir()
    stub.write(processes=[holds(0, 77, 8 << 30)])
    assert gpus.read().driver.same_namespace is True
