"""What the checks of GPUs say beyond form and steps: names, versions, commands, and no odd machine breaks them."""

from __future__ import annotations

import typing

import pytest
from examples import examples_of
from examples.container.common import app
from examples.gpu.machines import ALL, box, count, gpu, holds, ids, machine
from examples.snapshots import NOW, STARTED, container_id
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from stackops.checks.gpu import driver, lost_in_container, memory_full, orphan, shared_device, toolkit
from stackops.checks.host import sizing
from stackops.checks.server import too_old_card
from stackops.console import model
from stackops.console.fix.acts.editing import apply_all
from stackops.console.fix.steps import ComposeUp, EditFile, PinGpus, RestartContainer, SetServiceKeys, UnloadModel
from stackops.console.settings import CheckSettings, Settings

SETTINGS = Settings()
MINE = (driver, toolkit, lost_in_container, shared_device, memory_full, orphan, sizing)


def found(check, name):
    """Result and plan of one example."""
    snapshot = next(one.snapshot for one in examples_of(check.CHECK) if one.name == name)
    (result,) = check.CHECK.examine(snapshot, SETTINGS)
    return result, check.CHECK.plan(result, snapshot, SETTINGS, {})


def test_a_mismatch_names_both_versions_and_the_containers_to_stop():
    snapshot = machine(
        box("vllm", "vllm/vllm-openai", ALL),
        driver=model.GpuDriver("mismatch", version="550.90.07", module="550.54.14", cards=1),
    )
    (result,) = driver.CHECK.examine(snapshot, SETTINGS)
    assert "550.54.14" in result.title
    assert "550.90.07" in result.title
    says = driver.CHECK.plan(result, snapshot, SETTINGS, {}).says
    assert "docker stop vllm" in says[0]
    assert says[1:3] == ("sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia", "sudo modprobe nvidia")
    assert says[-1].endswith("docker start vllm")


def test_a_lost_card_does_not_hide_the_others_and_the_driver():
    snapshot = machine(gpus=(gpu(0, health="lost"), gpu(1), gpu(2, health="reset_required")))
    results = list(driver.CHECK.examine(snapshot, SETTINGS))
    assert [(one.subject, one.form) for one in results] == [("GPU 0", "gpu-lost"), ("GPU 2", "reset-required")]
    plan = driver.CHECK.plan(results[1], snapshot, SETTINGS, {})
    assert "sudo nvidia-smi --gpu-reset -i 2" in plan.says


def test_a_name_in_a_command_is_quoted():
    snapshot = machine(
        box("a; reboot", "vllm/vllm-openai", ALL), driver=model.GpuDriver("mismatch", module="1", cards=1)
    )
    (result,) = driver.CHECK.examine(snapshot, SETTINGS)
    assert "docker stop 'a; reboot'" in driver.CHECK.plan(result, snapshot, SETTINGS, {}).says[0]


def test_each_reason_of_the_engine_has_its_own_next_step():
    texts = {}
    for example in examples_of(toolkit.CHECK):
        if example.status == "finding":
            result, plan = found(toolkit, example.name)
            texts.setdefault(result.form, set()).add((result.title.replace("models/", ""), plan.says[:-1]))
    assert len(texts) == 14
    firsts = [next(iter(pairs))[1] for form, pairs in texts.items() if form != "runtime-missing"]
    assert len(set(firsts)) == len(firsts)
    result, plan = found(toolkit, "uses an image that is too new")
    assert "CUDA 12.8" in result.title
    assert "up to 12.4" in result.because
    result, plan = found(toolkit, "names a card that is not there")
    assert "GPU 7" in result.title
    assert "GPU 1 = GPU-1000-aaaa" in plan.says[0]


def test_a_lost_gpu_is_given_back_by_a_restart_that_may_uncover_the_cause():
    _, plan = found(lost_in_container, "reloaded systemd's units under a running Ollama")
    assert plan.steps == (RestartContainer(container=container_id("ollama"), name="ollama"),)
    assert plan.uncovers == ("predictable",)
    assert any("native.cgroupdriver=cgroupfs" in line for line in plan.says)
    assert any("create-dev-char-symlinks" in line for line in plan.says)


