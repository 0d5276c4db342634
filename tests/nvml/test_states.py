"""A driver that cannot be read at all: each reason has its own sentence and its own next step."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from support.nvml import GIB, MISMATCH, NOT_LOADED, card, holds, plug, uuid

INIT = "nvmlInitWithFlags"


def fails(stub, door, code):
    stub.write(errors=[("*", INIT, code)])
    return door(stub).read().driver


@pytest.mark.parametrize(
    ("code", "state", "words", "step"),
    [
        (9, "not_loaded", "module is not loaded", "sudo modprobe nvidia"),
        (18, "mismatch", "upgraded", "rmmod nvidia_uvm"),
        (4, "no_permission", "device files", "ls -l /dev/nvidia*"),
        (17, "no_permission", "cgroup", "DeviceAllow"),
        (12, "no_library", "libnvidia-ml.so.1 cannot be found", "Install the NVIDIA driver"),
        (15, "unknown", "lost its GPUs", "Reboot"),
        (999, "unknown", "error 999", "dmesg"),
        (77, "unknown", "error 77", "dmesg"),
    ],
)
def test_every_reason_has_its_own_sentence_and_next_step(stub, door, code, state, words, step):
    told = fails(stub, door, code)
    assert (told.state, told.code) == (state, code)
    assert words in told.sentence
    assert step in told.remedy


def test_no_two_reasons_share_their_words(stub, door):
    sentences = [fails(stub, door, code).sentence for code in (4, 9, 12, 15, 17, 18, 999)]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("code", [9, 12, 17, 999])
def test_inside_a_container_it_is_the_container_that_lacks_something(stub, door, root, code):
    outside = fails(stub, door, code).remedy
    (root / ".dockerenv").touch()
    (root / "proc/driver/nvidia").mkdir(parents=True)
    inside = fails(stub, door, code)
    assert "container" in inside.sentence + inside.remedy
    assert inside.remedy != outside


def test_nouveau_is_named_where_it_holds_the_card(stub, door, root):
    plug(root, driver="nouveau")
    told = fails(stub, door, NOT_LOADED)
    assert "nouveau" in told.sentence
    assert "blacklist nouveau" in told.remedy


def test_a_loaded_module_is_not_said_to_be_missing(stub, door, root):
    (root / "sys/module/nvidia").mkdir(parents=True)
    (root / "sys/module/nvidia/version").write_text("550.54.15\n")
    told = fails(stub, door, NOT_LOADED)
    assert (told.module, told.state) == ("550.54.15", "not_loaded")
    assert "is loaded, but" in told.sentence
    assert "modprobe nvidia;" not in told.remedy


def test_a_card_without_a_library_wants_its_driver_installed(door, root, tmp_path):
    plug(root)
    (tmp_path / "libnvidia-ml.so.1").write_text("no library")
    told = door(environ={"LD_LIBRARY_PATH": str(tmp_path)}).read()
    assert (told.driver.state, told.driver.code, told.driver.cards, told.gpus) == ("no_library", 12, 1, ())
    assert "no NVIDIA driver" in told.driver.sentence


def test_both_versions_are_named_when_module_and_library_differ(stub, door, root):
    (root / "proc/driver/nvidia").mkdir(parents=True)
    (root / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: ...\n"
    )
    stub.write(nvml="12.570.133.07")
    told = fails(stub, door, MISMATCH)
    assert told.module == "550.54.15"
    assert "module 550.54.15, library 570.133.07" in told.sentence


def test_a_mismatch_ends_by_itself_once_the_module_was_reloaded(stub, door, clock):
    stub.write(cards=[card(0, memory_used=GIB)], processes=[holds(0, 5, GIB)])
    gpus = door(stub)
    gpus.read()
    stub.write(sticky=1, errors=[("*", INIT, MISMATCH), ("*", "nvmlDeviceGetCount_v2", MISMATCH)])
    told = gpus.read()
    assert told.driver.state == "mismatch"
    assert [(gpu.uuid, gpu.health, gpu.memory_used) for gpu in told.gpus] == [(uuid(0), "stale", GIB)]
    assert told.gpus[0].trouble == told.driver.sentence
    assert [process.pid for process in told.processes] == [5]
    stub.write(errors=[])
    assert gpus.read().driver.state == "mismatch"  # not asked again so soon
    clock.advance(3)
    told = gpus.read()
    assert (told.driver.state, told.gpus[0].health, told.gpus[0].trouble) == ("ok", "ok", None)


def test_a_library_replaced_under_a_running_child_is_taken_up_by_a_new_one(stub, door, clock, tmp_path):
    library = tmp_path / "driver"
    shutil.copytree(stub.library, library)
    gpus = door(environ=stub.environment | {"LD_LIBRARY_PATH": str(library)})
    gpus.read()
    first = gpus._child.pid
    shutil.copy(library / "libnvidia-ml.so.1", library / "new")
    os.replace(library / "new", library / "libnvidia-ml.so.1")  # noqa: PTH105
    assert gpus.read().driver.state == "ok"
    stub.write(errors=[("*", INIT, MISMATCH)])
    assert gpus.read().driver.state == "mismatch"
    stub.write(errors=[])
    clock.advance(2)
    assert gpus.read().driver.state == "ok"
    assert gpus._child.pid != first


def test_an_unloaded_module_takes_the_processes_with_it(stub, door):
    stub.write(processes=[holds(0, 5, GIB)])
    gpus = door(stub)
    gpus.read()
    stub.write(errors=[("*", "nvmlDeviceGetCount_v2", NOT_LOADED)])
    told = gpus.read()
    assert (told.driver.state, told.processes) == ("not_loaded", ())
    assert told.gpus[0].health == "stale"


def test_a_library_that_crashes_costs_one_child_and_no_console(stub, door, clock):
    gpus = door(stub)
    gpus.read()
    stub.write(crashes=[(0, "nvmlDeviceGetPowerUsage", 11)])
    told = gpus.read()
    assert told.driver.state == "crashed"
    assert "signal 11" in told.driver.sentence
    assert told.gpus[0].health == "stale"
    stub.write(crashes=[])
    clock.advance(2)
    assert gpus.read().driver.state == "ok"


def test_a_child_that_somebody_ended_is_replaced_without_a_word(stub, door):
    gpus = door(stub)
    gpus.read()
    gpus._child._process.kill()
    gpus._child._process.wait()
    told = gpus.read()
    assert (told.driver.state, told.gpus[0].health) == ("ok", "ok")


def test_a_failing_driver_is_asked_less_and_less_often(stub, door, root, clock, tmp_path):
    plug(root)
    noted = tmp_path / "calls"
    stub.write(errors=[("*", INIT, 999)], calls=noted)
    gpus = door(stub)
    for _ in range(100):
        gpus.read()
        clock.advance(1)
    attempts = noted.read_text().count(INIT)
    assert 6 <= attempts <= 8  # after 1, 2, 5, 10, 30, 30 seconds


def test_a_library_without_a_card_is_asked_once_a_minute(stub, door, clock, tmp_path):
    noted = tmp_path / "calls"
    stub.write(errors=[("*", INIT, NOT_LOADED)], calls=noted)
    gpus = door(stub)
    for _ in range(100):
        gpus.read()
        clock.advance(1)
    assert noted.read_text().count(INIT) == 2


def test_a_console_without_the_binding_says_what_to_install(stub, door, monkeypatch):
    from stackops.console.hosts.local.gpus import local

    real = local._command()
    monkeypatch.setattr(local, "_command", lambda: [*real[:-1], "/nowhere"])
    told = door(stub).read().driver
    assert (told.state, told.code) == ("unknown", None)
    assert "nvidia-ml-py" in told.sentence


def test_a_python_that_cannot_be_started_is_a_state_and_no_exception(stub, door, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    told = door(stub).read().driver
    assert told.state == "crashed"
    assert "No such file" in told.sentence


def test_a_package_that_wraps_the_binding_is_not_asked(monkeypatch):
    """The distribution called pynvml hooks the import and prints a FutureWarning over whatever is on the screen."""
    from stackops.console.hosts.local.gpus import local

    class Hook:
        @staticmethod
        def find_spec(name, path=None, target=None):
            assert name != "pynvml"

    monkeypatch.setattr("sys.meta_path", [Hook(), *sys.meta_path])
    command = local._command()
    assert command[1:5] == ["-I", "-S", "-W", "ignore"]
    assert (Path(command[-1]) / "pynvml.py").exists()
