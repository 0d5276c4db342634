"""``stackops gpu`` in its three forms, and what its exit code says where nothing can be told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from stackops.console.commands import session
from stackops.console.model import Gpu, GpuDriver, GpuProcess, Snapshot
from stackops.console.report import gpus
from support import gpu_stage
from support.gpu_stage import GIB

Command = Callable[..., Any]
MISMATCH = gpu_stage.unreadable().gpu_driver
assert MISMATCH is not None


def showing(monkeypatch: pytest.MonkeyPatch, snapshot: Snapshot) -> None:
    monkeypatch.setattr(session.Session, "look", lambda self, **_: snapshot)


def test_every_process_has_its_container_service_server_and_model(stackops: Command) -> None:
    document = json.loads(stackops("gpu", "--json").out)
    assert list(document) == ["schema", "host", "taken_at", "driver", "gpus", "processes", "servers", "faults"]
    told = {p["container"]: tuple(p[n] for n in ("compose_service", "product", "model")) for p in document["processes"]}
    assert told["m3e"] == ("m3e", "m3e-large-api", "m3e-large")
    assert told["vllm"] == ("vllm", "vllm", "Qwen/Qwen1.5-14B-Chat-AWQ")
    assert all(p["pid"] and p["bytes"] for p in document["processes"])


@pytest.mark.parametrize("state", ["two", "one", "sliced", "sixteen"])
def test_processes_and_what_is_unattributed_are_what_is_used(stackops, monkeypatch, state: str) -> None:
    showing(monkeypatch, gpu_stage.STATES[state]())
    document = json.loads(stackops("gpu", "--json").out)
    for gpu in document["gpus"]:
        held = sum(p["bytes"] or 0 for p in document["processes"] if p["gpu"] == gpu["uuid"])
        assert held == gpu["attributed"]
        assert held + gpu["unattributed"] == gpu["memory_used"]


UUIDS = st.sampled_from(["GPU-0", "GPU-1", "GPU-2"])
BYTES = st.one_of(st.none(), st.integers(0, 40 * GIB))
SLICES = st.sampled_from([None, "MIG-0", "MIG-1"])
HOLDERS = st.lists(st.builds(GpuProcess, gpu=UUIDS, pid=st.integers(1, 9), memory=BYTES, instance=SLICES), max_size=12)
CARDS = st.lists(st.builds(Gpu, uuid=UUIDS, memory_used=BYTES, memory_reserved=BYTES, mig=st.booleans()), max_size=3)


@given(cards=CARDS, holders=HOLDERS)
def test_whatever_is_held_by_whom_the_figures_of_the_document_add_up(
    cards: list[Gpu], holders: list[GpuProcess]
) -> None:
    cards = list({card.uuid: card for card in cards}.values())
    document = gpus.document(replace(gpu_stage.none(), gpus=tuple(cards), gpu_processes=tuple(holders)))
    for gpu in document["gpus"]:
        own = [p for p in document["processes"] if p["gpu"] == gpu["uuid"]]
        assert sum(p["bytes"] or 0 for p in own) == gpu["attributed"]
        assert gpu["unknown_sizes"] == sum(p["bytes"] is None for p in own)
        if gpu["memory_used"] is None:
            assert gpu["unattributed"] is None
        else:
            assert gpu["attributed"] + gpu["unattributed"] - gpu["excess"] == gpu["memory_used"]
            assert not (gpu["unattributed"] and gpu["excess"])


def test_a_person_reads_a_table_under_each_gpu(stackops, monkeypatch) -> None:
    showing(monkeypatch, gpu_stage.two())
    answer = stackops("gpu")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "driver   550.90.07, CUDA 12.4"
    assert any(line.startswith("gpu0") and "8.3 GiB of 40.0 GiB used  31.2 GiB free" in line for line in lines)
    row = next(line for line in lines if "5001" in line)
    assert row.split() == [
        "5001", "30.0", "GiB", "vllm", "models/vllm", "vllm", "Qwen/Qwen2.5-14B-Instruct", "23h", "53m",
        "VLLM::EngineCore",
    ]  # fmt: skip
    assert any("ORPHAN: Its parent has ended" in line for line in lines)
    assert any("held back: " in line for line in lines)


def test_plain_says_the_state_first(stackops, monkeypatch) -> None:
    showing(monkeypatch, gpu_stage.two())
    rows = [line.split("\t") for line in stackops("gpu", "--plain").out.splitlines()]
    assert rows[0] == ["ok", "driver", "version=550.90.07", "cards=2"]
    assert [row[:3] for row in rows[1:]] == [
        ["ok", "gpu", "gpu0"], ["holds", "process", "gpu0"], ["holds", "process", "gpu0"],
        ["rest", "unattributed", "gpu0"], ["ok", "gpu", "gpu1"], ["holds", "process", "gpu1"],
        ["orphan", "process", "gpu1"], ["rest", "unattributed", "gpu1"],
    ]  # fmt: skip


def test_no_gpu_at_all_is_no_error(stackops, monkeypatch) -> None:
    for driver in (GpuDriver("no_library", cards=0), GpuDriver("no_library"), GpuDriver("not_loaded", cards=0)):
        showing(monkeypatch, replace(gpu_stage.none(), gpu_driver=driver))
        assert stackops("gpu").code == 0
    showing(monkeypatch, gpu_stage.none())
    assert stackops("gpu").out == "There is no NVIDIA GPU in this machine: model servers here run on the processor\n"
    assert json.loads(stackops("gpu", "--json").out)["gpus"] == []
    assert stackops("gpu", "--plain").out.splitlines()[1].startswith("none\tgpu\tThere is no NVIDIA GPU")


def test_cards_that_cannot_be_read_are_counted_with_the_reason_and_the_remedy(stackops, monkeypatch) -> None:
    showing(monkeypatch, gpu_stage.unreadable())
    answer = stackops("gpu")
    assert answer.code == 3
    assert "cards=2  The NVIDIA kernel module is 550.54.14" in answer.out
    assert "Stop what uses the GPUs" in answer.out
    plain = stackops("gpu", "--plain")
    assert (plain.code, plain.out.split("\t")[:4]) == (3, ["mismatch", "driver", "version=–", "cards=2"])
    document = json.loads(stackops("gpu", "--json").out)
    assert (document["driver"]["cards"], document["driver"]["code"]) == (2, 18)
    assert document["driver"]["remedy"]


@pytest.mark.parametrize(
    ("driver", "cards", "code"),
    [
        (None, (), 3), (GpuDriver("mismatch"), (), 3), (GpuDriver("not_loaded"), (), 3),
        (GpuDriver("stalled", cards=1), (Gpu("GPU-0", health="stale"),), 3), (GpuDriver("ok", cards=1), (), 3),
        (GpuDriver("ok", cards=2), (Gpu("GPU-0", health="lost"), Gpu("GPU-1")), 0), (GpuDriver("ok", cards=0), (), 0),
    ],
)  # fmt: skip
def test_the_exit_code_says_whether_anything_could_be_told(stackops, monkeypatch, driver, cards, code: int) -> None:
    showing(monkeypatch, replace(gpu_stage.none(), gpu_driver=driver, gpus=cards))
    assert stackops("gpu").code == code
    assert stackops("gpu").out.strip()


def test_an_ill_card_says_what_happened_and_what_to_do(stackops, monkeypatch) -> None:
    showing(monkeypatch, gpu_stage.ill())
    out = stackops("gpu").out
    assert "gpu1 LOST" in out
    assert "It has fallen off the bus." in out
    assert "Reboot; if it stays away" in out


def test_figures_that_disagree_are_told_in_every_form() -> None:
    snapshot = replace(gpu_stage.two(), gpus=(gpu_stage.card(0, GIB),), gpu_processes=gpu_stage.HOLDS[:1])
    (gpu,) = gpus.document(snapshot)["gpus"]  # type: ignore[misc]
    assert (gpu["unattributed"], gpu["excess"]) == (0, 5 * GIB)
    assert "5.0 GiB more than is used" in gpu["note"]
    assert any("more than is used" in line[2] for line in gpus.lines(snapshot, 200))
    assert any("more than is used" in fact for facts in gpus.facts(snapshot) for fact in facts)


def test_secrets_of_command_lines_do_not_leave_the_program(stackops, monkeypatch) -> None:
    held = replace(gpu_stage.HOLDS[0], command=("vllm", "--api-key=sk-abcdefghijklmnopqrstuvwxyz"))
    showing(monkeypatch, replace(gpu_stage.two(), gpu_processes=(held,)))
    assert "abcdefghijklmnop" not in stackops("gpu", "--json").out


def test_two_forms_at_once_are_a_usage_error(stackops) -> None:
    assert stackops("gpu", "--json", "--plain").code == 2