def test_the_service_that_came_later_is_given_the_idle_card():
    _, plan = found(shared_device, "wrote count: 1 for both")
    edit, up = plan.steps
    assert isinstance(edit, EditFile)
    assert (edit.path, edit.create, edit.edits) == (
        "/srv/models/docker-compose.override.yml", True, (PinGpus("vllm", ("1",), ("gpu",)),),
    )  # fmt: skip
    assert isinstance(up, ComposeUp)
    assert up.files == ("/srv/models/docker-compose.yml", "/srv/models/docker-compose.override.yml")
    once = apply_all(None, edit.edits, edit.path)
    assert apply_all(once, edit.edits, edit.path) == once


def test_a_card_of_the_runtime_is_a_variable():
    _, plan = found(shared_device, "gave the same full card to both through the runtime")
    assert plan.steps[0].edits == (SetServiceKeys("vllm", environment=(("NVIDIA_VISIBLE_DEVICES", "1"),)),)


def test_an_old_compose_is_told_the_exact_text_without_the_tag_that_it_does_not_know():
    _, plan = found(shared_device, "made both with an old Compose")
    text = next(line for line in plan.says if "device_ids" in line)
    assert "!override" not in text
    assert '              device_ids: ["1"]' in text.splitlines()


def test_each_of_three_on_one_card_gets_one_of_two_idle_cards():
    made = [box(name, "x/tei", count(1), started_at=STARTED + n) for n, name in enumerate("abc")]
    snapshot = machine(*made, gpus=(gpu(0, 9), gpu(1), gpu(2)))
    results = [one for one in shared_device.CHECK.examine(snapshot, SETTINGS) if one.status == "finding"]
    assert [one.subject for one in results] == ["b", "c"]
    plans = [shared_device.CHECK.plan(one, snapshot, SETTINGS, {}) for one in results]
    assert [plan.steps[0].edits[0].ids for plan in plans] == [("1",), ("2",)]


def test_the_culprit_is_named_with_its_model_and_its_process():
    result, plan = found(memory_full, "knows which of Ollama's models sits there")
    assert "ollama holds 18.0 GiB of 24.0 GiB" in result.title
    assert "model qwen2:7b (process 4711)" in next(row.value for row in result.evidence if row.label == "held")
    assert plan.steps == (UnloadModel(address="http://127.0.0.1:11434", model="qwen2:7b", name="ollama"),)
    assert plan.safety == "disruptive"


def test_a_vllm_that_takes_its_share_is_called_no_fault():
    result, plan = found(memory_full, "started a second vLLM on the card of the first")
    assert "which is no fault" in result.because
    assert "Start vllm with a smaller share: --gpu-memory-utilization 0.6" in plan.says
    assert any("--gpu-memory-utilization 0.37" in line for line in plan.says), "9.40 of 23.64 GiB, less a little"


def test_the_longest_context_is_the_one_that_vllm_reckoned():
    _, plan = found(memory_full, "wants a longer context than the card has room for")
    assert plan.says[0] == "Start it with a shorter context: --max-model-len 9824"


def test_a_number_in_the_log_counts_the_cards_inside_the_container():
    result, _ = found(memory_full, "sees its one card as card 0 inside")
    assert "on GPU 1" in result.title


def test_a_process_that_is_named_in_the_log_tells_the_card():
    result, _ = found(memory_full, "was told the process that holds the memory")
    assert "on GPU 1: vllm holds 20.0 GiB" in result.title


@pytest.mark.parametrize("idle", [0, 1])
def test_an_idle_card_is_offered(idle):
    full = 1 - idle
    snapshot = machine(
        box("m3e", "stawky/m3e-large-api", ids(str(full))), at=NOW - 60,
        gpus=tuple(gpu(number, 23.8 if number == full else 0) for number in (0, 1)),
        marks=(("gpu.oom.torch", "CUDA out of memory. Tried to allocate 2.00 GiB"),),
        gpu_processes=(holds(full, None, 20),),
    )  # fmt: skip
    (result,) = memory_full.CHECK.examine(snapshot, SETTINGS)
    plan = memory_full.CHECK.plan(result, snapshot, SETTINGS, {})
    assert any(f'device_ids: ["{idle}"]' in line for line in plan.says)


def test_an_orphan_is_named_and_never_ended_by_a_step():
    result, plan = found(orphan, "removed a vLLM by force")
    assert result.subject == "process 4711"
    assert not plan.steps
    assert "End it: sudo kill 4711" in plan.says
    _, plan = found(orphan, "has a zombie outside of containers")
    assert not any("kill 4711" in line for line in plan.says)
    assert any("sudo kill 4700" in line for line in plan.says)


@pytest.mark.parametrize(("vectors", "status"), [(None, "ok"), (0, "ok"), (900_000, "finding"), (9_000_000, "finding")])
def test_the_number_of_vectors_decides_what_fastgpt_needs(vectors, status):
    snapshot = next(one.snapshot for one in examples_of(sizing.CHECK) if one.name == "runs FastGPT on a VPS with 4 GB")
    (result,) = sizing.CHECK.examine(snapshot, Settings(checks=CheckSettings(vectors=vectors)))
    assert (result.status, result.severity) == (status, "info" if status == "finding" else None)


def maybe(strategy):
    return st.none() | strategy


names = st.text(max_size=8) | st.sampled_from(["0", "1", "all", "GPU-0000-aaaa", "nvidia.com/gpu=0", "MIG-1"])
requests = st.builds(
    model.DeviceRequest,
    driver=st.sampled_from(["", "nvidia", "cdi", "x"]),
    count=maybe(st.integers(-2, 4)),
    ids=st.lists(names, max_size=2).map(tuple),
    capabilities=st.sampled_from([(), ("gpu",)]),
)
sizes = maybe(st.integers(0, 1 << 40))
boxes = st.builds(
    model.Container,
    id=st.sampled_from([container_id("a"), container_id("b")]),
    name=st.text(max_size=8),
    image=st.sampled_from(["ollama/ollama", "vllm/vllm-openai", "", "coldsnap/baichuan2-7b-chat"]),
    state=st.sampled_from(typing.get_args(model.ContainerState)),
    started_at=maybe(st.floats(NOW - 9e4, NOW)),
    finished_at=maybe(st.floats(NOW - 9e4, NOW)),
    exit_code=maybe(st.integers(0, 255)),
    restart_count=maybe(st.integers(0, 9)),
    oom_killed=maybe(st.booleans()),
    memory_limit=sizes,
    error=maybe(
        st.sampled_from(["nvidia-container-cli: x", 'could not select device driver "" with capabilities', ""])
    ),
    device_requests=st.lists(requests, max_size=2).map(tuple),
    runtime=maybe(st.sampled_from(["nvidia", "runc"])),
    env=st.lists(st.builds(model.EnvVar, st.just("NVIDIA_VISIBLE_DEVICES"), names), max_size=1).map(tuple),
    devices=st.lists(st.sampled_from(["/dev/nvidia0", "/dev/nvidiactl", "/dev/x"]), max_size=2).map(tuple),
    project=maybe(st.just("p")),
    service=maybe(st.just("s")),
)
gpus = st.builds(
    model.Gpu,
    uuid=st.sampled_from(["GPU-0000-aaaa", "GPU-1000-aaaa", "index:3"]),
    index=maybe(st.integers(0, 3)),
    memory_total=sizes,
    memory_used=sizes,
    memory_free=sizes,
    mig=maybe(st.booleans()),
    health=st.sampled_from(typing.get_args(model.GpuHealth)),
)
processes = st.builds(
    model.GpuProcess,
    gpu=st.sampled_from(["GPU-0000-aaaa", "GPU-1000-aaaa", "GPU-x"]),
    pid=st.integers(1, 9),
    memory=sizes,
    name=maybe(st.text(max_size=5)),
    container=maybe(st.sampled_from([container_id("a"), "f" * 64])),
    server=maybe(st.just("ollama:11434")),
    orphan=maybe(st.sampled_from(["It has ended and stays as a zombie", "gone"])),
)
drivers = st.builds(
    model.GpuDriver,
    state=st.sampled_from(
        ["ok", "no_library", "not_loaded", "mismatch", "no_permission", "stalled", "crashed", "unknown"]
    ),
    version=maybe(st.just("550")),
    module=maybe(st.just("550")),
    cards=maybe(st.integers(0, 3)),
    code=maybe(st.sampled_from([4, 9, 15, 999])),
)
marks = st.builds(
    model.LogMark,
    container=st.just(container_id("a")),
    mark=st.sampled_from(["gpu.oom.torch", "gpu.oom.vllm-start", "gpu.lost.nvml-unknown", "model.ready",
                          "gpu.oom.vllm-length"]),
    text=st.sampled_from(["", "CUDA out of memory. Tried to allocate 1.25 GiB. GPU 9 has a total capacity of 2 GiB",
                          "on device cuda:0 (0/0 GiB) on startup", "Process 3 has 2.00 GiB memory in use"]),
    at=maybe(st.floats(NOW - 9e4, NOW)),
)  # fmt: skip
server = model.Server(
    "ollama:11434", "ollama", "http://x", "up", container=container_id("a"), loaded=(model.LoadedModel("m"),)
)


@settings(max_examples=300)
@given(
    made=st.lists(boxes, max_size=2, unique_by=lambda box: box.id),
    cards=st.lists(gpus, max_size=2, unique_by=lambda card: card.uuid),
    held=st.lists(processes, max_size=3).map(tuple),
    told=maybe(drivers),
    said=st.lists(marks, max_size=3).map(tuple),
    engine=maybe(st.builds(model.EngineInfo, st.just("27"), st.just("1.46"), st.just("u"), st.booleans(),
                           cgroup_driver=maybe(st.sampled_from(["systemd", "cgroupfs"])),
                           runtimes=maybe(st.sampled_from([(), ("nvidia",)])))),
    rule=maybe(st.booleans()),
    total=sizes,
)  # fmt: skip
def test_no_machine_however_odd_breaks_a_check_of_gpus(made, cards, held, told, said, engine, rule, total):
    snapshot = replace(
        machine(*made, gpus=tuple(cards), driver=told, engine=engine), gpu_processes=held, log_marks=said,
        servers=(server,), device_rules=tuple(model.DeviceRules(one.id, "/run/x", rule) for one in made),
        gpu_programs=(), system=model.System(NOW, memory_total=total, disks=(model.Disk("/", "root", total),)),
    )  # fmt: skip
    for module in MINE:
        for result in module.CHECK.examine(snapshot, SETTINGS):
            assert (result.severity is not None) == (result.status == "finding")
            if result.status == "finding":
                assert result.evidence
                assert result.fix is not None
                assert module.CHECK.plan(result, snapshot, SETTINGS, {}).says


BF16 = (
    "Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your {} GPU has compute capability 7.5"
)
FP8 = "The quantization method fp8 is not supported for the current GPU. Minimum capability: 89. Current capability: 80"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (BF16.format("Tesla T4"), ("Tesla T4, 7.5", "--dtype=half", "8.0")),
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update",
         ("CUDA 11.4", "Update the NVIDIA driver")),
        ("Could not start backend: Runtime compute cap 120 is not compatible with compile time compute cap 80",
         ("12.0", "8.0", "120-", "cpu-")),
        ("Could not start backend: Runtime compute cap 52 is not compatible with compile time compute cap 75",
         ("5.2", "7.5", "too old", "cpu-")),
        (FP8, ("8.9", "8.0", "quantisation")),
    ],
)  # fmt: skip
def test_what_is_too_old_is_named_with_the_way_out(line, words):
    snapshot = app(lines=(line, "exit"), state="restarting", restart_count=20, exit_code=1)
    (result,) = too_old_card.CHECK.examine(snapshot, SETTINGS)
    plan = too_old_card.CHECK.plan(result, snapshot, SETTINGS, {})
    told = " ".join((result.title, result.because, *plan.says))
    assert [word for word in words if word not in told] == []
